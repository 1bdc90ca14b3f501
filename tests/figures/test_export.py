from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import MINUTE, BarOrigin, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7, calendar_sim
from dashboard.domain.footprint import regroup
from dashboard.domain.instrument import Instrument
from dashboard.domain.merge import combine, merge
from dashboard.domain.profile import ValueArea
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.figures.export import export_bars, iso_time, to_json
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.trades_csv import import_trades
from tests.support import SHARED

TAPE = SHARED / "data" / "btcusd_perp_20240809"
OPEN = 1_723_161_600_000_000_000
DAY = 86_400 * 10**9
UTC = calendar_24x7()
X = Instrument("X", calendar="24x7", price_scale=100, tick_size=5, lot_size=75)

BAR_KEYS = [
    "start", "start_ns", "open", "high", "low", "close", "volume", "bid_volume", "ask_volume",
    "unknown_volume", "unattributed_volume", "trades", "delta", "min_delta", "max_delta", "cvd",
    "vwap", "session_vwap", "poc", "vah", "val", "levels",
]  # fmt: skip


def tape(*rows: tuple[int, int, int, int]) -> Trades:
    at, price, size, side = zip(*rows, strict=True)
    return Trades.build(event_ns=OPEN + np.array(at) * 10**9, price=price, size=size, side=side)


SMALL = tape(
    (0, 10005, 4, 1), (10, 10010, 1, -1), (61, 10020, 7, -1), (62, 10020, 2, 0),
    (86_400, 10000, 5, 1),
)  # fmt: skip


def minutes(trades: Trades) -> Bars:
    return aggregate(trades, MINUTE, UTC, 5)[0]


def read_back(document: dict[str, Any]) -> Any:  # noqa: ANN401 - what a JSON reader returns
    return json.loads(to_json(document), parse_float=Decimal, parse_int=Decimal)


def test_the_document_says_whose_bars_it_holds() -> None:
    found = read_back(export_bars(minutes(SMALL), X, UTC))
    assert list(found) == ["symbol", "bar", "level_size", "calendar", "bars", "sessions", "profile"]
    assert (found["symbol"], found["bar"], found["calendar"]) == ("X", "1m", "24x7")
    assert found["level_size"] == Decimal("0.05")
    assert all(list(bar) == BAR_KEYS for bar in found["bars"])


def test_every_number_of_a_bar() -> None:
    first, second, _ = read_back(export_bars(minutes(SMALL), X, UTC))["bars"]
    assert first == {
        "start": "2024-08-09T00:00:00+00:00",
        "start_ns": "1723161600000000000",
        "open": Decimal("100.05"),
        "high": Decimal("100.1"),
        "low": Decimal("100.05"),
        "close": Decimal("100.1"),
        "volume": 5,
        "bid_volume": 1,
        "ask_volume": 4,
        "unknown_volume": 0,
        "unattributed_volume": 0,
        "trades": 2,
        "delta": 3,
        "min_delta": 0,
        "max_delta": 4,
        "cvd": 3,
        "vwap": Decimal("100.06"),
        "session_vwap": Decimal("100.06"),
        "poc": Decimal("100.05"),
        "vah": Decimal("100.05"),
        "val": Decimal("100.05"),
        "levels": [
            {"price": Decimal("100.05"), "bid_volume": 0, "ask_volume": 4, "unknown_volume": 0,
             "trades": 1},
            {"price": Decimal("100.1"), "bid_volume": 1, "ask_volume": 0, "unknown_volume": 0,
             "trades": 1},
        ],
    }  # fmt: skip
    assert (second["delta"], second["unknown_volume"], second["trades"]) == (-7, 2, 2)
    assert second["levels"][0]["unknown_volume"] == 2


def test_cvd_starts_anew_with_the_session_or_goes_on() -> None:
    bars = minutes(SMALL)
    cvd = [bar["cvd"] for bar in export_bars(bars, X, UTC)["bars"]]
    assert cvd == [3, -4, 5]
    going_on = [bar["cvd"] for bar in export_bars(bars, X, UTC, continuous=True)["bars"]]
    assert going_on == [3, -4, 1]
    vwap = [bar["session_vwap"] for bar in export_bars(bars, X, UTC)["bars"]]
    assert vwap[1] == pytest.approx((5 * 100.06 + 9 * 100.2) / 14)
    assert vwap[2] == 100


