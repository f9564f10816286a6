"""Human input: a UserProxyAgent that would read from the terminal asks through the stream instead, during a run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from autogen_agentchat.agents import UserProxyAgent
from autogen_core import CancellationToken

from . import HumanInput
from . import autogen_private as private
from .agents import Node


@contextlib.contextmanager
def answering(nodes: Sequence[Node], ask: HumanInput) -> Iterator[None]:
    """For the time of a run, let every agent with AutoGen's default input function ask by `ask`.

    An agent with an `input_func` of the user's own keeps it.
    """
    with contextlib.ExitStack() as stack:
        for node in nodes:
            if isinstance(node.agent, UserProxyAgent) and private.reads_terminal(node.agent):
                stack.enter_context(private.input_function(node.agent, _input(node, ask)))
        yield


def _input(node: Node, ask: HumanInput) -> Any:
    async def input_func(prompt: str, cancellation_token: CancellationToken | None) -> str:
        request_id = UserProxyAgent.InputRequestContext.request_id()
        return await ask(node.info.path, node.agent.name, request_id, prompt)

    return input_func
