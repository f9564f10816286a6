"""Code and tools ask before they run, with what they would do; a refusal is an answer."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from autogen_agentchat.agents import ApprovalResponse, AssistantAgent, CodeExecutorAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_agentchat.tools import AgentTool
from autogen_core import CancellationToken
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from autogen_core.tools import BaseStreamTool, FunctionTool
from pydantic import BaseModel

from nb_stream import Cell, CellKind, CellStatus, RunState, TeamStream, needs_approval
from nb_stream.backends.autogen.human import code_blocks
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.runtime.grants import Grant
from nb_stream.runtime.human_input import Question
from tests.support.wait_until import until

pytestmark = pytest.mark.filterwarnings("ignore:No approval function set")


async def asked(stream: TeamStream, count: int = 1) -> tuple[Question, ...]:
    """The open questions, once there are `count`."""
    await until(lambda: len(stream.questions) == count)
    return stream.questions


def approvals(stream: TeamStream) -> list[Cell]:
    return [cell for cell in stream.transcript if cell.kind is CellKind.APPROVAL]


class PayArguments(BaseModel):
    to: str
    amount: float


class StreamingPay(BaseStreamTool[PayArguments, BaseModel, str]):
    """The same as a tool that yields."""

    def __init__(self, bank: Payments) -> None:
        super().__init__(PayArguments, str, "pay", "Pay somebody.")
        self._bank = bank

    async def run(self, args: PayArguments, cancellation_token: CancellationToken) -> str:
        return self._bank.pay(args.to, args.amount)

    async def run_stream(
        self, args: PayArguments, cancellation_token: CancellationToken
    ) -> AsyncGenerator[BaseModel | str, None]:
        yield self._bank.pay(args.to, args.amount)


class Payments:
    """A tool of one's own, which remembers what it did."""

    def __init__(self) -> None:
        self.paid: list[tuple[str, float]] = []

    def pay(self, to: str, amount: float) -> str:
        """Pay somebody."""
        self.paid.append((to, amount))
        return f"Paid {amount} to {to}."

    async def pay_slowly(self, to: str, amount: float) -> str:
        """Pay somebody, in a while."""
        await asyncio.sleep(0)
        return self.pay(to, amount)


def clerk(*tools: Any, calls: Any = None, **options: Any) -> RoundRobinGroupChat:
    """An agent that pays Ann, and says what came of it."""
    step = Call(tools[0].name, {"to": "Ann", "amount": 7.5}, text_before="One moment.") if calls is None else calls
    script = [step, Say("That is that.")]
    agent = AssistantAgent(
        "clerk",
        ScriptedClient(script),
        tools=list(tools),
        reflect_on_tool_use=True,
        model_client_stream=True,
        **options,
    )
    return RoundRobinGroupChat([agent], max_turns=1)


def result_of(stream: TeamStream) -> str:
    """The result of the tool call, as the model is told it."""
    return next(cell for cell in stream.transcript if cell.kind is CellKind.TOOL_CALL).tool_calls[0].result or ""


# --- tools ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["function", "coroutine function", "tool", "decorated"])
async def test_a_tool_asks_with_its_arguments_and_runs_when_it_is_approved(kind: str) -> None:
    bank = Payments()
    tool = {
        "function": lambda: needs_approval(bank.pay),
        "coroutine function": lambda: needs_approval(bank.pay_slowly),
        "tool": lambda: needs_approval(FunctionTool(bank.pay, "Pay.", name="transfer")),
        "decorated": lambda: needs_approval(needs_approval(bank.pay)),
    }[kind]()
    stream = TeamStream(clerk(tool))
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert bank.paid == []
    assert stream.state is RunState.WAITING
    assert question.kind is CellKind.APPROVAL
    assert question.what == {"tool": tool.name, "arguments": {"to": "Ann", "amount": 7.5}}
    cell = approvals(stream)[0]
    assert (cell.status, cell.agent, cell.path) == (CellStatus.WAITING, "clerk", "clerk")
    assert cell.data == {"request_id": question.request_id, "what": question.what}
    assert cell.text.startswith(f"May {tool.name} be called with these arguments?")
    assert '"to": "Ann"' in cell.text
    stream.answer(question.request_id, "approve")
    await run
    assert bank.paid == [("Ann", 7.5)]
    assert result_of(stream) == "Paid 7.5 to Ann."
    cell = approvals(stream)[0]
    assert (cell.status, cell.data["how"], cell.data["answer"]) == (CellStatus.DONE, "answered", "approve")


