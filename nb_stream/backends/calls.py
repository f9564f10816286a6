"""Model calls, heard for the time of a run: whether an answer was cut short, and whether anybody still waits for it.

Why a model stopped writing is not visible in AgentChat: an answer that reached the limit of tokens, or whose
connection ended early, becomes an ordinary message (0.7.5, `_openai_client.py`: an end without `[DONE]` gives the
finish reason "unknown"). And a client that does not follow its cancellation token answers when the run is over, where
its agent would note the answer down, into the middle of the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from autogen_core.models import ChatCompletionClient, CreateResult

from ..model import CellKind, Event, Message
from . import autogen_private as private
from .agents import Node
from .reading import tried
from .streams import closing
from .turns import caller

_SAYS = {
    "length": "The answer of {} was cut short: its model reached the limit of tokens (finish reason: length).",
    "content_filter": "The answer of {} was cut short by the service's content filter.",
    "unknown": "The answer of {} may have been cut short: the stream ended without saying that the answer is complete.",
}


class _Cut(NamedTuple):
    path: str
    name: str
    content: Any
    reason: str


class Calls:
    """The model calls of one run."""

    def __init__(self) -> None:
        self.open = True
        self._cuts: list[_Cut] = []
        self._notices: list[str] = []

    @contextlib.contextmanager
    def heard(self, nodes: Sequence[Node]) -> Iterator[None]:
        """Listen to the model clients of these agents."""
        before = []
        try:
            for node in nodes:
                client = private.model_client(node.agent)
                if isinstance(client, ChatCompletionClient):
                    before.append((node.agent, client))
                    private.set_model_client(node.agent, _Heard(client, self, node))
            yield
        finally:
            for agent, client in before:
                private.set_model_client(agent, client)

    def close(self) -> None:
        """The run was cut off: nobody may take up an answer any more."""
        self.open = False

    def marked(self, event: Event) -> Event:
        """The event, with `cut_short` in its data where it is an answer that was cut short."""
        if not self._cuts or not isinstance(event, Message):
            return event
        for cut in self._cuts:
            if cut.path == event.path and tried(partial(_is_said, cut.content, event), False):
                self._cuts.remove(cut)
                self._notices.append(_SAYS[cut.reason].format(cut.name))
                return replace(event, data={**event.data, "cut_short": cut.reason})
        return event

    def notices(self, last: bool = False) -> list[str]:
        """What the reader is to know since the last call; the `last` time also of answers that became no message."""
        notices, self._notices = self._notices, []
        if last:
            notices += [_SAYS[cut.reason].format(cut.name) for cut in self._cuts]
            self._cuts.clear()
        return notices

    def ended(self, node: Node, client: Any, result: CreateResult, streamed: bool) -> None:
        """A model call has its result. Raises CancelledError where nobody waits for it."""
        if not self.open:
            raise asyncio.CancelledError
        reason = result.finish_reason
        if reason == "unknown" and not (streamed and _tells(client) and not result.usage.completion_tokens):
            return  # some services send the usage with every chunk, and then AutoGen overlooks the finish reason
        if reason in _SAYS:
            self._cuts.append(_Cut(node.info.path, node.agent.name, result.content, reason))


class _Heard:
    """Stands before a model client. Everything but the two calls goes through as it is."""

    def __init__(self, client: Any, calls: Calls, node: Node) -> None:
        self._client, self._calls, self._node = client, calls, node

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:  # code of the user's own may ask which client an agent has
        return self._client.__class__  # type: ignore[no-any-return]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    async def create(self, *args: Any, **options: Any) -> Any:
        in_run = caller() is not None  # others may call the agent, too
        result = await self._client.create(*args, **options)
        if in_run:
            self._calls.ended(self._node, self._client, result, streamed=False)
        return result

    async def create_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        in_run = caller() is not None
        async with closing(self._client.create_stream(*args, **options)) as stream:
            async for item in stream:
                if in_run and item.__class__ is CreateResult:
                    self._calls.ended(self._node, self._client, item, streamed=True)
                yield item


def _tells(client: Any) -> bool:
    """Whether a client is one of AutoGen's own, which say how an answer ended wherever the service does."""
    return any(kind.__module__.startswith("autogen_ext.models") for kind in client.__class__.__mro__)


def _is_said(content: Any, event: Message) -> bool:
    if event.kind is CellKind.TOOL_CALL:
        return isinstance(content, list) and [call.id for call in content] == [call.id for call in event.tool_calls]
    if not isinstance(content, str):
        return False
    if event.kind is CellKind.STRUCTURED:
        with contextlib.suppress(ValueError):
            return bool(json.loads(content) == event.data.get("value"))
    return event.kind in (CellKind.TEXT, CellKind.CODE) and event.text == content
