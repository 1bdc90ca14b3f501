"""The address is the view: it survives a reload, and what is wrong in it is said, not obeyed."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from dashboard.figures.view import FIELD_NAMES
from dashboard.pages.controls import NAMES
from tests.browser.tab import Tab

CHOSEN = {
    "symbol": "NIFTY FUT",
    "bar": "15m",
    "level": "5",
    "cells": "delta",
    "unit": "qty",
    "heat": "bar",
    "candles": "off",
    "ratio": "4",
    "stack": "2",
    "profile": "visible",
    "vashare": "80",
    "vwap": "off",
    "palette": "colour-blind",
}

WRONG = {
    "bar": "0m",
    "level": "0.03",
    "candles": "maybe",
    "inbar": "2",
    "numbers": "<b>",
    "heat": "red",
    "unit": "kilo",
    "ladder": "wooden",
    "palette": "pink",
    "poc": "x",
    "imb": "-1",
    "ratio": "0",
    "minvol": "-5",
    "stacks": "?",
    "stack": "99",
    "preset": "mine",
    "profile": "week",
    "va": "68",
    "vashare": "101",
    "pwidth": "1e9",
    "vwap": "é",
    "bands": "7",
    "cvd": "up",
    "prevclose": "0x1",
    "table": "[]",
    "beat": "1",
}
"""A wrong value for every control of a card."""


def painted(tab: Tab) -> list[tuple[object, ...]]:
    """What the cells in view say and look like."""
    return [(c["x"], c["price"], c.get("delta"), c["fill"], c["marks"]) for c in tab.cells()]


def test_the_view_survives_a_reload(tab: Tab) -> None:
    tab.open("/?symbol=NIFTY+FUT")
    for name in ("bar", "level", "unit", "heat", "candles", "ratio", "stack"):
        tab.choose(name, CHOSEN[name])
    for name in ("profile", "vashare", "vwap", "palette"):
        tab.choose(name, CHOSEN[name])
    tab.js("document.activeElement.blur()")
    tab.key("2")  # the cells' second mode
    tab.wait("new URLSearchParams(location.search).get('cells') === 'delta'")
    tab.wait("orderflow.state().total === 32 && orderflow.state().scale.unit === 'qty'")
    tab.wait("new URLSearchParams(location.search).get('palette') === 'colour-blind'")
    assert tab.query() == CHOSEN
    tab.wait_painted()
    before, held = painted(tab), {name: tab.held(name) for name in NAMES}
    assert before

    tab.driver.refresh()
    tab.wait_painted()

    tab.wait(
        "orderflow.state().scale.level === 500 && orderflow.cells().length === args[0]",
        10,
        len(before),
    )
    assert painted(tab) == before
    assert {name: tab.held(name) for name in NAMES} == held
    assert tab.query() == CHOSEN
    assert tab.complaints() == []


def test_every_wrong_value_of_the_address_is_said_beside_its_control(tab: Tab) -> None:
    assert sorted(WRONG) == sorted(NAMES)
    tab.open("/?" + urlencode({"symbol": "NIFTY FUT"} | WRONG))
    tab.wait("document.querySelectorAll('.fault:not(:empty)').length === args[0]", 10, len(WRONG))
    for name, value in WRONG.items():
        sentence = tab.fault(name)
        assert sentence.startswith(f"{name}: '{value}' is not possible; use "), sentence
    assert tab.state()["matches"]
    assert len(tab.cells()) > 40
    assert tab.driver.find_elements("css selector", ".fault b") == []  # text, never markup
    assert tab.complaints() == []


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/?symbol=GOLD", "symbol: 'GOLD' is not possible; use one of NIFTY FUT."),
        ("/?cells=all", "cells: 'all' is not possible; use bidask, delta, total or profile."),
        ("/history?session=2020-02-30", "session: '2020-02-30' is not possible"),
        ("/history?session=2020-02-28", "a stored session from 2025-09-10 to 2025-09-11"),
        ("/history?from_date=2025-09-11&to_date=2025-09-10", "from_date: '2025-09-11'"),
        ("/history?from_date=2031-01-01", "a stored session from 2025-09-10 to 2025-09-11"),
    ],
)
def test_a_wrong_value_without_a_card_is_said_over_the_chart(
    tab: Tab, path: str, sentence: str
) -> None:
    tab.open(path)
    tab.wait("document.querySelector('#notice').innerText.includes(args[0])", 10, sentence)
    assert tab.state()["matches"]
    assert tab.cells()
    assert tab.complaints() == []


def test_what_is_no_setting_is_ignored(tab: Tab) -> None:
    tab.open("/?symbol=NIFTY+FUT&bar=15m&utm_source=mail&__proto__=x&constructor=y")
    tab.wait("orderflow.state().total === 32")
    assert set(tab.query()) <= {*FIELD_NAMES, "utm_source", "__proto__", "constructor"}
    assert tab.complaints() == []


@pytest.mark.parametrize(
    ("name", "typed", "good"),
    [
        ("bar", "7x", "15m"),
        ("level", "0.07", "5"),
        ("ratio", "99", "4"),
        ("minvol", "many", "20"),
        ("vashare", "", "80"),
        ("beat", "5", "1000"),
    ],
)
def test_a_wrong_value_typed_is_said_and_the_last_good_view_stays(
    tab: Tab, name: str, typed: str, good: str
) -> None:
    tab.open("/?symbol=NIFTY+FUT&bar=5m&level=2")
    before, address = tab.cells(), tab.query()
    assert tab.fault(name) == ""
    tab.choose(name, typed)
    tab.wait(
        "document.getElementById(args[0]).innerText.startsWith(args[1])",
        10,
        f'{{"name":"{name}","type":"fault"}}',
        f"{name}: '{typed}' is not possible; use ",
    )
    assert tab.query() == address
    assert tab.cells() == before
    # Another control works all the same, and the fault stays until its own control is right.
    tab.choose("poc", "off")
    tab.wait("new URLSearchParams(location.search).get('poc') === 'off'")
    assert tab.fault(name) != ""
    tab.choose(name, good)
    tab.wait("new URLSearchParams(location.search).get(args[0]) === args[1]", 10, name, good)
    tab.wait(
        "document.getElementById(args[0]).innerText === ''",
        10,
        f'{{"name":"{name}","type":"fault"}}',
    )
    assert tab.complaints() == []
