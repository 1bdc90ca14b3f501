"""A damaged store: set aside, a new one begun, the user told, the newest backup offered by name."""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from dashboard.bootstrap import Runtime, create_app
from dashboard.feeds.simulator import SimulatorFeed
from dashboard.ingest.clock import SystemClock
from dashboard.ports import FeedEvent
from dashboard.settings import Settings
from dashboard.storage.backup import backup_folder, find_asides, stamp_of, write_backup
from dashboard.storage.health import examine
from dashboard.upkeep import leader_lock, restore_store
from tests.e2e.support import SEED, SYMBOL, Process, Stores, eventually
from tests.safety.support import RATE, Told, cause, shown_seq, simulated
from tests.storage.test_health import DAMAGES, middle, overwrite

pytestmark = pytest.mark.slow
Damage = Callable[[Path], None]
Tell = Callable[[str], None]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Return a recorded market in a store that its process has closed."""
    stores, began_ns = Stores(tmp_path_factory.mktemp("whole") / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    with Process(["app.py"], stores.folder, **simulated()) as app:
        eventually(lambda: shown_seq(stores) > 30_000, "it records", 40)
        assert app.terminate() == 0
    told.require()
    return told


@pytest.fixture
def stores(whole: Told, tmp_path: Path) -> Stores:
    """Return a copy of the market's folder that a test may damage."""
    folder = tmp_path / "data"
    shutil.copytree(whole.stores.folder, folder)
    return Stores(folder)


def opened(folder: Path) -> Runtime:
    app = create_app(Settings(feed="none", instruments=(), data_dir=folder))
    runtime: Runtime = app.server.extensions["orderflow"]
    return runtime


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_store_found_damaged_at_the_start_is_set_aside(
    stores: Stores, damage: Damage, caplog: pytest.LogCaptureFixture
) -> None:
    backup = backup_folder(stores.path) / f"orderflow-{stamp_of(time.time_ns())}.db"
    write_backup(stores.path, backup)
    damage(stores.path)
    content = stores.path.read_bytes()
    runtime = opened(stores.folder)
    (aside,) = find_asides(stores.path)
    assert aside.reason == "damaged"
    assert aside.path.read_bytes() == content
    assert runtime.context.history.instruments() == []
    assert not (stores.folder / "orderflow.board" / "cache.db").exists()
    (alert,) = runtime.context.alerts()
    for text in (f"set aside as {aside.path.name}", f"python -m dashboard restore {backup.name}"):
        assert text in alert
        assert text in caplog.text
    # What the sentence says is what helps.
    settings = Settings(feed="none", instruments=(), data_dir=stores.folder)
    restore_store(settings, Path(backup.name), time.time_ns() + 2 * 10**9)
    assert len(stores.history.read_trades(SYMBOL)) > 30_000
    assert runtime.context.alerts() == []
    assert runtime.context.history.find_instrument(SYMBOL) is not None


def test_without_a_backup_that_is_said(stores: Stores) -> None:
    middle(stores.path)
    (alert,) = opened(stores.folder).context.alerts()
    assert "There is no backup" in alert


def test_a_whole_store_is_left_alone(stores: Stores) -> None:
    before = stores.path.read_bytes()
    runtime = opened(stores.folder)
    assert find_asides(stores.path) == []
    assert runtime.context.alerts() == []
    assert stores.path.read_bytes() == before


def test_a_store_that_another_process_writes_is_left_to_it(stores: Stores) -> None:
    middle(stores.path)
    settings = Settings(feed="none", instruments=(), data_dir=stores.folder)
    leader = leader_lock(settings, stores.path)
    assert leader.acquire()
    opened(stores.folder)
    assert find_asides(stores.path) == []
    leader.release()
    opened(stores.folder)
    assert len(find_asides(stores.path)) == 1


def test_the_dashboard_starts_on_a_damaged_store_and_says_so(stores: Stores, tell: Tell) -> None:
    middle(stores.path)
    with Process(["app.py"], stores.folder, **simulated(4.0)) as app:
        eventually(lambda: find_asides(stores.path), "it sets the store aside")
        eventually(lambda: shown_seq(stores) > 100, "and records in a new one", 40)
        said = [line for line in app.output.splitlines() if "is damaged" in line]
        assert len(said) == 1
        assert app.terminate() == 0
    assert examine(stores.path) == []
    tell(f"log: {said[0]!r}")


class Interrupted(SimulatorFeed):
    """The simulated market, during whose first seconds somebody writes over the store's file."""

    def __init__(self, symbols: Sequence[str], damage: Callable[[], None]) -> None:
        super().__init__(symbols, "trades", RATE, SEED, SystemClock())
        self._damage = damage

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        self._damage()
        return super().poll(timeout_s)


def test_damage_met_while_recording_is_set_aside_and_recording_goes_on(
    stores: Stores, caplog: pytest.LogCaptureFixture, tell: Tell
) -> None:
    caplog.set_level(logging.INFO)
    polls = 0

    def damage() -> None:
        nonlocal polls
        polls += 1
        if polls == 20:
            for log in stores.folder.glob("orderflow.db-*"):
                overwrite(log, 0, b"\0" * log.stat().st_size)
            overwrite(stores.path, 0, b"\xee" * stores.path.stat().st_size)

    settings = Settings(feed="simulator", instruments=(SYMBOL,), data_dir=stores.folder)
    app = create_app(settings, feed=lambda: Interrupted([SYMBOL], damage))
    runtime: Runtime = app.server.extensions["orderflow"]
    assert runtime.worker is not None
    runtime.worker.start()
    try:
        eventually(lambda: find_asides(stores.path), "the damage is met")
        eventually(lambda: shown_seq(stores) > 5_000, "recording goes on", 40)
        eventually(lambda: cause(stores) == "" or "session" in cause(stores), "and all is well")
        (alert,) = runtime.context.alerts()
        assert "was damaged" in alert
        assert len(runtime.context.history.read_trades(SYMBOL, limit=10)) == 10
    finally:
        runtime.worker.stop()
    assert examine(stores.path) == []
    assert [aside.reason for aside in find_asides(stores.path)] == ["damaged"]
    tell(f"after {polls} polls {shown_seq(stores):,} trades are in a new store; page: {alert!r}")


def test_pages_go_on_where_some_of_a_store_is_damaged(stores: Stores) -> None:
    runtime = opened(stores.folder)
    history = runtime.context.history
    assert len(history.read_trades(SYMBOL)) > 30_000
    middle(stores.path)
    fresh = Stores(stores.folder).history
    assert [i.symbol for i in fresh.instruments()] == [SYMBOL]
    assert fresh.sessions(SYMBOL)
