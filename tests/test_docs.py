"""Documents that name tests name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("PREDECESSOR.md",)


def names_in_the_tree() -> set[str]:
    texts = (path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    return {name for text in texts for name in re.findall(r"def (test_[a-z0-9_]+)", text)}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_test_that_a_document_names_exists(document: str) -> None:
    text = (ROOT / "docs" / document).read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", text))
    assert named
    assert not named - names_in_the_tree()


def test_all_of_the_predecessors_faults_are_answered() -> None:
    text = (ROOT / "docs" / "PREDECESSOR.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \|.*\|$", text, flags=re.MULTILINE)
    assert [int(row) for row in rows] == list(range(1, 37))