async def test_the_question_comes_after_the_call_that_it_is_about() -> None:
    stream = TeamStream(clerk(needs_approval(Payments().pay)))
    stream.on_question(lambda question: True)
    await stream.run("go")
    kinds = [cell.kind for cell in stream.transcript.of("clerk")]
    assert kinds.index(CellKind.TOOL_CALL) < kinds.index(CellKind.APPROVAL)


@pytest.mark.parametrize(
    ("answer", "reason", "noted"),
    [
        ("reject", "Too much.", "reject: Too much."),
        ("reject: Too much.", "", "reject: Too much."),
        ("Reject", "", "reject"),
        (False, "", "reject"),
        ("no", "", "reject"),
    ],
)
async def test_a_refusal_is_a_result_that_says_so(answer: Any, reason: str, noted: str) -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)))
    run = stream.start("go")
    stream.answer((await asked(stream))[0].request_id, answer, reason)
    result = await run
    assert bank.paid == []
    assert result.messages[-1].to_text() == "That is that."
    assert "it was not approved" in result_of(stream)
    if "Too much" in noted:
        assert result_of(stream).endswith("Reason: Too much.")
    assert approvals(stream)[0].data["answer"] == noted
    assert stream.state is RunState.IDLE


async def test_an_answer_that_is_neither_is_refused_and_the_question_stays() -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)))
    run = stream.start("go")
    question = (await asked(stream))[0]
    with pytest.raises(ValueError, match='"approve" or "reject", not \'perhaps\''):
        stream.answer(question.request_id, "perhaps")
    assert stream.questions == (question,)
    stream.answer(question.request_id, True)
    await run
    assert bank.paid == [("Ann", 7.5)]


async def test_a_dismissed_approval_is_a_refusal() -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)))
    run = stream.start("go")
    stream.dismiss((await asked(stream))[0].request_id)
    await run
    assert bank.paid == []
    assert approvals(stream)[0].data["how"] == "dismissed"


async def test_an_approval_that_nobody_gives_in_time_is_a_refusal() -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)), input_timeout=0.05, input_default="approve")
    await asyncio.wait_for(stream.run("go"), 30)
    assert bank.paid == []
    assert "Nobody answered within 0.05 seconds." in result_of(stream)
    assert approvals(stream)[0].data["how"] == "timed out"


async def test_a_cancel_ends_an_approval_and_nothing_runs() -> None:
    bank = Payments()
    team = clerk(needs_approval(bank.pay))
    stream = TeamStream(team)
    stream.start("go")
    await asked(stream)
    began = time.monotonic()
    await stream.cancel()
    assert time.monotonic() - began < 1.0
    assert approvals(stream)[0].status is CellStatus.CANCELLED
    assert bank.paid == []
    assert stream.questions == ()
    assert (await stream.run("again")).messages[-1].to_text() == "That is that."


async def test_a_stop_refuses_what_waits_and_what_would_be_asked_next() -> None:
    bank = Payments()
    call = Call("pay", {"to": "Ann", "amount": 1})
    team = clerk(needs_approval(bank.pay), calls=(call, call))
    stream = TeamStream(team)
    run = stream.start("go")
    await asked(stream, 2)
    await asyncio.wait_for(stream.stop(), 10)
    assert bank.paid == []
    assert run.result().messages[-1].to_text() == "That is that."


async def test_several_approvals_at_once_are_answered_each_by_itself() -> None:
    bank = Payments()
    calls = tuple(Call("pay", {"to": name, "amount": 1}) for name in ("Ann", "Ben"))
    stream = TeamStream(clerk(needs_approval(bank.pay), calls=calls))
    run = stream.start("go")
    by_name = {question.what["arguments"]["to"]: question for question in await asked(stream, 2)}
    stream.answer(by_name["Ben"].request_id, "approve")
    await until(lambda: bank.paid)
    assert stream.state is RunState.WAITING
    stream.answer(by_name["Ann"].request_id, "reject")
    await run
    assert bank.paid == [("Ben", 1)]
    assert [cell.status for cell in approvals(stream)] == [CellStatus.DONE] * 2


