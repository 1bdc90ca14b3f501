"""Instruments, trades and bars as table rows: SQL of both directions for reader, writer, importers.

What a source cannot know (an absent quote, the columns named in `BarOrigin.absent`) is NULL in the
table and `NO_PRICE` or 0 in the arrays. No connection is opened here.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields
from itertools import repeat
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import BAR_COLUMNS, BarKind, BarOrigin, Bars, BarSpec
from dashboard.domain.instrument import Instrument
from dashboard.domain.trade import NO_PRICE, TRADE_DTYPE, Trades
from dashboard.storage.codec import decode_levels, encode_levels

I64 = NDArray[np.int64]

_TRADE_COLUMNS = TRADE_DTYPE.names or ()
_QUOTES = ("bid", "ask")
_TRADE_CHUNK = 65_536
_BAR_CHUNK = 4_096

_INSTRUMENT_FIELDS = tuple(f.name for f in fields(Instrument))
INSTRUMENT_COLUMNS = ", ".join(_INSTRUMENT_FIELDS)

_INSERT_TRADES = (
    f"INSERT INTO trades (instrument_id, session_id, {', '.join(_TRADE_COLUMNS)}) "  # noqa: S608
    f"VALUES (?, ?{', ?' * len(_TRADE_COLUMNS)})"
)

TRADE_SELECT = ", ".join(
    f"ifnull(t.{c}, {NO_PRICE})" if c in _QUOTES else f"t.{c}" for c in _TRADE_COLUMNS
)
"""The columns of `Trades` for a query whose table ``trades`` is called ``t``."""

# The session is the row's parent; the float and the blob come after the plain integers.
_BAR_INTS = tuple(c for c in BAR_COLUMNS if c not in {"session_ns", "vwap_m2"})
_NULLABLE = frozenset(
    {"trades", "min_delta", "max_delta", "min_delta_nz", "max_delta_nz", "delta_since_high",
     "delta_since_low", "vwap_ref", "vwap_m1", "vwap_m2"}
)  # fmt: skip
_BAR_TABLE = ("session_id", *_BAR_INTS, "vwap_m2", "level_count", "wide", "levels")

UPSERT_BARS = (
    f"INSERT INTO bars ({', '.join(_BAR_TABLE)}) VALUES ({', '.join('?' * len(_BAR_TABLE))})"  # noqa: S608
    " ON CONFLICT (session_id, ordinal) DO UPDATE SET "
    + ", ".join(f"{c} = excluded.{c}" for c in _BAR_TABLE[2:])
)

BAR_SELECT = ", ".join(
    ["s.session_ns"]
    + [f"ifnull(b.{c}, 0)" if c in _NULLABLE else f"b.{c}" for c in (*_BAR_INTS, "vwap_m2")]
    + ["b.level_count", "b.wide", "b.levels"]
)
"""All of a bar, for a query that calls ``sessions`` ``s`` and ``bars`` ``b``."""


def instrument_of(row: tuple[Any, ...]) -> Instrument:
    """Return the instrument of a row that selects `INSTRUMENT_COLUMNS`."""
    columns = dict(zip(_INSTRUMENT_FIELDS, row, strict=True))
    return Instrument(**columns | {"simulated": bool(columns["simulated"])})


def instrument_row(instrument: Instrument) -> tuple[Any, ...]:
    """Return an instrument's values in the order of `INSTRUMENT_COLUMNS`."""
    return astuple(instrument)


def insert_trades(
    db: sqlite3.Connection, instrument_id: int, session_ids: Iterable[int], trades: Trades
) -> None:
    """Insert trades; `session_ids` gives the row id of each one's session."""
    columns: list[list[int | None]] = []
    for name in _TRADE_COLUMNS:
        values = getattr(trades, name)
        column = values.tolist()
        if name in _QUOTES and (absent := np.flatnonzero(values == NO_PRICE)).size:
            for row in absent.tolist():
                column[row] = None
        columns.append(column)
    rows = zip(repeat(instrument_id), session_ids, *columns, strict=False)
    db.executemany(_INSERT_TRADES, rows)


def read_trade_rows(cursor: sqlite3.Cursor) -> Trades:
    """Return the trades of a query that selects `TRADE_SELECT`, in the query's order."""
    parts = []
    while rows := cursor.fetchmany(_TRADE_CHUNK):
        parts.append(np.array(rows, dtype=np.int64))
    if not parts:
        return Trades.empty()
    table = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return Trades(**{n: table[:, i].astype(TRADE_DTYPE[n]) for i, n in enumerate(_TRADE_COLUMNS)})


def bar_rows(session_ids: Iterable[int], bars: Bars) -> Iterator[tuple[Any, ...]]:
    """Return the parameters of `UPSERT_BARS`, one tuple per bar.

    Args:
        session_ids: The row id of each bar's session.
        bars: Bars whose columns named in their origin's `absent` become NULL.
    """
    blobs, wide = encode_levels(bars)
    columns: list[Iterable[Any]] = []
    for name in (*_BAR_INTS, "vwap_m2"):
        values: list[Any] = getattr(bars, name).tolist()
        columns.append(repeat(None) if is_absent(name, bars.origin) else values)
    counts = np.diff(bars.offsets).tolist()
    return zip(session_ids, *columns, counts, wide, blobs, strict=False)


def is_absent(column: str, origin: BarOrigin) -> bool:
    """Whether a bar column is one that the origin's source cannot know."""
    return column in _NULLABLE and any(column.startswith(name) for name in origin.absent)


def read_bar_rows(cursor: sqlite3.Cursor, level_size: int, origin: BarOrigin) -> Bars:
    """Return the bars of a query that selects `BAR_SELECT` in order of session and ordinal.

    Raises:
        CorruptStoreError: A level blob does not read back.
    """
    spec = BarSpec(BarKind.TIME, origin.interval_s)
    parts = []
    while rows := cursor.fetchmany(_BAR_CHUNK):
        parts.append(_decode_bars(rows, spec, level_size, origin))
    if not parts:
        return Bars.empty(spec, level_size, origin)
    return Bars.concat(parts) if len(parts) > 1 else parts[0]


def _decode_bars(
    rows: list[tuple[Any, ...]], spec: BarSpec, level_size: int, origin: BarOrigin
) -> Bars:
    session, *ints, m2, counts, wide, blobs = zip(*rows, strict=True)
    columns: dict[str, Any] = {
        name: np.array(values, dtype=np.int64) for name, values in zip(_BAR_INTS, ints, strict=True)
    }
    columns["session_ns"] = np.array(session, dtype=np.int64)
    columns["vwap_m2"] = np.array(m2, dtype=np.float64)
    columns["gap"] = columns["gap"].astype(np.bool_)
    offsets, levels = decode_levels(
        blobs, np.array(wide, dtype=np.bool_), np.array(counts, dtype=np.int64)
    )
    columns |= levels
    return Bars(spec, level_size, origin, offsets=offsets, **columns)
