"""How a store is: whether it is damaged, what it holds, and whether its disk suits it.

Nothing here changes a store. `find_damage` is for the start of a process and looks for a second;
`examine` reads everything and takes its time (`doctor`, and each backup). The disk is asked by
doing: a small database of our kind is written beside the store and read by a second connection.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np

from dashboard.domain.bars import Bars
from dashboard.errors import CorruptStoreError, StoreError
from dashboard.storage import queries
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.schema import StoreKind, count_migrations, identify, require_ours

CHECK_S = 1.0
"""How long a start may look for damage; what is left is `doctor`'s."""

_INTERRUPT_S = 0.02
_FAULTS = 20
_NEWEST = 2_000

# Those of the first release: a store that waits for its migrations has no more. Small ones first:
# when the time is up, what every page needs has been looked at.
_TABLES = (
    "counters", "instruments", "origins", "imports", "ingest_state", "sessions", "gaps", "bars",
    "trades",
)  # fmt: skip

_NEWEST_ROWS = (
    # What the feed goes on from lies at the end of the large tables.
    """SELECT t.* FROM instruments i CROSS JOIN trades t
    ON t.instrument_id = i.id AND t.seq > i.last_seq - ?""",
    "SELECT * FROM bars ORDER BY session_id DESC, ordinal DESC LIMIT ?",
)


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What readers see in a store.

    Attributes:
        instruments: Number of instruments.
        sessions: Number of sessions.
        trades: Raw trades stored.
        bars: Base bars.
        first, last: Dates of the oldest and the newest session, "" without any.
    """

    instruments: int
    sessions: int
    trades: int
    bars: int
    first: str
    last: str

    def __str__(self) -> str:
        """Return the facts as the middle of a sentence."""
        span = self.first if self.first == self.last else f"{self.first} to {self.last}"
        dates = f" ({span})" if self.sessions else ""
        return (
            f"{_counted(self.instruments, 'instrument')}, "
            f"{_counted(self.sessions, 'session')}{dates}, "
            f"{_counted(self.trades, 'trade')}, {_counted(self.bars, 'base bar')}"
        )


def find_damage(path: Path, *, seconds: float = CHECK_S) -> str:
    """Return the first damage found in a store within the time given, "" for none.

    Looked at are, in this order: the header, the ends of the tables that the feed goes on from,
    the small tables, bars, trades. A store that is missing is not damaged.

    Raises:
        StoreError: The store cannot be looked at: foreign, newer, locked, no right to read it.
    """
    if identify(path) is StoreKind.MISSING:
        return ""
    try:
        require_ours(path)
        count_migrations(path)
        with closing(connect_reader(path)) as db, _interrupted_after(db, seconds):
            return next(_quick_faults(db, path), "")
    except CorruptStoreError as error:
        return str(error)
    except _TimeUpError:
        return ""


def examine(path: Path) -> list[str]:
    """Return every damage of a store in words, SQLite's own or ours; nothing when it is whole.

    Beside SQLite's own check: that each session's bars read back, that a bar's levels add up to its
    volumes, and that a session has as many raw trades as it counts.

    Raises:
        StoreError: The store cannot be looked at.
    """
    try:
        require_ours(path)
        with closing(connect_reader(path)) as db:
            faults = _pragma_faults(db, path, f"integrity_check({_FAULTS})")
            if not faults:
                with reading(db, path):
                    faults = list(_content_faults(db))
    except CorruptStoreError as error:
        return [str(error)]
    return faults


def read_facts(db: sqlite3.Connection) -> StoreFacts:
    """Return what a store holds, inside the caller's transaction."""
    (instruments,) = db.execute("SELECT count(*) FROM instruments WHERE shown").fetchone()
    sessions, first, last = db.execute(
        "SELECT count(*), ifnull(min(date), ''), ifnull(max(date), '') FROM shown_sessions"
    ).fetchone()
    (bars,) = db.execute(
        "SELECT count(*) FROM bars WHERE session_id IN (SELECT id FROM shown_sessions)"
    ).fetchone()
    (trades,) = db.execute(
        "SELECT ifnull(sum(trades), 0) FROM shown_sessions WHERE raw = 1"
    ).fetchone()
    return StoreFacts(instruments, sessions, trades, bars, first, last)


# ------------------------------------------------------------------------------- damage


class _TimeUpError(Exception):
    """The time for looking is over."""


