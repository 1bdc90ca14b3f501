"""The worker: leads or waits, restarts what fails, lets go of what hangs, stops at once."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

import pytest

from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.trade import Trades
from dashboard.errors import FeedError, StoreError, StoreLockedError
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.worker import IngestWorker
from dashboard.ports import FeedEvent, StateChange, TradesEvent
from tests.fakes import FakeBoard, FakeFeed, FakeLeader, FakeRecorder, FakeStore
from tests.ingest.markets import NIFTY, START, assert_same_trades, tape

SYMBOL = NIFTY.symbol
TRADES = tape(40)


class Delays:
    """No delay to speak of, counted."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.asked = 0
        self.resets = 0

    def next_s(self) -> float:
        self.asked += 1
        return self.seconds

    def reset(self) -> None:
        self.resets += 1


class ResumingFeed(FakeFeed):
    """A source that goes on behind its resume point: two trades a poll, and the faults planned."""

    def __init__(self, faults: deque[Exception | None]) -> None:
        super().__init__([NIFTY])
        self.faults = faults
        self.at = 0

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        if self.resume is not None:
            self.at = max(self.at, self.resume[SYMBOL].source_seq)
        fault = self.faults.popleft() if self.faults else None
        part = TRADES.take(slice(self.at, self.at + 2)) if fault is None else Trades.empty()
        self.at += len(part)
        self.script.append(fault or ([TradesEvent(SYMBOL, part)] if len(part) else []))
        return super().poll(timeout_s)


class House:
    """One machine: a store, a board, a lock; and as many workers as a test makes."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.board = FakeBoard()
        self.leader = FakeLeader()
        self.delays = Delays()
        self.feeds: list[FakeFeed] = []
        self.recorders: list[FakeRecorder] = []
        self.record_faults: deque[Exception] = deque()
        self.workers: list[IngestWorker] = []

    def worker(
        self,
        make: Callable[[], FakeFeed] | None = None,
        leader: FakeLeader | None = None,
        **more: object,
    ) -> IngestWorker:
        def feed() -> FakeFeed:
            made = make() if make else ResumingFeed(deque())
            self.feeds.append(made)
            return made

        def recorder() -> FakeRecorder:
            made = FakeRecorder(self.store)
            made.faults = self.record_faults
            self.recorders.append(made)
            return made

        worker = IngestWorker(
            feed_factory=feed,
            recorder_factory=recorder,
            board=self.board,
            leader=leader or self.leader,
            clock=SystemClock(),
            backoff=self.delays,
            calendar_of=self.store.calendar,
            logger=logging.getLogger("tests.worker"),
            tick_s=0.02,
            **more,  # type: ignore[arg-type]
        )
        self.workers.append(worker)
        return worker

    def recorded(self) -> Trades:
        return self.store.trades.get(SYMBOL, Trades.empty())

    def state(self) -> FeedState | None:
        status = self.board.read_status()
        return status.state if status else None

    def cause(self) -> str:
        status = self.board.read_status()
        return status.cause if status else ""


@pytest.fixture
def house() -> Iterator[House]:
    house = House()
    yield house
    for worker in house.workers:
        worker.stop()


def eventually(holds: Callable[[], object], what: str, seconds: float = 5.0) -> None:
    """Wait until it holds, or fail and say what did not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.005)


def test_the_leader_runs_the_feed_and_stop_frees_everything(house: House) -> None:
    worker = house.worker()
    worker.start()
    worker.start()
    eventually(lambda: len(house.recorded()) == len(TRADES), "all trades recorded")
    assert worker.leads
    assert house.state() is FeedState.LIVE
    began = time.monotonic()
    worker.stop()
    worker.stop()
    assert time.monotonic() - began < 1
    assert (house.leader.held, house.leader.releases, worker.leads) == (False, 1, False)
    assert (len(house.feeds), house.feeds[0].closed, house.recorders[0].closed) == (1, 1, True)
    assert house.state() is FeedState.STOPPED
    assert_same_trades(house.recorded(), TRADES)


def test_a_stopped_worker_can_start_again(house: House) -> None:
    worker = house.worker()
    for _ in range(2):
        worker.start()
        eventually(lambda: house.state() is FeedState.LIVE, "live")
        worker.stop()
        assert house.state() is FeedState.STOPPED
        house.store.trades.clear()
        house.store.states.clear()
        house.store.resumes.clear()
        house.store.bars.clear()


def test_stop_without_start_does_nothing(house: House) -> None:
    house.worker().stop()
    assert house.leader.releases == 0


def test_a_worker_that_does_not_lead_opens_nothing_until_the_lock_is_free(house: House) -> None:
    house.leader.taken = True
    worker = house.worker()
    worker.start()
    time.sleep(0.3)
    assert not house.feeds
    assert not house.board.statuses
    assert not worker.leads
    house.leader.taken = False
    eventually(lambda: worker.leads, "leads", seconds=1)
    worker.stop()
    assert house.leader.releases == 1


def test_a_lock_that_cannot_be_tried_is_logged_once_and_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(FakeLeader):
        tries = 0

        def acquire(self) -> bool:
            self.tries += 1
            if self.tries < 3:
                raise StoreError("the disk cannot lock files")
            return super().acquire()

    worker = house.worker(leader=Broken())
    with caplog.at_level(logging.ERROR):
        worker.start()
        eventually(lambda: worker.leads, "leads after all")
    assert len(caplog.records) == 1


