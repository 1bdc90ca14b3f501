"""Whatever a client sends, it gets an answer or a sentence: no 500, no traceback, no change."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dashboard.api.parameters import BEAT_NAMES
from dashboard.figures.view import CHOICES, FIELD_NAMES
from tests import stored
from tests.api.conftest import Server
from tests.api.test_routes import files

PATIENT = settings(
    max_examples=150,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NAMES = sorted({*FIELD_NAMES, *BEAT_NAMES, "symbol", "cvd", "va", "x" * 300, "", "' OR 1=1"})

odd_numbers = st.sampled_from(
    [
        "0", "-0", "1", "-1", "1e999", "NaN", "Infinity", "-Infinity", "0x10", "1_000", "٣", "½",
        str(2**31), str(2**53 + 1), str(2**63 - 1), str(2**63), str(2**64), str(10**18), "9" * 19,
        "9" * 400, "0.000000001", "999999999.999999999", "1.5", "00", "+1", " 1 ",
    ]
)  # fmt: skip
odd_texts = st.sampled_from(
    [
        "", " ", "None", "null", "true", "\x00", "\ud800".encode("utf-8", "replace").decode(),
        "<script>alert(1)</script>", "../../etc/passwd", "'; DROP TABLE trades; --", "%00", "💹",
        "\u202etxt", "a" * 10_000, "2024-10-04", "9999-12-31", "0001-01-01", "auto", "AUTO",
        stored.SYMBOL, "1m", "1s", "1t", "1r", "1v", "1delta", "100t", "30s", "1d", "999999999t",
        "86400s", "8640000s", "1000000h", "json", "csv", "html", "layer", "on", "off",
        *(word for words in CHOICES.values() for word in words),
    ]
)  # fmt: skip
values = st.one_of(odd_numbers, odd_texts, st.text(max_size=30), st.integers().map(str))
queries = st.lists(st.tuples(st.sampled_from(NAMES), values), max_size=8)


@pytest.fixture(autouse=True)
def no_errors_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Fail a test whose server logged an exception: a sentence must not be a traceback's cover."""
    yield
    assert not [r.message for r in caplog.records if r.levelno >= logging.ERROR]


def ask(server: Server, path: str, query: list[tuple[str, str]]) -> None:
    """Ask, and fail unless there is an answer or a sentence about one of the parameters."""
    answer = server.client.get(f"{path}?{urlencode(query, errors='replace')}")
    if answer.status_code == 400:
        body = answer.get_json()
        assert len(body["error"]) < 2_000
        assert body["error"].endswith(".")
        assert body.get("parameter", "") in {*(name for name, _ in query), "symbol", "to", ""}
        assert "Traceback" not in body["error"]
    else:
        assert answer.status_code in {200, 204, 404}, (answer.status_code, answer.text[:300])


@PATIENT
@given(query=queries)
@example(query=[("current", str(2**63 - 2))])
@example(query=[("level", "999999999.999999999")])
@example(query=[("level", "auto"), ("pane", "9" * 19), ("span", "9" * 19), ("current", "5")])
@example(query=[("level", "auto"), ("pane", "1"), ("span", "9" * 19)])
@example(query=[("anchor", "9" * 19), ("from", "9" * 19), ("to", "9" * 19)])
@example(query=[("since", "9" * 19), ("view", "0")])
@example(query=[("bar", "8640000s")])
@example(query=[("bar", "999999999t")])
@example(query=[("bar", "1r"), ("level", "0.05")])
@example(query=[("minvol", "999999999")])
@example(query=[("ratio", "1.100000001"), ("preset", "atas"), ("zero", "1")])
@example(query=[("unit", "qty"), ("heat", "bar"), ("cvd", "continuous"), ("va", "cbot")])
def test_any_beat_is_answered(standing: Server, query: list[tuple[str, str]]) -> None:
    ask(standing, "/api/v1/live", [("symbol", stored.SYMBOL), *query])


