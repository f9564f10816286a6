"""What the interceptor of comm messages promises, on real kernels; support/real_kernel.py lists the environments."""

from __future__ import annotations

import subprocess
import sys
import time
from functools import partial
from types import SimpleNamespace

import pytest

from nb_stream.concurrency import comm_interceptor
from tests.support.paths import ROOT
from tests.support.real_kernel import Kernel, Latencies, Message, within_200_ms

AWAITED = "await probe.held_run()"
NESTED = "import asyncio; asyncio.run(probe.held_run())"
BLOCKING = "probe.blocking_run()"
BACKGROUND = "import asyncio; task = asyncio.ensure_future(probe.held_run()); await asyncio.sleep(0)"
WAITING_FOR_BACKGROUND = "print('held', flush=True); await asyncio.wait({task})"


def toggle(kernel: Kernel, what: object, subshell: str | None = None) -> str:
    return kernel.custom({"toggle": what, "sent": time.time()}, subshell=subshell)


def click(kernel: Kernel) -> None:
    """Click five times over each route; ipywidgets' page sends no second update before it sees the first one's idle."""
    for route, subshell in kernel.routes.items():
        for number in range(5):
            message = toggle(kernel, [route, number], subshell)
            kernel.wait_until_idle(message)
            assert kernel.states(message) == ["busy", "idle"]


def check_clicks(kernel: Kernel, latencies: Latencies, run: str) -> None:
    """Once the run is over: every click reached the handler, once and in order, and nothing else."""
    gated = kernel.evaluate("probe.gated")
    assert [event["toggle"] for event in gated] == [[route, n] for route in kernel.routes for n in range(5)]
    assert kernel.evaluate("probe.ordinary") == []
    latencies[str(kernel.environment), run] = [event["latency"] for event in gated]


def click_while_running(kernel: Kernel, cell: str, latencies: Latencies, run: str) -> None:
    request = kernel.start_cell(cell)
    click(kernel)
    kernel.wait_for(lambda: kernel.status == "busy", "busy, as the cell is running still")
    assert request not in kernel.replies
    assert kernel.stop_cell(request)["status"] == "ok"
    check_clicks(kernel, latencies, run)


# -- clicks arrive -----------------------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_clicks_arrive_while_a_cell_awaits(kernel: Kernel, latencies: Latencies) -> None:
    click_while_running(kernel, AWAITED, latencies, "awaited")


@pytest.mark.smoke
def test_clicks_arrive_while_a_cell_blocks_and_pumps(kernel: Kernel, latencies: Latencies) -> None:
    click_while_running(kernel, BLOCKING, latencies, "blocking, with pump")


@pytest.mark.smoke
def test_clicks_arrive_while_a_background_run_leaves_the_kernel_idle(kernel: Kernel, latencies: Latencies) -> None:
    begun = kernel.execute(BACKGROUND)
    kernel.finish(begun)
    click(kernel)
    kernel.custom({"stop": True})
    kernel.wait_until("task.done()")
    assert kernel.states(begun) == ["busy", "idle"], "the kernel is idle, and says so"
    check_clicks(kernel, latencies, "background")


def test_clicks_arrive_while_another_cell_awaits_during_a_background_run(kernel: Kernel, latencies: Latencies) -> None:
    kernel.run(BACKGROUND)
    click_while_running(kernel, WAITING_FOR_BACKGROUND, latencies, "background, in another cell")


def test_clicks_arrive_also_when_the_gate_s_module_was_reloaded_during_the_run(
    kernel: Kernel, latencies: Latencies
) -> None:
    kernel.run(BACKGROUND)
    kernel.run("import importlib; importlib.reload(probe.comm_interceptor)")
    click_while_running(kernel, WAITING_FOR_BACKGROUND, latencies, "background, reloaded")
    kernel.wait_until("probe.restored()")


@pytest.mark.smoke
def test_clicks_arrive_inside_nest_asyncio(nest1_kernel: Kernel, latencies: Latencies) -> None:
    click_while_running(nest1_kernel, NESTED, latencies, "nested (nest_asyncio 1.6)")


# -- everything else passes on -----------------------------------------------------------------------------------------


