"""The bars of a view equal the bars aggregated from all trades, however they arrived."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BAR_COLUMNS, LEVEL_COLUMNS, MINUTE, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.livestate import LiveState
from dashboard.domain.merge import merge
from dashboard.domain.provenance import Provenance
from dashboard.domain.trade import Trades
from dashboard.series.sources import MinuteSeries, TradeSeries, needs_trades

DAY = 86_400_000_000_000
START = 1_750_032_000_000_000_000
TICK, LEVEL = 10, 20
NOT_COMPARED = {"version"}


class Store:
    """Trades and closed minutes as a store would hold them after some of the tape was ingested."""

    def __init__(self, tape: Trades) -> None:
        self.tape = tape
        self.count = 0
        self.late: list[int] = []

    @property
    def trades(self) -> Trades:
        return self.tape.take(slice(0, self.count))

    def _minutes(self) -> tuple[Bars, int]:
        """Return all minutes ingested so far and how many of them are closed."""
        bars, _ = aggregate(self.trades, MINUTE, calendar_24x7(), TICK)
        # The version of a minute is the number of trades when it last changed.
        bars = bars.with_columns(version=bars.last_seq)
        return bars, max(len(bars) - 1, 0)

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        bars, closed = self._minutes()
        bars = bars.take(0, closed)
        return bars.select(bars.version > after_version)

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        return self.trades.take(self.trades.seq > after_seq)

    def open_trades(self, symbol: str) -> Trades:
        bars, closed = self._minutes()
        start = bars.start_ns[closed] if closed < len(bars) else np.iinfo(np.int64).max
        return self.trades.take(self.trades.event_ns >= start)

    def live(self) -> LiveState:
        bars, closed = self._minutes()
        return LiveState(
            symbol="X", version=self.count, trade_seq=self.count, receive_ns=0,
            session_ns=int(bars.session_ns[-1]), open_bars=bars.take(closed, len(bars)),
            quote=None, last_price=0, provenance=Provenance(),
        )  # fmt: skip


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
    store = Store(random_tape())
    recipe = BarSpec.parse(spec)
    calendar = calendar_24x7()
    series = (
        TradeSeries(store, "X", recipe, LEVEL, TICK, calendar, None, None)
        if needs_trades(recipe, 60)
        else MinuteSeries(store, "X", recipe, LEVEL, TICK, calendar, None, None)
    )
    for count in (1, 7, 350, 351, 1200, 2999, 3000):
        store.count = count
        series.refresh(store.live())
        wanted, _ = aggregate(store.trades, recipe, calendar, LEVEL, tick_size=TICK)
        assert_same(series.bars, wanted)
    assert series.is_open


@pytest.mark.parametrize("spec", ["1m", "5m", "40t"])
def test_history_without_a_feed_holds_the_minute_that_never_closed(spec: str) -> None:
    store = Store(random_tape())
    store.count = 2_000
    recipe = BarSpec.parse(spec)
    calendar = calendar_24x7()
    series = (
        TradeSeries(store, "X", recipe, LEVEL, TICK, calendar, None, None)
        if needs_trades(recipe, 60)
        else MinuteSeries(store, "X", recipe, LEVEL, TICK, calendar, None, None)
    )
    series.refresh(None)
    wanted, _ = aggregate(store.trades, recipe, calendar, LEVEL, tick_size=TICK)
    assert_same(series.bars, wanted)


def test_a_stored_minute_that_changed_late_replaces_its_older_self() -> None:
    tape = random_tape(count=500)
    late = tape.take(slice(100, 101)).replace(seq=[501], size=[77])
    store = Store(Trades.concat([tape, late]))
    series = MinuteSeries(store, "X", BarSpec.parse("5m"), LEVEL, TICK, calendar_24x7(), None, None)
    store.count = 500
    series.refresh(store.live())
    store.count = 501
    series.refresh(store.live())
    wanted, _ = aggregate(store.trades, BarSpec.parse("5m"), calendar_24x7(), LEVEL)
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
