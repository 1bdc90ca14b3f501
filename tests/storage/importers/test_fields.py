from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.storage.importers.fields import (
    Column,
    Decimals,
    decimals_of,
    describe_time_fault,
    parse_decimals,
    parse_iso,
    parse_number,
    parse_times,
)

NS = 1_723_161_257_679_000_000


def column(*fields: str) -> Column:
    buffer = np.frombuffer("".join(f"{f}\n" for f in fields).encode(), dtype=np.uint8)
    end = np.flatnonzero(buffer == ord("\n"))
    start = np.concatenate([[0], end[:-1] + 1])
    return Column(buffer, start, end)


def exact(numbers: Decimals) -> list[Decimal | None]:
    scale = -numbers.decimals
    return [
        None if absent or bad else Decimal(units).scaleb(scale)
        for units, absent, bad in zip(
            numbers.units.tolist(), numbers.absent.tolist(), numbers.bad.tolist(), strict=True
        )
    ]


def decimal_texts() -> st.SearchStrategy[list[str]]:
    number = st.decimals(
        min_value=-(10**8), max_value=10**8, allow_nan=False, allow_infinity=False, places=4
    )
    printed = st.one_of(
        number.map(lambda d: format(d, "f")),
        number.map(lambda d: format(d.normalize(), "f")),
        number.map(lambda d: format(d.to_integral_value(), "f")),
    )
    return st.lists(st.one_of(printed, st.just("")), min_size=1, max_size=30)


@given(decimal_texts())
def test_numbers_read_exactly(texts: Sequence[str]) -> None:
    numbers = parse_decimals(column(*texts))
    assert exact(numbers) == [Decimal(text) if text else None for text in texts]


@pytest.mark.parametrize(
    ("texts", "units", "decimals"),
    [
        (["61804.8", "61811.3"], [618048, 618113], 1),
        (["24900.5", "24901", "24901.25"], [2490050, 2490100, 2490125], 2),
        (["-1.5", "22.1"], [-15, 221], 1),
        (["1e3", "1E-2"], [100000, 1], 2),
        (["+7", " 8 ", "9"], [7, 8, 9], 0),
        ([".5", "1.5"], [5, 15], 1),
        (["5.", "6."], [5, 6], 0),
        (["0.00001234", "1.50000000"], [1234, 150000000], 8),
        (["9223372036854775807", "0"], [2**63 - 1, 0], 0),
        (["-9223372036854775808"], [-(2**63)], 0),
    ],
)
def test_spellings_of_numbers(texts: list[str], units: list[int], decimals: int) -> None:
    numbers = parse_decimals(column(*texts))
    assert not numbers.bad.any()
    assert (numbers.units.tolist(), numbers.decimals) == (units, decimals)


@pytest.mark.parametrize(
    "text",
    ["x", "1_000", "1,5", "1.2.3", "--5", "inf", "9223372036854775808", "1e40", "0x10",
     "100.0999984741211"],
)  # fmt: skip
def test_what_is_no_exact_number_is_bad_alone(text: str) -> None:
    numbers = parse_decimals(column("1.5", text, "2"))
    assert numbers.bad.tolist() == [False, True, False]
    assert exact(numbers)[::2] == [Decimal("1.5"), Decimal(2)]


@pytest.mark.parametrize("text", ["", "  ", "nan", "NULL", "None", "-", "n/a"])
def test_words_for_nothing_are_absent(text: str) -> None:
    numbers = parse_decimals(column("1", text))
    assert numbers.absent.tolist() == [False, True]
    assert not numbers.bad.any()


def test_an_empty_column_is_absent_throughout() -> None:
    assert parse_decimals(column("", "")).absent.all()
    assert (
        len(parse_decimals(Column(np.zeros(0, np.uint8), np.zeros(0, int), np.zeros(0, int))).units)
        == 0
    )


def test_decimals_that_say_nothing_are_not_needed() -> None:
    assert parse_decimals(column("61804.80000000", "5.50000000")).needed_decimals() == 1
    assert parse_decimals(column("100.00")).needed_decimals() == 0
    assert parse_decimals(column("0.00")).needed_decimals() == 0


@pytest.mark.parametrize(
    "text",
    [
        str(NS),
        "1723161257679000",
        "1723161257679",
        "1723161257.679",
        "2024-08-08T23:54:17.679Z",
        "2024-08-08 23:54:17.679Z",
        "2024-08-08T23:54:17.679000000UTC",
        "2024-08-09T05:24:17.679+05:30",
        "2024-08-09 05:24:17,679 +0530",
        "2024-08-08T18:54:17.679-05:00",
    ],
)
def test_one_instant_in_every_spelling(text: str) -> None:
    times, bad = parse_times(column(text, text))
    assert times.tolist() == [NS, NS]
    assert not bad.any()


def test_times_without_seconds_or_of_several_layouts() -> None:
    times, bad = parse_times(
        column("2024-08-09T00:00Z", "2024-08-09T00:00:00.000000001Z", "2024-08-09T05:30:00+05:30")
    )
    assert (times - 1_723_161_600_000_000_000).tolist() == [0, 1, 0]
    assert not bad.any()


@pytest.mark.parametrize(
    "text",
    ["2024-08-09T00:00:00", "09/08/2024 00:00", "12", "", "yesterday", "1723161257679",
     "2024-02-30T00:00:00Z", "2024-08-09T25:00:00Z", "-5"],
)  # fmt: skip
def test_what_is_no_instant_is_bad_alone(text: str) -> None:
    good = "2024-08-09T00:00:00Z" if "T" in text else str(NS)
    times, bad = parse_times(column(good, text, good))
    assert bad.tolist() == [False, True, False]
    assert times[0] == times[2] != 0


def test_the_unit_is_of_the_first_plausible_row() -> None:
    times, bad = parse_times(column("0", "1723161257679", "1723161257680"))
    assert bad.tolist() == [True, False, False]
    assert times[1:].tolist() == [NS, NS + 10**6]


def test_a_local_time_says_what_is_missing() -> None:
    assert "has no zone" in describe_time_fault("2024-08-09 09:15:00")
    assert "neither an epoch" in describe_time_fault("x")


@given(st.datetimes(), st.integers(0, 999_999_999), st.sampled_from(["Z", "+05:30", "-03:00"]))
def test_fast_and_slow_iso_agree(moment: object, fraction: int, zone: str) -> None:
    text = f"{moment:%Y-%m-%dT%H:%M:%S}".rjust(19, "0") + f".{fraction:09d}{zone}"
    times, bad = parse_times(column(text, text))
    slow = parse_iso(text)
    if slow is not None and abs(slow) < 2**62:
        assert not bad.any()
        assert times.tolist() == [slow, slow]


@given(st.lists(st.sampled_from(["B", "S", "", "buy", "sell", "Käufer"]), min_size=1, max_size=20))
def test_words_and_their_places(words: list[str]) -> None:
    found, index = column(*words).words()
    assert [found[i] for i in index.tolist()] == words


@pytest.mark.parametrize(("text", "decimals"), [("1.50", 1), ("100", 0), ("0", 0), ("1e-7", 7)])
def test_needed_decimals(text: str, decimals: int) -> None:
    number = parse_number(text)
    assert number is not None
    assert decimals_of(number) == decimals
