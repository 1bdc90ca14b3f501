"""The tape conflated to packets, as the broker's snapshot feed sends it.

Seen on the real feed (and so here): one to four packets a second, whatever traded; the last trade's
own size explains a fraction of the volume; some packets carry a new last price with the volume and
average of the packet before; exchange and last-trade times are whole seconds, so several packets
share one; the book is the one after the last trade.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

import numpy as np

from dashboard.domain.calendar import SECOND_NS, SIM_SESSION_NS
from dashboard.domain.quote import BookLevel, Quote, QuoteArrays
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.market import BASE_RATE, Stream, generator
from dashboard.feeds.simulator.path import BOOL, I64, MINUTES, Course, build_course, step_of
from dashboard.feeds.simulator.tape import Tape

DEPTH: Final = 5
_STALE_SHARE: Final = 0.25
_MINUTE_NS: Final = 60 * SECOND_NS


@dataclass(frozen=True, slots=True, eq=False)
class Book:
    """The best levels of both sides at P times, best first, shape (P, DEPTH); never crossed."""

    bid_prices: I64
    bid_sizes: I64
    ask_prices: I64
    ask_sizes: I64

    def bids(self, row: int) -> tuple[BookLevel, ...]:
        """Return one row's buyers."""
        return _levels(self.bid_prices[row], self.bid_sizes[row])

    def asks(self, row: int) -> tuple[BookLevel, ...]:
        """Return one row's sellers."""
        return _levels(self.ask_prices[row], self.ask_sizes[row])


