"""A replay tells a stored session exactly, at the pace asked for, and can be held and stepped."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, replace
from typing import cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.quote import Gap
from dashboard.domain.trade import NO_PRICE, SideRule, Trades
from dashboard.errors import FeedError, InputError
from dashboard.feeds.replay import CHUNK, ReplayFeed
from dashboard.ports import (
    Feed,
    FeedEvent,
    Heartbeat,
    History,
    ResumePoint,
    SessionInfo,
    StateChange,
    TradesEvent,
)
from tests.feeds.clock import ManualClock

DAY_NS = 86_400 * SECOND_NS
FRIDAY = 19_940 * DAY_NS
NOW = 30_000 * DAY_NS
BTC = Instrument("BTC", "7", "X", "24x7", price_scale=10, tick_size=5, size_scale=1000)


@dataclass
class MemoryHistory:
    """The part of the `History` port that a replay needs, in memory; sessions are UTC days."""

    trades: dict[str, Trades] = field(default_factory=dict)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    reads: int = 0

    @property
    def port(self) -> History:
        return cast(History, self)

    def instruments(self) -> list[Instrument]:
        return [replace(BTC, symbol=symbol) for symbol in sorted(self.trades)]

    def find_instrument(self, symbol: str) -> Instrument | None:
        return replace(BTC, symbol=symbol) if symbol in self.trades else None

    def sessions(self, symbol: str) -> list[SessionInfo]:
        trades = self.trades.get(symbol, Trades.empty())
        days = np.unique(trades.event_ns // DAY_NS * DAY_NS).tolist()
        return [
            SessionInfo(day, day + DAY_NS, "", day, day, 1, 1, True, BTC.tick_size, 1)
            for day in days
        ]

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        self.reads += 1
        trades = self.trades.get(symbol, Trades.empty())
        days = trades.event_ns // DAY_NS * DAY_NS
        keep = trades.seq > after_seq
        if first_session_ns is not None:
            keep &= days >= first_session_ns
        if last_session_ns is not None:
            keep &= days <= last_session_ns
        return trades.take(keep).take(slice(limit))

    def read_gaps(self, symbol: str, session_ns: int) -> list[Gap]:
        gaps = self.gaps.get(symbol, [])
        return [gap for gap in gaps if gap.end_ns // DAY_NS * DAY_NS == session_ns]

    def has_trades(self, symbol: str, session_ns: int) -> bool:
        return any(s.session_ns == session_ns for s in self.sessions(symbol))


def tape(count: int = 500, day_ns: int = FRIDAY, first_seq: int = 1, seed: int = 1) -> Trades:
    """Return trades of about two minutes, with quotes, rules and a few late ones."""
    rng = np.random.default_rng(seed)
    event = day_ns + 9 * 3600 * SECOND_NS + np.cumsum(rng.integers(0, SECOND_NS // 2, count))
    if count:
        event[rng.random(count) < 0.05] -= 300_000_000
    price = 600_000 + 5 * np.cumsum(rng.integers(-2, 3, count))
    return Trades.build(
        seq=np.arange(first_seq, first_seq + count),
        event_ns=event,
        receive_ns=event + 5_000_000,
        price=price,
        size=rng.integers(1, 2000, count),
        side=rng.integers(-1, 2, count),
        rule=rng.integers(0, 6, count),
        bid=np.where(rng.random(count) < 0.1, NO_PRICE, price - 5),
        ask=price + 5,
        source_seq=rng.integers(0, 10**9, count),
    )


def history(trades: Trades | None = None, gaps: Iterable[Gap] = ()) -> MemoryHistory:
    return MemoryHistory({"BTC": tape() if trades is None else trades}, {"BTC": list(gaps)})


def feed_of(
    stored: MemoryHistory,
    clock: ManualClock | None = None,
    speed: float = math.inf,
    *,
    session_ns: int | None = None,
    start_at: int | None = None,
    resume: ResumePoint | None = None,
) -> ReplayFeed:
    feed = ReplayFeed(
        stored.port,
        "BTC",
        session_ns,
        speed=speed,
        clock=clock or ManualClock(NOW),
        start_at=start_at,
    )
    checked: Feed = feed
    checked.start({} if resume is None else {"REPLAY:BTC": resume})
    return feed


def finish(feed: ReplayFeed, timeout: float = 0.05) -> list[FeedEvent]:
    events: list[FeedEvent] = []
    for _ in range(1_000_000):
        events += feed.poll(timeout)
        if FeedState.FINISHED in states(events):
            return events
    raise AssertionError("the replay does not end")


def states(events: Iterable[FeedEvent]) -> list[FeedState]:
    return [event.state for event in events if isinstance(event, StateChange)]


def told(events: Iterable[FeedEvent]) -> Trades:
    return Trades.concat(event.trades for event in events if isinstance(event, TradesEvent))


def same(a: Trades, b: Trades, *, but: Iterable[str] = ()) -> bool:
    names = [f.name for f in fields(Trades) if f.name not in set(but)]
    return all(np.array_equal(getattr(a, n), getattr(b, n)) for n in names)


# ------------------------------------------------------------------------------ what is told


def test_all_trades_come_back_as_they_were_stored() -> None:
    stored = tape()
    clock = ManualClock(NOW)
    events = finish(feed_of(history(stored), clock))
    replayed = told(events)

    assert same(replayed, stored, but=["seq", "receive_ns", "source_seq"])
    assert np.array_equal(replayed.source_seq, stored.seq)
    assert (replayed.seq == 0).all()
    assert (replayed.receive_ns == NOW).all()
    assert {SideRule.SOURCE, SideRule.TICK0} <= set(replayed.rule.tolist())
    assert states(events) == [FeedState.LIVE, FeedState.FINISHED]
    assert {e.symbol for e in events if isinstance(e, TradesEvent)} == {"REPLAY:BTC"}


def test_the_replayed_instrument_has_the_scales_of_the_original() -> None:
    feed = feed_of(history())
    (instrument,) = feed.instruments()

    assert instrument == replace(BTC, symbol="REPLAY:BTC")
    assert feed.mode is FeedMode.REPLAY
    assert not feed.sides_estimated


def test_two_replays_are_equal_but_for_the_receive_time() -> None:
    one = told(finish(feed_of(history(), ManualClock(NOW), 7.0)))
    two = told(finish(feed_of(history(), ManualClock(NOW + 12_345), 300.0), timeout=0.3))

    assert same(one, two, but=["receive_ns"])
    assert not np.array_equal(one.receive_ns, two.receive_ns)


def test_long_sessions_are_read_in_parts_and_lose_nothing_between_them() -> None:
    stored = history(tape(2 * CHUNK + 77))
    events = finish(feed_of(stored))

    assert same(told(events), stored.trades["BTC"], but=["seq", "receive_ns", "source_seq"])
    assert stored.reads == 4
    assert max(len(e.trades) for e in events if isinstance(e, TradesEvent)) <= CHUNK


def test_the_session_can_be_chosen_and_is_the_last_one_otherwise() -> None:
    two_days = Trades.concat([tape(40), tape(30, FRIDAY + DAY_NS, 41)])

    last = told(finish(feed_of(history(two_days))))
    first = told(finish(feed_of(history(two_days), session_ns=FRIDAY)))

    assert last.source_seq.tolist() == list(range(41, 71))
    assert first.source_seq.tolist() == list(range(1, 41))


def test_gaps_come_back_before_the_first_trade_after_them() -> None:
    stored = tape()
    middle, last = int(stored.event_ns.max()) // 2 + int(stored.event_ns[0]) // 2, DAY_NS - 5
    gaps = [
        Gap("BTC", middle - SECOND_NS, middle, 500, 600_000, "no data for 7 s"),
        Gap("BTC", FRIDAY + last - 1, FRIDAY + last, 9, 600_000, "the connection was lost"),
    ]
    for speed in (math.inf, 50.0):
        events = finish(feed_of(history(stored, gaps), speed=speed))
        found = [i for i, event in enumerate(events) if isinstance(event, Gap)]

        assert [events[i] for i in found] == [replace(gap, symbol="REPLAY:BTC") for gap in gaps]
        assert told(events[: found[0]]).event_ns.max() < middle
        assert told(events[found[0] :]).event_ns[0] >= middle
        assert same(told(events), stored, but=["seq", "receive_ns", "source_seq"])


# ------------------------------------------------------------------------------ pace


@settings(max_examples=12, deadline=None)
@given(st.floats(1, 1000), st.floats(0.001, 0.4), st.integers(0, 5))
def test_a_trade_is_told_when_its_time_has_come_at_any_speed(
    speed: float, timeout: float, seed: int
) -> None:
    stored = tape(120, seed=seed)
    clock = ManualClock(NOW)
    feed = feed_of(history(stored), clock, speed)
    due = np.maximum.accumulate(stored.event_ns) - stored.event_ns[0]
    rows = 0
    while rows < len(stored):
        before = clock.now
        batch = told(feed.poll(timeout))
        assert clock.now - before <= timeout * SECOND_NS + 1
        reached = (clock.now - NOW) * speed
        assert (due[rows : rows + len(batch)] <= reached + 1).all(), "nothing is early"
        rows += len(batch)
        assert rows == len(stored) or due[rows] > reached - speed - 1, "nothing is late"

    assert (clock.now - NOW) / SECOND_NS == pytest.approx(
        due[-1] / speed / SECOND_NS, abs=timeout + 0.01
    )


def test_what_came_before_the_start_is_told_at_once() -> None:
    stored = tape()
    start_at = int(stored.event_ns[250])
    clock = ManualClock(NOW)
    feed = feed_of(history(stored), clock, 1.0, start_at=start_at)
    first = told(feed.poll(0))

    assert clock.now == NOW
    assert first.event_ns.max() <= start_at
    assert len(first) > 240
    clock.advance(10)
    assert told(feed.poll(0)).event_ns.max() <= start_at + 10 * SECOND_NS


def test_the_speed_can_be_changed_on_the_way() -> None:
    stored = tape()
    clock = ManualClock(NOW)
    feed = feed_of(history(stored), clock, 1.0)
    feed.poll(0)
    clock.advance(10)
    feed.set_speed(100)
    reached = int(stored.event_ns[0]) + 10 * SECOND_NS
    assert told(feed.poll(0)).event_ns.max() <= reached
    clock.advance(0.2)
    newest = told(feed.poll(0)).event_ns.max()
    assert reached + 15 * SECOND_NS < newest <= reached + 20 * SECOND_NS
    feed.set_speed(math.inf)
    assert feed.speed == math.inf
    assert told(feed.poll(0)).source_seq[-1] == len(stored)


def test_slowing_down_from_full_speed_goes_on_at_the_newest_trade() -> None:
    stored = tape(CHUNK + 1000)
    clock = ManualClock(NOW)
    feed = feed_of(history(stored), clock)
    newest = int(told(feed.poll(0)).event_ns.max())
    assert feed.position_ns == newest
    clock.advance(3)
    feed.set_speed(1)
    assert len(told(feed.poll(0))) <= 1
    clock.advance(20)
    rest = told(feed.poll(0))
    assert newest + 18 * SECOND_NS < rest.event_ns.max() <= newest + 20 * SECOND_NS


# ------------------------------------------------------------------------------ controls


def test_a_paused_replay_stands_still_and_goes_on_from_there() -> None:
    stored = tape()
    clock = ManualClock(NOW)
    feed = feed_of(history(stored), clock, 1.0)
    feed.poll(0)
    clock.advance(20)
    before = told(feed.poll(0))
    feed.pause()
    feed.pause()
    assert feed.paused
    (note,) = feed.poll(0)
    assert note == StateChange(FeedState.LIVE, "The replay is paused.")
    for _ in range(50):
        assert not len(told(feed.poll(60)))
    feed.resume()
    assert feed.poll(0) == [StateChange(FeedState.LIVE)]
    clock.advance(10)
    after = told(feed.poll(0))

    assert after.source_seq[0] == before.source_seq[-1] + 1
    assert after.event_ns.max() <= int(stored.event_ns[0]) + 30 * SECOND_NS


def test_steps_tell_so_many_trades_while_paused() -> None:
    feed = feed_of(history(), speed=1.0)
    feed.pause()
    feed.poll(0)
    assert not len(told(feed.poll(0)))
    feed.step()
    assert told(feed.poll(0)).source_seq.tolist() == [1]
    assert not len(told(feed.poll(0)))
    feed.step(3)
    feed.step(2)
    assert told(feed.poll(0)).source_seq.tolist() == [2, 3, 4, 5, 6]
    feed.resume()
    feed.step(50)
    assert len(told(feed.poll(0))) < 5, "a running replay is not stepped"


def test_stepping_to_the_end_finishes_the_replay() -> None:
    feed = feed_of(history(tape(3)), speed=1.0)
    feed.pause()
    feed.step(9)
    events = [*feed.poll(0), *feed.poll(0)]

    assert len(told(events)) == 3
    assert states(events)[-1] is FeedState.FINISHED


def test_controls_may_come_from_other_threads() -> None:
    stored = history(tape(4000))
    feed = feed_of(stored, speed=1000.0)

    def play() -> None:
        for speed in range(1, 200):
            feed.pause()
            feed.step(5)
            feed.resume()
            feed.set_speed(speed)

    players = [threading.Thread(target=play) for _ in range(3)]
    for player in players:
        player.start()
    events: list[FeedEvent] = []
    while any(player.is_alive() for player in players):
        events += feed.poll(0.5)
    events += finish(feed, timeout=0.5)

    assert np.array_equal(told(events).source_seq, stored.trades["BTC"].seq)
    assert not feed.paused


# ------------------------------------------------------------------------------ ends and beginnings


def test_a_finished_replay_is_alive_and_silent() -> None:
    clock = ManualClock(NOW)
    feed = feed_of(history(), clock)
    finish(feed)
    feed.pause()
    later = [event for _ in range(100) for event in feed.poll(0.05)]

    assert all(isinstance(event, Heartbeat) for event in later)
    assert 4 <= len(later) <= 6


def test_quiet_stretches_have_heartbeats() -> None:
    trades = tape(2)
    trades = trades.replace(event_ns=[FRIDAY, FRIDAY + 60 * SECOND_NS])
    feed = feed_of(history(trades), speed=1.0)
    events = finish(feed)

    assert 50 <= sum(isinstance(event, Heartbeat) for event in events) <= 60


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 499))
def test_a_killed_replay_goes_on_behind_its_last_stored_trade(cut: int) -> None:
    stored = tape()
    point = ResumePoint(int(stored.seq[cut - 1]), int(stored.event_ns[cut - 1]), FRIDAY)
    events = finish(feed_of(history(stored), speed=50.0, resume=point))

    assert told(events).source_seq.tolist() == stored.seq[cut:].tolist()


def test_a_session_that_was_told_before_is_not_told_twice() -> None:
    stored = history(Trades.concat([tape(40), tape(30, FRIDAY + DAY_NS, 41)]))
    gap = Gap("BTC", FRIDAY, FRIDAY + SECOND_NS, 5, 600_000, "no data")
    stored.gaps["BTC"] = [gap]
    first = finish(feed_of(stored, session_ns=FRIDAY))
    stored.trades["REPLAY:BTC"] = told(first).replace(seq=np.arange(1, 41))
    stored.gaps["REPLAY:BTC"] = [replace(gap, symbol="REPLAY:BTC")]
    other_day = ResumePoint(70, FRIDAY + DAY_NS, FRIDAY + DAY_NS)
    again = feed_of(stored, session_ns=FRIDAY, resume=other_day).poll(0)

    assert sum(isinstance(event, Gap) for event in first) == 1
    assert states(again) == [FeedState.LIVE, FeedState.FINISHED]
    assert len(again) == 2


def test_a_session_known_without_trades_of_the_replay_is_told_whole() -> None:
    class GapsOnly(MemoryHistory):
        """The replay's session was stored, but only a gap of it."""

        def has_trades(self, symbol: str, session_ns: int) -> bool:
            return symbol.startswith("REPLAY:") or super().has_trades(symbol, session_ns)

    feed = feed_of(GapsOnly({"BTC": tape(20)}))

    assert len(told(finish(feed))) == 20


