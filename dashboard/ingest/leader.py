"""Who runs the feed: the one process that holds a file lock beside the store.

The lock is the kernel's (`flock`, on Windows `msvcrt`): it goes with the process however that ends,
so there is no stale lock to clear. It does not go when a process hangs; the worker's watchdog
releases it then.
"""

from __future__ import annotations

import threading
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from dashboard.errors import StoreError

__all__ = ["FileLeader"]


class FileLeader:
    """`ports.Leader` on a lock file, usable from any thread.

    Args:
        path: The lock file, on a local disk; created when missing and left in place, because
            deleting it would let two processes hold "the" lock.
    """

    def __init__(self, path: Path) -> None:
        self.path = Path(path)
        self._guard = threading.Lock()
        self._lock: BaseFileLock | None = None

    def acquire(self) -> bool:
        """Try once, without waiting; True when this process holds the lock now.

        Raises:
            StoreError: The disk cannot lock files, so two feeds could run.
        """
        with self._guard:
            if self._lock is not None:
                return True
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Not thread-local: the watchdog releases what the ingest thread acquired.
            lock: BaseFileLock = FileLock(str(self.path), thread_local=False)
            try:
                lock.acquire(blocking=False)
            except Timeout:
                return False
            if isinstance(lock, SoftFileLock):
                # A file that only exists, which filelock falls back to, outlives a killed process.
                lock.release()
                raise StoreError(
                    "The data folder is on a disk that cannot lock files; choose a local one.",
                    log_text=f"no kernel lock on {self.path}",
                )
            self._lock = lock
            return True

    def release(self) -> None:
        """Give up the lock; safe when not held."""
        with self._guard:
            if self._lock is not None:
                self._lock.release()
                self._lock = None
