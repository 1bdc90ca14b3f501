"""The live page under dash_duo: what a trade does to the screen, and what it leaves alone."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.livestate import FeedMode
from dashboard.domain.trade import AggressorSide
from tests.browser.desk import BASE, COIN, MINUTE, NIFTY, TODAY, Desk, build_desk, serve, stop_desk
from tests.browser.tab import Json, Tab, chromium

Start = Callable[..., tuple[Tab, Desk]]

NEXT_BAR = TODAY + 100 * MINUTE
"""Where the recorded past ends: the first 5-minute bar that is not there yet."""
LOT = NIFTY.lot_size


VEIL = (
    "((v) => getComputedStyle(v).display === 'none' ? '' : v.innerText)"
    "(document.querySelector('.orderflow-layer [role=status]'))"
)
"""JavaScript for what stands over the chart."""


def last_price(desk: Desk) -> int:
    """Price of the newest stored trade."""
    return int(desk.history.read_trades(NIFTY.symbol, TODAY).price[-1])


def cell_at(tab: Tab, x: int, price: int) -> Json:
    """The cell of a bar whose row holds a price."""
    level = tab.state()["scale"]["level"]
    wanted = price // level * level
    return next(c for c in tab.cells() if c["x"] == x and c["price"] == wanted)


def close_bars(tab: Tab, desk: Desk, count: int, *, start_ns: int = NEXT_BAR) -> None:
    """Let trades of `count` more 5-minute bars happen and wait until the layer has them."""
    total, price = tab.state()["total"], last_price(desk)
    for bar in range(count):
        for k in range(4):
            side = AggressorSide.BUY if k % 2 else AggressorSide.SELL
            at = start_ns + bar * 5 * MINUTE + k * SECOND_NS
            desk.feed.trade(at, price + 100 * (bar % 3) + 200 * k, 9 * LOT, side)
    tab.wait("orderflow.state().total === args[0]", 20, total + count)


def figure_end(tab: Tab) -> int:
    """Newest position among the figure's candles."""
    end: int = tab.js("return Math.max(...document.querySelector('.js-plotly-plot').data[0].x)")
    return end


def plot_point(tab: Tab, across: float, down: float) -> tuple[float, float]:
    """A point of the window at a share of the price pane's width and height."""
    box = tab.chart_box()
    size: Json = tab.js(
        "const f = document.querySelector('.js-plotly-plot')._fullLayout;"
        "return {x: f.xaxis._offset, y: f.yaxis._offset, w: f.xaxis._length, h: f.yaxis._length}"
    )
    x = box["left"] + size["x"] + across * size["w"]
    return x, box["top"] + size["y"] + down * size["h"]


def test_a_trade_reaches_the_pixel(live: Start, dash_duo: Any) -> None:  # noqa: ANN401
    tab, desk = live()
    tab.open("/?symbol=NIFTY+FUT&bar=5m&level=2")
    price, live_bar = last_price(desk), tab.state()["live"]
    before = cell_at(tab, live_bar, price)
    ink = tab.ink(before["box"])
    seq = int(tab.canvas()["tradeSeq"])

    handed = time.time()
    desk.feed.trade(TODAY + 99 * MINUTE + 59 * SECOND_NS, price, 137 * LOT)

    tab.wait(
        "document.querySelector('.orderflow-layer canvas').dataset.tradeSeq === args[0]",
        10,
        str(seq + 1),
    )
    waited_ms = (time.time() - handed) * 1000
    tab.settle()
    after = cell_at(tab, live_bar, price)
    old = int(before["ask"]) if before["ask"].isdigit() else 0
    assert after["ask"] == str(old + 137)
    assert after["bid"] == before["bid"]
    assert tab.ink(after["box"]) != ink
    # The number's own ink: the lightest pixel of the ask's half is text, not fill.
    x, y, width, height = after["box"]
    half = [x + width / 2 + 1, y, width / 2 - 2, height]
    assert max(int(v) for v in tab.ink(half).split(",")[::4]) > 150

    data = tab.canvas()
    assert data["version"] == data["tradeSeq"]
    assert 0 <= int(data["latencyMs"]) <= waited_ms + 50
    assert abs(int(data["paintedAt"]) / 1000 - time.time()) < 60
    stored = desk.history.read_trades(NIFTY.symbol, TODAY)
    assert (int(stored.seq[-1]), int(stored.size[-1])) == (seq + 1, 137 * LOT)
    tab.wait(
        "/^On screen [0-9]+ ms behind the feed$/.test(document.querySelector('#behind').innerText)"
    )
    assert dash_duo.get_logs() == []


