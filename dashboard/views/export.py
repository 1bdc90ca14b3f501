"""Stored bars of any recipe as JSON, CSV or an HTML page, for the API and the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypedDict

from dashboard.domain.profile import ValueArea
from dashboard.domain.snapshot import Snapshot
from dashboard.errors import InputError
from dashboard.figures.export import export_bars, to_json
from dashboard.figures.frame import derive
from dashboard.figures.payload import check_size
from dashboard.figures.spreadsheet import to_csv
from dashboard.figures.standalone import standalone_page
from dashboard.figures.view import AUTO, ViewSettings, resolve_level
from dashboard.ports import SessionInfo
from dashboard.series.cache import SeriesCache
from dashboard.views.levels import stored_level
from dashboard.views.scripts import chart_scripts

FORMATS: Mapping[str, str] = {
    "json": "application/json",
    "csv": "text/csv",
    "html": "text/html",
}
"""Formats of an export and their media types."""


class Wanted(TypedDict):
    """What `export_text` is asked for, as a request or a command line spells it."""

    symbol: str
    bar: str
    level_size: str | None
    cvd: str
    value_area: str
    start: str | None
    end: str | None


def export_text(
    series: SeriesCache,
    *,
    symbol: str,
    bar: str,
    level_size: str | None = None,
    cvd: str = "session",
    value_area: str = "one-row",
    start: str | None = None,
    end: str | None = None,
    form: str = "json",
    assets: Path | None = None,
    look: Mapping[str, str] | None = None,
    bounded: bool = False,
) -> str:
    """Return the export of an instrument's stored sessions.

    Args:
        series: The way to stored bars.
        symbol: The instrument.
        bar: Recipe, such as ``5m`` or ``100t``.
        level_size: Level size as a decimal price; None, ``auto``: the instrument's starting level.
        cvd: ``session`` or ``continuous``; a page's also ``off``.
        value_area: ``one-row``, ``cbot`` or ``tradingview``.
        start: First session date (ISO); None: no bound.
        end: Last session date, inclusive; None: no bound.
        form: One of `FORMATS`.
        assets: The dashboard's styles and scripts, of which an HTML page carries some along.
        look: Other view settings of an HTML page, such as ``cells`` or ``palette``.
        bounded: Refuse more than an answer of the API may hold; a file has no such bound.

    Raises:
        InputError: A word, level or date is not possible.
        InstrumentUnknownError: There is no such instrument.
        ViewNotPossibleError: What is stored cannot make these bars exactly.
    """
    chosen = ViewSettings.parse({**(look or {}), "cvd": cvd, "va": value_area})
    snapshot = stored_bars(series, symbol, bar, level_size, start, end)
    if bounded:
        check_size(len(snapshot.bars), len(snapshot.bars.level_price))
    if form == "html":
        if assets is None:
            msg = "an HTML page needs the dashboard's scripts"
            raise TypeError(msg)
        chosen = replace(chosen, symbol=symbol, bar=str(snapshot.bars.spec))
        return standalone_page(derive(snapshot, chosen), chosen, chart_scripts(assets))
    document = export_bars(
        snapshot.bars,
        snapshot.instrument,
        snapshot.calendar,
        convention=ValueArea(chosen.va),
        share_pct=chosen.vashare,
        continuous=chosen.cvd == "continuous",
    )
    return to_csv(document) if form == "csv" else to_json(document)


def file_name(form: str, wanted: Wanted) -> str:
    """Return a name for an export's file: letters, digits, dots, hyphens and underscores only."""
    dates = dict.fromkeys(date for date in (wanted["start"], wanted["end"]) if date)
    parts = (wanted["symbol"], wanted["bar"], *dates)
    plain = (re.sub(r"[^A-Za-z0-9.-]+", "-", part).strip("-.") for part in parts)
    return f"{'_'.join(part for part in plain if part)}.{form}"


def stored_bars(
    series: SeriesCache,
    symbol: str,
    bar: str,
    level_size: str | None = None,
    start: str | None = None,
    end: str | None = None,
) -> Snapshot:
    """Return the stored bars of a range of sessions, as `export_text` names and refuses them."""
    instrument = series.instrument(symbol)
    wanted = ViewSettings.parse({"bar": bar, "level": level_size or AUTO})
    level = resolve_level(wanted, instrument)
    sessions = sessions_between(series.sessions(symbol), start, end)
    level = stored_level(series, wanted, instrument, level, sessions[0].session_ns)
    return series.stored_snapshot(
        symbol, wanted.bar_spec, level, sessions[0].session_ns, sessions[-1].session_ns
    )


def sessions_between(
    sessions: list[SessionInfo], start: str | None, end: str | None
) -> list[SessionInfo]:
    """Return the sessions whose dates lie within the bounds; at least one.

    Raises:
        InputError: `from` or `to` is no date, or no session lies between them.
    """
    try:
        dates = ViewSettings.parse({"from_date": start or "", "to_date": end or ""})
    except InputError as error:
        # A page's settings are called from_date and to_date; here nobody sent such names.
        name = error.field.removesuffix("_date")
        raise InputError(name, error.value, error.allowed) from error
    inside = [
        s for s in sessions if (dates.from_date or "") <= s.date <= (dates.to_date or "9999-12-31")
    ]
    if inside:
        return inside
    if not sessions:
        raise InputError("symbol", "this instrument", "one with stored sessions")
    name, value = ("from", start) if start else ("to", end)
    raise InputError(name, value, f"dates from {sessions[0].date} to {sessions[-1].date}")
