"""Every setting of the dashboard, and the only reader of the environment and ``.env``.

``Settings`` is one frozen object that the composition root (bootstrap, cli, app) passes
on in parts; nothing below it knows that an environment exists. Each field carries its own
name, meaning and parser, so the README's table and ``.env.example`` are checked against
the code (tests/test_settings.py), and adding a setting is one entry here.

What may not live here: a default that depends on what is stored, and any look at the
network or the database.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import ipaddress
import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, cast

from dotenv import dotenv_values

from dashboard.errors import SettingsError

__all__ = ["FIELDS", "Setting", "Settings", "SettingsError"]

FeedName = Literal["simulator", "smartapi", "replay", "none"]
SimulatorMode = Literal["snapshots", "trades"]
IngestMode = Literal["thread", "external"]

# The predecessor's names, kept so that its .env goes on working.
CREDENTIALS = ("API_KEY", "CLIENT_CODE", "PASS", "AUTH_TOKEN")

_DEFAULT_RATES = {"snapshots": 2.0, "trades": 20.0}


@dataclasses.dataclass(frozen=True, slots=True)
class Setting:
    """One row of the settings table.

    Attributes:
        name: The environment variable.
        attribute: The field of ``Settings`` that it fills.
        default: What an unset or empty variable means, as text for people.
        meaning: One line for the README and ``.env.example``.
        secret: True when the value must never be printed.
    """

    name: str
    attribute: str
    default: str
    meaning: str
    secret: bool


def _setting(
    name: str,
    parse: Callable[[str], object],
    default: object,
    meaning: str,
    *,
    shown: str | None = None,
    secret: bool = False,
) -> Any:  # noqa: ANN401 - dataclasses.field is typed the same way, to fit any field
    """Return a dataclass field that knows its variable, parser and meaning.

    Args:
        name: The environment variable.
        parse: Text to value; raises ``ValueError`` with what is allowed, to follow "use".
        default: The value of an unset or empty variable.
        meaning: One line for people.
        shown: The default as text for people where ``str(default)`` is not it.
        secret: True to mask the value in repr and in fault sentences.
    """
    return dataclasses.field(
        default=default,
        metadata={
            "name": name,
            "parse": parse,
            "shown": str(default) if shown is None else shown,
            "meaning": meaning,
            "secret": secret,
        },
    )


# ------------------------------------------------------------------------------ parsers


def _text(text: str) -> str:
    return text


def _one_of(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text.lower() in names:
            return text.lower()
        raise ValueError(", ".join(names[:-1]) + " or " + names[-1])

    return parse


def _whole(low: int, high: int | None = None) -> Callable[[str], int]:
    bounds = f"{low} or more" if high is None else f"from {low} to {high}"

    def parse(text: str) -> int:
        # int() would also take "1_000" and digits of other scripts.
        if text.removeprefix("-").isdecimal() and text.isascii():
            number = int(text)
            if number >= low and (high is None or number <= high):
                return number
        raise ValueError(f"a whole number {bounds}")

    return parse


def _rate(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if 0 < number <= 50_000:
        return number
    raise ValueError("a number above 0 and up to 50000")


def _speed(text: str) -> float:
    if text.lower() == "max":
        return math.inf
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if 1 <= number <= 1000:
        return number
    raise ValueError("a number from 1 to 1000, or max")


def _date(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ValueError("a date such as 2026-11-20, or nothing for the last session") from None


def _symbols(text: str) -> tuple[str, ...]:
    symbols = tuple(part.strip() for part in text.split(","))
    if all(symbols) and len(set(symbols)) == len(symbols):
        return symbols
    raise ValueError("symbols with a comma between them, each once")


def _folder(text: str) -> Path:
    path = _absolute(text)
    if path.exists() and not path.is_dir():
        raise ValueError("a folder; there is a file of that name")
    return path


def _absolute(text: str) -> Path:
    # Absolute at once: the broker's SDK makes its feed change the working directory.
    return Path(text).expanduser().absolute()


def _loopback(text: str) -> str:
    if text.lower() == "localhost":
        return "localhost"
    try:
        if ipaddress.ip_address(text).is_loopback:
            return text
    except ValueError:
        pass
    raise ValueError(
        "127.0.0.1, localhost or ::1: anyone who reaches the port can use the dashboard, "
        "so other addresses stay shut until it has authentication"
    )


# ----------------------------------------------------------------------------- settings


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Settings:
    """All settings, checked; immutable, with secrets masked in ``repr``.

    Build one with ``Settings.load``; tests may also call ``Settings(...)`` with just the
    fields that matter to them, because every field has a default. Three fields of a
    directly built object are not derived: ``feed``, ``simulator_rate``, ``instruments``.
    """

    # -- feed
    feed: FeedName = _setting(
        "FEED",
        _one_of("simulator", "smartapi", "replay", "none"),
        "simulator",
        "Where trades come from: `simulator`, `smartapi`, `replay` or `none`",
        shown="`smartapi` with all four credentials, else `simulator`",
    )
    ingest: IngestMode = _setting(
        "INGEST",
        _one_of("thread", "external"),
        "thread",
        "`thread`: the web process may run the feed; `external`: `python -m dashboard ingest` does",
    )
    instruments: tuple[str, ...] = _setting(
        "INSTRUMENTS",
        _symbols,
        ("SIM:NIFTY", "SIM:BANKNIFTY"),
        "Symbols to follow, with commas between them",
        shown="SIM:NIFTY,SIM:BANKNIFTY with the simulator, else none",
    )
    # -- simulator
    simulator_mode: SimulatorMode = _setting(
        "SIMULATOR_MODE",
        _one_of("snapshots", "trades"),
        "snapshots",
        "`snapshots`: conflated packets, as a broker sends them; `trades`: every single trade",
    )
    simulator_rate: float = _setting(
        "SIMULATOR_RATE",
        _rate,
        2.0,
        "Packets or trades a second for each instrument, above 0, up to 50000",
        shown="2 for snapshots, 20 for trades",
    )
    simulator_seed: int = _setting(
        "SIMULATOR_SEED",
        _whole(0, 2**63 - 1),
        7,
        "The same seed makes the same market",
    )
    # -- replay
    replay_symbol: str | None = _setting(
        "REPLAY_SYMBOL",
        _text,
        None,
        "The symbol whose stored trades `FEED=replay` plays; it must be given then",
        shown="",
    )
    replay_speed: float = _setting(
        "REPLAY_SPEED",
        _speed,
        1.0,
        "How many times faster than real time, 1 to 1000, or `max`",
        shown="1",
    )
    replay_session: dt.date | None = _setting(
        "REPLAY_SESSION",
        _date,
        None,
        "The session to play, as a date such as 2026-11-20",
        shown="the last one stored",
    )
    # -- data
    data_dir: Path = _setting(
        "DATA_DIR",
        _folder,
        Path("data"),
        "The folder for the database and the live board; not on a network drive",
        shown="data",
    )
    db_name: str = _setting(
        "DB_NAME",
        _text,
        "orderflow.db",
        "The database file; a relative name is taken inside `DATA_DIR`",
    )
    trade_retention_days: int | None = _setting(
        "TRADE_RETENTION_DAYS",
        _whole(1, 36_500),
        None,
        "Raw trades older than so many days are deleted; bars always stay",
        shown="keep for ever",
    )
    # -- page
    host: str = _setting(
        "DASHBOARD_HOST",
        _loopback,
        "127.0.0.1",
        "The address to listen on; only this machine's own until there is authentication",
    )
    port: int = _setting(
        "DASHBOARD_PORT",
        _whole(1, 65_535),
        5002,
        "The port to listen on",
    )
    beat_ms: int = _setting(
        "BEAT_MS",
        _whole(100, 5000),
        250,
        "How often an open page asks for news, in milliseconds, 100 to 5000",
    )
    log_level: str = _setting(
        "LOG_LEVEL",
        lambda text: _one_of("debug", "info", "warning", "error")(text).upper(),
        "INFO",
        "`DEBUG`, `INFO`, `WARNING` or `ERROR`",
    )
    # -- broker
    api_key: str | None = _setting("API_KEY", _text, None, "SmartAPI key", shown="", secret=True)
    client_code: str | None = _setting(
        "CLIENT_CODE", _text, None, "SmartAPI client code", shown="", secret=True
    )
    password: str | None = _setting("PASS", _text, None, "SmartAPI PIN", shown="", secret=True)
    totp_secret: str | None = _setting(
        "AUTH_TOKEN",
        _text,
        None,
        "The secret that SmartAPI's one-time codes are made from",
        shown="",
        secret=True,
    )
    instrument_token: str | None = _setting(
        "INSTRUMENT_TOKEN",
        _text,
        None,
        "The predecessor's single instrument: its broker token",
        shown="",
    )
    lot_size: int | None = _setting(
        "LOTSIZE",
        _whole(1, 10_000_000),
        None,
        "The predecessor's lot size, for `INSTRUMENT_TOKEN` and for taking over its database",
        shown="",
    )

    def __repr__(self) -> str:
        """Return all fields, with ``***`` in place of a secret that is set."""
        parts = []
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            hidden = field.metadata["secret"] and value is not None
            parts.append(f"{field.name}={'***' if hidden else repr(value)}")
        return f"Settings({', '.join(parts)})"

    @property
    def database(self) -> Path:
        """Where the database file named by ``db_name`` is."""
        return self.data_dir / Path(self.db_name).expanduser()

    @property
    def bind(self) -> str:
        """``host:port`` as a server takes it, with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def url(self) -> str:
        """The address to type into a browser."""
        return f"http://{self.bind}/"

    @classmethod
    def load(
        cls,
        environ: Mapping[str, str] | None = None,
        env_file: str | os.PathLike[str] | None = None,
    ) -> Settings:
        """Return the settings of this process.

        The environment wins over the file. An empty value counts as unset, so that a
        line copied from ``.env.example`` does no harm.

        Args:
            environ: The environment; None for the real one.
            env_file: The file to read, which must exist. None reads ``.env`` in the
                working directory if there is one, and, when ``environ`` is given, no
                file at all: a test then depends on what it passed and on nothing else.

        Returns:
            Settings with ``feed``, ``simulator_rate`` and ``instruments`` derived where
            they were left open.

        Raises:
            SettingsError: With one sentence for each fault, all of them at once.
        """
        faults: list[str] = []
        origin = ".env" if env_file is None else os.fspath(env_file)
        from_file = _read_env_file(environ, env_file, faults)
        env = os.environ if environ is None else environ
        raw: dict[str, str] = {}
        given: dict[str, Any] = {}
        for field in dataclasses.fields(cls):
            name: str = field.metadata["name"]
            text = env.get(name, "").strip()
            where = "the environment"
            if not text:
                text, where = from_file.get(name, "").strip(), origin
            if not text:
                continue
            raw[name] = text
            try:
                given[field.name] = field.metadata["parse"](text)
            except ValueError as allowed:
                shown = "its value" if field.metadata["secret"] else repr(text)
                faults.append(f"{name} in {where}: {shown} is not possible; use {allowed}.")
        _derive(given, raw, faults)
        if faults:
            raise SettingsError(faults)
        return cls(**given)


