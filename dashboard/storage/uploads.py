"""Files that a page has sent: kept in the data folder until they are imported, one at a time.

Each has a folder of its own under a random name; what the sender calls a file is for sentences and
never becomes a path. How far an import is stands in a small file beside it, so that any process of
the machine can answer for the one that imports. The import itself is `importers.files`, in a
thread; a killed process leaves a file and a note, which the next reader finds to be nobody's.
"""

from __future__ import annotations

import logging
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import orjson
from filelock import FileLock, Timeout

from dashboard.errors import DashboardError, ImportFault, InputError, StoreLockedError
from dashboard.ports import (
    MAX_SENT_BYTES,
    Clock,
    ImportChoices,
    ImportProgress,
    ImportState,
    SentFile,
)
from dashboard.storage.importers.files import describe, import_files
from dashboard.storage.importers.predecessor import list_tokens, read_first_bars
from dashboard.storage.importers.tape import read_top
from dashboard.storage.schema import StoreKind, identify

log = logging.getLogger(__name__)

ROWS = 8
"""Rows shown of a file."""

_KEPT = 4
_PIECE = 1 << 20
_ROOM = 4
"""How many times its size a file may need on the disk until it is stored: packed ones grow."""

_PATIENCE_S = 0.5
_REPORT_NS = 200_000_000
_ID = re.compile(r"[0-9a-f]{32}")
_NAME_LENGTH = 120


class DiskUploads:
    """`ports.Uploads` in a folder of the data folder.

    Args:
        folder: Where sent files wait; nobody else's.
        store: The store they go into.
        clock: Paces the reports.
        predecessors_lot: Lot size of a predecessor's database where none is chosen.
    """

    def __init__(
        self, folder: Path, store: Path, clock: Clock, *, predecessors_lot: int | None = None
    ) -> None:
        self._folder = folder
        self._store = store
        self._clock = clock
        self._lot = predecessors_lot

    # -------------------------------------------------------------------------- the port

    def receive(self, name: str, stream: BinaryIO, size: int) -> SentFile:
        """Keep a file of exactly `size` bytes and say what is in it."""
        shown = "".join(c for c in name if c.isprintable())[:_NAME_LENGTH] or "the file"
        self._require_room(shown, size)
        self._forget_oldest()
        place = self._folder / secrets.token_hex(16)
        place.mkdir(parents=True, mode=0o700)
        try:
            _save(stream, place / "file", size, shown)
            sent = _look(place.name, place / "file", shown, size)
        except DashboardError as error:
            shutil.rmtree(place, ignore_errors=True)
            raise _renamed(error, "file", shown) from error
        except BaseException:
            shutil.rmtree(place, ignore_errors=True)
            raise
        _write(place / "name", shown.encode())
        _note(place, ImportProgress(ImportState.WAITING))
        return sent

    def begin(self, upload: str, choices: ImportChoices) -> None:
        """Start importing a file; it goes when all of it is stored, and stays when that fails."""
        place = self._require(upload)
        if not (place / "file").exists():
            raise InputError("import", upload, "a file that is not imported yet; send it again")
        lock = self._lock()
        try:
            # An import that has told its end frees the way a moment later.
            lock.acquire(timeout=_PATIENCE_S, poll_interval=0.01)
        except Timeout as error:
            msg = "Another import is running; start this one after it."
            raise StoreLockedError(msg) from error
        try:
            _note(place, ImportProgress(ImportState.RUNNING))
            thread = threading.Thread(
                target=self._run, args=(place, choices, lock), name="import", daemon=True
            )
            thread.start()
        except BaseException:
            lock.release()
            raise

    def progress(self, upload: str) -> ImportProgress:
        """Return how far it is; a running one whose process has gone was interrupted."""
        place = self._require(upload)
        found = _noted(place)
        if found.state is not ImportState.RUNNING:
            return found
        with self._free() as nobody_imports:
            # Read again: it may have come to its end between the two looks.
            found = _noted(place)
            if nobody_imports and found.state is ImportState.RUNNING:
                sentence = "The import was interrupted; nothing of the file is stored."
                found = ImportProgress(ImportState.FAILED, sentences=(sentence,))
                _note(place, found)
        return found

    def drop(self, upload: str) -> None:
        """Forget a file that is not being imported."""
        if self.progress(upload).state is ImportState.RUNNING:
            raise InputError("import", upload, "a file that is not being imported at this moment")
        shutil.rmtree(self._require(upload), ignore_errors=True)

    # -------------------------------------------------------------------------- the import

    def _run(self, place: Path, choices: ImportChoices, lock: FileLock) -> None:
        """Import a file and note how it went; frees the lock."""
        shown = "the file"
        try:
            shown = (place / "name").read_text(encoding="utf-8")
            report = import_files(
                self._store,
                [place / "file"],
                choices,
                self._reporter(place),
                predecessors_lot=self._lot,
            )
            done = ImportProgress(
                ImportState.DONE, report.rows_read, report.rows_read, describe(report)
            )
            (place / "file").unlink()
            _note(place, done)
        except DashboardError as error:
            sentence = _renamed(error, "file", shown).user_text
            _note(place, ImportProgress(ImportState.FAILED, sentences=(sentence,)))
        except Exception as error:
            log.exception("the import of a sent file failed")
            sentence = f"The import stopped by an internal error ({type(error).__name__})."
            _note(place, ImportProgress(ImportState.FAILED, sentences=(sentence,)))
        finally:
            lock.release()

    def _reporter(self, place: Path) -> Any:  # noqa: ANN401 - a Progress
        """Return what notes the progress now and then."""
        noted_ns = 0

        def report(done: int, total: int) -> None:
            nonlocal noted_ns
            now_ns = self._clock.now_ns()
            if abs(now_ns - noted_ns) >= _REPORT_NS:
                noted_ns = now_ns
                _note(place, ImportProgress(ImportState.RUNNING, done, total))

        return report

    # -------------------------------------------------------------------------- the folder

    def _require(self, upload: str) -> Path:
        place = self._folder / upload
        if not _ID.fullmatch(upload) or not (place / "progress").is_file():
            raise InputError("import", upload, "the id of a file that was sent a short time ago")
        return place

    def _require_room(self, shown: str, size: int) -> None:
        if size > MAX_SENT_BYTES:
            reason = (
                f"it has more than the {MAX_SENT_BYTES >> 20} MB that a page may send; import it "
                "with python -m dashboard import"
            )
            raise ImportFault(shown, None, reason)
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if shutil.disk_usage(self._folder).free < _ROOM * size:
            raise ImportFault(shown, None, "there is not enough room for it in the data folder")

    def _forget_oldest(self) -> None:
        """Leave room for one more among the few files that are kept waiting."""
        places = [p for p in self._folder.iterdir() if _ID.fullmatch(p.name)]
        places.sort(key=lambda place: place.stat().st_mtime_ns)
        for place in places[: max(0, len(places) - _KEPT + 1)]:
            if _noted(place).state is not ImportState.RUNNING or self._is_free():
                shutil.rmtree(place, ignore_errors=True)

    def _lock(self) -> FileLock:
        # Taken by the request's thread, freed by the import's.
        return FileLock(self._folder / "running.lock", thread_local=False)

    @contextmanager
    def _free(self) -> Iterator[bool]:
        """Hold the right to import for a moment; yields False when an import has it."""
        lock = self._lock()
        try:
            lock.acquire(timeout=0)
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _is_free(self) -> bool:
        with self._free() as free:
            return free


