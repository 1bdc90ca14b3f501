"""Every component id, once. Both pages use the same ones: only one page is mounted at a time."""

from __future__ import annotations

CHART = "chart"
BEAT = "beat"
PULSE = "pulse"
VIEW = "view"
"""Store: the current valid settings as text (`ViewSettings.to_query`)."""
QUERY = "query"
"""Store: what the layer's requests carry: the settings, the level size, the anchor session."""
SPAN = "span"
"""Store: what the layer reports after a pan or zoom ends: {x0, x1, pane_px, span}."""
OPTIONS = "layer-options"
"""Store: what the layer paints of a payload, and its colours."""
SINK = "sink"
"""Store that clientside callbacks name as their output; never written."""
CARDS = "cards"
STATUS = "status"
FEED = "feed"
FEED_CARD = "feed-card"
LEVEL_SHOWN = "level-shown"
MINVOL_SHOWN = "minvol-shown"
NOTICE = "notice"
PANEL = "panel"
FOLD = "fold"
FOLDED = "folded"
URL = "url"
GO = "go"
SESSION_PICK = "session-pick"
PREVIOUS = "previous-session"
NEXT = "next-session"
RANGE = "date-range"
EXPORT = "export-json"
DOWNLOAD = "download"


def setting(name: str) -> dict[str, str]:
    """Return the id of the control of a view setting."""
    return {"type": "set", "name": name}


def fault(name: str) -> dict[str, str]:
    """Return the id of the message beside the control of a view setting."""
    return {"type": "fault", "name": name}
