"""Profiles, POCs and value areas: vectors, a slow oracle, and a recording's golden files."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, BarOrigin, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.profile import (
    ValueArea,
    bar_pocs,
    bar_value_areas,
    build_profile,
    find_poc,
    naked_pocs,
    value_area,
)
from dashboard.domain.trade import NO_PRICE, Trades
from tests.domain import vectors as v
from tests.domain.ladders import ladders, volumes
from tests.support import SHARED

RECORDING = SHARED / "data" / "btcusd_perp_20240809"
QUICK = settings(max_examples=150, deadline=None)
Ladder = dict[int, int]


def _columns(ladder: Ladder) -> tuple[Any, Any]:
    prices = sorted(ladder)
    return np.array(prices, np.int64), np.array([ladder[p] for p in prices], np.int64)


def _poc(ladder: Ladder, level_size: int = 1) -> int:
    return find_poc(*_columns(ladder), level_size)


def _area(ladder: Ladder, convention: ValueArea, share: int = 70) -> tuple[int, int, int]:
    return value_area(*_columns(ladder), 1, share, convention)


def _plain_poc(ladder: Ladder) -> int:
    top, middle = max(ladder.values()), Fraction(min(ladder) + max(ladder), 2)
    return min((p for p, q in ladder.items() if q == top), key=lambda p: (abs(p - middle), p))


def _plain_area(
    ladder: Ladder, size: int, share: Fraction | int, rule: ValueArea
) -> tuple[int, int, int]:
    """Grow a value area row by row, empty rows included."""
    low = min(ladder)
    rows = [ladder.get(p, 0) for p in range(low, max(ladder) + 1, size)]
    bottom = top = (_plain_poc(ladder) - low) // size
    covered, target = rows[bottom], sum(rows) * Fraction(share) / 100
    width = 2 if rule is ValueArea.CBOT else 1
    while True:
        above, below = rows[top + 1 : top + 1 + width], rows[max(0, bottom - width) : bottom]
        more, less = sum(above), sum(below)
        ended = covered >= target and rule is not ValueArea.TRADINGVIEW
        if ended or not (above or below):
            break
        tie_up = more == less and rule is not ValueArea.TRADINGVIEW
        up = bool(above) and (not below or more > less or tie_up)
        if rule is ValueArea.TRADINGVIEW and covered + (more if up else less) > target:
            break
        covered += more if up else less
        top, bottom = (top + len(above), bottom) if up else (top, bottom - len(below))
    if rule is ValueArea.TRADINGVIEW:  # empty rows at an edge are not taken
        while not rows[bottom]:
            bottom += 1
        while not rows[top]:
            top -= 1
    return low + bottom * size, low + top * size, covered


@st.composite
def ladder_lists(draw: st.DrawFn) -> tuple[int, list[Ladder]]:
    """Some ladders of one level size, below and above price 0, with holes and many ties."""
    size = draw(st.sampled_from([1, 5]))
    row = st.integers(-6, draw(st.sampled_from([4, 40])))
    volume = st.integers(1, draw(st.sampled_from([2, 9, 400])))
    made = draw(st.lists(st.dictionaries(row, volume, max_size=9), max_size=4))
    return size, [{p * size: q for p, q in x.items()} for x in made]


@pytest.mark.parametrize("case", v.V6)
def test_v6_poc_ties(case: str) -> None:
    ladder, poc = v.V6[case]
    assert _poc(ladder) == poc


@pytest.mark.parametrize("convention", ValueArea)
def test_v4_three_legitimate_areas(convention: ValueArea) -> None:
    assert _poc(v.V4) == v.V4_POC
    assert _area(v.V4, convention) == v.V4_AREAS[convention.value]


@pytest.mark.parametrize("convention", ValueArea)
def test_v5_ties(convention: ValueArea) -> None:
    assert _poc(v.V5) == v.V5_POC
    assert _area(v.V5, convention) == v.V5_AREAS[convention.value]


def test_v17_naked_pocs() -> None:
    poc, low, high = (np.array(v.V17[name]) for name in ("poc", "lows", "highs"))
    assert naked_pocs(poc, low, high).tolist() == v.V17_FILLED


def test_no_poc_is_neither_naked_nor_filled() -> None:
    poc = np.array([100, NO_PRICE, 100, 100])
    low, high = np.array([100, 90, 101, 100]), np.array([100, 95, 102, 100])
    assert naked_pocs(poc, low, high).tolist() == [3, -2, 3, -1]
    none = np.zeros(0, np.int64)
    assert len(naked_pocs(none, none, none)) == 0


@QUICK
@given(made=ladder_lists(), share=st.integers(1, 100), convention=st.sampled_from(ValueArea))
def test_areas_of_many_bars_are_those_grown_row_by_row(
    made: tuple[int, list[Ladder]], share: int, convention: ValueArea
) -> None:
    size, found = made
    bars = volumes(*found, level_size=size)
    pocs, (vals, vahs) = bar_pocs(bars), bar_value_areas(bars, share, convention)
    for ladder, poc, val, vah in zip(found, pocs, vals, vahs, strict=True):
        if not ladder:
            assert {poc, val, vah} == {NO_PRICE}
            continue
        expected = _plain_area(ladder, size, share, convention)
        assert poc == _plain_poc(ladder)
        assert (val, vah) == expected[:2]
        assert value_area(*_columns(ladder), size, share, convention) == expected


@QUICK
@given(made=ladder_lists(), share=st.integers(1, 100), convention=st.sampled_from(ValueArea))
def test_an_area_holds_its_poc_and_its_share(
    made: tuple[int, list[Ladder]], share: int, convention: ValueArea
) -> None:
    size, found = made
    for ladder in filter(None, found):
        price, volume = _columns(ladder)
        poc = find_poc(price, volume, size)
        val, vah, covered = value_area(price, volume, size, share, convention)
        assert val <= poc <= vah
        assert covered == volume[(price >= val) & (price <= vah)].sum()
        if convention is ValueArea.TRADINGVIEW:
            assert covered * 100 <= volume.sum() * share or val == poc == vah
        else:
            assert covered * 100 >= volume.sum() * share


def test_the_share_is_exact() -> None:
    ladder = {100: 70, 101: 30}
    assert _area(ladder, ValueArea.ONE_ROW) == (100, 100, 70)
    assert _area(ladder, ValueArea.ONE_ROW, 71) == (100, 101, 100)
    price, volume = _columns({100: 6827, 101: 3173})
    exact = Fraction("68.27")
    assert value_area(price, volume, 1, exact)[2] == 6827
    assert value_area(price, volume, 1, exact + Fraction(1, 10**6))[2] == 10_000


@pytest.mark.parametrize("share", [0, -1, 101, Fraction(1001, 10)])
def test_an_impossible_share_is_refused(share: int | Fraction) -> None:
    with pytest.raises(ValueError, match="percent"):
        value_area(*_columns(v.V4), 1, share)


def test_a_far_outlier_costs_no_rows() -> None:
    ladder = {100: 50, 101: 10, 10**15: 40}
    assert _area(ladder, ValueArea.ONE_ROW) == (100, 10**15, 100)
    assert _area(ladder, ValueArea.CBOT, 60) == (100, 102, 60)
    assert _area(ladder, ValueArea.TRADINGVIEW) == (100, 101, 60)


def test_volumes_near_64_bits_stay_exact() -> None:
    big = 1 << 60
    ladder = {100: big, 101: big + 1, 102: big - 1, 103: 1}
    assert _poc(ladder) == 101
    assert _area(ladder, ValueArea.ONE_ROW, 60) == (100, 101, 2 * big + 1)
    assert _area(ladder, ValueArea.CBOT, 60) == (101, 103, 2 * big + 1)


def test_nothing_traded_has_no_profile() -> None:
    profile = build_profile(Bars.empty(MINUTE, 5))
    assert (len(profile), profile.poc) == (0, NO_PRICE)
    assert profile.value_area() == (NO_PRICE, NO_PRICE, 0)
    nothing = bar_value_areas(Bars.empty(MINUTE, 5))
    assert [len(column) for column in (*nothing, bar_pocs(Bars.empty(MINUTE, 5)))] == [0, 0, 0]


def test_a_profile_sums_levels_over_bars() -> None:
    bars = ladders({100: (1, 2), 110: (0, 4)}, {}, {90: (5, 0), 110: (3, 3)}, level_size=10)
    unknown = np.array([0, 7, 0, 1])
    profile = build_profile(bars.with_columns(level_unknown=unknown))
    assert profile.price.tolist() == [90, 100, 110]
    assert profile.bid_volume.tolist() == [5, 1, 3]
    assert profile.ask_volume.tolist() == [0, 2, 7]
    assert profile.unknown_volume.tolist() == [0, 0, 8]
    assert profile.volume.tolist() == [5, 3, 18]
    assert profile.trades.tolist() == [1, 1, 2]
    assert (profile.poc, len(profile), profile.level_size) == (110, 3, 10)
    assert profile.value_area(70, ValueArea.CBOT) == (90, 110, 26)


def test_levels_centred_on_their_price_keep_their_labels() -> None:
    origin = BarOrigin(60, level_anchor="nearest")
    bars = ladders({24898: (1, 1), 24902: (2, 0)}, level_size=4, origin=origin)
    profile = build_profile(bars)
    assert profile.price.tolist() == [24898, 24902]
    assert profile.level_anchor == "nearest"


@QUICK
@given(made=ladder_lists())
def test_a_profile_conserves_volume(made: tuple[int, list[Ladder]]) -> None:
    size, found = made
    profile = build_profile(volumes(*found, level_size=size))
    total: dict[int, int] = {}
    for ladder in found:
        for price, volume in ladder.items():
            total[price] = total.get(price, 0) + volume
    assert dict(zip(profile.price.tolist(), profile.volume.tolist(), strict=True)) == total
    assert (np.diff(profile.price) > 0).all()


# -------------------------------------------------------------------- a real recording


def _tenths(text: str) -> int:
    return int(Decimal(text) * 10)


@pytest.fixture(scope="module")
def recording() -> Trades:
    with (RECORDING / "trades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    return Trades.build(
        event_ns=[int(row["ts_ns"]) for row in rows],
        price=[_tenths(row["price"]) for row in rows],
        size=[int(row["qty"]) for row in rows],
        side=[{"B": 1, "S": -1}[row["side"]] for row in rows],
    )


@pytest.mark.skipif(not RECORDING.exists(), reason="../shared/data is not present")
@pytest.mark.parametrize("name", ["60s_step0.1", "60s_step10", "300s_step0.1", "300s_step10"])
def test_golden_pocs_and_value_areas(recording: Trades, name: str) -> None:
    golden = json.loads((RECORDING / "golden" / f"fp_{name}.json").read_text())
    seconds, _, step = name.partition("s_step")
    size = _tenths(step)
    bars, _ = aggregate(recording, BarSpec.parse(f"{seconds}s"), calendar_24x7(), size)
    pocs = [_tenths(bar["poc"]["mid_low"]) for bar in golden["bars"]]
    assert_array_equal(bar_pocs(bars), pocs)
    profile = build_profile(bars)
    assert profile.poc == _tenths(golden["session"]["poc"]["mid_low"])
    for convention, variant in ((ValueArea.ONE_ROW, "one_up"), (ValueArea.CBOT, "two_up")):
        areas = [bar["va70"]["grid"][variant] for bar in golden["bars"]]
        val, vah = bar_value_areas(bars, 70, convention)
        assert_array_equal(val, [_tenths(area[0]) for area in areas])
        assert_array_equal(vah, [_tenths(area[1]) for area in areas])
        low, high, covered = golden["session"]["va70"]["grid"][variant]
        expected = (_tenths(low), _tenths(high), int(covered))
        assert profile.value_area(70, convention) == expected
