"""A team that hands over to somebody outside: its clerk asks the user before anything else."""

from __future__ import annotations

from typing import Any

from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.conditions import HandoffTermination, TextMentionTermination
from autogen_agentchat.teams import RoundRobinGroupChat, Swarm

from nb_stream.demo import Call, Say, ScriptedClient


def desk(*, swarm: bool = True) -> Any:
    """A clerk who asks the user before anything else, and then is done."""
    steps = [Call("transfer_to_user", {}), Say("Booked. DONE")]
    clerk = AssistantAgent("clerk", ScriptedClient(steps), handoffs=["user"], model_client_stream=True)
    condition = HandoffTermination(target="user") | TextMentionTermination("DONE")
    return (Swarm if swarm else RoundRobinGroupChat)([clerk], termination_condition=condition)
