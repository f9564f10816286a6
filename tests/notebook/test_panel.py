"""The panel without a page: what the commands of pages do, and how it ends."""

from __future__ import annotations

import asyncio
import gc
import inspect
import sys
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import comm
import IPython
import ipywidgets
import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.teams import RoundRobinGroupChat
from ipywidgets.embed import embed_data

from nb_stream import Replay, TeamPanel, TeamStream
from nb_stream.concurrency import comm_interceptor
from nb_stream.demo import Say, ScriptedClient, silent, writers
from nb_stream.errors import UnknownAgentError
from nb_stream.wire.commands import decode

AHEAD = 1_000_060_000.0  # the clock of a browser, in milliseconds
BEHIND = 1_000_005_000.0


async def test_a_switch_acts_in_each_of_two_browsers_whose_clocks_differ() -> None:
    panel = TeamPanel(writers())
    path = panel.agents[0].path
    panel.receive(decode({"type": "toggle", "path": path, "on": False, "at_ms": AHEAD, "page": "a"}))
    assert not panel.switches[path]
    panel.receive(decode({"type": "toggle", "path": path, "on": True, "at_ms": BEHIND, "page": "b"}))
    assert panel.switches[path]
    panel.receive(decode({"type": "toggle_all", "on": False, "at_ms": BEHIND + 1, "page": "b"}))
    assert not any(panel.switches.values())
    panel.close()


async def test_a_click_that_comes_late_undoes_nothing_and_its_page_is_told_so() -> None:
    panel = TeamPanel(writers())
    path = panel.agents[0].path
    told = asyncio.Event()

    def look(frame: Any) -> None:
        if any(op["op"] == "agents" and not op["agents"][0]["on"] for op in frame["ops"]):
            told.set()

    panel.send_frame = look  # type: ignore[method-assign]
    panel.receive(decode({"type": "toggle", "path": path, "on": False, "at_ms": 2000.0, "page": "a"}))
    await asyncio.wait_for(told.wait(), 10)
    told.clear()
    panel.receive(decode({"type": "toggle", "path": path, "on": True, "at_ms": 1000.0, "page": "a"}))
    await asyncio.wait_for(told.wait(), 10)
    assert not panel.switches[path]
    panel.receive(decode({"type": "toggle", "path": path, "on": True, "at_ms": 1500.0, "page": "a"}))
    assert not panel.switches[path]
    panel.close()


@pytest.mark.parametrize("alone", [False, True], ids=["a page runs the cell", "a program runs the cell"])
def test_a_page_that_connects_later_gets_everything(alone: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comm_interceptor, "unattended", lambda: alone)
    create, opened = comm.create_comm, {}
    sent: list[Any] = []

    def create_comm(**options: Any) -> Any:
        made = create(**options)
        opened[made.comm_id] = options["data"]["state"]
        made.publish_msg = lambda kind, data=None, *rest, **more: sent.append(data)
        return made

    monkeypatch.setattr(comm, "create_comm", create_comm)
    panel = TeamPanel(writers())
    at_first, layout = opened[panel.model_id], opened[panel.layout.model_id]
    assert (at_first["_esm"] == panel._esm) is not alone
    assert ("poet" in str(at_first["snapshot"])) is not alone
    assert layout.items() >= {"width": "100%", "min_width": "0"}.items()
    assert None not in layout.values()

    def whole(state: Any) -> bool:
        return state["_esm"] == panel._esm and [row["path"] for row in state["snapshot"]["agents"]] == list(
            panel.switches
        )

    panel._handle_msg({"content": {"data": {"method": "request_state"}}})
    assert whole(sent.pop()["state"])
    panel._handle_msg({"content": {"data": {"method": "custom", "content": {"type": "state"}}}, "buffers": []})
    assert whole(sent.pop()["state"])
    assert whole(embed_data([panel], drop_defaults=False)["manager_state"]["state"][panel.model_id]["state"])
    monkeypatch.setattr(ipywidgets.Widget, "_control_comm", create_comm(target_name="control", data={"state": {}}))
    ipywidgets.Widget._handle_control_comm_msg({"content": {"data": {"method": "request_states"}}})
    states = sent.pop()["states"]
    assert whole(states[panel.model_id]["state"])
    assert states[panel.layout.model_id]["state"].keys() == set(panel.layout.keys)
    panel.close()


