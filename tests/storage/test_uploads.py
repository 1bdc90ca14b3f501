"""Files that a page sends: what is kept, what is said, and what is left when something fails."""

from __future__ import annotations

import gzip
import io
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

from dashboard.errors import ImportFault, InputError, StoreError, StoreLockedError
from dashboard.ports import MAX_SENT_BYTES, ImportChoices, ImportProgress, ImportState, SentFile
from dashboard.storage import uploads as module
from dashboard.storage.history import SqliteHistory
from dashboard.storage.importers.files import import_files
from dashboard.storage.importers.trades_csv import import_trades
from dashboard.storage.uploads import DiskUploads
from tests.fakes import ManualClock
from tests.storage.importers.test_predecessor import bar, old_file

HEADER = "ts_ns,price,qty,side"
OPEN = 1_757_562_300 * 10**9
X = ImportChoices(symbol="X")


def tape(count: int = 100, header: str = HEADER) -> bytes:
    rows = (f"{OPEN + k * 10**9},{100 + k % 5}.5,{k + 1},{'BS'[k % 2]}" for k in range(count))
    return "\n".join([header, *rows, ""]).encode()


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "s.db"


@pytest.fixture
def uploads(tmp_path: Path, store: Path) -> DiskUploads:
    return DiskUploads(tmp_path / "uploads", store, ManualClock(OPEN))


def send(uploads: DiskUploads, data: bytes, name: str = "trades.csv") -> SentFile:
    return uploads.receive(name, io.BytesIO(data), len(data))


def finished(uploads: DiskUploads, upload: str) -> ImportProgress:
    end = time.monotonic() + 20
    while (found := uploads.progress(upload)).state is ImportState.RUNNING:
        assert time.monotonic() < end
        time.sleep(0.01)
    return found


def kept(uploads: DiskUploads) -> list[Path]:
    return sorted(p for p in uploads._folder.glob("*/file"))


@contextmanager
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], None]]:
    """Hold a running import back until the function given is called."""
    go = threading.Event()

    def slow(*arguments: object, **options: object) -> object:
        assert go.wait(20)
        return import_files(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "import_files", slow)
    try:
        yield go.set
    finally:
        go.set()


def test_a_file_is_shown_then_imported_then_gone(uploads: DiskUploads, store: Path) -> None:
    sent = send(uploads, tape())
    assert (sent.name, sent.kind, sent.header) == ("trades.csv", "trades", tuple(HEADER.split(",")))
    assert sent.rows[0] == (str(OPEN), "100.5", "1", "B")
    assert sent.mapping == {"time": "ts_ns", "price": "price", "size": "qty", "side": "side"}
    assert uploads.progress(sent.id).state is ImportState.WAITING
    uploads.begin(sent.id, X)
    done = finished(uploads, sent.id)
    assert (done.state, done.done, done.total) == (ImportState.DONE, 100, 100)
    assert done.sentences[0].startswith("X: 100 of 100 rows were new")
    assert len(SqliteHistory(store).read_trades("X")) == 100
    assert kept(uploads) == []


def test_a_fault_is_told_by_the_senders_name_and_the_file_waits_for_other_choices(
    uploads: DiskUploads, store: Path
) -> None:
    sent = send(uploads, tape(header="when,price,qty,side"), "my trades.csv")
    assert "time" not in sent.mapping
    uploads.begin(sent.id, X)
    failed = finished(uploads, sent.id)
    assert failed.state is ImportState.FAILED
    assert failed.sentences[0].startswith("my trades.csv, line 1: the header")
    assert not store.exists()
    uploads.begin(sent.id, ImportChoices(symbol="X", columns={"time": "when"}))
    assert finished(uploads, sent.id).state is ImportState.DONE


