"""`SqliteRecorder`: the store's write side, owned by the ingest leader.

A cycle is one transaction with ``synchronous=FULL``: SQLite's log is on the disk before `record`
returns, so what is shown afterwards survives a kill -9 and a power cut. With NORMAL a kill would be
survived too, a power cut would take back the last cycles of a chart that somebody has seen. The
price is one fsync per cycle, at most 20 a second.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import InstrumentUnknownError, StoreError
from dashboard.ports import IngestBatch, ResumePoint
from dashboard.storage import cleanup, queries
from dashboard.storage.calendars import calendar_folder, load_calendar
from dashboard.storage.connection import connect_writer, reading, writing
from dashboard.storage.rows import UPSERT_BARS, bar_rows, insert_trades
from dashboard.storage.schema import RawTrades, prepare_store
from dashboard.storage.tables import (
    StoredInstrument,
    add_instrument,
    add_origin,
    add_session,
    find_instrument,
    find_session,
    raise_generation,
    require_same_kind,
    set_totals_from_bars,
)

I64 = NDArray[np.int64]

_PRUNABLE = """
SELECT s.id FROM shown_sessions s
WHERE s.raw = ? AND s.session_ns < ? AND s.session_ns < (
        SELECT max(session_ns) FROM shown_sessions n WHERE n.instrument_id = s.instrument_id)
    AND s.trades = (SELECT ifnull(sum(b.trades), 0) FROM bars b WHERE b.session_id = s.id)
