"""The simulated feed: what it tells, when, and that a killed run goes on as if undisturbed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.calendar import SECOND_NS, SIM_SESSION_NS
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.trade import Trades
from dashboard.errors import FeedError
from dashboard.feeds.simulator import SimulatorFeed
from dashboard.feeds.simulator.cursor import Cursor, Source
from dashboard.feeds.simulator.feed import BATCH, PREFILL_SESSIONS
from dashboard.feeds.simulator.market import open_of, session_of
from dashboard.feeds.simulator.packets import build_packets
from dashboard.ports import (
    Feed,
    FeedEvent,
    Heartbeat,
    QuotesEvent,
    ResumePoint,
    StateChange,
    TradesEvent,
)
from tests.feeds.clock import ManualClock

NIFTY, BANKNIFTY = "SIM:NIFTY", "SIM:BANKNIFTY"
SEED = 11
SESSION = 78_100
OPEN = open_of(SESSION)
NOW = OPEN + 150 * 60 * SECOND_NS + 123_456_789

Table = QuoteArrays | Trades


def feed_of(
    clock: ManualClock,
    mode: str = "snapshots",
    rate: float = 2.0,
    symbols: Sequence[str] = (NIFTY,),
    seed: int = SEED,
) -> SimulatorFeed:
    made = SimulatorFeed(
        symbols=symbols,
        mode="snapshots" if mode == "snapshots" else "trades",
        rate=rate,
        seed=seed,
        clock=clock,
    )
    checked: Feed = made  # it is what the port asks for
    assert checked.mode is FeedMode.SIMULATED
    return made


def drain(feed: SimulatorFeed) -> list[FeedEvent]:
    """Poll until nothing more is due, without letting time pass."""
    events: list[FeedEvent] = []
    while batch := feed.poll(0):
        if all(isinstance(event, Heartbeat) for event in batch):
            break
        events += batch
    return events


def tables(events: Iterable[FeedEvent], symbol: str = NIFTY) -> list[Table]:
    own: list[Table] = []
    for event in events:
        if isinstance(event, QuotesEvent) and event.symbol == symbol:
            own.append(event.quotes)
        if isinstance(event, TradesEvent) and event.symbol == symbol:
            own.append(event.trades)
    return own


def rows(events: Iterable[FeedEvent], symbol: str = NIFTY) -> np.ndarray:
    """Return all rows of an instrument, every column, as one array."""
    found = tables(events, symbol)
    if not found:
        return np.zeros((0, 0), np.int64)
    names = [field.name for field in fields(found[0])]
    return np.concatenate([np.stack([getattr(t, n) for n in names], axis=1) for t in found])


def states(events: Iterable[FeedEvent]) -> list[FeedState]:
    return [event.state for event in events if isinstance(event, StateChange)]


def resume_after(events: Iterable[FeedEvent], count: int) -> ResumePoint:
    """Return the resume point of a store that committed so many rows."""
    left = count
    for table in tables(events):
        if left <= len(table):
            event_ns = int(table.event_ns[left - 1])
            session_ns = event_ns // SIM_SESSION_NS * SIM_SESSION_NS
            return ResumePoint(int(table.source_seq[left - 1]), event_ns, session_ns)
        left -= len(table)
    raise AssertionError("there are not so many rows")


# ------------------------------------------------------------------------------ an empty store


@pytest.mark.parametrize(("mode", "rate"), [("snapshots", 2.0), ("trades", 1.5), ("trades", 20.0)])
def test_an_empty_store_is_filled_with_five_sessions_and_the_current_one(
    mode: str, rate: float
) -> None:
    clock = ManualClock(NOW)
    feed = feed_of(clock, mode, rate, [NIFTY, BANKNIFTY])
    feed.start({})
    events = drain(feed)

    assert states(events) == [FeedState.PREPARING, FeedState.LIVE]
    assert isinstance(events[0], StateChange)
    assert events[0].cause == "Writing five simulated sessions…"
    for symbol in (NIFTY, BANKNIFTY):
        told = rows(events, symbol)
        times = told[:, 0] if mode == "snapshots" else told[:, 1]
        sessions, counts = np.unique(times // SIM_SESSION_NS, return_counts=True)
        assert sessions.tolist() == list(range(SESSION - PREFILL_SESSIONS, SESSION + 1))
        assert (counts[:-1] <= 4.2 * 23_100).all(), "at most about four events a second"
        assert times[-1] <= NOW
        assert NOW - times[-1] < 10 * SECOND_NS
        assert all(len(t) <= BATCH for t in tables(events, symbol))
        assert all(
            session_of(int(t.event_ns[0])) == session_of(int(t.event_ns[-1]))
            for t in tables(events, symbol)
        ), "a batch is of one session"
    assert clock.now == NOW


def test_each_instrument_is_told_in_turn_while_preparing() -> None:
    feed = feed_of(ManualClock(NOW), symbols=[NIFTY, BANKNIFTY])
    feed.start({})
    first = feed.poll(0)

    assert len(tables(first, NIFTY)) == len(tables(first, BANKNIFTY)) > 0


def test_the_full_rate_begins_where_the_thin_past_has_caught_up() -> None:
    clock = ManualClock(NOW)
    feed = feed_of(clock, "trades", 200.0)
    feed.start({})
    past = rows(drain(feed))
    clock.advance(30)
    now = rows(drain(feed))

    assert now[:, 1].min() > NOW
    assert past[:, 1].max() <= NOW
    assert 100 < len(now) / 30 < 400
    assert np.array_equal(np.diff(now[:, -1]), np.ones(len(now) - 1)), "no event is left out"
    source = Source(SEED, NIFTY, packets=False, rate=200.0)
    assert now[0, -1] == Cursor.at_time(source, NOW).count + 1


# ------------------------------------------------------------------------------ live


def live_feed(mode: str = "snapshots", rate: float = 2.0) -> tuple[SimulatorFeed, ManualClock]:
    clock = ManualClock(NOW)
    feed = feed_of(clock, mode, rate)
    source = Source(SEED, NIFTY, packets=mode == "snapshots", rate=rate)
    cursor = Cursor.at_time(source, NOW)
    (event,) = Cursor(source, SESSION, cursor.count - 1).take(NOW, 1)
    feed.start({NIFTY: resume_after([event], 1)})
    return feed, clock


@pytest.mark.parametrize(("mode", "rate"), [("snapshots", 4.0), ("trades", 20.0)])
def test_an_event_is_told_when_the_clock_passes_it_and_never_before(mode: str, rate: float) -> None:
    feed, clock = live_feed(mode, rate)
    assert states(feed.poll(0)) == [FeedState.LIVE]
    told = 0
    while clock.now < NOW + 60 * SECOND_NS:
        events = feed.poll(0.05)
        due = [t.receive_ns if isinstance(t, QuoteArrays) else t.event_ns for t in tables(events)]
        for column in due:
            assert column.max() <= clock.now
            assert clock.now - column.min() < 0.09 * SECOND_NS
            told += len(column)
    assert 0.4 * 60 * rate < told < 2.5 * 60 * rate


def test_a_poll_never_waits_longer_than_asked_and_with_zero_not_at_all() -> None:
    feed, clock = live_feed()
    for timeout in (0.0, 0.001, 0.02, 0.3, 2.0):
        for _ in range(5):
            before = clock.slept_s
            feed.poll(timeout)
            assert clock.slept_s - before <= timeout + 1e-6


def test_a_poll_ends_with_the_first_event_that_comes() -> None:
    feed, clock = live_feed()
    feed.poll(0)
    events = feed.poll(30)

    assert len(tables(events)) == 1
    assert clock.slept_s < 1.5


def test_silence_is_broken_by_a_heartbeat_each_second() -> None:
    feed, clock = live_feed("trades", 0.01)
    feed.poll(0)
    beats = 0
    for _ in range(40):
        events = feed.poll(0.25)
        beats += sum(isinstance(event, Heartbeat) for event in events)
        assert not tables(events)

    assert 8 <= beats <= 11
    assert clock.now - NOW == pytest.approx(10 * SECOND_NS, rel=0.01)


def test_packets_bring_the_newest_one_whole_for_the_book() -> None:
    feed, clock = live_feed(rate=4.0)
    clock.advance(5)
    (event,) = (e for e in feed.poll(0) if isinstance(e, QuotesEvent))

    assert isinstance(event.last, Quote)
    assert event.last.source_seq == event.quotes.source_seq[-1]
    assert event.last.bid == event.quotes.bid[-1]
    assert event.last.ask == event.quotes.ask[-1]
    assert len(event.last.bids) == len(event.last.asks) == 5
    assert feed.sides_estimated


def test_true_trades_bring_the_book_once_a_second() -> None:
    feed, clock = live_feed("trades", 40.0)
    events: list[FeedEvent] = []
    while clock.now < NOW + 20 * SECOND_NS:
        events += feed.poll(0.05)
    books = [event for event in events if isinstance(event, Quote)]

    assert not feed.sides_estimated
    assert 15 <= len(books) <= 21
    for book in books:
        assert book.bid < book.ask
        assert len(book.bids) == 5
        assert abs(book.last_price - book.bid) < 1000
        assert book.previous_close > 0
    newest = {int(t.event_ns[-1]) for t in tables(events)}
    assert {book.event_ns for book in books} <= newest, "a book is as new as a trade"


def test_fifty_thousand_trades_a_second_come_in_few_batches_without_a_hole() -> None:
    feed, clock = live_feed("trades", 50_000.0)
    events: list[FeedEvent] = []
    polls = 0
    while clock.now < NOW + 3 * SECOND_NS:
        events += feed.poll(0.05)
        polls += 1
    seq = rows(events)[:, -1]

    assert 100_000 < len(seq) < 250_000
    assert np.array_equal(np.diff(seq), np.ones(len(seq) - 1))
    assert polls <= 160


def test_a_session_follows_the_last_without_a_pause() -> None:
    clock = ManualClock(OPEN + SIM_SESSION_NS - 5 * SECOND_NS)
    feed = feed_of(clock)
    source = Source(SEED, NIFTY, packets=True, rate=2.0)
    (event,) = Cursor(source, SESSION, Cursor.at_time(source, clock.now).count - 1).take(
        clock.now, 1
    )
    feed.start({NIFTY: resume_after([event], 1)})
    events: list[FeedEvent] = []
    while clock.now < OPEN + SIM_SESSION_NS + 5 * SECOND_NS:
        events += feed.poll(0.05)
    told = rows(events)
    seq, session = told[:, -1], told[:, 0] // SIM_SESSION_NS

    assert seq[session == SESSION].tolist() == list(range(46_191, 46_201))
    assert seq[session == SESSION + 1][:8].tolist() == list(range(1, 9))


def test_a_closed_feed_is_silent() -> None:
    feed, clock = live_feed()
    feed.close()
    feed.close()
    clock.advance(60)

    assert tables(feed.poll(0.05)) == []


# ------------------------------------------------------------------------------ going on


def undisturbed(mode: str, rate: float, until_ns: int) -> list[FeedEvent]:
    clock = ManualClock(NOW)
    feed = feed_of(clock, mode, rate)
    feed.start({})
    events = drain(feed)
    clock.now = until_ns
    return events + drain(feed)


@pytest.mark.parametrize(("mode", "rate"), [("snapshots", 2.0), ("trades", 3.0)])
def test_a_run_killed_anywhere_and_resumed_tells_what_an_undisturbed_one_does(
    mode: str, rate: float
) -> None:
    later = NOW + 900 * SECOND_NS
    whole = undisturbed(mode, rate, later)
    expected = rows(whole)
    chance = np.random.default_rng(3)
    cuts = [1, 2, len(expected) - 1, *chance.integers(3, len(expected) - 2, 4).tolist()]
    for cut in cuts:
        clock = ManualClock(NOW + int(chance.integers(0, 600)) * SECOND_NS)
        feed = feed_of(clock, mode, rate)
        feed.start({NIFTY: resume_after(whole, cut)})
        events = drain(feed)
        clock.now = later
        rest = rows(events + drain(feed))

        if expected[cut - 1, -1] > rest[0, -1]:
            assert rest[0, -1] == 1, "only a new session begins to count anew"
        assert np.array_equal(np.concatenate([expected[:cut], rest]), expected)
        assert not any(isinstance(event, Gap) for event in events)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 120_000), st.floats(0.01, 40), st.data())
def test_full_rate_trades_go_on_exactly_after_a_kill(
    into_ms: int, away_s: float, data: st.DataObject
) -> None:
    feed, clock = live_feed("trades", 300.0)
    clock.now = NOW + into_ms * 1_000_000 + SECOND_NS
    told = drain(feed)
    before = rows(told)
    cut = data.draw(st.integers(1, len(before)))
    clock.advance(away_s)
    resumed = feed_of(clock, "trades", 300.0)
    resumed.start({NIFTY: resume_after(told, cut)})
    rest = rows(drain(resumed))
    whole = rows(told + drain(feed))

    assert np.array_equal(np.concatenate([before[:cut], rest.reshape(-1, 10)]), whole)


def test_a_killed_prefill_goes_on_thin_and_then_in_full() -> None:
    clock = ManualClock(NOW)
    feed = feed_of(clock, "trades", 50.0)
    feed.start({})
    part = [*feed.poll(0), *feed.poll(0)]
    cut = len(rows(part)) - 17
    clock.advance(60)
    resumed = feed_of(clock, "trades", 50.0)
    resumed.start({NIFTY: resume_after(part, cut)})
    rest = drain(resumed)
    told = rows(rest)

    assert np.array_equal(rows(part)[cut:], told[: len(rows(part)) - cut])
    assert states(rest) == [FeedState.PREPARING, FeedState.LIVE]
    clock.advance(10)
    assert len(rows(drain(resumed))) > 10 * 20


def test_a_long_pause_becomes_a_gap_and_the_feed_goes_on_at_now() -> None:
    _, clock = live_feed()
    point = ResumePoint(*_last_packet(NOW))
    clock.now = NOW + 6 * SIM_SESSION_NS
    feed = feed_of(clock)
    feed.start({NIFTY: point})
    events = drain(feed)
    (gap,) = (event for event in events if isinstance(event, Gap))

    assert (gap.start_ns, gap.end_ns, gap.volume) == (point.event_ns, clock.now, 0)
    assert gap.cause == "the simulator was not running"
    assert states(events) == [FeedState.LIVE]
    assert not tables(events)
    clock.advance(5)
    first = rows(drain(feed))
    assert first[0, 1] > NOW + 6 * SIM_SESSION_NS
    assert abs(first[0, 2] - gap.price) < 2000


def test_too_many_missed_trades_become_a_gap_few_are_caught_up() -> None:
    source = Source(SEED, NIFTY, packets=False, rate=5000.0)
    cursor = Cursor.at_time(source, NOW)
    (event,) = Cursor(source, SESSION, cursor.count - 1).take(NOW, 1)
    point = resume_after([event], 1)
    found = {}
    for seconds in (20, 120, 2 * SIM_SESSION_NS // SECOND_NS):
        feed = feed_of(ManualClock(NOW + seconds * SECOND_NS), "trades", 5000.0)
        feed.start({NIFTY: point})
        events = drain(feed)
        found[seconds] = (any(isinstance(e, Gap) for e in events), len(rows(events)))

    assert found[20][0] is False
    assert 70_000 < found[20][1] < 130_000
    for seconds in (120, 2 * SIM_SESSION_NS // SECOND_NS):
        assert found[seconds][0] is True
        assert found[seconds][1] < 100


def _last_packet(instant_ns: int, seed: int = SEED) -> tuple[int, int, int]:
    source = Source(seed, NIFTY, packets=True, rate=2.0)
    cursor = Cursor.at_time(source, instant_ns)
    (event,) = Cursor(source, session_of(instant_ns), cursor.count - 1).take(instant_ns, 1)
    assert isinstance(event, QuotesEvent)
    return int(event.quotes.source_seq[0]), int(event.quotes.event_ns[0]), OPEN


@pytest.mark.parametrize(
    ("mode", "rate", "seed"),
    [("snapshots", 2.0, 99), ("snapshots", 4.0, SEED), ("trades", 20.0, SEED)],
)
def test_a_store_of_another_market_is_continued_by_time(mode: str, rate: float, seed: int) -> None:
    point = ResumePoint(*_last_packet(NOW))
    clock = ManualClock(NOW + 60 * SECOND_NS)
    feed = feed_of(clock, mode, rate, seed=seed)
    feed.start({NIFTY: point})
    told = tables(drain(feed))

    assert told
    assert int(told[0].receive_ns[0]) > point.event_ns
    assert int(told[0].receive_ns[0]) < point.event_ns + 20 * SECOND_NS


def test_a_day_of_few_trades_is_caught_up_over_several_sessions() -> None:
    source = Source(SEED, NIFTY, packets=False, rate=5.0)
    cursor = Cursor.at_time(source, OPEN + 60 * SECOND_NS)
    until = OPEN + SIM_SESSION_NS + 600 * SECOND_NS
    first, second = (int(source.session(k).bounds[-1]) for k in (SESSION, SESSION + 1))
    part = Cursor.at_time(source, until).count

    assert cursor.count_until(until, 10**6) == first - cursor.count + part
    assert cursor.count_until(until, 1000) > 1000, "counting may end early"
    assert part < second


def test_a_number_beyond_the_session_is_no_event_of_it() -> None:
    source = Source(SEED, NIFTY, packets=True, rate=2.0)

    assert Cursor.after(source, ResumePoint(46_201, OPEN, OPEN)) is None
    assert Cursor.after(source, ResumePoint(0, OPEN, OPEN)) is None
    first = Cursor.after(source, ResumePoint(1, OPEN, OPEN))
    assert first is not None
    assert first.count == 1


def test_a_clock_behind_the_store_says_so_and_doubles_nothing() -> None:
    point = ResumePoint(*_last_packet(NOW))
    clock = ManualClock(NOW - 3600 * SECOND_NS)
    feed = feed_of(clock)
    feed.start({NIFTY: point})
    events = drain(feed)

    assert states(events) == [FeedState.LIVE]
    assert isinstance(events[0], StateChange)
    assert "60 min" in events[0].cause
    assert not tables(events)
    clock.now = NOW + 2 * SECOND_NS
    assert rows(drain(feed))[0, -1] == point.source_seq + 1


# ------------------------------------------------------------------------------ refusals


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda c: feed_of(c, symbols=["NIFTY"]), "NIFTY is not simulated; use SIM:NIFTY"),
        (lambda c: feed_of(c, rate=20.0), "0.5 to 4 packets"),
        (lambda c: feed_of(c, rate=0.1), "0.5 to 4 packets"),
        (lambda c: feed_of(c, "trades", 0.0), "above 0 and up to 50000"),
        (lambda c: feed_of(c, "trades", 60_000.0), "above 0 and up to 50000"),
    ],
)
def test_what_cannot_be_simulated_is_refused_for_good(
    make: Callable[[ManualClock], SimulatorFeed], text: str
) -> None:
    with pytest.raises(FeedError) as caught:
        make(ManualClock(NOW))

    assert text in caught.value.user_text
    assert caught.value.retry is False


def test_instruments_are_the_ones_asked_for() -> None:
    feed = feed_of(ManualClock(NOW), symbols=[BANKNIFTY, NIFTY])

    assert [i.symbol for i in feed.instruments()] == [BANKNIFTY, NIFTY]
    assert all(i.simulated for i in feed.instruments())


def test_the_current_session_of_a_fresh_store_is_the_pure_one() -> None:
    feed = feed_of(ManualClock(NOW))
    feed.start({})
    told = rows(drain(feed))
    tape = build_packets(SEED, NIFTY, SESSION - 3, 2.0)
    own = told[told[:, 0] // SIM_SESSION_NS == SESSION - 3]
    names = [field.name for field in fields(QuoteArrays)]
    pure = np.concatenate(
        [
            np.stack([getattr(tape.block(i).arrays, n) for n in names], axis=1)
            for i in range(len(tape.bounds) - 1)
        ]
    )

    assert np.array_equal(own, pure)
