"""The bars of a view equal the bars aggregated from all trades, however they arrived."""

from __future__ import annotations

import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.merge import merge
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.series.sources import MinuteSeries, Series, TradeSeries, needs_trades
from tests.series.markets import (
    LEVEL,
    SECOND,
    START,
    SYMBOL,
    TICK,
    Market,
    assert_same,
    random_tape,
    tape_at,
)


def series_of(market: Market, recipe: BarSpec) -> Series:
    """Return the series that a view of these bars uses."""
    kind = TradeSeries if needs_trades(recipe, 60) else MinuteSeries
    return kind(market.history, SYMBOL, recipe, LEVEL, TICK, calendar_24x7(), None, None)


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


def test_a_reader_ahead_of_the_board_brings_the_bar_again_after_the_publish() -> None:
    market = Market(random_tape(count=80))
    series = series_of(market, BarSpec.parse("10t"))
    market.ingest(30)
    series.refresh(market.live())
    shown = market.live()
    market.store_trades(40)
    series.refresh(shown)  # read between commit and publish; the bar is full now
    # A browser that another process told version 40 of the board, and one that this one told 30:
    assert len(series.bars) == 4
    assert int(series.bars.version[-1]) > shown.version


def test_trades_read_while_the_board_was_lost_get_a_version_when_it_is_back() -> None:
    market = Market(random_tape(count=80))
    series = series_of(market, BarSpec.parse("10t"))
    market.ingest(30)
    series.refresh(market.live())
    market.store_trades(50)
    series.refresh(None)
    assert not series.is_open
    series.refresh(market.live())
    assert series.bars.version[-2:].tolist() == [50, 50]
    assert_same(
        series.bars, aggregate(market.trades, BarSpec.parse("10t"), calendar_24x7(), LEVEL)[0]
    )


def test_a_bar_that_appears_late_moves_positions_alike_for_all_readers() -> None:
    # The third bar of 30 seconds gets its only trade after the fourth one began.
    market = Market(tape_at(5, 35, 95, 65, 100))
    recipe = BarSpec.parse("30s")
    early = series_of(market, recipe)
    epochs = []
    for count in range(1, 6):
        market.ingest(count)
        early.refresh(market.live())
        late = series_of(market, recipe)
        late.refresh(market.live())
        assert early.layout_epoch == late.layout_epoch
        assert_same(early.bars, late.bars)
        epochs.append(early.layout_epoch)
    assert epochs == [0, 0, 0, 1, 1]


@pytest.mark.parametrize("counts", [(4,), (1, 2, 3, 4), (2, 4)])
def test_volume_missed_in_a_gap_is_in_bars_of_trades_too(counts: tuple[int, ...]) -> None:
    gaps = [
        Gap(SYMBOL, START + 10 * SECOND, START + 70 * SECOND, 500, 250_000, "line lost"),
        Gap(SYMBOL, START + 80 * SECOND, START + 118 * SECOND, 40, 250_000, "line lost"),
    ]
    market = Market(tape_at(5, 35, 75, 119), gaps)
    series, minutes = (
        series_of(market, BarSpec.parse("30s")),
        series_of(market, BarSpec.parse("1m")),
    )
    for count in counts:
        market.ingest(count)
        series.refresh(market.live())
        minutes.refresh(market.live())
        for total in ("unattributed_volume", "volume"):
            assert getattr(series.bars, total).sum() == getattr(minutes.bars, total).sum()
    assert series.bars.unattributed_volume.tolist() == [0, 0, 500, 40]
    assert series.bars.gap.tolist() == [False, False, True, True]


def test_bars_that_are_not_time_count_no_gap() -> None:
    gap = Gap(SYMBOL, START, START + 20 * SECOND, 500, 250_000, "line lost")
    market = Market(tape_at(5, 35, 75), [gap])
    series = series_of(market, BarSpec.parse("2t"))
    market.ingest(3)
    series.refresh(market.live())
    assert series.bars.volume.sum() == market.trades.size.sum()
