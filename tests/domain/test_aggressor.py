"""Trades inferred from packets: the vectors, the broker's habits, and one truth for one or many."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dashboard.domain.aggressor import (
    GAP_NS,
    InferenceState,
    classify,
    decode_state,
    encode_state,
    infer,
    infer_many,
    mark_gap,
    note_alive,
)
from dashboard.domain.calendar import SECOND_NS, Calendar, CalendarRow, build_calendar
from dashboard.domain.quote import BookLevel, Gap, Quote, QuoteArrays
from dashboard.domain.trade import NO_PRICE, TRADE_DTYPE, AggressorSide, SideRule, Trades
from dashboard.errors import CorruptStoreError
from tests.domain.vectors import V11_SIDES, V11_TRADES, V12, V12_SIZES
from tests.support import SHARED

RECORDING = SHARED / "data" / "btcusd_perp_20240809" / "trades.csv"
CALENDAR = build_calendar(
    "test", "Asia/Kolkata", [CalendarRow(date(2020, 1, 1), None, "09:15", "15:30")]
)
OPEN = CALENDAR.session_at(1_789_101_000 * SECOND_NS).open_ns
NEXT_OPEN = CALENDAR.next_session(OPEN).open_ns
START = InferenceState("X", CALENDAR)
PLAIN = replace(START, places=None)
WHOLE = 10**6
"""A last trade so large that it is all that a packet folds."""
SIDE_OF = {"B": AggressorSide.BUY, "S": AggressorSide.SELL}
RULE_OF = {"quote": SideRule.QUOTE, "tick": SideRule.TICK, "tick0": SideRule.TICK0}


def packet(
    second: float,
    volume: int,
    price: int = 100,
    book: tuple[int | None, int | None] = (None, None),
    *,
    open_ns: int = OPEN,
    received: float | None = None,
    last_trade: float | None = None,
    last_size: int = WHOLE,
) -> Quote:
    """Return a packet some seconds after the session's open, received at once."""
    event = open_ns + round(second * SECOND_NS)
    arrival = event if received is None else open_ns + round(received * SECOND_NS)
    bid, ask = book
    return Quote(
        "X",
        event,
        arrival,
        price,
        last_size,
        volume,
        bids=() if bid is None else (BookLevel(bid, 10),),
        asks=() if ask is None else (BookLevel(ask, 10),),
        last_trade_ns=0 if last_trade is None else open_ns + round(last_trade * SECOND_NS),
        source_seq=round(second * 10),
    )


def play(quotes: list[Quote], state: InferenceState = START) -> list[Trades | Gap | None]:
    """Return what each packet says; a stale one says None."""
    said = []
    for quote in quotes:
        state, result = infer(state, quote)
        said.append(result)
    return said


def last_side(quotes: list[Quote]) -> tuple[int, int]:
    """Return side and rule of the last packet's trade."""
    trade = play(quotes)[-1]
    assert isinstance(trade, Trades)
    return int(trade.side[0]), int(trade.rule[0])


# ------------------------------------------------------------------------------ vectors


def test_v11_quote_then_tick() -> None:
    books = [(bid, ask) for _, bid, ask in V11_TRADES]
    quotes = [packet(0, 10, 10000, books[0])]
    for i, (price, _, _) in enumerate(V11_TRADES):
        after = books[i + 1] if i + 1 < len(books) else (None, None)
        quotes.append(packet(i + 1, 20 + i, price, after))
    trades = [said for said in play(quotes) if isinstance(said, Trades)]
    found = [(int(t.side[0]), int(t.rule[0])) for t in trades]
    assert found == [(SIDE_OF[side], RULE_OF[rule]) for side, rule in V11_SIDES]


