"""Trades into bars: the vectors of formulas.md, edges, and real tapes against slow references."""

from __future__ import annotations

import csv
import importlib.util
import json
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.domain.aggregate import Carry, aggregate, gap_bars
from dashboard.domain.bars import MINUTE, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import ViewNotPossibleError
from tests.domain.tapes import (
    DAILY,
    DAY,
    OPEN,
    SECOND,
    V1,
    V20,
    assert_sound,
    rows_of,
    tape,
)
from tests.support import SHARED

RECORDING = SHARED / "data" / "btcusd_perp_20240809"
REFERENCE = SHARED / "data" / "ref_footprint.py"
GOLDEN = sorted((RECORDING / "golden").glob("*.json"))


def _bars(trades: Trades, text: str = "1m", level_size: int = 1, tick_size: int = 1) -> Bars:
    return aggregate(trades, BarSpec.parse(text), DAILY, level_size, tick_size=tick_size)[0]


def _only(bars: Bars) -> dict[str, Any]:
    (row,) = rows_of(bars)
    return row


# ---------------------------------------------------------------- vectors


def test_v1_every_column() -> None:
    row = _only(_bars(tape(V1)))
    assert [row[n] for n in ("open", "high", "low", "close")] == [101, 104, 99, 102]
    assert (row["bid_volume"], row["ask_volume"], row["unknown_volume"]) == (195, 225, 0)
    assert row["trades"] == 15
    assert (row["min_delta"], row["max_delta"]) == (-85, 70)
    assert (row["min_delta_nz"], row["max_delta_nz"]) == (-85, 70)
    assert (row["delta_since_high"], row["delta_since_low"]) == (-35, 115)
    assert [level[:3] for level in row["levels"]] == [
        (99, 20, 0),
        (100, 60, 15),
        (101, 45, 45),
        (102, 45, 75),
        (103, 25, 70),
        (104, 0, 20),
    ]
    assert row["vwap_ref"] == 101
    assert row["vwap_m1"] == sum((p - 101) * q for p, q, _ in V1)
    assert row["vwap_m2"] == sum((p - 101) ** 2 * q for p, q, _ in V1)
    assert (row["start_ns"], row["end_ns"]) == (OPEN, OPEN + 60 * SECOND)
    assert (row["last_seq"], row["gap"], row["unattributed_volume"]) == (15, False, 0)


def test_without_the_start_at_0_one_sided_bars_have_no_zero() -> None:
    row = _only(_bars(tape([(10, 5, "S"), (10, 2, "S"), (10, 4, "B")])))
    assert (row["min_delta"], row["max_delta"]) == (-7, 0)
    assert (row["min_delta_nz"], row["max_delta_nz"]) == (-7, -3)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("30m", "09:15 09:15 09:45 09:45 10:15 15:15 15:15"),
        ("75m", "09:15 09:15 09:15 09:15 10:30 15:30 15:30"),
        ("15m", "09:15 09:30 09:45 10:00 10:30 15:30 15:30"),
        ("7m", "09:15 09:43 09:43 09:57 10:25 15:26 15:33"),
    ],
)
def test_v13_time_bars_are_anchored_at_the_open(text: str, starts: str) -> None:
    times = [_clock(t) for t in ("09:15", "09:44", "09:45", "10:00", "10:30", "15:30", "15:39")]
    trades = Trades.build(event_ns=times, price=[1] * 7, size=[1] * 7, side=[1] * 7)
    bars = _bars(trades, text)
    expected = [_clock(t) for t in starts.split()]
    assert bars.start_ns.tolist() == sorted(set(expected))
    assert bars.trades.tolist() == [expected.count(t) for t in sorted(set(expected))]
    length = BarSpec.parse(text).interval_ns
    assert (bars.end_ns - bars.start_ns).tolist() == [length] * len(bars)
    assert (bars.start_ns - bars.session_ns == bars.ordinal * length).all()


def _clock(text: str) -> int:
    hour, minute = text.split(":")
    return (int(hour) * 60 + int(minute)) * 60 * SECOND


