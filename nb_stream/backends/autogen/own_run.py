"""Reads a run as a stream, although the run is made by the `run` of the team or agent itself.

A user who calls `run` must get the result of `run`, and `run` need not give what `run_stream` gives. The `run` of an
agent calls `on_messages` (AutoGen 0.7.5, `_base_chat_agent.py`). The `on_messages` of a SocietyOfMindAgent returns the
answer alone, and a class of the user's own may override each of these methods. So `run` itself is called for the
result. What is said on the way is heard where it passes: in the outermost stream that `run` reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, NamedTuple

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.teams import BaseGroupChat

from .reading import id_of, is_a
from .turns import Caller, Turns, begins, called, caller, calling, given_to


class OwnRunResult(NamedTuple):
    """The value that `run` has returned. It is the last item of the stream."""

    result: Any


def reads_its_stream(root: Any) -> bool:
    """Whether the `run` of a team or agent is AutoGen's own and gives the result of `run_stream`. Then `run_stream` can
    be read in its place."""
    kind, own = type(root), vars(root)
    if "run" in own:
        return False
    if isinstance(root, BaseGroupChat):
        return kind.run is BaseGroupChat.run
    if not isinstance(root, BaseChatAgent) or kind.run is not BaseChatAgent.run:
        return False
    return kind.on_messages_stream is BaseChatAgent.on_messages_stream and "on_messages_stream" not in own


class OwnRun:
    """One run of `root` by its own `run`. The backend makes it; it belongs to the loop of the run.

    `hooks` puts `listening` round the streams that the run may begin. `sent` is told the id of each message of the task
    when the message sets out, so that the tokens of the turn wait for it.
    """

    def __init__(self, root: Any, sent: Callable[[str], None]) -> None:
        self._root, self._sent = root, sent
        self._heard: asyncio.Queue[Any] = asyncio.Queue()

    async def read(self, run: Caller, task: Any, options: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        """Make the run. Yields the messages that are said on the way, then the messages of the result that were not
        said, then the OwnRunResult. `run` is the run as a caller."""
        said: set[str] = set()
        end = object()
        with calling(run):
            work = asyncio.ensure_future(self._root.run(task=task, **options))
        work.add_done_callback(lambda _: self._heard.put_nowait(end))
        try:
            while (message := await self._heard.get()) is not end:
                said.add(id_of(message))
                yield message
            result = work.result()
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
                if not work.cancelled():
                    work.exception()  # the reader has left, so nobody else reads the exception
        for message in getattr(result, "messages", ()):
            if id_of(message) not in said:
                yield message
        yield OwnRunResult(result)

    def listening(self, thing: Any, turns: Turns, inner: Callable[..., Any]) -> Callable[..., Any]:
        """The layer that hears what passes in a stream of an agent or a team. It does not listen to a stream inside
        another one, which would be heard twice, nor to a stream of others."""

        def begin(*args: Any, **options: Any) -> Any:
            run = turns.run
            if run is None or caller() is not run or not begins(thing):
                return inner(*args, **options)
            return listened(run, args, options)

        async def listened(run: Caller, args: Any, options: Any) -> AsyncGenerator[Any, None]:
            inside = Caller(*run)  # not `run` itself, so a stream that begins inside is not heard again
            async with contextlib.aclosing(called(inside, lambda: inner(*args, **options))) as stream:
                async for item in stream:
                    if not is_a(item, TaskResult):
                        self._heard.put_nowait(item.chat_message if is_a(item, Response) else item)
                    yield item

        return begin

    def hearing_task(self, turns: Turns, inner: Callable[..., Any]) -> Callable[..., Any]:
        """The layer that hears the task of an agent's `run`. `run` shows the task in its result only."""

        async def on_messages(*args: Any, **options: Any) -> Any:
            if turns.run is not None and caller() is turns.run:
                for message in given_to(args, options):
                    self._sent(id_of(message))
                    self._heard.put_nowait(message)
            return await inner(*args, **options)

        return on_messages
