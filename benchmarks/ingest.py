"""How much the ingest pipeline takes: from a feed to the SQLite store and the board, in real time.

``python -m benchmarks.ingest [--seconds 5] [--only NAME]`` prints a table and a line of JSON. Each
scenario runs in a process of its own, on a store and a board in a temporary folder, for so many
seconds after its warm-up, and counts nothing unless the store then holds every trade once, in
order, and the minutes shown equal those aggregated from the stored trades at once.

========== ========================================================================================
trades-20k the simulator's true trades, two instruments, 20,000 a second in all
trades-50k the same at 50,000 a second
quotes-250 250 instruments with two packets a second each, half of which traded
quotes-1k  1,000 instruments likewise
quiet      the simulator's packets, two instruments, two a second: what an idle day costs
========== ========================================================================================

`cpu` is of one core; `lag` is how old the newest trade on the board is by the clock when it is
published (simulated trades are stamped with the time at which they are due); `cycle` is the time of
a turn of the loop without its wait for events.
"""

from __future__ import annotations

import argparse
import json
import logging
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, bar_fields
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState, LiveState
from dashboard.domain.merge import merge
from dashboard.domain.quote import BookLevel, Quote
from dashboard.feeds.simulator.feed import SimulatorFeed
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.live.board import DiskcacheBoard
from dashboard.ports import Feed, FeedEvent, IngestBatch, ResumePoint
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder

SYMBOLS = ("SIM:NIFTY", "SIM:BANKNIFTY")
SCENARIOS = ("trades-20k", "trades-50k", "quotes-250", "quotes-1k", "quiet")
MS = 1_000_000


