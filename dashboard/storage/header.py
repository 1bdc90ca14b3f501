"""Reading the first page of a file that this process may have open as a database.

On POSIX a process loses all its locks on a file when it closes *any* descriptor of that file, those
of SQLite among them (sqlite.org/howtocorrupt.html, 2.2). Another program then takes itself for the
last user of the store and deletes the log that the feed is writing. So a descriptor that was opened
here stays open, for as long as the file is one of the last few that were asked for.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

_HELD = 16
"""Files at the most; a dashboard has one store, and looks at a few backups."""

_lock = threading.Lock()
_descriptors: OrderedDict[tuple[int, int, int], int] = OrderedDict()


def read_start(path: Path, size: int) -> bytes:
    """Return the first bytes of a file, without taking anybody's locks away.

    Raises:
        OSError: The file is missing, no file, or may not be read.
    """
    if os.name == "nt":  # locks belong to a handle there, and an open one forbids renaming
        with path.open("rb") as stream:
            return stream.read(size)
    with _lock:
        return os.pread(_descriptor_of(path), size, 0)


def _descriptor_of(path: Path) -> int:
    found = path.stat()
    key = found.st_dev, found.st_ino, 0
    if key not in _descriptors:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        opened = os.fstat(descriptor)  # perhaps another file has got the name meanwhile
        key = opened.st_dev, opened.st_ino, 0
        if key in _descriptors:
            key = opened.st_dev, opened.st_ino, descriptor  # both stay open
        _descriptors[key] = descriptor
        while len(_descriptors) > _HELD:
            os.close(_descriptors.popitem(last=False)[1])
    _descriptors.move_to_end(key)
    return _descriptors[key]
