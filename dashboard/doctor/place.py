"""What the checks of a data folder look at: the settings, the clock, and where the store is."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from dashboard.errors import DashboardError
from dashboard.settings import Settings
from dashboard.storage.connection import connect_reader, reading
from dashboard.storage.health import read_facts
from dashboard.storage.resolve import store_of
from dashboard.storage.schema import StoreKind, identify


@dataclass(frozen=True)
class Place:
    """A data folder at a moment.

    Attributes:
        settings: Of this process.
        now_ns: The clock.
    """

    settings: Settings
    now_ns: int

    @cached_property
    def store(self) -> Path:
        """The store's file; it need not exist."""
        return store_of(self.settings.database)

    @cached_property
    def folder(self) -> Path:
        """The nearest existing folder of the store's."""
        return next(p for p in (self.store.parent, *self.store.parent.parents) if p.is_dir())

    @cached_property
    def readable(self) -> bool:
        """Whether the store can be asked about its contents."""
        try:
            if identify(self.store) is not StoreKind.OURS:
                return False
            with closing(connect_reader(self.store)) as db, reading(db, self.store):
                read_facts(db)
        except DashboardError:
            return False
        return True
