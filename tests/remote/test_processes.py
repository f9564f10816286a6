"""Worker and viewers are processes of their own: the network breaks, the worker is killed, a proxy stands between."""

from __future__ import annotations

import asyncio
import pathlib
import subprocess
from collections.abc import Iterator

import pytest

from nb_stream import CellStatus, Remote, RunState, TeamStream
from nb_stream.errors import RemoteError, RemoteRunError
from nb_stream.recording.reader import Recording
from nb_stream.remote import http
from tests.support.cut_line import CutLine
from tests.support.remote_worker import TOKEN, RemoteWorker, served
from tests.support.served_teams import SECRET, TEXT
from tests.support.wait_until import until


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("worker") / "run.jsonl"


@pytest.fixture(scope="module")
def pair(record: pathlib.Path) -> Iterator[RemoteWorker]:
    with served("pair", "--record", str(record)) as worker:
        yield worker


@pytest.mark.parametrize("seed", range(3))
async def test_a_line_that_breaks_in_the_middle_of_batches(pair: RemoteWorker, record: pathlib.Path, seed: int) -> None:
    """The transcript here is the one that the worker has written into its recording, to the last figure."""
    line = CutLine(pair.port, seed=seed)
    async with line.running() as url:
        stream = TeamStream(Remote(url, token=TOKEN))
        await stream.ready()
        line.breaks_after = 6000
        line.cut()
        result = await stream.run("Write.")
        assert [message.content for message in result.messages[1:]] == [TEXT, SECRET]
        there = Recording(record).transcript()
        await until(lambda: stream.transcript == there)
    assert line.cuts > 2


async def test_a_viewer_that_was_cut_off_ends_with_the_workers_transcript(
    pair: RemoteWorker, record: pathlib.Path
) -> None:
    line = CutLine(pair.port)
    async with line.running() as url:
        stream = TeamStream(Remote(url, token=TOKEN))
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
        assert stream.transcript == direct.transcript == Recording(record).transcript()
        assert stream.detail == "Maximum number of turns 2 reached."


async def test_a_line_that_stands_still_is_found_out(pair: RemoteWorker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "SILENCE_S", 2.5)
    line = CutLine(pair.port)
    async with line.running() as url:
        stream = TeamStream(Remote(url, token=TOKEN))
        await stream.ready()
        line.flows.clear()
        await until(lambda: "does not answer" in stream.detail)
        line.flows.set()
        await until(lambda: "Not connected" not in stream.detail)


async def test_a_worker_that_was_killed_and_started_anew(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    await stream.ready()
    before = stream.transcript.cells
    run = stream.start("Write.")
    await until(lambda: stream.transcript.live_cells)
    pair.kill()
    await until(lambda: "Not connected" in stream.detail)
    pair.restart()
    with pytest.raises(RemoteRunError, match="started anew"):
        await run
    assert stream.transcript.cells[: len(before)] == before
    assert stream.transcript.runs[-1].status is CellStatus.FAILED
    assert not stream.transcript.live_cells
    result = await stream.run("Again.")
    assert [message.content for message in result.messages[1:]] == [TEXT, SECRET]


async def test_behind_the_prefix_of_a_proxy() -> None:
    with RemoteWorker.site("tests.support.served_teams:site") as worker:
        remote = Remote(
            f"{worker.url}/user/me/proxy/8765/", token=TOKEN, headers={"Authorization": "token of the proxy"}
        )
        stream = TeamStream(remote)
        assert (await stream.run("Write.")).messages[-1].content == SECRET
        with pytest.raises(RemoteError, match="answers 404 Not Found"):
            await TeamStream(Remote(worker.url, token=TOKEN)).ready()


async def test_nobody_is_there() -> None:
    """A stream may be made before its worker. A command waits for it, and says so in the end."""
    stream = TeamStream(Remote("http://127.0.0.1:9", token=TOKEN))
    await until(lambda: "cannot be reached" in stream.detail)
    assert stream.state is RunState.IDLE


@pytest.mark.parametrize("token", ["", "a-wrong-token-of-the-tests"])
async def test_without_the_token_nothing_is_seen(pair: RemoteWorker, token: str) -> None:
    stream = TeamStream(Remote(pair.url, token=token))
    with pytest.raises(RemoteError, match="token"):
        await stream.ready()
    with pytest.raises(RemoteError, match="token"):
        await stream.run("Write.")
    assert stream.agents == ()
    assert "token" in stream.detail


async def test_a_worker_that_is_asked_to_end_ends_without_a_word(capfd: pytest.CaptureFixture[str]) -> None:
    with served("pair") as worker:
        stream = TeamStream(worker.remote)
        await stream.ready()
        worker.process.terminate()
        assert await asyncio.to_thread(worker.process.wait, 20) in (0, -15)
        await until(lambda: "Not connected" in stream.detail)
    assert capfd.readouterr() == ("", "")


async def test_with_a_certificate(tmp_path: pathlib.Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=127.0.0.1"]
    command += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    with served("pair", "--certfile", str(certificate), "--keyfile", str(key)) as worker:
        assert worker.url.startswith("https://")
        stream = TeamStream(Remote(worker.url, token=TOKEN, verify=certificate))
        assert (await stream.run("Write.")).messages[-1].content == SECRET
        stranger = TeamStream(Remote(worker.url, token=TOKEN))
        await until(lambda: "certificate" in stranger.detail.lower())
        assert stranger.agents == ()
