"""The places for connecting: how many handshakes go on at once.

Owns the count and the queue for it. A handshake costs the loop's time, fifty at once stalled it for
125 ms and ten for 34 ms; a peer that keeps us waiting costs none, so it has no place before it is
there, and gives its place to the next when its handshake takes long.
"""

from __future__ import annotations

import asyncio
from collections import deque


class Places:
    """At most ``most`` are given to those who wait; what is taken again may exceed it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def take(self) -> None:
        """Wait for a place, first come, first served."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        self._hand_out()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():  # the place came in the same turn of the loop
                self.give_back()
            raise

    def take_again(self) -> None:
        """Take a place at once."""
        self._taken += 1

    def give_back(self) -> None:
        """Let the next have the place."""
        self._taken -= 1
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue and self._taken < self._most:
            turn = self._queue.popleft()
            if not turn.done():
                self._taken += 1
                turn.set_result(None)
