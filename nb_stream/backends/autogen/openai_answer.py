"""The answer of a chat-completions server, put together from the pieces of its stream.

Servers that speak OpenAI's protocol differ in what a piece looks like: a choice without a `delta` (Azure's
asynchronous content filter), text and tool calls in one piece, tool calls without an index or all with the same one,
arguments as an object, the finish reason in any piece or in several, usage at the beginning, in every piece or behind
the end. Whatever the pieces are, `whole()` is the answer that the same server gives without streaming.

Pure: it takes the decoded JSON of each piece, of any shape, and raises nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Body = dict[str, Any]

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""Where a model's thought stands: DeepSeek and vLLM before 0.9; OpenRouter, Ollama and vLLM since. Some send both."""


class Piece(NamedTuple):
    """A piece of a model's text as it comes: of its thought or of its answer."""

    text: str
    thought: bool = False


class OpenAIAnswer:
    """One answer. `add` takes the pieces in order; everything else is what they say so far."""

    def __init__(self) -> None:
        self._frame: Body = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: Body = {}
        self.usage_beside = False
        """Whether usage came in a piece without content behind the finish reason: so it comes only if it was asked
        for. Usage in a piece with content was sent unasked."""

    def add(self, body: Any) -> list[Piece]:
        """What a piece adds to the text of the first choice."""
        if not isinstance(body, Mapping):
            return []
        for name in ("id", "created", "model", "system_fingerprint", "service_tier"):
            if body.get(name) and name not in self._frame:
                self._frame[name] = body[name]
        pieces: list[Piece] = []
        empty = True
        choices = body.get("choices")
        for place, choice in enumerate(choices if isinstance(choices, list) else ()):
            if not isinstance(choice, Mapping):
                continue
            index = choice.get("index")
            number = index if isinstance(index, int) else place
            mine = self._choices.setdefault(number, _Choice())
            added, said = mine.add(choice)
            empty = empty and said
            if number == 0:
                pieces += added
        self._count(body.get("usage") or _member(body.get("x_groq"), "usage"), empty)
        return pieces

    def add_whole(self, body: Any) -> list[Piece]:
        """Take an answer that came in one piece although a stream was asked for."""
        if not isinstance(body, Mapping):
            return []
        choices = body.get("choices")
        parts = [one for one in choices if isinstance(one, Mapping)] if isinstance(choices, list) else []
        return self.add({**body, "choices": [{**one, "delta": one.get("message")} for one in parts]})

    def end(self) -> list[Piece]:
        """What is known at the end only: a message that came as such, or a choice with another number than 0."""
        if not self._choices:
            return []
        late = self._first.end()
        return late if 0 in self._choices else self._first.pieces

    def _count(self, usage: Any, empty: bool) -> None:
        """Take the greater of two counts: some servers count on, some say 0 in all other pieces."""
        if not isinstance(usage, Mapping):
            return
        counts = {name: count for name, count in usage.items() if _is_count(count)}
        if any(counts.values()):
            self.usage_beside = empty and self.finish_reason is not None and not self._usage
        most = {name: max(count, self._usage.get(name) or 0) for name, count in counts.items()}
        self._usage = {**self._usage, **{k: v for k, v in usage.items() if isinstance(v, Mapping)}, **most}

    @property
    def _first(self) -> _Choice:
        """The choice that AutoGen takes: the one with index 0, or the lowest if a server counts differently."""
        return self._choices[min(self._choices)] if self._choices else _Choice()

    @property
    def begun(self) -> bool:
        """Whether the server has sent any part of an answer."""
        return bool(self._choices)

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped, as the server says it; None as long as it has said nothing."""
        return self._first.finish_reason

    @property
    def usage(self) -> Body | None:
        """What the server counted, None if nothing."""
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, **self._usage} if self._usage else None

    @property
    def message(self) -> Body:
        """The message, as in an answer that is not streamed."""
        return self._first.message()

    @property
    def reasoning(self) -> str:
        """The thought, under whatever name it came."""
        return "".join(self._first.reasoning)

    @property
    def thinks_as_autogen_knows(self) -> bool:
        """Whether the thought came under the name that AutoGen's client reads."""
        return "reasoning_content" in self._first.named

    @property
    def logprobs(self) -> Body | None:
        """The probabilities of its tokens, None if the server sent none."""
        return {"content": self._first.logprobs, "refusal": None} if self._first.logprobs else None

    def frame(self, kind: str, model: str) -> Body:
        """What stands round the choices."""
        return {"id": "", "created": 0, "model": model, **self._frame, "object": kind}

    def whole(self, model: str, usage: bool = True) -> Body:
        """The answer as the server gives it without streaming; `usage` as far as it is to be told."""
        choice = {"index": 0, "message": self.message, "finish_reason": self.finish_reason, "logprobs": self.logprobs}
        return {
            **self.frame("chat.completion", model),
            "choices": [choice],
            "usage": self.usage if usage else None,
        }


