"""`ViewFrame`: everything that is derived from the bars of a view, once for all who look at it.

`derive` computes the columns that bars do not carry themselves: CVD candles, VWAP, POC, imbalance
marks, heat, labels. Given the frame before, it computes only what a change of the newest bars can
have altered, so that a beat costs the same early and late in the day. `payload`, `chart`, `cards`
and `annotations` read frames; whoever serves views keeps the last frame of each.

A bar's marks and heat depend on bars up to itself, never on later ones. So a closed bar never
changes its look, and live and rebuilt charts agree. Volumes are size units here;
`ViewFrame.shown` turns them into display numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import F64, I64, Bars
from dashboard.domain.imbalance import (
    PRESETS,
    ImbalanceRule,
    diagonal_imbalances,
    stacked_levels,
    stacked_zones,
    suggested_min_volume,
)
from dashboard.domain.indicators import bar_vwap, cvd_candles, session_vwap
from dashboard.domain.profile import bar_pocs
from dashboard.domain.snapshot import Snapshot
from dashboard.figures.heat import NO_FILL, Counts, Steps, heat_steps, no_counts
from dashboard.figures.labels import session_dates, time_labels
from dashboard.figures.view import AUTO, ViewSettings, figure_hash, view_hash

__all__ = ["BUY", "BUY_STACK", "POC", "SELL", "SELL_STACK", "ViewFrame", "Zone", "derive"]

Marks = NDArray[np.uint8]
Columns = Mapping[str, NDArray[Any]]

BUY, SELL, BUY_STACK, SELL_STACK, POC = 1, 2, 4, 8, 16
"""Bits of a level's marks."""

_AT_ONCE = 128
"""Bars of a session that are derived together; bounds the memory that heat needs."""


@dataclass(frozen=True, slots=True)
class Zone:
    """A stack of imbalances.

    Attributes:
        bar: Position.
        low, high: Lower edges of its lowest and highest level, price units.
        side: 1 buy, -1 sell.
        end: Position of the first later bar that traded in it, None while none has.
    """

    bar: int
    low: int
    high: int
    side: int
    end: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ViewFrame:
    """A snapshot with everything derived from it; bar columns (B,), level columns (L,).

    Attributes:
        snapshot: What it is derived from.
        settings: Of the view; settings that `view_hash` leaves out may be another viewer's.
        view, figure: Names of this view and of its bar positions.
        divisor: Size units per display unit: a lot, or one contract, share or coin.
        lots: Display units are lots.
        version: Version of each bar's last change, those included that reach it through running
            sums; never falls from one bar to the next.
        poc: Price units, `NO_PRICE` of bars without levels.
        bar_vwap: Price units, NaN of bars without trades.
        shade_delta, shade_pct, shade_volume: Heat of the statistics.
        heat_bid, heat_ask, heat_total, heat_delta: Heat of the cells, (L,).
        marks: Bits `BUY` ... `POC`, (L,).
        cvd_open, cvd_high, cvd_low, cvd_close: Size units.
        vwap, sigma: Running session VWAP and its standard deviation, price units.
        label, date: Time of each bar, and its date where a session begins, else "".
        zones: Stacks in bar order.
        minimums: Imbalance minimum by session, size units.
        carry: Heat counts of the last bar's session without the last bar.
    """

    snapshot: Snapshot
    settings: ViewSettings
    view: str
    figure: str
    divisor: int
    lots: bool
    version: I64
    poc: I64
    bar_vwap: F64
    shade_delta: Steps
    shade_pct: Steps
    shade_volume: Steps
    heat_bid: Steps
    heat_ask: Steps
    heat_total: Steps
    heat_delta: Steps
    marks: Marks
    cvd_open: I64
    cvd_high: I64
    cvd_low: I64
    cvd_close: I64
    vwap: F64
    sigma: F64
    label: Sequence[str]
    date: Sequence[str]
    zones: Sequence[Zone]
    minimums: Mapping[int, int]
    carry: Counts

    def __len__(self) -> int:
        return len(self.snapshot.bars)

    @property
    def bars(self) -> Bars:
        """The bars that the columns belong to."""
        return self.snapshot.bars

    @property
    def min_volume(self) -> int:
        """Imbalance minimum of the newest session, size units; 0 when there are no bars."""
        return self.minimums[int(self.bars.session_ns[-1])] if len(self) else 0

    def shown(self, volume: NDArray[Any]) -> NDArray[Any]:
        """Return volumes or deltas as display numbers; decimals on fractional venues only."""
        if self.divisor == 1:
            return volume
        return volume // self.divisor if self.lots else volume / self.divisor


