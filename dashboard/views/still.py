"""A board on which nothing is live, for readers that look at stored data alone."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.domain.livestate import FeedStatus, LiveState


class StillBoard:
    """`ports.Board` without a feed: nothing to read, nothing is published."""

    def publish(self, states: Sequence[LiveState]) -> None:
        """Refuse: whoever publishes has a real board."""
        msg = f"a still board takes no states ({len(states)} given)"
        raise TypeError(msg)

    def read(self, _symbol: str) -> LiveState | None:
        """Return None."""
        return None

    def version(self) -> int:
        """Return 0."""
        return 0

    def publish_status(self, status: FeedStatus) -> None:
        """Refuse, as `publish`."""
        msg = f"a still board takes no status ({status.state.value} given)"
        raise TypeError(msg)

    def read_status(self) -> FeedStatus | None:
        """Return None."""
        return None
