"""The course of one session: price, spread, activity, buying pressure and walls on a fine grid.

A course says what the market is like at each quarter of a second; `tape` draws trades from it at
any rate, so a market at 4 and at 50,000 trades a second has the same highs, walls and sweeps.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.calendar import SIM_SESSION_NS
from dashboard.feeds.simulator.market import (
    GRID_NS,
    STEPS,
    Listing,
    Stream,
    close_price,
    generator,
    open_of,
    require_listing,
)

F64 = NDArray[np.float64]
F32 = NDArray[np.float32]
I8 = NDArray[np.int8]
BOOL = NDArray[np.bool_]
I64 = NDArray[np.int64]

PER_MINUTE: Final = 60_000_000_000 // GRID_NS
MINUTES: Final = STEPS // PER_MINUTE
PER_SECOND: Final = 1_000_000_000 // GRID_NS


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """One session of one instrument; step g lasts from open + g * 250 ms.

    Attributes:
        seed, listing, session: What it is a function of.
        open_ns: Open instant of the session.
        mid: Middle of best bid and ask at each step's start and at the close, ticks, (STEPS + 1,).
        spread: Ticks between best bid and ask during the step, 1 to 3, (STEPS,).
        activity: Trading during the steps before each grid point, cumulative, from 0 to 1,
            (STEPS + 1,).
        buy_share: Share of orders in the step that buy, (STEPS,).
        wall: +1 while a resting seller stands at the ask, -1 while a buyer stands at the bid, else
            0, (STEPS,).
        interest: Open interest in lots at each minute's start and at the close, (MINUTES + 1,).
    """

    seed: int
    listing: Listing
    session: int
    open_ns: int
    mid: F64
    spread: I8
    activity: F64
    buy_share: F32
    wall: I8
    interest: F64

    def quote_at(self, offset_ns: F64) -> tuple[I64, I64]:
        """Return best bid and ask, in ticks, at times since the open (any order, same shape)."""
        mid = np.interp(offset_ns / GRID_NS, _GRID, self.mid)
        spread = self.spread[step_of(offset_ns)]
        bid = np.floor(mid - spread / 2 + 0.5).astype(np.int64)
        return bid, bid + spread


_GRID: Final = np.arange(STEPS + 1, dtype=np.float64)


def step_of(offset_ns: F64) -> I64:
    """Return the grid step that contains each time since the open."""
    steps: I64 = np.minimum((offset_ns // GRID_NS).astype(np.int64), STEPS - 1)
    return steps


@lru_cache(maxsize=4)
def build_course(seed: int, symbol: str, session: int) -> Course:
    """Build the course of a session; about 10 ms and 2 MB, hence the memory of the last few.

    The price is a diffusion whose strength follows the hour and comes in waves, with trends of
    several minutes, a mean-reverting wiggle of seconds, and sudden runs through many levels; it is
    bent so that it starts where the session before ended (give or take a small opening gap) and
    ends at this session's close. Then resting walls cut the excursions that reach them.
    """
    listing = require_listing(symbol)
    rng = generator(seed, symbol, Stream.PATH, session)
    waves = _wander(rng, MINUTES, 0.9) * 0.35
    shape = _hour_shape()
    strength = np.sqrt(shape) * np.exp(0.6 * waves)
    mid, boost = _free_path(rng, listing.minute_sigma, strength)
    first = (
        close_price(seed, listing, session - 1) + float(rng.normal(0, 0.4)) * listing.minute_sigma
    )
    mid = _bend(mid, first, close_price(seed, listing, session), np.repeat(strength**2, PER_MINUTE))
    spread = 1 + (rng.random(STEPS) < 0.45) + (rng.random(STEPS) < 0.12)
    wall = _build_walls(rng, listing, mid)
    spread[wall != 0] = 1
    buy_share = _lean(rng, listing, mid, wall)
    pace = np.repeat(shape * np.exp(waves), PER_MINUTE) * boost * _bursts(rng)
    pace[wall != 0] *= 1.8
    activity = np.concatenate([[0.0], np.cumsum(pace)])
    interest = 180_000.0 + np.cumsum(rng.normal(0, 40, MINUTES + 1)) + 9_000 * np.sin(session / 9)
    return Course(
        seed=seed,
        listing=listing,
        session=session,
        open_ns=open_of(session),
        mid=mid,
        spread=spread.astype(np.int8),
        activity=activity / activity[-1],
        buy_share=buy_share.astype(np.float32),
        wall=wall,
        interest=interest,
    )


def _hour_shape() -> F64:
    """Return relative trading per minute: opening burst, quiet noon, closing pick-up; mean 1."""
    minute = np.arange(MINUTES) + 0.5
    shape = (
        0.62
        + 1.9 * np.exp(-minute / 10)
        + 0.7 * np.exp(-minute / 55)
        + 1.2 * np.exp(-(MINUTES - minute) / 22)
    )
    shape /= shape.mean()
    return shape


def _wander(rng: np.random.Generator, count: int, memory: float) -> F64:
    """Return a stationary first-order autoregression with variance 1."""
    draws = rng.standard_normal(count)
    draws[1:] *= np.sqrt(1 - memory**2)
    for i in range(1, count):
        draws[i] += memory * draws[i - 1]
    return draws


def _wiggle(rng: np.random.Generator, every_s: float) -> F64:
    """Return noise that forgets after `every_s` seconds, at each grid point, variance below 1."""
    knots = int(SIM_SESSION_NS / 1e9 / every_s) + 2
    at = np.linspace(0, STEPS, knots)
    return np.interp(_GRID, at, rng.standard_normal(knots))


def _free_path(rng: np.random.Generator, sigma: float, strength: F64) -> tuple[F64, F64]:
    """Return a path that starts at 0, in ticks, and what its runs add to activity."""
    local = np.repeat(strength, PER_MINUTE) * sigma
    drift = np.repeat(_wander(rng, MINUTES, 0.9) * 0.22, PER_MINUTE) / PER_MINUTE
    noise = rng.standard_normal(STEPS) / np.sqrt(PER_MINUTE)
    path = np.concatenate([[0.0], np.cumsum((noise * 0.8 + drift) * local)])
    scale = np.concatenate([local, local[-1:]])
    path += scale * (0.62 * _wiggle(rng, 14.0) + 0.3 * _wiggle(rng, 5.0))
    boost = np.ones(STEPS)
    _add_runs(rng, path, boost, scale)
    return path, boost


def _add_runs(rng: np.random.Generator, path: F64, boost: F64, scale: F64) -> None:
    """Add sudden runs: a stretch in about a second, half of it given back in the next half minute.

    They are what stop orders and news do; every few minutes, in both directions, in place.
    """
    back = 30 * PER_SECOND
    count = int(rng.poisson(MINUTES / 5))
    starts = rng.integers(PER_MINUTE, STEPS - PER_MINUTE, count)
    sizes = rng.normal(0, 0.75, count)
    lengths = rng.integers(2, 7, count)
    kept = rng.uniform(0.2, 0.8, count)
    for start, size, length, share in zip(starts, sizes, lengths, kept, strict=True):
        jump = size * scale[start]
        top, end = start + length, start + length + back
        path[start:top] += np.linspace(0, jump, length, endpoint=False)
        path[top:end] += np.linspace(jump, jump * share, back)[: len(path[top:end])]
        path[end:] += jump * share
        boost[start:top] += 8 * min(abs(size), 1.5)
        boost[top : top + 8 * PER_SECOND] += 1.0


def _bend(path: F64, first: float, last: float, variance: F64) -> F64:
    """Return the path led from `first` to `last`, bent most where it moves most."""
    share = np.concatenate([[0.0], np.cumsum(variance)]) / variance.sum()
    bent: F64 = path - path[0] + first + (last - first - path[-1] + path[0]) * share
    return bent


def _build_walls(rng: np.random.Generator, listing: Listing, mid: F64) -> I8:
    """Cut the path at resting walls, in place, and return where one stands at the touch.

    A wall holds one round price for one to five minutes, one wall at a time: excursions through it
    are flattened, so volume is traded there without progress. In its last ten seconds it gives way
    and the price catches up with where it would have been.
    """
    wall = np.zeros(STEPS, np.int8)
    fade = 10 * PER_SECOND
    count = int(rng.poisson(MINUTES / 8))
    starts = np.sort(rng.integers(2 * PER_MINUTE, STEPS - 8 * PER_MINUTE, count))
    lengths = rng.integers(PER_MINUTE, 5 * PER_MINUTE, count)
    sides = rng.choice([-1, 1], count)
    free = 0
    for start, length, side in zip(starts, lengths, sides, strict=True):
        if start < free:
            continue
        free = stop = start + length
        stretch = mid[start:stop] * side
        level = np.ceil(np.quantile(stretch, 0.8) / listing.wall_grid) * listing.wall_grid
        hold = np.minimum(1.0, np.arange(1, length + 1) / fade)
        hold = np.minimum(hold, hold[::-1])
        # Half a tick before the wall's price: with a spread of one the touch stands on it.
        excess = np.maximum(stretch - (level - 0.5), 0.0)
        mid[start:stop] = (stretch - excess * hold) * side
        held = (excess > 0) & (hold == 1.0)
        # A step stands at the wall when it begins and ends there.
        wall[start : stop - 1][held[:-1] & held[1:]] = side
    return wall


def _lean(rng: np.random.Generator, listing: Listing, mid: F64, wall: I8) -> F64:
    """Return the share of buying orders: they push the price, and lean against walls."""
    reach = PER_SECOND
    ahead = np.concatenate([mid[reach:], np.full(reach, mid[-1])])
    behind = np.concatenate([np.full(reach, mid[0]), mid[:-reach]])
    slope = (ahead - behind)[:-1] / (listing.minute_sigma * np.sqrt(2 / 60))
    mood = np.repeat(_wander(rng, MINUTES, 0.8) * 0.3, PER_MINUTE)
    lean = 0.9 * np.clip(slope, -3, 3) + mood + 1.4 * wall
    share: F64 = 0.04 + 0.92 / (1 + np.exp(-lean))
    return share


def _bursts(rng: np.random.Generator) -> F64:
    """Return how trading clusters within seconds, mean about 1."""
    seconds = np.exp(0.7 * rng.standard_normal(STEPS // PER_SECOND) - 0.245)
    return np.repeat(seconds, PER_SECOND)
