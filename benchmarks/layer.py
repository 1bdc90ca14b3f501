"""What the footprint layer costs the browser's main thread: paintings, pans, zooms.

Run: ``python benchmarks/layer.py [--json FILE] [--rounds N]``. Chromium must be installed.

The scene is live.md's: twelve bars of fifty levels in view, numbers shown, three panes. At 1440×900
fifty rows of 14 px do not fit below a table, so the graph is as high as they need. "script" is the
layer's own clock around layout and painting commands; "task" is the main thread's CPU time per step
(Chromium's ThreadTime) with all that follows: Plotly's part, styles, the software raster. Pan and
zoom are shown beside the same figure without the layer.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.browser.layer_harness import (  # noqa: E402 - the clone is not installed here
    LEVEL,
    SCALE,
    Harness,
    MadeBar,
    harness,
    make_bars,
    make_figure,
    make_payload,
)

BARS = 40
SHOWN = 12
LEVELS = 50
HEIGHT = 1060
BUDGETS = {
    "full repaint, script": 5.0,
    "live column, script": 1.5,
    "drag-pan step, task": 20.0,
    "wheel-zoom step, task": 35.0,
}
"""ms, from live.md."""


def scene() -> list[MadeBar]:
    """Return bars that all cover the same fifty levels."""
    bars = make_bars(BARS, seed=3, trades=80, step=1, levels=LEVELS)
    base = min(bars[-1].levels)
    for bar in bars:
        low = min(bar.levels)
        bar.levels = {p - low + base: pair for p, pair in list(bar.levels.items())[:LEVELS]}
        bar.low, bar.high = base, base + LEVELS * LEVEL - 10
        bar.open, bar.close = base + 12 * LEVEL, base + 37 * LEVEL
    return bars


def prepare(page: Harness, bars: list[MadeBar], *, layer: bool) -> None:
    """Draw the scene with twelve bars in view."""
    page.open(1440, HEIGHT)
    figure = make_figure(bars, height=HEIGHT)
    low = bars[-1].low / SCALE
    figure["layout"]["yaxis"]["range"] = [low - 1, low + LEVELS * LEVEL / SCALE + 1]
    figure["layout"]["xaxis"]["range"] = [BARS - SHOWN - 0.5, BARS + 0.9]
    page.plot(figure, make_payload(bars) if layer else None, follow=False)
    page.settle(6)
    if not layer:
        page.js("orderflow.detach()")


def task_ms(page: Harness, act: Callable[[], None], steps: int) -> float:
    """Return the main thread's time per step, ms, less what an idle page costs."""
    act()  # once for the compiler
    page.settle(4)
    before = _task_seconds(page)
    act()
    page.settle(4)
    spent = _task_seconds(page) - before
    before = _task_seconds(page)
    page.settle(4)
    return max(0.0, spent - (_task_seconds(page) - before)) * 1000 / steps


def _task_seconds(page: Harness) -> float:
    metrics = page.driver.execute_cdp_cmd("Performance.getMetrics", {})["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "ThreadTime"))


def paintings(page: Harness, bars: list[MadeBar], rounds: int) -> dict[str, float]:
    """Measure whole paintings and paintings of the live column."""
    prepare(page, bars, layer=True)
    state = page.state()
    assert state["lod"] == 1, state
    assert state["cells"] >= SHOWN * LEVELS, state["cells"]
    repaint = """const [n, payloads, done] = arguments; let k = 0;
      const step = () => { if (k === n) { requestAnimationFrame(() => done()); return; }
        if (payloads) orderflow.apply(payloads[k % payloads.length]); else orderflow.configure({});
        k += 1; requestAnimationFrame(() => requestAnimationFrame(step)); };
      step();"""
    payloads = []
    changed = copy.deepcopy(bars)
    for version in range(2, 10):
        bar = changed[-1]
        bar.levels[sorted(bar.levels)[version * 5]][version % 2] += 7
        payloads.append(make_payload(changed, version=version, only=[BARS - 1]))
    full = task_ms(page, lambda: page.run_async(repaint, rounds, None), rounds)
    whole = page.state()["timings"]["full"][-rounds:]
    page.js("orderflow.configure({flashing: false})")
    live = task_ms(page, lambda: page.run_async(repaint, rounds, payloads), rounds)
    column = page.state()["timings"]["live"][-rounds:]
    return {
        "cells": state["cells"],
        "full repaint, script": statistics.median(whole),
        "full repaint, task": full,
        "live column, script": statistics.median(column),
        "live column, task": live,
    }


def moves(page: Harness, bars: list[MadeBar], *, layer: bool) -> dict[str, float]:
    """Measure a step of a drag and a turn of the wheel, each until Plotly has settled."""
    prepare(page, bars, layer=layer)
    steps = 30

    def drag() -> None:
        page.drag((900, 300), (780, 300), steps)
        page.drag((780, 300), (900, 300), steps)

    def turn() -> None:
        for delta in (-100, 100) * 4:
            page.mouse("wheel", 700, 300, deltaX=0, deltaY=delta)
            page.run_async("setTimeout(arguments[0], 150)")

    prefix = "" if layer else "Plotly alone: "
    return {
        f"{prefix}drag-pan step, task": task_ms(page, drag, 2 * steps),
        f"{prefix}wheel-zoom step, task": task_ms(page, turn, 8),
    }


def measure(rounds: int = 60) -> dict[str, Any]:
    """Return every figure, ms."""
    bars = scene()
    with harness() as page:
        page.driver.execute_cdp_cmd("Performance.enable", {})
        found = paintings(page, bars, rounds)
        found |= moves(page, bars, layer=True)
        found |= moves(page, bars, layer=False)
    return found


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--rounds", type=int, default=60, help="paintings per measurement")
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    for name, value in found.items():
        budget = BUDGETS.get(name)
        verdict = (
            "" if budget is None else f"   budget {budget:g} {'ok' if value <= budget else 'OVER'}"
        )
        print(f"{name:<42}{value:9.2f}{verdict}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
