"""Which minutes are open: the rules one by one (the pipeline's tests play whole tapes)."""

from __future__ import annotations

import numpy as np

from dashboard.domain.bars import Bars
from dashboard.domain.trade import Trades
from dashboard.ingest.minutes import GRACE_NS, FindClosed, is_due, place, split_due
from tests.ingest.markets import MINUTE_NS, SECOND, START, assert_same_bars, minutes_of


def minutes(*seconds: int) -> Bars:
    """Return the minutes of one trade at each of these seconds, of version 7."""
    bars = minutes_of(
        Trades.build(
            event_ns=[START + s * SECOND for s in seconds],
            price=[2_490_000 + s for s in seconds],
            size=[1] * len(seconds),
            side=[1] * len(seconds),
        )
    )
    return bars.with_columns(version=np.full(len(bars), 7))


NONE = minutes(0).take(0, 0)


def stores(bars: Bars, asked: list[int] | None = None) -> FindClosed:
    """Return a look-up in stored bars."""

    def find(session_ns: int, ordinal: int) -> Bars | None:
        if asked is not None:
            asked.append(ordinal)
        rows = np.flatnonzero(bars.keys == session_ns + ordinal)
        return bars.take(int(rows[0]), int(rows[0]) + 1) if len(rows) else None

    return find


def placed(
    open_bars: Bars, fragments: Bars, newest: int | None, stored: Bars = NONE
) -> tuple[Bars, Bars, int]:
    placement = place(open_bars, fragments, newest, stores(stored), version=7)
    return placement.open, placement.closed, placement.newest


def test_the_first_fragment_opens_a_minute() -> None:
    fragments = minutes(5)
    still_open, closed, newest = placed(NONE, fragments, None)
    assert_same_bars(still_open, fragments)
    assert still_open.version.tolist() == [7]
    assert not len(closed)
    assert newest == int(fragments.keys[0])


def test_a_later_minute_closes_all_before_it() -> None:
    still_open, closed, _ = placed(minutes(5), minutes(70, 130, 131), int(minutes(5).keys[0]))
    assert still_open.ordinal.tolist() == minutes(130).ordinal.tolist()
    assert still_open.trades.tolist() == [2]
    assert closed.start_ns.tolist() == [START, START + MINUTE_NS]
    assert closed.version.tolist() == [7, 7]


def test_a_fragment_of_the_open_minute_joins_it_behind() -> None:
    first = minutes(5).with_columns(version=np.array([3]))
    still_open, closed, _ = placed(first, minutes(9), int(first.keys[0]))
    assert (still_open.open.tolist(), still_open.close.tolist()) == ([2_490_005], [2_490_009])
    assert not len(closed)


def test_an_open_minute_that_nothing_touched_keeps_its_version() -> None:
    # Two minutes can be open after a restart, before the first trade.
    both = minutes(5, 70).with_columns(version=np.array([3, 3]))
    still_open, closed, _ = placed(both, minutes(75), None)
    assert closed.version.tolist() == [7]
    assert still_open.version.tolist() == [7]
    still_open, closed, newest = placed(both, minutes(5), None)
    assert still_open.version.tolist() == [7, 3], "nothing newer is known, so both stay open"
    assert newest == int(minutes(5).keys[0])


def test_a_fragment_of_a_stored_minute_is_joined_to_it_and_stays_closed() -> None:
    stored = minutes(5)
    still_open, closed, newest = placed(NONE, minutes(20), int(stored.keys[0]), stored)
    assert not len(still_open)
    assert (closed.trades.tolist(), closed.open.tolist()) == ([2], [2_490_005])
    assert newest == int(stored.keys[0])


def test_without_knowledge_of_the_newest_minute_each_is_looked_up() -> None:
    asked: list[int] = []
    fragments = minutes(5, 70)
    place(NONE, fragments, None, stores(NONE, asked), 7)
    assert asked == fragments.ordinal.tolist()
    asked.clear()
    place(NONE, fragments, int(fragments.keys[0]), stores(NONE, asked), 7)
    assert asked == fragments.ordinal[:1].tolist(), "one after the newest cannot be stored"


def test_a_minute_is_due_two_seconds_after_its_end() -> None:
    end = START + MINUTE_NS
    assert not is_due(NONE, end + 86_400 * SECOND)
    assert not is_due(minutes(5), end + GRACE_NS - 1)
    assert is_due(minutes(5), end + GRACE_NS)


def test_due_minutes_leave_the_others_open() -> None:
    still_open, closed = split_due(minutes(5, 70), START + MINUTE_NS + GRACE_NS, version=9)
    assert still_open.start_ns.tolist() == [START + MINUTE_NS]
    assert still_open.version.tolist() == [7]
    assert (closed.start_ns.tolist(), closed.version.tolist()) == ([START], [9])
