"""Packets one by one and as columns hold the same."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from dashboard.domain.quote import BookLevel, Quote, QuoteArrays
from dashboard.domain.trade import NO_PRICE

FULL = Quote(
    *("X", 5, 6, 100, 1, 50),
    bids=(BookLevel(99, 10, 2), BookLevel(98, 5)),
    asks=(BookLevel(101, 7),),
    last_trade_ns=4,
    source_seq=9,
)
BARE = Quote("X", 7, 8, 102, 0, 51)


def test_the_best_book_is_the_first_level() -> None:
    assert (FULL.bid, FULL.ask) == (99, 101)
    assert (BARE.bid, BARE.ask) == (NO_PRICE, NO_PRICE)


def test_columns_are_the_packets_fields() -> None:
    arrays = QuoteArrays.of([FULL, BARE])
    assert len(arrays) == 2
    for field in fields(QuoteArrays):
        column = getattr(arrays, field.name)
        assert column.tolist() == [getattr(FULL, field.name), getattr(BARE, field.name)]
        assert column.dtype == np.int64
        assert column.flags.c_contiguous
    assert len(QuoteArrays.of([])) == 0


def test_columns_not_given_have_their_defaults() -> None:
    arrays = QuoteArrays.build(event_ns=[5, 7], last_price=[100, 102], day_volume=[50, 51], ask=103)
    assert arrays.receive_ns.tolist() == [5, 7]
    assert arrays.bid.tolist() == [NO_PRICE, NO_PRICE]
    assert arrays.ask.tolist() == [103, 103]
    assert arrays.last_trade_ns.tolist() == [0, 0]


def test_rows_are_taken_in_order() -> None:
    arrays = QuoteArrays.of([FULL, BARE])
    assert arrays.take(np.array([1, 0])).event_ns.tolist() == [7, 5]
    assert arrays.take(slice(1, 2)).last_price.tolist() == [102]


def test_wrong_columns_are_refused() -> None:
    with pytest.raises(TypeError, match="day_volume"):
        QuoteArrays.build(event_ns=[1], last_price=[1])
    with pytest.raises(TypeError, match="bids"):
        QuoteArrays.build(event_ns=[1], last_price=[1], day_volume=[1], bids=[1])
    with pytest.raises(ValueError, match="column last_price has shape"):
        QuoteArrays.build(event_ns=[1], last_price=[1, 2], day_volume=[1])
