"""Backups of a store, putting one back, and setting a store aside: nothing is ever deleted.

A backup is one file: SQLite's online backup of one moment, taken while the feed writes, verified
before it gets its name. Restoring copies it under a waiting name, verifies the copy, renames the
present store and gives the copy its name. What is set aside keeps everything, under a name that
says why and when: ``orderflow.damaged-20261122-093015.db``, ``orderflow.replaced-….db``.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dashboard.errors import CorruptStoreError, ForeignStoreError, StoreError
from dashboard.storage.connection import connect_reader, pause, reading, translated
from dashboard.storage.health import StoreFacts, examine, read_facts
from dashboard.storage.schema import (
    StoreKind,
    count_migrations,
    identify,
    move_log_away,
    prepare_lock,
    require_ours,
    restored_file,
)

Progress = Callable[[int, int], None]
"""Called with the pages copied and the pages in all."""

_PAGES = 512  # 4 MB, some milliseconds
_PAUSE_S = 0.002
_SPARE = 16 * 1024 * 1024
_STAMP = re.compile(r"\.(damaged|replaced)-(\d{8}-\d{6})(?:-\d+)?$")
_LOGS = ("-wal", "-shm")


@dataclass(frozen=True, slots=True)
class BackupReport:
    """What a backup is: its file, its size in bytes, and what it holds."""

    path: Path
    size: int
    facts: StoreFacts

    def __str__(self) -> str:
        """Return a sentence for a person."""
        return f"{self.path}: {format_size(self.size)}; {self.facts}. Read back and verified."


@dataclass(frozen=True, slots=True)
class RestoreReport:
    """What a restore did: the backup's facts, and where the store before it is now (or None)."""

    facts: StoreFacts
    aside: Path | None


@dataclass(frozen=True, slots=True)
class Aside:
    """A store that was set aside: why (`damaged` or `replaced`), when (as in its name), where."""

    reason: str
    stamp: str
    path: Path