"""


@dataclass(frozen=True, slots=True)
class _Known:
    """An instrument as the recorder keeps it between cycles."""

    stored: StoredInstrument
    calendar: Calendar


class SqliteRecorder:
    """The one writer of a store file; implements `ports.Recorder`.

    Made by the ingest leader: prepares the store and removes what an aborted import or pruning
    left. Used from one thread at a time.

    Args:
        path: The store; created when missing.
        durable: False trades the last cycles before a power cut for speed; for tests and bulk work.

    Raises:
        StoreError: The file is foreign, newer, locked, or cannot be written.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        prepare_store(path)
        self._path = path
        self._known: dict[str, _Known] = {}
        self._db = connect_writer(path, durable=durable)
        cleanup.remove_leftovers(self._db, path)

    def add_instrument(self, instrument: Instrument) -> Instrument:
        """Store an instrument, or bring the stored one's token, tick, lot and expiry up to date.

        Sessions begun before keep the tick and lot that they began with.

        Raises:
            StoreError: The stored one has other units, another calendar, or is not as real.
        """
        with writing(self._db, self._path) as db:
            found = find_instrument(db, instrument.symbol)
            if found is None:
                row_id = add_instrument(db, instrument, shown=True)
            else:
                require_same_kind(found.instrument, instrument)
                row_id = found.id
                db.execute(
                    "UPDATE instruments SET token = ?, exchange = ?, tick_size = ?, lot_size = ?, "
                    "expiry = ?, shown = 1 WHERE id = ?",
                    (
                        instrument.token,
                        instrument.exchange,
                        instrument.tick_size,
                        instrument.lot_size,
                        instrument.expiry,
                        row_id,
                    ),
                )
        calendar = load_calendar(instrument.calendar, calendar_folder(self._path))
        self._known[instrument.symbol] = _Known(StoredInstrument(row_id, instrument), calendar)
        return instrument

    def record(self, batches: Sequence[IngestBatch]) -> None:
        """Write a cycle in one transaction; durable when this returns.

        A bar that comes before the newest stored one of its instrument, and was not there yet,
        raises the generation: the bars after it have moved.

        Raises:
            InstrumentUnknownError: A batch's instrument was never added.
            StoreError: Nothing of the cycle was stored.
        """
        if not batches:
            return
        with writing(self._db, self._path) as db:
            moved = [self._record_batch(db, batch) for batch in batches]
            version = max(batch.version for batch in batches)
            db.execute(
                "UPDATE counters SET value = max(value, ?) WHERE name = 'version'", (version,)
            )
            if any(moved):
                raise_generation(db)

    def resume_point(self, symbol: str) -> ResumePoint:
        """Return where the stored data ends; all zeros when there is none."""
        query = "SELECT source_seq, event_ns, session_ns FROM ingest_state WHERE instrument_id = ?"
        row = self._row(query, symbol)
        return ResumePoint(*row) if row else ResumePoint()

    def ingest_state(self, symbol: str) -> bytes:
        """Return the last recorded inference state, b"" when there is none."""
        row = self._row("SELECT state FROM ingest_state WHERE instrument_id = ?", symbol)
        return bytes(row[0]) if row else b""

    def last_version(self) -> int:
        """Return the highest version recorded, 0 on a new store."""
        with reading(self._db, self._path) as db:
            return queries.read_counter(db, "version")

    def last_seq(self, symbol: str) -> int:
        """Return the number of the newest trade, 0 when there is none.

        Numbers that a running import has reserved count as used.
        """
        row = self._row("SELECT last_seq FROM instruments WHERE id = ?", symbol)
        return int(row[0]) if row else 0

    def open_trades(self, symbol: str) -> Trades:
        """Return stored trades whose minute has no stored bar, in seq order.

        They are the newest ones: a minute closes within seconds of its end, so the search goes
        back from the newest trade until a whole chunk has bars.
        """
        with reading(self._db, self._path) as db:
            return queries.read_open_trades(db, symbol)

    def closed_bar(self, symbol: str, session_ns: int, ordinal: int) -> Bars | None:
        """Return one stored base minute with its levels, None when it is not stored."""
        with reading(self._db, self._path) as db:
            bar = queries.read_bar(db, symbol, session_ns, ordinal)
        return bar if len(bar) else None

    def prune_trades(self, before_session_ns: int) -> bool:
        """Delete some raw trades of older sessions; their base bars stay.

        Readers miss all trades of such a session from the first call on, which raises the
        generation; each call deletes a handful, also of what a killed process left. Kept are the
        newest session of an instrument and every session with a trade that no base bar contains.

        Args:
            before_session_ns: Sessions that open earlier are pruned.

        Returns:
            Whether there is more to delete.
        """
        with reading(self._db, self._path) as db:
            ids = [row[0] for row in db.execute(_PRUNABLE, (RawTrades.KEPT, before_session_ns))]
        if ids:
            with writing(self._db, self._path) as db:
                rows = [(RawTrades.PRUNING, session_id) for session_id in ids]
                db.executemany("UPDATE sessions SET raw = ? WHERE id = ?", rows)
                raise_generation(db)
        return cleanup.prune_some(self._db, self._path)

    def close(self) -> None:
        """Close the connection; may be called twice.

        The log is brought into the file first, where no other writer needs it: who copies the file
        of a dashboard that was stopped has everything.
        """
        with contextlib.suppress(sqlite3.Error):
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._db.close()

    def _row(self, query: str, symbol: str) -> tuple[Any, ...] | None:
        """Return the first row of a query about one instrument's row id."""
        with reading(self._db, self._path) as db:
            found = find_instrument(db, symbol)
            if found is None:
                return None
            row: tuple[Any, ...] | None = db.execute(query, (found.id,)).fetchone()
            return row

    def _require_known(self, db: sqlite3.Connection, symbol: str) -> _Known:
        known = self._known.get(symbol)
        if known is None:
            found = find_instrument(db, symbol)
            if found is None:
                raise InstrumentUnknownError(symbol)
            calendar = load_calendar(found.instrument.calendar, calendar_folder(self._path))
            known = self._known[symbol] = _Known(found, calendar)
        return known

    def _record_batch(self, db: sqlite3.Connection, batch: IngestBatch) -> bool:
        """Write one instrument's batch; return whether a bar was inserted before the newest."""
        known = self._require_known(db, batch.symbol)
        moved = False
        _insert_trades(db, known, batch.trades)
        for gap in batch.gaps:
            _insert_gap(db, known, gap)
        if batch.bars is not None and len(batch.bars):
            moved = _upsert_bars(db, known, batch.bars)
        db.execute(
            """INSERT INTO ingest_state VALUES (?, ?, ?, ?, ?)
            ON CONFLICT (instrument_id) DO UPDATE SET state = excluded.state,
                source_seq = excluded.source_seq, event_ns = excluded.event_ns,
                session_ns = excluded.session_ns""",
            (
                known.stored.id,
                batch.state,
                batch.resume.source_seq,
                batch.resume.event_ns,
                batch.resume.session_ns,
            ),
        )
        return moved


def _insert_trades(db: sqlite3.Connection, known: _Known, trades: Trades) -> None:
    if not len(trades):
        return
    row_id = known.stored.id
    (last,) = db.execute("SELECT last_seq FROM instruments WHERE id = ?", (row_id,)).fetchone()
    if int(trades.seq[0]) != last + 1:
        raise StoreError(
            f"Trades of {known.stored.instrument.symbol} were stored by another writer in the "
            "meantime; the feed starts again after them.",
            log_text=f"first seq {int(trades.seq[0])}, stored up to {last}",
        )
    opens = known.calendar.session_open(trades.event_ns)
    ids, index = _session_ids(db, known, opens)
    per_trade: Iterable[int] = repeat(ids[0]) if len(ids) == 1 else [ids[i] for i in index.tolist()]
    insert_trades(db, row_id, per_trade, trades)
    for number, session_id in enumerate(ids):
        part = trades if len(ids) == 1 else trades.take(index == number)
        _count_trades(db, session_id, part)
    db.execute("UPDATE instruments SET last_seq = ? WHERE id = ?", (int(trades.seq[-1]), row_id))


