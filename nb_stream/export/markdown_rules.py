"""Reads Markdown as the panel reads it (`frontend/src/markdown/parse/`), with markdown-it-py.

markdown-it-py reads CommonMark and tables. The rules here are what the panel does beyond that, or otherwise: formulas,
bare addresses, tasks, emphasis beside Chinese, Japanese and Korean, and limits for texts that would take too long.
Raw HTML is text.
"""

from __future__ import annotations

import copy
import re
from functools import lru_cache, partial
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_core import StateCore
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from . import markdown_extensions as extensions
from .bare_addresses import BARE_ADDRESS, bare_address, mail_address
from .delimiter_runs import flanking
from .formula_delimiters import block_formula_closer, formula_opener, read_formula

MAX_BLOCK_DEPTH = 32
"""How deep quotes and list items stand in each other. The mark of a deeper one is text."""

_MAX_LEVELS = 4 * MAX_BLOCK_DEPTH
_MAX_BRACKETS = 16
"""How deep links are looked for in brackets. Each level costs time for each bracket."""

_PLAIN = re.compile(r"[^\n`\[\]\\!<&*_~$@:]+")
_TASK = re.compile(r"\[([ xX])\][ \t]+")
_LINE_BREAK = re.compile(r"<br\s*/?>", re.IGNORECASE)
_TILDES = 0x110000  # tildes in pairs are another marker than single ones


