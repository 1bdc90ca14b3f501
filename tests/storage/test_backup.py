from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.errors import (
    CorruptStoreError,
    ForeignStoreError,
    NewerStoreError,
    StoreError,
)
from dashboard.storage import backup, schema
from dashboard.storage.backup import (
    Aside,
    backup_folder,
    begin_anew,
    find_asides,
    find_backups,
    instant_of,
    restore_backup,
    set_aside,
    stamp_of,
    write_backup,
)
from dashboard.storage.health import examine, find_damage
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import MIGRATIONS, StoreKind, identify, prepare_store, restored_file
from tests.storage.samples import (
    BTC,
    DAY,
    assert_same_bars,
    assert_same_trades,
    batch,
    make_trades,
    minutes,
)
from tests.storage.test_health import DAMAGES, PAGE, execute, middle

NOW = 1_795_339_815_000_000_000
STAMP = "20261122-093015"


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Return a store of three sessions."""
    return filled(tmp_path / "data" / "orderflow.db")


def filled(path: Path, count: int = 3_000) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    recorder = SqliteRecorder(path, durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(count, step=DAY // 1_000)
    recorder.record([batch(trades, minutes(trades), version=7)])
    recorder.close()
    return path


def trades_in(path: Path) -> int:
    history = SqliteHistory(path)
    count = len(history.read_trades("BTC"))
    history.close()
    return count


def files_of(folder: Path) -> set[str]:
    """Return the names in a folder, without locks and what readers need beside a store."""
    return {p.name for p in folder.iterdir() if not p.name.endswith((".lock", "-wal", "-shm"))}


# ------------------------------------------------------------------------------- backup


def test_a_backup_holds_what_the_store_does(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "new folder" / "copy.db"
    pages: list[tuple[int, int]] = []
    report = write_backup(store, target, lambda done, total: pages.append((done, total)))
    assert files_of(target.parent) == {"copy.db"}
    assert examine(target) == []
    ours, copy = SqliteHistory(store), SqliteHistory(target)
    assert_same_trades(copy.read_trades("BTC"), ours.read_trades("BTC"))
    assert_same_bars(copy.read_bars("BTC"), ours.read_bars("BTC"))
    assert (report.path, report.size) == (target, target.stat().st_size)
    assert str(report).startswith(f"{target}: ")
    assert "1 instrument, 3 sessions (2024-08-09 to 2024-08-11), 3,000 trades" in str(report)
    assert pages[-1][0] == pages[-1][1] > 0


def test_a_backup_is_one_file_of_its_owner(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    write_backup(store, target)
    with closing(sqlite3.connect(target)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert db.execute("PRAGMA application_id").fetchone() == (schema.APPLICATION_ID,)
    if os.name == "posix":
        assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_backup_is_of_one_moment_while_the_feed_goes_on(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "_PAGES", 4)
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    seq = 3_000
    slowest: list[int] = []

    def record_some(_done: int, _total: int) -> None:
        nonlocal seq
        trades = make_trades(50, first_seq=seq + 1, step=DAY // 1_000)
        recorder.record([batch(trades, minutes(trades), version=8)])
        seq += 50
        slowest.append(seq)

    report = write_backup(store, tmp_path / "copy.db", record_some)
    recorder.close()
    assert len(slowest) > 10, "the copy was made in many steps"
    assert trades_in(tmp_path / "copy.db") == 3_000
    assert report.facts.trades == 3_000
    assert trades_in(store) == seq


def test_a_backup_beside_a_fast_writer_ends(store: Path, tmp_path: Path) -> None:
    """Without one moment held, every commit would begin the copy anew, and it would never end."""
    done = threading.Event()

    def write() -> None:
        recorder = SqliteRecorder(store, durable=False)
        recorder.add_instrument(BTC)
        seq = 3_000
        while not done.is_set():
            trades = make_trades(20, first_seq=seq + 1, step=DAY // 1_000)
            recorder.record([batch(trades, minutes(trades), version=8)])
            seq += 20
        recorder.close()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        report = write_backup(store, tmp_path / "copy.db")
    finally:
        done.set()
        writer.join()
    assert report.facts.trades >= 3_000
    assert trades_in(tmp_path / "copy.db") == report.facts.trades


def test_a_backup_never_overwrites(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(StoreError, match="never overwrites"):
        write_backup(store, target)
    assert target.read_text(encoding="utf-8") == "mine"
    assert files_of(tmp_path) == {"copy.db", "data"}


def test_a_file_that_comes_meanwhile_is_not_overwritten_either(store: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"

    def come(_done: int, _total: int) -> None:
        target.write_text("mine", encoding="utf-8")

    with pytest.raises(StoreError, match="never overwrites"):
        write_backup(store, target, come)
    assert target.read_text(encoding="utf-8") == "mine"
    assert files_of(tmp_path) == {"copy.db", "data"}


def test_there_is_no_backup_of_nothing_or_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="nothing to back up"):
        write_backup(tmp_path / "none.db", tmp_path / "copy.db")
    (tmp_path / "notes.db").write_text("x" * 200, encoding="utf-8")
    with pytest.raises(ForeignStoreError):
        write_backup(tmp_path / "notes.db", tmp_path / "copy.db")
    assert files_of(tmp_path) == {"notes.db"}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_gives_no_backup(
    store: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    with pytest.raises(CorruptStoreError) as caught:
        write_backup(store, tmp_path / "copy.db")
    assert caught.value.user_text.startswith("The database orderflow.db is damaged")
    assert files_of(tmp_path) == {"data"}


def test_damage_that_only_the_contents_show_gives_no_backup(store: Path, tmp_path: Path) -> None:
    execute(store, "DELETE FROM trades WHERE seq = 1500")
    with pytest.raises(CorruptStoreError, match="999 of 1,000 trades") as caught:
        write_backup(store, tmp_path / "copy.db")
    assert "not backed up" in caught.value.user_text
    assert files_of(tmp_path) == {"data"}


def test_too_little_room_is_said_before_anything_is_written(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1_000_000))
    with pytest.raises(StoreError, match=r"1\.0 MB are free") as caught:
        write_backup(store, tmp_path / "copy.db")
    assert "Free some space" in caught.value.user_text
    assert files_of(tmp_path) == {"data"}


def test_a_folder_that_cannot_be_written_is_a_sentence(store: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=r"copy\.db") as caught:
        write_backup(store, tmp_path / "file" / "copy.db")
    assert "cannot be written" in caught.value.user_text


def test_what_a_killed_backup_left_is_no_obstacle(store: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db.part").write_bytes(b"half a file")
    write_backup(store, tmp_path / "copy.db")
    assert files_of(tmp_path) == {"copy.db", "data"}


def test_backups_are_found_newest_first(store: Path) -> None:
    assert find_backups(store) == []
    folder = backup_folder(store)
    for name in ("orderflow-20261121-120000.db", "orderflow-20261122-090000.db"):
        write_backup(store, folder / name)
    (folder / "orderflow-20261122-100000.db.part").touch()
    (folder / "other-20261123-090000.db").touch()
    assert [path.name for path in find_backups(store)] == [
        "orderflow-20261122-090000.db",
        "orderflow-20261121-120000.db",
    ]


# ------------------------------------------------------------------------------ restore


@pytest.fixture
def copy(store: Path, tmp_path: Path) -> Path:
    """Return a backup, after which the store went on."""
    target = tmp_path / "copy.db"
    write_backup(store, target)
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(500, first_seq=3_001, step=DAY // 1_000)
    recorder.record([batch(trades, minutes(trades), version=9)])
    recorder.close()
    return target


def test_a_restored_store_is_the_backup_and_the_one_before_is_kept(store: Path, copy: Path) -> None:
    report = restore_backup(copy, store, NOW)
    assert trades_in(store) == 3_000
    assert find_damage(store) == ""
    assert report.facts.trades == 3_000
    assert report.aside == store.with_name(f"orderflow.replaced-{STAMP}.db")
    assert trades_in(report.aside) == 3_500
    assert trades_in(copy) == 3_000
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_readers_notice_that_another_store_has_the_name(store: Path, copy: Path) -> None:
    history = SqliteHistory(store)
    assert len(history.read_trades("BTC")) == 3_500
    before = history.generation()
    restore_backup(copy, store, NOW)
    assert len(history.read_trades("BTC")) == 3_000
    assert history.generation() > before
    recorder = SqliteRecorder(store, durable=False)
    trades = make_trades(7, first_seq=3_001, step=DAY // 1_000)
    recorder.record([batch(trades, minutes(trades), version=9)])
    assert len(history.read_trades("BTC")) == 3_007
    recorder.close()
    history.close()


def test_each_restore_sets_the_store_aside_under_a_name_of_its_own(store: Path, copy: Path) -> None:
    asides = [restore_backup(copy, store, NOW).aside for _ in range(3)]
    assert [aside.name for aside in asides if aside] == [
        f"orderflow.replaced-{STAMP}.db",
        f"orderflow.replaced-{STAMP}-2.db",
        f"orderflow.replaced-{STAMP}-3.db",
    ]
    assert trades_in(store) == 3_000


def test_a_missing_store_is_restored_and_a_lost_log_does_not_spoil_it(
    store: Path, copy: Path
) -> None:
    content = orphan_log(store)
    report = restore_backup(copy, store, NOW)
    assert report.aside is None
    assert trades_in(store) == 3_000
    assert examine(store) == []
    assert store.with_name("orderflow.db.lost-wal").read_bytes() == content


def orphan_log(store: Path) -> bytes:
    """Delete a store but not its log, as a person may; return what the log holds."""
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    seq = recorder.last_seq("BTC") + 1
    recorder.record([batch(make_trades(50, first_seq=seq), version=9)])
    log = store.with_name("orderflow.db-wal")
    content = log.read_bytes()
    recorder.close()
    assert content
    store.unlink()
    log.write_bytes(content)
    return content


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_store_is_replaced_and_kept(
    store: Path, copy: Path, damage: Callable[[Path], None]
) -> None:
    damage(store)
    content = store.read_bytes()
    report = restore_backup(copy, store, NOW)
    assert trades_in(store) == 3_000
    assert report.aside is not None
    assert report.aside.read_bytes() == content


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_backup_changes_nothing(
    store: Path, copy: Path, damage: Callable[[Path], None]
) -> None:
    damage(copy)
    names = files_of(store.parent)
    # A copy whose header is zeros, under a name that we never prepared, may be anything.
    with pytest.raises((CorruptStoreError, ForeignStoreError)) as caught:
        restore_backup(copy, store, NOW)
    assert "copy.db is" in caught.value.user_text
    assert trades_in(store) == 3_500
    assert files_of(store.parent) == names


def test_what_is_no_backup_changes_nothing(store: Path, copy: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.db").write_text("x" * 200, encoding="utf-8")
    newer = tmp_path / "newer.db"
    shutil.copy(copy, newer)
    execute(newer, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    for file, kind, words in (
        (tmp_path / "notes.db", ForeignStoreError, "not a backup"),
        (tmp_path / "none.db", StoreError, "There is no file"),
        (store, StoreError, "is the database itself"),
        (newer, NewerStoreError, "later release"),
    ):
        with pytest.raises(kind, match=words):
            restore_backup(file, store, NOW)
    assert trades_in(store) == 3_500
    assert find_asides(store) == []


def test_a_foreign_or_newer_file_keeps_the_stores_name(store: Path, copy: Path) -> None:
    execute(store, f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = store.read_bytes()
    with pytest.raises(NewerStoreError):
        restore_backup(copy, store, NOW)
    assert store.read_bytes() == before
    store.write_text("x" * 200, encoding="utf-8")
    with pytest.raises(ForeignStoreError):
        restore_backup(copy, store, NOW)
    assert store.read_text(encoding="utf-8") == "x" * 200


def test_a_restore_that_cannot_give_the_last_name_is_finished_by_the_next_start(
    store: Path, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(_path: Path) -> None:
        raise KeyboardInterrupt

    # Between the two renames there is no store; this is the last thing done before the second.
    monkeypatch.setattr(backup, "move_log_away", die)
    with pytest.raises(KeyboardInterrupt):
        restore_backup(copy, store, NOW)
    assert not store.exists()
    prepare_store(store)
    assert trades_in(store) == 3_000
    assert not restored_file(store).exists()
    assert [aside.reason for aside in find_asides(store)] == ["replaced"]


def test_any_store_of_ours_can_be_restored_its_log_included(store: Path, tmp_path: Path) -> None:
    other = filled(tmp_path / "other" / "live.db", 1_000)
    recorder = SqliteRecorder(other, durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(10, first_seq=1_001, step=DAY // 1_000)
    recorder.record([batch(trades, minutes(trades), version=9)])
    assert other.with_name("live.db-wal").stat().st_size > 0
    restore_backup(other, store, NOW)
    recorder.close()
    assert trades_in(store) == 1_010


# ------------------------------------------------------------------------------- aside


def test_what_is_set_aside_keeps_its_log(store: Path) -> None:
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(10, first_seq=3_001, step=DAY // 1_000)
    recorder.record([batch(trades, minutes(trades), version=9)])
    aside = set_aside(store, "damaged", NOW)
    recorder.close()
    assert not any(store.with_name(f"orderflow.db{s}").exists() for s in ("", "-wal", "-shm"))
    assert trades_in(aside) == 3_010
    assert find_asides(store) == [Aside("damaged", STAMP, aside)]


def test_a_log_whose_store_is_gone_is_not_played_into_the_next_one(store: Path) -> None:
    content = orphan_log(store)
    prepare_store(store)
    assert SqliteHistory(store).instruments() == []
    assert examine(store) == []
    assert store.with_name("orderflow.db.lost-wal").read_bytes() == content


def test_a_store_begun_anew_voids_what_readers_hold(store: Path) -> None:
    history = SqliteHistory(store)
    before = history.generation()
    set_aside(store, "damaged", NOW)
    prepare_store(store)
    begin_anew(store, NOW)
    assert history.generation() == NOW // 10**9 > before
    assert history.read_trades("BTC").seq.tolist() == []


def test_stamps_are_read_back() -> None:
    assert stamp_of(NOW) == STAMP
    assert instant_of(STAMP) == NOW
    assert instant_of("yesterday") == 0


def test_pages_of_the_samples_are_those_of_a_store(store: Path) -> None:
    with closing(sqlite3.connect(store)) as db:
        assert db.execute("PRAGMA page_size").fetchone() == (PAGE,)
    assert identify(store) is StoreKind.OURS
    middle(store)
    assert identify(store) is StoreKind.OURS
