"""A trade file as columns: the header's names, the rows checked one by one, nothing stored.

`read_tape` reads CSV text (plain or gzip) chunk by chunk through `fields` and returns one `Tape` in
the file's order. A row that cannot be read stops it with file, line and reason. What a symbol's
scale, tick or sessions make of the numbers is the importer's business (`trades_csv`).
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.trade import NO_PRICE, AggressorSide
from dashboard.errors import ImportFault, InputError
from dashboard.storage.importers.fields import (
    MAX_DECIMALS,
    Column,
    Decimals,
    decimals_of,
    describe_time_fault,
    parse_decimals,
    parse_number,
    parse_times,
)

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]
U8 = NDArray[np.uint8]
BOOL = NDArray[np.bool_]

CHUNK_BYTES = 8 << 20
_TOP_BYTES = 64 << 10

ALIASES: Mapping[str, tuple[str, ...]] = {
    "time": (
        "tsns", "ts", "timestamp", "time", "datetime", "eventtime", "tsevent", "tradetime",
        "transacttime", "timestampns", "timestampus", "timestampms", "tsms", "tsus", "epoch",
        "exchangetime", "date",
    ),
    "price": ("price", "px", "tradeprice", "lastprice", "ltp", "rate", "p"),
    "size": (
        "qty", "size", "quantity", "volume", "amount", "tradeqty", "tradesize", "lastqty", "ltq",
        "contracts", "vol", "sz", "q",
    ),
    "side": ("side", "aggressor", "aggressorside", "takerside", "tradeside", "direction"),
    "maker": ("isbuyermaker", "buyermaker", "buyerismaker", "m"),
    "bid": ("bid", "bidprice", "bestbid", "bestbidprice", "bid1", "bidpx"),
    "ask": ("ask", "askprice", "bestask", "bestaskprice", "ask1", "askpx", "offer"),
    "id": ("id", "tradeid", "aggtradeid", "seq", "sequence"),
}  # fmt: skip
"""Header names by column, lower case without separators, the better one first."""

_REQUIRED = ("time", "price", "size")
_NUMBERS = ("price", "size", "bid", "ask", "id")
_DELIMITERS = (",", ";", "\t", "|")

_SIDES = {
    "b": AggressorSide.BUY, "buy": AggressorSide.BUY, "buyer": AggressorSide.BUY,
    "1": AggressorSide.BUY, "+1": AggressorSide.BUY, "s": AggressorSide.SELL,
    "sell": AggressorSide.SELL, "seller": AggressorSide.SELL, "-1": AggressorSide.SELL,
    "": AggressorSide.UNKNOWN, "u": AggressorSide.UNKNOWN, "n": AggressorSide.UNKNOWN,
    "unknown": AggressorSide.UNKNOWN, "none": AggressorSide.UNKNOWN, "nan": AggressorSide.UNKNOWN,
    "null": AggressorSide.UNKNOWN, "0": AggressorSide.UNKNOWN,
}  # fmt: skip
# Whether the buyer was the maker: then the seller crossed the spread.
_MAKERS = {
    "true": AggressorSide.SELL, "t": AggressorSide.SELL, "1": AggressorSide.SELL,
    "false": AggressorSide.BUY, "f": AggressorSide.BUY, "0": AggressorSide.BUY,
    "": AggressorSide.UNKNOWN,
}  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Tape:
    """The rows of one or more files, in the order of the files and their rows.

    Numbers are units of ``10**-price_decimals`` and ``10**-size_decimals``; the decimals are those
    that some value really needs.

    Attributes:
        event_ns: Shape (T,), UTC epoch ns.
        price, size: Shape (T,).
        side: Shape (T,), `AggressorSide`; UNKNOWN where the file gives none.
        bid, ask: Shape (T,), `NO_PRICE` where the file gives none.
        source_seq: Shape (T,), the file's ids where they are whole numbers, else 0.
        file: Shape (T,), index into `files`.
        line: Shape (T,), the row's line in its file, 1-based.
        sided: The files have a column of sides that says something.
        skipped: Bad rows that were left out on demand.
    """

    files: tuple[str, ...]
    price_decimals: int
    size_decimals: int
    event_ns: I64
    price: I64
    size: I64
    side: I8
    bid: I64
    ask: I64
    source_seq: I64
    file: NDArray[np.int16]
    line: NDArray[np.int32]
    sided: bool
    skipped: int

    def __len__(self) -> int:
        return len(self.event_ns)

    def fault(self, row: int, reason: str) -> ImportFault:
        """Return the fault of a row, for raising."""
        return ImportFault(self.files[int(self.file[row])], int(self.line[row]), reason)


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A checked column of one chunk, as small as it can be kept.

    Attributes:
        units: Shape (N,), int32 where that holds all values.
        decimals: Those that some value of the chunk needs.
        absent: Rows without a value.
    """

    units: NDArray[Any]
    decimals: int
    absent: I64


