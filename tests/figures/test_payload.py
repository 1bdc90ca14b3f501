"""The layer's payload: the contract of docs/ARCHITECTURE.md, number by number."""

from __future__ import annotations

import dataclasses
import gzip
import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import BarOrigin, BarSpec
from dashboard.domain.livestate import FeedMode, FeedState, FeedStatus
from dashboard.domain.provenance import Provenance
from dashboard.domain.trade import Trades
from dashboard.errors import InputError
from dashboard.figures import payload as payloads
from dashboard.figures.frame import derive
from dashboard.figures.payload import build_payload
from dashboard.figures.view import ViewSettings
from tests.figures import samples
from tests.figures.samples import (
    MINUTE,
    OPEN,
    PLAIN,
    V2,
    V3,
    bars_of,
    live_of,
    shifted,
    snapshot_of,
)

FIELDS = {
    "schema", "view", "figure", "version", "trade_seq", "receive_ms", "complete", "symbol", "bar",
    "mode", "estimated", "scale", "total", "first", "date", "live", "live_end_ms", "bars", "cells",
    "zones", "tags", "rows", "row_names", "last", "min_volume", "feed",
}  # fmt: skip
BAR_FIELDS = {
    "x", "ver", "label", "date", "start_ms", "end_ms", "o", "h", "l", "c", "vol", "bid", "ask",
    "unk", "una", "delta", "min", "max", "pct", "cvd", "cvo", "cvh", "cvl", "n", "vwap", "bvwap",
    "poc", "gap", "shade",
}  # fmt: skip
CELL_FIELDS = {"off", "p", "b", "a", "u", "n", "hb", "ha", "ht", "hd", "m"}


def payload_of(*ladders: samples.Levels, view: ViewSettings = PLAIN, **changes: Any) -> Any:  # noqa: ANN401
    """Payload of hand-made bars; `changes` are fields of the snapshot."""
    return build_payload(derive(snapshot_of(bars_of(*ladders), **changes), view), view)


def test_v2_through_the_payload() -> None:
    answer = payload_of(V2)
    cells, bars = answer["cells"], answer["bars"]
    assert cells["off"] == [0, 8]
    assert cells["p"] == sorted(V2)
    assert cells["b"] == [V2[p][0] for p in sorted(V2)]
    assert cells["a"] == [V2[p][1] for p in sorted(V2)]
    assert cells["m"] == [0, 0, 0, 0, 1 + 4 + 16, 1 + 4, 1 + 4, 1 + 4]
    assert (bars["bid"], bars["ask"], bars["delta"], bars["vol"]) == ([217], [371], [154], [588])
    assert bars["poc"] == [103]
    assert bars["pct"] == [26.2]
    assert (bars["o"], bars["h"], bars["l"], bars["c"]) == ([99], [106], [99], [106])
    assert answer["zones"] == [{"x": 0, "low": 103, "high": 106, "side": 1, "to": None}]


def test_v3_through_the_payload() -> None:
    answer = payload_of(V3)
    marks = dict(zip(answer["cells"]["p"], answer["cells"]["m"], strict=True))
    assert {p for p, m in marks.items() if m & 1} == {104, 105}
    assert 103 not in marks
    ignoring = ViewSettings.parse({"symbol": "TEST", "preset": "flowsurface"})
    assert not any(m & 3 for m in payload_of(V3, view=ignoring)["cells"]["m"])


def test_fields_are_those_of_the_contract_and_all_is_json() -> None:
    snapshot = snapshot_of(bars_of(V2, V3))
    answer = build_payload(derive(snapshot, PLAIN), PLAIN, now_ns=OPEN)
    assert set(answer) == FIELDS | {"clock"}
    assert set(answer["bars"]) == BAR_FIELDS
    assert set(answer["cells"]) == CELL_FIELDS
    assert json.loads(json.dumps(answer)) == answer
    columns = {name: len(values) for name, values in answer["bars"].items() if name != "shade"}
    assert set(columns.values()) == {2}
    assert {len(v) for v in answer["bars"]["shade"].values()} == {2}
    assert {len(v) for name, v in answer["cells"].items() if name != "off"} == {13}


