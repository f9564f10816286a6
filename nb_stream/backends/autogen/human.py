"""Human input during a run: an agent that would ask in the terminal asks through the stream instead.

AutoGen's default input function reads the terminal, which a notebook does not have. And an agent that runs code without
an approval function asks nobody; if the user wants it, such an agent asks here, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, CodeExecutorAgent, UserProxyAgent
from autogen_agentchat.messages import BaseChatMessage, HandoffMessage, TextMessage
from autogen_core import CancellationToken

from ...concurrency import event_loops
from ..base import Check, Handoff, HumanInput, Verdict
from . import private
from .discovery import AgentNode
from .messages import text_of
from .reading import source_of, tried, words
from .sequencer import MessageSequencer
from .turns import Approve, caller

NO_REASON = "The user did not say why."


@contextlib.contextmanager
def answering(nodes: Sequence[AgentNode], ask: HumanInput, approve: Approve | None) -> Iterator[None]:
    """For the time of a run, let every agent with AutoGen's default input function ask by `ask`. Unless `approve` is
    None, let every agent that runs code without an approval function ask by `approve`.

    An agent with an `input_func` or `approval_func` of the user's own keeps it. An approval function that is not
    asynchronous is called in a thread, as AutoGen calls such input functions. It may wait for a person, and would hold
    up the whole loop.
    """
    with contextlib.ExitStack() as stack:
        for node in nodes:
            agent = node.agent
            if isinstance(agent, UserProxyAgent) and private.reads_terminal(agent):
                stack.enter_context(private.input_function(agent, _input(node, ask, private.input_of(agent))))
            if isinstance(agent, CodeExecutorAgent):
                own = private.approval(agent)
                if own is None and approve is not None:
                    stack.enter_context(private.approval_function(agent, _approval(node, approve)))
                elif own is not None and not private.approval_is_async(agent):
                    stack.enter_context(private.approval_function(agent, _in_thread(own)))
        yield


def approving(ask: HumanInput, order: MessageSequencer) -> Approve:
    """The function that asks for approvals. It asks only when all messages that were said before the question have come
    out of the team, so that the reader knows what the question is about."""

    async def approve(path: str, name: str, prompt: str, what: Mapping[str, Any], check: Check | None) -> Verdict:
        arrived = asyncio.get_running_loop().create_future()
        order.after_all(lambda: None if arrived.done() else arrived.set_result(None))
        await arrived
        return await ask.approval(path, name, str(uuid.uuid4()), prompt, what, check)

    return approve


def handoff(said: Sequence[Any], team: Mapping[str, bool]) -> Handoff | None:
    """The handoff that was said last, if its target is nobody in the team; else None. `team` has the names of all
    agents in the team, and says of each whether a task can be addressed to it."""
    last = next((message for message in reversed(said) if isinstance(message, BaseChatMessage)), None)
    if not isinstance(last, HandoffMessage):
        return None
    handed = last
    source, target = source_of(last), words(tried(lambda: handed.target, None))
    if not target or target in team:
        return None

    def reply(answer: str) -> BaseChatMessage:
        if team.get(source):
            return HandoffMessage(source=target, target=source, content=answer)
        return TextMessage(source=target, content=answer)

    return Handoff(source, target, text_of(last), reply)


def _input(node: AgentNode, ask: HumanInput, own: Callable[..., Awaitable[str]]) -> Any:
    async def input_func(prompt: str, cancellation_token: CancellationToken | None) -> str:
        if caller() is None:
            return await own(prompt, cancellation_token)
        request_id = UserProxyAgent.InputRequestContext.request_id()
        return await ask.text(node.info.path, node.agent.name, request_id, prompt)

    return input_func


def _in_thread(own: Callable[[ApprovalRequest], ApprovalResponse]) -> Any:
    async def approval_func(request: ApprovalRequest) -> ApprovalResponse:
        if caller() is None:
            return own(request)
        response: ApprovalResponse = await event_loops.in_thread(lambda: own(request), "approval")
        return response

    return approval_func


_CODE_BLOCK = re.compile(r"^```(.*)\n((?:(?!```).*\n)*?(?!```).*)\n```$", re.MULTILINE)


def code_blocks(request: str) -> list[dict[str, str]]:
    """The blocks of code in a request for approval, taken apart where AutoGen has joined them. If the code has such
    fences itself, the list is empty: a block that was cut wrongly could hide code from the reader."""
    blocks = _CODE_BLOCK.findall(request)
    if "\n\n".join(f"```{language}\n{code}\n```" for language, code in blocks) != request:
        return []
    return [{"language": language, "code": code.strip("\n")} for language, code in blocks]


def _approval(node: AgentNode, approve: Approve) -> Any:
    async def approval_func(request: ApprovalRequest) -> ApprovalResponse:
        if caller() is None:
            return ApprovalResponse(approved=True, reason="")  # as outside of runs: this agent has no approval function
        what: dict[str, Any] = {"code": request.code}
        blocks = code_blocks(request.code)
        if blocks:
            what["code_blocks"] = blocks
        said = await approve(node.info.path, node.agent.name, f"May this code run?\n\n{request.code}", what, None)
        return ApprovalResponse(approved=said.approved, reason=said.reason or NO_REASON)

    return approval_func