def test_what_is_set_in_the_layout_and_set_back_reaches_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    panel = TeamPanel(writers())
    sent: list[Any] = []
    monkeypatch.setattr(panel.layout.comm, "publish_msg", lambda kind, data=None, *rest, **more: sent.append(data))
    panel.layout.height = "9em"
    panel.layout.height = None
    with panel.layout.hold_trait_notifications():
        panel.layout.width = None
    assert [data["state"] for data in sent] == [{"height": "9em"}, {"height": None}, {"width": None}]
    panel.layout.send_state()
    assert sent[-1]["state"]["height"] is None
    panel.close()


async def test_a_panel_that_is_made_while_a_run_is_under_way_says_so() -> None:
    stream = TeamStream(writers())
    run = stream.start("go")
    assert TeamPanel(stream).state == "running"
    await stream.cancel()
    assert run.done()


async def test_a_box_may_be_made_by_the_observer_of_another(caplog: pytest.LogCaptureFixture) -> None:
    panel = TeamPanel(writers())
    panel.checkbox("poet").observe(lambda change: panel.checkbox("critic"), "value")
    panel.switches["poet"] = panel.switches["critic"] = False
    await asyncio.sleep(0)
    assert not panel.checkbox("poet").value
    assert not panel.checkbox("critic").value
    assert caplog.records == []
    panel.close()


def test_a_panel_can_be_closed_more_than_once_and_is_then_dropped_without_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.collect()  # what others have left
    said: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", said.append)
    panel = TeamPanel(writers())
    panel.checkbox("poet")
    panel.close()
    panel.close()
    del panel
    gc.collect()
    assert said == []


# --- the first minute ----------------------------------------------------------------------------------------------


async def test_in_a_panel_every_agent_that_can_stream_begins_ticked_however_it_was_built() -> None:
    client = ScriptedClient([Say("Hello.")])
    panel = TeamPanel(RoundRobinGroupChat([AssistantAgent("ann", client), UserProxyAgent("user")], max_turns=1))
    assert dict(panel.switches) == {"ann": True, "user": False}
    assert [row["note"] for row in panel.make_snapshot()["agents"]] == [
        "Streams from its next turn.",
        "A person writes its messages.",
    ]
    await panel.run("go")
    assert [call.method for call in client.calls] == ["create_stream"]
    assert panel.make_snapshot()["agents"][0]["note"] == "Streams."
    panel.close()


@pytest.mark.parametrize(
    ("streaming", "expected"),
    [
        (True, (True, True)),
        ("built", (True, False)),
        (False, (False, False)),
        (["archivist"], (False, True)),
        ({"narrator": False}, (False, True)),
    ],
)
async def test_the_option_says_which_boxes_begin_ticked(streaming: Any, expected: tuple[bool, bool]) -> None:
    panel = TeamPanel(silent(), streaming=streaming)
    assert tuple(row["on"] for row in panel.make_snapshot()["agents"]) == expected
    assert tuple(panel.checkbox(path).value for path in panel.switches) == expected
    panel.close()


def test_a_stream_that_is_made_already_keeps_its_switches() -> None:
    panel = TeamPanel(TeamStream(silent()))
    assert dict(panel.switches) == {"narrator": True, "archivist": False}
    panel.close()
    with pytest.raises(TypeError, match="Give streaming, prices to the TeamStream"):
        TeamPanel(TeamStream(silent()), title="ours", streaming="built", prices={})


