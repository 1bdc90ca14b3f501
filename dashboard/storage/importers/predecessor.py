"""The predecessor's database into the store: its bars, with what they can and cannot say.

Its one table ``candles`` holds bars whose prices are row labels (nearest multiples of a row size)
and whose volumes are lots. Neither the interval nor the row size is stored: both are inferred, and
reported, and can be given instead. The file is opened read-only and never altered.
"""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import BarKind, BarOrigin, Bars, BarSpec, bar_fields
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.errors import ImportFault, InputError
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.common import ImportReport, ImportRun, StoredSession, open_import
from dashboard.storage.importers.fields import decimals_of
from dashboard.storage.schema import StoreKind, identify, require_ours

I64 = NDArray[np.int64]

DEFAULT_LOT = 75
"""The predecessor's own default for LOTSIZE."""

ABSENT = frozenset(
    {"trades", "min_delta", "max_delta", "min_delta_nz", "max_delta_nz", "delta_since_high",
     "delta_since_low", "vwap"}
)  # fmt: skip
"""What its bars cannot know: it kept no trades and no path of the delta."""

_PRICE_SCALE = 100  # paise, as all NSE instruments
_SECOND_NS = 1_000_000_000
_SIDE_FILES = ("-wal", "-journal")


def import_predecessor(
    path: Path,
    file: Path,
    *,
    symbol: str | None = None,
    token: str | None = None,
    calendar: str = "nse-fo",
    lot_size: int | None = None,
    interval_s: int | None = None,
    level_size: Decimal | None = None,
    replace_sessions: bool = False,
) -> ImportReport:
    """Import one instrument of the predecessor's database.

    Volumes are lots and become contracts. Bars keep their row labels as prices and are marked so:
    levels anchored at their centres, OHLC not exact, what its source cannot know absent.

    Args:
        path: The store; created when missing.
        file: The predecessor's database.
        symbol: What to call the instrument; left out: its token.
        token: Which instrument, where the file holds several.
        calendar: Its trading calendar.
        lot_size: Contracts per lot; left out: the predecessor's default of 75.
        interval_s: Seconds per bar; left out: the smallest gap between bars of a session.
        level_size: Row size; left out: the smallest gap between levels of a bar.
        replace_sessions: Let the file's sessions take the place of stored ones.

    Raises:
        ImportFault: A row cannot be taken over, or interval or row size cannot be inferred; the
            store is as before.
        InputError: A parameter is not possible.
        StoreError: The store cannot be written, or the symbol is stored as something else.
    """
    lot = DEFAULT_LOT if lot_size is None else lot_size
    if lot < 1:
        raise InputError("lot-size", lot, "a whole number from 1")
    require_ours(path)
    rows = _read_rows(file, token)
    scale = max(_PRICE_SCALE, 10 ** max(decimals_of(p) for row in rows for p in row.prices))
    with open_import(path, "predecessor", [file.name]) as run:
        trading = run.calendar(calendar)
        step = _level_units(rows, level_size, scale, file.name)
        opens = trading.session_open(np.array([row.start_ns for row in rows], dtype=np.int64))
        seconds = _interval(rows, opens, interval_s, file.name)
        bars = _build_bars(rows, opens, seconds, step, scale, lot, file.name)
        instrument = Instrument(
            symbol=symbol or rows[0].token,
            token=rows[0].token,
            calendar=calendar,
            price_scale=scale,
            tick_size=step,
            lot_size=lot,
        )
        added = _write_sessions(run, path, instrument, bars, replace_sessions)
    notes = _notes(instrument, bars, trading, lot_given=lot_size is not None)
    return ImportReport(
        symbol=instrument.symbol,
        files=(file.name,),
        rows_read=len(rows),
        rows_added=added,
        sessions=run.sessions,
        bars=run.bars,
        instrument=instrument,
        notes=notes,
    )


# ---------------------------------------------------------------------------------------- rows