def stamp_of(now_ns: int) -> str:
    """Return an instant as file names carry it, in UTC: ``20261122-093015``."""
    return datetime.fromtimestamp(now_ns // 1_000_000_000, UTC).strftime("%Y%m%d-%H%M%S")


def instant_of(stamp: str) -> int:
    """Return the instant of a stamp, UTC epoch ns; 0 when it is none."""
    try:
        moment = datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    except ValueError:
        return 0
    return int(moment.timestamp()) * 1_000_000_000


def format_size(size: int) -> str:
    """Return a number of bytes for people."""
    return f"{size / 1e9:.2f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


# ------------------------------------------------------------------------------- backup


def backup_folder(store: Path) -> Path:
    """Return the folder in which backups are made and looked for unless another is named."""
    return store.parent / "backups"


def find_backups(store: Path) -> list[Path]:
    """Return the backups of a store in its own folder, newest first."""
    pattern = re.compile(re.escape(store.stem) + r"-\d{8}-\d{6}\.db")
    try:
        found = [p for p in backup_folder(store).iterdir() if pattern.fullmatch(p.name)]
    except OSError:
        return []
    # Names of one store differ in their stamp alone.
    return sorted((p for p in found if p.is_file()), reverse=True)


def write_backup(store: Path, target: Path, progress: Progress | None = None) -> BackupReport:
    """Copy a store as it is at this moment into a new file, and verify the copy.

    The copy is made under ``<target>.part`` and gets its name when it is whole. A writer goes on
    meanwhile: the copy is of one moment, which the store's log keeps readable.

    Raises:
        CorruptStoreError: The store is damaged; there is no backup then.
        StoreError: The target exists, cannot be written, or the store cannot be read.
    """
    if identify(store) is StoreKind.MISSING:
        raise StoreError(f"There is no database {store.name} yet, so there is nothing to back up.")
    require_ours(store)
    if target.exists():
        raise StoreError(f"{target} exists already; a backup never overwrites a file.")
    part = target.with_name(f"{target.name}.part")
    with _writing_files(target):
        if not target.parent.exists():
            target.parent.mkdir(parents=True, mode=0o700)
        _require_room(_size_of(store), target)
        try:
            damaged = f"The database {store.name} is damaged, so it was not backed up."
            facts = _copy(store, part, damaged, progress)
            _give_name(part, target)
        finally:
            _remove(part)
    return BackupReport(target, target.stat().st_size, facts)


def restore_backup(
    backup: Path, store: Path, now_ns: int, progress: Progress | None = None
) -> RestoreReport:
    """Put a backup in the place of a store, which is set aside.

    The caller sees to it that no feed and no import writes meanwhile. Readers notice that another
    file has the name, and read that one. Killed at any moment, either the old store or the new one
    has the name, or the new one gets it at the next start.

    Args:
        backup: What `write_backup` made, or any store of ours.
        store: Where it goes; need not exist.
        now_ns: The clock, for the name of what is set aside.
        progress: As in `write_backup`.

    Raises:
        ForeignStoreError: `backup` is no store of ours, or a foreign file has the store's name.
        NewerStoreError: A later release wrote one of them.
        CorruptStoreError: The backup is damaged. In all cases nothing was changed.
    """
    _require_backup(backup, store)
    waiting = restored_file(store)
    part = waiting.with_name(f"{waiting.name}.part")
    with _writing_files(store):
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _require_room(_size_of(backup), store)
        try:
            damaged = f"The backup {backup.name} is damaged; nothing was changed."
            facts = _copy(backup, part, damaged, progress)
            _begin_generation(part, now_ns)
            _seal(part, "WAL")
            with prepare_lock(store):
                part.replace(waiting)
                present = identify(store) is not StoreKind.MISSING
                aside = set_aside(store, "replaced", now_ns) if present else None
                move_log_away(store)
                waiting.replace(store)
                _sync_folder(store.parent)
        finally:
            _remove(part)
    return RestoreReport(facts, aside)


def _require_backup(backup: Path, store: Path) -> None:
    if not backup.is_file():
        raise StoreError(f"There is no file {backup}.")
    if store.exists() and backup.samefile(store):
        raise StoreError(f"{backup.name} is the database itself; name a backup of it.")
    if identify(store) is not StoreKind.DAMAGED:
        require_ours(store)  # a foreign file keeps its name
    kind = identify(backup)
    if kind is StoreKind.DAMAGED:
        raise CorruptStoreError(f"The backup {backup.name} is damaged; nothing was changed.")
    if kind is not StoreKind.OURS:
        raise ForeignStoreError(f"{backup.name} is not a backup of this program.")
    count_migrations(backup)
    if store.exists():
        with contextlib.suppress(CorruptStoreError):  # all the better that there is a backup
            count_migrations(store)


# ------------------------------------------------------------------------------- set aside


def set_aside(store: Path, reason: str, now_ns: int) -> Path:
    """Rename a store with its log, and return its new path.

    The caller holds `prepare_lock` and the right to lead. The store goes first: a kill in between
    leaves a log without a store, which the next start moves out of the way.
    """
    aside = store.with_name(f"{store.stem}.{reason}-{stamp_of(now_ns)}{store.suffix}")
    number = 2
    while aside.exists():
        aside = aside.with_name(f"{store.stem}.{reason}-{stamp_of(now_ns)}-{number}{store.suffix}")
        number += 1
    with _writing_files(store):
        store.replace(aside)
        for log in _LOGS:
            with contextlib.suppress(FileNotFoundError):
                store.with_name(f"{store.name}{log}").replace(aside.with_name(f"{aside.name}{log}"))
    return aside


def find_asides(store: Path) -> list[Aside]:
    """Return what was set aside beside a store, newest first."""
    found = []
    for path in store.parent.glob(f"{glob.escape(store.stem)}.*"):
        match = _STAMP.search(path.name.removesuffix(store.suffix))
        if match and path.name.startswith(f"{store.stem}.{match[1]}-"):
            found.append(Aside(match[1], match[2], path))
    return sorted(found, key=lambda aside: (aside.stamp, aside.path.name), reverse=True)


def begin_anew(store: Path, now_ns: int) -> None:
    """Make readers of a store that has just been created forget what they hold of another one.

    The generation counts from 0; a store that takes another's place begins at the second in which
    it did, which no count reaches.
    """
    with translated(store):
        _begin_generation(store, now_ns)


# ---------------------------------------------------------------------------------- files


def _copy(source: Path, part: Path, damaged: str, progress: Progress | None) -> StoreFacts:
    """Copy a store into a new file, read the copy through, and return what both hold.

    Raises:
        CorruptStoreError: Source or copy is damaged; `damaged` is the sentence about it.
    """
    try:
        facts = _copy_pages(source, part, progress)
        # One file from here on, which opens also where nothing may be written beside it.
        _seal(part, "DELETE")
        faults = examine(part)
        if not faults:
            with closing(connect_reader(part)) as db, reading(db, part):
                held = read_facts(db)
            faults = [] if held == facts else [f"holds {held}, not {facts}"]
    except CorruptStoreError as error:
        raise CorruptStoreError(damaged, log_text=str(error)) from error
    if faults:
        raise CorruptStoreError(damaged, log_text=f"{part}: {faults[0]}")
    return facts


def _copy_pages(source: Path, part: Path, progress: Progress | None) -> StoreFacts:
    """Copy a store page by page into a new file and return what the source holds."""
    _remove(part)

    def step(_status: int, remaining: int, total: int) -> None:
        if progress is not None:
            progress(total - remaining, total)
        if remaining:
            pause(_PAUSE_S)

    # A new file is its owner's alone before the first byte is in it.
    part.touch(mode=0o600)
    with closing(connect_reader(source)) as db, reading(db, source):
        # The open transaction holds one moment: without it every commit would begin the copy anew.
        facts = read_facts(db)
        target = part.with_suffix("")
        with closing(sqlite3.connect(part, isolation_level=None)) as copy, translated(target):
            copy.execute("PRAGMA synchronous = OFF")
            db.backup(copy, pages=_PAGES, progress=step)
    return facts


def _seal(part: Path, journal: str) -> None:
    """Set the journal mode in which a copy is kept, and bring it to the disk."""
    with closing(sqlite3.connect(part, isolation_level=None)) as db, translated(part):
        (mode,) = db.execute(f"PRAGMA journal_mode = {journal}").fetchone()
    if mode != journal.lower():
        raise StoreError(f"{part.name} cannot be kept in mode {journal}: it is {mode}.")
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())


