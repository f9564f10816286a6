"""The second transport, a host of AutoGen's distributed runtime: what breaks there, and that it does not break here.

Host, worker and viewers are processes of their own on 127.0.0.1, and are killed.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import gc
import random
import socket
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from autogen_core import BaseAgent, TopicId, TypeSubscription, try_get_known_serializers_for_type
from autogen_ext.runtimes.grpc import GrpcWorkerAgentRuntime

from nb_stream import CellStatus, Remote, RunState, TeamStream
from nb_stream.__main__ import main
from nb_stream.errors import AlreadyRunningError, RemoteError, RemoteRunError
from nb_stream.remote import grpc as remote_grpc
from nb_stream.remote.grpc import NEXT, GrpcTransport, team_mailbox, viewer_mailbox
from nb_stream.remote.grpc_link import PAGE_BYTES, Link, Page, PageCollector, hosting, pages_of
from nb_stream.remote.protocol import MAX_COMMAND_BYTES, SILENCE_S
from nb_stream.serve import grpc as serve_grpc
from nb_stream.serve import limits
from nb_stream.serve.worker import Worker
from tests.support import served_teams
from tests.support.cut_line import CutLine
from tests.support.grpc_host import GrpcHost
from tests.support.paths import ROOT
from tests.support.remote_worker import TOKEN, RemoteWorker, served
from tests.support.served_teams import SECRET, TEXT
from tests.support.wait_until import until

MEMBERS = [TEXT, SECRET]
LARGE = base64.b64encode(random.Random(0).randbytes(3_800_000)).decode()
"""A text of 5 MB that cannot be compressed below 4 MB, which is what gRPC lets through."""


@pytest.fixture(scope="module")
def host() -> Iterator[GrpcHost]:
    """Somebody else's host."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    made = GrpcHost(port)
    yield made
    made.kill()


