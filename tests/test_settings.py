from __future__ import annotations

import dataclasses
import datetime as dt
import math
from pathlib import Path

import pytest

from dashboard.settings import CREDENTIALS, FIELDS, Settings, SettingsError

ALL_FOUR = dict.fromkeys(CREDENTIALS, "s3cret")


def faults(environ: dict[str, str], env_file: Path | None = None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        Settings.load(environ, env_file)
    return caught.value.faults


def test_an_empty_environment_gives_the_simulator() -> None:
    settings = Settings.load({})
    assert settings == Settings(data_dir=Path("data").absolute())
    assert settings.feed == "simulator"
    assert settings.instruments == ("SIM:NIFTY", "SIM:BANKNIFTY")
    assert (settings.simulator_mode, settings.simulator_rate) == ("snapshots", 2.0)
    assert settings.url == "http://127.0.0.1:5002/"
    assert settings.database == Path("data").absolute() / "orderflow.db"


def test_every_setting_can_be_given() -> None:
    settings = Settings.load(
        {
            "FEED": "Replay",
            "INGEST": "external",
            "INSTRUMENTS": "NSE:NIFTY26NOVFUT , NSE:BANKNIFTY26NOVFUT",
            "SIMULATOR_MODE": "trades",
            "SIMULATOR_RATE": "50000",
            "SIMULATOR_SEED": "0",
            "REPLAY_SYMBOL": "BTCUSD",
            "REPLAY_SPEED": "max",
            "REPLAY_SESSION": "2024-08-09",
            "DATA_DIR": "elsewhere",
            "DB_NAME": "old.db",
            "TRADE_RETENTION_DAYS": "30",
            "DASHBOARD_HOST": "::1",
            "DASHBOARD_PORT": "8080",
            "BEAT_MS": "100",
            "LOG_LEVEL": "debug",
            "API_KEY": "a",
            "CLIENT_CODE": "b",
            "PASS": "c",
            "AUTH_TOKEN": "d",
            "INSTRUMENT_TOKEN": "53001",
            "LOTSIZE": "75",
        }
    )
    assert settings == Settings(
        feed="replay",
        ingest="external",
        instruments=("NSE:NIFTY26NOVFUT", "NSE:BANKNIFTY26NOVFUT"),
        simulator_mode="trades",
        simulator_rate=50000.0,
        simulator_seed=0,
        replay_symbol="BTCUSD",
        replay_speed=math.inf,
        replay_session=dt.date(2024, 8, 9),
        data_dir=Path("elsewhere").absolute(),
        db_name="old.db",
        trade_retention_days=30,
        host="::1",
        port=8080,
        beat_ms=100,
        log_level="DEBUG",
        api_key="a",
        client_code="b",
        password="c",
        totp_secret="d",
        instrument_token="53001",
        lot_size=75,
    )
    assert settings.url == "http://[::1]:8080/"
    given = {field.attribute for field in FIELDS}
    assert given == {field.name for field in dataclasses.fields(Settings)}


@pytest.mark.parametrize(
    ("environ", "feed"),
    [
        ({}, "simulator"),
        (ALL_FOUR, "smartapi"),
        ({**ALL_FOUR, "FEED": "simulator"}, "simulator"),
        ({**ALL_FOUR, "FEED": "none"}, "none"),
        ({**ALL_FOUR, "FEED": "smartapi"}, "smartapi"),
        ({"PASS": "1234", "FEED": "simulator"}, "simulator"),
    ],
)
def test_the_feed_follows_from_the_credentials(environ: dict[str, str], feed: str) -> None:
    assert Settings.load(environ).feed == feed


def test_some_credentials_name_the_missing_ones() -> None:
    (fault,) = faults({"PASS": "1234", "API_KEY": "k"})
    assert "API_KEY and PASS given" in fault
    assert "CLIENT_CODE and AUTH_TOKEN missing" in fault
    assert "FEED=simulator" in fault


def test_a_feed_needs_what_goes_with_it() -> None:
    assert faults({"FEED": "smartapi"}) == (
        "FEED=smartapi also needs API_KEY, CLIENT_CODE, PASS and AUTH_TOKEN.",
    )
    (fault,) = faults({"FEED": "replay"})
    assert "REPLAY_SYMBOL" in fault


@pytest.mark.parametrize(
    ("mode", "rate"), [(None, 2.0), ("snapshots", 2.0), ("trades", 20.0), ("TRADES", 20.0)]
)
def test_the_rate_follows_from_the_mode(mode: str | None, rate: float) -> None:
    assert Settings.load({} if mode is None else {"SIMULATOR_MODE": mode}).simulator_rate == rate


def test_only_the_simulator_has_instruments_of_its_own() -> None:
    assert Settings.load({"FEED": "none"}).instruments == ()
    assert Settings.load({"FEED": "none", "INSTRUMENTS": "A"}).instruments == ("A",)


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("FEED", "zerodha", "simulator, smartapi, replay or none"),
        ("INGEST", "process", "thread or external"),
        ("INSTRUMENTS", "A,,B", "comma"),
        ("INSTRUMENTS", "A,A", "each once"),
        ("SIMULATOR_MODE", "ticks", "snapshots or trades"),
        ("SIMULATOR_RATE", "0", "above 0"),
        ("SIMULATOR_RATE", "50001", "up to 50000"),
        ("SIMULATOR_RATE", "nan", "a number"),
        ("SIMULATOR_RATE", "fast", "a number"),
        ("SIMULATOR_SEED", "-1", "0"),
        ("SIMULATOR_SEED", "7.0", "whole number"),
        ("SIMULATOR_SEED", "١", "whole number"),
        ("SIMULATOR_SEED", "1_0", "whole number"),
        ("REPLAY_SPEED", "0.5", "from 1 to 1000, or max"),
        ("REPLAY_SPEED", "inf", "from 1 to 1000, or max"),
        ("REPLAY_SPEED", "x", "from 1 to 1000, or max"),
        ("REPLAY_SESSION", "20.11.2026", "2026-11-20"),
        ("TRADE_RETENTION_DAYS", "0", "1"),
        ("DASHBOARD_HOST", "0.0.0.0", "authentication"),  # noqa: S104 - it is refused
        ("DASHBOARD_HOST", "192.168.1.4", "authentication"),
        ("DASHBOARD_HOST", "example.com", "authentication"),
        ("DASHBOARD_PORT", "0", "from 1 to 65535"),
        ("DASHBOARD_PORT", "65536", "from 1 to 65535"),
        ("BEAT_MS", "99", "from 100 to 5000"),
        ("LOG_LEVEL", "loud", "debug, info, warning or error"),
        ("LOTSIZE", "0", "1"),
    ],
)
def test_a_wrong_value_gets_a_sentence(name: str, value: str, allowed: str) -> None:
    (fault,) = faults({name: value})
    assert fault.startswith(f"{name} in the environment: {value!r} is not possible; use ")
    assert allowed in fault
    assert fault.endswith(".")


