"""What a snapshot feed really sends: a quote packet; and what a lost connection leaves: a gap."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class BookLevel:
    """One level of the book: price units, size units, number of orders (0 when not sent)."""

    price: int
    size: int
    orders: int = 0


@dataclass(frozen=True, slots=True)
class Quote:
    """One decoded packet of a snapshot feed (SnapQuote); several trades may be folded into it.

    Attributes:
        symbol: The instrument's symbol.
        event_ns: Exchange time of the packet, UTC epoch ns (whole seconds on the real feed).
        receive_ns: When it reached us.
        last_price: Price units.
        last_size: Size of the last trade alone (never summed: packets conflate).
        day_volume: Cumulative volume of the day, size units.
        bids, asks: Best first, at most five levels; empty sides are empty tuples.
        last_trade_ns: Time of the last trade, 0 when not sent.
        average_price: The exchange's VWAP of the day in price units, 0 when not sent.
        open_price, high_price, low_price, previous_close: Of the day, price units, 0 when not sent.
        open_interest: Size units, 0 when not sent.
        source_seq: The source's packet number.
    """

    symbol: str
    event_ns: int
    receive_ns: int
    last_price: int
    last_size: int
    day_volume: int
    bids: tuple[BookLevel, ...] = ()
    asks: tuple[BookLevel, ...] = ()
    last_trade_ns: int = 0
    average_price: int = 0
    open_price: int = 0
    high_price: int = 0
    low_price: int = 0
    previous_close: int = 0
    open_interest: int = 0
    source_seq: int = 0


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch for which trades are missing.

    `volume` (size units, 0 when not known) is what the day's counter says was missed; it is shown
    as unattributed volume of the bar in which the gap ends, never put on a price. `price` is the
    first last-traded price after the gap (price units), the OHLC of a bar that has no trade but a
    gap's volume.
    """

    symbol: str
    start_ns: int
    end_ns: int
    volume: int
    price: int
    cause: str
