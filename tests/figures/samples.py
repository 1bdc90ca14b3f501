"""Small markets for the tests of figures: levels written by hand, and random tapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus, LiveState
from dashboard.domain.provenance import Provenance
from dashboard.domain.snapshot import Snapshot
from dashboard.domain.trade import Trades
from dashboard.figures.view import ViewSettings

DAY = 86_400 * 10**9
MINUTE = 60 * 10**9
OPEN = 20_000 * DAY
"""A session's open: 2024-10-04, round the clock."""

CALENDAR = calendar_24x7()
INSTRUMENT = Instrument("TEST", price_scale=1, tick_size=1)
PLAIN = ViewSettings(symbol="TEST", minvol="0")

Levels = Mapping[int, tuple[int, int]]

V2: Levels = {
    106: (0, 15),
    105: (5, 60),
    104: (12, 66),
    103: (20, 90),
    102: (25, 80),
    101: (55, 40),
    100: (70, 20),
    99: (30, 0),
}
V3: Levels = {105: (0, 40), 104: (0, 35), 102: (0, 50), 101: (60, 10), 100: (4, 0)}


def bars_of(*ladders: Levels, sessions: Sequence[int] = (), lot: int = 1) -> Bars:
    """Return one-minute bars with these levels, price to (bid, ask) in lots.

    Every level trades from the lowest up, bid before ask. `sessions` is each bar's day (0, 1, ...;
    all 0 when not given). Versions count the bars from 1.
    """
    rows: list[tuple[int, int, int, int]] = []
    for k, ladder in enumerate(ladders):
        day = sessions[k] if sessions else 0
        start = OPEN + day * DAY + k * MINUTE
        for price in sorted(ladder):
            for side, size in zip((-1, 1), ladder[price], strict=True):
                if size:
                    rows.append((start, price, size * lot, side))
    table = np.array(rows)
    names = ("event_ns", "price", "size", "side")
    columns = {name: table[:, i] for i, name in enumerate(names)}
    trades = Trades.build(seq=range(1, len(rows) + 1), **columns)
    bars, _ = aggregate(trades, BarSpec.parse("1m"), CALENDAR, 1)
    return versioned(bars)


def shifted(bars: Bars, minutes: int) -> Bars:
    """Return one-minute bars so many minutes later in their session."""
    later = minutes * MINUTE
    return bars.with_columns(
        ordinal=bars.ordinal + minutes, start_ns=bars.start_ns + later, end_ns=bars.end_ns + later
    )


def versioned(bars: Bars, first: int = 1) -> Bars:
    """Return the bars with versions that count them."""
    return bars.with_columns(version=np.arange(first, first + len(bars)))


def snapshot_of(bars: Bars, **changes: Any) -> Snapshot:  # noqa: ANN401 - any field of Snapshot
    """Return a live snapshot whose last bar is forming."""
    made = Snapshot(
        instrument=INSTRUMENT,
        calendar=CALENDAR,
        bars=bars,
        anchor_session_ns=OPEN,
        generation=1,
        layout_epoch=0,
        version=int(bars.version.max(initial=0)),
        trade_seq=int(bars.last_seq.max(initial=0)),
        live=live_of(bars) if len(bars) else None,
        status=FeedStatus(FeedMode.LIVE, FeedState.LIVE, heartbeat_ns=OPEN),
        is_open=bool(len(bars)),
    )
    return replace(made, **changes)


def live_of(bars: Bars, **changes: Any) -> LiveState:  # noqa: ANN401 - any field of LiveState
    """Return the live state whose newest bar is the last one."""
    last = len(bars) - 1
    made = LiveState(
        symbol="TEST",
        version=int(bars.version.max()),
        trade_seq=int(bars.last_seq.max()),
        receive_ns=int(bars.start_ns[last]) + 5 * 10**9,
        session_ns=int(bars.session_ns[last]),
        open_bars=bars.take(last, last + 1),
        quote=None,
        last_price=int(bars.close[last]),
        provenance=Provenance(),
    )
    return replace(made, **changes)


@st.composite
def tapes(draw: st.DrawFn, longest: int = 60) -> Trades:
    """Draw trades of three days, some seconds to hours apart, prices within 40 ticks."""
    count = draw(st.integers(1, longest))

    def column(values: st.SearchStrategy[int]) -> list[int]:
        return draw(st.lists(values, min_size=count, max_size=count))

    gaps = column(st.sampled_from([0, 1, 7, 40, 90, 3600, 30_000]))
    return Trades.build(
        event_ns=OPEN + np.cumsum(gaps) * 10**9,
        price=column(st.integers(100, 140)),
        size=column(st.sampled_from([1, 2, 3, 10, 75, 150, 1000])),
        side=column(st.sampled_from([-1, 0, 1])),
        seq=range(1, count + 1),
    )


def bars_from(trades: Trades, spec: str = "1m") -> Bars:
    """Return a tape's bars with one-tick levels, versions counting the bars."""
    bars, _ = aggregate(trades, BarSpec.parse(spec), CALENDAR, 1)
    return versioned(bars)
