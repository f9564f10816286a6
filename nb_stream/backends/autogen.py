"""The backend for AutoGen AgentChat: runs a team and says in events what it yields."""

from __future__ import annotations

import contextlib
import inspect
import time
import warnings
from collections.abc import AsyncIterator, Callable
from importlib import metadata
from typing import Any

try:
    from autogen_agentchat.base import ChatAgent, TaskResult
    from autogen_agentchat.messages import BaseChatMessage, ModelClientStreamingChunkEvent
    from autogen_agentchat.teams import BaseGroupChat
except ImportError as error:
    from ..errors import BackendError

    raise BackendError(
        f"nb_stream needs AutoGen AgentChat, which cannot be imported ({error}). "
        'Install it with: pip install "autogen-agentchat>=0.7.5,<0.8" "autogen-ext[openai]>=0.7.5,<0.8"'
    ) from error

from ..errors import AlreadyRunningError, EmptyTaskError, NotATeamError, UntestedVersionWarning
from ..model import AgentInfo, Chunk, Event
from . import HumanInput, Item, stopping
from . import autogen_private as private
from .agents import Node, discover, is_runner
from .human import answering
from .messages import event_of
from .noise import quiet_runtime
from .taps import Origin, Taps


def check_version() -> None:
    """Warn once where AutoGen is not of the version that nb_stream was tested with."""
    version = metadata.version("autogen-agentchat")
    if version.split(".")[:2] != private.TESTED.split(".")[:2]:
        warnings.warn(
            f"nb_stream was tested with autogen-agentchat {private.TESTED}; {version} is installed. "
            'If something looks wrong: pip install "autogen-agentchat>=0.7.5,<0.8".',
            UntestedVersionWarning,
            stacklevel=2,
        )


