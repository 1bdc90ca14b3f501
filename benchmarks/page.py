"""The live page in headless Chromium: live.md's budgets, from page open to pixel.

``python -m benchmarks.page [--quick]`` prints a table and a line of JSON. The dashboard runs in a
process of its own, with `scene`'s feed. Main-thread time is Chromium's TaskDuration, Plotly, Dash,
layer and painting commands together; the thread's CPU time stands beside it, because on a machine
that has other work to do a task also waits.

The scene is live.md's: 1440 × 900, control cards folded, twelve bars of fifty levels in view. Fifty
rows with numbers in them leave no room for the table, so the table is off and each cell has one
number; beside it stands the page as it opens by itself, with the table and two numbers a cell.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from benchmarks.browser import Page, free_port, process, tab
from benchmarks.report import Figure, hand_on, median, percentile
from benchmarks.scene import BARS, LEVEL_TEXT, LEVELS, SYMBOL
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory

SHOWN = 12
DEFAULT_LEVELS = 25
"""Levels of which two numbers a cell fit above the table."""
STEPS = 30
TURNS = 8
SETTLE_S = 0.15

STAMP = """
(() => {
  const painted = () => {
    if (!location.pathname.match(/^.(empty|interval|graph)/)) {
      const canvas = document.querySelector('canvas[data-cells]');
      return canvas && Number(canvas.dataset.cells) > 0;
    }
    return document.getElementById('done') || document.querySelector('.main-svg');
  };
  const look = () => {
    if (painted()) window.benchReady = performance.now();
    else requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})();
"""
"""Notes when a page first shows what it is for."""

WATCH = """
const canvas = document.querySelector('canvas[data-cells]');
window.benchSeen = [];
new MutationObserver(() => {
  const { tradeSeq, paintedAt, latencyMs } = canvas.dataset;
  const last = window.benchSeen.at(-1);
  if (!last || last[0] !== Number(tradeSeq)) {
    window.benchSeen.push([Number(tradeSeq), Number(paintedAt), Number(latencyMs)]);
  }
}).observe(canvas, { attributes: true, attributeFilter: ['data-trade-seq'] });
"""
"""Keeps which trade was newest at each painting, and when that was."""


@contextmanager
def scene(rate: float, levels: int = LEVELS) -> Iterator[tuple[str, Path]]:
    """Serve the dashboard with the scene; yield its address and data folder."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        arguments = ["-m", "benchmarks.scene", "--port", str(port), "--folder", folder]
        arguments += ["--rate", str(rate), "--levels", str(levels)]
        with process(arguments, port, "/readyz"):
            yield f"http://127.0.0.1:{port}/?symbol={SYMBOL}&level={LEVEL_TEXT}", Path(folder)


@contextmanager
def plain() -> Iterator[str]:
    """Serve the pages to compare with; yield their address."""
    port = free_port()
    with process(["-m", "benchmarks.plain", "--port", str(port)], port, "/empty/"):
        yield f"http://127.0.0.1:{port}"


def show(page: Page, url: str) -> int:
    """Open the live page, fold the cards away, wait for the scene; return the cells painted."""
    page.go(url)
    page.wait("window.benchReady")
    page.js("document.getElementById('fold').click()")
    page.wait("Math.floor(orderflow.state().visible[1]) - orderflow.state().visible[0] >= 11.4")
    time.sleep(2)
    cells = int(page.js("return orderflow.state().cells"))
    assert not page.complaints()
    return cells


def open_times(page: Page, live: str, others: str, rounds: int) -> list[Figure]:
    """Measure opening the live page, in turns with the pages to compare with."""
    urls = {"empty": f"{others}/empty/", "graph": f"{others}/graph/", "live": live}
    times: dict[str, list[float]] = {name: [] for name in urls}
    for _ in range(rounds + 1):
        for name, url in urls.items():
            page.go(url)
            times[name].append(float(page.wait("window.benchReady")))
    cold = {name: values.pop(0) for name, values in times.items()}
    empty, graph, opened = (median(times[name]) for name in urls)
    note = (
        f"{opened:,.0f} against {empty:,.0f} ms; first visit with an empty cache "
        f"{cold['live']:,.0f} against {cold['empty']:,.0f}"
    )
    return [
        Figure(
            f"page open to ladder painted, {BARS} bars, beyond an empty Dash page, p50",
            opened - empty,
            "ms",
            1_000,
            note=note,
        ),
        Figure("the same beyond a Dash page with an empty graph", opened - graph, "ms"),
    ]


def busy(page: Page, url: str, seconds: float, name: str, asked: float | None) -> Figure:
    """Measure the main thread on a live page that nobody touches."""
    cells = show(page, url)
    return _busy(name, page, seconds, asked, f"{cells} cells")


def _busy(name: str, page: Page, seconds: float, asked: float | None, note: str = "") -> Figure:
    work = page.work(lambda: time.sleep(seconds)).per(seconds)
    return Figure(name, work.task_ms, "ms/s", asked, note=f"CPU {work.cpu_ms:.1f}  {note}".strip())


def latencies(page: Page, folder: Path, seconds: float) -> list[Figure]:
    """Measure, for every trade, how long after its arrival it was on the canvas."""
    page.js(WATCH)
    time.sleep(seconds)
    seen = np.array(page.js("return window.benchSeen"), np.int64)
    history = SqliteHistory(Settings(data_dir=folder).database)
    trades = history.read_trades(SYMBOL, after_seq=int(seen[0, 0]))
    history.close()
    trades = trades.take(trades.seq <= seen[-1, 0])
    shown_at = seen[np.searchsorted(seen[:, 0], trades.seq), 1]
    ages = (shown_at - trades.receive_ns / 1e6).tolist()
    note = f"{len(ages):,} trades, {len(seen):,} paintings"
    return [
        Figure(
            "trade received to cell painted, 250 ms beat, p50", median(ages), "ms", 200, note=note
        ),
        Figure("trade received to cell painted, 250 ms beat, p95", percentile(ages, 95), "ms", 350),
    ]


def stop_clocks(page: Page) -> None:
    """Stop beat and pulse, so that only what the mouse does is measured."""
    # A hidden page neither beats nor pulses; it paints all the same when the mouse moves it.
    page.js("Object.defineProperty(document, 'hidden', { get: () => true });")
    time.sleep(1)


def steps(page: Page) -> list[Figure]:
    """Measure a step of a drag and a turn of the wheel, each until everything has settled."""

    def drag() -> None:
        for start, end in ((900, 780), (780, 900)):
            page.mouse("Moved", start, 400)
            page.mouse("Pressed", start, 400, button="left", clickCount=1)
            for k in range(1, STEPS + 1):
                x = start + (end - start) * k / STEPS
                page.mouse("Moved", x, 400, button="left", buttons=1)
            page.mouse("Released", end, 400, button="left", clickCount=1)
            time.sleep(SETTLE_S)

    def turn() -> None:
        for delta in (-100, 100) * (TURNS // 2):
            page.mouse("Wheel", 700, 400, deltaX=0, deltaY=delta)
            time.sleep(SETTLE_S)

    return [
        _step("drag-pan step on the live page", page, drag, 2 * STEPS, 20.0),
        _step("wheel-zoom step on the live page", page, turn, TURNS, 35.0),
    ]


def _step(name: str, page: Page, act: Callable[[], None], count: int, asked: float) -> Figure:
    """Return the main thread's time for each step, the second time they are done."""

    def settled() -> None:
        act()
        time.sleep(1)

    settled()
    work = page.work(settled).per(count)
    return Figure(name, work.task_ms, "ms", asked, note=f"CPU {work.cpu_ms:.1f}")


def run(*, quick: bool = False) -> list[Figure]:
    """Return all figures."""
    seconds = 8.0 if quick else 20.0
    figures: list[Figure] = []
    with plain() as others, tab() as page:
        page.command("Page.addScriptToEvaluateOnNewDocument", source=STAMP)
        page.go(f"{others}/interval/")
        page.wait("window.benchReady")
        time.sleep(2)
        figures.append(_busy("idle page with a dcc.Interval at 4 Hz", page, seconds / 2, None))
        with scene(20.0) as (url, folder):
            figures += open_times(page, url, others, 2 if quick else 5)
            asked = f"{url}&table=off"
            name = "main thread of the live page, 4 Hz, 20 trades/s"
            figures.append(busy(page, asked, seconds, name, 60.0))
            figures += latencies(page, folder, seconds)
            stop_clocks(page)
            figures += steps(page)
        with scene(200.0) as (url, _):
            name = "main thread of the live page, 4 Hz, 200 trades/s"
            figures.append(busy(page, f"{url}&table=off", seconds, name, 65.0))
        if not quick:
            with scene(20.0, DEFAULT_LEVELS) as (url, _):
                name = "the same at 20 trades/s with the table and two numbers a cell"
                figures.append(busy(page, url, seconds, name, None))
    return figures


def main() -> int:
    """Print table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page")
    parser.add_argument("--quick", action="store_true")
    hand_on("Live page in Chromium", run(quick=parser.parse_args().quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