@pytest.fixture(scope="module")
def pair(host: GrpcHost) -> Iterator[RemoteWorker]:
    """A worker at that host."""
    with served("pair", "--grpc", "--join", "--port", str(host.port)) as worker:
        yield worker


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection is found out sooner; a worker sends a sign of life each two seconds."""
    assert SILENCE_S > 3
    monkeypatch.setattr(remote_grpc, "SILENCE_S", 2.5)


class Here:
    """A worker in this process, at a host of its own."""

    def __init__(self, worker: Worker, address: str) -> None:
        self.worker, self.address = worker, address
        self.remote = Remote(f"grpc://{address}/team", token=TOKEN)


@pytest.fixture
async def here() -> AsyncIterator[Here]:
    worker, end, ready = Worker.of(served_teams.pair(), {}), asyncio.Event(), asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
    serving = asyncio.ensure_future(
        serve_grpc.serve_at_host(worker, TOKEN, address, "team", own=True, ready=ready.set, end=end)
    )
    await asyncio.wait_for(ready.wait(), 30)
    yield Here(worker, address)
    end.set()
    await asyncio.wait_for(serving, 30)


class Stranger:
    """Somebody at the host without the token. It hears what is said to some mailboxes, and may say anything."""

    def __init__(self) -> None:
        self.heard: list[Page] = []

    @contextlib.asynccontextmanager
    async def at(self, address: str, *mailboxes: str) -> AsyncIterator[Stranger]:
        heard = self.heard

        class Ear(BaseAgent):
            async def on_message_impl(self, message: Any, ctx: Any) -> None:
                heard.append(message)

        self.runtime = GrpcWorkerAgentRuntime(address)
        self.runtime.add_message_serializer(try_get_known_serializers_for_type(Page))
        await self.runtime.start()
        name = f"stranger_{uuid.uuid4().hex}"
        await self.runtime.register_factory(name, lambda: Ear("hears"))
        for mailbox in mailboxes:
            await self.runtime.add_subscription(TypeSubscription(f"nb_stream.{mailbox}", name))
        yield self
        await self.runtime.stop()

    async def say(self, mailbox: str, page: Page) -> None:
        await self.runtime.publish_message(page, TopicId(f"nb_stream.{mailbox}", "default"))


# --- what is watched and done ----------------------------------------------------------------------------------------


async def test_two_viewers_get_all_and_a_late_one_too(pair: RemoteWorker) -> None:
    first, second = TeamStream(pair.remote), TeamStream(pair.remote)
    heard: list[str] = []
    first.on_token(lambda token: heard.append(token.text))
    await first.ready()
    await second.ready()
    run = first.start("Write.")
    await until(lambda: second.transcript.live_cells and first.transcript.live_cells)
    with pytest.raises(AlreadyRunningError, match=run.id):
        second.start("Write too.")
    second.switches["bob"] = False
    await until(lambda: not first.switches["bob"])
    second.switches["bob"] = True
    result = await run
    assert [message.content for message in result.messages[1:]] == MEMBERS
    assert "".join(heard) == TEXT + SECRET
    await until(lambda: second.state is RunState.IDLE)
    late = TeamStream(pair.remote)
    await late.ready()
    assert late.transcript == second.transcript == first.transcript
    assert len(late.transcript.cells) == 3


async def test_pages_keep_their_order(host: GrpcHost) -> None:
    """A mailbox that waited for something would mix them up: the runtime begins a task for each."""
    got: list[int] = []
    address = f"127.0.0.1:{host.port}"
    here = await Link.open(address, "viewer.order", lambda page: got.append(page.number))
    there = await Link.open(address, "viewer.other", lambda page: None)
    for number in range(2000):
        for page in pages_of(b"x", "order", NEXT, number):
            await there.send("viewer.order", page)
    await until(lambda: len(got) == 2000)
    assert got == list(range(2000))
    for link in (here, there):
        await link.close()


async def test_a_viewer_that_asks_for_nothing_is_owed_one_batch(here: Here) -> None:
    """However much the team says. What is published unasked would wait in queues without a bound."""
    viewer = GrpcTransport(here.remote)
    batches = viewer.follow(None)
    await anext(batches)
    assert viewer._line is not None
    async with Stranger().at(here.address, viewer_mailbox(viewer._line._viewer)) as listening:
        await here.worker.stream.run("Begin.")
        assert len(here.worker.journal) > 10
        assert listening.heard == []
        await anext(batches)
        await until(lambda: listening.heard)
        assert len(listening.heard) == 1
    await batches.aclose()
    await viewer.close()


async def test_five_megabytes_go_there_and_come_back(pair: RemoteWorker) -> None:
    """gRPC's limit silences whoever gets more than 4 MB in one message, and the host has it too."""
    stream = TeamStream(pair.remote)
    result = await stream.run(LARGE)
    assert result.messages[0].content == LARGE
    assert [message.content for message in result.messages[1:]] == MEMBERS
    late = TeamStream(pair.remote)
    await late.ready()
    assert late.transcript.cells[-3].text == LARGE


# --- what breaks -----------------------------------------------------------------------------------------------------


async def test_a_viewer_that_was_cut_off_ends_with_the_workers_transcript(pair: RemoteWorker, host: GrpcHost) -> None:
    line = CutLine(host.port)
    async with line.running() as url:
        stream = TeamStream(Remote(url.replace("http", "grpc") + "/pair", token=TOKEN))
        heard: list[str] = []
        stream.on_token(lambda token: heard.append(token.text))
        await stream.ready()
        run = stream.start("Write.")
        await until(lambda: heard)
        line.open = False
        line.cut()
        await until(lambda: stream.detail.startswith("Not connected, trying again."))
        direct = TeamStream(pair.remote)
        await direct.ready()
        await until(lambda: direct.state is RunState.IDLE)  # it ran to its end without that viewer
        assert not run.done()
        line.open = True
        await run
        assert "".join(heard) == TEXT + SECRET
        assert stream.transcript == direct.transcript


async def test_the_host_is_killed_and_started_anew_in_mid_run(pair: RemoteWorker, host: GrpcHost) -> None:
    """The worker joins it again, and so does the viewer: the run went on, and nothing is missing."""
    stream = TeamStream(pair.remote)
    heard: list[str] = []
    stream.on_token(lambda token: heard.append(token.text))
    await stream.ready()
    run = stream.start("Write.")
    await until(lambda: heard)
    host.kill()
    await until(lambda: "Not connected" in stream.detail)
    host.start()
    result = await run
    assert [message.content for message in result.messages[1:]] == MEMBERS
    assert "".join(heard) == TEXT + SECRET
    assert stream.transcript.runs[-1].status is CellStatus.DONE
    late = TeamStream(pair.remote)
    await late.ready()
    assert late.transcript == stream.transcript


