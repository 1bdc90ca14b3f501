"""The wall clock."""

from __future__ import annotations

import time

from dashboard.ingest.clock import SystemClock


def test_the_clock_shows_utc_and_waits() -> None:
    clock = SystemClock()
    before = time.time_ns()
    clock.sleep(0.02)
    clock.sleep(-1)
    now = clock.now_ns()
    assert before + 15_000_000 <= now <= time.time_ns()
