"""The pages as component trees: every setting has its control, every callback its components."""

from __future__ import annotations

from typing import Any

import dash
import pytest
from dash import Dash

from dashboard.figures.view import CHOICES, FIELD_NAMES
from dashboard.pages import controls, ids, shell
from dashboard.views.desk import Desk
from dashboard.views.page import open_page
from tests import stored
from tests.pages.trees import by_id, text_of, walk

ELSEWHERE = {"symbol", "session", "cells", "from_date", "to_date"}
"""Settings chosen in the top bar or the range's card, not by a row of a card."""


def layout(page: str, **query: str) -> Any:  # noqa: ANN401 - a component
    """Return a page as Dash lays it out."""
    found = dash.page_registry[page]["layout"]
    return found(**query)


def key(identity: dict[str, str]) -> str:
    return f'{{"name":"{identity["name"]}","type":"{identity["type"]}"}}'


@pytest.mark.parametrize("page", ["live", "history"])
def test_every_setting_has_one_control_with_its_value(app: Dash, page: str) -> None:
    assert app is not None
    query = {"symbol": stored.SYMBOL, "bar": "15m", "ratio": "4.5", "imb": "off", "va": "cbot"}
    found = by_id(layout(page, **query))
    for name in FIELD_NAMES:
        if name in ELSEWHERE - {"symbol", "session", "cells"}:
            continue
        assert key(ids.setting(name)) in found, name
    assert found[key(ids.setting("bar"))].value == "15m"
    assert found[key(ids.setting("bar-quick"))].value == "15m"
    assert found[key(ids.setting("ratio"))].value == "4.5"
    assert found[key(ids.setting("imb"))].value is False
    assert found[key(ids.setting("va"))].value == "cbot"
    assert found[ids.SCOPE].data == ("live" if page == "live" else "stored")
    assert found[ids.VIEW].data == {
        "symbol": "TAPE", "bar": "15m", "ratio": "4.5", "imb": "off", "va": "cbot",
    }  # fmt: skip


def test_the_cards_rows_are_the_settings() -> None:
    assert set(controls.NAMES) == set(FIELD_NAMES) - ELSEWHERE
    assert len(controls.NAMES) == len(set(controls.NAMES))


def test_a_select_offers_all_that_is_allowed_in_words() -> None:
    for name, words in CHOICES.items():
        assert tuple(controls.WORDS[name]) == words, name


def test_every_row_says_what_it_does(app: Dash) -> None:
    assert app is not None
    tree = layout("live")
    found = by_id(tree)
    tips = {part.target for part in walk(tree) if type(part).__name__ == "Tooltip"}
    for name in controls.NAMES:
        assert f"row-{name}" in tips
        assert found[f"row-{name}"].children
        assert found[key(ids.fault(name))].role == "alert"


@pytest.mark.parametrize("page", ["live", "history"])
def test_every_callback_finds_its_components(app: Dash, page: str) -> None:
    """A callback all of whose inputs are on a page must find the rest of its parts there."""
    app.server.test_client().get("/_dash-dependencies")
    here = set(by_id(layout(page))) | {"_pages_location", "_pages_content", "_pages_store"}
    started = 0
    for name, callback in app.callback_map.items():
        if "ALL" in name or name.startswith(("_pages", ".._pages")):
            continue
        inputs = {str(part["id"]) for part in callback["inputs"]}
        if not inputs <= here:
            continue
        started += 1
        assert {str(part["id"]) for part in callback["state"]} <= here, name
        outputs = [text.rpartition(".")[0] for text in name.strip(".").split("...")]
        assert {text for text in outputs if not text.startswith("{")} <= here, name
    assert started >= 5


def test_faults_stand_beside_their_control_or_else_at_the_top(desk: Desk) -> None:
    model = open_page(desk, {"symbol": "NOPE", "ratio": "1", "session": "2001-01-01"}, "stored")
    assert model is not None
    found = by_id(shell.page(model))
    notices = text_of(found[ids.NOTICE])
    assert "A note." in notices
    assert "symbol: 'NOPE'" in notices
    assert "session: '2001-01-01'" in notices
    assert "ratio" not in notices  # the callback writes it beside the control
    assert found[ids.FAULTS].data.keys() == {"symbol", "session", "ratio"}


def test_a_page_without_data_says_how_to_get_some(desk: Desk) -> None:
    assert desk is not None
    found = by_id(shell.waiting("Nothing yet.", "live"))
    assert text_of(found["waiting"]) == "Nothing yet."
    assert found[ids.SCOPE].data == "live"
    assert found[ids.WAIT].interval == 1000
    assert ids.GO in found


@pytest.mark.parametrize(
    ("query", "value", "first"),
    [
        ({}, stored.DATES[1], stored.DATES[0]),
        ({"session": stored.DATES[0]}, stored.DATES[0], stored.DATES[0]),
        ({"from_date": stored.DATES[0]}, "range", "range"),
    ],
)
def test_the_day_picker_names_what_is_shown(
    desk: Desk, query: dict[str, str], value: str, first: str
) -> None:
    model = open_page(desk, query, "stored")
    assert model is not None
    picker = shell.day_picker(model)
    assert picker.value == value
    assert picker.options[0]["value"] == first
    assert [option["value"] for option in picker.options][-2:] == list(stored.DATES)


def test_a_typed_bar_size_joins_the_buttons() -> None:
    assert list(controls.bar_choices("5m")) == list(controls.QUICK_BARS)
    assert list(controls.bar_choices("100t"))[-1] == "100t"
