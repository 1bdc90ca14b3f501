"""Which store a database name means: our own file, or a copy beside the predecessor's."""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock, Timeout

from dashboard.errors import StoreLockedError
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.predecessor import import_predecessor, list_tokens
from dashboard.storage.schema import LOCK_TIMEOUT_S, StoreKind, identify


def store_of(path: Path) -> Path:
    """Return the file of our own store that a database name means; it need not exist yet."""
    if identify(path) is StoreKind.PREDECESSOR:
        return path.with_name(f"{path.stem}.orderflow.db")
    return path


def resolve_store(path: Path, *, lot_size: int | None = None) -> tuple[Path, str]:
    """Return the store to open, and a notice for the user ("" when there is nothing to say).

    A name of our own store, or of no file yet, is that store. A database of the predecessor is
    imported once into ``<stem>.orderflow.db`` beside it, its tokens as symbols; the file itself is
    never altered. Several processes may ask at once.

    Args:
        path: The file that DB_NAME names.
        lot_size: Contracts per lot of the predecessor's volumes; None for its default.

    Raises:
        ImportFault: The predecessor's bars cannot be taken over.
        StoreError: The store beside it cannot be written.
    """
    store = store_of(path)
    if store == path:
        return path, ""
    lock = FileLock(f"{store}.resolve.lock")
    try:
        with lock.acquire(timeout=LOCK_TIMEOUT_S):
            known = _symbols(store)
            reports = [
                import_predecessor(store, path, token=token, lot_size=lot_size)
                for token in list_tokens(path)
                if token not in known
            ]
    except Timeout as error:
        msg = f"Another process has been importing {path.name} for {LOCK_TIMEOUT_S:g} s. Stop it."
        raise StoreLockedError(msg) from error
    notice = (
        f"{path.name} is a database of the predecessor and is left as it is; its bars are shown "
        f"from {store.name}."
    )
    details = " ".join(f"{report.symbol}: {' '.join(report.notes)}" for report in reports)
    return store, f"{notice} They were imported now. {details}" if reports else notice


def _symbols(store: Path) -> set[str]:
    """Return the symbols that a finished import has put into the store."""
    if identify(store) is StoreKind.MISSING:
        return set()
    history = SqliteHistory(store)
    try:
        return {instrument.symbol for instrument in history.instruments()}
    finally:
        history.close()
