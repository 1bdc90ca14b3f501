"""Events by the handful: cut into parts of one transaction each, and counted by the second."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from dashboard.domain.quote import Quote
from dashboard.ports import FeedEvent, QuotesEvent, StateChange, TradesEvent

__all__ = ["Rate", "in_parts", "size_of"]

RATE_S = 10
"""Seconds that a rate is the mean of."""


@dataclass(slots=True)
class Rate:
    """Updates in each of the last seconds."""

    seconds: deque[tuple[int, int]] = field(default_factory=deque)

    def count(self, updates: int, now_ns: int) -> None:
        """Add updates that came now."""
        second = now_ns // 1_000_000_000
        if self.seconds and second < self.seconds[-1][0]:
            self.seconds.clear()  # the clock was set back
        if self.seconds and self.seconds[-1][0] == second:
            updates += self.seconds.pop()[1]
        self.seconds.append((second, updates))
        while self.seconds[0][0] <= second - RATE_S:
            self.seconds.popleft()

    def per_second(self, now_ns: int) -> float:
        """Return the mean of the last ten seconds (of fewer just after the first update)."""
        second = now_ns // 1_000_000_000
        recent = [entry for entry in self.seconds if 0 <= second - entry[0] < RATE_S]
        if not recent:
            return 0.0
        return sum(count for _, count in recent) / (second - recent[0][0] + 1)


def in_parts(events: Sequence[FeedEvent], limit: int) -> Iterator[list[FeedEvent]]:
    """Cut events into parts of at most `limit` trades and packets; a change of state stands alone.

    Order is kept, so "preparing", the past, "live" is shown in that order also out of one poll.
    """
    part: list[FeedEvent] = []
    room = limit
    for event in events:
        if isinstance(event, StateChange):
            if part:
                yield part
            yield [event]
            part, room = [], limit
            continue
        rest = event
        while (size := size_of(rest)) > room:
            if room and isinstance(rest, TradesEvent | QuotesEvent):
                head, rest = _cut(rest, room)
                part.append(head)
            yield part
            part, room = [], limit
        part.append(rest)
        room -= size
    if part:
        yield part


def _cut(
    event: TradesEvent | QuotesEvent, at: int
) -> tuple[TradesEvent | QuotesEvent, TradesEvent | QuotesEvent]:
    """Cut a batch in two; the whole newest packet stays with the second part."""
    if isinstance(event, TradesEvent):
        first, second = event.trades.take(slice(at)), event.trades.take(slice(at, None))
        return replace(event, trades=first), replace(event, trades=second)
    head, tail = event.quotes.take(slice(at)), event.quotes.take(slice(at, None))
    return replace(event, quotes=head, last=None), replace(event, quotes=tail)


def size_of(event: FeedEvent) -> int:
    """Return the number of trades or packets in an event."""
    if isinstance(event, TradesEvent):
        return len(event.trades)
    if isinstance(event, QuotesEvent):
        return len(event.quotes)
    return int(isinstance(event, Quote))
