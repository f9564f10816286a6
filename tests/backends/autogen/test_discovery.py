"""Every agent of a team is found, with its place in the tree and a true word on whether it can stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest
from autogen_agentchat.agents import (
    AssistantAgent,
    BaseChatAgent,
    SocietyOfMindAgent,
    UserProxyAgent,
)
from autogen_agentchat.base import Response, TaskResult
from autogen_agentchat.messages import (
    BaseChatMessage,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ToolCallExecutionEvent,
)
from autogen_agentchat.teams import RoundRobinGroupChat, SelectorGroupChat
from autogen_agentchat.tools import AgentTool, TeamTool
from autogen_core import CancellationToken
from autogen_core.tools import StaticStreamWorkbench, StaticWorkbench
from autogen_ext.agents.magentic_one import MagenticOneCoderAgent
from autogen_ext.agents.openai import OpenAIAgent, OpenAIAssistantAgent
from autogen_ext.agents.web_surfer import MultimodalWebSurfer
from openai import AsyncOpenAI

from nb_stream import CellKind, TeamStream
from nb_stream.backends.autogen.discovery import discover
from nb_stream.demo import Call, Say, ScriptedClient
from nb_stream.errors import CannotStreamError
from tests.support.stubbed_packages import code_agent, stubbed
from tests.support.team_shapes import ORCHESTRATOR, SELECTOR, SHAPES, WHOLE, Shape, selector, selector_inside

TREES = {
    "solo": {"ann": None},
    "round_robin": {"ann": None, "ben": None},
    "selector": {"ann": None, "ben": None, SELECTOR: None},
    "swarm": {"ann": None, "ben": None},
    "graph": {"plan": None, "x": None, "y": None, "z": None, "join": None},
    "magentic_one": {"ann": None, ORCHESTRATOR: None},
    "nested": {"mid/ann": "mid", "mid/inner/ann": "mid/inner", "ann": None},
    "society": {"mind": None, "mind/ann": "mind", "mind/ben": "mind", "cy": None},
    "filtered": {"outer": None, "ben": None},
    "agent_tool": {"boss": None, "boss/helper": "boss", "ben": None},
    "team_tool": {"boss": None, "boss/crew/ann": "boss/crew", "boss/crew/ben": "boss/crew", "ann": None},
    "tool_alone": {"boss": None, "boss/helper": "boss"},
}


def agent(name: str, *script: Any, **options: Any) -> AssistantAgent:
    return AssistantAgent(name, ScriptedClient(script or [Say(f"{name} says so.")]), **options)


def paths(team: Any) -> list[str]:
    return [info.path for info in TeamStream(team).agents]


@pytest.mark.parametrize("name", SHAPES)
def test_every_agent_of_a_team_is_found_in_its_place(name: str) -> None:
    agents = TeamStream(SHAPES[name]().team).agents
    assert {info.path: info.parent for info in agents} == TREES[name]
    assert [info.path for info in agents] == list(TREES[name])
    assert {info.path for info in agents if not info.can_stream} == TREES[name].keys() & set(WHOLE)
    assert all(bool(info.reason) != info.can_stream and info.description for info in agents)


@pytest.mark.parametrize("name", SHAPES)
async def test_a_run_hears_of_no_agent_that_was_not_found_before(name: str) -> None:
    stream = TeamStream(SHAPES[name]().team)
    before = stream.agents
    await stream.run("go")
    assert stream.agents == before
    said = {cell.path for cell in stream.transcript if cell.agent != "user"}
    assert said == {info.path for info in before}


@pytest.mark.parametrize("name", SHAPES)
def test_nothing_round_the_agents_of_these_shapes_reads_their_tokens(name: str) -> None:
    """So they need not travel through the team, which costs ten times what making them costs."""
    tree = discover(SHAPES[name]().team)
    assert all(place.direct for place in (*tree.nodes, *tree.chats))


def test_a_name_is_that_of_the_participant_and_the_path_that_of_its_place() -> None:
    wrapped = TeamStream(SHAPES["filtered"]().team).agents[0]
    assert (wrapped.name, wrapped.path) == ("outer", "outer")
    assert [info.name for info in TeamStream(SHAPES["nested"]().team).agents] == ["ann", "ann", "ann"]


# --- places --------------------------------------------------------------------------------------------------------


def test_teams_are_found_at_any_depth() -> None:
    team: Any = RoundRobinGroupChat([agent("ann")], name="t0")
    for depth in range(1, 7):
        team = RoundRobinGroupChat([team, agent("ann")], name=f"t{depth}")
    assert paths(team)[0] == "t5/t4/t3/t2/t1/t0/ann"
    assert len(paths(team)) == 7


def test_teams_inside_agents_inside_tools_inside_teams_are_found() -> None:
    crew = RoundRobinGroupChat([agent("ann")], name="crew")
    mind = SocietyOfMindAgent("mind", crew, ScriptedClient([Say("Yes.")]))
    boss = agent("boss", tools=[AgentTool(mind)])
    outer = agent("top", tools=[TeamTool(RoundRobinGroupChat([boss], name="team"), name="team", description="d")])
    assert paths(RoundRobinGroupChat([outer])) == [
        "top",
        "top/team/boss",
        "top/team/boss/mind",
        "top/team/boss/mind/ann",
    ]


def test_an_agent_that_is_used_twice_has_one_switch_where_it_takes_part() -> None:
    helper = agent("helper")
    boss = agent("boss", tools=[AgentTool(helper)])
    assert paths(RoundRobinGroupChat([boss, helper])) == ["boss", "helper"]
    twice = [RoundRobinGroupChat([helper], name=name) for name in ("one", "two")]
    assert paths(RoundRobinGroupChat(list(twice))) == ["one/helper"]
    hidden = agent("boss", workbench=StaticWorkbench([AgentTool(helper)]))
    other = agent("other", tools=[AgentTool(helper)])
    assert paths(RoundRobinGroupChat([hidden, other])) == ["boss", "other", "other/helper"]


async def test_an_agent_that_is_used_twice_is_switched_in_both_places() -> None:
    client = ScriptedClient([Say("Here.")])
    helper = AssistantAgent("helper", client)
    twice = [RoundRobinGroupChat([helper], name=name, max_turns=1) for name in ("one", "two")]
    stream = TeamStream(RoundRobinGroupChat(list(twice), max_turns=2))
    stream.switches["helper"] = True
    await stream.run("go")
    assert [call.method for call in client.calls] == ["create_stream", "create_stream"]
    assert len(stream.transcript.of("one/helper")) == 2


def test_teams_of_the_same_name_used_as_tools_are_numbered() -> None:
    crews = [RoundRobinGroupChat([agent("ann")]) for _ in range(2)]
    tools = [TeamTool(crew, name=f"crew{n}", description="d") for n, crew in enumerate(crews)]
    found = paths(agent("boss", tools=tools))
    assert found == ["boss", "boss/RoundRobinGroupChat/ann", "boss/RoundRobinGroupChat~2/ann"]


# --- reasons -------------------------------------------------------------------------------------------------------


class Plain(BaseChatAgent):
    """An agent of the user's own that answers whole."""

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        return (TextMessage,)

    async def on_messages(self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken) -> Response:
        return Response(chat_message=TextMessage(content="Whole.", source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Nothing to forget."""


class Streaming(Plain):
    """An agent of the user's own that streams in a way of its own."""

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        for piece in ("In ", "pieces", "."):
            yield ModelClientStreamingChunkEvent(content=piece, source=self.name)
        yield Response(chat_message=TextMessage(content="In pieces.", source=self.name))


class Manager(Plain):
    """An agent of the user's own with agents inside that nobody can know of."""

    def __init__(self, name: str, *inside: Any) -> None:
        super().__init__(name, "hides agents")
        self.inside = inside

    async def on_messages_stream(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        for hidden in self.inside:
            async for item in hidden.on_messages_stream(messages, cancellation_token):
                yield item.chat_message if isinstance(item, Response) else item
        yield Response(chat_message=TextMessage(content="All done.", source=self.name))


def reason(thing: Any) -> str:
    [info] = TeamStream(thing).agents
    return info.reason


def test_what_has_a_model_of_its_own_can_stream() -> None:
    client = ScriptedClient([Say("Yes.")])
    for able in (agent("ann"), code_agent(model_client=client), MagenticOneCoderAgent("coder", client)):
        assert reason(able) == ""


def test_a_video_surfer_can_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    surfer = stubbed(monkeypatch, "autogen_ext.agents.video_surfer", "VideoSurfer", "cv2", "ffmpeg", "numpy", "whisper")
    assert reason(surfer("surfer", ScriptedClient([Say("Yes.")]))) == ""


def test_what_cannot_stream_says_why(tmp_path: Any) -> None:
    openai = AsyncOpenAI(api_key="none", base_url="http://127.0.0.1:1")
    model = ScriptedClient([Say("Yes.")])
    assert reason(UserProxyAgent("human")) == "A person writes its messages."
    assert reason(code_agent()) == "It runs code and calls no model."
    assert "Responses API" in reason(OpenAIAgent("a", "d", openai, "gpt-4o", "Answer."))
    assert "Assistants API" in reason(OpenAIAssistantAgent("a", "d", openai, "gpt-4o", "Answer."))
    assert "one action at a time" in reason(MultimodalWebSurfer("surfer", SeeingClient([Say("Yes.")])))
    assert reason(Plain("own", "d")) == "Plain has no on_messages_stream of its own, so its messages come whole."
    assert reason(Streaming("own", "d")) == "Streaming has not streamed so far."
    mind = SocietyOfMindAgent("mind", RoundRobinGroupChat([agent("ann")]), model)
    assert "inside it have switches of their own" in TeamStream(mind).agents[0].reason


class SeeingClient(ScriptedClient):
    """A model that a web surfer accepts."""

    @property
    def model_info(self) -> Any:
        return {**super().model_info, "vision": True}


def test_a_file_surfer_says_why_it_cannot_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    surfer = stubbed(monkeypatch, "autogen_ext.agents.file_surfer", "FileSurfer", "markitdown")
    assert "one action at a time" in reason(surfer("surfer", ScriptedClient([Say("Yes.")])))


def test_a_subclass_with_a_stream_of_its_own_is_not_judged_by_its_parent() -> None:
    class Asking(UserProxyAgent):
        async def on_messages_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            async for item in super().on_messages_stream(*args, **options):
                yield item

    class Named(UserProxyAgent):
        """The same under another name."""

    assert reason(Named("human")) == "A person writes its messages."
    assert reason(Asking("human")) == "Asking has not streamed so far."


def test_a_selector_is_seen_only_where_its_team_gives_out_its_events() -> None:
    seen, unseen = (TeamStream(selector(events=events).team).agents[-1] for events in (True, False))
    assert seen.can_stream
    assert not unseen.can_stream
    assert "emit_team_events=True" in unseen.reason


async def test_an_agent_in_a_plain_workbench_says_why_it_is_not_seen() -> None:
    shape = Shape()
    helper = AgentTool(shape.agent("boss/helper"), return_value_as_last_message=True)
    script = [Call("helper", {"task": "Help."}), Say("With help.")]
    boss = shape.agent("boss", *script, workbench=StaticWorkbench([helper]), reflect_on_tool_use=True)
    stream = TeamStream(boss)
    assert "workbench that hands on its result only" in stream.agents[1].reason
    with pytest.raises(CannotStreamError, match="StaticStreamWorkbench"):
        stream.switches["boss/helper"] = True
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    bare = [type(m) async for m in boss.run_stream(task="go")]
    assert [type(m) async for m in stream.run_stream("go")] == bare
    assert {token.path for token in tokens} == {"boss"}
    assert paths(agent("boss", workbench=StaticStreamWorkbench([helper]))) == ["boss", "boss/helper"]
    assert [info.can_stream for info in TeamStream(agent("boss", tools=[helper])).agents] == [True, True]


# --- live ----------------------------------------------------------------------------------------------------------


async def test_an_unknown_class_gets_its_switch_open_when_it_turns_out_to_stream() -> None:
    stream = TeamStream(RoundRobinGroupChat([Streaming("own", "d"), agent("ann")], max_turns=2))
    assert stream.switches["own"] is False
    tokens: list[str] = []
    stream.on_token(lambda token: tokens.append(token.text), agents=["own"])
    await stream.run("go")
    assert stream.agents[0].can_stream
    assert stream.agents[0].reason == ""
    assert stream.note("own") == "Streams."
    assert stream.agents[0].description == "d"
    assert stream.switches["own"] is True
    assert "".join(tokens) == "In pieces."


async def test_a_switch_that_was_closed_by_hand_stays_closed() -> None:
    stream = TeamStream(RoundRobinGroupChat([Streaming("own", "d")], max_turns=1))
    stream.switches["own"] = False
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    await stream.run("go")
    assert stream.agents[0].can_stream
    assert stream.switches["own"] is False
    assert tokens == []
    assert [cell.text for cell in stream.transcript.of("own")] == ["In pieces."]


async def test_a_class_of_ones_own_is_gated_and_never_said_to_be_switched_at_the_source() -> None:
    stream = TeamStream(RoundRobinGroupChat([Streaming("own", "d")], max_turns=1), unchecked="create")
    await stream.run("go")
    assert stream.note("own") == "Streams."
    stream.switches["own"] = False
    assert stream.note("own") == "Held back; the finished message comes whole."


async def test_hidden_agents_get_switches_as_soon_as_they_are_heard() -> None:
    hidden = [agent("ann", model_client_stream=True), agent("ben")]
    team = RoundRobinGroupChat([Manager("boss", *hidden)], max_turns=1)
    stream = TeamStream(RoundRobinGroupChat([RoundRobinGroupChat([Manager("boss", *hidden)], name="in", max_turns=1)]))
    assert [info.path for info in TeamStream(team).agents] == ["boss"]
    stream = TeamStream(team)
    seen: list[list[str]] = []
    stream.on_event(lambda event: seen.append([info.path for info in stream.agents]))
    await stream.run("go")
    found = {info.path: info for info in stream.agents}
    assert list(found) == ["boss", "boss/ann", "boss/ben"]
    assert (found["boss/ann"].can_stream, found["boss/ann"].parent) == (True, "boss")
    assert (found["boss/ben"].can_stream, found["boss/ben"].reason) == (False, "ben has not streamed so far.")
    assert dict(stream.switches) == {"boss": False, "boss/ann": True, "boss/ben": False}
    assert [cell.path for cell in stream.transcript] == ["user", "boss/ann", "boss/ben", "boss"]
    stream.switches["boss/ann"] = False
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    await stream.run("again")
    assert tokens == []


async def test_a_hidden_agents_first_sign_may_be_a_tool_result() -> None:
    class Reporting(Streaming):
        async def on_messages_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
            yield ToolCallExecutionEvent(content=[], source="hand")
            yield Response(chat_message=TextMessage(content="Done.", source=self.name))

    stream = TeamStream(Reporting("boss", "d"))
    assert [m async for m in stream.run_stream(task="go")]  # its `run` does not ask for its stream
    assert [info.path for info in stream.agents] == ["boss", "boss/hand"]


class Duck:
    """Something that runs like a team and is none of AutoGen's."""

    name = "duck"

    async def run(self, *, task: Any = None, cancellation_token: Any = None, output_task_messages: bool = True) -> Any:
        return [message async for message in self.run_stream(task=task)][-1]

    async def run_stream(
        self, *, task: Any = None, cancellation_token: Any = None, output_task_messages: bool = True
    ) -> AsyncGenerator[Any, None]:
        yield task if isinstance(task, BaseChatMessage) else TextMessage(content=task, source="user")
        yield TextMessage(content="Quack.", source="donald")
        yield ModelClientStreamingChunkEvent(content="Qua", source="daisy", full_message_id="m1")
        yield TextMessage(content="Quack!", source="daisy", id="m1")
        yield TaskResult(messages=[])


@pytest.mark.parametrize(
    "task", ["go", TextMessage(content="go", source="user"), TextMessage(content="go", source="al")]
)
async def test_agents_of_an_unknown_kind_of_team_are_found_live_and_who_gave_the_task_is_none(task: Any) -> None:
    stream = TeamStream(Duck())
    assert stream.agents == ()
    await stream.run(task)
    assert [(info.path, info.can_stream) for info in stream.agents] == [("donald", False), ("daisy", True)]
    assert [cell.text for cell in stream.transcript] == ["go", "Quack.", "Quack!"]


async def test_who_gave_the_task_is_no_agent() -> None:
    stream = TeamStream(SHAPES["round_robin"]().team)
    await stream.run([TextMessage(content="go", source="alice"), TextMessage(content="!", source="user")])
    assert [info.path for info in stream.agents] == ["ann", "ben"]


async def test_a_manager_that_only_names_speakers_is_no_agent() -> None:
    inner = RoundRobinGroupChat([agent("ann")], name="in", max_turns=1, emit_team_events=True)
    stream = TeamStream(RoundRobinGroupChat([inner], max_turns=1, emit_team_events=True))
    await stream.run("go")
    assert [info.path for info in stream.agents] == ["in/ann"]
    named = [cell.path for cell in stream.transcript if cell.kind is CellKind.SELECTION]
    assert named == ["RoundRobinGroupChatManager", "in/RoundRobinGroupChatManager"]


def test_the_selector_of_a_nested_team_stands_in_its_place() -> None:
    assert paths(selector_inside().team) == ["mid/ann", "mid/ben", f"mid/{SELECTOR}", "ann"]
    inner = SelectorGroupChat([agent("ann"), agent("ben")], ScriptedClient([Say("ann")]), emit_team_events=True)
    mind = SocietyOfMindAgent("mind", inner, ScriptedClient([Say("Yes.")]))
    assert paths(mind) == ["mind", "mind/ann", "mind/ben", f"mind/{SELECTOR}"]
