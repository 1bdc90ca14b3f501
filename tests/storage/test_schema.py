from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from filelock import FileLock

from dashboard.errors import ForeignStoreError, NewerStoreError, StoreError, StoreLockedError
from dashboard.storage import schema
from dashboard.storage.history import SqliteHistory
from dashboard.storage.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    StoreKind,
    identify,
    import_lock,
    prepare_store,
)


def sqlite_file(path: Path, *statements: str) -> Path:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()
    return path


def test_a_new_store_has_id_wal_and_named_migrations(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "a?b#c%.db"
    prepare_store(path)
    assert identify(path) is StoreKind.OURS
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        names = [row[0] for row in db.execute("SELECT name FROM migrations ORDER BY number")]
    assert names == [name for name, _ in MIGRATIONS]
    assert SqliteHistory(path).instruments() == []


def test_preparing_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    prepare_store(path)
    before = path.read_bytes()
    prepare_store(path)
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    path.touch()
    prepare_store(path)
    assert identify(path) is StoreKind.OURS


@pytest.mark.parametrize(
    "content",
    [b"time,price\n1,2\n" * 50, b"x", b"SQLite format 3\x00" + b"\x00" * 200],
    ids=["text", "one byte", "broken header"],
)
def test_a_file_of_another_kind_is_refused_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notes.db"
    path.write_bytes(content)
    with pytest.raises(ForeignStoreError, match=r"notes\.db is not a database of this program"):
        prepare_store(path)
    with pytest.raises(ForeignStoreError):
        SqliteHistory(path).instruments()
    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


def test_a_foreign_database_is_refused_untouched(tmp_path: Path) -> None:
    path = sqlite_file(
        tmp_path / "other.db", "CREATE TABLE cats (name)", "INSERT INTO cats VALUES (1)"
    )
    before = path.read_bytes()
    with pytest.raises(ForeignStoreError):
        prepare_store(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_another_application_id_is_foreign(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "o.db", "PRAGMA application_id = 7", "CREATE TABLE t (a)")
    assert identify(path) is StoreKind.FOREIGN


def test_the_predecessors_file_is_told_and_refused(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "old.db", "CREATE TABLE candles (timestamp)")
    before = path.read_bytes()
    assert identify(path) is StoreKind.PREDECESSOR
    with pytest.raises(ForeignStoreError, match="predecessor"):
        prepare_store(path)
    assert path.read_bytes() == before


def test_a_newer_store_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    prepare_store(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    with pytest.raises(NewerStoreError, match="later release"):
        prepare_store(path)
    assert path.read_bytes() == before


def test_an_older_store_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    prepare_store(path)
    step = ("0002_test", ("CREATE TABLE extra (a)",))
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step))
    prepare_store(path)
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT * FROM extra").fetchall() == []
        rows = db.execute("SELECT name FROM migrations ORDER BY number").fetchall()
    assert rows[-1] == ("0002_test",)


def test_a_migration_that_fails_leaves_the_store_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s.db"
    prepare_store(path)
    step = ("0002_test", ("CREATE TABLE extra (a)", "NONSENSE"))
    monkeypatch.setattr(schema, "MIGRATIONS", (*MIGRATIONS, step))
    with pytest.raises(StoreError):
        prepare_store(path)
    monkeypatch.undo()
    prepare_store(path)
    with closing(sqlite3.connect(path)) as db:
        tables = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    assert "extra" not in tables


def test_several_may_prepare_at_once(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    faults: list[BaseException] = []

    def prepare() -> None:
        try:
            prepare_store(path)
        except BaseException as error:  # noqa: BLE001 - shown by the assertion below
            faults.append(error)

    threads = [threading.Thread(target=prepare) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    assert identify(path) is StoreKind.OURS


def test_waiting_for_another_process_ends_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "LOCK_TIMEOUT_S", 0.05)
    path = tmp_path / "s.db"
    with FileLock(f"{path}.lock"), pytest.raises(StoreLockedError, match="Another process"):
        prepare_store(path)


def test_a_draft_left_by_a_killed_process_is_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    (tmp_path / "s.db.new").write_bytes(b"half a file")
    prepare_store(path)
    assert identify(path) is StoreKind.OURS


def test_a_folder_that_cannot_be_made_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError) as caught:
        prepare_store(tmp_path / "file" / "s.db")
    assert "cannot be" in caught.value.user_text
    assert str(tmp_path) not in caught.value.user_text


def test_the_import_lock_admits_one(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    with import_lock(path) as first, import_lock(path) as second:
        assert (first, second) == (True, False)
    with import_lock(path) as again:
        assert again
