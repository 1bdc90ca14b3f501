"""An exported page, opened from the disk: no request, no complaint, the stored numbers.

A whole session of one-minute bars is in it; the pan to its first bar needs nobody to ask.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.bootstrap import assets_folder
from dashboard.series.cache import SeriesCache
from dashboard.storage.history import SqliteHistory
from dashboard.views.export import export_text
from dashboard.views.still import StillBoard
from tests.browser.desk import NIFTY
from tests.browser.tab import Json, Tab

DATE = "2025-09-10"
LOT = NIFTY.lot_size


def exported(store: Path, form: str, **look: str) -> str:
    return export_text(
        SeriesCache(SqliteHistory(store), StillBoard()),
        symbol=NIFTY.symbol,
        bar="1m",
        level_size="2",
        start=DATE,
        end=DATE,
        form=form,
        assets=assets_folder(),
        look=look,
    )


@pytest.fixture(scope="module")
def document(past: Path) -> Json:
    found: Json = json.loads(exported(past, "json"))
    return found


@pytest.fixture(scope="module")
def page(driver: Any, past: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:  # noqa: ANN401 - selenium has no types
    """The page from a file, in a browser whose network is cut off."""
    path = tmp_path_factory.mktemp("page") / "session.html"
    path.write_text(exported(past, "html"), encoding="utf-8", newline="")
    driver.execute_cdp_cmd("Network.enable", {})
    offline = {"offline": True, "latency": 0, "downloadThroughput": 0, "uploadThroughput": 0}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", offline)
    tab = Tab(driver, "")
    tab.complaints()
    driver.get(path.as_uri())
    tab.wait("orderflow.state().matches && orderflow.state().lod > 0", 20)
    yield tab
    online = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    driver.execute_cdp_cmd("Network.emulateNetworkConditions", online)


def lots(text: str) -> int:
    """Return the number that a cell shows."""
    return int(text.replace("−", "-").replace("·", "0"))


def assert_cells_are_stored(tab: Tab, document: Json) -> set[int]:
    """Compare every cell in view with the JSON export; return the positions of their bars."""
    cells = tab.cells()
    assert cells
    for cell in cells:
        bar = document["bars"][cell["x"]]
        (level,) = [v for v in bar["levels"] if round(v["price"] * 100) == cell["price"]]
        assert lots(cell["bid"]) * LOT == level["bid_volume"]
        assert lots(cell["ask"]) * LOT == level["ask_volume"]
    return {cell["x"] for cell in cells}


def test_the_newest_bars_are_shown_with_the_stored_numbers(page: Tab, document: Json) -> None:
    assert page.state()["total"] == len(document["bars"]) == 375
    shown = assert_cells_are_stored(page, document)
    assert max(shown) == 374
    assert len(shown) > 8


def test_the_first_bars_are_there_without_asking(page: Tab, document: Json) -> None:
    page.key("Home", 36)
    page.wait("orderflow.state().visible[0] <= 0 && orderflow.state().lod > 0")
    assert min(assert_cells_are_stored(page, document)) == 0
    assert page.state()["beat"]["requests"] == 0
    page.key("End", 35)
    page.wait("orderflow.state().visible[1] >= 374")


def test_keys_change_what_cells_show(page: Tab, document: Json) -> None:
    page.key("2")
    page.wait("orderflow.cells().length && orderflow.cells()[0].delta")
    cell = page.cells()[0]
    bar = document["bars"][cell["x"]]
    (level,) = [v for v in bar["levels"] if round(v["price"] * 100) == cell["price"]]
    assert lots(cell["delta"]) * LOT == level["ask_volume"] - level["bid_volume"]
    page.key("1")
    page.wait("orderflow.cells()[0].ask")


def test_plotly_draws_the_sessions_profile_as_wide_as_chosen(page: Tab) -> None:
    px = page.js(
        "const a = document.getElementById('chart')._fullLayout.xaxis2;"
        "const data = document.getElementById('chart').data;"
        "const rows = data.filter((t) => t.xaxis === 'x2' && t.x.length).map((t) => t.x);"
        "const sums = rows[0].map((_, k) => rows.reduce((s, r) => s + r[k], 0));"
        "return a._length * Math.max(...sums) / a.range[0]"
    )
    assert px == pytest.approx(112, abs=1)


def test_the_header_says_whose_bars_these_are(page: Tab) -> None:
    assert page.text("header").split("\n")[0].startswith("NIFTY FUT")
    for fact in ("1m", DATE, "Level 2", "Lots"):
        assert fact in page.text("header")


def test_nothing_was_fetched_and_nothing_complained(page: Tab) -> None:
    assert page.js("return performance.getEntriesByType('resource').map((e) => e.name)") == []
    assert page.complaints() == []
