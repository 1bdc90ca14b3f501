"""Every component id, once. Both pages use the same ones: only one page is mounted at a time."""

from __future__ import annotations

CHART = "chart"
VIEW = "view"
"""Store: the current valid settings as text (`ViewSettings.to_query`)."""
QUERY = "query"
"""Store: what the layer's requests carry: the settings, the level size, the anchor session."""
SEEN = "seen"
"""Store: what the layer reports: {first, last} position in view, {level} size shown."""
DUE = "due"
"""Store: a new value asks for the figure that should stand now: {pulse}, the count of pulses."""
SCOPE = "scope"
"""Store: `live` or `stored`."""
DRAWN = "drawn"
"""Store: what the figure is of (`views.page`)."""
REDRAW = "redraw"
"""Store: what to assign where in the figure that stands: [[path, value], ...]."""
FAULTS = "faults"
"""Store: settings of the URL that were refused."""
OPTIONS = "layer-options"
"""Store: what the layer paints of a payload, and its colours."""
HELD = "held"
"""Store: what controls must hold because another one was changed: name to value."""
DAYS = "days"
"""Store: options of the live page's choice of a day, the newest last."""
DESK = "desk"
WAIT = "wait"
MODE = "mode"
"""The badge: LIVE, SIMULATED, REPLAY or HISTORY."""
CARDS = "cards"
STATUS = "status"
BEHIND = "behind"
"""How long the newest trade took to the screen; written by the browser alone."""
FEED_CARD = "feed-card"
MINVOL_SHOWN = "minvol-shown"
NOTICE = "notice"
PANEL = "panel"
FOLD = "fold"
STUDIES = "studies"
TYPED_BAR = "typed-bar"
FOLDED = "folded"
URL = "url"
GO = "go"
PREVIOUS = "previous-session"
NEXT = "next-session"
RANGE = "date-range"
EXPORT = "export"
IMPORT = "import"
IMPORT_FAULT = "import-fault"


def setting(name: str) -> dict[str, str]:
    """Return the id of the control of a view setting."""
    return {"type": "set", "name": name}


def fault(name: str) -> dict[str, str]:
    """Return the id of the message beside the control of a view setting."""
    return {"type": "fault", "name": name}


def sink(name: str) -> str:
    """Return the id of the Store that a clientside callback names as its output; never written."""
    return f"sink-{name}"
