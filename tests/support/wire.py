"""A device's side of a conversation without a network: a terminal, a shell and a line between.

The shell plays one text for one command, cut and delayed as told; everything else is answered with
a denial, blank lines with the prompt.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from collector.driver.console import CTRL_E, Console
from collector.driver.stream import Stream
from collector.lab.terminal import Echo, Terminal
from collector.model import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes that the device sends in one write, after a pause in seconds."""

    data: bytes
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a device behaves: its prompt, its echo, and what it does with typed-ahead input."""

    prompt: bytes = b"\r\nr1#"
    greeting: bytes = b"welcome\r\n"
    echo: Echo = Echo.WHEN_READ
    keeps_typed_ahead: bool = True
    delay: float = 0.0  # one way over the network
    think: float = 0.0  # before anything is answered
    denial: bytes = b"% Unknown command\r\n"


class Wire:
    """The two directions of a line, each with the same delay and each in order."""

    def __init__(self, delay: float) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._delay = delay
        self._arrivals = {"us": 0.0, "device": 0.0}

    def to_us(self, data: bytes) -> None:
        if data:  # no bytes would be the end of the stream
            self._carry("us", self.heard.put_nowait, data)

    def to_device(self, device: Device, data: bytes) -> None:
        self._carry("device", device.feed, data)

    def _carry(self, direction: str, deliver: Callable[[bytes], None], data: bytes) -> None:
        if not self._delay:
            deliver(data)
            return
        loop = asyncio.get_running_loop()
        # Timers of the same instant fire in any order; what was sent later must arrive later.
        at = max(loop.time() + self._delay, self._arrivals[direction] + 1e-6)
        self._arrivals[direction] = at
        loop.call_at(at, deliver, data)


class Device:
    """The far end: reads lines, plays the text for the command."""

    def __init__(self, manner: Manner, wire: Wire, command: bytes, plays: Sequence[Sequence[Part]]):
        self.manner = manner
        self.wire = wire
        self.command = command
        self.plays = list(plays)
        self.busy = False
        self.lines: list[bytes] = []
        self.terminal = Terminal(wire.to_us, _drained, echo=manner.echo)

    def feed(self, data: bytes) -> None:
        if not self.busy or self.manner.keeps_typed_ahead:
            self.terminal.feed(data)

    async def run(self) -> None:
        prompt = self.manner.prompt
        self.wire.to_us(self.manner.greeting + prompt.lstrip(b"\r\n"))
        while True:
            line = await self.terminal.read_line()
            self.lines.append(line)
            self.busy = True
            if self.manner.think:
                await asyncio.sleep(self.manner.think)
            await self._answer(line)
            self.busy = False
            self.wire.to_us(prompt.removeprefix(b"\r\n"))

    async def _answer(self, line: bytes) -> None:
        if line == self.command:
            for part in self.plays.pop(0) if len(self.plays) > 1 else self.plays[0]:
                if part.pause:
                    await asyncio.sleep(part.pause)
                self.wire.to_us(part.data)
        elif line.strip(b" "):
            self.wire.to_us(self.manner.denial)


@asynccontextmanager
async def console_of(
    manner: Manner, command: bytes = b"show", plays: Sequence[Sequence[Part]] = ((),), seed: int = 0
) -> AsyncIterator[tuple[Console, Device]]:
    """Give a console that has learned the prompt of a device that plays ``plays`` for ``command``.

    The last play is repeated when the command is asked more often.
    """
    wire = Wire(manner.delay)
    device = Device(manner, wire, command, plays)
    running = asyncio.create_task(device.run())
    stream = Stream(
        wire.heard.get, lambda data: wire.to_device(device, data), lambda: None, limit=1 << 20
    )
    try:
        stream.allow(60, Phase.LOGIN)
        console = Console(
            stream,
            newline=b"\n",
            editor_key=CTRL_E,
            rng=random.Random(seed),
        )
        await console.learn()
        yield console, device
    finally:
        await stream.close()
        running.cancel()
        await asyncio.wait([running])


async def _drained() -> None:
    return None
