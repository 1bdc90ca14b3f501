"""Builds the Dash application: both pages, their callbacks, local style sheets, safe headers."""

from __future__ import annotations

import ipaddress
import logging
import re
from pathlib import Path

import dash
import flask_bootstrap
from dash import Dash, html
from flask import Response, abort, request, send_from_directory

from dashboard.errors import DashboardError
from dashboard.pages import callbacks, door, history, live
from dashboard.views.desk import Desk

log = logging.getLogger(__name__)

STYLES = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "css"
_HOST = re.compile(r"(?:\[(?P<v6>[0-9a-f:.]+)\]|(?P<name>[a-z0-9.-]+))(?::[0-9]{1,5})?", re.ASCII)
STYLE_URL = "/styles/bootstrap.min.css"

INDEX = """<!DOCTYPE html>
<html lang="en" data-bs-theme="dark">
  <head>
    {%metas%}
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{%title%}</title>
    {%favicon%}
    {%css%}
  </head>
  <body>
    {%app_entry%}
    <footer>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""


def build_dash(desk: Desk, *, assets: Path) -> Dash:
    """Return the application with the live and the history page.

    Args:
        desk: Serves views; the pages' only way to data.
        assets: Folder of style sheets and scripts.
    """
    # The registry is global to the process: a second app in one process must not see the first's.
    dash.page_registry.clear()
    app = Dash(
        __name__,
        use_pages=True,
        pages_folder="",
        assets_folder=str(assets),
        external_stylesheets=[STYLE_URL],
        index_string=INDEX,
        title="Order flow",
        update_title=None,
        suppress_callback_exceptions=True,
        serve_locally=True,
        on_error=_leave_as_it_is,
    )
    live.register(app, desk)
    history.register(app, desk)
    callbacks.register(app, desk)
    app.layout = html.Div(dash.page_container)
    _serve_styles(app)
    _guard(app)
    door.guard(app)
    return app


def _leave_as_it_is(error: Exception) -> None:
    """Let a callback that was refused change nothing; the status line says why by itself.

    Anything else is a fault of ours and stays one.
    """
    if not isinstance(error, DashboardError):
        raise error
    log.info("callback refused: %s", error)


def _serve_styles(app: Dash) -> None:
    """Serve Bootstrap's style sheet from the installed package: nothing vendored, no CDN."""

    @app.server.get("/styles/<name>")
    def bootstrap_style(name: str) -> Response:
        response: Response = send_from_directory(STYLES, name, max_age=86400)
        return response


def is_own_host(host: str) -> bool:
    """Return whether a Host header names this machine's loopback, with or without a port.

    A page elsewhere can make its own name point here and then read what a browser fetches; it
    cannot make a browser send another name than its own.
    """
    found = _HOST.fullmatch(host.lower())
    if found is None:
        return False
    if found["name"] == "localhost":
        return True
    try:
        return ipaddress.ip_address(found["v6"] or found["name"]).is_loopback
    except ValueError:
        return False


def _guard(app: Dash) -> None:
    """Refuse foreign hosts and large bodies; forbid every outside resource."""
    app.server.config["MAX_CONTENT_LENGTH"] = 4 * 1024 * 1024

    @app.server.before_request
    def refuse_foreign_host() -> None:
        # Flask's own TRUSTED_HOSTS knows no IPv6 address.
        if not is_own_host(request.headers.get("Host", "")):
            abort(400)

    @app.server.after_request
    def add_headers(response: Response) -> Response:
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        if response.mimetype == "text/html" and request.method == "GET":
            # Pages adds an inline script at the first request, so the hashes are taken per answer.
            hashes = " ".join(f"'{h}'" if not h.startswith("'") else h for h in app.csp_hashes())
            response.headers["Content-Security-Policy"] = (
                f"default-src 'self'; script-src 'self' {hashes}; "
                "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
                "font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
                "object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
            )
        return response
