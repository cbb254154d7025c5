"""Hooks: a program that is started, or a web server that is asked, once for an event.

Owns how one is called, and the one line that says why it could not be. A program is started without
a shell, with a few harmless variables and those that its hook names, and ended with all that it has
started when it takes too long. A web server has to show its certificate, and is followed elsewhere
only on its own host. Refuses to know what is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

from collector.log import one_line
from collector.model import Event
from collector.telling.posting import post

GRACE: Final = 2.0  # seconds from SIGTERM to SIGKILL
SAID: Final = 4096  # bytes of what a program says at last
HARMLESS: Final = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ", "LANG", "LANGUAGE", "LC_ALL"),
    *("LC_CTYPE", "LC_MESSAGES", "LC_TIME", "XDG_RUNTIME_DIR", "SYSTEMROOT"),
)
"""Variables that hold no secret; the others may be where the credentials of devices are from."""


class Caller(Protocol):
    """A hook that can be called."""

    @property
    def events(self) -> Collection[Event]:
        """What it wants to know."""
        ...

    @property
    def name(self) -> str:
        """What it is called in a line: without any secret."""
        ...

    @property
    def identity(self) -> str:
        """What tells it from others: two with the same one are the same hook."""
        ...

    async def call(self, text: bytes) -> str:
        """Tell it; gives a line when that has failed, else nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program; relative paths start at ``folder``, and it is started there."""

    events: Collection[Event]
    command: tuple[str, ...]
    folder: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0

    @property
    def name(self) -> str:
        """The program without its arguments."""
        return one_line(self.command[0])

    @property
    def identity(self) -> str:
        """The whole command line."""
        return "\0".join(("command", *self.command))

    async def call(self, text: bytes) -> str:
        """Start it with ``text`` as its standard input, and wait for its end.

        The input is a file: a program that does not read it all harms nobody. What the program
        leaves running is left alone when it has ended well.
        """
        try:
            with tempfile.TemporaryFile() as given, _Tail() as tail:
                given.write(text)
                given.seek(0)
                process = await asyncio.create_subprocess_exec(
                    *self.command,
                    cwd=self.folder,
                    env=dict(self.environment),
                    stdin=given,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=tail.open(),
                    start_new_session=True,
                )
                problem = await self._ended(process)
                return f"{problem}{tail.last_line()}" if problem else ""
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it has a NUL in it"
            return f"it cannot be started: {reason}"

    async def _ended(self, process: asyncio.subprocess.Process) -> str:
        try:
            async with asyncio.timeout(self.timeout):
                status = await process.wait()
        except TimeoutError:
            await _end(process)
            return f"it did not end within {self.timeout:g} s and was ended"
        except asyncio.CancelledError:
            await _end(process)
            raise
        if not status:
            return ""
        return (
            f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A web server that events are posted to, as JSON; URL and headers may hold secrets."""

    events: Collection[Event]
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float = 30.0

    @property
    def name(self) -> str:
        """The server alone: a path often is a secret."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def identity(self) -> str:
        """The URL."""
        return f"webhook\0{self.url}"

    async def call(self, text: bytes) -> str:
        """Post ``text``; any answer but 2xx is a failure."""
        try:
            async with asyncio.timeout(self.timeout):
                return await _in_thread(
                    lambda: post(self.url, text, self.headers, timeout=self.timeout)
                )
        except TimeoutError:
            return f"it did not answer within {self.timeout:g} s"


class _Tail:
    """The last of what a program says, through a pipe that nobody waits for the end of."""

    def __init__(self) -> None:
        self._said = b""
        self._read, self._write = -1, -1

    def __enter__(self) -> _Tail:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        asyncio.get_running_loop().add_reader(self._read, self._take)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.get_running_loop().remove_reader(self._read)
        for handle in (self._read, self._write):
            os.close(handle)

    def open(self) -> int:
        """Give the end that a program writes to."""
        return self._write

    def last_line(self) -> str:
        """Give the last line that was said, with a colon before it."""
        self._take()
        lines = self._said.decode("utf-8", "replace").strip().splitlines()
        return f": {one_line(lines[-1])}" if lines else ""

    def _take(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while piece := os.read(self._read, 1 << 16):
                self._said = (self._said + piece)[-SAID:]


async def _end(process: asyncio.subprocess.Process) -> None:
    """End a program and all of its group."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await process.wait()
    # The group may live on without its first process: the second signal was for that.


async def _in_thread(work: Callable[[], str]) -> str:
    """Do what blocks in a thread that nobody waits for at the end of the program.

    A server that sends a byte a minute cannot be waited for, and a thread cannot be ended.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[str] = loop.create_future()

    def finish(line: str) -> None:
        if not done.done():
            done.set_result(line)

    def do() -> None:
        line = work()
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(finish, line)

    threading.Thread(target=do, name="webhook", daemon=True).start()
    return await done
