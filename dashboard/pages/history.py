"""The history page: any stored sessions of one instrument, with the same chart and controls."""

from __future__ import annotations

from typing import Any

import dash
import dash_bootstrap_components as dbc
from dash import Dash, dcc, html

from dashboard.errors import StoreError
from dashboard.pages import controls, ids, shell, upload
from dashboard.views.desk import Desk
from dashboard.views.page import PageModel, open_page

EMPTY = (
    "No session is stored yet. Import a file here, or with: python -m dashboard import FILE "
    "--symbol NAME, or let the live page record one."
)


def register(_app: Dash, desk: Desk) -> None:
    """Register the page under ``/history``; its query is the view."""

    def layout(**query: str) -> html.Div:
        try:
            opened = open_page(desk, query, "stored")
        except StoreError as error:
            return shell.waiting(error.user_text, "stored")
        if opened is None:
            sentence = " ".join([*desk.context.alerts(), EMPTY])
            return shell.waiting(sentence, "stored", [upload.card()])
        cards = [_range_card(opened), upload.card()]
        return shell.page(opened, extra=_session_picker(opened), cards=cards)

    dash.register_page(
        "history", path="/history", name="History", title="Order flow · history", layout=layout
    )


def _session_picker(model: PageModel) -> list[Any]:
    """Return the choice of a session between the buttons to its neighbours."""
    return [
        dbc.Button("‹", id=ids.PREVIOUS, className="chip icon", title="Previous session"),
        shell.day_picker(model),
        dbc.Button("›", id=ids.NEXT, className="chip icon", title="Next session"),
    ]


def _range_card(model: PageModel) -> dbc.Card:
    """Return the card with the range of dates, which takes the place of a single session."""
    settings, dates = model.view.settings, [date for date, _ in model.sessions]
    picker = dcc.DatePickerRange(
        id=ids.RANGE,
        start_date=settings.from_date or None,
        end_date=settings.to_date or None,
        min_date_allowed=dates[0] if dates else None,
        max_date_allowed=dates[-1] if dates else None,
        display_format="D MMM YY",
        start_date_placeholder_text="From",
        end_date_placeholder_text="To",
        clearable=True,
        updatemode="bothdates",
    )
    return controls.card("Sessions", str(len(dates)), [picker])
