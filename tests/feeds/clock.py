"""A clock that stands still until told to move: the `Clock` port for tests."""

from __future__ import annotations

SECOND_NS = 1_000_000_000


class ManualClock:
    """A clock at `now`; sleeping moves it on at once.

    Args:
        now_ns: The time it shows first, UTC epoch ns.

    Attributes:
        now: The time it shows.
        slept_s: Seconds slept in all.
    """

    def __init__(self, now_ns: int) -> None:
        self.now = now_ns
        self.slept_s = 0.0

    def now_ns(self) -> int:
        """Return the time set."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Move on by so many seconds, rounded up to whole ns; not at all for 0 and less."""
        seconds = max(0.0, seconds)
        self.slept_s += seconds
        self.now += int(-(-seconds * SECOND_NS // 1))

    def advance(self, seconds: float) -> None:
        """Move on as if time had passed elsewhere."""
        self.now += round(seconds * SECOND_NS)
