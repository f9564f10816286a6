"""The plain data of a run: events, which say what happened, and cells, which are what a reader sees.

These types separate the agent framework from everything that shows or keeps a run. A backend turns what its framework
yields into the `Event` union. The reducer folds events into `Cell`s. The widget, the exports and the recordings read
cells and events and nothing else. Everything here is frozen and free of I/O. Times are seconds since the epoch
(`float`), durations are seconds, text lengths are Unicode code points.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cached_property
from typing import Any, NamedTuple, Union

from ..errors import unreachable
from .typed_json import decoded, is_json

USER = "user"
"""The name and the path of the person who gives the task. This author is no agent: it has no figures and no switch."""


ReadContext = Callable[[], Any]
"""Gives the `CallContext` (`call_context`) of the model call that a message came from."""


class _Word(str, Enum):
    """An enum whose members are plain words, also when formatted (Python 3.10 has no `enum.StrEnum`)."""

    def __str__(self) -> str:
        return str(self.value)

    def __format__(self, spec: str) -> str:
        return format(str(self.value), spec)


class TextForm(_Word):
    """How the text of a cell is to be read."""

    MARKDOWN = "markdown"
    """Text that models and people write."""

    PLAIN = "plain"
    """A sentence of a framework or of nb_stream. A document may show it as Markdown."""

    PREFORMATTED = "preformatted"
    """The output of a program: every space counts."""

    JSON = "json"
    ERROR = "error"
    """The text of an exception."""


class CellRole(_Word):
    """The part that a cell plays in a run. Renderers branch on roles and not on kinds, so that a new kind is shown as
    the other kinds of its role are."""

    MESSAGE = "message"
    THOUGHT = "thought"
    TOOL_CALL = "tool call"
    CODE = "code"
    ASIDE = "aside"
    """What a team did between two messages. Most readers skip it."""

    QUESTION = "question"
    """A question to a person."""

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

    @cached_property
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

    @cached_property
    def ends_text(self) -> bool:
        """Whether a message of this kind shows that its agent has finished the text that it was writing. A question may
        come in the middle of a text, and so may a message of an unknown class."""
        return self.role not in (CellRole.QUESTION, CellRole.NOTICE)

    @cached_property
    def text_form(self) -> TextForm:
        """How texts of this kind are to be read, unless their data says `preformatted`."""
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
    """An agent of a team.

    `path` is unique in its stream (`"research/writer"`); several agents may have the same `name`. `parent` is the path
    of the team or agent that holds it, None at the top. If `can_stream` is false, `reason` says why in a sentence.
    """

    name: str
    path: str
    description: str = ""
    can_stream: bool = True
    parent: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Usage:
    """Tokens that the server counted for a model call, or a sum of such counts.

    `about` says that a server counted nothing: the numbers, or a part of a sum, are estimated from the length of texts.
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
    """A tool call. `arguments` is the JSON text that the model wrote. `result` is None until there is one."""

    id: str
    name: str
    arguments: str
    result: str | None = None
    is_error: bool = False


@dataclass(frozen=True)
class Cell:
    """One entry of a transcript: a message, a thought, a tool call, a question and so on, as `kind` says.

    `id` is unique in the transcript, `run` is the id of its run, `agent` and `path` name the agent that wrote it.
    `type` is the name of the framework's message class; it is empty if the text never became a message. `data` holds
    what the kind needs beyond `text`, as JSON values (`preformatted`: a program printed the text). `started_at` and
    `ended_at` are seconds since the epoch. `ttft` is the time to the first token in seconds. `tokens_per_s` is the pace
    of the model call; `estimated` says that it was counted from chunks, because the server gave no usage. `cost` is in
    USD, or None if the model has no price. `context` gives what the model saw; None if that is not known.
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
    context: ReadContext | None = field(default=None, compare=False, repr=False, metadata={"json": False})

    @property
    def text_form(self) -> TextForm:
        """How the text of this cell is to be read."""
        form = self.kind.text_form
        is_said = form in (TextForm.MARKDOWN, TextForm.PLAIN)
        return TextForm.PREFORMATTED if is_said and self.data.get("preformatted") else form

    @property
    def is_markdown(self) -> bool:
        """Whether the text may be read as Markdown: text of people and models may, output of programs may not."""
        return self.text_form in (TextForm.MARKDOWN, TextForm.PLAIN)

    @property
    def duration(self) -> float | None:
        """Seconds from the first token of the cell to its end. If the text came whole, they count from the beginning of
        the model call. None if the beginning or the end is not known."""
        if self.started_at is None or self.ended_at is None:
            return None
        return max(0.0, self.ended_at - self.started_at)  # the clock of another computer may have gone back

    def to_dict(self) -> dict[str, Any]:
        """The cell as JSON values. `from_dict` makes an equal cell of them."""
        values = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if is_json(f)}
        values["kind"], values["status"] = str(self.kind.value), str(self.status.value)
        values["usage"] = None if self.usage is None else dataclasses.asdict(self.usage)
        values["tool_calls"] = [dataclasses.asdict(call) for call in self.tool_calls]
        values["data"] = dict(self.data)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Cell:
        """The cell that `to_dict` wrote. Raises TypeError for fields that no cell has, and ValueError for values of a
        wrong type and for unknown words."""
        unknown = values.keys() - {field.name for field in dataclasses.fields(cls)}
        if unknown:
            raise TypeError(f"A cell has no {', '.join(sorted(map(str, unknown)))}.")
        return decoded(cls, values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class RunInfo:
    """One run of a team: its task, how it ended and what it used.

    `ttft` is the time in seconds from its beginning to its first token, without the time that a person took.
    `tokens_per_s` is the pace of its model calls. `waited` is the time in seconds in which it waited for a person;
    questions that wait at the same time count once. These three are known when the run has ended. `cost` is in USD;
    `unpriced` says that a model has no price, so the true cost is higher. `calls` are the model calls that no message
    tells of; `usage` and `cost` include them. `parent` is the id of the run that it goes on from, empty if it begins
    the conversation. `set_aside` says that the team has gone back to a point before it.
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
    parent: str = ""
    set_aside: bool = False

    @property
    def duration(self) -> float | None:
        """Seconds from the beginning of the run to its end. None if one of them is not known."""
        return None if self.started_at is None or self.ended_at is None else max(0.0, self.ended_at - self.started_at)

    @property
    def worked(self) -> float | None:
        """The seconds of `duration` in which nobody waited for a person."""
        return None if self.duration is None else max(0.0, self.duration - self.waited)

    def to_dict(self) -> dict[str, Any]:
        """The run as JSON values. `from_dict` makes an equal run of them."""
        calls = [dataclasses.asdict(call) for call in self.calls]
        return {**dataclasses.asdict(self), "status": str(self.status.value), "calls": calls}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunInfo:
        """The run that `to_dict` wrote. Raises ValueError for values of a wrong type."""
        return decoded(cls, values)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Token:
    """A piece of an agent's text as a callback of `on_token` gets it: text that passed the gate of the agent.

    Text that a closed gate held comes as one piece when the gate opens. `message_id` is the id of the model's answer,
    None if the framework gives none. `at` is the time of the piece, in seconds since the epoch.
    """

    agent: str
    path: str
    text: str
    message_id: str | None
    at: float


