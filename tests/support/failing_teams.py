"""Teams of every shape in which one agent makes trouble, and model clients that make it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any

from autogen_agentchat.agents import AssistantAgent, MessageFilterAgent, SocietyOfMindAgent
from autogen_agentchat.agents._message_filter_agent import MessageFilterConfig
from autogen_agentchat.base import ChatAgent, Team
from autogen_agentchat.teams import (
    DiGraphBuilder,
    GraphFlow,
    MagenticOneGroupChat,
    RoundRobinGroupChat,
    SelectorGroupChat,
    Swarm,
)
from autogen_agentchat.tools import AgentTool
from autogen_core import SingleThreadedAgentRuntime
from autogen_core.models import ChatCompletionClient, CreateResult, LLMMessage, RequestUsage

from nb_stream.demo import Call, Say, ScriptedClient

FINE = "All is well, and this is what I have to say about it."
"""What an agent says that makes no trouble."""

Clients = Callable[[str], ChatCompletionClient]


def fine(*_: Any) -> ScriptedClient:
    """A client that makes no trouble."""
    return ScriptedClient([Say(FINE)])


def only(name: str, client: ChatCompletionClient) -> Clients:
    """`client` for the agent of this name, a fine one for the others."""
    return lambda agent: client if agent == name else fine()


class Deaf(ScriptedClient):
    """Says a few words, and then hears neither its token nor `cancels` cancels of its task for `seconds`; the first
    time only. What follows is fine."""

    def __init__(self, seconds: float, cancels: int = 1, words: int = 3, then: str = FINE) -> None:
        super().__init__([Say(then)])
        self.seconds, self.cancels, self.words = seconds, cancels, words
        self.began, self.ended = asyncio.Event(), asyncio.Event()

    async def create(self, messages: Any, **options: Any) -> CreateResult:
        if self.began.is_set():
            return await super().create(messages, **options)
        self.began.set()
        await self._wait()
        return _late()

    async def create_stream(self, messages: Any, **options: Any) -> AsyncGenerator[str | CreateResult, None]:
        if self.began.is_set():
            async for item in super().create_stream(messages, **options):
                yield item
            return
        for number in range(self.words):
            yield f"word{number} "
        self.began.set()
        await self._wait()
        yield "late "
        yield _late()

    async def _wait(self) -> None:
        end, left = time.monotonic() + self.seconds, self.cancels
        try:
            while (rest := end - time.monotonic()) > 0:
                try:
                    await asyncio.sleep(rest)
                except asyncio.CancelledError:
                    if left == 0:
                        raise
                    left -= 1
        finally:
            self.ended.set()


def _late() -> CreateResult:
    usage = RequestUsage(prompt_tokens=1, completion_tokens=1)
    return CreateResult(finish_reason="stop", content="late answer", usage=usage, cached=False)


def agent(name: str, clients: Clients, *, stream: bool = True, **options: Any) -> AssistantAgent:
    """An agent whose client comes from `clients`."""
    return AssistantAgent(name, clients(name), description=f"{name} helps", model_client_stream=stream, **options)


def round_robin(clients: Clients, stream: bool = True) -> Team:
    return RoundRobinGroupChat([agent(n, clients, stream=stream) for n in ("good", "bad", "last")], max_turns=3)


def selector(clients: Clients, stream: bool = True) -> Team:
    chooser = ScriptedClient([Say("good"), Say("bad"), Say("last")])
    members = [agent(n, clients, stream=stream) for n in ("good", "bad", "last")]
    return SelectorGroupChat(members, chooser, max_turns=3)


def swarm(clients: Clients, stream: bool = True) -> Team:
    opening = ScriptedClient([Call("transfer_to_bad", {})])
    first = AssistantAgent("good", opening, handoffs=["bad"], model_client_stream=stream)
    return Swarm([first, agent("bad", clients, stream=stream)], max_turns=2)


def graph(clients: Clients, stream: bool = True) -> Team:
    members = {n: agent(n, clients, stream=stream) for n in ("good", "bad", "left", "right", "last")}
    builder = DiGraphBuilder()
    for member in members.values():
        builder.add_node(member)
    for name in ("bad", "left", "right"):
        builder.add_edge(members["good"], members[name]).add_edge(members[name], members["last"])
    return GraphFlow(list(members.values()), builder.build())


def nested(clients: Clients, stream: bool = True) -> Team:
    inner = RoundRobinGroupChat([agent(n, clients, stream=stream) for n in ("deep", "bad")], name="inner", max_turns=2)
    outer = RoundRobinGroupChat([inner, agent("inside", clients, stream=stream)], name="middle", max_turns=2)
    return RoundRobinGroupChat([agent("good", clients, stream=stream), outer], name="outer", max_turns=2)


def society(clients: Clients, stream: bool = True) -> Team:
    inner = RoundRobinGroupChat([agent(n, clients, stream=stream) for n in ("deep", "bad")], name="inner", max_turns=2)
    mind = SocietyOfMindAgent("mind", inner, clients("mind"))
    return RoundRobinGroupChat([agent("good", clients, stream=stream), mind], max_turns=2)


def filtered(clients: Clients, stream: bool = True) -> Team:
    wrapped = MessageFilterAgent("bad", agent("bad", clients, stream=stream), MessageFilterConfig(per_source=[]))
    return RoundRobinGroupChat([agent("good", clients, stream=stream), wrapped], max_turns=2)


def tooled(clients: Clients, stream: bool = True) -> Team:
    """The agent that makes trouble is a tool of another: its failures are results, not failures of the run."""
    inner = AgentTool(agent("bad", clients, stream=stream))
    boss = ScriptedClient([Call("bad", {"task": "help me"}), Say(FINE)])
    caller = AssistantAgent("boss", boss, tools=[inner], reflect_on_tool_use=True, model_client_stream=stream)
    return RoundRobinGroupChat([caller], max_turns=1)


def magentic(clients: Clients, stream: bool = True) -> Team:
    """Its orchestrator lets `bad` speak, and is satisfied; at each start it lets all agents forget."""
    steps = [Say("facts"), Say("plan"), Say(_ledger(False)), Say(_ledger(True)), Say("The final answer.")]
    members: list[ChatAgent] = [agent(n, clients, stream=stream) for n in ("good", "bad")]
    return MagenticOneGroupChat(members, Ledgers(steps))


class Ledgers(ScriptedClient):
    """Begins its script anew with each task: one that failed has not used it up."""

    async def create(self, messages: Any, **options: Any) -> CreateResult:
        if "pre-survey" in str(messages[-1].content):
            self._calls = ()
        return await super().create(messages, **options)


def _ledger(satisfied: bool) -> str:
    answers = {
        "is_request_satisfied": satisfied,
        "is_progress_being_made": True,
        "is_in_loop": False,
        "instruction_or_question": "Say something.",
        "next_speaker": "bad",
    }
    return json.dumps({key: {"answer": answer, "reason": "so it is"} for key, answer in answers.items()})


def single(clients: Clients, stream: bool = True) -> ChatAgent:
    return agent("bad", clients, stream=stream)


SHAPES: dict[str, Callable[..., Any]] = {
    build.__name__: build
    for build in (round_robin, selector, swarm, graph, nested, society, filtered, magentic, single, tooled)
}


@contextlib.asynccontextmanager
async def on_own_runtime(**options: Any) -> AsyncIterator[SingleThreadedAgentRuntime]:
    """A runtime of the user's, running."""
    runtime = SingleThreadedAgentRuntime(**options)
    runtime.start()
    try:
        yield runtime
    finally:
        await runtime.stop()


def agents_of(team: Any) -> dict[str, AssistantAgent]:
    """All assistants of a team by name, wherever they are."""
    found: dict[str, AssistantAgent] = {}

    def visit(thing: Any) -> None:
        thing = getattr(thing, "_wrapped_agent", thing)
        if isinstance(thing, AssistantAgent):
            found[thing.name] = thing
            for workbench in thing._workbench:
                for tool in getattr(workbench, "_tools", ()):
                    if hasattr(tool, "_task_runner"):
                        visit(tool._task_runner)
        for part in getattr(thing, "_participants", ()) or ():
            visit(part)
        if hasattr(thing, "_team"):
            visit(thing._team)

    visit(team)
    return found


async def context(of: AssistantAgent) -> list[LLMMessage]:
    """What an agent remembers."""
    return await of.model_context.get_messages()


async def remembered(of: AssistantAgent) -> list[str]:
    """The texts that an agent remembers."""
    return [str(message.content) for message in await context(of)]