def test_v11_as_a_tape_with_the_book_before_each_trade() -> None:
    price, bid, ask = (
        [NO_PRICE if x is None else x for x in column] for column in zip(*V11_TRADES, strict=True)
    )
    zeros = [0] * len(price)
    tape = Trades.build(event_ns=zeros, price=price, size=zeros, side=zeros, bid=bid, ask=ask)
    done = classify(tape)
    found = list(zip(done.side.tolist(), done.rule.tolist(), strict=True))
    assert found == [(SIDE_OF[side], RULE_OF[rule]) for side, rule in V11_SIDES]


def test_v12_sizes_from_the_days_counter() -> None:
    days = {"D1": OPEN, "D2": NEXT_OPEN}
    quotes = [packet(i, volume, open_ns=days[day]) for i, (day, volume) in enumerate(V12)]
    sizes = [int(s.size[0]) if isinstance(s, Trades) else 0 for s in play(quotes)]
    assert sizes == [size if isinstance(size, int) else 0 for size in V12_SIZES]


# ------------------------------------------------------------------------------ sides


def test_a_trade_carries_the_packet_and_the_book_before_it() -> None:
    quotes = [packet(0, 10, 100, (99, 101)), packet(1.2, 35, 101, (100, 102), received=1.5)]
    trade = play(quotes)[1]
    assert isinstance(trade, Trades)
    row = {name: getattr(trade, name).tolist() for name in TRADE_DTYPE.names or ()}
    assert row == {
        "seq": [0],
        "event_ns": [OPEN + 1_200_000_000],
        "receive_ns": [OPEN + 1_500_000_000],
        "price": [101],
        "size": [25],
        "side": [AggressorSide.BUY],
        "rule": [SideRule.QUOTE],
        "bid": [99],
        "ask": [101],
        "source_seq": [12],
    }


@pytest.mark.parametrize(
    ("before", "now", "price", "expected"),
    [
        ((99, 101), (102, 103), 101, (1, SideRule.QUOTE)),
        ((99, 101), (90, 91), 99, (-1, SideRule.QUOTE)),
        ((99, 101), (99, 100), 100, (1, SideRule.QUOTE_NOW)),
        ((99, 101), (100, 102), 100, (-1, SideRule.QUOTE_NOW)),
        ((None, None), (98, 99), 99, (1, SideRule.QUOTE_NOW)),
        ((None, 101), (None, None), 101, (1, SideRule.QUOTE)),
        ((99, None), (None, None), 99, (-1, SideRule.QUOTE)),
        ((99, None), (None, None), 120, (1, SideRule.TICK)),
        ((100, 100), (None, None), 100, (0, SideRule.UNKNOWN)),
        ((100, 100), (None, None), 101, (1, SideRule.QUOTE)),
        ((100, 100), (None, None), 99, (-1, SideRule.QUOTE)),
        ((102, 98), (None, None), 103, (1, SideRule.TICK)),
        ((102, 98), (None, None), 97, (-1, SideRule.TICK)),
        ((102, 98), (102, 98), 100, (0, SideRule.UNKNOWN)),
        ((None, None), (None, None), 100, (0, SideRule.UNKNOWN)),
    ],
)
def test_the_book_before_then_the_book_now_then_the_tick(
    before: tuple[int | None, int | None],
    now: tuple[int | None, int | None],
    price: int,
    expected: tuple[int, int],
) -> None:
    quotes = [packet(0, 10, 100, before), packet(1, 20, price, now)]
    assert last_side(quotes) == expected
    _, trades, _ = infer_many(START, QuoteArrays.of(quotes))
    assert (trades.side.tolist(), trades.rule.tolist()) == ([expected[0]], [expected[1]])


def test_no_reference_price_means_no_guess() -> None:
    # Nothing traded yet, so the price shown is not a trade's.
    assert last_side([packet(0, 0, 90), packet(1, 5, 100)]) == (0, SideRule.UNKNOWN)
    assert last_side([packet(0, 5, 90), packet(1, 9, 100)]) == (1, SideRule.TICK)


