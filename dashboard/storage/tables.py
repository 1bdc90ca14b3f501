"""Writing the store's rows, shared by the recorder and the importers.

Every function works inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass

from dashboard.domain.bars import BarOrigin, Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.errors import StoreError
from dashboard.storage.rows import INSTRUMENT_COLUMNS, instrument_of, instrument_row
from dashboard.storage.schema import RawTrades, SessionState


@dataclass(frozen=True, slots=True)
class StoredInstrument:
    """An instrument and its row id."""

    id: int
    instrument: Instrument


def find_instrument(db: sqlite3.Connection, symbol: str) -> StoredInstrument | None:
    """Return the stored instrument, also one that an unfinished import made."""
    query = f"SELECT id, {INSTRUMENT_COLUMNS} FROM instruments WHERE symbol = ?"  # noqa: S608
    row = db.execute(query, (symbol,)).fetchone()
    return StoredInstrument(row[0], instrument_of(row[1:])) if row else None


def add_instrument(db: sqlite3.Connection, instrument: Instrument, *, shown: bool) -> int:
    """Insert an instrument; readers see it at once when `shown`."""
    marks = ", ".join("?" * (INSTRUMENT_COLUMNS.count(",") + 1))
    cursor = db.execute(
        f"INSERT INTO instruments ({INSTRUMENT_COLUMNS}, shown) VALUES ({marks}, ?)",  # noqa: S608
        (*instrument_row(instrument), shown),
    )
    return int(cursor.lastrowid or 0)


def require_same_kind(stored: Instrument, given: Instrument) -> None:
    """Return when data of `given` may be stored under the symbol of `stored`.

    Raises:
        StoreError: Units, calendar or reality differ: numbers of the two would not be comparable.
    """
    fixed = {
        "price_scale": "price units per 1.00",
        "size_scale": "size units per contract",
        "calendar": "trading calendar",
        "simulated": "simulated",
    }
    for name, text in fixed.items():
        old, new = getattr(stored, name), getattr(given, name)
        if old != new:
            raise StoreError(
                f"{stored.symbol} is stored with {text} = {old}, the new data has {new}. "
                "Use another symbol for it, or another database."
            )


def find_session(
    db: sqlite3.Connection, instrument_id: int, session_ns: int
) -> tuple[int, int | None] | None:
    """Return row id and origin id of the session that readers see, None when there is none."""
    row = db.execute(
        "SELECT id, origin_id FROM shown_sessions WHERE instrument_id = ? AND session_ns = ?",
        (instrument_id, session_ns),
    ).fetchone()
    return (row[0], row[1]) if row else None


def add_session(
    db: sqlite3.Connection,
    stored: StoredInstrument,
    calendar: Calendar,
    session_ns: int,
    *,
    state: SessionState = SessionState.SHOWN,
    import_id: int | None = None,
) -> int:
    """Insert a session without totals, with the instrument's present tick and lot."""
    session = calendar.session_at(session_ns)
    cursor = db.execute(
        """INSERT INTO sessions (instrument_id, session_ns, close_ns, date, label, confirmed,
            tick_size, lot_size, import_id, state, first_ns, last_ns)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            stored.id,
            session_ns,
            session.close_ns,
            session.date,
            session.label,
            int(session.confirmed),
            stored.instrument.tick_size,
            stored.instrument.lot_size,
            import_id,
            state,
            2**63 - 1,  # earlier than any: the first data of the session replaces both
            -(2**63),
        ),
    )
    return int(cursor.lastrowid or 0)


def add_origin(db: sqlite3.Connection, bars: Bars) -> int:
    """Return the row id of the bars' origin, inserted where it is new.

    A base bar's length is its spec's: a bar made from trades becomes one by being stored.
    """
    origin: BarOrigin = bars.origin
    key = (
        bars.spec.size,
        bars.level_size,
        origin.level_anchor,
        int(origin.ohlc_exact),
        ",".join(sorted(origin.absent)),
    )
    db.execute(
        "INSERT OR IGNORE INTO origins (interval_s, level_size, level_anchor, ohlc_exact, absent) "
        "VALUES (?, ?, ?, ?, ?)",
        key,
    )
    row = db.execute(
        "SELECT id FROM origins WHERE interval_s = ? AND level_size = ? AND level_anchor = ? "
        "AND ohlc_exact = ? AND absent = ?",
        key,
    ).fetchone()
    return int(row[0])


def set_totals_from_bars(db: sqlite3.Connection, session_id: int) -> None:
    """Take a session's times and totals from its bars, where it has no raw trades to count."""
    db.execute(
        """UPDATE sessions SET (first_ns, last_ns, trades, volume) = (
            SELECT min(start_ns), max(end_ns), ifnull(sum(trades), 0),
                sum(bid_volume + ask_volume + unknown_volume + unattributed_volume)
            FROM bars WHERE session_id = sessions.id)
        WHERE id = ? AND raw = ?
            AND EXISTS (SELECT 1 FROM bars WHERE session_id = sessions.id)""",
        (session_id, RawTrades.NONE),
    )


def raise_generation(db: sqlite3.Connection) -> None:
    """Tell readers that the series they hold are void."""
    db.execute("UPDATE counters SET value = value + 1 WHERE name = 'generation'")
