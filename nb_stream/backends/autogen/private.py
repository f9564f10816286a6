"""Every private attribute of AutoGen that nb_stream touches, each behind a named function.

Read from autogen-agentchat and autogen-core 0.7.5. AutoGen is in maintenance mode and has no public way to list the
participants of a team, to switch streaming, to end a run after a turn, or to use a team again after a failure. A
missing attribute raises a `BackendError` that names it, so that a new release fails in words and not in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import operator
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from autogen_agentchat.agents import CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.messages import StopMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_agentchat.teams._group_chat._events import GroupChatTermination, SerializableException
from autogen_agentchat.teams._group_chat._graph._digraph_group_chat import GraphFlowManager
from autogen_core import AgentId, SingleThreadedAgentRuntime
from autogen_core.model_context import UnboundedChatCompletionContext
from autogen_core.models import ModelFamily
from autogen_core.tools import StaticStreamWorkbench

from ...errors import BackendError
from ..stand_in import StandIn, behind

TESTED_VERSION = "0.7.5"


def _attribute(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise BackendError(
            f"nb_stream needs {type(owner).__name__}.{name}, which the installed AutoGen does not have. "
            f"nb_stream was tested with autogen-agentchat {TESTED_VERSION}: install that version."
        ) from None


# --- structure ------------------------------------------------------------------------------------------------------


def is_autogen_class(thing: Any) -> bool:
    """Whether an agent or team is of a class of AutoGen's, whose attributes are known."""
    return type(thing).__module__.startswith(("autogen_agentchat.", "autogen_ext."))


def participants(team: BaseGroupChat) -> list[Any]:
    """The agents and teams of a team, in order (`_base_group_chat.py`, `__init__`)."""
    return list(_attribute(team, "_participants"))


def inner_team(agent: Any) -> Any | None:
    """The team inside a SocietyOfMindAgent, None for other agents (`_society_of_mind_agent.py`)."""
    team = behind(getattr(agent, "_team", None))
    return team if isinstance(team, BaseGroupChat) else None


def inner_stand_in(agent: Any) -> StandIn | None:
    """What stands in for the team inside a SocietyOfMindAgent, if anything does."""
    team = getattr(agent, "_team", None) if is_autogen_class(agent) else None
    return team if isinstance(team, StandIn) else None


def inner_teams(thing: Any) -> list[BaseGroupChat]:
    """The teams that an agent or team runs itself. One of the user's own may keep them under any name."""
    if is_autogen_class(thing):
        return [team] if (team := inner_team(thing)) is not None else []
    found: list[BaseGroupChat] = []
    for value in getattr(thing, "__dict__", {}).values():
        values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else (value,)
        found += [one for one in values if isinstance(one, BaseGroupChat)]
    return found


def wrapped_agent(agent: Any) -> Any | None:
    """The agent inside a MessageFilterAgent, None for other agents (`_message_filter_agent.py`)."""
    return getattr(agent, "_wrapped_agent", None)


class ToolRunner(NamedTuple):
    """An agent or team that is called as a tool, with the tool and its workbench. `shown` says whether the workbench
    lets anything of it be seen: only a streaming one does."""

    runner: Any
    tool: Any
    workbench: Any
    shown: bool


def tool_runners(agent: Any) -> Iterator[ToolRunner]:
    """The agents and teams that an agent calls as tools: AgentTool and TeamTool in its workbenches
    (`_assistant_agent.py`, `_task_runner_tool.py`)."""
    workbenches = getattr(agent, "_workbench", None) or ()
    for workbench in workbenches if isinstance(workbenches, (list, tuple)) else (workbenches,):
        yield from runners_in(workbench)


def runners_in(workbench: Any) -> Iterator[ToolRunner]:
    """The same for one workbench."""
    for tool in getattr(workbench, "_tools", ()):
        runner = getattr(tool, "_task_runner", None)
        if runner is not None:
            yield ToolRunner(runner, tool, workbench, isinstance(workbench, StaticStreamWorkbench))


