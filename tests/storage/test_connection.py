from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from dashboard.errors import CorruptStoreError, StoreError, StoreLockedError
from dashboard.storage import connection
from dashboard.storage.connection import connect_reader, connect_writer, reading, writing
from dashboard.storage.schema import prepare_store


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    prepare_store(path)
    return path


def test_a_missing_store_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        connect_reader(tmp_path / "none.db")
    assert caught.value.user_text == "The database none.db does not exist yet."


def test_a_reader_cannot_write(store: Path) -> None:
    with closing(connect_reader(store)) as db, pytest.raises(StoreError), reading(db, store):
        db.execute("INSERT INTO counters VALUES ('x', 1)")


def test_a_failed_transaction_is_taken_back_whole(store: Path) -> None:
    def fail_after_writing(db: sqlite3.Connection) -> None:
        with writing(db, store):
            db.execute("UPDATE counters SET value = 99")
            raise KeyboardInterrupt

    with closing(connect_writer(store, durable=False)) as db:
        with pytest.raises(KeyboardInterrupt):
            fail_after_writing(db)
        assert db.execute("SELECT max(value) FROM counters").fetchone() == (0,)


def test_a_store_locked_for_long_is_a_sentence(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.02)
    with closing(sqlite3.connect(store, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with (
            closing(connect_writer(store, durable=False)) as db,
            pytest.raises(StoreLockedError) as caught,
            writing(db, store),
        ):
            pass
    assert "locked by another program" in caught.value.user_text


def test_a_short_lock_is_waited_for(store: Path) -> None:
    other = sqlite3.connect(store, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    waits: list[float] = []

    def release(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 3:
            other.execute("COMMIT")

    with pytest.MonkeyPatch.context() as patch, closing(other):
        patch.setattr(connection, "pause", release)
        with closing(connect_writer(store, durable=False)) as db, writing(db, store):
            db.execute("UPDATE counters SET value = 1")
    assert len(waits) == 3


def test_readers_go_on_while_a_writer_writes(store: Path) -> None:
    with (
        closing(connect_writer(store, durable=False)) as writer,
        closing(connect_reader(store)) as reader,
        writing(writer, store),
    ):
        writer.execute("UPDATE counters SET value = 5")
        with reading(reader, store):
            assert reader.execute("SELECT max(value) FROM counters").fetchone() == (0,)


def test_a_damaged_store_is_a_sentence(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[200:] = b"\xff" * (len(content) - 200)
    store.write_bytes(content)
    with pytest.raises(CorruptStoreError) as caught:
        connect_reader(store)
    assert "backup" in caught.value.user_text


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (sqlite3.SQLITE_FULL, "disk is full"),
        (sqlite3.SQLITE_READONLY, "read-only"),
        (sqlite3.SQLITE_IOERR | (10 << 8), "check the disk"),
        (sqlite3.SQLITE_MISUSE, "the log names it"),
    ],
)
def test_each_refusal_of_sqlite_has_its_sentence(store: Path, code: int, words: str) -> None:
    error = sqlite3.OperationalError("secret detail")
    error.sqlite_errorcode = code
    with pytest.raises(StoreError) as caught, connection.translated(store):
        raise error
    assert words in caught.value.user_text
    assert "secret" not in caught.value.user_text
    assert "secret" in str(caught.value)


def test_a_store_in_a_read_only_file_is_not_written(store: Path) -> None:
    store.chmod(stat.S_IRUSR)
    try:
        with closing(sqlite3.connect(store)) as db:
            try:
                db.execute("UPDATE counters SET value = 1")
            except sqlite3.OperationalError:
                pass
            else:
                pytest.skip("this user may write read-only files")
        with (
            closing(connect_writer(store, durable=False)) as db,
            pytest.raises(StoreError),
            writing(db, store),
        ):
            db.execute("UPDATE counters SET value = 1")
    finally:
        store.chmod(stat.S_IRUSR | stat.S_IWUSR)
