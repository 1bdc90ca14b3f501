"""The layer beside a live server: beats, following the live edge, keys, and who moves the view."""

from __future__ import annotations

import copy
import threading
import time
from collections.abc import Iterator

import pytest

from tests.browser.layer_harness import (
    SCALE,
    Answer,
    Harness,
    Json,
    MadeBar,
    harness,
    make_bars,
    make_figure,
    make_payload,
)

ALL = make_bars(60, seed=11, trades=60)
START = ALL[:40]
VIEW = {"symbol": "SIM:NIFTY", "bar": "5m", "level": "2"}


@pytest.fixture(scope="module")
def browser() -> Iterator[Harness]:
    with harness() as opened:
        yield opened


@pytest.fixture
def page(browser: Harness) -> Harness:
    """A fresh page with forty bars, the last of them forming."""
    browser.open()
    browser.plot(make_figure(START), make_payload(START), timeout=400)
    browser.wait("orderflow.state().cells > 40")
    return browser


def beat(page: Harness, view: Json | None = None) -> None:
    """Beat once and wait for the answer to be taken in."""
    page.js("orderflow.beat(1, arguments[0])", view or VIEW)
    page.wait("!orderflow.state().beat.inFlight")
    page.settle(2)


def grow(page: Harness, count: int, version: int) -> None:
    """Close a bar: `count` bars now, the last of them new."""
    page.js(
        "orderflow.apply(arguments[0])",
        make_payload(ALL[:count], version=version, only=[count - 2, count - 1]),
    )
    page.settle(3)


def y_range(page: Harness) -> list[float]:
    """The price axis' range."""
    found: list[float] = page.js("return document.getElementById('chart')._fullLayout.yaxis.range")
    return found


def pill(page: Harness) -> bool:
    """Whether the Go-live pill is shown."""
    shown: bool = page.js(
        "return document.querySelector('.orderflow-live').style.display !== 'none'"
    )
    return shown


# ------------------------------------------------------------------ following


def test_the_view_follows_each_new_bar(page: Harness) -> None:
    left, right = page.state()["visible"]
    for step in range(1, 4):
        grow(page, 40 + step, 1 + step)
        page.wait(f"Math.abs(orderflow.state().visible[1] - {right + step}) < 0.01")
        bars = ALL[: 40 + step][-12:]
        low, high = y_range(page)
        assert low <= min(bar.low for bar in bars) / SCALE
        assert high >= max(bar.high for bar in bars) / SCALE
    assert page.state()["follow"] is True
    assert page.state()["visible"][0] == pytest.approx(left + 3)
    assert not pill(page)


def test_a_price_that_leaves_the_view_moves_it_and_one_that_stays_does_not(page: Harness) -> None:
    before = y_range(page)
    bars = copy.deepcopy(START)
    bars[-1].high = round((before[1] - 2) * SCALE)
    page.js("orderflow.apply(arguments[0])", make_payload(bars, version=2, only=[39]))
    page.settle(4)
    assert y_range(page) == before
    bars[-1].high = round((before[1] + 6) * SCALE)
    page.js("orderflow.apply(arguments[0])", make_payload(bars, version=3, only=[39]))
    page.wait(f"document.getElementById('chart')._fullLayout.yaxis.range[1] > {before[1] + 6}")


def test_pan_and_zoom_survive_ten_closed_bars(page: Harness) -> None:
    page.drag((700, 200), (900, 230))
    page.mouse("wheel", 500, 200, deltaX=0, deltaY=-100)
    page.wait("!orderflow.state().follow")
    time.sleep(0.2)
    page.settle()
    assert pill(page)
    seen, prices = page.state()["visible"], y_range(page)
    assert seen[1] - seen[0] < 13
    for step in range(1, 11):
        grow(page, 40 + step, 1 + step)
    assert page.state()["total"] == 50
    assert page.state()["visible"] == pytest.approx(seen)
    assert y_range(page) == pytest.approx(prices)


def test_the_wheel_zooms_time_only(page: Harness) -> None:
    prices = y_range(page)
    left, right = page.state()["visible"]
    page.mouse("wheel", 600, 200, deltaX=0, deltaY=-100)
    page.wait("!orderflow.state().follow")
    time.sleep(0.2)
    page.settle()
    now = page.state()["visible"]
    assert now[1] - now[0] < right - left
    assert y_range(page) == prices