def test_zoom_and_pan_survive_ten_closed_bars(live: Start) -> None:
    tab, desk = live()
    tab.open("/?symbol=NIFTY+FUT&bar=5m")
    first = tab.ranges()
    tab.wheel(plot_point(tab, 0.5, 0.5), 2)
    zoomed = tab.ranges()
    assert zoomed["x"][1] - zoomed["x"][0] > 1.1 * (first["x"][1] - first["x"][0])
    tab.drag(plot_point(tab, 0.4, 0.5), plot_point(tab, 0.6, 0.55))
    panned = tab.ranges()
    assert panned["x"][0] < zoomed["x"][0] - 1
    box = tab.chart_box()
    gutter = box["left"] + box["width"] - 30
    tab.drag((gutter, box["top"] + 100), (gutter, box["top"] + 140))
    mine = tab.ranges()
    assert mine["y"] != panned["y"]
    assert tab.state()["follow"] is False

    end = figure_end(tab)
    close_bars(tab, desk, 10)

    tab.wait(
        "Math.max(...document.querySelector('.js-plotly-plot').data[0].x) >= args[0]", 20, end + 10
    )
    assert tab.ranges() == mine
    assert tab.state()["matches"]
    assert desk.history.read_bars(NIFTY.symbol, TODAY).trades.sum() > 0


def test_go_live_by_pill_key_and_double_click(live: Start) -> None:
    tab, desk = live()
    tab.open("/?symbol=NIFTY+FUT&bar=5m")
    pill = "document.querySelector('.orderflow-live')"
    assert tab.js(f"return getComputedStyle({pill}).display") == "none"
    ways: dict[str, Callable[[], None]] = {
        "pill": lambda: tab.press(".orderflow-live"),
        "End": lambda: tab.key("End", 35),
        "double click": lambda: tab.double_click(plot_point(tab, 0.3, 0.3)),
    }
    for n, (way, go) in enumerate(ways.items()):
        tab.drag(plot_point(tab, 0.3, 0.5), plot_point(tab, 0.7, 0.5))
        tab.wait(f"getComputedStyle({pill}).display === 'block'")
        away = tab.ranges()["x"]
        close_bars(tab, desk, 1, start_ns=NEXT_BAR + 10 * n * MINUTE)
        assert tab.ranges()["x"] == away, way
        go()
        tab.wait("orderflow.state().follow", 5)
        tab.wait(f"getComputedStyle({pill}).display === 'none'")
        state = tab.state()
        assert state["visible"][0] < state["live"] < state["visible"][1], way
        close_bars(tab, desk, 1, start_ns=NEXT_BAR + (10 * n + 5) * MINUTE)
        tab.wait("orderflow.state().visible[1] >= args[0]", 5, state["visible"][1] + 0.99)


def test_two_browsers_with_different_settings(live: Start) -> None:
    one, desk = live()
    bars = desk.history.read_bars(NIFTY.symbol)
    one.open("/?symbol=NIFTY+FUT&bar=5m&level=2")
    with chromium() as driver:
        two = Tab(driver, desk.url)
        two.open("/?symbol=NIFTY+FUT&bar=15m&level=5&cells=delta&unit=qty")
        two.choose("level", "10")
        two.choose("poc", "off")
        two.wait("orderflow.state().scale.level === 1000")
        one_before = one.cells()
        price = last_price(desk)
        desk.feed.trade(NEXT_BAR, price, 21 * LOT)
        for tab in (one, two):
            tab.wait("orderflow.state().tradeSeq === args[0]", 10, 19_001)
        shown = {"one": one.state(), "two": two.state()}
        assert (shown["one"]["total"], shown["two"]["total"]) == (96, 32)
        assert (shown["one"]["scale"]["level"], shown["two"]["scale"]["level"]) == (200, 1000)
        assert (shown["one"]["scale"]["unit"], shown["two"]["scale"]["unit"]) == ("lots", "qty")
        newest = cell_at(one, 95, price)
        assert (newest["bid"], newest["ask"]) == ("·", "21")
        wide = cell_at(two, 31, price)
        assert "delta" in wide
        assert "ask" not in wide
        assert not any(cell["marks"] & 16 for cell in two.cells())
        assert any(cell["marks"] & 16 for cell in one.cells())
        assert one.query() == {"symbol": "NIFTY FUT", "bar": "5m", "level": "2"}
        still = {(c["x"], c["price"]): c["bid"] for c in one_before if c["x"] < 94}
        now = {(c["x"], c["price"]): c["bid"] for c in one.cells()}
        assert all(now[place] == bid for place, bid in still.items() if place in now)
    after = desk.history.read_bars(NIFTY.symbol)
    assert len(after) == len(bars) + 1  # the minute that the new trade closed, nothing else
    assert after.level_bid.sum() + after.level_ask.sum() == after.volume.sum()


