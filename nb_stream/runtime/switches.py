"""`Switches`: the mapping through which users read and set whether the tokens of an agent are shown.

It holds nothing itself: the `TokenGate` decides. This module also finds agents by their names or paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping, Sequence

from ..core.model import AgentInfo
from ..errors import CannotStreamError, UnknownAgentError, unknown_agent


def resolve(agents: Sequence[AgentInfo], key: str) -> AgentInfo:
    """The agent with this path, or the only agent with this name. Raises UnknownAgentError if there is none, or if
    several agents have the name."""
    for agent in agents:
        if agent.path == key:
            return agent
    named = [agent for agent in agents if agent.name == key]
    if len(named) == 1:
        return named[0]
    if named:
        paths = ", ".join(repr(agent.path) for agent in named)
        raise UnknownAgentError(f"More than one agent is called {key!r}. Use the path: {paths}.")
    raise unknown_agent(key, (agent.path for agent in agents), "team")


def cannot_stream(agent: AgentInfo) -> CannotStreamError:
    """The error that says why the switch of an agent stays off."""
    return CannotStreamError(f"The agent {agent.path!r} cannot stream. {agent.reason}")


class Switches(MutableMapping[str, bool]):
    """Whether the tokens of each agent are shown. Keys are paths (`"research/writer"`), or names that one agent has.

    Setting a switch acts at once, on any thread: the gate opens or closes in the middle of a message. An agent that was
    built without streaming streams from its next turn. Switches cannot be added or deleted. Raises UnknownAgentError
    for an unknown key, and CannotStreamError if an agent without tokens is switched on.
    """

    def __init__(
        self,
        agents: Callable[[], Sequence[AgentInfo]],
        is_open: Callable[[str], bool],
        flip: Callable[[str, bool], None],
    ) -> None:
        self._agents = agents
        self._is_open = is_open
        self._flip = flip

    def __getitem__(self, key: str) -> bool:
        return self._is_open(resolve(self._agents(), key).path)

    def __setitem__(self, key: str, on: bool) -> None:
        agent = resolve(self._agents(), key)
        if on and not agent.can_stream:
            raise cannot_stream(agent)
        self._flip(agent.path, bool(on))

    def __delitem__(self, key: str) -> None:
        raise TypeError("Switches cannot be deleted. Set them to False instead.")

    def __iter__(self) -> Iterator[str]:
        return iter([agent.path for agent in self._agents()])

    def __len__(self) -> int:
        return len(self._agents())

    def __repr__(self) -> str:
        return f"Switches({dict(self)!r})"
