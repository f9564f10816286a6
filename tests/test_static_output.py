"""What stays in a saved notebook: whole in every kind of renderer, in the order of the run, within its size."""

from __future__ import annotations

import html.parser
import itertools
from typing import Any

import bleach
import IPython.display
import nbconvert
import nbformat
import pytest
from hostile import OWN, cells_of, run_of
from nbclient import NotebookClient
from records import record

from nb_stream import TeamPanel, TeamStream, Transcript, kernel_gate, static_output
from nb_stream.demo import TEAMS
from nb_stream.export.outputs import as_html
from nb_stream.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from nb_stream.static_output import StaticOutput
from nb_stream.visible import visible

# What GitHub lets through, more or less: no style, no class.
GITHUB = {"details", "summary", "pre", "code", "p", "b", "bdi", "small", "div", "img"}

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


class Page:
    """A notebook as the messages of a kernel fill it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.cells: dict[str, list[nbformat.NotebookNode]] = {}
        self.parent: dict[str, Any] = {}
        self._numbers = itertools.count(1)
        self._known: dict[str, nbformat.NotebookNode] = {}
        monkeypatch.setattr(static_output, "_of", type(static_output._of)())
        monkeypatch.setattr(kernel_gate, "request", lambda: self.parent)
        monkeypatch.setattr(IPython.display, "publish_display_data", self._publish)

    def execute(self, cell: str) -> None:
        """Run a cell: its outputs go, and what is published comes into it."""
        self.cells[cell] = []
        self._now = cell
        self.parent = {"metadata": {"cellId": cell}, "header": {"msg_id": str(next(self._numbers))}}

    def show(self, output: StaticOutput, transcript: Transcript, leave: str = "transcript") -> None:
        """Show a panel in the cell that runs."""
        output.show(transcript, "TeamPanel(ann, ben)", leave)
        view = {"application/vnd.jupyter.widget-view+json": {"model_id": "0" * 32, "version_major": 2}}
        bundle = {**view, **static_output.instead("TeamPanel(ann, ben)", leave)}
        self.cells[self._now].append(nbformat.v4.new_output("execute_result", bundle, execution_count=1))

    def _publish(
        self, data: dict[str, str], metadata: dict[str, str], *, transient: dict[str, Any], update: bool
    ) -> None:
        output = nbformat.v4.new_output("display_data", dict(data), metadata=metadata)
        if update:
            self._known[transient["display_id"]].update(output)
        else:
            self._known[transient["display_id"]] = output
            self.cells[self._now].append(output)

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
        """What a renderer shows that takes HTML without styles, and text where there is none."""
        shown = []
        for output in self.outputs:
            if "text/html" in output.data:
                reader = Reader()
                reader.feed(bleach.clean(output.data["text/html"], tags=GITHUB, attributes={}, strip=True))
                reader.close()
                shown.append("".join(reader.texts))
            else:
                shown.append(output.data["text/plain"])
        return "\n".join(shown)


class Reader(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Page:
    return Page(monkeypatch)


def said(texts: list[str], size: int, run: str = "r1") -> Transcript:
    """A run of two agents with some `size` bytes of text."""
    cells: list[Cell] = []
    while sum(len(cell.text) for cell in cells) < size:
        name = ("ann", "ben")[len(cells) % 2]
        text = f"{len(cells)}. {texts[len(cells) % len(texts)]}"
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


@pytest.mark.parametrize("panels", [1, 3, 20])
@pytest.mark.parametrize("size", [200, 4_000, 40_000, 400_000])
@pytest.mark.parametrize("texts", [BRIEF, SHORT, PROSE, CODE], ids=["brief", "short", "prose", "code"])
def test_the_notebook_grows_by_half_more_than_the_text_whatever_the_panels(
    page: Page, texts: list[str], size: int, panels: int
) -> None:
    streams = [Stream() for _ in range(panels)]
    transcripts = []
    for number in range(panels):
        page.execute(f"cell-{number}")
        output = static_output.StaticOutput.of(streams[number])
        page.show(output, Transcript())
        transcripts.append(said(texts, size // panels))
        output.update(transcripts[-1])
    grown, text = page.size(), sum(map(size_of, transcripts))
    print(f"{panels} panels, {text} bytes of text: {grown} bytes in the notebook, {(grown - 20_000) / text:.2f}")
    assert grown <= 1.5 * text + 20_000
    for shown in (page.as_text(), page.as_sanitised_html()):
        for transcript in transcripts:
            assert in_order([cell.text for cell in transcript], shown)


@pytest.mark.parametrize("views", [1, 3, 20])
@pytest.mark.parametrize("size", [4_000, 200_000])
def test_views_cost_a_line_each_and_the_last_one_has_the_transcript(page: Page, size: int, views: int) -> None:
    output, transcript = StaticOutput.of(Stream()), said(PROSE, size)
    for number in range(views):
        page.execute(f"cell-{number}")
        page.show(output, transcript)
    assert page.size() <= 1.5 * size_of(transcript) + 20_000
    assert page.as_text().count(f"--- ann:\n{transcript.cells[0].text}") == 1
    assert transcript.cells[0].text in page.cells[f"cell-{views - 1}"][0].data["text/plain"]
    for number in range(views - 1):
        assert "It stands where the panel was shown last." in page.cells[f"cell-{number}"][0].data["text/html"]


LIST = "Three things to see first:\n\n" + "".join(f"- **{word}**, {SENTENCE}\n" for word in ("One", "Two", "Three"))
MESSAGES = {
    200: [SENTENCE + SENTENCE[:40], SENTENCE * 3],
    500: [LIST, SENTENCE * 7],
    1000: [LIST + "\n" + SENTENCE * 8, SENTENCE * 6 + "\n\n" + SENTENCE * 6],
    2000: [PROSE[0] + "\n\n" + LIST + "\n" + SENTENCE * 10, SENTENCE * 25],
}
"""Messages of about so many characters, as models write them."""


@pytest.mark.parametrize(("length", "folded", "both"), [(200, 13, 27), (500, 19, 28), (1000, 24, 30), (2000, 28, 32)])
def test_a_conversation_is_both_up_to_this_many_kb_and_what_is_longer_the_kind_that_all_show(
    page: Page, length: int, folded: int, both: int
) -> None:
    """Both cannot be beyond 40 kB: they are twice the text, which may grow by half of itself and 20 kB."""
    output = StaticOutput.of(Stream())
    page.execute("cell")
    page.show(output, said(MESSAGES[length], folded * 1000))
    assert "<details" in page.outputs[0].data["text/html"]
    output.update(said(MESSAGES[length], both * 1000))
    assert page.outputs[0].data.keys() == {"text/html", "text/plain"}
    assert not output.is_text
    output.update(said(MESSAGES[length], 40_000))
    assert page.outputs[0].data.keys() == {"text/plain"}
    assert output.is_text


def test_a_large_transcript_is_not_made_into_html_that_cannot_fit(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(static_output, "as_html", None)
    page.execute("cell")
    page.show(StaticOutput.of(Stream()), said(PROSE, 400_000))
    assert page.outputs[0].data.keys() == {"text/plain"}


def test_a_cell_that_is_run_again_does_not_use_up_the_room_of_others(page: Page) -> None:
    streams = [Stream() for _ in range(10)]
    for stream in streams:
        page.execute("the same cell")
        output = StaticOutput.of(stream)
        page.show(output, said(PROSE, 8_000))
        assert not output.is_text


def test_panels_of_one_stream_leave_its_transcript_once(page: Page) -> None:
    stream = TeamStream(TEAMS["writers"](pace=0))
    one, other = TeamPanel(stream), TeamPanel(stream)
    page.execute("cell-1")
    page.show(one._static, said(SHORT, 400))
    page.execute("cell-2")
    page.show(other._static, said(SHORT, 400))
    assert page.as_text().count(SHORT[1]) == sum(cell.text.endswith(SHORT[1]) for cell in said(SHORT, 400))
    one.close()
    other.close()


@pytest.mark.parametrize("text", OWN)
def test_hostile_text_stays_text(page: Page, text: str) -> None:
    output = StaticOutput.of(Stream())
    page.execute("cell")
    page.show(output, Transcript(tuple(cells_of(text)), runs=(run_of(text),)))
    data = page.outputs[0].data
    reader = Reader()
    reader.feed(data["text/html"])
    reader.close()
    assert visible(text) in "".join(reader.texts)
    assert visible(text) in data["text/plain"]
    assert visible(data["text/plain"]) == data["text/plain"]
    assert data["text/html"].count("\n") <= 1, "one line, but for what a parser drops"


def test_a_file_with_text_for_figures_stays_text() -> None:
    values = Transcript((Cell("c1", "r1", "ann", "ann", CellKind.TEXT, "Hello.", CellStatus.DONE),)).to_dict()
    values["cells"][0]["usage"] = {"prompt_tokens": 1, "completion_tokens": "<img src=x onerror=alert()>"}
    foreign = Transcript.from_dict(values)
    for page_ in (foreign.to_html(), as_html(foreign.cells, ())):
        assert "&lt;img" in page_
        assert "<img" not in page_


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
    page.show(StaticOutput.of(Stream()), Transcript(cells, runs=(RunInfo("r1", "Go"),)))
    parts = [
        '--- ann (tool call):', 'search({"q": "a <b> & c"})', "search gave: line one\nline two", "pay failed: no",
        "team/ben", "I run it.", "print('<&>')", "output: <&>", "What now?", "answer: Go\non.", "ValueError: x",
        "traceback: Trace\nback",
    ]  # fmt: skip
    assert in_order(parts, page.as_text())
    assert in_order(parts[1:], page.as_sanitised_html())


@pytest.mark.parametrize(("leave", "has", "lacks"), [("summary", "Run 1: Go on", "Yes."), ("nothing", "", "Run 1")])
def test_less_can_be_left(page: Page, leave: str, has: str, lacks: str) -> None:
    output = StaticOutput.of(Stream())
    page.execute("cell")
    page.show(output, said(SHORT, 400), leave)
    assert has in page.as_text()
    assert lacks not in page.as_text()
    assert len(page.outputs) == (1 if leave == "nothing" else 2)


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
    left, widget = ["text/html", "text/plain"], [view, "text/html", "text/plain"]
    box = [view, "text/plain"]
    assert kinds == [[left, box], [], [left, box, box], [], [left, widget]]
    first, second, last = (notebook.cells[index].outputs[0].data["text/plain"] for index in (0, 2, 4))
    assert "It stands where the panel was shown last." in first
    assert "$" not in first
    assert in_order(["--- Run 1: Go on", "--- narrator:", "--- archivist:", "--- Done"], second)
    assert "The team was reset: its agents remember nothing from above." in second, "said after the run"
    assert in_order(["--- Run 1: Go on", "convert_units gave:", "--- baker", "--- Done"], last)


@pytest.mark.parametrize("size", [2_000, 60_000])
@pytest.mark.parametrize("kind", ["html", "webpdf", "markdown", "latex"])
def test_nbconvert_shows_it_whole(page: Page, kind: str, size: int) -> None:
    transcript = said(PROSE, size)
    page.execute("cell")
    page.show(StaticOutput.of(Stream()), transcript)
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("panel", outputs=page.outputs)])
    exporters = {
        "html": nbconvert.HTMLExporter(),
        "webpdf": nbconvert.HTMLExporter(template_name="webpdf"),
        "markdown": nbconvert.MarkdownExporter(),
        "latex": nbconvert.LatexExporter(),
    }
    made, _ = exporters[kind].from_notebook_node(notebook)
    if kind == "latex":
        made = made.replace("\\#", "#")
    else:
        reader = Reader()
        reader.feed(made)
        reader.close()
        made = "".join(reader.texts)
    words = ["".join(cell.text.split()) for cell in transcript]  # lines may be wrapped
    assert in_order(words, "".join(made.split()))


@pytest.mark.parametrize("sizes", [(8, 12), (6,) * 9, (1,) * 9, (0,) * 8], ids=str)
async def test_what_nbclient_keeps_of_the_widgets_counts_too(sizes: tuple[int, ...]) -> None:
    source = f"""
