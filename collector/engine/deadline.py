"""A time limit that holds even where one cancellation is lost.

Python 3.11's `asyncio.wait_for` swallows a cancellation that arrives in the same turn of the loop
as its result: a loop that was blocked across a deadline while data was waiting then never hears of
that deadline again (https://github.com/python/cpython/issues/86296; cured in 3.12). So a second
timer, `GRACE` seconds after the first, cancels again, and again until somebody listens.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

GRACE = 1.0


class Deadline:
    """``async with Deadline(seconds)``: `asyncio.timeout` that asks more than once."""

    def __init__(self, seconds: float, *, grace: float = GRACE) -> None:
        self._seconds = seconds
        self._grace = grace
        self._asked_again = 0

    async def __aenter__(self) -> Deadline:
        task = asyncio.current_task()
        assert task is not None  # a coroutine always runs in a task
        self._task = task
        self._timeout = asyncio.timeout(self._seconds)
        await self._timeout.__aenter__()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._seconds + self._grace, self._ask_again)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        # Each cancel() of ours is taken back, so that the timeout knows its own among what is left.
        for _ in range(self._asked_again):
            self._task.uncancel()
        await self._timeout.__aexit__(kind, error, trace)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the time stand still while what is inside lasts."""
        if self._timeout.expired():  # and was not listened to: it goes on asking
            yield
            return
        loop = asyncio.get_running_loop()
        left = (self._timeout.when() or 0.0) - loop.time()
        self._timeout.reschedule(None)
        self._timer.cancel()
        try:
            yield
        finally:
            self._timeout.reschedule(loop.time() + left)
            self._timer = loop.call_later(left + self._grace, self._ask_again)

    def _ask_again(self) -> None:
        self._asked_again += 1
        self._task.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(self._grace, self._ask_again)
