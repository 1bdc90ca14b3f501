"""Prices go to integer units and back without a loss, or not at all."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.instrument import Instrument

NIFTY = Instrument("NIFTY", tick_size=10, lot_size=75)


@given(units=st.integers(-(10**15), 10**15), decimals=st.integers(0, 8))
def test_units_become_a_price_and_units_again(units: int, decimals: int) -> None:
    instrument = Instrument("X", price_scale=10**decimals)
    price = instrument.price_of(units)
    assert instrument.units_of(price) == units
    assert instrument.units_of(str(price)) == units
    assert price * 10**decimals == units
    assert instrument.price_decimals == decimals


@pytest.mark.parametrize(
    ("price", "units"),
    [("24899.10", 2489910), ("24899.1", 2489910), (7, 700), ("-0.05", -5), ("1e2", 10000)],
)
def test_prices_as_they_are_written(price: str | int, units: int) -> None:
    assert NIFTY.units_of(price) == units
    assert NIFTY.price_of(units) == Decimal(price)


@pytest.mark.parametrize("price", ["0.001", Decimal("24899.105"), "1." + "0" * 29 + "1"])
def test_a_finer_price_is_refused(price: str | Decimal) -> None:
    with pytest.raises(ValueError, match="finer than 1/100, the price unit of NIFTY"):
        NIFTY.units_of(price)


@pytest.mark.parametrize("price", ["", "abc", "nan", "Infinity", "-inf", "1e999999999", "1e-99"])
def test_what_is_no_price_is_refused_at_once(price: str) -> None:
    with pytest.raises(ValueError, match="is not a price"):
        NIFTY.units_of(price)


@pytest.mark.parametrize(
    "wrong",
    [
        *[{"price_scale": 0}, {"price_scale": 25}, {"price_scale": -100}, {"size_scale": 20}],
        *[{"tick_size": 0}, {"lot_size": 0}, {"lot_size": -75}],
    ],
)
def test_an_impossible_instrument_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Instrument("X", **wrong)