def test_a_failed_feed_is_said_over_the_chart(live: Start) -> None:
    tab, desk = live()
    tab.open("/?symbol=NIFTY+FUT&bar=5m")
    assert tab.js(f"return {VEIL}") == ""
    tab.wait("document.querySelector('#feed-dot').className.includes('live')")
    cells = len(tab.cells())
    desk.feed.fail("The broker closed the line.")
    tab.wait(f"{VEIL}.includes('The broker closed the line.')")
    tab.wait("!document.querySelector('#feed-dot').className.includes('live')")
    tab.wait("document.querySelector('#feed-card').innerText.includes('closed the line.')")
    assert len(tab.cells()) == cells  # the last numbers stay, veiled
    box: Json = tab.js(
        "const v = document.querySelector('.orderflow-layer [role=status]');"
        "const b = v.getBoundingClientRect(); return {width: b.width, height: b.height}"
    )
    assert box["width"] > 1000
    assert box["height"] > 700


def test_an_empty_store_says_what_to_do_and_the_chart_opens_by_itself(live: Start) -> None:
    tab, desk = live(COIN, store=None, mode=FeedMode.LIVE)
    tab.load("/")
    tab.wait("document.querySelector('#waiting').innerText.includes('python -m dashboard import')")
    tab.load("/history")
    tab.wait("document.querySelector('#waiting').innerText.includes('No session is stored yet')")
    tab.load("/")
    tab.wait("document.querySelector('#waiting')")
    now = time.time_ns()
    desk.feed.trade(now, BASE, 12)
    desk.feed.trade(now, BASE + 10, 5, AggressorSide.SELL)
    tab.wait_painted()
    tab.wait("document.querySelector('#mode').innerText === 'LIVE'")
    assert [(c["bid"], c["ask"]) for c in tab.cells()] == [("5", "12")]
    # The market goes on, and each trade is on the screen soon after it was received.
    for k in range(5):
        desk.feed.trade(time.time_ns(), BASE, 1)
        tab.wait(
            "document.querySelector('.orderflow-layer canvas').dataset.version === args[0]",
            10,
            str(3 + k),
        )
        assert 0 <= int(tab.canvas()["latencyMs"]) < 5000
    assert cell_at(tab, 0, BASE)["ask"] == "17"


def test_the_page_recovers_from_a_restart_of_the_server(
    driver: Any,  # noqa: ANN401 - selenium has no types
    past: Path,
    tmp_path: Path,
) -> None:
    first = build_desk(tmp_path, past=past)
    with serve(first):
        tab = Tab(driver, first.url)
        tab.forget()
        tab.open("/?symbol=NIFTY+FUT&bar=5m&level=2&cells=total")
        stop_desk(first)
    tab.wait(f"{VEIL}.includes('No answer')", 20)
    second = build_desk(tmp_path)
    with serve(second, int(first.url.rpartition(":")[2])):
        tab.wait(f"{VEIL} === ''", 20)
        second.feed.trade(NEXT_BAR, last_price(second), 33 * LOT)
        tab.wait("orderflow.state().total === 96")
        assert cell_at(tab, 95, last_price(second))["total"] == "33"
        tab.wait("document.querySelector('#feed-dot').className.includes('live')")
        tab.choose("level", "5")  # the control plane recovers, too
        tab.wait("orderflow.state().scale.level === 500")
        tab.forget()
        stop_desk(second)


@pytest.mark.parametrize("mode", [FeedMode.LIVE, FeedMode.REPLAY])
def test_the_badge_names_the_feed(live: Start, mode: FeedMode) -> None:
    tab, _desk = live(mode=mode)
    tab.open("/")
    tab.wait("document.querySelector('#mode').innerText === args[0]", 10, mode.value)
    assert mode.value.lower() in tab.js("return document.querySelector('#mode').className")
