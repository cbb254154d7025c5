"""An event loop whose time passes only while everybody waits, and then at once.

A limit of 300 seconds is tested in a millisecond and to the dot, what depends on silence by the
thousand; a test that would hang fails at once, and so does one that leaves a task or a timer
behind. For code that uses no socket and no thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any, TypeVar, TypeVarTuple

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting for input it lets the time of its loop pass."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Report what is there; where nothing is, let ``timeout`` seconds have passed."""
        found = super().select(0)
        if found or timeout == 0:
            return found
        if timeout is None:
            raise AssertionError("all tasks wait for each other")
        self.now += timeout
        if self.now > 1e6:
            raise AssertionError("timers alone go on: the test has no end")
        return []


class WarpLoop(asyncio.SelectorEventLoop):
    """An event loop with a time of its own."""

    def __init__(self) -> None:
        self._warped = _Selector()
        self._timers: list[asyncio.TimerHandle] = []
        super().__init__(self._warped)

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Set a timer, and remember it."""
        timer = super().call_at(when, callback, *args, context=context)
        self._timers.append(timer)
        return timer

    def timers_left(self) -> list[asyncio.TimerHandle]:
        """The timers that are still to go off."""
        return [one for one in self._timers if one.when() > self.time() and not one.cancelled()]

    def time(self) -> float:
        """Tell the loop's own time."""
        return self._warped.now

    def block(self, seconds: float) -> None:
        """Let time pass as a callback does that keeps the loop busy for so long."""
        self._warped.now += seconds


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run ``main`` in warped time and see that it leaves no task and no timer behind."""

    async def whole() -> T:
        value = await main
        assert not asyncio.all_tasks() - {asyncio.current_task()}
        assert not loop().timers_left()
        return value

    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(whole())


def loop() -> WarpLoop:
    """The loop of the running test."""
    running = asyncio.get_running_loop()
    assert isinstance(running, WarpLoop)
    return running
