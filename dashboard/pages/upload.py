"""The card that takes a file of trades, or the predecessor's database, into the store.

Everything behind the button happens in `assets/page/30-import.js`: the file goes to the server as
it is, piece by piece, never through a callback.
"""

from __future__ import annotations

import dash_bootstrap_components as dbc
from dash import html

from dashboard.pages import controls, ids
from dashboard.ports import MAX_SENT_BYTES

HINT = "CSV with a header, .gz, or the predecessor's database"


def card() -> dbc.Card:
    """Return the import card: a button, a place to drop a file, a line for what went wrong."""
    zone = html.Div(
        [
            dbc.Button("Import a file …", id=ids.IMPORT, className="chip wide"),
            html.Div(HINT, className="hint"),
        ],
        className="drop-zone",
        **{"data-limit": str(MAX_SENT_BYTES)},
    )
    fault = html.Div(id=ids.IMPORT_FAULT, className="fault", role="alert")
    return controls.card("Import", "", [zone, fault])
