"""Tool calls: one that dies must not take its agent with it.

An AssistantAgent waits for its tools without end where one of them ends by anything but a result or an ordinary
exception inside a workbench of AutoGen's own: a workbench of the user's that raises, a tool that raises CancelledError
(0.7.5, `_assistant_agent.py`, step 4B). For the time of a run, such an end becomes the error result that it should be.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, MutableSet, Sequence
from typing import Any

from autogen_core import CancellationToken
from autogen_core.tools import TextResultContent, ToolResult

from . import autogen_private as private
from .agents import Node
from .streams import closing


@contextlib.contextmanager
def guarded(nodes: Sequence[Node], goes_on: Callable[[], bool], tasks: MutableSet[asyncio.Task[Any]]) -> Iterator[None]:
    """Guard the tools of these agents while `goes_on()`: where a run is cut off, its tools are to die. `tasks` takes
    those in which they work: an agent that is cancelled leaves them behind."""
    before = []
    try:
        for node in nodes:
            benches = private.workbenches(node.agent)
            if benches is not None:
                before.append((node.agent, benches))
                private.set_workbenches(node.agent, [_Guard(bench, goes_on, tasks) for bench in benches])
        yield
    finally:
        for agent, benches in before:
            private.set_workbenches(agent, benches)


class _Guard:
    """Stands before a workbench. Everything but tool calls goes through as it is."""

    def __init__(self, bench: Any, goes_on: Callable[[], bool], tasks: MutableSet[asyncio.Task[Any]]) -> None:
        self._bench, self._goes_on, self._tasks = bench, goes_on, tasks

    @property  # type: ignore[misc]
    def __class__(self) -> type[Any]:  # AssistantAgent asks whether a workbench streams
        return type(self._bench)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bench, name)

    async def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        **options: Any,
    ) -> ToolResult:
        self._begins()
        try:
            result: ToolResult = await self._bench.call_tool(name, arguments, cancellation_token, **options)
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, the agent waits
            result = self._result(name, error, cancellation_token)
        return result

    async def call_tool_stream(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
        **options: Any,
    ) -> AsyncGenerator[Any, None]:
        self._begins()
        try:
            stream = self._bench.call_tool_stream(name, arguments, cancellation_token, **options)
            async with closing(stream):
                async for item in stream:
                    yield item
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it is, the agent waits
            yield self._result(name, error, cancellation_token)

    def _begins(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)

    def _result(self, name: str, error: BaseException, token: CancellationToken | None) -> ToolResult:
        cancelled = isinstance(error, asyncio.CancelledError)
        if cancelled and (not self._goes_on() or (token is not None and token.is_cancelled())):
            raise error
        text = str(error) or ("The tool was cancelled." if cancelled else type(error).__name__)
        return ToolResult(name=name, result=[TextResultContent(content=text)], is_error=True)
