from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.trade import SideRule
from dashboard.errors import InstrumentUnknownError, StoreError, ViewNotPossibleError
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from tests.storage.samples import (
    BTC,
    DAY,
    OPEN,
    assert_same_bars,
    assert_same_trades,
    batch,
    make_trades,
    minutes,
)

TRADES = make_trades(300, step=DAY // 100)  # three sessions of 100


@pytest.fixture
def store(tmp_path: Path) -> Path:
    recorder = SqliteRecorder(tmp_path / "s.db", durable=False)
    recorder.add_instrument(BTC)
    recorder.add_instrument(replace(BTC, symbol="ALPHA"))
    recorder.record([batch(TRADES, minutes(TRADES))])
    recorder.close()
    return tmp_path / "s.db"


def test_a_store_may_appear_later(tmp_path: Path) -> None:
    history = SqliteHistory(tmp_path / "s.db")
    with pytest.raises(StoreError, match=r"no .*s\.db"):
        history.generation()
    SqliteRecorder(tmp_path / "s.db").close()
    assert history.generation() == 0


def test_instruments_come_by_symbol(store: Path) -> None:
    history = SqliteHistory(store)
    assert [i.symbol for i in history.instruments()] == ["ALPHA", "BTC"]
    assert history.find_instrument("BTC") == BTC
    assert history.find_instrument("btc") is None
    assert history.calendar("BTC") == calendar_24x7()
    with pytest.raises(InstrumentUnknownError) as caught:
        history.calendar("NONE")
    assert caught.value.known == ("ALPHA", "BTC")


def test_an_unknown_symbol_has_nothing(store: Path) -> None:
    history = SqliteHistory(store)
    assert history.sessions("NONE") == []
    assert len(history.read_bars("NONE")) == len(history.read_trades("NONE")) == 0
    assert history.read_gaps("NONE", OPEN) == []


def test_an_instrument_without_data_has_empty_bars_at_its_tick(store: Path) -> None:
    bars = SqliteHistory(store).read_bars("ALPHA")
    assert (len(bars), bars.level_size, bars.origin.interval_s) == (0, 1, 60)


@pytest.mark.parametrize(
    ("first", "last", "rows"),
    [
        (None, None, slice(0, 300)),
        (OPEN + DAY, None, slice(100, 300)),
        (None, OPEN + DAY, slice(0, 200)),
        (OPEN + DAY, OPEN + DAY, slice(100, 200)),
        (OPEN + 7 * DAY, None, slice(300, 300)),
    ],
)
def test_sessions_bound_bars_and_trades(
    store: Path, first: int | None, last: int | None, rows: slice
) -> None:
    history = SqliteHistory(store)
    assert_same_trades(history.read_trades("BTC", first, last), TRADES.take(rows))
    assert_same_bars(history.read_bars("BTC", first, last), minutes(TRADES.take(rows)))


def test_trades_are_read_on_from_a_number(store: Path) -> None:
    history = SqliteHistory(store)
    assert history.read_trades("BTC", after_seq=298).seq.tolist() == [299, 300]
    assert history.read_trades("BTC", after_seq=150, limit=2).seq.tolist() == [151, 152]
    assert history.read_trades("BTC", OPEN + DAY, after_seq=20).seq[0] == 101
    assert len(history.read_trades("BTC", after_seq=300)) == 0


def test_volume_is_told_by_the_rule_that_decided_the_side(store: Path) -> None:
    history = SqliteHistory(store)
    for first, rows in ((None, TRADES), (OPEN + DAY, TRADES.take(slice(100, 300)))):
        expected = tuple(int(rows.size[rows.rule == rule].sum()) for rule in SideRule)
        assert history.read_volume_by_rule("BTC", first, None) == expected
    assert history.read_volume_by_rule("NONE", None, None) == (0,) * len(SideRule)


def test_sessions_of_different_ticks_read_at_the_common_one(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "s.db", durable=False)
    for day, tick in enumerate((10, 4)):
        recorder.add_instrument(replace(BTC, tick_size=tick))
        trades = make_trades(50, start=OPEN + day * DAY - day * 50 * 10**9, first_seq=1 + 50 * day)
        trades = trades.replace(price=trades.price // tick * tick)
        recorder.record([batch(trades, replace(minutes(trades), level_size=tick))])
    recorder.close()
    history = SqliteHistory(tmp_path / "s.db")
    assert history.read_bars("BTC").level_size == 2
    assert history.read_bars("BTC", OPEN, OPEN).level_size == 10
    assert [s.level_size for s in history.sessions("BTC")] == [10, 4]


def test_bars_of_different_origin_are_not_read_together(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "s.db", durable=False)
    recorder.add_instrument(BTC)
    recorder.record([batch(bars=minutes(make_trades(9)))])
    other = minutes(make_trades(9, start=OPEN + DAY))
    labels = replace(other.origin, level_anchor="nearest", ohlc_exact=False)
    recorder.record([batch(bars=replace(other, origin=labels))])
    recorder.close()
    history = SqliteHistory(tmp_path / "s.db")
    with pytest.raises(ViewNotPossibleError, match="2024-08-09 and 2024-08-10"):
        history.read_bars("BTC")
    assert not history.read_bars("BTC", OPEN + DAY).origin.ohlc_exact
    assert [s.origin.level_anchor for s in history.sessions("BTC")] == ["floor", "nearest"]


def test_what_a_source_cannot_know_is_null_in_the_file(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "s.db", durable=False)
    recorder.add_instrument(BTC)
    bars = minutes(make_trades(9))
    absent = frozenset({"trades", "min_delta", "vwap"})
    recorder.record([batch(bars=replace(bars, origin=replace(bars.origin, absent=absent)))])
    row = recorder._db.execute(
        "SELECT trades, min_delta, min_delta_nz, vwap_ref, vwap_m2, max_delta IS NULL FROM bars"
    ).fetchone()
    assert row == (None, None, None, None, None, 0)
    recorder.close()
    stored = SqliteHistory(tmp_path / "s.db").read_bars("BTC")
    assert stored.origin.absent == absent
    assert stored.trades.tolist() == stored.vwap_ref.tolist() == [0]


def test_each_thread_has_its_own_connection(store: Path) -> None:
    history = SqliteHistory(store)
    counts: list[int] = []

    def read() -> None:
        counts.extend(len(history.read_trades("BTC")) for _ in range(5))
        history.close()

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [300] * 20


def test_a_closed_history_opens_again(store: Path) -> None:
    history = SqliteHistory(store)
    history.close()
    assert len(history.read_trades("BTC")) == 300
    history.close()
    assert len(history.read_trades("BTC")) == 300


def test_a_connection_is_not_used_in_another_process(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    history = SqliteHistory(store)
    history.generation()
    parents = history._local.mine.db
    monkeypatch.setattr("dashboard.storage.history.os.getpid", lambda: -1)
    history.generation()
    assert history._local.mine.db is not parents
    parents.close()


def test_wide_levels_come_back(tmp_path: Path) -> None:
    recorder = SqliteRecorder(tmp_path / "s.db", durable=False)
    recorder.add_instrument(BTC)
    trades = make_trades(130)
    huge = trades.replace(size=np.where(trades.seq == 70, 2**40, trades.size))
    recorder.record([batch(bars=minutes(huge))])
    recorder.close()
    assert_same_bars(SqliteHistory(tmp_path / "s.db").read_bars("BTC"), minutes(huge))
