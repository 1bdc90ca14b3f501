"""Nothing comes from outside, and the console stays empty, on both pages under dash_duo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from tests.browser.desk import Desk
from tests.browser.tab import Tab


def test_every_resource_is_local_and_the_console_empty(
    live: Callable[..., tuple[Tab, Desk]],
    dash_duo: Any,  # noqa: ANN401 - dash[testing] has no types
) -> None:
    tab, desk = live()
    here = urlsplit(desk.url).netloc
    for path in ("/", "/history"):
        tab.open(path)
        found: list[str] = tab.js(
            "const tags = [...document.querySelectorAll('[src], link[href]')];"
            "return performance.getEntriesByType('resource').map((e) => e.name)"
            ".concat(tags.map((e) => e.src || e.href))"
        )
        assert any("plotly" in name for name in found)
        assert any("bootstrap" in name for name in found)
        outside = [n for n in found if urlsplit(n).netloc not in {here, ""}]
        assert outside == []
        failed: list[str] = tab.js(
            "return performance.getEntriesByType('resource')"
            ".filter((e) => e.responseStatus >= 400).map((e) => e.name)"
        )
        assert failed == []
    assert dash_duo.get_logs() == []


def test_links_lead_from_page_to_page(tab: Tab) -> None:
    tab.open("/?symbol=NIFTY+FUT")
    for page, mode in (("/history", "HISTORY"), ("/", "REPLAY"), ("/history", "HISTORY")):
        tab.press(f'.pages a[href="{page}"]')
        tab.wait("location.pathname === args[0]", 10, page)
        tab.wait("document.querySelector('#mode').innerText === args[0]", 10, mode)
        tab.wait_painted()
        assert len(tab.cells()) > 40
        assert len(tab.driver.find_elements("css selector", ".orderflow-layer")) == 1
    assert tab.complaints() == []
