"""Reads of the store, inside the caller's transaction; shared by `history` and `recorder`."""

from __future__ import annotations

import math
import sqlite3
from itertools import chain, repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import I64, MINUTE, BarOrigin, Bars
from dashboard.domain.trade import SideRule, Trades
from dashboard.errors import ViewNotPossibleError
from dashboard.ports import SessionInfo
from dashboard.storage.rows import BAR_SELECT, TRADE_SELECT, read_bar_rows, read_trade_rows

BASE_ORIGIN = BarOrigin(interval_s=60)
"""Origin of our own base bars, and of sessions that have none yet."""

FIRST_NS, LAST_NS = -(2**63), 2**63 - 1

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

_RULE_QUERY = """
SELECT t.rule, sum(t.size) FROM trades t
WHERE t.instrument_id = ?1 AND t.seq BETWEEN ?4 AND ?5 AND t.session_id IN (
  SELECT id FROM shown_sessions
  WHERE instrument_id = ?1 AND raw = 1 AND session_ns BETWEEN ?2 AND ?3)
GROUP BY t.rule
"""

_SEQ_RANGES = """
SELECT session_ns, first_seq, last_seq FROM shown_sessions
WHERE instrument_id = ? AND raw = 1 AND session_ns BETWEEN ? AND ?
ORDER BY session_ns
"""

# A second form, because the index on the ordinal serves no "ordinal or any".
_ONE_BAR_QUERY = _BAR_QUERY.replace("b.version > ?", "b.ordinal = ?")


def read_counter(db: sqlite3.Connection, name: str) -> int:
    """Return one of the store's counters."""
    (value,) = db.execute("SELECT value FROM counters WHERE name = ?", (name,)).fetchone()
    return int(value)


def read_bars(
    db: sqlite3.Connection, symbol: str, first_ns: int, last_ns: int, after_version: int
) -> Bars:
    """Return the base bars of the sessions first..last changed after a version (-1: all).

    Raises:
        ViewNotPossibleError: The sessions hold bars of different origin.
    """
    return _select_bars(db, symbol, (first_ns, last_ns), _BAR_QUERY, after_version)


def read_bar(db: sqlite3.Connection, symbol: str, session_ns: int, ordinal: int) -> Bars:
    """Return one base bar, or none."""
    return _select_bars(db, symbol, (session_ns, session_ns), _ONE_BAR_QUERY, ordinal)


def read_trades(
    db: sqlite3.Connection,
    symbol: str,
    first_ns: int,
    last_ns: int,
    after_seq: int,
    limit: int | None,
) -> Trades:
    """Return raw trades of the sessions first..last after a number.

    In seq order, which is the order of arrival. Where a session was imported after a later one, the
    earlier session still comes first: its numbers say when it was imported, not when it traded.
    """
    instrument_id = find_id(db, symbol)
    parts = []
    left = -1 if limit is None else limit
    for bounds, numbers in _seq_blocks(db, instrument_id, first_ns, last_ns):
        # The numbers of a session's trades lie close together, so their range is the index.
        cursor = db.execute(_TRADE_QUERY, (instrument_id, *bounds, after_seq, *numbers, left))
        parts.append(read_trade_rows(cursor))
        left -= len(parts[-1]) if limit is not None else 0
    return Trades.concat(parts) if len(parts) != 1 else parts[0]


def read_volume_by_rule(
    db: sqlite3.Connection, symbol: str, first_ns: int, last_ns: int
) -> tuple[int, ...]:
    """Return the volume of the sessions' raw trades by `SideRule`."""
    instrument_id = find_id(db, symbol)
    sums = dict.fromkeys(SideRule, 0)
    for bounds, numbers in _seq_blocks(db, instrument_id, first_ns, last_ns):
        for rule, volume in db.execute(_RULE_QUERY, (instrument_id, *bounds, *numbers)):
            sums[SideRule(rule)] += int(volume)
    return tuple(sums.values())


