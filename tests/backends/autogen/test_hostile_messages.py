"""Showing a run never fails it: whatever reading a message raises, the run ends as the bare team's does."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseTextChatMessage,
    CodeExecutionEvent,
    CodeGenerationEvent,
    HandoffMessage,
    MemoryQueryEvent,
    ModelClientStreamingChunkEvent,
    MultiModalMessage,
    SelectorEvent,
    SelectSpeakerEvent,
    StopMessage,
    StructuredMessage,
    TextMessage,
    ThoughtEvent,
    ToolCallExecutionEvent,
    ToolCallRequestEvent,
    ToolCallSummaryMessage,
    UserInputRequestedEvent,
)
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import FunctionCall
from autogen_core.code_executor import CodeBlock, CodeResult
from autogen_core.models import FunctionExecutionResult
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, field_serializer

from nb_stream import TeamStream
from nb_stream.backends.autogen.messages import chunk_of, event_of
from nb_stream.backends.autogen.reading import MAX_REPR_CHARS, id_of, json_form, source_of, words
from nb_stream.core.model import CellKind
from nb_stream.core.reducer import fold
from nb_stream.core.transcript import Transcript
from nb_stream.export import SUFFIXES, export
from nb_stream.recording.codec import from_line, line
from nb_stream.recording.reader import load_transcript
from nb_stream.wire.protocol import cell_whole
from tests.support.own_classes import Speaker


class Quit(BaseException):
    """What no `except Exception` catches, as the panics of some libraries are."""


def endless(depth: int = 0) -> str:
    return endless(depth + 1)


class Hostile:
    """An object that raises wherever it is asked."""

    def __init__(self, error: BaseException) -> None:
        object.__setattr__(self, "error", error)

    def __getattribute__(self, name: str) -> Any:
        raise object.__getattribute__(self, "error")

    def __repr__(self) -> str:
        raise object.__getattribute__(self, "error")

    def __eq__(self, other: object) -> bool:
        raise object.__getattribute__(self, "error")

    __bool__ = __str__ = __len__ = __iter__ = __repr__  # type: ignore[assignment]
    __hash__ = None  # type: ignore[assignment]


class Huge:
    def __repr__(self) -> str:
        return "x" * 10_000_000


class Endless:
    def __repr__(self) -> str:
        return endless()


class Text(str):
    """A text with methods of its own."""

    def __eq__(self, other: object) -> bool:
        raise ValueError("never equal")

    def __str__(self) -> str:
        raise ValueError("no text")

    __hash__ = str.__hash__


class Loud(BaseModel):
    """A value with a part that has no JSON form."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    png: bytes = b"\x89PNG\xff"
    ok: str = "fine"
    thing: Any = None

    @field_serializer("thing")
    def serialise(self, value: Any) -> Any:
        if value is None:
            return None
        raise Quit("no JSON")


around: list[Any] = []
around.append(around)
deep: Any = "bottom"
for _ in range(500):
    deep = [deep]

ODD: dict[str, Callable[[], Any]] = {
    **{
        f"{type(value).__name__} {str(value)[:12]!r}": (lambda value=value: value)
        for value in (
            *(None, 7, -1, True, 1.5, math.nan, math.inf, 10**30, "", "plain", "\ud800 lone", b"\x89PNG\xff", b"text"),
            *({1, 2}, {"a": math.nan, 3: b"\xff", (1, 2): "t"}, [None, {}], object, len),
        )
    },
    "a huge number": lambda: 10**6000,
    "a list in itself": lambda: around,
    "a deep list": lambda: deep,
    "a text of its own": lambda: Text("own"),
    "a huge representation": Huge,
    "an endless representation": Endless,
    "a value with no JSON": lambda: Loud(thing=1),
    **{
        f"hostile {kind.__name__}": (lambda kind=kind: Hostile(kind("no")))
        for kind in (ValueError, Quit, RecursionError)
    },
}
"""What no message should hold, made anew each time: nothing looks at it before the code under test."""

odd = st.sampled_from(sorted(ODD))

MADE: list[tuple[type[Any], dict[str, Any]]] = [
    (TextMessage, {"content": "hello"}),
    (StopMessage, {"content": "stop"}),
    (ToolCallSummaryMessage, {"content": "42", "tool_calls": [], "results": []}),
    (ThoughtEvent, {"content": "well"}),
    (HandoffMessage, {"content": "take it", "target": "ben"}),
    (StructuredMessage, {"content": Loud()}),
    (MultiModalMessage, {"content": ["look", "there"]}),
    (
        CodeGenerationEvent,
        {"content": "x", "code_blocks": [CodeBlock(code="1", language="python")], "retry_attempt": 0},
    ),
    (CodeExecutionEvent, {"result": CodeResult(output="1", exit_code=0), "retry_attempt": 0}),
    (MemoryQueryEvent, {"content": []}),
    (SelectSpeakerEvent, {"content": ["ann"]}),
    (SelectorEvent, {"content": "ann"}),
    (UserInputRequestedEvent, {"request_id": "q", "content": ""}),
    (ToolCallRequestEvent, {"content": [FunctionCall(id="1", name="f", arguments="{}")]}),
    (ToolCallExecutionEvent, {"content": [FunctionExecutionResult(content="1", name="f", call_id="1")]}),
    (ModelClientStreamingChunkEvent, {"content": "he", "full_message_id": "m1"}),
]


