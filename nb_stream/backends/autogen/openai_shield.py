"""The shield beneath AutoGen's OpenAI client. It asks the server for a stream, and hands over what was asked for.

It stands for the SDK's `AsyncOpenAI`. One method is changed, `post`, through which all calls of chat completions go. So
structured output, errors and retries stay the work of the SDK.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from openai import APIStatusError, AsyncStream
from openai.resources import AsyncBeta, AsyncChat
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ...core.model import Usage
from . import private
from .hearing import Hearing
from .openai_answer import OpenAIAnswer, Piece
from .proxy import Proxy

_COMPLETIONS_PATH = "/chat/completions"


class ShieldedOpenAI(Proxy):
    """Stands for `AsyncOpenAI` in one call of AutoGen's client. That call owns it (`shields.shielded`)."""

    def __init__(self, sdk: Any, hearing: Hearing) -> None:
        super().__init__(sdk)
        self._hearing = hearing
        self.chat, self.beta = AsyncChat(self), AsyncBeta(self)  # type: ignore[arg-type]

    async def post(self, path: str, *, body: Any = None, stream: bool = False, **rest: Any) -> Any:
        """Make a request of the SDK. Requests for other things than chat completions go through as they are."""
        if path != _COMPLETIONS_PATH or not isinstance(body, Mapping):
            return await self._real.post(path, body=body, stream=stream, **rest)
        hearing = self._hearing
        hearing.reached = True
        if stream:
            return _Chunks(await self._stream(body, rest), hearing, body)
        if hearing.whole:
            answer = await self._whole(body, rest)
            if answer is not None:
                return answer
        plain = {name: value for name, value in body.items() if name != "stream_options"}  # refused without stream
        answer = await self._real.post(path, body=plain, stream=False, **rest)
        self._read(answer)
        return answer

    def _read(self, answer: Any) -> None:
        """Note whether a whole answer has a thought, in any of the fields for it."""
        message = getattr(next(iter(getattr(answer, "choices", None) or ()), None), "message", None)
        extra = getattr(message, "model_extra", None) or {}
        self._hearing.reasoned = any(extra.get(name) for name in ("reasoning_content", "reasoning"))

    async def _stream(self, body: Mapping[str, Any], rest: Mapping[str, Any]) -> _Events:
        """Ask for a stream that ends with its usage. Some servers refuse the option for usage: older ones of Azure, and
        those that check every name. They are asked again without it."""
        options = {name: value for name, value in rest.get("options", {}).items() if name != "post_parser"}
        given = body.get("stream_options")
        given = dict(given) if isinstance(given, Mapping) else {}
        request = {**rest, "options": options, "cast_to": object, "stream": True, "stream_cls": _Events}
        asked = {**body, "stream": True, "stream_options": {"include_usage": True, **given}}
        try:
            stream: _Events = await self._real.post(_COMPLETIONS_PATH, body=asked, **request)
        except APIStatusError as error:
            if not _is_about(error, "stream_options", "include_usage"):
                raise
            again = {name: value for name, value in asked.items() if name != "stream_options"}
            stream = await self._real.post(_COMPLETIONS_PATH, body=again, **request)
        return stream

    async def _whole(self, body: Mapping[str, Any], rest: Mapping[str, Any]) -> Any | None:
        """The whole answer, whose text is told while it comes. None if the server does not stream it."""
        hearing, answer = self._hearing, OpenAIAnswer()
        try:
            stream = await self._stream(body, rest)
        except APIStatusError as error:
            if not _is_about(error, "stream"):
                raise
            hearing.refused = "Its model's server refuses to stream."
            return None
        async for piece in _text_pieces(stream, answer, hearing):
            await hearing.say(*piece)
        if not answer.begun:
            return None
        whole: Any = ChatCompletion.model_construct(**answer.whole(str(body.get("model", ""))))
        parser = rest.get("options", {}).get("post_parser")
        return parser(whole) if callable(parser) else whole


