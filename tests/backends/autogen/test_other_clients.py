"""Clients that are not OpenAI's: what they stream is what they answer, whether the box is ticked or not."""

from __future__ import annotations

import json
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core.models import ModelInfo
from autogen_ext.models.anthropic import AnthropicChatCompletionClient
from autogen_ext.models.ollama import OllamaChatCompletionClient
from autogen_ext.models.replay import ReplayChatCompletionClient

from nb_stream import CellKind, TeamStream
from tests.support.openai_client import messages_of

INFO = ModelInfo(vision=False, function_calling=True, json_output=True, structured_output=True, family="unknown")


@contextmanager
def server(whole: Any, events: Sequence[str]) -> Iterator[str]:
    """Answers each request with `whole`, or with `events` if it asks for a stream."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            said = "".join(events) if body.get("stream") else json.dumps(whole)
            self.send_response(200)
            kind = "text/event-stream" if said.startswith("event") else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(said.encode())))
            self.end_headers()
            self.wfile.write(said.encode())

        def log_message(self, *_: Any) -> None: ...

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{http.server_address[1]}"
    finally:
        http.shutdown()
        thread.join()
        http.server_close()


def look(city: str) -> str:
    """Look at a city."""
    return f"Sunny in {city}."


async def run(client: Any, built: bool, on: bool) -> tuple[list[Any], list[Any], str, str]:
    """What the team gives, the cells, the tokens and the note."""
    agent = AssistantAgent("ann", client, model_client_stream=built, tools=[look])
    stream = TeamStream(RoundRobinGroupChat([agent], max_turns=1))
    stream.switches["ann"] = on
    tokens: list[str] = []
    remove = stream.on_token(lambda token: tokens.append(token.text)) if on else None
    result = await stream.run("go")
    note = stream.note("ann")
    if remove is not None:
        remove()
    cells = [(cell.kind.value, cell.text) for cell in stream.transcript if cell.agent == "ann"]
    return messages_of(result), cells, "".join(tokens), note


async def same(make: Any) -> tuple[list[Any], list[Any], str]:
    """The messages, cells and tokens, which are the same in all ways to run an agent."""
    bare = messages_of(
        await RoundRobinGroupChat([AssistantAgent("ann", make(), tools=[look])], max_turns=1).run(task="go")
    )
    off, on, built = await run(make(), False, False), await run(make(), False, True), await run(make(), True, True)
    assert off[0] == on[0] == built[0] == bare
    assert on[1] == built[1]
    assert on[2] == built[2]
    return bare, on[1], on[2]


# --- Ollama -----------------------------------------------------------------------------------------------------------


def ollama(*messages: Any, **more: Any) -> list[str]:
    counts = {"prompt_eval_count": 7, "eval_count": 5, "done_reason": "stop", **more}
    frame = {"model": "m", "created_at": "2024-01-01T00:00:00Z"}
    last = len(messages) - 1
    return [
        json.dumps(
            {**frame, "message": {"role": "assistant", **message}, "done": n == last, **(counts if n == last else {})}
        )
        + "\n"
        for n, message in enumerate(messages)
    ]


CALL = {"function": {"name": "look", "arguments": {"city": "Oslo"}}}
OLLAMA = {
    "one piece": ([{"content": "Good morning."}], {"content": "Good morning."}),
    "two pieces": ([{"content": "Good "}, {"content": "morning."}, {"content": ""}], {"content": "Good morning."}),
    "a call": ([{"content": "", "tool_calls": [CALL]}, {"content": ""}], {"content": "", "tool_calls": [CALL]}),
    "a call in one piece": (
        [{"content": "I look.", "tool_calls": [CALL]}],
        {"content": "I look.", "tool_calls": [CALL]},
    ),
    "a thought": ([{"content": "", "thinking": "Hm."}, {"content": "Yes."}], {"content": "Yes.", "thinking": "Hm."}),
}


@pytest.mark.parametrize("name", OLLAMA)
async def test_ollama_answers_alike_in_all_ways(name: str) -> None:
    pieces, whole = OLLAMA[name]
    with server(json.loads(ollama(whole)[0]), ollama(*pieces)) as url:
        _, cells, tokens = await same(lambda: OllamaChatCompletionClient(model="m", host=url, model_info=INFO))
    if name == "a thought":
        assert cells == [("thought", "Hm."), ("text", "Yes.")]
        assert tokens == "<think>Hm.</think>Yes."
    elif "piece" in name and "call" not in name:
        assert cells == [("text", "Good morning.")]


# --- Anthropic --------------------------------------------------------------------------------------------------------


def anthropic(*blocks: Any, reason: str = "end_turn") -> tuple[Any, list[str]]:
    """An answer of these blocks, whole and as a stream in pieces of four letters."""
    frame = {"id": "m", "type": "message", "role": "assistant", "model": "claude", "stop_sequence": None}
    whole = {**frame, "content": blocks, "stop_reason": reason, "usage": {"input_tokens": 7, "output_tokens": 5}}
    start = {**frame, "content": [], "stop_reason": None, "usage": {"input_tokens": 7, "output_tokens": 1}}
    events: list[Any] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(blocks):
        key, delta = {"text": ("text", "text_delta"), "thinking": ("thinking", "thinking_delta")}.get(
            block["type"], ("partial_json", "input_json_delta")
        )
        text = json.dumps(block["input"]) if key == "partial_json" else block[key]
        empty = {**block, "input": {}} if key == "partial_json" else {**block, key: ""}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        for at in range(0, len(text), 4):
            events.append(
                {"type": "content_block_delta", "index": index, "delta": {"type": delta, key: text[at : at + 4]}}
            )
        events.append({"type": "content_block_stop", "index": index})
    delta = {"stop_reason": reason, "stop_sequence": None}
    events += [{"type": "message_delta", "delta": delta, "usage": {"output_tokens": 5}}, {"type": "message_stop"}]
    return whole, [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events]


THOUGHT = {"type": "thinking", "thinking": "They want a greeting.", "signature": "s"}
GREETING = {"type": "text", "text": "Good morning", "citations": None}
ANTHROPIC = {
    "text": ([GREETING], "end_turn"),
    "a thought": ([THOUGHT, GREETING], "end_turn"),
    "a second thought": ([THOUGHT, GREETING, THOUGHT, GREETING], "end_turn"),
    "a call": ([THOUGHT, {"type": "tool_use", "id": "t1", "name": "look", "input": {"city": "Oslo"}}], "tool_use"),
    "cut short": ([GREETING], "max_tokens"),
    "only a thought": ([THOUGHT], "end_turn"),
}


@pytest.mark.parametrize("name", ANTHROPIC)
async def test_claude_answers_alike_in_all_ways_and_its_thoughts_stand_apart(name: str) -> None:
    blocks, reason = ANTHROPIC[name]
    whole, events = anthropic(*blocks, reason=reason)
    with server(whole, events) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, cells, tokens = await same(
            lambda: AnthropicChatCompletionClient(model="claude", api_key="k", base_url=url, model_info=INFO)
        )
    if name == "a thought":
        assert cells == [("thought", "They want a greeting."), ("text", "Good morning")]
        assert tokens == "<think>They want a greeting.</think>Good morning"
    elif name == "a second thought":
        assert cells == [("thought", "They want a greeting." * 2), ("text", "Good morning" * 2)]


# --- others -----------------------------------------------------------------------------------------------------------


class Whole(ReplayChatCompletionClient):
    """A client that cannot stream."""

    def create_stream(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


class Coroutine(Whole):
    async def create_stream(self, *args: Any, **options: Any) -> Any:
        raise NotImplementedError


class Late(Whole):
    async def create_stream(self, *args: Any, **options: Any) -> Any:
        if options:
            raise NotImplementedError
        yield ""


class Mute(ReplayChatCompletionClient):
    """A client that streams and gives no result."""

    async def create_stream(self, *args: Any, **options: Any) -> Any:
        yield "Good "
        yield "morning."


@pytest.mark.parametrize("kind", [Whole, Coroutine, Late])
async def test_a_client_that_cannot_stream_answers_whole_and_its_row_says_so(kind: Any) -> None:
    messages, cells, _, note = await run(kind(["Good morning."], model_info=INFO), False, True)
    assert cells == [("text", "Good morning.")]
    assert messages[-1]["content"] == "Good morning."
    assert note == "Its model client cannot stream. Its messages come whole."


async def test_a_stream_without_a_result_is_what_it_said() -> None:
    messages, _, tokens, _ = await run(Mute(["Good morning."], model_info=INFO), False, True)
    assert messages[-1]["content"] == tokens == "Good morning."


async def test_an_answer_that_is_all_thought_says_so() -> None:
    whole, events = anthropic(THOUGHT)
    with server(whole, events) as url, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = AnthropicChatCompletionClient(model="claude", api_key="k", base_url=url, model_info=INFO)
        stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client)], max_turns=1))
        await stream.run("go")
    assert [cell.text for cell in stream.transcript if cell.kind is CellKind.NOTICE] == [
        "The answer of ann is empty: its model has only thought."
    ]
    assert [cell.data for cell in stream.transcript if cell.kind is CellKind.TEXT][-1] == {"only_thought": True}
