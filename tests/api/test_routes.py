"""What each route answers, and how each wrong parameter is refused."""

from __future__ import annotations

import gzip
import re
from pathlib import Path
from typing import Any

import pytest

from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus
from dashboard.figures import payload
from tests import stored
from tests.api.conftest import NOW, VERSION, Server

LIVE = f"/api/v1/live?symbol={stored.SYMBOL}"
BARS = f"/api/v1/bars?symbol={stored.SYMBOL}"
ROUTES = ("/api/v1/live", "/api/v1/bars", "/api/v1/instruments", "/healthz", "/readyz")


def told(server: Server, path: str, status: int = 200) -> Any:  # noqa: ANN401 - any JSON
    answer = server.client.get(path)
    assert answer.status_code == status, answer.text[:500]
    assert answer.mimetype == "application/json"
    assert answer.headers["Cache-Control"] == "no-store"
    return answer.get_json()


# -------------------------------------------------------------------------- instruments


def test_instruments_and_their_sessions_are_listed(standing: Server) -> None:
    trades = stored.tape()
    (listed,) = told(standing, "/api/v1/instruments")["instruments"]
    sessions = listed.pop("sessions")
    assert listed == {
        "symbol": "TAPE", "exchange": "", "calendar": "24x7", "simulated": False,
        "price_scale": 100, "tick_size": "0.05", "lot_size": 10, "expiry": "",
    }  # fmt: skip
    assert [session["date"] for session in sessions] == list(stored.DATES)
    assert sum(session["trades"] for session in sessions) == len(trades)
    assert sum(session["volume"] for session in sessions) == trades.size.sum()


# -------------------------------------------------------------------------- bars


def test_bars_are_the_export(standing: Server) -> None:
    document = told(standing, f"{BARS}&bar=15m&level=0.25&cvd=continuous&va=cbot")
    assert (document["symbol"], document["bar"], document["level_size"]) == ("TAPE", "15m", 0.25)
    assert list(document["bars"][0]) == [
        "start", "start_ns", "open", "high", "low", "close", "volume", "bid_volume", "ask_volume",
        "unknown_volume", "unattributed_volume", "trades", "delta", "min_delta", "max_delta",
        "cvd", "vwap", "session_vwap", "poc", "vah", "val", "levels",
    ]  # fmt: skip
    assert sum(bar["volume"] for bar in document["bars"]) == stored.tape().size.sum()
    assert document["bars"][-1]["cvd"] == sum(bar["delta"] for bar in document["bars"])


def test_bars_of_a_range_of_sessions(standing: Server) -> None:
    whole = told(standing, f"{BARS}&bar=5m")
    parts = [told(standing, f"{BARS}&bar=5m&from={day}&to={day}") for day in stored.DATES]
    assert [part["bars"] for part in parts] == [
        [bar for bar in whole["bars"] if bar["start"].startswith(day)] for day in stored.DATES
    ]
    assert all(len(part["bars"]) > 1 for part in parts)


def test_the_layer_gets_stored_bars_in_its_own_form(standing: Server) -> None:
    body = told(
        standing, f"{BARS}&bar=1m&level=1&format=layer&from=2&to=6&session={stored.DATES[0]}"
    )
    assert (body["mode"], body["complete"], body["live"]) == ("HISTORY", True, None)
    assert body["bars"]["x"] == [2, 3, 4, 5, 6]
    assert body["first"] == 2


# -------------------------------------------------------------------------- live


