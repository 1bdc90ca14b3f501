"""A process that records trades until it is killed, and says after each commit how far it is.

Run as ``python -m tests.storage.kill_writer STORE``. Continues where the store ends, as the ingest
leader does: the open minutes come from the stored trades.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from dashboard.domain.bars import Bars
from dashboard.domain.merge import merge
from dashboard.ports import IngestBatch, ResumePoint
from dashboard.storage.recorder import SqliteRecorder
from tests.storage.samples import BTC, OPEN, make_trades, minutes

STEP = 10**9 // 4
PER_CYCLE = 37


def run(path: Path) -> None:
    """Record for ever, 37 trades at a time, closing each minute when a later one begins."""
    recorder = SqliteRecorder(path)
    recorder.add_instrument(BTC)
    open_bars = minutes(recorder.open_trades(BTC.symbol))
    seq = recorder.last_seq(BTC.symbol)
    version = recorder.last_version()
    while True:
        trades = make_trades(PER_CYCLE, first_seq=seq + 1, start=OPEN, step=STEP)
        open_bars = merge(open_bars, minutes(trades))
        closed = open_bars.take(0, len(open_bars) - 1)
        open_bars = open_bars.take(len(closed), len(open_bars))
        version += 1
        seq += PER_CYCLE
        recorder.record(
            [
                IngestBatch(
                    BTC.symbol, trades, _stamped(closed, version), (), version, b"%d" % seq,
                    ResumePoint(seq, int(trades.event_ns[-1]), OPEN),
                )
            ]
        )  # fmt: skip
        print(seq, flush=True)  # noqa: T201 - the parent reads it


def _stamped(bars: Bars, version: int) -> Bars:
    return bars.with_columns(version=np.full(len(bars), version, dtype=np.int64))


if __name__ == "__main__":
    run(Path(sys.argv[1]))
