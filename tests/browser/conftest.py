"""A headless Chromium for dash[testing] that talks to this machine only.

``dash_duo`` stops every thread that was born after the server: start a feed before it.
Tests in this folder are marked ``browser`` without saying so.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.browser.desk import Desk, build_desk, free_port, record_past, serve, stop_desk
from tests.browser.tab import Tab, chromium

if TYPE_CHECKING:
    from selenium.webdriver.chrome.options import Options

    from dashboard.domain.instrument import Instrument

WIDTH, HEIGHT = 1440, 900

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-dev-shm-usage",
    f"--window-size={WIDTH},{HEIGHT}",
    "--force-device-scale-factor=1",
    "--no-first-run",
    "--no-default-browser-check",
    # Chromium looks up its maker's hosts at every start. None of that leaves the machine:
    # the last two flags give every name but this machine's no address, and no proxy that
    # would resolve it instead.
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-default-apps",
    "--disable-domain-reliability",
    "--disable-client-side-phishing-detection",
    "--disable-extensions",
    "--disable-breakpad",
    "--disable-quic",
    "--metrics-recording-only",
    "--no-pings",
    "--disable-features=OptimizationHints,MediaRouter,Translate,AutofillServerCommunication",
    "--no-proxy-server",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
)


@pytest.hookimpl(optionalhook=True)  # so that "-p no:dash" does not stop at an unknown hook
def pytest_setup_options() -> Options:
    """Return the options of the browser; a list of them would break dash[testing]."""
    from selenium.webdriver.chrome.options import Options  # noqa: PLC0415 - test extra only

    options = Options()
    options.binary_location = os.environ.get("DASH_TEST_CHROMEPATH", "/usr/bin/chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    # dash_duo.get_logs() reads the console only when it was asked to be kept.
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture
def dash_duo(dash_duo: Any) -> Any:  # noqa: ANN401 - dash[testing] has no types
    """Give dash_duo a viewport of exactly 1440×900; a window would lose its frame's height."""
    dash_duo.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": WIDTH, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": False},
    )
    return dash_duo


@pytest.fixture(scope="module", autouse=True)
def _no_pages_left_over() -> Iterator[None]:
    """Keep Dash's registry of pages while a module's app is up: pages are looked up at each visit.

    The registry is global to the process, so one app is up at a time.
    """
    yield
    if (dash := sys.modules.get("dash")) is not None:
        dash.page_registry.clear()


@pytest.fixture(scope="session")
def past(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store that holds a whole session and the beginning of the next one."""
    path = tmp_path_factory.mktemp("past") / "past.db"
    record_past(path)
    return path


@pytest.fixture(scope="session")
def driver() -> Iterator[Any]:
    """One headless Chromium for all tests that change nothing but what they look at."""
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def desk(past: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """The real app over the recorded past, its feed alive but silent."""
    with serve(build_desk(tmp_path_factory.mktemp("desk"), past=past)) as running:
        yield running
    stop_desk(running)


@pytest.fixture
def tab(driver: Any, desk: Desk) -> Tab:  # noqa: ANN401 - selenium has no types
    """The shared browser, on the module's app, with nothing remembered and a clean console."""
    fresh = Tab(driver, desk.url)
    fresh.forget()
    return fresh


@pytest.fixture
def live(dash_duo: Any, past: Path, tmp_path: Path) -> Iterator[Callable[..., tuple[Tab, Desk]]]:  # noqa: ANN401
    """Start an app of the test's own under dash_duo; returns its tab and the app."""
    started: list[Desk] = []

    def start(*instruments: Instrument, store: Path | None = past, **more: Any) -> tuple[Tab, Desk]:  # noqa: ANN401
        desk = build_desk(tmp_path / "data", *instruments, past=store, **more)
        started.append(desk)
        dash_duo.start_server(desk.app, navigate=False, port=free_port(), start_timeout=20)
        desk.url = dash_duo.server.url
        return Tab(dash_duo.driver, desk.url), desk

    yield start
    for desk in started:
        stop_desk(desk)
