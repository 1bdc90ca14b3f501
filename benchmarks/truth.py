"""How true the inferred trades are: tapes whose sides are known, seen through a snapshot feed.

``python -m benchmarks.truth`` conflates true-side tapes to packets as the broker sends them, puts
these through the real inference, compares what comes out with what was traded, and writes
docs/TRUTH.md (only where the recorded tape is there: ../shared, beside the clone). Nothing is
timed, so two runs write the same bytes. What the rules are is said in `dashboard.domain.aggressor`
and `dashboard.domain.spread`.

The rules were chosen on some of the tapes (development); what counts are the others (held out).
Synthetic tapes are the simulator's: they show that a rule works, not how markets are.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.aggregate import aggregate
from dashboard.domain.aggressor import InferenceState, infer_many
from dashboard.domain.bars import MINUTE, Bars, BarSpec
from dashboard.domain.calendar import (
    SECOND_NS,
    SIM_SESSION_NS,
    Calendar,
    CalendarRow,
    build_calendar,
    calendar_sim,
)
from dashboard.domain.imbalance import ImbalanceRule, diagonal_imbalances, suggested_min_volume
from dashboard.domain.profile import bar_pocs
from dashboard.domain.quote import QuoteArrays
from dashboard.domain.spread import LAST_ONLY, SPREAD, Places
from dashboard.domain.trade import Trades
from dashboard.feeds.simulator.market import BASE_RATE
from dashboard.feeds.simulator.path import build_course
from dashboard.feeds.simulator.tape import Tape as SimulatorTape

I64 = NDArray[np.int64]
BOOL = NDArray[np.bool_]

ROOT = Path(__file__).resolve().parents[1]
RECORDING = ROOT.parent / "shared" / "data" / "btcusd_perp_20240809" / "trades.csv"
REPORT = ROOT / "docs" / "TRUTH.md"
RATES = (0.5, 1.0, 2.0, 4.0)
STALE_SHARE = 0.25
PHASES = 12
"""Times a short recorded tape is looked at, each time at other moments."""
FIVE_MINUTES = BarSpec.parse("5m")
RULES: Mapping[str, Places | None] = {
    "naive": None,
    "as seen": LAST_ONLY,
    "two ends": Places(1, 0, 1, 0, 0),
    "one side": SPREAD._replace(against=0),
    "spread": SPREAD,
}


# ------------------------------------------------------------------------------ tapes


@dataclass(frozen=True, eq=False)
class Tape:
    """A tape of true trades with the book at any time.

    Attributes:
        name: What it is.
        kind: `recorded` or `synthetic`.
        part: `development` or `held out`.
        trades: With true sides, in order of event time.
        book_at: Best bid and ask at ascending times, price units.
        begin_ns, end_ns: What is looked at; all trades lie between.
        calendar: One of whose sessions contains all of it.
        tick: Price units.
        level: Level size of the instrument's view, price units.
    """

    name: str
    kind: str
    part: str
    trades: Trades
    book_at: Callable[[I64], tuple[I64, I64]]
    begin_ns: int
    end_ns: int
    calendar: Calendar
    tick: int
    level: int


def recorded_tapes(path: Path = RECORDING, *, old_book: bool = False) -> list[Tape]:
    """Return the two halves of the recording, the second held out.

    The book at a time is the one that the tape shows before the first trade after it, which is the
    last that is known; with `old_book` the one before the last trade until then. What the exchange
    would have sent lies between the two.
    """
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    whole = {
        name: [int(Decimal(row[name]) * 10) for row in rows] for name in ("price", "bid", "ask")
    }
    trades = Trades.build(
        event_ns=[int(row["ts_ns"]) for row in rows],
        size=[int(row["qty"]) for row in rows],
        side=[{"B": 1, "S": -1}[row["side"]] for row in rows],
        **whole,
    )
    bid, ask = trades.bid, trades.ask
    event_ns = trades.event_ns

    def book_at(times: I64) -> tuple[I64, I64]:
        after = np.searchsorted(event_ns, times, side="right") - old_book
        row = np.clip(after, 0, len(event_ns) - 1)
        return bid[row], ask[row]

    # Its days must not end at midnight UTC, in the middle of the tape.
    calendar = build_calendar(
        "recording", "Asia/Kolkata", [CalendarRow(date(2024, 1, 1), None, "00:00", "24:00")]
    )
    first, last = int(event_ns[0]), int(event_ns[-1]) + 1
    first = first // SECOND_NS * SECOND_NS
    middle = (first + last) // 2
    halves = (("development", first, middle), ("held out", middle, last))
    return [
        Tape(
            name="BTCUSD_PERP, 9 Aug 2024",
            kind="recorded",
            part=part,
            trades=trades.take((event_ns >= begin) & (event_ns < end)),
            book_at=book_at,
            begin_ns=begin,
            end_ns=end,
            calendar=calendar,
            tick=1,
            level=100,
        )
        for part, begin, end in halves
    ]


def synthetic_tape(
    symbol: str, seed: int, session: int, part: str, minutes: tuple[int, int] = (0, 385)
) -> Tape:
    """Return some minutes of a session of the simulated market, at its true trades' rate."""
    course = build_course(seed, symbol, session)
    made = SimulatorTape(course, BASE_RATE)
    trades = Trades.concat(made.block(i) for i in range(len(made.bounds) - 1))
    tick = course.listing.tick
    begin, end = (course.open_ns + minute * 60 * SECOND_NS for minute in minutes)
    end = min(end, course.open_ns + SIM_SESSION_NS - 1)

    def book_at(times: I64) -> tuple[I64, I64]:
        bid, ask = course.quote_at((times - course.open_ns).astype(np.float64))
        return bid * tick, ask * tick

    return Tape(
        name=symbol,
        kind="synthetic",
        part=part,
        trades=trades.take((trades.event_ns >= begin) & (trades.event_ns < end)),
        book_at=book_at,
        begin_ns=begin,
        end_ns=end,
        calendar=calendar_sim(),
        tick=tick,
        level=20 * tick,
    )


