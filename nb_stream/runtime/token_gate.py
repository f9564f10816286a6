"""`TokenGate`: decides whether the tokens of each agent pass, and whether its model is asked for a stream.

Four things have a say: how an agent was built, the option `streaming`, a person or a program that sets the switch by
hand, and token callbacks, which make their agents stream. The gate keeps the four apart and puts them together anew at
each change. So each of them can be taken back, in any order, and everybody who asks the gate gets the same answer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Union

from ..core.model import AgentInfo
from ..errors import UnknownAgentError
from .switches import cannot_stream, resolve

StreamingOption = Union[bool, str, Collection[str], Mapping[str, bool]]
"""Which agents begin with an open gate. `True`: all that can stream. `False`: none. `"built"`: those that were built to
stream. A name or path, or several: these and no others. A mapping from names or paths to bool: as it says, and all that
it does not mention."""


@dataclass
class _Switch:
    """The switch of one agent, with everything that has a say in it.

    `begins` is what the option `streaming` says. `built` says whether the agent was built to stream; it is None if that
    is not known: for an agent of the user's own class, tokens can be held, but its model call cannot be chosen. `asks`
    says whether the model was asked for a stream in the latest turn; before the first turn, it is as `built`. `by_hand`
    is what a person or a program has set, None if nothing. `callbacks` counts the token callbacks for this agent.
    """

    begins: bool
    built: bool | None
    asks: bool
    can_stream: bool
    by_hand: bool | None = None
    callbacks: int = 0
    open: bool = False


class TokenGate:
    """The gates of all agents of one stream, by path. A `TeamStream` owns it. Any thread may ask and set; everybody
    sees a change at once."""

    def __init__(
        self,
        agents: Sequence[AgentInfo],
        built: Mapping[str, bool],
        streaming: StreamingOption = "built",
        *,
        may_create: bool = False,
        lock: AbstractContextManager[Any] | None = None,
    ) -> None:
        self.wanted: dict[str, bool] = {}
        """By path, whether the model of an agent is asked for a stream from the agent's next turn on."""

        self._begins, self._others = _begin(agents, streaming)
        self._may_create = may_create
        self._for_all = 0  # callbacks that name no agents
        self._lock = threading.Lock() if lock is None else lock
        self._switches: dict[str, _Switch] = {}
        for agent in agents:
            self._add(agent.path, built.get(agent.path), agent.can_stream)

    def is_open(self, path: str) -> bool:
        """Whether the tokens of an agent pass. False for an agent that nobody has met yet."""
        switch = self._switches.get(path)
        return switch is not None and switch.open

    def set(self, path: str, is_open: bool) -> None:
        """Set a switch by hand. From now on neither callbacks nor options change it."""
        with self._lock:
            self._switches[path].by_hand = is_open
            self._settle()

    def listen(self, paths: Collection[str] | None) -> Callable[[], None]:
        """Let agents stream for a token callback: those at `paths` (None: all, also those that are met later), unless
        their switch was set off by hand. Returns a function that takes this back; it may be called more than once."""
        removed = False
        self._count(paths, 1)

        def remove() -> None:
            nonlocal removed
            if not removed:
                removed = True
                self._count(paths, -1)

        return remove

    def meet(self, path: str, can_stream: bool) -> None:
        """Add an agent that was found in a run, or note whether an agent that is known can stream."""
        with self._lock:
            switch = self._switches.get(path)
            if switch is None:
                self._add(path, None, can_stream)
            else:
                switch.can_stream = can_stream
            self._settle()

    def turn_begins(self, path: str) -> None:
        """An agent's turn begins: what was set for its next turn holds from now on."""
        switch = self._switches.get(path)
        if switch is not None:
            switch.asks = self.wanted.get(path, True)

    def word(self, path: str) -> str:
        """A sentence that says what the switch of an agent does, and from when."""
        switch, asks = self._switches[path], self.wanted.get(path, True)
        if switch.open:
            return "Streams." if switch.asks else "Streams from its next turn."
        if asks:
            return "Held back; the finished message comes whole."
        if switch.asks:
            return "Its messages come whole from its next turn."
        return "Its messages come whole." if switch.built else "Was built without streaming; its messages come whole."

    def __contains__(self, path: str) -> bool:
        return path in self._switches

    def _add(self, path: str, built: bool | None, can_stream: bool) -> None:
        begins = self._begins.get(path, built is not False if self._others is None else self._others)
        self._switches[path] = _Switch(begins, built, built is not False, can_stream)
        self._settle()

    def _count(self, paths: Collection[str] | None, more: int) -> None:
        with self._lock:
            if paths is None:
                self._for_all += more
            else:
                for path in paths:
                    self._switches[path].callbacks += more
            self._settle()

    def _settle(self) -> None:
        """Work out from all that has a say whether each gate is open. Under the lock."""
        for path, switch in list(self._switches.items()):
            said = switch.begins or switch.callbacks > 0 or self._for_all > 0
            switch.open = switch.can_stream and (said if switch.by_hand is None else switch.by_hand)
            if switch.built is not None:
                # Behind a closed gate, an agent that was built to stream goes on streaming, unless `create` is allowed.
                self.wanted[path] = switch.open or (switch.built and not self._may_create)


def _begin(agents: Sequence[AgentInfo], streaming: Any) -> tuple[dict[str, bool], bool | None]:
    """What the option `streaming` says for agents by path, and for all other agents. For these, None means: as they
    were built.

    Raises ValueError for a value that is none of `StreamingOption`, UnknownAgentError for a name that no agent has, and
    CannotStreamError if an agent without tokens is to stream.
    """
    if isinstance(streaming, bool):
        return {}, streaming
    if streaming == "built":
        return {}, None
    names = [streaming] if isinstance(streaming, str) else streaming
    if not isinstance(names, Collection) or isinstance(names, (bytes, bytearray)):
        raise ValueError(f"{_STREAMING_HELP}, not {streaming!r}.")
    said = names if isinstance(names, Mapping) else dict.fromkeys(names, True)
    begins: dict[str, bool] = {}
    for name, on in said.items():
        if not isinstance(on, bool):
            raise ValueError(f"{_STREAMING_HELP}. For {name!r} it says {on!r}, which is neither True nor False.")
        try:
            agent = resolve(agents, name)
        except UnknownAgentError as error:
            raise UnknownAgentError(f"{error} {_STREAMING_HELP}.") from None
        if on and not agent.can_stream:
            raise cannot_stream(agent)
        begins[agent.path] = on
    return begins, isinstance(names, Mapping)


_STREAMING_HELP = (
    'streaming is True, False, "built", names or paths of agents, or a mapping from those to True or False'
)
