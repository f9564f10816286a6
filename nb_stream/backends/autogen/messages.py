"""Turns each message of AgentChat into an `Event`, so that nothing else must know AutoGen's message classes.

This is the only module that knows the fields of the message classes. A message of a class that is not listed is shown
by its own `to_text()`. Nothing that a team yields is dropped, even if reading it raises (`reading`).

AutoGen 0.7.5 says less than a reader needs, and `core.message_matching` makes sense of the rest:

- The id of a chunk (`full_message_id`) is the id of its message. But a thought takes the id away from its answer
  (`_assistant_agent.py`, step 4), the calls of a tool loop share one id, and the chunks of CodeExecutorAgent and of
  selectors have no id.
- The client for OpenAI reports text before a tool call as a thought. It writes `<think>` marks round
  `reasoning_content`, and takes them off again by stripping characters, which eats letters of the thought
  (`_openai_client.py`).
- A selector that streams reports the words of its model (SelectorEvent) and then the choice (SelectSpeakerEvent).
- AutoGen reports no usage of streamed calls if nobody asked to count, of calls of a selector or an orchestrator, and of
  drafts of code.

Some text was written by no model: a program printed it, or a tool gave it. Its event has `preformatted` in its data. It
is shown as it is, and never read as Markdown. A message class of the user's own says so by an attribute,
`preformatted = True`, and a single message by its `metadata={"preformatted": "true"}`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from autogen_agentchat.messages import (
    BaseChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    HandoffMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    SelectorEvent,
    SelectSpeakerEvent,
    StopMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
    UserInputRequestedEvent,
)
from autogen_core import Image
from pydantic import BaseModel

from ...concurrency.clock import now
from ...core.model import CellKind, Chunk, CodeResult, Event, Message, ToolCall, ToolResults, Usage
from .reading import NEVER_CAUGHT, brief, class_name, is_a, json_form, reason, source_of, tried, words

ReportFault = Callable[[str], None]

_MAX_TOKENS = 2**53
"""From this count on, many readers of JSON do not read a number exactly."""

_MAX_FAULTS = 20  # sentences in one run


def event_of(
    message: Any,
    path: str,
    turn: str | None,
    final: bool,
    *,
    name: str = "",
    printed: bool = False,
    tell: ReportFault = lambda sentence: None,
) -> Event:
    """The event of a message that the agent at `path` said. `name` is taken as the author if the message names none.
    `final` says that the message is the last one of its `turn`, and `printed` that a program wrote its text. `tell`
    gets a sentence for each part that could not be read. Raises nothing but KeyboardInterrupt and CancelledError."""
    reader = _Reader(message)
    said: dict[str, Any] = {
        "agent": source_of(message, name),
        "path": path,
        "at": now(),
        "message_id": reader.text_or_none("id"),
        "turn": turn,
    }
    try:
        event = _event_from(reader, said, final, printed)
    except NEVER_CAUGHT:
        raise
    except BaseException as error:  # noqa: BLE001 - the message must not be lost, whatever its class raises
        text = f"{reader.name} could not be shown: {brief(error)}"
        event = Message(kind=CellKind.OTHER, text=text, type=reader.name, final=final, **said)
        reader.faults.clear()
        tell(f"A message of {said['agent']} could not be read. {text}.")
    if reader.faults:
        tell(f"Not all of a {reader.name} of {said['agent']} could be read: {'; '.join(dict.fromkeys(reader.faults))}.")
    return event


def text_of(message: Any) -> str:
    """The text of a message for a reader."""
    return _as_text(_Reader(message))


class Faults:
    """The sentences on what could not be read in one run. Each is told once, because a team may yield a thousand
    messages of a class that fails. The backend makes one for each run."""

    def __init__(self) -> None:
        self._told: set[str] = set()
        self._news: list[str] = []

    def tell(self, sentence: str) -> None:
        """Note a sentence, unless it was told already."""
        if sentence not in self._told and len(self._told) < _MAX_FAULTS:
            self._told.add(sentence)
            self._news.append(sentence)

    def news(self) -> list[str]:
        """The sentences that were noted since the last call."""
        news, self._news = self._news, []
        return news


class _Reader:
    """Reads the members of one message, and notes what could not be read."""

    def __init__(self, message: Any) -> None:
        self.message = message
        self.name = class_name(message)
        self.faults: list[str] = []

    def get(self, name: str, otherwise: Any = None) -> Any:
        """A member, as it is; `otherwise` if reading it fails."""
        return self.of(self.message, name, otherwise)

    def of(self, thing: Any, name: str, otherwise: Any = None) -> Any:
        """A member of a part of the message."""
        try:
            return getattr(thing, name)
        except NEVER_CAUGHT:
            raise
        except BaseException as error:  # noqa: BLE001 - any property may raise anything
            self.faults.append(f"its {name} raised {brief(error)}")
            return otherwise

    def text(self, name: str) -> str:
        """A member as a text."""
        return words(self.get(name))

    def text_or_none(self, name: str) -> str | None:
        """A member that is a text; None for everything else."""
        value = tried(lambda: getattr(self.message, name), None)
        return words(value) if is_a(value, str) else None

    def parts(self, name: str) -> Iterable[Any]:
        """The items of a member that is a list; nothing for every other value."""
        value = self.get(name, ())
        return value if is_a(value, (list, tuple)) else ()


def _event_from(reader: _Reader, said: dict[str, Any], final: bool, printed: bool) -> Event:
    message = reader.message
    said["type"] = reader.name
    if is_a(message, ToolCallExecutionEvent):
        return ToolResults(results=tuple(_tool_result(reader, result) for result in reader.parts("content")), **said)
    if is_a(message, CodeExecutionEvent):
        result = reader.get("result")
        code = _token_count(reader.of(result, "exit_code", 0), negative=True)
        return CodeResult(output=words(reader.of(result, "output")), exit_code=code, **said)
    kind, text, data = _content(reader)
    if kind in (CellKind.TEXT, CellKind.OTHER) and (printed or _is_preformatted(message)):
        data["preformatted"] = True
    calls = reader.parts("content") if is_a(message, ToolCallRequestEvent) else ()
    return Message(
        kind=kind,
        text=text,
        data=data,
        final=final,
        usage=_usage_of(tried(lambda: message.models_usage, None)),
        tool_calls=tuple(_tool_call(reader, call) for call in calls),
        **said,
    )


def chunk_of(message: Any, agent: str, path: str, turn: str | None) -> Chunk:
    """The chunk of a streamed piece of text. There are many of these, so plain strings take the short way."""
    text = tried(lambda: message.content, "")
    message_id = tried(lambda: message.full_message_id, None)
    return Chunk(
        agent,
        path,
        now(),
        text if type(text) is str else words(text),
        message_id if type(message_id) is str else None,
        turn,
    )


def copied(chunk: Any, text: str) -> Any:
    """A streamed piece of text like `chunk`, with another text."""
    made = tried(lambda: chunk.model_copy(update={"content": text}), None)
    return made or ModelClientStreamingChunkEvent(source=source_of(chunk), content=text)


def is_chunk(message: Any) -> bool:
    """Whether a message is a piece of streamed text."""
    return is_a(message, ModelClientStreamingChunkEvent)


def _is_preformatted(message: Any) -> bool:
    """Whether no model wrote the text of a message. The text of a ToolCallSummaryMessage comes from tools."""
    if is_a(message, ToolCallSummaryMessage) or tried(lambda: message.preformatted is True, False):
        return True
    return tried(lambda: str(message.metadata["preformatted"]).lower() in ("true", "yes", "1"), False)


def _usage_of(usage: Any) -> Usage | None:
    """The tokens of a message; None if nobody counted them. AutoGen may say that by 0 and 0, too."""
    counted = Usage(
        _token_count(tried(lambda: usage.prompt_tokens, 0)), _token_count(tried(lambda: usage.completion_tokens, 0))
    )
    return counted or None


def _token_count(value: Any, *, negative: bool = False) -> int:
    least = -_MAX_TOKENS if negative else 0
    return int(value) if type(value) is int and least <= value < _MAX_TOKENS else 0


def _tool_call(reader: _Reader, call: Any) -> ToolCall:
    call_id, name, arguments = (words(reader.of(call, name)) for name in ("id", "name", "arguments"))
    return ToolCall(call_id, name, arguments)


def _tool_result(reader: _Reader, result: Any) -> ToolCall:
    call_id, name, content = (words(reader.of(result, name)) for name in ("call_id", "name", "content"))
    return ToolCall(call_id, name, "", content, tried(lambda: bool(result.is_error), False))


def _content(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    for classes, read in _READERS:
        if is_a(reader.message, classes):
            return read(reader)
    return CellKind.OTHER, _as_text(reader), {}


def _as_text(reader: _Reader) -> str:
    """The text of a message by its own `to_text`. If that fails, a sentence that says so, and the content."""
    try:
        text = reader.message.to_text()
        if not is_a(text, str):
            raise TypeError(f"to_text returned {class_name(text)}")
        return words(text)
    except NEVER_CAUGHT:
        raise
    except BaseException as error:  # noqa: BLE001 - a class of the user's own may fail here in any way
        sentence = f"{reader.name} could not be shown as text: {reason(error)}"
    content = words(tried(lambda: reader.message.content, None))
    return f"{sentence}\n\n{content}" if content else sentence


def _structured(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    content = reader.get("content")
    try:
        value = content.model_dump(mode="json") if is_a(content, BaseModel) else content
        text = json.dumps(value, ensure_ascii=False)
    except NEVER_CAUGHT:
        raise
    except BaseException as error:  # noqa: BLE001 - a value without a JSON form, or a serialiser of the user's own
        reader.faults.append(f"its content has no JSON form ({brief(error)})")
        value = json_form(content)
        text = json.dumps(value, ensure_ascii=False)
    return CellKind.STRUCTURED, text, {"value": json_form(value)}


def _multimodal(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    texts: list[str] = []
    images: list[str] = []
    for part in reader.parts("content"):
        if is_a(part, Image):
            images.append(words(reader.of(part, "data_uri", "")))
            texts.append(f"[image {len(images)}]")
        else:
            texts.append(words(part))
    return CellKind.TEXT, "\n".join(texts), {"images": images}


def _code_message(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    blocks = [
        {name: words(reader.of(block, name)) for name in ("code", "language")} for block in reader.parts("code_blocks")
    ]
    attempts = _token_count(reader.get("retry_attempt", 0))
    return CellKind.CODE, reader.text("content"), {"code_blocks": blocks, "retry_attempt": attempts}


def _memory(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    texts = [words(reader.of(entry, "content")) for entry in reader.parts("content")]
    return CellKind.MEMORY, "\n".join(texts), {"count": len(texts)}


def _speakers(reader: _Reader) -> tuple[CellKind, str, dict[str, Any]]:
    names = [words(name) for name in reader.parts("content")]
    return CellKind.SELECTION, ", ".join(names), {"agents": names}


def _with(kind: CellKind, *names: str) -> _Read:
    """A reader that takes the content as the text, and puts the members with these names into the data."""
    return lambda reader: (kind, reader.text("content"), {name: reader.text(name) for name in names})


_Read = Callable[[_Reader], "tuple[CellKind, str, dict[str, Any]]"]

_READERS: tuple[tuple[tuple[type, ...], _Read], ...] = (
    ((TextMessage, ToolCallSummaryMessage, StopMessage), _with(CellKind.TEXT)),
    ((ThoughtEvent,), _with(CellKind.THOUGHT)),
    ((ToolCallRequestEvent,), lambda reader: (CellKind.TOOL_CALL, "", {})),
    ((HandoffMessage,), _with(CellKind.HANDOFF, "target")),
    ((StructuredMessage,), _structured),
    ((MultiModalMessage,), _multimodal),
    ((CodeGenerationEvent,), _code_message),
    ((MemoryQueryEvent,), _memory),
    ((SelectSpeakerEvent,), _speakers),
    ((SelectorEvent,), _with(CellKind.SELECTION)),
    ((UserInputRequestedEvent,), lambda reader: (CellKind.INPUT, "", {"request_id": reader.text("request_id")})),
    ((BaseChatMessage,), lambda reader: (CellKind.TEXT, _as_text(reader), {})),
)
