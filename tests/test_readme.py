"""What the README says is so: its commands, its tree, its links."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from dashboard.cli import _parser

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands_of_the_parser() -> set[str]:
    actions = [a for a in _parser()._actions if isinstance(a, argparse._SubParsersAction)]
    return set(actions[0].choices)


def test_every_command_is_shown_and_no_other() -> None:
    block = README.split("<!-- commands -->")[1].split("<!-- /commands -->")[0]
    shown = set(re.findall(r"python -m dashboard ([a-z]+)", block))
    assert shown == commands_of_the_parser()


def test_every_module_of_the_top_floor_stands_in_the_tree() -> None:
    tree = README.split("## Tree")[1].split("```")[1]
    package = ROOT / "dashboard"
    modules = {p.name for p in package.glob("*.py") if not p.name.startswith("__")}
    folders = {f"{p.name}/" for p in package.iterdir() if (p / "__init__.py").exists()}
    missing = {name for name in modules | folders if name not in tree}
    assert not missing
    for name in re.findall(r"^ *([a-z]+(?:\.py|/))", tree, flags=re.MULTILINE):
        assert (ROOT / name).exists() or (package / name).exists(), name


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_every_link_leads_to_a_file(target: str) -> None:
    if not target.startswith("http"):
        assert (ROOT / target).exists()


@pytest.mark.parametrize("target", re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE))
def test_every_make_command_exists(target: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE)
