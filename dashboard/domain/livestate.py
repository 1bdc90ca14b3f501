"""What is live: the open state of one instrument, and the state of the feed.

The ingest pipeline builds these, `live/codec` turns them into bytes, pages and the API read them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from dashboard.domain.bars import Bars
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import Quote


class FeedMode(Enum):
    """Whose data this is; shown as a badge on every page."""

    LIVE = "LIVE"
    SIMULATED = "SIMULATED"
    REPLAY = "REPLAY"


class FeedState(Enum):
    """The life of a feed, shown on screen and logged once per change."""

    STOPPED = "stopped"
    STARTING = "starting"
    PREPARING = "preparing"
    LIVE = "live"
    RETRYING = "retrying"
    FINISHED = "finished"


@dataclass(frozen=True, slots=True)
class FeedStatus:
    """State of the one feed of this machine.

    `heartbeat_ns` is refreshed every second while the pipeline turns, without raising any version;
    `cause` is one sentence, "" when all is well.
    """

    mode: FeedMode
    state: FeedState
    cause: str = ""
    since_ns: int = 0
    heartbeat_ns: int = 0
    leader_pid: int = 0
    sides_estimated: bool = True
    speed: float = 1.0


@dataclass(frozen=True, slots=True)
class SessionTotals:
    """What the current session traded so far, late trades included; all zero before the first.

    `open`, `high` and `low` are price units, the rest size units and a count. `open` is the first
    price that arrived.
    """

    open: int = 0
    high: int = 0
    low: int = 0
    bid_volume: int = 0
    ask_volume: int = 0
    unknown_volume: int = 0
    unattributed_volume: int = 0
    trades: int = 0

    @property
    def volume(self) -> int:
        """All volume: bid + ask + unknown + unattributed."""
        return self.bid_volume + self.ask_volume + self.unknown_volume + self.unattributed_volume

    @property
    def delta(self) -> int:
        """Ask volume minus bid volume."""
        return self.ask_volume - self.bid_volume

    def add(self, fragments: Bars) -> SessionTotals:
        """Return the totals with what `fragments` of this session's bars hold, in arrival order."""
        if not len(fragments):
            return self
        traded = fragments.trades > 0
        high, low, first = self.high, self.low, self.open
        if traded.any():
            top, bottom = int(fragments.high[traded].max()), int(fragments.low[traded].min())
            high = max(high, top) if self.trades else top
            low = min(low, bottom) if self.trades else bottom
            first = first if self.trades else int(fragments.open[traded][0])
        return SessionTotals(
            first,
            high,
            low,
            self.bid_volume + int(fragments.bid_volume.sum()),
            self.ask_volume + int(fragments.ask_volume.sum()),
            self.unknown_volume + int(fragments.unknown_volume.sum()),
            self.unattributed_volume + int(fragments.unattributed_volume.sum()),
            self.trades + int(fragments.trades.sum()),
        )


@dataclass(frozen=True, slots=True)
class LiveState:
    """The open state of one instrument as last published.

    Attributes:
        symbol: The instrument.
        version: The board's publish counter at this publish (of any instrument); only rises.
        trade_seq: Newest trade contained; every trade up to it is already in the store.
        receive_ns: Receive time of that trade.
        session_ns: Session of the newest trade.
        open_bars: The minutes not yet closed (normally one), one-tick levels, `version` per bar.
        quote: Last packet (None on a true-trade feed that sends no book).
        last_price: Price of the newest trade.
        provenance: Counters of the session.
        updates_per_s: Packets or trades a second over the last ten seconds.
        gaps: Gaps in this session.
        first_ns: Event time of the session's first data; later than the open when started late.
        extra: Free counters for diagnosis; no reader may depend on a key.
        totals: Prices and volumes of the session.
    """

    symbol: str
    version: int
    trade_seq: int
    receive_ns: int
    session_ns: int
    open_bars: Bars
    quote: Quote | None
    last_price: int
    provenance: Provenance
    updates_per_s: float = 0.0
    gaps: int = 0
    first_ns: int = 0
    extra: dict[str, int] = field(default_factory=dict)
    totals: SessionTotals = SessionTotals()
