"""What a reader of a Markdown text or of a page sees, by an oracle that is none of ours: its letters, without spaces."""

from __future__ import annotations

from html.parser import HTMLParser

from markdown_it import MarkdownIt

_ORACLE = MarkdownIt("gfm-like", {"linkify": False})


def letters(text: str) -> str:
    """A text without white space."""
    return "".join(text.split())


def read_markdown(text: str) -> str:
    """The letters of a Markdown text without its marks. It knows neither formulas nor links' hosts."""
    return letters(read_html(_ORACLE.render(text))).replace("[x]", "☑").replace("[ ]", "☐")


def read_html(html: str) -> str:
    """The text of a page."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return "".join(reader.texts)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
