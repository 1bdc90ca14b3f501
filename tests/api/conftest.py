"""A server over a small store, with no feed; its board is the test's."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dash
import numpy as np
import pytest
from flask.testing import FlaskClient

from dashboard.bootstrap import create_app
from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus, LiveState
from dashboard.domain.provenance import Provenance
from tests import stored
from tests.fakes import FakeBoard, ManualClock

NOW = stored.START + stored.DAY + 3_600 * 10**9
VERSION = 7


@dataclass(frozen=True, slots=True)
class Server:
    """A server under test.

    Attributes:
        client: Asks it without a network.
        board: What it takes for the live board.
        clock: Its clock.
        folder: Its data folder.
    """

    client: FlaskClient
    board: FakeBoard
    clock: ManualClock
    folder: Path

    def show(self, version: int = VERSION, state: FeedState = FeedState.LIVE) -> None:
        """Put the newest minute on the board, as a feed does."""
        trades = stored.tape()
        bars, _ = aggregate(trades, MINUTE, calendar_24x7(), stored.TICK)
        newest = bars.take(len(bars) - 1, len(bars)).with_columns(version=np.array([version]))
        live = LiveState(
            symbol=stored.SYMBOL, version=version, trade_seq=len(trades), receive_ns=NOW,
            session_ns=int(newest.session_ns[0]), open_bars=newest, quote=None,
            last_price=int(trades.price[-1]), provenance=Provenance(),
        )  # fmt: skip
        self.board.publish([live])
        self.board.publish_status(FeedStatus(FeedMode.LIVE, state, heartbeat_ns=NOW))


@pytest.fixture
def server(tmp_path: Path) -> Server:
    board, clock = FakeBoard(), ManualClock(NOW + 250_000_000)
    app = create_app(stored.filled(tmp_path / "data"), board=board, clock=clock)
    return Server(app.server.test_client(), board, clock, tmp_path / "data")


@pytest.fixture(scope="module")
def _standing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Server, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("standing")
    board, clock = FakeBoard(), ManualClock(NOW + 250_000_000)
    app = create_app(stored.filled(folder), board=board, clock=clock)
    made = Server(app.server.test_client(), board, clock, folder)
    made.show()
    return made, dict(dash.page_registry)


@pytest.fixture
def standing(_standing: tuple[Server, dict[str, Any]]) -> Server:
    """Return a server that all tests of a module share, because they only ask."""
    server, pages = _standing
    dash.page_registry.update(pages)  # emptied after every test
    return server
