"""The series of a process: shared by its viewers, bounded in bytes, void when the store changes.

`snapshot` is the one way to the bars of a view, for the live page, the history page, the API and
exports alike.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import BarKind, Bars, BarSpec
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import LiveState
from dashboard.domain.snapshot import Snapshot
from dashboard.errors import InstrumentUnknownError, ViewNotPossibleError
from dashboard.ports import Board, History, SessionInfo
from dashboard.series.sources import MinuteSeries, Series, TradeSeries, needs_trades

MAX_BARS = 5_000
"""Most bars of one view; a live view starts at a later session rather than exceed it."""

CACHE_BYTES = 100 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SeriesKey:
    """What a cached series is of. `last_session` is None for a view that follows the newest."""

    symbol: str
    spec: BarSpec
    level_size: int
    first_session: int
    last_session: int | None


@dataclass(slots=True)
class _Entry:
    series: Series
    instrument: Instrument
    calendar: Calendar
    previous_levels: NDArray[np.int64]
    previous_close: dict[int, int | None] = field(default_factory=dict)
    by_rule: tuple[int, ...] | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)
    bytes: int = 0


class SeriesCache:
    """Series by key, least recently used first out.

    Args:
        history: The store's read side.
        board: The live board.
        limit_bytes: Bars kept in memory at the most, the one just asked for apart.
    """

    def __init__(self, history: History, board: Board, limit_bytes: int = CACHE_BYTES) -> None:
        self._history = history
        self._board = board
        self._limit = limit_bytes
        self._entries: OrderedDict[SeriesKey, _Entry] = OrderedDict()
        self._sessions: dict[str, tuple[int, list[SessionInfo]]] = {}
        self._centred: dict[str, dict[int, int]] = {}
        self._generation = -1
        self._lock = threading.Lock()

    def instrument(self, symbol: str) -> Instrument:
        """Return the instrument of a symbol.

        Raises:
            InstrumentUnknownError: The store has none of that symbol; the known ones are named.
        """
        found = self._history.find_instrument(symbol)
        if found is None:
            known = [i.symbol for i in self._history.instruments()]
            raise InstrumentUnknownError(symbol, known)
        return found

    def instruments(self) -> list[Instrument]:
        """Return all stored instruments, by symbol."""
        return self._history.instruments()

    def sessions(self, symbol: str, live: LiveState | None = None) -> list[SessionInfo]:
        """Return the stored sessions in time order, read again when a new one has begun."""
        newest = live.session_ns if live is not None else -1
        with self._lock:
            self._check_generation()
            known = self._sessions.get(symbol)
            if known is None or known[0] != newest or live is None:
                known = (newest, self._history.sessions(symbol))
                self._sessions[symbol] = known
            return known[1]

    def only_level(self, symbol: str, session_ns: int | None = None) -> int | None:
        """Return the one level size that a session can be shown at, None where others can be made.

        Levels that are centred on their prices, as the predecessor's, cannot be joined exactly.

        Args:
            symbol: The instrument.
            session_ns: The session; None: the newest.
        """
        with self._lock:
            self._check_generation()
            centred = self._centred.get(symbol)
            if centred is None:  # only an import, which raises the generation, brings such bars
                centred = {
                    s.session_ns: s.level_size
                    for s in self._history.sessions(symbol)
                    if s.origin.level_anchor == "nearest"
                }
                self._centred[symbol] = centred
        if centred and session_ns is None:
            session_ns = self.sessions(symbol, self._board.read(symbol))[-1].session_ns
        return centred.get(session_ns or 0)

    def live_snapshot(
        self, symbol: str, spec: BarSpec, level_size: int, anchor: int | None = None, back: int = 1
    ) -> Snapshot:
        """Return the bars from an anchor session to the newest, the forming one included.

        A view that an earlier session cannot be part of begins after it.

        Args:
            symbol: The instrument.
            spec: The recipe.
            level_size: Price units.
            anchor: First session wanted (a page keeps the one it opened with, so that positions
                never move); None or one that is not stored: `back` sessions before the newest.
            back: Sessions before the newest, for a fresh anchor.
        """
        # The board first: a minute that closes between the two reads is then in the store, and the
        # stored bar replaces the open one; the other way round it would be in neither.
        live = self._board.read(symbol)
        sessions = [s.session_ns for s in self.sessions(symbol, live)]
        if anchor is None or anchor not in sessions:
            anchor = sessions[max(0, len(sessions) - 1 - back)] if sessions else 0
        key = SeriesKey(symbol, spec, level_size, anchor, None)
        while sessions and anchor != sessions[-1]:
            try:
                snapshot = self._snapshot(key, live)
            except ViewNotPossibleError:
                pass  # an earlier session's trades are deleted, or its bars of another source
            else:
                if len(snapshot.bars) <= MAX_BARS:
                    return snapshot
            anchor = sessions[sessions.index(anchor) + 1]
            key = replace(key, first_session=anchor)
        return self._snapshot(key, live)

    def stored_snapshot(
        self, symbol: str, spec: BarSpec, level_size: int, first: int, last: int
    ) -> Snapshot:
        """Return the stored bars of the sessions first..last, both inclusive (session ids)."""
        return self._snapshot(SeriesKey(symbol, spec, level_size, first, last), None)

    def _snapshot(self, key: SeriesKey, live: LiveState | None) -> Snapshot:
        entry = self._entry(key)
        with entry.lock:
            generation = self._generation
            entry.series.refresh(live)
            bars, is_open = entry.series.bars, entry.series.is_open
            epoch = entry.series.layout_epoch
            close = self._previous_close(entry, key, bars)
            by_rule = self._volume_by_rule(entry, key, live)
        self._account(key, entry)
        status = self._board.read_status() if key.last_session is None else None
        newest = int(bars.version.max(initial=0))
        seq = int(bars.last_seq.max(initial=0))
        return Snapshot(
            instrument=entry.instrument,
            calendar=entry.calendar,
            bars=bars,
            anchor_session_ns=key.first_session,
            generation=generation,
            layout_epoch=epoch,
            version=live.version if live is not None else newest,
            trade_seq=seq,
            live=live,
            status=status,
            is_open=is_open,
            previous_levels=entry.previous_levels,
            previous_close=close,
            sides_estimated=_is_estimated(by_rule, bars),
            by_rule=by_rule,
        )

    def _volume_by_rule(
        self, entry: _Entry, key: SeriesKey, live: LiveState | None
    ) -> tuple[int, ...]:
        """Return how sides were decided; stored sessions are asked once per cached series."""
        if live is not None:
            return live.provenance.by_rule
        if entry.by_rule is None:
            first = key.first_session or None
            entry.by_rule = self._history.read_volume_by_rule(key.symbol, first, key.last_session)
        return entry.by_rule

    def _entry(self, key: SeriesKey) -> _Entry:
        with self._lock:
            self._check_generation()
            entry = self._entries.get(key)
            if entry is not None:
                self._entries.move_to_end(key)
                return entry
        entry = self._build(key)
        with self._lock:
            return self._entries.setdefault(key, entry)

    def _build(self, key: SeriesKey) -> _Entry:
        instrument = self.instrument(key.symbol)
        calendar = self._history.calendar(key.symbol)
        series = self._series_of(key, instrument, calendar)
        return _Entry(
            series, instrument, calendar, self._previous_levels(key, instrument, calendar)
        )

    def _series_of(self, key: SeriesKey, instrument: Instrument, calendar: Calendar) -> Series:
        """Return a series that has read nothing yet."""
        if needs_trades(key.spec, self._base_interval(key)):
            self._require_trades(key)
            make: type[TradeSeries | MinuteSeries] = TradeSeries
        else:
            make = MinuteSeries
        return make(
            self._history,
            key.symbol,
            key.spec,
            key.level_size,
            instrument.tick_size,
            calendar,
            key.first_session or None,
            key.last_session,
        )

    def _base_interval(self, key: SeriesKey) -> int:
        """Return the length in seconds of the range's base bars (60 when none are stored yet)."""
        # The session's row says it: its bars are read once, by the series.
        stored = self._history.sessions(key.symbol)
        origins = (s.origin for s in stored if s.session_ns >= key.first_session)
        first = next(origins, None)
        return first.interval_s or 60 if first is not None else 60

    def _require_trades(self, key: SeriesKey) -> None:
        """Refuse a recipe that needs raw trades where a session of the range has none."""
        for session in self._history.sessions(key.symbol):
            inside = session.session_ns >= key.first_session and (
                key.last_session is None or session.session_ns <= key.last_session
            )
            if inside and not self._history.has_trades(key.symbol, session.session_ns):
                step = session.origin.interval_s or 60
                multiples = [str(BarSpec(BarKind.TIME, step * n)) for n in (1, 3, 12)]
                such_as = f"{', '.join(multiples[:-1])} or {multiples[-1]}"
                msg = (
                    f"{key.spec} bars need single trades, and the session of {session.date} "
                    f"has only stored bars; use a multiple of their length, such as {such_as}."
                )
                raise ViewNotPossibleError(msg)

    def _previous_levels(
        self, key: SeriesKey, instrument: Instrument, calendar: Calendar
    ) -> NDArray[np.int64]:
        """Return the level volumes of the session before the range, in the view's own bars.

        They are what a view that begins a session earlier finds inside itself, so that both come to
        the same imbalance minimum.
        """
        earlier = [
            s.session_ns
            for s in self._history.sessions(key.symbol)
            if s.session_ns < key.first_session
        ]
        if not earlier:
            return np.zeros(0, np.int64)
        before = replace(key, first_session=earlier[-1], last_session=earlier[-1])
        try:
            series = self._series_of(before, instrument, calendar)
            series.refresh(None)
        except ViewNotPossibleError:
            return np.zeros(0, np.int64)
        return series.bars.level_volume

    def _previous_close(self, entry: _Entry, key: SeriesKey, bars: Bars) -> int | None:
        """Return the close of the session before the newest bar's session."""
        if not len(bars):
            return None
        newest = int(bars.session_ns[-1])
        if newest not in entry.previous_close:
            inside = bars.close[bars.session_ns < newest]
            entry.previous_close[newest] = (
                int(inside[-1]) if len(inside) else self._stored_close_before(key.symbol, newest)
            )
        return entry.previous_close[newest]

    def _stored_close_before(self, symbol: str, session_ns: int) -> int | None:
        earlier = [s for s in self._history.sessions(symbol) if s.session_ns < session_ns]
        if not earlier:
            return None
        bars = self._history.read_bars(symbol, earlier[-1].session_ns, earlier[-1].session_ns)
        return int(bars.close[-1]) if len(bars) else None

    def _check_generation(self) -> None:
        """Forget everything when imports, back-fills or deletions changed the store."""
        generation = self._history.generation()
        if generation != self._generation:
            self._entries.clear()
            self._sessions.clear()
            self._centred.clear()
            self._generation = generation

    def _account(self, key: SeriesKey, entry: _Entry) -> None:
        """Keep the sum of cached bytes under the limit, oldest use first."""
        entry.bytes = entry.series.nbytes
        with self._lock:
            total = sum(e.bytes for e in self._entries.values())
            while total > self._limit and len(self._entries) > 1:
                oldest = next(iter(self._entries))
                if oldest == key:
                    break
                total -= self._entries.pop(oldest).bytes


def _is_estimated(by_rule: tuple[int, ...], bars: Bars) -> bool:
    """Sides are estimates wherever a rule other than the source's own flag decided."""
    return sum(by_rule[1:]) > 0 or not bars.origin.ohlc_exact
