"""The real app for browser tests: real store, board and ingest worker, and a feed in a test's hand.

A test decides which trades happen: `HandFeed` brings what it is handed, and its replay mode closes
a minute at the first trade of a later one only, so that no clock interferes. Sessions of the past
are recorded once through the same pipeline and copied for each app.
"""

from __future__ import annotations

import logging
import queue
import socket
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from werkzeug.serving import WSGIRequestHandler, make_server

from dashboard.bootstrap import create_app, start_ingest, stop_ingest
from dashboard.domain.calendar import SECOND_NS
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState
from dashboard.domain.quote import BookLevel, Quote
from dashboard.domain.trade import AggressorSide, Trades
from dashboard.errors import FeedError
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.pipeline import Pipeline
from dashboard.ingest.status import StatusReporter
from dashboard.ports import FeedEvent, ResumePoint, StateChange, TradesEvent
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import prepare_store
from tests.fakes import FakeBoard

MINUTE = 60 * SECOND_NS
NIFTY = Instrument("NIFTY FUT", exchange="NFO", calendar="nse-fo", tick_size=10, lot_size=75)
COIN = Instrument("COIN", calendar="24x7", price_scale=100, tick_size=10)
BASE = 2_508_000
"""Price units around which the made-up market moves."""

YESTERDAY = 1_757_475_900 * SECOND_NS
"""Wednesday 10 September 2025, 09:15 in India."""
TODAY = 1_757_562_300 * SECOND_NS
"""The day after, 09:15: the session that is forming when an app starts."""

DB_NAME = "orderflow.db"


class HandFeed:
    """`ports.Feed` that brings what a test hands it, from any thread, in order.

    Args:
        instruments: What it announces.
        mode: REPLAY: minutes close at the first trade of a later one only. LIVE: also by the clock.
    """

    sides_estimated = False

    def __init__(self, *instruments: Instrument, mode: FeedMode = FeedMode.REPLAY) -> None:
        self.mode = mode
        self.started = threading.Event()
        self.resume: Mapping[str, ResumePoint] = {}
        self._instruments = instruments
        self._queue: queue.SimpleQueue[FeedEvent | Exception] = queue.SimpleQueue()

    def instruments(self) -> Sequence[Instrument]:
        return self._instruments

    def start(self, resume: Mapping[str, ResumePoint]) -> None:
        self.resume = dict(resume)
        self._queue.put(StateChange(FeedState.LIVE))
        self.started.set()

    def poll(self, timeout_s: float) -> Sequence[FeedEvent]:
        events: list[FeedEvent] = []
        try:
            event = self._queue.get(timeout=timeout_s)
            while True:
                if isinstance(event, Exception):
                    raise event
                events.append(event)
                event = self._queue.get_nowait()
        except queue.Empty:
            return events

    def close(self) -> None:
        """Nothing to free."""

    def hand(self, event: FeedEvent | Exception) -> None:
        """Let this happen next."""
        self._queue.put(event)

    def trade(
        self,
        event_ns: int,
        price: int,
        size: int,
        side: AggressorSide = AggressorSide.BUY,
        symbol: str = "",
    ) -> None:
        """Let one trade happen, received now."""
        trades = Trades.build(
            event_ns=[event_ns],
            receive_ns=[time.time_ns()],
            price=[price],
            size=[size],
            side=[int(side)],
        )
        self.hand(TradesEvent(symbol or self._instruments[0].symbol, trades))

    def fail(self, sentence: str) -> None:
        """End this feed with an error that is not tried again."""
        self.hand(FeedError(sentence, retry=False))


