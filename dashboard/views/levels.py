"""The level size that stored bars allow: a chosen one is checked against their own rows."""

from __future__ import annotations

from dashboard.domain.instrument import Instrument
from dashboard.errors import InputError
from dashboard.figures.labels import price_text
from dashboard.figures.view import AUTO, ViewSettings
from dashboard.series.cache import SeriesCache


def stored_level(
    series: SeriesCache,
    settings: ViewSettings,
    instrument: Instrument,
    level_size: int,
    session_ns: int | None = None,
) -> int:
    """Return the level size at which a session can be shown.

    Args:
        series: Knows the stored sessions.
        settings: Whose `level` was chosen.
        instrument: What is shown.
        level_size: What the settings come to, price units.
        session_ns: The session; None: the newest.

    Raises:
        InputError: Another level was chosen than the only one that is possible.
    """
    only = series.only_level(instrument.symbol, session_ns)
    if only is None or only == level_size:
        return level_size
    if settings.level != AUTO:
        text = price_text(only, instrument)
        raise InputError("level", settings.level, f"auto or {text}, the height of the stored rows")
    return only
