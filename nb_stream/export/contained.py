"""Puts the Markdown of a message into a document with other messages, so that it changes nothing outside of itself.

In the document, a heading of the third level names the agent of each message. Headings inside a message are lowered
below this level. HTML becomes text. Definitions of links are escaped, so that they hold for no other message, footnotes
get labels of their own, and an open code block is closed. All else stays as it was written. If a message could still
reach out of itself, for example by a macro of TeX, it stands in a code block as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token

from ..core.text_safety import one_line, visible
from .tex_commands import MACROS

HEADING_LEVEL = 3
"""The level of the headings that name the agents."""

_CODE_BLOCKS = re.compile(r"^(`{3,}|~{3,})[\w+#.-]*\n(?:.*\n)*?\1[ \t]*$", re.MULTILINE)
# With these, a parser may see a code block in another place than `_CODE_BLOCKS` does.
_UNSURE = re.compile(r"[<$\\]|^[ \t>]*(?:`{3}|~{3})|^[ >\t*+-]*\[[^\]]*\]:", re.MULTILINE)
_ESCAPED = re.compile(r"\\[<!]")
_NO_LANGUAGE = re.compile(r"[^\w+#.-]")
_WORTH_A_LOOK = re.compile(
    r"[#<\]=]|-{1,}[ \t\r]*$|^[ \t>]*(?:`{3}|~{3})", re.MULTILINE
)  # a text without these needs no change
_FENCE_LINE = re.compile(r" {0,3}(`{3,}|~{3,})(.*)")
_ATX = re.compile(r"^((?:[ \t]*(?:>|[-+*]|\d{1,9}[.)]))*[ \t]*)(#{1,6})(?=[ \t]|$)")
_UNDERLINE = re.compile(r"^((?:[ \t]*>)*[ \t]*)([-=]+[ \t]*)$")
_DEFINITION = re.compile(r"^([ \t>*+.)\d-]*)\[(?=[^\]]*\]:)")
_FOOTNOTE = re.compile(r"^[ \t>*+.)\d-]*\[\^([^\]\s]+)\]:", re.MULTILINE)
_TAG = re.compile(r"(?<!\\)((?:\\\\)*)<(?=[A-Za-z/!?])")
_BREAK = re.compile(r"[\x0b\x0c\x1c-\x1e\x85\u2028\u2029](?=[ \t]*#)")  # some programs read these as new lines
_SPECIAL = re.compile(
    r"[\\`*\[\]<>!#|~${}&@^=]|(?<![^\W_])_|_(?![^\W_])|:(?=/)|(?<=www)\.|^[-+](?= |$)|^-+$", re.IGNORECASE
)
_PICTURE = re.compile(r"(`+).*?\1|(?<!\\)!(?=\[)")
_CODE_SPAN = re.compile("`[^`\n]*`")
_LINE_ENDS = re.compile("(\r\n|\r|\n)")
_TRIES = 4  # a change may show something that was hidden before

_parser = MarkdownIt("commonmark").enable("table")


def contained_markdown(text: str, number: int | None = None) -> str:
    """A message as Markdown that changes nothing outside of the message. Footnotes hold for a whole document, so their
    labels get the `number` of the message; without one they are escaped."""
    if MACROS.search(outside_code(text)):
        return fenced(text)
    if number is not None and (labels := set(_FOOTNOTE.findall(text))):
        text = _with_own_labels(text, labels, number)
    text = _BREAK.sub(lambda found: f"⟦U+{ord(found[0]):04X}⟧", text)
    if not _WORTH_A_LOOK.search(text):
        return text
    for _ in range(_TRIES):
        changed = with_closed_fence(_changed(text, f"[^m{number}-"))  # HTML may have hidden a fence
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
    return rest if fences and not _UNSURE.search(_ESCAPED.sub("", rest)) else text


def without_pictures(text: str) -> str:
    """A message in which an image is a link, so that a reader decides whether it is loaded."""
    if "![" not in text:
        return text
    lines = _LINE_ENDS.split(text)
    for token in _parser.parse(text):
        if token.map and any(child.type == "image" for child in token.children or ()):
            first, end = token.map
            for place in range(2 * first, min(2 * end, len(lines)), 2):
                lines[place] = _PICTURE.sub(lambda found: found[0] if found[1] else "\\!", lines[place])
    return "".join(lines)


def outside_code_spans(text: str) -> str:
    """A message without its code, blocks and spans. Spans stay if it is not certain where they are."""
    rest = outside_code(text)
    certain = "``" not in rest and "\\`" not in rest and all(line.count("`") % 2 == 0 for line in rest.split("\n"))
    return _CODE_SPAN.sub("", rest) if certain else rest


def fenced(text: str, language: str = "") -> str:
    """A code block that no backticks in the text can end. Empty for an empty text."""
    if not text.strip():
        return ""
    text = visible(text)
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{_NO_LANGUAGE.sub('', language)}\n{text.rstrip()}\n{fence}"


def folded(label: str, inside: str) -> str:
    """Markdown behind a label that unfolds it. The label is a word of ours. Empty for an empty text."""
    return f"<details><summary>{label}</summary>\n\n{inside}\n\n</details>" if inside else ""


def with_closed_fence(text: str) -> str:
    """A message whose last code block is closed. A cancelled message may have left it open, and then the next messages
    would stand in it."""
    if "```" not in text and "~~~" not in text:
        return text
    fences = [token for token in _parser.parse(text) if token.type == "fence" and token.level == 0 and token.map]
    if not fences:
        return text
    first, end = fences[-1].map or (0, 0)
    mark = _FENCE_LINE.fullmatch(lines_of(text)[end - 1])
    is_closed = end - 1 > first and mark and mark[1].startswith(fences[-1].markup) and not mark[2].strip()
    return text if is_closed else f"{text}\n{fences[-1].markup}"


def _changed(text: str, label: str) -> str:
    """The text after one pass of the parser: headings lowered, HTML and link definitions escaped. `label` is how the
    labels of its own footnotes begin."""
    parts = _LINE_ENDS.split(text)
    lines, ends = parts[::2], [*parts[1::2], ""]
    found: dict[str, object] = {}
    tokens = _parser.parse(text, found)
    code = _lines_of_code(tokens)
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
        lines = [
            line if place in code or label in line else _DEFINITION.sub(r"\1\\[", line)
            for place, line in enumerate(lines)
        ]
    return "".join(line + end for line, end in zip(lines, ends, strict=True))


def lines_of_code(text: str) -> set[int]:
    """The numbers of the lines in code blocks, from 0."""
    return _lines_of_code(_parser.parse(text))


def _lines_of_code(tokens: Sequence[Token]) -> set[int]:
    blocks = [token.map for token in tokens if token.type in ("fence", "code_block") and token.map]
    return {line for block in blocks for line in range(*block)}


def _with_own_labels(text: str, labels: set[str], number: int) -> str:
    """A message whose footnotes have labels that no other message has. Code blocks stay as they are."""
    parts = _LINE_ENDS.split(text)
    code = _lines_of_code(_parser.parse(text))
    label = re.compile(rf"\[\^({'|'.join(map(re.escape, sorted(labels)))})\]")
    for place in range(0, len(parts), 2):
        if place // 2 not in code:
            parts[place] = label.sub(rf"[^m{number}-\1]", parts[place])
    return "".join(parts)


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
