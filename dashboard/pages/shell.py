"""What both pages are built of: top bar, metric cards, control cards, chart and status line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_bootstrap_components as dbc
from dash import dcc, html

from dashboard.figures.chart import GRAPH_CONFIG
from dashboard.pages import controls, export, ids
from dashboard.views.page import RANGE, PageModel, studies_text

SINKS = ("options", "query", "draw", "address", "days", "held")
"""Functions of assets/page that Dash calls for what they do; they give nothing back."""


def page(model: PageModel, *, extra: Sequence[Any] = (), cards: Sequence[Any] = ()) -> html.Div:
    """Return a chart page.

    Args:
        model: What it shows.
        extra: The page's own parts of the top bar.
        cards: The page's own control cards.
    """
    settings = model.view.settings
    live = model.view.scope == "live"
    return html.Div(
        [
            _topbar(model, extra, live=live),
            html.Div(id=ids.CARDS, className="metrics"),
            html.Div(controls.control_cards(settings, cards), className="panel-slot"),
            html.Div(
                [
                    dcc.Graph(
                        id=ids.CHART,
                        figure=dict(model.figure),
                        config=GRAPH_CONFIG,
                        style={"height": "100%"},
                    ),
                    html.Div(_notices(model), id=ids.NOTICE, className="notice", role="status"),
                    html.Div(id="layer-message", className="layer-message", role="alert"),
                ],
                className="chart-slot",
            ),
            html.Div(
                [html.Div(id=ids.STATUS, className="texts"), html.Span(id=ids.BEHIND)],
                className="status",
            ),
            *_machinery(model),
        ],
        id=ids.DESK,
        className="desk",
    )


def waiting(sentence: str, scope: str, cards: Sequence[Any] = ()) -> html.Div:
    """Return the page for a store that holds nothing yet; it opens the chart when it can.

    Args:
        sentence: What is missing.
        scope: `live` or `stored`.
        cards: What one can do about it.
    """
    return html.Div(
        [
            html.Div(
                [
                    html.Span("Order flow", className="brand"),
                    html.Span(className="grow"),
                    _pages(live=scope == "live"),
                ],
                className="topbar",
            ),
            html.Div(
                [
                    dbc.Card(
                        dbc.CardBody(
                            [html.H1("Nothing to show yet"), html.P(sentence, id="waiting")]
                        ),
                        className="control-card",
                    ),
                    *cards,
                ],
                className="waiting",
            ),
            dcc.Interval(id=ids.WAIT, interval=1000),
            dcc.Store(id=ids.SCOPE, data=scope),
            dcc.Location(id=ids.GO, refresh=True),
        ],
        className="desk empty",
    )


def _topbar(model: PageModel, extra: Sequence[Any], *, live: bool) -> html.Div:
    settings = model.view.settings
    return html.Div(
        [
            html.Span("Order flow", className="brand"),
            dbc.Select(
                id=ids.setting("symbol"),
                options=[{"label": s, "value": s} for s in model.symbols],
                value=settings.symbol,
            ),
            *extra,
            controls.segmented(
                ids.setting("bar-quick"),
                controls.bar_choices(settings.bar),
                settings.bar,
                "Bar size",
            ),
            dbc.Button(
                "…",
                id=ids.TYPED_BAR,
                className="chip icon",
                title="Type any size: 30s, 100t, 5000v, 20r, 500delta",
            ),
            dbc.Select(
                id=ids.setting("level-quick"),
                options=controls.options(model.level_choices),
                value=settings.level,
            ),
            controls.segmented(
                ids.setting("cells"), controls.WORDS["cells"], settings.cells, "Cells"
            ),
            dbc.Button(
                studies_text(settings.to_query()),
                id=ids.STUDIES,
                className="chip",
                title="Open the Studies card",
            ),
            dbc.Button("☰", id=ids.FOLD, className="chip icon", title="Control cards (C)"),
            html.Span(className="grow"),
            export.menu(),
            _pages(live=live),
            html.Div(
                [
                    html.Span(model.mode, id=ids.MODE, className=badge(model.mode)),
                    # Stored data has no feed whose age would mean anything.
                    *([html.Span(className="dot", id="feed-dot")] if live else []),
                    *([html.Span(id="feed-age")] if live else []),
                ],
                className="feed",
            ),
        ],
        className="topbar",
    )


def day_picker(model: PageModel) -> dbc.Select:
    """Return the choice of a stored session; on the live page another day opens its history."""
    days, settings = dict(model.sessions), model.view.settings
    shown = settings.session or next(reversed(days), "")
    if settings.from_date or settings.to_date:
        ends = (settings.from_date or min(days), settings.to_date or max(days))
        days = {RANGE: range_text(*(days.get(date, date) for date in ends))} | days
        shown = RANGE
    return dbc.Select(id=ids.setting("session"), options=controls.options(days), value=shown)


def range_text(first: str, last: str) -> str:
    """Return two dates as one short text: ``10 – 11 Sep``, ``30 Aug – 2 Sep``."""
    day, _, month = first.partition(" ")
    return f"{day if month == last.partition(' ')[2] else first} – {last}"


def badge(mode: str) -> str:
    """Return the classes of the badge that says whose data this is."""
    return f"badge-mode {mode.lower()}"


def _pages(*, live: bool) -> html.Nav:
    return html.Nav(
        [
            dcc.Link("Live", href="/", className="active" if live else ""),
            dcc.Link("History", href="/history", className="" if live else "active"),
        ],
        className="pages",
    )


def _notices(model: PageModel) -> list[Any]:
    known = {c.name for _, rows in controls.CARDS for c in rows}
    sentences = [*model.notes, *(s for n, s in model.faults.items() if n not in known)]
    return [dbc.Alert(s, color="warning", dismissable=True) for s in sentences]


def _machinery(model: PageModel) -> list[Any]:
    """Return the stores, which nobody sees."""
    return [
        dcc.Store(id=ids.VIEW, data=model.view.settings.to_query()),
        dcc.Store(id=ids.QUERY, data=dict(model.query)),
        dcc.Store(id=ids.OPTIONS, data=dict(model.options)),
        dcc.Store(id=ids.SEEN),
        dcc.Store(id=ids.DUE),
        dcc.Store(id=ids.REDRAW),
        dcc.Store(id=ids.DAYS, data=controls.options(dict(model.sessions))),
        dcc.Store(id=ids.HELD),
        *(dcc.Store(id=ids.sink(name)) for name in SINKS),
        dcc.Store(id=ids.FOLDED, storage_type="local"),
        dcc.Store(id=ids.FAULTS, data=dict(model.faults)),
        dcc.Store(id=ids.DRAWN, data=dict(model.drawn)),
        dcc.Store(id=ids.SCOPE, data=model.view.scope),
        dcc.Location(id=ids.GO, refresh=True),
    ]
