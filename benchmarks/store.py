"""The store under load: a stored session from request to JSON, and ingest with a chart open.

``python -m benchmarks.store [--quick]`` prints a table and a line of JSON. The session is asked for
over HTTP, from waitress in this process, and is read to its last byte. Ingest is the dashboard as
``python app.py`` runs it, in a process of its own, with the simulator's true trades and its chart
open in Chromium; afterwards the store is compared with what the simulator's generator makes of the
same seed and the same minute, trade by trade.
"""

from __future__ import annotations

import argparse
import gzip
import http.client
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
import orjson
import psutil
from waitress.server import create_server

from benchmarks.browser import Page, free_port, get, process, tab, until
from benchmarks.page import WATCH
from benchmarks.report import Figure, hand_on, median, percentile
from benchmarks.scene import BARS, SYMBOL, write_session
from dashboard.bootstrap import board_folder, create_app
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.market import open_of, session_of
from dashboard.feeds.simulator.path import build_course
from dashboard.feeds.simulator.tape import Tape
from dashboard.live.board import DiskcacheBoard
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory

LEVELS = 60
SEED = 7
NIFTY = "SIM:NIFTY"
COMPARED = ("event_ns", "price", "size", "side", "bid", "ask", "source_seq")
MS = 1_000_000


def run(*, quick: bool = False) -> list[Figure]:
    """Return all figures."""
    figures = request_times(3 if quick else 9)
    # The rate is a session's average; a quiet minute has a tenth less.
    figures += ingest(24_000.0, 15.0 if quick else 60.0)
    if not quick:
        figures += ingest(50_000.0, 20.0, judged=False)
    return figures


# ------------------------------------------------------------------------- a stored session


def request_times(rounds: int) -> list[Figure]:
    """Measure a stored session of 385 one-minute bars of sixty levels, in both forms of JSON."""
    forms = {"as the chart's payload": {"format": "layer"}, "as the export document": {}}
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder), feed="none", port=free_port())
        write_session(settings.database, LEVELS)
        for name, form in forms.items():
            query = {"symbol": SYMBOL, "bar": "1m", "level": "2"} | form
            if form:
                query |= {"from": "0", "to": str(BARS)}
            path = f"/api/v1/bars?{urlencode(query)}"
            cold, warm, size = [], [], 0
            for _ in range(rounds):
                # A new application for each cold one: nothing of an earlier answer is in memory.
                with _application(settings):
                    get(settings.port, "/healthz")
                    first, _ = _fetch(settings.port, path)
                    again, size = _fetch(settings.port, path)
                cold.append(first)
                warm.append(again)
            what = f"session of {BARS} bars of {LEVELS} levels, request to JSON, {name}"
            note = f"{size / 1e6:.1f} MB of JSON"
            figures += [
                Figure(f"{what}, first, p50", median(cold), "ms", 60.0, note=note),
                Figure(f"{what}, again, p50", median(warm), "ms", 60.0),
            ]
    return figures


@contextmanager
def _application(settings: Settings) -> Iterator[None]:
    """Serve the dashboard from this process."""
    app = create_app(settings)
    server = create_server(app.server, host="127.0.0.1", port=settings.port, threads=2)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(10)


def _fetch(port: int, path: str) -> tuple[float, int]:
    """Return the milliseconds until an answer is read, and the bytes of its JSON."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    begin = time.perf_counter()
    connection.request("GET", path, headers={"Accept-Encoding": "gzip"})
    response = connection.getresponse()
    body = response.read()
    spent = (time.perf_counter() - begin) * 1000
    connection.close()
    assert response.status == 200, body
    if response.headers.get("Content-Encoding") == "gzip":
        body = gzip.decompress(body)
    bars = orjson.loads(body)["bars"]
    assert len(bars["x"] if isinstance(bars, dict) else bars) == BARS
    return spent, len(body)


# ------------------------------------------------------------------------- ingest


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen while trades came in.

    Attributes:
        start_ns, end_ns: The stretch of event time that counts.
        lags_ms: Ages of the newest trade on the board, sampled.
        painted_ms: Median age of the newest trade when it was painted.
        most_mb: The server's largest resident memory.
    """

    start_ns: int
    end_ns: int
    lags_ms: list[float]
    painted_ms: float
    most_mb: float


