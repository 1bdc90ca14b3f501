"""Heat: percentiles of what was seen so far, never of what comes later."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.figures.heat import NO_FILL, PERCENTILES, heat_steps, no_counts, size_bins

sizes = st.integers(0, 10**6)
columns = st.lists(st.lists(sizes, min_size=1, max_size=12), min_size=1, max_size=8)


def steps_of(bars: list[list[int]], alone: int = 0) -> list[list[int]]:
    """Heat steps by bar, all values in one group."""
    values = np.array([v for bar in bars for v in bar])
    owner = np.repeat(np.arange(len(bars)), [len(bar) for bar in bars])
    group = np.zeros(len(values), np.int64)
    heat = heat_steps(values, owner, group, (len(bars), 1), no_counts(1), alone)
    edges = np.cumsum([len(bar) for bar in bars])[:-1]
    return [part.tolist() for part in np.split(heat.steps, edges)]


def slow_steps(bars: list[list[int]]) -> list[list[int]]:
    """The same, by sorting: how many percentiles of the bins seen so far a value's bin exceeds."""
    seen: list[int] = []
    out = []
    for bar in bars:
        bins = size_bins(np.array(bar)).tolist()
        seen += [b for b, v in zip(bins, bar, strict=True) if v]
        ranked = sorted(seen)
        limits = [ranked[-(-len(ranked) * p // 100) - 1] for p in PERCENTILES if ranked]
        out.append(
            [sum(b > q for q in limits) if v else NO_FILL for b, v in zip(bins, bar, strict=True)]
        )
    return out


@given(columns)
def test_steps_are_those_of_the_slow_way(bars: list[list[int]]) -> None:
    assert steps_of(bars) == slow_steps(bars)


@given(columns, columns)
def test_later_bars_change_nothing(early: list[list[int]], late: list[list[int]]) -> None:
    assert steps_of(early + late)[: len(early)] == steps_of(early)


@given(columns)
def test_going_on_from_the_counts_is_the_same_as_all_at_once(bars: list[list[int]]) -> None:
    carry = no_counts(1)
    for k, bar in enumerate(bars):
        zeros = np.zeros(len(bar), np.int64)
        heat = heat_steps(np.array(bar), zeros, zeros, (1, 1), carry)
        assert heat.steps.tolist() == steps_of(bars)[k]
        assert (heat.before_last == carry).all()
        carry = heat.counts


def test_a_lone_large_value_is_the_hottest() -> None:
    assert steps_of([[1] * 9 + [1000]])[0] == [0] * 9 + [4]
    assert steps_of([list(range(1, 21))])[0] == [0] * 5 + [1] * 5 + [2] * 5 + [3] * 3 + [4] * 2


def test_equal_values_are_cool_and_zeros_have_no_fill() -> None:
    assert steps_of([[5, 5, 5, 0]]) == [[0, 0, 0, NO_FILL]]


def test_alone_compares_within_the_bar() -> None:
    bars = [[1000, 2000, 3000, 4000], [1, 2, 3, 4]]
    assert steps_of(bars)[1] == [0, 0, 1, 1]
    assert steps_of(bars, alone=1)[1] == steps_of([[1, 2, 3, 4]])[0]


def test_groups_do_not_mix() -> None:
    values = np.array([1, 1, 1, 1000, 2000, 3000])
    zeros = np.zeros(6, np.int64)
    both = heat_steps(values, zeros, np.array([0, 0, 0, 1, 1, 1]), (1, 2), no_counts(2))
    assert both.steps.tolist() == [0, 0, 0, *steps_of([[1000, 2000, 3000]])[0]]


@given(st.integers(1, 2**52), st.integers(1, 2**52))
def test_bins_keep_the_order_and_differ_by_a_sixteenth(first: int, second: int) -> None:
    low, high = size_bins(np.array(sorted((first, second)))).tolist()
    assert low <= high
    if max(first, second) * 16 > min(first, second) * 17 + 16:
        assert low < high


@pytest.mark.parametrize("value", range(1, 31))
def test_small_values_have_a_bin_of_their_own(value: int) -> None:
    here, above = size_bins(np.array([value, value + 1])).tolist()
    assert here < above
