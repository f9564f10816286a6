"""What `tests/backends/contract.py` runs: for each backend, how a play becomes a thing that a `TeamStream` takes.

A play says in no framework's words which agents there are, what each of them says, and where something goes wrong. A
backend joins the contract with one `Subject` in `SUBJECTS`.
"""

from __future__ import annotations

import asyncio
import contextlib
import pathlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, Union

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow, RoundRobinGroupChat
from autogen_core.tools import FunctionTool

from nb_stream import Replay, TeamStream, needs_approval
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from nb_stream.demo.script import Step


@dataclass(frozen=True)
class Words:
    """An answer, with the thought before it, if there is one."""

    text: str
    thought: str = ""


@dataclass(frozen=True)
class Uses:
    """A call of the tool `look_up`, which gives "blue"; `asks` if a person has to approve it."""

    asks: bool = False


@dataclass(frozen=True)
class Breaks:
    """A lost connection after some words; only the first time. Later the answer is `then`."""

    then: str


Part = Union[Words, Uses, Breaks]


@dataclass(frozen=True)
class Play:
    """`cast` says by agent what it does in its turn; `None` is a person, who is asked. The agents speak one after the
    other, or all at the same time if it is `parallel`. `pace` is the seconds before each piece of text, and `runs` how
    often the play is to be given."""

    cast: dict[str, tuple[Part, ...] | None]
    parallel: bool = False
    pace: float = 0.0
    runs: int = 1


class Subject(Protocol):
    """A backend in the contract."""

    asks_people: bool
    """Whether a run asks people, and does not only show what they said in another run."""

    async def team(self, play: Play, folder: pathlib.Path) -> Any:
        """A new thing for a `TeamStream` that gives the play. `folder` is for files."""


ANSWER = "It is for you."
"""What the person in a play answers who is asked while a recording is made."""


class AutoGenSubject:
    """Teams of AutoGen's, on scripted models that stream."""

    asks_people = True

    async def team(self, play: Play, folder: pathlib.Path) -> Any:
        """A round robin, or a graph whose nodes all begin at once."""
        agents = [self._agent(name, parts, play.pace) for name, parts in play.cast.items()]
        if not play.parallel:
            return RoundRobinGroupChat(agents, max_turns=len(agents))
        builder = DiGraphBuilder()
        for agent in agents:
            builder.add_node(agent)
        return GraphFlow(agents, builder.build())

    def _agent(self, name: str, parts: tuple[Part, ...] | None, pace: float) -> Any:
        if parts is None:
            return UserProxyAgent(name)
        steps: list[Step] = []
        tools: list[Any] = []
        for part in parts:
            if isinstance(part, Words):
                steps.append(Say(part.text, part.thought or None))
            elif isinstance(part, Uses):
                steps.append(Call("look_up", {"what": "sky"}, "I look it up."))
                tool = FunctionTool(_look_up, "looks up", name="look_up")
                tools.append(needs_approval(tool) if part.asks else tool)
            else:
                steps += [Fail(ConnectionError("lost"), 3), Say(part.then)]
        once = any(isinstance(part, Breaks) for part in parts)
        client = ScriptedClient(steps, pace=pace, at_end="repeat" if once else "cycle")
        return AssistantAgent(name, client, tools=tools, reflect_on_tool_use=bool(tools), model_client_stream=True)


async def _look_up(what: str) -> str:
    return "blue"


class ReplaySubject:
    """Recordings of the same plays, played in the time in which they were recorded."""

    asks_people = False

    async def team(self, play: Play, folder: pathlib.Path) -> Any:
        """A recording of as many runs as the play asks for."""
        stream = TeamStream(await AutoGenSubject().team(play, folder))
        stream.on_question(lambda question: True if question.what else ANSWER)
        for _ in range(play.runs):
            with contextlib.suppress(Exception):
                await stream.run("Go.")
        path = folder / f"{len(list(folder.iterdir()))}.jsonl"
        stream.save(path)
        return Replay(path)


SUBJECTS: dict[str, Subject] = {"autogen": AutoGenSubject(), "replay": ReplaySubject()}


async def turns_of_the_loop(count: int, until: Callable[[], bool] = lambda: False) -> bool:
    """Let the event loop turn so many times; whether `until` came true before."""
    for _ in range(count):
        if until():
            return True
        await asyncio.sleep(0)
    return until()
