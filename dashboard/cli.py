"""``python -m dashboard …``: every command; exit codes 0 done, 1 failed, 2 wrong usage.

Commands parse their arguments, call one function of the composition root and print. Nothing is
imported that a command does not need: ``--help`` works without opening a store.
"""

from __future__ import annotations

import argparse
import logging
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from dashboard.errors import DashboardError, InputError, SettingsError
from dashboard.settings import Settings

log = logging.getLogger("dashboard")

_OPTIONS = {"level": "level-size", "va": "value-area"}
"""Options that are spelt in another way than the parameter of the same meaning elsewhere."""


def main(argv: Sequence[str]) -> int:
    """Run one command and return its exit code; a known failure is one sentence on stderr."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    try:
        if arguments.alone:  # works also where the settings cannot be used
            code: int = arguments.command(arguments)
            return code
        settings = Settings.load()
        start_logging(settings.log_level)
        code = arguments.command(settings, arguments)
    except SettingsError as error:
        print("The settings cannot be used:", file=sys.stderr)
        for fault in error.faults:
            print(f"  - {fault}", file=sys.stderr)
        return 2
    except InputError as error:
        option = f"--{_OPTIONS.get(error.field, error.field)}"
        print(InputError(option, error.value, error.allowed).user_text, file=sys.stderr)
        return 2
    except DashboardError as error:
        print(error.user_text, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 1
    return code


def start_logging(level: str) -> None:
    """Send the log to stderr, one line per event."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # A line per request would bury what an operator looks for.
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    # A browser opens several connections at once; that one waits a moment is no news.
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dashboard", description="Order-flow dashboard")
    parser.set_defaults(alone=False)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    run = commands.add_parser("run", help="serve the dashboard and run the feed")
    run.set_defaults(command=_run)

    ingest = commands.add_parser("ingest", help="run only the feed (INGEST=external)")
    ingest.set_defaults(command=_ingest)

    _add_import(commands.add_parser("import", help="take over trade files or the predecessor's db"))

    exported = commands.add_parser("export", help="write bars with their levels to a file")
    exported.add_argument("--symbol", required=True)
    exported.add_argument("--bar", default="5m")
    exported.add_argument("--level-size", required=True)
    exported.add_argument("--cvd", choices=("session", "continuous"), default="session")
    exported.add_argument(
        "--value-area", choices=("one-row", "cbot", "tradingview"), default="one-row"
    )
    exported.add_argument("--from", dest="start", help="first session, YYYY-MM-DD")
    exported.add_argument("--to", dest="end", help="last session, YYYY-MM-DD")
    exported.add_argument("--format", choices=("json", "csv", "html"), default="json")
    exported.add_argument("-o", "--output", type=Path, required=True)
    exported.set_defaults(command=_export)

    listed = commands.add_parser("instruments", help="list stored instruments and sessions")
    listed.set_defaults(command=_instruments)

    backup = commands.add_parser("backup", help="copy the database, also while the feed writes")
    backup.add_argument("-o", "--output", type=Path, metavar="FILE", help="default: a dated name")
    backup.set_defaults(command=_backup)

    restore = commands.add_parser("restore", help="put a backup in the database's place")
    restore.add_argument("file", type=Path, metavar="FILE", help="or a name in the backups folder")
    restore.set_defaults(command=_restore)

    doctor = commands.add_parser("doctor", help="look for what is wrong here, and say what to do")
    doctor.add_argument("--json", action="store_true", help="for programs")
    doctor.set_defaults(command=_doctor, alone=True)
    return parser


def _add_import(command: argparse.ArgumentParser) -> None:
    tapes, old = "trade files:", "the predecessor's database:"
    for name, meaning in (
        ("calendar", "nse-fo, nse-cm or 24x7 (default: the stored one's, else by the hours)"),
        ("tick-size", f"{tapes} smallest price step, such as 0.10"),
        ("lot-size", "contracts or shares per lot"),
        ("interval", f"{old} length of its bars, such as 5m"),
        ("level-size", f"{old} its row size, such as 2"),
        ("token", f"{old} which instrument, where it holds several"),
    ):
        command.add_argument(f"--{name}", default="", help=meaning)
    command.add_argument("--symbol", required=True, help="what to call the instrument")
    command.add_argument(
        "--columns",
        default="",
        metavar="time=…,price=…",
        help=f"{tapes} header names of time, price, size, side, maker, bid, ask or id",
    )
    command.add_argument(
        "--skip-bad-rows", action="store_true", help=f"{tapes} leave out and count bad rows"
    )
    command.add_argument(
        "--replace-session", action="store_true", help="let the files replace stored sessions"
    )
    command.add_argument("files", nargs="+", type=Path, metavar="FILE", help="of one instrument")
    command.set_defaults(command=_import)


