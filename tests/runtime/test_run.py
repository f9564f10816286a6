"""The handle of a run: waiting for it never owns it; and the outlet to a consumer."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from nb_stream.errors import NotRunningError
from nb_stream.runtime.run import MessageQueue, Run


def test_a_run_that_goes_on_has_no_result_and_says_so() -> None:
    run = Run("r1")
    assert not run.done()
    assert repr(run) == "<Run r1: running>"
    for ask in (run.result, run.exception):
        with pytest.raises(NotRunningError, match="Await it"):
            ask()


def test_a_run_that_ended_gives_its_result_again_and_again() -> None:
    run = Run("r1")
    run.finish("the result")
    assert run.done()
    assert not run.cancelled()
    assert run.result() == run.result() == "the result"
    assert run.exception() is None
    assert repr(run) == "<Run r1: done>"


def test_a_run_raises_what_the_team_raised() -> None:
    run, error = Run("r1"), RuntimeError("dropped")
    run.finish(error=error)
    with pytest.raises(RuntimeError, match="dropped"):
        run.result()
    assert run.exception() is error


def test_a_cancelled_run_says_so() -> None:
    run = Run("r1")
    run.finish(error=asyncio.CancelledError())
    assert run.cancelled()
    assert run.done()
    assert repr(run) == "<Run r1: cancelled>"
    for ask in (run.result, run.exception):
        with pytest.raises(asyncio.CancelledError):
            ask()


async def test_any_number_may_wait_and_those_that_come_late_too() -> None:
    run = Run("r1")
    waiters = [asyncio.ensure_future(run) for _ in range(3)]
    await asyncio.sleep(0)
    run.finish("the result")
    assert await asyncio.gather(*waiters) == ["the result"] * 3
    assert await run == "the result"


async def test_a_wait_that_is_cancelled_leaves_the_run_alone() -> None:
    run = Run("r1")
    waiter = asyncio.ensure_future(run)
    await asyncio.sleep(0)
    waiter.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiter
    assert not run.done()
    run.finish("the result")
    assert await run == "the result"


async def test_a_failure_reaches_who_waits() -> None:
    run = Run("r1")
    waiter = asyncio.ensure_future(run)
    await asyncio.sleep(0)
    run.finish(error=ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await waiter


async def test_a_cancel_reaches_who_waits() -> None:
    run = Run("r1")
    waiter = asyncio.ensure_future(run)
    await asyncio.sleep(0)
    run.finish(error=asyncio.CancelledError())
    with pytest.raises(asyncio.CancelledError):
        await waiter


async def test_a_run_may_end_on_another_thread() -> None:
    run = Run("r1")
    threading.Timer(0.01, run.finish, ["the result"]).start()
    assert await asyncio.wait_for(asyncio.ensure_future(run), 30.0) == "the result"


def test_a_run_may_be_awaited_on_two_loops() -> None:
    run, got = Run("r1"), []

    async def wait() -> object:
        return await run

    threads = [threading.Thread(target=lambda: got.append(asyncio.run(wait()))) for _ in range(2)]
    for thread in threads:
        thread.start()
    run.finish("the result")
    for thread in threads:
        thread.join(30.0)
    assert got == ["the result"] * 2


def test_a_failure_that_nobody_asks_for_is_not_complained_of() -> None:
    run = Run("r1")
    run.finish(error=ValueError("no"))
    del run
    gc.collect()  # a future of asyncio would report it here


async def test_an_outlet_gives_everything_in_order_and_ends() -> None:
    outlet = MessageQueue()
    outlet.put(1)
    got: list[int] = []

    async def consume() -> None:
        async for message in outlet:
            got.append(message)

    consumer = asyncio.ensure_future(consume())
    await asyncio.sleep(0)
    assert got == [1]
    outlet.put(2)
    outlet.put(3)
    outlet.close()
    await asyncio.wait_for(consumer, 30.0)
    assert got == [1, 2, 3]


async def test_an_outlet_that_was_closed_before_gives_what_it_has() -> None:
    outlet = MessageQueue()
    outlet.put(1)
    outlet.close()
    assert [message async for message in outlet] == [1]
