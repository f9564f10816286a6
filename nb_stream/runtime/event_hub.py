"""The feed: takes in what a team says, and gives it to the transcript, to callbacks, to a consumer and to displays.

Text goes two ways. Into the transcript goes every piece, joined with its neighbours and folded only when somebody
looks. To callbacks and to the consumer of `run_stream` goes at once what the agent's gate lets through; what a closed
gate keeps is given as one piece when it opens, or dropped when the whole message has come.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol, TypeVar

from ..concurrency.clock import now
from ..core import think_tags
from ..core.chunk_buffer import ChunkBuffer
from ..core.metrics import cost, price_of
from ..core.model import (
    USER,
    AgentInfo,
    AgentStatus,
    CellKind,
    CellStatus,
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
    """Somebody who shows a stream. All methods are called on the stream's loop. One that cannot take the answers to
    questions has a false attribute `takes_answers`. Where one has a method `begin`, that is called first: from then on
    it is told of all that changes."""

    def patched(self, patches: Sequence[Patch]) -> None:
        """The transcript changed."""

    def touched(self, first: bool) -> None:
        """Text is waiting to be folded by `drain`; `first` says that a message begins with it."""

    def agents_changed(self) -> None:
        """A switch, an agent's status or the list of agents changed."""

    def state_changed(self) -> None:
        """The run's state changed."""

    def rewound(self) -> None:
        """A replay went back: cells of the current run were taken off the transcript."""


