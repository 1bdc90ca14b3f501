"""A disk without room: nothing stored is lost, a sentence is said, and all goes on with room."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dashboard.storage.health import examine
from tests.e2e.support import SYMBOL, Process, Stores, eventually
from tests.safety.support import Told, cause, command, fill, shown_seq, simulated, trades_file

pytestmark = pytest.mark.slow
Disk = Callable[[int], Path]
Tell = Callable[[str], None]


def test_a_feed_waits_for_room_and_goes_on_without_a_gap(
    tmp_path: Path, small_disk: Disk, tell: Tell
) -> None:
    stores, began_ns = Stores(small_disk(24) / "data"), time.time_ns()
    stores.begin_at(began_ns)
    told = Told.since(stores, began_ns)
    # What it says goes to another disk than its data.
    with Process(["app.py"], tmp_path, **simulated(DATA_DIR=str(stores.folder))) as app:
        eventually(lambda: shown_seq(stores) > 5_000, "it records")
        held = shown_seq(stores)
        ballast = fill(stores.folder.parent)
        eventually(lambda: "disk is full" in app.output, "the sentence in the log")
        assert app.get("/healthz").status == 200
        answer = app.get(f"/api/v1/bars?symbol={SYMBOL}&bar=1m&level=2")
        assert answer.status == 200, answer.body
        assert len(answer.json()["bars"]) > 0
        said = cause(stores)
        ballast.unlink()
        eventually(lambda: shown_seq(stores) > held + 20_000, "it goes on", 40)
        eventually(lambda: cause(stores) == "", "and says so")
        assert app.terminate() == 0
    count = told.require(shown=held)
    tell(f"full at {held:,} trades, {count:,} at the end, none lost; pages said: {said!r}")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a small and a large file of trades."""
    folder = tmp_path_factory.mktemp("files")
    return trades_file(folder / "small.csv", 500), trades_file(folder / "large.csv", 40_000)


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory, files: tuple[Path, Path]) -> Path:
    """Return a data folder with the large file as A; tests leave its store as it is."""
    folder = tmp_path_factory.mktemp("stored") / "data"
    assert command(folder, "import", str(files[1]), "--symbol", "A").returncode == 0
    return folder


def test_an_import_without_room_leaves_the_store_as_it_was(
    files: tuple[Path, Path], small_disk: Disk, tell: Tell
) -> None:
    small, large = files
    folder = small_disk(16) / "data"
    assert command(folder, "import", str(small), "--symbol", "A").returncode == 0
    ballast = fill(folder.parent)
    with ballast.open("rb+") as stream:
        stream.truncate(ballast.stat().st_size - 2_000_000)
    done = command(folder, "import", str(large), "--symbol", "B")
    assert done.returncode == 1
    assert "the disk is full. Free some space." in done.stderr
    assert "Traceback" not in done.stderr
    assert [i.symbol for i in Stores(folder).history.instruments()] == ["A"]
    assert len(Stores(folder).history.read_trades("A")) == 500
    assert examine(folder / "orderflow.db") == []
    tell(f"import: {done.stderr.strip()!r}; the store is as before")
    ballast.unlink()
    done = command(folder, "import", str(large), "--symbol", "B")
    assert done.returncode == 0, done.stderr
    assert len(Stores(folder).history.read_trades("B")) == 40_000
    assert examine(folder / "orderflow.db") == []


def test_a_backup_without_room_leaves_no_file(stored: Path, small_disk: Disk, tell: Tell) -> None:
    disk = small_disk(4)
    done = command(stored, "backup", "-o", str(disk / "copy.db"))
    assert done.returncode == 1
    assert "too full" in done.stderr
    assert list(disk.iterdir()) == []
    tell(f"backup: {done.stderr.strip()!r}")


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_a_backup_whose_disk_fills_meanwhile_leaves_no_file(stored: Path, tell: Tell) -> None:
    size = (stored / "orderflow.db").stat().st_size
    done = command(stored, "backup", limit=size // 2)
    assert done.returncode == 1
    assert "check the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert list((stored / "backups").iterdir()) == []
    tell(f"backup beyond the largest file possible: {done.stderr.strip()!r}")
    assert command(stored, "backup").returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file sizes are POSIX's")
def test_an_import_beyond_the_largest_file_possible_leaves_the_store_as_it_was(
    tmp_path: Path, files: tuple[Path, Path], tell: Tell
) -> None:
    folder, (small, large) = tmp_path / "data", files
    assert command(folder, "import", str(small), "--symbol", "A").returncode == 0
    done = command(folder, "import", str(large), "--symbol", "B", limit=1_500_000)
    assert done.returncode == 1
    assert "check the disk" in done.stderr
    assert [i.symbol for i in Stores(folder).history.instruments()] == ["A"]
    assert len(Stores(folder).history.read_trades("A")) == 500
    assert examine(folder / "orderflow.db") == []
    tell(f"import beyond the largest file possible: {done.stderr.strip()!r}")
