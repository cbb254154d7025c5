"""The two ways out: data to standard output, everything else to standard error.

Owns what happens when a stream is closed at the other end or cannot take more. Refuses to know what
is written. Nothing is buffered here, so a writer stuck on a pipe holds no lock at exit.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO

from collector.errors import StorageError


class DataStream:
    """Standard output as bytes; what follows a closed pipe is dropped in silence."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: BinaryIO | None = stream

    def write(self, data: bytes) -> None:
        """Write everything, or raise StorageError; blocks as long as the reader does."""
        rest = memoryview(data)
        try:
            while rest and self._stream is not None:
                written = self._stream.write(rest)
                rest = rest[written:]
        except BrokenPipeError:
            # `collector ... | head` has seen enough: no error, and the run itself goes on.
            self._stream = None
        except OSError as error:
            raise StorageError(f"cannot write to standard output: {error.strerror}") from error

    def write_text(self, text: str) -> None:
        """Write text as UTF-8."""
        self.write(text.encode(errors="backslashreplace"))


async def in_thread(work: Callable[[], None]) -> None:
    """Run what may block for ever in a thread that the end of the program does not wait for."""
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def settle(error: BaseException | None) -> None:
        if done.cancelled():
            return
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)

    def work_and_tell() -> None:
        error: BaseException | None = None
        try:
            work()
        except BaseException as raised:  # noqa: BLE001 - carried to who waits for it, whatever it is
            error = raised
        try:
            loop.call_soon_threadsafe(settle, error)
        except RuntimeError:  # the loop is closed: nobody waits any more
            return

    threading.Thread(target=work_and_tell, name="printing", daemon=True).start()
    await done


def plug_closed() -> None:
    """Open a standard stream that was closed from outside (``2>&-``) onto nothing.

    The next file or socket would get its number otherwise, and be written to as if it were it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open to the end


def standard_output() -> DataStream:
    """Give standard output beneath its buffers."""
    if sys.stdout is None:
        raise StorageError("standard output is closed")
    buffer = sys.stdout.buffer
    return DataStream(getattr(buffer, "raw", buffer))


def tell(line: str) -> None:
    """Say a line on standard error; a closed one is no reason to fail."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        sys.stderr.write(f"{line}\n")
        sys.stderr.flush()


def data_on_terminal() -> bool:
    """Tell whether a person watches standard output."""
    try:
        return sys.stdout.isatty()
    except (AttributeError, ValueError):
        return False


def on_terminal() -> bool:
    """Tell whether a person watches standard error."""
    try:
        return sys.stderr.isatty()
    except (AttributeError, ValueError):
        return False


def coloured() -> bool:
    """Tell whether colours may go to standard error."""
    return on_terminal() and not colourless()


def colourless() -> bool:
    """Tell whether a person wants no colours, wherever (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR", "")) or os.environ.get("TERM") == "dumb"
