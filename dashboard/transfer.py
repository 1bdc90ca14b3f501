"""Files in and out, for the command line: imports, exports, what is stored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Unpack

from dashboard.bootstrap import assets_folder, board_folder, prepare_store
from dashboard.errors import DashboardError
from dashboard.live.board import DiskcacheBoard
from dashboard.ports import ImportChoices
from dashboard.series.cache import SeriesCache
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.files import describe, import_files
from dashboard.views.export import Wanted, export_text


def import_into_store(
    settings: Settings,
    files: Sequence[Path],
    choices: ImportChoices,
    progress: Callable[[int, int], None],
) -> list[str]:
    """Import trade files, or one database of the predecessor, and return what to tell the user.

    Raises:
        ImportFault: A file or one of its lines cannot be taken over; the store is as before.
        InputError: A parameter is not possible.
        StoreError: The store cannot be written.
    """
    store, note = prepare_store(settings)
    report = import_files(store, files, choices, progress, predecessors_lot=settings.lot_size)
    return [*([note] if note else []), *describe(report)]


def export_file(settings: Settings, output: Path, form: str, **wanted: Unpack[Wanted]) -> str:
    """Write an export and return a sentence about it.

    Args:
        settings: Where the store is.
        output: The file to write; replaced only when all of it was written.
        form: Its format, ``json``, ``csv`` or ``html``.
        **wanted: As `views.export.export_text`.
    """
    text = export_text(_series(settings), **wanted, form=form, assets=assets_folder())
    partial = output.with_name(f"{output.name}.part")
    try:
        # As it is: a CSV file has line ends of its own.
        partial.write_text(text, encoding="utf-8", newline="")
        partial.replace(output)
    except OSError as error:
        partial.unlink(missing_ok=True)
        msg = f"{output} cannot be written: {error.strerror}."
        raise DashboardError(msg) from error
    return f"{output}: {len(text):,} characters written."


def list_instruments(settings: Settings) -> list[str]:
    """Return a line per stored instrument and one per session."""
    series = _series(settings)
    lines = []
    for instrument in series.instruments():
        tick = instrument.price_of(instrument.tick_size)
        lines.append(
            f"{instrument.symbol}: calendar {instrument.calendar}, tick {tick}, "
            f"lot {instrument.lot_size}"
        )
        lines += [
            f"  {s.date}: {s.trades:,} trades, volume {s.volume:,}"
            for s in series.sessions(instrument.symbol)
        ]
    return lines or ["Nothing is stored yet."]


def _series(settings: Settings) -> SeriesCache:
    store, _ = prepare_store(settings)
    return SeriesCache(SqliteHistory(store), DiskcacheBoard(board_folder(settings, store)))
