"""Routes of the import card: send a file, import it with choices, ask how far it is, drop it.

``POST /api/v1/imports?name=…`` takes the file itself as the body, a piece at a time, and answers
what is in it; ``POST /api/v1/imports/<id>`` begins the import; ``GET`` and ``DELETE`` of the same
address ask and drop. Only pages of ours may send, begin and drop.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, BinaryIO, cast

import orjson
from flask import Flask, Response, request

from dashboard.api.origin import require_own_page
from dashboard.errors import InputError
from dashboard.ports import ImportChoices, Uploads

_ID = re.compile(r"[0-9a-f]{1,64}")
_TEXTS = ("symbol", "calendar", "tick_size", "lot_size", "interval", "level_size", "token")
_SWITCHES = ("skip_bad_rows", "replace_sessions")
_LONGEST = 200
_MOST_BYTES = 1 << 30
"""Beyond, a body is refused unread; how large a file may be is for `Uploads` to say."""


def register_uploads(server: Flask, uploads: Uploads) -> None:
    """Add the routes of the import card to a Flask server."""

    @server.post("/api/v1/imports")
    def send() -> Response:
        """Keep the file that is the body and return what is in it."""
        _require_own_page()
        request.max_content_length = _MOST_BYTES
        if request.content_length is None:
            raise InputError("Content-Length", "", "the size of the file in bytes")
        name = request.args.get("name", "")
        stream = cast("BinaryIO", request.stream)
        return _answer(asdict(uploads.receive(name, stream, request.content_length)), 201)

    @server.post("/api/v1/imports/<upload>")
    def begin(upload: str) -> Response:
        """Begin the import of a file that was sent."""
        _require_own_page()
        uploads.begin(_id(upload), read_choices(_body()))
        return _answer({"state": "running"}, 202)

    @server.get("/api/v1/imports/<upload>")
    def ask(upload: str) -> Response:
        """Return how far the import of a file is."""
        found = asdict(uploads.progress(_id(upload)))
        return _answer(found | {"state": found["state"].value}, 200)

    @server.delete("/api/v1/imports/<upload>")
    def drop(upload: str) -> Response:
        """Forget a file that was sent."""
        _require_own_page()
        uploads.drop(_id(upload))
        return Response(status=204)


def read_choices(body: Mapping[str, object]) -> ImportChoices:
    """Read the choices of an import from a page's JSON.

    Raises:
        InputError: A name is unknown, or a value is of another kind; whether it is possible is for
            the import to say.
    """
    for name in body:
        if name not in {*_TEXTS, *_SWITCHES, "columns"}:
            raise InputError(name, "this choice", ", ".join((*_TEXTS, "columns", *_SWITCHES)))
    columns = body.get("columns", {})
    if not isinstance(columns, Mapping) or not all(map(_is_text, columns.values())):
        raise InputError("columns", columns, "header names by column")
    texts = {name: body.get(name, "") for name in _TEXTS}
    for name, value in texts.items():
        if not _is_text(value):
            raise InputError(name.replace("_", "-"), value, f"a text up to {_LONGEST} characters")
    switches = {name: body.get(name, False) for name in _SWITCHES}
    for name, value in switches.items():
        if not isinstance(value, bool):
            raise InputError(name.replace("_", "-"), value, "true or false")
    chosen = {column: str(header) for column, header in columns.items() if header}
    plain: dict[str, Any] = {name: str(value).strip() for name, value in texts.items()}
    return ImportChoices(columns=chosen, **plain, **cast("dict[str, Any]", switches))


def _require_own_page() -> None:
    headers = request.headers
    own = request.host_url.rstrip("/")
    require_own_page(headers.get("Sec-Fetch-Site"), headers.get("Origin"), own)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST


def _id(upload: str) -> str:
    if not _ID.fullmatch(upload):
        raise InputError("import", upload, "the id of a file that was sent")
    return upload


def _body() -> Mapping[str, object]:
    try:
        body = orjson.loads(request.get_data())
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise InputError("body", "this text", "a JSON object")
    return body


def _answer(body: Mapping[str, Any], status: int) -> Response:
    response = Response(orjson.dumps(body), status=status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
