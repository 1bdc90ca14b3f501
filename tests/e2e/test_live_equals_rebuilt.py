"""A simulated market played through the live path equals the market rebuilt from the store.

The pipeline, recorder, store, board, series and desk are the real ones; a clock that the tests move
makes an hour pass in seconds. Readers look at every possible moment, also between the commit of a
cycle and its publication, and between their own two reads of board and store.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import Bars, BarSpec, bar_fields
from dashboard.domain.calendar import calendar_sim
from dashboard.domain.livestate import FeedMode, LiveState
from dashboard.feeds.simulator.feed import SimulatorFeed
from dashboard.feeds.simulator.market import open_of, require_listing
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.live.board import DiskcacheBoard
from dashboard.ports import Context
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from dashboard.views.beat import BeatRequest
from dashboard.views.desk import Desk
from tests.e2e.support import SEED, SYMBOL, Stores
from tests.fakes import ManualClock

Mode = Literal["snapshots", "trades"]
SPECS = ("5m", "1m", "30s", "100t", "5000v", "20r", "500delta")
SMALL_SPECS = ("1m", "30s", "10t", "1000v", "4r", "200delta")
"""Bars of which some end in most cycles, so that a reader can miss a bar's last change."""
RATES: Mapping[Mode, float] = {"snapshots": 3.0, "trades": 6.0}
MINUTE_NS = 60 * 10**9
SESSION = 76_000
"""Number of a simulated session; the market begins four minutes before its end."""
BEGIN_NS = open_of(SESSION + 1) - 4 * MINUTE_NS


class HookedBoard(DiskcacheBoard):
    """The real board, which lets others act at two moments that no reader can rule out.

    Attributes:
        before_publish: Called when a cycle is stored but not yet shown.
        after_read: Called when a reader has the state but not yet what the store holds.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.before_publish: Callable[[], None] = _nothing
        self.after_read: Callable[[], None] = _nothing

    def publish(self, states: Sequence[LiveState]) -> None:
        self.before_publish()
        super().publish(states)

    def read(self, symbol: str) -> LiveState | None:
        state = super().read(symbol)
        self.after_read()
        return state


def _nothing() -> None:
    """Let the moment pass."""


class Market:
    """A simulated market on its way into store and board, a turn at a time.

    Args:
        folder: Data folder.
        mode: How the simulator tells its market.
    """

    def __init__(self, folder: Path, mode: Mode) -> None:
        self.stores = Stores(folder)
        self.stores.begin_at(BEGIN_NS)
        self.mode = mode
        self.clock = ManualClock(BEGIN_NS)
        self.board = HookedBoard(self.stores.board_folder)
        self.history = self.stores.history
        self._turning = False
        self.restart()

    def restart(self) -> None:
        """Go on as the next leader does after a kill -9: from the store, with nothing else."""
        feed = SimulatorFeed([SYMBOL], self.mode, RATES[self.mode], SEED, self.clock)
        log = logging.getLogger("tests.e2e")
        status = StatusReporter(self.board, self.clock, log, FeedMode.SIMULATED)
        recorder = SqliteRecorder(self.stores.path)
        self.pipeline = Pipeline(
            feed, recorder, self.board, self.clock, status, self.history.calendar
        )
        self.pipeline.start()

    def turn(self, seconds: float) -> None:
        """Let time pass and bring what happened in it to the board; not within another turn."""
        if not self._turning:
            self._turning = True
            self.clock.advance(seconds)
            self.pipeline.cycle()
            self._turning = False

    def desk(self, hooked: bool = False) -> Desk:
        """Return a desk of another process: of its own it has nothing but the two folders."""
        board = self.board if hooked else self.stores.board
        return Desk(Context(SqliteHistory(self.stores.path), board, self.clock))

    def rebuilt(self, spec: BarSpec, level: int) -> Bars:
        """Return the bars made at once from all stored trades."""
        listing = require_listing(SYMBOL)
        trades = self.history.read_trades(SYMBOL)
        bars, _ = aggregate(trades, spec, calendar_sim(), level, tick_size=listing.tick)
        return bars


class Client:
    """What a browser keeps of one view: bars by position, all else as it came last."""

    def __init__(self, bar: str) -> None:
        self.values = {"symbol": SYMBOL, "bar": bar, "level": "1"}
        self.bars: dict[int, dict[str, Any]] = {}
        self.rest: dict[str, Any] = {}
        self.answers = 0

    def ask(self, desk: Desk) -> None:
        """Beat once and take over the answer, as the layer does."""
        answer = desk.beat(
            BeatRequest(
                self.values,
                first=0,
                last=4_999,
                since=self.rest.get("version", 0),
                known=self.rest.get("view", ""),
                anchor=open_of(SESSION),
            )
        )
        if answer.body is None:
            return
        self.answers += 1
        body = dict(answer.body)
        if body["complete"] or body["view"] != self.rest.get("view"):
            self.bars.clear()
        self.bars |= rows_of(body.pop("bars"), body.pop("cells"))
        zones = self.rest.get("zones")
        self.rest = body
        if body["zones"] is None:
            self.rest["zones"] = zones

    def picture(self) -> dict[str, Any]:
        """Return all that the layer paints, but for ages and clocks."""
        of_answer = ("complete", "feed", "clock")
        rest = {name: value for name, value in self.rest.items() if name not in of_answer}
        bars = [{n: v for n, v in self.bars[x].items() if n != "ver"} for x in sorted(self.bars)]
        return rest | {"bars": bars}


def rows_of(columns: Mapping[str, Any], cells: Mapping[str, Any]) -> dict[int, dict[str, Any]]:
    """Return the payload's bars by position, each with its cells."""
    shade = {f"shade.{name}": values for name, values in columns["shade"].items()}
    flat = {name: values for name, values in columns.items() if name != "shade"} | shade
    rows = {}
    for place, x in enumerate(columns["x"]):
        own = slice(cells["off"][place], cells["off"][place + 1])
        levels = {f"cells.{name}": values[own] for name, values in cells.items() if name != "off"}
        rows[x] = {name: values[place] for name, values in flat.items()} | levels
    return rows