@dataclass(frozen=True, slots=True)
class _Row:
    """One bar of the file: prices exact as printed, levels (price, bid, ask) ascending, in lots."""

    number: int
    token: str
    start_ns: int
    prices: tuple[Decimal, ...]
    levels: tuple[tuple[Decimal, Decimal, Decimal], ...]


@contextmanager
def _opened(file: Path) -> Iterator[sqlite3.Connection]:
    """Open the file without a trace; with its journal beside it, open a copy of both."""
    with tempfile.TemporaryDirectory() as folder:
        source = file
        beside = [p for s in _SIDE_FILES if (p := Path(f"{file}{s}")).exists() and p.stat().st_size]
        if beside:
            # Reading the newest state would have SQLite write the file: so it works on a copy.
            source = Path(folder) / file.name
            for original in (file, *beside):
                shutil.copyfile(original, Path(folder) / original.name)
        mode = "mode=rw" if beside else "mode=ro&immutable=1"
        db = sqlite3.connect(f"{source.absolute().as_uri()}?{mode}", uri=True)
        try:
            yield db
        finally:
            db.close()


def list_tokens(file: Path) -> list[str]:
    """Return the tokens of the instruments in a predecessor's database, sorted.

    Raises:
        ImportFault: The file is none, or does not read.
    """
    return [
        str(row[0])
        for row in _query(file, "SELECT DISTINCT instrument_token FROM candles ORDER BY 1")
    ]


