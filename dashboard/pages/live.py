"""The live page: the newest session of one instrument, following its last bar."""

from __future__ import annotations

import dash
from dash import Dash, html

from dashboard.errors import StoreError
from dashboard.pages import shell
from dashboard.views.desk import Desk
from dashboard.views.page import open_page

STARTING = (
    "No data is stored yet. The chart opens by itself as soon as the feed has brought the first "
    "trades; import a file with: python -m dashboard import FILE --symbol NAME"
)


def register(_app: Dash, desk: Desk) -> None:
    """Register the page under ``/``; its query is the view."""

    def layout(**query: str) -> html.Div:
        try:
            opened = open_page(desk, query, "live")
        except StoreError as error:
            return shell.waiting(error.user_text, "live")
        if opened is None:
            return shell.waiting(" ".join([*desk.context.alerts(), STARTING]), "live")
        return shell.page(opened, extra=[shell.day_picker(opened)])

    dash.register_page("live", path="/", name="Live", title="Order flow · live", layout=layout)
