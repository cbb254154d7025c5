"""The byte end of an emulated device: what is typed, how it is echoed, how output is paced.

Owns line editing and the echo disciplines that real devices show. Refuses to know commands,
prompts or SSH: bytes are fed in, and go out through two callables.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Echo", "Pace", "Terminal"]

_PIECE = re.compile(rb"[\x20-\x7e\x80-\xff]+|[\x00-\xff]")
_BACKSPACES = (b"\x08", b"\x7f")
_CTRL_C, _CTRL_U, _CTRL_W = b"\x03", b"\x15", b"\x17"
_RUB_OUT = b"\x08 \x08"


class Echo(StrEnum):
    """When a device shows what was typed."""

    WHEN_READ = "when-read"  # a line editor: typed-ahead bytes are kept, and shown when read
    AT_ONCE = "at-once"  # a kernel tty: shown as they arrive, control bytes as ^E
    READLINE = "readline"  # the kernel while busy, and once more by the editor when it reads
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How output leaves: at most ``chunk`` bytes per write (0: all), then ``delay`` seconds."""

    chunk: int = 0
    delay: float = 0.0


class Terminal:
    """One session's keyboard and screen.

    ``write`` must not block; ``drain`` waits until more may be written. Reading raises EOFError
    once the other side has hung up and nothing typed is left; so does `send`.
    """

    # One write of a large output is cut at this size, so that 500 sessions share the loop.
    _LARGEST_WRITE = 32768

    def __init__(
        self,
        write: Callable[[bytes], None],
        drain: Callable[[], Awaitable[None]],
        *,
        echo: Echo = Echo.WHEN_READ,
        pace: Pace | None = None,
    ) -> None:
        self._write = write
        self._drain = drain
        self._echo = echo
        self._pace = pace or Pace()
        self._typed = b""
        self._after_return = False
        self._hung_up = False
        self._editing = False
        self._silent = False
        self._waiter: asyncio.Future[None] | None = None

    def feed(self, data: bytes) -> None:
        r"""Bytes arrive: ``\r``, ``\n``, ``\r\n`` and telnet's ``\r\0`` each are one return."""
        if self._after_return and data[:1] in (b"\n", b"\0"):
            data = data[1:]
            self._after_return = False
        if not data:
            return
        self._after_return = data.endswith(b"\r")
        for ending in (b"\r\n", b"\r\0", b"\r"):
            data = data.replace(ending, b"\n")
        self._typed += data
        if self._kernel_echoes():
            self._write(_kernel_echo(data))
        self._wake()

    def hang_up(self) -> None:
        """The other side will type no more."""
        self._hung_up = True
        self._wake()

    async def read_line(self, *, hidden: bool = False) -> bytes:
        """The next line, edited, without its return; echoed by the discipline unless hidden."""
        line = bytearray()
        self._editing, self._silent = True, hidden
        try:
            while not self._edit(line):
                await self._more()
        finally:
            self._editing = self._silent = False
        return bytes(line)

    async def read_key(self) -> bytes:
        """The next byte typed, never echoed: how a pager reads."""
        self._silent = True
        try:
            while not self._typed:
                await self._more()
        finally:
            self._silent = False
        key, self._typed = self._typed[:1], self._typed[1:]
        return key

    async def send(self, data: bytes) -> None:
        """Write all of ``data`` at the device's pace."""
        size = self._pace.chunk or self._LARGEST_WRITE
        for start in range(0, len(data), size):
            if self._hung_up:
                raise EOFError
            self._write(data[start : start + size])
            await self._drain()
            if self._pace.delay:
                await asyncio.sleep(self._pace.delay)

    async def _more(self) -> None:
        if self._hung_up:
            raise EOFError
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _kernel_echoes(self) -> bool:
        if self._echo is Echo.AT_ONCE:
            return not self._silent
        return self._echo is Echo.READLINE and not self._editing and not self._silent

    def _edit(self, line: bytearray) -> bool:
        """Take what was typed into ``line``; true when a return has ended it."""
        shown, taken, ended = bytearray(), 0, False
        for match in _PIECE.finditer(self._typed):
            piece, taken = match.group(), match.end()
            if piece in (b"\n", _CTRL_C):
                ended = True
                if piece == _CTRL_C:
                    line.clear()
                shown += b"\r\n"
                break
            shown += self._apply(piece, line)
        self._typed = self._typed[taken:]
        if shown and not self._silent and self._echo in (Echo.WHEN_READ, Echo.READLINE):
            self._write(bytes(shown))
        return ended

    def _apply(self, piece: bytes, line: bytearray) -> bytes:
        """Change ``line`` as the key or text would; the bytes that show it."""
        if piece in _BACKSPACES:
            return _erase(line, 1)
        if piece == _CTRL_U:
            return _erase(line, len(line))
        if piece == _CTRL_W:
            return _erase(line, len(line) - len(line.rstrip().rpartition(b" ")[0]))
        if piece >= b" ":
            line += piece
            return piece
        if self._echo is Echo.AT_ONCE:  # no editor: the program gets the control byte
            line += piece
        return b""  # an editor swallows Ctrl-E and the other cursor keys


def _erase(line: bytearray, count: int) -> bytes:
    count = min(count, len(line))
    if count:
        del line[-count:]
    return _RUB_OUT * count


def _kernel_echo(data: bytes) -> bytes:
    r"""What a tty in cooked mode shows of typed bytes.

    >>> _kernel_echo(b"ls\x05\n")
    b'ls^E\r\n'
    """
    shown = bytearray()
    for match in _PIECE.finditer(data):
        piece = match.group()
        if piece == b"\n":
            shown += b"\r\n"
        elif piece in _BACKSPACES:
            shown += _RUB_OUT
        elif piece >= b" ":
            shown += piece
        else:
            shown += b"^" + bytes([piece[0] ^ 0x40])
    return bytes(shown)
