"""A team goes back to how it was before a run, whatever its shape; what is set aside stays, and can be taken up again."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.messages import MultiModalMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat

from nb_stream import RunState, TeamPanel, TeamStream
from nb_stream.core.transcript import Branch, Transcript
from nb_stream.demo import Fail, Say, ScriptedClient
from nb_stream.errors import AlreadyRunningError, NoTeamError, StateError
from nb_stream.recording.replay import Replay
from nb_stream.runtime.kept_states import KeptStates, applied, difference
from nb_stream.wire.commands import decode
from tests.support.team_shapes import SHAPES
from tests.support.wait_until import until


def pair(*script: Any) -> RoundRobinGroupChat:
    client = ScriptedClient(
        script or [Say("One."), Say("Two."), Say("Three."), Say("Four."), Say("Five."), Say("Six.")]
    )
    return RoundRobinGroupChat([AssistantAgent(name, client) for name in ("ann", "ben")], max_turns=2)


def runs(stream: TeamStream) -> list[tuple[str, str, bool]]:
    return [(run.id, run.parent, run.set_aside) for run in stream.transcript.runs]


@pytest.mark.parametrize("name", SHAPES)
async def test_a_team_of_every_shape_is_set_to_how_it_was_before_a_run(name: str) -> None:
    stream = TeamStream(SHAPES[name]().team)
    await stream.run("one")
    before = await stream.save_state()
    await stream.run("two")
    after = await stream.save_state()
    assert after != before
    assert await stream.rewind("r2") == "two"
    assert await stream.save_state() == before
    assert stream.state is RunState.IDLE
    assert runs(stream) == [("r1", "", False), ("r2", "r1", True)]
    assert (await stream.run("another")).messages[0].to_text() == "another"
    assert runs(stream) == [("r1", "", False), ("r2", "r1", True), ("r3", "r1", False)]
    first, second = stream.branches
    assert (first.runs, first.set_aside) == (("r1", "r2"), True)
    assert (second.runs, second.set_aside) == (("r1", "r3"), False)
    await stream.rewind(first)  # it is taken up again
    assert await stream.save_state() == after
    assert runs(stream) == [("r1", "", False), ("r2", "r1", False), ("r3", "r1", True)]
    await stream.rewind(stream.transcript.runs[0])
    assert runs(stream) == [("r1", "", True), ("r2", "r1", True), ("r3", "r1", True)]
    assert stream.branches[-1] == Branch("", (), False)
    assert (await stream.run("anew")).messages
    assert runs(stream)[-1] == ("r4", "", False)


async def test_agents_remember_the_branch_that_they_are_on_and_no_other() -> None:
    stream = TeamStream(team := pair())
    await stream.run("cats")
    await stream.run("dogs")
    await stream.rewind("r2")
    await stream.run("whales")
    for agent in team._participants:
        known = [message.content for message in await agent.model_context.get_messages()]
        assert "cats" in known
        assert "whales" in known
        assert "dogs" not in known
    dogs = next(branch for branch in stream.branches if branch.set_aside)
    await stream.rewind(dogs)
    known = [message.content for message in await team._participants[0].model_context.get_messages()]
    assert "dogs" in known
    assert "whales" not in known


@pytest.mark.parametrize("end", ["fails", "is cancelled"])
async def test_a_run_that_failed_or_was_cancelled_is_tried_again(end: str) -> None:
    first = Fail(ValueError("Broken.")) if end == "fails" else Say("word " * 100)
    client = ScriptedClient([Say("Yes."), first, Say("Well."), Say("Well.")], pace=0.0 if end == "fails" else 0.005)
    stream = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", client, model_client_stream=True)], max_turns=1))
    await stream.run("go")
    before = await stream.save_state()
    task = MultiModalMessage(content=["try this"], source="user")
    run = stream.start(task)
    if end == "is cancelled":
        await until(lambda: stream.transcript.live_cells)
        await stream.cancel()
    else:
        with pytest.raises(RuntimeError, match="Broken"):
            await run
    assert await stream.rewind(run) is task  # as the team took it, images and all
    assert await stream.save_state() == before
    result = await stream.run(task)
    assert [message.source for message in result.messages] == ["user", "ann"]


async def test_going_back_is_refused_in_a_sentence() -> None:
    stream = TeamStream(pair(), keep_states=1)
    await stream.run("one")
    await stream.run("two")
    with pytest.raises(StateError, match="before the run r1 is not kept: keep_states is 1"):
        await stream.rewind("r1")
    with pytest.raises(ValueError, match="no run 'r9': the runs are r1, r2"):
        await stream.rewind("r9")
    none = TeamStream(pair(), keep_states=0)
    await none.run("one")
    with pytest.raises(StateError, match="keep_states is 0"):
        await none.rewind("r1")
    for wrong in (-1, 1.5, True, "2"):
        with pytest.raises(ValueError, match="keep_states is a number of states"):
            TeamStream(pair(), keep_states=wrong)
    slow = TeamStream(RoundRobinGroupChat([AssistantAgent("ann", ScriptedClient([Say("w " * 99)], pace=0.01))]))
    run = slow.start("go")
    with pytest.raises(AlreadyRunningError, match="go back"):
        await slow.rewind(run)
    await slow.cancel()


class Unsaved(BaseChatAgent):
    """An agent of a user's own whose state cannot be saved."""

    produced_message_types = (TextMessage,)

    async def on_messages(self, messages: Any, cancellation_token: Any) -> Response:
        return Response(chat_message=TextMessage(content="Here.", source=self.name))

    async def on_reset(self, cancellation_token: Any) -> None: ...

    async def save_state(self) -> Any:
        raise OSError("The disk is full.")


