"""Agents and teams of classes of the user's own."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response, TaskResult, Team
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import RoundRobinGroupChat


class Speaker(BaseChatAgent):
    """Says what it was made with."""

    produced_message_types = (BaseChatMessage,)

    def __init__(self, name: str, inner: list[Any], last: BaseChatMessage) -> None:
        super().__init__(name, "says things")
        self.inner, self.last = inner, last

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        return Response(chat_message=self.last)

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> AsyncGenerator[Any, None]:
        for item in self.inner:
            yield item
        yield Response(chat_message=self.last, inner_messages=[])

    async def on_reset(self, cancellation_token: Any) -> None:
        return None


class OwnTeam(Team):
    """A team that is none of AutoGen's, around one that is."""

    component_type = "team"
    name, description = "own", "A team of the user's own."

    def __init__(self, inner: RoundRobinGroupChat) -> None:
        self.crew = inner

    async def run(self, **options: Any) -> TaskResult:
        return await self.crew.run(**options)

    def run_stream(self, **options: Any) -> Any:
        return self.crew.run_stream(**options)

    async def reset(self) -> None:
        await self.crew.reset()

    async def pause(self) -> None:
        await self.crew.pause()

    async def resume(self) -> None:
        await self.crew.resume()

    async def save_state(self) -> Any:
        return await self.crew.save_state()

    async def load_state(self, state: Any) -> None:
        await self.crew.load_state(state)

    def _to_config(self) -> Any:
        raise NotImplementedError

    @classmethod
    def _from_config(cls, config: Any) -> Any:
        raise NotImplementedError