def manager_name(team: BaseGroupChat) -> str:
    """The name with which the manager of a team signs (`_base_group_chat.py`)."""
    return str(_attribute(team, "_group_chat_manager_name"))


def emits_events(team: BaseGroupChat) -> bool:
    """Whether a team gives out what its manager does (`_base_group_chat.py`)."""
    return bool(getattr(team, "_emit_team_events", False))


def is_watched(team: BaseGroupChat) -> bool:
    """Whether code of the user's own looks at all that goes through a team's runtime: intervention handlers
    (`_single_threaded_agent_runtime.py`)."""
    return bool(getattr(getattr(team, "_runtime", None), "_intervention_handlers", None))


# --- streaming ------------------------------------------------------------------------------------------------------


def streams(agent: Any) -> bool | None:
    """Whether the agent's next turn streams; None where it has no such flag (`_assistant_agent.py`,
    `_code_executor_agent.py`). The flag is read once, when a turn begins."""
    flag = getattr(agent, "_model_client_stream", None)
    return flag if isinstance(flag, bool) else None


def set_streams(agent: Any, on: bool) -> None:
    """Let the agent's next turn stream, or not. A plain write: any thread may do it."""
    agent._model_client_stream = on


def selector_streams(selector: Any) -> bool | None:
    """Whether a SelectorGroupChat, or its manager, streams its choices; None for others
    (`_selector_group_chat.py`). The manager copies the team's flag when it is made, and reads it for each choice."""
    flag = getattr(selector, "_model_client_streaming", None)
    return flag if isinstance(flag, bool) else None


def set_selector_streams(manager: Any, on: bool) -> None:
    """Let the manager's next choice stream, or not."""
    manager._model_client_streaming = on


def workbenches(agent: Any) -> list[Any] | None:
    """The workbenches of an agent, None where it has none (`_assistant_agent.py`; read when a turn begins)."""
    found = getattr(agent, "_workbench", None)
    return found if isinstance(found, list) and found else None


def set_workbenches(agent: Any, benches: list[Any]) -> None:
    """Replace the workbenches of an agent."""
    agent._workbench = benches


def model_client(owner: Any) -> Any | None:
    """The model client of an agent or manager, None where it has none."""
    return getattr(owner, "_model_client", None)


def runs_code_only(agent: Any) -> bool:
    """Whether an agent runs the code of others and asks no model: its messages are what programs printed
    (`_code_executor_agent.py`, `on_messages_stream`)."""
    return isinstance(agent, CodeExecutorAgent) and model_client(agent) is None


def model_name(client: Any) -> str | None:
    """The name of the model that a client calls (`_openai_client.py`, `_create_args`; a cache has the `client` that it
    is for), or at least of its family; None where it says neither."""
    known = (_item(getattr(client, "_create_args", None), "model"), getattr(client, "model", None))
    inner = getattr(client, "client", None)
    name = next((name for name in known if isinstance(name, str)), None) or (model_name(inner) if inner else None)
    family = _item(getattr(client, "model_info", None), "family")
    return name or (family if isinstance(family, str) and family != ModelFamily.UNKNOWN else None)


def _item(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, Mapping) else None


def set_model_client(owner: Any, client: Any) -> None:
    """Give an agent or manager another model client. It is read when a turn or choice begins."""
    owner._model_client = client


_TWINS: dict[tuple[type, str], Any] = {}


def twin(client: Any, name: str, value: Any) -> Any:
    """The same client once more, with another value of one attribute: what either of the two notes down (usage, the
    number of tool calls) both have, as they have one `__dict__`. Raises TypeError for a client without one.

    For `_client` of AutoGen's clients, which is the SDK's client (`_openai_client.py`, `_ollama_client.py`,
    `_anthropic_client.py`), and for `client` of a ChatCompletionCache.
    """
    kind: Any = type(client)
    made = _TWINS.get((kind, name))
    if made is None:
        slot = "_nb_stream_" + name
        own = {
            "__slots__": (slot,),
            "__module__": kind.__module__,
            "__qualname__": kind.__qualname__,
            "__del__": lambda self: None,  # the client goes on when its twin is forgotten
            name: property(operator.attrgetter(slot)),
        }
        made = _TWINS[kind, name] = type(kind)(kind.__name__, (kind,), own)
    other = made.__new__(made)
    other.__dict__ = client.__dict__
    setattr(other, "_nb_stream_" + name, value)
    return other


