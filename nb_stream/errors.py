"""The errors that nb_stream raises itself. Errors of a team come through unchanged.

NbStreamError
├── NotATeamError (TypeError)       the object given is no team, agent or factory of one
├── UnknownAgentError (KeyError)    no agent, or more than one, has this name or path
├── CannotStreamError (ValueError)  the agent has no tokens to switch on
├── EmptyTaskError (ValueError)     the task has no text
├── AlreadyRunningError (RuntimeError, ValueError)   a run is under way, here or elsewhere
├── NoTeamError (RuntimeError)      a recording is shown, and there is no team to run
├── StateError (ValueError)         the value to load is no state of this team
├── NotRunningError (RuntimeError)  the run has not ended, or the question is not open
├── UnsupportedError (RuntimeError) the agent framework has no way to do this
├── LoopError (RuntimeError)        the event loop cannot be used this way
├── RecordingError (ValueError)     a file is no recording, or cannot be written
├── ReplayedError (RuntimeError)    a recorded run failed, with this error
├── RemoteError (RuntimeError)      the worker of a remote team cannot be reached, or refuses
│   └── RemoteRunError              a run failed in the worker, with this error
└── BackendError (ImportError)      the agent framework is missing, or this release does not know its version

RecordingWarning (UserWarning)         a recording is broken; it was read up to its last good line
UntestedVersionWarning (UserWarning)   the agent framework's version is outside the tested range
"""

from __future__ import annotations

import traceback as tracebacks
from collections.abc import Iterable
from typing import NoReturn


class NbStreamError(Exception):
    """The base of all errors of this package."""


class NotATeamError(NbStreamError, TypeError):
    """The object given is no team, agent or factory of one."""


class UnknownAgentError(NbStreamError, KeyError):
    """No agent, or more than one, has this name or path."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would put the sentence in quotation marks


class CannotStreamError(NbStreamError, ValueError):
    """The agent has no tokens to switch on. The sentence says why."""


class EmptyTaskError(NbStreamError, ValueError):
    """The task has no text."""


class AlreadyRunningError(NbStreamError, RuntimeError, ValueError):
    """A run is under way, here or elsewhere. It is both a ValueError and a RuntimeError, because bare teams raise a
    ValueError for a second run, and a RuntimeError for `reset` and `load_state` during a run."""


class NoTeamError(NbStreamError, RuntimeError):
    """A recording is shown, and there is no team to run."""


class StateError(NbStreamError, ValueError):
    """The value to load is no state of this team."""


class NotRunningError(NbStreamError, RuntimeError):
    """The run has not ended, so it has no result; or the question is not open, so it takes no answer."""


class UnsupportedError(NbStreamError, RuntimeError):
    """The agent framework has no way to do this."""


class LoopError(NbStreamError, RuntimeError):
    """The event loop cannot be used this way."""


class RecordingError(NbStreamError, ValueError):
    """A file is no recording, or cannot be written."""


class ReplayedError(NbStreamError, RuntimeError):
    """A recorded run failed. The text names the class and the text of the error that was recorded."""


class RemoteError(NbStreamError, RuntimeError):
    """The worker of a remote team cannot be reached, or it refuses."""


class RemoteRunError(RemoteError):
    """A run failed in the worker of a remote team. The text names the class and the text of the error there, and
    `traceback` is the traceback there, as text."""

    def __init__(self, text: str, traceback: str = "") -> None:
        super().__init__(text)
        self.traceback = traceback


class BackendError(NbStreamError, ImportError):
    """The agent framework is missing, or this release does not know its version."""


class RecordingWarning(UserWarning):
    """A recording is broken; it was read up to its last good line."""


class UntestedVersionWarning(UserWarning):
    """The agent framework's version is outside the tested range."""


def unknown_agent(name: object, known: Iterable[str], place: str) -> UnknownAgentError:
    """The error for a name that no agent has. `place` says where it was looked for ("team", "transcript"), and `known`
    are the paths of the agents there."""
    agents = ", ".join(map(repr, known)) or "none"
    return UnknownAgentError(f"No agent is called {name!r}. The agents of this {place} are: {agents}.")


def already_running(wish: str, *, left_early: bool = False) -> AlreadyRunningError:
    """The error for a wish ("start a run") that must wait for the end of a run. `left_early` says that the run belongs
    to a `run_stream` whose loop was left."""
    remedy = "Stop or cancel it first, or wait for its end."
    if left_early:
        remedy = "Its run_stream was left early, and it is ending: await cancel() first, or use contextlib.aclosing."
    return AlreadyRunningError(
        f"Cannot {wish}: the team is already running, it cannot run again until it is stopped. {remedy}"
    )


def run_under_way(wish: str, run: str, task: str) -> AlreadyRunningError:
    """The error for a wish that must wait for the end of a run of a remote team, which somebody else may have begun."""
    named = f"{run} ({task[:60]!r})" if task else run
    return AlreadyRunningError(
        f"Cannot {wish}: the run {named} of this remote team is under way. Wait for its end, or stop or cancel it."
    )


def described(error: BaseException) -> tuple[str, str]:
    """An error for a reader: its class and text, and its traceback."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the class of the error may have a broken `__str__`
        text = ""
    trace = "".join(tracebacks.format_exception(type(error), error, error.__traceback__))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__, trace


def unreachable(value: NoReturn) -> NoReturn:
    """The last branch of a choice between all values of a type. A type checker fails if a value has no branch."""
    raise AssertionError(f"no branch handles {value!r}")
