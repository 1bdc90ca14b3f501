"""Bars joined into bars: fragments of one bar, and short time bars into longer ones.

`collapse` is the one reduce kernel; fragments come from `aggregate`, base bars from the store.
Joining is associative: however a tape is cut, the same bars come out.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from dashboard.domain.bars import BAR_COLUMNS, BOOL, I64, BarKind, BarOrigin, Bars, BarSpec
from dashboard.domain.footprint import sum_levels
from dashboard.errors import ViewNotPossibleError

_LIMIT = 2.0**63


def merge(a: Bars, b: Bars) -> Bars:
    """Return the bars of both; fragments of the same bar are joined, those of `a` first.

    A bar that is in both is taken for two fragments of it, never for two versions.

    Args:
        a: Bars in order of (session, ordinal).
        b: Bars in that order, of the same spec and level size.

    Raises:
        ValueError: Spec, level size or origin differ.
    """
    if (a.spec, a.level_size) != (b.spec, b.level_size):
        msg = f"cannot merge {a.spec} at {a.level_size} with {b.spec} at {b.level_size}"
        raise ValueError(msg)
    if not len(a):
        return b
    if not len(b):
        return a
    origin = a.origin if a.origin == b.origin else a.origin.join(b.origin)
    # Only the bars of `a` that lie among those of `b` can change: live, that is the open one.
    keys, ends = a.keys, b.keys[[0, -1]]
    start = int(np.searchsorted(keys, ends[0], side="left"))
    stop = int(np.searchsorted(keys, ends[1], side="right"))
    middle = collapse(Bars.concat([a.take(start, stop), b])) if start < stop else b
    before = [a.take(0, start)] if start else []
    after = [a.take(stop, len(a))] if stop < len(a) else []
    if before or after:
        middle = Bars.concat([*before, middle, *after])
    return blank_absent(middle, origin)


def combine(bars: Bars, spec: BarSpec) -> Bars:
    """Return longer time bars made of shorter ones, anchored at the session's open.

    The last bar of a session may hold fewer; its `end_ns` is still start plus interval. Equal to
    `aggregate` at `spec` where trades came in time order; a trade that came late counts in its own
    short bar's place, not in its place of arrival.

    Args:
        bars: Time bars.
        spec: A time bar whose length is a multiple of theirs.

    Raises:
        ViewNotPossibleError: These bars cannot make it exactly.
    """
    if spec == bars.spec:
        return bars
    if spec.kind is not BarKind.TIME or bars.spec.kind is not BarKind.TIME:
        msg = f"Bars of {spec} cannot be made of bars of {bars.spec}; that needs the trades."
        raise ViewNotPossibleError(msg)
    if spec.size % bars.spec.size:
        msg = (
            f"Bars of {spec} cannot be made exactly of stored bars of {bars.spec}; "
            f"choose a multiple of {bars.spec}."
        )
        raise ViewNotPossibleError(msg)
    ordinal = bars.ordinal // (spec.size // bars.spec.size)
    start = bars.session_ns + ordinal * spec.interval_ns
    longer = replace(
        bars, spec=spec, ordinal=ordinal, start_ns=start, end_ns=start + spec.interval_ns
    )
    return blank_absent(collapse(longer), bars.origin)


def collapse(rows: Bars) -> Bars:
    """Return one bar per (session, ordinal), its rows joined in the order in which they stand.

    Args:
        rows: Fragments of one origin, in any order; a bar may have many.
    """
    if not len(rows):
        return rows
    keys = rows.keys
    if (keys[1:] < keys[:-1]).any():
        order = np.argsort(keys, kind="stable")
        rows, keys = rows.select(order), keys[order]
    first = find_runs(keys)
    return rows if len(first) == len(rows) else _join_rows(rows, first)


def find_runs(keys: I64) -> I64:
    """Return where each run of equal keys begins; there is at least one key."""
    return np.flatnonzero(np.concatenate([np.ones(1, np.bool_), keys[1:] != keys[:-1]]))


def run_lengths(first: I64, count: int) -> I64:
    """Return the lengths of runs that begin at `first` and fill `count` rows."""
    lengths = np.full_like(first, count)
    lengths[:-1] = first[1:]
    lengths -= first
    return lengths


def last_index(flags: BOOL, last: I64) -> I64:
    """Return the last flagged row of each run, given each run's last row; every run has one."""
    flagged = np.flatnonzero(flags)
    return flagged[np.searchsorted(flagged, last, side="right") - 1]


def require_exact(bars: Bars) -> Bars:
    """Return the bars, or refuse them where the first VWAP moment may leave 64 bits.

    Raises:
        ViewNotPossibleError: A bar's volume times its price range reaches 2**63.
    """
    reach = np.maximum(bars.high - bars.vwap_ref, bars.vwap_ref - bars.low).astype(np.float64)
    if "vwap" not in bars.origin.absent and (reach * bars.traded_volume >= _LIMIT).any():
        msg = (
            f"Bars of {bars.spec} hold more volume times price than can be summed exactly; "
            "choose shorter bars."
        )
        raise ViewNotPossibleError(msg)
    return bars


