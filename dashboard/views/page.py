"""What a chart page is given at its opening, each second, and when its figure is due, free of Dash.

The browser sends its settings, what it has drawn and what it sees; the answer names only what must
change. Nothing is remembered here between two calls.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.errors import InputError, ViewNotPossibleError
from dashboard.figures.cards import Card, Part, feed_rows, metric_cards, status_parts
from dashboard.figures.chart import PLOT_PX, build_figure, patch_ops
from dashboard.figures.frame import ViewFrame
from dashboard.figures.labels import date_text, price_text
from dashboard.figures.payload import mode_of
from dashboard.figures.theme import layer_theme
from dashboard.figures.view import ViewSettings, layer_options
from dashboard.ports import SessionInfo
from dashboard.views.desk import Desk, View
from dashboard.views.settings import QUICK, Change, address, apply_values

PATHS: Mapping[str, str] = {"live": "/", "stored": "/history"}
"""Address of the page of each scope."""

Assignment = tuple[tuple[str | int, ...], Any]
"""A path into the figure, and what to put there."""

RANGE = "range"
"""What the choice of a session holds while a range of dates is shown."""

LEVEL_STEPS = (1, 2, 5, 10, 20, 50, 100, 200, 500)
"""Level sizes to choose from, in ticks."""

PROFILE_EVERY = 5
"""Pulses (seconds) between two refreshes of the figure's profile while no bar closes."""


@dataclass(frozen=True, slots=True)
class PageModel:
    """All that a page's first picture needs.

    Attributes:
        view: What is shown.
        symbols: Instruments to choose from.
        sessions: Stored sessions, oldest first: (date, label).
        figure: The chart as a plain dict.
        query: What the layer's requests carry.
        options: What the layer paints, and its colours.
        drawn: What the figure is of, for the first `refresh`.
        faults: Settings of the URL that were refused: name to sentence.
        notes: Sentences to show once.
        mode: The badge's text.
        level_choices: Level sizes to choose from: setting to text.
    """

    view: View
    symbols: Sequence[str]
    sessions: Sequence[tuple[str, str]]
    figure: Mapping[str, Any]
    query: Mapping[str, str]
    options: Mapping[str, Any]
    drawn: Mapping[str, Any]
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    mode: str = ""
    level_choices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refresh:
    """What the figure, and all that hangs on the settings, has to become.

    Attributes:
        changes: Paths and values of the figure that are new; empty when it stands as it is.
        drawn: What the figure is of after the changes.
        query: What the layer's requests carry from now on.
        options: What the layer paints from now on.
        level_choices: Level sizes to choose from: setting to text, auto with the one it is now.
    """

    changes: Sequence[Assignment]
    drawn: Mapping[str, Any]
    query: Mapping[str, str]
    options: Mapping[str, Any]
    level_choices: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Texts:
    """What a pulse writes around the chart.

    Attributes:
        cards: Metric cards.
        status: The status line.
        feed_rows: Rows of the Feed card.
        mode: The badge's text.
        minimum: The imbalance minimum in force.
        due: Names the figure that should stand now: another name, and a `refresh` is due.
    """

    cards: Sequence[Card]
    status: Sequence[Part]
    feed_rows: Sequence[Part]
    mode: str
    minimum: str
    due: str


def open_page(desk: Desk, values: Mapping[str, object], scope: str) -> PageModel | None:
    """Return a page's first picture; None when nothing is stored yet.

    Args:
        desk: Serves the view.
        values: The URL's query: untrusted text.
        scope: `live` or `stored`.
    """
    opened = desk.open_leniently(values, scope)
    if opened is None:
        return None
    view, faults = opened
    frame = desk.frame(view)
    symbol = view.instrument.symbol
    return PageModel(
        view=view,
        symbols=[i.symbol for i in desk.instruments(scope)],
        sessions=session_choices(desk.series.sessions(symbol), frame.snapshot.calendar),
        figure=build_figure(frame, view.settings),
        query=_query(view, frame),
        options=_options(view),
        drawn=_drawn(view, frame, (None, PLOT_PX), 0),
        faults=faults,
        notes=(*desk.context.notes, *desk.context.alerts()),
        mode=mode_of(frame.snapshot),
        level_choices=level_choices(desk, view),
    )


