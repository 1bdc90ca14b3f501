"""The store's tables, their named migrations, and whose file a file is.

`prepare_store` is called once by every process before it reads or writes: it makes a new store,
brings an older one up to date, and refuses a file that is not ours without touching it. Several
processes may call it at once: a file lock beside the store lets one work and the rest find it done.

Tables (all prices in price units, sizes in size units, times UTC epoch ns):

* ``sessions``: one row per stored session of an instrument, with its totals, tick, lot and origin.
  Trades and bars hang on a session row, and readers see only rows in state `SHOWN` (the view
  ``shown_sessions``). An import writes whole sessions in state `WRITING` and shows them in its
  last transaction.
* ``trades``: raw trades by (instrument, seq); absent quotes are NULL.
* ``bars``: closed base bars with their levels as one blob (see `codec`); columns that the source
  cannot know are NULL.
* ``gaps``, ``ingest_state``, ``imports``, ``origins``, ``instruments``, ``counters``: as named.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, IntEnum
from pathlib import Path

from filelock import FileLock, Timeout

from dashboard.errors import (
    CorruptStoreError,
    ForeignStoreError,
    NewerStoreError,
    StoreError,
    StoreLockedError,
    StoreReadOnlyError,
)
from dashboard.storage.connection import connect_reader, connect_writer, translated, writing
from dashboard.storage.header import read_start

APPLICATION_ID = 0x4F464C57
"""Stands in byte 68 of the file: "OFLW"."""

LOCK_TIMEOUT_S = 30.0
PREDECESSOR_TABLE = "candles"

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100
_PAGE_BYTES = 8192


class SessionState(IntEnum):
    """Who may see a session row."""

    WRITING = 0
    SHOWN = 1
    DROPPED = 2


class RawTrades(IntEnum):
    """Whether a session's raw trades are stored."""

    NONE = 0
    KEPT = 1
    PRUNING = 2


class StoreKind(Enum):
    """What a file is, told without opening it for writing."""

    MISSING = "missing"
    OURS = "ours"
    PREDECESSOR = "predecessor"
    DAMAGED = "damaged"
    FOREIGN = "foreign"


MIGRATIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "0001_first_tables",
        (
            """CREATE TABLE counters (
                name TEXT PRIMARY KEY,
                value INTEGER NOT NULL
            ) WITHOUT ROWID""",
            "INSERT INTO counters VALUES ('version', 0), ('generation', 0)",
            """CREATE TABLE instruments (
                id INTEGER PRIMARY KEY,
                symbol TEXT NOT NULL UNIQUE,
                token TEXT NOT NULL,
                exchange TEXT NOT NULL,
                calendar TEXT NOT NULL,
                price_scale INTEGER NOT NULL CHECK (price_scale > 0),
                tick_size INTEGER NOT NULL CHECK (tick_size > 0),
                lot_size INTEGER NOT NULL CHECK (lot_size > 0),
                size_scale INTEGER NOT NULL CHECK (size_scale > 0),
                expiry TEXT NOT NULL,
                simulated INTEGER NOT NULL,
                last_seq INTEGER NOT NULL DEFAULT 0,
                shown INTEGER NOT NULL DEFAULT 1
            )""",
            """CREATE TABLE origins (
                id INTEGER PRIMARY KEY,
                interval_s INTEGER NOT NULL,
                level_size INTEGER NOT NULL,
                level_anchor TEXT NOT NULL,
                ohlc_exact INTEGER NOT NULL,
                absent TEXT NOT NULL,
                UNIQUE (interval_s, level_size, level_anchor, ohlc_exact, absent)
            )""",
            """CREATE TABLE imports (
                id INTEGER PRIMARY KEY,
                instrument_id INTEGER NOT NULL REFERENCES instruments (id),
                kind TEXT NOT NULL,
                files TEXT NOT NULL,
                complete INTEGER NOT NULL DEFAULT 0
            )""",
            """CREATE TABLE sessions (
                id INTEGER PRIMARY KEY,
                instrument_id INTEGER NOT NULL REFERENCES instruments (id),
                session_ns INTEGER NOT NULL,
                close_ns INTEGER NOT NULL,
                date TEXT NOT NULL,
                label TEXT NOT NULL,
                confirmed INTEGER NOT NULL,
                tick_size INTEGER NOT NULL,
                lot_size INTEGER NOT NULL,
                origin_id INTEGER REFERENCES origins (id),
                import_id INTEGER REFERENCES imports (id),
                state INTEGER NOT NULL,
                raw INTEGER NOT NULL DEFAULT 0,
                first_ns INTEGER NOT NULL,
                last_ns INTEGER NOT NULL,
                trades INTEGER NOT NULL DEFAULT 0,
                volume INTEGER NOT NULL DEFAULT 0,
                first_seq INTEGER,
                last_seq INTEGER
            )""",
            """CREATE UNIQUE INDEX sessions_shown ON sessions (instrument_id, session_ns)
                WHERE state = 1""",
            "CREATE VIEW shown_sessions AS SELECT * FROM sessions WHERE state = 1",
            """CREATE TABLE trades (
                instrument_id INTEGER NOT NULL,
                seq INTEGER NOT NULL,
                session_id INTEGER NOT NULL,
                event_ns INTEGER NOT NULL,
                receive_ns INTEGER NOT NULL,
                price INTEGER NOT NULL,
                size INTEGER NOT NULL,
                side INTEGER NOT NULL,
                rule INTEGER NOT NULL,
                bid INTEGER,
                ask INTEGER,
                source_seq INTEGER NOT NULL,
                PRIMARY KEY (instrument_id, seq)
            ) WITHOUT ROWID""",
            """CREATE TABLE bars (
                session_id INTEGER NOT NULL,
                ordinal INTEGER NOT NULL,
                start_ns INTEGER NOT NULL,
                end_ns INTEGER NOT NULL,
                open INTEGER NOT NULL,
                high INTEGER NOT NULL,
                low INTEGER NOT NULL,
                close INTEGER NOT NULL,
                bid_volume INTEGER NOT NULL,
                ask_volume INTEGER NOT NULL,
                unknown_volume INTEGER NOT NULL,
                unattributed_volume INTEGER NOT NULL,
                trades INTEGER,
                min_delta INTEGER,
                max_delta INTEGER,
                min_delta_nz INTEGER,
                max_delta_nz INTEGER,
                delta_since_high INTEGER,
                delta_since_low INTEGER,
                vwap_ref INTEGER,
                vwap_m1 INTEGER,
                vwap_m2 REAL,
                gap INTEGER NOT NULL,
                last_seq INTEGER NOT NULL,
                version INTEGER NOT NULL,
                level_count INTEGER NOT NULL,
                wide INTEGER NOT NULL,
                levels BLOB NOT NULL,
                PRIMARY KEY (session_id, ordinal)
            )""",
            """CREATE TABLE gaps (
                id INTEGER PRIMARY KEY,
                instrument_id INTEGER NOT NULL REFERENCES instruments (id),
                session_ns INTEGER NOT NULL,
                start_ns INTEGER NOT NULL,
                end_ns INTEGER NOT NULL,
                volume INTEGER NOT NULL,
                price INTEGER NOT NULL,
                cause TEXT NOT NULL
            )""",
            "CREATE INDEX gaps_by_session ON gaps (instrument_id, session_ns, start_ns)",
            """CREATE TABLE ingest_state (
                instrument_id INTEGER PRIMARY KEY REFERENCES instruments (id),
                state BLOB NOT NULL,
                source_seq INTEGER NOT NULL,
                event_ns INTEGER NOT NULL,
                session_ns INTEGER NOT NULL
            )""",
        ),
    ),
)
"""Name and statements of each step; a released step never changes, a change is a new step."""


def prepare_store(path: Path) -> None:
    """Make `path` a store of this release: create it, migrate it, or find it ready.

    Raises:
        ForeignStoreError: The file is something else; not a byte of it was changed.
        NewerStoreError: A later release wrote it; likewise untouched.
        StoreLockedError: Another process has been preparing it for half a minute.
        StoreReadOnlyError: The folder cannot be written.
        StoreError: SQLite refuses the file.
    """
    require_ours(path)
    if identify(path) is StoreKind.OURS and count_migrations(path) == len(MIGRATIONS):
        return  # also in a folder that nobody may write
    with prepare_lock(path):
        if identify(path) is StoreKind.MISSING:
            move_log_away(path)
            restored = restored_file(path)
            if restored.exists():  # a restore was killed just before its last step
                restored.replace(path)
            else:
                _create(path)
        require_ours(path)
        _migrate(path)


def restored_file(path: Path) -> Path:
    """Return where a restored store waits, whole and verified, to take a store's place."""
    return path.with_name(f"{path.name}.restored")


def identify(path: Path) -> StoreKind:
    """Tell whose file this is, from its header and, for a foreign one, its table names."""
    try:
        header = read_start(path, _HEADER_BYTES)
    except FileNotFoundError:
        return StoreKind.MISSING
    except OSError as error:
        msg = f"The database {path.name} cannot be read: {error.strerror}."
        raise StoreError(msg, log_text=f"{path}: {error}") from error
    if not header:
        return StoreKind.MISSING  # an empty file is what SQLite itself takes for a new database
    if len(header) < _HEADER_BYTES or not header.startswith(_MAGIC):
        return StoreKind.DAMAGED if _was_ours(path) else StoreKind.FOREIGN
    # Our id is written before the file gets its name, so it never waits in a journal.
    if int.from_bytes(header[68:72], "big") == APPLICATION_ID:
        return StoreKind.OURS
    return StoreKind.PREDECESSOR if PREDECESSOR_TABLE in _tables(path) else StoreKind.FOREIGN


