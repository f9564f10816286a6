"""Tools that ask a person before they run.

AutoGen 0.7.5 lets an agent ask before it runs code (`approval_func`), but not before it calls a tool. So a tool that
asks is wrapped round the tool itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any, NamedTuple

from autogen_core.tools import BaseTool, FunctionTool, StreamTool
from pydantic import BaseModel, ValidationError

from .human import NO_REASON
from .turns import asker


def needs_approval(tool: Any) -> Any:
    """Wrap a function or a tool of AutoGen's, so that it asks a person before each call and shows the arguments.

    Use it as in `AssistantAgent("clerk", client, tools=[needs_approval(pay), look_up])`. The question stands in the
    TeamPanel or TeamStream that runs the team. If the person refuses, the model gets the refusal as the tool's result,
    with the reason if the person gave one. The person may also change the arguments: then the tool runs with these, and
    the model is told. A question that nobody answers in time counts as refused. If no TeamStream
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


class _Changed(NamedTuple):
    """The result of a call with arguments that a person changed."""

    arguments: Mapping[str, Any]
    result: Any


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
        said = await self._ask(args.model_dump(mode="json"))
        if isinstance(said, _Refused):
            return said
        if said is None:
            return await self.tool.run(args, *rest, **options)
        return _Changed(said, await self.tool.run(self.args_type().model_validate(said), *rest, **options))

    async def run_json(self, args: Mapping[str, Any], *rest: Any, **options: Any) -> Any:
        """Ask, and run the tool if the person agrees."""
        said = await self._ask(args)
        if isinstance(said, _Refused):
            return said
        if said is None:
            return await self.tool.run_json(args, *rest, **options)
        return _Changed(said, await self.tool.run_json(said, *rest, **options))

    def return_value_as_string(self, value: Any) -> str:
        """The result as the text that the model gets. If a person changed the arguments, the model is told: it reasons
        with what was done, not with what it asked for."""
        if isinstance(value, _Refused):
            return str(value)
        if isinstance(value, _Changed):
            arguments = json.dumps(dict(value.arguments), ensure_ascii=False, default=str)
            return f"A person changed the arguments to {arguments}.\n{self.tool.return_value_as_string(value.result)}"
        return self.tool.return_value_as_string(value)

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

    async def _ask(self, args: Mapping[str, Any]) -> Mapping[str, Any] | _Refused | None:
        """The arguments if the person changed them; None if the tool is to run with its own."""
        who = asker()
        if who is None:
            return _Refused(
                f"{self.name} was not called: it needs approval, and nobody can be asked, because no TeamStream or "
                "TeamPanel runs this agent."
            )
        prompt = f"May {self.name} be called with these arguments?\n\n{_fenced(args)}"
        said = await who.approve(prompt, {"tool": self.name, "arguments": dict(args)}, self._check)
        if said.approved:
            return None if said.arguments == dict(args) else said.arguments
        return _Refused(f"{self.name} was not called: it was not approved. Reason: {said.reason or NO_REASON}")

    def _check(self, args: Mapping[str, Any]) -> None:
        known = self.schema.get("parameters", {}).get("properties", {})
        unknown = [name for name in args if name not in known]
        if unknown:
            ours, theirs = (", ".join(map(repr, names)) for names in (known, unknown))
            raise ValueError(f"{self.name} takes no {theirs}; it takes {ours}.")
        try:
            self.args_type().model_validate(args)
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'the arguments'}: {fault['msg']}" for fault in error.errors()
            )
            raise ValueError(f"{self.name} cannot run with these arguments: {faults}.") from None


class ApprovedStreamTool(ApprovedTool):
    """An ApprovedTool for a tool that yields messages while it runs, such as AgentTool."""

    async def run_json_stream(self, args: Mapping[str, Any], *rest: Any, **options: Any) -> AsyncGenerator[Any, None]:
        """Ask, and run the tool if the person agrees."""
        said = await self._ask(args)
        if isinstance(said, _Refused):
            yield said
            return
        run: Callable[..., AsyncGenerator[Any, None]] = self.tool.run_json_stream  # type: ignore[attr-defined]
        if said is None:
            async for item in run(args, *rest, **options):
                yield item
            return
        result: Any = None
        async for item in run(said, *rest, **options):
            if result is not None:
                yield result
            result = item
        yield _Changed(said, result)  # the last item is the result


def _fenced(args: Mapping[str, Any]) -> str:
    """The arguments in a block of code. Its fence is longer than any in them, so that they cannot end the block."""
    text = json.dumps(dict(args), ensure_ascii=False, indent=2, default=str)
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}json\n{text}\n{fence}"
