from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from dashboard.domain.trade import NO_PRICE
from dashboard.errors import ImportFault, InputError
from dashboard.storage.importers import tape as tape_module
from dashboard.storage.importers.tape import Tape, read_tape, read_top
from tests.storage.samples import write_csv

T = 1_723_161_600_000_000_000
GOOD = f"{T},100.5,3,B,100.4,100.5,7"


def read(tmp_path: Path, *rows: str, header: str = "ts_ns,price,qty,side,bid,ask,id") -> Tape:
    return read_tape([write_csv(tmp_path / "t.csv", *rows, header=header)])


def fault(
    tmp_path: Path, *rows: str, header: str = "ts_ns,price,qty,side,bid,ask,id"
) -> ImportFault:
    with pytest.raises(ImportFault) as caught:
        read(tmp_path, *rows, header=header)
    return caught.value


def test_every_column_of_a_row(tmp_path: Path) -> None:
    tape = read(tmp_path, GOOD, f"{T + 5},100.25,12,S,,100.5,8")
    assert tape.event_ns.tolist() == [T, T + 5]
    assert (tape.price.tolist(), tape.price_decimals) == ([10050, 10025], 2)
    assert (tape.size.tolist(), tape.size_decimals) == ([3, 12], 0)
    assert tape.side.tolist() == [1, -1]
    assert (tape.bid.tolist(), tape.ask.tolist()) == ([10040, NO_PRICE], [10050, 10050])
    assert tape.source_seq.tolist() == [7, 8]
    assert tape.line.tolist() == [2, 3]
    assert tape.sided


@pytest.mark.parametrize(
    "header",
    [
        "timestamp,Price,Quantity",
        "Time,PX,Size",
        "event_time,trade price,amount",
        "Date Time,LTP,LTQ",
        '"ts","price","qty"',
        "\ufefftime,price,qty",
    ],
)
def test_headers_are_matched_by_common_names(tmp_path: Path, header: str) -> None:
    tape = read(tmp_path, f"{T},100.5,3", header=header)
    assert (tape.event_ns.tolist(), tape.price.tolist(), tape.size.tolist()) == ([T], [1005], [3])
    assert not tape.sided


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(tmp_path: Path, delimiter: str) -> None:
    row, header = (text.replace(",", delimiter) for text in (GOOD, "ts,price,qty,side,bid,ask,id"))
    assert read(tmp_path, row, header=header).price.tolist() == [1005]


def test_columns_may_be_named(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", f"{T},100.5,9,3", header="ts,close,price,n")
    tape = read_tape([path], columns={"price": "close", "size": "n"})
    assert (tape.price.tolist(), tape.size.tolist()) == ([1005], [3])
    with pytest.raises(ImportFault, match="no column 'clos'; the header has ts, close"):
        read_tape([path], columns={"price": "clos", "size": "n"})
    with pytest.raises(InputError, match="columns"):
        read_tape([path], columns={"prise": "close"})


def test_comments_and_blank_lines_are_not_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f"# made by hand\n\nts,price,qty\r\n{T},1,2\r\n\r\n{T},x,2".encode())
    with pytest.raises(ImportFault, match="line 6: the price 'x' is not a number"):
        read_tape([path])


def test_quoted_fields_and_crlf(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(f'ts,price,qty,side\r\n"{T}","1,5",2,B\r\n{T},2.5,3,"S"\r\n'.encode())
    with pytest.raises(ImportFault, match="line 2: the price '1,5' is not a number"):
        read_tape([path])
    path.write_bytes(f'ts,price,qty,side\r\n"{T}","1.5",2,B\r\n{T},2.5,3,"S"\r\n'.encode())
    assert read_tape([path]).side.tolist() == [1, -1]


@pytest.mark.parametrize(
    ("header", "words", "sides"),
    [
        ("ts,price,qty,side", ["B", "SELL", "", "buyer", "unknown", "-1"], [1, -1, 0, 1, 0, -1]),
        (
            "ts,price,qty,is_buyer_maker",
            ["True", "False", "true", "0", "1", ""],
            [-1, 1, -1, 1, -1, 0],
        ),
    ],
)
def test_words_for_sides(tmp_path: Path, header: str, words: list[str], sides: list[int]) -> None:
    tape = read(tmp_path, *(f"{T},1,1,{word}" for word in words), header=header)
    assert tape.side.tolist() == sides


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (f"{T},,3,B,,,", "the price is missing"),
        (f"{T},abc,3,B,,,", "the price 'abc' is not a number"),
        (f"{T},100.0999984741211,3,B,,,", "looks like a binary number"),
        (f"{T},99999999999999999999,3,B,,,", "does not fit into 64 bits"),
        (f"{T},1,,B,,,", "the size is missing"),
        (f"{T},1,0,B,,,", "the size '0' is not above 0"),
        (f"{T},1,-2,B,,,", "the size '-2' is not above 0"),
        (f"{T},1,2,up,,,", "the side 'up' is none of B, S, buy, sell"),
        (f"{T},1,2,B,x,,", "the bid 'x' is not a number"),
        ("9:15,1,2,B,,,", "neither an epoch"),
        ("2024-08-09 09:15:00,1,2,B,,,", "has no zone"),
        (f"{T},1,2,B", "the row has 4 fields, the header 7"),
        (f"{T},1,2,B,,,,,", "the row has 9 fields"),
    ],
)  # fmt: skip
def test_a_bad_row_stops_with_line_and_reason(tmp_path: Path, row: str, reason: str) -> None:
    found = fault(tmp_path, GOOD, GOOD, row, GOOD, "also,bad")
    assert (found.file, found.line) == ("t.csv", 4)
    assert reason in found.reason


