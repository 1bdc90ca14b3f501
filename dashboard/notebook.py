"""A read-only door to a store for notebooks and scripts: bars, trades, pictures.

    >>> from dashboard import open_store
    >>> store = open_store("data/orderflow.db")
    >>> store.figure("SIM:NIFTY", bar="5m").show()

Nothing here writes; a store may be read while the dashboard runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from dashboard.domain.bars import Bars
from dashboard.domain.indicators import bar_vwap
from dashboard.domain.instrument import Instrument
from dashboard.domain.profile import bar_pocs
from dashboard.domain.snapshot import Snapshot
from dashboard.domain.trade import NO_PRICE, AggressorSide, SideRule, Trades
from dashboard.errors import StoreError
from dashboard.figures.annotations import footprint_figure
from dashboard.ports import SessionInfo
from dashboard.series.cache import SeriesCache
from dashboard.storage.history import SqliteHistory
from dashboard.storage.schema import StoreKind, identify
from dashboard.views.export import sessions_between, stored_bars
from dashboard.views.still import StillBoard

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

__all__ = ["Store", "footprint_figure", "open_store"]


def open_store(path: str | Path) -> Store:
    """Open a store file for reading.

    Args:
        path: The database, usually ``data/orderflow.db``.

    Raises:
        StoreError: There is no such file, or it is not a store of this project.
    """
    file = Path(path)
    if identify(file) is StoreKind.MISSING:
        msg = f"There is no store {file}."
        raise StoreError(msg)
    return Store(file)


class Store:
    """Instruments, sessions, bars and trades of one store file.

    Dates are ISO texts of the exchange's own days, both ends inclusive, None for no bound. Columns
    of `Bars` and `Trades` are numpy arrays in integer units (see their docstrings); the `_table`
    methods give pandas tables with prices as floats.
    """

    def __init__(self, path: Path) -> None:
        self._history = SqliteHistory(path)
        self._series = SeriesCache(self._history, StillBoard())

    def instruments(self) -> list[Instrument]:
        """Return all instruments, by symbol."""
        return self._series.instruments()

    def sessions(self, symbol: str) -> list[SessionInfo]:
        """Return the stored sessions of an instrument in time order."""
        return self._series.sessions(self._series.instrument(symbol).symbol)

    def bars(
        self,
        symbol: str,
        bar: str = "5m",
        level_size: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Bars:
        """Return stored bars with their levels.

        Args:
            symbol: The instrument.
            bar: Recipe: ``5m``, ``30s``, ``100t``, ``5000v``, ``20r``, ``500delta``.
            level_size: Level size as a decimal price; None: the instrument's usual one.
            start: First session date.
            end: Last session date.

        Raises:
            InputError: A text is not possible.
            InstrumentUnknownError: There is no such instrument.
            ViewNotPossibleError: What is stored cannot make these bars exactly.
        """
        return self._snapshot(symbol, bar, level_size, start, end).bars

    def trades(self, symbol: str, start: str | None = None, end: str | None = None) -> Trades:
        """Return stored trades in arrival order; none of sessions that hold bars only."""
        sessions = sessions_between(self.sessions(symbol), start, end)
        return self._history.read_trades(symbol, sessions[0].session_ns, sessions[-1].session_ns)

    def bars_table(self, symbol: str, bar: str = "5m", **wanted: str | None) -> pd.DataFrame:
        """Return bars as a pandas table, one row a bar; arguments as for `bars`."""
        snapshot = self._snapshot(symbol, bar, **wanted)
        return _bars_table(snapshot.bars, snapshot.instrument, snapshot.calendar.timezone)

    def trades_table(
        self, symbol: str, start: str | None = None, end: str | None = None
    ) -> pd.DataFrame:
        """Return trades as a pandas table, one row a trade."""
        instrument = self._series.instrument(symbol)
        zone = self._history.calendar(symbol).timezone
        return _trades_table(self.trades(symbol, start, end), instrument, zone)

    def figure(self, symbol: str, bar: str = "5m", **wanted: str | None) -> go.Figure:
        """Return a Plotly footprint of stored bars; arguments as for `bars`."""
        snapshot = self._snapshot(symbol, bar, **wanted)
        return footprint_figure(snapshot.bars, snapshot.instrument, snapshot.calendar)

    def _snapshot(
        self,
        symbol: str,
        bar: str,
        level_size: str | None = None,
        start: str | None = None,
        end: str | None = None,
    ) -> Snapshot:
        return stored_bars(self._series, symbol, bar, level_size, start, end)


def _bars_table(bars: Bars, instrument: Instrument, zone: str) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - the dashboard itself does without pandas

    prices = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    columns: dict[str, Any] = {n: v / instrument.price_scale for n, v in prices.items()}
    columns["volume"] = bars.volume
    sizes = ("bid_volume", "ask_volume", "unknown_volume", "unattributed_volume", "trades")
    columns |= {name: getattr(bars, name) for name in sizes}
    columns |= {"delta": bars.delta, "min_delta": bars.min_delta, "max_delta": bars.max_delta}
    poc = bar_pocs(bars)
    columns["poc"] = np.where(poc == NO_PRICE, np.nan, poc / instrument.price_scale)
    columns["vwap"] = bar_vwap(bars) / instrument.price_scale
    start = pd.to_datetime(bars.start_ns, utc=True).tz_convert(zone)
    return pd.DataFrame(columns, index=pd.Index(start, name="start"))


def _trades_table(trades: Trades, instrument: Instrument, zone: str) -> pd.DataFrame:
    import pandas as pd  # noqa: PLC0415 - as above

    def price(units: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return np.where(units == NO_PRICE, np.nan, units / instrument.price_scale)

    columns = {
        "price": price(trades.price),
        "size": trades.size / instrument.size_scale,
        "side": [AggressorSide(side).name for side in trades.side.tolist()],
        "rule": [SideRule(rule).name for rule in trades.rule.tolist()],
        "bid": price(trades.bid),
        "ask": price(trades.ask),
    }
    time = pd.to_datetime(trades.event_ns, utc=True).tz_convert(zone)
    return pd.DataFrame(columns, index=pd.Index(time, name="time"))
