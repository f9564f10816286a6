"""Every private attribute of AutoGen's agents and teams that nb_stream touches, each behind a named function.

They were read from autogen-agentchat and autogen-core 0.7.5. AutoGen is in maintenance mode and has no public way to
list the participants of a team or to switch streaming. The attributes of its runtime, managers and containers stand in
`private_runtime`. A missing attribute raises a `BackendError` that names it, so that a new release fails in words and
not in silence.
"""

from __future__ import annotations

import asyncio
import contextlib
import operator
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any, NamedTuple

from autogen_agentchat.agents import CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.teams import BaseGroupChat
from autogen_core.models import ModelFamily
from autogen_core.tools import StaticStreamWorkbench

from ...errors import BackendError
from ..stand_in import StandIn, behind
from .patching import patched

TESTED_VERSION = "0.7.5"


def attribute(owner: Any, name: str) -> Any:
    """The value of a private attribute. Raises BackendError if the installed AutoGen does not have it."""
    try:
        return getattr(owner, name)
    except AttributeError:
        raise BackendError(
            f"nb_stream needs {type(owner).__name__}.{name}, which the installed AutoGen does not have. "
            f"nb_stream was tested with autogen-agentchat {TESTED_VERSION}: install that version."
        ) from None


# --- structure ------------------------------------------------------------------------------------------------------


def is_autogen_class(thing: Any) -> bool:
    """Whether the class of an agent or team is AutoGen's own, so that its attributes are known."""
    return type(thing).__module__.startswith(("autogen_agentchat.", "autogen_ext."))


def participants(team: BaseGroupChat) -> list[Any]:
    """The agents and teams of a team, in order (`_base_group_chat.py`, `__init__`)."""
    return list(attribute(team, "_participants"))


def inner_team(agent: Any) -> Any | None:
    """The team inside a SocietyOfMindAgent, None for other agents (`_society_of_mind_agent.py`)."""
    team = behind(getattr(agent, "_team", None))
    return team if isinstance(team, BaseGroupChat) else None


def inner_stand_in(agent: Any) -> StandIn | None:
    """The stand-in for the team inside a SocietyOfMindAgent; None if there is none."""
    team = getattr(agent, "_team", None) if is_autogen_class(agent) else None
    return team if isinstance(team, StandIn) else None


def inner_teams(thing: Any) -> list[BaseGroupChat]:
    """The teams that an agent or team runs itself. A class of the user's own may keep them in any attribute."""
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
    hands on the messages of the agent or team. Only a streaming workbench does."""

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
    """The agents and teams that the tools of one workbench call."""
    for tool in getattr(workbench, "_tools", ()):
        runner = getattr(tool, "_task_runner", None)
        if runner is not None:
            yield ToolRunner(runner, tool, workbench, isinstance(workbench, StaticStreamWorkbench))


def manager_name(team: BaseGroupChat) -> str:
    """The name that the manager of a team puts on its messages (`_base_group_chat.py`)."""
    return str(attribute(team, "_group_chat_manager_name"))


def emits_events(team: BaseGroupChat) -> bool:
    """Whether a team yields the events of its manager (`_base_group_chat.py`)."""
    return bool(getattr(team, "_emit_team_events", False))


def is_watched(team: BaseGroupChat) -> bool:
    """Whether a team's runtime has intervention handlers, by which code of the user's own sees all that goes through
    the runtime (`_single_threaded_agent_runtime.py`)."""
    return bool(getattr(getattr(team, "_runtime", None), "_intervention_handlers", None))


# --- streaming ------------------------------------------------------------------------------------------------------


def streams(agent: Any) -> bool | None:
    """Whether the agent's next turn streams; None if it has no such flag (`_assistant_agent.py`,
    `_code_executor_agent.py`). The flag is read once, when a turn begins."""
    flag = getattr(agent, "_model_client_stream", None)
    return flag if isinstance(flag, bool) else None


def set_streams(agent: Any, on: bool) -> None:
    """Let the agent's next turn stream, or not. Any thread may call it, because it is a plain write."""
    agent._model_client_stream = on


def streams_put_back(agent: Any) -> contextlib.AbstractContextManager[None]:
    """At the exit, give an agent's flag the value that it has at the call."""
    built = streams(agent)
    return contextlib.nullcontext() if built is None else patched(agent, _model_client_stream=built)


def selector_streams(selector: Any) -> bool | None:
    """Whether a SelectorGroupChat, or its manager, streams its choices; None for other teams and managers
    (`_selector_group_chat.py`). The manager copies the team's flag when it is made, and reads it at each choice."""
    flag = getattr(selector, "_model_client_streaming", None)
    return flag if isinstance(flag, bool) else None


def set_selector_streams(manager: Any, on: bool) -> None:
    """Let the manager's next choice stream, or not."""
    manager._model_client_streaming = on


def selector_streams_put_back(manager: Any) -> contextlib.AbstractContextManager[None]:
    """At the exit, give a manager's flag the value that it has at the call."""
    built = selector_streams(manager)
    return contextlib.nullcontext() if built is None else patched(manager, _model_client_streaming=built)


def workbenches(agent: Any) -> list[Any] | None:
    """The workbenches of an agent, None if it has none (`_assistant_agent.py`; read when a turn begins)."""
    found = getattr(agent, "_workbench", None)
    return found if isinstance(found, list) and found else None


