"""`SqliteHistory`: the store's read side, for pages, api and series.

Every thread of every process has its own read-only connection, opened at its first question; each
question is one short read transaction, so a reader never holds back the writer.
"""

from __future__ import annotations

import math
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dashboard.domain.bars import BarOrigin, Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import InstrumentUnknownError, ViewNotPossibleError
from dashboard.ports import SessionInfo
from dashboard.storage.calendars import load_calendar
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.rows import (
    BAR_SELECT,
    INSTRUMENT_COLUMNS,
    TRADE_SELECT,
    instrument_of,
    read_bar_rows,
    read_trade_rows,
)
from dashboard.storage.schema import require_ours

BASE_ORIGIN = BarOrigin(interval_s=60)
"""Origin of our own base bars, and of sessions that have none yet."""

_FIRST_NS, _LAST_NS = -(2**63), 2**63 - 1

_SESSION_SELECT = """
SELECT s.session_ns, s.close_ns, s.date, s.first_ns, s.last_ns, s.trades, s.volume, s.confirmed,
       s.tick_size, s.lot_size, s.label,
       o.interval_s, o.level_size, o.level_anchor, o.ohlc_exact, o.absent
FROM shown_sessions s LEFT JOIN origins o ON o.id = s.origin_id
WHERE s.instrument_id = ? AND s.session_ns BETWEEN ? AND ?
ORDER BY s.session_ns
"""

# CROSS JOIN fixes the order of the loops: sessions by time, then each one's bars by ordinal.
_BAR_QUERY = f"""
SELECT {BAR_SELECT} FROM shown_sessions s CROSS JOIN bars b ON b.session_id = s.id
WHERE s.instrument_id = ? AND s.session_ns BETWEEN ? AND ? AND b.version > ?
ORDER BY s.session_ns, b.ordinal
"""  # noqa: S608 - the column list is a constant

_TRADE_QUERY = f"""
SELECT {TRADE_SELECT} FROM trades t
WHERE t.instrument_id = ?1 AND t.seq > ?4 AND t.seq BETWEEN ?5 AND ?6 AND t.session_id IN (
  SELECT id FROM shown_sessions
  WHERE instrument_id = ?1 AND raw = 1 AND session_ns BETWEEN ?2 AND ?3)
ORDER BY t.seq LIMIT ?7
"""  # noqa: S608 - likewise

_SEQ_RANGE = """
SELECT min(first_seq), max(last_seq) FROM shown_sessions
WHERE instrument_id = ? AND raw = 1 AND session_ns BETWEEN ? AND ?
"""


@dataclass(frozen=True, slots=True)
class _Connection:
    """A thread's connection and the process that opened it."""

    db: sqlite3.Connection
    pid: int


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
            return read_counter(db, "generation")

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
            return _read_sessions(db, _find_id(db, symbol), _FIRST_NS, _LAST_NS)

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = 0,
    ) -> Bars:
        """Return closed base bars with their levels, by session and ordinal.

        Args:
            symbol: The instrument; an unknown one has no bars.
            first_session_ns: Session id, inclusive; None: no bound.
            last_session_ns: Likewise.
            after_version: Only bars changed after this version; 0 for all, imported ones included.

        Raises:
            ViewNotPossibleError: The sessions hold bars of different origin, which never mix.
        """
        first, last = _bounds(first_session_ns, last_session_ns)
        with self._read() as db:
            instrument_id = _find_id(db, symbol)
            sessions = _read_sessions(db, instrument_id, first, last)
            origin, level_size = _common_origin(sessions, _find_tick(db, instrument_id))
            since = after_version if after_version > 0 else -1
            cursor = db.execute(_BAR_QUERY, (instrument_id, first, last, since))
            return read_bar_rows(cursor, level_size, origin)

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        """Return raw trades of the sessions in arrival (seq) order.

        Args:
            symbol: The instrument; an unknown one has no trades.
            first_session_ns: Session id, inclusive; None: no bound.
            last_session_ns: Likewise.
            after_seq: Only trades numbered higher.
            limit: At most so many, the first ones.
        """
        bounds = _bounds(first_session_ns, last_session_ns)
        with self._read() as db:
            instrument_id = _find_id(db, symbol)
            # The numbers of a session's trades lie close together, so their range is the index.
            low, high = db.execute(_SEQ_RANGE, (instrument_id, *bounds)).fetchone()
            if low is None:
                return Trades.empty()
            most = -1 if limit is None else limit
            cursor = db.execute(_TRADE_QUERY, (instrument_id, *bounds, after_seq, low, high, most))
            return read_trade_rows(cursor)

    def read_gaps(self, symbol: str, session_ns: int) -> list[Gap]:
        """Return the gaps that end in a session, in time order."""
        query = """SELECT start_ns, end_ns, volume, price, cause FROM gaps
            WHERE instrument_id = ? AND session_ns = ? ORDER BY start_ns, id"""
        with self._read() as db:
            rows = db.execute(query, (_find_id(db, symbol), session_ns)).fetchall()
        return [Gap(symbol, *row) for row in rows]

    def has_trades(self, symbol: str, session_ns: int) -> bool:
        """Return whether the session's raw trades are stored."""
        query = """SELECT 1 FROM shown_sessions
            WHERE instrument_id = ? AND session_ns = ? AND raw = 1"""
        with self._read() as db:
            return db.execute(query, (_find_id(db, symbol), session_ns)).fetchone() is not None

    def close(self) -> None:
        """Close the calling thread's connection; the next question opens a new one."""
        mine: _Connection | None = getattr(self._local, "mine", None)
        if mine is not None and mine.pid == os.getpid():
            mine.db.close()
        self._local.mine = None

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        mine: _Connection | None = getattr(self._local, "mine", None)
        # A connection must not be used across a fork: SQLite's locks belong to the process.
        if mine is None or mine.pid != os.getpid():
            require_ours(self._path)
            mine = self._local.mine = _Connection(connect_reader(self._path), os.getpid())
        with reading(mine.db, self._path) as db:
            yield db


