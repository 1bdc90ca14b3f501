"""Trades: one execution each, as contiguous columns; the aggressor side and what decided it.

`Trades` is columnar because every consumer (aggregation, storage, inference) reads whole columns;
a single trade is a batch of one. Arrival order is the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]

NO_PRICE = int(np.iinfo(np.int64).min)
"""Marks an absent best bid or ask. Not 0: prices may be zero or negative in some markets."""


class AggressorSide(IntEnum):
    """Who crossed the spread."""

    SELL = -1
    UNKNOWN = 0
    BUY = 1


class SideRule(IntEnum):
    """What decided the side of a trade (formulas.md 1); UNKNOWN and before in order of trust.

    Numbers are stored: new ones are added at the end. SPREAD is volume of which a snapshot feed
    showed no trade; its price is an estimate too (`spread`).
    """

    SOURCE = 0
    QUOTE = 1
    QUOTE_NOW = 2
    TICK = 3
    TICK0 = 4
    UNKNOWN = 5
    SPREAD = 6


TRADE_DTYPE = np.dtype(
    [
        ("seq", "<i8"),
        ("event_ns", "<i8"),
        ("receive_ns", "<i8"),
        ("price", "<i8"),
        ("size", "<i8"),
        ("side", "<i1"),
        ("rule", "<i1"),
        ("bid", "<i8"),
        ("ask", "<i8"),
        ("source_seq", "<i8"),
    ]
)
"""The columns of `Trades`, in the order in which they are stored and exported."""

_REQUIRED = frozenset({"event_ns", "price", "size", "side"})
_DEFAULTS: Mapping[str, int] = {"bid": NO_PRICE, "ask": NO_PRICE, "rule": int(SideRule.SOURCE)}


@dataclass(frozen=True, slots=True, eq=False)
class Trades:
    """T trades in arrival order; every column has shape (T,).

    Attributes:
        seq: The store's number of the trade, rising by one per instrument from 1; 0 before storing.
        event_ns: When it happened, UTC epoch ns (may repeat, may run backwards a little).
        receive_ns: When it reached us, UTC epoch ns (may be before `event_ns`: clocks differ).
        price: Price units.
        size: Size units, > 0.
        side: `AggressorSide` values.
        rule: `SideRule` values.
        bid, ask: Best quote before the trade in price units, `NO_PRICE` when not known.
        source_seq: The source's own number (0 when it has none).
    """

    seq: I64
    event_ns: I64
    receive_ns: I64
    price: I64
    size: I64
    side: I8
    rule: I8
    bid: I64
    ask: I64
    source_seq: I64

    @classmethod
    def build(cls, **columns: ArrayLike) -> Self:
        """Build a batch from `event_ns`, `price`, `size`, `side` and any other column.

        Missing columns: `receive_ns` equals `event_ns`, bid and ask `NO_PRICE`, rule SOURCE, the
        rest 0.

        Raises:
            TypeError: One of the four is missing, or a name is no column.
            ValueError: The columns are not all of one length.
        """
        wrong = (columns.keys() - set(TRADE_DTYPE.names or ())) | (_REQUIRED - columns.keys())
        if wrong:
            msg = f"columns missing or not known: {', '.join(sorted(wrong))}"
            raise TypeError(msg)
        event = np.ascontiguousarray(columns["event_ns"], dtype=np.int64)
        out: dict[str, Any] = {}
        for name in TRADE_DTYPE.names or ():
            dtype = TRADE_DTYPE[name]
            if name in columns:
                out[name] = np.ascontiguousarray(columns[name], dtype=dtype)
            elif name == "receive_ns":
                out[name] = event
            else:
                out[name] = np.full(event.shape, _DEFAULTS.get(name, 0), dtype=dtype)
            if out[name].shape != event.shape:
                msg = f"column {name} has shape {out[name].shape}, event_ns has {event.shape}"
                raise ValueError(msg)
        return cls(**out)

    @classmethod
    def empty(cls) -> Self:
        """Return a batch of no trades."""
        return cls.build(event_ns=[], price=[], size=[], side=[])

    @classmethod
    def concat(cls, batches: Iterable[Trades]) -> Self:
        """Join batches in the order given."""
        parts = list(batches)
        if not parts:
            return cls.empty()
        names = [f.name for f in fields(cls)]
        return cls(**{n: np.concatenate([getattr(p, n) for p in parts]) for n in names})

    def __len__(self) -> int:
        return len(self.event_ns)

    def take(self, index: slice | NDArray[Any]) -> Trades:
        """Return the rows of a slice, a boolean mask or an index array, in that order."""
        return Trades(**{f.name: getattr(self, f.name)[index] for f in fields(self)})

    def replace(self, **columns: ArrayLike) -> Trades:
        """Return a copy with some columns exchanged."""
        own = {f.name: getattr(self, f.name) for f in fields(self)}
        return Trades.build(**(own | columns))
