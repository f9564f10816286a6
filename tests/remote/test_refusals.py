"""What is refused, in a sentence, and changes nothing: the worker is asked over HTTP, as a stranger would."""

from __future__ import annotations

import asyncio
import json
import pathlib
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from nb_stream import Remote, TeamStream
from nb_stream.__main__ import main
from nb_stream.remote.protocol import MAX_COMMAND_BYTES
from nb_stream.serve import app, limits
from nb_stream.serve import worker as serve_worker
from nb_stream.serve.command import is_loopback
from nb_stream.serve.worker import Worker
from tests.support import served_teams
from tests.support.paths import ROOT
from tests.support.remote_worker import TOKEN

HEADERS = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def served() -> AsyncIterator[tuple[httpx.AsyncClient, Worker]]:
    """A client of a worker's application, without a network between them."""
    application = app(served_teams.pair(), token=TOKEN)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://worker") as client:
        yield client, application.state.worker


def body(**values: Any) -> dict[str, Any]:
    return {"id": uuid.uuid4().hex, **values}


async def nothing_changed(worker: Worker) -> bool:
    """No run, no switch, no word in the transcript."""
    await asyncio.sleep(0)
    stream = worker.stream
    return (
        stream.current is None
        and all(stream.switches.values())
        and not stream.transcript.cells
        and not stream.questions
    )


TOGGLE = {"type": "toggle", "path": "ann", "on": False}
START = {"type": "start", "task": "Begin.", "command": "mine"}


@pytest.mark.parametrize("command", [TOGGLE, START], ids=["toggle", "start"])
@pytest.mark.parametrize(
    ("headers", "status", "kind"),
    [
        ({}, 401, "NoToken"),
        ({"Authorization": "Bearer"}, 401, "NoToken"),
        ({"Authorization": f"Basic {TOKEN}"}, 401, "NoToken"),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401, "WrongToken"),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 401, "WrongToken"),
        ({"Authorization": f"Bearer {TOKEN}".encode() + b"\xff"}, 401, "WrongToken"),
        ({"X-NB-Stream-Token": "wrong", **HEADERS}, 401, "WrongToken"),
        ({"Origin": "https://elsewhere.example", **HEADERS}, 403, "ForeignOrigin"),
        ({"Origin": "null", **HEADERS}, 403, "ForeignOrigin"),
        ({"Origin": "http://worker.elsewhere.example", **HEADERS}, 403, "ForeignOrigin"),
        ({"Content-Type": "text/plain", **HEADERS}, 415, "ValueError"),
        ({"Content-Type": "application/x-www-form-urlencoded", **HEADERS}, 415, "ValueError"),
    ],
)
async def test_a_stranger(
    served: tuple[httpx.AsyncClient, Worker], command: Any, headers: Any, status: int, kind: str
) -> None:
    client, worker = served
    headers = {"Content-Type": "application/json", **headers}
    answer = await client.post("/v1/commands", content=json.dumps(body(**command)), headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (status, kind)
    assert answer.json()["text"].endswith(".")
    assert "access-control-allow-origin" not in answer.headers
    if status != 415:
        seen = await client.get("/v1/events", headers=headers)
        assert (seen.status_code, seen.json()["error"]) == (status, kind)
        assert "ann" not in seen.text
    assert await nothing_changed(worker)


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/v1",
        "/v1/",
        "/v1/events/../commands/x",
        "/v1/%2e%2e/%2e%2e/etc/passwd",
        "//v1/commands",
        "/v1/commands/",
        "/static/x",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "OPTIONS", "TRACE"])
async def test_other_addresses(served: tuple[httpx.AsyncClient, Worker], path: str, method: str) -> None:
    client, worker = served
    answer = await client.request(method, f"http://worker{path}", headers=HEADERS)
    assert answer.status_code in (307, 404, 405)
    assert "access-control-allow-origin" not in answer.headers
    assert await nothing_changed(worker)


