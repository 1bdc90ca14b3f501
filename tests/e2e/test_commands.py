"""`python app.py` and `python -m dashboard ingest` as whole processes: serve, die, go on, stop."""

from __future__ import annotations

import os
import re
import signal
import time
from pathlib import Path

import pytest

from dashboard.domain.livestate import FeedState
from tests.e2e.support import (
    SIMULATED,
    SYMBOL,
    Process,
    Stores,
    assert_undisturbed,
    eventually,
    leader_of,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has neither SIGTERM nor kill -9")

APP = ["app.py"]


def trades_shown(stores: Stores) -> int:
    """Return the newest trade on the board, 0 before the first."""
    board = stores.board
    state = board.read(SYMBOL)
    board.close()
    return state.trade_seq if state is not None else 0


def wait_for_trade(stores: Stores, number: int) -> None:
    """Wait until the board shows a trade of that number or a later one."""
    eventually(lambda: trades_shown(stores) >= number, f"trade {number} is shown")


def test_the_app_says_where_it_is_serves_and_stops_when_told(tmp_path: Path) -> None:
    stores = Stores(tmp_path / "data")
    with Process(APP, stores.folder, FEED="none", INSTRUMENTS="") as app:
        eventually(app.serves, "the app serves")
        assert f"http://127.0.0.1:{app.port}" in app.output
        assert f"Feed: none · data folder: {stores.folder}" in app.output
        assert app.get("/").status == 200
        # No feed is no fault, and nothing is stored yet.
        assert app.get("/readyz").json()["feed"] == "stopped"
        assert app.get("/api/v1/instruments").json() == {"instruments": []}
        with Process(APP, tmp_path / "other", FEED="none", DASHBOARD_PORT=str(app.port)) as second:
            assert second.wait() == 1
            assert second.output.startswith(f"Port {app.port} on 127.0.0.1 cannot be used")
        assert app.terminate() == 0
    assert "Traceback" not in app.output


@pytest.mark.parametrize("faulty", [{"DASHBOARD_PORT": "0"}, {"FEED": "replay"}])
def test_the_app_lists_what_is_wrong_with_its_settings(
    tmp_path: Path, faulty: dict[str, str]
) -> None:
    with Process(APP, tmp_path / "data", **({"FEED": "none"} | faulty)) as app:
        assert app.wait() == 2
        assert app.output.startswith("The settings cannot be used:\n  - ")
        assert "Traceback" not in app.output


def test_kill_9_at_any_moment_costs_nothing_that_was_stored(tmp_path: Path) -> None:
    # The market began four minutes ago: the first kill comes while that is caught up with, the
    # second when it just was.
    stores, begin_ns = Stores(tmp_path / "data"), time.time_ns() - 240 * 10**9
    stores.begin_at(begin_ns)
    stored = 0
    for caught_up in (False, True):
        with Process(APP, stores.folder, **SIMULATED) as app:
            wait_for_trade(stores, stored + 5_000)
            if caught_up:
                eventually(lambda: leader_of(stores.board), "the feed is live")
            shown = trades_shown(stores)
            os.kill(app.pid, signal.SIGKILL)
            assert app.wait() == -signal.SIGKILL
        # What was on the board is in the store, and a next start goes on behind it.
        stored = assert_undisturbed(stores, begin_ns)
        assert stored >= shown
    assert len(stores.history.read_bars(SYMBOL)) >= 3
    with Process(APP, stores.folder, **SIMULATED) as app:
        eventually(app.serves, "the app serves again")
        pid = app.pid
        eventually(lambda: leader_of(stores.board) == pid, "it leads")
        wait_for_trade(stores, stored + 50)
        live = app.get(f"/api/v1/live?symbol={SYMBOL}&bar=1m&level=1").json()
        assert app.terminate() == 0
    assert assert_undisturbed(stores, begin_ns) >= live["trade_seq"] > stored
    # The page's bars are those of all trades, the ones before the kills included.
    history = stores.history
    inside = history.read_trades(SYMBOL).size[: live["trade_seq"]]
    lot = live["scale"]["lot"]
    assert sum(live["bars"]["vol"]) * lot == int(inside.sum())
    status = stores.board.read_status()
    assert status is not None
    assert status.state is FeedState.STOPPED
    assert not re.search(r"Traceback|ERROR", app.output)


def test_the_feed_runs_alone_beside_a_web_process_without_one(tmp_path: Path) -> None:
    stores, begin_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(begin_ns)
    with (
        Process(APP, stores.folder, INGEST="external", **SIMULATED) as web,
        Process(["-m", "dashboard", "ingest"], stores.folder, **SIMULATED) as feed,
    ):
        eventually(web.serves, "the app serves")
        pid = feed.pid
        eventually(lambda: leader_of(stores.board) == pid, "the other process leads")

        def news() -> int:
            answer = web.get(f"/api/v1/live?symbol={SYMBOL}&level=1")
            return int(answer.json()["trade_seq"]) if answer.status == 200 else 0

        eventually(lambda: news() > 20, "the page sees its trades")
        assert web.get("/readyz").status == 200
        assert feed.terminate() == 0
        assert web.get("/readyz").json()["feed"] == "stopped"
        assert web.terminate() == 0
    assert_undisturbed(stores, begin_ns)
