"""What a person has approved in advance: calls of a tool by an agent, for one run or until the grant is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

GrantScope = Literal["run", "tool"]
"""How long a grant holds: "run" until the run ends, "tool" for all calls of the tool until it is revoked."""


class Grant(NamedTuple):
    """The agent at `path` may call `tool` without being asked about. `scope` is "run" (until the run ends) or "tool"
    (until it is revoked)."""

    path: str
    tool: str
    scope: GrantScope


class Grants:
    """The grants of a stream. `Questions` owns them and changes them on the stream's loop; any thread may read them."""

    def __init__(self) -> None:
        self._scopes: dict[tuple[str, str], GrantScope] = {}

    def __iter__(self) -> Iterator[Grant]:
        for (path, tool), scope in list(self._scopes.items()):
            yield Grant(path, tool, scope)

    def give(self, grant: Grant) -> None:
        """Approve the calls in advance."""
        self._scopes[grant.path, grant.tool] = grant.scope

    def covers(self, path: str, tool: object) -> bool:
        """Whether a call of this tool by this agent needs no question."""
        return (path, tool) in self._scopes

    def revoke(self, path: str, tool: str) -> bool:
        """Take a grant back. False if there is none."""
        return self._scopes.pop((path, tool), None) is not None

    def end_run(self) -> bool:
        """Forget the grants for one run. False if there were none."""
        ended = [key for key, scope in self._scopes.items() if scope == "run"]
        for key in ended:
            del self._scopes[key]
        return bool(ended)
