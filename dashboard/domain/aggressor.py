"""Who crossed the spread: trades inferred from a snapshot feed's packets, and by which rule.

A snapshot feed sends no trades. What it sends is the day's cumulative volume, the last trade and
the book, about once a second. Trades are inferred from it: the last trade at its own size, the rest
of the volume's increase spread over the way to it (`spread`), so a packet may tell several. Prices
and sides are estimates; only the sum of the sizes is certain. docs/TRUTH.md measures how good they
are. `infer` takes one packet, `infer_many` a batch: both give the same trades. `classify` gives
sides to a tape of true trades that came without. Called by the ingest pipeline, the importers and
the simulator's first sessions.

The side of a last trade is decided in this order (formulas.md 1):

========== =======================================================================================
QUOTE      price at or beyond the book that stood before the trade
QUOTE_NOW  that book does not say (price inside, empty, locked or crossed), the packet's own does
TICK       up from the last price is a buyer, down a seller
TICK0      same price: the side of the trade before
UNKNOWN    none of these: no reference yet, or an auction before the open, which has no aggressor
========== =======================================================================================

Trades put elsewhere than on a last price have rule SPREAD: they take its side, but for the share
that is put against it. A packet whose volume is its last trade alone is that one trade.

The broker sends two kinds of packet: some have a new last trade with the totals of the packet
before. They tell no volume yet, but what they show is remembered as a `Glimpse` (the newest few)
and gets its part once the counter moves.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.calendar import SECOND_NS, Calendar
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.spread import SPREAD, Glimpse, Glimpses, Places, Shares, share_volume
from dashboard.domain.trade import NO_PRICE, AggressorSide, SideRule, Trades
from dashboard.errors import CorruptStoreError

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]
BOOL = NDArray[np.bool_]

GAP_NS = 5 * SECOND_NS
"""Silence after which a difference of the counter is no longer one conflated update."""
NO_VOLUME = -1
"""Marks that no packet was accepted yet."""
NOT_SEEN = -1
"""Marks that the last trade's size is not known to compare with: no packet, or an old state."""
MAX_WAITING = 4
"""Glimpses kept while the counter stands: what never has volume (an index) has no end of them."""
_ENCODING = 2
_UNKNOWN, _TICK, _TICK0 = int(SideRule.UNKNOWN), int(SideRule.TICK), int(SideRule.TICK0)
_QUOTE, _QUOTE_NOW = int(SideRule.QUOTE), int(SideRule.QUOTE_NOW)


@dataclass(frozen=True, slots=True)
class InferenceState:
    """What inference remembers of one instrument: the last accepted packet and the last side.

    Attributes:
        symbol: The instrument.
        calendar: Its trading calendar; a new session restarts the day's counter.
        gap_ns: Longest silence, by receive time, that counts as one update.
        places: How volume is spread; None for the plain rule, which puts a packet's whole volume
            on its last price (docs/TRUTH.md compares the two).
        session_ns: Session of the last accepted packet.
        event_ns, receive_ns: Its times; `receive_ns` also moves with `note_alive`.
        day_volume: Its counter, `NO_VOLUME` before the first packet.
        price: Its last price; `NO_PRICE` while nothing traded in the session.
        bid, ask: Its best book, `NO_PRICE` where a side was empty.
        direction: Side of the last trade whose side is known; 0 after a gap or a new session.
        gap_cause: Why the next difference is a gap whatever the time; "" when it is none.
        last_size, last_trade_ns: Of its last trade; `NOT_SEEN` where there is none to compare with.
        size_unit, price_unit: Greatest common divisor of the session's sizes and prices so far:
            whole lots and ticks, without being told either; 0 before the first.
        waiting: Glimpses whose volume no counter has told yet, the newest `MAX_WAITING`.
    """

    symbol: str
    calendar: Calendar
    gap_ns: int = GAP_NS
    places: Places | None = SPREAD
    session_ns: int = 0
    event_ns: int = 0
    receive_ns: int = 0
    day_volume: int = NO_VOLUME
    price: int = NO_PRICE
    bid: int = NO_PRICE
    ask: int = NO_PRICE
    direction: int = 0
    gap_cause: str = ""
    last_size: int = NOT_SEEN
    last_trade_ns: int = 0
    size_unit: int = 0
    price_unit: int = 0
    waiting: tuple[Glimpse, ...] = ()


