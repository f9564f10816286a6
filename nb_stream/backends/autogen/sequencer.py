"""The order of a team: tokens take a short way out of it, and must not overtake what was said before them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

LOST_AFTER_S = 0.15
"""Seconds without any arrival, twice in a row, after which a message counts as lost: a nested team that ends leaves
unread what its other branches said."""


class _Sent(NamedTuple):
    number: int
    turn: str | None


class _Waiting(NamedTuple):
    after: int  # the number of the last message that was sent before it
    turn: str | None
    act: Callable[[], None]


class MessageSequencer:
    """Knows which messages are under way, and lets tokens wait for those that were sent before them.

    Messages of one turn arrive in the order in which they were sent. Those of turns at the same time need not: the way
    out of a nested team is longer.
    """

    def __init__(self) -> None:
        self._count = 0
        self._under_way: dict[str, _Sent] = {}
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._still = False

    @property
    def free(self) -> bool:
        """Whether nothing is under way and nothing waits: `after_all` would act at once."""
        return not self._under_way and not self._waiting

    def sent(self, message_id: str, turn: str | None = None) -> None:
        """A message of a turn set out. Does nothing if it is on its way already."""
        self._count += 1
        self._under_way.setdefault(message_id, _Sent(self._count, turn))

    def comes(self, message_id: str) -> None:
        """A message comes out of the team: what its own turn said before it goes ahead, even of what waits for
        messages of others, which it has overtaken."""
        number, turn = self._under_way.get(message_id, _Sent(0, None))
        ahead = [one for one in self._waiting if one.turn == turn and one.after < number]
        if ahead:
            self._waiting = deque(one for one in self._waiting if one.turn != turn or one.after >= number)
            for one in ahead:
                one.act()
            self._release()

    def arrived(self, message_id: str) -> None:
        """A message has come out of the team and was dealt with."""
        self._still = False
        if self._under_way.pop(message_id, None) is not None:
            self._release()

    def after_all(self, act: Callable[[], None], turn: str | None = None) -> None:
        """Act when all that was sent so far has arrived, and before what the same turn sends later: now, or from
        `comes` or `arrived`."""
        if self.free:
            act()
            return
        self._waiting.append(_Waiting(self._count, turn, act))
        if self._timer is None:
            self._watch()

    def lost(self, turn: str) -> None:
        """What is still under way of a turn will not arrive: act on what the turn has waiting."""
        self._under_way = {key: sent for key, sent in self._under_way.items() if sent.turn != turn}
        own = [one for one in self._waiting if one.turn == turn]
        self._waiting = deque(one for one in self._waiting if one.turn != turn)
        for one in own:
            one.act()
        self._release()

    def close(self) -> None:
        """Nothing more will arrive: act on all that waits."""
        self._under_way.clear()
        self._release()

    def _release(self) -> None:
        """Act on what waits for nothing any more."""
        oldest = next((sent.number for sent in self._under_way.values()), self._count + 1)
        while self._waiting and self._waiting[0].after < oldest:
            self._waiting.popleft().act()
        if not self._waiting and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _watch(self) -> None:
        self._still = True
        self._timer = asyncio.get_running_loop().call_later(LOST_AFTER_S, self._look, False)

    def _look(self, second: bool) -> None:
        """Twice, because after something blocked the loop the first look comes before what has been waiting."""
        if self._still and second:
            lost = self._waiting[0].after
            self._under_way = {key: sent for key, sent in self._under_way.items() if sent.number > lost}
            self._timer = None
            self._release()
            if self._waiting:
                self._watch()
        else:
            again, self._still = self._still, True
            self._timer = asyncio.get_running_loop().call_later(LOST_AFTER_S, self._look, again)