def made(kind: type[Any], fields: dict[str, Any]) -> Any:
    """A message of a class, unchecked, as `model_construct` and users' validators let it be."""
    values = {"id": "m1", "source": "ann", "models_usage": None, "metadata": {}, **fields}
    return kind.model_construct(**values)


NAMES = ("id", "source", "models_usage", "metadata")
changes = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(range(len(MADE))),
        "odd": st.dictionaries(st.integers(0, 5), odd, max_size=4),
        "inside": st.lists(odd, max_size=3),
        "raising": st.sets(st.integers(0, 5), max_size=2),
        "error": st.sampled_from([ValueError, Quit, RecursionError, AttributeError]),
    }
)


def hostile_message(change: dict[str, Any]) -> Any:
    """A message of one of AutoGen's classes of which some members are odd or raise."""
    kind, fields = MADE[change["kind"]]
    names = [*fields, *NAMES]
    values = {**fields, **{names[place % len(names)]: ODD[name]() for place, name in change["odd"].items()}}
    if change["inside"] and isinstance(fields.get("content"), list):
        values["content"] = [*fields["content"], *(ODD[name]() for name in change["inside"])]
    if change["raising"]:

        def member(self: Any) -> Any:
            raise change["error"]("no")

        kind = type("Raising", (kind,), {})
        for place in change["raising"]:
            type.__setattr__(kind, names[place % len(names)], property(member))
    return made(kind, values)


def check_said(events: Sequence[Any]) -> None:
    """Events fold into cells that every reader takes: the wire, a recording and all texts."""
    transcript = Transcript()
    for event in events:
        assert from_line(line(event).decode()) is not None
        transcript, _ = fold(transcript, event)
    for cell in transcript.cells:
        json.dumps(cell_whole(cell), allow_nan=False).encode("utf-8")
        assert type(cell.agent) is type(cell.text) is type(cell.type) is type(cell.path) is str


@settings(suppress_health_check=list(HealthCheck))
@given(changes)
def test_every_message_gives_an_event(change: dict[str, Any]) -> None:
    message = hostile_message(change)
    told: list[str] = []
    if isinstance(message, ModelClientStreamingChunkEvent):
        check_said([chunk_of(message, source_of(message), "ann", "t1")])
    check_said([event_of(message, "ann", "t1", True, tell=told.append)])
    assert all(isinstance(sentence, str) and len(sentence) < 20 * MAX_REPR_CHARS for sentence in told)
    assert isinstance(id_of(message), str)
    hash(id_of(message))


@pytest.mark.parametrize("name", ODD)
def test_any_object_that_a_team_yields_gives_an_event(name: str) -> None:
    check_said([event_of(ODD[name](), "ann", None, False)])


@given(st.lists(odd, max_size=4))
def test_every_value_has_a_json_form_and_a_text(names: list[str]) -> None:
    values = [ODD[name]() for name in names]
    for value in (values, {"in": values}, tuple(values), Loud.model_construct(thing=values)):
        json.dumps(json_form(value), allow_nan=False)
        assert type(words(value)) is str


def test_what_a_message_says_is_never_cut_and_what_we_say_of_it_is() -> None:
    long = "word " * 200_000
    assert event_of(TextMessage(content=long, source="ann"), "ann", None, True).text == long
    assert len(words(Huge())) < 2 * MAX_REPR_CHARS


class Value(BaseModel):
    png: bytes
    label: str


class Own(BaseTextChatMessage):
    """A user's message that cannot be shown."""

    def to_text(self) -> str:
        return endless()


class OwnEvent(BaseAgentEvent):
    """A user's event with a representation of another kind."""

    def to_text(self) -> str:
        return 42  # type: ignore[return-value]


def speakers() -> Any:
    value = StructuredMessage[Value](content=Value(png=b"\x89PNG\xff", label="dot"), source="ann")
    usage = TextMessage.model_construct(
        content="counted", source="ben", id="u1", models_usage=SimpleNamespace(prompt_tokens="many")
    )
    ann = Speaker(
        "ann", [OwnEvent(source="ann"), ThoughtEvent.model_construct(source="ann", id=[1], content=b"\xff")], value
    )
    ben = Speaker("ben", [], usage)
    cy = Speaker("cy", [], Own(content="what can be shown", source="cy"))
    return RoundRobinGroupChat(
        [ann, ben, cy], max_turns=3, custom_message_types=[StructuredMessage[Value], Own, OwnEvent]
    )


async def test_a_run_of_hostile_messages_ends_as_the_bare_one_does_and_shows_what_can_be_shown(tmp_path) -> None:
    bare = await speakers().run(task="go")
    stream = TeamStream(speakers(), record=tmp_path / "run.jsonl")
    result = await stream.run("go")
    assert [type(message) for message in result.messages] == [type(message) for message in bare.messages]
    assert result.stop_reason == bare.stop_reason
    cells = {cell.type: cell for cell in stream.transcript if cell.type}
    assert json.loads(cells["StructuredMessage[Value]"].text)["label"] == "dot"
    assert "could not be shown as text" in cells["OwnEvent"].text
    assert "could not be shown as text" in cells["Own"].text
    assert "what can be shown" in cells["Own"].text
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    assert any("StructuredMessage[Value] of ann" in notice for notice in notices)
    assert load_transcript(tmp_path / "run.jsonl").cells == stream.transcript.cells
    for suffix in SUFFIXES:
        export(stream.transcript, tmp_path / f"run{suffix}")