@lru_cache(maxsize=1)
def markdown_parser() -> MarkdownIt:
    """The parser. It may be used again and again, by one thread at a time."""
    markdown = MarkdownIt("commonmark", {"maxNesting": _MAX_LEVELS, "html": False})
    markdown.enable("table").disable(["html_block", "html_inline", "lheading"])
    markdown.normalizeLink = lambda url: url  # type: ignore[method-assign]
    markdown.normalizeLinkText = lambda link: link  # type: ignore[method-assign]
    markdown.validateLink = lambda url: True  # type: ignore[method-assign]  # the link policy decides
    inline, block = markdown.inline.ruler, markdown.block.ruler
    inline.at("text", _text_rule)
    inline.before("escape", "path", extensions.windows_path_rule)
    inline.before("escape", "formula", _formula_rule)
    inline.before("escape", "backslash", _backslash_rule)
    inline.before("link", "note", extensions.note_rule)
    inline.at("emphasis", _delimiters_rule)
    inline.before("link", "unclosed_bracket", _unclosed_bracket_rule)
    inline.push("mail", _mail_rule)
    inline.push("emoji", extensions.emoji_rule)
    inline.push("line_break", _line_break_rule)
    inline.push("open_bracket", _bracket_rule)
    markdown.inline.ruler2.after("balance_pairs", "deletions", _deletions_rule)
    block.at("paragraph", _paragraph_rule)
    block.at("fence", extensions.fence_rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    block.before("list", "notes", extensions.notes_rule, {"alt": ["paragraph", "reference", "blockquote", "list"]})
    for name in ("blockquote", "list", "notes"):
        rule = next(each for each in block.__rules__ if each.name == name)
        block.at(name, _limited(rule.fn), {"alt": rule.alt})
    markdown.core.ruler.after("block", "tasks", _task_boxes)
    markdown.core.ruler.after("block", "alerts", extensions.read_alerts)
    for_lines = copy.copy(markdown)
    for_lines.options = OptionsDict({**markdown.options, "maxNesting": _MAX_BRACKETS})  # type: ignore[typeddict-item]
    markdown.core.ruler.at("inline", partial(_inline_rule, for_lines))
    return markdown


def _limited(rule: Any) -> Any:
    """The rule of a container, which does not apply too deep inside of others."""

    def limited(state: StateBlock, line: int, end: int, silent: bool) -> bool:
        return state.level < MAX_BLOCK_DEPTH and rule(state, line, end, silent)

    return limited


def _paragraph_rule(state: StateBlock, line: int, end: int, silent: bool) -> bool:
    """A paragraph, or a heading that is underlined. In a display formula, no line begins another block, except a
    fence."""
    terminators = state.md.block.ruler.getRules("paragraph")
    outer, state.parentType = state.parentType, "paragraph"
    end, after, level, closer = state.lineMax, line + 1, 0, block_formula_closer("", extensions.line_text(state, line))
    while after < end and not state.isEmpty(after):
        indent = state.sCount[after]
        is_lazy = indent < 0 or indent - state.blkIndent > 3  # it goes on with the paragraph, whatever it says
        if not is_lazy and not closer:
            underline = extensions.line_text(state, after).rstrip(" \t") if indent >= state.blkIndent else ""
            if re.fullmatch("=+|-+", underline):
                level = 1 if underline[0] == "=" else 2
                break
        if not is_lazy and any(
            rule(state, after, end, True) for rule in ([extensions.fence_rule] if closer else terminators)
        ):
            break
        closer = block_formula_closer(closer, extensions.line_text(state, after))
        after += 1
    content = state.getLines(line, after, state.blkIndent, False).strip()
    state.line = after + (level > 0)
    kind, tag = ("heading", f"h{level}") if level else ("paragraph", "p")
    state.push(f"{kind}_open", tag, 1).map = [line, state.line]
    inline = state.push("inline", "", 0)
    inline.content, inline.map, inline.children = content, [line, state.line], []
    state.push(f"{kind}_close", tag, -1)
    state.parentType = outer
    return True


def _task_boxes(state: StateCore) -> None:
    """Take the boxes of tasks off the paragraphs with which items begin. `meta["task"]` says whether one is ticked."""
    following = zip(state.tokens, state.tokens[1:], state.tokens[2:], strict=False)
    for item, paragraph, text in following:
        if item.type == "list_item_open" and paragraph.type == "paragraph_open" and (box := _TASK.match(text.content)):
            paragraph.meta["task"] = box[1] != " "
            text.content = text.content[box.end() :]


def _inline_rule(markdown: MarkdownIt, state: StateCore) -> None:
    """Read the texts of the blocks. The rules hear whether a text stands in a cell of a table."""
    before = ""
    for token in state.tokens:
        if token.type == "inline":
            state.env["in_cell"] = before in ("th", "td")
            token.children = []
            markdown.inline.parse(token.content, markdown, state.env, token.children)
        before = token.tag


def _text_rule(state: StateInline, silent: bool) -> bool:
    """Text up to the next sign that can mean something, or a bare address."""
    plain = _PLAIN.match(state.src, state.pos, state.posMax)
    if plain is None:
        return False
    start, end = state.pos, plain.end()
    bare = _next_bare(state, start)
    if bare == start:
        found = None if silent or _in_brackets(state) else bare_address(state.src, start, state.posMax)
        if found is not None:
            _push_link(state, *found)
            state.pos += len(found[0])
            return True
        bare = _next_bare(state, start + 1)
    state.pos = min(end, bare)
    if not silent:
        state.pending += state.src[start : state.pos]
    return True


def _next_bare(state: Any, start: int) -> int:
    """The place at or behind `start` where a bare address may begin."""
    if getattr(state, "next_bare", -1) < start:
        found = BARE_ADDRESS.search(state.src, start)
        state.next_bare = found.start() if found else len(state.src)
    return int(state.next_bare)


def _in_brackets(state: StateInline) -> bool:
    return state.linkLevel > 0 or getattr(state, "open_brackets", 0) > 0


def _unclosed_bracket_rule(state: Any, silent: bool) -> bool:
    """A bracket that nothing closes. To look for the end of each would take its time in a text of many."""
    sign = state.src[state.pos]
    if sign not in "[!":
        return False
    if not hasattr(state, "last_closing"):
        state.last_closing = state.src.rfind("]")
    if state.pos < state.last_closing:
        return False
    if sign == "[":
        return _bracket_rule(state, silent)
    if not silent:
        state.pending += sign
    state.pos += 1
    return True


def _bracket_rule(state: Any, silent: bool) -> bool:
    """A bracket that is text. In open brackets, an address does not become a link."""
    sign = state.src[state.pos]
    if sign not in "[]":
        return False
    if not silent:
        state.open_brackets = max(0, getattr(state, "open_brackets", 0) + (1 if sign == "[" else -1))
        state.pending += sign
    state.pos += 1
    return True


def _mail_rule(state: StateInline, silent: bool) -> bool:
    if state.src[state.pos] != "@" or silent or _in_brackets(state):
        return False
    found = mail_address(state.pending, state.src[state.pos : state.posMax])
    if found is None:
        return False
    local, host = found
    state.pending = state.pending[: -len(local)]
    _push_link(state, local + host, f"mailto:{local}{host}")
    state.pos += len(host)
    return True


def _push_link(state: StateInline, text: str, href: str) -> None:
    state.push("link_open", "a", 1).attrs = {"href": href}
    state.push("text", "", 0).content = text
    state.push("link_close", "a", -1)


def _backslash_rule(state: StateInline, silent: bool) -> bool:
    """A backslash that escapes nothing. The letter behind it may belong to an address."""
    behind = state.src[state.pos + 1 : state.pos + 2]
    if (
        state.src[state.pos] != "\\"
        or behind == "\n"
        or (behind.isascii() and behind and not behind.isalnum() and behind > " ")
    ):
        return False
    if not silent:
        state.pending += "\\"
    state.pos += 1
    return True


def _formula_rule(state: StateInline, silent: bool) -> bool:
    opener = formula_opener(state.src, state.pos)
    found = read_formula(state.src, state.pos, opener) if opener else None
    if found is None or found.end > state.posMax:
        return False
    if not silent:
        token = state.push("formula", "", 0)
        token.content, token.block = found.tex, False
        token.meta = {"display": found.display}
    state.pos = found.end
    return True


def _line_break_rule(state: StateInline, silent: bool) -> bool:
    """`<br>` in a cell of a table, where no other line break can stand."""
    found = _LINE_BREAK.match(state.src, state.pos, state.posMax) if state.env.get("in_cell") else None
    if found is None:
        return False
    if not silent:
        state.push("hardbreak", "br", 0)
    state.pos = found.end()
    return True


def _delimiters_rule(state: StateInline, silent: bool) -> bool:
    """A run of `*`, `_` or `~`. `balance_pairs` finds which runs belong together."""
    mark = state.src[state.pos]
    if silent or mark not in "*_~":
        return False
    end = state.pos
    while end < state.posMax and state.src[end] == mark:
        end += 1
    length = end - state.pos
    can_open, can_close = flanking(state.src, state.pos, end, state.posMax)
    is_run = (can_open or can_close) and (mark != "~" or length <= 2)
    if not is_run:
        state.pending += mark * length
    for part in ([mark * length] if mark == "~" else mark * length) if is_run else ():
        state.push("text", "", 0).content = part
        marker = ord(mark) + (_TILDES if part == "~~" else 0)
        place = len(state.tokens) - 1
        state.delimiters.append(Delimiter(marker, 0 if mark == "~" else length, place, -1, can_open, can_close))
    state.pos = end
    return True


def _deletions_rule(state: StateInline) -> None:
    lists = [state.delimiters, *(meta["delimiters"] for meta in state.tokens_meta if meta and "delimiters" in meta)]
    for delimiters in lists:
        for opener in delimiters:
            if opener.end >= 0 and opener.marker in (ord("~"), ord("~") + _TILDES):
                _turn(state.tokens[opener.token], "s_open", 1)
                _turn(state.tokens[delimiters[opener.end].token], "s_close", -1)


def _turn(token: Token, kind: str, nesting: Any) -> None:
    token.type, token.tag, token.nesting, token.markup, token.content = kind, "s", nesting, token.content, ""
