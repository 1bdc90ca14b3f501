"""What every test may rely on: a clean environment and nothing left over from another test."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
import pytest

from dashboard.settings import FIELDS, Settings

ROOT = Path(__file__).resolve().parent.parent

# No deadline: how long an example takes depends on what else the machine is doing.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide the developer's own settings, so that tests see only what they set."""
    for field in FIELDS:
        monkeypatch.delenv(field.name, raising=False)


@pytest.fixture(autouse=True)
def _no_pages_left_over() -> Iterator[None]:
    """Empty Dash's registry of pages, which is global to the process."""
    yield
    if (dash := sys.modules.get("dash")) is not None:  # most tests never load it
        dash.page_registry.clear()


@pytest.fixture
def root() -> Path:
    """The folder of the clone."""
    return ROOT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings without a feed, with a data folder of the test's own."""
    return Settings(feed="none", instruments=(), data_dir=tmp_path / "data")


@pytest.fixture
def shared() -> Callable[[str], Path]:
    """Return a function from a path below ``../shared`` to the file; skips if it is absent."""

    def find(name: str) -> Path:
        path = ROOT.parent / "shared" / name
        if not path.exists():
            pytest.skip(f"needs ../shared/{name} beside the clone")
        return path

    return find