def test_a_failed_feed_is_started_again_and_nothing_is_lost_or_doubled(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    gone = FeedError("The connection was lost.", log_text="EOF on socket 7")
    plan: deque[Exception | None] = deque([None, gone, gone, None, None, gone])
    with caplog.at_level(logging.INFO):
        house.worker(lambda: ResumingFeed(plan)).start()
        eventually(lambda: len(house.recorded()) == len(TRADES), "all trades recorded")
    assert_same_trades(house.recorded(), TRADES)
    assert len(house.feeds) == 4
    assert [feed.closed for feed in house.feeds[:3]] == [1, 1, 1]
    assert all(recorder.closed for recorder in house.recorders[:3])
    causes = [s.cause for s in house.board.statuses if s.state is FeedState.RETRYING]
    assert set(causes) == {"The connection was lost."}
    lines = [r.getMessage() for r in caplog.records if "RETRYING" in r.getMessage().upper()]
    assert len(lines) == 2, "the second failure in a row is no news"
    assert house.state() is FeedState.LIVE
    assert house.cause() == ""


def test_a_store_that_fails_restarts_the_feed_without_loss(house: House) -> None:
    house.record_faults.extend([StoreError("The disk is full."), StoreLockedError("busy")])
    house.worker().start()
    eventually(lambda: len(house.recorded()) == len(TRADES), "all trades recorded")
    assert_same_trades(house.recorded(), TRADES)
    assert "The disk is full." in {s.cause for s in house.board.statuses}


def test_a_feed_that_must_not_be_tried_again_stops_and_keeps_the_lock(house: House) -> None:
    plan: deque[Exception | None] = deque([FeedError("The password is wrong.", retry=False)])
    worker = house.worker(lambda: ResumingFeed(plan))
    worker.start()
    eventually(lambda: house.state() is FeedState.STOPPED, "stopped")
    before = len(house.board.statuses)
    eventually(lambda: len(house.board.statuses) > before, "the heart beats on")
    assert house.cause() == "The password is wrong."
    assert (len(house.feeds), house.leader.held, house.delays.asked) == (1, True, 0)
    began = time.monotonic()
    worker.stop()
    assert time.monotonic() - began < 1


def test_a_fault_of_ours_is_shown_as_one_and_tried_again(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    plan: deque[Exception | None] = deque([ZeroDivisionError("oops"), ZeroDivisionError("oops")])
    with caplog.at_level(logging.ERROR):
        house.worker(lambda: ResumingFeed(plan)).start()
        eventually(lambda: len(house.recorded()) == len(TRADES), "all trades recorded")
    causes = {s.cause for s in house.board.statuses}
    assert "The feed stopped by an internal error (ZeroDivisionError)." in causes
    assert [r for r in caplog.records if r.exc_info], "the log has the traceback"
    assert len(caplog.records) == 1


def test_a_feed_that_cannot_even_be_made_says_why(house: House) -> None:
    def make() -> FakeFeed:
        raise FeedError("There is no stored session to replay.", retry=False)

    house.worker(make, mode=FeedMode.REPLAY).start()
    eventually(lambda: house.state() is FeedState.STOPPED, "stopped")
    assert house.cause() == "There is no stored session to replay."
    status = house.board.read_status()
    assert status is not None
    assert status.mode is FeedMode.REPLAY
    assert house.recorders[0].closed


def test_the_delays_begin_anew_once_the_feed_is_steady(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.ingest.worker.STEADY_CYCLES", 3)
    house.worker().start()
    eventually(lambda: house.delays.resets == 2, "reset at the start and when steady")


def test_a_loop_that_hangs_loses_the_lock_and_may_not_write_any_more(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    hangs, woken = threading.Event(), threading.Event()

    def make() -> FakeFeed:
        feed = ResumingFeed(deque())
        if not house.feeds:
            feed.on_poll = hang_in_the_second_poll
        return feed

    polls = iter(range(9))

    def hang_in_the_second_poll() -> None:
        if next(polls) == 1:
            hangs.wait(10)
            woken.set()

    with caplog.at_level(logging.ERROR):
        house.worker(make).start()
        eventually(lambda: house.leader.releases == 1, "the lock is given up")
    assert "hangs" in caplog.text
    hung = len(house.recorded())
    assert hung == 2
    # The process tries again, after others had their chance, and goes on behind the store.
    eventually(lambda: len(house.recorded()) == len(TRADES), "the next life records the rest")
    recorder = house.recorders[0]
    hangs.set()
    eventually(woken.is_set, "the hung thread wakes")
    eventually(lambda: recorder.closed, "and ends")
    assert len(recorder.transactions) == 1
    assert_same_trades(house.recorded(), TRADES)
    assert (house.leader.held, house.leader.releases) == (True, 1)


def test_stop_of_a_hung_loop_frees_the_lock_in_time(house: House) -> None:
    release = threading.Event()

    def make() -> FakeFeed:
        feed = ResumingFeed(deque())
        feed.on_poll = lambda: release.wait(5)
        return feed

    worker = house.worker(make)
    worker.start()
    eventually(lambda: worker.leads and house.feeds, "leads")
    began = time.monotonic()
    worker.stop(0.2)
    assert time.monotonic() - began < 0.5
    assert not house.leader.held
    release.set()


def test_the_status_names_this_process_and_the_feeds_own_facts(house: House) -> None:

    def make() -> FakeFeed:
        feed = FakeFeed([NIFTY], mode=FeedMode.REPLAY, sides_estimated=True)
        feed.speed = 60.0  # type: ignore[attr-defined]
        feed.script.append([StateChange(FeedState.PREPARING)])
        return feed

    house.worker(make).start()
    eventually(lambda: house.state() is FeedState.PREPARING, "preparing")
    status = house.board.read_status()
    assert status is not None
    assert (status.mode, status.sides_estimated, status.speed) == (FeedMode.REPLAY, True, 60.0)
    assert status.leader_pid == os.getpid()
    assert status.since_ns > START
