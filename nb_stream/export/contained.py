"""Puts the Markdown of a message into a document with other messages, so that it changes nothing outside of itself.

In the document, a heading of the third level names the agent of each message. Headings inside a message are lowered
below this level. HTML becomes text. Definitions of links are escaped, so that they hold for no other message, and an
open code block is closed. All else stays as it was written. If a message could still reach out of itself, for example
by a macro of TeX, it stands in a code block as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ..core.text_safety import one_line, visible

HEADING_LEVEL = 3
"""The level of the headings that name the agents."""

MACROS = re.compile(
    r"\\(?:[egx]?def|(?:future|global)?let|global|long|outer|protected|newif|newtheorem|newcounter|setcounter|newdimen"
    r"|newlength|setlength|newcolumntype|(?:re|provide)?newcommand|providecommand|(?:re)?newenvironment"
    r"|provideenvironment|(?:Declare|New|Renew|Provide)[A-Za-z]+|(?:math)?chardef|catcode|mathcode|delcode|definecolor"
    r"|begingroup|endgroup|label|require|unicode|csname|expandafter)(?![A-Za-z])"
)
"""The commands of TeX that change the text behind them. They reach other messages if a page typesets them together."""

_CODE_BLOCKS = re.compile(r"^(`{3,}|~{3,})[\w+#.-]*\n(?:.*\n)*?\1[ \t]*$", re.MULTILINE)
# With these, a parser may see a code block in another place than `_CODE_BLOCKS` does.
_UNSURE = re.compile(r"[<$\\]|^[ \t>]*(?:`{3}|~{3})|^[ >\t*+-]*\[[^\]]*\]:", re.MULTILINE)
_NO_LANGUAGE = re.compile(r"[^\w+#.-]")
_WORTH_A_LOOK = re.compile(
    r"[#<\]=]|-{1,}[ \t]*$|^[ \t>]*(?:`{3}|~{3})", re.MULTILINE
)  # a text without these needs no change
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r"^((?:[ \t]*(?:>|[-+*]|\d{1,9}[.)]))*[ \t]*)(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r"^((?:[ \t]*>)*[ \t]*)([-=]+[ \t]*)$")
_DEFINITION = re.compile(r"^([ \t>*+.)\d-]*)\[(?=[^\]]*\]:)")
_TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")
_BREAK = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029](?=[ \t]*#)")  # some programs read these as new lines
_SPECIAL = re.compile(
    r"[\\`*\[\]<>!#|~${}&@^=]|(?<![^\W_])_|_(?![^\W_])|:(?=/)|(?<=www)\.|^[-+](?= |$)|^-+$", re.IGNORECASE
)
_LINE_ENDS = re.compile("(\r\n|\r|\n)")
_TRIES = 4  # a change may show something that was hidden before

_parser = MarkdownIt("commonmark").enable("table")


def contained_markdown(text: str) -> str:
    """A message as Markdown that changes nothing outside of the message."""
    if MACROS.search(outside_code(text)):
        return fenced(text)
    text = _BREAK.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", with_closed_fence(text))
    if not _WORTH_A_LOOK.search(text):
        return text
    for _ in range(_TRIES):
        changed = _changed(text)
        if changed == text:
            return text
        text = changed
    return fenced(text)  # it still changes, so a parser may see yet another text in it


def inline(text: str, length: int = 120) -> str:
    """A text on one line in which nothing is Markdown."""
    return _SPECIAL.sub(r"\\\g<0>", one_line(text, length))


def lines_of(text: str) -> list[str]:
    """The lines of a text, as Markdown ends them."""
    return _LINE_ENDS.split(text)[::2]


def code_span(text: str) -> str:
    """A text on one line as inline code, which no backtick in the text ends."""
    text = one_line(text)
    ticks = "`" * (1 + max((len(run) for run in re.findall("`+", text)), default=0))
    pad = " " if text[:1] == "`" or text[-1:] == "`" else ""
    return f"{ticks}{pad}{text}{pad}{ticks}" if text else ""


def outside_code(text: str) -> str:
    """A message without its code blocks, or the whole message if it is not certain where they are."""
    rest, fences = _CODE_BLOCKS.subn("", text)
    return rest if fences and not _UNSURE.search(rest) else text


def fenced(text: str, language: str = "") -> str:
    """A code block that no backticks in the text can end. Empty for an empty text."""
    if not text.strip():
        return ""
    text = visible(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_NO_LANGUAGE.sub('', language)}\n{text.rstrip()}\n{fence}"


def with_closed_fence(text: str) -> str:
    """A message whose last code block is closed. A cancelled message may have left it open, and then the next messages
    would stand in it."""
    fence = ""
    for line in lines_of(text):
        mark = _FENCE_LINE.fullmatch(line)
        if mark is None:
            continue
        if not fence and not (mark[1][0] == "`" and "`" in mark[2]):
            fence = mark[1]
        elif fence and mark[1].startswith(fence) and not mark[2].strip():
            fence = ""
    return f"{text}\n{fence}" if fence else text


def _changed(text: str) -> str:
    """The text after one pass of the parser: headings lowered, HTML and link definitions escaped."""
    parts = _LINE_ENDS.split(text)
    lines, ends = parts[::2], [*parts[1::2], ""]
    found: dict[str, object] = {}
    tokens = _parser.parse(text, found)
    code: set[int] = set()  # the numbers of lines in code blocks
    for token in tokens:
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
    for token in tokens:
        if token.map is None:
            continue
        first, end = token.map
        if token.type == "heading_open":
            _lower(lines, token, first, end)
        elif token.type == "html_block":
            for place in range(first, min(end, len(lines))):
                lines[place] = _TAG.sub(r"\1\\<", lines[place])
        elif token.type == "inline" and any(child.type == "html_inline" for child in token.children or ()):
            lines[first:end] = _without_tags("\n".join(lines[first:end]), token.children or ()).split("\n")
    if found.get("references"):
        lines = [line if place in code else _DEFINITION.sub(r"\1\\[", line) for place, line in enumerate(lines)]
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def _without_tags(block: str, children: Sequence[Token]) -> str:
    """A block of lines in which tags are escaped. Code spans stay as they are."""
    at = 0
    for child in children:
        if child.type in ("html_inline", "code_inline"):
            found = block.find(child.content.split("\n", 1)[0], at)
            if found < 0:
                return _TAG.sub(r"\1\\<", block)
            if child.type == "html_inline":
                block = f"{block[:found]}\\{block[found:]}"
                found += 1
            at = found + len(child.content.split("\n", 1)[0])
    return block


def _lower(lines: list[str], token: Token, first: int, end: int) -> None:
    """Lower a heading below the headings that name the agents."""
    if token.markup.startswith("#"):
        if len(token.markup) > HEADING_LEVEL:
            return
        level = "#" * min(6, len(token.markup) + HEADING_LEVEL)
        lines[first] = _ATX.sub(lambda found: found[1] + level, lines[first])
    else:
        place = end - 1
        lines[place] = _UNDERLINE.sub(r"\1\\\2", lines[place])