async def test_the_worker_is_killed_and_started_anew(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    await stream.ready()
    run = stream.start("Write.")
    await until(lambda: stream.transcript.live_cells)
    pair.restart()
    with pytest.raises(RemoteRunError, match="started anew"):
        await run
    assert stream.transcript.runs[-1].status is CellStatus.FAILED
    result = await stream.run("Again.")
    assert [message.content for message in result.messages[1:]] == MEMBERS


async def test_a_worker_ends_with_its_host_and_grpc_writes_nothing_of_it_here(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with served("pair", "--grpc") as worker:
        stream = TeamStream(worker.remote)
        await stream.ready()
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, 20) == 0
        await until(lambda: "Not connected" in stream.detail)
    assert "goaway" not in capfd.readouterr().err


async def test_a_link_whose_host_is_gone_leaves_nothing_behind() -> None:
    """No task that reads for ever, and none that is thrown away while it waits, which Python would complain of."""
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
    async with hosting(address):
        link = await Link.open(address, "viewer.left", lambda page: None)
    assert isinstance(link._runtime._read_task, asyncio.Task)  # a private name of autogen-ext 0.7.5
    await until(link._runtime._host_connection._connection_task.done)  # it has noticed, and says nothing
    await link.close()
    await until(lambda: len(asyncio.all_tasks()) == 1)
    del link
    gc.collect()
    assert complaints == []


# --- who is kept out -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "says"), [("", "token is missing"), ("a-wrong-token-of-the-tests", "not the worker's")]
)
async def test_without_the_token_nothing_is_seen(here: Here, token: str, says: str) -> None:
    stream = TeamStream(Remote(here.remote.url, token=token))
    with pytest.raises(RemoteError, match=says):
        await stream.ready()
    with pytest.raises(RemoteError, match=says):
        await stream.run("Write.")
    assert stream.agents == ()
    assert here.worker.stream.current is None


