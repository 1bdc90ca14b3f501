"""The ports: what the inside asks of feeds, stores, boards, clocks and leader locks.

Adapters in `feeds`, `storage`, `live` and `ingest` are one end each; pages, api, series and ingest
see only these Protocols.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import BinaryIO, Protocol

from dashboard.domain.bars import BarOrigin, Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus, LiveState
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.trade import Trades


@dataclass(frozen=True, slots=True)
class TradesEvent:
    """A batch of trades with known sides, in arrival order, of one instrument."""

    symbol: str
    trades: Trades


@dataclass(frozen=True, slots=True)
class QuotesEvent:
    """A batch of packets of one instrument, in arrival order, for a feed whose sides are inferred.

    `last` is the newest packet whole, for the book and the day's statistics on screen; None when
    there is nothing to show. Inference reads `quotes` alone: `last` is never counted again.
    """

    symbol: str
    quotes: QuoteArrays
    last: Quote | None = None


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """The feed is alive although nothing traded."""

    receive_ns: int


@dataclass(frozen=True, slots=True)
class StateChange:
    """The feed's own state changed; `cause` is one sentence for the screen and the log."""

    state: FeedState
    cause: str = ""


FeedEvent = TradesEvent | QuotesEvent | Quote | Gap | Heartbeat | StateChange


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """Where an instrument's data ends in the store, for a feed that can go on exactly there.

    `source_seq` and `event_ns` are of the last packet or trade whose effect is committed (0: the
    store is empty); `session_ns` is its session.
    """

    source_seq: int = 0
    event_ns: int = 0
    session_ns: int = 0


class Feed(Protocol):
    """A source of events for one ingest pipeline; used from one thread only.

    `sides_estimated` says how its quotes are used. True: trades are inferred from them, and a `Gap`
    it sends means that the connection was lost (the next packet's counter says what was missed).
    False: trades come as `TradesEvent`, quotes are the book only, and a `Gap` is kept as it is.
    """

    mode: FeedMode
    sides_estimated: bool

    def instruments(self) -> Sequence[Instrument]:
        """Instruments that this feed will deliver."""

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        """Begin; the mapping holds one entry per instrument known to the store."""

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        """Return what has arrived, waiting at most `timeout_s` for the first event.

        Raises:
            FeedError: The feed failed; the supervisor closes it and starts a new one with backoff.
        """

    def close(self) -> None:
        """Stop and free everything; may be called twice."""


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """One stored session of an instrument (open instant, times, totals).

    `label` is unique: the date, numbered where several sessions share one. `origin` and
    `level_size` are of the session's base bars (one kind per session); a range of sessions can be
    read together when they agree.
    """

    session_ns: int
    close_ns: int
    date: str
    first_ns: int
    last_ns: int
    trades: int
    volume: int
    confirmed: bool
    tick_size: int
    lot_size: int
    origin: BarOrigin = field(default=BarOrigin(interval_s=60))
    level_size: int = 0
    label: str = ""


@dataclass(frozen=True, slots=True)
class IngestBatch:
    """All that one ingest cycle changes of one instrument; written in one transaction with others.

    Attributes:
        symbol: The instrument.
        trades: New trades; their `seq` is already set and continues the stored ones.
        bars: Base minutes that closed or changed, one-tick levels; replace the stored rows.
        gaps: New gaps.
        version: Publish version of this cycle.
        state: The inference state to resume from, as bytes (opaque to the store).
        resume: The resume point after this batch.
    """

    symbol: str
    trades: Trades
    bars: Bars | None
    gaps: Sequence[Gap]
    version: int
    state: bytes
    resume: ResumePoint


class History(Protocol):
    """The read side of the store: short reads, safe from any thread or process."""

    def generation(self) -> int:
        """Rises with imports, back-fills, deletions and late insertions: cached series are void."""

    def instruments(self) -> list[Instrument]:
        """All instruments, by symbol."""

    def find_instrument(self, symbol: str) -> Instrument | None:
        """The instrument or None."""

    def calendar(self, symbol: str) -> Calendar:
        """Trading calendar of an instrument (InstrumentUnknownError when there is none)."""

    def sessions(self, symbol: str) -> list[SessionInfo]:
        """Stored sessions in time order."""

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        """Closed base bars of the sessions (both inclusive) changed after a version."""

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        """Trades of the sessions in arrival (seq) order, after a seq."""

    def read_gaps(self, symbol: str, session_ns: int) -> list[Gap]:
        """Gaps of one session in time order."""

    def read_volume_by_rule(
        self, symbol: str, first_session_ns: int | None, last_session_ns: int | None
    ) -> tuple[int, ...]:
        """Volume of the sessions' stored trades by `SideRule`, size units; zeros without trades."""

    def has_trades(self, symbol: str, session_ns: int) -> bool:
        """Whether the session's raw trades are stored (else only its base bars)."""

    def open_trades(self, symbol: str) -> Trades:
        """Stored trades that no closed base bar contains yet, in arrival order."""


