"""A store that may only be read, or that another program has locked: a sentence, and go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from dashboard.bootstrap import Runtime, create_app
from dashboard.settings import Settings
from dashboard.storage import connection
from dashboard.views.page import open_page
from tests.e2e.support import ROOT, SYMBOL, Process, Stores, eventually
from tests.safety.support import Told, cause, remount, shown_seq, simulated

pytestmark = pytest.mark.slow
Tell = Callable[[str], None]

HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=30)
for statement in sys.argv[2:]:
    db.execute(statement)
print("held", flush=True)
sys.stdin.read()
"""

SOON = """
import sys
from dashboard import cli
from dashboard.storage import connection
connection.BUSY_TIMEOUT_S = 0.5
sys.exit(cli.main(["run"]))
"""
"""``python app.py``, that waits for a lock half a second instead of five."""


@contextmanager
def held(store: Path, *statements: str) -> Iterator[None]:
    """Have another program hold the store."""
    command = [sys.executable, "-c", HOLDER, str(store), *statements]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield
        assert holder.stdin is not None
        holder.stdin.close()
    assert holder.returncode == 0


def bars_served(app: Process) -> int:
    answer = app.get(f"/api/v1/bars?symbol={SYMBOL}&bar=1m&level=2")
    assert answer.status == 200, answer.body
    return len(answer.json()["bars"])


def test_a_store_locked_by_another_program_is_waited_for_and_nothing_is_lost(
    tmp_path: Path, tell: Tell
) -> None:
    stores, began_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    with Process(["-c", SOON], stores.folder, **simulated()) as app:
        eventually(lambda: shown_seq(stores) > 5_000, "it records")
        with held(stores.path, "BEGIN EXCLUSIVE"):
            eventually(lambda: "locked by another program" in cause(stores), "the sentence")
            said, at = cause(stores), shown_seq(stores)
            assert bars_served(app) > 0
            assert app.get("/readyz").status == 503
        eventually(lambda: shown_seq(stores) > at + 20_000, "it goes on", 40)
        eventually(lambda: cause(stores) == "", "and says so")
        assert app.terminate() == 0
    count = told.require(shown=at)
    tell(f"locked at {at:,} trades, {count:,} at the end, none lost; pages said: {said!r}")


def test_a_store_locked_at_the_start_is_read_as_soon_as_it_is_free(
    tmp_path: Path, tell: Tell
) -> None:
    stores, began_ns = Stores(tmp_path / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    with ExitStack() as lock:
        # Even reading is not possible then.
        lock.enter_context(held(stores.path, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"))
        with Process(["-c", SOON], stores.folder, **simulated()) as app:
            eventually(app.serves, "it serves all the same", 40)
            eventually(lambda: "locked by another program" in cause(stores), "the sentence")
            answer = app.get("/api/v1/instruments")
            assert answer.status == 503
            assert "locked by another program" in answer.json()["error"]
            lock.close()
            eventually(lambda: shown_seq(stores) > 5_000, "it records", 40)
            assert bars_served(app) > 0
            assert app.terminate() == 0
    assert not list(stores.folder.glob("*.damaged-*"))
    tell(f"locked at the start, {told.require():,} trades recorded after it")


def notes_of(folder: Path) -> str:
    """Return what the history page of an app on a data folder says at its top."""
    app = create_app(Settings(feed="none", instruments=(), data_dir=folder))
    runtime: Runtime = app.server.extensions["orderflow"]
    opened = open_page(runtime.desk, {}, "stored")
    assert opened is not None
    return " ".join(opened.notes)


def recorded(folder: Path) -> Told:
    """Record a little of the market in a process that stops as it should."""
    stores, began_ns = Stores(folder), time.time_ns()
    stores.begin_at(began_ns)
    with Process(["app.py"], folder, **simulated()) as app:
        eventually(lambda: shown_seq(stores) > 5_000, "it records")
        assert app.terminate() == 0
    return Told.since(stores, began_ns)


@pytest.mark.parametrize("closed", [True, False], ids=["closed", "killed"])
def test_a_store_on_a_read_only_disk_is_shown_and_recorded_again_later(
    tmp_path: Path, small_disk: Callable[[int], Path], tell: Tell, *, closed: bool
) -> None:
    disk = small_disk(40)
    stores, began_ns = Stores(disk / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    process = Process(["app.py"], tmp_path, **simulated(DATA_DIR=str(stores.folder)))
    with process as app:
        eventually(lambda: shown_seq(stores) > 5_000, "it records")
        if closed:  # else its log stays beside the store
            assert app.terminate() == 0
    if closed:
        for log in stores.folder.glob("orderflow.db-*"):
            assert log.stat().st_size == 0 or log.name.endswith("-shm")
            log.unlink()
    remount(disk, "ro")
    with process as app:
        eventually(app.serves, "it serves")
        assert bars_served(app) > 0
        assert "cannot be written" in app.output or "cannot be tried" in app.output
        before = told.require()
        assert "is read-only: what is stored is shown" in notes_of(stores.folder)
        remount(disk, "rw")
        eventually(lambda: shown_seq(stores) > before, "it records again", 40)
        assert app.terminate() == 0
    assert "read-only" not in notes_of(stores.folder)
    tell(f"read-only at {before:,} trades, {told.require(shown=before):,} later, none lost")


AS_NOBODY = """
import os, sys
from dashboard import cli, transfer  # before the rights are gone: they may not reach this file
os.setgid(65534)
os.setuid(65534)
sys.exit(cli.main(["instruments"]))
"""


@pytest.mark.skipif(os.name == "nt", reason="rights are POSIX's")
def test_a_store_that_this_user_may_only_read_is_shown(tmp_path: Path, tell: Tell) -> None:
    told = recorded(tmp_path / "data")
    count = told.require()
    with tempfile.TemporaryDirectory() as place:  # pytest's own folders are nobody else's
        public = Path(place) / "data"
        shutil.copytree(told.stores.folder, public)
        for path in [public, *public.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        Path(place).chmod(0o755)
        code = AS_NOBODY if os.geteuid() == 0 else AS_NOBODY.replace("os.set", "# os.set")
        done = subprocess.run(
            [sys.executable, "-c", code], env={"DATA_DIR": str(public), "FEED": "none"},
            capture_output=True, text=True, check=False, cwd=ROOT,
        )  # fmt: skip
        for path in [public, *public.iterdir()]:
            path.chmod(0o755)
    assert done.returncode == 0, done.stderr
    assert f"{count:,} trades" in done.stdout
    tell(f"a user without the right to write reads {count:,} trades")


def test_a_locked_store_is_not_taken_for_a_damaged_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "BUSY_TIMEOUT_S", 0.1)
    stores = Stores(tmp_path / "data")
    stores.begin_at(time.time_ns())
    with held(stores.path, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE"):
        create_app(Settings(feed="none", instruments=(), data_dir=stores.folder))
    assert not list(stores.folder.glob("*.damaged-*"))
