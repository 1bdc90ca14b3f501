"""Whole processes and their data: starting, asking, stopping; the market they must have told."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import numpy as np
import orjson
from numpy.testing import assert_array_equal

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, bar_fields
from dashboard.domain.calendar import calendar_sim
from dashboard.domain.livestate import FeedState
from dashboard.domain.merge import merge
from dashboard.domain.trade import TRADE_DTYPE, Trades
from dashboard.feeds.simulator.cursor import Cursor, Source
from dashboard.feeds.simulator.market import require_listing
from dashboard.live.board import DiskcacheBoard
from dashboard.ports import Board, IngestBatch, ResumePoint, TradesEvent
from dashboard.settings import FIELDS
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder

ROOT = Path(__file__).resolve().parents[2]
SYMBOL = "SIM:NIFTY"
SEED = 11
RATE = 200.0

T = TypeVar("T")


def eventually(find: Callable[[], T], what: str, seconds: float = 20.0) -> T:
    """Wait until `find` returns something true and return that."""
    end = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < end, f"not within {seconds} s: {what}"
        time.sleep(0.01)
    return found


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whatever its status."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 - whatever was sent
        return orjson.loads(self.body)


class Process:
    """One of the project's commands in a process of its own, killed at the end of a `with`.

    Args:
        command: Arguments after the interpreter.
        folder: Its data folder; its output goes to a file there.
        settings: Environment beside the folder and the port.
    """

    def __init__(self, command: Sequence[str], folder: Path, **settings: str) -> None:
        self.command = command
        self.folder = folder
        self.port = free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        own = {name: value for name, value in os.environ.items() if name not in _NAMES}
        own |= {"DATA_DIR": str(self.folder), "DASHBOARD_PORT": str(self.port)} | self._settings
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / "output.txt").open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, *self.command],
                cwd=ROOT,
                env=own,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    @property
    def pid(self) -> int:
        return self._running().pid

    @property
    def output(self) -> str:
        """All it said so far, on both streams."""
        return (self.folder / "output.txt").read_text(encoding="utf-8")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask for a path."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path, headers=dict(headers or {}))
            answer = connection.getresponse()
            return Answer(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    def serves(self) -> bool:
        """Return whether it answers; fails when it has ended."""
        assert self._running().poll() is None, self.output
        try:
            return self.get("/healthz").status == 200
        except (OSError, HTTPException):
            return False

    def terminate(self, seconds: float = 15.0) -> int:
        """Ask it to stop and return its exit code."""
        self._running().send_signal(signal.SIGTERM)
        return self._running().wait(seconds)

    def wait(self, seconds: float = 20.0) -> int:
        """Return the exit code of a command that ends by itself."""
        return self._running().wait(seconds)

    def kill(self) -> None:
        """End it and its children as kill -9 does; safe when they have ended."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "not started"
        return self._process


_NAMES = {field.name for field in FIELDS}


@dataclass(frozen=True, slots=True)
class Stores:
    """What lies in a data folder, as another process reads it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "orderflow.db"

    @property
    def history(self) -> SqliteHistory:
        return SqliteHistory(self.path)

    @property
    def board_folder(self) -> Path:
        return self.folder / "orderflow.board"

    @property
    def board(self) -> DiskcacheBoard:
        return DiskcacheBoard(self.board_folder)

    def begin_at(self, event_ns: int) -> None:
        """Make a store whose data ends at an instant, so that no past is to be written."""
        self.folder.mkdir(parents=True, exist_ok=True)
        recorder = SqliteRecorder(self.path)
        recorder.add_instrument(require_listing(SYMBOL).instrument)
        session_ns = calendar_sim().session_at(event_ns).open_ns
        resume = ResumePoint(event_ns=event_ns, session_ns=session_ns)
        recorder.record([IngestBatch(SYMBOL, Trades.empty(), None, [], 1, b"", resume)])
        recorder.close()


def simulated_trades(begin_ns: int, count: int) -> Trades:
    """Return the first trades after an instant that the simulator of these tests must tell."""
    cursor = Cursor.at_time(Source(SEED, SYMBOL, packets=False, rate=RATE), begin_ns)
    # An instant that is certainly later: the market's rate never falls to a tenth of its mean.
    events = cursor.take(begin_ns + int(count / RATE * 10e9) + 60_000_000_000, count)
    trades = [event.trades for event in events if isinstance(event, TradesEvent)]
    return Trades.concat(trades)


SIMULATED = {
    "FEED": "simulator",
    "INSTRUMENTS": SYMBOL,
    "SIMULATOR_MODE": "trades",
    "SIMULATOR_RATE": str(RATE),
    "SIMULATOR_SEED": str(SEED),
}
"""Settings of a market that `simulated_trades` repeats."""


def leader_of(board: Board) -> int:
    """Return the process that runs the feed and has shown a trade; 0 when none has."""
    status, state = board.read_status(), board.read(SYMBOL)
    if status is None or state is None or status.state is not FeedState.LIVE:
        return 0
    return status.leader_pid if state.trade_seq else 0


def assert_undisturbed(stores: Stores, begin_ns: int) -> int:
    """Fail unless the store holds what one run without a fault had told; return how many trades."""
    history = stores.history
    trades = history.read_trades(SYMBOL)
    assert_array_equal(trades.seq, np.arange(1, len(trades) + 1))
    expected = simulated_trades(begin_ns, len(trades))
    for name in TRADE_DTYPE.names or ():
        if name != "seq":
            assert_array_equal(getattr(trades, name), getattr(expected, name), err_msg=name)
    closed = history.read_bars(SYMBOL)
    rest, _ = aggregate(history.open_trades(SYMBOL), MINUTE, calendar_sim(), closed.level_size)
    wanted, _ = aggregate(trades, MINUTE, calendar_sim(), closed.level_size)
    got = merge(closed, rest) if len(closed) else rest
    for name in bar_fields():
        if name != "version":
            assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
    return len(trades)
