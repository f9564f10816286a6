"""Every private attribute of AutoGen's runtime, managers and containers that nb_stream touches, by named functions.

They were read from autogen-agentchat and autogen-core 0.7.5. AutoGen has no public way to end a run after a turn, or to
use a team again after a failure. The attributes of agents and clients stand in `private`.

A team keeps each participant in a container, which collects messages in a buffer and gives them to the participant in
its next turn. The manager chooses whose turn is next. Both are agents of a runtime, which is the team's own
("embedded") or one that the user has passed in. All functions belong to the loop of the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any, NamedTuple

from autogen_agentchat.base import Response, TerminationCondition
from autogen_agentchat.messages import BaseChatMessage, StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.teams._group_chat._base_group_chat_manager import BaseGroupChatManager
from autogen_agentchat.teams._group_chat._events import (
    GroupChatAgentResponse,
    GroupChatStart,
    GroupChatTermination,
    SerializableException,
)
from autogen_agentchat.teams._group_chat._graph._digraph_group_chat import GraphFlowManager
from autogen_agentchat.teams._group_chat._magentic_one._magentic_one_orchestrator import MagenticOneOrchestrator
from autogen_core import AgentId, CancellationToken, DefaultTopicId, SingleThreadedAgentRuntime
from autogen_core.model_context import UnboundedChatCompletionContext

from .patching import patched
from .private import attribute, manager_name

# --- running --------------------------------------------------------------------------------------------------------


def is_running(team: Any) -> bool:
    """Whether a team is in a run (`_base_group_chat.py`, `_is_running`)."""
    return bool(getattr(team, "_is_running", False))


async def manager(team: BaseGroupChat) -> Any:
    """The group chat manager of a team. If the team has not run yet, it is set up first, as `save_state` does."""
    runtime = attribute(team, "_runtime")
    if not attribute(team, "_initialized"):
        await team._init(runtime)
    agent_id = AgentId(type=attribute(team, "_group_chat_manager_topic_type"), key=attribute(team, "_team_id"))
    return await runtime.try_get_underlying_agent_instance(agent_id)


def output_queue(manager: Any) -> Any:
    """The queue into which a manager puts the messages that its team yields (`_base_group_chat_manager.py`)."""
    return attribute(manager, "_output_message_queue")


def output_queue_replaced(manager: Any, queue: Any) -> patched:
    """For a time, replace the queue into which a manager puts messages. The team itself goes on reading from the old
    queue."""
    return patched(manager, _output_message_queue=queue)


def condition(owner: Any) -> TerminationCondition | None:
    """The termination condition that a manager asks after each turn (`_base_group_chat_manager.py`)."""
    found: TerminationCondition | None = attribute(owner, "_termination_condition")
    return found


def condition_replaced(manager: Any, value: TerminationCondition) -> patched:
    """For a time, replace a manager's termination condition."""
    return patched(manager, _termination_condition=value)


# --- between two turns ----------------------------------------------------------------------------------------------

STEPS_ON: tuple[tuple[type[Any], str], ...] = (
    (MagenticOneOrchestrator, "_orchestrate_step"),
    (BaseGroupChatManager, "_transition_to_next_speakers"),
)
"""By the class of a manager, its method that chooses the next speakers and gives them their turns. It is called at the
start of a run, and when the termination condition has let a turn pass (`_base_group_chat_manager.py`,
`_magentic_one_orchestrator.py`)."""

CHOICES = ("_next_speaker_index", "_previous_speaker", "_current_speaker")
"""The attributes in which the managers of RoundRobin, Selector and Swarm keep whose turn was last or is next."""


def takes_words(team: BaseGroupChat) -> bool:
    """Whether the manager of a team has the methods of AutoGen's own between two turns, so that it can be given words
    there."""
    kind = attribute(team, "_base_group_chat_manager_class")
    own = next((base for base, _ in STEPS_ON if issubclass(kind, base)), None)
    return own is not None and kind.handle_agent_response is own.handle_agent_response


def step_of(manager: Any) -> str:
    """The name of the method with which a manager goes on to the next turn."""
    return next(name for base, name in STEPS_ON if isinstance(manager, base))


