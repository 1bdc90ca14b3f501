"""A page with one Plotly figure and the footprint layer, without Dash: made-up bars, real pixels.

`make_bars` plays a seeded market, `make_payload` writes it as the layer's payload, `make_figure` as
the figure below it. `Harness` serves them to a headless Chromium and answers the layer's beats with
whatever a test has prepared. Used by the layer's tests and by `benchmarks/layer.py`.
"""

from __future__ import annotations

import base64
import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from dashboard.figures.theme import layer_theme, plotly_layout

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets" / "footprint"
SCREENSHOTS = ROOT / "screenshots"

TICK = 10
LEVEL = 200
SCALE = 100
ROWS = ("delta", "pct", "max", "min", "cvd", "vol", "bid", "ask")
ROW_NAMES = ("Δ", "Δ %", "Max Δ", "Min Δ", "CVD", "Volume", "Bid", "Ask")

Json = dict[str, Any]


@dataclass
class MadeBar:
    """One made-up bar: its tape's results, levels ascending."""

    label: str
    date: str
    open: int
    high: int
    low: int
    close: int
    levels: dict[int, list[int]]
    trades: int
    path: tuple[int, int]
    start_ms: int
    gap: int = 0

    @property
    def bid(self) -> int:
        return sum(bid for bid, _ in self.levels.values())

    @property
    def ask(self) -> int:
        return sum(ask for _, ask in self.levels.values())

    @property
    def delta(self) -> int:
        return self.ask - self.bid


