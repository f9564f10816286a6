"""After a failure or a cancel: teams and agents fit for the next run, with all that they know.

A failed run leaves an exception in the team's runtime and speakers in its manager that nothing clears, so the next
run hangs, or ends after one turn (AutoGen 0.7.5). A team therefore gets a new runtime, manager and containers, and what
the old ones knew is carried over. The agents stay the same objects; only their model contexts are mended.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.messages import BaseChatMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core.model_context import ChatCompletionContext

from ...concurrency.guarded_calls import attempt, attempted
from . import private, private_runtime
from .closing import closing
from .discovery import AgentNode
from .log_filter import quiet_runtime
from .reading import id_of
from .turns import Turns, caller

PROGRESS = ("remaining", "enqueued_any", "ready", "active_nodes", "current_turn", "n_rounds", "n_stalls")
"""What of a manager's state begins anew: the way through a graph, and the counts of turns."""

NO_RESULT = "The run ended before this call had a result."

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 64.0
"""Seconds after which a task that did not end when it was cancelled is cancelled again, and for how long."""


class _Known(NamedTuple):
    """What a team's manager and containers knew."""

    manager: Any
    thread: list[Any]
    buffers: list[list[BaseChatMessage]]
    context: Any  # what a selector reads, None for other managers


async def repair(team: BaseGroupChat, turns: Turns) -> list[BaseGroupChat]:
    """Make a team fit for a run if an earlier one has left it unfit; returns the teams that were renewed. A team that
    is called as a tool may fail without failing the run, and be called again."""
    teams = _with_inner(team)
    fit = True
    for part in teams:
        if private_runtime.is_initialized(part) and not private_runtime.is_running(part):
            fit = fit and not private_runtime.is_stale(part, await private_runtime.parts(part))
    if fit or private_runtime.is_running(team):
        return []
    await recover_teams(teams, turns)
    return teams


def _with_inner(team: BaseGroupChat) -> list[BaseGroupChat]:
    """A team and the teams that take part in it."""
    found = [team]
    for one in found:
        for part in private.participants(one):
            inner = [part] if isinstance(part, BaseGroupChat) else private.inner_teams(part)
            found += [below for below in inner if below not in found]
    return found


