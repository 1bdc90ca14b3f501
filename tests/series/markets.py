"""A tape on its way into a store and onto a board, for tests of series."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dashboard.domain.aggregate import aggregate, gap_bars
from dashboard.domain.bars import BAR_COLUMNS, LEVEL_COLUMNS, MINUTE, Bars
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import LiveState
from dashboard.domain.merge import merge
from dashboard.domain.provenance import Provenance
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from tests.fakes import FakeBoard, FakeHistory, FakeStore

SECOND = 1_000_000_000
DAY = 86_400 * SECOND
START = 1_750_032_000 * SECOND
TICK, LEVEL = 10, 20
SYMBOL = "X"


class Market:
    """A store and the board beside it, after some of a tape was ingested.

    All minutes but the last one are closed. The version of a minute is the number of the newest
    trade in it, that of the board the number of trades published.

    Args:
        tape: All trades, numbered from 1.
        gaps: Gaps that are found with the first trade at or after their end.
    """

    def __init__(self, tape: Trades, gaps: Sequence[Gap] = ()) -> None:
        self.tape = tape
        self.gaps = gaps
        instrument = Instrument(SYMBOL, calendar="24x7", tick_size=TICK)
        self.store = FakeStore(instruments={SYMBOL: instrument})
        self.history = FakeHistory(self.store)
        self.board = FakeBoard()
        self.trades = tape.take(slice(0, 0))
        self._open = Bars.empty(MINUTE, TICK)

    def store_trades(self, count: int) -> None:
        """Store the first trades of the tape, not yet shown on the board."""
        self.trades = self.tape.take(slice(0, count))
        newest = int(self.trades.event_ns.max(initial=0))
        found = [gap for gap in self.gaps if gap.end_ns <= newest]
        bars, _ = aggregate(self.trades, MINUTE, calendar_24x7(), TICK)
        if found:
            bars = merge(bars, gap_bars(found, MINUTE, calendar_24x7(), TICK))
        bars = bars.with_columns(version=bars.last_seq)
        closed = max(len(bars) - 1, 0)
        rows = {int(bars.keys[row]): bars.take(row, row + 1) for row in range(closed)}
        if set(rows) - set(self.store.bars.get(SYMBOL, rows)) and self._moves(rows):
            self.store.generation += 1
        self.store.trades[SYMBOL], self.store.bars[SYMBOL] = self.trades, rows
        self.store.gaps[SYMBOL] = found
        self._open = bars.take(closed, len(bars))

    def publish(self) -> None:
        """Show on the board what is stored."""
        self.board.publish([self.live()])

    def ingest(self, count: int) -> None:
        """Store and show the first trades of the tape."""
        self.store_trades(count)
        self.publish()

    def live(self) -> LiveState:
        count = len(self.trades)
        return LiveState(
            symbol=SYMBOL, version=count, trade_seq=count, receive_ns=0,
            session_ns=int(self._open.session_ns[-1]), open_bars=self._open, quote=None,
            last_price=0, provenance=Provenance(), gaps=len(self.store.gaps[SYMBOL]),
        )  # fmt: skip

    def _moves(self, rows: dict[int, Bars]) -> bool:
        """Return whether a closed minute is new and not the newest one, as the recorder asks."""
        before = self.store.bars.get(SYMBOL, {})
        return any(key < max(before, default=0) for key in rows if key not in before)


def random_tape(seed: int = 3, count: int = 3_000) -> Trades:
    """Return trades over two sessions with quiet minutes, unknown sides and repeated times."""
    rng = np.random.default_rng(seed)
    steps = np.where(rng.random(count) < 0.02, 400, rng.exponential(12, count)) * 1e9
    event = START + DAY - 3 * 3600 * SECOND + np.cumsum(steps.astype(np.int64))
    return Trades.build(
        event_ns=event,
        price=250_000 + TICK * np.cumsum(rng.integers(-2, 3, count)),
        size=rng.integers(1, 50, count),
        side=rng.integers(-1, 2, count),
        seq=np.arange(1, count + 1),
    )


def tape_at(*seconds: float, start_ns: int = START) -> Trades:
    """Return a trade at each of these seconds after an instant, in that order of arrival."""
    count = len(seconds)
    return Trades.build(
        event_ns=[start_ns + round(second * SECOND) for second in seconds],
        price=[250_000 + TICK * (place % 5) for place in range(count)],
        size=[1 + place for place in range(count)],
        side=[1 - 2 * (place % 2) for place in range(count)],
        seq=range(1, count + 1),
    )


def assert_same(got: Bars, wanted: Bars) -> None:
    """Fail unless all columns but the version are equal."""
    assert len(got) == len(wanted)
    np.testing.assert_array_equal(got.offsets, wanted.offsets)
    for name in (*BAR_COLUMNS, *LEVEL_COLUMNS):
        if name != "version":
            np.testing.assert_array_equal(getattr(got, name), getattr(wanted, name), err_msg=name)