_SETTINGS = frozenset({"calendar", "gap_ns", "places"})
_SAVED = tuple(f.name for f in fields(InferenceState) if f.name not in _SETTINGS)
_SINCE_2 = frozenset({"last_size", "last_trade_ns", "size_unit", "price_unit", "waiting"})


def mark_gap(state: InferenceState, cause: str) -> InferenceState:
    """Return the state after a lost connection: the next difference is a gap, not a trade."""
    return replace(state, gap_cause=cause)


def note_alive(state: InferenceState, receive_ns: int) -> InferenceState:
    """Return the state after a heartbeat: silence up to here was a quiet market, not a loss."""
    return replace(state, receive_ns=max(state.receive_ns, receive_ns))


def infer(state: InferenceState, quote: Quote) -> tuple[InferenceState, Trades | Gap | None]:
    """Return the state after a packet, and what it says: a trade, a gap, or nothing.

    The first packet of a session is a baseline: what the counter holds by then was traded unseen.
    A smaller counter in the same session, or a packet of an earlier session, is stale and changes
    nothing. A counter that grew over a silence longer than `gap_ns`, or over a lost connection,
    is a gap with that volume. Two habits of the broker are allowed for: a packet whose last trade
    is of an earlier session still shows that day's counter, so today's is 0; and a counter that
    falls between packets of rising time while the last one is from before the open was restarted.

    Args:
        state: From the packet before, `InferenceState(symbol, calendar)` for the first.
        quote: A packet of the same instrument, in arrival order.

    Returns:
        The new state (the same object for a stale packet), and the trades that the packet tells,
        their sizes summing to the counter's increase, or a gap, or None.

    Source: formulas.md 1 (V11, V12); frames recorded from the broker's feed.
    """
    return _step(state, _Packet(*(getattr(quote, name) for name in _Packet._fields)))


def infer_many(
    state: InferenceState, quotes: QuoteArrays
) -> tuple[InferenceState, Trades, list[Gap]]:
    """Return what `infer` returns packet by packet, for a batch: the state, trades and gaps.

    Args:
        state: As for `infer`.
        quotes: Shape (T,), arrival order; may be empty.

    Returns:
        The state after the last packet, the trades and the gaps in arrival order: exactly those
        of `infer`, wherever a list of packets is split into batches.
    """
    trades: list[Trades] = []
    gaps: list[Gap] = []
    sessions = state.calendar.session_open(quotes.event_ns)
    # Where a session begins, and before its open, the counter may restart: packet by packet there.
    alone = quotes.event_ns < sessions
    alone[:1] = True
    alone[1:] |= sessions[1:] != sessions[:-1]
    stops = np.append(np.flatnonzero(alone), len(quotes))
    row = 0
    while row < len(quotes):
        if alone[row] or state.event_ns < state.session_ns:
            state, result = _step(state, _packet(quotes, row))
            if isinstance(result, Gap):
                gaps.append(result)
            elif result is not None:
                trades.append(result)
            row += 1
            continue
        end = int(stops[np.searchsorted(stops, row)])
        if sessions[row] == state.session_ns:
            state, batch, found = _infer_batch(state, quotes.take(slice(row, end)))
            trades.append(batch)
            gaps += found
        row = end
    return state, Trades.concat(trades), gaps


def classify(trades: Trades) -> Trades:
    """Return a tape in which trades of unknown side have got one, by quote rule then tick rule.

    A row's `bid` and `ask` are the book before it. Rows whose side is known keep side and rule, and
    serve the tick rule of those after them as any other. Rows that nothing decides stay UNKNOWN.
    A tape with a true side needs none of this: an auction's blank side is blank for a reason.

    Args:
        trades: Shape (T,), arrival order, the whole tape at once.

    Returns:
        The same trades, columns `side` and `rule` filled.
    """
    if not len(trades):
        return trades
    known = trades.side != AggressorSide.UNKNOWN
    side, rule = _decide(trades.price, trades.bid, trades.ask, _after(NO_PRICE, trades.price))
    side, rule = np.where(known, trades.side, side), np.where(known, trades.rule, rule)
    never = np.zeros(len(trades), dtype=np.bool_)
    side, _ = _fill_zero_ticks(side, ~known & (rule == _TICK0), never, 0)
    return trades.replace(side=side, rule=np.where(side == 0, _UNKNOWN, rule))


