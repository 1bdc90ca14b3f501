from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.errors import ForeignStoreError, NewerStoreError, StoreLockedError
from dashboard.storage import connection, health
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.health import (
    StoreFacts,
    examine,
    find_damage,
    find_network,
    find_sync,
    probe_disk,
    read_facts,
)
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import MIGRATIONS, StoreKind, identify, prepare_store
from tests.storage.samples import BTC, DAY, batch, make_trades, minutes

PAGE = 8192


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a closed store of three sessions, several hundred pages long."""
    path = tmp_path / "s.db"
    recorder = SqliteRecorder(path, durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(30_000, step=DAY // 10_000)
    recorder.record([batch(trades, minutes(trades))])
    recorder.close()
    assert path.stat().st_size > 300 * PAGE
    return path


def overwrite(path: Path, start: int, content: bytes) -> None:
    with path.open("rb+") as stream:
        stream.seek(start)
        stream.write(content)


def middle(path: Path) -> None:
    size = path.stat().st_size
    overwrite(path, size // 2 // PAGE * PAGE, b"\xa5" * 40 * PAGE)


def end(path: Path) -> None:
    overwrite(path, path.stat().st_size - 3 * PAGE, b"\xff" * 3 * PAGE)


def cut(path: Path) -> None:
    with path.open("rb+") as stream:
        stream.truncate(path.stat().st_size // 2)


def header(path: Path) -> None:
    overwrite(path, 0, b"\0" * 100)


def garbled(path: Path) -> None:
    overwrite(path, 0, b"\x93" * 100)


def first_page(path: Path) -> None:
    overwrite(path, 0, b"\0" * PAGE)


DAMAGES = [middle, end, cut, header, garbled, first_page]


def execute(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute(statement)
        db.commit()


# ------------------------------------------------------------------------------- damage


def test_a_whole_store_and_a_missing_one_have_no_damage(store: Path, tmp_path: Path) -> None:
    assert find_damage(store) == ""
    assert examine(store) == []
    assert find_damage(tmp_path / "none.db") == ""


@pytest.mark.parametrize("damage", DAMAGES)
def test_every_kind_of_damage_is_found_at_the_start(
    store: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    before = store.read_bytes()
    assert find_damage(store, seconds=30)
    assert examine(store)
    assert store.read_bytes() == before, "looking changes nothing"


@pytest.mark.parametrize(
    "table", ["counters", "ingest_state", "trades"], ids=lambda name: f"no {name}"
)
def test_a_missing_table_is_damage(store: Path, table: str) -> None:
    execute(store, f"DROP TABLE {table}")
    assert find_damage(store) == f"the table {table} is missing"


def test_missing_counters_are_damage(store: Path) -> None:
    execute(store, "DELETE FROM counters WHERE name = 'generation'")
    assert "counters" in find_damage(store)


def test_looking_ends_in_time_however_large_the_store_is(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n"

    def check(db: sqlite3.Connection, path: Path, _: str) -> list[str]:
        with reading(db, path):
            return list(db.execute(endless))

    monkeypatch.setattr(health, "_pragma_faults", check)
    assert find_damage(store, seconds=0.05) == ""


def test_what_the_feed_goes_on_from_is_looked_at_first(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(health, "_TABLES", health._TABLES[:2])  # the checks of tables find nothing
    with closing(sqlite3.connect(store)) as db:
        query = "SELECT rootpage FROM sqlite_master WHERE name = 'bars'"
        (root,) = db.execute(query).fetchone()
    overwrite(store, (root - 1) * PAGE, b"\x11" * PAGE)
    assert find_damage(store)


def test_foreign_newer_and_locked_stores_are_not_judged(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = tmp_path / "notes.db"
    notes.write_text("time,price\n1,2\n" * 99, encoding="utf-8")
    dump = tmp_path / "dump.db"
    dump.write_text("CREATE TABLE ingest_state (a);\n" * 9, encoding="utf-8")
    for foreign in (notes, dump):
        with pytest.raises(ForeignStoreError):
            find_damage(foreign)
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreLockedError):
            find_damage(store)
    execute(store, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    execute(store, "DROP TABLE gaps")  # as a later release may do
    with pytest.raises(NewerStoreError):
        find_damage(store)


def test_a_zeroed_file_is_ours_only_where_we_had_prepared_one(tmp_path: Path) -> None:
    blank = tmp_path / "blank.db"
    blank.write_bytes(b"\0" * 3 * PAGE)
    assert identify(blank) is StoreKind.FOREIGN
    mine = tmp_path / "mine.db"
    prepare_store(mine)
    mine.write_bytes(b"\0" * 3 * PAGE)
    assert identify(mine) is StoreKind.DAMAGED


def test_contents_that_do_not_fit_together_are_found(store: Path) -> None:
    execute(store, "DELETE FROM trades WHERE seq = 15000")
    execute(store, "UPDATE bars SET bid_volume = bid_volume + 1 WHERE rowid IS NULL OR ordinal = 3")
    faults = examine(store)
    assert "BTC, session 2024-08-10: 9,999 of 10,000 trades are there" in faults
    assert any("bar 3: its levels' bid volume is not its own" in fault for fault in faults)
    execute(store, "UPDATE bars SET levels = x'00' WHERE ordinal = 5")
    assert any("blob length" in fault for fault in examine(store))


def test_facts_are_of_what_readers_see(store: Path) -> None:
    with closing(connect_reader(store)) as db:
        facts = read_facts(db)
    bars = len(SqliteHistory(store).read_bars("BTC"))
    assert facts == StoreFacts(1, 3, 30_000, bars, "2024-08-09", "2024-08-11")
    assert str(facts) == (
        f"1 instrument, 3 sessions (2024-08-09 to 2024-08-11), 30,000 trades, {bars:,} base bars"
    )
    empty = StoreFacts(0, 0, 0, 0, "", "")
    assert str(empty) == "0 instruments, 0 sessions, 0 trades, 0 base bars"


# --------------------------------------------------------------------------------- disk


def test_a_local_folder_suits_a_store_and_nothing_is_left_in_it(tmp_path: Path) -> None:
    assert probe_disk(tmp_path) == ""
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    assert "cannot be written" in probe_disk(tmp_path / "none")


def test_a_disk_without_a_log_or_locks_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = sqlite3.connect

    def without_locks(path: Path, **more: object) -> sqlite3.Connection:
        name = f"{Path(path).as_uri()}?nolock=1"
        return real(name, uri=True, isolation_level=None, timeout=float(str(more["timeout"])))

    # SQLite itself refuses WAL without locks, as on a drive that has none.
    monkeypatch.setattr(sqlite3, "connect", without_locks)
    assert probe_disk(tmp_path)


@pytest.mark.parametrize(
    ("folder", "program"),
    [
        ("/srv/a/Dropbox/trading", "Dropbox"),
        ("/Users/a/Dropbox (Personal)/data", "Dropbox"),
        ("/Users/a/Library/CloudStorage/GoogleDrive-a@b.c/My Drive", "Google Drive"),
        ("/Users/a/Library/CloudStorage/Other/x", "a cloud service"),
        ("/Users/a/Library/Mobile Documents/x", "iCloud"),
        ("/mnt/c/Users/a/OneDrive - Company/x", "OneDrive"),
        ("/srv/a/Nextcloud", "Nextcloud"),
        ("/srv/a/dropboxes/data", ""),
        ("/srv/a/data", ""),
    ],
)
def test_folders_that_a_program_copies_are_known_by_name(folder: str, program: str) -> None:
    assert find_sync(Path(folder)) == program


def test_folders_that_a_program_copies_are_known_by_its_mark(tmp_path: Path) -> None:
    (tmp_path / ".stfolder").mkdir()
    assert find_sync(tmp_path / "a" / "b") == "Syncthing"


MOUNTS = """\
/dev/sda1 / ext4 rw,relatime 0 0
server:/export /mnt/share nfs4 rw 0 0
//nas/my\\040data /mnt/my\\040data cifs rw 0 0
me@host: /mnt/ssh fuse.sshfs rw 0 0
/dev/sdb1 /mnt/share/local ext4 rw 0 0
"""
BSD_MOUNTS = """\
/dev/disk1s1 on / (apfs, local, journaled)
//me@nas/data on /Volumes/data (smbfs, nodev, nosuid, mounted by me)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="paths as POSIX writes them")
@pytest.mark.parametrize(
    ("mounts", "folder", "kind"),
    [
        (MOUNTS, "/home/a", ""),
        (MOUNTS, "/mnt/share/a", "nfs4"),
        (MOUNTS, "/mnt/shared", ""),
        (MOUNTS, "/mnt/share/local/a", ""),
        (MOUNTS, "/mnt/my data/a", "cifs"),
        (MOUNTS, "/mnt/ssh", "fuse.sshfs"),
        (BSD_MOUNTS, "/Volumes/data/x", "smbfs"),
        (BSD_MOUNTS, "/Users/a", ""),
        ("", "/home/a", ""),
    ],
)
def test_network_drives_are_known_by_their_kind(mounts: str, folder: str, kind: str) -> None:
    assert find_network(Path(folder), mounts) == kind


def test_the_systems_own_table_is_read(tmp_path: Path) -> None:
    assert find_network(tmp_path) == ""