def _save(stream: BinaryIO, path: Path, size: int, shown: str) -> None:
    left = size
    with path.open("xb") as file:
        while left and (piece := stream.read(min(_PIECE, left))):
            file.write(piece)
            left -= len(piece)
    if left:
        raise ImportFault(shown, None, "it did not arrive whole; send it again")


def _look(upload: str, path: Path, shown: str, size: int) -> SentFile:
    """Return what a person sees of a file before its import."""
    kind = identify(path)
    if kind in {StoreKind.OURS, StoreKind.FOREIGN} and _is_sqlite(path):
        reason = "it is a database, but none of the predecessor"
        raise ImportFault(shown, None, reason)
    if kind is StoreKind.PREDECESSOR:
        header, rows = read_first_bars(path, ROWS)
        tokens = list_tokens(path)
        return SentFile(upload, shown, size, "predecessor", header, rows, tokens=tokens)
    top = read_top(path, ROWS)
    return SentFile(upload, shown, size, "trades", top.header, top.rows, top.mapping)


def _is_sqlite(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(15) == b"SQLite format 3"


def _renamed(error: DashboardError, name: str, shown: str) -> DashboardError:
    """Return the error as it is for a person, who knows the file by another name than we do."""
    if isinstance(error, ImportFault) and error.file == name:
        return ImportFault(shown, error.line, error.reason)
    return error


def _note(place: Path, progress: ImportProgress) -> None:
    body = {
        "state": progress.state.value,
        "done": progress.done,
        "total": progress.total,
        "sentences": list(progress.sentences),
    }
    _write(place / "progress", orjson.dumps(body))


def _noted(place: Path) -> ImportProgress:
    try:
        body = orjson.loads((place / "progress").read_bytes())
        return ImportProgress(
            ImportState(body["state"]), body["done"], body["total"], tuple(body["sentences"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return ImportProgress(ImportState.FAILED)  # half made, or damaged: nobody's


def _write(path: Path, data: bytes) -> None:
    """Replace a file whole, so that no reader sees half of it."""
    draft = path.with_name(f"{path.name}.new")
    draft.write_bytes(data)
    draft.replace(path)
