"""Callbacks of the user's: they get what they asked for, in order, and their faults stay their own."""

from __future__ import annotations

import asyncio
import threading
import time
from functools import partial
from types import SimpleNamespace

import pytest

from nb_stream.runtime.callbacks import MAX_SHARE_OF_LOOP, Callbacks, drain


class Line:
    """Callbacks with what they complained of."""

    def __init__(self) -> None:
        self.complaints: list[str] = []
        self.callbacks: Callbacks[int] = Callbacks(self.complaints.append)


def test_a_plain_function_gets_each_value_at_once() -> None:
    line, got = Line(), []
    line.callbacks.add(got.append, None)
    for number in range(3):
        line.callbacks.send(number, "ann")
        assert got[-1] == number
    assert got == [0, 1, 2]


def test_a_callback_for_some_agents_gets_nothing_of_others() -> None:
    line, got = Line(), []
    line.callbacks.add(got.append, {"ann", "team/ben"})
    for number, path in enumerate(("ann", "ben", "team/ben", "team/ann")):
        line.callbacks.send(number, path)
    assert got == [0, 2]


def test_a_callback_that_is_taken_away_gets_nothing_more_and_leaves_the_others() -> None:
    line, one, two = Line(), [], []
    remove = line.callbacks.add(one.append, None)
    line.callbacks.add(two.append, None)
    line.callbacks.send(1, "ann")
    remove()
    remove()
    line.callbacks.send(2, "ann")
    assert (one, two) == ([1], [1, 2])
    assert line.callbacks


def test_the_same_function_can_be_added_twice_and_taken_away_once() -> None:
    line, got = Line(), []
    remove = line.callbacks.add(got.append, None)
    line.callbacks.add(got.append, None)
    remove()
    line.callbacks.send(1, "ann")
    assert got == [1]


def test_a_callback_may_take_itself_away() -> None:
    line, got = Line(), []

    def once(number: int) -> None:
        got.append(number)
        remove()

    remove = line.callbacks.add(once, None)
    line.callbacks.add(got.append, None)
    line.callbacks.send(1, "ann")
    line.callbacks.send(2, "ann")
    assert got == [1, 1, 2]


def test_a_fault_is_told_once_and_stops_neither_its_callback_nor_another() -> None:
    line, got = Line(), []

    def faulty(number: int) -> None:
        got.append(number)
        raise RuntimeError(f"number {number}")

    line.callbacks.add(faulty, None)
    line.callbacks.add(got.append, None)
    line.callbacks.send(1, "ann")
    line.callbacks.send(2, "ann")
    assert got == [1, 1, 2, 2]
    assert len(line.complaints) == 1
    assert line.complaints[0].endswith("faulty failed: RuntimeError: number 1")


async def test_a_coroutine_function_gets_its_values_one_after_the_other() -> None:
    line, log = Line(), []
    go = asyncio.Event()

    async def slow(number: int) -> None:
        log.append(("begins", number))
        await go.wait()
        log.append(("ends", number))

    line.callbacks.add(slow, None)
    for number in range(3):
        line.callbacks.send(number, "ann")  # holds up nobody
    await asyncio.sleep(0)
    assert log == [("begins", 0)]
    go.set()
    await drain([line.callbacks], 5.0)
    assert log == [(what, number) for number in range(3) for what in ("begins", "ends")]
    line.callbacks.send(3, "ann")
    await drain([line.callbacks], 5.0)
    assert log[-1] == ("ends", 3)


async def test_a_fault_in_a_coroutine_function_is_told_once_and_it_goes_on() -> None:
    line, got = Line(), []

    async def faulty(number: int) -> None:
        got.append(number)
        raise RuntimeError("no")

    line.callbacks.add(faulty, None)
    for number in range(3):
        line.callbacks.send(number, "ann")
    await drain([line.callbacks], 5.0)
    assert got == [0, 1, 2]
    assert len(line.complaints) == 1


@pytest.mark.parametrize("way", ["an object", "a partial", "a lambda"])
async def test_whatever_makes_a_coroutine_is_awaited(way: str) -> None:
    line, got = Line(), []

    async def take(number: int) -> None:
        await asyncio.sleep(0)
        got.append(number)

    class Taker:
        async def __call__(self, number: int) -> None:
            await take(number)

    line.callbacks.add({"an object": Taker(), "a partial": partial(take), "a lambda": lambda n: take(n)}[way], None)
    for number in range(3):
        line.callbacks.send(number, "ann")
    deadline = time.monotonic() + 5.0
    while len(got) < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0.001)
    assert got == [0, 1, 2]
    assert line.complaints == []


async def test_a_slow_function_goes_on_in_a_thread_and_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    line, got, now = Line(), [], [100.0]
    monkeypatch.setattr("nb_stream.runtime.callbacks.time", SimpleNamespace(monotonic=lambda: now[0]))

    def slow(number: int) -> None:
        now[0] += MAX_SHARE_OF_LOOP * 0.6
        got.append((number, threading.current_thread()))

    line.callbacks.add(slow, None)
    for number in range(4):
        line.callbacks.send(number, "ann")
    here = threading.current_thread()
    assert [(number, thread is here) for number, thread in got] == [(0, True), (1, True)]
    await drain([line.callbacks], 5.0)
    assert [(number, thread is here) for number, thread in got[2:]] == [(2, False), (3, False)]
    assert len(line.complaints) == 1
    assert "slow" in line.complaints[0]


async def test_draining_waits_no_longer_than_it_is_told() -> None:
    line = Line()
    line.callbacks.add(lambda number: None, None)

    async def endless(number: int) -> None:
        await asyncio.Event().wait()

    line.callbacks.add(endless, None)
    line.callbacks.send(1, "ann")
    await asyncio.wait_for(drain([line.callbacks], 0.01), 5.0)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()


@pytest.mark.parametrize("thing", [None, 1, "print"])
def test_what_cannot_be_called_is_refused_in_words(thing: object) -> None:
    with pytest.raises(TypeError, match="A callback is a function of one argument"):
        Line().callbacks.add(thing, None)  # type: ignore[arg-type]


def test_without_callbacks_there_is_nothing_to_do() -> None:
    line = Line()
    assert not line.callbacks
    line.callbacks.send(1, "ann")