def _run(settings: Settings, _: argparse.Namespace) -> int:
    from waitress.server import create_server  # noqa: PLC0415 - only this command serves

    from dashboard.bootstrap import create_app, start_ingest, stop_ingest  # noqa: PLC0415

    _require_free_port(settings.host, settings.port)
    app = create_app(settings)
    server = create_server(
        app.server, host=settings.host, port=settings.port, threads=8, ident="orderflow"
    )
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    print(f"Order flow: http://{host}:{settings.port}")
    print(f"Feed: {settings.feed} · data folder: {settings.data_dir} · Ctrl+C stops", flush=True)
    start_ingest(app)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        server.run()
    finally:
        stop_ingest(app)
        server.close()
    return 0


def _interrupt(_signal: int, _frame: object) -> None:
    raise KeyboardInterrupt


def _require_free_port(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        # As the server itself binds, so that a socket in TIME_WAIT does not count as busy.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            msg = (
                f"Port {port} on {host} cannot be used ({error.strerror}). Another program, "
                "perhaps another dashboard, has it; stop it or set DASHBOARD_PORT to a free one."
            )
            raise DashboardError(msg) from error


def _ingest(settings: Settings, _: argparse.Namespace) -> int:
    from dashboard.bootstrap import build_ingest  # noqa: PLC0415

    worker = build_ingest(settings)
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    worker.start()
    print(f"Feed: {settings.feed} · data folder: {settings.data_dir} · Ctrl+C stops", flush=True)
    stop.wait()
    worker.stop()
    return 0


def _import(settings: Settings, arguments: argparse.Namespace) -> int:
    from dashboard.ports import ImportChoices  # noqa: PLC0415
    from dashboard.storage.importers.files import parse_columns  # noqa: PLC0415
    from dashboard.terminal import ProgressBar  # noqa: PLC0415
    from dashboard.transfer import import_into_store  # noqa: PLC0415

    choices = ImportChoices(
        symbol=arguments.symbol,
        calendar=arguments.calendar,
        tick_size=arguments.tick_size,
        lot_size=arguments.lot_size,
        columns=parse_columns(arguments.columns),
        skip_bad_rows=arguments.skip_bad_rows,
        replace_sessions=arguments.replace_session,
        interval=arguments.interval,
        level_size=arguments.level_size,
        token=arguments.token,
    )
    with ProgressBar("Reading and checking …", "Storing") as bar:
        lines = import_into_store(settings, arguments.files, choices, bar.update)
    for line in lines:
        print(line)
    return 0


def _export(settings: Settings, arguments: argparse.Namespace) -> int:
    from dashboard.transfer import export_file  # noqa: PLC0415

    print(
        export_file(
            settings,
            arguments.output,
            arguments.format,
            symbol=arguments.symbol,
            bar=arguments.bar,
            level_size=arguments.level_size,
            cvd=arguments.cvd,
            value_area=arguments.value_area,
            start=arguments.start,
            end=arguments.end,
        )
    )
    return 0


def _instruments(settings: Settings, _: argparse.Namespace) -> int:
    from dashboard.transfer import list_instruments  # noqa: PLC0415

    for line in list_instruments(settings):
        print(line)
    return 0


def _backup(settings: Settings, arguments: argparse.Namespace) -> int:
    from dashboard.ingest.clock import SystemClock  # noqa: PLC0415
    from dashboard.terminal import ProgressBar  # noqa: PLC0415
    from dashboard.upkeep import backup_store  # noqa: PLC0415

    with ProgressBar("Reading …", "Copying", unit="pages") as bar:
        text = backup_store(settings, arguments.output, SystemClock().now_ns(), bar.update)
    print(text)
    return 0


def _restore(settings: Settings, arguments: argparse.Namespace) -> int:
    from dashboard.ingest.clock import SystemClock  # noqa: PLC0415
    from dashboard.terminal import ProgressBar  # noqa: PLC0415
    from dashboard.upkeep import restore_store  # noqa: PLC0415

    with ProgressBar("Reading …", "Copying", unit="pages") as bar:
        lines = restore_store(settings, arguments.file, SystemClock().now_ns(), bar.update)
    for line in lines:
        print(line)
    return 0


def _doctor(arguments: argparse.Namespace) -> int:
    import json  # noqa: PLC0415

    from dashboard.doctor.examination import diagnose  # noqa: PLC0415
    from dashboard.doctor.findings import as_document, as_table, is_well  # noqa: PLC0415

    findings = diagnose()
    if arguments.json:
        print(json.dumps(as_document(findings), ensure_ascii=False, indent=2))
    else:
        print(as_table(findings))
    return 0 if is_well(findings) else 1
