"""``make pictures``: the screenshots in docs/img, made anew from the simulated market.

Each scene is served by the real app with a clock set to a chosen minute of a simulated session, so
that the same pictures come out whenever they are taken. The notebook's picture is made by Plotly.
"""

from __future__ import annotations

import base64
import logging
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from werkzeug.serving import make_server  # noqa: E402 - from any folder

from benchmarks.browser import Page, get, tab, until  # noqa: E402
from dashboard.bootstrap import create_app, start_ingest, stop_ingest  # noqa: E402
from dashboard.domain.calendar import calendar_sim  # noqa: E402
from dashboard.notebook import open_store  # noqa: E402
from dashboard.settings import Settings  # noqa: E402

IMAGES = ROOT / "docs" / "img"
MINUTE_NS = 60_000_000_000
SYMBOL = "SIM:NIFTY"


class ShiftedClock:
    """The machine's clock, a fixed time ahead."""

    def __init__(self, shift_ns: int) -> None:
        self._shift_ns = shift_ns

    def now_ns(self) -> int:
        """Return the shifted UTC epoch ns."""
        return time.time_ns() + self._shift_ns

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(max(seconds, 0.0))


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: where in the session, at which address, after which scripts."""

    name: str
    minute: float
    address: str
    scripts: Sequence[str] = ()


FOLD = "document.getElementById('fold').click()"
SCENES = (
    Scene("live-busy", 11.6, f"/?symbol={SYMBOL}&level=2"),
    Scene("live-quiet", 205.6, f"/?symbol={SYMBOL}"),
    Scene("live-folded", 205.6, f"/?symbol={SYMBOL}&bar=5m", (FOLD,)),
    Scene("history", 205.6, f"/history?symbol={SYMBOL}&bar=5m"),
)


@contextmanager
def served(minute: float, folder: Path) -> Iterator[str]:
    """Serve a fresh store whose newest session is `minute` minutes old; give the address."""
    calendar = calendar_sim()
    now = time.time_ns()
    opened = calendar.session_at(now).open_ns
    clock = ShiftedClock(opened + int(minute * MINUTE_NS) - now)
    settings = Settings.load({"DATA_DIR": str(folder), "FEED": "simulator"})
    app = create_app(settings, clock=clock)
    start_ingest(app)
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        stop_ingest(app)
        server.shutdown()


def take(page: Page, base: str, scene: Scene) -> None:
    """Take one picture when the chart is whole."""
    page.go(base + scene.address)
    page.wait("orderflow.state().matches && orderflow.state().cells > 40")
    for script in scene.scripts:
        page.js(script)
    time.sleep(2.5)  # a pulse or two: cards, feed and the figure of the new size
    save(page, scene.name)


def is_live(base: str) -> bool:
    """Tell whether the feed has written what came before and tells the present."""
    _, body = get(int(base.rpartition(":")[2]), "/readyz")
    return b'"feed":"live"' in body


def save(page: Page, name: str) -> None:
    """Write what the tab shows."""
    picture = page.command("Page.captureScreenshot", format="png")["data"]
    (IMAGES / f"{name}.png").write_bytes(base64.b64decode(picture))
    print(f"docs/img/{name}.png")


def main() -> int:
    """Take all pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory() as temporary, tab() as page:
        for minute in dict.fromkeys(scene.minute for scene in SCENES):
            folder = Path(temporary) / str(minute)
            with served(minute, folder) as base:
                until(partial(is_live, base), "the feed is live", 120)
                for scene in SCENES:
                    if scene.minute == minute:
                        take(page, base, scene)
        notebook = Path(temporary) / "figure.html"
        store = open_store(next(Path(temporary).glob("*/orderflow.db")))
        store.figure(SYMBOL, "5m").write_html(notebook, include_plotlyjs=True)
        page.go(notebook.as_uri())
        page.wait("document.querySelector('.annotation-text') !== null")
        save(page, "notebook")
    return 0


if __name__ == "__main__":
    sys.exit(main())
