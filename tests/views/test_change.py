"""A changed control: a right value becomes the view, any other a sentence beside it."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboard.views.desk import Desk
from dashboard.views.page import RANGE, change, history_href
from tests import stored

TAPE = {"symbol": "TAPE", "bar": "5m"}
OLD = {"symbol": "OLD5", "bar": "5m"}


def query_of(href: str | None) -> tuple[str, dict[str, str]]:
    """Return the path and the settings of an address."""
    assert href is not None
    parts = urlsplit(href)
    return parts.path, {name: values[0] for name, values in parse_qs(parts.query).items()}


@pytest.mark.parametrize(
    ("trigger", "value", "name"),
    [
        ("bar", "15m", "bar"), ("bar-quick", "1m", "bar"), ("level", "0.25", "level"),
        ("level-quick", "1", "level"), ("cells", "delta", "cells"), ("unit", "qty", "unit"),
        ("imb", False, "imb"), ("ratio", "4.5", "ratio"), ("stack", "4", "stack"),
        ("vashare", 80, "vashare"), ("cvd", "off", "cvd"), ("minvol", "25", "minvol"),
    ],
)  # fmt: skip
def test_a_right_value_becomes_the_view(desk: Desk, trigger: str, value: object, name: str) -> None:
    found = change(desk, TAPE, {trigger: value}, trigger, "stored")
    wanted = {True: "on", False: "off"}.get(value, str(value)) if isinstance(value, bool) else value
    assert found.view is not None
    assert found.view[name] == str(wanted)
    assert (found.faults, found.href) == ({}, None)


@pytest.mark.parametrize(
    ("view", "trigger", "value", "name", "said"),
    [
        (TAPE, "bar", "5x", "bar", "bar: '5x' is not possible; use a size such as 5m"),
        (TAPE, "bar", "", "bar", "bar: '' is not possible"),
        (TAPE, "level", "0.07", "level", "a multiple of the tick 0.05"),
        (TAPE, "ratio", "0.5", "ratio", "use a number from 1.1 to 20"),
        (TAPE, "stack", 1, "stack", "use a whole number from 2 to 10"),
        (TAPE, "cells", None, "", ""),
        # Right by itself, but not of what is stored:
        (OLD, "bar", "30s", "bar", "30s bars need single trades"),
        (OLD, "bar-quick", "1m", "bar", "such as 5m, 15m or 1h."),
        (OLD, "level-quick", "4", "level", "level: '4' is not possible; use auto or 2.00"),
    ],
)
def test_any_other_value_is_a_sentence_and_the_view_stays(
    desk: Desk, view: dict[str, str], trigger: str, value: object, name: str, said: str
) -> None:
    found = change(desk, view, {trigger: value}, trigger, "stored")
    assert (found.view, found.href) == (None, None)
    assert set(found.faults) == ({name} if name else set())
    assert said in found.faults.get(name, "")


def test_a_wrong_control_keeps_its_sentence_while_another_one_changes(desk: Desk) -> None:
    values: Mapping[str, object] = {"ratio": "0.5", "cells": "total"}
    found = change(desk, TAPE, values, "cells", "stored")
    assert found.view is not None
    assert found.view["cells"] == "total"
    assert "ratio" not in found.view
    assert set(found.faults) == {"ratio"}


def test_a_preset_brings_its_own_ratio(desk: Desk) -> None:
    view = TAPE | {"ratio": "4.5"}
    found = change(desk, view, {"ratio": "4.5", "preset": "atas"}, "preset", "stored")
    assert found.view is not None
    assert "ratio" not in found.view
    assert found.view["preset"] == "atas"


def test_controls_that_hold_what_is_shown_change_nothing(desk: Desk) -> None:
    values: Mapping[str, object] = {"bar": "5m", "cells": "bidask", "imb": True, "ratio": "3"}
    found = change(desk, TAPE, values, "cells", "stored")
    assert (found.view, found.faults, found.href) == (None, {}, None)


def test_another_instrument_opens_its_own_page(desk: Desk) -> None:
    view = TAPE | {"level": "0.25", "cells": "delta", "session": stored.DATES[0]}
    found = change(desk, view, {"symbol": "OLD5"}, "symbol", "stored")
    # Bar, level and dates belong to the instrument; how it looks goes along.
    assert query_of(found.href) == ("/history", {"symbol": "OLD5", "cells": "delta"})
    assert change(desk, view, {"symbol": "TAPE"}, "symbol", "stored").href is None


def test_another_session_opens_the_history_page(desk: Desk) -> None:
    view = TAPE | {"from_date": stored.DATES[0], "to_date": stored.DATES[1]}
    for scope in ("live", "stored"):
        found = change(desk, view, {"session": stored.DATES[0]}, "session", scope)
        assert query_of(found.href) == ("/history", TAPE | {"session": stored.DATES[0]})
    newest = change(desk, TAPE, {"session": stored.DATES[1]}, "session", "live")
    assert newest.href is None  # it is on the page
    assert change(desk, view, {"session": RANGE}, "session", "stored").href is None


def test_neighbours_of_a_session_and_their_ends(desk: Desk) -> None:
    first, second = stored.DATES
    back = query_of(history_href(desk, TAPE, -1, None, None))
    assert back == ("/history", TAPE | {"session": first})
    assert history_href(desk, TAPE | {"session": first}, -1, None, None) is None
    assert (
        query_of(history_href(desk, TAPE | {"session": first}, 1, None, None))[1]["session"]
        == second
    )
    assert history_href(desk, TAPE | {"session": second}, 1, None, None) is None
    # From a date on which nothing is stored to the nearest one that is.
    assert (
        query_of(history_href(desk, TAPE | {"session": "2030-01-01"}, -1, None, None))[1]["session"]
        == second
    )


def test_a_range_of_dates_is_shown_as_a_whole(desk: Desk) -> None:
    first, second = stored.DATES
    view = TAPE | {"session": first}
    path, query = query_of(history_href(desk, view, 0, first, second))
    assert (path, query["from_date"], query["to_date"]) == ("/history", first, second)
    assert "session" not in query
    assert query["profile"] == "all"
    assert history_href(desk, view, 0, second, first) is None  # not yet both ends
    assert history_href(desk, TAPE, 0, None, None) is None  # nothing chosen


@pytest.mark.parametrize("view", [{"symbol": "NOPE", "bar": "5m"}])
def test_an_instrument_without_sessions_has_no_neighbours(desk: Desk, view: dict[str, str]) -> None:
    assert history_href(desk, view, -1, None, None) is None