async def test_a_page_of_another_site_gets_no_leave_to_ask(served: tuple[httpx.AsyncClient, Worker]) -> None:
    client, _ = served
    asks = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "POST"}
    answer = await client.options("/v1/commands", headers=asks)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "a JSON object"),
        (b"{", "a JSON object"),
        (b"\xff\xfe", "a JSON object"),
        (b"[" * 100_000, "a JSON object"),
        (b"[]", "a JSON object"),
        (b'"start"', "a JSON object"),
        (b"{}", "knows no command None"),
        (b'{"type":"rm"}', "knows no command 'rm'"),
        (b'{"type":["start"]}', "knows no command"),
        (b'{"type":"start","task":"x","command":"y"}', "an id of 1 to 64 characters"),
        (b'{"type":"start","task":"x","command":"y","id":""}', "an id of 1 to 64 characters"),
        (b'{"type":"start","task":"x","command":"y","id":7}', "an id of 1 to 64 characters"),
        (b'{"type":"start","id":"1"}', "it has no command"),
        (b'{"type":"start","id":"1","command":"y","task":7}', "its task: a number is no text"),
        (b'{"type":"start","id":"1","command":"y","task":""}', "The task is empty"),
        (b'{"type":"start","id":"1","command":"y","messages":[{"type":"Nothing"}]}', "Unknown message type"),
        (b'{"type":"start","id":"1","command":"y","messages":[7]}', ""),
        (b'{"type":"start","id":"1","command":"y","messages":"all"}', "is no list"),
        (b'{"type":"toggle","id":"1","path":"ann","on":"no"}', "its on: a text is neither true nor false"),
        (b'{"type":"toggle","id":"1","path":"../ann","on":false}', "No agent is called '../ann'"),
        (b'{"type":"toggle","id":"1","path":"ann","on":false,"epoch":"old"}', "started anew"),
        (b'{"type":"answer","id":"1","request_id":"none","text":"x"}', "not open any more"),
        (b'{"type":"load_state","id":"1","state":{"a":1}}', "state"),
        (b'{"type":"load_state","id":"1","state":7}', "state"),
        (b'{"type":"cancel","id":"1","run":7}', "its run"),
    ],
)
async def test_commands_that_are_none(served: tuple[httpx.AsyncClient, Worker], content: bytes, says: str) -> None:
    client, worker = served
    answer = await client.post("/v1/commands", content=content, headers={"Content-Type": "application/json", **HEADERS})
    assert answer.status_code in (400, 409, 422)
    assert says in answer.json()["text"]
    assert await nothing_changed(worker)


async def test_a_command_that_is_too_large_is_read_no_further(served: tuple[httpx.AsyncClient, Worker]) -> None:
    client, worker = served
    read = 0

    async def flood() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1_000_000
            yield b" " * 1_000_000

    answer = await client.post("/v1/commands", content=flood(), headers={"Content-Type": "application/json", **HEADERS})
    assert answer.status_code == 413
    assert read <= MAX_COMMAND_BYTES + 2_000_000
    assert await nothing_changed(worker)


@pytest.mark.parametrize("query", ["since=1", "epoch=x", "epoch=x&since=-1", "epoch=x&since=1e9", "epoch=x&since=٣"])
async def test_a_place_that_is_none(served: tuple[httpx.AsyncClient, Worker], query: str) -> None:
    client, _ = served
    assert (await client.get(f"/v1/events?{query}", headers=HEADERS)).status_code == 400


async def test_commands_come_at_a_bounded_rate(
    served: tuple[httpx.AsyncClient, Worker], monkeypatch: pytest.MonkeyPatch
) -> None:
    client, worker = served
    monkeypatch.setattr(limits, "COMMANDS_PER_S", 0.0)
    answers = [
        (await client.post("/v1/commands", json=body(type="cancel"), headers=HEADERS)).status_code
        for _ in range(limits.COMMAND_BURST + 5)
    ]
    assert answers == [200] * limits.COMMAND_BURST + [429] * 5
    assert (await client.post("/v1/commands", json=body(**START), headers=HEADERS)).json()["error"] == "TooMany"
    assert await nothing_changed(worker)


async def test_viewers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve_worker, "MAX_VIEWERS", 2)
    worker = Worker.of(served_teams.pair(), {})
    following = [worker.follow(None) for _ in range(3)]
    await anext(following[0])
    await anext(following[1])
    with pytest.raises(serve_worker.BusyError, match="2 viewers"):
        await anext(following[2])
    await following[0].aclose()
    third = worker.follow(None)
    await anext(third)
    for one in (following[1], third):
        await one.aclose()


