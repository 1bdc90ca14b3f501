"""Texts around the chart: what they say, and what they do not claim."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import numpy as np

from dashboard.domain.bars import LEVEL_COLUMNS, Bars
from dashboard.domain.calendar import CalendarRow, build_calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import BookLevel, Quote
from dashboard.domain.trade import SideRule
from dashboard.figures.cards import Card, Part, feed_rows, metric_cards, status_parts
from dashboard.figures.frame import ViewFrame, derive
from dashboard.figures.view import ViewSettings
from tests.figures.samples import (
    MINUTE,
    OPEN,
    PLAIN,
    V2,
    V3,
    bars_of,
    live_of,
    shifted,
    snapshot_of,
)

NIFTY = Instrument("NIFTY", price_scale=1, tick_size=1, lot_size=75)
QUOTE = Quote(
    "TEST", OPEN, OPEN, 106, 1, 500, (BookLevel(105, 10),), (BookLevel(107, 10),),
    average_price=100, high_price=120, low_price=98, open_interest=123_456,
)  # fmt: skip


def frame_of(bars: Bars, view: ViewSettings = PLAIN, **changes: Any) -> ViewFrame:  # noqa: ANN401
    """A frame whose snapshot has some fields changed."""
    return derive(snapshot_of(bars, **changes), view)


def card(cards: list[Card], name: str) -> Card:
    """The card of a name."""
    return next(c for c in cards if c.name.startswith(name))


def values(parts: Any) -> list[str]:  # noqa: ANN401 - any sequence of parts
    """The parts' texts."""
    return [part.value for part in parts]


def test_last_price_with_change_and_spread() -> None:
    bars = bars_of(V2)
    frame = frame_of(bars, previous_close=100, live=live_of(bars, quote=QUOTE))
    last = card(metric_cards(frame, PLAIN), "Last")
    assert last.value == "106"
    assert [(p.value, p.tone) for p in last.more] == [("+6 (+6 %)", "buy"), ("spread 2", "")]
    stored = frame_of(bars, previous_close=200, live=None, status=None, is_open=False)
    assert values(card(metric_cards(stored, PLAIN), "Last").more) == ["−94 (−47 %)"]
    assert card(metric_cards(frame_of(bars), PLAIN), "Last").more == []


def test_delta_of_the_bar_and_of_the_session_with_extremes() -> None:
    frame = frame_of(bars_of(V3, V2, V3, sessions=(0, 1, 1)))
    delta = card(metric_cards(frame, PLAIN), "Δ")
    assert delta.value == "+71 / +225"
    assert delta.tone == "buy"
    session = frame.cvd_high[1:].max(), frame.cvd_low[1:].min()
    assert values(delta.more) == [f"hi +{session[0]}", f"lo −{-min(session[1], 0)}"]
    through = dataclasses.replace(PLAIN, cvd="continuous")
    again = frame_of(bars_of(V3, V2, V3, sessions=(0, 1, 1)), through)
    assert card(metric_cards(again, through), "Δ").value == delta.value


def test_volume_is_the_sessions_in_the_unit_shown() -> None:
    bars = bars_of(V3, V2, V2, sessions=(0, 1, 1), lot=75)
    lots = metric_cards(frame_of(bars, instrument=NIFTY), PLAIN)
    assert (card(lots, "Volume").name, card(lots, "Volume").value) == ("Volume (lots)", "1,176")
    view = dataclasses.replace(PLAIN, unit="qty")
    quantity = metric_cards(frame_of(bars, view, instrument=NIFTY), view)
    assert card(quantity, "Volume").value == "88,200"
    coin = dataclasses.replace(NIFTY, lot_size=1, size_scale=1000)
    fraction = metric_cards(frame_of(bars_of({100: (1500, 20)}), instrument=coin), PLAIN)
    assert card(fraction, "Volume").value == "1.52"
    assert card(fraction, "Δ").value == "−1.48 / −1.48"


def test_levels_are_the_sessions_whatever_profile_is_shown() -> None:
    view = dataclasses.replace(PLAIN, profile="off")
    cards = metric_cards(frame_of(bars_of(V3, V2, sessions=(0, 1)), view), view)
    assert (card(cards, "POC").value, card(cards, "POC").tone) == ("103", "poc")
    assert card(cards, "VA").value == "100 – 104"
    assert card(cards, "VWAP").value == "102"