def read_first_bars(file: Path, count: int) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return column names and the first bars of a predecessor's database, as text.

    Raises:
        ImportFault: The file is none, or does not read.
    """
    names = ("instrument_token", "timestamp", "open", "high", "low", "close")
    query = f"SELECT {', '.join(names)} FROM candles ORDER BY timestamp LIMIT ?"  # noqa: S608
    return names, [tuple(map(str, row)) for row in _query(file, query, str(count))]


def _read_rows(file: Path, token: str | None) -> list[_Row]:
    tokens = list_tokens(file)
    if not tokens:
        raise ImportFault(file.name, None, "it holds no bars")
    if token is None and len(tokens) > 1:
        reason = f"it holds several instruments ({', '.join(tokens)}); say which token"
        raise ImportFault(file.name, None, reason)
    chosen = tokens[0] if token is None else token
    if chosen not in tokens:
        raise InputError("token", chosen, ", ".join(tokens))
    query = """SELECT timestamp, open, high, low, close, footprint_json FROM candles
        WHERE CAST(instrument_token AS TEXT) = ? ORDER BY timestamp"""
    rows = _query(file, query, chosen)
    return [_row_of(file.name, n, chosen, *row) for n, row in enumerate(rows, start=1)]


def _query(file: Path, query: str, *parameters: str) -> list[tuple[Any, ...]]:
    if identify(file) is not StoreKind.PREDECESSOR:
        raise ImportFault(file.name, None, "this is no database of the predecessor")
    try:
        with _opened(file) as db:
            return db.execute(query, parameters).fetchall()
    except sqlite3.Error as error:
        raise ImportFault(file.name, None, f"it cannot be read: {error}") from error


def _row_of(file: str, number: int, token: str, time_s: Any, *values: Any) -> _Row:  # noqa: ANN401 - whatever a foreign table holds
    *ohlc, text = values
    if not isinstance(time_s, int):
        raise ImportFault(file, number, f"the timestamp {time_s!r} is no whole number of seconds")
    try:
        prices = tuple(_decimal(value) for value in ohlc)
        levels = tuple(
            sorted(
                (_decimal(level["price"]), _decimal(level["bidVol"]), _decimal(level["askVol"]))
                for level in json.loads(text or "[]", parse_float=Decimal)
            )
        )
    except (TypeError, ValueError, KeyError, InvalidOperation) as error:
        reason = f"the bar of {time_s} does not read as OHLC and a footprint ({error})"
        raise ImportFault(file, number, reason) from error
    if any(bid < 0 or ask < 0 for _, bid, ask in levels):
        raise ImportFault(file, number, f"the bar of {time_s} has a negative volume")
    if len({level[0] for level in levels}) < len(levels):
        raise ImportFault(file, number, f"the bar of {time_s} names a level twice")
    return _Row(number, token, time_s * _SECOND_NS, prices, levels)


def _decimal(value: object) -> Decimal:
    # A float's repr is the shortest text that means it: the number that was once written.
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(str(value))
    if not number.is_finite():
        msg = f"{value} is not a number"
        raise ValueError(msg)
    return number


# ----------------------------------------------------------------------------------- inference


def _level_units(rows: Sequence[_Row], given: Decimal | None, scale: int, file: str) -> int:
    """Return the row size in price units."""
    gaps = [
        upper[0] - lower[0]
        for row in rows
        for lower, upper in zip(row.levels[:-1], row.levels[1:], strict=True)
    ]
    if given is None and not gaps:
        raise ImportFault(file, None, "no bar has two levels; give the row size (--level-size)")
    size = min(gaps) if given is None else given
    units = size * scale
    if units <= 0 or units != units.to_integral_value():
        raise InputError("level-size", size, f"a positive multiple of 1/{scale}")
    for row in rows:
        off = [p for p in (*row.prices, *(level[0] for level in row.levels)) if p % size]
        if off:
            reason = f"the price {off[0]} is no multiple of the row size {size}"
            raise ImportFault(file, row.number, f"{reason}; give the right one (--level-size)")
    return int(units)


def _interval(rows: Sequence[_Row], opens: I64, given: int | None, file: str) -> int:
    """Return the seconds per bar."""
    starts = np.array([row.start_ns for row in rows], dtype=np.int64)
    gaps = np.diff(starts)[np.diff(opens) == 0] // _SECOND_NS
    if given is None:
        if not len(gaps):
            reason = "no session has two bars; give the bars' length (--interval)"
            raise ImportFault(file, None, reason)
        return int(gaps.min())
    if not 1 <= given <= 86_400 or (len(gaps) and given > int(gaps.min())):
        allowed = "whole seconds, no longer than the smallest gap between bars"
        raise InputError("interval", given, f"{allowed}, {int(gaps.min(initial=86_400))}")
    return given


# ---------------------------------------------------------------------------------------- bars


def _build_bars(
    rows: Sequence[_Row], opens: I64, seconds: int, step: int, scale: int, lot: int, file: str
) -> Bars:
    starts = np.array([row.start_ns for row in rows], dtype=np.int64)
    spec = BarSpec(BarKind.TIME, seconds)
    origin = BarOrigin(seconds, "nearest", ohlc_exact=False, absent=ABSENT)
    prices = np.array([[int(p * scale) for p in row.prices] for row in rows], dtype=np.int64)
    levels = np.array(
        [
            (int(price * scale), _contracts(bid, lot, row, file), _contracts(ask, lot, row, file))
            for row in rows
            for price, bid, ask in row.levels
        ],
        dtype=np.int64,
    ).reshape(-1, 3)
    counts = np.array([len(row.levels) for row in rows], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    owner = np.repeat(np.arange(len(rows)), counts)
    bid, ask = (_sum_by(owner, levels[:, column], len(rows)) for column in (1, 2))
    nothing = np.zeros(len(levels), dtype=np.int64)
    return Bars.zeros(spec, step, len(rows), origin).with_columns(
        session_ns=opens,
        ordinal=(starts - opens) // spec.interval_ns,
        start_ns=starts,
        end_ns=starts + spec.interval_ns,
        open=prices[:, 0],
        high=prices[:, 1],
        low=prices[:, 2],
        close=prices[:, 3],
        bid_volume=bid,
        ask_volume=ask,
        offsets=offsets,
        level_price=np.ascontiguousarray(levels[:, 0]),
        level_bid=np.ascontiguousarray(levels[:, 1]),
        level_ask=np.ascontiguousarray(levels[:, 2]),
        level_unknown=nothing,
        level_trades=nothing,
    )


def _sum_by(owner: I64, values: I64, count: int) -> I64:
    total = np.zeros(count, dtype=np.int64)
    np.add.at(total, owner, values)
    return total


def _contracts(lots: Decimal, lot: int, row: _Row, file: str) -> int:
    """Return lots as contracts.

    The predecessor divided the contracts by the lot size that it was started with. A volume that is
    no whole number of contracts was divided by another one.
    """
    contracts = round(lots * lot)
    if not math.isclose(contracts, lots * lot, rel_tol=1e-9, abs_tol=1e-6):
        raise ImportFault(
            file,
            row.number,
            f"{lots} lots of {lot} are no whole number of contracts; give the lot size with which "
            "the file was recorded (--lot-size)",
        )
    return contracts


# ------------------------------------------------------------------------------------ sessions


def _write_sessions(
    run: ImportRun, path: Path, instrument: Instrument, bars: Bars, replace_sessions: bool
) -> int:
    """Write the sessions that the file adds to; return how many bars it adds."""
    first = np.flatnonzero(np.diff(bars.session_ns, prepend=bars.session_ns[0] - 1)).tolist()
    added = 0
    begun = False
    for start, stop in zip(first, [*first[1:], len(bars)], strict=True):
        session = bars.take(start, stop)
        session_ns = int(session.session_ns[0])
        stored = run.find_session(instrument.symbol, session_ns)
        new = len(session)
        if stored is not None and not replace_sessions:
            session, new = _join_stored(path, instrument, session, stored)
        if not new:
            continue
        if not begun:
            run.begin(instrument)
            begun = True
        run.write_bars(session_ns, session, stored)
        added += new
    if begun:
        run.finish()
    return added


def _join_stored(
    path: Path, instrument: Instrument, bars: Bars, stored: StoredSession
) -> tuple[Bars, int]:
    """Return the session's stored bars with the new ones among them, and how many are new."""
    place = f"{instrument.symbol}, session {stored.label}"
    remedy = "replace it (--replace-session) or use another symbol"
    session_ns = int(bars.session_ns[0])
    history = SqliteHistory(path)
    old = history.read_bars(instrument.symbol, session_ns, session_ns)
    history.close()
    if (old.spec, old.level_size, old.origin) != (bars.spec, bars.level_size, bars.origin):
        raise ImportFault(place, None, f"this session is stored from another source; {remedy}")
    there = np.isin(bars.ordinal, old.ordinal)
    again = np.isin(old.ordinal, bars.ordinal)
    if not _equal(old.select(again), bars.select(there)):
        raise ImportFault(place, None, f"bars of this session are stored otherwise; {remedy}")
    fresh = bars.select(~there)
    both = Bars.concat([old, fresh])
    return both.select(np.argsort(both.ordinal, kind="stable")), len(fresh)


