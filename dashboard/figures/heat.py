"""Heat: how big a value is beside the values seen so far in its session, in five steps.

A value's step comes from percentiles of the session's values up to and including its own bar. So
a closed bar keeps its colours whatever comes later, live and rebuilt charts agree, and the open
bar is coloured as if it closed now. A step is the number of percentiles (25, 50, 75, 90) that the
value lies above: equal values get equal steps, and a session of equal values is all cool.

Percentiles are taken from counts in bins, not by sorting: a bin is exact for values up to 31 and
within 1/16 above, the counts of a whole session are one pass of numpy, and one more bar costs only
its own cells. Called by `frame`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import I64

__all__ = [
    "NO_FILL",
    "PERCENTILES",
    "Counts",
    "Heat",
    "Steps",
    "heat_steps",
    "no_counts",
    "size_bins",
]

Steps = NDArray[np.int8]
Counts = NDArray[np.int32]

PERCENTILES = (25, 50, 75, 90)
"""Percent of the values seen so far that a value must lie above to reach steps 1, 2, 3 and 4."""

NO_FILL = -1
"""The step of a zero."""

_PER_OCTAVE = 16
_BINS = 54 * _PER_OCTAVE


@dataclass(frozen=True, slots=True, eq=False)
class Heat:
    """Steps of many values, and the counts with which later bars go on.

    Attributes:
        steps: Shape (N,): 0..4, `NO_FILL` for zeros.
        before_last: Shape (groups, bins): counts of all bars but the last.
        counts: The same with the last bar.
    """

    steps: Steps
    before_last: Counts
    counts: Counts


def size_bins(values: I64) -> I64:
    """Return the bin of each value (0 or more), shape (N,): sixteen bins to a doubling.

    Values up to 31 have a bin of their own; 0 shares the bin of 1, callers leave it out.
    """
    mantissa, exponent = np.frexp(np.maximum(values, 1).astype(np.float64))
    within = ((mantissa * 2 - 1) * _PER_OCTAVE).astype(np.int64)
    return (exponent.astype(np.int64) - 1) * _PER_OCTAVE + within


def no_counts(groups: int) -> Counts:
    """Return the counts of a session that has no bars yet."""
    return np.zeros((groups, _BINS), np.int32)


def heat_steps(
    values: I64,
    bar: I64,
    group: I64,
    shape: tuple[int, int],
    carry: Counts,
    alone: int = 0,
) -> Heat:
    """Return the heat steps of the values of consecutive bars of one session.

    Args:
        values: Shape (N,), 0 or more.
        bar: Shape (N,): each value's bar, 0..bars-1.
        group: Shape (N,): what is compared with what (cells with cells), 0..groups-1.
        shape: (bars, groups), both at least 1. Memory is about 5 kB for each of the product.
        carry: Counts of the session's bars before these (`no_counts`).
        alone: Groups below this number are compared within their own bar only.
    """
    bars, groups = shape
    traded = values > 0
    bins, row, kind = size_bins(values[traded]), bar[traded], group[traded]
    known = np.flatnonzero(carry.any(axis=0))
    width = 1 + max(int(bins.max(initial=0)), int(known.max(initial=0)))
    flat = np.bincount((row * groups + kind) * width + bins, minlength=bars * groups * width)
    own = flat.reshape(bars, groups, width).astype(np.int32)
    seen = np.cumsum(own, axis=0, dtype=np.int32)
    seen += carry[:, :width]
    counts = carry.copy()
    counts[:, :width] = seen[-1]
    before_last = counts.copy()
    before_last[:, :width] -= own[-1]
    seen[:, :alone] = own[:, :alone]
    steps = np.full(len(values), NO_FILL, np.int8)
    steps[traded] = _steps_of(bins, row, kind, seen)
    return Heat(steps, before_last, counts)


def _steps_of(bins: I64, row: I64, kind: I64, seen: Counts) -> Steps:
    """Return each value's step among the counts that it is compared with.

    Args:
        bins: Shape (N,): bin of each value.
        row: Shape (N,): bar of each value.
        kind: Shape (N,): group of each value.
        seen: Shape (bars, groups, bins).
    """
    up_to = np.cumsum(seen, axis=2, dtype=np.int32)
    total = up_to[:, :, -1:].astype(np.int64)
    steps = np.zeros(len(bins), np.int8)
    for percent in PERCENTILES:
        enough = (-(-percent * total // 100)).astype(np.int32)
        threshold = (up_to >= enough).argmax(axis=2)
        steps += bins > threshold[row, kind]
    return steps
