"""Small parts of the page made from plain texts: metric cards, status line, Feed card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import html

from dashboard.figures.cards import Card, Part


def metrics(cards: Sequence[Card]) -> list[Any]:
    """Return the row of metric cards."""
    return [html.Div(_texts(card), className="metric", title=card.help) for card in cards]


def status(parts: Sequence[Part]) -> list[Any]:
    """Return the status line; the last two parts stand at its right end."""
    return [
        html.Span([f"{part.name} ", html.B(part.value, className=_tone(part.tone))])
        for part in parts
    ]


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


def _texts(card: Card) -> list[Any]:
    return [
        html.Span(card.name, className="name"),
        html.Span(card.value, className=f"value {_tone(card.tone)}"),
        *(html.Span(more.value, className=f"more {_tone(more.tone)}") for more in card.more),
    ]


def _tone(tone: str) -> str:
    return f"tone-{tone}" if tone else ""
