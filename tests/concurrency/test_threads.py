"""A stream is used from other threads and other event loops, and shares its team with nobody by accident."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from autogen_agentchat.agents import AssistantAgent, UserProxyAgent
from autogen_agentchat.base import TaskResult
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken

from nb_stream import CellStatus, RunState, TeamPanel, TeamStream
from nb_stream.concurrency.event_loops import OwnerLoop
from nb_stream.core.chunk_buffer import ChunkBuffer
from nb_stream.core.model import RunFinished
from nb_stream.demo import Say, ScriptedClient
from nb_stream.errors import AlreadyRunningError, LoopError
from nb_stream.runtime.token_gate import TokenGate
from nb_stream.wire.batcher import Batcher
from nb_stream.wire.commands import decode
from tests.support.browser_mirror import BrowserMirror
from tests.support.wait_until import until

TEXT = "One word follows the other, and none of them is in a hurry. " * 4


def team(pace: float = 0.002, turns: int = 2) -> RoundRobinGroupChat:
    members = [
        AssistantAgent(name, ScriptedClient([Say(TEXT)], pace=pace), model_client_stream=True)
        for name in ("ann", "ben")
    ]
    return RoundRobinGroupChat(members, max_turns=turns)


def hurry(members: RoundRobinGroupChat) -> None:
    """Let the next run of a team take no time."""
    for member in members._participants:
        member._model_client.pace = 0.0


class LoopThread:
    """A thread with an event loop of its own, as a subshell has."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._work)

    def _work(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()

    def do(self, work: Callable[[], Any]) -> Any:
        """What a coroutine returns that runs there."""
        return asyncio.run_coroutine_threadsafe(work(), self.loop).result(10)

    def call(self, function: Callable[[], Any]) -> Any:
        """What a function returns that is called there, on the loop."""

        async def work() -> Any:
            return function()

        return self.do(work)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(10)


@pytest.fixture
def elsewhere() -> Iterator[LoopThread]:
    thread = LoopThread()
    thread.start()
    yield thread
    thread.end()


async def in_thread(work: Callable[[], Any]) -> Any:
    return await asyncio.wait_for(asyncio.to_thread(work), 30)


# --- from other threads --------------------------------------------------------------------------------------------


async def test_start_from_a_thread_runs_on_the_streams_own_loop() -> None:
    stream = TeamStream(team())
    run = await in_thread(lambda: stream.start("go"))
    assert len((await run).messages) == 3
    assert stream.loop is asyncio.get_running_loop()


async def test_a_thread_without_a_loop_can_stop_wait_and_read() -> None:
    stream = TeamStream(team(turns=50))
    stream.start("go")
    await until(lambda: stream.transcript.of("ann"))

    def work() -> tuple[Any, str]:
        asyncio.run(stream.stop())
        return stream.current.result(), stream.transcript.to_markdown()

    result, text = await in_thread(work)
    assert result.stop_reason == "Stopped after the turn."
    assert "ann" in text


async def test_a_cancel_from_a_thread_takes_less_than_a_second() -> None:
    members = team(pace=0.05)
    stream = TeamStream(members)
    stream.start("go")
    await until(lambda: stream.transcript.of("ann"))
    began = time.monotonic()
    await in_thread(lambda: asyncio.run(stream.cancel()))
    assert time.monotonic() - began < 1.0
    assert stream.state is RunState.CANCELLED
    hurry(members)
    assert (await stream.run("again")).messages


async def test_a_token_that_is_cancelled_in_a_thread_wakes_the_loop() -> None:
    stream, token = TeamStream(team(pace=0.5)), CancellationToken()
    waiting = asyncio.ensure_future(stream.run("go", cancellation_token=token))
    await asyncio.sleep(0.05)
    began = time.monotonic()
    threading.Thread(target=token.cancel).start()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert time.monotonic() - began < 1.0


async def test_an_answer_from_a_thread_is_taken() -> None:
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1))
    run = stream.start("go")
    await until(lambda: stream.questions)
    await in_thread(lambda: stream.answer(stream.questions[0].request_id, "From afar."))
    assert (await run).messages[-1].to_text() == "From afar."


async def test_two_threads_that_start_at_once_start_one_run() -> None:
    stream = TeamStream(team())
    barrier, refused, runs = threading.Barrier(2), [], []

    def begin() -> None:
        barrier.wait()
        try:
            runs.append(stream.start("go"))
        except AlreadyRunningError as error:
            refused.append(error)

    await asyncio.gather(in_thread(begin), in_thread(begin))
    assert (len(runs), len(refused)) == (1, 1)
    assert len((await runs[0]).messages) == 3


