"""Every control of every card, in a real browser: what it names is what it does.

One live page with a silent feed serves all: each test sets one control, looks at its effect, and
sets it back. `CHECKS` must name every control of `dashboard.pages.controls.CARDS`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import numpy as np
import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BarSpec
from dashboard.domain.profile import ValueArea, build_profile
from dashboard.figures.labels import price_text
from dashboard.figures.theme import palette_of
from dashboard.figures.view import preset_ratio
from dashboard.pages.controls import CARDS, NAMES
from tests.browser.desk import NIFTY, TODAY, YESTERDAY, Desk
from tests.browser.tab import Json, Tab

# A low minimum and short stacks, so that every kind of mark is in view.
START = "/?symbol=NIFTY+FUT&bar=5m&level=2&ratio=2&minvol=0&stack=2"
BUY, SELL, BUY_STACK, SELL_STACK, POC = 1, 2, 4, 8, 16

Check = Callable[[Tab, Desk], None]


@pytest.fixture(scope="module")
def opened(driver: Any, desk: Desk) -> Tab:  # noqa: ANN401 - selenium has no types
    """The shared browser on the module's app."""
    tab = Tab(driver, desk.url)
    tab.forget()
    return tab


@pytest.fixture
def chart(opened: Tab) -> Tab:
    """The live page as every test here begins with; loaded anew where one has left it altered."""
    if opened.query() != dict(parse_qsl(START.partition("?")[2])):
        opened.open(START)
    opened.complaints()
    return opened


def boxes(tab: Tab) -> list[Json]:
    """All filled boxes and frames that the layer paints now."""
    found: list[Json] = tab.js("return orderflow.picture().boxes")
    return found


def texts(tab: Tab) -> set[str]:
    """All texts that the layer paints now."""
    found: list[str] = tab.js("return orderflow.picture().texts.map((t) => t.text)")
    return set(found)


def texts_at(tab: Tab, region: str) -> list[str]:
    """Texts of one region of the layer, in painting order."""
    found: list[str] = tab.js(
        "return orderflow.picture().texts.filter((t) => t.region === arguments[0])"
        ".map((t) => t.text)",
        region,
    )
    return found


def pill(tab: Tab, name: str) -> str:
    """Text of the pill of a name at the price axis, "" when there is none."""
    return next((text for text in texts(tab) if text.startswith(f"{name} ")), "")


def marked(tab: Tab, bits: int) -> set[tuple[int, int]]:
    """Cells (position, price) that carry one of some marks."""
    return {(cell["x"], cell["price"]) for cell in tab.cells() if cell["marks"] & bits}


FILLS = "orderflow.cells().flatMap((c) => [c.bidFill, c.askFill])"


def fills(tab: Tab) -> list[str]:
    """Fills of all cells in view, bid then ask."""
    found: list[str] = tab.js(f"return {FILLS}")
    return found


def trace_of(name: str) -> str:
    """JavaScript for a trace of the Plotly figure."""
    return f"document.querySelector('.js-plotly-plot').data.find((t) => t.name === '{name}')"


def trace(tab: Tab, name: str) -> Json:
    """A trace of the Plotly figure."""
    found: Json = tab.js(f"return {trace_of(name)}")
    return found


def control_of(name: str) -> str:
    """JavaScript for the control of a setting."""
    return f"""document.getElementById('{{"name":"{name}","type":"set"}}')"""


def wait_texts(tab: Tab, wanted: list[str]) -> None:
    """Wait until the layer paints all these texts."""
    tab.wait(
        "((all) => args[0].every((text) => all.includes(text)))"
        "(orderflow.picture().texts.map((t) => t.text))",
        10,
        wanted,
    )


def row(tab: Tab, name: str) -> float | None:
    """Height (px) of a row's name in the table's gutter, None when it is not there."""
    found: float | None = tab.js(
        "const t = orderflow.picture().texts"
        ".find((t) => t.region === 'names' && t.text === arguments[0]); return t ? t.y : null",
        name,
    )
    return found