@PATIENT
@given(query=queries)
@example(query=[("format", "layer"), ("from_date", "0001-01-01"), ("to_date", "9999-12-31")])
@example(query=[("format", "layer"), ("session", "2024-10-04"), ("bar", "1t")])
@example(query=[("bar", "1t"), ("level", "0.05")])
@example(query=[("from", "0001-01-01"), ("to", "9999-12-31")])
@example(query=[("format", "html"), ("palette", "colour-blind")])
def test_any_request_for_bars_is_answered(standing: Server, query: list[tuple[str, str]]) -> None:
    ask(standing, "/api/v1/bars", [("symbol", stored.SYMBOL), *query])


@PATIENT
@given(query=queries, path=st.sampled_from(["/", "/history", "/api/v1/instruments"]))
def test_any_page_is_answered(standing: Server, path: str, query: list[tuple[str, str]]) -> None:
    answer = standing.client.get(f"{path}?{urlencode(query, errors='replace')}")
    assert answer.status_code in {200, 400}


@PATIENT
@given(path=st.text(max_size=40))
def test_any_path_is_answered(standing: Server, path: str) -> None:
    answer = standing.client.get("/api/v1/" + path.replace("?", ""))
    assert answer.status_code in {200, 308, 400, 404, 405}
    answer.close()


# -------------------------------------------------------------------------- callbacks

json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20), values),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=8), st.sampled_from(NAMES)), inner, max_size=3),
    ),
    max_leaves=8,
)
numbers = st.one_of(
    st.integers(-5, 10**4), st.integers(0, 99), st.none(), st.integers(), st.floats(), odd_numbers
)
BARS = ["1m", "5m", "30s", "100t", "1t", "5000v", "20r", "500delta", "1d"]
RIGHT: dict[str, Sequence[str]] = {
    "level": ["auto", "0.05", "1", "999999999"],
    "ratio": ["1.1", "3", "20"],
    "minvol": ["auto", "0", "999999999"],
    "stack": ["2", "10"],
    "vashare": ["50", "95"],
    "pwidth": ["30", "220"],
    "bands": ["0", "3"],
    "beat": ["100", "5000"],
    "session": ["", *stored.DATES, "2001-01-01"],
    "from_date": ["", *stored.DATES],
    "to_date": ["", *stored.DATES],
    **CHOICES,
}
SWITCHES = ("numbers", "candles", "inbar", "poc", "imb", "stacks", "vwap", "table", "prevclose")
right_view = st.fixed_dictionaries(
    {
        "symbol": st.sampled_from([stored.SYMBOL, stored.SYMBOL, "NOPE"]),
        "bar": st.sampled_from(BARS),
    },
    optional={name: st.sampled_from(list(words)) for name, words in RIGHT.items()}
    | dict.fromkeys(SWITCHES, st.sampled_from(["on", "off"])),
)
wrong_view = st.builds(
    lambda view, more: view | more,
    right_view,
    st.dictionaries(st.sampled_from(FIELD_NAMES), values, max_size=2),
)
view = st.one_of(right_view, right_view, right_view, wrong_view)
anchors = st.one_of(st.sampled_from(["", str(stored.START), "9" * 19, "0"]), values)
STORES: dict[str, st.SearchStrategy[Any]] = {
    "view": view,
    "query": st.builds(lambda v, a: v | {"anchor": a}, view, anchors),
    "seen": st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("first", "last", "level", "plot_px"), numbers)
    ),
    "due": st.fixed_dictionaries({"pulse": numbers}),
    "drawn": st.fixed_dictionaries({"of": values, "level": numbers, "total": numbers}),
    "layer-options": st.dictionaries(st.text(max_size=5), json_values, max_size=3),
    "scope": st.sampled_from(["live", "stored"]),
    "faults": st.one_of(st.none(), st.dictionaries(st.sampled_from(NAMES), values, max_size=2)),
    "date-range": st.one_of(st.none(), values),
    "_pages_location.pathname": st.one_of(
        st.sampled_from(["/", "/history", "/nowhere"]), st.text(max_size=20).map("/{}".format)
    ),
    "_pages_location.search": st.one_of(
        view.map(lambda one: "?" + urlencode(one, errors="replace")),
        queries.map(lambda query: "?" + urlencode(query, errors="replace")),
        st.text(max_size=20),
    ),
}
"""What a browser could hold in each store; any JSON in every twentieth."""