async def test_callbacks_can_be_registered_and_removed_from_a_thread_during_a_run() -> None:
    stream, seen = TeamStream(team()), []
    run = stream.start("go")
    await until(lambda: stream.transcript.of("ann"))
    remove = await in_thread(lambda: stream.on_token(lambda token: seen.append(threading.current_thread())))
    await until(lambda: seen)
    await in_thread(remove)
    count = len(seen)
    await run
    assert len(seen) == count
    assert set(seen) == {threading.current_thread()}


async def test_a_thread_reads_what_was_said_so_far_while_the_loop_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nb_stream.runtime.callbacks.MAX_SHARE_OF_LOOP", 1e9)  # the callback keeps the loop on purpose
    stream, read = TeamStream(team(pace=0)), list[tuple[str, str]]()

    class Display:
        def patched(self, patches: Any) -> None:
            assert threading.current_thread() is threading.main_thread()

        touched = agents_changed = state_changed = rewound = lambda self, *_: None

    stream.watch(Display())
    said: dict[str, str] = {}

    def compare(token: Any) -> None:
        """On the loop, which waits here for the thread."""
        said[token.agent] = said.get(token.agent, "") + token.text
        reader = threading.Thread(
            target=lambda: read.append((said[token.agent], stream.transcript.of(token.agent)[-1].text))
        )
        reader.start()
        reader.join(10)

    stream.on_token(compare, agents="ann")
    await stream.run("go")
    assert len(read) > 10
    assert all(heard == seen for heard, seen in read)


async def test_many_reads_from_a_thread_lose_and_change_nothing() -> None:
    stream, over, wrong = TeamStream(team(pace=0, turns=40)), threading.Event(), list[str]()

    def read() -> None:
        before: dict[str, str] = {}
        while not over.wait(0.001):
            cells = {cell.id: cell.text for cell in stream.transcript.cells}
            wrong.extend(name for name, text in before.items() if not cells.get(name, "").startswith(text))
            before = cells

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        reading = asyncio.ensure_future(asyncio.to_thread(read))
        await stream.run("go")
    finally:
        over.set()
        await reading
        sys.setswitchinterval(interval)
    assert wrong == []
    assert [cell.text for cell in stream.transcript.cells] == ["go", *[TEXT] * 40]


async def test_a_slow_reader_finds_no_text_of_a_later_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nb_stream.runtime.callbacks.MAX_SHARE_OF_LOOP", 1e9)  # the callback keeps the loop on purpose
    stream, held, go_on, read = TeamStream(team(pace=0)), threading.Event(), threading.Event(), list[str]()
    chunks = ChunkBuffer.chunks

    def late(pile: ChunkBuffer) -> Any:
        if threading.current_thread() is reader:
            held.set()
            assert go_on.wait(10)
        return chunks(pile)

    monkeypatch.setattr(ChunkBuffer, "chunks", late)
    reader = threading.Thread(target=lambda: read.extend(cell.text for cell in stream.transcript.cells))
    reader.start()
    assert held.wait(10)
    stream.on_token(lambda _: go_on.set() or reader.join(10))
    await stream.run("go")
    assert not reader.is_alive()
    assert read == []


async def test_a_display_that_a_thread_makes_while_an_agent_writes_shows_all_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nb_stream.runtime.callbacks.MAX_SHARE_OF_LOOP", 1e9)  # the callback keeps the loop on purpose
    stream, frames, pages = TeamStream(team()), list[Any](), list[Any]()

    def make() -> None:
        batcher = Batcher(stream, frames.append, lambda: stream.loop)
        pages.append((BrowserMirror(batcher.snapshot()), stream.watch(batcher)))

    def once(token: Any) -> None:
        """On the loop, which waits here for the thread; text waits to be folded."""
        if len(said) == 3:
            stream.drain()
        if len(said) == 5:
            thread = threading.Thread(target=make)
            thread.start()
            thread.join(10)
        said.append(token.text)

    said: list[str] = []
    stream.on_token(once)
    await stream.run("go")
    [(page, leave)] = pages

    def shown() -> list[str]:
        for frame in frames:
            page.receive(frame)
            assert all(TEXT.startswith(cell["text"]) for cell in page.live.values())
        return [cell["text"] for cell in page.cells]

    await until(lambda: shown() == ["go", TEXT, TEXT])
    assert not page.stale
    await in_thread(leave)
    frames.clear()
    await stream.run("again")
    assert all(op["op"] == "totals" for frame in frames for op in frame["ops"])  # a quiet second may have passed


