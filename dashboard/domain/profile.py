"""Volume profiles: volume by price over any bars, their POC and value area, and naked POCs.

All rules work on levels as integers and in whole units of volume, so a chart, an export and a test
give the same level on every machine. Called by `figures` (profile bars, POC boxes) and exports.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import Bars
from dashboard.domain.footprint import sum_levels
from dashboard.domain.trade import NO_PRICE

I64 = NDArray[np.int64]


class ValueArea(StrEnum):
    """How a value area grows from the POC (formulas.md 6); its values are the URL's words.

    ONE_ROW: the larger of the next level above and below, a tie goes up; until the share is
    reached. CBOT: the same with two levels at a time (one where only one is left), a pair is taken
    whole. TRADINGVIEW: one level at a time, a tie goes down; ends before the share is exceeded.
    """

    ONE_ROW = "one-row"
    CBOT = "cbot"
    TRADINGVIEW = "tradingview"


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """Volume by level over any bars, size units.

    Attributes:
        level_size: Height of a level, price units.
        level_anchor: `floor` or `nearest`, as the bars' origin.
        price: Shape (L,), ascending, traded levels only, lower edge (or centre).
        bid_volume, ask_volume, unknown_volume, trades: Shape (L,).
    """

    level_size: int
    level_anchor: str
    price: I64
    bid_volume: I64
    ask_volume: I64
    unknown_volume: I64
    trades: I64

    def __len__(self) -> int:
        return len(self.price)

    @property
    def volume(self) -> I64:
        """Volume of each level: bid + ask + unknown."""
        return self.bid_volume + self.ask_volume + self.unknown_volume

    @property
    def poc(self) -> int:
        """The level with the most volume (see `find_poc`), `NO_PRICE` when nothing traded."""
        return find_poc(self.price, self.volume, self.level_size)

    def value_area(
        self, share_pct: int | Fraction = 70, convention: ValueArea = ValueArea.ONE_ROW
    ) -> tuple[int, int, int]:
        """Return VAL, VAH and the volume between them, as `value_area` does."""
        return value_area(self.price, self.volume, self.level_size, share_pct, convention)


def build_profile(bars: Bars) -> Profile:
    """Return the profile of all bars together: every level the exact sum over them."""
    price = bars.level_price
    columns = (bars.level_bid, bars.level_ask, bars.level_unknown, bars.level_trades)
    # Counted from any level, so that floor and nearest anchors divide without rest.
    base = int(price[0]) if len(price) else 0
    level = (price - base) // bars.level_size
    _, level, _, sums = sum_levels(level, np.array([len(price)]), columns)
    anchor = bars.origin.level_anchor
    return Profile(bars.level_size, anchor, base + level * bars.level_size, *sums)


def find_poc(price: I64, volume: I64, level_size: int) -> int:
    """Return the level with the most volume.

    Of equals the one nearest the middle of the lowest and highest level, still equal the lower;
    `NO_PRICE` of no levels.

    Args:
        price: Shape (L,), ascending.
        volume: Shape (L,), size units.
        level_size: Height of a level, price units.

    Source: formulas.md 6 (V6).
    """
    poc = _poc_index(price, volume, np.array([0, len(price)]), level_size)[0]
    return int(price[poc]) if poc >= 0 else NO_PRICE


def value_area(
    price: I64,
    volume: I64,
    level_size: int,
    share_pct: int | Fraction = 70,
    convention: ValueArea = ValueArea.ONE_ROW,
) -> tuple[int, int, int]:
    """Return VAL, VAH and the volume from one to the other.

    The area grows from the POC as the convention says; levels between low and high on which nothing
    traded count as levels of volume 0. The share is compared in whole units of volume.

    Args:
        price: Shape (L,), ascending, level_size apart or multiples of it.
        volume: Shape (L,), size units.
        level_size: Height of a level, price units.
        share_pct: Share in percent, whole or as a Fraction, above 0 up to 100.
        convention: How the area grows.

    Returns:
        ``val <= poc <= vah`` as levels (lower edges or centres), and the covered volume: at least
        the share for ONE_ROW and CBOT; for TRADINGVIEW at most, unless the POC alone exceeds it.
        Of no levels `NO_PRICE` twice and 0.

    Source: formulas.md 6 (V4, V5); ties of TRADINGVIEW go down, which V5 asks for.
    """
    offsets = np.array([0, len(price)])
    val, vah, covered = _value_areas(price, volume, offsets, level_size, share_pct, convention)
    return int(val[0]), int(vah[0]), int(covered[0])


def bar_pocs(bars: Bars) -> I64:
    """Return the POC of each bar as `find_poc` does, shape (B,); `NO_PRICE` where no levels are."""
    poc = _poc_index(bars.level_price, bars.level_volume, bars.offsets, bars.level_size)
    return _pick(bars.level_price, poc)


def bar_value_areas(
    bars: Bars, share_pct: int | Fraction = 70, convention: ValueArea = ValueArea.ONE_ROW
) -> tuple[I64, I64]:
    """Return VAL and VAH of each bar as `value_area` does.

    Returns:
        Two arrays of shape (B,), price units; `NO_PRICE` of bars without levels.
    """
    price, volume = bars.level_price, bars.level_volume
    val, vah, _ = _value_areas(price, volume, bars.offsets, bars.level_size, share_pct, convention)
    return val, vah


def naked_pocs(poc: I64, low: I64, high: I64) -> I64:
    """Return where each POC was traded again: the first later row with ``low <= poc <= high``.

    Args:
        poc: Shape (N,), of bars or sessions in time order; `NO_PRICE` where there is none.
        low: Shape (N,), lowest traded price of the same bars or sessions.
        high: Shape (N,), highest.

    Returns:
        Shape (N,): index of the row that filled the POC, -1 where it is naked, and -2 where there
        is none.

    Source: formulas.md 6 (V17).
    """
    filled = np.where(poc == NO_PRICE, -2, -1)
    waiting = np.zeros(0, dtype=np.int64)
    for row in range(len(poc)):
        level = poc[waiting]
        touched = (low[row] <= level) & (level <= high[row])
        filled[waiting[touched]] = row
        waiting = waiting[~touched]
        if filled[row] == -1:
            waiting = np.append(waiting, row)
    return filled


def _pick(price: I64, index: I64) -> I64:
    """Return the prices at `index`, `NO_PRICE` where it is -1."""
    if not len(price):
        return np.full(index.shape, NO_PRICE)
    return np.where(index >= 0, price[index], NO_PRICE)


def _poc_index(price: I64, volume: I64, offsets: I64, level_size: int) -> I64:
    """Return the flat index of each bar's POC, shape (B,); -1 of bars without levels."""
    found = np.full(len(offsets) - 1, -1, dtype=np.int64)
    counts = np.diff(offsets)
    filled = np.flatnonzero(counts)
    if not len(filled):
        return found
    first, last = offsets[filled], offsets[filled + 1] - 1
    runs = counts[filled]
    top = np.flatnonzero(volume == np.repeat(np.maximum.reduceat(volume, first), runs))
    # Twice the distance of the level's centre from the middle of the range, so it stays an integer.
    middle = np.repeat(price[first] + price[last] + level_size, runs)
    distance = np.abs(2 * price[top] + level_size - middle[top])
    owner = np.searchsorted(first, top, side="right") - 1
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    ties = np.diff(starts, append=len(top))
    nearest = np.flatnonzero(distance == np.repeat(np.minimum.reduceat(distance, starts), ties))
    # Levels ascend, so the first of the nearest is the lower one.
    lowest = nearest[np.searchsorted(owner[nearest], np.arange(len(filled)))]
    found[filled] = top[lowest]
    return found