def blank_absent(bars: Bars, origin: BarOrigin) -> Bars:
    """Return the bars with that origin, columns that their source cannot know set to zero."""
    if bars.origin == origin and not origin.absent:
        return bars
    columns: dict[str, Any] = {"origin": origin}
    for name in origin.absent:
        for column in BAR_COLUMNS:
            if column == name or column.startswith(f"{name}_"):
                columns[column] = np.zeros_like(getattr(bars, column))
    return replace(bars, **columns)


def _join_rows(rows: Bars, first: I64) -> Bars:
    """Join runs of rows into one bar each.

    Rows that only carry unattributed volume have no trades: their price counts where no row of the
    bar has any, and they move no delta.
    """
    traded = (rows.trades > 0) | (rows.traded_volume > 0)
    runs = run_lengths(first, len(rows))
    priced = traded | np.repeat(~np.logical_or.reduceat(traded, first), runs)
    if priced.all():
        columns = _join_priced(rows, first)
    else:
        index = np.flatnonzero(priced)
        columns = _join_priced(rows.select(index), np.searchsorted(index, first))
    columns["unattributed_volume"] = np.add.reduceat(rows.unattributed_volume, first)
    columns["gap"] = np.logical_or.reduceat(rows.gap, first)
    columns["last_seq"] = np.maximum.reduceat(rows.last_seq, first)
    columns["version"] = np.maximum.reduceat(rows.version, first)
    columns |= _join_levels(rows, first)
    return require_exact(replace(rows, **columns))


def _join_priced(rows: Bars, first: I64) -> dict[str, Any]:
    """Return the columns that trades make, of runs of rows with trades (or all without)."""
    runs = run_lengths(first, len(rows))
    last = first + runs - 1
    path = np.cumsum(rows.delta)  # running delta at each row's end
    before = path - rows.delta
    origin = before[first]
    total = path[last] - origin
    before = before - np.repeat(origin, runs)
    high = np.maximum.reduceat(rows.high, first)
    low = np.minimum.reduceat(rows.low, first)
    top = last_index(rows.high == np.repeat(high, runs), last)
    bottom = last_index(rows.low == np.repeat(low, runs), last)
    after = np.repeat(total, runs) - before - rows.delta  # delta of the rows that follow
    out: dict[str, Any] = {
        "session_ns": rows.session_ns[first],
        "ordinal": rows.ordinal[first],
        "start_ns": rows.start_ns[first],
        "end_ns": rows.end_ns[last],
        "open": rows.open[first],
        "high": high,
        "low": low,
        "close": rows.close[last],
        "min_delta": np.minimum.reduceat(before + rows.min_delta, first),
        "max_delta": np.maximum.reduceat(before + rows.max_delta, first),
        "min_delta_nz": np.minimum.reduceat(before + rows.min_delta_nz, first),
        "max_delta_nz": np.maximum.reduceat(before + rows.max_delta_nz, first),
        "delta_since_high": rows.delta_since_high[top] + after[top],
        "delta_since_low": rows.delta_since_low[bottom] + after[bottom],
    }
    for name in ("bid_volume", "ask_volume", "unknown_volume", "trades"):
        out[name] = np.add.reduceat(getattr(rows, name), first)
    return out | _join_moments(rows, first, runs)


def _join_moments(rows: Bars, first: I64, runs: I64) -> dict[str, Any]:
    """Return the VWAP moments about each run's first reference.

    With s the distance of a row's reference from that one, its moments become
    ``m1' = m1 + s * q`` and ``m2' = m2 + s * (m1 + m1')``.
    """
    ref = rows.vwap_ref[first]
    shift = rows.vwap_ref - np.repeat(ref, runs)
    m1 = rows.vwap_m1 + shift * rows.traded_volume
    m2 = rows.vwap_m2 + shift * (rows.vwap_m1.astype(np.float64) + m1)
    return {
        "vwap_ref": ref,
        "vwap_m1": np.add.reduceat(m1, first),
        "vwap_m2": np.add.reduceat(m2, first),
    }


def _join_levels(rows: Bars, first: I64) -> dict[str, Any]:
    """Return offsets and level columns of runs of rows."""
    runs = run_lengths(rows.offsets[first], len(rows.level_price))
    offsets, level, _, sums = sum_levels(
        rows.level_price // rows.level_size,
        runs,
        [rows.level_bid, rows.level_ask, rows.level_unknown, rows.level_trades],
    )
    names = ("level_bid", "level_ask", "level_unknown", "level_trades")
    return {
        "offsets": offsets,
        "level_price": level * rows.level_size,
        **dict(zip(names, sums, strict=True)),
    }
