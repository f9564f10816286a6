"""The texts that tests of Markdown try, wherever it is shown: the front end's, the demonstrations' and real files."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
from functools import lru_cache
from typing import Any

from nb_stream.demo import texts
from tests.support.hostile_texts import CORPORA
from tests.support.paths import FRONTEND, ROOT

REAL_FILES = int(os.environ.get("NB_STREAM_REAL_FILES", "60"))
"""How many files of other projects are tried, others in each run; more of them by an environment variable."""


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
