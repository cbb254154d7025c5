"""A device's side of a conversation without a network: a terminal, a shell and a line between.

The shell plays texts for commands, cut, delayed and paged as told; everything else is answered with
a denial, blank lines with the prompt.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import cycle
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol, TypeVarTuple

from collector.driver.console import CTRL_E, Console
from collector.driver.stream import Stream
from collector.lab.terminal import Echo, Terminal
from collector.model import Phase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Ts = TypeVarTuple("Ts")
LOG_LINE = b"*Mar  1 00:00:01.000: %SYS-5-CONFIG_I: Configured from console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes that the device sends in one write, after a pause in seconds."""

    data: bytes
    pause: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A pager's stop: its words, then a key is read, then it erases itself."""

    words: bytes
    rub_out: bytes


Play = Sequence[Part | Page]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a device behaves: its prompt, its echo, and what it does with typed-ahead input.

    In ``prompt`` ``@N`` stands for the number of the prompt and ``@T`` for the time of day.
    ``leaves_line``: what the line editor prints once a line is read. ``cuts``: the sizes of the
    pieces in which all that the device says arrives, and the pause before each, for ever again.
    ``own_line_end``: a line end comes before every prompt, whatever was printed; ``shows_return``:
    one comes for every return, without any other echo.
    ``clears``: it erases behind the prompt what a longer line has left there, as readline does.
    ``chatter``: the seconds at which a log line comes if the device is idle; ``redraws``: with the
    prompt again after it.
    """

    prompt: bytes = b"\r\nr1#"
    greeting: bytes = b"welcome\r\n"
    echo: Echo = Echo.WHEN_READ
    keeps_typed_ahead: bool = True
    delay: float = 0.0  # one way over the network
    think: float = 0.0  # before anything is answered
    hearing: float = 0.0  # before what was typed is looked at, echo included
    denial: bytes = b"% Unknown command\r\n"
    leaves_line: bytes = b""
    clears: bool = False
    own_line_end: bool = False
    shows_return: bool = False
    cuts: tuple[tuple[int, float], ...] = ()
    chatter: tuple[float, ...] = ()
    redraws: bool = True


class Keyboard(Protocol):
    """What takes the bytes that are typed."""

    def feed(self, data: bytes) -> None: ...


class Wire:
    """The two directions of a line, each with the same delay and each in order."""

    def __init__(self, manner: Manner) -> None:
        self.heard: asyncio.Queue[bytes] = asyncio.Queue()
        self._delay = manner.delay
        self._hearing = manner.hearing
        self._cuts = cycle(manner.cuts) if manner.cuts else None
        self._arrivals = {"us": 0.0, "device": 0.0}
        self._timers: list[asyncio.TimerHandle] = []

    def to_us(self, data: bytes) -> None:
        while data and self._cuts:
            size, pause = next(self._cuts)
            self._carry("us", self.heard.put_nowait, data[:size], pause)
            data = data[size:]
        if data:  # no bytes would be the end of the stream
            self._carry("us", self.heard.put_nowait, data)

    def to_device(self, device: Keyboard, data: bytes) -> None:
        self._carry("device", device.feed, data, self._hearing)

    def _carry(
        self, direction: str, deliver: Callable[[bytes], None], data: bytes, pause: float = 0.0
    ) -> None:
        loop = asyncio.get_running_loop()
        earliest = self._arrivals[direction]
        if not self._delay and not pause and earliest <= loop.time():
            deliver(data)
            return
        # Timers of the same instant fire in any order; what was sent later must arrive later.
        at = max(loop.time() + self._delay, earliest + 1e-6) + pause
        self._arrivals[direction] = at
        self.set_timer(at, deliver, data)

    def set_timer(self, at: float, callback: Callable[[*Ts], object], *args: *Ts) -> None:
        """Have something happen at that time of the loop, if the line still stands."""
        timer = asyncio.get_running_loop().call_at(at, callback, *args)
        self._timers.append(timer)

    def cut(self) -> None:
        """Let nothing happen any more."""
        for timer in self._timers:
            timer.cancel()


class Device:
    """The far end: reads lines, plays the texts for the commands."""

    def __init__(self, manner: Manner, wire: Wire, plays: Mapping[bytes, Sequence[Play]]) -> None:
        self.manner = manner
        self.wire = wire
        self.plays = {command: list(each) for command, each in plays.items()}
        self.reading = True  # what is typed now is seen at once
        self.idle = True
        self.lines: list[bytes] = []
        self.terminal = Terminal(wire.to_us, _drained, echo=manner.echo)
        self._prompts = 0

    def feed(self, data: bytes) -> None:
        if self.reading or self.manner.keeps_typed_ahead:
            self.terminal.feed(data)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        for at in self.manner.chatter:
            self.wire.set_timer(loop.time() + at, self._chat)
        self.wire.to_us(self.manner.greeting + self._prompt().lstrip(b"\r\n"))
        while True:
            line = await self.terminal.read_line()
            self.lines.append(line)
            self.reading = self.idle = False
            self.wire.to_us(b"\r\n" if self.manner.shows_return else self.manner.leaves_line)
            if self.manner.think:
                await asyncio.sleep(self.manner.think)
            await self._answer(line)
            self.reading = self.idle = True
            prompt = self._prompt()
            if self.manner.clears and len(line) > len(prompt):
                prompt += b"\x1b[K"
            self.wire.to_us(prompt)

    async def _answer(self, line: bytes) -> None:
        if line in self.plays:
            plays = self.plays[line]
            for part in plays.pop(0) if len(plays) > 1 else plays[0]:
                await self._play(part)
        elif line.strip(b" "):
            self.wire.to_us(self.manner.denial)

    async def _play(self, part: Part | Page) -> None:
        if isinstance(part, Page):
            self.wire.to_us(part.words)
            self.reading = True
            await self.terminal.read_key()
            self.reading = False
            self.wire.to_us(part.rub_out)
            return
        if part.pause:
            await asyncio.sleep(part.pause)
        self.wire.to_us(part.data)

    def _prompt(self) -> bytes:
        self._prompts += 1
        prompt = self.manner.prompt
        shown = prompt if self.manner.own_line_end else prompt.removeprefix(b"\r\n")
        return rendered(shown, self._prompts)

    def _chat(self) -> None:
        if self.idle:
            redrawn = self._prompt() if self.manner.redraws else b""
            self.wire.to_us(b"\r\n" + LOG_LINE + b"\r\n" + redrawn)


def rendered(prompt: bytes, number: int) -> bytes:
    """Give a prompt as it stands for the ``number``-th time, at the time of the running loop."""
    if b"@" not in prompt:
        return prompt
    minute, second = divmod(int(asyncio.get_running_loop().time()) + 3590, 60)
    clock = b"%02d:%02d:%02d" % (9 + minute // 60, minute % 60, second)
    return prompt.replace(b"@N", b"%d" % (80 + number)).replace(b"@T", clock)


_NOTHING: Mapping[bytes, Sequence[Play]] = MappingProxyType({b"show": ((),)})


@asynccontextmanager
async def console_of(
    manner: Manner,
    plays: Mapping[bytes, Sequence[Play]] = _NOTHING,
    seed: int = 0,
    hint: re.Pattern[str] | None = None,
) -> AsyncIterator[tuple[Console, Device]]:
    """Give a console that has learned the prompt of a device that plays ``plays`` by command.

    The last play is repeated when the command is asked more often.
    """
    wire = Wire(manner)
    device = Device(manner, wire, plays)
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
            hint=hint,
        )
        await console.learn()
        yield console, device
    finally:
        await stream.close()
        running.cancel()
        await asyncio.wait([running])
        wire.cut()


async def _drained() -> None:
    return None