@pytest.mark.parametrize(
    ("price", "level"),
    [
        ("24899.00", 24898),
        ("24900.90", 24900),
        ("24901.00", 24900),
        ("24901.10", 24900),
        ("24903.00", 24902),
        ("24905.00", 24904),
    ],
)
def test_v14_levels_are_lower_edges(price: str, level: int) -> None:
    paise = int(Decimal(price) * 100)
    row = _only(_bars(tape([(paise, 1, "B")]), level_size=200))
    assert row["levels"] == [(level * 100, 0, 1, 0, 1)]
    assert row["open"] == paise


def test_levels_below_zero_are_lower_edges_too() -> None:
    row = _only(
        _bars(tape([(-1, 1, "B"), (-10, 2, "B"), (-11, 4, "S"), (9, 8, "S")]), level_size=10)
    )
    assert [level[0] for level in row["levels"]] == [-20, -10, 0]
    assert (row["high"], row["low"], row["open"], row["close"]) == (9, -11, -1, 9)


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("3t", [[5, 7, 4], [9, 12, 6], [3, 20]]),
        ("15v", [[5, 7, 4], [9, 12], [6, 3, 20]]),
        ("3r", [[5, 7, 4], [9, 12], [6, 3, 20]]),
        ("10delta", [[5, 7], [4, 9, 12, 6], [3, 20]]),
    ],
    ids=["V20", "V21", "V22", "V23"],
)
def test_v20_to_v23_bars_that_are_not_time(text: str, groups: list[list[int]]) -> None:
    trades = tape(V20)
    bars, carry = aggregate(trades, BarSpec.parse(text), DAILY, 1, tick_size=1)
    assert bars.trades.tolist() == [len(g) for g in groups]
    assert bars.volume.tolist() == [sum(g) for g in groups]
    assert bars.ordinal.tolist() == [0, 1, 2]
    ends = np.cumsum(bars.trades) - 1
    assert bars.end_ns.tolist() == trades.event_ns[ends].tolist()
    assert bars.start_ns.tolist() == trades.event_ns[ends - bars.trades + 1].tolist()
    last = V20[-len(groups[-1]) :]
    prices = [price for price, _, _ in last]
    delta = sum(q if s == "B" else -q for _, q, s in last)
    assert carry == Carry(OPEN, 2, len(last), sum(groups[-1]), delta, max(prices), min(prices))


# ---------------------------------------------------------------- edges


def test_unknown_side_is_volume_but_no_delta() -> None:
    row = _only(_bars(tape([(10, 5, "?"), (11, 3, "B"), (11, 9, "?"), (10, 1, "S")])))
    assert (row["bid_volume"], row["ask_volume"], row["unknown_volume"]) == (1, 3, 14)
    assert (row["min_delta"], row["max_delta"], row["min_delta_nz"]) == (0, 3, 0)
    assert row["levels"] == [(10, 1, 0, 5, 2), (11, 0, 3, 9, 2)]


def test_unknown_side_fills_volume_bars_and_not_delta_bars() -> None:
    trades = tape([(10, 8, "?"), (10, 8, "?"), (10, 3, "B")])
    assert _bars(trades, "10v").trades.tolist() == [2, 1]
    assert _bars(trades, "10delta").trades.tolist() == [3]


def test_a_trade_is_never_split() -> None:
    trades = tape([(10, 3, "B"), (10, 999, "B"), (10, 1, "B")])
    assert _bars(trades, "10v").volume.tolist() == [1002, 1]
    assert _bars(trades, "10delta").volume.tolist() == [1002, 1]


def test_a_bar_that_is_exactly_full_is_complete() -> None:
    trades = tape([(10, 5, "S"), (10, 5, "S"), (10, 5, "B")])
    assert _bars(trades, "10v").trades.tolist() == [2, 1]
    assert _bars(trades, "10delta").trades.tolist() == [2, 1]
    rising = tape([(10, 1, "B"), (13, 1, "B"), (14, 1, "B")])
    assert _bars(rising, "3r").trades.tolist() == [2, 1]


