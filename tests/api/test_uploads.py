"""The routes of the import card: who may use them, what they take, what they answer."""

from __future__ import annotations

import time
from typing import Any

import pytest
from werkzeug.test import TestResponse

from dashboard.api.origin import require_own_page
from dashboard.errors import ForeignPageError
from tests.api.conftest import Server

URL = "/api/v1/imports"
OWN = {"Sec-Fetch-Site": "same-origin"}
TRADES = "time;price;qty;side\n" + "".join(
    f"2025-09-11T09:15:{k:02d}+05:30;{100 + k % 3}.5;{k + 1};B\n" for k in range(60)
)


def send(server: Server, data: bytes | str = TRADES, **headers: str) -> TestResponse:
    return server.client.post(f"{URL}?name=my+trades.csv", data=data, headers=OWN | headers)


def begin(server: Server, upload: str, body: Any, **headers: str) -> TestResponse:  # noqa: ANN401
    return server.client.post(f"{URL}/{upload}", json=body, headers=OWN | headers)


def finished(server: Server, upload: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    end = time.monotonic() + 20
    while (found := server.client.get(f"{URL}/{upload}").get_json())["state"] == "running":
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def test_a_file_goes_from_the_page_into_the_store(server: Server) -> None:
    answer = send(server)
    assert answer.status_code == 201
    sent = answer.get_json()
    assert sent["name"] == "my trades.csv"
    assert sent["mapping"] == {"time": "time", "price": "price", "size": "qty", "side": "side"}
    assert sent["rows"][1] == ["2025-09-11T09:15:01+05:30", "101.5", "2", "B"]
    choices = {"symbol": " NEW ", "calendar": "nse-fo", "tick_size": "0.05", "lot_size": "75"}
    assert begin(server, sent["id"], choices).status_code == 202
    done = finished(server, sent["id"])
    assert (done["state"], done["done"]) == ("done", 60)
    (found,) = [
        i
        for i in server.client.get("/api/v1/instruments").get_json()["instruments"]
        if i["symbol"] == "NEW"
    ]
    assert (found["tick_size"], found["lot_size"]) == ("0.05", 75)


def test_a_body_larger_than_other_routes_take_is_taken(server: Server) -> None:
    rows = TRADES.splitlines(keepends=True)
    large = rows[0] + "".join(rows[1:]) * 3000
    assert len(large) > 4 << 20
    assert send(server, large).status_code == 201


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
)
def test_other_pages_may_change_nothing(server: Server, headers: dict[str, str]) -> None:
    upload = send(server).get_json()["id"]
    client = server.client
    for answer in (
        client.post(f"{URL}?name=x", data=TRADES, headers=headers),
        client.post(f"{URL}/{upload}", json={"symbol": "X"}, headers=headers),
        client.delete(f"{URL}/{upload}", headers=headers),
    ):
        assert answer.status_code == 403
        assert answer.get_json()["error"].startswith("This can be done from a page")
    assert client.get(f"{URL}/{upload}").get_json()["state"] == "waiting"


def test_a_browser_that_names_the_origin_alone_is_trusted_by_it() -> None:
    require_own_page(None, "http://127.0.0.1:5002", "http://127.0.0.1:5002")
    for origin in ("http://127.0.0.1:5003", "https://127.0.0.1:5002", "null", "", None):
        with pytest.raises(ForeignPageError):
            require_own_page(None, origin, "http://127.0.0.1:5002")


@pytest.mark.parametrize(
    ("body", "parameter"),
    [
        ([], "body"),
        ({"symbol": 7}, "symbol"),
        ({"symbol": "x" * 201}, "symbol"),
        ({"colour": "red"}, "colour"),
        ({"symbol": "X", "columns": ["time"]}, "columns"),
        ({"symbol": "X", "columns": {"time": 7}}, "columns"),
        ({"symbol": "X", "skip_bad_rows": "yes"}, "skip-bad-rows"),
    ],
)
def test_choices_of_another_shape_are_refused(server: Server, body: object, parameter: str) -> None:
    upload = send(server).get_json()["id"]
    answer = begin(server, upload, body)
    assert answer.status_code == 400
    assert answer.get_json()["parameter"] == parameter


def test_a_body_that_is_no_json_is_refused(server: Server) -> None:
    upload = send(server).get_json()["id"]
    answer = server.client.post(f"{URL}/{upload}", data="symbol=X", headers=OWN)
    assert (answer.status_code, answer.get_json()["parameter"]) == (400, "body")


def test_what_the_import_refuses_is_a_sentence(server: Server) -> None:
    upload = send(server).get_json()["id"]
    begin(server, upload, {"symbol": "NEW", "calendar": "nyse"})
    failed = finished(server, upload)
    assert failed["state"] == "failed"
    assert failed["sentences"][0].startswith("calendar: 'nyse' is not possible")
    begin(server, upload, {"symbol": "NEW", "columns": {"price": "cost"}})
    assert finished(server, upload)["sentences"][0].startswith("my trades.csv, line 1: there is no")


def test_a_file_is_dropped(server: Server) -> None:
    upload = send(server).get_json()["id"]
    assert server.client.delete(f"{URL}/{upload}", headers=OWN).status_code == 204
    assert server.client.get(f"{URL}/{upload}").status_code == 400


@pytest.mark.parametrize("upload", ["x", "..", "0" * 32, "0" * 65])
def test_other_names_are_none_of_files(server: Server, upload: str) -> None:
    answer = server.client.get(f"{URL}/{upload}")
    assert answer.status_code in {400, 404}
    assert not (server.folder / "uploads").exists() or not list(
        (server.folder / "uploads").iterdir()
    )


def test_a_file_without_a_size_is_refused(server: Server) -> None:
    refused = send(server, **{"Transfer-Encoding": "chunked"})
    assert refused.status_code == 400
    assert refused.get_json()["parameter"] == "Content-Length"
