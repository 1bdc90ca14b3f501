"""The two lengths of the safety runs, and their account of what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.safety.support import mounted

SHORT, LONG = 5, 50
_ACCOUNT = pytest.StashKey[list[str]]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--long", action="store_true", help="fifty kills instead of five")


def is_long(config: pytest.Config) -> bool:
    # The option exists only where this folder was named on the command line (make safety).
    return bool(config.getoption("long", default=False))


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """How often to kill."""
    return LONG if is_long(request.config) else SHORT


@pytest.fixture
def tell(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Return what takes a line of the account that the long form prints."""
    lines = request.config.stash.setdefault(_ACCOUNT, [])
    lines.append(f"{request.node.name}:")
    return lambda line: lines.append(f"    {line}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if is_long(terminalreporter.config):
        terminalreporter.section("what was done")
        for line in terminalreporter.config.stash.get(_ACCOUNT, []):
            terminalreporter.write_line(line)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """Return a function from megabytes to the folder of a disk of that size."""
    with ExitStack() as disks:
        number = count()
        yield lambda size: disks.enter_context(mounted(tmp_path / f"disk{next(number)}", size))
