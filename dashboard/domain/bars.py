"""Bars: the recipe (`BarSpec`) and the columnar result (`Bars`), with their footprint levels.

Only the data types live here; `aggregate` makes bars from trades, `merge` joins them, `footprint`
regroups their levels. A bar's identity is (session open, ordinal in the session).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from dashboard.errors import InputError

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
BOOL = NDArray[np.bool_]


class BarKind(Enum):
    """What closes a bar (formulas.md 10 and 11)."""

    TIME = "time"
    TRADES = "trades"
    VOLUME = "volume"
    RANGE = "range"
    DELTA = "delta"


_SUFFIX = {
    "s": (BarKind.TIME, 1),
    "m": (BarKind.TIME, 60),
    "h": (BarKind.TIME, 3600),
    "d": (BarKind.TIME, 86400),
    "t": (BarKind.TRADES, 1),
    "v": (BarKind.VOLUME, 1),
    "r": (BarKind.RANGE, 1),
    "delta": (BarKind.DELTA, 1),
}
_SPELLING = re.compile(r"([0-9]{1,9})(s|m|h|d|t|v|r|delta)")
BAR_SPELLINGS = "5m, 30s, 1h, 1d (time), 100t (trades), 5000v (volume), 20r (ticks), 500delta"


@dataclass(frozen=True, slots=True)
class BarSpec:
    """The recipe of a bar: `size` is seconds, trades, size units, ticks or size units of delta."""

    kind: BarKind
    size: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a spelling such as ``5m`` or ``100t``.

        Raises:
            InputError: The text is no spelling, the size is 0, or a time bar exceeds one day.
        """
        match = _SPELLING.fullmatch(text.strip().lower())
        if not match or int(match[1]) == 0:
            raise InputError("bar", text, f"a size such as {BAR_SPELLINGS}")
        kind, unit = _SUFFIX[match[2]]
        size = int(match[1]) * unit
        if kind is BarKind.TIME and size > 86400:
            raise InputError("bar", text, "a time bar of 1s to 1d")
        return cls(kind, size)

    def __str__(self) -> str:
        units = [(unit, suffix) for suffix, (kind, unit) in _SUFFIX.items() if kind is self.kind]
        unit, suffix = max(u for u in units if self.size % u[0] == 0)
        return f"{self.size // unit}{suffix}"

    @property
    def interval_ns(self) -> int:
        """Length of a time bar in ns; 0 for other kinds."""
        return self.size * 1_000_000_000 if self.kind is BarKind.TIME else 0


MINUTE = BarSpec(BarKind.TIME, 60)


@dataclass(frozen=True, slots=True)
class BarOrigin:
    """Where bars come from and what their source could know. Bars of two origins never mix.

    Attributes:
        interval_s: Length of the stored base bar (60 for ours), 0 when made from trades directly.
        level_anchor: `floor` (a level covers [p, p + size)) or `nearest` (p is its centre).
        ohlc_exact: False when OHLC are level labels, not traded prices.
        absent: Columns that the source cannot know; they hold zeros and are shown and exported as
            null, e.g. {"trades", "min_delta", "max_delta", "vwap"}. A name stands for every column
            that begins with it: "vwap" for the three moments, "min_delta" for its `_nz` too.
    """

    interval_s: int = 0
    level_anchor: str = "floor"
    ohlc_exact: bool = True
    absent: frozenset[str] = frozenset()

    def join(self, other: BarOrigin) -> BarOrigin:
        """Return the origin of bars made from bars of both.

        Bars made from trades (`interval_s` 0) join stored base bars of any length; what either
        source could not know, the whole cannot know.

        Raises:
            ValueError: The levels are anchored otherwise, OHLC differ in kind, or base bars of two
                lengths meet.
        """
        lengths = {self.interval_s, other.interval_s} - {0}
        kinds = {(o.level_anchor, o.ohlc_exact) for o in (self, other)}
        if len(lengths) > 1 or len(kinds) > 1:
            msg = f"bars of different origin never mix: {self} and {other}"
            raise ValueError(msg)
        return replace(self, interval_s=max(lengths, default=0), absent=self.absent | other.absent)


