"""Diagonal imbalances and their stacks, over the levels of many bars at once.

A buyer at a level meets the sellers one level below: the ask volume of a level is compared with the
bid volume of the level under it, and the bid volume with the ask volume of the level above.
Neighbours are found by price, never by place in the list. Called by `figures.payload` and exports.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from fractions import Fraction
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import Bars

I64 = NDArray[np.int64]
BOOL = NDArray[np.bool_]


class ZeroRule(Enum):
    """What a comparison with volume 0 is: an imbalance, no imbalance, or one with volume 1."""

    FLAG = "flag"
    IGNORE = "ignore"
    AS_ONE = "as one"


@dataclass(frozen=True, slots=True)
class ImbalanceRule:
    """When a level is out of balance. The own side's volume must be above 0 always.

    Attributes:
        ratio: How many times the opposite volume the own must be; kept as an exact fraction of the
            decimal number given (3.1 is 31/10), above 0.
        min_volume: Least volume of the own side, size units.
        min_difference: Least own minus opposite volume, size units.
        zero: What an opposite volume of 0 means; a level inside the bar on which nothing traded has
            volume 0 on both sides.
        strict: The own volume must exceed ratio times the opposite; else reaching it is enough.
        stack: Levels in a row, of one side, that make a stack.
    """

    ratio: Fraction | float = Fraction(3)
    min_volume: int = 0
    min_difference: int = 0
    zero: ZeroRule = ZeroRule.FLAG
    strict: bool = False
    stack: int = 3

    def __post_init__(self) -> None:
        if self.ratio <= 0:
            msg = f"an imbalance ratio is above 0, not {self.ratio}"
            raise ValueError(msg)
        # By way of its text: 3.1 as a binary float is a fraction too long for 64 bits.
        object.__setattr__(self, "ratio", Fraction(str(self.ratio)))

    @property
    def terms(self) -> tuple[int, int]:
        """The ratio as numerator and denominator."""
        ratio = Fraction(self.ratio)
        return ratio.numerator, ratio.denominator

    def scaled(self, lot_size: int) -> ImbalanceRule:
        """Return the rule with its volumes, meant in lots, in size units."""
        return replace(
            self,
            min_volume=self.min_volume * lot_size,
            min_difference=self.min_difference * lot_size,
        )


PRESETS: Mapping[str, ImbalanceRule] = MappingProxyType(
    {
        "standard": ImbalanceRule(),
        "tradingview": ImbalanceRule(Fraction(3)),
        "ninjatrader": ImbalanceRule(Fraction(3, 2), min_difference=10),
        "atas": ImbalanceRule(Fraction(3), min_volume=31, strict=True),
        "flowsurface": ImbalanceRule(Fraction(3), zero=ZeroRule.IGNORE, strict=True),
    }
)
"""The platforms' own defaults, volumes in contracts (formulas.md 5): TradingView 300 %,
NinjaTrader 1.5 with a minimum delta of 10, ATAS stacked 300 % above 30, flowsurface 200."""


def diagonal_imbalances(bars: Bars, rule: ImbalanceRule) -> tuple[BOOL, BOOL]:
    """Return which levels are bought, and which are sold, out of balance.

    The lowest level of a bar is not compared with what is below the bar, nor the highest with what
    is above it; between them a level that did not trade counts as 0.

    Args:
        bars: Any bars with levels.
        rule: Ratio, minimums and the zero rule.

    Returns:
        Two masks of shape (L,), buy and sell.

    Source: formulas.md 5 (V2, V3, V3b).
    """
    inner = np.ones(len(bars.level_price), dtype=np.bool_)
    inner[bars.offsets[:-1][bars.level_counts > 0]] = False
    # Entry i is about levels i - 1 and i of one bar.
    pair = np.flatnonzero(inner)
    adjacent = bars.level_price[pair] - bars.level_price[pair - 1] == bars.level_size
    buy, sell = np.zeros_like(inner), np.zeros_like(inner)
    below = np.where(adjacent, bars.level_bid[pair - 1], 0)
    above = np.where(adjacent, bars.level_ask[pair], 0)
    buy[pair] = _outweighs(bars.level_ask[pair], below, rule)
    sell[pair - 1] = _outweighs(bars.level_bid[pair - 1], above, rule)
    return buy, sell


def _outweighs(own: I64, opposite: I64, rule: ImbalanceRule) -> BOOL:
    """Return where the own side's volume outweighs the opposite's, exactly."""
    empty = opposite == 0
    if rule.zero is ZeroRule.AS_ONE:
        opposite = np.where(empty, 1, opposite)
    times, parts = rule.terms
    compare = np.greater if rule.strict else np.greater_equal
    flags: BOOL = compare(own * parts, opposite * times)
    flags &= (own > 0) & (own >= rule.min_volume) & (own - opposite >= rule.min_difference)
    if rule.zero is ZeroRule.IGNORE:
        flags &= ~empty
    return flags


@dataclass(frozen=True, slots=True)
class StackedZone:
    """A run of imbalances of one side.

    Attributes:
        bar: Index of the bar.
        low: Its lowest level, price units.
        high: Its highest level (that level's own lower edge or centre).
        side: 1 for buyers, -1 for sellers.
    """

    bar: int
    low: int
    high: int
    side: int


def stacked_zones(bars: Bars, buy: BOOL, sell: BOOL, length: int) -> list[StackedZone]:
    """Return the runs of `length` or more adjacent levels of one side.

    Args:
        bars: The bars of the masks.
        buy: Shape (L,), from `diagonal_imbalances`.
        sell: Shape (L,).
        length: Levels that make a stack, >= 1.

    Returns:
        Whole runs, never overlapping, by bar, then price, buyers before sellers.
    """
    owner, price = bars.level_bar, bars.level_price
    zones = [
        StackedZone(int(owner[first]), int(price[first]), int(price[last]), side)
        for flags, side in ((buy, 1), (sell, -1))
        for first, last in zip(*_runs(bars, flags, length), strict=True)
    ]
    return sorted(zones, key=lambda zone: (zone.bar, zone.low, -zone.side))


def stacked_levels(bars: Bars, flags: BOOL, length: int) -> BOOL:
    """Return which flagged levels are part of a stack, shape (L,)."""
    first, last = _runs(bars, flags, length)
    edges = np.zeros(len(flags) + 1, dtype=np.int64)
    edges[first] += 1
    edges[last + 1] -= 1
    return np.cumsum(edges[:-1]) > 0


def _runs(bars: Bars, flags: BOOL, length: int) -> tuple[I64, I64]:
    """Return the flat indices of the first and last level of each run of `length` or more."""
    index = np.flatnonzero(flags)
    if len(index) < length:
        return index[:0], index[:0]
    owner = np.searchsorted(bars.offsets, index, side="right")
    price = bars.level_price[index]
    joined = index[1:] - index[:-1] == 1
    joined &= owner[1:] == owner[:-1]
    joined &= price[1:] - price[:-1] == bars.level_size
    first = index[np.concatenate(([True], ~joined))[: len(index)]]
    last = index[np.concatenate((~joined, [True]))[: len(index)]]
    whole = last - first + 1 >= length
    return first[whole], last[whole]


def suggested_min_volume(bars: Bars, percentile: int = 60) -> int:
    """Return a minimum volume that leaves the quieter levels out.

    The percentile by nearest rank: the smallest level volume that at least `percentile` percent of
    the levels do not exceed. It is a volume that occurred, so the comparison is exact.

    Args:
        bars: Normally those of the previous session, at the level size shown.
        percentile: 1 to 100.

    Returns:
        Size units; 0 when there are no levels.
    """
    volume = bars.level_volume
    if not len(volume):
        return 0
    rank = -(-len(volume) * percentile // 100)
    return int(np.partition(volume, rank - 1)[rank - 1])
