from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.storage import header
from dashboard.storage.header import read_start
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import StoreKind, identify
from tests.storage.samples import BTC, batch, make_trades

CLOSING = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("UPDATE counters SET value = value + 1")
db.commit()
db.close()
"""


def test_the_start_of_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"0123456789")
    assert read_start(path, 4) == b"0123"
    path.write_bytes(b"abc")
    assert read_start(path, 4) == b"abc"
    (tmp_path / "g").write_bytes(b"another file")
    (tmp_path / "g").replace(path)
    assert read_start(path, 7) == b"another"
    with pytest.raises(FileNotFoundError):
        read_start(tmp_path / "none", 4)


@pytest.mark.skipif(os.name == "nt", reason="files stay open on POSIX only")
def test_no_more_files_stay_open_than_are_needed(tmp_path: Path) -> None:
    for number in range(3 * header._HELD):
        path = tmp_path / str(number)
        path.write_bytes(b"x")
        read_start(path, 1)
    assert len(header._descriptors) == header._HELD


@pytest.mark.skipif(os.name == "nt", reason="POSIX's rule about locks")
def test_asking_what_a_file_is_leaves_the_locks_of_whoever_has_it_open(tmp_path: Path) -> None:
    """Else another program that closes the store deletes the log that is being written."""
    path = tmp_path / "s.db"
    recorder = SqliteRecorder(path, durable=False)
    recorder.add_instrument(BTC)
    recorder.record([batch(make_trades(50))])
    assert identify(path) is StoreKind.OURS
    log = path.with_name("s.db-wal")
    before = log.stat().st_ino
    subprocess.run([sys.executable, "-c", CLOSING, str(path)], check=True)
    assert log.stat().st_ino == before
    recorder.record([batch(make_trades(50, first_seq=51), version=2)])
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT count(*) FROM trades").fetchone() == (100,)
    recorder.close()
