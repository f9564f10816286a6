"""What the switch of each kind of agent does and from when, by the calls that its model client really received."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import types
import warnings
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, CodeExecutorAgent
from autogen_agentchat.messages import SelectorEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_ext.agents.magentic_one import MagenticOneCoderAgent
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor

from nb_stream import TeamStream
from nb_stream.core.model import Chunk
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.errors import CannotStreamError
from tests.support.team_shapes import ORCHESTRATOR, SELECTOR, SHAPES, WHOLE, Shape, selector, selector_inside

EVERY = [pytest.param(name, path, id=f"{name}-{path}") for name in SHAPES for path in SHAPES[name]().clients]
ABLE = [case for case in EVERY if case.values[1] not in WHOLE]
UNABLE = [case for case in EVERY if case.values[1] in WHOLE]


def stream_of(shape: Shape, **options: Any) -> TeamStream:
    return TeamStream(shape.team, **options)


async def ran(shape: Shape, stream: TeamStream, path: str) -> set[str]:
    """The kinds of calls that the next run makes to an agent's client."""
    before = len(shape.methods(path))
    await stream.reset()
    await stream.run("go")
    methods = set(shape.methods(path)[before:])
    assert methods
    return methods


# --- every agent of every shape ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "path"), ABLE)
async def test_a_ticked_box_lets_an_agent_built_without_streaming_stream_from_its_next_turn(
    name: str, path: str
) -> None:
    shape = SHAPES[name](stream=False)
    stream = stream_of(shape)
    assert stream.switches[path] is False
    assert stream.note(path) == "Was built without streaming; its messages come whole."
    assert await ran(shape, stream, path) == {"create"}
    stream.switches[path] = True
    assert stream.note(path) == "Streams from its next turn."
    heard: set[str] = set()
    stream.on_event(lambda event: heard.add(event.path) if isinstance(event, Chunk) else None)
    assert await ran(shape, stream, path) == {"create_stream"}
    assert heard == {path}
    assert stream.note(path) == "Streams."
    stream.switches[path] = False
    assert stream.note(path) == "Its messages come whole from its next turn."
    assert await ran(shape, stream, path) == {"create"}
    assert stream.note(path) == "Was built without streaming; its messages come whole."


@pytest.mark.parametrize(("name", "path"), ABLE)
async def test_a_closed_gate_changes_no_call_of_an_agent_built_to_stream(name: str, path: str) -> None:
    shape = SHAPES[name](stream=True)
    stream = stream_of(shape)
    assert stream.switches[path] is True
    stream.switches[path] = False
    heard: set[str] = set()
    stream.on_token(lambda token: heard.add(token.path))
    assert await ran(shape, stream, path) == {"create_stream"}
    assert path not in heard
    stream.switches[path] = True
    assert await ran(shape, stream, path) == {"create_stream"}
    assert path in heard


@pytest.mark.parametrize(("name", "path"), ABLE)
async def test_unchecked_create_lets_an_unticked_agent_answer_whole_from_its_next_turn(name: str, path: str) -> None:
    shape = SHAPES[name](stream=True)
    stream = stream_of(shape, unchecked="create")
    stream.switches[path] = False
    assert stream.note(path) == "Its messages come whole from its next turn."
    assert await ran(shape, stream, path) == {"create"}
    assert stream.note(path) == "Its messages come whole."
    stream.switches[path] = True
    assert stream.note(path) == "Streams from its next turn."
    assert await ran(shape, stream, path) == {"create_stream"}
    assert stream.note(path) == "Streams."


@pytest.mark.parametrize(("name", "path"), UNABLE)
@pytest.mark.parametrize("unchecked", ["hold", "create"])
async def test_what_answers_whole_has_a_switch_that_cannot_be_turned_on(name: str, path: str, unchecked: str) -> None:
    shape = SHAPES[name](stream=True)
    stream = stream_of(shape, unchecked=unchecked)
    with pytest.raises(CannotStreamError):
        stream.switches[path] = True
    stream.switches[path] = False
    assert await ran(shape, stream, path) == {"create"}
    assert stream.note(path) == next(info.reason for info in stream.agents if info.path == path)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("built", [True, False], ids=["streaming", "whole"])