def test_a_price_that_moved_without_volume_is_a_reference() -> None:
    quotes = [packet(0, 10, 100), packet(1, 10, 104), packet(2, 15, 103)]
    assert last_side(quotes) == (-1, SideRule.TICK)


def test_a_zero_tick_takes_the_side_of_the_last_known_trade() -> None:
    quotes = [packet(0, 10, 100, (99, 100)), packet(1, 11, 100), packet(2, 12, 100)]
    assert last_side(quotes) == (1, SideRule.TICK0)
    unknown = [packet(0, 10), packet(1, 11), packet(2, 12)]
    assert last_side(unknown) == (0, SideRule.UNKNOWN)


def test_an_auction_before_the_open_has_no_aggressor() -> None:
    quotes = [packet(-600, 0, 100, (99, 101)), packet(-599, 500, 101), packet(-598, 510, 101)]
    said = play(quotes)
    assert isinstance(said[1], Trades)
    assert (said[1].size.tolist(), said[1].side.tolist()) == ([500], [0])
    assert last_side(quotes) == (0, SideRule.UNKNOWN)


# ------------------------------------------------------------------------------ several trades


def rows_of(trades: Trades) -> list[tuple[int, int, int, int]]:
    """Return (price, size, side, rule) of each trade."""
    columns = (trades.price, trades.size, trades.side, trades.rule)
    return [(int(p), int(q), int(s), int(r)) for p, q, s, r in zip(*columns, strict=True)]


def last_rows(
    quotes: list[Quote], state: InferenceState = START
) -> list[tuple[int, int, int, int]]:
    """Return what the last packet tells, the same packet by packet and in one batch."""
    said = play(quotes, state)[-1]
    assert isinstance(said, Trades)
    _, together, _ = infer_many(state, QuoteArrays.of(quotes))
    assert rows_of(together)[-len(said) :] == rows_of(said)
    return rows_of(said)


Q, S = int(SideRule.QUOTE), int(SideRule.SPREAD)


def test_what_was_not_seen_lies_on_the_way_from_the_quote_to_the_last_trade() -> None:
    # The ask stood at 1010 and the last of 65 was bought at 1070: 960 more on the way there, a
    # sixteenth of it sold between the bids of before and now.
    quotes = [
        packet(0, 650, 1000, (1000, 1010), last_size=5),
        packet(1, 650 + 1025, 1070, (1060, 1080), last_size=65),
    ]
    assert last_rows(quotes) == [
        (1010, 225, 1, S),
        (1030, 225, 1, S),
        (1030, 60, -1, S),
        (1050, 225, 1, S),
        (1070, 225 + 65, 1, Q),
    ]


def test_a_seller_mirrors_a_buyer() -> None:
    quotes = [
        packet(0, 650, 1070, (1060, 1070), last_size=5),
        packet(1, 650 + 1025, 1000, (990, 1010), last_size=65),
    ]
    assert last_rows(quotes) == [
        (1060, 225, -1, S),
        (1040, 225, -1, S),
        (1040, 60, 1, S),
        (1020, 225, -1, S),
        (1000, 225 + 65, -1, Q),
    ]


def test_the_plain_rule_puts_all_on_the_last_price() -> None:
    quotes = [
        packet(0, 650, 1000, (1000, 1010), last_size=5),
        packet(1, 650, 1040, (1030, 1040), last_size=10),
        packet(2, 650 + 1025, 1070, (1060, 1080), last_size=65),
    ]
    assert last_rows(quotes, PLAIN) == [(1070, 1025, 1, Q)]


def test_a_packet_that_folds_one_trade_is_that_trade() -> None:
    quotes = [packet(0, 650, 1000, (990, 1000), last_size=65)]
    quotes.append(packet(1, 780, 1050, (1040, 1060), last_size=130))
    assert last_rows(quotes) == [(1050, 130, 1, Q)]


