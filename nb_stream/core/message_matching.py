"""Decides which streamed text belongs to a finished message.

A message says again what its agent has streamed, and a reader must see it once. The id of a chunk usually is the id of
its message, but not always. A thought may take the id away from its answer. Text before a tool call may have no
message, or come again as a thought. The calls of a tool loop may share one id, and some agents give no ids. So there
are three rules, in this order: a call with the same id matches; a call with the same text matches; and if the text was
changed on its way, the call without an id that is left matches.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from . import think_tags
from .model import CellKind, Message
from .transcript import StreamingCall, StreamingCell

REPLACES = (CellKind.TEXT, CellKind.STRUCTURED)
"""The kinds of message that end a streamed text even if their own text differs from it."""


class AgentEvent(Protocol):
    """The fields that all events of an agent have."""

    @property
    def agent(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def turn(self) -> str | None: ...


def own(lives: Sequence[StreamingCall], event: AgentEvent) -> list[StreamingCall]:
    """The calls that an event can be about: those of its agent and its turn. A turn that is not known fits all."""
    return [
        live
        for live in lives
        if live.path == event.path
        and live.agent == event.agent
        and (event.turn is None or live.turn is None or live.turn == event.turn)
    ]


def inside(lives: Sequence[StreamingCall], event: Message) -> list[StreamingCall]:
    """The calls of other agents in the turn that a message ends. A user's own agent may hand on the chunks of an agent
    inside it, and sign the answer itself."""
    if not event.final or event.turn is None:
        return []
    return [live for live in lives if live.turn == event.turn and (live.path, live.agent) != (event.path, event.agent)]


def repeated(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The first of these calls whose text a message says again, or None."""
    return _first_fitting(lives, lambda live: _equals(live, event.text)) if event.kind in REPLACES else None


def answer_of(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The call, among those of its agent, that a message ends. None if the message ends no streamed text."""
    if event.kind is CellKind.TOOL_CALL:  # it says what happens next, and never repeats a streamed text
        return None
    found = by_id(lives, event.message_id) or _first_fitting(lives, lambda live: _equals(live, event.text))
    if found is not None or event.kind not in REPLACES:
        return found
    # From here on, no call has the id or the text of the message: the text was changed on its way.
    nameless = [live for live in lives if live.message_id is None or live.renamed]
    begun = _first_fitting(nameless, lambda live: _begins(live, event.text))
    if begun is not None or nameless:
        return begun or nameless[0]
    # All calls have other ids. If the turn is not known either, one of several calls would be a guess.
    alone = event.turn is not None or len(lives) == 1
    return _first_fitting(lives, lambda live: _begins(live, event.text)) if alone else None


def thought_of(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The call, among those of its agent, that wrote a thought, or None."""
    found = by_id(lives, event.message_id)
    if found is None:
        found = _first_fitting(lives, lambda live: is_thought(live, event.text) or is_aside(live, event.text))
    return found or (lives[0] if len(lives) == 1 else None)


def by_id(lives: Sequence[StreamingCall], message_id: str | None) -> StreamingCall | None:
    """The call with this id, or None. The id None matches no call."""
    return None if message_id is None else _first_fitting(lives, lambda live: live.message_id == message_id)


def is_thought(live: StreamingCall, text: str) -> bool:
    """Whether `text` is the thought that the call streamed between marks."""
    return live.thought is not None and think_tags.same(text, live.thought.text)


def is_aside(live: StreamingCall, text: str) -> bool:
    """Whether `text`, which a message reports as a thought, is what the call streamed before a tool call. Some model
    clients report such text as a thought."""
    return _equals(live, text)


def is_answer(live: StreamingCall, text: str) -> bool:
    """Whether `text` is what the call streamed behind its thought."""
    return _answer_text(live).strip() == text.strip()


def in_thought(live: StreamingCall) -> bool:
    """Whether the pending text of a call belongs to its thought."""
    return live.phase in ("thought", "thought-start", "known-thought")


def _first_fitting(lives: Sequence[StreamingCall], fits: Callable[[StreamingCall], bool]) -> StreamingCall | None:
    return next((live for live in lives if fits(live)), None)


def _equals(live: StreamingCall, text: str) -> bool:
    said = _placed(text)
    return bool(said) and said in _streamed(live)


def _begins(live: StreamingCall, text: str) -> bool:
    said = _placed(text)
    return any(said.startswith(streamed) for streamed in _streamed(live) if streamed)


def _placed(text: str) -> str:
    """A whole text as cells would show its pieces: without marks."""
    return "".join(think_tags.split("start", text)[1:]).strip()


def _streamed(live: StreamingCall) -> tuple[str, str]:
    """The streamed text of a call: without its thought, which may have had a message of its own, and with it."""
    thought, answer = _text_of(live.thought), _answer_text(live)
    if in_thought(live):
        thought += live.pending
    return answer.strip(), (thought + answer).strip()


def _answer_text(live: StreamingCall) -> str:
    return _text_of(live.answer) + ("" if in_thought(live) else live.pending)


def _text_of(writing: StreamingCell | None) -> str:
    return "" if writing is None else writing.text
