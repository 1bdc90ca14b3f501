"""Trading calendars: dated sessions per product group; a session's id is its open instant.

The rules live here, the dates come in as rows (`storage/calendars.py` loads them from data files).
Two kinds of calendar exist: dated ones, with hours in a zone's wall time, holidays and special
days; and periodic ones, whose sessions follow each other without a pause (24x7, simulated). Both
answer the same questions. This module and `figures.labels` are the only ones with time zones.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

I64 = NDArray[np.int64]

SECOND_NS = 1_000_000_000
DAY_NS = 86_400 * SECOND_NS
SIM_SESSION_NS = 385 * 60 * SECOND_NS
"""Length of a simulated session: 09:15 to 15:40, the trading day of NSE F&O since Aug 2026."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WEEKDAYS = (0, 1, 2, 3, 4)


class SessionKind(StrEnum):
    """Why a date has, or has not, trading hours."""

    REGULAR = "regular"
    SPECIAL = "special"
    HOLIDAY = "holiday"
    WEEKEND = "weekend"


@dataclass(frozen=True, slots=True)
class CalendarRow:
    """Hours that hold from a date on.

    Attributes:
        valid_from: First date of these hours.
        valid_to: Last date, inclusive; None while they are in force.
        open, close: Wall time of the calendar's zone, ``HH:MM``; the close may be ``24:00``.
        source: Where this is written: a circular, a page.
    """

    valid_from: date
    valid_to: date | None
    open: str
    close: str
    source: str = ""


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A date that differs from the rule: no trading (`holiday`) or other hours (`special`).

    `open` and `close` are "" for a holiday. A holiday with an evening session is one special day.
    """

    date: date
    kind: Literal["holiday", "special"]
    open: str = ""
    close: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Session:
    """One session, or the place of a date without one.

    Attributes:
        open_ns: Open instant, UTC epoch ns; the session's id.
        close_ns: Close instant, exclusive.
        date: ISO date of the open in the calendar's zone.
        confirmed: True when the calendar's table covers the date and says that it trades; False
            for "open by rule, unconfirmed" and for weekends and holidays, on which data is a
            surprise.
        kind: Why the date has these hours.
        label: Unique text of the session: the date, with " #2" where several share a date.
    """

    open_ns: int
    close_ns: int
    date: str
    confirmed: bool
    kind: SessionKind
    label: str

    @property
    def trades(self) -> bool:
        """Whether the market is meant to be open at all (no weekend, no holiday)."""
        return self.kind in {SessionKind.REGULAR, SessionKind.SPECIAL}


@dataclass(frozen=True)
class Calendar(ABC):
    """Sessions of one product group.

    Every instant belongs to exactly one session, also outside hours: then to the session of its
    local date, so that a session's id depends on nothing but the calendar.

    Attributes:
        name: What an instrument refers to, e.g. ``nse-fo``.
        timezone: IANA name of the zone in which dates and hours are meant.
    """

    name: str
    timezone: str

    @abstractmethod
    def session_open(self, event_ns: I64) -> I64:
        """Return the session ids of many instants.

        Args:
            event_ns: Shape (T,), UTC epoch ns, any order.

        Returns:
            Shape (T,): the open instant of the session to which each belongs.
        """

    @abstractmethod
    def session_at(self, instant_ns: int) -> Session:
        """Return the session to which an instant belongs, also outside hours."""

    @abstractmethod
    def next_session(self, instant_ns: int) -> Session:
        """Return the first session that opens after the instant (strictly)."""

    def sessions_between(self, start_ns: int, end_ns: int) -> list[Session]:
        """Return the trading sessions that overlap [start_ns, end_ns), in time order."""
        found: list[Session] = []
        session = self.session_at(start_ns)
        while session.open_ns < end_ns:
            if session.trades and session.close_ns > start_ns:
                found.append(session)
            session = self.next_session(session.open_ns)
        return found

    def in_session(self, instant_ns: int) -> bool:
        """Whether the market is meant to be open: open <= instant < close of a trading day."""
        session = self.session_at(instant_ns)
        return session.trades and session.open_ns <= instant_ns < session.close_ns


@dataclass(frozen=True)
class PeriodicCalendar(Calendar):
    """Sessions of one length, one after another round the clock, counted from the epoch."""

    period_ns: int

    def session_open(self, event_ns: I64) -> I64:
        """Return ``floor(t / period) * period`` of each instant."""
        opens: I64 = np.asarray(event_ns, dtype=np.int64) // self.period_ns * self.period_ns
        return opens

    def session_at(self, instant_ns: int) -> Session:
        """Return the session that contains the instant."""
        open_ns = int(instant_ns) // self.period_ns * self.period_ns
        zone = ZoneInfo(self.timezone)
        day = _local_date(open_ns, zone)
        text = day.isoformat()
        # Sessions that opened earlier on the same date; -(-a // b) rounds up.
        first_open = -(-_instant(day, "00:00", zone) // self.period_ns) * self.period_ns
        number = (open_ns - first_open) // self.period_ns + 1
        label = text if self.period_ns >= DAY_NS else f"{text} #{number}"
        close_ns = open_ns + self.period_ns
        return Session(open_ns, close_ns, text, True, SessionKind.REGULAR, label)

    def next_session(self, instant_ns: int) -> Session:
        """Return the session that follows the one containing the instant."""
        return self.session_at(int(instant_ns) + self.period_ns)


@dataclass(frozen=True)
class DatedCalendar(Calendar):
    """Sessions by date, made by `build_calendar`.

    Attributes:
        rules: Rows of hours by `valid_from`, not overlapping.
        specials: Days that differ, by date.
        weekdays: Days of the week that trade (0 is Monday).
        known: First and last date that the table vouches for; None when it vouches for none.
    """

    rules: tuple[CalendarRow, ...]
    specials: Mapping[date, SpecialDay] = field(hash=False)
    weekdays: frozenset[int]
    known: tuple[date, date] | None
    # A date's session never changes, so it is worked out once; concurrent writers store equals.
    _sessions: dict[date, Session] = field(default_factory=dict, compare=False, repr=False)

    def session_open(self, event_ns: I64) -> I64:
        """Return the open of each instant's local date: one table look-up per instant."""
        instants = np.asarray(event_ns, dtype=np.int64)
        if not instants.size:
            return instants.copy()
        zone = ZoneInfo(self.timezone)
        first = _local_date(int(instants.min()), zone)
        last = _local_date(int(instants.max()), zone)
        days = [first + timedelta(n) for n in range((last - first).days + 1)]
        opens = np.array([self._session_on(day).open_ns for day in days], dtype=np.int64)
        if len(days) == 1:
            return np.full(instants.shape, opens[0])
        midnights = np.array([_instant(day, "00:00", zone) for day in days], dtype=np.int64)
        index: I64
        if (np.diff(midnights) == DAY_NS).all():
            index = (instants - midnights[0]) // DAY_NS
        else:  # days of 23 and 25 hours: the zone changed its offset on the way
            index = np.searchsorted(midnights, instants, side="right") - 1
        return opens[index]

    def session_at(self, instant_ns: int) -> Session:
        """Return the session of the instant's local date, whatever kind of day that is."""
        return self._session_on(_local_date(int(instant_ns), ZoneInfo(self.timezone)))

    def next_session(self, instant_ns: int) -> Session:
        """Return the first trading session that opens after the instant."""
        day = _local_date(int(instant_ns), ZoneInfo(self.timezone))
        return next(s for s in self._sessions_from(day) if s.trades and s.open_ns > instant_ns)

    def _sessions_from(self, day: date) -> Iterator[Session]:
        while True:
            yield self._session_on(day)
            day += timedelta(1)

    def _session_on(self, day: date) -> Session:
        session = self._sessions.get(day)
        if session is None:
            session = self._sessions[day] = self._build_session(day)
        return session

    def _build_session(self, day: date) -> Session:
        rule, in_force = _rule_on(self.rules, day)
        special = self.specials.get(day)
        hours: CalendarRow | SpecialDay = rule
        if special is not None and special.kind == "special":
            kind, confirmed, hours = SessionKind.SPECIAL, True, special
        elif special is not None:
            kind, confirmed = SessionKind.HOLIDAY, False
        elif day.weekday() not in self.weekdays:
            kind, confirmed = SessionKind.WEEKEND, False
        else:
            kind, confirmed = SessionKind.REGULAR, in_force and self._vouches_for(day)
        zone = ZoneInfo(self.timezone)
        open_ns, close_ns = (_instant(day, text, zone) for text in (hours.open, hours.close))
        return Session(open_ns, close_ns, day.isoformat(), confirmed, kind, day.isoformat())

    def _vouches_for(self, day: date) -> bool:
        return self.known is not None and self.known[0] <= day <= self.known[1]


