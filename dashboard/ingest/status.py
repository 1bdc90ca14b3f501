"""The feed's state for screen and log: one sentence, published at each change and each second."""

from __future__ import annotations

import logging
import os
from dataclasses import replace

from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus
from dashboard.ports import Board, Clock, Feed

__all__ = ["StatusReporter"]

BEAT_NS = 1_000_000_000


class StatusReporter:
    """Keeps the `FeedStatus` of the feed that this process leads.

    Args:
        board: Where it is shown.
        clock: The clock.
        log: Gets one line per change.
        mode: Shown until `begin`.
    """

    def __init__(self, board: Board, clock: Clock, log: logging.Logger, mode: FeedMode) -> None:
        self._board = board
        self._clock = clock
        self._log = log
        now_ns = clock.now_ns()
        self._status = FeedStatus(
            mode, FeedState.STARTING, since_ns=now_ns, heartbeat_ns=now_ns, leader_pid=os.getpid()
        )
        self._publish()

    @property
    def state(self) -> FeedState:
        """The state as last reported."""
        return self._status.state

    def begin(self, feed: Feed) -> None:
        """Show whose feed starts; what the last one failed of stays shown until this one lives."""
        self._status = replace(
            self._status,
            mode=feed.mode,
            sides_estimated=feed.sides_estimated,
            # Replays have a speed; for all other feeds an hour takes an hour.
            speed=float(getattr(feed, "speed", 1.0)),
        )
        self._publish()

    def change(self, state: FeedState, cause: str = "") -> bool:
        """Report a state with its cause, one sentence or ""; False when both are as before."""
        status = self._status
        if (status.state, status.cause) == (state, cause):
            return False
        level = logging.WARNING if state is FeedState.RETRYING else logging.INFO
        reason = f": {cause}" if cause else ""
        self._log.log(level, "feed %s: %s%s", status.mode.value, state.value, reason)
        self._status = replace(status, state=state, cause=cause, since_ns=self._clock.now_ns())
        self._publish()
        return True

    def beat(self) -> bool:
        """Refresh the heartbeat once a second; True when this call did."""
        # Backwards too: a corrected clock must not silence the heart.
        if abs(self._clock.now_ns() - self._status.heartbeat_ns) < BEAT_NS:
            return False
        self._publish()
        return True

    def _publish(self) -> None:
        self._status = replace(self._status, heartbeat_ns=self._clock.now_ns())
        self._board.publish_status(self._status)
