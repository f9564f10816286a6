"""What AutoGen's messages mean: each message class of AgentChat as an `Event`.

The only module that knows the message classes' fields. A class that is not listed is shown by its own `to_text()`:
nothing that a team yields is dropped.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from autogen_agentchat.messages import (
    BaseChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    HandoffMessage,
    MemoryQueryEvent,
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

from ..model import CellKind, CodeResult, Event, Message, ToolCall, ToolResults, Usage


def event_of(message: Any, path: str, turn: str | None, final: bool) -> Event:
    """The event that a message of a team stands for, as said by the agent at `path`."""
    said: dict[str, Any] = {
        "agent": message.source,
        "path": path,
        "at": time.time(),
        "message_id": message.id,
        "turn": turn,
        "type": type(message).__name__,
    }
    if isinstance(message, ToolCallExecutionEvent):
        return ToolResults(results=tuple(_result(r) for r in message.content), **said)
    if isinstance(message, CodeExecutionEvent):
        result = message.result
        return CodeResult(output=str(result.output), exit_code=result.exit_code, **said)
    kind, text, data = _content(message)
    calls = getattr(message, "content", ()) if isinstance(message, ToolCallRequestEvent) else ()
    usage = message.models_usage
    counted = usage is not None and (usage.prompt_tokens or usage.completion_tokens)  # 0 and 0: nobody counted
    return Message(
        kind=kind,
        text=text,
        data=data,
        final=final,
        usage=Usage(usage.prompt_tokens, usage.completion_tokens) if counted else None,
        tool_calls=tuple(ToolCall(call.id, call.name, str(call.arguments)) for call in calls),
        **said,
    )


def _result(result: Any) -> ToolCall:
    return ToolCall(result.call_id, result.name, "", str(result.content), bool(result.is_error))


def _content(message: Any) -> tuple[CellKind, str, dict[str, Any]]:
    for classes, read in _READERS:
        if isinstance(message, classes):
            return read(message)
    return CellKind.OTHER, _as_text(message), {}


def _as_text(message: Any) -> str:
    try:
        return str(message.to_text())
    except Exception as error:  # noqa: BLE001 - a class of the user's own may fail here; the message must not be lost for it
        return f"{type(message).__name__} could not be shown as text: {error}"


def _structured(message: Any) -> tuple[CellKind, str, dict[str, Any]]:
    content = message.content
    value = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
    return CellKind.STRUCTURED, json.dumps(value, ensure_ascii=False), {"value": value}


def _multimodal(message: Any) -> tuple[CellKind, str, dict[str, Any]]:
    texts: list[str] = []
    images: list[str] = []
    for part in message.content:
        if isinstance(part, Image):
            texts.append(f"[image {len(images) + 1}]")
            images.append(part.data_uri)
        else:
            texts.append(str(part))
    return CellKind.TEXT, "\n".join(texts), {"images": images}


def _code(message: Any) -> tuple[CellKind, str, dict[str, Any]]:
    blocks = [{"code": str(block.code), "language": block.language} for block in message.code_blocks]
    return CellKind.CODE, message.content, {"code_blocks": blocks, "retry_attempt": message.retry_attempt}


def _memory(message: Any) -> tuple[CellKind, str, dict[str, Any]]:
    texts = [str(entry.content) for entry in message.content]
    return CellKind.MEMORY, "\n".join(texts), {"count": len(texts)}


_Reader = Callable[[Any], "tuple[CellKind, str, dict[str, Any]]"]

_READERS: tuple[tuple[tuple[type, ...], _Reader], ...] = (
    ((TextMessage, ToolCallSummaryMessage, StopMessage), lambda m: (CellKind.TEXT, m.content, {})),
    ((ThoughtEvent,), lambda m: (CellKind.THOUGHT, m.content, {})),
    ((ToolCallRequestEvent,), lambda m: (CellKind.TOOL_CALL, "", {})),
    ((HandoffMessage,), lambda m: (CellKind.HANDOFF, m.content, {"target": m.target})),
    ((StructuredMessage,), _structured),
    ((MultiModalMessage,), _multimodal),
    ((CodeGenerationEvent,), _code),
    ((MemoryQueryEvent,), _memory),
    ((SelectSpeakerEvent,), lambda m: (CellKind.SELECTION, ", ".join(m.content), {"agents": list(m.content)})),
    ((SelectorEvent,), lambda m: (CellKind.SELECTION, m.content, {})),
    ((UserInputRequestedEvent,), lambda m: (CellKind.INPUT, "", {"request_id": m.request_id})),
    ((BaseChatMessage,), lambda m: (CellKind.TEXT, _as_text(m), {})),
)
