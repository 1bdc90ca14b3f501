"""One validation for pages, api and command line: what is possible, and what each fault says."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.instrument import Instrument
from dashboard.errors import InputError
from dashboard.figures import view
from dashboard.figures.view import ViewErrors, ViewSettings

NIFTY = Instrument("NIFTY30SEP25FUT", tick_size=10, lot_size=75)
BANKNIFTY = Instrument("SIM:BANKNIFTY", tick_size=20, lot_size=35, simulated=True)
BTC = Instrument("BTCUSD_PERP", calendar="24x7", price_scale=10, tick_size=1)

decimals = st.decimals(min_value="1.1", max_value=20, places=3).map(str)
queries = st.fixed_dictionaries(
    {},
    optional={
        "symbol": st.sampled_from(["SIM:NIFTY", "M&M", "BAJAJ-AUTO"]),
        "bar": st.sampled_from(["5m", "60s", "100t", "20r", "500delta", "1d"]),
        "level": st.sampled_from(["auto", "2.00", "0.05", "10"]),
        **{name: st.sampled_from(words) for name, words in view.CHOICES.items()},
        **{
            name: st.sampled_from(["on", "off"])
            for name in ("numbers", "candles", "inbar", "poc", "imb", "stacks", "vwap", "table")
        },
        "ratio": decimals,
        "minvol": st.sampled_from(["auto", "0", "14", "007"]),
        "stack": st.integers(2, 10).map(str),
        "vashare": st.integers(50, 95).map(str),
        "bands": st.integers(0, 3).map(str),
        "beat": st.integers(100, 5000).map(str),
        "session": st.dates().map(str),
        "from_date": st.sampled_from(["2025-09-01", ""]),
        "to_date": st.sampled_from(["2025-09-30", ""]),
    },
)


@given(queries, st.sampled_from([None, NIFTY, BTC]))
def test_reading_what_was_written_changes_nothing(
    query: dict[str, str], instrument: Instrument | None
) -> None:
    settings = ViewSettings.parse(query)
    written = settings.to_query()
    defaults = view.defaults_for(instrument) if instrument and "symbol" in written else None
    assert ViewSettings.parse(written, defaults) == settings
    assert list(written) == [name for name in view.FIELD_NAMES if name in written]


def test_only_what_is_not_default_is_written() -> None:
    settings = ViewSettings.parse({"symbol": "SIM:NIFTY", "cells": "delta", "poc": "on"})
    assert settings.to_query() == {"symbol": "SIM:NIFTY", "bar": "1m", "cells": "delta"}
    assert ViewSettings().to_query() == {"bar": "1m"}


def test_controls_may_send_numbers_booleans_and_nothing() -> None:
    settings = ViewSettings.parse({"poc": False, "ratio": 4.0, "stack": 5, "bands": None})
    assert (settings.poc, settings.ratio, settings.stack, settings.bands) == (False, 4.0, 5, 0)


def test_spellings_become_canonical() -> None:
    settings = ViewSettings.parse({"bar": " 60s", "level": "2.00", "minvol": "014"})
    assert (settings.bar, settings.level, settings.minvol) == ("1m", "2", "14")
    assert settings.bar_spec.interval_ns == 60_000_000_000


def test_names_that_are_no_setting_are_the_callers_matter() -> None:
    assert ViewSettings.parse({"from": "12", "since": "9", "view": "ab"}) == ViewSettings()
    assert not {"from", "to", "since", "view"} & set(view.FIELD_NAMES)


WRONG = {
    "symbol": ["", "x" * 65, "A\x00B"],
    "bar": ["5x", "0m", "2d", "٥m"],
    "level": ["-1", "0", "0.0", "1e3", "nan", "٢", "2,00", ""],
    "cells": ["BIDASK ask", ""],
    "ratio": ["1.09", "20.01", "inf", "3×"],
    "minvol": ["-1", "1.5", "auto auto"],
    "stack": ["1", "11", "3.5", "²"],
    "vashare": ["49", "96"],
    "pwidth": ["29", "221"],
    "bands": ["4"],
    "poc": ["yes please", ""],
    "session": ["2025-02-30", "20250911", "yesterday"],
    "beat": ["99", "5001"],
}


@pytest.mark.parametrize(("name", "text"), [(n, t) for n, ts in WRONG.items() for t in ts])
def test_a_fault_names_the_setting_and_what_is_allowed(name: str, text: str) -> None:
    with pytest.raises(ViewErrors) as caught:
        ViewSettings.parse({name: text})
    sentence = caught.value.sentences[name]
    assert sentence.startswith(f"{name}: ")
    assert "; use " in sentence
    assert not sentence.endswith("use .")


def test_all_faults_come_at_once_and_are_one_input_error() -> None:
    with pytest.raises(InputError) as caught:
        ViewSettings.parse({"ratio": "99", "va": "zz", "bar": "?", "poc": "on"})
    assert isinstance(caught.value, ViewErrors)
    assert list(caught.value.sentences) == ["bar", "ratio", "va"]
    assert all(text in str(caught.value) for text in caught.value.sentences.values())
    assert caught.value.user_text == str(caught.value)
    assert "one-row, cbot or tradingview" in caught.value.sentences["va"]


def test_a_range_of_dates_does_not_run_backwards() -> None:
    with pytest.raises(ViewErrors) as caught:
        ViewSettings.parse({"from_date": "2025-09-12", "to_date": "2025-09-11"})
    assert "2025-09-11" in caught.value.sentences["from_date"]
    assert ViewSettings.parse({"from_date": "2025-09-12"}).from_date == "2025-09-12"


def test_a_preset_brings_its_ratio_unless_one_is_given() -> None:
    ninja = ViewSettings.parse({"preset": "ninjatrader"})
    assert ninja.ratio == 1.5
    assert "ratio" not in ninja.to_query()
    assert ViewSettings.parse({"preset": "ninjatrader", "ratio": "3"}).to_query()["ratio"] == "3"


def test_changing_a_setting_keeps_the_others() -> None:
    settings = ViewSettings.parse({"preset": "ninjatrader", "poc": "off"})
    back = settings.change({"preset": "standard"})
    assert (back.ratio, back.poc) == (3.0, False)
    assert settings.change({"ratio": "2"}).preset == "ninjatrader"
    assert settings.change({"preset": "ninjatrader"}) == settings
    with pytest.raises(ViewErrors):
        settings.change({"stack": "99"})


def test_first_look_depends_on_the_instrument() -> None:
    assert view.defaults_for(NIFTY).bar == "5m"
    assert view.defaults_for(BANKNIFTY).bar == "1m"
    assert view.defaults_for(BTC).bar == "1m"
    assert view.starting_level(NIFTY) == 200
    assert view.starting_level(NIFTY, early=True) == 500
    assert view.starting_level(BANKNIFTY) == 1000
    assert view.starting_level(BTC) == 20
    coarse = dataclasses.replace(NIFTY, tick_size=300)
    assert view.starting_level(coarse) == 300


def test_a_chosen_level_is_whole_ticks() -> None:
    chosen = ViewSettings.parse({"level": "2.10"})
    assert view.resolve_level(chosen, NIFTY, span=99, pane_px=600, current=500) == 210


@pytest.mark.parametrize(
    ("level", "nearest"),
    [("2.05", "2.00 or 2.10"), ("2.001", "2.00 or 2.10"), ("0.03", "0.10 or 0.20")],
)
def test_a_level_between_two_ticks_is_refused_naming_both(level: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"tick 0.10, such as {nearest}"):
        view.resolve_level(ViewSettings.parse({"level": level}), NIFTY)


def test_auto_before_a_pane_was_measured() -> None:
    assert view.resolve_level(ViewSettings(), NIFTY) == 200
    assert view.resolve_level(ViewSettings(), NIFTY, current=500) == 500
    assert view.resolve_level(ViewSettings(), NIFTY, span=0, pane_px=600) == 200


@pytest.mark.parametrize(
    ("instrument", "span", "size"),
    [(NIFTY, 6000, 200), (NIFTY, 15000, 500), (NIFTY, 40000, 1000), (BANKNIFTY, 40000, 1000)],
)
def test_auto_fits_the_pane(instrument: Instrument, span: int, size: int) -> None:
    assert view.resolve_level(ViewSettings(), instrument, span, 600) == size


def test_a_view_is_named_by_what_its_payload_depends_on() -> None:
    base = ViewSettings(symbol="A")
    name = view.view_hash(base, 1, 2, (200,))
    assert len(name) == 16
    assert name == view.view_hash(dataclasses.replace(base, cells="delta", poc=False), 1, 2, (200,))
    others = {
        view.view_hash(dataclasses.replace(base, unit="qty"), 1, 2, (200,)),
        view.view_hash(dataclasses.replace(base, symbol="B"), 1, 2, (200,)),
        view.view_hash(base, 2, 2, (200,)),
        view.view_hash(base, 1, 3, (200,)),
        view.view_hash(base, 1, 2, (500,)),
        view.view_hash(base, 1, 2),
    }
    assert len(others | {name}) == 7


def test_the_layer_paints_no_stacks_without_imbalances() -> None:
    assert view.layer_options(ViewSettings())["stacks"] is True
    assert view.layer_options(ViewSettings(imb=False))["stacks"] is False
