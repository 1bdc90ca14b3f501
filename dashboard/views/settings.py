"""From what controls and URLs hold to a checked view: faults by control, the last good one kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from dashboard.domain.instrument import Instrument
from dashboard.errors import InputError
from dashboard.figures.view import FIELD_NAMES, ViewErrors, ViewSettings, fits_tick

QUICK = {"bar-quick": "bar", "level-quick": "level"}
"""Second controls of a setting, in the top bar, and the setting they hold."""

OPENS_PAGE = ("symbol", "session")
"""Settings after which the page opens anew: bar positions and the choices themselves change."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a control's change leads to.

    Attributes:
        view: The new settings as text; None when nothing changes.
        faults: Setting to sentence, for every control that is wrong now.
        held: What other controls must hold from now on: the second one of the same setting, and
            the ratio that a preset brings.
        href: Where to go instead, None to stay.
    """

    view: dict[str, str] | None = None
    faults: Mapping[str, str] = field(default_factory=dict)
    held: Mapping[str, str] = field(default_factory=dict)
    href: str | None = None


def apply_values(
    view: ViewSettings,
    values: Mapping[str, object],
    trigger: str,
    instrument: Instrument,
    path: str,
) -> Change:
    """Return what a changed control leads to.

    Args:
        view: The last good view.
        values: Setting name to what its control holds now, for every control on the page.
        trigger: The control that changed.
        instrument: Of the view; a level must be whole ticks of it.
        path: Address of the page, for settings that open it anew.
    """
    name = QUICK.get(trigger, trigger)
    # Symbol and session have no last good value to keep: what they name is on the page.
    kept = [n for n in FIELD_NAMES if n not in OPENS_PAGE]
    wanted = {n: values[n] for n in kept if values.get(n) is not None}
    if values.get(trigger) is not None:
        wanted[name] = values[trigger]
    if name in OPENS_PAGE:
        return _open_page(view, name, str(values[trigger]), path)
    if trigger == "preset":
        wanted.pop("ratio", None)
    good, faults = parse_leniently(wanted, view, instrument)
    # A control that is wrong keeps the last good value of its setting: `good` starts from `view`.
    if good.to_query() == view.to_query():
        return Change(None, faults)
    before = held_values(view)
    # Only what has changed: a control that is wrong keeps what was typed, beside its sentence.
    held = {
        name: text
        for name, text in held_values(good).items()
        if text not in (before[name], values.get(name))
    }
    return Change(good.to_query(), faults, held)


def held_values(view: ViewSettings) -> dict[str, str]:
    """Return what the controls hold whose setting another control can change, too."""
    twice = {name: getattr(view, setting) for name, setting in QUICK.items()}
    return {"bar": view.bar, "level": view.level, "ratio": f"{view.ratio:g}"} | twice


def parse_leniently(
    values: Mapping[str, object], base: ViewSettings, instrument: Instrument
) -> tuple[ViewSettings, dict[str, str]]:
    """Return the settings with every value that is right, and a sentence for each that is not.

    Args:
        values: Setting name to value, as typed.
        base: What a setting is that is not given or wrong.
        instrument: A level must be a multiple of its tick.
    """
    faults: dict[str, str] = {}
    remaining = dict(values)
    while True:
        try:
            good = ViewSettings.parse(remaining, base)
            if good.level != "auto":
                fits_tick(good.level, instrument)
        except ViewErrors as errors:
            found = errors.sentences
        except InputError as error:
            found = {error.field: error.user_text}
        else:
            return good, faults
        faults |= found
        before = len(remaining)
        remaining = {n: v for n, v in remaining.items() if n not in found}
        if len(remaining) == before:
            # The fault is in the base (its level does not suit this instrument): back to auto.
            remaining["level"] = "auto"


def address(path: str, view: ViewSettings) -> str:
    """Return the URL of a view."""
    query = urlencode(view.to_query())
    return f"{path}?{query}" if query else path


def _open_page(view: ViewSettings, name: str, value: str, path: str) -> Change:
    if value == getattr(view, name):
        return Change()
    kept = view.to_query() | {name: value}
    if name == "symbol":
        # Bar and level suit the instrument; sessions belong to it.
        for own in ("bar", "level", "session", "from_date", "to_date"):
            kept.pop(own, None)
    else:
        kept.pop("from_date", None)
        kept.pop("to_date", None)
        if view.profile == "all":
            kept.pop("profile")  # it was the range's
    return Change(href=f"{path}?{urlencode(kept)}")
