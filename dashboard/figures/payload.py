"""What the canvas layer gets: one view's bars as compact columns (docs/ARCHITECTURE.md).

The contract's names are short because they travel four times a second. Every number and flag is
final here; the layer adds nothing but pixels. Called by whoever answers beats and shows stored
bars, with the frame that `frame.derive` made.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import I64, BarKind
from dashboard.domain.livestate import FeedMode
from dashboard.domain.snapshot import Snapshot
from dashboard.domain.trade import NO_PRICE
from dashboard.errors import InputError
from dashboard.figures.frame import ViewFrame
from dashboard.figures.labels import clock
from dashboard.figures.view import ViewSettings
from dashboard.figures.volume import profile_of, profile_tags

__all__ = [
    "MAX_BARS",
    "MAX_CELLS",
    "Window",
    "build_payload",
    "check_size",
    "clip_window",
    "feed_state",
    "mode_of",
    "table_rows",
    "unchanged",
]

SCHEMA = 1
MAX_BARS = 5_000
MAX_CELLS = 300_000

Window = tuple[int, int]
"""First and last position wanted, both inclusive."""

_MS = 1_000_000
_MINUTE_NS = 60_000_000_000
_ROW_NAMES = {
    "delta": "Δ",
    "pct": "Δ %",
    "max": "Max Δ",
    "min": "Min Δ",
    "cvd": "CVD",
    "vol": "Volume",
    "bid": "Bid",
    "ask": "Ask",
    "n": "Trades",
}
_ABSENT = {"max": "max_delta", "min": "min_delta", "n": "trades"}


def build_payload(
    frame: ViewFrame,
    settings: ViewSettings,
    window: Window | None = None,
    since: int = 0,
    known: str = "",
    now_ns: int = 0,
) -> dict[str, Any]:
    """Return the layer's payload: plain lists and numbers, ready for JSON.

    With the hash that the asker knows and a version that is not ahead of ours the answer holds the
    bars changed after `since` only; else, `complete`, every bar of the window.

    Args:
        frame: The view's.
        settings: The viewer's; may differ from the frame's where `view_hash` does not look.
        window: Positions wanted, cut to what there is; None for all.
        since: Version that the asker has.
        known: View hash that the asker has.
        now_ns: Wall clock, for ages.

    Raises:
        InputError: More than `MAX_BARS` bars or `MAX_CELLS` cells.
    """
    snapshot = frame.snapshot
    first, last = clip_window(frame, window)
    complete = known != frame.view or not 0 < since <= snapshot.version
    index = np.arange(first, last + 1)
    if not complete:
        index = index[frame.version[first : last + 1] > since]
    levels, offsets = _levels_of(frame.bars.offsets, index)
    check_size(len(index), len(levels))
    rows = table_rows(frame, settings)
    is_time = frame.bars.spec.kind is BarKind.TIME
    payload = {
        "schema": SCHEMA,
        "view": frame.view,
        "figure": frame.figure,
        "version": snapshot.version,
        "trade_seq": snapshot.trade_seq,
        "receive_ms": snapshot.live.receive_ns // _MS if snapshot.live else 0,
        "complete": complete,
        "symbol": snapshot.instrument.symbol,
        "bar": str(frame.bars.spec),
        "mode": mode_of(snapshot),
        "estimated": snapshot.sides_estimated,
        "scale": _scale(frame),
        "total": len(frame),
        "first": first,
        "date": _date(frame, first),
        "live": len(frame) - 1 if snapshot.is_open else None,
        "live_end_ms": int(frame.bars.end_ns[-1]) // _MS if snapshot.is_open and is_time else None,
        "bars": _bar_columns(frame, index),
        "cells": _cell_columns(frame, levels, offsets),
        "zones": _zones(frame, first, last),
        "tags": _tags(frame, settings, first, last),
        "rows": list(rows),
        "row_names": list(rows.values()),
        "last": _last(snapshot),
        "min_volume": -(-frame.min_volume // frame.divisor),
        "feed": feed_state(snapshot, now_ns),
    }
    if snapshot.live is not None and now_ns:
        payload["clock"] = _clock(snapshot, now_ns)
    return payload


def unchanged(frame: ViewFrame, since: int, known: str) -> bool:
    """Whether an asker has all there is: a beat is then answered with 204."""
    return known == frame.view and since == frame.snapshot.version


def clip_window(frame: ViewFrame, window: Window | None) -> Window:
    """Return the positions of a window that exist; (0, -1) of a view without bars.

    A window beside the bars gives the nearest bar, so that an answer is never empty by accident.
    """
    total = len(frame)
    if window is None or not total:
        return 0, total - 1
    first = min(max(window[0], 0), total - 1)
    return first, min(max(window[1], first), total - 1)


def mode_of(snapshot: Snapshot) -> str:
    """Return the badge: made-up data is SIMULATED wherever it is shown, stored data HISTORY."""
    if snapshot.instrument.simulated:
        return FeedMode.SIMULATED.value
    if snapshot.live is None:
        return "HISTORY"
    return (snapshot.status.mode if snapshot.status else FeedMode.LIVE).value


def feed_state(snapshot: Snapshot, now_ns: int) -> dict[str, Any]:
    """Return the feed's state, age and cause; the age is that of its last sign of life."""
    status, live = snapshot.status, snapshot.live
    signs = [status.heartbeat_ns if status else 0, live.receive_ns if live else 0]
    age = max(now_ns - max(signs), 0) // _MS if max(signs) and now_ns else 0
    if status is None:
        return {"state": "stopped", "age_ms": age, "cause": ""}
    return {"state": status.state.value, "age_ms": age, "cause": status.cause}


