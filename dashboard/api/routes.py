"""JSON routes: the layer's data plane and the public read API; no logic beyond reading requests.

Wrong parameters get 400 with ``{"error": sentence, "parameter": name}``; an unknown instrument 404.
"""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Response, request

from dashboard.api.parameters import beat_request, refuse_unknown, wanted_export
from dashboard.errors import (
    DashboardError,
    ForeignPageError,
    InputError,
    InstrumentUnknownError,
    StoreError,
)
from dashboard.views.beat import BeatAnswer
from dashboard.views.desk import Desk
from dashboard.views.export import FORMATS, export_text, file_name

COMPRESS_FROM = 1_000
"""Bytes from which an answer is compressed; below it the header costs more than it saves."""


def register_routes(server: Flask, desk: Desk, assets: Path) -> None:
    """Add the API and the health routes to a Flask server.

    Args:
        server: The server.
        desk: Serves views.
        assets: Styles and scripts, of which an exported page carries some along.
    """

    @server.get("/api/v1/live")
    def live() -> Response:
        """Return what changed in a view since a version (docs/ARCHITECTURE.md), 204 for nothing."""
        return _beat(desk.beat(beat_request(request.args, "live")))

    @server.get("/api/v1/bars")
    def bars() -> Response:
        """Return stored bars with their levels, as the export writes them or as the layer wants."""
        if request.args.get("format") == "layer":
            return _beat(desk.beat(beat_request(request.args, "stored")))
        wanted, form, look = wanted_export(_once(request.args))
        text = export_text(desk.series, **wanted, form=form, assets=assets, look=look, bounded=True)
        answer = _compressed(text.encode(), FORMATS[form])
        if "format" in request.args:
            # Asked for as a file: a browser saves it, and never shows it as a page of ours.
            name = file_name(form, wanted)
            answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return answer

    @server.get("/api/v1/instruments")
    def instruments() -> Response:
        """Return every instrument with its sessions."""
        refuse_unknown(request.args, ())
        return _json({"instruments": desk.list_instruments()})

    @server.get("/healthz")
    def healthz() -> Response:
        """Return 200 while the process answers."""
        return Response("OK", mimetype="text/plain")

    @server.get("/readyz")
    def readyz() -> Response:
        """Return 200 when the store can be read and the feed is alive, else 503 with the reason."""
        ready, facts = desk.readiness()
        answer = _json(facts)
        answer.status_code = 200 if ready else 503
        return answer

    @server.errorhandler(DashboardError)
    def refused(error: DashboardError) -> Response:
        answer = _json(_fault(error))
        answer.status_code = _status(error)
        return answer


def _beat(answer: BeatAnswer) -> Response:
    """Return an answer of the data plane; 204 where nothing changed."""
    if answer.body is not None:
        return _json(answer.body)
    empty = Response(status=204)
    empty.headers["X-Feed-Age-Ms"] = str(answer.age_ms)
    empty.headers["X-Feed-State"] = answer.state
    if answer.cause:
        empty.headers["X-Feed-Cause"] = quote(answer.cause)  # a header holds no other letters
    return empty


def _once(arguments: Mapping[str, str]) -> dict[str, str]:
    return {name: arguments[name] for name in arguments}


def _fault(error: DashboardError) -> dict[str, Any]:
    body: dict[str, Any] = {"error": error.user_text}
    if isinstance(error, InputError):
        body["parameter"] = error.field
    return body


def _status(error: DashboardError) -> int:
    if isinstance(error, InstrumentUnknownError):
        return 404
    if isinstance(error, ForeignPageError):
        return 403
    return 503 if isinstance(error, StoreError) else 400


def _json(body: Mapping[str, Any]) -> Response:
    return _compressed(orjson.dumps(body))


def _compressed(raw: bytes, mimetype: str = "application/json") -> Response:
    response = Response(raw, mimetype=mimetype)
    response.headers["Cache-Control"] = "no-store"
    response.headers["Vary"] = "Accept-Encoding"
    if len(raw) > COMPRESS_FROM and "gzip" in request.headers.get("Accept-Encoding", ""):
        # Level 1: a changed bar shrinks to a third in a tenth of a millisecond; 9 gains little.
        response.set_data(gzip.compress(raw, compresslevel=1))
        response.headers["Content-Encoding"] = "gzip"
    return response
