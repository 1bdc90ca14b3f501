"""One consistent look at the bars of a view: what `series` hands to `figures`."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import Bars
from dashboard.domain.calendar import Calendar
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedStatus, LiveState


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """The bars of one (instrument, bar spec, level size), from the anchor session to the newest.

    Attributes:
        instrument: With the tick and lot of the newest session shown.
        calendar: Its trading calendar.
        bars: All bars of the view at the view's level size; a bar's x position is its index here.
        anchor_session_ns: First session of the view (0 when there are no bars).
        generation: Store generation that `bars` were read at.
        layout_epoch: Rises when a bar was inserted before the newest one (positions moved).
        version: Board version that `bars` contain; in history the newest bar's version.
        trade_seq: Newest trade contained.
        live: The live state that was joined in, None for history (no forming bar).
        status: The feed's status, None when there is no feed.
        is_open: True when the last bar is still forming.
        previous_levels: Level volumes (L,) of the session before the anchor, at this level size,
            empty when there is none: the default imbalance minimum is their 60th percentile.
        previous_close: Close of the session before the newest one, price units; None if unknown.
        sides_estimated: A rule, not the source, decided sides; "bid" and "ask" are estimates.
        by_rule: Volume by `SideRule`, size units: of the newest session when live, of all sessions
            of the view in history; all zeros where the source tells no single trades.
    """

    instrument: Instrument
    calendar: Calendar
    bars: Bars
    anchor_session_ns: int
    generation: int
    layout_epoch: int
    version: int
    trade_seq: int
    live: LiveState | None
    status: FeedStatus | None
    is_open: bool
    previous_levels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    previous_close: int | None = None
    sides_estimated: bool = False
    by_rule: tuple[int, ...] = ()