def _count_trades(db: sqlite3.Connection, session_id: int, trades: Trades) -> None:
    """Add trades to their session's totals; an imported session becomes a recorded one."""
    first_seq = int(trades.seq[0])
    db.execute(
        """UPDATE sessions SET first_ns = min(first_ns, ?), last_ns = max(last_ns, ?),
            trades = trades + ?, volume = volume + ?, raw = ?,
            first_seq = min(ifnull(first_seq, ?), ?), last_seq = ?, import_id = NULL
        WHERE id = ?""",
        (
            int(trades.event_ns.min()),
            int(trades.event_ns.max()),
            len(trades),
            int(trades.size.sum()),
            RawTrades.KEPT,
            first_seq,
            first_seq,
            int(trades.seq[-1]),
            session_id,
        ),
    )


def _session_ids(db: sqlite3.Connection, known: _Known, opens: I64) -> tuple[list[int], I64]:
    """Return the row ids of the sessions and, per element, the index into them."""
    # Nearly always all in one session, which needs no sort.
    if (opens == opens[0]).all():
        return [_ensure_session(db, known, int(opens[0]))], np.zeros(len(opens), dtype=np.int64)
    unique, index = np.unique(opens, return_inverse=True)
    return [_ensure_session(db, known, open_ns) for open_ns in unique.tolist()], index


def _ensure_session(db: sqlite3.Connection, known: _Known, session_ns: int) -> int:
    found = find_session(db, known.stored.id, session_ns)
    if found is not None:
        return found[0]
    return add_session(db, known.stored, known.calendar, session_ns)


def _insert_gap(db: sqlite3.Connection, known: _Known, gap: Gap) -> None:
    """Store a gap with the session in which it ends; what it missed counts in the session."""
    session_ns = int(known.calendar.session_open(np.array([gap.end_ns], dtype=np.int64))[0])
    db.execute(
        "INSERT INTO gaps (instrument_id, session_ns, start_ns, end_ns, volume, price, cause) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (known.stored.id, session_ns, gap.start_ns, gap.end_ns, gap.volume, gap.price, gap.cause),
    )
    if gap.volume:
        db.execute(
            "UPDATE sessions SET volume = volume + ?, first_ns = min(first_ns, ?), "
            "last_ns = max(last_ns, ?) WHERE id = ?",
            (gap.volume, gap.end_ns, gap.end_ns, _ensure_session(db, known, session_ns)),
        )


def _upsert_bars(db: sqlite3.Connection, known: _Known, bars: Bars) -> bool:
    """Insert or replace base bars; return whether one was inserted before the newest."""
    newest = _newest_bar(db, known.stored.id)
    ids, index = _session_ids(db, known, bars.session_ns)
    origin_id = add_origin(db, bars)
    for session_id in ids:
        _set_origin(db, session_id, origin_id)
    per_bar = [ids[i] for i in index.tolist()]
    moved = any(
        (session_ns, ordinal) < newest and not _has_bar(db, session_id, ordinal)
        for session_ns, ordinal, session_id in zip(
            bars.session_ns.tolist(), bars.ordinal.tolist(), per_bar, strict=True
        )
    )
    db.executemany(UPSERT_BARS, bar_rows(per_bar, bars))
    for session_id in ids:
        set_totals_from_bars(db, session_id)
    return moved


def _newest_bar(db: sqlite3.Connection, instrument_id: int) -> tuple[int, int]:
    """Return session and ordinal of the newest stored bar; lower than any when there is none."""
    row = db.execute(
        """SELECT s.session_ns, max(b.ordinal) FROM shown_sessions s
        CROSS JOIN bars b ON b.session_id = s.id
        WHERE s.instrument_id = ?1 AND s.session_ns = (
            SELECT max(session_ns) FROM shown_sessions w WHERE instrument_id = ?1
                AND EXISTS (SELECT 1 FROM bars WHERE session_id = w.id))
        GROUP BY s.session_ns""",
        (instrument_id,),
    ).fetchone()
    return (row[0], row[1]) if row else (-(2**63), 0)


def _has_bar(db: sqlite3.Connection, session_id: int, ordinal: int) -> bool:
    query = "SELECT 1 FROM bars WHERE session_id = ? AND ordinal = ?"
    return db.execute(query, (session_id, ordinal)).fetchone() is not None


def _set_origin(db: sqlite3.Connection, session_id: int, origin_id: int) -> None:
    query = "SELECT origin_id, label FROM sessions WHERE id = ?"
    stored, label = db.execute(query, (session_id,)).fetchone()
    if stored is None:
        db.execute("UPDATE sessions SET origin_id = ? WHERE id = ?", (origin_id, session_id))
    elif stored != origin_id:
        raise StoreError(
            f"The session {label} holds bars of another source or level size, and they are never "
            "mixed. Import the session's trades again, or use another symbol."
        )
