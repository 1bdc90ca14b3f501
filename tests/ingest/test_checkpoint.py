"""The checkpoint: identity there and back, and a refusal of everything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import MINUTE, BarOrigin, Bars
from dashboard.domain.livestate import SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.errors import CorruptStoreError
from dashboard.ingest.checkpoint import Checkpoint, Marks, decode_checkpoint, encode_checkpoint
from tests.live.states import assert_equal_bars, numbered_bars

ints = st.integers(-(2**63), 2**63 - 1)
all_marks = st.builds(
    Marks,
    newest=st.none() | ints,
    **dict.fromkeys(["session_ns", "first_ns", "receive_ns", "last_price", "gaps"], ints),
    provenance=st.builds(
        Provenance, st.lists(ints, min_size=6, max_size=6).map(tuple), ints, ints, ints
    ),
    totals=st.builds(SessionTotals, *[ints] * 8),
)
bars = st.builds(numbered_bars, st.lists(st.integers(0, 5), max_size=3))


@settings(max_examples=50)
@given(ints, all_marks, bars, st.binary(max_size=40))
def test_decode_returns_what_was_encoded(
    seq: int, marks: Marks, open_bars: Bars, inference: bytes
) -> None:
    read = decode_checkpoint(encode_checkpoint(Checkpoint(seq, marks, open_bars, inference)))
    assert (read.seq, read.marks, read.inference) == (seq, marks, inference)
    assert_equal_bars(read.open_bars, open_bars)


def test_open_minutes_come_back_as_base_bars() -> None:
    made_now = numbered_bars([2], MINUTE, BarOrigin())
    read = decode_checkpoint(encode_checkpoint(Checkpoint(1, Marks(), made_now)))
    assert read.open_bars.origin == BarOrigin(interval_s=60)


GOOD = encode_checkpoint(Checkpoint(1, Marks(), numbered_bars([2, 3])))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"x",
        b"{}",
        b"[]\n",
        GOOD.replace(b"checkpoint-1", b"checkpoint-2"),
        GOOD.replace(b'"newest"', b'"oldest"'),
        GOOD.replace(b'"level_bid":[', b'"level_bid":[1,'),
        GOOD.replace(b'"ordinal":[', b'"ordinal":[1,'),
        GOOD.replace(b'"offsets":[0,', b'"offsets":[0,1,'),
        GOOD.replace(b'"close":[', b'"close":["text",'),
        GOOD.replace(b'"close":[', b'"close":[99999999999999999999,'),
    ],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="checkpoint"):
        decode_checkpoint(data)
