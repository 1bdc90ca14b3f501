"""Bars made from ladders by hand, for tests of what is computed from levels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from dashboard.domain.bars import MINUTE, BarOrigin, Bars

Ladder = Mapping[int, tuple[int, int]]


def ladders(
    *bars: Ladder, level_size: int = 1, origin: BarOrigin | None = None, **columns: ArrayLike
) -> Bars:
    """Return one bar per ladder of price to (bid, ask); other columns 0 unless given.

    Bid and ask volume are the ladders' sums, unless given.
    """
    levels = [(p, *ladder[p]) for ladder in bars for p in sorted(ladder)]
    price, bid, ask = np.array(levels, np.int64).reshape(-1, 3).T.copy()
    none = np.zeros(len(bars), np.int64)
    made: dict[str, Any] = dict.fromkeys(
        ("session_ns", "start_ns", "end_ns", "open", "high", "low", "close", "unknown_volume"), none
    )
    made |= dict.fromkeys(("unattributed_volume", "trades", "min_delta", "max_delta"), none)
    made |= dict.fromkeys(("min_delta_nz", "max_delta_nz", "delta_since_high"), none)
    made |= dict.fromkeys(("delta_since_low", "vwap_ref", "vwap_m1", "last_seq", "version"), none)
    made |= {
        "ordinal": np.arange(len(bars)),
        "bid_volume": np.array([sum(b for b, _ in x.values()) for x in bars], np.int64),
        "ask_volume": np.array([sum(a for _, a in x.values()) for x in bars], np.int64),
        "vwap_m2": none.astype(np.float64),
        "gap": none.astype(np.bool_),
        "offsets": np.cumsum([0, *(len(x) for x in bars)]),
        "level_price": price,
        "level_bid": bid,
        "level_ask": ask,
        "level_unknown": np.zeros_like(price),
        "level_trades": np.ones_like(price),
    }
    given = {name: np.asarray(column) for name, column in columns.items()}
    return Bars(MINUTE, level_size, origin or BarOrigin(), **(made | given))


def volumes(*bars: Mapping[int, int], level_size: int = 1) -> Bars:
    """Return one bar per ladder of price to volume, all of it at the ask."""
    return ladders(*({p: (0, v) for p, v in x.items()} for x in bars), level_size=level_size)