def derive(
    snapshot: Snapshot, settings: ViewSettings, previous: ViewFrame | None = None
) -> ViewFrame:
    """Return the frame of a snapshot.

    Args:
        snapshot: Bars at the view's level size.
        settings: The view's.
        previous: Frame of an earlier snapshot of the same view; what did not change is taken from
            it. A frame of another view is ignored.
    """
    bars = snapshot.bars
    kept = None
    if previous is not None and previous.view == _name(snapshot, settings, lots=previous.lots):
        kept = previous
    first = 0 if kept is None else _first_changed(kept.bars, bars)
    lots = _in_lots(snapshot, settings, first if kept is not None and kept.lots else 0)
    if kept is not None and kept.lots != lots:
        kept, first = None, 0
    if kept is not None and first == len(kept) == len(bars):
        return replace(kept, snapshot=snapshot, settings=settings)
    if kept is not None and 0 <= len(kept) - 1 <= first:
        # The last bar of before is always done again: its heat counts reach up to it.
        columns = _derive(snapshot, settings, lots, len(kept) - 1, kept)
    else:
        # A late trade: all that its session's sums and percentiles reach is done again.
        columns = _derive(snapshot, settings, lots, _session_start(bars, first), kept)
    return ViewFrame(
        snapshot=snapshot,
        settings=settings,
        view=_name(snapshot, settings, lots=lots),
        figure=figure_hash(
            settings, snapshot.generation, snapshot.anchor_session_ns, snapshot.layout_epoch
        ),
        divisor=_divisor(snapshot, lots=lots),
        lots=lots,
        version=np.maximum.accumulate(bars.version),
        **columns,
    )


def _derive(
    snapshot: Snapshot, settings: ViewSettings, lots: bool, first: int, kept: ViewFrame | None
) -> dict[str, Any]:
    """Return the derived fields; columns before bar `first` are those of `kept`.

    `first` is the last bar of `kept`, or begins a session.
    """
    bars, divisor = snapshot.bars, _divisor(snapshot, lots=lots)
    minimums = dict(kept.minimums) if kept else {}
    carry = kept.carry if kept is not None and first == len(kept) - 1 else no_counts(_GROUPS)
    before = carry
    parts: list[Columns] = []
    zones: list[Zone] = []
    for low, high in _pieces(bars.session_ns, first):
        session = int(bars.session_ns[low])
        if low > first and session != bars.session_ns[low - 1]:
            before = no_counts(_GROUPS)
            minimums.pop(session, None)
        if session not in minimums:
            minimums[session] = _minimum(settings, snapshot, low, divisor)
        piece = bars.take(low, high)
        rule = _rule(settings, snapshot, minimums[session])
        marked, found = _marked(piece, rule)
        heated, carry, before = _heated(piece, settings, before)
        parts.append(marked | heated)
        zones += [replace(zone, bar=zone.bar + low) for zone in found]
    return {
        **_joined(bars, first, kept, parts),
        **_running(bars, settings, first, kept),
        **_labels(snapshot, first, kept),
        "zones": _with_ends(bars, first, kept.zones if kept else (), zones),
        "minimums": minimums,
        "carry": carry,
    }


def _marked(bars: Bars, rule: ImbalanceRule) -> tuple[dict[str, NDArray[Any]], list[Zone]]:
    """Return POC, bar VWAP and the levels' marks, and the stacks (bars counted from 0)."""
    buy, sell = diagonal_imbalances(bars, rule)
    stacks = stacked_zones(bars, buy, sell, rule.stack)
    zones = [Zone(stack.bar, stack.low, stack.high, stack.side) for stack in stacks]
    poc = bar_pocs(bars)
    marks = np.zeros(len(buy), np.uint8)
    marks[buy] |= BUY
    marks[sell] |= SELL
    marks[bars.level_price == np.repeat(poc, np.diff(bars.offsets))] |= POC
    if zones:
        marks[stacked_levels(bars, buy, rule.stack)] |= BUY_STACK
        marks[stacked_levels(bars, sell, rule.stack)] |= SELL_STACK
    return {"poc": poc, "bar_vwap": bar_vwap(bars), "marks": marks}, zones


