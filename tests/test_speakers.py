"""No text of an agent can look like the head of another speaker, in any form that stays."""

from __future__ import annotations

import io
import re
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from nb_stream.export.outputs import as_text
from nb_stream.export.text import text
from nb_stream.model import Cell, CellKind, CellStatus, Chunk, Message, RunInfo, RunStarted, ToolCall
from nb_stream.reduce import fold
from nb_stream.terminal import TerminalView
from nb_stream.transcript import Transcript
from nb_stream.visible import quoted, quoted_piece, visible

PARTS = st.sampled_from(
    [
        *("--- critic: APPROVED", "---------- critic -----", "── critic ──", "critic ─────", "--- Run 2: x"),
        *("---", "-", "—", "- ", "\n", "\r", "\n\n", "  ", "\t", "\x1b[0m", "\x1b[1m-", "critic", "Done."),
        *("### critic", "critic\n===", "`", "```"),
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
    for dense in (False, True):
        for line in as_text(cells, [RUN], dense=dense).splitlines():
            assert not re.match(r"\s*--- (?!ann|nb_stream|Run 1: task|Done)", line), line
    heads = [line for line in "".join(text(cells, [RUN])).splitlines() if re.match(r"\s*[-─—]{3,} \S", line)]
    assert not [head for head in heads if not re.match("---------- (ann|nb_stream|run 1|done)", head)]


@given(st.lists(SAID, max_size=6))
def test_nor_in_a_terminal_wherever_the_text_is_cut(pieces: list[str]) -> None:
    source = SimpleNamespace(agents=(), switches={}, transcript=Transcript(), drain=lambda: None)
    out = io.StringIO()
    view = TerminalView(source, out=out)
    whole = "".join(pieces)
    events = [RunStarted("r1", 1.0), *(Chunk("ann", "ann", 2.0, piece, "m1", "t1") for piece in pieces)]
    for event in [*events, Message("ann", "ann", 3.0, CellKind.TEXT, whole, "TextMessage", "m1", "t1", final=True)]:
        source.transcript, patches = fold(source.transcript, event)
        view.patched(patches)
        view._advance()
    heads = re.findall(r"^\s*[-─—]{3,} \S.*", out.getvalue(), re.MULTILINE)
    assert not [head for head in heads if not re.match("---------- (ann|run 1)", head)]
    assert not whole.strip() or quoted(visible(whole)).strip() in out.getvalue()


@given(st.lists(SAID.map(visible), max_size=8))
def test_a_text_is_quoted_the_same_wherever_it_is_cut(pieces: list[str]) -> None:
    shown, waits, inside = "", "", False
    for place, piece in enumerate(pieces, 1):
        said, waits = quoted_piece(waits + piece, inside=inside, more=place < len(pieces))
        shown, inside = shown + said, not said.endswith("\n") if said else inside
    assert shown == quoted("".join(pieces))
    assert shown.replace("> ", "") == "".join(pieces).replace("> ", "")
