"""A chart as one HTML file that needs nothing else: Plotly, the layer, colours and data inside.

The page is the layer with a payload of all bars and nobody to ask for more. It opens from a disk
without a network, and its own policy forbids every request, whatever the data says.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from dashboard.figures.chart import GRAPH_CONFIG, PLOT_PX, build_figure
from dashboard.figures.frame import ViewFrame
from dashboard.figures.payload import build_payload
from dashboard.figures.theme import SANS, layer_theme, palette_of
from dashboard.figures.view import ViewSettings, layer_options

__all__ = ["script_json", "standalone_page"]

_POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
)

_KEYS = "Keys: ← → PgUp PgDn + − Home End, 1–4 what cells show"

# The profile's axis is reckoned for one width of the plot; here it follows the window's.
_START = """
(function () {
  'use strict';
  const data = JSON.parse(document.getElementById('data').textContent);
  const { figure, config, options } = data;
  const full = figure.layout.xaxis2.range[0] / data.plot_px;
  function fit() {
    const axis = document.getElementById('chart')._fullLayout.xaxis;
    const wanted = full * axis._length;
    if (Math.abs(figure.layout.xaxis2.range[0] - wanted) < 1e-9) return undefined;
    figure.layout.xaxis2.range[0] = wanted;
    return Plotly.relayout('chart', { 'xaxis2.range': [wanted, 0] });
  }
  Plotly.newPlot('chart', figure.data, figure.layout, config).then(fit).then(() => {
    window.orderflow.attach('chart', options);
    document.getElementById('chart').on('plotly_afterplot', fit);
  });
})();
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
html, body {{ height: 100%; margin: 0; background: {background}; color: {text}; }}
body {{ display: flex; flex-direction: column; font: 13px/1.4 {font}; }}
header {{ display: flex; flex-wrap: wrap; gap: 4px 14px; padding: 8px 12px; color: {secondary}; }}
header b {{ color: {text}; }}
#chart {{ position: relative; flex: 1; min-height: 0; }}
</style>
</head>
<body>
<header>{header}</header>
<div id="chart"></div>
<script type="application/json" id="data">{data}</script>
{scripts}
</body>
</html>
"""


def standalone_page(frame: ViewFrame, settings: ViewSettings, scripts: Sequence[str]) -> str:
    """Return a view as one HTML page.

    Args:
        frame: Stored bars, all of which the page holds.
        settings: What is shown and how; "visible" profiles are of the whole session, because
            nobody is there to count them again.
        scripts: Texts of plotly.js and of the layer's files, in their order.

    Raises:
        InputError: More bars or cells than one payload may hold.
    """
    if settings.profile == "visible":
        settings = replace(settings, profile="session")
    data = {
        "figure": _figure(frame, settings),
        "config": {**GRAPH_CONFIG, "responsive": True},
        "plot_px": PLOT_PX,
        "options": {
            **layer_options(settings),
            "theme": layer_theme(settings.palette),
            "payload": build_payload(frame, settings),
        },
    }
    palette = palette_of(settings.palette)
    return _PAGE.format(
        policy=_POLICY,
        title=html.escape(" ".join(_facts(frame)[:3])),
        header="".join(_header(frame)),
        background=palette.background,
        text=palette.text,
        secondary=palette.secondary,
        font=SANS,
        data=script_json(data),
        scripts="\n".join(_script(text) for text in (*scripts, _START)),
    )


def script_json(value: Mapping[str, Any]) -> str:
    """Return JSON that may stand in a script element: no text of it can end or change it.

    ``<`` would begin an end tag or a comment, the two separators end a line of JavaScript.
    """
    text = orjson.dumps(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _figure(frame: ViewFrame, settings: ViewSettings) -> dict[str, Any]:
    """Return the figure that holds every bar and shows the newest screenful."""
    shown = build_figure(frame, settings)["layout"]
    figure = build_figure(frame, settings, (0, len(frame) - 1))
    for axis in ("xaxis", "yaxis", "yaxis2"):
        figure["layout"][axis]["range"] = shown[axis]["range"]
    figure["layout"]["autosize"] = True
    return figure


def _facts(frame: ViewFrame) -> list[str]:
    """Return whose bars these are, as short texts."""
    snapshot = frame.snapshot
    ends = frame.bars.session_ns[[0, -1]].tolist() if len(frame) else []
    dates = dict.fromkeys(snapshot.calendar.session_at(ns).date for ns in ends)
    level = f"{snapshot.instrument.price_of(frame.bars.level_size).normalize():f}"
    facts = [snapshot.instrument.symbol, str(frame.bars.spec), " – ".join(dates), f"Level {level}"]
    facts.append("Lots" if frame.lots else "Quantity")
    if snapshot.sides_estimated:
        facts.append("Sides estimated")
    if snapshot.instrument.simulated:
        facts.append("SIMULATED")
    return facts


def _header(frame: ViewFrame) -> list[str]:
    symbol, *facts = map(html.escape, (*_facts(frame), _KEYS))
    return [f"<b>{symbol}</b>", *(f"<span>{fact}</span>" for fact in facts)]


def _script(text: str) -> str:
    # In JavaScript "</script" can stand in a string or a comment only, where a backslash is void.
    inside = re.sub(r"</(?=script)", r"<\\/", text, flags=re.IGNORECASE)
    return f"<script>{inside}</script>"