def encode_state(state: InferenceState) -> bytes:
    """Return the state as bytes; calendar and gap length are settings and not among them."""
    saved: dict[str, Any] = {name: getattr(state, name) for name in _SAVED}
    return json.dumps({"encoding": _ENCODING} | saved).encode()


def decode_state(data: bytes, calendar: Calendar, gap_ns: int = GAP_NS) -> InferenceState:
    """Return the state from bytes, also from those of a release that knew no glimpses.

    Raises:
        CorruptStoreError: The bytes are not a state that this release reads.
    """
    saved = _read_saved(data)
    if saved is None:
        raise CorruptStoreError(
            "The stored state of a feed cannot be read; its next packet starts anew.",
            log_text=f"inference state {data[:80]!r} does not decode",
        )
    return InferenceState(calendar=calendar, gap_ns=gap_ns, **saved)


def _read_saved(data: bytes) -> dict[str, Any] | None:
    """Return the state's fields, None where the bytes are no state."""
    try:
        saved = dict(json.loads(data))
        encoding = saved.pop("encoding")
        if encoding == 1 and saved.keys() == set(_SAVED) - _SINCE_2:
            saved["size_unit"] = max(saved["day_volume"], 0)
            saved["price_unit"] = _gcd(saved["price"], saved["bid"], saved["ask"])
        elif encoding == _ENCODING and saved.keys() == set(_SAVED):
            saved["waiting"] = tuple(Glimpse(*row) for row in saved["waiting"])
        else:
            return None
    except (ValueError, TypeError, KeyError):
        return None
    return saved


# ------------------------------------------------------------------------------ one packet


class _Packet(NamedTuple):
    """The fields of a `Quote` that inference reads."""

    event_ns: int
    receive_ns: int
    last_price: int
    last_size: int
    day_volume: int
    bid: int
    ask: int
    last_trade_ns: int
    source_seq: int


def _packet(quotes: QuoteArrays, row: int) -> _Packet:
    return _Packet(*(int(getattr(quotes, name)[row]) for name in _Packet._fields))


def _step(state: InferenceState, packet: _Packet) -> tuple[InferenceState, Trades | Gap | None]:
    """Do what `infer` says."""
    session_ns = state.calendar.session_at(packet.event_ns).open_ns
    started = state.day_volume != NO_VOLUME
    if started and session_ns < state.session_ns:
        return state, None
    volume = 0 if _is_unopened(state.calendar, packet, session_ns) else packet.day_volume
    fresh = not started or session_ns > state.session_ns
    if not fresh and volume < state.day_volume:
        if not _is_restart(state, packet.event_ns):
            return state, None
        fresh = True
    if fresh:
        return _begin(state, packet, session_ns, volume), None
    size = volume - state.day_volume
    broken = _gap_cause(state.gap_cause, packet.receive_ns - state.receive_ns, state.gap_ns)
    told = size > 0 and not broken
    after = replace(
        _shown(state, packet, volume, size),
        direction=0 if size and broken else state.direction,
        waiting=() if broken else state.waiting,
    )
    # Volume without a trade not seen before was traded where a waiting glimpse saw it.
    is_new = _is_new(state, packet)
    may_wait = state.places is not None and packet.event_ns >= session_ns and not broken
    if (told and not after.waiting) or (is_new and (told or may_wait)):
        glimpse = _look(state, packet, session_ns, after.price_unit)
        waiting = (*after.waiting, glimpse)[-MAX_WAITING - told :]
        after = replace(after, waiting=waiting, direction=glimpse.side or after.direction)
    if told:
        return replace(after, waiting=()), _tell(after, packet, size)
    if size:
        start_ns = min(state.event_ns, packet.event_ns)
        gap = Gap(state.symbol, start_ns, packet.event_ns, size, packet.last_price, broken)
        return after, gap
    return after, None


def _begin(state: InferenceState, packet: _Packet, session_ns: int, volume: int) -> InferenceState:
    """Return the state after the first packet of a session."""
    new = InferenceState(
        state.symbol, state.calendar, state.gap_ns, state.places, session_ns=session_ns
    )
    return _shown(new, packet, volume, volume)


