"""What keeps a data folder safe: damage met and set aside, backups, and putting one back.

Called by `bootstrap` at the start and when the feed fails, and by the commands ``backup`` and
``restore``. Whoever renames a store holds the lock of the feed's leader, so that nobody writes it.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dashboard.errors import CorruptStoreError, StoreError, StoreLockedError
from dashboard.ingest.leader import FileLeader
from dashboard.live.board import DiskcacheBoard
from dashboard.settings import Settings
from dashboard.storage.backup import (
    Progress,
    backup_folder,
    begin_anew,
    find_asides,
    find_backups,
    instant_of,
    restore_backup,
    set_aside,
    stamp_of,
    write_backup,
)
from dashboard.storage.health import find_damage
from dashboard.storage.resolve import store_of
from dashboard.storage.schema import import_lock, prepare_lock, prepare_store

log = logging.getLogger(__name__)

ALERT_NS = 7 * 86_400 * 1_000_000_000
"""How long pages tell that a damaged store was set aside."""


def board_folder(settings: Settings, store: Path) -> Path:
    """Return the folder of the live board that belongs to a store."""
    return settings.data_dir / f"{store.stem}.board"


def leader_lock(settings: Settings, store: Path) -> FileLeader:
    """Return the lock of whoever writes a store's live data."""
    return FileLeader(settings.data_dir / f"{store.stem}.leader.lock")


# ------------------------------------------------------------------------------- damage


def mend_at_start(settings: Settings, now_ns: int) -> None:
    """Set a damaged store aside and begin a new one; a whole store is left alone.

    Looks for about a second (`find_damage`). Where another process leads the feed, the store is
    its to set aside, when it meets the damage. A store that cannot be looked at is not touched.
    """
    try:
        store = store_of(settings.database)
        if not find_damage(store):
            return
        leader = leader_lock(settings, store)
        if not leader.acquire():
            log.warning("%s is damaged; the process that runs the feed will set it aside", store)
            return
        try:
            # Another process that starts may have been quicker.
            if damage := find_damage(store):
                replace_damaged(settings, store, damage, now_ns)
        finally:
            leader.release()
    except StoreError as error:
        log.warning("%s is not looked through: %s", settings.db_name, error)


def replace_damaged(settings: Settings, store: Path, damage: str, now_ns: int) -> None:
    """Set a store aside under a dated name and begin a new one; the caller leads.

    Raises:
        StoreError: It cannot be renamed, or a new one cannot be made.
    """
    with prepare_lock(store):
        aside = set_aside(store, "damaged", now_ns)
    DiskcacheBoard(board_folder(settings, store)).drop()
    prepare_store(store)
    begin_anew(store, now_ns)
    log.error("%s is damaged (%s): set aside as %s, a new one begun", store, damage, aside.name)
    log.error(_offer(store))


def mend_after(settings: Settings, store: Path, error: Exception, now_ns: int) -> None:
    """Replace a store whose damage stopped the feed; the caller leads. Anything else is ignored.

    A replay reads the store; what it cannot read is no reason to put the rest away.
    """
    if not isinstance(error, CorruptStoreError) or settings.feed == "replay":
        return
    try:
        replace_damaged(settings, store, str(error), now_ns)
    except (StoreError, OSError) as fault:
        log.error("the damaged store cannot be replaced: %s", fault)  # noqa: TRY400 - no traceback


def store_alerts(store: Path, now_ns: int) -> Sequence[str]:
    """Return what whoever looks at a page has to know about the store now, a sentence each."""
    alerts = []
    asides = find_asides(store)
    if asides and asides[0].reason == "damaged":
        age_ns = now_ns - instant_of(asides[0].stamp)
        if age_ns < ALERT_NS:
            name = asides[0].path.name
            alerts.append(
                f"The database {store.name} was damaged. It was set aside as {name}, and a new "
                f"one was begun. {_offer(store)}"
            )
    if store.exists() and not (os.access(store, os.W_OK) and os.access(store.parent, os.W_OK)):
        alerts.append(
            f"The database {store.name} or its folder is read-only: what is stored is shown, and "
            "nothing new is recorded."
        )
    return alerts


def _offer(store: Path) -> str:
    backups = find_backups(store)
    if not backups:
        return f"There is no backup of it in the folder {backup_folder(store).name}."
    return (
        f"The newest backup is {backups[0].name}. To put it back, stop the dashboard and run: "
        f"python -m dashboard restore {backups[0].name}"
    )


# ------------------------------------------------------------------------------- commands


def backup_store(
    settings: Settings, target: Path | None, now_ns: int, progress: Progress | None = None
) -> str:
    """Back the store up and return a sentence about the backup.

    Args:
        settings: Where the store is.
        target: The file to make; None for a dated name in the store's own folder of backups.
        now_ns: The clock, for that name.
        progress: Called with pages done and in all.

    Raises:
        StoreError: There is no backup: the sentence says why.
    """
    store = store_of(settings.database)
    if target is None:
        target = backup_folder(store) / f"{store.stem}-{stamp_of(now_ns)}.db"
    return str(write_backup(store, target, progress))


def restore_store(
    settings: Settings, backup: Path, now_ns: int, progress: Progress | None = None
) -> list[str]:
    """Put a backup in the store's place and return what to tell the user.

    Args:
        settings: Where the store is.
        backup: A file, or the bare name of one in the store's folder of backups.
        now_ns: The clock, for the name of what is set aside.
        progress: Called with pages done and in all.

    Raises:
        StoreError: Nothing was changed: the sentence says why.
    """
    store = store_of(settings.database)
    named = backup_folder(store) / backup
    if not backup.exists() and backup.name == str(backup) and named.exists():
        backup = named
    with _alone(settings, store):
        report = restore_backup(backup, store, now_ns, progress)
        DiskcacheBoard(board_folder(settings, store)).drop()
    lines = [f"{store.name} is restored from {backup.name}: {report.facts}."]
    if report.aside is not None:
        lines.append(f"The database before it is kept as {report.aside.name}.")
    return lines


@contextmanager
def _alone(settings: Settings, store: Path) -> Iterator[None]:
    """Hold the rights to lead the feed and to import.

    Raises:
        StoreLockedError: Another process has one of them.
    """
    leader = leader_lock(settings, store)
    try:
        leads = leader.acquire()
    except OSError as error:
        msg = f"The data folder cannot be written: {error.strerror or error}."
        raise StoreError(msg, log_text=str(error)) from error
    if not leads:
        raise StoreLockedError(
            f"The feed is writing {store.name}. Stop the dashboard, then restore; nothing was "
            "changed."
        )
    try:
        with import_lock(store) as free:
            if not free:
                raise StoreLockedError(
                    f"An import into {store.name} is running. Restore after it; nothing was "
                    "changed."
                )
            yield
    finally:
        leader.release()