def _begin_generation(path: Path, now_ns: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db, translated(path):
        query = "UPDATE counters SET value = max(value + 1, ?) WHERE name = 'generation'"
        db.execute(query, (now_ns // 1_000_000_000,))


def _give_name(part: Path, target: Path) -> None:
    """Rename without overwriting a file that came meanwhile."""
    if target.exists():
        raise StoreError(f"{target} exists already; a backup never overwrites a file.")
    part.replace(target)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    """Bring names to the disk, where the system can."""
    with contextlib.suppress(OSError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(part: Path) -> None:
    for suffix in ("", *_LOGS, "-journal"):
        with contextlib.suppress(OSError):
            part.with_name(f"{part.name}{suffix}").unlink(missing_ok=True)


def _size_of(store: Path) -> int:
    files = [store, *(store.with_name(f"{store.name}{log}") for log in _LOGS)]
    return sum(file.stat().st_size for file in files if file.exists())


def _require_room(size: int, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < size + _SPARE:
        raise StoreError(
            f"The disk of {target.name} is too full: {format_size(free)} are free, and "
            f"{format_size(size + _SPARE)} are needed. Free some space, or name a file elsewhere."
        )


@contextlib.contextmanager
def _writing_files(target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        msg = f"{target.name} cannot be written: {error.strerror or error}."
        raise StoreError(msg, log_text=f"{target}: {error}") from error
