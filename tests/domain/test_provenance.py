"""Coverage counters: volume by rule, and the longest silence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dashboard.domain.provenance import Provenance
from dashboard.domain.trade import SideRule, Trades

rows = st.lists(st.tuples(st.integers(0, 50), st.integers(1, 9), st.sampled_from(SideRule)))


def _trades(found: list[tuple[int, int, SideRule]]) -> Trades:
    event, size, rule = ([row[i] for row in found] for i in range(3))
    zeros = [0] * len(found)
    return Trades.build(event_ns=event, size=size, rule=rule, price=zeros, side=zeros)


def test_volume_is_counted_by_its_rule() -> None:
    found = [(1, 5, SideRule.QUOTE), (2, 3, SideRule.TICK), (9, 2, SideRule.QUOTE)]
    counted = replace(Provenance().add_trades(_trades(found)), unattributed=10)
    assert counted.by_rule == (0, 7, 0, 3, 0, 0, 0)
    assert counted.share(SideRule.QUOTE) == 0.35
    assert (counted.longest_silence_ns, counted.last_event_ns) == (7, 9)


def test_counters_of_a_release_that_knew_fewer_rules_count_on() -> None:
    old = Provenance(by_rule=(0, 7, 0, 3, 0, 0))
    assert old.add_trades(_trades([(1, 5, SideRule.SPREAD)])).by_rule == (0, 7, 0, 3, 0, 0, 5)


def test_without_volume_every_share_is_0() -> None:
    assert Provenance().share(SideRule.QUOTE) == 0
    assert Provenance().add_trades(Trades.empty()) == Provenance()


def test_a_late_trade_makes_no_silence() -> None:
    late = [(100, 1, SideRule.TICK), (40, 1, SideRule.TICK), (101, 1, SideRule.TICK)]
    counted = Provenance().add_trades(_trades(late))
    assert (counted.longest_silence_ns, counted.last_event_ns) == (1, 101)


@given(found=rows, place=st.integers(0, 20))
def test_counting_in_parts_counts_the_whole(
    found: list[tuple[int, int, SideRule]], place: int
) -> None:
    found = [(event + 1, size, rule) for event, size, rule in found]
    whole = Provenance().add_trades(_trades(found))
    parts = Provenance().add_trades(_trades(found[:place])).add_trades(_trades(found[place:]))
    assert parts == whole
    assert sum(whole.by_rule) == sum(size for _, size, _ in found)
