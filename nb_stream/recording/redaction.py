"""Rewriting the texts of a recording: by the user's own `redact` function, and without secrets of the environment.

The borders of chunks may cut a secret in two. Nobody knows what `redact` looks for, so streamed text is rewritten only
when its message is complete. Until then the text waits, and all later events wait behind it, so that their order and
times stay. The secrets of the environment are known beforehand, so only chunks that may be the beginning of one wait.
"""

from __future__ import annotations

import functools
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..core.model import (
    Chunk,
    CodeResult,
    Event,
    Message,
    ModelCallKey,
    Notice,
    RunFinished,
    ToolCall,
    ToolResults,
    TurnEnded,
)
from .chunk_batch import by_call

Redact = Callable[[str], str]
"""Gets a text of a run, and returns the text that may be kept in its place."""

REDACT_FAILED = "[not recorded: the redact function failed]"
KEY_REMOVED = "[key removed]"

_TEXTS = ("text", "task", "output", "error", "traceback", "stop_reason", "answer")
_KEYS = re.compile(
    r"\b(?:sk[-_]|[pr]k_(?:live|test)_|xox[abp]-|gh[opusr]_|github_pat_|hf_|AIza)[-_A-Za-z0-9]{16,}"
    r"|(?<=Bearer )[-.~+/_A-Za-z0-9]{8,}=*"
)
_SECRET = re.compile(r"SECRET|PASSW|PASSPHRASE|CREDENTIAL", re.IGNORECASE)
_PERHAPS = re.compile(r"(?:KEY|TOKEN)S?(?![A-Z])", re.IGNORECASE)  # but neither KEYCLOAK nor TOKENIZERS
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*://[^@]*", re.IGNORECASE)  # without a user and a password
_PLACE = re.compile(r"(?:~|\.{0,2}/|[A-Za-z]:[/\\])(?:.*[._~ \\-].*|[^A-Z]*)")  # a base64 text may begin with a slash
_RANDOM = re.compile(r"(?=[^/?&=]*\d)(?=[^/?&=]*[A-Za-z])[-_+~A-Za-z0-9]{20,}")
_WORD = "(?:[A-Z]?[a-z]{1,14}|[A-Z]{1,15})"
_WORDS = re.compile(rf"{_WORD}(?:[ _./:;,-]+{_WORD})*|[\d.:,TZ+-]+")
_SHORTEST = 12  # characters of a secret at least: a shorter text may be a word


def scrub(event: Event) -> Event:
    """An event without secrets; a chunk is given back as it is (see `sift`).

    Servers and client libraries repeat the key that they refuse in the error of a run or of a tool, and tasks,
    arguments, answers and messages may contain one. So all texts lose the secrets of the environment, and errors also
    lose everything that looks like a key. Names and ids stay.
    """
    secrets = _secrets()

    def known(text: str) -> str:
        return _without(text, secrets)

    def any_key(text: str) -> str:
        return _KEYS.sub(_judged, known(text))

    if isinstance(event, ToolResults):
        results = tuple(_redacted_call(result, any_key if result.is_error else known) for result in event.results)
        return event if _same(results, event.results) else replace(event, results=results)
    if isinstance(event, (RunFinished, Notice)) or (isinstance(event, CodeResult) and event.exit_code):
        return rewritten(event, any_key)
    return rewritten(event, known) if secrets else event


def scrubbed(value: Any) -> Any:
    """JSON values without the secrets of the environment."""
    secrets = _secrets()
    return _deep(value, lambda text: _without(text, secrets)) if secrets else value


def sift(chunks: list[Chunk], *, end: bool) -> tuple[list[Chunk], list[Chunk]]:
    """Chunks without the secrets of the environment, wherever the chunks cut them; and in a second list, the last
    chunks, if they may be the beginning of a secret. The caller gives these again with the chunks that follow. At the
    `end`, the second list is empty.

    If another event comes in the middle of a secret, the part of the secret before that event stays.
    """
    secrets = _secrets()
    if not secrets:
        return chunks, []
    kept, now = list(chunks), len(chunks)
    for places in by_call(chunks):
        whole = "".join([chunks[place].text for place in places])
        clean = _without(whole, secrets)
        if clean is not whole:
            _cut_in_proportion(kept, places, whole, clean)
        begun = 0 if end else max(_begun_length(clean, secret) for secret in secrets)
        if begun:
            now = min(now, _holding(kept, places, begun))
    return kept[:now], kept[now:]


def _begun_length(text: str, secret: str) -> int:
    """How many characters at the end of a text may be the beginning of a secret."""
    tail = text[1 - len(secret) :]
    at = tail.find(secret[0])
    while at >= 0 and not secret.startswith(tail[at:]):
        at = tail.find(secret[0], at + 1)
    return len(tail) - at if at >= 0 else 0


def _holding(chunks: Sequence[Chunk], places: Sequence[int], last: int) -> int:
    """The place of the chunk in which the `last` characters of a text begin."""
    for place in reversed(places):
        last -= len(chunks[place].text)
        if last <= 0:
            return place
    return places[0]


def _secrets() -> list[str]:
    """The secrets of the environment, as they are and as they stand in JSON; the longest comes first."""
    found = {value for name in os.environ if _is_secret(name, value := os.environ.get(name, "").strip())}
    found |= {json.dumps(value)[1:-1] for value in found}
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


