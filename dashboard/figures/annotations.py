"""A footprint chart in plain Plotly, for notebooks and for looking at bars without the page.

`footprint_figure` is the one function of the figures floor that returns a plotly object, so plotly
is imported inside it: pages, which send plain dicts, never pay for its validation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dashboard.domain.bars import Bars
from dashboard.domain.calendar import Calendar, calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.snapshot import Snapshot
from dashboard.figures.chart import build_figure, screenful
from dashboard.figures.frame import ViewFrame, derive
from dashboard.figures.labels import price_text
from dashboard.figures.ladder import ladder_annotations
from dashboard.figures.payload import Window, build_payload, clip_window
from dashboard.figures.theme import MONO, SIZES, Palette, palette_of
from dashboard.figures.view import ViewSettings

if TYPE_CHECKING:
    import plotly.graph_objects as go

__all__ = ["footprint_figure", "ladder_annotations"]

_TIME_LABELS = 12
_HEIGHT = 800
_MARGIN = {"l": 20, "r": SIZES["gutter_right_px"] + 20, "t": 40, "b": 30, "pad": 0}
_PILL_PX = 18


def footprint_figure(
    bars: Bars,
    instrument: Instrument | None = None,
    calendar: Calendar | None = None,
    settings: ViewSettings | None = None,
    window: Window | None = None,
) -> go.Figure:
    """Return bars as a Plotly footprint: ladder, candles, VWAP, profile, CVD, everything labelled.

    Args:
        bars: At the level size to be shown.
        instrument: Name, decimals, lot; two decimals and quantities when None.
        calendar: For times in the exchange's zone; UTC when None.
        settings: Colours, marks, studies; the defaults when None. The ladder is always Plotly's.
        window: First and last position to be in view; the newest bars when None.

    Returns:
        A figure to show or to change further.
    """
    import plotly.graph_objects as go  # noqa: PLC0415 - see the module's docstring

    shown = instrument or Instrument("Footprint", tick_size=bars.level_size)
    # The annotations below carry the ladder of the window, so the chart itself brings none.
    view = (settings or ViewSettings()).change({"ladder": "fast"})
    snapshot = Snapshot(
        instrument=shown,
        calendar=calendar or calendar_24x7(),
        bars=bars,
        anchor_session_ns=int(bars.session_ns[0]) if len(bars) else 0,
        generation=0,
        layout_epoch=0,
        version=int(bars.version.max(initial=0)),
        trade_seq=int(bars.last_seq.max(initial=0)),
        live=None,
        status=None,
        is_open=False,
    )
    frame = derive(snapshot, view)
    seen = clip_window(frame, window or screenful(frame))
    figure = build_figure(frame, view.change({"ladder": "plotly", "table": False}), seen)
    _label(figure, frame, view, seen)
    return go.Figure(figure)


def _label(figure: dict[str, Any], frame: ViewFrame, view: ViewSettings, seen: Window) -> None:
    """Add to a figure what the canvas layer paints on a page: times, prices, pills, a title."""
    palette, instrument = palette_of(view.palette), frame.snapshot.instrument
    layout = figure["layout"]
    layout["title"] = {
        "text": f"{instrument.symbol} · {frame.bars.spec} · "
        f"{price_text(frame.bars.level_size, instrument)}",
        "font": {"size": 13, "color": palette.text},
    }
    layout["margin"] = _MARGIN
    layout["height"] = _HEIGHT
    layout["xaxis"] |= _times(frame, seen)
    for name in ("yaxis", "yaxis2"):
        layout[name]["showticklabels"] = True
    layout["yaxis"]["tickformat"] = f",.{instrument.price_decimals}f"
    tags = build_payload(frame, view, seen)["tags"] + layout["meta"].get("tags", [])
    layout["annotations"] += _pills(tags, instrument, palette, layout["yaxis"])


def _times(frame: ViewFrame, seen: Window) -> dict[str, Any]:
    """Return an x axis with about a dozen times, and dates where sessions begin."""
    step = max((seen[1] - seen[0] + 1) // _TIME_LABELS, 1)
    places = [x for x in range(len(frame)) if frame.date[x] or not (x - seen[0]) % step]
    return {
        "showticklabels": True,
        "tickvals": places,
        "ticktext": [f"{frame.date[x]} {frame.label[x]}".strip() for x in places],
    }


def _pills(
    tags: list[dict[str, Any]], instrument: Instrument, palette: Palette, axis: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the tags at the price axis with their prices, moved apart where they would overlap."""
    low, high = axis["range"]
    pane_px = (_HEIGHT - _MARGIN["t"] - _MARGIN["b"]) * (axis["domain"][1] - axis["domain"][0])
    px = pane_px / (high - low) / instrument.price_scale
    pills: list[dict[str, Any]] = []
    below = float("-inf")
    for tag in sorted(tags, key=lambda tag: float(tag["price"])):
        at = max(tag["price"] * px, below + _PILL_PX)
        below = at
        pills.append(
            {
                "x": 1,
                "y": tag["price"] / instrument.price_scale,
                "yshift": at - tag["price"] * px,
                "xref": "paper",
                "yref": "y",
                "xanchor": "left",
                "text": f"{tag['text']} {price_text(tag['price'], instrument)}",
                "showarrow": False,
                "bgcolor": getattr(palette, tag["role"]),
                "font": {"family": MONO, "size": SIZES["number_px"], "color": palette.pill_text},
            }
        )
    return pills
