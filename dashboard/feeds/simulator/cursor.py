"""A place in the endless row of simulated events, and the events that follow it.

Event n of a session (`source_seq`, counted from 1) is a function of seed, instrument, session,
mode and rate; so a place is a session and a count, and going on from it is exact.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.market import open_of, session_of
from dashboard.feeds.simulator.packets import Packets, PacketTape, build_packets
from dashboard.feeds.simulator.path import I64, build_course
from dashboard.feeds.simulator.tape import Tape
from dashboard.ports import QuotesEvent, ResumePoint, TradesEvent


@dataclass(frozen=True, slots=True)
class Source:
    """Which row of events: the market and the way it is told.

    Attributes:
        seed: Seed of the market.
        symbol: The instrument.
        packets: True for conflated packets, False for true trades.
        rate: Events a second on average.
    """

    seed: int
    symbol: str
    packets: bool
    rate: float

    def session(self, number: int) -> Tape | PacketTape:
        """Return the events of a session."""
        if self.packets:
            return build_packets(self.seed, self.symbol, number, self.rate)
        return Tape(build_course(self.seed, self.symbol, number), self.rate)


@dataclass(slots=True)
class Cursor:
    """The place after event `count` of a session.

    Attributes:
        source: The row of events.
        session: Number of the session.
        count: Events of it that were taken.
    """

    source: Source
    session: int
    count: int = 0
    _events: tuple[int, Tape | PacketTape] | None = field(default=None, repr=False)
    _block: tuple[int, Trades | Packets] | None = field(default=None, repr=False)

    @classmethod
    def at_time(cls, source: Source, instant_ns: int) -> Cursor:
        """Return the place after the last event that is due at an instant."""
        number = session_of(instant_ns)
        session = source.session(number)
        index = (instant_ns - open_of(number)) // session.block_ns
        due = np.searchsorted(_due(session.block(index)), instant_ns, side="right")
        return cls(source, number, int(session.bounds[index]) + int(due))

    @classmethod
    def after(cls, source: Source, resume: ResumePoint) -> Cursor | None:
        """Return the place after a stored event, None when it is no event of this row."""
        number = session_of(resume.session_ns)
        session = source.session(number)
        if not 1 <= resume.source_seq <= int(session.bounds[-1]):
            return None
        cursor = cls(source, number, resume.source_seq - 1)
        block, row = cursor._locate()
        events = block.arrays if isinstance(block, Packets) else block
        if int(events.event_ns[row]) != resume.event_ns:
            return None
        cursor.count += 1
        return cursor

    def due_ns(self) -> int:
        """Return when the next event is due."""
        block, row = self._locate()
        return int(_due(block)[row])

    def count_until(self, instant_ns: int, limit: int) -> int:
        """Return how many events are due until an instant; beyond `limit`, just a larger number."""
        end = Cursor.at_time(self.source, instant_ns)
        events = -self.count
        for number in range(self.session, end.session):
            events += int(self.source.session(number).bounds[-1])
            if events > limit:
                return events
        return events + end.count

    def take(self, instant_ns: int, limit: int) -> list[TradesEvent | QuotesEvent]:
        """Return the events due until an instant, at most `limit` rows, and move past them.

        Each batch is of one session; packets carry the newest one whole.
        """
        taken: list[TradesEvent | QuotesEvent] = []
        while limit > 0:
            block, row = self._locate()
            stop = int(np.searchsorted(_due(block), instant_ns, side="right"))
            stop = min(stop, row + limit)
            if stop <= row:
                break
            taken.append(_event(self.source.symbol, block, row, stop))
            self.count += stop - row
            limit -= stop - row
        return taken

    def _locate(self) -> tuple[Trades | Packets, int]:
        """Return the block of the next event and its row there; passes on to the next session."""
        events = self._session_events()
        while self.count >= int(events.bounds[-1]):
            self.session, self.count = self.session + 1, 0
            events = self._session_events()
        index = int(np.searchsorted(events.bounds, self.count, side="right")) - 1
        if self._block is None or self._block[0] != index:
            self._block = (index, events.block(index))
        return self._block[1], self.count - int(events.bounds[index])

    def _session_events(self) -> Tape | PacketTape:
        if self._events is None or self._events[0] != self.session:
            self._events, self._block = (self.session, self.source.session(self.session)), None
        return self._events[1]


def _due(block: Trades | Packets) -> I64:
    """Return when each row is due: a trade when it happens, a packet when it arrives."""
    return block.arrays.receive_ns if isinstance(block, Packets) else block.event_ns


def _event(
    symbol: str, block: Trades | Packets, start: int, stop: int
) -> TradesEvent | QuotesEvent:
    rows = slice(start, stop)
    if isinstance(block, Packets):
        return QuotesEvent(symbol, block.arrays.take(rows), block.quote(stop - 1))
    return TradesEvent(symbol, block.take(rows))