async def test_every_agent_is_left_as_it_was_built(name: str, built: bool) -> None:
    shape = SHAPES[name](stream=built)
    stream = stream_of(shape, unchecked="create")
    for path in stream.switches:
        stream.switches[path] = not built and path not in WHOLE
    bare = [type(m) async for m in SHAPES[name](stream=built).team.run_stream(task="go")]
    await stream.run("go")
    for client in shape.clients.values():
        client._calls = ()  # the script begins anew
    await stream.reset()
    assert [type(m) async for m in shape.team.run_stream(task="go")] == bare


async def test_same_names_at_different_depths_are_switched_apart() -> None:
    shape = SHAPES["nested"](stream=False)
    stream = stream_of(shape)
    stream.switches["mid/inner/ann"] = True
    await stream.run("go")
    assert {path: set(shape.methods(path)) for path in shape.clients} == {
        "mid/ann": {"create"},
        "mid/inner/ann": {"create_stream"},
        "ann": {"create"},
    }


# --- from when -----------------------------------------------------------------------------------------------------


async def test_the_flag_is_read_once_a_turn_and_a_switch_acts_from_the_next() -> None:
    """A tool of the first turn ticks the box: the turn's other calls stay whole, the next turn streams."""

    async def tick() -> str:
        stream.switches["ann"] = True
        return "ticked"

    client = ScriptedClient([Call("tick", {}), Say("First."), Say("Second.")])
    agent = AssistantAgent("ann", client, tools=[tick], reflect_on_tool_use=True)
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=2))
    await stream.run("go")
    assert [call.method for call in client.calls] == ["create", "create", "create_stream"]


async def test_a_choice_of_a_selector_is_switched_between_two_choices_of_one_run() -> None:
    shape = selector(stream=False, allow_repeated_speaker=True)
    stream = stream_of(shape)
    stream.on_event(lambda event: stream.switches.update({SELECTOR: True}), agents=["ben"])
    await stream.run("go")
    assert shape.methods(SELECTOR) == ["create", "create_stream"]


async def test_a_gate_acts_in_the_middle_of_a_message() -> None:
    shape = SHAPES["round_robin"](stream=True)
    stream = stream_of(shape)
    tokens: list[str] = []

    def close(token: Any) -> None:
        tokens.append(token.text)
        stream.switches["ann"] = False

    stream.on_token(close, agents=["ann"])
    await stream.run("go")
    assert len(tokens) == 1


# --- selectors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("on", [True, False])
async def test_ticking_a_selector_changes_nothing_that_its_team_gives(on: bool) -> None:
    """AutoGen adds a SelectorEvent to the result only where the choice was streamed."""
    bare = selector(stream=False)
    expected = [m async for m in bare.team.run_stream(task="go")]
    shape = selector(stream=False)
    stream = stream_of(shape)
    stream.switches[SELECTOR] = on
    given = [m async for m in stream.run_stream("go")]
    whole = [m for m in given if type(m).__name__ != "ModelClientStreamingChunkEvent"]
    assert [type(m) for m in whole] == [type(m) for m in expected]
    assert len(given[-1].messages) == len(expected[-1].messages)
    chosen = [cell.text for cell in stream.transcript.of(SELECTOR)]
    assert chosen == (["ben\n\nI choose ben.", "ann"] if on else ["ben", "ann"])


async def test_ticking_a_selector_inside_a_team_streams_its_choice_and_harms_nobody() -> None:
    """The outer team would fail on a SelectorEvent (AutoGen 0.7.5 forgot to register it)."""
    path = f"mid/{SELECTOR}"
    shape = selector_inside(stream=False)
    stream = stream_of(shape)
    stream.switches[path] = True
    tokens: list[str] = []
    stream.on_token(lambda token: tokens.append(token.text), agents=[path])
    result = await stream.run("go")
    assert shape.methods(path) == ["create_stream"]
    assert "".join(tokens) == "I choose ben."
    assert [(cell.path, cell.text) for cell in stream.transcript][1:3] == [
        (path, "ben\n\nI choose ben."),
        ("mid/ben", "mid/ben says some words."),
    ]
    assert not any(isinstance(m, SelectorEvent) for m in result.messages)


async def test_a_selector_built_to_stream_gives_what_it_gives() -> None:
    result = await stream_of(selector(stream=True)).run("go")
    assert [m.content for m in result.messages if isinstance(m, SelectorEvent)] == ["I choose ben."]


