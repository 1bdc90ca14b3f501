"""How fast trades become bars: every stored column, beside Polars and pandas computing the same.

``python -m benchmarks.aggregate`` prints a table and then one line of JSON. One million trades of a
seeded random walk over 7,500 one-minute bars, medians of five after one run to warm up. Polars and
pandas (the extra ``bench``) work in processes of their own, Polars held to one thread; what they
compute is compared with ours, column by column, before its time counts.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from dashboard.domain.aggregate import aggregate
from dashboard.domain.bars import MINUTE, Bars, BarSpec
from dashboard.domain.calendar import calendar_24x7
from dashboard.domain.footprint import regroup
from dashboard.domain.merge import combine, merge
from dashboard.domain.trade import Trades

TRADES = 1_000_000
MINUTES = 7_500
SECOND = 1_000_000_000
START = 1_723_161_600 * SECOND
DAY = 86_400 * SECOND
RUNS = 5
OTHERS = ("polars", "pandas")
COMPARED = (
    *("open", "high", "low", "close", "bid_volume", "ask_volume", "unknown_volume", "trades"),
    *("min_delta", "max_delta", "min_delta_nz", "max_delta_nz"),
    *("delta_since_high", "delta_since_low", "vwap_m1", "vwap_m2", "last_seq"),
)
PRICE_SPAN = 1 << 24
Columns = dict[str, Any]
Result = tuple[Any, Any]
"""A library's two tables: bars and levels."""
Library = tuple[Callable[[], Result], Callable[[Result], Columns]]
LEVELS = ("level_price", "level_bid", "level_ask", "level_unknown", "level_trades")


def make_trades(count: int = TRADES) -> Trades:
    """Return a tape like gold or BTC futures: bursts, a walk by ticks, one side in 200 unknown."""
    rng = np.random.default_rng(20240809)
    busy = rng.gamma(0.6, size=MINUTES) + 0.02
    minute = np.sort(rng.choice(MINUTES, count, p=busy / busy.sum()))
    event = START + minute * 60 * SECOND + rng.integers(0, 60 * SECOND, count)
    step = rng.choice([-1, 0, 1], count, p=[0.26, 0.48, 0.26])
    side = np.where(step != 0, step, rng.choice([-1, 1], count))
    return Trades.build(
        event_ns=np.sort(event),
        price=240_000 + np.cumsum(step),
        size=rng.geometric(0.2, count),
        side=np.where(rng.random(count) < 0.005, 0, side),
        seq=np.arange(1, count + 1),
    )


