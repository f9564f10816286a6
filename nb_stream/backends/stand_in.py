"""What frameworks ask of a team besides running it, so that a `TeamStream` can take part in one.

In a run of its own it shows its team. In the run of another stream it stands aside: that one runs the team inside,
finds its agents, and shows what they say.
"""

from __future__ import annotations

from typing import Any


class StandIn:
    """Stands where a framework takes a team: as a participant of another team, inside an agent, or as a tool."""

    component_type = "team"

    @property
    def team(self) -> Any:
        """The team or agent that stands behind. Raises NoTeamError if there is none."""
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
        """The team's or agent's own component model: a loaded one is bare."""
        return self.team.dump_component()


def behind(thing: Any) -> Any:
    """The team or agent behind a thing that may stand in for one, else the thing."""
    return thing.team if isinstance(thing, StandIn) else thing
