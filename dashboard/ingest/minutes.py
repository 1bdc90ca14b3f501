"""Which minutes are open, and when one closes: pure book-keeping on `Bars`.

A minute opens with its first trade (or gap) and closes at the first trade of a later minute, or two
seconds after its end by the feed's time. Closed is what the store has as a base bar; a fragment
that belongs to a closed minute (a late trade) is joined to the stored bar and recorded again.
Called by `ingest/track` only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from dashboard.domain.bars import Bars
from dashboard.domain.merge import merge

__all__ = ["GRACE_NS", "FindClosed", "Placement", "is_due", "place", "split_due"]

GRACE_NS = 2_000_000_000
"""How long after its end a minute waits for trades that are under way."""

FindClosed = Callable[[int, int], Bars | None]
"""(session_ns, ordinal) to the stored bar, None when the minute is not in the store."""


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Where fragments went.

    Attributes:
        open: The minutes that stay open, ascending.
        closed: The minutes to record: those that closed and those that late trades changed.
        newest: Key (`Bars.keys`) of the newest minute ever seen.
    """

    open: Bars
    closed: Bars
    newest: int


def place(
    open_minutes: Bars, fragments: Bars, newest: int | None, find_closed: FindClosed, version: int
) -> Placement:
    """Join fragments to the minutes they belong to, and close those that a later one follows.

    A minute older than the newest one is never open: it is recorded at once, alone or joined to
    its stored bar. Only minutes that cannot be new are looked up in the store.

    Args:
        open_minutes: The minutes open so far, ascending.
        fragments: Of the same spec and level size, ascending, at least one, of this version.
        newest: Key of the newest minute seen so far; None when not known (every minute is then
            looked up in the store).
        find_closed: Reads a stored bar.
        version: The version that every changed bar gets.
    """
    opened, touched = open_minutes.keys.tolist(), fragments.keys.tolist()
    stored = []
    for row, key in enumerate(touched):
        if key not in opened and (newest is None or key <= newest):
            bar = find_closed(int(fragments.session_ns[row]), int(fragments.ordinal[row]))
            if bar is not None:
                stored.append(bar)
    newest = touched[-1] if newest is None else max(newest, touched[-1])
    # Joining takes the higher version, which is that of the fragments.
    joined = merge(Bars.concat(stored), fragments) if stored else fragments
    joined = merge(open_minutes, joined)
    # Nearly always the one open minute goes on, and arrays of one element are slow to compare.
    if not stored and min(opened + touched) == newest:
        return Placement(joined, joined.take(0, 0), newest)
    closing = joined.keys < newest
    for bar in stored:
        closing |= joined.keys == bar.keys[0]
    return Placement(joined.select(~closing), _versioned(joined.select(closing), version), newest)


def is_due(open_minutes: Bars, feed_ns: int) -> bool:
    """Return whether any open minute has ended more than `GRACE_NS` ago, by the feed's time."""
    return len(open_minutes) > 0 and int(open_minutes.end_ns[0]) + GRACE_NS <= feed_ns


def split_due(open_minutes: Bars, feed_ns: int, version: int) -> tuple[Bars, Bars]:
    """Return the minutes that stay open and those that close at this time (with the version)."""
    due = open_minutes.end_ns + GRACE_NS <= feed_ns
    return open_minutes.select(~due), _versioned(open_minutes.select(due), version)


def _versioned(bars: Bars, version: int) -> Bars:
    return bars.with_columns(version=np.full(len(bars), version, np.int64))
