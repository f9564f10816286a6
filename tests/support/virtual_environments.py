"""Virtual environments that tests need beside their own: made once, kept, and safe where two test runs start at once.

They live in ``$NB_STREAM_TEST_CACHE`` (or ``~/.cache/nb_stream-tests``) under a name and a hash of what is in them.
An environment of the Python that runs the tests stands on the packages of the tests and holds only what differs: it is
made in seconds. An environment of another Python holds everything. POSIX only: environments are locked with ``flock``.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
THIS_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@cache
def find_python(version: str) -> Path | None:
    """A working interpreter of that version ("3.12") on PATH or under pyenv, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [Path(sys.executable)] if version == THIS_PYTHON else []
    on_path = shutil.which(f"python{version}")
    candidates += [Path(on_path)] if on_path else []
    candidates += sorted(pyenv.glob(f"versions/{version}.*/bin/python"), reverse=True)
    check = "import ensurepip, sys; print('%d.%d' % sys.version_info[:2])"
    for candidate in candidates:
        # A pyenv shim is on PATH even where the version that it stands for is not selected.
        answer = subprocess.run([candidate, "-c", check], capture_output=True, text=True, check=False)
        if answer.returncode == 0 and answer.stdout.strip() == version:
            return candidate
    return None


def dependencies() -> list[str]:
    """What the package asks for, and what its tests use besides."""
    own = [one for one in metadata.requires("nb_stream") or [] if "extra ==" not in one]
    return [*own, "httpx", "hypothesis", "pytest", "pytest-asyncio"]


def is_here(requirement: str) -> bool:
    """Whether the environment that runs the tests has it."""
    wanted = Requirement(requirement)
    if wanted.marker is not None and not wanted.marker.evaluate():
        return True
    try:
        return wanted.specifier.contains(metadata.version(wanted.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def make(name: str, python: str, requirements: Sequence[str]) -> Path:
    """The Python executable of an environment with these requirements; it is installed at the first call, if the
    environment of the tests is not already one.

    Raises LookupError if no interpreter of that version can be found.
    """
    base = find_python(python)
    if base is None:
        raise LookupError(f"No Python {python} on PATH or under pyenv: install one to test {name}.")
    if python == THIS_PYTHON and all(is_here(requirement) for requirement in requirements):
        return Path(sys.executable)
    below = sysconfig.get_path("purelib") if python == THIS_PYTHON else ""
    digest = hashlib.sha256("\n".join([*requirements, below]).encode()).hexdigest()[:12]
    home = _cache_folder() / f"py{python}-{name}-{digest}"
    executable, complete = home / "bin" / "python", home / "complete"
    with _locked(home.with_name(home.name + ".lock")):
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            subprocess.run([base, "-m", "venv", "--without-pip", home], check=True)
            if below:
                [packages] = home.glob("lib/python*/site-packages")
                (packages / "below.pth").write_text(f"{below}\n")
            pip = [sys.executable, "-m", "pip", "--python", executable, "install", "--quiet", "--no-compile"]
            subprocess.run([*pip, *requirements], check=True)
            complete.touch()
    return executable


def _cache_folder() -> Path:
    default = Path.home() / ".cache" / "nb_stream-tests"
    folder = Path(os.environ.get("NB_STREAM_TEST_CACHE") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Two test runs may start at once: the second waits until the first has made the environment."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