def _shown(state: InferenceState, packet: _Packet, volume: int, size: int) -> InferenceState:
    """Return the state with the packet as the last accepted one; `size` is new of its `volume`."""
    # While nothing traded in this session, last price and size are of an earlier one.
    traded = volume > 0
    price = packet.last_price if traded else NO_PRICE
    return replace(
        state,
        event_ns=packet.event_ns,
        receive_ns=packet.receive_ns,
        day_volume=volume,
        price=price,
        bid=packet.bid,
        ask=packet.ask,
        gap_cause="",
        last_size=packet.last_size if traded else NOT_SEEN,
        last_trade_ns=packet.last_trade_ns,
        size_unit=math.gcd(state.size_unit, size, packet.last_size * traded),
        price_unit=math.gcd(state.price_unit, _gcd(price, packet.bid, packet.ask)),
    )


def _gcd(*prices: int) -> int:
    """Return the greatest common divisor of the prices that are there."""
    return math.gcd(*(price for price in prices if price != NO_PRICE))


def _is_new(state: InferenceState, packet: _Packet) -> bool:
    """Whether the packet's last trade is another than that of the packet before."""
    now = (packet.last_price, packet.last_size, packet.last_trade_ns)
    last = (state.price, state.last_size, state.last_trade_ns)
    return state.last_size != NOT_SEEN and now != last


def _look(state: InferenceState, packet: _Packet, session_ns: int, price_unit: int) -> Glimpse:
    """Return the packet's last trade with its side and the way to it."""
    side, rule = _side_of(state, packet, session_ns)
    price, bid, ask = packet.last_price, state.bid, state.ask
    seen = Glimpse(price, packet.last_size, side, rule, bid, ask, price, NO_PRICE)
    before, now_bid, now_ask, unit = (
        np.array([x]) for x in (state.price, packet.bid, packet.ask, price_unit)
    )
    columns = Glimpses(*(np.array([value]) for value in seen))
    found = _with_ways(columns, before, now_bid, now_ask, unit)
    return Glimpse(*(int(column[0]) for column in found))


def _tell(state: InferenceState, packet: _Packet, size: int) -> Trades:
    """Return the trades of a packet whose counter grew by `size`, the state's waiting ones."""
    waiting = state.waiting
    shares = share_volume(
        Glimpses(*np.array(waiting, dtype=np.int64).T),
        np.zeros(len(waiting), dtype=np.int64),
        np.array([size]),
        np.array([state.size_unit]),
        np.array([state.price_unit]),
        state.places,
    )
    ones = np.ones_like(shares.size)
    return _trades(
        shares, packet.event_ns * ones, packet.receive_ns * ones, packet.source_seq * ones
    )


def _trades(shares: Shares, event_ns: I64, receive_ns: I64, source_seq: I64) -> Trades:
    """Return the shares as trades, at their packets' times and numbers, shape (T,)."""
    return Trades.build(
        event_ns=event_ns,
        receive_ns=receive_ns,
        price=shares.price,
        size=shares.size,
        side=shares.side,
        rule=shares.rule,
        bid=shares.bid,
        ask=shares.ask,
        source_seq=source_seq,
    )


def _is_unopened(calendar: Calendar, packet: _Packet, session_ns: int) -> bool:
    """Whether the packet's last trade is of an earlier session: nothing traded in this one."""
    if not 0 < packet.last_trade_ns < session_ns:
        return False
    return calendar.session_at(packet.last_trade_ns).open_ns < session_ns


def _is_restart(state: InferenceState, event_ns: int) -> bool:
    """Whether a smaller counter is a new one: yesterday's was still shown before the open."""
    return state.event_ns < state.session_ns and event_ns >= state.event_ns


def _gap_cause(marked: str, silence_ns: int, gap_ns: int) -> str:
    """Return why a difference of the counter is a gap, "" when it is one update."""
    if marked or silence_ns <= gap_ns:
        return marked
    return f"no data for {silence_ns // SECOND_NS} s"


