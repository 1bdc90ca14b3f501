"""A small store on disk that holds what views need: two sessions of single trades, and no feed."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from pathlib import Path

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.instrument import Instrument
from dashboard.domain.trade import Trades
from dashboard.ports import IngestBatch, ResumePoint
from dashboard.settings import Settings
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import prepare_store

SYMBOL = "TAPE"
TICK, LOT = 5, 10
DAY = 86_400_000_000_000
START = 20_000 * DAY
DATES = ("2024-10-04", "2024-10-05")
COUNT = 1_200


def tape() -> Trades:
    """Return trades over the last half hour of a day and the first of the next, lots of 10."""
    rng = np.random.default_rng(4)
    event = START + DAY - 1_800 * 10**9 + np.cumsum(rng.integers(1, 6 * 10**9, COUNT))
    return Trades.build(
        event_ns=event,
        price=250_000 + TICK * np.cumsum(rng.integers(-2, 3, COUNT)),
        size=LOT * rng.integers(1, 20, COUNT),
        side=rng.choice([-1, 1], COUNT),
        seq=np.arange(1, COUNT + 1),
        source_seq=np.arange(1, COUNT + 1),
    )


def fill(path: Path) -> None:
    """Make a store at a path: an instrument with its trades, all minutes but the last closed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prepare_store(path)
    recorder = SqliteRecorder(path)
    recorder.add_instrument(
        Instrument(SYMBOL, calendar="24x7", price_scale=100, tick_size=TICK, lot_size=LOT)
    )
    trades = tape()
    bars, _ = aggregate(trades, MINUTE, calendar_24x7(), TICK)
    closed = bars.take(0, len(bars) - 1).with_columns(version=np.full(len(bars) - 1, 3))
    newest = int(trades.event_ns[-1])
    resume = ResumePoint(COUNT, newest, int(bars.session_ns[-1]))
    recorder.record([IngestBatch(SYMBOL, trades, closed, [], 3, b"", resume)])
    recorder.close()


def filled(folder: Path) -> Settings:
    """Return settings without a feed over a data folder with such a store."""
    settings = Settings(feed="none", instruments=(), data_dir=folder)
    fill(settings.database)
    return settings


def write_predecessor(path: Path, interval_s: int, days: int = 2) -> None:
    """Write a database as the predecessor's: bars of a mornings' half hour, rows of 2 points."""
    nine_fifteen = 20_000 * 86_400 + 3 * 3600 + 45 * 60  # in India
    with contextlib.closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE candles (instrument_token TEXT, timestamp INTEGER, open REAL, high REAL, "
            "low REAL, close REAL, footprint_json TEXT, PRIMARY KEY (instrument_token, timestamp))"
        )
        for day in range(days):
            for place in range(1800 // interval_s):
                low = 24_000.0 + 2 * ((7 * place + day) % 5)
                rows = [
                    {"price": low + 2 * step, "bidVol": float(step + place), "askVol": 3.0 + day}
                    for step in reversed(range(4))
                ]
                start = nine_fifteen + 86_400 * day + interval_s * place
                values = ("53001", start, low, low + 6, low, low + 4, json.dumps(rows))
                db.execute("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", values)
