"""Order-flow (footprint chart) dashboard.

The floors, from the top: composition (cli, bootstrap, settings), pages and api, figures,
series and ingest, adapters (feeds, storage, live), ports, domain, errors. A higher floor
may use lower ones, never the reverse; tests/test_layers.py holds the tree to it.

Importing this package does nothing but state the version. For notebooks it has two names, made
when they are asked for: `open_store` and `footprint_figure`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dashboard.notebook import footprint_figure as footprint_figure
    from dashboard.notebook import open_store as open_store

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:  # noqa: ANN401 - a module's attribute
    """Return a notebook function; a plain import must not drag in numpy and SQLite."""
    if name not in {"footprint_figure", "open_store"}:
        msg = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(msg)
    from dashboard import notebook  # noqa: PLC0415

    return getattr(notebook, name)
