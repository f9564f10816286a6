"""Ending a run of an AutoGen team: after the turn, at once, and so that the next run works."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from autogen_agentchat.base import TerminatedException, TerminationCondition
from autogen_agentchat.messages import BaseAgentEvent, BaseChatMessage, StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from . import autogen_private as private

STOPPED = "Stopped after the turn."


class StopCondition(TerminationCondition):
    """A team's own condition, or none, and the wish to stop."""

    def __init__(self, inner: TerminationCondition | None, wished: Callable[[], bool]) -> None:
        self.inner = inner
        self._wished = wished

    @property
    def terminated(self) -> bool:
        return self.inner is not None and self.inner.terminated

    async def __call__(self, messages: Sequence[BaseAgentEvent | BaseChatMessage]) -> StopMessage | None:
        if self.terminated:
            raise TerminatedException("The team's termination condition has already been reached.")
        found = await self.inner(messages) if self.inner is not None else None
        if found is None and self._wished():
            return StopMessage(content=STOPPED, source="nb_stream")
        return found

    async def reset(self) -> None:
        if self.inner is not None:
            await self.inner.reset()


class RunToken(CancellationToken):
    """A cancellation token that forgets futures which are done.

    AutoGen links one future for every message to the token and keeps them all (0.7.5, `_cancellation_token.py`): over
    a long run that is a kilobyte a token of the model.
    """

    def __init__(self) -> None:
        super().__init__()
        self._linked: list[asyncio.Future[Any]] = []
        self._room = 64

    def link_future(self, future: asyncio.Future[Any]) -> asyncio.Future[Any]:
        if self.is_cancelled():
            future.cancel()
            return future
        if len(self._linked) >= self._room:
            self._linked = [linked for linked in self._linked if not linked.done()]
            self._room = max(64, 2 * len(self._linked))
        self._linked.append(future)
        return future

    def cancel(self) -> None:
        super().cancel()
        for future in self._linked:
            future.cancel()
        self._linked.clear()


async def install(teams: Sequence[BaseGroupChat], wished: Callable[[], bool]) -> Callable[[], None]:
    """Let the run of `teams` end after the current turn once `wished()` is true; returns what takes it back."""
    managers = [await private.manager(team) for team in teams]
    for manager in managers:
        private.set_condition(manager, StopCondition(private.condition(manager), wished))

    def remove() -> None:
        for manager in managers:
            condition = private.condition(manager)
            if isinstance(condition, StopCondition):
                private.set_condition(manager, condition.inner)

    return remove


# --- recovery -------------------------------------------------------------------------------------------------------

_GRAPH_PROGRESS = ("remaining", "enqueued_any", "ready", "active_nodes", "current_turn")


async def renew(root: BaseGroupChat, teams: Sequence[BaseGroupChat]) -> None:
    """Make teams that failed or were cancelled fit for the next run, with their history.

    `teams` holds `root` and every team below it. The conversation and the agents' contexts are kept; the progress
    through a graph, the turn count and the termination conditions begin anew.
    """
    saved = [(team, await team.save_state()) for team in teams]
    for team in teams:
        private.cut_off(team)
        private.renew(team)
        condition = private.condition(team)
        if condition is not None:
            await condition.reset()
    for team, state in saved:
        if team is root or not _holds(root, team):
            fresh = await team.save_state()
            await team.load_state(merged(state, fresh))


def _holds(root: BaseGroupChat, team: BaseGroupChat) -> bool:
    """Whether the state of `root` contains the state of `team`: teams used as tools stand outside it."""
    for participant in private.participants(root):
        inside = participant if isinstance(participant, BaseGroupChat) else private.inner_team(participant)
        if inside is team or (inside is not None and _holds(inside, team)):
            return True
    return False


def merged(saved: Any, fresh: Any) -> Any:
    """The state to go on with: what was saved, mended, with the progress of `fresh`."""
    if not isinstance(saved, Mapping):
        return saved
    result: dict[str, Any] = {}
    for key, value in saved.items():
        other = fresh.get(key) if isinstance(fresh, Mapping) else None
        if key in _GRAPH_PROGRESS and isinstance(fresh, Mapping) and key in fresh:
            result[key] = other
        elif key == "llm_context":
            result[key] = mended_context(value)
        else:
            result[key] = merged(value, other)
    context = result.get("agent_state", {})
    if "message_buffer" in result and isinstance(context, Mapping) and "llm_context" in context:
        seen = context["llm_context"].get("messages", ())
        result["message_buffer"] = _unseen(result["message_buffer"], seen)
    return result


def mended_context(context: Any) -> Any:
    """A model context whose last tool calls have results: model services refuse one that has not."""
    messages = list(context.get("messages", ())) if isinstance(context, Mapping) else []
    last = messages[-1] if messages else {}
    if last.get("type") != "AssistantMessage" or not isinstance(last.get("content"), list):
        return context
    results = [
        {
            "content": "The run ended before this call had a result.",
            "name": call.get("name", ""),
            "call_id": call.get("id", ""),
            "is_error": True,
        }
        for call in last["content"]
    ]
    messages.append({"type": "FunctionExecutionResultMessage", "content": results})
    return {**context, "messages": messages}


def _unseen(buffer: Sequence[Any], context: Sequence[Any]) -> list[Any]:
    """The waiting messages that an agent has not taken into its context yet. An agent takes all that wait at once and
    before anything else, so they stand together, in order."""
    wanted = [(message.get("source"), message.get("content")) for message in buffer]
    have = [
        (message.get("source"), message.get("content")) for message in context if message.get("type") == "UserMessage"
    ]
    return [] if wanted and have[-len(wanted) :] == wanted else list(buffer)