def make_bars(
    count: int,
    *,
    seed: int = 7,
    trades: int = 60,
    step: int = 45,
    minutes: int = 5,
    per_session: int = 75,
    levels: int | None = None,
) -> list[MadeBar]:
    """Return bars of a random walk; `levels` makes each bar exactly so many levels high."""
    rng = random.Random(seed)  # noqa: S311 - a made-up market
    price = 25_080 * SCALE
    bars = []
    for x in range(count):
        day, minute = divmod(x, per_session)
        start = 9 * 60 + 15 + minute * minutes
        tape = _tape(rng, price, trades, step, levels)
        price = tape[-1][0]
        book: dict[int, list[int]] = {}
        running, low, high = 0, 0, 0
        for at, size, buys in tape:
            book.setdefault(at // LEVEL * LEVEL, [0, 0])[buys] += size
            running += size if buys else -size
            low, high = min(low, running), max(high, running)
        prices = [at for at, _, _ in tape]
        bars.append(
            MadeBar(
                label=f"{start // 60 % 24:02d}:{start % 60:02d}",
                date=f"{11 + day} Sep" if minute == 0 else "",
                open=prices[0],
                high=max(prices),
                low=min(prices),
                close=prices[-1],
                levels=dict(sorted(book.items())),
                trades=len(tape),
                path=(low, high),
                start_ms=1_757_560_500_000 + (day * 1440 + start - 555) * 60_000,
            )
        )
    return bars


def _tape(
    rng: random.Random, price: int, trades: int, step: int, levels: int | None
) -> list[tuple[int, int, bool]]:
    """Return (price, size, buyer) of one bar's trades."""
    drift = rng.choice((-1, 0, 0, 1)) * step / 4
    tape = []
    for _ in range(trades):
        price += round(rng.gauss(drift, step) / TICK) * TICK
        tape.append((price, max(1, int(rng.expovariate(1 / 3))), rng.random() < 0.5 + drift / step))
    if levels:
        base = min(at for at, _, _ in tape) // LEVEL * LEVEL
        tape += [(base + k * LEVEL, rng.randint(1, 90), bool(k % 2)) for k in range(levels)]
        tape += [(base + k * LEVEL, rng.randint(1, 90), not k % 2) for k in range(levels)]
        tape = [t for t in tape if t[0] < base + levels * LEVEL]
    return tape


def _steps(values: Sequence[float]) -> Callable[[float], int]:
    """Return heat steps by percentile; -1 for nothing."""
    ranked = sorted(v for v in values if v > 0) or [0]
    cuts = [ranked[int(q * (len(ranked) - 1))] for q in (0.25, 0.5, 0.75, 0.9)]
    return lambda v: -1 if v <= 0 else sum(v > cut for cut in cuts)


def _marks(bar: MadeBar, minimum: int = 14) -> list[int]:
    """Return the mark bits of each level: diagonal imbalances of 3, stacks of 3, the POC."""
    prices = list(bar.levels)
    buy = {
        p
        for p in prices[1:]
        if (ask := bar.levels[p][1]) >= minimum and ask >= 3 * bar.levels.get(p - LEVEL, [0, 0])[0]
    }
    sell = {
        p
        for p in prices[:-1]
        if (bid := bar.levels[p][0]) >= minimum and bid >= 3 * bar.levels.get(p + LEVEL, [0, 0])[1]
    }
    poc = max(prices, key=lambda p: sum(bar.levels[p]))
    stacked = {p: _in_run(p, buy) * 4 | _in_run(p, sell) * 8 for p in prices}
    return [(p in buy) | (p in sell) << 1 | stacked[p] | (p == poc) << 4 for p in prices]


def _in_run(price: int, marked: set[int]) -> bool:
    """Return whether a level is in a run of at least three marked ones."""
    return any(
        {price + (k + j) * LEVEL for j in range(3)} <= marked and price in marked
        for k in (-2, -1, 0)
    )


def _zones(bars: Sequence[MadeBar], first: int) -> list[Json]:
    """Return the stacks of the bars as zones, touched or not."""
    found: list[Json] = []
    for x, bar in enumerate(bars):
        marks = dict(zip(bar.levels, _marks(bar), strict=True))
        for bit, side in ((4, 1), (8, -1)):
            stack = [p for p, mark in marks.items() if mark & bit]
            if not stack:
                continue
            edge = stack[-1] + LEVEL if side > 0 else stack[0]
            touched = (
                first + x + 1 + k
                for k, later in enumerate(bars[x + 1 :])
                if later.low <= edge <= later.high
            )
            zone = {"x": first + x, "low": stack[0], "high": stack[-1], "side": side}
            found.append(zone | {"to": next(touched, None)})
    return found


def make_payload(
    bars: Sequence[MadeBar],
    *,
    view: str = "v1",
    version: int = 1,
    trade_seq: int = 1,
    only: Sequence[int] | None = None,
    live: bool = True,
    receive_ms: int = 0,
    first: int = 0,
    last: int | None = None,
    **more: Any,  # noqa: ANN401 - other fields of the payload
) -> Json:
    """Write bars as the layer's payload.

    Args:
        bars: All bars of the view.
        view: The view's hash.
        version: Board version.
        trade_seq: Newest trade.
        only: Positions to send of an incomplete answer; None sends the window, complete.
        live: The last bar is forming.
        receive_ms: Receive time of the newest trade.
        first: First position of the window.
        last: Last position of the window, None for the newest bar.
        more: Fields that replace those made here.
    """
    end = len(bars) if last is None else last + 1
    sent = list(range(first, end)) if only is None else list(only)
    sums = [0]
    for bar in bars:
        sums.append(sums[-1] + bar.delta)
    cell = _steps([v for bar in bars for pair in bar.levels.values() for v in pair])
    total = _steps([sum(pair) for bar in bars for pair in bar.levels.values()])
    delta = _steps([abs(ask - bid) for bar in bars for bid, ask in bar.levels.values()])
    vwap = _running_vwap(bars)
    columns = _columns(bars, sent, sums, vwap)
    cells: Json = {name: [] for name in ("p", "b", "a", "u", "n", "hb", "ha", "ht", "hd", "m")}
    off = [0]
    for x in sent:
        for (price, (bid, ask)), mark in zip(bars[x].levels.items(), _marks(bars[x]), strict=True):
            row = (price, bid, ask, 0, 1, cell(bid), cell(ask), total(bid + ask))
            for name, value in zip(cells, (*row, delta(abs(ask - bid)), mark), strict=True):
                cells[name].append(value)
        off.append(len(cells["p"]))
    newest = bars[-1]
    return {
        "schema": 1,
        "view": view,
        "version": version,
        "trade_seq": trade_seq,
        "receive_ms": receive_ms,
        "complete": only is None,
        "symbol": "SIM:NIFTY",
        "bar": "5m",
        "mode": "SIMULATED" if live else "HISTORY",
        "estimated": True,
        "scale": {
            "price": SCALE,
            "decimals": 2,
            "level": LEVEL,
            "tick": TICK,
            "lot": 75,
            "unit": "lots",
            "anchor": "floor",
        },
        "total": len(bars),
        "first": first,
        "date": "11 Sep",
        "live": len(bars) - 1 if live else None,
        "live_end_ms": newest.start_ms + 300_000 if live else None,
        "clock": {"now_ms": newest.start_ms + 139_000, "speed": 1.0},
        "bars": columns,
        "cells": {"off": off, **cells},
        "zones": _zones(bars, 0),
        "rows": list(ROWS),
        "row_names": list(ROW_NAMES),
        "last": {"price": newest.close, "up": True} if live else None,
        "tags": _tags(bars, vwap),
        "min_volume": 14,
        "feed": {"state": "live" if live else "", "age_ms": 300, "cause": ""},
    } | more


def _columns(
    bars: Sequence[MadeBar], sent: Sequence[int], sums: Sequence[int], vwap: Sequence[float]
) -> Json:
    """Return the payload's bar columns."""
    shade = _steps([abs(bar.delta) for bar in bars])
    volume = _steps([bar.bid + bar.ask for bar in bars])
    rows = []
    for x in sent:
        bar = bars[x]
        size = bar.bid + bar.ask
        rows.append(
            {
                "x": x,
                "ver": 1,
                "label": bar.label,
                "date": bar.date,
                "start_ms": bar.start_ms,
                "end_ms": bar.start_ms + 300_000,
                "o": bar.open,
                "h": bar.high,
                "l": bar.low,
                "c": bar.close,
                "vol": size,
                "bid": bar.bid,
                "ask": bar.ask,
                "unk": 0,
                "una": 0,
                "delta": bar.delta,
                "min": bar.path[0],
                "max": bar.path[1],
                "pct": round(100 * bar.delta / max(size, 1), 1),
                "cvd": sums[x + 1],
                "cvo": sums[x],
                "cvh": sums[x] + bar.path[1],
                "cvl": sums[x] + bar.path[0],
                "n": bar.trades,
                "vwap": vwap[x],
                "bvwap": float(bar.close),
                "poc": max(bar.levels, key=lambda p: sum(bar.levels[p])),
                "gap": bar.gap,
            }
        )
    names = rows[0] if rows else {"x": 0}
    columns: Json = {name: [row[name] for row in rows] for name in names}
    columns["shade"] = {
        "delta": [shade(abs(bars[x].delta)) for x in sent],
        "pct": [shade(abs(bars[x].delta)) for x in sent],
        "vol": [volume(bars[x].bid + bars[x].ask) for x in sent],
    }
    return columns


def _running_vwap(bars: Sequence[MadeBar]) -> list[float]:
    """Return the session VWAP at each bar's end, price units."""
    found = []
    value = size = 0
    for bar in bars:
        if bar.date:
            value = size = 0
        for price, (bid, ask) in bar.levels.items():
            value += (price + LEVEL // 2) * (bid + ask)
            size += bid + ask
        found.append(value / max(size, 1))
    return found


def _profile(bars: Sequence[MadeBar]) -> dict[int, list[int]]:
    """Return bid and ask volume of all bars by level."""
    profile: dict[int, list[int]] = {}
    for bar in bars:
        for price, (bid, ask) in bar.levels.items():
            both = profile.setdefault(price, [0, 0])
            both[0] += bid
            both[1] += ask
    return dict(sorted(profile.items()))


def _tags(bars: Sequence[MadeBar], vwap: Sequence[float]) -> list[Json]:
    """Return the pills of the level lines."""
    profile = _profile(bars)
    prices = list(profile)
    poc = max(prices, key=lambda p: sum(profile[p]))
    third = len(prices) // 4
    return [
        {"text": "VAH", "price": prices[-1 - third] + LEVEL, "role": "vah"},
        {"text": "POC", "price": poc, "role": "poc"},
        {"text": "VW", "price": vwap[-1], "role": "vwap"},
        {"text": "VAL", "price": prices[third], "role": "val"},
    ]


def make_figure(
    bars: Sequence[MadeBar],
    *,
    view: str = "v1",
    width: int = 1440,
    height: int = 792,
    profile_px: int = 112,
    shown: int = 12,
    rows: int = len(ROWS),
    cvd: bool = True,
) -> Json:
    """Write the figure below the layer, as docs/ARCHITECTURE.md wants it."""
    theme = layer_theme()
    tags = _tags(bars, _running_vwap(bars))
    x = list(range(len(bars)))
    sums = [0]
    for bar in bars:
        sums.append(sums[-1] + bar.delta)
    grid = {"gridcolor": "rgba(32,41,56,0.35)", "zeroline": False}
    low = min(bar.low for bar in bars[-shown:]) / SCALE - 4
    high = max(bar.high for bar in bars[-shown:]) / SCALE + 4
    layout = plotly_layout() | {
        "width": width,
        "height": height,
        "margin": {"l": 78, "r": 72, "t": 8, "b": 8 + 18 * rows + 18},
        "dragmode": "pan",
        "hovermode": False,
        "showlegend": False,
        "meta": {"view": view, "profile_px": profile_px, "panes": {"yaxis2": "cvd"} if cvd else {}},
        "xaxis": {
            "range": [len(bars) - shown - 0.5, len(bars) + 1],
            "showticklabels": False,
            "showgrid": False,
            "zeroline": False,
            "rangeslider": {"visible": False},
            "anchor": "y2" if cvd else "y",
        },
        "xaxis2": {"overlaying": "x", "fixedrange": True, "visible": False, "range": [12, 0]},
        "yaxis": {
            "range": [low, high],
            "domain": [0.16, 1] if cvd else [0, 1],
            "side": "right",
            "showticklabels": False,
            **grid,
        },
        "shapes": [
            {
                "type": "line",
                "xref": "paper",
                "x0": 0,
                "x1": 1,
                "y0": tag["price"] / SCALE,
                "y1": tag["price"] / SCALE,
                "line": {"color": theme[tag["role"]], "width": 1, "dash": "dash"},
                "layer": "below",
            }
            for tag in tags
            if tag["role"] in {"vah", "val"}
        ],
    }
    if cvd:
        layout["yaxis2"] = {
            "domain": [0, 0.13],
            "side": "right",
            "showticklabels": False,
            "nticks": 3,
            **grid,
        }
    return {"data": _traces(bars, x, sums, theme, cvd=cvd), "layout": layout}


def _traces(
    bars: Sequence[MadeBar], x: list[int], sums: list[int], theme: Json, *, cvd: bool
) -> list[Json]:
    """Return candles, CVD candles and the session profile as traces."""
    profile = _profile(bars)
    most = max(sum(pair) for pair in profile.values())
    colours = {
        "increasing": {"line": {"color": theme["buy"]}, "fillcolor": theme["buy"]},
        "decreasing": {"line": {"color": theme["sell"]}, "fillcolor": theme["sell"]},
    }
    traces: list[Json] = [
        {
            "type": "candlestick",
            "x": x,
            "open": [bar.open / SCALE for bar in bars],
            "high": [bar.high / SCALE for bar in bars],
            "low": [bar.low / SCALE for bar in bars],
            "close": [bar.close / SCALE for bar in bars],
            **colours,
        }
    ]
    if cvd:
        traces.append(
            {
                "type": "candlestick",
                "yaxis": "y2",
                "x": x,
                "open": sums[:-1],
                "high": [s + bar.path[1] for s, bar in zip(sums, bars, strict=False)],
                "low": [s + bar.path[0] for s, bar in zip(sums, bars, strict=False)],
                "close": sums[1:],
                **colours,
            }
        )
    below = [0.0] * len(profile)
    for side, role in ((1, "buy"), (0, "sell")):
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "xaxis": "x2",
                "y": [(p + LEVEL / 2) / SCALE for p in profile],
                "x": [pair[side] / most for pair in profile.values()],
                "base": list(below),
                "width": LEVEL / SCALE * 0.95,
                "marker": {"color": theme[f"heat_{role}"][3], "line": {"width": 0}},
            }
        )
        below = [b + pair[side] / most for b, pair in zip(below, profile.values(), strict=True)]
    return traces