def ingest(rate: float, seconds: float, *, judged: bool = True) -> list[Figure]:
    """Measure the simulator's true trades with the chart open, and check that none is lost."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        own = {
            "DATA_DIR": folder,
            "DB_NAME": settings.db_name,
            "DASHBOARD_PORT": str(port),
            "FEED": "simulator",
            "INSTRUMENTS": NIFTY,
            "SIMULATOR_MODE": "trades",
            "SIMULATOR_RATE": str(rate),
            "SIMULATOR_SEED": str(SEED),
        }
        with tab() as page, process(["app.py"], port, "/healthz", os.environ | own) as server:
            until(lambda: _is_live(port), "the simulator is live")
            page.go(f"http://127.0.0.1:{port}/?symbol={NIFTY}")
            page.wait("Number(document.querySelector('canvas[data-cells]').dataset.cells) > 0")
            found = _watch(page, settings, server.pid, seconds)
        stored, made = _stored(settings, found), _made(rate, found)
    name = f"ingest of the simulator's trades at {rate:,.0f}/s, chart open: "
    per_s = len(stored) / ((found.end_ns - found.start_ns) / 1e9)

    def asked(limit: float) -> float | None:
        return limit if judged else None

    return [
        Figure(
            f"{name}stored",
            per_s,
            "trades/s",
            asked(20_000),
            at_least=True,
            note=f"{len(stored):,} trades of {stored.size.sum():,} contracts",
        ),
        Figure(
            f"{name}other than the generator's",
            _differing(stored, made),
            "trades",
            asked(0),
            note=f"it makes {len(made):,} trades of {made.size.sum():,} contracts",
        ),
        Figure(
            f"{name}age of the newest trade on the board, p99",
            percentile(found.lags_ms, 99),
            "ms",
            asked(1_000),
            note=f"p50 {median(found.lags_ms):.0f}, largest {max(found.lags_ms):.0f}",
        ),
        Figure(f"{name}age of the newest trade when painted, p50", found.painted_ms, "ms"),
        Figure(f"{name}resident memory, most", found.most_mb, "MB", asked(300)),
    ]


def _watch(page: Page, settings: Settings, pid: int, seconds: float) -> Watched:
    """Look at board, page and memory while trades come in."""
    board = DiskcacheBoard(board_folder(settings, settings.database))
    server = psutil.Process(pid)
    page.js(WATCH)
    start_ns = time.time_ns()
    lags, most = [], 0
    while time.time_ns() < start_ns + seconds * 1e9:
        state = board.read(NIFTY)
        assert state is not None
        lags.append((time.time_ns() - state.receive_ns) / MS)
        most = max(most, server.memory_info().rss)
        time.sleep(0.05)
    end_ns = time.time_ns()
    until(lambda: _reached(board, end_ns), "the last trades are on the board")
    seen = page.js("return window.benchSeen.map(([, at, age]) => age)")
    assert not page.complaints()
    board.close()
    return Watched(start_ns, end_ns, lags, median(seen), most / 1e6)


def _reached(board: DiskcacheBoard, instant_ns: int) -> bool:
    state = board.read(NIFTY)
    return state is not None and state.provenance.last_event_ns >= instant_ns


def _stored(settings: Settings, watched: Watched) -> Trades:
    """Return the stored trades of the stretch."""
    history = SqliteHistory(settings.database)
    sessions = sorted({session_of(watched.start_ns), session_of(watched.end_ns)})
    trades = history.read_trades(NIFTY, open_of(sessions[0]), open_of(sessions[-1]))
    history.close()
    return _between(trades, watched)


def _made(rate: float, watched: Watched) -> Trades:
    """Return what the generator makes of the stretch: a pure function of seed and time."""
    parts = []
    for session in sorted({session_of(watched.start_ns), session_of(watched.end_ns)}):
        tape = Tape(build_course(SEED, NIFTY, session), rate)
        blocks = len(tape.bounds) - 1
        first = max(0, (watched.start_ns - open_of(session)) // tape.block_ns)
        last = min(blocks - 1, (watched.end_ns - open_of(session)) // tape.block_ns)
        parts += [tape.block(index) for index in range(first, last + 1)]
    return _between(Trades.concat(parts), watched)


def _between(trades: Trades, watched: Watched) -> Trades:
    inside = (trades.event_ns >= watched.start_ns) & (trades.event_ns < watched.end_ns)
    return trades.take(inside)


def _differing(stored: Trades, made: Trades) -> int:
    """Return how many trades are missing, too many, or not as they were made."""
    count = min(len(stored), len(made))
    same = np.ones(count, np.bool_)
    for name in COMPARED:
        same &= getattr(stored, name)[:count] == getattr(made, name)[:count]
    return int((~same).sum()) + max(len(stored), len(made)) - count


def _is_live(port: int) -> bool:
    status, body = get(port, "/readyz")
    return status == 200 and orjson.loads(body)["feed"] == "live"


def main() -> int:
    """Print table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.store")
    parser.add_argument("--quick", action="store_true")
    hand_on("Store", run(quick=parser.parse_args().quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
