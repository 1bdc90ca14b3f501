"""Stored bars of any recipe as the export document, for the API, the command line and the pages."""

from __future__ import annotations

from typing import TypedDict

from dashboard.domain.bars import BarSpec
from dashboard.domain.profile import ValueArea
from dashboard.domain.snapshot import Snapshot
from dashboard.errors import InputError
from dashboard.figures.export import export_bars, to_json
from dashboard.figures.view import ViewSettings, fits_tick, starting_level
from dashboard.ports import SessionInfo
from dashboard.series.cache import SeriesCache


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
) -> str:
    """Return the export of an instrument's stored sessions as JSON text.

    Args:
        series: The way to stored bars.
        symbol: The instrument.
        bar: Recipe, such as ``5m`` or ``100t``.
        level_size: Level size as a decimal price; None: the instrument's starting level.
        cvd: ``session`` or ``continuous``.
        value_area: ``one-row``, ``cbot`` or ``tradingview``.
        start: First session date (ISO); None: no bound.
        end: Last session date, inclusive; None: no bound.

    Raises:
        InputError: A word, level or date is not possible.
        InstrumentUnknownError: There is no such instrument.
        ViewNotPossibleError: What is stored cannot make these bars exactly.
    """
    instrument = series.instrument(symbol)
    spec = BarSpec.parse(bar)
    chosen = ViewSettings.parse({"level": level_size or "auto", "cvd": cvd, "va": value_area})
    level = (
        starting_level(instrument) if level_size is None else fits_tick(chosen.level, instrument)
    )
    sessions = sessions_between(series.sessions(symbol), start, end)
    snapshot = series.stored_snapshot(
        symbol, spec, level, sessions[0].session_ns, sessions[-1].session_ns
    )
    document = export_bars(
        snapshot.bars,
        snapshot.instrument,
        snapshot.calendar,
        convention=ValueArea(chosen.va),
        continuous=chosen.cvd == "continuous",
    )
    return to_json(document)


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
    spec = BarSpec.parse(bar)
    wanted = ViewSettings.parse({"level": level_size or "auto"})
    level = fits_tick(wanted.level, instrument) if level_size else starting_level(instrument)
    sessions = sessions_between(series.sessions(symbol), start, end)
    return series.stored_snapshot(
        symbol, spec, level, sessions[0].session_ns, sessions[-1].session_ns
    )


def sessions_between(
    sessions: list[SessionInfo], start: str | None, end: str | None
) -> list[SessionInfo]:
    """Return the sessions whose dates lie within the bounds; at least one."""
    dates = ViewSettings.parse({"from_date": start or "", "to_date": end or ""})
    inside = [
        s for s in sessions if (dates.from_date or "") <= s.date <= (dates.to_date or "9999-12-31")
    ]
    if inside:
        return inside
    if not sessions:
        raise InputError("symbol", "this instrument", "one with stored sessions")
    stored = f"dates from {sessions[0].date} to {sessions[-1].date}"
    raise InputError("from", f"{start or ''} to {end or ''}", stored)
