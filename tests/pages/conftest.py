"""An application over a small store."""

from __future__ import annotations

from pathlib import Path

import pytest
from dash import Dash

from dashboard.bootstrap import create_app
from dashboard.ports import Context
from dashboard.storage.history import SqliteHistory
from dashboard.views.desk import Desk
from tests import stored
from tests.fakes import FakeBoard, ManualClock


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    settings = stored.filled(tmp_path / "data")
    clock = ManualClock(stored.START + 2 * stored.DAY)
    return Desk(Context(SqliteHistory(settings.database), FakeBoard(), clock, notes=("A note.",)))


@pytest.fixture
def app(tmp_path: Path) -> Dash:
    return create_app(stored.filled(tmp_path / "app"), board=FakeBoard())