# --- events: what a backend reports, in the order in which it happened ---------------------------------------------


@dataclass(frozen=True)
class RunStarted:
    """A run begins. `task` is the text of the task for a reader. It is empty if the run goes on without a task."""

    run: str
    at: float
    task: str = ""


@dataclass(frozen=True)
class TurnStarted:
    """An agent was called. `turn` is a new id for each call of an agent, also for calls at the same time."""

    agent: str
    path: str
    at: float
    turn: str


@dataclass(frozen=True)
class TurnEnded:
    """An agent's turn ended without its last message. `status` is FAILED or CANCELLED. It is DONE if an agent around it
    has kept the message to itself. The run may go on: an agent that is called as a tool fails alone."""

    agent: str
    path: str
    at: float
    turn: str
    status: CellStatus


class ModelCallKey(NamedTuple):
    """The model call that a piece of text belongs to: pieces with equal keys are one text. The message id alone is not
    enough, because servers use an id again or give none."""

    agent: str
    path: str
    message_id: str | None
    turn: str | None


@dataclass(frozen=True)
class Chunk:
    """A piece of streamed text, or `count` pieces joined. `at` is the time of the first piece, `until` the time of the
    last one; None means the same time."""

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
    """A whole message or event of an agent. `final` marks the last message of its turn.

    A `TEXT` or `STRUCTURED` message replaces the text that was streamed for it. Messages of other kinds replace it only
    if their id or their text matches (`message_matching`).
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
    context: ReadContext | None = field(default=None, compare=False, repr=False, metadata={"json": False})


@dataclass(frozen=True)
class ToolResults:
    """The results of tool calls. `ToolCall.id` says which call a result belongs to.

    The calls are those of the turn. If `turn` is None, they are all open calls of the agent: if a person approves a
    call, its result may come when the agent goes on in another turn.
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
    """The output of the code that a CODE message showed."""

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
    """A request for human input or an approval ended. `how` is a word such as "answered", "dismissed", "timed out" or
    "cancelled". `answer` is None if there is none."""

    agent: str
    path: str
    at: float
    request_id: str
    how: str
    answer: str | None = None


@dataclass(frozen=True)
class ModelCalls:
    """`count` model calls of an agent or a manager that no message tells of, with their usage together. Examples: the
    choices of a selector whose team reports no events, the questions of an orchestrator to itself, an answer that was
    broken off."""

    agent: str
    path: str
    at: float
    usage: Usage
    count: int = 1
    cost: float | None = None


@dataclass(frozen=True)
class Branched:
    """The team was set to how it was when the run `after` had ended; to its beginning if `after` is empty. Runs that
    do not lead there are set aside, and the next run goes on from there."""

    at: float
    after: str = ""


@dataclass(frozen=True)
class Notice:
    """Something that a reader should know and that no agent said."""

    at: float
    text: str


@dataclass(frozen=True)
class RunFinished:
    """A run ended. `status` is DONE, FAILED or CANCELLED. `error` and `traceback` are the texts of a failure. `agent`
    and `path` name the agent whose turn failed. They are empty if no turn failed."""

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
    Branched,
    Notice,
    RunFinished,
]