@pytest.mark.parametrize("way", ["pill", "End", "l", "double-click"])
def test_the_live_edge_is_one_step_away(page: Harness, way: str) -> None:
    live = page.state()["visible"]
    page.drag((500, 200), (900, 220))
    page.wait("!orderflow.state().follow")
    if way == "pill":
        page.js("document.querySelector('.orderflow-live').click()")
    elif way == "double-click":
        for count in (1, 2):
            page.mouse("pressed", 600, 200, button="left", clickCount=count)
            page.mouse("released", 600, 200, button="left", clickCount=count)
    else:
        page.key(way)
    page.wait("orderflow.state().follow")
    page.settle(4)
    assert not pill(page)
    assert page.state()["visible"][1] == pytest.approx(live[1], abs=0.1)
    grow(page, 41, 2)
    page.wait(f"orderflow.state().visible[1] > {live[1] + 0.8}")


def test_dragging_the_price_axis_stops_its_fit_until_go_live(page: Harness) -> None:
    page.drag((1410, 250), (1410, 300))
    page.wait("!orderflow.state().fitting")
    held = y_range(page)
    page.key("Home")
    page.key("ArrowRight")
    assert page.state()["fitting"] is True  # a jump would else show an empty chart
    page.drag((1410, 250), (1410, 300))
    held = y_range(page)
    for _ in range(3):
        page.key("ArrowRight")
    assert y_range(page) == pytest.approx(held)
    page.key("End")
    page.wait("orderflow.state().fitting")


def test_another_instrument_starts_at_its_live_edge(page: Harness) -> None:
    page.drag((500, 200), (900, 220))
    page.wait("!orderflow.state().follow")
    page.js("orderflow.apply(arguments[0])", make_payload(START, symbol="SIM:BANKNIFTY"))
    page.settle(4)
    assert page.state()["follow"] is True


def test_stored_bars_have_no_pill_and_no_tag(browser: Harness) -> None:
    browser.open()
    browser.plot(make_figure(START), make_payload(START, live=False, feed=None))
    browser.drag((500, 200), (900, 220))
    assert not pill(browser)
    assert browser.state()["visible"][0] < 27
    pills = [b for b in browser.js("return orderflow.picture().boxes") if b["region"] == "gutter"]
    assert len(pills) <= 4  # the level tags, no last price


# ------------------------------------------------------------------ keys


def test_keys_pan_zoom_and_jump(page: Harness) -> None:
    left, right = page.state()["visible"]
    page.key("ArrowLeft")
    assert page.state()["visible"] == pytest.approx([left - 1, right - 1])
    assert page.state()["follow"] is False
    page.key("-")
    now = page.state()["visible"]
    assert now[1] == pytest.approx(right - 1)
    assert now[1] - now[0] == pytest.approx((right - left) * 1.25)
    page.key("Home")
    page.settle(4)
    assert page.state()["visible"][0] == pytest.approx(-0.5)
    low, high = y_range(page)
    assert low <= START[0].low / SCALE <= START[0].high / SCALE <= high
    assert int(page.canvas()["cells"]) > 20


def test_cell_modes_are_the_pages_and_typing_is_left_alone(page: Harness) -> None:
    page.js(
        "window.pressed = []; orderflow.configure({onKey: (k, mode) => pressed.push([k, mode])})"
    )
    for key in "1234":
        page.key(key)
    assert page.js("return pressed") == [
        ["1", "bidask"],
        ["2", "delta"],
        ["3", "total"],
        ["4", "profile"],
    ]
    seen = page.state()["visible"]
    page.js(
        """const field = document.body.appendChild(document.createElement('input'));
        for (const key of ['2', 'ArrowLeft', 'Home', 'l']) field.dispatchEvent(
          new KeyboardEvent('keydown', {key, bubbles: true, cancelable: true}));
        document.body.dispatchEvent(
          new KeyboardEvent('keydown', {key: 'ArrowLeft', ctrlKey: true, bubbles: true}));"""
    )
    page.settle()
    assert len(page.js("return pressed")) == 4
    assert page.state()["visible"] == seen


# ------------------------------------------------------------------ beats


def test_a_beat_asks_for_what_changed_and_shows_it(page: Harness) -> None:
    bars: list[MadeBar] = copy.deepcopy(START)
    page.answer = lambda _query: Answer(body=make_payload(bars, version=5, trade_seq=50))
    beat(page)
    first = page.queries[-1]
    assert {name: first[name] for name in VIEW} == VIEW
    assert (first["path"], first["view"], first["since"]) == ("/api/v1/live", "v1", "0")
    assert int(first["from"]) <= 27
    assert int(first["to"]) >= 40
    assert page.canvas()["tradeSeq"] == "50"

    price = next(iter(bars[-1].levels))
    bars[-1].levels[price] = [777, 888]
    page.answer = lambda _query: Answer(
        body=make_payload(
            bars, version=6, trade_seq=51, only=[39], receive_ms=int(time.time() * 1000)
        )
    )
    beat(page)
    assert page.queries[-1]["since"] == "5"
    cell = next(c for c in page.cells() if c["x"] == 39 and c["price"] == price)
    assert (cell["bid"], cell["ask"]) == ("777", "888")
    assert page.canvas()["tradeSeq"] == "51"
    assert int(page.canvas()["latencyMs"]) < 2000


