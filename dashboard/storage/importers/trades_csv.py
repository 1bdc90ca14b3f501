"""Trade files into the store: scales, tick, sides, sessions, and the identity of rows.

The file is read and checked whole before anything is written (`tape`). Trades are sorted stably by
time, cut into sessions, freed of rows that are stored already (`identity`), and written as whole
sessions (`common`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.aggressor import classify
from dashboard.domain.instrument import Instrument
from dashboard.domain.trade import NO_PRICE, AggressorSide, SideRule, Trades
from dashboard.errors import ImportFault, InputError
from dashboard.storage.calendars import CALENDAR_NAMES
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.common import (
    ImportReport,
    ImportRun,
    Progress,
    StoredSession,
    open_import,
)
from dashboard.storage.importers.fields import decimals_of
from dashboard.storage.importers.identity import find_repeats
from dashboard.storage.importers.tape import Tape, read_tape
from dashboard.storage.schema import RawTrades, require_ours

I64 = NDArray[np.int64]
BOOL = NDArray[np.bool_]

NSE_PRICE_SCALE = 100
"""Paise: the unit of every NSE price, whatever decimals a file happens to show."""

_IST_OFFSET_S = 19_800
_NSE_DAY_S = (9 * 3600, 15 * 3600 + 45 * 60)  # pre-open to the later of the two closes, rounded up
_DAY_S = 86_400


def import_trades(
    path: Path,
    files: Iterable[Path],
    *,
    symbol: str,
    calendar: str | None = None,
    tick_size: Decimal | None = None,
    lot_size: int | None = None,
    columns: Mapping[str, str] | None = None,
    skip_bad_rows: bool = False,
    replace_sessions: bool = False,
    progress: Progress = lambda _done, _all: None,
) -> ImportReport:
    """Import trade files as one instrument.

    Args:
        path: The store; created when missing.
        files: CSV files with a header, plain or gzip; overlapping ones are joined.
        symbol: The instrument; created when it is not stored.
        calendar: Its trading calendar. Left out: the stored instrument's; for a new one ``nse-fo``
            when all trades lie in NSE's hours, else ``24x7``.
        tick_size: Price step. Left out: the stored instrument's where all prices fit it, else the
            greatest common divisor of the prices.
        lot_size: Contracts per lot, for display; left out: the stored one's, else 1.
        columns: Header names by column, where the aliases are not enough.
        skip_bad_rows: Leave out and count rows that cannot be read.
        replace_sessions: Let the files take the place of stored sessions instead of adding to them.
        progress: Called with trades done and trades in all.

    Returns:
        What was done; with nothing new in the files the store is as before.

    Raises:
        ImportFault: A row or file that cannot be taken over; the store is as before.
        InputError: A parameter is not possible.
        StoreError: The store cannot be written, or the symbol is stored as something else.
    """
    wanted = _Wanted(symbol, calendar, tick_size, lot_size)
    _require_possible(wanted)
    require_ours(path)
    tape = read_tape(files, columns=columns, skip_bad_rows=skip_bad_rows)
    rows_read = len(tape)
    tape = _sort(tape)
    with open_import(path, "trades", tape.files) as run:
        instrument, notes = _fit_instrument(tape, wanted, run)
        trades = _trades_of(tape, instrument)
        report = ImportReport(symbol, tape.files, rows_read, 0, 0, 0, instrument, ())
        notes += _describe(tape, trades)
        del tape
        parts = list(_cut_sessions(run, instrument, trades, replace_sessions))
        job = _Job(run, path, instrument, replace_sessions, progress, len(trades))
        added = sum(job.write(part, trades.take(part.rows)) for part in parts)
        job.finish()
    if rows_read > added:
        notes.append(f"{rows_read - added} of the trades were there already and left alone.")
    return replace(
        report, rows_added=added, sessions=run.sessions, bars=run.bars, notes=tuple(notes)
    )


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What the caller asked for; None where the data decides."""

    symbol: str
    calendar: str | None
    tick_size: Decimal | None
    lot_size: int | None