@pytest.fixture(params=["trades", "snapshots"])
def market(request: pytest.FixtureRequest, tmp_path: Path) -> Market:
    return Market(tmp_path / "data", request.param)


def test_live_bars_equal_the_bars_rebuilt_from_the_store(market: Market) -> None:
    chance = np.random.default_rng(5)
    desks = [market.desk(), market.desk()]
    for turn in range(180):
        market.turn(float(chance.choice([0.05, 1, 3, 9])))
        if turn == 120:
            market.restart()
        if turn % 12 and turn != 121:
            continue
        for bar in SPECS:
            spec, level = BarSpec.parse(bar), 100
            live = desks[chance.integers(2)].series.live_snapshot(SYMBOL, spec, level)
            assert_same_bars(live.bars, market.rebuilt(spec, level))
            # What is shown is already stored.
            assert live.live is not None
            assert live.trade_seq == live.live.trade_seq > 0
            assert live.is_open
    sessions = [open_of(SESSION), open_of(SESSION + 1)]
    for bar in SPECS:
        spec = BarSpec.parse(bar)
        stored = market.desk().series.stored_snapshot(SYMBOL, spec, 100, *sessions)
        assert_same_bars(stored.bars, market.rebuilt(spec, 100))
        assert sorted(set(stored.bars.session_ns.tolist())) == sessions
        assert len(stored.bars) >= 3
        assert not stored.is_open


def test_readers_at_any_moment_see_every_trade_once(market: Market) -> None:
    chance = np.random.default_rng(6)
    desks = [market.desk(hooked=True), market.desk(hooked=True)]
    looks = 0

    def look() -> None:
        nonlocal looks
        spec = BarSpec.parse(SMALL_SPECS[chance.integers(len(SMALL_SPECS))])
        found = desks[chance.integers(2)].series.live_snapshot(SYMBOL, spec, 100)
        trades = market.history.read_trades(SYMBOL, found.anchor_session_ns or None)
        seen = trades.take(trades.seq <= found.trade_seq)
        assert found.bars.volume.sum() == seen.size.sum(), spec
        assert found.bars.delta.sum() == (seen.size * seen.side).sum(), spec
        looks += 1

    market.board.before_publish = look
    for _ in range(120):
        # Between a reader's look at the board and at the store whole cycles pass.
        market.board.after_read = lambda: market.turn(float(chance.choice([0.3, 30])))
        look()
        market.board.after_read = _nothing
    assert looks > 200


def test_a_browser_that_takes_changes_alone_has_the_whole_picture(market: Market) -> None:
    chance = np.random.default_rng(8)
    # Two processes that answer in turn, as gunicorn's workers do, and two browsers of each view:
    # what one makes a process read must not be lost for the other.
    desks = [market.desk(hooked=True), market.desk(hooked=True)]
    clients = [Client(bar) for bar in SMALL_SPECS for _ in range(2)]

    def look() -> None:
        clients[chance.integers(len(clients))].ask(desks[chance.integers(2)])

    def sometimes(act: Callable[[], None]) -> Callable[[], None]:
        return lambda: act() if chance.random() < 0.3 else None

    market.board.before_publish = sometimes(look)
    for turn in range(180):
        market.board.after_read = sometimes(lambda: market.turn(0.3))
        market.turn(float(chance.choice([0.05, 0.5, 1, 5])))
        for _ in range(4):
            look()
        market.board.after_read = _nothing
        if turn == 90:
            market.restart()
        if turn == 130:
            shutil.rmtree(market.stores.board_folder)
            for _ in range(10):
                look()
            market.turn(2)
        if turn % 20 == 0 or turn == 179:
            for client in clients:
                client.ask(desks[chance.integers(2)])
                fresh = Client(client.values["bar"])
                fresh.ask(market.desk())
                assert fresh.rest["complete"]
                assert client.picture() == fresh.picture(), (turn, client.values["bar"])
    assert all(client.answers > 20 for client in clients)
    assert all(client.rest["total"] == len(client.bars) for client in clients)


def assert_same_bars(got: Bars, wanted: Bars) -> None:
    """Fail unless all columns but the version are equal."""
    for name in bar_fields():
        if name != "version":
            assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
