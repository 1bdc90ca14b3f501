"""Whatever a URL asks for, a page opens: with that, or with what is nearest and a sentence."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dashboard.figures.view import CHOICES, FIELD_NAMES
from dashboard.storage.history import SqliteHistory
from dashboard.storage.schema import prepare_store
from dashboard.views.desk import Desk
from dashboard.views.page import PageModel, open_page
from tests import stored


def opened(desk: Desk, scope: str = "stored", **values: str) -> PageModel:
    model = open_page(desk, values, scope)
    assert model is not None
    return model


@pytest.mark.parametrize("scope", ["live", "stored"])
def test_a_page_without_a_query_shows_the_first_instrument(desk: Desk, scope: str) -> None:
    model = opened(desk, scope)
    assert model.view.settings.symbol == model.symbols[0] == "OLD3"
    assert model.faults == {}
    assert model.figure["data"]


@pytest.mark.parametrize(("symbol", "bar"), [("TAPE", "1m"), ("OLD5", "5m"), ("OLD3", "3m")])
@pytest.mark.parametrize("scope", ["live", "stored"])
def test_an_instrument_opens_with_bars_that_its_store_can_make(
    desk: Desk, scope: str, symbol: str, bar: str
) -> None:
    model = opened(desk, scope, symbol=symbol)
    assert (model.view.settings.bar, model.faults) == (bar, {})
    assert len(model.figure["data"][0]["x"]) > 1


def test_the_levels_to_choose_from_are_possible(desk: Desk) -> None:
    assert opened(desk, symbol="OLD5").level_choices == {
        "auto": "Level 2.00 · Auto",
        "2": "Level 2.00",
    }
    offered = list(opened(desk, symbol="TAPE", level="0.15").level_choices)
    assert offered[:5] == ["auto", "0.05", "0.1", "0.15", "0.25"]


@pytest.mark.parametrize(
    ("symbol", "bar", "shown"),
    [("OLD5", "30s", "5m"), ("OLD5", "7m", "5m"), ("OLD3", "5m", "3m"), ("OLD5", "100t", "5m")],
)
@pytest.mark.parametrize("scope", ["live", "stored"])
def test_bars_that_the_store_cannot_make_leave_a_sentence_and_a_chart(
    desk: Desk, scope: str, symbol: str, bar: str, shown: str
) -> None:
    model = opened(desk, scope, symbol=symbol, bar=bar, cells="delta")
    assert f"{bar} bars need single trades" in model.faults["bar"]
    assert model.view.settings.bar == shown
    assert model.view.settings.cells == "delta"  # what was right stays
    assert len(model.figure["data"][0]["x"]) > 1


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"symbol": "NOPE"}, "symbol"),
        ({"bar": "5x"}, "bar"),
        ({"level": "0.07"}, "level"),
        ({"level": "wide"}, "level"),
        ({"cells": "all"}, "cells"),
        ({"ratio": "1"}, "ratio"),
        ({"session": "2001-01-01"}, "session"),
        ({"from_date": "2030-01-01"}, "from_date"),
        ({"to_date": "2001-01-01"}, "to_date"),
        ({"from_date": stored.DATES[1], "to_date": stored.DATES[0]}, "from_date"),
    ],
)
def test_a_wrong_value_counts_as_not_given_and_is_named(
    desk: Desk, values: dict[str, str], fault: str
) -> None:
    model = opened(desk, **({"symbol": "TAPE", "unit": "qty"} | values))
    assert list(model.faults) == [fault]
    assert model.faults[fault].endswith(".")
    if fault != "symbol":
        assert model.view.settings.symbol == "TAPE"
    assert model.view.settings.unit == "qty"


def test_too_many_bars_are_shown_as_fewer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.views.desk.MAX_BARS", 100)
    model = opened(
        desk, symbol="TAPE", bar="1t", from_date=stored.DATES[0], to_date=stored.DATES[1]
    )
    assert "more than the 100 of one view" in model.faults["bar"]
    assert model.view.settings.bar == "1m"
    # Not even so: the newest session alone.
    monkeypatch.setattr("dashboard.views.desk.MAX_BARS", 40)
    model = opened(
        desk, symbol="TAPE", bar="1t", from_date=stored.DATES[0], to_date=stored.DATES[1]
    )
    assert model.view.first == model.view.last


def test_nothing_stored_is_no_page(desk: Desk, tmp_path: Path) -> None:
    prepare_store(tmp_path / "empty.db")
    context = replace(desk.context, history=SqliteHistory(tmp_path / "empty.db"))
    for scope in ("live", "stored"):
        assert open_page(Desk(context), {"symbol": "TAPE", "bar": "5x"}, scope) is None


WORDS = [
    "OLD3", "OLD5", "TAPE", "1m", "3m", "30s", "1t", "1d", "auto", "1", "2", "0.05", "999999999",
    "on", "", *stored.DATES, *(word for words in CHOICES.values() for word in words),
]  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.sampled_from([*FIELD_NAMES, "other"]),
        st.one_of(st.sampled_from(WORDS), st.text(max_size=12)),
        max_size=7,
    ),
    scope=st.sampled_from(["live", "stored"]),
)
def test_any_query_opens_a_page(desk: Desk, values: dict[str, str], scope: str) -> None:
    model = opened(desk, scope, **values)
    assert set(model.faults) <= set(FIELD_NAMES)
    assert model.figure["layout"]
