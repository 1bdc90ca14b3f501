"""Small parts of the page, compared whole."""

from __future__ import annotations

from dashboard.figures.cards import Card, Part
from dashboard.pages import parts
from tests.pages.trees import plain


def test_a_metric_has_its_name_over_its_value() -> None:
    card = Card(
        "Δ",
        "+120",
        "up",
        more=(Part("pct", "4 %", "up"), Part("change", "+3", "")),
        help="Ask − bid",
    )
    name = ["Span", {"className": "name"}, "Δ"]
    share = ["Span", {"className": "more tone-up"}, "4 %"]
    value = ["Span", {"className": "value tone-up"}, "+120"]
    beside = ["Span", {"className": "more "}, "+3"]
    lines = [["Div", {}, [name, share]], ["Div", {}, [value, beside]]]
    assert plain(parts.metrics([card])) == [
        ["Div", {"className": "metric", "title": "Ask − bid"}, lines]
    ]


def test_the_last_parts_of_the_status_line_stand_at_its_right() -> None:
    line = [Part("A", "1", ""), Part("B", "2", "warn"), Part("C", "3", "")]
    assert plain(parts.status(line, right=1)) == [
        ["Span", {}, ["A ", ["B", {"className": ""}, "1"]]],
        ["Span", {}, ["B ", ["B", {"className": "tone-warn"}, "2"]]],
        ["Span", {"className": "grow"}, None],
        ["Span", {}, ["C ", ["B", {"className": ""}, "3"]]],
    ]
    assert plain(parts.status([], right=2)) == [["Span", {"className": "grow"}, None]]


def test_feed_rows_are_names_and_values() -> None:
    (row,) = plain(parts.feed_rows([Part("Gaps", "2", "warn")]))
    assert row == [
        "Div",
        {"className": "control-row"},
        [
            ["Span", {"className": "control-label"}, "Gaps"],
            ["Span", {"className": "shown tone-warn"}, "2"],
        ],
    ]
