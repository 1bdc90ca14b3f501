"""What the page writes around the chart beside Dash, and when it asks Dash for the figure."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from dash import Dash, html

from dashboard.bootstrap import create_app
from dashboard.pages import ids
from dashboard.pages.texts import URL, Tree, trees
from tests.fakes import ManualClock
from tests.stored import DATES, SYMBOL, filled

STORED = {"symbol": SYMBOL, "bar": "1m", "scope": "stored", "session": DATES[0]}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Dash:
    folder: Path = tmp_path_factory.mktemp("texts")
    # A clock that stands: two answers of one second differ in nothing.
    return create_app(filled(folder), clock=ManualClock())


def ask(app: Dash, **query: str) -> dict[str, Any]:
    answer = app.server.test_client().get(URL, query_string=query)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    found: dict[str, Any] = json.loads(answer.text)
    return found


def words(tree: Tree) -> str:
    """All text of a tree."""
    return tree if isinstance(tree, str) else " ".join(map(words, tree[2]))


def test_every_place_gets_its_texts(app: Dash) -> None:
    answer = ask(app, **STORED)
    places = {ids.CARDS, ids.STATUS, ids.FEED_CARD, ids.MODE, ids.MINVOL_SHOWN}
    assert set(answer["places"]) == places
    cards = [words(card) for card in answer["places"][ids.CARDS]]
    assert cards[0] == "Last 2,499.95"
    assert answer["places"][ids.MODE] == ["HISTORY"]
    assert answer["classes"] == {ids.MODE: "badge-mode history"}


def test_a_view_that_cannot_be_shown_says_why_in_the_status_line(app: Dash) -> None:
    answer = ask(app, **STORED | {"session": "1999-01-01"})
    assert set(answer) == {"places"}
    assert set(answer["places"]) == {ids.STATUS}
    assert DATES[1] in words(["div", {}, answer["places"][ids.STATUS]])


def test_a_page_tells_its_view_in_positions_and_price_units(app: Dash) -> None:
    coarse = ask(app, **STORED, level="auto", **{"seen-level": "1000"})
    exact = ask(app, **STORED, level="10")
    assert coarse["places"][ids.CARDS] == exact["places"][ids.CARDS]


@pytest.mark.parametrize("number", ["", "-1", "1e3", "²", "9" * 30, "x"])
def test_what_is_no_number_counts_as_not_sent(app: Dash, number: str) -> None:
    answer = ask(app, **STORED, pulse=number, anchor=number, **{"seen-first": number})
    assert answer == ask(app, **STORED)


def test_the_figure_is_due_when_it_would_be_another(app: Dash) -> None:
    due = ask(app, **STORED)["due"]
    assert ask(app, **STORED, pulse="5")["due"] == due, "a stored profile does not grow"
    assert ask(app, **STORED, level="1")["due"] != due
    window = {"seen-first": "0", "seen-last": "9"}
    assert ask(app, **STORED, **window)["due"] != due


def test_elements_become_trees_of_plain_values() -> None:
    element = html.Div(["a", html.B(1, className="x"), html.Br()], title="t", **{"data-k": "v"})
    made = trees(element)
    assert made == [
        ["div", {"title": "t", "data-k": "v"}, ["a", ["b", {"class": "x"}, ["1"]], ["br", {}, []]]]
    ]
    assert trees(None) == []
