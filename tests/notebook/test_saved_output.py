"""What stays in a saved notebook: whole in every kind of renderer, in the order of the run, within its size."""

from __future__ import annotations

import asyncio
import html.parser
import itertools
from dataclasses import replace
from html import unescape
from typing import Any, ClassVar
from unittest.mock import patch

import bleach
import IPython.display
import nbconvert
import nbformat
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

from nb_stream import TeamPanel, TeamStream, Transcript
from nb_stream.concurrency import comm_interceptor
from nb_stream.core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall, Usage
from nb_stream.core.text_safety import visible
from nb_stream.demo import TEAMS
from nb_stream.export import outputs
from nb_stream.export import parts as parts_of
from nb_stream.export.outputs import PRINTED, as_html, as_text
from nb_stream.export.parts import PART_LIMITS_CHARS, TranscriptParts
from nb_stream.notebook import saved_output
from nb_stream.notebook.saved_output import SavedOutput
from nb_stream.wire.protocol import SavedOutputOp
from tests.support.hostile_texts import OWN, cells_of, run_of
from tests.support.plain_reading import letters, read_html, read_markdown
from tests.support.recordings import record

# What GitHub lets through, more or less: no style, no class.
GITHUB = {
    *("details", "summary", "pre", "code", "p", "b", "i", "bdi", "small", "div", "img", "a", "br", "hr", "blockquote"),
    *("h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "li", "em", "strong", "del", "sup", "sub"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}

SENTENCE = "A model writes its paragraphs on one line, as this one is, however long they are. "
SHORT = ["Yes, and the year was 1817, as far as I know.", "No, and here is why: it steers into its own fall, always."]
BRIEF = ["The tide has turned.", "Good. And the boats?"]
PROSE = [SENTENCE * 8 + "\n\n" + SENTENCE * 3, "## A heading\n\n" + SENTENCE * 5]
CODE = [
    "```python\n"
    + "def lean(speed: float, radius: float) -> float:\n    return atan(speed**2 / radius)\n\n" * 6
    + "```"
]


class Stream:
    """Whose output it is."""

    transcript = Transcript()


class Page:
    """A notebook as the messages of a kernel fill it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cells: dict[str, list[nbformat.NotebookNode]] = {}
        self.parent: dict[str, Any] = {}
        self.updates: list[dict[str, str]] = []  # what was sent for outputs that stand there
        self._numbers = itertools.count(1)
        self._known: dict[str, nbformat.NotebookNode] = {}
        monkeypatch.setattr(saved_output, "_of", type(saved_output._of)())
        monkeypatch.setattr(comm_interceptor, "request", lambda: self.parent)
        monkeypatch.setattr(IPython.display, "publish_display_data", self._publish)

    def execute(self, cell: str) -> None:
        """Run a cell: its outputs go, and what is published comes into it."""
        self.cells[cell] = []
        self._now = cell
        self.parent = {"metadata": {"cellId": cell}, "header": {"msg_id": str(next(self._numbers))}}

    def show(self, stream: Stream, transcript: Transcript | None = None, leave: str = "transcript") -> SavedOutput:
        """Show a panel of a stream in the cell that runs."""
        stream.transcript = transcript or Transcript()
        output = SavedOutput.of(stream)
        output.show(stream, "TeamPanel(ann, ben)", leave)
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": "0" * 32, "version_major": 2}}
        bundle = {**view, **saved_output.instead("TeamPanel(ann, ben)", leave)}
        self.cells[self._now].append(nbformat.v4.new_output("execute_result", bundle, execution_count=1))
        return output

    def _publish(
        self, data: dict[str, str], metadata: dict[str, str], *, transient: dict[str, Any], update: bool
    ) -> None:
        output = nbformat.v4.new_output("display_data", dict(data), metadata=metadata)
        if update:
            self.updates.append(data)
            if transient["display_id"] in self._known:
                self._known[transient["display_id"]].update(output)
        else:
            self._known[transient["display_id"]] = output
            self.cells[self._now].append(output)

    def reload(self) -> None:
        """Forget display ids, as a page that is loaded again does."""
        self._known.clear()

    def receive(self, output: SavedOutput, op: SavedOutputOp | None) -> None:
        """What the front end does at each writing (`notebook.ts`)."""
        place, *revisions = output.revisions.split(".")
        stamps = {f"{output.mark} {place}.{part}.{revision}" for part, revision in enumerate(revisions)}
        ours = [found for found in self.outputs if found.metadata.get("nb_stream", "").startswith(output.mark)]
        if op is None and any(found.metadata["nb_stream"] not in stamps for found in ours):
            op = output.now(range(len(revisions)))
        for found in ours if op is not None else ():
            stood, part, _ = found.metadata["nb_stream"].partition(" ")[2].split(".")
            if stood == str(op["place"]) and part in op["parts"]:
                found.update(data=op["parts"][part]["data"], metadata={"nb_stream": op["parts"][part]["stamp"]})
            elif stood != str(op["place"]):
                found.update(data=op["elsewhere"][int(part)], metadata={})

    def size(self) -> int:
        """The bytes by which the outputs make the saved notebook longer."""
        made = [nbformat.v4.new_code_cell("panel", outputs=outputs) for outputs in self.cells.values()]
        bare = [nbformat.v4.new_code_cell("panel") for _ in self.cells]
        with_, without = (
            len(nbformat.writes(nbformat.v4.new_notebook(cells=cells)).encode()) for cells in (made, bare)
        )
        return with_ - without

    @property
    def outputs(self) -> list[nbformat.NotebookNode]:
        return [output for outputs in self.cells.values() for output in outputs]

    def as_text(self) -> str:
        """What a renderer shows that knows `text/plain` alone."""
        return "\n".join(output.data.get("text/plain", "") for output in self.outputs)

    def as_sanitised_html(self) -> str:
        """What a renderer shows that takes HTML without styles, and text where there is none, without white
        space: elements stand for it."""
        shown = []
        for output in self.outputs:
            if "text/html" in output.data:
                html_ = output.data["text/html"].replace(PRINTED, "")
                shown.append(read_html(bleach.clean(html_, tags=GITHUB, attributes={}, strip=True)))
            else:
                shown.append(output.data["text/plain"])
        return letters("".join(shown))


def seen(page_: str) -> str:
    """The letters of a page. How much colour it has depends on what it had before."""
    return letters(read_html(page_.replace(PRINTED, "")))


class Elements(html.parser.HTMLParser):
    """Collects each element and attribute that nobody but a hostile text could have put there."""

    ALLOWED: ClassVar = {
        "a": {"href", "rel", "target"},
        "div": {"class", "style", "dir"},
        "details": {"open", "style"},
        "img": {"alt", "src", "style"},
        "ol": {"start"},
        "span": {"class"},
        **{tag: {"align"} for tag in ("td", "th")},
        **{tag: {"style", "color", "dir"} for tag in ("p", "pre", "b", "font")},
    }

    def __init__(self) -> None:
        super().__init__()
        self.refused: list[Any] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        ours = GITHUB | {"font", "span"}
        self.refused += [tag] * (tag not in ours) + [one for one in attributes if not self._is_ours(tag, *one)]

    def _is_ours(self, tag: str, name: str, value: str | None) -> bool:
        starts = {"href": ("https://", "http://", "mailto:"), "src": ("data:image/",)}.get(name, ("",))
        is_ours = name in self.ALLOWED.get(tag, ()) and str(value).startswith(starts)
        return is_ours and not (name == "style" and ("url" in str(value) or "(" in str(value)))

    def handle_comment(self, data: str) -> None:
        self.refused.append(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(monkeypatch)


def said(texts: list[str], size: int, run: str = "r1") -> Transcript:
    """A run of two agents with some `size` bytes of text."""
    cells: list[Cell] = []
    while sum(len(cell.text) for cell in cells) < size:
        name = ("ann", "ben")[len(cells) % 2]
        text = texts[len(cells) % len(texts)]
        text = f"{len(cells)}:\n{text}" if "\n" in text else f"{len(cells)}: {text}"
        cells.append(Cell(f"c{len(cells) + 1}", run, name, name, CellKind.TEXT, text, started_at=1.0, ended_at=3.5))
    return Transcript(tuple(cells), runs=(RunInfo(run, "Go on", CellStatus.DONE, "Enough.", 0.0, 9.0),))


def size_of(transcript: Transcript) -> int:
    return sum(len(cell.text.encode()) for cell in transcript)


def in_order(texts: list[str], shown: str) -> bool:
    place = 0
    for text in texts:
        place = shown.find(text, place)
        if place < 0:
            return False
        place += len(text)
    return True


@pytest.mark.parametrize("panels", [1, 20])
@pytest.mark.parametrize("size", [200, 4_000, 40_000, 400_000])
@pytest.mark.parametrize("texts", [BRIEF, SHORT, PROSE, CODE], ids=["brief", "short", "prose", "code"])
def test_both_forms_are_whole_at_every_size_and_take_four_times_the_text_whatever_the_panels(
    page: Page, texts: list[str], size: int, panels: int
) -> None:
    streams = [Stream() for _ in range(panels)]
    for number, stream in enumerate(streams):
        page.execute(f"cell-{number}")
        output = page.show(stream)
        stream.transcript = said(texts, size // panels)
        output.ended()
    transcripts = [stream.transcript for stream in streams]
    grown, length = page.size(), sum(map(size_of, transcripts))
    print(f"{panels} panels, {length} bytes of text: {grown} bytes in the notebook, {grown / length:.2f}")
    assert grown <= 4 * length + 60_000
    text, html = page.as_text(), page.as_sanitised_html()
    for transcript in transcripts:
        assert in_order([cell.text for cell in transcript], text)
        assert in_order([read_markdown(cell.text) for cell in transcript], html)


@pytest.mark.parametrize("size", [4_000, 200_000])
def test_views_cost_a_line_each_and_the_last_one_has_the_transcript(page: Page, size: int) -> None:
    stream, transcript, views = Stream(), said(PROSE, size), 20
    for number in range(views):
        page.execute(f"cell-{number}")
        page.show(stream, transcript)
    assert page.size() <= 4 * size_of(transcript) + 60_000
    assert page.as_text().count(f"--- ann:\n{transcript.cells[0].text}") == 1
    assert transcript.cells[0].text in "".join(output.data["text/plain"] for output in page.cells[f"cell-{views - 1}"])
    for number in range(views - 1):
        assert "It stands where the panel was shown last." in page.cells[f"cell-{number}"][0].data["text/html"]


def test_panels_of_one_stream_leave_its_transcript_once(page: Page) -> None:
    stream = TeamStream(TEAMS["writers"](pace=0))
    one, other = TeamPanel(stream), TeamPanel(stream)
    for number, panel in enumerate((one, other)):
        page.execute(f"cell-{number}")
        panel.leave_static()
    assert page.as_text().count("It stands where the panel was shown last.") == 1
    one.close()
    other.close()


@pytest.mark.parametrize("text", OWN)
def test_hostile_text_stays_text(page: Page, text: str) -> None:
    page.execute("cell")
    page.show(Stream(), Transcript(tuple(cells_of(text)), runs=(run_of(text),)))
    data = page.outputs[0].data
    elements = Elements()
    elements.feed(data["text/html"].replace(PRINTED, ""))
    elements.close()
    assert elements.refused == []
    assert visible(text) in data["text/plain"]
    assert visible(data["text/plain"]) == data["text/plain"]
    assert "\n" not in data["text/html"], "it is one line"


def test_text_in_the_place_of_figures_stays_text() -> None:
    usage: Any = Usage(1, "<img src=x onerror=alert()>")  # type: ignore[arg-type]
    foreign = Transcript((Cell("c1", "r1", "ann", "ann", CellKind.TEXT, SENTENCE * 3, usage=usage),))
    made = as_html(foreign.cells, ())
    assert "&lt;img" in made
    assert "<img" not in made


def test_tools_code_and_what_came_of_them_are_whole_in_both(page: Page) -> None:
    calls = (
        ToolCall("1", "search", '{"q": "a <b> & c"}', "line one\nline two"),
        ToolCall("2", "pay", "{}", "no", True),
    )
    code = {"code_blocks": [{"code": "print('<&>')", "language": "python"}], "output": "<&>\n"}
    cells = (
        Cell("c1", "r1", "ann", "ann", CellKind.TOOL_CALL, "", tool_calls=calls),
        Cell("c2", "r1", "ben", "team/ben", CellKind.CODE, "I run it.", data=code),
        Cell("c3", "r1", "human", "human", CellKind.INPUT, "What now?", data={"answer": "Go\non."}),
        Cell("c4", "r1", "", "", CellKind.ERROR, "ValueError: x", CellStatus.FAILED, data={"traceback": "Trace\nback"}),
    )
    page.execute("cell")
    page.show(Stream(), Transcript(cells, runs=(RunInfo("r1", "Go"),)))
    parts = [
        '--- ann (tool call):', 'search({"q": "a <b> & c"})', "search gave: line one\nline two", "pay failed: no",
        "team/ben", "I run it.", "print('<&>')", "output: <&>", "What now?", "answer: Go\non.", "ValueError: x",
        "traceback: Trace\nback",
    ]  # fmt: skip
    assert in_order(parts, page.as_text())
    shown = [
        "ann", "(tool call)", "search", '{"q": "a <b> & c"}', "line one\nline two", "pay", "failed: no",
        "team/ben", "I run it.", "print('<&>')", "Output", "<&>", "What now?", "Answer", "Go\non.", "ValueError: x",
        "Traceback", "Trace\nback",
    ]  # fmt: skip
    assert in_order([letters(part) for part in shown], page.as_sanitised_html())


@pytest.mark.parametrize(("leave", "has", "lacks"), [("summary", "Run 1: Go on", "Yes."), ("nothing", "", "Run 1")])
def test_less_can_be_left(page: Page, leave: str, has: str, lacks: str) -> None:
    page.execute("cell")
    page.show(Stream(), said(SHORT, 400), leave)
    assert has in page.as_text()
    assert lacks not in page.as_text()
    assert len(page.outputs) == 1 + (0 if leave == "nothing" else len(PART_LIMITS_CHARS))


def test_jupyterlab_shows_all_of_twenty_panels_of_a_cell_and_each_is_whole(page: Page) -> None:
    page.execute("cell")
    streams = [Stream() for _ in range(20)]
    outputs = [page.show(stream) for stream in streams]
    assert len(page.outputs) <= 50, "JupyterLab hides those behind them"
    for place, stream in enumerate(streams):
        stream.transcript = said([f"I am number {place}, I am."], 900)
        outputs[place].ended()
        outputs[place].flush()
    shown = letters(page.as_text()), page.as_sanitised_html()
    for place, stream in enumerate(streams):
        count = len(stream.transcript)
        assert [text.count(f"Iamnumber{place},Iam.") for text in shown] == [count, count]
    page.execute("another cell")
    moved = page.show(streams[-1], streams[-1].transcript)
    assert moved.revisions.count(".") == len(PART_LIMITS_CHARS), "alone in its cell it has its parts"
    assert page.as_text().count("I am number 19, I am.") == len(streams[-1].transcript)
    assert page.as_text().count("It stands where the panel was shown last.") == 1


def test_what_can_be_left_is_told() -> None:
    with pytest.raises(ValueError, match="leave is one of 'transcript', 'summary', 'nothing', not 'all'"):
        TeamPanel(TEAMS["writers"](pace=0), leave="all")


CELLS = [
    "import ipywidgets\nfrom nb_stream import TeamPanel\nfrom nb_stream.demo import TEAMS\n"
    "panel = TeamPanel(TEAMS['tools'](pace=0))\nipywidgets.Tab([ipywidgets.VBox([panel])])",
    "await panel.run('Go on')\nNone",
    "boxed, bare = TeamPanel(TEAMS['silent'](pace=0)), TeamPanel(TEAMS['nested'](pace=0), leave='nothing')\n"
    "display(ipywidgets.HBox([boxed, bare]), ipywidgets.HBox([ipywidgets.Checkbox()]))",
    "await boxed.run('Go on')\nawait bare.run('Go on')\nawait boxed.reset()\nNone",
    "panel",
]


async def test_a_real_kernel_leaves_it_beside_panels_in_boxes_too() -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in CELLS])
    await NotebookClient(notebook, timeout=60, kernel_name="python3").async_execute()
    kinds = [[sorted(output.data) for output in cell.outputs] for cell in notebook.cells]
    view = "application/vnd.jupyter.widget-view+json"
    left, widget = [["text/html", "text/plain"]] * len(PART_LIMITS_CHARS), [view, "text/html", "text/plain"]
    box = [view, "text/plain"]
    assert kinds == [[*left, box], [], [*left, box, box], [], [*left, widget]]
    first, second, last = (
        "".join(output.data["text/plain"] for output in notebook.cells[index].outputs) for index in (0, 2, 4)
    )
    assert "It stands where the panel was shown last." in first
    assert "--- Done" not in first
    assert in_order(["--- Run 1: Go on", "--- narrator:", "--- archivist:", "--- Done"], second)
    assert "The team was reset: its agents remember nothing from above." in second, "said after the run"
    assert in_order(["--- Run 1: Go on", "convert_units gave:", "--- baker", "--- Done"], last)


@pytest.mark.parametrize("size", [2_000, 60_000])
@pytest.mark.parametrize("kind", ["html", "webpdf", "markdown", "latex"])
def test_nbconvert_shows_it_whole(page: Page, kind: str, size: int) -> None:
    transcript = said(PROSE, size)
    page.execute("cell")
    page.show(Stream(), transcript)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("panel", outputs=page.outputs)])
    exporters = {
        "html": nbconvert.HTMLExporter(),
        "webpdf": nbconvert.HTMLExporter(template_name="webpdf"),
        "markdown": nbconvert.MarkdownExporter(),
        "latex": nbconvert.LatexExporter(),
    }
    made, _ = exporters[kind].from_notebook_node(notebook)
    made = made.replace("\\#", "#") if kind == "latex" else read_html(made)
    letters_of = letters if kind == "latex" else read_markdown
    assert in_order([letters_of(cell.text) for cell in transcript], letters(made))


async def test_a_program_that_runs_cells_one_by_one_has_it_all_and_what_it_keeps_of_the_widgets_counts_too() -> None:
    """A run that a cell began and another one awaits, runs in a loop, and twenty panels that say nothing."""
    source = f"""
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
from autogen_agentchat.agents import AssistantAgent
def panel():
    return TeamPanel(AssistantAgent("ann", ScriptedClient([Say("Number one."), Say("Two."), Say({PROSE[0]!r})])))
panels = [panel() for _ in range(20)]
display(*panels)
run = panels[0].start("Go on")
"""
    rest = ["await run\nNone", "for _ in range(2):\n    await panels[0].run('Again')", "panels[0].agents\nNone"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in (source, *rest)])
    bare = len(nbformat.writes(notebook))
    await NotebookClient(notebook, timeout=60, kernel_name="python3").async_execute()
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert [state["model_name"] for state in states.values()].count("AnyModel") == 20
    for cell in notebook.cells:
        cell.metadata.clear()  # the times of its execution
    for form in ("text/html", "text/plain"):
        left = unescape("".join(output.data[form] for output in notebook.cells[0].outputs))
        assert in_order(["Number one.", "Two.", "Run 3", PROSE[0][:80]], left)
    assert len(nbformat.writes(notebook)) - bare <= 4 * len(PROSE[0]) + 60_000


async def test_the_demo_teams_stay_in_both_forms(page: Page, tmp_path) -> None:
    for name in TEAMS:
        transcript = await record(name, tmp_path / f"{name}.jsonl")
        page.execute("cell")
        page.show(Stream(), transcript)
        said_there = [cell.text for cell in transcript if cell.kind is not CellKind.TOOL_CALL]
        assert in_order(said_there, page.as_text())
        html = page.as_sanitised_html().replace("\\", "")  # the oracle does not know formulas
        assert in_order([read_markdown(text).replace("\\", "") for text in said_there], html)


def test_the_end_of_a_run_costs_the_same_after_three_hundred_runs(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    renders: list[Cell] = []
    rendered = outputs.rendered
    monkeypatch.setattr(outputs, "rendered", lambda cell, *more: renders.append(cell) or rendered(cell, *more))
    runs = [RunInfo(f"r{number}", "Go on", CellStatus.DONE) for number in range(300)]
    cells = [
        Cell(f"{run.id}-{number}", run.id, f"agent{number}", f"agent{number}", CellKind.TEXT, f"{run.id}: {SHORT[1]}")
        for run in runs
        for number in range(4)
    ]
    stream, costs = Stream(), list[int]()
    page.execute("cell")
    output = page.show(stream)
    for number in range(1, 301):
        stream.transcript = Transcript(tuple(cells[: 4 * number]), runs=tuple(runs[:number]))
        page.updates.clear()
        output.changed()
        output.flush()
        costs.append(sum(len(text) for data in page.updates for text in data.values()))
    assert len(renders) == len(cells), "a finished cell is rendered once"
    first, later = costs[100:200], costs[200:]
    print(f"{page.size()} bytes stay; for a run were sent {sum(first) // 100}, then {sum(later) // 100}")
    assert sorted(later)[len(later) // 2] < 40_000
    assert sum(later) < 1.5 * sum(first)
    assert in_order([cell.text for cell in cells], page.as_text())


STEPS = st.tuples(
    st.integers(0, 2),
    st.sampled_from(["", "TERMINATE", "APPROVE", "x" * 200, "a\nb", "--- ann: no"]),
    st.sampled_from([CellStatus.DONE, CellStatus.RUNNING, CellStatus.WRITING]),
    st.sampled_from(["", "all end", "back"]),
)
"""How many runs begin, what is said then and how far, and what becomes of the others."""


SAID = [*[""] * 4, "x" * 200, ""]
BACK = [*((0, text, CellStatus.DONE, "") for text in SAID), (1, "", CellStatus.DONE, "back")]
"""A replay goes back, and another run begins behind a message that has moved on."""


@given(st.lists(STEPS, max_size=30))
@example(BACK)
@settings(max_examples=60, deadline=None)
def test_parts_that_are_brought_up_to_date_step_by_step_are_as_those_made_at_once(steps: list[Any]) -> None:
    """With equal messages, empty ones, messages that end late, runs without any, and a replay that goes back."""
    with patch.object(parts_of, "PART_LIMITS_CHARS", (None, 2_000, 400)):
        parts = TranscriptParts()
        settled, live, runs = list[Cell](), list[Cell](), list[RunInfo]()
        for number, (begins, text, status, becomes) in enumerate(steps):
            runs += [RunInfo(f"r{number}.{more}", "Go on", CellStatus.RUNNING) for more in range(begins)]
            if becomes == "all end":
                runs = [replace(run, status=CellStatus.DONE) for run in runs]
                settled = [replace(cell, status=CellStatus.DONE) for cell in settled]
            elif becomes == "back":
                settled, live = settled[:5], []
            cell = Cell(f"c{number}", runs[-1].id if runs else "", "ann", "ann", CellKind.TEXT, text, status)
            if status is CellStatus.WRITING:
                live = [*live[-1:], cell]
            else:
                settled.append(cell)
            parts.update(settled, live, runs)
            assert "".join(part.text for part in parts.parts) == as_text((*settled, *live), runs)
            assert seen("".join(part.html for part in parts.parts)) == seen(as_html((*settled, *live), runs))


ACTS = st.lists(st.sampled_from(["run", "run", "save", "reload", "show", "restart"]), max_size=12)


@given(ACTS, st.lists(st.sampled_from(["", "yes", "Done.\nTERMINATE", "APPROVE"]), min_size=1))
@settings(max_examples=60, deadline=None)
def test_whatever_is_said_saved_reloaded_and_restarted_in_whatever_order_the_file_holds_it(
    acts: list[str], texts: list[str]
) -> None:
    """A page that was reloaded hears nothing of the kernel's updates: it compares revisions, and asks for the rest."""
    with pytest.MonkeyPatch.context() as patched:
        page, stream, said_so_far = Page(patched), Stream(), list[Cell]()
        runs, expected = list[RunInfo](), list[str]()

        def begin() -> SavedOutput:
            page.execute("cell")
            output = page.show(stream, stream.transcript)
            output.listeners[:] = [lambda op: page.receive(output, op)]
            return output

        output = begin()
        for number, act in enumerate(acts):
            if act == "run":
                text = texts[number % len(texts)]
                runs.append(RunInfo(f"r{number}", f"Task {number}", CellStatus.DONE))
                said_so_far.append(Cell(f"c{number}", f"r{number}", "ann", "ann", CellKind.TEXT, text))
                stream.transcript = Transcript(tuple(said_so_far), runs=tuple(runs))
                output.ended()
                output.flush()
                expected += [f"Task {number}", text]
            elif act == "reload":
                page.reload()
                page.receive(output, None)
            elif act == "show":
                output = begin()
            elif act == "restart":  # what the last kernel has left stands until the cell is run again
                assert in_order(expected, page.as_text())
                page.reload()
                stream, said_so_far, runs, expected = Stream(), [], [], []
                output = begin()
            for shown in (letters(page.as_text()), page.as_sanitised_html()):
                assert in_order([letters(text) for text in expected], shown)
                assert shown.count("Task") == len(runs)


async def test_a_long_message_is_rendered_beside_the_loop_and_stands_there_as_it_was_written_until_then(
    page: Page,
) -> None:
    stream, texts = Stream(), ["Short.", PROSE[0] * 400, "The end."]
    cells = [Cell(f"c{n}", "r1", "ann", "ann", CellKind.TEXT, text) for n, text in enumerate(texts)]
    page.execute("cell")
    output = page.show(stream)
    stream.transcript = Transcript(tuple(cells), runs=(RunInfo("r1", "Go on", CellStatus.DONE),))
    output.changed()
    output.flush()
    assert in_order(texts, page.as_text()), "the text is there at once"
    assert in_order([letters(text) for text in texts], page.as_sanitised_html()), "so is the message as it was written"
    assert page.outputs[0].data["text/html"].count("<p>") < 10
    written = output.revisions
    while output.revisions == written:
        await asyncio.sleep(0)
    assert page.outputs[0].data["text/html"].count("<p>") > 400, "it is rendered"
    assert in_order([read_markdown(text) for text in texts], page.as_sanitised_html())


async def test_what_a_program_waits_for_is_rendered_at_the_end_of_its_cell(page: Page) -> None:
    stream = Stream()
    page.execute("cell")
    page.parent["content"] = {"allow_stdin": False}
    output = page.show(stream)
    stream.transcript = said([PROSE[0] * 400], 1_000)
    output.changed()
    output.flush(ends_cell=True)
    assert page.outputs[0].data["text/html"].count("<p>") > 400
