"""What the pipeline must know of an instrument beside its stored trades, as bytes.

Recorded with every batch (`IngestBatch.state`, opaque to the store), so that the next leader goes
on exactly where the last committed cycle ended: the session's counters, the gaps inside open
minutes, and the state of the aggressor inference.

Layout: one line of JSON, a newline, then the inference state's own bytes (none on a feed of true
trades).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import orjson

from dashboard.domain.livestate import SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import Gap
from dashboard.errors import CorruptStoreError

__all__ = ["Checkpoint", "decode_checkpoint", "encode_checkpoint"]

FORMAT = "checkpoint-1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
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
        open_gaps: Gaps that end in a minute that is still open: no stored bar has them yet.
    """

    newest: int | None = None
    session_ns: int = 0
    first_ns: int = 0
    receive_ns: int = 0
    last_price: int = 0
    gaps: int = 0
    provenance: Provenance = field(default_factory=Provenance)
    totals: SessionTotals = field(default_factory=SessionTotals)
    open_gaps: tuple[Gap, ...] = ()


def encode_checkpoint(checkpoint: Checkpoint, inference: bytes) -> bytes:
    """Return both as one value for `IngestBatch.state`."""
    header = orjson.dumps({FORMAT: checkpoint})
    return header + b"\n" + inference


def decode_checkpoint(data: bytes) -> tuple[Checkpoint, bytes]:
    """Return the checkpoint and the inference state's bytes.

    Raises:
        CorruptStoreError: The bytes are not what this release writes.
    """
    header, _, inference = data.partition(b"\n")
    try:
        envelope = orjson.loads(header)
        # A checkpoint of another format has another key, and so none of this one.
        fields = envelope[FORMAT]
        provenance = fields.pop("provenance")
        provenance["by_rule"] = tuple(provenance["by_rule"])
        checkpoint = Checkpoint(
            provenance=Provenance(**provenance),
            totals=SessionTotals(**fields.pop("totals")),
            open_gaps=tuple(Gap(**gap) for gap in fields.pop("open_gaps")),
            **fields,
        )
    except (ValueError, TypeError, KeyError) as error:
        raise CorruptStoreError(
            "The stored state of a feed cannot be read; its counters start anew.",
            log_text=f"checkpoint {data[:80]!r} does not decode: {error!r}",
        ) from error
    return checkpoint, inference
