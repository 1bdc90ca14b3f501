"""Volume shared out over the way to the last trades: exact, in whole units, nothing lost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.spread import (
    LAST_ONLY,
    SPREAD,
    Glimpse,
    Glimpses,
    Places,
    Shares,
    share_volume,
)
from dashboard.domain.trade import NO_PRICE, SideRule

QUOTE = int(SideRule.QUOTE)


def look(
    price: int, size: int = 0, start: int | None = None, against: int = NO_PRICE, side: int = 1
) -> Glimpse:
    """Return a glimpse; its way begins at its price unless said otherwise."""
    return Glimpse(price, size, side, QUOTE, 1, 2, price if start is None else start, against)


def share(
    packets: list[tuple[int, list[Glimpse]]],
    size_unit: int = 1,
    price_unit: int = 1,
    places: Places | None = SPREAD,
) -> Shares:
    """Return the shares of packets given as (volume, glimpses)."""
    glimpses = [glimpse for _, seen in packets for glimpse in seen]
    owner = [i for i, (_, seen) in enumerate(packets) for _ in seen]
    ones = np.ones(len(packets), dtype=np.int64)
    return share_volume(
        Glimpses(*np.array(glimpses, dtype=np.int64).reshape(-1, 8).T),
        np.array(owner, dtype=np.int64),
        np.array([volume for volume, _ in packets], dtype=np.int64),
        size_unit * ones,
        price_unit * ones,
        places,
    )


def rows(shares: Shares) -> list[tuple[int, int, int]]:
    """Return (price, size, side) of each share."""
    return list(zip(shares.price.tolist(), shares.size.tolist(), shares.side.tolist(), strict=True))


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (1, [(160, 1, 1)]),
        (2, [(100, 1, 1), (160, 1, 1)]),
        (3, [(100, 1, 1), (120, 1, 1), (160, 1, 1)]),
        (4, [(100, 1, 1), (120, 1, 1), (140, 1, 1), (160, 1, 1)]),
        (16, [(100, 4, 1), (120, 4, 1), (110, 1, -1), (140, 3, 1), (160, 4, 1)]),
        (64, [(100, 15, 1), (120, 15, 1), (110, 4, -1), (140, 15, 1), (160, 15, 1)]),
    ],
)
def test_few_units_go_to_the_prices_that_were_seen(
    units: int, expected: list[tuple[int, int, int]]
) -> None:
    assert rows(share([(units, [look(160, start=100, against=110)])])) == expected
    lots = share([(units * 75, [look(160, start=100, against=110)])], size_unit=75)
    assert rows(lots) == [(price, size * 75, side) for price, size, side in expected]


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (0, {0: 60}),
        (1, {0: 30, 1: 30}),
        (2, {0: 15, 1: 30, 2: 15}),
        (3, {0: 15, 1: 15, 2: 15, 3: 15}),
        (4, {0: 15, 1: 15, 3: 15, 4: 15}),
        (-1, {0: 30, -1: 30}),
        (-4, {0: 15, -1: 15, -3: 15, -4: 15}),
    ],
)
def test_places_of_a_short_way_fall_together_on_the_grid(
    steps: int, expected: dict[int, int]
) -> None:
    shares = share([(64, [look(1000 + 5 * steps, start=1000)])], price_unit=5)
    found = {(price - 1000) // 5: size for price, size, _ in rows(shares)}
    assert len(found) == len(shares.size)
    # Nobody traded against it: that part is the last price's.
    expected = expected | {steps: expected[steps] + 4}
    assert found == expected


def test_a_longer_way_gets_more() -> None:
    seen = [look(100, start=100), look(109, start=100), look(110, start=110)]
    found = rows(share([(120, seen)], places=LAST_ONLY))
    assert found == [(100, 10, 1), (109, 100, 1), (110, 10, 1)]


def test_a_way_beyond_reason_gets_no_more_than_a_long_one() -> None:
    far, long = look(10**15, start=100), look(1100, start=100)
    assert rows(share([(2002, [far, long])], places=LAST_ONLY)) == [
        (10**15, 1001, 1),
        (1100, 1001, 1),
    ]


def test_volumes_beyond_32_bits_are_shared_exactly() -> None:
    seen = [look(1000 * i, start=0, against=5) for i in range(1, 5)]
    volume = 2**62 + 12345
    assert share([(volume, seen)]).size.sum() == volume


def test_the_last_trade_carries_its_rule_and_the_rest_says_that_it_is_spread() -> None:
    shares = share([(100, [look(160, 36, start=100, against=110)])])
    last = shares.price == 160
    assert shares.rule[last].tolist() == [QUOTE]
    assert set(shares.rule[~last].tolist()) == {SideRule.SPREAD}
    assert shares.size[last].tolist() == [36 + 15]
    assert set(shares.bid.tolist()) == {1}
    assert set(shares.ask.tolist()) == {2}


def test_a_size_that_was_not_sent_or_makes_no_sense_is_none() -> None:
    for size in (0, -5):
        assert rows(share([(10, [look(100, size)])])) == [(100, 10, 1)]


def test_no_packets_tell_nothing() -> None:
    assert len(share([]).size) == 0


@st.composite
def packets(draw: st.DrawFn) -> tuple[list[tuple[int, list[Glimpse]]], int, int]:
    """Packets whose volumes and prices are whole units."""
    size_unit, price_unit = draw(st.sampled_from([1, 75])), draw(st.sampled_from([1, 10]))
    price = st.integers(-40, 40).map(lambda steps: steps * price_unit)
    glimpse = st.builds(
        look,
        price,
        st.integers(-1, 60).map(lambda units: units * size_unit),
        price,
        price | st.just(NO_PRICE),
        st.sampled_from([-1, 1]),
    )
    volume = st.integers(1, 400).map(lambda units: units * size_unit)
    packet = st.tuples(volume, st.lists(glimpse, min_size=1, max_size=5))
    return draw(st.lists(packet, max_size=6)), size_unit, price_unit


@settings(max_examples=200, deadline=None)
@given(
    given_=packets(),
    places=st.sampled_from([SPREAD, LAST_ONLY, None, Places(0, 1, 0, 1, 3), Places(1, 0, 2, 0, 1)]),
)
def test_volume_is_conserved_in_whole_units_between_the_ends(
    given_: tuple[list[tuple[int, list[Glimpse]]], int, int], places: Places | None
) -> None:
    told, size_unit, price_unit = given_
    shares = share(told, size_unit, price_unit, places)
    assert (shares.size > 0).all()
    assert not (shares.size % size_unit).any()
    assert not (shares.price % price_unit).any()
    assert (np.diff(shares.packet) >= 0).all()
    for index, (volume, seen) in enumerate(told):
        mine = shares.packet == index
        assert shares.size[mine].sum() == volume
        ends = [end for g in seen for end in (g.price, g.start, g.against) if end != NO_PRICE]
        assert min(ends) <= shares.price[mine].min()
        assert shares.price[mine].max() <= max(ends)
        # Sizes that were seen stay where they were seen, the newest first.
        newest = seen[-1]
        at_last = mine & (shares.price == newest.price) & (shares.rule == QUOTE)
        assert shares.size[at_last].sum() >= min(max(newest.size, 0), volume)


@settings(max_examples=100, deadline=None)
@given(given_=packets())
def test_packets_do_not_touch_one_another(
    given_: tuple[list[tuple[int, list[Glimpse]]], int, int],
) -> None:
    told, size_unit, price_unit = given_
    together = rows(share(told, size_unit, price_unit))
    alone = [row for packet in told for row in rows(share([packet], size_unit, price_unit))]
    assert together == alone
