from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.bars import LEVEL_COLUMNS, MINUTE, Bars
from dashboard.errors import CorruptStoreError
from dashboard.storage.codec import decode_levels, encode_levels

INT64 = st.integers(-(2**63), 2**63 - 1)
SMALL = st.integers(-(2**31), 2**31 - 1)
LEVEL = st.one_of(st.tuples(*[SMALL] * 5), st.tuples(*[INT64] * 5))


def bars_with(levels: list[list[tuple[int, ...]]]) -> Bars:
    flat = np.array([row for bar in levels for row in bar], dtype=np.int64).reshape(-1, 5)
    offsets = np.cumsum([0, *(len(bar) for bar in levels)])
    columns = {name: flat[:, i].copy() for i, name in enumerate(LEVEL_COLUMNS)}
    return Bars.zeros(MINUTE, 1, len(levels)).with_columns(offsets=offsets, **columns)


@given(st.lists(st.lists(LEVEL, max_size=6), max_size=8))
def test_levels_decode_to_what_was_encoded(levels: list[list[tuple[int, ...]]]) -> None:
    bars = bars_with(levels)
    blobs, wide = encode_levels(bars)
    offsets, columns = decode_levels(
        blobs, np.array(wide, dtype=bool), np.diff(bars.offsets).astype(np.int64)
    )
    np.testing.assert_array_equal(offsets, bars.offsets)
    for name in LEVEL_COLUMNS:
        np.testing.assert_array_equal(columns[name], getattr(bars, name))
        assert columns[name].dtype == np.int64
        assert columns[name].flags.c_contiguous


def test_only_a_bar_that_needs_it_is_wide() -> None:
    blobs, wide = encode_levels(bars_with([[(1, 2, 3, 4, 5)], [(2**31, 0, 0, 0, 1)], []]))
    assert wide == [False, True, False]
    assert [len(blob) for blob in blobs] == [20, 40, 0]
    assert blobs[0] == b"".join(n.to_bytes(4, "little") for n in (1, 2, 3, 4, 5))


def test_a_blob_of_wrong_length_is_corrupt() -> None:
    blobs, wide = encode_levels(bars_with([[(1, 2, 3, 4, 5)]]))
    with pytest.raises(CorruptStoreError):
        decode_levels([blobs[0][:-1]], np.array(wide), np.array([1]))
    with pytest.raises(CorruptStoreError):
        decode_levels(blobs, np.array(wide), np.array([2]))
