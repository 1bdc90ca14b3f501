"""The layer's pure functions, called in the browser they are written for."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.layer_harness import (
    LEVEL,
    SCALE,
    Harness,
    Json,
    harness,
    make_bars,
    make_payload,
)

MINUS = "\N{MINUS SIGN}"


@pytest.fixture(scope="module")
def page() -> Iterator[Harness]:
    with harness() as opened:
        opened.open()
        yield opened


def call(page: Harness, name: str, *arguments: object) -> Any:  # noqa: ANN401 - whatever it returns
    return page.js("return orderflow[arguments[0]](...arguments[1])", name, list(arguments))


def axes(**more: Any) -> Json:  # noqa: ANN401 - fields that replace those made here
    """Axes of a plot from (100, 10) to (1060, 510): ten slots of 96 px, rows of 20 px."""
    pane = {
        "kind": "price",
        "y": {"range": [25_050.0, 25_100.0], "px": [510, 10]},
        "top": 10,
        "bottom": 510,
        "ticks": [25_060.0, 25_080.0, 25_100.0],
        "labelled": True,
    }
    return {
        "width": 1140,
        "height": 720,
        "dpr": 1,
        "left": 100,
        "right": 1060,
        "bars": 1060,
        "x": {"range": [-0.5, 9.5], "px": [100, 1060]},
        "price": pane,
        "panes": [],
        "strip": 510,
    } | more


@pytest.mark.parametrize(
    ("size", "room", "text"),
    [
        (0, 5, "·"),
        (7, 5, "7"),
        (9_999, 5, "9999"),
        (10_000, 5, "10k"),
        (12_345, 5, "12.3k"),
        (12_345, 4, "12k"),
        (123_456, 5, "123k"),
        (999_950, 5, "1M"),
        (1_250_000, 5, "1.25M"),
        (1_200_000, 5, "1.2M"),
        (9_999, 3, "10k"),
        (0.125, 5, "0.125"),
        (2.5, 5, "2.5"),
        (-24, 5, f"{MINUS}24"),
        (None, 5, ""),
    ],
)
def test_sizes_keep_their_magnitude_in_little_room(
    page: Harness, size: float | None, room: int, text: str
) -> None:
    assert call(page, "formatSize", size, room) == text


@pytest.mark.parametrize(
    ("digits", "grouping", "text"),
    [
        ("123", "indian", "123"),
        ("1234", "indian", "1,234"),
        ("123456", "indian", "1,23,456"),
        ("12345678", "indian", "1,23,45,678"),
        ("12345678", "thousands", "12,345,678"),
        ("12345678", "none", "12345678"),
    ],
)
def test_digits_are_grouped_as_in_india(
    page: Harness, digits: str, grouping: str, text: str
) -> None:
    assert call(page, "groupDigits", digits, grouping) == text


def test_prices_have_the_ticks_decimals_and_a_true_minus(page: Harness) -> None:
    scale = {"price": 100, "decimals": 2}
    assert call(page, "formatPrice", 2_508_800, scale) == "25,088.00"
    assert call(page, "formatPrice", 12_345_678_90, scale) == "1,23,45,678.90"
    assert call(page, "formatPrice", -1_050, scale) == f"{MINUS}10.50"
    assert call(page, "formatPrice", None, scale) == ""


@pytest.mark.parametrize(
    ("value", "room", "text"),
    [
        (125, 9, "+125"),
        (-24, 9, f"{MINUS}24"),
        (0, 9, "0"),
        (123_456, 9, "+1,23,456"),
        (-123_456, 5, f"{MINUS}123k"),
        (None, 9, ""),
    ],
)
def test_sums_are_always_signed(page: Harness, value: int | None, room: int, text: str) -> None:
    assert call(page, "formatSigned", value, room) == text


def test_percentages_and_times_to_go(page: Harness) -> None:
    assert call(page, "formatPercent", 39.7) == "+39.7 %"
    assert call(page, "formatPercent", -8) == f"{MINUS}8.0 %"
    assert call(page, "formatPercent", 0) == "0.0 %"
    assert [call(page, "formatCountdown", ms) for ms in (161_000, 0, -5, 3_600_000, 1)] == [
        "02:41",
        "00:00",
        "00:00",
        "1:00:00",
        "00:01",
    ]


@pytest.mark.parametrize(
    ("bar_px", "row_px", "level"),
    [
        (96, 14, 1),
        (400, 60, 1),
        (95.9, 14, 2),
        (96, 13.9, 2),
        (64, 12, 2),
        (63.9, 12, 3),
        (200, 11.9, 3),
        (24, 4, 3),
        (23.9, 40, 4),
        (200, 3.9, 4),
        (8, 1, 4),
        (7.9, 40, 5),
        (0.1, 0.1, 5),
    ],
)
def test_level_of_detail_has_the_drawings_thresholds(
    page: Harness, bar_px: float, row_px: float, level: int
) -> None:
    assert call(page, "levelOfDetail", bar_px, row_px) == level


def test_numbers_fade_in_between_rows_of_11_and_14_px(page: Harness) -> None:
    found = [call(page, "textOpacity", row) for row in (9, 11, 12.5, 14, 30)]
    assert found == [0, 0, 0.5, 1, 1]


def test_numbers_are_as_large_as_row_and_slot_allow(page: Harness) -> None:
    assert call(page, "numberSize", 16, 96, 27, 4) == 11
    assert call(page, "numberSize", 14, 96, 27, 4) == 10
    assert call(page, "numberSize", 40, 300, 100, 4) == 13
    assert call(page, "numberSize", 8, 96, 27, 4) == 6


@pytest.mark.parametrize("bar_px", [24, 30, 64, 96, 100, 140, 300])
@pytest.mark.parametrize("lod", [1, 2, 3])
def test_parts_of_a_slot_stand_side_by_side_inside_it(
    page: Harness, bar_px: float, lod: int
) -> None:
    theme = {"candle_px": 7, "candle_gap_px": 3, "bar_gap_px": 8}
    slot = call(page, "divideSlot", bar_px, lod, {}, theme)
    assert slot["left"] >= -bar_px / 2
    assert slot["left"] + slot["width"] <= bar_px / 2
    assert slot["candle"] + slot["candleWidth"] / 2 < slot["ladder"]
    end = slot["ladder"] + slot["ladderWidth"]
    assert slot["ladderWidth"] > 0
    if slot["profileWidth"]:
        assert end < slot["profile"]
        end = slot["profile"] + slot["profileWidth"]
    assert end == pytest.approx(slot["left"] + slot["width"])
    if lod < 3:
        assert bar_px - slot["width"] >= max(8, 0.08 * bar_px) - 1e-9


def test_pills_never_overlap_and_the_last_price_stays(page: Harness) -> None:
    pills = [
        {"y": 300, "height": 30, "held": True},
        {"y": 296, "height": 16},
        {"y": 304, "height": 16},
        {"y": 300, "height": 16},
        {"y": 492, "height": 16},
        {"y": 499, "height": 16},
        {"y": 4, "height": 16},
    ]
    places = call(page, "spreadPills", pills, 0, 500)
    assert places[0] == 300
    spans = sorted((y - 8, y + pill["height"] - 8) for y, pill in zip(places, pills, strict=True))
    assert all(a[1] < b[0] for a, b in itertools.pairwise(spans))
    assert spans[0][0] >= 0
    assert spans[-1][1] <= 500


def labels(page: Harness, count: int, bar_px: float, *, timed: bool = True) -> list[Json]:
    """Time labels of `count` bars of 5 minutes, 75 a session."""
    bars = [
        {
            "x": x,
            "label": f"{(555 + x % 75 * 5) // 60:02d}:{(555 + x % 75 * 5) % 60:02d}",
            "date": f"{11 + x // 75} Sep" if x % 75 == 0 else "",
        }
        for x in range(count)
    ]
    found: list[Json] = page.js(
        """const [bars, px, timed] = arguments;
        return orderflow.timeLabels(bars, (x) => x * px, (t) => t.length * 6.6, timed, px);""",
        bars,
        bar_px,
        timed,
    )
    return found


@pytest.mark.parametrize("bar_px", [0.5, 3, 8, 12, 31, 64, 96, 130])
@pytest.mark.parametrize("timed", [True, False])
def test_time_labels_never_overlap(page: Harness, bar_px: float, timed: bool) -> None:
    found = labels(page, 300, bar_px, timed=timed)
    edges = [(f["x"] - len(f["text"]) * 3.3, f["x"] + len(f["text"]) * 3.3) for f in found]
    assert all(a[1] < b[0] for a, b in itertools.pairwise(edges))
    assert any("Sep" in f["text"] for f in found)


def test_time_labels_are_round_times_and_say_the_date_where_a_session_begins(
    page: Harness,
) -> None:
    found = [f["text"] for f in labels(page, 100, 24)]
    assert found[0] == "11 Sep"
    assert "12 Sep" in found
    assert set(found) - {"11 Sep", "12 Sep"} <= {
        f"{h:02d}:{m}" for h in range(24) for m in ("00", "15", "30", "45")
    }
    assert labels(page, 12, 100)[0]["text"] == "11 Sep 09:15"
    assert len(labels(page, 12, 100)) == 12


def test_the_live_range_shows_twelve_bars_with_room_beside_the_profile(page: Harness) -> None:
    wide = axes(left=78, right=1368, bars=1256, x={"range": [0, 13], "px": [78, 1368]})
    left, right = call(page, "liveRange", wide, 384, None)
    slot = 1290 / (right - left)
    assert slot >= 96
    assert left == pytest.approx(384.5 - 12)
    assert 1.4 <= right - 384.5 <= 1.5
    assert (right - 384.5) * slot > 112
    left, right = call(page, "liveRange", wide, 384, 200)
    assert right - left == pytest.approx(200)
    assert (right - 384.5) * 1290 / 200 > 112


def test_prices_fit_with_levels_to_spare_and_hysteresis(page: Harness) -> None:
    scale = {"price": SCALE, "level": LEVEL}
    pane = {"top": 0, "bottom": 500}
    bars = [{"l": 2_508_010, "h": 2_512_990}]
    first = call(page, "fitPrices", bars, scale, pane)
    assert first == [25_076.0, 25_134.0]
    bars.append({"l": 2_508_000, "h": 2_513_200})
    assert call(page, "fitPrices", bars, scale, pane, first) == first
    bars.append({"l": 2_508_000, "h": 2_513_390})
    assert call(page, "fitPrices", bars, scale, pane, first) == [25_076.0, 25_138.0]
    few = call(page, "fitPrices", [{"l": 2_508_010, "h": 2_508_090}], scale, pane)
    assert few[1] - few[0] == pytest.approx(500 / 28 * 2)
    assert sum(few) / 2 == pytest.approx(25_081)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("ArrowLeft", [89, 99]),
        ("ArrowRight", [91, 101]),
        ("+", [92, 100]),
        ("-", [87.5, 100]),
        ("Home", [-0.5, 9.5]),
        ("End", [191, 201]),
        ("x", None),
    ],
)
def test_keys_move_the_range(page: Harness, key: str, expected: list[float] | None) -> None:
    assert call(page, "rangeAfter", key, [90, 100], 200) == expected


def test_waits_after_failures_grow_to_ten_seconds(page: Harness) -> None:
    waits = [call(page, "waitAfter", n) for n in range(1, 8)]
    assert waits == [500, 1000, 2000, 4000, 8000, 10000, 10000]


def test_the_window_is_the_view_and_a_screen_to_each_side(page: Harness) -> None:
    assert call(page, "windowAround", [100.4, 150.6]) == [50, 201]
    assert call(page, "windowAround", [2, 14]) == [0, 34]


def test_the_card_never_leaves_the_chart(page: Harness) -> None:
    bounds = {"left": 4, "right": 1136, "top": 0, "bottom": 700}
    card = {"width": 300, "height": 200}
    for left in range(0, 1100, 50):
        for y in range(0, 700, 50):
            at = {"left": left, "right": left + 96, "y": y}
            place = call(page, "placeCard", at, card, bounds)
            assert bounds["left"] <= place["x"] <= bounds["right"] - card["width"]
            assert bounds["top"] <= place["y"] <= bounds["bottom"] - card["height"]
            assert place["x"] >= at["right"] or place["x"] + card["width"] <= max(left, 304)


def test_the_layout_puts_each_cell_at_its_price(page: Harness) -> None:
    bars = make_bars(9, seed=2, trades=50, step=60)
    found = call(page, "layout", make_payload(bars), axes(), {})
    assert found["lod"] == 1
    by_place = {(cell["x"], cell["price"]): cell for cell in found["cells"]}
    shown = [
        (x, price, bid, ask)
        for x, bar in enumerate(bars)
        for price, (bid, ask) in bar.levels.items()
        if 2_505_000 <= price < 2_510_000
    ]
    assert len(shown) > 20
    for x, price, bid, ask in shown:
        cell = by_place[x, price]
        left, top, width, height = cell["box"]
        assert top == pytest.approx(510 - (price + LEVEL - 2_505_000) / SCALE * 10, abs=0.5)
        assert height == pytest.approx(20)
        centre = 100 + 96 * (x + 0.5)
        assert centre - 48 < left < left + width < centre + 48
        assert (cell["bid"], cell["ask"]) == (str(bid or "·"), str(ask or "·"))


def test_nearest_anchored_cells_are_centred_on_their_price(page: Harness) -> None:
    payload = make_payload(make_bars(3, seed=2))
    payload["scale"]["anchor"] = "nearest"
    for cell in call(page, "layout", payload, axes(), {})["cells"]:
        middle = 510 - (cell["price"] - 2_505_000) / SCALE * 10
        assert cell["box"][1] + cell["box"][3] / 2 == pytest.approx(middle, abs=0.6)


def test_an_imbalance_is_bold_on_a_capped_fill_with_an_edge_bar(page: Harness) -> None:
    payload = make_payload(make_bars(3, seed=2))
    cells = payload["cells"]
    cells["m"] = [1] * len(cells["p"])
    cells["ha"] = [4] * len(cells["p"])
    found = call(page, "layout", payload, axes(), {})
    theme = call(page, "themeOf", {})
    assert {cell["askFill"] for cell in found["cells"]} == {theme["heat_buy"][2]}
    numbers = [
        t for t in found["texts"] if t["region"] == "pane" and t["colour"] == theme["buy_text"]
    ]
    bold = [t for t in numbers if t["font"].startswith("700") and not t["text"].startswith("Δ")]
    assert len(bold) == sum(1 for cell in found["cells"] if cell["ask"] != "·" and cell["numbers"])
    edges = [b for b in found["boxes"] if b["colour"] == theme["buy_text"] and b["w"] == 3]
    assert len(edges) == len(found["cells"])
    for edge, cell in zip(edges, found["cells"], strict=True):
        assert edge["x"] + 3 == cell["box"][0] + cell["box"][2]


@pytest.mark.parametrize(
    ("switch", "gone"), [("imb", 1 | 2 | 4 | 8), ("stacks", 4 | 8), ("poc", 16)]
)
def test_marks_that_are_switched_off_are_not_painted(page: Harness, switch: str, gone: int) -> None:
    payload = make_payload(make_bars(3, seed=2))
    payload["cells"]["m"] = [31] * len(payload["cells"]["p"])
    found = call(page, "layout", payload, axes(), {switch: False})
    assert {cell["marks"] for cell in found["cells"]} == {31 & ~gone}


def test_a_zone_reaches_to_the_bar_that_touched_it_or_to_the_edge(page: Harness) -> None:
    zones = [
        {"x": 1, "low": 2_506_000, "high": 2_506_400, "side": 1, "to": 4},
        {"x": 2, "low": 2_508_000, "high": 2_508_400, "side": -1, "to": None},
    ]
    payload = make_payload(make_bars(6, seed=2), zones=zones)
    found = call(page, "layout", payload, axes(), {})
    areas = [b for b in found["boxes"] if b["z"] == 0 and b["region"] == "pane"]
    assert [round(b["x"] + b["w"]) for b in areas] == [100 + 96 * 4 + 48, 1060]
    assert [(b["y"], b["h"]) for b in areas] == [(510 - 160, 60), (510 - 360, 60)]
    lines = [
        line["points"][1] for line in found["lines"] if line["z"] == 0 and len(line["points"]) == 4
    ]
    assert 510 - 160 - 0.5 in lines  # price falls onto a buy zone from above
    assert 510 - 300 - 0.5 in lines  # and rises into a sell zone from below


def test_a_beat_with_other_bars_changes_all_and_with_the_live_bar_only_that(page: Harness) -> None:
    bars = make_bars(6, seed=2)
    changes = page.js(
        """const [first, same, live, other, grown] = arguments; const book = new orderflow.Book();
        return [first, same, live, other, grown].map((p) => book.apply(p).change)""",
        make_payload(bars),
        make_payload(bars, only=[]),
        make_payload(bars, version=2, only=[5]),
        make_payload(bars, version=3, only=[4, 5]),
        make_payload(bars + make_bars(1, seed=3), version=4, only=[5, 6]),
    )
    assert changes == [2, 0, 1, 2, 2]


def test_the_book_forgets_on_a_complete_answer_and_keeps_on_others(page: Harness) -> None:
    bars = make_bars(30, seed=2)
    held = page.js(
        """const [a, b, c] = arguments; const book = new orderflow.Book(); const seen = [];
        for (const p of [a, b, c]) { book.apply(p);
          const covered = [book.covers(5, 9), book.covers(20, 99)];
          seen.push([book.bars.size, book.low, book.high, ...covered]); }
        return seen;""",
        make_payload(bars, first=0, last=9),
        make_payload(bars, version=2, only=[29]),
        make_payload(bars, version=3, first=20),
    )
    assert held[0] == [10, 0, 9, True, False]
    assert held[2] == [10, 20, 29, False, True]


def test_the_vwap_begins_anew_with_a_session(page: Harness) -> None:
    bars = make_bars(8, seed=2, per_session=4)
    found = call(page, "layout", make_payload(bars), axes(), {})
    vwap = call(page, "themeOf", {})["vwap"]
    starts = [line["points"][0] for line in found["lines"] if line["colour"] == vwap]
    assert starts == [148, 148 + 4 * 96]
    assert not [
        line
        for line in call(page, "layout", make_payload(bars), axes(), {"vwap": False})["lines"]
        if line["colour"] == vwap
    ]


def test_unknown_numbers_stay_away(page: Harness) -> None:
    payload = make_payload(make_bars(4, seed=2))
    for name in ("max", "min", "n", "vwap", "cvh", "cvl"):
        payload["bars"][name] = [None] * 4
    found = call(page, "layout", payload, axes(), {})
    texts = " ".join(t["text"] for t in found["texts"])
    assert "null" not in texts
    assert "NaN" not in texts
    assert "undefined" not in texts


def test_rows_without_trades_inside_a_bar_are_empty_cells(page: Harness) -> None:
    bars = make_bars(3, seed=2, trades=50)
    low = min(bars[1].levels)
    bars[1].levels = {low: [1, 2], low + 4 * LEVEL: [3, 4]}
    found = call(page, "layout", make_payload(bars), axes(), {})
    theme = call(page, "themeOf", {})
    left, _, width, height = next(c["box"] for c in found["cells"] if c["x"] == 1)
    holes = [
        box
        for box in found["boxes"]
        if box["colour"] == theme["blank"] and box["x"] == left and box["w"] == width
    ]
    tops = [510 - (low + k * LEVEL + LEVEL - 2_505_000) / SCALE * 10 for k in (1, 2, 3)]
    assert [box["y"] for box in holes] == pytest.approx(tops)
    assert {box["h"] for box in holes} == {height - 1}
    assert len([c for c in found["cells"] if c["x"] == 1]) == 2