async def test_the_event_loop_goes_on_while_it_waits() -> None:
    stream = TeamStream(clerk(needs_approval(Payments().pay)))

    async def many_turns() -> None:
        for _ in range(51):
            await asyncio.sleep(0)

    stream.start("go")
    await asked(stream)
    await asyncio.wait_for(many_turns(), 5)
    await stream.cancel()


async def test_a_tool_that_runs_an_agent_asks_for_the_agent_that_calls_it() -> None:
    helper = AssistantAgent("helper", ScriptedClient([Say("Helped.")]), model_client_stream=True)
    team = clerk(needs_approval(AgentTool(helper)), calls=Call("helper", {"task": "Help."}))
    stream = TeamStream(team)
    assert [agent.path for agent in stream.agents] == ["clerk", "clerk/helper"]
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert (question.path, question.what["arguments"]) == ("clerk", {"task": "Help."})
    stream.answer(question.request_id, "approve")
    await run
    assert [cell.text for cell in stream.transcript.of("clerk/helper")] == ["Helped."]
    stream.on_question(lambda question: False)
    await stream.run("again")
    assert len(stream.transcript.of("clerk/helper")) == 1


async def test_the_tool_of_an_inner_agent_asks_for_that_agent() -> None:
    bank = Payments()
    payer = AssistantAgent(
        "payer",
        ScriptedClient([Call("pay", {"to": "Ann", "amount": 2}), Say("Paid.")]),
        tools=[needs_approval(bank.pay)],
    )
    team = clerk(AgentTool(payer), calls=Call("payer", {"task": "Pay."}))
    stream = TeamStream(team)
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert (question.agent, question.path) == ("payer", "clerk/payer")
    stream.answer(question.request_id, "approve")
    await run
    assert bank.paid == [("Ann", 2)]


async def test_text_that_a_closed_gate_holds_is_not_lost_to_an_approval() -> None:
    stream = TeamStream(clerk(needs_approval(Payments().pay)))
    stream.switches["clerk"] = False
    tokens: list[str] = []
    stream.on_token(lambda token: tokens.append(token.text))
    run = stream.start("go")
    question = (await asked(stream))[0]
    stream.switches["clerk"] = True
    stream.answer(question.request_id, "approve")
    await run
    assert "".join(tokens).endswith("That is that.")


async def test_the_model_is_told_of_the_tool_as_it_is() -> None:
    bare = FunctionTool(Payments().pay, "Pay.", strict=True)
    assert needs_approval(bare).schema == bare.schema
    assert needs_approval(bare).name == bare.name


async def test_without_a_stream_nobody_can_be_asked_and_nothing_runs() -> None:
    bank = Payments()
    result = await clerk(needs_approval(bank.pay)).run(task="go")
    assert bank.paid == []
    said = json.dumps([message.to_text() for message in result.messages])
    assert "no TeamStream or TeamPanel runs this agent" in said


async def test_the_tool_can_be_called_directly_with_the_same_answer() -> None:
    tool = needs_approval(Payments().pay)
    args = tool.args_type()(to="Ann", amount=1)
    assert isinstance(args, BaseModel)
    value = await tool.run(args, CancellationToken())
    assert "needs approval" in tool.return_value_as_string(value)


@pytest.mark.parametrize("thing", [3, "pay", None])
def test_what_is_no_tool_is_refused_in_a_sentence(thing: Any) -> None:
    with pytest.raises(TypeError, match="takes a function or a tool of AutoGen's"):
        needs_approval(thing)


# --- code ----------------------------------------------------------------------------------------------------------


class Executor(CodeExecutor):
    """Runs nothing, and remembers what it was given."""

    component_type = "code_executor"

    def __init__(self) -> None:
        self.ran: list[str] = []

    async def execute_code_blocks(self, code_blocks: list[CodeBlock], cancellation_token: Any) -> CodeResult:
        self.ran += [block.code for block in code_blocks]
        return CodeResult(exit_code=0, output="it ran")

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def restart(self) -> None:
        pass