def test_a_last_trade_larger_than_the_volume_is_cut_to_it() -> None:
    quotes = [packet(0, 650, 1000, (990, 1000)), packet(1, 660, 1050, (1040, 1060))]
    assert last_rows(quotes) == [(1050, 10, 1, Q)]


def test_a_last_trade_told_before_its_volume_keeps_its_own_price_and_side() -> None:
    quotes = [
        packet(0, 650, 1000, (990, 1000), last_size=10),
        packet(1, 650, 990, (980, 990), last_size=30),
        packet(2, 650 + 50, 990, (980, 1000), last_size=20),
    ]
    # 30 were sold into the bid that stood, then 20 bought from the ask of the packet between.
    assert last_rows(quotes) == [(990, 30, -1, Q), (990, 20, 1, Q)]
    # The newest is certain: a volume too small for both covers it first.
    quotes[2] = replace(quotes[2], day_volume=650 + 40)
    assert last_rows(quotes) == [(990, 20, -1, Q), (990, 20, 1, Q)]


def test_volume_without_a_new_last_trade_belongs_to_the_one_told_before() -> None:
    quotes = [
        packet(0, 650, 1000, (990, 1000), last_size=10),
        packet(1, 650, 990, (980, 990), last_size=30),
        packet(2, 680, 990, (950, 960), last_size=30),
    ]
    assert last_rows(quotes) == [(990, 30, -1, Q)]


def test_the_same_last_trade_in_another_second_is_another() -> None:
    quotes = [
        packet(0, 650, 990, (990, 1000), last_size=30, last_trade=0),
        packet(1, 650, 990, (980, 990), last_size=30, last_trade=1),
        packet(2, 710, 990, (980, 990), last_size=30, last_trade=2),
    ]
    assert last_rows(quotes) == [(990, 30, -1, Q), (990, 30, 1, Q)]


def test_only_the_newest_waiting_glimpses_are_kept() -> None:
    shown = [packet(i, 650, 1000 + 10 * i, last_size=1) for i in range(8)]
    state = START
    for quote in shown:
        state, _ = infer(state, quote)
    assert [glimpse.price for glimpse in state.waiting] == [1040, 1050, 1060, 1070]
    rows = last_rows([*shown, packet(8, 655, 1080, last_size=1)])
    assert [(price, size) for price, size, _, _ in rows] == [
        (1040, 1),
        (1050, 1),
        (1060, 1),
        (1070, 1),
        (1080, 1),
    ]


def test_a_break_forgets_what_waits() -> None:
    quotes = [
        packet(0, 650, 1000, (990, 1000), last_size=10),
        packet(1, 650, 990, (980, 990), last_size=30),
        packet(8, 650, 1000, (990, 1000), last_size=20),
        packet(9, 750, 990, (980, 990), last_size=100),
    ]
    assert last_rows(quotes) == [(990, 100, -1, Q)]
    over = [*quotes[:2], packet(8, 700, 990, (980, 990), last_size=20), quotes[3]]
    assert [type(said) for said in play(over)[1:3]] == [type(None), Gap]
    assert last_rows([*over[:3], packet(9, 710, 980, (970, 980), last_size=10)]) == [
        (980, 10, -1, Q)
    ]


def test_nothing_waits_before_the_open_nor_before_the_first_trade() -> None:
    auction = [packet(-60, 100, 1000, last_size=5), packet(-59, 100, 1010, last_size=10)]
    first = [packet(0, 0, 900, last_size=5), packet(1, 0, 910, last_size=6)]
    for quotes in (auction, first):
        for many in (False, True):
            state = START
            if many:
                state, _, _ = infer_many(state, QuoteArrays.of(quotes))
            else:
                for quote in quotes:
                    state, _ = infer(state, quote)
            assert state.waiting == ()


