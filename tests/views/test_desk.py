"""The desk: beats that cost nothing when nothing changed, frames shared, caches bounded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dashboard.domain.bars import Bars
from dashboard.domain.instrument import Instrument
from dashboard.domain.trade import Trades
from dashboard.errors import InputError, InstrumentUnknownError
from dashboard.ports import Context
from dashboard.views import desk as module
from dashboard.views.beat import BeatRequest
from dashboard.views.desk import Desk
from tests.fakes import FakeHistory, ManualClock
from tests.series.markets import SYMBOL, Market, random_tape

BEAT = BeatRequest({"symbol": SYMBOL, "bar": "1m", "level": "0.2"}, first=0, last=4999)


class CountingHistory(FakeHistory):
    """A history that counts how often bars or trades are read."""

    reads = 0

    def read_bars(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_version: int = -1,
    ) -> Bars:
        self.reads += 1
        return super().read_bars(
            symbol, first_session_ns, last_session_ns, after_version=after_version
        )

    def read_trades(
        self,
        symbol: str,
        first_session_ns: int | None = None,
        last_session_ns: int | None = None,
        *,
        after_seq: int = 0,
        limit: int | None = None,
    ) -> Trades:
        self.reads += 1
        return super().read_trades(
            symbol, first_session_ns, last_session_ns, after_seq=after_seq, limit=limit
        )


@pytest.fixture
def market() -> Market:
    made = Market(random_tape(count=900))
    made.ingest(800)
    return made


@pytest.fixture
def history(market: Market) -> CountingHistory:
    return CountingHistory(market.store)


@pytest.fixture
def desk(market: Market, history: CountingHistory) -> Desk:
    return Desk(Context(history, market.board, ManualClock()))


def asked_again(desk: Desk, request: BeatRequest) -> BeatRequest:
    """Return the request of a browser that has just taken over the answer to this one."""
    body = desk.beat(request).body
    assert body is not None
    return replace(request, since=body["version"], known=body["view"])


@pytest.mark.parametrize("bar", ["1m", "40t"])
def test_a_beat_without_news_does_not_look_at_the_store(
    desk: Desk, market: Market, history: CountingHistory, bar: str
) -> None:
    request = asked_again(desk, replace(BEAT, values=dict(BEAT.values) | {"bar": bar}))
    history.reads = 0
    for _ in range(5):
        assert desk.beat(request).body is None
    assert history.reads == 0
    market.ingest(801)
    body = desk.beat(request).body
    assert body is not None
    assert (body["complete"], body["bars"]["x"]) == (False, [body["live"]])
    # A store that was exchanged under the same board version is news too.
    request = asked_again(desk, replace(BEAT, values=dict(BEAT.values) | {"bar": bar}))
    market.store.generation += 1
    again = desk.beat(request).body
    assert again is not None
    assert again["complete"]


def test_another_process_answers_a_browser_it_has_never_seen(desk: Desk, market: Market) -> None:
    request = asked_again(desk, BEAT)
    other = Desk(desk.context)
    assert other.beat(request).body is None
    market.ingest(820)
    assert other.beat(request).body == desk.beat(request).body


def test_without_a_window_the_newest_screenful_is_told(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SCREENFUL", 7)
    body = desk.beat(replace(BEAT, first=None, last=None)).body
    assert body is not None
    assert body["bars"]["x"] == list(range(body["total"] - 7, body["total"]))


def test_caches_stay_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FRAMES", 3)
    monkeypatch.setattr(module, "QUESTIONS", 4)
    for size in range(10, 20):
        asked_again(desk, replace(BEAT, values=dict(BEAT.values) | {"bar": f"{size}t"}))
    assert len(desk._frames) == 3
    assert len(desk._answered) == 4


def test_viewers_who_differ_in_looks_alone_share_the_bars(desk: Desk) -> None:
    plain = asked_again(desk, BEAT)
    other = replace(
        plain, values=dict(plain.values) | {"palette": "colour-blind", "numbers": "off"}
    )
    # The same cells stand for both: nothing new to tell to whoever only paints otherwise.
    assert desk.beat(other).body is None


def test_viewers_never_change_what_others_see(desk: Desk) -> None:
    first = desk.beat(BEAT).body
    for more in ({"level": "0.1"}, {"ratio": "1.5"}, {"unit": "qty"}, {"cvd": "continuous"}):
        other = desk.beat(replace(BEAT, values=dict(BEAT.values) | more)).body
        assert other is not None
        assert first is not None
        assert other["view"] != first["view"]
    assert desk.beat(BEAT).body == first


def test_live_instruments_come_alone_to_the_live_page(desk: Desk, market: Market) -> None:
    market.store.instruments["OLD"] = Instrument("OLD", calendar="24x7")
    assert [i.symbol for i in desk.instruments("live")] == [SYMBOL]
    assert [i.symbol for i in desk.instruments("stored")] == [SYMBOL]  # OLD has no session
    market.board.lose()
    assert [i.symbol for i in desk.instruments("live")] == [SYMBOL]


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({}, InputError),
        ({"symbol": "NOPE"}, InstrumentUnknownError),
        ({"symbol": SYMBOL, "bar": "x"}, InputError),
    ],
)
def test_a_beat_that_cannot_be_is_refused(
    desk: Desk, values: dict[str, str], error: type[Exception]
) -> None:
    with pytest.raises(error):
        desk.beat(BeatRequest(values))