from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
from autogen_agentchat.agents import AssistantAgent
texts = {MESSAGES[1000]!r} * 12
for size in {sizes}:
    panel = TeamPanel(AssistantAgent("ann", ScriptedClient([Say("\\n\\n".join(texts[:size]))])))
    display(panel)
    if size:
        await panel.run("Go on")
"""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
    bare = len(nbformat.writes(notebook))
    await NotebookClient(notebook, timeout=60, kernel_name="python3").async_execute()
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    assert [state["model_name"] for state in states.values()].count("AnyModel") == len(sizes)
    notebook.cells[0].metadata.clear()  # the times of its execution
    text = sum(len("\n\n".join((MESSAGES[1000] * 12)[:size])) for size in sizes)
    assert len(nbformat.writes(notebook)) - bare <= 1.5 * text + 20_000
    assert all("text/plain" in output.data for output in notebook.cells[0].outputs)


async def test_the_demo_teams_fit_as_both(page: Page, tmp_path) -> None:
    for name in TEAMS:
        output, transcript = StaticOutput.of(Stream()), await record(name, tmp_path / f"{name}.jsonl")
        page.execute("cell")
        page.show(output, transcript)
        for shown in (page.as_text(), page.as_sanitised_html()):
            assert in_order([cell.text for cell in transcript if cell.kind is not CellKind.TOOL_CALL], shown)
