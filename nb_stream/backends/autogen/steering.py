"""Steers a team in mid-run: gives it what the user says between two turns, and cuts the turns that are being written.

AgentChat 0.7.5 takes messages of a user only at the start of a run. A group chat manager gets the answer of a turn,
asks the termination condition, and chooses the next speakers. Between the last two steps (`private_runtime`,
`STEPS_ON`), words are given as the messages of a task are: they go into the team's output, to the container of every
participant, to the manager's own thread, and past the termination condition.

If a word is to be heard at once, the turns at work are cut: each gets a cancellation token of its own. A turn that was
cut has not taken place for its team. Its text stays with the reader alone, it counts neither for `max_turns` nor for a
termination condition, and the manager chooses anew, as if the turn had not begun. So the agent that was cut may speak
again, now with the word before it. The manager must hear that the turn is over. It gets an empty answer for that, which
nobody else gets, and which the hooks below take out of its hands.

In a team inside a team, the innermost team that runs gets the words. They reach the teams around it with the result of
the inner team.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from typing import Any

from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import BaseGroupChat
from autogen_core import CancellationToken

from ..stand_in import StandIn, behind
from . import private, private_runtime
from .closing import closing
from .patching import patched
from .private_runtime import RuntimeAgents
from .reading import id_of
from .stopping import RunToken

CUT_TIMEOUT_S = 0.25
"""Seconds that a turn has to follow its cancellation token. Then its task is cancelled. A turn that goes on even then
ends by itself, and the words come after it."""

Cleaned = Callable[[Any], Awaitable[None]]
"""Puts an agent whose turn was cut in order, with the agents and teams inside it."""


class TurnCut(BaseException):
    """A turn was cut. It is no Exception, because AutoGen's container makes a failure of the run of those."""


def team_cannot(root: Any) -> str:
    """A sentence that says why a team or agent takes no words in mid-run; an empty text if it takes them."""
    if not isinstance(root, BaseGroupChat):
        return "It has one turn in a run: what you say starts its next run."
    if not private_runtime.takes_words(root):
        return f"{type(root).__name__} goes from turn to turn in a way of its own: what you say starts its next run."
    return ""


class Steering:
    """What the user says in one run, and the turns that can be cut. The backend makes one for each run; it belongs to
    the loop of the run."""

    def __init__(self) -> None:
        self._words: list[BaseChatMessage] = []
        self._urgent = self._ends = False
        self._turns: set[_Turn] = set()
        self._void: set[str] = set()  # ids of the empty answers of turns that were cut
        self._containers: list[Any] = []

    # --- what the user says ------------------------------------------------------------------------------------------

    def say(self, words: Sequence[BaseChatMessage], now: bool) -> None:
        """Give the team messages when the current turn has ended. With `now`, cut the turns at work."""
        self._words += words
        if now:
            self.cut()

    def cut(self) -> None:
        """Cut the turns at work. If none is at work, the next one does not begin: the manager chooses anew."""
        self._urgent = True
        for turn in list(self._turns):
            turn.cut()

    def end(self) -> None:
        """Cut the turns at work, and end the run: somebody has wished it to stop."""
        self._ends = True
        self.cut()

    def take(self) -> list[BaseChatMessage]:
        """The messages that the team did not get yet. They are forgotten here."""
        words, self._words, self._urgent = self._words, [], self._ends
        return words

    def empty(self, source: str) -> TextMessage:
        """An empty answer."""
        empty = TextMessage(content="", source=source)
        self._void.add(id_of(empty))
        return empty

    @property
    def is_ending(self) -> bool:
        """Whether the run is to end before another turn begins."""
        return self._ends

    def is_void(self, messages: Sequence[Any]) -> bool:
        """Whether these messages are the empty answer of a turn that was cut."""
        return bool(self._void) and len(messages) == 1 and id_of(messages[0]) in self._void

    # --- hooks -------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def installed(
        self, root: Any, elsewhere: Callable[[Any], bool], cleaned: Cleaned
    ) -> Iterator[Callable[[Sequence[tuple[BaseGroupChat, RuntimeAgents]]], None]]:
        """For the time of a run, stand in the managers and containers of `root` and of the teams that take part in it.

        Gives a function that takes teams with their parts: all teams at first, and those that are rebuilt in mid-run.
        `elsewhere` says of a team whether a run of others uses it.
        """
        steered = set(map(id, _takers(root)))
        with contextlib.ExitStack() as stack:

            def hook(teams: Sequence[tuple[BaseGroupChat, RuntimeAgents]]) -> None:
                for team, parts in teams:
                    if id(team) in steered:
                        stack.enter_context(_ManagerHook(self, team, parts.manager, elsewhere).installed())
                        for container in parts.containers:
                            self._containers.append(container)
                            answer = self._answering(team, container, container.on_message, cleaned)
                            stack.enter_context(patched(container, on_message=answer))

            yield hook

    def cuttable(self, inner: Callable[..., Any]) -> Callable[..., Any]:
        """The layer round the turns of a participant (`hooks`). It lets a turn that a container begins be cut."""

        def begin(messages: Any, cancellation_token: CancellationToken) -> AsyncGenerator[Any, None]:
            if any(private_runtime.buffer(container) is messages for container in self._containers):
                return self._turn(inner, messages, cancellation_token)
            stream: AsyncGenerator[Any, None] = inner(messages, cancellation_token)
            return stream

        return begin

    async def _turn(
        self, inner: Callable[..., Any], messages: Any, token: CancellationToken
    ) -> AsyncGenerator[Any, None]:
        if self._urgent:
            raise TurnCut
        with _Turn(token) as turn:
            self._turns.add(turn)
            try:
                async with closing(inner(messages, turn.token)) as stream:
                    async for item in stream:
                        yield item
            except (Exception, asyncio.CancelledError) as error:
                if not turn.was_cut or token.is_cancelled():
                    raise
                raise TurnCut from error  # an agent, its model client or its tool may have made an error of the cut
            finally:
                self._turns.discard(turn)

    def _answering(
        self, team: BaseGroupChat, container: Any, inner: Callable[..., Awaitable[Any]], cleaned: Cleaned
    ) -> Callable[..., Awaitable[Any]]:
        """The container's way to take a message. If a turn of its agent is cut, the manager gets an empty answer."""

        async def on_message(*args: Any, **options: Any) -> Any:
            try:
                return await inner(*args, **options)
            except TurnCut:
                agent = private_runtime.agent_of_container(container)
                await cleaned(container)
                await private_runtime.answer_manager(team, container, self.empty(agent.name))

        return on_message


