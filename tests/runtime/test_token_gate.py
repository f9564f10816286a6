"""Who streams: as built, by option, by hand, and for token callbacks; each can be taken back, in any order."""

from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Callable
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import ModelClientStreamingChunkEvent
from autogen_agentchat.teams import RoundRobinGroupChat
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from nb_stream import CellKind, TeamStream
from nb_stream.core.model import AgentInfo, RunStarted
from nb_stream.demo import Say, ScriptedClient
from nb_stream.errors import CannotStreamError, UnknownAgentError
from nb_stream.runtime.run import MessageQueue
from nb_stream.runtime.token_gate import TokenGate
from nb_stream.terminal.view import LiveTerminalView
from tests.support.browser_mirror import BrowserMirror
from tests.support.stream_without_team import Stage
from tests.support.wait_until import until

NAMES = ("ann", "ben")


class Pair:
    """Two agents, built without streaming unless it is said, and the calls that their models get."""

    def __init__(self, *, built: bool = False, **options: Any) -> None:
        self.clients = {name: ScriptedClient([Say(f"{name} says it all.")]) for name in NAMES}
        agents = [AssistantAgent(name, c, model_client_stream=built) for name, c in self.clients.items()]
        self.stream = TeamStream(RoundRobinGroupChat(agents, max_turns=2), **options)
        self.tokens: list[str] = []
        self.result: Any = None

    def hear(self, agents: Any = None) -> Callable[[], None]:
        return self.stream.on_token(lambda token: self.tokens.append(token.path), agents=agents)

    async def run(self) -> tuple[str, ...]:
        """The call that each agent's model gets in the next run."""
        self.tokens.clear()
        self.result = await self.stream.run("go")
        return tuple(client.calls[-1].method for client in self.clients.values())


