"""A failed run says which agent failed: in the failure's cell, in the run's detail, in that agent's status."""

from __future__ import annotations

import math
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, SocietyOfMindAgent
from autogen_agentchat.base import TerminationCondition
from autogen_agentchat.messages import StopMessage
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import AgentTool

from nb_stream import CellKind, TeamStream
from nb_stream.demo import Call, Fail, Say, ScriptedClient
from nb_stream.recording.replay import Replay


def agent(name: str, *script: Any, **options: Any) -> AssistantAgent:
    return AssistantAgent(name, ScriptedClient(list(script) or [Say(f"{name} speaks.")]), **options)


BROKEN = Fail(OSError("gone"))


def plain() -> Any:
    return RoundRobinGroupChat([agent("ann"), agent("ben", BROKEN)], max_turns=2)


def nested() -> Any:
    return RoundRobinGroupChat([plain(), agent("cy")], max_turns=2)


def society() -> Any:
    inner = RoundRobinGroupChat([agent("ann"), agent("ben", BROKEN)], max_turns=2, name="in")
    return RoundRobinGroupChat([SocietyOfMindAgent("mind", inner, ScriptedClient([Say("Yes.")]))], max_turns=1)


def selected() -> Any:
    return SelectorGroupChat([agent("ann"), agent("ben")], ScriptedClient([BROKEN]), emit_team_events=True)


def alone() -> Any:
    return agent("ben", BROKEN)


class Breaks(TerminationCondition):
    """A condition that fails: that is no agent's fault."""

    @property
    def terminated(self) -> bool:
        return False

    async def __call__(self, messages: Any) -> StopMessage | None:
        if any(message.source == "boss" for message in messages):
            raise OSError("not gone")
        return None

    async def reset(self) -> None:
        pass


def outside() -> Any:
    """The helper fails, and the boss goes on; what ends the run is nobody's."""
    helper = AgentTool(agent("helper", BROKEN))
    boss = agent("boss", Call("helper", {"task": "Help."}), Say("Without help."), tools=[helper])
    return RoundRobinGroupChat([boss], termination_condition=Breaks(), max_turns=2)


@pytest.mark.parametrize(
    ("team", "path"),
    [
        (plain, "ben"),
        (nested, "RoundRobinGroupChat/ben"),
        (society, "mind/ben"),
        (selected, "SelectorGroupChatManager"),
        (alone, "ben"),
        (outside, ""),
    ],
    ids=["plain", "nested", "society", "selector", "alone", "outside"],
)
async def test_a_failed_run_says_which_agent_failed(team: Any, path: str, tmp_path: Any) -> None:
    stream = TeamStream(team(), record=tmp_path / "run.jsonl")
    with pytest.raises((RuntimeError, OSError), match="gone"):
        await stream.run("go")
    error = stream.transcript.cells[-1]
    assert (error.kind, error.path, error.agent) == (CellKind.ERROR, path, path.rpartition("/")[2])
    assert stream.detail.startswith(f"{path} failed: " if path else "OSError: not")
    assert stream.detail.endswith("OSError: gone" if path else "gone")
    assert stream.statuses.get(path, "failed") == "failed"
    assert stream.statuses.get("ann", "done") == "done"
    assert stream.statuses.get("helper", "failed") == "failed"
    again = TeamStream(Replay(tmp_path / "run.jsonl", math.inf))
    with pytest.raises(RuntimeError):
        await again.run()
    assert again.transcript == stream.transcript
    assert (again.detail, again.statuses.get(path)) == (stream.detail, stream.statuses.get(path))


async def test_the_next_run_begins_with_a_clean_slate() -> None:
    stream = TeamStream(RoundRobinGroupChat([agent("ben", BROKEN, Say("Here again."))], max_turns=1))
    with pytest.raises(RuntimeError):
        await stream.run("go")
    await stream.run("go")
    assert stream.statuses == {"ben": "done"}