def test_sessions_have_hours_totals_and_areas() -> None:
    first, second = read_back(export_bars(minutes(SMALL), X, UTC))["sessions"]
    assert (first["date"], first["label"], first["confirmed"]) == ("2024-08-09", "2024-08-09", True)
    assert (first["open"], first["open_ns"]) == ("2024-08-09T00:00:00+00:00", str(OPEN))
    assert first["close"] == "2024-08-10T00:00:00+00:00"
    assert (first["bars"], first["volume"], first["trades"], first["delta"]) == (2, 14, 4, -4)
    assert (first["poc"], second["poc"]) == (Decimal("100.2"), 100)


def test_the_profile_is_of_the_whole_range() -> None:
    profile = read_back(export_bars(minutes(SMALL), X, UTC))["profile"]
    assert [level["price"] for level in profile["levels"]] == [
        100, Decimal("100.05"), Decimal("100.1"), Decimal("100.2"),
    ]  # fmt: skip
    assert (profile["volume"], profile["trades"]) == (19, 5)
    assert (profile["poc"], profile["val"], profile["vah"]) == (
        Decimal("100.2"), Decimal("100.05"), Decimal("100.2"),
    )  # fmt: skip


def test_the_value_area_follows_the_convention() -> None:
    volumes = (5, 8, 20, 25, 60, 40, 75, 45, 90, 30, 30, 85, 20, 15, 12, 6)  # V4
    trades = tape(*((i, 100 * (90 + i), v, 1) for i, v in enumerate(volumes)))
    bars, _ = aggregate(trades, MINUTE, UTC, 100)
    areas = []
    for convention in ValueArea:
        (bar,) = export_bars(bars, X, UTC, convention=convention)["bars"]
        areas.append((bar["val"], bar["poc"], bar["vah"]))
    assert areas == [(94, 98, 101), (94, 98, 102), (94, 98, 100)]


def test_what_a_source_cannot_know_is_null() -> None:
    origin = BarOrigin(
        60, "nearest", ohlc_exact=False,
        absent=frozenset({"trades", "min_delta", "max_delta", "vwap"}),
    )  # fmt: skip
    document = export_bars(replace(minutes(SMALL), origin=origin), X, UTC)
    bar = document["bars"][0]
    for name in ("trades", "min_delta", "max_delta", "vwap", "session_vwap"):
        assert bar[name] is None, name
    assert bar["levels"][0]["trades"] is None
    assert (bar["cvd"], bar["delta"]) == (3, 3)
    assert document["sessions"][0]["trades"] is document["profile"]["trades"] is None
    assert document["profile"]["levels"][0]["trades"] is None
    assert '"trades":null' in to_json(document)


def test_a_gap_has_volume_but_no_levels() -> None:
    gap = Gap("X", OPEN + 120 * 10**9, OPEN + 130 * 10**9, 50, 10020, "no data")
    bars = merge(minutes(SMALL), gap_bars([gap], MINUTE, UTC, 5))
    bar = read_back(export_bars(bars, X, UTC))["bars"][2]
    assert (bar["volume"], bar["unattributed_volume"], bar["levels"]) == (50, 50, [])
    assert (bar["poc"], bar["vah"], bar["val"], bar["vwap"]) == (None, None, None, None)
    assert bar["session_vwap"] is not None


def test_no_bars_make_an_empty_document() -> None:
    document = read_back(export_bars(Bars.empty(MINUTE, 5), X, UTC))
    assert (document["bars"], document["sessions"], document["profile"]["levels"]) == ([], [], [])
    assert document["profile"]["poc"] is None


def test_starts_are_in_the_exchanges_time_with_every_ns() -> None:
    kolkata = ZoneInfo("Asia/Kolkata")
    assert iso_time(OPEN, kolkata) == "2024-08-09T05:30:00+05:30"
    assert iso_time(OPEN + 120_000_001, kolkata) == "2024-08-09T05:30:00.120000001+05:30"
    assert iso_time(OPEN + 500_000_000, kolkata) == "2024-08-09T05:30:00.5+05:30"
    sim = calendar_sim()
    bars, _ = aggregate(SMALL, BarSpec.parse("3t"), sim, 5)
    (bar, *_) = export_bars(bars, replace(X, calendar="sim"), sim)["bars"]
    assert bar["start"].endswith("+05:30")


