"""Stored bars of any recipe as the export document, for the API, the command line and the pages."""

from __future__ import annotations

from typing import TypedDict

from dashboard.domain.profile import ValueArea
from dashboard.domain.snapshot import Snapshot
from dashboard.errors import InputError
from dashboard.figures.export import export_bars, to_json
from dashboard.figures.view import AUTO, ViewSettings, resolve_level
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
        level_size: Level size as a decimal price; None, ``auto``: the instrument's starting level.
        cvd: ``session`` or ``continuous``.
        value_area: ``one-row``, ``cbot`` or ``tradingview``.
        start: First session date (ISO); None: no bound.
        end: Last session date, inclusive; None: no bound.

    Raises:
        InputError: A word, level or date is not possible.
        InstrumentUnknownError: There is no such instrument.
        ViewNotPossibleError: What is stored cannot make these bars exactly.
    """
    chosen = ViewSettings.parse({"cvd": cvd, "va": value_area})
    snapshot = stored_bars(series, symbol, bar, level_size, start, end)
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
    wanted = ViewSettings.parse({"bar": bar, "level": level_size or AUTO})
    level = resolve_level(wanted, instrument)
    sessions = sessions_between(series.sessions(symbol), start, end)
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
