"""Callbacks of both pages: each takes browser values, calls one function and returns parts.

Control plane only: what somebody chose, and the figure when it is due. What changes by itself, the
ladder's numbers and the texts around the chart, passes beside Dash: `GET /api/v1/live`, which the
layer's beat asks, and `texts`. In Dash each change of a property runs a function for every
component of the page; a timer at 4 Hz beside the control cards costs more than all painting.
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
    State,
    ctx,
    no_update,
)

from dashboard.errors import DashboardError, StoreError
from dashboard.pages import controls, ids, texts
from dashboard.views import page
from dashboard.views.desk import Desk

Text = Mapping[str, str]


def register(app: Dash, desk: Desk) -> None:
    """Register every callback of the application, and what the pages ask beside Dash."""
    _register_controls(app, desk)
    _register_chart(app, desk)
    _register_history(app, desk)
    _register_clientside(app)
    texts.register(app.server, desk)


def _register_controls(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.VIEW, "data"),
        Output({"type": "fault", "name": ALL}, "children"),
        Output(ids.GO, "href"),
        Output(ids.HELD, "data"),
        Input({"type": "set", "name": ALL}, "value"),
        State(ids.FAULTS, "data"),
        State(ids.VIEW, "data"),
        State(ids.SCOPE, "data"),
    )
    def on_controls(
        _values: Sequence[Any], opening: Text | None, view: Text, scope: str
    ) -> tuple[Any, list[str], Any, Any]:
        """Validate what the controls hold; a fault is shown beside its control, the view stays."""
        shown = [output["id"]["name"] for output in ctx.outputs_list[1]]
        values = {i["id"]["name"]: i.get("value") for i in ctx.inputs_list[0]}
        trigger = ctx.triggered_id
        if not isinstance(trigger, Mapping):  # the page has just opened
            faults = opening or {}
            return no_update, [faults.get(name, "") for name in shown], no_update, no_update
        change = page.change(desk, view, values, str(trigger["name"]), scope)
        return (
            no_update if change.view is None else change.view,
            [change.faults.get(name, "") for name in shown],
            no_update if change.href is None else change.href,
            dict(change.held) or no_update,
        )


def _register_chart(app: Dash, desk: Desk) -> None:
    @app.callback(
        Output(ids.REDRAW, "data"),
        Output(ids.DRAWN, "data"),
        Output(ids.QUERY, "data"),
        Output(ids.OPTIONS, "data"),
        Output(ids.setting("level-quick"), "options"),
        Input(ids.VIEW, "data"),
        Input(ids.SEEN, "data"),
        Input(ids.DUE, "data"),
        State(ids.SCOPE, "data"),
        State(ids.QUERY, "data"),
        State(ids.OPTIONS, "data"),
        State(ids.DRAWN, "data"),
        # The page has opened with all of it, and the layer need not wait for a first answer.
        prevent_initial_call=True,
    )
    def on_due(
        view: Text,
        seen: Mapping[str, Any] | None,
        due: Mapping[str, Any] | None,
        scope: str,
        query: Text,
        options: Mapping[str, Any],
        drawn: Mapping[str, Any],
    ) -> tuple[Any, ...]:
        """Refresh the figure where a bar closed, the view changed or its bars run out."""
        pulse = int((due or {}).get("pulse") or 0)
        try:
            new = page.refresh(desk, view, scope, seen, query, drawn, pulse)
        except DashboardError:
            return (no_update,) * 5  # the status line says it (`texts`); the chart stays
        return (
            new.changes or no_update,
            new.drawn if new.changes else no_update,
            new.query if new.query != query else no_update,
            new.options if new.options != options else no_update,
            controls.options(new.level_choices) if new.changes else no_update,
        )

    @app.callback(
        Output(ids.setting("bar-quick"), "options"),
        Output(ids.STUDIES, "children"),
        Input(ids.VIEW, "data"),
    )
    def on_view(view: Text) -> tuple[Any, str]:
        """Keep the top bar saying what is chosen in the cards."""
        return controls.options(controls.bar_choices(view["bar"])), page.studies_text(view)

    @app.callback(
        Output(ids.DAYS, "data"),
        Input(ids.DRAWN, "data"),
        State(ids.VIEW, "data"),
        State(ids.SCOPE, "data"),
        State(ids.DAYS, "data"),
        prevent_initial_call=True,
    )
    def on_new_session(_drawn: Any, view: Text, scope: str, offered: Sequence[Any]) -> Any:  # noqa: ANN401 - stored
        """Let the live page name the day that it shows, also after the next one has begun.

        The browser hands it to the picker: as an output of this callback the picker, which the
        view depends on, would close a circle, and Dash starts no callback of a circle.
        """
        days = controls.options(page.days(desk, view))
        return days if scope == "live" and days != offered else no_update

    @app.callback(
        Output(ids.GO, "href", allow_duplicate=True),
        Input(ids.WAIT, "n_intervals"),
        State(ids.SCOPE, "data"),
        prevent_initial_call=True,
    )
    def on_waiting(_count: int | None, scope: str) -> Any:  # noqa: ANN401 - an href or nothing
        """Open the chart when the first data has come, or the store can be read again."""
        try:
            found = desk.instruments(scope)
        except StoreError:
            found = []
        return page.PATHS[scope] if found else no_update


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
        _previous: int | None, _next: int | None, start: str | None, end: str | None, view: Text
    ) -> Any:  # noqa: ANN401 - an href or nothing
        """Go to another session or range: the page opens anew, so its positions are right."""
        step = {ids.PREVIOUS: -1, ids.NEXT: 1}.get(str(ctx.triggered_id), 0)
        href = page.history_href(desk, view, step, start, end)
        return no_update if href is None else href


def _register_clientside(app: Dash) -> None:
    """Register what runs in the browser alone; the functions are in assets/page."""
    asked = [Input(ids.QUERY, "data"), State(ids.SCOPE, "data")]
    shown = [Input(ids.VIEW, "data"), State(ids.SCOPE, "data")]
    folding = [Input(ids.FOLD, "n_clicks"), State(ids.FOLDED, "data")]
    for name, output, arguments in (
        ("options", Output(ids.sink("options"), "data"), [Input(ids.OPTIONS, "data")]),
        ("draw", Output(ids.sink("draw"), "data"), [Input(ids.REDRAW, "data")]),
        ("query", Output(ids.sink("query"), "data"), asked),
        ("held", Output(ids.sink("held"), "data"), [Input(ids.HELD, "data")]),
        ("days", Output(ids.sink("days"), "data"), [Input(ids.DAYS, "data")]),
        ("address", Output(ids.sink("address"), "data"), shown),
        ("fold", Output(ids.DESK, "className"), folding),
    ):
        app.clientside_callback(ClientsideFunction("page", name), output, *arguments)
