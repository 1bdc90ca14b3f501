"""`python -m dashboard import …`, option by option, down to what the store then holds."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from dashboard import cli
from dashboard.domain.trade import AggressorSide
from dashboard.storage.history import SqliteHistory
from dashboard.terminal import ProgressBar

OPEN_S = 1_757_562_300
"""11 September 2025, 09:15 in India, a Thursday."""

ROWS = (
    "2025-09-11T09:15:00+05:30,100.50,3,B",
    "2025-09-11T09:15:01+05:30,100.60,2,S",
    "2025-09-11T09:16:05+05:30,100.40,5,B",
)

Import = Callable[..., int]


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    return tmp_path


@pytest.fixture
def run(folder: Path) -> Import:
    """Return the import command as a function of a file's lines (or the file) and options."""

    def command(source: Path | tuple[str, ...], *options: str, symbol: str = "X") -> int:
        if isinstance(source, tuple):
            path = folder / "trades.csv"
            path.write_text("\n".join(source) + "\n", encoding="utf-8")
        else:
            path = source
        return cli.main(["import", str(path), "--symbol", symbol, *options])

    return command


def history(folder: Path) -> SqliteHistory:
    return SqliteHistory(folder / "orderflow.db")


def plain(*rows: str) -> tuple[str, ...]:
    return ("timestamp,price,qty,side", *rows)


def old_database(path: Path, *tokens: str, rows: tuple[float, ...] = (24900.0, 24902.0)) -> Path:
    """Write a database of the predecessor: three bars of five minutes for each token."""
    levels = json.dumps([{"price": p, "bidVol": 1.0, "askVol": 2.0} for p in reversed(rows)])
    with closing(sqlite3.connect(path)) as db:
        db.execute(
            "CREATE TABLE candles (instrument_token TEXT, timestamp INTEGER, open REAL, "
            "high REAL, low REAL, close REAL, footprint_json TEXT)"
        )
        for token in tokens:
            for k in range(3):
                ohlc = (rows[0], rows[-1], rows[0], rows[-1])
                db.execute(
                    "INSERT INTO candles VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (token, OPEN_S + 300 * k, *ohlc, levels),
                )
        db.commit()
    return path


