"""Text fields of a table to numbers, a whole column at a time.

A chunk of a file stays one byte array; a column is where its fields begin and end in it, so no
Python string is made per field. Numbers become integers with a count of decimals, never floats.
What the fast way does not read (an exponent, mixed decimals, twenty digits) goes field by field
through `Decimal`; both ways give the same numbers. Faults are masks: the caller knows the lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
BOOL = NDArray[np.bool_]

MAX_DECIMALS = 9
"""More than any market quotes; what has more is a binary float that was printed in full."""

_MAX_DIGITS = 18  # always fit int64
_INT64 = range(-(2**63), 2**63)
_EMPTY_WORDS = frozenset({"", "nan", "null", "none", "na", "n/a", "-"})
_MINUS, _DOT, _ZERO, _SPACE = ord("-"), ord("."), ord("0"), ord(" ")

_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}(?::\d{2})?)(?:[.,](\d{1,9}))?"
    r"\s*(Z|z|UTC|[+-]\d{2}:?\d{2})?"
)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# 1990 to 2100 in seconds: the four units of an epoch do not overlap there.
_FIRST_S, _LAST_S = 631_152_000, 4_102_444_800
_UNITS = {"s": 1_000_000_000, "ms": 1_000_000, "µs": 1_000, "ns": 1}


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """The fields of one column in a chunk.

    Attributes:
        buffer: The chunk's bytes.
        start, end: Shape (N,): field i is ``buffer[start[i]:end[i]]``.
    """

    buffer: U8
    start: I64
    end: I64

    def __len__(self) -> int:
        return len(self.start)

    def text(self, row: int) -> str:
        """Return one field as text, for a sentence or the slow way."""
        field = self.buffer[self.start[row] : self.end[row]].tobytes()
        return field.decode("utf-8", "replace").strip()

    def trimmed(self) -> Column:
        """Return the column without spaces around its fields."""
        if not (self.buffer == _SPACE).any():
            return self
        start, end = self.start.copy(), self.end.copy()
        while (blank := (start < end) & (self._at(start) == _SPACE)).any():
            start += blank
        while (blank := (start < end) & (self._at(end - 1) == _SPACE)).any():
            end -= blank
        return Column(self.buffer, start, end)

    def words(self) -> tuple[list[str], I64]:
        """Return the distinct fields and, per row, the index into them."""
        width = int((self.end - self.start).max(initial=0))
        if width == 0:
            return [""], np.zeros(len(self), dtype=np.int64)
        table = np.zeros((len(self), width), dtype=np.uint8)
        for k in range(width):
            inside = self.start + k < self.end
            table[inside, k] = self.buffer[self.start[inside] + k]
        if width == 1:
            codes, index = np.unique(table[:, 0], return_inverse=True)
            return [chr(c) if c else "" for c in codes.tolist()], index
        fields, index = np.unique(table.view(f"S{width}")[:, 0], return_inverse=True)
        return [f.decode("utf-8", "replace").strip() for f in fields.tolist()], index

    def _at(self, position: I64) -> U8:
        return self.buffer[np.minimum(position, len(self.buffer) - 1)]


@dataclass(frozen=True, slots=True, eq=False)
class Decimals:
    """A column of numbers: value i is ``units[i] / 10**decimals``.

    Attributes:
        units: Shape (N,).
        decimals: Of the whole column; trailing zeros may be counted.
        absent: Shape (N,), True where the field is empty; `units` is 0 there.
        bad: Shape (N,), True where the field is no number, or too long for 64 bits.
    """

    units: I64
    decimals: int
    absent: BOOL
    bad: BOOL

    def needed_decimals(self) -> int:
        """Return the decimals that are left when no value ends in 0."""
        decimals = self.decimals
        units = self.units
        while decimals and not (units % 10).any():
            units = units // 10
            decimals -= 1
        return decimals


def parse_decimals(column: Column) -> Decimals:
    """Read a column of decimal numbers, exactly.

    An empty field, and a word for nothing such as ``nan``, is absent.
    """
    column = column.trimmed()
    fast = _parse_fixed(column)
    if fast is None:
        fast = _parse_grouped(column)
    return fast if fast is not None else _parse_each(column)


def parse_times(column: Column) -> tuple[I64, BOOL]:
    """Read a column of times: UTC epoch in s, ms, µs or ns, or ISO 8601 with a zone.

    The unit of an epoch is told by its size, which leaves no doubt from 1990 to 2100; all rows of
    the column must have the same.

    Returns:
        UTC epoch ns, and where a field is no such time.
    """
    if len(column) and _ISO.fullmatch(column.text(0)):
        return _parse_iso(column.trimmed())
    numbers = parse_decimals(column)
    whole = numbers.units // 10**numbers.decimals
    unit = _unit_of(whole)
    factor = _UNITS[unit]
    bad = numbers.bad | numbers.absent | (whole < _FIRST_S * (10**9 // factor))
    bad |= whole >= _LAST_S * (10**9 // factor)
    # Decimals below a nanosecond are cut off; above, the division leaves no rest.
    fraction = (numbers.units - whole * 10**numbers.decimals) * factor // 10**numbers.decimals
    times = np.where(bad, 0, whole) * factor + np.where(bad, 0, fraction)
    return times, bad


def describe_time_fault(text: str) -> str:
    """Return the reason why a field is no time, as the end of a sentence."""
    match = _ISO.fullmatch(text)
    if match and match[4] is None:
        return (
            f"the time {text!r} has no zone; write UTC times with a Z, or local ones with their "
            "offset, such as +05:30"
        )
    return (
        f"the time {text!r} is neither an epoch in the unit of the first row (s, ms, µs or ns) nor "
        "ISO 8601 with a zone"
    )


def _unit_of(whole: I64) -> str:
    """Return the unit that the first plausible value has; ns when there is none."""
    for value in whole[:100].tolist():
        for unit, factor in _UNITS.items():
            if _FIRST_S <= value // (10**9 // factor) < _LAST_S:
                return unit
    return "ns"


def _parse_fixed(column: Column) -> Decimals | None:
    """Read numbers that all have their dot at the same place from the end; None if they do not."""
    buffer, end = column.buffer, column.end
    length = end - column.start
    absent = length == 0
    if absent.all():
        return Decimals(np.zeros(len(column), np.int64), 0, absent, np.zeros(len(column), bool))
    if absent.any():
        present = _parse_fixed(Column(buffer, column.start[~absent], end[~absent]))
        return None if present is None else _spread(present, absent)
    negative = buffer[column.start] == _MINUS
    start = column.start + negative
    decimals = _fixed_decimals(buffer, start, end)
    digits = int((end - start).max()) - (decimals > 0)
    if (
        not 0 <= decimals <= MAX_DECIMALS
        or digits > _MAX_DIGITS + (decimals == 0)
        or int((end - start).min()) < 1
    ):
        return None
    width = int((end - start).max())
    ragged = int((end - start).min()) < width
    units = np.zeros(len(column), dtype=np.int64)
    place = end - width
    for to_come in range(width - 1, -1, -1):
        if decimals == 0 or to_come != decimals:
            digit = buffer.take(place, mode="clip") - np.uint8(_ZERO)
            if ragged:
                # Fields shorter than the longest one read their neighbour's end; it counts as 0.
                digit[place < start] = 0
            if digit.max() > 9:
                return None
            units *= 10
            units += digit
        place += 1
    if decimals == 0 and digits > _MAX_DIGITS and (units < 0).any():
        return None  # nineteen digits above 2**63
    units[negative] *= -1
    nothing = np.zeros(len(column), dtype=np.bool_)
    return Decimals(units, decimals, nothing, nothing)


def _parse_grouped(column: Column) -> Decimals | None:
    """Read numbers with differing decimals, one group of equal ones after another."""
    place = np.full(len(column), -1)
    for decimals in range(MAX_DECIMALS + 1):
        at = column.end - 1 - decimals
        inside = (at >= column.start) & (place < 0)
        place[inside & (column.buffer[np.maximum(at, 0)] == _DOT)] = decimals
    groups = np.unique(place)
    scale = int(groups[-1])
    if len(groups) == 1 or scale < 1:
        return None
    units = np.zeros(len(column), dtype=np.int64)
    absent = np.zeros(len(column), dtype=np.bool_)
    for group in groups.tolist():
        rows = np.flatnonzero(place == group)
        part = _parse_fixed(Column(column.buffer, column.start[rows], column.end[rows]))
        factor = 10 ** (scale - max(group, 0))
        # A dot further left than looked for shows as decimals that the group does not have.
        if part is None or part.decimals != max(group, 0):
            return None
        if np.abs(part.units).max() > _INT64[-1] // factor:
            return None
        units[rows] = part.units * factor
        absent[rows] = part.absent
    return Decimals(units, scale, absent, np.zeros(len(column), dtype=np.bool_))


def _fixed_decimals(buffer: U8, start: I64, end: I64) -> int:
    """Return how many digits follow the dot in every field, -1 where that differs."""
    first = buffer[start[0] : end[0]].tobytes()
    at = first.rfind(b".")
    if at < 0:
        return 0
    decimals = len(first) - 1 - at
    dots = end - 1 - decimals
    if decimals == 0 or (dots <= start - 1).any() or (buffer[dots] != _DOT).any():
        return -1
    return decimals


def _spread(present: Decimals, absent: BOOL) -> Decimals:
    units = np.zeros(len(absent), dtype=np.int64)
    units[~absent] = present.units
    bad = np.zeros(len(absent), dtype=np.bool_)
    bad[~absent] = present.bad
    all_absent = absent.copy()
    all_absent[~absent] = present.absent
    return Decimals(units, present.decimals, all_absent, bad)


def _parse_each(column: Column) -> Decimals:
    values: list[Decimal | None] = []
    absent = np.zeros(len(column), dtype=np.bool_)
    for row in range(len(column)):
        text = column.text(row)
        absent[row] = text.lower() in _EMPTY_WORDS
        values.append(Decimal(0) if absent[row] else parse_number(text))
    decimals = max((decimals_of(v) for v in values if v is not None), default=0)
    # A wrong field must not stretch the scale of the right ones beyond what 64 bits hold.
    scale = min(decimals, MAX_DECIMALS)
    units = np.zeros(len(column), dtype=np.int64)
    bad = np.zeros(len(column), dtype=np.bool_)
    for row, value in enumerate(values):
        scaled = None if value is None else value.scaleb(scale)
        if scaled is None or scaled != scaled.to_integral_value() or int(scaled) not in _INT64:
            bad[row] = True
        else:
            units[row] = int(scaled)
    return Decimals(units, scale, absent, bad)


def parse_number(text: str) -> Decimal | None:
    """Return the exact number of a text, None when it is none, not finite, or absurdly long."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    # "1_000" is a Decimal to Python but no number in a data file.
    if not value.is_finite() or "_" in text or abs(value.adjusted()) > 2 * _MAX_DIGITS:
        return None
    return value


