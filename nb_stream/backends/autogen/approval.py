"""Tools that ask a person before they run.

AutoGen 0.7.5 lets an agent ask before it runs code (`approval_func`), but not before it calls a tool. So a tool that
asks is wrapped round the tool itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

from autogen_core.tools import BaseTool, FunctionTool, StreamTool
from pydantic import BaseModel

from .human import NO_REASON
from .turns import asker


def needs_approval(tool: Any) -> Any:
    """Wrap a function or a tool of AutoGen's, so that it asks a person before each call and shows the arguments.

    Use it as in `AssistantAgent("clerk", client, tools=[needs_approval(pay), look_up])`. The question stands in the
    TeamPanel or TeamStream that runs the team. If the person refuses, the model gets the refusal as the tool's result,
    with the reason if the person gave one. A question that nobody answers in time counts as refused. If no TeamStream
    or TeamPanel runs the agent, nobody can be asked, and the tool does not run.

    Raises TypeError if `tool` is neither a function nor a tool.
    """
    if isinstance(tool, ApprovedTool):
        return tool
    if not isinstance(tool, BaseTool):
        if not callable(tool):
            raise TypeError(f"needs_approval takes a function or a tool of AutoGen's, not {type(tool).__name__}.")
        tool = FunctionTool(tool, description=getattr(tool, "__doc__", None) or "")
    kind = ApprovedStreamTool if isinstance(tool, StreamTool) else ApprovedTool
    return kind(tool)


class _Refused(str):
    """The result of a call that was not approved. It is a class so that a tool's own text is never taken for one."""


class ApprovedTool(BaseTool[BaseModel, Any]):
    """Stands before another tool, and asks a person before each call, on the loop of the agent that calls it."""

    def __init__(self, tool: BaseTool[Any, Any]) -> None:
        super().__init__(tool.args_type(), tool.return_type(), tool.name, tool.description)
        self.tool = tool

    @property
    def schema(self) -> Any:
        """The schema of the tool itself: the model need not know that the tool asks."""
        return self.tool.schema

    async def run(self, args: BaseModel, *rest: Any, **options: Any) -> Any:
        """Ask, and run the tool if the person agrees."""
        refused = await self._refused(args.model_dump(mode="json"))
        return refused or await self.tool.run(args, *rest, **options)

    async def run_json(self, args: Mapping[str, Any], *rest: Any, **options: Any) -> Any:
        """Ask, and run the tool if the person agrees."""
        return await self._refused(args) or await self.tool.run_json(args, *rest, **options)

    def return_value_as_string(self, value: Any) -> str:
        """The result as the text that the model gets."""
        return str(value) if isinstance(value, _Refused) else self.tool.return_value_as_string(value)

    async def save_state_json(self) -> Mapping[str, Any]:
        """The state of the tool itself."""
        return await self.tool.save_state_json()

    async def load_state_json(self, state: Mapping[str, Any]) -> None:
        """Load a state of the tool itself."""
        await self.tool.load_state_json(state)

    @property
    def _task_runner(self) -> Any:
        """The agent or team that the tool runs, under the name by which `private.runners_in` looks for it."""
        return getattr(self.tool, "_task_runner", None)

    async def _refused(self, args: Mapping[str, Any]) -> _Refused | None:
        who = asker()
        if who is None:
            return _Refused(
                f"{self.name} was not called: it needs approval, and nobody can be asked, because no TeamStream or "
                "TeamPanel runs this agent."
            )
        prompt = f"May {self.name} be called with these arguments?\n\n{_fenced(args)}"
        said = await who.approve(prompt, {"tool": self.name, "arguments": dict(args)})
        if said.approved:
            return None
        return _Refused(f"{self.name} was not called: it was not approved. Reason: {said.reason or NO_REASON}")


class ApprovedStreamTool(ApprovedTool):
    """An ApprovedTool for a tool that yields messages while it runs, such as AgentTool."""

    async def run_json_stream(self, args: Mapping[str, Any], *rest: Any, **options: Any) -> AsyncGenerator[Any, None]:
        """Ask, and run the tool if the person agrees."""
        refused = await self._refused(args)
        if refused is not None:
            yield refused
            return
        run: Callable[..., AsyncGenerator[Any, None]] = self.tool.run_json_stream  # type: ignore[attr-defined]
        async for item in run(args, *rest, **options):
            yield item


def _fenced(args: Mapping[str, Any]) -> str:
    """The arguments in a block of code. Its fence is longer than any in them, so that they cannot end the block."""
    text = json.dumps(dict(args), ensure_ascii=False, indent=2, default=str)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"