def test_an_auctions_volume_lies_on_its_price() -> None:
    quotes = [
        packet(-600, 0, 1000, (990, 1010)),
        packet(-599, 500, 1030, (1020, 1030), last_size=5),
    ]
    assert last_rows(quotes) == [(1030, 500, 0, SideRule.UNKNOWN)]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        # Without the quote that stood, the way begins at the last price before.
        ((None, None), (1060, 1070), [(1000, 1), (1020, 1), (1050, 1), (1070, 1)]),
        ((1010, 1010), (1060, 1070), [(1000, 1), (1020, 1), (1050, 1), (1070, 1)]),
        # Without a bid, before or now, nobody is known to have sold.
        ((None, 1010), (1060, 1070), [(1010, 1), (1030, 1), (1050, 1), (1070, 1)]),
        ((1000, 1010), (None, 1070), [(1010, 1), (1030, 1), (1050, 1), (1070, 1)]),
        ((1000, 1010), (1060, 1080), [(1010, 1), (1030, 1), (1030, -1), (1050, 1), (1070, 1)]),
    ],
)
def test_where_a_way_begins(
    before: tuple[int | None, int | None],
    now: tuple[int | None, int | None],
    expected: list[tuple[int, int]],
) -> None:
    quotes = [
        packet(0, 64, 1000, before, last_size=1),
        packet(1, 128, 1070, now, last_size=0),
    ]
    rows = last_rows(quotes)
    assert [(price, side) for price, _, side, _ in rows] == expected
    assert sum(size for _, size, _, _ in rows) == 64


def test_lots_are_never_cut_and_prices_stay_on_the_grid() -> None:
    rng = np.random.default_rng(5)
    steps = rng.integers(-9, 10, 300)
    price = 250_000 + 10 * np.cumsum(steps)
    volume = 65 * np.cumsum(rng.integers(0, 40, 300)) + 6500
    quotes = QuoteArrays.build(
        event_ns=OPEN + np.arange(300) * SECOND_NS,
        last_price=price,
        last_size=65 * rng.integers(1, 9, 300),
        day_volume=volume,
        bid=price - 10 * rng.integers(0, 3, 300),
        ask=price + 10 * rng.integers(1, 3, 300),
    )
    _, trades, _ = infer_many(START, quotes)
    assert trades.size.sum() == volume[-1] - volume[0]
    assert set((trades.size % 65).tolist()) == set((trades.price % 10).tolist()) == {0}
    assert {*np.unique(trades.rule).tolist()} >= {Q, S}


def test_units_begin_anew_with_a_session() -> None:
    state, _ = infer(START, packet(5, 75, 105, (100, 110), last_size=75))
    assert (state.size_unit, state.price_unit) == (75, 5)
    state, _ = infer(state, packet(5, 130, 120, (110, 120), open_ns=NEXT_OPEN, last_size=65))
    assert (state.size_unit, state.price_unit) == (65, 10)


# ------------------------------------------------------------------------------ gaps, stale packets


def test_growth_over_a_silence_is_a_gap() -> None:
    quotes = [packet(0, 10), packet(6, 50, 107, (106, 108)), packet(7, 60, 108)]
    said = play(quotes)
    gap = Gap("X", OPEN, OPEN + 6 * SECOND_NS, 40, 107, "no data for 6 s")
    assert said[1] == gap
    assert last_side(quotes) == (1, SideRule.QUOTE)
    assert infer_many(START, QuoteArrays.of(quotes))[2] == [gap]


def test_a_silence_of_the_allowed_length_is_one_update() -> None:
    silence = GAP_NS // SECOND_NS
    assert isinstance(play([packet(0, 10), packet(silence, 20)])[1], Trades)
    patient = replace(START, gap_ns=60 * SECOND_NS)
    assert isinstance(play([packet(0, 10), packet(60, 20)], patient)[1], Trades)
    assert isinstance(play([packet(0, 10), packet(61, 20)], patient)[1], Gap)


def test_silence_is_measured_by_receive_time() -> None:
    delayed = [packet(0, 10), packet(1, 20, received=9)]
    assert isinstance(play(delayed)[1], Gap)
    stamped = [packet(0, 10), packet(30, 20, received=1)]
    assert isinstance(play(stamped)[1], Trades)


