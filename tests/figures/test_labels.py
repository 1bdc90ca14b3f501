"""Texts for people: one formatter each, in the exchange's time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.instrument import Instrument
from dashboard.figures import labels

NIFTY = Instrument("NIFTY", tick_size=10, lot_size=75)
COIN = Instrument("COIN", price_scale=1, tick_size=1)
KOLKATA = "Asia/Kolkata"
OPEN = 1_757_562_300 * 10**9  # 2025-09-11 09:15 in India
MINUTE = 60 * 10**9


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1,000"),
        (99999, "99,999"),
        (123456, "1,23,456"),
        (-12345678, "−1,23,45,678"),
    ],
)
def test_indian_grouping(value: int, text: str) -> None:
    assert labels.grouped(value) == text


@given(st.integers(-(10**15), 10**15))
def test_grouping_keeps_the_number(value: int) -> None:
    text = labels.grouped(value)
    assert int(text.replace(",", "").replace("−", "-")) == value
    assert all(len(part) == 2 for part in text.lstrip("−").split(",")[1:-1])


@pytest.mark.parametrize(
    ("units", "text"),
    [
        (2508800, "25,088.00"),
        (10000005, "1,00,000.05"),
        (-5, "−0.05"),
        (0, "0.00"),
        (2507830.5, "25,078.31"),
        (-0.4, "0.00"),
    ],
)
def test_prices_have_the_ticks_decimals(units: float, text: str) -> None:
    assert labels.price_text(units, NIFTY) == text


def test_a_price_without_decimals_has_no_point() -> None:
    assert labels.price_text(61234, COIN) == "61,234"


def test_differences_carry_their_sign() -> None:
    assert labels.signed_price(8200, NIFTY) == "+82.00"
    assert labels.signed_price(-60, NIFTY) == "−0.60"
    assert labels.signed_price(0, NIFTY) == "0.00"
    assert labels.signed_price(0.2, NIFTY) == "0.00"
    assert [labels.signed(v) for v in (95, 0, -271)] == ["+95", "0", "−271"]
    assert labels.signed(123456) == "+1,23,456"


@pytest.mark.parametrize(
    ("value", "text"),
    [(39.7, "+39.7 %"), (8.0, "+8 %"), (-14.62, "−14.6 %"), (0.0, "0 %"), (-0.01, "0 %")],
)
def test_percentages(value: float, text: str) -> None:
    assert labels.percent(value) == text


def test_percentages_with_two_decimals() -> None:
    assert labels.percent(0.326, 2) == "+0.33 %"
    assert labels.percent(-0.3, 2) == "−0.3 %"
    assert labels.percent(100.0, 0) == "+100 %"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9999, "9999"),
        (10_000, "10k"),
        (12_345, "12.3k"),
        (99_949, "99.9k"),
        (99_950, "100k"),
        (999_499, "999k"),
        (999_500, "1M"),
        (1_250_000, "1.25M"),
        (999_999_999, "1B"),
        (12_000_000_000, "12B"),
        (-12_345, "−12.3k"),
    ],
)
def test_abbreviations_keep_three_digits(value: int, text: str) -> None:
    assert labels.abbreviated(value) == text


@given(st.integers(10_000, 10**12))
def test_an_abbreviation_is_right_to_half_a_percent(value: int) -> None:
    text = labels.abbreviated(value)
    read = float(text[:-1]) * {"k": 1e3, "M": 1e6, "B": 1e9}[text[-1]]
    assert abs(read - value) <= value * 0.005


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0 s"),
        (0.3, "0.3 s"),
        (9.99, "9.9 s"),
        (10, "10 s"),
        (59.9, "59 s"),
        (125, "2 min"),
        (3960, "1 h 06 min"),
        (172_799, "47 h 59 min"),
        (172_800, "2 d"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert labels.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(160.2, "02:41"), (0, "00:00"), (-3, "00:00"), (3761, "1:02:41")],
)
def test_countdowns_round_up(seconds: float, text: str) -> None:
    assert labels.countdown(seconds) == text


def test_times_are_the_exchanges() -> None:
    assert labels.clock(OPEN, KOLKATA) == "09:15:00"
    assert labels.clock(OPEN, "America/New_York", seconds=False) == "23:45"
    assert labels.date_text(OPEN, KOLKATA) == "11 Sep"
    assert labels.date_text(OPEN, "America/New_York") == "10 Sep"
    assert labels.long_date(OPEN, KOLKATA) == "11 Sep 2025"


def test_the_clock_has_the_zones_name() -> None:
    assert labels.zone_name(OPEN, KOLKATA) == "IST"
    assert labels.zone_name(OPEN, "UTC") == "UTC"


def test_bars_inside_a_minute_show_seconds() -> None:
    starts = [OPEN, OPEN + MINUTE, OPEN + MINUTE + 30 * 10**9]
    assert labels.time_labels(starts, KOLKATA) == ["09:15", "09:16", "09:16:30"]


def test_a_date_stands_where_a_session_begins() -> None:
    day = 86400 * 10**9
    sessions = [OPEN, OPEN, OPEN + day]
    assert labels.session_dates(sessions, KOLKATA) == ["11 Sep", "", "12 Sep"]
    assert labels.session_dates(sessions, KOLKATA, before=OPEN) == ["", "", "12 Sep"]
