"""The ports in memory: what tests give to code that is used to stores, boards and feeds.

`FakeStore` holds the data; `FakeRecorder` writes it and `FakeHistory` reads it, by the rules of the
ports (a transaction is whole or nothing, seq continues, open trades go minute by minute).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from dashboard.domain.bars import MINUTE, BarOrigin, Bars
from dashboard.domain.calendar import Calendar, calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedStatus, LiveState
from dashboard.domain.quote import Gap
from dashboard.domain.trade import SideRule, Trades
from dashboard.errors import InstrumentUnknownError, StoreError
from dashboard.ports import FeedEvent, IngestBatch, ResumePoint, SessionInfo

__all__ = [
    "FakeBoard",
    "FakeFeed",
    "FakeHistory",
    "FakeLeader",
    "FakeRecorder",
    "FakeStore",
    "ManualClock",
]


@dataclass
class FakeStore:
    """Everything of one store file.

    Attributes:
        calendars: By instrument symbol; others get the 24x7 calendar.
        journal: What happened, in order, where tests share it with a board.
    """

    calendars: dict[str, Calendar] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    instruments: dict[str, Instrument] = field(default_factory=dict)
    trades: dict[str, Trades] = field(default_factory=dict)
    bars: dict[str, dict[int, Bars]] = field(default_factory=dict)
    gaps: dict[str, list[Gap]] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    resumes: dict[str, ResumePoint] = field(default_factory=dict)
    version: int = 0
    generation: int = 0

    def calendar(self, symbol: str) -> Calendar:
        return self.calendars.get(symbol) or calendar_24x7()

    def all_bars(self, symbol: str) -> Bars | None:
        """Return the closed bars of an instrument, ascending; None when there are none."""
        rows = self.bars.get(symbol)
        return Bars.concat([rows[key] for key in sorted(rows)]) if rows else None

    def open_trades(self, symbol: str) -> Trades:
        """Return the trades whose minute has no stored bar."""
        trades = self.trades.get(symbol) or Trades.empty()
        session = self.calendar(symbol).session_open(trades.event_ns)
        keys = session + (trades.event_ns - session) // MINUTE.interval_ns
        closed = np.array(sorted(self.bars.get(symbol, ())), np.int64)
        return trades.take(~np.isin(keys, closed))


class FakeRecorder:
    """`ports.Recorder` on a `FakeStore`.

    Args:
        store: Where to write.
        faults: Raised by the next calls of `record`, one each, before anything is written.
    """

    def __init__(self, store: FakeStore, faults: Iterable[Exception] = ()) -> None:
        self.store = store
        self.faults = deque(faults)
        self.closed = False
        self.transactions: list[Sequence[IngestBatch]] = []

    def add_instrument(self, instrument: Instrument) -> Instrument:
        return self.store.instruments.setdefault(instrument.symbol, instrument)

    def record(self, batches: Sequence[IngestBatch]) -> None:
        if self.faults:
            raise self.faults.popleft()
        for batch in batches:
            first = int(batch.trades.seq[0]) if len(batch.trades) else None
            if first is not None and first != self.last_seq(batch.symbol) + 1:
                raise StoreError(f"seq {first} does not follow {self.last_seq(batch.symbol)}")
        for batch in batches:
            self._write(batch)
        self.transactions.append(batches)
        self.store.journal.append("record")

    def _write(self, batch: IngestBatch) -> None:
        store, symbol = self.store, batch.symbol
        if len(batch.trades):
            known = store.trades.get(symbol, Trades.empty())
            store.trades[symbol] = Trades.concat([known, batch.trades])
        if batch.bars is not None:
            rows = store.bars.setdefault(symbol, {})
            for row in range(len(batch.bars)):
                rows[int(batch.bars.keys[row])] = batch.bars.take(row, row + 1)
        store.gaps.setdefault(symbol, []).extend(batch.gaps)
        store.states[symbol] = batch.state
        store.resumes[symbol] = batch.resume
        store.version = max(store.version, batch.version)

    def resume_point(self, symbol: str) -> ResumePoint:
        return self.store.resumes.get(symbol, ResumePoint())

    def ingest_state(self, symbol: str) -> bytes:
        return self.store.states.get(symbol, b"")

    def last_version(self) -> int:
        return self.store.version

    def last_seq(self, symbol: str) -> int:
        trades = self.store.trades.get(symbol)
        return int(trades.seq[-1]) if trades is not None and len(trades) else 0

    def open_trades(self, symbol: str) -> Trades:
        return self.store.open_trades(symbol)

    def closed_bar(self, symbol: str, session_ns: int, ordinal: int) -> Bars | None:
        return self.store.bars.get(symbol, {}).get(session_ns + ordinal)

    def prune_trades(self, before_session_ns: int) -> bool:
        """Delete one session's trades of each instrument that has an older one."""
        deleted = False
        for symbol, trades in self.store.trades.items():
            session = self.store.calendar(symbol).session_open(trades.event_ns)
            old = session[(session < before_session_ns) & (session < session.max(initial=0))]
            if len(old):
                self.store.trades[symbol] = trades.take(session != old.min())
                deleted = True
        return deleted

    def close(self) -> None:
        self.closed = True