class EventHub:
    """What a stream has heard so far, and who listens. Belongs to the stream's loop, but for `so_far` and `gate`."""

    def __init__(self, agents: tuple[AgentInfo, ...], gate: TokenGate, joined: Callable[[Any, str], Any]) -> None:
        self.agents = agents
        self.gate = gate
        self.status: dict[str, AgentStatus] = {}
        self.tokens: Callbacks[Token] = Callbacks(self.complain)
        self.events: Callbacks[Event] = Callbacks(self.complain)
        self._unpriced: set[str] = set()  # models of which that was said
        self.watchers: list[Watcher] = []
        self._faulty: list[Watcher] = []  # told about in the log
        self.prices: dict[str, tuple[float, float]] = {}
        self.models: dict[str, str] = {}
        self.tape = EventLog()
        self._kept = self.tape.chunks
        self._keep = self._kept.append
        self.outlet: MessageQueue | None = None
        self._joined = joined
        self._begun = Transcript(agents=agents)  # as it was when the run began
        self._said = self._begun, ChunkBuffer()  # and what is on its way into it: changed as one, for readers elsewhere
        self._held = ChunkBuffer()  # kept by a closed gate

    @property
    def attended(self) -> bool:
        """Whether a display shows the stream where somebody can answer."""
        return any(getattr(watcher, "takes_answers", True) for watcher in self.watchers)

    @property
    def transcript(self) -> Transcript:
        """Everything that was said so far."""
        self.drain()
        return self._said[0]

    @property
    def so_far(self) -> Transcript:
        """The same for other threads: it waits for nobody, and leaves the folding, which displays hear of, to the
        loop."""
        transcript, fresh = self._said
        for chunk in fresh.chunks():
            transcript, _ = fold(transcript, chunk)
        return transcript

    def watch(self, watcher: Watcher) -> None:
        """Tell a display from now on."""
        self.drain()  # what comes now is news for the others only
        self.watchers.append(watcher)
        if begin := getattr(watcher, "begin", None):
            begin()

    def leave(self, watcher: Watcher) -> None:
        """Tell a display no more."""
        if watcher in self.watchers:
            self.watchers.remove(watcher)

    def chunk(self, native: Any, chunk: Chunk) -> None:
        """Take in a piece of text: the hot path."""
        self._keep(chunk)
        if len(self._kept) >= BATCH_CHUNKS:
            self.tape.pack()
        path = chunk.path
        first = self._said[1].add(chunk)
        if first:
            self._meet(chunk.agent, path, streams=True)
            if self.status.get(path) is not AgentStatus.WRITING:
                self._set_status(path, AgentStatus.WRITING)
        for watcher in list(self.watchers):
            try:
                watcher.touched(first)
            except Exception as error:  # noqa: BLE001
                self._failed(watcher, error)
        if self.outlet is None and not self.tokens and not self.events:
            if self._held:
                self._held = ChunkBuffer()  # who hears the rest must not get it behind a gap
        elif self.gate.is_open(path):
            if self._held:
                self.release(path)  # another thread has opened the gate a moment ago
            self._pass(native, chunk)
        else:
            self._held.add(chunk, native)

    def event(self, event: Event, path: str = "") -> None:
        """Take in anything else."""
        self.drain()
        if isinstance(event, ModelCalls) or (path and isinstance(event, Message)):
            event = self._priced(event, event.path)
        self.tape(event)
        if isinstance(event, TurnStarted):
            self.gate.turn_begins(path)
            self._set_status(path, AgentStatus.SILENT)
        elif isinstance(event, TurnEnded):
            self._forget(path, event.turn)
            self._set_status(path, AgentStatus.FAILED if event.status is CellStatus.FAILED else AgentStatus.DONE)
        elif isinstance(event, RunFinished) and event.path:
            self._set_status(event.path, AgentStatus.FAILED)
        elif path and isinstance(event, (ToolResults, CodeResult)):
            self._meet(event.agent, path, streams=False)
        elif path and isinstance(event, Message):
            if event.kind is not CellKind.SELECTION and event.agent != USER:
                self._meet(event.agent, path, streams=False)
            if event.kind.ends_text and event.kind is not CellKind.THOUGHT:  # the answer comes behind its thought
                self._forget(path, event.turn)
            if path in self.gate:
                self._set_status(path, AgentStatus.DONE if event.final else AgentStatus.SILENT)
        self._fold((*self._said[1].chunks(), event))
        if isinstance(event, RunStarted):
            self._begun = self._said[0]
        if self.events:
            self.events.send(event, path)

    def drain(self) -> None:
        """Fold the text that is waiting. Cheap where none is."""
        fresh = self._said[1]
        if fresh:
            self._fold(fresh.chunks())

    def gates_changed(self) -> None:
        """Some gates opened or closed: let through what the open ones kept, and let displays look again."""
        for path in self._held.paths():
            if self.gate.is_open(path):
                self.release(path)
        self.tell_agents()

    def release(self, path: str) -> None:
        """The gate of an agent opened: let through what it kept."""
        for joined in list(self._held.take(path)):
            chunk = joined.chunk()
            self._pass(self._joined(joined.native, chunk.text), chunk)

    def rewind(self) -> None:
        """A replay goes back to the beginning of its run: forget what the run said."""
        self._said, self._held = (self._begun, ChunkBuffer()), ChunkBuffer()
        self.tape.rewind()
        self._tell(lambda watcher: watcher.rewound())

    def restore(self, transcript: Transcript, events: Iterable[Event]) -> None:
        """Begin with what was recorded earlier: its transcript, and the events that it came from."""
        self._begun = replace(transcript, agents=self.agents)
        self._said = self._begun, ChunkBuffer()
        self.tape.keep(events)

    def begin(self, outlet: MessageQueue | None) -> None:
        """A run begins; `outlet` takes its messages for the consumer of `run_stream`."""
        self.status.clear()
        self.outlet = outlet

    def end(self) -> None:
        """A run ended: nobody is writing any more."""
        self._held = ChunkBuffer()
        for path, status in self.status.items():
            if status is not AgentStatus.FAILED:
                self.status[path] = AgentStatus.DONE
        self.tell_agents()

    def tell_agents(self) -> None:
        """Let displays look at agents and switches again."""
        self._tell(lambda watcher: watcher.agents_changed())

    def tell_state(self) -> None:
        """Let displays look at the run's state again."""
        self._tell(lambda watcher: watcher.state_changed())

    async def settle(self, seconds: float) -> None:
        """Wait until callbacks have had all their values, at most `seconds`."""
        await drain((self.tokens, self.events), seconds)

    def complain(self, sentence: str) -> None:
        """Tell the reader something that no agent said."""
        log.warning(sentence)
        self.event(Notice(now(), sentence))

    def _pass(self, native: Any, chunk: Chunk) -> None:
        if self.outlet is not None:
            self.outlet.put(native)
        if self.tokens:
            token = Token(chunk.agent, chunk.path, think_tags.with_think_tags(chunk.text), chunk.message_id, chunk.at)
            self.tokens.send(token, chunk.path)
        if self.events:
            self.events.send(chunk, chunk.path)

    def _forget(self, path: str, turn: str | None) -> None:
        """A turn's message has come whole: nobody needs what its gate holds, unless that has just been opened."""
        if self._held and self.gate.is_open(path):
            self.release(path)
        self._held.forget(path, turn)

    def _fold(self, events: Iterable[Event]) -> None:
        """Take up events into the transcript. Text that comes now goes into another pile: a reader elsewhere may still
        hold the old one, and would put that text before the events."""
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

    def _failed(self, watcher: Watcher, error: Exception) -> None:
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
            self.complain(f"There is no price for {which}: what it costs is in no sum. Name it in prices.")
        return event

    def _meet(self, name: str, path: str, *, streams: bool) -> None:
        """An agent gives a sign: one that nobody announced gets a switch, and one that streams after all can."""
        known = next((agent for agent in self.agents if agent.path == path), None)
        if known is not None and (known.can_stream or not streams):
            return
        parent = path.rpartition("/")[0] or None
        agent = AgentInfo(name, path, parent=parent) if known is None else replace(known, can_stream=True, reason="")
        if not streams:
            agent = replace(agent, can_stream=False, reason=f"{name} has not streamed so far.")
        self.gate.meet(path, streams)  # first, as others look up whom they find in `agents`
        self.agents = (*(agent if other is known else other for other in self.agents), *([] if known else [agent]))
        self._begun = replace(self._begun, agents=self.agents)
        self._said = replace(self._said[0], agents=self.agents), self._said[1]
        self.tell_agents()

    def _set_status(self, path: str, status: AgentStatus) -> None:
        self.status[path] = status
        self.tell_agents()
