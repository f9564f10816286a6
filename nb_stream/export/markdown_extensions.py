"""What the panel reads beyond GFM (`frontend/src/markdown/parse/`), as rules for markdown-it-py.

These are footnotes, alerts, short names of emoji, paths of Windows, and Markdown in a fence.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from .windows_paths import path_length

# Short names of emoji, one or several in a row. No letter stands beside them, as in the time `10:30:45`.
_EMOJI = re.compile(r"(?<![A-Za-z0-9_:])(?::(?:[+-]1|[a-z0-9]+(?:[_-][a-z0-9]+)*):)+(?![A-Za-z0-9_])")
_NOTE = re.compile(r"\[\^([^\s\]]{1,200})\]")
_NOTE_BEGIN = re.compile(r"\[\^([^\s\]]{1,200})\]:[ \t]*")
_NOTE_INDENT = 4  # the columns by which the lines of a note are indented
_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\](.*)", re.IGNORECASE)
_FENCE = re.compile(r"(`{3,})[^`]*$|(~{3,})")
# Names of Markdown behind a fence. A fence in the block opens another block if it names a language.
_MARKDOWN_NAME = re.compile(r"(?:markdown|md|mdx|[rq]md)(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=1)
def emoji_table() -> dict[str, str]:
    """Emoji by their short names, as GitHub has them."""
    table: dict[str, str] = json.loads(Path(__file__).with_name("emoji.json").read_text("utf-8"))
    return table


def fence_rule(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """Code between fences. In a block of Markdown, a fence with a name opens another block, and the next closing line
    closes that one."""
    begin = None if state.is_code_block(line) else _FENCE.match(line_text(state, line))
    if begin is None:
        return False
    if silent:
        return True
    mark, info = begin[1] or begin[2], line_text(state, line)[len(begin[1] or begin[2]) :]
    is_markdown, nested, after, closes = _MARKDOWN_NAME.match(info.strip()) is not None, 0, line + 1, False
    while after < end:
        text, indent = line_text(state, after), state.sCount[after]
        if text and indent < state.blkIndent:
            break
        fence = text.rstrip(" \t") if indent - state.blkIndent < 4 else ""
        if len(fence) >= len(mark) and fence == mark[0] * len(fence):
            if nested == 0:
                closes = True
                break
            nested -= 1
        elif is_markdown and (inner := _FENCE.match(text)) is not None:
            ticks = inner[1] or inner[2]
            nested += ticks[0] == mark[0] and len(ticks) >= len(mark) and text.strip() != ticks
        after += 1
    state.line = after + closes
    token = state.push("fence", "code", 0)
    token.info, token.markup, token.map = info, mark, [line, state.line]
    token.content = state.getLines(line + 1, after, state.sCount[line], True)
    return True


def notes_rule(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """Footnotes, as a list in the place where they are defined. They are numbered in the order of their definitions."""
    if state.is_code_block(line) or not (found := _NOTE_BEGIN.match(line_text(state, line))):
        return False
    if silent:
        return True
    numbers = state.env.setdefault("notes", {})
    number = state.env["note_count"] = state.env.get("note_count", 0) + 1
    opener = state.push("ordered_list_open", "ol", 1)
    opener.markup, opener.map, outer = "^", [line, line], state.parentType
    opener.attrs = {"start": number} if number != 1 else {}
    opener.meta["tight"], state.parentType, has_gap = True, "list", False
    while True:
        numbers.setdefault(found[1], number)
        state.push("list_item_open", "li", 1).map = [line, line]
        is_tight = _note_body(state, line, end, found.end())
        opener.meta["tight"] = opener.meta["tight"] and is_tight and not has_gap
        state.push("list_item_close", "li", -1)
        has_gap = state.line > line + 1 and state.isEmpty(state.line - 1)
        line, number = state.skipEmptyLines(state.line), number + 1
        if line >= end or state.sCount[line] < state.blkIndent or state.is_code_block(line):
            break
        is_next = state.env["note_count"] == number - 1  # notes in a note take numbers, too
        if not is_next or not (found := _NOTE_BEGIN.match(line_text(state, line))):
            break
        state.env["note_count"] = number
    state.push("ordered_list_close", "ol", -1)
    state.parentType, state.line = outer, line
    return True


def _note_body(state: StateBlock, line: int, end: int, marker: int) -> bool:
    """Read the blocks of a note. Its first line begins behind the marker. Returns whether no blank line stands between
    its blocks."""
    kept = state.bMarks[line], state.tShift[line], state.sCount[line], state.blkIndent, state.tight, state.listIndent
    state.listIndent, state.blkIndent = state.blkIndent, state.blkIndent + _NOTE_INDENT
    state.bMarks[line] += state.tShift[line] + marker
    state.tight = True
    state.tShift[line], state.sCount[line] = 0, state.blkIndent
    if state.bMarks[line] >= state.eMarks[line]:
        state.line = line + 1
        if not (state.line < end and state.isEmpty(state.line)):
            state.md.block.tokenize(state, line + 1, end)
    else:
        state.md.block.tokenize(state, line, end)
    is_tight = state.tight
    state.bMarks[line], state.tShift[line], state.sCount[line] = kept[:3]
    state.blkIndent, state.tight, state.listIndent = kept[3:]
    return is_tight


def read_alerts(state: StateCore) -> None:
    """Quotes that draw attention to something, as GitHub has them: `> [!NOTE]`."""
    kept: list[Token] = []
    skipped = 0
    open_quotes: list[bool] = []
    for place, token in enumerate(state.tokens):
        if token.type == "blockquote_open":
            follows = [each.type for each in state.tokens[place + 1 : place + 3]] == ["paragraph_open", "inline"]
            text = state.tokens[place + 2] if follows else None
            found = _ALERT.match(text.content.split("\n", 1)[0]) if text is not None else None
            open_quotes.append(found is not None)
            if found is not None and text is not None:
                token.type, token.meta = "alert_open", {"kind": found[1].lower(), "title": found[2].strip()}
                text.content = text.content.partition("\n")[2]
                kept.append(token)
                skipped = 0 if text.content else 3  # the tokens of a paragraph that is empty now
                continue
        elif token.type == "blockquote_close" and open_quotes.pop():
            token.type = "alert_close"
        if skipped > 0:
            skipped -= 1
        else:
            kept.append(token)
    state.tokens = kept


def note_rule(state: StateInline, silent: bool) -> bool:
    """A reference to a footnote. Without a definition it is a text in brackets."""
    found = _NOTE.match(state.src, state.pos, state.posMax)
    number = state.env.get("notes", {}).get(found[1]) if found else None
    if found is None or number is None:
        return False
    if not silent:
        state.push("note", "sup", 0).meta = {"number": number}
    state.pos = found.end()
    return True


def emoji_rule(state: StateInline, silent: bool) -> bool:
    """Short names of emoji. A colon that begins none is text."""
    if state.src[state.pos] != ":":
        return False
    found = _EMOJI.match(state.src, state.pos)
    if found is not None and found.end() > state.posMax:
        found = None
    if not silent and found is not None:
        for name in re.findall(":[^:]+:", found[0]):
            state.push("emoji", "span", 0).content = name[1:-1]
    elif not silent:
        state.pending += ":"
    state.pos = found.end() if found is not None else state.pos + 1
    return True


def windows_path_rule(state: StateInline, silent: bool) -> bool:
    """A path of Windows, whose backslashes are no escapes."""
    length = path_length(state.src, state.pos) if state.src[state.pos] == "\\" else 0
    length = min(length, state.posMax - state.pos)
    if length == 0:
        return False
    if not silent:
        state.pending += state.src[state.pos : state.pos + length]
    state.pos += length
    return True


def line_text(state: StateBlock, line: int) -> str:
    """A line without its indentation and the marks of the containers around it."""
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
