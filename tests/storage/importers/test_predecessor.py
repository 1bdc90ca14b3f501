from __future__ import annotations

import json
import shutil
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from dashboard.domain.bars import MINUTE, BarSpec
from dashboard.domain.footprint import regroup
from dashboard.domain.merge import combine
from dashboard.domain.profile import ValueArea, bar_pocs, bar_value_areas
from dashboard.errors import ImportFault, InputError, StoreError, ViewNotPossibleError
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.predecessor import ABSENT, import_predecessor, list_tokens
from dashboard.storage.importers.trades_csv import import_trades
from dashboard.storage.recorder import SqliteRecorder
from dashboard.storage.resolve import resolve_store
from tests.storage.samples import write_csv
from tests.support import SHARED

REAL = SHARED / "data" / "nifty_candles"
needs_shared = pytest.mark.skipif(
    not REAL.exists(), reason="needs ../shared, a sibling of the clone"
)

OPEN_S = 1_757_562_300  # 11 September 2025, 09:15 in Kolkata
NIFTY = "53001"
Levels = str | list[tuple[float, float, float]]
LEVELS: Levels = [(24902.0, 0.0, 2.0), (24900.0, 1.0, 3.0), (24896.0, 2.0, 0)]

TABLE = """CREATE TABLE candles (
    instrument_token TEXT NOT NULL, timestamp INTEGER NOT NULL, open REAL NOT NULL,
    high REAL NOT NULL, low REAL NOT NULL, close REAL NOT NULL, footprint_json TEXT,
    PRIMARY KEY (instrument_token, timestamp))"""


def bar(minute: int, levels: Levels = LEVELS, token: str = NIFTY) -> tuple[Any, ...]:
    if isinstance(levels, str):
        text, prices = levels, [24900.0]
    else:
        text = json.dumps([{"price": p, "bidVol": b, "askVol": a} for p, b, a in levels])
        prices = [p for p, _, _ in levels]
    return (token, OPEN_S + minute * 60, prices[0], max(prices), min(prices), prices[-1], text)


def old_file(path: Path, *bars: tuple[Any, ...]) -> Path:
    with closing(sqlite3.connect(path)) as db:
        db.execute(TABLE)
        db.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", bars)
        db.commit()
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return old_file(tmp_path / "old.db", bar(0), bar(5), bar(10), bar(-5, [(24898.0, 0, 4)]))


def test_bars_come_over_with_what_they_can_say(store: Path, old: Path) -> None:
    before = old.read_bytes()
    report = import_predecessor(store, old, symbol="NIFTY-SEP")
    assert (report.rows_read, report.rows_added, report.sessions) == (4, 4, 1)
    history = SqliteHistory(store)
    bars = history.read_bars("NIFTY-SEP")
    assert str(bars.spec) == "5m"
    assert (bars.level_size, bars.origin.level_anchor, bars.origin.ohlc_exact) == (
        200, "nearest", False,
    )  # fmt: skip
    assert bars.origin.absent == ABSENT
    assert bars.ordinal.tolist() == [-1, 0, 1, 2]
    assert (bars.start_ns - OPEN_S * 10**9).tolist() == [n * 300 * 10**9 for n in (-1, 0, 1, 2)]
    assert bars.open[1:].tolist() == [2490200] * 3
    assert (bars.high[1], bars.low[1], bars.close[1]) == (2490200, 2489600, 2489600)
    assert (bars.bid_volume.tolist(), bars.ask_volume.tolist()) == (
        [0, 225, 225, 225], [300, 375, 375, 375],
    )  # fmt: skip
    assert bars.offsets.tolist() == [0, 1, 4, 7, 10]
    assert bars.level_price[1:4].tolist() == [2489600, 2490000, 2490200]
    assert bars.level_bid[1:4].tolist() == [150, 75, 0]
    (session,) = history.sessions("NIFTY-SEP")
    assert (session.tick_size, session.lot_size, session.date) == (200, 75, "2025-09-11")
    assert session.volume == int(bars.volume.sum())
    assert not history.has_trades("NIFTY-SEP", session.session_ns)
    instrument = history.find_instrument("NIFTY-SEP")
    assert instrument is not None
    assert (instrument.token, instrument.calendar, instrument.price_scale) == (
        "53001", "nse-fo", 100,
    )  # fmt: skip
    assert old.read_bytes() == before
    text = " ".join(report.notes)
    assert "4 bars of 5m with rows of 2 points" in text
    assert "One lot was taken as 75" in text


def test_a_second_import_changes_nothing_and_a_grown_file_adds(store: Path, old: Path) -> None:
    import_predecessor(store, old)
    history = SqliteHistory(store)
    assert import_predecessor(store, old).rows_added == 0
    assert history.generation() == 1
    with closing(sqlite3.connect(old)) as db:
        db.execute("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", bar(15))
        db.commit()
    assert import_predecessor(store, old).rows_added == 1
    assert history.read_bars("53001").ordinal.tolist() == [-1, 0, 1, 2, 3]
    with closing(sqlite3.connect(old)) as db:
        db.execute("UPDATE candles SET close = 24900 WHERE timestamp = ?", (OPEN_S,))
        db.commit()
    with pytest.raises(ImportFault, match="stored otherwise"):
        import_predecessor(store, old)
    assert import_predecessor(store, old, replace_sessions=True).rows_added == 5