def build_calendar(
    name: str,
    timezone: str,
    rules: Iterable[CalendarRow],
    specials: Iterable[SpecialDay] = (),
    weekdays: Iterable[int] = _WEEKDAYS,
    *,
    known: tuple[date, date] | None = None,
) -> Calendar:
    """Build a dated calendar from its rows.

    Before the first rule and after the last, the nearest one is used and the date is unconfirmed.

    Args:
        name: The calendar's name.
        timezone: IANA zone of dates and hours.
        rules: Hours with their dates, at least one, in any order.
        specials: Holidays and special days, at most one row per date.
        weekdays: Days of the week that trade, 0 is Monday; at least one.
        known: First and last date for which all holidays are listed. Left out: the calendar years
            from the first to the last holiday listed, because exchanges publish them by the year.

    Raises:
        ValueError: No rule or weekday; rules overlap; a date is listed twice; hours do not read as
            ``HH:MM`` or the close is not after the open; the zone is unknown.
    """
    rows = tuple(sorted(rules, key=lambda row: row.valid_from))
    dates = sorted(specials, key=lambda row: row.date)
    days = frozenset(weekdays)
    fault = (
        _rule_fault(rows, days)
        or _date_fault(dates)
        or _hours_fault([(row.open, row.close) for row in rows])
        or _hours_fault([(day.open, day.close) for day in dates if day.kind == "special"])
        or _zone_fault(timezone)
    )
    if fault:
        msg = f"calendar {name}: {fault}"
        raise ValueError(msg)
    listed = {special.date: special for special in dates}
    return DatedCalendar(name, timezone, rows, listed, days, known or _years_of(listed))


