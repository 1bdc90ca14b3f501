"""The main loop: from a feed's events to the store, then to the board. One pipeline for any feed.

A cycle takes at most about 50 ms: poll, step each instrument that has events, write all of them in
one transaction, publish. What is on the board is therefore already stored. A cycle that cannot be
recorded changes nothing, here or on the board: the supervisor then starts anew from the store, and
the feed goes on behind the last committed packet or trade, so nothing is lost or counted twice.
Runs in the worker's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

from dashboard.domain.calendar import DAY_NS, Calendar
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.errors import FeedError, StoreError, StoreLockedError
from dashboard.ingest.batching import Rate, in_parts, size_of
from dashboard.ingest.reader import TrackEvent
from dashboard.ingest.status import StatusReporter
from dashboard.ingest.track import (
    Step,
    Track,
    advance,
    close_all,
    close_due,
    live_state,
    restore,
)
from dashboard.ports import (
    Board,
    Clock,
    Feed,
    FeedEvent,
    Heartbeat,
    IngestBatch,
    Recorder,
    StateChange,
)

__all__ = ["VERSION_JUMP", "Pipeline"]

log = logging.getLogger(__name__)

POLL_S = 0.05
CYCLE_S = 0.04
"""Shortest cycle: a busy feed is taken in batches, the first event after a pause at once."""
CHUNK = 4096
"""Most trades and packets of one transaction, so that it stays below 50 ms."""
INSTRUMENTS = 64
"""Most instruments of one transaction, for the same reason: each takes up to a millisecond."""
CLOSE_NS = 200_000_000
"""How often minutes are looked at that nothing but time closes."""
RECORD_TRIES = 3
RETRY_S = 0.1
VERSION_JUMP = 1_000_000
"""Versions that a lost board may have shown beyond the store's last (book changes only)."""


