"""Every check in the order of the table.

Each is a function that adds findings; a fault or a warning says what to do about it. The checks
read and try things out, and change nothing. They go as far as they can: a check that fails itself
is a finding, and settings that cannot be used leave the checks that need none.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

from dashboard.doctor import disk, programs, store, times
from dashboard.doctor.findings import Finding, Findings
from dashboard.doctor.place import Place
from dashboard.errors import DashboardError, SettingsError
from dashboard.ingest.clock import SystemClock
from dashboard.ports import Clock
from dashboard.settings import FIELDS, Settings

_PROGRAMS: tuple[tuple[str, Callable[[Findings], None]], ...] = (
    ("Python", programs.check_python),
    ("SQLite", programs.check_sqlite),
    ("Packages", programs.check_packages),
)
_PLACE: tuple[tuple[str, Callable[[Findings, Place], None]], ...] = (
    ("Data folder", disk.check_folder),
    ("Disk space", disk.check_space),
    ("Drive", disk.check_drive),
    ("Database", store.check_store),
    ("Backups", store.check_backups),
    ("Live board", store.check_board),
    ("Calendars", times.check_calendars),
    ("Clock", times.check_clock),
)


def diagnose(
    load: Callable[[], Settings] = Settings.load, clock: Clock | None = None
) -> list[Finding]:
    """Return the findings of every check, in the order of the table.

    Args:
        load: Loads the settings.
        clock: The clock; default: the machine's.
    """
    now_ns = (clock or SystemClock()).now_ns()
    found: list[Finding] = []
    for name, check in _PROGRAMS:
        found += _run(name, check)
    out = Findings("Settings")
    settings = _check_settings(out, load)
    found += out.found
    if settings is not None:
        place = Place(settings, now_ns)
        for name, look in _PLACE:
            found += _run(name, look, place)
    return found


def _run(name: str, check: Callable[..., None], *subjects: Place) -> list[Finding]:
    out = Findings(name)
    try:
        check(out, *subjects)
    except DashboardError as error:
        out.fault(error.user_text, "See the other findings, and the log.")
    except Exception as error:  # noqa: BLE001 - one check that fails must not hide the others
        out.fault(
            f"This could not be checked: {type(error).__name__}: {error}",
            "Please report this with the whole output of the command.",
        )
    return out.found


def _check_settings(out: Findings, load: Callable[[], Settings]) -> Settings | None:
    """Add what is wrong with the settings, and return them when they can be used."""
    try:
        settings = load()
    except SettingsError as error:
        for fault in error.faults:
            out.fault(fault, "Correct it in the environment or in .env; README.md lists them all.")
        return None
    out.ok(f"FEED={settings.feed}, DATA_DIR={settings.data_dir}, DB_NAME={settings.db_name}")
    secrets = [f.name for f in FIELDS if f.secret and getattr(settings, f.attribute)]
    file = Path(".env")
    if secrets and os.name == "posix" and file.is_file():
        open_to = file.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)
        if open_to:
            out.warn(
                ".env holds secrets and other users of this machine may read it.",
                "Run: chmod 600 .env",
            )
    return settings
