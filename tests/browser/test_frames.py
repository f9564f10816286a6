"""What a frame of the panel costs the page while many agents write: counted, not timed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Browser, Page

from tests.support.browser.dev_page import FRAME, DevPage
from tests.support.browser.tracing import traced

AGENTS = 10
BEGIN = """async count => {
    for (let n = 0; n < count; n++) kernel.agent('agent' + n, {status: 'writing'});
    kernel.sendAgents();
    kernel.run('r1', 'Write.');
    kernel.setState('running');
    for (let n = 0; n < count; n++) kernel.begin('c' + n, 'agent' + n);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
WRITE = """async ([count, frames]) => {
    const pieces = ['Some *words* of it, ', 'and `code`, ', 'and more of them.\\n\\n', '- an item\\n- one more\\n\\n'];
    for (let i = 0; i < frames; i++) {
        for (let n = 0; n < count; n++) kernel.write('c' + n, pieces[i % pieces.length]);
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }
}"""
END = """async count => {
    for (let n = 0; n < count; n++) {
        kernel.settle('c' + n);
        kernel.begin('d' + n, 'agent' + n);
        kernel.write('d' + n, 'Then.');
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }
}"""
LEFT = """() => {
    const {scrollHeight, scrollTop, clientHeight} = document.querySelector('.nbs-scroller');
    return Math.round(scrollHeight - scrollTop - clientHeight);
}"""


def writing(dev: DevPage, count: int = AGENTS) -> Page:
    """A page on which so many agents have begun to write."""
    page = dev.open("idle", height=900)
    page.evaluate(BEGIN, count)
    page.evaluate(WRITE, [count, 40])
    return page


@pytest.mark.parametrize("reader", ["follows", "is further up", "has selected words"])
def test_a_frame_forces_no_layout_and_at_most_one_for_a_reader_who_is_elsewhere(
    browser: Browser, dev: DevPage, reader: str
) -> None:
    page = writing(dev)
    if reader == "is further up":
        page.evaluate("() => { document.querySelector('.nbs-scroller').scrollTop = 0; }")
    elif reader == "has selected words":
        page.evaluate("() => getSelection().selectAllChildren(document.querySelector('.nbs-live .nbs-text p'))")
    page.evaluate(FRAME)

    def act() -> None:
        page.evaluate(WRITE, [AGENTS, 40])
        page.evaluate(END, AGENTS)

    found = traced(browser, page, act)
    forced = found.forced_in_frames
    layouts = sum(part.name == "Layout" for part in forced)
    print(f"a reader who {reader}: {len(found.frames)} frames, {layouts} forced layouts: {found.asked()}")
    if reader == "follows":
        assert forced == []
        assert page.evaluate(LEFT) <= 1, "the end is followed"
    else:
        assert 40 <= layouts <= 55, "what forces a layout is not seen, or it forces more than one a frame"
