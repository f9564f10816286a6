"""What models saw, in a recording: with `record_context=True`, each message of an agent says which messages its model
was given.

A line has them as `context` in its `data`. A message that a model of the same run was given before is a number there:
it counts the messages of the run in the order in which they first stand in the file. So a long conversation is written
once, and a reader can begin at any run.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from ..core.call_context import CallContext, GivenMessage
from ..core.model import Event, Message, RunStarted
from ..core.typed_json import decoded
from .redaction import scrubbed

_MEMBER = "context"


class ContextWriter:
    """Puts contexts into events on their way into a file. Each writing of a file has one of its own."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def event(self, event: Event) -> Event:
        """The event as it is to be written."""
        if isinstance(event, RunStarted):
            self._numbers.clear()
        if not isinstance(event, Message) or event.context is None:
            return event
        context: CallContext = event.context()
        values = context.to_dict()
        values["messages"] = [self._entry(message) for message in context.messages]
        values["new"] = [number for number, message in enumerate(context.messages) if message.is_new]
        return replace(event, data={**event.data, _MEMBER: values})

    def events(self, events: Iterable[Event]) -> Iterator[Event]:
        """A whole sequence of events, as it is to be written."""
        return map(self.event, events)

    def _entry(self, message: GivenMessage) -> int | dict[str, Any]:
        values: dict[str, Any] = scrubbed(replace(message, is_new=False).to_dict())
        count = len(self._numbers)
        number = self._numbers.setdefault(json.dumps(values, default=str), count)
        return number if number < count else values


class ContextReader:
    """Takes contexts out of the events of a file again. Each reading of a file has one of its own."""

    def __init__(self) -> None:
        self._messages: list[GivenMessage] = []

    def event(self, event: Event) -> Event:
        """The event as it was heard.

        Raises ValueError if its context does not fit.
        """
        if isinstance(event, RunStarted):
            self._messages = []
        if not isinstance(event, Message) or _MEMBER not in event.data:
            return event
        data = dict(event.data)
        context = self._context(data.pop(_MEMBER))
        return replace(event, data=data, context=functools.partial(_given, context))

    def _context(self, values: Any) -> CallContext:
        if not isinstance(values, Mapping) or not isinstance(values.get("messages"), list):
            raise ValueError("its context is no list of messages")
        messages = []
        new = values.get("new", [])
        for place, entry in enumerate(values["messages"]):
            if type(entry) is int:
                if not 0 <= entry < len(self._messages):
                    raise ValueError(f"its context names the message {entry}, which does not stand before it")
                message = self._messages[entry]
            else:
                message = decoded(GivenMessage, entry)
                self._messages.append(message)
            messages.append(replace(message, is_new=place in new))
        if not isinstance(values.get("options", {}), dict):
            raise ValueError("the options of its context are no object")
        rest = {name: values[name] for name in ("tools", "options", "prompt_tokens") if name in values}
        context: CallContext = decoded(CallContext, {**rest, "messages": []})
        return replace(context, messages=tuple(messages))


def _given(context: CallContext) -> CallContext:
    return context
