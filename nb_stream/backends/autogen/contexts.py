"""Keeps what a model client was given for a call, and reads it when somebody asks.

AutoGen hands the messages of an agent over as a new list of the same objects for each call. So a call is kept as
references: the list costs eight bytes for each message, and no text is copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from autogen_core import FunctionCall, Image
from autogen_core.models import AssistantMessage, FunctionExecutionResultMessage, SystemMessage, UserMessage
from autogen_core.tools import Tool

from ...core.call_context import CallContext, GivenMessage
from ...core.model import ToolCall
from .reading import json_form, tried, words

OPTIONS = (
    "temperature",
    "top_p",
    "max_tokens",
    "max_completion_tokens",
    "n",
    "seed",
    "stop",
    "frequency_penalty",
    "presence_penalty",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "parallel_tool_calls",
)
"""The options of a call that are shown. Others may be addresses, headers or keys of a client."""


class GivenContext:
    """What a client was given for one call; calling it reads it. The `HeardCalls` of a run make one for each call.

    `before` is the context of the same agent's call before, by which messages are known as new.
    """

    __slots__ = ("_given", "_messages", "_new", "prompt_tokens")

    def __init__(self, messages: Any, given: Mapping[str, Any], before: GivenContext | None) -> None:
        self._messages = tuple(messages) if isinstance(messages, (list, tuple)) else ()
        self._given = {name: value for name, value in given.items() if value}
        self._new = _new_places(self._messages, () if before is None else before._messages)
        self.prompt_tokens: int | None = None

    def __call__(self) -> CallContext:
        """Read it. Raises nothing: a message that cannot be read is shown as its class writes it."""
        new = set(self._new)
        return CallContext(
            tuple(_message(message, number in new) for number, message in enumerate(self._messages)),
            tuple(_schema(tool) for tool in self._given.get("tools", ())),
            _options(self._given),
            self.prompt_tokens,
        )


def _new_places(messages: tuple[Any, ...], before: tuple[Any, ...]) -> range | tuple[int, ...]:
    """The places of the messages that do not stand in `before`. As a rule, these are the last ones."""
    same = 0
    for message, other in zip(messages, before, strict=False):
        if message is not other and message != other:
            break
        same += 1
    if same == len(before):
        return range(same, len(messages))
    known = set(map(id, before))
    return tuple(n for n in range(same, len(messages)) if id(messages[n]) not in known)


def _message(message: Any, is_new: bool) -> GivenMessage:
    found: GivenMessage | None = tried(lambda: _known_message(message, is_new), None)
    return found or GivenMessage("other", text=words(message), is_new=is_new)


def _known_message(message: Any, is_new: bool) -> GivenMessage | None:
    source = words(getattr(message, "source", ""))
    if isinstance(message, SystemMessage):
        return GivenMessage("system", text=message.content, is_new=is_new)
    if isinstance(message, UserMessage):
        text, images = _parts(message.content)
        return GivenMessage("user", source, text, images=images, is_new=is_new)
    if isinstance(message, AssistantMessage):
        calls: tuple[ToolCall, ...] = ()
        text = ""
        if isinstance(message.content, str):
            text = message.content
        else:
            calls = tuple(map(_call, message.content))
        return GivenMessage("assistant", source, text, message.thought or "", calls, is_new=is_new)
    if isinstance(message, FunctionExecutionResultMessage):
        results = tuple(
            ToolCall(result.call_id, result.name, "", result.content, bool(result.is_error))
            for result in message.content
        )
        return GivenMessage("tool", tool_calls=results, is_new=is_new)
    return None


def _parts(content: Any) -> tuple[str, tuple[str, ...]]:
    if isinstance(content, str):
        return content, ()
    texts = [part for part in content if isinstance(part, str)]
    return "\n".join(texts), tuple(part.data_uri for part in content if isinstance(part, Image))


def _call(call: FunctionCall) -> ToolCall:
    return ToolCall(call.id, call.name, call.arguments)


def _schema(tool: Any) -> Mapping[str, Any]:
    schema: Any = tried(lambda: tool.schema if isinstance(tool, Tool) else tool, None)
    return json_form(dict(schema)) if isinstance(schema, Mapping) else {"name": words(schema)}


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call that may be shown, as JSON values."""
    options: dict[str, Any] = {}
    for name in ("json_output", "tool_choice"):
        value = given.get(name)
        if isinstance(value, (Tool, type)):
            value = value.name if isinstance(value, Tool) else value.__name__
        if value not in (None, "auto"):
            options[name] = value
    extra = given.get("extra_create_args")
    if isinstance(extra, Mapping):
        options.update({name: extra[name] for name in OPTIONS if name in extra})
    return {name: json_form(value) for name, value in options.items()}
