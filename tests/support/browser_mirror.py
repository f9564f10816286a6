"""The browser's side of the wire in Python: applies frames as `frontend/src/comm/store.ts` does, and finds gaps."""

from __future__ import annotations

import json
import zlib
from typing import Any


class BrowserMirror:
    """A page: opened with a snapshot, fed with frames. `stale` says that it has to ask for its state again."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.stale = False
        self.notices: list[str] = []
        self._restore(through_json(snapshot))
        self.seq = snapshot["seq"]

    def receive(self, frame: dict[str, Any]) -> None:
        frame = through_json(frame)
        if frame["seq"] <= self.seq:
            return
        whole = any(op["op"] == "snapshot" for op in frame["ops"])
        if frame["seq"] != self.seq + 1 and not whole:
            self.stale = True
        self.seq = frame["seq"]
        for op in frame["ops"]:
            if not getattr(self, f"_{op['op']}")(op):
                self.stale = True

    @property
    def cells(self) -> list[dict[str, Any]]:
        return [*self.settled, *self.live.values()]

    def text(self, path: str) -> str:
        """The live text of an agent."""
        return "".join(cell["text"] for cell in self.live.values() if cell["path"] == path)

    def _agents(self, op: dict[str, Any]) -> bool:
        self.agents = op["agents"]
        return True

    def _state(self, op: dict[str, Any]) -> bool:
        self.state = op["state"], op["detail"]
        return True

    def _chunk(self, op: dict[str, Any]) -> bool:
        return bool(op["source"])  # a part of the front end: nothing of the transcript

    def _notice(self, op: dict[str, Any]) -> bool:
        self.notices.append(op["text"])
        return True

    def _run(self, op: dict[str, Any]) -> bool:
        self.runs[op["run"]["id"]] = op["run"]
        return True

    def _cell(self, op: dict[str, Any]) -> bool:
        cell = op["cell"]
        if not any(settled["id"] == cell["id"] for settled in self.settled):
            text = self.live[cell["id"]]["text"] if cell["id"] in self.live else ""
            self.live[cell["id"]] = {**cell, "text": text}
        return True

    def _append(self, op: dict[str, Any]) -> bool:
        cell = self.live.get(op["id"])
        if cell is None:
            return any(settled["id"] == op["id"] for settled in self.settled)
        if op["at"] > len(cell["text"]):
            return False
        cell["text"] += op["text"][len(cell["text"]) - op["at"] :]
        return True

    def _settle(self, op: dict[str, Any]) -> bool:
        cell, index = op["cell"], op["index"]
        if index > len(self.settled) or (index < len(self.settled) and self.settled[index]["id"] != cell["id"]):
            return False
        old = self.live.pop(cell["id"], None) or (self.settled[index] if index < len(self.settled) else {"text": ""})
        text = cell.get("text", old["text"])
        self.settled[index : index + 1] = [{**cell, "text": text}]
        return len(text) == op["length"] and zlib.crc32(text.encode()) == op["digest"]

    def _totals(self, op: dict[str, Any]) -> bool:
        lengths = {cell_id: len(cell["text"]) for cell_id, cell in self.live.items()}
        return op["settled"] == len(self.settled) and op["live"] == lengths

    def _snapshot(self, op: dict[str, Any]) -> bool:
        self._restore(op["snapshot"])
        return True

    def _restore(self, snapshot: dict[str, Any]) -> None:
        self.stale = False
        self.agents = snapshot["agents"]
        self.state = snapshot["state"], snapshot["detail"]
        self.runs = {run["id"]: run for run in snapshot["runs"]}
        assert snapshot["first"] == 0, (
            "the mirror keeps to short sessions; tests/wire/test_both_halves.py has long ones"
        )
        self.settled = list(snapshot["settled"])
        self.live = {cell["id"]: cell for cell in snapshot["live"]}


def through_json(value: dict[str, Any]) -> dict[str, Any]:
    """What arrives of it: UTF-8 that has to be valid, and values that share nothing with the kernel's."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8"))


def size(frame: dict[str, Any]) -> int:
    """The bytes that a frame costs on the wire, with the envelope of a Jupyter message."""
    return len(json.dumps(frame, ensure_ascii=False).encode("utf-8")) + 600
