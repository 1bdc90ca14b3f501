"""``make bench``: every figure that was asked for, beside what was asked and whether it is met.

Each part runs in a process of its own, one after the other, and tells its figures in its last line
of output. The table goes to the terminal, the same as JSON to ``benchmarks/results/bench.json``.
``make bench ARGS=--quick`` takes fewer samples. Nothing here is a test: a missed figure is printed,
and the exit code is 0 all the same.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.report import Figure, as_json, from_json, table  # noqa: E402 - from any folder

RESULTS = ROOT / "benchmarks" / "results" / "bench.json"

REFERENCE = """\
For reference, the predecessor as documented (it cannot run here; same kind of machine):
  main thread of its page, 20 trades/s                                      121 ms/s
  one update with 12 bars and 77 cells in view                             6.05 ms
  trades through its aggregation, gold futures, 1 min bars               21,801 trades/s
  bytes of an update (a whole bar as JSON)                               12,800 bytes
  and an idle page with a dcc.Interval at 4 Hz                            18–22 ms/s"""

Part = Callable[[bool], list[Figure]]


def aggregate(quick: bool) -> list[Figure]:  # noqa: ARG001 - quick enough as it is
    """Return how fast trades become one-minute footprints, beside two libraries doing the same."""
    rows = json.loads(_last_line(["-m", "benchmarks.aggregate"]))["aggregate"]
    minute = {row["what"]: row["trades_per_s"] / 1e6 for row in rows if row["bars"] == "1m"}
    ours = minute.pop("aggregate")
    unit = "M trades/s"
    name = "1 M trades into one-minute footprints, every stored column, one core"
    figures = [Figure(name, ours, unit, 8.0, at_least=True)]
    for what, value in minute.items():
        asked = value if what.startswith("polars") else None
        figures.append(Figure(f"the same by {what}", value, unit))
        if asked is not None:
            figures.append(
                Figure("ours as a multiple of it", ours / value, "times", 1, at_least=True)
            )
    return figures


def layer(quick: bool) -> list[Figure]:
    """Return what the canvas layer costs over a bare figure, twelve bars of fifty levels."""
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "layer.json"
        rounds = "30" if quick else "60"
        _last_line(["benchmarks/layer.py", "--json", str(answer), "--rounds", rounds])
        found: dict[str, float] = json.loads(answer.read_text())
    cells = found.pop("cells")
    budgets = {
        "full repaint, script": 5.0,
        "live column, script": 1.5,
        "drag-pan step, task": 20.0,
        "wheel-zoom step, task": 35.0,
    }
    note = f"{cells:.0f} cells"
    return [Figure(name, ms, "ms", budgets.get(name), note=note) for name, ms in found.items()]


def told_by(module: str) -> Part:
    """Return a part that a module of this folder measures and tells as JSON."""

    def run(quick: bool) -> list[Figure]:
        arguments = ["-m", f"benchmarks.{module}", *(["--quick"] if quick else [])]
        rows: list[dict[str, Any]] = json.loads(_last_line(arguments))["figures"]
        return from_json(rows)

    return run


PARTS: dict[str, tuple[str, Part]] = {
    "aggregate": ("Aggregation", aggregate),
    "beat": ("A beat, on the server", told_by("beat")),
    "layer": ("The canvas layer over a bare figure, in Chromium", layer),
    "page": ("The live page, in Chromium", told_by("page")),
    "store": ("The store: a stored session, and ingest with the chart open", told_by("store")),
}


def _last_line(arguments: Sequence[str]) -> str:
    """Run a Python program of this folder and return the last line of its output."""
    done = subprocess.run(  # noqa: S603 - the project's own programs
        [sys.executable, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stderr}")
    return done.stdout.strip().splitlines()[-1]


def write(path: Path, parts: Iterable[tuple[str, list[Figure]]], seconds: float) -> None:
    """Write all figures as JSON, with what they were measured on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {
        "when": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cores": os.cpu_count(),
            "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
        },
        "seconds": round(seconds),
        "parts": [{"title": title, "figures": as_json(figures)} for title, figures in parts],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> int:
    """Run the parts, print the table, write the JSON."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=", description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer samples: under 90 s")
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS), metavar="PART")
    parser.add_argument("-o", "--output", type=Path, default=RESULTS, help="the JSON file")
    arguments = parser.parse_args()
    begin = time.monotonic()
    done: list[tuple[str, list[Figure]]] = []
    for name in arguments.only:
        title, part = PARTS[name]
        done.append((title, part(arguments.quick)))
        print(table(*done[-1]), end="\n\n", flush=True)
    seconds = time.monotonic() - begin
    judged = [figure.met for _, figures in done for figure in figures if figure.met is not None]
    print(REFERENCE)
    write(arguments.output, done, seconds)
    print(f"\n{sum(judged)} of {len(judged)} as asked, in {seconds:.0f} s; {arguments.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
