from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dashboard.domain.trade import NO_PRICE, SideRule
from dashboard.errors import (
    ForeignStoreError,
    ImportFault,
    InputError,
    StoreError,
    StoreLockedError,
)
from dashboard.storage import cleanup
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers import common
from dashboard.storage.importers.common import ImportReport, ImportRun
from dashboard.storage.importers.trades_csv import import_trades
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.schema import import_lock
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
    write_csv,
)
from tests.support import SHARED

TAPE = SHARED / "data" / "btcusd_perp_20240809" / "trades.csv"
SIDES = {1: "B", -1: "S", 0: ""}


def row(at: int, price: str = "100.5", size: str = "3", side: str = "B", quotes: str = ",") -> str:
    return f"{at},{price},{size},{side},{quotes},"


def rows_of(count: int, start: int = OPEN, step: int = 10**9) -> list[str]:
    return [
        row(start + i * step, f"{100 + i % 7}.{i % 2 * 5}", str(1 + i % 5), "BS"[i % 2])
        for i in range(count)
    ]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


def take(store: Path, *lines: str, name: str = "t.csv", **options: Any) -> ImportReport:  # noqa: ANN401 - whatever import_trades takes
    path = write_csv(store.parent / name, *lines)
    return import_trades(store, [path], **{"symbol": "X"} | options)


def content(store: Path) -> list[str]:
    """Return everything in a store as SQL text."""
    with closing(sqlite3.connect(store)) as db:
        return list(db.iterdump())


def test_trades_bars_and_sessions_of_a_file(store: Path) -> None:
    report = take(store, *rows_of(200, OPEN + DAY - 100 * 10**9), calendar="24x7")
    assert (report.rows_read, report.rows_added, report.sessions) == (200, 200, 2)
    history = SqliteHistory(store)
    trades = history.read_trades("X")
    assert trades.seq.tolist() == list(range(1, 201))
    assert trades.price[:3].tolist() == [1000, 1015, 1020]
    assert trades.receive_ns.tolist() == trades.event_ns.tolist()
    assert set(trades.rule.tolist()) == {SideRule.SOURCE}
    assert set(trades.bid.tolist()) == {NO_PRICE}
    instrument = history.find_instrument("X")
    assert instrument == report.instrument
    assert (instrument.price_scale, instrument.tick_size, instrument.size_scale) == (10, 5, 1)
    bars = history.read_bars("X")
    assert report.bars == len(bars)
    expected = replace(minutes(trades, version=0), level_size=5)
    assert_same_bars(bars, expected)
    assert [s.trades for s in history.sessions("X")] == [100, 100]
    assert [s.volume for s in history.sessions("X")] == [300, 300]
    assert len(history.open_trades("X")) == 0
    assert history.generation() == 1


def test_the_same_file_twice_changes_nothing(store: Path) -> None:
    lines = [*rows_of(50), *rows_of(50)]  # everything is a twin
    take(store, *lines)
    before = content(store)
    report = take(store, *lines)
    assert (report.rows_read, report.rows_added, report.sessions) == (100, 0, 0)
    assert content(store) == before
    assert "100 of the trades were there already" in " ".join(report.notes)


def test_rows_are_sorted_stably_by_time(store: Path) -> None:
    lines = [row(OPEN + t * 10**9, size=str(n)) for n, t in enumerate([5, 1, 5, 1, 3], start=1)]
    take(store, *lines)
    assert SqliteHistory(store).read_trades("X").size.tolist() == [2, 4, 5, 1, 3]


def test_an_overlapping_file_adds_its_news_in_time_order(store: Path) -> None:
    lines = rows_of(300)
    take(store, *lines[:200])
    report = take(store, *lines[100:], name="u.csv")
    assert report.rows_added == 100
    again = take(store, *lines[150:250], name="v.csv")
    assert again.rows_added == 0
    whole = store.with_name("whole.db")
    import_trades(whole, [write_csv(store.parent / "w.csv", *lines)], symbol="X")
    joined, at_once = SqliteHistory(store), SqliteHistory(whole)
    assert_same_trades(joined.read_trades("X"), at_once.read_trades("X"), but=["seq"])
    assert_same_bars(
        joined.read_bars("X").with_columns(last_seq=at_once.read_bars("X").last_seq),
        at_once.read_bars("X"),
    )
    assert [s.trades for s in joined.sessions("X")] == [300]


