"""The backend for AutoGen AgentChat: runs a team, and turns everything that the team yields into events.

It is the one class of this package that the rest of nb_stream sees. It decides in which order the parts of the package
are set up for a run and taken down again.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import warnings
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import metadata
from types import MappingProxyType
from typing import Any

try:
    from autogen_agentchat.base import TaskResult, Team
    from autogen_agentchat.messages import BaseChatMessage, MultiModalMessage, TextMessage
    from autogen_agentchat.teams import BaseGroupChat, Swarm
    from autogen_core import CancellationToken, Image
except ImportError as error:
    from ...errors import BackendError

    raise BackendError(
        f"nb_stream needs AutoGen AgentChat, which cannot be imported ({error}). "
        'Install it with: pip install "autogen-agentchat>=0.7.5,<0.8" "autogen-ext[openai]>=0.7.5,<0.8"'
    ) from error

from ...concurrency.clock import now
from ...concurrency.guarded_calls import attempt, attempted
from ...core import think_tags
from ...core.cell_content import RASTER_IMAGE
from ...core.model import USER, AgentInfo, Chunk, Event, ModelCalls, Notice, RunFinished
from ...errors import AlreadyRunningError, EmptyTaskError, StateError, UntestedVersionWarning
from ..base import Ability, Backend, Failure, Handoff, HumanInput, Item, Outcome
from ..stand_in import StandIn
from . import human, private, private_runtime, recovery, states, steering, stopping, workbench_proxy
from .closing import closing
from .contexts import GivenContext
from .discovery import discover
from .hooks import hooked
from .log_filter import quiet_runtime
from .managers import managers_hooked
from .messages import Faults, chunk_of, copied, event_of, is_chunk, text_of
from .model_calls import HeardCalls
from .native_messages import AutoGenReader, written
from .own_run import OwnRun, OwnRunResult, reads_its_stream
from .reading import brief, id_of, is_a, source_of, unflattened
from .token_router import Origin, TokenRouter
from .turns import Turns, called

Team.register(StandIn)  # a container runs a participant as a team only if it is of this class


def check_version() -> None:
    """Warn if the installed AutoGen is not of the version that nb_stream was tested with."""
    version = metadata.version("autogen-agentchat")
    if version.split(".")[:2] != private.TESTED_VERSION.split(".")[:2]:
        warnings.warn(
            f"nb_stream was tested with autogen-agentchat {private.TESTED_VERSION}; {version} is installed. "
            'If something looks wrong: pip install "autogen-agentchat>=0.7.5,<0.8".',
            UntestedVersionWarning,
            stacklevel=2,
        )


class AutoGenBackend(Backend):
    """Runs one AgentChat team or agent. The stream that shows the team owns it.

    It is not thread-safe: everything but `wanted` belongs to the stream's loop.
    """

    cannot: Mapping[Ability, str] = MappingProxyType({})
    input_type = "UserInputRequestedEvent"

    def __init__(self, root: Any, factory: Callable[[], Any] | None = None, *, approve_code: bool = False) -> None:
        """`root` is the team or agent. `factory` built it, or is None if the user did; it builds another if recovery
        fails. `approve_code` lets agents that run code without an approval function ask first."""
        super().__init__()
        self.root = root
        self._factory = factory
        self._approve_code = approve_code
        self._out: TokenRouter | None = None
        self._contexts: dict[str, GivenContext] = {}  # what the latest call of each agent was given
        self._turns, self._calls = Turns(), HeardCalls(self.unable, self._contexts)
        self._token = stopping.RunToken()
        self._quiet, self._stack = contextlib.ExitStack(), contextlib.ExitStack()
        self._steering = steering.Steering()
        self._stops = stopping.Stops(lambda team: "", self._steering.is_void)
        self._stop_reason, self._refused = "", False
        self._ours = False  # from the beginning of a run to its clean end, the team is busy, or unfit, because of us
        self._find()

    def _find(self) -> None:
        tree = self._tree = discover(self.root)
        self._teams: list[BaseGroupChat] = [chat.team for chat in tree.chats]
        self.agents: tuple[AgentInfo, ...] = tuple(tree.rows)
        flags = {node.info.path: private.streams(node.agent) for node in tree.nodes}
        flags.update({chat.info.path: private.selector_streams(chat.team) for chat in tree.chats if chat.info})
        able = {info.path for info in tree.rows if info.can_stream}
        self.streaming = {path: flag for path, flag in flags.items() if flag is not None and path in able}
        cannot = steering.team_cannot(self.root)
        if cannot:
            self.cannot = {**type(self).cannot, Ability.SAY: cannot}
        self._programs = {node.info.path for node in tree.nodes if private.runs_code_only(node.agent)}
        models = {node.info.path: private.model_name(private.model_client(node.agent)) for node in tree.nodes}
        models.update({chat.path: private.model_name(private.model_client(chat.team)) for chat in tree.chats})
        self.text_only = frozenset(
            node.info.path for node in tree.nodes if private.sees(private.model_client(node.agent)) is False
        )
        self.models = {path: model for path, model in models.items() if model is not None}

    # --- tasks -----------------------------------------------------------------------------------------------------

    def with_images(self, text: str, images: Sequence[str]) -> BaseChatMessage:
        """A `MultiModalMessage` of the user."""
        return MultiModalMessage(content=[*([text] if text.strip() else []), *map(_image, images)], source=USER)

    def task_text(self, task: Any) -> str:
        """The text of the task for a reader. Raises EmptyTaskError if the task is a text or list without content."""
        if task is None:
            return ""
        if isinstance(task, str):
            if not task.strip():
                raise EmptyTaskError("The task is empty. Write what the team should do.")
            return task
        if isinstance(task, BaseChatMessage):
            return text_of(task)
        if isinstance(task, (list, tuple)) and not task:
            raise EmptyTaskError("The task list is empty. Put at least one message into it.")
        return "\n".join(map(text_of, _messages(task)))

    def check_free(self) -> None:
        """Raise AlreadyRunningError if the team, or an agent or team inside it, runs somewhere else."""
        super().check_free()
        running = None if self._ours else next((team for team in self._teams if private_runtime.is_running(team)), None)
        if running is not None:
            raise self.busy(running)

    def closing(self, event: RunFinished) -> Iterable[Event]:
        """The events of model calls that no message came from, and then `event`: their tokens are to be counted."""
        return (*self._calls.unseen(), event)

    def claim(self) -> None:
        """Take the team and its agents for the next run, so that nobody else can begin one with them."""
        super().claim()
        self._quiet.enter_context(quiet_runtime())
        self._token, self._stop_reason, self._refused = stopping.RunToken(), "", False
        self._steering = steering.Steering()

    def release(self) -> None:
        """Give the team free for others."""
        self._quiet.close()
        super().release()

    @property
    def owned(self) -> list[Any]:
        """All teams and agents in the tree."""
        return [*self._teams, *(node.agent for node in self._tree.nodes)]

    def busy(self, thing: Any) -> AlreadyRunningError:
        """The error that says that a team, or an agent in it, runs elsewhere."""
        kind = "team" if isinstance(thing, BaseGroupChat) else "agent"
        return AlreadyRunningError(
            f"The {kind} {thing.name!r} is already running elsewhere: in another panel, or by a call of its own run(). "
            "Wait until that run has ended, or cancel it there."
        )

    # --- a run -----------------------------------------------------------------------------------------------------

    async def run(
        self,
        task: Any,
        *,
        output_task_messages: bool,
        as_stream: bool,
        emit: Callable[[Event], None],
        hear: Callable[[Any, Chunk], None],
        ask: HumanInput,
    ) -> AsyncGenerator[Item | Outcome, None]:
        """Run the team. Yields each message with its event, and an `Outcome` with the team's own result last."""
        # If `check_free` raises, others have begun a run since `claim`. That run goes on: `recover` must not touch it.
        self._refused = True
        self.check_free()
        self._refused = False
        self._ours = True
        out = self._out = TokenRouter(emit, hear)
        own = None if as_stream or reads_its_stream(self.root) else OwnRun(self.root, out.order.sent)
        calls = self._calls = HeardCalls(self.unable, self._contexts)
        faults = Faults()
        given = set(map(id_of, _messages(task)))
        begun: list[bool] = []
        try:
            with await self._prepared(out, calls, ask, own):
                asyncio.get_running_loop().call_soon(begun.append, True)
                async with closing(self._begun(task, output_task_messages, own)) as stream:
                    async for message in stream:
                        if is_a(message, TaskResult) or is_a(message, OwnRunResult):
                            result = message.result if is_a(message, OwnRunResult) else message
                            if is_a(result, TaskResult) and result.stop_reason is None and (reason := self.used_up()):
                                result = result.model_copy(update={"stop_reason": reason})
                            yield Outcome(result, getattr(result, "stop_reason", None))
                            continue
                        message_id = id_of(message)
                        out.order.comes(message_id)
                        origin = out.origin(message)
                        is_task = origin is None and (source_of(message) == USER or message_id in given)
                        yield Item(message, calls.marked(self._event(message, origin, faults)), is_task)
                        out.order.arrived(message_id)
                        for sentence in (*faults.news(), *calls.notices()):
                            emit(Notice(now(), sentence))
            self._is_fit()
        except Exception:
            if not begun and not self._turns.given:  # AutoGen refused the task before the team knew of it
                self._refused = True
                self._is_fit()
            raise
        finally:
            for sentence in calls.notices(last=True):
                emit(Notice(now(), sentence))

    def _event(self, message: Any, origin: Origin | None, faults: Faults) -> Event:
        """The event of a message, with the path of its author. If an agent passes on a message of another author that
        has no hook, the author's path lies below the agent's."""
        source = source_of(message, "" if origin is None else origin.name)
        path, turn, final, name = origin or Origin(source, None, False, source)
        printed = path in self._programs and final
        if source != name:
            path = f"{path}/{source}"
        if is_chunk(message):
            return chunk_of(message, source, path, turn)
        return event_of(message, path, turn, final, name=source, printed=printed, tell=faults.tell)

    def _is_fit(self) -> None:
        """Note that the run has ended cleanly: nothing is left of it, and the team can run again."""
        self._stops.unshield()
        self._ours = False

    def _begun(self, task: Any, output_task_messages: bool, own: OwnRun | None) -> AsyncGenerator[Any, None]:
        """Begin the run, and give the stream of what is said in it: the stream of `run_stream`, or, if the run is made
        by the `run` of the team or agent, what `OwnRun` hears."""
        options = {"cancellation_token": self._token, "output_task_messages": output_task_messages}
        run, root = self._turns.run, self.root
        if own is None or run is None:
            return called(run, lambda: root.run_stream(task=task, **options))
        return own.read(run, task, options)

    async def _prepared(
        self, out: TokenRouter, calls: HeardCalls, ask: HumanInput, own: OwnRun | None
    ) -> contextlib.ExitStack:
        """Prepare agents, managers and tools for a run. Leaving the stack that is returned puts everything back.

        A run that was abandoned may leave the stack late, or never, so `recover` closes it first.
        """
        nodes, turns, before = self._tree.nodes, Turns(), self._turns
        for team in self._teams:
            await recovery.repair(team, before)
        self._turns = turns
        managers = [(chat, await private_runtime.manager(chat.team)) for chat in self._tree.chats]
        await turns.know(self._teams)
        approve = human.approving(ask, out.order)
        with contextlib.ExitStack() as stack:
            steers = self._steering
            stops = self._stops = stopping.Stops(
                lambda team: "" if turns.elsewhere(team) else self._stop_reason or self.used_up(), steers.is_void
            )
            stack.callback(stops.remove)
            await stops.install(self._teams)
            stack.callback(out.close)
            hook_managers = stack.enter_context(managers_hooked(managers, out, self.wanted, turns))
            stack.enter_context(calls.heard(nodes, managers, self.wanted, self.may_create, turns.elsewhere))
            stack.enter_context(human.answering(nodes, ask, approve if self._approve_code else None))
            stack.enter_context(workbench_proxy.guarded(self._tree, lambda: calls.open, turns.tasks))

            async def renewed(teams: Sequence[BaseGroupChat]) -> None:
                await turns.know(teams)
                await stops.install(teams)
                chats = [chat for chat in self._tree.chats if chat.team in teams]
                managers = [(chat, await private_runtime.manager(chat.team)) for chat in chats]
                hook_managers(managers)
                calls.hear_managers(managers, self.wanted, self.may_create, turns.elsewhere)
                steer([(team, await private_runtime.parts(team)) for team in teams])

            async def cleaned(container: Any) -> None:
                await attempted("To put an agent in order whose turn was cut", lambda: self._tidy(container, renewed))

            steer = stack.enter_context(steers.installed(self.root, turns.elsewhere, cleaned))
            steer([(team, await private_runtime.parts(team)) for team in self._teams])
            hooks = hooked(self._tree, self.root, out, self.wanted, turns, approve, renewed, own, steers)
            stack.enter_context(hooks)  # last: a turn that passes them finds all else in place
            stack.enter_context(stopping.prompt_failure(self.root, self._own_teams, self._cut_off))
            self._stack = stack.pop_all()
        return self._stack

    async def _tidy(self, container: Any, renewed: Callable[[Sequence[BaseGroupChat]], Awaitable[None]]) -> None:
        """Put a participant in order whose turn was cut, with everything inside it."""
        agent = private_runtime.agent_of_container(container)
        while (inner := private.wrapped_agent(agent)) is not None:
            agent = inner
        path = next((node.info.path for node in self._tree.nodes if node.agent is agent), None)
        if path is not None:
            nodes = [node for node in self._tree.nodes if f"{node.info.path}/".startswith(f"{path}/")]
            teams = [chat.team for chat in self._tree.chats if chat.path.startswith(f"{path}/")]
            await recovery.tidy(container, nodes, teams, self._turns, renewed)

    def _own_teams(self) -> list[BaseGroupChat]:
        """All teams of the tree except those that others run at the moment."""
        return [team for team in self._teams if not self._turns.elsewhere(team)]

    def _cut_off(self, team: BaseGroupChat) -> None:
        """End the runtime of a team, and all its tasks."""
        recovery.chase(private_runtime.cut_off(team))

    def joined(self, first: Any, text: str) -> Any:
        """A chunk event like `first`, with another text."""
        return copied(first, think_tags.with_think_tags(text))

    def dumped(self, native: Any) -> dict[str, Any] | None:
        """A message as JSON values."""
        return written(native)

    def task_of(self, values: Sequence[Any]) -> Any:
        """The messages that were written."""
        reader = AutoGenReader()
        return [reader.read(value) for value in values]

    # --- ends ------------------------------------------------------------------------------------------------------

    def request_stop(self, reason: str = "", *, now: bool = False) -> None:
        """Let the run end after the current turn. With `now`, cut the turns that are being written."""
        self._stop_reason = reason or stopping.STOPPED
        if now:
            self._steering.end()

    def spending(self) -> Iterable[ModelCalls]:
        """The model calls whose messages have not come."""
        return self._calls.spending()

    def say(self, words: Any, *, now: bool) -> None:
        """Give the team a text or messages after its turn. With `now`, cut the turns that are being written."""
        self._steering.say(self.joint_task([words]), now)

    def unsay(self) -> None:
        """Forget the messages that the team did not get yet."""
        self._steering.take()

    def joint_task(self, words: Sequence[Any]) -> list[BaseChatMessage]:
        """The messages of several texts or messages."""
        said = [[TextMessage(content=one, source=USER)] if isinstance(one, str) else _messages(one) for one in words]
        return [message for messages in said for message in messages]

    def request_cancel(self) -> None:
        """Cancel the run's token. The tokens that wait for a message go out first, so that no text is lost."""
        if self._out is not None:
            attempt("What was said last", self._out.order.close)
        self._token.cancel()

    def abandon(self) -> None:
        """Cut off the parts of the run that did not follow the token, so that they cannot reach the agents any more."""
        self._calls.close()
        out, self._out = self._out, None
        if out is not None:
            attempt("An agent at work", out.cut_off)
        for tasks in (self._turns.tasks, self._token.pending):
            recovery.chase(tasks)
        for team in self._own_teams():
            attempt(f"The team {team.name}", functools.partial(self._cut_off, team))

    def failure(self, error: BaseException) -> Failure:
        """The error of a run, with the agent or manager whose turn it broke off."""
        agent, path = ("", "") if self._out is None else self._out.failed_agent(error)
        return Failure(*unflattened(error), agent, path)

    async def handoff(self, result: Any) -> Handoff | None:
        """The handoff that was said last, if its target is nobody in the team; else None."""
        said = getattr(result, "messages", ())
        if isinstance(self.root, BaseGroupChat):
            said = private_runtime.thread(await private_runtime.manager(self.root))
        names = dict.fromkeys([*(team.name for team in self._teams), *(n.agent.name for n in self._tree.nodes)], True)
        if isinstance(self.root, Swarm):  # a Swarm takes a handoff to its participants only
            names = {**dict.fromkeys(names, False), **{part.name: True for part in private.participants(self.root)}}
        return human.handoff(said, names)

    async def recover(self) -> None:
        """Make the team fit for the next run by rebuilding its runtime, manager and containers. If that fails and there
        is a factory, build a new team with the state of the old one."""
        if self._refused:
            return
        self.abandon()
        attempt("What was prepared for the run", self._stack.close)
        turns = self._turns
        try:
            await recovery.recover_teams(self._own_teams(), turns)
            await recovery.mend(self._tree.nodes, turns)
        except Exception:
            if self._factory is None:
                raise
            await self._build_anew(self._factory)
        self._ours = False

    async def _build_anew(self, factory: Callable[[], Any]) -> None:
        """Put a new team in the place of one that cannot be made fit, and give it the state of the old team. Raises
        RuntimeError if that state is lost; even then, the new team is fit for a run."""
        old = self.root

        async def take_over() -> None:
            await states.load_state(self.root, await states.save_state(old))

        self.root = factory()
        self._find()
        self._ours = False
        if await attempted("The state of the old team", take_over) is not None:
            raise RuntimeError("Its factory has built it anew, but what it knew could not be carried over.")

    async def pause(self) -> None:
        """Tell the team or agent to pause. AutoGen's own agents take no notice; agents of the user's own may."""
        await self._tell("pause")

    async def resume(self) -> None:
        """Tell the team or agent to go on."""
        await self._tell("resume")

    async def _tell(self, what: str) -> None:
        """Call `pause` or `resume`, or, for a single agent, `on_pause` or `on_resume`."""
        own = getattr(self.root, what, None)
        await (own() if own is not None else getattr(self.root, f"on_{what}")(CancellationToken()))

    async def reset(self) -> None:
        """Let the team or agent forget the conversation, by its own `reset`."""
        if isinstance(self.root, Team):
            await self.root.reset()
        else:
            await self.root.on_reset(stopping.RunToken())

    async def save_state(self) -> dict[str, Any]:
        """The team's own state, and the parts that AutoGen leaves out of it (`states`)."""
        return await states.save_state(self.root)

    async def load_state(self, state: dict[str, Any]) -> None:
        """Load a saved state. Raises StateError if the team refuses it."""
        try:
            await states.load_state(self.root, state)
        except Exception as error:
            raise StateError(
                f"{self.root.name} cannot take up this state: {error} Give the state that save_state() of a team with "
                "the same agents returned; reset() goes on without one."
            ) from error


def _messages(task: Any) -> list[BaseChatMessage]:
    """The messages that a task consists of; none for a text."""
    given = task if isinstance(task, (list, tuple)) else [task]
    return [message for message in given if isinstance(message, BaseChatMessage)]


def _image(uri: str) -> Image:
    """The image of a data URI. Raises ValueError if it holds none that AutoGen reads."""
    found = RASTER_IMAGE.fullmatch(uri)
    try:
        return Image.from_base64(found[2] if found else "")
    except (OSError, ValueError) as error:
        raise ValueError(
            f"An attached image cannot be read ({brief(error)}): attach a PNG, JPEG, GIF or WebP."
        ) from None
