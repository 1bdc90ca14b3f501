"""What the layer puts on the screen: pixels, places, colours, levels of detail."""

from __future__ import annotations

import copy
import itertools
import time
from collections.abc import Iterator

import pytest

from dashboard.figures.theme import layer_theme
from tests.browser.layer_harness import (
    LEVEL,
    SCALE,
    Harness,
    Json,
    MadeBar,
    harness,
    make_bars,
    make_figure,
    make_payload,
)

QUIET = make_bars(40, seed=11, trades=60)
BUSY = make_bars(40, seed=5, trades=260, step=32)
SCENES = {"quiet": QUIET, "busy": BUSY}


@pytest.fixture(scope="module")
def page() -> Iterator[Harness]:
    with harness() as opened:
        yield opened


def show(page: Harness, bars: list[MadeBar], **options: object) -> None:
    """Draw bars in a fresh page."""
    page.open()
    page.plot(make_figure(bars), make_payload(bars), **options)
    page.settle(4)


def zoom(page: Harness, low: float, high: float, prices: list[float] | None = None) -> None:
    """Give the axes a range, as Plotly's own zoom would."""
    update: Json = {"xaxis.range": [low, high]} | ({"yaxis.range": prices} if prices else {})
    page.run_async(
        "const [u, done] = arguments; Plotly.relayout('chart', u).then(() => done())", update
    )
    page.settle(4)


def place_of(page: Harness, position: float) -> float:
    """Return the pixel of a bar position."""
    px: float = page.js(
        """const a = document.getElementById('chart')._fullLayout.xaxis;
        return a._offset + a.l2p(arguments[0])""",
        position,
    )
    return px


def overlaps(boxes: list[Json]) -> list[tuple[str, str]]:
    """Pairs of texts whose rectangles share more than half a pixel."""
    return [
        (a["text"], b["text"])
        for a, b in itertools.combinations(boxes, 2)
        if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 0.5
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 0.5
    ]


# ------------------------------------------------------------------ a screenshot's checks


@pytest.mark.parametrize("scene", SCENES)
def test_the_default_view_is_full_aligned_and_readable(page: Harness, scene: str) -> None:
    show(page, SCENES[scene])
    page.screenshot(f"layer_{scene}")
    cells = page.cells()
    bars = {cell["x"] for cell in cells if cell["numbers"]}
    assert page.state()["lod"] == 1
    assert len(bars) >= 9
    assert sum((cell["bid"] != "·") + (cell["ask"] != "·") for cell in cells) >= 90

    edges = page.js(
        """const {yaxis} = document.getElementById('chart')._fullLayout;
        return arguments[0].map((p) => yaxis._offset + yaxis.l2p(p))""",
        [(cell["price"] + up) / SCALE for cell in cells for up in (0, LEVEL)],
    )
    for cell, low, high in zip(cells, edges[::2], edges[1::2], strict=True):
        _, top, _, height = cell["box"]
        assert abs(top - high) <= 0.5
        assert abs(top + height - low) <= 0.5

    texts = page.text_boxes()
    assert overlaps(texts) == []
    numbers = [t for t in texts if t["text"] != "·" and t["opacity"] == 1]
    assert len(numbers) > 90 + 12 * 8
    for text, contrast in zip(numbers, page.contrasts(numbers), strict=True):
        assert contrast >= 4.5, text


@pytest.mark.parametrize("span", [9, 14, 21, 40])
@pytest.mark.parametrize("cells", ["bidask", "delta", "total", "profile"])
def test_no_texts_overlap_at_any_zoom_or_mode(page: Harness, span: int, cells: str) -> None:
    if cells == "bidask" or span == 9:
        if page.js(
            "return !window.orderflow || !orderflow.state() || orderflow.state().total !== 40"
        ):
            show(page, BUSY)
        page.js("orderflow.configure({cells: arguments[0]})", cells)
        zoom(page, 39.5 - span, 40.5)
        assert overlaps(page.text_boxes()) == []


