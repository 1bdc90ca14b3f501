"""The identity of trades that carry no trustworthy id.

Two files, or a file and the store, mean the same trade when time, price, size, side, bid and ask
are equal and it is the k-th such row in both. So importing a file twice changes nothing, two
exports that overlap join without doubling, and identical twins inside one file all stay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
BOOL = NDArray[np.bool_]


def find_repeats(keys: Sequence[NDArray[Any]], source: NDArray[Any]) -> BOOL:
    """Return which rows repeat a row of an earlier source, shape (T,).

    Args:
        keys: Columns that must be equal, each (T,), the most telling one first.
        source: Shape (T,), number of the source of each row. Rows of one source are never repeats
            of each other: its k-th row of equal keys repeats the k-th one of an earlier source.
    """
    if not _overlap(keys[0], source):
        return np.zeros(len(source), dtype=np.bool_)
    rank = _rank_equals([*keys, source])
    order = np.lexsort([source, rank, *reversed(keys)])
    same = _same_as_before([*keys, rank], order)
    repeats = np.zeros(len(source), dtype=np.bool_)
    repeats[order[1:]] = same
    return repeats


def _overlap(times: NDArray[Any], source: NDArray[Any]) -> bool:
    """Whether the time ranges of any two sources touch."""
    numbers = np.unique(source)
    ranges = sorted((times[source == n].min(), times[source == n].max()) for n in numbers)
    ends = np.maximum.accumulate([last for _, last in ranges])
    return any(ranges[i + 1][0] <= ends[i] for i in range(len(ranges) - 1))


def _rank_equals(columns: Sequence[NDArray[Any]]) -> I64:
    """Return each row's number among the rows equal to it in all columns, from 0, in row order."""
    order = np.lexsort(list(reversed(columns)))  # stable: equal rows stay in row order
    begins = np.concatenate([[True], ~_same_as_before(columns, order)])
    place = np.arange(len(order))
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = place - np.maximum.accumulate(np.where(begins, place, 0))
    return rank


def _same_as_before(columns: Sequence[NDArray[Any]], order: I64) -> BOOL:
    """Return for all rows but the first, in an order, whether they equal the row before."""
    same = np.ones(len(order) - 1, dtype=np.bool_)
    for column in columns:
        ordered = column[order]
        same &= ordered[1:] == ordered[:-1]
    return same