def check_slider(kernel: Kernel, cell: str) -> None:
    for route, subshell in kernel.routes.items():
        request = kernel.start_cell(cell)
        for value in (1, 2, 3):
            kernel.slide(value, subshell=subshell)
            toggle(kernel, value, subshell)
        assert kernel.stop_cell(request)["status"] == "ok"
        kernel.wait_until("len(probe.slid) >= 3")
        slid = kernel.evaluate("probe.slid")
        # ipykernel 7.4 hands the messages of one comm to two threads by turns once a subshell has published on it.
        assert (slid if subshell is None else sorted(slid)) == [1, 2, 3], route
        assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == [1, 2, 3], route
        kernel.rest()


@pytest.mark.smoke
def test_other_widgets_get_their_messages_once_and_in_order_when_a_cell_awaits(kernel: Kernel) -> None:
    check_slider(kernel, AWAITED)


def test_other_widgets_get_their_messages_once_and_in_order_when_a_cell_blocks(kernel: Kernel) -> None:
    check_slider(kernel, BLOCKING)


def test_a_message_reaches_the_handler_or_the_widget_but_never_both(kernel: Kernel) -> None:
    request = kernel.start_cell("await probe.many_short_holds()")
    for number in range(50):
        toggle(kernel, number)
        time.sleep(0.005)
    kernel.wait_for(lambda: kernel.text(request).count("held") == 2, "the last hold")
    assert kernel.stop_cell(request)["status"] == "ok"
    kernel.wait_until("len(probe.gated) + len(probe.ordinary) >= 50")
    gated = [event["toggle"] for event in kernel.evaluate("probe.gated")]
    ordinary = [event["toggle"] for event in kernel.evaluate("probe.ordinary")]
    assert gated == sorted(gated)
    assert ordinary == sorted(ordinary)
    assert sorted(gated + ordinary) == list(range(50))
    assert gated


# -- leaving no trace --------------------------------------------------------------------------------------------------


def check_restored(kernel: Kernel) -> None:
    kernel.wait_until("probe.restored()")
    kernel.rest()
    toggle(kernel, "afterwards")
    kernel.wait_until("[event['toggle'] for event in probe.ordinary] == ['afterwards']")
    assert kernel.evaluate("probe.gated") == []


def test_the_kernel_is_as_before_after_a_hold(kernel: Kernel) -> None:
    kernel.run("with probe.comm_interceptor.hold(): assert not probe.restored()")
    check_restored(kernel)


def test_the_kernel_is_as_before_after_an_error(kernel: Kernel) -> None:
    content = kernel.finish(kernel.execute("with probe.comm_interceptor.hold(): 1 / 0"))
    assert content["ename"] == "ZeroDivisionError"
    check_restored(kernel)


@pytest.mark.smoke
@pytest.mark.parametrize("cell", [AWAITED, BLOCKING])
def test_the_kernel_is_as_before_after_an_interrupt(kernel: Kernel, cell: str) -> None:
    check_interrupt(kernel, cell)


def test_the_kernel_is_as_before_after_an_interrupt_inside_nest_asyncio(nest1_kernel: Kernel) -> None:
    check_interrupt(nest1_kernel, NESTED)


def check_interrupt(kernel: Kernel, cell: str) -> None:
    request = kernel.start_cell(cell)
    kernel.wait_until_idle(toggle(kernel, "before"))
    kernel.interrupt()
    assert kernel.finish(request)["ename"] in ("KeyboardInterrupt", "CancelledError")
    check_restored(kernel)


def test_an_interrupt_in_the_middle_of_a_delivery_loses_no_message(kernel: Kernel) -> None:
    request = kernel.start_cell(BLOCKING)
    interrupting = kernel.custom({"interrupt": True, "toggle": 0, "sent": time.time()})
    toggle(kernel, 1)
    toggle(kernel, 2)
    assert kernel.finish(request)["ename"] == "KeyboardInterrupt"
    kernel.wait_until_idle(interrupting)
    assert kernel.states(interrupting) == ["busy", "idle"]
    kernel.wait_until("len(probe.gated) + len(probe.ordinary) >= 3")
    assert [event["toggle"] for event in kernel.evaluate("probe.gated + probe.ordinary")] == [0, 1, 2]