@pytest.mark.parametrize("cells", ["delta", "total", "profile"])
def test_every_mode_is_readable(page: Harness, cells: str) -> None:
    show(page, QUIET, cells=cells)
    page.screenshot(f"layer_mode_{cells}")
    texts = [t for t in page.text_boxes() if t["region"] == "pane" and t["text"] != "·"]
    assert len(texts) > 40
    for text, contrast in zip(texts, page.contrasts(texts), strict=True):
        assert contrast >= 4.5, text


def test_two_device_pixels_per_px_are_used(page: Harness) -> None:
    page.open(dpr=2)
    page.plot(make_figure(QUIET), make_payload(QUIET))
    assert page.js(
        """const c = document.querySelector('.orderflow-layer canvas');
        return [c.width, c.style.width]"""
    ) == [2880, "1440px"]
    assert all(cell["box"][1] * 2 % 1 == 0 for cell in page.cells())


# ------------------------------------------------------------------ levels of detail


@pytest.mark.parametrize(
    ("span", "rows", "level"),
    [
        (12, 30, 1),
        (18, 30, 2),
        (12, 39, 2),
        (40, 30, 3),
        (12, 80, 3),
        (120, 30, 4),
        (12, 400, 4),
        (300, 30, 5),
    ],
)
def test_no_zoom_leaves_the_chart_empty(page: Harness, span: int, rows: int, level: int) -> None:
    bars = make_bars(300, seed=9, trades=40)
    if page.js("return !window.orderflow || !orderflow.state() || orderflow.state().total !== 300"):
        show(page, bars)
    middle = bars[-1].close / SCALE
    zoom(page, 299.5 - span, 299.5, [middle - rows, middle + rows])
    state = page.state()
    assert state["lod"] == level
    assert page.canvas()["lod"] == str(level)
    page.screenshot(f"layer_lod{level}_{span}")
    drawn = page.js("return orderflow.picture()")
    inside = [b for b in drawn["boxes"] if b["region"] == "pane" and b["h"] > 0]
    assert len(inside) >= 2 * min(span, 250) * 0.3
    numbers = [t for t in drawn["texts"] if t["region"] == "pane"]
    assert bool(numbers) == (level <= 2)
    assert int(page.canvas()["cells"]) == (0 if level > 3 else state["cells"])
    assert (int(page.canvas()["cells"]) > 0) == (level <= 3)


# ------------------------------------------------------------------ what is painted when


def test_the_canvas_says_what_it_shows(page: Harness) -> None:
    show(page, QUIET)
    now = int(time.time() * 1000)
    page.js(
        "orderflow.apply(arguments[0])",
        make_payload(QUIET, version=7, trade_seq=42, receive_ms=now - 100),
    )
    page.settle()
    data = page.canvas()
    assert (data["version"], data["tradeSeq"], data["view"]) == ("42", "42", "v1")
    assert int(data["cells"]) == len(page.cells())
    assert 100 <= int(data["latencyMs"]) < 3000
    assert int(data["paintedAt"]) - (now - 100) == int(data["latencyMs"])


def test_another_figures_cells_are_never_painted(page: Harness) -> None:
    page.open()
    page.plot(make_figure(QUIET, view="other"), make_payload(QUIET, view="v1"))
    assert page.canvas()["cells"] == "0"
    assert page.cells() == []
    assert page.changed_pixels() == -1
    assert page.js("return window.seen.every((v) => v === 0)")
    candles = "document.querySelector('.cartesianlayer .xy .boxlayer').style.visibility"
    assert page.js(f"return {candles}") == ""
    page.run_async("Plotly.relayout('chart', {'meta.view': 'v1'}).then(() => arguments[0]())")
    page.settle()
    assert int(page.canvas()["cells"]) > 40
    assert page.js(f"return {candles}") == "hidden"


