"""How far inferred numbers are expected to be off: what the screen shows beside "estimated".

The numbers come out of a bench (`python -m benchmarks.truth`) that conflates tapes with known sides
to snapshots and compares; docs/TRUTH.md is its report. They say how wrong an estimate is, which the
share of volume "classified by quote" never does.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np

EXPECTED_DELTA_ERROR: Mapping[float, float] = MappingProxyType(
    {0.5: 0.41, 1.0: 0.31, 2.0: 0.18, 4.0: 0.13}
)
"""Updates a second to the sum of |inferred - true delta| over one-minute bars ÷ their volume.

Source: docs/TRUTH.md, last table: BTCUSD_PERP of 9 Aug 2024, the recorded tape's held-out half, the
worst of the held-out tapes at each rate, rounded up to whole percent.
"""


def expected_delta_error(updates_per_s: float) -> float:
    """Return the expected error of a bar's delta as a share of the bar's volume, 0..1.

    Between the measured rates on a straight line; slower or faster feeds get the last value
    measured: nothing is known beyond it.

    Args:
        updates_per_s: Packets a second, >= 0.
    """
    rates, errors = list(EXPECTED_DELTA_ERROR), list(EXPECTED_DELTA_ERROR.values())
    return float(np.interp(updates_per_s, rates, errors))