def synthetic_tapes() -> list[Tape]:
    """Return two development sessions and three held-out ones of each simulated instrument."""
    plan = {
        "development": ((3, 78_000), (5, 78_100)),
        "held out": ((11, 78_200), (12, 78_311), (13, 78_422)),
    }
    return [
        synthetic_tape(symbol, seed, session, part)
        for symbol in ("SIM:NIFTY", "SIM:BANKNIFTY")
        for part, sessions in plan.items()
        for seed, session in sessions
    ]


# ------------------------------------------------------------------------------ packets


@dataclass(frozen=True, eq=False)
class Packets:
    """P packets of a tape, and what is true of them.

    Attributes:
        quotes: As inference gets them.
        teller: Which packet's totals were the first to contain a trade, shape (T,).
    """

    quotes: QuoteArrays
    teller: I64


def conflate(tape: Tape, rate: float, phase: int = 0, stale_share: float = STALE_SHARE) -> Packets:
    """Return the tape as the broker sends it, `rate` packets a second.

    Each packet comes at a random moment of its own equal share of the time and shows the last
    trade, its size and second, the best book, the second it was sent in, and the day's totals. A
    quarter of them show the totals of the packet before: the feed sends last trades earlier than
    totals. The first comes before the first trade; the last, after the last one, has all totals.
    """
    rng = np.random.default_rng([int(rate * 10), phase])
    trades = tape.trades
    count = int((tape.end_ns - tape.begin_ns) / SECOND_NS * rate)
    share = (np.arange(count) + 0.9 * rng.random(count)) / rate
    moments = tape.begin_ns + (share * SECOND_NS).astype(np.int64)
    moments = np.concatenate([[tape.begin_ns], moments, [tape.end_ns]])
    stale = rng.random(len(moments)) < stale_share
    stale[[0, -1]] = False
    seen = np.searchsorted(trades.event_ns, moments, side="right")
    seen[0] = 0
    counted = seen[np.maximum.accumulate(np.where(stale, 0, np.arange(len(seen))))]
    first = int(trades.price[0])
    volume = np.concatenate([[0], np.cumsum(trades.size)])
    bid, ask = tape.book_at(moments)
    quotes = QuoteArrays.build(
        event_ns=moments // SECOND_NS * SECOND_NS,
        receive_ns=moments,
        last_price=np.concatenate([[first], trades.price])[seen],
        last_size=np.concatenate([[0], trades.size])[seen],
        day_volume=volume[counted],
        bid=bid,
        ask=ask,
        last_trade_ns=np.concatenate([[0], trades.event_ns])[seen] // SECOND_NS * SECOND_NS,
        source_seq=np.arange(len(moments)),
    )
    return Packets(quotes, np.searchsorted(counted, np.arange(len(trades)), side="right"))


