"""What a panel leaves in the notebook: its transcript as plain HTML and text, in an output of its own.

A widget is lost when a saved notebook is opened without its kernel, and JupyterLab then ignores every other
representation in the widget's own output. So each display of a panel brings a second output with a display id, which
is filled when a run ends. The panel's style sheet hides it while the live panel stands beside it.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Sequence
from typing import Any

from .export.html import fragment
from .export.text import text
from .model import Cell, RunInfo
from .transcript import Transcript

LEAVES = ("transcript", "summary", "nothing")
"""What a panel may leave: all that was said, a line for each run, or nothing."""


class StaticOutput:
    """The static output of one panel. `title` stands above it; `leave` is one of `LEAVES`."""

    def __init__(self, title: str, leave: str) -> None:
        if leave not in LEAVES:
            raise ValueError(f"leave is one of {', '.join(map(repr, LEAVES))}, not {leave!r}.")
        self._title = title
        self._leave = leave
        self._display_id: str | None = None

    def show(self, transcript: Transcript) -> None:
        """Put the output into the cell that is being run; one that stands in an earlier cell is emptied."""
        if self._leave == "nothing" or not _in_kernel():
            return
        if self._display_id is not None:
            self._publish(Transcript(), update=True)
        self._display_id = uuid.uuid4().hex
        self._publish(transcript, update=False)

    def update(self, transcript: Transcript) -> None:
        """Bring the output up to date, where there is one."""
        if self._display_id is not None:
            self._publish(transcript, update=True)

    def bundle(self, transcript: Transcript) -> dict[str, str]:
        """The output's representations. Without runs it takes no room on the page."""
        cells: Sequence[Cell] = transcript.cells
        runs: Sequence[RunInfo] = transcript.runs
        if self._leave == "summary":
            cells = ()
        html = "".join(fragment(cells, runs)) if runs else ""
        return {
            "text/html": f'<div class="nbs-static">{html}</div>',
            "text/plain": f"Transcript of {self._title}\n" + "".join(text(cells, runs)),
        }

    def _publish(self, transcript: Transcript, *, update: bool) -> None:
        import IPython.display as ipython

        publish: Any = ipython.publish_display_data
        publish(self.bundle(transcript), transient={"display_id": self._display_id}, update=update)


def _in_kernel() -> bool:
    ipython: Any = sys.modules.get("IPython")
    return ipython is not None and getattr(ipython.get_ipython(), "kernel", None) is not None