def test_a_session_seen_from_its_middle_says_since_when() -> None:
    bars = shifted(bars_of(V2), 90)
    late = live_of(bars, first_ns=OPEN + 90 * MINUTE)
    assert values(card(metric_cards(frame_of(bars, live=late), PLAIN), "VWAP").more) == [
        "since 01:30"
    ]
    assert card(metric_cards(frame_of(bars), PLAIN), "VWAP").more == ()


def test_a_source_without_vwap_has_none() -> None:
    bars = bars_of(V2)
    origin = dataclasses.replace(bars.origin, absent=frozenset({"vwap"}))
    cards = metric_cards(frame_of(dataclasses.replace(bars, origin=origin)), PLAIN)
    assert card(cards, "VWAP").value == "–"


def test_hours_that_no_table_confirms_are_marked() -> None:
    row = CalendarRow(date(2024, 1, 1), date(2024, 1, 31), "00:00", "24:00")
    dated = build_calendar("x", "UTC", [row])
    parts = status_parts(frame_of(bars_of(V2), calendar=dated), PLAIN, OPEN)
    assert Part("Calendar", "hours by rule, unconfirmed", "warn") in parts


def test_the_days_range_is_the_exchanges_where_it_says() -> None:
    bars = bars_of(V2)
    assert card(metric_cards(frame_of(bars), PLAIN), "High").value == "106 / 99"
    told = frame_of(bars, live=live_of(bars, quote=QUOTE), previous_close=95)
    high = card(metric_cards(told, PLAIN), "High")
    assert (high.value, values(high.more)) == ("120 / 98", ["prev 95"])


def test_open_interest_only_where_it_is_sent() -> None:
    bars = bars_of(V2)
    assert not any(c.name == "OI" for c in metric_cards(frame_of(bars), PLAIN))
    told = frame_of(bars, live=live_of(bars, quote=QUOTE))
    assert card(metric_cards(told, PLAIN), "OI").value == "1,23,456"


def test_data_says_what_is_estimated_and_what_is_missing() -> None:
    bars = bars_of(V2)
    live = live_of(bars, updates_per_s=2.14, gaps=1)
    data = card(metric_cards(frame_of(bars, live=live, sides_estimated=True), PLAIN), "Data")
    assert (data.value, data.tone) == ("estimated", "warn")
    assert values(data.more) == ["± 18 %", "2.1 updates/s", "1 gap"]
    torn = bars.with_columns(gap=np.array([True]))
    stored = frame_of(torn, live=None, status=None, is_open=False)
    told = card(metric_cards(stored, PLAIN), "Data")
    assert (told.value, values(told.more)) == ("as traded", ["1 gap"])
    twice = live_of(bars, updates_per_s=20, gaps=2)
    more = card(metric_cards(frame_of(bars, live=twice), PLAIN), "Data").more
    assert values(more) == ["20.0 trades/s", "2 gaps"]


def test_bars_without_levels_have_no_poc() -> None:
    bars = bars_of(V2)
    none = {name: getattr(bars, name)[:0] for name in LEVEL_COLUMNS}
    cards = metric_cards(frame_of(bars.with_columns(offsets=np.array([0, 0]), **none)), PLAIN)
    assert (card(cards, "POC").value, card(cards, "VA").value) == ("–", "–")


def test_without_bars_every_card_is_empty() -> None:
    empty = frame_of(bars_of(V2).take(0, 0), live=None)
    assert {c.value for c in metric_cards(empty, PLAIN)} == {"–"}
    assert [p.name for p in status_parts(empty, PLAIN, OPEN)][-2:] == ["UTC", "Bars"]


def test_the_status_line_of_a_live_estimated_session() -> None:
    bars = bars_of(V2)
    rules = [0] * len(SideRule)
    rules[SideRule.QUOTE], rules[SideRule.TICK0], rules[SideRule.UNKNOWN] = 978, 19, 3
    live = live_of(bars, quote=QUOTE, provenance=Provenance(tuple(rules)))
    frame = frame_of(bars, live=live, sides_estimated=True, by_rule=tuple(rules))
    parts = status_parts(frame, PLAIN, OPEN + 5 * 10**9 + 300_000_000)
    assert [(p.name, p.value) for p in parts] == [
        ("Session", "00:00–00:00"),
        ("Sides estimated from snapshots:", "quote 97.8 % tick 1.9 % unknown 0.3 %"),
        ("Unattributed", "0"),
        ("VWAP − exchange", "+2"),
        ("Saved", "00:00:05"),
        ("UTC", "00:00:05"),
        ("Newest trade", "0.3 s ago"),
    ]