async def give(manager: Any, words: list[BaseChatMessage], token: CancellationToken) -> bool:
    """Give a team messages of a user between two turns, as `handle_start` gives it those of a task. Returns whether its
    termination condition has ended the run.

    The task of a MagenticOne is a text that all its prompts have, and after a plan anew nothing else is left of what
    was said. AutoGen joins the messages of a task there with spaces, and so are these.
    """
    queue = output_queue(manager)
    for word in words:
        await queue.put(word)
    topic = DefaultTopicId(type=attribute(manager, "_group_topic_type"))
    await manager.publish_message(GroupChatStart(messages=words), topic_id=topic, cancellation_token=token)
    await manager.update_message_thread(words)
    if isinstance(manager, MagenticOneOrchestrator):
        manager._task = " ".join([attribute(manager, "_task"), *(word.to_model_text() for word in words)])
    return await is_ended_by(manager, words)


async def is_ended_by(manager: Any, delta: Sequence[Any]) -> bool:
    """Ask a manager's termination condition about messages that are no answer of an agent, and end the run if it says
    so. A graph that has no agent ready would end, too, so its own method is passed over."""
    return bool(await BaseGroupChatManager._apply_termination_condition(manager, delta))


def choice_of(manager: Any) -> dict[str, Any]:
    """How a manager stands before it chooses the next speakers."""
    return {name: vars(manager)[name] for name in CHOICES if name in vars(manager)}


def choose_again(manager: Any, name: str, before: dict[str, Any]) -> None:
    """Let a manager stand as `before` it gave the participant `name` its turn. In a graph, that node is ready again."""
    vars(manager).update(before)
    if isinstance(manager, GraphFlowManager):
        attribute(manager, "_ready").append(name)


async def answer_manager(team: BaseGroupChat, container: Any, message: BaseChatMessage) -> None:
    """Give the manager of a team, and nobody else, a message as the answer of a container's agent."""
    answer = GroupChatAgentResponse(response=Response(chat_message=message), name=message.source)
    topic = DefaultTopicId(attribute(team, "_group_chat_manager_topic_type"), attribute(team, "_team_id"))
    await container.publish_message(answer, topic_id=topic)


# --- after a failure ------------------------------------------------------------------------------------------------


class RuntimeAgents(NamedTuple):
    """The agents of a team in its runtime: the manager, and a container for each participant."""

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
    """All messages that a manager knows (`_base_group_chat_manager.py`)."""
    messages: list[Any] = attribute(manager, "_message_thread")
    return messages


def set_thread(manager: Any, messages: list[Any]) -> None:
    """Replace the messages that a manager knows."""
    manager._message_thread = messages


def selector_context(manager: Any) -> Any | None:
    """The model context of a selector; None for other managers. It is not saved (`_selector_group_chat.py`)."""
    return getattr(manager, "_model_context", None)


def set_selector_context(manager: Any, context: Any) -> None:
    """Replace the model context of a selector."""
    manager._model_context = context


def speaking_in_graph(manager: Any) -> list[str]:
    """The names of the agents that have a turn in a GraphFlow; empty for other managers. AutoGen does not save them:
    they have left the queue of agents that are ready, and only that queue is saved (`_digraph_group_chat.py`)."""
    return list(attribute(manager, "_active_speakers")) if isinstance(manager, GraphFlowManager) else []


def resume_graph(manager: Any, speaking: Sequence[str]) -> None:
    """Let the manager of a GraphFlow that has loaded a state go on where it was saved. Does nothing for other managers.

    `speaking` are the agents that had a turn. They are put at the front of the queue again.

    When a node gets its turn, AutoGen forgets the edges that led to it. It keeps a list of what to forget then,
    `_triggered_activation_groups`, and does not save that list. Without the list, no node of a loop would get a second
    turn in a loaded graph. The list follows from the rest of the state, so it is made anew here.
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
        if node not in ready:  # left by a bare team that loaded the state without the list
            manager._reset_triggered_activation_groups(node)


def agent_of_container(container: Any) -> Any:
    """The agent or team of a container (`_chat_agent_container.py`)."""
    return attribute(container, "_agent")


def buffer(container: Any) -> list[Any]:
    """The messages that a container's agent is given in its next turn."""
    messages: list[Any] = attribute(container, "_message_buffer")
    return messages


def set_buffer(container: Any, messages: list[Any]) -> None:
    """Replace the messages that a container's agent is given in its next turn."""
    container._message_buffer = messages


