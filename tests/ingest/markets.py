"""Small markets for ingest tests: instruments, tapes, packets, and what they should become."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import fields

import numpy as np
from numpy.testing import assert_array_equal

from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import MINUTE, Bars, bar_fields
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode
from dashboard.domain.merge import merge
from dashboard.domain.quote import BookLevel, Gap, Quote
from dashboard.domain.trade import Trades
from dashboard.ingest.status import StatusReporter
from tests.fakes import FakeBoard, FakeStore, ManualClock

SECOND = 1_000_000_000
MINUTE_NS = 60 * SECOND
DAY = 86_400 * SECOND
START = 20_000 * DAY + 10 * 3600 * SECOND
NIFTY = Instrument("SIM:NIFTY", calendar="24x7", tick_size=10, lot_size=75, simulated=True)
BANK = Instrument("SIM:BANKNIFTY", calendar="24x7", tick_size=20, lot_size=35, simulated=True)


def tape(
    count: int, seed: int = 1, *, start_ns: int = START, step_s: float = 7.0, jitter_s: float = 0.0
) -> Trades:
    """Return trades in arrival order; with jitter some come after others of a later time."""
    rng = np.random.default_rng(seed)
    gaps = rng.exponential(step_s * SECOND, count).astype(np.int64)
    event = start_ns + np.cumsum(gaps) + rng.integers(0, int(jitter_s * SECOND) + 1, count)
    return Trades.build(
        event_ns=event,
        receive_ns=event + 1_000_000,
        price=2_490_000 + 10 * np.cumsum(rng.integers(-2, 3, count)),
        size=rng.integers(1, 9, count) * 75,
        side=rng.integers(-1, 2, count),
        rule=rng.integers(0, 6, count),
        source_seq=np.arange(1, count + 1),
    )


def packet(
    seq: int, second: float, price: int, volume: int, symbol: str = NIFTY.symbol, spread: int = 10
) -> Quote:
    """Return a snapshot `second` after START; the book stands one spread around the price."""
    event_ns = START + round(second * SECOND)
    return Quote(
        symbol=symbol,
        event_ns=event_ns,
        receive_ns=event_ns + 1_000_000,
        last_price=price,
        last_size=75,
        day_volume=volume,
        bids=(BookLevel(price - spread, 75, 1),),
        asks=(BookLevel(price, 150, 2),),
        source_seq=seq,
    )


def minutes_of(trades: Trades, gaps: Sequence[Gap] = (), tick: int = 10) -> Bars:
    """Return all base minutes of a whole tape at once: what the pipeline must come to."""
    numbered = trades.replace(seq=np.arange(1, len(trades) + 1))
    bars, _ = aggregate(numbered, MINUTE, calendar_24x7(), tick)
    return merge(gap_bars(gaps, MINUTE, calendar_24x7(), tick), bars) if gaps else bars


def minutes_in(store: FakeStore, board: FakeBoard, symbol: str = NIFTY.symbol) -> Bars:
    """Return what a reader sees: stored minutes and the open ones on the board, none twice."""
    state = board.read(symbol)
    assert state is not None
    stored = store.all_bars(symbol)
    if stored is None:
        return state.open_bars
    assert not set(stored.keys.tolist()) & set(state.open_bars.keys.tolist())
    return merge(stored, state.open_bars)


def assert_same_bars(a: Bars, b: Bars) -> None:
    """Fail unless all columns but the version are equal."""
    for name in bar_fields():
        if name != "version":
            assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name)


def assert_same_trades(a: Trades, b: Trades) -> None:
    """Fail unless all columns but the store's number are equal."""
    for field in fields(Trades):
        if field.name != "seq":
            assert_array_equal(getattr(a, field.name), getattr(b, field.name), err_msg=field.name)


def reporter(board: FakeBoard, clock: ManualClock) -> StatusReporter:
    """Return a status reporter of a simulated feed that logs as the worker's does."""
    return StatusReporter(board, clock, logging.getLogger("tests.ingest"), FeedMode.SIMULATED)
