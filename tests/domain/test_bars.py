"""The recipe's spelling, origins, and cutting and joining columns."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import (
    BAR_COLUMNS,
    LEVEL_COLUMNS,
    MINUTE,
    BarKind,
    BarOrigin,
    Bars,
    BarSpec,
    bar_fields,
)
from dashboard.errors import InputError
from tests.domain.tapes import DAILY, OPEN, SECOND, V20, assert_same, rows_of, tape


@pytest.fixture
def bars() -> Bars:
    """Five bars of two sessions; the third and fourth share their prices."""
    return aggregate(tape(V20 * 2, step_ns=24 * SECOND), MINUTE, DAILY, 1)[0]


@pytest.mark.parametrize(
    ("text", "kind", "size"),
    [
        ("1s", BarKind.TIME, 1),
        ("30s", BarKind.TIME, 30),
        ("5m", BarKind.TIME, 300),
        ("1h", BarKind.TIME, 3600),
        ("1d", BarKind.TIME, 86400),
        ("100t", BarKind.TRADES, 100),
        ("5000v", BarKind.VOLUME, 5000),
        ("20r", BarKind.RANGE, 20),
        ("500delta", BarKind.DELTA, 500),
    ],
)
def test_a_spelling_reads_and_writes(text: str, kind: BarKind, size: int) -> None:
    spec = BarSpec.parse(text)
    assert spec == BarSpec(kind, size)
    assert str(spec) == text
    assert spec.interval_ns == (size * SECOND if kind is BarKind.TIME else 0)


@pytest.mark.parametrize(
    ("text", "written"),
    [(" 5M ", "5m"), ("60s", "1m"), ("90s", "90s"), ("90m", "90m"), ("24h", "1d")],
)
def test_the_longest_whole_unit_is_written(text: str, written: str) -> None:
    assert str(BarSpec.parse(text)) == written


@pytest.mark.parametrize(
    "text",
    ["", "5", "m", "0m", "00t", "-5m", "1.5h", "5x", "5 m", "5mm", "1e3t", "٣m", "9" * 10 + "t"],
)
def test_other_texts_are_refused_with_examples(text: str) -> None:
    with pytest.raises(InputError, match="5m, 30s, 1h") as caught:
        BarSpec.parse(text)
    assert caught.value.field == "bar"


@pytest.mark.parametrize("text", ["2d", "25h", "86401s"])
def test_a_time_bar_is_a_day_at_most(text: str) -> None:
    with pytest.raises(InputError, match="1s to 1d"):
        BarSpec.parse(text)


def test_bars_made_from_trades_join_base_bars_of_any_length() -> None:
    stored = BarOrigin(interval_s=60, absent=frozenset({"vwap"}))
    made = BarOrigin(absent=frozenset({"trades"}))
    both = BarOrigin(interval_s=60, absent=frozenset({"vwap", "trades"}))
    assert stored.join(made) == made.join(stored) == both
    assert made.join(made) == made
    assert stored.join(stored) == stored


@pytest.mark.parametrize(
    "other",
    [
        BarOrigin(interval_s=300),
        BarOrigin(interval_s=60, level_anchor="nearest"),
        BarOrigin(interval_s=60, ohlc_exact=False),
    ],
)
def test_origins_that_differ_never_mix(other: BarOrigin) -> None:
    with pytest.raises(ValueError, match="never mix"):
        BarOrigin(interval_s=60).join(other)


def test_zeros_and_empty_have_every_column() -> None:
    blank = Bars.zeros(MINUTE, 5, 3)
    assert len(blank) == 3
    assert blank.offsets.tolist() == [0, 0, 0, 0]
    assert all(getattr(blank, n).shape == (3,) for n in BAR_COLUMNS)
    assert all(getattr(blank, n).shape == (0,) for n in LEVEL_COLUMNS)
    assert [str(c.dtype) for c in (blank.vwap_m2, blank.gap)] == ["float64", "bool"]
    origin = BarOrigin(interval_s=300)
    empty = Bars.empty(MINUTE, 5, origin)
    assert (len(empty), empty.spec, empty.level_size, empty.origin) == (0, MINUTE, 5, origin)
    assert empty.offsets.tolist() == [0]


def test_columns_named_are_the_fields() -> None:
    assert (*BAR_COLUMNS, "offsets", *LEVEL_COLUMNS) == bar_fields()
    assert {f.name for f in fields(Bars)} == {*bar_fields(), "spec", "level_size", "origin"}


def test_volumes_and_delta_are_sums_of_sides(bars: Bars) -> None:
    rows = tape([(10, 3, "B"), (10, 5, "S"), (11, 7, "?")])
    made, _ = aggregate(rows, MINUTE, DAILY, 1)
    made = made.with_columns(unattributed_volume=np.array([100]))
    assert made.traded_volume.tolist() == [15]
    assert made.volume.tolist() == [115]
    assert made.delta.tolist() == [-2]
    assert made.level_volume.tolist() == [8, 7]
    assert bars.level_bar.tolist() == [
        i for i, row in enumerate(rows_of(bars)) for _ in row["levels"]
    ]


def test_keys_sort_as_session_and_place() -> None:
    bars = Bars.zeros(MINUTE, 1, 4).with_columns(
        session_ns=np.array([OPEN, OPEN, OPEN, 2 * OPEN]), ordinal=np.array([-9, 0, 800, -900])
    )
    assert (np.diff(bars.keys) > 0).all()


def test_take_cuts_bars_with_their_levels(bars: Bars) -> None:
    rows = rows_of(bars)
    assert len(rows) > 3
    for start in range(len(rows) + 1):
        for stop in range(start, len(rows) + 1):
            assert rows_of(bars.take(start, stop)) == rows[start:stop]
    assert bars.take(0, len(bars)) is bars


def test_select_takes_a_mask_or_an_index(bars: Bars) -> None:
    rows = rows_of(bars)
    odd = np.arange(len(rows)) % 2 == 1
    assert rows_of(bars.select(odd)) == rows[1::2]
    assert rows_of(bars.select(np.array([3, 0, 3]))) == [rows[3], rows[0], rows[3]]
    assert rows_of(bars.select(np.zeros(len(rows), np.bool_))) == []


def test_concat_joins_what_take_cut(bars: Bars) -> None:
    parts = [bars.take(0, 2), bars.take(2, 2), bars.take(2, len(bars))]
    assert_same(Bars.concat(parts), bars)
    assert Bars.concat(iter([bars])) is bars
    with pytest.raises(ValueError, match="at least one"):
        Bars.concat([])
