"""Writes a transcript as a file: `export(transcript, "run.html")`. It needs no kernel and no browser.

`FORMATS` is the list of forms. The command line and the help read it, so that a new form is one module and one entry.
"""

from __future__ import annotations

import contextlib
import gzip
import os
import pathlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from json import dumps
from typing import IO, Any, NamedTuple, Protocol

from ..core.model import AgentInfo, Cell, Event, RunInfo
from ..core.transcript import Transcript as Transcript
from ..core.transcript import exporters


class Exportable(Protocol):
    """A thing that can be exported, such as a `Transcript`."""

    @property
    def cells(self) -> tuple[Cell, ...]: ...
    @property
    def runs(self) -> tuple[RunInfo, ...]: ...
    def to_dict(self) -> dict[str, Any]: ...


def _late(module: str, name: str) -> Callable[..., Any]:
    """A function of a module of this package. The module is imported when the function is first called."""
    return lambda *arguments: getattr(import_module(f"{__name__}.{module}"), name)(*arguments)


_html, _markdown, _text = _late("html", "page"), _late("markdown", "markdown"), _late("text", "text")
_notebook, _agui = _late("notebook", "notebook"), _late("agui", "events")


class Format(NamedTuple):
    """A form in which a transcript can be written. `pieces` makes the text of the file, piece by piece. `words` say in
    the help of the command line what the file is for."""

    pieces: Callable[[Exportable], Iterable[str]]
    words: str


FORMATS: Mapping[str, Format] = {
    ".html": Format(lambda said: _html(said.cells, said.runs), "one page without scripts, to read, to print, to send"),
    ".md": Format(lambda said: (_markdown(said.cells, said.runs),), "Markdown, for a pull request"),
    ".txt": Format(lambda said: _text(said.cells, said.runs), "plain text"),
    ".json": Format(
        lambda said: _late("json", "pieces")(said.to_dict()),
        "the transcript as data (nb_stream.recording.reader.load_transcript reads it back)",
    ),
    ".ipynb": Format(
        lambda said: (dumps(_notebook(said.cells, said.runs), ensure_ascii=False, indent=1) + "\n",),
        "a notebook, a cell for each message",
    ),
    ".agui.jsonl": Format(
        lambda said: _late("agui", "lines")(_agui(said.cells, said.runs)),
        "events of the AG-UI protocol, for other front ends",
    ),
}
"""The forms of export by the suffix of the file. Another one is a module that writes it, and an entry here."""

SUFFIXES = tuple(FORMATS)
"""The suffixes of the forms. `.gz` may stand behind each of them."""

exporters.update(mimebundle=_late("shown", "shown"), markdown=_markdown, html=_html, notebook=_notebook, agui=_agui)


def export(transcript: Exportable, path: str | os.PathLike[str]) -> None:
    """Write a transcript to `path` in the form that its suffix names. An existing file is replaced only when everything
    is written.

    Raises ValueError for a suffix that is not in `SUFFIXES`, and OSError if the file cannot be written.
    """
    target = pathlib.Path(path).expanduser()
    suffix = suffix_of(target.name)
    if not suffix:
        raise ValueError(
            f"Cannot tell what to write from the name {target.name!r}. Let it end in {', '.join(SUFFIXES)}."
        )
    _write(FORMATS[suffix].pieces(transcript), target)


def export_interactive(
    recorded: Transcript | Iterable[Event],
    path: str | os.PathLike[str],
    *,
    agents: Sequence[AgentInfo] = (),
    models: Mapping[str, str] | None = None,
    title: str = "",
) -> None:
    """Write a page to `path` that shows the panel and plays the events that were recorded. A transcript has no times of
    chunks, so its page plays nothing. `agents` stand in the header even if they said nothing; `models` are the names
    of their models, by path.

    Raises ValueError if `path` does not end in `.html` or `.html.gz`, and OSError if the file cannot be written.
    """
    target = pathlib.Path(path).expanduser()
    if suffix_of(target.name) != ".html":
        raise ValueError(f"Only a page can be interactive: let the name {target.name!r} end in .html.")
    if isinstance(recorded, Transcript):
        pieces = _late("interactive", "still_page")(recorded, title)
    else:
        pieces = _late("interactive", "recorded_page")(recorded, agents, models or {}, title)
    _write(pieces, target)


def _write(pieces: Iterable[str], target: pathlib.Path) -> None:
    beside = target.with_name(f".{target.name}.{os.getpid()}.part")  # on the same disk, so that it can be renamed
    try:
        with _opened(beside, target.suffix.lower() == ".gz") as file:
            for piece in pieces:
                file.write(piece.encode("utf-8", "replace"))
        os.replace(beside, target)
    except OSError as error:
        raise OSError(error.errno, f"{error.strerror or error}. {_remedy(target)}", str(target)) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)


def _remedy(target: pathlib.Path) -> str:
    """What to do if a file cannot be written."""
    if not target.parent.exists():
        return f"There is no folder {str(target.parent)!r}: make it first, or name another one"
    return "A folder has this name: name a file in it" if target.is_dir() else "Name a place where you may write"


def suffix_of(name: str) -> str:
    """The one of `SUFFIXES` with which a file's name ends, or an empty text. `.gz` at the end does not count."""
    return next((suffix for suffix in SUFFIXES if name.lower().removesuffix(".gz").endswith(suffix)), "")


def _opened(path: pathlib.Path, zipped: bool) -> IO[bytes]:
    return gzip.open(path, "wb") if zipped else open(path, "wb")  # type: ignore[return-value]
