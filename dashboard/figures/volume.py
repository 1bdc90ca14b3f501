"""The volume profile of a view: of which bars it is, its value area, and how Plotly draws it.

Horizontal bars stacked by side grow from the right edge of the price pane on an x axis of their
own; levels outside the value area are dimmed, the longest row (the POC) is outlined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.profile import Profile, ValueArea, build_profile
from dashboard.figures.frame import ViewFrame
from dashboard.figures.theme import Palette, mix
from dashboard.figures.view import ViewSettings

__all__ = [
    "PROFILE_TRACES",
    "ShownProfile",
    "poc_outline",
    "profile_axis",
    "profile_bars",
    "profile_of",
    "profile_tags",
]

PROFILE_TRACES = ("profile ask", "profile bid", "profile unknown")
"""From the right edge inwards."""

_DIMMED, _PLAIN = 0.24, 0.6


@dataclass(frozen=True, slots=True, eq=False)
class ShownProfile:
    """A profile that has levels, and its value area, in price units."""

    levels: Profile
    poc: int
    val: int
    vah: int

    @property
    def middles(self) -> NDArray[np.float64]:
        """Middle of each level, price units."""
        half = self.levels.level_size / 2 if self.levels.level_anchor == "floor" else 0.0
        return self.levels.price.astype(np.float64) + half


def profile_of(
    frame: ViewFrame, settings: ViewSettings, first: int, last: int
) -> ShownProfile | None:
    """Return the profile that a view shows; None when it shows none, or nothing has traded.

    Args:
        frame: The view's.
        settings: `profile` says of which bars: the visible ones, the session of the last one, or
            all of the view's.
        first: First visible position.
        last: Last visible position.
    """
    bars = frame.bars
    if settings.profile == "off" or last < first:
        return None
    if settings.profile == "session":
        session = bars.session_ns[last]
        first = int(np.searchsorted(bars.session_ns, session))
        last = int(np.searchsorted(bars.session_ns, session, side="right")) - 1
    elif settings.profile == "all":
        first, last = 0, len(bars) - 1
    levels = build_profile(bars.take(first, last + 1))
    if not len(levels):
        return None
    val, vah, _ = levels.value_area(settings.vashare, ValueArea(settings.va))
    return ShownProfile(levels, levels.poc, val, vah)


def profile_tags(profile: ShownProfile | None) -> list[tuple[str, int, str]]:
    """Return name, price in price units and theme colour of the levels that a profile marks."""
    if profile is None:
        return []
    marks = (("VAH", profile.vah), ("POC", profile.poc), ("VAL", profile.val))
    return [(name, price, name.lower()) for name, price in marks]


def profile_bars(
    frame: ViewFrame, palette: Palette, profile: ShownProfile | None
) -> list[dict[str, Any]]:
    """Return the traces of a profile, `PROFILE_TRACES`; invisible and empty without one."""
    if profile is None:
        return [_bars(name, [], [], [], 1.0) for name in PROFILE_TRACES]
    levels, scale = profile.levels, frame.snapshot.instrument.price_scale
    inside = ((levels.price >= profile.val) & (levels.price <= profile.vah)).tolist()
    middles = (profile.middles / scale).tolist()
    height = levels.level_size / scale * 0.94
    columns = (
        (palette.buy, levels.ask_volume),
        (palette.sell, levels.bid_volume),
        (palette.neutral, levels.unknown_volume),
    )
    traces = []
    for name, (colour, volume) in zip(PROFILE_TRACES, columns, strict=True):
        plain, dimmed = (mix(palette.background, colour, share) for share in (_PLAIN, _DIMMED))
        colours = [plain if within else dimmed for within in inside]
        traces.append(_bars(name, frame.shown(volume).tolist(), middles, colours, height))
    return traces


def _bars(
    name: str, volume: list[float], middle: list[float], colours: list[str], height: float
) -> dict[str, Any]:
    """Return a trace of horizontal bars on the profile's axis."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": name,
        "visible": bool(volume),
        "x": volume,
        "y": middle,
        "width": height,
        "xaxis": "x2",
        "yaxis": "y",
        "marker": {"color": colours, "line": {"width": 0}},
        "hoverinfo": "skip",
    }


def profile_axis(
    frame: ViewFrame, settings: ViewSettings, profile: ShownProfile | None, plot_px: float
) -> dict[str, Any]:
    """Return the profile's x axis: volumes grow from the right edge, the longest `pwidth` px."""
    longest = 1.0 if profile is None else float(frame.shown(profile.levels.volume).max())
    return {
        "overlaying": "x",
        "anchor": "y",
        "range": [longest * plot_px / settings.pwidth, 0],
        "fixedrange": True,
        "visible": False,
        # Plotly's own default on an overlaying axis takes its ticks from the axis below.
        "tickmode": "auto",
    }


def poc_outline(frame: ViewFrame, palette: Palette, profile: ShownProfile) -> dict[str, Any]:
    """Return the box around the profile's longest row, as a shape."""
    levels, scale = profile.levels, frame.snapshot.instrument.price_scale
    row = int(np.searchsorted(levels.price, profile.poc))
    middle = float(profile.middles[row])
    return {
        "type": "rect",
        "name": "poc",
        "xref": "x2",
        "yref": "y",
        "x0": 0,
        "x1": float(frame.shown(levels.volume)[row]),
        "y0": (middle - levels.level_size / 2) / scale,
        "y1": (middle + levels.level_size / 2) / scale,
        "line": {"color": palette.poc, "width": 1.5},
        "fillcolor": "rgba(0,0,0,0)",
    }
