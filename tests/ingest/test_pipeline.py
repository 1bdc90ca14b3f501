"""The main loop: whatever the cycles, the restarts and the faults, the store ends up the same."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dashboard.domain.bars import Bars
from dashboard.domain.instrument import Instrument
from dashboard.domain.livestate import FeedMode, FeedState, LiveState
from dashboard.domain.quote import Gap, Quote, QuoteArrays
from dashboard.domain.trade import Trades
from dashboard.errors import FeedError, StoreError, StoreLockedError
from dashboard.ingest.pipeline import CHUNK, INSTRUMENTS, VERSION_JUMP, Pipeline
from dashboard.ports import FeedEvent, Heartbeat, QuotesEvent, StateChange, TradesEvent
from tests.fakes import FakeBoard, FakeFeed, FakeRecorder, FakeStore, ManualClock
from tests.ingest.markets import (
    BANK,
    DAY,
    MINUTE_NS,
    NIFTY,
    SECOND,
    START,
    assert_same_bars,
    assert_same_trades,
    minutes_in,
    minutes_of,
    packet,
    reporter,
    tape,
)

SYMBOL = NIFTY.symbol


class Rig:
    """A store, a board and a clock that outlive pipelines."""

    def __init__(self, *, estimated: bool = False) -> None:
        self.clock = ManualClock(START)
        self.store = FakeStore()
        self.board = FakeBoard(self.store.journal)
        self.recorder = FakeRecorder(self.store)
        self.estimated = estimated
        self.mode = FeedMode.SIMULATED
        self.keep_days: int | None = None

    def begin(
        self,
        script: Iterable[Sequence[FeedEvent] | Exception] = (),
        instruments: Sequence[Instrument] = (NIFTY,),
    ) -> Pipeline:
        """Start a pipeline as a new leader does."""
        self.feed = FakeFeed(
            instruments, script, mode=self.mode, sides_estimated=self.estimated, clock=self.clock
        )
        self.status = reporter(self.board, self.clock)
        pipeline = Pipeline(
            self.feed,
            self.recorder,
            self.board,
            self.clock,
            self.status,
            self.store.calendar,
            keep_days=self.keep_days,
        )
        pipeline.start()
        return pipeline

    def play(
        self, *polls: Sequence[FeedEvent], instruments: Sequence[Instrument] = (NIFTY,)
    ) -> Pipeline:
        """Start a pipeline and turn it once per poll, with the clock at the newest event."""
        pipeline = self.begin(polls, instruments)
        for events in polls:
            times = [_event_ns(event) for event in events]
            self.clock.now = max([self.clock.now, *times])
            pipeline.cycle()
        return pipeline

    def state(self, symbol: str = SYMBOL) -> LiveState:
        state = self.board.read(symbol)
        assert state is not None
        return state

    def stored(self, symbol: str = SYMBOL) -> Bars:
        bars = self.store.all_bars(symbol)
        assert bars is not None
        return bars


def _event_ns(event: FeedEvent) -> int:
    if isinstance(event, TradesEvent):
        return int(event.trades.event_ns[-1]) if len(event.trades) else 0
    if isinstance(event, Quote):
        return event.event_ns
    return event.end_ns if isinstance(event, Gap) else 0


def trades_event(trades: Trades, symbol: str = SYMBOL) -> TradesEvent:
    return TradesEvent(symbol, trades)


def one(second: float, price: int = 2_490_000, size: int = 75, side: int = 1) -> TradesEvent:
    """Return one trade at a second after START."""
    event_ns = START + round(second * SECOND)
    return trades_event(
        Trades.build(
            event_ns=[event_ns], price=[price], size=[size], side=[side], source_seq=[event_ns]
        )
    )


# ------------------------------------------------------------------------------ the main property


TURNS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([0, 1, 3, 200]),
        st.sampled_from(["turn", "turn", "restart", "fault", "locked"]),
    ),
    max_size=12,
)


@settings(max_examples=30)
@given(TURNS, st.integers(1, 120), st.integers(0, 99), st.sampled_from([0, 3, 90]))
def test_any_cycles_restarts_and_faults_give_the_bars_of_the_whole_tape(
    turns: list[tuple[int, int, str]], count: int, seed: int, jitter_s: int
) -> None:
    trades = tape(count, seed, jitter_s=jitter_s)
    rig = Rig()
    pipeline = rig.begin()
    done = 0
    for size, wait_s, what in [*turns, (count, 0, "turn")]:
        part = trades.take(slice(done, done + size))
        rig.feed.script.append([trades_event(part)])
        rig.clock.now = int(trades.event_ns[: done + size].max(initial=START)) + wait_s * SECOND
        rig.recorder.faults.clear()
        if what == "locked":
            rig.recorder.faults.append(StoreLockedError("busy"))
        if what == "fault" and len(part):
            rig.recorder.faults.append(StoreError("disk full"))
            published = len(rig.board.publishes)
            with pytest.raises(StoreError):
                pipeline.cycle()
            assert len(rig.board.publishes) == published
        else:
            pipeline.cycle()
        if what in {"restart", "fault"}:
            rig.recorder.faults.clear()
            pipeline = rig.begin()
        # Like a real source: go on behind what the store says.
        done = rig.recorder.resume_point(SYMBOL).source_seq
    assert_same_trades(rig.store.trades[SYMBOL], trades)
    assert rig.store.trades[SYMBOL].seq.tolist() == list(range(1, count + 1))
    assert_same_bars(minutes_in(rig.store, rig.board), minutes_of(trades))
    totals = rig.state().totals
    assert (totals.volume, totals.trades) == (trades.size.sum(), count)
    assert sum(rig.state().provenance.by_rule) == trades.size.sum()


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.integers(0, 60), st.booleans(), st.booleans()), max_size=8),
    st.integers(0, 99),
)
def test_packets_in_any_cycles_and_forms_give_the_same(
    cuts: list[tuple[int, bool, bool]], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    count = 60
    seconds = np.cumsum(rng.choice([0.4, 1.0, 2.5, 7.0], count))
    prices = 2_490_000 + 10 * np.cumsum(rng.integers(-2, 3, count))
    volumes = 1_000 + 75 * np.cumsum(rng.integers(0, 3, count))
    quotes = [
        packet(i + 1, float(s), int(p), int(v))
        for i, (s, p, v) in enumerate(zip(seconds, prices, volumes, strict=True))
    ]
    whole, cut = Rig(estimated=True), Rig(estimated=True)
    whole.play(quotes)
    pipeline = cut.begin()
    first = 0
    for last, batched, restarts in [*sorted(cuts), (count, False, False)]:
        part = quotes[first:last]
        batch = QuotesEvent(SYMBOL, QuoteArrays.of(part), part[-1] if part else None)
        cut.feed.script.append([batch] if batched else part)
        cut.clock.now = max([cut.clock.now, *(q.event_ns for q in part)])
        pipeline.cycle()
        first = last
        if restarts:
            pipeline = cut.begin()
            # What was on the board but not worth a transaction comes again.
            cut.feed.script.append(quotes[cut.recorder.resume_point(SYMBOL).source_seq : last])
            pipeline.cycle()
    assert_same_trades(cut.store.trades[SYMBOL], whole.store.trades[SYMBOL])
    assert cut.store.gaps[SYMBOL] == whole.store.gaps[SYMBOL]
    assert_same_bars(minutes_in(cut.store, cut.board), minutes_in(whole.store, whole.board))
    assert cut.state().totals == whole.state().totals
    assert cut.state().provenance == whole.state().provenance
    assert cut.state().gaps == whole.state().gaps


# ------------------------------------------------------------------------------ order and faults


def test_a_cycle_is_recorded_before_it_is_published() -> None:
    rig = Rig()
    rig.play([one(1)], [one(2)])
    assert rig.store.journal == ["record", "publish", "publish", "record", "publish"]


def test_what_cannot_be_recorded_is_not_published() -> None:
    rig = Rig()
    pipeline = rig.begin([[one(1)], [one(2)]])
    pipeline.cycle()
    rig.recorder.faults.append(StoreError("disk full"))
    shown, version = rig.state(), pipeline.version
    with pytest.raises(StoreError):
        pipeline.cycle()
    assert rig.state() is shown
    assert pipeline.version == version


def test_a_store_that_stays_locked_is_given_up_after_a_few_tries() -> None:
    rig = Rig()
    pipeline = rig.begin([[one(1)]])
    rig.recorder.faults.extend(StoreLockedError("busy") for _ in range(9))
    with pytest.raises(StoreLockedError):
        pipeline.cycle()
    assert len(rig.recorder.faults) == 6
    assert not rig.board.publishes


@pytest.mark.parametrize("asked", range(3))
def test_a_process_that_may_no_longer_write_tells_nothing(asked: int) -> None:
    rig = Rig()
    rig.begin()
    told = len(rig.board.statuses)
    answers = [True] * asked + [False] * 9
    pipeline = Pipeline(
        FakeFeed([NIFTY], [[one(1)]]), rig.recorder, rig.board, rig.clock, rig.status,
        rig.store.calendar, may_write=iter(answers).__next__,
    )  # fmt: skip
    pipeline.start()
    rig.clock.advance(5)
    pipeline.cycle()
    assert bool(rig.store.trades) == (asked == 2)
    assert bool(rig.board.states) == (asked == 2)
    assert (rig.status.state is FeedState.LIVE) == (asked == 2), "who wrote says that it lives"
    assert (len(rig.board.statuses) > told) == (asked > 0)


def test_a_feed_that_fails_is_the_supervisors_matter() -> None:
    rig = Rig()
    with pytest.raises(FeedError, match="gone"):
        rig.begin([FeedError("gone")]).cycle()


def test_a_symbol_that_was_not_announced_is_a_fault_of_the_feed() -> None:
    rig = Rig()
    with pytest.raises(FeedError, match="not announced"):
        rig.begin([[trades_event(tape(1), "OTHER")]]).cycle()


@pytest.mark.parametrize("change", [{"price_scale": 1000}, {"size_scale": 10}])
def test_an_instrument_in_other_units_than_stored_is_refused(change: dict[str, int]) -> None:
    rig = Rig()
    rig.begin()
    with pytest.raises(FeedError, match="another symbol") as raised:
        rig.begin(instruments=[replace(NIFTY, **change)])  # type: ignore[arg-type]
    assert not raised.value.retry


# ------------------------------------------------------------------------------ minutes


def test_a_minute_closes_with_the_first_trade_of_a_later_one() -> None:
    rig = Rig()
    rig.play([one(1), one(59)], [one(61, 2_490_050)])
    assert_same_bars(rig.stored(), minutes_of(Trades.concat([one(1).trades, one(59).trades])))
    assert rig.state().open_bars.open.tolist() == [2_490_050]


def test_a_minute_closes_two_seconds_after_its_end_without_a_trade() -> None:
    rig = Rig()
    pipeline = rig.play([one(50)])
    version = rig.state().version
    rig.clock.now = START + round(61.7 * SECOND)
    pipeline.cycle()
    assert SYMBOL not in rig.store.bars
    assert rig.state().version == version
    rig.clock.now = START + 62 * SECOND
    pipeline.cycle()
    assert rig.stored().version.tolist() == [version + 1]
    assert rig.state().version == version + 1
    assert not len(rig.state().open_bars)


def test_minutes_of_the_past_close_by_the_time_of_their_events() -> None:
    rig = Rig()
    rig.clock.now = START + 400 * DAY
    pipeline = rig.begin([[one(30)], [], [one(31)]])
    for _ in range(3):
        pipeline.cycle()
    assert len(rig.state().open_bars) == 1
    rig.clock.advance(40)
    pipeline.cycle()
    assert len(rig.stored()) == 1


def test_a_replay_may_pause_for_hours_inside_a_minute() -> None:
    rig = Rig()
    pipeline = rig.begin([[one(30)]])
    rig.feed.mode = FeedMode.REPLAY
    pipeline.cycle()
    rig.clock.advance(7_200)
    pipeline.cycle()
    assert len(rig.state().open_bars) == 1
    rig.feed.script.append([one(59)])
    pipeline.cycle()
    assert rig.state().open_bars.trades.tolist() == [2]


def test_a_late_trade_is_joined_to_the_stored_minute_with_a_new_version() -> None:
    rig = Rig()
    rig.play([one(10)], [one(70)], [one(75, 2_490_100)], [one(20, 2_489_900, side=-1)])
    bars = rig.stored()
    late = Trades.concat([one(10).trades, one(20, 2_489_900, side=-1).trades])
    expected = minutes_of(late).with_columns(last_seq=np.array([4]))
    assert_same_bars(bars, expected)
    assert bars.version.tolist() == [rig.state().version]
    assert rig.state().open_bars.version.tolist() == [rig.state().version - 1]
    assert rig.store.trades[SYMBOL].seq.tolist() == [1, 2, 3, 4]


def test_a_late_trade_of_a_minute_without_trades_makes_a_closed_bar_at_once() -> None:
    rig = Rig()
    rig.play([one(10)], [one(190)], [one(70)])
    assert rig.stored().ordinal.tolist() == [600, 601]
    assert rig.state().open_bars.ordinal.tolist() == [603]


def test_a_late_trade_after_the_clock_closed_its_minute() -> None:
    rig = Rig()
    pipeline = rig.play([one(50)])
    rig.clock.advance(20)
    pipeline.cycle()
    assert len(rig.stored()) == 1
    rig.feed.script.append([one(59)])
    pipeline.cycle()
    assert rig.stored().trades.tolist() == [2]
    assert not len(rig.state().open_bars)


def test_only_a_minute_that_may_be_stored_is_looked_up() -> None:
    rig = Rig()
    asked: list[tuple[int, int]] = []
    find = rig.recorder.closed_bar

    def closed_bar(symbol: str, session_ns: int, ordinal: int) -> Bars | None:
        asked.append((session_ns, ordinal))
        return find(symbol, session_ns, ordinal)

    rig.recorder.closed_bar = closed_bar  # type: ignore[method-assign]
    rig.play(*[[one(second)] for second in (1, 2, 61, 62, 121, 30)])
    assert [ordinal for _, ordinal in asked] == [600, 600], "the first of all, and the late one"


def test_an_ended_feed_closes_every_minute() -> None:
    rig = Rig()
    rig.play([one(10), one(70)], [StateChange(FeedState.FINISHED)])
    assert len(rig.stored()) == 2
    assert not len(rig.state().open_bars)
    status = rig.board.read_status()
    assert status is not None
    assert status.state is FeedState.FINISHED


def test_a_flood_of_old_trades_goes_through_in_short_transactions() -> None:
    rig = Rig()
    trades = tape(3 * CHUNK + 7, step_s=0.5)
    rig.play([one(0), trades_event(trades), one(9_999)])
    sizes = [sum(len(b.trades) for b in batches) for batches in rig.recorder.transactions]
    assert sum(sizes) == len(trades) + 2
    assert max(sizes) == CHUNK
    whole = Trades.concat([one(0).trades, trades, one(9_999).trades])
    assert_same_bars(minutes_in(rig.store, rig.board), minutes_of(whole))


def test_many_instruments_are_taken_some_at_a_time() -> None:
    rig = Rig()
    many = [replace(NIFTY, symbol=f"SIM:{i:03}") for i in range(2 * INSTRUMENTS + 5)]
    rig.play([trades_event(one(1).trades, m.symbol) for m in many], instruments=many)
    assert [len(batches) for batches in rig.recorder.transactions] == [INSTRUMENTS, INSTRUMENTS, 5]
    assert len(rig.board.states) == len(many)


def test_a_flood_of_packets_is_cut_with_its_book_at_the_end() -> None:
    rig = Rig(estimated=True)
    quotes = [packet(i, i * 0.5, 2_490_000 + 10 * (i % 7), 75 * i) for i in range(1, CHUNK + 50)]
    rig.play([QuotesEvent(SYMBOL, QuoteArrays.of(quotes), quotes[-1])])
    assert rig.state().quote == quotes[-1]
    assert [len(b[0].trades) for b in rig.recorder.transactions] == [CHUNK - 1, 49]
    other = Rig(estimated=True)
    other.play(quotes)
    assert_same_trades(rig.store.trades[SYMBOL], other.store.trades[SYMBOL])


# ------------------------------------------------------------------------------ packets and gaps


def test_volume_after_a_silence_is_unattributed_and_on_no_price() -> None:
    rig = Rig(estimated=True)
    rig.play(
        [packet(1, 1, 2_490_000, 1_000), packet(2, 2, 2_490_000, 1_075)],
        [packet(3, 30, 2_490_100, 1_675)],
    )
    state = rig.state()
    assert state.open_bars.unattributed_volume.tolist() == [600]
    assert state.open_bars.gap.tolist() == [True]
    assert state.open_bars.level_volume.sum() == 75
    assert (state.gaps, state.provenance.unattributed) == (1, 600)
    assert state.totals.volume == 675
    (gap,) = rig.store.gaps[SYMBOL]
    assert (gap.volume, gap.price) == (600, 2_490_100)


def test_a_gap_inside_an_open_minute_survives_a_restart() -> None:
    rig = Rig(estimated=True)
    quotes = [packet(1, 1, 2_490_000, 1_000), packet(2, 30, 2_490_100, 1_600)]
    rig.play(quotes)
    rig.begin()
    assert rig.state().open_bars.unattributed_volume.tolist() == [600]
    assert rig.state().gaps == 1
    rig.play([packet(3, 31, 2_490_100, 1_675), packet(4, 70, 2_490_000, 1_750)])
    assert rig.stored().unattributed_volume.tolist() == [600]
    assert rig.stored().trades.tolist() == [1]
    # The minute is closed, so the gap is in its bar and in no checkpoint any more.
    rig.begin()
    assert rig.state().open_bars.unattributed_volume.tolist() == [75]


def test_a_lost_connection_turns_the_next_difference_into_a_gap() -> None:
    rig = Rig(estimated=True)
    lost = Gap(SYMBOL, START + SECOND, START + 3 * SECOND, 0, 2_490_000, "connection lost")
    rig.play([packet(1, 1, 2_490_000, 1_000)], [lost], [packet(2, 3, 2_490_000, 1_150)])
    (gap,) = rig.store.gaps[SYMBOL]
    assert (gap.volume, gap.cause) == (150, "connection lost")


def test_a_gap_of_a_true_trade_feed_is_kept_as_it_is() -> None:
    rig = Rig()
    gap = Gap(SYMBOL, START, START + 5 * SECOND, 0, 2_490_000, "replay file is cut")
    rig.play([gap], [one(6)])
    assert rig.store.gaps[SYMBOL] == [gap]
    bars = rig.state().open_bars
    assert (bars.gap.tolist(), bars.trades.tolist()) == ([True], [1])


def test_a_heartbeat_makes_silence_a_quiet_market() -> None:
    rig = Rig(estimated=True)
    alive = Heartbeat(START + 28 * SECOND)
    rig.play([packet(1, 1, 2_490_000, 1_000)], [alive], [packet(2, 30, 2_490_000, 1_075)])
    assert not rig.store.gaps[SYMBOL]
    assert rig.state().totals.ask_volume == 75


def test_a_heartbeat_takes_effect_in_its_place() -> None:
    rig = Rig(estimated=True)
    quotes = [packet(1, 1, 2_490_000, 1_000), packet(2, 30, 2_490_000, 1_075)]
    rig.play([quotes[0]], [quotes[1], Heartbeat(START + 31 * SECOND)])
    assert len(rig.store.gaps[SYMBOL]) == 1


def test_a_change_of_the_book_is_published_without_a_transaction() -> None:
    rig = Rig(estimated=True)
    rig.play([packet(1, 1, 2_490_000, 1_000), packet(2, 2, 2_490_000, 1_075)])
    version, transactions = rig.state().version, len(rig.recorder.transactions)
    rig.feed.script.append([packet(3, 3, 2_490_000, 1_075, spread=20)])
    rig.play([packet(3, 3, 2_490_000, 1_075, spread=20)])
    assert len(rig.recorder.transactions) == transactions
    assert rig.state().version > version
    assert rig.state().quote == packet(3, 3, 2_490_000, 1_075, spread=20)


@pytest.mark.parametrize("estimated", [True, False])
def test_before_the_first_trade_the_session_is_that_of_the_book(*, estimated: bool) -> None:
    rig = Rig(estimated=estimated)
    rig.play([packet(1, 1, 2_490_000, 1_000)])
    assert rig.state().session_ns == START // DAY * DAY
    assert (rig.state().trade_seq, rig.state().last_price) == (0, 0)


def test_a_stored_state_that_does_not_read_back_costs_the_counters_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    rig = Rig(estimated=True)
    quotes = [packet(i, i, 2_490_000, 1_000 + 75 * i) for i in range(1, 5)]
    rig.play(quotes[:3])
    checkpoint, _ = rig.store.states[SYMBOL].split(b"\n")
    for broken in (checkpoint + b"\nof a later release", b"of a later release"):
        rig.store.states[SYMBOL] = broken
        rig.begin()
        assert rig.state().open_bars.trades.tolist() == [2]
    assert caplog.text.count("does not decode") == 2
    # The next packet is a baseline: nothing is doubled, at worst an update is missed.
    rig.play(quotes[3:], [packet(5, 5, 2_490_000, 1_400)])
    assert rig.state().open_bars.volume.tolist() == [150 + 100]
    assert rig.state().totals.volume == 150 + 100


def test_the_book_of_a_true_trade_feed_is_shown_and_infers_nothing() -> None:
    rig = Rig()
    rig.play([packet(1, 1, 2_490_000, 1_000), one(2), packet(2, 3, 2_490_000, 9_000)])
    assert rig.state().totals.volume == 75
    assert rig.state().quote == packet(2, 3, 2_490_000, 9_000)
    assert rig.store.resumes[SYMBOL].event_ns == START + 2 * SECOND
    many = [packet(i, i, 2_490_000, 1_000 * i) for i in range(3, 9)]
    rig.play(
        many, [QuotesEvent(SYMBOL, QuoteArrays.of(many)), QuotesEvent(SYMBOL, QuoteArrays.of([]))]
    )
    assert rig.state().quote == many[-1]
    assert rig.state().totals.volume == 75


def test_trades_that_somebody_added_are_in_the_open_minute_too() -> None:
    rig = Rig()
    rig.play([one(1)])
    imported = one(2).trades.replace(seq=[2])
    rig.store.trades[SYMBOL] = Trades.concat([rig.store.trades[SYMBOL], imported])
    rig.begin()
    assert rig.state().open_bars.trades.tolist() == [2]
    assert rig.state().trade_seq == 2


def test_a_tick_that_changed_rebuilds_the_open_minute_at_the_new_level() -> None:
    rig = Rig()
    rig.play([one(1, 2_490_010), one(2, 2_490_000)])
    rig.begin(instruments=[replace(NIFTY, tick_size=20)])
    assert rig.state().open_bars.level_size == 20
    assert rig.state().open_bars.level_price.tolist() == [2_490_000]


def test_a_restart_does_not_read_the_open_minutes_trades_again() -> None:
    rig = Rig()
    rig.play([one(1), one(2)])
    rig.recorder.open_trades = pytest.fail  # type: ignore[method-assign, assignment]
    rig.begin()
    assert rig.state().open_bars.trades.tolist() == [2]


def test_heartbeats_mean_nothing_to_a_true_trade_feed() -> None:
    rig = Rig()
    rig.play([one(1)], [Heartbeat(START), one(2), Heartbeat(START)], [Heartbeat(START)])
    assert rig.state().totals.trades == 2


# ------------------------------------------------------------------------------ the board


def test_each_publish_has_the_next_version_and_only_changed_instruments() -> None:
    rig = Rig()
    both = (NIFTY, BANK)
    rig.play([one(1), trades_event(one(1).trades, BANK.symbol)], [one(2)], [], instruments=both)
    # The first publish with data is followed by one of the changed feed state.
    shown = [sorted(s.symbol for s in states) for states in rig.board.publishes]
    assert shown == [[BANK.symbol, SYMBOL], [BANK.symbol, SYMBOL], [SYMBOL]]
    versions = [state.version for states in rig.board.publishes for state in states]
    assert versions == [2, 2, 3, 3, 4]
    assert rig.state(BANK.symbol).open_bars.version.tolist() == [2]
    assert rig.state().open_bars.version.tolist() == [4]


def test_the_next_leader_continues_the_version_and_shows_everything_at_once() -> None:
    rig = Rig()
    last = rig.play([one(1)], [one(2)]).version
    rig.begin()
    assert rig.state().version == last + 1
    assert rig.state().trade_seq == 2
    assert rig.state().open_bars.trades.tolist() == [2]
    assert rig.state().last_price == 2_490_000


def test_a_lost_board_starts_far_above_what_readers_may_have_seen() -> None:
    rig = Rig()
    rig.play([one(1)])
    rig.board.lose()
    rig.begin()
    assert rig.state().version == rig.store.version + VERSION_JUMP + 1


def test_an_empty_store_and_board_start_at_the_first_version() -> None:
    rig = Rig()
    assert rig.begin().version == 1
    assert not rig.board.publishes


def test_a_board_lost_at_run_time_is_filled_again_within_a_second() -> None:
    rig = Rig()
    pipeline = rig.play([one(1)])
    version = rig.state().version
    rig.board.lose()
    for _ in range(30):
        pipeline.cycle()
    assert rig.state().version == version + 1


def test_a_board_lost_under_a_busy_feed_gets_its_quiet_instruments_back() -> None:
    rig = Rig()
    quiet = trades_event(one(1).trades, BANK.symbol)
    pipeline = rig.play([one(1), quiet], instruments=(NIFTY, BANK))
    rig.board.lose()
    rig.feed.script.append([one(2)])
    pipeline.cycle()
    assert rig.state(BANK.symbol).trade_seq == 1
    assert rig.state().trade_seq == 2


def test_the_heart_beats_each_second_and_leaves_the_version_alone() -> None:
    rig = Rig()
    pipeline = rig.play([one(1)])
    version, before = rig.board.version(), len(rig.board.statuses)
    beats = {status.heartbeat_ns for status in rig.board.statuses}
    for _ in range(100):
        pipeline.cycle()
    assert rig.board.version() == version
    added = rig.board.statuses[before:]
    assert 4 <= len(added) <= 5
    assert len(beats | {s.heartbeat_ns for s in added}) == len(beats) + len(added)
    assert {status.state for status in added} == {FeedState.LIVE}


def test_a_change_of_the_feeds_state_is_published_with_a_new_version() -> None:
    rig = Rig()
    rig.play([one(1)])
    version = rig.board.version()
    rig.play([StateChange(FeedState.PREPARING, "The past is written.")])
    assert rig.board.version() > version
    status = rig.board.read_status()
    assert status is not None
    assert (status.state, status.cause) == (FeedState.PREPARING, "The past is written.")


def test_data_ends_starting_and_leaves_preparing_to_the_feed() -> None:
    rig = Rig()
    rig.play([StateChange(FeedState.PREPARING)], [one(1)])
    states = [rig.status.state]
    rig.play([one(2)])
    states.append(rig.status.state)
    assert states == [FeedState.PREPARING, FeedState.LIVE]


def test_changes_of_state_take_effect_in_their_place() -> None:
    rig = Rig()
    changes: list[FeedEvent] = [StateChange(FeedState.PREPARING), one(1)]
    changes += [StateChange(FeedState.LIVE), one(2)]
    rig.play([*changes, StateChange(FeedState.FINISHED)])
    shown = [status.state for status in rig.board.statuses]
    assert [state for state, _ in groupby(shown)] == [
        FeedState.STARTING,
        FeedState.PREPARING,
        FeedState.LIVE,
        FeedState.FINISHED,
    ]
    assert rig.stored().trades.tolist() == [2]


def test_a_new_session_starts_the_counters_anew() -> None:
    rig = Rig()
    gap = Gap(SYMBOL, START, START + SECOND, 50, 2_490_000, "cut")
    rig.play([gap, one(1)], [one(86_400)], [one(5, size=10)])
    state = rig.state()
    assert state.session_ns == START // DAY * DAY + DAY
    assert (state.gaps, state.provenance.unattributed, state.totals.volume) == (0, 0, 75)
    assert state.first_ns == START + 86_400 * SECOND
    # Yesterday's late trade is in yesterday's bar.
    assert rig.stored().volume.tolist() == [50 + 75 + 10]


def test_counters_of_a_poll_that_crosses_midnight() -> None:
    rig = Rig()
    rig.play([one(1, size=5), one(86_400, size=7), one(2, size=11), one(86_401, size=13)])
    assert rig.state().totals.volume == 20
    assert sum(rig.state().provenance.by_rule) == 20
    assert rig.state().session_ns == START // DAY * DAY + DAY


def test_silence_is_the_longest_between_trades_by_event_time() -> None:
    rig = Rig()
    rig.play([one(1)], [one(4), one(20)])
    assert rig.state().provenance.longest_silence_ns == 16 * SECOND


def test_the_rate_is_of_the_last_ten_seconds() -> None:
    rig = Rig()
    polls = [[one(second), one(second), one(second)] for second in range(1, 21)]
    pipeline = rig.play(*polls)
    assert rig.state().updates_per_s == 3.0
    rig.clock.advance(30)
    rig.feed.script.append([one(60)])
    pipeline.cycle()
    assert rig.state().updates_per_s == 1.0
    rig.clock.advance(-3_600)
    rig.feed.script.append([one(61), one(62)])
    pipeline.cycle()
    assert rig.state().updates_per_s == 2.0, "the clock was set back"


def test_totals_hold_the_sessions_prices() -> None:
    rig = Rig()
    rig.play([one(1, 100)], [one(2, 140, side=-1)], [one(3, 80, side=0)], [one(4, 90)])
    totals = rig.state().totals
    assert (totals.open, totals.high, totals.low) == (100, 140, 80)
    assert (totals.delta, totals.unknown_volume, totals.trades) == (75, 75, 4)


def test_the_feed_goes_on_behind_the_last_committed_trade() -> None:
    rig = Rig()
    trades = tape(10)
    rig.play([trades_event(trades.take(slice(0, 6)))])
    rig.begin()
    assert rig.feed.resume is not None
    point = rig.feed.resume[SYMBOL]
    assert (point.source_seq, point.event_ns) == (6, int(trades.event_ns[5]))
    assert point.session_ns == START // DAY * DAY


def test_minutes_of_two_instruments_close_apart() -> None:
    rig = Rig()
    rig.play(
        [one(1), trades_event(one(1).trades, BANK.symbol)], [one(61)], instruments=(NIFTY, BANK)
    )
    assert len(rig.stored()) == 1
    assert BANK.symbol not in rig.store.bars
    assert rig.state(BANK.symbol).open_bars.level_size == 20
    assert int(rig.state().open_bars.end_ns[0]) == START + 2 * MINUTE_NS


# ------------------------------------------------------------------------------ retention


def days_of_trades(days: int) -> list[list[FeedEvent]]:
    """Return a poll with one trade for each of some days."""
    return [[one(day * 86_400.0)] for day in range(days)]


def kept_days(rig: Rig) -> list[int]:
    """Return on which days after the first there still are raw trades."""
    return sorted({(int(ns) - START) // DAY for ns in rig.store.trades[SYMBOL].event_ns})


def test_trades_older_than_the_retention_go_at_each_new_session_and_bars_stay() -> None:
    rig = Rig()
    rig.keep_days = 2
    pipeline = rig.play(*days_of_trades(5))
    for _ in range(5):
        pipeline.cycle()
    # Day 2 opened two days and ten hours before the newest trade.
    assert kept_days(rig) == [3, 4]
    assert rig.stored().trades.tolist() == [1, 1, 1, 1]


def test_a_new_leader_deletes_what_grew_old_meanwhile() -> None:
    rig = Rig()
    rig.play(*days_of_trades(4))
    assert kept_days(rig) == [0, 1, 2, 3]
    rig.keep_days = 1
    pipeline = rig.begin()
    for _ in range(5):
        pipeline.cycle()
    assert kept_days(rig) == [3]


def test_without_retention_and_in_a_replay_everything_stays() -> None:
    rig = Rig()
    pipeline = rig.play(*days_of_trades(4))
    rig.keep_days, rig.mode = 1, FeedMode.REPLAY
    replayed = rig.begin()
    for _ in range(5):
        pipeline.cycle()
        replayed.cycle()
    assert kept_days(rig) == [0, 1, 2, 3]


def test_old_trades_that_cannot_be_deleted_do_not_stop_the_feed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    rig = Rig()
    rig.keep_days = 1
    tries: list[int] = []

    def refuse(before_session_ns: int) -> bool:
        tries.append(before_session_ns)
        raise StoreError("the disk is full")

    monkeypatch.setattr(rig.recorder, "prune_trades", refuse)
    rig.play(*days_of_trades(3), [], [])
    assert len(rig.store.trades[SYMBOL]) == 3
    assert len(tries) == 3, "once per session"
    assert "the disk is full" in caplog.text
