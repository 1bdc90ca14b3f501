"""Servers in processes of their own, and a headless Chromium that looks at them."""

from __future__ import annotations

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.browser.layer_harness import chromium

ROOT = Path(__file__).resolve().parent.parent
WIDTH, HEIGHT = 1440, 900
PATIENCE_S = 60.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(condition: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:  # noqa: ANN401
    """Return the condition's first true value.

    Raises:
        TimeoutError: It was never true.
    """
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    raise TimeoutError(what)


@contextmanager
def process(
    arguments: Sequence[str], port: int, ready: str, environ: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a Python program that serves a port, from its being ready to the end of the block.

    Args:
        arguments: Of the interpreter.
        port: The port that it will serve.
        ready: Path that answers 200 when it is ready.
        environ: Its whole environment; None: this process's.
    """
    server = subprocess.Popen(  # noqa: S603 - the project's own commands
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
    )
    try:
        until(lambda: server.poll() is not None or _answers(port, ready), f"{arguments} is ready")
        assert server.poll() is None, f"{arguments} ended"
        yield server
    finally:
        server.terminate()
        server.wait(30)


def get(port: int, path: str) -> tuple[int, bytes]:
    """Return status and body of a GET request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def _answers(port: int, path: str) -> bool:
    try:
        return get(port, path)[0] == 200
    except OSError:
        return False


@dataclass(frozen=True, slots=True)
class Work:
    """What a page's main thread worked, ms.

    Attributes:
        task_ms: Its tasks by the clock (Chromium's TaskDuration): on a machine with other work to
            do, waiting for a core counts.
        cpu_ms: Its CPU time (ThreadTime).
    """

    task_ms: float
    cpu_ms: float

    def per(self, count: float) -> Work:
        """Return the share of one of so many."""
        return Work(self.task_ms / count, self.cpu_ms / count)


class Page:
    """One tab of a headless Chromium, 1440 × 900.

    Args:
        driver: Selenium's.
    """

    def __init__(self, driver: Any) -> None:  # noqa: ANN401 - selenium has no types
        self._driver = driver
        driver.set_script_timeout(PATIENCE_S)
        self.command("Performance.enable")
        self.command(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH,
            height=HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )

    def command(self, name: str, **parameters: object) -> Any:  # noqa: ANN401 - what Chromium says
        """Send a command of the DevTools protocol."""
        return self._driver.execute_cdp_cmd(name, parameters)

    def js(self, script: str, *arguments: object) -> Any:  # noqa: ANN401 - what the page returns
        """Run a script's body in the page and return what it returns."""
        return self._driver.execute_script(script, *arguments)

    def go(self, url: str) -> None:
        """Open an address."""
        self._driver.get(url)

    def wait(self, expression: str, patience_s: float = PATIENCE_S) -> Any:  # noqa: ANN401
        """Return an expression's first true value."""
        script = f"try {{ return {expression}; }} catch (error) {{ return null; }}"
        return until(lambda: self.js(script), expression, patience_s)

    def worked_ms(self) -> Work:
        """Return what the main thread has worked so far."""
        found = self.command("Performance.getMetrics")["metrics"]
        values = {metric["name"]: 1000 * metric["value"] for metric in found}
        return Work(values["TaskDuration"], values["ThreadTime"])

    def work(self, act: Callable[[], None]) -> Work:
        """Return what the main thread works while something is done."""
        before = self.worked_ms()
        act()
        after = self.worked_ms()
        return Work(after.task_ms - before.task_ms, after.cpu_ms - before.cpu_ms)

    def mouse(self, kind: str, x: float, y: float, **more: object) -> None:
        """Send a mouse event: Moved, Pressed, Released, Wheel."""
        self.command("Input.dispatchMouseEvent", type=f"mouse{kind}", x=x, y=y, **more)

    def complaints(self) -> list[str]:
        """Return the errors and warnings on the console since the last call."""
        return [entry["message"] for entry in self._driver.get_log("browser")]


@contextmanager
def tab() -> Iterator[Page]:
    """Start a browser of its own, with an empty cache."""
    with chromium() as driver:
        yield Page(driver)