def sdk_client(client: Any) -> Any | None:
    """The SDK's client that one of AutoGen's model clients calls, None where there is none."""
    return getattr(client, "_client", None)


def tool_name(name: str) -> str:
    """The name of a tool as `create` of the OpenAI client corrects it, and `create_stream` does not."""
    from autogen_ext.models.openai._openai_client import normalize_name

    return normalize_name(name)


def next_tool_id(client: Any) -> None:
    """Count on the ids of tool calls, which `create` of the Ollama client does and `create_stream` forgets."""
    client._tool_id = _attribute(client, "_tool_id") + 1


# --- human input ----------------------------------------------------------------------------------------------------


def reads_terminal(agent: UserProxyAgent) -> bool:
    """Whether a UserProxyAgent has AutoGen's default input function, or the built-in `input`."""
    return agent.input_func is input or getattr(agent.input_func, "__name__", "") == "cancellable_input"


def input_of(agent: UserProxyAgent) -> Callable[..., Awaitable[str]]:
    """What asks as a UserProxyAgent does now, with a prompt and a cancellation token (`_user_proxy_agent.py`,
    `_get_input`)."""
    function, is_async = agent.input_func, _attribute(agent, "_is_async")

    async def ask(prompt: str, cancellation_token: Any) -> str:
        if is_async:
            answer: str = await function(prompt, cancellation_token)  # type: ignore[call-arg, misc]
        else:
            answer = await asyncio.get_running_loop().run_in_executor(None, function, prompt)  # type: ignore[arg-type]
        return answer

    return ask


@contextlib.contextmanager
def input_function(agent: UserProxyAgent, function: Any) -> Iterator[None]:
    """Let an agent ask by the coroutine function `function` (`_user_proxy_agent.py`; `_is_async` is decided when the
    agent is made)."""
    before = agent.input_func, _attribute(agent, "_is_async")
    agent.input_func, agent._is_async = function, True
    try:
        yield
    finally:
        agent.input_func, agent._is_async = before


def approval(agent: CodeExecutorAgent) -> Any | None:
    """The approval function of an agent that runs code, None where it has none (`_code_executor_agent.py`)."""
    return getattr(agent, "_approval_func", None)


def approval_is_async(agent: CodeExecutorAgent) -> bool:
    """Whether an agent awaits its approval function."""
    return bool(_attribute(agent, "_approval_func_is_async"))


@contextlib.contextmanager
def approval_function(agent: CodeExecutorAgent, function: Any) -> Iterator[None]:
    """Let an agent ask the coroutine function `function` before it runs code (`_code_executor_agent.py`;
    `_approval_func_is_async` is decided when the agent is made)."""
    before = _attribute(agent, "_approval_func"), _attribute(agent, "_approval_func_is_async")
    agent._approval_func, agent._approval_func_is_async = function, True
    try:
        yield
    finally:
        agent._approval_func, agent._approval_func_is_async = before


# --- running --------------------------------------------------------------------------------------------------------


def is_running(team: Any) -> bool:
    """Whether a team is in a run (`_base_group_chat.py`, `_is_running`)."""
    return bool(getattr(team, "_is_running", False))


async def manager(team: BaseGroupChat) -> Any:
    """The group chat manager of a team. Sets the team up as `save_state` does, where it has not run yet."""
    runtime = _attribute(team, "_runtime")
    if not _attribute(team, "_initialized"):
        await team._init(runtime)
    agent_id = AgentId(type=_attribute(team, "_group_chat_manager_topic_type"), key=_attribute(team, "_team_id"))
    return await runtime.try_get_underlying_agent_instance(agent_id)


