"""The panel's anywidget: it sends frames to browsers and receives their commands. It knows nothing of teams.

Commands are custom messages and not synced traits: while a cell runs, a kernel may never answer a trait's update, and
the front end then sends no further update. `comm_interceptor` hands our messages over at once, on the thread that reads
the kernel's socket.

anywidget sends a widget's module with each widget and saves it with each widget's state. So that module is a small
loader, and the panel itself comes once for each page, as a custom message. anywidget 0.11 drops all messages for a
widget whose module took longer than 2 s to load; such a page is reached over the comm of the widget's layout, which is
called the detour (`frontend/src/comm/comm_lines.ts`).

The panel relies on anywidget's contract and on nothing else: an ES module in the trait `_esm` and a style sheet in
`_css`, `initialize` and `render` with a model that has `get`, `on`, `off` and `send`, an `AbortSignal`, and an element
to draw in. Nothing is loaded from a network; the other parts of the front end come as custom messages, too.

* JupyterLab 4, Notebook 7: tested, as is a bare page with ipywidgets' base manager (`tests/browser`).
* VS Code, not tested. Its widgets live in a webview with a mirror of the kernel's messages, custom ones included, and
  it finds anywidget's script in the environment's `nbextensions` or on a CDN (vscode-jupyter, wiki, "Component:
  IPyWidgets"). Our module is evaluated from a `blob:` address, as that of every anywidget. Colours come from
  `--vscode-*`. A notebook that is opened again shows what the panel leaves as HTML. All outputs are in one document, so
  our style sheet hides that beside a live panel.
* Colab, not tested. Third-party widgets need `output.enable_custom_widget_manager()`, which anywidget calls
  (`anywidget/_util.py`). Every cell's output is a frame of its own, and messages that a later cell causes may not reach
  it (reported in googlecolab/colabtools#498): show the panel in the cell that runs it. Frames out of sight paint
  nothing, so the panel takes them for painted after a second.
* A page without a kernel (saved state, `ipywidgets.embed`) shows nothing of the widget; the transcript stands in the
  output beside it.
"""

from __future__ import annotations

import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import anywidget
import ipywidgets
import traitlets

from ..concurrency import comm_interceptor, event_loops
from ..wire.commands import Command, Detour, Hello, Resync, SendModule, SendState, decode
from ..wire.front_end import STATIC, digested, module_source
from ..wire.protocol import PROTOCOL_VERSION, Frame, Op, Snapshot

_sent: list[bool] = []  # the first widget of a kernel sends the panel's module unasked; a page that missed it asks


_EMPTY = {"_esm": 'export default{initialize({model}){model.send({type:"state"})}}', "snapshot": {}}
"""Traits that only the kernel sets, with the small values that a notebook may save (a page saves an empty module, see
`loader.ts`). A page that gets these values from a kernel asks for the whole state, and anywidget begins anew with the
module that comes."""


def _fresh(_value: object, widget: FrameWidget) -> Any:
    return widget.make_snapshot()


def _set(state: dict[str, Any]) -> dict[str, Any]:
    """A state to open a widget with, without the members that are None, because pages take None for granted."""
    return {name: value for name, value in state.items() if value is not None}


class _Layout(ipywidgets.Layout):  # type: ignore[misc]
    """A layout that is opened with the members that are set. A page that connects later, or again, gets the others too,
    because it may have missed that one was set back."""

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        return _set(state) if self.comm is None else state


