"""CVD, VWAP, divergence and COT: the vectors, session resets and numbers that must not drift."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from fractions import Fraction
from math import isclose, sqrt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, BarOrigin, Bars, BarSpec
from dashboard.domain.calendar import CalendarRow, build_calendar, calendar_24x7
from dashboard.domain.indicators import (
    bar_vwap,
    cot,
    cvd_candles,
    divergence,
    session_vwap,
    typical_vwap,
)
from dashboard.domain.trade import Trades
from tests.domain import vectors as v
from tests.domain.ladders import ladders

IST = timezone(timedelta(hours=5, minutes=30))
RULE = CalendarRow(date(2026, 8, 3), None, "09:15", "15:40")
NSE = build_calendar("nse-fo", "Asia/Kolkata", [RULE])
SECOND = 1_000_000_000
DAY = 86_400 * SECOND
QUICK = settings(max_examples=80, deadline=None)
EMPTY = Bars.empty(MINUTE, 1)
UNKNOWING = BarOrigin(60, absent=frozenset({"vwap", "min_delta", "max_delta"}))


def _with_delta(
    deltas: list[int], session_ns: list[int] | None = None, **columns: list[int]
) -> Bars:
    ask = [max(d, 0) for d in deltas]
    bid = [max(-d, 0) for d in deltas]
    sessions = session_ns or [0] * len(deltas)
    bars = ladders(*[{}] * len(deltas), ask_volume=ask, bid_volume=bid, session_ns=sessions)
    return bars.with_columns(**{name: np.array(column) for name, column in columns.items()})


def _bars(trades: list[tuple[int, int]], spec: str = "1d", step_ns: int = SECOND) -> Bars:
    price, size = zip(*trades, strict=True)
    events = np.arange(len(trades)) * step_ns
    tape = Trades.build(event_ns=events, price=price, size=size, side=np.ones(len(trades)))
    return aggregate(tape, BarSpec.parse(spec), calendar_24x7(), 1)[0]


# ------------------------------------------------------------------------------ CVD


def test_v8_sessions_reset_at_their_dated_open() -> None:
    times = [datetime.fromisoformat(text).replace(tzinfo=IST) for text, _ in v.V8_DELTAS]
    instants = np.array([round(t.timestamp()) * SECOND for t in times])
    sessions = NSE.session_open(instants).tolist()
    bars = _with_delta([delta for _, delta in v.V8_DELTAS], sessions)
    assert cvd_candles(bars).close.tolist() == v.V8_SESSION
    assert cvd_candles(bars, continuous=True).close.tolist() == v.V8_CONTINUOUS


def test_v8b_candles() -> None:
    deltas, highs, lows = (list(column) for column in zip(*v.V8B_BARS, strict=True))
    candles = cvd_candles(_with_delta(deltas, max_delta=highs, min_delta=lows))
    columns = (candles.open, candles.high, candles.low, candles.close)
    assert list(zip(*(c.tolist() for c in columns), strict=True)) == v.V8B_CANDLES


def test_candles_of_a_source_without_running_delta_hold_open_and_close() -> None:
    candles = cvd_candles(_with_delta([40, -15]))
    assert candles.high.tolist() == [40, 40]
    assert candles.low.tolist() == [0, 25]


@QUICK
@given(deltas=st.lists(st.integers(-50, 50), max_size=20), cuts=st.sets(st.integers(0, 19)))
def test_candles_join_and_sessions_start_at_0(deltas: list[int], cuts: set[int]) -> None:
    sessions = np.cumsum([i in cuts for i in range(len(deltas))]).tolist()
    bars = _with_delta(deltas, sessions)
    candles = cvd_candles(bars)
    assert_array_equal(candles.close - candles.open, deltas)
    for i in range(len(deltas)):
        new = i == 0 or sessions[i] != sessions[i - 1]
        assert candles.open[i] == (0 if new else candles.close[i - 1])
    assert cvd_candles(bars, continuous=True).close.tolist() == np.cumsum(deltas).tolist()


# ------------------------------------------------------------------------------ VWAP


def test_v7_vwap_and_bands() -> None:
    bars = _bars(v.V7_TRADES, "1s")
    vwap, sigma = session_vwap(bars)
    assert vwap[-1] == v.V7_VWAP
    assert isclose(sigma[-1] ** 2, v.V7_VARIANCE, rel_tol=1e-12)
    assert isclose(sigma[-1], v.V7_SIGMA, abs_tol=1e-10)
    for k, low, high in ((1, 99.72296704, 101.87703296), (3, 97.56890112, 104.03109888)):
        assert isclose(vwap[-1] - k * sigma[-1], low, abs_tol=1e-8)
        assert isclose(vwap[-1] + k * sigma[-1], high, abs_tol=1e-8)
    assert (vwap[0], sigma[0]) == (100, 0)
    whole = _bars(v.V7_TRADES)
    assert bar_vwap(whole).tolist() == [v.V7_VWAP]
    assert bar_vwap(bars).tolist() == [100, 101, 102, 101, 99]


def test_v7b_typical_prices() -> None:
    high, low, close, volume = (list(column) for column in zip(*v.V7B_BARS, strict=True))
    bars = _with_delta(volume, high=high, low=low, close=close)
    assert isclose(typical_vwap(bars)[-1], v.V7B_VWAP)


def test_each_session_has_its_own_vwap() -> None:
    bars = _bars([(100, 1), (300, 1), (50, 2), (60, 2)], "1m", step_ns=DAY // 2)
    assert session_vwap(bars)[0].tolist() == [100, 200, 50, 55]
    assert session_vwap(bars)[1].tolist() == [0, 100, 0, 5]
    assert typical_vwap(bars).tolist() == [100, 200, 50, 55]


def test_volume_without_a_price_takes_no_part() -> None:
    bars = _bars([(100, 10), (110, 10)], "1s")
    holes = bars.with_columns(
        ask_volume=np.array([0, 10]),
        unattributed_volume=np.array([10, 5]),
        vwap_ref=np.array([7, 110]),
    )
    vwap, sigma = session_vwap(holes)
    assert np.isnan([vwap[0], sigma[0], typical_vwap(holes)[0], bar_vwap(holes)[0]]).all()
    assert (vwap[1], sigma[1], typical_vwap(holes)[1], bar_vwap(holes)[1]) == (110, 0, 110, 110)
    later = bars.with_columns(ask_volume=np.array([10, 0]), unattributed_volume=np.array([0, 10]))
    assert session_vwap(later)[0].tolist() == [100, 100]


def test_a_session_without_a_priced_trade_has_no_vwap() -> None:
    bars = _with_delta([0, 0])
    assert np.isnan(session_vwap(bars)).all()


def test_a_source_without_moments_has_no_vwap() -> None:
    bars = ladders({100: (5, 5)}, origin=UNKNOWING)
    assert np.isnan(session_vwap(bars)).all()
    assert np.isnan(bar_vwap(bars)).all()


@QUICK
@given(
    trades=st.lists(st.tuples(st.integers(-300, 300), st.integers(1, 10**6)), min_size=1),
    base=st.sampled_from([0, 2_489_900, 10**12]),
)
def test_vwap_is_exact_at_any_price(trades: list[tuple[int, int]], base: int) -> None:
    moved = [(base + price, size) for price, size in trades]
    vwap, sigma = session_vwap(_bars(moved, "7s"))
    weight = sum(size for _, size in moved)
    mean = Fraction(sum(price * size for price, size in moved), weight)
    spread = sum((price - mean) ** 2 * size for price, size in moved) / weight
    assert isclose(vwap[-1], float(mean), rel_tol=1e-15, abs_tol=1e-12)
    assert isclose(sigma[-1], sqrt(spread), rel_tol=1e-7, abs_tol=1e-4)
    assert (sigma >= 0).all()


def test_a_sessions_sums_may_leave_64_bits() -> None:
    bars = _bars([(0, 10**9), (10**9, 10**9), (2 * 10**9, 10**9)], "1s")
    many = bars.with_columns(ask_volume=bars.ask_volume * 10**8)
    assert_allclose(session_vwap(many)[0], [0, 5 * 10**8, 10**9], rtol=1e-15)


def test_rounding_never_makes_a_variance_negative() -> None:
    """The second moment over the volume comes out 5e-13 below the square of the mean."""
    bars = _with_delta([1, 10**18], vwap_ref=[0, 49])
    assert session_vwap(bars)[1].tolist() == [0, 0]


# ------------------------------------------------------------------------------ divergence, COT


def test_v16_bars_against_their_delta() -> None:
    columns = list(zip(*v.V16_BARS, strict=True))
    names = ("open", "high", "low", "close")
    prices = {name: list(column) for name, column in zip(names, columns, strict=False)}
    bars = _with_delta(list(columns[4]), **prices)
    assert divergence(bars).tolist() == v.V16_DIVERGENCE
    assert cvd_candles(bars).close.tolist() == v.V16_CVD


def test_a_flat_bar_or_delta_diverges_from_nothing() -> None:
    bars = _with_delta([-5, 0, 5], open=[9, 9, 9], close=[9, 10, 9])
    assert divergence(bars).tolist() == [0, 0, 0]


def test_v10_delta_since_the_sessions_extremes() -> None:
    high, low, delta = (list(column) for column in zip(*v.V10_BARS, strict=True))
    found = cot(_with_delta(delta, high=high, low=low))
    assert list(zip(*(c.tolist() for c in found), strict=True)) == v.V10_HIGH_LOW


def test_a_new_session_has_new_extremes() -> None:
    bars = _with_delta([5, 6, 7], [0, 0, 1], high=[9, 8, 3], low=[4, 4, 3])
    high, low = cot(bars)
    assert high.tolist() == [5, 11, 7]
    assert low.tolist() == [5, 6, 7]


def test_no_bars_give_no_values() -> None:
    prices = (*session_vwap(EMPTY), bar_vwap(EMPTY), typical_vwap(EMPTY))
    sums = (*cot(EMPTY), cvd_candles(EMPTY).close)
    assert {len(column) for column in (*prices, *sums, divergence(EMPTY))} == {0}


@pytest.mark.parametrize("continuous", [True, False])
def test_types_are_those_of_size_units(continuous: bool) -> None:
    candles = cvd_candles(_with_delta([1, 2]), continuous=continuous)
    assert {c.dtype for c in (candles.open, candles.high, candles.low, candles.close)} == {
        np.dtype(np.int64)
    }
