"""Delivers the panel's comm messages while a cell is running; the only module that knows a kernel's internals.

A Jupyter kernel handles one shell message after another. So a click made during a cell reaches Python when the cell is
over, or on another thread, or never: that depends on the ipykernel version, on the route that the page chose and on
nest_asyncio. For the duration of a run, `hold` puts a gate in front of the kernel's shell socket. It takes out what
cannot wait (messages for a comm that was named to `intercept`, and what a reloaded page needs to rebuild its widgets)
and passes everything else on, untouched and in order.

ipykernel up to 6 reads the shell socket on the main thread; 7 reads it on a thread called "Shell channel", even while
the main thread is blocked. Whatever the gate takes is handled on that thread, at once.

Private names used, all read in ipykernel 6.17 to 7.4 and pyzmq 27, and checked by `_is_known` before use, with the
version:
``ZMQStream._recv_callback`` and ``_recv_copy``, ``Kernel._publish_status``.
"""

from __future__ import annotations

import asyncio
import contextvars
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

KernelMessage = dict[str, Any]
Handler = Callable[[KernelMessage], None]
RawFrames = list[Any]

_CONTROL_TARGET = "jupyter.widget.control"

# Reentrant, as the collection of an abandoned generator may end a hold at any allocation.
_lock = threading.RLock()
# These keep their values if %autoreload executes this module again, because a run may be under way.
_handlers: dict[str, Handler] = globals().get("_handlers", {})
_holds: dict[object, contextvars.Context] = globals().get("_holds", {})
_main_thread_cells: list[KernelMessage] = globals().get(
    "_cells", []
)  # requests of the cells on the main thread, the innermost last
_endings: list[Callable[[], object]] = globals().get("_endings", [])
_gate: _Gate | None = globals().get("_gate")
_current_cell: contextvars.ContextVar[KernelMessage | None] = globals().get("_cell") or contextvars.ContextVar(
    "nb_stream_cell"
)


@contextmanager
def hold() -> Iterator[None]:
    """Keep the gate open for the duration of the block. Any thread; blocks may overlap and share one gate.

    Does nothing outside a Jupyter kernel or in a kernel that `available` complains about. When the last block ends,
    the kernel's own callback is put back from the thread that reads the socket, so a moment later.
    """
    token = object()
    try:
        _enter(token)
        yield
    finally:
        _leave(token)


def intercept(comm_id: str, handler: Handler) -> Callable[[], None]:
    """Hand each ``comm_msg`` of a comm to ``handler(msg)`` while the gate is held; returns the unsubscribe function.

    The handler gets the deserialized message, whatever its method (``custom``, ``update``, ``request_state``), on the
    thread that reads the shell socket: it must be quick and thread-safe. The comm itself does not see the message. What
    it raises goes to the kernel's log. A second handler for the same comm replaces the first. While nothing holds the
    gate, messages take the kernel's ordinary path to the comm, and the handler does not see them.
    """
    _handlers[comm_id] = handler
    _watch_cells()

    def unsubscribe() -> None:
        if _handlers.get(comm_id) is handler:
            del _handlers[comm_id]

    return unsubscribe


def call_in_loop(loop: asyncio.AbstractEventLoop, fn: Callable[..., object], *args: Any) -> None:
    """Run ``fn(*args)`` soon on that loop, in a copy of the context in which the latest hold began. Any thread.

    The context carries the running cell as the parent of what ``fn`` prints, displays or sends; on ipykernel 7.0 it
    could not send at all without one. Raises RuntimeError when the loop is closed.
    """
    loop.call_soon_threadsafe(fn, *args, context=_latest_context())


def pump() -> None:
    """Let messages in while the main thread blocks in Python: call it there every 20 ms or so.

    ipykernel up to 6 reads its socket here. On 7 clicks need no pumping; only a reloaded page waits for it. Does
    nothing on other threads, or while nothing holds the gate.
    """
    gate = _gate
    if gate is not None and _holds and threading.current_thread() is threading.main_thread():
        gate.pump()


def available() -> str | None:
    """None if comm messages are delivered while a cell runs; otherwise a sentence for the user that says why not."""
    kernel = _find_kernel()
    if kernel is None:
        marimo: Any = sys.modules.get("marimo")
        if marimo is not None and marimo.running_in_notebook():  # it handles a page's requests one at a time
            return (
                "Clicks act at once in a run that was started from this panel or with panel.start(...). In marimo a "
                "cell that awaits a run gets them when it ends."
            )
        return (
            "There is no Jupyter kernel here that nb_stream knows, so clicks made while code runs may take effect only "
            "when that code has ended."
        )
    if not _is_known(kernel):
        name = f"{type(kernel).__module__}.{type(kernel).__qualname__} {'.'.join(map(str, _version()))}".strip()
        return (
            "Clicks made while a cell runs may take effect only when the cell ends, as nb_stream does not know how "
            f"this kernel ({name}) reads its messages. Use panel.start(...), whose cell ends at once, or ipykernel "
            "6.17 to 7.4."
        )
    return None


