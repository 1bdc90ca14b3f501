"""The board: shared between processes, never torn, and not worth a repair."""

from __future__ import annotations

import logging
import os
import pickle
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import diskcache
import pytest
from diskcache.core import MODE_PICKLE, MODE_TEXT

from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus
from dashboard.errors import CorruptStoreError
from dashboard.live.board import DiskcacheBoard
from dashboard.live.disk import MAX_VALUE, SafeDisk
from tests.live.states import assert_equal_states, live_state

STATUS = FeedStatus(FeedMode.SIMULATED, FeedState.LIVE, heartbeat_ns=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data" / "live"


@pytest.fixture
def board(folder: Path) -> Iterator[DiskcacheBoard]:
    board = DiskcacheBoard(folder, timeout_s=0.2)
    yield board
    board.close()


@pytest.fixture
def other(folder: Path) -> Iterator[DiskcacheBoard]:
    """The same board as another process has it."""
    board = DiskcacheBoard(folder, timeout_s=0.2)
    yield board
    board.close()


def edit(folder: Path, sql: str, *values: object) -> None:
    """Change the database by hand."""
    with sqlite3.connect(folder / "cache.db") as db:
        assert db.execute(sql, values).rowcount == 1
    db.close()


# ------------------------------------------------------------------------------ the port


def test_a_board_that_nobody_published_to_has_no_data_and_makes_no_folder(
    board: DiskcacheBoard, folder: Path
) -> None:
    assert board.read("SIM:NIFTY") is None
    assert board.read_status() is None
    assert board.version() == 0
    assert not folder.exists()


def test_what_one_publishes_the_other_reads(board: DiskcacheBoard, other: DiskcacheBoard) -> None:
    first, second = live_state("SIM:NIFTY", 8), live_state("SIM:BANKNIFTY", 8, levels=2)
    board.publish([first, second])
    for symbol, state in (("SIM:NIFTY", first), ("SIM:BANKNIFTY", second)):
        read = other.read(symbol)
        assert read is not None
        assert_equal_states(read, state)
    assert other.version() == 8
    assert other.read("SIM:FINNIFTY") is None


def test_the_version_never_falls(board: DiskcacheBoard) -> None:
    board.publish([live_state(version=9)])
    board.publish([live_state(version=4)])
    assert board.version() == 9


def test_a_status_leaves_the_version_alone(board: DiskcacheBoard, other: DiskcacheBoard) -> None:
    board.publish([live_state(version=3)])
    board.publish_status(STATUS)
    assert other.read_status() == STATUS
    assert other.version() == 3


def test_nothing_to_publish_is_no_publish(board: DiskcacheBoard, folder: Path) -> None:
    board.publish([])
    assert not folder.exists()


def test_a_large_minute_stays_inside_the_database(board: DiskcacheBoard, folder: Path) -> None:
    board.publish([live_state(levels=4_000)])
    read = board.read("SIM:NIFTY")
    assert read is not None
    assert_equal_states(read, live_state(levels=4_000))
    assert {path.name.split("-")[0] for path in folder.iterdir()} == {"cache.db"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_only_the_owner_may_enter_the_folder(board: DiskcacheBoard, folder: Path) -> None:
    board.publish([live_state()])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    board.close()
    folder.chmod(0o755)
    board.publish([live_state(version=6)])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_readers_never_see_half_a_publish(board: DiskcacheBoard, other: DiskcacheBoard) -> None:
    symbols = ["A", "B", "C"]
    board.publish([live_state(symbol, 1, levels=1) for symbol in symbols])
    done = threading.Event()
    torn: list[str] = []

    def read() -> None:
        newest = 0
        while not done.is_set():
            version = other.version()
            states = [other.read(symbol) for symbol in symbols]
            if any(s is None or s.version < max(version, newest) for s in states):
                torn.append(f"{version}: {[s and s.version for s in states]}")
            newest = version
        other.close()

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(2, 150):
        board.publish([live_state(symbol, version, levels=version % 7) for symbol in symbols])
    done.set()
    reader.join()
    assert not torn


# ------------------------------------------------------------------------------ hostile rows


class Payload:
    """Unpickling this runs a command."""

    def __init__(self, proof: Path) -> None:
        self.proof = proof

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"echo run > {self.proof}",)


@pytest.mark.parametrize("key", ["state:SIM:NIFTY", "version", "status"])
def test_a_pickled_row_does_not_run(
    board: DiskcacheBoard, other: DiskcacheBoard, folder: Path, tmp_path: Path, key: str
) -> None:
    proof = tmp_path / "proof"
    bomb = pickle.dumps(Payload(proof))
    board.publish([live_state(version=3)])
    board.publish_status(STATUS)
    board.close()
    edit(folder, "UPDATE Cache SET mode = ?, value = ? WHERE key = ?", MODE_PICKLE, bomb, key)
    # The bomb is live: diskcache's own class would set it off.
    with diskcache.Cache(str(folder)) as cache:
        cache.get(key)
    assert proof.exists()
    proof.unlink()

    assert (other.read("SIM:NIFTY") is None) == (key == "state:SIM:NIFTY")
    assert other.version() == (0 if key == "version" else 3)
    assert (other.read_status() is None) == (key == "status")
    assert not proof.exists()
    # The next publish heals the row.
    board.publish([live_state(version=4)])
    board.publish_status(STATUS)
    assert other.read("SIM:NIFTY") is not None
    assert (other.version(), other.read_status()) == (4, STATUS)
    assert not proof.exists()


def test_a_row_that_names_a_file_neither_reads_nor_deletes_it(
    board: DiskcacheBoard, folder: Path, tmp_path: Path
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("data")
    board.publish([live_state(version=3)])
    board.close()
    edit(
        folder,
        "UPDATE Cache SET mode = ?, filename = ?, value = NULL WHERE key = 'state:SIM:NIFTY'",
        MODE_TEXT,
        str(precious),
    )
    assert board.read("SIM:NIFTY") is None
    # diskcache removes the file that an overwritten row named.
    board.publish([live_state(version=4)])
    assert precious.read_text() == "data"
    assert board.read("SIM:NIFTY") is not None


def test_bytes_that_are_no_state_are_no_data(
    board: DiskcacheBoard, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board.publish([live_state()])
    board.close()
    edit(folder, "UPDATE Cache SET value = x'00' WHERE key = 'state:SIM:NIFTY'")
    with caplog.at_level(logging.WARNING):
        assert board.read("SIM:NIFTY") is None
        assert board.read("SIM:NIFTY") is None
    assert len(caplog.records) == 1


def test_safe_disk_takes_bytes_under_text_keys_only(tmp_path: Path) -> None:
    disk = SafeDisk(str(tmp_path))
    with pytest.raises(TypeError, match="keys are text"):
        disk.put(b"key")
    for value in ("text", 1, 1.5, None, bytearray(b"x"), [b"x"]):
        with pytest.raises(TypeError, match="values are bytes"):
            disk.store(value, read=False)
    with pytest.raises(TypeError, match="values are bytes"):
        disk.store(b"a file", read=True)
    with pytest.raises(ValueError, match="more than a value may have"):
        disk.store(bytes(MAX_VALUE + 1), read=False)
    with pytest.raises(TypeError, match="never go to files"):
        disk.filename()
    for key, raw in ((b"pickled", False), (b"bytes", True), (5, True)):
        with pytest.raises(CorruptStoreError):
            disk.get(key, raw)
    assert disk.get("key", raw=True) == "key"


# ------------------------------------------------------------------------------ loss and damage


def test_a_deleted_folder_is_made_anew_by_the_next_publish(
    board: DiskcacheBoard, other: DiskcacheBoard, folder: Path
) -> None:
    board.publish([live_state(version=3)])
    assert other.version() == 3
    shutil.rmtree(folder)
    assert other.read("SIM:NIFTY") is None
    assert other.version() == 0
    assert not folder.exists(), "reading makes nothing"
    board.publish([live_state(version=4)])
    assert other.version() == 4
    assert other.read("SIM:NIFTY") is not None


@pytest.mark.parametrize("damage", ["garbage", "empty", "half", "no tables"])
def test_a_damaged_database_is_no_data_until_the_next_publish(
    board: DiskcacheBoard, other: DiskcacheBoard, folder: Path, damage: str
) -> None:
    for version in (3, 4, 5):
        board.publish([live_state(version=version, levels=500)])
    board.close()
    database = folder / "cache.db"
    whole = database.read_bytes()
    if damage == "no tables":
        edit(folder, "DELETE FROM Settings WHERE key = 'count'")
        with sqlite3.connect(database) as db:
            db.execute("DROP TABLE Cache")
        db.close()
    else:
        for side in ("-wal", "-shm"):
            database.with_name(database.name + side).unlink(missing_ok=True)
        parts = {"garbage": b"no database " * 5_000, "empty": b"", "half": whole[:8_000]}
        database.write_bytes(parts[damage])
    assert other.read("SIM:NIFTY") is None
    assert other.version() == 0
    board.publish([live_state(version=6)])
    assert board.version() == 6
    assert other.version() == 6
    assert other.read("SIM:NIFTY") is not None


def test_a_board_damaged_while_open_heals(
    board: DiskcacheBoard, other: DiskcacheBoard, folder: Path
) -> None:
    board.publish([live_state(version=3, levels=800)])
    assert other.read("SIM:NIFTY") is not None
    with (folder / "cache.db").open("r+b") as file:
        file.truncate(5_000)
    (folder / "cache.db-wal").write_bytes(b"?" * 9_000)
    other.read("SIM:NIFTY")
    for version in (4, 5, 6):
        board.publish([live_state(version=version)])
    assert other.version() == 6
    read = other.read("SIM:NIFTY")
    assert read is not None
    assert read.version == 6


def test_a_locked_board_costs_a_publish_its_timeout_and_nothing_else(
    board: DiskcacheBoard, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    board.publish([live_state(version=3)])
    blocker = sqlite3.connect(folder / "cache.db", isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with caplog.at_level(logging.WARNING):
        board.publish([live_state(version=4)])
        board.publish([live_state(version=5)])
    assert board.version() == 3, "readers go on with the last state"
    assert len(caplog.records) == 1
    late = DiskcacheBoard(folder, timeout_s=0.1)
    assert late.version() == 0, "who comes late has no data rather than a minute to wait"
    blocker.execute("ROLLBACK")
    blocker.close()
    board.publish([live_state(version=6)])
    assert board.version() == late.version() == 6
    late.close()


def test_a_folder_that_cannot_be_made_is_reported_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way")
    board = DiskcacheBoard(tmp_path / "file" / "live")
    with caplog.at_level(logging.WARNING):
        for version in (1, 2, 3):
            board.publish([live_state(version=version)])
    assert board.version() == 0
    assert len(caplog.records) == 1


WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from dashboard.errors import CorruptStoreError
from dashboard.live.board import DiskcacheBoard
from tests.live.states import live_state
board = DiskcacheBoard(Path(sys.argv[1]))
state = live_state()
for version in range(1, 400):
    board.publish([replace(state, version=version, trade_seq=version)])
"""


def test_another_process_reads_only_whole_and_rising_states(folder: Path, root: Path) -> None:
    board = DiskcacheBoard(folder)
    command = [sys.executable, "-c", WRITER, str(folder)]
    seen = [0]
    with subprocess.Popen(command, cwd=root) as writer:
        while writer.poll() is None:
            state = board.read("SIM:NIFTY")
            if state is not None:
                assert state.trade_seq == state.version
                seen.append(state.version)
    assert writer.returncode == 0
    assert seen == sorted(seen)
    last = board.read("SIM:NIFTY")
    assert last is not None
    assert_equal_states(last, replace(live_state(), version=399, trade_seq=399))
    board.close()
