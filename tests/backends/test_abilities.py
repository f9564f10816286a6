"""What a framework has no way to do is said in words: by the method, by the panel, and to the page that asks for it."""

from __future__ import annotations

from typing import Any

import pytest

from nb_stream import RunState, TeamPanel, TeamStream
from nb_stream.backends.autogen.backend import AutoGenBackend
from nb_stream.backends.base import Ability, Backend
from nb_stream.demo import silent, writers
from nb_stream.errors import UnsupportedError
from nb_stream.wire.commands import decode
from tests.support.wait_until import until

STOP, RESET = Backend.cannot[Ability.STOP], Backend.cannot[Ability.RESET]


@pytest.fixture(autouse=True)
def unable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A framework that can run and cancel, and nothing else."""
    monkeypatch.setattr(AutoGenBackend, "cannot", Backend.cannot)
    for name in ("request_stop", "pause", "resume", "reset", "save_state", "load_state"):
        monkeypatch.delattr(AutoGenBackend, name)


async def test_a_stream_refuses_in_the_sentence_of_its_backend_and_runs_on() -> None:
    stream = TeamStream(writers(pace=0.005))
    for doing, ability in (
        (stream.reset, Ability.RESET),
        (stream.pause, Ability.PAUSE),
        (stream.resume, Ability.PAUSE),
        (stream.save_state, Ability.STATE),
        (lambda: stream.load_state({}), Ability.STATE),
    ):
        with pytest.raises(UnsupportedError) as raised:
            await doing()
        assert str(raised.value) == Backend.cannot[ability]
    run = stream.start("go")
    with pytest.raises(UnsupportedError, match="cannot be stopped after a turn"):
        await stream.stop()
    assert stream.state is RunState.RUNNING
    await stream.cancel()
    assert run.cancelled()
    assert (await stream.run("again")).messages


async def test_a_panel_says_it_before_and_when_its_button_is_clicked() -> None:
    panel = TeamPanel(writers(pace=0.005))
    assert panel.make_snapshot()["caution"].endswith(f"{STOP} {RESET}")
    told: list[str] = []

    def look(frame: Any) -> None:
        told.extend(op["text"] for op in frame["ops"] if op["op"] == "notice")

    panel.send_frame = look  # type: ignore[method-assign]
    run = panel.start("go")
    panel.receive(decode({"type": "stop"}))
    await until(lambda: STOP in told)
    assert not run.done()
    await panel.cancel()
    panel.receive(decode({"type": "reset"}))
    await until(lambda: RESET in told)
    panel.close()


async def test_a_recording_has_no_controls_and_says_nothing_of_them(tmp_path) -> None:
    stream = TeamStream(silent())
    await stream.run("go")
    stream.save(tmp_path / "run.jsonl")
    assert TeamStream.load(tmp_path / "run.jsonl").limits == ()
