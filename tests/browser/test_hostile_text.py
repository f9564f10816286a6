"""Hostile texts in every place that shows foreign text: nothing runs, nothing is asked for, nothing appears.

Three witnesses say so, and a positive control in the same browser trips each of them: the requests that the pages make,
the browser's own log of the network, and the reports of a policy that forbids everything. The policy only reports and
stops nothing, so that it does not hide what the others would see. That the texts are in all those places is looked at
too: a sign that is shown like them is found in each.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Playwright, Route, expect

from nb_stream.export.html import page as whole_page
from nb_stream.export.outputs import as_html
from tests.support.browser.dev_page import FRAME, DevPage
from tests.support.browser.jupyter import CHROMIUM, FLAGS
from tests.support.hostile_texts import OWN, cells_of, corpus, run_of
from tests.support.static_html import MATH_ATTRIBUTES, MATH_TAGS, PAGE_ATTRIBUTES, PAGE_TAGS

POLICY = (
    "default-src 'none'; script-src 'self' blob:; style-src 'self'; connect-src 'self'; img-src blob: {icon}; "
    "form-action 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
STATIC_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data: {icon}; form-action 'none'; base-uri 'none'"
)
# What exported pages consist of, and the link to an icon.
STATIC_TAGS = PAGE_TAGS | MATH_TAGS | {"link", "small", "b", "i", "font"}
STATIC_ATTRIBUTES = PAGE_ATTRIBUTES | MATH_ATTRIBUTES | {"style", "color"}
OFFLINE = [
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-frame-rate-limit",
    "--disable-gpu-vsync",
    "--disable-features=OptimizationHints,AutofillServerCommunication,MediaRouter",
]
BROWSERS_OWN = re.compile(r"(?:^|\.)(?:google|googleapis|gstatic|gvt1)\.com$")

CONTROL = "control.example"
STATIC_CONTROL = "static-control.example"
SIGN = "sign"
BATCH = 20
OUR_FILES = ("/hostile.js", "/panel.css", "/extras.css", "/extras.dev.js", "/math.js", "/icon.png")

LISTEN = """
window.refused = [];
window.addEventListener('securitypolicyviolation', event => refused.push(event.effectiveDirective + ' ' + event.blockedURI.slice(0, 99)));
"""
STATIC = """() => {
    const all = [...document.querySelectorAll('*')];
    const images = [...document.images].map(image => image.getAttribute('src').slice(0, 11));
    const toldOf = ({protocol, pathname, host}) => (protocol === 'mailto:' ? decodeURIComponent(pathname) : host);
    const says = (link) => {
        const [text, host] = [link.textContent.trim(), toldOf(link)];
        return text.endsWith(` (${host})`) || text.toLowerCase().replace(/^https?:\\/\\//, '').split(/[/?#]/)[0] === host.toLowerCase();
    };
    const leading = [...document.querySelectorAll('a:not([href^="#m"])')].filter(el => el.namespaceURI.endsWith('xhtml'));
    const bad = leading.filter(a => !/^(https?|mailto):$/.test(a.protocol) || !says(a));
    const links = {count: leading.length, bad: bad.map(a => a.outerHTML)};
    return {tags: all.map(el => el.localName), names: all.flatMap(el => el.getAttributeNames()), images, links};
}"""
STATIC_MISDEEDS = f"""<img src="https://{STATIC_CONTROL}/p.png" onerror="1"><script>document.title = 'ran'</script>"""
MISDEEDS = """host => {
    const place = document.createElement('div');
    document.body.append(place);
    try { place.innerHTML = `<img src=x onerror="alert('control')"><form><input></form>`; } catch {}
    const image = new Image();
    image.src = `https://${host}/p.png`;
    place.append(image);
    image.setAttribute('style', 'color: red');
    image.setAttribute('onclick', 'alert(1)');
    hostile.state.faults.push(...hostile.faults(place));
}"""


class Watched:
    """A page, and all that it does: what it asks for, what the policy reports, where it goes."""

    def __init__(self, browser: Browser, origin: str) -> None:
        self._origin = origin
        self._document: tuple[str, str | None] = ("", None)
        self.asked: list[str] = []
        self.went: list[str] = []
        self.page = browser.new_page()
        self.page.route("**/*", self._answer)
        self.page.add_init_script(LISTEN)
        self.page.context.on("page", lambda other: self.went.append(f"opened {other.url}"))
        self.page.on("framenavigated", lambda frame: self.went.append(frame.url))
        self.page.on("dialog", lambda dialog: self.went.append(f"said {dialog.message}"))
        self.page.on("pageerror", lambda error: self.went.append(f"failed: {error}"))

    def _answer(self, route: Route) -> None:
        url = route.request.url
        path = urlsplit(url).path
        own = url.startswith(self._origin)
        if own and route.request.resource_type == "document" and path.endswith(".html"):
            policy, body = self._document
            headers = {"content-type": "text/html; charset=utf-8", "content-security-policy-report-only": policy}
            route.fulfill(body=route.fetch().text() if body is None else body, headers=headers)
            return
        if not url.startswith("blob:") and not (own and path in OUR_FILES):
            self.asked.append(url)
        # What is foreign goes on too, so that the browser's log has it; there is no such host.
        route.continue_()

    def open(self, name: str, policy: str, body: str | None = None) -> None:
        """Go to a page of the origin, which holds `body` where it is given."""
        # The browser asks for an icon by itself.
        self._document = policy.format(icon=f"{self._origin}/icon.png"), body
        self.page.goto(f"{self._origin}/{name}")
        assert self.went == [f"{self._origin}/{name}"]
        self.went.clear()

    @property
    def refused(self) -> set[str]:
        """The directives of the policy that something was against."""
        return {line.split(" ")[0] for line in self.page.evaluate("refused")}


@contextlib.contextmanager
def chromium(playwright: Playwright, log: pathlib.Path) -> Iterator[Browser]:
    """A browser that knows no host but this one, and keeps a log of its network until it ends."""
    browser = playwright.chromium.launch(
        executable_path=CHROMIUM, args=[*FLAGS, *OFFLINE, f"--log-net-log={log}", "--net-log-capture-mode=Default"]
    )
    yield browser
    browser.close()


def hosts_in(log: pathlib.Path) -> set[str]:
    """The foreign hosts that were looked up, connected to or asked, by the browser's log of the network."""
    events = json.loads(log.read_text("utf-8", "replace"))["events"]
    found: set[str] = set()
    for event in events:
        params = event.get("params", {})
        for name in ("url", "host", "origin", "group_id"):
            host = re.match(r"(?:\w+/)?(?:\w+://)?([\w.-]+)", str(params.get(name, "")))
            found.update([host[1].lower()] if host else [])
    return {host for host in found if "." in host and not BROWSERS_OWN.search(host)} - {"127.0.0.1"}


def pieces_of(text: str, chance: random.Random) -> list[str]:
    """The text in up to about a dozen pieces of random lengths."""
    longest = max(12, len(text) // 5)
    pieces = []
    at = 0
    while at < len(text):
        length = chance.randint(1, longest)
        pieces.append(text[at : at + length])
        at += length
    return pieces


def show_all(watched: Watched, texts: Sequence[str], chance: random.Random) -> dict[str, Any]:
    """Show the texts in panels; returns what the page saw."""
    watched.open("hostile.html", POLICY)
    watched.page.wait_for_function("window.hostile")
    watched.page.evaluate("sign => hostile.show([{text: sign, pieces: [...sign]}])", SIGN)
    assert watched.page.evaluate("hostile.state.missing") == [], "places in which no text is tried"
    for at in range(0, len(texts), BATCH):
        batch = [{"text": text, "pieces": pieces_of(text, chance)} for text in texts[at : at + BATCH]]
        watched.page.evaluate("batch => hostile.show(batch)", batch)
    seen: dict[str, Any] = watched.page.evaluate("hostile.state")
    return seen


def test_no_text_runs_a_script_or_asks_for_anything_wherever_it_is_shown(
    playwright: Playwright, origin: str, tmp_path: pathlib.Path, request: pytest.FixtureRequest
) -> None:
    """Our own texts, and of the others a half that is drawn anew for each run; all of them with --all-versions."""
    seed = random.randrange(2**32)
    others = corpus()[len(OWN) :]
    if not request.config.getoption("--all-versions"):
        others = random.Random(seed).sample(others, len(others) // 2)
    texts = [text.encode("utf-8", "replace").decode() for text in (*OWN, *others)]
    log = tmp_path / "net.json"
    with chromium(playwright, log) as browser:
        watched = Watched(browser, origin)
        seen = show_all(watched, texts, random.Random(seed))
        print(f"\n{len(texts)} texts, seed {seed}: {seen['looks']} looks at what a panel shows of them.")
        assert seen["faults"] == []
        assert seen["ran"] == []
        assert watched.refused == set()

        cells = [cell for number, text in enumerate(texts) for cell in cells_of(text, 6 * number)]
        runs = [run_of(texts[0]), *(replace(run_of(text), id=f"run {number}") for number, text in enumerate(texts))]
        # Its own policy would hide what it stops.
        exported = "".join(whole_page(cells, runs)).replace(
            '<meta http-equiv="Content-Security-Policy" content="', '<link rel=icon href=icon.png><meta content="'
        )
        left = "<!DOCTYPE html><meta charset=utf-8><link rel=icon href=icon.png><body>" + as_html(cells, runs)
        for name, body in (("exported.html", exported), ("left.html", left)):
            watched.open(name, STATIC_POLICY, body)
            found = watched.page.evaluate(STATIC)
            assert set(found["tags"]) <= STATIC_TAGS
            assert set(found["names"]) <= STATIC_ATTRIBUTES
            assert found["tags"].count("link") == 1
            assert set(found["images"]) <= {"data:image/"}
            assert found["links"]["bad"] == []  # a link leads where the browser reads it, and says where that is
            assert name != "exported.html" or found["links"]["count"] > 50
            assert watched.refused == set()
        assert watched.asked == []
        assert watched.went == []

        watched.open("left.html", STATIC_POLICY, f"{left}{STATIC_MISDEEDS}")
        assert {"script-src-elem", "img-src", "script-src-attr"} <= watched.refused
        assert watched.page.title() == "ran"
        assert not set(watched.page.evaluate(STATIC)["tags"]) <= STATIC_TAGS
        assert f"https://{STATIC_CONTROL}/p.png" in watched.asked
        watched.asked.clear()

        # The witnesses are awake: each of them tells of the same misdeeds.
        watched.open("hostile.html", POLICY)
        watched.page.wait_for_function("window.hostile")
        watched.page.evaluate(MISDEEDS, CONTROL)
        watched.page.wait_for_function("hostile.state.ran.length > 0")
        expected = {"require-trusted-types-for", "img-src", "style-src-attr", "script-src-attr"}
        assert expected <= watched.refused
        assert watched.page.evaluate("hostile.state.ran") == ["alert(control)"]
        assert len(watched.page.evaluate("hostile.state.faults")) >= 6
        assert f"https://{CONTROL}/p.png" in watched.asked
        watched.page.close()
    assert hosts_in(log) == {CONTROL, STATIC_CONTROL}


DOT = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
SAYS = f"""[docs](https://docs.example/a?b#c) and [bank.example](https://evil.example)

![A cat](https://cats.example/1.png?you=me) ![dot]({DOT}) ![drawing](data:image/svg+xml;base64,PHN2Zy8+)"""


def test_an_image_is_loaded_by_a_click_that_names_its_host_and_a_link_opens_apart(dev: DevPage) -> None:
    page = dev.open("idle")
    asked: list[tuple[str, str | None]] = []

    def answer(route: Route) -> None:
        asked.append((route.request.url, route.request.headers.get("referer")))
        route.fulfill(body="", content_type="text/html")

    page.context.route(re.compile("^https:"), answer)
    page.evaluate("([text, dot]) => kernel.put('c', 'poet', 'text', text, {data: {images: [dot]}})", [SAYS, DOT])
    expect(page.locator(".nbs-cell img")).to_have_count(2)  # the pixels in the text, and those of an `Image`
    page.wait_for_function(
        "() => [...document.querySelectorAll('.nbs-cell img')].every(image => image.naturalWidth === 1)"
    )
    links = page.locator(".nbs-cell a")
    assert links.all_inner_texts() == ["docs (docs.example)", "bank.example (evil.example)"]
    links.first.hover()
    page.evaluate(FRAME)
    assert asked == []

    page.get_by_role("button", name="Load image «A cat» from cats.example").click()
    expect(page.locator(".nbs-cell img")).to_have_count(3)
    page.wait_for_function("() => [...document.querySelectorAll('.nbs-cell img')].every(image => image.complete)")
    assert asked == [("https://cats.example/1.png?you=me", None)]

    address = page.url
    with page.context.expect_page() as opened:
        links.first.click()
    opened.value.wait_for_load_state()
    assert opened.value.evaluate("() => [window.opener, document.referrer]") == [None, ""]
    assert asked[1:] == [("https://docs.example/a?b", None)]
    assert page.url == address
