"""Files in and out, for the command line: imports, exports, what is stored."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Unpack

from dashboard.bootstrap import board_folder, prepare_store
from dashboard.domain.bars import BarKind, BarSpec
from dashboard.errors import DashboardError, InputError
from dashboard.live.board import DiskcacheBoard
from dashboard.series.cache import SeriesCache
from dashboard.settings import Settings
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.common import ImportReport
from dashboard.storage.importers.predecessor import import_predecessor
from dashboard.storage.importers.trades_csv import import_trades
from dashboard.storage.schema import StoreKind, identify
from dashboard.views.export import Wanted, export_text


def import_files(
    settings: Settings,
    files: Sequence[Path],
    *,
    symbol: str,
    calendar: str | None,
    tick_size: str | None,
    lot_size: int | None,
    interval: str | None,
    level_size: str | None,
) -> list[str]:
    """Import trade files, or one database of the predecessor, and return what to tell the user.

    Raises:
        ImportFault: A file or one of its lines cannot be taken over; the store is as before.
        InputError: A parameter is not possible.
        StoreError: The store cannot be written.
    """
    store, note = prepare_store(settings)
    for file in files:
        if not file.is_file():
            msg = f"There is no file {file}."
            raise DashboardError(msg)
    databases = [file for file in files if identify(file) is StoreKind.PREDECESSOR]
    if databases and len(files) > 1:
        msg = f"{databases[0].name} is a database of the predecessor; import it by itself."
        raise DashboardError(msg)
    if databases:
        report = import_predecessor(
            store,
            databases[0],
            symbol=symbol,
            calendar=calendar or "nse-fo",
            lot_size=lot_size,
            interval_s=_seconds(interval),
            level_size=_decimal("level-size", level_size),
        )
    else:
        report = import_trades(
            store,
            files,
            symbol=symbol,
            calendar=calendar,
            tick_size=_decimal("tick-size", tick_size),
            lot_size=lot_size,
        )
    return [*([note] if note else []), *_report(report)]


def export_file(settings: Settings, output: Path, **wanted: Unpack[Wanted]) -> str:
    """Write an export and return a sentence about it.

    Args:
        settings: Where the store is.
        output: The file to write; replaced only when all of it was written.
        **wanted: As `views.export.export_text`.
    """
    text = export_text(_series(settings), **wanted)
    partial = output.with_name(f"{output.name}.part")
    try:
        partial.write_text(text, encoding="utf-8")
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


def _report(report: ImportReport) -> list[str]:
    added = f"{report.rows_added:,} of {report.rows_read:,} rows were new"
    return [
        f"{report.symbol}: {added}; {report.sessions} sessions, {report.bars:,} base bars written.",
        *report.notes,
    ]


def _decimal(name: str, text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(0)
    if not value.is_finite() or value <= 0:
        raise InputError(name, text, "a decimal number above 0, such as 0.05")
    return value


def _seconds(text: str | None) -> int | None:
    if text is None:
        return None
    spec = BarSpec.parse(text)
    if spec.kind is not BarKind.TIME:
        raise InputError("interval", text, "a time such as 5m")
    return spec.size