def has_painted(tab: Tab, expression: str, *args: object) -> None:
    """Wait until an expression of the layer's picture `p` and cells `c` holds."""
    tab.wait(
        f"((p, c) => {expression})(orderflow.picture(), orderflow.cells())",
        10,
        *args,
    )


# ---------------------------------------------------------------------------- Bars


def check_bar(tab: Tab, desk: Desk) -> None:
    bars = desk.history.read_bars(NIFTY.symbol)
    tab.choose("bar", "15m")
    tab.wait("orderflow.state().total === 32 && orderflow.state().matches")  # 25 and 7
    assert bars.volume.sum() > 0
    tab.wait("document.querySelector('.orderflow-layer canvas').ariaLabel.includes('bars of 15m')")
    assert {"10:00", "10:15", "10:45"} <= texts(tab)


def check_level(tab: Tab, _desk: Desk) -> None:
    tab.choose("level", "5")
    has_painted(tab, "c.length && c.every((cell) => cell.price % 500 === 0)")
    assert tab.state()["scale"]["level"] == 500
    tab.wait("document.querySelector('[id*=level-quick]').value === '5'")


def check_candles(tab: Tab, _desk: Desk) -> None:
    sides = [palette_of("default").buy, palette_of("default").sell]
    strips = "p.boxes.filter((b) => b.region === 'pane' && args[0].includes(b.colour)).length"
    has_painted(tab, f"{strips} >= 9", sides)
    tab.choose("candles", "off")
    has_painted(tab, f"{strips} === 0", sides)


def check_inbar(tab: Tab, _desk: Desk) -> None:
    grey = tab.js("return orderflow.themeOf().heat_neutral[4].toLowerCase()")
    bars = "p.boxes.filter((b) => b.region === 'pane' && b.colour.toLowerCase() === args[0]).length"
    has_painted(tab, f"{bars} > 50", grey)
    tab.choose("inbar", "off")
    has_painted(tab, f"{bars} === 0", grey)


# ---------------------------------------------------------------------------- Cells


def check_numbers(tab: Tab, _desk: Desk) -> None:
    numbers = r"p.texts.filter((t) => t.region === 'pane' && t.opacity && /^\d+$/.test(t.text))"
    has_painted(tab, f"{numbers}.length > 90")
    tab.choose("numbers", "off")
    has_painted(tab, f"{numbers}.length === 0 && c.length > 50")


def check_heat(tab: Tab, _desk: Desk) -> None:
    blank = tab.js("return orderflow.themeOf().blank")
    seen = [fills(tab)]
    assert set(seen[0]) != {blank}
    for word in ("bar", "visible", "off"):
        tab.choose("heat", word)
        tab.wait(
            f"!args[0].includes(JSON.stringify({FILLS}))",
            10,
            [json.dumps(f, separators=(",", ":")) for f in seen],
        )
        seen.append(fills(tab))
    assert set(seen[-1]) == {blank}


def check_unit(tab: Tab, _desk: Desk) -> None:
    lots = {(c["x"], c["price"]): c["bid"] for c in tab.cells() if c["bid"].isdigit()}
    tab.choose("unit", "qty")
    tab.wait("orderflow.state().scale.unit === 'qty'")
    quantity = {(c["x"], c["price"]): c["bid"] for c in tab.cells()}
    small = {place: text for place, text in lots.items() if int(text) < 10}
    assert small
    assert all(quantity[place] == str(75 * int(text)) for place, text in small.items())
    tab.wait("document.querySelector('#cards').innerText.includes('Volume (quantity)')")


def check_ladder(tab: Tab, _desk: Desk) -> None:
    assert not tab.driver.find_elements("css selector", ".annotation-text")
    tab.choose("ladder", "plotly")
    tab.wait(
        "document.querySelectorAll('.annotation-text').length > 50 && !orderflow.cells().length"
    )