def _require_possible(wanted: _Wanted) -> None:
    if not wanted.symbol.strip():
        raise InputError("symbol", wanted.symbol, "a name such as NIFTY-FUT")
    if wanted.calendar is not None and wanted.calendar not in CALENDAR_NAMES:
        raise InputError("calendar", wanted.calendar, ", ".join(CALENDAR_NAMES))
    if wanted.tick_size is not None and not wanted.tick_size > 0:
        raise InputError("tick-size", wanted.tick_size, "a number above 0")
    if wanted.lot_size is not None and wanted.lot_size < 1:
        raise InputError("lot-size", wanted.lot_size, "a whole number from 1")


def _sort(tape: Tape) -> Tape:
    """Return the tape stably sorted by time, repeats between its files taken out."""
    if (np.diff(tape.event_ns) < 0).any():
        tape = _take(tape, np.argsort(tape.event_ns, kind="stable"))
    if len(tape.files) > 1:
        keys = (
            tape.event_ns, tape.price, tape.size, tape.side, tape.bid, tape.ask,
        )  # fmt: skip
        repeats = find_repeats(keys, tape.file)
        if repeats.any():
            tape = _take(tape, np.flatnonzero(~repeats))
    return tape


def _take(tape: Tape, rows: I64) -> Tape:
    columns: dict[str, Any] = {
        f.name: value[rows]
        for f in fields(tape)
        if isinstance(value := getattr(tape, f.name), np.ndarray)
    }
    return replace(tape, **columns)


# ------------------------------------------------------------------------- units and instrument


def _fit_instrument(tape: Tape, wanted: _Wanted, run: ImportRun) -> tuple[Instrument, list[str]]:
    """Return the instrument with the tick and lot of these files, and what was inferred.

    Raises:
        ImportFault: A price or size is finer than the stored instrument's units, or a price is no
            multiple of the tick that was asked for.
        InputError: The tick is finer than the stored instrument's price unit.
    """
    known = run.find_instrument(wanted.symbol)
    notes: list[str] = []
    if known is not None and known.simulated:
        allowed = f"another symbol: {known.symbol} is simulated, and the two are never mixed"
        raise InputError("symbol", known.symbol, allowed)
    if known is not None and wanted.calendar not in {None, known.calendar}:
        allowed = f"{known.calendar}, as {known.symbol} is stored, or another symbol"
        raise InputError("calendar", wanted.calendar, allowed)
    stored = known or _new_instrument(tape, wanted, notes)
    _require_coarse(tape, stored)
    tick = _tick_of(tape, stored, wanted, notes, tick_in_force=known.tick_size if known else None)
    lot = stored.lot_size if wanted.lot_size is None else wanted.lot_size * stored.size_scale
    return replace(stored, tick_size=tick, lot_size=lot), notes


def _new_instrument(tape: Tape, wanted: _Wanted, notes: list[str]) -> Instrument:
    """Return a new instrument, its units as fine as files and tick need; its tick still open."""
    calendar = wanted.calendar
    if calendar is None:
        calendar = "nse-fo" if _in_nse_hours(tape.event_ns) else "24x7"
        notes.append(f"The calendar {calendar} was chosen by the hours of the trades.")
    tick_decimals = 0 if wanted.tick_size is None else decimals_of(wanted.tick_size)
    scale: int = 10 ** max(tape.price_decimals, tick_decimals)
    if calendar.startswith("nse"):
        scale = max(scale, NSE_PRICE_SCALE)
    size_scale: int = 10**tape.size_decimals
    return Instrument(
        symbol=wanted.symbol,
        calendar=calendar,
        price_scale=scale,
        tick_size=1,
        lot_size=size_scale,
        size_scale=size_scale,
    )


