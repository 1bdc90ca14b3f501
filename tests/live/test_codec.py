"""Bytes of the live board: identity there and back, and a refusal of everything else."""

from __future__ import annotations

import math
import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import BarKind, BarOrigin, Bars, BarSpec
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus, LiveState, SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import BookLevel, Quote
from dashboard.errors import CorruptStoreError
from dashboard.live.codec import (
    PREAMBLE,
    decode_state,
    decode_status,
    encode_state,
    encode_status,
)
from tests.live.states import assert_equal_states, live_state, numbered_bars

ints = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**62)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
floats = st.floats(allow_nan=False, allow_infinity=False)

levels = st.builds(BookLevel, ints, ints, ints)
books = st.lists(levels, max_size=5).map(tuple)
quotes = st.builds(
    Quote,
    symbol=texts,
    bids=books,
    asks=books,
    **dict.fromkeys(
        ["event_ns", "receive_ns", "last_price", "last_size", "day_volume", "last_trade_ns"], ints
    ),
    **dict.fromkeys(["average_price", "open_price", "open_interest", "source_seq"], ints),
)
origins = st.builds(
    BarOrigin,
    counts,
    st.sampled_from(["floor", "nearest"]),
    st.booleans(),
    st.frozensets(texts, max_size=3),
)
specs = st.builds(BarSpec, st.sampled_from(BarKind), st.integers(1, 10**9))
bars = st.builds(
    numbered_bars, st.lists(st.integers(0, 9), max_size=4), specs, origins, st.integers(0, 10**6)
)
states = st.builds(
    LiveState,
    **dict.fromkeys(
        ["version", "trade_seq", "receive_ns", "session_ns", "last_price", "gaps", "first_ns"], ints
    ),
    symbol=texts,
    open_bars=bars,
    quote=st.none() | quotes,
    provenance=st.builds(
        Provenance, st.lists(counts, min_size=6, max_size=6).map(tuple), counts, counts, counts
    ),
    updates_per_s=floats,
    extra=st.dictionaries(texts, ints, max_size=3),
    totals=st.builds(SessionTotals, ints, ints, ints, counts, counts, counts, counts, counts),
)
statuses = st.builds(
    FeedStatus,
    mode=st.sampled_from(FeedMode),
    state=st.sampled_from(FeedState),
    cause=texts,
    since_ns=ints,
    heartbeat_ns=ints,
    leader_pid=counts,
    sides_estimated=st.booleans(),
    speed=floats | st.just(math.inf),
)


@settings(max_examples=60)
@given(states)
def test_decode_returns_the_state_that_was_encoded(state: LiveState) -> None:
    assert_equal_states(decode_state(encode_state(state)), state)


@settings(max_examples=60)
@given(statuses)
def test_decode_returns_the_status_that_was_encoded(status: FeedStatus) -> None:
    assert decode_status(encode_status(status)) == status


def test_columns_of_other_integer_types_and_layouts_come_back_as_int64() -> None:
    plain = live_state()
    odd = plain.open_bars.with_columns(
        level_bid=np.arange(60, dtype=np.int32)[::2], gap=np.array([1], np.uint8)
    )
    back = decode_state(encode_state(replace(plain, open_bars=odd))).open_bars
    assert back.level_bid.dtype == np.int64
    assert back.level_bid.tolist() == list(range(0, 60, 2))
    assert back.gap.tolist() == [True]


def test_numbers_from_numpy_in_a_quote_are_numbers() -> None:
    state = live_state()
    assert state.quote is not None
    quote = replace(state.quote, last_price=np.int64(5))  # type: ignore[arg-type]
    back = decode_state(encode_state(replace(state, quote=quote))).quote
    assert back is not None
    assert back.last_price == 5


