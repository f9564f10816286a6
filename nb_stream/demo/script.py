"""The steps of a script, with the chunks and the result that a model call makes of each.

These functions are pure, so that a test can know the words of a scripted model without running it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from autogen_core import FunctionCall
from autogen_core.models import CreateResult, RequestUsage

# Words with the space before them, and long words in parts: a tokenizer cuts prose in much the same way.
_WORDISH = re.compile(r"\s*\S{1,8}|\s+")


def split_chunks(text: str, size: int | None = None) -> tuple[str, ...]:
    """Cut ``text`` into chunks whose concatenation is exactly ``text``.

    ``size`` is the length of a chunk in characters (the last may be shorter); None cuts into pieces of at
    most eight letters with the whitespace before them.
    """
    if size is None:
        return tuple(_WORDISH.findall(text))
    return tuple(text[start : start + size] for start in range(0, len(text), size))


def count_tokens(text: str) -> int:
    """The number of tokens in ``text``; a token is one word-like piece."""
    return len(split_chunks(text))


@dataclass(frozen=True)
class Say:
    """The model answers ``text``, after thinking ``thought`` if there is one.

    ``chunk`` is the size of a streamed chunk in characters, None for word-like pieces. ``prompt_tokens`` and
    ``completion_tokens`` replace the counted usage.
    """

    text: str
    thought: str | None = None
    chunk: int | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None

    def __post_init__(self) -> None:
        if self.chunk is not None and self.chunk < 1:
            raise ValueError(f"Say(chunk={self.chunk}): give at least 1 character, or None.")


@dataclass(frozen=True)
class Call:
    """The model calls the tool ``name``; a tuple of calls as one step is a parallel call.

    ``arguments`` is a mapping, or a text, which need not be valid JSON. ``text_before`` is streamed first and becomes
    the ``thought`` of the result, as in AutoGen's OpenAI client.
    """

    name: str
    arguments: Mapping[str, Any] | str
    text_before: str | None = None


@dataclass(frozen=True)
class Fail:
    """The model call raises ``exception`` after ``after_chunks`` word-like chunks of ``text``."""

    exception: Exception
    after_chunks: int = 0
    text: str = "This sentence will not be finished, because the connection is lost"

    def __post_init__(self) -> None:
        available = count_tokens(self.text)
        if not 0 <= self.after_chunks <= available:
            raise ValueError(
                f"Fail(after_chunks={self.after_chunks}): its text has {available} chunks; "
                "ask for fewer or give it a longer text=."
            )


Step: TypeAlias = Say | Call | tuple[Call, ...] | Fail


def chunks_of(step: Step) -> tuple[str, ...]:
    """The chunks that the step streams: the thought between literal ``<think>`` tags, then the text. Arguments of tools
    are not streamed."""
    if isinstance(step, Fail):
        return split_chunks(step.text)[: step.after_chunks]
    if isinstance(step, Say):
        answer = split_chunks(step.text, step.chunk)
        if not step.thought:
            return answer
        first, *rest = split_chunks(step.thought, step.chunk)
        return (f"<think>{first}", *rest, "</think>", *answer)
    return split_chunks(_text_before(_calls_of(step)))


def result_of(step: Step, prompt_tokens: int) -> CreateResult:
    """The result of the step for a prompt of ``prompt_tokens`` tokens. A ``Fail`` raises its exception."""
    if isinstance(step, Fail):
        raise step.exception.with_traceback(None)
    if isinstance(step, Say):
        counted = count_tokens(step.thought or "") + count_tokens(step.text)
        return CreateResult(
            finish_reason="stop",
            content=step.text,
            usage=RequestUsage(
                prompt_tokens=prompt_tokens if step.prompt_tokens is None else step.prompt_tokens,
                completion_tokens=counted if step.completion_tokens is None else step.completion_tokens,
            ),
            cached=False,
            thought=step.thought or None,
        )
    calls = _calls_of(step)
    text = _text_before(calls)
    functions = [_function_call(call) for call in calls]
    counted = sum(count_tokens(function.name) + count_tokens(function.arguments) for function in functions)
    return CreateResult(
        finish_reason="function_calls",
        content=functions,
        usage=RequestUsage(prompt_tokens=prompt_tokens, completion_tokens=counted + count_tokens(text)),
        cached=False,
        thought=text or None,
    )


def _calls_of(step: Call | tuple[Call, ...]) -> tuple[Call, ...]:
    return (step,) if isinstance(step, Call) else step


def _text_before(calls: tuple[Call, ...]) -> str:
    return "".join(call.text_before or "" for call in calls)


def _function_call(call: Call) -> FunctionCall:
    arguments = call.arguments if isinstance(call.arguments, str) else json.dumps(call.arguments)
    return FunctionCall(id=f"call_{uuid.uuid4().hex[:24]}", name=call.name, arguments=arguments)