def test_a_silence_in_which_nothing_traded_is_no_gap() -> None:
    quotes = [packet(0, 10), packet(60, 10), packet(61, 12)]
    said = play(quotes)
    assert said[:2] == [None, None]
    assert isinstance(said[2], Trades)


def test_a_heartbeat_makes_a_silence_a_quiet_market() -> None:
    state, _ = infer(START, packet(0, 10))
    alive = note_alive(state, OPEN + 58 * SECOND_NS)
    assert isinstance(infer(alive, packet(60, 20))[1], Trades)
    assert isinstance(infer(state, packet(60, 20))[1], Gap)
    assert note_alive(alive, OPEN) == alive


def test_a_lost_connection_makes_the_next_difference_a_gap() -> None:
    state, _ = infer(START, packet(0, 10))
    marked = mark_gap(state, "the connection was lost")
    after, gap = infer(marked, packet(1, 30, 105))
    assert gap == Gap("X", OPEN, OPEN + SECOND_NS, 20, 105, "the connection was lost")
    assert after.gap_cause == ""
    assert isinstance(infer(after, packet(2, 31))[1], Trades)
    unchanged, nothing = infer(marked, packet(1, 10))
    assert (nothing, unchanged.gap_cause) == (None, "")
    batch = QuoteArrays.of([packet(1, 10), packet(1, 30, 105), packet(9, 40, 105)])
    assert [gap.cause for gap in infer_many(marked, batch)[2]] == ["no data for 8 s"]
    assert infer_many(marked, batch.take(slice(1, 2)))[2] == [gap]
    stale_first = QuoteArrays.of([packet(0.5, 5), packet(1, 30, 105), packet(2, 31, 105)])
    assert infer_many(marked, stale_first)[2] == [gap]


def test_a_gap_forgets_the_side_before_it() -> None:
    quotes = [packet(0, 10, 100, (99, 100)), packet(1, 11, 100), packet(9, 50, 100)]
    assert last_side([*quotes, packet(10, 51, 100)]) == (0, SideRule.UNKNOWN)


def test_a_gap_never_ends_before_it_starts() -> None:
    gap = play([packet(5, 10), packet(3, 20, received=30)])[1]
    assert isinstance(gap, Gap)
    assert gap.start_ns == gap.end_ns == OPEN + 3 * SECOND_NS


def test_a_stale_packet_changes_nothing() -> None:
    state, _ = infer(START, packet(5, 100, 100, (99, 101)))
    for stale in (packet(6, 90, 50, (1, 2)), packet(-80_000, 990, open_ns=OPEN)):
        assert infer(state, stale) == (state, None)
        assert infer_many(state, QuoteArrays.of([stale]))[0] == state


def test_an_earlier_sessions_packet_is_stale() -> None:
    state, _ = infer(START, packet(5, 100, open_ns=NEXT_OPEN))
    late = QuoteArrays.of([packet(5, 500), packet(6, 600)])
    assert infer_many(state, late)[0] == state


# ------------------------------------------------------------------------------ the broker's habits


def test_yesterdays_counter_before_the_open_is_replaced_by_todays() -> None:
    quotes = [packet(-900, 70_000), packet(-600, 0), packet(-599, 400), packet(1, 450)]
    said = play([*quotes[:3], packet(-1, 400), quotes[3]])
    assert said[:2] == [None, None]
    assert [int(s.size[0]) for s in said if isinstance(s, Trades)] == [400, 50]


def test_an_older_packet_does_not_restart_the_counter() -> None:
    state, _ = infer(START, packet(-100, 400))
    assert infer(state, packet(-101, 300)) == (state, None)


