"""Make the pictures of README from the real panel: `python tests/pictures.py`, once the environment of the tests stands.

`panel.webp` is filmed in a real JupyterLab: three agents write at once, one box is unticked in the middle of a message and
ticked again, and the messages fold when they are finished. `exported.webp` is the page that the same run is exported to.
A machine that is busy films fewer pictures a second; the film says how many it has.
"""

from __future__ import annotations

import base64
import io
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from PIL import Image
from playwright.sync_api import Browser, Locator, Page, sync_playwright

from tests.support.browser.jupyter import CHROMIUM, FLAGS, Notebook, Server
from tests.support.browser.panel_page import PanelPage
from tests.support.paths import ROOT

PICTURES = ROOT / "notebooks" / "images"
WIDTH, HEIGHT = 900, 660
PICTURES_PER_S = 10
LONGEST_S = 8.0
LARGEST_BYTES = 1_500_000
PACE_S = 0.028
"""Seconds per chunk: the three messages take some five seconds."""

SETUP = """from nb_stream import TeamPanel
from nb_stream.demo import teams
"""
SHOW = f"""panel = TeamPanel(teams.parallel(pace={PACE_S}))
panel"""

POINTER = """() => {
    const pointer = document.createElement('div');
    pointer.style.cssText = 'position:fixed;z-index:99999;pointer-events:none;left:-30px;top:-30px;width:14px;height:20px;'
        + 'background:#000;clip-path:polygon(0 0,0 78%,24% 62%,42% 100%,60% 92%,44% 56%,78% 56%);'
        + 'filter:drop-shadow(0 0 1px #fff)';
    document.body.append(pointer);
    document.addEventListener('mousemove', event => {
        pointer.style.left = event.clientX + 'px';
        pointer.style.top = event.clientY + 'px';
    }, true);
}"""
"""Headless browsers draw no pointer. This one follows the mouse."""

ONLY_THE_NOTEBOOK = """() => {
    const shell = window.jupyterapp.shell;
    shell.collapseLeft();
    shell.collapseRight();
    const rest = '#jp-top-panel-wrapper, #jp-menu-panel, #jp-bottom-panel, .jp-SideBar, .lm-TabBar, .jp-NotebookPanel-toolbar,'
        + '.jp-Notebook-footer { visibility: hidden }';
    document.head.append(Object.assign(document.createElement('style'), {textContent: rest}));
}"""


class Film:
    """What a page paints from now on, each picture with the time at which it was painted, in seconds."""

    def __init__(self, page: Page) -> None:
        self.pictures: list[tuple[float, bytes]] = []
        self._line = page.context.new_cdp_session(page)
        self._line.on("Page.screencastFrame", self._painted)
        self._line.send("Page.startScreencast", {"format": "png"})

    def _painted(self, frame: dict[str, Any]) -> None:
        self.pictures.append((frame["metadata"]["timestamp"], base64.b64decode(frame["data"])))
        self._line.send("Page.screencastFrameAck", {"sessionId": frame["sessionId"]})

    def end(self) -> None:
        """Paint no more pictures."""
        self._line.send("Page.stopScreencast")

    def write(self, file: Path, box: tuple[int, int, int, int]) -> None:
        """Write the part `box` of the page as a moving picture that repeats; smaller where it is too large for a README."""
        frames, durations = self._spaced(box)
        for quality in (80, 65, 50, 35):
            frames[0].save(
                file,
                save_all=True,
                append_images=frames[1:],
                duration=durations,
                loop=0,
                quality=quality,
                method=6,
                minimize_size=True,
            )
            if file.stat().st_size <= LARGEST_BYTES:
                break
        size = file.stat().st_size
        print(f"{file.name}: {len(frames)} pictures, {sum(durations) / 1000:.1f} s, {size:,} bytes, quality {quality}")
        assert size <= LARGEST_BYTES, "the picture is too large for a README"

    def _spaced(self, box: tuple[int, int, int, int]) -> tuple[list[Image.Image], list[int]]:
        """The pictures that differ, at most so many a second, and how long each stands, in milliseconds."""
        kept: list[tuple[float, bytes]] = []
        for at, picture in self.pictures:
            if not kept or at - kept[-1][0] >= 1 / PICTURES_PER_S:
                kept.append((at, picture))
        begin = kept[0][0]
        kept = [(at, picture) for at, picture in kept if at - begin <= LONGEST_S - 0.5]
        frames = [Image.open(io.BytesIO(picture)).convert("RGB").crop(box) for _, picture in kept]
        times = [at for at, _ in kept]
        return frames, [round((after - at) * 1000) for at, after in pairwise(times)] + [500]


def click(page: Page, box: Locator) -> None:
    """Move the pointer to a box as a hand would, and click."""
    place = box.bounding_box()
    assert place, "the box is not on the page"
    page.mouse.move(place["x"] + place["width"] / 2, place["y"] + place["height"] / 2, steps=12)
    page.mouse.down()
    page.mouse.up()


def film_panel(book: Notebook) -> None:
    """The panel while three agents write."""
    page = book.page
    page.evaluate(ONLY_THE_NOTEBOOK)
    page.evaluate(POINTER)
    book.run(0)
    book.run(1)
    panel = PanelPage(page).shown()
    book.evaluate("panel.start('Why does a bicycle stay up?') and None")
    panel.wait_live("mechanic", 10)
    panel.root.locator("..").evaluate("el => el.closest('.jp-CodeCell').scrollIntoView()")
    place = page.locator(".jp-Notebook").bounding_box()
    assert place
    page.mouse.move(place["x"] + 500, place["y"] + 400)
    film = Film(page)
    began = time.monotonic()

    def until(seconds: float) -> None:
        """The film has its own times, as a film has."""
        page.wait_for_timeout(max(0.0, (began + seconds - time.monotonic()) * 1000))

    until(1.2)
    click(page, panel.box("physicist"))
    until(3.1)
    click(page, panel.box("physicist"))
    until(LONGEST_S - 0.5)
    film.end()
    x, y = round(place["x"]), round(place["y"])
    film.write(PICTURES / "panel.webp", (x, y, WIDTH, HEIGHT))
    panel.ended(seconds=60)


def picture_exported(browser: Browser, book: Notebook, folder: Path) -> None:
    """The exported page, from its top."""
    file = folder / "run.html"
    book.evaluate(f"str(panel.export({str(file)!r}))")
    page = browser.new_page(viewport={"width": WIDTH, "height": 700})
    page.goto(file.as_uri())
    still = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    still.save(PICTURES / "exported.webp", quality=85, method=6)
    print(f"exported.webp: {(PICTURES / 'exported.webp').stat().st_size:,} bytes")


def main() -> None:
    """Make both pictures."""
    assert CHROMIUM, "The pictures need Chromium: apt-get install chromium"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        with Server(Path(folder)).running() as server:
            server.write("picture.ipynb", [SETUP, SHOW])
            book = Notebook(server, browser, "picture.ipynb", width=WIDTH, height=HEIGHT).open()
            film_panel(book)
            picture_exported(browser, book, Path(folder))
            book.close()
        browser.close()


if __name__ == "__main__":
    main()