def test_a_packed_file_and_the_predecessors_database_are_told_apart(
    uploads: DiskUploads, tmp_path: Path, store: Path
) -> None:
    assert send(uploads, gzip.compress(tape()), "t.gz").header == tuple(HEADER.split(","))
    old = old_file(tmp_path / "old.db", bar(0), bar(5), bar(10, token="7"))
    sent = send(uploads, old.read_bytes(), "trading.db")
    assert (sent.kind, sent.tokens) == ("predecessor", ["53001", "7"])
    assert sent.rows[0][:2] == ("53001", "1757562300")
    uploads.begin(sent.id, ImportChoices(symbol="OLD", token="53001", lot_size="50"))
    assert finished(uploads, sent.id).state is ImportState.DONE
    assert str(SqliteHistory(store).read_bars("OLD").spec) == "5m"


def test_the_lot_of_the_settings_counts_for_the_predecessors_database(
    tmp_path: Path, store: Path
) -> None:
    uploads = DiskUploads(tmp_path / "uploads", store, ManualClock(), predecessors_lot=50)
    sent = send(uploads, old_file(tmp_path / "old.db", bar(0), bar(5)).read_bytes())
    uploads.begin(sent.id, X)
    assert finished(uploads, sent.id).state is ImportState.DONE
    found = SqliteHistory(store).find_instrument("X")
    assert found is not None
    assert found.lot_size == 50


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no column for time"),
        (b"\x00\x01\n", "not a text file"),
        (gzip.compress(tape())[:60], "gzip data is damaged"),
        (b"SQLite format 3\x00" + bytes(200), "none of the predecessor"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_not_kept(
    uploads: DiskUploads, data: bytes, reason: str
) -> None:
    if not data:
        # Nothing to see yet: the import says what is missing.
        sent = send(uploads, data)
        uploads.begin(sent.id, X)
        assert reason in finished(uploads, sent.id).sentences[0]
        return
    with pytest.raises(ImportFault, match=reason):
        send(uploads, data)
    assert list(uploads._folder.glob("*/*")) == []


def test_a_store_of_ours_is_no_file_to_import(
    uploads: DiskUploads, tmp_path: Path, store: Path
) -> None:
    (tmp_path / "t.csv").write_bytes(tape())
    import_trades(store, [tmp_path / "t.csv"], symbol="X")
    with pytest.raises(ImportFault, match="none of the predecessor"):
        send(uploads, store.read_bytes())


def test_a_file_that_is_cut_off_is_not_kept(uploads: DiskUploads) -> None:
    with pytest.raises(ImportFault, match=r"^t.csv: it did not arrive whole"):
        uploads.receive("t.csv", io.BytesIO(tape()), len(tape()) + 1)
    assert list(uploads._folder.glob("*/*")) == []


def test_a_sender_that_fails_leaves_nothing(uploads: DiskUploads) -> None:
    class Broken(io.BytesIO):
        def read(self, _size: int | None = -1, /) -> bytes:
            raise ConnectionError

    with pytest.raises(ConnectionError):
        uploads.receive("t.csv", Broken(), 10)
    assert list(uploads._folder.glob("*/*")) == []


def test_a_file_that_is_too_large_is_refused_unread(uploads: DiskUploads) -> None:
    with pytest.raises(ImportFault, match="more than the 256 MB that a page may send"):
        uploads.receive("t.csv", io.BytesIO(), MAX_SENT_BYTES + 1)


def test_a_disk_without_room_is_told(uploads: DiskUploads, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_ROOM", 2**50)
    with pytest.raises(ImportFault, match="not enough room"):
        send(uploads, tape())


@pytest.mark.parametrize("name", ["../../evil", "/etc/passwd", "a\x00b\n", "x" * 5000, ""])
def test_a_name_is_never_a_path(uploads: DiskUploads, tmp_path: Path, name: str) -> None:
    sent = send(uploads, tape(), name)
    assert kept(uploads) == [tmp_path / "uploads" / sent.id / "file"]
    assert sent.name.isprintable()
    assert 0 < len(sent.name) <= 120


@pytest.mark.parametrize("upload", ["", "..", "../s.db", "a" * 32, "A" * 32, "x"])
def test_only_ids_of_sent_files_are_known(uploads: DiskUploads, upload: str) -> None:
    for act in (uploads.progress, uploads.drop, lambda u: uploads.begin(u, X)):
        with pytest.raises(InputError):
            act(upload)


def test_one_import_at_a_time(
    uploads: DiskUploads, monkeypatch: pytest.MonkeyPatch, store: Path
) -> None:
    first, second = send(uploads, tape()), send(uploads, tape(50))
    other = DiskUploads(uploads._folder, store, ManualClock())  # another process' own
    with held(monkeypatch) as go:
        uploads.begin(first.id, X)
        for refused in (uploads, other):
            with pytest.raises(StoreLockedError, match="Another import is running"):
                refused.begin(second.id, X)
        assert other.progress(first.id).state is ImportState.RUNNING
        with pytest.raises(InputError, match="not being imported"):
            other.drop(first.id)
        go()
        assert finished(other, first.id).state is ImportState.DONE
    other.begin(second.id, X)
    assert finished(uploads, second.id).sentences[0].startswith("X: 0 of 50 rows were new")


def test_an_import_of_the_command_line_is_waited_for(uploads: DiskUploads, store: Path) -> None:
    sent = send(uploads, tape())
    with FileLock(f"{store}.import.lock"):
        uploads.begin(sent.id, X)
        assert "Another import into s.db is running" in finished(uploads, sent.id).sentences[0]
    uploads.begin(sent.id, X)
    assert finished(uploads, sent.id).state is ImportState.DONE


def test_an_import_that_nobody_runs_any_more_was_interrupted(uploads: DiskUploads) -> None:
    sent = send(uploads, tape())
    # What a killed process leaves: its note, and a lock that the kernel has freed.
    module._note(uploads._folder / sent.id, ImportProgress(ImportState.RUNNING, 10, 100))
    assert uploads.progress(sent.id).sentences == (
        "The import was interrupted; nothing of the file is stored.",
    )
    uploads.begin(sent.id, X)
    assert finished(uploads, sent.id).state is ImportState.DONE


def test_what_is_done_is_not_done_again(uploads: DiskUploads) -> None:
    sent = send(uploads, tape())
    uploads.begin(sent.id, X)
    finished(uploads, sent.id)
    with pytest.raises(InputError, match="send it again"):
        uploads.begin(sent.id, X)


def test_progress_counts_the_rows_that_are_stored(
    uploads: DiskUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = send(uploads, tape())
    seen: list[ImportProgress] = []
    note = module._note

    def listen(place: Path, progress: ImportProgress) -> None:
        seen.append(progress)
        note(place, progress)

    monkeypatch.setattr(module, "_note", listen)
    monkeypatch.setattr(module, "_REPORT_NS", 0)
    uploads.begin(sent.id, X)
    finished(uploads, sent.id)
    counts = [(p.done, p.total) for p in seen if p.total]
    assert counts
    assert counts == sorted(counts)
    assert counts[-1] == (100, 100)


def test_an_internal_error_is_a_sentence_and_frees_the_way(
    uploads: DiskUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    sent = send(uploads, tape())
    with monkeypatch.context() as patch:
        patch.setattr(module, "import_files", broken)
        uploads.begin(sent.id, X)
        failed = finished(uploads, sent.id)
    assert failed.sentences == ("The import stopped by an internal error (ZeroDivisionError).",)
    uploads.begin(sent.id, X)
    assert finished(uploads, sent.id).state is ImportState.DONE


def test_a_fault_of_the_store_is_told(
    uploads: DiskUploads, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise StoreError("The disk is full.")

    sent = send(uploads, tape())
    monkeypatch.setattr(module, "import_files", full)
    uploads.begin(sent.id, X)
    assert finished(uploads, sent.id).sentences == ("The disk is full.",)


def test_few_files_wait_and_the_oldest_goes_first(uploads: DiskUploads) -> None:
    sent = [send(uploads, tape(k + 1)) for k in range(6)]
    assert {path.parent.name for path in kept(uploads)} == {s.id for s in sent[2:]}


def test_a_file_that_is_dropped_is_gone(uploads: DiskUploads) -> None:
    sent = send(uploads, tape())
    uploads.drop(sent.id)
    assert kept(uploads) == []
    with pytest.raises(InputError):
        uploads.progress(sent.id)