@given(
    st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=20),
    st.integers(0, 9),
    st.integers(0, 9),
)
def test_prices_and_sizes_read_back_exactly(
    units: list[int], price_decimals: int, size_decimals: int
) -> None:
    price = np.array(units, dtype=np.int64)
    size = np.abs(price) // len(units) // 2
    instrument = replace(X, price_scale=10**price_decimals, size_scale=10**size_decimals)
    bars = Bars.zeros(MINUTE, 1, len(units)).with_columns(
        session_ns=np.full(len(units), OPEN),
        ordinal=np.arange(len(units)),
        start_ns=OPEN + np.arange(len(units)) * MINUTE.interval_ns,
        open=price,
        unattributed_volume=size,
    )
    found = read_back(export_bars(bars, instrument, UTC))["bars"]
    assert [bar["open"] for bar in found] == [Decimal(u).scaleb(-price_decimals) for u in units]
    assert [bar["volume"] for bar in found] == [
        Decimal(s).scaleb(-size_decimals) for s in size.tolist()
    ]


def test_only_numbers_are_written_raw() -> None:
    with pytest.raises(TypeError):
        to_json({"symbol": object()})
    assert (
        to_json({"a": Decimal("1E+20"), "b": Decimal("0.10")})
        == '{"a":100000000000000000000,"b":0.10}\n'
    )


# ----------------------------------------------------------------------------- the golden files


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bars, Instrument]:
    path: Path = tmp_path_factory.mktemp("golden") / "s.db"
    import_trades(path, [TAPE / "trades.csv"], symbol="BTCUSD", calendar="24x7")
    history = SqliteHistory(path)
    found = history.find_instrument("BTCUSD")
    assert found is not None
    return history.read_bars("BTCUSD"), found


def level_rows(levels: list[dict[str, Any]]) -> list[list[Any]]:
    names = ("price", "bid_volume", "ask_volume", "unknown_volume", "trades")
    return [[level[name] for name in names] for level in levels]


def golden_levels(rows: list[list[Any]]) -> list[list[Decimal]]:
    return [[Decimal(str(value)) for value in row] for row in rows]


@pytest.mark.skipif(not TAPE.exists(), reason="needs ../shared, a sibling of the clone")
@pytest.mark.parametrize(
    ("convention", "key"), [(ValueArea.ONE_ROW, "one_up"), (ValueArea.CBOT, "two_up")]
)
@pytest.mark.parametrize(("step", "units"), [("0.1", 1), ("10", 100)])
@pytest.mark.parametrize("seconds", [60, 300])
def test_the_golden_footprints_are_reproduced(
    stored: tuple[Bars, Instrument],
    seconds: int,
    step: str,
    units: int,
    convention: ValueArea,
    key: str,
) -> None:
    golden = json.loads((TAPE / "golden" / f"fp_{seconds}s_step{step}.json").read_text())
    bars = regroup(combine(stored[0], BarSpec.parse(f"{seconds}s")), units)
    document = read_back(export_bars(bars, stored[1], UTC, convention=convention, continuous=True))
    assert document["level_size"] == Decimal(step)
    same = {
        "open": "o", "high": "h", "low": "l", "close": "c", "trades": "n", "volume": "v",
        "bid_volume": "bv", "ask_volume": "av", "unknown_volume": "uv", "delta": "delta",
        "min_delta": "min_delta", "max_delta": "max_delta", "cvd": "cvd",
    }  # fmt: skip
    assert len(document["bars"]) == len(golden["bars"])
    for bar, expected in zip(document["bars"], golden["bars"], strict=True):
        assert bar["start_ns"] == str(expected["t"])
        assert {n: bar[n] for n in same} == {n: Decimal(str(expected[g])) for n, g in same.items()}
        assert abs(bar["vwap"] - Decimal(expected["vwap"])) <= Decimal("1e-10")
        assert bar["poc"] == Decimal(expected["poc"]["mid_low"])
        val, vah, _ = expected["va70"]["grid"][key]
        assert (bar["val"], bar["vah"]) == (Decimal(val), Decimal(vah))
        assert level_rows(bar["levels"]) == golden_levels(expected["levels"])
    profile, expected = document["profile"], golden["session"]
    assert profile["poc"] == Decimal(expected["poc"]["mid_low"])
    val, vah, _ = expected["va70"]["grid"][key]
    assert (profile["val"], profile["vah"]) == (Decimal(val), Decimal(vah))
    assert level_rows(profile["levels"]) == golden_levels(expected["levels"])