async def test_what_was_recorded_shows_its_tokens_again(tmp_path: Any) -> None:
    panel = TeamPanel(silent(pace=0), record=tmp_path / "run.jsonl")
    await panel.run("go")
    panel.close()
    again = TeamPanel(Replay(tmp_path / "run.jsonl"))
    assert dict(again.switches) == {"narrator": True, "archivist": True}
    assert again.stream.note("archivist") == "Streams as it was recorded."
    again.close()
    loaded = TeamPanel.load(tmp_path / "run.jsonl", silent(pace=0))
    assert dict(loaded.switches) == {"narrator": True, "archivist": True}
    loaded.close()
    read = TeamPanel.load(tmp_path / "run.jsonl")
    assert dict(read.switches) == {"narrator": False, "archivist": False}
    read.close()


def test_all_off_is_by_hand_also_for_the_boxes_that_are_off_already() -> None:
    panel = TeamPanel(silent(), streaming=False)
    panel.receive(decode({"type": "toggle_all", "on": False, "at_ms": AHEAD, "page": "a"}))
    panel.on_token(print)
    assert not any(panel.switches.values())
    panel.close()


# --- options -------------------------------------------------------------------------------------------------------


def test_the_panel_takes_every_option_of_the_stream_and_shows_it_in_its_signature() -> None:
    def options(call: Any) -> dict[str, Any]:
        return {p.name: p.default for p in inspect.signature(call).parameters.values() if p.kind is p.KEYWORD_ONLY}

    own = {"title": "", "leave": "transcript", "streaming": True}
    assert options(TeamPanel) == options(TeamPanel.load) == {**options(TeamStream), **own}
    assert options(TeamStream.load) == options(TeamStream)
    for face in (TeamPanel, TeamStream):
        assert all(f"`{name}`" in face.__doc__ for name in options(face))
        kinds = {p.kind for call in (face, face.load) for p in inspect.signature(call).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.parametrize(
    "call", [TeamPanel, TeamPanel.load, TeamStream, TeamStream.load], ids=lambda call: call.__qualname__
)
def test_a_wrong_option_is_answered_with_the_right_ones(call: Any) -> None:
    with pytest.raises(
        TypeError, match=r"has no option 'streeming'\. Perhaps you mean 'streaming'\. Its options are: "
    ):
        call("run.jsonl", streeming=True)


def test_a_wrong_name_is_answered_with_the_agents() -> None:
    with pytest.raises(UnknownAgentError, match="'narrator', 'archivist'"):
        TeamPanel(silent(), streaming=["narator"])


# --- hosts ---------------------------------------------------------------------------------------------------------

SHELLS = {
    "nothing": SimpleNamespace(),
    "empty parts": SimpleNamespace(display_formatter=None, events=None, kernel=None),
    "parts of parts": SimpleNamespace(
        display_formatter=SimpleNamespace(), events=SimpleNamespace(callbacks={}), kernel=SimpleNamespace()
    ),
    "stand-ins": SimpleNamespace(events=MagicMock(), kernel=SimpleNamespace(session=None)),  # as Solara's
}


@pytest.mark.parametrize("shell", SHELLS.values(), ids=SHELLS)
async def test_a_panel_works_where_the_host_has_a_shell_without_the_parts_of_ipython(
    shell: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(IPython, "get_ipython", lambda: shell)
    panel = TeamPanel(writers(pace=0))
    ipywidgets.VBox([panel])._repr_mimebundle_()
    panel._repr_mimebundle_()
    assert len((await panel.run("Go")).messages) == 5
    panel.close()


def test_in_marimo_the_caution_says_what_holds_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(running_in_notebook=lambda: True))
    sentence = comm_interceptor.available()
    assert sentence is not None
    assert sentence.startswith("Clicks act at once in a run that was started from this panel or with panel.start(...)")
    monkeypatch.setitem(sys.modules, "marimo", SimpleNamespace(running_in_notebook=lambda: False))  # a script
    assert "no Jupyter kernel" in str(comm_interceptor.available())
