"""The panel for those who use a keyboard, a screen reader, or other eyes than most."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from tests.support.browser.axe import faults
from tests.support.browser.dev_page import FRAME, DevPage

# Of each host what the panel goes by: attributes of the page, colours of the default themes. Beside them stand the
# variables that ipywidgets brings, which are light in every theme.
HOSTS: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "JupyterLab Dark High Contrast": (
        {"data-jp-theme-light": "false", "data-jp-theme-name": "JupyterLab Dark High Contrast"},
        {"jp-layout-color1": "#111111", "jp-content-font-color1": "#ffffff", "jp-brand-color1": "#319bf2"},
    ),
    "VS Code Dark Modern": (
        {"data-vscode-theme-kind": "vscode-dark"},
        {"vscode-editor-background": "#1f1f1f", "vscode-editor-foreground": "#cccccc",
         "vscode-textLink-foreground": "#4daafc", "vscode-focusBorder": "#0078d4"},
    ),
    "VS Code Light Modern": (
        {"data-vscode-theme-kind": "vscode-light"},
        {"vscode-editor-background": "#ffffff", "vscode-editor-foreground": "#3b3b3b",
         "vscode-textLink-foreground": "#005fb8", "vscode-focusBorder": "#005fb8"},
    ),
    "VS Code Dark High Contrast": (
        {"data-vscode-theme-kind": "vscode-high-contrast"},
        {"vscode-editor-background": "#000000", "vscode-editor-foreground": "#ffffff",
         "vscode-textLink-foreground": "#21a6ff", "vscode-contrastBorder": "#6fc3df"},
    ),
    "VS Code Light High Contrast": (
        {"data-vscode-theme-kind": "vscode-high-contrast-light"},
        {"vscode-editor-background": "#ffffff", "vscode-editor-foreground": "#292929",
         "vscode-textLink-foreground": "#0f4a85", "vscode-contrastBorder": "#0f4a85"},
    ),
    "Colab, dark": (
        {"theme": "dark"},
        {"colab-primary-surface-color": "#383838", "colab-primary-text-color": "#d5d5d5"},
    ),
    "Colab, light": (
        {"theme": "light"},
        {"colab-primary-surface-color": "#ffffff", "colab-primary-text-color": "#212121"},
    ),
    "a dark page of no known host": ({"class": "dark"}, {}),
}  # fmt: skip
DRESS = """([attributes, colours]) => {
    const {body, documentElement: html} = document;
    for (const name of ['data-jp-theme-light', 'data-jp-theme-name', 'data-vscode-theme-kind', 'class']) {
        body.removeAttribute(name);
    }
    html.removeAttribute('theme');
    for (const [name, value] of Object.entries(attributes)) (name === 'theme' ? html : body).setAttribute(name, value);
    for (const style of [body.style, html.style]) style.cssText = '';
    for (const [name, value] of Object.entries(colours)) body.style.setProperty(`--${name}`, value);
}"""
COLOURS = """() => {
    const shown = selector => getComputedStyle(document.querySelector(selector));
    const hex = colour => '#' + colour.match(/\\d+/g).slice(0, 3)
        .map(part => Number(part).toString(16).padStart(2, '0')).join('');
    return [hex(shown('.nbs-panel').backgroundColor), hex(shown('.nbs-panel').color)];
}"""

OPEN_ALL = "() => document.querySelector('[aria-label=\"Expand all\"]').click()"
UNFOLD = "() => document.querySelectorAll('.nbs-root details').forEach(details => { details.open = true; })"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(
    "scene", ["idle", "nested", "two", "thinking", "gate", "finished", "error", "input", "approval", "kinds"]
)
def test_axe_finds_nothing(dev: DevPage, scene: str, theme: str) -> None:
    page = dev.open(scene, theme=theme)
    assert faults(page) == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("scene", ["finished", "error", "kinds", "essay_done"])
def test_axe_finds_nothing_where_all_is_open(dev: DevPage, scene: str, theme: str) -> None:
    page = dev.open(scene, theme=theme, height=6000)
    # Of what is scrolled out of sight axe cannot tell the contrast.
    page.add_style_tag(content=".nbs-root .nbs-scroller { max-height: none }")
    page.evaluate(OPEN_ALL)
    page.evaluate(UNFOLD)
    page.evaluate(FRAME)
    assert faults(page) == []
    page.add_style_tag(content=".nbs-root .nbs-meta { color: color-mix(in srgb, var(--nbs-ink) 30%, var(--nbs-bg)) }")
    assert len(faults(page)) >= page.locator(".nbs-meta:not(:empty)").count(), "axe does not see what cannot be read"


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1200])
def test_axe_finds_nothing_in_the_tools(dev: DevPage, width: int, theme: str) -> None:
    page = dev.open("finished", theme=theme, width=width)
    for name in ("Search", "Filter by agent and kind", "Timeline of a run", "Times and token figures"):
        page.get_by_role("button", name=name, exact=True).click()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("searchbox").fill("tide")
    page.get_by_role("searchbox").press("Enter")
    expect(page.locator(".nbs-search .nbs-count")).to_have_text("1 of 3")
    page.get_by_role("button", name="critic", exact=True).click()
    assert faults(page) == []


def test_the_panel_has_the_colours_of_the_notebook_around_it_and_can_be_read_in_them(dev: DevPage) -> None:
    page = dev.open("approval")
    page.get_by_role("button", name="Timeline of a run", exact=True).click()
    lines = set()
    for host, (attributes, colours) in HOSTS.items():
        page.evaluate(DRESS, [attributes, colours])
        page.evaluate(FRAME)
        wanted = list(colours.values())[:2] or ["#1e1e1e", "#e6e6e6"]
        assert page.evaluate(COLOURS) == wanted, host
        assert faults(page) == [], host
        lines.add(page.evaluate("() => getComputedStyle(document.querySelector('.nbs-state')).backgroundColor"))
    assert len(lines) > 4, "what is not ground or ink does not follow the theme"


def test_axe_finds_nothing_while_text_streams(dev: DevPage) -> None:
    page = dev.open("two", more="&stream")
    page.wait_for_function("() => document.querySelector('.nbs-live .nbs-text').textContent.length > 300")
    assert faults(page) == []


def test_every_control_is_reached_by_the_tab_key_and_has_a_name(dev: DevPage) -> None:
    page = dev.open("approval")
    seen: list[str] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        name = page.evaluate(
            """() => {
                const el = document.activeElement;
                return el === document.body ? '' : el.getAttribute('aria-label') || el.innerText.trim()
                    || el.labels?.[0]?.innerText || '(no name)';
            }"""
        )
        if name == "":
            break
        seen.append(name.split("\n")[0])
    assert "(no name)" not in seen
    for name in ("Search", "All", "poet", "critic", "Task", "Stop", "Cancel", "Transcript", "Approve", "Reject"):
        assert name in seen, seen


def test_arrows_walk_through_the_messages_and_enter_opens_them(dev: DevPage) -> None:
    page = dev.open("finished")
    lines = page.locator(".nbs-line")
    last = lines.count() - 1
    assert page.locator(".nbs-line[tabindex='0']").count() == 1
    lines.nth(last).focus()
    page.keyboard.press("ArrowUp")
    expect(lines.nth(last - 1)).to_be_focused()
    page.keyboard.press("Home")
    expect(lines.nth(0)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(".nbs-cell").nth(0)).to_have_attribute("open", "")
    page.keyboard.press("ArrowLeft")
    expect(page.locator(".nbs-cell").nth(0)).not_to_have_attribute("open", "")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".nbs-cell").nth(0)).to_have_attribute("open", "")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Space")
    expect(page.locator(".nbs-cell").nth(1)).to_have_attribute("open", "")
    page.keyboard.press("End")
    expect(lines.nth(last)).to_be_focused()
    assert page.locator(".nbs-line[tabindex='0']").count() == 1


def test_the_tab_stop_of_the_transcript_answers_the_arrows_and_keys_act_on_the_team(dev: DevPage) -> None:
    page = dev.open("approval")
    transcript = page.locator(".nbs-scroller")
    for key in ("ArrowDown", "ArrowUp"):
        transcript.focus()
        page.keyboard.press(key)
        expect(page.locator(".nbs-line:focus")).to_be_in_viewport()
    transcript.focus()
    page.keyboard.press("1")
    expect(page.get_by_role("checkbox", name="poet")).not_to_be_checked()
    page.locator("[data-kind=approval] .nbs-line").first.focus()
    for key in ("Shift+R", "Shift+S", "Shift+X"):
        page.keyboard.press(key)
    sent = page.evaluate("() => kernel.commands.map(({type, text}) => text ?? type)")
    assert [what for what in sent if what != "module"] == ["toggle", "reject", "stop", "cancel"]
    page.keyboard.press("n")
    expect(page.get_by_role("textbox", name="Task")).to_be_focused()


def test_letters_press_the_tools_but_not_while_somebody_types(dev: DevPage) -> None:
    page = dev.open("finished")
    search = page.get_by_role("searchbox")
    page.get_by_role("textbox", name="Task").press_sequentially("fetch /it?")
    assert page.get_by_role("textbox", name="Task").input_value() == "fetch /it?"
    expect(search).to_be_hidden()
    page.locator(".nbs-scroller").focus()
    page.keyboard.press("/")
    expect(search).to_be_focused()
    page.keyboard.press("Escape")
    expect(search).to_be_hidden()
    expect(page.get_by_role("button", name="Search", exact=True)).to_be_focused()
    page.keyboard.press("e")
    expect(page.locator(".nbs-cell[open]")).to_have_count(page.locator(".nbs-cell").count())
    page.keyboard.press("Control+c")
    expect(page.locator(".nbs-cell[open]")).to_have_count(page.locator(".nbs-cell").count())
    page.keyboard.press("c")
    expect(page.locator(".nbs-cell[open]")).to_have_count(0)


def test_the_bars_of_the_timeline_are_named_and_lead_to_their_messages_by_keyboard(dev: DevPage) -> None:
    page = dev.open("finished")
    page.locator(".nbs-scroller").focus()
    page.keyboard.press("t")
    page.get_by_role("button", name="Earlier run").press("Enter")
    expect(page.get_by_role("button", name="Later run")).to_be_focused()
    page.keyboard.press("Tab")
    bars = page.locator(".nbs-timeline-rows").get_by_role("button")
    expect(bars).to_have_count(page.locator(".nbs-timeline-rows rect").count())
    expect(bars.first).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    bar = page.get_by_role("button", name=re.compile(r"^poet, writing, 3\.4 s: The"))
    expect(bar).to_be_focused()
    page.keyboard.press("Enter")
    line = page.locator(".nbs-line:focus")
    expect(line).to_contain_text("poet")
    page.keyboard.press("Escape")
    expect(page.locator(".nbs-timeline")).to_be_hidden()
    expect(line).to_be_focused()


def test_the_focus_is_never_taken_by_what_comes(dev: DevPage) -> None:
    page = dev.open("two")
    task = page.get_by_role("textbox", name="Task")
    task.focus()
    page.evaluate(
        """() => {
            for (let i = 0; i < 30; i++) kernel.write('p2', 'word ');
            kernel.settle('p2');
            kernel.put('i9', 'editor', 'human input', 'Shall it stay?', {status: 'waiting', data: {request_id: 'q'}});
            kernel.put('e9', '', 'error', 'It broke.', {status: 'failed'});
            kernel.settle('k2');
        }"""
    )
    page.evaluate(FRAME)
    expect(task).to_be_focused()
    # Nor from inside of what is written, settles and is read once more.
    page.evaluate("() => { kernel.begin('p3', 'poet'); kernel.write('p3', '```sh\\nls\\n```\\n\\nSee [it] and '); }")
    wrap = page.locator(".nbs-live .nbs-code-head button").first.element_handle()
    wrap.focus()
    page.evaluate("() => { kernel.write('p3', 'more.\\n\\n[it]: https://a.example'); kernel.settle('p3'); }")
    expect(page.locator(".nbs-cell .nbs-link")).to_have_text("it (a.example)")
    page.evaluate("() => new Promise(done => requestIdleCallback(done))")
    assert wrap.evaluate("el => el === document.activeElement")


def test_a_finished_message_is_announced_once_and_tokens_are_not(dev: DevPage) -> None:
    page = dev.open("two")
    page.evaluate(
        """() => {
            window.__said = [];
            new MutationObserver(() => window.__said.push(document.querySelector('[role=status]').textContent))
                .observe(document.querySelector('[role=status]'), {childList: true, characterData: true, subtree: true});
            for (let i = 0; i < 50; i++) kernel.write('p2', 'word ');
            kernel.settle('p2', {text: 'A short end.'});
        }"""
    )
    page.wait_for_function("() => window.__said.length > 0")
    assert page.evaluate("() => window.__said") == ["poet finished: A short end."]
    assert page.locator("[role=log]").get_attribute("aria-live") == "off"


def test_only_the_caret_moves_and_nothing_for_those_who_asked_for_that(dev: DevPage) -> None:
    page = dev.open("two")  # runs already: the panel has just shut the Run button
    moving = """() => document.getAnimations().filter(({playState}) => playState === 'running')
        .map(animation => animation.animationName ?? animation.transitionProperty)"""
    assert set(page.evaluate(moving)) == {"nbs-caret"}
    page.emulate_media(reduced_motion="reduce")
    page.evaluate(FRAME)
    assert page.evaluate(moving) == []


def test_in_forced_colours_everything_can_be_read(dev: DevPage) -> None:
    page = dev.open("kinds")
    page.emulate_media(forced_colors="active")
    page.evaluate(FRAME)
    assert faults(page) == []


def test_targets_are_large_enough_for_a_finger(dev: DevPage) -> None:
    page = dev.open("approval", width=320)
    for name in ("Search", "Full screen", "Approve", "Reject", "Copy link"):
        box = page.get_by_role("button", name=name, exact=True).first.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) >= 24, (name, box)


def test_full_screen_and_back(dev: DevPage) -> None:
    page = dev.open("finished")
    tool = page.get_by_role("button", name="Full screen", exact=True)
    page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject(new Error('not here')); }")
    tool.click()
    expect(tool).to_have_attribute("aria-pressed", "true")
    box = page.locator(".nbs-panel").bounding_box()
    assert box == {"x": 0, "y": 0, "width": 900, "height": 800}
    page.keyboard.press("Escape")
    expect(tool).to_have_attribute("aria-pressed", "false")
    expect(tool).to_be_focused()


def test_a_panel_over_the_whole_page_stays_on_the_page_when_the_notebook_moves_it(dev: DevPage) -> None:
    page = dev.open("finished")
    page.evaluate("() => { Element.prototype.requestFullscreen = () => Promise.reject(new Error('not here')); }")
    tool = page.get_by_role("button", name="Full screen", exact=True)
    tool.click()
    page.evaluate("() => { const panel = document.querySelector('#panel'); panel.parentNode.append(panel); }")
    expect(tool).to_have_attribute("aria-pressed", "false")
    expect(page.locator(".nbs-panel")).to_be_visible()


def test_the_keys_still_work_when_what_had_the_focus_goes(dev: DevPage) -> None:
    page = dev.open("finished")
    page.locator(".nbs-scroller").focus()
    page.keyboard.press("e")
    page.get_by_role("button", name="Copy link").first.focus()
    page.keyboard.press("c")
    expect(page.locator(".nbs-line").first).to_be_focused()
    page.evaluate("() => kernel.send({op: 'notice', text: 'Nothing to stop.'})")
    page.get_by_role("button", name="Dismiss").press("Enter")
    expect(page.locator(".nbs-scroller")).to_be_focused()
    page.keyboard.press("t")
    expect(page.locator(".nbs-timeline")).to_be_visible()


@pytest.mark.parametrize("width", [320, 700])
def test_notes_that_come_and_go_move_nothing(dev: DevPage, width: int) -> None:
    page = dev.open("two", width=width)
    top = "() => document.querySelector('.nbs-log').getBoundingClientRect().top"
    before = page.evaluate(top)
    page.evaluate(
        """() => {
            for (const row of kernel.agents) row.note = row.note ? '' : 'Held back; the finished message comes whole.';
            kernel.sendAgents();
            kernel.setState('waiting for input', 'a sentence that is much longer than the one before it, and goes on');
        }"""
    )
    page.evaluate(FRAME)
    assert page.evaluate(top) == before
