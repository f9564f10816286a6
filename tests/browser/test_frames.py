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


def writing(dev: DevPage, count: int = AGENTS, width: int = 900) -> Page:
    """A page on which so many agents have begun to write."""
    page = dev.open("idle", height=900, width=width)
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


WATCH = """() => {
    window.__changes = 0;
    const observer = new MutationObserver(changes => { window.__changes += changes.length; });
    observer.observe(document.querySelector('.nbs-log'), {childList: true, characterData: true, subtree: true});
}"""
SAME = """() => [...kernel.live.values()].every(({text}, n) => {
    const shown = document.querySelectorAll('.nbs-live .nbs-text')[n].textContent;
    return shown.split('and more').length === text.split('and more').length;
})"""
OUT_OF_VIEW = {
    "collapsed": (
        "document.querySelector('#panel').style.display = 'none'",
        "document.querySelector('#panel').style.display = ''",
    ),
    "below the page": (
        "{ const space = document.createElement('div'); space.id = 'space'; space.style.height = '5000px';"
        " document.body.prepend(space); }",
        "document.querySelector('#space').remove()",
    ),
}


@pytest.mark.parametrize("how", OUT_OF_VIEW)
def test_a_cell_out_of_view_is_not_written_until_it_comes_into_view(dev: DevPage, how: str) -> None:
    hide, show = OUT_OF_VIEW[how]
    page = writing(dev, 3)
    page.evaluate(WATCH)
    page.evaluate(WRITE, [3, 4])
    assert page.evaluate("() => window.__changes") > 0, "what is written is not seen, so this test proves nothing"
    page.evaluate(f"() => {{ {hide} }}")
    for _ in range(3):
        page.evaluate(FRAME)
    page.evaluate("() => { window.__changes = 0; }")
    page.evaluate(WRITE, [3, 40])
    assert page.evaluate("() => window.__changes") == 0
    page.evaluate("() => kernel.put('n1', 'agent0', 'notice', 'A message meanwhile.')")
    page.evaluate(WRITE, [3, 4])
    assert (page.evaluate("() => window.__changes") == 0) is (how == "collapsed"), "a message further up can be found"
    page.evaluate(f"() => {{ {show} }}")
    page.wait_for_function(SAME)
    assert page.locator(".nbs-cell", has_text="A message meanwhile.").count() == 1


def test_ten_agents_share_what_one_frame_may_write_and_none_waits_for_long(dev: DevPage) -> None:
    page = writing(dev, width=1700)  # all of them are in view
    lengths = page.evaluate(
        """async () => {
            const texts = [...document.querySelectorAll('.nbs-live .nbs-text')];
            const before = texts.map(({textContent}) => textContent.length);
            for (const id of kernel.live.keys()) kernel.write(id, 'word '.repeat(20000));
            const written = [];
            const isDone = () => texts.every((text, n) => text.textContent.length - before[n] >= 90000);
            while (!isDone() && written.length < 2000) {
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
                written.push(texts.map(({textContent}, n) => textContent.length - before[n]));
            }
            return written;
        }"""
    )
    first = lengths[0]
    print(f"{len(lengths)} frames; written in the first: {first}; in the middle: {lengths[len(lengths) // 2]}")
    assert sum(first) <= 30_000, "one frame writes the text of all agents"
    assert len(lengths) >= 4
    for frame in lengths[:-1]:
        assert max(frame) - min(frame) <= 12_000, "one agent waits for another"


BOXES = """() => [...document.querySelectorAll('.nbs-live-text')].map(
    box => [Math.round(box.scrollTop), Math.round(box.scrollHeight - box.scrollTop - box.clientHeight)])"""


def test_each_box_follows_its_own_end_unless_the_reader_scrolled_up_in_it(dev: DevPage) -> None:
    page = writing(dev, 3, width=1200)
    assert all(top > 0 and left <= 1 for top, left in page.evaluate(BOXES)), "the boxes are not full"
    box = page.locator(".nbs-live-text").nth(1)
    box.hover()
    page.mouse.wheel(0, -120)
    page.wait_for_function(
        "() => { const box = document.querySelectorAll('.nbs-live-text')[1];"
        " return box.scrollHeight - box.scrollTop - box.clientHeight >= 100; }"
    )
    page.evaluate(FRAME)
    (_, _), (before, _), (_, _) = page.evaluate(BOXES)
    page.evaluate(WRITE, [3, 12])
    (_, first), (top, _), (_, third) = page.evaluate(BOXES)
    assert abs(top - before) <= 1, "what is read is not pulled away"
    assert first <= 1
    assert third <= 1
    page.evaluate(
        "() => { const box = document.querySelectorAll('.nbs-live-text')[1]; box.scrollTop = box.scrollHeight; }"
    )
    page.evaluate(WRITE, [3, 12])
    assert page.evaluate(BOXES)[1][1] <= 1
