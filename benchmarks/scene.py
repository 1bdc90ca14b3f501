"""The market that the page is measured with: live.md's scene, always the same size.

Every bar of `BENCH` covers the same levels: its price runs up and down through all of them three
times a minute. So any twelve bars show twelve times as many cells, whenever they are looked at.
`python -m benchmarks.scene` serves the dashboard with it, feed, store and board as they are in
earnest; `write_session` puts one closed session of it into a store.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from waitress.server import create_server

from dashboard.bootstrap import create_app, start_ingest, stop_ingest
from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.trade import Trades
from dashboard.ingest.clock import SystemClock
from dashboard.ports import (
    Clock,
    Feed,
    FeedEvent,
    Heartbeat,
    IngestBatch,
    ResumePoint,
    StateChange,
    TradesEvent,
)
from dashboard.settings import Settings
from dashboard.storage.recorder import SqliteRecorder

SYMBOL = "BENCH"
TICK = 50
LEVEL = 200
LEVEL_TEXT = "2"
BASE = 2_500_000
LOT = 65
BARS = 385
LEVELS = 50
PAST_RATE = 5.0
"""Trades a second in the bars before: with the sweep it touches every level of every bar."""
SWEEP_NS = 20_000_000_000
SECOND_NS = 1_000_000_000
MINUTE_NS = 60 * SECOND_NS
BATCH = 10_000


def instrument(tick: int = TICK) -> Instrument:
    """Return the instrument of the scene."""
    return Instrument(
        SYMBOL, exchange="SIM", calendar="24x7", tick_size=tick, lot_size=LOT, simulated=True
    )


def trades_at(event_ns: np.ndarray, levels: int, level: int = LEVEL, tick: int = TICK) -> Trades:
    """Return a trade at each of these times: its price follows from the time, its size by chance.

    Args:
        event_ns: When, ascending.
        levels: How many levels the price runs through.
        level: Their height in price units.
        tick: Smallest price step.
    """
    rng = np.random.default_rng(int(event_ns[0]) if len(event_ns) else 0)
    count = len(event_ns)
    phase = (event_ns % SWEEP_NS) / SWEEP_NS
    height = 1 - np.abs(2 * phase - 1)  # 0 at the sweep's begin and end, 1 in its middle
    row = np.minimum((height * levels).astype(np.int64), levels - 1)
    price = BASE + row * level + rng.integers(0, level // tick, count) * tick
    buys = rng.random(count) < 0.5
    return Trades.build(
        event_ns=event_ns,
        price=price,
        size=LOT * rng.geometric(0.3, count),
        side=np.where(buys, 1, -1),
        bid=price - np.where(buys, tick, 0),
        ask=price + np.where(buys, 0, tick),
        source_seq=np.arange(1, count + 1),
    )


class SceneFeed:
    """A feed of the scene: 385 bars of the past, then trades at an even rate, each when it is due.

    `receive_ns` is the time at which a trade is due, so all waiting in the pipeline counts as
    latency.

    Args:
        rate: Trades a second once live.
        clock: Decides what is due.
        levels: Levels of each bar.
    """

    mode = FeedMode.SIMULATED
    sides_estimated = False

    def __init__(self, rate: float, clock: Clock, levels: int = LEVELS) -> None:
        self._step_ns = round(SECOND_NS / rate)
        self._clock = clock
        self._levels = levels
        self._past: list[Trades] = []
        self._told = 0
        self._live_ns = 0

    def instruments(self) -> Sequence[Instrument]:
        """Return the one."""
        return [instrument()]

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        """Make the past: `BARS` bars, the forming one among them."""
        assert all(point == ResumePoint() for point in resume.values()), "the store is not empty"
        now_ns = self._clock.now_ns()
        first_ns = now_ns // MINUTE_NS * MINUTE_NS - (BARS - 1) * MINUTE_NS
        step_ns = round(SECOND_NS / PAST_RATE)
        past = trades_at(np.arange(first_ns, now_ns, step_ns), self._levels)
        self._past = [past.take(slice(at, at + BATCH)) for at in range(0, len(past), BATCH)]
        self._live_ns, self._told = now_ns, 0

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        """Return what is due, waiting for it at most `timeout_s`."""
        if self._past:
            events: list[FeedEvent] = [StateChange(FeedState.PREPARING, "Writing the scene…")]
            events.append(TradesEvent(SYMBOL, self._past.pop(0)))
            return events if self._past else [*events, StateChange(FeedState.LIVE)]
        now_ns = self._clock.now_ns()
        due = (now_ns - self._live_ns) // self._step_ns
        if due <= self._told:
            next_ns = self._live_ns + (self._told + 1) * self._step_ns
            self._clock.sleep(min(timeout_s, max(next_ns - now_ns, 0) / SECOND_NS))
            now_ns = self._clock.now_ns()
            due = (now_ns - self._live_ns) // self._step_ns
        if due <= self._told:
            return [Heartbeat(now_ns)]
        times = self._live_ns + np.arange(self._told + 1, due + 1) * self._step_ns
        self._told = due
        return [TradesEvent(SYMBOL, trades_at(times, self._levels))]

    def close(self) -> None:
        """Forget the past."""
        self._past = []


def write_session(store: Path, levels: int) -> None:
    """Write a closed session of `BARS` one-minute bars, each with so many one-tick levels.

    Args:
        store: The store's file; made when missing.
        levels: Levels of each bar, one tick high.
    """
    first_ns = 1_757_548_800 * SECOND_NS
    times = np.arange(first_ns, first_ns + BARS * MINUTE_NS, SECOND_NS // 10)
    trades = trades_at(times, levels, LEVEL, LEVEL).replace(seq=np.arange(1, len(times) + 1))
    bars, _ = aggregate(trades, MINUTE, calendar_24x7(), LEVEL)
    assert (np.diff(bars.offsets) == levels).all()
    assert len(bars) == BARS
    recorder = SqliteRecorder(store)
    recorder.add_instrument(instrument(LEVEL))
    bars = bars.with_columns(version=np.full(len(bars), 1, np.int64))
    point = ResumePoint(len(times), int(times[-1]), int(bars.session_ns[-1]))
    recorder.record([IngestBatch(SYMBOL, trades, bars, [], 1, b"", point)])
    recorder.close()


def serve(rate: float, port: int, folder: Path, levels: int) -> None:
    """Serve the dashboard with the scene as its feed, until it is ended."""
    clock = SystemClock()

    def feed() -> Feed:
        return SceneFeed(rate, clock, levels)

    settings = Settings(data_dir=folder, port=port, instruments=(SYMBOL,))
    app = create_app(settings, feed=feed, clock=clock)
    server = create_server(app.server, host="127.0.0.1", port=port, threads=8)
    start_ingest(app)
    try:
        server.run()
    finally:
        stop_ingest(app)


def main() -> int:
    """Serve the scene on a port."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scene")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=20.0)
    parser.add_argument("--levels", type=int, default=LEVELS)
    arguments = parser.parse_args()
    serve(arguments.rate, arguments.port, arguments.folder, arguments.levels)
    return 0


if __name__ == "__main__":
    sys.exit(main())