def test_stored_sides_are_as_traded_or_estimated() -> None:
    bars = bars_of(V2)
    stored = frame_of(bars, live=None, status=None, is_open=False)
    assert Part("Sides", "as traded") in status_parts(stored, PLAIN, OPEN)
    guessed = frame_of(bars, live=None, status=None, is_open=False, sides_estimated=True)
    sentence = "estimated, by a rule that is not stored"
    assert Part("Sides", sentence, "warn") in status_parts(guessed, PLAIN, OPEN)
    by_tick = tuple(8 if rule is SideRule.TICK else 0 for rule in SideRule)
    told = frame_of(
        bars, live=None, status=None, is_open=False, sides_estimated=True, by_rule=by_tick
    )
    shares = "quote 0 % tick 100 % unknown 0 %"
    assert Part("Sides estimated:", shares) in status_parts(told, PLAIN, OPEN)


def test_volume_that_was_spread_is_told_apart() -> None:
    rules = {SideRule.QUOTE: 30, SideRule.TICK: 10, SideRule.SPREAD: 60}
    by_rule = tuple(rules.get(rule, 0) for rule in SideRule)
    frame = frame_of(bars_of(V2), live=live_of(bars_of(V2)), sides_estimated=True, by_rule=by_rule)
    shares = "quote 30 % tick 10 % spread 60 % unknown 0 %"
    assert Part("Sides estimated from snapshots:", shares) in status_parts(frame, PLAIN, OPEN)


def test_the_expected_error_stands_beside_estimated_where_snapshots_come() -> None:
    bars = bars_of(V2)
    status = FeedStatus(FeedMode.LIVE, FeedState.LIVE, "", heartbeat_ns=OPEN)
    told = frame_of(
        bars, status=status, live=live_of(bars, updates_per_s=1.0), sides_estimated=True
    )
    assert feed_rows(told, OPEN)[-1] == Part("Sides", "estimated ± 31 %")
    quiet = frame_of(bars, status=status, live=live_of(bars, updates_per_s=0), sides_estimated=True)
    assert feed_rows(quiet, OPEN)[-1] == Part("Sides", "estimated")
    again = FeedStatus(FeedMode.REPLAY, FeedState.LIVE, "", heartbeat_ns=OPEN)
    replayed = frame_of(bars, status=again, live=live_of(bars), sides_estimated=True)
    assert feed_rows(replayed, OPEN)[-1] == Part("Sides", "estimated")


def test_missing_volume_and_odd_lots_are_warnings() -> None:
    torn = bars_of(V2).with_columns(unattributed_volume=np.array([75]))
    parts = status_parts(frame_of(torn, instrument=NIFTY), PLAIN, OPEN)
    assert Part("Unattributed", "75", "warn") in parts
    assert any(p.name == "Unit" and p.tone == "warn" for p in parts)


def test_the_feed_card_tells_state_and_cause() -> None:
    bars = bars_of(V2)
    status = FeedStatus(FeedMode.REPLAY, FeedState.RETRYING, "No route.", heartbeat_ns=OPEN)
    live = live_of(bars, updates_per_s=2.0, gaps=3, receive_ns=OPEN)
    rows = feed_rows(frame_of(bars, status=status, live=live), OPEN + 4 * 10**9)
    assert rows == [
        Part("Source", "REPLAY"),
        Part("State", "retrying", "warn"),
        Part("Cause", "No route.", "warn"),
        Part("Last sign", "4.0 s ago"),
        Part("Trades", "2.0 / s"),
        Part("Gaps", "3", "warn"),
        Part("Sides", "as traded"),
    ]
    stored = frame_of(bars, status=None, live=None, is_open=False, sides_estimated=True)
    assert [p.name for p in feed_rows(stored, OPEN)] == ["Source", "State", "Sides"]