def request() -> KernelMessage | None:
    """The message that asked for the running cell, as far as the kernel tells it; None outside a Jupyter kernel."""
    kernel = _find_kernel()
    if kernel is None:
        return None
    found: KernelMessage = kernel.get_parent("shell") if hasattr(kernel, "get_parent") else {}
    return found


def unattended() -> bool:
    """Whether a program without a page, such as `nbclient`, sent the running cell: then the cell allows no input.

    Such a program writes the whole state with which a widget is opened into the notebook (nbclient 0.11,
    `NotebookClient.set_widgets_metadata`).
    """
    return ((request() or {}).get("content") or {}).get("allow_stdin") is False


def runs_a_cell() -> bool:
    """Whether a cell runs on the main thread. A cell that already ran when this module was imported is not known."""
    return bool(_main_thread_cells)


def at_cell_end(call: Callable[[], object]) -> None:
    """From now on, call `call` whenever a cell ends, before the kernel says so. Does nothing outside IPython."""
    _watch_cells()
    if call not in _endings:
        _endings.append(call)


def in_cell() -> bool:
    """Whether the caller belongs to the cell that the kernel is running, and not to a task of an earlier one."""
    _watch_cells()
    return _find_kernel() is not None and _current_cell.get(None) is _running_cell()


def cell_task() -> asyncio.Task[Any] | None:
    """The task in which a cell that awaits is run, on the running loop; None for a cell that does not."""
    code = getattr(getattr(_ipython(), "run_cell_async", None), "__code__", None)
    tasks = asyncio.all_tasks() if code is not None else ()
    return next((task for task in tasks if getattr(task.get_coro(), "cr_code", None) is code), None)


def _watch_cells() -> None:
    """Note from now on which cells run. A cell that has begun already stays unknown."""
    events: Any = getattr(_ipython(), "events", None)
    if _cell_begins not in getattr(events, "callbacks", {}).get("pre_run_cell", (_cell_begins,)):
        events.register("pre_run_cell", _cell_begins)
        events.register("post_run_cell", _cell_ends)


def _cell_begins(_info: object) -> None:
    cell = request()
    if cell is not None and threading.current_thread() is threading.main_thread():
        _main_thread_cells.append(cell)
        _current_cell.set(cell)


def _cell_ends(_result: object) -> None:
    if threading.current_thread() is threading.main_thread():
        if _main_thread_cells:
            _main_thread_cells.pop()
            _current_cell.set(_running_cell())
        for call in list(_endings):
            call()


def _running_cell() -> KernelMessage | None:
    return next(reversed(_main_thread_cells), None)


def _enter(token: object) -> None:
    global _gate
    with _lock:
        # Another program that has replaced the callback since may have dropped ours, so a new hold goes on top.
        if _gate is None or not _gate.is_on_top():
            kernel = _find_kernel()
            if kernel is None or not _is_known(kernel):
                return
            _gate = _Gate(kernel)
        _holds[token] = contextvars.copy_context()


def _leave(token: object) -> None:
    with _lock:
        _holds.pop(token, None)
        if not _holds and _gate is not None:
            _gate.leave_soon()


def _latest_context() -> contextvars.Context | None:
    with _lock:
        return next(reversed(_holds.values())).copy() if _holds else None


@contextmanager
def _interrupts_put_off() -> Iterator[None]:
    """Raise KeyboardInterrupt after the block, not in it, where it could tear a message that is being read in two."""
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return
    interrupts: list[int] = []
    signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if interrupts:
        raise KeyboardInterrupt


def _ipython() -> Any:
    """IPython's shell, or None."""
    ipython: Any = sys.modules.get("IPython")
    return ipython.get_ipython() if ipython else None


def _find_kernel() -> Any:
    return getattr(_ipython(), "kernel", None)


def _is_known(kernel: Any) -> bool:
    """Whether the kernel is an ipykernel of a known major version and has every name that the gate uses, in the shape
    in which the gate uses it."""
    stream = getattr(kernel, "shell_stream", None)
    return (
        (6, 17) <= _version() < (8,)
        and callable(getattr(stream, "_recv_callback", None))
        and getattr(stream, "_recv_copy", None) is False
        and all(hasattr(stream, name) for name in ("io_loop", "on_recv", "flush"))
        and all(hasattr(kernel, name) for name in ("session", "io_loop", "comm_manager", "kernel_info", "log"))
        and callable(getattr(kernel, "_publish_status", None))
    )


def _version() -> tuple[int, ...]:
    return tuple(getattr(sys.modules.get("ipykernel"), "version_info", ())[:2])


