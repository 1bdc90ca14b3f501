"""The fakes have every method of the ports that they stand for, with the same parameters."""

from __future__ import annotations

import inspect

import pytest

from dashboard.ports import Board, Clock, Feed, History, Leader, Recorder
from tests.fakes import (
    FakeBoard,
    FakeFeed,
    FakeHistory,
    FakeLeader,
    FakeRecorder,
    FakeStore,
    ManualClock,
)


@pytest.mark.parametrize(
    ("port", "fake"),
    [
        (Board, FakeBoard),
        (Clock, ManualClock),
        (Feed, FakeFeed),
        (History, FakeHistory),
        (Leader, FakeLeader),
        (Recorder, FakeRecorder),
    ],
)
def test_a_fake_keeps_to_its_port(port: type, fake: type) -> None:
    methods = {
        name: method
        for name, method in inspect.getmembers(port, inspect.isfunction)
        if not name.startswith("_")
    }
    assert methods
    for name, method in methods.items():
        wanted, found = (inspect.signature(m).parameters for m in (method, getattr(fake, name)))
        assert {n: p.kind for n, p in wanted.items()} == {n: p.kind for n, p in found.items()}, name
        defaults = [{n: p.default for n, p in ps.items()} for ps in (wanted, found)]
        assert defaults[0] == defaults[1], name


def test_the_type_checker_takes_the_fakes_for_the_ports() -> None:
    store = FakeStore()
    ports: tuple[Board, Clock, Feed, History, Leader, Recorder] = (
        FakeBoard(),
        ManualClock(),
        FakeFeed([]),
        FakeHistory(store),
        FakeLeader(),
        FakeRecorder(store),
    )
    assert len(ports) == 6
