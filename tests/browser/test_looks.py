"""A handful of the panel's states look as they did when somebody last looked at them and approved.

What is kept of a picture is its blocks' mean colours, so that another machine's fonts change little and a lost style,
a part in another place or a wrong colour changes much. After a wanted change, look at the panel, then make the pictures
anew with `python -m tests.browser.test_looks`.
"""

from __future__ import annotations

import io
import pathlib

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect, sync_playwright

from tests.support.browser.dev_page import FRAME, DevPage, served
from tests.support.browser.jupyter import CHROMIUM, FLAGS

PICTURES = pathlib.Path(__file__).parent / "looks"
BLOCK = 12
"""Pixels of a block's side: about the height of a letter."""
LOOKS = {
    "idle-light": {"scene": "idle", "theme": "light", "width": 900, "height": 240},
    "two-dark": {"scene": "two", "theme": "dark", "width": 1100},
    "gate-narrow-light": {"scene": "gate", "theme": "light", "width": 320},
    "finished-light": {"scene": "finished", "theme": "light", "width": 900},
    "approval-narrow-dark": {"scene": "approval", "theme": "dark", "width": 320},
    "error-dark": {"scene": "error", "theme": "dark", "width": 900},
}
LIMIT = 0.03
"""Share of the colour range by which blocks may differ in the mean. Other fonts reach 0.01 to 0.03."""
FAULTS = (".nbs-header { background: #888 }", ".nbs-panel { background: #888 }", ".nbs-panel { font-size: 26px }")
"""Each alone goes well beyond."""


def look_of(page: Page) -> Image.Image:
    """What a page shows, as blocks of colour; nothing in it moves or blinks."""
    page.emulate_media(reduced_motion="reduce")
    page.mouse.move(0, 0)
    page.evaluate(FRAME)
    shown = Image.open(io.BytesIO(page.screenshot(animations="disabled", caret="hide"))).convert("RGB")
    return shown.resize((shown.width // BLOCK, shown.height // BLOCK), Image.Resampling.BOX)


def distance(one: Image.Image, other: Image.Image) -> float:
    """How far two pictures of one size are from each other: 0 for the same, 1 for black and white."""
    assert one.size == other.size
    return sum(ImageStat.Stat(ImageChops.difference(one, other)).mean) / 3 / 255


@pytest.mark.parametrize("name", LOOKS)
def test_the_panel_looks_as_it_did(dev: DevPage, name: str) -> None:
    page, approved = dev.open(**LOOKS[name]), Image.open(PICTURES / f"{name}.png")
    far = distance(look_of(page), approved)
    print(f"{name}: {far:.4f}")
    assert far < LIMIT
    for fault in FAULTS:
        style = page.add_style_tag(content=fault.replace(" }", " !important }"))
        far = distance(look_of(page), approved)
        print(f"{name} with {fault}: {far:.4f}")
        assert far > LIMIT, "what is broken looks the same, so this test proves nothing"
        style.evaluate("element => element.remove()")


def test_a_word_beside_the_state_is_not_cut_to_a_letter(dev: DevPage) -> None:
    page = dev.open("approval", width=340)
    word = page.locator(".nbs-detail > span")
    expect(word).to_have_text("poet and critic ask")
    expect(word).to_be_hidden()
    page.set_viewport_size({"width": 400, "height": 800})
    expect(word).to_be_visible()
    box = word.bounding_box()
    assert box is not None
    assert box["width"] > 56


LONG = (
    "Plan a trip of three weeks through all of the harbours of the north, with trains, and say at the end what it costs"
)


def test_a_run_says_its_task_and_an_approval_its_verdict_in_any_width(dev: DevPage) -> None:
    page = dev.open("finished")
    page.evaluate(
        """task => {
            const what = {code: 'remove_all_the_drafts_of_the_team_and_of_all_the_others()'};
            for (const [id, answer] of [['yes', 'approve'], ['no', 'reject: not all']])
                kernel.put(id, 'critic', 'approval', 'May this run?', {data: {request_id: id, what, answer}});
            kernel.run('long', task);
            kernel.endRun({usage: {prompt_tokens: 80, completion_tokens: 50}, ttft: 0.02, tokens_per_s: 40});
        }""",
        LONG,
    )
    for width in (170, 340, 700, 1200):
        page.set_viewport_size({"width": width + 32, "height": 800})
        page.evaluate(FRAME)
        seen = page.evaluate(
            """() => [...document.querySelectorAll('.nbs-run')].map(run => {
                const [head, end] = run.children, task = head.lastElementChild;
                const cut = task.scrollWidth > task.clientWidth || task.scrollHeight > task.clientHeight + 1;
                const gap = run.getBoundingClientRect().right - task.getBoundingClientRect().right;
                const beside = end.getBoundingClientRect().top < head.getBoundingClientRect().bottom - 4;
                return {cut, gap, beside, wide: task.clientWidth, lines: end.getClientRects().length};
            })"""
        )
        for run in seen:
            assert not run["cut"] or (run["gap"] < 40 and not run["beside"]), (
                f"{run} is cut beside free room at {width}"
            )
            assert run["wide"] > 70, f"{run} shows a letter or two at {width}"
        for word in page.locator("[data-kind=approval] .nbs-end").all():
            box, panel = word.bounding_box(), page.locator(".nbs-panel").bounding_box()
            assert box is not None
            assert panel is not None
            assert panel["x"] <= box["x"]
            assert box["x"] + box["width"] <= panel["x"] + panel["width"], f"the verdict is cut at {width}"
        assert page.locator("[data-kind=approval] .nbs-end").all_inner_texts() == ["approved", "rejected"]


if __name__ == "__main__":
    PICTURES.mkdir(exist_ok=True)
    with sync_playwright() as playwright, served() as origin:
        pages = DevPage(playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS), origin)
        for name, scene in LOOKS.items():
            look_of(pages.open(**scene)).save(PICTURES / f"{name}.png")
