"""Which callback requests are let through: those of our pages, whole and of the right kinds."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from dashboard.pages import ids
from dashboard.pages.application import is_own_host
from dashboard.pages.door import is_ours

OUTPUT = '..figure.data...{"name":["ALL"],"type":"fault"}.children..'
DECLARED: dict[str, dict[str, Any]] = {
    OUTPUT: {
        "callback": object(),
        "inputs": [
            {"id": '{"name":["ALL"],"type":"set"}', "property": "value"},
            {"id": ids.SEEN, "property": "data"},
        ],
        "state": [{"id": ids.VIEW, "property": "data"}, {"id": ids.SCOPE, "property": "data"}],
    },
    "go.href": {
        "callback": object(),
        "inputs": [{"id": ids.WAIT, "property": "n_intervals"}],
        "state": [],
    },
    "sink.data": {"inputs": [], "state": []},  # clientside: no callback of the server's
}
FAULT = {"id": {"type": "fault", "name": "bar"}, "property": "children"}
SET = {"id": {"type": "set", "name": "bar"}, "property": "value", "value": "5m"}
GOOD: dict[str, Any] = {
    "output": OUTPUT,
    "outputs": [{"id": "figure", "property": "data"}, [FAULT]],
    "inputs": [[SET], {"id": ids.SEEN, "property": "data", "value": {"first": 0, "last": 9}}],
    "state": [
        {"id": ids.VIEW, "property": "data", "value": {"symbol": "X", "bar": "5m"}},
        {"id": ids.SCOPE, "property": "data", "value": "live"},
    ],
    "changedPropIds": ['{"name":"bar","type":"set"}.value', "seen.data"],
}
WAITING: dict[str, Any] = {
    "output": "go.href",
    "outputs": {"id": "go", "property": "href"},
    "inputs": [{"id": ids.WAIT, "property": "n_intervals", "value": 3}],
    "state": [],
    "changedPropIds": [],
}


def altered(path: tuple[str | int, ...], value: object) -> dict[str, Any]:
    """Return the good request with one thing exchanged, or left out where it is `...`."""
    body = copy.deepcopy(GOOD)
    target: Any = body
    for step in path[:-1]:
        target = target[step]
    if value is ...:
        del target[path[-1]]
    else:
        target[path[-1]] = value
    return body


def test_what_pages_send_is_let_through() -> None:
    assert is_ours(GOOD, DECLARED)
    assert is_ours(WAITING, DECLARED)
    assert is_ours(altered(("inputs", 0), []), DECLARED)  # a page without such controls
    assert is_ours(altered(("inputs", 1, "value"), ...), DECLARED)  # not yet reported
    assert is_ours(altered(("changedPropIds",), []), DECLARED)  # the page has just opened


@pytest.mark.parametrize("body", [None, [], "text", 5, {}, {"output": None}, {"output": ["x"]}])
def test_other_shapes_are_refused(body: object) -> None:
    assert not is_ours(body, DECLARED)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("output",), "other.data"),
        (("output",), "sink.data"),
        (("outputs",), ...),
        (("outputs",), []),
        (("outputs", 0, "id"), "elsewhere"),
        (("outputs", 0, "property"), "value"),
        (("outputs", 1), FAULT),
        (("outputs", 1, 0, "id"), {"name": 5, "type": "fault"}),
        (("inputs",), ...),
        (("inputs",), "text"),
        (("inputs",), []),
        (("inputs", 0), SET),
        (("inputs", 0, 0), "text"),
        (("inputs", 0, 0, "id"), "set"),
        (("inputs", 0, 0, "property"), "options"),
        (("inputs", 0, 0, "value"), ["5m"]),
        (("inputs", 0, 0, "value"), {"a": 1}),
        (("inputs", 0, 0, "value"), float("nan")),
        (("inputs", 0, 0, "value"), 2**80),
        (("inputs", 0, 0, "value"), "x" * 10_001),
        (("inputs", 1, "id"), "view"),
        (("inputs", 1, "value"), [1, 2]),
        (("inputs", 1, "value"), {"first": [1]}),
        (("state",), ...),
        (("state", 0, "value"), None),
        (("state", 0, "value"), {}),
        (("state", 0, "value"), {"symbol": "X", "bar": 5}),
        (("state", 0, "value"), {"symbol": "X", "bar": "5x"}),
        (("state", 1, "value"), "all"),
        (("state", 1, "value"), ["live"]),
        (("changedPropIds",), "seen.data"),
        (("changedPropIds",), [5]),
        (("changedPropIds",), ["{broken.value"]),
        (("changedPropIds",), ["[1].value", None]),
    ],
)
def test_anything_else_is_refused(path: tuple[str | int, ...], value: object) -> None:
    assert not is_ours(altered(path, value), DECLARED)


@pytest.mark.parametrize("value", [-1, "3", 1.5, 2**60, [1]])
def test_counts_are_counts(value: object) -> None:
    body = copy.deepcopy(WAITING)
    body["inputs"][0]["value"] = value
    assert not is_ours(body, DECLARED)


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("localhost:5002", True), ("LocalHost:1", True), ("127.0.0.1", True),
        ("127.0.0.1:5002", True), ("127.9.9.9:80", True), ("[::1]", True), ("[::1]:5002", True),
        ("", False), ("::1", False), ("[::2]:80", False), ("8.8.8.8", False), ("10.0.0.1", False),
        ("localhost.evil.example", False), ("127.0.0.1.evil.example", False),
        ("evil.example:5002", False), ("localhost:", False), ("localhost:x", False),
        ("user@localhost", False), ("[::1", False), ("localhost\n", False),
    ],
)  # fmt: skip
def test_only_this_machines_loopback_is_served(host: str, own: bool) -> None:
    assert is_own_host(host) is own
