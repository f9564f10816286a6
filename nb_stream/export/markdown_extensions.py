"""What the panel reads beyond GFM (`frontend/src/markdown/parse/`), as rules for markdown-it-py.

These are footnotes, alerts, short names of emoji, paths of Windows, and Markdown in a fence.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from pathlib import Path

from markdown_it.rules_block import StateBlock
from markdown_it.rules_block import fence as _plain_fence
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

_FENCE = re.compile(r"(`{3,})[^`]*|(~{3,}).*", re.DOTALL)
_MARKDOWN = re.compile(r"(?:markdown|md|mdx|[rq]md)(?![\w-])", re.IGNORECASE)
"""Names of Markdown behind a fence. A fence in the block opens another block if it names a language."""

_ALERT = re.compile(r"\[!(note|tip|important|warning|caution)\](.*)", re.IGNORECASE)
_NOTE = re.compile(r"\[\^([^\s\]]{1,200})\]")
_EMOJI = re.compile(r"(?<![A-Za-z0-9_:])(?::(?:[+-]1|[a-z0-9]+(?:[_-][a-z0-9]+)*):)+(?![A-Za-z0-9_:])")
"""Short names of emoji, one or several in a row. No letter stands beside them, as in the time `10:30:45`."""

_DRIVE = re.compile(r"(?:^|[^\w]|_)(?:[A-Za-z]:|%[A-Za-z0-9_]{1,30}%)$")
_SHARE_BEFORE = re.compile(r"(?:^|[\s(\"'“‘])$")
_SHARE = re.compile(r"\\\\[A-Za-z0-9_.-]+\\[^\s<>\"|?*`\[\]()&\\]+")
_PATH_PARTS = re.compile(r"(?:\\(?:\*(?=[.\s]|$)|[^\s<>\"|?*`\[\]()&\\]*))+")


@lru_cache(maxsize=1)
def emoji_table() -> dict[str, str]:
    """Emoji by their short names, as GitHub has them."""
    table: dict[str, str] = json.loads(Path(__file__).with_name("emoji.json").read_text("utf-8"))
    return table


def fence_rule(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """A block of code in fences. In a block of Markdown, a fence that names a language opens another block, so that the
    next closing fence closes that one."""
    opening = _FENCE.fullmatch(_line_of(state, line))
    fence = (opening[1] or opening[2]) if opening else ""
    info = _line_of(state, line)[len(fence) :].strip()
    if silent or opening is None or state.is_code_block(line) or not _MARKDOWN.match(info):
        return _plain_fence(state, line, end, silent)
    after, nested, is_closed = line + 1, 0, False
    while after < end and not is_closed:
        text = _line_of(state, after)
        if text and state.sCount[after] < state.blkIndent:
            break
        inner = _FENCE.fullmatch(text)
        mark = (inner[1] or inner[2]) if inner else ""
        if mark.startswith(fence) and text.strip() != mark:
            nested += 1
        elif mark.startswith(fence) and not state.is_code_block(after):
            is_closed, nested = nested == 0, nested - 1
        after += not is_closed
    token = state.push("fence", "code", 0)
    token.info, token.markup, token.map = info, fence, [line, after + is_closed]
    token.content = state.getLines(line + 1, after, state.sCount[line], True)
    state.line = after + is_closed
    return True


def _line_of(state: StateBlock, line: int) -> str:
    return state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]


def mark_tight_lists(state: StateCore) -> None:
    """Note in the metadata of each list whether no blank lines separate its items."""
    lists: list[Token] = []
    for token in state.tokens:
        if token.type in ("bullet_list_open", "ordered_list_open"):
            lists.append(token)
        elif token.type in ("bullet_list_close", "ordered_list_close"):
            lists.pop()
        elif token.type == "paragraph_open" and token.hidden and token.level == lists[-1].level + 2:
            lists[-1].meta["tight"] = True


def read_alerts(state: StateCore) -> None:
    """Make alerts of quotes that begin with a line such as `[!NOTE]`."""
    tokens = state.tokens
    emptied: set[int] = set()
    for at, (quote, paragraph, text) in enumerate(zip(tokens, tokens[1:], tokens[2:], strict=False)):
        if quote.type != "blockquote_open" or paragraph.type != "paragraph_open" or not quote.map or not paragraph.map:
            continue
        first, _, rest = text.content.partition("\n")
        found = _ALERT.fullmatch(first) if paragraph.map[0] == quote.map[0] else None
        if found is None:
            continue
        ends = (tokens[index] for index in range(at, len(tokens)))
        close = next(each for each in ends if each.type == "blockquote_close" and each.level == quote.level)
        quote.type, close.type = "alert_open", "alert_close"
        quote.meta = {"kind": found[1].lower(), "title": found[2].strip() or found[1].capitalize()}
        text.content = rest
        if not rest:
            emptied |= {at + 1, at + 2, at + 3}
    state.tokens = [token for at, token in enumerate(tokens) if at not in emptied]


def number_notes(state: StateCore) -> None:
    """Number footnotes in the order of their definitions, which stay in their places. Those that follow each other
    become one list. If a label has two definitions, references mean the first."""
    numbers: dict[str, int] = {}
    tokens: list[Token] = []
    count = 0
    last: dict[int, int] = {}
    for token in state.tokens:
        if token.type == "footnote_reference_open":
            count += 1
            numbers.setdefault(token.meta["label"], count)
            is_next = bool(tokens) and tokens[-1].type == "notes_close" and last.get(token.level) == count - 1
            if is_next:
                tokens.pop()
            else:
                tokens.append(Token("notes_open", "ol", 1, level=token.level, meta={"start": count}))
            last[token.level] = count
            tokens.append(token)
        elif token.type == "footnote_reference_close":
            tokens += [token, Token("notes_close", "ol", -1, level=token.level)]
        else:
            tokens.append(token)
    state.tokens = tokens
    state.env["note_numbers"] = numbers


def note_rule(state: StateInline, silent: bool) -> bool:
    """A reference to a footnote. Without a definition it is a text in brackets."""
    found = _NOTE.match(state.src, state.pos, state.posMax) if state.src[state.pos] == "[" else None
    number = state.env.get("note_numbers", {}).get(found[1]) if found else None
    if found is None or number is None:
        return False
    if not silent:
        state.push("footnote_ref", "", 0).meta = {"number": number}
    state.pos = found.end()
    return True


def emoji_rule(state: StateInline, silent: bool) -> bool:
    """Short names of emoji. A name that the table does not have stays as it is written."""
    found = _EMOJI.match(state.src, state.pos, state.posMax) if state.src[state.pos] == ":" else None
    if found is None:
        return False
    if not silent:
        state.pending += re.sub(":([^:]+):", lambda name: emoji_table().get(name[1], name[0]), found[0])
    state.pos = found.end()
    return True


def windows_path_rule(state: StateInline, silent: bool) -> bool:
    """A path of Windows, whose backslashes are no escapes."""
    length = _path_length(state.src, state.pos, state.posMax) if state.src[state.pos] == "\\" else 0
    if length and not silent:
        state.pending += state.src[state.pos : state.pos + length]
    state.pos += length
    return length > 0


def _path_length(text: str, at: int, limit: int) -> int:
    """The length of the path that begins with the backslash at `at`; 0 if there is none. The text ends at `limit`."""
    before = text[max(0, at - 34) : at]
    end = at
    is_share = text[at + 1 : at + 2] == "\\"
    if is_share:
        share = _SHARE.match(text, at, limit) if _SHARE_BEFORE.search(before) else None
        if share is None:
            return 0
        end = share.end()
    elif not _DRIVE.search(before):
        return 0
    if parts := _PATH_PARTS.match(text, end, limit):
        end = parts.end()
    # Marks of emphasis at the end close what stands around the path.
    while end > at + 1 and text[end - 1] in "_~" and text[end - 2] != "\\":
        end -= 1
    return end - at
