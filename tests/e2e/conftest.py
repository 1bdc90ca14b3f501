"""The recordings beside the clone, imported once by the command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import cli
from tests.support import SHARED

BTC = "btcusd_perp_20240809/trades.csv"
NIFTY = "nifty_candles/trading_data_SEP.db"


@pytest.fixture(scope="session")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data folder with both recordings as BTC and NIFTY; tests only read it."""
    for name in (BTC, NIFTY):
        if not (SHARED / "data" / name).exists():
            pytest.skip(f"needs ../shared/data/{name} beside the clone")
    folder = tmp_path_factory.mktemp("imported")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATA_DIR", str(folder))
        patch.chdir(folder)
        for name, *more in (
            (BTC, "--symbol", "BTC", "--calendar", "24x7"),
            (NIFTY, "--symbol", "NIFTY"),
        ):
            assert cli.main(["import", str(SHARED / "data" / name), *more]) == 0
    return folder


@pytest.fixture
def copied(imported: Path, tmp_path: Path) -> Path:
    """Return a data folder with both recordings that the test may change."""
    folder = tmp_path / "data"
    shutil.copytree(imported, folder)
    return folder


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., int]:
    """Return the command line as a function: data folder, arguments; far from any .env file."""
    monkeypatch.chdir(tmp_path)

    def run(folder: Path, *arguments: str) -> int:
        monkeypatch.setenv("DATA_DIR", str(folder))
        return cli.main(arguments)

    return run
