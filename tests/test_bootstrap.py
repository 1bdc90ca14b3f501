"""The plug board: given parts replace the real ones, and one process of many runs the feed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from dash import Dash

from dashboard.bootstrap import (
    Runtime,
    assets_folder,
    build_ingest,
    create_app,
    feed_factory,
    start_ingest,
    stop_ingest,
)
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.trade import Trades
from dashboard.errors import FeedError, SettingsError, StoreError
from dashboard.feeds.replay import ReplayFeed
from dashboard.feeds.simulator import SimulatorFeed
from dashboard.ports import FeedEvent, StateChange, TradesEvent
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from tests import stored
from tests.e2e.support import eventually
from tests.fakes import FakeBoard, FakeFeed, FakeHistory, FakeStore, ManualClock

NEW = Instrument("NEW", calendar="24x7", tick_size=5)


def runtime_of(app: Dash) -> Runtime:
    found: Runtime = app.server.extensions["orderflow"]
    return found


def trading_feed() -> FakeFeed:
    """Return a feed that tells three trades of one instrument and is then silent."""
    trades = Trades.build(
        event_ns=[stored.START, stored.START + 1, stored.START + 2],
        price=[100, 105, 100], size=[1, 2, 3], side=[1, -1, 1], source_seq=[1, 2, 3],
    )  # fmt: skip
    script: list[list[FeedEvent]] = [[StateChange(FeedState.LIVE)], [TradesEvent("NEW", trades)]]
    return FakeFeed([NEW], script)


def test_without_a_feed_there_is_nothing_to_start(tmp_path: Path) -> None:
    app = create_app(stored.filled(tmp_path))
    assert runtime_of(app).worker is None
    start_ingest(app)
    stop_ingest(app)
    assert app.server.test_client().get("/readyz").get_json()["feed"] == "stopped"


def test_a_web_process_beside_an_external_feed_has_no_worker(tmp_path: Path) -> None:
    settings = Settings(feed="simulator", ingest="external", data_dir=tmp_path)
    assert runtime_of(create_app(settings)).worker is None


def test_parts_that_are_given_replace_the_real_ones(tmp_path: Path) -> None:
    store = FakeStore(instruments={"FAKE": Instrument("FAKE", calendar="24x7")})
    board, clock = FakeBoard(), ManualClock()
    app = create_app(
        Settings(feed="none", instruments=(), data_dir=tmp_path),
        history=FakeHistory(store), board=board, clock=clock,
    )  # fmt: skip
    context = runtime_of(app).context
    assert (context.board, context.clock) == (board, clock)
    listed = app.server.test_client().get("/api/v1/instruments").get_json()["instruments"]
    assert [one["symbol"] for one in listed] == ["FAKE"]
    # The board is the given one, so none was made on disk.
    assert not list(tmp_path.glob("*.board"))


def test_trades_of_the_feed_reach_store_and_page(tmp_path: Path) -> None:
    settings = Settings(feed="none", instruments=(), data_dir=tmp_path)
    app = create_app(settings, feed=trading_feed)
    worker, client = runtime_of(app).worker, app.server.test_client()
    assert worker is not None
    waiting = worker.leads
    start_ingest(app)
    start_ingest(app)
    try:
        found = eventually(
            lambda: (
                (answer := client.get("/api/v1/live?symbol=NEW&level=0.05")).status_code == 200
                and answer.get_json()["trade_seq"] == 3
                and answer.get_json()
            ),
            "the page sees three trades",
        )
        leading = worker.leads
    finally:
        stop_ingest(app)
        stop_ingest(app)
    assert (waiting, leading, worker.leads) == (False, True, False)
    assert isinstance(found, dict)
    assert found["bars"]["vol"] == [6]
    assert len(SqliteHistory(settings.database).read_trades("NEW")) == 3
    assert client.get("/readyz").get_json()["feed"] == "stopped"


def test_the_lock_goes_on_to_the_next_process(tmp_path: Path) -> None:
    settings = Settings(feed="none", instruments=(), data_dir=tmp_path)
    first, second = (create_app(settings, feed=trading_feed) for _ in range(2))
    one, other = runtime_of(first).worker, runtime_of(second).worker
    assert one is not None
    assert other is not None
    start_ingest(first)
    try:
        eventually(lambda: one.leads, "the first leads")
        start_ingest(second)
        stop_ingest(first)
        eventually(lambda: other.leads, "the second leads")
        assert other.leads > one.leads
    finally:
        stop_ingest(first)
        stop_ingest(second)


def test_notes_about_the_store_are_shown_on_the_page(tmp_path: Path) -> None:
    """The predecessor's database, named by DB_NAME, is imported once beside itself."""
    stored.write_predecessor(tmp_path / "old.db", 300)
    before = (tmp_path / "old.db").read_bytes()
    settings = Settings(feed="none", instruments=(), data_dir=tmp_path, db_name="old.db")
    notes = runtime_of(create_app(settings)).context.notes
    assert len(notes) == 1
    assert "old.db" in notes[0]
    assert (tmp_path / "old.db").read_bytes() == before


@pytest.mark.parametrize("build", [create_app, build_ingest])
def test_a_data_folder_that_cannot_be_made_is_a_sentence(
    tmp_path: Path, build: Callable[[Settings], object]
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    settings = Settings(feed="simulator", data_dir=tmp_path / "file" / "data")
    with pytest.raises(StoreError, match=r"cannot be made: Not a directory\. Set DATA_DIR\."):
        build(settings)


def test_assets_are_found() -> None:
    assert (assets_folder() / "footprint").is_dir()
    assert (assets_folder() / "css").is_dir()


# -------------------------------------------------------------------------- feeds


def make(settings: Settings, history: FakeHistory | SqliteHistory) -> object:
    return feed_factory(settings, history, ManualClock())()


def test_each_setting_makes_its_feed(tmp_path: Path) -> None:
    settings = stored.filled(tmp_path)
    history = SqliteHistory(settings.database)
    simulator = make(replace(settings, feed="simulator", instruments=("SIM:NIFTY",)), history)
    assert isinstance(simulator, SimulatorFeed)
    assert [i.symbol for i in simulator.instruments()] == ["SIM:NIFTY"]
    replay = make(replace(settings, feed="replay", replay_symbol=stored.SYMBOL), history)
    assert isinstance(replay, ReplayFeed)
    assert replay.mode is FeedMode.REPLAY
    assert [i.symbol for i in replay.instruments()] == ["REPLAY:TAPE"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replay_symbol": "NOPE"}, "There is no stored session of NOPE with single trades to rep"),
        ({"replay_symbol": None}, "There is no stored session of"),
        (
            {"replay_session": dt.date(2001, 1, 1)},
            "to replay on 2001-01-01; stored: 2024-10-04, 2024-10-05.",
        ),
    ],
)
def test_a_replay_of_nothing_is_refused_for_good(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    settings = replace(stored.filled(tmp_path), feed="replay", replay_symbol=stored.SYMBOL)
    settings = replace(settings, **changes)  # type: ignore[arg-type]
    with pytest.raises(FeedError, match=said) as refused:
        make(settings, SqliteHistory(settings.database))
    assert not refused.value.retry


def test_the_broker_is_refused_with_what_to_do(settings: Settings) -> None:
    with pytest.raises(SettingsError, match="use simulator, replay or none"):
        feed_factory(replace(settings, feed="smartapi"), FakeHistory(FakeStore()), ManualClock())
