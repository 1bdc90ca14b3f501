"""The control cards and the top bar's choices: one control per view setting, from one table.

A control's value goes to `ViewSettings.parse` as it is; what is allowed is decided there, never
here. Adding a setting to the page is one row of `CARDS`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import dash_bootstrap_components as dbc
from dash import html

from dashboard.figures.view import ViewSettings
from dashboard.pages import ids

QUICK_BARS = ("1m", "3m", "5m", "15m", "30m")
"""Bar sizes that the top bar offers as buttons; any other is typed."""

WORDS: Mapping[str, Mapping[str, str]] = {
    "cells": {"bidask": "Bid × Ask", "delta": "Delta", "total": "Total", "profile": "Profile"},
    "unit": {"lots": "Lots", "qty": "Quantity"},
    "heat": {"session": "Session", "bar": "Bar", "visible": "Visible", "off": "Off"},
    "preset": {
        "standard": "Standard",
        "tradingview": "TradingView",
        "ninjatrader": "NinjaTrader",
        "atas": "ATAS",
        "flowsurface": "flowsurface",
    },
    "profile": {"session": "Session", "visible": "Visible", "all": "Whole range", "off": "Off"},
    "va": {"one-row": "One row", "cbot": "CBOT two-row", "tradingview": "TradingView"},
    "cvd": {"session": "Session", "continuous": "Continuous", "off": "Off"},
    "ladder": {"fast": "Fast layer", "plotly": "Annotations"},
    "palette": {"default": "Green / red", "colour-blind": "Blue / orange"},
    "bands": {"0": "Off", "1": "1 σ", "2": "2 σ", "3": "3 σ"},
}


@dataclass(frozen=True, slots=True)
class Control:
    """One row of a card.

    Attributes:
        name: The view setting.
        label: What stands left of it.
        kind: switch, select, or text (a number or word typed, applied on Enter or when left).
        help: The rule or the allowed values, as a tooltip.
    """

    name: str
    label: str
    kind: str
    help: str


CARDS: Sequence[tuple[str, Sequence[Control]]] = (
    (
        "Bars",
        (
            Control(
                "bar",
                "Size",
                "text",
                "5m, 30s, 1h (time) · 100t (trades) · 5000v (volume) · "
                "20r (range in ticks) · 500delta",
            ),
            Control("level", "Level", "text", "auto, or a price step such as 2.00 (whole ticks)"),
            Control("candles", "Candles", "switch", "The candle strip left of each ladder"),
            Control("inbar", "In-bar profile", "switch", "Grey volume bars right of each ladder"),
        ),
    ),
    (
        "Cells",
        (
            Control("numbers", "Numbers", "switch", "Numbers in the cells"),
            Control(
                "heat",
                "Heat",
                "select",
                "What a cell's fill is relative to: the session's "
                "cells so far (a closed bar keeps its colours), its own bar, or what is visible",
            ),
            Control("unit", "Show in", "select", "Lots of the contract, or quantity"),
            Control(
                "ladder",
                "Ladder",
                "select",
                "The canvas layer, or Plotly's own annotations (up to 200 rows, once a second)",
            ),
            Control("palette", "Colours", "select", "Blue and orange for the colour-blind"),
        ),
    ),
    (
        "Marks",
        (
            Control(
                "poc",
                "POC",
                "switch",
                "Level with the most volume of each bar; a tie goes to "
                "the level nearest the bar's middle, then the lower one",
            ),
            Control(
                "imb",
                "Imbalance",
                "switch",
                "Buy: ask ≥ ratio × bid one level below. Sell: bid ≥ ratio × ask one level above",
            ),
            Control("ratio", "Ratio", "text", "1.1 to 20; 3.0 means three times"),
            Control(
                "minvol",
                "Minimum",
                "text",
                "auto: 60th percentile of the previous session's "
                "level volumes; or a volume in the unit shown",
            ),
            Control("stacks", "Stacks", "switch", "Imbalances of one side in a row"),
            Control("stack", "Stack of", "text", "2 to 10 imbalances in a row make a stack"),
            Control("preset", "Preset", "select", "The imbalance rule as this platform has it"),
        ),
    ),
    (
        "Profile",
        (
            Control("profile", "Range", "select", "Bars that the profile at the right is of"),
            Control(
                "va",
                "Value area",
                "select",
                "How the value area grows from the POC: one row "
                "at a time (tie goes up), CBOT's two rows, or TradingView's at most",
            ),
            Control("vashare", "Share %", "text", "50 to 95"),
            Control("pwidth", "Width px", "text", "30 to 220"),
        ),
    ),
    (
        "Studies",
        (
            Control("vwap", "VWAP", "switch", "Volume-weighted average price since the open"),
            Control("bands", "Bands", "select", "Volume-weighted standard deviations about VWAP"),
            Control(
                "cvd", "CVD", "select", "Cumulative delta, from the session's open or all bars"
            ),
            Control("prevclose", "Previous close", "switch", "Close of the session before"),
            Control("table", "Statistics", "switch", "The table under the bars"),
            Control("beat", "Beat ms", "text", "100 to 5000: how often the page asks for changes"),
        ),
    ),
)

NAMES: tuple[str, ...] = tuple(c.name for _, rows in CARDS for c in rows)


def control_cards(view: ViewSettings, own: Sequence[Any] = ()) -> html.Div:
    """Return the column of cards with the view's values, the Feed card last.

    Args:
        view: The values.
        own: A page's own cards, to stand above the others.
    """
    cards = [
        card(title, str(number), [_row(control, view) for control in rows])
        for number, (title, rows) in enumerate(CARDS, start=1)
    ]
    feed = card("Feed", str(len(cards) + 1), [html.Div(id=ids.FEED_CARD)])
    return html.Div([*own, *cards, feed], id=ids.PANEL, className="panel")


def card(title: str, mark: str, rows: Sequence[Any]) -> dbc.Card:
    """Return one card of the column, with a small mark at the right of its title."""
    header = html.Div(
        [html.Span(title), html.Span(mark, className="card-mark")], className="card-head"
    )
    return dbc.Card(
        dbc.CardBody([header, *rows]), id=f"card-{title.lower()}", className="control-card"
    )


def _row(control: Control, view: ViewSettings) -> html.Div:
    target = f"row-{control.name}"
    label = dbc.Label(control.label, id=target, className="control-label")
    tip = dbc.Tooltip(control.help, target=target, placement="right", delay={"show": 400})
    note = html.Span(id=ids.MINVOL_SHOWN, className="shown") if control.name == "minvol" else None
    return html.Div(
        [
            html.Div(
                [html.Span([label, note]), _input(control, view), tip], className="control-row"
            ),
            html.Div(id=ids.fault(control.name), className="fault", role="alert"),
        ]
    )


def _input(control: Control, view: ViewSettings) -> Any:  # noqa: ANN401 - one of dbc's components
    value = getattr(view, control.name)
    identity = ids.setting(control.name)
    if control.kind == "switch":
        return dbc.Switch(id=identity, value=value, className="control-switch")
    if control.kind == "select":
        words = options(WORDS[control.name])
        return dbc.Select(id=identity, options=words, value=str(value), size="sm")
    return dbc.Input(
        id=identity,
        value=_typed(value),
        debounce=True,
        size="sm",
        autocomplete="off",
        maxlength=24,
    )


def _typed(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def bar_choices(bar: str) -> dict[str, str]:
    """Return the bar sizes of the top bar's buttons, and the one that was typed."""
    return {b: b for b in (*QUICK_BARS, *({bar} - set(QUICK_BARS)))}


def options(words: Mapping[str, str]) -> list[dict[str, str]]:
    """Return words as the options of a group of buttons or a select."""
    return [{"label": text, "value": word} for word, text in words.items()]


def segmented(identity: object, words: Mapping[str, str], value: str | None, label: str) -> Any:  # noqa: ANN401 - a component
    """Return Bootstrap's radio button group: one choice of a few, always visible."""
    buttons = dbc.RadioItems(
        id=identity,
        options=options(words),
        value=value,
        className="btn-group segmented",
        inputClassName="btn-check",
        labelClassName="btn btn-sm",
        labelCheckedClassName="active",
    )
    return html.Div(buttons, role="group", **{"aria-label": label})
