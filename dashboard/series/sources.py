"""Two ways to the bars of a view, each kept up to date by reading only what changed.

`MinuteSeries` joins stored base bars with the open minutes; `TradeSeries` aggregates stored trades
for bars that minutes cannot make. Which one a view needs is `needs_trades`. Neither knows who
looks: `cache` shares them among all viewers of a process.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from dashboard.domain.aggregate import Carry, aggregate, gap_bars
from dashboard.domain.bars import BAR_COLUMNS, LEVEL_COLUMNS, MINUTE, BarKind, Bars, BarSpec
from dashboard.domain.calendar import Calendar
from dashboard.domain.footprint import regroup
from dashboard.domain.livestate import LiveState
from dashboard.domain.merge import combine, merge
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.ports import History


class Series(Protocol):
    """Bars of one (instrument, recipe, level size) over a range of sessions."""

    @property
    def bars(self) -> Bars:
        """All bars of the range, ascending."""

    @property
    def is_open(self) -> bool:
        """Whether the last bar still forms."""

    @property
    def layout_epoch(self) -> int:
        """Changes when a bar appeared before the newest one, so that positions moved."""

    @property
    def nbytes(self) -> int:
        """Bytes that the bars held take."""

    def refresh(self, live: LiveState | None) -> None:
        """Take over what the store and the live state hold beyond the last refresh."""


def needs_trades(spec: BarSpec, base_interval_s: int) -> bool:
    """Return True when base bars of that length cannot make `spec` exactly."""
    return spec.kind is not BarKind.TIME or spec.size % base_interval_s != 0


class MinuteSeries:
    """Closed base bars from the store and open minutes from the board, in one sequence.

    The closed bars are kept combined up to the newest bar of the view (`_done`), and that bar's own
    base bars apart (`_tail`), so that a refresh costs the newest bar and one concatenation.

    Args:
        history: The store.
        symbol: The instrument.
        spec: A time bar, a multiple of the stored base bars.
        level_size: Price units, a multiple of the stored level.
        tick_size: Level size of open minutes made from trades when there is no live state.
        calendar: Of the instrument.
        first_session, last_session: Inclusive range of session ids; None last: to the newest.
    """

    def __init__(
        self,
        history: History,
        symbol: str,
        spec: BarSpec,
        level_size: int,
        tick_size: int,
        calendar: Calendar,
        first_session: int | None,
        last_session: int | None,
    ) -> None:
        self._history = history
        self._symbol = symbol
        self._spec = spec
        self._level_size = level_size
        self._tick_size = tick_size
        self._calendar = calendar
        self._range = (first_session, last_session)
        self._seen_version = -1
        self._closed: Bars | None = None
        self._done: Bars | None = None
        self._tail: Bars | None = None
        self._bars = Bars.empty(spec, level_size)
        self._is_open = False

    @property
    def bars(self) -> Bars:
        """All bars of the range, ascending."""
        return self._bars

    @property
    def is_open(self) -> bool:
        """Whether the last bar still forms."""
        return self._is_open

    @property
    def nbytes(self) -> int:
        """Bytes that the bars held take, the base bars they are made of included."""
        held = (self._closed, self._done, self._bars)
        return sum(_bytes_of(bars) for bars in held if bars is not None)

    @property
    def layout_epoch(self) -> int:
        """Always 0: a closed bar that appears late raises the store's generation."""
        return 0

    def refresh(self, live: LiveState | None) -> None:
        """Take over what the store and the live state hold beyond the last refresh."""
        first, last = self._range
        changed = self._history.read_bars(
            self._symbol, first, last, after_version=self._seen_version
        )
        if len(changed):
            self._seen_version = int(changed.version.max())
            self._absorb(regroup(changed, self._level_size))
        open_minutes = self._open_minutes(live)
        if self._closed is not None:
            open_minutes = _without(open_minutes, self._closed)
        recent = _joined(self._tail, open_minutes)
        self._is_open = live is not None and self._forms(recent)
        self._bars = _joined(self._done, combine(recent, self._spec))

    def _absorb(self, changed: Bars) -> None:
        """Join bars that are new or replace older versions of themselves."""
        closed = self._closed
        if closed is None or not len(closed):
            self._closed = changed
        else:
            self._closed = merge(_without(closed, changed), changed)
        self._split()

    def _split(self) -> None:
        """Cut the closed bars before the newest bar of the view."""
        closed = self._closed
        if closed is None or not len(closed):
            return
        step = self._spec.interval_ns
        slots = (closed.start_ns - closed.session_ns) // step
        same = (closed.session_ns == closed.session_ns[-1]) & (slots == slots[-1])
        cut = len(closed) - int(same[::-1].argmin()) if not same.all() else 0
        done = closed.take(0, cut)
        self._done = combine(done, self._spec) if cut else None
        self._tail = closed.take(cut, len(closed))

    def _open_minutes(self, live: LiveState | None) -> Bars:
        """Return the minutes that are not closed in the store, at the view's level size."""
        if live is not None:
            minutes = live.open_bars
        else:
            trades = self._history.open_trades(self._symbol)
            minutes, _ = aggregate(trades, MINUTE, self._calendar, self._tick_size)
        return regroup(_inside(minutes, *self._range), self._level_size)

    def _forms(self, recent: Bars) -> bool:
        """The newest bar of the view forms until the base bar that ends with it is closed."""
        if not len(recent):
            return False
        closed = self._closed
        if closed is None or not len(closed):
            return True
        step = self._spec.interval_ns
        session = int(recent.session_ns[-1])
        end = session + ((int(recent.start_ns[-1]) - session) // step + 1) * step
        return int(closed.end_ns[-1]) < end


class TradeSeries:
    """Bars aggregated from the stored trades, continued with the carry.

    A bar's version is the board version at which its newest trade was read here. It is never lower
    than the version that published it, so a client may get a bar twice but misses none.
    """

    def __init__(
        self,
        history: History,
        symbol: str,
        spec: BarSpec,
        level_size: int,
        tick_size: int,
        calendar: Calendar,
        first_session: int | None,
        last_session: int | None,
    ) -> None:
        self._history = history
        self._symbol = symbol
        self._spec = spec
        self._level_size = level_size
        self._tick_size = tick_size
        self._calendar = calendar
        self._range = (first_session, last_session)
        self._begin()

    def _begin(self) -> None:
        """Forget everything that was read."""
        self._seen_seq = 0
        self._carry: Carry | None = None
        self._bars = Bars.empty(self._spec, self._level_size)
        self._late = 0
        self._gaps: set[Gap] = set()
        self._gaps_seen: tuple[int, int] | None = None
        self._is_open = False
        self._without_board = False

    @property
    def bars(self) -> Bars:
        """All bars of the range, ascending."""
        return self._bars

    @property
    def is_open(self) -> bool:
        """Whether the last bar still forms."""
        return self._is_open

    @property
    def nbytes(self) -> int:
        """Bytes that the bars held take."""
        return _bytes_of(self._bars)

    @property
    def layout_epoch(self) -> int:
        """Bars that came before others that were there already, or that only a gap makes.

        Counted from the trades' order alone, so that all processes come to the same number.
        """
        return self._late + int((self._bars.trades == 0).sum())

    def refresh(self, live: LiveState | None) -> None:
        """Take over the trades and gaps stored since the last refresh."""
        if live is not None and self._without_board:
            # What was read while the board was lost has no version that a client could ask for.
            self._begin()
        self._without_board = live is None
        trades = self._history.read_trades(self._symbol, *self._range, after_seq=self._seen_seq)
        if len(trades):
            self._absorb(trades, live)
        if self._spec.kind is BarKind.TIME:
            self._absorb_gaps(live)
        self._is_open = live is not None and self._forms(live)

    def _absorb(self, trades: Trades, live: LiveState | None) -> None:
        newest = int(trades.seq.max())
        self._seen_seq = newest
        if self._spec.kind is BarKind.TIME:
            self._late += self._count_late(trades)
        fresh, self._carry = aggregate(
            trades,
            self._spec,
            self._calendar,
            self._level_size,
            self._carry,
            tick_size=self._tick_size,
        )
        # Stored but not yet published: whoever asks again after the publish must get them again.
        ahead = live is not None and newest > live.trade_seq
        self._join(fresh, live.version + ahead if live is not None else 0)

    def _absorb_gaps(self, live: LiveState | None) -> None:
        """Add the volume that gaps left on no price to the time bars in which they ended."""
        seen = (live.session_ns, live.gaps) if live is not None else None
        if seen is not None and seen == self._gaps_seen:
            return
        found = [
            gap
            for session_ns in np.unique(self._bars.session_ns).tolist()
            for gap in self._history.read_gaps(self._symbol, session_ns)
            if gap not in self._gaps
        ]
        self._gaps_seen = seen
        self._gaps.update(found)
        fresh = gap_bars(found, self._spec, self._calendar, self._level_size)
        self._join(fresh, live.version if live is not None else 0)

    def _join(self, fresh: Bars, version: int) -> None:
        fresh = fresh.with_columns(version=np.full(len(fresh), version, np.int64))
        self._bars = _joined(self._bars, fresh)

    def _count_late(self, trades: Trades) -> int:
        """Return how many time bars these trades put before bars that were there already."""
        session = self._calendar.session_open(trades.event_ns)
        keys = session + (trades.event_ns - session) // self._spec.interval_ns
        known = self._bars.keys[self._bars.trades > 0]
        newest = known.max(initial=np.iinfo(np.int64).min)
        bars, first = np.unique(keys, return_index=True)
        before = np.maximum.accumulate(np.concatenate([[newest], keys]))[first]
        return int(((bars < before) & ~np.isin(bars, known)).sum())

    def _forms(self, live: LiveState) -> bool:
        """A time bar forms while the minute of its newest trade does; others until the next one."""
        return bool(len(self._bars)) and (
            self._spec.kind is not BarKind.TIME or len(live.open_bars) > 0
        )


def _bytes_of(bars: Bars) -> int:
    """Return the size of the columns, all of 8 bytes but the gap flag."""
    return 8 * (len(BAR_COLUMNS) * len(bars) + len(LEVEL_COLUMNS) * len(bars.level_price))


def _joined(earlier: Bars | None, later: Bars) -> Bars:
    """Return both in order; either may hold no bars."""
    if earlier is None or not len(earlier):
        return later
    return merge(earlier, later) if len(later) else earlier


def _without(bars: Bars, other: Bars) -> Bars:
    """Return the bars whose identity is not in `other`; order kept."""
    if not len(bars) or not len(other):
        return bars
    gone = np.isin(bars.keys, other.keys)
    return bars.select(~gone) if gone.any() else bars


def _inside(bars: Bars, first: int | None, last: int | None) -> Bars:
    """Return the bars of the sessions first..last (None: open end)."""
    keep = np.ones(len(bars), np.bool_)
    if first is not None:
        keep &= bars.session_ns >= first
    if last is not None:
        keep &= bars.session_ns <= last
    return bars if keep.all() else bars.select(keep)