@dataclass(slots=True)
class _Part:
    """The good rows of one chunk."""

    file: int
    line: NDArray[np.int32]
    event_ns: I64
    side: I8
    numbers: dict[str, _Numbers]


def read_tape(
    files: Iterable[Path],
    *,
    columns: Mapping[str, str] | None = None,
    skip_bad_rows: bool = False,
) -> Tape:
    """Read trade files into one tape.

    Args:
        files: CSV files, plain or gzip, each with a header.
        columns: Header names by column (time, price, size, side, bid, ask, id) where the aliases
            do not find them or find the wrong one.
        skip_bad_rows: Leave out rows that cannot be read, and count them.

    Raises:
        ImportFault: A file cannot be read or has no usable header; or the first bad row.
    """
    paths = tuple(files)
    names = tuple(path.name for path in paths)
    parts: list[_Part] = []
    skipped = 0
    for number, path in enumerate(paths):
        for part, bad in _read_file(path, number, columns or {}, skip_bad_rows):
            parts.append(part)
            skipped += bad
    if not any(len(part.line) for part in parts):
        raise ImportFault(", ".join(names), None, "there is no trade in it")
    return _join(names, parts, skipped)


@dataclass(frozen=True, slots=True)
class Top:
    """The beginning of a trade file as a person sees it.

    Attributes:
        header: Names of its columns.
        rows: Its first rows as text; a row of wrong width is among them as it is.
        mapping: The header name that each column would be read from, where one is found.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    mapping: Mapping[str, str]


def read_top(path: Path, count: int) -> Top:
    """Read the beginning of a trade file, whether or not it could be imported as it is.

    Raises:
        ImportFault: It is no text, cannot be read, or is damaged.
    """
    with _readable(path.name), _open(path) as stream:
        fields, delimiter, _ = _header_fields(stream, path.name)
        text = stream.read(_TOP_BYTES)
    lines = text.decode("utf-8", "replace").splitlines()
    if len(text) == _TOP_BYTES:
        lines = lines[:-1]  # cut off in the middle
    rows = [tuple(row) for row in csv.reader(lines[: 2 * count], delimiter=delimiter) if row]
    found = _found_places(fields)
    return Top(tuple(fields), tuple(rows[:count]), {c: fields[at] for c, at in found.items()})


# ------------------------------------------------------------------------------- text to rows


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where a file's columns are."""

    name: str
    delimiter: str
    width: int
    places: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class _Chunk:
    """Rows as one byte array: `ends` (N, width) are the places of the delimiters."""

    buffer: U8
    starts: I64
    ends: I64
    line: NDArray[np.int32]


def _read_file(
    path: Path, number: int, columns: Mapping[str, str], skip_bad_rows: bool
) -> Iterator[tuple[_Part, int]]:
    """Yield the good rows of a file, chunk by chunk, each with the number of bad ones."""
    with _readable(path.name), _open(path) as stream:
        layout, line = _read_header(stream, path.name, columns)
        for text in _chunks(stream):
            chunk, bad_lines = _split(text, layout, line)
            if bad_lines and not skip_bad_rows:
                at, count = bad_lines[0]
                reason = f"the row has {count} fields, the header {layout.width}"
                # A wrong value above it comes first.
                _parse(_up_to(chunk, at), layout, number, False)
                raise ImportFault(path.name, at, reason)
            part, bad = _parse(chunk, layout, number, skip_bad_rows)
            yield part, bad + len(bad_lines)
            line += text.count(b"\n")


