"""How a store file is opened, and what SQLite's errors mean to a person.

Readers open with ``mode=ro`` and ``query_only``: a page cannot write even by mistake. Writers use
``BEGIN IMMEDIATE`` only, so a lock is met at the beginning of a transaction, never in its middle.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dashboard.errors import (
    CorruptStoreError,
    StoreError,
    StoreLockedError,
    StoreReadOnlyError,
)

BUSY_TIMEOUT_S = 5.0
"""How long a lock is waited for before a person is told."""

_RETRY_S = 0.001
_PAUSE = threading.Event()  # never set: waiting on it is a sleep that reads no clock

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def connect_reader(path: Path) -> sqlite3.Connection:
    """Open a store for reading only.

    Raises:
        StoreError: There is no such file, or it cannot be opened.
    """
    if not path.exists():
        raise StoreError(f"The database {path.name} does not exist yet.", log_text=f"no {path}")
    # Even a reader keeps a log's index beside the store, which a read-only folder forbids.
    mode = "ro&immutable=1" if _is_still(path) else "ro"
    settings = ("query_only = ON", "cache_size = -8000")
    return _connect(path, mode, settings, timeout=BUSY_TIMEOUT_S)


def _is_still(path: Path) -> bool:
    """Return whether nothing here can write the store: a closed one in a read-only folder."""
    log = path.with_name(f"{path.name}-wal")
    return not log.exists() and not os.access(path.parent, os.W_OK)


def connect_writer(path: Path, *, durable: bool) -> sqlite3.Connection:
    """Open a store for writing.

    Args:
        path: An existing store.
        durable: True: each commit reaches the disk before it returns (``synchronous=FULL``).
            False: a power cut may take the last commits, never the file's consistency.
    """
    settings = (
        "foreign_keys = ON",
        "cache_size = -16000",
        # A long reader may let the log grow; it shrinks again at the next checkpoint.
        "journal_size_limit = 67108864",
    )
    # Waiting for a lock is `_begin`'s.
    db = _connect(path, "rw", settings, timeout=0)
    set_durable(db, durable)
    return db


def _connect(
    path: Path, mode: str, settings: tuple[str, ...], *, timeout: float
) -> sqlite3.Connection:
    with translated(path):
        # A path with "?", "#" or "%" in it is still one path: as_uri() quotes them.
        db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=timeout,
            isolation_level=None,
            # One thread at a time is the caller's promise; it need not be the same one.
            check_same_thread=False,
        )
        try:
            for setting in settings:
                db.execute(f"PRAGMA {setting}")
        except sqlite3.Error:
            db.close()
            raise
        return db


def set_durable(db: sqlite3.Connection, durable: bool) -> None:
    """Switch ``synchronous`` between FULL and NORMAL; only outside a transaction."""
    db.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")


@contextmanager
def reading(db: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """Run several reads on one state of the store."""
    with translated(path):
        db.execute("BEGIN")
        try:
            yield db
        finally:
            db.execute("ROLLBACK")


@contextmanager
def writing(db: sqlite3.Connection, path: Path) -> Iterator[sqlite3.Connection]:
    """Run one write transaction: all of it is committed, or nothing.

    Raises:
        StoreLockedError: Another process wrote all the time for `BUSY_TIMEOUT_S`.
        StoreError: The disk is full, the file read-only, or anything else SQLite reports.
    """
    with translated(path):
        _begin(db)
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:  # SQLite itself rolls back on a full disk
                db.execute("ROLLBACK")
            raise


def pause(seconds: float) -> None:
    """Wait between two transactions, so that another writer gets its turn."""
    _PAUSE.wait(seconds)


def _begin(db: sqlite3.Connection) -> None:
    # SQLite's own waiting backs off to 100 ms and loses every race against a busy importer, whose
    # pauses are short; an even, short step does not.
    for _ in range(int(BUSY_TIMEOUT_S / _RETRY_S)):
        try:
            db.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF not in _BUSY:
                raise
            pause(_RETRY_S)
        else:
            return
    db.execute("BEGIN IMMEDIATE")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into the project's, each with a sentence for a person."""
    try:
        yield
    except sqlite3.Error as error:
        raise _store_error(error, path) from error


def _store_error(error: sqlite3.Error, path: Path) -> StoreError:
    # An extended code keeps its plain code in the low byte.
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    log_text = f"{path}: {getattr(error, 'sqlite_errorname', 'SQLITE')}: {error}"
    if code in _BUSY:
        return StoreLockedError(
            f"The database {path.name} is locked by another program. Close that program, or wait "
            "until it has finished.",
            log_text=log_text,
        )
    if code in _DAMAGED:
        return CorruptStoreError(
            f"The database {path.name} is damaged. Restore it from a backup.", log_text=log_text
        )
    if code == sqlite3.SQLITE_READONLY:
        return StoreReadOnlyError(
            f"The database {path.name} cannot be written: the file or its folder is read-only.",
            log_text=log_text,
        )
    sentences = {
        sqlite3.SQLITE_FULL: "cannot grow: the disk is full. Free some space",
        sqlite3.SQLITE_CANTOPEN: "cannot be opened: check that its folder exists and may be used",
        sqlite3.SQLITE_IOERR: "could not be read or written: check the disk",
        sqlite3.SQLITE_PERM: "may not be used: check the rights of the file",
    }
    reason = sentences.get(code, "refused an operation; the log names it")
    return StoreError(f"The database {path.name} {reason}.", log_text=log_text)
