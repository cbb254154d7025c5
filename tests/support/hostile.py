"""A device that misbehaves by a script, and what a driver was told by it.

Owns the far end of a hostile conversation: a `Script` says what is written, when, and what is done
in between. Played over SSH on loopback (`served`, `heard_over_network`) or over a line without a
network in warped time (`heard_on_wire`); the device is the same. Refuses to know what is expected.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from support.direct import connector, device

from collector.credentials import Credential
from collector.driver import login
from collector.driver.console import CTRL_E, Console
from collector.driver.session import DeviceSession
from collector.driver.stream import Stream
from collector.errors import DeviceError
from collector.lab import DeviceStats, Echo, Ending, Lab, LabDevice, LabFault, Shell, Terminal
from collector.model import CommandResult, HostKeys, Phase, ProofLevel, Timeouts, Transport
from collector.platforms import load_platforms
from collector.settings import Settings

Step = bytes | float | Callable[["Actor"], Awaitable[None]]
"""Bytes are written, numbers are pauses in seconds, anything else is done."""

Steps = tuple[Step, ...]

HOSTILE = "hostile"
"""The name under which the lab knows this kind of device."""

_SETTINGS = ("terminal ", "set cli ", "no page", "screen-length ", "no terminal ", "undo terminal ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """What a hostile device does.

    ``answers``: what each command prints, the first time, the second, ...; the last is repeated,
    also in later sessions. ``late``: what comes by itself after a command's prompt, while the
    device reads already. ``echo``: how a line that was read is shown, in place of the terminal's
    own way. ``unknown`` answers every other command.
    """

    prompt: bytes = b"r1#"
    greeting: Steps = (b"\r\nwelcome\r\n",)
    answers: Mapping[str, Sequence[Steps]] = field(default_factory=lambda: MappingProxyType({}))
    late: Mapping[str, Sequence[Steps]] = field(default_factory=lambda: MappingProxyType({}))
    unknown: Steps = (b"% Unknown command\r\n",)
    discipline: Echo = Echo.WHEN_READ
    echo: Callable[[Actor, bytes], Steps] | None = None
    keeps_typed_ahead: bool = True
    fault: LabFault = LabFault.NONE


class Actor:
    """One session of a scripted device; ``asked`` counts the commands over all its sessions."""

    def __init__(self, script: Script, terminal: Terminal, asked: Counter[str]) -> None:
        self.prompt = script.prompt
        self.terminal = terminal
        self._script = script
        self._asked = asked
        self._chatting: set[asyncio.Task[None]] = set()
        self.skips_prompt = False
        self._reading = True
        if not script.keeps_typed_ahead:
            self._feed = terminal.feed
            terminal.feed = self._feed_while_reading  # type: ignore[method-assign]  # of this one

    async def run(self) -> Ending:
        """Play the device until it or the other side ends the session."""
        try:
            await self.play(self._script.greeting)
            await self.play((self.prompt,))
            while True:
                self._reading = True
                line = await self.terminal.read_line()
                self._reading = False
                if self._script.echo:
                    await self.play(self._script.echo(self, line))
                await self._answer(line.decode("utf-8", "replace").strip())
        except _OverError as over:
            return over.ending
        finally:
            for task in self._chatting:
                task.cancel()

    async def play(self, steps: Steps) -> None:
        """Do the steps one after the other."""
        for step in steps:
            if isinstance(step, bytes):
                if not step:  # no bytes would be the end of the stream
                    continue
                await self.terminal.send(step)
            elif isinstance(step, float):
                await asyncio.sleep(step)
            else:
                await step(self)

    async def _answer(self, command: str) -> None:
        time = self._asked[command]
        self._asked[command] += 1
        if command and not command.startswith(_SETTINGS):
            answers = self._script.answers.get(command, (self._script.unknown,))
            await self.play(answers[min(time, len(answers) - 1)])
        if not self.skips_prompt:
            await self.play((self.prompt,))
        self.skips_prompt = False
        late = self._script.late.get(command, ())
        if time < len(late):
            self._chatting.add(asyncio.create_task(self.play(late[time])))

    def _feed_while_reading(self, data: bytes) -> None:
        """Take one line at most; what comes before it was answered is lost."""
        if not self._reading:
            return
        line, end, _ = data.partition(b"\n")
        self._reading = not end
        self._feed(line + end)


class _OverError(Exception):
    def __init__(self, ending: Ending) -> None:
        self.ending = ending


async def drop(actor: Actor) -> None:
    """Lose the TCP connection."""
    raise _OverError(Ending.DROP)


async def end_channel(actor: Actor) -> None:
    """Close the channel and leave TCP open."""
    raise _OverError(Ending.EOF)


async def stall(actor: Actor) -> None:
    """Say nothing more, read nothing more."""
    await asyncio.get_running_loop().create_future()


async def read_key(actor: Actor) -> None:
    """Wait for one key."""
    await actor.terminal.read_key()


async def forget_typed(actor: Actor) -> None:
    """Throw away the line that was typed in place of a key."""
    await actor.terminal.read_line(hidden=True)


async def without_prompt(actor: Actor) -> None:
    """Show no prompt after this answer: it was shown before."""
    actor.skips_prompt = True


def become(prompt: bytes) -> Callable[[Actor], Awaitable[None]]:
    """Change the prompt from here on."""

    async def change(actor: Actor) -> None:
        actor.prompt = prompt

    return change


def endless(data: bytes, pause: float = 0.0) -> Callable[[Actor], Awaitable[None]]:
    """Repeat the bytes for ever."""

    async def repeat(actor: Actor) -> None:
        while True:
            await actor.play((data, pause))

    return repeat


def paged(pages: Sequence[bytes], words: bytes, rub_out: bytes) -> Steps:
    """Show pages, each but the last followed by a pager that takes any key."""
    steps: list[Step] = []
    for page in pages[:-1]:
        steps += [page, words, read_key, rub_out]
    return (*steps, pages[-1])


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the driver made of a device: the results, or the fault that ended it.

    ``opening`` and ``asking`` are the seconds that it took to log in, and all that followed.
    """

    results: tuple[CommandResult, ...]
    error: DeviceError | None
    condemned: tuple[int, ...]
    opening: float
    asking: float