def shields(team: BaseGroupChat, parts: RuntimeAgents) -> list[patched]:
    """Replacements that let the rest of a run that was cut off end in silence (`_single_threaded_agent_runtime.py`).

    A runtime of the user's may end on any exception. So on such a runtime, a manager or container that is disarmed
    raises nothing. A runtime of the team's own takes a new queue when it is stopped. Tasks that go on would report to
    that queue that they have done work which it does not know, and fail. So the new queue takes such reports.
    """
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
    """Cut a container off from its agent, so that a message that is still under way gives the agent no turn."""
    container._agent, container._message_buffer = _Nobody(container._agent), []
    container._disarmed = True


def disarm_manager(manager: Any) -> None:
    """Cut a manager off from the objects that the team's new manager takes over."""
    manager._termination_condition, manager._message_thread = None, []
    manager._disarmed = True
    if getattr(manager, "_model_context", None) is not None:
        manager._model_context = UnboundedChatCompletionContext()


class _Nobody:
    """Stands in a disarmed container in the place of its agent. Its turn raises CancelledError."""

    def __init__(self, agent: Any) -> None:
        self.name, self.description = agent.name, agent.description

    async def on_messages_stream(self, *_: Any) -> AsyncGenerator[Any, None]:
        raise asyncio.CancelledError
        yield


def cut_off(team: BaseGroupChat) -> list[asyncio.Task[Any]]:
    """End the runtime of a team, if it is the team's own and of this loop (`_single_threaded_agent_runtime.py`).
    Returns its tasks, which the caller must cancel. A runtime of the user's goes on, because others may use it."""
    runtime = attribute(team, "_runtime")
    if not (attribute(team, "_embedded_runtime") and isinstance(runtime, SingleThreadedAgentRuntime)):
        return []
    context = getattr(runtime, "_run_context", None)
    if context is None or context._run_task.get_loop() is not asyncio.get_running_loop():
        return []
    queue = attribute(runtime, "_message_queue")
    context._stopped.set()  # first: until it is stopped, its loop would spin on a queue that is shut
    runtime._background_exception = None  # else its CancelledError would hide the failure
    queue.shutdown(immediate=True)
    queue.task_done = lambda: None  # tasks that take no notice may report later
    queue._unfinished_tasks = 0
    queue._finished.set()
    return list(getattr(runtime, "_background_tasks", ()))


def failure(team: BaseGroupChat) -> BaseException | None:
    """The error that has ended the runtime of a team in a run (`_single_threaded_agent_runtime.py`); None while the
    runtime goes on. The team's own report of the error may be lost, or wait until all other agents have finished."""
    runtime = attribute(team, "_runtime")
    if not is_running(team) or not isinstance(runtime, SingleThreadedAgentRuntime):
        return None
    context = getattr(runtime, "_run_context", None)
    if context is None:  # the runtime has ended; an empty queue means that it made no report
        lost = bool(attribute(team, "_embedded_runtime")) and attribute(team, "_output_message_queue").empty()
        return asyncio.CancelledError("An agent raised it.") if lost else None
    if context._run_task.done():
        return asyncio.CancelledError() if context._run_task.cancelled() else context._run_task.exception()
    found: BaseException | None = getattr(runtime, "_background_exception", None)  # errors of other agents follow it
    return found


def is_stale(team: BaseGroupChat, parts: RuntimeAgents) -> bool:
    """Whether an earlier failure or cancel has left a team unfit for the next run. Such a team has an exception in its
    runtime, or speakers in its manager. Ask only for a team that does not run."""
    poisoned = getattr(attribute(team, "_runtime"), "_background_exception", None) is not None
    return (poisoned and bool(attribute(team, "_embedded_runtime"))) or bool(
        getattr(parts.manager, "_active_speakers", ())
    )


def fail(team: BaseGroupChat, error: BaseException) -> None:
    """Let the `run_stream` of a team raise `error` in the way in which it raises errors of agents
    (`_base_group_chat.py`)."""
    message = StopMessage(content="An exception occurred in the runtime.", source=manager_name(team))
    report = GroupChatTermination(message=message, error=SerializableException.from_exception(error))  # type: ignore[arg-type]
    attribute(team, "_output_message_queue").put_nowait(report)


async def retire(team: BaseGroupChat) -> None:
    """Take a team's manager and containers out of a runtime of the user's, so that no message reaches them any more. If
    a failure has ended the runtime, start it again. Does nothing for a runtime of the team's own."""
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
    """Put a team into the state of one that was just built: with a new queue, and no manager or containers. A runtime
    of the team's own is replaced. On a runtime of the user's the team gets a new id, so that no message to the old
    containers reaches the new ones."""
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