def test_figure_hashes_outweigh_view_hashes(page: Harness) -> None:
    page.open()
    figure = make_figure(QUIET, view="old settings")
    figure["layout"]["meta"]["figure"] = "f1"
    page.plot(figure, make_payload(QUIET, view="new settings", figure="f1"))
    assert int(page.canvas()["cells"]) > 40
    page.js("orderflow.apply(arguments[0])", make_payload(QUIET, view="old settings", figure="f2"))
    page.settle()
    assert page.canvas()["cells"] == "0"


def test_plotlys_candles_stand_where_bars_are_missing(page: Harness) -> None:
    page.open()
    page.plot(make_figure(QUIET), make_payload(QUIET, first=20))
    candles = "return document.querySelector('.cartesianlayer .xy .boxlayer').style.visibility"
    assert page.js(candles) == "hidden"
    zoom(page, 10, 25)
    assert page.js(candles) == ""
    zoom(page, 22, 35)
    assert page.js(candles) == "hidden"
    page.js("orderflow.configure({ladder: 'plotly'})")
    page.settle()
    assert page.js(candles) == ""
    assert page.cells() == []


def test_the_live_column_alone_equals_a_whole_painting(page: Harness) -> None:
    show(page, BUSY)
    bars = copy.deepcopy(BUSY)
    for version in range(2, 8):
        bar = bars[-1]
        price = list(bar.levels)[version % len(bar.levels)]
        bar.levels[price][version % 2] += 10 * version
        bar.close = price
        payload = make_payload(bars, version=version, trade_seq=version, only=[39])
        page.js("orderflow.apply(arguments[0])", payload)
        page.settle()
    time.sleep(0.3)  # the flash of the last change ends
    page.settle()
    before = page.state()["timings"]
    assert len(before["live"]) >= 3
    page.changed_pixels()
    page.js("orderflow.configure({})")
    page.settle()
    assert len(page.state()["timings"]["full"]) == len(before["full"]) + 1
    assert page.changed_pixels() == 0


def test_a_changed_cell_flashes_for_a_quarter_of_a_second(page: Harness) -> None:
    show(page, QUIET)
    bars = copy.deepcopy(QUIET)
    price = next(iter(bars[-1].levels))
    bars[-1].levels[price][1] += 3
    page.run_async(
        """const [payload, done] = arguments; window.frames = [];
        orderflow.apply(payload);
        requestAnimationFrame(() => { frames.push(flashes());
          setTimeout(() => { frames.push(flashes()); done(); }, 400); });
        function flashes() { return orderflow.picture().boxes
          .filter((b) => b.frame && b.region === 'pane' && b.width === 1 && !b.dash)
          .map((b) => b.y); }""",
        make_payload(bars, version=2, only=[39]),
    )
    cell = next(c for c in page.cells() if c["x"] == 39 and c["price"] == price)
    assert page.js("return frames") == [[cell["box"][1] + 0.5], []]


def test_nothing_flashes_for_who_wants_no_motion(page: Harness) -> None:
    page.driver.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]},
    )
    try:
        show(page, QUIET)
        bars = copy.deepcopy(QUIET)
        bars[-1].levels[next(iter(bars[-1].levels))][1] += 3
        page.js("orderflow.apply(arguments[0])", make_payload(bars, version=2, only=[39]))
        flashing = page.js(
            """return orderflow.picture().boxes
              .filter((b) => b.frame && b.width === 1 && !b.dash).length"""
        )
        assert flashing == 0
    finally:
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_gaps_forming_bar_and_sessions_are_marked(page: Harness) -> None:
    bars = make_bars(40, seed=11, trades=60, per_session=35)
    bars[-3].gap = 1
    show(page, bars)
    drawn = page.js("return orderflow.picture()")
    theme = layer_theme()
    stripes = [b for b in drawn["boxes"] if b["colour"] == theme["warning"] and b["h"] == 3]
    assert [b["region"] for b in stripes] == ["pane"]
    assert len([b for b in drawn["boxes"] if b.get("dash")]) == 1
    x = place_of(page, 34.5)
    upright = [
        line["points"][0] for line in drawn["lines"] if line["points"][0] == line["points"][2]
    ]
    assert len(upright) == 2  # the price and the CVD pane
    assert all(abs(at - x) <= 1 for at in upright)
    assert any(t["text"] == "12 Sep" or t["text"] == "12 Sep 09:15" for t in drawn["texts"])