_SIDES, _TOTALS, _DELTAS, _BAR_DELTA, _BAR_PCT, _BAR_VOLUME = range(6)
_GROUPS = 6
"""What heat compares with each other; cells of bid and ask are one group."""


def _heated(
    bars: Bars, settings: ViewSettings, before: Counts
) -> tuple[dict[str, NDArray[Any]], Counts, Counts]:
    """Return the heat columns of bars of one session, and counts without and with the last bar."""
    owner, each = bars.level_bar, np.arange(len(bars))
    bid, ask, delta = bars.level_bid, bars.level_ask, np.abs(bars.level_ask - bars.level_bid)
    bar_delta, bar_volume = np.abs(bars.delta), bars.volume
    # Tenths of a percent, as they are shown.
    pct = bar_delta * 1000 // np.maximum(bar_volume, 1)
    values = (bid, ask, bars.level_volume, delta, bar_delta, pct, bar_volume)
    groups = (_SIDES, _SIDES, _TOTALS, _DELTAS, _BAR_DELTA, _BAR_PCT, _BAR_VOLUME)
    heat = heat_steps(
        np.concatenate(values),
        np.concatenate([owner] * 4 + [each] * 3),
        np.repeat(groups, [len(v) for v in values]),
        (len(bars), _GROUPS),
        before,
        alone=_BAR_DELTA if settings.heat == "bar" else 0,
    )
    edges = np.cumsum([len(v) for v in values])[:-1]
    columns = dict(zip(_HEAT_COLUMNS, np.split(heat.steps, edges), strict=True))
    if settings.heat == "off":
        columns |= {name: np.full_like(columns[name], NO_FILL) for name in _HEAT_COLUMNS[:4]}
    return columns, heat.before_last, heat.counts


_HEAT_COLUMNS = (
    "heat_bid",
    "heat_ask",
    "heat_total",
    "heat_delta",
    "shade_delta",
    "shade_pct",
    "shade_volume",
)
_LEVEL_COLUMNS = ("heat_bid", "heat_ask", "heat_total", "heat_delta", "marks")
_DTYPES: Mapping[str, Any] = {
    "poc": np.int64,
    "bar_vwap": np.float64,
    "marks": np.uint8,
} | dict.fromkeys(_HEAT_COLUMNS, np.int8)


def _joined(
    bars: Bars, first: int, kept: ViewFrame | None, parts: Sequence[Columns]
) -> dict[str, NDArray[Any]]:
    """Return each column's kept entries before bar `first` followed by the new ones."""
    out = {}
    for name, dtype in _DTYPES.items():
        upto = int(bars.offsets[first]) if name in _LEVEL_COLUMNS else first
        head = np.zeros(0, dtype) if kept is None else getattr(kept, name)[:upto]
        out[name] = np.concatenate([head, *(part[name] for part in parts)])
    return out


def _running(
    bars: Bars, settings: ViewSettings, first: int, kept: ViewFrame | None
) -> dict[str, NDArray[Any]]:
    """Return the columns that sum over earlier bars: CVD candles, session VWAP and its sigma."""
    start = _session_start(bars, first)
    continuous = settings.cvd == "continuous"
    cvd = cvd_candles(bars.take(0 if continuous else start, len(bars)), continuous=continuous)
    vwap, sigma = session_vwap(bars.take(start, len(bars)))
    own = {
        "cvd_open": cvd.open,
        "cvd_high": cvd.high,
        "cvd_low": cvd.low,
        "cvd_close": cvd.close,
        "vwap": vwap,
        "sigma": sigma,
    }
    if kept is None:
        return own
    return {
        name: np.concatenate([getattr(kept, name)[: len(bars) - len(tail)], tail])
        for name, tail in own.items()
    }


def _labels(snapshot: Snapshot, first: int, kept: ViewFrame | None) -> dict[str, list[str]]:
    """Return the bars' time and date texts."""
    bars, zone = snapshot.bars, snapshot.calendar.timezone
    before = int(bars.session_ns[first - 1]) if first else None
    label = time_labels(bars.start_ns[first:], zone)
    date = session_dates(bars.session_ns[first:], zone, before)
    if kept is None:
        return {"label": label, "date": date}
    return {"label": [*kept.label[:first], *label], "date": [*kept.date[:first], *date]}


