"""Trades inferred from packets: the vectors, the broker's habits, and one truth for one or many."""

from __future__ import annotations

import csv
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
        1,
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
        st.one_of(st.integers(0, 5), st.integers(-4, 0), st.just(-1000)),
        price,
        side,
        side,
        st.sampled_from([None, None, 0, -90_000, -30_000, -600]),
    )
    second, arrival, volume = draw(st.sampled_from([-300, 0, 5])), 0, 50
    made = []
    for move, wait, growth, last, bid, ask, traded in draw(st.lists(row, max_size=25)):
        second, arrival = second + move, arrival + wait
        volume = max(0, volume + growth)
        at = None if traded is None else second + traded
        made.append(packet(second, volume, last, (bid, ask), received=arrival, last_trade=at))
    return made


@settings(max_examples=200, deadline=None)
@given(quotes=packets(), breaks=st.dictionaries(st.integers(0, 25), st.sampled_from(["", "lost"])))
def test_one_by_one_and_in_batches_split_anywhere(
    quotes: list[Quote], breaks: dict[int, str]
) -> None:
    """At each break a batch ends, and perhaps the connection is lost."""
    one = many = START
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
        told = int(said.size[0]) if isinstance(said, Trades) else said.volume if said else 0
        assert told >= 0
        if told:
            assert told == after.day_volume - state.day_volume
            assert after.session_ns == state.session_ns
        state = after


@settings(max_examples=100, deadline=None)
@given(quotes=packets(), cause=st.text(max_size=20))
def test_a_state_reads_back_as_it_was_written(quotes: list[Quote], cause: str) -> None:
    state = mark_gap(infer_many(START, QuoteArrays.of(quotes))[0], cause)
    assert decode_state(encode_state(state), CALENDAR) == state


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
        encode_state(START).replace(b": 1,", b": 2,", 1),
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
