"""A ticked box changes when text is seen, and nothing else: whatever a server's stream looks like.

Each row is an oddity of some server that speaks OpenAI's protocol: what it streams, and the message that it gives
without streaming. A new one is one more row.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import CellKind, TeamStream
from tests.support.openai_client import client_of, messages_of
from tests.support.openai_server import OpenAIServer, Raw

Body = dict[str, Any]
DONE = "data: [DONE]\n\n"
USAGE = {"prompt_tokens": 7, "completion_tokens": 5, "total_tokens": 12}
TEXT = "Good morning, Oslo: é漢🦉."


def look(city: str = "nowhere") -> str:
    """Look at a city."""
    return f"Sunny in {city}."


def event(delta: Any = None, finish: Any = None, **more: Any) -> Body:
    """A piece of a stream as OpenAI sends it, with something changed."""
    choice = {"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish}
    frame = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "scripted"}
    return {**frame, "choices": [choice], **more}


def said(text: str = TEXT, size: int = 6, **more: Any) -> tuple[Body, ...]:
    """A text in pieces."""
    return tuple(event({"content": text[at : at + size]}, **more) for at in range(0, len(text), size))


STOP, USED = event(finish="stop"), event(choices=[], usage=USAGE)
END = (STOP, USED, DONE)


def call(city: str, index: Any = 0, id: Any = "call_1", name: Any = "look", **more: Any) -> Body:
    """A whole tool call in one part."""
    return {"index": index, "id": id, "function": {"name": name, "arguments": json.dumps({"city": city})}, **more}


def called(*cities: str, ids: tuple[str, ...] = ("call_1", "call_2"), content: str | None = None) -> Body:
    """The message that calls a tool for each of these cities."""
    calls = [
        {"id": id, "type": "function", "function": {"name": "look", "arguments": json.dumps({"city": city})}}
        for id, city in zip(ids, cities, strict=False)
    ]
    return {"role": "assistant", "content": content, "tool_calls": calls}


def parts(*functions: Body, **more: Any) -> tuple[Body, ...]:
    """The parts of one tool call, a piece each."""
    return tuple(event({"tool_calls": [{**more, "function": function}]}) for function in functions)


CALLED = event(finish="tool_calls")
CITY = json.dumps({"city": "Oslo"})
CUT = ({"name": "look", "arguments": ""}, {"arguments": CITY[:4]}, {"arguments": CITY[4:]})


@dataclass
class Row:
    """What a server streams, and what it gives without streaming."""

    events: tuple[Any, ...]
    message: Body | None = None
    finish: str | None = "stop"
    usage: Body | None = None
    content_type: str = "text/event-stream"
    refuses: str = ""
    note: str = "Streams"

    def raw(self) -> Raw:
        message = {"role": "assistant", "content": TEXT} if self.message is None else self.message
        frame = {"id": "x", "object": "chat.completion", "created": 1}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        usage = USAGE if self.usage is None else self.usage
        return Raw({**frame, "choices": [choice], "usage": usage or None}, self.events, self.content_type, self.refuses)


def sse(*bodies: Any, end: str = "\n") -> bytes:
    """Events as bytes, with these line ends."""
    lines = [f"data: {body if isinstance(body, str) else json.dumps(body)}{end}{end}" for body in bodies]
    return "".join(lines).encode()


def bytewise(data: bytes) -> tuple[bytes, ...]:
    return tuple(data[at : at + 1] for at in range(len(data)))


TWO = called("Oslo", "Rome")
ROWS = {
    "as OpenAI sends it": Row((event({"role": "assistant", "content": ""}), *said(), *END)),
    "a choice without delta": Row((*said(), event(choices=[{"index": 0, "finish_reason": None}]), *END)),
    "delta is null": Row((event(choices=[{"index": 0, "delta": None, "finish_reason": None}]), *said(), *END)),
    "Azure's filter comes first": Row((event(choices=[], prompt_filter_results=[{}], object=""), *said(), *END)),
    "choices are missing": Row(({"id": "x"}, *said(), {"object": ""}, *END)),
    "choices are null": Row((event(choices=None), *said(), event(choices=[None]), *END)),
    "null members": Row((event({"content": None, "tool_calls": None, "role": None, "refusal": None}), *said(), *END)),
    "no frame": Row(tuple({"choices": one["choices"]} for one in said()) + END),
    "no object": Row(tuple({**one, "object": None, "model": None, "id": None} for one in said()) + END),
    "only the role at first": Row((event({"role": "assistant"}), *said(), *END)),
    "text and tool call in one delta": Row(
        (event({"content": "I look.", "tool_calls": [call("Oslo")]}), CALLED, USED, DONE),
        called("Oslo", content="I look."),
        "tool_calls",
    ),
    "text behind a tool call": Row(
        (event({"tool_calls": [call("Oslo")]}), event({"content": "I look."}), CALLED, USED, DONE),
        called("Oslo", content="I look."),
        "tool_calls",
    ),
    "tool calls without index": Row(
        (
            event({"tool_calls": [call("Oslo", None)]}),
            event({"tool_calls": [call("Rome", None, "call_2")]}),
            CALLED,
            USED,
            DONE,
        ),
        TWO,
        "tool_calls",
    ),
    "tool calls without index in one delta": Row(
        (event({"tool_calls": [call("Oslo", None), call("Rome", None, "call_2")]}), CALLED, USED, DONE),
        TWO,
        "tool_calls",
    ),
    "a tool call without index in parts": Row(
        (*parts(*CUT[:1], id="call_1"), *parts(*CUT[1:]), CALLED, USED, DONE), called("Oslo"), "tool_calls"
    ),
    "all tool calls have index 0": Row(
        (event({"tool_calls": [call("Oslo")]}), event({"tool_calls": [call("Rome", 0, "call_2")]}), CALLED, USED, DONE),
        TWO,
        "tool_calls",
    ),
    "the index begins with 1": Row(
        (event({"tool_calls": [call("Oslo", 1), call("Rome", 2, "call_2")]}), CALLED, USED, DONE), TWO, "tool_calls"
    ),
    "parallel calls with one id": Row(
        (event({"tool_calls": [call("Oslo")]}), event({"tool_calls": [call("Rome", 1)]}), CALLED, USED, DONE),
        called("Oslo", "Rome", ids=("call_1", "call_1")),
        "tool_calls",
    ),
    "parallel calls with one id and no index": Row(
        (event({"tool_calls": [call("Oslo", None)]}), event({"tool_calls": [call("Rome", None)]}), CALLED, USED, DONE),
        called("Oslo", "Rome", ids=("call_1", "call_1")),
        "tool_calls",
    ),
    "parallel calls in turns": Row(
        (
            event({"tool_calls": [{"index": 0, "id": "call_1", "function": CUT[0]}]}),
            event({"tool_calls": [{"index": 1, "id": "call_2", "function": CUT[0]}]}),
            event({"tool_calls": [{"index": 1, "function": {"arguments": '{"city": '}}]}),
            event({"tool_calls": [{"index": 0, "function": {"arguments": CITY}}]}),
            event({"tool_calls": [{"index": 1, "function": {"arguments": '"Rome"}'}}]}),
            CALLED,
            USED,
            DONE,
        ),
        TWO,
        "tool_calls",
    ),
    "id and name in every part": Row(
        (*parts(*({**one, "name": "look"} for one in CUT), index=0, id="call_1"), CALLED, USED, DONE),
        called("Oslo"),
        "tool_calls",
    ),
    "a new id in every part": Row(
        (
            *parts(CUT[0], index=0, id="call_1"),
            *parts(CUT[1], index=0, id="a"),
            *parts(CUT[2], index=0, id="b"),
            CALLED,
            USED,
            DONE,
        ),
        called("Oslo"),
        "tool_calls",
    ),
    "the whole call once more": Row(
        (*parts(*CUT, index=0, id="call_1"), event({"tool_calls": [call("Oslo")]}), CALLED, USED, DONE),
        called("Oslo"),
        "tool_calls",
    ),
    "arguments as an object": Row(
        (*parts({"name": "look", "arguments": {"city": "Oslo"}}, index=0, id="call_1"), CALLED, USED, DONE),
        called("Oslo"),
        "tool_calls",
    ),
    "null in a tool call": Row(
        (
            event({"content": None, "tool_calls": [None]}),
            *parts(CUT[0], index=0, id="call_1"),
            event({"tool_calls": [{"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": CITY}}]}),
            event({"tool_calls": [{"index": 0, "function": {"name": None, "arguments": None}}]}),
            event({"tool_calls": [{"index": 0, "function": None}]}),
            CALLED,
            USED,
            DONE,
        ),
        called("Oslo"),
        "tool_calls",
    ),
    "no tool calls": Row((*said(tool_calls=[]), event({"content": "", "tool_calls": []}), *END)),
    "stop although it calls a tool": Row((event({"tool_calls": [call("Oslo")]}), *END), called("Oslo"), "stop"),
    "a name that AutoGen corrects": Row(
        (event({"tool_calls": [call("Oslo", name="look.at")]}), CALLED, USED, DONE),
        {**called(), "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": "look.at", "arguments": CITY}}]},
        "tool_calls",
    ),
    "length beside usage": Row((*said(), event(finish="length", usage=USAGE), DONE), finish="length"),
    "length in the last text": Row((*said(TEXT[:-1]), event({"content": "."}, "length"), USED, DONE), finish="length"),
    "content filter": Row((*said(), event(finish="content_filter"), USED, DONE), finish="content_filter"),
    "finish reason empty in each chunk": Row(
        (*tuple(event({"content": one}, "") for one in (TEXT[:9], TEXT[9:])), event(finish="stop"), USED, DONE)
    ),
    "finish reason always empty": Row((event({"content": TEXT}, ""), event({}, "", usage=USAGE), DONE), finish=""),
    "an unknown finish reason": Row((*said(), event(finish="eos"), USED, DONE), finish="eos"),
    "a finish reason in capitals": Row((*said(), event(finish="STOP"), USED, DONE), finish="STOP"),
    "no finish reason": Row((*said(), USED, DONE), finish=None),
    "the finish reason twice": Row((*said(), event(finish="length"), event(finish="stop"), USED, DONE), finish="length"),
    "finish reason beside text": Row((event({"content": TEXT}, "stop", usage=USAGE), DONE)),
    "usage in the first chunk": Row((event({"role": "assistant"}, usage=USAGE), *said(usage=None), STOP, DONE)),
    "usage in every chunk": Row((*said(usage={**USAGE, "completion_tokens": 2}), event(finish="stop", usage=USAGE), DONE)),
    "zeros in every other chunk": Row(
        (*said(usage={"prompt_tokens": 0, "completion_tokens": 0}), STOP, USED, event(usage={"prompt_tokens": 0}), DONE)
    ),
    "an empty chunk behind the usage": Row((*said(), STOP, USED, event(choices=[]), event(choices=[], usage=None), DONE)),
    "usage beside an empty choice": Row((*said(), STOP, event({}, usage=USAGE), DONE)),
    "usage in parts": Row(
        (event({}, usage={"prompt_tokens": 7, "completion_tokens": None}), *said(), event(finish="stop", usage={"completion_tokens": 5}), DONE)
    ),
    "usage where Groq has it": Row((*said(), event(finish="stop", x_groq={"usage": USAGE}), DONE)),
    "no usage": Row((*said(), STOP, DONE), usage={}),
    "stream_options refused": Row((*said(), STOP, DONE), usage={}, refuses="stream_options"),
    "streaming refused": Row((), refuses="stream", note="Its model's server refuses to stream. Its messages come whole."),
    "a refusal": Row(
        (event({"refusal": "I can"}), event({"refusal": "not."}), *END),
        {"role": "assistant", "content": None, "refusal": "I cannot."},
    ),
    "two choices": Row(
        (*(event(choices=[{"index": 1, "delta": {"content": "No."}}, one["choices"][0]]) for one in said()), *END)
    ),
    "choices in turns": Row(
        tuple(event(choices=[{"index": n, "delta": {"content": text}}]) for text, n in (("No", 1), (TEXT, 0), ("!", 1))) + END
    ),
    "the index of the choice is null": Row((*(event(choices=[{"index": None, "delta": {"content": TEXT}}]),), *END)),
    "a message in the place of a delta": Row((event(choices=[{"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}]), USED, DONE)),
    "comments": Row((": PROCESSING\n\n", *said(), ": keep-alive\n\n", "event: ping\ndata: \n\n", "id: 3\nretry: 10\n\n", *END)),
    "CRLF": Row((sse(*said(), STOP, USED, "[DONE]", end="\r\n"),)),
    "CR": Row((sse(*said(), STOP, USED, "[DONE]", end="\r"),)),
    "letters cut over chunks": Row(bytewise(sse(event({"content": TEXT}), STOP, USED, "[DONE]"))),
    "letters as they are": Row((f"data: {json.dumps(event({'content': TEXT}), ensure_ascii=False)}\n\n", *END)),
    "no space behind data": Row((*(f"data:{json.dumps(one)}\n\n" for one in said()), *END)),
    "no end": Row((*said(), STOP, USED)),
    "more behind the end": Row((*said(), *END, "data: [DONE]\n\n")),
    "one piece of JSON": Row((json.dumps({"choices": [{"index": 0, "message": {"content": TEXT}, "finish_reason": "stop"}], "usage": USAGE}),), content_type="application/json"),
    "events as JSON by name": Row((*said(), *END), content_type="application/json"),
    "nothing at all": Row((DONE,)),
    "a thought": Row(
        (event({"reasoning_content": "the kind "}), event({"reasoning_content": "thought"}), *said(), *END),
        {"content": TEXT, "reasoning_content": "the kind thought"},
    ),
    "a bare delta amid the thought": Row(
        (event({"reasoning_content": "First "}), event({}), event({"role": "assistant"}), event({"reasoning_content": "second"}), *said(), *END),
        {"content": TEXT, "reasoning_content": "First second"},
    ),
    "an empty thought beside content": Row(
        (event({"content": "", "reasoning_content": "Hm."}), *(event({**one["choices"][0]["delta"], "reasoning_content": ""}) for one in said()), *END),
        {"content": TEXT, "reasoning_content": "Hm."},
    ),
    "a thought and text in one delta": Row(
        (event({"content": "", "reasoning_content": "Hm."}), event({"content": TEXT, "reasoning_content": " So."}), *END),
        {"content": TEXT, "reasoning_content": "Hm. So."},
    ),
    "a second thought": Row(
        (event({"reasoning_content": "First."}), event({"content": TEXT[:9]}), event({"reasoning_content": "Second."}), event({"content": TEXT[9:]}), *END),
        {"content": TEXT, "reasoning_content": "First.Second."},
    ),
    "a thought with marks in it": Row(
        (event({"reasoning_content": "It is </think> that"}), event({"reasoning_content": " ends <think>."}), *said(), *END),
        {"content": TEXT, "reasoning_content": "It is </think> that ends <think>."},
    ),
    "a thought before a tool call": Row(
        (event({"reasoning_content": "Hm."}), event({"tool_calls": [call("Oslo")]}), CALLED, USED, DONE),
        {**called("Oslo"), "reasoning_content": "Hm."},
        "tool_calls",
    ),
    "only a thought": Row(
        (event({"reasoning_content": "Hm."}), event({"content": ""}), *END), {"content": "", "reasoning_content": "Hm."}
    ),
    "the thought under its new name": Row(
        (event({"reasoning": "Hm."}), event({"reasoning": " So."}), *said(), *END), {"content": TEXT, "reasoning": "Hm. So."}
    ),
    "the thought under both names": Row(
        (event({"reasoning": "Hm.", "reasoning_content": "Hm."}), *said(), *END),
        {"content": TEXT, "reasoning": "Hm.", "reasoning_content": "Hm."},
    ),
    "only a thought under its new name": Row((event({"reasoning": "Hm."}), *END), {"content": None, "reasoning": "Hm."}),
    "a thought that its template opened": Row((*said(f"Hm.</think>\n\n{TEXT}"), *END), {"content": f"Hm.</think>\n\n{TEXT}"}),
    "a thought in the text": Row((*said(f"<think>Hm.</think>\n\n{TEXT}"), *END), {"content": f"<think>Hm.</think>\n\n{TEXT}"}),
    "nothing that the panel marks with": Row((*said("\ufdd0x\ufdd1y"), *END), {"content": "\ufdd0x\ufdd1y"}),
}  # fmt: skip
NAMES = pytest.mark.parametrize("name", ROWS)


@dataclass
class Outcome:
    messages: list[Any]
    notices: list[str]
    cells: list[Any]
    note: str
    tokens: str


def agent_on(server: OpenAIServer, **options: Any) -> AssistantAgent:
    asks = {"stream_options": {"include_usage": True}} if options.get("model_client_stream") else {}
    return AssistantAgent("ann", client_of(server, **asks), tools=[look], **options)


async def outcome(row: Row, built: bool, on: bool) -> Outcome:
    with OpenAIServer(lambda _: row.raw()) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        stream = TeamStream(RoundRobinGroupChat([agent_on(server, model_client_stream=built)], max_turns=1))
        stream.switches["ann"] = on
        tokens: list[str] = []
        stream.on_token(lambda token: tokens.append(token.text)) if on else None
        result = await stream.run("go")
    cells = [(cell.kind.value, cell.text) for cell in stream.transcript if cell.agent == "ann"]
    notices = [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE]
    return Outcome(messages_of(result), notices, cells, stream.note("ann"), "".join(tokens))


@NAMES
async def test_a_box_and_how_an_agent_was_built_make_no_difference(name: str) -> None:
    row = ROWS[name]
    with OpenAIServer(lambda _: row.raw()) as server, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        bare = messages_of(await RoundRobinGroupChat([agent_on(server)], max_turns=1).run(task="go"))
    off, on = await outcome(row, False, False), await outcome(row, False, True)
    assert off.messages == on.messages == bare
    assert off.notices == on.notices
    assert on.note.startswith(row.note)
    if row.note != "Streams" or not row.events[:-1]:
        return  # nothing streams here, so bare AutoGen fails as well where an agent was built to
    built = await outcome(row, True, True)
    assert built.messages == bare
    assert built.notices == on.notices
    assert built.cells == on.cells
    assert built.tokens == on.tokens
    thoughts = [text for kind, text in on.cells if kind == "thought"]
    if not any(word in name for word in ("new name", "before a tool call")):  # AutoGen reports no thought there
        assert on.cells == off.cells
    else:
        assert thoughts == ["Hm. So."] if name == "the thought under its new name" else ["Hm."]
