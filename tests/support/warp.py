"""An event loop whose clock jumps to the next timer instead of waiting for it.

Pauses of seconds cost nothing and always have the same effect, so what depends on silence can be
tested by the thousand. For code that uses no socket and no thread.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits; tells how long it would have waited."""

    skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            if timeout is None:
                raise RuntimeError("nothing will ever happen again: the test waits for nobody")
            self.skipped += max(0.0, timeout)
        return ready


class WarpLoop(asyncio.SelectorEventLoop):
    """A loop in which time passes only while everybody waits."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.skipped


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in warped time."""
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        return runner.run(main)
