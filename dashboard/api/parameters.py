"""Query parameters of the API: names, kinds and ranges; every refusal names the parameter."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from dashboard.errors import InputError
from dashboard.figures.view import FIELD_NAMES
from dashboard.views.beat import BeatRequest
from dashboard.views.export import FORMATS, Wanted

_WHOLE = re.compile(r"-?[0-9]{1,19}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{1,64}", re.ASCII)

MAX_WHOLE = 2**63 - 1
MAX_PANE_PX = 100_000
MAX_SPAN = 10**15
"""Price units; far beyond any price, far below where arithmetic ends."""

EXPORT_NAMES = ("symbol", "bar", "level", "from", "to", "cvd", "va", "format")
NO_LOOK = {*EXPORT_NAMES, "session", "from_date", "to_date", "beat"}
"""View settings that an export names otherwise, or that mean nothing in a file."""

BEAT_NAMES = ("from", "to", "since", "view", "pane", "span", "current", "anchor", "format")


def beat_request(arguments: Mapping[str, str], scope: str) -> BeatRequest:
    """Read the layer's query of `/api/v1/live` (scope live) or `/api/v1/bars` (scope stored).

    Raises:
        InputError: An unknown or wrong parameter.
    """
    refuse_unknown(arguments, (*FIELD_NAMES, *BEAT_NAMES))
    one_of(arguments, "format", ("layer",))
    known = arguments.get("view", "")
    if known and not _HASH.fullmatch(known):
        raise InputError("view", known, "the view hash of an earlier answer, or nothing")
    first = whole(arguments, "from", None, 0)
    last = whole(arguments, "to", None, 0)
    if first is not None and last is not None and last < first:
        raise InputError("to", last, f"a bar position from {first}, the start of the window")
    return BeatRequest(
        values={n: arguments[n] for n in FIELD_NAMES if n in arguments},
        scope=scope,
        first=first,
        last=last,
        since=whole(arguments, "since", 0, 0) or 0,
        known=known,
        pane_px=whole(arguments, "pane", None, 1, MAX_PANE_PX),
        span=whole(arguments, "span", None, 0, MAX_SPAN),
        current=whole(arguments, "current", None, 1, MAX_SPAN),
        anchor=whole(arguments, "anchor", None, 0),
    )


def wanted_export(arguments: Mapping[str, str]) -> tuple[Wanted, str, dict[str, str]]:
    """Read the query of `/api/v1/bars`: what is wanted, its format, and how a page is to look.

    Raises:
        InputError: The symbol is missing, a word is not allowed, or a parameter is unknown.
    """
    form = one_of(arguments, "format", (*FORMATS, "layer"))
    names = tuple(n for n in FIELD_NAMES if n not in NO_LOOK) if form == "html" else ("vashare",)
    refuse_unknown(arguments, (*EXPORT_NAMES, *names))
    if not arguments.get("symbol"):
        raise InputError("symbol", arguments.get("symbol", ""), "the symbol of a stored instrument")
    sums = ("session", "continuous", *(("off",) if form == "html" else ()))
    wanted: Wanted = {
        "symbol": arguments["symbol"],
        "bar": arguments.get("bar", "5m"),
        "level_size": arguments.get("level"),
        "cvd": one_of(arguments, "cvd", sums),
        "value_area": one_of(arguments, "va", ("one-row", "cbot", "tradingview")),
        "start": arguments.get("from"),
        "end": arguments.get("to"),
    }
    return wanted, form, {name: arguments[name] for name in names if name in arguments}


def refuse_unknown(arguments: Iterable[str], allowed: Iterable[str]) -> None:
    """Refuse a parameter that the route does not know: a typing error must not be ignored."""
    names = tuple(allowed)
    for name in arguments:
        if name not in names:
            listed = ", ".join(names) or "no parameter"
            raise InputError(name, "this parameter", listed)


def whole(
    arguments: Mapping[str, str], name: str, default: int | None, low: int, high: int = MAX_WHOLE
) -> int | None:
    """Return a whole number of low..high, `default` where it is not given or empty."""
    text = arguments.get(name, "")
    if not text:
        return default
    if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
        raise InputError(name, text, f"a whole number from {low} to {high}")
    return int(text)


def one_of(arguments: Mapping[str, str], name: str, words: tuple[str, ...]) -> str:
    """Return a word of a closed vocabulary; the first where it is not given."""
    word = arguments.get(name) or words[0]
    if word not in words:
        raise InputError(name, word, " or ".join(filter(None, (", ".join(words[:-1]), words[-1]))))
    return word