class Recorder(Protocol):
    """The write side: one per store, owned by the ingest leader."""

    def add_instrument(self, instrument: Instrument) -> Instrument:
        """Store an instrument or return the stored one (tick and lot of the session may differ)."""

    def record(self, batches: Sequence[IngestBatch]) -> None:
        """Write a cycle in one transaction; durable when this returns.

        Bars replace the stored rows of the same (session, ordinal). Trades must continue the stored
        seq, so that a second writer that lost its lock unnoticed fails here instead of doubling.

        Raises:
            StoreError: Nothing of the cycle was written; StoreLockedError may be tried again.
        """

    def resume_point(self, symbol: str) -> ResumePoint:
        """Where the stored data ends."""

    def ingest_state(self, symbol: str) -> bytes:
        """The last recorded inference state, b"" when none."""

    def last_version(self) -> int:
        """Highest version recorded."""

    def last_seq(self, symbol: str) -> int:
        """Newest stored trade, 0 when none."""

    def open_trades(self, symbol: str) -> Trades:
        """Stored trades that no closed base bar contains yet (rebuilds the open minutes).

        Decided minute by minute (a trade's session and minute have no stored bar), never by seq: a
        late trade gives an old bar a `last_seq` above that of the open minute's first trades.
        In seq order.
        """

    def closed_bar(self, symbol: str, session_ns: int, ordinal: int) -> Bars | None:
        """Return one stored base minute with its levels (a batch of one), None when not stored.

        The ingest pipeline asks once for each minute it is about to open, and for each minute that
        a late trade belongs to: one indexed read, and it sees what `record` wrote last.
        """

    def prune_trades(self, before_session_ns: int) -> bool:
        """Delete some raw trades of sessions that open earlier; True while there are more.

        One short transaction per call, so that a feed goes on between two. Base bars stay, and so
        do the trades of an instrument's newest session and those that no base bar contains.
        """

    def close(self) -> None:
        """Finish; the store file stays valid at any moment without this."""


class Board(Protocol):
    """The live board, shared by all processes of the machine; a lost read is `None`, never torn."""

    def publish(self, states: Sequence[LiveState]) -> None:
        """Replace the states of the instruments given, in one transaction."""

    def read(self, symbol: str) -> LiveState | None:
        """Last published state."""

    def version(self) -> int:
        """Highest version published; 0 on a new board."""

    def publish_status(self, status: FeedStatus) -> None:
        """Replace the feed's status; does not raise the version."""

    def read_status(self) -> FeedStatus | None:
        """Last status, None when no feed ever ran."""


class Clock(Protocol):
    """Wall clock and waiting, the only ones in the program."""

    def now_ns(self) -> int:
        """UTC epoch ns."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class Leader(Protocol):
    """One holder per machine and store."""

    def acquire(self) -> bool:
        """Try once, without waiting."""

    def release(self) -> None:
        """Give up; safe to call when not held."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportChoices:
    """How files are to be imported, as a person spells it; "" leaves it to files and store.

    Attributes:
        symbol: The instrument.
        calendar, tick_size, lot_size: Of the instrument.
        columns: Header names by column of trade files (time, price, size, side, bid, ask, …).
        skip_bad_rows: Leave out rows that cannot be read instead of refusing the file.
        replace_sessions: Let the files take the place of stored sessions.
        interval, level_size, token: Of a predecessor's database: its bars' length, row size, and
            which of its instruments.
    """

    symbol: str
    calendar: str = ""
    tick_size: str = ""
    lot_size: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    skip_bad_rows: bool = False
    replace_sessions: bool = False
    interval: str = ""
    level_size: str = ""
    token: str = ""


MAX_SENT_BYTES = 256 << 20
"""Largest file that a page may send: its import runs beside the feed and must leave it memory."""


@dataclass(frozen=True, slots=True)
class SentFile:
    """A file that a page has sent, not imported yet.

    Attributes:
        id: Names it from now on.
        name: What the sender calls it, for sentences alone.
        size: Bytes.
        kind: `trades`, or `predecessor` for a database of the predecessor.
        header, rows: Its columns' names and its first rows, as text.
        mapping: The header name that each column would be read from, where one was found.
        tokens: Instruments of a predecessor's database.
    """

    id: str
    name: str
    size: int
    kind: str
    header: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    mapping: Mapping[str, str] = field(default_factory=dict)
    tokens: Sequence[str] = ()


class ImportState(Enum):
    """How far the import of a sent file is."""

    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """How far the import of a sent file is, in rows, and what is to be said about it."""

    state: ImportState
    done: int = 0
    total: int = 0
    sentences: Sequence[str] = ()


class Uploads(Protocol):
    """Files on their way from a page into the store; any process of the machine may be asked."""

    def receive(self, name: str, stream: BinaryIO, size: int) -> SentFile:
        """Keep a file of exactly `size` bytes and say what is in it.

        Raises:
            ImportFault: It is too large, cut off, or nothing that can be imported.
        """

    def begin(self, upload: str, choices: ImportChoices) -> None:
        """Start importing a file; it goes when all of it is stored, and stays when that fails.

        Raises:
            InputError: There is no such file.
            StoreLockedError: Another import is running.
        """

    def progress(self, upload: str) -> ImportProgress:
        """How far it is (InputError when there is no such file)."""

    def drop(self, upload: str) -> None:
        """Forget a file that is not being imported."""


@dataclass(frozen=True, slots=True)
class Context:
    """What pages and the API are given: ports and settings-free facts.

    Attributes:
        history: The store's read side.
        board: The live board.
        clock: The clock.
        beat_ms: Default beat of the live page.
        notes: Sentences to show once at the top of the page (an imported file, a fallback).
        alerts: Asked whenever a page opens: what must be known about the store at that moment.
    """

    history: History
    board: Board
    clock: Clock
    beat_ms: int = 250
    notes: Sequence[str] = field(default_factory=tuple)
    alerts: Callable[[], Sequence[str]] = tuple
