"""The server's side of the data plane: what a beat costs, and how many bytes it brings.

``python -m benchmarks.beat [--quick]`` prints a table and a line of JSON. The whole application
answers (Flask, routing, headers, compression) to WSGI calls in this process, without a network. Its
store and board are the real ones, filled by the ingest pipeline; before each changed beat the
pipeline turns once, so that new trades are stored and published.
"""

from __future__ import annotations

import argparse
import gzip
import logging
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson

from benchmarks.report import Figure, hand_on, median, percentile
from benchmarks.scene import LEVEL, LEVEL_TEXT, SYMBOL, SceneFeed
from dashboard.bootstrap import Runtime, board_folder, create_app
from dashboard.domain.footprint import regroup
from dashboard.domain.livestate import FeedState
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.live.board import DiskcacheBoard
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder

LEVELS = 30
WARM_UP = 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call brought, and its milliseconds by the clock and of CPU time."""

    ms: float
    cpu_ms: float
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body decoded."""
        raw = self.body
        if self.headers.get("Content-Encoding") == "gzip":
            raw = gzip.decompress(raw)
        found: dict[str, Any] = orjson.loads(raw)
        return found


class Caller:
    """Calls a WSGI application as a browser would, and times the calls.

    Args:
        application: The WSGI application.
    """

    def __init__(self, application: Callable[..., Any]) -> None:
        self._application = application

    def get(self, path: str, query: Mapping[str, object]) -> Answer:
        """Return the answer to a request."""
        environ = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": path,
            "QUERY_STRING": urlencode(query),
            "SERVER_NAME": "127.0.0.1",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_ACCEPT": "application/json",
            "HTTP_ACCEPT_ENCODING": "gzip, deflate, br",
            "wsgi.url_scheme": "http",
            "wsgi.version": (1, 0),
            "wsgi.input": sys.stdin.buffer,
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        told: list[Any] = []
        begin, cpu = time.perf_counter(), time.thread_time()
        parts = self._application(
            environ, lambda status, headers, *_: told.extend((status, headers))
        )
        body = b"".join(parts)
        if hasattr(parts, "close"):
            parts.close()
        spent_ms = (time.perf_counter() - begin) * 1000
        cpu_ms = (time.thread_time() - cpu) * 1000
        return Answer(spent_ms, cpu_ms, int(told[0][:3]), dict(told[1]), body)


class Market:
    """The application with its store and board, and the pipeline that fills them.

    Args:
        folder: For store and board.
        rate: Trades a second once live.
    """

    def __init__(self, folder: Path, rate: float) -> None:
        settings = Settings(data_dir=folder, feed="none")
        clock = SystemClock()
        self.app = create_app(settings, clock=clock)
        runtime: Runtime = self.app.server.extensions["orderflow"]
        self.desk = runtime.desk
        board = DiskcacheBoard(board_folder(settings, settings.database))
        feed = SceneFeed(rate, clock, LEVELS)
        self._recorder = SqliteRecorder(settings.database)
        self.status = StatusReporter(board, clock, logging.getLogger("bench"), feed.mode)
        self.pipeline = Pipeline(
            feed,
            self._recorder,
            board,
            clock,
            self.status,
            SqliteHistory(settings.database).calendar,
        )
        self.pipeline.start()
        while self.status.state is not FeedState.LIVE:
            self.pipeline.cycle()

    def turn(self) -> None:
        """Turn the pipeline until it has published something new."""
        version = self.pipeline.version
        while self.pipeline.version == version:
            self.pipeline.cycle()

    def open_levels(self) -> int:
        """Return the number of levels of the forming bar."""
        state = self.desk.context.board.read(SYMBOL)
        assert state is not None
        bars = regroup(state.open_bars, LEVEL)
        return int(bars.offsets[-1] - bars.offsets[-2])

    def close(self) -> None:
        """Close the store's write side."""
        self._recorder.close()


def run(*, quick: bool = False) -> list[Figure]:
    """Return all figures."""
    with tempfile.TemporaryDirectory() as folder:
        market = Market(Path(folder), 20.0)
        try:
            while market.open_levels() < LEVELS:
                market.turn()
            return _measure(market, 40 if quick else 200)
        finally:
            market.close()


def _measure(market: Market, count: int) -> list[Figure]:
    caller = Caller(market.app.server.wsgi_app)
    asked: dict[str, object] = {"symbol": SYMBOL, "bar": "1m", "level": LEVEL_TEXT}
    first = caller.get("/api/v1/live", asked)
    asked |= {"from": 355, "to": 405, "view": first.json["view"], "since": first.json["version"]}
    same, changed, tall = [], [], []
    for number in range(WARM_UP + count):
        market.turn()
        answer = caller.get("/api/v1/live", asked)
        payload = answer.json
        assert not payload["complete"]
        asked["since"] = payload["version"]
        again = caller.get("/api/v1/live", asked)
        assert (again.status, again.body) == (204, b"")
        if number < WARM_UP:
            continue
        changed.append(answer)
        same.append(again)
        if payload["cells"]["off"] == [0, LEVELS]:
            tall.append(len(answer.body))
    window = caller.get("/api/v1/live", asked | {"since": 0, "view": ""})
    assert tall, "no beat brought one bar of all levels"
    return [
        _time("server time of an unchanged beat, p50", same, 0.5),
        _time("server time of a changed beat, p50", changed, 2.0),
        Figure("body of an unchanged beat", max(len(a.body) for a in same), "bytes", 0),
        Figure(
            f"body of a changed beat, bar of {LEVELS} levels, compressed, p50",
            median(tall),
            "bytes",
            1_500,
            note=f"largest {max(tall):,}",
        ),
        Figure("first beat of a view, series not in memory", first.ms, "ms"),
        Figure(
            "beat that brings a window of 30 bars",
            window.ms,
            "ms",
            note=f"{len(window.body):,} bytes",
        ),
    ]


def _time(name: str, answers: Sequence[Answer], asked: float) -> Figure:
    walls, cpu = [a.ms for a in answers], [a.cpu_ms for a in answers]
    note = f"p95 {percentile(walls, 95):.2f}; CPU time alone p50 {median(cpu):.2f}"
    return Figure(name, median(walls), "ms", asked, note=note)


def main() -> int:
    """Print table and JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.beat")
    parser.add_argument("--quick", action="store_true")
    hand_on("Beat, on the server", run(quick=parser.parse_args().quick))
    return 0


if __name__ == "__main__":
    sys.exit(main())