def refresh(
    desk: Desk,
    view_text: Mapping[str, str],
    scope: str,
    seen: Mapping[str, Any] | None,
    query: Mapping[str, str],
    drawn: Mapping[str, Any],
    pulse: int,
) -> Refresh:
    """Return what has changed since the browser was last told.

    Args:
        desk: Serves the view.
        view_text: The settings, as `ViewSettings.to_query` writes them.
        scope: `live` or `stored`.
        seen: What the layer reports: `first` and `last` position in view, `level` size shown
            (price units), `plot_px`; None before its first paint.
        query: What the layer's requests carry now.
        drawn: What the figure is of.
        pulse: Counts the pulses; every fifth refreshes the profile of a forming session.

    Raises:
        DashboardError: The settings cannot be shown; nothing on the page changes then.
    """
    level = _whole(seen, "level") or _whole(drawn, "level")
    view = _view(desk, view_text, scope, level, query.get("anchor", ""))
    frame = desk.frame(view)
    window, plot_px = _window(seen), _whole(seen, "plot_px") or PLOT_PX
    wanted = _drawn(view, frame, (window, plot_px), pulse)
    changes: Sequence[Assignment] = ()
    if not _same(drawn, wanted):
        changes = patch_ops(build_figure(frame, view.settings, window, plot_px=plot_px))
    return Refresh(
        changes=changes,
        drawn=wanted if changes else drawn,
        query=_query(view, frame),
        options=_options(view),
        level_choices=level_choices(desk, view),
    )


def texts(
    desk: Desk,
    view_text: Mapping[str, str],
    scope: str,
    seen: Mapping[str, Any],
    anchor: str,
    pulse: int,
) -> Texts:
    """Return the texts around the chart as they are now.

    Args:
        desk: Serves the view.
        view_text: The settings, as `ViewSettings.to_query` writes them.
        scope: `live` or `stored`.
        seen: As in `refresh`.
        anchor: First session of the page's positions, "" for none.
        pulse: As in `refresh`.

    Raises:
        DashboardError: The settings cannot be shown.
    """
    view = _view(desk, view_text, scope, _whole(seen, "level"), anchor)
    frame, settings, now = desk.frame(view), view.settings, desk.context.clock.now_ns()
    wanted = _drawn(view, frame, (_window(seen), _whole(seen, "plot_px") or PLOT_PX), pulse)
    return Texts(
        cards=metric_cards(frame, settings),
        status=status_parts(frame, settings, now),
        feed_rows=feed_rows(frame, now),
        mode=mode_of(frame.snapshot),
        minimum=_minimum_text(settings, frame),
        due=f"{wanted['of']} {wanted['profile']}",
    )


def change(
    desk: Desk, view_text: Mapping[str, str], values: Mapping[str, object], trigger: str, scope: str
) -> Change:
    """Return what a changed control leads to (`views.settings.apply_values`)."""
    view = ViewSettings.parse(view_text)
    instrument = desk.series.instrument(view.symbol)
    if trigger == "session":
        if scope == "live" and values.get(trigger) == next(reversed(days(desk, view_text)), ""):
            return Change()  # the day that is live is shown already
        if values.get(trigger) == RANGE:
            return Change()
        scope = "stored"
    found = apply_values(view, values, trigger, instrument, PATHS[scope])
    if found.view is None:
        return found
    try:
        desk.frame(_view(desk, found.view, scope, None, ""))
    except (InputError, ViewNotPossibleError) as error:
        # A right value that the store cannot show is a fault of its control like a wrong one.
        name = QUICK.get(trigger, trigger)
        return Change(None, {**found.faults, name: error.user_text})
    return found


def days(desk: Desk, view_text: Mapping[str, str]) -> dict[str, str]:
    """Return the stored sessions of the view's instrument: date to label, oldest first."""
    symbol = ViewSettings.parse(view_text).symbol
    sessions = desk.series.sessions(symbol, desk.context.board.read(symbol))
    return dict(session_choices(sessions, desk.context.history.calendar(symbol)))


def studies_text(view_text: Mapping[str, str]) -> str:
    """Return how many studies are on."""
    view = ViewSettings.parse(view_text)
    shown = (view.vwap, view.bands > 0, view.cvd != "off", view.prevclose, view.table)
    return f"Studies {sum(shown)}"


def level_choices(desk: Desk, view: View) -> dict[str, str]:
    """Return the level sizes that the top bar offers: setting to text.

    Auto first, printed with the size that it is now; then round multiples of the tick in force, or
    the one height of stored rows that no others can be made of.
    """
    instrument = view.instrument
    shown = f" {price_text(view.level_size, instrument)} ·" if view.settings.level == "auto" else ""
    only = desk.series.only_level(instrument.symbol, view.first or None)
    sizes = {only} if only else {step * instrument.tick_size for step in LEVEL_STEPS}
    if view.settings.level != "auto":
        sizes.add(view.level_size)
    fixed = {_plain_price(size, instrument): price_text(size, instrument) for size in sorted(sizes)}
    return {"auto": f"Level{shown} Auto"} | {v: f"Level {text}" for v, text in fixed.items()}


