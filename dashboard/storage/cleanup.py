"""Removing rows that no reader sees: what an aborted import, a replaced session or pruning leaves.

Everything goes in short transactions, so that a running feed is never held up for long. A kill in
between leaves the rest for the next start (pruned trades: for the feed's next turns).
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from dashboard.storage.connection import pause, reading, writing
from dashboard.storage.schema import RawTrades, SessionState, import_lock

_CHUNK = 10_000
_PRUNE_ROWS = 10_000  # some milliseconds
_PAUSE_S = 0.002


def remove_leftovers(db: sqlite3.Connection, path: Path) -> None:
    """Remove all invisible rows, an import's only when no import is running."""
    with import_lock(path) as no_import_runs:
        if no_import_runs:
            drop_unfinished(db, path)
    remove_dropped(db, path)


def drop_unfinished(db: sqlite3.Connection, path: Path) -> None:
    """Remove what unfinished imports wrote; the caller holds the import lock."""
    with reading(db, path):
        if not db.execute("SELECT 1 FROM imports WHERE NOT complete").fetchone():
            return
    with writing(db, path):
        db.execute(
            "UPDATE sessions SET state = ? WHERE state = ?",
            (SessionState.DROPPED, SessionState.WRITING),
        )
    remove_dropped(db, path)
    with writing(db, path):
        db.execute("DELETE FROM imports WHERE NOT complete")
        db.execute("DELETE FROM instruments WHERE NOT shown")


def remove_dropped(db: sqlite3.Connection, path: Path) -> None:
    """Delete the sessions in state `DROPPED` with their trades and bars."""
    with reading(db, path):
        rows = db.execute("SELECT id FROM sessions WHERE state = ?", (SessionState.DROPPED,))
        ids = [row[0] for row in rows]
    for session_id in ids:
        _delete_trades(db, path, session_id)
        with writing(db, path):
            db.execute("DELETE FROM bars WHERE session_id = ?", (session_id,))
            db.execute("DELETE FROM sessions WHERE id = ?", (session_id,))


def prune_some(db: sqlite3.Connection, path: Path) -> bool:
    """Delete a handful of trades of a session in state `PRUNING`; False when there is none left.

    The session's first number moves on with what is deleted, so that each turn finds its place.
    """
    query = "SELECT id, instrument_id, first_seq, last_seq FROM sessions WHERE raw = ? LIMIT 1"
    with reading(db, path):
        row = db.execute(query, (RawTrades.PRUNING,)).fetchone()
    if row is None:
        return False
    session_id, instrument_id, first, last = row
    after = min(first + _PRUNE_ROWS, last + 1)
    with writing(db, path):
        db.execute(
            "DELETE FROM trades WHERE instrument_id = ? AND seq >= ? AND seq < ? "
            "AND session_id = ?",
            (instrument_id, first, after, session_id),
        )
        db.execute(
            "UPDATE sessions SET first_seq = ?, raw = ? WHERE id = ?",
            (after, RawTrades.NONE if after > last else RawTrades.PRUNING, session_id),
        )
    return True


def _delete_trades(db: sqlite3.Connection, path: Path, session_id: int) -> None:
    query = "SELECT instrument_id, first_seq, last_seq FROM sessions WHERE id = ?"
    row = db.execute(query, (session_id,)).fetchone()
    if row is None or row[1] is None:  # another process was faster, or there are no trades
        return
    instrument_id, first, last = row
    for start in range(first, last + 1, _CHUNK):
        with writing(db, path):
            db.execute(
                "DELETE FROM trades WHERE instrument_id = ? AND seq BETWEEN ? AND ? "
                "AND session_id = ?",
                (instrument_id, start, min(start + _CHUNK - 1, last), session_id),
            )
        pause(_PAUSE_S)