def _side_of(state: InferenceState, packet: _Packet, session_ns: int) -> tuple[int, int]:
    """Return side and rule of the packet's trade."""
    if packet.event_ns < session_ns:
        return 0, _UNKNOWN
    price = packet.last_price
    for bid, ask, rule in ((state.bid, state.ask, _QUOTE), (packet.bid, packet.ask, _QUOTE_NOW)):
        if side := _side_by_book(price, bid, ask):
            return side, rule
    if state.price == NO_PRICE:
        return 0, _UNKNOWN
    if price != state.price:
        return (1 if price > state.price else -1), _TICK
    return state.direction, (_TICK0 if state.direction else _UNKNOWN)


def _side_by_book(price: int, bid: int, ask: int) -> int:
    """Return 1 at or above the ask, -1 at or below the bid, 0 where the book does not say."""
    if NO_PRICE not in {bid, ask} and bid > ask:
        return 0
    # Locked: a price on both sides says nothing, one beyond them says all.
    return int(ask != NO_PRICE and price >= ask) - int(bid != NO_PRICE and price <= bid)


# ------------------------------------------------------------------------------ many packets


def _infer_batch(
    state: InferenceState, quotes: QuoteArrays
) -> tuple[InferenceState, Trades, list[Gap]]:
    """Do what `_step` does, for packets of the state's session at or after its open."""
    volume = np.where(_unopened(state, quotes), 0, quotes.day_volume)
    # Stale packets are below the largest counter so far, so they leave that maximum alone.
    accepted = volume >= np.maximum.accumulate(_after(state.day_volume, volume))
    quotes, volume = quotes.take(accepted), volume[accepted]
    if not len(quotes):
        return state, Trades.empty(), []
    seen = _read_batch(state, quotes, volume)
    glimpses, direction = _look_batch(state, quotes, seen)
    waiting = Glimpses(*np.array(state.waiting, dtype=np.int64).reshape(-1, 8).T)
    glimpses = Glimpses(*(np.concatenate(pair) for pair in zip(waiting, glimpses, strict=True)))
    packet, left = _windows(len(state.waiting), seen)
    rows = np.flatnonzero(seen.told)
    used = packet >= 0
    shares = share_volume(
        Glimpses(*(column[used] for column in glimpses)),
        packet[used],
        seen.size[rows],
        seen.size_unit[rows],
        seen.price_unit[rows],
        state.places,
    )
    told = rows[shares.packet]
    trades = _trades(
        shares, quotes.event_ns[told], quotes.receive_ns[told], quotes.source_seq[told]
    )
    after = replace(
        state,
        event_ns=int(quotes.event_ns[-1]),
        receive_ns=int(quotes.receive_ns[-1]),
        day_volume=int(volume[-1]),
        price=int(seen.price[-1]),
        bid=int(quotes.bid[-1]),
        ask=int(quotes.ask[-1]),
        direction=direction,
        gap_cause="",
        last_size=int(seen.last_size[-1]),
        last_trade_ns=int(quotes.last_trade_ns[-1]),
        size_unit=int(seen.size_unit[-1]),
        price_unit=int(seen.price_unit[-1]),
        waiting=tuple(Glimpse(*row) for row in np.column_stack(glimpses)[left].tolist()),
    )
    return after, trades, _gaps(state, quotes, seen)


class _Seen(NamedTuple):
    """What P accepted packets show against the packet before each, shape (P,).

    Attributes:
        price: Last price of this session, `NO_PRICE` while nothing traded.
        last_size: Of the last trade, `NOT_SEEN` while nothing traded.
        size: What the counter grew by.
        broken: A silence or a lost connection lies before the packet.
        told: The packet tells a volume.
        looks: Its last trade becomes a glimpse.
        waits: Such a one that no counter tells yet.
        size_unit, price_unit: As of the state after the packet.
    """

    price: I64
    last_size: I64
    size: I64
    broken: BOOL
    told: BOOL
    looks: BOOL
    waits: BOOL
    size_unit: I64
    price_unit: I64


