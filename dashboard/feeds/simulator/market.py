"""The made-up instruments, and where chance comes from.

Every random number of the market is drawn from a counter-based generator whose key and counter
name what is drawn: nothing depends on what was drawn before, so any session, and any stretch of
one, can be made on its own and comes out the same in every process.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from zlib import crc32

import numpy as np

from dashboard.domain.calendar import SIM_SESSION_NS
from dashboard.domain.instrument import Instrument
from dashboard.errors import InstrumentUnknownError

GRID_NS = 250_000_000
"""Step of the price path: a quarter of a second."""

STEPS = SIM_SESSION_NS // GRID_NS
"""Steps of the price path in a session (92,400)."""

BASE_RATE = 4.0
"""Trades a second, on average, of the tape that packets are made from."""


class Stream(IntEnum):
    """What a row of random numbers is for; two streams never share a number."""

    CLOSE = 1
    PATH = 2
    COUNTS = 3
    TRADES = 4
    PACKETS = 5
    BOOK = 6


@dataclass(frozen=True, slots=True)
class Listing:
    """An instrument of the simulated market with the constants that shape it.

    Attributes:
        instrument: What the rest of the program sees.
        base: Price in ticks around which the years move.
        minute_sigma: Standard deviation of a calm minute's price change, in ticks.
        session_sigma: Of the change from one session's close to the next, in ticks.
        wall_grid: Resting walls stand on multiples of so many ticks: people like round prices.
    """

    instrument: Instrument
    base: int
    minute_sigma: float
    session_sigma: float
    wall_grid: int

    @property
    def symbol(self) -> str:
        """The instrument's symbol."""
        return self.instrument.symbol

    @property
    def tick(self) -> int:
        """Price units per tick."""
        return self.instrument.tick_size


def _instrument(symbol: str, tick: int, lot: int) -> Instrument:
    return Instrument(
        symbol=symbol,
        token=symbol,
        exchange="SIM",
        calendar="sim",
        price_scale=100,
        tick_size=tick,
        lot_size=lot,
        simulated=True,
    )


# Ticks and lots are those of the real contracts in 2026: 0.10 and 65, 0.20 and 30.
LISTINGS = (
    Listing(_instrument("SIM:NIFTY", 10, 65), 250_000, 90.0, 900.0, 10),
    Listing(_instrument("SIM:BANKNIFTY", 20, 30), 275_000, 130.0, 1_300.0, 25),
)


def require_listing(symbol: str) -> Listing:
    """Return the listing of a symbol.

    Raises:
        InstrumentUnknownError: The simulated market has no such instrument.
    """
    for listing in LISTINGS:
        if listing.symbol == symbol:
            return listing
    raise InstrumentUnknownError(symbol, known_symbols())


def known_symbols() -> Sequence[str]:
    """Symbols of all simulated instruments."""
    return [listing.symbol for listing in LISTINGS]


def generator(
    seed: int, symbol: str, stream: Stream, session: int, block: int = 0
) -> np.random.Generator:
    """Return the random numbers that belong to one piece of the market.

    Args:
        seed: The market's seed, 0 to 2**63 - 1.
        symbol: The instrument.
        stream: What the numbers are for.
        session: Number of the session since the epoch, may be negative.
        block: Piece of the session, 0 or more.
    """
    key = np.array([seed, (crc32(symbol.encode()) << 8) | stream], np.uint64)
    # The first counter word is the one that drawing itself counts up. Two's complement keeps
    # sessions before 1970 apart from those after.
    counter = np.array([0, 0, block, session], np.int64).view(np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def session_of(instant_ns: int) -> int:
    """Return the number of the session that contains an instant."""
    return instant_ns // SIM_SESSION_NS


def open_of(session: int) -> int:
    """Return the open instant of a session, UTC epoch ns."""
    return session * SIM_SESSION_NS


def close_price(seed: int, listing: Listing, session: int) -> float:
    """Return the price, in ticks, at which a session ends and the next one goes on.

    A first-order autoregression about the base, cut off after 60 sessions where nothing of an
    innovation is left: it wanders by days and weeks, comes back, and needs no earlier close.
    """
    pull = 0.9
    total = 0.0
    for age in range(60):
        draw = generator(seed, listing.symbol, Stream.CLOSE, session - age).standard_normal()
        total += pull**age * float(draw)
    return listing.base + listing.session_sigma * total
