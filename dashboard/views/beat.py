"""What a beat asks and what it gets (docs/ARCHITECTURE.md), free of HTTP."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class BeatRequest:
    """One question of the data plane; stateless, any worker answers it.

    Attributes:
        values: View settings as text.
        scope: `live` or `stored`.
        first, last: Window of bar positions, both inclusive; None: the last screenful.
        since: Board version that the asker has.
        known: View hash that the asker has, "" for none.
        pane_px, span: Height (px) and price span (price units) of the price pane when the last pan
            or zoom ended, for an auto level; None before the first paint.
        current: Level size shown, price units; auto keeps it while it is still right.
        anchor: First session of the asker's view (live); None: a fresh one.
    """

    values: Mapping[str, str]
    scope: str = "live"
    first: int | None = None
    last: int | None = None
    since: int = 0
    known: str = ""
    pane_px: int | None = None
    span: int | None = None
    current: int | None = None
    anchor: int | None = None

    @property
    def question(self) -> Hashable:
        """All that decides the view hash; the window and what the asker has do not."""
        settings = tuple(sorted(self.values.items()))
        return (settings, self.scope, self.pane_px, self.span, self.current, self.anchor)


@dataclass(frozen=True, slots=True)
class BeatAnswer:
    """The payload (`body` None: nothing changed), and how the feed is, with the reason."""

    body: Mapping[str, Any] | None
    age_ms: int
    state: str
    cause: str = ""
