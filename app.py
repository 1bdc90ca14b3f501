"""Start the dashboard: ``python app.py``, or ``gunicorn -c gunicorn.conf.py app:server``.

This file must parse and speak on any Python since 3.8, with or without the packages: whoever has
just cloned the project gets the next command to type, not a traceback.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

BY_HAND = """
    make run

or, where there is no make:

    python3 -m venv .venv
    .venv/bin/pip install -c constraints.txt .
    .venv/bin/python app.py
"""
if os.name == "nt":
    BY_HAND = r"""
    py -3.11 -m venv .venv
    .venv\Scripts\pip install -c constraints.txt .
    .venv\Scripts\python app.py
"""
# By import name, in the order of pyproject.toml; tests/test_app_entry.py compares the two.
PACKAGES = (
    *("dash", "plotly", "dash_bootstrap_components", "flask_bootstrap", "orjson", "waitress"),
    *("SmartApi", "logzero", "websocket", "pyotp", "diskcache", "filelock", "numpy", "dotenv"),
)


def next_command() -> str | None:
    """Return what to tell whoever cannot start the dashboard yet; None when all is there."""
    if sys.version_info < (3, 11):  # noqa: UP036 - pip was perhaps never asked
        why = f"The dashboard needs Python 3.11 or newer; this is {sys.version.split()[0]}."
    elif missing := [name for name in PACKAGES if find_spec(name) is None]:
        why = f"Packages are missing here: {', '.join(missing)}."
    else:
        return None
    return f"{why} Next, in this folder:\n{BY_HAND}"


def __getattr__(name: str) -> object:
    """Build ``app`` and ``server`` when a WSGI server asks for one of them, not before."""
    if name not in ("app", "server"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from dashboard.bootstrap import create_app  # noqa: PLC0415 - not before next_command
    from dashboard.settings import Settings  # noqa: PLC0415 - likewise

    app = create_app(Settings.load())
    globals().update(app=app, server=app.server)
    return globals()[name]


if __name__ == "__main__":
    if (text := next_command()) is not None:
        sys.exit(text)
    from dashboard.cli import main

    sys.exit(main(["run"]))