async def test_everybody_who_shows_tokens_asks_the_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Callbacks, the consumer of `run_stream`, frames and terminals have no opinion of their own about switches."""
    stage, out, heard = Stage(*NAMES), io.StringIO(), []
    monkeypatch.setattr(stage.gate, "is_open", lambda path: path == "ben")
    stage.feed.begin(queue := MessageQueue())
    monkeypatch.setattr(queue, "put", lambda native: heard.append("consumer"))
    stage.feed.tokens.add(lambda token: heard.append(token.path), None)
    view = LiveTerminalView(stage, console=Console(file=out, force_terminal=True))
    stage.feed.watch(view)
    stage.take(RunStarted("r1", stage.loop.now))
    for name in NAMES:
        stage.begin(name, f"turn of {name}")
        stage.say(name, f"{name} says", turn=f"turn of {name}")
    stage.loop.advance(1.0)
    await until(lambda: "ben says" in out.getvalue())
    assert "ann says" not in out.getvalue()
    view.close()
    assert heard == ["consumer", "ben"]
    page = BrowserMirror(stage.batcher.snapshot())
    assert (page.text("ann"), page.text("ben")) == ("", "ben says")
    assert [row["on"] for row in page.agents] == [False, True]


# --- callbacks -----------------------------------------------------------------------------------------------------


async def test_a_callback_makes_its_agents_stream_and_without_it_they_are_as_built() -> None:
    pair = Pair()
    remove = pair.hear(["ann"])
    assert dict(pair.stream.switches) == {"ann": True, "ben": False}
    assert pair.stream.note("ann") == "Streams from its next turn."
    assert await pair.run() == ("create_stream", "create")
    assert set(pair.tokens) == {"ann"}
    remove()
    remove()
    assert dict(pair.stream.switches) == {"ann": False, "ben": False}
    assert await pair.run() == ("create", "create")
    assert pair.tokens == []


async def test_a_callback_without_names_is_for_all_that_can_stream_and_the_last_one_counts() -> None:
    pair = Pair()
    both, one = pair.hear(), pair.hear("ben")
    assert await pair.run() == ("create_stream", "create_stream")
    both()
    both()
    assert await pair.run() == ("create", "create_stream")
    one()
    assert await pair.run() == ("create", "create")


@pytest.mark.parametrize("before", [True, False])
async def test_a_switch_that_is_set_off_by_hand_stays_off(before: bool) -> None:
    pair = Pair()
    if before:
        pair.stream.switches["ann"] = False
    remove = pair.hear()
    if not before:
        pair.stream.switches["ann"] = False
    assert await pair.run() == ("create", "create_stream")
    assert set(pair.tokens) == {"ben"}
    remove()
    assert dict(pair.stream.switches) == {"ann": False, "ben": False}


async def test_a_switch_that_is_set_on_by_hand_outlives_the_callback() -> None:
    pair = Pair()
    pair.stream.switches["ann"] = True
    remove = pair.hear(["ann"])
    remove()
    assert await pair.run() == ("create_stream", "create")


@pytest.mark.parametrize("built", [True, False])
async def test_with_unchecked_create_too_the_agents_are_as_built_afterwards(built: bool) -> None:
    pair = Pair(built=built, unchecked="create")
    remove = pair.hear(["ann"])
    as_built = "create_stream" if built else "create"
    assert await pair.run() == ("create_stream", as_built)
    pair.stream.switches["ann"] = False
    assert await pair.run() == ("create", as_built)
    remove()
    assert await pair.run() == ("create", as_built)


async def test_the_result_is_the_same_with_and_without_a_callback() -> None:
    bare, heard = Pair(), Pair()
    heard.hear()
    await bare.run()
    await heard.run()
    assert set(heard.tokens) == set(NAMES)
    left_out = {"id", "created_at"}
    ours, theirs = ([m.model_dump(exclude=left_out) for m in pair.result.messages] for pair in (heard, bare))
    assert ours == theirs
    assert heard.result.stop_reason == bare.result.stop_reason


async def test_callbacks_for_events_let_nobody_stream() -> None:
    pair = Pair()
    events: list[Any] = []
    pair.stream.on_event(events.append, agents=["ann"])
    assert await pair.run() == ("create", "create")
    assert events


@pytest.mark.parametrize("agents", [None, ["ben"]])
async def test_a_callback_of_another_thread_in_mid_run_acts_from_the_next_turn(agents: Any) -> None:
    pair = Pair()
    removes: list[Callable[[], None]] = []

    def register(event: Any) -> None:
        if not removes:
            thread = threading.Thread(target=lambda: removes.append(pair.hear(agents)))
            thread.start()
            thread.join(30)

    pair.stream.on_event(register, agents=["ann"])  # in the middle of the first agent's turn
    assert await pair.run() == ("create", "create_stream")
    assert set(pair.tokens) == {"ben"}
    await asyncio.to_thread(removes[0])
    assert await pair.run() == ("create", "create")


class Late(UserProxyAgent):
    """A class that turns out to stream."""

    async def on_messages_stream(self, messages: Any, cancellation_token: Any) -> Any:
        yield ModelClientStreamingChunkEvent(content="In pieces.", source=self.name)
        yield Response(chat_message=messages[-1].model_copy(update={"source": self.name, "id": "m"}))


async def test_an_agent_that_is_found_later_streams_for_a_callback_of_all() -> None:
    stream = TeamStream(RoundRobinGroupChat([Late("own")], max_turns=1), streaming=False)
    tokens: list[str] = []
    remove = stream.on_token(lambda token: tokens.append(token.text))
    await stream.run("go")
    assert tokens == ["In pieces."]
    remove()
    assert stream.switches["own"] is False


async def test_a_callback_for_an_agent_that_cannot_stream_says_so_once() -> None:
    agents = [AssistantAgent("ann", ScriptedClient([Say("Yes.")])), UserProxyAgent("user", input_func=lambda _: "go")]
    stream = TeamStream(RoundRobinGroupChat(agents, max_turns=2))
    stream.on_token(print_nothing, agents=["ann", "user"])
    stream.on_token(print_nothing)
    await stream.run("go")
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert notices == ["'user' has no tokens for the callback print_nothing. A person writes its messages."]


def print_nothing(token: Any) -> None:
    """A callback."""


# --- together ------------------------------------------------------------------------------------------------------

INFOS = (AgentInfo("built", "built"), AgentInfo("whole", "whole"), AgentInfo("own", "own"))
BUILT = {"built": True, "whole": False}
PATHS = st.sampled_from([info.path for info in INFOS])
ACTS = st.one_of(
    st.tuples(st.just("set"), PATHS, st.booleans()),
    st.tuples(st.just("listen"), st.one_of(st.none(), st.lists(PATHS, unique=True).map(tuple))),
    st.tuples(st.just("remove"), st.integers(0, 5)),
)


@given(
    acts=st.lists(ACTS, max_size=12),
    streaming=st.one_of(
        st.booleans(), st.just("built"), st.sets(PATHS), st.dictionaries(PATHS, st.booleans(), max_size=3)
    ),
    may_create=st.booleans(),
)
def test_whatever_happens_in_whatever_order_a_gate_is_as_its_rule_says(
    acts: list[Any], streaming: Any, may_create: bool
) -> None:
    gate = TokenGate(INFOS, BUILT, streaming, may_create=may_create)
    by_hand: dict[str, bool] = {}
    listening: list[tuple[Any, Callable[[], None]]] = []
    removed: set[int] = set()
    for kind, *rest in acts:
        if kind == "set":
            gate.set(*rest)
            by_hand[rest[0]] = rest[1]
        elif kind == "listen":
            listening.append((rest[0], gate.listen(rest[0])))
        elif rest[0] < len(listening):
            listening[rest[0]][1]()
            removed.add(rest[0])
    heard = [paths for number, (paths, _) in enumerate(listening) if number not in removed]
    for path in (info.path for info in INFOS):
        begins = {
            bool: streaming,
            str: BUILT.get(path, True),
            set: isinstance(streaming, set) and path in streaming,
            dict: not isinstance(streaming, dict) or streaming.get(path, True),
        }[type(streaming)]
        expected = by_hand.get(path, begins or any(paths is None or path in paths for paths in heard))
        assert gate.is_open(path) is expected
        if path in BUILT:
            assert gate.wanted[path] is (expected or (BUILT[path] and not may_create))


# --- the option ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streaming", "expected"),
    [
        (True, (True, True)),
        (False, (False, False)),
        ("built", (False, False)),
        ("ann", (True, False)),
        (["ben"], (False, True)),
        ({"ann"}, (True, False)),
        ((), (False, False)),
        ({"ben": False}, (True, False)),
        ({"ann": False, "ben": True}, (False, True)),
    ],
)
async def test_the_option_says_who_begins_to_stream(streaming: Any, expected: tuple[bool, bool]) -> None:
    pair = Pair(streaming=streaming)
    assert tuple(pair.stream.switches.values()) == expected
    assert await pair.run() == tuple("create_stream" if on else "create" for on in expected)


@pytest.mark.parametrize("streaming", [None, 1, 3.5, b"ann", object(), {"ann": "yes"}, {"ann": None}])
def test_a_value_that_says_nothing_is_answered_with_those_that_do(streaming: Any) -> None:
    with pytest.raises(ValueError, match='streaming is True, False, "built", names or paths of agents, or a mapping'):
        Pair(streaming=streaming)


@pytest.mark.parametrize("streaming", ["anna", ["ann", "bob"], {"bob": True}])
def test_a_wrong_name_is_answered_with_the_right_ones(streaming: Any) -> None:
    with pytest.raises(UnknownAgentError, match=r"The agents of this team are: 'ann', 'ben'\. streaming is True"):
        Pair(streaming=streaming)


def test_an_agent_that_cannot_stream_may_be_left_out_and_not_asked_for() -> None:
    team = RoundRobinGroupChat([UserProxyAgent("user")])
    assert dict(TeamStream(team, streaming=True).switches) == {"user": False}
    assert dict(TeamStream(team, streaming={"user": False}).switches) == {"user": False}
    with pytest.raises(CannotStreamError, match="A person writes its messages"):
        TeamStream(team, streaming=["user"])