async def test_a_team_whose_state_cannot_be_saved_runs_and_says_why_it_cannot_go_back() -> None:
    stream = TeamStream(RoundRobinGroupChat([Unsaved("own", "It.")], max_turns=1))
    assert (await stream.run("go")).messages
    with pytest.raises(StateError, match=r"could not be saved: OSError: The disk is full\."):
        await stream.rewind("r1")


class SavesForEver(Unsaved):
    async def save_state(self) -> Any:
        await asyncio.Event().wait()


async def test_a_state_that_is_saved_for_ever_does_not_hold_up_a_cancel() -> None:
    stream = TeamStream(RoundRobinGroupChat([SavesForEver("own", "It.")], max_turns=1))
    run = stream.start("go")
    await until(lambda: stream.transcript.runs)
    await asyncio.wait_for(stream.cancel(), 20)
    assert run.cancelled()


async def test_recordings_replays_and_exports_know_branches(tmp_path: Any) -> None:
    stream = TeamStream(pair())
    await stream.run("cats")
    await stream.run("dogs")
    await stream.rewind("r2")
    await stream.run("whales")
    stream.save(tmp_path / "run.jsonl", state=await stream.save_state())
    loaded = TeamStream.load(tmp_path / "run.jsonl", team := pair())
    assert loaded.transcript == stream.transcript
    assert loaded.branches == stream.branches
    await loaded.rewind(loaded.branches[0])  # dogs
    known = [message.content for message in await team._participants[0].model_context.get_messages()]
    assert "dogs" in known
    assert "whales" not in known
    await loaded.run("foxes")
    assert [(run.id, run.parent) for run in loaded.transcript.runs][-1] == ("r4", "r2")
    replay = TeamStream(Replay(tmp_path / "run.jsonl", speed=float("inf")))
    for _ in range(3):
        await replay.run()
    assert runs(replay) == runs(stream)
    with pytest.raises(NoTeamError):
        await replay.rewind("r1")
    with pytest.raises(NoTeamError):
        await TeamStream.load(tmp_path / "run.jsonl").rewind("r1")
    again = Transcript.from_dict(json.loads(json.dumps(stream.transcript.to_dict())))
    assert again == stream.transcript
    assert again.branches == stream.branches
    for form in (again.to_markdown(), again.to_html(), "".join(str(cell) for cell in again.to_notebook()["cells"])):
        assert form.lower().count("set aside") == 1
    stream.export(tmp_path / "run.txt")
    assert (tmp_path / "run.txt").read_text().count("set aside") == 1


async def test_a_page_goes_back_and_tries_again() -> None:
    panel = TeamPanel(pair())
    await panel.run("cats")
    await panel.run("dogs")
    panel.receive(decode({"type": "rewind", "run": "r2"}))
    await until(lambda: panel.transcript.runs[1].set_aside)
    assert [row["set_aside"] for row in panel.make_snapshot()["runs"]] == [False, True]
    panel.receive(decode({"type": "rewind", "run": "r2", "to_end": True}))
    await until(lambda: not panel.transcript.runs[1].set_aside)
    panel.receive(decode({"type": "rewind", "run": "r1", "again": True}))
    await until(lambda: len(panel.transcript.runs) == 3 and not panel.stream.state.active)
    assert panel.transcript.runs[2].task == "cats"
    assert [branch.runs for branch in panel.branches] == [("r1", "r2"), ("r3",)]
    panel.close()


# --- kept states ----------------------------------------------------------------------------------------------------


def any_value(rng: random.Random, depth: int = 3) -> Any:
    kind = rng.randrange(5 if depth else 3)
    if kind == 3:
        return [any_value(rng, depth - 1) for _ in range(rng.randrange(4))]
    if kind == 4:
        return {rng.choice("abcd"): any_value(rng, depth - 1) for _ in range(rng.randrange(4))}
    return rng.choice([None, True, False, 2, 1.5, "a", "b", ""])


def test_a_difference_makes_the_new_value_of_the_old_one() -> None:
    rng = random.Random(17)
    for _ in range(5000):
        old, new = any_value(rng), any_value(rng)
        change = json.loads(json.dumps(difference(old, new)))
        assert json.dumps(applied(old, change), sort_keys=True) == json.dumps(new, sort_keys=True)


def conversation(messages: int) -> dict[str, Any]:
    return {"thread": [{"text": f"Message {number}. " * 10} for number in range(messages)], "turn": messages}


def test_states_cost_what_was_added_and_are_bounded() -> None:
    kept = KeptStates(100)
    for run in range(300):
        kept.put(f"r{run}", json.loads(json.dumps(conversation(run))))
    assert kept.get("r199") is None
    assert kept.get("r200") == conversation(200)
    assert kept.get("r299") == conversation(299)
    size = len(json.dumps(kept.dump()))
    assert size < 2.5 * len(json.dumps(conversation(299)))
    again = KeptStates(10)
    again.load(json.loads(json.dumps(kept.dump())))
    assert again.get("r289") is None
    assert again.get("r290") == conversation(290)
    seen: set[int] = set()

    def weigh(thing: Any) -> int:
        if id(thing) in seen:
            return 0
        seen.add(id(thing))
        inside = thing.values() if isinstance(thing, dict) else thing if isinstance(thing, (list, tuple)) else ()
        return sys.getsizeof(thing) + sum(map(weigh, inside))

    assert weigh(vars(kept)) < 5 * weigh(conversation(299))


@pytest.mark.parametrize("wrong", [{}, {"base": 1, "steps": []}, {"base": {}, "steps": [["r1", {"in": {"a": 3}}]]}])
def test_states_that_are_none_are_refused(wrong: Any) -> None:
    with pytest.raises(ValueError, match="states of the team cannot be read"):
        KeptStates(10).load(wrong)