@settings(max_examples=60)
@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    good = bytearray(encode_state(live_state()))
    at = data.draw(st.integers(0, len(good) * 8 - 1))
    good[at // 8] ^= 1 << at % 8
    # Two bytes of the preamble are not used, so they carry no meaning that could be wrong.
    if at // 8 in {6, 7}:
        assert_equal_states(decode_state(bytes(good)), live_state())
        return
    with pytest.raises(CorruptStoreError):
        decode_state(bytes(good))


@pytest.mark.parametrize("size", [0, 1, 15, 16, 40, 300, -1])
def test_a_cut_value_is_refused(size: int) -> None:
    with pytest.raises(CorruptStoreError):
        decode_state(encode_state(live_state())[:size])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"not ours at all, but long enough to be something",
        pickle.dumps({"symbol": "X"}),
        encode_status(FeedStatus(FeedMode.LIVE, FeedState.LIVE)),
        b"{}" * 40,
    ],
)
def test_foreign_bytes_are_refused_as_a_state(data: bytes) -> None:
    with pytest.raises(CorruptStoreError) as raised:
        decode_state(data)
    assert "ignored" in raised.value.user_text


def test_a_state_is_refused_as_a_status() -> None:
    with pytest.raises(CorruptStoreError):
        decode_status(encode_state(live_state()))


def test_another_format_number_is_refused() -> None:
    data = bytearray(encode_state(live_state()))
    data[4] += 1
    with pytest.raises(CorruptStoreError, match="format 2"):
        decode_state(bytes(data))


def resealed(data: bytes, old: bytes, new: bytes) -> bytes:
    """Return the value with part of its header exchanged and a checksum that is right again."""
    import zlib  # noqa: PLC0415 - only forgery needs it

    magic, number, kind, length, _ = PREAMBLE.unpack_from(data)
    header = data[PREAMBLE.size : PREAMBLE.size + length]
    assert old in header
    header = header.replace(old, new, 1)
    rest = header + data[PREAMBLE.size + length :]
    return PREAMBLE.pack(magic, number, kind, len(header), zlib.crc32(rest)) + rest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"count":1', b'"count":2'),
        (b'"count":1', b'"count":-1'),
        (b'"count":1', b'"count":"1"'),
        (b'"levels":30', b'"levels":99999999999'),
        (b'"levels":30', b'"levels":29'),
        (b'"kind":"time"', b'"kind":"tide"'),
        (b'"symbol"', b'"cymbal"'),
        (b'"bids"', b'"bits"'),
        (b'"by_rule":[', b'"by_rule":null,"x":['),
        (b"{", b"["),
        (b"{", b'"a text" {'),
    ],
)
def test_a_wrong_header_with_a_right_checksum_is_refused(old: bytes, new: bytes) -> None:
    with pytest.raises(CorruptStoreError):
        decode_state(resealed(encode_state(live_state()), old, new))


def test_levels_that_belong_to_no_bar_are_refused() -> None:
    bars = numbered_bars([3, 4])
    broken = bars.with_columns(offsets=np.array([0, 8, 7], np.int64))
    with pytest.raises(CorruptStoreError, match="levels do not belong"):
        decode_state(encode_state(replace(live_state(), open_bars=broken)))


def test_a_wrong_status_with_a_right_checksum_is_refused() -> None:
    data = encode_status(FeedStatus(FeedMode.LIVE, FeedState.LIVE))
    with pytest.raises(CorruptStoreError):
        decode_status(resealed(data, b'"LIVE"', b'"LOVE"'))


def test_a_header_that_is_no_object_is_refused() -> None:
    data = encode_status(FeedStatus(FeedMode.LIVE, FeedState.LIVE))
    length = PREAMBLE.unpack_from(data)[3]
    header = data[PREAMBLE.size : PREAMBLE.size + length]
    with pytest.raises(CorruptStoreError, match="not an object"):
        decode_status(resealed(data, header, b"[]      "))


def test_a_header_of_absurd_length_is_refused_before_it_is_read() -> None:
    data = bytearray(encode_state(live_state()))
    data[8:12] = (2**31).to_bytes(4, "little")
    with pytest.raises(CorruptStoreError, match="cut short"):
        decode_state(bytes(data))


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_rate_that_is_no_number_is_not_encoded(value: float) -> None:
    with pytest.raises(ValueError, match="no place"):
        encode_state(replace(live_state(), updates_per_s=value))


def test_no_bars_at_all_come_back_as_none() -> None:
    empty: Any = Bars.empty(BarSpec.parse("1m"), 5)
    state = replace(live_state(), open_bars=empty, quote=None)
    assert_equal_states(decode_state(encode_state(state)), state)
