"""What a person has chosen to see: `ViewSettings`, and the one validation of it.

Pages (controls and URL), the API (query) and the command line all go through `ViewSettings.parse`,
so a value is possible everywhere or nowhere and its fault has one sentence. Every setting is plain
text in a URL; nothing here knows where the text came from. What a setting does is decided by the
modules that read it (`payload`, `chart`, `annotations`), what it may be is decided here.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from decimal import Decimal
from typing import Any, Self

from dashboard.domain.bars import BarSpec
from dashboard.domain.imbalance import PRESETS
from dashboard.domain.instrument import Instrument
from dashboard.domain.level import auto_level_size
from dashboard.errors import InputError

__all__ = [
    "AUTO",
    "CHOICES",
    "FIELD_NAMES",
    "ViewErrors",
    "ViewSettings",
    "defaults_for",
    "figure_hash",
    "fits_tick",
    "layer_options",
    "resolve_level",
    "starting_level",
    "view_hash",
]

AUTO = "auto"

CHOICES: Mapping[str, tuple[str, ...]] = {
    "cells": ("bidask", "delta", "total", "profile"),
    "unit": ("lots", "qty"),
    "heat": ("session", "bar", "visible", "off"),
    "preset": tuple(PRESETS),
    "profile": ("session", "visible", "all", "off"),
    "va": ("one-row", "cbot", "tradingview"),
    "cvd": ("session", "continuous", "off"),
    "ladder": ("fast", "plotly"),
    "palette": ("default", "colour-blind"),
}
"""The closed vocabularies, in the order in which a control offers them."""

_DECIMAL = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_SWITCH = {"on": True, "true": True, "1": True, "off": False, "false": False, "0": False}
_LONGEST_SYMBOL = 64


class ViewErrors(InputError):  # noqa: N818 - several at once, so the plural
    """One or more settings of a view are wrong; carries all of them, none was applied.

    Args:
        faults: At least one, in the order of the settings.
    """

    def __init__(self, faults: Sequence[InputError]) -> None:
        first = faults[0]
        super().__init__(first.field, first.value, first.allowed)
        self.faults = tuple(faults)
        self.sentences = {fault.field: fault.user_text for fault in self.faults}
        self.user_text = " ".join(self.sentences.values())
        self.args = (self.user_text,)


@dataclass(frozen=True, slots=True)
class _Rule:
    """How one setting is read: `read` raises ValueError, `allowed` follows the word "use"."""

    read: Callable[[str], Any]
    allowed: str


def _setting(default: object, read: Callable[[str], Any], allowed: str) -> Any:  # noqa: ANN401
    """Return a dataclass field that knows its reader (typed as dataclasses.field is)."""
    return field(default=default, metadata={"rule": _Rule(read, allowed)})


def _choice(name: str) -> Any:  # noqa: ANN401 - a dataclass field, as above
    """Return a field of a closed vocabulary; its first word is the default."""
    words = CHOICES[name]

    def read(text: str) -> str:
        if text not in words:
            raise ValueError
        return text

    return _setting(words[0], read, f"{', '.join(words[:-1])} or {words[-1]}")


def _switch(*, default: bool) -> Any:  # noqa: ANN401 - a dataclass field, as above
    """Return an on/off field."""

    def read(text: str) -> bool:
        return _SWITCH[text.lower()]

    return _setting(default, read, "on or off")


def _whole(default: int, low: int, high: int) -> Any:  # noqa: ANN401 - a dataclass field, as above
    """Return a field of a whole number within [low, high]."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise ValueError
        return int(text)

    return _setting(default, read, f"a whole number from {low:,} to {high:,}")


def _read_symbol(text: str) -> str:
    if not 1 <= len(text) <= _LONGEST_SYMBOL or not text.isprintable():
        raise ValueError
    return text


def _read_bar(text: str) -> str:
    return str(BarSpec.parse(text))


def _read_level(text: str) -> str:
    if text.lower() == AUTO:
        return AUTO
    if not _DECIMAL.fullmatch(text) or not Decimal(text):
        raise ValueError
    return format(Decimal(text).normalize(), "f")


