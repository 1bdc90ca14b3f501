"""Level of detail: zooming out by the wheel goes through all five, and the chart is never empty."""

from __future__ import annotations

from tests.browser.tab import Tab

# The price pane without the profile and its pills, px of the window.
PANE = """const { xaxis, yaxis } = document.querySelector('.js-plotly-plot')._fullLayout;
const box = document.querySelector('#chart .js-plotly-plot').getBoundingClientRect();
return [box.left + xaxis._offset, box.top + yaxis._offset, xaxis._length - 200, yaxis._length]"""


def columns_drawn(tab: Tab) -> int:
    """Columns of the price pane's pixels, on the screen, that hold a side's colour."""
    return tab.columns_with_ink(tab.js(PANE))


def test_five_steps_and_never_an_empty_chart(tab: Tab) -> None:
    tab.open("/history?symbol=NIFTY+FUT&bar=1m&from_date=2025-09-10&to_date=2025-09-11")
    seen: list[int] = []
    x, y, width, height = tab.js(PANE)
    middle = (x + width * 0.6, y + height * 0.5)
    for _turn in range(40):
        lod = int(tab.canvas()["lod"])
        assert columns_drawn(tab) > 0.05 * width, f"an empty chart at step {lod}"
        if lod not in seen:
            seen.append(lod)
            tab.screenshot(f"detail-{lod}")
        if lod == 5:
            break
        tab.wheel(middle, 1)
        tab.wait("orderflow.state().matches && !orderflow.state().beat.inFlight")
        tab.settle()
    assert seen == [1, 2, 3, 4, 5]
    assert tab.complaints() == []


def test_rows_regroup_before_detail_drops(tab: Tab) -> None:
    tab.open("/history?symbol=NIFTY+FUT&bar=5m&session=2025-09-10")
    assert tab.canvas()["lod"] == "1"
    fine = tab.state()["scale"]["level"]
    box = tab.chart_box()
    gutter = box["left"] + box["width"] - 30
    for _ in range(4):  # over the price axis: prices alone, one step an event
        tab.wheel((gutter, box["top"] + 250), 1)
    tab.wait("orderflow.state().scale.level > args[0]", 10, fine)
    tab.wait("orderflow.state().rowPx >= 14 && orderflow.state().lod === 1")
    tab.wait(
        "document.querySelector('[id*=level-quick]').selectedOptions[0].innerText"
        ".startsWith('Level ' + (orderflow.state().scale.level / 100).toFixed(2))"
    )