def infer_all(tape: Tape, packets: Packets, places: Places | None) -> Trades:
    """Return what the real inference makes of the packets; every contract, none lost in a gap."""
    state = InferenceState(tape.name, tape.calendar, places=places)
    _, trades, gaps = infer_many(state, packets.quotes)
    assert not gaps
    assert trades.size.sum() == tape.trades.size.sum()
    return trades


# ------------------------------------------------------------------------------ measures


@dataclass(frozen=True, slots=True)
class Score:
    """How inferred trades compare with the true ones, shares of 1.

    "Overlap over x" is the sum over x of the lesser of inferred and true volume, ÷ all volume: what
    of the volume is where it belongs, wherever else the rest is.

    Attributes:
        side: Overlap over (packet, side).
        tick: Overlap over (packet, price).
        level: Overlap over (packet, level of the view).
        cell_tick: Overlap over (bar, price, side): what a footprint of one-tick levels shows.
        cell: Overlap over (bar, level of the view, side).
        sign: Share of bars whose delta has its true sign (0 is a sign of its own).
        error: Sum of |inferred - true delta| over the bars ÷ all volume.
        poc: Share of bars whose POC level is the true one.
        poc_volume: True volume at the level shown as POC ÷ that at the true one, mean over bars:
            two levels of nearly equal volume make a miss here a small one.
        kept: Of the true imbalance marks, the share that is marked too.
        invented: Of the inferred marks, the share that is not true.
        rows: Inferred trades per packet that tells a volume.
    """

    side: float
    tick: float
    level: float
    cell_tick: float
    cell: float
    sign: float
    error: float
    poc: float
    poc_volume: float
    kept: float
    invented: float
    rows: float


