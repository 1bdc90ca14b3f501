"""How long to wait before the next try: a schedule of delays, without any waiting of its own.

The supervisor of a feed asks for a delay after each failure and resets the schedule once data
flows again. Nothing here reads a clock or sleeps.
"""

from __future__ import annotations

import random as randomness
from collections.abc import Callable


def delay_s(
    attempt: int,
    draw: float,
    *,
    first_s: float = 0.5,
    factor: float = 2.0,
    cap_s: float = 60.0,
    jitter: float = 0.25,
) -> float:
    """Return the delay before a try, in seconds.

    Grows by `factor` from `first_s` up to `cap_s`; then up to the share `jitter` is taken off, so
    that several clients that failed together do not come back together, and the cap holds.

    Args:
        attempt: Failures in a row so far without this one, 0 or more.
        draw: A random number, 0 <= draw < 1.
        first_s: Delay after the first failure, > 0.
        factor: Growth per failure, >= 1.
        cap_s: No delay is longer, >= first_s.
        jitter: Largest share taken off, 0 to 1.
    """
    # The exponent is bounded: a feed that fails for days must not overflow a float.
    grown = first_s * factor ** min(attempt, 64)
    return min(grown, cap_s) * (1.0 - jitter * draw)


class Backoff:
    """The delays of one row of failures; used from one thread.

    Args:
        first_s: Delay after the first failure, > 0.
        factor: Growth per failure, >= 1.
        cap_s: No delay is longer, >= first_s.
        jitter: Largest share taken off each delay, 0 to 1.
        random: Gives random numbers, 0 <= r < 1.

    Raises:
        ValueError: An argument is out of its range.
    """

    def __init__(
        self,
        first_s: float = 0.5,
        factor: float = 2.0,
        cap_s: float = 60.0,
        jitter: float = 0.25,
        random: Callable[[], float] = randomness.random,
    ) -> None:
        if not (0 < first_s <= cap_s and factor >= 1 and 0 <= jitter <= 1):
            msg = "a backoff needs 0 < first_s <= cap_s, factor >= 1 and jitter from 0 to 1"
            raise ValueError(msg)
        self._first_s = first_s
        self._factor = factor
        self._cap_s = cap_s
        self._jitter = jitter
        self._random = random
        self._failures = 0

    @property
    def failures(self) -> int:
        """Failures in a row, as told by `next_s`."""
        return self._failures

    def next_s(self) -> float:
        """Count a failure and return the delay before the next try, in seconds."""
        attempt, self._failures = self._failures, self._failures + 1
        return delay_s(
            attempt,
            self._random(),
            first_s=self._first_s,
            factor=self._factor,
            cap_s=self._cap_s,
            jitter=self._jitter,
        )

    def reset(self) -> None:
        """Begin anew: the next failure waits `first_s` again."""
        self._failures = 0