PAGE = """<!doctype html><html><head><meta charset="utf-8"><title>layer</title>
<style>html,body{margin:0;background:#0F141B;overflow:hidden}#chart{position:relative}</style></head>
<body><div id="chart"></div><script src="/plotly.min.js"></script>SCRIPTS</body></html>"""


@dataclass
class Answer:
    """What the made-up server says to a beat."""

    status: int = 200
    body: Json | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: threading.Event | None = None


class Harness:
    """A web server on a free port and one browser page on it."""

    def __init__(self, driver: Any) -> None:  # noqa: ANN401 - selenium has no types
        self.driver = driver
        self.queries: list[dict[str, str]] = []
        self.answer: Callable[[dict[str, str]], Answer] = lambda _query: Answer(204)
        harness = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                harness._serve(self)

            def log_message(self, *_args: object) -> None:
                """Keep the terminal quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server.server_address[1]}"

    def _serve(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        if parts.path.startswith("/api/"):
            query = dict(parse_qsl(parts.query, keep_blank_values=True))
            self.queries.append(query | {"path": parts.path})
            answer = self.answer(query)
            if answer.delay is not None:
                answer.delay.wait(10)
            body = b"" if answer.body is None else json.dumps(answer.body).encode()
            _send(request, answer.status, "application/json", body, answer.headers)
        elif parts.path == "/plotly.min.js":
            _send(request, 200, "text/javascript", _plotly_js())
        elif parts.path.startswith("/assets/"):
            name = ASSETS / Path(parts.path).name
            _send(request, 200, "text/javascript", name.read_bytes())
        else:
            scripts = "".join(
                f'<script src="/assets/{path.name}"></script>'
                for path in sorted(ASSETS.glob("*.js"))
            )
            page = PAGE.replace("SCRIPTS", scripts)
            _send(request, 200, "text/html; charset=utf-8", page.encode())

    def js(self, script: str, *args: object) -> Any:  # noqa: ANN401 - whatever the page returns
        """Run a script's body in the page and return what it returns."""
        return self.driver.execute_script(script, *args)

    def open(self, width: int = 1440, height: int = 792, dpr: float = 1) -> None:
        """Load the empty page in a viewport of exactly this size."""
        self.queries.clear()
        self.answer = lambda _query: Answer(204)
        metrics = {"width": width, "height": height, "deviceScaleFactor": dpr, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(f"{self.url}/")

    def plot(self, figure: Json, payload: Json | None = None, **options: Any) -> None:  # noqa: ANN401
        """Draw the figure, attach the layer and wait for its painting."""
        options = {"theme": layer_theme()} | options
        if payload is not None:
            options["payload"] = payload
        self.run_async(
            """const [figure, options, done] = arguments;
            const config = {scrollZoom: true, doubleClick: false, displayModeBar: false};
            Plotly.newPlot('chart', figure.data, figure.layout, config).then(() => {
              orderflow.attach('chart', options); done(); });""",
            figure,
            options,
        )
        self.settle()

    def run_async(self, script: str, *args: object) -> Any:  # noqa: ANN401
        """Run a script that calls its last argument when it is done."""
        self.driver.set_script_timeout(20)
        return self.driver.execute_async_script(script, *args)

    def settle(self, frames: int = 4) -> None:
        """Wait for some animation frames, so that what was asked for is on the screen."""
        self.run_async(
            """let n = arguments[0]; const done = arguments[1];
            const step = () => (n-- > 0 ? requestAnimationFrame(step) : setTimeout(done, 0));
            step();""",
            frames,
        )

    def wait(self, condition: str, seconds: float = 5) -> Any:  # noqa: ANN401
        """Wait until a JavaScript expression is true, and return its value."""
        found = self.run_async(
            """const [expression, ms, done] = arguments; const end = Date.now() + ms;
            const look = new Function('return (' + expression + ')');
            (function again() {
              let value; try { value = look(); } catch (error) { value = null; }
              if (value || Date.now() > end) done(value || null);
              else setTimeout(again, 15); })();""",
            condition,
            int(seconds * 1000),
        )
        assert found, f"never true: {condition}; state: {self.js('return orderflow.state()')}"
        return found

    def state(self) -> Json:
        """What the layer says of itself."""
        state: Json = self.js("return orderflow.state()")
        return state

    def cells(self) -> list[Json]:
        """All cells in view."""
        cells: list[Json] = self.js("return orderflow.cells()")
        return cells

    def canvas(self) -> dict[str, str]:
        """The canvas element's data attributes."""
        data: dict[str, str] = self.js(
            "return {...document.querySelector('.orderflow-layer canvas').dataset}"
        )
        return data

    def screenshot(self, name: str | None = None, clip: Sequence[float] | None = None) -> bytes:
        """Return the page as PNG and keep it under screenshots/ if it has a name."""
        area: Json = {}
        if clip:
            x, y, width, height = clip
            area = {"clip": {"x": x, "y": y, "width": width, "height": height, "scale": 1}}
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", area)
        data = base64.b64decode(shot["data"])
        if name:
            SCREENSHOTS.mkdir(exist_ok=True)
            (SCREENSHOTS / f"{name}.png").write_bytes(data)
        return data

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """Send a real mouse event: moved, pressed, released, wheel."""
        event = {"type": f"mouse{kind.capitalize()}", "x": x, "y": y} | more
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def drag(self, start: tuple[float, float], end: tuple[float, float], steps: int = 5) -> None:
        """Press, move in steps and release."""
        self.mouse("moved", *start)
        self.mouse("pressed", *start, button="left", clickCount=1)
        for k in range(1, steps + 1):
            x = start[0] + (end[0] - start[0]) * k / steps
            y = start[1] + (end[1] - start[1]) * k / steps
            self.mouse("moved", x, y, button="left", buttons=1)
        self.mouse("released", *end, button="left", clickCount=1)
        self.settle()

    def key(self, name: str) -> None:
        """Press a key on the page."""
        self.js(
            "document.body.dispatchEvent(new KeyboardEvent('keydown', "
            "{key: arguments[0], bubbles: true, cancelable: true}))",
            name,
        )
        self.settle()

    def text_boxes(self) -> list[Json]:
        """Every text that is painted, with the rectangle of its ink, px."""
        boxes: list[Json] = self.js(
            """const ctx = document.createElement('canvas').getContext('2d');
            return orderflow.picture().texts.filter((t) => t.opacity > 0).map((t) => {
              ctx.font = t.font; ctx.textAlign = t.align; const m = ctx.measureText(t.text);
              return {...t,
                left: t.x - m.actualBoundingBoxLeft, right: t.x + m.actualBoundingBoxRight,
                top: t.y - m.actualBoundingBoxAscent, bottom: t.y + m.actualBoundingBoxDescent};
            });"""
        )
        return boxes

    def contrasts(self, boxes: Sequence[Json]) -> list[float]:
        """Contrast in each rectangle of a screenshot: its commonest colour and the one farthest."""
        shot = base64.b64encode(self.screenshot()).decode()
        found: list[float] = self.run_async(
            """const [shot, boxes, done] = arguments; const image = new Image();
            const light = (c) => { const f = (v) => { v /= 255;
              return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
              return 0.2126 * f(c >> 16) + 0.7152 * f(c >> 8 & 255) + 0.0722 * f(c & 255); };
            image.onload = () => {
              const ctx = new OffscreenCanvas(image.width, image.height)
                .getContext('2d', {willReadFrequently: true});
              ctx.drawImage(image, 0, 0);
              const k = image.width / innerWidth;
              done(boxes.map(({left, right, top, bottom}) => {
                const size = (d) => Math.max(1, Math.ceil(d * k));
                const {data} = ctx.getImageData(Math.floor(left * k), Math.floor(top * k),
                  size(right - left), size(bottom - top));
                const counts = new Map();
                for (let i = 0; i < data.length; i += 4) {
                  const c = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
                  counts.set(c, (counts.get(c) || 0) + 1); }
                const ground = light([...counts].sort((a, b) => b[1] - a[1])[0][0]);
                return Math.max(...[...counts.keys()].map((c) => {
                  const [low, high] = [light(c), ground].sort((a, b) => a - b);
                  return (high + 0.05) / (low + 0.05); })); })); };
            image.src = 'data:image/png;base64,' + shot;""",
            shot,
            list(boxes),
        )
        return found

    def changed_pixels(self) -> int:
        """Pixels of the canvas that differ from what they were at the last call; -1 the first time.

        Differences up to 24 of 255 are the smoothing of a slanted line, which depends on how long
        a piece of it is painted at once.
        """
        count: int = self.js(
            """const canvas = document.querySelector('.orderflow-layer canvas');
            const copy = new OffscreenCanvas(canvas.width, canvas.height)
              .getContext('2d', {willReadFrequently: true});
            copy.drawImage(canvas, 0, 0);
            const now = copy.getImageData(0, 0, canvas.width, canvas.height).data;
            const old = window.seen; window.seen = now;
            return old ? now.reduce((n, v, i) => n + (Math.abs(v - old[i]) > 24), 0) : -1;"""
        )
        return count

    def complaints(self) -> list[str]:
        """Errors and warnings in the browser's console."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def close(self) -> None:
        """Stop the server; the driver is its owner's."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


def _send(
    request: BaseHTTPRequestHandler,
    status: int,
    kind: str,
    body: bytes,
    headers: Mapping[str, str] | None = None,
) -> None:
    """Answer a request."""
    request.send_response(status)
    for name, value in {"Content-Type": kind, **(headers or {})}.items():
        request.send_header(name, value)
    if status != 204:
        request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if status != 204:
        request.wfile.write(body)


def _plotly_js() -> bytes:
    """Return plotly.js as the installed plotly package has it."""
    from importlib.resources import files  # noqa: PLC0415

    return (files("plotly") / "package_data" / "plotly.min.js").read_bytes()


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium that talks to this machine only, and end it."""
    from selenium import webdriver  # noqa: PLC0415 - test extra only

    from tests.browser.conftest import pytest_setup_options  # noqa: PLC0415

    driver = webdriver.Chrome(options=pytest_setup_options())
    try:
        yield driver
    finally:
        driver.quit()


@contextmanager
def harness() -> Iterator[Harness]:
    """Start a browser and the page's server."""
    with chromium() as driver:
        page = Harness(driver)
        try:
            yield page
        finally:
            page.close()
