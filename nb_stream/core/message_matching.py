"""Which streamed text belongs to a message.

The id of a chunk usually, but not always, is the id of its message. A thought may take the id away from its answer,
text before a tool call may have no message or come again as a thought, the calls of a tool loop may share one id, and
some agents give none. So an id that matches decides. If none matches, the text decides; and if the text was changed on
its way, the one call that is left without an id.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from . import think_tags
from .model import CellKind, Message
from .transcript import StreamingCall, StreamingCell

REPLACES = (CellKind.TEXT, CellKind.STRUCTURED)
"""The kinds of message that end a streamed text although they differ from it."""


class AgentEvent(Protocol):
    """What all events of an agent have."""

    @property
    def agent(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def turn(self) -> str | None: ...


def own(lives: Sequence[StreamingCall], event: AgentEvent) -> list[StreamingCall]:
    """The calls that an event can be about: of its agent and its turn, as far as turns are known."""
    return [
        live
        for live in lives
        if live.path == event.path
        and live.agent == event.agent
        and (event.turn is None or live.turn is None or live.turn == event.turn)
    ]


def inside(lives: Sequence[StreamingCall], event: Message) -> list[StreamingCall]:
    """The calls of somebody else in the turn that a message ends: an agent of the user's own hands on what an agent
    inside it streams, and signs the answer itself."""
    if not event.final or event.turn is None:
        return []
    return [live for live in lives if live.turn == event.turn and (live.path, live.agent) != (event.path, event.agent)]


def repeated(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The one of these calls whose text a message says again, or None."""
    return _first_fitting(lives, lambda live: _equals(live, event.text)) if event.kind in REPLACES else None


def answer_of(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The one of an agent's calls that a message ends, or None where it stands for itself."""
    if event.kind is CellKind.TOOL_CALL:  # it says what has to happen next, never what was said
        return None
    found = by_id(lives, event.message_id) or _first_fitting(lives, lambda live: _equals(live, event.text))
    if found is not None or event.kind not in REPLACES:
        return found
    nameless = [live for live in lives if live.message_id is None or live.renamed]
    begun = _first_fitting(nameless, lambda live: _begins(live, event.text))
    if begun is not None or nameless:
        return begun or nameless[0]
    alone = event.turn is not None or len(lives) == 1
    return _first_fitting(lives, lambda live: _begins(live, event.text)) if alone else None


def thought_of(lives: Sequence[StreamingCall], event: Message) -> StreamingCall | None:
    """The one of an agent's calls that a thought came from, or None."""
    found = by_id(lives, event.message_id)
    if found is None:
        found = _first_fitting(lives, lambda live: is_thought(live, event.text) or is_aside(live, event.text))
    return found or (lives[0] if len(lives) == 1 else None)


def by_id(lives: Sequence[StreamingCall], message_id: str | None) -> StreamingCall | None:
    """The call with this id, or None; no id matches nothing."""
    return None if message_id is None else _first_fitting(lives, lambda live: live.message_id == message_id)


def is_thought(live: StreamingCall, text: str) -> bool:
    """Whether a thought is the one that was streamed between marks."""
    return live.thought is not None and think_tags.same(text, live.thought.text)


def is_aside(live: StreamingCall, text: str) -> bool:
    """Whether a thought is the text that was streamed before a tool call: some model clients report it as one."""
    return _equals(live, text)


def is_answer(live: StreamingCall, text: str) -> bool:
    """Whether a message is what was streamed behind the thought."""
    return _answer_text(live).strip() == text.strip()


def in_thought(live: StreamingCall) -> bool:
    """Whether what is pending belongs to the thought."""
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
    """A whole text as its pieces would join in cells: without marks."""
    return "".join(think_tags.split("start", text)[1:]).strip()


def _streamed(live: StreamingCall) -> tuple[str, str]:
    """What was streamed, without its thought (which may have had a message of its own) and with it."""
    thought, answer = _text_of(live.thought), _answer_text(live)
    if in_thought(live):
        thought += live.pending
    return answer.strip(), (thought + answer).strip()


def _answer_text(live: StreamingCall) -> str:
    return _text_of(live.answer) + ("" if in_thought(live) else live.pending)


def _text_of(writing: StreamingCell | None) -> str:
    return "" if writing is None else writing.text
