"""One import into the store: who may see it when, in short transactions.

An `ImportRun` writes whole sessions that no reader sees, then shows them all in its last
transaction, in which the sessions that they replace disappear. An import that is killed or fails
leaves rows that nobody sees; the next writer removes them. Every transaction is short, with a pause
after it, so that a running feed keeps its rhythm.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.merge import collapse
from dashboard.domain.trade import Trades
from dashboard.errors import StoreError, StoreLockedError
from dashboard.storage import cleanup
from dashboard.storage.calendars import calendar_folder, load_calendar
from dashboard.storage.connection import connect_writer, pause, reading, set_durable, writing
from dashboard.storage.queries import read_counter
from dashboard.storage.rows import UPSERT_BARS, bar_rows, insert_trades
from dashboard.storage.schema import RawTrades, SessionState, import_lock, prepare_store
from dashboard.storage.tables import (
    StoredInstrument,
    add_instrument,
    add_origin,
    add_session,
    find_instrument,
    raise_generation,
    require_same_kind,
    set_totals_from_bars,
)

Progress = Callable[[int, int], None]
"""Called with the rows done and the rows in all after every transaction."""

_ROWS = 16_000  # 25 to 40 ms
_BARS = 500
_AGGREGATE_ROWS = 500_000
_PAUSE_S = 0.002


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did.

    Attributes:
        symbol: The instrument.
        files: Names of the files.
        rows_read: Trades (or bars) that the files hold.
        rows_added: Those that were not stored before.
        sessions: Sessions written.
        bars: Base bars written.
        instrument: With the tick and lot of these files.
        notes: Whole sentences: what was inferred, left out, or should be looked at.
    """

    symbol: str
    files: tuple[str, ...]
    rows_read: int
    rows_added: int
    sessions: int
    bars: int
    instrument: Instrument
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session that readers see, as an import meets it.

    Attributes:
        id: Its row.
        label: For sentences.
        recorded: A live feed wrote some of it.
        interval_s: Length of its base bars, 0 while it has none.
        trades: Its number of trades: grows when a feed is writing it.
        raw: Whether the trades themselves are stored.
        tick_size: Its tick.
    """

    id: int
    label: str
    recorded: bool
    interval_s: int
    trades: int
    raw: RawTrades
    tick_size: int


@contextmanager
def open_import(path: Path, kind: str, files: Sequence[str]) -> Iterator[ImportRun]:
    """Open a store for one import; what was not finished is taken back at the end.

    Args:
        path: The store; created when missing.
        kind: What is imported, for the record: ``trades`` or ``predecessor``.
        files: Names of the files, for the record.

    Raises:
        StoreLockedError: Another import is running.
        StoreError: The store cannot be written.
    """
    prepare_store(path)
    with import_lock(path) as alone:
        if not alone:
            msg = f"Another import into {path.name} is running; start this one after it."
            raise StoreLockedError(msg)
        db = connect_writer(path, durable=False)
        # Pages are copied from the log to the file after 64 MB instead of 8: fewer waits for disk.
        db.execute("PRAGMA wal_autocheckpoint = 8000")
        try:
            cleanup.drop_unfinished(db, path)
            yield ImportRun(db, path, kind, files)
        finally:
            # After a full disk even this may fail: then the next writer does it.
            with contextlib.suppress(StoreError):
                cleanup.drop_unfinished(db, path)
                cleanup.remove_dropped(db, path)
            db.close()


class ImportRun:
    """A running import of one instrument; made by `open_import`.

    `begin` once, then `write_trades` or `write_bars` once per session, then `finish`.

    Attributes:
        sessions: Sessions written so far.
        bars: Base bars written so far.
    """

    def __init__(self, db: sqlite3.Connection, path: Path, kind: str, files: Sequence[str]) -> None:
        self.sessions = 0
        self.bars = 0
        self._db = db
        self._path = path
        self._kind = kind
        self._files = files
        self._import_id = 0
        self._version = 0
        self._stored: StoredInstrument | None = None
        self._replaced: list[StoredSession] = []

    def find_instrument(self, symbol: str) -> Instrument | None:
        """Return the stored instrument, None when there is none."""
        with reading(self._db, self._path) as db:
            found = find_instrument(db, symbol)
        return found.instrument if found else None

    def calendar(self, name: str) -> Calendar:
        """Return a calendar as the store's readers load it."""
        return load_calendar(name, calendar_folder(self._path))

    def begin(self, instrument: Instrument) -> None:
        """Start writing sessions of an instrument, with its tick and lot.

        An instrument that is stored already keeps its own tick and lot unless one of these
        sessions becomes its newest.

        Raises:
            StoreError: The stored one has other units, another calendar, or is simulated.
        """
        with writing(self._db, self._path) as db:
            found = find_instrument(db, instrument.symbol)
            if found is not None:
                require_same_kind(found.instrument, instrument)
            row_id = found.id if found else add_instrument(db, instrument, shown=False)
            self._stored = StoredInstrument(row_id, instrument)
            cursor = db.execute(
                "INSERT INTO imports (instrument_id, kind, files) VALUES (?, ?, ?)",
                (row_id, self._kind, json.dumps(list(self._files))),
            )
            self._import_id = int(cursor.lastrowid or 0)
            self._version = read_counter(db, "version")

    def find_session(self, symbol: str, session_ns: int) -> StoredSession | None:
        """Return the session that readers see now, None when there is none."""
        query = """SELECT s.id, s.label, s.import_id IS NULL, ifnull(o.interval_s, 0), s.trades,
                s.raw, s.tick_size
            FROM shown_sessions s JOIN instruments i ON i.id = s.instrument_id
                LEFT JOIN origins o ON o.id = s.origin_id
            WHERE i.symbol = ? AND s.session_ns = ?"""
        with reading(self._db, self._path) as db:
            row = db.execute(query, (symbol, session_ns)).fetchone()
        if row is None:
            return None
        row_id, label, recorded, interval_s, trades, raw, tick = row
        return StoredSession(
            row_id, label, bool(recorded), interval_s, trades, RawTrades(raw), tick
        )

    def write_trades(
        self,
        session_ns: int,
        trades: Trades,
        tick_size: int,
        replaced: StoredSession | None,
        progress: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Write a whole session: its trades, numbered anew, and all its base minutes.

        Args:
            session_ns: The session.
            trades: All its trades in the order in which they are to be read.
            tick_size: Its tick, price units: the height of the stored levels.
            replaced: The session that this one takes the place of.
            progress: Called with the trades written, after every transaction.
        """
        stored = self._with_tick(tick_size)
        calendar = self.calendar(stored.instrument.calendar)
        session_id, first_seq = self._reserve(stored, calendar, session_ns, trades)
        self._note_replaced(replaced)
        seq = np.arange(first_seq, first_seq + len(trades), dtype=np.int64)
        trades = trades.replace(seq=seq)
        for start in range(0, len(trades), _ROWS):
            part = trades.take(slice(start, start + _ROWS))
            with writing(self._db, self._path) as db:
                insert_trades(db, stored.id, repeat(session_id), part)
            progress(len(part))
            pause(_PAUSE_S)
        self._write_bars(session_id, _minutes_of(trades, calendar, tick_size))

    def write_bars(self, session_ns: int, bars: Bars, replaced: StoredSession | None) -> None:
        """Write a whole session of which only base bars are known."""
        stored = self._with_tick(bars.level_size)
        calendar = self.calendar(stored.instrument.calendar)
        self._note_replaced(replaced)
        with writing(self._db, self._path) as db:
            session_id = add_session(
                db, stored, calendar, session_ns,
                state=SessionState.WRITING, import_id=self._import_id,
            )  # fmt: skip
        self._write_bars(session_id, bars)

    def finish(self) -> None:
        """Show all that was written, in one transaction that reaches the disk.

        Raises:
            StoreError: A feed went on writing a session that this import replaces; nothing of the
                import is shown then.
        """
        stored = self._require_begun()
        set_durable(self._db, True)
        with writing(self._db, self._path) as db:
            for old in self._replaced:
                self._drop(db, old)
            db.execute(
                "UPDATE sessions SET state = ? WHERE import_id = ? AND state = ?",
                (SessionState.SHOWN, self._import_id, SessionState.WRITING),
            )
            db.execute("UPDATE instruments SET shown = 1 WHERE id = ?", (stored.id,))
            # An instrument's own tick and lot are those of its newest session.
            db.execute(
                """UPDATE instruments SET (tick_size, lot_size) = (
                    SELECT tick_size, lot_size FROM shown_sessions s
                    WHERE s.instrument_id = instruments.id ORDER BY session_ns DESC LIMIT 1)
                WHERE id = ? AND ? = (
                    SELECT import_id FROM shown_sessions s
                    WHERE s.instrument_id = instruments.id ORDER BY session_ns DESC LIMIT 1)""",
                (stored.id, self._import_id),
            )
            db.execute("UPDATE imports SET complete = 1 WHERE id = ?", (self._import_id,))
            raise_generation(db)
        set_durable(self._db, False)

    def _require_begun(self) -> StoredInstrument:
        if self._stored is None:
            msg = "begin() comes first"
            raise RuntimeError(msg)
        return self._stored

    def _with_tick(self, tick_size: int) -> StoredInstrument:
        stored = self._require_begun()
        return replace(stored, instrument=replace(stored.instrument, tick_size=tick_size))

    def _note_replaced(self, replaced: StoredSession | None) -> None:
        if replaced is not None:
            self._replaced.append(replaced)

    def _reserve(
        self, stored: StoredInstrument, calendar: Calendar, session_ns: int, trades: Trades
    ) -> tuple[int, int]:
        """Insert the session's row with its totals and take its trades' numbers."""
        with writing(self._db, self._path) as db:
            query = "SELECT last_seq FROM instruments WHERE id = ?"
            (last,) = db.execute(query, (stored.id,)).fetchone()
            db.execute(
                "UPDATE instruments SET last_seq = ? WHERE id = ?", (last + len(trades), stored.id)
            )
            session_id = add_session(
                db, stored, calendar, session_ns,
                state=SessionState.WRITING, import_id=self._import_id,
            )  # fmt: skip
            db.execute(
                """UPDATE sessions SET first_ns = ?, last_ns = ?, trades = ?, volume = ?, raw = ?,
                    first_seq = ?, last_seq = ? WHERE id = ?""",
                (
                    int(trades.event_ns.min()),
                    int(trades.event_ns.max()),
                    len(trades),
                    int(trades.size.sum()),
                    RawTrades.KEPT,
                    last + 1,
                    last + len(trades),
                    session_id,
                ),
            )
        return session_id, last + 1

    def _write_bars(self, session_id: int, bars: Bars) -> None:
        bars = bars.with_columns(version=np.full(len(bars), self._version, dtype=np.int64))
        for start in range(0, len(bars), _BARS):
            part = bars.take(start, min(start + _BARS, len(bars)))
            with writing(self._db, self._path) as db:
                db.executemany(UPSERT_BARS, bar_rows(repeat(session_id), part))
            pause(_PAUSE_S)
        with writing(self._db, self._path) as db:
            origin_id = add_origin(db, bars)
            db.execute("UPDATE sessions SET origin_id = ? WHERE id = ?", (origin_id, session_id))
            set_totals_from_bars(db, session_id)
        self.sessions += 1
        self.bars += len(bars)

    def _drop(self, db: sqlite3.Connection, old: StoredSession) -> None:
        cursor = db.execute(
            "UPDATE sessions SET state = ? WHERE id = ? AND trades = ?",
            (SessionState.DROPPED, old.id, old.trades),
        )
        if not cursor.rowcount:
            raise StoreError(
                f"The session {old.label} is being recorded at this moment. Import it when the "
                "feed has stopped; nothing was changed."
            )
        db.execute(
            """DELETE FROM gaps WHERE EXISTS (SELECT 1 FROM sessions s WHERE s.id = ?
                AND s.instrument_id = gaps.instrument_id AND s.session_ns = gaps.session_ns)""",
            (old.id,),
        )


def _minutes_of(trades: Trades, calendar: Calendar, tick_size: int) -> Bars:
    """Return the base minutes of numbered trades, in pieces that keep memory flat."""
    parts = [
        aggregate(trades.take(slice(i, i + _AGGREGATE_ROWS)), MINUTE, calendar, tick_size)[0]
        for i in range(0, len(trades), _AGGREGATE_ROWS)
    ]
    return collapse(Bars.concat(parts))