class FakeHistory:
    """`ports.History` on a `FakeStore`."""

    def __init__(self, store: FakeStore) -> None:
        self.store = store

    def generation(self) -> int:
        return self.store.generation

    def instruments(self) -> list[Instrument]:
        return [self.store.instruments[symbol] for symbol in sorted(self.store.instruments)]

    def find_instrument(self, symbol: str) -> Instrument | None:
        return self.store.instruments.get(symbol)

    def calendar(self, symbol: str) -> Calendar:
        if symbol not in self.store.instruments:
            raise InstrumentUnknownError(symbol, sorted(self.store.instruments))
        return self.store.calendar(symbol)

    def sessions(self, symbol: str) -> list[SessionInfo]:
        trades = self.store.trades.get(symbol, Trades.empty())
        bars = self.store.all_bars(symbol)
        opens = set(self.store.calendar(symbol).session_open(trades.event_ns).tolist())
        opens |= set() if bars is None else set(bars.session_ns.tolist())
        return [self._session(symbol, session_ns) for session_ns in sorted(opens)]

    def _session(self, symbol: str, session_ns: int) -> SessionInfo:
        about = self.store.calendar(symbol).session_at(session_ns)
        instrument = self.store.instruments[symbol]
        trades = self.read_trades(symbol, session_ns, session_ns)
        bars = self.read_bars(symbol, session_ns, session_ns)
        times = trades.event_ns if len(trades) else bars.start_ns
        gaps = self.read_gaps(symbol, session_ns)
        traded = int(trades.size.sum()) if len(trades) else int(bars.traded_volume.sum())
        return SessionInfo(
            session_ns=session_ns,
            close_ns=about.close_ns,
            date=about.date,
            first_ns=int(times.min()),
            last_ns=int(times.max()),
            trades=len(trades) or int(bars.trades.sum()),
            volume=traded + sum(gap.volume for gap in gaps),
            confirmed=about.confirmed,
            tick_size=instrument.tick_size,
            lot_size=instrument.lot_size,
            origin=bars.origin if len(bars) else BarOrigin(interval_s=60),
            level_size=instrument.tick_size,
            label=about.label,
        )

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        bars = self.store.all_bars(symbol)
        if bars is None:
            return Bars.empty(MINUTE, self.store.instruments[symbol].tick_size)
        keep = _inside(bars.session_ns, first_session_ns, last_session_ns)
        return bars.select(keep & (bars.version > after_version))

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        trades = self.store.trades.get(symbol, Trades.empty())
        sessions = self.store.calendar(symbol).session_open(trades.event_ns)
        keep = _inside(sessions, first_session_ns, last_session_ns) & (trades.seq > after_seq)
        return trades.take(np.flatnonzero(keep)[:limit])

    def open_trades(self, symbol: str) -> Trades:
        return self.store.open_trades(symbol)

    def read_gaps(self, symbol: str, session_ns: int) -> list[Gap]:
        calendar = self.store.calendar(symbol)
        gaps = sorted(self.store.gaps.get(symbol, ()), key=lambda gap: gap.start_ns)
        return [gap for gap in gaps if calendar.session_at(gap.end_ns).open_ns == session_ns]

    def read_volume_by_rule(
        self, symbol: str, first_session_ns: int | None, last_session_ns: int | None
    ) -> tuple[int, ...]:
        trades = self.read_trades(symbol, first_session_ns, last_session_ns)
        return tuple(int(trades.size[trades.rule == rule].sum()) for rule in SideRule)

    def has_trades(self, symbol: str, session_ns: int) -> bool:
        return len(self.read_trades(symbol, session_ns, session_ns)) > 0


