"""Shields: each stands between a model client of AutoGen's and the SDK that the client calls, for one call of ours.

AutoGen 0.7.5 reads a stream less carefully than a whole answer. It loses or mixes up tool calls beside text, several
tool calls without an index, the finish reason beside usage, a thought in two parts, and more (`_openai_client.py`,
`create_stream`; `_ollama_client.py`).

So an agent that was built to ask for a whole answer, and is to stream, still calls AutoGen's `create`. The shield asks
the server for a stream, tells the text as it comes, and hands over the whole answer. An agent that was built to stream
calls AutoGen's `create_stream`, and the shield hands over pieces that AutoGen cannot misread.

The client is not changed, because a twin of it makes the call (`private.twin`). If others call the same client at the
same time, they get the client as it is.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from autogen_core.models import ChatCompletionClient

from . import private
from .hearing import Hearing
from .proxy import Proxy


def is_autogen_client(client: Any) -> bool:
    """Whether `create` and `create_stream` of a client are AutoGen's own code, so that both ask the model the same."""
    for name in ("create", "create_stream"):
        module = getattr(getattr(type(client), name, None), "__module__", "")
        if not module.startswith("autogen_ext.models.") or name in getattr(client, "__dict__", ()):
            return False
    inner = getattr(client, "client", None)  # a cache calls this client
    return not hasattr(inner, "create_stream") or is_autogen_client(inner)


def shielded(client: Any, hearing: Hearing) -> Any | None:
    """A twin of a client that makes one call through a shield; None if there is no shield for the client. A cache, or
    another client round a client, gets a twin, too, so that it stays in front of the shield."""
    with contextlib.suppress(TypeError, AttributeError):  # a class of the user's own that cannot have a twin
        for kind in type(client).__mro__:
            if (made := _SHIELDS.get(f"{kind.__module__}.{kind.__name__}")) is not None:
                stand_in = made(private.sdk_client(client), client, hearing)
                return None if stand_in is None else private.twin(client, "_client", stand_in)
        for name, inner in getattr(client, "__dict__", {}).items():
            if isinstance(inner, ChatCompletionClient) and (found := shielded(inner, hearing)) is not None:
                return private.twin(client, name, found)
    return None


# --- OpenAI, and all servers of its protocol --------------------------------------------------------------------------


def _openai(sdk: Any, client: Any, hearing: Hearing) -> Any | None:
    from openai import AsyncOpenAI

    from .openai_shield import ShieldedOpenAI

    return ShieldedOpenAI(sdk, hearing) if isinstance(sdk, AsyncOpenAI) else None


# --- Ollama -----------------------------------------------------------------------------------------------------------


class _Ollama(Proxy):
    """Stands for `ollama.AsyncClient` in one call of AutoGen's client."""

    def __init__(self, sdk: Any, client: Any, hearing: Hearing) -> None:
        super().__init__(sdk)
        self._owner, self._hearing = client, hearing

    async def chat(self, *args: Any, stream: bool = False, **options: Any) -> Any:
        hearing = self._hearing
        hearing.reached = True
        if stream:
            return self._pieces(await self._real.chat(*args, stream=True, **options))
        if not hearing.whole:
            return await self._real.chat(*args, stream=False, **options)
        parts = [part async for part in self._told(await self._real.chat(*args, stream=True, **options))]
        if not parts:
            return await self._real.chat(*args, stream=False, **options)
        last, messages = parts[-1], [part.message for part in parts]
        calls = [call for message in messages for call in message.tool_calls or ()]
        message = last.message.model_copy(
            update={
                "content": "".join(message.content or "" for message in messages),
                "thinking": "".join(message.thinking or "" for message in messages) or None,
                "tool_calls": calls or None,
            }
        )
        return last.model_copy(update={"message": message})

    async def _told(self, stream: Any) -> AsyncIterator[Any]:
        """The parts of a stream as they are, whose text is told."""
        self._hearing.complete = False
        async for part in stream:
            await self._hearing.say(getattr(part.message, "thinking", None), thought=True)
            await self._hearing.say(part.message.content)
            self._hearing.complete = self._hearing.complete or bool(part.done)
            yield part

    async def _pieces(self, stream: Any) -> AsyncIterator[Any]:
        """The stream, with a part without text at its end. AutoGen drops text and usage of an answer of one part."""
        part, called = None, False
        async for part in self._told(stream):
            called = called or bool(part.message.tool_calls)
            yield part
        if part is not None:
            yield part.model_copy(
                update={"message": part.message.model_copy(update={"content": "", "tool_calls": None})}
            )
        if called:
            private.next_tool_id(self._owner)


# --- Anthropic --------------------------------------------------------------------------------------------------------


class _Anthropic(Proxy):
    """Stands for `anthropic.AsyncAnthropic` in one call of AutoGen's client, which mixes thoughts and texts."""

    def __init__(self, sdk: Any, client: Any, hearing: Hearing) -> None:
        super().__init__(sdk)
        self.messages = _AnthropicMessages(sdk.messages, hearing)


class _AnthropicMessages(Proxy):
    def __init__(self, messages: Any, hearing: Hearing) -> None:
        super().__init__(messages)
        self._hearing = hearing

    async def create(self, *args: Any, stream: bool = False, **options: Any) -> Any:
        self._hearing.reached = True
        if stream:
            return self._told(await self._real.create(*args, stream=True, **options))
        if not self._hearing.whole:
            return await self._real.create(*args, **options)
        message, inputs = None, dict[int, str]()
        async for event in self._told(await self._real.create(*args, stream=True, **options)):
            if event.type == "message_start":
                message = event.message
            elif message is not None:
                _grow(message, event, inputs)
        return await self._real.create(*args, **options) if message is None else message

    async def _told(self, stream: Any) -> AsyncIterator[Any]:
        self._hearing.complete = False
        async for event in stream:
            if event.type == "content_block_delta":
                delta = event.delta
                await self._hearing.say(getattr(delta, "thinking", None), thought=True)
                await self._hearing.say(getattr(delta, "text", None))
            self._hearing.complete = self._hearing.complete or event.type == "message_stop"
            yield event


def _grow(message: Any, event: Any, inputs: dict[int, str]) -> None:
    """Add an event of a stream to the message that the stream makes. `inputs` has the JSON of tool calls so far."""
    if event.type == "content_block_start":
        message.content.append(event.content_block)
    elif event.type == "content_block_delta":
        block, delta = message.content[event.index], event.delta
        for name in ("text", "thinking"):
            if isinstance(more := getattr(delta, name, None), str):
                setattr(block, name, (getattr(block, name, None) or "") + more)
        if isinstance(more := getattr(delta, "partial_json", None), str):
            inputs[event.index] = text = inputs.get(event.index, "") + more
            try:
                block.input = json.loads(text)
            except ValueError:
                block.input = text or block.input
    elif event.type == "message_delta":
        message.stop_reason = event.delta.stop_reason or message.stop_reason
        for name in ("input_tokens", "output_tokens"):
            if isinstance(count := getattr(event.usage, name, None), int):
                setattr(message.usage, name, count)


_SHIELDS: dict[str, Callable[[Any, Any, Hearing], Any | None]] = {
    "autogen_ext.models.openai._openai_client.BaseOpenAIChatCompletionClient": _openai,
    "autogen_ext.models.ollama._ollama_client.BaseOllamaChatCompletionClient": _Ollama,
    "autogen_ext.models.anthropic._anthropic_client.BaseAnthropicChatCompletionClient": _Anthropic,
}
"""The shields, by the class of AutoGen 0.7.5 whose calls they know. The classes are named and not imported, because
each needs a package that may be missing."""
