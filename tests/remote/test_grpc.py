"""The second transport, a gRPC host of AutoGen's distributed runtime: what breaks there, and that it does not here.

Host, worker and viewers are processes of their own on 127.0.0.1, and are killed.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from nb_stream import Remote, TeamStream
from nb_stream.errors import RemoteError
from tests.support.remote_worker import RemoteWorker, served
from tests.support.served_teams import SECRET, TEXT


@pytest.fixture(scope="module")
def pair() -> Iterator[RemoteWorker]:
    with served("pair", "--grpc") as worker:
        yield worker


async def test_a_run_is_watched_and_its_transcript_is_the_workers(pair: RemoteWorker) -> None:
    stream = TeamStream(pair.remote)
    heard: list[str] = []
    stream.on_token(lambda token: heard.append(token.text))
    result = await stream.run("Write.")
    assert [message.content for message in result.messages[1:]] == [TEXT, SECRET]
    assert "".join(heard) == TEXT + SECRET
    late = TeamStream(pair.remote)
    await late.ready()
    assert late.transcript == stream.transcript
    assert late.transcript.cells


@pytest.mark.parametrize(
    ("token", "says"), [("", "token is missing"), ("a-wrong-token-of-the-tests", "not the worker's")]
)
async def test_without_the_token_nothing_is_seen(pair: RemoteWorker, token: str, says: str) -> None:
    stream = TeamStream(Remote(pair.url, token=token))
    with pytest.raises(RemoteError, match=says):
        await stream.ready()
    with pytest.raises(RemoteError, match=says):
        await stream.run("Write.")
    assert stream.agents == ()
