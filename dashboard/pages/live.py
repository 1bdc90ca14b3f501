"""The live page: the newest session of one instrument, following its last bar."""

from __future__ import annotations

from typing import Any

import dash
from dash import Dash, html

from dashboard.pages import ids, shell
from dashboard.views.desk import Desk

STARTING = (
    "No data is stored yet. The chart opens by itself as soon as the feed has brought the first "
    "trades; import a file with: python -m dashboard import FILE --symbol NAME"
)


def register(_app: Dash, desk: Desk) -> None:
    """Register the page under ``/``; its query is the view."""

    def layout(**query: str) -> html.Div:
        opened = desk.open_page(query, "live")
        if opened is None:
            return shell.waiting(STARTING)
        day = html.Span(opened.session_label, id=ids.SESSION_PICK, className="chip")
        return shell.page(opened, extra=[day], feed=html.Div(id=ids.FEED_CARD))

    dash.register_page("live", path="/", name="Live", title="Order flow · live", layout=layout)


def feed_rows(rows: list[tuple[str, str, str]]) -> list[Any]:
    """Return the Feed card's rows: (name, value, tone)."""
    return [
        html.Div(
            [html.Span(name, className="control-label"), html.Span(value, className=f"shown {tone}")],
            className="control-row",
        )
        for name, value, tone in rows
    ]
