"""Frames: derived once, then only where bars changed, with the same result."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import Bars
from dashboard.domain.profile import bar_pocs
from dashboard.domain.trade import NO_PRICE, Trades
from dashboard.figures.frame import BUY, BUY_STACK, POC, SELL, SELL_STACK, ViewFrame, derive
from dashboard.figures.heat import NO_FILL
from dashboard.figures.view import ViewSettings
from tests.figures import samples
from tests.figures.samples import PLAIN, V2, V3, bars_of, snapshot_of


def assert_same(one: ViewFrame, other: ViewFrame) -> None:
    """Assert that two frames agree in every derived field."""
    for field in dataclasses.fields(ViewFrame):
        if field.name in {"snapshot", "settings"}:
            continue
        a: Any = getattr(one, field.name)
        b: Any = getattr(other, field.name)
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=field.name)
            assert a.dtype == b.dtype, field.name
        else:
            assert a == b, field.name


def marked(frame: ViewFrame, bar: int, bit: int) -> list[int]:
    """Prices of a bar's levels that carry a mark."""
    bars = frame.bars.take(bar, bar + 1)
    marks = frame.marks[frame.bars.offsets[bar] : frame.bars.offsets[bar + 1]]
    prices: list[int] = bars.level_price[marks & bit > 0].tolist()
    return prices


PRESET_MARKS = {
    "standard": ([103, 104, 105, 106], [], [103, 104, 105, 106]),
    "tradingview": ([103, 104, 105, 106], [], [103, 104, 105, 106]),
    "flowsurface": ([103, 104, 105], [], [103, 104, 105]),
    "atas": ([103, 104, 105], [], [103, 104, 105]),
    "ninjatrader": ([103, 104, 105, 106], [99, 100], [103, 104, 105, 106]),
}


@pytest.mark.parametrize("preset", PRESET_MARKS)
def test_marks_are_those_of_v2(preset: str) -> None:
    view = ViewSettings.parse({"symbol": "TEST", "preset": preset})
    frame = derive(snapshot_of(bars_of(V2)), view)
    buy, sell, stack = PRESET_MARKS[preset]
    assert marked(frame, 0, BUY) == buy
    assert marked(frame, 0, SELL) == sell
    assert marked(frame, 0, BUY_STACK) == stack
    assert marked(frame, 0, SELL_STACK) == []
    assert marked(frame, 0, POC) == [103]
    assert [(z.low, z.high, z.side) for z in frame.zones] == [(stack[0], stack[-1], 1)]


def test_marks_are_those_of_v3() -> None:
    frame = derive(snapshot_of(bars_of(V3)), PLAIN)
    assert marked(frame, 0, BUY) == [104, 105]
    assert frame.zones == []


def test_longer_stacks_and_other_ratios_are_settings() -> None:
    bars = bars_of(V2)
    long = derive(snapshot_of(bars), dataclasses.replace(PLAIN, stack=5))
    assert marked(long, 0, BUY_STACK) == []
    steep = derive(snapshot_of(bars), dataclasses.replace(PLAIN, ratio=5.0))
    assert marked(steep, 0, BUY) == [105]


def test_minimum_is_a_percentile_of_the_session_before() -> None:
    quiet = {100: (1, 2), 101: (4, 6), 102: (8, 12)}  # level volumes 3, 10, 20
    auto = dataclasses.replace(PLAIN, minvol="auto")
    frame = derive(snapshot_of(bars_of(quiet, V2, sessions=(0, 1))), auto)
    assert sorted(frame.minimums.values()) == [0, 10]
    assert frame.min_volume == 10
    first = derive(snapshot_of(bars_of(V2), previous_levels=np.array([3, 20, 10])), auto)
    assert first.min_volume == 10
    assert derive(snapshot_of(bars_of(V2)), auto).min_volume == 0


def test_a_typed_minimum_is_in_the_unit_shown() -> None:
    lots = dataclasses.replace(samples.INSTRUMENT, lot_size=75)
    bars = bars_of(V2, lot=75)
    typed = dataclasses.replace(PLAIN, minvol="70")
    frame = derive(snapshot_of(bars, instrument=lots), typed)
    assert frame.min_volume == 70 * 75
    assert marked(frame, 0, BUY) == [103]
    quantity = derive(snapshot_of(bars, instrument=lots), dataclasses.replace(typed, unit="qty"))
    assert quantity.min_volume == 70


