"""Delays grow, stay under the cap, and begin anew after a reset."""

from __future__ import annotations

from itertools import cycle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.feeds.backoff import Backoff, delay_s


def test_delays_double_up_to_the_cap_when_nothing_is_taken_off() -> None:
    backoff = Backoff(first_s=1, factor=2, cap_s=10, random=lambda: 0.0)

    assert [backoff.next_s() for _ in range(6)] == [1, 2, 4, 8, 10, 10]
    assert backoff.failures == 6


def test_jitter_takes_off_a_share_of_each_delay() -> None:
    draws = cycle([0.0, 0.5, 0.8])
    backoff = Backoff(first_s=4, factor=1, cap_s=4, jitter=0.5, random=lambda: next(draws))

    assert [backoff.next_s() for _ in range(3)] == pytest.approx([4.0, 3.0, 2.4])


def test_after_a_reset_the_first_delay_comes_again() -> None:
    backoff = Backoff(first_s=1, random=lambda: 0.0)
    backoff.next_s()
    backoff.next_s()

    backoff.reset()

    assert backoff.failures == 0
    assert backoff.next_s() == 1


@given(st.integers(0, 10**9), st.floats(0, 1, exclude_max=True))
def test_no_delay_leaves_its_bounds_however_long_the_feed_fails(attempt: int, draw: float) -> None:
    assert 0.375 <= delay_s(attempt, draw) <= 60


def test_the_default_source_of_chance_spreads_the_delays() -> None:
    delays = {Backoff(first_s=10).next_s() for _ in range(20)}

    assert len(delays) > 10
    assert all(7.5 < delay <= 10 for delay in delays)


@pytest.mark.parametrize(
    ("first_s", "factor", "cap_s", "jitter"),
    [(0, 2, 10, 0.1), (20, 2, 10, 0.1), (1, 0.5, 10, 0.1), (1, 2, 10, 1.5), (1, 2, 10, -0.1)],
)
def test_a_schedule_that_cannot_work_is_refused(
    first_s: float, factor: float, cap_s: float, jitter: float
) -> None:
    with pytest.raises(ValueError, match="backoff needs"):
        Backoff(first_s, factor, cap_s, jitter)
