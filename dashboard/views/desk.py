"""The desk: serves views to pages and API; joins series, figures and what the browser has.

Stateless towards browsers: every call brings the settings as text. What is kept here is a bounded
cache of derived frames, the same for every viewer of a process.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboard.domain.bars import BarKind, BarSpec
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedState, FeedStatus
from dashboard.domain.snapshot import Snapshot
from dashboard.errors import InputError, StoreError, ViewNotPossibleError
from dashboard.figures.frame import ViewFrame, derive
from dashboard.figures.payload import build_payload, unchanged
from dashboard.figures.view import ViewSettings, defaults_for, resolve_level
from dashboard.ports import Context, SessionInfo
from dashboard.series.cache import MAX_BARS, SeriesCache
from dashboard.series.sources import needs_trades
from dashboard.views.beat import BeatAnswer, BeatRequest
from dashboard.views.levels import stored_level
from dashboard.views.settings import parse_leniently

FRAMES = 24
"""Derived frames kept: one per view that somebody looks at, least recently used out first."""

QUESTIONS = 256
"""Beat questions whose view hash is remembered."""

SCREENFUL = 60
"""Bars answered to a beat that names no window."""

READY_AGE_MS = 10_000
"""A feed that gave no sign of life for so long is not ready."""

_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class View:
    """One resolved view: checked settings and the instrument, level and sessions they mean.

    Attributes:
        settings: Checked.
        instrument: What is shown.
        scope: `live` (to the newest bar, forming included) or `stored` (history).
        level_size: Price units; auto is already decided.
        anchor: First session of a live view the browser has; None: a fresh one.
        first, last: Session ids of a stored view, both inclusive (0 in a live one).
    """

    settings: ViewSettings
    instrument: Instrument
    scope: str
    level_size: int
    anchor: int | None = None
    first: int = 0
    last: int = 0


class Desk:
    """Serves views.

    Args:
        context: Ports and page facts.
    """

    def __init__(self, context: Context) -> None:
        self.context = context
        self.series = SeriesCache(context.history, context.board)
        self._frames: OrderedDict[View, ViewFrame] = OrderedDict()
        self._answered: dict[Hashable, tuple[str, int]] = {}
        self._lock = threading.Lock()

    def instruments(self, scope: str) -> list[Instrument]:
        """Return the instruments to choose from: live ones first, or those with stored sessions."""
        known = self.context.history.instruments()
        live = [i for i in known if self.context.board.read(i.symbol) is not None]
        if scope == "live":
            return live or [i for i in known if self.context.history.sessions(i.symbol)]
        return [i for i in known if self.context.history.sessions(i.symbol)]

    def open_leniently(
        self, values: Mapping[str, object], scope: str
    ) -> tuple[View, dict[str, str]] | None:
        """Return the view that a URL asks for, with a sentence for every value that is wrong.

        A wrong value counts as not given. None when nothing is stored yet.
        """
        known = self.instruments(scope)
        if not known:
            return None
        faults: dict[str, str] = {}
        wanted = values.get("symbol")
        chosen = next((i for i in known if i.symbol == wanted), None)
        if chosen is None:
            chosen = known[0]
            if wanted:
                names = ", ".join(i.symbol for i in known)
                faults["symbol"] = InputError("symbol", wanted, f"one of {names}").user_text
        given = {name: value for name, value in values.items() if name != "symbol"}
        settings, found = parse_leniently(given, self.defaults(chosen), chosen)
        view, refused = self._nearest(settings, chosen, scope)
        return view, faults | found | refused

    def _nearest(
        self, settings: ViewSettings, instrument: Instrument, scope: str
    ) -> tuple[View, dict[str, str]]:
        """Return the view of the settings, and a sentence for each that had to give way.

        Sessions that are not stored give way to the newest one; bars or levels that the store
        cannot make, or too many of them, to the instrument's own; if that is still too much, a
        range to the newest session.
        """
        faults: dict[str, str] = {}
        own = self.defaults(instrument)
        dates = ("session", "from_date", "to_date")
        while True:
            try:
                view = self.resolve(settings, instrument, scope)
                self.frame(view)
            except (InputError, ViewNotPossibleError) as error:
                named = error.field if isinstance(error, InputError) else ""
                if named in dates or (settings.bar, settings.level) == (own.bar, own.level):
                    name = named or "session"
                    nearer = replace(settings, session="", from_date="", to_date="")
                else:
                    name = "bar" if settings.bar != own.bar else "level"
                    nearer = replace(settings, bar=own.bar, level=own.level)
                if nearer == settings:
                    raise
                faults.setdefault(name, error.user_text)
                settings = nearer
            else:
                return view, faults

    def defaults(self, instrument: Instrument) -> ViewSettings:
        """Return how an instrument is first shown here: its own defaults, this machine's beat.

        Where the store has only bars, and the default is no multiple of them, they are shown.
        """
        usual = self._usual(instrument)
        sessions = self.series.sessions(instrument.symbol)
        step = sessions[-1].origin.interval_s if sessions else 0
        if not step or not needs_trades(usual.bar_spec, step):
            return usual
        if self.context.history.has_trades(instrument.symbol, sessions[-1].session_ns):
            return usual
        return replace(usual, bar=str(BarSpec(BarKind.TIME, step)))

    def _usual(self, instrument: Instrument) -> ViewSettings:
        return replace(defaults_for(instrument), beat=self.context.beat_ms)

    def open(self, request: BeatRequest) -> View:
        """Return the view that a beat asks for.

        Raises:
            InputError: A setting is wrong.
            InstrumentUnknownError: No such instrument is stored.
        """
        symbol = str(request.values.get("symbol", ""))
        if not symbol:
            raise InputError("symbol", symbol, "the symbol of a stored instrument")
        instrument = self.series.instrument(symbol)
        # Beats name their bar; looking for one costs a query of the store.
        base = self._usual(instrument) if request.values.get("bar") else self.defaults(instrument)
        settings = ViewSettings.parse(request.values, base)
        if request.current is not None and request.current % instrument.tick_size:
            allowed = f"a multiple of the tick, {instrument.tick_size} price units"
            raise InputError("current", request.current, allowed)
        return self.resolve(
            settings,
            instrument,
            request.scope,
            pane_px=request.pane_px,
            span=request.span,
            current=request.current,
            anchor=request.anchor,
        )

    def resolve(
        self,
        settings: ViewSettings,
        instrument: Instrument,
        scope: str,
        *,
        pane_px: float | None = None,
        span: int | None = None,
        current: int | None = None,
        anchor: int | None = None,
    ) -> View:
        """Return the view of checked settings: level size and sessions decided.

        Raises:
            InputError: The level is not possible, or no session is stored at the dates.
        """
        level = resolve_level(settings, instrument, span, pane_px, current)
        if scope == "live":
            level = stored_level(self.series, settings, instrument, level)
            return View(settings, instrument, scope, level, anchor=anchor)
        first, last = self._sessions_of(settings, instrument)
        level = stored_level(self.series, settings, instrument, level, first)
        return View(settings, instrument, scope, level, first=first, last=last)

    def snapshot(self, view: View) -> Snapshot:
        """Return the bars of a view as they are now."""
        spec = view.settings.bar_spec
        if view.scope == "live":
            return self.series.live_snapshot(
                view.instrument.symbol, spec, view.level_size, view.anchor
            )
        found = self.series.stored_snapshot(
            view.instrument.symbol, spec, view.level_size, view.first, view.last
        )
        if len(found.bars) > MAX_BARS:
            raise InputError(
                "bar",
                view.settings.bar,
                f"longer bars or fewer sessions: {len(found.bars):,} "
                f"bars are more than the {MAX_BARS:,} of one view",
            )
        return found

    def frame(self, view: View) -> ViewFrame:
        """Return the derived frame of a view, brought up to date from the one before."""
        snapshot = self.snapshot(view)
        key = replace(view, anchor=snapshot.anchor_session_ns)
        with self._lock:
            previous = self._frames.get(key)
        frame = derive(snapshot, view.settings, previous)
        with self._lock:
            self._frames[key] = frame
            self._frames.move_to_end(key)
            while len(self._frames) > FRAMES:
                self._frames.popitem(last=False)
        return frame

    def beat(self, request: BeatRequest) -> BeatAnswer:
        """Answer a beat: the changed bars of the window, or that nothing changed.

        Raises:
            InputError: A parameter is wrong, or the window is larger than the caps.
        """
        now = self.context.clock.now_ns()
        status = self.context.board.read_status() if request.scope == "live" else None
        cause = status.cause if status is not None else ""
        nothing = BeatAnswer(None, self.age_ms(status, now), _state(status), cause)
        if request.known and self._unchanged(request):
            return nothing
        view = self.open(request)
        frame = self.frame(view)
        with self._lock:
            self._answered[request.question] = (frame.view, frame.snapshot.generation)
            while len(self._answered) > QUESTIONS:
                del self._answered[next(iter(self._answered))]
        last = len(frame) - 1
        window = (
            request.first if request.first is not None else max(0, last - SCREENFUL + 1),
            request.last if request.last is not None else last,
        )
        if request.since and unchanged(frame, request.since, request.known):
            return nothing
        body = build_payload(frame, view.settings, window, request.since, request.known, now)
        return replace(nothing, body=body)

    def list_instruments(self) -> list[dict[str, Any]]:
        """Return every stored instrument with its sessions, as the API and the CLI list them."""
        return [
            {
                "symbol": i.symbol,
                "exchange": i.exchange,
                "calendar": i.calendar,
                "simulated": i.simulated,
                "price_scale": i.price_scale,
                "tick_size": str(i.price_of(i.tick_size)),
                "lot_size": i.lot_size,
                "expiry": i.expiry,
                "sessions": [
                    {
                        "date": s.date,
                        "trades": s.trades,
                        "volume": s.volume,
                        "confirmed": s.confirmed,
                    }
                    for s in self.series.sessions(i.symbol)
                ],
            }
            for i in self.context.history.instruments()
        ]

    def readiness(self) -> tuple[bool, dict[str, Any]]:
        """Return whether pages can be served and the feed is alive, and the facts."""
        status = self.context.board.read_status()
        age = self.age_ms(status, self.context.clock.now_ns())
        facts: dict[str, Any] = {"feed": _state(status), "feed_age_ms": age}
        facts["cause"] = status.cause if status is not None else ""
        try:
            facts["store_generation"] = self.context.history.generation()
        except StoreError as error:
            return False, facts | {"store": error.user_text}
        return status is None or (age < READY_AGE_MS and not status.cause), facts | {"store": "ok"}

    def age_ms(self, status: FeedStatus | None, now_ns: int) -> int:
        """Return how long ago the feed gave a sign of life, -1 when there is none."""
        if status is None or not status.heartbeat_ns:
            return -1
        return max(0, (now_ns - status.heartbeat_ns) // _MS)

    def _unchanged(self, request: BeatRequest) -> bool:
        """Tell from the board's version alone whether the asker has everything.

        A question that was answered with the hash the asker knows needs no look at the series while
        the board stands still. An asker whose window has moved sends `since` 0.
        """
        known = self._answered.get(request.question)
        if known is None or known[0] != request.known or request.scope != "live":
            return False
        live = self.context.board.read(str(request.values.get("symbol", "")))
        return (
            live is not None
            and live.version == request.since
            and known[1] == self.context.history.generation()
        )

    def _sessions_of(self, settings: ViewSettings, instrument: Instrument) -> tuple[int, int]:
        """Return the first and last session id of a stored view."""
        sessions = self.series.sessions(instrument.symbol)
        if not sessions:
            raise InputError("symbol", instrument.symbol, "an instrument with stored sessions")
        if settings.from_date or settings.to_date:
            start, end = settings.from_date or "0000", settings.to_date or "9999"
            inside = [s for s in sessions if start <= s.date <= end]
            if not inside:
                name = "from_date" if settings.from_date else "to_date"
                raise InputError(name, settings.from_date or settings.to_date, _dates(sessions))
            return inside[0].session_ns, inside[-1].session_ns
        if not settings.session:
            return sessions[-1].session_ns, sessions[-1].session_ns
        found = [s for s in sessions if s.date == settings.session]
        if not found:
            raise InputError("session", settings.session, _dates(sessions))
        return found[0].session_ns, found[-1].session_ns


def _dates(sessions: list[SessionInfo]) -> str:
    return f"a stored session from {sessions[0].date} to {sessions[-1].date}"


def _state(status: FeedStatus | None) -> str:
    return (status.state if status is not None else FeedState.STOPPED).value