def test_lots_are_shown_only_where_they_divide_everything() -> None:
    lots = dataclasses.replace(samples.INSTRUMENT, lot_size=75)
    whole = derive(snapshot_of(bars_of(V2, lot=75), instrument=lots), PLAIN)
    assert whole.lots
    assert whole.shown(whole.bars.volume).tolist() == [588]
    odd = derive(snapshot_of(bars_of(V2), instrument=lots), PLAIN)
    assert not odd.lots
    assert odd.shown(odd.bars.volume).tolist() == [588]
    assert whole.view != odd.view


def test_fractional_venues_show_decimals() -> None:
    coin = dataclasses.replace(samples.INSTRUMENT, size_scale=1000)
    frame = derive(snapshot_of(bars_of({100: (250, 0)}), instrument=coin), PLAIN)
    assert frame.shown(frame.bars.volume).tolist() == [0.25]


def test_an_odd_lot_that_arrives_changes_the_unit_and_the_view() -> None:
    lots = dataclasses.replace(samples.INSTRUMENT, lot_size=75)
    even = bars_of(V2, V2, lot=75)
    before = derive(snapshot_of(even.take(0, 1), instrument=lots), PLAIN)
    bid = even.level_bid.copy()
    bid[-2] += 1
    after = derive(snapshot_of(even.with_columns(level_bid=bid), instrument=lots), PLAIN, before)
    assert before.lots
    assert not after.lots
    assert after.view != before.view


def test_heat_can_be_switched_off_and_taken_per_bar() -> None:
    loud = {price: (bid * 100, ask * 100) for price, (bid, ask) in V2.items()}
    bars = bars_of(loud, V2)
    off = derive(snapshot_of(bars), dataclasses.replace(PLAIN, heat="off"))
    assert set(off.heat_bid.tolist()) == {NO_FILL}
    assert off.shade_volume.tolist() != [NO_FILL] * 2
    alone = derive(snapshot_of(bars), dataclasses.replace(PLAIN, heat="bar"))
    single = derive(snapshot_of(bars_of(V2)), PLAIN)
    assert alone.heat_ask[8:].tolist() == single.heat_ask.tolist()
    session = derive(snapshot_of(bars), PLAIN)
    assert session.heat_ask[8:].tolist() != single.heat_ask.tolist()
    assert session.shade_volume.tolist() == alone.shade_volume.tolist()


def test_a_zone_ends_at_the_first_later_bar_that_trades_in_it() -> None:
    above, below = {110: (1, 1)}, {98: (1, 1)}
    touch = {106: (1, 1)}
    frame = derive(snapshot_of(bars_of(V2, above, below, touch)), PLAIN)
    assert [(z.bar, z.low, z.high, z.end) for z in frame.zones] == [(0, 103, 106, 3)]
    untouched = derive(snapshot_of(bars_of(V2, above, below)), PLAIN)
    assert untouched.zones[0].end is None


def test_zones_live_on_from_frame_to_frame() -> None:
    far, touch = {200: (1, 1)}, {104: (1, 1)}
    whole = bars_of(V2, far, V2, touch, far)
    frame = None
    for count in range(1, 6):
        frame = derive(snapshot_of(whole.take(0, count)), PLAIN, frame)
        assert_same(frame, derive(snapshot_of(whole.take(0, count)), PLAIN))
        ends = [zone.end for zone in frame.zones]
        assert ends == [[None], [None], [2, None], [2, 3], [2, 3]][count - 1]


def test_cumulative_delta_restarts_unless_it_is_continuous() -> None:
    bars = bars_of({100: (0, 40)}, {100: (15, 0)}, {100: (0, 60)}, sessions=(0, 0, 1))
    assert derive(snapshot_of(bars), PLAIN).cvd_close.tolist() == [40, 25, 60]
    through = dataclasses.replace(PLAIN, cvd="continuous")
    assert derive(snapshot_of(bars), through).cvd_close.tolist() == [40, 25, 85]


def test_labels_are_exchange_times_and_dates_of_sessions() -> None:
    frame = derive(snapshot_of(bars_of(V2, V2, V2, sessions=(0, 0, 1))), PLAIN)
    assert list(frame.label) == ["00:00", "00:01", "00:02"]
    assert list(frame.date) == ["4 Oct", "", "5 Oct"]