def _in_nse_hours(event_ns: I64) -> bool:
    local_s = event_ns // 1_000_000_000 + _IST_OFFSET_S
    second = local_s % _DAY_S
    # 1 January 1970 was a Thursday.
    weekday = (local_s // _DAY_S + 3) % 7
    inside = (second >= _NSE_DAY_S[0]) & (second < _NSE_DAY_S[1]) & (weekday < 5)
    return bool(inside.all())


def _require_coarse(tape: Tape, stored: Instrument) -> None:
    """Return when the stored instrument's units can hold all numbers of the files."""
    checks = (
        ("price", tape.price_decimals, stored.price_scale, (tape.price, tape.bid, tape.ask)),
        ("size", tape.size_decimals, stored.size_scale, (tape.size,)),
    )
    for name, decimals, scale, columns in checks:
        step = 10**decimals // scale
        if step <= 1:
            continue
        finer = np.logical_or.reduce(
            [(column % step != 0) & (column != NO_PRICE) for column in columns]
        )
        row = int(np.argmax(finer))
        value = Decimal(int(columns[0][row])).scaleb(-decimals)
        raise tape.fault(
            row,
            f"the {name} {value} (or the quote beside it) is finer than 1/{scale}, the unit in "
            f"which {stored.symbol} is stored; import the file under another symbol",
        )


def _tick_of(
    tape: Tape,
    stored: Instrument,
    wanted: _Wanted,
    notes: list[str],
    *,
    tick_in_force: int | None,
) -> int:
    """Return the tick in the instrument's price units: asked for, as it was, or inferred."""
    unit: int = 10**tape.price_decimals
    if wanted.tick_size is not None:
        tick = wanted.tick_size * stored.price_scale
        if tick != tick.to_integral_value():
            allowed = f"a multiple of 1/{stored.price_scale}, the price unit of {stored.symbol}"
            raise InputError("tick-size", wanted.tick_size, allowed)
        _require_on_tick(tape, int(tick), stored.price_scale // unit, wanted.tick_size)
        return int(tick)
    factor = stored.price_scale // unit
    if tick_in_force is not None and not (tape.price * factor % tick_in_force).any():
        return tick_in_force
    divisor = _common_divisor(tape)
    notes.append(
        f"The tick size {Decimal(divisor).scaleb(-tape.price_decimals)} was inferred: all prices "
        "are multiples of it."
    )
    return divisor * factor


def _require_on_tick(tape: Tape, tick: int, factor: int, shown: Decimal) -> None:
    off = tape.price * factor % tick != 0
    if off.any():
        row = int(np.argmax(off))
        price = Decimal(int(tape.price[row])).scaleb(-tape.price_decimals)
        reason = f"the price {price} is no multiple of the tick size {shown}"
        raise tape.fault(row, f"{reason}; leave the tick size out to have it inferred")


def _common_divisor(tape: Tape) -> int:
    """Return the greatest common divisor of all prices; 1 where there is only one price."""
    columns = [tape.price, tape.bid[tape.bid != NO_PRICE], tape.ask[tape.ask != NO_PRICE]]
    first = int(tape.price[0])
    if all((column == first).all() for column in columns):
        return 1
    return int(np.gcd.reduce([int(np.gcd.reduce(column, initial=0)) for column in columns]))


# --------------------------------------------------------------------------------------- trades


def _trades_of(tape: Tape, instrument: Instrument) -> Trades:
    """Return the tape in the instrument's units, with a side and its rule for every trade."""
    factor = instrument.price_scale // 10**tape.price_decimals
    size_factor = instrument.size_scale // 10**tape.size_decimals
    rule = np.full(len(tape), SideRule.SOURCE, dtype=np.int8)
    rule[tape.side == AggressorSide.UNKNOWN] = SideRule.UNKNOWN
    trades = Trades.build(
        event_ns=tape.event_ns,
        price=_times(tape.price, factor),
        size=_times(tape.size, size_factor),
        side=tape.side,
        rule=rule,
        bid=_times(tape.bid, factor),
        ask=_times(tape.ask, factor),
        source_seq=tape.source_seq,
    )
    # A blank among true sides is an auction's or a cross's: unknown is the truth, not a hole.
    return trades if tape.sided else classify(trades)


def _times(column: I64, factor: int) -> I64:
    """Return a column in finer units; what is absent stays absent."""
    if factor == 1:
        return column
    finer: I64 = np.where(column == NO_PRICE, NO_PRICE, column * factor)
    return finer


def _describe(tape: Tape, trades: Trades) -> list[str]:
    """Return sentences on what of the rows was inferred or left out."""
    notes = []
    if tape.skipped:
        notes.append(f"{tape.skipped} bad rows were left out.")
    unknown = int((trades.side == AggressorSide.UNKNOWN).sum())
    if tape.sided and unknown:
        notes.append(f"{unknown} trades have no side; their volume is kept apart as unknown.")
    if not tape.sided:
        by = {rule: int((trades.rule == rule).sum()) for rule in SideRule}
        quoted = by[SideRule.QUOTE] + by[SideRule.QUOTE_NOW]
        ticked = by[SideRule.TICK] + by[SideRule.TICK0]
        notes.append(
            f"The files give no sides: {quoted} were inferred from the quotes, {ticked} from the "
            f"price's moves, {by[SideRule.UNKNOWN]} are unknown."
        )
    return notes


# -------------------------------------------------------------------------------------- sessions


@dataclass(frozen=True, slots=True)
class _Part:
    """The files' trades of one session, and the session as it is stored."""

    session_ns: int
    rows: slice
    stored: StoredSession | None


def _cut_sessions(
    run: ImportRun, instrument: Instrument, trades: Trades, replace_sessions: bool
) -> Iterator[_Part]:
    """Cut trades in time order into sessions.

    Raises:
        ImportFault: A session is stored from another source and may not be replaced.
    """
    opens = run.calendar(instrument.calendar).session_open(trades.event_ns)
    first = np.flatnonzero(np.diff(opens, prepend=opens[0] - 1))
    for start, stop in zip(first.tolist(), [*first[1:].tolist(), len(opens)], strict=True):
        session_ns = int(opens[start])
        stored = run.find_session(instrument.symbol, session_ns)
        if stored is not None and not replace_sessions:
            _require_joinable(instrument.symbol, stored)
        yield _Part(session_ns, slice(start, stop), stored)


def _require_joinable(symbol: str, stored: StoredSession) -> None:
    reason = ""
    if stored.recorded:
        reason = "was recorded live, so its volume would count twice"
    elif stored.raw is not RawTrades.KEPT:
        reason = "is stored without its trades, so rows cannot be told apart"
    if reason:
        raise ImportFault(
            f"{symbol}, session {stored.label}",
            None,
            f"this session {reason}; replace it (--replace-session) or use another symbol",
        )


@dataclass(slots=True)
class _Job:
    """Writes session after session; the store is untouched until one holds something new."""

    run: ImportRun
    path: Path
    instrument: Instrument
    replace_sessions: bool
    progress: Progress
    total: int
    done: int = 0
    begun: bool = False

    def write(self, part: _Part, trades: Trades) -> int:
        """Write a session if the files add to it; return how many trades they add."""
        tick = self.instrument.tick_size
        rows, added = trades, len(trades)
        if part.stored is not None and not self.replace_sessions:
            rows, added = self._join_stored(part, trades)
            tick = int(np.gcd(tick, part.stored.tick_size))
        if added:
            if not self.begun:
                self.run.begin(self.instrument)
                self.begun = True
            self.run.write_trades(part.session_ns, rows, tick, part.stored, self._advance)
        self.progress(part.rows.stop, self.total)
        self.done = part.rows.stop
        return added

    def finish(self) -> None:
        """Show what was written, if anything was."""
        if self.begun:
            self.run.finish()

    def _advance(self, rows: int) -> None:
        self.done = min(self.done + rows, self.total)
        self.progress(self.done, self.total)

    def _join_stored(self, part: _Part, trades: Trades) -> tuple[Trades, int]:
        """Return the session's stored and new trades in time order, and the number of new ones."""
        history = SqliteHistory(self.path)
        stored = history.read_trades(self.instrument.symbol, part.session_ns, part.session_ns)
        history.close()
        both = Trades.concat([stored, trades])
        source = np.repeat(np.array([0, 1], dtype=np.int8), [len(stored), len(trades)])
        # A side that was inferred is no part of what the file said.
        given = np.where(both.rule == SideRule.SOURCE, both.side, AggressorSide.UNKNOWN)
        keys = (both.event_ns, both.price, both.size, given, both.bid, both.ask)
        keep = ~find_repeats(keys, source)
        both = both.take(keep)
        if (np.diff(both.event_ns) < 0).any():
            both = both.take(np.argsort(both.event_ns, kind="stable"))
        return both, int(keep[len(stored) :].sum())
