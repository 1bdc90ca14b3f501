"""The texts around the chart: metric cards, status line, and the rows of the Feed card.

Pure strings with a tone each; pages turn them into elements. Numbers are of the newest session of
the view, in the view's unit. What is estimated says so, and what began after the session's open
says since when: no number claims more than its source knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from dashboard.domain.livestate import FeedMode
from dashboard.domain.quote import Quote
from dashboard.domain.trade import SideRule
from dashboard.domain.truth import expected_delta_error
from dashboard.figures.frame import ViewFrame
from dashboard.figures.labels import (
    clock,
    duration,
    grouped,
    percent,
    price_text,
    signed,
    signed_price,
    zone_name,
)
from dashboard.figures.payload import feed_state, mode_of, since_text
from dashboard.figures.view import ViewSettings
from dashboard.figures.volume import profile_of

__all__ = ["Card", "Part", "feed_rows", "metric_cards", "status_parts"]

NOTHING = "–"


@dataclass(frozen=True, slots=True)
class Part:
    """A named text; `tone` is "", "buy", "sell", "poc" or "warn"."""

    name: str
    value: str
    tone: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """One metric: its number, what stands beside it in small, and a sentence of explanation.

    `toggles` names the setting of two words that a click on the metric's name changes, "" for none.
    """

    name: str
    value: str
    tone: str = ""
    more: Sequence[Part] = ()
    help: str = ""
    toggles: str = ""


def metric_cards(frame: ViewFrame, settings: ViewSettings) -> list[Card]:
    """Return the row of metrics above the chart, left to right."""
    if not len(frame):
        names = ("Last", "Δ / CVD", "Volume", "VWAP", "POC", "VA", "High / low")
        return [Card(name, NOTHING) for name in names]
    return [
        _last(frame),
        _delta(frame),
        _volume(frame),
        _vwap(frame),
        *_value_area(frame, settings),
        _range(frame),
        *_open_interest(frame),
        _data(frame),
    ]


def status_parts(frame: ViewFrame, settings: ViewSettings, now_ns: int) -> list[Part]:
    """Return the status line; its last two parts stand at the right end.

    Args:
        frame: The view's.
        settings: The viewer's.
        now_ns: Wall clock.
    """
    snapshot, zone = frame.snapshot, frame.snapshot.calendar.timezone
    parts = [*_session(frame), *_sides(frame), *_quality(frame)]
    if settings.unit == "lots" and not frame.lots and snapshot.instrument.lot_size > 1:
        parts.append(Part("Unit", "quantity: not every size is whole lots", "warn"))
    live = snapshot.live
    if live is not None:
        parts.append(Part("Saved", clock(live.receive_ns, zone)))
    parts.append(Part(zone_name(now_ns, zone), clock(now_ns, zone)))
    if live is None:
        parts.append(Part("Bars", grouped(len(frame))))
    else:
        parts.append(Part("Newest trade", f"{duration((now_ns - live.receive_ns) / 1e9)} ago"))
    return parts


def feed_rows(frame: ViewFrame, now_ns: int) -> list[Part]:
    """Return the rows of the Feed card.

    Args:
        frame: The view's.
        now_ns: Wall clock.
    """
    snapshot, feed = frame.snapshot, feed_state(frame.snapshot, now_ns)
    alive = feed["state"] == "live"
    rows = [
        Part("Source", mode_of(snapshot)),
        Part("State", feed["state"], "" if alive else "warn"),
    ]
    if feed["cause"]:
        rows.append(Part("Cause", feed["cause"], "warn"))
    if snapshot.live is not None:
        rows.append(Part("Last sign", f"{duration(feed['age_ms'] / 1000)} ago"))
        rows.append(Part(_updates_name(frame), f"{snapshot.live.updates_per_s:.1f} / s"))
        gaps = snapshot.live.gaps
        rows.append(Part("Gaps", grouped(gaps), "warn" if gaps else ""))
    sides = " ".join(["estimated", *_expected_error(frame)])
    rows.append(Part("Sides", sides if snapshot.sides_estimated else "as traded"))
    return rows


def _last(frame: ViewFrame) -> Card:
    """Return the last price, its change against the previous close, and the spread."""
    snapshot, instrument = frame.snapshot, frame.snapshot.instrument
    price = int(frame.bars.close[-1]) if snapshot.live is None else snapshot.live.last_price
    more: list[Part] = []
    base = snapshot.previous_close
    if base:
        change = price - base
        text = f"{signed_price(change, instrument)} ({percent(100 * change / base, 2)})"
        more.append(Part("change", text, _tone(change)))
    quote = _quote(frame)
    if quote is not None and quote.bids and quote.asks:
        spread = quote.asks[0].price - quote.bids[0].price
        more.append(Part("spread", f"spread {price_text(spread, instrument)}"))
    explained = "Last traded price; change against the close of the session before."
    return Card("Last", price_text(price, instrument), "", more, explained)


def _delta(frame: ViewFrame) -> Card:
    """Return the newest bar's delta and the session's cumulative delta with its extremes."""
    session = _session_bars(frame)
    base = int(frame.cvd_open[session][0])
    total = int(frame.cvd_close[-1]) - base
    value = f"{_sized(frame, int(frame.bars.delta[-1]))} / {_sized(frame, total)}"
    high = max(int(frame.cvd_high[session].max()) - base, 0)
    low = min(int(frame.cvd_low[session].min()) - base, 0)
    more = (
        Part("high", f"hi {_sized(frame, high)}"),
        Part("low", f"lo {_sized(frame, low)}"),
    )
    explained = (
        "Ask volume minus bid volume: of the newest bar, and summed since the session's open, "
        "with the highest and lowest sum so far."
    )
    return Card("Δ / CVD", value, _tone(total), more, explained)


def _volume(frame: ViewFrame) -> Card:
    """Return the session's volume in the unit shown."""
    total = int(frame.bars.volume[_session_bars(frame)].sum())
    unit = "lots" if frame.lots else "quantity"
    explained = f"Traded in this session, in {unit}."
    toggles = ""
    if frame.snapshot.instrument.lot_size > 1:
        explained += " A click changes between lots and quantity."
        toggles = "unit"
    return Card(f"Volume ({unit})", _plain(frame, total), "", (), explained, toggles)


