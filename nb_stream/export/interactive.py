"""Writes a page that lives: the panel's own front end with a recording in it, in one file.

The page needs no kernel, no server and no network. Readers search, filter, fold and copy in it, and play the recording
with its original timing. Its policy lets nothing be loaded, and lets no script run but the parts of the front end, each
by its hash. A browser without scripts shows the page of `html`, which stands in the same file.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from json import dumps

from ..core.model import AgentInfo, Event
from ..core.transcript import Transcript
from ..wire.front_end import digested, module_source
from .html import page_body, page_style, page_title
from .timed_frames import FrameRecorder, TimedFrames, still

_POLICY_FOR_SCRIPTS = (
    "default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; base-uri 'none'; "
    "form-action 'none'"
)
_MAY_BE_FORMULA = re.compile(r"\$|\\[(\[]|\\begin|math")


def recorded_page(
    events: Iterable[Event], agents: Sequence[AgentInfo], models: Mapping[str, str], title: str = ""
) -> Iterator[str]:
    """One whole page that plays these events, in pieces. `models` are the names of models by the path of their agent.
    `title` stands above the panel."""
    recorder = FrameRecorder(agents, models, title)
    frames = recorder.play(events)
    yield from _living_page(recorder.transcript, frames, title)


def still_page(transcript: Transcript, title: str = "") -> Iterator[str]:
    """One whole page that shows a transcript, in pieces. It plays nothing, because a transcript has no times of
    chunks."""
    yield from _living_page(transcript, still(transcript, title), title)


def _living_page(transcript: Transcript, frames: TimedFrames, title: str) -> Iterator[str]:
    heading = page_title(transcript.runs, title)
    parts = {digested("panel"): module_source("panel"), digested("extras"): module_source("extras")}
    if any(_MAY_BE_FORMULA.search(cell.text) for cell in transcript.cells):
        parts["math"] = module_source("math")
    script = module_source("interactive")
    hashes = " ".join(_source_hash(source) for source in (script, *parts.values()))
    data = dumps({"parts": parts, **frames}, ensure_ascii=False, separators=(",", ":"))
    yield (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY_FOR_SCRIPTS.format(hashes=hashes)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n<meta name="generator" content="nb_stream">\n'
        f"<title>{escape(heading)}</title>\n<noscript><style>{page_style()}</style></noscript>\n</head>\n<body>\n"
        '<script id="nb-stream-data" type="application/gzip;base64">'
    )
    packed = gzip.compress(data.encode("utf-8", "replace"), mtime=0)
    yield base64.b64encode(packed).decode()
    # The script stands before the static page, so that it need not wait until a long one is parsed.
    yield f"</script>\n<script>{script}</script>\n<noscript>\n"
    yield from page_body(transcript.cells, transcript.runs, heading)
    yield "</noscript>\n</body>\n</html>\n"


def _source_hash(source: str) -> str:
    """What a policy calls a script that may run."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
