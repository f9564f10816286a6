"""A transcript as Markdown: every kind of cell is in it, and nothing in one cell reaches into the next."""

from __future__ import annotations

import random
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from mdit_py_plugins.footnote import footnote_plugin

from nb_stream.core.model import Cell, CellKind, CellStatus, RunInfo, ToolCall
from nb_stream.core.text_safety import visible
from nb_stream.core.transcript import Transcript
from nb_stream.export.contained import contained_markdown
from nb_stream.export.markdown import markdown
from tests.support.random_runs import Author
from tests.support.transcript_oracle import folded

RUN = RunInfo("r1", "Plan a trip.", CellStatus.DONE, "Enough.")


def cell(kind: CellKind, text: str = "", status: CellStatus = CellStatus.DONE, **more: Any) -> Cell:
    return Cell("c1", "r1", "ann", "ann", kind, text, status, **more)


def body(one: Cell) -> str:
    """What stands below a cell's heading."""
    return markdown([one], [RUN]).split("\n\n", 2)[2].removesuffix("\n\n*Done: Enough.*\n")


def test_runs_and_cells_have_headings() -> None:
    failed = RunInfo("r2", "", CellStatus.FAILED)
    text = markdown([cell(CellKind.TEXT, "Hello"), Cell("c2", "r2", "", "", CellKind.NOTICE, "Sorry.")], [RUN, failed])
    assert text == (
        "## Run 1: Plan a trip.\n\n### ann\n\nHello\n\n*Done: Enough.*\n\n"
        "## Run 2\n\n### nb_stream (notice)\n\nSorry.\n\n*Failed*\n"
    )


def test_a_task_is_one_short_line_of_the_heading() -> None:
    run = RunInfo("r1", "What is:\n\n" + "long " * 100)
    heading = markdown([], [run]).splitlines()[0]
    assert heading.startswith("## Run 1: What is: long long")
    assert len(heading) <= 131


def test_a_status_that_is_not_the_usual_one_is_told() -> None:
    assert "### ann: cancelled\n" in markdown([cell(CellKind.TEXT, "Half a sen", CellStatus.CANCELLED)], [RUN])


def test_cells_outside_of_all_runs_come_last() -> None:
    text = markdown([Cell("c1", "", "", "", CellKind.NOTICE, "Before."), cell(CellKind.TEXT, "Hello")], [RUN])
    assert text.index("Hello") < text.index("Done") < text.index("Before.")


def test_an_empty_transcript_is_an_empty_text() -> None:
    assert Transcript().to_markdown() == ""


def test_a_message_stands_as_it_was_written() -> None:
    text = "| a |\n|---|\n| $x^2$ |\n\n```py\nprint('hi')\n```\n\n* one"
    assert body(cell(CellKind.TEXT, text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "> [!NOTE]\n> This stays an alert.",
        "- [x] done\n- [ ] not done",
        "A line of more than a hundred characters, " * 20,
        "Nobody said so.[^1]\n\nNobody.",
        "`[^1]`",
    ],
)
def test_what_github_knows_stays_as_it_was_written(text: str) -> None:
    assert body(cell(CellKind.TEXT, text)) == text


def test_footnotes_of_two_messages_do_not_meet() -> None:
    said = "So it was.[^1] And why?[^why]\n\n[^1]: The source of {name}.\n[^why]: https://example.org\n\n```\n[^1]: code\n```"
    cells = [Cell(f"c{n}", "r1", n, n, CellKind.TEXT, said.replace("{name}", n)) for n in ("ann", "ben")]
    html = MarkdownIt("gfm-like", {"linkify": False}).use(footnote_plugin).render(markdown(cells, [RUN]))
    places = [html.index(words) for words in ("ann</h3>", "ben</h3>", "source of ann", "source of ben")]
    assert places == sorted(places)
    assert html.count('class="footnote-item"') == 4
    assert "[^1]: code" in html


def test_a_thought_is_a_quotation() -> None:
    assert body(cell(CellKind.THOUGHT, "one\n\ntwo")) == "> one\n>\n> two"


@pytest.mark.parametrize("kind", [CellKind.INPUT, CellKind.APPROVAL])
def test_a_question_shows_what_a_person_answered_or_why_nobody_did(kind: CellKind) -> None:
    answered = {"request_id": "q", "how": "answered", "answer": "reject: far too expensive\n```py"}
    assert body(cell(kind, "Pay?", data=answered)) == ("Pay?\n\n*Answered:*\n\nreject: far too expensive\n```py\n```")
    assert body(cell(kind, "Pay?", data={"how": "timed out", "answer": None})) == "Pay?\n\n*Timed out.*"
    assert body(cell(kind, "Pay?")) == "Pay?"