def test_nothing_changed_keeps_the_picture_and_the_feeds_age(page: Harness) -> None:
    page.answer = lambda _query: Answer(
        204, headers={"X-Feed-State": "live", "X-Feed-Age-Ms": "432"}
    )
    cells = page.cells()
    beat(page)
    assert page.state()["feed"]["ageMs"] == 432
    assert page.cells() == cells


def test_one_request_is_in_flight_at_most(page: Harness) -> None:
    gate = threading.Event()
    page.answer = lambda _query: Answer(204, delay=gate)
    page.js("for (let n = 0; n < 5; n += 1) orderflow.beat(n, arguments[0])", VIEW)
    page.wait("orderflow.state().beat.inFlight")
    time.sleep(0.1)
    page.js("orderflow.beat(6, arguments[0])", VIEW)
    gate.set()
    page.wait("!orderflow.state().beat.inFlight")
    assert len(page.queries) == 1


def test_the_layers_own_clock_beats_until_stored_bars_are_shown(page: Harness) -> None:
    page.js("orderflow.run(arguments[0], 40)", VIEW)
    page.wait("orderflow.state().beat.requests >= 4")
    page.js("orderflow.show(arguments[0])", VIEW)
    page.wait("!orderflow.state().beat.inFlight")
    asked = len(page.queries)
    assert page.queries[-1]["path"] == "/api/v1/bars"
    time.sleep(0.2)
    assert len(page.queries) == asked


def test_no_beat_in_a_hidden_page_and_one_at_once_when_it_shows(page: Harness) -> None:
    beat(page)
    asked = len(page.queries)
    hide = "Object.defineProperty(document, 'hidden', {value: arguments[0], configurable: true});"
    page.js(hide + "orderflow.beat(2, arguments[1])", True, VIEW)
    time.sleep(0.1)
    assert len(page.queries) == asked
    page.js(hide + "document.dispatchEvent(new Event('visibilitychange'))", False)
    page.wait("!orderflow.state().beat.inFlight")
    assert len(page.queries) == asked + 1


def test_failures_wait_longer_each_time_and_mark_the_chart(page: Harness) -> None:
    beat(page)
    page.answer = lambda _query: Answer(500)
    page.js("window.shift = 0; const now = Date.now; Date.now = () => now() + shift")
    for failures in (1, 2, 3):
        beat(page)
        assert page.state()["beat"]["failures"] == failures
        asked = len(page.queries)
        page.js("orderflow.beat(1, arguments[0])", VIEW)
        assert page.state()["beat"]["inFlight"] is False, "it must wait"
        page.js("shift += arguments[0] + 20", 500 * 2 ** (failures - 1))
        assert len(page.queries) == asked
    beat(page)
    assert page.state()["stale"].startswith("No answer from the dashboard for")
    page.answer = lambda _query: Answer(204, headers={"X-Feed-State": "live"})
    page.js("shift += 5000")
    beat(page)
    assert page.state()["stale"] == ""
    assert page.state()["beat"]["failures"] == 0


def test_an_answer_that_takes_too_long_is_given_up(page: Harness) -> None:
    gate = threading.Event()
    page.answer = lambda _query: Answer(204, delay=gate)
    page.js("orderflow.beat(1, arguments[0])", VIEW)
    page.wait("orderflow.state().beat.failures === 1", 3)
    gate.set()


def test_a_refused_view_is_told_and_the_last_good_one_stays(page: Harness) -> None:
    page.js("window.said = []; orderflow.configure({onMessage: (text) => said.push(text)})")
    sentence = "level: use a multiple of the tick 0.10, such as 2.00"
    page.answer = lambda _query: Answer(400, body={"error": sentence})
    cells = page.cells()
    beat(page, VIEW | {"level": "0.03"})
    assert page.js("return said") == [sentence]
    assert page.cells() == cells
    asked = len(page.queries)
    page.js("orderflow.beat(1, arguments[0])", VIEW | {"level": "0.03"})
    assert page.state()["beat"]["inFlight"] is False
    page.answer = lambda _query: Answer(body=make_payload(START, version=9, only=[]))
    beat(page, VIEW)
    assert len(page.queries) == asked + 1
    assert page.js("return said") == [sentence, ""]


