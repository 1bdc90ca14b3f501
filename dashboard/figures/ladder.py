"""The plain-Plotly ladder: a payload's cells and deltas as layout annotations.

The slower of the two ladders (an annotation costs the browser a quarter of a millisecond), for
those who want pure Plotly, and for notebooks. It reads the same payload as the canvas layer, so
both show the same stored numbers; a browser test compares their texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.figures.frame import BUY, SELL
from dashboard.figures.labels import ZERO, abbreviated, signed
from dashboard.figures.theme import MONO, SIZES, Palette

__all__ = ["MAX_ROWS", "cell_text", "ladder_annotations"]

MAX_ROWS = 200
"""Rows shown at the most; the newest bars come first."""


def ladder_annotations(
    payload: Mapping[str, Any], palette: Palette, limit: int = MAX_ROWS
) -> list[dict[str, Any]]:
    """Return one annotation per row ("bid × ask") and one per bar ("Δ +12") of a payload.

    Whole bars only, from the newest back, until another bar would exceed the limit; the newest bar
    is shown even if it alone exceeds it, cut to the rows nearest to its close.

    Args:
        payload: As `payload.build_payload` returns it.
        palette: Colours.
        limit: Most rows.
    """
    offsets = payload["cells"]["off"]
    out: list[dict[str, Any]] = []
    left = limit
    for k in reversed(range(len(payload["bars"]["x"]))):
        rows = range(offsets[k], offsets[k + 1])
        if len(rows) > left:
            if left < limit:
                break
            rows = _nearest(payload, k, rows, limit)
        left -= len(rows)
        out += [_row(payload, palette, k, row) for row in rows]
        out.append(_delta(payload, palette, k))
    return out


def cell_text(payload: Mapping[str, Any], row: int) -> str:
    """Return a row's plain text: ``12 × 34``, zeros as a dot."""
    cells = payload["cells"]
    return f"{_size(cells['b'][row])} × {_size(cells['a'][row])}"


def _row(payload: Mapping[str, Any], palette: Palette, bar: int, row: int) -> dict[str, Any]:
    """Return the annotation of one row, in the middle of its level."""
    cells, scale = payload["cells"], payload["scale"]
    middle = cells["p"][row] + (scale["level"] / 2 if scale["anchor"] == "floor" else 0)
    text, colour = cell_text(payload, row), palette.number
    marks = cells["m"][row]
    if marks & (BUY | SELL):
        bid, ask = text.split(" × ")
        bid = _strong(bid, palette.sell_text) if marks & SELL else bid
        ask = _strong(ask, palette.buy_text) if marks & BUY else ask
        text = f"{bid} × {ask}"
    return _annotation(payload["bars"]["x"][bar], middle / scale["price"], text, colour)


def _delta(payload: Mapping[str, Any], palette: Palette, bar: int) -> dict[str, Any]:
    """Return the annotation of a bar's delta, under its lowest row (under its low without rows)."""
    bars, cells, scale = payload["bars"], payload["cells"], payload["scale"]
    delta, edge = bars["delta"][bar], bars["l"][bar]
    if cells["off"][bar] < cells["off"][bar + 1]:
        lowest = cells["p"][cells["off"][bar]]
        edge = lowest - (scale["level"] / 2 if scale["anchor"] == "nearest" else 0)
    colour = (
        palette.buy_text if delta > 0 else palette.sell_text if delta < 0 else palette.secondary
    )
    note = _annotation(bars["x"][bar], edge / scale["price"], f"Δ {_signed(delta)}", colour)
    return note | {"yanchor": "top"}


def _annotation(x: float, y: float, text: str, colour: str) -> dict[str, Any]:
    """Return an annotation without arrow, box or mouse, centred on a point of the price pane."""
    return {
        "x": x,
        "y": y,
        "xref": "x",
        "yref": "y",
        "text": text,
        "showarrow": False,
        "captureevents": False,
        "font": {"family": MONO, "size": SIZES["number_px"], "color": colour},
    }


def _nearest(payload: Mapping[str, Any], bar: int, rows: range, limit: int) -> range:
    """Return `limit` of a bar's rows around its close."""
    close, prices = payload["bars"]["c"][bar], payload["cells"]["p"]
    at = min(rows, key=lambda row: abs(prices[row] - close))
    start = min(max(at - limit // 2, rows.start), rows.stop - limit)
    return range(start, start + limit)


def _strong(text: str, colour: str) -> str:
    """Return an imbalance's number: bold and coloured."""
    return f'<b><span style="color:{colour}">{text}</span></b>'


def _size(value: float) -> str:
    """Return a cell's number; decimals of fractional venues as they are."""
    if not value:
        return ZERO
    return abbreviated(int(value)) if float(value).is_integer() else f"{value:g}"


def _signed(value: float) -> str:
    """Return a delta with its sign; decimals of fractional venues as they are."""
    if float(value).is_integer():
        return signed(int(value))
    return f"{value:+g}".replace("-", "−")
