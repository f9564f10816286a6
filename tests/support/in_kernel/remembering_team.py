"""Imported inside the kernel under test: a panel on a team that writes slowly, or at once, and remembers everything."""

from __future__ import annotations

from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import TeamPanel
from nb_stream.demo import Say, ScriptedClient
from tests.support.in_kernel import probe

SLOW = 0.02
TEXT = "Nobody is in a hurry here. " * 200


def make() -> tuple[TeamPanel, list[AssistantAgent], list[ScriptedClient]]:
    """A panel on two agents that have a turn each."""
    clients = [ScriptedClient([Say(TEXT)]) for _ in range(2)]
    agents = [
        AssistantAgent(name, client, model_client_stream=True)
        for name, client in zip(("ann", "ben"), clients, strict=True)
    ]
    return TeamPanel(RoundRobinGroupChat(list(agents), max_turns=2), leave="nothing"), agents, clients


panel, agents, clients = make()
second, _, others = make()
results: list[Any] = []


def slow(task: str, pace: float = SLOW) -> str:
    """The task; from now on everybody writes for twenty seconds."""
    for client in clients + others:
        client.pace = pace
    return task


def quick(task: str) -> str:
    """The task; from now on everybody writes at once."""
    return slow(task, 0.0)


async def by_hand(task: str) -> None:
    async for message in panel.run_stream(task=task):
        results.append(message)


async def facts() -> dict[str, Any]:
    """How the last run ended and what it left; then how another one goes, and what the agents remember of all tasks."""
    last = panel.transcript.runs[-1]
    text = "".join(cell.text for cell in panel.transcript.cells if cell.run == last.id and cell.agent != "user")
    state, said = panel.state, panel.transcript.cells[-1].status.value
    result = await panel.run(quick("and now?"))
    memory = [str(m.content) for m in await agents[0].model_context.get_messages() if m.source == "user"]
    slid, probe.slider.value = list(probe.slid), 0
    probe.slid.clear()
    return {"state": state, "cell": said, "text": text, "next": len(result.messages), "memory": memory, "slid": slid}
