"""Every instant belongs to one session, whichever way it is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from dashboard.domain.calendar import (
    DAY_NS,
    SECOND_NS,
    SIM_SESSION_NS,
    Calendar,
    CalendarRow,
    SessionKind,
    SpecialDay,
    build_calendar,
    calendar_24x7,
    calendar_sim,
)

IST = timezone(timedelta(hours=5, minutes=30))
OLD = CalendarRow(date(2000, 1, 1), date(2026, 8, 2), "09:15", "15:30", "NSE timings")
NEW = CalendarRow(date(2026, 8, 3), None, "09:15", "15:40", "circular of May 2026")
DAYS = [
    SpecialDay(date(2025, 10, 21), "special", "13:45", "14:45", "Muhurat trading"),
    SpecialDay(date(2025, 10, 22), "holiday"),
    SpecialDay(date(2026, 10, 2), "holiday"),
    SpecialDay(date(2026, 2, 1), "special", "09:15", "15:30", "budget on a Sunday"),
]
NSE = build_calendar("nse-fo", "Asia/Kolkata", [NEW, OLD], DAYS)
WEEKDAYS = build_calendar(
    "x", "America/New_York", [CalendarRow(OLD.valid_from, None, "09:30", "16:00")]
)
QUICK = settings(max_examples=100, deadline=None)


def ns(text: str, zone: timezone | ZoneInfo = IST) -> int:
    wall = datetime.fromisoformat(text).replace(tzinfo=zone)
    return round(wall.timestamp()) * SECOND_NS


def test_the_close_moved_on_3_august_2026() -> None:
    before, after = NSE.session_at(ns("2026-07-31 12:00")), NSE.session_at(ns("2026-08-03 12:00"))
    assert (before.open_ns, before.close_ns) == (ns("2026-07-31 09:15"), ns("2026-07-31 15:30"))
    assert (after.open_ns, after.close_ns) == (ns("2026-08-03 09:15"), ns("2026-08-03 15:40"))
    assert not NSE.in_session(ns("2026-07-31 15:35"))
    assert NSE.in_session(ns("2026-08-03 15:35"))
    assert (before.date, before.label, before.kind) == ("2026-07-31", "2026-07-31", "regular")


@pytest.mark.parametrize(
    ("when", "open_", "kind", "trades", "confirmed"),
    [
        ("2026-09-11 12:00", "2026-09-11 09:15", SessionKind.REGULAR, True, True),
        ("2026-09-11 03:00", "2026-09-11 09:15", SessionKind.REGULAR, True, True),
        ("2026-09-11 23:59", "2026-09-11 09:15", SessionKind.REGULAR, True, True),
        ("2026-09-12 12:00", "2026-09-12 09:15", SessionKind.WEEKEND, False, False),
        ("2026-10-02 12:00", "2026-10-02 09:15", SessionKind.HOLIDAY, False, False),
        ("2026-02-01 12:00", "2026-02-01 09:15", SessionKind.SPECIAL, True, True),
        ("2025-10-21 12:00", "2025-10-21 13:45", SessionKind.SPECIAL, True, True),
        ("2027-01-04 12:00", "2027-01-04 09:15", SessionKind.REGULAR, True, False),
        ("2024-12-31 12:00", "2024-12-31 09:15", SessionKind.REGULAR, True, False),
        ("1999-12-31 12:00", "1999-12-31 09:15", SessionKind.REGULAR, True, False),
    ],
)
def test_a_date_decides_the_session(
    when: str, open_: str, kind: SessionKind, trades: bool, confirmed: bool
) -> None:
    session = NSE.session_at(ns(when))
    assert session.open_ns == ns(open_)
    assert (session.kind, session.trades, session.confirmed) == (kind, trades, confirmed)


def test_in_session_ends_before_the_close() -> None:
    assert NSE.in_session(ns("2026-09-11 09:15"))
    assert not NSE.in_session(ns("2026-09-11 09:15") - 1)
    assert NSE.in_session(ns("2026-09-11 15:40") - 1)
    assert not NSE.in_session(ns("2026-09-11 15:40"))
    assert not NSE.in_session(ns("2026-09-12 12:00"))


def test_known_dates_may_be_given() -> None:
    known = (date(2026, 1, 1), date(2026, 6, 30))
    calendar = build_calendar("x", "Asia/Kolkata", [OLD, NEW], DAYS, known=known)
    assert calendar.session_at(ns("2026-06-30 12:00")).confirmed
    assert not calendar.session_at(ns("2026-07-01 12:00")).confirmed
    bare = build_calendar("x", "Asia/Kolkata", [OLD, NEW])
    assert not bare.session_at(ns("2026-06-30 12:00")).confirmed


def test_a_hole_between_rules_keeps_the_earlier_hours_unconfirmed() -> None:
    early = CalendarRow(date(2026, 1, 1), date(2026, 1, 30), "10:00", "15:00")
    late = CalendarRow(date(2026, 3, 1), None, "09:15", "15:40")
    known = (date(2026, 1, 1), date(2026, 12, 31))
    calendar = build_calendar("x", "Asia/Kolkata", [late, early], known=known)
    session = calendar.session_at(ns("2026-02-10 12:00"))
    assert (session.open_ns, session.confirmed) == (ns("2026-02-10 10:00"), False)
    assert calendar.session_at(ns("2026-01-30 12:00")).confirmed


def test_next_session_skips_days_without_trading() -> None:
    assert NSE.next_session(ns("2026-10-01 12:00")).date == "2026-10-05"
    assert NSE.next_session(ns("2026-10-01 09:14")).date == "2026-10-01"
    assert NSE.next_session(ns("2026-10-01 09:15")).date == "2026-10-05"
    assert NSE.next_session(ns("2026-01-30 12:00")).kind is SessionKind.SPECIAL


def test_sessions_between_are_those_that_overlap() -> None:
    found = NSE.sessions_between(ns("2026-09-30 12:00"), ns("2026-10-06 09:15"))
    assert [s.date for s in found] == ["2026-09-30", "2026-10-01", "2026-10-05"]
    assert NSE.sessions_between(ns("2026-09-30 15:40"), ns("2026-10-01 09:15")) == []
    assert [
        s.date for s in NSE.sessions_between(ns("2026-10-03 10:00"), ns("2026-10-05 10:00"))
    ] == ["2026-10-05"]


def test_round_the_clock_sessions_are_utc_days() -> None:
    calendar = calendar_24x7()
    session = calendar.session_at(ns("2026-09-12 23:59", UTC))
    assert session.open_ns == ns("2026-09-12 00:00", UTC)
    assert session.close_ns - session.open_ns == DAY_NS
    assert (session.label, session.confirmed, session.trades) == ("2026-09-12", True, True)
    assert calendar.next_session(session.open_ns).label == "2026-09-13"
    assert calendar.in_session(session.open_ns)


def test_simulated_sessions_count_from_the_epoch() -> None:
    calendar = calendar_sim()
    instant = ns("2026-09-11 12:34")
    session = calendar.session_at(instant)
    assert session.open_ns == instant // SIM_SESSION_NS * SIM_SESSION_NS
    assert session.close_ns == session.open_ns + 385 * 60 * SECOND_NS
    assert calendar.next_session(instant).open_ns == session.close_ns
    assert calendar.sessions_between(session.open_ns, session.close_ns) == [session]


def test_labels_of_simulated_sessions_are_unique_and_count_by_date() -> None:
    calendar = calendar_sim()
    found = calendar.sessions_between(ns("2026-09-11 00:00"), ns("2026-09-13 00:00"))
    labels = [session.label for session in found if session.date == "2026-09-11"]
    assert labels == [f"2026-09-11 #{n + 1}" for n in range(len(labels))]
    assert len(labels) in {3, 4}
    assert len({session.label for session in found}) == len(found)


@pytest.mark.parametrize("calendar", [NSE, WEEKDAYS, calendar_24x7(), calendar_sim()])
@QUICK
@given(
    start=st.integers(-(10**9), 4 * 10**9),
    steps=st.lists(st.integers(-3 * 10**14, 3 * 10**14), max_size=30),
)
def test_one_by_one_and_together_agree(calendar: Calendar, start: int, steps: list[int]) -> None:
    instants = start * SECOND_NS + np.cumsum(np.array(steps, np.int64))
    opens = calendar.session_open(instants)
    assert opens.dtype == np.int64
    assert opens.tolist() == [calendar.session_at(t).open_ns for t in instants.tolist()]


@pytest.mark.parametrize("calendar", [NSE, WEEKDAYS, calendar_24x7(), calendar_sim()])
@QUICK
@given(instant=st.integers(0, 4 * 10**9).map(lambda s: s * SECOND_NS))
def test_sessions_follow_each_other(calendar: Calendar, instant: int) -> None:
    session = calendar.session_at(instant)
    following = calendar.next_session(instant)
    assert session.open_ns < session.close_ns
    assert following.trades
    assert following.open_ns > instant
    assert calendar.session_at(following.open_ns) == following
    assert session.open_ns == following.open_ns or session.close_ns <= following.open_ns
    between = calendar.sessions_between(instant, following.open_ns + 1)
    assert between[-1] == following


def test_days_of_23_and_25_hours_keep_the_wall_time() -> None:
    new_york = ZoneInfo("America/New_York")
    around = [
        f"2026-{d} {t}" for d in ("03-06", "03-09", "10-30", "11-02") for t in ("00:00", "23:59")
    ]
    opens = WEEKDAYS.session_open(np.array([ns(text, new_york) for text in around]))
    assert_array_equal(opens, [ns(f"{text[:10]} 09:30", new_york) for text in around])


def test_no_instants_have_no_sessions() -> None:
    for calendar in (NSE, calendar_sim()):
        assert len(calendar.session_open(np.zeros(0, np.int64))) == 0


def test_instants_of_one_date_and_of_many_have_their_opens() -> None:
    one = np.array([ns("2026-09-11 09:00"), ns("2026-09-11 20:00")])
    assert_array_equal(NSE.session_open(one), ns("2026-09-11 09:15"))
    many = np.array([ns("2026-09-14 00:00"), ns("2026-09-11 20:00"), ns("2025-10-21 00:01")])
    expected = [ns("2026-09-14 09:15"), ns("2026-09-11 09:15"), ns("2025-10-21 13:45")]
    assert_array_equal(NSE.session_open(many), expected)


def test_a_market_that_closes_at_midnight() -> None:
    rule = CalendarRow(date(2020, 1, 1), None, "09:00", "24:00")
    calendar = build_calendar("late", "Asia/Kolkata", [rule], weekdays=range(7))
    session = calendar.session_at(ns("2026-09-12 23:59"))
    assert session.close_ns == ns("2026-09-13 00:00")
    assert calendar.in_session(ns("2026-09-12 23:59"))


@pytest.mark.parametrize(
    ("rules", "specials", "weekdays", "zone", "clause"),
    [
        ([], [], [0], "UTC", "needs a rule"),
        ([NEW], [], [], "UTC", "weekdays"),
        ([NEW], [], [7], "UTC", "weekdays"),
        ([OLD, CalendarRow(date(2026, 8, 2), None, "09:15", "15:40")], [], [0], "UTC", "overlap"),
        ([CalendarRow(date(2000, 1, 1), None, "09:15", "15:30"), NEW], [], [0], "UTC", "overlap"),
        ([NEW], [DAYS[1], DAYS[1]], [0], "UTC", "2025-10-22 is listed twice"),
        ([CalendarRow(date(2000, 1, 1), None, "15:30", "09:15")], [], [0], "UTC", "not after"),
        ([CalendarRow(date(2000, 1, 1), None, "9:15", "15:30")], [], [0], "UTC", "HH:MM"),
        ([CalendarRow(date(2000, 1, 1), None, "09:15", "24:01")], [], [0], "UTC", "HH:MM"),
        ([NEW], [SpecialDay(date(2026, 1, 1), "special")], [0], "UTC", "HH:MM"),
        ([NEW], [], [0], "Asia/Nowhere", "no time zone"),
        ([NEW], [], [0], "../UTC", "no time zone"),
    ],
)
def test_faulty_rows_are_refused(
    rules: list[CalendarRow],
    specials: list[SpecialDay],
    weekdays: list[int],
    zone: str,
    clause: str,
) -> None:
    with pytest.raises(ValueError, match=clause):
        build_calendar("x", zone, rules, specials, weekdays)


def test_calendars_are_values() -> None:
    again = build_calendar("nse-fo", "Asia/Kolkata", [OLD, NEW], reversed(DAYS))
    NSE.session_at(ns("2026-09-11 12:00"))
    assert again == NSE
    assert hash(again) == hash(NSE)
    assert calendar_sim() == calendar_sim() != calendar_24x7()
