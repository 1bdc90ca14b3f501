"""Files out of a store and in again: an export is written whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dashboard.errors import DashboardError, InputError, InstrumentUnknownError
from dashboard.settings import Settings
from dashboard.transfer import export_file, list_instruments
from dashboard.views.export import Wanted
from tests import stored

WANTED: Wanted = {
    "symbol": stored.SYMBOL,
    "bar": "5m",
    "level_size": "0.25",
    "cvd": "session",
    "value_area": "one-row",
    "start": None,
    "end": None,
}


@pytest.fixture
def store(tmp_path: Path) -> Settings:
    return stored.filled(tmp_path / "data")


def test_every_trade_is_in_the_export(store: Settings, tmp_path: Path) -> None:
    sentence = export_file(store, tmp_path / "out.json", "json", **WANTED)
    text = (tmp_path / "out.json").read_text(encoding="utf-8")
    assert sentence == f"{tmp_path / 'out.json'}: {len(text):,} characters written."
    document, trades = json.loads(text), stored.tape()
    assert sum(bar["volume"] for bar in document["bars"]) == trades.size.sum()
    assert sum(bar["delta"] for bar in document["bars"]) == (trades.size * trades.side).sum()
    assert sum(bar["trades"] for bar in document["bars"]) == len(trades)
    # The last minute is in no closed bar yet, and still not missing.
    assert document["bars"][-1]["close"] == trades.price[-1] / 100


def test_an_export_replaces_a_file_only_when_it_is_whole(store: Settings, tmp_path: Path) -> None:
    target = tmp_path / "out.json"
    target.write_text("before", encoding="utf-8")
    unknown, impossible = WANTED.copy(), WANTED.copy()
    unknown["symbol"], impossible["bar"] = "NOPE", "x"
    for wanted, error in ((unknown, InstrumentUnknownError), (impossible, InputError)):
        with pytest.raises(error):
            export_file(store, target, "json", **wanted)
        assert target.read_text(encoding="utf-8") == "before"
    export_file(store, target, "json", **WANTED)
    assert target.read_text(encoding="utf-8").startswith('{"symbol":"TAPE"')


@pytest.mark.parametrize("name", ["missing/out.json", "."])
def test_a_file_that_cannot_be_written_leaves_nothing(
    store: Settings, tmp_path: Path, name: str
) -> None:
    before = sorted(tmp_path.rglob("*.part"))
    with pytest.raises(DashboardError, match="cannot be written"):
        export_file(store, tmp_path / name, "json", **WANTED)
    assert sorted(tmp_path.rglob("*.part")) == before == []


def test_instruments_are_listed_with_their_sessions(store: Settings, tmp_path: Path) -> None:
    trades = stored.tape()
    lines = list_instruments(store)
    assert lines[0] == "TAPE: calendar 24x7, tick 0.05, lot 10"
    assert [line.split(":")[0].strip() for line in lines[1:]] == list(stored.DATES)
    counted = [int(line.split()[1].replace(",", "")) for line in lines[1:]]
    assert sum(counted) == len(trades)
    empty = Settings(feed="none", instruments=(), data_dir=tmp_path / "empty")
    assert list_instruments(empty) == ["Nothing is stored yet."]
