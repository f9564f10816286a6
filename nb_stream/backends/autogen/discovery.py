"""Finds the agents of an AutoGen team: participants, teams in teams, agents inside agents, agents used as tools.

AutoGen has no public way to list them. The panel needs them before a run begins, because each one has a row and a
switch; the hooks need to know what may run what.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from autogen_agentchat.agents import BaseChatAgent, CodeExecutorAgent, SocietyOfMindAgent, UserProxyAgent
from autogen_agentchat.teams import BaseGroupChat, MagenticOneGroupChat, SelectorGroupChat

from ...core.model import AgentInfo
from ..stand_in import StandIn
from . import private


@dataclass(frozen=True)
class AgentNode:
    """An agent with its place in the tree.

    `agent` is the object that writes the messages: for a MessageFilterAgent, the agent inside it. `direct` says that
    nobody but the reader can want its tokens, because all code round it is AutoGen's own and only passes them on.
    `shown` is false if nothing that it says comes out of the team. `called` says that its `run_stream` is used: by us,
    or because the agent is a tool. `behind` counts the workbenches that its messages pass
    (`token_router.STREAM_BEGINS`).
    """

    info: AgentInfo
    agent: Any
    direct: bool
    shown: bool = True
    called: bool = False
    behind: int = 0


@dataclass(frozen=True)
class TeamNode:
    """A team with its place in the tree. `path` is the path of its manager. `info` is the manager's row; it is None if
    the manager asks no model."""

    team: BaseGroupChat
    path: str
    direct: bool
    shown: bool = True
    info: AgentInfo | None = None


@dataclass(frozen=True)
class Holder:
    """An agent, or a team of the user's own class, with the agents and teams that it runs itself."""

    thing: Any
    path: str
    inside: tuple[Any, ...]


@dataclass
class TeamTree:
    """Everything that was found below a team or agent: `nodes` are its agents in reading order, `chats` its teams with
    the outermost first, `rows` the rows of the panel, and `holders` the things that run agents and teams themselves.
    The backend owns it, and makes a new one only if it gets a new team."""

    nodes: list[AgentNode] = field(default_factory=list)
    chats: list[TeamNode] = field(default_factory=list)
    rows: list[AgentInfo] = field(default_factory=list)
    holders: list[Holder] = field(default_factory=list)


def reach(tree: TeamTree, thing: Any) -> frozenset[int]:
    """The `id()` of an agent or team, of the things that it runs itself, of the things that those run, and so on."""
    found, left = {id(thing)}, [thing]
    for one in left:
        inside = [below for holder in tree.holders if holder.thing is one for below in holder.inside]
        left += [below for below in inside if id(below) not in found]
        found |= {id(below) for below in inside}
    return frozenset(found)


def discover(root: Any) -> TeamTree:
    """The tree below a team or agent.

    An object that is used in two places has one conversation and one switch, so it is listed once. Its place as a
    participant of the outermost team comes first, then the place in which it is found first. A place in which nothing
    of it is shown counts only if there is no other.
    """
    search = _Search(root)
    search.visit(root, "", None, direct=True, called=True)
    for agent, path in search.unseen:
        for runner in search.claim(used.runner for used in private.tool_runners(agent) if not used.shown):
            search.visit(runner, path, path, direct=False, shown=False)
    return search.tree


class _Search:
    """One walk through a team. `discover` makes it and drops it."""

    def __init__(self, root: Any) -> None:
        self.tree = TeamTree()
        self.unseen: list[tuple[Any, str]] = []  # agents, with paths, whose hidden tools are visited last
        self._root = root
        self._claimed = {id(root)}
        self._paths: set[str] = set()

    def claim(self, things: Iterable[Any]) -> list[Any]:
        """Claim `things`; returns those that had no place in the tree so far."""
        free = []
        for thing in things:
            if id(thing) not in self._claimed:
                self._claimed.add(id(thing))
                free.append(thing)
        return free

    def visit(
        self,
        thing: Any,
        prefix: str,
        parent: str | None,
        direct: bool,
        shown: bool = True,
        called: bool = False,
        behind: int = 0,
    ) -> None:
        if isinstance(thing, StandIn):
            self._hold(thing, prefix, [thing.team])
            if not self.claim([thing.team]):
                return
            thing = thing.team
        if isinstance(thing, BaseGroupChat):
            inside = "" if thing is self._root else self._unique(_join(prefix, thing.name))
            self._team(thing, inside, direct, shown, behind)
            return
        if not hasattr(thing, "on_messages_stream"):
            self._hold(thing, prefix, private.inner_teams(thing))
            for team in self.claim(private.inner_teams(thing)):
                self._team(team, prefix, False, shown, behind)
            return  # agents inside it are found when they speak
        path, agent = self._unique(_join(prefix, thing.name)), thing
        direct = direct and (not called or _hands_on(agent, "run_stream"))
        while (wrapped := private.wrapped_agent(agent)) is not None:
            self._hold(agent, path, [wrapped])
            direct, agent = direct and _hands_on(agent, "on_messages_stream"), wrapped
        if agent is not thing and not self.claim([agent]):
            return
        info = _info(thing, agent, path, parent, shown)
        self.tree.nodes.append(AgentNode(info, agent, direct, shown, called, behind if direct else 0))
        self.tree.rows.append(info)
        direct = direct and _hands_on(agent, "on_messages_stream")
        teams, stand_in = private.inner_teams(agent), private.inner_stand_in(agent)
        self._hold(agent, path, teams if stand_in is None else [stand_in])
        if stand_in is not None:
            self._hold(stand_in, path, teams)
        for team in self.claim(teams):
            self._team(team, path, direct, shown, behind)
        tools = [used for used in private.tool_runners(agent) if used.shown and self.claim([used.runner])]
        for used in tools:
            tool = getattr(used.tool, "tool", used.tool)  # an ApprovedTool hands on the stream of the tool in it
            passed = _hands_on(tool, "run_stream") and _hands_on(used.workbench, "call_tool_stream")
            self.visit(used.runner, path, path, direct and passed, shown, called=True, behind=behind + 1)
        self.unseen.append((agent, path))

    def _team(self, team: BaseGroupChat, path: str, direct: bool, shown: bool, behind: int) -> None:
        """Visit a team whose participants stand below `path`. All participants are claimed before one is visited, so
        that a participant keeps its place even if another participant holds it, too."""
        direct = direct and _hands_on(team, "run_stream") and not private.is_watched(team)
        at = len(self.tree.chats)
        for participant in self.claim(private.participants(team)):
            self.visit(participant, path, path or None, direct, shown, behind=behind)
        name = private.manager_name(team)
        info = _manager_info(team, name, _join(path, name), path or None, shown)
        self.tree.chats.insert(at, TeamNode(team, _join(path, name), direct, shown, info))
        if info is not None:
            self.tree.rows.append(info)

    def _hold(self, thing: Any, path: str, inside: Iterable[Any]) -> None:
        """Note once that a thing runs the agents or teams `inside` it."""
        if all(holder.thing is not thing for holder in self.tree.holders):
            self.tree.holders.append(Holder(thing, path, tuple(inside)))

    def _unique(self, path: str) -> str:
        """The path, with a number behind it if another team or agent has the same path."""
        tries: Iterator[str] = (path if n == 1 else f"{path}~{n}" for n in range(1, len(self._paths) + 2))
        found = next(one for one in tries if one not in self._paths)
        self._paths.add(found)
        return found


