"""The literals of `vectors` are the design's numbers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.domain import vectors as v
from tests.support import SHARED

FILE = SHARED / "design" / "vectors.json"
pytestmark = pytest.mark.skipif(not FILE.exists(), reason="../shared/design is not present")


@pytest.fixture(scope="module")
def design() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILE.read_text())
    return loaded


def _by_price(rows: dict[str, Any]) -> dict[int, Any]:
    return {int(p): tuple(x) if isinstance(x, list) else x for p, x in rows.items()}


def _named(cases: dict[str, Any], start: str) -> dict[str, Any]:
    found: dict[str, Any] = next(case for name, case in cases.items() if name.startswith(start))
    return found


@pytest.mark.parametrize("platform", v.V2_BUY_SELL_STACKS)
def test_imbalances(design: dict[str, Any], platform: str) -> None:
    case = _named(design["V2"], platform)
    stacks = [(low, high) for low, high, _ in case["buy_stacks3"]]
    assert v.V2_BUY_SELL_STACKS[platform] == (case["buy"], case["sell"], stacks)
    assert v.V3_BUY[platform] == _named(design["V3"], platform)["buy"]


def test_imbalance_totals(design: dict[str, Any]) -> None:
    totals = design["V2"]["totals"]
    assert sum(bid for bid, _ in v.V2.values()) == totals["bid"]
    assert sum(ask for _, ask in v.V2.values()) == totals["ask"]
    assert _named(design, "V3b")["by_price"] == v.V3B_BUY


def test_value_areas(design: dict[str, Any]) -> None:
    v4, v5 = design["V4"], design["V5 tie"]
    assert (_by_price(v4["v"]), v4["poc"]) == (v.V4, v.V4_POC)
    names = {"one-row": "one_row_at_least_tie_up", "cbot": "two_row_tie_up"}
    names["tradingview"] = "tradingview_at_most"
    assert {ours: tuple(v4[theirs]) for ours, theirs in names.items()} == v.V4_AREAS
    assert (_by_price(v5["v"]), v5["poc"]) == (v.V5, v.V5_POC)
    names = {"one-row": "one_up", "cbot": "two_up", "tradingview": "tv"}
    assert {ours: tuple(v5[theirs]) for ours, theirs in names.items()} == v.V5_AREAS


def test_pocs(design: dict[str, Any]) -> None:
    assert {n: (_by_price(c["v"]), c["mid_low"]) for n, c in design["V6"].items()} == v.V6
    assert {name: design["V17"][name] for name in v.V17} == v.V17


def test_vwap_and_cvd(design: dict[str, Any]) -> None:
    assert [list(t) for t in v.V7_TRADES] == design["V7"]["trades"]
    v7 = design["V7"]
    assert (v7["vwap"], v7["variance"], v7["sd"]) == (v.V7_VWAP, v.V7_VARIANCE, v.V7_SIGMA)
    v7b = _named(design, "V7b")
    assert ([tuple(bar) for bar in v7b["bars"]], v7b["vwap"]) == (v.V7B_BARS, v.V7B_VWAP)
    v8 = design["V8"]
    assert [tuple(d) for d in v8["deltas"]] == v.V8_DELTAS
    assert (v8["continuous"], v8["session"]) == (v.V8_CONTINUOUS, v.V8_SESSION)
    assert [tuple(c) for c in design["V8b CVD candles"]] == v.V8B_CANDLES


def test_cot_and_divergence(design: dict[str, Any]) -> None:
    assert [tuple(bar) for bar in design["V10"]["bars"]] == v.V10_BARS
    assert [tuple(c) for c in design["V10"]["cot_high_low"]] == v.V10_HIGH_LOW
    v16 = design["V16"]
    assert ([tuple(bar) for bar in v16["bars"]], v16["cvd"]) == (v.V16_BARS, v.V16_CVD)
    signs = {None: 0, "bull bar, delta<0": -1, "bear bar, delta>0": 1}
    assert [signs[text] for text in v16["bar_level"]] == v.V16_DIVERGENCE


def test_aggressor(design: dict[str, Any]) -> None:
    hundredfold = [
        tuple(None if x is None else round(x * 100) for x in row) for row in design["V11"]["q"]
    ]
    assert hundredfold == v.V11_TRADES
    assert [tuple(s) for s in design["V11"]["quote_then_tick"]] == v.V11_SIDES
    assert [tuple(c) for c in design["V12"]["cum"]] == v.V12
    assert tuple(design["V12"]["sizes"]) == v.V12_SIZES


def test_level_sizes(design: dict[str, Any]) -> None:
    expected = {name: (f"{size / 100:.2f}", px) for name, (_, _, size, px) in v.V15.items()}
    assert {name: tuple(case) for name, case in design["V15"].items()} == expected
