"""The Plotly figure: axes, panes, candles, VWAP, volume profile and level lines, as a plain dict.

Plotly draws what it is best at, and the truth beneath the canvas layer: its candles always stand in
the figure, and the layer hides them while its own, which move with every beat, cover the bars in
view. So a candle is seen exactly once, also where the layer cannot paint. What the layer always
paints itself (time labels, statistics table, axis labels and pills) is left out of the figure,
unless it is to stand alone in a notebook.

The list of traces never changes its length or order, so that a patch can name a trace by its place;
what is not wanted is invisible and empty. Figures are validated by plotly in tests only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dashboard.figures.frame import ViewFrame
from dashboard.figures.ladder import ladder_annotations
from dashboard.figures.payload import (
    Window,
    build_payload,
    clip_window,
    table_rows,
)
from dashboard.figures.theme import SIZES, Palette, alpha, palette_of, plotly_layout
from dashboard.figures.traces import cvd_candles, price_candles, vwap_lines
from dashboard.figures.view import ViewSettings
from dashboard.figures.volume import (
    PROFILE_TRACES,
    ShownProfile,
    poc_outline,
    profile_axis,
    profile_bars,
    profile_of,
    profile_tags,
)

__all__ = ["GRAPH_CONFIG", "TRACES", "build_figure", "patch_ops", "screenful"]

GRAPH_CONFIG: Mapping[str, Any] = {
    # Plotly's modebar offers to upload the chart to its makers unless told not to.
    "showSendToCloud": False,
    "displaylogo": False,
    "displayModeBar": False,
    "scrollZoom": True,
    # A double-click follows the live edge; Plotly's own would jump to the first range.
    "doubleClick": False,
    "showTips": False,
    "displayNotifier": False,
}
"""The graph's config; constant for its life."""

TRACES = (
    "price",
    "vwap",
    "band +1",
    "band -1",
    "band +2",
    "band -2",
    "band +3",
    "band -3",
    "cvd",
    *PROFILE_TRACES,
)
"""The figure's traces by place."""

PLOT_PX = 1_058.0
"""Width of the plot area that the profile's pixels are reckoned with when none is given."""

_MARGIN_BARS = 40
_PANE_SHARE = 0.12
_PANE_GAP = 0.012
_ROOM = 1.5
_SPARE_LEVELS = 2
_USERS_AXES = ("xaxis", "yaxis", "yaxis2")


def build_figure(
    frame: ViewFrame,
    settings: ViewSettings,
    window: Window | None = None,
    *,
    plot_px: float = PLOT_PX,
) -> dict[str, Any]:
    """Return the figure of a view as a plain dict of lists and numbers.

    Args:
        frame: The view's.
        settings: The viewer's.
        window: Positions in view, both inclusive; None: the last screenful. The figure holds some
            more bars on each side, for what a pan uncovers before the next patch.
        plot_px: Width of the plot area, for lengths in pixels.
    """
    palette = palette_of(settings.palette)
    view = clip_window(frame, screenful(frame, plot_px) if window is None else window)
    held = _held(frame, view)
    profile = profile_of(frame, settings, *view)
    return {
        "data": [
            price_candles(frame, settings, palette, held),
            *vwap_lines(frame, settings, palette, held),
            cvd_candles(frame, settings, palette, held),
            *profile_bars(frame, palette, profile),
        ],
        "layout": {
            **plotly_layout(settings.palette),
            **_axes(frame, settings, palette, view, plot_px),
            "xaxis2": profile_axis(frame, settings, profile, plot_px),
            "margin": _margins(frame, settings),
            "barmode": "stack",
            "bargap": 0,
            "boxgap": 0.92 if settings.ladder == "plotly" else 0.6,
            "showlegend": False,
            "hovermode": False,
            "dragmode": "pan",
            "uirevision": "orderflow",
            "shapes": _shapes(frame, settings, palette, held, profile),
            "annotations": _annotations(frame, settings, palette, view),
            "meta": {
                "view": frame.view,
                "figure": frame.figure,
                "profile_px": settings.pwidth if profile is not None else 0,
                **_tags(settings, profile),
                "panes": {} if settings.cvd == "off" else {"yaxis2": "cvd"},
            },
        },
    }


