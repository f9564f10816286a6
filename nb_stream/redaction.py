"""Rewrite what is written into a recording: a user's own `redact` function, and keys in error messages.

A secret may be cut by the borders of chunks, so streamed text is rewritten only when its message is complete; until
then it waits, and everything that came after it waits behind it, so that order and times stay.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from .model import Chunk, CodeResult, Event, Message, Notice, RunFinished, ToolCall, ToolResults

Redact = Callable[[str], str]
"""Gets a text of a run, gives what may be kept of it."""

FAILED = "[not recorded: the redact function failed]"

_TEXTS = ("text", "task", "output", "error", "traceback", "stop_reason", "answer")
_KEYS = re.compile(r"\b(?:sk|pk|rk|ghp|gho|xox[abp]|hf|AIza)[-_A-Za-z0-9]{16,}|(?<=Bearer )\S+")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL", re.IGNORECASE)


def scrub(event: Event) -> Event:
    """An event without keys: servers and client libraries repeat the key that they refuse, in a run's error or in that
    of a tool, and a message passes it on. Errors lose all that looks like a key; everything that is no chunk loses what
    the environment holds as a secret."""
    if isinstance(event, RunFinished) and event.error:
        return replace(event, error=_without_keys(event.error), traceback=_without_keys(event.traceback))
    if isinstance(event, Notice):
        return replace(event, text=_without_keys(event.text))
    if isinstance(event, Message):
        return replace(event, text=_without_secrets(event.text))
    if isinstance(event, ToolResults):
        return replace(event, results=tuple(map(_scrubbed, event.results)))
    if isinstance(event, CodeResult):
        clean = _without_keys if event.exit_code else _without_secrets
        return replace(event, output=clean(event.output))
    return event


def _scrubbed(call: ToolCall) -> ToolCall:
    clean = _without_keys if call.is_error else _without_secrets
    return call if call.result is None else replace(call, result=clean(call.result))


def _without_secrets(text: str) -> str:
    for name, value in os.environ.items():
        if len(value) >= 12 and _SECRET.search(name):
            text = text.replace(value, "[key removed]")
    return text


def _without_keys(text: str) -> str:
    return _KEYS.sub("[key removed]", _without_secrets(text))


class Redactor:
    """Rewrites a sequence of events. `complain` is told once where the function fails; nothing of a text that it
    failed on is kept."""

    def __init__(self, redact: Redact, complain: Callable[[str], None]) -> None:
        if not callable(redact):
            raise TypeError(f"redact is a function that takes a text and returns one, not {type(redact).__name__}.")
        self._redact = redact
        self._complain = complain
        self._told = False
        self._waiting: list[Event] = []
        self._open: dict[tuple[str, str, str | None, str | None], list[int]] = {}

    def feed(self, event: Event) -> list[Event]:
        """Take an event; the events that can be written now."""
        if isinstance(event, Chunk):
            key = (event.path, event.agent, event.turn, event.message_id)
            self._open.setdefault(key, []).append(len(self._waiting))
            self._waiting.append(event)
            return []
        path, turn = getattr(event, "path", None), getattr(event, "turn", None)
        for key in list(self._open):
            if isinstance(event, RunFinished) or (key[0] == path and turn in (None, key[2])):
                self._close(self._open.pop(key))
        self._waiting.append(self.event(event))
        return [] if self._open else self.rest()

    def all(self, events: Iterable[Event]) -> Iterator[Event]:
        """What is kept of a whole sequence."""
        for event in events:
            yield from self.feed(event)
        yield from self.rest()

    def rest(self) -> list[Event]:
        """Everything that waits; text that is not complete is rewritten as it stands."""
        for places in self._open.values():
            self._close(places)
        self._open = {}
        done, self._waiting = self._waiting, []
        return done

    def _close(self, places: list[int]) -> None:
        """Rewrite the text of a model call and cut it where it was cut, or in proportion."""
        chunks: list[Any] = [self._waiting[place] for place in places]
        whole = "".join(chunk.text for chunk in chunks)
        kept = self.text(whole)
        if kept == whole:
            return
        start = end = 0
        for place, chunk in zip(places, chunks, strict=True):
            end += len(chunk.text)
            cut = len(kept) * end // max(1, len(whole))
            self._waiting[place] = replace(chunk, text=kept[start:cut])
            start = cut

    def event(self, event: Event) -> Event:
        """An event that is no chunk, with all its texts rewritten; names and ids stay."""
        changes: dict[str, Any] = {
            name: self.text(value) for name in _TEXTS if isinstance(value := getattr(event, name, None), str) and value
        }
        for name in ("tool_calls", "results"):
            if calls := getattr(event, name, ()):
                changes[name] = tuple(
                    replace(
                        call,
                        arguments=self.text(call.arguments),
                        result=None if call.result is None else self.text(call.result),
                    )
                    for call in calls
                )
        if data := getattr(event, "data", None):
            changes["data"] = self.deep(data)
        return replace(event, **changes) if changes else event

    def text(self, text: str) -> str:
        """What is kept of a text."""
        try:
            kept = self._redact(text)
            if isinstance(kept, str):
                return kept
            reason = f"it returned {type(kept).__name__} and not a text"
        except Exception as error:  # noqa: BLE001 - the run must not fail for it, and the text must not be written
            reason = f"{type(error).__name__}: {error}"
        if not self._told:
            self._told = True
            self._complain(f"The redact function failed ({reason}); texts it failed on are not recorded.")
        return FAILED

    def deep(self, value: Any) -> Any:
        """What is kept of JSON values."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {key: self.deep(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.deep(item) for item in value]
        return value