def _read_env_file(
    environ: Mapping[str, str] | None,
    env_file: str | os.PathLike[str] | None,
    faults: list[str],
) -> dict[str, str]:
    """Return what the ``.env`` file sets; see ``Settings.load`` for which file that is."""
    path = Path(".env" if env_file is None else env_file)
    if env_file is None and (environ is not None or not path.exists()):
        return {}
    try:
        # utf-8-sig: Windows editors put a byte order mark before the first name.
        # No interpolation: a password may well hold "${".
        with path.open(encoding="utf-8-sig") as stream:
            values = dotenv_values(stream=stream, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        faults.append(f"{path} cannot be read: {reason}.")
        return {}
    return {name: value or "" for name, value in values.items()}


def _derive(given: dict[str, Any], raw: Mapping[str, str], faults: list[str]) -> None:
    """Fill what was left open from what was given, and check what must go together."""
    if "FEED" not in raw:
        present = [name for name in CREDENTIALS if name in raw]
        missing = [name for name in CREDENTIALS if name not in raw]
        if present and missing:
            faults.append(
                f"FEED is not set and the broker's credentials are incomplete: "
                f"{_listed(present)} given, {_listed(missing)} missing. "
                f"Give all four, or set FEED=simulator."
            )
        given["feed"] = "smartapi" if not missing else "simulator"
    elif given.get("feed") == "smartapi":
        missing = [name for name in CREDENTIALS if name not in raw]
        if missing:
            faults.append(f"FEED=smartapi also needs {_listed(missing)}.")
    elif given.get("feed") == "replay" and "REPLAY_SYMBOL" not in raw:
        faults.append(
            "FEED=replay also needs REPLAY_SYMBOL, the symbol whose stored trades it plays."
        )
    if "simulator_rate" not in given:
        given["simulator_rate"] = _DEFAULT_RATES[given.get("simulator_mode", "snapshots")]
    if "instruments" not in given and given.get("feed") != "simulator":
        given["instruments"] = ()
    given.setdefault("data_dir", _absolute("data"))


def _listed(names: list[str]) -> str:
    """Return names as in a sentence: ``A``, ``A and B``, ``A, B and C``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


FIELDS: tuple[Setting, ...] = tuple(
    Setting(
        name=cast("str", field.metadata["name"]),
        attribute=field.name,
        default=cast("str", field.metadata["shown"]),
        meaning=cast("str", field.metadata["meaning"]),
        secret=cast("bool", field.metadata["secret"]),
    )
    for field in dataclasses.fields(Settings)
)
"""Every setting in the order of the README's table."""
