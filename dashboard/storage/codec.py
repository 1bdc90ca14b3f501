"""Level blobs: the footprint levels of one bar as bytes, and back.

A blob is row-major, one row per level in ascending price: price, bid, ask, unknown, trades. Each is
a little-endian int32, or an int64 in a *wide* blob, which is written only where a value does not
fit. Rows need no header, so the blobs of many bars are joined and decoded with one
``np.frombuffer``. Used by `recorder` and the importers (encode) and by `history` (decode).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import LEVEL_COLUMNS, Bars
from dashboard.errors import CorruptStoreError

I64 = NDArray[np.int64]

_FIELDS = len(LEVEL_COLUMNS)
_NARROW = np.dtype("<i4")
_WIDE = np.dtype("<i8")
_NARROW_ROW = _FIELDS * _NARROW.itemsize
_WIDE_ROW = _FIELDS * _WIDE.itemsize


def encode_levels(bars: Bars) -> tuple[list[bytes], list[bool]]:
    """Return the blob of each bar and whether it is wide; both have length B.

    A bar without levels (only a gap's volume) has an empty blob.
    """
    table = np.column_stack([getattr(bars, name) for name in LEVEL_COLUMNS])
    limits = np.iinfo(_NARROW)
    too_big = ((table < limits.min) | (table > limits.max)).any(axis=1)
    wide = np.zeros(len(bars), dtype=bool)
    wide[np.unique(bars.level_bar[too_big])] = True
    # Values that do not fit wrap here; their bars are written wide below.
    narrow_bytes = table.astype(_NARROW).tobytes()
    offsets = bars.offsets.tolist()
    blobs = []
    for index, is_wide in enumerate(wide.tolist()):
        first, last = offsets[index], offsets[index + 1]
        if is_wide:
            blobs.append(table[first:last].astype(_WIDE).tobytes())
        else:
            blobs.append(narrow_bytes[first * _NARROW_ROW : last * _NARROW_ROW])
    return blobs, wide.tolist()


def decode_levels(
    blobs: Sequence[bytes], wide: NDArray[np.bool_], counts: I64
) -> tuple[I64, dict[str, I64]]:
    """Decode the blobs of many bars at once.

    Args:
        blobs: One per bar, B of them.
        wide: Shape (B,): which blobs hold int64.
        counts: Shape (B,): the number of levels that each bar was stored with.

    Returns:
        Offsets (B + 1,) and the level columns by name, each (L,) int64 and contiguous.

    Raises:
        CorruptStoreError: A blob is not as long as its level count says.
    """
    lengths = np.fromiter(map(len, blobs), dtype=np.int64, count=len(blobs))
    if (lengths != counts * np.where(wide, _WIDE_ROW, _NARROW_ROW)).any():
        raise CorruptStoreError(
            "A stored footprint is damaged: its levels do not have the length they were written "
            "with. Restore the database from a backup.",
            log_text="level blob length differs from level_count",
        )
    offsets = np.zeros(len(blobs) + 1, dtype=np.int64)
    np.cumsum(counts, out=offsets[1:])
    if not wide.any():
        table = np.frombuffer(b"".join(blobs), dtype=_NARROW).reshape(-1, _FIELDS)
        columns = table.T.astype(np.int64, order="C")
    else:
        columns = np.empty((_FIELDS, int(offsets[-1])), dtype=np.int64)
        of_wide = np.repeat(wide, counts)
        for flag, dtype in ((False, _NARROW), (True, _WIDE)):
            joined = b"".join(b for b, w in zip(blobs, wide.tolist(), strict=True) if w is flag)
            columns[:, of_wide == flag] = np.frombuffer(joined, dtype=dtype).reshape(-1, _FIELDS).T
    return offsets, {name: columns[i] for i, name in enumerate(LEVEL_COLUMNS)}
