"""Find the agents of an AutoGen team: participants, teams in teams, agents inside agents, agents used as tools."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.agents import (
    BaseChatAgent,
    CodeExecutorAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from autogen_agentchat.base import ChatAgent
from autogen_agentchat.teams import BaseGroupChat

from ..model import AgentInfo
from . import autogen_private as private


@dataclass(frozen=True)
class Node:
    """An agent with its place in the tree.

    `agent` is the object that writes the messages: for a MessageFilterAgent the agent inside it. `direct` says that
    nobody but the reader can want its tokens: every agent round it is AutoGen's own, which only passes them on.
    """

    info: AgentInfo
    agent: Any
    direct: bool


@dataclass
class Tree:
    """The agents of a team, in reading order, and all its teams, the outermost first."""

    nodes: list[Node] = field(default_factory=list)
    teams: list[BaseGroupChat] = field(default_factory=list)


def is_runner(thing: Any) -> bool:
    """Whether `thing` is a team or an agent of AgentChat."""
    return isinstance(thing, (BaseGroupChat, ChatAgent)) or (
        callable(getattr(thing, "run_stream", None)) and callable(getattr(thing, "run", None))
    )


def discover(root: Any) -> Tree:
    """The tree below a team or agent. An object that is used in two places is listed where it is found first."""
    tree, seen = Tree(), set()

    def visit(thing: Any, prefix: str, parent: str | None, direct: bool = True) -> None:
        if id(thing) in seen:
            return
        seen.add(id(thing))
        if isinstance(thing, BaseGroupChat):
            tree.teams.append(thing)
            inside = "" if thing is root else _join(prefix, thing.name)
            for participant in private.participants(thing):
                visit(participant, inside, inside or None, direct)
            return
        path = _join(prefix, thing.name)
        agent = thing
        while (wrapped := private.wrapped_agent(agent)) is not None:
            direct, agent = direct and _passes_on(agent), wrapped
        tree.nodes.append(Node(_info(thing, agent, path, parent), agent, direct))
        direct = direct and _passes_on(agent)
        team = private.inner_team(agent)
        if team is not None:
            seen.add(id(team))
            tree.teams.append(team)
            for participant in private.participants(team):
                visit(participant, path, path, direct)
        for runner in private.tool_runners(agent):
            visit(runner, path, path, direct)

    visit(root, "", None)
    return tree


def _passes_on(agent: Any) -> bool:
    """Whether an agent hands on the tokens of the agents inside it unread, as AutoGen's own do."""
    return type(agent).on_messages_stream.__module__.startswith(("autogen_agentchat.", "autogen_ext."))


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


def _info(thing: Any, agent: Any, path: str, parent: str | None) -> AgentInfo:
    reason = _why_not(agent)
    return AgentInfo(
        name=thing.name,
        path=path,
        description=getattr(thing, "description", "") or "",
        can_stream=not reason,
        parent=parent,
        reason=reason,
    )


def _why_not(agent: Any) -> str:
    """Why an agent cannot stream, or an empty text where it can."""
    if isinstance(agent, UserProxyAgent):
        return "A person writes its messages."
    if isinstance(agent, SocietyOfMindAgent):
        return "Its own answer comes whole; the agents inside it have switches of their own."
    if isinstance(agent, CodeExecutorAgent) and private.model_client(agent) is None:
        return "It runs code and calls no model."
    if private.streams(agent) is None:
        kind = type(agent).__name__
        if isinstance(agent, BaseChatAgent) and type(agent).__module__.startswith("autogen"):
            return f"{kind} gets its answers whole."
        return f"{kind} has not streamed so far."
    return ""