def _with_ends(bars: Bars, first: int, kept: Sequence[Zone], new: Sequence[Zone]) -> list[Zone]:
    """Return kept zones before bar `first` and new ones, each with the bar that first touched it.

    A bar touches a zone when its range reaches between the zone's lower and upper edge.
    """
    # Bars before `first` touched what they touched.
    low, high = bars.low[first:].tolist(), bars.high[first:].tolist()
    under = bars.level_size / 2 if bars.origin.level_anchor == "nearest" else 0

    def ended(zone: Zone, start: int) -> Zone:
        bottom, top = zone.low - under, zone.high - under + bars.level_size
        later = range(start - first, len(low))
        end = next((at for at in later if low[at] < top and high[at] >= bottom), None)
        return replace(zone, end=None if end is None else end + first)

    zones = [zone for zone in kept if zone.bar < first]
    zones = [ended(z, first) if z.end is None or z.end >= first else z for z in zones]
    return zones + [ended(zone, zone.bar + 1) for zone in new]


def _minimum(settings: ViewSettings, snapshot: Snapshot, first: int, divisor: int) -> int:
    """Return the imbalance minimum of the session that begins with bar `first`, size units.

    A minimum that was typed is in display units; a preset's own is in lots; `auto` of the standard
    preset is a percentile of the session before.
    """
    if settings.minvol != AUTO:
        return int(settings.minvol) * divisor
    if settings.preset != "standard":
        return PRESETS[settings.preset].scaled(snapshot.instrument.lot_size).min_volume
    bars = snapshot.bars
    if first:
        return suggested_min_volume(bars.take(_session_start(bars, first - 1), first))
    levels = snapshot.previous_levels
    nothing = np.zeros_like(levels)
    before = Bars.empty(bars.spec, bars.level_size).with_columns(
        level_bid=levels, level_ask=nothing, level_unknown=nothing
    )
    return suggested_min_volume(before)


def _rule(settings: ViewSettings, snapshot: Snapshot, minimum: int) -> ImbalanceRule:
    """Return the preset's rule with the view's ratio and stack and a session's minimum."""
    preset = PRESETS[settings.preset].scaled(snapshot.instrument.lot_size)
    return replace(preset, ratio=settings.ratio, stack=settings.stack, min_volume=minimum)


def _pieces(session: I64, first: int) -> Iterator[tuple[int, int]]:
    """Yield runs (start, stop) of bars of one session, from bar `first` on, of bounded length."""
    edges = (np.flatnonzero(np.diff(session[first:])) + first + 1).tolist()
    for start, stop in pairwise([first, *edges, len(session)]):
        for low in range(start, stop, _AT_ONCE):
            yield low, min(low + _AT_ONCE, stop)


def _session_start(bars: Bars, bar: int) -> int:
    """Return the first bar of a bar's session; 0 when there are no bars."""
    if not len(bars):
        return 0
    return int(np.searchsorted(bars.session_ns, bars.session_ns[min(bar, len(bars) - 1)]))


_IDENTITY = ("session_ns", "ordinal", "version", "last_seq", "bid_volume", "ask_volume")


def _first_changed(old: Bars, new: Bars) -> int:
    """Return the first position at which two lists of bars differ (the shorter one's length).

    Versions tell; the other columns also catch sources that have none.
    """
    count = min(len(old), len(new))
    same = np.ones(count, np.bool_)
    for name in (*_IDENTITY, "unknown_volume", "unattributed_volume"):
        same &= getattr(old, name)[:count] == getattr(new, name)[:count]
    return count if same.all() else int(same.argmin())


def _name(snapshot: Snapshot, settings: ViewSettings, *, lots: bool) -> str:
    """Return the view's hash: with all that numbers and positions depend on besides settings."""
    bars = snapshot.bars
    extra = (snapshot.layout_epoch, bars.level_size, bars.spec, lots)
    return view_hash(settings, snapshot.generation, snapshot.anchor_session_ns, extra)


def _in_lots(snapshot: Snapshot, settings: ViewSettings, first: int) -> bool:
    """Return whether the display unit is lots: wanted, and dividing every size of the view.

    Bars before `first` are known to divide.
    """
    lot = snapshot.instrument.lot_size
    if settings.unit != "lots" or lot <= 1:
        return False
    bars = snapshot.bars.take(first, len(snapshot.bars))
    sizes = (bars.level_bid, bars.level_ask, bars.level_unknown, bars.unattributed_volume)
    return not any((size % lot).any() for size in sizes)


def _divisor(snapshot: Snapshot, *, lots: bool) -> int:
    """Return size units per display unit."""
    return snapshot.instrument.lot_size if lots else snapshot.instrument.size_scale