def check_palette(tab: Tab, _desk: Desk) -> None:
    other = palette_of("colour-blind")
    tab.choose("palette", "colour-blind")
    has_painted(
        tab,
        "args.every((colour) => p.boxes.some((b) => b.colour === colour && b.w === 7))",
        other.buy,
        other.sell,
    )
    tab.wait(
        "document.querySelector('.js-plotly-plot').data[0].increasing.fillcolor === args[0]"
        " || JSON.stringify(document.querySelector('.js-plotly-plot').data[0]).includes(args[0])",
        10,
        other.buy,
    )


# ---------------------------------------------------------------------------- Marks


def check_poc(tab: Tab, _desk: Desk) -> None:
    yellow = palette_of("default").poc
    frames = "p.boxes.filter((b) => b.frame && b.colour === args[0] && b.region === 'pane').length"
    has_painted(tab, f"{frames} >= 9", yellow)
    assert len(marked(tab, POC)) >= 9
    tab.choose("poc", "off")
    has_painted(tab, f"{frames} === 0", yellow)


def check_imb(tab: Tab, _desk: Desk) -> None:
    assert marked(tab, BUY)
    assert marked(tab, SELL)
    tab.choose("imb", "off")
    has_painted(tab, "c.length && c.every((cell) => !(cell.marks & 15))")


def check_ratio(tab: Tab, _desk: Desk) -> None:
    twice = marked(tab, BUY | SELL)
    tab.choose("ratio", "6")
    tab.wait("orderflow.cells().filter((c) => c.marks & 3).length < args[0]", 10, len(twice))
    six = marked(tab, BUY | SELL)
    assert six
    assert six < twice


def check_minvol(tab: Tab, _desk: Desk) -> None:
    anything = marked(tab, BUY | SELL)
    tab.choose("minvol", "auto")
    tab.wait("Number(document.querySelector('#minvol-shown').innerText) > 0")
    tab.choose("minvol", "100")
    tab.wait("document.querySelector('#minvol-shown').innerText === ''")
    tab.wait("orderflow.cells().filter((c) => c.marks & 3).length < args[0]", 10, len(anything))
    large = [c for c in tab.cells() if c["marks"] & (BUY | SELL)]
    assert large
    for cell in large:
        assert cell["marks"] & SELL or int(cell["ask"]) >= 100
        assert cell["marks"] & BUY or int(cell["bid"]) >= 100


def check_stacks(tab: Tab, _desk: Desk) -> None:
    assert marked(tab, BUY_STACK | SELL_STACK)
    tab.choose("stacks", "off")
    has_painted(tab, "c.length && c.every((cell) => !(cell.marks & 12))")
    assert marked(tab, BUY | SELL)


def check_stack(tab: Tab, _desk: Desk) -> None:
    pairs = marked(tab, BUY_STACK | SELL_STACK)
    tab.choose("stack", "4")
    tab.wait("orderflow.cells().filter((c) => c.marks & 12).length < args[0]", 10, len(pairs))
    assert marked(tab, BUY_STACK | SELL_STACK) < pairs


def check_preset(tab: Tab, _desk: Desk) -> None:
    before = marked(tab, BUY | SELL)
    assert tab.control("ratio").get_attribute("value") == "2"
    tab.choose("preset", "atas")
    # The preset brings its own ratio, and the ratio's control says so.
    wanted = f"{preset_ratio('atas'):g}"
    tab.wait(f"{control_of('ratio')}.value === args[0]", 10, wanted)
    tab.wait("orderflow.cells().filter((c) => c.marks & 3).length < args[0]", 10, len(before))


# ---------------------------------------------------------------------------- Profile