def test_a_beat_brings_the_contracts_columns(standing: Server) -> None:
    body = told(standing, f"{LIVE}&bar=1m&level=1")
    contract = {
        "schema", "view", "figure", "version", "trade_seq", "receive_ms", "complete", "symbol",
        "bar", "mode", "estimated", "scale", "total", "first", "live", "live_end_ms", "bars",
        "cells", "zones", "rows", "row_names", "last", "min_volume", "feed",
    }  # fmt: skip
    assert contract <= set(body)
    columns = {
        "x", "ver", "label", "date", "start_ms", "end_ms", "o", "h", "l", "c", "vol", "bid", "ask",
        "unk", "una", "delta", "min", "max", "pct", "cvd", "cvo", "cvh", "cvl", "n", "vwap",
        "bvwap", "poc", "gap", "shade",
    }  # fmt: skip
    assert set(body["bars"]) == columns
    flat = {len(values) for name, values in body["bars"].items() if name != "shade"}
    assert flat | {len(values) for values in body["bars"]["shade"].values()} == {60}
    cells = body["cells"]
    assert set(cells) == {"off", "p", "b", "a", "u", "n", "hb", "ha", "ht", "hd", "m"}
    assert {len(values) for name, values in cells.items() if name != "off"} == {cells["off"][-1]}
    assert body["total"] - 1 == body["live"] == body["bars"]["x"][-1]
    assert (body["version"], body["trade_seq"]) == (VERSION, stored.COUNT)
    assert body["receive_ms"] == NOW // 1_000_000
    assert body["feed"] == {"state": "live", "age_ms": 250, "cause": ""}
    assert body["scale"]["unit"] == "lots"


def test_a_beat_brings_what_changed_and_then_nothing(server: Server) -> None:
    server.show()
    first = told(server, f"{LIVE}&bar=1m&level=1")
    known = f"{LIVE}&bar=1m&level=1&from=0&to=4999&view={first['view']}"
    for _ in range(2):  # a second time the board's version alone decides
        nothing = server.client.get(f"{known}&since={VERSION}")
        assert (nothing.status_code, nothing.data) == (204, b"")
        assert nothing.headers["X-Feed-Age-Ms"] == "250"
        assert nothing.headers["X-Feed-State"] == "live"
    server.show(VERSION + 1)
    news = told(server, f"{known}&since={VERSION}")
    assert (news["complete"], news["version"]) == (False, VERSION + 1)
    assert news["bars"]["x"] == [news["live"]]
    # Another view, or a version that was never told, is answered with everything.
    for asked in (f"{known}0&since={VERSION}", f"{known}&since=999", f"{known}&since=0"):
        whole = told(server, asked)
        assert whole["complete"]
        assert len(whole["bars"]["x"]) == whole["total"]