def test_a_view_it_cannot_make_is_refused(store: Path, old: Path) -> None:
    import_predecessor(store, old)
    bars = SqliteHistory(store).read_bars("53001")
    assert len(combine(bars, BarSpec.parse("10m"))) == 3
    with pytest.raises(ViewNotPossibleError):
        combine(bars, MINUTE)
    with pytest.raises(ViewNotPossibleError):
        regroup(bars, 100)


def test_bars_off_the_sessions_grid_are_reported(store: Path, tmp_path: Path) -> None:
    # Half-hour bars of a clock that knew no session: 09:00 and 09:30 instead of 09:15.
    old = old_file(tmp_path / "old.db", bar(-15), bar(15), bar(45))
    report = import_predecessor(store, old)
    assert "3 bars do not begin at a multiple of 30m" in report.notes[-1]
    bars = SqliteHistory(store).read_bars("53001")
    assert bars.ordinal.tolist() == [-1, 0, 1]
    assert (bars.start_ns // 10**9 - OPEN_S).tolist() == [-900, 900, 2700]


def test_interval_and_row_size_may_be_given(store: Path, tmp_path: Path) -> None:
    old = old_file(tmp_path / "old.db", bar(0, [(24900.0, 1, 1)]))
    with pytest.raises(ImportFault, match="--level-size"):
        import_predecessor(store, old)
    with pytest.raises(ImportFault, match="--interval"):
        import_predecessor(store, old, level_size=Decimal(2))
    import_predecessor(store, old, level_size=Decimal("0.5"), interval_s=60)
    bars = SqliteHistory(store).read_bars("53001")
    assert (str(bars.spec), bars.level_size) == ("1m", 50)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"interval_s": 900}, "no longer than the smallest gap"),
        ({"interval_s": 0}, "interval"),
        ({"level_size": Decimal("0.001")}, "a positive multiple of 1/100"),
        ({"lot_size": 0}, "lot-size"),
        ({"token": "1"}, "use 53001"),
    ],
)
def test_a_wrong_parameter_is_named(
    store: Path, old: Path, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        import_predecessor(store, old, **options)
    assert not store.exists() or SqliteHistory(store).instruments() == []


def test_prices_off_the_row_size_are_named(store: Path, old: Path) -> None:
    with pytest.raises(ImportFault, match=r"no multiple of the row size 4"):
        import_predecessor(store, old, level_size=Decimal(4))


@pytest.mark.parametrize(
    ("levels", "reason"),
    [
        ("[{}]", "does not read"),
        ("not json", "does not read"),
        ('[{"price": "x", "bidVol": 1, "askVol": 1}]', "does not read"),
        ('[{"price": NaN, "bidVol": 1, "askVol": 1}]', "does not read"),
        ([(24900.0, -1.0, 0)], "negative volume"),
        ([(24900.0, 1.0, 0), (24900.0, 1.0, 0)], "a level twice"),
        ([(24900.0, 0.333, 0), (24898.0, 1, 0)], "no whole number of contracts"),
    ],
)
def test_a_row_that_does_not_read_stops_the_import(
    store: Path, tmp_path: Path, levels: Levels, reason: str
) -> None:
    old = old_file(tmp_path / "old.db", bar(0), bar(5, levels), bar(10))
    with pytest.raises(ImportFault) as caught:
        import_predecessor(store, old)
    assert reason in caught.value.reason
    assert caught.value.line == 2
    assert not store.exists() or SqliteHistory(store).instruments() == []


def test_lots_of_another_size_become_contracts(store: Path, tmp_path: Path) -> None:
    thirds = [(24902.0, 50 / 75, 0), (24900.0, 0, 125 / 75)]  # recorded with LOTSIZE=75, lots of 50
    old = old_file(tmp_path / "old.db", bar(0, thirds), bar(5))
    import_predecessor(store, old, lot_size=75)
    bars = SqliteHistory(store).read_bars("53001")
    assert (bars.bid_volume[0], bars.ask_volume[0]) == (50, 125)


def test_a_timestamp_that_is_none(store: Path, tmp_path: Path) -> None:
    old = old_file(tmp_path / "old.db", bar(0))
    with closing(sqlite3.connect(old)) as db:
        db.execute("UPDATE candles SET timestamp = 'noon'")
        db.commit()
    with pytest.raises(ImportFault, match="'noon' is no whole number of seconds"):
        import_predecessor(store, old)


def test_several_instruments_need_a_token(store: Path, tmp_path: Path) -> None:
    old = old_file(tmp_path / "old.db", bar(0), bar(5), bar(0, token="7"), bar(5, token="7"))
    assert list_tokens(old) == ["53001", "7"]
    with pytest.raises(ImportFault, match=r"several instruments \(53001, 7\)"):
        import_predecessor(store, old)
    assert import_predecessor(store, old, token="7").symbol == "7"


def test_files_that_are_no_predecessors(store: Path, tmp_path: Path) -> None:
    text = tmp_path / "x.db"
    text.write_text("hello")
    with pytest.raises(ImportFault, match="no database of the predecessor"):
        import_predecessor(store, text)
    with pytest.raises(ImportFault, match="holds no bars"):
        import_predecessor(store, old_file(tmp_path / "empty.db"))


def test_bars_of_other_source_in_the_session_are_not_mixed(store: Path, old: Path) -> None:
    rows = [f"{OPEN_S + n},24900.{n},1" for n in range(9)]
    path = write_csv(store.parent / "t.csv", *rows, header="time,price,qty")
    import_trades(store, [path], symbol="N")
    with pytest.raises(ImportFault, match="from another source"):
        import_predecessor(store, old, symbol="N")
    other = store.with_name("other.db")
    import_predecessor(other, old, symbol="N")
    with pytest.raises(ImportFault, match="without its trades"):
        import_trades(other, [path], symbol="N")
    assert import_trades(other, [path], symbol="N", replace_sessions=True).rows_added == 9
    assert SqliteHistory(other).read_bars("N").origin.interval_s == 60


def test_a_file_that_its_program_has_open_is_read_whole(store: Path, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute(TABLE)
        db.execute("PRAGMA journal_mode = WAL")
        db.executemany("INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)", [bar(0), bar(5)])
        db.commit()
        files = {p: p.read_bytes() for p in tmp_path.glob("old.db*") if not p.match("*-shm")}
        assert len(files) == 2
        assert import_predecessor(store, path).rows_added == 2
        assert files == {p: p.read_bytes() for p in files}


def test_a_name_of_ours_or_of_nothing_is_itself(tmp_path: Path) -> None:
    assert resolve_store(tmp_path / "s.db") == (tmp_path / "s.db", "")
    SqliteRecorder(tmp_path / "s.db").close()
    assert resolve_store(tmp_path / "s.db") == (tmp_path / "s.db", "")


def test_a_predecessors_name_means_a_store_beside_it(old: Path) -> None:
    before = old.read_bytes()
    store, notice = resolve_store(old, lot_size=50)
    assert store == old.with_name("old.orderflow.db")
    assert "is left as it is" in notice
    assert "4 bars of 5m" in notice
    history = SqliteHistory(store)
    assert [i.lot_size for i in history.instruments()] == [50]
    again, notice = resolve_store(old)
    assert again == store
    assert "is left as it is" in notice
    assert "imported now" not in notice
    assert history.generation() == 1
    assert old.read_bytes() == before


def test_a_name_that_stays_locked_is_a_sentence(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.storage.resolve.LOCK_TIMEOUT_S", 0.05)
    lock = FileLock(f"{old.with_name('old.orderflow.db')}.resolve.lock")
    with lock, pytest.raises(StoreError, match="Another process"):
        resolve_store(old)


@needs_shared
def test_the_real_one(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "trading_data_SEP.db"
    shutil.copyfile(REAL / file.name, file)
    import_predecessor(store, file, symbol="NIFTY")
    history = SqliteHistory(store)
    bars = history.read_bars("NIFTY")
    assert len(bars) == 222
    assert len(bars.level_price) == 2478
    assert int(bars.volume.sum()) == 240_151 * 75
    assert int(bars.ask_volume.sum()) == 128_086 * 75
    assert [s.date for s in history.sessions("NIFTY")][::10] == ["2025-08-29", "2025-09-12"]
    assert bars.ordinal.min() == -1
    assert file.read_bytes() == (REAL / file.name).read_bytes()


@needs_shared
def test_the_real_one_gives_the_derived_numbers(store: Path) -> None:
    import_predecessor(store, REAL / "trading_data_SEP.db", symbol="NIFTY")
    bars = SqliteHistory(store).read_bars("NIFTY")
    derived = json.loads((REAL / "derived.json").read_text())["bars"]
    areas = {
        key: bar_value_areas(bars, 70, convention)
        for key, convention in (("one_up", ValueArea.ONE_ROW), ("two_up", ValueArea.CBOT))
    }
    assert (bars.start_ns // 10**9).tolist() == [b["t"] for b in derived]
    assert (bars.delta // 75).tolist() == [int(b["delta"]) for b in derived]
    assert (bar_pocs(bars) // 100).tolist() == [int(b["poc"]["mid_low"]) for b in derived]
    for key, (val, vah) in areas.items():
        expected = [b["va70"]["grid"][key] for b in derived]
        assert (val // 100).tolist() == [int(e[0]) for e in expected]
        assert (vah // 100).tolist() == [int(e[1]) for e in expected]
