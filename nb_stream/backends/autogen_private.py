"""Every private attribute of AutoGen that nb_stream touches, each behind a named function.

Read from autogen-agentchat and autogen-core 0.7.5. AutoGen is in maintenance mode and has no public way to list the
participants of a team, to switch streaming, to end a run after a turn, or to use a team again after a failure. A
missing attribute raises a `BackendError` that names it, so that a new release fails in words and not in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator
from typing import Any

from autogen_agentchat.agents import UserProxyAgent
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import AgentId, SingleThreadedAgentRuntime
from autogen_core.tools import StaticStreamWorkbench

from ..errors import BackendError

TESTED = "0.7.5"


def _get(owner: Any, name: str) -> Any:
    try:
        return getattr(owner, name)
    except AttributeError:
        raise BackendError(
            f"nb_stream needs {type(owner).__name__}.{name}, which the installed AutoGen does not have. "
            f"nb_stream was tested with autogen-agentchat {TESTED}: install that version."
        ) from None


# --- structure ------------------------------------------------------------------------------------------------------


def participants(team: BaseGroupChat) -> list[Any]:
    """The agents and teams of a team, in order (`_base_group_chat.py`, `__init__`)."""
    return list(_get(team, "_participants"))


def inner_team(agent: Any) -> Any | None:
    """The team inside a SocietyOfMindAgent, None for other agents (`_society_of_mind_agent.py`)."""
    team = getattr(agent, "_team", None)
    return team if isinstance(team, BaseGroupChat) else None


def wrapped_agent(agent: Any) -> Any | None:
    """The agent inside a MessageFilterAgent, None for other agents (`_message_filter_agent.py`)."""
    return getattr(agent, "_wrapped_agent", None)


def tool_runners(agent: Any) -> Iterator[Any]:
    """The agents and teams that an agent calls as tools: AgentTool and TeamTool in its workbenches
    (`_assistant_agent.py`, `_task_runner_tool.py`). Only a streaming workbench lets anything of them be seen."""
    workbenches = getattr(agent, "_workbench", None) or ()
    for workbench in workbenches if isinstance(workbenches, (list, tuple)) else (workbenches,):
        if not isinstance(workbench, StaticStreamWorkbench):
            continue
        for tool in getattr(workbench, "_tools", ()):
            runner = getattr(tool, "_task_runner", None)
            if runner is not None:
                yield runner


# --- streaming ------------------------------------------------------------------------------------------------------


def streams(agent: Any) -> bool | None:
    """Whether the agent's next turn streams; None where it has no such flag (`_assistant_agent.py`,
    `_code_executor_agent.py`). The flag is read once, when a turn begins."""
    flag = getattr(agent, "_model_client_stream", None)
    return flag if isinstance(flag, bool) else None


def set_streams(agent: Any, on: bool) -> None:
    """Let the agent's next turn stream, or not. A plain write: any thread may do it."""
    agent._model_client_stream = on


def model_client(agent: Any) -> Any | None:
    """The model client of an agent, None where it has none."""
    return getattr(agent, "_model_client", None)


# --- human input ----------------------------------------------------------------------------------------------------


def reads_terminal(agent: UserProxyAgent) -> bool:
    """Whether a UserProxyAgent has AutoGen's default input function, or the built-in `input`."""
    return agent.input_func is input or getattr(agent.input_func, "__name__", "") == "cancellable_input"


@contextlib.contextmanager
def input_function(agent: UserProxyAgent, function: Any) -> Iterator[None]:
    """Let an agent ask by the coroutine function `function` (`_user_proxy_agent.py`; `_is_async` is decided when the
    agent is made)."""
    before = agent.input_func, _get(agent, "_is_async")
    agent.input_func, agent._is_async = function, True
    try:
        yield
    finally:
        agent.input_func, agent._is_async = before


# --- running --------------------------------------------------------------------------------------------------------


def is_running(team: Any) -> bool:
    """Whether a team is in a run (`_base_group_chat.py`, `_is_running`)."""
    return bool(getattr(team, "_is_running", False))


def has_output(team: Any) -> bool:
    """Whether messages of a team wait to be yielded by its `run_stream` (`_base_group_chat.py`)."""
    queue = getattr(team, "_output_message_queue", None)
    return queue is not None and not queue.empty()


async def manager(team: BaseGroupChat) -> Any:
    """The group chat manager of a team. Sets the team up as `save_state` does, where it has not run yet."""
    runtime = _get(team, "_runtime")
    if not _get(team, "_initialized"):
        await team._init(runtime)
    agent_id = AgentId(type=_get(team, "_group_chat_manager_topic_type"), key=_get(team, "_team_id"))
    return await runtime.try_get_underlying_agent_instance(agent_id)


def manager_name(team: BaseGroupChat) -> str:
    """The key of the manager's state in a team's saved state."""
    return str(_get(team, "_group_chat_manager_name"))


def condition(owner: Any) -> TerminationCondition | None:
    """The termination condition that a manager asks after each turn (`_base_group_chat_manager.py`)."""
    found: TerminationCondition | None = _get(owner, "_termination_condition")
    return found


def set_condition(owner: Any, value: TerminationCondition | None) -> None:
    """Replace a manager's termination condition."""
    owner._termination_condition = value


# --- after a failure ------------------------------------------------------------------------------------------------


def cut_off(team: BaseGroupChat) -> None:
    """Cancel all that still runs for a team on its own runtime (`_single_threaded_agent_runtime.py`)."""
    runtime = _get(team, "_runtime")
    if not isinstance(runtime, SingleThreadedAgentRuntime):
        return
    for task in list(getattr(runtime, "_background_tasks", ())):
        task.add_done_callback(_seen)  # it may fail once more on its way out, which nobody is to read
        task.cancel()
    context = getattr(runtime, "_run_context", None)
    run_task = getattr(context, "_run_task", None)
    if isinstance(run_task, asyncio.Task):
        run_task.cancel()


def _seen(task: asyncio.Task[Any]) -> None:
    if not task.cancelled():
        task.exception()


def renew(team: BaseGroupChat) -> None:
    """Give a team a new runtime, queue and manager, as if it had just been built.

    A failed run leaves an exception in the embedded runtime and speakers in the manager that nothing clears: the next
    run hangs, or ends after one turn. Only new ones help. On a runtime of the user's the team takes a new id, because
    agents cannot be registered twice.
    """
    if _get(team, "_embedded_runtime"):
        team._runtime = SingleThreadedAgentRuntime(ignore_unhandled_exceptions=False)
    else:
        old, new = _get(team, "_team_id"), str(uuid.uuid4())
        for name in ("_team_id", "_group_topic_type", "_group_chat_manager_topic_type", "_output_topic_type"):
            setattr(team, name, _get(team, name).replace(old, new))
        team._participant_topic_types = [topic.replace(old, new) for topic in _get(team, "_participant_topic_types")]
    team._output_message_queue = asyncio.Queue()
    team._initialized = False
    team._is_running = False