@pytest.mark.parametrize("path", [LIVE, BARS, f"{BARS}&format=layer"])
def test_large_answers_are_compressed_for_those_who_can_read_it(
    standing: Server, path: str
) -> None:
    plain = standing.client.get(path)
    packed = standing.client.get(path, headers={"Accept-Encoding": "br, gzip"})
    assert "Content-Encoding" not in plain.headers
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert int(packed.headers["Content-Length"]) == len(packed.data) < len(plain.data) / 2
    assert gzip.decompress(packed.data) == plain.data
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_small_answers_are_not_compressed(standing: Server) -> None:
    answer = standing.client.get("/readyz", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer.headers


# -------------------------------------------------------------------------- refusals

WRONG = [
    (f"{LIVE}&bar=5x", "bar", "use a size such as 5m, 30s"),
    (f"{LIVE}&bar=", "bar", "use a size such as 5m, 30s"),
    (f"{LIVE}&level=-1", "level", "auto, or a price above 0"),
    (f"{LIVE}&level=0.07", "level", "a multiple of the tick 0.05, such as 0.05 or 0.10"),
    (f"{LIVE}&cells=all", "cells", "bidask, delta, total or profile"),
    (f"{LIVE}&ratio=1", "ratio", "a number from 1.1 to 20"),
    (f"{LIVE}&stack=11", "stack", "a whole number from 2 to 10"),
    (f"{LIVE}&vashare=nan", "vashare", "a whole number from 50 to 95"),
    (f"{LIVE}&imb=maybe", "imb", "on or off"),
    (f"{LIVE}&colour=red", "colour", "symbol, bar, level"),
    (f"{LIVE}&from=-1", "from", "a whole number from 0"),
    (f"{LIVE}&from=5&to=4", "to", "a bar position from 5"),
    (f"{LIVE}&to=1e3", "to", "a whole number from 0"),
    (f"{LIVE}&since=-5", "since", "a whole number from 0"),
    (f"{LIVE}&since=99999999999999999999", "since", "a whole number from 0"),
    (f"{LIVE}&view=%3Cscript%3E", "view", "the view hash of an earlier answer"),
    (f"{LIVE}&level=auto&pane=0&span=10", "pane", "a whole number from 1"),
    (f"{LIVE}&level=auto&pane=x&span=10", "pane", "a whole number from 1"),
    (f"{LIVE}&level=auto&current=7", "current", "a multiple of the tick, 5"),
    (f"{LIVE}&anchor=monday", "anchor", "a whole number from 0"),
    (f"{LIVE}&format=xml", "format", "layer"),
    ("/api/v1/live", "symbol", "the symbol of a stored instrument"),
    ("/api/v1/bars", "symbol", "the symbol of a stored instrument"),
    ("/api/v1/bars?format=layer", "symbol", "the symbol of a stored instrument"),
    (f"{BARS}&bar=0s", "bar", "use a size such as 5m, 30s"),
    (f"{BARS}&level=NaN", "level", "auto, or a price above 0"),
    (f"{BARS}&cvd=off", "cvd", "session or continuous"),
    (f"{BARS}&va=most", "va", "one-row, cbot or tradingview"),
    (f"{BARS}&from=today", "from", "a date such as"),
    (f"{BARS}&to=2024-02-30", "to", "a date such as"),
    (f"{BARS}&from=2024-10-05&to=2024-10-04", "from", "a date up to 2024-10-04"),
    (f"{BARS}&from=2030-01-01", "from", "dates from 2024-10-04 to 2024-10-05"),
    (f"{BARS}&to=2020-01-01", "to", "dates from 2024-10-04 to 2024-10-05"),
    (f"{BARS}&format=xml", "format", "json, csv, html or layer"),
    (f"{BARS}&limit=5", "limit", "symbol, bar, level"),
    (f"{BARS}&format=layer&session=2020-01-01", "session", "a stored session from 2024-10-04"),
    (f"{BARS}&format=layer&to_date=2020-01-01", "to_date", "a stored session from 2024-10-04"),
    ("/api/v1/instruments?symbol=TAPE", "symbol", "no parameter"),
]


@pytest.mark.parametrize(("path", "name", "allowed"), WRONG)
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    standing: Server, path: str, name: str, allowed: str
) -> None:
    refused = told(standing, path, 400)
    assert refused["parameter"] == name
    assert refused["error"].startswith(f"{name}: ")
    assert allowed in refused["error"]
    assert refused["error"].endswith(".")


@pytest.mark.parametrize("route", ["/api/v1/live", "/api/v1/bars"])
def test_an_unknown_instrument_is_not_found(standing: Server, route: str) -> None:
    refused = told(standing, f"{route}?symbol=NOPE", 404)
    assert refused["error"] == "There is no instrument 'NOPE'. Known: TAPE."


