"""How fast the simulated market is made, told, and caught up with.

``python -m benchmarks.simulator`` prints a table and then one line of JSON. Seconds are CPU time
of this process, because the feed shares its core with the rest of the dashboard. The feeds run on
a clock of their own, so nothing waits.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from typing import Any, Literal

from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.livestate import FeedState
from dashboard.feeds.simulator import SimulatorFeed
from dashboard.feeds.simulator.market import BASE_RATE, known_symbols, open_of
from dashboard.feeds.simulator.packets import build_packets
from dashboard.feeds.simulator.path import build_course
from dashboard.feeds.simulator.tape import Tape
from dashboard.ports import FeedEvent, QuotesEvent, StateChange, TradesEvent

SEED = 7
SESSION = 78_000
NIFTY = "SIM:NIFTY"
NOON_NS = open_of(SESSION) + 180 * 60 * SECOND_NS
Row = dict[str, Any]


class BenchClock:
    """A clock that time passes on only by sleeping."""

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        """Return the time reached."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on, by a nanosecond at least."""
        self.now += max(1, int(seconds * SECOND_NS) + 1)


def count_rows(events: Iterable[FeedEvent]) -> int:
    """Return the trades and packets in events."""
    rows = 0
    for event in events:
        if isinstance(event, TradesEvent):
            rows += len(event.trades)
        elif isinstance(event, QuotesEvent):
            rows += len(event.quotes)
    return rows


def time_course() -> Row:
    """Time the course of one session: price path, walls, activity."""
    build_course.cache_clear()
    begin = time.process_time()
    build_course(SEED, NIFTY, SESSION)
    return _row("course of a session", 1, time.process_time() - begin, "session")


def time_tape(rate: float, target: int = 1_000_000) -> Row:
    """Time the making of true trades at a rate, from the middle of a session on."""
    tape = Tape(build_course(SEED, NIFTY, SESSION), rate)
    tape.bounds  # noqa: B018 - drawn once a session, and not what is timed
    index, rows = len(tape.bounds) // 3, 0
    begin = time.process_time()
    while rows < target and index < len(tape.bounds) - 1:
        rows += len(tape.block(index))
        index += 1
    return _row(f"trades made, {rate:g}/s", rows, time.process_time() - begin, "trade")


def time_packets() -> Row:
    """Time the packets of a session, the tape behind them included."""
    begin = time.process_time()
    tape = build_packets(SEED, NIFTY, SESSION, 2.0)
    rows = sum(len(tape.block(i)) for i in range(len(tape.bounds) - 1))
    return _row("packets made, 2/s", rows, time.process_time() - begin, "packet")


def time_prefill(mode: Literal["snapshots", "trades"], rate: float) -> Row:
    """Time what an empty store is filled with: five sessions and half of the current one."""
    build_course.cache_clear()
    feed = SimulatorFeed(known_symbols(), mode, rate, SEED, BenchClock(NOON_NS))
    begin = time.process_time()
    feed.start({})
    rows, ready = 0, False
    while not ready:
        events = feed.poll(0)
        rows += count_rows(events)
        ready = StateChange(FeedState.LIVE) in events
    seconds = time.process_time() - begin
    return _row(f"first filling, {mode}, 2 instruments", rows, seconds, "event")


def time_live(mode: Literal["snapshots", "trades"], rate: float, seconds: int = 20) -> Row:
    """Time the live feed, polled every 50 ms for some seconds of market."""
    clock = BenchClock(NOON_NS)
    feed = SimulatorFeed([NIFTY], mode, rate, SEED, clock)
    feed.start({})
    while StateChange(FeedState.LIVE) not in feed.poll(0):
        pass
    end_ns = clock.now + seconds * SECOND_NS
    rows = 0
    begin = time.process_time()
    while clock.now < end_ns:
        rows += count_rows(feed.poll(0.05))
        clock.sleep(0.05)
    spent = time.process_time() - begin
    row = _row(f"live, {mode}, {rate:g}/s", rows, spent, "event")
    return row | {"cpu_share": round(spent / seconds, 5), "per_market_second": rows / seconds}


def run() -> list[Row]:
    """Return all measurements."""
    return [
        time_course(),
        *(time_tape(rate) for rate in (BASE_RATE, 20.0, 1_000.0, 50_000.0)),
        time_packets(),
        time_prefill("snapshots", 2.0),
        time_prefill("trades", 20.0),
        time_live("snapshots", 2.0),
        time_live("trades", 20.0),
        time_live("trades", 50_000.0),
    ]


def _row(name: str, rows: int, seconds: float, unit: str) -> Row:
    assert rows > 0
    return {"name": name, "unit": unit, "rows": rows, "seconds": round(seconds, 4)}


def main() -> None:
    """Print the table and the JSON line."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    rows = run()
    print(f"{'what':44} {'rows':>10} {'CPU s':>8} {'rows/s':>12} {'CPU share':>10}")
    for row in rows:
        per_second = row["rows"] / max(row["seconds"], 1e-9)
        share = f"{row['cpu_share']:.2%}" if "cpu_share" in row else ""
        print(
            f"{row['name']:44} {row['rows']:>10,} {row['seconds']:>8.3f} "
            f"{per_second:>12,.0f} {share:>10}"
        )
    print(json.dumps({"simulator": rows}))


if __name__ == "__main__":
    main()
