"""What a check found, and how findings are shown."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

_WIDTH = 100


class State(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found.

    Attributes:
        check: Its subject, a word or two.
        state: How it came out.
        text: What is so.
        remedy: What to do about a warning or a fault, "" otherwise.
    """

    check: str
    state: State
    text: str
    remedy: str = ""


@dataclass
class Findings:
    """Collects the findings of one check.

    Attributes:
        check: Its subject.
        found: What was added, in order.
    """

    check: str
    found: list[Finding] = field(default_factory=list)

    def ok(self, text: str) -> None:
        """Add that something is as it should be."""
        self.found.append(Finding(self.check, State.OK, text))

    def warn(self, text: str, remedy: str) -> None:
        """Add what works now and may not later."""
        self.found.append(Finding(self.check, State.WARNING, text, remedy))

    def fault(self, text: str, remedy: str) -> None:
        """Add what does not work."""
        self.found.append(Finding(self.check, State.FAULT, text, remedy))


def is_well(findings: Sequence[Finding]) -> bool:
    """Return whether there is no fault; warnings are no faults."""
    return all(finding.state is not State.FAULT for finding in findings)


def as_table(findings: Sequence[Finding], width: int | None = None) -> str:
    """Return the findings as lines for a terminal: subject, state, text; a remedy below its text.

    Args:
        findings: What to show.
        width: Columns; None: the terminal's, at most 100.
    """
    width = width or min(_WIDTH, shutil.get_terminal_size().columns)
    subject = max((len(f.check) for f in findings), default=0) + 2
    state = max(len(s) for s in State) + 2
    indent = " " * (subject + state)
    lines: list[str] = []
    for finding in findings:
        head = f"{finding.check:<{subject}}{finding.state:<{state}}"
        lines += textwrap.wrap(finding.text, width, initial_indent=head, subsequent_indent=indent)
        if finding.remedy:
            lines += textwrap.wrap(
                f"→ {finding.remedy}", width, initial_indent=indent, subsequent_indent=f"{indent}  "
            )
    faults = sum(f.state is State.FAULT for f in findings)
    warnings = sum(f.state is State.WARNING for f in findings)
    lines.append("")
    lines.append(f"{_counted(faults, 'fault')}, {_counted(warnings, 'warning')}.")
    return "\n".join(lines)


def as_document(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return the findings as plain data for JSON."""
    return {
        "ok": is_well(findings),
        "checks": [asdict(f) for f in findings],
    }


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