def test_a_data_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "taken").touch()
    (fault,) = faults({"DATA_DIR": str(tmp_path / "taken")})
    assert "a folder" in fault


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    env_file = tmp_path / "my.env"
    env_file.write_text("BEAT_MS=1\nLOTSIZE=many\nPASS=1234\n", encoding="utf-8")
    found = faults({"DASHBOARD_PORT": "x", "REPLAY_SPEED": "0"}, env_file)
    assert [fault.split()[0] for fault in found] == [
        "REPLAY_SPEED",
        "DASHBOARD_PORT",
        "BEAT_MS",
        "LOTSIZE",
        "FEED",
    ]
    assert f"BEAT_MS in {env_file}:" in found[2]


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    env_file = tmp_path / ".env"
    # With the mark that Windows editors put first, quotes, a comment and a "${".
    text = "\ufeffBEAT_MS=500 # slow\nDASHBOARD_PORT=6000\nLOTSIZE=\nDB_NAME='a${HOME}.db'\n"
    env_file.write_text(text, encoding="utf-8")
    settings = Settings.load({"DASHBOARD_PORT": "7000", "BEAT_MS": ""}, env_file)
    assert (settings.beat_ms, settings.port, settings.lot_size) == (500, 7000, None)
    assert settings.db_name == "a${HOME}.db"


def test_the_working_directory_s_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.load().port == 5002
    (tmp_path / ".env").write_text("DASHBOARD_PORT=6000\nNOVALUE\n", encoding="utf-8")
    assert Settings.load().port == 6000
    assert Settings.load({}).port == 5002, "a given environment stands alone"
    monkeypatch.setenv("DASHBOARD_PORT", "7000")
    assert Settings.load().port == 7000


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    missing = tmp_path / "no.env"
    assert faults({}, missing) == (f"{missing} cannot be read: No such file or directory.",)
    binary = tmp_path / "binary.env"
    binary.write_bytes(b"PASS=\xff\xfe")
    assert faults({}, binary) == (f"{binary} cannot be read: it is not UTF-8 text.",)


def test_secrets_are_never_shown() -> None:
    settings = Settings.load({**ALL_FOUR, "INSTRUMENT_TOKEN": "53001"})
    assert settings.password == "s3cret"
    assert "s3cret" not in repr(settings)
    assert "password='***'" in repr(settings) or "password=***" in repr(settings)
    assert "53001" in repr(settings)
    assert "password=None" in repr(Settings.load({}))
    assert {field.name for field in FIELDS if field.secret} == set(CREDENTIALS)


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 80  # type: ignore[misc]


def test_a_database_elsewhere(tmp_path: Path) -> None:
    there = tmp_path / "old.db"
    assert Settings.load({"DB_NAME": str(there)}).database == there


def test_the_readme_shows_every_setting(root: Path) -> None:
    table = ["| Setting | When unset | Meaning |", "|---|---|---|"]
    table += [f"| `{f.name}` | {f.default} | {f.meaning} |" for f in FIELDS]
    assert "\n".join(table) in (root / "README.md").read_text(encoding="utf-8")


def test_the_example_file_shows_every_setting(root: Path, tmp_path: Path) -> None:
    example = (root / ".env.example").read_text(encoding="utf-8")
    blocks = "\n\n".join(
        f"# {f.meaning}\n# unset: {f.default or 'nothing'}\n{f.name}=" for f in FIELDS
    )
    assert blocks in example
    copied = tmp_path / ".env"
    copied.write_text(example, encoding="utf-8")
    assert Settings.load({}, copied) == Settings.load({}), "a plain copy changes nothing"
