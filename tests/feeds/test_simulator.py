"""The simulated market is a pure function, keeps the rules of a market, and looks like one."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from dashboard.domain.aggressor import InferenceState, infer_many
from dashboard.domain.calendar import SECOND_NS, SIM_SESSION_NS, calendar_sim
from dashboard.domain.quote import Gap, QuoteArrays
from dashboard.domain.trade import SideRule, Trades
from dashboard.errors import InstrumentUnknownError
from dashboard.feeds.simulator.market import (
    BASE_RATE,
    LISTINGS,
    Listing,
    Stream,
    close_price,
    generator,
    known_symbols,
    open_of,
    require_listing,
    session_of,
)
from dashboard.feeds.simulator.packets import Packets, PacketTape, build_packets
from dashboard.feeds.simulator.path import MINUTES, build_course, step_of
from dashboard.feeds.simulator.tape import Tape

I64 = NDArray[np.int64]

SEED = 7
SESSION = 78_000
NIFTY, BANKNIFTY = LISTINGS
MINUTE_NS = 60 * SECOND_NS
sessions = st.integers(70_000, 90_000)
seeds = st.integers(0, 2**63 - 1)
listings = st.sampled_from(LISTINGS)


def tape_of(
    listing: Listing = NIFTY, session: int = SESSION, rate: float = BASE_RATE, seed: int = SEED
) -> Tape:
    return Tape(build_course(seed, listing.symbol, session), rate)


@cache
def trades_of(listing: Listing = NIFTY, session: int = SESSION, rate: float = BASE_RATE) -> Trades:
    tape = tape_of(listing, session, rate)
    return Trades.concat(tape.block(i) for i in range(len(tape.bounds) - 1))


@cache
def packets_of(session: int = SESSION, rate: float = 2.0) -> list[Packets]:
    tape = build_packets(SEED, NIFTY.symbol, session, rate)
    return [tape.block(i) for i in range(len(tape.bounds) - 1)]


def column(blocks: list[Packets], name: str) -> I64:
    parts = [getattr(b if hasattr(b, name) else b.arrays, name) for b in blocks]
    joined: I64 = np.concatenate(parts)
    return joined


def same(a: Trades | QuoteArrays, b: Trades | QuoteArrays) -> bool:
    names = [f.name for f in dataclasses.fields(a)]
    return all(
        getattr(a, n).dtype == getattr(b, n).dtype and np.array_equal(getattr(a, n), getattr(b, n))
        for n in names
    )


def minute_of(trades: Trades, session: int) -> I64:
    minutes: I64 = (trades.event_ns - open_of(session)) // MINUTE_NS
    return minutes


def ranges(trades: Trades, session: int) -> tuple[I64, I64]:
    """Return high and low of each minute."""
    high, low = np.full(MINUTES, -(10**12)), np.full(MINUTES, 10**12)
    np.maximum.at(high, minute_of(trades, session), trades.price)
    np.minimum.at(low, minute_of(trades, session), trades.price)
    return high, low


# ------------------------------------------------------------------------------ purity


@settings(max_examples=12, deadline=None)
@given(seeds, listings, sessions, st.sampled_from([1.0, 4.0, 20.0, 3000.0]), st.data())
def test_a_block_is_the_same_whenever_and_in_whatever_order_it_is_made(
    seed: int, listing: Listing, session: int, rate: float, data: st.DataObject
) -> None:
    tape = tape_of(listing, session, rate, seed)
    indices = data.draw(st.lists(st.integers(0, len(tape.bounds) - 2), min_size=1, max_size=4))
    first = {i: tape.block(i) for i in indices}
    build_course.cache_clear()
    again = tape_of(listing, session, rate, seed)

    for i in reversed(indices):
        assert same(again.block(i), first[i])


@settings(max_examples=6, deadline=None)
@given(seeds, sessions, st.sampled_from([0.5, 1.7, 2.0, 4.0]), st.integers(0, 34))
def test_a_block_of_packets_needs_no_block_before_it(
    seed: int, session: int, rate: float, index: int
) -> None:
    alone = build_packets(seed, NIFTY.symbol, session, rate).block(index)
    in_order = build_packets(seed, NIFTY.symbol, session, rate)
    for i in range(index):
        in_order.block(i)

    assert same(alone.arrays, in_order.block(index).arrays)
    assert alone.quote(-1) == in_order.block(index).quote(-1)


def test_another_process_makes_the_same_market() -> None:
    script = (
        "from hashlib import sha256\n"
        "from dashboard.feeds.simulator.packets import build_packets\n"
        f"block = build_packets({SEED}, {NIFTY.symbol!r}, {SESSION}, 2.0).block(20)\n"
        "print(sha256(block.arrays.day_volume.tobytes() + block.arrays.bid.tobytes()).hexdigest())"
    )
    found = subprocess.run(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    block = build_packets(SEED, NIFTY.symbol, SESSION, 2.0).block(20)
    own = sha256(block.arrays.day_volume.tobytes() + block.arrays.bid.tobytes()).hexdigest()

    assert found.stdout.strip() == own


def test_seed_symbol_and_session_each_make_another_market() -> None:
    one = generator(1, "SIM:NIFTY", Stream.PATH, 5).random(4)
    others = [
        generator(2, "SIM:NIFTY", Stream.PATH, 5),
        generator(1, "SIM:BANKNIFTY", Stream.PATH, 5),
        generator(1, "SIM:NIFTY", Stream.TRADES, 5),
        generator(1, "SIM:NIFTY", Stream.PATH, 6),
        generator(1, "SIM:NIFTY", Stream.PATH, 5, 1),
        generator(1, "SIM:NIFTY", Stream.PATH, -5),
    ]

    assert np.array_equal(one, generator(1, "SIM:NIFTY", Stream.PATH, 5).random(4))
    assert not any(np.isin(one, other.random(4)).any() for other in others)


def test_sessions_are_those_of_the_simulated_calendar() -> None:
    calendar = calendar_sim()
    instants = np.array([0, 1, SIM_SESSION_NS - 1, SIM_SESSION_NS, 1_764_000_000 * SECOND_NS])

    opens = [open_of(session_of(int(t))) for t in instants]

    assert opens == calendar.session_open(instants).tolist()


def test_instruments_are_marked_as_simulated() -> None:
    assert known_symbols() == ["SIM:NIFTY", "SIM:BANKNIFTY"]
    for listing in LISTINGS:
        instrument = listing.instrument
        assert (instrument.simulated, instrument.calendar) == (True, "sim")
        assert (instrument.exchange, instrument.price_scale) == ("SIM", 100)
    assert (NIFTY.tick, NIFTY.instrument.lot_size) == (10, 65)
    assert (BANKNIFTY.tick, BANKNIFTY.instrument.lot_size) == (20, 30)
    with pytest.raises(InstrumentUnknownError, match="SIM:NIFTY"):
        require_listing("NIFTY")


# ------------------------------------------------------------------------------ rules of a market


@pytest.mark.parametrize("rate", [0.3, 4.0, 20.0, 1500.0])
@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: str(listing.symbol))
def test_every_trade_takes_place_at_the_quote_that_stood_before_it(
    listing: Listing, rate: float
) -> None:
    tape = tape_of(listing, SESSION, rate)
    middle = len(tape.bounds) // 2
    trades = Trades.concat(tape.block(i) for i in range(middle, middle + 3))
    buys, tick = trades.side == 1, listing.tick

    assert len(trades) > 50
    assert np.isin(trades.side, [-1, 1]).all()
    assert (trades.rule == SideRule.SOURCE).all()
    assert np.array_equal(trades.price, np.where(buys, trades.ask, trades.bid))
    assert (trades.bid < trades.ask).all()
    assert not (trades.price % tick).any()
    assert not (trades.size % listing.instrument.lot_size).any()
    assert (trades.size > 0).all()


def test_trades_are_in_order_inside_their_session_and_counted_without_a_hole() -> None:
    trades = trades_of()

    assert (np.diff(trades.event_ns) >= 0).all()
    assert trades.event_ns[0] >= open_of(SESSION)
    assert trades.event_ns[-1] < open_of(SESSION + 1)
    assert np.array_equal(trades.source_seq, np.arange(1, len(trades) + 1))
    assert np.array_equal(trades.receive_ns, trades.event_ns)


def test_orders_that_eat_levels_leave_trades_at_one_instant_on_several_prices() -> None:
    trades = trades_of()
    _, order, fills = np.unique(trades.event_ns, return_inverse=True, return_counts=True)
    levels = np.unique(np.stack([order, trades.price]), axis=1)[0]
    swept = np.bincount(levels) >= 3
    sides = np.zeros(len(fills), np.int64)
    np.add.at(sides, order, trades.side)

    assert swept.sum() > 300
    assert np.array_equal(np.abs(sides), fills), "an order has one side"


def test_a_wall_absorbs_volume_without_progress() -> None:
    course = build_course(SEED, NIFTY.symbol, SESSION)
    trades = trades_of()
    offset = (trades.event_ns - course.open_ns).astype(np.float64)
    wall = course.wall[step_of(offset)]
    starts = np.flatnonzero(np.diff(course.wall, prepend=0) != 0)
    level = np.cumsum(np.bincount(starts, minlength=len(course.wall)))[step_of(offset)]

    per_ns = trades.size[wall != 0].sum() / (np.count_nonzero(course.wall) / len(course.wall))
    assert per_ns > 1.8 * trades.size.sum(), "more is traded at a wall than elsewhere"
    seller_held = wall == 1
    assert trades.side[seller_held].mean() > 0.3, "buyers run into a resting seller"
    assert trades.side[wall == -1].mean() < -0.3
    for one in np.unique(level[seller_held])[:20]:
        prices = trades.price[seller_held & (level == one)]
        assert np.ptp(prices) <= NIFTY.tick, "one price on each side, however much is traded"


@settings(max_examples=15, deadline=None)
@given(seeds, listings, sessions)
def test_a_session_goes_on_where_the_last_one_ended(
    seed: int, listing: Listing, session: int
) -> None:
    before, after = (tape_of(listing, k, BASE_RATE, seed) for k in (session, session + 1))
    last = before.block(len(before.bounds) - 2).price[-1]
    first = after.block(0).price[0]

    assert abs(int(first) - int(last)) < 0.0015 * last


def test_the_price_wanders_but_never_away() -> None:
    for listing in LISTINGS:
        closes = np.array([close_price(SEED, listing, k) for k in range(0, 30_000, 150)])

        assert np.all(np.abs(closes / listing.base - 1) < 0.05)
        assert closes.std() > listing.session_sigma


# ------------------------------------------------------------------------------ looks like a market


@cache
def three_sessions(listing: Listing) -> list[tuple[int, Trades]]:
    return [(k, trades_of(listing, k)) for k in range(SESSION, SESSION + 3)]


def lots_per_minute(listing: Listing) -> NDArray[np.float64]:
    return np.array(
        [
            np.bincount(minute_of(t, k), t.size / listing.instrument.lot_size, MINUTES)
            for k, t in three_sessions(listing)
        ]
    )


@pytest.mark.parametrize(
    ("listing", "level", "span"), [(NIFTY, 200, (3000, 6500)), (BANKNIFTY, 500, (8000, 18000))]
)
def test_minutes_have_the_height_of_a_readable_footprint(
    listing: Listing, level: int, span: tuple[int, int]
) -> None:
    high, low = np.array([ranges(t, k) for k, t in three_sessions(listing)]).transpose(1, 0, 2)
    levels = high // level - low // level + 1
    nine = np.lib.stride_tricks.sliding_window_view
    spans = nine(high, 9, axis=1).max(-1) - nine(low, 9, axis=1).min(-1)

    assert 8 <= np.median(levels) <= 14
    assert np.quantile(levels, 0.98) < 32
    assert span[0] <= np.median(spans) <= span[1]


@pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: str(listing.symbol))
def test_volume_bursts_at_the_open_rests_at_noon_and_picks_up_at_the_close(
    listing: Listing,
) -> None:
    lots = lots_per_minute(listing)
    opening, noon, closing = lots[:, :5], lots[:, 150:250], lots[:, -15:]

    assert 250 <= np.median(lots) <= 450
    assert np.mean((lots >= 100) & (lots <= 600)) > 0.75
    assert (lots > 0).all()
    assert np.median(opening) > 3 * np.median(noon)
    assert np.median(closing) > 1.3 * np.median(noon)


def test_sizes_are_mostly_one_lot_with_a_heavy_tail() -> None:
    trades = trades_of()
    lots = trades.size // NIFTY.instrument.lot_size

    assert 0.6 < np.mean(lots == 1) < 0.9
    assert 1.2 < lots.mean() < 2.2
    assert np.mean(lots >= 10) > 0.003
    assert 60 < lots.max() <= 600


def test_delta_is_neither_noise_nor_certainty() -> None:
    trades = trades_of()
    minute = minute_of(trades, SESSION)
    volume = np.bincount(minute, trades.size, MINUTES)
    share = np.abs(np.bincount(minute, trades.size * trades.side, MINUTES)) / volume
    high, low = ranges(trades, SESSION)

    assert 0.05 < np.median(share) < 0.4
    assert share.max() < 0.95
    assert np.ptp(np.array([high.max(), low.min()])) > 15_000, "there are trends to be seen"


def test_a_rate_is_the_mean_of_a_session_and_the_market_the_same_at_any_rate() -> None:
    slow, fast = trades_of(rate=4.0), trades_of(rate=40.0)
    seconds = SIM_SESSION_NS / SECOND_NS

    assert len(slow) / seconds == pytest.approx(4, rel=0.02)
    assert len(fast) / seconds == pytest.approx(40, rel=0.02)
    for a, b in zip(ranges(slow, SESSION), ranges(fast, SESSION), strict=True):
        assert np.median(np.abs(a - b)) < 300, "highs and lows are the course's, not the draw's"


@pytest.mark.parametrize("rate", [1500.0, 20_000.0, 50_000.0])
def test_a_load_test_gets_about_its_rate_in_every_minute(rate: float) -> None:
    tape = tape_of(rate=rate)
    counts = np.diff(tape.bounds[:: MINUTE_NS // tape.block_ns])

    assert len(counts) == MINUTES
    assert (np.abs(counts / (60 * rate) - 1) < 0.4).all()
    assert np.median(counts) == pytest.approx(60 * rate, rel=0.1)


def test_a_market_that_hardly_trades_has_blocks_without_trades() -> None:
    tape = tape_of(rate=0.001)
    blocks = [tape.block(i) for i in range(len(tape.bounds) - 1)]

    assert [len(block) for block in blocks] == np.diff(tape.bounds).tolist()
    assert any(len(block) == 0 for block in blocks)
    seq = np.concatenate([block.source_seq for block in blocks])
    assert np.array_equal(seq, np.arange(1, tape.bounds[-1] + 1))


# ------------------------------------------------------------------------------ packets


def test_packets_of_a_market_that_hardly_trades_keep_its_volume_too() -> None:
    tape = PacketTape(tape_of(rate=0.001), 1.0, 2_500_000)
    blocks = [tape.block(i) for i in range(len(tape.bounds) - 1)]
    trades = trades_of(rate=0.001)

    assert blocks[-1].arrays.day_volume[-1] == trades.size.sum()
    untraded = column(blocks, "day_volume") == 0
    assert 0.001 < untraded.mean() < 0.5
    seen = column(blocks, "receive_ns") >= trades.event_ns[0]
    assert (column(blocks, "last_price")[~seen] == 2_500_000).all()
    assert (column(blocks, "last_price")[seen] != 2_500_000).all()


@pytest.mark.parametrize("rate", [0.5, 1.0, 2.0, 4.0])
def test_packets_come_at_their_rate_one_counted_after_another(rate: float) -> None:
    blocks = packets_of(rate=rate)
    arrival = column(blocks, "receive_ns")

    assert len(arrival) == round(rate * 23_100)
    assert np.array_equal(column(blocks, "source_seq"), np.arange(1, len(arrival) + 1))
    assert (np.diff(arrival) > 0).all()
    assert np.diff(arrival).max() < 2 * SECOND_NS / rate
    assert arrival[0] == open_of(SESSION)
    assert arrival[-1] == open_of(SESSION + 1) - 1_000_000


def test_conflation_keeps_the_volume_of_the_tape() -> None:
    trades, blocks = trades_of(), packets_of()
    volume, arrival = column(blocks, "day_volume"), column(blocks, "receive_ns")
    tape_volume = np.concatenate([[0], np.cumsum(trades.size)])
    true = tape_volume[np.searchsorted(trades.event_ns, arrival, side="right")]

    assert volume[0] == 0
    assert volume[-1] == trades.size.sum()
    assert (np.diff(volume) >= 0).all()
    assert (volume <= true).all()
    assert 0.6 < np.mean(volume == true) < 0.95, "some packets carry the totals of one before"


def test_packets_show_the_last_trade_and_the_day_so_far() -> None:
    trades, blocks = trades_of(), packets_of()
    arrival = column(blocks, "receive_ns")
    seen = np.searchsorted(trades.event_ns, arrival, side="right")
    traded = seen > 0
    last = trades.take(seen[traded] - 1)

    assert np.array_equal(column(blocks, "last_price")[traded], last.price)
    assert np.array_equal(column(blocks, "last_size")[traded], last.size)
    whole = last.event_ns // SECOND_NS * SECOND_NS
    assert np.array_equal(column(blocks, "last_trade_ns")[traded], whole)
    high = np.maximum.accumulate(trades.price)[seen[traded] - 1]
    low = np.minimum.accumulate(trades.price)[seen[traded] - 1]
    assert np.array_equal(column(blocks, "high_price")[traded], high)
    assert np.array_equal(column(blocks, "low_price")[traded], low)
    assert (column(blocks, "open_price")[traded] == trades.price[0]).all()
    final = blocks[-1].quote(len(blocks[-1]) - 1)
    vwap = sum(int(p) * int(q) for p, q in zip(trades.price, trades.size, strict=True))
    assert final.average_price == vwap // int(trades.size.sum())
    assert final.open_interest % NIFTY.instrument.lot_size == 0


def test_the_first_packet_shows_the_close_before_and_nothing_traded() -> None:
    first = packets_of()[0].quote(0)
    before = tape_of(session=SESSION - 1)

    assert first.day_volume == first.last_size == first.last_trade_ns == 0
    assert first.open_price == first.high_price == first.average_price == 0
    assert first.last_price == first.previous_close
    assert first.previous_close == before.block(len(before.bounds) - 2).price[-1]


def test_exchange_times_are_whole_seconds_of_the_session() -> None:
    blocks = packets_of()
    event, arrival = column(blocks, "event_ns"), column(blocks, "receive_ns")

    assert not (event % SECOND_NS).any()
    assert ((arrival - event >= 0) & (arrival - event < SECOND_NS)).all()
    assert session_of(int(event[0])) == session_of(int(event[-1])) == SESSION


@settings(max_examples=8, deadline=None)
@given(seeds, listings, sessions, st.integers(0, 34))
def test_books_are_five_deep_in_order_and_never_crossed(
    seed: int, listing: Listing, session: int, index: int
) -> None:
    packets = build_packets(seed, listing.symbol, session, 2.0).block(index)
    book = packets.book
    spread = (book.ask_prices[:, 0] - book.bid_prices[:, 0]) // listing.tick

    assert book.bid_prices.shape == (len(packets), 5)
    assert ((spread >= 1) & (spread <= 3)).all()
    assert (np.diff(book.bid_prices, axis=1) < 0).all()
    assert (np.diff(book.ask_prices, axis=1) > 0).all()
    assert (book.bid_sizes > 0).all()
    assert (book.ask_sizes > 0).all()
    assert not (book.bid_sizes % listing.instrument.lot_size).any()
    quote = packets.quote(len(packets) - 1)
    assert (quote.bid, quote.ask) == (packets.arrays.bid[-1], packets.arrays.ask[-1])
    assert len(quote.bids) == len(quote.asks) == 5


def test_a_wall_can_be_seen_in_the_book() -> None:
    course = build_course(SEED, NIFTY.symbol, SESSION)
    blocks = packets_of()
    offset = (column(blocks, "receive_ns") - course.open_ns).astype(np.float64)
    wall = course.wall[step_of(offset)]
    best = np.concatenate([b.book.ask_sizes[:, 0] for b in blocks])

    assert np.median(best[wall == 1]) > 20 * np.median(best[wall != 1])


def test_inference_finds_the_whole_volume_and_most_of_the_sides() -> None:
    trades, state = trades_of(), InferenceState(NIFTY.symbol, calendar_sim())
    parts: list[Trades] = []
    gaps: list[Gap] = []
    for block in packets_of():
        state, found, missed = infer_many(state, block.arrays)
        parts.append(found)
        gaps += missed
    inferred = Trades.concat(parts)
    minute = np.minimum((inferred.receive_ns - open_of(SESSION)) // MINUTE_NS, MINUTES - 1)
    estimate = np.bincount(minute, inferred.size * inferred.side, MINUTES)
    true = np.bincount(minute_of(trades, SESSION), trades.size * trades.side, MINUTES)

    assert not gaps
    assert inferred.size.sum() == trades.size.sum()
    error = np.abs(estimate - true).sum() / trades.size.sum()
    assert 0.03 < error < 0.3, "as far off as such a feed is in the field"
    assert np.corrcoef(estimate, true)[0, 1] > 0.3


def test_the_last_trades_own_size_explains_a_quarter_of_the_volume() -> None:
    blocks = packets_of()
    grown = np.diff(column(blocks, "day_volume"))
    last = column(blocks, "last_size")[1:]
    share = np.minimum(last, grown)[grown > 0].sum() / grown.sum()

    assert 0.15 < share < 0.4
