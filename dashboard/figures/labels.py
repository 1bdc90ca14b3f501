"""Numbers, prices and times as text for people; the same text everywhere on the screen.

Times are shown in the exchange's own time zone, never the viewer's. Minus is U+2212, so that signed
numbers line up. Browser-side painting follows the same rules from the payload's `scale`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache
from zoneinfo import ZoneInfo

from dashboard.domain.instrument import Instrument

__all__ = [
    "MINUS",
    "ZERO",
    "abbreviated",
    "clock",
    "countdown",
    "date_text",
    "duration",
    "grouped",
    "long_date",
    "percent",
    "price_text",
    "session_dates",
    "signed",
    "signed_price",
    "time_labels",
    "zone_name",
]

MINUS = "−"
ZERO = "·"
"""A cell's zero."""

_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_NS = 1_000_000_000
_MINUTE_NS = 60 * _NS


def grouped(value: int) -> str:
    """Return a whole number with Indian digit grouping: 1,23,456 (three digits, then pairs)."""
    sign, digits = (MINUS if value < 0 else ""), str(abs(int(value)))
    head, tail = digits[:-3], digits[-3:]
    if not head:
        return sign + tail
    first = len(head) % 2
    pairs = [head[:first]] if first else []
    pairs += [head[i : i + 2] for i in range(first, len(head), 2)]
    return f"{sign}{','.join(pairs)},{tail}"


def price_text(units: float, instrument: Instrument) -> str:
    """Return a price given in price units: the instrument's decimals, Indian grouping.

    A price between two units (a VWAP) is rounded half away from zero.
    """
    scale, decimals = instrument.price_scale, instrument.price_decimals
    whole = int(abs(units) + 0.5)
    sign = MINUS if units < 0 and whole else ""
    text = grouped(whole // scale)
    return f"{sign}{text}.{whole % scale:0{decimals}d}" if decimals else f"{sign}{text}"


def signed_price(units: float, instrument: Instrument) -> str:
    """Return a price difference with its sign; zero has none."""
    text = price_text(units, instrument)
    return f"+{text}" if units > 0 and any(c in "123456789" for c in text) else text


def signed(value: int) -> str:
    """Return a delta with its sign and Indian grouping; zero has none."""
    return f"+{grouped(value)}" if value > 0 else grouped(value)


def percent(value: float, decimals: int = 1) -> str:
    """Return a signed percentage without idle zeros: ``+39.7 %``, ``+8 %``, ``0 %``."""
    text = f"{abs(value):.{decimals}f}"
    if decimals:
        text = text.rstrip("0").rstrip(".")
    sign = "" if text == "0" else MINUS if value < 0 else "+"
    return f"{sign}{text} %"


def abbreviated(value: int) -> str:
    """Return a size for a narrow place: whole below 10,000, then three digits: 12.3k, 1.25M."""
    size = abs(value)
    sign = MINUS if value < 0 else ""
    if size < 10_000:
        return f"{sign}{size}"
    unit, letter = (
        (1e3, "k") if size < 999_500 else (1e6, "M") if size < 999_500_000 else (1e9, "B")
    )
    number = size / unit
    decimals = 2 if number < 9.995 else 1 if number < 99.95 else 0
    text = f"{number:.{decimals}f}"
    return f"{sign}{text.rstrip('0').rstrip('.') if decimals else text}{letter}"


def duration(seconds: float) -> str:
    """Return a length of time as a person says it: ``0.3 s``, ``2 min``, ``1 h 05 min``, ``3 d``.

    Rounded down, so that an age never sounds older than it is; below zero counts as zero.
    """
    tenths = int(max(seconds, 0.0) * 10 + 1e-9)
    if tenths < 100:
        return f"{tenths // 10}.{tenths % 10} s"
    whole = tenths // 10
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 2 * 86_400:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 86_400} d"


def countdown(seconds: float) -> str:
    """Return the time left as ``02:41`` or ``1:02:41``, rounded up; ``00:00`` when it is over."""
    left = max(-int(-seconds // 1), 0)
    hours, rest = divmod(left, 3600)
    text = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{text}" if hours else text


def clock(instant_ns: int, timezone: str, *, seconds: bool = True) -> str:
    """Return an instant's time of day at the exchange: ``11:17:19`` or ``11:17``."""
    local = _local(instant_ns, timezone)
    text = f"{local.hour:02d}:{local.minute:02d}"
    return f"{text}:{local.second:02d}" if seconds else text


def zone_name(instant_ns: int, timezone: str) -> str:
    """Return what the exchange's clock is called: ``IST``, ``UTC``."""
    return _local(instant_ns, timezone).strftime("%Z")


def date_text(instant_ns: int, timezone: str) -> str:
    """Return an instant's date at the exchange, short: ``11 Sep``."""
    local = _local(instant_ns, timezone)
    return f"{local.day} {_MONTHS[local.month - 1]}"


def long_date(instant_ns: int, timezone: str) -> str:
    """Return an instant's date at the exchange: ``11 Sep 2025``."""
    local = _local(instant_ns, timezone)
    return f"{local.day} {_MONTHS[local.month - 1]} {local.year}"


def time_labels(start_ns: Iterable[int], timezone: str) -> list[str]:
    """Return each bar's time label: ``09:15``, or ``09:15:30`` where it begins inside a minute."""
    return [clock(ns, timezone, seconds=bool(ns % _MINUTE_NS)) for ns in map(int, start_ns)]


def session_dates(session_ns: Iterable[int], timezone: str, before: int | None = None) -> list[str]:
    """Return for each bar the date where a session begins with it, else "".

    Args:
        session_ns: The bars' sessions, in order.
        timezone: Of the exchange.
        before: Session of the bar before the first one, None when there is none.
    """
    out: list[str] = []
    last = before
    for session in map(int, session_ns):
        out.append("" if session == last else date_text(session, timezone))
        last = session
    return out


@lru_cache(maxsize=64)
def _zone(name: str) -> ZoneInfo:
    """Return a time zone; the cache keeps a label at about a microsecond."""
    return ZoneInfo(name)


def _local(instant_ns: int, timezone: str) -> dt.datetime:
    """Return an instant as a datetime at the exchange, whole seconds (rounded down)."""
    return dt.datetime.fromtimestamp(int(instant_ns) // _NS, _zone(timezone))
