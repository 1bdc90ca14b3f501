"""A recorded session played through the live path: feed, pipeline, store, board, series.

The replay comes under a symbol of its own, beside the recording it is made from; its bars must be
the recording's, of every kind, whether read live or rebuilt from the store.
"""

from __future__ import annotations

import datetime as dt
import math
import shutil
from dataclasses import fields
from pathlib import Path

import pytest
from numpy.testing import assert_array_equal

from dashboard.bootstrap import build_ingest
from dashboard.domain.bars import Bars, BarSpec, bar_fields
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.trade import Trades
from dashboard.series.cache import SeriesCache
from dashboard.settings import Settings
from tests.e2e.support import Stores, eventually

REPLAY = "REPLAY:BTC"
DAYS = (dt.date(2024, 8, 8), dt.date(2024, 8, 9))


def play(folder: Path, day: dt.date) -> None:
    """Replay a stored day of BTC to its end, as `python -m dashboard ingest` does."""
    settings = Settings(
        feed="replay", replay_symbol="BTC", replay_session=day, replay_speed=math.inf,
        instruments=(), data_dir=folder,
    )  # fmt: skip
    board = Stores(folder).board
    worker = build_ingest(settings)
    worker.start()
    try:
        eventually(lambda: state_of(board.read_status()) == "finished", f"{day} is played")
    finally:
        worker.stop()
    assert state_of(board.read_status()) == "stopped"
    board.close()


def state_of(status: object) -> str:
    state = getattr(status, "state", None)
    return state.value if isinstance(state, FeedState) else ""


@pytest.fixture(scope="module")
def played(imported: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder in which both days of the recording were replayed, one by one."""
    folder = tmp_path_factory.mktemp("played") / "data"
    shutil.copytree(imported, folder)
    for day in DAYS:
        play(folder, day)
    return folder


@pytest.mark.parametrize("level", [1, 100])
@pytest.mark.parametrize("bar", ["1m", "5m", "30s", "100t", "5000v", "20r", "500delta"])
def test_the_replay_gives_the_recordings_bars(played: Path, bar: str, level: int) -> None:
    stores, spec = Stores(played), BarSpec.parse(bar)
    series = SeriesCache(stores.history, stores.board)
    first, last = (session.session_ns for session in series.sessions("BTC"))
    recorded = series.stored_snapshot("BTC", spec, level, first, last)
    live = series.live_snapshot(REPLAY, spec, level, first)
    rebuilt = series.stored_snapshot(REPLAY, spec, level, first, last)
    assert len(recorded.bars) > 10 or bar == "5m"
    assert_same_bars(live.bars, recorded.bars)
    assert_same_bars(rebuilt.bars, recorded.bars)
    assert live.live is not None
    assert live.live.trade_seq == live.trade_seq == 5_235
    # An ended replay has no minute left that could still form.
    assert len(live.live.open_bars) == 0


def test_the_replay_is_marked_and_the_recording_untouched(played: Path, imported: Path) -> None:
    stores = Stores(played)
    status = stores.board.read_status()
    assert status is not None
    assert status.mode is FeedMode.REPLAY
    before, after = Stores(imported).history, stores.history
    assert [i.symbol for i in after.instruments()] == ["BTC", "NIFTY", REPLAY]
    assert_same_trades(after.read_trades("BTC"), before.read_trades("BTC"), {"seq", "receive_ns"})
    assert after.sessions("BTC") == before.sessions("BTC")
    replayed = after.read_trades(REPLAY)
    assert_same_trades(replayed, before.read_trades("BTC"))
    assert replayed.source_seq.tolist() == before.read_trades("BTC").seq.tolist()


def test_a_replay_played_again_adds_nothing_and_another_store_gets_the_same(
    played: Path, imported: Path, tmp_path: Path
) -> None:
    again, other = tmp_path / "again", tmp_path / "other"
    shutil.copytree(played, again)
    shutil.copytree(imported, other)
    for day in DAYS:
        play(again, day)
        play(other, day)
    wanted = Stores(played).history
    for history in (Stores(again).history, Stores(other).history):
        got = history.read_trades(REPLAY)
        assert_same_trades(got, wanted.read_trades(REPLAY))
        assert_array_equal(got.seq, wanted.read_trades(REPLAY).seq)
        assert_same_bars(history.read_bars(REPLAY), wanted.read_bars(REPLAY))


def assert_same_bars(got: Bars, wanted: Bars) -> None:
    """Fail unless all columns but the version are equal."""
    assert (got.spec, got.level_size) == (wanted.spec, wanted.level_size)
    for name in bar_fields():
        if name != "version":
            assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)


def assert_same_trades(
    got: Trades, wanted: Trades, too: frozenset[str] | set[str] = frozenset()
) -> None:
    """Fail unless all columns are equal, numbers and receive times apart but for those in `too`."""
    for field in fields(Trades):
        if field.name in too or field.name not in {"seq", "receive_ns", "source_seq"}:
            assert_array_equal(
                getattr(got, field.name), getattr(wanted, field.name), err_msg=field.name
            )
