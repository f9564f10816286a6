"""Puts a proxy before each model client for the time of a run, to stream its text and to hear what its calls report.

The proxy acts on calls in a turn of its agent alone. If others call the same client, or the agent outside of the run,
they get what AutoGen gives.

A ticked box lets an agent that was built to call `create` call `create_stream`. If a shield knows the client
(`shields`), the proxy makes the call by `create` all the same, so the call reports what it would have reported without
the box. Every other client makes the call that it is asked for, and the proxy repairs what is missing in its answer.
"""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol

from autogen_core.models import CreateResult, RequestUsage

from ...core import think_tags
from .closing import closing
from .hearing import Hearing
from .openai_answer import Piece
from .proxy import Proxy
from .shields import is_autogen_client, shielded

_PATIENCE_S = 0.5
"""Seconds that an abandoned call has to end after its cancel. A call that takes no notice is left to itself."""


class Listener(Protocol):
    """Hears from a proxy what happens to the calls of its agent or manager (`model_calls`)."""

    @property
    def unable(self) -> bool:
        """Whether the client of the agent or manager cannot stream."""

    @property
    def is_at_work(self) -> Callable[[], bool]:
        """A function that says whether a call that is made now belongs to a turn of the run."""

    def began(self, hearing: Hearing, said: Sequence[str], options: Mapping[str, Any]) -> None:
        """A call begins, with `hearing.given` and these options. Pieces of its text are added to `said` as they
        come."""

    def over(self, hearing: Hearing) -> None:
        """A call is over, in whatever way."""

    def ended(self, client: Any, result: CreateResult, hearing: Hearing) -> None:
        """A call of `client` has returned its result."""

    def broken_off(self, hearing: Hearing, said: str) -> None:
        """A stream ended without a result, after it had `said` a text."""

    def cannot_stream(self, why: str) -> None:
        """A call should have streamed and could not. `why` is a sentence for the reader."""


class ModelClientProxy(Proxy):
    """Stands before a model client for the time of a run. Everything but `create` and `create_stream` goes through as
    it is. `HeardCalls` makes one for each agent and manager; it runs on the loop of the run.

    `switched` says that the agent has a switch: then a streamed call must report what a whole answer reports. `whole`
    says, at each call, whether the stream is to have nothing but the whole answer; None means never.
    """

    def __init__(
        self, client: Any, listener: Listener, switched: bool, whole: Callable[[], bool] | None = None
    ) -> None:
        super().__init__(client)
        self._listener = listener
        self._switched = switched
        self._whole = whole

    async def create(self, *args: Any, **options: Any) -> Any:
        if not self._listener.is_at_work():
            return await self._real.create(*args, **options)
        hearing = Hearing()
        hearing.given = args[0] if args else options.get("messages")
        self._listener.began(hearing, (), options)
        try:
            result = await (shielded(self._real, hearing) or self._real).create(*args, **options)
        finally:
            self._listener.over(hearing)
        self._listener.ended(self._real, result, hearing)
        return result

    async def create_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        if not self._listener.is_at_work():
            stream = self._real.create_stream(*args, **options)
        elif (self._switched and self._listener.unable) or (self._whole is not None and self._whole()):
            yield await self.create(*args, **options)
            return
        else:
            stream = self._heard(args, options)
        async with closing(stream):
            async for item in stream:
                yield item

    async def _heard(self, args: Any, options: Any) -> AsyncGenerator[Any, None]:
        autogens = is_autogen_client(self._real)
        channel = _Channel()
        hearing = Hearing(channel.tell if autogens else None, self._switched and autogens, asks=self._switched)
        hearing.given = args[0] if args else options.get("messages")
        client = shielded(self._real, hearing)
        if client is None or not autogens:
            stream = self._own(client, args, options)
        elif self._switched:
            stream = channel.read(client.create(*args, **options))
        else:
            stream = channel.read(_drained(client.create_stream(*args, **options), hearing, channel.tell))
        text: list[str] = []
        said: list[str] | None = text
        self._listener.began(hearing, text, options)
        try:
            async with closing(stream):
                async for item in stream:
                    if isinstance(item, CreateResult):
                        said = None
                        self._listener.over(hearing)
                        self._listener.ended(self._real, item, hearing)
                    elif said is not None and isinstance(item, str):
                        said.append(item)
                    yield item
        finally:
            self._listener.over(hearing)
            if said:
                self._listener.broken_off(hearing, "".join(said))
        if hearing.refused:
            self._listener.cannot_stream(hearing.refused)

    async def _own(self, shield: Any | None, args: Any, options: Any) -> AsyncGenerator[Any, None]:
        """The stream of the client's own `create_stream`. For an agent that has a switch, what the stream lacks is
        added: usage, the text of the answer, a result."""
        client = shield or self._real
        if not self._switched:
            async with closing(client.create_stream(*args, **options)) as stream:
                async for item in stream:
                    yield item
            return
        if shield is None and _takes(client, "include_usage"):
            options = {"include_usage": True, **options}
        said, result = list[str](), None
        try:
            async with closing(await _begun_stream(client, args, options)) as stream:
                async for item in stream:
                    if isinstance(item, str):
                        said.append(item)
                        item = think_tags.unmarked(item)
                    elif isinstance(item, CreateResult):
                        item = result = _with_its_text(item, "".join(said))
                    yield item
        except NotImplementedError:
            if said:
                raise
            self._listener.cannot_stream("Its model client cannot stream.")
            result = await self._real.create(*args, **{k: v for k, v in options.items() if k != "include_usage"})
            yield result
        except Exception as error:
            if said or "stream_options" not in str(error) or not options.pop("include_usage", None):
                raise
            async for item in self._real.create_stream(*args, **options):  # the service does not know the option
                yield item
            return
        if result is None and said:  # AutoGen would raise here, and would not have raised for a whole answer
            unknown = RequestUsage(prompt_tokens=0, completion_tokens=0)
            yield CreateResult(content="".join(said), finish_reason="unknown", usage=unknown, cached=False)


