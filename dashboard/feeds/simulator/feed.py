"""The simulated market as a feed: releases its events as the clock passes them.

What happens is a function of the seed; the clock only decides when it is told. So a run that is
killed and goes on later tells exactly what an undisturbed run would have told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Literal

import numpy as np

from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.quote import Gap, Quote
from dashboard.errors import FeedError, InstrumentUnknownError
from dashboard.feeds.simulator.cursor import Cursor, Source
from dashboard.feeds.simulator.market import (
    BASE_RATE,
    Stream,
    generator,
    known_symbols,
    open_of,
    require_listing,
    session_of,
)
from dashboard.feeds.simulator.packets import build_book, interest_at, previous_close
from dashboard.feeds.simulator.path import build_course
from dashboard.ports import (
    Clock,
    FeedEvent,
    Heartbeat,
    ResumePoint,
    StateChange,
    TradesEvent,
)

PREFILL_SESSIONS: Final = 5
PREFILL_RATE: Final = BASE_RATE
"""Events a second at most in the sessions that an empty store is filled with."""
CATCH_UP_EVENTS: Final = 200_000
CATCH_UP_SESSIONS: Final = 5
BATCH: Final = 10_000
"""Rows per instrument and poll, at most."""

_QUANTUM_NS: Final = 20_000_000
_BEHIND_NS: Final = SECOND_NS
_CATCHING_UP_NS: Final = 5 * SECOND_NS
_AHEAD_NS: Final = 60 * SECOND_NS
_PACKET_RATES: Final = (0.5, 4.0)
_TRADE_RATE: Final = 50_000.0


class SimulatorFeed:
    """A `Feed` of the simulated market, always open.

    On an empty store it first tells the five sessions before the current one and the current one
    so far, as fast as it is polled. In trades mode above `PREFILL_RATE` that past is thinner than
    what follows: the full rate begins where the clock is caught up with.

    `receive_ns` of what it tells is the simulated arrival, not the clock's time of the poll, so
    that two runs store equal rows. Changing seed, mode or rate over a filled store goes on by time
    after the stored data.

    Args:
        symbols: Instruments, among those of `market.LISTINGS`.
        mode: `snapshots` (packets; sides must be inferred) or `trades` (true sides, and the book
            once a second).
        rate: Packets a second, 0.5 to 4, or trades a second, up to 50,000; a session's average.
        seed: The market's seed, 0 to 2**63 - 1.
        clock: Decides what is due.

    Raises:
        FeedError: Not retried: an unknown symbol or a rate that the mode cannot have.
    """

    mode = FeedMode.SIMULATED

    def __init__(
        self,
        symbols: Sequence[str],
        mode: Literal["snapshots", "trades"],
        rate: float,
        seed: int,
        clock: Clock,
    ) -> None:
        self._instruments = [_require_instrument(symbol) for symbol in symbols]
        _check_rate(mode, rate)
        self.sides_estimated = mode == "snapshots"
        self._rate = float(rate)
        self._seed = seed
        self._clock = clock
        self._cursors: list[Cursor] = []
        self._pending: list[FeedEvent] = []
        self._preparing = False
        self._told_ns = 0
        self._book_seconds: dict[str, int] = {}

    def instruments(self) -> Sequence[Instrument]:
        """Instruments that this feed will deliver."""
        return list(self._instruments)

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        """Find each instrument's place: after its stored data, or five sessions back.

        A missed stretch is told in full up to five sessions and, above `PREFILL_RATE`, 200,000
        events; a longer one becomes a gap, and the feed goes on at now.
        """
        now_ns = self._clock.now_ns()
        self._cursors, self._pending = [], []
        causes, notices = [], []
        for instrument in self._instruments:
            point = resume.get(instrument.symbol, ResumePoint())
            if point.event_ns == 0:
                causes.append("Writing five simulated sessions…")
                cursor = self._prefill(instrument.symbol, now_ns)
            else:
                cursor = self._resume(instrument.symbol, point, now_ns)
                if now_ns - cursor.due_ns() > _CATCHING_UP_NS:
                    causes.append("Catching up with the simulated market…")
                if point.event_ns - now_ns > _AHEAD_NS:
                    minutes = round((point.event_ns - now_ns) / (60 * SECOND_NS))
                    notices.append(f"The stored data is {minutes} min ahead of the clock.")
            self._cursors.append(cursor)
        self._preparing = bool(causes)
        state = FeedState.PREPARING if causes else FeedState.LIVE
        self._pending.insert(0, StateChange(state, next(iter(causes + notices), "")))

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        """Return what is due, waiting at most `timeout_s` where nothing is.

        Batches are at least 20 ms apart once live, so that a fast market costs few, large ones;
        with a time-out of 0 whatever is due comes at once.
        """
        now_ns = self._clock.now_ns()
        rest_ns = 0 if self._preparing else self._told_ns + _QUANTUM_NS - now_ns
        if rest_ns > 0 and not self._pending:
            now_ns = self._wait(now_ns, rest_ns, timeout_s)
            timeout_s -= rest_ns / SECOND_NS
        events = self._collect(now_ns)
        if not events and timeout_s > 0 and self._cursors:
            due_ns = min(cursor.due_ns() for cursor in self._cursors)
            now_ns = self._wait(now_ns, due_ns - now_ns, timeout_s)
            events = self._collect(now_ns)
        if not events and now_ns - self._told_ns >= SECOND_NS:
            events = [Heartbeat(now_ns)]
        if events:
            self._told_ns = now_ns
        return events

    def close(self) -> None:
        """Forget all places; a closed feed is silent."""
        self._cursors, self._pending = [], []

    # -------------------------------------------------------------------------- places

    def _source(self, symbol: str, rate: float) -> Source:
        return Source(self._seed, symbol, self.sides_estimated, rate)

    def _prefill(self, symbol: str, now_ns: int) -> Cursor:
        source = self._source(symbol, min(self._rate, PREFILL_RATE))
        return Cursor(source, session_of(now_ns) - PREFILL_SESSIONS)

    def _resume(self, symbol: str, point: ResumePoint, now_ns: int) -> Cursor:
        cursor = self._find(symbol, point)
        recent = session_of(now_ns) - cursor.session <= CATCH_UP_SESSIONS
        # What an empty store would be filled with is never too much: the filling may be killed too.
        if recent and (
            cursor.source.rate <= PREFILL_RATE
            or cursor.count_until(now_ns, CATCH_UP_EVENTS) <= CATCH_UP_EVENTS
        ):
            return cursor
        cursor = Cursor.at_time(self._source(symbol, self._rate), now_ns)
        self._pending.append(self._gap(cursor, point.event_ns, now_ns))
        return cursor

    def _find(self, symbol: str, point: ResumePoint) -> Cursor:
        """Return the place after a stored event, by number where it is ours, else by time."""
        full = self._source(symbol, self._rate)
        for rate in sorted({self._rate, min(self._rate, PREFILL_RATE)}, reverse=True):
            cursor = Cursor.after(self._source(symbol, rate), point)
            if cursor is not None:
                return cursor
        # Packets of the stored event's second may arrive until its end.
        margin = SECOND_NS - 1 if self.sides_estimated else 0
        return Cursor.at_time(full, point.event_ns + margin)

    def _gap(self, cursor: Cursor, start_ns: int, now_ns: int) -> Gap:
        symbol = cursor.source.symbol
        course = build_course(self._seed, symbol, session_of(now_ns))
        offset_ns = np.array([now_ns - course.open_ns], dtype=np.float64)
        bid, _ = course.quote_at(offset_ns)
        return Gap(
            symbol=symbol,
            start_ns=start_ns,
            end_ns=now_ns,
            volume=0,
            price=int(bid[0]) * course.listing.tick,
            cause="the simulator was not running",
        )

    # -------------------------------------------------------------------------- events

    def _wait(self, now_ns: int, until_due_ns: int, timeout_s: float) -> int:
        """Wait for the shorter of the two and return the new time."""
        seconds = min(timeout_s, until_due_ns / SECOND_NS)
        if seconds <= 0:
            return now_ns
        self._clock.sleep(seconds)
        return self._clock.now_ns()

    def _collect(self, now_ns: int) -> list[FeedEvent]:
        """Return waiting notices and what is due of each instrument."""
        events, self._pending = self._pending, []
        for i, cursor in enumerate(self._cursors):
            events += cursor.take(now_ns, BATCH)
            if cursor.source.rate < self._rate and cursor.due_ns() > now_ns:
                # Caught up on the thin tape of the first sessions: from here on in full.
                full = self._source(cursor.source.symbol, self._rate)
                self._cursors[i] = Cursor.at_time(full, now_ns)
        if self._preparing:
            if all(cursor.due_ns() > now_ns - _BEHIND_NS for cursor in self._cursors):
                self._preparing = False
                events.append(StateChange(FeedState.LIVE))
        else:
            newest = {event.symbol: event for event in events if isinstance(event, TradesEvent)}
            for symbol, event in newest.items():
                second = int(event.trades.event_ns[-1]) // SECOND_NS
                if self._book_seconds.get(symbol) != second:
                    self._book_seconds[symbol] = second
                    events.append(self._book(event))
        return events

    def _book(self, event: TradesEvent) -> Quote:
        """Return the book after the newest trade; the counter is left out: trades tell it."""
        trades = event.trades
        event_ns = int(trades.event_ns[-1])
        session = session_of(event_ns)
        course = build_course(self._seed, event.symbol, session)
        offset_ns = np.array([event_ns - open_of(session)], dtype=np.int64)
        second = int(offset_ns[0]) // SECOND_NS
        book = build_book(
            generator(self._seed, event.symbol, Stream.BOOK, session, second), course, offset_ns
        )
        return Quote(
            symbol=event.symbol,
            event_ns=event_ns,
            receive_ns=event_ns,
            last_price=int(trades.price[-1]),
            last_size=int(trades.size[-1]),
            day_volume=0,
            bids=book.bids(0),
            asks=book.asks(0),
            last_trade_ns=event_ns,
            previous_close=previous_close(self._seed, event.symbol, session),
            open_interest=int(interest_at(course, offset_ns)[0]),
            source_seq=int(trades.source_seq[-1]),
        )


def _require_instrument(symbol: str) -> Instrument:
    try:
        return require_listing(symbol).instrument
    except InstrumentUnknownError as error:
        msg = f"INSTRUMENTS: {symbol} is not simulated; use {', '.join(known_symbols())}."
        raise FeedError(msg, retry=False) from error


def _check_rate(mode: str, rate: float) -> None:
    low, high = _PACKET_RATES
    if mode == "snapshots" and not low <= rate <= high:
        msg = (
            f"SIMULATOR_RATE: {rate:g} is not possible; a broker sends {low:g} to {high:g} packets "
            "a second. Use such a number, or SIMULATOR_MODE=trades for more."
        )
        raise FeedError(msg, retry=False)
    if not 0 < rate <= _TRADE_RATE:
        msg = f"SIMULATOR_RATE: {rate:g} is not possible; use a number above 0 and up to 50000."
        raise FeedError(msg, retry=False)
