"""Recorded dialogues of real devices, served as devices: what was typed -> all that came back.

Owns the reading of such a YAML file (Ruby string escapes, Oxidized's simulation format) and a
shell that answers from it. A line that was not recorded gets the platform's denial; a blank one
the prompt. Stands on the lab's terminal and server only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.served import Served

from collector.lab import DeviceStats, Echo, Ending, Lab, LabDevice, Pace, Terminal

__all__ = ["Dialogue", "OxidizedServer", "find_dialogues", "unescape"]

_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{1,2}|u[0-9a-fA-F]{4}|[0-7]{1,3}|.)", re.DOTALL)
_NAMED = {
    "n": "\n", "r": "\r", "t": "\t", "e": "\x1b", "b": "\b", "a": "\a", "f": "\f", "v": "\v",
    "s": " ",
}  # fmt: skip

_PASSWORD = re.compile(r"(password: ?)\**", re.IGNORECASE)

# The platforms of the file names, as the collector names them, and what each says to a command
# that it does not know.
PLATFORMS = {
    "aoscx": ("aruba_aoscx", "Invalid input: %s\n"),
    "asa": ("cisco_asa", "        ^\nERROR: %% Invalid input detected at '^' marker.\n"),
    "eos": ("arista_eos", "%% Invalid input\n"),
    "ios": ("cisco_iosxe", "       ^\n%% Invalid input detected at '^' marker.\n\n"),
    "junos": ("juniper_junos", "      ^\nunknown command.\n"),
    "nxos": ("cisco_nxos", "       ^\n%% Invalid command at '^' marker.\n"),
}
# Lines that any device takes in silence, whether they were recorded or not: they only set up the
# session, and each collector has its own.
_SETTINGS = ("terminal ", "no page", "set cli ", "screen-length ", "enable")
_LEAVES = ("exit", "quit", "logout")
# A dialogue recorded without prompts (one command a channel) is given this one.
_MADE_UP_PROMPT = "\nuser@recorded> "


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    """One recorded device. ``answers``: what was typed (a line with its ``\\n``, or a bare key) ->
    what came back, time after time; echo and next prompt are in it unless ``bare``."""

    name: str
    platform: str  # as the collector names it
    greeting: str
    answers: Mapping[str, tuple[str, ...]]
    unknown: str
    bare: bool  # recorded without echo and prompt

    @property
    def prompt(self) -> str:
        """The first prompt, as it is redrawn after a blank line."""
        return _MADE_UP_PROMPT if self.bare else _last_line(self.greeting)

    @property
    def commands(self) -> tuple[str, ...]:
        """The lines typed that print something, in order; not what only sets up or leaves."""
        lines = (key[:-1] for key in self.answers if key.endswith("\n"))
        skipped = (*_LEAVES, *_SETTINGS)
        return tuple(line for line in lines if not line.startswith(skipped) and self.truth(line))

    def answer(self, typed: str, time: int = 0) -> str:
        """All that comes back for the ``time``-th ``typed``, less its echo, prompt included."""
        times = self.answers[typed]
        text = times[min(time, len(times) - 1)]
        if self.bare:
            return (text + "\n" if text else "") + _MADE_UP_PROMPT
        line = typed.rstrip("\n")
        return re.sub(rf"\A{re.escape(line)} *\r*\n", "", text) if line else text

    def truth(self, command: str) -> bytes:
        """The whole output of the first ``command``: neither echo nor prompt, line ends ``\\n``.

        Where a pager was answered, the recorded pages are not put together: see `answers`.
        """
        text = self.answer(command + "\n")
        text = text.removesuffix(_MADE_UP_PROMPT if self.bare else _last_line(text))
        return re.sub("\r+\n", "\n", text).encode()


def find_dialogues(folder: Path) -> tuple[Dialogue, ...]:
    """Every ``*simulation.yaml`` of a folder."""
    return tuple(_read(path) for path in sorted(folder.glob("*simulation.yaml")))


def unescape(text: str) -> str:
    r"""Undo the escapes of a double-quoted Ruby string.

    >>> unescape(r"\x20a\tb\e[K\"")
    ' a\tb\x1b[K"'
    """
    return _ESCAPE.sub(_character, text)


class OxidizedServer(Served):
    """Recorded dialogues as devices on free ports of loopback: admin, admin."""

    def __init__(
        self,
        dialogues: Sequence[Dialogue],
        *,
        echo: Echo = Echo.WHEN_READ,
        pace: Pace | None = None,
    ) -> None:
        self.dialogues = {each.name: each for each in dialogues}
        devices = [
            LabDevice(name=each.name, platform="recorded", echo=echo, pace=pace or Pace())
            for each in dialogues
        ]
        self.lab = Lab(devices, shells={"recorded": self._play})

    async def _play(self, terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        return await _Session(self.dialogues[device.name], terminal, stats).run()


class _Session:
    """One run through a dialogue, which may repeat a command with another answer."""

    def __init__(self, dialogue: Dialogue, terminal: Terminal, stats: DeviceStats) -> None:
        self._dialogue, self._terminal, self._stats = dialogue, terminal, stats
        self._prompt = dialogue.prompt
        self._times: dict[str, int] = {}

    async def run(self) -> Ending:
        greeting = self._dialogue.greeting
        await self._say(greeting + "\n" + _MADE_UP_PROMPT if self._dialogue.bare else greeting)
        while True:
            line = (await self._terminal.read_line()).decode("utf-8", "replace")
            self._stats.lines.append(line)
            if line.strip() in _LEAVES:
                return Ending.EXIT
            await self._say(await self._answer(line.strip()))

    async def _answer(self, line: str) -> str:
        typed = line + "\n"
        if typed not in self._dialogue.answers or not line:
            known = not line or line.startswith(_SETTINGS)
            return ("" if known else self._dialogue.unknown.replace("%s", line)) + self._prompt
        text = self._next(typed)
        if asked := _PASSWORD.match(text):  # the recording shows what was typed as stars
            await self._say(asked[1])
            await self._terminal.read_line(hidden=True)
            text = text[asked.end() :]
        while self._waits_for_key(text):
            await self._say(text)
            key = (await self._terminal.read_key()).decode("latin-1")
            text = self._next(key) if key in self._dialogue.answers else ""
        self._prompt = _MADE_UP_PROMPT if self._dialogue.bare else _last_line(text)
        return text

    def _next(self, typed: str) -> str:
        time = self._times.get(typed, 0)
        self._times[typed] = time + 1
        return self._dialogue.answer(typed, time)

    def _waits_for_key(self, text: str) -> bool:
        """Whether the recorded device stands at a pager: only where bare keys were recorded."""
        keys = any(not typed.endswith("\n") for typed in self._dialogue.answers)
        return keys and _last_line(text).strip() != self._prompt.strip()

    async def _say(self, text: str) -> None:
        await self._terminal.send(re.sub("\r*\n", "\r\n", text).encode())


def _read(path: Path) -> Dialogue:
    data = yaml.load(path.read_text("utf-8"), yaml.CSafeLoader)
    kind, _, rest = path.name.partition("#")
    platform, unknown = PLATFORMS[kind]
    answers: dict[str, tuple[str, ...]] = {}
    for typed, text in _entries(data["commands"]):
        answers[unescape(typed)] = (*answers.get(unescape(typed), ()), unescape(text))
    greeting = unescape(data["init_prompt"])
    lines = [typed for typed in answers if typed.strip() and typed.strip() not in _LEAVES]
    echoes = any(answers[typed][0].startswith(typed.rstrip("\n")) for typed in lines)
    return Dialogue(
        name=f"{kind}-{rest.partition('#')[0]}",
        platform=platform,
        greeting=greeting,
        answers=answers,
        unknown=unknown.replace("%%", "%"),
        bare=not echoes,
    )


def _entries(commands: Any) -> Iterable[tuple[str, str]]:
    """The file has a mapping, or, where a command is typed twice, a list of small ones."""
    for part in [commands] if isinstance(commands, dict) else commands:
        yield from part.items()


def _last_line(text: str) -> str:
    return text.rpartition("\n")[2]


def _character(match: re.Match[str]) -> str:
    code = match[1]
    if code[0] in "xu" and len(code) > 1:
        return chr(int(code[1:], 16))
    if code[0] in "01234567":
        return chr(int(code, 8))
    return _NAMED.get(code, code)