def served(scripts: Mapping[str, Script], transport: Transport = Transport.SSH) -> Lab:
    """Give a lab that plays the scripts, by device name; admin, admin."""
    devices = [replace(played(name, each), transport=transport) for name, each in scripts.items()]
    return Lab(devices, shells={HOSTILE: shell_of(scripts)})


def shell_of(scripts: Mapping[str, Script]) -> Shell:
    """Give what plays the scripts, by device name."""
    asked: dict[str, Counter[str]] = {name: Counter() for name in scripts}

    async def shell(terminal: Terminal, played: LabDevice, stats: DeviceStats) -> Ending:
        return await Actor(scripts[played.name], terminal, asked[played.name]).run()

    return shell


def played(name: str, script: Script) -> LabDevice:
    """Give the device that has the script played on it."""
    return LabDevice(
        name=name,
        platform=HOSTILE,
        echo=Echo.NONE if script.echo else script.discipline,
        fault=script.fault,
    )


async def heard_over_network(
    lab: Lab,
    name: str,
    commands: Sequence[str],
    *,
    platform: str = "cisco_iosxe",
    limits: Timeouts | None = None,
    output_limit: int = 1 << 26,
    idle: float = 0.0,
) -> Heard:
    """Open a session as the device is served, ask the commands, look once more, hang up."""
    settings = Settings(host_keys=HostKeys.OFF, output_limit=output_limit)
    transport = lab.devices[name].transport
    target = replace(device(name, lab.port(name), platform), transport=transport)
    chosen = limits or Timeouts()
    opener = connector(settings=settings)
    return await _heard(lambda: opener.open(target, chosen), commands, chosen, idle)


async def heard_on_wire(
    script: Script,
    commands: Sequence[str],
    *,
    platform: str = "cisco_iosxe",
    limits: Timeouts | None = None,
    output_limit: int = 1 << 26,
    idle: float = 0.0,
    seed: int = 1,
) -> Heard:
    """Do the same without a network; to be run in warped time."""
    line: asyncio.Queue[bytes] = asyncio.Queue()
    chosen = limits or Timeouts()
    known = load_platforms()[platform]
    echo = Echo.NONE if script.echo else script.discipline
    terminal = Terminal(line.put_nowait, _drained, echo=echo)
    playing = asyncio.create_task(_played(Actor(script, terminal, Counter()), line))
    stream = Stream(line.get, terminal.feed, terminal.hang_up, limit=output_limit)

    async def opened() -> DeviceSession:
        stream.allow(chosen.login, Phase.LOGIN)
        console = Console(stream, newline=b"\n", editor_key=CTRL_E, rng=random.Random(seed))
        await login.log_in(console, known, Credential(username="admin", enable="enable"))
        return DeviceSession(console, known, proof=ProofLevel.FULL, hang_up=_drained)

    try:
        return await _heard(opened, commands, chosen, idle)
    finally:
        await stream.close()
        playing.cancel()
        await asyncio.wait([playing])


async def _heard(
    opened: Callable[[], Awaitable[DeviceSession]],
    commands: Sequence[str],
    limits: Timeouts,
    idle: float,
) -> Heard:
    loop = asyncio.get_running_loop()
    started = opened_at = loop.time()
    results: list[CommandResult] = []
    condemned: tuple[int, ...] = ()
    fault: DeviceError | None = None
    session: DeviceSession | None = None
    try:
        session = await opened()
        opened_at = loop.time()
        for command in commands:
            results.append(await session.run(command, timeout=limits.command))
            if idle:
                await asyncio.sleep(idle)
        condemned = await session.finish()
    except DeviceError as error:
        fault = error
    finally:
        if session:
            await session.close()
    ended = loop.time()
    return Heard(
        results=tuple(results),
        error=fault,
        condemned=condemned,
        opening=(opened_at if session else ended) - started,
        asking=ended - opened_at if session else 0.0,
    )


async def _played(actor: Actor, line: asyncio.Queue[bytes]) -> None:
    with contextlib.suppress(EOFError):
        await actor.run()
    line.put_nowait(b"")


async def _drained() -> None:
    return None