def _value_areas(
    price: I64,
    volume: I64,
    offsets: I64,
    level_size: int,
    share_pct: int | Fraction,
    convention: ValueArea,
) -> tuple[I64, I64, I64]:
    """Return VAL, VAH and covered volume of each bar, without a loop over bars or levels.

    An area takes the larger of what is next above and next below, again and again. That is the
    merging of two queues, and it takes their entries in the order of the smallest volume met so far
    in each queue: an entry behind a small one waits for it, and goes right after it. So the order
    comes from one stable sort, and where to stop from one running sum.
    """
    if not 0 < share_pct <= 100:
        msg = f"a value area holds more than 0 and at most 100 percent, not {share_pct}"
        raise ValueError(msg)
    poc = _poc_index(price, volume, offsets, level_size)
    covered = np.zeros(len(poc), dtype=np.int64)
    val, vah = _pick(price, poc), _pick(price, poc)
    filled = np.flatnonzero(poc >= 0)
    if not len(filled):
        return val, vah, covered
    width = 2 if convention is ValueArea.CBOT else 1
    up_first = convention is not ValueArea.TRADINGVIEW
    low, high = offsets[filled], offsets[filled + 1] - 1
    row = (price - price.min()) // level_size
    queues = _Queues.build(row, volume, low, poc[filled], width, up_first=up_first)
    reach, covered[filled] = queues.take(share_pct, at_most=not up_first)
    centre = row[poc[filled]]
    below = np.maximum(centre + reach[0] * width, row[low])
    above = np.minimum(centre + reach[1] * width, row[high])
    val[filled], vah[filled] = price.min() + np.stack((below, above)) * level_size
    return val, vah, covered


