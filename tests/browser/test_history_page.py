"""The history page over two stored sessions: which one, which dates, panning, the whole profile."""

from __future__ import annotations

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BarSpec
from dashboard.domain.profile import ValueArea, build_profile
from dashboard.figures.labels import price_text
from tests.browser.desk import NIFTY, TODAY, YESTERDAY, Desk
from tests.browser.tab import Tab

PICKER = """document.getElementById('{"name":"session","type":"set"}')"""
SHOWN = f"{PICKER}.selectedOptions[0].innerText"


def wait_session(tab: Tab, bars: int, label: str) -> None:
    """Wait until a session is painted and named."""
    tab.wait(
        f"orderflow.state().matches && orderflow.state().total === args[0] && {SHOWN} === args[1]",
        20,
        bars,
        label,
    )


def test_sessions_by_picker_and_neighbours(tab: Tab, desk: Desk) -> None:
    tab.open("/history?symbol=NIFTY+FUT&bar=5m&level=2")
    wait_session(tab, 20, "11 Sep")
    assert tab.text("#mode") == "HISTORY"
    assert tab.state()["live"] is None
    labels = tab.js(f"return [...{PICKER}.options].map((o) => o.innerText).filter(Boolean)")
    assert labels == ["10 Sep", "11 Sep"]

    tab.press("#previous-session")
    wait_session(tab, 75, "10 Sep")
    assert tab.query()["session"] == "2025-09-10"
    newest = tab.js("return orderflow.picture().texts.map((t) => t.text)")
    assert "15:25" in newest

    tab.press("#previous-session")  # there is none before: the page stays
    tab.press("#next-session")
    wait_session(tab, 20, "11 Sep")
    tab.choose("session", "2025-09-10")
    wait_session(tab, 75, "10 Sep")
    volume = desk.history.read_trades(NIFTY.symbol, YESTERDAY, YESTERDAY).size.sum() // 75
    tab.wait(
        "document.querySelector('#cards').innerText.replaceAll(',', '').includes(args[0])",
        10,
        str(volume),
    )
    assert tab.complaints() == []


def test_a_range_of_dates_with_its_whole_profile(tab: Tab, desk: Desk) -> None:
    tab.open("/history?symbol=NIFTY+FUT&bar=5m&level=2")
    wait_session(tab, 20, "11 Sep")
    tab.press("#date-range")
    day = (
        "[...document.querySelectorAll('td')].find((d) => d.innerText === args[0] && d.offsetWidth)"
    )
    for number in ("10", "11"):
        tab.press_found(day, number)
    tab.wait("new URLSearchParams(location.search).get('to_date') === '2025-09-11'", 10)
    wait_session(tab, 95, "10 – 11 Sep")
    assert tab.query()["from_date"] == "2025-09-10"
    assert tab.held("profile") == "all"

    trades = desk.history.read_trades(NIFTY.symbol, YESTERDAY, TODAY)
    bars, _ = aggregate(trades, BarSpec.parse("5m"), desk.history.calendar(NIFTY.symbol), 200)
    whole = build_profile(bars)
    val, vah, _ = whole.value_area(70, ValueArea.ONE_ROW)
    wanted = [
        f"{n} {price_text(p, NIFTY)}" for n, p in (("POC", whole.poc), ("VAH", vah), ("VAL", val))
    ]
    level = trades.price // 200
    longest = int(np.bincount(level - level.min(), weights=trades.size).max()) // 75
    tab.wait(
        "((d) => Math.max(...d('bid').x.map((v, i) => v + d('ask').x[i])) === args[0])"
        "((s) => document.querySelector('.js-plotly-plot').data"
        ".find((t) => t.name === `profile ${s}`))",
        10,
        longest,
    )
    # The levels' pills stand where they are in view.
    pane = tab.ranges()["y"]
    for text, price in zip(wanted, (whole.poc, vah, val), strict=True):
        if pane[0] < price / 100 < pane[1]:
            tab.wait("orderflow.picture().texts.some((t) => t.text === args[0])", 10, text)

    tab.choose("session", "2025-09-10")
    wait_session(tab, 75, "10 Sep")
    assert tab.held("profile") == "session"
    assert tab.complaints() == []


def test_panning_loads_more_bars(tab: Tab, desk: Desk) -> None:
    tab.open("/history?symbol=NIFTY+FUT&bar=1m&level=2&from_date=2025-09-10&to_date=2025-09-11")
    tab.wait("orderflow.state().total === 475")
    loaded = tab.state()["loaded"]
    assert loaded[0] > 300  # a window, not all of it
    left = (
        "((f) => ({x: f.xaxis._offset + 60, y: f.yaxis._offset + 60}))"
        "(document.querySelector('.js-plotly-plot')._fullLayout)"
    )
    box, inner = tab.chart_box(), tab.js(f"return {left}")
    start = (box["left"] + inner["x"], box["top"] + inner["y"])
    for _ in range(9):
        tab.drag(start, (start[0] + 800, start[1]))
    tab.wait("orderflow.state().loaded[0] < args[0] - 20", 10, loaded[0])
    tab.wait(
        "((s) => s.loaded[0] <= s.visible[0] && orderflow.cells().length > 20)(orderflow.state())"
    )
    # Its session is named although the bar that begins it is not loaded.
    assert "11 Sep" in tab.js("return orderflow.picture().texts.map((t) => t.text)")
    # What came is what is stored: compare a bar in view with the raw trades.
    cells = tab.cells()
    x = cells[len(cells) // 2]["x"]
    trades = desk.history.read_trades(NIFTY.symbol, YESTERDAY, TODAY)
    bars, _ = aggregate(trades, BarSpec.parse("1m"), desk.history.calendar(NIFTY.symbol), 200)
    one = bars.take(x, x + 1)
    lots = {
        int(p): (int(b) // 75, int(a) // 75)
        for p, b, a in zip(one.level_price, one.level_bid, one.level_ask, strict=True)
    }
    shown = {
        c["price"]: tuple(int(c[k].replace("·", "0")) for k in ("bid", "ask"))
        for c in cells
        if c["x"] == x
    }
    assert shown == {p: lots[p] for p in shown}
    assert len(shown) > 1
    assert tab.complaints() == []


def test_live_and_history_show_the_same_numbers(tab: Tab) -> None:
    tab.open("/?symbol=NIFTY+FUT&bar=5m&level=2")
    names = ("bid", "ask", "bidFill", "askFill", "marks")
    first = min(c["x"] for c in tab.cells())
    live = {(c["x"] - 75, c["price"]): [c[n] for n in names] for c in tab.cells()}
    tab.open("/history?symbol=NIFTY+FUT&bar=5m&level=2&session=2025-09-11")
    stored = {(c["x"], c["price"]): [c[n] for n in names] for c in tab.cells()}
    assert first >= 75
    both = live.keys() & stored.keys()
    assert len(both) > 60
    assert {k: live[k] for k in both} == {k: stored[k] for k in both}


def test_the_live_pages_days_open_their_history(tab: Tab) -> None:
    tab.open("/?symbol=NIFTY+FUT&bar=15m")
    tab.choose("session", "2025-09-10")
    tab.wait("location.pathname === '/history'")
    wait_session(tab, 25, "10 Sep")
    assert tab.query()["bar"] == "15m"
    tab.driver.back()
    tab.wait("location.pathname === '/' && orderflow.state().total === 32", 20)
