"""The expected error that the screen shows, and the bench that it comes from."""

from __future__ import annotations

import math
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import truth as bench
from dashboard.domain.bars import MINUTE
from dashboard.domain.trade import Trades
from dashboard.domain.truth import EXPECTED_DELTA_ERROR, expected_delta_error

BAND = (0.25, 1.1)
"""What a synthetic hour's error is of the expected one: no more, for the screen shows the worst
tape's, and no less than a quarter, or the number on screen would say nothing."""


@cache
def hour() -> bench.Tape:
    return bench.synthetic_tape("SIM:NIFTY", 21, 78_500, "held out", (60, 120))


# ------------------------------------------------------------------------------ the number shown


@pytest.mark.parametrize(
    ("rate", "error"),
    [(0.0, 0.41), (0.5, 0.41), (0.75, 0.36), (1.0, 0.31), (2.0, 0.18), (3.0, 0.155), (9.0, 0.13)],
)
def test_the_error_between_and_beyond_the_measured_rates(rate: float, error: float) -> None:
    assert math.isclose(expected_delta_error(rate), error)


@given(st.floats(0, 100), st.floats(0, 100))
def test_more_updates_never_mean_a_larger_error(a: float, b: float) -> None:
    few, many = sorted((a, b))
    assert 1 > expected_delta_error(few) >= expected_delta_error(many) > 0


def test_the_numbers_are_those_of_the_report() -> None:
    tail = bench.REPORT.read_text(encoding="utf-8").rsplit("## What the screen shows", 1)[1]
    rows = [line.split("|")[1:-1] for line in tail.splitlines() if line.startswith("| ")][2:]
    told = {float(rate): math.ceil(float(error.strip(" %"))) / 100 for rate, error, _ in rows}
    assert told == dict(EXPECTED_DELTA_ERROR)
    assert any(tape.strip().startswith("BTCUSD_PERP") for _, _, tape in rows)


def test_a_synthetic_hour_is_within_the_band_of_what_is_expected() -> None:
    group = bench.Group("an hour", [hour()], 2)
    table = bench.compare(group, rules={"spread": bench.RULES["spread"]})
    for rate, expected in EXPECTED_DELTA_ERROR.items():
        share = table["spread", rate].error / expected
        assert BAND[0] <= share <= BAND[1], (rate, share)


# ------------------------------------------------------------------------------ the bench


def test_the_spread_is_better_than_the_naive_rule() -> None:
    rules = {name: bench.RULES[name] for name in ("naive", "spread")}
    table = bench.compare(bench.Group("an hour", [hour()], 1), rules=rules)
    assert [bench.is_better(table, rate) for rate in bench.RATES] == [True] * 4


def test_packets_are_those_of_a_snapshot_feed() -> None:
    tape = hour()
    quotes = bench.conflate(tape, 2.0).quotes
    assert len(quotes) == 7202
    assert int(quotes.day_volume[0]) == 0
    assert int(quotes.day_volume[-1]) == tape.trades.size.sum()
    assert not (quotes.event_ns % 10**9).any()
    assert not (quotes.last_trade_ns % 10**9).any()
    assert (quotes.event_ns <= quotes.receive_ns).all()
    assert (np.diff(quotes.day_volume) >= 0).all()
    # Some packets have a new last trade and the totals of the packet before.
    moved = np.diff(quotes.last_price) != 0
    assert 0.1 < (moved & (np.diff(quotes.day_volume) == 0)).mean() < 0.3
    fresh = bench.conflate(tape, 2.0, stale_share=0).quotes
    assert not ((np.diff(fresh.last_price) != 0) & (np.diff(fresh.day_volume) == 0)).any()


def test_each_trade_is_told_by_the_first_packet_whose_totals_hold_it() -> None:
    tape = hour()
    packets = bench.conflate(tape, 1.0, phase=3)
    told = np.bincount(packets.teller, tape.trades.size, len(packets.quotes)).astype(np.int64)
    assert (np.cumsum(told) == packets.quotes.day_volume).all()
    sent = packets.quotes.receive_ns[packets.teller]
    assert (sent >= tape.trades.event_ns).all()


def _told(tape: bench.Tape, packets: bench.Packets) -> Trades:
    """Return the true trades as if inference had found each of them."""
    return tape.trades.replace(source_seq=packets.teller)


def test_the_truth_itself_scores_in_full() -> None:
    tape = hour()
    packets = bench.conflate(tape, 1.0)
    found = bench.score(tape, packets, _told(tape, packets), MINUTE)
    wrong = {"error", "invented"}
    rest = {f.name for f in fields(found)} - wrong - {"rows"}
    assert {getattr(found, name) for name in rest} == {1.0}
    assert {getattr(found, name) for name in wrong} == {0.0}


def test_measures_of_a_tape_that_is_wrong_in_one_way() -> None:
    tape = hour()
    packets = bench.conflate(tape, 1.0)
    true = _told(tape, packets)
    volume = int(true.size.sum())
    turned = bench.score(tape, packets, true.replace(side=-true.side), MINUTE)
    assert turned.level == turned.tick == turned.poc == 1
    assert turned.side < 0.6
    deltas = np.zeros(60)
    np.add.at(deltas, (true.event_ns - tape.begin_ns) // (60 * 10**9), true.side * true.size)
    assert math.isclose(turned.error, 2 * np.abs(deltas).sum() / volume)
    assert turned.sign == (deltas == 0).mean() < 0.05
    moved = bench.score(tape, packets, true.replace(price=true.price + 10**7), MINUTE)
    assert moved.side == moved.sign == moved.invented == 1
    nothing = (moved.error, moved.tick, moved.level, moved.cell, moved.poc, moved.kept)
    assert {*nothing, moved.poc_volume, moved.cell_tick} == {0.0}


def test_every_contract_is_inferred_by_every_rule() -> None:
    tape = hour()
    packets = bench.conflate(tape, 0.5, phase=1)
    for places in bench.RULES.values():
        trades = bench.infer_all(tape, packets, places)
        assert trades.size.sum() == tape.trades.size.sum()
        assert not (trades.size % 65).any()
        assert not (trades.price % 10).any()


def test_average_prices_say_less_with_every_packet() -> None:
    bounds = bench.average_price_bounds(bench.Group("an hour", [hour()], 1))
    widths = [float(text[2:].replace(",", "")) for text in bounds[1:4]]
    assert widths == sorted(widths)
    assert widths[-1] > 10 * widths[0]


@pytest.mark.skipif(not bench.RECORDING.exists(), reason="../shared/data is not present")
def test_the_recording_is_parted_in_two() -> None:
    halves = bench.recorded_tapes()
    assert [len(tape.trades) for tape in halves] == [2232, 3003]
    assert [tape.part for tape in halves] == ["development", "held out"]
    assert halves[0].end_ns == halves[1].begin_ns
    assert sum(int(tape.trades.size.sum()) for tape in halves) == 182_183
    title = bench.groups_of(halves)[1].title
    assert title == "BTCUSD_PERP, 9 Aug 2024 (recorded, held out)"