def calendar_folder(path: Path) -> Path:
    """Return the folder beside a store in which a user may put calendar files."""
    return path.parent / "calendars"


def read_counter(db: sqlite3.Connection, name: str) -> int:
    """Return one of the store's counters."""
    (value,) = db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(value)


def _find_id(db: sqlite3.Connection, symbol: str) -> int:
    """Return an instrument's row id; 0, which no row has, when it is unknown."""
    query = "SELECT id FROM instruments WHERE symbol = ? AND shown"
    row = db.execute(query, (symbol,)).fetchone()
    return int(row[0]) if row else 0


def _find_tick(db: sqlite3.Connection, instrument_id: int) -> int:
    row = db.execute("SELECT tick_size FROM instruments WHERE id = ?", (instrument_id,)).fetchone()
    return int(row[0]) if row else 1


def _bounds(first: int | None, last: int | None) -> tuple[int, int]:
    return _FIRST_NS if first is None else first, _LAST_NS if last is None else last


def _read_sessions(
    db: sqlite3.Connection, instrument_id: int, first: int, last: int
) -> list[SessionInfo]:
    return [_session_of(row) for row in db.execute(_SESSION_SELECT, (instrument_id, first, last))]


def _session_of(row: tuple[Any, ...]) -> SessionInfo:
    session_ns, close, date, first, last, trades, volume, confirmed, tick, lot, label, *origin = row
    return SessionInfo(
        session_ns=session_ns,
        close_ns=close,
        date=date,
        first_ns=first,
        last_ns=last,
        trades=trades,
        volume=volume,
        confirmed=bool(confirmed),
        tick_size=tick,
        lot_size=lot,
        origin=_origin_of(origin),
        level_size=origin[1] or tick,
        label=label,
    )


def _origin_of(row: list[Any]) -> BarOrigin:
    interval_s, _, anchor, exact, absent = row
    if interval_s is None:
        return BASE_ORIGIN
    names = frozenset(absent.split(",")) if absent else frozenset()
    return BarOrigin(interval_s, anchor, bool(exact), names)


def _common_origin(sessions: list[SessionInfo], tick_size: int) -> tuple[BarOrigin, int]:
    """Return the origin and level size in which all the sessions' bars can be given.

    Levels as high as the tick are single prices, so those of sessions with different ticks are all
    levels of the ticks' greatest common divisor.

    Raises:
        ViewNotPossibleError: The origins differ, or coarser levels of different height do.
    """
    if not sessions:
        return BASE_ORIGIN, tick_size
    origins = {s.origin for s in sessions}
    sizes = {s.level_size for s in sessions}
    by_tick = all(s.level_size == s.tick_size and s.origin.ohlc_exact for s in sessions)
    if len(origins) == 1 and (len(sizes) == 1 or by_tick):
        return sessions[0].origin, math.gcd(*sizes)
    kind = sessions[0]
    other = next(s for s in sessions if (s.origin, s.level_size) != (kind.origin, kind.level_size))
    raise ViewNotPossibleError(
        f"The sessions of {kind.label} and {other.label} hold bars of different sources, which are "
        "never mixed. Choose sessions of one source."
    )
