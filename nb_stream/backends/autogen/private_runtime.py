"""Every private attribute of AutoGen's runtime, managers and containers that nb_stream touches: how teams run.

Read from autogen-agentchat and autogen-core 0.7.5, as `private`, which has those of agents. AutoGen has no public way
to end a run after a turn, or to use a team again after a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.messages import StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.teams._group_chat._events import GroupChatTermination, SerializableException
from autogen_agentchat.teams._group_chat._graph._digraph_group_chat import GraphFlowManager
from autogen_core import AgentId, SingleThreadedAgentRuntime
from autogen_core.model_context import UnboundedChatCompletionContext

from .patching import patched
from .private import attribute, manager_name

# --- running --------------------------------------------------------------------------------------------------------


def is_running(team: Any) -> bool:
    """Whether a team is in a run (`_base_group_chat.py`, `_is_running`)."""
    return bool(getattr(team, "_is_running", False))


async def manager(team: BaseGroupChat) -> Any:
    """The group chat manager of a team. Sets the team up as `save_state` does, if it has not run yet."""
    runtime = attribute(team, "_runtime")
    if not attribute(team, "_initialized"):
        await team._init(runtime)
    agent_id = AgentId(type=attribute(team, "_group_chat_manager_topic_type"), key=attribute(team, "_team_id"))
    return await runtime.try_get_underlying_agent_instance(agent_id)


def output_queue(manager: Any) -> Any:
    """Where a manager puts the messages that its team yields (`_base_group_chat_manager.py`)."""
    return attribute(manager, "_output_message_queue")


def output_queue_replaced(manager: Any, queue: Any) -> patched:
    """For a time, replace where a manager puts its team's messages. The team itself goes on reading from the old
    one."""
    return patched(manager, _output_message_queue=queue)


def condition(owner: Any) -> TerminationCondition | None:
    """The termination condition that a manager asks after each turn (`_base_group_chat_manager.py`)."""
    found: TerminationCondition | None = attribute(owner, "_termination_condition")
    return found


def condition_replaced(manager: Any, value: TerminationCondition) -> patched:
    """For a time, replace a manager's termination condition."""
    return patched(manager, _termination_condition=value)


# --- after a failure ------------------------------------------------------------------------------------------------


class RuntimeAgents(NamedTuple):
    """The agents that a team's runtime has for it: the manager, and a container for each participant."""

    manager: Any
    containers: list[Any]


def is_initialized(team: BaseGroupChat) -> bool:
    """Whether a team has its manager and containers (`_base_group_chat.py`)."""
    return bool(attribute(team, "_initialized"))


async def parts(team: BaseGroupChat) -> RuntimeAgents:
    """The manager and the containers of a team, in the order of its participants."""
    runtime, key = attribute(team, "_runtime"), attribute(team, "_team_id")
    types = attribute(team, "_participant_topic_types")
    found = await manager(team)
    return RuntimeAgents(
        found, [await runtime.try_get_underlying_agent_instance(AgentId(type=t, key=key)) for t in types]
    )


def thread(manager: Any) -> list[Any]:
    """All that a manager has heard (`_base_group_chat_manager.py`)."""
    messages: list[Any] = attribute(manager, "_message_thread")
    return messages


def set_thread(manager: Any, messages: list[Any]) -> None:
    """Replace what a manager has heard."""
    manager._message_thread = messages


def selector_context(manager: Any) -> Any | None:
    """What a selector's model is shown of the conversation, None for other managers (`_selector_group_chat.py`; it is
    no part of the saved state)."""
    return getattr(manager, "_model_context", None)


def set_selector_context(manager: Any, context: Any) -> None:
    """Replace what a selector's model is shown."""
    manager._model_context = context


def speaking_in_graph(manager: Any) -> list[str]:
    """Who has a turn in a GraphFlow; empty for other managers. They are no part of the saved state: they have left the
    queue of those who are ready (`_digraph_group_chat.py`)."""
    return list(attribute(manager, "_active_speakers")) if isinstance(manager, GraphFlowManager) else []


