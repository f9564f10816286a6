"""`KeptStates`: the states that a team had before its runs, so that it can be set back to one of them.

The state of a team holds its whole conversation. So each state is kept as its difference from the one before it: mostly
the messages that were added at the end of its lists. What has not changed is shared and not copied.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SAME: dict[str, Any] = {}
"""The difference between equal values. Other differences have one of these members: `is`, the new value; `in`, the
differences of members by name, with `gone`, the names of members that are missing; `then`, the items of a list behind
the first `keep` items."""


def difference(old: Any, new: Any) -> dict[str, Any]:
    """What makes `new` of `old`, both of JSON values, as JSON values. Each value is compared once."""
    if isinstance(old, dict) and isinstance(new, dict):
        inside = {name: difference(old.get(name, _Missing), value) for name, value in new.items()}
        changed = {name: change for name, change in inside.items() if change is not SAME}
        gone = [name for name in old if name not in new]
        if not changed and not gone:
            return SAME
        return {"in": changed, "gone": gone} if gone else {"in": changed}
    if isinstance(old, list) and isinstance(new, list):
        most = min(len(old), len(new))
        keep = next((place for place in range(most) if old[place] != new[place]), most)
        return SAME if keep == len(old) == len(new) else {"keep": keep, "then": new[keep:]}
    return SAME if type(old) is type(new) and old == new else {"is": new}


def applied(old: Any, change: Mapping[str, Any]) -> Any:
    """The value that `change`, a difference, makes of `old`. Raises ValueError, TypeError, KeyError or AttributeError
    if they do not fit."""
    if not change:
        return old
    if "is" in change:
        return change["is"]
    if "then" in change:
        return [*old[: change["keep"]], *change["then"]]
    gone = change.get("gone", ())
    kept = {name: value for name, value in (old or {}).items() if name not in gone}
    return {**kept, **{name: applied(kept.get(name), inside) for name, inside in change["in"].items()}}


class _Missing:
    """Stands for a member that is not there: it equals nothing."""


class KeptStates:
    """The last states of a team, at most `most`, by a word each. The supervisor owns them; they belong to its loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._base: dict[str, Any] = {}  # the state before the first difference
        self._last: dict[str, Any] = {}
        self._steps: list[tuple[str, dict[str, Any]]] = []

    def __contains__(self, word: str) -> bool:
        return any(word == known for known, _ in self._steps)

    def put(self, word: str, state: dict[str, Any]) -> None:
        """Keep a state, which nothing may change later. It replaces an older one of the same word."""
        self._steps.append((word, difference(self._last, state)))
        self._last = state if len(self._steps) == 1 else applied(self._last, self._steps[-1][1])
        while len(self._steps) > self.most:
            self._base = applied(self._base, self._steps.pop(0)[1])

    def get(self, word: str) -> dict[str, Any] | None:
        """The state that was kept last by this word; None if none is."""
        state, found = self._base, None
        for known, change in self._steps:
            state = applied(state, change)
            if known == word:
                found = state
        return found

    def dump(self) -> dict[str, Any]:
        """All states as JSON values, for a recording."""
        return {"base": self._base, "steps": [[word, change] for word, change in self._steps]}

    def load(self, values: Mapping[str, Any]) -> None:
        """Take the states of `dump`. Raises ValueError if they are none."""
        try:
            base, steps = dict(values["base"]), [(str(word), dict(change)) for word, change in values["steps"]]
            state = base
            for _, change in steps:
                state = applied(state, change)
        except (TypeError, KeyError, AttributeError, RecursionError) as error:
            raise ValueError(f"The recording's states of the team cannot be read ({error!r}).") from error
        self._base, self._last, self._steps = base, state, steps[len(steps) - min(len(steps), self.most) :]
        for _, change in steps[: len(steps) - len(self._steps)]:
            self._base = applied(self._base, change)
