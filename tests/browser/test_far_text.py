"""What cannot be seen is not on the page, and is there within a few frames when a reader comes to it."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.support.browser.dev_page import DevPage

MAX_LIVE_ELEMENTS = 3000

WRITE = """async ([agents, unit, length]) => {
    const frame = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    kernel.run('far', 'Write.');
    for (let i = 0; i < agents; i++) kernel.begin('far' + i, 'poet');
    let text = '';
    for (let i = 0; text.length < length; i++) text += unit.replaceAll('@', i);
    let most = 0;
    for (let at = 0; at < text.length; at += 700) {
        for (let i = 0; i < agents; i++) kernel.write('far' + i, text.slice(at, at + 700));
        await frame();
        most = Math.max(most, document.querySelectorAll('.nbs-live *').length);
    }
    for (let i = 0; i < 5; i++) await frame();
    return most;
}"""
FOLDED_IN_SIGHT = """async share => {
    const box = document.querySelector('.nbs-scroller');
    box.scrollTop = share * box.scrollHeight;
    for (let i = 0; i < 4; i++) await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    const {top, bottom} = box.getBoundingClientRect();
    return [...box.querySelectorAll('.nbs-folded')].filter(el => {
        const rect = el.getBoundingClientRect();
        return rect.height > 0 && rect.bottom > top && rect.top < bottom;
    }).length;
}"""
UNIT = "## Part @\n\nWords of part @, *some* strong.\n\n- one\n- two\n\n"


def written(dev: DevPage, agents: int, length: int) -> tuple[Page, int]:
    """A page on which agents write texts of this length, and the most elements that their cells had."""
    page = dev.open("idle")
    return page, page.evaluate(WRITE, [agents, UNIT, length])


def test_ten_agents_and_one_long_text_need_few_elements(dev: DevPage) -> None:
    for agents, length in ((1, 100_000), (10, 15_000)):
        page, most = written(dev, agents, length)
        assert most <= MAX_LIVE_ELEMENTS, agents
        assert page.locator(".nbs-live .nbs-folded").count() > 20


def test_what_is_far_is_there_when_the_reader_comes_and_the_end_was_followed(dev: DevPage) -> None:
    page, _ = written(dev, 1, 60_000)
    assert page.locator(".nbs-scroller").evaluate("el => el.scrollHeight - el.scrollTop - el.clientHeight") < 2
    for share in (0.5, 0.1, 0.9, 0, 1):
        assert page.evaluate(FOLDED_IN_SIGHT, share) == 0, share


def test_the_browsers_search_and_the_panels_search_find_what_is_far(dev: DevPage) -> None:
    page, _ = written(dev, 1, 60_000)
    assert page.evaluate("find('Words of part 0')")
    assert page.evaluate("String(getSelection())") == "Words of part 0"
    page.evaluate("getSelection().removeAllRanges()")
    page.evaluate("kernel.settle('far0')")
    page.get_by_role("button", name="Search", exact=True).click()
    page.get_by_role("searchbox").fill("Part 300")
    page.keyboard.press("Enter")
    heading = page.get_by_role("heading", name="Part 300")
    expect(heading).to_be_in_viewport()


def test_on_paper_nothing_is_left_out(dev: DevPage) -> None:
    page, _ = written(dev, 1, 30_000)
    page.emulate_media(media="print")
    expect(page.locator(".nbs-folded")).to_have_count(0)
    page.emulate_media(media="screen")
    expect(page.locator(".nbs-folded").first).to_be_attached()
