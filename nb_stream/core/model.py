"""The plain data of a run: what an agent said (events) and what a reader sees (cells).

Everything here is frozen and free of I/O. A backend turns what its framework yields into the `Event` union; the
reducer folds events into `Cell`s; the widget, the exports and the recordings read cells and events and nothing else.
Times are seconds since the epoch (`float`), durations are seconds, text lengths are Unicode code points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, NamedTuple, Union

from ..errors import unreachable
from .typed_json import decoded

USER = "user"
"""The name, and the path, of the person who gives the task. No figure and no row of agents counts this author."""


class _Word(str, Enum):
    """An enum whose members are plain words, also when formatted (Python 3.10 has no `enum.StrEnum`)."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class TextForm(_Word):
    """How the text of a cell is to be read."""

    MARKDOWN = "markdown"
    """What models and people write."""

    PLAIN = "plain"
    """A sentence of a framework or of nb_stream; a document may take it for Markdown."""

    PREFORMATTED = "preformatted"
    """What a program printed: every space counts."""

    JSON = "json"
    ERROR = "error"
    """What an exception says."""


class CellRole(_Word):
    """The part that a cell plays in a run. Where kinds are to be told apart, roles are: a new kind takes the place of
    those that have its role."""

    MESSAGE = "message"
    THOUGHT = "thought"
    TOOL_CALL = "tool call"
    CODE = "code"
    ASIDE = "aside"
    """What readers pass over: what a team did between two messages."""

    QUESTION = "question"
    """To a person."""

    ERROR = "error"
    NOTICE = "notice"


class CellKind(_Word):
    """What a cell shows."""

    TEXT = "text"
    THOUGHT = "thought"
    TOOL_CALL = "tool call"
    CODE = "code"
    STRUCTURED = "structured output"
    HANDOFF = "handoff"
    SELECTION = "speaker selection"
    MEMORY = "memory"
    INPUT = "human input"
    APPROVAL = "approval"
    ERROR = "error"
    NOTICE = "notice"
    OTHER = "other"

    @property
    def role(self) -> CellRole:
        """The part that cells of this kind play."""
        match self:
            case CellKind.TEXT | CellKind.STRUCTURED | CellKind.HANDOFF:
                return CellRole.MESSAGE
            case CellKind.THOUGHT:
                return CellRole.THOUGHT
            case CellKind.TOOL_CALL:
                return CellRole.TOOL_CALL
            case CellKind.CODE:
                return CellRole.CODE
            case CellKind.SELECTION | CellKind.MEMORY:
                return CellRole.ASIDE
            case CellKind.INPUT | CellKind.APPROVAL:
                return CellRole.QUESTION
            case CellKind.ERROR:
                return CellRole.ERROR
            case CellKind.NOTICE | CellKind.OTHER:
                return CellRole.NOTICE
            case _:
                unreachable(self)

    @property
    def ends_text(self) -> bool:
        """Whether a message of this kind says that its agent has finished the text that it was writing. A question
        comes in the middle of one, and so may a message that nobody knows."""
        return self.role not in (CellRole.QUESTION, CellRole.NOTICE)

    @property
    def text_form(self) -> TextForm:
        """How texts of this kind are to be read, unless they are marked as preformatted."""
        match self:
            case CellKind.TEXT | CellKind.THOUGHT | CellKind.TOOL_CALL | CellKind.CODE:
                return TextForm.MARKDOWN
            case CellKind.HANDOFF | CellKind.SELECTION | CellKind.MEMORY | CellKind.NOTICE | CellKind.OTHER:
                return TextForm.PLAIN
            case CellKind.INPUT | CellKind.APPROVAL:
                return TextForm.PLAIN
            case CellKind.STRUCTURED:
                return TextForm.JSON
            case CellKind.ERROR:
                return TextForm.ERROR
            case _:
                unreachable(self)


class CellStatus(_Word):
    """How far a cell has come."""

    WRITING = "writing"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class RunState(_Word):
    """The state of a stream or panel."""

    IDLE = "idle"
    RUNNING = "running"
    STOPPING = "stopping"
    WAITING = "waiting for input"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """Whether a run is under way."""
        return self in (RunState.RUNNING, RunState.STOPPING, RunState.WAITING)