def test_the_head_names_what_is_shown() -> None:
    nifty = dataclasses.replace(samples.INSTRUMENT, price_scale=100, tick_size=10, lot_size=75)
    snapshot = snapshot_of(bars_of(V2, V3, lot=75), instrument=nifty, sides_estimated=True)
    answer = build_payload(derive(snapshot, PLAIN), PLAIN)
    assert (answer["symbol"], answer["bar"], answer["mode"]) == ("TEST", "1m", "LIVE")
    assert answer["estimated"] is True
    assert answer["scale"] == {
        "price": 100, "decimals": 2, "level": 1, "tick": 10, "lot": 75, "unit": "lots",
        "anchor": "floor",
    }  # fmt: skip
    assert (answer["total"], answer["first"], answer["live"]) == (2, 0, 1)
    assert answer["live_end_ms"] == (OPEN + 2 * MINUTE) // 10**6
    assert answer["trade_seq"] == int(snapshot.bars.last_seq[-1])
    assert answer["receive_ms"] == (OPEN + MINUTE) // 10**6 + 5000


def test_bars_that_are_not_time_have_no_countdown() -> None:
    bars = bars_of(V2)
    counted = dataclasses.replace(bars, spec=BarSpec.parse("100t"))
    answer = build_payload(derive(snapshot_of(counted), PLAIN), PLAIN)
    assert answer["live"] == 0
    assert answer["live_end_ms"] is None


def test_stored_bars_have_no_forming_bar_and_no_last_price() -> None:
    snapshot = snapshot_of(bars_of(V2), live=None, status=None, is_open=False)
    answer = build_payload(derive(snapshot, PLAIN), PLAIN, now_ns=OPEN)
    assert answer["mode"] == "HISTORY"
    assert (answer["live"], answer["live_end_ms"], answer["last"]) == (None, None, None)
    assert answer["feed"] == {"state": "stopped", "age_ms": 0, "cause": ""}
    assert "clock" not in answer


@pytest.mark.parametrize(
    ("simulated", "mode", "badge"),
    [
        (True, FeedMode.REPLAY, "SIMULATED"),
        (False, FeedMode.REPLAY, "REPLAY"),
        (False, FeedMode.LIVE, "LIVE"),
    ],
)
def test_made_up_data_says_so(simulated: bool, mode: FeedMode, badge: str) -> None:
    made_up = dataclasses.replace(samples.INSTRUMENT, simulated=simulated)
    status = FeedStatus(mode, FeedState.LIVE)
    assert payload_of(V2, instrument=made_up, status=status)["mode"] == badge


def test_what_the_source_cannot_know_is_null_and_has_no_row() -> None:
    origin = BarOrigin(60, absent=frozenset({"trades", "min_delta", "max_delta", "vwap"}))
    bars = dataclasses.replace(bars_of(V2), origin=origin)
    view = dataclasses.replace(PLAIN, bands=2)
    answer = build_payload(derive(snapshot_of(bars), view), view)
    for column in ("n", "min", "max", "cvh", "cvl", "vwap", "bvwap"):
        assert answer["bars"][column] == [None], column
    assert answer["cells"]["n"] == [None] * 8
    assert answer["rows"] == ["delta", "pct", "cvd", "vol", "bid", "ask"]
    assert "vwap" not in {tag["role"] for tag in answer["tags"]}


def test_table_rows_are_named_for_the_source() -> None:
    answer = payload_of(V2)
    assert answer["rows"] == ["delta", "pct", "max", "min", "cvd", "vol", "bid", "ask", "n"]
    assert answer["row_names"][0] == "Δ"
    assert answer["row_names"][-1] == "Trades"
    assert payload_of(V2, sides_estimated=True)["row_names"][-1] == "Trades ≈"
    assert payload_of(V2, view=dataclasses.replace(PLAIN, table=False))["rows"] == []


def test_only_bars_changed_since_are_sent_to_who_has_the_view() -> None:
    frame = derive(snapshot_of(bars_of(V2, V3, V2)), PLAIN)
    answer = build_payload(frame, PLAIN, since=2, known=frame.view)
    assert answer["complete"] is False
    assert answer["bars"]["x"] == [2]
    assert answer["bars"]["ver"] == [3]
    assert answer["cells"]["off"] == [0, 8]
    assert len(answer["cells"]["p"]) == 8
    assert len(answer["zones"]) == 2


@pytest.mark.parametrize(("since", "known"), [(2, "another"), (0, None), (4, None), (-1, None)])
def test_everything_is_sent_to_who_has_another_view_or_version(
    since: int, known: str | None
) -> None:
    frame = derive(snapshot_of(bars_of(V2, V3, V2)), PLAIN)
    answer = build_payload(frame, PLAIN, since=since, known=known or frame.view)
    assert answer["complete"] is True
    assert answer["bars"]["x"] == [0, 1, 2]


