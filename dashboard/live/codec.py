"""Live state and feed status as bytes, and back: versioned, checked, never pickle.

Layout (little-endian): a preamble of 16 bytes (magic, format number, kind, 2 unused bytes, header
length, CRC-32 of all that follows), a JSON header padded with spaces to a multiple of 8, then the
columns of the open bars, raw: the int64 columns, `vwap_m2` as float64, the level columns, and `gap`
as one byte per bar. The header names the symbol, the counters, the quote, and how many bars and
levels follow. Called by `live/board` only.

Damaged or foreign bytes are refused with CorruptStoreError; a reader then has no data. Bytes of
another format number are refused too: the board is rebuilt by the next publish, so there is nothing
to migrate.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import orjson

from dashboard.domain.bars import (
    BAR_COLUMNS,
    LEVEL_COLUMNS,
    BarKind,
    BarOrigin,
    Bars,
    BarSpec,
)
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus, LiveState, SessionTotals
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import BookLevel, Quote
from dashboard.errors import CorruptStoreError

__all__ = ["decode_state", "decode_status", "encode_state", "encode_status"]

MAGIC = b"OFLV"
FORMAT = 1
KIND_STATE, KIND_STATUS = 1, 2
PREAMBLE = struct.Struct("<4sBB2xII")

INT_COLUMNS = tuple(name for name in BAR_COLUMNS if name not in {"vwap_m2", "gap"})
# A header is under 2 kB; 1 MB of it or 10 million values are not ours, whatever the checksum says.
MAX_HEADER = 1 << 20
MAX_COUNT = 10_000_000

_PLAIN = ("symbol", "version", "trade_seq", "receive_ns", "session_ns", "last_price", "gaps")
_REFUSED = (KeyError, TypeError, ValueError, IndexError, OverflowError)


def encode_state(state: LiveState) -> bytes:
    """Return the bytes of a live state; `decode_state` gives an equal one back.

    Raises:
        ValueError: A number does not fit 64 bits, or a float is not finite.
    """
    bars = state.open_bars
    header = {name: getattr(state, name) for name in _PLAIN}
    header |= {
        "first_ns": state.first_ns,
        "updates_per_s": _finite(state.updates_per_s),
        "quote": state.quote,
        "provenance": state.provenance,
        "totals": state.totals,
        "extra": state.extra,
        "bars": {
            "kind": bars.spec.kind.value,
            "size": bars.spec.size,
            "level_size": bars.level_size,
            "interval_s": bars.origin.interval_s,
            "level_anchor": bars.origin.level_anchor,
            "ohlc_exact": bars.origin.ohlc_exact,
            "absent": sorted(bars.origin.absent),
            "count": len(bars),
            "levels": len(bars.level_price),
        },
    }
    columns = [_int_bytes(getattr(bars, name)) for name in INT_COLUMNS]
    columns.append(np.asarray(bars.vwap_m2, "<f8").tobytes())
    columns.append(_int_bytes(bars.offsets))
    columns += [_int_bytes(getattr(bars, name)) for name in LEVEL_COLUMNS]
    columns.append(np.asarray(bars.gap, np.uint8).tobytes())
    return _seal(KIND_STATE, header, b"".join(columns))


def decode_state(data: bytes) -> LiveState:
    """Return the live state of these bytes; its arrays are read-only views of them.

    Raises:
        CorruptStoreError: They are damaged, cut, of another format, or no live state at all.
    """
    header, body = _unseal(KIND_STATE, data)
    try:
        bars = _decode_bars(header.pop("bars"), data, body)
        quote = header.pop("quote")
        provenance = header.pop("provenance")
        provenance["by_rule"] = tuple(provenance["by_rule"])
        return LiveState(
            open_bars=bars,
            quote=None if quote is None else _decode_quote(quote),
            provenance=Provenance(**provenance),
            totals=SessionTotals(**header.pop("totals")),
            **header,
        )
    except _REFUSED as error:
        raise _refusal(f"the state does not read back: {error!r}") from error


def encode_status(status: FeedStatus) -> bytes:
    """Return the bytes of a feed status."""
    # JSON has no infinity, and a replay's speed may be "as fast as possible".
    speed = None if math.isinf(status.speed) else _finite(status.speed)
    header = {
        "mode": status.mode,
        "state": status.state,
        "cause": status.cause,
        "since_ns": status.since_ns,
        "heartbeat_ns": status.heartbeat_ns,
        "leader_pid": status.leader_pid,
        "sides_estimated": status.sides_estimated,
        "speed": speed,
    }
    return _seal(KIND_STATUS, header, b"")


def decode_status(data: bytes) -> FeedStatus:
    """Return the feed status of these bytes.

    Raises:
        CorruptStoreError: As in `decode_state`.
    """
    header, _ = _unseal(KIND_STATUS, data)
    try:
        speed = header.pop("speed")
        return FeedStatus(
            mode=FeedMode(header.pop("mode")),
            state=FeedState(header.pop("state")),
            speed=math.inf if speed is None else float(speed),
            **header,
        )
    except _REFUSED as error:
        raise _refusal(f"the status does not read back: {error!r}") from error


def _seal(kind: int, header: Mapping[str, Any], body: bytes) -> bytes:
    text = orjson.dumps(header, option=orjson.OPT_SERIALIZE_NUMPY)
    # Columns must start at a multiple of 8, or numpy reads them slowly.
    text += b" " * (-len(text) % 8)
    checksum = zlib.crc32(body, zlib.crc32(text))
    return b"".join((PREAMBLE.pack(MAGIC, FORMAT, kind, len(text), checksum), text, body))


def _unseal(kind: int, data: bytes) -> tuple[dict[str, Any], int]:
    """Return the header and where the body starts, after every check of the envelope."""
    if len(data) < PREAMBLE.size:
        raise _refusal("it is too short")
    magic, number, found, length, checksum = PREAMBLE.unpack_from(data)
    if magic != MAGIC:
        raise _refusal("it does not start with our mark")
    if number != FORMAT or found != kind:
        raise _refusal(f"it is kind {found} of format {number}, not kind {kind} of format {FORMAT}")
    start = PREAMBLE.size + length
    if length > MAX_HEADER or start > len(data):
        raise _refusal("it is cut short")
    if zlib.crc32(memoryview(data)[PREAMBLE.size :]) != checksum:
        raise _refusal("its checksum is wrong")
    try:
        header = orjson.loads(memoryview(data)[PREAMBLE.size : start])
    except ValueError as error:
        raise _refusal("its header is not JSON") from error
    if not isinstance(header, dict):
        raise _refusal("its header is not an object")
    return header, start


def _decode_bars(about: Mapping[str, Any], data: bytes, start: int) -> Bars:
    count, levels = about["count"], about["levels"]
    if not (0 <= count <= MAX_COUNT and 0 <= levels <= MAX_COUNT):
        raise ValueError(f"{count} bars with {levels} levels")
    total = (len(INT_COLUMNS) + 2) * count + 1 + len(LEVEL_COLUMNS) * levels
    if len(data) != start + 8 * total + count:
        raise ValueError("the columns have another length than the header says")
    numbers = np.frombuffer(data, "<i8", total, start)
    columns: dict[str, Any] = {}
    at = 0
    for name in INT_COLUMNS:
        columns[name] = numbers[at : at + count]
        at += count
    columns["vwap_m2"] = numbers[at : at + count].view("<f8")
    at += count
    offsets = columns["offsets"] = numbers[at : at + count + 1]
    at += count + 1
    for name in LEVEL_COLUMNS:
        columns[name] = numbers[at : at + levels]
        at += levels
    columns["gap"] = np.frombuffer(data, np.uint8, count, start + 8 * total) != 0
    if offsets[0] != 0 or offsets[-1] != levels or (np.diff(offsets) < 0).any():
        raise ValueError("the levels do not belong to the bars")
    return Bars(
        spec=BarSpec(BarKind(about["kind"]), about["size"]),
        level_size=about["level_size"],
        origin=BarOrigin(
            about["interval_s"],
            about["level_anchor"],
            about["ohlc_exact"],
            frozenset(about["absent"]),
        ),
        **columns,
    )


def _decode_quote(fields: dict[str, Any]) -> Quote:
    bids, asks = fields.pop("bids"), fields.pop("asks")
    return Quote(
        bids=tuple(BookLevel(**level) for level in bids),
        asks=tuple(BookLevel(**level) for level in asks),
        **fields,
    )


def _int_bytes(column: Any) -> bytes:  # noqa: ANN401 - any integer column
    return np.asarray(column, "<i8").tobytes()


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{value} has no place in a live state")
    return float(value)


def _refusal(reason: str) -> CorruptStoreError:
    return CorruptStoreError(
        "The live board holds a value that is damaged or not ours; it is ignored.",
        log_text=f"live board value refused: {reason}",
    )
