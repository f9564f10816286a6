"""Turns the Markdown of a message into HTML that is safe to show: no text in it can run, load or send anything.

The elements are those that the panel makes of the same text (`frontend/src/markdown/dom/`), with the panel's classes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING

from ..core.cell_content import Image
from ..core.text_safety import one_line, visible
from . import link_policy
from .formulas import mathml
from .highlighted_code import coloured, html_text
from .markdown_extensions import emoji_table
from .tex_commands import is_plain

if TYPE_CHECKING:
    from markdown_it.token import Token

HEADING_SHIFT = 2
"""Added to the level of a heading, so that a message does not compete with the headings of the page."""

MAX_INLINE_DEPTH = 30
"""How deep elements stand in elements of a paragraph. Deeper ones are left out, and their text stays."""

MAX_IMAGE_CHARS = 1_400_000
"""Characters of an image inside the text."""

_COLOUR = re.compile("(?:\x1b\\[|\x9b)[0-9;:]{0,40}m")
_LANGUAGE = re.compile(r"[A-Za-z0-9_+#.-]{1,20}")


@dataclass(frozen=True)
class Detail:
    """What the HTML of a message holds. What is left out here costs no text: code and formulas stay as their source."""

    highlight: bool = True
    """Whether code has colours."""
    formulas: bool = True
    """Whether formulas are MathML."""
    typeset: bool = False
    """Whether MathJax, which pages of notebooks load, typesets the formulas that are no MathML."""
    compact: bool = False
    """Whether to write as few bytes as HTML allows: no classes, no end tags that can be left out, all on one line."""


FULL = Detail()


def rendered_markdown(text: str, detail: Detail = FULL) -> str:
    """The HTML of a message. It never raises for what a text holds: a text that cannot be read as Markdown comes back
    as plain text."""
    from .markdown_rules import markdown_parser

    text = re.sub("\r\n?", "\n", _COLOUR.sub("", text))
    try:
        return _BlockWriter(detail).blocks(markdown_parser().parse(text, {}))
    except RecursionError:
        return f"<pre>{html_text(text)}</pre>"


def html_code_block(code: str, language: str, detail: Detail = FULL) -> str:
    """A block of code."""
    inside = coloured(code, language) if detail.highlight else html_text(code)
    if detail.compact:
        return f"<pre><code>{inside.replace(chr(10), '&#10;')}</code></pre>"
    name = f' class="language-{language}"' if _LANGUAGE.fullmatch(language) else ""
    named = escape(one_line(f"{language} code", 80))
    label = f'<span class="nbs-code-language">{html_text(one_line(language, 80))}</span>'
    return (
        f'<div class="nbs-code"><div class="nbs-code-head">{label}</div>'
        f'<pre class="nbs-pre" tabindex="0" role="group" aria-label="{named}"><code{name}>{inside}</code></pre></div>\n'
    )


class _BlockWriter:
    """Writes the tokens of one text."""

    def __init__(self, detail: Detail) -> None:
        self._detail = detail
        self._html: list[str] = []
        self._lists: list[tuple[int, Token]] = []  # the open lists, and where their tags stand

    def blocks(self, tokens: Iterable[Token]) -> str:
        for token in tokens:
            self._block(token)
        return "".join(self._html)

    def _put(self, html: str) -> None:
        self._html.append(html)

    def _block(self, token: Token) -> None:
        compact = self._detail.compact
        match token.type:
            case "inline":
                self._inline(token.children or [])
            case "paragraph_open":
                self._open_paragraph(token)
            case "paragraph_close":
                self._put("" if compact else "</p>\n")
            case "heading_open":
                level = min(int(token.tag[1]) + HEADING_SHIFT, 6)
                self._put(self._small(token) if compact else f'<{token.tag} dir="auto" aria-level="{level}">')
            case "heading_close":
                self._put(self._small(token) if compact else f"</{token.tag}>\n")
            case "fence" | "code_block":
                self._code(token.content, token.info)
            case "hr":
                self._put("<hr>" if compact else "<hr>\n")
            case "ordered_list_open" | "bullet_list_open":
                self._lists.append((len(self._html), token))
                self._put(_list_tag(token, self._detail, is_tight=token.meta.get("tight", True)))
            case "ordered_list_close" | "bullet_list_close":
                self._lists.pop()
                self._put(f"</{token.tag}>" + ("" if compact else "\n"))
            case "blockquote_open" | "blockquote_close":
                self._put(f"<{'/' if token.nesting < 0 else ''}{token.tag}>" + ("" if compact else "\n"))
            case "alert_open":
                kind = token.meta["kind"]
                title = html_text(token.meta["title"] or kind.capitalize())
                box = f'<div class="nbs-alert nbs-alert-{kind}"><p class="nbs-alert-title" dir="auto">{title}</p>\n'
                self._put(f"<blockquote><p><strong>{title}</strong>" if compact else box)
            case "alert_close":
                self._put("</blockquote>" if compact else "</div>\n")
            case "table_open":
                self._put(
                    "<table>"
                    if compact
                    else '<div class="nbs-table" tabindex="0" role="group" aria-label="Table"><table>'
                )
            case "table_close":
                self._put("</table>" if compact else "</table></div>\n")
            case "th_open" | "td_open":
                side = str(token.attrGet("style") or "").removeprefix("text-align:")
                aligned = f' align="{side}"' if side else ""
                self._put(f"<{token.tag}{aligned}>" if compact else f'<{token.tag} dir="auto"{aligned}>')
            case "thead_open" | "tbody_open" | "tr_open" | "list_item_open":
                self._put(f"<{token.tag}>")
            case "thead_close" | "tbody_close" | "tr_close" | "th_close" | "td_close" | "list_item_close":
                self._put("" if compact else f"</{token.tag}>")
            case _:
                raise ValueError(f"Markdown of an unknown kind: {token.type!r}.")

    def _small(self, token: Token) -> str:
        """The tag of a heading below the headings of runs, for a page without our styles."""
        return f"<{'/' if token.nesting < 0 else ''}h{min(int(token.tag[1]) + HEADING_SHIFT + 1, 6)}>"

    def _open_paragraph(self, token: Token) -> None:
        task = token.meta.get("task")
        if (
            not token.hidden
            and self._lists
            and self._lists[-1][1].markup != "^"
            and token.level == self._lists[-1][1].level + 2
        ):
            place, opener = self._lists[-1]  # the list has blank lines between its items, which is known only now
            self._html[place] = _list_tag(opener, self._detail, is_tight=False)
        if self._detail.compact:
            self._put("" if token.hidden else "<p>")
            self._put("" if task is None else "☑ " if task else "☐ ")
        elif task is None:
            self._put('<p dir="auto">')
        else:
            name, ticked = ("done", " checked") if task else ("to do", "")
            box = f'<input class="nbs-task-box" type="checkbox" disabled{ticked} aria-label="{name}">'
            self._put(f'<p class="nbs-task-text" dir="auto">{box}')

    def _code(self, code: str, info: str) -> None:
        from markdown_it.common.utils import unescapeAll

        words = unescapeAll(info).split(maxsplit=1)
        code = code if not code or code.endswith("\n") else code + "\n"
        self._put(html_code_block(code, words[0] if words else "", self._detail))

    def _inline(self, tokens: Iterable[Token]) -> None:
        _LineWriter(self._detail, self._put).write(tokens)


class _LineWriter:
    """Writes the inline tokens of one block."""

    def __init__(self, detail: Detail, put: Callable[[str], None]) -> None:
        self._detail = detail
        self._sink = put
        self._open: list[tuple[str, link_policy.Address | str | None, list[str]]] = []
        self._said: list[str] = []

    def write(self, tokens: Iterable[Token]) -> None:
        for token in tokens:
            self._token(token)

    def _token(self, token: Token) -> None:
        compact = self._detail.compact
        match token.type:
            case "text" | "text_special":
                self._text(token.content)
            case "softbreak":
                self._text("\n")
            case "hardbreak":
                self._sink("<br>")
            case "code_inline":
                self._said.append(token.content)
                self._sink(f"<code{'' if compact else ' class=nbs-c'}>{self._escaped(token.content)}</code>")
            case "formula":
                self._formula(token.content, token.meta["display"])
            case "em_open" | "strong_open":
                self._enter(token.tag, f"<{token.tag}>", None)
            case "s_open":
                self._enter("del", "<del>", None)
            case "link_open":
                self._enter_link(str(token.attrGet("href") or ""))
            case "em_close" | "strong_close" | "s_close" | "link_close":
                self._leave()
            case "image":
                self._image(str(token.attrGet("src") or ""), _words_of(token.children or []))
            case "note":
                self._sink(f"<sup{'' if compact else ' class=nbs-note-number'}>{token.meta['number']}</sup>")
            case "emoji":
                self._emoji(token.content)
            case _:
                raise ValueError(f"Markdown of an unknown kind: {token.type!r}.")

    def _escaped(self, text: str) -> str:
        html = html_text(text)
        return html.replace("\n", "&#10;") if self._detail.compact else html

    def _text(self, text: str) -> None:
        self._said.append(text)
        self._sink(self._escaped(text))

    def _enter(self, tag: str, html: str, target: link_policy.Address | str | None) -> None:
        is_shown = len(self._open) < MAX_INLINE_DEPTH
        self._open.append((tag if is_shown else "", target, self._said))
        self._said = []
        if is_shown:
            self._sink(html)

    def _leave(self) -> None:
        tag, target, said = self._open.pop()
        words = "".join(self._said)
        if isinstance(target, link_policy.Address) and not link_policy.says_itself(words, target):
            self._sink(_host_note(target.destination, self._detail))
        elif isinstance(target, str) and visible(words).strip() != target:
            self._sink(_host_note(target, self._detail))
        said.extend(self._said)
        self._said = said
        if tag:
            self._sink(f"</{tag}>")

    def _enter_link(self, href: str) -> None:
        target = link_policy.address(href) or link_policy.relative_target(href)
        if not target or self._is_in_link or len(self._open) >= MAX_INLINE_DEPTH:
            self._open.append(("", None, self._said))
            self._said = []
        elif isinstance(target, str):
            is_bare = self._detail.compact
            self._enter("" if is_bare else "span", "" if is_bare else "<span class=nbs-target>", target)
        else:
            self._enter("a", _link_tag(target, self._detail), target)

    @property
    def _is_in_link(self) -> bool:
        return any(target is not None for _, target, _ in self._open)

    def _emoji(self, name: str) -> None:
        shown = emoji_table().get(name, f":{name}:")
        self._said.append(shown)
        self._sink(shown if self._detail.compact else f"<span class=nbs-emoji>{shown}</span>")

    def _formula(self, tex: str, display: bool) -> None:
        self._said.append(tex)
        shown = mathml(tex, display) if self._detail.formulas else None
        if self._detail.compact:
            self._sink(shown or self._source_of_formula(tex, display))
            return
        inside = shown or f"<code class=nbs-tex>{html_text(tex)}</code>"
        self._sink(f'<span class="nbs-math{" nbs-math-display" if display else ""}">{inside}</span>')

    def _source_of_formula(self, tex: str, display: bool) -> str:
        if not self._detail.typeset or not is_plain(tex):
            return f"<code>{self._escaped(tex)}</code>"
        mark = "$$" if display else "$"
        return f"<span class='tex2jax_process mathjax_process'>{mark}{self._escaped(tex)}{mark}</span>"

    def _image(self, src: str, alt: str) -> None:
        """An image whose data stand in the text. Any other image is a link: nothing is loaded by itself."""
        name = one_line(alt, 200)
        if len(src) <= MAX_IMAGE_CHARS and (raster := Image(1, src).raster):
            picture = "" if self._detail.compact else ' class="nbs-picture"'
            self._sink(f'<img{picture} alt="{escape(name)}" src="data:{raster[0]};base64,{raster[1]}">')
            return
        target = link_policy.address(src)
        words = self._escaped(f"[image: {name}]" if name else "[image]")
        if target is None or target.href.startswith("mailto:"):
            self._sink(words if self._detail.compact else f"<span class=nbs-no-image>{words}</span>")
            return
        words += _host_note(target.destination, self._detail)
        if not self._is_in_link:
            self._sink(f"{_link_tag(target, self._detail, 'nbs-image-link')}{words}</a>")
        else:  # no link stands in a link
            self._sink(words if self._detail.compact else f"<span class=nbs-no-image>{words}</span>")


def _link_tag(target: link_policy.Address, detail: Detail, name: str = "nbs-link") -> str:
    href = escape(visible(target.href))
    if detail.compact:
        return f'<a href="{href}" rel="noopener noreferrer nofollow" target=_blank>'
    rel = 'rel="noopener noreferrer nofollow" target="_blank" referrerpolicy="no-referrer"'
    return f'<a class="{name}" href="{href}" {rel}>'


def _host_note(destination: str, detail: Detail) -> str:
    words = html_text(f" ({destination})")
    return words if detail.compact else f'<span class="nbs-host">{words}</span>'


def _list_tag(token: Token, detail: Detail, *, is_tight: bool) -> str:
    start = token.attrGet("start")
    first = f' start="{start}"' if start is not None else ""
    classes = ["nbs-notes"] if token.markup == "^" else []
    classes += ["nbs-tight"] if is_tight else []
    named = f' class="{" ".join(classes)}"' if classes and not detail.compact else ""
    return f"<{token.tag}{named}{first}>"


def _words_of(tokens: Iterable[Token]) -> str:
    """The text of inline tokens without their elements."""
    parts = []
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif token.type == "emoji":
            parts.append(f":{token.content}:")
        else:
            parts.append(_words_of(token.children) if token.children else token.content)
    return "".join(parts)