def test_an_earlier_file_after_a_later_one(store: Path) -> None:
    lines = rows_of(120)
    take(store, *lines[60:])
    take(store, *lines[:60], name="u.csv")
    trades = SqliteHistory(store).read_trades("X")
    assert (np.diff(trades.event_ns) > 0).all()
    assert len(trades) == 120


def test_sessions_read_by_time_whenever_they_were_imported(store: Path) -> None:
    for n, day in enumerate((2, 0, 1)):
        take(store, *rows_of(20, OPEN + day * DAY), name=f"{n}.csv")
    recorder = SqliteRecorder(store, durable=False)
    number = recorder.last_seq("X") + 1
    recorder.record([batch(make_trades(5, first_seq=number, start=OPEN + 3 * DAY), symbol="X")])
    recorder.close()
    history = SqliteHistory(store)
    trades = history.read_trades("X")
    assert (np.diff(trades.event_ns) > 0).all()
    assert trades.seq.tolist() == [*range(21, 61), *range(1, 21), *range(61, 66)]
    assert history.read_trades("X", limit=45).seq.tolist() == [*range(21, 61), *range(1, 6)]
    assert history.read_trades("X", after_seq=58).seq.tolist() == [59, 60, *range(61, 66)]
    assert len(history.read_trades("X", OPEN + DAY, limit=0)) == 0


def test_several_files_join_and_overlaps_count_once(store: Path) -> None:
    lines = rows_of(90)
    files = [
        write_csv(store.parent / f"{n}.csv", *part)
        for n, part in enumerate((lines[30:70], lines[:40], lines[60:]))
    ]
    report = import_trades(store, files, symbol="X")
    assert (report.rows_read, report.rows_added) == (110, 90)
    assert SqliteHistory(store).read_trades("X").event_ns.tolist() == [
        OPEN + i * 10**9 for i in range(90)
    ]


def test_a_quote_or_side_makes_another_trade(store: Path) -> None:
    lines = [row(OPEN), row(OPEN, quotes="100.4,100.5"), row(OPEN, side="S"), row(OPEN)]
    take(store, *lines)
    assert take(store, *reversed(lines)).rows_added == 0
    assert len(SqliteHistory(store).read_trades("X")) == 4


# --------------------------------------------------------------------------- faults change nothing


@pytest.mark.parametrize(
    ("lines", "options", "reason"),
    [
        ([row(OPEN), "x"], {}, "t.csv, line 3: the row has 1 fields"),
        ([row(OPEN), row(OPEN, "1.2345")], {}, "t.csv, line 3: the price 1.2345"),
        ([row(OPEN, size="1.5")], {}, "t.csv, line 2: the size 1.5"),
        ([row(OPEN, "100.3")], {"tick_size": Decimal("0.5")}, "price 100.3 is no multiple"),
    ],
)  # fmt: skip
def test_a_fault_leaves_the_store_as_it_was(
    store: Path, lines: list[str], options: dict[str, Any], reason: str
) -> None:
    take(store, *rows_of(5))
    before = content(store)
    with pytest.raises(ImportFault) as caught:
        take(store, *lines, **options)
    assert reason in caught.value.user_text
    assert content(store) == before


def test_a_finer_file_is_refused_with_the_remedy(store: Path) -> None:
    take(store, *rows_of(5))
    with pytest.raises(ImportFault, match=r"finer than 1/10.*under another symbol"):
        take(store, row(OPEN, "100.55"))
    with pytest.raises(ImportFault, match="or the quote beside it"):
        take(store, row(OPEN, quotes="100.45,"))
    assert take(store, row(OPEN, "100.55"), symbol="Y").instrument.price_scale == 100


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"calendar": "nyse"}, "calendar"),
        ({"tick_size": Decimal(0)}, "tick-size"),
        ({"lot_size": 0}, "lot-size"),
        ({"symbol": " "}, "symbol"),
    ],
)
def test_a_wrong_parameter_is_named(store: Path, options: dict[str, Any], name: str) -> None:
    with pytest.raises(InputError, match=name):
        take(store, row(OPEN), **options)
    assert not store.exists()