def test_a_counter_of_a_day_without_a_trade_yet_is_0() -> None:
    yesterday = -86_000.0
    quotes = [packet(-30, 70_000, last_trade=yesterday), packet(2, 70_000, last_trade=yesterday)]
    quotes.append(packet(3, 75, 104, last_trade=3))
    said = play(quotes)
    assert said[:2] == [None, None]
    assert isinstance(said[2], Trades)
    assert (said[2].size.tolist(), said[2].side.tolist()) == ([75], [0])


def test_a_last_trade_before_the_open_of_the_same_date_counts() -> None:
    quotes = [packet(1, 400, last_trade=-420), packet(2, 410, last_trade=2)]
    trade = play(quotes)[1]
    assert isinstance(trade, Trades)
    assert trade.size.tolist() == [10]
    assert infer_many(START, QuoteArrays.of(quotes))[1].size.tolist() == [10]


# ------------------------------------------------------------------------------ one or many


@st.composite
def packets(draw: st.DrawFn) -> list[Quote]:
    """Packets over some dates, before and after the open, with every kind of disorder."""
    step = st.one_of(
        st.integers(-2, 7), st.sampled_from([-600, 0, 0, 1, 1, 400, 20_000, 86_400, -86_400])
    )
    price = st.integers(97, 103)
    side = st.none() | st.integers(97, 103)
    row = st.tuples(
        step,
        st.sampled_from([0, 0, 1, 1, 2, 5, 30]),
        st.one_of(st.just(0), st.integers(0, 5), st.integers(0, 90), st.sampled_from([-3, -1000])),
        price,
        st.sampled_from([0, 1, 2, 2, 10]),
        side,
        side,
        st.sampled_from([None, None, 0, -90_000, -30_000, -600]),
    )
    second, arrival, volume = draw(st.sampled_from([-300, 0, 5])), 0, 50
    made = []
    for move, wait, growth, last, own, bid, ask, traded in draw(st.lists(row, max_size=25)):
        second, arrival = second + move, arrival + wait
        volume = max(0, volume + growth)
        at = None if traded is None else second + traded
        book = (bid, ask)
        made.append(
            packet(second, volume, last, book, received=arrival, last_trade=at, last_size=own)
        )
    return made


@settings(max_examples=200, deadline=None)
@given(
    quotes=packets(),
    breaks=st.dictionaries(st.integers(0, 25), st.sampled_from(["", "lost"])),
    begin=st.sampled_from([START, START, PLAIN]),
)
def test_one_by_one_and_in_batches_split_anywhere(
    quotes: list[Quote], breaks: dict[int, str], begin: InferenceState
) -> None:
    """At each break a batch ends, and perhaps the connection is lost."""
    one = many = begin
    said = []
    for row, quote in enumerate(quotes):
        one, result = infer(mark_gap(one, breaks[row]) if breaks.get(row) else one, quote)
        said.append(result)
    trades, gaps = [], []
    places = sorted(place for place in breaks if 0 < place < len(quotes))
    for start, stop in pairwise([0, *places, len(quotes)]):
        many = mark_gap(many, breaks[start]) if breaks.get(start) and quotes else many
        many, batch, found = infer_many(many, QuoteArrays.of(quotes[start:stop]))
        trades.append(batch)
        gaps += found
    assert many == one
    assert gaps == [s for s in said if isinstance(s, Gap)]
    expected = Trades.concat(s for s in said if isinstance(s, Trades))
    together = Trades.concat(trades)
    for name in TRADE_DTYPE.names or ():
        left, right = getattr(together, name), getattr(expected, name)
        assert_array_equal(left, right, err_msg=name, strict=True)


@settings(max_examples=150, deadline=None)
@given(quotes=packets())
def test_every_accepted_growth_of_the_counter_is_told_once(quotes: list[Quote]) -> None:
    state = START
    for quote in quotes:
        after, said = infer(state, quote)
        told = int(said.size.sum()) if isinstance(said, Trades) else said.volume if said else 0
        assert told >= 0
        assert not isinstance(said, Trades) or said.size.min() > 0
        if told:
            assert told == after.day_volume - state.day_volume
            assert after.session_ns == state.session_ns
        state = after


