"""Calls of the panel that nobody awaits say so, and are coroutines in every other respect."""

from __future__ import annotations

import asyncio
import gc
import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell

from nb_stream import TeamPanel
from nb_stream.demo import writers

CALLS = ("run", "stop", "cancel", "reset", "save_state", "load_state")


@contextmanager
def warned() -> Iterator[list[str]]:
    """What Python warns of."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
        gc.collect()
    said += [str(warning.message) for warning in caught if warning.category is RuntimeWarning]


@pytest.fixture
def panel() -> Iterator[TeamPanel]:
    made = TeamPanel(writers(pace=0))
    yield made
    made.close()


def begun(panel: TeamPanel, name: str) -> Any:
    return panel.load_state({}) if name == "load_state" else getattr(panel, name)()


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_shown_says_that_it_waits_to_be_awaited(panel: TeamPanel, name: str) -> None:
    with warned() as said:
        assert f"nothing happens until it is awaited. Write: await panel.{name}(…)" in repr(begun(panel, name))
    assert said == []  # it was told


@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_dropped_warns_with_the_remedy(panel: TeamPanel, name: str) -> None:
    with warned() as said:
        begun(panel, name)
    assert len(said) == 1
    assert f"await panel.{name}(…)" in said[0]
    assert ("panel.start(…)" in said[0]) is (name == "run")


async def test_a_call_can_be_awaited_in_every_way(panel: TeamPanel) -> None:
    with warned() as said:
        results = [
            await panel.run("go"),
            await asyncio.create_task(panel.run("go")),
            *await asyncio.gather(panel.run("go")),
            await asyncio.wait_for(panel.run("go"), 60),
            await asyncio.to_thread(
                lambda loop: asyncio.run_coroutine_threadsafe(panel.run("go"), loop).result(60),
                asyncio.get_running_loop(),
            ),
        ]
        await panel.reset()
        await panel.load_state(await panel.save_state())
        task = asyncio.create_task(panel.run("go"))
        await asyncio.sleep(0)
        assert "TeamPanel.run" in repr(task)
        await panel.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert [len(result.messages) for result in results] == [5] * 5
    assert said == []
    assert list(inspect.signature(panel.run).parameters) == ["task", "cancellation_token", "output_task_messages"]


def test_a_program_may_run_a_call_as_it_is(panel: TeamPanel) -> None:
    assert len(asyncio.run(panel.run("go")).messages) == 5  # type: ignore[arg-type]


@pytest.mark.parametrize("jedi", [True, False])
def test_tab_offers_what_a_user_calls_and_nothing_of_the_inside(panel: TeamPanel, jedi: bool) -> None:
    shell = InteractiveShell.instance()
    shell.user_ns["panel"] = panel
    shell.Completer.use_jedi = jedi
    with provisionalcompleter():
        names = {found.text.lstrip(".") for found in shell.Completer.completions("panel.", 6)}
    assert names >= {*CALLS, "start", "run_sync", "run_stream", "switches", "on_token", "transcript", "export", "close"}
    assert names >= {"observe", "layout", "state", "stream", "checkbox", "agents", "questions", "answer", "save"}
    assert not names & {"send_frame", "send_beside", "static_mark", "static_is_text", "snapshot", "line", "has_team"}
    assert not names & {"make_snapshot", "receive", "leave_static"}
