"""The background thread that runs the feed when this process leads: start, stop, supervise.

Every process of the machine starts a worker; the one that gets the leader lock opens recorder and
feed and turns the pipeline. A feed that fails is closed and started anew after a growing delay,
with the reason on screen. A loop that hangs gives up the lock, so that another process takes over.

Under gunicorn: `start` in `post_worker_init` (after the fork: threads, locks and database handles
do not survive one), `stop` in `worker_exit`.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from dashboard.domain.calendar import Calendar
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.errors import DashboardError, FeedError
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.ports import Board, Clock, Feed, Leader, Recorder

__all__ = ["Delays", "IngestWorker"]

LEAD_RETRY_S = 0.25
"""How often a process asks for the lock: a killed leader is replaced within this time."""
TICK_S = 1.0
HANG_TICKS = 10
"""Ticks without a turn of the loop after which it hangs. Not measured by the clock, which jumps
when a laptop wakes up."""
SLOW_TICKS = 120
"""The same while recorder and feed open or close: a migration or a login may take its time."""
STEADY_CYCLES = 500
"""Turns without a failure (about 25 s) after which the delays begin anew."""


class Delays(Protocol):
    """How long to wait after each failure in a row."""

    def next_s(self) -> float:
        """Count a failure and return the delay before the next try, in seconds."""

    def reset(self) -> None:
        """Begin anew."""


@dataclass(slots=True, eq=False)
class _Life:
    """One thread's time as a candidate and leader; what the watchdog and `stop` see of it.

    Attributes:
        ended: Set to end it.
        leads: Whether it holds the lock.
        opens: Whether it is opening or closing recorder and feed.
        turns: Rises with each turn of its loop and each transaction.
        thread: The thread itself.
    """

    ended: threading.Event = field(default_factory=threading.Event)
    leads: bool = False
    opens: bool = False
    turns: int = 0
    thread: threading.Thread | None = None

    def may_write(self) -> bool:
        """Return whether the store is still ours to write; being asked is a sign of life."""
        self.turns += 1
        return not self.ended.is_set()


class IngestWorker:
    """Runs one feed on this machine, whichever process that falls to.

    Args:
        feed_factory: Makes the feed, at each start of it.
        recorder_factory: Opens the store for writing, only while this process leads.
        board: The live board.
        leader: The lock that names the leader.
        clock: The clock.
        backoff: Delays between the tries of a feed that fails.
        calendar_of: Symbol to trading calendar, of instruments that the store knows.
        mode: Shown until the feed tells its own, that is, while it cannot even be made.
        on_failure: Told what the feed failed of, before it is started anew.
        keep_days: Raw trades of older sessions are deleted; None keeps all.
        logger: Where changes of state go.
        tick_s: The watchdog's pace.
    """

    def __init__(
        self,
        *,
        feed_factory: Callable[[], Feed],
        recorder_factory: Callable[[], Recorder],
        board: Board,
        leader: Leader,
        clock: Clock,
        backoff: Delays,
        calendar_of: Callable[[str], Calendar],
        mode: FeedMode = FeedMode.LIVE,
        on_failure: Callable[[DashboardError], None] = lambda _: None,
        keep_days: int | None = None,
        logger: logging.Logger | None = None,
        tick_s: float = TICK_S,
    ) -> None:
        self._feed_factory = feed_factory
        self._recorder_factory = recorder_factory
        self._board = board
        self._leader = leader
        self._clock = clock
        self._backoff = backoff
        self._calendar_of = calendar_of
        self._mode = mode
        self._on_failure = on_failure
        self._keep_days = keep_days
        self._log = logger or logging.getLogger(__name__)
        self._tick_s = tick_s
        self._guard = threading.Lock()
        self._life: _Life | None = None
        self._stopped = threading.Event()

    @property
    def leads(self) -> bool:
        """Whether this process runs the feed now."""
        life = self._life
        return life is not None and life.leads

    def start(self) -> None:
        """Begin to compete for the feed; nothing happens when already started."""
        with self._guard:
            if self._life is not None:
                return
            self._stopped = threading.Event()
            self._life = self._begin_life(0.0)
            watch = threading.Thread(
                target=self._watch, args=(self._stopped,), name="ingest-watchdog", daemon=True
            )
            watch.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Stop the feed if it runs here and free the lock; safe to call twice.

        Args:
            timeout_s: How long to wait for the thread; after that the lock is freed all the same,
                and the thread, which may no longer write, ends when it can.
        """
        with self._guard:
            life, self._life = self._life, None
            self._stopped.set()
        if life is None or life.thread is None:
            return
        life.ended.set()
        life.thread.join(timeout_s)
        self._give_up(life)

    def _begin_life(self, pause_s: float) -> _Life:
        life = _Life()
        life.thread = threading.Thread(
            target=self._live, args=(life, pause_s), name="ingest", daemon=True
        )
        life.thread.start()
        return life

    def _live(self, life: _Life, pause_s: float) -> None:
        """Compete for the lock until the end; lead whenever it is won."""
        life.ended.wait(pause_s)
        fault = ""
        while not life.ended.is_set():
            try:
                life.leads = self._leader.acquire()
                fault = ""
            except (DashboardError, OSError) as error:
                if str(error) != fault:
                    fault = str(error)
                    self._log.error("the leader lock cannot be tried: %s", fault)
            if life.leads:
                try:
                    self._lead(life)
                finally:
                    self._give_up(life)
            life.ended.wait(LEAD_RETRY_S)

    def _give_up(self, life: _Life) -> None:
        """Free the lock if this life holds it (another one of this process may hold it by now)."""
        with self._guard:
            life.ended.set()
            if life.leads:
                life.leads = False
                self._leader.release()

    def _lead(self, life: _Life) -> None:
        """Run the feed, again and again, until this life ends."""
        status = StatusReporter(self._board, self._clock, self._log, self._mode)
        self._backoff.reset()
        while not life.ended.is_set():
            retry = True
            try:
                self._run_feed(life, status)
            except DashboardError as error:
                retry = not isinstance(error, FeedError) or error.retry
                if self._report(life, status, error.user_text, retry=retry):
                    self._log.debug("feed failed: %s", error, exc_info=True)
                if life.leads:
                    self._on_failure(error)
            except Exception as error:  # noqa: BLE001 - a fault of ours must not end the only feed
                text = f"The feed stopped by an internal error ({type(error).__name__})."
                if self._report(life, status, text, retry=True):
                    self._log.error("the feed's pipeline failed", exc_info=True)
            self._wait(life, status, self._backoff.next_s() if retry else None)
        if life.leads:
            status.change(FeedState.STOPPED)

    def _run_feed(self, life: _Life, status: StatusReporter) -> None:
        """Open recorder and feed and turn the pipeline until it fails or this life ends."""
        life.opens = True
        with contextlib.ExitStack() as stack:
            # Closing may take long too; callbacks run last in, first out.
            recorder = self._recorder_factory()
            stack.callback(recorder.close)
            feed = self._feed_factory()
            stack.callback(feed.close)
            stack.callback(setattr, life, "opens", True)
            status.begin(feed)
            pipeline = Pipeline(
                feed,
                recorder,
                self._board,
                self._clock,
                status,
                self._calendar_of,
                life.may_write,
                self._keep_days,
            )
            pipeline.start()
            life.opens = False
            steady = 0
            while not life.ended.is_set():
                pipeline.cycle()
                life.turns += 1
                steady += 1
                if steady == STEADY_CYCLES:
                    self._backoff.reset()

    def _report(self, life: _Life, status: StatusReporter, cause: str, *, retry: bool) -> bool:
        """Show why the feed failed; True when that is news."""
        state = FeedState.RETRYING if retry else FeedState.STOPPED
        return life.leads and status.change(state, cause)

    def _wait(self, life: _Life, status: StatusReporter, seconds: float | None) -> None:
        """Wait before the next try (None: for the end), with the heart beating.

        A feed that must not be tried again keeps the lock: another process would only try the same
        wrong password once more.
        """
        life.opens = False
        waited = 0.0
        while (seconds is None or waited < seconds) and not life.ended.is_set():
            pause = self._tick_s if seconds is None else min(self._tick_s, seconds - waited)
            life.ended.wait(pause)
            waited += pause
            life.turns += 1
            if life.leads:
                status.beat()

    def _watch(self, stopped: threading.Event) -> None:
        """Give up the lock of a life whose loop does not turn, and begin another one."""
        seen: tuple[_Life | None, int] = (None, 0)
        still = 0
        while not stopped.wait(self._tick_s):
            life = self._life
            if life is None or not life.leads or (life, life.turns) != seen:
                seen, still = (life, life.turns if life else 0), 0
                continue
            still += 1
            if still >= (SLOW_TICKS if life.opens else HANG_TICKS):
                self._log.error("the feed's loop hangs for %d ticks; giving up the lock", still)
                self._give_up(life)
                with self._guard:
                    if self._life is life:
                        # Others first: what hung here may hang again.
                        self._life = self._begin_life(self._tick_s * HANG_TICKS)