class _Choice:
    """One of the answers that a request asked for."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.named: dict[str, list[str]] = {}  # the thought by the names under which it came
        self.calls: list[_ToolCallParts] = []
        self.function: _ToolCallParts | None = None  # what tool calls were before 2023-11
        self.finish_reason: str | None = None
        self.logprobs: list[Any] = []
        self._complete: Mapping[str, Any] = {}

    def add(self, choice: Mapping[str, Any]) -> tuple[list[Piece], bool]:
        """The pieces of text that a part adds, and whether it adds nothing at all."""
        delta = choice.get("delta")
        if isinstance(choice.get("message"), Mapping) and not delta:
            self._complete = choice["message"]  # some servers send the message again, or only so
        delta = delta if isinstance(delta, Mapping) else {}
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason and self.finish_reason is None:
            self.finish_reason = reason
        tokens = _member(choice.get("logprobs"), "content")
        self.logprobs += tokens if isinstance(tokens, list) else []
        pieces = list(self._said(delta))
        if isinstance(delta.get("refusal"), str):
            self.refusal.append(delta["refusal"])
        calls = delta.get("tool_calls")
        entries = [one for one in calls if isinstance(one, Mapping)] if isinstance(calls, list) else []
        for place, entry in enumerate(entries):
            self._call(entry, place if len(entries) > 1 else None)
        function = delta.get("function_call")
        if isinstance(function, Mapping):
            self.function = self.function or _ToolCallParts(None, None)
            self.function.add(function)
        return pieces, not (pieces or entries or function or reason or delta.get("refusal"))

    def end(self) -> list[Piece]:
        """Take the message that came as such, if nothing else came."""
        whole, self._complete = self._complete, {}
        return [] if self.pieces or self.calls or not whole else self.add({"delta": whole})[0]

    @property
    def pieces(self) -> list[Piece]:
        """All of its text, in one piece each."""
        texts = (Piece("".join(self.reasoning), thought=True), Piece("".join(self.content)))
        return [piece for piece in texts if piece.text]

    def _said(self, delta: Mapping[str, Any]) -> Iterable[Piece]:
        said = [(name, text) for name in REASONING_FIELDS if isinstance(text := delta.get(name), str) and text]
        for name, text in said:
            self.named.setdefault(name, []).append(text)
        thought = said[0][1] if said else ""
        content = delta.get("content")
        answer = content if isinstance(content, str) else ""
        for part in content if isinstance(content, list) else ():  # Mistral: texts and thoughts in a list
            inner = _member(part, "thinking")
            if isinstance(inner, list):
                thought += "".join(text for one in inner if isinstance(text := _member(one, "text"), str))
            elif isinstance(text := _member(part, "text"), str):
                answer += text
        if thought:
            self.reasoning.append(thought)
            yield Piece(thought, thought=True)
        if answer:
            self.content.append(answer)
            yield Piece(answer)

    def _call(self, entry: Mapping[str, Any], place: int | None) -> None:
        """Add a part of a tool call to the call that it belongs to."""
        index = entry.get("index")
        index = index if isinstance(index, int) else place
        name, begun = entry.get("id"), [call for call in self.calls if index is None or call.index == index]
        same = [call for call in begun if name and call.id == name]
        found = (same or begun)[-1] if begun else None
        function = entry.get("function")
        function = function if isinstance(function, Mapping) else {}
        if found is None or found.is_over_before(name, function):
            found = _ToolCallParts(index, name or None)
            self.calls.append(found)
        found.id = found.id or name or None
        found.add(function)

    def message(self) -> Body:
        message: Body = {"role": "assistant", "content": "".join(self.content) or None}
        if self.refusal:
            message["refusal"] = "".join(self.refusal)
        message.update({name: "".join(parts) for name, parts in self.named.items()})
        if self.calls:
            message["tool_calls"] = [
                {"id": call.id, "type": "function", "function": call.function()} for call in self.calls
            ]
        if self.function is not None:
            message["function_call"] = self.function.function()
        return message


class _ToolCallParts:
    """A tool call. A part belongs to it as long as it is not complete, whatever ids the parts have."""

    def __init__(self, index: int | None, id: str | None) -> None:
        self.index, self.id = index, id
        self._name = ""
        self._arguments = ""

    def add(self, function: Mapping[str, Any]) -> None:
        name, arguments = function.get("name"), _arguments_text(function.get("arguments"))
        if isinstance(name, str) and name != self._name and not self._arguments:
            self._name += name
        if arguments and not (arguments.strip() == self._arguments.strip() and self._complete):
            self._arguments += arguments  # once more the same: some servers end with the whole call

    def is_over_before(self, id: Any, function: Mapping[str, Any]) -> bool:
        """Whether what comes is another call, although nothing else says so."""
        name, arguments = function.get("name"), _arguments_text(function.get("arguments"))
        if id and self.id and id != self.id and (name or self._complete):
            return True
        if not name or not self._complete:
            return False
        return bool(name != self._name or (arguments and arguments.strip() != self._arguments.strip()))

    @property
    def _complete(self) -> bool:
        text = self._arguments.strip()
        if not (text.startswith("{") and text.endswith("}")):
            return False
        try:
            json.loads(text)
        except ValueError:
            return False
        return True

    def function(self) -> Body:
        return {"name": self._name, "arguments": self._arguments}


def _arguments_text(arguments: Any) -> str:
    """Arguments as text: some servers send the object itself."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _member(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
