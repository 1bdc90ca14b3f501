"""The checkpoint: identity there and back, and a refusal of everything else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.livestate import SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import Gap
from dashboard.errors import CorruptStoreError
from dashboard.ingest.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint

ints = st.integers(-(2**63), 2**63 - 1)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
checkpoints = st.builds(
    Checkpoint,
    newest=st.none() | ints,
    **dict.fromkeys(["session_ns", "first_ns", "receive_ns", "last_price", "gaps"], ints),
    provenance=st.builds(
        Provenance, st.lists(ints, min_size=6, max_size=6).map(tuple), ints, ints, ints
    ),
    totals=st.builds(SessionTotals, *[ints] * 8),
    open_gaps=st.lists(st.builds(Gap, texts, ints, ints, ints, ints, texts), max_size=3).map(tuple),
)


@settings(max_examples=50)
@given(checkpoints, st.binary(max_size=40))
def test_decode_returns_what_was_encoded(checkpoint: Checkpoint, inference: bytes) -> None:
    data = encode_checkpoint(checkpoint, inference)
    assert decode_checkpoint(data) == (checkpoint, inference)


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"{}", b"[]\n", b'{"checkpoint-2":{}}\n', b'{"checkpoint-1":{"news":1}}\n{}'],
)
def test_other_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptStoreError, match="checkpoint"):
        decode_checkpoint(data)
