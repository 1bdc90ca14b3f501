"""The plug board: the only place where real stores, boards, feeds and clocks are chosen.

`create_app` builds the Dash application around ports; `start_ingest` lets this process compete for
the one feed of the machine. Nothing here is imported by the floors below.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dash import Dash

from dashboard.api.routes import register_routes
from dashboard.api.uploads import register_uploads
from dashboard.domain.livestate import FeedMode
from dashboard.errors import (
    FeedError,
    SettingsError,
    StoreError,
    StoreLockedError,
    StoreReadOnlyError,
)
from dashboard.feeds.backoff import Backoff
from dashboard.feeds.replay import ReplayFeed
from dashboard.feeds.simulator import SimulatorFeed
from dashboard.ingest.clock import SystemClock
from dashboard.ingest.worker import IngestWorker
from dashboard.live.board import DiskcacheBoard
from dashboard.pages.application import build_dash
from dashboard.ports import Board, Clock, Context, Feed, History
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.resolve import resolve_store
from dashboard.storage.schema import StoreKind, identify
from dashboard.storage.schema import prepare_store as prepare_file
from dashboard.storage.uploads import DiskUploads
from dashboard.upkeep import board_folder, leader_lock, mend_after, mend_at_start, store_alerts
from dashboard.views.desk import Desk

__all__ = [
    "Runtime",
    "board_folder",
    "build_ingest",
    "build_worker",
    "create_app",
    "feed_factory",
    "prepare_store",
    "start_ingest",
    "stop_ingest",
]

log = logging.getLogger(__name__)

MODES = {
    "simulator": FeedMode.SIMULATED,
    "replay": FeedMode.REPLAY,
    "smartapi": FeedMode.LIVE,
    "none": FeedMode.LIVE,
}
ASSETS = Path(__file__).resolve().parents[1] / "assets"
PACKAGED_ASSETS = Path(__file__).resolve().parent / "assets"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a running app holds beside Dash: the worker that may lead the feed, and the ports."""

    worker: IngestWorker | None
    context: Context
    desk: Desk


def create_app(
    settings: Settings,
    *,
    feed: Callable[[], Feed] | None = None,
    history: History | None = None,
    board: Board | None = None,
    clock: Clock | None = None,
) -> Dash:
    """Build the app; parts that are given replace the real ones.

    The feed does not start here: a WSGI server's worker calls `start_ingest` when it is up.

    Args:
        settings: Checked settings.
        feed: Makes the feed each time this process leads; default: what `FEED` names.
        history: The store's read side; default: the SQLite store in the data folder.
        board: The live board; default: diskcache in the data folder.
        clock: The clock; default: the machine's.

    Raises:
        StoreError: The store is not ours, newer than this release, or cannot be opened.
        SettingsError: `FEED` names a feed that cannot be built from these settings.
    """
    clock = clock or SystemClock()
    mend_at_start(settings, clock.now_ns())
    store, note = prepare_store(settings)
    history = history or SqliteHistory(store)
    board = board or DiskcacheBoard(board_folder(settings, store))
    uploads = DiskUploads(
        settings.data_dir / "uploads", store, clock, predecessors_lot=settings.lot_size
    )
    context = Context(
        history=history,
        board=board,
        clock=clock,
        beat_ms=settings.beat_ms,
        notes=(note,) if note else (),
        alerts=lambda: store_alerts(store, clock.now_ns()),
    )
    desk = Desk(context)
    app = build_dash(desk, assets=assets_folder())
    register_routes(app.server, desk, assets_folder())
    register_uploads(app.server, uploads)
    worker = None
    if settings.ingest == "thread" and (feed is not None or settings.feed != "none"):
        worker = build_worker(settings, store, history, board, clock, feed)
    app.server.extensions["orderflow"] = Runtime(worker, context, desk)
    return app


def assets_folder() -> Path:
    """Return the folder of styles and scripts: beside the package, or in it when installed."""
    return ASSETS if ASSETS.is_dir() else PACKAGED_ASSETS


