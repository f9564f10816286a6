"""Text of models in a real browser: formulas, selections, scroll positions, and what a strict page says to it."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.support.browser.axe import faults
from tests.support.browser.dev_page import FRAME, FRONTEND, DevPage
from tests.support.browser.jupyter import Open
from tests.support.browser.panel_page import PanelPage

POLICY = (
    "default-src 'none'; script-src 'self' blob:; style-src 'self'; connect-src 'self'; img-src blob:; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
IDLE = "() => new Promise(done => requestIdleCallback(() => requestIdleCallback(() => setTimeout(done, 0))))"


@pytest.fixture(scope="module")
def essay() -> str:
    """The text of the dev page's essay."""
    node = shutil.which("node")
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    source = (FRONTEND / "dev" / "essay.ts").read_text("utf-8").split("export const ESSAY =", 1)[1]
    program = f"process.stdout.write({source.strip().removesuffix(';')})"
    return subprocess.run([node, "-e", program], capture_output=True, text=True, check=True).stdout


def write(page: Page, text: str, step: int = 40) -> None:
    """Let the essay's live cell grow by `text`, a piece for each frame."""
    page.evaluate(
        """async ([text, step]) => {
            for (let at = 0; at < text.length; at += step) {
                kernel.write('essay', text.slice(at, at + step));
                await new Promise(requestAnimationFrame);
            }
        }""",
        [text, step],
    )
    page.evaluate(FRAME)


def test_formulas_come_with_a_part_of_the_front_end_that_the_kernel_sends(dev: DevPage) -> None:
    page = dev.open("essay_done")
    expect(page.locator(".nbs-md math").first).to_be_visible()
    assert page.locator(".nbs-md math").count() == 7
    assert page.locator(".nbs-tex").count() == 0
    assert page.evaluate("kernel.commands.filter(command => command.name === 'math').length") == 1
    box = page.locator(".nbs-math-display mfrac").first.bounding_box()
    assert box is not None
    assert box["height"] > 20


FORMULA = r"""
from autogen_agentchat.agents import AssistantAgent
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
text = "It is **so** that $x^2 = \\frac{a}{b}$, and\\n\\n```python\\nx = 1\\n```\\n"
panel = TeamPanel(AssistantAgent("ann", ScriptedClient([Say(text)], pace=0.002), model_client_stream=True))
panel
"""


def test_the_kernel_sends_the_renderer_of_formulas_over_the_widgets_own_line(notebook: Open) -> None:
    book = notebook([FORMULA])
    asked: list[str] = []
    book.page.on("request", lambda request: asked.append(request.url))
    book.run(0)
    panel = PanelPage(book.page).shown()
    panel.ask("Prove it")
    panel.ended()
    expect(panel.root.locator(".nbs-md math mfrac")).to_be_visible()
    assert panel.root.locator(".nbs-tex").count() == 0
    assert [
        url for url in asked if not url.startswith((f"http://127.0.0.1:{book.server.port}", "blob:", "data:"))
    ] == []


def test_a_selection_in_what_is_finished_survives_the_rest_and_the_end(dev: DevPage, essay: str) -> None:
    page = dev.open("essay")
    cut = essay.index("## A table")
    write(page, essay[:cut])
    chosen = page.evaluate(
        """() => {
            const text = document.querySelector('.nbs-live .nbs-md p').firstChild;
            getSelection().setBaseAndExtent(text, 4, text, 18);
            return String(getSelection());
        }"""
    )
    write(page, essay[cut:])
    assert page.evaluate("String(getSelection())") == chosen
    page.evaluate("kernel.settle('essay')")
    page.evaluate(FRAME)
    page.evaluate(IDLE)
    expect(page.locator(".nbs-history .nbs-md")).to_be_visible()
    assert page.evaluate("String(getSelection())") == chosen == "Moon pulls on "


def test_a_block_of_code_keeps_how_far_it_was_scrolled(dev: DevPage, essay: str) -> None:
    page = dev.open("essay", width=500)
    cut = essay.index("```diff")
    write(page, essay[:cut])
    page.locator(".nbs-pre").first.evaluate("pre => { pre.scrollLeft = 120; }")
    write(page, essay[cut:])
    assert page.locator(".nbs-pre").first.evaluate("pre => pre.scrollLeft") == 120
    page.evaluate("kernel.settle('essay')")
    page.evaluate(FRAME)
    page.evaluate(IDLE)
    assert page.locator(".nbs-history .nbs-pre").first.evaluate("pre => pre.scrollLeft") == 120


def test_code_is_copied_as_it_was_written_and_wide_things_scroll_by_themselves(dev: DevPage, essay: str) -> None:
    page = dev.open("essay_done", width=320)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.wait_for_selector(".nbs-math-display math")  # until then its source stands there, which wraps
    is_wide = "el => el.scrollWidth > el.clientWidth"
    for wide in (".nbs-pre", ".nbs-table", ".nbs-math-display"):
        assert page.locator(wide).first.evaluate(is_wide), wide
    for around in (".nbs-scroller", ".nbs-panel", "body"):
        assert not page.locator(around).evaluate(is_wide), around

    block = page.locator(".nbs-code").first
    expect(block.locator(".nbs-code-language")).to_have_text("python")
    block.get_by_role("button", name="Copy").click()
    expect(block.get_by_role("button", name="Copied")).to_be_visible()
    code = essay.split("```python\n", 1)[1].split("\n```", 1)[0]
    assert page.evaluate("navigator.clipboard.readText()") == code
    block.get_by_role("button", name="Wrap").click()
    assert not block.locator(".nbs-pre").evaluate(is_wide)
    colour = "el => getComputedStyle(el).color"
    kinds = (".nbs-t-keyword", ".nbs-t-string", ".nbs-t-comment", ".nbs-pre code")
    assert len({block.locator(kind).first.evaluate(colour) for kind in kinds}) == len(kinds)