def test_an_answer_has_a_largest_size(standing: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MAX_CELLS", 200)
    for path in (f"{LIVE}&level=0.05", f"{BARS}&format=layer&level=0.05&from=0&to=99"):
        refused = told(standing, path, 400)
        assert refused["parameter"] == "to"
        assert "at most 5,000 bars and 200 cells" in refused["error"]
    export = told(standing, f"{BARS}&level=0.05&bar=1m", 400)
    assert "200 cells" in export["error"]
    # A smaller window is possible.
    assert told(standing, f"{LIVE}&level=0.05&from=2&to=4")["bars"]["x"] == [2, 3, 4]


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nothing_can_be_written(standing: Server, route: str, method: str) -> None:
    assert standing.client.open(route, method=method, json={}).status_code == 405


# -------------------------------------------------------------------------- health


def test_the_process_is_healthy_whatever_the_feed_does(server: Server) -> None:
    server.show(state=FeedState.RETRYING)
    answer = server.client.get("/healthz")
    assert (answer.status_code, answer.text) == (200, "OK")


def test_ready_means_a_readable_store_and_a_feed_that_lives(server: Server) -> None:
    told(server, "/readyz")  # no feed was ever there: nothing to wait for
    server.show()
    ready = told(server, "/readyz")
    assert (ready["feed"], ready["feed_age_ms"], ready["store"]) == ("live", 250, "ok")
    server.clock.advance(60)
    assert told(server, "/readyz", 503)["feed_age_ms"] == 60_250
    failed = FeedStatus(
        FeedMode.LIVE, FeedState.RETRYING, "The line is busy.", heartbeat_ns=server.clock.now_ns()
    )
    server.board.publish_status(failed)
    refused = told(server, "/readyz", 503)
    assert (refused["feed"], refused["cause"]) == ("retrying", "The line is busy.")


def test_a_store_that_cannot_be_read_is_told(server: Server) -> None:
    database = server.folder / "orderflow.db"
    for file in server.folder.glob("orderflow.db*"):
        file.unlink()
    database.mkdir()
    assert "orderflow.db" in told(server, "/readyz", 503)["store"]
    for path in (LIVE, BARS, "/api/v1/instruments"):
        assert "orderflow.db" in told(server, path, 503)["error"]


# -------------------------------------------------------------------------- safety


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil"])
@pytest.mark.parametrize("route", ["/", *ROUTES])
def test_a_foreign_host_is_refused(standing: Server, route: str, host: str) -> None:
    answer = standing.client.get(route, headers={"Host": host})
    assert answer.status_code == 400
    assert stored.SYMBOL not in answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:5002", "localhost", "[::1]:5002"])
def test_this_machines_own_names_are_served(standing: Server, host: str) -> None:
    assert standing.client.get("/healthz", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("route", ["/", "/history", LIVE, "/api/v1/live", "/nowhere.js"])
def test_every_answer_has_safe_headers(standing: Server, route: str) -> None:
    headers = standing.client.get(route).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_pages_may_load_nothing_from_outside_and_run_no_foreign_script(standing: Server) -> None:
    page = standing.client.get("/")
    policy = dict(
        part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";")
    )
    assert policy["default-src"] == "'self'"
    assert policy["object-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in policy["script-src"]
    assert "://" not in page.headers["Content-Security-Policy"]
    inline = re.findall(r"<script(?![^>]*src=)[^>]*>", page.text)
    assert len(re.findall(r"'sha256-", policy["script-src"])) >= len(inline) - 1
    assert not re.findall(r"(?:src|href)=\"(?:https?:)?//", page.text)


def test_files_beside_the_styles_are_not_served(standing: Server) -> None:
    with standing.client.get("/styles/bootstrap.min.css") as style:
        assert style.mimetype == "text/css"
    for name in ("nothing.css", "__init__.py", "..", "%2e%2e"):
        assert standing.client.get(f"/styles/{name}").status_code == 404
    for name in ("../../__init__.py", "..%2F..%2F__init__.py", "%2Fetc%2Fpasswd"):
        # Dash answers unknown addresses with its page, which then says that there is none.
        answer = standing.client.get(f"/styles/{name}")
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert "Content-Security-Policy" in answer.headers


def test_a_body_too_large_is_refused(standing: Server) -> None:
    body = b'{"x": "' + b"x" * (4 * 1024 * 1024) + b'"}'
    answer = standing.client.post(
        "/_dash-update-component", data=body, content_type="application/json"
    )
    assert answer.status_code == 413


def test_asking_changes_nothing(server: Server) -> None:
    server.show()
    before = files(server.folder)
    for path in (LIVE, BARS, "/api/v1/instruments", "/", "/history", *(w[0] for w in WRONG)):
        server.client.get(path)
    assert files(server.folder) == before


def files(folder: Path) -> dict[str, bytes]:
    """Return the contents of a data folder; what SQLite shares among readers apart."""
    return {
        path.name: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.endswith("-shm")
    }
