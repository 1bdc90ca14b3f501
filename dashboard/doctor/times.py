"""Whether calendars reach far enough and the clock can be right."""

from __future__ import annotations

import os
import tempfile
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

from dashboard.doctor.findings import Findings
from dashboard.doctor.place import Place
from dashboard.domain.calendar import DAY_NS, DatedCalendar
from dashboard.errors import DashboardError
from dashboard.ingest.clock import SystemClock
from dashboard.storage.calendars import calendar_folder, load_calendar
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.history import SqliteHistory

CALENDAR_NS = 30 * DAY_NS
"""How long before a calendar's last known date a warning begins."""
AHEAD_NS = 60 * 1_000_000_000
DRIFT_NS = 5 * 1_000_000_000
RELEASED_NS = 1_793_491_200_000_000_000
"""1 November 2026: a clock that shows less is wrong."""


def check_calendars(out: Findings, place: Place) -> None:
    """Say until when the calendars list all holidays."""
    used = {"nse-fo"} if place.settings.feed == "smartapi" else set()
    if place.readable:
        history = SqliteHistory(place.store)
        used |= {i.calendar for i in history.instruments()}
        history.close()
    folder = calendar_folder(place.store)
    for name in sorted(used | {"nse-fo", "nse-cm"}):
        own = folder / f"{name}.csv"
        source = f"your own {own.name}" if own.is_file() else "as packaged"
        try:
            calendar = load_calendar(name, folder)
        except DashboardError as error:
            out.fault(error.user_text, f"Correct {own}, or delete it to use the packaged one.")
            continue
        if not isinstance(calendar, DatedCalendar):
            out.ok(f"{name}: a rule without dates")
        elif calendar.known is None:
            out.warn(f"{name} ({source}): it lists no holidays.", _calendar_hint(own))
        else:
            text = f"{name} ({source}): holidays known until {calendar.known[1]}"
            soon = calendar.session_at(place.now_ns + CALENDAR_NS).date
            if soon > calendar.known[1].isoformat() and name in used:
                later = "; days after it are open by rule, unconfirmed"
                out.warn(f"{text}{later}.", _calendar_hint(own))
            else:
                out.ok(text)


def _calendar_hint(own: Path) -> str:
    return (
        f"Put a newer table at {own} (docs/OPERATIONS.md says how), or update the program; "
        "sessions are recorded all the same."
    )


def check_clock(out: Findings, place: Place) -> None:
    """Compare the clock with what it cannot be before, and with the drive's."""
    try:
        ZoneInfo("Asia/Kolkata")
    except (KeyError, OSError, ValueError):
        out.fault("There is no time zone database.", "Run: pip install tzdata")
    automatic = "Let the system set its clock from the network (NTP)."
    if place.now_ns < RELEASED_NS:
        out.fault("The clock shows a time before this program existed.", automatic)
        return
    ahead_ns = _newest_ns(place) - place.now_ns
    if ahead_ns > AHEAD_NS:
        minutes = ahead_ns / 60e9
        out.fault(
            f"The newest stored trade is {minutes:,.0f} min ahead of the clock: one of the two is "
            "wrong.",
            automatic,
        )
        return
    drift_ns = _drift_ns(place.folder)
    if abs(drift_ns) > DRIFT_NS:
        out.warn(
            f"The clock of the drive differs from this machine's by {drift_ns / 1e9:.0f} s, as "
            "network drives do.",
            "Name a folder on a disk of this machine with DATA_DIR.",
        )
        return
    out.ok("plausible, and not behind the stored data")


def _newest_ns(place: Place) -> int:
    """Return the time of the newest stored trade or bar, 0 without any."""
    if not place.readable:
        return 0
    with closing(connect_reader(place.store)) as db, reading(db, place.store):
        (newest,) = db.execute("SELECT ifnull(max(last_ns), 0) FROM shown_sessions").fetchone()
    return int(newest)


def _drift_ns(folder: Path) -> int:
    """Return how far a new file's time is from the clock, 0 where none can be made."""
    clock = SystemClock()
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as file:
            file.write(b".")
            file.flush()
            return os.fstat(file.fileno()).st_mtime_ns - clock.now_ns()
    except OSError:
        return 0