def _seq_blocks(
    db: sqlite3.Connection, instrument_id: int, first_ns: int, last_ns: int
) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """Return runs of sessions whose numbers rise with time: their ids' range, their seqs' range."""
    blocks: list[tuple[tuple[int, int], tuple[int, int]]] = []
    before = 0
    for session_ns, first, last in db.execute(_SEQ_RANGES, (instrument_id, first_ns, last_ns)):
        if blocks and first > before:
            (start_ns, _), (low, high) = blocks[-1]
            blocks[-1] = (start_ns, session_ns), (low, max(high, last))
        else:
            blocks.append(((session_ns, session_ns), (first, last)))
        before = first
    return blocks


def _select_bars(
    db: sqlite3.Connection, symbol: str, bounds: tuple[int, int], query: str, last: int
) -> Bars:
    instrument_id = find_id(db, symbol)
    sessions = read_sessions(db, instrument_id, *bounds)
    origin, level_size = _common_origin(sessions, _find_tick(db, instrument_id))
    cursor = db.execute(query, (instrument_id, *bounds, last))
    return read_bar_rows(cursor, level_size, origin)


def find_id(db: sqlite3.Connection, symbol: str) -> int:
    """Return an instrument's row id; 0, which no row has, when it is unknown."""
    query = "SELECT id FROM instruments WHERE symbol = ? AND shown"
    row = db.execute(query, (symbol,)).fetchone()
    return int(row[0]) if row else 0


def _find_tick(db: sqlite3.Connection, instrument_id: int) -> int:
    row = db.execute("SELECT tick_size FROM instruments WHERE id = ?", (instrument_id,)).fetchone()
    return int(row[0]) if row else 1


def read_sessions(
    db: sqlite3.Connection, instrument_id: int, first: int, last: int
) -> list[SessionInfo]:
    """Return the shown sessions whose ids lie in first..last, in time order."""
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


_TAILS = (1_024, 8_192, 65_536)
"""Trades read at a time when the open minutes are looked for from the newest trade back: mostly the
first few hundred are enough, and a long stretch without bars is read in large pieces."""

_TAIL_ROWS = """FROM trades t
WHERE t.instrument_id = ?1 AND t.seq < ?2
    AND t.session_id IN (SELECT id FROM shown_sessions WHERE instrument_id = ?1)
ORDER BY t.seq DESC LIMIT ?3"""


def read_open_trades(db: sqlite3.Connection, symbol: str) -> Trades:
    """Return stored trades whose minute has no stored bar, in seq order.

    They are the newest ones: a minute closes within seconds of its end, so the search goes back
    from the newest trade until a whole piece has bars.
    """
    instrument_id = find_id(db, symbol)
    parts: list[Trades] = []
    before = 2**63 - 1
    for size in chain(_TAILS, repeat(_TAILS[-1])):
        chunk, sessions = _tail(db, instrument_id, before, size)
        still_open = chunk.take(~_has_bars(db, chunk, sessions))
        parts.append(still_open)
        if len(chunk) < size or not len(still_open):
            break
        before = int(chunk.seq[0])
    return Trades.concat(reversed(parts))


def _tail(
    db: sqlite3.Connection, instrument_id: int, before_seq: int, size: int
) -> tuple[Trades, I64]:
    """Return the newest trades below a number, in seq order, and their sessions' row ids."""
    parameters = (instrument_id, before_seq, size)
    trades = read_trade_rows(db.execute(f"SELECT {TRADE_SELECT} {_TAIL_ROWS}", parameters))
    sessions = db.execute(f"SELECT t.session_id {_TAIL_ROWS}", parameters).fetchall()
    ids = np.array(sessions, dtype=np.int64).reshape(-1)
    return trades.take(slice(None, None, -1)), ids[::-1]


def _has_bars(db: sqlite3.Connection, trades: Trades, session_ids: I64) -> NDArray[np.bool_]:
    """Return which trades belong to a minute that has a stored bar, shape (T,)."""
    stored = np.zeros(len(trades), dtype=np.bool_)
    for session_id in np.unique(session_ids).tolist():
        query = "SELECT session_ns FROM sessions WHERE id = ?"
        (session_ns,) = db.execute(query, (session_id,)).fetchone()
        rows = db.execute("SELECT ordinal FROM bars WHERE session_id = ?", (session_id,)).fetchall()
        mine = np.flatnonzero(session_ids == session_id)
        ordinal = (trades.event_ns[mine] - session_ns) // MINUTE.interval_ns
        stored[mine] = np.isin(ordinal, np.array(rows, dtype=np.int64))
    return stored
