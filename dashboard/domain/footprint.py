"""Footprint levels: what traded at which price, as flat arrays that the bars' offsets cut.

`sum_levels` is the one place where levels are summed: `aggregate` gives it trades, `merge` the
levels of bars. `regroup` makes a coarser ladder of a finer one. All sums are exact integers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.domain.bars import I64, LEVEL_COLUMNS, Bars
from dashboard.errors import ViewNotPossibleError

_SPARE_CELLS = 1 << 16
"""Empty cells that cost less than finding out which cells are used."""


def sum_levels(level: I64, runs: I64, columns: Sequence[I64]) -> tuple[I64, I64, I64, list[I64]]:
    """Sum entries that share a bar and a level.

    Every bar gets one cell per level from its lowest to its highest and each entry is added to its
    cell, so nothing is sorted. Where an outlier would make that table far larger than the entries,
    only the cells in use are numbered.

    Args:
        level: Shape (N,), level index of each entry (any integers), those of bar 0 first, then
            those of bar 1, ...; any order inside a bar.
        runs: Shape (B,), number of entries of each bar; may be 0.
        columns: Columns of shape (N,) to sum, int64.

    Returns:
        Offsets of shape (B + 1,); level indices of shape (L,), ascending in each bar, only levels
        that have entries; the number of entries of each level; each column's sums, shape (L,).
    """
    filled = runs > 0
    first = (np.cumsum(runs) - runs)[filled]
    low, spans = np.zeros_like(runs), np.zeros_like(runs)
    if len(first):
        low[filled] = np.minimum.reduceat(level, first)
        spans[filled] = np.maximum.reduceat(level, first) - low[filled] + 1
    ends = np.cumsum(spans)
    shift = ends - spans - low
    cell = level + np.repeat(shift, runs)
    size = int(spans.sum())
    if size <= 4 * len(level) + _SPARE_CELLS:
        counts = np.bincount(cell, minlength=size)
        used = np.flatnonzero(counts)
        counts = counts[used]
        sums = [_sum_cells(cell, column, size)[used] for column in columns]
    else:
        used, cell, counts = np.unique(cell, return_inverse=True, return_counts=True)
        sums = [_sum_cells(cell, column, len(used)) for column in columns]
    offsets = np.concatenate([np.zeros(1, np.int64), np.searchsorted(used, ends)])
    return offsets, used - np.repeat(shift, offsets[1:] - offsets[:-1]), counts, sums


def _sum_cells(cell: I64, column: I64, size: int) -> I64:
    """Return the exact sum of each cell; `np.bincount` with weights would sum in float64."""
    total = np.zeros(size, np.int64)
    np.add.at(total, cell, column)
    return total


def nearest_level_sizes(step: int, wanted: int) -> tuple[int, int]:
    """Return the two multiples of `step` around `wanted`, the lower first and at least one step.

    Below one step they are one and two steps; a multiple gives itself and the next one.
    """
    lower = max(wanted // step, 1) * step
    return lower, lower + step


def regroup(bars: Bars, level_size: int) -> Bars:
    """Return the same bars with coarser levels, each the exact sum of its parts.

    A coarse level is ``floor(price / level_size) * level_size``, below zero too. All other columns
    stay as they are.

    Args:
        bars: Any bars.
        level_size: Price units, a multiple of the bars' own.

    Raises:
        ViewNotPossibleError: The size is no multiple (the two nearest possible ones are named), or
            the levels are centred on their prices, so that a coarser edge would cut one in half.
    """
    step = bars.level_size
    if level_size == step:
        return bars
    if bars.origin.level_anchor != "floor":
        msg = (
            f"These levels are centred on their prices, {step} price units apart, and a coarser "
            f"level would cut one in half; only a level size of {step} price units is possible."
        )
        raise ViewNotPossibleError(msg)
    if level_size < step or level_size % step:
        lower, upper = nearest_level_sizes(step, level_size)
        msg = (
            f"A level size of {level_size} price units is not possible because the stored levels "
            f"are {step} price units high; the nearest possible sizes are {lower} and {upper}."
        )
        raise ViewNotPossibleError(msg)
    price = bars.level_price // level_size * level_size
    # Levels ascend inside a bar, so the parts of a coarse level stand side by side.
    opens = np.ones(len(price) + 1, np.bool_)
    opens[1:-1] = price[1:] != price[:-1]
    opens[bars.offsets] = True
    first = np.flatnonzero(opens[:-1])
    columns: dict[str, Any] = {"level_price": price[first]}
    for name in LEVEL_COLUMNS[1:]:
        column = getattr(bars, name)
        columns[name] = np.add.reduceat(column, first) if len(first) else column
    offsets = np.searchsorted(first, bars.offsets)
    return replace(bars, level_size=level_size, offsets=offsets, **columns)