@dataclass(frozen=True, slots=True, eq=False)
class _Queues:
    """What each area can take: per bar its POC, one side from there outwards, then the other.

    All columns have shape (Q,), Q levels that traded or pairs of levels in which one traded.

    Attributes:
        bar: Which bar, ascending.
        place: Number of the level or pair, counted from the POC (0), negative below it.
        volume: Its volume.
        first: Shape (B,), where each bar begins.
    """

    bar: I64
    place: I64
    volume: I64
    first: I64

    @classmethod
    def build(
        cls, row: I64, volume: I64, first: I64, poc: I64, width: int, *, up_first: bool
    ) -> Self:
        """Build the queues of bars that all have levels; the side that wins ties comes first.

        Args:
            row: Shape (L,), number of each level, 1 apart when adjacent.
            volume: Shape (L,).
            first: Shape (B,), flat index of each bar's lowest level.
            poc: Shape (B,), flat index of its POC.
            width: Levels taken at a time.
            up_first: Whether the side above wins ties.
        """
        runs = np.diff(first, append=len(row))
        bar = np.repeat(np.arange(len(first)), runs)
        here, start = np.arange(len(row)), first[bar]
        away, last = here - poc[bar], start + runs[bar] - 1
        if up_first:
            position = np.where(away >= 0, start + away, last - poc[bar] + start - away)
        else:
            position = np.where(away <= 0, start - away, here)
        outward = np.empty_like(here)
        outward[position] = here
        distance = np.abs(row - row[poc[bar]])[outward]
        place = np.sign(away)[outward] * ((distance + width - 1) // width)
        opens = np.flatnonzero((np.diff(place, prepend=0) != 0) | (place == 0))
        whole = np.add.reduceat(volume[outward], opens)
        bar = bar[opens]
        return cls(bar, place[opens], whole, np.searchsorted(bar, np.arange(len(first))))

    def take(self, share_pct: int | Fraction, *, at_most: bool) -> tuple[I64, I64]:
        """Return how far each area reaches, shape (2, B), below and above; and what it covers."""
        # Sorted by bar first, so a bar's entries stay between the same two indices.
        order = np.argsort(self._key(), kind="stable")
        volume, place = self.volume[order], self.place[order]
        total = np.add.reduceat(volume, self.first)
        ended = np.cumsum(volume) - (np.cumsum(total) - total)[self.bar]
        share = Fraction(share_pct) / 100
        parts, (whole, rest) = share.numerator, np.divmod(total, share.denominator)
        if at_most:
            most = whole * parts + rest * parts // share.denominator
            taken = ended <= most[self.bar]
        else:
            least = whole * parts - -rest * parts // share.denominator
            taken = ended - volume < least[self.bar]
        taken[self.first] = True
        reach = np.where(taken, place, 0)
        sides = (np.minimum.reduceat(reach, self.first), np.maximum.reduceat(reach, self.first))
        return np.stack(sides), np.add.reduceat(np.where(taken, volume, 0), self.first)

    def _key(self) -> I64:
        """Return what rises in the order of taking: by bar, then by volume met so far, falling."""
        sign = np.sign(self.place)
        starts = (np.diff(sign, prepend=-2) != 0) | (sign == 0)
        run = np.cumsum(starts)
        volume = self.volume
        if (int(volume.max()) + 2) * (int(run[-1]) + 1) >= 1 << 62:
            # Only the order matters, and ranks of volumes have the same.
            volume = np.unique(np.append(0, volume), return_inverse=True)[1][1:]
        span = int(volume.max()) + 2
        smallest = np.minimum.accumulate(volume - run * span) + run * span
        # Behind an empty level, or pair, the smallest met is 0.
        nth = np.arange(len(run)) - np.flatnonzero(starts)[run - 1] + 1
        smallest[nth != np.abs(self.place)] = 0
        smallest[self.place == 0] = span - 1
        key: I64 = self.bar * span - smallest
        return key
