"""The bars of a view equal the bars aggregated from all trades, however they arrived."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BAR_COLUMNS, LEVEL_COLUMNS, MINUTE, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import LiveState
from dashboard.domain.merge import merge
from dashboard.domain.provenance import Provenance
from dashboard.domain.trade import Trades
from dashboard.series.sources import MinuteSeries, Series, TradeSeries, needs_trades
from tests.fakes import FakeHistory, FakeStore

DAY = 86_400_000_000_000
START = 1_750_032_000_000_000_000
TICK, LEVEL = 10, 20
NOT_COMPARED = {"version"}


class Market:
    """A store and the live state beside it, after some of a tape was ingested."""

    def __init__(self, tape: Trades) -> None:
        self.tape = tape
        self.store = FakeStore(instruments={"X": Instrument("X", calendar="24x7", tick_size=TICK)})
        self.history = FakeHistory(self.store)
        self.open = Bars.empty(MINUTE, TICK)
        self.trades = tape.take(slice(0, 0))

    def ingest(self, count: int) -> None:
        """Store the first trades of the tape; all their minutes but the last one are closed."""
        self.trades = self.tape.take(slice(0, count))
        bars, _ = aggregate(self.trades, MINUTE, calendar_24x7(), TICK)
        # The version of a minute is the number of trades when it last changed.
        bars = bars.with_columns(version=bars.last_seq)
        closed = max(len(bars) - 1, 0)
        rows = {int(bars.keys[row]): bars.take(row, row + 1) for row in range(closed)}
        self.open = bars.take(closed, len(bars))
        self.store.trades["X"], self.store.bars["X"] = self.trades, rows

    def live(self) -> LiveState:
        count = len(self.trades)
        return LiveState(
            symbol="X", version=count, trade_seq=count, receive_ns=0,
            session_ns=int(self.open.session_ns[-1]), open_bars=self.open,
            quote=None, last_price=0, provenance=Provenance(),
        )  # fmt: skip


def series_of(market: Market, recipe: BarSpec) -> Series:
    """Return the series that a view of these bars uses."""
    kind = TradeSeries if needs_trades(recipe, 60) else MinuteSeries
    return kind(market.history, "X", recipe, LEVEL, TICK, calendar_24x7(), None, None)


def random_tape(seed: int = 3, count: int = 3_000) -> Trades:
    """Return trades over two sessions with quiet minutes, unknown sides and repeated times."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(count) < 0.02, 400, rng.exponential(12, count)) * 1e9
    event = START + DAY - 3 * 3600 * 10**9 + np.cumsum(steps.astype(np.int64))
    return Trades.build(
        event_ns=event,
        price=250_000 + TICK * np.cumsum(rng.integers(-2, 3, count)),
        size=rng.integers(1, 50, count),
        side=rng.integers(-1, 2, count),
        seq=np.arange(1, count + 1),
    )


def assert_same(got: Bars, wanted: Bars) -> None:
    assert len(got) == len(wanted)
    np.testing.assert_array_equal(got.offsets, wanted.offsets)
    for name in (*BAR_COLUMNS, *LEVEL_COLUMNS):
        if name not in NOT_COMPARED:
            np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)


@pytest.mark.parametrize("spec", ["1m", "5m", "75m", "30s", "40t", "700v", "6r", "90delta"])
def test_live_bars_equal_bars_made_from_all_trades(spec: str) -> None:
    market = Market(random_tape())
    recipe = BarSpec.parse(spec)
    calendar = calendar_24x7()
    series = series_of(market, recipe)
    for count in (1, 7, 350, 351, 1200, 2999, 3000):
        market.ingest(count)
        series.refresh(market.live())
        wanted, _ = aggregate(market.trades, recipe, calendar, LEVEL, tick_size=TICK)
        assert_same(series.bars, wanted)
    assert series.is_open


@pytest.mark.parametrize("spec", ["1m", "5m", "40t"])
def test_history_without_a_feed_holds_the_minute_that_never_closed(spec: str) -> None:
    market = Market(random_tape())
    market.ingest(2_000)
    recipe = BarSpec.parse(spec)
    calendar = calendar_24x7()
    series = series_of(market, recipe)
    series.refresh(None)
    wanted, _ = aggregate(market.trades, recipe, calendar, LEVEL, tick_size=TICK)
    assert_same(series.bars, wanted)


def test_a_stored_minute_that_changed_late_replaces_its_older_self() -> None:
    tape = random_tape(count=500)
    late = tape.take(slice(100, 101)).replace(seq=[501], size=[77])
    market = Market(Trades.concat([tape, late]))
    series = series_of(market, BarSpec.parse("5m"))
    market.ingest(500)
    series.refresh(market.live())
    market.ingest(501)
    series.refresh(market.live())
    wanted, _ = aggregate(market.trades, BarSpec.parse("5m"), calendar_24x7(), LEVEL)
    assert_same(series.bars, wanted)


def test_two_thirds_of_an_hour_need_no_trades_but_half_a_minute_does() -> None:
    assert not needs_trades(BarSpec.parse("40m"), 60)
    assert needs_trades(BarSpec.parse("30s"), 60)
    assert needs_trades(BarSpec.parse("90s"), 60)
    assert needs_trades(BarSpec.parse("7m"), 300)
    assert needs_trades(BarSpec.parse("10t"), 60)


def test_fragments_join_whatever_their_cut() -> None:
    tape = random_tape(count=400)
    calendar, recipe = calendar_24x7(), BarSpec.parse("30s")
    first, carry = aggregate(tape.take(slice(0, 133)), recipe, calendar, LEVEL)
    second, _ = aggregate(tape.take(slice(133, 400)), recipe, calendar, LEVEL, carry)
    wanted, _ = aggregate(tape, recipe, calendar, LEVEL)
    assert_same(merge(first, second), wanted)
