"""What a snapshot feed really sends: a quote packet; and what a lost connection leaves: a gap.

`Quote` is one packet with its book; `QuoteArrays` holds what inference needs of many, as columns.
Feeds build them, `aggressor` turns them into trades.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from dashboard.domain.trade import NO_PRICE

I64 = NDArray[np.int64]


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

    @property
    def bid(self) -> int:
        """Best bid in price units, `NO_PRICE` when that side of the book is empty."""
        return self.bids[0].price if self.bids else NO_PRICE

    @property
    def ask(self) -> int:
        """Best ask in price units, `NO_PRICE` when that side of the book is empty."""
        return self.asks[0].price if self.asks else NO_PRICE


@dataclass(frozen=True, slots=True, eq=False)
class QuoteArrays:
    """Packets of one instrument in arrival order; every column has shape (T,).

    The columns are the fields of `Quote` that inference reads; `bid` and `ask` are the best prices,
    `NO_PRICE` when that side of the book is empty.
    """

    event_ns: I64
    receive_ns: I64
    last_price: I64
    last_size: I64
    day_volume: I64
    bid: I64
    ask: I64
    last_trade_ns: I64
    source_seq: I64

    @classmethod
    def build(cls, **columns: ArrayLike) -> Self:
        """Build from `event_ns`, `last_price`, `day_volume` and any other column.

        Missing columns: `receive_ns` equals `event_ns`, bid and ask `NO_PRICE`, the rest 0.

        Raises:
            TypeError: One of the three is missing, or a name is no column.
            ValueError: The columns are not all of one length.
        """
        names = {f.name for f in fields(cls)}
        wrong = (columns.keys() - names) | (
            {"event_ns", "last_price", "day_volume"} - columns.keys()
        )
        if wrong:
            msg = f"columns missing or not known: {', '.join(sorted(wrong))}"
            raise TypeError(msg)
        event = np.ascontiguousarray(columns["event_ns"], dtype=np.int64)
        absent: dict[str, ArrayLike] = {"receive_ns": event, "bid": NO_PRICE, "ask": NO_PRICE}
        out: dict[str, Any] = {}
        for name in (f.name for f in fields(cls)):
            column = np.asarray(columns.get(name, absent.get(name, 0)), dtype=np.int64)
            out[name] = column if column.ndim else np.full(event.shape, column)
            if out[name].shape != event.shape:
                msg = f"column {name} has shape {out[name].shape}, event_ns has {event.shape}"
                raise ValueError(msg)
        return cls(**out)

    @classmethod
    def of(cls, quotes: Iterable[Quote]) -> Self:
        """Return the columns of packets."""
        names = [f.name for f in fields(cls)]
        rows = [[getattr(quote, name) for name in names] for quote in quotes]
        table = np.array(rows, dtype=np.int64).reshape(-1, len(names))
        return cls(**{name: np.ascontiguousarray(table[:, i]) for i, name in enumerate(names)})

    def __len__(self) -> int:
        return len(self.event_ns)

    def take(self, index: slice | NDArray[Any]) -> QuoteArrays:
        """Return the rows of a slice, a boolean mask or an index array, in that order."""
        return QuoteArrays(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


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
