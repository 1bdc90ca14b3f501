"""Both ladders against the store: plain Plotly's texts and the layer's are the stored numbers."""

from __future__ import annotations

import math

import pytest

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import BarSpec
from tests.browser.desk import NIFTY, TODAY, Desk
from tests.browser.tab import Tab

VIEW = "symbol=NIFTY+FUT&bar=5m&level=2"
ZERO = "·"


def stored_cells(desk: Desk, first: int, last: int) -> list[str]:
    """Bid and ask lots of every level of today's 5-minute bars first..last, from raw trades."""
    trades = desk.history.read_trades(NIFTY.symbol, TODAY, TODAY)
    bars, _ = aggregate(trades, BarSpec.parse("5m"), desk.history.calendar(NIFTY.symbol), 200)
    seen = bars.take(first, last + 1)
    return sorted(
        f"{_lots(bid)} × {_lots(ask)}"
        for bid, ask in zip(seen.level_bid.tolist(), seen.level_ask.tolist(), strict=True)
    )


def stored_deltas(desk: Desk, first: int, last: int) -> list[str]:
    """Deltas of those bars as they are written under them."""
    trades = desk.history.read_trades(NIFTY.symbol, TODAY, TODAY)
    bars, _ = aggregate(trades, BarSpec.parse("5m"), desk.history.calendar(NIFTY.symbol), 200)
    lots = (bars.ask_volume - bars.bid_volume).tolist()[first : last + 1]
    return sorted(f"Δ {value // 75:+,}".replace("-", "\N{MINUS SIGN}") for value in lots)


def _lots(size: int) -> str:
    return str(size // NIFTY.lot_size) if size else ZERO


@pytest.mark.parametrize(("path", "before"), [("/", 75), ("/history", 0)])
def test_annotations_and_cells_are_the_stored_numbers(
    tab: Tab, desk: Desk, path: str, before: int
) -> None:
    tab.open(f"{path}?{VIEW}&ladder=plotly")
    tab.wait("document.querySelectorAll('.annotation-text').length > 80")
    assert tab.cells() == []  # one ladder at a time
    texts: list[str] = tab.js(
        "return [...document.querySelectorAll('.annotation-text')].map((t) => t.textContent)"
    )
    # Plotly shows an annotation whose place is in view.
    left, right = tab.ranges()["x"]
    total = tab.state()["total"]
    seen = (math.ceil(left), min(math.floor(right), total - 1))
    first, last = seen[0] - before, seen[1] - before
    rows = sorted(text for text in texts if not text.startswith("Δ"))
    assert rows == stored_cells(desk, first, last)
    assert sorted(t for t in texts if t.startswith("Δ")) == stored_deltas(desk, first, last)

    tab.choose("ladder", "fast")
    tab.wait("!document.querySelectorAll('.annotation-text').length && orderflow.cells().length")
    tab.wait_painted()
    cells = [c for c in tab.cells() if seen[0] <= c["x"] <= seen[1]]
    assert sorted(f"{c['bid']} × {c['ask']}" for c in cells) == rows
    assert tab.complaints() == []


def test_the_ladder_of_annotations_takes_new_trades(live: object) -> None:
    tab, desk = live()  # type: ignore[operator]
    tab.open(f"/?{VIEW}&ladder=plotly")
    tab.wait("document.querySelectorAll('.annotation-text').length > 80")
    price = int(desk.history.read_trades(NIFTY.symbol, TODAY).price[-1])
    desk.feed.trade(TODAY + 6_000_000_000_000, price, 4321 * NIFTY.lot_size)
    tab.wait(
        "[...document.querySelectorAll('.annotation-text')]"
        ".some((t) => t.textContent === '· × 4321')",
        15,
    )