def test_the_table_stands_under_its_bars_with_its_names(page: Harness) -> None:
    show(page, QUIET)
    texts = page.text_boxes()
    names = [t for t in texts if t["region"] == "names"]
    assert [t["text"] for t in names][-9:-1] == [
        "Δ",
        "Δ %",
        "Max Δ",
        "Min Δ",
        "CVD",
        "Volume",
        "Bid",
        "Ask",
    ]
    strip = [t for t in texts if t["region"] == "strip"]
    for x in range(28, 40):
        bar = QUIET[x]
        centre = place_of(page, x)
        column = sorted((t for t in strip if abs(t["x"] - centre) < 1.5), key=lambda t: t["y"])
        assert len(column) == 9
        assert column[0]["text"].replace("\N{MINUS SIGN}", "-") == f"{bar.delta:+d}"
        volume = next(t for t in column if abs(t["y"] - names[-4]["y"]) < 4)
        assert volume["text"] == str(bar.bid + bar.ask)
    page.js("orderflow.configure({table: false})")
    page.settle()
    assert len([t for t in page.text_boxes() if t["region"] == "strip"]) == 12  # times only


def test_a_stale_feed_veils_the_chart_and_says_why(page: Harness) -> None:
    show(page, QUIET)
    veil = """const v = document.querySelector('.orderflow-layer [role=status]');
        return [v.style.display, v.textContent]"""
    assert page.js(veil)[0] == "none"
    feed = {"state": "retrying", "age_ms": 4000, "cause": "the broker closed the line"}
    page.js("orderflow.apply(arguments[0])", make_payload(QUIET, version=2, only=[], feed=feed))
    page.settle()
    assert page.js(veil) == ["block", "Feed retrying: the broker closed the line"]
    page.js("orderflow.apply(arguments[0])", make_payload(QUIET, version=3, only=[]))
    page.settle()
    assert page.js(veil)[0] == "none"
    silent = {"state": "live", "age_ms": 12_000, "cause": ""}
    page.js("orderflow.apply(arguments[0])", make_payload(QUIET, version=4, only=[], feed=silent))
    page.settle()
    assert page.js(veil) == ["block", "No sign of the feed for 12 s"]


def test_crosshair_and_card_tell_the_bar_and_the_cell(page: Harness) -> None:
    show(page, QUIET)
    cell = next(c for c in page.cells() if c["marks"] & 16 and c["x"] == 33)
    left, top, width, height = cell["box"]
    page.mouse("moved", left + width / 2, top + height / 2)
    page.settle()
    card = page.js(
        "const c = document.querySelector('.orderflow-card'); return [c.style.display, c.innerText]"
    )
    assert card[0] == "block"
    words = card[1].split("\n")
    bar = QUIET[33]
    pairs = dict(itertools.pairwise(words))
    assert words[0] == bar.label
    assert pairs["Open"] == f"{bar.open / SCALE:,.2f}"
    assert pairs["Volume"] == str(bar.bid + bar.ask)
    assert pairs["Trades ≈"] == str(bar.trades)
    assert pairs["Bid"] == str(bar.levels[cell["price"]][0])
    assert pairs["Ask"] == str(bar.levels[cell["price"]][1])
    assert "POC of the bar" in words
    page.screenshot("layer_hover")
    page.mouse("moved", 5, 300)
    page.settle()
    assert page.js("return document.querySelector('.orderflow-card').style.display") == "none"