async def test_a_selector_that_has_to_be_asked_again_streams_every_attempt() -> None:
    shape = selector(stream=False)
    shape.clients[SELECTOR].script = (Say("Nobody."), Say("ann and ben"), Say("ben"))
    stream = stream_of(shape)
    stream.switches[SELECTOR] = True
    await stream.run("go")
    assert shape.methods(SELECTOR) == ["create_stream"] * 3
    texts = [cell.text for cell in stream.transcript.of(SELECTOR)]
    assert texts == ["Nobody.", "ann and ben", "ben", "ann"]


# --- classes -------------------------------------------------------------------------------------------------------


async def switched(agent: Any, client: ScriptedClient) -> list[list[str]]:
    """The calls of three turns: as built without streaming, ticked, and unticked again."""
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1))
    [path] = stream.switches
    made = []
    for on in (False, True, False):
        stream.switches[path] = on
        before = len(client.calls)
        await stream.run("go")
        made.append([call.method for call in client.calls[before:]])
    return made


async def test_the_coder_of_magentic_one_streams_although_its_constructor_takes_no_such_argument() -> None:
    client = ScriptedClient([Say("print(1)")])
    agent = MagenticOneCoderAgent("coder", client, model_client_stream=True)  # AutoGen swallows the argument
    assert await switched(agent, client) == [["create"], ["create_stream"], ["create"]]


async def test_a_video_surfer_streams_although_its_constructor_takes_no_such_argument(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Stub:
        def __class_getitem__(cls, item: Any) -> Any:
            return cls

    for need in ("cv2", "ffmpeg", "numpy", "whisper"):
        stub = types.ModuleType(need)
        stub.__getattr__ = lambda _: Stub  # type: ignore[method-assign]
        monkeypatch.setitem(sys.modules, need, stub)
    client = ScriptedClient([Say("A cat.")])
    surfer = importlib.import_module("autogen_ext.agents.video_surfer").VideoSurfer("surfer", client)
    assert await switched(surfer, client) == [["create"], ["create_stream"], ["create"]]


class Own(AssistantAgent):
    """A class of the user's own on AutoGen's."""


async def test_a_subclass_of_ones_own_is_switched() -> None:
    client = ScriptedClient([Say("Mine.")])
    assert await switched(Own("own", client), client) == [["create"], ["create_stream"], ["create"]]


async def test_a_code_executor_streams_its_code_and_its_answer_and_never_its_decision_to_retry() -> None:
    decision = Say(json.dumps({"reason": "Fix it.", "retry": True}))
    broken, fixed = (Say(f"```python\n{code}\n```") for code in ("raise SystemExit(1)", "print(2)"))
    client = ScriptedClient([broken, decision, fixed, Say("It is 2.")])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        agent = CodeExecutorAgent("coder", LocalCommandLineCodeExecutor(), model_client=client, max_retries_on_error=1)
    whole, streamed = ["create"] * 4, ["create_stream", "create", "create_stream", "create_stream"]
    assert await switched(agent, client) == [whole, streamed, whole]


async def test_a_tool_loop_streams_all_its_calls() -> None:
    def look() -> str:
        return "seen"

    client = ScriptedClient([Call("look", {}), Call("look", {}), Say("Seen twice.")])
    agent = AssistantAgent("ann", client, tools=[look], max_tool_iterations=3)
    assert await switched(agent, client) == [["create"] * 3, ["create_stream"] * 3, ["create"] * 3]


async def test_two_turns_of_one_agent_at_the_same_time_are_switched_alike() -> None:
    shape = SHAPES["tool_alone"](stream=False)
    shape.clients["boss"].script = (
        (Call("helper", {"task": "One."}), Call("helper", {"task": "Two."})),
        Say("With help."),
    )
    stream = stream_of(shape)
    stream.switches["boss/helper"] = True
    await stream.run("go")
    assert shape.methods("boss/helper") == ["create_stream"] * 2
    assert shape.methods("boss") == ["create"] * 2


async def test_the_orchestrator_of_magentic_one_asks_for_whole_answers_and_its_agents_stream() -> None:
    shape = SHAPES["magentic_one"](stream=False)
    stream = stream_of(shape)
    stream.switches["ann"] = True
    await stream.run("go")
    assert shape.methods(ORCHESTRATOR) == ["create"] * 5
    assert shape.methods("ann") == ["create_stream"]


async def test_switching_from_another_thread_acts_like_switching_here() -> None:
    shape = SHAPES["round_robin"](stream=False)
    stream = stream_of(shape)
    await asyncio.to_thread(stream.switches.__setitem__, "ann", True)
    assert await ran(shape, stream, "ann") == {"create_stream"}