class Pipeline:
    """Moves one feed's events; made anew for each start of a feed.

    Args:
        feed: Not started yet.
        recorder: The store's write side, owned by this process now.
        board: The live board.
        clock: The clock.
        status: Where the feed's state is reported.
        calendar_of: Symbol to trading calendar, asked after the instrument is stored.
        may_write: False once another process may lead; asked before each transaction.
        keep_days: Raw trades of sessions that opened longer ago are deleted; None keeps all.
    """

    def __init__(
        self,
        feed: Feed,
        recorder: Recorder,
        board: Board,
        clock: Clock,
        status: StatusReporter,
        calendar_of: Callable[[str], Calendar],
        may_write: Callable[[], bool] = lambda: True,
        keep_days: int | None = None,
    ) -> None:
        self._feed = feed
        self._recorder = recorder
        self._board = board
        self._clock = clock
        self._status = status
        self._calendar_of = calendar_of
        self._may_write = may_write
        # A replay reads the old trades that it would delete.
        self._keep_days = None if feed.mode is FeedMode.REPLAY else keep_days
        self._newest_session: int | None = None
        self._prunes = False
        self._version = self._shown = 0
        self._tracks: dict[str, Track] = {}
        self._rates: dict[str, Rate] = {}
        self._looked_ns = 0

    @property
    def version(self) -> int:
        """Version of the last publish."""
        return self._version

    def start(self) -> None:
        """Rebuild every instrument from the store, show it, and start the feed behind it.

        Raises:
            FeedError: The feed refused, or describes a stored instrument in other units.
            StoreError: The store cannot be read.
        """
        self._version = _first_version(self._board.version(), self._recorder.last_version())
        for instrument in self._feed.instruments():
            stored = self._recorder.add_instrument(instrument)
            if (stored.price_scale, stored.size_scale) != (
                instrument.price_scale,
                instrument.size_scale,
            ):
                raise FeedError(
                    f"{instrument.symbol} is stored with {stored.price_scale} price units per 1.00 "
                    f"and the feed uses {instrument.price_scale}; use another symbol or database.",
                    retry=False,
                )
            self._tracks[instrument.symbol] = restore(
                instrument,
                self._calendar_of(instrument.symbol),
                self._recorder,
                infers=self._feed.sides_estimated,
                version=self._version + 1,
            )
            self._rates[instrument.symbol] = Rate()
        self._publish_all()
        self._feed.start({symbol: track.resume for symbol, track in self._tracks.items()})

    def cycle(self) -> int:
        """Wait up to 50 ms for events and take them through; return how many there were.

        Raises:
            FeedError: The feed failed.
            StoreError: The events could not be recorded; they were not published either.
        """
        began_ns = self._clock.now_ns()
        events = self._feed.poll(POLL_S)
        parts = 0
        for part in in_parts(events, CHUNK):
            if not self._may_write():
                break
            self._beat()
            if isinstance(part[0], StateChange):
                self._on_state(part[0])
            else:
                self._take(part)
            parts += 1
        if not self._may_write():
            # Also the status is another process's to tell by now.
            return 0
        self._close_due()
        self._beat()
        # Also when a feed that has ended answers at once; only a backlog is taken without a pause.
        if parts <= 1:
            self._prune_some()
            spent_s = (self._clock.now_ns() - began_ns) / 1e9
            # A clock that was set back would make this wait for hours.
            self._clock.sleep(min(CYCLE_S, CYCLE_S - spent_s))
        return len(events)

    def _take(self, events: Sequence[FeedEvent]) -> None:
        """Bring events into store and board."""
        found = self._by_symbol(events)

        def step(symbol: str, version: int) -> Step:
            now_ns, own = self._clock.now_ns(), found[symbol]
            self._rates[symbol].count(sum(map(size_of, own)), now_ns)
            find_closed = partial(self._recorder.closed_bar, symbol)
            return advance(self._tracks[symbol], own, version, now_ns, find_closed)

        told = self._step_all(list(found), step)
        if told and found and self._status.state in {FeedState.STARTING, FeedState.RETRYING}:
            self._on_state(StateChange(FeedState.LIVE))

    def _by_symbol(self, events: Sequence[FeedEvent]) -> Mapping[str, list[TrackEvent]]:
        """Return each instrument's events in order; of a heartbeat alone nothing is published."""
        found: dict[str, list[TrackEvent]] = {}
        for event in events:
            if isinstance(event, Heartbeat):
                self._note_alive(event, found)
            elif not isinstance(event, StateChange):  # these have a part of their own
                if event.symbol not in self._tracks:
                    raise FeedError(f"The feed sent {event.symbol}, which it had not announced.")
                found.setdefault(event.symbol, []).append(event)
        return found

    def _note_alive(self, beat: Heartbeat, found: Mapping[str, list[TrackEvent]]) -> None:
        """Tell every instrument's inference that the line is alive, in its place in the order."""
        for symbol, track in self._tracks.items():
            if symbol in found:
                found[symbol].append(beat)
            elif track.inference is not None:
                no_find = partial(self._recorder.closed_bar, symbol)
                step = advance(track, [beat], self._version, self._clock.now_ns(), no_find)
                self._tracks[symbol] = step.track

    def _step_all(self, symbols: Sequence[str], step: Callable[[str, int], Step | None]) -> bool:
        """Step instruments, some at a time; `step` takes a symbol and the version to be.

        False when this process may no longer write.
        """
        for first in range(0, len(symbols), INSTRUMENTS):
            version = self._version + 1
            group = {s: step(s, version) for s in symbols[first : first + INSTRUMENTS]}
            steps = {s: made for s, made in group.items() if made is not None}
            if steps and not self._commit(steps, version):
                return False
        return True

    def _commit(self, steps: Mapping[str, Step], version: int) -> bool:
        """Record first, then publish; False when this process may no longer write."""
        batches = [step.batch for step in steps.values() if step.batch is not None]
        if batches and not self._record(batches):
            return False
        self._version = version
        for symbol, step in steps.items():
            self._tracks[symbol] = step.track
        self._publish(steps)
        return True

    def _record(self, batches: Sequence[IngestBatch]) -> bool:
        tries = RECORD_TRIES
        while self._may_write():
            try:
                self._recorder.record(batches)
            except StoreLockedError:
                tries -= 1
                if not tries:
                    raise
                self._clock.sleep(RETRY_S)
            else:
                return True
        return False

    def _close_due(self, *, ended: bool = False) -> None:
        """Close the minutes that time has ended, or all when the feed has.

        Time ends nothing in a replay: it can be paused, and it knows what comes.
        """
        now_ns = self._clock.now_ns()
        early = abs(now_ns - self._looked_ns) < CLOSE_NS or self._feed.mode is FeedMode.REPLAY
        if early and not ended:
            return
        self._looked_ns = now_ns

        def step(symbol: str, version: int) -> Step | None:
            track = self._tracks[symbol]
            return close_all(track, version) if ended else close_due(track, version, now_ns)

        self._step_all(list(self._tracks), step)

    def _prune_some(self) -> None:
        """Delete a handful of old raw trades: from the start on, and whenever a session begins.

        A fault here must not stop the feed; the next session tries again.
        """
        newest = max((track.marks.session_ns for track in self._tracks.values()), default=0)
        if newest != self._newest_session:
            self._newest_session, self._prunes = newest, True
        if not self._prunes:
            return
        # Without a limit there may still be what an earlier one had begun to delete.
        days = self._keep_days
        before_ns = 0 if days is None else self._clock.now_ns() - days * DAY_NS
        try:
            self._prunes = self._recorder.prune_trades(before_ns)
        except StoreError as error:
            self._prunes = False
            log.warning("old trades are not deleted now: %s", error)

    def _beat(self) -> None:
        """Once a second: refresh the status, and the board if it was lost meanwhile."""
        if self._status.beat() and self._board.version() < self._shown:
            self._publish_all()

    def _on_state(self, event: StateChange) -> None:
        if event.state is FeedState.FINISHED:
            self._close_due(ended=True)
        if self._status.change(event.state, event.cause):
            # The state is part of what a page asks for by version.
            self._publish_all()

    def _publish_all(self) -> None:
        """Show every instrument that has data, with a new version."""
        self._version += 1
        self._publish(self._tracks)

    def _publish(self, symbols: Iterable[str]) -> None:
        """Show instruments; all of them when the board lost what it was given before.

        Without that, quiet instruments would be missing until their next trade.
        """
        if self._board.version() < self._shown:
            symbols = self._tracks
        now_ns = self._clock.now_ns()
        states = []
        for symbol in symbols:
            track = self._tracks[symbol]
            if track.has_data:
                rate = self._rates[symbol].per_second(now_ns)
                states.append(live_state(track, self._version, rate))
        self._board.publish(states)
        if states:
            self._shown = self._version


def _first_version(on_board: int, stored: int) -> int:
    """Return the version to go on from: never one that a reader may have seen already."""
    return stored + VERSION_JUMP if stored and not on_board else max(on_board, stored)
