"""Whether Python, SQLite and the packages are those that the dashboard was made for."""

from __future__ import annotations

import importlib.metadata
import platform
import re
import sqlite3
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from dashboard.doctor.findings import Findings

_PROJECT = "orderflow-dashboard"


def check_python(out: Findings) -> None:
    """Look at Python itself."""
    version = platform.python_version()
    bits = 64 if sys.maxsize > 2**32 else 32
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody may have forced the installation
        out.fault(f"{version} is too old.", "Install Python 3.11 or newer and run: make run")
    elif bits == 32:
        out.fault(
            f"{version}, 32 bit: large sessions do not fit into its memory.",
            "Install a 64-bit Python 3.11 or newer.",
        )
    else:
        out.ok(f"{version}, {bits} bit, {platform.system()} {platform.release()}")


def check_sqlite(out: Findings) -> None:
    """Look at the SQLite that Python brings."""
    version = sqlite3.sqlite_version
    if has_reset_fault(_release(version)):
        out.warn(
            f"{version} has the WAL-reset fault: two programs that tidy the log of one database "
            "at the very same moment can damage it. That is rare.",
            "Keep backups, and import files while the feed is not running; a Python that brings "
            "SQLite 3.51.3 or newer is free of it.",
        )
    else:
        out.ok(version)


def has_reset_fault(release: tuple[int, ...]) -> bool:
    """Return whether a SQLite release has the fault of sqlite.org/wal.html#walresetbug."""
    if release[:2] in {(3, 44), (3, 50)}:
        return release < {44: (3, 44, 6), 50: (3, 50, 7)}[release[1]]
    return (3, 7, 0) <= release < (3, 51, 3)


def check_packages(out: Findings) -> None:
    """Compare the installed packages with the project's requirements."""
    wanted = list(requirements())
    if not wanted:
        out.warn(
            "The project's requirements are not found, so versions are not compared.",
            "Run the command in the project's folder, or install the project with pip.",
        )
        return
    wrong = [text for text in map(_package_fault, wanted) if text]
    if wrong:
        out.fault(
            "; ".join(wrong),
            "Run: make run. Or: pip install -c constraints.txt . in the project's folder.",
        )
    else:
        out.ok(f"{len(wanted)} packages in the versions that pyproject.toml asks for")


def requirements() -> Iterator[tuple[str, str]]:
    """Yield name and version rule of each runtime dependency on this system."""
    project = Path(__file__).resolve().parents[2] / "pyproject.toml"
    texts: list[str] = []
    if project.is_file():
        table = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {})
        texts = table.get("dependencies", []) if table.get("name") == _PROJECT else []
    if not texts:
        try:
            texts = importlib.metadata.requires(_PROJECT) or []
        except importlib.metadata.PackageNotFoundError:
            return
    for text in texts:
        requirement, _, marker = text.partition(";")
        match = re.fullmatch(r"\s*([\w.-]+)\s*(?:\[[^]]*\])?\s*(.*?)\s*", requirement)
        system = re.search(r"sys_platform\s*==\s*['\"](\w+)['\"]", marker)
        here = (system is None or system[1] == sys.platform) and "extra" not in marker
        if match and here:
            yield match[1], match[2].strip("()")


def _package_fault(requirement: tuple[str, str]) -> str:
    name, rule = requirement
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return f"{name} is missing"
    return "" if fits(version, rule) else f"{name} is {version}, and {rule} is needed"


def fits(version: str, rule: str) -> bool:
    """Return whether a version keeps a rule such as ``>=4.4,<4.5``."""
    have = _release(version)
    for part in filter(None, (p.strip() for p in rule.split(","))):
        match = re.fullmatch(r"(>=|<=|==|!=|~=|>|<)\s*([\w.*+]+)", part)
        if match is None:
            return False
        length = max(len(have), len(_release(match[2])))
        left, right = _padded(have, length), _padded(_release(match[2]), length)
        kept = {
            ">=": left >= right, "<=": left <= right, ">": left > right, "<": left < right,
            "==": left == right, "!=": left != right,
            "~=": left >= right and left[0] == right[0],
        }[match[1]]  # fmt: skip
        if not kept:
            return False
    return True


def _release(version: str) -> tuple[int, ...]:
    """Return the numbers a version begins with: ``2.0.4rc1`` is (2, 0, 4)."""
    match = re.match(r"\d+(?:\.\d+)*", version)
    return tuple(int(part) for part in match[0].split(".")) if match else ()


def _padded(release: tuple[int, ...], length: int) -> tuple[int, ...]:
    return release + (0,) * (length - len(release))
