"""Recordings through the command line: in by `import`, out by `export`, equal to references.

The references are a slow, independent computation beside the clone; nothing of ours made them.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dashboard.errors import DashboardError
from dashboard.ports import Context
from dashboard.views.beat import BeatRequest
from dashboard.views.desk import Desk
from tests.e2e.support import Stores
from tests.fakes import FakeBoard, ManualClock
from tests.support import SHARED

GOLDEN = SHARED / "data" / "btcusd_perp_20240809" / "golden"
DERIVED = SHARED / "data" / "nifty_candles" / "derived.json"
Run = Callable[..., int]


def exported(run: Run, folder: Path, output: Path, *arguments: str) -> dict[str, Any]:
    """Return an export; every number is the decimal that stands in the file."""
    assert run(folder, "export", *arguments, "-o", str(output)) == 0
    with output.open(encoding="utf-8") as file:
        document: dict[str, Any] = json.load(file, parse_float=Decimal)
    return document


@pytest.mark.parametrize("convention", [("one-row", "one_up"), ("cbot", "two_up")])
@pytest.mark.parametrize("level", ["0.1", "10"])
@pytest.mark.parametrize("seconds", [60, 300])
def test_the_recorded_trades_give_the_golden_footprints(
    command: Run,
    imported: Path,
    tmp_path: Path,
    seconds: int,
    level: str,
    convention: tuple[str, str],
) -> None:
    golden = json.loads((GOLDEN / f"fp_{seconds}s_step{level}.json").read_text())
    got = exported(
        command, imported, tmp_path / "out.json", "--symbol", "BTC", "--bar", f"{seconds // 60}m",
        "--level-size", level, "--cvd", "continuous", "--value-area", convention[0],
    )  # fmt: skip
    plain = {
        "o": "open", "h": "high", "l": "low", "c": "close", "n": "trades", "v": "volume",
        "bv": "bid_volume", "av": "ask_volume", "uv": "unknown_volume", "delta": "delta",
        "min_delta": "min_delta", "max_delta": "max_delta", "cvd": "cvd",
    }  # fmt: skip
    assert len(got["bars"]) == len(golden["bars"]) > 0
    for bar, wanted in zip(got["bars"], golden["bars"], strict=True):
        assert int(bar["start_ns"]) == wanted["t"]
        for short, name in plain.items():
            assert Decimal(bar[name]) == Decimal(wanted[short]), (bar["start"], name)
        assert abs(Decimal(bar["vwap"]) - Decimal(wanted["vwap"])) < Decimal("1e-9")
        same_levels(bar["levels"], wanted["levels"])
        same_profile(bar, wanted, convention[1])
    same_levels(got["profile"]["levels"], golden["session"]["levels"])
    same_profile(got["profile"], golden["session"], convention[1])
    assert Decimal(got["level_size"]) == Decimal(level)
    assert [session["date"] for session in got["sessions"]] == ["2024-08-08", "2024-08-09"]


def same_levels(got: list[dict[str, str]], wanted: list[list[Any]]) -> None:
    names = ("price", "bid_volume", "ask_volume", "unknown_volume", "trades")
    rows = [[Decimal(level[name]) for name in names] for level in got]
    assert rows == [[Decimal(value) for value in level] for level in wanted]


def same_profile(got: dict[str, str], wanted: dict[str, Any], variant: str) -> None:
    """Compare POC and value area; the file's VAL is its lower, VAH its upper edge's level."""
    val, vah, _ = wanted["va70"]["grid"][variant]
    found = [Decimal(got[name]) for name in ("poc", "val", "vah")]
    assert found == [Decimal(wanted["poc"]["mid_low"]), Decimal(val), Decimal(vah)]


# --------------------------------------------------------------- the predecessor's database


def test_the_predecessors_database_is_taken_over_whole(
    command: Run, imported: Path, tmp_path: Path
) -> None:
    derived = json.loads(DERIVED.read_text(encoding="utf-8"))["bars"]
    got = exported(
        command, imported, tmp_path / "out.json", "--symbol", "NIFTY", "--bar", "5m",
        "--level-size", "2",
    )  # fmt: skip
    bars, lot = got["bars"], 75
    assert len(bars) == len(derived) == 222
    assert sum(bar["volume"] for bar in bars) == 240_151 * lot
    assert sum(bar["ask_volume"] for bar in bars) == 128_086 * lot
    assert sum(len(bar["levels"]) for bar in bars) == 2_478
    for bar, wanted in zip(bars, derived, strict=True):
        assert bar["start"] == wanted["ist"]
        for short, name in (("o", "open"), ("h", "high"), ("l", "low"), ("c", "close")):
            assert bar[name] == Decimal(wanted[short])
        assert [
            [level["price"], level["bid_volume"] / lot, level["ask_volume"] / lot]
            for level in bar["levels"]
        ] == [[Decimal(value) for value in level] for level in wanted["levels"]]
        same_profile(bar, wanted, "one_up")
        # What the predecessor never knew is null, not made up.
        assert {bar["trades"], bar["min_delta"], bar["max_delta"]} == {None}


@pytest.mark.parametrize(("bar", "minutes"), [("5m", 5), ("15m", 15), ("1h", 60)])
def test_the_predecessors_sessions_are_browsed_at_whole_multiples(
    imported: Path, bar: str, minutes: int
) -> None:
    desk = stored_desk(imported)
    derived = json.loads(DERIVED.read_text(encoding="utf-8"))["bars"]
    dates = [session.date for session in desk.series.sessions("NIFTY")]
    assert dates == sorted({wanted["ist"][:10] for wanted in derived})
    seen = 0
    for date in dates:
        values = {"symbol": "NIFTY", "bar": bar, "level": "2", "session": date}
        body = desk.beat(BeatRequest(values, scope="stored", first=0, last=4999)).body
        assert body is not None
        assert (body["mode"], body["live"], body["complete"]) == ("HISTORY", None, True)
        of_day = [w for w in derived if w["ist"].startswith(date)]
        open_ms = body["bars"]["start_ms"][0] // 60_000 % minutes
        assert {start // 60_000 % minutes for start in body["bars"]["start_ms"]} == {open_ms}
        assert sum(body["bars"]["vol"]) == sum(int(w["v"]) for w in of_day)
        assert sum(body["bars"]["delta"]) == sum(int(w["delta"]) for w in of_day)
        assert sum(body["cells"]["a"]) == sum(int(w["av"]) for w in of_day)
        assert body["scale"]["anchor"] == "nearest"
        seen += len(body["bars"]["x"])
    assert (seen == 222) == (bar == "5m")


@pytest.mark.parametrize(
    ("bar", "level", "said"),
    [
        ("1m", "2", "1m bars need single trades"),
        ("7m", "2", "7m bars need single trades"),
        ("100t", "2", "100t bars need single trades"),
        ("500delta", "2", "500delta bars need single trades"),
        ("5m", "1", "level: '1' is not possible; use a multiple of the tick 2.00"),
    ],
)
def test_what_the_predecessor_never_stored_is_refused_with_a_sentence(
    imported: Path, bar: str, level: str, said: str
) -> None:
    request = BeatRequest({"symbol": "NIFTY", "bar": bar, "level": level}, scope="stored")
    with pytest.raises(DashboardError) as refused:
        stored_desk(imported).beat(request)
    assert refused.value.user_text.startswith(said)
    assert refused.value.user_text.endswith(".")


@pytest.mark.parametrize("pane", [None, 40, 900])
def test_an_auto_level_of_the_predecessors_bars_is_their_own(
    imported: Path, pane: int | None
) -> None:
    request = BeatRequest(
        {"symbol": "NIFTY", "bar": "5m", "level": "auto"},
        scope="stored",
        pane_px=pane,
        span=None if pane is None else 20_000,
        current=None if pane is None else 200,
    )
    body = stored_desk(imported).beat(request).body
    assert body is not None
    assert body["scale"]["level"] == 200


def stored_desk(folder: Path) -> Desk:
    """Return a desk over a data folder without a feed."""
    return Desk(Context(Stores(folder).history, FakeBoard(), ManualClock()))