def score(tape: Tape, packets: Packets, found: Trades, spec: BarSpec) -> Score:
    """Return how trades inferred from packets compare with the tape's, in bars of a length."""
    true, teller = tape.trades, packets.teller
    bars = {
        size: [aggregate(t, spec, tape.calendar, size)[0] for t in (true, found)]
        for size in (tape.tick, tape.level)
    }
    fine, view = bars[tape.tick], bars[tape.level]
    delta = _paired(_keys(view[0]), view[0].delta, _keys(view[1]), view[1].delta)
    at_poc = _volume_at_pocs(*view)
    marks = [_marks(b, suggested_min_volume(view[0])) for b in view]
    volume = int(true.size.sum())

    def overlap(*column: Callable[[Trades], I64]) -> float:
        mine = _key(found.source_seq, *(c(found) for c in column))
        its = _key(teller, *(c(true) for c in column))
        return float(np.minimum(*_paired(its, true.size, mine, found.size)).sum() / volume)

    return Score(
        side=overlap(lambda t: t.side.astype(np.int64)),
        tick=overlap(lambda t: t.price // tape.tick),
        level=overlap(lambda t: t.price // tape.level),
        cell_tick=_cell_overlap(*fine) / volume,
        cell=_cell_overlap(*view) / volume,
        sign=float(np.mean(np.sign(delta[0]) == np.sign(delta[1]))),
        error=float(np.abs(delta[0] - delta[1]).sum() / volume),
        poc=float(np.mean(at_poc == 1)),
        poc_volume=float(np.mean(at_poc)),
        kept=len(marks[0] & marks[1]) / max(len(marks[0]), 1),
        invented=len(marks[1] - marks[0]) / max(len(marks[1]), 1),
        rows=len(found) / len(np.unique(found.source_seq)),
    )


def _keys(bars: Bars) -> I64:
    """Return one number for each bar, shape (B,); all are of one session."""
    return bars.ordinal


def _key(*columns: I64) -> I64:
    """Return one number for each row of two numbers or one, shape (T,)."""
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        key = key * 100_000_007 + column
    return key


def _number(bar: int, price: int) -> int:
    return int(_key(np.array([bar]), np.array([price]))[0])


def _level_keys(bars: Bars) -> I64:
    """Return one number for each level of each bar, shape (L,)."""
    return _key(_keys(bars)[bars.level_bar], bars.level_price)


def _paired(key_a: I64, a: I64, key_b: I64, b: I64) -> tuple[I64, I64]:
    """Return the sums of two columns per key, over all keys of either."""
    keys = np.unique(np.concatenate([key_a, key_b]))
    sums = []
    for key, column in ((key_a, a), (key_b, b)):
        total = np.zeros(len(keys), dtype=np.int64)
        np.add.at(total, np.searchsorted(keys, key), column)
        sums.append(total)
    return sums[0], sums[1]


def _cell_overlap(true: Bars, found: Bars) -> int:
    """Return the overlap over bars, levels and sides, size units."""
    keys = [_level_keys(b) for b in (true, found)]
    return sum(
        int(np.minimum(*_paired(keys[0], getattr(true, c), keys[1], getattr(found, c))).sum())
        for c in ("level_bid", "level_ask")
    )


def _volume_at_pocs(true: Bars, found: Bars) -> NDArray[np.float64]:
    """Return the true volume at each inferred POC ÷ that at the true one, shape (B,).

    Exactly 1 where the two are one level; a level that ties with the true POC stays below.
    """
    volume = dict(zip(_level_keys(true).tolist(), true.level_volume.tolist(), strict=True))
    shown = dict(zip(_keys(found).tolist(), bar_pocs(found).tolist(), strict=True))
    shares = []
    for key, poc in zip(_keys(true).tolist(), bar_pocs(true).tolist(), strict=True):
        its, most = shown.get(key), volume[_number(key, poc)]
        share = 0.0 if its is None else volume.get(_number(key, its), 0) / most
        shares.append(1.0 if its == poc else min(share, 1 - 1e-9))
    return np.array(shares)


def _marks(bars: Bars, min_volume: int) -> set[tuple[int, int, int]]:
    """Return the imbalances as (bar, level, side), by the rule that the page begins with."""
    rule = ImbalanceRule(min_volume=min_volume)
    owner = _keys(bars)[bars.level_bar]
    return {
        (int(owner[row]), int(bars.level_price[row]), side)
        for side, flags in zip((1, -1), diagonal_imbalances(bars, rule), strict=True)
        for row in np.flatnonzero(flags)
    }


# ------------------------------------------------------------------------------ what is compared


@dataclass(frozen=True, slots=True)
class Group:
    """Tapes of one kind that are told as one: the mean of their scores.

    Attributes:
        title: For the report.
        tapes: At least one.
        phases: Times each is looked at.
    """

    title: str
    tapes: Sequence[Tape]
    phases: int

    @property
    def is_held_out(self) -> bool:
        """Whether no rule was made by looking at it."""
        return self.tapes[0].part == "held out"

    def packets(
        self, rate: float, stale_share: float = STALE_SHARE
    ) -> Iterator[tuple[Tape, Packets]]:
        """Return the tapes as seen at a rate."""
        for tape in self.tapes:
            for phase in range(self.phases):
                yield tape, conflate(tape, rate, phase, stale_share)


def groups_of(tapes: Iterable[Tape]) -> list[Group]:
    """Return the tapes grouped by name, kind and part, in order of appearance."""
    found: dict[tuple[str, str, str], list[Tape]] = {}
    for tape in tapes:
        found.setdefault((tape.name, tape.kind, tape.part), []).append(tape)
    return [
        Group(f"{name} ({kind}, {part})", own, PHASES if kind == "recorded" else 1)
        for (name, kind, part), own in found.items()
    ]


Table = dict[tuple[str, float], Score]
"""Scores by rule and packets a second."""


def compare(
    group: Group,
    spec: BarSpec = MINUTE,
    rates: Sequence[float] = RATES,
    rules: Mapping[str, Places | None] = RULES,
    stale_share: float = STALE_SHARE,
) -> Table:
    """Return the mean score of each rule at each rate."""
    found: dict[tuple[str, float], list[Score]] = {}
    for rate in rates:
        for tape, packets in group.packets(rate, stale_share):
            for name, places in rules.items():
                trades = infer_all(tape, packets, places)
                found.setdefault((name, rate), []).append(score(tape, packets, trades, spec))
    return {key: _mean(scores) for key, scores in found.items()}


def _mean(scores: Sequence[Score]) -> Score:
    return Score(*(float(np.mean([getattr(s, f.name) for s in scores])) for f in fields(Score)))


def is_better(table: Table, rate: float) -> bool:
    """Whether the spread beats the naive rule at a rate: more volume right, no side lost for it."""
    naive, spread = table["naive", rate], table["spread", rate]
    return spread.tick > naive.tick and spread.level > naive.level and spread.side >= naive.side


# ------------------------------------------------------------------------------ the report


def report(groups: Sequence[Group], old_book: Sequence[Group]) -> str:
    """Return docs/TRUTH.md.

    Args:
        groups: What is compared.
        old_book: The recording once more, with its book as it was before the last trade.
    """
    minute = {group.title: compare(group) for group in groups}
    held_out = [group for group in groups if group.is_held_out]
    parts = [
        INTRODUCTION,
        _verdict(held_out, minute),
        "## Held-out tapes, one-minute bars",
        *(_section(group, minute[group.title]) for group in held_out),
        "## Held-out tapes, five-minute bars",
        *(_short_section(group, compare(group, FIVE_MINUTES)) for group in held_out),
        "## Development tapes, one-minute bars",
        *(_section(group, minute[group.title]) for group in groups if not group.is_held_out),
        _sensitivity([g for g in groups if g.tapes[0].kind == "recorded"], old_book),
        _more_evidence(held_out),
        _expected({g.title: minute[g.title] for g in held_out}),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


INTRODUCTION = """
# How true are the inferred trades?

*Written by `make bench-truth` (`python -m benchmarks.truth`); do not edit. Two runs write the same
bytes.*

A snapshot feed sends no trades, so every bid × ask number made from one is an estimate. Here is how
good an estimate: tapes whose true sides are known are conflated to 0.5, 1, 2 and 4 packets a second
as the broker sends them (whole-second times; last price and size; best bid and ask; the day's
volume; a quarter of the packets with a new last trade but the totals of the packet before), put
through the real inference, and compared with what was traded. "Recorded" is a real market.
"Synthetic" is the simulator: it shows that a rule works as meant, not how markets are. First trials
of crude rules saw the whole recording; then the tapes were parted, and everything that the rules
hold was chosen on the *development* tapes alone. What counts are the *held-out* ones.

**The rules.** All take the size of a packet from the day's counter, so volume is exact.

* *naive*: the whole volume at the packet's last price, its side by the book of the packet before.
* *as seen*: also a last trade whose totals come a packet later keeps its own size, price and side.
* *two ends*: the rest half at the quote that stood before, half at the last price.
* *one side*: the rest at four places on the way from that quote to the last price.
* *spread*: as *one side*, with a sixteenth of the rest on the other side.

`dashboard/domain/aggressor.py` and `spread.py` are the rules, word for word.

**The columns.** "Overlap over x": sum over x of the lesser of inferred and true volume ÷ volume.

| column | what it is |
|---|---|
| side | overlap over (packet, side): volume on its true side |
| tick | overlap over (packet, price): volume at its true price |
| level | overlap over (packet, level of the view) |
| cell 1t | overlap over (bar, price, side): what a chart of one-tick levels shows |
| cell | overlap over (bar, level of the view, side): what the chart shows |
| Δ sign | bars whose delta has its true sign |
| Δ error | sum over bars of the difference of inferred and true delta ÷ volume |
| POC | bars whose POC is the true one |
| POC vol. | true volume at the level shown as POC ÷ that at the true POC, mean over bars |
| kept | true imbalance marks that are shown (3 : 1, the default minimum volume) |
| invented | imbalance marks shown that are not true |
| rows | inferred trades per packet with volume |
"""
_COLUMNS = {
    "side": "side",
    "tick": "tick",
    "level": "level",
    "cell_tick": "cell 1t",
    "cell": "cell",
    "sign": "Δ sign",
    "error": "Δ error",
    "poc": "POC",
    "poc_volume": "POC vol.",
    "kept": "kept",
    "invented": "invented",
}
_LESS_IS_BETTER = {"error", "invented"}


def _verdict(groups: Sequence[Group], tables: Mapping[str, Table]) -> str:
    """Return which rule is the default, whether held-out tapes bear it out, where it is worse."""
    cases = [(g.title, rate) for g in groups for rate in RATES]
    lost = [f"{title} at {rate:g}/s" for title, rate in cases if not is_better(tables[title], rate)]
    said = "on every held-out tape at every rate" if not lost else "except on " + ", ".join(lost)
    worse = [
        f"* {g.title}: {', '.join(names)}"
        for g in groups
        if (names := [n for column, n in _COLUMNS.items() if _is_worse(tables[g.title], column)])
    ]
    return f"""
## Verdict

The *spread* is the default if it puts more volume on the right tick and level than the naive rule
and no less on the right side. It does so {said} ({len(cases) - len(lost)} of {len(cases)} cases).

Where it is worse than the naive rule (columns on a held-out tape, one-minute bars, mean of the
rates):

{_lines(worse or ["* nowhere"])}

{_lines(_shortness(g) for g in groups if g.tapes[0].kind == "recorded")}
"""


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)


def _shortness(group: Group) -> str:
    """Return how little the columns over bars rest on."""
    bars = [aggregate(t.trades, MINUTE, t.calendar, t.level)[0] for t in group.tapes]
    levels = [
        np.sort(b.level_volume[first:last])
        for b in bars
        for first, last in zip(b.offsets[:-1], b.offsets[1:], strict=True)
    ]
    close = sum(len(volume) > 1 and volume[-2] > 0.98 * volume[-1] for volume in levels)
    trades = sum(len(tape.trades) for tape in group.tapes)
    return f"""
The tape of {group.title} is short. Columns over volume rest on
{trades:,} trades, columns over bars on {len(levels)} bars, of which the first and the last are cut;
in {close} of them the POC's volume is less than 2 % above the next level's.
"""


def _is_worse(table: Table, column: str) -> bool:
    """Whether the spread is worse than the naive rule in a column, mean of all rates."""
    naive, spread = (
        float(np.mean([getattr(table[rule, rate], column) for rate in RATES]))
        for rule in ("naive", "spread")
    )
    return spread > naive if column in _LESS_IS_BETTER else spread < naive


def _section(group: Group, table: Table) -> str:
    """Return all columns of a group."""
    head = ["packets/s", "rule", *_COLUMNS.values(), "rows"]
    rows = [
        [
            f"{rate:g}",
            name,
            *(f"{100 * getattr(table[name, rate], column):.1f}" for column in _COLUMNS),
            f"{table[name, rate].rows:.1f}",
        ]
        for rate in RATES
        for name in RULES
    ]
    return f"### {group.title}\n\n{_facts(group)} Percent.\n\n{_markdown(head, rows)}"


def _short_section(group: Group, table: Table) -> str:
    """Return what bars of another length change."""
    names = ("cell", "sign", "error", "poc", "poc_volume", "kept", "invented")
    head = ["packets/s", "rule", *(_COLUMNS[name] for name in names)]
    rows = [
        [
            f"{rate:g}",
            rule,
            *(f"{100 * getattr(table[rule, rate], name):.1f}" for name in names),
        ]
        for rate in RATES
        for rule in ("naive", "spread")
    ]
    return f"### {group.title}\n\n{_markdown(head, rows)}"


def _facts(group: Group) -> str:
    """Return what a group is made of, in a sentence."""
    trades = sum(len(tape.trades) for tape in group.tapes)
    minutes = sum(tape.end_ns - tape.begin_ns for tape in group.tapes) / 60 / SECOND_NS
    level = group.tapes[0].level // group.tapes[0].tick
    looks = f", seen {group.phases} times at other moments" if group.phases > 1 else ""
    return f"{trades:,} trades in {minutes:,.0f} minutes{looks}; the view's level is {level} ticks."


def _sensitivity(newest: Sequence[Group], old_book: Sequence[Group]) -> str:
    """Return how far the result hangs on what the feed is taken to be."""
    rows = []
    cases = [(f"{share:.0%} of packets with old totals", newest, share) for share in (0, 0.25, 0.5)]
    cases.append(("25%, book of before the last trade", old_book, STALE_SHARE))
    rules = {name: RULES[name] for name in ("naive", "spread")}
    for name, groups, share in cases:
        for rate in (1.0, 4.0):
            tables = [compare(g, rates=(rate,), rules=rules, stale_share=share) for g in groups]
            pair = [_mean([table[rule, rate] for table in tables]) for rule in rules]
            both = [
                " → ".join(f"{100 * getattr(one, column):.1f}" for one in pair)
                for column in ("side", "tick", "level", "cell", "error")
            ]
            rows.append([name, f"{rate:g}", *both])
    head = ["feed", "packets/s", "side", "tick", "level", "cell", "Δ error"]
    return f"""
## What it hangs on

The whole recording, naive → spread, percent. How often real packets carry old totals is known from
few samples only. And the recording has the book before each trade, not at each instant: the tables
above take the one before the next trade, the last lines here the one before the last.

{_markdown(head, rows)}
"""


def _more_evidence(groups: Sequence[Group]) -> str:
    """Return what else a packet tells, and why no rule uses it."""
    bounds = [[group.title, *average_price_bounds(group)] for group in groups]
    extremes = [[group.title, f"{extreme_share(group):.1%}"] for group in groups]
    head = ["half-width in ticks, median", *(name for name, _, _ in _AGES)]
    return f"""
## What else a packet tells, and why it is not used

**Average price.** The day's average price times the day's volume, before and after, gives the mean
price of the volume between, exact but for the rounding of both averages to the feed's unit. That
rounding is multiplied by the day's volume, so it says less with every packet. At one packet a
second the mean is known within ± so many ticks:

{_markdown(head, bounds)}

It would help for the first seconds of a day and is noise for the rest of it.

**Day's high and low.** Where they move beyond every last price seen they name a price that was
traded. At one packet a second so many of the packets with volume do that:

{_markdown(["tape", "packets"], extremes)}

**Sizes in the book.** What vanished from the best levels may have been traded or cancelled. No tape
at hand carries sizes of the book beside true trades (the simulator's are drawn at random), so a
rule that reads them could only be fitted to itself.
"""


_AGES = (
    ("first 5 s", 0, 5),
    ("5–60 s", 5, 60),
    ("1–10 min", 60, 600),
    ("10–60 min", 600, 3600),
    ("later", 3600, 10**6),
)


def average_price_bounds(group: Group) -> list[str]:
    """Return how closely average prices give the mean price of a packet's volume, by time of day.

    An average is rounded down to a unit, so the mean of the volume between v0 and v1 is known
    within ± (v0 + v1) / 2 / (v1 - v0) units.
    """
    ages: list[list[float]] = [[] for _ in _AGES]
    for tape, packets in group.packets(1.0):
        volume = packets.quotes.day_volume
        age = (packets.quotes.receive_ns - tape.begin_ns) / SECOND_NS
        grown = np.flatnonzero(np.diff(volume) > 0) + 1
        width = (volume[grown] + volume[grown - 1]) / 2 / (volume[grown] - volume[grown - 1])
        for widths, (_, low, high) in zip(ages, _AGES, strict=True):
            inside = (age[grown] >= low) & (age[grown] < high)
            widths.extend((width[inside] / tape.tick).tolist())
    return [f"± {np.median(found):,.1f}" if found else "–" for found in ages]


def extreme_share(group: Group) -> float:
    """Return the share of packets with volume whose day's high or low no last price showed."""
    beyond = told = 0
    for tape, packets in group.packets(1.0):
        price = tape.trades.price
        seen = np.searchsorted(tape.trades.event_ns, packets.quotes.receive_ns, side="right")
        told += int((np.diff(packets.quotes.day_volume) > 0).sum())
        last = packets.quotes.last_price[1:]
        for sign in (1, -1):
            best = np.maximum.accumulate(np.concatenate([sign * price[:1], sign * price]))[seen]
            beyond += int((best[1:] > np.maximum(best[:-1], sign * last)).sum())
    return beyond / told


def _expected(tables: Mapping[str, Table]) -> str:
    """Return the error that the screen shows, with the tape that it is of."""
    rows = []
    for rate in RATES:
        worst = max(tables, key=lambda title: tables[title]["spread", rate].error)
        error = tables[worst]["spread", rate].error
        rows.append([f"{rate:g}", f"{error:.1%}", worst])
    head = ["packets/s", "Δ error", "tape"]
    return f"""
## What the screen shows beside “estimated”

The worst of the held-out tapes at each rate, one-minute bars: a bar's delta is expected to be wrong
by so much of the bar's volume. `dashboard/domain/truth.py` holds these numbers, rounded up to whole
percent. A single bar may be wrong by more, and no tape here is of an Indian market.

{_markdown(head, rows)}
"""


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> int:
    """Write the report, or print it where the recording is missing."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    recorded, old = [], []
    if RECORDING.exists():
        recorded, old = recorded_tapes(), recorded_tapes(old_book=True)
    text = report(groups_of([*recorded, *synthetic_tapes()]), groups_of(old))
    if recorded:
        REPORT.write_text(text, encoding="utf-8")
        print(f"Wrote {REPORT.relative_to(ROOT)}.")
        return 0
    print(text)
    print("../shared holds no recorded tape: docs/TRUTH.md stays as it is.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
