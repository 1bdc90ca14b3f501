"""Live states to put on a board."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.testing import assert_array_equal

from dashboard.domain.bars import (
    BAR_COLUMNS,
    LEVEL_COLUMNS,
    MINUTE,
    BarOrigin,
    Bars,
    BarSpec,
    bar_fields,
)
from dashboard.domain.livestate import LiveState
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import BookLevel, Quote

INT64 = np.iinfo(np.int64)


def numbered_bars(
    counts: list[int], spec: BarSpec = MINUTE, origin: BarOrigin | None = None, start: int = 0
) -> Bars:
    """Return bars with so many levels each; every number differs, up to both ends of int64."""
    bars, levels = len(counts), sum(counts)
    columns: dict[str, Any] = {}
    for number, name in enumerate(BAR_COLUMNS + LEVEL_COLUMNS):
        size = bars if name in BAR_COLUMNS else levels
        values = start + 1_000 * number + np.arange(size, dtype=np.int64)
        values[::2] = INT64.max - values[::2]
        values[1::3] = INT64.min + values[1::3]
        columns[name] = values
    columns["vwap_m2"] = np.linspace(-1e300, 1e300, bars)
    columns["gap"] = np.arange(bars) % 2 == 0
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Bars(spec, 10, origin or BarOrigin(60), offsets=offsets, **columns)


def live_state(symbol: str = "SIM:NIFTY", version: int = 5, levels: int = 30) -> LiveState:
    """Return a state with one open minute and a book."""
    book = tuple(BookLevel(24_900_00 + 10 * i, 75 * i, i) for i in range(1, 6))
    quote = Quote(symbol, 10**18, 10**18 + 1, 24_900_00, 75, 10**6, book, book)
    return LiveState(
        symbol=symbol,
        version=version,
        trade_seq=7,
        receive_ns=10**18,
        session_ns=10**18 - 60,
        open_bars=numbered_bars([levels]),
        quote=quote,
        last_price=24_900_00,
        provenance=Provenance((1, 2, 3, 4, 5, 6), 7, 8, 9),
        updates_per_s=1.5,
        gaps=2,
        first_ns=10**18 - 50,
        extra={"late": 1},
    )


def assert_equal_states(a: LiveState, b: LiveState) -> None:
    """Fail unless every field of both is equal, bars column by column with their types."""
    for name in LiveState.__slots__:
        if name != "open_bars":
            assert getattr(a, name) == getattr(b, name), name
    assert_equal_bars(a.open_bars, b.open_bars)


def assert_equal_bars(a: Bars, b: Bars) -> None:
    """Fail unless both are equal, column by column with their types."""
    assert (a.spec, a.level_size, a.origin) == (b.spec, b.level_size, b.origin)
    for name in bar_fields():
        assert_array_equal(getattr(a, name), getattr(b, name), err_msg=name, strict=True)
