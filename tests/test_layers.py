"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "dashboard"

LINT_IMPORTS = "from importlinter.cli import lint_imports_command; lint_imports_command()"
TEXT = {"", ".css", ".js", ".json", ".md", ".py", ".toml", ".txt"}
ENVIRONMENT = {"os.environ", "os.environb", "os.getenv", "os.putenv", "dotenv"}
WALL_CLOCK = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
}


def names_used(tree: ast.AST) -> Iterator[str]:
    """Yield the full dotted name of everything a module imports or reaches by attributes.

    Aliases are followed: ``import datetime as dt; dt.date.today()`` yields
    ``datetime.date.today``.
    """
    alias: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for item in node.names:
                top = item.name.split(".")[0]
                alias[item.asname or top] = item.name if item.asname else top
                yield item.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            for item in node.names:
                alias[item.asname or item.name] = f"{node.module}.{item.name}"
                yield f"{node.module}.{item.name}"
                yield str(node.module)
    for node in ast.walk(tree):
        parts: list[str] = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        if parts and isinstance(inner, ast.Name) and inner.id in alias:
            yield ".".join([alias[inner.id], *reversed(parts)])


def users_of(forbidden: set[str]) -> dict[str, set[str]]:
    """Return which of the names each source file uses, by path below ``dashboard/``."""
    found: dict[str, set[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        used = set(names_used(ast.parse(path.read_text(encoding="utf-8")))) & forbidden
        if used:
            found[path.relative_to(SOURCE).as_posix()] = used
    return found


def test_imports_keep_to_the_floors(root: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LINT_IMPORTS, "--no-cache"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_only_settings_read_the_environment() -> None:
    users = users_of(ENVIRONMENT)
    assert "settings.py" in users, "the search itself works"
    assert set(users) == {"settings.py"}, users


def test_only_the_ingest_clock_reads_the_wall_clock() -> None:
    users = users_of(WALL_CLOCK)
    users.pop("ingest/clock.py", None)
    assert users == {}


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("import time\ntime.time_ns()", "time.time_ns"),
        ("from time import time_ns as now\nnow()", "time.time_ns"),
        ("import datetime as dt\ndt.datetime.now(dt.UTC)", "datetime.datetime.now"),
        ("from datetime import date\ndate.today()", "datetime.date.today"),
        ("from os import environ", "os.environ"),
    ],
)
def test_the_search_follows_aliases(source: str, name: str) -> None:
    assert name in set(names_used(ast.parse(source)))


def test_nothing_is_fetched_from_elsewhere(root: Path) -> None:
    """No content network, package index or path of somebody's machine stands in the code."""
    cdn = r"jsdelivr|unpkg\.com|cdnjs|googleapis|cdn\.plot|bootstrapcdn"
    index = r"py" + r"pi\.org|pythonhosted|--index-url|--extra-index"
    # Split, so that this line does not find itself.
    machine = r"(?<![\w.])/(?:wo" + r"rk|home/\w+|root)/"
    wrong = re.compile(f"{cdn}|{index}|{machine}")
    folders = ("dashboard", "assets", "benchmarks")
    files = [path for folder in folders for path in (root / folder).rglob("*")]
    files += [*root.glob("[!.]*.*"), root / "Makefile", root / ".ci" / "run"]
    found = [
        f"{path.relative_to(root)}: {match.group()}"
        for path in files
        if path.suffix in TEXT and path.is_file()
        for match in [wrong.search(path.read_text(encoding="utf-8"))]
        if match
    ]
    assert found == []
