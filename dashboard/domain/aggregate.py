"""Trades into bars: the one way to bars for live data, history, imports and tests alike.

`aggregate` makes the bars' *fragments*: what these trades alone contribute, each value as if the
bar began with its first trade here. `merge` joins fragments of one bar, so a tape that is split
anywhere and continued with the carry gives the same bars.

First the tape is cut (`_Cut`: where fragments begin, one function per kind of bar); the columns are
then the same for all kinds. Python loops over trades only where a bar's end depends on the path to
it (range, delta); everything else is a pass of numpy per column, in exact integers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from dashboard.domain.bars import I64, BarKind, Bars, BarSpec
from dashboard.domain.footprint import sum_levels
from dashboard.domain.merge import collapse, find_runs, last_index, require_exact, run_lengths
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import ViewNotPossibleError

_VOLUME_LIMIT = 2.0**62


class SessionCalendar(Protocol):
    """The part of a calendar that bars need."""

    def session_open(self, event_ns: I64) -> I64:
        """Return the open instant of each instant's session; a later instant's is never earlier."""


@dataclass(frozen=True, slots=True)
class Carry:
    """What the next trades must know of the newest bar, where bars are not time bars.

    The default is the carry of an empty tape; time bars leave it as it is.

    Attributes:
        session_ns: Session of the newest bar; None before the first trade.
        ordinal: Its place in the session.
        trades, volume, delta: Its totals so far, all sides in the volume (size units).
        high, low: Its highest and lowest traded price (price units).
    """

    session_ns: int | None = None
    ordinal: int = -1
    trades: int = 0
    volume: int = 0
    delta: int = 0
    high: int = 0
    low: int = 0


@dataclass(frozen=True, slots=True)
class _Cut:
    """Where the fragments begin.

    Attributes:
        first: Shape (B,), index of each fragment's first trade; rises from 0.
        session_ns, ordinal: Shape (B,), which bars they are fragments of.
        order: Shape (T,), the trades in the order of the fragments; None: as they arrived.
        joins: The first fragment goes on with the carried bar.
    """

    first: I64
    session_ns: I64
    ordinal: I64
    order: I64 | None = None
    joins: bool = False


def aggregate(
    trades: Trades,
    spec: BarSpec,
    calendar: SessionCalendar,
    level_size: int,
    carry: Carry | None = None,
    *,
    tick_size: int | None = None,
) -> tuple[Bars, Carry]:
    """Make the fragments of bars that these trades contribute, and the carry for the next ones.

    A trade is never split. Time bars begin at multiples of their interval from the session's open
    (before it at negative ones); a trade belongs to the bar of its event time whenever it arrives,
    and order inside a bar is arrival order. Other bars follow arrival order alone and start anew at
    each session; a trade stamped before the newest session counts to the newest. They close as
    formulas.md 11 says: trades and volume bars with the trade that reaches the size (unknown side
    counts), delta bars with the trade that brings the absolute delta to the size (unknown side does
    not move it), range bars before the trade that would make high - low exceed the size.

    Args:
        trades: T trades in arrival order.
        spec: The recipe.
        calendar: Says to which session an instant belongs.
        level_size: Height of a level in price units, >= 1; the level of a price is
            ``floor(price / level_size) * level_size``, below zero too.
        carry: What the call before returned; None at the start of a tape.
        tick_size: Price units per tick; range bars need it, others ignore it.

    Returns:
        B fragments in order of (session, ordinal), `version` 0, and the carry.

    Raises:
        ValueError: A range bar without a tick size, or a level size below 1.
        ViewNotPossibleError: Sums of volume, or of volume times price, would leave 64 bits.
    """
    if level_size < 1:
        msg = f"a level is at least 1 price unit high, not {level_size}"
        raise ValueError(msg)
    carry = carry or Carry()
    if not len(trades):
        return Bars.empty(spec, level_size), carry
    if spec.kind is BarKind.TIME:
        cut = _cut_time(trades.event_ns, spec.interval_ns, calendar)
        return _build_fragments(trades, cut, spec, level_size), carry
    cut = _cut_runs(trades, spec, calendar, carry, tick_size)
    bars = _build_fragments(trades, cut, spec, level_size)
    return bars, _next_carry(bars, carry if cut.joins and len(bars) == 1 else Carry())


def gap_bars(
    gaps: Sequence[Gap], spec: BarSpec, calendar: SessionCalendar, level_size: int
) -> Bars:
    """Make the fragments that gaps contribute: unattributed volume and the gap flag.

    A gap belongs to the time bar in which it ends. Its volume is on no price, so there are no
    levels; OHLC are the prices found after the bar's gaps, and yield to those of trades. Bars that
    are not time count no unattributed volume (formulas.md 11) and get nothing.

    Args:
        gaps: In the order in which they were found.
        spec: As for `aggregate`.
        calendar: Likewise.
        level_size: Likewise.
    """
    if spec.kind is not BarKind.TIME or not gaps:
        return Bars.empty(spec, level_size)
    event = np.array([g.end_ns for g in gaps], np.int64)
    price = np.array([g.price for g in gaps], np.int64)
    session = calendar.session_open(event)
    ordinal = (event - session) // spec.interval_ns
    start = session + ordinal * spec.interval_ns
    rows = Bars.zeros(spec, level_size, len(gaps)).with_columns(
        session_ns=session,
        ordinal=ordinal,
        start_ns=start,
        end_ns=start + spec.interval_ns,
        **dict.fromkeys(("open", "high", "low", "close", "vwap_ref"), price),
        unattributed_volume=np.array([g.volume for g in gaps], np.int64),
        gap=np.ones(len(gaps), np.bool_),
    )
    return collapse(rows)


def _cut_time(event_ns: I64, interval_ns: int, calendar: SessionCalendar) -> _Cut:
    """Cut where session or interval changes; trades out of order are grouped first, stably."""
    session = calendar.session_open(event_ns)
    ordinal = (event_ns - session) // interval_ns
    keys = session + ordinal  # see Bars.keys
    first = find_runs(keys)
    order = None
    if (np.diff(keys[first]) <= 0).any():  # few runs tell whether any of many trades is late
        order = np.argsort(keys, kind="stable")
        session, ordinal = session[order], ordinal[order]
        first = find_runs(keys[order])
    return _Cut(first, session[first], ordinal[first], order)


def _cut_runs(
    trades: Trades, spec: BarSpec, calendar: SessionCalendar, carry: Carry, tick_size: int | None
) -> _Cut:
    """Cut in arrival order, session by session."""
    size = spec.size
    if spec.kind is BarKind.RANGE:
        if tick_size is None:
            msg = "range bars are measured in ticks: pass tick_size"
            raise ValueError(msg)
        size *= tick_size
    session = np.maximum.accumulate(calendar.session_open(trades.event_ns))
    if carry.session_ns is not None:
        session = np.maximum(session, carry.session_ns)
    find_opens = _OPENS[spec.kind]
    first, ordinal, joins = [], [], False
    for start, stop in pairwise([*find_runs(session).tolist(), len(trades)]):
        held = carry if session[start] == carry.session_ns else None
        opens = np.array(find_opens(trades.take(slice(start, stop)), size, held), np.int64) + start
        place = held.ordinal + 1 if held else 0
        if not len(opens) or opens[0] > start:  # the first trades go on with the held bar
            opens, place, joins = np.append(start, opens), place - 1, True
        first.append(opens)
        ordinal.append(np.arange(place, place + len(opens)))
    index = np.concatenate(first)
    return _Cut(index, session[index], np.concatenate(ordinal), joins=joins)


def _open_by_trades(trades: Trades, size: int, held: Carry | None) -> Sequence[int]:
    """Return the trades that open a bar of `size` trades; all of one session."""
    room = max(size - held.trades, 0) if held else 0
    return range(room, len(trades), size)


def _open_by_volume(trades: Trades, size: int, held: Carry | None) -> Sequence[int]:
    """Return the trades that open a bar of `size` volume: those after one that completes a bar."""
    total = np.cumsum(trades.size)
    # Where the next bar would open if one opened here: for all trades at once, then follow.
    follow = (np.searchsorted(total, total - trades.size + size) + 1).tolist()
    room = size - held.volume if held else 0
    at = int(np.searchsorted(total, room)) + 1 if room > 0 else 0
    opens = []
    while at < len(follow):
        opens.append(at)
        at = follow[at]
    return opens


def _open_by_range(trades: Trades, size: int, held: Carry | None) -> Sequence[int]:
    """Return the trades that open a bar because high - low would exceed `size` price units."""
    prices = trades.price.tolist()
    opens = [] if held else [0]
    high, low = (held.high, held.low) if held else (prices[0], prices[0])
    for i, price in enumerate(prices):
        if price > high:
            high = price
        elif price < low:
            low = price
        if high - low > size:
            opens.append(i)
            high = low = price
    return opens


def _open_by_delta(trades: Trades, size: int, held: Carry | None) -> Sequence[int]:
    """Return the trades that open a bar of `size` absolute delta: those after a completing one."""
    delta = held.delta if held else size  # without a held bar as after a complete one
    opens = []
    for i, signed in enumerate((trades.size * trades.side).tolist()):
        if delta >= size or -delta >= size:
            opens.append(i)
            delta = 0
        delta += signed
    return opens


_OPENS: Mapping[BarKind, Callable[[Trades, int, Carry | None], Sequence[int]]] = {
    BarKind.TRADES: _open_by_trades,
    BarKind.VOLUME: _open_by_volume,
    BarKind.RANGE: _open_by_range,
    BarKind.DELTA: _open_by_delta,
}


def _next_carry(bars: Bars, held: Carry) -> Carry:
    """Return the totals of the newest bar; `held` is its part before these fragments."""
    high, low = int(bars.high[-1]), int(bars.low[-1])
    return Carry(
        session_ns=int(bars.session_ns[-1]),
        ordinal=int(bars.ordinal[-1]),
        trades=held.trades + int(bars.trades[-1]),
        volume=held.volume + int(bars.traded_volume[-1]),
        delta=held.delta + int(bars.delta[-1]),
        high=max(high, held.high) if held.trades else high,
        low=min(low, held.low) if held.trades else low,
    )


def _build_fragments(trades: Trades, cut: _Cut, spec: BarSpec, level_size: int) -> Bars:
    """Return all columns of the fragments of a cut."""
    event, price, size, seq = (
        column if cut.order is None else column[cut.order]
        for column in (trades.event_ns, trades.price, trades.size, trades.seq)
    )
    side = trades.side if cut.order is None else trades.side[cut.order]
    if size.sum(dtype=np.float64) >= _VOLUME_LIMIT:
        msg = "These trades hold more volume than can be summed exactly; load fewer at once."
        raise ViewNotPossibleError(msg)
    first, runs = cut.first, run_lengths(cut.first, len(size))
    last = first + runs - 1
    signed = size * side
    unknown = None if side.all() else size * (side == 0)
    start, end = event[first], event[last]
    if spec.kind is BarKind.TIME:
        start = cut.session_ns + cut.ordinal * spec.interval_ns
        end = start + spec.interval_ns
    bars = Bars.zeros(spec, level_size, len(first)).with_columns(
        session_ns=cut.session_ns,
        ordinal=cut.ordinal,
        start_ns=start,
        end_ns=end,
        trades=runs,
        last_seq=np.maximum.reduceat(seq, first),
        **_sum_sides(size, signed, unknown, first),
        **_trace_path(price, signed, first, runs),
    )
    require_exact(bars)  # before the products it is about
    return bars.with_columns(
        **_sum_moments(price, size, first, runs),
        **_build_levels(price, [size, signed, unknown], runs, level_size),
    )


def _sum_sides(size: I64, signed: I64, unknown: I64 | None, first: I64) -> dict[str, I64]:
    """Return the fragments' volumes by side."""
    volume = np.add.reduceat(size, first)
    delta = np.add.reduceat(signed, first)
    apart = np.zeros_like(volume) if unknown is None else np.add.reduceat(unknown, first)
    bid, ask = _split_sides(volume - apart, delta)
    return {"bid_volume": bid, "ask_volume": ask, "unknown_volume": apart}


