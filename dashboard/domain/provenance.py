"""How each contract was classified: coverage counters, never a claim of accuracy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dashboard.domain.trade import SideRule, Trades


@dataclass(frozen=True, slots=True)
class Provenance:
    """Volume by the rule that decided its side, size units; they sum to the session's volume.

    `by_rule` is indexed by `SideRule`; `unattributed` was missed during gaps.
    """

    by_rule: tuple[int, ...] = (0,) * len(SideRule)
    unattributed: int = 0
    longest_silence_ns: int = 0
    last_event_ns: int = 0

    def add_trades(self, trades: Trades) -> Provenance:
        """Return the counters after `trades` (arrival order), silence measured by event time."""
        if not len(trades):
            return self
        sums = [int(trades.size[trades.rule == rule].sum()) for rule in SideRule]
        times = trades.event_ns
        silence = int(np.diff(times).max(initial=0))
        if self.last_event_ns:
            silence = max(silence, int(times[0]) - self.last_event_ns)
        return replace(
            self,
            by_rule=tuple(a + b for a, b in zip(self.by_rule, sums, strict=True)),
            longest_silence_ns=max(self.longest_silence_ns, silence),
            last_event_ns=int(times[-1]),
        )

    def share(self, rule: SideRule) -> float:
        """Share of all volume decided by `rule`, 0..1; 0.0 when there is no volume."""
        total = sum(self.by_rule) + self.unattributed
        return self.by_rule[rule] / total if total else 0.0