class _Channel:
    """Takes the text of a call out of the task that makes the call. `tell` waits until its piece was taken, so that
    text cannot pile up if the reader is slow. One call owns it; both ends are on the loop of the run."""

    def __init__(self) -> None:
        self._pieces: deque[Piece | str] = deque()
        self._come, self._taken = asyncio.Event(), asyncio.Event()

    async def tell(self, piece: Piece | str) -> None:
        self._pieces.append(piece)
        self._taken.clear()
        self._come.set()
        await self._taken.wait()

    async def read(self, call: Coroutine[Any, Any, CreateResult]) -> AsyncGenerator[str | CreateResult, None]:
        """The text of a call as it comes, with marks round the thought, and then the result of the call."""
        task = asyncio.ensure_future(call)
        task.add_done_callback(lambda _: self._come.set())
        in_thought = False
        try:
            while not task.done() or self._pieces:
                await self._come.wait()
                self._come.clear()
                while self._pieces:
                    piece = self._pieces.popleft()
                    text, thought = piece if isinstance(piece, Piece) else (piece, in_thought)
                    text = think_tags.unmarked(text)
                    if thought is not in_thought:
                        text = (think_tags.BEGIN if thought else think_tags.END) + text
                    in_thought = thought
                    yield text
                self._taken.set()
            if in_thought:
                yield think_tags.END
            yield task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task}, timeout=_PATIENCE_S)
            if task.done() and not task.cancelled():
                task.exception()  # the reader has got the exception, or does not want it any more


async def _drained(
    stream: AsyncGenerator[Any, None], hearing: Hearing, tell: Callable[[Any], Coroutine[Any, Any, None]]
) -> CreateResult:
    """The result of a stream. The shield tells the text. If a cache answers, no shield is reached: it is told here."""
    result = None
    async with closing(stream):
        async for item in stream:
            if isinstance(item, CreateResult):
                result = item
            elif not hearing.reached:
                await tell(item)
    if result is None:
        raise RuntimeError("No final model result in streaming mode.")  # as an AssistantAgent says it
    if hearing.thought is not None and isinstance(result.content, str):
        result = result.model_copy(update={"thought": hearing.thought})  # AutoGen strips letters from its ends
    return result


async def _begun_stream(client: Any, args: Any, options: Any) -> Any:
    """Begin the stream of a client. Raises NotImplementedError if the client has no `create_stream`."""
    method = getattr(client, "create_stream", None)
    if method is None:
        raise NotImplementedError
    stream = method(*args, **options)
    return await stream if inspect.isawaitable(stream) else stream


def _with_its_text(result: CreateResult, said: str) -> CreateResult:
    """The result of a stream. If the client has lost the text that it streamed, the text is put in again."""
    if result.content or not said.strip() or said.strip() == (result.thought or "").strip():
        return result
    return result.model_copy(update={"content": said})


def _takes(client: Any, name: str) -> bool:
    """Whether the `create_stream` of a client has a parameter of this name."""
    try:
        return name in inspect.signature(client.create_stream).parameters
    except (AttributeError, TypeError, ValueError):
        return False
