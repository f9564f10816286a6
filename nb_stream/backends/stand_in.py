"""`StandIn`: the members that frameworks ask of a team besides running it, so that a `TeamStream` can stand in a team.

In a run of its own, a `TeamStream` shows its team. In a run of another stream it does nothing: the other stream runs
the team inside, finds its agents, and shows what they say.
"""

from __future__ import annotations

from typing import Any


class StandIn:
    """A thing that stands where a framework takes a team: as a participant of a team, inside an agent, or as a tool."""

    component_type = "team"

    @property
    def team(self) -> Any:
        """The team or agent behind it. Raises NoTeamError if there is none."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The name of the team or agent."""
        return str(self.team.name)

    @property
    def description(self) -> str:
        """The description of the team or agent."""
        return str(self.team.description)

    def dump_component(self) -> Any:
        """The component model of the team or agent itself. What is loaded from it is a bare team or agent."""
        return self.team.dump_component()


def behind(thing: Any) -> Any:
    """The team or agent behind a `StandIn`; any other thing as it is."""
    return thing.team if isinstance(thing, StandIn) else thing
