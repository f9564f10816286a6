"""An interactive export as data: its policy, its scripts, and the recording in it, played without a browser."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Iterator
from typing import Any

from nb_stream.wire.protocol import PROTOCOL_VERSION
from tests.support.browser_mirror import BrowserMirror

_SCRIPT = re.compile(r"<script([^>]*)>(.*?)</script>", re.DOTALL)
_NOSCRIPT = re.compile(r"<noscript>\n?(.*?)</noscript>", re.DOTALL)


class ExportedPage:
    """The text of a page that `export(…, interactive=True)` wrote."""

    def __init__(self, text: str) -> None:
        self.text = text
        policy = re.search(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)">', text)
        assert policy
        self.policy = {
            directive: values for directive, *values in (part.split() for part in html.unescape(policy[1]).split(";"))
        }
        scripts = _SCRIPT.findall(text)
        self.script = next(source for attributes, source in scripts if not attributes)
        packed = [source for attributes, source in scripts if "gzip" in attributes]
        assert len(scripts) == 2
        self.data: dict[str, Any] = json.loads(gzip.decompress(base64.b64decode(packed[0])))
        self.parts: dict[str, str] = self.data["parts"]
        self.head, self.body = _NOSCRIPT.findall(text)

    @property
    def times(self) -> list[int]:
        """The time of each frame, in milliseconds since the beginning."""
        time, times = 0, []
        for after, *_ in self.data["frames"]:
            time += after
            times.append(time)
        return times

    def played(self) -> Iterator[tuple[int, BrowserMirror]]:
        """A page after each frame, with the time of the frame."""
        page = BrowserMirror(self.data["start"])
        frames = self.data["frames"]
        settles = [op for frame in frames for op in frame if isinstance(op, dict) and op.get("op") == "settle"]
        texts = {op["cell"]["id"]: op["cell"].get("text", "").encode("utf-16-le") for op in reversed(settles)}
        for number, (time, (_, *timed)) in enumerate(zip(self.times, frames, strict=True), 1):
            for op in timed:
                page.receive({"v": PROTOCOL_VERSION, "seq": page.seq + 1, "ops": [_op(op, page, texts)]})
            assert not page.stale, f"frame {number} does not fit the ones before it"
            yield time, page

    def at_the_end(self) -> BrowserMirror:
        """A page that has played everything."""
        *_, (_, page) = [(0, BrowserMirror(self.data["start"])), *self.played()]
        return page


def _op(op: Any, page: BrowserMirror, texts: dict[str, bytes]) -> dict[str, Any]:
    """An operation as a kernel would send it. `texts` are what is left of the texts with which cells are settled."""
    if isinstance(op, list):
        cell_id, piece = op
        if isinstance(piece, int):
            whole = texts[cell_id]
            piece, texts[cell_id] = whole[: 2 * piece].decode("utf-16-le"), whole[2 * piece :]
        cell = page.live.get(cell_id)
        return {"op": "append", "id": cell_id, "at": len(cell["text"]) if cell else 0, "text": piece}
    if "statuses" in op:
        rows = [{**row, "status": op["statuses"].get(row["path"], row["status"])} for row in page.agents]
        return {"op": "agents", "agents": rows}
    return dict(op)


def source_hash(source: str) -> str:
    """What a policy calls an inline script."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"
