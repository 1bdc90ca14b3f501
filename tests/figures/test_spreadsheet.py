from __future__ import annotations

import csv
import io
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.aggregate import gap_bars
from dashboard.domain.bars import MINUTE, BarOrigin, Bars
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.merge import merge
from dashboard.domain.quote import Gap
from dashboard.figures.export import export_bars
from dashboard.figures.spreadsheet import COLUMNS, to_csv
from tests.figures.test_export import OPEN, SMALL, X, minutes

UTC = calendar_24x7()


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def exported(bars: Bars, **options: Any) -> tuple[dict[str, Any], list[dict[str, str]]]:  # noqa: ANN401 - as export_bars takes them
    document = export_bars(bars, options.pop("instrument", X), UTC, **options)
    return document, rows_of(to_csv(document))


def test_there_is_a_row_for_every_level_of_every_bar() -> None:
    document, rows = exported(minutes(SMALL))
    assert [(row["start_ns"], row["level_of_bar"]) for row in rows] == [
        (bar["start_ns"], str(place))
        for bar in document["bars"]
        for place in range(1, len(bar["levels"]) + 1)
    ]
    assert tuple(rows[0]) == COLUMNS
    assert {row["session"] for row in rows} == {"2024-08-09", "2024-08-10"}


def test_every_number_is_the_one_of_the_json_export() -> None:
    document, rows = exported(minutes(SMALL))
    levels = [(bar, level) for bar in document["bars"] for level in bar["levels"]]
    for (bar, level), row in zip(levels, rows, strict=True):
        for name, value in bar.items():
            if isinstance(value, int | float):
                assert Decimal(row[name]) == Decimal(str(value)), name
        for name, value in level.items():
            assert Decimal(row[f"level_{name}"]) == Decimal(str(value)), name


def test_a_sheet_reads_the_bars_start_as_date_and_time() -> None:
    row = exported(minutes(SMALL))[1][0]
    assert (row["date"], row["time"]) == ("2024-08-09", "00:00:00")
    assert row["start"] == "2024-08-09T00:00:00+00:00"


def test_what_a_source_cannot_know_is_empty() -> None:
    absent = frozenset({"trades", "min_delta", "max_delta", "vwap"})
    origin = BarOrigin(60, "nearest", ohlc_exact=False, absent=absent)
    row = exported(replace(minutes(SMALL), origin=origin))[1][0]
    names = ("trades", "min_delta", "max_delta", "vwap", "session_vwap", "level_trades")
    assert {row[name] for name in names} == {""}
    assert row["delta"] == "3"


def test_a_bar_without_levels_has_one_row() -> None:
    gap = Gap("X", OPEN + 120 * 10**9, OPEN + 130 * 10**9, 50, 10020, "no data")
    rows = exported(merge(minutes(SMALL), gap_bars([gap], MINUTE, UTC, 5)))[1]
    (row,) = [row for row in rows if row["unattributed_volume"] == "50"]
    assert {value for name, value in row.items() if name.startswith("level_")} == {""}


@pytest.mark.parametrize("first", ["=", "+", "-", "@", "\t", "\r"])
def test_a_name_that_begins_like_a_formula_is_text(first: str) -> None:
    hostile = f'{first}HYPERLINK("http://x","y")'
    rows = exported(minutes(SMALL), instrument=replace(X, symbol=hostile))[1]
    assert {row["symbol"] for row in rows} == {f"'{hostile}"}


def test_a_negative_number_is_a_number() -> None:
    rows = exported(minutes(SMALL))[1]
    assert "-7" in {row["delta"] for row in rows}


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30))
def test_any_name_reads_back(symbol: str) -> None:
    rows = exported(minutes(SMALL), instrument=replace(X, symbol=symbol))[1]
    assert {row["symbol"].removeprefix("'") for row in rows} == {symbol.removeprefix("'")}


@given(st.lists(st.integers(-(2**62), 2**62), min_size=1, max_size=5), st.integers(0, 9))
def test_large_numbers_have_every_digit_and_no_exponent(units: list[int], decimals: int) -> None:
    bars = Bars.zeros(MINUTE, 1, len(units)).with_columns(
        session_ns=np.full(len(units), OPEN),
        ordinal=np.arange(len(units)),
        start_ns=OPEN + np.arange(len(units)) * MINUTE.interval_ns,
        open=np.array(units),
    )
    rows = exported(bars, instrument=replace(X, price_scale=10**decimals))[1]
    assert [Decimal(row["open"]) for row in rows] == [Decimal(u).scaleb(-decimals) for u in units]


def test_no_bars_make_a_header_alone() -> None:
    assert exported(Bars.empty(MINUTE, 5))[1] == []
