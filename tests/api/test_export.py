"""`GET /api/v1/bars` as a file: formats, names, and what each format is asked with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests import stored
from tests.api.conftest import Server

BARS = f"/api/v1/bars?symbol={stored.SYMBOL}"


@pytest.mark.parametrize(
    ("form", "media"), [("json", "application/json"), ("csv", "text/csv"), ("html", "text/html")]
)
def test_a_format_is_sent_as_a_file_with_a_name(standing: Server, form: str, media: str) -> None:
    answer = standing.client.get(f"{BARS}&format={form}&from={stored.DATES[1]}")
    assert answer.status_code == 200
    assert answer.mimetype == media
    name = f"TAPE_5m_{stored.DATES[1]}.{form}"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{name}"'


def test_without_a_format_a_program_gets_json_in_place(standing: Server) -> None:
    plain, file = standing.client.get(BARS), standing.client.get(f"{BARS}&format=json")
    assert "Content-Disposition" not in plain.headers
    assert plain.data == file.data


def test_a_files_name_holds_no_more_than_letters_and_digits(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = 'A/../"B;\n=ü'
    monkeypatch.setattr(stored, "SYMBOL", hostile)
    (server.folder / "orderflow.db").unlink()
    stored.fill(server.folder / "orderflow.db")
    answer = server.client.get(f"/api/v1/bars?symbol={quote(hostile)}&format=csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="A-..-B_5m.csv"'


def test_all_formats_hold_the_same_bars(standing: Server) -> None:
    document = standing.client.get(f"{BARS}&level=1").get_json()
    rows = csv.DictReader(io.StringIO(standing.client.get(f"{BARS}&level=1&format=csv").text))
    page = data_of(standing.client.get(f"{BARS}&level=1&unit=qty&format=html").text)
    levels = [level for bar in document["bars"] for level in bar["levels"]]
    assert [float(row["level_ask_volume"]) for row in rows] == [v["ask_volume"] for v in levels]
    assert page["options"]["payload"]["cells"]["a"] == [v["ask_volume"] for v in levels]


def test_a_page_looks_as_its_settings_say(standing: Server) -> None:
    look = "cells=delta&palette=colour-blind&cvd=off&table=off&poc=off"
    page = data_of(standing.client.get(f"{BARS}&format=html&{look}").text)
    options = page["options"]
    assert (options["cells"], options["cvd"], options["poc"]) == ("delta", "off", False)
    assert options["payload"]["rows"] == []
    assert page["figure"]["layout"]["yaxis2"]["visible"] is False
    plain = data_of(standing.client.get(f"{BARS}&format=html").text)["options"]
    assert plain["theme"]["buy"] != options["theme"]["buy"]


def test_the_share_of_the_value_area_counts_in_every_format(standing: Server) -> None:
    narrow, wide = (
        standing.client.get(f"{BARS}&bar=1d&level=0.25&vashare={share}").get_json()["bars"][0]
        for share in (50, 95)
    )
    assert narrow["vah"] - narrow["val"] < wide["vah"] - wide["val"]


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("format=csv&cells=delta", "cells"),
        ("format=json&cvd=off", "cvd"),
        ("format=html&cells=numbers", "cells"),
        ("format=html&session=2024-10-04", "session"),
        ("format=html&beat=250", "beat"),
        ("format=csv&vashare=10", "vashare"),
    ],
)
def test_what_a_format_does_not_know_is_refused(
    standing: Server, query: str, parameter: str
) -> None:
    answer = standing.client.get(f"{BARS}&{query}")
    assert answer.status_code == 400
    assert answer.get_json()["parameter"] == parameter
    assert "Content-Disposition" not in answer.headers


def test_a_page_carries_the_scripts_that_the_dashboard_serves(standing: Server, root: Path) -> None:
    text = standing.client.get(f"{BARS}&format=html").text
    for path in sorted((root / "assets" / "footprint").glob("*.js")):
        assert path.read_text(encoding="utf-8") in text
    assert "plotly.js v" in text


def data_of(page: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a page's data element holds."""
    return json.loads(page.split('id="data">')[1].split("</script>", maxsplit=1)[0])
