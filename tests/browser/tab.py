"""A browser tab as the tests use it: real input events, the layer's own account, pixels.

Nothing here knows which page is open; `desk` serves the dashboard.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

SCREENSHOTS = Path(__file__).resolve().parents[2] / "screenshots"

Json = dict[str, Any]
Point = tuple[float, float]

_CANVAS = ".orderflow-layer canvas"

# Waits inside the page: every look costs no round trip, so conditions are seen within 15 ms.
_WAIT = """const [expression, values, ms, done] = arguments; const end = Date.now() + ms;
const look = new Function('args', 'return (' + expression + ')');
(function again() {
  let value; try { value = look(values); } catch (error) { value = null; }
  if (value || Date.now() > end) done(value || null); else setTimeout(again, 15); })();"""

_FRAMES = """let n = arguments[0]; const done = arguments[1];
const step = () => (n-- > 0 ? requestAnimationFrame(step) : setTimeout(done, 0)); step();"""

_TEXTS = """const ctx = document.createElement('canvas').getContext('2d');
return orderflow.picture().texts.filter((t) => t.opacity > 0).map((t) => {
  ctx.font = t.font; ctx.textAlign = t.align; const m = ctx.measureText(t.text);
  return {...t, left: t.x - m.actualBoundingBoxLeft, right: t.x + m.actualBoundingBoxRight,
    top: t.y - m.actualBoundingBoxAscent, bottom: t.y + m.actualBoundingBoxDescent}; });"""

# The commonest colour of a rectangle is its ground; the colour farthest from it is the ink.
_CONTRASTS = """const [shot, boxes, done] = arguments; const image = new Image();
const light = (c) => { const f = (v) => { v /= 255;
  return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  return 0.2126 * f(c >> 16) + 0.7152 * f(c >> 8 & 255) + 0.0722 * f(c & 255); };
image.onload = () => {
  const ctx = new OffscreenCanvas(image.width, image.height)
    .getContext('2d', {willReadFrequently: true});
  ctx.drawImage(image, 0, 0);
  done(boxes.map(({left, right, top, bottom}) => {
    const [x, y] = [Math.floor(left), Math.floor(top)];
    const [w, h] = [Math.ceil(right) - x, Math.ceil(bottom) - y];
    const {data} = ctx.getImageData(x, y, Math.max(1, w), Math.max(1, h));
    const counts = new Map();
    for (let i = 0; i < data.length; i += 4) {
      const c = data[i] << 16 | data[i + 1] << 8 | data[i + 2];
      counts.set(c, (counts.get(c) || 0) + 1); }
    const ground = light([...counts].sort((a, b) => b[1] - a[1])[0][0]);
    return Math.max(...[...counts.keys()].map((c) => {
      const [low, high] = [light(c), ground].sort((a, b) => a - b);
      return (high + 0.05) / (low + 0.05); })); })); };
image.src = 'data:image/png;base64,' + shot;"""

# Bars are red or green from the darkest fill to the candle; grid, text and lines are not.
_COLUMNS = """const [shot, [x, y, w, h], done] = arguments; const image = new Image();
image.onload = () => {
  const ctx = new OffscreenCanvas(image.width, image.height)
    .getContext('2d', {willReadFrequently: true});
  ctx.drawImage(image, 0, 0);
  const {data} = ctx.getImageData(x, y, w, h);
  let columns = 0;
  for (let i = 0; i < w; i += 1) {
    for (let j = 0; j < h; j += 1) {
      const [r, g] = [data[4 * (j * w + i)], data[4 * (j * w + i) + 1]];
      if (Math.abs(r - g) > 40) { columns += 1; break; }
    }
  }
  done(columns); };
image.src = 'data:image/png;base64,' + shot;"""


@contextmanager
def chromium() -> Iterator[Any]:
    """Start a headless Chromium that talks to this machine only, and end it."""
    from selenium import webdriver  # noqa: PLC0415 - test extra only

    from tests.browser.conftest import pytest_setup_options  # noqa: PLC0415 - no circle at import

    driver = webdriver.Chrome(options=pytest_setup_options())
    try:
        yield driver
    finally:
        driver.quit()


class Tab:
    """One tab of one browser.

    Args:
        driver: A selenium driver; its owner ends it.
        base: Address that paths are relative to.
    """

    def __init__(self, driver: Any, base: str = "") -> None:  # noqa: ANN401 - selenium has no types
        self.driver = driver
        self.base = base

    # ------------------------------------------------------------------ pages and scripts

    def open(self, path: str = "/", *, width: int = 1440, height: int = 900) -> None:
        """Load an address in a viewport of exactly this size and wait for the painted chart."""
        self.load(path, width=width, height=height)
        self.wait_painted()

    def load(self, path: str = "/", *, width: int = 1440, height: int = 900) -> None:
        """Load an address, whatever it shows."""
        metrics = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        self.driver.get(f"{self.base}{path}")

    def forget(self) -> None:
        """Leave the page, and forget what it left in browser storage and console."""
        self.driver.get(f"{self.base}/healthz")
        self.js("localStorage.clear(); sessionStorage.clear()")
        self.complaints()

    def wait_painted(self) -> None:
        """Wait until the layer has painted the figure that stands, and the first pulse has come."""
        self.wait(
            "orderflow.state().matches && orderflow.state().lod > 0"
            " && document.querySelector('#cards .metric')"
            " && dash_component_api.getLayout('seen').props.data",
            20,
        )
        self.wait_idle()

    def wait_idle(self) -> None:
        """Wait until Dash has nothing under way and the layer has painted what it brought."""
        idle = (
            "((all) => ['requested', 'prioritized', 'blocked', 'executing', 'watched', 'executed']"
            ".every((part) => !all[part].length))(store.getState().callbacks)"
        )
        self.wait(idle, 20)
        self.settle()

    def js(self, script: str, *args: object) -> Any:  # noqa: ANN401 - whatever the page returns
        """Run a script's body in the page and return what it returns."""
        return self.driver.execute_script(script, *args)

    def run_async(self, script: str, *args: object) -> Any:  # noqa: ANN401
        """Run a script that calls its last argument when it is done."""
        self.driver.set_script_timeout(30)
        return self.driver.execute_async_script(script, *args)

    def wait(self, condition: str, seconds: float = 10, *args: object) -> Any:  # noqa: ANN401
        """Wait until a JavaScript expression (of `args`) is true, and return its value."""
        found = self.run_async(_WAIT, condition, list(args), int(seconds * 1000))
        assert found, f"never true in {seconds} s: {condition} of {args}; {self.account()}"
        return found

    def account(self) -> str:
        """Where the page stands, for the message of a failure."""
        try:
            return str(
                self.js(
                    "const {timings, ...rest} = orderflow.state() || {};"
                    "return JSON.stringify({...rest, url: location.href})"
                )
            )
        except Exception as error:  # noqa: BLE001 - the failure itself must be told, not this one
            return f"no account: {error}"

    def settle(self, frames: int = 4) -> None:
        """Wait for some animation frames, so that what was asked for is on the screen."""
        self.run_async(_FRAMES, frames)

    # ------------------------------------------------------------------ what is on the screen

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
        data: dict[str, str] = self.js(f"return {{...document.querySelector('{_CANVAS}').dataset}}")
        return data

    def pixel(self, x: float, y: float) -> list[int]:
        """Red, green, blue and opacity of a pixel of the canvas."""
        value: list[int] = self.js(
            f"const c = document.querySelector('{_CANVAS}');"
            "const copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0);"
            "return [...copy.getImageData(arguments[0], arguments[1], 1, 1).data]",
            int(x),
            int(y),
        )
        return value

    def ink(self, box: Sequence[float]) -> str:
        """The canvas' pixels in a box (x, y, width, height) as one text, to compare."""
        found: str = self.js(
            f"const c = document.querySelector('{_CANVAS}');"
            "const [x, y, w, h] = arguments[0].map(Math.round);"
            "const copy = new OffscreenCanvas(c.width, c.height).getContext('2d');"
            "copy.drawImage(c, 0, 0);"
            "return copy.getImageData(x, y, w, h).data.join()",
            list(box),
        )
        return found

    def chart_box(self) -> Json:
        """Where the graph stands in the window, px: left, top, width, height."""
        box: Json = self.js(
            "const b = document.querySelector('#chart .js-plotly-plot').getBoundingClientRect();"
            "return {left: b.left, top: b.top, width: b.width, height: b.height}"
        )
        return box

    def ranges(self) -> dict[str, list[float]]:
        """Ranges of Plotly's axes."""
        found: dict[str, list[float]] = self.js(
            "const f = document.querySelector('#chart .js-plotly-plot')._fullLayout;"
            "return {x: [...f.xaxis.range], y: [...f.yaxis.range]}"
        )
        return found

    def text_boxes(self) -> list[Json]:
        """Every text that the layer paints, with the rectangle of its ink, px of the graph."""
        boxes: list[Json] = self.js(_TEXTS)
        return boxes

    def contrasts(self, boxes: Sequence[Json]) -> list[float]:
        """Contrast in each rectangle (px of the window) of a screenshot."""
        shot = base64.b64encode(self.screenshot()).decode()
        found: list[float] = self.run_async(_CONTRASTS, shot, list(boxes))
        return found

    def columns_with_ink(self, box: Sequence[float]) -> int:
        """Columns of a screenshot's rectangle that hold a clearly red or green pixel."""
        shot = base64.b64encode(self.screenshot()).decode()
        found: int = self.run_async(_COLUMNS, shot, [int(v) for v in box])
        return found

    def screenshot(self, name: str | None = None) -> bytes:
        """Return the window as PNG and keep it under screenshots/ if it has a name."""
        shot = self.driver.execute_cdp_cmd("Page.captureScreenshot", {})
        data = base64.b64decode(shot["data"])
        if name:
            SCREENSHOTS.mkdir(exist_ok=True)
            (SCREENSHOTS / f"{name}.png").write_bytes(data)
        return data

    def text(self, selector: str) -> str:
        """Text of the first element of a selector, "" when there is none."""
        found: str = self.js(
            "const e = document.querySelector(arguments[0]); return e ? e.innerText : ''", selector
        )
        return found

    def complaints(self) -> list[str]:
        """Everything in the browser's console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    # ------------------------------------------------------------------ controls

    def control(self, name: str) -> Any:  # noqa: ANN401 - a selenium element
        """The control of a setting."""
        # Its id is JSON, which no selector of selenium's can quote.
        identity = f'{{"name":"{name}","type":"set"}}'
        return self.js("return document.getElementById(arguments[0])", identity)

    def fault(self, name: str) -> str:
        """The sentence beside a control."""
        return self.text(f'[id=\'{{"name":"{name}","type":"fault"}}\']')

    def held(self, name: str) -> str:
        """What a control holds now, as the address spells it."""
        element = self.control(name)
        if element.get_attribute("type") == "checkbox":
            return "on" if element.is_selected() else "off"
        value: str = element.get_attribute("value")
        return value

    def choose(self, name: str, value: str) -> None:
        """Set a control of a card as a person does: click, select, or type and Enter."""
        from selenium.webdriver.common.keys import Keys  # noqa: PLC0415 - test extra only
        from selenium.webdriver.support.select import Select  # noqa: PLC0415 - likewise

        element = self.control(name)
        if element.tag_name == "select":
            Select(element).select_by_value(value)
        elif element.get_attribute("type") == "checkbox":
            if element.is_selected() != (value == "on"):
                element.click()
        else:
            element.click()
            element.send_keys(Keys.CONTROL, "a")
            element.send_keys(value or Keys.DELETE, Keys.ENTER)

    def query(self) -> dict[str, str]:
        """The settings that the address names."""
        search: str = self.js("return location.search")
        return dict(parse_qsl(search.lstrip("?"), keep_blank_values=True))

    # ------------------------------------------------------------------ hands

    def mouse(self, kind: str, at: Point, **more: object) -> None:
        """Send a real mouse event at a point of the window: moved, pressed, released, wheel."""
        event = {"type": f"mouse{kind.capitalize()}", "x": at[0], "y": at[1]} | more
        self.driver.execute_cdp_cmd("Input.dispatchMouseEvent", event)

    def drag(self, start: Point, end: Point, steps: int = 5) -> None:
        """Press, move in steps and release."""
        self.mouse("moved", start)
        self.mouse("pressed", start, button="left", clickCount=1)
        for k in range(1, steps + 1):
            at = tuple(a + (b - a) * k / steps for a, b in zip(start, end, strict=True))
            self.mouse("moved", (at[0], at[1]), button="left", buttons=1)
        self.mouse("released", end, button="left", clickCount=1)
        self.settle()

    def wheel(self, at: Point, turns: float) -> None:
        """Turn the wheel; a positive number zooms out."""
        self.mouse("moved", at)
        self.mouse("wheel", at, deltaX=0, deltaY=100 * turns)
        self.settle()

    def click(self, at: Point) -> None:
        """Click at a point of the window."""
        self.mouse("moved", at)
        for kind in ("pressed", "released"):
            self.mouse(kind, at, button="left", clickCount=1)
        self.settle()

    def double_click(self, at: Point) -> None:
        """Click twice at a point of the window, in one command so that no delay parts them."""
        from selenium.webdriver.common.actions.action_builder import (  # noqa: PLC0415
            ActionBuilder,
        )

        actions = ActionBuilder(self.driver)
        actions.pointer_action.move_to_location(int(at[0]), int(at[1])).click().click()
        actions.perform()
        self.settle()

    def press(self, selector: str) -> None:
        """Click the middle of an element, after it has been scrolled into view."""
        self.press_found("document.querySelector(args[0])", selector)

    def press_found(self, expression: str, *args: object) -> None:
        """Click the middle of the element that a JavaScript expression finds, once it is there."""
        box = self.wait(
            f"(() => {{ const e = {expression}; if (!e) return null;"
            "e.scrollIntoView({block: 'nearest'}); const b = e.getBoundingClientRect();"
            "return b.width && [b.left + b.width / 2, b.top + b.height / 2]; })()",
            5,
            *args,
        )
        self.click((box[0], box[1]))

    def key(self, name: str, code: int = 0) -> None:
        """Press a key of the keyboard, as a person would, wherever the focus is."""
        text = {"text": name} if len(name) == 1 else {}
        event = {"key": name, "windowsVirtualKeyCode": code or ord(name[0].upper())}
        cdp = self.driver.execute_cdp_cmd
        cdp("Input.dispatchKeyEvent", {"type": "keyDown", **event, **text})
        cdp("Input.dispatchKeyEvent", {"type": "keyUp", **event})
        self.settle()
