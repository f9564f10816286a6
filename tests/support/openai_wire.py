"""What a chat-completions server says: replies as data, and the JSON that OpenAI's protocol makes of them.

Pure, so that ``openai_server`` is left with connections and faults.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Body: TypeAlias = dict[str, Any]
Fault: TypeAlias = Literal["drop", "reset", "malformed", "error", "stall", "eof"]


@dataclass(frozen=True)
class ToolCall:
    """One tool call of a reply; ``arguments`` is the JSON text that the model wrote."""

    name: str
    arguments: str
    id: str = "call_1"


@dataclass(frozen=True)
class Reply:
    """A completion, and what goes wrong with it.

    ``chunk`` is the size of a streamed delta in characters and ``pace`` the seconds before each one; without
    streaming the whole answer takes as long. ``usage`` is sent as ``"asked"`` (in the last chunk if the
    request has ``stream_options.include_usage``, always without streaming), ``"every"`` (in each chunk, as
    some providers do) or ``"never"``. ``empty_chunks`` chunks without a choice come first.

    ``fault`` strikes after ``fault_after`` deltas of a stream, or in the middle of a body that is not
    streamed: ``"drop"`` closes the connection before the body is complete, ``"reset"`` does so with a TCP
    reset, ``"malformed"`` sends what is not JSON, ``"error"`` an error object in place of a chunk or of the
    body, ``"eof"`` ends the body cleanly without the rest, and ``"stall"`` sends nothing until
    ``OpenAIServer.release()``, then goes on.
    """

    text: str = ""
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    chunk: int = 8
    pace: float = 0.0
    usage: Literal["asked", "every", "never"] = "asked"
    empty_chunks: int = 0
    finish_reason: str | None = None
    fault: Fault | None = None
    fault_after: int = 1


@dataclass(frozen=True)
class HttpError:
    """An answer that is an error: its status, message and ``Retry-After`` in seconds."""

    status: int
    message: str = "The scripted server refuses this request."
    retry_after: float | None = None


@dataclass(frozen=True)
class Raw:
    """An answer as some server really sends it: ``whole`` without streaming, ``events`` with it.

    An event that is a mapping is sent as JSON behind ``data:``, a text as it stands, bytes without anything round them.
    ``refuses`` names what of a streaming request is answered with status 400.
    """

    whole: Body
    events: tuple[Body | str | bytes, ...]
    content_type: str = "text/event-stream"
    refuses: str = ""


Answer: TypeAlias = Reply | HttpError | Raw


def by_system(answers: Mapping[str, Answer]) -> Callable[[Body], Answer]:
    """Choose the answer whose key occurs in the request's system message, so that agents differ."""

    def choose(body: Body) -> Answer:
        system = " ".join(str(m["content"]) for m in body["messages"] if m["role"] == "system")
        for key, answer in answers.items():
            if key in system:
                return answer
        return HttpError(500, f"No answer is scripted for the system message {system!r}.")

    return choose


def deltas_of(reply: Reply) -> list[Body]:
    """What a stream says in each chunk: reasoning, then text, then the tool calls one after another."""
    deltas: list[Body] = [{"reasoning_content": piece} for piece in _pieces(reply.reasoning, reply.chunk)]
    deltas += [{"content": piece} for piece in _pieces(reply.text, reply.chunk)]
    for index, call in enumerate(reply.tool_calls):
        opening = {"index": index, "id": call.id, "type": "function", "function": _function(call.name, "")}
        deltas.append({"tool_calls": [opening]})
        for piece in _pieces(call.arguments, reply.chunk):
            deltas.append({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})
    return deltas


def completion_of(reply: Reply, body: Body) -> Body:
    """The answer to a request that does not stream."""
    message: Body = {"role": "assistant", "content": reply.text or None}
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": call.id, "type": "function", "function": _function(call.name, call.arguments)}
            for call in reply.tool_calls
        ]
    choice = {"index": 0, "message": message, "finish_reason": finish_reason_of(reply), "logprobs": None}
    usage = None if reply.usage == "never" else usage_of(reply, body)
    return {**_frame(body, "chat.completion"), "choices": [choice], "usage": usage}


def chunk_body(body: Body, choices: list[Body], usage: Body | None) -> Body:
    """One event of a stream."""
    return {**_frame(body, "chat.completion.chunk"), "choices": choices, "usage": usage}


def _frame(body: Body, kind: str) -> Body:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1_700_000_000, "model": body["model"]}


def choice_body(delta: Body, finish_reason: str | None = None) -> Body:
    """The one choice of a stream's event."""
    return {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": None}


def _function(name: str, arguments: str) -> Body:
    return {"name": name, "arguments": arguments}


def finish_reason_of(reply: Reply) -> str:
    """What the reply names as its finish reason, or what fits its content."""
    return reply.finish_reason or ("tool_calls" if reply.tool_calls else "stop")


def usage_of(reply: Reply, body: Body) -> Body:
    """Words as tokens: what matters is that streaming or not makes no difference."""
    said = [reply.reasoning, reply.text, *(f"{call.name} {call.arguments}" for call in reply.tool_calls)]
    prompt = sum(len(str(message.get("content")).split()) for message in body["messages"])
    completion = sum(len(text.split()) for text in said)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _pieces(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


def error_body(message: str) -> Body:
    """OpenAI's error object."""
    return {"error": {"message": message, "type": "scripted_error", "param": None, "code": None}}
