"""Fragments joined into bars, short bars into longer ones."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import MINUTE, BarOrigin, Bars, BarSpec
from dashboard.domain.merge import blank_absent, collapse, combine, merge
from dashboard.domain.quote import Gap
from dashboard.errors import ViewNotPossibleError
from tests.domain.tapes import (
    DAILY,
    DAY,
    OPEN,
    SECOND,
    V1,
    V20,
    assert_same,
    assert_sound,
    rows_of,
    tape,
)

FIVE = BarSpec.parse("5m")
NO_DELTA_PATH = frozenset({"trades", "min_delta", "max_delta", "delta_since", "vwap"})


def _minutes(rows: list[tuple[int, int, str]], first: int = 0, level_size: int = 1) -> Bars:
    """Return one-minute bars of one trade each, beginning `first` minutes after the open."""
    trades = tape(rows, OPEN + first * 60 * SECOND, 60 * SECOND)
    return aggregate(trades, MINUTE, DAILY, level_size)[0]


def _gap(minute: int, volume: int, price: int) -> Bars:
    end = OPEN + minute * 60 * SECOND
    return gap_bars([Gap("X", end - SECOND, end, volume, price, "lost")], MINUTE, DAILY, 1)


def _row(bars: Bars, i: int = 0) -> dict[str, Any]:
    return rows_of(bars)[i]


def test_fragments_of_one_bar_join_to_the_whole() -> None:
    trades = tape(V1)
    whole, _ = aggregate(trades, MINUTE, DAILY, 1)
    for cut in range(16):
        a, _ = aggregate(trades.take(slice(0, cut)), MINUTE, DAILY, 1)
        b, _ = aggregate(trades.take(slice(cut, 15)), MINUTE, DAILY, 1)
        assert_same(merge(a, b), whole)


def test_running_extremes_compose() -> None:
    """formulas.md V8b: (delta 40, max 55, min -10) then (-15, 5, -30)."""
    first = [(10, 10, "S"), (10, 65, "B"), (10, 15, "S")]
    then = [(10, 5, "B"), (10, 35, "S"), (10, 15, "B")]
    a, b = (aggregate(tape(rows), MINUTE, DAILY, 1)[0] for rows in (first, then))
    extremes = [(r["min_delta"], r["max_delta"]) for r in (_row(a), _row(b))]
    assert [*a.delta, *b.delta] == [40, -15]
    assert extremes == [(-10, 55), (-30, 5)]
    joined = merge(a, b)
    assert joined.delta.tolist() == [25]
    assert (_row(joined)["min_delta"], _row(joined)["max_delta"]) == (-10, 55)
    back = merge(b, a)
    assert (_row(back)["min_delta"], _row(back)["max_delta"]) == (-30, 40)


def test_extremes_without_the_start_compose_too() -> None:
    a, b = _minutes([(10, 7, "B")]), _minutes([(10, 2, "S")])
    joined = _row(merge(a, b))
    assert (joined["min_delta_nz"], joined["max_delta_nz"]) == (5, 7)
    assert (joined["min_delta"], joined["max_delta"]) == (0, 7)


def test_nothing_joined_is_the_other() -> None:
    bars, none = _minutes(V20), Bars.empty(MINUTE, 1, BarOrigin(interval_s=300))
    assert merge(bars, none) is bars
    assert merge(none, bars) is bars


@pytest.mark.parametrize(
    ("a", "b"), [((0, 3), (3, 8)), ((3, 8), (0, 3)), ((0, 8), (3, 4)), ((2, 3), (0, 8))]
)
def test_bars_find_their_place(a: tuple[int, int], b: tuple[int, int]) -> None:
    bars = _minutes(V20)
    joined = merge(bars.take(*a), bars.take(*b))
    assert_sound(joined)
    assert joined.keys.tolist() == bars.keys.tolist()
    for i in range(len(bars)):
        times = (a[0] <= i < a[1]) + (b[0] <= i < b[1])
        assert joined.trades[i] == times
        assert joined.volume[i] == times * bars.volume[i]


def test_bars_between_each_other_interleave() -> None:
    bars = _minutes(V20)
    even = np.arange(8) % 2 == 0
    assert_same(merge(bars.select(even), bars.select(~even)), bars)
    assert_same(merge(bars.select(~even), bars.select(even)), bars)


def test_sessions_stay_apart() -> None:
    today = _minutes(V20[:2])
    tomorrow, _ = aggregate(tape(V20[:2], OPEN + DAY, 60 * SECOND), MINUTE, DAILY, 1)
    joined = merge(tomorrow, today)
    assert joined.session_ns.tolist() == [OPEN, OPEN, OPEN + DAY, OPEN + DAY]
    assert joined.ordinal.tolist() == [0, 1, 0, 1]


def test_order_of_fragments_is_order_of_arrival() -> None:
    a, b = _minutes([(10, 1, "B")]), _minutes([(12, 1, "S")])
    assert (_row(merge(a, b))["open"], _row(merge(a, b))["close"]) == (10, 12)
    assert (_row(merge(b, a))["open"], _row(merge(b, a))["close"]) == (12, 10)


def test_versions_and_seqs_take_the_newest_and_gaps_stay() -> None:
    a = _minutes([(10, 1, "B")]).with_columns(version=np.array([7]), last_seq=np.array([90]))
    b = _minutes([(10, 1, "B")]).with_columns(version=np.array([3]), last_seq=np.array([95]))
    for row in (merge(a, b), merge(b, a)):
        assert (row.version.tolist(), row.last_seq.tolist()) == ([7], [95])
        assert row.gap.tolist() == [False]
    row = merge(a, merge(b, _gap(0, 4, 10)))
    assert (row.version.tolist(), row.last_seq.tolist(), row.gap.tolist()) == ([7], [95], [True])


@pytest.mark.parametrize("gap_first", [True, False])
def test_trades_decide_prices_where_a_gap_only_adds_volume(gap_first: bool) -> None:
    traded, lost = _minutes([(10, 5, "S")]), _gap(0, 40, 99)
    joined = merge(lost, traded) if gap_first else merge(traded, lost)
    expected = _row(traded) | {"unattributed_volume": 40, "gap": True}
    assert _row(joined) == expected
    assert_sound(joined)


def test_gaps_alone_keep_their_prices() -> None:
    row = _row(merge(merge(_gap(0, 40, 99), _gap(0, 2, 95)), _gap(0, 0, 97)))
    assert [row[n] for n in ("open", "high", "low", "close")] == [99, 99, 95, 97]
    assert (row["unattributed_volume"], row["trades"], row["levels"]) == (42, 0, [])
    assert (row["min_delta_nz"], row["vwap_m1"]) == (0, 0)


def test_a_gap_between_trades_moves_no_delta() -> None:
    a, b = _minutes([(10, 5, "B")]), _minutes([(12, 3, "B")])
    with_gap = merge(merge(a, _gap(0, 40, 99)), b)
    expected = _row(merge(a, b)) | {"unattributed_volume": 40, "gap": True}
    assert _row(with_gap) == expected


def test_volume_without_a_trade_count_is_traded() -> None:
    """Bars of a source that does not know the count hold 0 trades and true prices."""
    counted = _minutes([(10, 5, "B")])
    origin = BarOrigin(interval_s=300, absent=frozenset({"trades"}))
    candle = blank_absent(counted, origin)
    lost = replace(_gap(0, 4, 99), origin=origin)
    row = _row(merge(lost, candle))
    assert (row["open"], row["trades"], row["bid_volume"] + row["ask_volume"]) == (10, 0, 5)


def test_moments_are_shifted_to_the_first_reference() -> None:
    big = 3_000_000_001
    a = _minutes([(10, 1, "B")])
    b = _minutes([(10 - big, 3, "S")])
    row = _row(merge(a, b))
    assert (row["vwap_ref"], row["vwap_m1"]) == (10, -3 * big)
    assert row["vwap_m2"] == pytest.approx(3.0 * big * big, rel=1e-15)


@pytest.mark.parametrize("other", [_minutes(V20, level_size=2), Bars.empty(FIVE, 1)])
def test_another_recipe_is_refused(other: Bars) -> None:
    with pytest.raises(ValueError, match="cannot merge 1m at 1 with"):
        merge(_minutes(V20), other)


def test_another_origin_is_refused() -> None:
    bars = _minutes(V20)
    with pytest.raises(ValueError, match="never mix"):
        merge(bars, replace(bars, origin=BarOrigin(ohlc_exact=False)))


def test_open_minutes_join_stored_ones() -> None:
    bars = _minutes(V20)
    stored = replace(bars.take(0, 5), origin=BarOrigin(interval_s=60))
    joined = merge(stored, bars.take(5, 8))
    assert joined.origin == BarOrigin(interval_s=60)
    assert rows_of(joined) == rows_of(bars)


def test_what_one_source_cannot_know_the_whole_does_not() -> None:
    known = _minutes([(10, 5, "B"), (11, 2, "S"), (10, 1, "S")])
    partly = replace(known.take(0, 2), origin=BarOrigin(absent=NO_DELTA_PATH))
    joined = merge(partly, known.take(1, 3))
    assert joined.origin.absent == NO_DELTA_PATH
    blank = [n for n in rows_of(joined)[0] if n.startswith(("min_", "max_", "delta_since", "vwap"))]
    assert len(blank) == 9
    for row in rows_of(joined):
        assert [row[n] for n in (*blank, "trades")] == [0] * 10
    assert joined.volume.tolist() == [5, 4, 1]


def test_combined_bars_keep_their_origin_and_blanks() -> None:
    origin = BarOrigin(interval_s=60, absent=NO_DELTA_PATH)
    bars = blank_absent(_minutes([(10, 5, "S"), (11, 2, "S"), (9, 9, "B")]), origin)
    five = combine(bars, FIVE)
    assert five.origin == origin
    row = _row(five)
    assert (row["min_delta"], row["max_delta_nz"], row["delta_since_high"]) == (0, 0, 0)
    assert (row["vwap_ref"], row["vwap_m1"], row["vwap_m2"]) == (0, 0, 0.0)
    assert (row["open"], row["high"], row["low"], row["close"]) == (10, 11, 9, 9)


def test_combine_anchors_at_the_open_and_ends_on_the_grid() -> None:
    """The last quarter of an hour and a bit: 15:15-15:40 makes one short 30-minute bar."""
    bars = _minutes([(100, 1, "B")] * 386, first=-1)
    half = combine(bars, BarSpec.parse("30m"))
    assert half.ordinal.tolist() == list(range(-1, 13))
    assert half.trades.tolist() == [1, *[30] * 12, 25]
    assert (half.start_ns[-1] - OPEN) // (60 * SECOND) == 360
    assert half.end_ns[-1] - half.start_ns[-1] == 1800 * SECOND


def test_combine_twice_equals_combine_at_once() -> None:
    bars = _minutes(V1 * 4)
    hour = BarSpec.parse("1h")
    assert_same(combine(combine(bars, FIVE), hour), combine(bars, hour))


def test_combine_to_the_same_length_is_the_same() -> None:
    bars = _minutes(V20)
    assert combine(bars, MINUTE) is bars
    assert len(combine(Bars.empty(MINUTE, 1), FIVE)) == 0


def test_combine_keeps_unattributed_volume_and_gaps() -> None:
    bars = merge(_minutes([(10, 5, "B"), (11, 2, "S")]), merge(_gap(2, 40, 50), _gap(7, 1, 60)))
    five = combine(bars, FIVE)
    assert five.unattributed_volume.tolist() == [40, 1]
    assert five.gap.tolist() == [True, True]
    assert five.high.tolist() == [11, 60]
    assert_sound(five)


@pytest.mark.parametrize(
    ("have", "want", "sentence"),
    [
        ("5m", "7m", "Bars of 7m cannot be made exactly of stored bars of 5m; .*multiple of 5m"),
        ("5m", "1m", "Bars of 1m cannot be made exactly of stored bars of 5m"),
        ("1m", "100t", "Bars of 100t cannot be made of bars of 1m; that needs the trades"),
        ("100t", "1m", "Bars of 1m cannot be made of bars of 100t"),
    ],
)
def test_bars_that_cannot_be_made_are_refused(have: str, want: str, sentence: str) -> None:
    with pytest.raises(ViewNotPossibleError, match=sentence):
        combine(Bars.empty(BarSpec.parse(have), 1), BarSpec.parse(want))


def test_collapse_sorts_and_keeps_the_order_of_equals() -> None:
    a, b = _minutes([(10, 1, "B"), (20, 1, "B")]), _minutes([(12, 1, "S"), (22, 1, "S")])
    rows = collapse(Bars.concat([b.take(1, 2), a, b.take(0, 1)]))
    assert [(r["open"], r["close"]) for r in rows_of(rows)] == [(10, 12), (22, 20)]
    assert_sound(rows)


def test_collapse_of_nothing_and_of_single_rows_changes_nothing() -> None:
    bars = _minutes(V20)
    assert collapse(bars) is bars
    none = bars.take(0, 0)
    assert collapse(none) is none


def test_sums_that_leave_64_bits_are_refused() -> None:
    far, size = 2**40, 2**21
    a, b = _minutes([(0, size, "B")]), _minutes([(far, 4 * size, "S")])
    with pytest.raises(ViewNotPossibleError, match="1m hold more volume times price"):
        merge(a, b)
    origin = BarOrigin(absent=frozenset({"vwap"}))
    joined = merge(*(blank_absent(x, origin) for x in (a, b)))
    assert joined.volume.tolist() == [5 * size]
