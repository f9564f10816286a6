"""AutoGen's messages as JSON values and back, so that a remote run gives what a run here gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from autogen_agentchat.base import TaskResult
from autogen_agentchat.messages import (
    BaseAgentEvent,
    BaseChatMessage,
    MessageFactory,
    ModelClientStreamingChunkEvent,
    SelectorEvent,
)

from ...core import think_tags
from ...core.model import Chunk, CodeResult, Message, ToolResults
from ..remote import MessageReader
from .reading import tried


def written(message: Any) -> dict[str, Any] | None:
    """A message as JSON values, by its own `dump`. None if it has none or fails."""
    if not isinstance(message, (BaseChatMessage, BaseAgentEvent)):
        return None
    return tried(lambda: dict(message.dump()), None)


class AutoGenReader(MessageReader):
    """Makes AgentChat's own messages. Classes that AgentChat does not know by name (a user's own, a StructuredMessage
    of a user's model) come as `ReplayedMessage`, and then the result of their run is a `ReplayedResult`."""

    def __init__(self) -> None:
        self._factory = MessageFactory()
        if not self._factory.is_registered(SelectorEvent):  # 0.7.5 leaves it out
            self._factory.register(SelectorEvent)

    def chunk(self, event: Chunk) -> Any:
        """A chunk event, with the marks of a thought that models write."""
        return ModelClientStreamingChunkEvent(
            source=event.agent, content=think_tags.with_think_tags(event.text), full_message_id=event.message_id
        )

    def message(self, event: Message | ToolResults | CodeResult, values: Mapping[str, Any] | None) -> Any:
        """The message that was written, or what its event says if its class is not known here."""
        if values is not None:
            try:
                return self.read(values)
            except (ValueError, TypeError, NotImplementedError):
                pass
        return super().message(event, values)

    def read(self, values: Mapping[str, Any]) -> Any:
        """The message of JSON values. Raises ValueError (pydantic's ValidationError is one) if they are none."""
        return self._factory.create(values)

    def result(self, messages: Sequence[Any], stop_reason: str | None) -> Any:
        """A TaskResult."""
        if all(isinstance(message, (BaseChatMessage, BaseAgentEvent)) for message in messages):
            return TaskResult(messages=list(messages), stop_reason=stop_reason)
        return super().result(messages, stop_reason)