def output_queue(manager: Any) -> Any:
    """Where a manager puts the messages that its team yields (`_base_group_chat_manager.py`)."""
    return _attribute(manager, "_output_message_queue")


def set_output_queue(manager: Any, queue: Any) -> None:
    """Replace where a manager puts its team's messages. The team itself goes on reading from the old one."""
    manager._output_message_queue = queue


def condition(owner: Any) -> TerminationCondition | None:
    """The termination condition that a manager asks after each turn (`_base_group_chat_manager.py`)."""
    found: TerminationCondition | None = _attribute(owner, "_termination_condition")
    return found


def set_condition(owner: Any, value: TerminationCondition | None) -> None:
    """Replace a manager's termination condition."""
    owner._termination_condition = value


# --- after a failure ------------------------------------------------------------------------------------------------


class RuntimeAgents(NamedTuple):
    """The agents that a team's runtime has for it: the manager, and a container for each participant."""

    manager: Any
    containers: list[Any]


def is_initialized(team: BaseGroupChat) -> bool:
    """Whether a team has its manager and containers (`_base_group_chat.py`)."""
    return bool(_attribute(team, "_initialized"))


async def parts(team: BaseGroupChat) -> RuntimeAgents:
    """The manager and the containers of a team, in the order of its participants."""
    runtime, key = _attribute(team, "_runtime"), _attribute(team, "_team_id")
    types = _attribute(team, "_participant_topic_types")
    found = await manager(team)
    return RuntimeAgents(
        found, [await runtime.try_get_underlying_agent_instance(AgentId(type=t, key=key)) for t in types]
    )


def thread(manager: Any) -> list[Any]:
    """All that a manager has heard (`_base_group_chat_manager.py`)."""
    messages: list[Any] = _attribute(manager, "_message_thread")
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
    return list(_attribute(manager, "_active_speakers")) if isinstance(manager, GraphFlowManager) else []


def resume_graph(manager: Any, speaking: Sequence[str]) -> None:
    """Let the manager of a GraphFlow that has loaded a state go on where it was saved; does nothing for others.

    `speaking` had a turn. What led to a node is forgotten again when the node is given its turn, and AutoGen keeps a
    list of what is to be forgotten then, which it does not save (`_triggered_activation_groups`): in a loaded graph no
    node of a loop came to its second turn. The list follows from the rest of the state.
    """
    if not isinstance(manager, GraphFlowManager):
        return
    ready, remaining, enqueued = (_attribute(manager, name) for name in ("_ready", "_remaining", "_enqueued_any"))
    ready.extendleft(reversed(speaking))
    triggered: dict[str, set[str]] = _attribute(manager, "_triggered_activation_groups")
    triggered.clear()
    for node, groups in _attribute(manager, "_activation").items():
        for group, activation in groups.items():
            left = remaining.get(node, {}).get(group, 1)
            if left <= 0 if activation == "all" else enqueued.get(node, {}).get(group, False):
                triggered.setdefault(node, set()).add(group)
        if node not in ready:  # a bare team has loaded the state before
            manager._reset_triggered_activation_groups(node)


def agent_of_container(container: Any) -> Any:
    """The agent or team of a container (`_chat_agent_container.py`)."""
    return _attribute(container, "_agent")


def buffer(container: Any) -> list[Any]:
    """What waits to be given to a container's agent in its next turn."""
    messages: list[Any] = _attribute(container, "_message_buffer")
    return messages


def set_buffer(container: Any, messages: list[Any]) -> None:
    """Replace what waits for a container's agent."""
    container._message_buffer = messages


