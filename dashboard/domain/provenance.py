"""How each contract was classified: coverage counters, never a claim of accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboard.domain.trade import SideRule, Trades


@dataclass(frozen=True, slots=True)
class Provenance:
    """Volume by the rule that decided its side, size units; they sum to the session's volume.

    Attributes:
        by_rule: Indexed by `SideRule`; a stored one of a release that knew fewer rules is
            lengthened.
        unattributed: Missed during gaps.
        longest_silence_ns: Longest time between two trades, by event time.
        last_event_ns: Latest event time so far, 0 before the first trade.
    """

    by_rule: tuple[int, ...] = (0,) * len(SideRule)
    unattributed: int = 0
    longest_silence_ns: int = 0
    last_event_ns: int = 0

    def __post_init__(self) -> None:
        missing = len(SideRule) - len(self.by_rule)
        object.__setattr__(self, "by_rule", self.by_rule + (0,) * missing)

    def add_trades(self, trades: Trades) -> Provenance:
        """Return the counters after more trades, in arrival order.

        A trade stamped before one that came earlier neither ends a silence nor makes one.
        """
        if not len(trades):
            return self
        sums = [int(trades.size[trades.rule == rule].sum()) for rule in SideRule]
        first = self.last_event_ns or int(trades.event_ns[0])
        latest = np.maximum.accumulate(np.append(first, trades.event_ns))
        return replace(
            self,
            by_rule=tuple(a + b for a, b in zip(self.by_rule, sums, strict=True)),
            longest_silence_ns=max(self.longest_silence_ns, int(np.diff(latest).max())),
            last_event_ns=int(latest[-1]),
        )

    def share(self, rule: SideRule) -> float:
        """Share of all volume decided by `rule`, 0..1; 0.0 when there is no volume."""
        total = sum(self.by_rule) + self.unattributed
        return self.by_rule[rule] / total if total else 0.0