async def test_a_display_that_follows_later_than_it_was_made_is_told_of_no_text_that_it_does_not_know(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = TeamStream(team())
    batcher = Batcher(stream, lambda frame: None, lambda: stream.loop)
    run = stream.start("go")
    await until(lambda: stream.transcript.live_cells)
    tokens: list[Any] = []
    stream.on_token(tokens.append)
    await until(lambda: tokens)  # nobody has looked at the transcript since
    stream.watch(batcher)
    await run
    assert caplog.records == []


async def test_a_panel_that_is_closed_before_the_loop_has_heard_of_it_leaves_nothing_behind() -> None:
    stream, made = TeamStream(team()), list[TeamPanel]()
    thread = threading.Thread(target=lambda: made.append(TeamPanel(stream)))
    thread.start()
    thread.join(30)
    made[0].close()
    await asyncio.sleep(0.05)
    assert stream._hub.watchers == []


async def test_a_switch_that_is_set_while_an_agent_turns_out_to_stream_stays() -> None:
    setting = threading.Thread(target=lambda: gate.set("guest", False))

    class Busy:
        """Lets the other thread come as soon as the gate is being changed."""

        def __init__(self) -> None:
            self.lock = threading.Lock()

        def __enter__(self) -> None:
            self.lock.acquire()
            if "guest" in gate and setting.ident is None:
                setting.start()
                setting.join(0.1)

        def __exit__(self, *error: object) -> None:
            self.lock.release()

    gate = TokenGate((), {}, lock=Busy())
    gate.meet("guest", False)
    gate.meet("guest", True)
    await in_thread(setting.join)
    assert not gate.is_open("guest")


async def test_a_box_that_follows_its_switch_never_undoes_a_later_click() -> None:
    panel, follows, go_on = TeamPanel(team()), threading.Event(), threading.Event()
    box = panel.checkbox("ann")
    panel.switches["ann"] = False

    def hold(change: Any) -> None:
        if change["new"] and not follows.is_set():
            follows.set()
            go_on.wait(10)

    def click() -> None:
        panel.receive(decode({"type": "toggle", "path": "ann", "on": True, "at_ms": 1, "page": "p"}))
        follows.wait(10)
        panel.receive(decode({"type": "toggle", "path": "ann", "on": False, "at_ms": 2, "page": "p"}))
        go_on.set()

    await until(lambda: not box.value)
    box._trait_notifiers["value"]["change"].insert(0, hold)  # before the panel's own
    await in_thread(click)
    await until(lambda: not box.value)
    assert panel.switches["ann"] is False
    panel.close()


# --- from other loops ----------------------------------------------------------------------------------------------


class HeldLoop(asyncio.SelectorEventLoop):
    """A loop that says late, to one thread, that it is closed."""

    reader: threading.Thread | None = None

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.go_on = threading.Event(), threading.Event()

    def is_closed(self) -> bool:
        closed = super().is_closed()
        if closed and threading.current_thread() is self.reader:
            self.asked.set()
            self.go_on.wait(10)
        return closed


def test_a_thread_that_sees_an_old_loop_closed_takes_no_new_one_away() -> None:
    home, old = OwnerLoop(), HeldLoop()

    async def own() -> None:
        home.choose()

    old.run_until_complete(own())
    old.close()
    old.reader = threading.Thread(target=lambda: home.loop)
    old.reader.start()
    old.asked.wait(10)

    async def choose() -> bool:
        chosen = home.choose()
        old.go_on.set()
        old.reader.join(10)
        return home.loop is chosen

    assert asyncio.run(choose())


def test_a_thread_that_sees_an_old_loop_closed_ends_no_new_run() -> None:
    stream, loop, refused = TeamStream(team()), HeldLoop(), list[Exception]()

    async def begin() -> None:
        stream.start("left alone when its loop ends")
        await until(lambda: stream.transcript.of("ann"))

    def again() -> None:
        try:
            stream.start("from another thread")
        except AlreadyRunningError as error:
            refused.append(error)

    loop.run_until_complete(begin())
    loop.close()
    stream._home._loop = None  # only the runner asks the old loop
    loop.reader = threading.Thread(target=again)
    loop.reader.start()
    loop.asked.wait(10)

    async def go() -> Any:
        run = stream.start("go")
        await until(lambda: len(stream.transcript.runs) == 2)
        loop.go_on.set()
        await in_thread(loop.reader.join)
        return await run

    assert len(asyncio.run(go()).messages) == 3
    assert len(refused) == 1
    assert [run.status for run in stream.transcript.runs] == [CellStatus.CANCELLED, CellStatus.DONE]


def test_a_coroutine_callback_outlives_a_loop_that_was_closed_under_a_run() -> None:
    stream, heard = TeamStream(team()), list[Any]()

    async def hear(event: Any) -> None:
        heard.append(event)

    async def begin() -> None:
        stream.start("left alone when its loop ends")
        await until(lambda: stream.transcript.of("ann"))

    stream.on_event(hear)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(begin())
    loop.close()
    asyncio.set_event_loop(None)
    stream.run_sync("go")
    stream.loop.close()
    ends = [event.status for event in heard if isinstance(event, RunFinished)]
    assert ends == [CellStatus.CANCELLED, CellStatus.DONE]


async def test_a_consumer_on_another_loop_is_told_the_end_where_the_streams_loop_ends(elsewhere: LoopThread) -> None:
    made: list[TeamStream] = []

    async def slow(_: Any) -> None:
        await asyncio.sleep(0.05)

    async def consume() -> list[Any]:
        return [message async for message in made[0].run_stream(task="go")]

    async def main() -> Any:
        stream = TeamStream(team(pace=0))
        stream.on_token(slow)
        made.append(stream)
        consuming = asyncio.run_coroutine_threadsafe(consume(), elsewhere.loop)
        await until(lambda: stream.transcript.runs and stream.transcript.runs[-1].ended_at)
        return consuming

    consuming = await in_thread(lambda: asyncio.run(main()))
    assert isinstance((await asyncio.wait_for(asyncio.wrap_future(consuming), 10))[-1], TaskResult)
    assert made[0].state is RunState.IDLE


async def test_a_run_on_this_loop_is_awaited_and_consumed_on_another(elsewhere: LoopThread) -> None:
    stream = TeamStream(team(pace=0.001))

    async def consume() -> list[Any]:
        return [message async for message in stream.run_stream(task="go")]

    async def run() -> Any:
        return await stream.run("again")

    messages = await in_thread(lambda: elsewhere.do(consume))
    assert isinstance(messages[-1], TaskResult)
    assert "".join(m.content for m in messages[1:-1] if m.source == "ann" and "Chunk" in m.type) == TEXT
    assert len((await in_thread(lambda: elsewhere.do(run))).messages) == 3
    assert stream.loop is asyncio.get_running_loop()


async def test_leaving_run_stream_early_on_another_loop_cancels_the_run(elsewhere: LoopThread) -> None:
    stream = TeamStream(team())

    async def leave() -> None:
        async with contextlib.aclosing(stream.run_stream(task="go")) as messages:
            async for message in messages:
                if message.source == "ann":
                    return

    await in_thread(lambda: elsewhere.do(leave))
    assert stream.state is RunState.CANCELLED
    assert (await stream.run("again")).messages


async def test_start_from_a_subshells_loop_runs_where_the_stream_lives(elsewhere: LoopThread) -> None:
    stream = TeamStream(team())
    loops = []
    stream.on_token(lambda token: loops.append(asyncio.get_running_loop()))
    run = await in_thread(lambda: elsewhere.call(lambda: stream.start("go")))
    await run
    assert set(loops) == {asyncio.get_running_loop()}


async def test_reset_and_state_from_another_loop_are_the_streams_own(elsewhere: LoopThread) -> None:
    stream = TeamStream(team(pace=0))
    await stream.run("go")

    async def work() -> dict[str, Any]:
        state = await stream.save_state()
        await stream.reset()
        return state

    state = await in_thread(lambda: elsewhere.do(work))
    assert len(state["agent_states"]["ann"]["agent_state"]["llm_context"]["messages"]) == 2
    assert await stream._backend.save_state() != state
    await stream.load_state(state)
    assert len((await stream.run("again")).messages) == 3


async def test_a_stream_made_in_a_thread_with_its_own_loop_lives_there(elsewhere: LoopThread) -> None:
    stream = elsewhere.call(lambda: TeamStream(team(pace=0.001)))
    run = await in_thread(lambda: stream.start("go"))
    assert len((await run).messages) == 3
    assert stream.loop is elsewhere.loop


async def test_run_sync_waits_for_a_loop_that_runs_elsewhere(elsewhere: LoopThread) -> None:
    stream = elsewhere.call(lambda: TeamStream(team(pace=0.001)))
    assert len((await in_thread(lambda: stream.run_sync("go"))).messages) == 3


async def test_run_sync_while_the_loop_elsewhere_runs_it_is_refused(elsewhere: LoopThread) -> None:
    stream = elsewhere.call(lambda: TeamStream(team(pace=0.01)))
    run = elsewhere.call(lambda: stream.start("go"))
    with pytest.raises(AlreadyRunningError, match="Stop or cancel it first"):
        await in_thread(lambda: stream.run_sync("again"))
    assert len((await run).messages) == 3


async def test_run_sync_raises_what_a_cancelled_run_raises(elsewhere: LoopThread) -> None:
    stream = elsewhere.call(lambda: TeamStream(team(pace=0.05)))
    raised: list[BaseException] = []

    def work() -> None:
        try:
            stream.run_sync("go")
        except asyncio.CancelledError as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    await until(lambda: stream.transcript.of("ann"))
    await stream.cancel()
    await in_thread(thread.join)
    assert len(raised) == 1


def test_one_loop_after_the_other_each_with_a_failure_between() -> None:
    stream = TeamStream(team(pace=0))
    for _ in range(3):
        assert len(asyncio.run(stream.run("go")).messages) == 3

        async def begun() -> None:
            stream.start("left alone when its loop ends")
            await asyncio.sleep(0)

        asyncio.run(begun())
        assert stream.state is RunState.CANCELLED
        assert stream.current.done()


def test_a_loop_that_is_closed_under_a_run_does_not_lock_the_stream() -> None:
    members = team(pace=0.05)
    clients = [member._model_client for member in members._participants]
    stream = TeamStream(members)
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        stream.start("go")
        await until(lambda: stream.transcript.of("ann"))

    loop.run_until_complete(begin())
    tasks = asyncio.all_tasks(loop)
    loop.close()
    for client in clients:
        client.pace = 0.0
    assert len(asyncio.run(stream.run("again")).messages) == 3
    assert [info.status.value for info in stream.transcript.runs] == ["cancelled", "done"]
    for task in tasks:  # they can never end: their loop is gone
        task._log_destroy_pending = False


def abandoned(stream: TeamStream, ready: Callable[[], Any]) -> Callable[[], None]:
    """Close the loop of a run that has begun; returns what keeps its tasks, which can never end, from complaining."""
    loop = asyncio.new_event_loop()

    async def begin() -> None:
        stream.start("left alone")
        await until(ready)

    loop.run_until_complete(begin())
    tasks = asyncio.all_tasks(loop)
    loop.close()

    def hush() -> None:
        for task in tasks:
            task._log_destroy_pending = False

    return hush


def test_who_hears_that_a_run_ended_with_its_loop_may_begin_the_next_one() -> None:
    members = team(pace=0.05)
    clients = [member._model_client for member in members._participants]
    stream, runs = TeamStream(members), list[Any]()
    hush = abandoned(stream, lambda: stream.transcript.of("ann"))
    for client in clients:
        client.pace = 0.0
    remove = stream.on_event(lambda event: runs.append(stream.start("again")) if type(event) is RunFinished else None)

    async def work() -> Any:
        with pytest.raises(AlreadyRunningError):
            await stream.run("too late")
        remove()
        return await runs[0]

    assert len(asyncio.run(work()).messages) == 3
    assert [info.status.value for info in stream.transcript.runs] == ["cancelled", "done"]
    hush()


def test_a_question_ends_with_the_loop_of_its_run() -> None:
    stream = TeamStream(RoundRobinGroupChat([UserProxyAgent("human")], max_turns=1))
    never = threading.Event()
    remove = stream.on_question(lambda question: never.wait(30) or None)
    hush = abandoned(stream, lambda: stream.questions)
    with contextlib.suppress(LoopError):  # there is none here; but the run that is dead is found
        stream.start("go")
    assert (stream.questions, stream.state) == ((), RunState.CANCELLED)
    remove()
    stream.on_question(lambda question: "here")
    assert asyncio.run(stream.run("again")).messages[-1].to_text() == "here"
    never.set()
    hush()


def test_start_without_any_loop_is_refused_and_leaves_everything_free() -> None:
    members = team(pace=0)
    stream = TeamStream(members)
    with pytest.raises(LoopError, match="run_sync"):
        stream.start("go")
    assert len(TeamStream(members).run_sync("go").messages) == 3


# --- sharing -------------------------------------------------------------------------------------------------------


async def test_two_streams_on_one_team_work_one_after_the_other() -> None:
    shared = team()
    first, second = TeamStream(shared), TeamStream(shared)
    run = first.start("go")
    with pytest.raises(
        AlreadyRunningError, match="'RoundRobinGroupChat' is already running elsewhere: in another panel"
    ):
        second.start("go")
    with pytest.raises(AlreadyRunningError, match="already running elsewhere"):
        await second.reset()
    assert second.state is RunState.IDLE
    assert len((await run).messages) == 3
    assert len((await second.run("again")).messages) == 3
    assert len((await first.run("once more")).messages) == 3
    assert len(second.transcript.runs) == 1


@pytest.mark.parametrize("what", ["agent", "team with the same agent", "team inside a team"])
async def test_streams_that_share_an_agent_work_one_after_the_other(what: str) -> None:
    shared = team()
    member = shared._participants[0]
    other: Any = {
        "agent": lambda: member,
        "team with the same agent": lambda: RoundRobinGroupChat([member], max_turns=1, name="other"),
        "team inside a team": lambda: RoundRobinGroupChat([shared], max_turns=1, name="outer"),
    }[what]()
    first, second = TeamStream(shared), TeamStream(other)
    run = first.start("go")
    with pytest.raises(AlreadyRunningError, match="is already running elsewhere"):
        await second.run("go")
    await run
    assert (await second.run("go")).messages
    assert "on_messages_stream" not in vars(member)


async def test_a_refused_run_does_not_disturb_the_one_that_goes_on() -> None:
    shared = team()
    first, second = TeamStream(shared), TeamStream(shared)
    tokens: list[str] = []
    first.on_token(lambda token: tokens.append(token.text))
    run = first.start("go")
    for _ in range(5):
        await asyncio.sleep(0.02)
        with pytest.raises(AlreadyRunningError):
            second.start("go")
    await run
    assert "".join(tokens) == TEXT * 2


async def test_a_failed_stream_gives_its_team_back() -> None:
    shared = team(pace=0.01)
    first, second = TeamStream(shared), TeamStream(shared)
    first.start("go")
    await until(lambda: first.transcript.of("ann"))
    await first.cancel()
    hurry(shared)
    assert len((await second.run("go")).messages) == 3


async def test_a_team_that_runs_by_itself_is_left_alone_and_free_afterwards() -> None:
    shared = team()
    alone = asyncio.ensure_future(shared.run(task="go"))
    await asyncio.sleep(0.02)
    stream = TeamStream(shared)
    with pytest.raises(AlreadyRunningError, match=r"by a call of its own run\(\)"):
        stream.start("go")
    assert len((await alone).messages) == 3
    assert len((await stream.run("go")).messages) == 3


class Display:
    """Somebody who watches, and perhaps falls."""

    def __init__(self, faulty: bool = False) -> None:
        self.faulty = faulty
        self.touches, self.patches, self.states = 0, 0, 0

    def _check(self) -> None:
        if self.faulty:
            raise RuntimeError("The display is gone.")

    def patched(self, patches: Any) -> None:
        self.patches += len(patches)
        self._check()

    def touched(self, first: bool) -> None:
        self.touches += 1
        self._check()

    def agents_changed(self) -> None:
        self._check()

    def state_changed(self) -> None:
        self.states += 1
        self._check()


async def test_two_displays_see_the_same_and_one_that_fails_harms_nobody() -> None:
    stream = TeamStream(team(pace=0))
    displays = [Display(), Display(faulty=True), Display()]
    leave = [stream.watch(display) for display in displays]
    assert len((await stream.run("go")).messages) == 3
    assert displays[0].touches == displays[2].touches > 0
    assert displays[0].patches == displays[2].patches > 0
    leave[0]()
    await stream.run("again")
    assert displays[2].touches > displays[0].touches


async def test_two_panels_of_one_stream_show_the_same_run() -> None:
    stream = TeamStream(team(pace=0))
    panels = [TeamPanel(stream), TeamPanel(stream)]
    await panels[0].run("go")
    assert panels[0].transcript is panels[1].transcript
    assert panels[0].state == panels[1].state == "idle"
    snapshots = [panel.make_snapshot() for panel in panels]
    assert snapshots[0]["settled"] == snapshots[1]["settled"]
    panels[0].switches["ann"] = False
    assert panels[1].switches["ann"] is False