@pytest.mark.parametrize(
    ("text", "size", "opens"),
    [("10v", 9, False), ("10v", 10, True), ("10delta", 9, False), ("10delta", 10, True)],
)
def test_the_carry_knows_whether_the_bar_is_complete(text: str, size: int, opens: bool) -> None:
    spec, trades = BarSpec.parse(text), tape([(10, size, "S"), (10, 1, "S"), (10, 1, "S")])
    _, carry = aggregate(trades.take(slice(0, 1)), spec, DAILY, 1)
    bars, _ = aggregate(trades.take(slice(1, 3)), spec, DAILY, 1, carry)
    assert bars.ordinal.tolist() == ([1] if opens else [0, 1])


def test_a_range_is_counted_in_ticks() -> None:
    trades = tape([(100, 1, "B"), (115, 1, "B"), (116, 1, "B"), (101, 1, "S")])
    assert _bars(trades, "3r", tick_size=5).trades.tolist() == [2, 2]
    with pytest.raises(ValueError, match="pass tick_size"):
        aggregate(trades, BarSpec.parse("3r"), DAILY, 5)


@pytest.mark.parametrize("text", ["1m", "3t", "15v", "3r", "10delta"])
def test_no_trades_make_no_bars_and_keep_the_carry(text: str) -> None:
    spec, carry = BarSpec.parse(text), Carry(OPEN, 4, 1, 2, 2, 10, 10)
    bars, after = aggregate(Trades.empty(), spec, DAILY, 5, carry, tick_size=1)
    assert (len(bars), bars.spec, bars.level_size) == (0, spec, 5)
    assert after == carry
    assert aggregate(Trades.empty(), spec, DAILY, 5)[1] == Carry()


def test_time_bars_leave_the_carry_alone() -> None:
    carry = Carry(OPEN, 4, 1, 2, 2, 10, 10)
    assert aggregate(tape(V1), MINUTE, DAILY, 1, carry)[1] == carry


def test_a_level_is_at_least_one_unit_high() -> None:
    with pytest.raises(ValueError, match="not 0"):
        aggregate(tape(V1), MINUTE, DAILY, 0)


def test_before_the_open_places_are_negative() -> None:
    bars = _bars(tape(V20, start_ns=OPEN - 61 * SECOND, step_ns=30 * SECOND))
    assert bars.ordinal.tolist() == [-2, -1, 0, 1, 2]
    assert bars.trades.tolist() == [1, 2, 2, 2, 1]
    assert bars.start_ns[0] == OPEN - 120 * SECOND
    assert set(bars.session_ns.tolist()) == {OPEN}


def test_a_late_trade_counts_in_its_own_minute_in_order_of_arrival() -> None:
    times = [OPEN + 70 * SECOND, OPEN + 10 * SECOND, OPEN + 65 * SECOND, OPEN + 5 * SECOND]
    trades = Trades.build(
        event_ns=times,
        price=[10, 20, 30, 40],
        size=[1, 2, 4, 8],
        side=[1, 1, -1, -1],
        seq=[1, 2, 3, 4],
    )
    first, second = rows_of(_bars(trades))
    assert (first["open"], first["close"], first["last_seq"]) == (20, 40, 4)
    assert (second["open"], second["close"], second["last_seq"]) == (10, 30, 3)
    assert (first["max_delta"], first["min_delta"]) == (2, -6)


def test_in_order_of_arrival_a_bar_may_end_before_it_starts() -> None:
    times = [OPEN + 9 * SECOND, OPEN + 7 * SECOND]
    row = _only(_bars(Trades.build(event_ns=times, price=[1, 1], size=[1, 1], side=[1, 1]), "5t"))
    assert (row["start_ns"], row["end_ns"]) == (times[0], times[1])


@pytest.mark.parametrize("text", ["2t", "100v", "9r", "100delta"])
def test_a_late_stamp_counts_to_the_newest_session(text: str) -> None:
    times = [OPEN, OPEN + DAY, OPEN + SECOND]
    trades = Trades.build(event_ns=times, price=[5, 6, 7], size=[1, 1, 1], side=[1, 1, 1])
    bars = _bars(trades, text)
    assert bars.session_ns.tolist() == [OPEN, OPEN + DAY]
    assert bars.trades.tolist() == [1, 2]
    spec = BarSpec.parse(text)
    _, carry = aggregate(trades.take(slice(0, 2)), spec, DAILY, 1, tick_size=1)
    late, carry = aggregate(trades.take(slice(2, 3)), spec, DAILY, 1, carry, tick_size=1)
    assert (late.session_ns.tolist(), late.ordinal.tolist()) == ([OPEN + DAY], [0])
    assert (carry.session_ns, carry.trades, carry.high, carry.low) == (OPEN + DAY, 2, 7, 6)


