"""Trades as columns: one length, one type each, order kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dashboard.domain.trade import NO_PRICE, TRADE_DTYPE, AggressorSide, SideRule, Trades

NAMES = TRADE_DTYPE.names or ()
ONE: dict[str, Any] = {"event_ns": [7], "price": [100], "size": [3], "side": [AggressorSide.BUY]}


def _rows(trades: Trades) -> list[tuple[int, ...]]:
    return list(zip(*(getattr(trades, name).tolist() for name in NAMES), strict=True))


def _numbered(count: int) -> Trades:
    n = np.arange(count)
    return Trades.build(event_ns=n, price=n + 100, size=n + 1, side=n % 3 - 1, seq=n + 1)


def test_columns_not_given_have_their_defaults() -> None:
    trades = Trades.build(**ONE)
    assert _rows(trades) == [(0, 7, 7, 100, 3, 1, SideRule.SOURCE, NO_PRICE, NO_PRICE, 0)]
    assert {name: getattr(trades, name).dtype for name in NAMES} == {
        name: TRADE_DTYPE[name] for name in NAMES
    }


@pytest.mark.parametrize("name", [*ONE, "sides"])
def test_a_missing_or_misspelt_column_is_refused(name: str) -> None:
    columns = {**ONE, name: [1]} if name not in ONE else {n: ONE[n] for n in ONE if n != name}
    with pytest.raises(TypeError, match=name):
        Trades.build(**columns)


def test_columns_of_different_length_are_refused() -> None:
    with pytest.raises(ValueError, match="column bid has shape"):
        Trades.build(**ONE, bid=[1, 2])


def test_an_empty_batch_is_a_batch() -> None:
    assert len(Trades.empty()) == 0
    assert _rows(Trades.concat([])) == []
    assert _rows(Trades.concat([Trades.empty(), Trades.build(**ONE)])) == _rows(Trades.build(**ONE))


@given(count=st.integers(0, 20), place=st.integers(0, 20))
def test_parts_join_to_the_whole(count: int, place: int) -> None:
    whole = _numbered(count)
    parts = [whole.take(slice(None, place)), whole.take(slice(place, None))]
    assert _rows(Trades.concat(parts)) == _rows(whole)


def test_rows_are_taken_by_mask_and_index() -> None:
    trades = _numbered(4)
    assert trades.take(trades.price > 101).seq.tolist() == [3, 4]
    assert trades.take(np.array([3, 0])).seq.tolist() == [4, 1]


def test_replacing_a_column_leaves_the_batch_alone() -> None:
    trades = _numbered(3)
    changed = trades.replace(seq=[7, 8, 9])
    assert changed.seq.tolist() == [7, 8, 9]
    assert trades.seq.tolist() == [1, 2, 3]
    assert_array_equal(changed.price, trades.price)
