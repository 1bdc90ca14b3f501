"""What a screenshot of the real page must pass: rows, numbers, contrast, overlaps, nothing cut.

At the default view of 1440×900, cards open and folded, live and history; and what no other width,
bar or mode may break. Positions come from the page, colours and contrast from its pixels.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest

from tests.browser.desk import Desk
from tests.browser.tab import Json, Tab

AXIS = """const gd = document.querySelector('.js-plotly-plot'); const { yaxis } = gd._fullLayout;
return arguments[0].map((price) => yaxis._offset + yaxis.l2p(price));"""

PROFILE_ROWS = """const gd = document.querySelector('.js-plotly-plot');
const box = gd.getBoundingClientRect();
return [...gd.querySelectorAll('.barlayer .point path')].map((p) => p.getBoundingClientRect())
  .filter((r) => r.width > 0).map((r) => [r.top - box.top, r.bottom - box.top]);"""

# All texts of the page itself: where they are, and what their surroundings leave of them.
PAGE_TEXTS = """const found = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const node = walker.currentNode; const parent = node.parentElement; const text = node.data.trim();
  if (!text || parent.closest('svg, .orderflow-layer, option, script, style, .tooltip')) continue;
  if (!parent.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
  const range = document.createRange(); range.selectNodeContents(node);
  const r = range.getBoundingClientRect();
  if (r.width < 1 || r.height < 1) continue;
  let [left, right, top, bottom] = [0, innerWidth, 0, innerHeight]; let scrolls = false;
  for (let a = parent; a; a = a.parentElement) {
    const { overflowX: x, overflowY: y } = getComputedStyle(a); const b = a.getBoundingClientRect();
    if (x !== 'visible') [left, right] = [Math.max(left, b.left), Math.min(right, b.right)];
    if (y !== 'visible') [top, bottom] = [Math.max(top, b.top), Math.min(bottom, b.bottom)];
    if (x === 'auto' || y === 'auto') scrolls = true;
  }
  found.push({text, left: r.left, right: r.right, top: r.top, bottom: r.bottom, scrolls,
    clip: [left, right, top, bottom]});
}
return found;"""

# What stands in a control has no text node: measured with the control's own font.
CONTROL_TEXTS = """const pen = document.createElement('canvas').getContext('2d');
return [...document.querySelectorAll('.desk input[type=text], .desk select')]
  .filter((e) => e.checkVisibility()).map((e) => {
    const style = getComputedStyle(e); pen.font = `${style.fontSize} ${style.fontFamily}`;
    const text = e.localName === 'select' ? (e.selectedOptions[0] || {}).text || '' : e.value;
    const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
    return {id: e.id, text, width: pen.measureText(text).width, room}; });"""

FOLD = "document.querySelector('.desk').classList.contains('folded')"


def shown(texts: list[Json]) -> list[Json]:
    """The texts of which something is seen."""
    return [
        t
        for t in texts
        if t["clip"][0] < t["right"]
        and t["left"] < t["clip"][1]
        and t["clip"][2] + 1 < t["bottom"]
        and t["top"] < t["clip"][3] - 1
    ]


def overlapping(texts: list[Json]) -> list[tuple[str, str]]:
    """Pairs of texts whose ink shares more than a pixel's width and height."""
    return [
        (a["text"], b["text"])
        for a, b in combinations(texts, 2)
        if min(a["right"], b["right"]) - max(a["left"], b["left"]) > 1
        and min(a["bottom"], b["bottom"]) - max(a["top"], b["top"]) > 1
    ]


def painted_texts(tab: Tab) -> list[Json]:
    """The layer's texts that are meant to be read, px of the window."""
    box = tab.chart_box()
    return [
        t
        | {"left": t["left"] + box["left"], "right": t["right"] + box["left"]}
        | {"top": t["top"] + box["top"], "bottom": t["bottom"] + box["top"]}
        for t in tab.text_boxes()
        if t["opacity"] > 0.5  # a zero's dot is faint on purpose
    ]


def check_rows(tab: Tab) -> None:
    """Rows stand where the axis says, at one pitch in ladder, profile and axis."""
    cells, state = tab.cells(), tab.state()
    level, scale = state["scale"]["level"], state["scale"]["price"]
    prices = sorted({c["price"] for c in cells} | {c["price"] + level for c in cells})
    pixels = dict(zip(prices, tab.js(AXIS, [p / scale for p in prices]), strict=True))
    for cell in cells:
        _, top, _, height = cell["box"]
        pane = tab_pane(tab)
        if top > pane[0] and top + height < pane[1]:
            assert abs(top - pixels[cell["price"] + level]) <= 0.5
            assert abs(top + height - pixels[cell["price"]]) <= 0.5
    pitch = abs(pixels[prices[1]] - pixels[prices[0]]) / ((prices[1] - prices[0]) / level)
    assert abs(pitch - state["rowPx"]) < 0.01
    rows = tab.js(PROFILE_ROWS)
    assert len(rows) > 10
    for middle in {(top + bottom) / 2 for top, bottom in rows}:
        # Plotly draws bars on whole pixels; a row's middle is half a pitch from its edges.
        steps = (middle - pixels[prices[0]]) / pitch - 0.5
        assert abs(steps - round(steps)) * pitch <= 0.6, "the profile's rows stand elsewhere"