@functools.lru_cache(1024)
def _is_secret(name: str, value: str) -> bool:
    """Whether a variable of the environment holds a secret, by its name and its value.

    A password may consist of words. A "key" that consists of words or is a number is no secret. An address is a secret
    only if it contains a password or a key.
    """
    if len(value) < _SHORTEST or not (_SECRET.search(name) or _PERHAPS.search(name)):
        return False
    if _ADDRESS.fullmatch(value) or _PLACE.fullmatch(value):
        return _RANDOM.search(value) is not None
    return bool(_SECRET.search(name)) or _WORDS.fullmatch(value) is None


def _without(text: str, secrets: Iterable[str]) -> str:
    for secret in secrets:
        if secret in text:
            text = text.replace(secret, KEY_REMOVED)
    return text


def _judged(found: re.Match[str]) -> str:
    """Remove what looks like a key if it has digits; without digits it is a word."""
    return KEY_REMOVED if any(map(str.isdigit, found[0])) else found[0]


def rewritten(event: Event, text: Callable[[str], str]) -> Event:
    """An event that is no chunk, with all its texts rewritten; names and ids stay. The same object if none changes."""
    changes: dict[str, Any] = {
        name: new
        for name in _TEXTS
        if isinstance(old := getattr(event, name, None), str) and old and (new := text(old)) is not old
    }
    for name in ("tool_calls", "results"):
        calls = getattr(event, name, ())
        new_calls = tuple(_redacted_call(call, text) for call in calls)
        if not _same(new_calls, calls):
            changes[name] = new_calls
    data = getattr(event, "data", None)
    if data and (new_data := _deep(data, text)) is not data:
        changes["data"] = new_data
    return replace(event, **changes) if changes else event


def _redacted_call(call: ToolCall, text: Callable[[str], str]) -> ToolCall:
    arguments, result = text(call.arguments), None if call.result is None else text(call.result)
    if arguments is call.arguments and result is call.result:
        return call
    return replace(call, arguments=arguments, result=result)


def _deep(value: Any, text: Callable[[str], str]) -> Any:
    """JSON values with their texts rewritten; the same object if nothing changes."""
    if isinstance(value, str):
        return text(value)
    if isinstance(value, Mapping):
        items = {key: _deep(item, text) for key, item in value.items()}
        return value if all(items[key] is item for key, item in value.items()) else items
    if isinstance(value, (list, tuple)):
        parts = [_deep(item, text) for item in value]
        return value if _same(parts, value) else parts
    return value


def _same(new: Sequence[object], old: Sequence[object]) -> bool:
    return all(a is b for a, b in zip(new, old, strict=True))


def _cut_in_proportion(chunks: list[Any], places: Sequence[int], whole: str, kept: str) -> None:
    """Replace the text of the chunks at `places`, together `whole`, by `kept`, cut in the same proportions."""
    start = end = 0
    for place in places:
        end += len(chunks[place].text)
        cut = len(kept) * end // max(1, len(whole))
        chunks[place] = replace(chunks[place], text=kept[start:cut])
        start = cut


class Redactor:
    """Rewrites a sequence of events by the user's function. A `RecordFile` owns one, on the thread that writes.

    If the function fails, `complain` gets a sentence once, and nothing is kept of the texts for which it failed.
    """

    def __init__(self, redact: Redact, complain: Callable[[str], None]) -> None:
        if not callable(redact):
            raise TypeError(f"redact is a function that takes a text and returns one, not {type(redact).__name__}.")
        self._redact = redact
        self._complain = complain
        self._told = False
        self._waiting: list[Event] = []
        self._open: dict[ModelCallKey, list[int]] = {}

    def feed(self, event: Event) -> list[Event]:
        """Take an event, and return the events that can be written now."""
        if isinstance(event, Chunk):
            self._open.setdefault(event.key, []).append(len(self._waiting))
            self._waiting.append(event)
            return []
        for key in list(self._open):
            if _ends(event, key.path, key.turn):
                self._close(self._open.pop(key))
        self._waiting.append(self.event(event))
        return [] if self._open else self.rest()

    def all(self, events: Iterable[Event]) -> Iterator[Event]:
        """A whole sequence of events, rewritten."""
        for event in events:
            yield from self.feed(event)
        yield from self.rest()

    def rest(self) -> list[Event]:
        """All events that wait. Text that is not complete is rewritten as it stands."""
        for places in self._open.values():
            self._close(places)
        self._open = {}
        done, self._waiting = self._waiting, []
        return done

    def _close(self, places: list[int]) -> None:
        """Rewrite the text of a model call."""
        chunks: list[Any] = self._waiting
        whole = "".join(chunks[place].text for place in places)
        kept = self.text(whole)
        if kept != whole:
            _cut_in_proportion(chunks, places, whole, kept)

    def event(self, event: Event) -> Event:
        """An event that is no chunk, with all its texts rewritten; names and ids stay."""
        return rewritten(event, self.text)

    def text(self, text: str) -> str:
        """A text as the user's function rewrites it."""
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
        return REDACT_FAILED

    def deep(self, value: Any) -> Any:
        """JSON values with all texts rewritten."""
        return _deep(value, self.text)


def _ends(event: Event, path: str, turn: str | None) -> bool:
    """Whether an event ends the text that an agent was writing."""
    if isinstance(event, TurnEnded) or (isinstance(event, Message) and event.kind.ends_text):
        return event.path == path and event.turn in (None, turn)
    return isinstance(event, RunFinished)