def test_a_local_time_without_a_zone_is_named_so(tmp_path: Path) -> None:
    found = fault(tmp_path, "2024-08-09 09:15:00,1,2,B,,,")
    assert found.line == 2
    assert "has no zone" in found.reason


def test_bad_rows_may_be_skipped_and_are_counted(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "t.csv", GOOD, "x,1,2,B,,,", f"{T},1", GOOD, f"{T},1,0,B,,,")
    tape = read_tape([path], skip_bad_rows=True)
    assert (len(tape), tape.skipped) == (2, 3)
    assert tape.line.tolist() == [2, 5]


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("a,b,c", "no column for time and price and size"),
        (f"{T},100.5,3", "no column for time"),
        ("ts,price,price,qty", "names the column 'price' twice"),
        ("", "no column for"),
    ],
)
def test_a_header_that_does_not_serve(tmp_path: Path, header: str, reason: str) -> None:
    found = fault(tmp_path, header=header)
    assert reason in found.reason


def test_files_that_are_no_text(tmp_path: Path) -> None:
    binary = tmp_path / "b.csv"
    binary.write_bytes(b"\x00\x01\x02" * 100 + b"\n")
    with pytest.raises(ImportFault, match="not a text file"):
        read_tape([binary])
    with pytest.raises(ImportFault, match="cannot be read"):
        read_tape([tmp_path / "none.csv"])


def test_a_file_without_trades_is_a_fault(tmp_path: Path) -> None:
    assert "no trade" in fault(tmp_path).reason


def test_gzip_and_a_damaged_gzip(tmp_path: Path) -> None:
    rows = "".join(f"{T + i},{100 + i % 7}.5,3,B,,,{i}\n" for i in range(5000))
    packed = gzip.compress(f"ts,price,qty,side,bid,ask,id\n{rows}".encode())
    path = tmp_path / "t.csv.gz"
    path.write_bytes(packed)
    assert len(read_tape([path])) == 5000
    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(ImportFault, match="gzip data is damaged"):
        read_tape([path])
    garbled = bytearray(packed)
    garbled[-8:-4] = b"\x00\x00\x00\x00"  # the checksum after all good rows
    path.write_bytes(garbled)
    with pytest.raises(ImportFault, match="gzip data is damaged"):
        read_tape([path])


def test_chunks_join_to_the_same_tape(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f"{T + i},{100 + i / 4:g},{1 + i % 5},{'BS'[i % 2]},,{101 + i},{i}" for i in range(300)]
    whole = read(tmp_path, *rows)
    monkeypatch.setattr(tape_module, "CHUNK_BYTES", 100)
    split = read(tmp_path, *rows)
    for name in (
        "event_ns",
        "price",
        "size",
        "side",
        "bid",
        "ask",
        "source_seq",
        "line",
    ):
        assert getattr(split, name).tolist() == getattr(whole, name).tolist(), name
    assert split.price_decimals == whole.price_decimals == 2


def test_line_numbers_go_on_through_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape_module, "CHUNK_BYTES", 64)
    rows = [GOOD] * 50
    rows[37] = f"{T},x,1,B,,,"
    assert fault(tmp_path, *rows).line == 39
    rows[20] = "short"
    assert fault(tmp_path, *rows).line == 22


def test_ids_that_are_no_whole_numbers_are_left_out(tmp_path: Path) -> None:
    assert read(tmp_path, f"{T},1,1,B,,,a7", GOOD).source_seq.tolist() == [0, 0]
    assert read(tmp_path, f"{T},1,1,B,,,", GOOD).source_seq.tolist() == [0, 0]


def test_numbers_too_large_for_the_files_decimals(tmp_path: Path) -> None:
    found = fault(tmp_path, f"{T},9000000000000000000,1,B,,,", f"{T},1,1,B,0.5,,")
    assert (found.line, "64 bits with 1 decimals" in found.reason) == (2, True)


# ---------------------------------------------------------------------------- the top of a file


def test_the_top_of_a_file_is_read_whether_or_not_it_could_be_imported(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("when;Price;Lots\n1;2;3\n\n4;5\n", encoding="utf-8")
    top = read_top(path, 5)
    assert top.header == ("when", "Price", "Lots")
    assert top.rows == (("1", "2", "3"), ("4", "5"))
    assert top.mapping == {"price": "Price"}


def test_the_top_is_short_however_long_the_file(tmp_path: Path) -> None:
    path = tmp_path / "t.csv.gz"
    rows = "".join(f"{i},{i},{i}\n" for i in range(100_000))
    path.write_bytes(gzip.compress(f"ts_ns,price,qty\n{rows}".encode()))
    top = read_top(path, 3)
    assert top.rows == (("0", "0", "0"), ("1", "1", "1"), ("2", "2", "2"))
    assert top.mapping == {"time": "ts_ns", "price": "price", "size": "qty"}


def test_a_top_that_is_no_text_or_damaged_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b"\x00\x01\x02\n")
    with pytest.raises(ImportFault, match="not a text file"):
        read_top(path, 3)
    path.write_bytes(gzip.compress(b"ts_ns,price,qty\n" * 50)[:30])
    with pytest.raises(ImportFault, match="gzip data is damaged"):
        read_top(path, 3)