def test_a_file_comes_in_and_the_same_file_again_changes_nothing(
    run: Import, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(plain(*ROWS)) == 0
    said = capsys.readouterr()
    assert said.out.startswith("X: 3 of 3 rows were new; 1 sessions, 2 base bars written.\n")
    assert said.err == ""
    assert run(plain(*ROWS)) == 0
    assert "X: 0 of 3 rows were new; 0 sessions" in capsys.readouterr().out
    assert len(history(folder).read_trades("X")) == 3


def test_several_files_are_one_instrument(folder: Path) -> None:
    for name, row in zip("ab", ROWS, strict=False):
        (folder / f"{name}.csv").write_text("\n".join(plain(row)), encoding="utf-8")
    files = [str(folder / "a.csv"), str(folder / "b.csv")]
    assert cli.main(["import", *files, "--symbol", "X"]) == 0
    assert len(history(folder).read_trades("X")) == 2


def test_calendar(run: Import, folder: Path) -> None:
    assert run(plain(*ROWS), "--calendar", "24x7") == 0
    assert history(folder).calendar("X").name == "24x7"


def test_tick_size(run: Import, folder: Path) -> None:
    assert run(plain(*ROWS), "--tick-size", "0.05") == 0
    found = history(folder).find_instrument("X")
    assert found is not None
    assert (found.tick_size, found.price_scale) == (5, 100)


def test_lot_size(run: Import, folder: Path) -> None:
    assert run(plain(*ROWS), "--lot-size", "75") == 0
    found = history(folder).find_instrument("X")
    assert found is not None
    assert found.lot_size == 75


def test_columns(run: Import, folder: Path) -> None:
    lines = ("when,level,how many,who", *ROWS)
    assert run(lines) == 1
    mapping = "time=when,price=level,size=how many,side=who"
    assert run(lines, "--columns", mapping) == 0
    trades = history(folder).read_trades("X")
    assert trades.size.tolist() == [3, 2, 5]
    assert trades.side.tolist() == [AggressorSide.BUY, AggressorSide.SELL, AggressorSide.BUY]


def test_skip_bad_rows(run: Import, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = plain(ROWS[0], "yesterday,1,2,B", *ROWS[1:])
    assert run(lines) == 1
    said = capsys.readouterr().err
    assert said.startswith("trades.csv, line 3: the time 'yesterday' is neither")
    assert history(folder).instruments() == []
    assert run(lines, "--skip-bad-rows") == 0
    assert "1 bad rows were left out." in capsys.readouterr().out
    assert len(history(folder).read_trades("X")) == 3


def test_replace_session(run: Import, folder: Path) -> None:
    assert run(plain(*ROWS)) == 0
    other = plain(ROWS[0], "2025-09-11T09:15:02+05:30,101.00,9,S")
    assert run(other) == 0
    assert len(history(folder).read_trades("X")) == 4
    assert run(other, "--replace-session") == 0
    assert history(folder).read_trades("X").size.tolist() == [3, 9]


def test_the_predecessors_interval(run: Import, folder: Path) -> None:
    old = old_database(folder / "old.db", "1")
    assert run(old, "--interval", "1m") == 0
    assert str(history(folder).read_bars("X").spec) == "1m"


def test_the_predecessors_level_size(run: Import, folder: Path) -> None:
    old = old_database(folder / "old.db", "1", rows=(24900.0, 24904.0))
    assert run(old, "--level-size", "2") == 0
    assert history(folder).read_bars("X").level_size == 200


def test_the_predecessors_token(
    run: Import, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = old_database(folder / "old.db", "1", "2")
    assert run(old) == 1
    assert "several instruments (1, 2)" in capsys.readouterr().err
    assert run(old, "--token", "2") == 0
    found = history(folder).find_instrument("X")
    assert found is not None
    assert (found.token, found.lot_size) == ("2", 75)


def test_the_predecessors_lot_size_is_the_settings_own_where_none_is_given(
    run: Import, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOTSIZE", "50")
    old = old_database(folder / "old.db", "1")
    assert run(old) == 0
    assert run(old, "--lot-size", "25", symbol="Y") == 0
    volumes = [int(history(folder).read_bars(s).volume[0]) for s in ("X", "Y")]
    assert volumes == [6 * 50, 6 * 25]


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("calendar", "nyse", "nse-fo, nse-cm, 24x7"),
        ("tick-size", "0", "a decimal number above 0"),
        ("tick-size", "ten", "a decimal number above 0"),
        ("lot-size", "0", "a whole number from 1"),
        ("lot-size", "7.5", "a whole number from 1"),
        ("columns", "time", "pairs such as"),
        ("columns", "time=a,time=b", "each column once"),
        ("columns", "colour=a", "time, price, size"),
        ("interval", "5m", "with a database of the predecessor only"),
        ("level-size", "2", "with a database of the predecessor only"),
        ("token", "2", "with a database of the predecessor only"),
    ],
)
def test_what_is_not_possible_is_wrong_usage(
    run: Import, folder: Path, option: str, value: str, allowed: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    assert run(plain(*ROWS), f"--{option}", value) == 2
    said = capsys.readouterr().err
    assert option in said
    assert allowed in said
    assert not (folder / "orderflow.db").exists() or history(folder).instruments() == []


@pytest.mark.parametrize("options", [("--tick-size", "1"), ("--columns", "time=a"),
                                     ("--skip-bad-rows",), ("--interval", "5t")])  # fmt: skip
def test_what_a_predecessors_database_does_not_take_is_refused(
    run: Import, folder: Path, options: tuple[str, ...]
) -> None:
    assert run(old_database(folder / "old.db", "1"), *options) == 2


@pytest.mark.parametrize("symbol", ["SIM:NIFTY", "replay:X", "", " "])
def test_marks_and_nothing_are_no_symbols_for_real_data(run: Import, symbol: str) -> None:
    assert run(plain(*ROWS), symbol=symbol) == 2


def test_what_is_missing_is_wrong_usage_and_what_fails_is_a_failure(
    run: Import, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(["import", "a.csv"])
    assert run(folder / "absent.csv") == 1
    assert "there is no such file" in capsys.readouterr().err
    (folder / "a.csv").write_text("\n".join(plain(*ROWS)), encoding="utf-8")
    old = old_database(folder / "old.db", "1")
    assert cli.main(["import", str(folder / "a.csv"), str(old), "--symbol", "X"]) == 1
    assert "import it by itself" in capsys.readouterr().err


# --------------------------------------------------------------------------- the progress bar


def test_a_terminal_sees_a_bar_that_fills_and_goes(
    run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    assert run(plain(*ROWS)) == 0
    lines = screen.getvalue().split("\r")
    assert lines[1] == "Reading and checking …"
    assert lines[-3].strip().endswith("100 % of 3 rows")
    assert "#" in lines[-3]
    assert lines[-2].strip() == lines[-1] == ""
    assert len(lines[-2]) == len(lines[-3])


def test_the_line_is_cleared_when_the_import_fails(
    run: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    assert run(plain("yesterday,1,2,B")) == 1
    before, cleared, said = screen.getvalue().split("\r")[1:]
    assert (before, cleared.strip()) == ("Reading and checking …", "")
    assert said.startswith("trades.csv, line 2")


def test_the_bar_is_written_only_when_it_changes() -> None:
    screen = Terminal()
    with ProgressBar("", "Storing", screen) as bar:
        for done in range(10_001):
            bar.update(done, 10_000)
    assert 100 < screen.getvalue().count("\r") < 200
    with ProgressBar("", "Storing", screen) as bar:
        bar.update(0, 0)
    assert "100 % of 0 rows" in screen.getvalue()