def test_a_tick_finer_than_the_stored_units_is_refused(store: Path) -> None:
    take(store, *rows_of(5))
    with pytest.raises(InputError, match="tick-size"):
        take(store, row(OPEN + DAY), tick_size=Decimal("0.05"))
    with pytest.raises(InputError, match="24x7, as X is stored"):
        take(store, row(OPEN + DAY), calendar="nse-fo")


def test_a_foreign_file_is_not_imported_into(store: Path) -> None:
    store.write_text("mine")
    with pytest.raises(ForeignStoreError):
        take(store, row(OPEN))
    assert store.read_text() == "mine"


def test_one_import_at_a_time(store: Path) -> None:
    with import_lock(store), pytest.raises(StoreLockedError, match="Another import"):
        take(store, row(OPEN))


# ------------------------------------------------------------------------------- what is inferred


@pytest.mark.parametrize(
    ("prices", "tick", "scale"),
    [
        (["100.5", "101", "102.5"], "0.5", 10),
        (["24900.05", "24900.10", "24900.20"], "0.05", 100),
        (["61804.80000000", "61811.30000000"], "0.1", 10),
        (["0.00001234", "0.00001236"], "0.00000002", 10**8),
        (["100", "100"], "1", 1),
    ],
)
def test_tick_and_units_are_inferred(store: Path, prices: list[str], tick: str, scale: int) -> None:
    report = take(store, *(row(OPEN + i, price) for i, price in enumerate(prices)))
    assert report.instrument.price_scale == scale
    assert report.instrument.price_of(report.instrument.tick_size) == Decimal(tick)
    assert any("tick size" in note for note in report.notes)


def test_nse_prices_are_always_paise(store: Path) -> None:
    morning = 1_757_562_300 * 10**9  # 11 September 2025, 09:15 in Kolkata
    report = take(store, row(morning, "24900"), row(morning + 1, "24901"), lot_size=75)
    assert report.instrument == replace(
        report.instrument, calendar="nse-fo", price_scale=100, tick_size=100, lot_size=75
    )
    (session,) = SqliteHistory(store).sessions("X")
    assert (session.date, session.session_ns, session.confirmed) == ("2025-09-11", morning, True)


def test_a_session_may_need_a_finer_tick_than_the_one_before(store: Path) -> None:
    take(store, row(OPEN, "100.0"), row(OPEN + 1, "110.5"))
    report = take(store, row(OPEN + DAY, "100.1"), row(OPEN + DAY + 1, "100.3"))
    history = SqliteHistory(store)
    assert [s.tick_size for s in history.sessions("X")] == [5, 1]
    assert history.find_instrument("X") == report.instrument
    assert report.instrument.tick_size == 1
    assert history.read_bars("X").level_size == 1
    earlier = take(store, row(OPEN - DAY, "100"), tick_size=Decimal("0.2"), name="e.csv")
    assert earlier.instrument.tick_size == 2
    assert history.find_instrument("X") == report.instrument
    take(store, row(OPEN + 2, "100.2"), name="u.csv")
    assert [s.tick_size for s in history.sessions("X")] == [2, 1, 1]


def test_fractional_sizes_are_scaled(store: Path) -> None:
    report = take(store, row(OPEN, size="0.015"), row(OPEN, size="2"))
    assert (report.instrument.size_scale, report.instrument.lot_size) == (1000, 1000)
    assert SqliteHistory(store).read_trades("X").size.tolist() == [15, 2000]


def test_sides_that_no_file_gives_are_inferred_and_marked(store: Path) -> None:
    header = "ts_ns,price,qty,bid,ask"
    path = write_csv(
        store.parent / "t.csv",
        f"{OPEN},100.5,1,100.4,100.5", f"{OPEN + 1},100.4,1,100.4,100.5", f"{OPEN + 2},100.6,1,,",
        f"{OPEN + 3},100.6,1,,", header=header,
    )  # fmt: skip
    report = import_trades(store, [path], symbol="X")
    trades = SqliteHistory(store).read_trades("X")
    assert trades.side.tolist() == [1, -1, 1, 1]
    assert trades.rule.tolist() == [
        SideRule.QUOTE, SideRule.QUOTE, SideRule.TICK, SideRule.TICK0,
    ]  # fmt: skip
    assert "2 were inferred from the quotes, 2 from the price's moves" in " ".join(report.notes)
    assert import_trades(store, [path], symbol="X").rows_added == 0


