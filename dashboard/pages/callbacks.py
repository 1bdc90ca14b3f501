"""Callbacks of both pages: each takes browser values, calls one function and returns parts.

Control plane only (live.md): the ladder's numbers never pass through here but through the data
plane, `GET /api/v1/live`, which the layer's beat asks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dash import (
    ALL,
    ClientsideFunction,
    Dash,
    Input,
    Output,
    Patch,
    State,
    ctx,
    dcc,
    html,
    no_update,
)

from dashboard.errors import DashboardError
from dashboard.pages import ids, live
from dashboard.views.desk import Chart, Desk


def register(app: Dash, desk: Desk) -> None:
    """Register every callback of the application."""
    _register_controls(app, desk)
    _register_chart(app, desk)
    _register_history(app, desk)
    _register_clientside(app)


def _register_controls(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.VIEW, "data"),
        Output({"type": "fault", "name": ALL}, "children"),
        Output(ids.GO, "href"),
        Input({"type": "set", "name": ALL}, "value"),
        Input("faults", "data"),
        State(ids.VIEW, "data"),
        State(ids.SPAN, "data"),
        State(ids.QUERY, "data"),
    )
    def on_controls(
        _values: list[Any],
        opening_faults: Mapping[str, str] | None,
        view: Mapping[str, str],
        _span: Mapping[str, Any] | None,
        query: Mapping[str, str],
    ) -> tuple[Any, list[Any], Any]:
        """Validate what the controls hold; a fault is shown beside its control, the view stays."""
        shown = [output["id"]["name"] for output in ctx.outputs_list[1]]
        values = {i["id"]["name"]: i.get("value") for i in ctx.inputs_list[0]}
        trigger = ctx.triggered_id
        if not isinstance(trigger, Mapping):
            faults = opening_faults or {}
            return no_update, [faults.get(name, "") for name in shown], no_update
        change = desk.change(view, values, str(trigger["name"]), query)
        messages = [change.faults.get(name, "") for name in shown]
        return (
            no_update if change.view is None else change.view,
            messages,
            no_update if change.href is None else change.href,
        )


def _register_chart(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.CHART, "figure"),
        Output(ids.QUERY, "data"),
        Output(ids.OPTIONS, "data"),
        Output(ids.CARDS, "children"),
        Output(ids.STATUS, "children"),
        Output(ids.FEED, "children"),
        Output(ids.LEVEL_SHOWN, "children"),
        Output(ids.MINVOL_SHOWN, "children"),
        Output(ids.BEAT, "interval"),
        Input(ids.PULSE, "n_intervals"),
        Input(ids.VIEW, "data"),
        Input(ids.SPAN, "data"),
        State(ids.QUERY, "data"),
    )
    def on_pulse(
        _pulse: int | None,
        view: Mapping[str, str] | None,
        span: Mapping[str, Any] | None,
        query: Mapping[str, str] | None,
    ) -> tuple[Any, ...]:
        """Refresh cards, status and, where something closed or changed, parts of the figure."""
        if view is None or query is None:
            return (no_update,) * 9
        try:
            chart = desk.refresh(view, span, query)
        except DashboardError as error:
            return (*(no_update,) * 4, _status([("", error.user_text, "warn")]), *(no_update,) * 4)
        return (
            _patch(chart),
            chart.query if chart.query != query else no_update,
            chart.options if chart.options_changed else no_update,
            [_metric(card) for card in chart.cards],
            _status(chart.status),
            _feed(chart),
            chart.level_text,
            chart.minimum_text,
            chart.beat_ms,
        )

    @app.callback(
        Output(ids.FEED_CARD, "children"), Input(ids.PULSE, "n_intervals"), State(ids.VIEW, "data")
    )
    def on_feed_card(_pulse: int | None, view: Mapping[str, str] | None) -> Any:  # noqa: ANN401
        return live.feed_rows(desk.feed_rows(view)) if view else no_update

    @app.callback(
        Output(ids.GO, "href", allow_duplicate=True),
        Input(ids.PULSE, "n_intervals"),
        State("waiting", "children"),
        prevent_initial_call=True,
    )
    def on_waiting(_pulse: int | None, _sentence: str) -> Any:  # noqa: ANN401 - an href or nothing
        """Open the chart when the first data has come."""
        return "/" if desk.has_data() else no_update


def _register_history(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.GO, "href", allow_duplicate=True),
        Input(ids.PREVIOUS, "n_clicks"),
        Input(ids.NEXT, "n_clicks"),
        Input(ids.RANGE, "start_date"),
        Input(ids.RANGE, "end_date"),
        State(ids.VIEW, "data"),
        prevent_initial_call=True,
    )
    def on_session(
        _previous: int | None,
        _next: int | None,
        start: str | None,
        end: str | None,
        view: Mapping[str, str],
    ) -> Any:  # noqa: ANN401 - an href or nothing
        """Go to another session or range: the page opens anew, so its positions are right."""
        step = {ids.PREVIOUS: -1, ids.NEXT: 1}.get(str(ctx.triggered_id), 0)
        href = desk.history_href(view, step=step, start=start, end=end)
        return no_update if href is None else href

    @app.callback(
        Output(ids.DOWNLOAD, "data"),
        Input(ids.EXPORT, "n_clicks"),
        State(ids.VIEW, "data"),
        State(ids.QUERY, "data"),
        prevent_initial_call=True,
    )
    def on_export(
        clicks: int | None, view: Mapping[str, str], query: Mapping[str, str]
    ) -> Any:  # noqa: ANN401 - dcc's download dictionary
        if not clicks:
            return no_update
        name, text = desk.export(view, query)
        return dcc.send_string(text, name, type="application/json")


def _register_clientside(app: Dash) -> None:
    """Register what runs in the browser alone; the functions are in assets/page."""
    inline: Sequence[tuple[str, Output, list[Any]]] = (
        ("beat", Output(ids.SINK, "data"), [Input(ids.BEAT, "n_intervals"), Input(ids.QUERY, "data")]),
        ("options", Output(ids.SINK, "id"), [Input(ids.OPTIONS, "data")]),
        ("address", Output(ids.SINK, "modified_timestamp"), [Input(ids.VIEW, "data")]),
        (
            "fold",
            Output("desk", "className"),
            [Input(ids.FOLD, "n_clicks"), State(ids.FOLDED, "data")],
        ),
    )
    for name, output, arguments in inline:
        app.clientside_callback(ClientsideFunction("page", name), output, *arguments)


def _patch(chart: Chart) -> Any:  # noqa: ANN401 - a Patch or no_update
    if not chart.changes:
        return no_update
    patch = Patch()
    for path, value in chart.changes:
        target = patch
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
    return patch


def _metric(card: Any) -> html.Div:  # noqa: ANN401 - figures' card
    return html.Div(
        [
            html.Span(card.name, className="name"),
            html.Span(card.value, className=f"value tone-{card.tone}"),
            *(html.Span(text, className=f"more tone-{tone}") for text, tone in card.more),
        ],
        className="metric",
        title=card.help,
    )


def _status(parts: Sequence[tuple[str, str, str]]) -> list[Any]:
    return [
        html.Span([f"{name} " if name else "", html.B(value, className=f"tone-{tone}")])
        for name, value, tone in parts
    ]


def _feed(chart: Chart) -> list[Any]:
    badge = html.Span(chart.mode, className=f"badge-mode {chart.mode_class}")
    return [badge, html.Span(className=f"dot {chart.dot}", id="feed-dot"), html.Span(chart.age)]