@contextmanager
def _readable(name: str) -> Iterator[None]:
    """Name the file in whatever goes wrong while it is read."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ImportFault(name, None, f"the gzip data is damaged ({error})") from error
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror or error}"
        raise ImportFault(name, None, reason) from error


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return cast("IO[bytes]", gzip.open(path)) if packed else path.open("rb")


def _read_header(stream: IO[bytes], name: str, columns: Mapping[str, str]) -> tuple[_Layout, int]:
    """Return the layout and the number of the line after the header."""
    fields, delimiter, line = _header_fields(stream, name)
    places = _places(fields, name, line, columns)
    return _Layout(name, delimiter, len(fields), places), line + 1


def _header_fields(stream: IO[bytes], name: str) -> tuple[list[str], str, int]:
    """Return the header's names, the delimiter, and the header's line."""
    line = 1
    raw = stream.readline()
    raw = raw.removeprefix(b"\xef\xbb\xbf")
    while raw and (raw.startswith(b"#") or not raw.strip()):
        raw = stream.readline()
        line += 1
    if b"\x00" in raw:
        raise ImportFault(name, line, "this is not a text file in UTF-8")
    header = raw.decode("utf-8", "replace").strip("\r\n")
    delimiter = max(_DELIMITERS, key=header.count)
    fields = [field.strip() for field in next(csv.reader([header], delimiter=delimiter), [])]
    return fields, delimiter, line


def _places(fields: list[str], name: str, line: int, columns: Mapping[str, str]) -> dict[str, int]:
    """Return the index of each column that the header names."""
    unknown = sorted(columns.keys() - ALIASES.keys())
    if unknown:
        raise InputError("columns", unknown[0], ", ".join(ALIASES))
    places = _found_places(fields)
    for column, header in columns.items():
        if header not in fields:
            reason = f"there is no column {header!r}; the header has {', '.join(fields)}"
            raise ImportFault(name, line, reason)
        places[column] = fields.index(header)
    plain = [_plain(field) for field in fields]
    for column in places.keys() - columns.keys():
        if plain.count(plain[places[column]]) > 1:
            reason = f"the header names the column {plain[places[column]]!r} twice"
            raise ImportFault(name, line, reason)
    missing = [column for column in _REQUIRED if column not in places]
    if missing:
        raise ImportFault(
            name,
            line,
            f"the header {', '.join(fields)!r} has no column for {' and '.join(missing)}; name "
            f"them, for example {ALIASES['time'][0]}, price, qty, or say which ones they are with "
            f"columns {missing[0]}=…",
        )
    return places


def _found_places(fields: Sequence[str]) -> dict[str, int]:
    """Return the index of each column that the header names by an alias."""
    plain = [_plain(field) for field in fields]
    best = {c: next((a for a in aliases if a in plain), None) for c, aliases in ALIASES.items()}
    return {column: plain.index(alias) for column, alias in best.items() if alias is not None}


def _plain(field: str) -> str:
    return re.sub(r"[^a-z0-9]", "", field.lower())


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield the rest of a file in pieces that end with a line's end."""
    rest = b""
    while block := stream.read(CHUNK_BYTES):
        cut = block.rfind(b"\n") + 1
        if cut:
            yield rest + block[:cut]
            rest = block[cut:]
        else:
            rest += block
    if rest:
        yield rest + b"\n"


def _split(text: bytes, layout: _Layout, line: int) -> tuple[_Chunk, list[tuple[int, int]]]:
    """Cut a chunk into fields; return it with the lines of wrong width and their widths."""
    buffer = np.frombuffer(text, dtype=np.uint8)
    delimiter = ord(layout.delimiter)
    marks = np.flatnonzero((buffer == delimiter) | (buffer == ord("\n")))
    rows = text.count(b"\n")
    if b'"' not in text and len(marks) == rows * layout.width:
        ends = marks.reshape(rows, layout.width)
        if (buffer[ends[:, -1]] == ord("\n")).all():
            lines = np.arange(line, line + rows, dtype=np.int32)
            return _bound(buffer, ends, lines), []
    return _split_slowly(text, layout, line)


