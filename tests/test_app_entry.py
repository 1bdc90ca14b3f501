from __future__ import annotations

import importlib.metadata
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import app


def project(root: Path) -> dict[str, Any]:
    with (root / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]  # type: ignore[no-any-return]


def requirements(root: Path) -> list[Requirement]:
    found = [Requirement(text) for text in project(root)["dependencies"]]
    return [one for one in found if one.marker is None or one.marker.evaluate()]


def pins(root: Path, name: str) -> dict[str, str]:
    lines = (root / name).read_text(encoding="utf-8").splitlines()
    pairs = (line.split("==") for line in lines if not line.startswith("#"))
    return {canonicalize_name(package): version for package, version in pairs}


def test_without_packages_it_names_the_next_command(root: Path) -> None:
    # -S: as on a fresh machine, without site-packages.
    done = subprocess.run(
        [sys.executable, "-I", "-S", "app.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.startswith("Packages are missing here: dash, plotly, ")
    assert "make run" in done.stderr
    assert "Traceback" not in done.stderr


def test_on_an_older_python_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 10, 2))
    monkeypatch.setattr(sys, "version", "3.10.2 (main)")
    text = app.next_command()
    assert text is not None
    assert text.startswith("The dashboard needs Python 3.11 or newer; this is 3.10.2.")


def test_the_commands_fit_the_system(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    assert "make run" in app.BY_HAND
    monkeypatch.setattr("os.name", "nt")
    on_windows = runpy.run_path(str(root / "app.py"))["BY_HAND"]
    monkeypatch.undo()
    readme = (root / "README.md").read_text(encoding="utf-8")
    for line in (on_windows + app.BY_HAND).splitlines():
        if line.startswith("    "):
            assert line.strip() in readme


def test_with_packages_there_is_nothing_to_say() -> None:
    assert app.next_command() is None


def test_the_packages_it_looks_for_are_the_declared_ones(root: Path) -> None:
    distributions = importlib.metadata.packages_distributions()
    looked_for = {canonicalize_name(distributions[name][0]) for name in app.PACKAGES}
    declared = {canonicalize_name(one.name) for one in requirements(root)}
    assert looked_for == declared - {"tzdata"}


def test_importing_it_builds_nothing(root: Path) -> None:
    assert "server" not in runpy.run_path(str(root / "app.py"))
    with pytest.raises(AttributeError, match="no attribute 'other'"):
        _ = app.other


@pytest.mark.parametrize(
    ("name", "urllib3"), [("constraints.txt", "2"), ("constraints-test.txt", "1")]
)
def test_the_constraints_are_exact_and_complete(root: Path, name: str, urllib3: str) -> None:
    text = (root / name).read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text
    pinned = pins(root, name)
    for one in requirements(root):
        assert one.specifier.contains(pinned[canonicalize_name(one.name)]), one
    # The broker's SDK gets a current urllib3; only the test extra forces the old one.
    assert pinned["urllib3"].split(".")[0] == urllib3


def test_gunicorn_reads_the_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DASHBOARD_PORT", "6001")
    monkeypatch.setenv("PORT", "80")
    conf = SimpleNamespace(**runpy.run_path(str(root / "gunicorn.conf.py")))
    assert conf.bind == "127.0.0.1:6001"
    assert (conf.worker_class, conf.workers) == ("gthread", 2)
    assert conf.control_socket_disable is True
    assert conf.preload_app is False
    assert conf.max_requests == 0


def test_gunicorn_says_what_is_wrong_with_the_settings(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "many")
    with pytest.raises(SystemExit, match="DASHBOARD_PORT in the environment: 'many'"):
        runpy.run_path(str(root / "gunicorn.conf.py"))
