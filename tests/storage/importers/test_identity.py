from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.storage.importers.identity import find_repeats

ROW = st.tuples(st.integers(0, 3), st.integers(0, 2))


def repeats(*sources: list[tuple[int, int]]) -> list[bool]:
    rows = np.array([row for source in sources for row in source], dtype=np.int64).reshape(-1, 2)
    number = np.repeat(np.arange(len(sources)), [len(s) for s in sources])
    marks: list[bool] = find_repeats([rows[:, 0], rows[:, 1]], number).tolist()
    return marks


def test_twins_of_one_source_stay() -> None:
    assert repeats([(1, 1), (1, 1), (1, 1)]) == [False] * 3


def test_the_kth_row_repeats_the_kth() -> None:
    assert repeats([(1, 1), (1, 1)], [(1, 1), (1, 1), (1, 1)]) == [False, False, True, True, False]


def test_sources_apart_in_time_are_not_compared() -> None:
    assert repeats([(1, 1)], [(2, 1)]) == [False, False]
    assert repeats([(5, 1), (9, 1)], [(1, 1), (4, 1)]) == [False] * 4


@given(st.lists(st.lists(ROW, min_size=1, max_size=8), min_size=1, max_size=3))
def test_what_stays_is_each_row_as_often_as_in_its_richest_source(
    sources: list[list[tuple[int, int]]],
) -> None:
    marks = repeats(*sources)
    rows = [row for source in sources for row in source]
    kept = Counter(row for row, mark in zip(rows, marks, strict=True) if not mark)
    expected: Counter[tuple[int, int]] = Counter()
    for source in sources:
        expected |= Counter(source)
    assert kept == expected
    assert not any(marks[: len(sources[0])])


@pytest.mark.parametrize("count", [1, 2])
def test_a_source_against_itself_repeats_whole(count: int) -> None:
    source = [(1, 0), (1, 0), (2, 1), (3, 0)]
    marks = repeats(*[source] * (count + 1))
    assert marks == [False] * 4 + [True] * 4 * count
