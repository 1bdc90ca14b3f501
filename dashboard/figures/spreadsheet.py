"""The export document as CSV for a spreadsheet: one row per price level of each bar.

A row begins with the bar's own columns and ends with one of its levels, so that a sheet or a pivot
table has every number beside what it belongs to. Sums over bars count each bar once only where one
row per bar is taken (`level_of_bar` is 1); sums over `level_…` columns count everything once. A bar
without levels, such as one that a gap left, has one row with these columns empty.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from dashboard.figures.export import Document

__all__ = ["COLUMNS", "to_csv"]

_OF_BAR = (
    "open", "high", "low", "close", "volume", "bid_volume", "ask_volume", "unknown_volume",
    "unattributed_volume", "trades", "delta", "min_delta", "max_delta", "cvd", "vwap",
    "session_vwap", "poc", "vah", "val",
)  # fmt: skip
_OF_LEVEL = ("price", "bid_volume", "ask_volume", "unknown_volume", "trades")

COLUMNS = (
    "symbol", "bar", "session", "date", "time", "start", "start_ns", *_OF_BAR, "level_of_bar",
    *(f"level_{name}" for name in _OF_LEVEL),
)  # fmt: skip
"""The header. `date` and `time` are the bar's start in the exchange's zone, which sheets read."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def to_csv(document: Document) -> str:
    """Return an export document (`export.export_bars`) as CSV text, RFC 4180.

    Numbers are written as in the JSON export, digit by digit; what a source cannot know is empty.
    A text that begins like a formula gets an apostrophe before it: a spreadsheet must not run what
    somebody called an instrument.
    """
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows(_rows(document))
    return text.getvalue()


def _rows(document: Document) -> Iterator[list[Any]]:
    whose = [_text(document["symbol"]), _text(document["bar"])]
    nothing = [""] * (len(_OF_LEVEL) + 1)
    for session, bar in _by_session(document):
        start = bar["start"]
        when = [_text(session), start[:10], start[11:-6], start, bar["start_ns"]]
        own = [*whose, *when, *(_number(bar[name]) for name in _OF_BAR)]
        for place, level in enumerate(bar["levels"], start=1):
            yield [*own, place, *[_number(level[name]) for name in _OF_LEVEL]]
        if not bar["levels"]:
            yield [*own, *nothing]


def _by_session(document: Document) -> Iterator[tuple[str, Document]]:
    """Yield each bar with its session's label."""
    bars = iter(document["bars"])
    for session in document["sessions"]:
        for _ in range(session["bars"]):
            yield session["label"], next(bars)


def _text(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value


def _number(value: object) -> object:
    # str() of a large Decimal has an exponent, which not every sheet reads.
    return format(value, "f") if isinstance(value, Decimal) else value
