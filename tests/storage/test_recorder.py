from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dashboard.domain.bars import BarOrigin, Bars
from dashboard.domain.merge import merge
from dashboard.domain.quote import Gap
from dashboard.domain.trade import Trades
from dashboard.errors import ForeignStoreError, InstrumentUnknownError, StoreError
from dashboard.ports import History, Recorder, ResumePoint
from dashboard.storage import cleanup, queries
from dashboard.storage.history import SqliteHistory
from dashboard.storage.recorder import SqliteRecorder
from tests.storage.samples import (
    BTC,
    DAY,
    MIN,
    OPEN,
    assert_same_bars,
    assert_same_trades,
    batch,
    make_trades,
    minutes,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def recorder(path: Path) -> SqliteRecorder:
    made = SqliteRecorder(path, durable=False)
    made.add_instrument(BTC)
    return made


@pytest.fixture
def history(path: Path, recorder: SqliteRecorder) -> SqliteHistory:  # noqa: ARG001 - makes the file
    return SqliteHistory(path)


def test_they_are_the_ports(recorder: SqliteRecorder, history: SqliteHistory) -> None:
    port: Recorder = recorder
    read: History = history
    assert port.last_version() == read.generation() == 0


def test_what_is_recorded_reads_back(recorder: SqliteRecorder, history: SqliteHistory) -> None:
    trades = make_trades(400)
    bars = minutes(trades, version=7)
    recorder.record([batch(trades, bars, version=7)])
    assert_same_trades(history.read_trades("BTC"), trades)
    assert_same_bars(history.read_bars("BTC"), bars)
    assert history.read_bars("BTC").origin == BarOrigin(interval_s=60)
    assert recorder.last_seq("BTC") == 400


def test_state_and_resume_point_are_of_the_last_batch(recorder: SqliteRecorder) -> None:
    assert recorder.resume_point("BTC") == ResumePoint()
    assert recorder.ingest_state("BTC") == b""
    for n in (1, 2):
        recorder.record([batch(state=b"state %d" % n, resume=ResumePoint(n, 10 * n, OPEN))])
    assert recorder.ingest_state("BTC") == b"state 2"
    assert recorder.resume_point("BTC") == ResumePoint(2, 20, OPEN)


def test_nothing_is_known_of_an_unknown_symbol(recorder: SqliteRecorder) -> None:
    assert recorder.last_seq("X") == 0
    assert recorder.ingest_state("X") == b""
    assert recorder.resume_point("X") == ResumePoint()
    assert len(recorder.open_trades("X")) == 0
    assert recorder.closed_bar("X", OPEN, 0) is None
    with pytest.raises(InstrumentUnknownError):
        recorder.record([batch(symbol="X")])


def test_the_version_only_rises(recorder: SqliteRecorder) -> None:
    recorder.record([])
    recorder.record([batch(version=9)])
    recorder.record([batch(version=4)])
    assert recorder.last_version() == 9


def test_totals_follow_trades_over_sessions(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    trades = make_trades(100, start=OPEN + DAY - 40 * 10**9)
    recorder.record([batch(trades.take(slice(0, 70)))])
    recorder.record([batch(trades.take(slice(70, 100)))])
    first, second = history.sessions("BTC")
    assert (first.trades, second.trades) == (40, 60)
    assert first.volume == int(trades.size[:40].sum())
    assert second.volume == int(trades.size[40:].sum())
    assert (first.first_ns, first.last_ns) == (trades.event_ns[0], trades.event_ns[39])
    assert (second.session_ns, second.close_ns) == (OPEN + DAY, OPEN + 2 * DAY)
    assert (first.date, first.label, first.confirmed) == ("2024-08-09", "2024-08-09", True)
    assert history.has_trades("BTC", OPEN)
    assert not history.has_trades("BTC", OPEN + 5 * DAY)


def test_a_gap_counts_in_the_session_in_which_it_ends(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    quiet = Gap("BTC", OPEN + DAY - 5, OPEN + DAY + 5, 0, 618_000, "no data for 9 s")
    loud = replace(quiet, start_ns=OPEN + 1, end_ns=OPEN + 2, volume=50)
    recorder.record([batch(make_trades(3), gaps=[quiet, loud])])
    (session,) = history.sessions("BTC")
    assert session.volume == int(make_trades(3).size.sum()) + 50
    assert history.read_gaps("BTC", OPEN) == [loud]
    assert history.read_gaps("BTC", OPEN + DAY) == [quiet]


def test_bars_without_trades_make_a_session_of_their_own(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    bars = minutes(make_trades(200))
    recorder.record([batch(bars=bars)])
    (session,) = history.sessions("BTC")
    assert (session.trades, session.volume) == (200, int(bars.volume.sum()))
    assert (session.first_ns, session.last_ns) == (bars.start_ns[0], bars.end_ns[-1])
    assert not history.has_trades("BTC", OPEN)


def test_replacing_and_appending_bars_leaves_the_generation(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    bars = minutes(make_trades(200))
    recorder.record([batch(bars=bars.take(0, 2))])
    recorder.record([batch(bars=bars.take(0, 1).with_columns(version=np.array([8])), version=8)])
    recorder.record([batch(bars=bars.take(2, 3))])
    assert history.generation() == 0
    assert history.read_bars("BTC").version.tolist() == [8, 1, 1]
    assert history.read_bars("BTC", after_version=7).ordinal.tolist() == [0]


@pytest.mark.parametrize("missing", [1, 2], ids=["same session", "session before"])
def test_a_bar_inserted_before_the_newest_raises_the_generation(
    recorder: SqliteRecorder, history: SqliteHistory, missing: int
) -> None:
    late = minutes(make_trades(60, start=OPEN + MIN - (missing - 1) * DAY))
    around = minutes(make_trades(180)).select(np.array([True, False, True]))
    recorder.record([batch(bars=around)])
    assert history.generation() == 0
    recorder.record([batch(bars=late)])
    assert history.generation() == 1
    stored = history.read_bars("BTC")
    assert (np.diff(stored.keys) > 0).all()
    assert len(stored) == 3


def test_a_cycle_is_stored_whole_or_not_at_all(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    with pytest.raises(InstrumentUnknownError):
        recorder.record([batch(make_trades(5), version=3), batch(symbol="X")])
    assert len(history.read_trades("BTC")) == 0
    assert recorder.last_version() == recorder.last_seq("BTC") == 0


def test_trades_that_do_not_continue_are_refused(recorder: SqliteRecorder) -> None:
    recorder.record([batch(make_trades(5))])
    for first_seq in (5, 7):
        with pytest.raises(StoreError, match="stored up to 5"):
            recorder.record([batch(make_trades(3, first_seq=first_seq))])
    assert recorder.last_seq("BTC") == 5


def test_bars_of_two_levels_never_share_a_session(recorder: SqliteRecorder) -> None:
    bars = minutes(make_trades(120))
    recorder.record([batch(bars=bars.take(0, 1))])
    with pytest.raises(StoreError, match="another source or level size"):
        recorder.record([batch(bars=replace(bars.take(1, 2), level_size=2))])


def test_open_trades_are_those_without_a_bar(recorder: SqliteRecorder) -> None:
    trades = make_trades(200)  # minutes 0, 1, 2 whole and 20 s of minute 3
    recorder.record([batch(trades, minutes(trades).take(0, 2))])
    still_open = recorder.open_trades("BTC")
    assert still_open.seq.tolist() == list(range(121, 201))
    assert_same_trades(still_open, trades.take(slice(120, 200)))


def test_a_late_trade_hides_no_open_minute(recorder: SqliteRecorder) -> None:
    trades = make_trades(70)
    late = make_trades(1, first_seq=71, start=OPEN - 60 * 10**9)
    both = Trades.concat([trades, late])
    recorder.record([batch(trades, minutes(trades).take(0, 1))])
    recorder.record([batch(late, minutes(both).take(0, 1))])
    assert recorder.open_trades("BTC").seq.tolist() == list(range(61, 71))


def test_open_trades_are_found_far_back(
    recorder: SqliteRecorder, history: SqliteHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "_TAILS", (16,))
    trades = make_trades(200)
    recorder.record([batch(trades, minutes(trades).take(0, 1))])
    assert recorder.open_trades("BTC").seq.tolist() == list(range(61, 201))
    assert history.open_trades("BTC").seq.tolist() == list(range(61, 201))


def test_the_store_rebuilds_the_whole_session(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    trades = make_trades(333)
    recorder.record([batch(trades, minutes(trades).take(0, 4))])
    rebuilt = merge(history.read_bars("BTC"), minutes(recorder.open_trades("BTC")))
    assert_same_bars(rebuilt, minutes(trades))


def test_one_closed_bar_is_found(recorder: SqliteRecorder) -> None:
    bars = minutes(make_trades(200))
    recorder.record([batch(bars=bars.take(0, 3))])
    found = recorder.closed_bar("BTC", OPEN, 1)
    assert isinstance(found, Bars)
    assert_same_bars(found, bars.take(1, 2))
    assert recorder.closed_bar("BTC", OPEN, 3) is None
    assert recorder.closed_bar("BTC", OPEN + DAY, 1) is None


def test_pruning_keeps_bars_and_the_newest_session(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    trades = make_trades(30, step=DAY // 10)
    bars = minutes(trades)
    recorder.record([batch(trades, bars)])
    before = history.generation()
    turns = prune(recorder, OPEN + 9 * DAY)
    assert turns == 2
    assert history.generation() == before + 1
    assert [history.has_trades("BTC", s.session_ns) for s in history.sessions("BTC")] == [
        False, False, True,
    ]  # fmt: skip
    assert_same_trades(history.read_trades("BTC"), trades.take(slice(20, 30)))
    assert_same_bars(history.read_bars("BTC"), bars)
    assert [s.trades for s in history.sessions("BTC")] == [10, 10, 10]
    assert prune(recorder, OPEN + 9 * DAY) == 0
    assert history.generation() == before + 1


def prune(recorder: SqliteRecorder, before_ns: int) -> int:
    """Prune to the end; return after how many calls there was nothing left."""
    turns = 0
    while recorder.prune_trades(before_ns):
        turns += 1
    return turns


def stored_rows(recorder: SqliteRecorder) -> int:
    (rows,) = recorder._db.execute("SELECT count(*) FROM trades").fetchone()
    return int(rows)


def test_pruning_goes_in_handfuls_that_the_next_writer_goes_on_with(
    recorder: SqliteRecorder, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "_PRUNE_ROWS", 3)
    trades = make_trades(30, step=DAY // 10)
    recorder.record([batch(trades, minutes(trades))])
    assert recorder.prune_trades(OPEN + 9 * DAY)
    assert stored_rows(recorder) == 27
    recorder.close()
    # What is marked is gone for readers, whatever is still to be deleted.
    assert len(SqliteHistory(path).read_trades("BTC")) == 10
    again = SqliteRecorder(path, durable=False)
    assert stored_rows(again) == 27
    # Nothing older any more: the rest is deleted all the same.
    assert prune(again, 0) == 7
    assert stored_rows(again) == 10
    again.close()


def test_a_session_with_trades_that_no_bar_contains_is_not_pruned(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    trades = make_trades(30, step=DAY // 10)
    bars = minutes(trades)
    recorder.record([batch(trades, bars.take(0, 15))])
    prune(recorder, OPEN + 9 * DAY)
    assert_same_trades(history.read_trades("BTC"), trades.take(slice(10, 30)))
    assert len(history.open_trades("BTC")) == 15


def test_sessions_keep_the_tick_and_lot_they_began_with(
    recorder: SqliteRecorder, history: SqliteHistory
) -> None:
    recorder.record([batch(make_trades(1))])
    stored = recorder.add_instrument(replace(BTC, tick_size=2, lot_size=65, token="99"))
    assert (stored.tick_size, stored.lot_size, stored.token) == (2, 65, "99")
    assert history.find_instrument("BTC") == stored
    recorder.record([batch(make_trades(1, first_seq=2, start=OPEN + DAY))])
    assert [(s.tick_size, s.lot_size) for s in history.sessions("BTC")] == [(1, 1), (2, 65)]


@pytest.mark.parametrize(
    "other",
    [
        replace(BTC, price_scale=100),
        replace(BTC, size_scale=1000),
        replace(BTC, calendar="nse-fo"),
        replace(BTC, simulated=True),
    ],
    ids=["price units", "size units", "calendar", "simulated"],
)
def test_a_symbol_stays_one_kind_of_thing(recorder: SqliteRecorder, other: object) -> None:
    with pytest.raises(StoreError, match="another symbol"):
        recorder.add_instrument(other)  # type: ignore[arg-type]


def test_a_foreign_file_is_not_recorded_into(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("mine")
    with pytest.raises(ForeignStoreError):
        SqliteRecorder(path)
    assert path.read_text() == "mine"


def test_a_durable_recorder_syncs_each_commit(path: Path) -> None:
    with_sync = SqliteRecorder(path)
    without = SqliteRecorder(path, durable=False)
    assert with_sync._db.execute("PRAGMA synchronous").fetchone() == (2,)
    assert without._db.execute("PRAGMA synchronous").fetchone() == (1,)
    with_sync.close()
    with_sync.close()
    without.close()
