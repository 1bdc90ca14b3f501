"""Tapes, a calendar and a slow oracle for the tests of bars.

`plain_bars` makes footprints by the book: dicts and loops, a trade at a time, nothing shared with
the code under test. `rows_of` puts `Bars` into the same shape, so that a test compares two lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from dashboard.domain.bars import I64, BarKind, Bars, BarSpec, bar_fields
from dashboard.domain.trade import Trades

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
OPEN = 9 * HOUR + 15 * 60 * SECOND
SIDES = {"B": 1, "S": -1, "?": 0}
NOT_COMPARED = {"session_ns", "ordinal", "version", "offsets"}

# formulas.md 3 and 11
V1 = [
    *[(101, 10, "B"), (102, 25, "B"), (102, 5, "S"), (103, 40, "B"), (102, 30, "S")],
    *[(101, 45, "S"), (100, 60, "S"), (99, 20, "S"), (100, 15, "B"), (101, 35, "B")],
    *[(102, 50, "B"), (103, 30, "B"), (104, 20, "B"), (103, 25, "S"), (102, 10, "S")],
]
V20 = [
    *[(100, 5, "B"), (101, 7, "B"), (103, 4, "S"), (104, 9, "B")],
    *[(102, 12, "S"), (99, 6, "S"), (99, 3, "B"), (100, 20, "B")],
]


class DailyCalendar:
    """Sessions that open at 09:15 UTC; every instant belongs to the session of its UTC date."""

    def session_open(self, event_ns: I64) -> I64:
        opens: I64 = event_ns // DAY * DAY + OPEN
        return opens


DAILY = DailyCalendar()


def tape(
    rows: Iterable[tuple[int, int, str]], start_ns: int = OPEN, step_ns: int = SECOND
) -> Trades:
    """Return trades of (price, size, side letter), one step after another, seq from 1."""
    price, size, side = zip(*rows, strict=True)
    count = len(price)
    return Trades.build(
        event_ns=start_ns + np.arange(count) * step_ns,
        price=price,
        size=size,
        side=[SIDES[s] for s in side],
        seq=np.arange(1, count + 1),
    )


@dataclass
class _Slot:
    """The trades of one bar."""

    session: int
    ordinal: int
    start: int | None = None
    end: int | None = None
    trades: list[tuple[int, int, int, int, int]] = field(default_factory=list)


def plain_bars(
    trades: Trades, spec: BarSpec, level_size: int, tick_size: int = 1
) -> list[dict[str, Any]]:
    """Return the bars of a tape in order, on the daily calendar."""
    slots: dict[tuple[int, int], _Slot] = {}
    newest: _Slot | None = None
    columns = (trades.event_ns, trades.price, trades.size, trades.side, trades.seq)
    for trade in zip(*(c.tolist() for c in columns), strict=True):
        session = trade[0] // DAY * DAY + OPEN
        if spec.kind is BarKind.TIME:
            ordinal = (trade[0] - session) // spec.interval_ns
            start = session + ordinal * spec.interval_ns
            new = _Slot(session, ordinal, start, start + spec.interval_ns)
            newest = slots.setdefault((session, ordinal), new)
        elif newest is None or session > newest.session:
            newest = slots[session, 0] = _Slot(session, 0)
        elif _ends(newest, trade, spec, tick_size):
            newest = _Slot(newest.session, newest.ordinal + 1)
            slots[newest.session, newest.ordinal] = newest
        newest.trades.append(trade)
    return [_plain_row(slots[key], level_size) for key in sorted(slots)]


def _ends(slot: _Slot, trade: tuple[int, ...], spec: BarSpec, tick_size: int) -> bool:
    prices = [t[1] for t in slot.trades]
    if spec.kind is BarKind.TRADES:
        return len(prices) == spec.size
    if spec.kind is BarKind.VOLUME:
        return sum(t[2] for t in slot.trades) >= spec.size
    if spec.kind is BarKind.DELTA:
        return abs(sum(t[2] * t[3] for t in slot.trades)) >= spec.size
    return max(*prices, trade[1]) - min(*prices, trade[1]) > spec.size * tick_size


def _plain_row(slot: _Slot, level_size: int) -> dict[str, Any]:
    prices = [t[1] for t in slot.trades]
    path = []
    delta = 0
    levels: dict[int, list[int]] = {}
    for _, price, size, side, _ in slot.trades:
        delta += size * side
        path.append(delta)
        level = levels.setdefault(price // level_size * level_size, [0, 0, 0, 0])
        level[{-1: 0, 1: 1, 0: 2}[side]] += size
        level[3] += 1
    sums = [sum(level[i] for level in levels.values()) for i in range(4)]
    top = max(i for i, p in enumerate(prices) if p == max(prices))
    bottom = max(i for i, p in enumerate(prices) if p == min(prices))
    away = [(p - prices[0], t[2]) for p, t in zip(prices, slot.trades, strict=True)]
    return {
        "start_ns": slot.trades[0][0] if slot.start is None else slot.start,
        "end_ns": slot.trades[-1][0] if slot.end is None else slot.end,
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "bid_volume": sums[0],
        "ask_volume": sums[1],
        "unknown_volume": sums[2],
        "unattributed_volume": 0,
        "trades": len(prices),
        "min_delta": min(0, *path),
        "max_delta": max(0, *path),
        "min_delta_nz": min(path),
        "max_delta_nz": max(path),
        "delta_since_high": delta - path[top],
        "delta_since_low": delta - path[bottom],
        "vwap_ref": prices[0],
        "vwap_m1": sum(d * q for d, q in away),
        "vwap_m2": float(sum(d * d * q for d, q in away)),
        "gap": False,
        "last_seq": max(t[4] for t in slot.trades),
        "key": (slot.session, slot.ordinal),
        "levels": [(price, *levels[price]) for price in sorted(levels)],
    }


def rows_of(bars: Bars) -> list[dict[str, Any]]:
    """Return bars in the shape of `plain_bars`."""
    columns = {n: getattr(bars, n).tolist() for n in bar_fields()}
    names = [n for n in bar_fields() if n not in NOT_COMPARED and not n.startswith("level_")]
    rows = []
    for i in range(len(bars)):
        row: dict[str, Any] = {n: columns[n][i] for n in names}
        row["key"] = (columns["session_ns"][i], columns["ordinal"][i])
        cut = slice(columns["offsets"][i], columns["offsets"][i + 1])
        kinds = ("price", "bid", "ask", "unknown", "trades")
        row["levels"] = list(zip(*(columns[f"level_{k}"][cut] for k in kinds), strict=True))
        rows.append(row)
    return rows


def assert_same(a: Bars, b: Bars) -> None:
    """Fail unless every field of both is equal."""
    assert (a.spec, a.level_size, a.origin) == (b.spec, b.level_size, b.origin)
    for name in bar_fields():
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name, strict=True)


def assert_sound(bars: Bars) -> None:
    """Fail unless the invariants of `Bars` hold."""
    assert (np.diff(bars.keys) > 0).all()
    assert bars.offsets[0] == 0
    assert bars.offsets[-1] == len(bars.level_price)
    assert (np.diff(bars.offsets) >= 0).all()
    same_bar = np.diff(bars.level_bar) == 0
    assert (np.diff(bars.level_price)[same_bar] > 0).all()
    pairs = [
        ("level_bid", "bid_volume"),
        ("level_ask", "ask_volume"),
        ("level_unknown", "unknown_volume"),
        ("level_trades", "trades"),
    ]
    for level, bar in pairs:
        assert_array_equal(_level_sums(bars, level), getattr(bars, bar), err_msg=bar)
    assert (bars.min_delta <= np.minimum(bars.delta, 0)).all()
    assert (bars.max_delta >= np.maximum(bars.delta, 0)).all()
    assert (bars.low <= np.minimum(bars.open, bars.close)).all()
    assert (bars.high >= np.maximum(bars.open, bars.close)).all()


def _level_sums(bars: Bars, name: str) -> I64:
    total = np.zeros(len(bars), np.int64)
    np.add.at(total, bars.level_bar, getattr(bars, name))
    return total


def with_versions(bars: Bars, versions: Sequence[int]) -> Bars:
    """Return the bars with versions repeated from a list."""
    return replace(bars, version=np.resize(np.array(versions, np.int64), len(bars)))
