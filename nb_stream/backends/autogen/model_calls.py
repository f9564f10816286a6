"""Hears the model calls of a run: what a call cost, whether its answer was cut short, whether anybody waits for it.

AgentChat does not show why a model stopped writing. If an answer reached the limit of tokens, or its connection ended
early, it becomes an ordinary message (0.7.5, `_openai_client.py`: an end without `[DONE]` gives the finish reason
"unknown"). And a client that does not follow its cancellation token answers when the run is over. Its agent would note
the answer down in the middle of the next run.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

from autogen_core.models import ChatCompletionClient, CreateResult

from ...concurrency.clock import now
from ...core.model import CellKind, Event, Message, ModelCalls, Usage
from . import private
from .client_proxy import ModelClientProxy
from .contexts import GivenContext
from .discovery import AgentNode, TeamNode
from .hearing import Hearing
from .reading import tried
from .turns import caller

_SAYS = {
    "length": "The answer of {} was cut short: its model reached the limit of tokens (finish reason: length).",
    "content_filter": "The answer of {} was cut short by the service's content filter.",
    "thought": "The answer of {} is empty: its model has only thought.",
    "unknown": "The answer of {} may have been cut short: the stream ended without saying that the answer is complete.",
}


class _Cut(NamedTuple):
    path: str
    name: str
    content: Any
    reason: str


class _OpenCall(NamedTuple):
    name: str
    path: str
    content: Any
    usage: Usage
    context: GivenContext | None


class HeardCalls:
    """The model calls of one run. The backend makes one for each run; it belongs to the loop of the run.

    `unable` gets, by path, the reason for which the client of an agent cannot stream, and `contexts` what its latest
    call was given. The backend keeps both for all runs.
    """

    def __init__(self, unable: dict[str, str], contexts: dict[str, GivenContext]) -> None:
        self.open = True
        self.unable = unable
        self.contexts = contexts
        self._cuts: list[_Cut] = []
        self._uncounted: list[_OpenCall] = []
        self._under_way: dict[Hearing, tuple[_Listener, int, Sequence[str]]] = {}  # with the estimated prompt tokens
        self._notices: list[str] = []
        self._proxies = contextlib.ExitStack()

    @contextlib.contextmanager
    def heard(
        self,
        nodes: Sequence[AgentNode],
        managers: Sequence[tuple[TeamNode, Any]],
        wanted: Mapping[str, bool],
        always: bool,
        elsewhere: Callable[[Any], bool],
    ) -> Iterator[None]:
        """For a time, listen to the model clients of these agents and managers. `wanted` says by path whether an agent
        is to stream. `always` says that agents that were built to stream have a switch, too. `elsewhere` says of a team
        whether a run of others uses it."""
        with self._proxies:
            for node in nodes:
                built = private.streams(node.agent)
                switched = built is False or (always and built is not None)
                listener = _Listener(self, node.info.path, node.agent.name, lambda: caller() is not None)
                self._hear(node.agent, ModelClientProxy(private.model_client(node.agent), listener, switched))
            self.hear_managers(managers, wanted, always, elsewhere)
            yield

    def hear_managers(
        self,
        managers: Sequence[tuple[TeamNode, Any]],
        wanted: Mapping[str, bool],
        always: bool,
        elsewhere: Callable[[Any], bool],
    ) -> None:
        """Listen to the model clients of managers. It is called again for managers that are made in mid-run.

        A selector says in an event what it chose only if it streams. So a selector that was built to stream, and is to
        answer whole, goes on reading a stream. That stream has the whole answer and nothing else.
        """
        for chat, manager in managers:
            built = private.selector_streams(manager)
            switched = built is False or (always and built is not None)
            at_work = partial(_is_here, elsewhere, chat.team)
            listener = _Listener(self, chat.path, private.manager_name(chat.team), at_work)
            whole = (lambda path=chat.path: not wanted.get(path, True)) if built and always else None
            self._hear(manager, ModelClientProxy(private.model_client(manager), listener, switched, whole))

    def _hear(self, owner: Any, heard: ModelClientProxy) -> None:
        if isinstance(heard, ChatCompletionClient):  # false if the owner has no client: see Proxy
            self._proxies.enter_context(private.model_client_replaced(owner, heard))

    def close(self) -> None:
        """The run was cut off: from now on, no agent gets an answer."""
        self.open = False

    def marked(self, event: Event) -> Event:
        """The event, with `cut_short` in its data if it is an answer that was cut short, or with `only_thought` if the
        answer is empty because the model has only thought."""
        if not isinstance(event, Message):
            return event
        event = self._counted(event)
        for cut in self._cuts:
            if cut.path == event.path and tried(partial(_is_said, cut.content, event), False):
                self._cuts.remove(cut)
                self._notices.append(_SAYS[cut.reason].format(cut.name))
                mark = {"only_thought": True} if cut.reason == "thought" else {"cut_short": cut.reason}
                return replace(event, data={**event.data, **mark})
        return event

    def _counted(self, event: Message) -> Message:
        """The event, with the usage of the call that it came from, and with what the model was given for it. The usage
        of earlier calls of the same agent that became no message is added, so that no token is lost from the sum."""
        if event.kind in (CellKind.THOUGHT, CellKind.INPUT, CellKind.APPROVAL):
            return event
        own = [call for call in self._uncounted if call.path == event.path]
        found = next((n for n, call in enumerate(own) if tried(partial(_is_said, call.content, event), False)), None)
        if found is None:  # AutoGen has made another text of the answer, so the usage must tell
            found = next((n for n, call in enumerate(own) if event.usage is None or call.usage == event.usage), None)
        if found is None:
            return event
        taken = own[: found + 1]
        gone = set(map(id, taken))  # by identity, because two calls may be equal
        self._uncounted = [call for call in self._uncounted if id(call) not in gone]
        usage = sum((call.usage for call in taken), Usage()) or event.usage
        return replace(event, usage=usage, context=taken[-1].context)

    def unseen(self) -> list[ModelCalls]:
        """The calls that no message came from, as one event for each agent and manager. Ask at the end of the run."""
        own: dict[tuple[str, str], list[Usage]] = {}
        for call in self._uncounted:
            if call.usage:
                own.setdefault((call.name, call.path), []).append(call.usage)
        self._uncounted.clear()
        return [ModelCalls(*who, now(), sum(usages, Usage()), len(usages)) for who, usages in own.items()]

    def spending(self) -> list[ModelCalls]:
        """The calls whose messages have not come, with their usage. It is estimated for those that are under way."""
        ended = [ModelCalls(call.name, call.path, 0.0, call.usage) for call in self._uncounted]
        return ended + [
            ModelCalls(who.name, who.path, 0.0, Usage(asked, _tokens("".join(said)), about=True))
            for who, asked, said in self._under_way.values()
        ]

    def began(self, listener: _Listener, hearing: Hearing, said: Sequence[str]) -> None:
        """A call begins, whose text comes into `said`."""
        asked = tried(lambda: _estimated(hearing.given).prompt_tokens, 0)
        self._under_way[hearing] = listener, asked, said

    def over(self, hearing: Hearing) -> None:
        """A call is not under way any more."""
        self._under_way.pop(hearing, None)

    def notices(self, last: bool = False) -> list[str]:
        """The sentences for the reader since the last call. With `last`, answers that became no message count, too."""
        notices, self._notices = self._notices, []
        if last:
            notices += [_SAYS[cut.reason].format(cut.name) for cut in self._cuts]
            self._cuts.clear()
        return notices

    def ended(self, listener: _Listener, client: Any, result: CreateResult, hearing: Hearing) -> None:
        """A model call has its result. Raises CancelledError if nobody waits for it."""
        if not self.open:
            raise asyncio.CancelledError
        tried(lambda: self._take(listener, result, hearing), None)  # a client of the user's own may give anything

    def _take(self, listener: _Listener, result: CreateResult, hearing: Hearing) -> None:
        """Note the usage of a call, and whether its answer was cut short."""
        usage = hearing.usage or Usage(result.usage.prompt_tokens, result.usage.completion_tokens)
        said = result.content if isinstance(result.content, str) else [str(call) for call in result.content]
        usage = usage if usage or result.cached else _estimated(hearing.given, said, result.thought)
        context = hearing.context
        if context is not None and not usage.about:
            context.prompt_tokens = usage.prompt_tokens or None
        self._uncounted.append(_OpenCall(listener.name, listener.path, result.content, usage, context))
        reason: str = result.finish_reason
        if reason == "unknown" and hearing.complete is not False:
            return  # the server sent the end, with no reason or with one that AutoGen does not know
        if reason not in _SAYS and not result.content and (result.thought or hearing.reasoned):
            reason = "thought"
        if reason in _SAYS:
            self._cuts.append(_Cut(listener.path, listener.name, result.content, reason))

    def broken_off(self, listener: _Listener, hearing: Hearing, said: str) -> None:
        """Note a call that was cut off in the middle of its answer. Servers charge for what the model has read and
        written until then."""
        usage = hearing.usage or _estimated(hearing.given, said)
        self._uncounted.append(_OpenCall(listener.name, listener.path, said, usage, hearing.context))


class _Listener:
    """Hears the calls of one agent or manager for `HeardCalls`, which owns it."""

    def __init__(self, calls: HeardCalls, path: str, name: str, is_at_work: Callable[[], bool]) -> None:
        self._calls, self.path, self.name, self.is_at_work = calls, path, name, is_at_work

    @property
    def unable(self) -> bool:
        return self.path in self._calls.unable

    def began(self, hearing: Hearing, said: Sequence[str], options: Mapping[str, Any]) -> None:
        contexts = self._calls.contexts
        hearing.context = tried(lambda: GivenContext(hearing.given, options, contexts.get(self.path)), None)
        if hearing.context is not None:
            contexts[self.path] = hearing.context
        self._calls.began(self, hearing, said)

    def over(self, hearing: Hearing) -> None:
        self._calls.over(hearing)

    def ended(self, client: Any, result: CreateResult, hearing: Hearing) -> None:
        self._calls.ended(self, client, result, hearing)

    def broken_off(self, hearing: Hearing, said: str) -> None:
        self._calls.broken_off(self, hearing, said)

    def cannot_stream(self, why: str) -> None:
        self._calls.unable[self.path] = f"{why} Its messages come whole."


def _estimated(given: Any, *said: Any) -> Usage:
    """The tokens of a call that nobody counted. Estimated as one token for four bytes of text."""
    asked = [getattr(message, "content", "") for message in (given if isinstance(given, (list, tuple)) else ())]
    return Usage(_tokens(asked), _tokens(said), about=True)


def _tokens(texts: Any) -> int:
    if isinstance(texts, str):
        return -(-len(texts.encode("utf-8", "replace")) // 4)
    return sum(map(_tokens, texts)) if isinstance(texts, (list, tuple)) else 0


def _is_here(elsewhere: Callable[[Any], bool], team: Any) -> bool:
    return not elsewhere(team)


def _is_said(content: Any, event: Message) -> bool:
    """Whether an event shows the content that a model call returned."""
    if event.kind is CellKind.TOOL_CALL:
        return isinstance(content, list) and [call.id for call in content] == [call.id for call in event.tool_calls]
    if not isinstance(content, str):
        return False
    if event.kind is CellKind.STRUCTURED:
        with contextlib.suppress(ValueError):
            return bool(json.loads(content) == event.data.get("value"))
    return event.kind in (CellKind.TEXT, CellKind.CODE) and event.text == content
