"""The history page: any stored sessions of one instrument, with the same chart and controls."""

from __future__ import annotations

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Dash, dcc, html

from dashboard.pages import ids, shell
from dashboard.views.desk import Desk
from dashboard.views.page import PageModel, open_page

EMPTY = (
    "No session is stored yet. Import a file with: python -m dashboard import FILE --symbol NAME, "
    "or let the live page record one."
)


def register(_app: Dash, desk: Desk) -> None:
    """Register the page under ``/history``; its query is the view."""

    def layout(**query: str) -> html.Div:
        opened = open_page(desk, query, "stored")
        if opened is None:
            return shell.waiting(EMPTY, "stored")
        return shell.page(opened, extra=_pickers(opened))

    dash.register_page(
        "history", path="/history", name="History", title="Order flow · history", layout=layout
    )


def _pickers(model: PageModel) -> list[Any]:
    """Return the session picker, its neighbours' buttons and the date range."""
    settings = model.view.settings
    dates = list(model.sessions)
    return [
        dbc.Button("‹", id=ids.PREVIOUS, className="chip icon", title="Previous session"),
        shell.day_picker(model),
        dbc.Button("›", id=ids.NEXT, className="chip icon", title="Next session"),
        dcc.DatePickerRange(
            id=ids.RANGE,
            start_date=settings.from_date or None,
            end_date=settings.to_date or None,
            min_date_allowed=dates[0][0] if dates else None,
            max_date_allowed=dates[-1][0] if dates else None,
            display_format="D MMM YY",
            start_date_placeholder_text="From",
            end_date_placeholder_text="To",
            clearable=True,
        ),
    ]
