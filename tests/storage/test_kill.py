"""kill -9 at any moment: every commit that was reported stays, and the rest can be rebuilt."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dashboard.domain.merge import merge
from dashboard.ports import ResumePoint
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from tests.storage.kill_writer import PER_CYCLE, STEP
from tests.storage.samples import OPEN, assert_same_bars, assert_same_trades, make_trades, minutes

ROOT = Path(__file__).resolve().parents[2]


def run_and_kill(path: Path, lines: int, delay_s: float) -> int:
    """Kill a writer a moment after its n-th commit; return the last seq that it reported."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.storage.kill_writer", str(path)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        reported = [process.stdout.readline() for _ in range(lines)]
        timer = threading.Timer(delay_s, process.kill)
        timer.start()
        reported += process.stdout.readlines()
        timer.join()
    assert process.returncode == -signal.SIGKILL
    # The kill may have cut the last line short.
    return int([line for line in reported if line.endswith("\n")][-1])


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_nothing_committed_is_lost_and_the_rest_is_rebuilt(tmp_path: Path) -> None:
    path = tmp_path / "s.db"
    chance = random.Random(20240809)  # noqa: S311 - when to kill is no secret
    for _ in range(5):
        reported = run_and_kill(path, chance.randint(1, 12), chance.uniform(0, 0.03))
        history = SqliteHistory(path)
        trades = history.read_trades("BTC")
        # At most the one cycle that was committed but not reported any more.
        assert reported <= len(trades) <= reported + PER_CYCLE
        expected = make_trades(len(trades), step=STEP)
        assert_same_trades(trades, expected)
        recorder = SqliteRecorder(path)
        assert recorder.last_seq("BTC") == len(trades)
        assert recorder.ingest_state("BTC") == b"%d" % len(trades)
        assert recorder.resume_point("BTC") == ResumePoint(
            len(trades), int(trades.event_ns[-1]), OPEN
        )
        closed, still_open = history.read_bars("BTC"), minutes(recorder.open_trades("BTC"))
        assert len(closed) > 0
        assert not set(closed.ordinal.tolist()) & set(still_open.ordinal.tolist())
        whole = merge(closed, still_open)
        assert_same_bars(whole, minutes(expected).with_columns(version=whole.version))
        recorder.close()
        history.close()
