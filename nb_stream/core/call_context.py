"""What a model was given for one call, as data: the messages in their order, the tools, the options.

A cell keeps a function that gives its `CallContext`, and not the context itself. A framework's own objects stay where
they are until somebody asks: a thousand calls with a thousand messages each are a million references and no copies.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .model import ToolCall


@dataclass(frozen=True)
class GivenMessage:
    """A message that a model was given.

    `role` is "system", "user", "assistant" or "tool". `source` is the name of the agent or person that said it; it is
    empty for a system message. `tool_calls` are the calls that an assistant made, or, for the role "tool", the calls
    with their results. `images` are addresses or data URLs. `is_new` says that the model was not given the message in
    the agent's call before.
    """

    role: str
    source: str = ""
    text: str = ""
    thought: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    images: tuple[str, ...] = ()
    is_new: bool = field(default=False, compare=False)

    def to_dict(self) -> dict[str, Any]:
        """The message as JSON values, without what is empty."""
        values = {name: value for name, value in dataclasses.asdict(self).items() if value not in ("", (), False)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}


@dataclass(frozen=True)
class CallContext:
    """What a model was given for the call that a cell came from.

    `tools` are the schemas of the tools, as the framework handed them over. `options` are the options of the call that
    steer the model, such as the temperature. `prompt_tokens` is what the server counted; None if it counted nothing.
    """

    messages: tuple[GivenMessage, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    prompt_tokens: int | None = None

    def to_dict(self) -> dict[str, Any]:
        """The context as JSON values, without what is empty."""
        values: dict[str, Any] = {"messages": [message.to_dict() for message in self.messages]}
        if self.tools:
            values["tools"] = [dict(tool) for tool in self.tools]
        if self.options:
            values["options"] = dict(self.options)
        if self.prompt_tokens is not None:
            values["prompt_tokens"] = self.prompt_tokens
        return values
