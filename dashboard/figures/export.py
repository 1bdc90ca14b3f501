"""Bars as a JSON document whose numbers read back to the source's exact decimals.

`export_bars` builds the document from plain values, `to_json` writes it. Prices and sizes leave
their integer units only here: a number stays an int where it is whole by nature, becomes a float
where the float's shortest text is the exact decimal (15 digits), and a `Decimal` beyond. What a
source cannot know is null. Used by the command line, the API and the pages' export button.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import orjson
from numpy.typing import NDArray

from dashboard.domain.bars import Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.indicators import bar_vwap, cvd_candles, session_vwap
from dashboard.domain.instrument import Instrument
from dashboard.domain.profile import (
    Profile,
    ValueArea,
    bar_pocs,
    bar_value_areas,
    build_profile,
)
from dashboard.domain.trade import NO_PRICE

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

Number = int | float | Decimal
Document = dict[str, Any]

_EXACT = 10**15
"""Decimals of up to fifteen digits survive the way into a float and back."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_SECOND_NS = 1_000_000_000


def export_bars(
    bars: Bars,
    instrument: Instrument,
    calendar: Calendar,
    *,
    convention: ValueArea = ValueArea.ONE_ROW,
    share_pct: int | Fraction = 70,
    continuous: bool = False,
) -> Document:
    """Return bars with their levels, sessions and whole-range profile, ready for `to_json`.

    Sizes are contracts (or shares, coins), never lots. `start` is the bar's start with the offset
    of the calendar's zone; `start_ns` is text, because most JSON readers make a float of so long a
    number. `cvd` is the close of the running delta. `vwap` is the bar's own, `session_vwap` the
    running one after the bar.

    Args:
        bars: Any bars, in order, at the level size wanted.
        instrument: Whose prices and sizes these are.
        calendar: Its trading calendar.
        convention: How value areas grow.
        share_pct: Their share of the volume in percent.
        continuous: Sum CVD through all bars; else from 0 in each session.
    """
    units = _Units(instrument)
    return {
        "symbol": instrument.symbol,
        "bar": str(bars.spec),
        "level_size": units.price(bars.level_size),
        "calendar": calendar.name,
        "bars": _bars(bars, units, ZoneInfo(calendar.timezone), convention, share_pct, continuous),
        "sessions": _sessions(bars, units, calendar, convention, share_pct),
        "profile": _profile(build_profile(bars), bars, units, convention, share_pct),
    }


def to_json(document: Document) -> str:
    """Return the document as JSON text; decimals are written digit by digit."""
    return orjson.dumps(document, default=_raw_number, option=orjson.OPT_APPEND_NEWLINE).decode()


