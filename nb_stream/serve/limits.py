"""What every door of a worker asks: whether a token is long enough, and whether commands come too fast."""

from __future__ import annotations

import os
import time

from ..remote.address import TOKEN_VARIABLE

COMMANDS_PER_S = 50.0
"""Commands that a worker takes in a second, all viewers together."""

COMMAND_BURST = 200
"""Commands that may come at once."""

MIN_TOKEN_LENGTH = 16
"""Characters that a token has at least."""

TOO_FAST = f"A worker takes {COMMANDS_PER_S:g} commands a second: wait a moment."
"""What a viewer is told whose command is one too many. The same command may be sent again."""


def checked_token(token: str | None) -> str:
    """The token, or that of the environment. Raises ValueError if there is none, or if it is short."""
    secret = os.environ.get(TOKEN_VARIABLE, "") if token is None else token
    if not secret:
        raise ValueError(f"A served team needs a token: app(team, token=…), or the variable {TOKEN_VARIABLE}.")
    if len(secret) < MIN_TOKEN_LENGTH:
        raise ValueError(f"The token has {len(secret)} characters; {MIN_TOKEN_LENGTH} are the least.")
    return secret


class CommandRate:
    """Counts the commands of a worker's viewers."""

    def __init__(self) -> None:
        self._allowance, self._counted_at = float(COMMAND_BURST), 0.0

    def takes(self) -> bool:
        """Count a command. Returns False if it is one too many."""
        now = time.monotonic()
        self._allowance = min(COMMAND_BURST, self._allowance + (now - self._counted_at) * COMMANDS_PER_S)
        self._counted_at = now
        if self._allowance < 1:
            return False
        self._allowance -= 1
        return True