CODE = "```python\nprint('hello')\n```"


def coder(executor: Executor, **options: Any) -> RoundRobinGroupChat:
    client = ScriptedClient([Say(CODE), Say("That is that.")])
    agent = CodeExecutorAgent("coder", executor, model_client=client, model_client_stream=True, **options)
    return RoundRobinGroupChat([agent], max_turns=1)


async def test_code_asks_with_approve_code_and_runs_when_it_is_approved() -> None:
    executor = Executor()
    team = coder(executor)
    stream = TeamStream(team, approve_code=True)
    run = stream.start("go")
    question = (await asked(stream))[0]
    assert executor.ran == []
    assert question.what == {
        "code": "```python\nprint('hello')\n\n```",
        "code_blocks": [{"language": "python", "code": "print('hello')"}],
    }
    assert question.text == f"May this code run?\n\n{question.what['code']}"
    kinds = [cell.kind for cell in stream.transcript.of("coder")]
    assert kinds == [CellKind.CODE, CellKind.APPROVAL]
    stream.answer(question.request_id, "approve")
    await run
    assert executor.ran == ["print('hello')\n"]
    assert team._participants[0]._approval_func is None


async def test_code_that_is_refused_has_an_output_that_says_so() -> None:
    executor = Executor()
    stream = TeamStream(coder(executor), approve_code=True)
    run = stream.start("go")
    stream.answer((await asked(stream))[0].request_id, "reject", "It greets.")
    await run
    assert executor.ran == []
    code = next(cell for cell in stream.transcript if cell.kind is CellKind.CODE)
    assert code.data["output"] == "Code execution was not approved. Reason: It greets."
    assert stream.transcript.cells[-1].text == "That is that."


async def test_code_without_a_model_asks_too() -> None:
    executor = Executor()
    team = RoundRobinGroupChat([CodeExecutorAgent("runner", executor)], max_turns=1)
    stream = TeamStream(team, approve_code=True)
    stream.on_question(lambda question: "approve")
    await stream.run(CODE)
    assert executor.ran == ["print('hello')\n"]


async def test_code_does_not_ask_unless_it_is_told_to() -> None:
    executor = Executor()
    stream = TeamStream(coder(executor))
    await stream.run("go")
    assert executor.ran == ["print('hello')\n"]
    assert approvals(stream) == []


@pytest.mark.parametrize("approve_code", [True, False])
async def test_an_approval_function_of_ones_own_is_kept(approve_code: bool) -> None:
    asked_for = []

    async def own(request: Any) -> ApprovalResponse:
        asked_for.append(request.code)
        return ApprovalResponse(approved=True, reason="")

    executor = Executor()
    stream = TeamStream(coder(executor, approval_func=own), approve_code=approve_code)
    await stream.run("go")
    assert len(asked_for) == len(executor.ran) == 1
    assert approvals(stream) == []


@pytest.mark.parametrize(
    ("request_", "blocks"),
    [
        ("```python\nx = 1\n\n```\n\n```sh\nls\n```", [("python", "x = 1"), ("sh", "ls")]),
        ("```python\nx = '''\n```\nhidden()\n```\n'''\n```", []),
        ("run everything", []),
    ],
    ids=["two blocks", "fences inside", "no fences"],
)
def test_code_is_taken_apart_only_where_nothing_of_it_is_lost(request_: str, blocks: list[tuple[str, str]]) -> None:
    assert code_blocks(request_) == [{"language": language, "code": code} for language, code in blocks]


async def test_a_plain_approval_function_of_ones_own_does_not_hold_up_the_event_loop() -> None:
    opened = threading.Event()

    def own(request: Any) -> ApprovalResponse:
        return ApprovalResponse(approved=opened.wait(5), reason="")

    executor = Executor()
    team = coder(executor, approval_func=own)
    stream = TeamStream(team)
    run = stream.start("go")
    await until(lambda: stream.transcript.of("coder"))
    await asyncio.sleep(0.02)
    assert not run.done()
    opened.set()
    await run
    assert len(executor.ran) == 1
    assert team._participants[0]._approval_func is own