def _read_ratio(text: str) -> float:
    if not _DECIMAL.fullmatch(text) or not Decimal("1.1") <= Decimal(text) <= 20:
        raise ValueError
    return float(text)


def _read_min_volume(text: str) -> str:
    if text.lower() == AUTO:
        return AUTO
    if not _WHOLE.fullmatch(text):
        raise ValueError
    return str(int(text))


def _read_date(text: str) -> str:
    if text and not _DATE.fullmatch(text):
        raise ValueError
    return dt.date.fromisoformat(text).isoformat() if text else ""


_DATE_ALLOWED = "a date such as 2025-09-11, or nothing"


@dataclass(frozen=True, slots=True)
class ViewSettings:
    """All that decides what a chart shows. Field names are the names in URLs and API queries.

    Attributes:
        symbol: The instrument ("" until one is chosen).
        bar: `BarSpec` spelling, canonical ("5m", "100t").
        level: "auto" or the level size as a plain decimal price ("2", "0.05").
        cells: What a ladder cell shows.
        unit: Lots where the lot divides the size, or quantity.
        numbers: Numbers in the cells.
        heat: What a cell's fill is relative to.
        candles: The candle strip beside the ladder.
        inbar: The volume profile inside each bar.
        poc: The box around each bar's POC.
        imb: Imbalance marks.
        ratio: Imbalance ratio, 3.0 means three times; not given: the preset's own.
        minvol: "auto" (the preset's minimum; for `standard` the 60th percentile of the previous
            session's level volumes) or a minimum volume in the unit shown.
        stacks, stack: Stack marks, and the levels in a row that make one.
        preset: Whose rule decides what an imbalance is.
        profile: Bars that the volume profile is of: the newest session's in view, those in view,
            or all of the view's.
        va, vashare: Value area convention and share in percent.
        pwidth: Width of the profile, px.
        vwap, bands: Session VWAP, and how many standard deviations of bands (0: none).
        cvd: Sum of the CVD pane and row.
        table: The statistics table.
        ladder: Canvas layer or plain Plotly annotations.
        palette: Colours.
        prevclose: The line at the previous close.
        session: History: date of the session shown, "" for the newest.
        from_date, to_date: History: a range of sessions instead (both inclusive), "" for open.
        beat: Interval between two beats of the live page, ms.
    """

    symbol: str = _setting("", _read_symbol, f"a symbol of 1 to {_LONGEST_SYMBOL} characters")
    bar: str = _setting("1m", _read_bar, "")
    level: str = _setting(AUTO, _read_level, "auto, or a price above 0 such as 2.00")
    cells: str = _choice("cells")
    unit: str = _choice("unit")
    numbers: bool = _switch(default=True)
    heat: str = _choice("heat")
    candles: bool = _switch(default=True)
    inbar: bool = _switch(default=True)
    poc: bool = _switch(default=True)
    imb: bool = _switch(default=True)
    ratio: float = _setting(3.0, _read_ratio, "a number from 1.1 to 20")
    minvol: str = _setting(AUTO, _read_min_volume, "auto, or a whole number from 0")
    stacks: bool = _switch(default=True)
    stack: int = _whole(3, 2, 10)
    preset: str = _choice("preset")
    profile: str = _choice("profile")
    va: str = _choice("va")
    vashare: int = _whole(70, 50, 95)
    pwidth: int = _whole(112, 30, 220)
    vwap: bool = _switch(default=True)
    bands: int = _whole(0, 0, 3)
    cvd: str = _choice("cvd")
    table: bool = _switch(default=True)
    ladder: str = _choice("ladder")
    palette: str = _choice("palette")
    prevclose: bool = _switch(default=True)
    session: str = _setting("", _read_date, _DATE_ALLOWED)
    from_date: str = _setting("", _read_date, _DATE_ALLOWED)
    to_date: str = _setting("", _read_date, _DATE_ALLOWED)
    beat: int = _whole(250, 100, 5000)

    @classmethod
    def parse(cls, values: Mapping[str, object], defaults: ViewSettings | None = None) -> Self:
        """Read settings from a query, from controls or from the command line.

        Names that are no setting are left to the caller (see `FIELD_NAMES`); a value of None means
        "not given". Numbers and booleans, as controls send them, count as their text.

        Args:
            values: Setting name to value.
            defaults: What a setting that is not given is; the class's own defaults when None.

        Raises:
            ViewErrors: All faults at once.
        """
        given: dict[str, Any] = {}
        faults: list[InputError] = []
        for name, rule in _RULES.items():
            if values.get(name) is None:
                continue
            try:
                given[name] = rule.read(_text_of(values[name]))
            except InputError as error:
                faults.append(error)
            except (ValueError, KeyError):
                faults.append(InputError(name, values[name], rule.allowed))
        if given.get("from_date", "") > (given.get("to_date") or "9999"):
            allowed = f"a date up to {given['to_date']}, the end of the range"
            faults.append(InputError("from_date", given["from_date"], allowed))
        if faults:
            raise ViewErrors(faults)
        base = cls() if defaults is None else defaults
        if "preset" in given:
            given.setdefault("ratio", preset_ratio(given["preset"]))
        own = {f.name: getattr(base, f.name) for f in fields(cls)}
        return cls(**(own | given))

    def to_query(self) -> dict[str, str]:
        """Return the settings as text, in field order, defaults left out.

        `symbol` and `bar` are always named (once chosen), because their defaults depend on the
        instrument; so ``parse(view.to_query(), defaults)`` is the view again for the class's own
        defaults and for those of `defaults_for`.
        """
        return {
            f.name: _text_of(getattr(self, f.name))
            for f in fields(self)
            if (f.name in {"symbol", "bar"} and getattr(self, f.name))
            or getattr(self, f.name) != self._unchosen(f.name)
        }

    def change(self, values: Mapping[str, object]) -> ViewSettings:
        """Return these settings with some changed, validated (`ViewErrors`).

        A new preset brings its own ratio unless a ratio is among the values.
        """
        query: dict[str, object] = dict(self.to_query())
        if "preset" in values and values["preset"] != self.preset:
            query.pop("ratio", None)
        return ViewSettings.parse(query | dict(values))

    @property
    def bar_spec(self) -> BarSpec:
        """The bar's recipe."""
        return BarSpec.parse(self.bar)

    def _unchosen(self, name: str) -> object:
        """Return what a setting is when the query does not name it."""
        return preset_ratio(self.preset) if name == "ratio" else _DEFAULTS[name]


