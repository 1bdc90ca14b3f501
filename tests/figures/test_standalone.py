"""The page as text: what it holds, and that no data can break out of its place.

That it opens and shows the numbers is a browser's test (tests/browser/test_export_page.py).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.errors import InputError
from dashboard.figures import payload
from dashboard.figures.frame import ViewFrame, derive
from dashboard.figures.standalone import script_json, standalone_page
from dashboard.figures.view import ViewSettings
from tests.figures.samples import INSTRUMENT, PLAIN, V2, V3, bars_of, snapshot_of

HOSTILE = "</script><script>alert(1)</script><!--\u2028\u2029&\"'"


class Reader(HTMLParser):
    """Collects the page's elements and the texts of its scripts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.scripts: list[str] = []
        self.title = ""
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._inside = tag
        if tag == "script":
            self.scripts.append("")
        assert not {"src", "href", "onload"} & {name for name, _ in attrs}

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside == "title":
            self.title += data


def frame_of(settings: ViewSettings = PLAIN, symbol: str = "TEST") -> ViewFrame:
    snapshot = snapshot_of(bars_of(V2, V3, V2, sessions=(0, 0, 1)))
    instrument = replace(INSTRUMENT, symbol=symbol)
    return derive(replace(snapshot, instrument=instrument), settings)


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    reader.close()
    return reader


def test_the_page_holds_scripts_figure_payload_and_colours() -> None:
    page = read(standalone_page(frame_of(), PLAIN, ["first();", "second();"]))
    data, first, second, start = page.scripts
    assert (first, second) == ("first();", "second();")
    assert "orderflow.attach('chart'" in start
    found = json.loads(data)
    assert found["options"]["payload"]["total"] == 3
    assert found["options"]["payload"]["complete"] is True
    assert len(found["figure"]["data"][0]["x"]) == 3
    assert found["options"]["theme"]["background"] in standalone_page(frame_of(), PLAIN, [])
    assert page.title == "TEST 1m 2024-10-04 – 2024-10-05"


def test_names_cannot_leave_their_place() -> None:
    plain = read(standalone_page(frame_of(), PLAIN, []))
    page = read(standalone_page(frame_of(symbol=HOSTILE), PLAIN, []))
    assert page.tags == plain.tags
    assert len(page.scripts) == 2
    assert json.loads(page.scripts[0])["options"]["payload"]["symbol"] == HOSTILE
    assert page.title.startswith("</script>")


def test_a_librarys_own_end_tag_stays_inside_its_script() -> None:
    page = read(standalone_page(frame_of(), PLAIN, ["a = '</script>'; b = '</SCRIPT>';"]))
    assert page.scripts[1] == r"a = '<\/script>'; b = '<\/SCRIPT>';"


def test_nothing_may_be_fetched() -> None:
    text = standalone_page(frame_of(), PLAIN, [])
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', text)
    assert policy is not None
    assert policy[1].startswith("default-src 'none';")
    assert "http" not in policy[1]


def test_a_profile_of_what_is_visible_is_of_the_session() -> None:
    settings = replace(PLAIN, profile="visible")
    texts = {
        standalone_page(frame_of(settings), chosen, [])
        for chosen in (settings, replace(PLAIN, profile="session"))
    }
    assert len(texts) == 1


def test_more_than_a_payload_may_hold_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "MAX_BARS", 2)
    with pytest.raises(InputError):
        standalone_page(frame_of(), PLAIN, [])


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_reads_back_and_holds_no_markup(text: str) -> None:
    written = script_json({"a": text})
    assert json.loads(written) == {"a": text}
    assert not set("<>&\u2028\u2029") & set(written)
