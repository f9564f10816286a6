"""Hooks on the managers of teams, for the time of a run, beside the hooks on agents (`hooks`).

A manager writes its messages straight into the team's output queue, with no path and no turn. So the hook stands before
the queue. If the model of a selector streams, its tokens leave the team here, as an agent's tokens leave it at the
agent's hook.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    SelectorEvent,
    SelectSpeakerEvent,
)

from . import private, private_runtime
from .discovery import TeamNode
from .messages import event_of
from .patching import patched
from .proxy import Proxy
from .reading import id_of, source_of
from .token_router import Origin, TokenRouter, new_turn
from .turns import Turns, asker, calling


@contextlib.contextmanager
def managers_hooked(
    managers: Sequence[tuple[TeamNode, Any]], out: TokenRouter, wanted: Mapping[str, bool], turns: Turns
) -> Iterator[Callable[[Sequence[tuple[TeamNode, Any]]], None]]:
    """For the time of a run, hook all managers that are shown. Gives a function that hooks the new managers of teams
    that are rebuilt in mid-run."""
    with contextlib.ExitStack() as stack:

        def hook(managers: Sequence[tuple[TeamNode, Any]]) -> None:
            for chat, manager in managers:
                if chat.shown:
                    stack.enter_context(ManagerHook(chat, manager, out, wanted, turns).installed())

        hook(managers)
        yield hook


class ManagerHook:
    """The hook of one manager in one run. `managers_hooked` owns it; it belongs to the loop of the run."""

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
        self._queue = private_runtime.output_queue(manager)

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """For a time, stand before the manager's output queue and before its method that chooses a speaker."""
        manager = self._manager
        with contextlib.ExitStack() as stack:
            stack.enter_context(private.selector_streams_put_back(manager))
            stack.enter_context(private_runtime.output_queue_replaced(manager, _Queue(self._queue, self._put)))
            if self._chat.info is not None and self._chat.info.can_stream:
                stack.enter_context(patched(manager, select_speaker=self._selecting(manager.select_speaker)))
            yield

    def _selecting(self, inner: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def select_speaker(*args: Any, **options: Any) -> Any:
            path, built = self._chat.path, self._built
            if self._turns.elsewhere(self._chat.team):
                if built is not None:  # a switch of ours must not change the run of others
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
        """Deal with an item that the manager itself said. True if the item must not go into the queue."""
        origin = Origin(self._chat.path, self._turn, isinstance(item, SelectSpeakerEvent), self._name)
        takes = self._chat.direct or self._built is False
        if isinstance(item, ModelClientStreamingChunkEvent) and takes:
            self._out.token(item, origin)
            return True
        if isinstance(item, SelectorEvent) and self._built is False:
            # AutoGen reports a choice in this event only if the choice was streamed, and no team above this one accepts
            # the event (0.7.5, `messages`, MessageFactory). A switch must not change the team's result or make it fail,
            # so the event goes to the reader alone.
            self._out.order.after_all(lambda: self._out.emit(event_of(item, *origin[:3], name=self._name)), self._turn)
            return True
        self._out.mark(item, origin, takes)
        return False


class _Queue(Proxy):
    """A manager's output queue, with our `put` before it."""

    def __init__(self, queue: Any, put: Callable[[Any], Awaitable[None]]) -> None:
        super().__init__(queue)
        self.put = put
