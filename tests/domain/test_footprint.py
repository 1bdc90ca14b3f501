"""Levels: summed exactly, regrouped exactly, refused where that is impossible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import MINUTE, BarOrigin, Bars
from dashboard.domain.footprint import nearest_level_sizes, regroup, sum_levels
from dashboard.domain.merge import merge
from dashboard.domain.quote import Gap
from dashboard.errors import ViewNotPossibleError
from tests.domain.tapes import DAILY, OPEN, SECOND, V1, assert_same, assert_sound, rows_of, tape

NONE = np.zeros(0, np.int64)


def _levels(bars: Bars) -> list[list[tuple[int, ...]]]:
    return [row["levels"] for row in rows_of(bars)]


def _minutes(level_size: int = 1) -> Bars:
    """Return two minutes with a bar between them that has no level."""
    rows = tape([(-3, 1, "B"), (-2, 2, "S"), (2, 4, "?"), (4, 8, "B")], step_ns=50 * SECOND)
    gap = Gap("X", 0, OPEN + 60 * SECOND, 5, 3, "lost")
    made, _ = aggregate(rows, MINUTE, DAILY, level_size)
    return merge(
        made.take(0, 1), merge(gap_bars([gap], MINUTE, DAILY, level_size), made.take(2, 3))
    )


def test_regroup_sums_levels_below_and_above_zero() -> None:
    bars = _minutes()
    assert [len(levels) for levels in _levels(bars)] == [2, 0, 1]
    coarse = regroup(bars, 3)
    assert _levels(coarse) == [[(-3, 2, 1, 0, 2)], [], [(3, 0, 8, 0, 1)]]
    assert coarse.level_size == 3
    assert_sound(coarse)


def test_regroup_keeps_neighbouring_bars_apart() -> None:
    rows = tape([(7, 1, "B"), (7, 2, "S")], step_ns=60 * SECOND)
    bars, _ = aggregate(rows, MINUTE, DAILY, 1)
    assert _levels(regroup(bars, 10)) == [[(0, 0, 1, 0, 1)], [(0, 2, 0, 0, 1)]]


def test_regroup_leaves_everything_but_levels() -> None:
    bars, _ = aggregate(tape(V1), MINUTE, DAILY, 1)
    coarse = regroup(bars, 2)
    assert _levels(coarse) == [
        [(98, 20, 0, 0, 1), (100, 105, 60, 0, 5), (102, 70, 145, 0, 8), (104, 0, 20, 0, 1)]
    ]
    row, before = rows_of(coarse)[0], rows_of(bars)[0]
    assert row | {"levels": 0} == before | {"levels": 0}


def test_regroup_in_steps_equals_regroup_at_once() -> None:
    bars, _ = aggregate(tape(V1), MINUTE, DAILY, 1)
    assert_same(regroup(regroup(bars, 2), 6), regroup(bars, 6))


def test_regroup_to_the_same_size_is_the_same() -> None:
    bars = _minutes()
    assert regroup(bars, 1) is bars


def test_bars_without_levels_regroup() -> None:
    gap = Gap("X", 0, OPEN, 5, 3, "lost")
    coarse = regroup(gap_bars([gap], MINUTE, DAILY, 5), 10)
    assert _levels(coarse) == [[]]
    assert len(regroup(Bars.empty(MINUTE, 5), 10)) == 0


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [(25, "20 and 30"), (12, "10 and 20"), (5, "10 and 20"), (0, "10 and 20"), (-10, "10 and 20")],
)
def test_a_size_between_is_refused_and_the_nearest_named(wanted: int, nearest: str) -> None:
    bars, _ = aggregate(tape(V1), MINUTE, DAILY, 10)
    with pytest.raises(ViewNotPossibleError, match=f"{wanted} price units.*sizes are {nearest}"):
        regroup(bars, wanted)


def test_centred_levels_have_one_size() -> None:
    centred = replace(_minutes(), origin=BarOrigin(level_anchor="nearest"))
    assert regroup(centred, 1) is centred
    with pytest.raises(ViewNotPossibleError, match="only a level size of 1 price"):
        regroup(centred, 2)


@pytest.mark.parametrize(
    ("step", "wanted", "expected"),
    [(10, 25, (20, 30)), (10, 30, (30, 40)), (10, 3, (10, 20)), (10, -4, (10, 20)), (1, 7, (7, 8))],
)
def test_nearest_level_sizes(step: int, wanted: int, expected: tuple[int, int]) -> None:
    assert nearest_level_sizes(step, wanted) == expected


@pytest.mark.parametrize("outlier", [7, 10**12], ids=["dense", "sparse"])
def test_levels_are_summed_alike_with_and_without_an_outlier(outlier: int) -> None:
    level = np.array([5, -2, 5, 5, outlier, 9])
    runs = np.array([0, 3, 0, 2, 1, 0])
    weight = np.array([1, 2, 4, 8, 16, 32])
    offsets, index, counts, sums = sum_levels(level, runs, [weight, -weight])
    assert offsets.tolist() == [0, 0, 2, 2, 4, 5, 5]
    assert index.tolist() == [-2, 5, 5, outlier, 9]
    assert counts.tolist() == [1, 2, 1, 1, 1]
    assert [s.tolist() for s in sums] == [[2, 5, 8, 16, 32], [-2, -5, -8, -16, -32]]


def test_no_entries_make_no_levels() -> None:
    offsets, index, counts, sums = sum_levels(NONE, np.zeros(2, np.int64), [NONE])
    assert offsets.tolist() == [0, 0, 0]
    assert [len(column) for column in (index, counts, *sums)] == [0, 0, 0]