def _tags(settings: ViewSettings, profile: ShownProfile | None) -> dict[str, Any]:
    """Return the pills that the payload cannot know: those of the bars in view."""
    if settings.profile != "visible":
        return {}
    tags = profile_tags(profile)
    return {"tags": [{"text": text, "price": p, "role": role} for text, p, role in tags]}


def screenful(frame: ViewFrame, plot_px: float = PLOT_PX) -> Window:
    """Return the newest bars that fit the plot with their numbers readable."""
    room = plot_px - SIZES["slot_px"] * _ROOM
    bars = max(int(room // SIZES["slot_px"]), 1)
    return max(len(frame) - bars, 0), len(frame) - 1


def patch_ops(
    new: Mapping[str, Any], old: Mapping[str, Any] | None = None
) -> list[tuple[tuple[str | int, ...], Any]]:
    """Return what to assign where, so that one figure becomes another and the user's view stays.

    Ranges of the axes that a user moves are never among it: a patched range would win over a zoom.

    Args:
        new: The figure wanted, of the same page.
        old: The figure that stands; None when it is not known: then all of the new one is assigned
            but those ranges.

    Returns:
        Paths with values, e.g. ``(("data", 0, "x"), [...])``; empty when nothing differs. Assigning
        them in any order gives `new`.
    """
    before = old or {"data": [], "layout": {}}
    ops: list[tuple[tuple[str | int, ...], Any]] = []
    if len(before["data"]) != len(new["data"]):
        ops.append((("data",), new["data"]))
    else:
        for i, (was, trace) in enumerate(zip(before["data"], new["data"], strict=True)):
            ops += [(("data", i, key), value) for key, value in _differences(was, trace)]
    for key, value in _differences(before["layout"], new["layout"]):
        if key not in _USERS_AXES:
            ops.append((("layout", key), value))
            continue
        was = before["layout"].get(key, {})
        own = [(name, v) for name, v in _differences(was, value) if name != "range"]
        ops += [(("layout", key, name), v) for name, v in own]
    return ops


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the keys that differ with their new values; a key that vanished becomes None."""
    gone = [(key, None) for key in old if key not in new]
    return gone + [(key, v) for key, v in new.items() if key not in old or old[key] != v]


def _held(frame: ViewFrame, view: Window) -> Window:
    """Return the positions that the figure holds for a view; (0, -1) when there are no bars."""
    first, last = view
    spare = max(_MARGIN_BARS, last - first + 1)
    return clip_window(frame, (first - spare, last + spare)) if len(frame) else view


def _axes(
    frame: ViewFrame, settings: ViewSettings, palette: Palette, view: Window, plot_px: float
) -> dict[str, Any]:
    """Return the shared x axis and the y axes of the panes.

    The layer labels all of them, thinned and in exchange time; Plotly does not thin array ticks.
    """
    pane = settings.cvd != "off"
    quiet = {"showticklabels": False, "ticks": "", "zeroline": False, "showline": False}
    value = quiet | {
        "side": "right",
        "showgrid": True,
        "gridcolor": alpha(palette.line, 0.35),
        "gridwidth": 1,
    }
    return {
        "xaxis": quiet
        | {
            "range": _x_range(frame, settings, view, plot_px),
            "showgrid": False,
            "anchor": "y2" if pane else "y",
            "rangeslider": {"visible": False},
        },
        "yaxis": value
        | {
            "domain": [_PANE_SHARE + _PANE_GAP, 1] if pane else [0, 1],
            "range": _y_range(frame, view),
            "nticks": 8,
        },
        "yaxis2": value
        | {
            "domain": [0, _PANE_SHARE],
            "range": _cvd_range(frame, view),
            "fixedrange": True,
            "nticks": 3,
            "visible": pane,
        },
    }


def _x_range(frame: ViewFrame, settings: ViewSettings, view: Window, plot_px: float) -> list[float]:
    """Return the positions in view, with empty room right of the newest bar, beside the profile."""
    first, last = view
    if last < first:
        return [-0.5, 9.5]
    bars = last - first + 1
    room = 0.0
    if last == len(frame) - 1:
        room = _ROOM
        if settings.profile != "off":
            # The slot's width depends on the room: bars + room slots fill the plot.
            behind = (settings.pwidth + SIZES["bar_gap_px"]) / plot_px
            room = max(_ROOM, bars * behind / (1 - behind))
    return [first - 0.5, last + 0.5 + room]


def _y_range(frame: ViewFrame, view: Window) -> list[float]:
    """Return the prices in view with levels to spare for deltas under the bars."""
    bars = frame.bars.take(view[0], view[1] + 1)
    if not len(bars):
        return [0.0, 1.0]
    spare = _SPARE_LEVELS * bars.level_size
    low, high = int(bars.low.min()) - spare, int(bars.high.max()) + spare + bars.level_size
    scale = frame.snapshot.instrument.price_scale
    return [low / scale, high / scale]


def _cvd_range(frame: ViewFrame, view: Window) -> list[float]:
    """Return the cumulative deltas in view with a tenth to spare."""
    part = slice(view[0], view[1] + 1)
    low, high = frame.shown(frame.cvd_low[part]), frame.shown(frame.cvd_high[part])
    if not len(low):
        return [-1.0, 1.0]
    spare = max(float(high.max() - low.min()), 1.0) / 10
    return [float(low.min()) - spare, float(high.max()) + spare]


def _margins(frame: ViewFrame, settings: ViewSettings) -> dict[str, int]:
    """Return the gutters: names at the left, prices at the right, the table and times below."""
    rows = len(table_rows(frame, settings))
    return {
        "l": SIZES["gutter_left_px"],
        "r": SIZES["gutter_right_px"],
        "t": 4,
        "b": 8 + rows * SIZES["table_row_px"] + SIZES["time_row_px"],
        "pad": 0,
    }


def _shapes(
    frame: ViewFrame,
    settings: ViewSettings,
    palette: Palette,
    held: Window,
    profile: ShownProfile | None,
) -> list[dict[str, Any]]:
    """Return session separators, lines of VAH, VAL and previous close, and the POC's outline."""
    scale = frame.snapshot.instrument.price_scale
    shapes = [
        {
            "type": "line",
            "name": "session",
            "xref": "x",
            "yref": "paper",
            "x0": x - 0.5,
            "x1": x - 0.5,
            "y0": 0,
            "y1": 1,
            "layer": "below",
            "line": {"color": palette.line, "width": 1},
        }
        for x in range(max(held[0], 1), held[1] + 1)
        if frame.date[x]
    ]
    if profile is not None:
        shapes += [
            _level_line("val", profile.val / scale, palette.val, "dash"),
            _level_line("vah", profile.vah / scale, palette.vah, "dash"),
            poc_outline(frame, palette, profile),
        ]
    if settings.prevclose and frame.snapshot.previous_close is not None:
        close = frame.snapshot.previous_close / scale
        shapes.append(_level_line("previous close", close, palette.secondary, "dot"))
    return shapes


def _level_line(name: str, price: float, colour: str, dash: str) -> dict[str, Any]:
    """Return a line across the price pane at a price."""
    return {
        "type": "line",
        "name": name,
        "xref": "paper",
        "yref": "y",
        "x0": 0,
        "x1": 1,
        "y0": price,
        "y1": price,
        "layer": "below",
        "line": {"color": alpha(colour, 0.7), "width": 1, "dash": dash},
    }


def _annotations(
    frame: ViewFrame, settings: ViewSettings, palette: Palette, view: Window
) -> list[dict[str, Any]]:
    """Return the plain-Plotly ladder where it was chosen; else the layer paints all texts."""
    if settings.ladder != "plotly":
        return []
    # A bar that stands half in view at either edge has its numbers too.
    wider = clip_window(frame, (view[0] - 1, view[1] + 1))
    return ladder_annotations(build_payload(frame, settings, wider), palette)
