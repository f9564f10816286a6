"""A model client that speaks from a script.

Demonstrations and tests need a model that answers without a key or a network, the same way every time, at a speed that
can be chosen. It must behave as AutoGen's OpenAI client does: thoughts arrive between literal ``<think>`` tags, text
before a tool call becomes the thought of the result, and a cancelled token raises ``asyncio.CancelledError``. AutoGen's
own ``ReplayChatCompletionClient`` does not do: it splits at whitespace, so its chunks lose newlines and indentation,
and it never waits, so nobody sees it stream.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from autogen_core import CancellationToken, Component, FunctionCall
from autogen_core.models import (
    ChatCompletionClient,
    CreateResult,
    FunctionExecutionResult,
    LLMMessage,
    ModelCapabilities,
    ModelInfo,
    RequestUsage,
)
from autogen_core.tools import Tool, ToolSchema
from pydantic import BaseModel

from .script import Call, Fail, Say, Step, chunks_of, count_tokens, result_of

# What OpenAI charges for an image in low detail.
_IMAGE_TOKENS = 85
_CONTEXT_WINDOW = 128_000

AtEnd: TypeAlias = Literal["cycle", "repeat", "raise"]


class ModelCall(NamedTuple):
    """A call of the client: the method, the number of messages, and the names of the tools that the model may call."""

    method: Literal["create", "create_stream"]
    messages: int
    tools: tuple[str, ...]


class ScriptedClientConfig(BaseModel):
    """The values that ``dump_component`` writes: the whole script. A loaded client starts at its first step."""

    script: list[Say | Call | tuple[Call, ...]]
    pace: float = 0.0
    at_end: AtEnd = "cycle"


class ScriptedClient(ChatCompletionClient, Component[ScriptedClientConfig]):
    """Plays one step of ``script`` for each model call, in the order in which the calls begin.

    ``pace`` is the time in seconds before each chunk. ``create`` takes as long as streaming the same step would. With
    a pace of 0, chunks come as fast as they are read, each after one turn of the event loop, as from a socket. Without
    such a turn, AutoGen would hand on nothing until the whole answer is there.

    ``at_end`` says what follows the last step: ``"cycle"`` starts again, ``"repeat"`` gives the last step for ever,
    ``"raise"`` raises RuntimeError. A call that fails or is cancelled uses up its step and adds nothing to the usage. A
    token is one word-like piece, so both methods report the same usage.

    ``script`` and ``pace`` may be changed at any time; the change acts from the next step or the next chunk on. Like
    every AutoGen client, it is called on one event loop; ``calls`` may be read on any thread.
    """

    component_type = "model"
    component_config_schema = ScriptedClientConfig
    component_provider_override = "nb_stream.demo.ScriptedClient"

    def __init__(self, script: Sequence[Step], *, pace: float = 0.0, at_end: AtEnd = "cycle") -> None:
        if not script:
            raise ValueError("ScriptedClient needs a script of at least one step, such as [Say('Hello.')].")
        if pace < 0:
            raise ValueError(f"ScriptedClient(pace={pace}): the time before a chunk cannot be negative.")
        self.script = tuple(script)
        self.pace = pace
        self._at_end: AtEnd = at_end
        self._calls: tuple[ModelCall, ...] = ()
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)

    @property
    def calls(self) -> tuple[ModelCall, ...]:
        """Every call so far, the oldest first, failed and cancelled ones included."""
        return self._calls

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """The whole answer of the next step, after the time that streaming it would take."""
        cancelled = _link(cancellation_token)
        step = self._next_step(ModelCall("create", len(messages), _tool_names(tools)))
        await _pause(self.pace * len(chunks_of(step)), cancelled)
        return self._finish(step, messages, tools)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = [],
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] = {},
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The chunks of the next step, then the result that ``create`` would have given."""
        cancelled = _link(cancellation_token)
        step = self._next_step(ModelCall("create_stream", len(messages), _tool_names(tools)))
        for chunk in chunks_of(step):
            await _pause(self.pace, cancelled)
            yield chunk
        _raise_if_cancelled(cancelled)
        yield self._finish(step, messages, tools)

    def _next_step(self, call: ModelCall) -> Step:
        number = len(self._calls)
        self._calls += (call,)
        length = len(self.script)
        if number < length or self._at_end == "cycle":
            return self.script[number % length]
        if self._at_end == "repeat":
            return self.script[-1]
        raise RuntimeError(
            f"The script has {length} steps and this is model call {number + 1}. Add steps, or build the "
            'ScriptedClient with at_end="cycle" or at_end="repeat".'
        )

    def _finish(self, step: Step, messages: Sequence[LLMMessage], tools: Sequence[Tool | ToolSchema]) -> CreateResult:
        result = result_of(step, self.count_tokens(messages, tools=tools))
        self._usage = RequestUsage(
            prompt_tokens=self._usage.prompt_tokens + result.usage.prompt_tokens,
            completion_tokens=self._usage.completion_tokens + result.usage.completion_tokens,
        )
        return result

    async def close(self) -> None:
        """Does nothing: there is no connection."""

    def actual_usage(self) -> RequestUsage:
        """The usage of all finished calls."""
        return self._usage

    def total_usage(self) -> RequestUsage:
        """The same as ``actual_usage``: nothing is cached."""
        return self._usage

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """Word-like pieces in the messages and in the tools' JSON schemas."""
        schemas = [tool.schema if isinstance(tool, Tool) else tool for tool in tools]
        in_messages = sum(_tokens_of(message) for message in messages)
        return in_messages + sum(count_tokens(json.dumps(schema)) for schema in schemas)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = []) -> int:
        """How many tokens are left of a context window of 128,000 tokens."""
        return _CONTEXT_WINDOW - self.count_tokens(messages, tools=tools)

    @property
    def capabilities(self) -> ModelCapabilities:
        """The older name of ``model_info``, which AutoGen still requires."""
        return self.model_info

    @property
    def model_info(self) -> ModelInfo:
        """A model that can call tools and write JSON, and cannot see."""
        return ModelInfo(
            vision=False,
            function_calling=True,
            json_output=True,
            structured_output=True,
            family="unknown",
            multiple_system_messages=True,
        )

    def _to_config(self) -> ScriptedClientConfig:
        steps = [step for step in self.script if not isinstance(step, Fail)]
        if len(steps) < len(self.script):
            raise TypeError("A script with a Fail step cannot be dumped: an exception has no JSON form.")
        return ScriptedClientConfig(script=steps, pace=self.pace, at_end=self._at_end)

    @classmethod
    def _from_config(cls, config: ScriptedClientConfig) -> ScriptedClient:
        return cls(config.script, pace=config.pace, at_end=config.at_end)


