"""Laws that hold for every tape, checked on random ones."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.aggregate import Carry, aggregate, gap_bars
from dashboard.domain.bars import MINUTE, BarKind, Bars, BarSpec
from dashboard.domain.footprint import regroup
from dashboard.domain.merge import combine, merge
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from tests.domain.tapes import (
    DAILY,
    DAY,
    HOUR,
    OPEN,
    SECOND,
    assert_same,
    assert_sound,
    plain_bars,
    rows_of,
    with_versions,
)

SPECS = [BarSpec.parse(text) for text in ("1m", "7m", "1d", "3t", "15v", "3r", "10delta")]
QUICK = settings(max_examples=60, deadline=None)

steps = st.one_of(
    st.sampled_from([0, 1, SECOND, 20 * SECOND, 60 * SECOND, 17 * HOUR, 3 * DAY]),
    st.integers(-90 * SECOND, 400 * SECOND),
)


@st.composite
def tapes(draw: st.DrawFn, *, in_time_order: bool = False, min_size: int = 0) -> Trades:
    """Trades over some sessions, around price 0, with late ones unless they are in time order."""
    row = st.tuples(steps, st.integers(-3, 3), st.integers(1, 12), st.sampled_from([-1, 0, 1]))
    rows = draw(st.lists(row, min_size=min_size, max_size=60))
    step, move, size, side = np.array(rows, np.int64).reshape(-1, 4).T
    start = draw(st.sampled_from([OPEN, OPEN - 90 * SECOND, 20_000 * DAY + OPEN]))
    return Trades.build(
        event_ns=start + np.cumsum(np.maximum(step, 0) if in_time_order else step),
        price=draw(st.integers(-5, 50)) + np.cumsum(move),
        size=size,
        side=side,
        seq=np.arange(1, len(rows) + 1),
    )


def _cuts(count: int, places: list[int]) -> list[tuple[int, int]]:
    return list(pairwise([0, *sorted(p % (count + 1) for p in places), count]))


@QUICK
@given(tapes(), st.sampled_from(SPECS), st.integers(1, 4), st.integers(1, 3))
def test_bars_equal_those_of_the_plain_loops(
    trades: Trades, spec: BarSpec, level_size: int, tick_size: int
) -> None:
    bars, _ = aggregate(trades, spec, DAILY, level_size, tick_size=tick_size)
    assert rows_of(bars) == plain_bars(trades, spec, level_size, tick_size)
    assert_sound(bars)


@QUICK
@given(tapes(), st.sampled_from(SPECS), st.lists(st.integers(0, 60), max_size=5))
def test_a_tape_may_be_split_anywhere(trades: Trades, spec: BarSpec, places: list[int]) -> None:
    whole, end = aggregate(trades, spec, DAILY, 2, tick_size=1)
    bars, carry = Bars.empty(spec, 2), Carry()
    for start, stop in _cuts(len(trades), places):
        part = trades.take(slice(start, stop))
        fragments, carry = aggregate(part, spec, DAILY, 2, carry, tick_size=1)
        bars = merge(bars, fragments)
    assert_same(bars, whole)
    assert carry == end


@QUICK
@given(tapes(), st.sampled_from(SPECS))
def test_trade_by_trade_makes_the_same_bars(trades: Trades, spec: BarSpec) -> None:
    whole, end = aggregate(trades, spec, DAILY, 1, tick_size=2)
    bars, carry = Bars.empty(spec, 1), Carry()
    for i in range(len(trades)):
        one = trades.take(slice(i, i + 1))
        fragment, carry = aggregate(one, spec, DAILY, 1, carry, tick_size=2)
        bars = merge(bars, fragment)
    assert_same(bars, whole)
    assert carry == end


gaps = st.lists(
    st.builds(
        lambda end, volume, price: Gap("X", end - SECOND, end, volume, price, "lost"),
        st.integers(OPEN - 120 * SECOND, OPEN + 400 * SECOND),
        st.integers(0, 50),
        st.integers(-9, 60),
    ),
    max_size=3,
)


@QUICK
@given(
    st.lists(st.tuples(tapes(), gaps), min_size=3, max_size=3),
    st.lists(st.integers(0, 9), min_size=1, max_size=3),
)
def test_merge_is_associative(parts: list[tuple[Trades, list[Gap]]], versions: list[int]) -> None:
    a, b, c = (
        with_versions(
            merge(aggregate(t, MINUTE, DAILY, 1)[0], gap_bars(g, MINUTE, DAILY, 1)), versions
        )
        for t, g in parts
    )
    left, right = merge(merge(a, b), c), merge(a, merge(b, c))
    assert_same(left, right)
    assert_sound(left)
    total = sum(int(bars.volume.sum()) for bars in (a, b, c))
    assert left.volume.sum() == total


@QUICK
@given(tapes(in_time_order=True), st.sampled_from(["2m", "5m", "1h", "1d"]))
def test_combined_minutes_equal_the_longer_bars(trades: Trades, text: str) -> None:
    minutes, _ = aggregate(trades, MINUTE, DAILY, 1)
    longer, _ = aggregate(trades, BarSpec.parse(text), DAILY, 1)
    assert_same(combine(minutes, BarSpec.parse(text)), longer)


@QUICK
@given(tapes(), st.sampled_from(SPECS), st.integers(1, 9))
def test_regrouped_levels_equal_those_made_coarse(
    trades: Trades, spec: BarSpec, factor: int
) -> None:
    fine, _ = aggregate(trades, spec, DAILY, 2, tick_size=1)
    coarse, _ = aggregate(trades, spec, DAILY, 2 * factor, tick_size=1)
    assert_same(regroup(fine, 2 * factor), coarse)


@QUICK
@given(tapes(), st.sampled_from(SPECS), st.integers(1, 5))
def test_volume_is_conserved_from_trade_to_level_to_bar(
    trades: Trades, spec: BarSpec, level_size: int
) -> None:
    bars, _ = aggregate(trades, spec, DAILY, level_size, tick_size=1)
    assert bars.volume.sum() == bars.level_volume.sum() == trades.size.sum()
    assert bars.delta.sum() == (trades.size * trades.side).sum()
    level_delta = bars.level_ask - bars.level_bid
    sums = [int(level_delta[bars.level_bar == i].sum()) for i in range(len(bars))]
    assert sums == bars.delta.tolist()
    assert bars.trades.sum() == bars.level_trades.sum() == len(trades)


@QUICK
@given(tapes(min_size=1), st.sampled_from([s for s in SPECS if s.kind is not BarKind.TIME]))
def test_each_session_starts_anew(trades: Trades, spec: BarSpec) -> None:
    bars, _ = aggregate(trades, spec, DAILY, 1, tick_size=1)
    for session in np.unique(bars.session_ns):
        places = bars.ordinal[bars.session_ns == session]
        assert places.tolist() == list(range(len(places)))


@pytest.mark.parametrize("spec", SPECS, ids=str)
def test_late_trades_of_a_long_tape_find_their_bars(spec: BarSpec) -> None:
    rng = np.random.default_rng(7)
    count = 4000
    trades = Trades.build(
        event_ns=OPEN + np.cumsum(rng.integers(-3, 30, count)) * SECOND,
        price=1000 + np.cumsum(rng.integers(-2, 3, count)),
        size=rng.integers(1, 40, count),
        side=rng.integers(-1, 2, count),
        seq=np.arange(1, count + 1),
    )
    bars, _ = aggregate(trades, spec, DAILY, 5, tick_size=1)
    assert rows_of(bars) == plain_bars(trades, spec, 5, 1)
