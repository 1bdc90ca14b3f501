"""The plain-Plotly ladder, and the figure for notebooks, show the payload's own numbers."""

from __future__ import annotations

import dataclasses
import re
from itertools import pairwise
from typing import Any

import numpy as np
from hypothesis import given, settings

from dashboard.domain.bars import LEVEL_COLUMNS
from dashboard.domain.trade import Trades
from dashboard.figures.annotations import footprint_figure
from dashboard.figures.chart import build_figure
from dashboard.figures.frame import derive
from dashboard.figures.ladder import cell_text, ladder_annotations
from dashboard.figures.payload import build_payload
from dashboard.figures.theme import palette_of
from tests.figures import samples
from tests.figures.samples import CALENDAR, INSTRUMENT, PLAIN, V2, V3, bars_of, snapshot_of

PALETTE = palette_of("default")
PLOTLY = dataclasses.replace(PLAIN, ladder="plotly")


def plain(text: str) -> str:
    """An annotation's text without its tags, as a browser shows it."""
    return re.sub("<[^>]*>", "", text)


def rows_of(notes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The notes that are ladder rows."""
    return [note for note in notes if "×" in note["text"]]


def test_each_row_is_a_note_at_the_middle_of_its_level() -> None:
    answer = build_payload(derive(snapshot_of(bars_of(V2)), PLAIN), PLAIN)
    rows = rows_of(ladder_annotations(answer, PALETTE))
    assert {note["y"]: plain(note["text"]) for note in rows} == {
        price + 0.5: f"{bid or '·'} × {ask or '·'}" for price, (bid, ask) in V2.items()
    }
    assert {note["x"] for note in rows} == {0}


def test_imbalances_are_bold_in_their_sides_colour() -> None:
    view = dataclasses.replace(PLAIN, preset="ninjatrader", ratio=1.5)
    answer = build_payload(derive(snapshot_of(bars_of(V2)), view), view)
    texts = {note["y"] - 0.5: note["text"] for note in rows_of(ladder_annotations(answer, PALETTE))}
    assert texts[103] == f'20 × <b><span style="color:{PALETTE.buy_text}">90</span></b>'
    assert texts[100] == f'<b><span style="color:{PALETTE.sell_text}">70</span></b> × 20'
    assert texts[101] == "55 × 40"


def test_the_delta_stands_under_the_lowest_row() -> None:
    answer = build_payload(derive(snapshot_of(bars_of(V2)), PLAIN), PLAIN)
    delta = ladder_annotations(answer, PALETTE)[-1]
    assert (delta["text"], delta["y"], delta["yanchor"]) == ("Δ +154", 99, "top")
    assert delta["font"]["color"] == PALETTE.buy_text


def test_a_bar_without_rows_has_its_delta_under_its_low() -> None:
    bars = bars_of(V2)
    none = {name: getattr(bars, name)[:0] for name in LEVEL_COLUMNS}
    bare = bars.with_columns(offsets=np.array([0, 0]), low=np.array([90]), **none)
    notes = ladder_annotations(build_payload(derive(snapshot_of(bare), PLAIN), PLAIN), PALETTE)
    assert [(note["text"], note["y"]) for note in notes] == [("Δ +154", 90)]


def test_nearest_levels_are_drawn_about_their_price() -> None:
    bars = bars_of(V2)
    near = dataclasses.replace(
        bars, origin=dataclasses.replace(bars.origin, level_anchor="nearest")
    )
    notes = ladder_annotations(build_payload(derive(snapshot_of(near), PLAIN), PLAIN), PALETTE)
    assert sorted(note["y"] for note in rows_of(notes)) == sorted(V2)
    assert notes[-1]["y"] == 98.5


def test_the_newest_bars_come_first_and_are_whole() -> None:
    answer = build_payload(derive(snapshot_of(bars_of(V2, V3, V2)), PLAIN), PLAIN)
    assert {n["x"] for n in ladder_annotations(answer, PALETTE, limit=13)} == {1, 2}
    assert {n["x"] for n in ladder_annotations(answer, PALETTE, limit=12)} == {2}
    assert len(rows_of(ladder_annotations(answer, PALETTE))) == 21


def test_a_bar_taller_than_the_limit_is_cut_about_its_close() -> None:
    tall = dict.fromkeys(range(100, 160), (1, 2))
    answer = build_payload(derive(snapshot_of(bars_of(tall)), PLAIN), PLAIN)
    rows = rows_of(ladder_annotations(answer, PALETTE, limit=10))
    assert sorted(note["y"] - 0.5 for note in rows) == list(range(150, 160))


def test_fractional_sizes_keep_their_decimals() -> None:
    coin = dataclasses.replace(INSTRUMENT, size_scale=1000)
    bars = bars_of({100: (250, 1500), 101: (0, 2000)})
    answer = build_payload(derive(snapshot_of(bars, instrument=coin), PLAIN), PLAIN)
    assert cell_text(answer, 0) == "0.25 × 1.5"
    assert cell_text(answer, 1) == "· × 2"
    assert ladder_annotations(answer, PALETTE)[-1]["text"] == "Δ +3.25"


@given(samples.tapes())
@settings(max_examples=25)
def test_notes_are_exactly_the_payloads_cells(trades: Trades) -> None:
    answer = build_payload(derive(snapshot_of(samples.bars_from(trades)), PLAIN), PLAIN)
    rows = rows_of(ladder_annotations(answer, PALETTE, limit=10_000))
    texts = [cell_text(answer, row) for row in range(len(answer["cells"]["p"]))]
    assert sorted(plain(note["text"]) for note in rows) == sorted(texts)


def test_the_chart_carries_the_ladder_only_where_it_was_chosen() -> None:
    frame = derive(snapshot_of(bars_of(V2, V3)), PLAIN)
    assert build_figure(frame, PLAIN)["layout"]["annotations"] == []
    chosen = build_figure(frame, PLOTLY)["layout"]["annotations"]
    assert chosen == ladder_annotations(build_payload(frame, PLOTLY), PALETTE)


def test_bars_half_in_view_have_their_numbers() -> None:
    frame = derive(snapshot_of(bars_of(V2, V3, V2, V3, V2)), PLOTLY)
    notes = build_figure(frame, PLOTLY, (2, 2))["layout"]["annotations"]
    assert {note["x"] for note in notes} == {1, 2, 3}


def test_a_notebook_gets_a_labelled_figure_from_bars_alone() -> None:
    figure = footprint_figure(bars_of(V2, V3, V2, sessions=(0, 0, 1)))
    texts = [plain(note.text) for note in figure.layout.annotations]
    assert texts.count("20 × 90") == 2
    assert "POC 1.03" in texts
    assert figure.layout.title.text == "Footprint · 1m · 0.01"
    assert figure.layout.xaxis.ticktext == ("4 Oct 00:00", "00:01", "5 Oct 00:02")
    assert figure.layout.yaxis.showticklabels is True


def test_a_notebooks_window_and_instrument_are_its_own() -> None:
    figure = footprint_figure(
        bars_of(V2, V3, V2), INSTRUMENT, CALENDAR, dataclasses.replace(PLAIN, vwap=False), (0, 1)
    )
    rows = [n for n in figure.layout.annotations if n.xref == "x" and "×" in n.text]
    assert {note.x for note in rows} == {0, 1, 2}
    assert "POC 102" in [note.text for note in figure.layout.annotations]
    assert not any(note.text.startswith("VW") for note in figure.layout.annotations)


def test_pills_of_a_notebook_do_not_overlap() -> None:
    pills = [n for n in footprint_figure(bars_of(V2)).layout.annotations if n.xref == "paper"]
    low, high = footprint_figure(bars_of(V2)).layout.yaxis.range
    px = (800 - 70) * 0.868 / (high - low)
    places = sorted(pill.y * px + pill.yshift for pill in pills)
    assert len(pills) == 4
    assert all(b - a >= 17.9 for a, b in pairwise(places))
