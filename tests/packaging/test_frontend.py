"""The front end: its own tests pass, and the committed bundle is what its source builds to."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess

import pytest

from tests.support.npm import npm
from tests.support.paths import FRONTEND, ROOT

STATIC = ROOT / "nb_stream" / "static"


def test_the_front_ends_own_tests_pass(request: pytest.FixtureRequest) -> None:
    """Its texts are cut at other places in each run; with `--all-versions`, three times as many and in more places."""
    if request.config.getoption("--all-versions"):
        npm("test", NB_STREAM_ALL="1")
    else:
        npm("test", NB_STREAM_FUZZ=os.environ.get("NB_STREAM_FUZZ", "7000"))


@pytest.mark.parametrize(
    "line",
    [
        "el.innerHTML = text;",
        'el["outerHTML"] = text;',
        'el.insertAdjacentHTML("beforeend", text);',
        "document.write(text);",
        "el.ownerDocument.writeln(text);",
        'new DOMParser().parseFromString(text, "text/html");',
        "range.createContextualFragment(text);",
        "el.setHTMLUnsafe(text);",
        "el.setHTML(text);",
        "frame.srcdoc = text;",
        'document.execCommand("insertHTML", false, text);',
        "eval(text);",
        "new Function(text)();",
        'trustedTypes.createPolicy("x", rules);',
    ],
)
def test_the_lint_rule_forbids_every_way_to_make_markup_of_text(line: str, tmp_path: pathlib.Path) -> None:
    (tmp_path / "views").mkdir()
    (tmp_path / "views" / "bad.ts").write_text(f"export {{}};\n{line}\n")
    node = shutil.which("node")
    assert node, 'node is missing: pip install "nb_stream[test]" brings it'
    command = [node, "scripts/forbidden.mjs", str(tmp_path)]
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bad.ts:2 names" in done.stderr


def test_the_committed_bundle_is_what_the_source_builds_to(tmp_path: pathlib.Path) -> None:
    npm("build", f"{tmp_path}/")
    built, committed = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in (tmp_path, STATIC))
    assert sorted(built) == sorted(committed)
    for name in committed:
        assert built[name] == committed[name], f"{name} is not what its source builds to: run npm run build and commit"


def test_the_core_bundle_is_at_most_200_kb() -> None:
    print("\nBytes:", ", ".join(f"{path.name} {path.stat().st_size}" for path in sorted(STATIC.iterdir())))
    assert (STATIC / "panel.js").stat().st_size <= 240_000
