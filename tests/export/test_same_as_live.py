"""What stays has the structure and the words of what was live: the panel's DOM and the exported HTML agree for every
document of the tests of Markdown. `frontend/tests/trees.ts` lists the differences that are intended."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterator
from typing import Any

from nb_stream.export.rendered_markdown import Detail, rendered_markdown
from tests.support.markdown_documents import documents, in_node

SOURCES_OF_FORMULAS = Detail(formulas=False)
"""Each side draws formulas with a library of its own, so their sources are compared."""


def lines_of(tree: Any, depth: int = 0) -> Iterator[str]:
    """A tree as lines, one for each element and text."""
    if isinstance(tree, str):
        yield " " * depth + json.dumps(tree, ensure_ascii=False)
        return
    yield " " * depth + tree[0]
    for child in tree[1:]:
        yield from lines_of(child, depth + 1)


def differences(texts: list[tuple[str, str]], html: Callable[[str], str]) -> list[str]:
    """How the panel and `html` differ, text by text."""
    found = []
    answers = in_node("trees", [[text, html(text)] for _, text in texts])
    for (name, _), (panel, exported) in zip(texts, answers, strict=True):
        if panel != exported:
            sides = ([line for tree in side for line in lines_of(tree)] for side in (panel, exported))
            found.append(f"{name}:\n" + "\n".join(difflib.unified_diff(*sides, "panel", "export", lineterm="", n=2)))
    return found


def test_the_export_has_the_structure_and_the_words_of_the_panel() -> None:
    assert len(documents()) > 700
    found = differences(documents(), lambda text: rendered_markdown(text, SOURCES_OF_FORMULAS))
    assert found == [], "\n\n".join(found[:10])


CHANGES = [
    ("# a", "## a"),
    ("- a\n- b", "- a\n\n- b"),
    ("- a\n  - b", "- a\n- b"),
    ("2. a", "1. a"),
    ("| a | b |\n|---|---|\n| c | d |", "| a | b |\n|---|---|\n| c d | |"),
    ("|a|\n|:-:|", "|a|\n|--:|"),
    ("**a**", "*a*"),
    ("[a](https://b.example/c)", "[a](https://b.example/d)"),
    ("```py\na\n```", "```js\na\n```"),
    ("`a`", "a"),
    ("$a$", "$$a$$"),
    ("- [x] a", "- [ ] a"),
    ("a  \nb", "a\nb"),
    ("> [!NOTE]\n> a", "> [!TIP] Note\n> a"),
    ("a[^1]\n\n[^1]: b", "a[^2]\n\n[^1]: b"),
]


def test_a_difference_of_any_kind_would_be_found() -> None:
    changed = dict(CHANGES)
    found = differences(
        [(text, text) for text in changed], lambda text: rendered_markdown(changed[text], SOURCES_OF_FORMULAS)
    )
    assert len(found) == len(CHANGES), found
