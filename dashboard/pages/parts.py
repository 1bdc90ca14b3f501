"""Small parts of the page made from plain texts: metric cards, status line, Feed card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.figures.cards import Card, Part


def metrics(cards: Sequence[Card]) -> list[Any]:
    """Return the row of metric cards."""
    return [html.Div(_lines(card), className="metric", title=card.help) for card in cards]


def status(parts: Sequence[Part], *, right: int = 2) -> list[Any]:
    """Return the status line; its last `right` parts stand at its right end."""
    texts = [
        html.Span([f"{part.name} ", html.B(part.value, className=_tone(part.tone))])
        for part in parts
    ]
    place = max(len(texts) - right, 0)
    return [*texts[:place], html.Span(className="grow"), *texts[place:]]


def feed_rows(rows: Sequence[Part]) -> list[Any]:
    """Return the rows of the Feed card."""
    return [
        html.Div(
            [
                html.Span(row.name, className="control-label"),
                html.Span(row.value, className=f"shown {_tone(row.tone)}"),
            ],
            className="control-row",
        )
        for row in rows
    ]


def _lines(card: Card) -> list[Any]:
    """Return the name over the number; a change stands beside the number it is of."""
    beside = [more for more in card.more if more.name == "change"]
    above = [more for more in card.more if more.name != "change"]
    return [
        html.Div([_name(card), *map(_small, above)]),
        html.Div(
            [html.Span(card.value, className=f"value {_tone(card.tone)}"), *map(_small, beside)]
        ),
    ]


def _name(card: Card) -> Any:  # noqa: ANN401 - one of Dash's components
    """Return the metric's name; a button where it toggles a setting (assets/page listens)."""
    if not card.toggles:
        return html.Span(card.name, className="name")
    return html.Button(f"{card.name} ⇄", className="name toggle", **{"data-toggles": card.toggles})


def _small(part: Part) -> html.Span:
    return html.Span(part.value, className=f"more {_tone(part.tone)}")


def _tone(tone: str) -> str:
    return f"tone-{tone}" if tone else ""