def workbenches_replaced(agent: Any, benches: list[Any]) -> patched:
    """For a time, give an agent other workbenches."""
    return patched(agent, _workbench=benches)


def model_client(owner: Any) -> Any | None:
    """The model client of an agent or manager, None if it has none."""
    return getattr(owner, "_model_client", None)


def runs_code_only(agent: Any) -> bool:
    """Whether an agent runs the code of others and asks no model. Programs have printed the text of its messages
    (`_code_executor_agent.py`, `on_messages_stream`)."""
    return isinstance(agent, CodeExecutorAgent) and model_client(agent) is None


def model_name(client: Any) -> str | None:
    """The name of the model that a client calls, else the name of the model's family, else None.

    The name stands in `_create_args` (`_openai_client.py`). A cache has the client that it stands before as `client`.
    """
    known = (_item(getattr(client, "_create_args", None), "model"), getattr(client, "model", None))
    inner = getattr(client, "client", None)
    name = next((name for name in known if isinstance(name, str)), None) or (model_name(inner) if inner else None)
    family = _item(getattr(client, "model_info", None), "family")
    return name or (family if isinstance(family, str) and family != ModelFamily.UNKNOWN else None)


def sees(client: Any) -> bool | None:
    """Whether the model of a client takes images; None if there is no client that tells."""
    vision = _item(getattr(client, "model_info", None), "vision")
    return vision if isinstance(vision, bool) else None


def _item(mapping: Any, key: str) -> Any:
    return mapping.get(key) if isinstance(mapping, Mapping) else None


def model_client_replaced(owner: Any, client: Any) -> patched:
    """For a time, give an agent or manager another model client. It is read when a turn or choice begins."""
    return patched(owner, _model_client=client)


_TWINS: dict[tuple[type, str], Any] = {}  # the classes of twins, by the client's class and the name of the attribute


def twin(client: Any, name: str, value: Any) -> Any:
    """A second object of the same client, in which one attribute has another value. The client itself is not changed.

    The two share one `__dict__`. So what either of them notes down (usage, the number of tool calls) both have. The
    attribute is a property of the twin's class, which goes before the `__dict__`. Raises TypeError if the client cannot
    have a twin.

    It is used for `_client` of AutoGen's clients, which is the SDK's client (`_openai_client.py`, `_ollama_client.py`,
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
            "__del__": lambda self: None,  # else dropping the twin would close the client, which goes on
            name: property(operator.attrgetter(slot)),
        }
        made = _TWINS[kind, name] = type(kind)(kind.__name__, (kind,), own)
    other = made.__new__(made)
    other.__dict__ = client.__dict__
    setattr(other, "_nb_stream_" + name, value)
    return other


def sdk_client(client: Any) -> Any | None:
    """The client of an SDK that a model client of AutoGen's calls; None if there is none."""
    return getattr(client, "_client", None)


def tool_name(name: str) -> str:
    """The name of a tool, corrected. `create` of AutoGen's OpenAI client corrects it, and `create_stream` does not."""
    from autogen_ext.models.openai._openai_client import normalize_name

    return normalize_name(name)


def next_tool_id(client: Any) -> None:
    """Advance the number in the ids of tool calls. `create` of AutoGen's Ollama client does so, and `create_stream`
    forgets it."""
    client._tool_id = attribute(client, "_tool_id") + 1


# --- human input ----------------------------------------------------------------------------------------------------


def reads_terminal(agent: UserProxyAgent) -> bool:
    """Whether a UserProxyAgent has AutoGen's default input function, or the built-in `input`."""
    return agent.input_func is input or getattr(agent.input_func, "__name__", "") == "cancellable_input"


def input_of(agent: UserProxyAgent) -> Callable[..., Awaitable[str]]:
    """A function that asks as a UserProxyAgent asks now. It takes a prompt and a cancellation token
    (`_user_proxy_agent.py`, `_get_input`)."""
    function, is_async = agent.input_func, attribute(agent, "_is_async")

    async def ask(prompt: str, cancellation_token: Any) -> str:
        if is_async:
            answer: str = await function(prompt, cancellation_token)  # type: ignore[call-arg, misc]
        else:
            answer = await asyncio.get_running_loop().run_in_executor(None, function, prompt)  # type: ignore[arg-type]
        return answer

    return ask


def input_function(agent: UserProxyAgent, function: Any) -> patched:
    """For a time, let an agent ask by the coroutine function `function` (`_user_proxy_agent.py`). `_is_async` is
    set only when the agent is made, so it is replaced, too."""
    attribute(agent, "_is_async")
    return patched(agent, input_func=function, _is_async=True)


def approval(agent: CodeExecutorAgent) -> Any | None:
    """The approval function of an agent that runs code, None if it has none (`_code_executor_agent.py`)."""
    return getattr(agent, "_approval_func", None)


def approval_is_async(agent: CodeExecutorAgent) -> bool:
    """Whether an agent awaits its approval function."""
    return bool(attribute(agent, "_approval_func_is_async"))


def approval_function(agent: CodeExecutorAgent, function: Any) -> patched:
    """For a time, let an agent ask by the coroutine function `function` before it runs code
    (`_code_executor_agent.py`). `_approval_func_is_async` is set when the agent is made, so it is replaced, too."""
    attribute(agent, "_approval_func"), attribute(agent, "_approval_func_is_async")
    return patched(agent, _approval_func=function, _approval_func_is_async=True)
