"""Auto level size: the height of a ladder row that a person can read.

Called by `figures.view` when the level size is "auto". Regrouping levels is `footprint`'s matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, count

ROW_PX = 14
"""Height from which a row shows its numbers in full."""
ROOMY_PX = 18
"""Height that a finer row must reach before the ladder moves to it."""

_STEPS = (1, 2, 5, 10, 20, 25, 50)


def auto_level_size(
    price_span_units: int, pane_px: float, tick_size: int, current: int | None = None
) -> int:
    """Return the smallest level size whose row is at least 14 px high.

    Sizes are 1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500, 1000, 2000, 2500, ... ticks. With a
    `current` size there is hysteresis: it stays while its rows are at least 14 px high, below which
    the ladder would lose its numbers, and no finer size would give rows of 18 px; so a ladder does
    not flicker between two sizes while the range of prices breathes.

    Args:
        price_span_units: Prices from the pane's bottom to its top, price units.
        pane_px: Height of the pane.
        tick_size: Smallest price step in force, price units, >= 1.
        current: The level size shown now; one that is no multiple of the tick does not count.

    Returns:
        Price units, a multiple of the tick. Of a pane below 1 px or without span: `current`, else
        one tick, because nothing can be measured.

    Source: formulas.md 10 (V15).
    """
    kept = current if current is not None and current > 0 and current % tick_size == 0 else None
    if price_span_units <= 0 or not pane_px >= 1:
        return kept or tick_size
    if kept is None or _row_px(kept, price_span_units, pane_px) < ROW_PX:
        return _smallest(price_span_units, pane_px, tick_size, ROW_PX)
    return min(kept, _smallest(price_span_units, pane_px, tick_size, ROOMY_PX))


def level_sizes(tick_size: int) -> Iterator[int]:
    """Return the sizes that auto chooses from, in price units, rising without end."""
    beyond = (step * 10**power for power in count() for step in (100, 200, 250, 500))
    return (step * tick_size for step in chain(_STEPS, beyond))


def _row_px(level_size: int, span: int, pane_px: float) -> float:
    return pane_px * level_size / span


def _smallest(span: int, pane_px: float, tick_size: int, row_px: int) -> int:
    return next(s for s in level_sizes(tick_size) if _row_px(s, span, pane_px) >= row_px)
