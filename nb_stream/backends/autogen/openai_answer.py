"""The answer of a chat-completions server, put together from the pieces of its stream.

Servers that speak OpenAI's protocol differ in what a piece looks like. A choice may have no `delta` (Azure's
asynchronous content filter). Text and tool calls may come in one piece. Tool calls may have no index, or all the same
one, and their arguments may be an object. The finish reason may come in any piece, or in several. Usage may come at the
beginning, in every piece, or behind the end. Whatever the pieces are, `whole()` is the answer that the same server
gives without streaming.

The module is pure: it takes the decoded JSON of each piece, whatever its shape, and raises nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

Body = dict[str, Any]

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""The fields that have a model's thought. DeepSeek sends the first, and vLLM did before 0.9. OpenRouter, Ollama and
newer versions of vLLM send the second. Some servers send both."""


class Piece(NamedTuple):
    """A piece of a model's text as it comes. It is a part of the thought or of the answer."""

    text: str
    thought: bool = False


class OpenAIAnswer:
    """One answer. `add` takes the pieces in order; the properties say what the pieces so far amount to. The reader of
    one stream owns it."""

    def __init__(self) -> None:
        self._frame: Body = {}
        self._choices: dict[int, _Choice] = {}
        self._usage: Body = {}
        self.usage_beside = False
        """Whether usage came behind the finish reason, in a piece without content. A server sends such a piece only if
        usage was asked for. It sends usage in a piece with content unasked."""

    def add(self, body: Any) -> list[Piece]:
        """Take a piece. Returns the text that it adds to the first choice."""
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
        """Take an answer that came whole, although a stream was asked for. Returns its text."""
        if not isinstance(body, Mapping):
            return []
        choices = body.get("choices")
        parts = [one for one in choices if isinstance(one, Mapping)] if isinstance(choices, list) else []
        return self.add({**body, "choices": [{**one, "delta": one.get("message")} for one in parts]})

    def end(self) -> list[Piece]:
        """The text that only the end can tell: of a message that came whole in a piece, or of the lowest choice if no
        choice has the number 0."""
        if not self._choices:
            return []
        late = self._first.end()
        return late if 0 in self._choices else self._first.pieces

    def _count(self, usage: Any, empty: bool) -> None:
        """Keep the greatest of all counts, because some servers count on from piece to piece, and others say 0 in all
        pieces but one."""
        if not isinstance(usage, Mapping):
            return
        counts = {name: count for name, count in usage.items() if _is_count(count)}
        if any(counts.values()):
            self.usage_beside = empty and self.finish_reason is not None and not self._usage
        most = {name: max(count, self._usage.get(name) or 0) for name, count in counts.items()}
        self._usage = {**self._usage, **{k: v for k, v in usage.items() if isinstance(v, Mapping)}, **most}

    @property
    def _first(self) -> _Choice:
        """The choice that AutoGen takes. It has the index 0, or the lowest one if a server counts differently."""
        return self._choices[min(self._choices)] if self._choices else _Choice()

    @property
    def begun(self) -> bool:
        """Whether the server has sent any part of an answer."""
        return bool(self._choices)

    @property
    def finish_reason(self) -> str | None:
        """Why the model stopped, in the words of the server; None as long as the server has not said it."""
        return self._first.finish_reason

    @property
    def usage(self) -> Body | None:
        """The tokens that the server counted; None if it counted none."""
        return {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0, **self._usage} if self._usage else None

    @property
    def message(self) -> Body:
        """The message, in the form that it has in an answer that is not streamed."""
        return self._first.message()

    @property
    def reasoning(self) -> str:
        """The thought, whatever the name of its field was."""
        return "".join(self._first.reasoning)

    @property
    def thinks_as_autogen_knows(self) -> bool:
        """Whether the thought came in the field that AutoGen's client reads."""
        return "reasoning_content" in self._first.named

    @property
    def logprobs(self) -> Body | None:
        """The probabilities of the answer's tokens; None if the server sent none."""
        return {"content": self._first.logprobs, "refusal": None} if self._first.logprobs else None

    def frame(self, kind: str, model: str) -> Body:
        """The members of an answer or a piece beside its choices and its usage."""
        return {"id": "", "created": 0, "model": model, **self._frame, "object": kind}

    def whole(self, model: str, usage: bool = True) -> Body:
        """The answer as the server gives it without streaming. Without `usage`, the count is left out."""
        choice = {"index": 0, "message": self.message, "finish_reason": self.finish_reason, "logprobs": self.logprobs}
        return {
            **self.frame("chat.completion", model),
            "choices": [choice],
            "usage": self.usage if usage else None,
        }


class _Choice:
    """One of the choices that a request asked for, which OpenAI's `n` sets."""

    def __init__(self) -> None:
        self.content: list[str] = []
        self.refusal: list[str] = []
        self.reasoning: list[str] = []
        self.named: dict[str, list[str]] = {}  # the thought, by the names of its fields
        self.calls: list[_ToolCallParts] = []
        self.function: _ToolCallParts | None = None  # the form of tool calls before 2023-11
        self.finish_reason: str | None = None
        self.logprobs: list[Any] = []
        self._complete: Mapping[str, Any] = {}

    def add(self, choice: Mapping[str, Any]) -> tuple[list[Piece], bool]:
        """The pieces of text that a part adds, and whether the part adds nothing at all."""
        delta = choice.get("delta")
        if isinstance(choice.get("message"), Mapping) and not delta:
            self._complete = choice["message"]  # whole: repeated by some servers, sent alone by others
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
        """Take the message that came whole, if nothing else came. Returns its text."""
        whole, self._complete = self._complete, {}
        return [] if self.pieces or self.calls or not whole else self.add({"delta": whole})[0]

    @property
    def pieces(self) -> list[Piece]:
        """The whole thought and the whole answer, in one piece each."""
        texts = (Piece("".join(self.reasoning), thought=True), Piece("".join(self.content)))
        return [piece for piece in texts if piece.text]

    def _said(self, delta: Mapping[str, Any]) -> Iterable[Piece]:
        said = [(name, text) for name in REASONING_FIELDS if isinstance(text := delta.get(name), str) and text]
        for name, text in said:
            self.named.setdefault(name, []).append(text)
        thought = said[0][1] if said else ""
        content = delta.get("content")
        answer = content if isinstance(content, str) else ""
        for part in content if isinstance(content, list) else ():  # Mistral sends a list of texts and thoughts
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
        """Add a part of a tool call to the call that it belongs to. `place` stands for an index that is missing."""
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
    """One tool call, put together from its parts. Some servers give each part another id, so a part belongs to the call
    as long as the call is not complete."""

    def __init__(self, index: int | None, id: str | None) -> None:
        self.index, self.id = index, id
        self._name = ""
        self._arguments = ""

    def add(self, function: Mapping[str, Any]) -> None:
        name, arguments = function.get("name"), _arguments_text(function.get("arguments"))
        if isinstance(name, str) and name != self._name and not self._arguments:
            self._name += name
        if arguments and not (arguments.strip() == self._arguments.strip() and self._complete):
            self._arguments += arguments  # else they are a repetition: some servers end with the whole call

    def is_over_before(self, id: Any, function: Mapping[str, Any]) -> bool:
        """Whether the part that comes next begins another call, although its index does not say so."""
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
    """The arguments as a text. Some servers send the object itself."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments)


def _member(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, Mapping) else None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
