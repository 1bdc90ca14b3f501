"""Plotly traces that follow the bars: price candles, VWAP with its bands, CVD candles."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.figures.frame import ViewFrame
from dashboard.figures.payload import Window
from dashboard.figures.theme import Palette, alpha
from dashboard.figures.view import ViewSettings

__all__ = ["cvd_candles", "price_candles", "vwap_lines"]


def price_candles(
    frame: ViewFrame, settings: ViewSettings, palette: Palette, held: Window
) -> dict[str, Any]:
    """Return the price candles; beside plain-Plotly numbers they stand at the slot's left edge."""
    bars = frame.bars.take(held[0], held[1] + 1)
    shift = -0.44 if settings.ladder == "plotly" else 0
    return {
        "type": "candlestick",
        "name": "price",
        "x": [x + shift for x in range(held[0], held[1] + 1)],
        "open": _prices(frame, bars.open),
        "high": _prices(frame, bars.high),
        "low": _prices(frame, bars.low),
        "close": _prices(frame, bars.close),
        **_candle_style(palette),
    }


def cvd_candles(
    frame: ViewFrame, settings: ViewSettings, palette: Palette, held: Window
) -> dict[str, Any]:
    """Return the candles of cumulative delta, in the pane below."""
    shown = settings.cvd != "off"
    part = slice(held[0], held[1] + 1) if shown else slice(0, 0)
    return {
        "type": "candlestick",
        "name": "cvd",
        "visible": shown,
        "x": list(range(held[0], held[1] + 1)) if shown else [],
        "open": frame.shown(frame.cvd_open[part]).tolist(),
        "high": frame.shown(frame.cvd_high[part]).tolist(),
        "low": frame.shown(frame.cvd_low[part]).tolist(),
        "close": frame.shown(frame.cvd_close[part]).tolist(),
        "yaxis": "y2",
        **_candle_style(palette),
    }


def vwap_lines(
    frame: ViewFrame, settings: ViewSettings, palette: Palette, held: Window
) -> list[dict[str, Any]]:
    """Return the session VWAP and three pairs of bands, each broken where a session begins."""
    part = slice(held[0], held[1] + 1)
    session, vwap, sigma = frame.bars.session_ns[part], frame.vwap[part], frame.sigma[part]
    breaks = np.flatnonzero(np.diff(session)) + 1
    x = np.insert(np.arange(held[0], held[1] + 1).astype(np.float64), breaks, np.nan)
    lines = [("vwap", 0, settings.vwap, palette.vwap, 1.5)]
    for k in (1, 2, 3):
        shown, colour = settings.vwap and k <= settings.bands, alpha(palette.vwap, 0.35)
        lines += [(f"band {sign:+d}", sign, shown, colour, 1.0) for sign in (k, -k)]
    return [
        {
            "type": "scatter",
            "mode": "lines",
            "name": name,
            "visible": shown,
            "x": _holes(x) if shown else [],
            "y": _holes(_broken(frame, vwap + k * sigma if k else vwap, breaks)) if shown else [],
            "line": {"color": colour, "width": width},
            "connectgaps": False,
            "hoverinfo": "skip",
        }
        for name, k, shown, colour, width in lines
    ]


def _candle_style(palette: Palette) -> dict[str, Any]:
    """Return a candle's colours."""
    return {
        "increasing": {"line": {"color": palette.buy, "width": 1}, "fillcolor": palette.buy},
        "decreasing": {"line": {"color": palette.sell, "width": 1}, "fillcolor": palette.sell},
        "whiskerwidth": 0,
        "hoverinfo": "skip",
    }


def _prices(frame: ViewFrame, units: NDArray[Any]) -> list[float]:
    """Return prices as axis values."""
    return list((units / frame.snapshot.instrument.price_scale).tolist())


def _broken(
    frame: ViewFrame, units: NDArray[np.float64], breaks: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return prices as axis values, two decimals of a price unit, with a hole at each break."""
    return np.insert(np.round(units, 2) / frame.snapshot.instrument.price_scale, breaks, np.nan)


def _holes(values: NDArray[np.float64]) -> list[float | None]:
    """Return a list in which NaN is None, as JSON has no NaN."""
    return [None if value != value else value for value in values.tolist()]  # noqa: PLR0124