@contextmanager
def _interrupted_after(db: sqlite3.Connection, seconds: float) -> Iterator[None]:
    """Stop whatever a connection does when the time is up.

    Raises:
        _TimeUpError: It was stopped.
    """
    done = threading.Event()

    def watch() -> None:
        done.wait(seconds)
        # Again and again: an interrupt between two statements would be lost.
        while not done.wait(_INTERRUPT_S):
            db.interrupt()

    watcher = threading.Thread(target=watch, name="store-check", daemon=True)
    watcher.start()
    try:
        yield
    except (sqlite3.OperationalError, StoreError) as error:
        cause = error.__cause__ if isinstance(error, StoreError) else error
        if getattr(cause, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT:
            raise _TimeUpError from error
        raise
    finally:
        done.set()
        watcher.join()


def _quick_faults(db: sqlite3.Connection, path: Path) -> Iterator[str]:
    with reading(db, path):
        yield from _missing_parts(db)
        for query in _NEWEST_ROWS:
            cursor = db.execute(query, (_NEWEST,))
            while cursor.fetchmany(_NEWEST):
                pass
    for table in _TABLES:
        yield from _pragma_faults(db, path, f"quick_check({table})")


def _pragma_faults(db: sqlite3.Connection, path: Path, check: str) -> list[str]:
    with reading(db, path):
        rows = db.execute(f"PRAGMA {check}").fetchall()
    return [str(text) for (text,) in rows if text != "ok"]


def _missing_parts(db: sqlite3.Connection) -> Iterator[str]:
    found = {row[0] for row in db.execute("SELECT name FROM sqlite_master")}
    missing = [table for table in _TABLES if table not in found]
    if missing:
        yield f"the table {missing[0]} is missing"
        return
    counters = {row[0] for row in db.execute("SELECT name FROM counters")}
    if not counters >= {"version", "generation"}:
        yield "the table counters is not complete"


def _content_faults(db: sqlite3.Connection) -> Iterator[str]:
    """Yield what SQLite cannot know: rows that do not fit together."""
    yield from _missing_parts(db)
    query = "SELECT id, symbol FROM instruments WHERE shown ORDER BY symbol"
    for instrument_id, symbol in db.execute(query).fetchall():
        sessions = queries.read_sessions(db, instrument_id, queries.FIRST_NS, queries.LAST_NS)
        for session in sessions:
            about = f"{symbol}, session {session.label}"
            bounds = (session.session_ns, session.session_ns)
            try:
                bars = queries.read_bars(db, symbol, *bounds, -1)
            except StoreError as error:
                yield f"{about}: {error}"
                continue
            yield from (f"{about}: {fault}" for fault in _bar_faults(bars))
    yield from _count_faults(db)


def _bar_faults(bars: Bars) -> Iterator[str]:
    """Yield where levels and volumes of bars do not agree."""
    for name in ("bid", "ask", "unknown"):
        levels: np.ndarray[tuple[int], np.dtype[np.int64]] = getattr(bars, f"level_{name}")
        sums = np.zeros(len(bars), dtype=np.int64)
        np.add.at(sums, bars.level_bar, levels)
        wrong = np.flatnonzero(sums != getattr(bars, f"{name}_volume"))
        if len(wrong):
            yield f"bar {int(bars.ordinal[wrong[0]])}: its levels' {name} volume is not its own"
            return


def _count_faults(db: sqlite3.Connection) -> Iterator[str]:
    query = """SELECT i.symbol, s.label, s.trades, (
            SELECT count(*) FROM trades t WHERE t.instrument_id = s.instrument_id
                AND t.seq BETWEEN s.first_seq AND s.last_seq AND t.session_id = s.id) AS found
        FROM shown_sessions s JOIN instruments i ON i.id = s.instrument_id
        WHERE s.raw = 1 AND found != s.trades"""
    for symbol, label, counted, found in db.execute(query):
        yield f"{symbol}, session {label}: {found:,} of {counted:,} trades are there"


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


# --------------------------------------------------------------------------------- disk

_NETWORK = frozenset(
    {
        "9p", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs", "fuse.glusterfs",
        "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gfs", "gfs2", "glusterfs", "gpfs", "lustre",
        "ncpfs", "nfs", "nfs4", "ocfs2", "prl_fs", "smb2", "smb3", "smbfs", "vboxsf", "virtiofs",
        "vmhgfs", "webdav",
    }
)  # fmt: skip
"""File systems that other machines share: SQLite's log needs memory shared on one machine."""

_SYNCED = {
    "box": "Box", "box sync": "Box", "dropbox": "Dropbox", "google drive": "Google Drive",
    "googledrive": "Google Drive", "icloud drive": "iCloud", "iclouddrive": "iCloud",
    "mega": "MEGA", "megasync": "MEGA", "mobile documents": "iCloud", "my drive": "Google Drive",
    "nextcloud": "Nextcloud", "onedrive": "OneDrive", "owncloud": "ownCloud",
    "pcloud drive": "pCloud", "pclouddrive": "pCloud", "proton drive": "Proton Drive",
    "seafile": "Seafile", "syncthing": "Syncthing", "yandex.disk": "Yandex Disk",
}  # fmt: skip
_MARKERS = {
    ".dropbox": "Dropbox", ".dropbox.cache": "Dropbox", ".stfolder": "Syncthing",
    ".sync": "Resilio Sync", ".nextcloudsync.log": "Nextcloud", ".owncloudsync.log": "ownCloud",
    ".seafile-data": "Seafile", ".tmp.drivedownload": "Google Drive",
}  # fmt: skip


def find_sync(folder: Path) -> str:
    """Return the name of the program that copies this folder to a cloud, "" when none is seen.

    Such a program reads a database while it is written, and may put an older copy in its place.
    """
    for place in (folder, *folder.parents):
        name = place.name.lower()
        if name in _SYNCED:
            return _SYNCED[name]
        # "OneDrive - Company", "Dropbox (Personal)", macOS's "GoogleDrive-someone@…".
        for start in ("onedrive - ", "dropbox (", "googledrive-", "onedrive-"):
            if name.startswith(start):
                return _SYNCED[start.rstrip(" -(")]
        if name == "cloudstorage" and place.parent.name == "Library":
            return "a cloud service"
        for marker, program in _MARKERS.items():
            if (place / marker).exists():
                return program
    return ""


def find_network(folder: Path, mounts: str | None = None) -> str:
    """Return the kind of network drive that a folder is on, "" for a local disk or if unknown.

    Args:
        folder: An existing folder.
        mounts: The table of mounted file systems as the system prints it; None to ask the system.
    """
    if sys.platform == "win32":
        return _windows_network(folder)
    kind = _file_system(folder.resolve(), _mount_table() if mounts is None else mounts)
    return kind if kind in _NETWORK else ""


def probe_disk(folder: Path) -> str:
    """Return why a store cannot live in a folder, "" when it can: tried by doing.

    A database in WAL mode is written by one connection and read by another while the first one
    holds a transaction, as feed and pages do.
    """
    try:
        with tempfile.TemporaryDirectory(dir=folder, prefix=".probe-") as place:
            return _probe(Path(place) / "probe.db")
    except OSError as error:
        return f"it cannot be written: {error.strerror or error}"
    except sqlite3.Error as error:
        return f"SQLite cannot work there: {error}"


def _probe(path: Path) -> str:
    with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as writer:
        (mode,) = writer.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            return "SQLite's write-ahead log does not work there"
        writer.execute("CREATE TABLE probe (a)")
        writer.execute("BEGIN IMMEDIATE")
        writer.execute("INSERT INTO probe VALUES (1)")
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as reader:
            (before,) = reader.execute("SELECT count(*) FROM probe").fetchone()
            writer.execute("COMMIT")
            (after,) = reader.execute("SELECT count(*) FROM probe").fetchone()
            try:
                writer.execute("BEGIN IMMEDIATE")
                reader.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            else:
                locked = False
    if (before, after) != (0, 1):
        return "a reader does not see what a writer wrote"
    return "" if locked else "two programs can write at the same time: its locks do not work"


def _file_system(folder: Path, mounts: str) -> str:
    """Return the type of the file system with the longest mount point above a folder."""
    best, kind = -1, ""
    for line in mounts.splitlines():
        point, found = _parse_mount(line)
        if not point or len(point) < best:
            continue
        if PurePath(folder).is_relative_to(point):
            best, kind = len(point), found
    return kind


def _parse_mount(line: str) -> tuple[str, str]:
    """Return mount point and type from a line of /proc/mounts or of BSD's ``mount``."""
    if " on " in line and line.endswith(")"):
        point, _, options = line.partition(" on ")[2].rpartition(" (")
        return point, options.split(",")[0].rstrip(")")
    fields = line.split()
    if len(fields) < 3:
        return "", ""
    # Spaces in a path are written as octal numbers.
    return fields[1].replace("\\040", " ").replace("\\011", "\t"), fields[2]


def _mount_table() -> str:
    table = Path("/proc/mounts")
    try:
        if table.exists():
            return table.read_text(encoding="utf-8", errors="replace")
        done = subprocess.run(
            ["/sbin/mount"], capture_output=True, text=True, timeout=5, check=False
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout


def _windows_network(folder: Path) -> str:
    if str(folder).startswith("\\\\"):
        return "network share"
    import ctypes  # noqa: PLC0415 - Windows only

    remote = 4
    drives = getattr(ctypes, "windll", None)
    kind = drives.kernel32.GetDriveTypeW(folder.anchor) if drives is not None else 0
    return "network drive" if kind == remote else ""