def prepare_store(settings: Settings) -> tuple[Path, str]:
    """Return the store's path, migrated and ready, and a notice ("" when there is none).

    A store of ours that another program has locked, or that may only be read, is opened all the
    same: pages show what they can read, and the feed says why it cannot write.

    Raises:
        StoreError: The data folder cannot be made, or the file is not ours, newer or damaged.
    """
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        msg = f"The data folder {settings.data_dir} cannot be made: {error.strerror}. Set DATA_DIR."
        raise StoreError(msg) from error
    store, note = resolve_store(settings.database, lot_size=settings.lot_size)
    try:
        prepare_file(store)
    except (StoreLockedError, StoreReadOnlyError) as error:
        if identify(store) is not StoreKind.OURS:
            raise
        log.warning("%s is not prepared: %s", store, error)
    return store, note


def build_worker(
    settings: Settings,
    store: Path,
    history: History,
    board: Board,
    clock: Clock,
    feed: Callable[[], Feed] | None = None,
) -> IngestWorker:
    """Return the background thread that leads the feed when no other process does."""
    return IngestWorker(
        feed_factory=feed or feed_factory(settings, history, clock),
        recorder_factory=lambda: SqliteRecorder(store),
        board=board,
        leader=leader_lock(settings, store),
        clock=clock,
        backoff=Backoff(),
        calendar_of=history.calendar,
        mode=MODES[settings.feed],
        keep_days=settings.trade_retention_days,
        on_failure=lambda error: mend_after(settings, store, error, clock.now_ns()),
    )


def build_ingest(settings: Settings) -> IngestWorker:
    """Return the worker alone, for a process that serves no pages.

    Raises:
        StoreError, SettingsError: As `create_app`.
    """
    clock = SystemClock()
    mend_at_start(settings, clock.now_ns())
    store, _ = prepare_store(settings)
    history = SqliteHistory(store)
    board = DiskcacheBoard(board_folder(settings, store))
    return build_worker(settings, store, history, board, clock)


def feed_factory(settings: Settings, history: History, clock: Clock) -> Callable[[], Feed]:
    """Return what makes the feed that the settings name.

    Raises:
        SettingsError: The feed cannot be built: one sentence with the remedy.
    """
    if settings.feed == "simulator":
        return lambda: SimulatorFeed(
            symbols=settings.instruments,
            mode=settings.simulator_mode,
            rate=settings.simulator_rate,
            seed=settings.simulator_seed,
            clock=clock,
        )
    if settings.feed == "replay":
        return _replay_factory(settings, history, clock)
    fault = (
        f"FEED: {settings.feed!r} is not available in this release; use simulator, replay or none. "
        "Leave the broker's credentials out, or set FEED=simulator, to watch the simulated market."
    )
    raise SettingsError([fault])


def _replay_factory(settings: Settings, history: History, clock: Clock) -> Callable[[], Feed]:
    def build() -> Feed:
        symbol = settings.replay_symbol or ""
        wanted = settings.replay_session.isoformat() if settings.replay_session else None
        sessions = [s for s in history.sessions(symbol) if history.has_trades(symbol, s.session_ns)]
        chosen = [s for s in sessions if wanted is None or s.date == wanted]
        if not chosen:
            days = ", ".join(s.date for s in sessions[-5:]) or "none"
            raise FeedError(
                f"There is no stored session of {symbol} with single trades to replay"
                + (f" on {wanted}" if wanted else "")
                + f"; stored: {days}.",
                retry=False,
            )
        return ReplayFeed(
            history, symbol, chosen[-1].session_ns, speed=settings.replay_speed, clock=clock
        )

    return build


def start_ingest(app: Dash) -> None:
    """Let this process compete for the feed; nothing happens when it has no worker."""
    runtime: Runtime = app.server.extensions["orderflow"]
    if runtime.worker is not None:
        runtime.worker.start()


def stop_ingest(app: Dash) -> None:
    """Stop the feed if this process leads it, within a second; safe to call twice."""
    runtime: Runtime = app.server.extensions["orderflow"]
    if runtime.worker is not None:
        runtime.worker.stop()