def _split_slowly(text: bytes, layout: _Layout, line: int) -> tuple[_Chunk, list[tuple[int, int]]]:
    """Cut rows that are quoted, blank or of wrong width, through the csv module."""
    # Rewritten without quotes, with a delimiter that no number, side or time contains.
    clean: list[str] = []
    lines: list[int] = []
    bad: list[tuple[int, int]] = []
    reader = csv.reader(
        io.StringIO(text.decode("utf-8", "replace"), newline=""), delimiter=layout.delimiter
    )
    before = 0
    for row in reader:
        at, before = line + before, reader.line_num
        if not row or (len(row) == 1 and not row[0].strip()):
            continue
        if len(row) != layout.width:
            bad.append((at, len(row)))
            continue
        clean.append("\x1f".join(field.replace("\n", " ") for field in row))
        lines.append(at)
    joined = "".join(f"{row}\n" for row in clean).encode()
    buffer = np.frombuffer(joined, dtype=np.uint8)
    ends = np.flatnonzero((buffer == 0x1F) | (buffer == ord("\n"))).reshape(-1, layout.width)
    chunk = _bound(buffer, ends, np.array(lines, dtype=np.int32))
    return chunk, bad


def _bound(buffer: U8, ends: I64, lines: NDArray[np.int32]) -> _Chunk:
    starts = np.empty_like(ends)
    starts[:, 1:] = ends[:, :-1] + 1
    if len(ends):
        starts[0, 0] = 0
        starts[1:, 0] = ends[:-1, -1] + 1
        last = ends[:, -1]
        ends[:, -1] -= (last > starts[:, -1]) & (buffer[last - 1] == ord("\r"))
    return _Chunk(buffer, starts, ends, lines)


def _up_to(chunk: _Chunk, line: int) -> _Chunk:
    rows = chunk.line < line
    return _Chunk(chunk.buffer, chunk.starts[rows], chunk.ends[rows], chunk.line[rows])


# ---------------------------------------------------------------------------- rows to numbers


def _parse(chunk: _Chunk, layout: _Layout, file: int, skip_bad_rows: bool) -> tuple[_Part, int]:
    """Return the good rows of a chunk and the number of bad ones.

    Raises:
        ImportFault: The first bad row, unless they are skipped.
    """
    columns = {
        name: Column(chunk.buffer, chunk.starts[:, place], chunk.ends[:, place])
        for name, place in layout.places.items()
    }
    event_ns, bad_time = parse_times(columns["time"])
    numbers = {name: parse_decimals(columns[name]) for name in _NUMBERS if name in columns}
    if "id" in numbers and numbers["id"].bad.any():
        del numbers["id"]  # ids are a convenience: letters in them are no fault
    side, bad_side = _parse_sides(columns, len(chunk.line))
    size = numbers["size"]
    bad = bad_time | bad_side | (size.units <= 0)
    for name in ("price", "size", "bid", "ask"):
        if name in numbers:
            bad |= numbers[name].bad
    bad |= numbers["price"].absent
    if bad.any():
        row = int(np.argmax(bad))
        if not skip_bad_rows:
            reason = _reason(columns, numbers, row, bad_time=bool(bad_time[row]))
            raise ImportFault(layout.name, int(chunk.line[row]), reason)
    keep = ~bad if bad.any() else slice(None)
    compact = {name: _compact(column, keep) for name, column in numbers.items()}
    part = _Part(file, chunk.line[keep], event_ns[keep], side[keep], compact)
    return part, int(bad.sum())


def _compact(column: Decimals, keep: BOOL | slice) -> _Numbers:
    decimals = column.needed_decimals()
    units: NDArray[Any] = column.units[keep] // 10 ** (column.decimals - decimals)
    limits = np.iinfo(np.int32)
    if units.min(initial=0) >= limits.min and units.max(initial=0) <= limits.max:
        units = units.astype(np.int32)
    return _Numbers(units, decimals, np.flatnonzero(column.absent[keep]))


def _parse_sides(columns: Mapping[str, Column], rows: int) -> tuple[I8, BOOL]:
    """Return each row's side and where its word is none; a plain side column goes first."""
    column, words = columns.get("side"), _SIDES
    if column is None:
        column, words = columns.get("maker"), _MAKERS
    if column is None or not rows:
        return np.zeros(rows, dtype=np.int8), np.zeros(rows, dtype=np.bool_)
    found, index = column.trimmed().words()
    sides = [words.get(word.lower()) for word in found]
    codes = np.array([0 if s is None else int(s) for s in sides], dtype=np.int8)
    wrong = np.array([s is None for s in sides], dtype=np.bool_)
    return codes[index], wrong[index]


