"""What a team's manager says: tapped for the time of a run, as its agents are.

Managers write into their team's output queue with no path and no turn. Where a selector's model streams, its tokens
leave here, like those of agents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    SelectorEvent,
    SelectSpeakerEvent,
)

from . import private
from .discovery import TeamNode
from .messages import event_of
from .reading import id_of, source_of
from .token_router import Origin, TokenRouter, new_turn
from .turns import Turns, asker, calling


class ManagerTap:
    """The tap of one manager; made when a run begins, removed when it ends."""

    def __init__(
        self, chat: TeamNode, manager: Any, out: TokenRouter, wanted: Mapping[str, bool], turns: Turns
    ) -> None:
        self._chat = chat
        self._turns = turns
        self._manager = manager
        self._out = out
        self._wanted = wanted
        self._name = private.manager_name(chat.team)
        self._turn: str | None = None
        self._built = private.selector_streams(manager)
        self._queue = private.output_queue(manager)
        private.set_output_queue(manager, _Queue(self._queue, self._put))
        if chat.info is not None and chat.info.can_stream:
            manager.select_speaker = self._selecting(manager.select_speaker)

    def remove(self) -> None:
        """Leave the manager as it was."""
        private.set_output_queue(self._manager, self._queue)
        vars(self._manager).pop("select_speaker", None)
        if self._built is not None:
            private.set_selector_streams(self._manager, self._built)

    def _selecting(self, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def select_speaker(*args: Any, **options: Any) -> Any:
            path, built = self._chat.path, self._built
            if self._turns.elsewhere(self._chat.team):
                if built is not None:
                    private.set_selector_streams(self._manager, built)
                return await inner(*args, **options)
            with self._out.working(), calling(asker() or self._turns.run):
                self._turn = new_turn()
                self._out.begin(self._name, path, self._turn)
                if built is False and path in self._wanted:
                    private.set_selector_streams(self._manager, self._wanted[path])
                try:
                    return await inner(*args, **options)
                except Exception as error:
                    self._out.fails(self._name, path, error)
                    raise

        return select_speaker

    async def _put(self, item: Any) -> None:
        if self._turns.elsewhere(self._chat.team):
            await self._queue.put(item)
            return
        if isinstance(item, (BaseAgentEvent, BaseChatMessage)):
            if source_of(item) == self._name:
                if self._said(item):
                    return
            elif self._chat.direct and not isinstance(item, ModelClientStreamingChunkEvent):
                self._out.order.sent(id_of(item))
        await self._queue.put(item)

    def _said(self, item: Any) -> bool:
        """Take in what the manager itself said; true where it goes no further."""
        origin = Origin(self._chat.path, self._turn, isinstance(item, SelectSpeakerEvent), self._name)
        takes = self._chat.direct or self._built is False
        if isinstance(item, ModelClientStreamingChunkEvent) and takes:
            self._out.token(item, origin)
            return True
        if isinstance(item, SelectorEvent) and self._built is False:
            # AutoGen reports a choice in this event only where it was streamed, and no team above this one takes it
            # (0.7.5, `messages`, MessageFactory): a switch must change neither the team's result nor its fate.
            self._out.order.after_all(lambda: self._out.emit(event_of(item, *origin[:3], name=self._name)), self._turn)
            return True
        self._out.mark(item, origin, takes)
        return False


class _Queue:
    """A manager's output queue, with our `put` before it."""

    def __init__(self, queue: Any, put: Callable[[Any], Awaitable[None]]) -> None:
        self._queue = queue
        self.put = put

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)