def test_levels_sum_exactly_beyond_the_reach_of_floats() -> None:
    big = 2**53
    row = _only(_bars(tape([(10, big, "B"), (10, 1, "B"), (10, big + 1, "S"), (10, 1, "?")])))
    assert row["levels"] == [(10, big + 1, big + 1, 1, 4)]
    assert row["max_delta"] == big + 1


def test_squares_may_leave_64_bits() -> None:
    row = _only(_bars(tape([(0, 1, "B"), (4_000_000_000, 2, "B")])))
    assert row["vwap_m1"] == 8_000_000_000
    assert row["vwap_m2"] == 3.2e19


def test_sums_that_leave_64_bits_are_refused() -> None:
    with pytest.raises(ViewNotPossibleError, match="more volume than can be summed"):
        _bars(tape([(10, 2**61, "B"), (10, 2**61, "B")]))
    with pytest.raises(ViewNotPossibleError, match="more volume times price"):
        _bars(tape([(0, 2**31, "B"), (2**32, 1, "B")]))


def test_a_print_far_off_costs_no_table() -> None:
    rows = [(100 + i % 7, 1, "B") for i in range(20)]
    row = _only(_bars(tape([*rows, (10**11, 2, "S"), *rows])))
    assert [level[0] for level in row["levels"]] == [*range(100, 107), 10**11]
    assert row["levels"][-1] == (10**11, 2, 0, 0, 1)
    assert row["trades"] == 41


# ---------------------------------------------------------------- gaps


def _gap(end_ns: int, volume: int, price: int) -> Gap:
    return Gap("X", end_ns - 30 * SECOND, end_ns, volume, price, "connection lost")


def test_a_gap_counts_in_the_bar_in_which_it_ends() -> None:
    row = _only(gap_bars([_gap(OPEN + 65 * SECOND, 40, 99)], MINUTE, DAILY, 5))
    assert row["key"] == (OPEN, 1)
    assert (row["start_ns"], row["end_ns"]) == (OPEN + 60 * SECOND, OPEN + 120 * SECOND)
    assert (row["unattributed_volume"], row["gap"], row["trades"]) == (40, True, 0)
    assert [row[n] for n in ("open", "high", "low", "close", "vwap_ref")] == [99] * 5
    zero = ("bid_volume", "ask_volume", "unknown_volume", "min_delta", "max_delta", "vwap_m1")
    assert [row[n] for n in zero] == [0] * 6
    assert row["levels"] == []


def test_gaps_of_one_bar_add_up_and_others_stay_apart() -> None:
    gaps = [
        _gap(OPEN + DAY, 7, 50),
        _gap(OPEN + 5 * SECOND, 40, 99),
        _gap(OPEN - SECOND, 1, 10),
        _gap(OPEN + 3 * SECOND, 2, 101),
    ]
    bars = gap_bars(gaps, MINUTE, DAILY, 1)
    assert_sound(bars)
    assert [row["key"] for row in rows_of(bars)] == [(OPEN, -1), (OPEN, 0), (OPEN + DAY, 0)]
    assert bars.unattributed_volume.tolist() == [1, 42, 7]
    assert (bars.open[1], bars.high[1], bars.low[1], bars.close[1]) == (99, 101, 99, 101)


@pytest.mark.parametrize("text", ["3t", "15v", "3r", "10delta"])
def test_bars_that_are_not_time_count_no_gap(text: str) -> None:
    spec = BarSpec.parse(text)
    bars = gap_bars([_gap(OPEN, 40, 99)], spec, DAILY, 5)
    assert (len(bars), bars.spec, bars.level_size) == (0, spec, 5)