def healed(
    team: BaseGroupChat, turns: Turns, renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """What stands before the `run_stream` of a team inside the tree: in a run, it makes the team fit first. `renewed`
    hears of the teams that needed it."""

    def before(inner: Callable[..., AsyncGenerator[Any, None]]) -> Callable[..., Any]:
        async def first_healed(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            fresh = await repair(team, turns)
            if fresh:
                await renewed(fresh)
            async with closing(inner(*args, **options)) as stream:
                async for item in stream:
                    yield item

        def run_stream(*args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            return (inner if caller() is None else first_healed)(*args, **options)

        return run_stream

    return before


async def recover_teams(teams: Sequence[BaseGroupChat], turns: Turns) -> None:
    """Make teams that failed or were cancelled fit for the next run. `teams` holds all of them, the outermost first;
    `turns` are those of the run. The termination conditions begin anew.

    Every team is renewed, whatever code of the user's own raises on the way; raises the first of that at the end.
    """
    known = {
        id(team): _take_away(await private_runtime.parts(team))
        for team in teams
        if private_runtime.is_initialized(team)
    }
    threads = {key: set(map(id_of, old.thread)) for key, old in known.items()}
    errors: list[BaseException | None] = []
    for team in teams:
        old = known.get(id(team))
        if old is not None:
            await private_runtime.retire(team)
        private_runtime.rebuild(team)
        if old is not None:
            errors += await _carry_over(old, await private_runtime.parts(team), turns, threads)
    for team in teams:  # last, as it may hold up the rest
        condition = private_runtime.condition(team)
        if condition is not None:
            errors.append(await attempted(f"The termination condition of {team.name}", condition.reset))
    _raise_first(errors)


def _raise_first(errors: Iterable[BaseException | None]) -> None:
    """Raise the first of these errors, if there is one, as an ordinary exception."""
    for error in errors:
        if error is not None:
            raise error if isinstance(error, Exception) else RuntimeError(f"{type(error).__name__}: {error}")


def _take_away(parts: private_runtime.RuntimeAgents) -> _Known:
    """Take what a manager and containers know, and all influence: something may still be under way to them."""
    buffers = [private_runtime.buffer(container) for container in parts.containers]
    known = _Known(
        parts.manager, private_runtime.thread(parts.manager), buffers, private_runtime.selector_context(parts.manager)
    )
    private_runtime.disarm_manager(parts.manager)
    for container in parts.containers:
        private_runtime.disarm_container(container)
    return known


async def _carry_over(
    old: _Known, new: private_runtime.RuntimeAgents, turns: Turns, threads: Mapping[int, Collection[str]]
) -> list[BaseException | None]:
    """Let the new manager and containers of a team know what the old ones knew; returns what went wrong, if anything:
    managers and agents may be of the user's own."""

    async def take_up_state() -> None:
        state, fresh = await old.manager.save_state(), await new.manager.save_state()
        await new.manager.load_state({**state, **{key: fresh[key] for key in PROGRESS if key in fresh}})

    errors = [await attempted("The state of a group chat manager", take_up_state)]
    private_runtime.set_thread(new.manager, old.thread)
    if old.context is not None:
        private_runtime.set_selector_context(new.manager, old.context)
    for buffer, container in zip(old.buffers, new.containers, strict=True):
        agent = private_runtime.agent_of_container(container)
        seen: set[str] = set(threads.get(id(agent), ()))
        if not isinstance(agent, BaseGroupChat):

            async def look(agent: Any = agent, seen: set[str] = seen) -> None:
                seen |= await _known_ids(agent, turns)

            errors.append(await attempted(f"What the agent {agent.name} knows", look))
        private_runtime.set_buffer(container, [message for message in buffer if id_of(message) not in seen])
    return errors


async def _known_ids(agent: Any, turns: Turns) -> set[str]:
    """The ids of the messages that an agent was given in its last turn and knows.

    AutoGen's own agents note down what they are given before anything else. Whether an agent of the user's own did so
    before it failed is looked up in its attributes.
    """
    while (inner := private.wrapped_agent(agent)) is not None:
        agent = inner
    given = turns.given.get(id(agent), ())
    if private.is_autogen_class(agent):
        return set(map(id_of, given))
    return {id_of(message) for message in given if await _knows(agent, message)}


async def _knows(agent: Any, message: BaseChatMessage) -> bool:
    said = message.to_model_message()
    for value in vars(agent).values():
        if isinstance(value, ChatCompletionContext):
            value = await value.get_messages()
        elif isinstance(value, Mapping):
            value = list(value.values())
        if isinstance(value, (list, tuple, set, deque)) and any(item is message or item == said for item in value):
            return True
    return False


# --- agents ---------------------------------------------------------------------------------------------------------


async def mend(nodes: Sequence[AgentNode], turns: Turns) -> None:
    """Give every tool call in the agents' contexts a result: model services refuse a context in which one is missing.
    What an unfinished SocietyOfMindAgent was given is noted down, and its team forgets it, as at the end of a turn.
    Raises the first of what agents inside one raise, when all is done."""
    for context in _contexts(node.agent for node in nodes):
        with contextlib.suppress(Exception):  # one of the user's own may keep its messages elsewhere
            state = await context.save_state()
            messages = state.get("messages", [])
            answered = _answered(messages)
            if len(answered) > len(messages):
                await context.load_state({**state, "messages": answered})
    unfinished, turns.unfinished = turns.unfinished, set()
    _raise_first(
        [
            await attempted(f"The end of a turn of {node.agent.name}", functools.partial(_end_turn, node.agent, turns))
            for node in nodes
            if id(node.agent) in unfinished
        ]
    )


async def _end_turn(mind: Any, turns: Turns) -> None:
    said = [message.to_model_message() for message in turns.given.get(id(mind), ())]
    known = await mind.model_context.get_messages()
    if said and known[-len(said) :] != said:  # it was ended after it had noted them down
        for message in said:
            await mind.model_context.add_message(message)
    team = private.inner_team(mind)
    if team is not None:
        await team.reset()


def _contexts(agents: Iterable[Any]) -> list[ChatCompletionContext]:
    """The model contexts of agents, and of those that they hold: a class of the user's own may ask another agent."""
    found: list[ChatCompletionContext] = []
    left = list(agents)
    for agent in left:
        for value in vars(agent).values():
            if isinstance(value, ChatCompletionContext) and value not in found:
                found.append(value)
            elif isinstance(value, BaseChatAgent) and value not in left:
                left.append(value)
    return found


def _answered(messages: Sequence[Any]) -> list[Any]:
    """The messages, with a result behind every call that has none. Some services give all calls the same id."""
    waiting: list[tuple[int, Any]] = []
    for index, message in enumerate(messages):
        content = message.get("content")
        if message.get("type") == "AssistantMessage" and isinstance(content, list):
            waiting += [(index, call) for call in content]
        elif message.get("type") == "FunctionExecutionResultMessage":
            for result in content:
                found = next((entry for entry in waiting if entry[1]["id"] == result["call_id"]), None)
                if found is not None:
                    waiting.remove(found)
    answered: list[Any] = []
    for index, message in enumerate(messages):
        answered.append(message)
        results = [
            {"content": NO_RESULT, "name": call["name"], "call_id": call["id"], "is_error": True}
            for place, call in waiting
            if place == index
        ]
        if results:
            answered.append({"type": "FunctionExecutionResultMessage", "content": results})
    return answered


# --- tasks ----------------------------------------------------------------------------------------------------------


def chase(tasks: Iterable[asyncio.Future[Any]]) -> None:
    """Cancel tasks, and see to it that they end, and end in silence: those that take no notice are cancelled again.
    Tasks of another event loop are left alone."""
    here = asyncio.get_running_loop()
    left = set()
    for task in list(tasks):
        if attempt(None, functools.partial(_bring_to_end, task, here), False):
            left.add(task)
    if not left:
        return
    quiet = contextlib.ExitStack()
    quiet.enter_context(quiet_runtime())
    chaser = here.create_task(_chase(left))
    _chasers.add(chaser)
    chaser.add_done_callback(_chasers.discard)
    chaser.add_done_callback(_seen)
    chaser.add_done_callback(lambda _: quiet.close())


def _bring_to_end(task: asyncio.Future[Any], here: asyncio.AbstractEventLoop) -> bool:
    """Cancel a task of this loop; whether it is to be looked after."""
    if task.done() or task.get_loop() is not here:
        return False
    task.add_done_callback(_seen)
    task.cancel()
    return True


async def _chase(left: set[asyncio.Future[Any]]) -> None:
    wait = FIRST_RETRY_S
    while left and wait <= LAST_RETRY_S:
        _, left = await asyncio.wait(left, timeout=wait)
        for task in left:
            attempt(None, task.cancel)
        wait *= 2


def _seen(task: asyncio.Future[Any]) -> None:
    """It may fail once more on its way out, which nobody is to read."""
    if not task.cancelled():
        task.exception()


_chasers: set[asyncio.Future[None]] = set()