class QuoteFeed:
    """Many instruments with a packet every half second, spread evenly; every second one traded."""

    mode = FeedMode.SIMULATED
    sides_estimated = True

    def __init__(self, count: int, per_second: float, clock: SystemClock) -> None:
        self._instruments = [
            Instrument(f"BENCH:{i:04}", calendar="24x7", simulated=True) for i in range(count)
        ]
        self._clock = clock
        self._step_ns = round(1e9 / (count * per_second))
        self._began_ns = 0
        self._told = 0

    def instruments(self) -> Sequence[Instrument]:
        """Return all of them."""
        return self._instruments

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        """Begin now."""
        assert all(point == ResumePoint() for point in resume.values())
        self._began_ns = self._clock.now_ns()

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        """Return the packets that are due."""
        due = (self._clock.now_ns() - self._began_ns) // self._step_ns
        if due <= self._told:
            self._clock.sleep(min(timeout_s, self._step_ns / 1e9))
        events = [self._packet(n) for n in range(self._told, due)]
        self._told = max(self._told, due)
        return events

    def _packet(self, n: int) -> Quote:
        turn, row = divmod(n, len(self._instruments))
        price = 100_000 + 5 * ((turn * 7 + row) % 11)
        event_ns = self._began_ns + n * self._step_ns
        return Quote(
            symbol=self._instruments[row].symbol,
            event_ns=event_ns,
            receive_ns=event_ns,
            last_price=price,
            last_size=50,
            day_volume=50 * ((turn + 1) // 2),
            bids=tuple(BookLevel(price - 5 * i, 50, 1) for i in range(1, 6)),
            asks=tuple(BookLevel(price + 5 * i, 50, 1) for i in range(5)),
            source_seq=n + 1,
        )

    def close(self) -> None:
        """Nothing to free."""


class MeasuredRecorder(SqliteRecorder):
    """The recorder, with the time of each transaction."""

    seconds: list[float]

    def record(self, batches: Sequence[IngestBatch]) -> None:
        """Write, and keep how long it took."""
        begin = time.perf_counter()
        super().record(batches)
        self.seconds.append(time.perf_counter() - begin)


class MeasuredBoard(DiskcacheBoard):
    """The board, with the age of what it shows."""

    lags_ns: list[int]

    def publish(self, states: Sequence[LiveState]) -> None:
        """Publish, and keep how old the newest trade of each instrument is."""
        super().publish(states)
        now_ns = time.time_ns()
        self.lags_ns += [now_ns - state.receive_ns for state in states if state.trade_seq]


def run(name: str, seconds: float, folder: Path) -> dict[str, Any]:
    """Run one scenario and return its figures."""
    clock = SystemClock()
    feed = make_feed(name, clock)
    recorder = MeasuredRecorder(folder / "store.db")
    recorder.seconds = []
    board = MeasuredBoard(folder / "board")
    board.lags_ns = []
    history = SqliteHistory(folder / "store.db")
    status = StatusReporter(board, clock, logging.getLogger("bench"), feed.mode)
    pipeline = Pipeline(feed, recorder, board, clock, status, history.calendar)
    pipeline.start()
    warm_up_s = turn(pipeline, lambda: status.state is not FeedState.LIVE)[1]
    symbols = [instrument.symbol for instrument in feed.instruments()]
    before = sum(recorder.last_seq(symbol) for symbol in symbols)
    recorder.seconds.clear()
    board.lags_ns.clear()
    cpu, end = time.process_time(), time.perf_counter() + seconds
    cycles, spent_s = turn(pipeline, lambda: time.perf_counter() < end)
    cpu = time.process_time() - cpu
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    trades = sum(recorder.last_seq(symbol) for symbol in symbols) - before
    check(history, board, symbols)
    recorder.close()
    return {
        "name": name,
        "seconds": round(spent_s, 2),
        "warm_up_s": round(warm_up_s, 2),
        "trades_per_s": round(trades / spent_s),
        "publishes_per_s": round(len(board.lags_ns) / spent_s),
        "cpu_percent": round(100 * cpu / spent_s, 1),
        "cycle_ms": spread([s * 1000 for s in cycles]),
        "record_ms": spread([s * 1000 for s in recorder.seconds]),
        "lag_ms": spread([lag / MS for lag in board.lags_ns]),
        "peak_mb": round(peak_mb),
        "store_mb": round((folder / "store.db").stat().st_size / 1e6, 1),
    }


def make_feed(name: str, clock: SystemClock) -> Feed:
    """Return the feed of a scenario."""
    if name in {"quotes-250", "quotes-1k"}:
        return QuoteFeed({"quotes-250": 250, "quotes-1k": 1_000}[name], 2.0, clock)
    if name == "quiet":
        return SimulatorFeed(SYMBOLS, "snapshots", 2.0, 7, clock)
    per_second = {"trades-20k": 20_000, "trades-50k": 50_000}[name]
    return SimulatorFeed(SYMBOLS, "trades", per_second / len(SYMBOLS), 7, clock)


def turn(pipeline: Pipeline, goes_on: Any) -> tuple[list[float], float]:  # noqa: ANN401 - a predicate
    """Turn the loop; return the CPU-bound seconds of each turn, and all seconds."""
    cycles, began = [], time.perf_counter()
    while goes_on():
        begin = time.thread_time()
        pipeline.cycle()
        cycles.append(time.thread_time() - begin)
    return cycles, time.perf_counter() - began


def check(history: SqliteHistory, board: DiskcacheBoard, symbols: Sequence[str]) -> None:
    """Fail unless store and board hold every trade once, and the minutes made of them."""
    for symbol in symbols[:20]:
        trades = history.read_trades(symbol)
        assert (np.diff(trades.seq) == 1).all()
        assert (np.diff(trades.source_seq) > 0).all() or symbol in SYMBOLS
        state = board.read(symbol)
        assert state is not None
        assert state.trade_seq == trades.seq[-1]
        shown = merge(history.read_bars(symbol), state.open_bars)
        whole, _ = aggregate(trades, MINUTE, history.calendar(symbol), shown.level_size)
        for column in set(bar_fields()) - {"version"}:
            assert np.array_equal(getattr(shown, column), getattr(whole, column)), column


def spread(values: list[float]) -> dict[str, float]:
    """Return median, 95th and 99th percentile and maximum."""
    if not values:
        return {}
    p50, p95, p99, most = np.percentile(values, [50, 95, 99, 100])
    rounded = [round(float(v), 1) for v in (p50, p95, p99, most)]
    return dict(zip(("p50", "p95", "p99", "max"), rounded, strict=True))


def table(results: Sequence[Mapping[str, Any]]) -> str:
    """Return the figures for people."""
    heads = ("trades/s", "states/s", "cpu %", "peak MB", "cycle p50/p99", "record p50/max")
    rows = [
        f"{'scenario':11}" + "".join(f"{head:>16}" for head in heads) + f"{'lag p50/p95/max':>22}"
    ]
    for r in results:
        cycle, record, lag = r["cycle_ms"], r["record_ms"], r["lag_ms"]
        cells = [
            f"{r['trades_per_s']:,}",
            f"{r['publishes_per_s']:,}",
            str(r["cpu_percent"]),
            str(r["peak_mb"]),
            f"{cycle['p50']} / {cycle['p99']}",
            f"{record['p50']} / {record['max']}",
        ]
        ages = f"{lag['p50']} / {lag['p95']} / {lag['max']}"
        rows.append(f"{r['name']:11}" + "".join(f"{c:>16}" for c in cells) + f"{ages:>22}")
    return "\n".join([*rows, "times in ms"])


def main() -> int:
    """Run the scenarios and print table and JSON; one scenario prints its JSON only."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="of each scenario")
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(run(arguments.only, arguments.seconds, Path(folder))))
        return 0
    results = []
    for name in [arguments.only] if arguments.only else SCENARIOS:
        command = [sys.executable, "-m", "benchmarks.ingest", "--child", "--only", name]
        done = subprocess.run(  # noqa: S603 - this very module
            [*command, "--seconds", str(arguments.seconds)],
            stdout=subprocess.PIPE,
            check=True,
        )
        results.append(json.loads(done.stdout))
    print(table(results))
    print(json.dumps({"benchmark": "ingest", "results": results}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