class _Gate:
    """Stands in front of one kernel's shell stream. This module owns it while a hold lasts.

    Its methods run on the thread that reads the stream, if they do not say otherwise.
    """

    def __init__(self, kernel: Any) -> None:
        self._kernel = kernel
        self._stream = kernel.shell_stream
        self._original = self._stream._recv_callback
        self._main_thread_jobs: deque[Callable[[], None]] = deque()
        # The stream is already polled and its frames already come uncopied, so this is all that on_recv would do.
        # Unlike on_recv, which reads the socket's state, it may be done from any thread.
        self._stream._recv_callback = self._receive

    def is_on_top(self) -> bool:
        return bool(self._stream._recv_callback == self._receive)

    def pump(self) -> None:
        """On the main thread."""
        if self._stream.io_loop is self._kernel.io_loop:
            with _interrupts_put_off():
                self._stream.flush()
        self._run_main_thread_jobs()

    def leave_soon(self) -> None:
        """Leave from the thread that reads the socket, if nobody holds then. Any thread."""
        self._stream.io_loop.add_callback(self._leave)

    def _leave(self) -> None:
        global _gate
        with _lock:
            if self is _gate and not _holds:
                _gate = None
                # If somebody has wrapped the callback since, putting the original back would cut them off. This gate
                # then stays in their chain and passes everything on.
                if self.is_on_top():
                    self._stream.on_recv(self._original, copy=False)

    def _receive(self, frames: RawFrames) -> Any:
        try:
            take = self._decide(frames)
        except Exception:
            # The message is malformed or forged. The kernel decides what to say about it.
            self._kernel.log.debug("nb_stream: message passed on unread", exc_info=True)
            take = None
        if take is None:
            return self._original(frames)
        take()
        return None

    def _decide(self, frames: RawFrames) -> Callable[[], None] | None:
        """What to do with a message, or None to pass it on."""
        session = self._kernel.session
        idents, parts = session.feed_identities(frames, copy=False)
        header = session.unpack(parts[1].bytes)
        kind = header["msg_type"]
        content: KernelMessage = session.unpack(parts[4].bytes) if kind.startswith("comm_") else {}
        comm_id: Any = content.get("comm_id")
        # Deserializing checks the signature and remembers it. After that the message must be handled here, because the
        # kernel would refuse it as a repeated one.
        read = partial(session.deserialize, parts, content=True, copy=False)
        if self is _gate and _holds:
            if kind == "comm_msg" and (handler := _handlers.get(comm_id)):
                return partial(self._work, read(), handler)
            if kind in ("kernel_info_request", "comm_info_request"):
                return partial(self._work, read(), partial(self._answer, idents))
            if kind == "comm_open" and content.get("target_name") == _CONTROL_TARGET:
                return partial(self._work, read(), partial(self._kernel.comm_manager.comm_open, self._stream, idents))
            if kind == "comm_msg" and getattr(self._comm(comm_id), "target_name", None) == _CONTROL_TARGET:
                answer = partial(self._kernel.comm_manager.comm_msg, self._stream, idents)
                return partial(self._work_on_main_thread, read(), answer)
        return None

    def _work(self, message: KernelMessage, handler: Handler) -> None:
        """Handle a message between "busy" and "idle", as the kernel does: ipywidgets' page waits for the "idle" before
        it sends the next message."""
        self._kernel._publish_status("busy", "shell", parent=message)
        try:
            handler(message)
        except Exception:
            self._kernel.log.exception("nb_stream: error while handling a %s", message["msg_type"])
        finally:
            self._kernel._publish_status("idle", "shell", parent=message)
            self._show_busy()

    def _show_busy(self) -> None:
        """Tell pages that a cell is still running, because they show the latest state that they heard of."""
        cell = _running_cell()
        while cell is not None:
            self._kernel._publish_status("busy", "shell", parent=cell)
            now = _running_cell()
            if now is cell:  # the cell goes on, and the "idle" of its end will come after this
                return
            self._kernel._publish_status("idle", "shell", parent=cell)
            cell = now

    def _answer(self, idents: list[bytes], message: KernelMessage) -> None:
        """Answer the first requests of a reloaded page, which the kernel would leave until the cell ends."""
        content: KernelMessage = {"status": "ok"}
        if message["msg_type"] == "kernel_info_request":
            content.update(self._kernel.kernel_info)
        else:
            target = message["content"].get("target_name")
            comms = list(self._kernel.comm_manager.comms.items())
            content["comms"] = {
                comm_id: {"target_name": comm.target_name}
                for comm_id, comm in comms
                if target in (None, comm.target_name)
            }
        reply = message["msg_type"].replace("_request", "_reply")
        self._kernel.session.send(self._stream, reply, content, parent=message, ident=idents)

    def _work_on_main_thread(self, message: KernelMessage, handler: Handler) -> None:
        """As `_work`, but on the main thread, where widgets are changed: in its loop, or in `pump` if it is blocked."""
        if threading.current_thread() is threading.main_thread():
            self._work(message, handler)
        else:
            self._main_thread_jobs.append(partial(self._work, message, handler))
            call_in_loop(self._kernel.io_loop.asyncio_loop, self._run_main_thread_jobs)

    def _run_main_thread_jobs(self) -> None:
        while self._main_thread_jobs:
            self._main_thread_jobs.popleft()()

    def _comm(self, comm_id: Any) -> Any:
        return self._kernel.comm_manager.comms.get(comm_id)
