"""The import card in a real browser: from a file on the disk to its bars on the history page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.ports import MAX_SENT_BYTES
from tests.browser.desk import Desk, build_desk, serve, stop_desk, until
from tests.browser.tab import Tab
from tests.storage.importers.test_predecessor import bar, old_file

PAGE = "/history?symbol=NIFTY+FUT&bar=5m&level=2"
ASKS = "document.querySelector('#import-begin') && !document.querySelector('#import-begin').hidden"
"""The dialog shows the file and waits for choices."""

ROWS = [
    f"2025-09-11T09:{15 + k // 20:02d}:{k % 20 * 3:02d}+05:30;{100 + k % 7}.{k % 2 * 5};{k + 1};"
    f"{'BS'[k % 2]}"
    for k in range(200)
]


@pytest.fixture
def card(tab: Tab) -> Tab:
    """The history page; no window of the system opens for a file."""
    tab.driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": True})
    tab.open(PAGE)
    return tab


def choose(tab: Tab, path: Path) -> None:
    """Choose a file with the card's button."""
    tab.press("#import")
    until(lambda: tab.driver.find_elements("css selector", "#import-file"), "a file is asked for")
    tab.driver.find_element("css selector", "#import-file").send_keys(str(path))


def tape(path: Path, header: str = "time;price;qty;side") -> Path:
    path.write_text("\n".join([header, *ROWS]), encoding="utf-8")
    return path


def fill(tab: Tab, name: str, value: str) -> None:
    """Write into a field, or choose an option, as the page's own listeners see it."""
    tab.js(
        'const e = document.querySelector(`#import-dialog [name="${arguments[0]}"]`);'
        "e.value = arguments[1]; e.dispatchEvent(new Event('change', {bubbles: true}));",
        name,
        value,
    )


def shown(tab: Tab) -> str:
    """What the dialog says, once it says something."""
    tab.wait("document.querySelector('#import-dialog .import-said').textContent", 20)
    return tab.text("#import-dialog .import-said")


def test_a_file_is_shown_corrected_imported_and_opened(
    card: Tab, desk: Desk, tmp_path: Path
) -> None:
    choose(card, tape(tmp_path / "my trades.csv", "time;price;qty;how"))
    card.wait(ASKS, 20)
    assert card.text("#import-dialog h2") == "Import my trades.csv"
    assert card.text("#import-dialog thead").split() == ["time", "price", "qty", "how"]
    assert card.text("#import-dialog tbody tr").split() == ROWS[0].split(";")
    found = card.js(
        "return Object.fromEntries([...document.querySelectorAll('#import-dialog select')]"
        ".map((s) => [s.name, s.value]))"
    )
    assert found["column-size"] == "qty"
    assert found["column-side"] == ""
    assert card.js("return document.querySelector('#import-symbol').value") == "MY-TRADES"

    fill(card, "column-price", "how")
    fill(card, "symbol", "PAPER")
    card.press("#import-begin")
    assert "line 2: the price 'B' is not a number" in shown(card)
    assert "line 2: the price 'B' is not a number" in card.text("#import-fault")
    assert desk.history.find_instrument("PAPER") is None

    fill(card, "column-price", "price")
    fill(card, "column-side", "how")
    fill(card, "lot_size", "5")
    card.press("#import-begin")
    card.wait("document.querySelector('#import-open')", 20)
    assert "PAPER: 200 of 200 rows were new" in shown(card)
    assert card.text("#import-fault") == ""
    instrument = desk.history.find_instrument("PAPER")
    assert instrument is not None
    assert (instrument.lot_size, instrument.calendar) == (5, "nse-fo")

    card.press("#import-open")
    card.wait("orderflow.state() && orderflow.state().beat.view.symbol === 'PAPER'", 20)
    card.wait_painted()
    assert card.cells()
    assert card.complaints() == []
    assert not list((desk.folder / "uploads").glob("*/file"))


def test_the_predecessors_database_asks_what_it_needs(
    card: Tab, desk: Desk, tmp_path: Path
) -> None:
    choose(card, old_file(tmp_path / "old.db", bar(0), bar(5), bar(10, token="7")))
    card.wait(ASKS, 20)
    names = card.js(
        "return [...document.querySelectorAll('#import-dialog [name]')].map((e) => e.name)"
    )
    assert {"interval", "level_size", "token"} < set(names)
    assert not {name for name in names if name.startswith("column-")} | {"tick_size"} & set(names)
    fill(card, "symbol", "OLD")
    fill(card, "token", "53001")
    card.press("#import-begin")
    card.wait("document.querySelector('#import-open')", 20)
    assert str(desk.history.read_bars("OLD").spec) == "5m"
    card.press("#import-leave")
    card.wait("!document.querySelector('#import-dialog')")


def test_what_cannot_be_imported_is_said_beside_the_card(card: Tab, tmp_path: Path) -> None:
    path = tmp_path / "noise.csv"
    path.write_bytes(b"\x00\x01\x02\n")
    choose(card, path)
    card.wait("document.querySelector('#import-fault').textContent", 20)
    assert card.text("#import-fault") == "noise.csv, line 1: this is not a text file in UTF-8."
    assert not card.js("return document.querySelector('#import-dialog')")


def test_a_file_that_is_too_large_is_not_sent(card: Tab, tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.truncate(MAX_SENT_BYTES + 1)
    choose(card, path)
    card.wait("document.querySelector('#import-fault').textContent")
    assert "more than the 256 MB that a page may send" in card.text("#import-fault")


def test_a_file_that_is_left_is_forgotten(card: Tab, desk: Desk, tmp_path: Path) -> None:
    choose(card, tape(tmp_path / "t.csv"))
    card.wait(ASKS, 20)
    assert list((desk.folder / "uploads").glob("*/file"))
    card.press("#import-leave")
    until(lambda: not list((desk.folder / "uploads").glob("*/file")), "the file is forgotten")


def test_a_file_dropped_on_the_card_is_taken_and_elsewhere_it_does_nothing(card: Tab) -> None:
    drop = """const [selector, text] = arguments; const data = new DataTransfer();
    data.items.add(new File([text], 'dropped.csv'));
    const event = new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true});
    document.querySelector(selector).dispatchEvent(event); return event.defaultPrevented;"""
    text = "\n".join(["time;price;qty;side", *ROWS])
    assert card.js(drop, "#chart", text) is True
    assert not card.js("return document.querySelector('#import-dialog')")
    assert card.js(drop, ".drop-zone", text) is True
    card.wait(ASKS, 20)
    assert card.text("#import-dialog h2") == "Import dropped.csv"
    card.press("#import-leave")


@pytest.fixture
def empty(driver: Any, tmp_path: Path) -> Iterator[Callable[[], Tab]]:  # noqa: ANN401
    """An app over an empty store."""
    desk = build_desk(tmp_path / "data")
    with serve(desk):
        yield lambda: Tab(driver, desk.url)
    stop_desk(desk)


def test_the_first_file_of_an_empty_store_opens_the_chart(
    empty: Callable[[], Tab], tmp_path: Path
) -> None:
    tab = empty()
    tab.driver.execute_cdp_cmd("Page.setInterceptFileChooserDialog", {"enabled": True})
    tab.load("/history")
    tab.wait("document.querySelector('#import')", 20)
    choose(tab, tape(tmp_path / "t.csv"))
    tab.wait(ASKS, 20)
    fill(tab, "symbol", "FIRST")
    tab.press("#import-begin")
    tab.wait(
        "window.orderflow && orderflow.state() && orderflow.state().beat.view.symbol === 'FIRST'",
        20,
    )