class AgentStatus(_Word):
    """What an agent is doing, as a reader sees it."""

    IDLE = "idle"
    SILENT = "silent"
    WRITING = "writing"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class AgentInfo:
    """An agent of a team. `path` is unique (`"research/writer"`), `name` may not be; `parent` is the path of the
    team or agent that holds it. `reason` says why `can_stream` is false, or is empty."""

    name: str
    path: str
    description: str = ""
    can_stream: bool = True
    parent: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Usage:
    """Tokens that the server counted for a model call, or a sum of such counts.

    `about` says that it counted nothing: the numbers are estimated from the length of the texts, or a part of the sum
    is.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    about: bool = False

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.about or other.about,
        )

    def __bool__(self) -> bool:
        return bool(self.prompt_tokens or self.completion_tokens)


@dataclass(frozen=True)
class ToolCall:
    """A tool call with its result, once there is one. `arguments` is the JSON text that the model wrote."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    is_error: bool = False


@dataclass(frozen=True)
class Cell:
    """One entry of a transcript.

    `type` is the message class that the framework gave it (empty for text that never became a message); `data` holds
    what the kind needs beyond `text`, as JSON values (`preformatted`: no model wrote the text). `ttft` is the time to
    the first token, `tokens_per_s` the pace of the generation; `estimated` says that the pace was counted from chunks,
    because the server gave no usage.
    `cost` is in USD, where the model has a price.
    """

    id: str
    run: str
    agent: str
    path: str
    kind: CellKind
    text: str = ""
    status: CellStatus = CellStatus.DONE
    type: str = ""
    message_id: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    ttft: float | None = None
    tokens_per_s: float | None = None
    estimated: bool = False
    usage: Usage | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None

    @property
    def text_form(self) -> TextForm:
        """How its text is to be read."""
        form = self.kind.text_form
        is_said = form in (TextForm.MARKDOWN, TextForm.PLAIN)
        return TextForm.PREFORMATTED if is_said and self.data.get("preformatted") else form

    @property
    def is_markdown(self) -> bool:
        """Whether its text may be read as Markdown: what people and models say may, what programs print may not."""
        return self.text_form in (TextForm.MARKDOWN, TextForm.PLAIN)

    @property
    def duration(self) -> float | None:
        """Seconds from the cell's first token to its end, or from the model call's beginning where its text came whole;
        None where either is unknown."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.started_at)  # a file of another clock may say anything

    def to_dict(self) -> dict[str, Any]:
        """The cell as JSON values; `from_dict` gives back an equal cell."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        values["kind"], values["status"] = str(self.kind.value), str(self.status.value)
        values["usage"] = None if self.usage is None else dataclasses.asdict(self.usage)
        values["tool_calls"] = [dataclasses.asdict(call) for call in self.tool_calls]
        values["data"] = dict(self.data)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Cell:
        """The cell that `to_dict` wrote. Raises TypeError for fields that no cell has, ValueError for fields of
        another type and unknown words."""
        unknown = values.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise TypeError(f"A cell has no {', '.join(sorted(map(str, unknown)))}.")
        return decoded(cls, values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class RunInfo:
    """One run of a team: its task, how it ended and what it used.

    `ttft` is the time from its beginning to the first token of all, `tokens_per_s` the pace of its model calls,
    `waited` the seconds in which it waited for a person (waits at the same time count once); all are there once it has
    ended. `cost` is in USD; `unpriced` says that a model has no price, so that the cost is the least. `calls` are the
    model calls that no message tells of, which are in the sums.
    """

    id: str
    task: str = ""
    status: CellStatus = CellStatus.RUNNING
    stop_reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    usage: Usage = Usage()
    cost: float = 0.0
    ttft: float | None = None
    tokens_per_s: float | None = None
    estimated: bool = False
    waited: float = 0.0
    unpriced: bool = False
    calls: tuple[ModelCalls, ...] = ()

    @property
    def duration(self) -> float | None:
        """Seconds from the run's beginning to its end, or None where either is unknown."""
        return None if self.started_at is None or self.ended_at is None else max(0.0, self.ended_at - self.started_at)

    @property
    def worked(self) -> float | None:
        """The seconds of `duration` in which nobody waited for a person."""
        return None if self.duration is None else max(0.0, self.duration - self.waited)

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON values; `from_dict` gives back an equal run."""
        calls = [dataclasses.asdict(call) for call in self.calls]
        return {**dataclasses.asdict(self), "status": str(self.status.value), "calls": calls}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunInfo:
        """The run that `to_dict` wrote. Raises ValueError for fields of another type."""
        return decoded(cls, values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Token:
    """A piece of an agent's text as a callback gets it: what passed the gate, held text as one piece."""

    agent: str
    path: str
    text: str
    message_id: str | None
    at: float


# --- events: what a backend reports, in the order in which it happened ---------------------------------------------


@dataclass(frozen=True)
class RunStarted:
    """A run begins. `task` is its text for a reader, empty when a run continues without one."""

    run: str
    at: float
    task: str = ""


@dataclass(frozen=True)
class TurnStarted:
    """An agent was given the floor. `turn` is unique for each call of the agent, also for calls in parallel."""

    agent: str
    path: str
    at: float
    turn: str


@dataclass(frozen=True)
class TurnEnded:
    """An agent's turn ended without its last message. `status` is FAILED or CANCELLED, or DONE where an agent round it
    has kept the message to itself. The run may go on: an agent that is called as a tool fails alone."""

    agent: str
    path: str
    at: float
    turn: str
    status: CellStatus


class ModelCallKey(NamedTuple):
    """The model call that a piece of text belongs to: pieces with equal keys are one text. Servers reuse message ids,
    and leave them out, so that an id alone is not enough."""

    agent: str
    path: str
    message_id: str | None
    turn: str | None


@dataclass(frozen=True)
class Chunk:
    """A piece of streamed text, or several of them joined: `count` pieces, from `at` to `until`."""

    agent: str
    path: str
    at: float
    text: str
    message_id: str | None = None
    turn: str | None = None
    count: int = 1
    until: float | None = None

    @property
    def key(self) -> ModelCallKey:
        """The model call that wrote it."""
        return ModelCallKey(self.agent, self.path, self.message_id, self.turn)


@dataclass(frozen=True)
class Message:
    """A whole message or event of an agent. `final` marks the last one of its turn.

    A `TEXT` or `STRUCTURED` message ends the text that was streamed for it; every other kind stands for itself.
    """

    agent: str
    path: str
    at: float
    kind: CellKind
    text: str
    type: str
    message_id: str | None = None
    turn: str | None = None
    final: bool = False
    usage: Usage | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    cost: float | None = None


@dataclass(frozen=True)
class ToolResults:
    """The results of tool calls; each is paired with its call by `ToolCall.id`.

    The calls are those of the turn. If `turn` is None, they are all open calls of the agent: a call that a person has
    approved may have its result when the agent goes on in another turn, which has no call of its own.
    """

    agent: str
    path: str
    at: float
    results: tuple[ToolCall, ...]
    message_id: str | None = None
    turn: str | None = None
    type: str = ""


@dataclass(frozen=True)
class CodeResult:
    """The output of a code cell's code."""

    agent: str
    path: str
    at: float
    output: str
    exit_code: int
    message_id: str | None = None
    turn: str | None = None
    type: str = ""


@dataclass(frozen=True)
class InputResolved:
    """A request for human input ended: answered, cancelled or timed out."""

    agent: str
    path: str
    at: float
    request_id: str
    how: str
    answer: str | None = None


@dataclass(frozen=True)
class ModelCalls:
    """Model calls of an agent or a manager that no message tells of: the choices of a selector in a team without
    `emit_team_events`, what an orchestrator asks itself, an answer that was broken off. `count` of them together."""

    agent: str
    path: str
    at: float
    usage: Usage
    count: int = 1
    cost: float | None = None


@dataclass(frozen=True)
class Notice:
    """Something that a reader should know and that no agent said."""

    at: float
    text: str


@dataclass(frozen=True)
class RunFinished:
    """A run ended. `status` is DONE, FAILED or CANCELLED; `error` and `traceback` are the failure's texts. `agent` and
    `path` are those of the agent whose turn failed, and empty if it was nobody's."""

    run: str
    at: float
    status: CellStatus
    stop_reason: str | None = None
    error: str = ""
    traceback: str = ""
    agent: str = ""
    path: str = ""


Event = Union[
    RunStarted,
    TurnStarted,
    TurnEnded,
    Chunk,
    Message,
    ToolResults,
    CodeResult,
    InputResolved,
    ModelCalls,
    Notice,
    RunFinished,
]
