"""What this process holds open, and waiting for what the other side of a socket does."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable


def open_sockets() -> int:
    """Count this process's sockets."""
    return sum(
        os.readlink(f"/proc/self/fd/{fd}").startswith("socket:")
        for fd in os.listdir("/proc/self/fd")
        if os.path.lexists(f"/proc/self/fd/{fd}")
    )


async def becomes_true(condition: Callable[[], bool]) -> None:
    """Wait for what the other side of a socket does, 10 seconds at most."""
    for _ in range(1000):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become true")
