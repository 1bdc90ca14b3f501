"""Files as a person names them into the store: which importer, and the choices spelt as text.

The command line and the page's import card both end here, so that an option means the same in
both. A choice that does not belong to the kind of file is refused, never ignored.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from dashboard.domain.bars import BarKind, BarSpec
from dashboard.errors import ImportFault, InputError
from dashboard.ports import ImportChoices
from dashboard.storage.importers.common import ImportReport, Progress
from dashboard.storage.importers.fields import parse_number
from dashboard.storage.importers.predecessor import import_predecessor
from dashboard.storage.importers.trades_csv import import_trades
from dashboard.storage.schema import StoreKind, identify

RESERVED = ("SIM:", "REPLAY:")
"""How symbols of made-up and replayed data begin; real data never comes under such a name."""

_TAPES_ONLY = ("tick_size", "columns", "skip_bad_rows")
_PREDECESSORS_ONLY = ("interval", "level_size", "token")


def import_files(
    store: Path,
    files: Sequence[Path],
    choices: ImportChoices,
    progress: Progress = lambda _done, _all: None,
    *,
    predecessors_lot: int | None = None,
) -> ImportReport:
    """Import trade files, or one database of the predecessor.

    Args:
        store: The store; created when missing.
        files: All of one instrument.
        choices: How they are to be read.
        progress: Called with the rows written and the rows in all.
        predecessors_lot: Lot size of a predecessor's database where none was chosen.

    Raises:
        ImportFault: A file or one of its rows cannot be taken over; the store is as before.
        InputError: A choice is not possible, or not with such a file.
        StoreError: The store cannot be written.
    """
    if choices.symbol.upper().startswith(RESERVED):
        allowed = "a symbol without SIM: or REPLAY:, which mark simulated and replayed data"
        raise InputError("symbol", choices.symbol, allowed)
    for file in files:
        if not file.is_file():
            raise ImportFault(file, None, "there is no such file")
    databases = [file for file in files if identify(file) is StoreKind.PREDECESSOR]
    if databases and len(files) > 1:
        reason = "it is a database of the predecessor; import it by itself"
        raise ImportFault(databases[0].name, None, reason)
    lot_size = _whole("lot-size", choices.lot_size)
    if databases:
        _refuse(choices, _TAPES_ONLY, "it with trade files only")
        return import_predecessor(
            store,
            databases[0],
            symbol=choices.symbol,
            token=choices.token or None,
            calendar=choices.calendar or "nse-fo",
            lot_size=predecessors_lot if lot_size is None else lot_size,
            interval_s=_seconds("interval", choices.interval),
            level_size=_decimal("level-size", choices.level_size),
            replace_sessions=choices.replace_sessions,
        )
    _refuse(choices, _PREDECESSORS_ONLY, "it with a database of the predecessor only")
    return import_trades(
        store,
        files,
        symbol=choices.symbol,
        calendar=choices.calendar or None,
        tick_size=_decimal("tick-size", choices.tick_size),
        lot_size=lot_size,
        columns=dict(choices.columns),
        skip_bad_rows=choices.skip_bad_rows,
        replace_sessions=choices.replace_sessions,
        progress=progress,
    )


def describe(report: ImportReport) -> list[str]:
    """Return whole sentences about a finished import."""
    added = f"{report.rows_added:,} of {report.rows_read:,} rows were new"
    return [
        f"{report.symbol}: {added}; {report.sessions} sessions, {report.bars:,} base bars written.",
        *report.notes,
    ]


def parse_columns(text: str) -> dict[str, str]:
    """Read ``time=Date,price=Last`` as header names by column; "" gives none.

    A header name that holds a comma cannot be spelt this way.

    Raises:
        InputError: A part is no such pair, or names a column twice.
    """
    pairs: dict[str, str] = {}
    for part in text.split(",") if text.strip() else ():
        column, equals, header = (piece.strip() for piece in part.partition("="))
        if not (column and equals and header) or column in pairs:
            allowed = "pairs such as time=Date,price=Last,size=Qty, each column once"
            raise InputError("columns", part, allowed)
        pairs[column] = header
    return pairs


def _refuse(choices: ImportChoices, names: Sequence[str], allowed: str) -> None:
    for name in names:
        value = getattr(choices, name)
        if value:
            shown = "this option" if value is True else value
            raise InputError(name.replace("_", "-"), shown, allowed)


def _decimal(name: str, text: str) -> Decimal | None:
    if not text:
        return None
    value = parse_number(text)
    if value is None or value <= 0:
        raise InputError(name, text, "a decimal number above 0, such as 0.05")
    return value


def _whole(name: str, text: str) -> int | None:
    if not text:
        return None
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:19]) < 10**9):
        raise InputError(name, text, "a whole number from 1")
    return int(text)


def _seconds(name: str, text: str) -> int | None:
    if not text:
        return None
    try:
        spec = BarSpec.parse(text)
    except InputError:
        spec = None
    if spec is None or spec.kind is not BarKind.TIME:
        raise InputError(name, text, "a time such as 5m")
    return spec.size
