"""Whether a data folder's disk suits a database: rights, room, locks, nobody else's copying."""

from __future__ import annotations

import os
import shutil
import stat

from dashboard.doctor.findings import Findings
from dashboard.doctor.place import Place
from dashboard.storage.backup import format_size
from dashboard.storage.health import find_network, find_sync, probe_disk

FULL_BYTES = 200 * 1024 * 1024
"""Free space below which recording is about to end: a fault."""
SCARCE_BYTES = 2 * 1024 * 1024 * 1024
"""Free space below which somebody should look: a warning."""


def check_folder(out: Findings, place: Place) -> None:
    """Try the data folder out: a database of our kind, written and read there."""
    folder = place.store.parent
    if not folder.is_dir():
        out.ok(f"{folder} does not exist yet; the first start makes it.")
    reason = probe_disk(place.folder)
    if reason:
        out.fault(
            f"A database cannot be written in {place.folder}: {reason}.",
            "Give this user the right to write there, or name another folder with DATA_DIR.",
        )
        return
    if os.name == "posix" and folder.is_dir() and folder.stat().st_mode & stat.S_IWOTH:
        out.warn(f"Every user of this machine may write in {folder}.", f"Run: chmod o-w {folder}")
    out.ok(f"{place.folder}: writable, and SQLite's log and locks work there")


def check_space(out: Findings, place: Place) -> None:
    """Look at the room that is left."""
    free = shutil.disk_usage(place.folder).free
    text = f"{format_size(free)} free for {place.folder}"
    if free < FULL_BYTES:
        out.fault(f"{text}: recording is about to end.", "Free some space, or move the folder.")
    elif free < SCARCE_BYTES:
        out.warn(
            f"{text}: a busy year of one instrument needs about as much.",
            "Free some space, or set TRADE_RETENTION_DAYS so that old raw trades are deleted.",
        )
    else:
        out.ok(text)


def check_drive(out: Findings, place: Place) -> None:
    """Look for a network drive, and for a program that copies the folder elsewhere."""
    elsewhere = "Name a folder on a disk of this machine with DATA_DIR."
    network, program = find_network(place.folder), find_sync(place.folder)
    if network:
        out.fault(
            f"{place.folder} is on a network drive ({network}), where several machines share no "
            "memory: the database can be damaged.",
            elsewhere,
        )
    if program:
        out.fault(
            f"{place.folder} is copied by {program}, which reads the database while it is written "
            "and may put an older copy in its place.",
            f"{elsewhere} Backups may well lie where they are copied: backup -o FILE.",
        )
    if not network and not program:
        out.ok("a local disk, and no program seen that copies it to a cloud")
