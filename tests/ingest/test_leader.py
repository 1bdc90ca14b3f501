"""The leader lock: one holder, freed by the kernel, released from any thread."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import filelock
import pytest

from dashboard.errors import StoreError
from dashboard.ingest.leader import FileLeader

HOLDER = """
import sys
from pathlib import Path
from dashboard.ingest.leader import FileLeader
leader = FileLeader(Path(sys.argv[1]))
print(leader.acquire(), flush=True)
sys.stdin.read()
"""


def test_one_holds_the_lock_until_it_lets_go(tmp_path: Path) -> None:
    first, second = (FileLeader(tmp_path / "new" / "leader.lock") for _ in range(2))
    assert first.acquire()
    assert first.acquire(), "held already"
    assert not second.acquire()
    second.release()
    assert not second.acquire(), "who does not hold it cannot give it up"
    first.release()
    first.release()
    assert second.acquire()
    assert not first.acquire()
    second.release()


def test_another_thread_may_give_it_up(tmp_path: Path) -> None:
    first, second = (FileLeader(tmp_path / "leader.lock") for _ in range(2))
    assert first.acquire()
    thread = threading.Thread(target=first.release)
    thread.start()
    thread.join()
    assert second.acquire()
    second.release()


def test_a_killed_process_holds_nothing(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "leader.lock"
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=root,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"True\n"
        leader = FileLeader(path)
        assert not leader.acquire()
        holder.kill()
        holder.wait()
    assert leader.acquire()
    leader.release()


def test_a_disk_without_locks_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.ingest.leader.FileLock", filelock.SoftFileLock)
    leader = FileLeader(tmp_path / "leader.lock")
    with pytest.raises(StoreError, match="kernel lock") as raised:
        leader.acquire()
    assert "choose a local one" in raised.value.user_text
    assert not (tmp_path / "leader.lock").exists()
