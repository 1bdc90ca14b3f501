"""Indicators over bars: cumulative delta, VWAP with its sigma, divergence and COT.

Everything starts anew at each session (`session_ns`), unless a function says otherwise. Sums of
price times size stay integers about a reference price until the last division. Called by
`figures.payload`, `figures.chart` and exports.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.bars import Bars
from dashboard.domain.merge import run_lengths

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]
F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class CvdCandles:
    """Cumulative delta as candles, size units; every column has shape (B,).

    ``low <= min(open, close)`` and ``high >= max(open, close)``.
    """

    open: I64
    high: I64
    low: I64
    close: I64


def cvd_candles(bars: Bars, *, continuous: bool = False) -> CvdCandles:
    """Return the cumulative delta: open is the close before, high and low the running extremes.

    Args:
        bars: Any bars. Where the source knows no running delta, high and low are the greater and
            the lesser of open and close.
        continuous: Sum through all bars from the first, instead of from 0 in each session.

    Source: formulas.md 4 (V8, V8b); Sierra Chart's and ATAS' cumulative delta bars.
    """
    delta = bars.delta
    close = np.cumsum(delta)
    if not continuous:
        first = _session_starts(bars)
        carried = (close - delta)[first]
        close = close - np.repeat(carried, run_lengths(first, len(bars)))
    start = close - delta
    high = np.maximum(start + bars.max_delta, np.maximum(start, close))
    low = np.minimum(start + bars.min_delta, np.minimum(start, close))
    return CvdCandles(start, high, low, close)


def session_vwap(bars: Bars) -> tuple[F64, F64]:
    """Return the running VWAP of each session and its sigma, after each bar.

    The variance is volume weighted, ``sum(p**2 q) / sum(q) - vwap**2``, taken about the session's
    first price and never below 0. Bands are ``vwap ± k * sigma``. Unattributed volume has no price
    and takes no part.

    Returns:
        Two arrays of shape (B,), price units: VWAP and sigma; NaN before the session's first trade
        and where the source knows no VWAP.

    Source: formulas.md 7 (V7); ATAS' VWAP.
    """
    vwap, sigma = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
    if "vwap" in bars.origin.absent:
        return vwap, sigma
    volume = bars.traded_volume
    for part in _sessions(bars):
        traded = volume[part] > 0
        base = int(bars.vwap_ref[part][traded][0]) if traded.any() else 0
        shift = bars.vwap_ref[part] - base
        weight = np.cumsum(volume[part])
        first = _exact_sums(bars.vwap_m1[part], shift, volume[part])
        offset = shift.astype(np.float64)
        second = np.cumsum(
            bars.vwap_m2[part] + offset * (2.0 * bars.vwap_m1[part] + offset * volume[part])
        )
        mean = _ratio(first, weight)
        vwap[part] = base + mean
        sigma[part] = np.sqrt(np.maximum(_ratio(second, weight) - mean * mean, 0.0))
    return vwap, sigma


def bar_vwap(bars: Bars) -> F64:
    """Return each bar's own VWAP, shape (B,), price units; NaN of bars without a priced trade."""
    if "vwap" in bars.origin.absent:
        return np.full(len(bars), np.nan)
    return bars.vwap_ref + _ratio(bars.vwap_m1, bars.traded_volume)


def typical_vwap(bars: Bars) -> F64:
    """Return the running session VWAP of bars' typical prices, (high + low + close) / 3.

    An approximation for comparison with platforms that have bars only (formulas.md 7, V7b).

    Returns:
        Shape (B,), price units; NaN before the session's first trade.
    """
    vwap = np.full(len(bars), np.nan)
    volume = bars.traded_volume
    for part in _sessions(bars):
        base = int(bars.close[part][0])
        thrice = bars.high[part] + bars.low[part] + bars.close[part] - 3 * base
        total = np.cumsum(_exact(thrice) * volume[part])
        vwap[part] = base + _ratio(total, 3 * np.cumsum(volume[part]))
    return vwap


def divergence(bars: Bars) -> I8:
    """Return where a bar's direction and its delta disagree, shape (B,).

    Returns:
        -1 where the bar rose (close > open) although sellers were the aggressors (delta < 0), 1
        where it fell although buyers were, else 0.

    Source: formulas.md 9 (V16).
    """
    direction = np.sign(bars.close - bars.open)
    return np.where(direction * np.sign(bars.delta) < 0, -direction, 0).astype(np.int8)


def cot(bars: Bars) -> tuple[I64, I64]:
    """Return the delta since the session's last new high, and since its last new low.

    The extreme's own bar is counted in; a high equal to the session's high is a new one.

    Returns:
        Two arrays of shape (B,), size units: COT high and COT low.

    Source: formulas.md 8 (V10); ATAS' COT (whose source has a slip for the low).
    """
    high, low = np.zeros(len(bars), np.int64), np.zeros(len(bars), np.int64)
    for part in _sessions(bars):
        delta = bars.delta[part]
        tops, bottoms = bars.high[part], bars.low[part]
        high[part] = _sum_since(delta, tops == np.maximum.accumulate(tops))
        low[part] = _sum_since(delta, bottoms == np.minimum.accumulate(bottoms))
    return high, low


def _sum_since(delta: I64, marked: NDArray[np.bool_]) -> I64:
    """Return the sum of delta from the last marked bar on, that bar included; bar 0 is marked."""
    total = np.cumsum(delta)
    last = np.maximum.accumulate(np.where(marked, np.arange(len(delta)), 0))
    since: I64 = total - (total - delta)[last]
    return since


def _exact_sums(moment: I64, shift: I64, volume: I64) -> NDArray[Any]:
    """Return the running sums of ``moment + shift * volume``, exact at any size."""
    most = _largest(moment) + _largest(shift) * _largest(volume)
    if most * len(moment) < 1 << 63:
        return np.cumsum(moment + shift * volume)
    return np.cumsum(_exact(moment) + _exact(shift) * volume)


def _largest(column: I64) -> int:
    """Return the largest absolute value of a column that is not empty."""
    return max(int(column.max()), -int(column.min()))


def _exact(column: I64) -> NDArray[Any]:
    """Return a column of Python integers: a session's sums may leave 64 bits, a bar's do not."""
    return column.astype(object)


def _ratio(numerator: NDArray[Any], denominator: NDArray[Any]) -> F64:
    """Return the quotients, NaN where the denominator is 0."""
    quotient = np.full(len(numerator), np.nan)
    divisor = denominator.astype(np.float64)
    np.divide(numerator.astype(np.float64), divisor, out=quotient, where=divisor > 0)
    return quotient


def _session_starts(bars: Bars) -> I64:
    """Return the index of each session's first bar."""
    changed = np.ones(len(bars), np.bool_)
    changed[1:] = bars.session_ns[1:] != bars.session_ns[:-1]
    return np.flatnonzero(changed)


def _sessions(bars: Bars) -> Iterator[slice]:
    """Yield the bars of each session as a slice."""
    first = _session_starts(bars).tolist()
    yield from map(slice, first, [*first[1:], len(bars)])
