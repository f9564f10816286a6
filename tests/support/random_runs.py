"""Runs as AutoGen 0.7.5 reports them, made at random, with what a transcript of each must show.

A scenario is built from turns (one call of one agent), and each turn from the orders of events that AutoGen was seen
to give: thoughts that take an answer's id, text before tool calls, tool loops that reuse an id, reflection, code,
requests for input. Turns of a phase run in parallel; the same agent may have two of them. A run may fail or be
cancelled at any point.

`transcript_oracle.py` says what a transcript of a scenario must show.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

from nb_stream.core.model import (
    CellKind,
    CellStatus,
    Chunk,
    CodeResult,
    Event,
    InputResolved,
    Message,
    Notice,
    RunFinished,
    RunStarted,
    ToolCall,
    ToolResults,
    TurnEnded,
    TurnStarted,
    Usage,
)

AGENTS = (("ann", "ann"), ("ben", "ben"), ("ann", "team/ann"), ("cy", "team/cy"))
"""Names and paths: two agents are called ann."""

WORDS = (
    "Hello", " world", "\n\n", "- one\n", "…", " the kind thought within", " hint", "<", "</", "think>", "<think>",
    "```py\nx = 1\n```\n", "naïve", "日本", "🎉", "👩‍👩‍👧", " $x^2$", "\r\n", "  ", "\t", "{}", "0",
)  # fmt: skip

REASONS = ("the kind thought within", "think", "Let me see", "it is a hint", "\nthe hint\n", "a < b", "🎉 first", "k")


LONE = re.compile(r"((?:(?!<think>|`?</think>).)*)</think>\n*(.*)", re.DOTALL)
"""A text whose model's template had opened the thought."""


@dataclass
class Segment:
    """One stretch of streamed text: from its first chunk to the event that ends it. `thought_by` and `answer_by` are
    the ids of the messages in which its two parts come again; None where a part has no message."""

    message_id: str | None
    pieces: list[str]
    thought_by: str | None
    answer_by: str | None
    said: list[str] = field(default_factory=list)


@dataclass
class Turn:
    """One call of an agent: what happens in it, in order. A step is an event, or a segment's next piece. `broken` says
    how a turn ended that ended without its last message."""

    agent: str
    path: str
    turn: str | None
    steps: list[Event | Segment]
    broken: CellStatus | None = None


@dataclass
class Scenario:
    """The events of some runs, and who streamed what."""

    events: list[Event] = field(default_factory=list)
    segments: list[tuple[Turn, Segment]] = field(default_factory=list)

    @property
    def silent(self) -> list[Event]:
        """The same events as they would have come without streaming."""
        return [event for event in self.events if not isinstance(event, Chunk)]