class _Turn:
    """A turn at work, with a cancellation token of its own that follows the token of the run."""

    def __init__(self, token: CancellationToken) -> None:
        self.token, self.was_cut = RunToken(), False
        token.add_callback(self.token.cancel)
        self._task = asyncio.current_task()
        self._timer: asyncio.TimerHandle | None = None
        self._pushed = False

    def cut(self) -> None:
        if not self.was_cut:
            self.was_cut = True
            self._timer = asyncio.get_running_loop().call_later(CUT_TIMEOUT_S, self._push)
            self.token.cancel()

    def _push(self) -> None:
        if self._task is not None:
            self._pushed = True
            self._task.cancel()

    def __enter__(self) -> _Turn:
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._pushed and self._task is not None and hasattr(self._task, "uncancel"):  # Python 3.11 counts cancels
            self._task.uncancel()


class _ManagerHook:
    """The hook of one manager in one run. `Steering` makes it; it belongs to the loop of the run."""

    def __init__(self, steering: Steering, team: BaseGroupChat, manager: Any, elsewhere: Callable[[Any], bool]) -> None:
        self._steering, self._team, self._manager, self._elsewhere = steering, team, manager, elsewhere
        self._before: dict[str, Any] = {}  # how the manager chose before the turns at work began

    def installed(self) -> patched:
        """For a time, stand before the manager's methods."""
        manager, step = self._manager, private_runtime.step_of(self._manager)
        hooks: dict[str, Callable[..., Awaitable[Any]]] = {
            "update_message_thread": self._knowing(manager.update_message_thread),
            step: self._going_on(getattr(manager, step)),
        }
        if hasattr(manager, "_apply_termination_condition"):
            hooks["_apply_termination_condition"] = self._ending(manager._apply_termination_condition)
        return patched(manager, **hooks)

    def _knowing(self, inner: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def update_message_thread(messages: Sequence[Any]) -> None:
            if self._steering.is_void(messages):
                private_runtime.choose_again(self._manager, messages[0].source, self._before)
            else:
                await inner(messages)

        return update_message_thread

    def _ending(self, inner: Callable[..., Awaitable[bool]]) -> Callable[..., Awaitable[bool]]:
        async def apply_termination_condition(delta: Sequence[Any], increment_turn_count: bool = False) -> bool:
            if self._steering.is_void(delta):  # `StopCondition` knows such an answer, too
                return await private_runtime.is_ended_by(self._manager, delta)
            return await inner(delta, increment_turn_count)

        return apply_termination_condition

    def _going_on(self, inner: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def go_on(cancellation_token: CancellationToken) -> None:
            if not self._elsewhere(self._team):
                last = [self._steering.empty("nb_stream")] if self._steering.is_ending else []
                if last and await private_runtime.is_ended_by(self._manager, last):
                    return
                words = self._steering.take()
                if words and await private_runtime.give(self._manager, words, cancellation_token):
                    return  # the termination condition has ended the run
                self._before = private_runtime.choice_of(self._manager)
            await inner(cancellation_token)

        return go_on


def participants_of_takers(root: Any) -> list[Any]:
    """The agents that take part in a team that takes words, or in a team that takes part in it."""
    parts = [part for team in _takers(root) for part in private.participants(team)]
    return [part for part in parts if not isinstance(part, StandIn) and hasattr(part, "on_messages_stream")]


def _takers(root: Any) -> list[BaseGroupChat]:
    """A team and the teams that take part in it, if they take words in mid-run."""
    found = [root] if isinstance(root, BaseGroupChat) and private_runtime.takes_words(root) else []
    for team in found:  # the list grows while it is read
        inside = map(behind, private.participants(team))
        found += [one for one in inside if isinstance(one, BaseGroupChat) and private_runtime.takes_words(one)]
    return found