def test_answers_to_a_view_that_was_left_are_not_shown(page: Harness) -> None:
    gate = threading.Event()

    def answer(query: dict[str, str]) -> Answer:
        old = query["level"] == "2"
        body = make_payload(START, version=7 if old else 8, trade_seq=70 if old else 80)
        return Answer(body=body, delay=gate if old else None)

    page.answer = answer
    page.js("orderflow.beat(1, arguments[0])", VIEW)
    page.wait("orderflow.state().beat.inFlight")
    beat(page, VIEW | {"level": "5"})
    gate.set()
    time.sleep(0.2)
    assert page.canvas()["tradeSeq"] == "80"


def test_bars_that_come_into_view_are_asked_for(page: Harness) -> None:
    def answer(query: dict[str, str]) -> Answer:
        first, last = int(query.get("from", 0)), min(int(query.get("to", 39)), 39)
        return Answer(body=make_payload(START, version=3, first=first, last=last))

    page.answer = answer
    page.js("orderflow.apply(arguments[0])", make_payload(START, version=2, first=25))
    beat(page)
    asked = len(page.queries)
    page.key("Home")
    page.wait("orderflow.state().loaded[0] === 0")
    assert len(page.queries) > asked
    assert page.queries[-1]["since"] == "0"
    page.settle(4)
    assert {cell["x"] for cell in page.cells()} >= set(range(1, 10))


def test_stored_bars_are_asked_once_and_again_when_missing(browser: Harness) -> None:
    page = browser
    page.open()
    page.plot(make_figure(START))

    def answer(query: dict[str, str]) -> Answer:
        first, last = int(query.get("from", 0)), min(int(query.get("to", 39)), 39)
        return Answer(
            body=make_payload(START, first=max(first, 25 if first else 0), last=last, live=False)
        )

    page.answer = answer
    for _ in range(3):
        page.js("orderflow.show(arguments[0])", VIEW)
        page.wait("!orderflow.state().beat.inFlight")
    page.wait("orderflow.state().cells > 20")
    assert [q["path"] for q in page.queries] == ["/api/v1/bars"]
    assert page.queries[0]["format"] == "layer"
    page.key("Home")
    page.wait("orderflow.state().loaded[0] === 0")
    assert len(page.queries) == 2


def test_a_view_asked_for_before_the_layer_is_attached_is_not_lost(browser: Harness) -> None:
    browser.open()
    browser.answer = lambda _query: Answer(body=make_payload(START, live=False))
    browser.js("orderflow.show(arguments[0])", VIEW)
    assert browser.queries == []
    browser.plot(make_figure(START))
    browser.wait("orderflow.state().cells > 20")
    assert len(browser.queries) == 1


def test_live_and_stored_bars_of_the_same_settings_are_not_mixed(page: Harness) -> None:
    page.answer = lambda _query: Answer(body=make_payload(START, version=3))
    beat(page)
    page.answer = lambda _query: Answer(body=make_payload(START[:20], version=3, live=False))
    page.js("orderflow.show(arguments[0])", VIEW)
    page.wait("orderflow.state().total === 20")
    assert page.queries[-1]["path"] == "/api/v1/bars"
    assert (page.queries[-1]["view"], page.queries[-1]["since"]) == ("", "0")


def test_auto_level_is_told_what_the_pane_shows(page: Harness) -> None:
    beat(page, VIEW | {"level": "auto"})
    low, high = y_range(page)
    query = page.queries[-1]
    assert int(query["span"]) == pytest.approx((high - low) * SCALE, abs=1)
    assert 480 <= int(query["pane"]) <= 540
    assert query["current"] == "200"
    beat(page)
    assert "pane" not in page.queries[-1]


def test_dash_finds_the_functions_by_name(page: Harness) -> None:
    page.js("window.dash_clientside.no_update = 'nothing'")
    for name in ("beat", "show", "configure", "goLive"):
        assert (
            page.js("return dash_clientside.orderflow[arguments[0]](null, null)", name) == "nothing"
        )


def test_a_second_browser_page_is_a_layer_of_its_own(page: Harness) -> None:
    page.js("orderflow.attach('nowhere', {})")
    assert page.js("return document.querySelectorAll('.orderflow-layer').length") == 0
    assert (
        page.js("return document.querySelector('.cartesianlayer .xy .boxlayer').style.visibility")
        == ""
    )
    page.js("orderflow.attach('chart', {})")
    page.js("orderflow.apply(arguments[0])", make_payload(START))
    page.wait("orderflow.state().cells > 40")
    page.js("orderflow.detach()")
    assert page.js("return orderflow.state()") is None
