"""The HTML of a transcript: whole without a style or a script, loads nothing, and hostile text stays text."""

from __future__ import annotations

import html.parser
import json
import pathlib
import re
from dataclasses import replace

import pytest
from playwright.sync_api import sync_playwright

from nb_stream import Transcript
from nb_stream.core.model import Cell, CellKind, CellStatus, RunInfo, Usage
from nb_stream.core.text_safety import visible
from nb_stream.export import export
from nb_stream.export.html import page, page_body
from nb_stream.export.text import seconds
from nb_stream.export.text import text as plain
from tests.support.browser.dev_page import AXE
from tests.support.hostile_texts import OWN, cells_of, corpus, run_of
from tests.support.recordings import record
from tests.support.static_html import MATH_ATTRIBUTES, MATH_TAGS, PAGE_ATTRIBUTES, PAGE_TAGS

PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Reader(html.parser.HTMLParser):
    """What a page consists of: its tags with their attributes, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._texts: list[str] = []
        self.depth: list[str] = []
        self.feed(text)
        self.close()
        self.text = "".join(self._texts)

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "br", "hr", "input"):
            self.depth.append(tag)

    def handle_endtag(self, tag) -> None:
        assert self.depth.pop() == tag

    def handle_data(self, data) -> None:
        if not self.depth or self.depth[-1] != "style":
            self._texts.append(data)


def whole(cells, runs) -> str:
    return "".join(page(cells, runs))


@pytest.mark.parametrize("text", [*OWN, pytest.param("", id="corpora")])
def test_hostile_text_stays_text(text: str) -> None:
    texts = [text] if text else corpus()
    cells = [cell for number, text in enumerate(texts) for cell in cells_of(text, 6 * number)]
    read = Reader(whole(cells, [run_of(texts[0])]))
    assert not read.depth
    for tag, attributes in read.tags:
        is_math = tag in MATH_TAGS
        assert is_math or tag in PAGE_TAGS
        assert attributes.keys() <= (PAGE_ATTRIBUTES | MATH_ATTRIBUTES if is_math else PAGE_ATTRIBUTES)
        assert tag != "img" or re.match("data:image/(png|jpeg|gif|webp);base64,", attributes["src"])
        assert tag != "a" or re.match("#m[0-9]+$|https?://|mailto:", attributes["href"])
        assert tag != "a" or attributes["href"].startswith("#") or "noopener" in attributes["rel"]
    shown = "".join(read.text.split())
    for text in texts:
        assert "".join(visible(text).split()) in shown
    assert visible(read.text) == read.text


def test_the_body_needs_neither_a_style_nor_a_script() -> None:
    read = Reader("".join(page_body(cells_of("Hello."), [RunInfo("r1", "task")], "title")))
    assert not {tag for tag, _ in read.tags} & {"style", "script", "link"}
    assert not any("style" in attributes for _, attributes in read.tags)


def test_images_are_shown_only_as_data_of_known_kinds() -> None:
    cell = Cell(
        "c1", "r1", "ann", "ann", CellKind.TEXT, "[image 1]", data={"images": [PIXEL, "https://evil.example/x.png"]}
    )
    read = Reader(whole([cell], [RunInfo("r1", "task")]))
    assert [attributes["src"] for tag, attributes in read.tags if tag == "img"] == [PIXEL]
    assert "Image 2 is not shown" in read.text


def test_what_models_write_is_rendered_in_a_page() -> None:
    text = "## Steering\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n$$\\tan\\theta$$\n\n```py\nx = 1\n```\n"
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, text)
    made = whole([cell], [RunInfo("r1", "task")])
    tags = [tag for tag, _ in Reader(made).tags]
    assert {"h2", "table", "math", "code"} <= set(tags)
    assert not any(mark in made.split('id="m1"', 1)[1] for mark in ("## ", "| 1 |", "$$", "```"))


async def test_all_that_was_said_can_be_read_without_styles_and_scripts(tmp_path) -> None:
    transcript = await record("tools", tmp_path / "run.jsonl")
    read = Reader("".join(page_body(transcript.cells, transcript.runs, "")))
    text = "".join(read.text.split())
    for cell in transcript:
        assert [word for word in re.findall(r"\w+", cell.text) if word not in read.text] == []
        for call in cell.tool_calls:
            assert call.name in text
            for name, value in json.loads(call.arguments).items():
                assert f"{name}{value}" in text
            assert "".join(call.result.split()) in text


@pytest.fixture
def browser():
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=_chromium(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _chromium() -> str | None:
    return next(
        (path for path in ("/usr/bin/chromium", "/usr/bin/chromium-browser") if pathlib.Path(path).exists()), None
    )


def test_a_browser_runs_nothing_and_asks_for_nothing(browser, tmp_path) -> None:
    texts = corpus()
    cells = [cell for number, text in enumerate(texts) for cell in cells_of(text, 6 * number)]
    path = tmp_path / "run.html"
    export(Transcript(settled=tuple(cells), runs=(run_of(texts[0]),)), path)
    tab = browser.new_page()
    asked: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("dialog", lambda dialog: asked.append(dialog.message))
    tab.goto(path.as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(cell => cell.open = true)")
    tab.wait_for_timeout(300)
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert len([url for url in asked if url.startswith("file:")]) == 1
    assert tab.evaluate("document.scripts.length") == 0
    tab.close()


def test_it_follows_the_colours_of_the_reader_and_is_legible_in_both(browser, tmp_path) -> None:
    path = tmp_path / "run.html"
    export(Transcript(settled=tuple(cells_of("Hello.")), runs=(RunInfo("r1", "task"),)), path)
    found = {}
    for scheme in ("light", "dark"):
        tab = browser.new_page(color_scheme=scheme)
        tab.goto(path.as_uri())
        style = "(selector => getComputedStyle(document.querySelector(selector)))"
        ground = _rgb(tab.evaluate(f"{style}('body').backgroundColor"))
        found[scheme] = ground
        for selector in (".nbs-text p", "summary", ".nbs-label", ".nbs-run-end", ".nbs-first"):
            assert _contrast(_rgb(tab.evaluate(f"{style}('{selector}').color")), ground) >= 4.5
        tab.close()
    assert _light(found["light"]) > 0.8 > 0.2 > _light(found["dark"])


def test_no_page_scrolls_sideways(browser, tmp_path) -> None:
    """Whatever its names, headings, tools and texts are made of; in a narrow window and in a wide one."""
    words = [
        "x" * 400,
        "WWWWWWWW" * 50,
        "a_b" * 200,
        "/" * 300,
        "\u00a0" * 200 + "x",
        "\u4e00" * 200,
        "\U0001f600" * 200,
    ]
    words += [
        "\t" * 100 + "x",
        "long-name." * 60,
        "\ufdfd" * 40,
        "e\u0301" * 300,
        "\u202e" * 60,
        "x " * 300,
        "\u2060".join("x" * 99),
    ]
    texts = [*words, *OWN]
    cells = [
        replace(cell, agent=text, path=text, usage=Usage(2**50, 2**50), cost=1e15)
        for number, text in enumerate(texts)
        for cell in cells_of(text, 6 * number)
    ]
    runs = [replace(run_of(text), id=f"r{number}") for number, text in enumerate(texts, 1)]
    path = tmp_path / "run.html"
    path.write_bytes("".join(page(cells, runs, "W" * 300)).encode("utf-8", "replace"))
    tab = browser.new_page()
    tab.goto(path.as_uri())
    for is_open in ("true", "false"):
        tab.evaluate(f"document.querySelectorAll('details').forEach(cell => {{ cell.open = {is_open} }})")
        for width in (320, 1000):
            tab.set_viewport_size({"width": width, "height": 700})
            root = "document.documentElement"
            wide, room = tab.evaluate(f"[{root}.scrollWidth, {root}.clientWidth]")
            assert wide <= room, width
    tab.close()


def test_printing_unfolds_every_message(browser, tmp_path) -> None:
    path = tmp_path / "run.html"
    export(Transcript(settled=tuple(cells_of("Findable words.")), runs=(RunInfo("r1", "task"),)), path)
    tab = browser.new_page()
    tab.goto(path.as_uri())
    hidden = (
        "[...document.querySelectorAll('.nbs-body')].filter(el => !el.checkVisibility({contentVisibilityAuto: true}))"
    )
    assert tab.evaluate(f"{hidden}.length") > 0
    tab.emulate_media(media="print")
    assert tab.evaluate(f"{hidden}.length") == 0
    tab.close()


def test_a_wide_table_and_long_code_are_not_cut_on_paper(browser, tmp_path) -> None:
    row = "| " + " | ".join(["a-long-word-in-a-cell"] * 14) + " |\n"
    text = f"{row}{'|---' * 14}|\n{row}\n```py\n{'name = value; ' * 40}\n```\n\n$${'x_1 + ' * 60}y$$"
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, text)
    path = tmp_path / "run.html"
    export(Transcript(settled=(cell,), runs=(RunInfo("r1", "task"),)), path)
    tab = browser.new_page(viewport={"width": 680, "height": 960})  # A4 without its margins
    tab.goto(path.as_uri())
    sticks_out = """() => [...document.querySelectorAll('td, th, .nbs-pre, .nbs-pre span')].filter(el => {
        const {right} = el.getBoundingClientRect();
        return right > 680 || (getComputedStyle(el).overflowX !== 'visible' && el.scrollWidth > el.clientWidth + 1);
    }).length"""
    assert tab.evaluate(sticks_out) > 0
    tab.emulate_media(media="print")
    assert tab.evaluate(sticks_out) == 0
    tab.close()


def test_a_bar_of_the_timeline_leads_to_its_message_and_the_last_message_is_open(browser, tmp_path) -> None:
    def said(number: int, kind: CellKind, text: str) -> Cell:
        at = 1000.0 + 10 * number
        return Cell(f"c{number}", "r1", "ann", "ann", kind, text, started_at=at, ended_at=at + 9)

    cells = (
        said(1, CellKind.TEXT, "First."),
        said(2, CellKind.THOUGHT, "Hm."),
        said(3, CellKind.TEXT, "Last."),
        said(4, CellKind.ERROR, "It broke."),
        said(5, CellKind.SELECTION, "ann"),
    )
    path = tmp_path / "run.html"
    export(Transcript(settled=cells, runs=(RunInfo("r1", "task", CellStatus.FAILED, None, 1000.0, 1060.0),)), path)
    tab = browser.new_page()
    tab.goto(path.as_uri())
    opened = "[...document.querySelectorAll('.nbs-cell')].map(cell => cell.open)"
    assert tab.evaluate(opened) == [False, False, True, True, False]
    tab.click('.nbs-bars a[href="#m2"]')
    tab.wait_for_function("document.querySelectorAll('.nbs-cell')[1].open")
    assert tab.evaluate("location.hash") == "#m2"
    tab.close()


def test_readers_who_cannot_see_or_point_find_no_obstacle(browser, tmp_path) -> None:
    text = f"# Head\n\n```py\n{'name = value; ' * 40}\n```\n\n| {' | '.join(['word'] * 40)} |\n{'|---' * 40}|\n"
    cells = (
        Cell("c1", "r1", "ann", "ann", CellKind.TEXT, text, started_at=1000.0, ended_at=1009.0),
        *cells_of("Hi.", 1),
    )
    path = tmp_path / "run.html"
    export(Transcript(settled=cells, runs=(RunInfo("r1", "task", CellStatus.DONE, None, 1000.0, 1060.0),)), path)
    for scheme in ("light", "dark"):
        tab = browser.new_context(
            color_scheme=scheme, bypass_csp=True, viewport={"width": 420, "height": 800}
        ).new_page()
        tab.goto(path.as_uri())
        tab.evaluate("document.querySelectorAll('details').forEach(cell => cell.open = true)")
        tab.add_script_tag(path=AXE)
        found = tab.evaluate("axe.run()")["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")] == []
        tab.close()


def test_it_works_without_a_keyboard_trap_and_from_the_keyboard(browser, tmp_path) -> None:
    path = tmp_path / "run.html"
    export(Transcript(settled=tuple(cells_of("Hello.")), runs=(RunInfo("r1", "task"),)), path)
    tab = browser.new_page()
    tab.goto(path.as_uri())
    tab.keyboard.press("Tab")
    before = tab.evaluate("document.activeElement.parentElement.open")
    tab.keyboard.press("Enter")
    assert tab.evaluate("document.activeElement.tagName") == "SUMMARY"
    assert tab.evaluate("document.activeElement.parentElement.open") is not before
    tab.close()


def _rgb(words: str) -> tuple[float, ...]:
    parts = [float(part) for part in re.findall(r"[\d.]+", words)[:3]]
    return tuple(parts if "srgb" in words else [part / 255 for part in parts])


def _light(colour: tuple[float, ...]) -> float:
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    light, dark = sorted((_light(one), _light(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


async def test_to_html_and_export_are_the_same(tmp_path) -> None:
    transcript = await record("writers", tmp_path / "run.jsonl")
    export(transcript, tmp_path / "run.html")
    assert (tmp_path / "run.html").read_text("utf-8") == transcript.to_html()


def test_a_short_time_is_told_in_milliseconds() -> None:
    lengths = (0.0004, 0.04, 0.0994, 0.0996, 1.26)
    assert list(map(seconds, lengths)) == ["1 ms", "40 ms", "99 ms", "0.1 s", "1.3 s"]
    cell = Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "Hello", started_at=1.0, ended_at=1.04)
    run = RunInfo("r1", "task", CellStatus.DONE, started_at=1.0, ended_at=1.05)
    for text in ("".join(page([cell], [run])), "".join(plain([cell], [run]))):
        assert "50 ms" in text
        assert "0.0 s" not in text
