"""Saves and loads a team's own state, and repairs what AutoGen 0.7.5 leaves out of it or loads wrongly.

`save_state` of AgentChat leaves out the conversation of an agent inside a MessageFilterAgent, the contexts of
SocietyOfMindAgent and CodeExecutorAgent, and the agents and teams that are called as tools. In the middle of a run, it
leaves out which agents speak in a graph. These parts are saved in the state under `STATE_KEY`, which a bare team
ignores.

`load_state` of AgentChat forgets which edges led to the next speakers of a graph, so that a loop ends early. And it
lets a selector remember what the selector knew before. Both are repaired, for states of bare teams, too.
"""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from autogen_agentchat.agents import CodeExecutorAgent, MessageFilterAgent, SocietyOfMindAgent
from autogen_agentchat.teams import BaseGroupChat

from . import private, private_runtime

log = logging.getLogger("nb_stream")

STATE_KEY = "nb_stream"


async def save_state(root: Any) -> dict[str, Any]:
    """The whole state of a team or an agent, as JSON values that nothing changes later."""
    state = _copied(dict(await root.save_state()))
    parts = list(_participants(root))
    more: dict[str, dict[str, Any]] = {"left_out": {}, "speaking": {}}
    for path, team in _teams(parts):
        if private_runtime.is_running(team) and (
            names := private_runtime.speaking_in_graph(await private_runtime.manager(team))
        ):
            more["speaking"][path] = names
    for path, owner in _left_out(parts):
        try:
            more["left_out"][path] = _copied(dict(await owner.save_state()))
        except Exception:
            log.warning("What %s knows is not in the saved state", path, exc_info=True)
    return {**state, STATE_KEY: {name: value for name, value in more.items() if value}} if any(more.values()) else state


async def load_state(root: Any, state: Mapping[str, Any]) -> None:
    """Load a state of `save_state`, or of a bare team, into a team or an agent. The mapping itself is not changed."""
    own = _copied(dict(state))
    more: Mapping[str, Any] = own.pop(STATE_KEY, {})
    known, speaking = more.get("left_out", {}), more.get("speaking", {})
    parts = list(_participants(root))
    owners = dict(_left_out(parts))
    missing = tuple(path for path in owners if path not in known)
    teams = [(path, team) for path, team in _teams(parts) if not any(_lies_in(path, other) for other in missing)]
    for _, team in _ready(teams):
        context = private_runtime.selector_context(manager := await private_runtime.manager(team))
        if context is not None and private_runtime.thread(manager):
            await context.clear()
    await root.load_state(own)
    for path, owner in owners.items():
        if path in known:
            await owner.load_state(known[path])
    for path, team in _ready(teams):
        private_runtime.resume_graph(await private_runtime.manager(team), speaking.get(path, []))


def _copied(state: dict[str, Any]) -> dict[str, Any]:
    """A deep copy, because a graph's state shares its inner parts with the graph. Objects of the user's own that cannot
    be copied are shared. A state is copied before each run, so this does by hand what `copy.deepcopy` takes five times
    as long for."""
    try:
        copied: dict[str, Any] = _copied_value(state)
        return copied
    except RecursionError:  # an object of the user's own may contain itself
        return dict(state)


def _copied_value(value: Any) -> Any:
    kind = type(value)
    if kind is dict:
        return {name: _copied_value(inside) for name, inside in value.items()}
    if kind is list:
        return [_copied_value(inside) for inside in value]
    if value is None or kind in (str, int, float, bool):
        return value
    try:
        return copy.deepcopy(value)
    except Exception:  # noqa: BLE001 - an object of the user's own may raise anything
        return value


def _participants(root: Any) -> Iterator[tuple[str, Any]]:
    """A team or an agent and everything that takes part in it, each once, with its path."""
    seen: set[int] = set()

    def visit(thing: Any, path: str) -> Iterator[tuple[str, Any]]:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        yield path, thing
        if isinstance(thing, BaseGroupChat):
            inside = [(part.name, part) for part in private.participants(thing)]
        else:
            inside = [(f"team {number}", team) for number, team in enumerate(private.inner_teams(thing))]
        for name, part in [*inside, *_apart(thing)]:
            yield from visit(part, f"{path}/{name}")

    return visit(root, "")


def _apart(thing: Any) -> list[tuple[str, Any]]:
    """The agents and teams in an agent of AutoGen's that the agent does not save."""
    apart = [(f"tool {used.tool.name}", used.runner) for used in private.tool_runners(thing)]
    if isinstance(thing, MessageFilterAgent):
        apart.append(("filtered", private.wrapped_agent(thing)))
    return apart


def _left_out(parts: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, Any]]:
    """The agents, teams and contexts whose state nobody else saves, with their paths."""
    for path, thing in parts:
        saving = getattr(type(thing), "save_state", None)
        if not getattr(saving, "__module__", "").startswith("autogen_agentchat."):
            continue  # a class of the user's own saves what it likes
        for name, part in _apart(thing):
            yield f"{path}/{name}", part
        asks = isinstance(thing, CodeExecutorAgent) and private.model_client(thing) is not None
        if asks or isinstance(thing, SocietyOfMindAgent):
            yield f"{path} context", thing.model_context


def _teams(parts: Iterable[tuple[str, Any]]) -> Iterator[tuple[str, BaseGroupChat]]:
    for path, thing in parts:
        if isinstance(thing, BaseGroupChat):
            yield path, thing


def _ready(teams: Iterable[tuple[str, BaseGroupChat]]) -> Iterator[tuple[str, BaseGroupChat]]:
    """The teams that have a manager."""
    return ((path, team) for path, team in teams if private_runtime.is_initialized(team))


def _lies_in(path: str, other: str) -> bool:
    return path == other or path.startswith(f"{other}/")