def _levels(prices: I64, sizes: I64) -> tuple[BookLevel, ...]:
    # Nobody reads the number of orders; a plain share of the size will do.
    return tuple(
        BookLevel(int(price), int(size), 1 + int(size) // 160)
        for price, size in zip(prices, sizes, strict=True)
    )


def build_book(rng: np.random.Generator, course: Course, offset_ns: I64) -> Book:
    """Return the book at times since the open: around the quote, thick where a wall stands."""
    tick, lot = course.listing.tick, course.listing.instrument.lot_size
    times = offset_ns.astype(np.float64)
    bid, ask = course.quote_at(times)
    wall = course.wall[step_of(times)]
    count = len(times)
    away = np.arange(DEPTH)
    # Now and then a price between two levels is empty.
    steps = np.cumsum(rng.random((2, count, DEPTH)) < 0.15, axis=2) + away
    steps -= steps[:, :, :1]
    lots = np.minimum((1 - rng.random((2, count, DEPTH))) ** (-1 / 1.6), 150.0)
    lots *= 1.5 + 0.6 * away
    standing = rng.uniform(60, 260, count)
    lots[0, wall < 0, 0] += standing[wall < 0]
    lots[1, wall > 0, 0] += standing[wall > 0]
    sizes = lots.astype(np.int64) * lot
    return Book(
        bid_prices=(bid[:, None] - steps[0]) * tick,
        bid_sizes=sizes[0],
        ask_prices=(ask[:, None] + steps[1]) * tick,
        ask_sizes=sizes[1],
    )


def interest_at(course: Course, offset_ns: I64) -> I64:
    """Return open interest in size units, a whole number of lots."""
    lots = np.interp(offset_ns / _MINUTE_NS, np.arange(MINUTES + 1), course.interest)
    interest: I64 = lots.astype(np.int64) * course.listing.instrument.lot_size
    return interest


@dataclass(frozen=True, slots=True, eq=False)
class Packets:
    """P packets in order of arrival; every column has shape (P,).

    `arrays` is what inference reads: event time in whole seconds, receive time exact. The other
    columns are the rest of a `Quote`, in price and size units.
    """

    symbol: str
    arrays: QuoteArrays
    average_price: I64
    open_price: I64
    high_price: I64
    low_price: I64
    open_interest: I64
    previous_close: int
    book: Book

    def __len__(self) -> int:
        return len(self.arrays)

    def quote(self, row: int) -> Quote:
        """Return one packet whole."""
        arrays = self.arrays
        return Quote(
            symbol=self.symbol,
            event_ns=int(arrays.event_ns[row]),
            receive_ns=int(arrays.receive_ns[row]),
            last_price=int(arrays.last_price[row]),
            last_size=int(arrays.last_size[row]),
            day_volume=int(arrays.day_volume[row]),
            bids=self.book.bids(row),
            asks=self.book.asks(row),
            last_trade_ns=int(arrays.last_trade_ns[row]),
            average_price=int(self.average_price[row]),
            open_price=int(self.open_price[row]),
            high_price=int(self.high_price[row]),
            low_price=int(self.low_price[row]),
            previous_close=self.previous_close,
            open_interest=int(self.open_interest[row]),
            source_seq=int(arrays.source_seq[row]),
        )


class _Totals(NamedTuple):
    """The session's statistics before a block: size units, price units, times in ns."""

    volume: int
    turnover: int
    open: int
    high: int
    low: int
    last_price: int
    last_size: int
    last_ns: int


@dataclass(frozen=True)
class PacketTape:
    """The packets of one session at one rate.

    Packet 1 comes at the open and shows nothing traded yet, the last one a millisecond before the
    close with the session's full volume; each of the others comes at a random moment of its own
    equal share of the session.

    Attributes:
        tape: The trades behind the packets.
        rate: Packets a second, > 0.
        previous_close: Last traded price of the session before, price units.
    """

    tape: Tape
    rate: float
    previous_close: int
    _before: list[_Totals] = field(default_factory=list, repr=False, compare=False)

    @property
    def block_ns(self) -> int:
        """Length of a block, the tape's."""
        return self.tape.block_ns

    @cached_property
    def bounds(self) -> I64:
        """Packets before each block, and of the session: shape (blocks + 1,), from 0."""
        blocks = len(self.tape.bounds)
        starts = np.arange(blocks) * (self.block_ns / SECOND_NS)
        bounds: I64 = np.ceil(starts * self.rate - 1e-9).astype(np.int64)
        return bounds

    def block(self, index: int) -> Packets:
        """Return the packets of a block; `source_seq` counts the session's packets from 1."""
        tape = self.tape
        course = tape.course
        offset_ns, stale, rng = self._arrivals(index)
        trades = tape.block(index)
        totals = self._totals_before(index)
        seen = np.searchsorted(trades.event_ns - course.open_ns, offset_ns, side="right")
        fresh = np.maximum.accumulate(np.where(stale, 0, np.arange(len(seen))))
        counted = seen[fresh]
        volume = np.concatenate([[0], np.cumsum(trades.size)]) + totals.volume
        # About the session's first price: a day's turnover would not fit into 64 bits.
        opening = totals.open or (int(trades.price[0]) if len(trades) else self.previous_close)
        moved = np.concatenate([[0], np.cumsum((trades.price - opening) * trades.size)])
        turnover = moved + totals.turnover
        average = opening + turnover // np.maximum(volume, 1)
        last = _with_first(totals.last_price or self.previous_close, trades.price)
        high = np.maximum.accumulate(_with_first(totals.high or 0, trades.price))
        low = np.minimum.accumulate(_with_first(totals.low or opening, trades.price))
        last_ns = _with_first(totals.last_ns, trades.event_ns)[seen] // SECOND_NS * SECOND_NS
        traded = (volume > 0).astype(np.int64)
        seconds = (course.open_ns + offset_ns) // SECOND_NS * SECOND_NS
        book = build_book(rng, course, offset_ns)
        first = int(self.bounds[index]) + 1
        arrays = QuoteArrays.build(
            event_ns=seconds,
            receive_ns=course.open_ns + offset_ns,
            last_price=last[seen],
            last_size=_with_first(totals.last_size, trades.size)[seen],
            day_volume=volume[counted],
            bid=book.bid_prices[:, 0],
            ask=book.ask_prices[:, 0],
            last_trade_ns=last_ns,
            source_seq=np.arange(first, first + len(seen)),
        )
        return Packets(
            symbol=course.listing.symbol,
            arrays=arrays,
            average_price=(average * traded)[counted],
            open_price=(opening * traded)[seen],
            high_price=(high * traded)[seen],
            low_price=(low * traded)[seen],
            open_interest=interest_at(course, offset_ns),
            previous_close=self.previous_close,
            book=book,
        )

    def _arrivals(self, index: int) -> tuple[I64, BOOL, np.random.Generator]:
        """Return when the block's packets come, since the open, and which have old totals."""
        course = self.tape.course
        first, after = int(self.bounds[index]), int(self.bounds[index + 1])
        rng = generator(course.seed, course.listing.symbol, Stream.PACKETS, course.session, index)
        count = after - first
        share = np.arange(first, after) + 0.9 * rng.random(count)
        end = (index + 1) * self.block_ns
        offset_ns = np.minimum((share / self.rate * 1e9).astype(np.int64), end - 1)
        stale = rng.random(count) < _STALE_SHARE
        # Totals never hang over from an earlier block, so that a block can be made alone.
        stale[:1] = False
        if first == 0:
            offset_ns[:1] = 0
        if end == SIM_SESSION_NS:
            offset_ns[-1:] = SIM_SESSION_NS - 1_000_000
            stale[-1:] = False
        return offset_ns, stale, rng

    def _totals_before(self, index: int) -> _Totals:
        """Return the statistics of the tape's earlier blocks, each looked at once."""
        before = self._before
        if not before:
            before.append(_Totals(0, 0, 0, 0, 0, 0, 0, 0))
        while len(before) <= index:
            before.append(_add_block(before[-1], self.tape.block(len(before) - 1)))
        return before[index]


def _with_first(first: int, column: I64) -> I64:
    return np.concatenate((np.array([first], dtype=np.int64), column))


def _add_block(totals: _Totals, trades: Trades) -> _Totals:
    """Return the statistics after a block."""
    if not len(trades):
        return totals
    price, size = trades.price, trades.size
    opening = totals.open or int(price[0])
    return _Totals(
        volume=totals.volume + int(size.sum()),
        turnover=totals.turnover + int(((price - opening) * size).sum()),
        open=opening,
        high=max(totals.high, int(price.max())),
        low=min(totals.low or opening, int(price.min())),
        last_price=int(price[-1]),
        last_size=int(size[-1]),
        last_ns=int(trades.event_ns[-1]),
    )


def build_packets(seed: int, symbol: str, session: int, rate: float) -> PacketTape:
    """Return the packets of a session."""
    tape = Tape(build_course(seed, symbol, session), BASE_RATE)
    return PacketTape(tape, rate, previous_close(seed, symbol, session))


@lru_cache(maxsize=16)
def previous_close(seed: int, symbol: str, session: int) -> int:
    """Return the last traded price of the session before, in price units."""
    tape = Tape(build_course(seed, symbol, session - 1), BASE_RATE)
    blocks = (tape.block(i) for i in reversed(range(len(tape.bounds) - 1)))
    return next(int(block.price[-1]) for block in blocks if len(block))
