"""Imported inside the kernel under test: a real panel on a real team, and what reached its switches, and when."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import TeamPanel
from nb_stream.concurrency import comm_interceptor
from nb_stream.demo import Say, ScriptedClient
from tests.support.in_kernel import probe

SLOW = 0.02


class Flips:
    """Notes each change of a switch, with the time at which the panel's displays hear of it."""

    def __init__(self, panel: TeamPanel, path: str) -> None:
        self.panel, self.path = panel, path
        self.on = panel.switches[path]
        self.seen: list[tuple[bool, float]] = []
        panel.stream.watch(self)

    def agents_changed(self) -> None:
        if self.panel.switches[self.path] is not self.on:
            self.on = not self.on
            self.seen.append((self.on, time.time()))

    def patched(self, patches: Any) -> None: ...
    def touched(self, first: bool) -> None: ...
    def rewound(self) -> None: ...
    def state_changed(self) -> None: ...


def make() -> tuple[TeamPanel, list[ScriptedClient]]:
    """A panel on a team that asks a person first, and then writes for a minute unless it is told to hurry."""
    clients = [ScriptedClient([Say("Nobody is in a hurry here. " * 500)], pace=SLOW) for _ in range(2)]
    agents = [
        AssistantAgent(name, client, model_client_stream=True)
        for name, client in zip(("ann", "ben"), clients, strict=True)
    ]
    return TeamPanel(RoundRobinGroupChat([UserProxyAgent("human"), *agents], max_turns=30)), clients


panel, clients = make()
second, _ = make()
box = panel.checkbox("ben")
flips = {name: Flips(panel, name) for name in ("ann", "ben")}
results: list[Any] = []


def hurry() -> None:
    for client in clients:
        client.pace = 0.0


async def fresh() -> None:
    """Before a check: the pace and the switches as they were, nobody has spoken, and nothing was seen."""
    await panel.reset()
    for client in clients:
        client.pace = SLOW
    panel.switches.update(ann=True, ben=True)
    for each in flips.values():
        each.seen.clear()
    results.clear()
    probe.slider.value = 0
    probe.slid.clear()


async def by_hand() -> None:
    async for message in panel.run_stream(task="go"):
        results.append(message)


async def in_background() -> None:
    global run
    run = panel.start("go")


async def beside() -> None:
    """A long cell that has nothing to do with the run of the cell before."""
    while not run.done():
        await asyncio.sleep(0.05)


comm_interceptor.intercept(probe.panel.comm.comm_id, lambda _: hurry())