def table_rows(frame: ViewFrame, settings: ViewSettings) -> dict[str, str]:
    """Return the rows of the statistics table, column to name; what a source lacks has no row."""
    if not settings.table:
        return {}
    absent = frame.bars.origin.absent
    rows = {row: name for row, name in _ROW_NAMES.items() if _ABSENT.get(row) not in absent}
    if "n" in rows and frame.snapshot.sides_estimated:
        # Of a snapshot feed's volume nobody knows in how many trades it came.
        rows["n"] = "Trades ≈"
    return rows


def check_size(bars: int, cells: int) -> None:
    """Refuse an answer that would be too large.

    Args:
        bars: How many it would hold.
        cells: Likewise.

    Raises:
        InputError: More than `MAX_BARS` bars or `MAX_CELLS` cells.
    """
    if bars > MAX_BARS or cells > MAX_CELLS:
        allowed = (
            f"a range of at most {MAX_BARS:,} bars and {MAX_CELLS:,} cells "
            f"(this one has {bars:,} and {cells:,}), or a coarser level"
        )
        raise InputError("to", "so large an answer", allowed)


def _levels_of(offsets: I64, index: I64) -> tuple[I64, I64]:
    """Return the levels of some bars as indices, and where each bar's begin among them."""
    counts = offsets[index + 1] - offsets[index]
    starts = np.zeros(len(index) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return np.arange(starts[-1]) + np.repeat(offsets[index] - starts[:-1], counts), starts


def _bar_columns(frame: ViewFrame, index: I64) -> dict[str, Any]:
    """Return the contract's `bars` for some positions."""
    bars, absent = frame.bars, frame.bars.origin.absent

    def size(values: NDArray[Any], column: str = "") -> list[Any]:
        return _nulls(index) if column in absent else frame.shown(values[index]).tolist()

    volume, delta = bars.volume, bars.delta
    pct = np.round(100 * delta[index] / np.maximum(volume[index], 1), 1)
    return {
        "x": index.tolist(),
        "ver": frame.version[index].tolist(),
        "label": [frame.label[i] for i in index],
        "date": [frame.date[i] for i in index],
        "start_ms": (bars.start_ns[index] // _MS).tolist(),
        "end_ms": (bars.end_ns[index] // _MS).tolist(),
        "o": bars.open[index].tolist(),
        "h": bars.high[index].tolist(),
        "l": bars.low[index].tolist(),
        "c": bars.close[index].tolist(),
        "vol": size(volume),
        "bid": size(bars.bid_volume),
        "ask": size(bars.ask_volume),
        "unk": size(bars.unknown_volume),
        "una": size(bars.unattributed_volume),
        "delta": size(delta),
        "min": size(bars.min_delta, "min_delta"),
        "max": size(bars.max_delta, "max_delta"),
        "pct": pct.tolist(),
        "cvd": size(frame.cvd_close),
        "cvo": size(frame.cvd_open),
        "cvh": size(frame.cvd_high, "max_delta"),
        "cvl": size(frame.cvd_low, "min_delta"),
        "n": _nulls(index) if "trades" in absent else bars.trades[index].tolist(),
        "vwap": _nulls(index) if "vwap" in absent else _floats(frame.vwap[index]),
        "bvwap": _nulls(index) if "vwap" in absent else _floats(frame.bar_vwap[index]),
        "poc": [None if p == NO_PRICE else p for p in frame.poc[index].tolist()],
        "gap": bars.gap[index].astype(np.int8).tolist(),
        "shade": {
            "delta": frame.shade_delta[index].tolist(),
            "pct": frame.shade_pct[index].tolist(),
            "vol": frame.shade_volume[index].tolist(),
        },
    }


def _cell_columns(frame: ViewFrame, levels: I64, offsets: I64) -> dict[str, Any]:
    """Return the contract's `cells` for some levels."""
    bars = frame.bars
    absent = "trades" in bars.origin.absent
    return {
        "off": offsets.tolist(),
        "p": bars.level_price[levels].tolist(),
        "b": frame.shown(bars.level_bid[levels]).tolist(),
        "a": frame.shown(bars.level_ask[levels]).tolist(),
        "u": frame.shown(bars.level_unknown[levels]).tolist(),
        "n": _nulls(levels) if absent else bars.level_trades[levels].tolist(),
        "hb": frame.heat_bid[levels].tolist(),
        "ha": frame.heat_ask[levels].tolist(),
        "ht": frame.heat_total[levels].tolist(),
        "hd": frame.heat_delta[levels].tolist(),
        "m": frame.marks[levels].tolist(),
    }


def _nulls(index: Sequence[Any] | NDArray[Any]) -> list[None]:
    """Return a column that the source cannot know."""
    return [None] * len(index)


def _floats(values: NDArray[np.float64]) -> list[float | None]:
    """Return prices between units, two decimals of a unit, NaN as null."""
    return [None if v != v else v for v in np.round(values, 2).tolist()]  # noqa: PLR0124 - NaN


def _scale(frame: ViewFrame) -> dict[str, Any]:
    """Return how prices and sizes are to be read."""
    instrument = frame.snapshot.instrument
    return {
        "price": instrument.price_scale,
        "decimals": instrument.price_decimals,
        "level": frame.bars.level_size,
        "tick": instrument.tick_size,
        "lot": instrument.lot_size,
        "unit": "lots" if frame.lots else "qty",
        "anchor": frame.bars.origin.level_anchor,
    }


def _date(frame: ViewFrame, first: int) -> str:
    """Return the date of a bar's session, which its own session's first bar carries."""
    session = frame.bars.session_ns
    if not len(session):
        return ""
    return frame.date[int(np.searchsorted(session, session[first]))]


def _zones(frame: ViewFrame, first: int, last: int) -> list[dict[str, Any]]:
    """Return the stacks that are in the window or reach into it."""
    return [
        {"x": z.bar, "low": z.low, "high": z.high, "side": z.side, "to": z.end}
        for z in frame.zones
        if z.bar <= last and (z.end is None or z.end >= first)
    ]


def _tags(frame: ViewFrame, settings: ViewSettings, first: int, last: int) -> list[dict[str, Any]]:
    """Return the pills at the price axis: text, price in price units, theme colour.

    Those of the visible bars' profile are not among them: this window is wider than the view. The
    figure, which is told what is in view, brings them.
    """
    if last < first:
        return []
    tags: list[tuple[str, float | None, str]] = []
    if settings.profile != "visible":
        tags += profile_tags(profile_of(frame, settings, first, last))
    if settings.vwap and "vwap" not in frame.bars.origin.absent:
        tags.append(("VW", _floats(frame.vwap[last : last + 1])[0], "vwap"))
    if settings.prevclose and frame.snapshot.previous_close is not None:
        tags.append(("PC", frame.snapshot.previous_close, "secondary"))
    since = since_text(frame.snapshot)
    return [
        {
            "text": f"{text} {since}".rstrip() if role != "secondary" else text,
            "price": p,
            "role": role,
        }
        for text, p, role in tags
        if p is not None
    ]


def since_text(snapshot: Snapshot) -> str:
    """Return "since 11:02" where live data begins a minute or more after its session's open."""
    live, bars = snapshot.live, snapshot.bars
    if live is None or not live.first_ns:
        return ""
    # Bars stored by an earlier run count as well: the live state may know its own start only.
    mine = int(np.searchsorted(bars.session_ns, live.session_ns))
    stored = mine < len(bars) and bars.session_ns[mine] == live.session_ns
    first_ns = min(live.first_ns, int(bars.start_ns[mine])) if stored else live.first_ns
    if first_ns - live.session_ns < _MINUTE_NS:
        return ""
    return f"since {clock(first_ns, snapshot.calendar.timezone, seconds=False)}"


def _last(snapshot: Snapshot) -> dict[str, Any] | None:
    """Return the last price's tag: up means not below the previous close (else the bar's open)."""
    if snapshot.live is None or not len(snapshot.bars):
        return None
    base = snapshot.previous_close
    reference = int(snapshot.bars.open[-1]) if base is None else base
    price = snapshot.live.last_price
    return {"price": price, "up": price >= reference}


def _clock(snapshot: Snapshot, now_ns: int) -> dict[str, Any]:
    """Return the feed's event time now: of a replay it runs from the last event at its speed."""
    live, status = snapshot.live, snapshot.status
    if live is None or status is None or status.mode is not FeedMode.REPLAY:
        return {"now_ms": now_ns // _MS, "speed": 1.0}
    passed = (now_ns - live.receive_ns) * status.speed
    return {"now_ms": (live.provenance.last_event_ns + int(passed)) // _MS, "speed": status.speed}
