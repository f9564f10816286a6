"""Human input during a run: agents that would ask in the terminal, or nobody, ask through the stream instead."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.messages import BaseChatMessage, HandoffMessage, TextMessage
from autogen_core import CancellationToken

from . import Handoff, HumanInput
from . import autogen_private as private
from .agents import Node
from .order import Order
from .turns import Approve


@contextlib.contextmanager
def answering(nodes: Sequence[Node], ask: HumanInput, approve: Approve | None) -> Iterator[None]:
    """For the time of a run, let every agent with AutoGen's default input function ask by `ask`, and every agent that
    runs code without an approval function by `approve`, unless that is None.

    An agent with an `input_func` or `approval_func` of the user's own keeps it.
    """
    with contextlib.ExitStack() as stack:
        for node in nodes:
            agent = node.agent
            if isinstance(agent, UserProxyAgent) and private.reads_terminal(agent):
                stack.enter_context(private.input_function(agent, _input(node, ask)))
            if approve is not None and isinstance(agent, CodeExecutorAgent) and private.approval(agent) is None:
                stack.enter_context(private.approval_function(agent, _approval(node, approve)))
        yield


def approving(ask: HumanInput, order: Order) -> Approve:
    """What asks for approvals, each after what was said before it has come out of the team."""

    async def approve(node: Node, prompt: str, what: Mapping[str, Any]) -> str:
        arrived = asyncio.get_running_loop().create_future()
        order.after_all(lambda: None if arrived.done() else arrived.set_result(None))
        await arrived
        return await ask(node.info.path, node.agent.name, str(uuid.uuid4()), prompt, what)

    return approve


def verdict(answer: str) -> tuple[bool, str]:
    """Whether an answer approves, and the reason that it gives."""
    word, _, reason = answer.partition(": ")
    return word == "approve", reason or "The user did not say why."


def handoff(result: Any, team: Mapping[str, bool]) -> Handoff | None:
    """The handoff at the end of a result, where it goes to nobody in the team: `team` has the names of all its
    agents, and whether each can be addressed by a task."""
    said = [message for message in getattr(result, "messages", ()) if isinstance(message, BaseChatMessage)]
    last = said[-1] if said else None
    if not isinstance(last, HandoffMessage) or not last.target or last.target in team:
        return None
    source, target = last.source, last.target

    def reply(answer: str) -> BaseChatMessage:
        if team.get(source):
            return HandoffMessage(source=target, target=source, content=answer)
        return TextMessage(source=target, content=answer)

    return Handoff(source, target, last.content, reply)


def _input(node: Node, ask: HumanInput) -> Any:
    async def input_func(prompt: str, cancellation_token: CancellationToken | None) -> str:
        request_id = UserProxyAgent.InputRequestContext.request_id()
        return await ask(node.info.path, node.agent.name, request_id, prompt)

    return input_func


def _approval(node: Node, approve: Approve) -> Any:
    async def approval_func(request: ApprovalRequest) -> ApprovalResponse:
        answer = await approve(node, f"May this code run?\n\n{request.code}", {"code": request.code})
        approved, reason = verdict(answer)
        return ApprovalResponse(approved=approved, reason=reason)

    return approval_func
