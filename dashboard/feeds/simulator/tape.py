"""The true trades of one session, drawn from its course block by block.

A block is a stretch of the session that is made as one array. How many trades each block has is
drawn for the whole session at once, so trade n of the session has a place that needs no look at
the trades before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from dashboard.domain.calendar import SIM_SESSION_NS
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.market import GRID_NS, STEPS, Stream, generator
from dashboard.feeds.simulator.path import BOOL, F64, I64, Course, step_of

# Block lengths in seconds, all dividing both the session and its grid; the longest that is not
# too large is taken, because a block costs about a millisecond however small it is.
_BLOCK_S: Final = (660.0, 60.0, 12.0, 1.0, 0.25)
_BLOCK_TRADES: Final = 12_500

# Above this rate it is a load test: every minute shall have about the rate that was asked for.
_LEVEL_RATE: Final = 1_000.0
_SHAPE_LEFT: Final = 0.1

_NEW_ORDER: Final = 0.62
_TAIL: Final = 2.1
_LARGEST_LOTS: Final = 400


@dataclass(frozen=True)
class Tape:
    """The tape of one session at one rate.

    Attributes:
        course: What the market does.
        rate: Trades a second on average over the session, > 0. Up to 1,000 the hours of the day
            and the moment's bursts shape it, above they do so by a tenth only.
    """

    course: Course
    rate: float

    @cached_property
    def block_ns(self) -> int:
        """Length of a block."""
        fitting = [s for s in _BLOCK_S if s * self.rate <= _BLOCK_TRADES]
        return int((fitting or _BLOCK_S[-1:])[0] * 1_000_000_000)

    @cached_property
    def bounds(self) -> I64:
        """Trades before each block, and of the session: shape (blocks + 1,), from 0."""
        course = self.course
        every = self.block_ns // GRID_NS
        share = np.diff(self._activity(0, STEPS)[::every])
        rng = generator(course.seed, course.listing.symbol, Stream.COUNTS, course.session)
        counts = rng.poisson(share * self.rate * SIM_SESSION_NS / 1e9)
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)

    def block(self, index: int) -> Trades:
        """Return the trades of a block; times rise, and fills of one order share a time.

        Every trade takes place at the best price that stood before it: an order that eats a level
        finds the next one, so `bid` or `ask` moves along with its fills. `source_seq` counts the
        session's trades from 1.
        """
        course = self.course
        listing = course.listing
        before, after = int(self.bounds[index]), int(self.bounds[index + 1])
        count = after - before
        if not count:
            return Trades.empty()
        rng = generator(
            course.seed, listing.symbol, Stream.TRADES, course.session, self._piece(index)
        )
        order = _orders(rng, count)
        fill = np.arange(count) - order
        offset_ns = self._times(rng, index, count)[order]
        bid, ask = course.quote_at(offset_ns)
        step = step_of(offset_ns)
        buys = rng.random(count)[order] < course.buy_share[step]
        at_wall = course.wall[step] != 0
        eaten = fill * np.where(at_wall, 0, _levels_per_fill(rng, count)[order])
        price = np.where(buys, ask + eaten, bid - eaten)
        return Trades.build(
            event_ns=course.open_ns + offset_ns.astype(np.int64),
            price=price * listing.tick,
            size=_lots(rng, count, at_wall) * listing.instrument.lot_size,
            side=np.where(buys, 1, -1),
            bid=np.where(buys, bid, price) * listing.tick,
            ask=np.where(buys, price, ask) * listing.tick,
            source_seq=np.arange(before + 1, after + 1),
        )

    def _times(self, rng: np.random.Generator, index: int, count: int) -> F64:
        """Return ascending times since the open, as dense as the course is active."""
        every = self.block_ns // GRID_NS
        first, last = index * every, (index + 1) * every
        activity = self._activity(first, last)
        # Gaps of exponential length, scaled to the block, are sorted uniform draws.
        gaps = np.cumsum(rng.standard_exponential(count + 1))
        drawn = activity[0] + (activity[-1] - activity[0]) * (gaps[:-1] / gaps[-1])
        grid = np.arange(first, last + 1, dtype=np.float64) * GRID_NS
        times: F64 = np.floor(np.interp(drawn, activity, grid))
        return np.minimum(times, last * GRID_NS - 1)

    def _activity(self, first: int, last: int) -> F64:
        """Return the share of the session's trades before each grid point, both ends included."""
        activity: F64 = self.course.activity[first : last + 1]
        if self.rate <= _LEVEL_RATE:
            return activity
        even: F64 = np.arange(first, last + 1) / STEPS
        return even + (activity - even) * _SHAPE_LEFT

    def _piece(self, index: int) -> int:
        """Return a number that no other block of any block length shares."""
        return self.block_ns // GRID_NS * (STEPS + 1) + index


def _orders(rng: np.random.Generator, count: int) -> I64:
    """Return for each fill the index of the first fill of its order."""
    begins = rng.random(count) < _NEW_ORDER
    begins[0] = True
    first: I64 = np.maximum.accumulate(np.where(begins, np.arange(count), 0))
    return first


def _levels_per_fill(rng: np.random.Generator, count: int) -> I64:
    """Return how many ticks an order moves with each further fill: most none, sweeps 1 to 3."""
    draw = rng.random(count)
    ticks: I64 = (draw < 0.3).astype(np.int64) + (draw < 0.1) + (draw < 0.04)
    return ticks


def _lots(rng: np.random.Generator, count: int, at_wall: BOOL) -> I64:
    """Return sizes in lots: mostly 1, with the heavy tail of a power law, larger at walls."""
    # 1 - random() is never 0.
    lots = (1 - rng.random(count)) ** (-1 / _TAIL) * np.where(at_wall, 1.5, 1.0)
    return np.minimum(lots, _LARGEST_LOTS).astype(np.int64)