def _hands_on(thing: Any, method: str) -> bool:
    """Whether a method is AutoGen's own or ours. Such a method hands on tokens from inside without reading them."""
    module = getattr(getattr(thing, method, None), "__module__", None) or ""
    return module.startswith(("autogen_agentchat.", "autogen_core.", "autogen_ext.", "nb_stream."))


def _join(prefix: str, name: str) -> str:
    return f"{prefix}/{name}" if prefix else name


# --- rows -----------------------------------------------------------------------------------------------------------

_WITHOUT_STREAMING = {
    "UserProxyAgent": "A person writes its messages.",
    "SocietyOfMindAgent": "Its own answer comes whole; the agents inside it have switches of their own.",
    "OpenAIAgent": "OpenAIAgent asks the Responses API for whole answers.",
    "OpenAIAssistantAgent": "OpenAIAssistantAgent polls the Assistants API, which gives whole answers.",
    "AzureAIAgent": "AzureAIAgent polls the Azure AI service, which gives whole answers.",
    "FileSurfer": "FileSurfer asks its model for one action at a time, and gets it whole.",
    "MultimodalWebSurfer": "MultimodalWebSurfer asks its model for one action at a time, and gets it whole.",
}
"""Why AutoGen's own agents cannot stream (autogen-agentchat and autogen-ext 0.7.5)."""


def _info(thing: Any, agent: Any, path: str, parent: str | None, shown: bool) -> AgentInfo:
    reason = _why_not(agent) if shown else _HIDDEN_ATTRIBUTES
    description = getattr(thing, "description", "") or ""
    return AgentInfo(thing.name, path, description, can_stream=not reason, parent=parent, reason=reason)


_HIDDEN_ATTRIBUTES = (
    "It is called through a workbench that hands on its result only. "
    "Pass it as tools=[...], or in a StaticStreamWorkbench, to see it at work."
)


def _why_not(agent: Any) -> str:
    """The reason for which an agent cannot stream; an empty text if it can."""
    if isinstance(agent, CodeExecutorAgent) and private.model_client(agent) is None:
        return "It runs code and calls no model."
    if private.streams(agent) is not None and not isinstance(agent, (UserProxyAgent, SocietyOfMindAgent)):
        return ""
    kind, stream = type(agent).__name__, getattr(type(agent), "on_messages_stream", None)
    known = [_WITHOUT_STREAMING[base.__name__] for base in type(agent).__mro__ if base.__name__ in _WITHOUT_STREAMING]
    if known and _hands_on(type(agent), "on_messages_stream"):
        return known[0]
    if stream is BaseChatAgent.on_messages_stream:
        return f"{kind} has no on_messages_stream of its own, so its messages come whole."
    return f"{kind} has not streamed so far."


def _manager_info(team: BaseGroupChat, name: str, path: str, parent: str | None, shown: bool) -> AgentInfo | None:
    """The row of a team's manager; None if the manager asks no model."""
    if isinstance(team, SelectorGroupChat):
        reason = "" if private.emits_events(team) else "It is seen only in a team with emit_team_events=True."
        description = f"Chooses who speaks next in {team.name}."
    elif isinstance(team, MagenticOneGroupChat):
        reason = "It plans in whole answers; AutoGen gives it no way to stream."
        description = f"Plans, and chooses who speaks next in {team.name}."
    else:
        return None
    reason = reason if shown else _HIDDEN_ATTRIBUTES
    return AgentInfo(name, path, description, can_stream=not reason, parent=parent, reason=reason)
