"""A packet's volume shared out over the prices that the market crossed since the packet before.

A snapshot says where the market stood and how much was traded, not how it got there. What it does
say: each new last trade was seen with its own size at its own price, and between two looks the
price went from the quote that stood to that trade. So the sizes seen stay where they were seen,
and the rest is put on the way there: most of it on the side that moved the price, a little on the
other. Pure arithmetic on integers; `aggressor` decides the sides and calls it, docs/TRUTH.md says
how good it is.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.trade import NO_PRICE, SideRule

I64 = NDArray[np.int64]

_LONGEST = 1000
"""Steps after which a longer way gets no more volume: one print far off market is not a market."""


class Places(NamedTuple):
    """Shares of the unseen volume along the way to a last trade.

    Attributes:
        last: At the last trade's own price.
        third, two_thirds: On the way, at a third and two thirds of it.
        start: At the quote that stood before, where the way begins.
        against: On the other side, in the middle between its quotes before and after.
    """

    last: int
    third: int
    start: int
    two_thirds: int
    against: int


SPREAD = Places(15, 15, 15, 15, 4)
"""The default, chosen on the development tapes of docs/TRUTH.md."""
LAST_ONLY = Places(1, 0, 0, 0, 0)
"""What a packet did not show is put on the last prices that it did."""


class Glimpse(NamedTuple):
    """A last trade that a packet showed for the first time, and where the way to it began.

    Attributes:
        price: Its price, price units.
        size: Its own size, size units; 0 when not sent.
        side: `AggressorSide` value.
        rule: `SideRule` value.
        bid, ask: The book of the packet before, `NO_PRICE` where empty.
        start: Price at which the way to it begins; `price` where nothing is known of it.
        against: Price of what the other side did meanwhile; `NO_PRICE` where nothing is known.
    """

    price: int
    size: int
    side: int
    rule: int
    bid: int
    ask: int
    start: int
    against: int


class Glimpses(NamedTuple):
    """G glimpses in order of arrival, as columns of shape (G,); the fields of `Glimpse`."""

    price: I64
    size: I64
    side: I64
    rule: I64
    bid: I64
    ask: I64
    start: I64
    against: I64


class Shares(NamedTuple):
    """T inferred trades in the order in which they are told, as columns of shape (T,).

    `packet` is the index of the packet that told their volume; the rest are columns of `Trades`.
    """

    packet: I64
    price: I64
    size: I64
    side: I64
    rule: I64
    bid: I64
    ask: I64


def share_volume(
    glimpses: Glimpses,
    packet: I64,
    volume: I64,
    size_unit: I64,
    price_unit: I64,
    places: Places | None = SPREAD,
) -> Shares:
    """Return the trades that packets tell: for each, sizes that sum to its volume exactly.

    The newest glimpse keeps its own size first, then those before it, as far as the volume goes.
    The rest is shared among the packet's glimpses by the length of the way to each (in price
    units, plus one) and within each by `places`. Shares are whole size units: among glimpses
    rounded to the nearest, within one dealt out in the order of the fields of `Places`, so that
    one unit goes to the last price, the second to the start. Shares at one price of one side are
    one trade; what falls on the last price is one with the last trade and carries its rule.

    Args:
        glimpses: Shape (G,).
        packet: Which packet tells the glimpse's volume, shape (G,): ascending, 0..P-1, each at
            least once.
        volume: What each packet's counter grew by, shape (P,), > 0, multiples of `size_unit`.
        size_unit: What all sizes are multiples of, shape (P,), >= 1: lots are never cut.
        price_unit: What all prices are multiples of, shape (P,), >= 0.
        places: How the rest of a glimpse is dealt out; None puts all on the last price.

    Returns:
        Each packet's trades in time order: at the start, at a third, against, at two thirds, at
        the last price; sizes > 0.
    """
    if not len(volume):
        return Shares(*(np.zeros(0, dtype=np.int64) for _ in Shares._fields))
    first = np.searchsorted(packet, np.arange(len(volume)))
    seen = _seen_sizes(glimpses.size, packet, first, volume)
    rest = (volume - np.add.reduceat(seen, first)) // size_unit
    unit = np.maximum(price_unit, 1)[packet]
    way = glimpses.price - glimpses.start
    steps = np.abs(way) // unit
    units = _share_among(np.clip(steps, 0, _LONGEST) + 1, packet, first, rest)
    last, third, start, two_thirds, against = _deal(units, places or LAST_ONLY)
    up = np.sign(way) * unit
    # Rounded half up to whole steps: at one step the thirds are the two ends.
    at_third = glimpses.start + up * ((2 * steps + 3) // 6)
    at_two_thirds = glimpses.start + up * ((4 * steps + 3) // 6)
    _join(two_thirds, last, at_two_thirds == glimpses.price)
    _join(two_thirds, third, at_two_thirds == at_third)
    _join(third, start, at_third == glimpses.start)
    _join(start, last, glimpses.start == glimpses.price)
    _join(against, last, glimpses.against == NO_PRICE)
    whole = size_unit[packet]
    sizes = np.column_stack([start, third, against, two_thirds, last]) * whole[:, None]
    sizes[:, 4] += seen
    taken = np.flatnonzero(sizes.ravel())
    row, place = taken // 5, taken % 5
    prices = np.column_stack(
        [glimpses.start, at_third, glimpses.against, at_two_thirds, glimpses.price]
    )
    side = glimpses.side[row]
    return Shares(
        packet=packet[row],
        price=prices.ravel()[taken],
        size=sizes.ravel()[taken],
        side=np.where(place == 2, -side, side),
        rule=np.where(place == 4, glimpses.rule[row], int(SideRule.SPREAD)),
        bid=glimpses.bid[row],
        ask=glimpses.ask[row],
    )


def _seen_sizes(size: I64, packet: I64, first: I64, volume: I64) -> I64:
    """Return what of each glimpse's own size the volume covers, a packet's newest first."""
    total = volume[packet]
    size = np.clip(size, 0, total)
    before = np.cumsum(size) - size
    newer = np.append(before[first[1:]], before[-1] + size[-1])[packet] - before - size
    seen: I64 = np.clip(total - newer, 0, size)
    return seen


def _share_among(weight: I64, packet: I64, first: I64, units: I64) -> I64:
    """Return each glimpse's whole units of its packet's, by weight; exact, never overflowing."""
    upto = np.cumsum(weight)
    upto -= (upto[first] - weight[first])[packet]
    total = np.append(upto[first[1:] - 1], upto[-1])
    each, left = np.divmod(units, total)
    # The nearest whole to units * upto / total, with the large factor taken apart.
    edge = each[packet] * upto + (2 * left[packet] * upto + total[packet]) // (2 * total[packet])
    shares: I64 = np.diff(edge, prepend=0)
    shares[first] = edge[first]
    return shares


def _deal(units: I64, places: Places) -> list[I64]:
    """Return the units of each place in turn; a place gets one as soon as any is due to it."""
    total, upto, dealt = sum(places), 0, np.zeros_like(units)
    whole, left = np.divmod(units, total)
    shares = []
    for place in places:
        upto += place
        due = whole * upto - (-left * upto // total)
        shares.append(due - dealt)
        dealt = due
    return shares


def _join(source: I64, target: I64, where: NDArray[np.bool_]) -> None:
    """Move units from one place to another, in place."""
    target += np.where(where, source, 0)
    source[where] = 0