def _vwap(frame: ViewFrame) -> Card:
    """Return the session's VWAP, with the time since which it counts when that is not the open."""
    since = since_text(frame.snapshot)
    value = float(frame.vwap[-1])
    text = NOTHING if np.isnan(value) else price_text(value, frame.snapshot.instrument)
    more = (Part("since", since, "warn"),) if since else ()
    return Card("VWAP", text, "", more, "Volume-weighted average price of this session.")


def _value_area(frame: ViewFrame, settings: ViewSettings) -> list[Card]:
    """Return POC and value area of the newest session, whatever profile the chart shows."""
    instrument, last = frame.snapshot.instrument, len(frame) - 1
    profile = profile_of(frame, replace(settings, profile="session"), last, last)
    if profile is None:
        return [Card("POC", NOTHING), Card("VA", NOTHING)]
    area = f"{price_text(profile.val, instrument)} – {price_text(profile.vah, instrument)}"
    return [
        Card("POC", price_text(profile.poc, instrument), "poc", (), "Level with the most volume."),
        Card("VA", area, "", (), f"Levels around the POC with {settings.vashare} % of the volume."),
    ]


def _range(frame: ViewFrame) -> Card:
    """Return the day's high and low, and the previous close."""
    snapshot, instrument = frame.snapshot, frame.snapshot.instrument
    session, quote = _session_bars(frame), _quote(frame)
    high, low = int(frame.bars.high[session].max()), int(frame.bars.low[session].min())
    if quote is not None and quote.high_price and quote.low_price:
        # The exchange saw the whole day; we may have begun later.
        high, low = max(high, quote.high_price), min(low, quote.low_price)
    more: tuple[Part, ...] = ()
    if snapshot.previous_close is not None:
        more = (Part("previous", f"prev {price_text(snapshot.previous_close, instrument)}"),)
    text = f"{price_text(high, instrument)} / {price_text(low, instrument)}"
    return Card("High / low", text, "", more, "Of the day; previous close.")


def _open_interest(frame: ViewFrame) -> list[Card]:
    """Return the open interest where the feed sends one."""
    quote = _quote(frame)
    if quote is None or not quote.open_interest:
        return []
    return [Card("OI", _plain(frame, quote.open_interest), "", (), "Open interest.")]


def _data(frame: ViewFrame) -> Card:
    """Return how good the data is: estimated or as traded, updates per second, gaps."""
    snapshot, live = frame.snapshot, frame.snapshot.live
    if snapshot.sides_estimated:
        value, tone = "estimated", "warn"
        explained = (
            "The feed sends snapshots: what traded between two of them is inferred. ± is how far a "
            "bar's delta is expected to be off, as a share of the bar's volume (docs/TRUTH.md)."
        )
    else:
        value, tone, explained = "as traded", "", "The source names the aggressor of each trade."
    more = [Part("error", error) for error in _expected_error(frame)]
    if live is not None:
        more.append(Part("rate", f"{live.updates_per_s:.1f} {_updates_name(frame).lower()}/s"))
    gaps = int(frame.bars.gap[_session_bars(frame)].sum()) if live is None else live.gaps
    if gaps:
        more.append(Part("gaps", f"{gaps} {'gap' if gaps == 1 else 'gaps'}", "warn"))
    return Card("Data", value, tone, more, explained)


