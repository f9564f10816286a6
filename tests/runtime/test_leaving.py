"""However a run is left, by its wait, its reader, its script or the keyboard: it ends, in silence, and the next works."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import CellStatus, RunState, TeamPanel, TeamStream
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.wire.commands import decode
from tests.support.failing_teams import FINE, SHAPES, Deaf, agent, fine, only
from tests.support.paths import ROOT
from tests.support.wait_until import until


async def by_cancelling_once(stream: TeamStream, begun: Callable[[], Any]) -> None:
    waiting = asyncio.ensure_future(stream.run("first"))
    await begun()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def by_cancelling_twice(stream: TeamStream, begun: Callable[[], Any]) -> None:
    waiting = asyncio.ensure_future(stream.run("first"))
    await begun()
    waiting.cancel()
    await asyncio.sleep(0.01)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def by_a_timeout(stream: TeamStream, begun: Callable[[], Any]) -> None:
    waiting = asyncio.ensure_future(stream.run("first"))
    await begun()
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(waiting, 0.01)


async def by_closing(stream: TeamStream, begun: Callable[[], Any]) -> None:
    messages = stream.run_stream("first")
    await anext(messages)
    await begun()
    await messages.aclose()


async def by_forgetting(stream: TeamStream, begun: Callable[[], Any]) -> None:
    messages = stream.run_stream("first")
    await anext(messages)
    await begun()
    del messages  # nobody refers to it any more: Python closes it
    await until(lambda: stream.current.done())


LEAVING = {
    work.__name__: work for work in (by_cancelling_once, by_cancelling_twice, by_a_timeout, by_closing, by_forgetting)
}


@pytest.mark.parametrize("shape", ["round_robin", "graph", "nested", "single"])
@pytest.mark.parametrize("way", LEAVING)
async def test_a_run_that_is_left_has_ended_when_it_is_left(way: str, shape: str) -> None:
    client = Deaf(0.6, cancels=99)
    stream = TeamStream(SHAPES[shape](only("bad", client)))
    await LEAVING[way](stream, client.began.wait)
    assert stream.state is RunState.CANCELLED
    assert [run.status for run in stream.transcript.runs] == [CellStatus.CANCELLED]
    assert len((await asyncio.wait_for(stream.run("second"), 5)).messages) > 1
    assert [cell.text for cell in stream.transcript if "late" in cell.text] == []
    await client.ended.wait()


async def test_a_cancel_is_a_cancel_also_where_one_branch_ends_before_the_others() -> None:
    """AutoGen takes the branch that hears the token for one that failed."""
    client = Deaf(0.24, cancels=99)
    stream = TeamStream(SHAPES["graph"](only("bad", client)))
    run = stream.start("first")
    await client.began.wait()
    await stream.cancel()
    assert run.cancelled()
    assert stream.state is RunState.CANCELLED
    assert {cell.status for cell in stream.transcript} <= {CellStatus.DONE, CellStatus.CANCELLED}


@pytest.mark.parametrize("where", ["tool", "token callback", "question callback"])
async def test_a_stop_from_inside_the_run_does_not_wait_for_itself(where: str) -> None:
    async def stop(_: Any = None) -> None:
        await stream.stop()

    async def enough(why: str) -> str:
        """End the conversation."""
        await stop()
        return why

    clerk = AssistantAgent(
        "clerk",
        ScriptedClient([Call("enough", {"why": "It is late."}), Say(FINE)] if where == "tool" else [Say(FINE)]),
        tools=[enough],
        reflect_on_tool_use=True,
        model_client_stream=True,
    )
    first: Any = UserProxyAgent("human") if where == "question callback" else clerk
    stream = TeamStream(RoundRobinGroupChat([first, agent("other", fine)], max_turns=4))
    if where == "token callback":
        stream.on_token(stop)
    if where == "question callback":
        stream.on_question(stop)
    result = await asyncio.wait_for(stream.run("go"), 5)
    assert result.stop_reason == "Stopped after the turn."
    assert {message.source for message in result.messages} == {"user", first.name}


# --- the keyboard --------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by a POSIX signal")
def test_an_interrupt_ends_a_blocking_run_however_often_it_comes() -> None:
    client, ended = Deaf(1.0, cancels=99), threading.Event()
    stream = TeamStream(SHAPES["round_robin"](only("bad", client)))

    def press() -> None:
        while not (client.began.is_set() or ended.is_set()):
            time.sleep(0.01)
        for _ in range(3):
            if not ended.is_set():
                os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)

    def run() -> None:
        try:
            stream.run_sync("first")
        finally:
            ended.set()
            while keyboard.is_alive():
                with contextlib.suppress(KeyboardInterrupt):  # what is pressed late strikes nobody else
                    keyboard.join(0.1)

    keyboard = threading.Thread(target=press)
    keyboard.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run()
    assert time.monotonic() - began < 2.0
    assert stream.state is RunState.CANCELLED
    assert len(stream.run_sync("second").messages) == 4
    stream.loop.run_until_complete(client.ended.wait())
    stream.loop.run_until_complete(asyncio.sleep(0.05))
    stream.loop.close()


SCRIPTS = {
    "asyncio.run": "asyncio.run(stream.run('go'))",
    "run_stream": "asyncio.run(by_hand())",
    "run_sync": "stream.run_sync('go')",
    "run_sync inside asyncio.run": "asyncio.run(nested())",
}


@pytest.mark.skipif(sys.platform == "win32", reason="interrupts by a POSIX signal")
@pytest.mark.parametrize("code", SCRIPTS.values(), ids=SCRIPTS)
def test_ctrl_c_ends_the_run_of_a_script_and_then_the_script(code: str) -> None:
    script = f"""
