"""A run by the `run` of the team or agent itself, read as a stream.

`run` need not give what `run_stream` gives. An agent's asks `on_messages` (AutoGen 0.7.5, `_base_chat_agent.py`): that
of a SocietyOfMindAgent has the answer alone, and a class of the user's own may override each of them. So the result is
that of `run`, and what is said on the way is heard where it passes: in the outermost stream that `run` reads.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.teams import BaseGroupChat

from .discovery import TeamTree, reach
from .reading import id_of, is_a
from .turns import Caller, begins, called, caller, calling, given_to


class OwnRunResult(NamedTuple):
    """What `run` has returned; it comes last."""

    result: Any


def reads_its_stream(root: Any) -> bool:
    """Whether the `run` of a team or agent is AutoGen's own, which gives what `run_stream` gives."""
    kind, own = type(root), vars(root)
    if "run" in own:
        return False
    if isinstance(root, BaseGroupChat):
        return kind.run is BaseGroupChat.run
    if not isinstance(root, BaseChatAgent) or kind.run is not BaseChatAgent.run:
        return False
    return kind.on_messages_stream is BaseChatAgent.on_messages_stream and "on_messages_stream" not in own


async def own_run(
    root: Any, tree: TeamTree, run: Caller, task: Any, options: Mapping[str, Any], sent: Callable[[str], None]
) -> AsyncGenerator[Any, None]:
    """Run `root` by its own `run`; yields what is said on the way, what of the result was not said, and the Outcome.
    `run` is the run as a caller. `sent` is told the id of each message of the task when it sets out: a turn begins
    behind it."""
    heard: asyncio.Queue[Any] = asyncio.Queue()
    said: set[str] = set()
    end = object()
    with _listening(root, tree, run, heard.put_nowait, sent):
        with calling(run):
            work = asyncio.ensure_future(root.run(task=task, **options))
        work.add_done_callback(lambda _: heard.put_nowait(end))
        try:
            while (message := await heard.get()) is not end:
                said.add(id_of(message))
                yield message
            result = work.result()
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])
                if not work.cancelled():
                    work.exception()  # nobody is to read it
    for message in getattr(result, "messages", ()):
        if id_of(message) not in said:
            yield message
    yield OwnRunResult(result)


@contextlib.contextmanager
def _listening(
    root: Any, tree: TeamTree, run: Caller, hear: Callable[[Any], None], sent: Callable[[str], None]
) -> Iterator[None]:
    """Hear what passes in the streams of all that the run itself may begin."""
    things = {id(thing): thing for thing in [root, *(chat.team for chat in tree.chats)]}
    things |= {id(holder.thing): holder.thing for holder in tree.holders}
    near = [things[key] for key in reach(tree, root) if key in things]
    hooks = [(one, name) for one in near for name in ("on_messages_stream", "run_stream") if hasattr(one, name)]
    before = [(thing, name, vars(thing).get(name)) for thing, name in [*hooks, (root, "on_messages")]]
    try:
        for thing, name in hooks:
            vars(thing)[name] = _heard(thing, getattr(thing, name), run, hear)
        if hasattr(root, "on_messages"):
            vars(root)["on_messages"] = _run_arguments(root.on_messages, run, hear, sent)
        yield
    finally:
        for thing, name, own in before:
            if own is None:
                vars(thing).pop(name, None)
            else:
                vars(thing)[name] = own


def _heard(thing: Any, inner: Callable[..., Any], run: Caller, hear: Callable[[Any], None]) -> Callable[..., Any]:
    def begin(*args: Any, **options: Any) -> Any:
        if caller() is not run or not begins(thing):  # it lies inside another stream, or belongs to somebody else
            return inner(*args, **options)
        return listened(args, options)

    async def listened(args: Any, options: Any) -> AsyncGenerator[Any, None]:
        inside = Caller(*run)  # another one than `run`: what begins in there is heard here
        async with contextlib.aclosing(called(inside, lambda: inner(*args, **options))) as stream:
            async for item in stream:
                if not is_a(item, TaskResult):
                    hear(item.chat_message if is_a(item, Response) else item)
                yield item

    return begin


def _run_arguments(
    inner: Callable[..., Any], run: Caller, hear: Callable[[Any], None], sent: Callable[[str], None]
) -> Callable[..., Any]:
    """An agent's `run` shows its task nowhere but in the result."""

    async def on_messages(*args: Any, **options: Any) -> Any:
        if caller() is run:
            for message in given_to(args, options):
                sent(id_of(message))
                hear(message)
        return await inner(*args, **options)

    return on_messages
