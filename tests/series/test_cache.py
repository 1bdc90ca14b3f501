"""The series of a process: shared, read in steps, bounded, and void when the store has changed."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BarOrigin, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.trade import Trades
from dashboard.errors import InstrumentUnknownError, ViewNotPossibleError
from dashboard.series import cache
from dashboard.series.cache import SeriesCache
from dashboard.series.sources import MinuteSeries, TradeSeries, needs_trades
from tests.fakes import FakeHistory
from tests.series.markets import (
    DAY,
    LEVEL,
    START,
    SYMBOL,
    TICK,
    Market,
    assert_same,
    random_tape,
    tape_at,
)

MINUTES, TRADES = BarSpec.parse("5m"), BarSpec.parse("40t")


class CountingHistory(FakeHistory):
    """A history that notes what it is asked for."""

    def __init__(self, market: Market) -> None:
        super().__init__(market.store)
        self.rows: list[int] = []

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        trades = super().read_trades(
            symbol, first_session_ns, last_session_ns, after_seq=after_seq, limit=limit
        )
        self.rows.append(len(trades))
        return trades

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        bars = super().read_bars(
            symbol, first_session_ns, last_session_ns, after_version=after_version
        )
        self.rows.append(len(bars))
        return bars


def days(*counts: int) -> Trades:
    """Return so many trades on each of some days, three a minute."""
    parts = [
        tape_at(*(20 * place for place in range(count)), start_ns=START + day * DAY)
        for day, count in enumerate(counts)
    ]
    joined = Trades.concat(parts)
    return joined.replace(seq=np.arange(1, len(joined) + 1))


def session_of(day: int) -> int:
    return START + day * DAY


def cache_of(market: Market, limit_bytes: int = cache.CACHE_BYTES) -> SeriesCache:
    return SeriesCache(market.history, market.board, limit_bytes)


def rebuilt(market: Market, spec: BarSpec) -> Bars:
    return aggregate(market.trades, spec, calendar_24x7(), LEVEL, tick_size=TICK)[0]


@pytest.mark.parametrize("spec", [MINUTES, TRADES])
def test_viewers_of_one_view_share_what_was_read(spec: BarSpec) -> None:
    market = Market(random_tape(count=900))
    history = CountingHistory(market)
    series = SeriesCache(history, market.board)
    market.ingest(800)
    first = series.live_snapshot(SYMBOL, spec, LEVEL)
    before = len(market.store.bars[SYMBOL])
    history.rows.clear()
    market.ingest(810)
    for _ in range(3):
        again = series.live_snapshot(SYMBOL, spec, LEVEL)
    assert len(again.bars) >= len(first.bars)
    assert_same(again.bars, rebuilt(market, spec))
    # What is new was read once: ten trades, or the minutes that they closed.
    closed = len(market.store.bars[SYMBOL])
    assert sum(history.rows) == (10 if spec is TRADES else closed - before)


def test_a_live_view_begins_a_session_back_and_keeps_its_anchor() -> None:
    market = Market(days(30, 30, 30, 30))
    series = cache_of(market)
    market.ingest(90)
    fresh = series.live_snapshot(SYMBOL, MINUTES, LEVEL)
    assert fresh.anchor_session_ns == session_of(1)
    # The next session begins; the page that stands keeps its positions, a new one starts later.
    market.ingest(91)
    kept = series.live_snapshot(SYMBOL, MINUTES, LEVEL, fresh.anchor_session_ns)
    assert kept.anchor_session_ns == session_of(1)
    assert kept.bars.keys[: len(fresh.bars)].tolist() == fresh.bars.keys.tolist()
    assert series.live_snapshot(SYMBOL, MINUTES, LEVEL).anchor_session_ns == session_of(2)
    # An anchor that is no stored session counts as none.
    other = series.live_snapshot(SYMBOL, MINUTES, LEVEL, 12345)
    assert other.anchor_session_ns == session_of(2)


def test_a_live_view_of_too_many_bars_begins_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MAX_BARS", 12)
    market = Market(days(30, 30))
    market.ingest(60)
    series = cache_of(market)
    one = BarSpec.parse("1m")
    whole = series.live_snapshot(SYMBOL, MINUTES, LEVEL)
    assert (whole.anchor_session_ns, len(whole.bars)) == (session_of(0), 4)
    cut = series.live_snapshot(SYMBOL, one, LEVEL, session_of(0))
    assert (cut.anchor_session_ns, len(cut.bars)) == (session_of(1), 10)
    # The newest session is shown whatever it holds.
    monkeypatch.setattr(cache, "MAX_BARS", 3)
    assert len(series.live_snapshot(SYMBOL, one, LEVEL).bars) == 10


@pytest.mark.parametrize("spec", [MINUTES, TRADES])
def test_a_stored_view_has_its_sessions_and_nothing_that_forms(spec: BarSpec) -> None:
    market = Market(days(30, 30, 30))
    market.ingest(90)
    found = cache_of(market).stored_snapshot(SYMBOL, spec, LEVEL, session_of(1), session_of(2))
    inside = market.trades.take(slice(30, 90))
    assert_same(found.bars, aggregate(inside, spec, calendar_24x7(), LEVEL, tick_size=TICK)[0])
    assert (found.live, found.status, found.is_open) == (None, None, False)
    assert found.previous_close == int(market.trades.price[59])


def test_what_came_before_the_view_is_known() -> None:
    market = Market(days(30, 30, 30))
    market.ingest(90)
    series = cache_of(market)
    snapshot = series.stored_snapshot(SYMBOL, MINUTES, LEVEL, session_of(1), session_of(1))
    first_day, _ = aggregate(market.trades.take(slice(30)), MINUTES, calendar_24x7(), LEVEL)
    assert snapshot.previous_levels.sum() == first_day.volume.sum()
    assert snapshot.previous_close == int(market.trades.price[29])
    oldest = series.stored_snapshot(SYMBOL, MINUTES, LEVEL, session_of(0), session_of(0))
    assert (len(oldest.previous_levels), oldest.previous_close) == (0, None)


@pytest.mark.parametrize("spec", ["5m", "7t"])
def test_a_view_that_begins_later_knows_the_same_levels_before_it(spec: str) -> None:
    # The imbalance minimum comes from them: live and history must mark the same cells.
    market = Market(days(30, 30))
    market.ingest(60)
    series, recipe = cache_of(market), BarSpec.parse(spec)
    both = series.stored_snapshot(SYMBOL, recipe, LEVEL, session_of(0), session_of(1)).bars
    later = series.stored_snapshot(SYMBOL, recipe, LEVEL, session_of(1), session_of(1))
    inside = both.select(both.session_ns == session_of(0)).level_volume
    assert later.previous_levels.tolist() == inside.tolist()


@pytest.mark.parametrize("spec", [MINUTES, TRADES])
def test_a_changed_generation_voids_what_was_read(spec: BarSpec) -> None:
    market = Market(days(30, 30))
    market.ingest(60)
    series = cache_of(market)
    before = series.live_snapshot(SYMBOL, spec, LEVEL)
    # An import replaced the tape: without a new generation nobody would look at old trades again.
    market.tape = days(20, 40)
    market.ingest(60)
    market.store.generation += 1
    after = series.live_snapshot(SYMBOL, spec, LEVEL)
    assert after.generation == before.generation + 1
    assert_same(after.bars, rebuilt(market, spec))


@pytest.mark.parametrize("texts", [("40t", "41t", "42t"), ("1m", "2m", "3m")])
def test_the_least_recently_used_series_go_first(texts: tuple[str, ...]) -> None:
    market = Market(random_tape(count=600))
    history = CountingHistory(market)
    market.ingest(600)
    specs = [BarSpec.parse(text) for text in texts]
    sizes = [size_of(market, spec) for spec in specs]
    series = SeriesCache(history, market.board, sizes[1] + sizes[2] + min(sizes) // 2)

    def rereads(spec: BarSpec) -> bool:
        history.rows.clear()
        series.live_snapshot(SYMBOL, spec, LEVEL)
        return sum(history.rows) > 0

    assert [rereads(spec) for spec in specs] == [True, True, True]
    assert not rereads(specs[2])
    assert not rereads(specs[1])
    assert rereads(specs[0])  # the first one had to make room
    # A view larger than all room is kept while it is looked at.
    tiny = SeriesCache(history, market.board, 1)
    tiny.live_snapshot(SYMBOL, specs[0], LEVEL)
    history.rows.clear()
    tiny.live_snapshot(SYMBOL, specs[0], LEVEL)
    assert sum(history.rows) == 0


def size_of(market: Market, spec: BarSpec) -> int:
    """Return the bytes that a series holds."""
    kind = TradeSeries if needs_trades(spec, 60) else MinuteSeries
    series = kind(market.history, SYMBOL, spec, LEVEL, TICK, calendar_24x7(), None, None)
    series.refresh(market.live())
    return series.nbytes


def test_bars_that_need_trades_are_refused_where_a_session_has_none() -> None:
    market = Market(days(30, 30))
    market.ingest(60)
    kept = market.store.trades[SYMBOL]
    market.store.trades[SYMBOL] = kept.take(slice(30, None))
    series = cache_of(market)
    with pytest.raises(ViewNotPossibleError) as refused:
        series.stored_snapshot(SYMBOL, TRADES, LEVEL, session_of(0), session_of(1))
    assert "40t bars need single trades" in refused.value.user_text
    assert "2025-06-16" in refused.value.user_text
    later = series.stored_snapshot(SYMBOL, TRADES, LEVEL, session_of(1), session_of(1))
    assert later.bars.trades.sum() == 30


def test_a_live_view_begins_after_a_session_whose_trades_are_deleted() -> None:
    market = Market(days(30, 30))
    market.ingest(60)
    series = cache_of(market)
    whole = series.live_snapshot(SYMBOL, TRADES, LEVEL)
    assert (whole.anchor_session_ns, whole.bars.trades.sum()) == (session_of(0), 60)
    market.store.trades[SYMBOL] = market.trades.take(slice(30, None))
    market.store.generation += 1
    left = series.live_snapshot(SYMBOL, TRADES, LEVEL, session_of(0))
    assert (left.anchor_session_ns, left.bars.trades.sum()) == (session_of(1), 30)
    # Minutes need no trades, and are all there.
    assert series.live_snapshot(SYMBOL, MINUTES, LEVEL).bars.trades.sum() == 60


def test_coarser_base_bars_are_combined_and_never_cut() -> None:
    market = Market(days(60))
    market.ingest(60)
    made, _ = aggregate(market.trades, MINUTES, calendar_24x7(), TICK)
    coarse = made.with_columns(version=np.zeros(len(made), np.int64))
    origin = BarOrigin(interval_s=300)
    coarse = Bars(**{name: getattr(coarse, name) for name in coarse.__slots__} | {"origin": origin})
    rows = {int(coarse.keys[row]): coarse.take(row, row + 1) for row in range(len(coarse))}
    market.store.bars[SYMBOL], market.store.trades[SYMBOL] = rows, Trades.empty()
    series = cache_of(market)
    first = session_of(0)
    longer = series.stored_snapshot(SYMBOL, BarSpec.parse("10m"), LEVEL, first, first)
    assert len(longer.bars) == 2
    assert longer.bars.volume.sum() == coarse.volume.sum()
    for finer in ("1m", "7m"):
        with pytest.raises(ViewNotPossibleError, match=f"{finer} bars need single trades"):
            series.stored_snapshot(SYMBOL, BarSpec.parse(finer), LEVEL, first, first)


def test_an_unknown_instrument_is_named_beside_the_known_ones() -> None:
    market = Market(days(3))
    with pytest.raises(InstrumentUnknownError, match=r"'Y'\. Known: X\."):
        cache_of(market).live_snapshot("Y", MINUTES, LEVEL)


@pytest.mark.parametrize("spec", [MINUTES, TRADES])
def test_an_instrument_without_data_has_no_bars(spec: BarSpec) -> None:
    market = Market(days(3))
    snapshot = cache_of(market).live_snapshot(SYMBOL, spec, LEVEL)
    assert (len(snapshot.bars), snapshot.version, snapshot.is_open) == (0, 0, False)
    market.ingest(3)
    assert len(cache_of(market).live_snapshot(SYMBOL, spec, LEVEL).bars) == 1


def test_many_readers_at_once_see_whole_bars_while_the_market_goes_on() -> None:
    market = Market(random_tape(count=1_500))
    market.ingest(500)
    series = cache_of(market)
    specs = [BarSpec.parse(text) for text in ("1m", "5m", "40t", "700v")]
    faults: list[BaseException] = []
    ended = threading.Event()

    def read(own: Sequence[BarSpec]) -> None:
        seen = 0
        try:
            while not ended.is_set() or not seen:
                for spec in own:
                    bars = series.live_snapshot(SYMBOL, spec, LEVEL).bars
                    assert bars.level_volume.sum() == bars.volume.sum()
                    assert (np.diff(bars.keys) > 0).all()
                    seen += 1
        except BaseException as error:  # noqa: BLE001 - told to the test's own thread
            faults.append(error)

    readers = [threading.Thread(target=read, args=(specs[i % 2 :],)) for i in range(4)]
    for reader in readers:
        reader.start()
    for count in range(510, 1_500, 10):
        market.ingest(count)
    ended.set()
    for reader in readers:
        reader.join()
    assert not faults
    for spec in specs:
        assert_same(series.live_snapshot(SYMBOL, spec, LEVEL).bars, rebuilt(market, spec))