def test_a_view_without_bars_has_an_empty_frame() -> None:
    bars = bars_of(V2)
    frame = derive(snapshot_of(bars.take(0, 0)), PLAIN)
    assert len(frame) == 0
    assert frame.min_volume == 0
    grown = derive(snapshot_of(bars), PLAIN, frame)
    assert_same(grown, derive(snapshot_of(bars), PLAIN))


def test_an_unchanged_snapshot_keeps_every_column() -> None:
    bars = bars_of(V2, V3)
    frame = derive(snapshot_of(bars), PLAIN)
    again = derive(snapshot_of(bars, version=99), PLAIN, frame)
    assert again.marks is frame.marks
    assert again.snapshot.version == 99


def test_a_version_reaches_the_bars_after_a_late_trade() -> None:
    bars = bars_of(V2, V3, V2).with_columns(version=np.array([9, 2, 3]))
    assert derive(snapshot_of(bars), PLAIN).version.tolist() == [9, 9, 9]


views = st.sampled_from(
    [
        PLAIN,
        ViewSettings(symbol="TEST"),
        ViewSettings(symbol="TEST", cvd="continuous", preset="flowsurface", heat="bar"),
        ViewSettings(symbol="TEST", unit="qty", stack=2, ratio=1.5),
    ]
)


def lived(trades: Trades, cuts: list[int]) -> list[Bars]:
    """Bars as they were at moments of a tape, each bar's version that of its last change."""
    moments: list[Bars] = []
    for number, cut in enumerate(sorted({max(1, c % (len(trades) + 1)) for c in cuts}), start=1):
        bars = samples.bars_from(trades.take(slice(0, cut)))
        version = np.full(len(bars), number)
        if moments:
            old = moments[-1]
            same = min(len(old), len(bars))
            kept = (old.trades[:same] == bars.trades[:same]).nonzero()[0]
            version[kept] = old.version[kept]
        moments.append(bars.with_columns(version=version))
    return moments


@given(samples.tapes(), st.lists(st.integers(0, 1000), min_size=1, max_size=5), views)
@settings(max_examples=40)
def test_beat_by_beat_equals_all_at_once(
    trades: Trades, cuts: list[int], view: ViewSettings
) -> None:
    frame = None
    for bars in lived(trades, cuts):
        snapshot = snapshot_of(bars)
        frame = derive(snapshot, view, frame)
        assert_same(frame, derive(snapshot, view))


@given(samples.tapes(), st.integers(0, 1000), views)
@settings(max_examples=30)
def test_a_closed_bar_never_changes_its_look(trades: Trades, cut: int, view: ViewSettings) -> None:
    whole = samples.bars_from(trades)
    at = cut % len(whole) + 1
    early = derive(snapshot_of(whole.take(0, at)), view)
    late = derive(snapshot_of(whole), view)
    cells = int(whole.offsets[at])
    for name in ("heat_bid", "heat_ask", "heat_total", "heat_delta", "marks"):
        assert (getattr(early, name) == getattr(late, name)[:cells]).all(), name
    for name in ("poc", "cvd_close", "shade_delta", "shade_pct", "shade_volume"):
        assert (getattr(early, name) == getattr(late, name)[:at]).all(), name


@given(samples.tapes(), st.integers(0, 1000), views)
@settings(max_examples=30)
def test_a_late_trade_is_as_if_it_had_been_there(
    trades: Trades, place: int, view: ViewSettings
) -> None:
    whole = samples.bars_from(trades)
    at = place % len(whole)
    first = int(whole.offsets[at])
    ask, volume = whole.level_ask.copy(), whole.ask_volume.copy()
    ask[first] += 150
    volume[at] += 150
    version = whole.version.copy()
    version[at] = len(whole) + 1
    changed = whole.with_columns(level_ask=ask, ask_volume=volume, version=version)
    before = derive(snapshot_of(whole), view)
    assert_same(derive(snapshot_of(changed), view, before), derive(snapshot_of(changed), view))


def test_pocs_of_bars_that_only_a_gap_made_are_absent() -> None:
    bars = bars_of(V2, V3)
    none = bars.with_columns(
        offsets=np.array([0, 8, 8]),
        **{n: getattr(bars, n)[:8] for n in ("level_price", "level_bid", "level_ask")},
        level_unknown=bars.level_unknown[:8],
        level_trades=bars.level_trades[:8],
    )
    frame = derive(snapshot_of(none), PLAIN)
    assert frame.poc.tolist() == [103, NO_PRICE]
    assert (frame.poc == bar_pocs(none)).all()
    assert len(frame.marks) == 8
