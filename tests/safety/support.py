"""The simulated market that a run must have told, small disks, and what every store must keep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, Bars
from dashboard.domain.calendar import calendar_sim
from dashboard.domain.merge import merge
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.cursor import Cursor, Source
from dashboard.feeds.simulator.market import require_listing
from dashboard.ports import TradesEvent
from dashboard.storage.connection import connect_reader
from dashboard.storage.health import examine
from tests.e2e.support import ROOT, SEED, SYMBOL, Process, Stores, eventually
from tests.ingest.markets import assert_same_bars, assert_same_trades

RATE = 5_000.0
FAR_NS = 10**12


def simulated(rate: float = RATE, **more: str) -> dict[str, str]:
    """Return the settings of a process that tells the market of `Told` in single trades."""
    return {
        "FEED": "simulator",
        "INSTRUMENTS": SYMBOL,
        "SIMULATOR_MODE": "trades",
        "SIMULATOR_RATE": f"{rate:g}",
        "SIMULATOR_SEED": str(SEED),
    } | more


class Told:
    """The market as the pure generator tells it, compared with what a store holds.

    Args:
        stores: The data folder.
        cursor: The place of the first trade that the feed tells.
    """

    def __init__(self, stores: Stores, cursor: Cursor) -> None:
        self.stores = stores
        self.trades = Trades.empty()
        self._cursor = cursor
        self._tick = require_listing(SYMBOL).instrument.tick_size

    @classmethod
    def since(cls, stores: Stores, begin_ns: int, rate: float = RATE) -> Told:
        """Return the market after an instant, at which the store's data ends."""
        return cls(stores, Cursor.at_time(Source(SEED, SYMBOL, packets=False, rate=rate), begin_ns))

    def require(self, *, shown: int = 0) -> int:
        """Check everything that must hold of the store of a process that is dead; count trades.

        Every trade of the market up to the newest stored one is there, once and unchanged; so is
        each that a page has shown. Closed bars and the open minutes' trades are all of them. The
        file and its contents are sound.

        Args:
            shown: Number of the newest trade that was ever shown.
        """
        history = self.stores.history
        fresh = history.read_trades(SYMBOL, after_seq=len(self.trades))
        count = len(self.trades) + len(fresh)
        assert fresh.seq.tolist() == list(range(len(self.trades) + 1, count + 1))
        assert count >= shown, "a trade that was shown is not stored"
        self._tell(count)
        assert_same_trades(fresh, self.trades.take(slice(count - len(fresh), count)))
        with closing(connect_reader(self.stores.path)) as db:
            (rows,) = db.execute(
                "SELECT count(*) FROM trades WHERE instrument_id = "
                "(SELECT id FROM instruments WHERE symbol = ?)",
                (SYMBOL,),
            ).fetchone()
            (gaps,) = db.execute("SELECT count(*) FROM gaps").fetchone()
        assert (rows, gaps) == (count, 0)
        open_minutes, _ = aggregate(history.open_trades(SYMBOL), MINUTE, calendar_sim(), self._tick)
        self.require_bars(history.read_bars(SYMBOL), open_minutes, count)
        assert examine(self.stores.path) == []
        history.close()
        return count

    def require_bars(self, closed: Bars, open_minutes: Bars, count: int) -> None:
        """Check that bars, closed and open, are those of the market's first trades."""
        self._tell(count)
        first = self.trades.take(slice(count))
        expected, _ = aggregate(first, MINUTE, calendar_sim(), self._tick)
        if not len(closed) or not len(open_minutes):
            assert_same_bars(closed if len(closed) else open_minutes, expected)
            return
        assert not set(closed.keys.tolist()) & set(open_minutes.keys.tolist())
        assert_same_bars(merge(closed, open_minutes), expected)

    def _tell(self, count: int) -> None:
        """Have the generator tell at least so many trades in all."""
        parts = [self.trades]
        missing = count - len(self.trades)
        while missing > 0:
            events = self._cursor.take(self._cursor.due_ns() + FAR_NS, missing)
            told = [event.trades for event in events if isinstance(event, TradesEvent)]
            parts += told
            missing -= sum(map(len, told))
        if len(parts) > 1:
            whole = Trades.concat(parts)
            self.trades = whole.replace(seq=range(1, len(whole) + 1))


def shown_seq(stores: Stores) -> int:
    """Return the number of the newest trade that pages are shown, 0 for none."""
    board = stores.board
    state = board.read(SYMBOL)
    board.close()
    return state.trade_seq if state is not None else 0


def cause(stores: Stores) -> str:
    """Return the sentence that pages show about the feed."""
    board = stores.board
    status = board.read_status()
    board.close()
    return status.cause if status is not None else ""


@contextmanager
def stopped(process: Process) -> Iterator[None]:
    """Hold a process still, as a debugger does."""
    os.kill(process.pid, signal.SIGSTOP)
    # Until the last of its threads stands.
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def require_rebuilt(process: Process, told: Told) -> None:
    """Check that what a running process shows, open minute included, is made of all its trades."""

    def matches() -> bool:
        with stopped(process):
            history, board = told.stores.history, told.stores.board
            state = board.read(SYMBOL)
            board.close()
            newer = history.read_trades(SYMBOL, after_seq=state.trade_seq if state else 0, limit=1)
            closed = history.read_bars(SYMBOL)
            history.close()
            if state is None or len(newer) or state.version < closed.version.max(initial=0):
                return False  # stopped between commit and publish
            told.require_bars(closed, state.open_bars, state.trade_seq)
            return True

    eventually(matches, "a moment between two cycles")


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a small disk in memory; skip the test where that is not possible."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root on Linux only")
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Change a mounted disk: ``ro``, ``rw``, ``size=40m``."""
    subprocess.run(["mount", "-o", f"remount,{how}", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave no room on a disk; return the file to delete."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as stream:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while stream.write(b"\0" * size):
                    pass
            except OSError:
                continue
    return ballast


def command(folder: Path, *arguments: str, limit: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a command of the dashboard; with a limit, no file may grow beyond so many bytes."""

    def before() -> None:
        if limit:
            import resource  # noqa: PLC0415 - not on Windows

            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.run(
        [sys.executable, "-m", "dashboard", *arguments],
        cwd=ROOT,
        env={"DATA_DIR": str(folder), "FEED": "none"},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before if limit else None,
    )


def trades_file(path: Path, rows: int) -> Path:
    lines = (f"{1_723_161_600_000 + k * 50},{61_800 + k % 91},{1 + k % 7},B" for k in range(rows))
    path.write_text("\n".join(["timestamp,price,qty,side", *lines, ""]), encoding="utf-8")
    return path
