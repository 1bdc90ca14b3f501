"""`python -m dashboard export …`, option by option."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard import cli
from tests import stored

Export = Callable[..., Any]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    stored.fill(folder / "orderflow.db")
    return folder


@pytest.fixture
def export(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Export:
    """Return the command as a function of options: the file's text, parsed where it is JSON."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(data))

    def command(*options: str, bar: str = "5m", level: str = "0.25") -> Any:  # noqa: ANN401
        output = tmp_path / "out"
        wanted = ["--symbol", stored.SYMBOL, "--bar", bar, "--level-size", level]
        assert cli.main(["export", *wanted, *options, "-o", str(output)]) == 0
        text = output.read_bytes().decode()
        return json.loads(text) if text.startswith("{") else text

    return command


def test_format_json_is_what_one_gets_unasked(export: Export) -> None:
    assert export("--format", "json") == export()


def test_format_csv(export: Export) -> None:
    text = export("--format", "csv")
    document = export()
    rows = list(csv.DictReader(text.splitlines()))
    assert len(rows) == sum(len(bar["levels"]) for bar in document["bars"])
    assert text.count("\r\n") == text.count("\n") == len(rows) + 1


def test_format_html(export: Export) -> None:
    text = export("--format", "html")
    assert text.startswith("<!DOCTYPE html>")
    assert "plotly.js v" in text
    assert "Plotly.newPlot" in text


@pytest.mark.parametrize("form", ["json", "csv", "html"])
def test_from_and_to(export: Export, form: str) -> None:
    first, second = stored.DATES
    texts = [
        str(export("--format", form, *bounds))
        for bounds in (("--from", second), ("--to", first), ("--from", first, "--to", second))
    ]
    opens = ["2024-10-05T00:05:00" in text for text in texts]
    if form != "html":
        assert opens == [True, False, True]
        assert ["2024-10-04T23:30:00" in text for text in texts] == [False, True, True]
    else:
        headers = [text.split("<title>")[1].split("</title>")[0] for text in texts]
        assert headers == [f"TAPE 5m {d}" for d in (second, first, f"{first} – {second}")]


def test_value_area(export: Export) -> None:
    areas = {
        way: [(bar["val"], bar["vah"]) for bar in export("--value-area", way)["bars"]]
        for way in ("one-row", "cbot", "tradingview")
    }
    assert areas["one-row"] != areas["cbot"] != areas["tradingview"]
    assert areas["one-row"] == [(bar["val"], bar["vah"]) for bar in export()["bars"]]


def test_cvd(export: Export) -> None:
    deltas = [bar["delta"] for bar in export()["bars"]]
    assert export("--cvd", "continuous")["bars"][-1]["cvd"] == sum(deltas)
    by_session = export("--cvd", "session")
    second = by_session["sessions"][0]["bars"]
    assert by_session["bars"][-1]["cvd"] == sum(deltas[second:])


@pytest.mark.parametrize("bar", ["1m", "30s", "100t", "5000v", "20r", "500delta", "1d"])
def test_bar(export: Export, bar: str) -> None:
    document = export(bar=bar)
    assert document["bar"] == bar
    assert sum(b["trades"] for b in document["bars"]) > stored.COUNT * 0.9


def test_level_size(export: Export) -> None:
    coarse = export(level="1")
    assert coarse["level_size"] == 1
    assert {level["price"] % 1 for bar in coarse["bars"] for level in bar["levels"]} == {0}