def pills_of(desk: Desk, convention: str = "one-row", share: int = 70, first: int = 0) -> list[str]:
    """The pills of today's profile as the stored trades make it; `first` skips 5-minute bars."""
    trades = desk.history.read_trades(NIFTY.symbol, TODAY, TODAY)
    bars, _ = aggregate(trades, BarSpec.parse("5m"), desk.history.calendar(NIFTY.symbol), 200)
    profile = build_profile(bars.take(first, len(bars)))
    val, vah, _ = profile.value_area(share, ValueArea(convention))
    named = {"POC": profile.poc, "VAH": vah, "VAL": val}
    return [f"{name} {price_text(units, NIFTY)}" for name, units in named.items()]


def check_profile(tab: Tab, desk: Desk) -> None:
    wait_texts(tab, pills_of(desk))
    tab.choose("profile", "visible")
    tab.wait("Math.ceil(orderflow.state().visible[0]) > 75")
    first = math.ceil(tab.state()["visible"][0]) - 75
    shown = pills_of(desk, first=first)
    assert shown != pills_of(desk)
    wait_texts(tab, shown)
    tab.choose("profile", "all")
    wait_longest(tab, longest_row(desk, YESTERDAY))
    tab.choose("profile", "off")
    tab.wait("!orderflow.picture().texts.some((t) => /^(POC|VAH|VAL) /.test(t.text))")
    tab.wait(f"{trace_of('profile bid')}.visible === false")


def longest_row(desk: Desk, first: int) -> int:
    """Lots in the longest row of the profile from a session on, from the stored trades."""
    trades = desk.history.read_trades(NIFTY.symbol, first)
    level = trades.price // 200
    volume = np.bincount(level - level.min(), weights=trades.size)
    return int(volume.max()) // NIFTY.lot_size


def wait_longest(tab: Tab, lots: int) -> None:
    """Wait until the figure's profile has a longest row of so many lots."""
    sides = [trace_of(f"profile {side}") for side in ("bid", "ask")]
    total = f"{sides[0]}.x.map((v, i) => v + {sides[1]}.x[i])"
    tab.wait(f"Math.max(...{total}) === args[0]", 10, lots)


def check_va(tab: Tab, desk: Desk) -> None:
    for convention in ("tradingview", "one-row", "cbot"):
        tab.choose("va", convention)
        wait_texts(tab, pills_of(desk, convention))
    found = {tuple(pills_of(desk, word)) for word in ("one-row", "cbot", "tradingview")}
    assert len(found) > 1, "the conventions do not differ on this tape"


def check_vashare(tab: Tab, desk: Desk) -> None:
    assert pills_of(desk, share=90) != pills_of(desk)
    tab.choose("vashare", "90")
    wait_texts(tab, pills_of(desk, share=90))


def check_pwidth(tab: Tab, desk: Desk) -> None:
    px = (
        "((a) => Math.abs(a.l2p(args[0]) - a.l2p(0)))"
        "(document.querySelector('.js-plotly-plot')._fullLayout.xaxis2)"
    )
    lots = longest_row(desk, TODAY)
    tab.wait(f"Math.abs({px} - 112) < 1", 10, lots)
    tab.choose("pwidth", "60")
    tab.wait(f"Math.abs({px} - 60) < 1", 10, lots)


# ---------------------------------------------------------------------------- Studies


def check_vwap(tab: Tab, _desk: Desk) -> None:
    orange = palette_of("default").vwap
    has_painted(tab, "p.lines.some((l) => l.colour === args[0])", orange)
    assert pill(tab, "VW")
    tab.choose("vwap", "off")
    has_painted(tab, "!p.lines.some((l) => l.colour === args[0])", orange)
    tab.wait("!orderflow.picture().texts.some((t) => t.text.startsWith('VW '))")
    tab.wait(f"{trace_of('vwap')}.visible === false")


def check_bands(tab: Tab, _desk: Desk) -> None:
    seen = ["band +1", "band -1", "band +2", "band -2"]
    assert not any(trace(tab, name)["visible"] for name in seen)
    tab.choose("bands", "2")
    for name in seen:
        tab.wait(f"{trace_of(name)}.visible && {trace_of(name)}.y.some((v) => v > 0)")
    assert not trace(tab, "band +3")["visible"]
    assert trace(tab, "band +2")["y"][-1] > trace(tab, "band +1")["y"][-1]


