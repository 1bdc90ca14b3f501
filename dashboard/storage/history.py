"""`SqliteHistory`: the store's read side, for pages, api and series.

Every thread of every process has its own read-only connection, opened at its first question; each
question is one short read transaction, so a reader never holds back the writer.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dashboard.domain.bars import Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import InstrumentUnknownError
from dashboard.ports import SessionInfo
from dashboard.storage import queries
from dashboard.storage.calendars import calendar_folder, load_calendar
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.rows import INSTRUMENT_COLUMNS, instrument_of
from dashboard.storage.schema import require_ours


@dataclass(frozen=True, slots=True)
class _Connection:
    """A thread's connection, the process that opened it, and the file that it reads.

    One that was opened in a read-only folder is for one question: while it is open, no connection
    of its process can write, although the folder may have become writable.
    """

    db: sqlite3.Connection
    pid: int
    file: tuple[int, int]
    once: bool


class SqliteHistory:
    """The read side of a store file; implements `ports.History`.

    Nothing is opened before the first question, so an object may be made before a fork.

    Args:
        path: The store; it may appear after this object does.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()

    def generation(self) -> int:
        """Return the counter that rises when cached series become void."""
        with self._read() as db:
            return queries.read_counter(db, "generation")

    def instruments(self) -> list[Instrument]:
        """Return all instruments, by symbol."""
        query = f"SELECT {INSTRUMENT_COLUMNS} FROM instruments WHERE shown ORDER BY symbol"  # noqa: S608
        with self._read() as db:
            return [instrument_of(row) for row in db.execute(query)]

    def find_instrument(self, symbol: str) -> Instrument | None:
        """Return the instrument, None when there is none of that symbol."""
        query = f"SELECT {INSTRUMENT_COLUMNS} FROM instruments WHERE symbol = ? AND shown"  # noqa: S608
        with self._read() as db:
            row = db.execute(query, (symbol,)).fetchone()
        return instrument_of(row) if row else None

    def calendar(self, symbol: str) -> Calendar:
        """Return the trading calendar of an instrument.

        Raises:
            InstrumentUnknownError: There is no instrument of that symbol.
        """
        instrument = self.find_instrument(symbol)
        if instrument is None:
            raise InstrumentUnknownError(symbol, [i.symbol for i in self.instruments()])
        return load_calendar(instrument.calendar, calendar_folder(self._path))

    def sessions(self, symbol: str) -> list[SessionInfo]:
        """Return the stored sessions in time order; none for an unknown symbol."""
        with self._read() as db:
            return queries.read_sessions(
                db, queries.find_id(db, symbol), queries.FIRST_NS, queries.LAST_NS
            )

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        """Return closed base bars with their levels, by session and ordinal.

        Args:
            symbol: The instrument; an unknown one has no bars.
            first_session_ns: Session id, inclusive; None: no bound.
            last_session_ns: Likewise.
            after_version: Only bars changed after this version; -1 for all (imported ones have 0).

        Raises:
            ViewNotPossibleError: The sessions hold bars of different origin, which never mix.
        """
        bounds = _bounds(first_session_ns, last_session_ns)
        with self._read() as db:
            return queries.read_bars(db, symbol, *bounds, after_version)

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        """Return raw trades of the sessions: sessions by time, in them by arrival (seq).

        A trade that came late, after a later session had begun, stands where it arrived.

        Args:
            symbol: The instrument; an unknown one has no trades.
            first_session_ns: Session id, inclusive; None: no bound.
            last_session_ns: Likewise.
            after_seq: Only trades numbered higher.
            limit: At most so many, the first ones.
        """
        bounds = _bounds(first_session_ns, last_session_ns)
        with self._read() as db:
            return queries.read_trades(db, symbol, *bounds, after_seq, limit)

    def read_gaps(self, symbol: str, session_ns: int) -> list[Gap]:
        """Return the gaps that end in a session, in time order."""
        query = """SELECT start_ns, end_ns, volume, price, cause FROM gaps
            WHERE instrument_id = ? AND session_ns = ? ORDER BY start_ns, id"""
        with self._read() as db:
            rows = db.execute(query, (queries.find_id(db, symbol), session_ns)).fetchall()
        return [Gap(symbol, *row) for row in rows]

    def has_trades(self, symbol: str, session_ns: int) -> bool:
        """Return whether the session's raw trades are stored."""
        query = """SELECT 1 FROM shown_sessions
            WHERE instrument_id = ? AND session_ns = ? AND raw = 1"""
        with self._read() as db:
            return (
                db.execute(query, (queries.find_id(db, symbol), session_ns)).fetchone() is not None
            )

    def read_volume_by_rule(
        self, symbol: str, first_session_ns: int | None, last_session_ns: int | None
    ) -> tuple[int, ...]:
        """Return the volume of the sessions' raw trades by `SideRule`, size units."""
        with self._read() as db:
            bounds = _bounds(first_session_ns, last_session_ns)
            return queries.read_volume_by_rule(db, symbol, *bounds)

    def open_trades(self, symbol: str) -> Trades:
        """Return stored trades whose minute has no stored bar, in arrival (seq) order."""
        with self._read() as db:
            return queries.read_open_trades(db, symbol)

    def close(self) -> None:
        """Close the calling thread's connection; the next question opens a new one."""
        mine: _Connection | None = getattr(self._local, "mine", None)
        if mine is not None and mine.pid == os.getpid():
            mine.db.close()
        self._local.mine = None

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        mine: _Connection | None = getattr(self._local, "mine", None)
        if mine is None or not self._is_current(mine):
            mine = self._local.mine = self._open(mine)
        try:
            with reading(mine.db, self._path) as db:
                yield db
        finally:
            if mine.once:
                self.close()

    def _is_current(self, mine: _Connection) -> bool:
        # A connection must not be used across a fork: SQLite's locks belong to the process. And a
        # store that was restored, or begun anew, is another file under the same name.
        return mine.pid == os.getpid() and mine.file == _identity(self._path)

    def _open(self, before: _Connection | None) -> _Connection:
        if before is not None and before.pid == os.getpid():
            before.db.close()
        self._local.mine = None
        require_ours(self._path)
        file = _identity(self._path)
        once = not os.access(self._path.parent, os.W_OK)
        return _Connection(connect_reader(self._path), os.getpid(), file, once)


def _identity(path: Path) -> tuple[int, int]:
    """Return which file has the name now; (0, 0) when none has."""
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_dev, found.st_ino


def _bounds(first: int | None, last: int | None) -> tuple[int, int]:
    return queries.FIRST_NS if first is None else first, queries.LAST_NS if last is None else last
