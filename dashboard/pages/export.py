"""The menu that hands out what the chart shows: plain links to the API, filled in by the browser.

The links are addresses of `GET /api/v1/bars` and a download is the browser's own affair, so no
megabyte passes through a callback. Which view, sessions and level size they name is known to the
page alone; `assets/page/20-export.js` writes them in when one is used.
"""

from __future__ import annotations

from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard.pages import ids

FILES = (
    ("json", "JSON", "For programs: bars, levels, sessions and profile, exact numbers"),
    ("csv", "CSV", "For spreadsheets: one row per price level of each bar"),
    ("html", "HTML", "One page with the chart, which opens without a network"),
)


def menu() -> dbc.DropdownMenu:
    """Return the menu of both pages."""
    files: list[Any] = [
        html.A(
            name,
            # A refusal opens in a tab of its own; a file leaves none behind.
            target="_blank",
            href=f"/api/v1/bars?format={form}",
            title=title,
            className="dropdown-item",
            **{"data-export": form},
        )
        for form, name, title in FILES
    ]
    picture = html.Button(
        "PNG",
        title="A picture of the chart as it stands",
        className="dropdown-item",
        **{"data-export": "png"},
    )
    return dbc.DropdownMenu(
        [*files, picture],
        id=ids.EXPORT,
        label=html.Span("⤓", title="Export what the chart shows"),
        caret=False,
        align_end=True,
        menu_variant="dark",
        toggleClassName="chip icon",
        className="export",
    )
