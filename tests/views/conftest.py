"""Desks over a small store on disk: single trades (TAPE), and bars of the predecessor (OLD)."""

from __future__ import annotations

from pathlib import Path

import pytest

from dashboard import cli
from dashboard.ports import Context
from dashboard.storage.history import SqliteHistory
from dashboard.views.desk import Desk
from tests import stored
from tests.fakes import FakeBoard, ManualClock

OLD = {"OLD3": 180, "OLD5": 300}
"""Instruments without single trades, and the length of their bars in seconds."""


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder that tests only read."""
    made = tmp_path_factory.mktemp("views")
    stored.filled(made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(made))
        patch.chdir(made)
        for symbol, interval_s in OLD.items():
            file = made / f"{symbol}.source.db"
            stored.write_predecessor(file, interval_s)
            assert cli.main(["import", str(file), "--symbol", symbol]) == 0
    return made


@pytest.fixture
def board() -> FakeBoard:
    return FakeBoard()


@pytest.fixture
def desk(folder: Path, board: FakeBoard) -> Desk:
    clock = ManualClock(stored.START + 2 * stored.DAY)
    return Desk(Context(SqliteHistory(folder / "orderflow.db"), board, clock))
