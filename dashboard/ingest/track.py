"""One instrument on its way through the pipeline: an immutable state and the step to the next.

`advance` takes a cycle's events of one instrument and returns the state after them with the batch
to record; the pipeline keeps that state only once the batch is committed. `restore` builds the
state from the store. No I/O but the reads that are passed in.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dashboard.domain import aggressor
from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import MINUTE, Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import LiveState, SessionTotals
from dashboard.domain.merge import merge
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import Gap, Quote
from dashboard.domain.trade import Trades
from dashboard.errors import CorruptStoreError
from dashboard.ingest.checkpoint import (
    BASE_ORIGIN,
    Checkpoint,
    Marks,
    decode_checkpoint,
    encode_checkpoint,
)
from dashboard.ingest.minutes import FindClosed, is_due, place, split_due
from dashboard.ingest.reader import Reader, TrackEvent
from dashboard.ports import IngestBatch, Recorder, ResumePoint

__all__ = [
    "Step",
    "Track",
    "advance",
    "close_all",
    "close_due",
    "live_state",
    "restore",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """The state of one instrument after the last committed cycle.

    Attributes:
        instrument: As the feed describes it; its tick is the level size of the minutes.
        calendar: Its trading calendar.
        inference: State of the aggressor inference; None on a feed of true trades.
        marks: The counters that go into the store with each batch.
        resume: The last packet or trade whose effect is contained.
        seq: Number of the newest trade.
        open_bars: The open minutes.
        quote: The last packet.
        heard: (event ns, clock ns) of the latest events: how the feed's time runs on in silence.
    """

    instrument: Instrument
    calendar: Calendar
    inference: aggressor.InferenceState | None
    marks: Marks
    resume: ResumePoint
    seq: int
    open_bars: Bars
    quote: Quote | None = None
    heard: tuple[int, int] | None = None

    @property
    def has_data(self) -> bool:
        """Whether there is anything to show: a trade, a gap or a book."""
        return self.seq > 0 or self.marks.session_ns > 0 or self.quote is not None

    def feed_ns(self, now_ns: int) -> int:
        """Return the feed's time: that of its latest event and what the clock ran since.

        A replay of last year, or an exchange whose clock is off, closes minutes by its own time.
        Before the first event it is the clock's.
        """
        if self.heard is None:
            return now_ns
        event_ns, heard_ns = self.heard
        return event_ns + max(0, now_ns - heard_ns)


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What a step leads to; `batch` is None when there is nothing to record (the book moved)."""

    track: Track
    batch: IngestBatch | None


def restore(
    instrument: Instrument,
    calendar: Calendar,
    recorder: Recorder,
    *,
    infers: bool,
    version: int,
) -> Track:
    """Return the state from the store: counters, inference, and the open minutes.

    They are in the checkpoint. Without one that fits the stored trades (it does not read back, a
    later release wrote it, an import added trades) the open minutes are rebuilt from the trades.
    Where it does not read back, the session's counters begin with the open minutes, and the next
    packet is a baseline.

    Args:
        instrument: Known to the recorder.
        calendar: Its trading calendar.
        recorder: Where the data is.
        infers: Whether the feed sends quotes to infer trades from.
        version: What the open minutes get: readers must see them as new.
    """
    symbol, level_size = instrument.symbol, instrument.tick_size
    saved = _read_checkpoint(symbol, recorder)
    marks = saved.marks if saved else Marks()
    inference = aggressor.InferenceState(symbol, calendar) if infers else None
    if infers and saved and saved.inference:
        try:
            inference = aggressor.decode_state(saved.inference, calendar)
        except CorruptStoreError as error:
            log.warning("%s: %s", symbol, error)
    seq = recorder.last_seq(symbol)
    if saved and saved.seq == seq and saved.open_bars.level_size == level_size:
        versions = np.full(len(saved.open_bars), version, np.int64)
        open_bars = saved.open_bars.with_columns(version=versions)
    else:
        trades = recorder.open_trades(symbol)
        open_bars = _fragments(instrument, calendar, trades, (), version)
        if saved is None and len(trades):
            marks = _count(marks, trades, (), open_bars, calendar)
    resume = recorder.resume_point(symbol)
    return Track(instrument, calendar, inference, marks, resume, seq, open_bars)


def _read_checkpoint(symbol: str, recorder: Recorder) -> Checkpoint | None:
    data = recorder.ingest_state(symbol)
    try:
        return decode_checkpoint(data) if data else None
    except CorruptStoreError as error:
        log.warning("%s: %s", symbol, error)
        return None