def check_cvd(tab: Tab, desk: Desk) -> None:
    of_today = tab.js(NEWEST_CVD)
    tab.choose("cvd", "continuous")
    before = desk.history.read_trades(NIFTY.symbol, YESTERDAY, YESTERDAY)
    carried = int((before.size * before.side).sum()) // NIFTY.lot_size
    assert carried
    tab.wait(f"({NEWEST_CVD.removeprefix('return ')}) === args[0]", 10, of_today + carried)
    height = tab.js(PRICE_PANE)
    tab.choose("cvd", "off")
    tab.wait(f"({PRICE_PANE.removeprefix('return ')}) > args[0] + 40", 10, height)
    has_painted(tab, "!p.boxes.concat(p.lines).some((b) => b.region === 'panes')")
    assert len([t for t in texts_at(tab, "names") if t == "CVD"]) == 1  # the table's row alone


NEWEST_CVD = (
    "return ((t) => t.close[t.close.length - 1])"
    "(document.querySelector('.js-plotly-plot').data.find((t) => t.name === 'cvd'))"
)
PRICE_PANE = "return document.querySelector('.js-plotly-plot')._fullLayout.yaxis._length"


def check_prevclose(tab: Tab, desk: Desk) -> None:
    close = int(desk.history.read_bars(NIFTY.symbol, YESTERDAY, YESTERDAY).close[-1])
    wait_texts(tab, [f"PC {price_text(close, NIFTY)}"])
    line = (
        "(document.querySelector('.js-plotly-plot').layout.shapes || [])"
        ".some((s) => s.name === 'previous close')"
    )
    tab.wait(line)
    tab.choose("prevclose", "off")
    tab.wait(f"!({line})")
    tab.wait("!orderflow.picture().texts.some((t) => t.text.startsWith('PC '))")


def check_table(tab: Tab, _desk: Desk) -> None:
    assert row(tab, "Max Δ") is not None
    height = tab.js(PRICE_PANE)
    tab.choose("table", "off")
    tab.wait(f"({PRICE_PANE.removeprefix('return ')}) > args[0] + 100", 10, height)
    assert row(tab, "Max Δ") is None


def check_beat(tab: Tab, _desk: Desk) -> None:
    tab.choose("beat", "2000")
    tab.wait("new URLSearchParams(location.search).get('beat') === '2000'")
    gap = tab.run_async(
        """const done = arguments[0]; const end = Date.now() + 15000;
        let seen = orderflow.state().beat.requests; let at = null;
        (function look() {
          const { requests } = orderflow.state().beat; const now = performance.now();
          if (requests > seen) {
            if (at !== null && (now - at > 1500 || Date.now() > end)) { done(now - at); return; }
            at = now; seen = requests; }
          setTimeout(look, 10); })();"""
    )
    assert 1500 < gap < 4000


# ---------------------------------------------------------------------------- all of them


CHECKS: dict[str, Check] = {
    name.removeprefix("check_"): check
    for name, check in list(globals().items())
    if name.startswith("check_")
}


def test_every_control_of_every_card_has_a_check() -> None:
    assert sorted(CHECKS) == sorted(NAMES)
    assert len(NAMES) == sum(len(rows) for _, rows in CARDS)


@pytest.mark.parametrize("name", NAMES)
def test_a_control_does_what_it_names(chart: Tab, desk: Desk, name: str) -> None:
    before = chart.held(name)
    CHECKS[name](chart, desk)
    chosen = chart.query()[name]
    assert chosen == chart.held(name), "the address and the control differ"
    assert chart.fault(name) == ""
    chart.choose(name, before)
    chart.wait("new URLSearchParams(location.search).get(args[0]) !== args[1]", 10, name, chosen)
    chart.wait_painted()
    assert chart.complaints() == []