def shield(team: BaseGroupChat, parts: RuntimeAgents) -> None:
    """Let what is left of a run that was cut off end in silence. A manager and containers on a runtime of the user's
    fail in silence once they are disarmed: such a runtime may end on any exception. A runtime of the team's own takes
    a new queue when it is stopped, where what goes on would report work that the queue does not know
    (`_single_threaded_agent_runtime.py`)."""
    if _attribute(team, "_embedded_runtime"):
        runtime = _attribute(team, "_runtime")
        if "stop_when_idle" not in vars(runtime):
            runtime.stop_when_idle = _lenient(runtime, runtime.stop_when_idle)
        return
    for part in (parts.manager, *parts.containers):
        if "on_message" not in vars(part):
            part.on_message = _shielded(part, part.on_message)


def _lenient(runtime: Any, inner: Callable[[], Any]) -> Callable[[], Any]:
    async def stop_when_idle() -> None:
        try:
            await inner()
        except BaseException:
            _attribute(runtime, "_message_queue").task_done = lambda: None
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
    runtime = _attribute(team, "_runtime")
    if not (_attribute(team, "_embedded_runtime") and isinstance(runtime, SingleThreadedAgentRuntime)):
        return []
    context = getattr(runtime, "_run_context", None)
    if context is None or context._run_task.get_loop() is not asyncio.get_running_loop():
        return []
    queue = _attribute(runtime, "_message_queue")
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
    runtime = _attribute(team, "_runtime")
    if not is_running(team) or not isinstance(runtime, SingleThreadedAgentRuntime):
        return None
    context = getattr(runtime, "_run_context", None)
    if context is None:  # it ended; and where nothing is left to be read, it did so without a report
        lost = bool(_attribute(team, "_embedded_runtime")) and _attribute(team, "_output_message_queue").empty()
        return asyncio.CancelledError("An agent raised it.") if lost else None
    if context._run_task.done():
        return asyncio.CancelledError() if context._run_task.cancelled() else context._run_task.exception()
    found: BaseException | None = getattr(runtime, "_background_exception", None)  # others follow the first one
    return found


def is_stale(team: BaseGroupChat, parts: RuntimeAgents) -> bool:
    """Whether an earlier failure or cancel has left a team that does not run unfit for the next run: with an exception
    in its runtime, or with speakers in its manager."""
    poisoned = getattr(_attribute(team, "_runtime"), "_background_exception", None) is not None
    return (poisoned and bool(_attribute(team, "_embedded_runtime"))) or bool(
        getattr(parts.manager, "_active_speakers", ())
    )


def fail(team: BaseGroupChat, error: BaseException) -> None:
    """Let the `run_stream` of a team raise what a failed run raises (`_base_group_chat.py`)."""
    message = StopMessage(content="An exception occurred in the runtime.", source=manager_name(team))
    report = GroupChatTermination(message=message, error=SerializableException.from_exception(error))  # type: ignore[arg-type]
    _attribute(team, "_output_message_queue").put_nowait(report)


async def retire(team: BaseGroupChat) -> None:
    """Take a team's agents out of a runtime of the user's, so that nothing reaches them any more; and let the runtime
    go on where a failure has ended it."""
    runtime = _attribute(team, "_runtime")
    if _attribute(team, "_embedded_runtime") or not isinstance(runtime, SingleThreadedAgentRuntime):
        return
    types = {*_attribute(team, "_participant_topic_types"), _attribute(team, "_group_chat_manager_topic_type")}
    for subscription in list(_attribute(runtime, "_subscription_manager").subscriptions):
        if getattr(subscription, "agent_type", None) in types:
            await runtime.remove_subscription(subscription.id)
    instances, factories = _attribute(runtime, "_instantiated_agents"), _attribute(runtime, "_agent_factories")
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
    if _attribute(team, "_embedded_runtime"):
        team._runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    else:
        old, new = _attribute(team, "_team_id"), str(uuid.uuid4())
        for name in ("_team_id", "_group_topic_type", "_group_chat_manager_topic_type", "_output_topic_type"):
            setattr(team, name, _attribute(team, name).replace(old, new))
        team._participant_topic_types = [
            topic.replace(old, new) for topic in _attribute(team, "_participant_topic_types")
        ]
    team._output_message_queue = asyncio.Queue()
    team._initialized = False
    team._is_running = False