BAR_COLUMNS = (
    "session_ns",
    "ordinal",
    "start_ns",
    "end_ns",
    "open",
    "high",
    "low",
    "close",
    "bid_volume",
    "ask_volume",
    "unknown_volume",
    "unattributed_volume",
    "trades",
    "min_delta",
    "max_delta",
    "min_delta_nz",
    "max_delta_nz",
    "delta_since_high",
    "delta_since_low",
    "vwap_ref",
    "vwap_m1",
    "vwap_m2",
    "gap",
    "last_seq",
    "version",
)
LEVEL_COLUMNS = ("level_price", "level_bid", "level_ask", "level_unknown", "level_trades")


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """B bars in order of (session, ordinal) with their L footprint levels.

    Bar columns have shape (B,), level columns (L,); bar i owns the levels
    ``offsets[i]:offsets[i + 1]``, ascending in price, only levels that traded.

    Attributes:
        spec: The recipe.
        level_size: Height of a level in price units.
        origin: What the source could know.
        session_ns: Open instant of the bar's session (its id).
        ordinal: Place in the session: time bars floor((t - open) / interval), which may be negative
            before the open and skips empty intervals; other bars 0, 1, 2, ...
        start_ns, end_ns: Time bars: the boundaries; other bars: event times of the trades that
            arrived first and last.
        open, high, low, close: Traded prices, price units, never rounded to levels.
        bid_volume, ask_volume: Size units sold into the bid, bought from the ask.
        unknown_volume: Traded on a price, side not known.
        unattributed_volume: Missed during a gap, on no price.
        trades: Number of trades (on a snapshot feed: of inferred ones).
        min_delta, max_delta: Extremes of the running delta, its starting 0 included.
        min_delta_nz, max_delta_nz: The same over the values after each trade only.
        delta_since_high, delta_since_low: Delta after the last trade at the bar's high, low.
        vwap_ref, vwap_m1, vwap_m2: Moments about `vwap_ref` (the first trade's price): sum of
            (p - ref) * q, exact; sum of (p - ref)**2 * q as float64 (exact below 2**53).
        gap: True when data is missing: a gap ended in this bar, having begun in it or earlier.
        last_seq: Newest trade contained (0 when unknown).
        version: Publish version of the bar's last change (0 when not from a store or board).
        offsets: Shape (B + 1,).
        level_price: Lower edge (`floor`) or centre (`nearest`) of the level, price units.
        level_bid, level_ask, level_unknown, level_trades: The level's sums.

    Invariants: per bar the levels sum to bid_volume, ask_volume, unknown_volume and trades.
    """

    spec: BarSpec
    level_size: int
    origin: BarOrigin
    session_ns: I64
    ordinal: I64
    start_ns: I64
    end_ns: I64
    open: I64
    high: I64
    low: I64
    close: I64
    bid_volume: I64
    ask_volume: I64
    unknown_volume: I64
    unattributed_volume: I64
    trades: I64
    min_delta: I64
    max_delta: I64
    min_delta_nz: I64
    max_delta_nz: I64
    delta_since_high: I64
    delta_since_low: I64
    vwap_ref: I64
    vwap_m1: I64
    vwap_m2: F64
    gap: BOOL
    last_seq: I64
    version: I64
    offsets: I64
    level_price: I64
    level_bid: I64
    level_ask: I64
    level_unknown: I64
    level_trades: I64

    def __len__(self) -> int:
        return len(self.ordinal)

    @classmethod
    def zeros(
        cls, spec: BarSpec, level_size: int, count: int, origin: BarOrigin | None = None
    ) -> Self:
        """Return `count` bars without levels whose columns are all zero, to be filled in."""
        columns: dict[str, Any] = {n: np.zeros(count, np.int64) for n in BAR_COLUMNS}
        columns |= {n: np.zeros(0, np.int64) for n in LEVEL_COLUMNS}
        columns["vwap_m2"] = np.zeros(count, np.float64)
        columns["gap"] = np.zeros(count, np.bool_)
        columns["offsets"] = np.zeros(count + 1, np.int64)
        return cls(spec, level_size, origin or BarOrigin(), **columns)

    @classmethod
    def empty(cls, spec: BarSpec, level_size: int, origin: BarOrigin | None = None) -> Self:
        """Return no bars of a recipe."""
        return cls.zeros(spec, level_size, 0, origin)

    @classmethod
    def concat(cls, parts: Iterable[Bars]) -> Bars:
        """Join bars of one spec, level size and origin that already follow one another.

        Raises:
            ValueError: There are no parts.
        """
        bars = list(parts)
        if not bars:
            msg = "concat needs at least one part"
            raise ValueError(msg)
        if len(bars) == 1:
            return bars[0]
        columns: dict[str, Any] = {
            n: np.concatenate([getattr(b, n) for b in bars]) for n in BAR_COLUMNS + LEVEL_COLUMNS
        }
        ends = np.cumsum([len(b.level_price) for b in bars])
        shifted = [b.offsets[1:] + end for b, end in zip(bars[1:], ends[:-1], strict=True)]
        columns["offsets"] = np.concatenate([bars[0].offsets, *shifted])
        return replace(bars[0], **columns)

    @property
    def traded_volume(self) -> I64:
        """Volume that is on a price: bid + ask + unknown."""
        return self.bid_volume + self.ask_volume + self.unknown_volume

    @property
    def volume(self) -> I64:
        """All volume: bid + ask + unknown + unattributed."""
        return self.traded_volume + self.unattributed_volume

    @property
    def delta(self) -> I64:
        """Ask volume minus bid volume."""
        return self.ask_volume - self.bid_volume

    @property
    def keys(self) -> I64:
        """One number per bar, shape (B,), that sorts as (session_ns, ordinal): their sum.

        Unique because sessions are hours (in ns) apart and ordinals are far below that.
        """
        return self.session_ns + self.ordinal

    @property
    def level_volume(self) -> I64:
        """Volume of each level, shape (L,): bid + ask + unknown."""
        return self.level_bid + self.level_ask + self.level_unknown

    @property
    def level_counts(self) -> I64:
        """Number of levels of each bar, shape (B,)."""
        return self.offsets[1:] - self.offsets[:-1]

    @property
    def level_bar(self) -> I64:
        """Index of the bar that owns each level, shape (L,)."""
        return np.repeat(np.arange(len(self)), self.level_counts)

    def take(self, start: int, stop: int) -> Bars:
        """Return bars start..stop-1 (a contiguous range, like a slice without negative indices)."""
        if start == 0 and stop == len(self):
            return self
        first, last = int(self.offsets[start]), int(self.offsets[stop])
        columns: dict[str, Any] = {n: getattr(self, n)[start:stop] for n in BAR_COLUMNS}
        columns |= {n: getattr(self, n)[first:last] for n in LEVEL_COLUMNS}
        columns["offsets"] = self.offsets[start : stop + 1] - first
        return replace(self, **columns)

    def select(self, index: NDArray[Any]) -> Bars:
        """Return the bars of a boolean mask or an index array, in that order, with their levels."""
        rows = np.arange(len(self))[index]
        counts = self.level_counts[rows]
        offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        # Level j of the result is as far behind its bar's first level as it was in the source.
        levels = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], counts)
        columns: dict[str, Any] = {n: getattr(self, n)[rows] for n in BAR_COLUMNS}
        columns |= {n: getattr(self, n)[levels] for n in LEVEL_COLUMNS}
        return replace(self, offsets=offsets, **columns)

    def with_columns(self, **columns: NDArray[Any]) -> Bars:
        """Return a copy with some columns exchanged."""
        return replace(self, **columns)  # type: ignore[arg-type]


def bar_fields() -> tuple[str, ...]:
    """Names of all array fields of `Bars`, for tests and codecs."""
    return tuple(f.name for f in fields(Bars) if f.name not in {"spec", "level_size", "origin"})
