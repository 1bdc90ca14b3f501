"""A headless Chromium for dash[testing] that talks to this machine only.

``dash_duo`` stops every thread that was born after the server: start a feed before it.
Tests in this folder are marked ``browser`` without saying so.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from selenium.webdriver.chrome.options import Options

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