class FakeBoard:
    """`ports.Board` in memory; `lose` empties it as a deleted folder would."""

    def __init__(self, journal: list[str] | None = None) -> None:
        self.journal = journal if journal is not None else []
        self.states: dict[str, LiveState] = {}
        self.statuses: list[FeedStatus] = []
        self.publishes: list[Sequence[LiveState]] = []
        self._version = 0

    def publish(self, states: Sequence[LiveState]) -> None:
        for state in states:
            self.states[state.symbol] = state
            self._version = max(self._version, state.version)
        if states:
            self.publishes.append(states)
            self.journal.append("publish")

    def read(self, symbol: str) -> LiveState | None:
        return self.states.get(symbol)

    def version(self) -> int:
        return self._version

    def publish_status(self, status: FeedStatus) -> None:
        self.statuses.append(status)

    def read_status(self) -> FeedStatus | None:
        return self.statuses[-1] if self.statuses else None

    def lose(self) -> None:
        self.states.clear()
        self.statuses.clear()
        self._version = 0


class FakeFeed:
    """`ports.Feed` that delivers a script: one list of events, or an exception, per poll.

    Args:
        instruments: What it announces.
        script: Consumed poll by poll; afterwards nothing arrives any more.
        clock: Moved on by the time-out of a poll that finds nothing.
    """

    def __init__(
        self,
        instruments: Sequence[Instrument],
        script: Iterable[Sequence[FeedEvent] | Exception] = (),
        *,
        mode: FeedMode = FeedMode.SIMULATED,
        sides_estimated: bool = False,
        clock: ManualClock | None = None,
    ) -> None:
        self.mode = mode
        self.sides_estimated = sides_estimated
        self.script = deque(script)
        self.resume: Mapping[str, ResumePoint] | None = None
        self.closed = 0
        self.on_poll: Callable[[], object] | None = None
        self._instruments = instruments
        self._clock = clock

    def instruments(self) -> Sequence[Instrument]:
        return self._instruments

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        self.resume = dict(resume)

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        if self.on_poll is not None:
            self.on_poll()
        events = self.script.popleft() if self.script else []
        if isinstance(events, Exception):
            raise events
        if not events and self._clock is not None:
            self._clock.advance(timeout_s)
        return events

    def close(self) -> None:
        self.closed += 1


class ManualClock:
    """A clock that stands still until told to move; sleeping moves it on at once."""

    def __init__(self, now_ns: int = 1_750_000_000_000_000_000) -> None:
        self.now = now_ns

    def now_ns(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.advance(max(0.0, seconds))

    def advance(self, seconds: float) -> None:
        self.now += round(seconds * 1_000_000_000)


class FakeLeader:
    """`ports.Leader` that hands the lock out unless it is `taken` by another process."""

    def __init__(self, *, taken: bool = False) -> None:
        self.taken = taken
        self.held = False
        self.releases = 0

    def acquire(self) -> bool:
        self.held = not self.taken
        return self.held

    def release(self) -> None:
        self.releases += self.held
        self.held = False


def _inside(
    session_ns: np.ndarray[tuple[int], np.dtype[np.int64]], first: int | None, last: int | None
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    keep = np.ones(len(session_ns), np.bool_)
    if first is not None:
        keep &= session_ns >= first
    if last is not None:
        keep &= session_ns <= last
    return keep
