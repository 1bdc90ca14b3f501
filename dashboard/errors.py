"""Every exception that the dashboard raises on purpose, in one tree.

::

    DashboardError                  caught at the edges: cli, api, callbacks
     ├── SettingsError              environment or .env: all faults at once
     ├── InputError                 one parameter that a person or client sent
     ├── ForeignPageError           another origin's page asked for a change
     ├── ViewNotPossibleError       the stored data cannot make this view exactly
     ├── InstrumentUnknownError     no instrument of that symbol
     ├── ImportFault                a line of a file that cannot be taken over
     ├── FeedError                  the source of trades failed or refused
     └── StoreError                 the database file
          ├── ForeignStoreError     not a store of ours; left untouched
          ├── NewerStoreError       written by a later release; left untouched
          ├── StoreLockedError      another process holds it too long
          ├── StoreReadOnlyError    it can be read, not written
          └── CorruptStoreError     SQLite or a stored blob does not read back

An exception has two texts: ``str(error)`` is for the log and may name internals;
``error.user_text`` is a whole sentence for a person, safe to show in a browser (no
traceback, no secret, no path outside the data folder).

Lives on the lowest floor: this module imports nothing of the project, and nothing that
does I/O, because the domain stands on it.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = [
    "CorruptStoreError",
    "DashboardError",
    "FeedError",
    "ForeignPageError",
    "ForeignStoreError",
    "ImportFault",
    "InputError",
    "InstrumentUnknownError",
    "NewerStoreError",
    "SettingsError",
    "StoreError",
    "StoreLockedError",
    "StoreReadOnlyError",
    "ViewNotPossibleError",
]


class DashboardError(Exception):
    """Root of the tree: a failure that has a sentence for the user.

    Args:
        user_text: One or more whole sentences for a person.
        log_text: What the log should say where it differs; ``str(error)``.
    """

    def __init__(self, user_text: str, *, log_text: str | None = None) -> None:
        super().__init__(user_text if log_text is None else log_text)
        self.user_text = user_text


class SettingsError(DashboardError):
    """The environment or .env cannot be used; carries every fault found.

    Args:
        faults: One sentence per fault: what was wrong, where, what is allowed.
    """

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class InputError(DashboardError):
    """A parameter from a URL, a control, a client or the command line is wrong.

    Args:
        field: The parameter's name as the sender wrote it.
        value: What was sent; shown shortened.
        allowed: What would have been right, to follow "use": "a number from 1 to 9".
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field}: {_shortened(value)} is not possible; use {allowed}.")


class ForeignPageError(DashboardError):
    """A page of another origin, or no page at all, asked for a change; nothing was done."""


class ViewNotPossibleError(DashboardError):
    """The stored data cannot make the wanted view exactly, so it is refused."""


class InstrumentUnknownError(DashboardError):
    """No instrument has this symbol.

    Args:
        symbol: What was asked for.
        known: Symbols that exist, most useful first; the text names up to eight.
    """

    def __init__(self, symbol: str, known: Sequence[str] = ()) -> None:
        self.symbol = symbol
        self.known = tuple(known)
        text = f"There is no instrument {_shortened(symbol)}."
        if self.known:
            more = ", …" if len(self.known) > 8 else ""
            text += f" Known: {', '.join(self.known[:8])}{more}."
        super().__init__(text)


class ImportFault(DashboardError):  # noqa: N818 - the house's word: a fault is a line of a file
    """A file, or one line of it, cannot be imported; nothing of the file was stored.

    Args:
        file: The file as the user named it; text or a path.
        line: Its line, 1-based with the header counted; None when the whole file is meant.
        reason: A clause in the present tense: "the price 'abc' is not a number".
    """

    def __init__(self, file: object, line: int | None, reason: str) -> None:
        self.file = str(file)
        self.line = line
        self.reason = reason
        place = self.file if line is None else f"{self.file}, line {line}"
        super().__init__(f"{place}: {reason}.")


class FeedError(DashboardError):
    """The source of trades failed, refused, or ended when it should not have.

    Args:
        user_text: The sentence for the status line.
        log_text: As in ``DashboardError``.
        retry: False when trying again cannot help (a wrong password, a missing session).
    """

    def __init__(self, user_text: str, *, log_text: str | None = None, retry: bool = True) -> None:
        super().__init__(user_text, log_text=log_text)
        self.retry = retry


class StoreError(DashboardError):
    """The database file cannot be used as it is."""


class ForeignStoreError(StoreError):
    """The file is not a store of this project; it was left untouched."""


class NewerStoreError(StoreError):
    """The store was written by a later release; it was left untouched."""


class StoreLockedError(StoreError):
    """Another process kept the store locked for longer than we wait."""


class StoreReadOnlyError(StoreError):
    """The store, or its folder, may be read but not written."""


class CorruptStoreError(StoreError):
    """The store, or one stored value, does not read back as it was written."""


def _shortened(value: object, limit: int = 60) -> str:
    """Return ``value`` quoted and cut, so that a long or hostile input stays readable."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= limit else f"{text[: limit - 1]}…"
