"""What the pipeline must know of an instrument beside its stored trades and bars, as bytes.

Recorded with every batch (`IngestBatch.state`, opaque to the store), so that the next leader goes
on exactly where the last committed cycle ended, and at once: the session's counters, the open
minutes (a busy one has a million trades, too many to read again), and the state of the aggressor
inference.

Layout: one line of JSON, a newline, then the inference state's own bytes (none on a feed of true
trades).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson

from dashboard.domain.bars import (
    BAR_COLUMNS,
    LEVEL_COLUMNS,
    MINUTE,
    BarOrigin,
    Bars,
)
from dashboard.domain.livestate import SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.errors import CorruptStoreError

__all__ = ["BASE_ORIGIN", "Checkpoint", "Marks", "decode_checkpoint", "encode_checkpoint"]

FORMAT = "checkpoint-1"
BASE_ORIGIN = BarOrigin(interval_s=MINUTE.size)
COLUMNS = (*BAR_COLUMNS, *LEVEL_COLUMNS, "offsets")
DTYPES = {"vwap_m2": np.float64, "gap": np.bool_}


@dataclass(frozen=True, slots=True)
class Marks:
    """An instrument's counters; the default is that of an instrument without data.

    Attributes:
        newest: Key (`Bars.keys`) of the newest minute that was ever opened; None when not known.
        session_ns: Session of the newest trade or gap, the one that the counters are of.
        first_ns: Event time of that session's first trade or gap.
        receive_ns: Receive time of the newest trade.
        last_price: Its price.
        gaps: Number of gaps in the session.
        provenance: How the session's volume was classified.
        totals: The session's prices and volumes.
    """

    newest: int | None = None
    session_ns: int = 0
    first_ns: int = 0
    receive_ns: int = 0
    last_price: int = 0
    gaps: int = 0
    provenance: Provenance = field(default_factory=Provenance)
    totals: SessionTotals = field(default_factory=SessionTotals)


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Everything of one instrument after a cycle.

    Attributes:
        seq: Newest trade contained.
        marks: The counters.
        open_bars: The open minutes.
        inference: The inference state's bytes.
    """

    seq: int
    marks: Marks
    open_bars: Bars
    inference: bytes = b""


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """Return the bytes; `decode_checkpoint` gives an equal one back, bar versions included."""
    bars = checkpoint.open_bars
    columns: dict[str, Any] = {
        name: np.ascontiguousarray(getattr(bars, name), DTYPES.get(name, np.int64))
        for name in COLUMNS
    }
    saved = {
        "seq": checkpoint.seq,
        "marks": checkpoint.marks,
        "level_size": bars.level_size,
        "open_bars": columns,
    }
    header = orjson.dumps({FORMAT: saved}, option=orjson.OPT_SERIALIZE_NUMPY)
    return header + b"\n" + checkpoint.inference


def decode_checkpoint(data: bytes) -> Checkpoint:
    """Return the checkpoint.

    Raises:
        CorruptStoreError: The bytes are not what this release writes.
    """
    header, _, inference = data.partition(b"\n")
    try:
        # A checkpoint of another format has another key, and so none of this one.
        saved = orjson.loads(header)[FORMAT]
        marks = saved["marks"]
        provenance = marks.pop("provenance")
        provenance["by_rule"] = tuple(provenance["by_rule"])
        return Checkpoint(
            saved["seq"],
            Marks(
                provenance=Provenance(**provenance),
                totals=SessionTotals(**marks.pop("totals")),
                **marks,
            ),
            _decode_bars(saved["open_bars"], saved["level_size"]),
            inference,
        )
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise CorruptStoreError(
            "The stored state of a feed cannot be read; its counters start anew.",
            log_text=f"checkpoint {data[:80]!r} does not decode: {error!r}",
        ) from error


def _decode_bars(saved: Mapping[str, list[Any]], level_size: int) -> Bars:
    columns: dict[str, Any] = {
        name: np.array(saved[name], DTYPES.get(name, np.int64)) for name in COLUMNS
    }
    sizes = {len(columns[name]) for name in BAR_COLUMNS} | {len(columns["offsets"]) - 1}
    levels = {len(columns[name]) for name in LEVEL_COLUMNS} | {int(columns["offsets"][-1])}
    if len(sizes) > 1 or len(levels) > 1:
        raise ValueError("columns of unequal length")
    return Bars(MINUTE, level_size, BASE_ORIGIN, **columns)
