"""One figure beside what was asked of it, and how figures are printed and handed on."""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True, slots=True)
class Figure:
    """One measurement.

    Attributes:
        name: What was measured.
        value: The result.
        unit: Of value and limit.
        asked: The limit; None for a figure that only stands beside another.
        at_least: The limit is the least that is asked for, not the most.
        note: How it was measured, or what it stands beside.
    """

    name: str
    value: float
    unit: str
    asked: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is as asked, None where nothing was."""
        if self.asked is None:
            return None
        return self.value >= self.asked if self.at_least else self.value <= self.asked


def table(title: str, figures: Sequence[Figure]) -> str:
    """Return the figures for people."""
    lines = [title]
    for figure in figures:
        asked = ""
        if figure.asked is not None:
            asked = f"{'≥' if figure.at_least else '≤'} {_text(figure.asked)}"
        met = {True: "met", False: "MISSED", None: ""}[figure.met]
        lines.append(
            f"  {figure.name:<66}{_text(figure.value):>12} {figure.unit:<11}{asked:>13}  {met:<7}"
            f"{figure.note}".rstrip()
        )
    return "\n".join(lines)


def as_json(figures: Iterable[Figure]) -> list[dict[str, Any]]:
    """Return the figures as plain data."""
    return [asdict(figure) | {"met": figure.met} for figure in figures]


def from_json(rows: Iterable[dict[str, Any]]) -> list[Figure]:
    """Return the figures that `as_json` wrote."""
    return [Figure(**{n: v for n, v in row.items() if n != "met"}) for row in rows]


def hand_on(title: str, figures: Sequence[Figure]) -> None:
    """Print the table to the terminal's error stream and one line of JSON to its output."""
    print(table(title, figures), file=sys.stderr)
    print(json.dumps({"title": title, "figures": as_json(figures)}))


def median(values: Sequence[float]) -> float:
    """Return the median of at least one value."""
    return statistics.median(values)


def percentile(values: Sequence[float], percent: float) -> float:
    """Return a percentile of at least one value."""
    return float(np.percentile(values, percent))


def _text(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"