def _reason(
    columns: Mapping[str, Column], numbers: Mapping[str, Decimals], row: int, *, bad_time: bool
) -> str:
    """Return what is wrong with a bad row, as the end of a sentence."""
    if bad_time:
        return describe_time_fault(columns["time"].text(row))
    for name in ("price", "size", "bid", "ask"):
        if name not in numbers:
            continue
        text = columns[name].text(row)
        if numbers[name].bad[row]:
            return _number_fault(name, text)
        if name in {"price", "size"} and numbers[name].absent[row]:
            return f"the {name} is missing"
        if name == "size" and numbers[name].units[row] <= 0:
            return f"the size {text!r} is not above 0"
    name = "side" if "side" in columns else "maker"
    allowed = "B, S, buy, sell or nothing" if name == "side" else "true or false"
    return f"the side {columns[name].text(row)!r} is none of {allowed}"


def _number_fault(name: str, text: str) -> str:
    value = parse_number(text)
    if value is None:
        return f"the {name} {text!r} is not a number"
    if decimals_of(value) > MAX_DECIMALS:
        return (
            f"the {name} {text!r} has more than {MAX_DECIMALS} decimals: it looks like a binary "
            "number printed in full; round it to the market's decimals"
        )
    return f"the {name} {text!r} does not fit into 64 bits"


# --------------------------------------------------------------------------- parts to one tape


def _join(names: tuple[str, ...], parts: list[_Part], skipped: int) -> Tape:
    """Join the parts column by column; each part's own is freed as soon as it is copied."""
    rows = [len(part.line) for part in parts]
    file = np.repeat(np.array([part.file for part in parts], dtype=np.int16), rows)
    line = np.concatenate([part.line for part in parts])
    side = np.concatenate([part.side for part in parts])
    event_ns = np.concatenate([part.event_ns for part in parts])
    for part in parts:
        part.event_ns = part.event_ns[:0]
    price_decimals = _common_decimals(parts, ("price", "bid", "ask"))
    size_decimals = _common_decimals(parts, ("size",))
    source_seq = _join_ids(parts, sum(rows))
    columns = {
        name: _join_numbers(names, parts, rows, name, decimals)
        for name, decimals in (
            ("price", price_decimals),
            ("size", size_decimals),
            ("bid", price_decimals),
            ("ask", price_decimals),
        )
    }
    return Tape(
        files=names,
        price_decimals=price_decimals,
        size_decimals=size_decimals,
        event_ns=event_ns,
        side=side,
        source_seq=source_seq,
        file=file,
        line=line,
        sided=bool(side.any()),
        skipped=skipped,
        **columns,
    )


def _common_decimals(parts: list[_Part], names: tuple[str, ...]) -> int:
    columns = [part.numbers[name] for part in parts for name in names if name in part.numbers]
    return max(column.decimals for column in columns)


def _join_numbers(
    names: tuple[str, ...], parts: list[_Part], rows: list[int], name: str, decimals: int
) -> I64:
    """Return a column of all parts in one scale, `NO_PRICE` where it has no value."""
    joined = np.full(sum(rows), NO_PRICE, dtype=np.int64)
    start = 0
    for part, count in zip(parts, rows, strict=True):
        column = part.numbers.pop(name, None)
        if column is not None:
            scaled = joined[start : start + count]
            _require_room(names[part.file], part, column, decimals)
            np.multiply(column.units, 10 ** (decimals - column.decimals), out=scaled)
            scaled[column.absent] = NO_PRICE
        start += count
    return joined


def _require_room(file: str, part: _Part, column: _Numbers, decimals: int) -> None:
    """Return when a column fits 64 bits with the decimals of the whole tape."""
    limit = (2**63 - 1) // 10 ** (decimals - column.decimals)
    low, high = int(column.units.min(initial=0)), int(column.units.max(initial=0))
    if max(-low, high) > limit:
        row = np.argmax((column.units > limit) | (column.units < -limit))
        reason = f"a number does not fit into 64 bits with {decimals} decimals"
        raise ImportFault(file, int(part.line[row]), reason)


def _join_ids(parts: list[_Part], count: int) -> I64:
    """Return the rows' ids; all 0 where some are missing or no whole numbers."""
    ids = [part.numbers.pop("id", None) for part in parts]
    if any(i is None or i.decimals or len(i.absent) for i in ids):
        return np.zeros(count, dtype=np.int64)
    return np.concatenate([i.units for i in ids if i is not None]).astype(np.int64, copy=False)