def _read_batch(state: InferenceState, quotes: QuoteArrays, volume: I64) -> _Seen:
    """Return what the packets show; `volume` is their counter, 0 where it is of another day."""
    traded = volume > 0
    price = np.where(traded, quotes.last_price, NO_PRICE)
    last_size = np.where(traded, quotes.last_size, NOT_SEEN)
    size = volume - _after(state.day_volume, volume)
    broken = quotes.receive_ns - _after(state.receive_ns, quotes.receive_ns) > state.gap_ns
    broken[0] |= bool(state.gap_cause)
    told = (size > 0) & ~broken
    size_before = _after(state.last_size, last_size)
    is_new = quotes.last_price != _after(state.price, price)
    is_new |= quotes.last_size != size_before
    is_new |= quotes.last_trade_ns != _after(state.last_trade_ns, quotes.last_trade_ns)
    is_new &= size_before != NOT_SEEN
    waits = is_new & ~broken & ~told
    if state.places is None:
        waits[:] = False
    # Waiting glimpses before each packet: all so far, less those that a told or lost volume took.
    upto = np.cumsum(waits) + len(state.waiting)
    taken = np.maximum.accumulate(np.where(told | broken, upto, 0))
    waiting = _after(len(state.waiting), upto) - _after(0, taken)
    return _Seen(
        price=price,
        last_size=last_size,
        size=size,
        broken=broken,
        told=told,
        looks=waits | (told & (is_new | (waiting == 0))),
        waits=waits,
        size_unit=_running_gcd(state.size_unit, size, np.where(traded, quotes.last_size, 0)),
        price_unit=_running_gcd(state.price_unit, price, quotes.bid, quotes.ask),
    )


def _running_gcd(first: int, *columns: I64) -> I64:
    """Return the greatest common divisor of all up to each row, absent prices left out."""
    rows = np.gcd.reduce([np.where(column == NO_PRICE, 0, column) for column in columns])
    divisors: I64 = np.gcd.accumulate(np.concatenate((np.array([first], dtype=np.int64), rows)))
    return divisors[1:]


def _look_batch(state: InferenceState, quotes: QuoteArrays, seen: _Seen) -> tuple[Glimpses, int]:
    """Return the glimpses that packets show, and the last side known after all of them."""
    bid, ask = _after(state.bid, quotes.bid), _after(state.ask, quotes.ask)
    before = _after(state.price, seen.price)
    side, rule = _decide(quotes.last_price, bid, ask, before, quotes.bid, quotes.ask)
    side[~seen.looks] = 0
    zero_tick = seen.looks & (rule == _TICK0)
    reset = seen.broken & (seen.size > 0)
    side, direction = _fill_zero_ticks(side, zero_tick, reset, state.direction)
    rule = np.where(side == 0, _UNKNOWN, rule)
    rows = np.flatnonzero(seen.looks)
    price, size, none = quotes.last_price, quotes.last_size, np.full_like(bid, NO_PRICE)
    columns = (price, size, side, rule, bid, ask, price, none)
    glimpses = Glimpses(*(column[rows].astype(np.int64) for column in columns))
    now = (quotes.bid[rows], quotes.ask[rows], seen.price_unit[rows])
    return _with_ways(glimpses, before[rows], *now), direction


def _with_ways(glimpses: Glimpses, before: I64, now_bid: I64, now_ask: I64, unit: I64) -> Glimpses:
    """Return the last trades with the way to each filled in.

    A buyer's way begins at the ask that stood, and meanwhile sellers hit bids: those before and
    now. Where the book was locked, crossed or empty, the way begins at the last price before.

    Args:
        glimpses: Shape (G,); `start` and `against` are not read.
        before: The last price before each, `NO_PRICE` where there is none.
        now_bid: Best bid of the packet itself.
        now_ask: Its best ask.
        unit: What prices are multiples of; 0 where all were 0 so far.
    """
    price, side, bid, ask = glimpses.price, glimpses.side, glimpses.bid, glimpses.ask
    up = side > 0
    own, other = np.where(up, ask, bid), np.where(up, bid, ask)
    now = np.where(up, now_bid, now_ask)
    shut = (bid != NO_PRICE) & (ask != NO_PRICE) & (bid >= ask)
    start = np.where(before == NO_PRICE, price, before)
    start = np.where(shut | (own == NO_PRICE), start, own)
    none = shut | (other == NO_PRICE) | (now == NO_PRICE) | (side == 0)
    half = (np.where(none, 0, now) - np.where(none, 0, other)) // np.maximum(2 * unit, 1)
    return glimpses._replace(
        start=np.where(side == 0, price, start),
        against=np.where(none, NO_PRICE, other + half * unit),
    )


