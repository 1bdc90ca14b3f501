"""Order-flow (footprint chart) dashboard.

The floors, from the top: composition (cli, bootstrap, settings), pages and api, figures,
series and ingest, adapters (feeds, storage, live), ports, domain, errors. A higher floor
may use lower ones, never the reverse; tests/test_layers.py holds the tree to it.

Importing this package does nothing but state the version.
"""

from __future__ import annotations

__version__ = "0.1.0"
