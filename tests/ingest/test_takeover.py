"""Real processes, a real store, the simulated market: a killed leader leaves no trace."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE
from dashboard.domain.calendar import calendar_sim
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.merge import merge
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.feed import SimulatorFeed
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.live.board import DiskcacheBoard
from dashboard.ports import IngestBatch, ResumePoint
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from tests.fakes import FakeBoard, ManualClock
from tests.ingest.markets import SECOND, assert_same_bars, assert_same_trades

SYMBOL = "SIM:NIFTY"
Mode = Literal["snapshots", "trades"]
RATES: dict[Mode, float] = {"snapshots": 4.0, "trades": 300.0}

PROCESS = """
import logging, signal, sys, threading
from pathlib import Path
from dashboard.feeds.backoff import Backoff
from dashboard.feeds.simulator.feed import SimulatorFeed
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.leader import FileLeader
from dashboard.ingest.worker import IngestWorker
from dashboard.live.board import DiskcacheBoard
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder

folder, mode, rate = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
logging.basicConfig(level="INFO")
clock = SystemClock()
worker = IngestWorker(
    feed_factory=lambda: SimulatorFeed(["SIM:NIFTY"], mode, rate, 7, clock),
    recorder_factory=lambda: SqliteRecorder(folder / "store.db"),
    board=DiskcacheBoard(folder / "board"),
    leader=FileLeader(folder / "leader.lock"),
    clock=clock,
    backoff=Backoff(),
    calendar_of=SqliteHistory(folder / "store.db").calendar,
)
ended = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: ended.set())
worker.start()
ended.wait()
worker.stop()
"""


def begin_at(path: Path, feed: SimulatorFeed, event_ns: int) -> None:
    """Make a store whose data ends at an instant, so that no past is to be written."""
    recorder = SqliteRecorder(path)
    recorder.add_instrument(feed.instruments()[0])
    session_ns = calendar_sim().session_at(event_ns).open_ns
    resume = ResumePoint(event_ns=event_ns, session_ns=session_ns)
    recorder.record([IngestBatch(SYMBOL, Trades.empty(), None, [], 1, b"", resume)])
    recorder.close()


def eventually(holds: Callable[[], object], what: str, seconds: float = 8.0) -> float:
    """Wait until it holds and return how long that took."""
    began = time.monotonic()
    while not holds():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
def processes() -> Iterator[list[subprocess.Popen[bytes]]]:
    """Return a list; whatever is in it at the end is killed."""
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


@pytest.mark.parametrize("mode", ["trades", "snapshots"])
@pytest.mark.skipif(os.name == "nt", reason="Windows has no kill -9 to survive")
def test_a_killed_leader_is_replaced_and_the_store_is_as_if_nothing_had_happened(
    tmp_path: Path, root: Path, processes: list[subprocess.Popen[bytes]], mode: Mode
) -> None:
    rate, began_ns = RATES[mode], time.time_ns()
    clock = ManualClock(began_ns)
    feed = SimulatorFeed([SYMBOL], mode, rate, 7, clock)
    begin_at(tmp_path / "store.db", feed, began_ns)
    begin_at(tmp_path / "undisturbed.db", feed, began_ns)
    board = DiskcacheBoard(tmp_path / "board")
    command = [sys.executable, "-c", PROCESS, str(tmp_path), mode, str(rate)]
    processes += [subprocess.Popen(command, cwd=root) for _ in range(2)]

    def shown() -> tuple[int, int]:
        """Return the leader's process and its newest trade."""
        state, status = board.read(SYMBOL), board.read_status()
        return (status.leader_pid if status else 0, state.trade_seq if state else 0)

    eventually(lambda: shown()[1] > 1, "a process leads")
    first, seen = shown()
    other = next(p for p in processes if p.pid != first)
    os.kill(first, signal.SIGKILL)
    took = eventually(lambda: shown()[0] == other.pid and shown()[1] > seen, "the other leads")
    assert took < 2
    version = board.version()
    eventually(lambda: board.version() > version, "and goes on")
    other.send_signal(signal.SIGTERM)
    assert other.wait(5) == 0
    status = board.read_status()
    assert status is not None
    assert (status.state, status.leader_pid) == (FeedState.STOPPED, other.pid)

    # The same seed, told to one leader by a clock that ends where the real one did.
    history = SqliteHistory(tmp_path / "store.db")
    trades = history.read_trades(SYMBOL)
    recorder, calm = SqliteRecorder(tmp_path / "undisturbed.db"), FakeBoard()
    reporter = StatusReporter(calm, clock, logging.getLogger("calm"), FeedMode.SIMULATED)
    undisturbed = SqliteHistory(tmp_path / "undisturbed.db")
    pipeline = Pipeline(feed, recorder, calm, clock, reporter, undisturbed.calendar)
    pipeline.start()
    while recorder.last_seq(SYMBOL) < len(trades):
        clock.now = max(clock.now, began_ns + 30 * SECOND)
        pipeline.cycle()
    expected = undisturbed.read_trades(SYMBOL).take(slice(len(trades)))
    assert_same_trades(trades, expected)
    assert trades.seq.tolist() == list(range(1, len(trades) + 1))
    state = board.read(SYMBOL)
    assert state is not None
    assert state.trade_seq == len(trades)
    bars, _ = aggregate(trades, MINUTE, calendar_sim(), state.open_bars.level_size)
    assert_same_bars(merge(history.read_bars(SYMBOL), state.open_bars), bars)
    board.close()