def test_a_closed_replay_is_silent() -> None:
    feed = feed_of(history())
    feed.close()
    feed.close()

    assert not [event for event in feed.poll(0.05) if not isinstance(event, Heartbeat)]


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: ReplayFeed(history().port, "ETH", clock=ManualClock(NOW)), "no instrument 'ETH'"),
        (lambda: ReplayFeed(history().port, "BTC", 5, clock=ManualClock(NOW)), "that session"),
        (lambda: ReplayFeed(history(tape(0)).port, "BTC", clock=ManualClock(NOW)), "any session"),
    ],
)
def test_what_is_not_stored_cannot_be_replayed(make: Callable[[], ReplayFeed], text: str) -> None:
    with pytest.raises(FeedError) as caught:
        make()

    assert text in caught.value.user_text
    assert caught.value.retry is False


@pytest.mark.parametrize("speed", [0, 0.5, -1, 1001, math.nan, -math.inf])
def test_a_speed_outside_its_range_is_refused(speed: float) -> None:
    feed = feed_of(history())

    with pytest.raises(InputError, match="1 to 1000"):
        feed.set_speed(speed)
    with pytest.raises(InputError):
        ReplayFeed(history().port, "BTC", speed=speed, clock=ManualClock(NOW))
    with pytest.raises(InputError):
        feed.step(0)
