"""Whether the store is whole, backed up, and fed."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from dashboard.doctor.findings import Findings
from dashboard.doctor.place import Place
from dashboard.domain.calendar import DAY_NS
from dashboard.errors import ForeignStoreError, NewerStoreError
from dashboard.live.board import DiskcacheBoard
from dashboard.storage.backup import (
    backup_folder,
    find_asides,
    find_backups,
    format_size,
    instant_of,
)
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.health import examine, read_facts
from dashboard.storage.history import SqliteHistory
from dashboard.storage.schema import StoreKind, count_migrations, identify
from dashboard.upkeep import board_folder, leader_lock

BACKUP_NS = 7 * DAY_NS
"""Age of the newest backup from which a store with real data gets a warning."""


def check_store(out: Findings, place: Place) -> None:
    """Read the whole store through, and say what it holds."""
    store = place.store
    if store != place.settings.database:
        out.ok(f"{place.settings.db_name} is the predecessor's; its bars are in {store.name}")
    kind = identify(store)
    if kind is StoreKind.MISSING:
        out.ok(f"{store.name} does not exist yet; the first start makes it.")
        return
    _look_at_asides(out, place)
    if kind is StoreKind.FOREIGN:
        out.fault(
            f"{store.name} is not a database of this program; it is never touched.",
            "Choose another name with DB_NAME.",
        )
        return
    try:
        faults = _damage_of(store)
    except (NewerStoreError, ForeignStoreError) as error:
        out.fault(error.user_text, "Update the program, or choose another name with DB_NAME.")
        return
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        out.fault(f"{store.name} is damaged: {faults[0]}{more}", _restore_hint(place))
        return
    with closing(connect_reader(store)) as db, reading(db, store):
        facts = read_facts(db)
    log = store.with_name(f"{store.name}-wal")
    waiting = f" + {format_size(log.stat().st_size)} of log" if log.exists() else ""
    out.ok(f"{store.name}: {format_size(store.stat().st_size)}{waiting}; {facts}; read through")
    if not os.access(store, os.W_OK):
        out.fault(
            f"{store.name} is read-only: nothing can be recorded.",
            "Give this user the right to write it.",
        )


def _damage_of(store: Path) -> list[str]:
    if identify(store) is StoreKind.OURS:
        count_migrations(store)  # a later release's store is not ours to judge
    return examine(store)


def _look_at_asides(out: Findings, place: Place) -> None:
    damaged = [aside for aside in find_asides(place.store) if aside.reason == "damaged"]
    if damaged:
        out.warn(
            f"A damaged database was set aside as {damaged[0].path.name}.",
            f"{_restore_hint(place)} Delete the file when you need nothing of it any more.",
        )


def _restore_hint(place: Place) -> str:
    backups = find_backups(place.store)
    if not backups:
        return (
            f"There is no backup in {backup_folder(place.store)}. Keep the file; the dashboard "
            "sets it aside at its next start and begins a new one."
        )
    return f"Stop the dashboard and run: python -m dashboard restore {backups[0].name}"


def check_backups(out: Findings, place: Place) -> None:
    """Look for a backup that is new enough for real data."""
    backups = find_backups(place.store)
    folder = backup_folder(place.store)
    now = "Run: python -m dashboard backup"
    if backups:
        stamp = backups[0].stem.removeprefix(f"{place.store.stem}-")
        age_ns = place.now_ns - instant_of(stamp)
        text = f"the newest of {len(backups)} is {backups[0].name}, {age_ns // DAY_NS} days old"
        if age_ns > BACKUP_NS and _holds_real_data(place):
            out.warn(f"{text}.", now)
        else:
            out.ok(text)
    elif _holds_real_data(place):
        out.warn(f"There is none in {folder}.", f"{now}. Ones made elsewhere are not seen here.")
    else:
        out.ok(f"none in {folder}; nothing but simulated data is stored")


def _holds_real_data(place: Place) -> bool:
    if not place.readable:
        return False
    history = SqliteHistory(place.store)
    try:
        return any(not i.simulated and history.sessions(i.symbol) for i in history.instruments())
    finally:
        history.close()


def check_board(out: Findings, place: Place) -> None:
    """Look at the live board, and say who runs the feed."""
    folder = board_folder(place.settings, place.store)
    if folder.exists() and not folder.is_dir():
        out.fault(
            f"{folder.name} is a file where a folder should be: live bars are not shown.",
            f"Delete or rename {folder}; the feed makes it anew.",
        )
        return
    if folder.is_dir() and os.name == "posix" and folder.stat().st_mode & 0o022:
        out.warn(
            f"Other users may write in {folder.name}.",
            "Stop the dashboard and delete the folder; the feed makes it anew.",
        )
    out.ok(_feed_text(place))


def _feed_text(place: Place) -> str:
    """Return who runs the feed now."""
    leader = leader_lock(place.settings, place.store)
    if not leader.path.exists():
        return "no feed has run here yet"
    try:
        free = leader.acquire()
    except OSError:
        free = True
    leader.release()
    if free:
        return "no feed is running at this moment"
    board = DiskcacheBoard(board_folder(place.settings, place.store))
    status = board.read_status()
    board.close()
    if status is None:
        return "a feed is running"
    cause = f": {status.cause}" if status.cause else ""
    return f"process {status.leader_pid} runs the feed, which is {status.state.value}{cause}"