def advance(
    track: Track,
    events: Sequence[TrackEvent],
    version: int,
    now_ns: int,
    find_closed: FindClosed,
) -> Step:
    """Return the state after a cycle's events of one instrument, and what to record.

    Args:
        track: The state before.
        events: In arrival order, at least one.
        version: The version that this cycle will be published with.
        now_ns: The clock.
        find_closed: Reads a stored minute of this instrument.
    """
    reader = Reader(track.calendar, track.inference, track.quote, track.resume)
    traded = reader.read(events)
    gaps = reader.gaps
    after = replace(
        track,
        inference=reader.inference,
        resume=reader.resume,
        quote=reader.quote,
        heard=track.heard if reader.latest_ns is None else (reader.latest_ns, now_ns),
    )
    if not len(traded) and not gaps:
        return Step(after, None)
    seqs = np.arange(track.seq + 1, track.seq + 1 + len(traded), dtype=np.int64)
    trades = replace(traded, seq=seqs)
    fragments = _fragments(track.instrument, track.calendar, trades, gaps, version)
    placed = place(track.open_bars, fragments, track.marks.newest, find_closed, version)
    marks = _count(track.marks, trades, gaps, fragments, track.calendar)
    after = replace(
        after,
        seq=track.seq + len(trades),
        open_bars=placed.open,
        marks=replace(marks, newest=placed.newest),
    )
    return Step(after, _batch(after, trades, placed.closed, gaps, version))


def close_due(track: Track, version: int, now_ns: int) -> Step | None:
    """Return the step in which ended minutes close by time; None when none is due."""
    feed_ns = track.feed_ns(now_ns)
    return _close(track, version, feed_ns) if is_due(track.open_bars, feed_ns) else None


def close_all(track: Track, version: int) -> Step | None:
    """Return the step in which all minutes close because the feed has ended."""
    last_ns = int(np.iinfo(np.int64).max)
    return _close(track, version, last_ns) if len(track.open_bars) else None


def live_state(track: Track, version: int, updates_per_s: float) -> LiveState:
    """Return what the board shows of an instrument."""
    marks, session_ns = track.marks, track.marks.session_ns or track.resume.session_ns
    if not session_ns and track.quote is not None:
        # Nothing traded yet: the session is that of the book.
        session_ns = track.calendar.session_at(track.quote.event_ns).open_ns
    return LiveState(
        symbol=track.instrument.symbol,
        version=version,
        trade_seq=track.seq,
        receive_ns=marks.receive_ns,
        session_ns=session_ns,
        open_bars=track.open_bars,
        quote=track.quote,
        last_price=marks.last_price,
        provenance=marks.provenance,
        updates_per_s=updates_per_s,
        gaps=marks.gaps,
        first_ns=marks.first_ns,
        totals=marks.totals,
    )


def _close(track: Track, version: int, feed_ns: int) -> Step:
    still_open, closed = split_due(track.open_bars, feed_ns, version)
    after = replace(track, open_bars=still_open)
    return Step(after, _batch(after, Trades.empty(), closed, [], version))


def _batch(
    after: Track, trades: Trades, closed: Bars, gaps: Sequence[Gap], version: int
) -> IngestBatch:
    inference = aggressor.encode_state(after.inference) if after.inference else b""
    return IngestBatch(
        symbol=after.instrument.symbol,
        trades=trades,
        bars=closed if len(closed) else None,
        gaps=gaps,
        version=version,
        state=encode_checkpoint(Checkpoint(after.seq, after.marks, after.open_bars, inference)),
        resume=after.resume,
    )


def _fragments(
    instrument: Instrument,
    calendar: Calendar,
    trades: Trades,
    gaps: Sequence[Gap],
    version: int,
) -> Bars:
    """Return what trades and gaps contribute to minutes, as stored minutes of a version."""
    level_size = instrument.tick_size
    made, _ = aggregate(trades, MINUTE, calendar, level_size)
    if gaps:
        made = merge(gap_bars(gaps, MINUTE, calendar, level_size), made)
    versions = np.full(len(made), version, np.int64)
    return replace(made, origin=BASE_ORIGIN, version=versions)


def _count(
    marks: Marks,
    trades: Trades,
    gaps: Sequence[Gap],
    fragments: Bars,
    calendar: Calendar,
) -> Marks:
    """Return the session's counters after trades and gaps; a newer session starts them anew."""
    session_ns = int(fragments.session_ns[-1])
    if session_ns > marks.session_ns:
        marks = replace(
            marks,
            session_ns=session_ns,
            first_ns=int(np.iinfo(np.int64).max),
            gaps=0,
            provenance=Provenance(),
            totals=SessionTotals(),
        )
    if len(trades):
        marks = replace(
            marks, receive_ns=int(trades.receive_ns[-1]), last_price=int(trades.price[-1])
        )
    if int(fragments.session_ns[0]) != marks.session_ns or session_ns != marks.session_ns:
        # Late trades of an earlier session count in their bars, not in today's counters.
        trades = trades.take(calendar.session_open(trades.event_ns) == marks.session_ns)
        ends = calendar.session_open(np.array([gap.end_ns for gap in gaps], np.int64)).tolist()
        gaps = [gap for gap, end in zip(gaps, ends, strict=True) if end == marks.session_ns]
        fragments = fragments.select(fragments.session_ns == marks.session_ns)
    provenance = marks.provenance.add_trades(trades)
    missed = sum(gap.volume for gap in gaps)
    begins = [int(trades.event_ns.min())] if len(trades) else []
    begins += [gap.end_ns for gap in gaps]
    return replace(
        marks,
        first_ns=min([marks.first_ns, *begins]),
        gaps=marks.gaps + len(gaps),
        provenance=replace(provenance, unattributed=provenance.unattributed + missed),
        totals=marks.totals.add(fragments),
    )
