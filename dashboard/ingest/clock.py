"""The one place that reads the wall clock; everything else is given a `ports.Clock`."""

from __future__ import annotations

import time

__all__ = ["SystemClock"]


class SystemClock:
    """The machine's clock. It may jump: a laptop sleeps, a time server corrects."""

    def now_ns(self) -> int:
        """Return UTC epoch ns."""
        return time.time_ns()

    def sleep(self, seconds: float) -> None:
        """Wait; nothing happens for 0 or less."""
        if seconds > 0:
            time.sleep(seconds)
