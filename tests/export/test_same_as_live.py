"""What stays has the structure and the words of what was live: the panel's DOM and the exported HTML agree for every
document of the tests of Markdown. `frontend/tests/trees.ts` lists the differences that are intended."""

from __future__ import annotations

import difflib
import json
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from nb_stream.demo import texts
from nb_stream.export.rendered_markdown import Detail, rendered_markdown
from tests.support.hostile_texts import CORPORA
from tests.support.paths import FRONTEND, ROOT

REAL_FILES = int(os.environ.get("NB_STREAM_REAL_FILES", "60"))
"""How many files of other projects are tried, others in each run; more of them by an environment variable."""

SOURCES_OF_FORMULAS = Detail(formulas=False)
"""Each side draws formulas with a library of its own, so their sources are compared."""


def in_node(program: str, given: object = None) -> Any:
    """What a program of the front end's tests answers."""
    node = shutil.which("node")
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    done = subprocess.run(
        [node, "scripts/pages.mjs", program],
        cwd=FRONTEND,
        input=json.dumps(given),
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=600,
        env={**os.environ, "NB_STREAM_CORPORA": str(CORPORA)},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@lru_cache(maxsize=1)
def documents() -> list[tuple[str, str]]:
    """All texts with their names: those of the front end's tests, of the demonstrations, and files of real projects."""
    found = [(name, text) for name, text in in_node("all_documents")]
    found += [(f"demo.texts.{name}", text) for name, text in vars(texts).items() if isinstance(text, str)]
    files = sorted(FRONTEND.glob("node_modules/*/*.md"))
    files = random.sample(files, min(len(files), REAL_FILES))
    files += [*ROOT.glob("*.md"), *ROOT.glob("nb_stream/*.md")]
    return found + [(str(path), path.read_text("utf-8")) for path in files]


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