def _windows(waiting: int, seen: _Seen) -> tuple[I64, BOOL]:
    """Return which packet that tells a volume takes each glimpse, and which still wait after all.

    Shape (waiting + glimpses,): those of the state first. -1 for those that no such packet takes:
    they wait on, a break lay between, or there were too many newer ones.
    """
    ends = np.flatnonzero(seen.told | seen.broken)
    upto = np.cumsum(seen.waits) + waiting
    rows = np.flatnonzero(seen.looks)
    end = np.concatenate([np.zeros(waiting, dtype=np.int64), np.searchsorted(ends, rows)])
    number = np.concatenate([np.arange(1, waiting + 1), upto[rows]])
    newer = np.append(upto[ends], upto[-1])[end] - number
    is_told = np.append(seen.told[ends], [False])
    order = np.cumsum(is_told) - 1
    kept = newer < MAX_WAITING
    packet = np.where(is_told[end] & kept, order[end], -1)
    return packet, (end == len(ends)) & kept


def _gaps(state: InferenceState, quotes: QuoteArrays, seen: _Seen) -> list[Gap]:
    """Return the volumes that the counter grew by over a break."""
    started = _after(state.event_ns, quotes.event_ns)
    silence = quotes.receive_ns - _after(state.receive_ns, quotes.receive_ns)
    return [
        Gap(
            state.symbol,
            start_ns=int(min(started[row], quotes.event_ns[row])),
            end_ns=int(quotes.event_ns[row]),
            volume=int(seen.size[row]),
            price=int(quotes.last_price[row]),
            cause=_gap_cause(state.gap_cause if row == 0 else "", int(silence[row]), state.gap_ns),
        )
        for row in np.flatnonzero(seen.broken & (seen.size > 0))
    ]


def _after(first: int, column: I64) -> I64:
    """Return the column of the row before: `first`, then all but the last."""
    return np.concatenate((np.array([first], dtype=np.int64), column[:-1]))


def _unopened(state: InferenceState, quotes: QuoteArrays) -> BOOL:
    """Do what `_is_unopened` says, per row."""
    early = (quotes.last_trade_ns > 0) & (quotes.last_trade_ns < state.session_ns)
    sessions = state.calendar.session_open(quotes.last_trade_ns[early])
    early[early] = sessions < state.session_ns
    return early


def _decide(
    price: I64,
    bid: I64,
    ask: I64,
    before: I64,
    now_bid: I64 | None = None,
    now_ask: I64 | None = None,
) -> tuple[I8, I8]:
    """Return side and rule of each trade by books and last prices; TICK0 rows have side 0 yet."""
    rising = np.sign(np.where(before == NO_PRICE, 0, price - before))
    side, rule = rising, np.where(rising == 0, _TICK0, _TICK)
    rule = np.where(before == NO_PRICE, _UNKNOWN, rule)
    if now_bid is not None and now_ask is not None:
        by_now = _sides_by_book(price, now_bid, now_ask)
        side, rule = np.where(by_now, by_now, side), np.where(by_now, _QUOTE_NOW, rule)
    by_book = _sides_by_book(price, bid, ask)
    side, rule = np.where(by_book, by_book, side), np.where(by_book, _QUOTE, rule)
    return side.astype(np.int8), rule.astype(np.int8)


def _sides_by_book(price: I64, bid: I64, ask: I64) -> I64:
    """Do what `_side_by_book` says, per row."""
    has_bid, has_ask = bid != NO_PRICE, ask != NO_PRICE
    crossed = has_bid & has_ask & (bid > ask)
    bought = (has_ask & (price >= ask)).astype(np.int64)
    sides: I64 = np.where(crossed, 0, bought - (has_bid & (price <= bid)))
    return sides


def _fill_zero_ticks(side: I8, zero_tick: BOOL, reset: BOOL, direction: int) -> tuple[I8, int]:
    """Return the sides with each zero tick given the last side before it, and the last of all.

    `reset` rows forget the sides before them; `direction` is the side before the first row.
    """
    rows = np.arange(1, len(side) + 1)
    anchor = np.maximum.accumulate(np.where((side != 0) | reset, rows, 0))
    known = np.concatenate((np.array([direction], dtype=np.int8), side))[anchor]
    filled: I8 = np.where(zero_tick, known, side)
    return filled, int(known[-1]) if len(known) else direction
