"""Ten thousand finished messages: what the browser pays for them, and what still works. Prints its figures."""

from __future__ import annotations

import pathlib
import re
import statistics
from typing import Any

from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.support.browser.dev_page import FRAME, DevPage

OPENED = """() => [...document.querySelectorAll('.nbs-cell[open] .nbs-text')].map(text => text.textContent)"""
SEEN = """words => {
    const box = document.querySelector('.nbs-scroller').getBoundingClientRect();
    return [...document.querySelectorAll('.nbs-cell')].some(cell => {
        const {top, bottom} = cell.getBoundingClientRect();
        return cell.textContent.includes(words) && bottom > box.top && top < box.bottom;
    });
}"""

FIRST = """async () => {
    const snapshot = kernel.snapshot();
    snapshot.seq = kernel.seq + 1;
    const frame = {v: snapshot.v, seq: ++kernel.seq, ops: [{op: 'snapshot', snapshot}]};
    kernel.emit(frame);
    await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
}"""

SCROLL = """async frames => {
    const box = document.querySelector('.nbs-scroller');
    for (let i = 0; i < frames; i++) {
        box.scrollTop -= 120;
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }
}"""

WATCH_SHIFTS = """() => {
    const shifts = [];
    const note = entries => shifts.push(...entries.map(({value}) => value));
    const observer = new PerformanceObserver(list => note(list.getEntries()));
    observer.observe({type: 'layout-shift'});
    window.__taken = async () => {
        for (let i = 0; i < 2; i++) await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        note(observer.takeRecords());
        return shifts.splice(0);
    };
}"""
"""Notes what moves on the page although nobody scrolled it there; `__taken` gives what was noted since the last time.

The observer is told late: what has happened by now is fetched, so that it is not taken for a part of what comes next.
"""

GROW = """async ([kind, round]) => {
    if (kind === 'token') kernel.begin('live' + round, 'poet');
    for (let i = 0; i < 40; i++) {
        if (kind === 'token') kernel.write('live' + round, 'word word ');
        else kernel.put(`more${round}-${i}`, 'poet', 'notice', 'A few words.');
        await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
    }
    if (kind === 'token') kernel.settle('live' + round);
}"""


def settled(page: Page) -> Page:
    """Wait until the work that is put off is done: the text of the first message is on the page."""
    page.wait_for_function("() => document.querySelector('.nbs-history').textContent.includes('Message number 1.')")
    return page


def processor(session: CDPSession) -> float:
    """Milliseconds of processor time of the page's main thread so far: other programs do not lengthen it."""
    metrics = session.send("Performance.getMetrics")["metrics"]
    return 1000 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")


def session_of(page: Page) -> CDPSession:
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    return session


def private_megabytes(browser: Browser) -> float:
    """Memory that the largest page process has for itself, after its rubbish was collected."""
    processes: list[dict[str, Any]] = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    found = []
    for process in processes:
        if process["type"] == "renderer":
            text = pathlib.Path(f"/proc/{process['id']}/smaps_rollup").read_text()
            found.append(sum(int(size) for size in re.findall(r"Private_(?:Dirty|Clean): +(\d+)", text)) / 1000)
    return max(found)


def test_the_first_frame_comes_within_half_a_second(dev: DevPage) -> None:
    page = dev.open("many", more="&n=10")
    page.evaluate("() => { const many = kernel.settled.slice(); kernel.settled.length = 0; window.__many = many; }")
    page.evaluate(
        """() => {
            for (let i = 0; i < 10000; i++) {
                kernel.settled.push({...window.__many[i % window.__many.length], id: 'n' + i});
            }
        }"""
    )
    session = session_of(page)
    before = processor(session)
    page.evaluate(FIRST)
    first = processor(session) - before
    print(f"first frame with 10,000 messages: {first:.0f} ms")
    assert first < 500


def test_scrolling_costs_at_most_8_ms_a_frame_and_nothing_jumps(dev: DevPage) -> None:
    page = settled(dev.open("many"))
    page.evaluate(WATCH_SHIFTS)
    session = session_of(page)
    work = []
    for _ in range(10):
        before = processor(session)
        page.evaluate(SCROLL, 30)
        work.append((processor(session) - before) / 30)
    print(f"scrolling: {statistics.median(work):.1f} ms a frame, at most {max(work):.1f} ms")
    assert statistics.median(work) <= 8
    page.evaluate("() => document.querySelector('[aria-label=\"Expand all\"]').click()")
    page.evaluate(SCROLL, 1)
    assert len(page.evaluate("() => __taken()")) <= 1, "something else than what was opened moved"
    page.evaluate(SCROLL, 100)
    assert page.evaluate("() => __taken()") == []
    page.add_style_tag(
        content=".nbs-light { height: auto !important } .nbs-scroller { overflow-anchor: none !important }"
    )
    page.evaluate("() => document.querySelector('[aria-label=\"Collapse all\"]').click()")
    page.evaluate(SCROLL, 100)
    assert len(page.evaluate("() => __taken()")) > 3, "what jumps is not seen, so this test proves nothing"


def test_opening_all_takes_less_than_two_seconds_and_shows_all(dev: DevPage) -> None:
    page = settled(dev.open("many"))
    session = session_of(page)
    before = processor(session)
    page.evaluate(
        """async () => {
            document.querySelector('[aria-label="Expand all"]').click();
            await new Promise(done => requestAnimationFrame(() => setTimeout(done)));
        }"""
    )
    took = processor(session) - before
    print(f"opening 10,000 messages: {took:.0f} ms")
    assert took < 2000
    page.evaluate("() => { document.querySelector('.nbs-scroller').scrollTop = 0; }")
    expect(page.locator(".nbs-cell[open] .nbs-md").nth(5)).to_be_visible()


