"""The command line of an emulated device: prompt, read, answer, page, until it is left.

Owns one session's state (mode, pager). Refuses to know bytes on a wire: see `terminal`, `server`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

from collector.lab.device import DeviceStats, LabDevice, LabFault
from collector.lab.grammar import Mistake, Wrong, understand
from collector.lab.persona import Command, PagerSwitch, Persona, persona
from collector.lab.terminal import Terminal
from collector.lab.text import facts_of, fill

__all__ = ["Ending", "PersonaShell", "Shell", "truth"]


class Ending(StrEnum):
    """How a session ends from the device's side."""

    EXIT = "exit"
    DROP = "drop"  # the TCP connection is lost
    EOF = "eof"  # the channel is closed, TCP stays


_CUT = {LabFault.DROP_OUTPUT: Ending.DROP, LabFault.EOF_OUTPUT: Ending.EOF}

# What plays a device once a session is open; `Lab` takes others than a persona's for tests.
Shell = Callable[[Terminal, LabDevice, DeviceStats], Awaitable[Ending]]


class _Over(Exception):
    """Not an error: the way out of the session's loop."""

    def __init__(self, ending: Ending) -> None:
        self.ending = ending


class PersonaShell:
    """One session of ``device`` in the manner of an OS."""

    def __init__(
        self, manner: Persona, device: LabDevice, terminal: Terminal, stats: DeviceStats
    ) -> None:
        self._persona = manner
        self._device = device
        self._terminal = terminal
        self._stats = stats
        self._facts = _facts(device)
        self._mode = manner.modes[manner.privileged if device.privileged else manner.start]
        lines = device.page_lines
        self._page_lines = manner.pager.lines if lines is None else lines
        self._unsaid: list[str] = []
        self._chatter = list(device.chatter)

    async def run(self) -> Ending:
        """Until the device ends the session; EOFError when the other side does."""
        try:
            greeting = self._device.greeting
            if greeting is None:
                greeting = self._persona.greeting
            self._say(fill(greeting, self._facts) + self._prompt())
            while True:
                typed = await self._hear()
                line = typed.decode("utf-8", "replace")
                self._stats.lines.append(line)
                await self._answer(line)
                self._say(self._prompt())
        except _Over as over:
            await self._flush()
            return over.ending

    async def _answer(self, line: str) -> None:
        if not line.strip():
            return
        found, filters = self._understand(line)
        if self._mode.configures and isinstance(found, Mistake):
            return  # taken without a word, as a configuration line is
        wait = self._device.slow.get(line.strip(), self._device.think)
        if wait:
            await asyncio.sleep(wait)
        if isinstance(found, Mistake):
            self._say(self._denial(line, found))
            return
        await self._print(found, line, filters)
        self._switch_pager(found, line)
        await self._move(found)

    def _understand(self, line: str) -> tuple[Command | Mistake, list[str]]:
        """The command of a line and the filters behind its bars; the longest known part wins."""
        separator = self._persona.filter_separator
        parts = line.split(separator) if self._persona.filters else [line]
        commands = [command for command in self._persona.commands if self._offers(command)]
        for count in range(len(parts), 0, -1):
            part = separator.join(parts[:count])
            found = understand(part, commands, abbreviates=self._persona.abbreviates)
            if not isinstance(found, Mistake):
                break
        return found, parts[count:]

    def _offers(self, command: Command) -> bool:
        if command.modes:
            return self._mode.name in command.modes
        return not self._mode.configures

    def _denial(self, line: str, mistake: Mistake) -> str:
        manner = self._persona
        text = {
            Wrong.UNKNOWN: manner.unknown,
            Wrong.INCOMPLETE: manner.incomplete,
            Wrong.AMBIGUOUS: manner.ambiguous,
        }[mistake.wrong]
        if mistake.first_word and manner.unknown_name and len(line.split()) == 1:
            text = manner.unknown_name
        before = len(self._prompt().rpartition("\n")[2].lstrip("\r")) + mistake.column
        return fill(text, {**self._facts, "caret": " " * before, "line": line})

    async def _print(self, command: Command, line: str, filters: list[str]) -> None:
        facts = {**self._facts, "argument": line.rsplit(maxsplit=1)[-1]}
        text, paged = command.text.render(facts, self._device.size), True
        for part in filters:
            name, _, pattern = part.strip().partition(" ")
            kind = self._persona.filters.get(name, "none")
            paged = paged and kind != "no-more"
            text = _filtered(text, kind, pattern)
        if not text:
            return
        await self._misbehave(command, text)
        if self._chatter:
            text = _interrupted(text, self._chatter.pop(0))
        if paged and self._page_lines:
            await self._page(text)
        else:
            self._say(text)

    async def _misbehave(self, command: Command, text: str) -> None:
        fault, only = self._device.fault, self._device.faulty_commands
        if only and " ".join(command.words) not in only:
            return
        if fault is LabFault.SILENT_COMMAND:
            await self._hush()
        if fault is LabFault.ENDLESS_OUTPUT:
            while True:
                self._say(text)
                await self._flush()
        if fault is LabFault.STALL_OUTPUT or fault in _CUT:
            self._say(text[: len(text) // 2])
            if fault is LabFault.STALL_OUTPUT:
                await self._hush()
            raise _Over(_CUT[fault])

    async def _page(self, text: str) -> None:
        pager, lines, at = self._persona.pager, text.splitlines(keepends=True), 0
        room = self._page_lines
        while True:
            page = "".join(lines[at : at + room])
            at += room
            if at >= len(lines):
                self._say(page)
                return
            self._say(page + pager.more)
            room = await self._more_lines()
            self._say(pager.erase)
            if not room:
                return

    async def _more_lines(self) -> int:
        """How many lines the key pressed at the pager asks for; 0 to stop."""
        while True:
            await self._flush()
            key = await self._terminal.read_key()
            if key == b" ":
                return self._page_lines
            if key == b"\n":
                return 1
            if key in (b"q", b"Q", b"\x03") or self._persona.pager.other_keys_quit:
                return 0

    def _switch_pager(self, command: Command, line: str) -> None:
        match command.pager:
            case PagerSwitch.OFF:
                self._page_lines = 0
            case PagerSwitch.ON:
                self._page_lines = self._device.page_lines or self._persona.pager.lines
            case PagerSwitch.ARGUMENT:
                number = line.rsplit(maxsplit=1)[-1]
                self._page_lines = int(number) if number.isdigit() else self._page_lines
            case PagerSwitch.KEEP:
                pass

    async def _move(self, command: Command) -> None:
        if command.leaves:
            if self._mode.parent is None:
                if self._device.fault is LabFault.SLOW_CLOSE:
                    await self._hush()
                raise _Over(Ending.EXIT)
            self._mode = self._persona.modes[self._mode.parent]
        if command.enters and (not command.secret or await self._enabled()):
            self._mode = self._persona.modes[command.enters]
            self._stats.configured += self._mode.configures

    async def _enabled(self) -> bool:
        enable = self._persona.enable
        if enable is None or not self._device.enable or self._mode.name == self._persona.privileged:
            return True
        for _ in range(enable.attempts):
            self._say(enable.ask)
            typed = await self._hear(hidden=True)
            self._say("\n")
            if typed == self._device.enable.encode():
                return True
            self._stats.rejected_enables += 1
            self._say(enable.each_time)
        self._say(enable.refused)
        return False

    def _prompt(self) -> str:
        return fill(self._mode.prompt, self._facts)

    async def _hear(self, *, hidden: bool = False) -> bytes:
        await self._flush()
        return await self._terminal.read_line(hidden=hidden)

    async def _hush(self) -> None:
        """Say nothing more until the session's task is cancelled, which hanging up does."""
        await self._flush()
        await asyncio.get_running_loop().create_future()

    def _say(self, text: str) -> None:
        self._unsaid.append(text)

    async def _flush(self) -> None:
        """Send all that was said since something was read: an answer and its prompt go together."""
        text = "".join(self._unsaid)
        self._unsaid.clear()
        await self._terminal.send(text.replace("\n", "\r\n").encode())


def truth(device: LabDevice, command: str) -> str:
    """What ``device`` prints for a whole, unabbreviated ``command``, unpaged, line ends ``\\n``.

    KeyError when its persona has no such command.
    """
    words = tuple(command.split())
    for known in persona(device.platform).commands:
        if known.words == words:
            return known.text.render(_facts(device), device.size)
    raise KeyError(command)


def _facts(device: LabDevice) -> dict[str, object]:
    return facts_of(device.name, device.seed) | {"username": device.username}


def _interrupted(text: str, line: str) -> str:
    """Break a log line into the middle of a text, on a line of its own."""
    lines = text.splitlines(keepends=True)
    lines.insert(len(lines) // 2, line + "\n")
    return "".join(lines)


def _filtered(text: str, kind: str, pattern: str) -> str:
    lines = text.splitlines(keepends=True)
    if kind == "include":
        return "".join(line for line in lines if pattern in line)
    if kind == "exclude":
        return "".join(line for line in lines if pattern not in line)
    if kind == "begin":
        first = next((n for n, line in enumerate(lines) if pattern in line), len(lines))
        return "".join(lines[first:])
    return text
