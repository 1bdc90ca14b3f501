"""Trading calendars from data files: one CSV per calendar, a source in every row.

The packaged files stand in ``storage/calendars``; a file of the same name in the folder
``calendars`` beside the store wins, so that a user can correct a date without a new release.
Columns: ``kind,from,to,open,close,note,source``; kinds:

* ``zone``: `note` is the IANA zone of all dates and hours; exactly one row.
* ``known``: all holidays from `from` to `to` are listed; at most one row. A trading day outside is
  "open by rule, unconfirmed".
* ``hours``: trading hours from a date on, until `to` or for good.
* ``holiday``: no trading on `from`. ``special``: other hours on `from`.

``24x7`` and ``sim`` are rules without dates and need no file.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import date
from functools import lru_cache
from importlib import resources
from pathlib import Path

from dashboard.domain.calendar import (
    Calendar,
    CalendarRow,
    SpecialDay,
    build_calendar,
    calendar_24x7,
    calendar_sim,
)
from dashboard.errors import InputError, StoreError

CALENDAR_NAMES = ("nse-fo", "nse-cm", "24x7", "sim")
_PERIODIC = {"24x7": calendar_24x7, "sim": calendar_sim}
_HEADER = ["kind", "from", "to", "open", "close", "note", "source"]


def calendar_folder(path: Path) -> Path:
    """Return the folder beside a store in which a user may put calendar files."""
    return path.parent / "calendars"


@lru_cache(maxsize=32)
def load_calendar(name: str, folder: Path | None = None) -> Calendar:
    """Return a calendar by name; loaded once per process.

    Args:
        name: One of `CALENDAR_NAMES`.
        folder: Where a user's own files may stand.

    Raises:
        InputError: There is no calendar of that name.
        StoreError: A file cannot be read as a calendar; the sentence names the line.
    """
    if name in _PERIODIC:
        return _PERIODIC[name]()
    if name not in CALENDAR_NAMES:
        raise InputError("calendar", name, ", ".join(CALENDAR_NAMES))
    own = folder / f"{name}.csv" if folder is not None else None
    if own is not None and own.is_file():
        return parse_calendar(name, own.read_text(encoding="utf-8-sig"), str(own.name))
    packaged = resources.files("dashboard.storage") / "calendars" / f"{name}.csv"
    return parse_calendar(name, packaged.read_text(encoding="utf-8"), f"{name}.csv")


def parse_calendar(name: str, text: str, file: str) -> Calendar:
    """Build a calendar from the text of its file.

    Raises:
        StoreError: With file, line and reason; a row without a source is a fault.
    """
    reader = csv.DictReader(io.StringIO(text))
    if reader.fieldnames != _HEADER:
        raise StoreError(f"The calendar {file} must begin with the line {','.join(_HEADER)}.")
    zones: list[str] = []
    rules: list[CalendarRow] = []
    specials: list[SpecialDay] = []
    known: tuple[date, date] | None = None
    for row in reader:
        line = f"The calendar {file}, line {reader.line_num}"
        if not row["source"]:
            raise StoreError(f"{line}: the row has no source.")
        try:
            match row["kind"]:
                case "zone":
                    zones.append(row["note"])
                case "known":
                    known = date.fromisoformat(row["from"]), date.fromisoformat(row["to"])
                case "hours":
                    rules.append(_hours(row))
                case "holiday" | "special":
                    specials.append(_special(row))
                case other:
                    raise StoreError(f"{line}: {other!r} is no kind of row.")
        except ValueError as error:
            raise StoreError(f"{line}: {error}.") from error
    return _built(name, file, zones, rules, specials, known)


def _built(
    name: str,
    file: str,
    zones: list[str],
    rules: Iterable[CalendarRow],
    specials: Iterable[SpecialDay],
    known: tuple[date, date] | None,
) -> Calendar:
    if len(zones) != 1:
        raise StoreError(f"The calendar {file} must have exactly one zone row.")
    try:
        return build_calendar(name, zones[0], rules, specials, known=known)
    except ValueError as error:
        raise StoreError(f"The calendar {file} does not fit together: {error}.") from error


def _hours(row: dict[str, str]) -> CalendarRow:
    until = date.fromisoformat(row["to"]) if row["to"] else None
    return CalendarRow(
        date.fromisoformat(row["from"]), until, row["open"], row["close"], row["source"]
    )


def _special(row: dict[str, str]) -> SpecialDay:
    day = date.fromisoformat(row["from"])
    if row["kind"] == "holiday":
        return SpecialDay(day, "holiday", source=row["source"])
    return SpecialDay(day, "special", row["open"], row["close"], row["source"])
