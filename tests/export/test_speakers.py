"""No text of an agent can look like the head of another speaker, in any form that stays."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from nb_stream.core.model import Cell, CellKind, CellStatus, Chunk, Message, RunInfo, RunStarted, ToolCall
from nb_stream.core.reducer import fold
from nb_stream.core.text_safety import quoted, visible
from nb_stream.core.transcript import Transcript
from nb_stream.export.agui import events
from nb_stream.export.html import page
from nb_stream.export.markdown import markdown
from nb_stream.export.notebook import notebook
from nb_stream.export.outputs import as_text
from nb_stream.export.text import text
from nb_stream.terminal.view import TerminalView

PARTS = st.sampled_from(
    [
        *("--- critic: APPROVED", "---------- critic -----", "── critic ──", "critic ─────", "--- Run 2: x"),
        *("---", "-", "—", "- ", "\n", "\r", "\n\n", "  ", "\t", "\x1b[0m", "\x1b[1m-", "critic", "Done."),
        *(
            "### critic",
            "# critic",
            "critic\n===",
            "critic\n---\n",
            "`",
            "```",
            "~~~\n",
            "**critic**",
            "    ",
            "\u2028",
        ),
        *("<h3>critic</h3>", "<!--", "<details>", "<div>\n", "</div>", "\\", "$", "$$", "[critic]: http://e\n", "> "),
        *("1. ", "|a|\n|-|\n", "\\def\\le{\\ge}", "&lt;", "[x](", "![", "<b", ">"),
    ]
)
SAID = st.lists(PARTS, max_size=10).map("".join)
RUN = RunInfo("r1", "task", CellStatus.DONE, None, 1.0, 2.0)


def said_everywhere(said: str) -> list[Cell]:
    """Cells of one agent that say a text in every place."""
    call = ToolCall("1", "look_up", said, said, True)
    return [
        Cell("c1", "r1", "ann", "ann", CellKind.TEXT, said),
        Cell("c2", "r1", "ann", "ann", CellKind.TOOL_CALL, tool_calls=(call, call)),
        Cell("c3", "r1", "ann", "ann", CellKind.CODE, said, data={"code_blocks": [{"code": said, "language": ""}]}),
        Cell("c4", "r1", "ann", "ann", CellKind.CODE, "", data={"output": said}),
        Cell("c5", "r1", "ann", "ann", CellKind.INPUT, said, data={"answer": said}),
        Cell("c6", "r1", "", "", CellKind.ERROR, said, data={"traceback": said}),
    ]


@given(SAID)
def test_in_plain_text_only_heads_begin_with_dashes_and_words(said: str) -> None:
    cells = said_everywhere(said)
    for line in as_text(cells, [RUN]).splitlines():
        assert not re.match(r"\s*--- (?!ann|nb_stream|Run 1: task|Done)", line), line
    heads = [line for line in "".join(text(cells, [RUN])).splitlines() if re.match(r"\s*[-─—]{3,} \S", line)]
    assert not [head for head in heads if not re.match("---------- (ann|nb_stream|run 1|done)", head)]


@given(st.lists(SAID, max_size=6))
def test_nor_in_a_terminal_wherever_the_text_is_cut(pieces: list[str]) -> None:
    gate = SimpleNamespace(is_open=lambda path: True)
    source = SimpleNamespace(agents=(), gate=gate, transcript=Transcript(), drain=lambda: None)
    out = io.StringIO()
    view = TerminalView(source, out=out)
    whole = "".join(pieces)
    events = [RunStarted("r1", 1.0), *(Chunk("ann", "ann", 2.0, piece, "m1", "t1") for piece in pieces)]
    for event in [*events, Message("ann", "ann", 3.0, CellKind.TEXT, whole, "TextMessage", "m1", "t1", final=True)]:
        source.transcript, patches = fold(source.transcript, event)
        view.patched(patches)
    heads = re.findall(r"^\s*[-─—]{3,} \S.*", out.getvalue(), re.MULTILINE)
    assert not [head for head in heads if not re.match("---------- (ann|run 1)", head)]
    assert not whole.strip() or quoted(visible(whole)).strip() in out.getvalue()


FOLDS = [f"<details><summary>{label}</summary>\n" for label in ("Result", "Error", "Arguments and result")]
"""The only HTML of a document, beside its ends."""


def headings(source: str) -> list[str]:
    """The headings of a document, also those inside of other blocks, as a reader sees them."""
    tokens = MarkdownIt("commonmark").enable("table").parse(source)
    inside = [
        tokens[place + 1] for place, token in enumerate(tokens) if token.type == "heading_open" and token.tag <= "h3"
    ]
    html = [token.content for token in tokens if token.type == "html_block"]
    assert set(html) <= {*FOLDS, "</details>\n", "</details>"}, source
    assert sum(part in FOLDS for part in html) == sum(part not in FOLDS for part in html), source
    for token in tokens:
        assert not [child for child in token.children or () if child.type == "html_inline"], source
    return ["".join(child.content for child in token.children or ()) for token in inside]


HEADS = ["ann", "ann (tool call)", "ann (code)", "ann (code)", "ann (human input)", "nb_stream (error)", "last"]


@given(SAID)
def test_in_markdown_only_heads_are_headings_of_their_level_and_nothing_is_html(said: str) -> None:
    """Neither a message nor a tool, nor what follows a message, can look as if another had said it."""
    cells = [*said_everywhere(said), Cell("c7", "r1", "last", "last", CellKind.TEXT, "[critic]")]
    whole = markdown(cells, [RUN])
    assert headings(whole) == ["Run 1: task", *HEADS]
    assert "href" not in MarkdownIt("commonmark").render(whole.rpartition("### last")[2])
    rows = notebook(cells, [RUN])["cells"]
    for row, name in zip(rows[1:-1], ["ann"] * 5 + ["nb_stream", "last"], strict=True):
        [head] = headings(row["source"])
        assert re.fullmatch(rf"{name}( \(.*\))?", head)


@given(SAID)
def test_every_field_that_is_no_message_is_text_on_one_line_in_markdown(said: str) -> None:
    """Names, tasks and reasons: no heading, no image and no code of their own, no bidi mark."""
    name = f"a{said}\u202e"
    call = ToolCall(name, name, "{}", "ok")
    cells = [
        Cell("c1", "r1", name, name, CellKind.TEXT, "Hello"),
        Cell("c2", "r1", name, name, CellKind.TOOL_CALL, tool_calls=(call,)),
        Cell("c3", "r1", "ann", "ann", CellKind.CODE, "x", data={"code_blocks": [{"code": "y", "language": name}]}),
    ]
    run = RunInfo("r1", name, CellStatus.DONE, name)
    sources = [markdown(cells, [run]), *(row["source"] for row in notebook(cells, [run])["cells"])]
    assert len(headings(sources[0])) == 4
    for source in sources:
        assert "\u202e" not in source
        assert len(headings(source)) <= 4
        html = MarkdownIt("gfm-like", {"linkify": False}).render(source)
        assert not re.search("<(?:img|a|h[4-6]|strong|table)[ >]", html), html


@pytest.mark.parametrize(
    "macro",
    [
        r"\renewcommand{\le}{\ge}", r"\def\le{\ge}", r"\gdef\le{\ge}", r"\edef\le{\ge}", r"\xdef\le{\ge}",
        r"\let\le\ge", r"\futurelet\le\ge x", r"\newcommand{\le}{x}", r"\providecommand{\le}{x}",
        r"\newenvironment{matrix}{x}{y}", r"\renewenvironment{matrix}{x}{y}", r"\DeclareMathOperator{\le}{x}",
        r"\DeclareMathOperator*{\le}{x}", r"\global\let\le\ge", r"\require{physics}", r"\csname def\endcsname",
        r"\DeclarePairedDelimiter\abs\lvert\rvert", r"\NewDocumentCommand\le{}{x}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("around", ["$%s$", "$$\n%s\n$$", "\\(%s\\)", "\\begin{align}%s\\end{align}", "%s"])
def test_a_macro_of_tex_in_one_message_changes_no_formula_of_another(macro: str, around: str) -> None:
    said = around.replace("%s", macro)
    cells = [
        Cell("c1", "r1", "ann", "ann", CellKind.TEXT, said),
        Cell("c2", "r1", "ben", "ben", CellKind.TEXT, "$a \\le b$"),
    ]
    _, first, second, _ = notebook(cells, [RUN])["cells"]
    assert first["source"] == f"### ann\n\n```\n{said}\n```"
    assert second["source"] == "### ben\n\n$a \\le b$"
    assert f"```\n{said}\n```" in markdown(cells, [RUN])


def test_what_no_model_wrote_is_no_markdown_in_any_export() -> None:
    printed = "d = a*b*c, __init__\n3. third\n# params: 12\n  col   col"
    cell = Cell("c1", "r1", "run", "run", CellKind.TEXT, printed, data={"preformatted": True})
    assert f"```text\n{printed}\n```" in markdown([cell], [RUN])
    assert notebook([cell], [RUN])["cells"][1]["source"] == f"### run\n\n```\n{printed}\n```"
    page_of = "".join(page([cell], [RUN]))
    assert re.search(r'<pre class="nbs-source"[^>]*>\n' + re.escape(printed), page_of)
    for said in ("".join(text([cell], [RUN])), as_text([cell], [RUN]), str(list(events([cell], [RUN])))):
        assert "d = a*b*c, __init__" in said
