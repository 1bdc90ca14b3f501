"""Other programs at work on the store of a running dashboard: what the feed commits stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.storage.health import examine
from tests.e2e.support import SYMBOL, Process, Stores, eventually
from tests.safety.support import Told, command, shown_seq, simulated, trades_file

pytestmark = pytest.mark.slow


def test_commands_beside_a_feed_leave_it_its_log_and_its_locks(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """A program that believes to be the last one deletes the log when it closes the store.

    It believes so when the feed's process has lost its locks, as POSIX has it when that process
    closes any descriptor of the file.
    """
    stores, began_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns, 500.0)
    small = trades_file(tmp_path / "small.csv", 300)
    log = stores.path.with_name("orderflow.db-wal")
    with Process(["app.py"], stores.folder, **simulated(500.0)) as app:
        eventually(lambda: shown_seq(stores) > 500, "it records")
        before = log.stat().st_ino
        for arguments in (
            ("import", str(small), "--symbol", "A"),
            ("backup",),
            ("instruments",),
            ("doctor",),
        ):
            # As pages do: a thread that asks for the first time opens the store for itself.
            for _ in range(12):
                assert app.get(f"/api/v1/bars?symbol={SYMBOL}&bar=1m&level=2").status == 200
            done = command(stores.folder, *arguments)
            assert done.returncode == 0, done.stdout + done.stderr
            at = shown_seq(stores)
            eventually(lambda: shown_seq(stores) > at + 200, "the feed goes on")  # noqa: B023
            assert log.stat().st_ino == before, f"{arguments[0]} deleted the feed's log"
            newest = stores.history.read_trades(SYMBOL).seq[-1]
            assert newest > at, f"after {arguments[0]} another process does not see new trades"
    count = told.require()
    assert len(stores.history.read_trades("A")) == 300
    assert examine(stores.path) == []
    tell(f"import, backup, instruments and doctor beside a feed: {count:,} trades, none lost")