def test_overlapping_holds_share_one_gate_that_closes_with_the_last(kernel: Kernel) -> None:
    kernel.run("""
        from contextlib import ExitStack
        first, second = ExitStack(), ExitStack()
        first.enter_context(probe.comm_interceptor.hold())
        callback = probe.stream._recv_callback
        second.enter_context(probe.comm_interceptor.hold())
        assert probe.stream._recv_callback == callback
        first.close()
    """)
    kernel.wait_until_idle(toggle(kernel, "one hold left"))
    assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == ["one hold left"]
    kernel.run("second.close()")
    check_restored(kernel)


def test_a_callback_that_somebody_put_around_ours_is_left_in_place(kernel: Kernel) -> None:
    kernel.run("""
        with probe.comm_interceptor.hold():
            ours = probe.stream._recv_callback
            def wrapper(frames):
                return ours(frames)
            probe.stream._recv_callback = wrapper
    """)
    request = kernel.start_cell(AWAITED)
    toggle(kernel, "through both")
    kernel.stop_cell(request)
    assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == ["through both"]
    kernel.wait_until("probe.stream._recv_callback is wrapper")
    kernel.run("probe.stream._recv_callback = probe.kernel_callback")
    check_restored(kernel)


def test_a_new_hold_opens_the_gate_again_after_somebody_removed_it(kernel: Kernel) -> None:
    kernel.run("""
        hold = probe.comm_interceptor.hold()
        hold.__enter__()
        probe.stream._recv_callback = probe.kernel_callback
    """)
    request = kernel.start_cell(AWAITED)
    kernel.wait_until_idle(toggle(kernel, "through the new gate"))
    assert kernel.stop_cell(request)["status"] == "ok"
    assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == ["through the new gate"]
    kernel.run("hold.__exit__(None, None, None)")
    check_restored(kernel)


def test_the_latest_handler_of_a_comm_is_the_one_that_counts(kernel: Kernel) -> None:
    kernel.run("""
        replaced = probe.unsubscribe
        probe.unsubscribe = probe.comm_interceptor.intercept(probe.panel.comm.comm_id, lambda message: probe.handle(message))
        replaced()
    """)
    request = kernel.start_cell(AWAITED)
    toggle(kernel, "once")
    assert kernel.stop_cell(request)["status"] == "ok"
    assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == ["once"]


def test_an_unsubscribed_comm_gets_its_messages_itself(kernel: Kernel) -> None:
    kernel.run("""
        probe.unsubscribe()
        hold = probe.comm_interceptor.hold()
        hold.__enter__()
    """)
    toggle(kernel, "while unsubscribed")
    kernel.wait_until("len(probe.ordinary) == 1")
    kernel.run("""
        probe.unsubscribe = probe.comm_interceptor.intercept(probe.panel.comm.comm_id, probe.handle)
        hold.__exit__(None, None, None)
    """)
    assert kernel.evaluate("probe.gated") == []


# -- handlers ----------------------------------------------------------------------------------------------------------


def test_an_error_in_a_handler_is_logged_and_harms_nothing(kernel: Kernel) -> None:
    request = kernel.start_cell(AWAITED)
    failing = kernel.custom({"fail": True})
    kernel.wait_until_idle(failing)
    assert kernel.states(failing) == ["busy", "idle"]
    assert "the handler failed as it was told" in kernel.log.read_text()
    kernel.wait_until_idle(toggle(kernel, "next"))
    assert kernel.stop_cell(request)["status"] == "ok"
    assert [event["toggle"] for event in kernel.evaluate("probe.gated")] == ["next"]


def check_parent(kernel: Kernel, cell: str) -> None:
    request = kernel.start_cell(cell)

    def has_said(text: str) -> bool:
        """Both ways: as the output of the cell, and as a message of the widget whose parent is the cell."""
        sent = [m["content"]["data"] for m in kernel.published[request] if m["msg_type"] == "comm_msg"]
        return text in kernel.text(request) and {"method": "custom", "content": {"said": text}} in sent

    for route, subshell in kernel.routes.items():
        kernel.custom({"say": route}, subshell=subshell)
        kernel.wait_for(partial(has_said, route), "the cell's output from a call in its loop")
    assert kernel.stop_cell(request)["status"] == "ok"


@pytest.mark.parametrize("cell", [AWAITED, BLOCKING])
def test_what_a_call_in_the_loop_prints_and_sends_belongs_to_the_running_cell(kernel: Kernel, cell: str) -> None:
    check_parent(kernel, cell)