import asyncio, signal, sys
from nb_stream import TeamStream
from nb_stream.demo import TEAMS
stream = TeamStream(TEAMS["writers"](pace=0.05))
stream.on_token(lambda _: print("begun", flush=True))

async def by_hand():
    async for _ in stream.run_stream(task="go"):
        pass

async def nested():
    stream.run_sync("go")

before = signal.getsignal(signal.SIGINT)
try:
    {code}
finally:
    print(stream.state.value, signal.getsignal(signal.SIGINT) is before, flush=True)
"""
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=60)
    assert out.splitlines()[-1] == "cancelled True", out + err
    assert err.splitlines()[-1] == "KeyboardInterrupt", err
    assert child.returncode == -signal.SIGINT


@pytest.mark.parametrize("wish", ["stop", "cancel"])
async def test_a_wish_that_comes_while_a_run_waits_for_its_callbacks_changes_nothing_any_more(wish: str) -> None:
    async def slow(_: Any) -> None:
        await asyncio.sleep(0.02)

    stream = TeamStream(agent("ann", fine))
    stream.on_token(slow)
    run = stream.start("go")
    await until(lambda: stream.transcript.runs and stream.transcript.runs[-1].ended_at)
    assert not run.done()
    await getattr(stream, wish)()
    await run
    assert stream.state is RunState.IDLE
    await stream.reset()


def test_where_the_loop_ends_while_the_team_is_mended_the_run_still_has_its_last_words() -> None:
    stream = TeamStream(SHAPES["round_robin"](fine))
    recover, mending = stream._backend.recover, asyncio.Event()

    async def slowly() -> None:
        mending.set()
        await asyncio.sleep(0.2)
        await recover()

    async def main() -> None:
        stream._backend.recover = slowly
        stream.start("go")
        await until(lambda: len(stream.transcript) > 1)
        cancelling = asyncio.ensure_future(stream.cancel())
        await mending.wait()
        assert not cancelling.done()

    asyncio.run(main())
    assert stream.state is RunState.CANCELLED
    assert stream.transcript.runs[-1].status is CellStatus.CANCELLED
    assert CellStatus.WRITING not in {cell.status for cell in stream.transcript}


# --- scripts -------------------------------------------------------------------------------------------------------

SCRIPT = """
import asyncio, sys, warnings
sys.path.insert(0, {root!r})
from tests.support.failing_teams import FINE, SHAPES, Deaf, only
from nb_stream import TeamStream
from nb_stream.demo import Say, ScriptedClient
slow = ScriptedClient([Say(FINE)], pace=0.01)

async def main():
    stream = TeamStream(SHAPES[{shape!r}](only("bad", {client})))
    {body}

asyncio.run(main())
"""

ENDS = {
    "in the background": "stream.start('first'); await asyncio.sleep(0.05)",
    "while it is cancelled": "stream.start('first'); await asyncio.sleep(0.05); asyncio.create_task(stream.cancel());"
    " await asyncio.sleep(0)",
    "half read": "messages = stream.run_stream('first'); await anext(messages); await asyncio.sleep(0.05)",
}


@pytest.mark.parametrize(
    ("end", "shape", "client"),
    [(end, "nested", "slow") for end in ENDS] + [("in the background", "graph", "Deaf(0.4)")],
)
def test_a_script_that_ends_during_a_run_ends_in_silence(end: str, shape: str, client: str) -> None:
    source = textwrap.dedent(SCRIPT).format(root=str(ROOT), body=ENDS[end], shape=shape, client=client)
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("wish", ["stop", "cancel"])
async def test_a_click_that_comes_late_leaves_the_next_run_alone(wish: str) -> None:
    client = ScriptedClient([Say("One word follows the other. " * 40)], pace=0.005)
    panel = TeamPanel(AssistantAgent("ann", client, model_client_stream=True))
    first = panel.start("first")
    await until(lambda: len(panel.transcript) == 2)
    seen = panel.transcript.runs[-1].id
    panel.receive(decode({"type": "cancel", "run": seen}))
    await until(first.done)
    assert first.cancelled()
    second = panel.start("second")
    panel.receive(decode({"type": wish, "run": seen}))  # before the page has heard of the second run, and after
    await until(lambda: len(panel.transcript) == 4)
    panel.receive(decode({"type": wish, "run": seen}))
    await asyncio.sleep(0)
    assert panel.stream.state is RunState.RUNNING
    panel.receive(decode({"type": wish, "run": panel.transcript.runs[-1].id}))
    panel.receive(decode({"type": wish, "run": panel.transcript.runs[-1].id}))
    await until(second.done)
    assert second.cancelled() is (wish == "cancel")
    third = panel.start("third")
    panel.receive(decode({"type": "cancel"}))
    await until(third.done)
    assert third.cancelled()
    panel.close()