def _split_sides(known: I64, delta: I64) -> tuple[I64, I64]:
    """Return (bid, ask) of ask + bid and ask - bid."""
    ask = (known + delta) // 2
    return known - ask, ask


def _trace_path(price: I64, signed: I64, first: I64, runs: I64) -> dict[str, I64]:
    """Return OHLC and what the running delta did, of each fragment."""
    last = first + runs - 1
    path = np.cumsum(signed)
    begin = path[first] - signed[first]
    end = path[last]
    high = np.maximum.reduceat(price, first)
    low = np.minimum.reduceat(price, first)
    lowest = np.minimum.reduceat(path, first) - begin
    highest = np.maximum.reduceat(path, first) - begin
    return {
        "open": price[first],
        "high": high,
        "low": low,
        "close": price[last],
        "min_delta": np.minimum(lowest, 0),
        "max_delta": np.maximum(highest, 0),
        "min_delta_nz": lowest,
        "max_delta_nz": highest,
        "delta_since_high": end - path[last_index(price == np.repeat(high, runs), last)],
        "delta_since_low": end - path[last_index(price == np.repeat(low, runs), last)],
        "vwap_ref": price[first],
    }


def _sum_moments(price: I64, size: I64, first: I64, runs: I64) -> dict[str, Any]:
    """Return the VWAP moments about each fragment's first price."""
    distance = price - np.repeat(price[first], runs)
    weighted = distance * size
    # float64 times float64: squares may leave 64 bits; each term below 2**53 is exact.
    squares = np.multiply(weighted, distance, dtype=np.float64)
    return {
        "vwap_m1": np.add.reduceat(weighted, first),
        "vwap_m2": np.add.reduceat(squares, first),
    }


def _build_levels(
    price: I64, columns: Sequence[I64 | None], runs: I64, level_size: int
) -> dict[str, I64]:
    """Return offsets and level columns; `columns`: size, signed size, unknown size or None."""
    level = price if level_size == 1 else price // level_size
    offsets, index, counts, sums = sum_levels(level, runs, [c for c in columns if c is not None])
    volume, delta, *rest = sums
    unknown = rest[0] if rest else np.zeros_like(volume)
    bid, ask = _split_sides(volume - unknown, delta)
    return {
        "offsets": offsets,
        "level_price": index * level_size,
        "level_bid": bid,
        "level_ask": ask,
        "level_unknown": unknown,
        "level_trades": counts,
    }