def test_no_construct_becomes_lower_while_it_is_written(dev: DevPage) -> None:
    page = dev.open("essay")
    page.evaluate("kernel.write('essay', '$y$\\n\\n')")
    page.wait_for_selector(".nbs-live .nbs-md math")  # the renderer of formulas comes with the first one
    text = "# A *title*\n\n> ```sh\n> ls\n> ```\n\n- a\n  - [x] b\n\n| a | b |\n|---|---|\n| c | `d` |\n\n$$\nx\n$$\n\n**[e](/f)**\n"
    shrunk = page.evaluate(
        """async text => {
            const el = document.querySelector('.nbs-live .nbs-md');
            const shrunk = [];
            let height = 0;
            for (let at = 0; at < text.length; at++) {
                kernel.write('essay', text[at]);
                await new Promise(requestAnimationFrame);
                const now = el.getBoundingClientRect().height;
                if (now < height) shrunk.push([text.slice(0, at + 1), height, now]);
                height = now;
            }
            return shrunk;
        }""",
        text,
    )
    assert shrunk == []


def test_code_that_is_laid_out_later_is_not_cut_off(dev: DevPage) -> None:
    page = dev.open("essay")
    page.evaluate("kernel.write('essay', '```\\n' + ('short\\n'.repeat(300)) + 'wide '.repeat(90) + '\\n```\\n')")
    page.evaluate(FRAME)
    pre = page.locator(".nbs-pre")
    pre.evaluate("pre => { pre.scrollLeft = 100000; }")
    page.evaluate(FRAME)
    last, edge = pre.evaluate(
        """pre => [pre.querySelector('.nbs-lines:last-child').getBoundingClientRect().right,
                  pre.getBoundingClientRect().right]"""
    )
    assert abs(last - edge) < 40


def test_what_is_read_is_a_small_multiple_of_what_comes_whatever_its_length(browser: Browser, origin: str) -> None:
    page = browser.new_page()
    page.goto(f"{origin}/bench.html")
    page.wait_for_function("window.bench")
    lengths = [100_000, 1_000_000, 5_000_000]
    factors = [page.evaluate("length => bench.factor('mixed', length, 64)", length) for length in lengths]
    page.close()
    print(
        "\nCharacters read for each that came:",
        *(f"{f:.2f} at {n // 1000} kB" for n, f in zip(lengths, factors, strict=True)),
    )
    assert max(factors) <= 12
    assert max(factors) <= 1.1 * min(factors)


def test_a_strict_page_finds_nothing_to_refuse(browser: Browser, origin: str, essay: str) -> None:
    page = browser.new_page()
    foreign: list[str] = []

    def answer(route: Route) -> None:
        if not route.request.url.startswith((origin, "blob:")):
            foreign.append(route.request.url)
            route.abort()
        elif route.request.resource_type == "document":
            response = route.fetch()
            # The dev page's own styles are in its head; they are not what is tested.
            text = response.text().replace("<style>", "<template>").replace("</style>", "</template>")
            route.fulfill(response=response, body=text, headers={**response.headers, "content-security-policy": POLICY})
        else:
            route.continue_()

    page.route("**/*", answer)
    page.add_init_script(
        """window.refused = [];
        addEventListener('securitypolicyviolation', event => refused.push(event.violatedDirective));"""
    )
    page.goto(f"{origin}/?scene=essay")
    page.wait_for_selector(".nbs-live-cell")
    write(page, essay)
    page.evaluate("kernel.settle('essay')")
    expect(page.locator(".nbs-history math").first).to_be_visible()
    page.evaluate(IDLE)
    assert page.evaluate("refused") == []
    assert foreign == []

    # The guards are there: what must not be is refused.
    page.evaluate(
        """() => {
            try { document.body.innerHTML = '<p>'; } catch {}
            const image = new Image();
            image.src = 'https://evil.example/x.png';
            document.body.append(image);
            image.setAttribute('style', 'color: red');
        }"""
    )
    page.wait_for_function("refused.length >= 3")
    assert set(page.evaluate("refused")) == {"require-trusted-types-for", "img-src", "style-src-attr"}
    page.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("end", [0.37, 0.62, 1])
def test_axe_finds_nothing_in_what_models_write(dev: DevPage, essay: str, theme: str, end: float) -> None:
    page = dev.open("essay", theme=theme)
    write(page, essay[: int(len(essay) * end)], 400)
    assert faults(page) == []
    page.evaluate("kernel.settle('essay')")
    page.evaluate(FRAME)
    assert faults(page) == []
