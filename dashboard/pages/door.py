"""The door of the callbacks: a request that no page of ours sends is refused before Dash sees it.

What browsers hold (stores, controls) comes back with every callback and may have been altered. Here
its shape and types are checked once, so that callbacks can rely on them; whether a setting is
possible is decided where it always is, in `figures.view`. Dash itself would answer a malformed
request with an internal error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from dash import Dash
from flask import abort, request

from dashboard.errors import InputError
from dashboard.figures.view import ViewSettings
from dashboard.pages import ids
from dashboard.views.page import PATHS

URL = "/_dash-update-component"

LONGEST_TEXT = 10_000
LARGEST = 2**53
"""Whole numbers beyond are none in a browser."""

_EVERY = '["ALL"]'
"""In the id of a pattern, which stands for every component that fits."""

Declared = Mapping[str, Mapping[str, Any]]
"""Dash's callbacks by output: the ids and properties of their `inputs` and `state`."""


def guard(app: Dash) -> None:
    """Let through the callback requests that the pages send, answer others with 400."""

    @app.server.before_request
    def refuse_malformed() -> None:
        if request.path != URL or request.method != "POST":
            return
        if not is_ours(request.get_json(silent=True), app.callback_map):
            abort(400, "This is no request of the dashboard's pages.")


def is_ours(body: object, declared: Declared) -> bool:
    """Return whether a callback's request names a callback and holds what its page could hold."""
    output = body.get("output") if isinstance(body, dict) else None
    callback = declared.get(output) if isinstance(output, str) else None
    if not isinstance(body, dict) or callback is None or "callback" not in callback:
        return False
    changed = body.get("changedPropIds", [])
    return (
        isinstance(changed, list)
        and all(map(_is_property, changed))
        and _match(body.get("inputs"), callback["inputs"], _holds)
        and _match(body.get("state", []), callback["state"], _holds)
        and _match_outputs(str(output), body.get("outputs"))
    )


Check = Callable[[Mapping[str, Any], str, str], bool]


def _match(sent: object, declared: Any, check: Check) -> bool:  # noqa: ANN401 - Dash's own list
    """Return whether parts stand for the declared ones, in order; patterns for lists of them."""
    if not isinstance(sent, list) or len(sent) != len(declared):
        return False
    for part, wanted in zip(sent, declared, strict=True):
        name, prop = str(wanted["id"]), str(wanted["property"])
        if _EVERY in name:
            if not isinstance(part, list) or not all(_is_part(p, prop, check) for p in part):
                return False
        elif not _is_component(part, name) or not check(part, name, prop):
            return False
    return True


def _is_component(part: object, name: str) -> bool:
    """Return whether a part stands for the component of that name."""
    if not isinstance(part, dict):
        return False
    identity = part.get("id")
    return identity == (orjson.loads(name) if name.startswith("{") else name)


def _is_part(part: object, prop: str, check: Check) -> bool:
    """Return whether a part stands for one component of a pattern."""
    if not isinstance(part, dict) or not isinstance(part.get("id"), dict):
        return False
    identity = part["id"]
    named = all(isinstance(identity.get(key), str) for key in ("type", "name"))
    return named and check(part, str(identity.get("type")), prop)


def _holds(part: Mapping[str, Any], name: str, prop: str) -> bool:
    """Return whether a part is of the property, and holds a value that it could hold."""
    if part.get("property") != prop:
        return False
    kind = _KINDS.get(f"{name}.{prop}") or _KINDS.get(name, _is_plain)
    return kind(part.get("value"))


def _is_property(name: object) -> bool:
    """Return whether a text names a component's property, as `changedPropIds` does."""
    if not isinstance(name, str):
        return False
    identity = name.rpartition(".")[0]
    if not identity.startswith("{"):
        return True
    try:
        return isinstance(orjson.loads(identity), dict)
    except orjson.JSONDecodeError:
        return False


def _match_outputs(output: str, sent: object) -> bool:
    """Return whether `outputs` lists what the callback's name lists."""
    if not output.startswith(".."):
        return isinstance(sent, dict) and f"{sent.get('id')}.{sent.get('property')}" == output
    wanted = []
    for text in output[2:-2].split("..."):
        name, _, prop = text.rpartition(".")
        wanted.append({"id": name, "property": prop})
    return _match(sent, wanted, lambda part, _, prop: part.get("property") == prop)


# -------------------------------------------------------------------------- kinds of values


def _is_plain(value: object) -> bool:
    """Nothing, a truth value, a number or a text, none of them beyond all measure."""
    if isinstance(value, str):
        return len(value) <= LONGEST_TEXT
    if isinstance(value, int | float):
        return math.isfinite(value) and abs(value) <= LARGEST
    return value is None


def _is_count(value: object) -> bool:
    return value is None or (isinstance(value, int) and 0 <= value <= LARGEST)


def _is_text(value: object) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= LONGEST_TEXT)


def _is_texts(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(v, str) and _is_text(v) for v in value.values()
    )


def _is_facts(value: object) -> bool:
    """Nothing, or plain values by name."""
    return value is None or (isinstance(value, dict) and all(map(_is_plain, value.values())))


def _is_view(value: object) -> bool:
    """Settings as `ViewSettings.to_query` writes them."""
    if not isinstance(value, dict) or not _is_texts(value) or not {"symbol", "bar"} <= value.keys():
        return False
    try:
        ViewSettings.parse(value)
    except InputError:
        return False
    return True


def _is_pulse(value: object) -> bool:
    return value is None or (isinstance(value, dict) and _is_count(value.get("pulse")))


_KINDS: Mapping[str, Callable[[object], bool]] = {
    ids.VIEW: _is_view,
    ids.QUERY: _is_texts,
    ids.FAULTS: lambda value: value is None or _is_texts(value),
    ids.SEEN: _is_facts,
    ids.DUE: _is_pulse,
    ids.DRAWN: lambda value: value is not None and _is_facts(value),
    ids.OPTIONS: lambda value: isinstance(value, dict),
    ids.DAYS: lambda value: isinstance(value, list) and all(map(_is_facts, value)),
    ids.SCOPE: lambda value: isinstance(value, str) and value in PATHS,
    ids.WAIT: _is_count,
    ids.PREVIOUS: _is_count,
    ids.NEXT: _is_count,
    ids.RANGE: _is_text,
    "_pages_location.pathname": lambda value: _is_text(value) and str(value).startswith("/"),
    "_pages_location.search": _is_text,
}
"""What each component holds; others, the controls among them, a plain value."""
