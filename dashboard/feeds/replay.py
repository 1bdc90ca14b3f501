"""Stored trades as a feed: one session of one instrument, told again at any speed.

A replay comes under a symbol of its own, ``REPLAY:`` before the original one, with the original's
scales and calendar: stored data is read, never touched, and nothing mixes with it. Trades keep
their event times, sides, rules and quotes; `source_seq` is the original `seq`, and `receive_ns` is
the clock's. So two replays differ in `receive_ns` alone.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import FeedError, InputError, InstrumentUnknownError
from dashboard.ports import (
    Clock,
    FeedEvent,
    Heartbeat,
    History,
    ResumePoint,
    StateChange,
    TradesEvent,
)

PREFIX: Final = "REPLAY:"
MAX_SPEED: Final = 1000.0
CHUNK: Final = 10_000
"""Trades read at once, and told at most in one poll."""

_FOREVER: Final = int(np.iinfo(np.int64).max)


@dataclass(frozen=True, slots=True)
class _Pace:
    """The replay's own time: `event_ns` at clock time `clock_ns`, from there `speed` times faster.

    With `running` False it stands still.
    """

    event_ns: int
    clock_ns: int
    speed: float
    running: bool = True

    def position_ns(self, clock_ns: int) -> int:
        """Return the event time that is reached at a clock time."""
        if not self.running:
            return self.event_ns
        if self.speed == math.inf:
            return _FOREVER
        return self.event_ns + int(max(0, clock_ns - self.clock_ns) * self.speed)

    def wait_ns(self, event_ns: int, clock_ns: int) -> int:
        """Return how long until an event time is reached, as the clock counts."""
        ahead_ns = event_ns - self.position_ns(clock_ns)
        if ahead_ns <= 0:
            return 0
        # Rounded up: a wait that ends a nanosecond early would be repeated.
        return math.ceil(ahead_ns / self.speed) if self.running else _FOREVER

    def changed(self, clock_ns: int, newest_ns: int, *, speed: float, running: bool) -> _Pace:
        """Return the pace that goes on from here in another way; `newest_ns` was told already."""
        reached_ns = self.event_ns if self.speed == math.inf else self.position_ns(clock_ns)
        return _Pace(max(reached_ns, newest_ns), clock_ns, speed, running)


class ReplayFeed:
    """A `Feed` of one stored session; ends in FINISHED and is then silent but for heartbeats.

    Trades are due by event time × speed, in their order of arrival: a late one is due with the
    newest before it. Gaps of the session come back where they ended. A replay that was told in part
    under the same symbol goes on behind that part, so a restart doubles nothing.

    The controls `pause`, `resume`, `step` and `set_speed` may be called from any thread.

    Args:
        history: Where the trades are.
        symbol: The stored instrument.
        session_ns: Its session; None: the last one that has trades.
        speed: 1 to 1000 times, or `math.inf`: as fast as it is polled.
        clock: Paces the replay.
        start_at: Event time, UTC epoch ns: what came before is told at once, pacing begins there.
        replay_symbol: Symbol of the replay; None: `REPLAY:` and the original one.

    Raises:
        FeedError: Not retried: an unknown instrument, or no stored trades.
        InputError: The speed is not possible.
    """

    mode = FeedMode.REPLAY
    # Trades come as they were stored; which sides were estimated, their rules say.
    sides_estimated = False

    def __init__(
        self,
        history: History,
        symbol: str,
        session_ns: int | None = None,
        *,
        speed: float = 1.0,
        clock: Clock,
        start_at: int | None = None,
        replay_symbol: str | None = None,
    ) -> None:
        self._history = history
        self._symbol = symbol
        original = _require_instrument(history, symbol)
        self._instrument = replace(original, symbol=replay_symbol or PREFIX + symbol)
        self._session_ns = _require_session(history, symbol, session_ns)
        self._speed = _require_speed(speed)
        self._clock = clock
        self._start_at = start_at
        self._lock = threading.Lock()
        self._pace: _Pace | None = None
        self._paused = False
        self._steps = 0
        self._pending: list[FeedEvent] = []
        self._gaps: deque[Gap] = deque()
        self._trades = Trades.empty()
        self._due: NDArray[np.int64] = self._trades.event_ns
        self._row = 0
        self._read_seq = 0
        self._newest_ns = 0
        self._told_ns = 0
        self._open = False

    # -------------------------------------------------------------------------- the port

    def instruments(self) -> Sequence[Instrument]:
        """Return the one instrument, under the replay's symbol."""
        return [self._instrument]

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        """Begin at the session's first trade, or behind what was already told of it."""
        with self._lock:
            told = self._told_before(resume.get(self._instrument.symbol, ResumePoint()))
            self._gaps = self._gaps_after(told.event_ns)
            self._read_seq, self._newest_ns = told.source_seq, told.event_ns
            self._trades, self._row, self._pace, self._steps = Trades.empty(), 0, None, 0
            self._pending, self._open = [StateChange(FeedState.LIVE)], True
            self._read()
            if not len(self._trades):
                self._finish(self._pending)

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        """Return what is due, waiting at most `timeout_s` where nothing is."""
        events, wait_ns = self._collect()
        if not events and timeout_s > 0:
            # Without the lock: a control must not wait for a sleeper.
            self._clock.sleep(min(timeout_s, wait_ns / SECOND_NS))
            events, _ = self._collect()
        now_ns = self._clock.now_ns()
        if not events and now_ns - self._told_ns >= SECOND_NS:
            events = [Heartbeat(now_ns)]
        if events:
            self._told_ns = now_ns
        return events

    def close(self) -> None:
        """Forget the trades that were read; a closed feed is silent."""
        with self._lock:
            self._open = False
            self._trades, self._row = Trades.empty(), 0
            self._gaps.clear()
            self._pending.clear()

    # -------------------------------------------------------------------------- controls

    @property
    def speed(self) -> float:
        """How many times faster than real time; `math.inf` for as fast as possible."""
        return self._speed

    @property
    def paused(self) -> bool:
        """Whether the replay stands still."""
        return self._paused

    @property
    def position_ns(self) -> int:
        """Event time of the newest trade told; 0 before the first."""
        return self._newest_ns

    def pause(self) -> None:
        """Stand still until `resume`; nothing is lost."""
        self._set(running=False, cause="The replay is paused.")

    def resume(self) -> None:
        """Go on from where it stood."""
        self._set(running=True, cause="")

    def step(self, trades: int = 1) -> None:
        """Tell the next trades with the coming poll while paused; without effect while running.

        Raises:
            InputError: Less than one trade.
        """
        if trades < 1:
            raise InputError("step", trades, "a whole number from 1")
        with self._lock:
            if self._paused:
                self._steps += trades

    def set_speed(self, speed: float) -> None:
        """Go on at another speed, from here.

        Raises:
            InputError: The speed is not 1 to 1000 nor `math.inf`.
        """
        checked = _require_speed(speed)
        with self._lock:
            self._speed = checked
            self._change_pace()

    def _set(self, *, running: bool, cause: str) -> None:
        with self._lock:
            if self._paused != running:
                return
            self._paused = not running
            self._steps = 0
            self._change_pace()
            if self._open and self._row < len(self._trades):
                self._pending.append(StateChange(FeedState.LIVE, cause))

    def _change_pace(self) -> None:
        if self._pace is not None:
            now_ns = self._clock.now_ns()
            self._pace = self._pace.changed(
                now_ns, self._newest_ns, speed=self._speed, running=not self._paused
            )

    # -------------------------------------------------------------------------- reading

    def _told_before(self, resume: ResumePoint) -> ResumePoint:
        """Return the last trade of this session that the replay's symbol already has."""
        if resume.session_ns == self._session_ns:
            return resume
        symbol = self._instrument.symbol
        if not self._history.has_trades(symbol, self._session_ns):
            return ResumePoint()
        told = self._history.read_trades(symbol, self._session_ns, self._session_ns)
        if not len(told):
            return ResumePoint()
        newest = int(np.argmax(told.source_seq))
        return ResumePoint(
            int(told.source_seq[newest]), int(told.event_ns[newest]), self._session_ns
        )

    def _gaps_after(self, event_ns: int) -> deque[Gap]:
        """Return the session's gaps that were not told yet, under the replay's symbol."""
        symbol = self._instrument.symbol
        told = self._history.read_gaps(symbol, self._session_ns)
        gaps = [
            replace(gap, symbol=symbol)
            for gap in self._history.read_gaps(self._symbol, self._session_ns)
            if gap.end_ns > event_ns
        ]
        return deque(sorted((g for g in gaps if g not in told), key=lambda gap: gap.end_ns))

    def _read(self) -> None:
        """Read the next trades once those at hand are told; none are left when there are none."""
        if self._row < len(self._trades):
            return
        session_ns = self._session_ns
        self._trades = self._history.read_trades(
            self._symbol, session_ns, session_ns, after_seq=self._read_seq, limit=CHUNK
        )
        self._row = 0
        if len(self._trades):
            self._read_seq = int(self._trades.seq[-1])
            # A late trade is not waited for: it is due with the newest trade before it.
            due = np.maximum.accumulate(self._trades.event_ns)
            self._due = np.maximum(due, self._newest_ns)

    def _collect(self) -> tuple[list[FeedEvent], int]:
        """Return notices and trades that are due now, and else how long to wait for the next."""
        with self._lock:
            events, self._pending = self._pending, []
            if not self._open or self._row >= len(self._trades):
                return events, _FOREVER
            now_ns = self._clock.now_ns()
            if self._pace is None:
                begin_ns = self._start_at or 0
                begin_ns = max(begin_ns, int(self._due[0]))
                self._pace = _Pace(begin_ns, now_ns, self._speed, not self._paused)
            stop = self._stop_row(self._pace.position_ns(now_ns))
            if stop > self._row:
                self._tell(stop, now_ns, events)
                self._read()
                if self._paused:
                    self._change_pace()
            if self._row < len(self._trades):
                return events, self._pace.wait_ns(int(self._due[self._row]), now_ns)
            self._finish(events)
            return events, 0

    def _finish(self, events: list[FeedEvent]) -> None:
        """Add what is left to say when no trade is."""
        events += self._gaps
        self._gaps.clear()
        cause = "The replay has reached the end of the session."
        events.append(StateChange(FeedState.FINISHED, cause))

    def _stop_row(self, position_ns: int) -> int:
        """Return the row after the last one to tell now."""
        if self._paused:
            stop = min(self._row + self._steps, len(self._trades))
            self._steps -= stop - self._row
            return stop
        return int(np.searchsorted(self._due, position_ns, side="right"))

    def _tell(self, stop: int, now_ns: int, events: list[FeedEvent]) -> None:
        """Add the trades up to a row, each gap before the first trade at or after its end."""
        while self._gaps:
            split = int(np.searchsorted(self._due, self._gaps[0].end_ns))
            if split >= stop:
                break
            self._add_trades(max(split, self._row), now_ns, events)
            events.append(self._gaps.popleft())
        self._add_trades(stop, now_ns, events)

    def _add_trades(self, stop: int, now_ns: int, events: list[FeedEvent]) -> None:
        if stop <= self._row:
            return
        trades = self._trades.take(slice(self._row, stop))
        self._newest_ns = int(self._due[stop - 1])
        self._row = stop
        told = trades.replace(
            seq=np.zeros(len(trades), np.int64),
            receive_ns=np.full(len(trades), now_ns),
            source_seq=trades.seq,
        )
        events.append(TradesEvent(self._instrument.symbol, told))


def _require_instrument(history: History, symbol: str) -> Instrument:
    instrument = history.find_instrument(symbol)
    if instrument is None:
        error = InstrumentUnknownError(symbol, [i.symbol for i in history.instruments()])
        raise FeedError(f"REPLAY_SYMBOL: {error.user_text}", retry=False) from error
    return instrument


def _require_session(history: History, symbol: str, session_ns: int | None) -> int:
    stored = [s.session_ns for s in history.sessions(symbol)]
    chosen = [n for n in stored if session_ns in {None, n} and history.has_trades(symbol, n)]
    if not chosen:
        what = "that session" if session_ns is not None else "any session"
        msg = f"There are no single trades of {symbol} stored for {what}, so it cannot be replayed."
        raise FeedError(msg, retry=False)
    return chosen[-1]


def _require_speed(speed: float) -> float:
    if speed != math.inf and not 1 <= speed <= MAX_SPEED:
        raise InputError("speed", speed, "a number from 1 to 1000, or max")
    return float(speed)
