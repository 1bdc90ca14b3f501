"""kill -9 of the whole dashboard at random moments of a fast market: no trade lost, none twice."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.feeds.simulator.cursor import Cursor, Source
from dashboard.feeds.simulator.feed import PREFILL_SESSIONS
from dashboard.feeds.simulator.market import session_of
from tests.e2e.support import SEED, SYMBOL, Process, Stores, eventually
from tests.safety.support import RATE, Told, require_rebuilt, shown_seq, simulated

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("sys.platform == 'win32'", reason="SIGKILL and SIGSTOP are POSIX's"),
]
START_S, RUN_S = 5.0, 1.5


def kill_after(seconds: float, process: Process, stores: Stores) -> int:
    """Kill a process in the middle of its work; return the newest trade that was shown before."""
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    shown = 0
    while timer.is_alive():
        shown = max(shown, shown_seq(stores))
    timer.join()
    return shown


def test_killed_at_random_moments_of_a_fast_market(
    tmp_path: Path, kills: int, tell: Callable[[str], None]
) -> None:
    chance = random.Random(20261122)  # noqa: S311 - when to kill is no secret
    stores, began_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    count = shown = 0
    for number in range(1, kills + 1):
        with Process(["app.py"], stores.folder, **simulated()) as app:
            if number % 4 == 0:  # while it starts
                shown = max(shown, kill_after(chance.uniform(0, START_S), app, stores))
                where = "while it started"
            else:
                eventually(lambda: shown_seq(stores) > count, "it goes on")  # noqa: B023
                require_rebuilt(app, told)
                shown = max(shown, kill_after(chance.uniform(0, RUN_S), app, stores))
                where = "while it recorded"
        before, count = count, told.require(shown=shown)
        tell(f"kill {number} {where}: {count:,} trades stored, {count - before:,} of them new")
    with Process(["app.py"], stores.folder, **simulated()) as app:
        eventually(lambda: shown_seq(stores) > count, "it goes on after the last kill")
        require_rebuilt(app, told)
        assert app.terminate() == 0
    count = told.require(shown=shown)
    assert count > kills * RATE / 10, "a fast market was recorded"
    tell(f"{kills} kills, {count:,} trades: none lost, none twice, every bar as from the market")


def test_killed_while_an_empty_store_is_filled(
    tmp_path: Path, kills: int, tell: Callable[[str], None]
) -> None:
    chance = random.Random(7)  # noqa: S311 - as above
    stores = Stores(tmp_path / "data")
    first = session_of(time.time_ns()) - PREFILL_SESSIONS
    told = Told(stores, Cursor(Source(SEED, SYMBOL, packets=False, rate=4.0), first))
    count = 0
    for number in range(1, max(2, kills // 10) + 1):
        with Process(["app.py"], stores.folder, **simulated(4.0)) as app:
            eventually(lambda: shown_seq(stores) > count, "the past is being written")  # noqa: B023
            shown = kill_after(chance.uniform(0, 0.5), app, stores)
        before, count = count, told.require(shown=shown)
        tell(f"kill {number}: {count:,} trades of the past stored, {count - before:,} of them new")