class _Events(AsyncStream[object]):
    """A stream of decoded JSON that notes whether the server has sent the end. The server may send lines that are no
    events, or a whole answer as one JSON text in place of a stream."""

    ended = False

    async def _iter_events(self) -> AsyncIterator[Any]:
        async for event in super()._iter_events():
            self.ended = self.ended or event.data.startswith("[DONE]")
            if event.data.strip():
                yield event

    async def whole(self) -> Any | None:
        """The answer, if it came as one JSON text; else None."""
        if "json" not in self.response.headers.get("content-type", ""):
            return None
        text = (await self.response.aread()).lstrip()
        return self.response.json() if text.startswith(b"{") else None


async def _text_pieces(stream: _Events, answer: OpenAIAnswer, hearing: Hearing) -> AsyncIterator[Piece]:
    """The text of an answer as it comes. When the stream has ended, everything else is noted in `hearing`."""
    hearing.complete = False
    try:
        whole = await stream.whole()
        if whole is not None:
            for piece in answer.add_whole(whole):
                yield piece
        else:
            async for body in stream:
                for piece in answer.add(body):
                    yield piece
        for piece in answer.end():
            yield piece
    finally:
        await stream.close()
    hearing.complete = stream.ended or whole is not None or bool(answer.finish_reason or answer.usage_beside)
    hearing.thought = answer.message.get("reasoning_content")
    hearing.reasoned = hearing.reasoned or bool(answer.reasoning)
    counts = answer.usage
    hearing.usage = Usage(counts["prompt_tokens"], counts["completion_tokens"]) if counts else None


class _Chunks:
    """A stream in the one order that AutoGen's `create_stream` reads without a mistake: text alone, then the tool calls
    with their indices, then the finish reason, then the usage."""

    def __init__(self, events: _Events, hearing: Hearing, body: Mapping[str, Any]) -> None:
        self._events, self._hearing, self._answer = events, hearing, OpenAIAnswer()
        self._model = str(body.get("model", ""))
        given = body.get("stream_options")
        self._asked = hearing.asks or (isinstance(given, Mapping) and bool(given.get("include_usage")))
        self._iterator = self._chunks()
        self.response = events.response

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        return await anext(self._iterator)

    async def close(self) -> None:
        """Close the connection."""
        await self._iterator.aclose()
        await self._events.close()

    async def _chunks(self) -> Any:
        answer = self._answer
        async for piece in _text_pieces(self._events, answer, self._hearing):
            await self._hearing.say(*piece)
            if not piece.thought:
                yield self._chunk({"content": piece.text})
            elif answer.thinks_as_autogen_knows:
                yield self._chunk({"reasoning_content": piece.text})
        calls = answer.message.get("tool_calls", ())
        for index, call in enumerate(calls):
            function = {**call["function"], "name": private.tool_name(call["function"]["name"])}
            yield self._chunk({"tool_calls": [{**call, "index": index, "function": function}]})
        reason = "tool_calls" if calls else answer.finish_reason
        yield self._chunk({}, reason, answer.logprobs)
        if answer.usage and (self._asked or not answer.usage_beside):
            yield self._made([], answer.usage)

    def _chunk(self, delta: Any, reason: str | None = None, logprobs: Any = None) -> ChatCompletionChunk:
        return self._made([{"index": 0, "delta": delta, "finish_reason": reason, "logprobs": logprobs}], None)

    def _made(self, choices: Any, usage: Any) -> ChatCompletionChunk:
        frame = self._answer.frame("chat.completion.chunk", self._model)
        return ChatCompletionChunk.model_construct(**frame, choices=choices, usage=usage)


def _is_about(error: APIStatusError, *words: str) -> bool:
    """Whether the error of a server names one of these parts of the request as its cause."""
    return 400 <= error.status_code < 500 and any(word in str(error) for word in words)