@pytest.mark.parametrize("at", [(90, 12), (1200, 12), (90, 515), (1200, 515), (700, 300)])
def test_the_card_stays_inside_wherever_the_pointer_is(page: Harness, at: tuple[int, int]) -> None:
    show(page, QUIET)
    page.mouse("moved", *at)
    page.settle()
    box = page.js(
        """const c = document.querySelector('.orderflow-card'); const r = c.getBoundingClientRect();
        return [c.style.display, r.left, r.top, r.right, r.bottom]"""
    )
    assert box[0] == "block"
    assert 0 <= box[1] < box[3] <= 1440
    assert 0 <= box[2] < box[4] <= 792


def test_the_countdown_runs_without_answers(page: Harness) -> None:
    show(page, QUIET)
    first = page.state()["countdown"]
    assert first == "02:41"
    page.wait("orderflow.picture().texts.some((t) => t.text === '02:40')", 3)


def test_the_picture_holds_the_layer_and_plotly_without_its_candles(page: Harness) -> None:
    show(page, QUIET)
    url = page.run_async("orderflow.png(1).then(arguments[0])")
    assert url.startswith("data:image/png;base64,")
    cell = next(c for c in page.cells() if c["marks"] & 16 and c["x"] == 33)
    left, top, _, _ = cell["box"]
    colours = page.run_async(
        """const [url, x, y, done] = arguments; const image = new Image();
        image.onload = () => {
          const ctx = new OffscreenCanvas(image.width, image.height).getContext('2d');
          ctx.drawImage(image, 0, 0);
          done([image.width, image.height, ...ctx.getImageData(x, y, 1, 1).data]); };
        image.src = url;""",
        url,
        int(left) + 6,
        int(top) + 4,
    )
    assert colours[:2] == [1440, 792]
    fill = cell["bidFill"].lstrip("#")
    assert [
        abs(c - int(fill[k : k + 2], 16)) <= 2 for c, k in zip(colours[2:5], (0, 2, 4), strict=True)
    ] == [True] * 3


@pytest.mark.parametrize(
    "again",
    [
        "Plotly.newPlot('chart', f.data, f.layout, c)",
        "(Plotly.purge('chart'), Plotly.newPlot('chart', f.data, f.layout, c))",
        "Plotly.react('chart', f.data, f.layout, c)",
    ],
)
def test_the_layer_survives_a_graph_made_anew(page: Harness, again: str) -> None:
    show(page, QUIET)
    page.run_async(
        f"""const [f, done] = arguments; const c = {{scrollZoom: true, doubleClick: false}};
        {again}.then(() => setTimeout(done, 150))""",
        make_figure(QUIET),
    )
    page.settle()
    assert page.js("return document.querySelectorAll('.orderflow-layer').length") == 1
    page.drag((700, 200), (800, 200))
    assert page.state()["follow"] is False
    assert int(page.canvas()["cells"]) > 40


def test_a_payload_that_comes_before_its_graph_is_kept(page: Harness) -> None:
    page.open()
    page.js(
        "orderflow.apply(arguments[0]); orderflow.attach('chart', {theme: arguments[1]})",
        make_payload(QUIET),
        layer_theme(),
    )
    assert page.state()["attached"] is False
    figure = make_figure(QUIET)
    page.run_async(
        "const [f, done] = arguments; Plotly.newPlot('chart', f.data, f.layout).then(() => done())",
        figure,
    )
    page.wait("orderflow.state().cells > 40")


def test_the_console_stays_empty_and_nothing_leaves_the_machine(page: Harness) -> None:
    page.complaints()
    show(page, BUSY)
    zoom(page, 0, 39)
    page.mouse("moved", 600, 300)
    page.settle()
    assert page.complaints() == []
    hosts = page.js(
        "return performance.getEntriesByType('resource').map((e) => new URL(e.name).hostname)"
    )
    assert set(hosts) == {"127.0.0.1"}