def test_memory_stays_below_150_megabytes(browser: Browser, dev: DevPage) -> None:
    page = settled(dev.open("many"))
    session = page.context.new_cdp_session(page)
    page.evaluate(SCROLL, 200)
    session.send("HeapProfiler.collectGarbage")
    closed = private_megabytes(browser)
    page.evaluate("() => document.querySelector('[aria-label=\"Expand all\"]').click()")
    page.evaluate(SCROLL, 200)
    session.send("HeapProfiler.collectGarbage")
    opened = private_megabytes(browser)
    print(f"memory of the page's process: {closed:.0f} MB closed, {opened:.0f} MB with all open")
    assert max(closed, opened) < 150


def test_a_token_and_a_message_cost_the_same_at_10_and_at_10000(dev: DevPage) -> None:
    pages = {length: settled(dev.open("many", more=f"&n={length}")) for length in (60, 10_000)}
    sessions = {length: session_of(page) for length, page in pages.items()}
    costs: dict[tuple[str, int], list[float]] = {}
    for round_ in range(5):  # by turns, so that a busy machine is busy for both
        for length, page in list(pages.items())[:: -1 if round_ % 2 else 1]:
            page.bring_to_front()
            page.evaluate(FRAME)
            for kind in ("token", "message"):
                before = processor(sessions[length])
                page.evaluate(GROW, [kind, round_])
                costs.setdefault((kind, length), []).append((processor(sessions[length]) - before) / 40)
    for kind in ("token", "message"):
        few, many = (min(costs[kind, length]) for length in pages)  # disturbances only add processor time
        print(f"{kind}: {few:.2f} ms in a short history, {many:.2f} ms in a long one, {many / few:.2f} times")
        assert many / few < 1.5


def test_the_pages_own_search_finds_every_message(dev: DevPage) -> None:
    page = settled(dev.open("many"))
    for number in (9998, 9700, 5000, 42):
        found = page.evaluate("words => window.find(words, true, false, true)", f"Message number {number}.")
        assert found, number


def test_a_link_to_text_leads_to_the_message_and_the_end_does_not_pull_back(dev: DevPage) -> None:
    page = settled(dev.open("many"))
    for number in (9700, 4321, 7):
        words = f"Message number {number}."
        page.evaluate(
            """words => {
                document.querySelector('#there')?.remove();
                const link = document.createElement('a');
                link.id = 'there';
                link.textContent = 'there';
                link.href = '#:~:text=' + encodeURIComponent(words);
                document.body.prepend(link);
            }""",
            words,
        )
        page.click("#there")
        page.wait_for_function(SEEN, arg=words)


def test_an_address_leads_to_its_message_when_the_page_opens_and_later(dev: DevPage) -> None:
    page = dev.open("many", fragment="#nbs-r1-m1234-1795002468000")
    page.wait_for_function(SEEN, arg="Message number 1234.")
    assert any(text.startswith("Message number 1234.") for text in page.evaluate(OPENED))
    settled(page)
    page.evaluate("() => { location.hash = '#nbs-r1-m5678-1795011356000'; }")
    page.wait_for_function(SEEN, arg="Message number 5678.")
    page.wait_for_function(
        "() => [...document.querySelectorAll('.nbs-cell[open]')].some(cell => cell.textContent.includes('number 5678.'))"
    )


def test_whoever_scrolls_while_an_address_is_being_shown_is_not_pulled_back(dev: DevPage) -> None:
    page = settled(dev.open("many"))
    there = page.evaluate(
        """async () => {
            const box = document.querySelector('.nbs-scroller');
            const frames = async count => {
                while (count--) await new Promise(done => requestAnimationFrame(done));
            };
            location.hash = '#nbs-r1-m1234-1795002468000';
            while (!box.querySelector('.nbs-cell[open] [id^="nbs-r1-m1234-"]')) await frames(1);
            await frames(2);
            box.scrollTop = 200000;
            await frames(20);
            return box.scrollTop;
        }"""
    )
    assert abs(there - 200000) < 20  # what is above gets its true height, and the browser keeps the text in its place


def test_on_paper_everything_is_open_and_afterwards_as_before(dev: DevPage) -> None:
    page = settled(dev.open("many", more="&n=300"))
    before = page.locator(".nbs-cell[open]").count()
    page.emulate_media(media="print")
    expect(page.locator(".nbs-cell[open]")).to_have_count(300)
    assert page.evaluate("() => document.querySelector('.nbs-panel').innerText").count("Message number") >= 299
    box = "() => { const box = document.querySelector('.nbs-scroller'); return box.scrollHeight - box.clientHeight; }"
    assert page.evaluate(box) <= 1, "a part of the transcript is cut off"
    expect(page.locator(".nbs-task")).to_be_hidden()
    page.emulate_media(media="screen")
    expect(page.locator(".nbs-cell[open]")).to_have_count(before)
    page.emulate_media(media="null")
    pages = max(int(number) for number in re.findall(rb"/Count (\d+)", page.pdf()))
    print(f"300 messages of ten lines: {pages} pages")
    assert pages > 40, "closed, all of them fit on 10 pages"
    expect(page.locator(".nbs-cell[open]")).to_have_count(before)
