"""How gunicorn serves the dashboard: ``gunicorn -c gunicorn.conf.py app:server``.

Every worker offers to run the feed; a file lock in the data folder lets exactly one do it,
and the kernel frees the lock when that worker dies (dashboard/ingest/leader.py).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from dashboard.cli import start_logging
from dashboard.settings import Settings, SettingsError

try:
    _settings = Settings.load()
except SettingsError as error:
    sys.exit(f"The settings cannot be used.\n{error.user_text}")

# gunicorn's own loggers do not pass on to the root, so this adds the dashboard's lines only.
start_logging(_settings.log_level)

wsgi_app = "app:server"
# Explicit: otherwise gunicorn opens 0.0.0.0 as soon as PORT is set.
bind = _settings.bind
# Threads, because SQLite and diskcache calls are blocking C calls that greenlets wait out.
worker_class = "gthread"
workers = 2
threads = 4
timeout = 30
graceful_timeout = 10
keepalive = 75
# Locks and SQLite handles must be opened in the worker that uses them.
preload_app = False
# Recycling a worker would bounce the feed.
max_requests = 0
# On by default, and able to stop or scale the server.
control_socket_disable = True
# A worker's sign of life must not wait for a slow disk.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a RAM disk


def post_worker_init(worker: Any) -> None:  # noqa: ANN401, ARG001 - gunicorn has no types
    """Offer to run the feed, after the fork and after the app is loaded."""
    import app  # noqa: PLC0415 - the worker's own copy
    from dashboard.bootstrap import start_ingest  # noqa: PLC0415

    start_ingest(app.app)


def worker_exit(server: Any, worker: Any) -> None:  # noqa: ANN401, ARG001 - as above
    """Stop the feed and free its lock, so that the other worker takes over at once."""
    import app  # noqa: PLC0415
    from dashboard.bootstrap import stop_ingest  # noqa: PLC0415

    # A worker that failed while loading never built the app, and must not build it now.
    if "app" in vars(app):
        stop_ingest(app.app)