def callbacks(server: Server) -> list[dict[str, Any]]:
    """Return what the server tells a browser of its callbacks."""
    listed: list[dict[str, Any]] = server.client.get("/_dash-dependencies").get_json()
    return [one for one in listed if one["clientside_function"] is None]


def parts(data: st.DataObject, declared: list[dict[str, Any]]) -> list[Any]:
    """Draw the inputs or the state of a request; a pattern stands for a list of components."""
    out: list[Any] = []
    for part in declared:
        name, prop = str(part["id"]), str(part["property"])
        if "ALL" in name:
            chosen = data.draw(st.dictionaries(st.sampled_from(NAMES), values, max_size=6))
            out.append(
                [
                    {"id": {"type": "set", "name": n}, "property": prop, "value": v}
                    for n, v in chosen.items()
                ]
            )
            continue
        usual = STORES.get(f"{name}.{prop}", STORES.get(name, st.integers(0, 9)))
        kind = json_values if data.draw(st.integers(0, 19)) == 0 else usual
        out.append({"id": name, "property": prop, "value": data.draw(kind)})
    return out


def request_of(data: st.DataObject, callback: dict[str, Any]) -> dict[str, Any]:
    """Draw a callback's request as the browser sends it."""
    output = str(callback["output"])
    outputs: list[Any] = []
    for text in output.removeprefix("..").removesuffix("..").split("..."):
        name, _, prop = text.rpartition(".")
        part = {"id": json.loads(name) if name.startswith("{") else name, "property": prop}
        shown = [{"id": {"type": "fault", "name": n}, "property": prop} for n in ("bar", "level")]
        outputs.append(shown if "ALL" in name else part)
    inputs = parts(data, callback["inputs"])
    triggers = [leaf for part in inputs for leaf in (part if isinstance(part, list) else [part])]
    changed = [
        f"{leaf['id'] if isinstance(leaf['id'], str) else json.dumps(leaf['id'], sort_keys=True)}"
        f".{leaf['property']}"
        for leaf in triggers[: data.draw(st.integers(0, 2))]
    ]
    return {
        "output": output,
        "outputs": outputs if output.startswith("..") else outputs[0],
        "inputs": inputs,
        "state": parts(data, callback["state"]),
        "changedPropIds": changed,
    }


@settings(PATIENT, max_examples=300)
@given(data=st.data())
def test_no_callback_breaks_whatever_a_browser_holds(standing: Server, data: st.DataObject) -> None:
    callback = data.draw(st.sampled_from(callbacks(standing)))
    before = files(standing.folder)
    answer = standing.client.post("/_dash-update-component", json=request_of(data, callback))
    assert "Traceback" not in answer.text
    assert answer.status_code in {200, 204, 400}, (callback["output"], answer.text[:300])
    assert files(standing.folder) == before


def test_what_the_pages_send_is_let_through(standing: Server) -> None:
    location = {"id": "_pages_location", "property": "pathname", "value": "/"}
    search = {"id": "_pages_location", "property": "search", "value": "?bar=5m&level=wrong"}
    output = ".._pages_content.children..._pages_store.data.."
    body = {
        "output": output,
        "outputs": [
            {"id": "_pages_content", "property": "children"},
            {"id": "_pages_store", "property": "data"},
        ],
        "inputs": [location, search],
        "state": [],
        "changedPropIds": ["_pages_location.pathname"],
    }
    answer = standing.client.post("/_dash-update-component", json=body)
    assert answer.status_code == 200
    assert "level: 'wrong' is not possible" in answer.text
    body["inputs"] = [location | {"value": ["/"]}, search]
    assert standing.client.post("/_dash-update-component", json=body).status_code == 400


@PATIENT
@given(body=json_values)
def test_no_callback_request_of_a_wrong_shape_breaks(standing: Server, body: object) -> None:
    answer = standing.client.post("/_dash-update-component", json=body)
    assert "Traceback" not in answer.text
    assert answer.status_code in {200, 204, 400, 404}