_RULES: Mapping[str, _Rule] = {f.name: f.metadata["rule"] for f in fields(ViewSettings)}
_DEFAULTS: Mapping[str, object] = {f.name: f.default for f in fields(ViewSettings)}
FIELD_NAMES: tuple[str, ...] = tuple(_RULES)
"""Every setting's name; a caller that refuses unknown parameters compares with these."""


def preset_ratio(preset: str) -> float:
    """Return the imbalance ratio that a preset brings."""
    return float(PRESETS[preset].ratio)


def defaults_for(instrument: Instrument) -> ViewSettings:
    """Return how an instrument is first shown: 5m, a simulated or round-the-clock one 1m.

    One minute, because the first look at a simulated market should see a bar close. The level is
    auto for all; `starting_level` says what auto begins with.
    """
    quick = instrument.simulated or instrument.calendar == "24x7"
    return ViewSettings(symbol=instrument.symbol, bar="1m" if quick else "5m")


def starting_level(instrument: Instrument, *, early: bool = False) -> int:
    """Return the level size that auto begins with before a pane has been measured, price units.

    NIFTY 2.00 (5.00 in the session's first half hour, when bars are tall), BANKNIFTY 10.00, other
    instruments 20 ticks, which for NIFTY's tick is the same 2.00; always whole ticks, at least one.

    Args:
        instrument: Whose tick and scale count.
        early: The newest bar is within the first half hour of its session.
    """
    name = instrument.symbol.upper().rpartition(":")[2]
    if name.startswith("BANKNIFTY"):
        wanted = 10 * instrument.price_scale
    elif name.startswith("NIFTY"):
        wanted = (5 if early else 2) * instrument.price_scale
    else:
        wanted = 20 * instrument.tick_size
    return max(wanted // instrument.tick_size, 1) * instrument.tick_size


def fits_tick(level: str, instrument: Instrument) -> int:
    """Return a level size given as price text in price units.

    Raises:
        InputError: It is no multiple of the instrument's tick; names the two nearest that are.
    """
    tick = instrument.tick_size
    wanted = Decimal(level) * instrument.price_scale
    if wanted > 0 and wanted % tick == 0:
        return int(wanted)
    low = max(int(wanted // tick), 1) * tick
    shown = [
        format(instrument.price_of(units), f".{instrument.price_decimals}f")
        for units in (tick, low, low + tick)
    ]
    allowed = f"a multiple of the tick {shown[0]}, such as {shown[1]} or {shown[2]}"
    raise InputError("level", level, allowed)


def resolve_level(
    settings: ViewSettings,
    instrument: Instrument,
    span: int | None = None,
    pane_px: float | None = None,
    current: int | None = None,
) -> int:
    """Return the level size in price units that a view has.

    A level that was chosen is taken as it is. Auto asks `domain.level.auto_level_size`, which keeps
    `current` while it is still right; before a pane has been measured auto is `current`, else the
    instrument's `starting_level`.

    Args:
        settings: Whose `level` counts.
        instrument: Tick and price scale.
        span: Price span of the pane, price units; None when not known.
        pane_px: Height of the price pane; None when not known.
        current: The auto level size shown now; one that is not whole ticks counts as none.

    Raises:
        InputError: The chosen level is no multiple of the tick.
    """
    if settings.level != AUTO:
        return fits_tick(settings.level, instrument)
    if current is not None and (current < 1 or current % instrument.tick_size):
        current = None
    if not span or not pane_px or span < 0 or pane_px < 0:
        return starting_level(instrument) if current is None else current
    return auto_level_size(span, pane_px, instrument.tick_size, current)


# What the payload's numbers, flags, positions and tags depend on. All else is painted from the
# same payload (cells, numbers, ...) or is Plotly's alone (bands, widths, ...): no new cells needed.
_HASHED = (
    "symbol",
    "bar",
    "level",
    "unit",
    "heat",
    "ratio",
    "minvol",
    "stack",
    "preset",
    "profile",
    "va",
    "vashare",
    "vwap",
    "prevclose",
    "cvd",
    "table",
    "session",
    "from_date",
    "to_date",
)


def view_hash(
    settings: ViewSettings,
    generation: int,
    anchor_session_ns: int,
    extra: Iterable[object] = (),
) -> str:
    """Return the name of a view: equal hashes mean that bars and positions can be kept.

    Args:
        settings: Only what the payload depends on counts (not colours, not which cells show).
        generation: The store's.
        anchor_session_ns: The view's first session.
        extra: What else positions and numbers depend on: level size, layout epoch.

    Returns:
        16 hex digits.
    """
    parts = [getattr(settings, name) for name in _HASHED]
    return _digest([*parts, generation, anchor_session_ns, *extra])


def figure_hash(
    settings: ViewSettings, generation: int, anchor_session_ns: int, layout_epoch: int
) -> str:
    """Return the name of a view's bar positions: equal hashes mean the same bar at the same x.

    A view whose level size, unit or marks changed has another `view_hash` over the same positions.
    """
    names = ("symbol", "bar", "session", "from_date", "to_date")
    parts = [getattr(settings, name) for name in names]
    return _digest([*parts, generation, anchor_session_ns, layout_epoch])


def layer_options(settings: ViewSettings) -> dict[str, object]:
    """Return what the canvas layer is told besides the payload: what to paint of it."""
    return {
        "cells": settings.cells,
        "numbers": settings.numbers,
        "heat": settings.heat,
        "candles": settings.candles,
        "inbar": settings.inbar,
        "poc": settings.poc,
        "imb": settings.imb,
        "stacks": settings.imb and settings.stacks,
        "table": settings.table,
        "ladder": settings.ladder,
        "palette": settings.palette,
        "vwap": settings.vwap,
        "cvd": settings.cvd,
    }


def _digest(parts: Iterable[object]) -> str:
    """Return 16 hex digits that name a list of values."""
    text = "\x1f".join(map(str, parts))
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _text_of(value: object) -> str:
    """Return a setting as text: as a control or client sent it, and as it stands in a URL."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
