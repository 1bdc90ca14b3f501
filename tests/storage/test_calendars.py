from __future__ import annotations

import csv
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from dashboard.domain.calendar import Session
from dashboard.errors import InputError, StoreError
from dashboard.storage.calendars import (
    CALENDAR_NAMES,
    calendar_folder,
    load_calendar,
    parse_calendar,
)

HEAD = "kind,from,to,open,close,note,source\n"
ZONE = "zone,,,,,Asia/Kolkata,tz\n"
HOURS = "hours,2020-01-01,,09:15,15:30,,circular\n"


def session_on(name: str, day: str) -> Session:
    noon = datetime.fromisoformat(f"{day}T12:00:00+05:30")
    return load_calendar(name).session_at(int(noon.timestamp()) * 10**9)


def hours(session: Session) -> str:
    texts = []
    for instant in (session.open_ns, session.close_ns):
        local = datetime.fromtimestamp(instant // 10**9 + 19_800, UTC)
        texts.append(local.strftime("%H:%M"))
    return "-".join(texts)


@pytest.mark.parametrize("name", CALENDAR_NAMES)
def test_every_named_calendar_loads_once(name: str) -> None:
    assert load_calendar(name).name == name
    assert load_calendar(name) is load_calendar(name)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="nse-fo, nse-cm, 24x7, sim"):
        load_calendar("nyse")


@pytest.mark.parametrize("name", ["nse-fo", "nse-cm"])
def test_every_packaged_row_has_a_source(name: str) -> None:
    text = (resources.files("dashboard.storage") / "calendars" / f"{name}.csv").read_text("utf-8")
    rows = list(csv.DictReader(text.splitlines()))
    assert all(row["source"] for row in rows)
    holidays = [row["from"] for row in rows if row["kind"] == "holiday"]
    assert len([day for day in holidays if day.startswith("2025")]) == 13
    assert len([day for day in holidays if day.startswith("2026")]) == 16
    assert all(datetime.fromisoformat(day).weekday() < 5 for day in holidays)


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("nse-fo", "2025-09-11", "09:15-15:30"),
        ("nse-fo", "2026-07-31", "09:15-15:30"),
        ("nse-fo", "2026-08-03", "09:15-15:40"),
        ("nse-cm", "2026-08-03", "09:15-15:35"),
        ("nse-fo", "2025-10-21", "13:45-14:45"),
    ],
)
def test_hours_are_those_of_the_date(name: str, day: str, expected: str) -> None:
    session = session_on(name, day)
    assert hours(session) == expected
    assert session.confirmed
    assert session.date == day


@pytest.mark.parametrize(
    ("day", "trades", "confirmed"),
    [
        ("2025-08-27", False, False),  # Ganesh Chaturthi
        ("2025-08-30", False, False),  # a Saturday
        ("2025-02-01", True, True),  # the Budget's Saturday
        ("2026-02-01", True, True),  # the Budget's Sunday
        ("2027-03-01", True, False),  # a Monday beyond the table
        ("2024-03-04", True, False),  # a Monday before it
    ],
)
def test_days_off_and_unlisted_days(day: str, trades: bool, confirmed: bool) -> None:
    session = session_on("nse-fo", day)
    assert (session.trades, session.confirmed) == (trades, confirmed)


def test_a_users_own_file_wins(tmp_path: Path) -> None:
    folder = calendar_folder(tmp_path / "orderflow.db")
    folder.mkdir()
    special = "special,2026-11-08,,18:00,19:00,Muhurat,circular\n"
    (folder / "nse-fo.csv").write_text("\ufeff" + HEAD + ZONE + HOURS + special, "utf-8")
    noon = int(datetime.fromisoformat("2026-11-08T12:00:00+05:30").timestamp()) * 10**9
    own = load_calendar("nse-fo", folder).session_at(noon)
    assert hours(own) == "18:00-19:00"
    assert not load_calendar("nse-fo").session_at(noon).trades
    assert load_calendar("nse-cm", folder).name == "nse-cm"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("date,open\n", "must begin with the line kind,from"),
        (HEAD + HOURS, "exactly one zone"),
        (
            HEAD + ZONE + HOURS + "holiday,2026-01-26,,,,Republic Day,\n",
            "line 4: the row has no source",
        ),
        (HEAD + ZONE + "party,2026-01-26,,,,x,y\n", "line 3: 'party' is no kind of row"),
        (HEAD + ZONE + "holiday,26.01.2026,,,,x,y\n", "line 3: Invalid isoformat"),
        (HEAD + ZONE + "hours,2026-01-01,,15:30,09:15,,y\n", "does not fit together"),
        (HEAD + "zone,,,,,Mars/Olympus,x\n" + HOURS, "no time zone"),
    ],
)
def test_a_faulty_file_names_the_line(text: str, words: str) -> None:
    with pytest.raises(StoreError, match="nse-fo") as caught:
        parse_calendar("nse-fo", text, "nse-fo.csv")
    assert words in caught.value.user_text
