"""Every command, told right and told wrong: what it prints, what it returns, never a traceback."""

from __future__ import annotations

import json
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard import cli
from tests import stored

COMMANDS = ("run", "ingest", "import", "export", "instruments")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data folder with a small store, named in the environment; no .env is near."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("FEED", "none")
    stored.filled(tmp_path / "data")
    return tmp_path


@pytest.fixture
def run(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return the command line as a function: its exit code and what it wrote on both streams."""
    assert folder.exists()

    def call(*arguments: str) -> tuple[int, str, str]:
        try:
            code = cli.main(arguments)
        except SystemExit as end:  # argparse: usage and --help
            code = int(str(end.code))
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        return code, out, err

    return call


def trades_file(path: Path, rows: str = "") -> Path:
    """Write a small file of trades."""
    rows = rows or "".join(
        f"{stored.START + k * 10**9},{100 + k % 3}.5,{k + 1},{'BS'[k % 2]}\n" for k in range(90)
    )
    path.write_text(f"ts_ns,price,qty,side\n{rows}", encoding="utf-8")
    return path


# -------------------------------------------------------------------------- usage


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert out.startswith(f"usage: dashboard {command}")


@pytest.mark.parametrize(
    "arguments",
    [(), ("fly",), ("export",), ("import", "--symbol", "X"), ("instruments", "more")],
)
def test_wrong_usage_is_two(run: Run, arguments: tuple[str, ...]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("usage: dashboard")


def test_all_faults_of_the_settings_are_told_at_once(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DASHBOARD_PORT", "many")
    monkeypatch.setenv("FEED", "magic")
    monkeypatch.setenv("DASHBOARD_HOST", "0.0.0.0")  # noqa: S104 - what must be refused
    code, out, err = run("instruments")
    assert (code, out) == (2, "")
    assert err.startswith("The settings cannot be used:\n")
    for name in ("DASHBOARD_PORT", "FEED", "DASHBOARD_HOST"):
        assert f"  - {name} in the environment: " in err


@pytest.mark.parametrize("command", ["run", "ingest"])
def test_the_broker_is_not_there_yet(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    for name in ("API_KEY", "CLIENT_CODE", "PASS", "AUTH_TOKEN"):
        monkeypatch.setenv(name, "made-up")
    monkeypatch.setenv("FEED", "smartapi")
    code, _, err = run(command)
    assert code == 2
    assert "FEED: 'smartapi' is not available in this release" in err
    assert "made-up" not in err


# -------------------------------------------------------------------------- import


def test_a_file_of_trades_is_imported_once(run: Run, folder: Path) -> None:
    file = str(trades_file(folder / "trades.csv"))
    more = ("--symbol", "NEW", "--calendar", "24x7", "--tick-size", "0.5", "--lot-size", "3")
    code, out, _ = run("import", file, *more)
    assert code == 0
    assert "NEW: 90 of 90 rows were new" in out
    code, out, _ = run("import", file, *more)
    assert code == 0
    assert "NEW: 0 of 90 rows were new" in out
    code, out, _ = run("instruments")
    assert code == 0
    assert "NEW: calendar 24x7, tick 0.5, lot 3" in out
    assert "2024-10-04: 90 trades" in out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("missing.csv", "--symbol", "NEW"), 1, "missing.csv"),
        ((".", "--symbol", "NEW"), 1, ""),
        (("empty.csv", "--symbol", "NEW"), 1, "empty.csv"),
        (("broken.csv", "--symbol", "NEW"), 1, "broken.csv, line 3: the price 'many' is not"),
        (("trades.csv", "--symbol", ""), 2, "--symbol: '' is not possible"),
        (("trades.csv", "--symbol", "SIM:NEW"), 2, "--symbol: 'SIM:NEW' is not possible"),
        (("trades.csv", "--symbol", "replay:NEW"), 2, "--symbol: 'replay:NEW' is not possible"),
        (("trades.csv", "--symbol", "NEW", "--tick-size", "-1"), 2, "--tick-size: '-1' is not"),
        (("trades.csv", "--symbol", "NEW", "--tick-size", "NaN"), 2, "--tick-size: 'NaN' is not"),
        (("trades.csv", "--symbol", "NEW", "--calendar", "moon"), 2, "--calendar: 'moon' is not"),
        (("trades.csv", "--symbol", "NEW", "--lot-size", "0"), 2, "--lot-size"),
        (
            ("trades.csv", "--symbol", "NEW", "--tick-size", "0.3"),
            1,
            "line 3: the price 101.5 is no",
        ),
    ],
)
def test_an_import_that_cannot_be_leaves_the_store_alone(
    run: Run, folder: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    trades_file(folder / "trades.csv")
    trades_file(folder / "broken.csv", f"{stored.START},1,1,B\n{stored.START},many,1,B\n")
    (folder / "empty.csv").write_bytes(b"")
    before = contents(folder / "data" / "orderflow.db")
    got, out, err = run("import", *arguments)
    assert (got, out) == (code, "")
    assert said in err
    assert err.strip().endswith((".", "…"))
    assert contents(folder / "data" / "orderflow.db") == before


def contents(path: Path) -> list[str]:
    """Return all rows of a database as text."""
    with sqlite3.connect(path) as db:
        return list(db.iterdump())


# -------------------------------------------------------------------------- export


def test_an_export_is_written_whole_and_named(run: Run, folder: Path) -> None:
    target = folder / "out.json"
    code, out, _ = run(
        "export", "--symbol", stored.SYMBOL, "--bar", "5m", "--level-size", "0.25",
        "--cvd", "continuous", "--value-area", "cbot", "--from", stored.DATES[0],
        "--to", stored.DATES[1], "--format", "json", "-o", str(target),
    )  # fmt: skip
    assert code == 0
    assert out.startswith(str(target))
    document = json.loads(target.read_text(encoding="utf-8"))
    trades = stored.tape()
    assert sum(bar["volume"] for bar in document["bars"]) == int(trades.size.sum())
    assert [session["date"] for session in document["sessions"]] == list(stored.DATES)
    assert document["level_size"] == 0.25
    assert [path.name for path in folder.glob("out.json*")] == ["out.json"]


@pytest.mark.parametrize("level", ["auto", "1", "1.00"])
def test_the_level_size_may_be_left_to_the_instrument(run: Run, folder: Path, level: str) -> None:
    target = folder / "out.json"
    arguments = ("--symbol", stored.SYMBOL, "--level-size", level, "-o", str(target))
    assert run("export", *arguments)[0] == 0
    # Twenty ticks of 0.05.
    assert json.loads(target.read_text(encoding="utf-8"))["level_size"] == 1.0


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ({"--symbol": "NOPE"}, 1, "There is no instrument 'NOPE'. Known: TAPE."),
        ({"--symbol": "x" * 5000}, 1, "There is no instrument 'xxx"),
        ({"--level-size": "0"}, 2, "--level-size: '0' is not possible; use auto, or a price above"),
        ({"--level-size": "0.07"}, 2, "a multiple of the tick 0.05, such as 0.05 or 0.10"),
        ({"--level-size": "NaN"}, 2, "--level-size: 'NaN' is not possible"),
        ({"--bar": "5x"}, 2, "--bar: '5x' is not possible; use a size such as 5m"),
        ({"--bar": "0m"}, 2, "--bar: '0m' is not possible"),
        ({"--from": "yesterday"}, 2, "--from: 'yesterday' is not possible; use a date such as"),
        ({"--to": "2024-02-30"}, 2, "--to: '2024-02-30' is not possible"),
        ({"--from": "2024-10-06"}, 2, "--from: '2024-10-06' is not possible; use dates from 2024"),
        ({"--to": "2024-10-03"}, 2, "--to: '2024-10-03' is not possible; use dates from 2024"),
        ({"--from": "2024-10-05", "--to": "2024-10-04"}, 2, "--from: '2024-10-05' is not possible"),
        ({"-o": "no/such/folder/out.json"}, 1, "out.json cannot be written: No such file"),
    ],
)
def test_an_export_that_cannot_be_says_why(
    run: Run, folder: Path, changed: dict[str, str], code: int, said: str
) -> None:
    wanted = {"--symbol": stored.SYMBOL, "--level-size": "1", "-o": "out.json"} | changed
    got, out, err = run("export", *(text for pair in wanted.items() for text in pair))
    assert (got, out) == (code, "")
    assert said in err
    assert err.count("\n") == 1
    assert not list(folder.glob("out.json*"))


# -------------------------------------------------------------------------- the store


def test_an_empty_store_says_so(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "other"))
    assert run("instruments") == (0, "Nothing is stored yet.\n", "")


def test_a_foreign_database_is_refused_and_untouched(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = folder / "data" / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE something (n INTEGER)")
    before = foreign.read_bytes()
    monkeypatch.setenv("DB_NAME", "foreign.db")
    for command in (("instruments",), ("run",), ("ingest",), ("import", "x.csv", "--symbol", "X")):
        code, out, err = run(*command)
        assert (code, out) == (1, "")
        assert "foreign.db" in err
    assert foreign.read_bytes() == before


@pytest.mark.parametrize(("name", "code"), [("file", 2), ("file/below", 1)])
def test_a_data_folder_that_cannot_be_is_a_sentence(
    run: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    (folder / "file").write_text("no folder", encoding="utf-8")
    monkeypatch.setenv("DATA_DIR", str(folder / name))
    for command in ("instruments", "run", "ingest"):
        got, out, err = run(command)
        assert (got, out) == (code, "")
        assert str(folder / name) in err
        assert "DATA_DIR" in err


# -------------------------------------------------------------------------- serving


def test_a_busy_port_is_a_sentence(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("DASHBOARD_PORT", str(port))
        code, out, err = run("run")
    assert (code, out) == (1, "")
    assert err.startswith(f"Port {port} on 127.0.0.1 cannot be used")
    assert "DASHBOARD_PORT" in err


def test_an_interrupted_command_ends_quietly(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "_instruments", interrupt)
    assert run("instruments") == (1, "", "")
