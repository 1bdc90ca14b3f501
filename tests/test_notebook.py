"""The door for notebooks: what it gives equals what is stored."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import dashboard
import dashboard.notebook
from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE
from dashboard.domain.calendar import calendar_24x7
from dashboard.errors import InputError, StoreError
from dashboard.storage.importers.trades_csv import import_trades

ROWS = """ts_ns,price,qty,side,bid,ask
1723161257679000000,61804.8,4,B,61804.7,61804.8
1723161258748000000,61808.8,10,B,61804.7,61804.8
1723161319000000000,61801.0,7,S,61801.0,61801.1
1723161375000000000,61801.1,2,,61801.0,61801.1
"""


@pytest.fixture
def store(tmp_path: Path) -> dashboard.notebook.Store:
    tape = tmp_path / "trades.csv"
    tape.write_text(ROWS, encoding="utf-8")
    path = tmp_path / "store.db"
    import_trades(path, [tape], symbol="BTC", calendar="24x7")
    return dashboard.open_store(path)


def test_bars_equal_those_made_from_the_trades(store: dashboard.notebook.Store) -> None:
    trades = store.trades("BTC")
    wanted, _ = aggregate(trades, MINUTE, calendar_24x7(), 10)
    got = store.bars("BTC", "1m", level_size="1")
    assert len(trades) == 4
    np.testing.assert_array_equal(got.ask_volume, wanted.ask_volume)
    np.testing.assert_array_equal(got.level_price, wanted.level_price)


def test_tables_carry_prices_as_they_were_typed(store: dashboard.notebook.Store) -> None:
    bars = store.bars_table("BTC", "1m", level_size="1")
    assert bars.close.tolist() == [61808.8, 61801.0, 61801.1]
    assert bars.delta.tolist() == [14, -7, 0]
    assert str(bars.index[0]) == "2024-08-08 23:54:00+00:00"
    trades = store.trades_table("BTC")
    assert trades.price.tolist() == [61804.8, 61808.8, 61801.0, 61801.1]
    assert trades.side.tolist() == ["BUY", "BUY", "SELL", "UNKNOWN"]
    assert trades.bid.tolist()[2] == 61801.0


def test_a_figure_labels_its_cells(store: dashboard.notebook.Store) -> None:
    figure = store.figure("BTC", "1m", level_size="1")
    texts = [note.text for note in figure.layout.annotations]
    assert any("× 4" in text or "×</span> 4" in text for text in texts), texts


def test_what_is_not_stored_is_refused_with_a_sentence(
    store: dashboard.notebook.Store, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="level"):
        store.bars("BTC", "1m", level_size="0.07")
    with pytest.raises(InputError, match="dates from 2024-08-08"):
        store.bars("BTC", "1m", start="2031-01-01")
    with pytest.raises(StoreError, match="no store"):
        dashboard.open_store(tmp_path / "nothing.db")


def test_importing_the_package_drags_in_nothing() -> None:
    code = "import sys, dashboard; print('numpy' in sys.modules, 'sqlite3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.split() == ["False", "False"]
    with pytest.raises(AttributeError):
        dashboard.no_such_name  # noqa: B018
