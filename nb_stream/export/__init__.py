"""Write a transcript as a file: `export(transcript, "run.html")`. Needs no kernel and no browser."""

from __future__ import annotations

import gzip
import os
import pathlib
from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from json import dumps
from typing import IO, Any, Protocol

from ..core.model import Cell, RunInfo
from ..core.transcript import Transcript as Transcript
from ..core.transcript import exporters

SUFFIXES = (".html", ".md", ".txt", ".json", ".ipynb", ".agui.jsonl")
"""What a transcript can be written as; each may end in `.gz` besides."""


class Exportable(Protocol):
    """What is exported; `Transcript` is one."""

    @property
    def cells(self) -> tuple[Cell, ...]: ...
    @property
    def runs(self) -> tuple[RunInfo, ...]: ...
    def to_dict(self) -> dict[str, Any]: ...


def export(transcript: Exportable, path: str | os.PathLike[str]) -> None:
    """Write a transcript to `path`, whose suffix says as what; a file that is there is replaced when all is written.

    Raises ValueError for a suffix that is not in `SUFFIXES`, OSError where the file cannot be written.
    """
    target = pathlib.Path(path).expanduser()
    pieces = _written(transcript, target.name)
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with _opened(beside, target.suffix.lower() == ".gz") as file:
            for piece in pieces:
                file.write(piece.encode("utf-8", "replace"))
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)


def suffix_of(name: str) -> str:
    """The suffix of a file's name that says as what a transcript is written, or an empty text."""
    return next((suffix for suffix in SUFFIXES if name.lower().removesuffix(".gz").endswith(suffix)), "")


def _written(transcript: Exportable, name: str) -> Iterable[str]:
    cells: Sequence[Cell] = transcript.cells
    runs: Sequence[RunInfo] = transcript.runs
    suffix = suffix_of(name)
    if suffix == ".html":
        from .html import page

        return page(cells, runs)
    if suffix == ".md":
        from .markdown import markdown

        return (markdown(cells, runs),)
    if suffix == ".txt":
        from .text import text

        return text(cells, runs)
    if suffix == ".json":
        from .json import pieces

        return pieces(transcript.to_dict())
    if suffix == ".ipynb":
        from .notebook import notebook

        return (dumps(notebook(cells, runs), ensure_ascii=False, indent=1) + "\n",)
    if suffix == ".agui.jsonl":
        from .agui import events, lines

        return lines(events(cells, runs))
    raise ValueError(f"Cannot tell what to write from the name {name!r}. Let it end in {', '.join(SUFFIXES)}.")


def _late(module: str, name: str) -> Callable[..., Any]:
    """A function of a module that is imported when it is first called."""
    return lambda *arguments: getattr(import_module(f"{__name__}.{module}"), name)(*arguments)


exporters.update(
    mimebundle=_late("shown", "shown"),
    markdown=_late("markdown", "markdown"),
    html=_late("html", "page"),
    notebook=_late("notebook", "notebook"),
    agui=_late("agui", "events"),
)


def _opened(path: pathlib.Path, zipped: bool) -> IO[bytes]:
    return gzip.open(path, "wb") if zipped else open(path, "wb")  # type: ignore[return-value]
