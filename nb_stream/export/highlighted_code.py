"""Colours code with Pygments. The classes are those of the panel, so that one style sheet has the colours of both."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from html import escape
from typing import Any

from ..core.text_safety import visible

MAX_COLOURED_CHARS = 60_000
"""Characters of a code block; a longer one has no colours, because a few of Pygments' lexers take their time."""

_MARKDOWN = re.compile("markdown|mdx?|[rq]md")
"""Names of Markdown. It has no colours, as in the panel: many fences in 60 kB of it take Pygments 6 s."""

_TOKEN_KINDS = {
    "Comment.Preproc": "meta",
    "Comment": "comment",
    "Keyword.Constant": "keyword",
    "Keyword.Type": "type",
    "Keyword": "keyword",
    "Operator.Word": "keyword",
    "Name.Builtin": "type",
    "Name.Exception": "type",
    "Name.Decorator": "meta",
    "Name.Function": "name",
    "Name.Class": "name",
    "Name.Tag": "keyword",
    "Name.Attribute": "name",
    "Literal.String": "string",
    "Literal.Number": "number",
    "Generic.Inserted": "added",
    "Generic.Deleted": "removed",
    "Generic.Heading": "meta",
    "Generic.Subheading": "meta",
    "Generic.Prompt": "meta",
    "Generic.Error": "removed",
}
"""The panel's kind of token for a token type of Pygments. The type itself counts first, then those that hold it."""


def coloured(code: str, language: str) -> str:
    """The code as HTML, with a `<span>` around each token that has a colour. Code in a language that Pygments does not
    know is only escaped."""
    lexer = _lexer(language.lower()) if 0 < len(language) <= 20 and len(code) <= MAX_COLOURED_CHARS else None
    return html_text(code) if lexer is None else "".join(_token_spans(lexer, code))


def _token_spans(lexer: Any, code: str) -> Iterator[str]:
    text, kind = "", ""
    for _, token, value in lexer.get_tokens_unprocessed(code):
        # White space takes the kind of the tokens beside it: fewer elements for the same look.
        next_kind = kind if value.isspace() else _token_kind(token)
        if next_kind != kind:
            yield _token_span(text, kind)
            text, kind = "", next_kind
        text += value
    yield _token_span(text, kind)


def _token_span(text: str, kind: str) -> str:
    return f"<span class=nbs-t-{kind}>{html_text(text)}</span>" if kind and text else html_text(text)


def html_text(text: str) -> str:
    """A foreign text as HTML text: escaped, with hidden characters shown by number."""
    return escape(visible(text), quote=False)


@lru_cache(maxsize=256)
def _token_kind(token: Any) -> str:
    while token:
        name = str(token).removeprefix("Token.")
        if name in _TOKEN_KINDS:
            return _TOKEN_KINDS[name]
        token = token.parent
    return ""


@lru_cache(maxsize=64)
def _lexer(language: str) -> Any:
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    if _MARKDOWN.fullmatch(language):
        return None
    try:
        return get_lexer_by_name(language)
    except ClassNotFound:
        return None