def test_who_has_all_is_told_so() -> None:
    frame = derive(snapshot_of(bars_of(V2, V3)), PLAIN)
    assert payloads.unchanged(frame, 2, frame.view)
    assert not payloads.unchanged(frame, 1, frame.view)
    assert not payloads.unchanged(frame, 2, "another")
    answer = build_payload(frame, PLAIN, since=2, known=frame.view)
    assert answer["bars"]["x"] == []
    assert answer["cells"]["off"] == [0]


@pytest.mark.parametrize(
    ("window", "sent"),
    [
        ((1, 1), [1]),
        ((-5, 0), [0]),
        ((1, 99), [1, 2]),
        ((50, 99), [2]),
        ((2, 1), [2]),
        (None, [0, 1, 2]),
    ],
)
def test_a_window_is_cut_to_what_there_is(window: tuple[int, int] | None, sent: list[int]) -> None:
    frame = derive(snapshot_of(bars_of(V2, V3, V2)), PLAIN)
    answer = build_payload(frame, PLAIN, window)
    assert answer["bars"]["x"] == sent
    assert answer["first"] == sent[0]


def test_a_view_without_bars_is_an_answer_too() -> None:
    empty = bars_of(V2).take(0, 0)
    answer = build_payload(derive(snapshot_of(empty), PLAIN), PLAIN, (0, 10))
    assert (answer["total"], answer["bars"]["x"], answer["cells"]["off"]) == (0, [], [0])
    assert (answer["tags"], answer["zones"], answer["last"]) == ([], [], None)


