"""The figure as a plain dict; plotly's own validators say whether it is one."""

from __future__ import annotations

import copy
import dataclasses
import json
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from dashboard.domain.bars import LEVEL_COLUMNS
from dashboard.domain.livestate import FeedStatus
from dashboard.figures import chart
from dashboard.figures.chart import GRAPH_CONFIG, TRACES, build_figure, patch_ops
from dashboard.figures.frame import ViewFrame, derive
from dashboard.figures.theme import palette_of
from dashboard.figures.view import CHOICES, ViewSettings
from tests.figures import samples
from tests.figures.samples import PLAIN, V2, V3, bars_of, snapshot_of

SCALED = dataclasses.replace(samples.INSTRUMENT, price_scale=10)


def frame_of(count: int = 4, view: ViewSettings = PLAIN, **changes: Any) -> ViewFrame:  # noqa: ANN401
    """A frame of V2 and V3 in turns, half of the bars on a second day."""
    ladders = [V2, V3] * (count // 2)
    days = [0] * (count // 2) + [1] * (count - count // 2)
    snapshot = snapshot_of(bars_of(*ladders, sessions=days), instrument=SCALED, **changes)
    return derive(snapshot, view)


def trace(figure: dict[str, Any], name: str) -> dict[str, Any]:
    """The trace of a name."""
    found: dict[str, Any] = figure["data"][TRACES.index(name)]
    assert found["name"] == name
    return found


VIEWS = [
    PLAIN,
    *(PLAIN.change({n: word}) for n in ("profile", "cvd", "ladder") for word in CHOICES[n]),
    dataclasses.replace(PLAIN, palette="colour-blind", bands=3, va="cbot"),
    dataclasses.replace(PLAIN, vwap=False, prevclose=False, table=False, pwidth=30),
]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: "-".join(view.to_query().values()))
def test_every_view_is_a_valid_figure_of_the_same_traces(view: ViewSettings) -> None:
    figure = build_figure(frame_of(view=view, previous_close=1000), view)
    json.dumps(figure, allow_nan=False)
    valid = go.Figure(figure)
    assert tuple(t.name for t in valid.data) == TRACES


def test_a_figure_without_bars_is_valid_too() -> None:
    empty = derive(snapshot_of(bars_of(V2).take(0, 0)), PLAIN)
    figure = build_figure(empty, PLAIN)
    assert tuple(t.name for t in go.Figure(figure).data) == TRACES
    assert trace(figure, "price")["x"] == []


def test_candles_are_the_bars_at_their_positions() -> None:
    figure = build_figure(frame_of(), PLAIN)
    candles = trace(figure, "price")
    assert candles["x"] == [0, 1, 2, 3]
    assert candles["open"] == [9.9, 10.0, 9.9, 10.0]
    assert candles["high"] == [10.6, 10.5, 10.6, 10.5]
    assert candles["low"] == [9.9, 10.0, 9.9, 10.0]
    assert candles["close"] == [10.6, 10.5, 10.6, 10.5]


def test_cvd_candles_stand_in_their_own_pane() -> None:
    frame = frame_of()
    candles = trace(build_figure(frame, PLAIN), "cvd")
    assert candles["yaxis"] == "y2"
    assert candles["open"] == [0, 154, 0, 154]
    assert candles["close"] == frame.cvd_close.tolist()
    off = dataclasses.replace(PLAIN, cvd="off")
    figure = build_figure(frame_of(view=off), off)
    assert trace(figure, "cvd")["visible"] is False
    assert figure["layout"]["yaxis"]["domain"] == [0, 1]
    assert figure["layout"]["meta"]["panes"] == {}


def test_vwap_is_broken_between_sessions_and_has_the_bands_wanted() -> None:
    view = dataclasses.replace(PLAIN, bands=2)
    frame = frame_of(view=view)
    figure = build_figure(frame, view)
    line = trace(figure, "vwap")
    assert line["x"] == [0, 1, None, 2, 3]
    assert line["y"][2] is None
    assert line["y"][0] == pytest.approx(frame.vwap[0] / 10, abs=1e-3)
    upper = trace(figure, "band +2")["y"][0]
    assert upper == pytest.approx((frame.vwap[0] + 2 * frame.sigma[0]) / 10, abs=1e-3)
    lower = trace(figure, "band -1")["y"][0]
    assert lower == pytest.approx((frame.vwap[0] - frame.sigma[0]) / 10, abs=1e-3)
    assert [trace(figure, f"band +{k}")["visible"] for k in (1, 2, 3)] == [True, True, False]
    assert trace(figure, "band -3")["x"] == []


def test_profile_is_that_of_the_newest_session_in_view() -> None:
    figure = build_figure(frame_of(), PLAIN)
    ask, bid = trace(figure, "profile ask"), trace(figure, "profile bid")
    assert ask["y"] == [9.95, 10.05, 10.15, 10.25, 10.35, 10.45, 10.55, 10.65]
    assert ask["x"] == [0, 20, 50, 130, 90, 101, 100, 15]
    assert bid["x"] == [30, 74, 115, 25, 20, 12, 5, 0]
    axis = figure["layout"]["xaxis2"]
    assert axis["range"] == [165 * chart.PLOT_PX / PLAIN.pwidth, 0]
    assert axis["overlaying"] == "x"
    visible = dataclasses.replace(PLAIN, profile="visible")
    whole = build_figure(frame_of(view=visible), visible, (0, 3))
    assert trace(whole, "profile ask")["x"][1] == 40


def test_bars_without_levels_have_no_profile() -> None:
    bars = bars_of(V2)
    none = {name: getattr(bars, name)[:0] for name in LEVEL_COLUMNS}
    bare = bars.with_columns(offsets=np.array([0, 0]), **none)
    figure = build_figure(derive(snapshot_of(bare), PLAIN), PLAIN)
    assert [trace(figure, name)["visible"] for name in TRACES[-3:]] == [False] * 3
    assert figure["layout"]["meta"]["profile_px"] == 0
    assert "poc" not in {shape["name"] for shape in figure["layout"]["shapes"]}


def test_rows_outside_the_value_area_are_dimmed_and_the_poc_is_outlined() -> None:
    figure = build_figure(frame_of(), PLAIN)
    tags = {s["name"]: s for s in figure["layout"]["shapes"]}
    colours = trace(figure, "profile ask")["marker"]["color"]
    inside = [
        tags["val"]["y0"] <= y - 0.05 <= tags["vah"]["y0"] + 1e-9
        for y in trace(figure, "profile ask")["y"]
    ]
    assert len({c for c, within in zip(colours, inside, strict=True) if within}) == 1
    assert len({c for c, within in zip(colours, inside, strict=True) if not within}) == 1
    assert len(set(colours)) == 2
    assert (tags["poc"]["y0"], tags["poc"]["y1"], tags["poc"]["x1"]) == (10.1, 10.2, 165)
    assert tags["poc"]["line"]["color"] == palette_of("default").poc


def test_sessions_are_parted_half_a_bar_before_their_first() -> None:
    shapes = build_figure(frame_of(), PLAIN)["layout"]["shapes"]
    assert [s["x0"] for s in shapes if s["name"] == "session"] == [1.5]


def test_level_lines_stand_at_true_prices() -> None:
    shapes = {
        s["name"]: s for s in build_figure(frame_of(previous_close=997), PLAIN)["layout"]["shapes"]
    }
    assert shapes["previous close"]["y0"] == shapes["previous close"]["y1"] == 99.7
    assert shapes["val"]["y0"] < shapes["vah"]["y0"]
    bare = dataclasses.replace(PLAIN, profile="off", prevclose=False)
    names = [s["name"] for s in build_figure(frame_of(view=bare), bare)["layout"]["shapes"]]
    assert names == ["session"]


def test_the_figure_names_its_view_and_reserves_the_layers_room() -> None:
    frame = frame_of()
    layout = build_figure(frame, PLAIN)["layout"]
    assert layout["meta"] == {
        "view": frame.view, "figure": frame.figure, "profile_px": 112, "panes": {"yaxis2": "cvd"},
    }  # fmt: skip
    assert layout["margin"]["b"] == 8 + 9 * 18 + 18
    assert (layout["margin"]["l"], layout["margin"]["r"]) == (78, 72)
    assert layout["dragmode"] == "pan"
    assert layout["hovermode"] is False
    assert "template" not in layout
    assert not any(layout[axis]["showticklabels"] for axis in ("xaxis", "yaxis", "yaxis2"))
    bare = dataclasses.replace(PLAIN, table=False, profile="off")
    assert build_figure(frame_of(view=bare), bare)["layout"]["margin"]["b"] == 8 + 18
    assert build_figure(frame_of(view=bare), bare)["layout"]["meta"]["profile_px"] == 0


def test_the_range_leaves_room_beside_the_newest_bar_for_the_profile() -> None:
    frame = frame_of(40)
    low, high = build_figure(frame, PLAIN)["layout"]["xaxis"]["range"]
    shown = 39 - low - 0.5 + 1
    slot = chart.PLOT_PX / (high - low)
    assert 9 <= shown <= 12
    assert slot >= 94
    assert (high - 39.5) * slot >= PLAIN.pwidth + 8
    assert build_figure(frame, PLAIN, (5, 14))["layout"]["xaxis"]["range"] == [4.5, 14.5]


def test_prices_in_view_have_levels_to_spare() -> None:
    frame = frame_of(40)
    assert build_figure(frame, PLAIN, (0, 9))["layout"]["yaxis"]["range"] == [9.7, 10.9]


def test_the_figure_holds_the_bars_in_view_and_some_on_each_side() -> None:
    frame = frame_of(300)
    assert trace(build_figure(frame, PLAIN, (150, 159)), "price")["x"] == list(range(110, 200))
    assert len(trace(build_figure(frame, PLAIN, (100, 199)), "price")["x"]) == 300


def test_plotly_uploads_nothing_and_leaves_the_double_click_to_us() -> None:
    assert GRAPH_CONFIG["showSendToCloud"] is False
    assert GRAPH_CONFIG["displaylogo"] is False
    assert GRAPH_CONFIG["doubleClick"] is False
    assert GRAPH_CONFIG["scrollZoom"] is True


def applied(figure: dict[str, Any], ops: list[tuple[tuple[str | int, ...], Any]]) -> dict[str, Any]:
    """A figure after a patch."""
    out: Any = copy.deepcopy(figure)
    for path, value in ops:
        target = out
        for step in path[:-1]:
            target = target[step]
        target[path[-1]] = value
    return dict(out)


def without_ranges(figure: dict[str, Any]) -> dict[str, Any]:
    """A figure without what the user moves."""
    out = copy.deepcopy(figure)
    for axis in ("xaxis", "yaxis", "yaxis2"):
        del out["layout"][axis]["range"]
    return out


def test_a_patch_makes_one_figure_of_another() -> None:
    other = dataclasses.replace(PLAIN, cvd="off", bands=2, palette="colour-blind", ladder="plotly")
    old = build_figure(frame_of(4), PLAIN)
    new = build_figure(frame_of(6, other), other)
    for ops in (patch_ops(new, old), patch_ops(new)):
        assert without_ranges(applied(old, ops)) == without_ranges(new)


def test_a_patch_never_touches_the_ranges_that_a_user_moves() -> None:
    old, new = build_figure(frame_of(4), PLAIN), build_figure(frame_of(40), PLAIN)
    assert old["layout"]["xaxis"]["range"] != new["layout"]["xaxis"]["range"]
    for ops in (patch_ops(new, old), patch_ops(new)):
        paths = [path for path, _ in ops]
        for axis in ("xaxis", "yaxis", "yaxis2"):
            assert ("layout", axis) not in paths
            assert ("layout", axis, "range") not in paths
    assert ("layout", "xaxis2") in [path for path, _ in patch_ops(new)]


def test_a_patch_between_equal_figures_is_empty() -> None:
    figure = build_figure(frame_of(), PLAIN)
    assert patch_ops(build_figure(frame_of(), PLAIN), figure) == []


def test_a_patch_names_only_what_differs() -> None:
    bars = bars_of(V2, V3)
    old = build_figure(derive(snapshot_of(bars), PLAIN), PLAIN)
    close = bars.with_columns(close=np.array([106, 104]), version=np.array([1, 3]))
    new = build_figure(derive(snapshot_of(close), PLAIN), PLAIN)
    assert patch_ops(new, old) == [(("data", 0, "close"), [106.0, 104.0])]


def test_a_view_of_another_level_size_is_the_same_figure_to_positions() -> None:
    frame = frame_of()
    coarse = dataclasses.replace(frame.snapshot.bars, level_size=2)
    other = derive(snapshot_of(coarse, instrument=SCALED), PLAIN)
    assert other.figure == frame.figure
    assert other.view != frame.view


def test_without_a_feed_the_figure_stands() -> None:
    frame = frame_of(live=None, status=None, is_open=False)
    assert isinstance(frame.snapshot.status, FeedStatus | None)
    assert len(build_figure(frame, PLAIN)["data"]) == len(TRACES)