def resume_graph(manager: Any, speaking: Sequence[str]) -> None:
    """Let the manager of a GraphFlow that has loaded a state go on where it was saved; does nothing for others.

    `speaking` had a turn. What led to a node is forgotten again when the node is given its turn, and AutoGen keeps a
    list of what is to be forgotten then, which it does not save (`_triggered_activation_groups`): in a loaded graph no
    node of a loop came to its second turn. The list follows from the rest of the state.
    """
    if not isinstance(manager, GraphFlowManager):
        return
    ready, remaining, enqueued = (attribute(manager, name) for name in ("_ready", "_remaining", "_enqueued_any"))
    ready.extendleft(reversed(speaking))
    triggered: dict[str, set[str]] = attribute(manager, "_triggered_activation_groups")
    triggered.clear()
    for node, groups in attribute(manager, "_activation").items():
        for group, activation in groups.items():
            left = remaining.get(node, {}).get(group, 1)
            if left <= 0 if activation == "all" else enqueued.get(node, {}).get(group, False):
                triggered.setdefault(node, set()).add(group)
        if node not in ready:  # a bare team has loaded the state before
            manager._reset_triggered_activation_groups(node)


def agent_of_container(container: Any) -> Any:
    """The agent or team of a container (`_chat_agent_container.py`)."""
    return attribute(container, "_agent")


def buffer(container: Any) -> list[Any]:
    """What waits to be given to a container's agent in its next turn."""
    messages: list[Any] = attribute(container, "_message_buffer")
    return messages


def set_buffer(container: Any, messages: list[Any]) -> None:
    """Replace what waits for a container's agent."""
    container._message_buffer = messages


def shields(team: BaseGroupChat, parts: RuntimeAgents) -> list[patched]:
    """What lets the rest of a run that is cut off end in silence. A manager and containers on a runtime of the user's
    fail in silence once they are disarmed: such a runtime may end on any exception. A runtime of the team's own takes
    a new queue when it is stopped, where what goes on would report work that the queue does not know
    (`_single_threaded_agent_runtime.py`)."""
    if attribute(team, "_embedded_runtime"):
        runtime = attribute(team, "_runtime")
        return [patched(runtime, stop_when_idle=_lenient(runtime, runtime.stop_when_idle))]
    return [patched(part, on_message=_shielded(part, part.on_message)) for part in (parts.manager, *parts.containers)]


def _lenient(runtime: Any, inner: Callable[[], Any]) -> Callable[[], Any]:
    async def stop_when_idle() -> None:
        try:
            await inner()
        except BaseException:
            attribute(runtime, "_message_queue").task_done = lambda: None
            raise

    return stop_when_idle


def _shielded(part: Any, inner: Callable[..., Any]) -> Callable[..., Any]:
    async def on_message(*args: Any, **options: Any) -> Any:
        try:
            return await inner(*args, **options)
        except BaseException:
            if vars(part).get("_disarmed"):
                return None
            raise

    return on_message


def disarm_container(container: Any) -> None:
    """Cut a container off from its agent: a message that was under way must not give it a turn any more."""
    container._agent, container._message_buffer = _Nobody(container._agent), []
    container._disarmed = True


def disarm_manager(manager: Any) -> None:
    """Cut a manager off from what its successor shares with it."""
    manager._termination_condition, manager._message_thread = None, []
    manager._disarmed = True
    if getattr(manager, "_model_context", None) is not None:
        manager._model_context = UnboundedChatCompletionContext()


class _Nobody:
    """In the place of an agent that has left."""

    def __init__(self, agent: Any) -> None:
        self.name, self.description = agent.name, agent.description

    async def on_messages_stream(self, *_: Any) -> AsyncGenerator[Any, None]:
        raise asyncio.CancelledError
        yield


def cut_off(team: BaseGroupChat) -> list[asyncio.Task[Any]]:
    """End a runtime that a team has for its own (`_single_threaded_agent_runtime.py`); returns the tasks that are left
    to be cancelled. A runtime of the user's goes on: others may use it."""
    runtime = attribute(team, "_runtime")
    if not (attribute(team, "_embedded_runtime") and isinstance(runtime, SingleThreadedAgentRuntime)):
        return []
    context = getattr(runtime, "_run_context", None)
    if context is None or context._run_task.get_loop() is not asyncio.get_running_loop():
        return []
    queue = attribute(runtime, "_message_queue")
    context._stopped.set()  # in this order: its loop would spin on a queue that is shut while it is not stopped
    runtime._background_exception = None  # raised there, a CancelledError would take the place of the failure
    queue.shutdown(immediate=True)
    queue.task_done = lambda: None  # nobody waits for those who take no notice
    queue._unfinished_tasks = 0
    queue._finished.set()
    return list(getattr(runtime, "_background_tasks", ()))


