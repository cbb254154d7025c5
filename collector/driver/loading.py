"""What only a login needs, loaded while the first devices are dialled.

Owns the thread that does it. The libraries take longer to load than all else that a run needs, and
a connection can be made without a word of them: so a module that is imported before the first
packet names none of them, and `entry`, behind that, all.
"""
# ruff: noqa: PLC0415 - see above

from __future__ import annotations

import asyncio
from collections.abc import Callable
from importlib.util import find_spec
from typing import Final

from collector.driver.hostkeys import KnownHosts

LIBRARIES: Final = ("asyncssh", "scrapli")


def unheeded() -> None:
    """Let nobody know."""


class Loading:
    """One loading, for the event loop that it is begun in.

    ``known`` are read in it, too; ``loaded`` is called when all is there. Raises
    `ModuleNotFoundError` where a library is not installed.
    """

    def __init__(self, known: KnownHosts, loaded: Callable[[], None] = unheeded) -> None:
        for name in LIBRARIES:
            if find_spec(name) is None:  # else each device would be dialled to be told
                raise ModuleNotFoundError(f"No module named {name!r}")
        self._known = known
        self._loaded = loaded
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        """Have the thread started, once all have been dialled who are about to be."""
        if self._task is None:
            self._task = asyncio.create_task(self._load())
            self._task.add_done_callback(_seen)

    async def done(self) -> None:
        """Wait until all is loaded; raises what kept it from being."""
        self.begin()
        assert self._task is not None
        await asyncio.shield(self._task)

    async def _load(self) -> None:
        # An end of the program waits for the thread: half a library cannot be left.
        await asyncio.get_running_loop().run_in_executor(None, self._imported)
        self._loaded()

    def _imported(self) -> None:
        import collector.driver.entry  # noqa: F401

        self._known.load()


def _seen(task: asyncio.Task[None]) -> None:
    """Leave it to those who wait to tell of an error."""
    if not task.cancelled():
        task.exception()