def iso_time(instant_ns: int, zone: ZoneInfo) -> str:
    """Return an instant as ISO 8601 with the zone's offset; a fraction only where there is one."""
    whole = _EPOCH + dt.timedelta(seconds=instant_ns // _SECOND_NS)
    text = whole.astimezone(zone).isoformat()
    fraction = instant_ns % _SECOND_NS
    if not fraction:
        return text
    return f"{text[:19]}.{f'{fraction:09d}'.rstrip('0')}{text[19:]}"


class _Units:
    """Integer units of one instrument to exact numbers."""

    def __init__(self, instrument: Instrument) -> None:
        self._price_scale = instrument.price_scale
        self._size_scale = instrument.size_scale

    def price(self, units: int) -> Number:
        return _exact(np.array([units]), self._price_scale)[0]

    def prices(self, units: I64) -> list[Number | None]:
        """Return prices, null where the column says `NO_PRICE`."""
        absent = units == NO_PRICE
        numbers: list[Number | None] = list(_exact(np.where(absent, 0, units), self._price_scale))
        for row in np.flatnonzero(absent).tolist():
            numbers[row] = None
        return numbers

    def averages(self, units: F64) -> list[float | None]:
        """Return prices that lie between units (VWAP), null where there is none."""
        values = (units / self._price_scale).tolist()
        return [None if value != value else value for value in values]  # noqa: PLR0124 - NaN

    def sizes(self, units: I64) -> list[Number]:
        return _exact(units, self._size_scale)

    def size(self, units: int) -> Number:
        return self.sizes(np.array([units]))[0]


def _exact(units: I64, scale: int) -> list[Number]:
    """Return ``units / scale`` as numbers whose text is the exact decimal."""
    if scale == 1:
        whole: list[Number] = units.tolist()
        return whole
    if not len(units) or max(int(units.max()), -int(units.min())) < _EXACT:
        # The quotient is the nearest float to the decimal, so its shortest text is the decimal.
        floats: list[Number] = (units / scale).tolist()
        return floats
    return [Decimal(value) / scale for value in units.tolist()]


def _raw_number(value: object) -> orjson.Fragment:
    if isinstance(value, Decimal):
        return orjson.Fragment(format(value, "f").encode())
    raise TypeError


def _bars(
    bars: Bars,
    units: _Units,
    zone: ZoneInfo,
    convention: ValueArea,
    share_pct: int | Fraction,
    continuous: bool,
) -> list[Document]:
    val, vah = bar_value_areas(bars, share_pct, convention)
    columns: dict[str, Sequence[Any]] = {
        "start": [iso_time(ns, zone) for ns in bars.start_ns.tolist()],
        "start_ns": [str(ns) for ns in bars.start_ns.tolist()],
        **{name: units.prices(getattr(bars, name)) for name in ("open", "high", "low", "close")},
        **{
            name: units.sizes(getattr(bars, name))
            for name in (
                "volume", "bid_volume", "ask_volume", "unknown_volume", "unattributed_volume",
            )
        },
        "trades": _known(bars, "trades", bars.trades.tolist()),
        "delta": units.sizes(bars.delta),
        "min_delta": _known(bars, "min_delta", units.sizes(bars.min_delta)),
        "max_delta": _known(bars, "max_delta", units.sizes(bars.max_delta)),
        "cvd": units.sizes(cvd_candles(bars, continuous=continuous).close),
        "vwap": units.averages(bar_vwap(bars)),
        "session_vwap": units.averages(session_vwap(bars)[0]),
        "poc": units.prices(bar_pocs(bars)),
        "vah": units.prices(vah),
        "val": units.prices(val),
        "levels": _bar_levels(bars, units),
    }  # fmt: skip
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _bar_levels(bars: Bars, units: _Units) -> list[list[Document]]:
    levels = _levels(
        units,
        bars.level_price,
        (bars.level_bid, bars.level_ask, bars.level_unknown),
        _known(bars, "trades", bars.level_trades.tolist()),
    )
    return [levels[a:b] for a, b in pairwise(bars.offsets.tolist())]


def _levels(
    units: _Units, price: I64, sizes: Iterable[I64], trades: Sequence[Any]
) -> list[Document]:
    columns = (units.prices(price), *(units.sizes(column) for column in sizes), trades)
    return [
        {"price": p, "bid_volume": b, "ask_volume": a, "unknown_volume": u, "trades": n}
        for p, b, a, u, n in zip(*columns, strict=True)
    ]


def _sessions(
    bars: Bars,
    units: _Units,
    calendar: Calendar,
    convention: ValueArea,
    share_pct: int | Fraction,
) -> list[Document]:
    """Return one entry per session: its hours, totals, POC and value area."""
    if not len(bars):
        return []
    zone = ZoneInfo(calendar.timezone)
    first = np.flatnonzero(np.diff(bars.session_ns, prepend=bars.session_ns[0] - 1)).tolist()
    found = []
    for start, stop in zip(first, [*first[1:], len(bars)], strict=True):
        part = bars.take(start, stop)
        session = calendar.session_at(int(part.session_ns[0]))
        found.append(
            {
                "date": session.date,
                "label": session.label,
                "open": iso_time(session.open_ns, zone),
                "open_ns": str(session.open_ns),
                "close": iso_time(session.close_ns, zone),
                "confirmed": session.confirmed,
                "bars": len(part),
                **_totals(part, units),
                **_areas(build_profile(part), units, convention, share_pct),
            }
        )
    return found


def _profile(
    profile: Profile,
    bars: Bars,
    units: _Units,
    convention: ValueArea,
    share_pct: int | Fraction,
) -> Document:
    levels = _levels(
        units,
        profile.price,
        (profile.bid_volume, profile.ask_volume, profile.unknown_volume),
        _known(bars, "trades", profile.trades.tolist()),
    )
    areas = _areas(profile, units, convention, share_pct)
    return {**_totals(bars, units), **areas, "levels": levels}


def _totals(bars: Bars, units: _Units) -> Document:
    totals: Document = {
        name: units.size(int(getattr(bars, name).sum()))
        for name in (
            "volume", "bid_volume", "ask_volume", "unknown_volume", "unattributed_volume", "delta",
        )
    }  # fmt: skip
    trades = int(bars.trades.sum())
    return totals | {"trades": _known(bars, "trades", [trades])[0]}


def _areas(
    profile: Profile, units: _Units, convention: ValueArea, share_pct: int | Fraction
) -> Document:
    val, vah, _ = profile.value_area(share_pct, convention)
    poc, vah_price, val_price = units.prices(np.array([profile.poc, vah, val], dtype=np.int64))
    return {"poc": poc, "vah": vah_price, "val": val_price}


def _known(bars: Bars, column: str, values: Sequence[Any]) -> Sequence[Any]:
    """Return the values, nulls where the bars' source cannot know them."""
    return [None] * len(values) if column in bars.origin.absent else values