def failure(team: BaseGroupChat) -> BaseException | None:
    """What has ended the runtime of a team that runs (`_single_threaded_agent_runtime.py`), None while it goes on.
    The team's own report of it may be lost, or wait until all other agents have finished."""
    runtime = attribute(team, "_runtime")
    if not is_running(team) or not isinstance(runtime, SingleThreadedAgentRuntime):
        return None
    context = getattr(runtime, "_run_context", None)
    if context is None:  # it ended; and if nothing is left to be read, it did so without a report
        lost = bool(attribute(team, "_embedded_runtime")) and attribute(team, "_output_message_queue").empty()
        return asyncio.CancelledError("An agent raised it.") if lost else None
    if context._run_task.done():
        return asyncio.CancelledError() if context._run_task.cancelled() else context._run_task.exception()
    found: BaseException | None = getattr(runtime, "_background_exception", None)  # others follow the first one
    return found


def is_stale(team: BaseGroupChat, parts: RuntimeAgents) -> bool:
    """Whether an earlier failure or cancel has left a team that does not run unfit for the next run: with an exception
    in its runtime, or with speakers in its manager."""
    poisoned = getattr(attribute(team, "_runtime"), "_background_exception", None) is not None
    return (poisoned and bool(attribute(team, "_embedded_runtime"))) or bool(
        getattr(parts.manager, "_active_speakers", ())
    )


def fail(team: BaseGroupChat, error: BaseException) -> None:
    """Let the `run_stream` of a team raise what a failed run raises (`_base_group_chat.py`)."""
    message = StopMessage(content="An exception occurred in the runtime.", source=manager_name(team))
    report = GroupChatTermination(message=message, error=SerializableException.from_exception(error))  # type: ignore[arg-type]
    attribute(team, "_output_message_queue").put_nowait(report)


async def retire(team: BaseGroupChat) -> None:
    """Take a team's agents out of a runtime of the user's, so that nothing reaches them any more; and let the runtime
    go on if a failure has ended it."""
    runtime = attribute(team, "_runtime")
    if attribute(team, "_embedded_runtime") or not isinstance(runtime, SingleThreadedAgentRuntime):
        return
    types = {*attribute(team, "_participant_topic_types"), attribute(team, "_group_chat_manager_topic_type")}
    for subscription in list(attribute(runtime, "_subscription_manager").subscriptions):
        if getattr(subscription, "agent_type", None) in types:
            await runtime.remove_subscription(subscription.id)
    instances, factories = attribute(runtime, "_instantiated_agents"), attribute(runtime, "_agent_factories")
    for agent_id in [agent_id for agent_id in instances if agent_id.type in types]:
        del instances[agent_id]
    for agent_type in types:
        factories.pop(agent_type, None)
    context = getattr(runtime, "_run_context", None)
    runtime._background_exception = None
    if context is not None and context._run_task.done():
        with contextlib.suppress(Exception, asyncio.CancelledError):
            await runtime.stop()
        runtime.start()


def rebuild(team: BaseGroupChat) -> None:
    """Give a team a new runtime and queue, and no manager, as if it had just been built. On a runtime of the user's
    the team takes a new id, so that nothing of the old one is taken for its own."""
    if attribute(team, "_embedded_runtime"):
        team._runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    else:
        old, new = attribute(team, "_team_id"), str(uuid.uuid4())
        for name in ("_team_id", "_group_topic_type", "_group_chat_manager_topic_type", "_output_topic_type"):
            setattr(team, name, attribute(team, name).replace(old, new))
        team._participant_topic_types = [
            topic.replace(old, new) for topic in attribute(team, "_participant_topic_types")
        ]
    team._output_message_queue = asyncio.Queue()
    team._initialized = False
    team._is_running = False