def test_what_a_call_in_a_nested_loop_prints_and_sends_belongs_to_the_running_cell(nest1_kernel: Kernel) -> None:
    check_parent(nest1_kernel, NESTED)


# -- a page reloaded in the middle of a cell ---------------------------------------------------------------------------


def check_reload(kernel: Kernel, cell: str) -> None:
    request = kernel.start_cell(cell)
    info = kernel.send("kernel_info_request", {})
    assert kernel.reply(info)["content"]["language_info"]["name"] == "python"
    comms = kernel.send("comm_info_request", {"target_name": "jupyter.widget"})
    assert {kernel.panel, kernel.slider} <= set(kernel.reply(comms)["content"]["comms"])
    control = kernel.open_comm("jupyter.widget.control", {"version": "1.0.0"})
    asked = kernel.send("comm_msg", {"comm_id": control, "data": {"method": "request_states"}})

    def answer() -> Message | None:
        sent = [m["content"] for messages in kernel.published.values() for m in messages if m["msg_type"] == "comm_msg"]
        return next((content["data"] for content in sent if content["comm_id"] == control), None)

    states = kernel.wait_for(answer, "the widgets' states")["states"]
    assert {kernel.panel, kernel.slider} <= set(states)
    for message in (info, comms, asked):
        kernel.wait_until_idle(message)
        assert kernel.states(message) == ["busy", "idle"]
    assert request not in kernel.replies
    assert kernel.stop_cell(request)["status"] == "ok"


@pytest.mark.parametrize("cell", [AWAITED, BLOCKING])
def test_a_reloaded_page_gets_its_widgets_while_the_cell_runs(kernel: Kernel, cell: str) -> None:
    check_reload(kernel, cell)


def test_a_reloaded_page_gets_its_widgets_inside_nest_asyncio(nest1_kernel: Kernel) -> None:
    check_reload(nest1_kernel, NESTED)


# -- last, as nest_asyncio2 changes the kernel's loop for good ---------------------------------------------------------


@pytest.mark.smoke
def test_clicks_arrive_inside_nest_asyncio2(kernel: Kernel, latencies: Latencies) -> None:
    kernel.run("import nest_asyncio2; nest_asyncio2.apply()")
    click_while_running(kernel, NESTED, latencies, "nested (nest_asyncio2)")


def test_other_widgets_get_their_messages_once_and_in_order_inside_nest_asyncio2(kernel: Kernel) -> None:
    check_slider(kernel, NESTED)


@pytest.mark.smoke
def test_clicks_reached_their_handler_within_200_ms(kernel: Kernel, latencies: Latencies) -> None:
    """All clicks that this kernel got in the tests above."""
    within_200_ms(latencies, str(kernel.environment))


@pytest.mark.smoke
def test_a_version_that_nobody_has_tried_is_left_alone_and_named(kernel: Kernel) -> None:
    kernel.run("""
        import ipykernel
        assert probe.comm_interceptor.available() is None
        version, ipykernel.version_info = ipykernel.version_info, (8, 0, 1)
        try:
            sentence = probe.comm_interceptor.available()
            with probe.comm_interceptor.hold():
                assert probe.restored()
        finally:
            ipykernel.version_info = version
    """)
    assert "(ipykernel.ipkernel.IPythonKernel 8.0)" in kernel.evaluate("sentence")


# -- outside a known kernel --------------------------------------------------------------------------------------------


def test_outside_a_kernel_a_hold_does_nothing_and_says_so() -> None:
    with comm_interceptor.hold(), comm_interceptor.hold():
        comm_interceptor.pump()
    assert "no Jupyter kernel here" in (comm_interceptor.available() or "")


def test_an_unknown_kernel_is_left_alone_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = SimpleNamespace(shell_stream=object())
    ipython = SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=kernel))
    monkeypatch.setitem(sys.modules, "IPython", ipython)  # type: ignore[arg-type]
    with comm_interceptor.hold():
        comm_interceptor.pump()
    sentence = comm_interceptor.available() or ""
    assert "types.SimpleNamespace" in sentence
    assert "when the cell ends" in sentence


def test_importing_the_gate_imports_no_kernel() -> None:
    code = "import sys, nb_stream.concurrency.comm_interceptor; print({'IPython', 'ipykernel', 'zmq', 'tornado'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=ROOT, text=True) == "set()\n"
