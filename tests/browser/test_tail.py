"""The end of the transcript is followed, and readers keep their place; what the browser itself does to both."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.support.browser.dev_page import FRAME, DevPage

WRITE = """async () => {
    for (let i = 0; i < 20; i++) kernel.write('z1', '\\n\\nAnother paragraph.');
    for (let i = 0; i < 3; i++) await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""
TOP = "() => document.querySelector('.nbs-scroller').scrollTop"
LEFT = """() => {
    const {scrollHeight, scrollTop, clientHeight} = document.querySelector('.nbs-scroller');
    return Math.round(scrollHeight - scrollTop - clientHeight);
}"""
"""Pixels from what is in sight to the end."""

LEAVE = (
    "() => { const panel = document.querySelector('#panel'); window.away = [panel, panel.parentNode]; panel.remove(); }"
)
RETURN = "() => { const [panel, parent] = window.away; parent.append(panel); }"


def writing(dev: DevPage) -> Page:
    """A page on which a long message is being written below a long history."""
    page = dev.open("many", more="&n=300", height=500)
    page.evaluate("() => { kernel.run('r9', 'Go on.'); kernel.setState('running'); kernel.begin('z1', 'poet'); }")
    page.evaluate(WRITE)
    page.evaluate(WRITE)
    assert page.evaluate(LEFT) <= 1
    return page


def scroll(page: Page, by: int) -> None:
    """Turn the wheel, and wait until nothing moves any more."""
    page.mouse.move(450, 350)
    page.mouse.wheel(0, by)
    page.evaluate(
        """async () => {
            const box = document.querySelector('.nbs-scroller');
            for (let before = -1, still = 0; still < 10; still = box.scrollTop === before ? still + 1 : 0) {
                before = box.scrollTop;
                await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
            }
        }"""
    )


@pytest.mark.parametrize("click", ["a message", "a word"])
def test_who_clicked_further_up_and_scrolled_down_again_follows_the_end(dev: DevPage, click: str) -> None:
    page = writing(dev)
    if click == "a message":
        scroll(page, -2600)
        line = page.evaluate(
            """() => {
                const box = document.querySelector('.nbs-scroller').getBoundingClientRect();
                const places = [...document.querySelectorAll('.nbs-line')].map(el => el.getBoundingClientRect());
                const {x, y} = places.find(({top, bottom}) => top > box.top + 20 && bottom < box.bottom - 20);
                return [x, y];
            }"""
        )
        page.mouse.click(line[0] + 200, line[1] + 10)
    else:
        scroll(page, -200)
        page.mouse.dblclick(80, 350)
        assert page.evaluate("() => getSelection().toString().trim()") != ""
    before = page.evaluate(TOP)
    page.evaluate(WRITE)
    assert page.evaluate(TOP) == before, "what is read is not pulled away"
    for _ in range(4):
        scroll(page, 3000)
    page.evaluate(WRITE)
    assert page.evaluate(LEFT) <= 1


def test_the_end_is_followed_also_when_the_panel_becomes_higher(dev: DevPage) -> None:
    page = writing(dev)
    page.set_viewport_size({"width": 900, "height": 760})
    page.evaluate(FRAME)
    page.evaluate(WRITE)
    assert page.evaluate(LEFT) <= 1


@pytest.mark.parametrize("at_once", [True, False])
def test_a_panel_that_the_notebook_moves_is_scrolled_as_before(dev: DevPage, at_once: bool) -> None:
    def move() -> None:
        if at_once:
            page.evaluate(f"() => {{ ({LEAVE})(); ({RETURN})(); }}")
        else:
            page.evaluate(LEAVE)
            page.evaluate(WRITE)
            page.evaluate(RETURN)
        page.evaluate(FRAME)
        page.evaluate(WRITE)

    page = writing(dev)
    move()
    assert page.evaluate(LEFT) <= 1, "the end is followed"
    scroll(page, -600)
    before = page.evaluate(TOP)
    move()
    assert abs(page.evaluate(TOP) - before) <= 1, "a reader further up keeps the place"


def test_a_selection_stays_where_the_last_words_of_a_message_come_with_its_end(dev: DevPage) -> None:
    page = writing(dev)
    page.evaluate("() => { kernel.settle('z1'); kernel.begin('z2', 'poet'); kernel.write('z2', 'The tide comes '); }")
    page.evaluate(FRAME)
    page.evaluate(
        """() => {
            const words = document.querySelector('.nbs-live .nbs-text p').firstChild;
            getSelection().setBaseAndExtent(words, 0, words, 8);
            kernel.settle('z2', {text: 'The tide comes and goes.'});
        }"""
    )
    page.evaluate(FRAME)
    assert page.evaluate("() => getSelection().toString()") == "The tide"