class AutoGenBackend:
    """Runs one AgentChat team or agent. Not thread-safe: all but `wanted` belongs to the stream's loop."""

    def __init__(self, root: Any, factory: Callable[[], Any] | None = None) -> None:
        self._root = root
        self._factory = factory
        self._taps: Taps | None = None
        self._token = stopping.RunToken()
        self._stop_wished = False
        self.wanted: dict[str, bool] = {}
        self._find()

    @classmethod
    def open(cls, team: Any) -> AutoGenBackend:
        """The backend for a team, an agent, or a zero-argument factory of one.

        Raises NotATeamError for anything else; what a factory raises comes through.
        """
        check_version()
        factory = None
        if not is_runner(team) and callable(team) and not inspect.isclass(team):
            factory, team = team, team()
            if inspect.isawaitable(team):
                if inspect.iscoroutine(team):
                    team.close()
                raise NotATeamError(
                    f"The team factory {_name(factory)} is asynchronous. Await it first and pass the team, "
                    "or pass a plain function."
                )
        if not is_runner(team) or inspect.isclass(team):
            raise NotATeamError(
                f"{_name(team)} is not an AutoGen team or agent. Pass an AgentChat team such as RoundRobinGroupChat, "
                "a single agent such as AssistantAgent, or a function without arguments that returns one."
            )
        return cls(team, factory)

    def _find(self) -> None:
        tree = discover(self._root)
        self._nodes: list[Node] = tree.nodes
        self._teams: list[BaseGroupChat] = tree.teams
        self.agents: tuple[AgentInfo, ...] = tuple(node.info for node in tree.nodes)
        self.streaming = {node.info.path: bool(private.streams(node.agent)) for node in tree.nodes}

    # --- tasks -----------------------------------------------------------------------------------------------------

    def task_text(self, task: Any) -> str:
        """The task's text for a reader. Raises EmptyTaskError for a text or a list without content."""
        if task is None:
            return ""
        if isinstance(task, str):
            if not task.strip():
                raise EmptyTaskError("The task is empty. Write what the team should do.")
            return task
        if isinstance(task, BaseChatMessage):
            return task.to_text()
        if isinstance(task, (list, tuple)) and not task:
            raise EmptyTaskError("The task list is empty. Put at least one message into it.")
        return "\n".join(m.to_text() for m in task if isinstance(m, BaseChatMessage))

    def check_free(self) -> None:
        """Raises AlreadyRunningError while the team, or one inside it, runs somewhere else."""
        for team in self._teams:
            if private.is_running(team):
                raise AlreadyRunningError(
                    f"The team {team.name!r} is already running elsewhere: in another panel, or by a call of its own "
                    "run(). Wait until that run has ended, or cancel it there."
                )

    # --- a run -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        emit: Callable[[Event], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncIterator[Item]:
        """Run the team; each message comes with its event, the `TaskResult` last with None."""
        self._token, self._stop_wished = stopping.RunToken(), False
        remove = await stopping.install(self._teams, lambda: self._stop_wished)
        try:
            with (
                Taps(self._nodes, self.wanted, emit, hear, lambda: private.has_output(self._root)) as taps,
                answering(self._nodes, ask),
                quiet_runtime(),
            ):
                self._taps = taps
                stream = self._root.run_stream(
                    task=task, cancellation_token=self._token, output_task_messages=output_task_messages
                )
                async with contextlib.aclosing(stream):
                    async for message in stream:
                        if isinstance(message, TaskResult):
                            yield Item(message, None)
                            continue
                        origin = taps.origin(message)
                        yield Item(message, self._event(message, origin))
                        taps.came_through(message)
        finally:
            self._taps = None
            remove()

    def _event(self, message: Any, origin: Origin | None) -> Event:
        source = message.source
        if origin is None:
            path, turn, final = source, None, False
        else:
            path, turn, final = origin
            if path != source and not path.endswith("/" + source) and path not in self._renamed(source):
                path, final = f"{path}/{source}", False  # said inside a turn by somebody who has no tap
        if isinstance(message, ModelClientStreamingChunkEvent):
            return Chunk(source, path, time.time(), message.content, message.full_message_id, turn)
        return event_of(message, path, turn, final)

    def _renamed(self, source: str) -> set[str]:
        """The paths of agents that stand in the team under another name than they sign with."""
        return {node.info.path for node in self._nodes if node.agent.name == source != node.info.name}

    def joined(self, first: Any, text: str) -> Any:
        """A chunk event like `first`, with another text."""
        return first.model_copy(update={"content": text})

    # --- ends ------------------------------------------------------------------------------------------------------

    def request_stop(self) -> None:
        """Let the run end after the current turn."""
        self._stop_wished = True

    def request_cancel(self) -> None:
        """Cancel the run's token."""
        self._token.cancel()

    def abandon(self) -> None:
        """Cut off what did not follow the token."""
        if self._taps is not None:
            self._taps.cut_off()
        for team in self._teams:
            private.cut_off(team)

    async def recover(self) -> None:
        """Make the team fit for the next run by renewing its parts; where that fails and there is a factory, by a new
        team with the old one's state."""
        try:
            await self._renew()
        except Exception:
            if self._factory is None:
                raise
            state = await self._root.save_state()
            self._root = self._factory()
            self._find()
            await self._root.load_state(stopping.merged(state, await self._root.save_state()))

    async def _renew(self) -> None:
        if isinstance(self._root, BaseGroupChat):
            await stopping.renew(self._root, self._teams)
        elif isinstance(self._root, ChatAgent):
            await self._root.load_state(stopping.merged(await self._root.save_state(), {}))

    async def reset(self) -> None:
        """Forget the conversation, as the team's or the agent's own reset does."""
        if isinstance(self._root, BaseGroupChat):
            await self._root.reset()
        else:
            await self._root.on_reset(stopping.RunToken())

    async def save_state(self) -> dict[str, Any]:
        """The team's own state."""
        return dict(await self._root.save_state())

    async def load_state(self, state: dict[str, Any]) -> None:
        """Take up a saved state."""
        await self._root.load_state(state)


def _name(thing: Any) -> str:
    return getattr(thing, "__name__", None) or f"An object of type {type(thing).__name__}"