def make_tape(
    start_ns: int, minutes: int, *, seed: int, per_minute: int = 40, price: int = BASE
) -> Trades:
    """Return a made-up market's trades, about ten levels of 2.00 in five minutes.

    Its volume and direction come in waves, so that there are imbalances, stacks and quiet bars; its
    price is drawn back to where it began.
    """
    rng = np.random.default_rng(seed)
    count = minutes * per_minute
    wave = np.sin(np.arange(count) / (7 * per_minute)) + 0.5 * np.sin(np.arange(count) / 41)
    steps = rng.normal(wave, 5)
    path = np.zeros(count)
    at = 0.0
    for k, step in enumerate(steps.tolist()):
        at += step - at / 600
        path[k] = at
    side = np.where(rng.random(count) < 0.5 + 0.2 * wave, AggressorSide.BUY, AggressorSide.SELL)
    prices = price + 10 * np.round(path).astype(np.int64)
    event = start_ns + np.arange(count) * (MINUTE // per_minute) + SECOND_NS // 2
    return Trades.build(
        event_ns=event,
        price=prices,
        size=75 * (1 + rng.geometric(0.12, count)),
        side=side,
        bid=np.where(side == AggressorSide.BUY, prices - 10, prices),
        ask=np.where(side == AggressorSide.BUY, prices, prices + 10),
        source_seq=np.arange(1, count + 1),
    )


def book_after(trades: Trades, instrument: Instrument) -> Quote:
    """Return a packet with a book around the last trade, for spread, OI and the day's prices."""
    last, event_ns = int(trades.price[-1]), int(trades.event_ns[-1])
    return Quote(
        symbol=instrument.symbol,
        event_ns=event_ns,
        receive_ns=event_ns,
        last_price=last,
        last_size=75,
        day_volume=0,
        bids=tuple(BookLevel(last - 10 * k, 75 * (k + 3), 4) for k in range(1, 6)),
        asks=tuple(BookLevel(last + 10 * k, 75 * (k + 2), 4) for k in range(5)),
        open_interest=14_250_000,
    )


def record_past(path: Path) -> None:
    """Write yesterday whole and 100 minutes of today, through the real pipeline."""
    prepare_store(path)
    recorder, board, clock = SqliteRecorder(path), FakeBoard(), SystemClock()
    feed = HandFeed(NIFTY)
    first = make_tape(YESTERDAY, 375, seed=3)
    second = make_tape(TODAY, 100, seed=5, price=int(first.price[-1]))
    for trades in (first, second):
        feed.hand(TradesEvent(NIFTY.symbol, trades))
    feed.hand(book_after(second, NIFTY))
    status = StatusReporter(board, clock, logging.getLogger("tests.browser"), feed.mode)
    pipeline = Pipeline(feed, recorder, board, clock, status, SqliteHistory(path).calendar)
    pipeline.start()
    while pipeline.cycle():
        pass
    recorder.close()


@dataclass
class Desk:
    """A running app, its feed and its store.

    Attributes:
        feeds: Every feed that the worker has asked for, the newest last.
    """

    app: Any
    folder: Path
    url: str = ""
    feeds: list[HandFeed] = field(default_factory=list)

    @property
    def feed(self) -> HandFeed:
        """The feed that runs now."""
        return self.feeds[-1]

    @property
    def history(self) -> SqliteHistory:
        """The store's read side, for what is really there."""
        return SqliteHistory(self.folder / DB_NAME)


def build_desk(
    folder: Path,
    *instruments: Instrument,
    past: Path | None = None,
    mode: FeedMode = FeedMode.REPLAY,
) -> Desk:
    """Build the app with its worker started, over a copy of a recorded past or an empty store.

    Start the server after this: `dash_duo` ends every thread that was born after its server.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if past is not None:
        copy_store(past, folder / DB_NAME)
    settings = Settings(feed="none", instruments=(), data_dir=folder, db_name=DB_NAME)
    feeds: list[HandFeed] = []

    def make_feed() -> HandFeed:
        feeds.append(HandFeed(*(instruments or (NIFTY,)), mode=mode))
        return feeds[-1]

    desk = Desk(create_app(settings, feed=make_feed), folder, feeds=feeds)
    start_ingest(desk.app)
    until(lambda: bool(feeds) and feeds[-1].started.is_set(), "the feed starts")
    return desk


def copy_store(source: Path, target: Path) -> None:
    """Copy a store whole, what is still in its log included."""
    with closing(sqlite3.connect(source)) as old, closing(sqlite3.connect(target)) as new:
        old.backup(new)


def stop_desk(desk: Desk) -> None:
    """Stop the worker."""
    stop_ingest(desk.app)


class _Quiet(WSGIRequestHandler):
    def log_request(self, *_args: object) -> None:
        """A page asks four times a second: nobody would read it."""


@contextmanager
def serve(desk: Desk, port: int = 0) -> Iterator[Desk]:
    """Serve an app on a free port from threads of its own, for as long as the block lasts."""
    server = make_server(
        "127.0.0.1", port or free_port(), desk.app.server, threaded=True, request_handler=_Quiet
    )
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    desk.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield desk
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(condition: Any, what: str, seconds: float = 10) -> Any:  # noqa: ANN401 - what it returns
    """Wait until a function returns something true, and return that."""
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, f"did not happen within {seconds} s: {what}"
        time.sleep(0.02)
    return found
