"""Who crossed the spread: trades inferred from a snapshot feed's packets, and by which rule.

A snapshot feed sends no trades. What it sends is the day's cumulative volume, the last price and
the book, about once a second; a trade here is a packet's increase of the volume, put on its last
price, and its side is an estimate. `infer` takes one packet, `infer_many` a batch: both give the
same trades. `classify` gives sides to a tape of true trades that came without. Called by the
ingest pipeline, the importers and the simulator's first sessions.

Sides are decided in this order (formulas.md 1):

========== =======================================================================================
QUOTE      price at or beyond the book that stood before the trade
QUOTE_NOW  that book does not say (price inside, empty, locked or crossed), the packet's own does
TICK       up from the last price is a buyer, down a seller
TICK0      same price: the side of the trade before
UNKNOWN    none of these: no reference yet, or an auction before the open, which has no aggressor
========== =======================================================================================
"""

from __future__ import annotations

import json
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.calendar import SECOND_NS, Calendar
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.trade import NO_PRICE, AggressorSide, SideRule, Trades
from dashboard.errors import CorruptStoreError

I64 = NDArray[np.int64]
I8 = NDArray[np.int8]
BOOL = NDArray[np.bool_]

GAP_NS = 5 * SECOND_NS
"""Silence after which a difference of the counter is no longer one conflated update."""
NO_VOLUME = -1
"""Marks that no packet was accepted yet."""
_ENCODING = 1
_UNKNOWN, _TICK, _TICK0 = int(SideRule.UNKNOWN), int(SideRule.TICK), int(SideRule.TICK0)
_QUOTE, _QUOTE_NOW = int(SideRule.QUOTE), int(SideRule.QUOTE_NOW)


@dataclass(frozen=True, slots=True)
class InferenceState:
    """What inference remembers of one instrument: the last accepted packet and the last side.

    Attributes:
        symbol: The instrument.
        calendar: Its trading calendar; a new session restarts the day's counter.
        gap_ns: Longest silence, by receive time, that counts as one update.
        session_ns: Session of the last accepted packet.
        event_ns, receive_ns: Its times; `receive_ns` also moves with `note_alive`.
        day_volume: Its counter, `NO_VOLUME` before the first packet.
        price: Its last price; `NO_PRICE` while nothing traded in the session.
        bid, ask: Its best book, `NO_PRICE` where a side was empty.
        direction: Side of the last trade whose side is known; 0 after a gap or a new session.
        gap_cause: Why the next difference is a gap whatever the time; "" when it is none.
    """

    symbol: str
    calendar: Calendar
    gap_ns: int = GAP_NS
    session_ns: int = 0
    event_ns: int = 0
    receive_ns: int = 0
    day_volume: int = NO_VOLUME
    price: int = NO_PRICE
    bid: int = NO_PRICE
    ask: int = NO_PRICE
    direction: int = 0
    gap_cause: str = ""


_SAVED = tuple(f.name for f in fields(InferenceState) if f.name not in {"calendar", "gap_ns"})


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
        The new state (the same object for a stale packet), and a batch of one trade of the
        counter's increase at the packet's last price, or a gap, or None.

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
    """Return the state from bytes.

    Raises:
        CorruptStoreError: The bytes are not a state that this release writes.
    """
    try:
        saved = json.loads(data)
    except ValueError:
        saved = None
    names = {"encoding", *_SAVED}
    if not isinstance(saved, dict) or saved.keys() != names or saved["encoding"] != _ENCODING:
        raise CorruptStoreError(
            "The stored state of a feed cannot be read; its next packet starts anew.",
            log_text=f"inference state {data[:80]!r} does not decode",
        )
    return InferenceState(calendar=calendar, gap_ns=gap_ns, **{n: saved[n] for n in _SAVED})


# ------------------------------------------------------------------------------ one packet


class _Packet(NamedTuple):
    """The fields of a `Quote` that inference reads."""

    event_ns: int
    receive_ns: int
    last_price: int
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
    size = 0 if fresh else volume - state.day_volume
    silence_ns = packet.receive_ns - state.receive_ns
    cause = _gap_cause(state.gap_cause, silence_ns, state.gap_ns) if size else ""
    side, rule = _side_of(state, packet, session_ns) if size and not cause else (0, _UNKNOWN)
    after = replace(
        state,
        session_ns=session_ns,
        event_ns=packet.event_ns,
        receive_ns=packet.receive_ns,
        day_volume=volume,
        price=packet.last_price if volume > 0 else NO_PRICE,
        bid=packet.bid,
        ask=packet.ask,
        direction=0 if fresh or cause else side or state.direction,
        gap_cause="",
    )
    if not size:
        return after, None
    if cause:
        start_ns = min(state.event_ns, packet.event_ns)
        gap = Gap(state.symbol, start_ns, packet.event_ns, size, packet.last_price, cause)
        return after, gap
    trade = Trades.build(
        event_ns=[packet.event_ns],
        receive_ns=[packet.receive_ns],
        price=[packet.last_price],
        size=[size],
        side=[side],
        rule=[rule],
        bid=[state.bid],
        ask=[state.ask],
        source_seq=[packet.source_seq],
    )
    return after, trade


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
    price = np.where(volume > 0, quotes.last_price, NO_PRICE)
    size = volume - _after(state.day_volume, volume)
    silence = quotes.receive_ns - _after(state.receive_ns, quotes.receive_ns)
    is_gap = silence > state.gap_ns
    is_gap[0] |= bool(state.gap_cause)
    is_gap &= size > 0
    bid, ask = _after(state.bid, quotes.bid), _after(state.ask, quotes.ask)
    before = _after(state.price, price)
    side, rule = _decide(quotes.last_price, bid, ask, before, quotes.bid, quotes.ask)
    trades = (size > 0) & ~is_gap
    side[~trades] = 0
    filled, direction = _fill_zero_ticks(side, trades & (rule == _TICK0), is_gap, state.direction)
    started = _after(state.event_ns, quotes.event_ns)
    gaps = [
        Gap(
            state.symbol,
            start_ns=int(min(started[row], quotes.event_ns[row])),
            end_ns=int(quotes.event_ns[row]),
            volume=int(size[row]),
            price=int(quotes.last_price[row]),
            cause=_gap_cause(state.gap_cause if row == 0 else "", int(silence[row]), state.gap_ns),
        )
        for row in np.flatnonzero(is_gap)
    ]
    table = Trades.build(
        event_ns=quotes.event_ns,
        receive_ns=quotes.receive_ns,
        price=quotes.last_price,
        size=size,
        side=filled,
        rule=np.where(filled == 0, _UNKNOWN, rule),
        bid=bid,
        ask=ask,
        source_seq=quotes.source_seq,
    )
    after = replace(
        state,
        event_ns=int(quotes.event_ns[-1]),
        receive_ns=int(quotes.receive_ns[-1]),
        day_volume=int(volume[-1]),
        price=int(price[-1]),
        bid=int(quotes.bid[-1]),
        ask=int(quotes.ask[-1]),
        direction=direction,
        gap_cause="",
    )
    return after, table.take(trades), gaps


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
