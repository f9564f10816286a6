"""Requests for human input that are open, and how each of them ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from .errors import NotRunningError
from .model import CellKind, InputResolved, Message

REPORT = 0.5
"""Seconds in which a team reports its own request. It does so after what was said before, so its report is waited for;
some ways of nesting agents swallow it, and then the question is reported without it."""


class Questions:
    """The open requests of a run. Everything but `open` belongs to the stream's loop."""

    def __init__(self, say: Callable[[Message | InputResolved], None]) -> None:
        self._say = say
        self._futures: dict[str, asyncio.Future[str]] = {}
        self._unreported: dict[str, Message] = {}

    def __bool__(self) -> bool:
        return bool(self._futures)

    async def ask(self, path: str, agent: str, request_id: str, prompt: str) -> str:
        """Wait for the answer to a request. A cancel of the request raises CancelledError."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[str] = loop.create_future()
        self._futures[request_id] = future
        how, answer = "cancelled", None
        self._unreported[request_id] = Message(
            agent,
            path,
            time.time(),
            CellKind.INPUT,
            prompt,
            "UserInputRequestedEvent",
            data={"request_id": request_id},
        )
        late = loop.call_later(REPORT, self._report, request_id)
        try:
            answer = await future
            how = "answered"
            return answer
        finally:
            late.cancel()
            self._report(request_id)
            del self._futures[request_id]
            self._say(InputResolved(agent, path, time.time(), request_id, how, answer))

    def _report(self, request_id: str) -> None:
        if request_id in self._unreported:
            self._say(self._unreported[request_id])

    def reported(self, event: Message) -> Message:
        """A team's report of a request, with the prompt that it lacks; any other message as it is."""
        if event.kind is CellKind.INPUT:
            known = self._unreported.pop(event.data.get("request_id", ""), None)
            if known is not None:
                return replace(event, text=event.text or known.text)
        return event

    def open(self, request_id: str) -> asyncio.Future[str]:
        """The request that waits for its answer. Raises NotRunningError where it does not wait any more."""
        future = self._futures.get(request_id)
        if future is None or future.done():
            raise NotRunningError("This request for input is not open any more: it was answered, or its run ended.")
        return future

    def cancel(self) -> None:
        """End all requests without an answer."""
        for future in self._futures.values():
            future.cancel()
