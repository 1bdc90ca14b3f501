"""A cycle's events of one instrument into trades and gaps; quotes go through inference."""

from __future__ import annotations

from collections.abc import Sequence

from dashboard.domain import aggressor
from dashboard.domain.calendar import Calendar
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.trade import Trades
from dashboard.ports import Heartbeat, QuotesEvent, ResumePoint, TradesEvent

__all__ = ["Reader", "TrackEvent"]

TrackEvent = TradesEvent | QuotesEvent | Quote | Gap | Heartbeat
FEW_QUOTES = 4
"""Up to so many packets are inferred one by one; setting up whole columns costs more."""


class Reader:
    """Reads a cycle's events of one instrument in arrival order; used once.

    Args:
        calendar: The instrument's trading calendar.
        inference: State of the aggressor inference; None on a feed of true trades, whose quotes are
            the book only.
        quote: The last packet so far.
        resume: The last packet or trade so far.

    Attributes:
        inference, quote, resume: The same after the events.
        gaps: What was missed.
        latest_ns: The latest event time heard; None when no event has one.
    """

    def __init__(
        self,
        calendar: Calendar,
        inference: aggressor.InferenceState | None,
        quote: Quote | None,
        resume: ResumePoint,
    ) -> None:
        self.inference = inference
        self.quote = quote
        self.resume = resume
        self.gaps: list[Gap] = []
        self.latest_ns: int | None = None
        self._calendar = calendar
        self._parts: list[Trades] = []
        self._run: list[Quote] = []

    def read(self, events: Sequence[TrackEvent]) -> Trades:
        """Take the events over and return the trades among them."""
        for event in events:
            if isinstance(event, Quote):
                self._run.append(event)
                continue
            self._end_run()
            if isinstance(event, TradesEvent):
                self._on_trades(event.trades)
            elif isinstance(event, QuotesEvent):
                self.quote = event.last or self.quote
                self._on_packets(event.quotes)
            elif isinstance(event, Gap):
                self._on_gap(event)
            elif self.inference is not None:
                self.inference = aggressor.note_alive(self.inference, event.receive_ns)
        self._end_run()
        return self._parts[0] if len(self._parts) == 1 else Trades.concat(self._parts)

    def _end_run(self) -> None:
        """Infer what single packets that followed each other say."""
        run, self._run = self._run, []
        if not run:
            return
        self.quote = run[-1]
        if len(run) > FEW_QUOTES:
            self._on_packets(QuoteArrays.of(run))
            return
        self._hear(run[-1].event_ns)
        if self.inference is None:
            return
        for quote in run:
            self.inference, found = aggressor.infer(self.inference, quote)
            if isinstance(found, Gap):
                self.gaps.append(found)
            elif found is not None:
                self._parts.append(found)
        self._go_on_after(run[-1].source_seq, run[-1].event_ns, self.inference.session_ns)

    def _on_packets(self, quotes: QuoteArrays) -> None:
        if not len(quotes):
            return
        event_ns = int(quotes.event_ns[-1])
        self._hear(event_ns)
        if self.inference is None:
            return
        self.inference, trades, gaps = aggressor.infer_many(self.inference, quotes)
        self._parts.append(trades)
        self.gaps += gaps
        self._go_on_after(int(quotes.source_seq[-1]), event_ns, self.inference.session_ns)

    def _on_trades(self, trades: Trades) -> None:
        if not len(trades):
            return
        self._parts.append(trades)
        event_ns = int(trades.event_ns[-1])
        self._hear(event_ns)
        session_ns = int(self._calendar.session_open(trades.event_ns[-1:])[0])
        self._go_on_after(int(trades.source_seq[-1]), event_ns, session_ns)

    def _on_gap(self, gap: Gap) -> None:
        if self.inference is None:
            self.gaps.append(gap)
            self._hear(gap.end_ns)
        else:
            # The next packet's counter says whether anything was missed, and how much.
            self.inference = aggressor.mark_gap(self.inference, gap.cause)

    def _hear(self, event_ns: int) -> None:
        self.latest_ns = event_ns if self.latest_ns is None else max(self.latest_ns, event_ns)

    def _go_on_after(self, source_seq: int, event_ns: int, session_ns: int) -> None:
        self.resume = ResumePoint(source_seq, event_ns, session_ns)