def _session(frame: ViewFrame) -> list[Part]:
    """Return the newest session's hours, and whether they are confirmed."""
    if not len(frame):
        return []
    calendar = frame.snapshot.calendar
    session = calendar.session_at(int(frame.bars.session_ns[-1]))
    hours = [
        clock(ns, calendar.timezone, seconds=False) for ns in (session.open_ns, session.close_ns)
    ]
    parts = [Part("Session", "–".join(hours))]
    if not session.confirmed:
        parts.append(Part("Calendar", "hours by rule, unconfirmed", "warn"))
    return parts


_SIDE_WORDS = {
    "quote": (SideRule.QUOTE, SideRule.QUOTE_NOW),
    "tick": (SideRule.TICK, SideRule.TICK0),
    "spread": (SideRule.SPREAD,),
    "unknown": (SideRule.UNKNOWN,),
}


def _sides(frame: ViewFrame) -> list[Part]:
    """Return how the sides were decided: coverage by rule, never a claim of accuracy."""
    snapshot = frame.snapshot
    if not snapshot.sides_estimated:
        return [Part("Sides", "as traded")]
    name = "Sides estimated from snapshots:" if snapshot.live is not None else "Sides estimated:"
    total = sum(snapshot.by_rule)
    if not total:
        return [Part("Sides", "estimated, by a rule that is not stored", "warn")]
    volumes = {
        word: sum(snapshot.by_rule[rule] for rule in rules) for word, rules in _SIDE_WORDS.items()
    }
    if not volumes["spread"]:
        del volumes["spread"]  # a tape of trades knows no such thing
    shares = [f"{word} {percent(100 * v / total).lstrip('+')}" for word, v in volumes.items()]
    return [Part(name, " ".join(shares))]


def _expected_error(frame: ViewFrame) -> list[str]:
    """Return how far a delta is expected to be off; nothing where the feed sends no snapshots."""
    snapshot, live = frame.snapshot, frame.snapshot.live
    replayed = snapshot.status is not None and snapshot.status.mode is FeedMode.REPLAY
    if not snapshot.sides_estimated or replayed or live is None or not live.updates_per_s:
        return []
    return [f"± {100 * expected_delta_error(live.updates_per_s):.0f} %"]


def _quality(frame: ViewFrame) -> list[Part]:
    """Return unattributed volume and the distance of our VWAP to the exchange's."""
    if not len(frame):
        return []
    missing = int(frame.bars.unattributed_volume[_session_bars(frame)].sum())
    parts = [Part("Unattributed", _plain(frame, missing), "warn" if missing else "")]
    quote, own = _quote(frame), float(frame.vwap[-1])
    if quote is not None and quote.average_price and not np.isnan(own):
        difference = signed_price(own - quote.average_price, frame.snapshot.instrument)
        parts.append(Part("VWAP − exchange", difference))
    return parts


def _session_bars(frame: ViewFrame) -> NDArray[np.bool_]:
    """Return the mask of the newest session's bars, shape (B,)."""
    session = frame.bars.session_ns
    mask: NDArray[np.bool_] = session == session[-1]
    return mask


def _quote(frame: ViewFrame) -> Quote | None:
    """Return the last packet, None in history and on a feed without a book."""
    return frame.snapshot.live.quote if frame.snapshot.live is not None else None


def _updates_name(frame: ViewFrame) -> str:
    """Return what the source's events are: packets of a snapshot feed are no trades."""
    return "Updates" if frame.snapshot.sides_estimated else "Trades"


def _plain(frame: ViewFrame, volume: int) -> str:
    """Return a volume in display units, grouped; at most four decimals on fractional venues."""
    value = frame.shown(np.array([volume]))[0]
    return grouped(int(value)) if float(value).is_integer() else f"{value:.4f}".rstrip("0")


def _sized(frame: ViewFrame, delta: int) -> str:
    """Return a delta in display units with its sign."""
    value = frame.shown(np.array([delta]))[0]
    if float(value).is_integer():
        return signed(int(value))
    return f"{value:+.4f}".rstrip("0").replace("-", "−")


def _tone(value: float) -> str:
    """Return the tone of a signed number."""
    return "buy" if value > 0 else "sell" if value < 0 else ""
