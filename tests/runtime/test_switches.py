"""Switches: a mapping by path and by name that says in words what it cannot do."""

from __future__ import annotations

from collections.abc import MutableMapping

import pytest

from nb_stream.core.model import AgentInfo
from nb_stream.errors import CannotStreamError, UnknownAgentError
from nb_stream.runtime.switches import Switches, resolve

AGENTS = (
    AgentInfo("ann", "ann"),
    AgentInfo("ben", "team/ben"),
    AgentInfo("ann", "team/ann"),
    AgentInfo("user", "user", can_stream=False, reason="It asks a person."),
    AgentInfo("team/ben", "odd/team/ben"),
)


class Board:
    """Switches that note what was flipped."""

    def __init__(self) -> None:
        self.state = {agent.path: agent.can_stream for agent in AGENTS}
        self.flipped: list[tuple[str, bool]] = []
        self.switches = Switches(lambda: AGENTS, self.state.__getitem__, self.flip)

    def flip(self, path: str, on: bool) -> None:
        self.state[path] = on
        self.flipped.append((path, on))


def test_an_agent_is_found_by_its_path_first_and_then_by_a_name_that_only_it_has() -> None:
    assert resolve(AGENTS, "ann").path == "ann"
    assert resolve(AGENTS, "team/ann").path == "team/ann"
    assert resolve(AGENTS, "ben").path == "team/ben"
    assert resolve(AGENTS, "team/ben").path == "team/ben"


def test_an_unknown_agent_is_answered_with_those_that_there_are() -> None:
    with pytest.raises(UnknownAgentError, match=r"No agent is called 'bob'. The agents of this team are: 'ann'"):
        resolve(AGENTS, "bob")
    with pytest.raises(UnknownAgentError, match="are: none"):
        resolve((), "bob")


def test_an_ambiguous_name_is_answered_with_the_paths() -> None:
    agents = (AgentInfo("ann", "one/ann"), AgentInfo("ann", "two/ann"))
    with pytest.raises(UnknownAgentError, match="Use the path: 'one/ann', 'two/ann'"):
        resolve(agents, "ann")


def test_switches_are_a_mapping_by_path() -> None:
    board = Board()
    assert isinstance(board.switches, MutableMapping)
    assert list(board.switches) == [agent.path for agent in AGENTS]
    assert len(board.switches) == len(AGENTS)
    assert dict(board.switches) == board.state
    assert "ben" in board.switches
    assert "bob" not in board.switches
    assert board.switches.get("bob", True) is True
    assert repr(board.switches).startswith("Switches({'ann': True")


def test_writing_flips_by_path_and_makes_a_bool_of_it() -> None:
    board = Board()
    board.switches["ben"] = 0  # type: ignore[assignment]
    board.switches.update({"ann": False})
    assert board.flipped == [("team/ben", False), ("ann", False)]
    assert board.switches["team/ben"] is False


def test_an_agent_without_tokens_cannot_be_switched_on_and_says_why() -> None:
    board = Board()
    with pytest.raises(CannotStreamError, match=r"'user' cannot stream\. It asks a person."):
        board.switches["user"] = True
    board.switches["user"] = False
    assert board.flipped == [("user", False)]


def test_switches_cannot_be_taken_away() -> None:
    board = Board()
    with pytest.raises(TypeError, match="Set them to False"):
        del board.switches["ann"]
    with pytest.raises(UnknownAgentError):
        board.switches["bob"] = True
    assert board.flipped == []
