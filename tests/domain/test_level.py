"""Auto level size: the smallest readable row, without flicker."""

from __future__ import annotations

from itertools import islice

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.level import ROW_PX, auto_level_size, level_sizes
from tests.domain.vectors import V15

QUICK = settings(max_examples=200, deadline=None)
spans, panes = st.integers(1, 10**9), st.integers(1, 4000)


@pytest.mark.parametrize("case", V15)
def test_v15(case: str) -> None:
    span, tick, size, row_px = V15[case]
    assert auto_level_size(span, 600, tick) == size
    assert 600 * size / span == row_px


def test_the_table_goes_on_in_its_pattern() -> None:
    sizes = list(islice(level_sizes(5), 20))
    assert sizes[:12] == [5 * n for n in (1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000)]
    assert sizes[12:] == [5 * n for n in (2000, 2500, 5000, 10000, 20000, 25000, 50000, 100000)]
    assert auto_level_size(10**7, 600, 1) == 250_000


@QUICK
@given(span=spans, pane=panes, tick=st.integers(1, 100))
def test_smallest_size_of_readable_rows(span: int, pane: int, tick: int) -> None:
    size = auto_level_size(span, pane, tick)
    assert size % tick == 0
    assert pane * size / span >= ROW_PX
    finer = [s for s in islice(level_sizes(tick), 60) if s < size]
    assert all(pane * s / span < ROW_PX for s in finer)


@QUICK
@given(span=spans, pane=panes, tick=st.integers(1, 100), current=st.integers(-5, 10**6))
def test_what_was_chosen_stays_chosen(span: int, pane: int, tick: int, current: int) -> None:
    size = auto_level_size(span, pane, tick, current)
    assert pane * size / span >= ROW_PX
    assert auto_level_size(span, pane, tick, size) == size


def test_a_size_stays_while_its_rows_are_legible() -> None:
    # Rows of 250 in 600 px: 17.6 px at a span of 8500 (200 would have 14.1), 13.6 px at 11000.
    assert auto_level_size(8_500, 600, 10) == 200
    assert auto_level_size(8_500, 600, 10, current=250) == 250
    assert auto_level_size(11_000, 600, 10, current=250) == 500


def test_a_finer_size_comes_when_its_rows_are_roomy() -> None:
    # Rows of 100 are 15 px at a span of 4000, 18 px from 3333 down.
    assert auto_level_size(4_000, 600, 10) == 100
    assert auto_level_size(4_000, 600, 10, current=200) == 200
    assert auto_level_size(3_333, 600, 10, current=200) == 100


def test_a_size_of_another_tick_does_not_count() -> None:
    assert auto_level_size(10_000, 600, 10, current=205) == 250
    assert auto_level_size(10_000, 600, 10, current=0) == 250


@pytest.mark.parametrize(("span", "pane"), [(0, 600), (-5, 600), (6000, 0), (6000, float("nan"))])
def test_nothing_to_measure_changes_nothing(span: int, pane: float) -> None:
    assert auto_level_size(span, pane, 10) == 10
    assert auto_level_size(span, pane, 10, current=500) == 500
