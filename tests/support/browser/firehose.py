"""Ten agents that write at once, each two thousand tokens a second, and a page that counts what reaches it."""

from __future__ import annotations

import ast
import json
import re
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from playwright.sync_api import Browser, WebSocket, expect

from tests.support.browser.jupyter import Notebook, Server
from tests.support.browser.page_transcript import READER, READY, SHOWN, kernels

AGENTS, TOKENS_A_SECOND, TOKENS_A_PIECE = 10, 2000, 8
TOKEN = "token "
SENT = re.compile(rb'"date": ?"([^"]+)"')  # a message's own header comes before its parent's


def cells(seconds: float) -> Sequence[str]:
    """A notebook whose agents write for some seconds, in messages of a second each, eight tokens at a time."""
    pace = TOKENS_A_PIECE / TOKENS_A_SECOND
    turns = max(1, round(seconds))
    return (
        f"""
import asyncio, time
from autogen_agentchat.agents import BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import ModelClientStreamingChunkEvent, TextMessage
from autogen_agentchat.teams import DiGraphBuilder, GraphFlow
from nb_stream import TeamPanel
{READER}

class Writer(BaseChatAgent):
    '''Keeps to the clock, however late it is called.'''
    produced_message_types = (TextMessage,)

    async def on_messages(self, messages, cancellation_token):
        raise NotImplementedError

    async def on_messages_stream(self, messages, cancellation_token):
        begin, piece = time.perf_counter(), {TOKEN!r} * {TOKENS_A_PIECE}
        count = {turns * TOKENS_A_SECOND // TOKENS_A_PIECE}
        for number in range(count):
            late = begin + number * {pace} - time.perf_counter()
            await asyncio.sleep(max(0.0, late))
            yield ModelClientStreamingChunkEvent(source=self.name, content=piece)
        yield Response(chat_message=TextMessage(source=self.name, content=piece * count))

    async def on_reset(self, cancellation_token):
        pass

def team():
    writers = [Writer(f"agent{{n}}", "writes") for n in range({AGENTS})]
    start = Writer("start", "begins")
    start.on_messages_stream = nothing.__get__(start)
    builder = DiGraphBuilder().add_node(start)
    for writer in writers:
        builder.add_node(writer).add_edge(start, writer)
    return GraphFlow([start, *writers], builder.build())

async def nothing(self, messages, cancellation_token):
    yield Response(chat_message=TextMessage(source=self.name, content="Go."))

panel = TeamPanel(team())
display(panel, Reader(panel=panel))
""",
    )


class Figures(NamedTuple):
    """What a run cost: seconds from its start to its end, frames and bytes on the page's line, the most frames that the
    kernel sent within a second, by its own clock, and whether the server dropped anything."""

    seconds: float
    frames: int
    bytes: int
    most_in_a_second: int
    warned: bool

    def __str__(self) -> str:
        return (
            f"{self.seconds:.1f} s, {self.frames} frames ({self.frames / self.seconds:.1f} a second, at most "
            f"{self.most_in_a_second}), {self.bytes / 1e6:.2f} MB ({self.bytes / self.seconds / 1e3:.0f} kB a second)"
        )


def measure(
    server: Server, browser: Browser, name: str, seconds: float, throttle: Sequence[float] = (1,)
) -> list[Figures]:
    """Run it once for each throttling of the page's CPU; fails where the page does not end with the transcript."""
    server.write(name, cells(seconds))
    log = server.folder / "server.log"
    begin = log.stat().st_size
    book = Notebook(server, browser, name)
    sent: list[tuple[float, int]] = []

    def listen(line: WebSocket) -> None:
        def receive(payload: Any) -> None:
            data = payload if isinstance(payload, bytes) else payload.encode()
            if b'"ops":' in data and (date := SENT.search(data)):
                sent.append((datetime.fromisoformat(date[1].decode().replace("Z", "+00:00")).timestamp(), len(data)))

        line.on("framereceived", receive)

    book.page.on("websocket", listen)
    book.open()
    book.run(0)
    book.page.wait_for_function(READY, timeout=20_000)
    cdp = book.page.context.new_cdp_session(book.page)
    figures = []
    for run, rate in enumerate(throttle):
        cdp.send("Emulation.setCPUThrottlingRate", {"rate": rate})
        sent.clear()
        book.evaluate("globals().update(began=time.time()) or panel.start('Go') and None")
        expect(book.page.locator(".nbs-run-end").nth(run)).to_contain_text("done", timeout=(60 + 10 * seconds) * 1000)
        taken = float(book.evaluate("panel.transcript.runs[-1].ended_at - began"))
        deadline = time.monotonic() + 60
        while json.loads(book.page.evaluate(f"() => {SHOWN}")) != kernels(book):
            assert time.monotonic() < deadline, "the page does not end with the kernel's transcript"
            book.page.wait_for_timeout(500)
        most = max(sum(at <= other < at + 1 for other, _ in sent) for at, _ in sent)
        warned = "rate exceeded" in log.read_text()[begin:] or "rate exceeded" in book.output(0)
        figures.append(Figures(taken, len(sent), sum(size for _, size in sent), most, warned))
    length = ast.literal_eval(book.evaluate("[sum(len(c.text) for c in panel.transcript if c.agent != 'user')]"))[0]
    wanted = len(throttle) * (AGENTS * max(1, round(seconds)) * TOKENS_A_SECOND * len(TOKEN) + len("Go."))
    assert length == wanted, f"{length} characters, not {wanted}"
    assert book.errors == []
    book.close()
    return figures