def test_a_blank_among_true_sides_stays_unknown(store: Path) -> None:
    report = take(store, row(OPEN), row(OPEN + 1, side="", quotes="100.4,100.5"))
    trades = SqliteHistory(store).read_trades("X")
    assert trades.side.tolist() == [1, 0]
    assert trades.rule.tolist() == [SideRule.SOURCE, SideRule.UNKNOWN]
    assert "1 trades have no side" in " ".join(report.notes)
    assert int(SqliteHistory(store).read_bars("X").unknown_volume[0]) == 3


def test_skipped_rows_are_reported(store: Path) -> None:
    report = take(store, row(OPEN), row(OPEN, size="0"), skip_bad_rows=True)
    assert report.rows_added == 1
    assert "1 bad rows were left out." in report.notes


# ------------------------------------------------------------------------------ visibility, rivals


def test_nothing_is_seen_before_all_is_there(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(store, *rows_of(30))
    history = SqliteHistory(store)
    seen: list[tuple[int, int, int]] = []
    finish = ImportRun.finish

    def look_first(run: ImportRun) -> None:
        seen.append(
            (len(history.read_trades("X")), len(history.instruments()), history.generation())
        )
        finish(run)

    monkeypatch.setattr(ImportRun, "finish", look_first)
    take(store, *rows_of(60), name="u.csv")
    take(store, *rows_of(60), name="u.csv", symbol="Y")
    assert seen == [(30, 1, 1), (60, 1, 2)]
    assert (len(history.read_trades("X")), len(history.instruments())) == (60, 2)


def test_what_an_aborted_import_left_is_removed(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, *rows_of(30))
    before = content(store)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        # As after a kill -9: neither finished nor tidied up.
        patch.setattr(ImportRun, "finish", die)
        patch.setattr(cleanup, "drop_unfinished", lambda *_: None)
        for symbol in ("X", "Y"):
            with pytest.raises(KeyboardInterrupt):
                take(store, *rows_of(60), symbol=symbol)
    history = SqliteHistory(store)
    assert [i.symbol for i in history.instruments()] == ["X"]
    assert len(history.read_trades("X")) == 30
    assert content(store) != before
    with import_lock(store):
        SqliteRecorder(store, durable=False).close()
        assert content(store) != before  # an import is running: its rows are its own
    SqliteRecorder(store, durable=False).close()
    left = [line for line in content(store) if line not in before]
    assert all(line.startswith('INSERT INTO "instruments"') for line in left)  # numbers stay used


def test_a_fault_while_writing_is_taken_back(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    take(store, *rows_of(30))
    before = content(store)
    monkeypatch.setattr(ImportRun, "_write_bars", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(store, *rows_of(60), symbol="Y")
    assert content(store) == before


def test_a_recorded_session_is_not_counted_twice(store: Path) -> None:
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    recorder.record([batch(make_trades(50))])
    with pytest.raises(ImportFault, match=r"recorded live.*--replace-session"):
        take(store, *rows_of(5), symbol="BTC")
    take(store, *rows_of(5, OPEN + DAY), symbol="BTC")
    take(store, *rows_of(5), symbol="BTC", replace_sessions=True)
    history = SqliteHistory(store)
    assert [s.trades for s in history.sessions("BTC")] == [5, 5]
    assert len(history.read_trades("BTC")) == 10
    recorder.close()


def test_a_feed_that_writes_on_stops_the_import(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(store, *rows_of(30), symbol="BTC", tick_size=Decimal("0.1"))
    recorder = SqliteRecorder(store, durable=False)
    finish = ImportRun.finish

    def record_first(run: ImportRun) -> None:
        number = recorder.last_seq("BTC") + 1
        recorder.record(
            [batch(make_trades(1, first_seq=number, start=OPEN - (number - 1) * 10**9))]
        )
        finish(run)

    monkeypatch.setattr(ImportRun, "finish", record_first)
    with pytest.raises(StoreError, match="being recorded at this moment"):
        take(store, *rows_of(60), symbol="BTC", name="u.csv")
    recorder.close()
    (session,) = SqliteHistory(store).sessions("BTC")
    assert session.trades == 31


def test_a_feed_goes_on_after_an_imports_numbers(store: Path) -> None:
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(BTC)
    recorder.record([batch(make_trades(10, start=OPEN + DAY))])
    take(store, *rows_of(25), symbol="BTC")
    assert recorder.last_seq("BTC") == 35
    with pytest.raises(StoreError):
        recorder.record([batch(make_trades(5, first_seq=11, start=OPEN + DAY))])
    recorder.record([batch(make_trades(5, first_seq=36, start=OPEN + DAY))])
    history = SqliteHistory(store)
    assert history.read_trades("BTC", OPEN + DAY).seq.tolist() == [*range(1, 11), *range(36, 41)]
    recorder.close()


def test_simulated_and_real_never_mix(store: Path) -> None:
    recorder = SqliteRecorder(store, durable=False)
    recorder.add_instrument(replace(BTC, symbol="SIM", simulated=True))
    recorder.close()
    with pytest.raises(InputError, match="simulated"):
        take(store, *rows_of(3), symbol="SIM")


def test_pruned_sessions_cannot_be_joined(store: Path) -> None:
    take(store, *rows_of(300, step=DAY // 100))
    recorder = SqliteRecorder(store, durable=False)
    assert recorder.prune_trades(OPEN + DAY)
    recorder.close()
    with pytest.raises(ImportFault, match="without its trades"):
        take(store, *rows_of(5))
    assert take(store, *rows_of(5), replace_sessions=True).rows_added == 5


def test_large_sessions_go_in_short_transactions(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = take(store, *rows_of(500), symbol="WHOLE")
    monkeypatch.setattr(common, "_ROWS", 64)
    monkeypatch.setattr(common, "_BARS", 2)
    monkeypatch.setattr(common, "_AGGREGATE_ROWS", 77)
    marks: list[tuple[int, int]] = []
    parts = take(store, *rows_of(500), progress=lambda done, of: marks.append((done, of)))
    assert parts.bars == whole.bars
    history = SqliteHistory(store)
    assert_same_bars(history.read_bars("X"), history.read_bars("WHOLE"))
    assert marks[-1] == (500, 500)
    assert [done for done, _ in marks] == sorted(done for done, _ in marks)


@pytest.mark.skipif(not TAPE.exists(), reason="needs ../shared, a sibling of the clone")
def test_the_shared_tape_with_its_identical_twins(store: Path) -> None:
    report = import_trades(store, [TAPE], symbol="BTCUSD", calendar="24x7")
    assert (report.rows_added, report.instrument.tick_size) == (5235, 1)
    trades = SqliteHistory(store).read_trades("BTCUSD")
    assert int(trades.size.sum()) == 182_183
    names = ("event_ns", "price", "size", "side")
    keys = Counter(zip(*(getattr(trades, name).tolist() for name in names), strict=True))
    assert sum(count - 1 for count in keys.values()) == 702
    before = content(store)
    assert import_trades(store, [TAPE], symbol="BTCUSD").rows_added == 0
    assert content(store) == before


@pytest.mark.skipif(not TAPE.exists(), reason="needs ../shared, a sibling of the clone")
def test_the_shared_tape_in_two_overlapping_halves(store: Path, tmp_path: Path) -> None:
    header, *lines = TAPE.read_text().splitlines()
    cut = next(i for i in range(3000, 5000) if lines[i][:19] != lines[i - 1][:19])
    late = next(i for i in range(2000, cut) if lines[i][:19] != lines[i - 1][:19])
    first = write_csv(tmp_path / "a.csv", *lines[:cut], header=header)
    second = write_csv(tmp_path / "b.csv", *lines[late:], header=header)
    import_trades(store, [second], symbol="T")
    import_trades(store, [first], symbol="T")
    import_trades(store, [TAPE], symbol="WHOLE")
    history = SqliteHistory(store)
    # Parts of one millisecond may change places where files meet; here they meet between two.
    assert_same_trades(history.read_trades("T"), history.read_trades("WHOLE"), but=["seq"])


def test_minutes_start_where_the_calendar_says(store: Path) -> None:
    late = 1_757_562_300 * 10**9 - 5 * MIN  # before the open: 09:10 in Kolkata
    take(store, row(late, "24900"), row(late + 6 * MIN, "24901"))
    assert SqliteHistory(store).read_bars("X").ordinal.tolist() == [-5, 1]