def decimals_of(value: Decimal) -> int:
    """Return how many decimals a number needs, trailing zeros not counted."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _parse_iso(column: Column) -> tuple[I64, BOOL]:
    same_length = len(set((column.end - column.start)[[0, -1]].tolist())) == 1
    fast = _parse_iso_table(column) if same_length else None
    if fast is not None:
        return fast, np.zeros(len(column), dtype=np.bool_)
    times = np.zeros(len(column), dtype=np.int64)
    bad = np.zeros(len(column), dtype=np.bool_)
    for row in range(len(column)):
        time_ns = parse_iso(column.text(row))
        bad[row] = time_ns is None
        times[row] = time_ns or 0
    return times, bad


def _parse_iso_table(column: Column) -> I64 | None:
    """Read ISO times of one layout and one zone at once; None when they are not that alike."""
    length = column.end - column.start
    if (length != length[0]).any():
        return None
    match = _ISO.fullmatch(column.text(0))
    if match is None or match[4] is None:
        return None
    table = column.buffer[column.start[:, None] + np.arange(int(length[0]))]
    zone_at = match.start(4)
    # Checked by shape: what is a digit in the first row is one in all, the rest is the same.
    is_digit = (table[0] >= _ZERO) & (table[0] <= _ZERO + 9)
    is_digit[zone_at:] = False
    digits = table[:, is_digit]
    alike = (table[:, ~is_digit] == table[0, ~is_digit]).all()
    if not alike or (digits < _ZERO).any() or (digits > _ZERO + 9).any():
        return None
    local = np.ascontiguousarray(table[:, : match.end(3) if match[3] else match.end(2)])
    local[:, 10] = ord("T")
    if match[3]:
        local[:, match.start(3) - 1] = _DOT
    try:
        times = local.view(f"S{local.shape[1]}")[:, 0].astype("datetime64[ns]").astype(np.int64)
    except ValueError:
        return None  # a 30 February, an hour of 25: found and named field by field
    return times - _offset_ns(match[4])


def parse_iso(text: str) -> int | None:
    """Return UTC epoch ns of an ISO 8601 time with a zone, None when it is none."""
    match = _ISO.fullmatch(text)
    if match is None or match[4] is None:
        return None
    try:
        wall = datetime.fromisoformat(f"{match[1]}T{match[2]}+00:00") - _EPOCH
    except ValueError:
        return None
    whole_ns = (wall.days * 86_400 + wall.seconds) * 1_000_000_000
    return whole_ns + int((match[3] or "0").ljust(9, "0")) - _offset_ns(match[4])


def _offset_ns(zone: str) -> int:
    if zone.upper() in {"Z", "UTC"}:
        return 0
    sign = -1 if zone[0] == "-" else 1
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])) * sign
    return int(timezone(offset).utcoffset(None).total_seconds()) * 1_000_000_000
