"""The package can be installed without node or a network for the front end, and everything it needs is in it."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import tarfile
import zipfile

import pytest

from tests.support.paths import ROOT


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with the wheel and the sdist, built where no node can be found."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)],
        check=True,
        capture_output=True,
        env={"PATH": "/usr/bin/does-not-exist", **_keep()},
    )
    return folder


def _keep() -> dict[str, str]:
    import os

    return {name: value for name, value in os.environ.items() if name != "PATH"}


def names(folder: pathlib.Path, suffix: str) -> list[str]:
    path = next(folder.glob(f"*{suffix}"))
    if suffix == ".whl":
        return zipfile.ZipFile(path).namelist()
    return [name.partition("/")[2] for name in tarfile.open(path).getnames()]


STATIC_FILES = ["loader.js", "panel.js", "extras.js", "math.js", "interactive.js", "page.css"]
NEEDED = ["nb_stream/py.typed", "nb_stream/panel.py", *(f"nb_stream/static/{name}" for name in STATIC_FILES)]


@pytest.mark.parametrize("suffix", [".whl", ".tar.gz"])
def test_the_front_end_and_the_types_are_in(built: pathlib.Path, suffix: str) -> None:
    inside = names(built, suffix)
    assert [name for name in NEEDED if name not in inside] == []
    assert not [name for name in inside if "node_modules" in name]


def test_the_wheel_has_the_notebooks_and_no_source_of_the_front_end(built: pathlib.Path) -> None:
    inside = names(built, ".whl")
    notebooks = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert sorted(name for name in inside if name.endswith(".ipynb")) == [
        f"nb_stream/notebooks/{name}" for name in notebooks
    ]
    assert not [name for name in inside if name.startswith("nb_stream/frontend")]


def test_binder_installs_what_the_package_asks_for() -> None:
    assert (ROOT / "binder" / "requirements.txt").read_text().split() == ["-e", ".[demo]"]