class Author:
    """Makes scenarios. `r` is any `random.Random`, so that Hypothesis can shrink what it finds."""

    def __init__(self, r: random.Random, *, turns: bool = True, twice: bool = True) -> None:
        self._r = r
        self._turns = turns
        self._twice = twice
        self._count = 0
        self._now = 1000.0

    def scenario(self) -> Scenario:
        """One or two runs."""
        made = Scenario()
        for number in range(1, self._r.randint(1, 2) + 1):
            self._run(made, f"r{number}")
        return made

    # --- runs ------------------------------------------------------------------------------------------------------

    def _run(self, made: Scenario, run: str) -> None:
        task = self._text()
        events: list[Event] = [RunStarted(run, self._tick(), task)]
        user = Message("user", "user", self._tick(), CellKind.TEXT, task, "TextMessage", self._id())
        events.append(user)
        steps: list[tuple[Turn | None, Event | Segment]] = []
        for _ in range(self._r.randint(1, 3)):
            steps.extend(self._phase())
        status, error = CellStatus.DONE, ""
        if self._r.randint(0, 2) == 0:
            status = self._r.choice((CellStatus.FAILED, CellStatus.CANCELLED))
            error = "ConnectionError: dropped" if status is CellStatus.FAILED else ""
            steps = steps[: self._r.randint(0, len(steps))]
        for turn, step in steps:
            if turn is None or not isinstance(step, Segment):
                events.append(replace(step, at=self._tick()))
                continue
            if not step.said:
                made.segments.append((turn, step))
            piece = step.pieces[len(step.said)]
            step.said.append(piece)
            events.append(Chunk(turn.agent, turn.path, self._tick(), piece, step.message_id, turn.turn))
        reason = "Maximum number of turns reached." if status is CellStatus.DONE else None
        events.append(RunFinished(run, self._tick(), status, reason, error, "Traceback …" if error else ""))
        made.events.extend(events)

    def _phase(self) -> list[tuple[Turn | None, Event | Segment]]:
        """Some turns at the same time, their steps mixed at random."""
        r, queues = self._r, []
        for _ in range(r.choice((1, 1, 2, 3))):
            agent, path = r.choice(AGENTS)
            if any(turn.path == path for turn, _ in queues) and not self._twice:
                continue
            turn = Turn(agent, path, f"t{self._next()}" if self._turns else None, [])
            if turn.turn is not None:
                turn.steps.append(TurnStarted(agent, path, 0.0, turn.turn))
            r.choice(self._scripts())(turn)
            steps = list(self._spread(turn.steps))
            if turn.turn is not None and r.randint(0, 9) == 0:
                turn.broken = r.choice((CellStatus.FAILED, CellStatus.CANCELLED))
                steps = [*steps[: r.randint(1, len(steps))], TurnEnded(agent, path, 0.0, turn.turn, turn.broken)]
            queues.append((turn, steps))
        mixed: list[tuple[Turn | None, Event | Segment]] = []
        while queues:
            turn, steps = r.choice(queues)
            for _ in range(min(r.randint(1, 6), len(steps))):
                mixed.append((turn, steps.pop(0)))
            queues = [(turn, steps) for turn, steps in queues if steps]
            if r.randint(0, 40) == 0:
                mixed.append((None, Notice(0.0, "The callback f failed.")))
        return mixed

    @staticmethod
    def _spread(steps: list[Event | Segment]) -> Iterator[Event | Segment]:
        """The steps one by one: a segment once for each of its pieces, and if it comes twice, in two halves."""
        for number, step in enumerate(steps):
            pieces = len(step.pieces) if isinstance(step, Segment) else 1
            if sum(other is step for other in steps) == 2:
                pieces = (pieces + any(other is step for other in steps[:number])) // 2
            yield from [step] * pieces

    # --- turns -----------------------------------------------------------------------------------------------------

    def _scripts(self) -> list[Callable[[Turn], None]]:
        return [
            self._plain,
            self._plain,
            self._nameless,
            self._foreign,
            self._reasoning,
            self._inline,
            self._tools,
            self._tools,
            self._structured,
            self._code,
            self._input,
            self._selection,
            self._memory,
            self._interrupted,
        ]

    def _plain(self, turn: Turn) -> None:
        message = self._said(turn, CellKind.TEXT, self._text(), "TextMessage", final=True)
        self._stream(turn, message.message_id, message.text, message, message)
        turn.steps.append(message)

    def _nameless(self, turn: Turn) -> None:
        """An agent whose chunks carry no id, and whose message may have been edited afterwards."""
        text = "As I said: " + self._text()
        edited = self._r.choice((text, text.strip(), text + " (edited)", "Edited: " + text))
        message = self._said(turn, CellKind.TEXT, edited, "TextMessage", final=True)
        self._stream(turn, None, text, message, message)
        turn.steps.append(message)

    def _foreign(self, turn: Turn) -> None:
        """An agent of the user's own, whose chunks carry another id than its message."""
        text = "So: " + self._text()
        how = self._r.choice(("the same", "continued", "another"))
        said = {"the same": text, "continued": text + ", and so on", "another": "Something else"}[how]
        message = self._said(turn, CellKind.TEXT, said, "TextMessage", final=True)
        ends = message if how != "another" else None
        self._stream(turn, self._id(), text, ends, ends)
        turn.steps.append(message)

    def _reasoning(self, turn: Turn) -> None:
        """The thought takes the id, the answer gets another one; the thought's ends may be eaten (T11), and some
        models do not stream it."""
        reason, text = self._r.choice(REASONS), self._text()
        first, said = self._id(), self._r.choice((eaten(reason), reason.strip()))
        answer = self._said(turn, CellKind.TEXT, text, "TextMessage", final=True)
        thought = self._said(turn, CellKind.THOUGHT, said, "ThoughtEvent", first) if said else None
        if thought is None:  # AutoGen reports no empty thought, and then the answer keeps the id
            answer = replace(answer, message_id=first)
        raw = f"<think>{reason}</think>" + self._r.choice(("", "\n", "\n\n")) + text
        hidden = self._r.random() < 0.2 and "<think>" not in text[:10]
        self._stream(turn, first, text if hidden else raw, answer if hidden else thought, answer)
        turn.steps.extend(event for event in (thought, answer) if event is not None)

    def _inline(self, turn: Turn) -> None:
        """Marks that stay in the message, closed or not."""
        reason, text = self._r.choice(REASONS), self._text()
        lead = self._r.choice(("", " ", "\n"))
        raw = lead + self._r.choice((f"<think>{reason}</think>{text}", f"<think>\n{reason}\n", f"<thin {text}"))
        message = self._said(turn, CellKind.TEXT, raw, "TextMessage", final=True)
        self._stream(turn, self._r.choice((message.message_id, None)), raw, message, message)
        turn.steps.append(message)

    def _tools(self, turn: Turn) -> None:
        """A tool loop: its calls share an id until a thought takes it away."""
        r, current = self._r, self._id()
        for _ in range(r.randint(1, 3)):
            current = self._before_call(turn, current)
            calls = tuple(
                ToolCall(r.choice((f"call_{self._next()}", "call_1", "")), "look_up", '{"q": 1}')
                for _ in range(r.randint(1, 3))
            )
            turn.steps.append(
                replace(self._said(turn, CellKind.TOOL_CALL, "", "ToolCallRequestEvent"), tool_calls=calls)
            )
            results = tuple(ToolCall(call.id, call.name, "", self._text(), is_error=r.random() < 0.2) for call in calls)
            turn.steps.append(
                ToolResults(turn.agent, turn.path, 0.0, results, self._id(), turn.turn, "ToolCallExecutionEvent")
            )
        ending = r.choice(("summary", "answer", "reflection", "handoff"))
        if ending == "summary":
            text = "\n".join(result.result or "" for result in results)
            turn.steps.append(self._said(turn, CellKind.TEXT, text, "ToolCallSummaryMessage", final=True))
        elif ending == "handoff":
            message = self._said(turn, CellKind.HANDOFF, "Transferred to ben.", "HandoffMessage", final=True)
            turn.steps.append(replace(message, data={"target": "ben"}))
        elif ending == "answer":
            message = self._said(turn, CellKind.TEXT, self._text(), "TextMessage", current, final=True)
            self._stream(turn, current, message.text, message, message)
            turn.steps.append(message)
        else:
            self._reflection(turn)

    def _before_call(self, turn: Turn, current: str) -> str:
        """What a model says before it calls tools; returns the id that the next call will have."""
        what = self._r.choice(("", "lost", "aside", "marked", "reason", "both"))
        text, reasoning = f"Calling {self._text()}", "<think>Let me see</think>"
        if what == "lost":  # no thought is reported: the text has no message
            self._stream(turn, current, text, None, None)
        elif what == "reason":
            self._stream(turn, current, reasoning, None, None)
        elif what:
            said = reasoning + text if what == "marked" else text
            thought = self._said(turn, CellKind.THOUGHT, said, "ThoughtEvent", current)
            raw = text if what == "aside" else reasoning + text
            says_both = what == "marked" or LONE.fullmatch(raw)
            self._stream(turn, current, raw, thought if says_both else None, thought)
            turn.steps.append(thought)
            return self._id()
        return current

    def _reflection(self, turn: Turn) -> None:
        """The last call after tools: an id of its own, and a thought with an unrelated one."""
        reason, text = self._r.choice(REASONS), self._text()
        message = self._said(turn, CellKind.TEXT, text, "TextMessage", final=True)
        thought = self._said(turn, CellKind.THOUGHT, eaten(reason), "ThoughtEvent")
        if self._r.random() < 0.5 and thought.text:
            self._stream(turn, message.message_id, f"<think>{reason}</think>{text}", thought, message)
            turn.steps.append(thought)
        else:
            self._stream(turn, message.message_id, text, message, message)
        turn.steps.append(message)

    def _structured(self, turn: Turn) -> None:
        value = {"answer": self._text(), "n": self._r.randint(0, 9)}
        message = self._said(turn, CellKind.STRUCTURED, json.dumps(value, ensure_ascii=False), "StructuredMessage[A]")
        message = replace(message, data={"value": value}, final=True)
        self._stream(turn, message.message_id, json.dumps(value, indent=1), None, message)
        turn.steps.append(message)

    def _code(self, turn: Turn) -> None:
        """A code executor: none of its chunks has an id."""
        r = self._r
        for attempt in range(r.randint(1, 3)):
            text = f"Run this {self._next()}:\n```python\nprint({attempt})\n```"
            blocks = [{"code": f"print({attempt})\n", "language": "python"}]
            code = self._said(turn, CellKind.CODE, text, "CodeGenerationEvent")
            code = replace(code, data={"code_blocks": blocks, "retry_attempt": attempt})
            raw, thought = f"<think>I had better test it</think>{text}", code
            how = r.choice(("no thought", "reported", "marked"))
            if how == "no thought":
                raw = text
            elif how == "reported":
                thought = self._said(turn, CellKind.THOUGHT, "I had better test it", "ThoughtEvent")
            else:
                code = replace(code, text=raw)
            self._stream(turn, None, raw, thought, code)
            turn.steps.extend((thought, code) if how == "reported" else (code,))
            result = CodeResult(
                turn.agent, turn.path, 0.0, self._text(), r.randint(0, 1), self._id(), turn.turn, "CodeExecutionEvent"
            )
            turn.steps.append(result)
            if r.random() < 0.3:
                retry = self._said(turn, CellKind.CODE, f"Attempt number: {attempt + 1}", "CodeGenerationEvent")
                turn.steps.append(replace(retry, data={"code_blocks": [], "retry_attempt": attempt}))
        message = self._said(turn, CellKind.TEXT, self._text(), "TextMessage", final=True)
        self._stream(turn, None, message.text, message, message)
        turn.steps.append(message)

    def _input(self, turn: Turn) -> None:
        """A request for input, reported by the stream and by the team in either order, or answered before."""
        r, request = self._r, f"q{self._next()}"
        data = {"request_id": request}
        theirs = replace(self._said(turn, CellKind.INPUT, "", "UserInputRequestedEvent"), data=data)
        ours = replace(theirs, text="May I?", message_id=None, turn=None)
        how = r.choice(("answered", "cancelled"))
        answer = "yes" if how == "answered" else None
        end = InputResolved(turn.agent, turn.path, 0.0, request, how, answer)
        turn.steps.extend(r.choice(([ours, theirs, end], [theirs, ours, end], [ours, end, theirs], [theirs])))
        message = self._said(turn, CellKind.TEXT, answer or "", "TextMessage", final=True)
        turn.steps.append(message)

    def _selection(self, turn: Turn) -> None:
        """A selector whose model streams: the same text comes again as its event."""
        text = self._r.choice(("ben", "I choose ben.", "<think>Who?</think>ben"))
        chosen = self._said(turn, CellKind.SELECTION, text, "SelectorEvent")
        self._stream(turn, None, text, chosen, chosen)
        named = self._said(turn, CellKind.SELECTION, "ben", "SelectSpeakerEvent", final=True)
        turn.steps.extend((chosen, replace(named, data={"agents": ["ben"]})))

    def _memory(self, turn: Turn) -> None:
        found = self._said(turn, CellKind.MEMORY, "A fact.", "MemoryQueryEvent")
        turn.steps.append(replace(found, data={"count": 1}))
        if self._r.random() < 0.3:
            turn.steps.append(self._said(turn, CellKind.OTHER, "Something of the user's own", "MyEvent"))
        self._plain(turn)

    def _interrupted(self, turn: Turn) -> None:
        """An agent of the user's own that reports something of its own in the middle of a text."""
        message = self._said(turn, CellKind.TEXT, "So: " + self._text(), "TextMessage", final=True)
        self._stream(turn, self._r.choice((message.message_id, None)), message.text, message, message)
        segments = [step for step in turn.steps if isinstance(step, Segment)]
        turn.steps.extend((self._said(turn, CellKind.OTHER, "Half way", "MyEvent"), *segments, message))

    # --- parts -----------------------------------------------------------------------------------------------------

    def _said(
        self, turn: Turn, kind: CellKind, text: str, type_: str, message_id: str | None = None, final: bool = False
    ) -> Message:
        usage = Usage(self._r.randint(1, 50), self._r.randint(0, 50)) if self._r.random() < 0.3 else None
        return Message(turn.agent, turn.path, 0.0, kind, text, type_, message_id or self._id(), turn.turn, final, usage)

    def _stream(
        self,
        turn: Turn,
        message_id: str | None,
        raw: str,
        thought: Message | None,
        answer: Message | None,
    ) -> None:
        """Let a turn stream a text whose parts come again in these messages; sometimes it does not stream at all."""
        if raw and self._r.random() < 0.85:
            ids = [None if message is None else message.message_id for message in (thought, answer)]
            turn.steps.append(Segment(message_id, cut(raw, self._r), *ids))

    def _text(self) -> str:
        return "".join(self._r.choice(WORDS) for _ in range(self._r.randint(1, 6)))

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _id(self) -> str:
        return f"m{self._next()}"

    def _tick(self) -> float:
        self._now = round(self._now + self._r.choice((0.0, 0.01, 0.5)), 6)  # whole microseconds, as of the real clock
        return self._now


def eaten(reason: str) -> str:
    """A thought as AutoGen's OpenAI client reports it (0.7.5, `_openai_client.py`: it strips characters)."""
    return f"<think>{reason}</think>".lstrip("<think>").rstrip("</think>")


def cut(text: str, r: random.Random) -> list[str]:
    """The text in pieces, cut anywhere, in the middle of a character beyond U+FFFF too."""
    units = text.encode("utf-16-le", "surrogatepass")
    cuts = sorted({2 * r.randint(0, len(units) // 2) for _ in range(r.choice((0, 1, 3, 8)))} - {0, len(units)})
    return [
        units[start:end].decode("utf-16-le", "surrogatepass")
        for start, end in zip([0, *cuts], [*cuts, len(units)], strict=True)
    ]