def test_answers_that_are_too_large_are_refused_naming_the_cap(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    frame = derive(snapshot_of(bars_of(V2, V3, V2)), PLAIN)
    monkeypatch.setattr(payloads, "MAX_CELLS", 12)
    with pytest.raises(InputError, match="at most 5,000 bars and 12 cells"):
        build_payload(frame, PLAIN)
    assert build_payload(frame, PLAIN, (0, 0))["total"] == 3
    monkeypatch.setattr(payloads, "MAX_BARS", 2)
    with pytest.raises(InputError, match="2 bars"):
        build_payload(frame, PLAIN)


def test_zones_that_reach_into_the_window_are_sent() -> None:
    far = {200: (1, 1)}
    touch = {103: (1, 1)}
    frame = derive(snapshot_of(bars_of(V2, far, far, touch, far)), PLAIN)
    assert [z["to"] for z in build_payload(frame, PLAIN, (2, 4))["zones"]] == [3]
    assert build_payload(frame, PLAIN, (4, 4))["zones"] == []


def test_tags_carry_true_prices() -> None:
    tags = payload_of(V2, V2, previous_close=97)["tags"]
    assert [(tag["text"], tag["price"]) for tag in tags if tag["role"] != "vwap"] == [
        ("VAH", 104), ("POC", 103), ("VAL", 100), ("PC", 97),
    ]  # fmt: skip
    plain = dataclasses.replace(PLAIN, profile="off", vwap=False, prevclose=False)
    assert payload_of(V2, view=plain, previous_close=97)["tags"] == []


def test_a_session_seen_from_its_middle_says_since_when() -> None:
    bars = shifted(bars_of(V2), 90)
    late = live_of(bars, first_ns=OPEN + 90 * MINUTE)
    frame = derive(snapshot_of(bars, live=late, previous_close=90), PLAIN)
    tags = build_payload(frame, PLAIN)["tags"]
    assert {tag["text"] for tag in tags} == {
        "VAH since 01:30", "POC since 01:30", "VAL since 01:30", "VW since 01:30", "PC",
    }  # fmt: skip
    prompt = live_of(bars, first_ns=OPEN + 10**9)
    assert payloads.since_text(snapshot_of(bars, live=prompt)) == ""
    # An earlier run stored the open: the session is whole although this one began late.
    assert payloads.since_text(snapshot_of(bars_of(V2), live=late)) == ""


def test_last_price_is_up_against_the_previous_close() -> None:
    assert payload_of(V2, previous_close=107)["last"] == {"price": 106, "up": False}
    assert payload_of(V2, previous_close=106)["last"] == {"price": 106, "up": True}
    assert payload_of(V2)["last"] == {"price": 106, "up": True}


def test_the_feeds_age_is_that_of_its_last_sign_of_life() -> None:
    bars = bars_of(V2)
    silent = FeedStatus(FeedMode.LIVE, FeedState.RETRYING, "No route.", heartbeat_ns=OPEN)
    snapshot = snapshot_of(bars, status=silent)
    state = payloads.feed_state(snapshot, OPEN + 7 * 10**9)
    assert state == {"state": "retrying", "age_ms": 2000, "cause": "No route."}
    beating = dataclasses.replace(silent, heartbeat_ns=OPEN + 6 * 10**9)
    assert (
        payloads.feed_state(snapshot_of(bars, status=beating), OPEN + 7 * 10**9)["age_ms"] == 1000
    )
    assert payloads.feed_state(snapshot, OPEN)["age_ms"] == 0


def test_a_replays_clock_runs_at_its_speed() -> None:
    bars = bars_of(V2)
    live = live_of(bars, provenance=Provenance(last_event_ns=OPEN), receive_ns=OPEN + 10 * MINUTE)
    status = FeedStatus(FeedMode.REPLAY, FeedState.LIVE, speed=10.0)
    frame = derive(snapshot_of(bars, live=live, status=status), PLAIN)
    answer = build_payload(frame, PLAIN, now_ns=OPEN + 10 * MINUTE + 2 * 10**9)
    assert answer["clock"] == {"now_ms": OPEN // 10**6 + 20_000, "speed": 10.0}
    true_time = build_payload(derive(snapshot_of(bars), PLAIN), PLAIN, now_ns=OPEN)
    assert true_time["clock"] == {"now_ms": OPEN // 10**6, "speed": 1.0}


def test_minimum_volume_is_in_the_unit_shown() -> None:
    lots = dataclasses.replace(samples.INSTRUMENT, lot_size=75)
    auto = dataclasses.replace(PLAIN, minvol="auto")
    levels = np.array([75, 150, 150])
    shown = payload_of(V2, view=auto, instrument=lots, previous_levels=levels)
    assert (shown["scale"]["unit"], shown["min_volume"]) == ("qty", 150)
    frame = derive(snapshot_of(bars_of(V2, lot=75), instrument=lots, previous_levels=levels), auto)
    assert build_payload(frame, auto)["min_volume"] == 2


@given(samples.tapes(), st.sampled_from(["1m", "1h", "5t"]))
@settings(max_examples=40)
def test_cells_sum_to_their_bars_and_bars_to_the_tape(trades: Trades, spec: str) -> None:
    frame = derive(snapshot_of(samples.bars_from(trades, spec)), PLAIN)
    answer = build_payload(frame, PLAIN)
    bars, cells = answer["bars"], answer["cells"]
    for k in range(len(bars["x"])):
        own = slice(cells["off"][k], cells["off"][k + 1])
        assert sum(cells["b"][own]) == bars["bid"][k]
        assert sum(cells["a"][own]) == bars["ask"][k]
        assert sum(cells["u"][own]) == bars["unk"][k]
        assert sum(cells["n"][own]) == bars["n"][k]
        assert bars["vol"][k] == bars["bid"][k] + bars["ask"][k] + bars["unk"][k] + bars["una"][k]
        assert bars["delta"][k] == bars["ask"][k] - bars["bid"][k]
        assert bars["cvl"][k] <= bars["cvo"][k] <= bars["cvh"][k]
        assert sum(mark & 16 > 0 for mark in cells["m"][own]) == 1
        assert cells["p"][own] == sorted(cells["p"][own])
    assert sum(bars["vol"]) == int(trades.size.sum())


@given(samples.tapes(), st.integers(0, 99))
@settings(max_examples=30)
def test_a_lost_answer_heals(trades: Trades, since: int) -> None:
    """What an asker keeps, overlaid with any later partial answer, is the complete answer."""
    frame = derive(snapshot_of(samples.bars_from(trades)), PLAIN)
    asked = since % len(frame) + 1
    kept = build_payload(frame, PLAIN)
    partial = build_payload(frame, PLAIN, since=asked, known=frame.view)
    rows = dict(zip(kept["bars"]["x"], kept["bars"]["ver"], strict=True))
    assert set(partial["bars"]["x"]) == {x for x, version in rows.items() if version > asked}


def test_a_beat_that_changes_a_bar_of_thirty_levels_is_small() -> None:
    rng = np.random.default_rng(4)
    ladders = [
        {int(p): (int(rng.integers(0, 300)), int(rng.integers(1, 300))) for p in range(500, 530)}
        for _ in range(40)
    ]
    frame = derive(snapshot_of(bars_of(*ladders)), PLAIN)
    beat = build_payload(frame, PLAIN, (28, 45), since=39, known=frame.view, now_ns=OPEN)
    assert len(beat["cells"]["p"]) == 30
    assert len(gzip.compress(json.dumps(beat, separators=(",", ":")).encode())) <= 1500