async def test_a_viewer_that_reads_nothing_is_owed_one_batch() -> None:
    """However much the team says: the rest waits in the journal, which all viewers share."""
    application = app(served_teams.pair(), token=TOKEN)
    worker: Worker = application.state.worker
    sent: list[int] = []
    blocked, never = asyncio.Event(), asyncio.Event()

    async def send(message: Any) -> None:
        if message.get("body"):
            sent.append(len(message["body"]))
            if len(sent) == 2:
                blocked.set()
                await never.wait()

    async def receive() -> Any:
        await never.wait()
        return {"type": "http.disconnect"}

    scope = {
        "type": "http", "method": "GET", "path": "/v1/events", "raw_path": b"/v1/events", "query_string": b"",
        "headers": [(b"authorization", f"Bearer {TOKEN}".encode())], "scheme": "http", "server": ("worker", 80),
        "root_path": "", "http_version": "1.1", "client": ("127.0.0.1", 1),
    }  # fmt: skip
    viewer = asyncio.ensure_future(application(scope, receive, send))
    await worker.stream.run("Begin.")
    await asyncio.wait_for(blocked.wait(), 30)
    for _ in range(3):
        await worker.stream.run("Again.")
    assert len(sent) == 2
    assert sum(sent) < 10_000 < sum(map(len, worker.journal.read(0, 10**9)))
    viewer.cancel()
    await asyncio.wait([viewer])
    assert not worker._viewers


# --- the command line, and the addresses ---------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.7", "example.org", "::"])
def test_without_tls_only_this_computer_is_let_in(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert not is_loopback(host)
    assert main(["serve", "tests.support.served_teams:pair", "--host", host, "--port", "0"]) == 1
    assert "--certfile" in capsys.readouterr().err


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_computer(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    ("team", "says"),
    [
        ("no_such_module:team", "No module named"),
        ("tests.support.served_teams:no_such_team", "has no 'no_such_team'"),
        ("tests.support.served_teams", "MODULE:TEAM"),
        ("tests.support.served_teams:PIECE", "is not"),
    ],
)
def test_what_is_no_team_is_named(team: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", team, "--port", "0"]) == 1
    assert says in capsys.readouterr().err


def test_a_token_is_made_where_there_is_none_and_an_insecure_host_is_warned_of(tmp_path: pathlib.Path) -> None:
    command = [sys.executable, "-m", "nb_stream", "serve", "tests.support.served_teams:pair", "--port", "0"]
    command += ["--host", "0.0.0.0", "--insecure-host"]
    env = {"PATH": "", "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        try:
            where, token = run.stdout.readline(), run.stdout.readline()
            assert "open to other computers without TLS" in run.stderr.readline()
            port = where.rpartition(":")[2].strip()
            secret = token.removeprefix("Token: ").strip()
            assert len(secret) >= 32
            url = f"http://127.0.0.1:{port}/v1/commands"
            assert httpx.post(url, json=body(type="cancel"), headers=HEADERS).status_code == 401
            headers = {"Authorization": f"Bearer {secret}"}
            assert httpx.post(url, json=body(type="cancel"), headers=headers).status_code == 200
        finally:
            run.kill()


def test_an_application_needs_a_long_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NB_STREAM_TOKEN", raising=False)
    with pytest.raises(ValueError, match="needs a token"):
        app(served_teams.pair)
    with pytest.raises(ValueError, match="has 5 characters"):
        app(served_teams.pair, token="short")
    with pytest.raises(TypeError, match="Give record to the TeamStream itself"):
        app(TeamStream(served_teams.pair), token=TOKEN, record="x")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("host:8765", "begins with http://"),
        ("ftp://host", "begins with http://"),
        ("https://", "has no host"),
        ("https://me:secret@host", "no password"),
        ("http://host:8765", "in the clear"),
        ("http://127.0.0.1.example.org", "in the clear"),
    ],
)
def test_an_address_that_is_none(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Remote(url)


def test_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NB_STREAM_TOKEN", TOKEN)
    remote = Remote("https://host:8765/prefix/")
    assert (remote.url, remote.token) == ("https://host:8765/prefix", TOKEN)
    assert TOKEN not in repr(remote)
    assert Remote("http://host", insecure=True).scheme == "http"