def require_ours(path: Path) -> None:
    """Return when `path` is a store of ours or free to become one.

    Raises:
        ForeignStoreError: It is neither; the sentence says what to do.
        CorruptStoreError: It was ours, and is no database any more.
    """
    kind = identify(path)
    if kind is StoreKind.DAMAGED:
        raise CorruptStoreError(
            f"The database {path.name} is damaged. Restore it from a backup.",
            log_text=f"{path}: the header is not SQLite's",
        )
    if kind is StoreKind.PREDECESSOR:
        raise ForeignStoreError(
            f"{path.name} is a database of the predecessor. Name it by DB_NAME, or import it; it "
            "is never written to."
        )
    if kind is StoreKind.FOREIGN:
        raise ForeignStoreError(
            f"{path.name} is not a database of this program. It was left as it is; choose another "
            "name with DB_NAME."
        )


@contextmanager
def import_lock(path: Path) -> Iterator[bool]:
    """Hold the right to import into a store; yields False when another process has it.

    While it is held, rows in state `WRITING` belong to a running import. When it can be had, such
    rows are left over from one that was aborted.
    """
    lock = FileLock(f"{path}.import.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise _folder_error(path, error) from error
    try:
        yield True
    finally:
        lock.release()


@contextmanager
def prepare_lock(path: Path) -> Iterator[None]:
    """Hold the right to make, migrate or exchange a store's file.

    Raises:
        StoreLockedError: Another process has held it for half a minute.
        StoreReadOnlyError: The folder cannot be written.
    """
    lock = FileLock(_lock_file(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=LOCK_TIMEOUT_S)
    except Timeout as error:
        msg = f"Another process has been preparing {path.name} for {LOCK_TIMEOUT_S:g} s. Stop it."
        raise StoreLockedError(msg) from error
    except OSError as error:
        raise _folder_error(path, error) from error
    try:
        yield
    finally:
        lock.release()


def _folder_error(path: Path, error: OSError) -> StoreError:
    msg = f"The folder of {path.name} cannot be written: {error.strerror or error}."
    return StoreReadOnlyError(msg, log_text=f"{path.parent}: {error}")


def _lock_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _was_ours(path: Path) -> bool:
    """Tell a store of ours whose header was overwritten from a file that never was one.

    Our tables' texts stand in the first page behind the header. Where the whole page is gone there
    must be zeros, as a failed disk leaves them, under a name that we have once prepared.
    """
    try:
        start = read_start(path, _PAGE_BYTES)
    except OSError:
        return False
    if b"CREATE TABLE ingest_state" in start and b"\0" in start:  # no dump as text
        return True
    return not any(start[:_HEADER_BYTES]) and _lock_file(path).exists()


def move_log_away(path: Path) -> None:
    """Rename a log whose store is gone: SQLite would play it into the next one of that name.

    The caller holds `prepare_lock`.
    """
    for suffix in ("-wal", "-shm"):
        log = path.with_name(f"{path.name}{suffix}")
        if log.exists():
            log.replace(path.with_name(f"{path.name}.lost{suffix}"))


def _tables(path: Path) -> set[str]:
    """Return the table names of any SQLite file; `immutable` keeps SQLite from touching it."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        db = sqlite3.connect(uri, uri=True)
        try:
            return {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
        finally:
            db.close()
    except sqlite3.Error:
        return set()  # not readable, so in any case not ours


def _create(path: Path) -> None:
    """Build the store under another name and move it into place: nobody sees a half-made one."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with translated(path):
        db = sqlite3.connect(draft, isolation_level=None)
        try:
            # Two rows of about 2 kB share a page of this size; with 4 kB every other byte is spare.
            db.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            with writing(db, path):
                _apply(db, 0)
            db.execute("PRAGMA journal_mode = WAL")
        finally:
            db.close()
    draft.replace(path)


def _migrate(path: Path) -> None:
    done = count_migrations(path)
    if done == len(MIGRATIONS):
        return
    db = connect_writer(path, durable=True)
    try:
        with writing(db, path):
            _apply(db, done)
    finally:
        db.close()


def count_migrations(path: Path) -> int:
    """Return how many migrations the store has had, reading only.

    Raises:
        NewerStoreError: It has had some that this release does not know.
    """
    db = connect_reader(path)
    try:
        with translated(path):
            (done,) = db.execute("PRAGMA user_version").fetchone()
    finally:
        db.close()
    if done > len(MIGRATIONS):
        raise NewerStoreError(
            f"{path.name} was written by a later release of this program. Update the program, or "
            "choose another name with DB_NAME; the file was left as it is."
        )
    return int(done)


def _apply(db: sqlite3.Connection, done: int) -> None:
    db.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT)")
    for number, (name, statements) in enumerate(MIGRATIONS[done:], start=done + 1):
        for statement in statements:
            db.execute(statement)
        db.execute("INSERT INTO migrations VALUES (?, ?)", (number, name))
    db.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
