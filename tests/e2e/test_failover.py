"""Two gunicorn workers, one feed; kill -9 of the one that holds it leaves no trace in the data."""

from __future__ import annotations

import os
import signal
import threading
import time
from http.client import HTTPException
from pathlib import Path

import pytest

from dashboard.domain.livestate import FeedState
from dashboard.ingest.leader import FileLeader
from tests.e2e.support import (
    SIMULATED,
    SYMBOL,
    Process,
    Stores,
    assert_undisturbed,
    eventually,
    leader_of,
)

pytestmark = pytest.mark.skipif(os.name == "nt", reason="gunicorn does not run on Windows")

MOVES_WITHIN_S = 2.0
GUNICORN = ["-m", "gunicorn", "-c", "gunicorn.conf.py", "app:server"]


class Browser(threading.Thread):
    """Asks for news all the time, as an open page does, and notes what it is told."""

    def __init__(self, server: Process) -> None:
        super().__init__(daemon=True)
        self.server = server
        self.ended = threading.Event()
        self.statuses: list[int] = []
        self.versions: list[int] = []
        self.refused = 0

    def run(self) -> None:
        since, known = 0, ""
        while not self.ended.wait(0.02):
            path = f"/api/v1/live?symbol={SYMBOL}&bar=30s&level=1&since={since}&view={known}"
            try:
                answer = self.server.get(path)
            except (OSError, HTTPException):
                self.refused += 1  # the killed worker's own connections
                continue
            self.statuses.append(answer.status)
            if answer.status == 200:
                body = answer.json()
                since, known = body["version"], body["view"]
                self.versions.append(since)


def test_the_feed_moves_to_the_other_worker_and_the_store_is_as_if_nothing_had_happened(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stores, begin_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(begin_ns)
    board = stores.board
    with Process(GUNICORN, stores.folder, **SIMULATED) as server:
        eventually(server.serves, "gunicorn serves")
        first = eventually(lambda: leader_of(board), "a worker leads")
        assert first != server.pid
        # Nobody else can lead: neither the other worker nor this process.
        assert not FileLeader(stores.folder / "orderflow.leader.lock").acquire()
        browser = Browser(server)
        browser.start()
        eventually(lambda: len(browser.versions) > 10, "beats bring news")

        seen = board.read(SYMBOL)
        assert seen is not None
        killed = time.monotonic()
        os.kill(first, signal.SIGKILL)
        eventually(
            lambda: (
                (found := leader_of(board)) != first
                and (state := board.read(SYMBOL)) is not None
                and state.trade_seq > seen.trade_seq
                and found > 0
            ),
            "the other worker leads and trades come",
        )
        took = time.monotonic() - killed
        told = len(browser.versions)
        eventually(lambda: len(browser.versions) > told + 10, "beats go on")
        browser.ended.set()
        browser.join()
        stopping = time.monotonic()
        assert server.terminate() == 0
        stopped = time.monotonic() - stopping

    with capsys.disabled():
        print(f"\nfeed moved in {took:.2f} s, server stopped in {stopped:.2f} s")  # noqa: T201
    assert took < MOVES_WITHIN_S
    assert {200} <= set(browser.statuses) <= {200, 204}
    assert browser.versions == sorted(browser.versions)
    assert browser.refused < 5
    status = board.read_status()
    assert status is not None
    assert status.state is FeedState.STOPPED
    # Changes of state are logged under gunicorn too.
    assert server.output.count("feed SIMULATED: live") >= 2
    assert "Traceback" not in server.output
    assert assert_undisturbed(stores, begin_ns) > seen.trade_seq
    board.close()