def history_href(
    desk: Desk, view_text: Mapping[str, str], step: int, start: str | None, end: str | None
) -> str | None:
    """Return the address of another session or range of sessions; None to stay.

    Args:
        desk: Knows the stored sessions.
        view_text: The settings now.
        step: -1 for the session before the one shown, 1 for the one after, 0 for a range.
        start: The range's first date; None where not chosen.
        end: Its last date, inclusive; None where not chosen.
    """
    view = ViewSettings.parse(view_text)
    if step == 0:
        # A range is looked at as a whole, until another profile is chosen.
        profile = "all" if view.profile == "session" and (start or end) else view.profile
        wanted = replace(
            view, session="", from_date=start or "", to_date=end or "", profile=profile
        )
        if wanted.from_date and wanted.to_date and wanted.from_date > wanted.to_date:
            return None
    else:
        dates = sorted({s.date for s in desk.series.sessions(view.symbol)})
        if not dates:
            return None
        shown = view.session or (view.from_date if step < 0 else view.to_date) or dates[-1]
        place = bisect_left(dates, shown) + step
        if not 0 <= place < len(dates):
            return None
        profile = "session" if view.profile == "all" else view.profile
        wanted = replace(view, session=dates[place], from_date="", to_date="", profile=profile)
    return None if wanted == view else address(PATHS["stored"], wanted)


def warning(sentence: str) -> Part:
    """Return a part of the status line that says what is wrong."""
    return Part("", sentence, "warn")


def session_choices(sessions: Sequence[SessionInfo], calendar: Calendar) -> list[tuple[str, str]]:
    """Return (date, label) of the sessions, oldest first, each date once."""
    dates = {s.date: date_text(s.session_ns, calendar.timezone) for s in sessions}
    return list(dates.items())


def _view(
    desk: Desk, view_text: Mapping[str, str], scope: str, level: int | None, anchor: str
) -> View:
    """Return the view of a page's settings, at the level size and positions that it shows."""
    settings = ViewSettings.parse(view_text)
    instrument = desk.series.instrument(settings.symbol)
    first = int(anchor) if anchor.isascii() and anchor.isdecimal() and len(anchor) <= 19 else None
    return desk.resolve(settings, instrument, scope, current=level, anchor=first)


def _query(view: View, frame: ViewFrame) -> dict[str, str]:
    """Return the beat's parameters: the settings, and what keeps positions where they are."""
    query = view.settings.to_query()
    # Named also where it is the default: at an auto level the layer adds what it measured.
    query["level"] = view.settings.level
    if view.scope == "live":
        query["anchor"] = str(frame.snapshot.anchor_session_ns)
    return query


def _options(view: View) -> dict[str, Any]:
    theme = layer_theme(view.settings.palette)
    beat = {"scope": view.scope, "beat_ms": view.settings.beat}
    return {**layer_options(view.settings), "theme": theme, **beat}


def _drawn(
    view: View, frame: ViewFrame, seen: tuple[tuple[int, int] | None, float], pulse: int
) -> dict[str, Any]:
    """Return a digest of all that the figure depends on, coarse enough to change seldom.

    The window counts in halves of its own width, so that panning redraws the figure only when its
    held bars run out, and exactly where the profile is of the visible bars; a forming session's
    profile counts every fifth pulse.
    """
    total = len(frame)
    window, plot_px = seen
    step = max((window[1] - window[0]) // 2, 1) if window else 1
    place = (window[0] // step, step) if window else None
    if view.settings.profile == "visible":
        place = window
    forming = pulse // PROFILE_EVERY if frame.snapshot.is_open else 0
    facts = (
        sorted(view.settings.to_query().items()),
        frame.figure,
        frame.view,
        total,
        place,
        round(plot_px),
    )
    digest = hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()
    return {"of": digest, "level": view.level_size, "profile": forming, "total": total}


def _same(drawn: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    return all(drawn.get(name) == wanted[name] for name in ("of", "profile"))


def _window(seen: Mapping[str, Any] | None) -> tuple[int, int] | None:
    first, last = _whole(seen, "first"), _whole(seen, "last")
    return None if first is None or last is None or last < first else (first, last)


def _whole(values: Mapping[str, Any] | None, name: str) -> int | None:
    """Return a whole number that the browser sent; anything else counts as not sent."""
    value = values.get(name) if values else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _plain_price(units: int, instrument: Instrument) -> str:
    """Return a level size as the setting spells it."""
    return format(instrument.price_of(units).normalize(), "f")


def _minimum_text(settings: ViewSettings, frame: ViewFrame) -> str:
    """Return the minimum that `auto` stands for; nothing when it was typed."""
    return f"{-(-frame.min_volume // frame.divisor)}" if settings.minvol == "auto" else ""
