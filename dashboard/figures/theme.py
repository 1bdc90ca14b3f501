"""The one table of colours and sizes: Plotly figures, the canvas layer and the page read it here.

A cell's fill is the background mixed with the side's colour in five steps, chosen so that its
number stays readable (contrast at least 4.5, measured in the tests); an imbalance is coloured bold
text on a fill that is capped, never a stronger fill. Yellow means POC and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "HEAT_STEPS",
    "IMBALANCE_CAP",
    "MONO",
    "SANS",
    "SIZES",
    "Palette",
    "alpha",
    "contrast",
    "heat_fill",
    "layer_theme",
    "mix",
    "palette_of",
    "plotly_layout",
]

HEAT_STEPS = 5
"""Steps of heat, 0 (coolest) to 4."""

IMBALANCE_CAP = 2
"""Hottest step under an imbalance's coloured number (a fill of 0.34)."""

MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace'
SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'

SIZES: Mapping[str, int] = {
    "number_px": 11,
    "row_px": 16,
    "table_row_px": 18,
    "time_row_px": 18,
    "gutter_left_px": 78,
    "gutter_right_px": 72,
    "candle_px": 7,
    "candle_gap_px": 3,
    "bar_gap_px": 8,
    "slot_px": 99,
}
"""Lengths that Python's margins and the layer's painting must agree on, px."""

_WHITE_STEPS = (0.10, 0.20, 0.34, 0.50, 0.68)


@dataclass(frozen=True, slots=True)
class Palette:
    """Every colour by its role, as ``#RRGGBB``.

    Attributes:
        background: Page and chart.
        panel, raised: Toolbar and cards; controls on them.
        line: Hairlines and grid.
        text, secondary, faint: Text; `faint` is never used for numbers.
        number: Numbers on cell fills.
        buy, sell: Sides, candles, deltas as areas.
        buy_text, sell_text: Imbalances and signed numbers, as text.
        neutral: In-bar profile, volume row, total cells.
        poc, vah, val, vwap: Levels and their pills.
        filled: A POC that was traded through again.
        warning: Data quality.
        pill_text: Text on a pill.
        heat_buy, heat_sell, heat_neutral: Share of the colour in the fill, by heat step.
    """

    background: str = "#0F141B"
    panel: str = "#151B24"
    raised: str = "#1B2330"
    line: str = "#202938"
    text: str = "#E6EAF0"
    secondary: str = "#9AA6B5"
    faint: str = "#6B7787"
    number: str = "#F2F5F9"
    buy: str = "#26A69A"
    sell: str = "#EF5350"
    buy_text: str = "#35E0C8"
    sell_text: str = "#FF7A76"
    neutral: str = "#5B6B80"
    poc: str = "#FFD54A"
    vah: str = "#5AB0FF"
    val: str = "#C9A6FF"
    vwap: str = "#FFB454"
    filled: str = "#4A5568"
    warning: str = "#FFB454"
    pill_text: str = "#0F141B"
    heat_buy: tuple[float, ...] = _WHITE_STEPS
    heat_sell: tuple[float, ...] = _WHITE_STEPS
    heat_neutral: tuple[float, ...] = _WHITE_STEPS


_PALETTES: Mapping[str, Palette] = {
    "default": Palette(),
    # Blue and orange are brighter than the default pair, so their two hottest steps stay lower;
    # VAH and VWAP move away from the sides' hues.
    "colour-blind": Palette(
        buy="#4C9BE8",
        sell="#F29D38",
        buy_text="#7CB9F5",
        sell_text="#FFB65C",
        vah="#9CE3D6",
        vwap="#F5F0E6",
        heat_buy=(0.10, 0.20, 0.34, 0.48, 0.62),
        heat_sell=(0.10, 0.18, 0.28, 0.38, 0.48),
    ),
}


def palette_of(name: str) -> Palette:
    """Return a palette by its name in `ViewSettings.palette` (KeyError for another name)."""
    return _PALETTES[name]


def mix(background: str, colour: str, share: float) -> str:
    """Return `background` with `share` (0..1) of `colour` laid over it, as ``#RRGGBB``."""
    pairs = zip(_channels(background), _channels(colour), strict=True)
    return "#" + "".join(f"{round(b + (c - b) * share):02X}" for b, c in pairs)


def alpha(colour: str, opacity: float) -> str:
    """Return a colour with an opacity as Plotly and CSS read it: ``rgba(38,166,154,0.35)``."""
    red, green, blue = _channels(colour)
    return f"rgba({red},{green},{blue},{opacity:g})"


def contrast(first: str, second: str) -> float:
    """Return the contrast ratio of two colours, 1.0 to 21.0.

    Source: WCAG 2.1, "contrast ratio" and "relative luminance".
    """
    low, high = sorted((_luminance(first), _luminance(second)))
    return (high + 0.05) / (low + 0.05)


def heat_fill(palette: Palette, side: str, step: int) -> str:
    """Return the fill of a cell; `side` is "buy", "sell" or "neutral", `step` 0..4."""
    shares: tuple[float, ...] = getattr(palette, f"heat_{side}")
    return mix(palette.background, getattr(palette, side), shares[step])


def layer_theme(name: str = "default") -> dict[str, Any]:
    """Return what the canvas layer paints with: colours by role, heat ramps, fonts, lengths.

    Args:
        name: A palette's name.
    """
    palette = palette_of(name)
    ramps = {
        f"heat_{side}": [heat_fill(palette, side, step) for step in range(HEAT_STEPS)]
        for side in ("buy", "sell", "neutral")
    }
    roles = {
        role: getattr(palette, role)
        for role in Palette.__dataclass_fields__
        if not role.startswith("heat_")
    }
    fonts = {"font_mono": MONO, "font_sans": SANS, "imbalance_cap": IMBALANCE_CAP}
    return roles | ramps | fonts | dict(SIZES)


def plotly_layout(name: str = "default") -> dict[str, Any]:
    """Return the colours and fonts of a Plotly layout (no template: it costs 6.5 kB a figure)."""
    palette = palette_of(name)
    return {
        "paper_bgcolor": palette.background,
        "plot_bgcolor": palette.background,
        "font": {"family": MONO, "size": SIZES["number_px"], "color": palette.secondary},
        "hoverlabel": {
            "bgcolor": palette.raised,
            "bordercolor": palette.line,
            "font": {"family": MONO, "size": SIZES["number_px"], "color": palette.text},
        },
    }


def _channels(colour: str) -> tuple[int, int, int]:
    """Return red, green and blue (0..255) of ``#RRGGBB``."""
    value = int(colour[1:], 16)
    return value >> 16, value >> 8 & 0xFF, value & 0xFF


def _luminance(colour: str) -> float:
    """Return the relative luminance of a colour, 0..1."""
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (channel / 255 for channel in _channels(colour))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