def _equal(a: Bars, b: Bars) -> bool:
    return all(
        np.array_equal(getattr(a, name), getattr(b, name))
        for name in bar_fields()
        if name != "version"
    )


def _notes(
    instrument: Instrument, bars: Bars, calendar: Calendar, *, lot_given: bool
) -> tuple[str, ...]:
    lots = int(bars.volume.sum()) // instrument.lot_size
    at_ask = int(bars.ask_volume.sum()) // instrument.lot_size
    row_size = f"{instrument.price_of(bars.level_size).normalize():f}"
    what = (
        f"{len(bars)} bars of {bars.spec} with rows of {row_size} points: {lots:,} lots, "
        f"{at_ask:,} of them at the ask, in {len(bars.level_price):,} level rows."
    )
    kind = "Prices are row labels, not traded prices; sides were estimated by the tick rule."
    notes = [what, kind]
    if not lot_given:
        notes.append(
            f"One lot was taken as {instrument.lot_size} contracts, the predecessor's default."
        )
    late = (bars.start_ns - bars.session_ns) % bars.spec.interval_ns != 0
    if late.any():
        notes.append(
            f"{int(late.sum())} bars do not begin at a multiple of {bars.spec} from the session's "
            f"open in the calendar {calendar.name}."
        )
    return tuple(notes)
