"""Dash pages that hold next to nothing, for the live page to stand beside.

``/empty/`` is one line of text; ``/graph/`` an empty ``dcc.Graph``, so that plotly.js is loaded;
``/interval/`` a ``dcc.Interval`` at 4 Hz with a clientside callback that does nothing.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from dash import Dash, Input, Output, dcc, html
from flask import Flask
from waitress import serve


def build() -> Flask:
    """Return a server with the three pages."""
    server = Flask(__name__)
    done = html.Div("done", id="done")
    beat = dcc.Interval(id="beat", interval=250)
    pages: dict[str, list[Any]] = {
        "/empty/": [done],
        "/graph/": [dcc.Graph(id="graph", figure={"data": [], "layout": {}})],
        "/interval/": [done, beat, dcc.Store(id="sink")],
    }
    for path, parts in pages.items():
        app = Dash(path.strip("/"), server=server, url_base_pathname=path, update_title=None)
        app.layout = html.Div(parts)
        if beat in parts:
            nothing = "function () { return window.dash_clientside.no_update; }"
            app.clientside_callback(nothing, Output("sink", "data"), Input("beat", "n_intervals"))
    return server


def main() -> int:
    """Serve the pages on a port."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plain")
    parser.add_argument("--port", type=int, required=True)
    serve(build(), host="127.0.0.1", port=parser.parse_args().port, threads=8, ident=None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