def calendar_24x7() -> Calendar:
    """Return the calendar of markets that never close: UTC days."""
    return PeriodicCalendar("24x7", "UTC", DAY_NS)


def calendar_sim() -> Calendar:
    """Return the simulated market's calendar: 385-minute sessions round the clock.

    Session n opens at epoch + n * 385 min, so its id needs no table. Dates are Indian, as the
    simulated instruments are.
    """
    return PeriodicCalendar("sim", "Asia/Kolkata", SIM_SESSION_NS)


def _rule_fault(rows: Sequence[CalendarRow], days: frozenset[int]) -> str:
    if not rows or not days or not days <= frozenset(range(7)):
        return "it needs a rule, and weekdays from 0 (Monday) to 6"
    for earlier, later in pairwise(rows):
        if earlier.valid_to is None or earlier.valid_to >= later.valid_from:
            return f"the rules from {earlier.valid_from} and from {later.valid_from} overlap"
    return ""


def _date_fault(dates: Sequence[SpecialDay]) -> str:
    twice = [a.date for a, b in pairwise(dates) if a.date == b.date]
    return f"{twice[0]} is listed twice" if twice else ""


def _hours_fault(hours: Iterable[tuple[str, str]]) -> str:
    for opens, closes in hours:
        start, end = _minutes(opens), _minutes(closes)
        if start is None or end is None:
            return f"{opens!r} to {closes!r} are not two times of day as HH:MM"
        if start >= end:
            return f"the close {closes} is not after the open {opens}"
    return ""


def _zone_fault(timezone: str) -> str:
    try:
        ZoneInfo(timezone)
    except (OSError, KeyError, ValueError):
        return f"there is no time zone {timezone!r}"
    return ""


def _rule_on(rules: Sequence[CalendarRow], day: date) -> tuple[CalendarRow, bool]:
    """Return the hours for a date and whether a row really covers it."""
    earlier = [row for row in rules if row.valid_from <= day]
    if not earlier:
        return rules[0], False
    row = earlier[-1]
    return row, row.valid_to is None or day <= row.valid_to


def _years_of(listed: Mapping[date, SpecialDay]) -> tuple[date, date] | None:
    """Return the first and last day of the years in which holidays are listed."""
    years = [day.year for day, special in listed.items() if special.kind == "holiday"]
    return (date(min(years), 1, 1), date(max(years), 12, 31)) if years else None


def _minutes(text: str) -> int | None:
    """Return ``HH:MM`` in minutes after midnight, 24:00 included; None when it is no such text."""
    match = re.fullmatch(r"([0-9]{2}):([0-5][0-9])", text)
    minutes = int(match[1]) * 60 + int(match[2]) if match else None
    return minutes if minutes is not None and minutes <= 24 * 60 else None


def _local_date(instant_ns: int, zone: ZoneInfo) -> date:
    """Return the date that the zone's clocks show at an instant."""
    # Not fromtimestamp(), which refuses instants before 1970 on Windows.
    utc = _EPOCH + timedelta(seconds=instant_ns // SECOND_NS)
    return utc.astimezone(zone).date()


def _instant(day: date, clock: str, zone: ZoneInfo) -> int:
    """Return the UTC epoch ns of a date's wall time ``HH:MM`` (24:00 is the next midnight)."""
    wall = datetime.combine(day, time.min) + timedelta(minutes=_minutes(clock) or 0)
    since = wall.replace(tzinfo=zone) - _EPOCH
    return (since.days * 86_400 + since.seconds) * SECOND_NS
