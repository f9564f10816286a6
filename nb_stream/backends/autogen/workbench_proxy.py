"""Puts a proxy before each workbench for the time of a run, so that a tool that dies does not hang its agent.

An AssistantAgent expects each tool to end by a result, or by an ordinary exception inside a workbench of AutoGen's own.
If a workbench of the user's raises, or a tool raises CancelledError, the agent waits for ever (0.7.5,
`_assistant_agent.py`, step 4B). For the time of a run, such an end becomes an error result.

The proxy also notes which agent calls a tool, so that an agent or team that the tool runs belongs to the run (`turns`).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, MutableSet, Sequence
from typing import Any

from autogen_core.tools import TextResultContent, ToolResult

from . import private
from .closing import closing
from .discovery import TeamTree, reach
from .proxy import Proxy
from .turns import Caller, called, caller, calling


@contextlib.contextmanager
def guarded(tree: TeamTree, goes_on: Callable[[], bool], tasks: MutableSet[asyncio.Task[Any]]) -> Iterator[None]:
    """For the time of a run, guard the tools of the agents in the tree. `goes_on` says whether the run goes on: if it
    was cut off, its tools shall die. The tasks in which tools work are added to `tasks`, because an agent that is
    cancelled leaves them behind."""
    with contextlib.ExitStack() as stack:
        for node in tree.nodes:
            benches = private.workbenches(node.agent)
            if benches is not None:
                proxies = [WorkbenchProxy(bench, goes_on, tasks, _runs(tree, bench)) for bench in benches]
                stack.enter_context(private.workbenches_replaced(node.agent, proxies))
        yield


def _runs(tree: TeamTree, bench: Any) -> dict[str, frozenset[int]]:
    """For each tool that runs an agent or a team, by its name: the `id()` of everything that the tool may begin."""
    return {used.tool.name: reach(tree, used.runner) for used in private.runners_in(bench)}


class WorkbenchProxy(Proxy):
    """Stands before a workbench for the time of a run; `guarded` owns it. Everything but tool calls goes through as it
    is, and so do the tool calls of turns that do not belong to the run."""

    def __init__(
        self,
        bench: Any,
        goes_on: Callable[[], bool],
        tasks: MutableSet[asyncio.Task[Any]],
        runs: Mapping[str, frozenset[int]],
    ) -> None:
        super().__init__(bench)  # AssistantAgent asks whether a workbench streams
        self._goes_on, self._tasks, self._runs = goes_on, tasks, runs

    async def call_tool(self, *args: Any, **options: Any) -> ToolResult:
        who = caller()
        if who is None:
            untouched: ToolResult = await self._real.call_tool(*args, **options)
            return untouched
        self._begins()
        try:
            with calling(self._for_tool(who, args, options)):
                result: ToolResult = await self._real.call_tool(*args, **options)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the agent waits, whatever was raised
            result = self._result(error, args, options)
        return result

    def call_tool_stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        who = caller()
        if who is None:
            untouched: AsyncGenerator[Any, None] = self._real.call_tool_stream(*args, **options)
            return untouched
        return self._stream(self._for_tool(who, args, options), args, options)

    async def _stream(self, who: Caller, args: Sequence[Any], options: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
        self._begins()
        try:
            async with closing(called(who, lambda: self._real.call_tool_stream(*args, **options))) as stream:
                async for item in stream:
                    yield item
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - the agent waits, whatever was raised
            yield self._result(error, args, options)

    def _begins(self) -> None:
        """Note that a tool works in the current task."""
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)

    def _for_tool(self, who: Caller, args: Sequence[Any], options: Mapping[str, Any]) -> Caller:
        """The caller for the time of a tool call. It may begin what the tool runs, and nothing else."""
        return who._replace(may_begin=self._runs.get(_call_argument(0, "name", args, options), frozenset()))

    def _result(self, error: BaseException, args: Sequence[Any], options: Mapping[str, Any]) -> ToolResult:
        """The error result for the agent. Raises `error` again if the run or the call itself was cancelled."""
        cancelled = isinstance(error, asyncio.CancelledError)
        token = _call_argument(2, "cancellation_token", args, options)
        if cancelled and (not self._goes_on() or (token is not None and token.is_cancelled())):
            raise error
        text = str(error) or ("The tool was cancelled." if cancelled else type(error).__name__)
        name = _call_argument(0, "name", args, options)
        return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=True)


def _call_argument(at: int, name: str, args: Sequence[Any], options: Mapping[str, Any]) -> Any:
    """An argument of `call_tool`, whether it was passed by position or by name."""
    return args[at] if len(args) > at else options.get(name)