def measure(function: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median seconds of a call, after one call to warm up."""
    function()
    seconds = []
    for _ in range(runs):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return statistics.median(seconds)


def by_polars(trades: Trades, seconds: int) -> Library:
    """Return the work in Polars and a function that gives its result as columns."""
    import polars as pl  # noqa: PLC0415 - not needed where only ours is timed

    names = ("seq", "event_ns", "price", "size", "side")
    frame = pl.DataFrame({n: getattr(trades, n) for n in names})
    price, size, side, bar, path = (pl.col(n) for n in ("price", "size", "side", "bar", "path"))
    sides = [pl.col(n).sum() for n in ("bid", "ask", "unknown")]

    def work() -> Result:
        # The fastest of several spellings tried with Polars 2.1: windows instead of filters inside
        # a group, one packed key instead of two, and the streaming engine for the levels.
        keyed = (
            frame.with_columns(
                bar=(pl.col("event_ns") // (seconds * SECOND)).set_sorted(),
                signed=size * side,
                bid=size * (side < 0),
                ask=size * (side > 0),
                unknown=size * (side == 0),
            )
            .with_columns(
                path=pl.col("signed").cum_sum(),
                away=price - price.first().over("bar"),
                top=price.max().over("bar"),
                bottom=price.min().over("bar"),
            )
            .with_columns(m1=pl.col("away") * size)
        )
        bars = keyed.group_by("bar", maintain_order=True).agg(
            *sides,
            trades=pl.len(),
            open=price.first(),
            high=price.max(),
            low=price.min(),
            close=price.last(),
            min_delta_nz=path.min() - path.first() + pl.col("signed").first(),
            max_delta_nz=path.max() - path.first() + pl.col("signed").first(),
            end=path.last(),
            vwap_m1=pl.col("m1").sum(),
            vwap_m2=(pl.col("m1") * pl.col("away")).sum().cast(pl.Float64),
            last_seq=pl.col("seq").max(),
        )
        since = [
            bars["end"]
            - keyed.filter(price == pl.col(edge))
            .group_by("bar", maintain_order=True)
            .agg(path.last())["path"]
            for edge in ("top", "bottom")
        ]
        bars = bars.with_columns(delta_since_high=since[0], delta_since_low=since[1])
        levels = (
            keyed.lazy()
            .group_by(key=bar * PRICE_SPAN + price)
            .agg(*sides, trades=pl.len())
            .sort("key")
            .with_columns(price=pl.col("key") % PRICE_SPAN)
            .collect(engine="streaming")
        )
        return bars, levels

    def columns(result: Result) -> Columns:
        return _named(*({n: f[n].to_numpy() for n in f.columns} for f in result))

    return work, columns


def by_pandas(trades: Trades, seconds: int) -> Library:
    """Return the work in pandas and a function that gives its result as columns."""
    import pandas as pd  # noqa: PLC0415 - not needed where only ours is timed

    names = ("seq", "event_ns", "price", "size", "side")
    frame = pd.DataFrame({n: getattr(trades, n) for n in names})

    def work() -> Result:
        f = frame.assign(
            bar=frame["event_ns"] // (seconds * SECOND),
            signed=frame["size"] * frame["side"],
            bid=frame["size"].where(frame["side"] < 0, 0),
            ask=frame["size"].where(frame["side"] > 0, 0),
            unknown=frame["size"].where(frame["side"] == 0, 0),
        )
        f["path"] = f["signed"].cumsum()
        group = f.groupby("bar")
        away = f["price"] - group["price"].transform("first")
        f["m1"] = away * f["size"]
        f["m2"] = f["m1"] * away
        group = f.groupby("bar")
        bars = group[["bid", "ask", "unknown", "m1", "m2"]].sum()
        bars["trades"] = group.size()
        bars["open"], bars["close"] = group["price"].first(), group["price"].last()
        bars["high"], bars["low"] = group["price"].max(), group["price"].min()
        end = group["path"].last()
        begin = end - group["signed"].sum()
        bars["min_delta_nz"] = group["path"].min() - begin
        bars["max_delta_nz"] = group["path"].max() - begin
        for name, extreme in (("high", "max"), ("low", "min")):
            touched = f[f["price"] == group["price"].transform(extreme)]
            bars[f"delta_since_{name}"] = end - touched.groupby("bar")["path"].last()
        bars["last_seq"] = group["seq"].max()
        pair = f.groupby(["bar", "price"])
        levels = pair[["bid", "ask", "unknown"]].sum()
        levels["trades"] = pair.size()
        return bars, levels.reset_index()

    def columns(result: Result) -> Columns:
        bars, levels = result
        bars = bars.rename(columns={"m1": "vwap_m1", "m2": "vwap_m2"})
        return _named(*({n: f[n].to_numpy() for n in f.columns} for f in (bars, levels)))

    return work, columns


def _named(bars: Columns, levels: Columns) -> Columns:
    """Return columns of bars and levels under our names; a bar's path begins at 0."""
    sides = ("bid", "ask", "unknown")
    named = bars | {f"{s}_volume": bars[s] for s in sides}
    named["min_delta"] = np.minimum(bars["min_delta_nz"], 0)
    named["max_delta"] = np.maximum(bars["max_delta_nz"], 0)
    return named | {f"level_{n}": levels[n] for n in (*sides, "price", "trades")}


def check(bars: Bars, columns: Columns) -> None:
    """Fail unless other people's columns equal ours."""
    for name in (*COMPARED, *LEVELS):
        assert np.array_equal(getattr(bars, name), columns[name]), name


def run_other(name: str, seconds: int) -> float:
    """Return the median seconds of a library, measured in this process, its result checked."""
    trades = make_trades()
    work, columns = {"polars": by_polars, "pandas": by_pandas}[name](trades, seconds)
    bars, _ = aggregate(trades, BarSpec.parse(f"{seconds}s"), calendar_24x7(), 1)
    check(bars, columns(work()))
    return measure(work)


def _row(what: str, spec: str, seconds: float, count: int) -> dict[str, Any]:
    return {
        "what": what,
        "bars": spec,
        "ms": round(seconds * 1e3, 3),
        "trades_per_s": round(count / seconds),
    }


def run_ours() -> list[dict[str, Any]]:
    """Return our own timings: kinds of bar, combining, regrouping, the live path's batches."""
    trades, calendar = make_trades(), calendar_24x7()
    rows = []
    for text in ("1m", "5m", "100t", "500v", "20r", "100delta"):
        spec = BarSpec.parse(text)
        work = partial(aggregate, trades, spec, calendar, 1, tick_size=1)
        rows.append(_row("aggregate", text, measure(work), TRADES))
    minutes, _ = aggregate(trades, MINUTE, calendar, 1)
    longer = BarSpec.parse("5m")
    rows.append(_row("combine", "1m to 5m", measure(lambda: combine(minutes, longer)), TRADES))
    rows.append(_row("regroup", "1 to 10", measure(lambda: regroup(minutes, 10)), TRADES))
    return rows + run_batches(trades, minutes)


def run_batches(trades: Trades, minutes: Bars) -> list[dict[str, Any]]:
    """Return what an ingest cycle costs: a small batch made into fragments and merged."""
    calendar = calendar_24x7()
    busy = int(np.argmax(minutes.trades))
    end = int(minutes.trades[: busy + 1].sum())
    rows = []
    for count in (1, 10, 50):
        batch = trades.take(slice(end - count, end))
        opened = trades.take(slice(end - int(minutes.trades[busy]), end - count))
        bar, _ = aggregate(opened, MINUTE, calendar, 1)

        def cycle(bar: Bars = bar, batch: Trades = batch) -> Bars:
            return merge(bar, aggregate(batch, MINUTE, calendar, 1)[0])

        levels = len(bar.level_price)
        what = f"aggregate + merge into {levels} levels"
        rows.append(_row(what, f"batch of {count}", measure(cycle, 501), count))
    return rows


def run() -> list[dict[str, Any]]:
    """Return all rows, ours first; a library that is not installed is left out."""
    rows = run_ours()
    for name in filter(importlib.util.find_spec, OTHERS):
        for seconds, text in ((60, "1m"), (300, "5m")):
            done = subprocess.run(  # noqa: S603 - this very file
                [sys.executable, "-m", "benchmarks.aggregate", "--only", name, str(seconds)],
                cwd=Path(__file__).resolve().parent.parent,
                env={**os.environ, "POLARS_MAX_THREADS": "1"},
                stdout=subprocess.PIPE,
                text=True,
                check=True,
            )
            rows.append(_row(f"{name}, one thread", text, float(done.stdout), TRADES))
    return rows


def main() -> None:
    """Print the table and the JSON, or one library's seconds."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.aggregate")
    parser.add_argument("--only", nargs=2, metavar=("LIBRARY", "SECONDS"))
    only = parser.parse_args().only
    if only:
        print(run_other(only[0], int(only[1])))
        return
    rows = run()
    for row in rows:
        speed = f"{row['trades_per_s']:,} trades/s"
        print(f"{row['what']:<36}{row['bars']:<14}{row['ms']:>10.3f} ms{speed:>25}")
    print(json.dumps({"aggregate": rows}))


if __name__ == "__main__":
    main()
