"""The command line: `python -m nb_stream demo` opens JupyterLab on the quick start, with a scripted model."""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from . import cli
from .serve.command import add_command

_NOTIFICATION = "@jupyterlab/apputils-extension:notification"
"""JupyterLab's settings for its notifications (4.6, `schemas/@jupyterlab/apputils-extension/notification.json`)."""

QUICKSTART = pathlib.Path("notebooks", "01_quickstart.ipynb")


def parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    top = argparse.ArgumentParser(prog="python -m nb_stream", description="Token streaming for AutoGen teams.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="open JupyterLab on the quick-start notebook",
        description="Open JupyterLab on the quick-start notebook. Its teams run on a scripted model: no key, no "
        "network. In a checkout the notebooks are opened in place, elsewhere as copies in a new folder.",
    )
    demo.add_argument("--port", type=int, default=8888, help="the port of JupyterLab; the next free one is taken")
    demo.add_argument("--no-browser", action="store_true", help="print the address, open no browser")
    demo.set_defaults(run=_demo)
    cli.add_commands(commands)
    add_command(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except KeyboardInterrupt:
        return 130


def _demo(options: argparse.Namespace) -> int:
    return demo(options.port, browser=not options.no_browser)


def demo(port: int, *, browser: bool) -> int:
    """Open JupyterLab on the quick start and wait for its end. Returns its exit code."""
    if importlib.util.find_spec("jupyterlab") is None:
        print('The demo needs JupyterLab. Install it with: pip install "nb_stream[demo]"', file=sys.stderr)
        return 1
    folder = _folder()
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        f"--port={port}",
        f"--LabApp.default_url=/lab/tree/{QUICKSTART.as_posix()}",
    ]
    if not browser:
        command.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")  # a container may have no other user; the server listens on this machine only
    print(f"Opening {folder / QUICKSTART}. Stop with Ctrl-C.")
    with tempfile.TemporaryDirectory(prefix="nb_stream-demo-") as defaults:
        return subprocess.run(command, cwd=folder, env=_without_news(pathlib.Path(defaults)), check=False).returncode


def _without_news(folder: pathlib.Path) -> dict[str, str]:
    """An environment in which JupyterLab does not look for updates, and does not cover the notebook with the question
    whether it may fetch news. `folder` becomes the first folder of defaults (`JUPYTER_CONFIG_PATH`). The user's own
    settings still win over defaults."""
    file = folder / "labconfig" / "default_setting_overrides.json"
    file.parent.mkdir()
    file.write_text(json.dumps({_NOTIFICATION: {"fetchNews": "false", "checkForUpdates": False}}))
    path = os.pathsep.join(filter(None, [str(folder), os.environ.get("JUPYTER_CONFIG_PATH")]))
    return {**os.environ, "JUPYTER_CONFIG_PATH": path}


def _folder() -> pathlib.Path:
    """The folder to open: the current folder if it is a checkout, else a new one with copies of the notebooks."""
    here = pathlib.Path.cwd()
    if (here / QUICKSTART).is_file() and (here / "nb_stream").is_dir():
        return here
    package = pathlib.Path(__file__).parent
    source = next(path for path in (package / QUICKSTART, package.parent / QUICKSTART) if path.is_file())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="nb_stream-demo-"))
    (folder / QUICKSTART.parent).mkdir()
    for notebook in source.parent.glob("*.ipynb"):
        shutil.copy(notebook, folder / QUICKSTART.parent)
    return folder


if __name__ == "__main__":
    sys.exit(main())
