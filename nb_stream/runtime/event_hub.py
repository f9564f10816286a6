"""`EventHub`: takes the events of a team and gives them to the transcript, to callbacks, to a consumer and to displays.

Text goes two ways. The transcript gets every piece. Pieces are joined with their neighbours and folded only when
somebody looks, because folding each one would cost more than the run. Callbacks and the consumer of `run_stream` get a
piece at once if the gate of its agent is open. If the gate is closed, the hub holds the text. It gives it as one piece
when the gate opens, or drops it when the whole message has come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ..concurrency.clock import now
from ..core import think_tags
from ..core.agent_statuses import status_after
from ..core.chunk_buffer import ChunkBuffer
from ..core.metrics import cost, price_of
from ..core.model import (
    USER,
    AgentInfo,
    AgentStatus,
    CellKind,
    Chunk,
    CodeResult,
    Event,
    Message,
    ModelCalls,
    Notice,
    RunFinished,
    RunStarted,
    Token,
    ToolResults,
    TurnEnded,
    TurnStarted,
)
from ..core.patches import Patch
from ..core.reducer import fold
from ..core.transcript import Transcript
from ..recording.writer import BATCH_CHUNKS, EventLog
from .callbacks import Callbacks, drain
from .run import MessageQueue
from .token_gate import TokenGate

log = logging.getLogger("nb_stream")

Priced = TypeVar("Priced", bound=Message | ModelCalls)


class Watcher(Protocol):
    """A display of a stream. All methods are called on the stream's loop. Three more attributes are optional. A display
    that cannot take answers to questions has `takes_answers = False`. A method `begin` is called when the display was
    added; all later changes are told by the other methods. A method `notice` gets sentences that are no part of the
    transcript."""

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""

    def touched(self, first: bool) -> None:
        """Text waits until `drain` folds it; `first` says that it is the first text of a model call that waits."""

    def agents_changed(self) -> None:
        """A switch, an agent's status or the list of agents changed."""

    def state_changed(self) -> None:
        """The run's state changed."""

    def rewound(self) -> None:
        """A replay went back: the cells of the current run were taken out of the transcript."""


class EventListener(Protocol):
    """Hears everything that a stream hears, text behind closed gates included. On the stream's loop."""

    def heard(self, event: Event) -> None:
        """An event happened. Before this, displays have not been told of it."""

    def yielded(self, native: Any, event: Event) -> None:
        """The team yielded one of its framework's own messages. `heard` is called with its event next."""