def tab_pane(tab: Tab) -> tuple[float, float]:
    """Top and bottom of the price pane, px of the graph."""
    found: list[float] = tab.js(
        "const { yaxis } = document.querySelector('.js-plotly-plot')._fullLayout;"
        "return [yaxis._offset, yaxis._offset + yaxis._length]"
    )
    return found[0], found[1]


def check_pixels(tab: Tab) -> None:
    """What the layer says of its cells is on the canvas."""
    top, bottom = tab_pane(tab)
    cells = [
        c
        for c in tab.cells()
        if not c["marks"] and c["numbers"] and top < c["box"][1] < bottom - c["box"][3]
    ]
    assert len(cells) > 10
    for cell in cells[:: max(1, len(cells) // 12)]:
        left, top, _, height = cell["box"]
        red, green, blue, opacity = tab.pixel(left + 2, top + height / 2)
        assert (f"#{red:02X}{green:02X}{blue:02X}", opacity) == (cell["bidFill"].upper(), 255)


def check_texts(tab: Tab) -> None:
    """No text overlaps another or is cut, and all can be read."""
    canvas, page = painted_texts(tab), shown(tab.js(PAGE_TEXTS))
    assert overlapping(canvas) == []
    assert overlapping(page) == []
    cut = [
        t["text"]
        for t in page
        if t["left"] < t["clip"][0] - 1
        or t["right"] > t["clip"][1] + 1
        or (not t["scrolls"] and t["bottom"] > t["clip"][3] + 3)
    ]
    assert cut == []
    tight = [c for c in tab.js(CONTROL_TEXTS) if c["width"] > c["room"] + 1]
    assert tight == []
    whole = [t for t in page if t["bottom"] <= t["clip"][3] and t["top"] >= t["clip"][2]]
    for texts in (canvas, whole):
        found = tab.contrasts(texts)
        faint = [(t["text"], round(c, 2)) for t, c in zip(texts, found, strict=True) if c < 4.5]
        assert faint == []


def set_fold(tab: Tab, *, folded: bool) -> None:
    """Fold or unfold the control cards by their key, and wait until the chart fills the room."""
    if tab.js(f"return {FOLD}") != folded:
        tab.js("document.activeElement.blur()")
        tab.key("c")
    tab.wait(f"{FOLD} === args[0]", 5, folded)
    tab.wait(
        "((w) => Math.abs(document.querySelector('.js-plotly-plot')._fullLayout.width - w) < 2)"
        "(document.querySelector('.chart-slot').clientWidth)"
    )
    tab.wait_painted()


@pytest.mark.parametrize("path", ["/", "/history"])
def test_the_default_view(tab: Tab, desk: Desk, path: str) -> None:
    assert desk.url
    tab.open(path)
    for folded, bars in ((False, 9), (True, 12)):
        set_fold(tab, folded=folded)
        tab.wait("new Set(orderflow.cells().map((c) => c.x)).size >= args[0]", 10, bars)
        tab.wait_painted()
        cells = tab.cells()
        numbers = [c[k] for c in cells for k in ("bid", "ask") if c["numbers"] and c[k].isdigit()]
        assert len(numbers) >= 90
        pane_px = tab_pane(tab)
        assert pane_px[1] - pane_px[0] >= 520
        check_rows(tab)
        check_pixels(tab)
        check_texts(tab)
        tab.screenshot(f"page-{path.strip('/') or 'live'}-{'folded' if folded else 'open'}")


STATES: dict[str, dict[str, Any]] = {
    "half-hours": {"path": "/?bar=30m"},
    "trades": {"path": "/?bar=100t"},
    "volume": {"path": "/?bar=50000v"},
    "range": {"path": "/?bar=40r&level=1"},
    "delta": {"path": "/?cells=delta"},
    "total": {"path": "/?cells=total&unit=qty"},
    "profile": {"path": "/?cells=profile&profile=visible"},
    "bare": {"path": "/?cvd=off&table=off&profile=off&vwap=off&prevclose=off"},
    "plotly": {"path": "/?ladder=plotly"},
    "colour-blind": {"path": "/?palette=colour-blind&minvol=0"},
    "marks": {"path": "/?ratio=2&minvol=0&stack=2&bands=2"},
    "narrow": {"path": "/", "width": 900},
    "small": {"path": "/history", "width": 1100},
    "range-of-dates": {"path": "/history?from_date=2025-09-10&to_date=2025-09-11&profile=all"},
}


# What must be within reach in any window.
REACHABLE = """const ids = ['.segmented', '[id*=level-quick]', '#fold', '.pages a', '#mode'];
return ids.filter((s) => { const b = document.querySelector(s).getBoundingClientRect();
    return !(b.width && b.left >= 0 && b.right <= innerWidth && b.bottom <= innerHeight); });"""


@pytest.mark.parametrize("name", STATES)
def test_no_state_of_the_page_is_cut_or_unreadable(tab: Tab, name: str) -> None:
    tab.open(**STATES[name])
    assert tab.js(REACHABLE) == []
    check_texts(tab)
    tab.screenshot(f"state-{name}")
    assert tab.complaints() == []
