"""What a device says, as it comes: the bytes heard so far, and how long it has been silent.

Owns the deadline of what is being done, the cap on what is kept, and the reading of what does not
come by itself. Refuses to know what the bytes mean. All waiting is done with plain loop timers: a
deadline that the event loop slept through still fires, which ``asyncio.timeout`` does not promise
on Python 3.11.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Final

from collector.driver.questions import is_turned_away
from collector.errors import DeviceError
from collector.model import EVIDENCE_KEPT, Fault, FaultClass, Phase

SETTLED: Final = 0.12
"""Seconds without a byte after which a greeting, or what was said, is taken to be over; it proves
nothing, so what follows from it has to be checked."""
WATCHDOG = 1.0
"""Seconds after a deadline at which the connection is cut, whatever waits on it."""


class Stream:
    """One device's side of the conversation.

    What it says is brought by `hear` and its end by `lost`, or else ``read`` returns bytes, and
    none at the end. ``write`` queues bytes; ``abort`` cuts the connection. ``loss`` tells what else
    than the device may have ended it.
    """

    def __init__(
        self,
        read: Callable[[], Awaitable[bytes]] | None,
        write: Callable[[bytes], None],
        abort: Callable[[], None],
        *,
        limit: int,
        loss: Callable[[], Fault | None] = lambda: None,
    ) -> None:
        self.heard = bytearray()
        self.phase = Phase.LOGIN
        self._write = write
        self._abort = abort
        self._limit = limit
        self._loss = loss
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self._deadline = float("inf")
        self._seconds = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._need = 0
        self._ended: BaseException | None = None
        self._is_deaf = False
        self._listener = self._loop.create_task(self._listen(read)) if read else None

    def allow(self, seconds: float, phase: Phase) -> None:
        """Give what comes next ``seconds`` from now, and the phase that names it."""
        self.phase = phase
        self._seconds = seconds
        self._deadline = self._loop.time() + seconds
        if self._watchdog:
            self._watchdog.cancel()
        self._watchdog = self._loop.call_at(self._deadline + WATCHDOG, self._abort)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let the time stand still while what is inside lasts: it is waited for others' sake."""
        left = self._deadline - self._loop.time()
        self._deadline = float("inf")
        if self._watchdog:
            self._watchdog.cancel()
        try:
            yield
        finally:
            self._deadline = self._loop.time() + left
            self._watchdog = self._loop.call_at(self._deadline + WATCHDOG, self._abort)

    def hear(self, data: bytes) -> None:
        """Take what has come; nothing more of a device that has said too much."""
        if self._is_deaf:
            return
        self.heard += data
        self._last = self._loop.time()
        size = len(self.heard)
        if size > self._limit:
            self._is_deaf = True
            message = f"more than {self._limit} bytes for one command"
            self.lost(self.error(FaultClass.OUTPUT_LIMIT, message))
        elif size >= self._need:
            self._wake()

    def lost(self, error: BaseException | None = None) -> None:
        """Take it that nothing more will come, and why."""
        self._ended = self._ended or error or EOFError("the device closed the session")
        self._wake()

    def say(self, line: bytes) -> int:
        """Send bytes; return how many had been heard before."""
        try:
            self._write(line)
        except Exception as error:  # noqa: BLE001 - transports raise kinds of their own
            self._ended = self._ended or error
        return len(self.heard)

    def forget(self) -> None:
        """Drop all that was heard."""
        self.heard.clear()

    async def until(self, length: int, silence: float | None = None) -> bool:
        """Wait until ``length`` bytes are there, or nothing has come for ``silence`` seconds.

        False after silence. Raises `DeviceError`: `timeout` at the deadline, `disconnected` when
        the device has gone, `output_limit` when it has said too much.
        """
        start = self._loop.time()
        doubts = 2
        while len(self.heard) < length:
            if self._ended:
                raise self._end()
            now = self._loop.time()
            if now >= self._deadline:
                raise self._late()
            wake = self._deadline
            if silence is not None:
                quiet = max(start, self._last) + silence
                if now >= quiet:
                    # Bytes may have reached the process while the loop was busy: let them through.
                    if not doubts:
                        return False
                    doubts -= 1
                    await asyncio.sleep(0)
                    continue
                wake = min(wake, quiet)
            doubts = 2
            await self._sleep(length, wake)
        return True

    async def more(self, silence: float | None = None) -> bool:
        """Wait for any byte, or for ``silence`` seconds: False then."""
        return await self.until(len(self.heard) + 1, silence)

    async def quiet(self, silence: float) -> None:
        """Wait until nothing has come for ``silence`` seconds from now on."""
        while await self.more(silence):
            pass

    def last_line(self) -> bytes:
        """Give what stands after the last line end, 300 bytes at most."""
        return bytes(self.heard[-300:]).rsplit(b"\n", 1)[-1]

    def last_words(self) -> bytes:
        """Give the last of what was heard, as evidence."""
        return bytes(self.heard[-EVIDENCE_KEPT:])

    def error(self, fault_class: FaultClass, message: str, hint: str = "") -> DeviceError:
        """Build a fault of the present phase with the last words as its evidence."""
        return DeviceError.of(
            fault_class, self.phase, message, hint=hint, evidence=self.last_words()
        )

    async def close(self) -> None:
        """Stop listening; the connection itself is closed by whoever opened it."""
        if self._watchdog:
            self._watchdog.cancel()
        if self._listener:
            self._listener.cancel()
            await asyncio.wait([self._listener], timeout=WATCHDOG)

    async def _listen(self, read: Callable[[], Awaitable[bytes]]) -> None:
        try:
            while not self._is_deaf and (data := await read()):
                self.hear(data)
            self.lost()
        except Exception as error:  # noqa: BLE001 - each transport raises its own kinds
            self.lost(error)

    async def _sleep(self, length: int, wake: float) -> None:
        self._need = length
        self._waiter = self._loop.create_future()
        timer = self._loop.call_at(wake, self._wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self) -> DeviceError:
        if isinstance(self._ended, DeviceError):
            return self._ended
        if loss := self._loss():
            return self.error(loss.fault_class, loss.message, loss.hint)
        if self.phase in {Phase.AUTH, Phase.LOGIN} and is_turned_away(self.last_words()):
            return self.error(
                FaultClass.BUSY,
                "the device has no room for another session",
                "close idle sessions on it, or lower the limits",
            )
        where = "in mid-output" if self.phase is Phase.COMMAND else f"in phase {self.phase}"
        return self.error(FaultClass.DISCONNECTED, f"the device closed the session {where}")

    def _late(self) -> DeviceError:
        if self.phase is Phase.COMMAND:
            what, limit = "no whole output", "command"
        else:
            what, limit = "no prompt", "login"
        return self.error(
            FaultClass.TIMEOUT,
            f"{what} within {self._seconds:g} s ({limit} limit)",
            f"see the evidence; raise timeouts.{limit} if the device is only slow",
        )
