"""After a failure or a cancel: makes teams and agents fit for the next run, and keeps all that they know.

A failed run leaves an exception in the team's runtime, and speakers in its manager. Nothing in AutoGen 0.7.5 clears
them, so the next run hangs, or ends after one turn. A team therefore gets a new runtime, manager and containers, and
the new ones learn what the old ones knew. The agents stay the same objects; only their model contexts are repaired.

All of it runs on the loop of the stream that owns the team.
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
"""The parts of a manager's state that begin anew: the way through a graph, and the counts of turns."""

NO_RESULT = "The run ended before this call had a result."

FIRST_RETRY_S, LAST_RETRY_S = 1.0, 64.0
"""A task that does not end when it is cancelled is cancelled again: after this many seconds, then after twice as many
each time, up to the last."""


class _Known(NamedTuple):
    """What the manager and the containers of a team knew before they were rebuilt."""

    manager: Any
    thread: list[Any]
    buffers: list[list[BaseChatMessage]]
    context: Any  # the model context of a selector, None for other managers


async def repair(team: BaseGroupChat, turns: Turns) -> list[BaseGroupChat]:
    """Make a team fit for a run if an earlier run has left it unfit; returns the teams that were rebuilt.

    A team may need it in mid-run: if it is called as a tool, it may fail without failing the run, and be called again.
    """
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
    for one in found:  # the list grows while it is read
        for part in private.participants(one):
            inner = [part] if isinstance(part, BaseGroupChat) else private.inner_teams(part)
            found += [below for below in inner if below not in found]
    return found


def healed(
    team: BaseGroupChat, turns: Turns, renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]]
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The layer round the `run_stream` of a team inside the tree (`hooks`). In a run, it makes the team fit first, and
    tells `renewed` which teams were rebuilt: their hooks stand in the old managers."""

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
    `turns` are the turns of the run. The termination conditions begin anew.

    Every team is rebuilt, even if code of the user's own raises on the way. The first such error is raised at the end.
    """
    # All old parts are disarmed before the first team is rebuilt: rebuilding awaits, and messages may still be under
    # way in the other teams.
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
    for team in teams:  # last, because a condition of the user's own may take long
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
    """Take what a manager and its containers know, and disarm them: messages may still be under way to them."""
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
    """Let the new manager and containers of a team know what the old ones knew. Returns the errors, because managers
    and agents may be of the user's own and raise anything."""

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
        # A container empties its buffer when a turn has ended. After a turn that broke off, the buffer still has what
        # the agent has noted down already, and the agent would be told twice.
        private_runtime.set_buffer(container, [message for message in buffer if id_of(message) not in seen])
    return errors


async def _known_ids(agent: Any, turns: Turns) -> set[str]:
    """The ids of the messages that an agent was given in its last turn and knows.

    AutoGen's own agents note down what they are given before they do anything else. An agent of the user's own may
    have failed before it did so, so its attributes are searched for the messages.
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
    """Give every tool call in the agents' contexts a result, because model services refuse a context in which a result
    is missing. End the turn of each unfinished SocietyOfMindAgent: it notes down what it was given, and its team
    forgets it. When all is done, raises the first error of an agent inside such a team."""
    for context in _contexts(node.agent for node in nodes):
        with contextlib.suppress(Exception):  # a context of the user's own may keep its messages elsewhere
            state = await context.save_state()
            messages = state.get("messages", [])
            answered = _answered(messages)
            if len(answered) > len(messages):
                await context.load_state({**state, "messages": answered})
    unfinished = turns.unfinished & {id(node.agent) for node in nodes}
    turns.unfinished -= unfinished
    _raise_first(
        [
            await attempted(f"The end of a turn of {node.agent.name}", functools.partial(_end_turn, node.agent, turns))
            for node in nodes
            if id(node.agent) in unfinished
        ]
    )


async def tidy(
    container: Any,
    nodes: Sequence[AgentNode],
    teams: Sequence[BaseGroupChat],
    turns: Turns,
    renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]],
) -> None:
    """Put a participant in order whose turn was cut while the run goes on (`steering`). `nodes` and `teams` are the
    agents and teams inside it, itself included. Teams that the cut has left unfit are rebuilt, and `renewed` is told.
    Its container keeps what the agent has not noted down."""
    begun = [team for team in teams if private_runtime.is_initialized(team)]
    parts = [await private_runtime.parts(team) for team in begun]
    if any(map(private_runtime.is_running, begun)) or any(map(private_runtime.is_stale, begun, parts)):
        for team in begun:
            chase(private_runtime.cut_off(team))
        await recover_teams(teams, turns)
        await renewed(teams)
    await mend(nodes, turns)
    known = await _known_ids(private_runtime.agent_of_container(container), turns)
    unknown = [message for message in private_runtime.buffer(container) if id_of(message) not in known]
    private_runtime.set_buffer(container, unknown)


async def _end_turn(mind: Any, turns: Turns) -> None:
    said = [message.to_model_message() for message in turns.given.get(id(mind), ())]
    known = await mind.model_context.get_messages()
    if said and known[-len(said) :] != said:  # else it was cut off after it had noted them down
        for message in said:
            await mind.model_context.add_message(message)
    team = private.inner_team(mind)
    if team is not None:
        await team.reset()


def _contexts(agents: Iterable[Any]) -> list[ChatCompletionContext]:
    """The model contexts of agents, and of the agents inside them: a class of the user's own may ask another agent."""
    found: list[ChatCompletionContext] = []
    left = list(agents)
    for agent in left:  # the list grows while it is read
        for value in vars(agent).values():
            if isinstance(value, ChatCompletionContext) and value not in found:
                found.append(value)
            elif isinstance(value, BaseChatAgent) and value not in left:
                left.append(value)
    return found


def _answered(messages: Sequence[Any]) -> list[Any]:
    """The messages, with a result behind every call that has none.

    Some services give all calls the same id. So a result is paired with the earliest call of its id that still waits.
    """
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
    """Cancel tasks. A task that takes no notice is cancelled again, and what a task raises is not logged. Tasks of
    another event loop are left alone, because only their own loop may cancel them. Returns at once."""
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
    """Cancel a task if it is of this loop and has not ended. Says whether it did: then somebody must watch it."""
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
    """Read the exception of a task that has ended, because asyncio logs an exception that nobody has read."""
    if not task.cancelled():
        task.exception()


_chasers: set[asyncio.Future[None]] = set()  # asyncio itself holds a task by a weak reference only
