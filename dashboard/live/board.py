"""The live board on diskcache: one value per instrument, shared by all processes of the machine.

The board holds nothing that the store does not hold as well (or that a feed does not send again in
a second), so it is never repaired: a file that is damaged or gone is made anew by the next publish,
and meanwhile a reader has no data. Only `publish` and `publish_status`, called by the one ingest
leader, ever create or delete something; `read`, `version` and `read_status` never do.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final, TypeVar

import diskcache
from diskcache.core import DBNAME

from dashboard.domain.livestate import FeedStatus, LiveState
from dashboard.errors import CorruptStoreError
from dashboard.live.codec import decode_state, decode_status, encode_state, encode_status
from dashboard.live.disk import SafeDisk

__all__ = ["DiskcacheBoard"]

log = logging.getLogger(__name__)

VERSION_KEY, STATUS_KEY, STATE_PREFIX = "version", "status", "state:"

SETTINGS: Final[Mapping[str, Any]] = {
    # Nothing may be dropped to make room, and nothing expires.
    "eviction_policy": "none",
    "cull_limit": 0,
    "statistics": 0,
    "tag_index": 0,
    # A reader with a mapped page dies by SIGBUS when the file is cut under it.
    "sqlite_mmap_size": 0,
    "sqlite_auto_vacuum": 0,
    # No waiting for the disk: after a power cut the board is made anew.
    "sqlite_synchronous": 0,
}
# What a database that is locked, damaged, half made or edited by hand can answer with; diskcache
# lets SQLite's errors through and trips over missing rows of its own (ValueError, TypeError).
_BROKEN = (CorruptStoreError, sqlite3.Error, OSError, ValueError, TypeError, AttributeError)
_Identity = tuple[int, int]
_T = TypeVar("_T")


class DiskcacheBoard:
    """`ports.Board` in a folder of its own on a local disk (never on a network drive).

    Args:
        directory: The folder; created by the first publish, readable by its owner only.
        timeout_s: How long a publish waits for another writer before it gives up.
    """

    def __init__(self, directory: Path, timeout_s: float = 2.0) -> None:
        self._directory = Path(directory)
        self._timeout_s = timeout_s
        self._lock = threading.RLock()
        self._cache: diskcache.Cache | None = None
        self._opened: _Identity | None = None
        self._faults: dict[str, str] = {}

    def publish(self, states: Sequence[LiveState]) -> None:
        """Replace the states given and raise the version to their highest, in one transaction.

        A board that cannot be written is not the trades' problem: the fault is logged once, and
        what could not be published is missing from the board until the next publish.
        """
        if not states:
            return
        values = {STATE_PREFIX + state.symbol: encode_state(state) for state in states}
        newest = max(state.version for state in states)

        def write(cache: diskcache.Cache) -> None:
            with cache.transact():
                _set_all(cache, values)
                # Never lowered: a leader that lost its lock unnoticed must not take readers back.
                version = max(newest, _version_of(cache))
                cache.set(VERSION_KEY, version.to_bytes(8, "little"))

        self._write(write)

    def read(self, symbol: str) -> LiveState | None:
        """Return the last published state, None when there is none or it does not read back."""
        data = self._read(STATE_PREFIX + symbol)
        return None if data is None else self._decoded(decode_state, data)

    def version(self) -> int:
        """Return the highest version published, 0 when there is no board."""
        data = self._read(VERSION_KEY)
        return 0 if data is None else int.from_bytes(data, "little")

    def publish_status(self, status: FeedStatus) -> None:
        """Replace the feed's status; faults are handled as in `publish`."""
        value = encode_status(status)
        self._write(lambda cache: _set_all(cache, {STATUS_KEY: value}))

    def read_status(self) -> FeedStatus | None:
        """Return the last status, None when there is none or it does not read back."""
        data = self._read(STATUS_KEY)
        return None if data is None else self._decoded(decode_status, data)

    def drop(self) -> None:
        """Delete the board, whose store is another one from now on; a publish makes it anew."""
        with self._lock:
            self._forget()
            try:
                self._delete()
            except OSError as error:
                self._report("drop", error)

    def close(self) -> None:
        """Close this thread's connection; the next call opens again."""
        with self._lock:
            self._forget()

    def _decoded(self, decode: Callable[[bytes], _T], data: bytes) -> _T | None:
        try:
            value = decode(data)
        except CorruptStoreError as error:
            self._report("decode", error)
            return None
        self._faults.pop("decode", None)
        return value

    def _read(self, key: str) -> bytes | None:
        try:
            # Reading never creates: an empty board would hide that no leader ever published.
            value: bytes | None = self._open().get(key) if self._identity() else None
        except (*_BROKEN, diskcache.Timeout) as error:
            self._report("read", error)
            # Perhaps made anew by the leader at this moment: open afresh the next time.
            self.close()
            return None
        self._faults.pop("read", None)
        return value

    def _write(self, write: Callable[[diskcache.Cache], None]) -> None:
        try:
            self._write_or_renew(write)
        except (*_BROKEN, diskcache.Timeout) as error:
            self._report("publish", error)
        else:
            self._faults.clear()

    def _write_or_renew(self, write: Callable[[diskcache.Cache], None]) -> None:
        try:
            write(self._open())
        except (OSError, diskcache.Timeout):
            # Busy, or not ours to write: a new file would not help.
            raise
        except _BROKEN as error:
            self._report("renew", error)
            with self._lock:
                self._forget()
                self._delete()
                cache = self._open()
            write(cache)

    def _open(self) -> diskcache.Cache:
        """Return the cache of the file that is there now, made anew when there is none."""
        with self._lock:
            # A folder that was deleted or made anew is another file; our handles, if we kept them,
            # would go on with the old, nameless one.
            if self._cache is None or self._identity() != self._opened:
                self._forget()
                self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
                self._directory.chmod(0o700)
                self._require_free()
                self._cache = diskcache.Cache(
                    str(self._directory), timeout=self._timeout_s, disk=SafeDisk, **SETTINGS
                )
                self._opened = self._identity()
            return self._cache

    def _require_free(self) -> None:
        """Raise Timeout when another process holds the database: diskcache would wait a minute."""
        if self._identity() is None:
            return
        path = self._directory / DBNAME
        with closing(sqlite3.connect(path, self._timeout_s, isolation_level=None)) as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                db.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY:
                    raise
                raise diskcache.Timeout(str(error)) from error

    def _identity(self) -> _Identity | None:
        try:
            found = (self._directory / DBNAME).stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _forget(self) -> None:
        if self._cache is not None:
            self._cache.close()
        self._cache = self._opened = None

    def _delete(self) -> None:
        for suffix in ("", "-wal", "-shm", "-journal"):
            (self._directory / (DBNAME + suffix)).unlink(missing_ok=True)

    def _report(self, doing: str, error: Exception) -> None:
        """Log a fault once until it changes: readers come by four times a second."""
        text = f"{type(error).__name__}: {error}"
        if self._faults.get(doing) != text:
            self._faults[doing] = text
            log.warning("live board, %s: %s", doing, text)


def _set_all(cache: diskcache.Cache, rows: Mapping[str, bytes]) -> None:
    for key, value in rows.items():
        cache.set(key, value)


def _version_of(cache: diskcache.Cache) -> int:
    value = cache.get(VERSION_KEY)
    return 0 if value is None else int.from_bytes(value, "little")