@settings(max_examples=100, deadline=None)
@given(quotes=packets(), cause=st.text(max_size=20))
def test_a_state_reads_back_as_it_was_written(quotes: list[Quote], cause: str) -> None:
    state = mark_gap(infer_many(START, QuoteArrays.of(quotes))[0], cause)
    assert decode_state(encode_state(state), CALENDAR) == state


def test_a_state_of_the_release_before_is_read_and_counts_on() -> None:
    old = json.dumps(
        {
            "encoding": 1,
            "symbol": "X",
            "session_ns": OPEN,
            "event_ns": OPEN + SECOND_NS,
            "receive_ns": OPEN + SECOND_NS,
            "day_volume": 6500,
            "price": 1000,
            "bid": 990,
            "ask": 1000,
            "direction": 1,
            "gap_cause": "",
        }
    )
    state = decode_state(old.encode(), CALENDAR)
    assert (state.size_unit, state.price_unit, state.waiting) == (6500, 10, ())
    # Whether its last trade is that of the packet before is not known: no glimpse, no error.
    state, nothing = infer(state, packet(2, 6500, 1010, last_size=65))
    assert (nothing, state.waiting, state.size_unit) == (None, (), 65)
    assert isinstance(infer(state, packet(3, 6565, 1010, last_size=65))[1], Trades)


def test_settings_are_not_part_of_a_stored_state() -> None:
    other: Calendar = build_calendar(
        "other", "UTC", [CalendarRow(date(2020, 1, 1), None, "00:00", "24:00")]
    )
    state = decode_state(encode_state(START), other, gap_ns=7)
    assert (state.calendar, state.gap_ns, state.symbol) == (other, 7, "X")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"encoding": 1}',
        b'{"encoding": [], "symbol": 1}',
        encode_state(START).replace(b'"encoding": 2', b'"encoding": 3'),
        encode_state(START).replace(b'"encoding": 2', b'"encoding": 1'),
        encode_state(START).replace(b'"waiting": []', b'"waiting": [[1]]'),
        encode_state(START).replace(b'"waiting": []', b'"waiting": 1'),
    ],
)
def test_foreign_bytes_are_no_state(data: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="does not decode"):
        decode_state(data, CALENDAR)


# ------------------------------------------------------------------------------ tapes


def test_known_sides_stay_and_serve_the_tick_rule() -> None:
    tape = Trades.build(
        event_ns=[0] * 5,
        price=[100, 100, 100, 101, 101],
        size=[1] * 5,
        side=[0, -1, 0, 0, -1],
        rule=[SideRule.UNKNOWN, *[SideRule.SOURCE] * 4],
    )
    done = classify(tape)
    assert done.side.tolist() == [0, -1, -1, 1, -1]
    expected = [SideRule.UNKNOWN, SideRule.SOURCE, SideRule.TICK0, SideRule.TICK, SideRule.SOURCE]
    assert done.rule.tolist() == expected


def test_an_empty_tape_has_nothing_to_classify() -> None:
    assert len(classify(Trades.empty())) == 0


@pytest.mark.skipif(not RECORDING.exists(), reason="../shared/data is not present")
def test_a_recordings_true_sides_are_found_again() -> None:
    with RECORDING.open(newline="") as file:
        rows = list(csv.DictReader(file))
    prices = {n: [int(Decimal(row[n]) * 10) for row in rows] for n in ("price", "bid", "ask")}
    events, sizes = ([int(row[name]) for row in rows] for name in ("ts_ns", "qty"))
    tape = Trades.build(event_ns=events, size=sizes, side=np.zeros(len(rows)), **prices)
    true = np.array([SIDE_OF[row["side"]] for row in rows])
    right = classify(tape).side == true
    assert right.mean() >= 0.999
    assert tape.size[right].sum() / tape.size.sum() >= 0.999