# --- changed arguments, and approvals in advance ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["function", "stream"])
async def test_a_tool_runs_with_the_arguments_that_the_person_changed_and_the_model_is_told(kind: str) -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay if kind == "function" else StreamingPay(bank))))
    run = stream.start("go")
    question = (await asked(stream))[0]
    stream.answer(question.request_id, 'approve: {"to": "Ann", "amount": 3}')
    await run
    assert bank.paid == [("Ann", 3)]
    assert result_of(stream) == ('A person changed the arguments to {"to": "Ann", "amount": 3}.\n' + "Paid 3.0 to Ann.")
    cell = approvals(stream)[0]
    assert cell.data["what"]["arguments"] == {"to": "Ann", "amount": 7.5}
    assert cell.data["answer"] == 'approve: {"to": "Ann", "amount": 3}'


async def test_arguments_that_were_not_changed_are_no_news_for_the_model() -> None:
    stream = TeamStream(clerk(needs_approval(Payments().pay)))
    stream.on_question(lambda question: "approve: " + json.dumps(question.what["arguments"]))
    await stream.run("go")
    assert result_of(stream) == "Paid 7.5 to Ann."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ('{"to": "Ann", "amount": 3', r"no JSON: Expecting ',' delimiter \(line 1, column 27\)"),
        ("[3]", "no JSON object"),
        ('{"to": "Ann"}', "pay cannot run with these arguments: amount: Field required"),
        ('{"to": "Ann", "amount": "much"}', "amount: Input should be a valid number"),
        ('{"to": "Ann", "amount": 3, "tip": 1}', "pay takes no 'tip'; it takes 'to', 'amount'"),
    ],
)
async def test_arguments_that_do_not_fit_are_refused_in_a_sentence_and_the_question_stays(
    arguments: str, sentence: str
) -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)))
    run = stream.start("go")
    question = (await asked(stream))[0]
    with pytest.raises(ValueError, match=sentence):
        stream.answer(question.request_id, f"approve: {arguments}")
    assert (stream.questions, bank.paid) == ((question,), [])
    stream.answer(question.request_id, True)
    await run
    assert bank.paid == [("Ann", 7.5)]


async def test_code_cannot_be_changed() -> None:
    stream = TeamStream(coder(Executor()), approve_code=True)
    run = stream.start("go")
    question = (await asked(stream))[0]
    with pytest.raises(ValueError, match="Only the arguments of a tool can be changed"):
        stream.answer(question.request_id, 'approve: {"code": "1"}')
    with pytest.raises(ValueError, match="Only a tool that is approved"):
        stream.answer(question.request_id, True, always="run")
    stream.answer(question.request_id, False)
    await run


THREE = [Call("pay", {"to": name, "amount": 1}) for name in ("Ann", "Bo", "Cy")]


async def test_always_for_this_run_approves_the_calls_that_wait_and_ends_with_the_run() -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay), calls=tuple(THREE)))
    run = stream.start("go")
    first, *_ = await asked(stream, 3)
    stream.answer(first.request_id, True, always="run")
    await run
    assert sorted(to for to, _ in bank.paid) == ["Ann", "Bo", "Cy"]
    assert sorted(cell.data["how"] for cell in approvals(stream)) == ["answered", "granted", "granted"]
    assert stream.grants == (Grant("clerk", "pay", "run"),)
    run = stream.start("again")
    await asked(stream, 3)
    assert stream.grants == ()
    await stream.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run


async def test_always_for_a_tool_holds_until_it_is_taken_back() -> None:
    bank = Payments()
    stream = TeamStream(clerk(needs_approval(bank.pay)))
    run = stream.start("go")
    stream.answer((await asked(stream))[0].request_id, True, always="tool")
    await run
    await stream.run("again")
    assert len(bank.paid) == 2
    last = approvals(stream)[-1]
    assert (last.status, last.data["how"], last.data["answer"]) == (CellStatus.DONE, "granted", "approve")
    stream.revoke("clerk", "pay")
    assert stream.grants == ()
    run = stream.start("once more")
    stream.answer((await asked(stream))[0].request_id, False)
    await run
    assert len(bank.paid) == 2
    with pytest.raises(ValueError, match="'pay' of 'clerk' was not granted"):
        stream.revoke("clerk", "pay")