async def test_the_pages_of_a_stranger_do_nothing(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody at the host hears all, and may send it again, changed or as it was, in this connection or another."""
    carried: list[Any] = []
    command = Worker.command

    async def counted(worker: Worker, values: object) -> dict[str, Any]:
        carried.append(values)
        return await command(worker, values)

    monkeypatch.setattr(Worker, "command", counted)
    stream = TeamStream(here.remote)
    await stream.ready()
    assert isinstance(stream._supervisor._connection._transport, GrpcTransport)
    line = stream._supervisor._connection._transport._line
    assert line is not None
    mine = viewer_mailbox(line._viewer)
    async with Stranger().at(here.address, team_mailbox("team"), mine) as stranger:
        stream.switches["ann"] = False
        await until(lambda: len(carried) == 1)
        await until(lambda: {page.lane for page in stranger.heard} >= {"command", "next"})
        before = [page for page in stranger.heard if page.viewer == line._viewer]
        assert TOKEN not in "".join(page.text + page.proof for page in before)
        forged = next(
            pages_of(b'answered\n{"v":1,"epoch":"x","n":0,"first":0,"head":0,"version":0}', line._viewer, "next", 0)
        )
        for page in before:
            other = {"number": page.number + 1000}
            for again in (page, page.model_copy(update=other), forged.model_copy(update=other | {"lane": page.lane})):
                await stranger.say(team_mailbox("team"), again)
                await stranger.say(mine, again)
        for number in range(line._number, line._number + 50):
            await stranger.say(mine, forged.model_copy(update={"number": number}))
        asked = here.worker.stream.transcript
        stream.switches["ann"] = True
        await until(lambda: len(carried) == 2)
        await until(lambda: here.worker.stream.switches["ann"])
        assert (await stream.run("Write.")).messages[-1].content == SECRET
        assert len(carried) == 3
        assert asked.cells == ()
        assert stream._supervisor._connection.reconnects == 0


async def test_commands_come_at_a_bounded_rate(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "COMMANDS_PER_S", 0.0)
    viewer = GrpcTransport(here.remote)
    for _ in range(limits.COMMAND_BURST):
        await viewer.send({"type": "cancel", "id": uuid.uuid4().hex})
    with pytest.raises(remote_grpc.RefusedError, match="commands a second") as refused:
        await viewer.send({"type": "cancel", "id": uuid.uuid4().hex})
    assert refused.value.retry
    await viewer.close()


async def test_viewers_that_are_gone_are_forgotten(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_grpc, "IDLE_S", 0.3)
    viewer = GrpcTransport(here.remote)
    batches = viewer.follow(None)
    await anext(batches)
    assert len(here.worker._viewers) == 1
    await until(lambda: not here.worker._viewers)
    await batches.aclose()
    await viewer.close()


def test_a_text_that_is_too_large_is_taken_no_further() -> None:
    """Neither many pages nor a page that would unpack to more."""
    (bomb,) = pages_of(b" " * (MAX_COMMAND_BYTES + 1), "v", "command", 1)
    assert len(bomb.text) < PAGE_BYTES
    collector = PageCollector(MAX_COMMAND_BYTES)
    with pytest.raises(ValueError, match="more than 8,000,000 bytes"):
        collector.add(bomb)
    many = Page(viewer="v", lane="command", number=2, part=0, parts=10_000, text="x")
    with pytest.raises(ValueError, match="more than 8,000,000 bytes"):
        collector.add(many)
    broken = Page(viewer="v", lane="command", number=3, part=0, parts=1, text="no base64!")
    with pytest.raises(ValueError, match="base64"):
        collector.add(broken)


def test_pages_are_put_together_in_any_order_and_once() -> None:
    pages = list(pages_of(LARGE.encode(), "v", "command", 1))
    assert len(pages) > 8
    assert all(len(page.model_dump_json()) < 1_000_000 for page in pages)
    random.Random(1).shuffle(pages)
    collector = PageCollector(MAX_COMMAND_BYTES)
    got = [collector.add(page) for page in [*pages, *pages]]
    assert [data for data in got if data is not None] == [LARGE.encode()]


# --- the command line, and the addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("grpc://host:50051/team", "every text in the clear"),
        ("grpc://127.0.0.1:50051", "names no team: grpc://127.0.0.1:50051/team"),
        ("grpc://127.0.0.1/a/b", "names no team"),
        ("grpc://127.0.0.1/a b", "names no team"),
    ],
)
def test_an_address_that_is_none(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Remote(url)


def test_on_a_network_that_is_trusted() -> None:
    assert Remote("grpc://host/team", insecure=True).scheme == "grpc"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0", "--port", "0"], "--insecure-host"),
        (["--certfile", "cert.pem", "--port", "0"], "--grpc has no TLS"),
        (["--join", "--port", "9"], "127.0.0.1:9 does not answer"),
    ],
)
def test_what_cannot_be_served(options: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "tests.support.served_teams:pair", "--grpc", *options]) == 1
    assert says in capsys.readouterr().err


def test_a_name_and_a_port_that_are_taken(
    pair: RemoteWorker, host: GrpcHost, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(serve_grpc, "ATTEMPTS", 1)
    command = ["serve", "tests.support.served_teams:pair", "--grpc", "--port", str(host.port)]
    assert main([*command, "--join"]) == 1
    assert "has a team of the name 'pair'" in capsys.readouterr().err
    assert main(command) == 1
    assert "is taken" in capsys.readouterr().err


async def test_nobody_serves_the_team() -> None:
    with socket.create_server(("127.0.0.1", 0)) as door:
        address = f"127.0.0.1:{door.getsockname()[1]}"
    stream = TeamStream(Remote(f"grpc://{address}/nobody", token=TOKEN))
    await until(lambda: "cannot be reached" in stream.detail)
    async with hosting(address):
        await until(lambda: "no worker is at the host" in stream.detail)


@pytest.mark.parametrize(
    "program",
    [
        "import nb_stream; nb_stream.Remote('grpc://127.0.0.1/team')",
        "from nb_stream.__main__ import main; main(['serve', 'tests.support.served_teams:pair', '--grpc'])",
    ],
)
def test_without_grpc_the_error_names_the_extra(program: str) -> None:
    program = f"import sys; sys.modules['grpc'] = None; {program}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert 'pip install "nb_stream[grpc]"' in done.stderr