def _tokens_of(message: LLMMessage) -> int:
    return sum(
        count_tokens(part) if isinstance(part, str) else _IMAGE_TOKENS for part in _content_parts(message.content)
    )


def _content_parts(content: object) -> Iterator[object]:
    """The texts of a message's content, and its images as they are."""
    if isinstance(content, list):
        for item in content:
            yield from _content_parts(item)
    elif isinstance(content, FunctionCall):
        yield content.name
        yield content.arguments
    elif isinstance(content, FunctionExecutionResult):
        yield content.content
    else:
        yield content


def _tool_names(tools: Sequence[Tool | ToolSchema]) -> tuple[str, ...]:
    return tuple(tool.name if isinstance(tool, Tool) else tool["name"] for tool in tools)


def _link(token: CancellationToken | None) -> asyncio.Future[None]:
    """A future that is cancelled when the token is. A model call makes only one, because a token keeps all of them."""
    cancelled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    if token is not None:
        token.link_future(cancelled)
    _raise_if_cancelled(cancelled)
    return cancelled


def _raise_if_cancelled(cancelled: asyncio.Future[None]) -> None:
    if cancelled.cancelled():
        raise asyncio.CancelledError("The cancellation token of this model call was cancelled.")


async def _pause(seconds: float, cancelled: asyncio.Future[None]) -> None:
    if seconds > 0:
        await asyncio.wait((cancelled,), timeout=seconds)
    else:
        await asyncio.sleep(0)
    _raise_if_cancelled(cancelled)