def test_an_image_of_a_message_is_in_the_file_and_nothing_else_is_loaded() -> None:
    images = ["data:image/png;base64,iVBO\nRw0KGgo=", "https://example.org/pixel.png", "data:text/html;base64,AAAA"]
    text = body(cell(CellKind.TEXT, "[image 1]", data={"images": images}))
    assert text == "[image 1]\n\n![image 1](data:image/png;base64,iVBORw0KGgo=)"


def test_a_tool_call_shows_its_arguments_and_its_result() -> None:
    calls = (
        ToolCall("1", "look_up", '{"q": 1}', "42"),
        ToolCall("2", "fail", "{}", "no", True),
        ToolCall("3", "f", ""),
    )
    assert body(cell(CellKind.TOOL_CALL, tool_calls=calls)) == (
        '`look_up`\n\n```json\n{"q": 1}\n```\n\n'
        "<details><summary>Result</summary>\n\n```text\n42\n```\n\n</details>\n\n"
        "`fail` failed\n\n```json\n{}\n```\n\n"
        "<details><summary>Error</summary>\n\n```text\nno\n```\n\n</details>\n\n`f`"
    )


def test_code_is_shown_once_with_its_output() -> None:
    blocks = [{"code": "print(1)\n", "language": "python"}]
    data = {"code_blocks": blocks, "output": "1\n"}
    inside = "Run:\n```python\nprint(1)\n```"
    assert body(cell(CellKind.CODE, inside, data=data)) == f"{inside}\n\n```text\n1\n```"
    assert body(cell(CellKind.CODE, "", data=data)) == "```python\nprint(1)\n```\n\n```text\n1\n```"


def test_structured_output_and_errors_stand_in_code_blocks() -> None:
    assert body(cell(CellKind.STRUCTURED, '{"a": 1}')) == '```json\n{"a": 1}\n```'
    error = cell(CellKind.ERROR, "ConnectionError: dropped", data={"traceback": "Traceback\n  …"})
    assert body(error) == "```text\nConnectionError: dropped\n```\n\n```text\nTraceback\n  …\n```"


@pytest.mark.parametrize("text", ["```", "a\n````\nb", "`" * 20])
def test_backticks_in_a_result_do_not_end_its_block(text: str) -> None:
    shown = body(cell(CellKind.TOOL_CALL, tool_calls=(ToolCall("1", "f", "", text),)))
    fence = re.search(r"^(`+)text$", shown, re.MULTILINE)
    assert fence is not None
    assert fence[1] not in text
    assert shown.endswith(f"{text}\n{fence[1]}\n\n</details>")


@pytest.mark.parametrize(
    ("text", "closing"),
    [
        ("Look:\n```py\nx = 1", "```"),
        ("Look:\n~~~~\nx\n~~~", "~~~~"),
        ("````md\n```\ninner\n```", "````"),
        ("   ```\nx", "```"),
        ("```\nx\n``` not closed", "```"),
    ],
)
@pytest.mark.parametrize("kind", [CellKind.TEXT, CellKind.CODE])
def test_a_code_block_that_a_message_leaves_open_is_closed(text: str, closing: str, kind: CellKind) -> None:
    assert body(cell(kind, text, CellStatus.CANCELLED)) == f"{text}\n{closing}"


@pytest.mark.parametrize(
    "text", ["```\nx\n```", "```\nx\n`````", "`` ` ``", "```inline``` text", "    ```\nx", "~~~\n```\n~~~"]
)
def test_nothing_is_added_to_a_message_that_leaves_nothing_open(text: str) -> None:
    assert body(cell(CellKind.TEXT, text)) == text


@settings(max_examples=2 * settings().max_examples, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**48).map(random.Random))
def test_every_message_result_and_output_of_a_run_is_in_it(r: random.Random) -> None:
    transcript = folded(Author(r).scenario().events)
    text = transcript.to_markdown()
    text.encode("utf-8")
    for one in transcript.cells:
        if one.kind not in (CellKind.THOUGHT, CellKind.STRUCTURED, CellKind.ERROR):
            assert contained_markdown(one.text, 1) in text
        for call in one.tool_calls:
            assert visible(call.result or "").rstrip() in text
        assert visible(one.data.get("output", "")).rstrip() in text
    assert text.count("\n### ") >= len(transcript)
