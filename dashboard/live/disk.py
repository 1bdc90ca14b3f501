"""How values lie in the diskcache database: bytes in the row, nothing else.

diskcache's own `Disk` (and `JSONDisk`) unpickle a row that says so, which lets whoever can write
the file run code here (CVE-2025-69872, not fixed upstream), and follow file names that a row holds.
`SafeDisk` refuses both ways, in both directions.
"""

from __future__ import annotations

import sqlite3
from typing import Any, NoReturn

import diskcache
from diskcache.core import MODE_RAW, UNKNOWN

from dashboard.errors import CorruptStoreError

__all__ = ["MAX_VALUE", "SafeDisk"]

MAX_VALUE = 64 * 1024 * 1024
"""Largest value in bytes; an open minute of 1,000 levels has about 42 kB."""


class SafeDisk(diskcache.Disk):
    """Text keys and bytes values, always inside the row; pickle and files are refused."""

    def put(self, key: object) -> tuple[str, bool]:
        """Return the key as stored; TypeError for anything but text."""
        if type(key) is not str:
            raise TypeError(f"keys are text, not {type(key).__name__}")
        return key, True

    def get(self, key: object, raw: object) -> str:
        """Return a stored key as it was given to `put`; CorruptStoreError for a foreign one."""
        if not raw or type(key) is not str:
            raise _refusal("a key that is no plain text")
        return key

    def store(
        self,
        value: object,
        read: object,
        key: object = UNKNOWN,  # noqa: ARG002 - diskcache's signature
    ) -> tuple[int, int, None, Any]:
        """Return (size, mode, file name, value) of a row; TypeError for anything but bytes."""
        if read or type(value) is not bytes:
            raise TypeError(f"values are bytes, not {type(value).__name__}")
        if len(value) > MAX_VALUE:
            raise ValueError(f"{len(value)} bytes are more than a value may have ({MAX_VALUE})")
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: object, filename: object, value: object, read: object) -> bytes:
        """Return a row's bytes; CorruptStoreError for everything that `store` never writes."""
        if mode != MODE_RAW or filename is not None or read or type(value) is not bytes:
            raise _refusal(f"a row of mode {mode!r}, file {filename!r}")
        return value

    def filename(self, key: object = UNKNOWN, value: object = UNKNOWN) -> NoReturn:  # noqa: ARG002
        """Refuse to name a file: no value has one."""
        raise TypeError("values never go to files")

    def remove(self, file_path: object) -> None:
        """Do nothing: the file of a foreign row may be anyone's, `/etc/passwd` for instance."""


def _refusal(what: str) -> CorruptStoreError:
    return CorruptStoreError(
        "The live board holds a row that we did not write; it is ignored.",
        log_text=f"live board refused {what}",
    )