def test_no_gaps_make_no_bars() -> None:
    assert len(gap_bars([], MINUTE, DAILY, 1)) == 0


# ---------------------------------------------------------------- slow references


def _read_tape(path: Path) -> Trades:
    """Return the recording's trades, prices in tenths."""
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    return Trades.build(
        event_ns=[int(r["ts_ns"]) for r in lines],
        price=[int(Decimal(r["price"]) * 10) for r in lines],
        size=[int(r["qty"]) for r in lines],
        side=[{"B": 1, "S": -1}[r["side"]] for r in lines],
    )


def _assert_reference(bars: Bars, expected: list[dict[str, Any]], scale: int) -> None:
    """Compare with bars in the form of the golden files; `scale` price units are 1.00."""
    units = {"o": "open", "h": "high", "l": "low", "c": "close"}
    plain = {
        "t": "start_ns",
        "n": "trades",
        "v": "volume",
        "bv": "bid_volume",
        "av": "ask_volume",
        "uv": "unknown_volume",
        "delta": "delta",
        "min_delta": "min_delta",
        "max_delta": "max_delta",
        "min_delta_nz": "min_delta_nz",
        "max_delta_nz": "max_delta_nz",
    }
    for key, name in (units | plain).items():
        factor = scale if key in units else 1
        wanted = [int(Decimal(bar[key]) * factor) for bar in expected]
        assert getattr(bars, name).tolist() == wanted, name
    assert np.cumsum(bars.delta).tolist() == [int(bar["cvd"]) for bar in expected]
    for row, bar in zip(rows_of(bars), expected, strict=True):
        levels = [[int(Decimal(p) * scale), *map(int, rest)] for p, *rest in bar["levels"]]
        assert [list(level) for level in row["levels"]] == levels
        vwap = (row["vwap_ref"] + Fraction(row["vwap_m1"], int(bar["v"]))) / scale
        assert round(vwap * 10**10) == Decimal(bar["vwap"]) * 10**10


@pytest.mark.skipif(not GOLDEN, reason="the recording in ../shared/data is not here")
@pytest.mark.parametrize("path", GOLDEN, ids=lambda p: p.stem)
def test_the_recording_gives_the_golden_footprints(path: Path) -> None:
    golden = json.loads(path.read_text(encoding="utf-8"))
    trades = _read_tape(RECORDING / "trades.csv")
    spec = BarSpec.parse(f"{golden['meta']['bar_seconds']}s")
    level_size = int(Decimal(golden["meta"]["step"]) * 10)
    bars, _ = aggregate(trades, spec, calendar_24x7(), level_size)
    _assert_reference(bars, golden["bars"], 10)
    assert len(bars) == golden["meta"]["bars"]


@pytest.mark.skipif(not REFERENCE.exists(), reason="the reference in ../shared/data is not here")
@pytest.mark.parametrize(("seconds", "step"), [(60, 1), (8, 5), (3600, 3)])
def test_a_made_up_tape_with_unknown_sides_gives_what_the_reference_gives(
    seconds: int, step: int
) -> None:
    loader = importlib.util.spec_from_file_location("ref_footprint", REFERENCE)
    assert loader is not None
    assert loader.loader is not None
    reference = importlib.util.module_from_spec(loader)
    loader.loader.exec_module(reference)
    rng = np.random.default_rng(11)
    count = 3000
    trades = Trades.build(
        event_ns=1_700_000_000 * SECOND + np.cumsum(rng.integers(0, 3 * SECOND, count)),
        price=40 + np.cumsum(rng.integers(-2, 3, count)),
        size=rng.integers(1, 30, count),
        side=rng.integers(-1, 2, count),
    )
    columns = (trades.event_ns, trades.price, trades.size, trades.side)
    rows = [
        [t, Decimal(p), Decimal(q), {1: "B", -1: "S", 0: ""}[s]]
        for t, p, q, s in zip(*(c.tolist() for c in columns), strict=True)
    ]
    expected, _ = reference.build(rows, seconds, Decimal(step), "floor")
    bars, _ = aggregate(trades, BarSpec.parse(f"{seconds}s"), calendar_24x7(), step)
    _assert_reference(bars, expected, 1)
