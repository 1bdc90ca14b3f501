"""Imbalances and stacks: each platform's convention, and a slow oracle."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import MINUTE, Bars
from dashboard.domain.imbalance import (
    PRESETS,
    ImbalanceRule,
    StackedZone,
    ZeroRule,
    diagonal_imbalances,
    stacked_levels,
    stacked_zones,
    suggested_min_volume,
)
from tests.domain import vectors as v
from tests.domain.ladders import Ladder, ladders, volumes

QUICK = settings(max_examples=150, deadline=None)
RULES = {
    "default": PRESETS["standard"],
    "TradingView": PRESETS["tradingview"],
    "flowsurface": PRESETS["flowsurface"],
    "ATAS stacked": PRESETS["atas"],
    "NinjaTrader": PRESETS["ninjatrader"],
    "ATAS ImbalanceRatio": ImbalanceRule(4, zero=ZeroRule.IGNORE),
    "openalgo-charts": ImbalanceRule(3, zero=ZeroRule.AS_ONE),
}
rules = st.builds(
    ImbalanceRule,
    ratio=st.sampled_from([1, 1.5, 3, 3.1, Fraction(10, 3)]),
    min_volume=st.integers(0, 6),
    min_difference=st.integers(-3, 6),
    zero=st.sampled_from(ZeroRule),
    strict=st.booleans(),
)
rows = st.dictionaries(
    st.integers(-5, 6), st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(any), max_size=8
)


def _flags(ladder: Ladder, rule: ImbalanceRule) -> tuple[list[int], list[int]]:
    bars = ladders(ladder)
    buy, sell = diagonal_imbalances(bars, rule)
    return bars.level_price[buy].tolist(), bars.level_price[sell].tolist()


def _plain(ladder: Ladder, size: int, rule: ImbalanceRule) -> tuple[list[int], list[int]]:
    buy, sell = [], []
    for p in sorted(ladder):
        below, above = ladder.get(p - size, (0, 0))[0], ladder.get(p + size, (0, 0))[1]
        if p > min(ladder) and _plain_outweighs(ladder[p][1], below, rule):
            buy.append(p)
        if p < max(ladder) and _plain_outweighs(ladder[p][0], above, rule):
            sell.append(p)
    return buy, sell


def _plain_outweighs(own: int, opposite: int, rule: ImbalanceRule) -> bool:
    if own == 0 or own < rule.min_volume:
        return False
    if opposite == 0 and rule.zero is ZeroRule.IGNORE:
        return False
    if opposite == 0 and rule.zero is ZeroRule.AS_ONE:
        opposite = 1
    needed = Fraction(rule.ratio) * opposite
    return (
        own > needed if rule.strict else own >= needed
    ) and own - opposite >= rule.min_difference


@pytest.mark.parametrize("platform", RULES)
def test_v2_every_platform_flags_its_own(platform: str) -> None:
    buy, sell, stacks = v.V2_BUY_SELL_STACKS[platform]
    rule = RULES[platform]
    assert _flags(v.V2, rule) == (buy, sell)
    bars = ladders(v.V2)
    zones = stacked_zones(bars, *diagonal_imbalances(bars, rule), rule.stack)
    assert zones == [StackedZone(0, low, high, 1) for low, high in stacks]


@pytest.mark.parametrize("platform", RULES)
def test_v3_zeros_and_a_missing_row(platform: str) -> None:
    assert _flags(v.V3, RULES[platform])[0] == v.V3_BUY[platform]


def test_v3b_neighbours_are_found_by_price() -> None:
    assert _flags(v.V3B, ImbalanceRule(4))[0] == v.V3B_BUY
    assert _flags(v.V3B, ImbalanceRule(4, zero=ZeroRule.IGNORE))[0] == []


def test_a_bars_edges_are_not_compared() -> None:
    assert _flags({100: (9, 9)}, ImbalanceRule()) == ([], [])
    assert _flags({100: (0, 9), 101: (9, 0)}, ImbalanceRule()) == ([], [])
    assert _flags({100: (9, 0), 101: (0, 9)}, ImbalanceRule(1)) == ([101], [100])


def test_the_own_side_must_have_traded() -> None:
    assert _flags({100: (0, 4), 101: (4, 0), 102: (0, 4)}, ImbalanceRule(min_difference=-9)) == (
        [],
        [],
    )


@QUICK
@given(found=st.lists(rows, max_size=4), size=st.sampled_from([1, 5]), rule=rules)
def test_many_bars_at_once_are_each_bar_by_the_book(
    found: list[Ladder], size: int, rule: ImbalanceRule
) -> None:
    spread = [{p * size: x for p, x in ladder.items()} for ladder in found]
    bars = ladders(*spread, level_size=size)
    buy, sell = diagonal_imbalances(bars, rule)
    for i, ladder in enumerate(spread):
        mine = bars.level_bar == i
        expected = _plain(ladder, size, rule) if ladder else ([], [])
        assert bars.level_price[mine & buy].tolist() == expected[0]
        assert bars.level_price[mine & sell].tolist() == expected[1]


def test_a_ratio_is_the_decimal_that_was_typed() -> None:
    assert ImbalanceRule(3.1).terms == (31, 10)
    assert ImbalanceRule(3.0).terms == ImbalanceRule(Fraction(3)).terms == (3, 1)
    assert _flags({100: (10, 0), 101: (0, 31)}, ImbalanceRule(3.1))[0] == [101]
    assert _flags({100: (10, 0), 101: (0, 31)}, ImbalanceRule(3.1, strict=True))[0] == []


@pytest.mark.parametrize("ratio", [0, -3, -0.5])
def test_a_ratio_is_above_0(ratio: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        ImbalanceRule(ratio)


def test_a_rule_in_lots_becomes_one_in_size_units() -> None:
    rule = PRESETS["ninjatrader"].scaled(75)
    assert (rule.min_volume, rule.min_difference) == (0, 750)
    assert PRESETS["atas"].scaled(75).min_volume == 31 * 75


# ------------------------------------------------------------------------------ stacks


def _mask(bars: Bars, *prices: int) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    return np.isin(bars.level_price, prices)


def test_a_missing_row_ends_a_stack() -> None:
    bars = volumes(dict.fromkeys([100, 101, 102, 104, 105], 1))
    every = _mask(bars, 100, 101, 102, 104, 105)
    none = _mask(bars)
    assert stacked_zones(bars, every, none, 3) == [StackedZone(0, 100, 102, 1)]
    assert stacked_zones(bars, none, every, 2) == [
        StackedZone(0, 100, 102, -1),
        StackedZone(0, 104, 105, -1),
    ]
    assert stacked_levels(bars, every, 3).tolist() == [True, True, True, False, False]


def test_a_stack_ends_with_its_bar() -> None:
    bars = volumes({100: 1, 101: 1}, {}, {102: 1, 103: 1})
    every = _mask(bars, 100, 101, 102, 103)
    assert stacked_zones(bars, every, _mask(bars), 3) == []
    assert stacked_zones(bars, every, every, 2) == [
        StackedZone(0, 100, 101, 1),
        StackedZone(0, 100, 101, -1),
        StackedZone(2, 102, 103, 1),
        StackedZone(2, 102, 103, -1),
    ]


def test_no_flags_make_no_stacks() -> None:
    for bars in (volumes({100: 1}), Bars.empty(MINUTE, 1)):
        none = np.zeros(len(bars.level_price), np.bool_)
        assert stacked_zones(bars, none, none, 1) == []
        assert not stacked_levels(bars, none, 1).any()
        assert not np.any(diagonal_imbalances(bars, ImbalanceRule()))


@QUICK
@given(
    prices=st.lists(st.sets(st.integers(0, 12), max_size=10), max_size=3),
    flags=st.lists(st.booleans(), min_size=30, max_size=30),
    length=st.integers(1, 5),
)
def test_zones_and_members_tell_the_same(
    prices: list[set[int]], flags: list[bool], length: int
) -> None:
    bars = volumes(*(dict.fromkeys(sorted(x), 1) for x in prices))
    buy = np.array(flags, np.bool_)[: len(bars.level_price)]
    zones = stacked_zones(bars, buy, ~buy, length)
    members = [
        {(z.bar, p) for z in zones if z.side == side for p in range(z.low, z.high + 1)}
        for side in (1, -1)
    ]
    keys = list(zip(bars.level_bar.tolist(), bars.level_price.tolist(), strict=True))
    for found, mask in zip(members, (buy, ~buy), strict=True):
        inside = stacked_levels(bars, mask, length)
        assert found == {key for key, member in zip(keys, inside, strict=True) if member}
        assert not (inside & ~mask).any()
    assert all(z.high - z.low + 1 >= length for z in zones)


# ------------------------------------------------------------------------------ minimum


@pytest.mark.parametrize(
    ("found", "percentile", "expected"),
    [
        ([5, 1, 4, 2, 3], 60, 3),
        ([5, 1, 4, 2, 3], 61, 4),
        ([5, 1, 4, 2, 3], 100, 5),
        ([5, 1, 4, 2, 3], 1, 1),
        ([7], 60, 7),
        ([], 60, 0),
    ],
)
def test_a_percentile_is_a_volume_that_occurred(
    found: list[int], percentile: int, expected: int
) -> None:
    bars = volumes(dict(enumerate(found)))
    assert suggested_min_volume(bars, percentile) == expected


@QUICK
@given(found=st.lists(st.integers(1, 50), min_size=1, max_size=40), percentile=st.integers(1, 100))
def test_enough_levels_do_not_exceed_the_minimum(found: list[int], percentile: int) -> None:
    least = suggested_min_volume(volumes(dict(enumerate(found))), percentile)
    assert sum(x <= least for x in found) * 100 >= len(found) * percentile
    assert sum(x < least for x in found) * 100 < len(found) * percentile
