"""Keeps the order of a team: a token must not overtake a message that was said before it.

Tokens take a short way out of the team (`hooks`), and messages take the long way through AutoGen's runtime. So a token
would come first if nothing held it back.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

LOST_AFTER_S = 0.15
"""Seconds without any arrival. If they pass twice in a row, a message counts as lost: a nested team that ends does not
read what its other branches said."""


class _Sent(NamedTuple):
    number: int
    turn: str | None


class _Waiting(NamedTuple):
    after: int  # the number of the last message that was sent before it
    turn: str | None
    act: Callable[[], None]


class MessageSequencer:
    """Knows which messages are under way, and lets tokens wait for the messages that were sent before them.

    Messages of one turn arrive in the order in which they were sent. Messages of two turns that run at the same time
    may arrive in another order, because the way out of a nested team is longer.

    The `TokenRouter` of a run owns it. It belongs to the loop of that run, and no method may be called from elsewhere.
    """

    def __init__(self) -> None:
        self._count = 0
        self._under_way: dict[str, _Sent] = {}
        self._waiting: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._still = False

    @property
    def free(self) -> bool:
        """Whether nothing is under way and nothing waits. If so, `after_all` acts at once."""
        return not self._under_way and not self._waiting

    def sent(self, message_id: str, turn: str | None = None) -> None:
        """A message of a turn sets out. A message that is under way already keeps its number."""
        self._count += 1
        self._under_way.setdefault(message_id, _Sent(self._count, turn))

    def comes(self, message_id: str) -> None:
        """A message comes out of the team, and its event is not made yet. The tokens that its turn said before it are
        released first. They are released even if they wait for messages of other turns: this message has overtaken
        those."""
        number, turn = self._under_way.get(message_id, _Sent(0, None))
        ahead = [one for one in self._waiting if one.turn == turn and one.after < number]
        if ahead:
            self._waiting = deque(one for one in self._waiting if one.turn != turn or one.after >= number)
            for one in ahead:
                one.act()
            self._release()

    def arrived(self, message_id: str) -> None:
        """A message has come out of the team and was handed on: release what waited for it."""
        self._still = False
        if self._under_way.pop(message_id, None) is not None:
            self._release()

    def after_all(self, act: Callable[[], None], turn: str | None = None) -> None:
        """Call `act` when all messages that were sent so far have arrived, and before any later message of `turn`. The
        call comes at once, or from another method of this object, or from its timer."""
        if self.free:
            act()
            return
        self._waiting.append(_Waiting(self._count, turn, act))
        if self._timer is None:
            self._watch()

    def lost(self, turn: str) -> None:
        """The messages of a turn that are under way will not arrive. Release the tokens of that turn."""
        self._under_way = {key: sent for key, sent in self._under_way.items() if sent.turn != turn}
        own = [one for one in self._waiting if one.turn == turn]
        self._waiting = deque(one for one in self._waiting if one.turn != turn)
        for one in own:
            one.act()
        self._release()

    def close(self) -> None:
        """No more messages will arrive. Release everything that waits."""
        self._under_way.clear()
        self._release()

    def _release(self) -> None:
        """Release everything that no longer waits for a message."""
        # A dict keeps the order of insertion, and numbers only grow, so the first entry has the lowest number.
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
        """Give up the messages that the oldest token waits for, if nothing has arrived for two looks in a row.

        One look is not enough. If something has blocked the loop, the timer fires before the loop gets to the messages
        that have been waiting in it.
        """
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
