"""The export menu of both pages: what is saved is what is shown, by a plain link."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dashboard.series.cache import SeriesCache
from dashboard.views.export import export_text
from dashboard.views.still import StillBoard
from tests.browser.desk import NIFTY, Desk, until
from tests.browser.tab import Tab

WHOLE, TODAY = "2025-09-10", "2025-09-11"


@pytest.fixture
def saved(tab: Tab, tmp_path: Path) -> Path:
    """Return the folder into which the browser saves files."""
    tab.driver.execute_cdp_cmd(
        "Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)}
    )
    return tmp_path


def save(tab: Tab, form: str, folder: Path) -> tuple[str, str]:
    """Choose a format in the menu; return the saved file's name and text."""
    tab.press("#export button")
    tab.wait("document.querySelector('#export .dropdown-menu.show')")
    tab.press(f"#export [data-export={form}]")
    (path,) = until(
        lambda: [p for p in folder.iterdir() if p.suffix == f".{form}"], f"a {form} file is saved"
    )
    until(lambda: path.stat().st_size and not list(folder.glob("*.crdownload")), "it is whole")
    return path.name, path.read_bytes().decode("utf-8", "replace")


def wanted(desk: Desk, **options: Any) -> str:  # noqa: ANN401 - as export_text takes them
    series = SeriesCache(desk.history, StillBoard())
    return export_text(series, symbol=NIFTY.symbol, bar="5m", level_size="2", **options)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_a_session_of_the_history_page_is_saved(
    tab: Tab, desk: Desk, saved: Path, form: str
) -> None:
    tab.open(f"/history?symbol=NIFTY+FUT&bar=5m&level=2&session={WHOLE}&va=cbot&cells=delta")
    name, text = save(tab, form, saved)
    assert name == f"NIFTY-FUT_5m_{WHOLE}.{form}"
    expected = wanted(desk, start=WHOLE, end=WHOLE, value_area="cbot", form=form)
    assert text == expected
    assert tab.complaints() == []


def test_a_range_of_the_history_page_is_saved(tab: Tab, desk: Desk, saved: Path) -> None:
    tab.open(
        f"/history?symbol=NIFTY+FUT&bar=5m&level=2&from_date={WHOLE}&to_date={TODAY}"
        "&cvd=continuous&profile=all"
    )
    name, text = save(tab, "json", saved)
    assert name == f"NIFTY-FUT_5m_{WHOLE}_{TODAY}.json"
    assert text == wanted(desk, start=WHOLE, end=TODAY, cvd="continuous")


def test_the_live_page_saves_its_day_at_the_level_shown(tab: Tab, saved: Path) -> None:
    tab.open("/?symbol=NIFTY+FUT&bar=5m&level=auto")
    name, text = save(tab, "json", saved)
    assert name == f"NIFTY-FUT_5m_{TODAY}.json"
    document, scale = json.loads(text), tab.state()["scale"]
    assert document["level_size"] == scale["level"] / scale["price"]
    assert {session["date"] for session in document["sessions"]} == {TODAY}


def test_a_page_is_saved_as_it_looks(tab: Tab, saved: Path) -> None:
    tab.open(f"/history?symbol=NIFTY+FUT&bar=5m&level=2&session={WHOLE}&cells=delta&cvd=off")
    _, text = save(tab, "html", saved)
    data = json.loads(text.split('id="data">')[1].split("</script>", maxsplit=1)[0])
    assert (data["options"]["cells"], data["options"]["cvd"]) == ("delta", "off")


def test_a_picture_is_saved(tab: Tab, saved: Path) -> None:
    tab.open(f"/history?symbol=NIFTY+FUT&bar=5m&level=2&session={WHOLE}")
    name, _ = save(tab, "png", saved)
    assert name == "NIFTY-FUT-5m.png"
    assert (saved / name).read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