class FrameWidget(anywidget.AnyWidget):
    """Shows what its frames say. `TeamPanel` overrides `make_snapshot`, `receive`, `refuse` and `leave_static`.

    It lives as long as the panel that it is. Commands may come on any thread, frames may be sent on any thread.
    """

    _esm = STATIC / "loader.js"
    # Never assigned: the snapshot is made anew whenever a front end asks for the state. So a page that opens or reloads
    # gets everything at once, and a token costs nothing.
    snapshot = traitlets.Dict().tag(sync=True, to_json=_fresh, echo_update=False)
    line = traitlets.Unicode(help="Marks messages on the layout's comm, which panels may share.").tag(sync=True)
    has_team = traitlets.Bool(True, help="Whether there is somebody to run.").tag(sync=True)
    static_mark = traitlets.Unicode(help="The CSS class of the output that it leaves in the notebook.").tag(sync=True)
    left = traitlets.Unicode(help="Where that output stands, and the revisions of its parts.").tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._forget: list[Callable[[], None]] = []
        self._detour = False
        # The panel fits itself to the width that it gets, so it has no width to offer to a box that asks for one.
        layout = _Layout(width="100%", min_width="0")
        super().__init__(layout=layout, line=uuid.uuid4().hex, **traits)
        self.on_msg(lambda _widget, content, _buffers: self._received(content))
        deliver_commands(self, lambda content: self._received(content), self._forget)
        if self.comm is not None and not _sent:
            _sent.append(True)
            self._send_panel(digested("panel"))

    def make_snapshot(self) -> Snapshot | dict[str, Any]:
        """Everything that a fresh front end needs. Called on the thread that answers the front end."""
        return {}

    def receive(self, command: Command) -> None:
        """Carry out a command of a browser. May be called on any thread."""

    def refuse(self, sentence: str) -> None:
        """Tell the reader why a message of a browser was no command. May be called on any thread."""

    def get_state(self, key: Any = None, drop_defaults: bool = False) -> dict[str, Any]:
        """The state for a page. If the widget is opened without a page, it is the state that a saved notebook keeps."""
        state: dict[str, Any] = super().get_state(key, drop_defaults)
        return _set({**state, **_EMPTY}) if self.comm is None and comm_interceptor.unattended() else state

    def set_state(self, sync_data: dict[str, Any]) -> None:
        """Take the traits that a page sends, except those that only the kernel sets."""
        super().set_state({name: value for name, value in sync_data.items() if name not in _EMPTY})

    def send_frame(self, frame: Frame) -> None:
        """Send a frame to every front end. Any thread may call it."""
        if self._detour:
            self._send_on_detour(frame)
        else:
            self.send(frame)

    def _send_on_detour(self, content: object) -> None:
        """Send over the layout's comm, which reaches every front end, even one whose messages anywidget drops."""
        self.layout.send({"line": self.line, "content": content})

    def _received(self, content: object) -> None:
        try:
            command = decode(content)
        except ValueError as error:
            self.refuse(str(error))
            return
        if isinstance(command, Hello):
            self.send({"hello": True})
            self._send_on_detour({"hello": True})
        elif isinstance(command, Detour):
            self._detour = True
            self.receive(Resync())
        elif isinstance(command, SendState):
            self.send_state()
        elif isinstance(command, SendModule) and command.name.startswith("panel."):
            self._send_panel(command.name)
        else:
            self.receive(command)

    def _send_panel(self, name: str) -> None:
        """Send the panel's own module, under the name under which pages wait for it."""
        self.send_beside({"op": "module", "name": name, "source": module_source("panel")})

    def send_beside(self, op: Op) -> None:
        """Send an operation outside of the sequence of frames. Any thread may call it."""
        self.send_frame({"v": PROTOCOL_VERSION, "seq": -1, "ops": [op]})

    def leave_static(self) -> None:
        """The widget is shown in the running cell: put the output that is to stay in the notebook there."""

    def close(self) -> None:
        """Take the widget off every page."""
        forgets = getattr(self, "_forget", [])  # missing in a panel whose making failed; and a panel may close twice
        while forgets:
            forgets.pop()()
        super().close()


def caution() -> str:
    """A sentence for the reader if controls may act late; empty if they act while a cell runs."""
    return comm_interceptor.available() or ""


def deliver_commands(
    widget: ipywidgets.Widget, custom: Callable[[object], None] | None, forget: list[Callable[[], None]]
) -> None:
    """Let a widget's messages come at once while a cell runs. `forget` gets the function that ends that.

    Custom messages go to `custom`. All other messages, and all messages if `custom` is None, go to the widget itself,
    on the loop on which its cell ran.
    """
    comm = widget.comm
    if comm is None:
        return
    loop = event_loops.running_loop()

    def handle(message: dict[str, Any]) -> None:
        data = message["content"]["data"]
        if custom is not None and data.get("method") == "custom":
            custom(data.get("content"))
        elif loop is None:
            widget._handle_msg(message)
        else:
            comm_interceptor.call_in_loop(loop, widget._handle_msg, message)

    forget.append(comm_interceptor.intercept(comm.comm_id, handle))


def show_in_boxes() -> None:
    """Let IPython call `leave_static` for widgets that are shown inside of boxes, tabs and the like, too. Hosts without
    cells, such as Solara, have a shell without formatters."""
    ipython: Any = sys.modules.get("IPython")
    formatters = None if ipython is None else getattr(ipython.get_ipython(), "display_formatter", None)
    formatter = getattr(formatters, "mimebundle_formatter", None)
    if formatter is not None and ipywidgets.Box not in formatter.type_printers:
        formatter.for_type(ipywidgets.Box, _box_bundle)


def _box_bundle(box: ipywidgets.Box) -> Any:
    for widget in _inside(box, set()):
        widget.leave_static()
    return box._repr_mimebundle_()


def _inside(box: Any, seen: set[str]) -> Iterator[FrameWidget]:
    for child in getattr(box, "children", ()):
        if child.model_id not in seen:
            seen.add(child.model_id)
            if isinstance(child, FrameWidget):
                yield child
            yield from _inside(child, seen)
