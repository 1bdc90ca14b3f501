"""The texts around the chart, which the page asks for once a second and writes beside Dash.

As outputs of a Dash callback they would cost the browser far more than the chart does: Dash runs a
function for every component of the page at each change of one. Their elements are still described
by `parts`; the browser (assets/page/20-texts.js) makes them and changes what differs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from dash.development.base_component import Component
from flask import Flask, Response, request

from dashboard.errors import DashboardError
from dashboard.figures.view import FIELD_NAMES
from dashboard.pages import parts, shell
from dashboard.views import page
from dashboard.views.desk import Desk

URL = "/page/texts"
SEEN = ("first", "last", "level", "plot_px")

Tree = str | list[Any]
"""An element as the browser gets it: its text, or [tag, attributes, children]."""


def register(server: Flask, desk: Desk) -> None:
    """Add the route that answers pulses."""

    @server.get(URL)
    def texts() -> Response:
        """Return what each place is to hold, by id, and the name of the figure that is due."""
        response = Response(orjson.dumps(answer(desk, request.args)), mimetype="application/json")
        response.headers["Cache-Control"] = "no-store"
        return response


def answer(desk: Desk, query: Mapping[str, str]) -> dict[str, Any]:
    """Return the texts of a view; of one that cannot be shown the reason, in the status line.

    Args:
        desk: Serves the view.
        query: The settings, `scope`, `anchor`, the count of `pulse`, and what the layer reports,
            as ``seen-first`` and so on: untrusted text.
    """
    settings = {name: query[name] for name in FIELD_NAMES if name in query}
    scope = "stored" if query.get("scope") == "stored" else "live"
    seen = {name: _whole(query, f"seen-{name}") for name in SEEN}
    pulse = _whole(query, "pulse") or 0
    try:
        new = page.texts(desk, settings, scope, seen, query.get("anchor", ""), pulse)
    except DashboardError as error:
        refused = parts.status([page.warning(error.user_text)], right=0)
        return {"places": {"status": trees(refused)}}
    places = {
        "cards": parts.metrics(new.cards),
        "status": parts.status(new.status),
        "feed-card": parts.feed_rows(new.feed_rows),
        "mode": [new.mode],
        "minvol-shown": [new.minimum],
    }
    return {
        "places": {place: trees(children) for place, children in places.items()},
        "classes": {"mode": shell.badge(new.mode)},
        "due": new.due,
    }


def _whole(query: Mapping[str, str], name: str) -> int | None:
    """Return a whole number of at most eighteen digits; anything else counts as not sent."""
    text = query.get(name, "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= 18 else None


def trees(children: object) -> list[Tree]:
    """Return Dash's HTML components as trees of tag, attributes and children."""
    if children is None:
        return []
    return [_tree(child) for child in (children if isinstance(children, list) else [children])]


def _tree(child: object) -> Tree:
    if not isinstance(child, Component):
        return str(child)
    described = child.to_plotly_json()
    attributes = dict(described["props"])
    inner = trees(attributes.pop("children", None))
    if "className" in attributes:
        attributes["class"] = attributes.pop("className")
    return [described["type"].lower(), attributes, inner]