class EventHub:
    """Everything that a stream has heard so far, and everybody who listens. A `TeamStream` owns it. It is used on the
    stream's loop; only `so_far` and `gate` may be used on any thread."""

    def __init__(self, agents: tuple[AgentInfo, ...], gate: TokenGate, joined: Callable[[Any, str], Any]) -> None:
        self.agents = agents
        self.gate = gate
        self.status: dict[str, AgentStatus] = {}
        self.tokens: Callbacks[Token] = Callbacks(self.complain)
        self.events: Callbacks[Event] = Callbacks(self.complain)
        self._unpriced: set[str] = set()  # models without a price that a notice has named
        self.watchers: list[Watcher] = []
        self.listeners: list[EventListener] = []
        self.quiet = False
        """While True, events are news from before: callbacks do not get them."""
        self._faulty: list[Watcher | EventListener] = []  # displays whose failure is in the log
        self.prices: dict[str, tuple[float, float]] = {}
        self.models: dict[str, str] = {}
        self.event_log = EventLog()
        self._kept = self.event_log.chunks
        self._keep = self._kept.append  # bound once: it is called for every token
        self.queue: MessageQueue | None = None
        self._joined = joined
        self._begun = Transcript(agents=agents)  # as it was when the run began
        # The transcript and the text that waits to be folded: replaced in one step, because other threads read them.
        self._said = self._begun, ChunkBuffer()
        self._held = ChunkBuffer()  # text behind closed gates

    @property
    def attended(self) -> bool:
        """Whether somebody who watches a display of the stream can answer questions there."""
        return any(getattr(watcher, "takes_answers", True) for watcher in self.watchers)

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far."""
        self.drain()
        return self._said[0]

    @property
    def so_far(self) -> Transcript:
        """The same transcript for other threads. It waits for nobody, and it changes nothing: only the loop may fold
        text for good, because displays are told of it there."""
        transcript, fresh = self._said
        for chunk in fresh.chunks():
            transcript, _ = fold(transcript, chunk)
        return transcript

    def watch(self, watcher: Watcher) -> None:
        """Add a display: from now on it is told of every change."""
        self.drain()  # a new display must not be told of text that came before it
        self.watchers.append(watcher)
        if begin := getattr(watcher, "begin", None):
            begin()

    def leave(self, watcher: Watcher) -> None:
        """Remove a display."""
        if watcher in self.watchers:
            self.watchers.remove(watcher)

    def chunk(self, native: Any, chunk: Chunk) -> None:
        """Take a piece of text, with the framework's own event. This is called for every token, so it is kept short."""
        self._keep(chunk)
        if len(self._kept) >= BATCH_CHUNKS:
            self.event_log.pack()
        path = chunk.path
        if self.listeners:
            self._tell_listeners(lambda listener: listener.heard(chunk))
        first = self._said[1].add(chunk)
        if first:  # later pieces cannot change the agent's switch or status
            self._meet(chunk.agent, path, streams=True)
            if self.status.get(path) is not AgentStatus.WRITING:
                self._set_status(path, AgentStatus.WRITING)
        for watcher in list(self.watchers):
            try:
                watcher.touched(first)
            except Exception as error:  # noqa: BLE001
                self._failed(watcher, error)
        if self.quiet or (self.queue is None and not self.tokens and not self.events):
            if self._held:
                self._held = ChunkBuffer()  # a later listener would get the held text with a gap behind it
        elif self.gate.is_open(path):
            if self._held:
                self.release(path)  # another thread has opened the gate a moment ago
            self._pass(native, chunk)
        else:
            self._held.add(chunk, native)

    def begin_call(self, chunk: Chunk) -> None:
        """A model call of a remote team began to write behind the gate there. `chunk` has no text: it comes when the
        gate opens or when the message is finished."""
        self._fold((*self._said[1].chunks(), chunk))

    def event(self, event: Event, path: str = "") -> None:
        """Take any other event. `path` is the agent's, and empty if no agent said it."""
        self.drain()  # the text that came before the event stands before it
        if isinstance(event, ModelCalls) or (path and isinstance(event, Message)):
            event = self._priced(event, event.path)
        self.event_log(event)
        if self.listeners:
            self._tell_listeners(lambda listener: listener.heard(event))
        whose, status = path, status_after(event)
        if isinstance(event, TurnStarted):
            self.gate.turn_begins(path)
        elif isinstance(event, TurnEnded):
            self._forget(path, event.turn)
        elif isinstance(event, RunFinished):
            whose = event.path
        elif path and isinstance(event, (ToolResults, CodeResult)):
            self._meet(event.agent, path, streams=False)
        elif path and isinstance(event, Message):
            if event.kind is not CellKind.SELECTION and event.agent != USER:
                self._meet(event.agent, path, streams=False)
            if event.kind.ends_text and event.kind is not CellKind.THOUGHT:  # behind a thought comes its answer
                self._forget(path, event.turn)
            status = status if path in self.gate else None
        if whose and status is not None:
            self._set_status(whose, status)
        self._fold((*self._said[1].chunks(), event))
        if isinstance(event, RunStarted):
            self._begun = self._said[0]
        if self.events and not self.quiet:
            self.events.send(event, path)

    def yielded(self, native: Any, event: Event, path: str) -> None:
        """Take an event that comes with the framework's own message, which goes to the consumer too."""
        self._tell_listeners(lambda listener: listener.yielded(native, event))
        self.event(event, path)
        if self.queue is not None:
            self.queue.put(native)

    def drain(self) -> None:
        """Fold the text that waits. This costs nothing if no text waits."""
        fresh = self._said[1]
        if fresh:
            self._fold(fresh.chunks())

    def gates_changed(self) -> None:
        """Some gates opened or closed: release the text of those that are open, and tell the displays."""
        for path in self._held.paths():
            if self.gate.is_open(path):
                self.release(path)
        self.tell_agents()

    def release(self, path: str) -> None:
        """Give the held text of an agent, whose gate has opened, to the consumer and to callbacks."""
        for joined in list(self._held.take(path)):
            chunk = joined.chunk()
            self._pass(self._joined(joined.native, chunk.text), chunk)

    def rewind(self) -> None:
        """A replay goes back to the beginning of its run: forget the events of the run."""
        self._said, self._held = (self._begun, ChunkBuffer()), ChunkBuffer()
        self.event_log.rewind()
        self._tell(lambda watcher: watcher.rewound())

    def restore(self, transcript: Transcript, events: Iterable[Event]) -> None:
        """Begin with a transcript that was recorded earlier, and with the events that it came from."""
        self._begun = replace(transcript, agents=self.agents)
        self._said = self._begun, ChunkBuffer()
        self.event_log.keep(events)

    def begin(self, queue: MessageQueue | None) -> None:
        """A run begins; `queue` takes its messages for the consumer of `run_stream`."""
        self.status.clear()
        self.queue = queue

    def end(self) -> None:
        """A run ended: nobody is writing any more."""
        self._held = ChunkBuffer()
        for path, status in self.status.items():
            if status is not AgentStatus.FAILED:
                self.status[path] = AgentStatus.DONE
        self.tell_agents()

    def meet_all(self, agents: tuple[AgentInfo, ...]) -> None:
        """The agents are these: a remote team has said so."""
        self.agents = agents
        self._begun = replace(self._begun, agents=agents)
        self._said = replace(self._said[0], agents=agents), self._said[1]

    def notice(self, sentence: str) -> None:
        """Tell readers something that is no part of the transcript. Displays without a place for it are passed over."""
        log.info(sentence)
        for watcher in list(self.watchers):
            if tell := getattr(watcher, "notice", None):
                tell(sentence)

    def tell_agents(self) -> None:
        """Tell displays that agents, their status or their switches have changed."""
        self._tell(lambda watcher: watcher.agents_changed())

    def tell_state(self) -> None:
        """Tell displays that the state of the run has changed."""
        self._tell(lambda watcher: watcher.state_changed())

    async def settle(self, seconds: float) -> None:
        """Wait until callbacks have had all their values, at most `seconds`."""
        await drain((self.tokens, self.events), seconds)

    def complain(self, sentence: str) -> None:
        """Tell the reader a sentence of nb_stream: in a notice of the transcript, and in the log."""
        log.warning(sentence)
        self.event(Notice(now(), sentence))

    def _pass(self, native: Any, chunk: Chunk) -> None:
        if self.queue is not None:
            self.queue.put(native)
        if self.tokens:
            token = Token(chunk.agent, chunk.path, think_tags.with_think_tags(chunk.text), chunk.message_id, chunk.at)
            self.tokens.send(token, chunk.path)
        if self.events:
            self.events.send(chunk, chunk.path)

    def _forget(self, path: str, turn: str | None) -> None:
        """The message of a turn has come whole: drop its held text. If the gate has just been opened, its text goes out
        first."""
        if self._held and self.gate.is_open(path):
            self.release(path)
        self._held.forget(path, turn)

    def _fold(self, events: Iterable[Event]) -> None:
        """Fold events into the transcript. Text that comes after them goes into a new buffer: a reader on another
        thread may still have the old transcript with the old buffer, and would place that text before the events."""
        transcript, patches = self._said[0], list[Patch]()
        for event in events:
            transcript, changes = fold(transcript, event)
            patches.extend(changes)
        self._said = transcript, ChunkBuffer()
        if patches:
            self._tell(lambda watcher: watcher.patched(patches))

    def _tell(self, call: Callable[[Watcher], None]) -> None:
        for watcher in list(self.watchers):
            try:
                call(watcher)
            except Exception as error:  # noqa: BLE001 - a display's fault must not become the run's
                self._failed(watcher, error)

    def _tell_listeners(self, call: Callable[[EventListener], None]) -> None:
        for listener in self.listeners:
            try:
                call(listener)
            except Exception as error:  # noqa: BLE001 - as for displays
                self._failed(listener, error)

    def _failed(self, watcher: Watcher | EventListener, error: Exception) -> None:
        if watcher not in self._faulty:
            self._faulty.append(watcher)
            log.error("A display of this stream failed: %s", type(watcher).__qualname__, exc_info=error)

    def _priced(self, event: Priced, path: str) -> Priced:
        model = self.models.get(path, "")
        price = price_of(model, self.prices)
        if event.usage is None or not self.prices:
            return event
        if price is not None:
            return replace(event, cost=cost(event.usage, price))
        if model not in self._unpriced:
            self._unpriced.add(model)
            which = f"the model {model}, which {event.agent} calls" if model else f"the model that {event.agent} calls"
            self.complain(f"There is no price for {which}, so the sums leave its cost out. Name it in prices.")
        return event

    def _meet(self, name: str, path: str, *, streams: bool) -> None:
        """An agent gives a sign of life. An agent that discovery did not find gets a switch. If an agent streams that
        was not expected to, its switch is enabled."""
        known = next((agent for agent in self.agents if agent.path == path), None)
        if known is not None and (known.can_stream or not streams):
            return
        parent = path.rpartition("/")[0] or None
        agent = AgentInfo(name, path, parent=parent) if known is None else replace(known, can_stream=True, reason="")
        if not streams:
            agent = replace(agent, can_stream=False, reason=f"{name} has not streamed so far.")
        self.gate.meet(path, streams)  # first, because other threads ask the gate about every agent of `agents`
        self.agents = (*(agent if other is known else other for other in self.agents), *([] if known else [agent]))
        self._begun = replace(self._begun, agents=self.agents)
        self._said = replace(self._said[0], agents=self.agents), self._said[1]
        self.tell_agents()

    def _set_status(self, path: str, status: AgentStatus) -> None:
        self.status[path] = status
        self.tell_agents()
