"""Small trades, bars and stores that the storage tests share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, Bars, bar_fields
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.quote import Gap
from dashboard.domain.trade import NO_PRICE, TRADE_DTYPE, Trades
from dashboard.ports import IngestBatch, ResumePoint

DAY = 86_400 * 10**9
MIN = 60 * 10**9
OPEN = 1_723_161_600_000_000_000
"""A session's open in the 24x7 calendar: 9 August 2024, 00:00 UTC."""

BTC = Instrument("BTC", calendar="24x7", price_scale=10, tick_size=1)


def make_trades(count: int, *, start: int = OPEN, first_seq: int = 1, step: int = 10**9) -> Trades:
    """Return trades that are a pure function of their seq, one every `step` ns."""
    seq = np.arange(first_seq, first_seq + count, dtype=np.int64)
    price = 618_000 + seq * 7919 % 61
    quoted = seq % 5 != 0
    return Trades.build(
        seq=seq,
        event_ns=start + (seq - 1) * step,
        receive_ns=start + (seq - 1) * step - 1_300_000_000,
        price=price,
        size=1 + seq * 31 % 17,
        side=seq % 3 - 1,
        rule=seq % 6,
        bid=np.where(quoted, price - 1, NO_PRICE),
        ask=np.where(quoted, price + 1, NO_PRICE),
        source_seq=seq * 2,
    )


def minutes(trades: Trades, version: int = 1) -> Bars:
    """Return the base minutes of trades."""
    bars, _ = aggregate(trades, MINUTE, calendar_24x7(), BTC.tick_size)
    return bars.with_columns(version=np.full(len(bars), version, dtype=np.int64))


def batch(
    trades: Trades | None = None,
    bars: Bars | None = None,
    *,
    version: int = 1,
    gaps: Sequence[Gap] = (),
    state: bytes = b"",
    resume: ResumePoint | None = None,
    symbol: str = "BTC",
) -> IngestBatch:
    """Return one instrument's batch with what the test cares about."""
    return IngestBatch(
        symbol,
        Trades.empty() if trades is None else trades,
        bars,
        gaps,
        version,
        state,
        resume or ResumePoint(),
    )


def assert_same_bars(a: Bars, b: Bars) -> None:
    """Fail with the column in which two sets of bars differ."""
    assert (a.spec, a.level_size) == (b.spec, b.level_size)
    for name in bar_fields():
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def assert_same_trades(a: Trades, b: Trades, *, but: Sequence[str] = ()) -> None:
    """Fail with the column in which two tapes differ."""
    for name in TRADE_DTYPE.names or ():
        if name not in but:
            np.testing.assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def write_csv(path: Path, *rows: str, header: str = "ts_ns,price,qty,side,bid,ask,id") -> Path:
    """Write a small trade file and return its path."""
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8")
    return path
