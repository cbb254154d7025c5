"""Recorded outputs of real devices, served as devices: a folder per platform and command.

Owns the reading of such a tree and a shell that says its bytes. Stands on the lab's terminal and
server only, not on its personas, so that a mistake there does not hide one here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from support.served import Served

from collector.lab import DeviceStats, Echo, Ending, Lab, LabDevice, LabFault, Pace, Terminal
from collector.model import Transport

__all__ = ["RecordedServer", "Recording", "find_recordings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a platform of the recordings speaks around the outputs; bytes as they are sent."""

    platform: str  # its name in the collector
    prompt: bytes  # the whole block, blank line included
    unknown: bytes
    greeting: bytes = b"\r\n"
    settings: tuple[str, ...] = ("terminal ",)  # lines taken in silence: paging, width
    leave: tuple[str, ...] = ("exit", "quit", "logout")


_CARET = b"          ^\r\n"
MANNERS: Mapping[str, Manner] = {
    "cisco_ios": Manner(
        platform="cisco_iosxe",
        prompt=b"sw1#",
        unknown=_CARET + b"% Invalid input detected at '^' marker.\r\n\r\n",
    ),
    "arista_eos": Manner(
        platform="arista_eos",
        prompt=b"sw1#",
        unknown=b"% Invalid input\r\n",
    ),
    "juniper_junos": Manner(
        platform="juniper_junos",
        greeting=b"--- JUNOS 21.4R3-S5.4 Kernel 64-bit\r\n",
        prompt=b"\r\nuser@mx1> ",
        unknown=_CARET + b"unknown command.\r\n",
        settings=("set cli ",),
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """One recorded output; ``device`` is the emulated device that gives it for ``command``."""

    folder: str  # the platform as the tree names it
    platform: str  # the platform as the collector names it
    command: str
    path: Path
    device: str

    def text(self) -> bytes:
        r"""The whole output, line ends ``\n``, the last line ended: the truth to compare with."""
        text = self.path.read_bytes().replace(b"\r\n", b"\n")
        return text if text.endswith(b"\n") else text + b"\n"


def find_recordings(tree: Path, folders: Sequence[str] = tuple(MANNERS)) -> tuple[Recording, ...]:
    """Every ``.raw`` below ``tree``; where a command has several, the n-th is on device n."""
    found = []
    for folder in folders:
        for place in sorted((tree / folder).iterdir()):
            if not place.is_dir():
                continue
            for number, path in enumerate(sorted(place.glob("*.raw")), start=1):
                recording = Recording(
                    folder=folder,
                    platform=MANNERS[folder].platform,
                    command=place.name.replace("_", " "),
                    path=path,
                    device=f"{folder}-{number}",
                )
                found.append(recording)
    return tuple(found)


class RecordedServer(Served):
    """The devices that give ``recordings``, on free ports of loopback: admin, admin."""

    def __init__(
        self,
        recordings: Sequence[Recording],
        *,
        echo: Echo = Echo.WHEN_READ,
        pace: Pace | None = None,
        fault: LabFault = LabFault.NONE,
        transport: Transport = Transport.SSH,
    ) -> None:
        self.recordings = tuple(recordings)
        template = LabDevice(
            name="",
            platform="",
            echo=echo,
            pace=pace or Pace(),
            fault=fault,
            privileged=True,
            transport=transport,
        )
        folders = {each.device: each.folder for each in recordings}
        devices = [replace(template, name=n, platform=p) for n, p in folders.items()]
        self._answers: dict[str, dict[str, Recording]] = {name: {} for name in folders}
        for each in recordings:
            self._answers[each.device][each.command] = each
        self.lab = Lab(devices, shells=dict.fromkeys(folders.values(), self._play))

    def platform(self, device: str) -> str:
        """What the collector calls the platform of a device."""
        return MANNERS[self.lab.devices[device].platform].platform

    def commands(self, device: str) -> tuple[str, ...]:
        """What a device has a recording for."""
        return tuple(self._answers[device])

    def truth(self, device: str, command: str) -> bytes:
        """The recorded output, as `Recording.text`."""
        return self._answers[device][command].text()

    async def _play(self, terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        manner, answers = MANNERS[device.platform], self._answers[device.name]
        await terminal.send(manner.greeting + manner.prompt)
        while True:
            line = (await terminal.read_line()).decode("utf-8", "replace").strip()
            stats.lines.append(line)
            if line in manner.leave:
                return Ending.EXIT
            if line in answers:
                await terminal.send(answers[line].text().replace(b"\n", b"\r\n"))
            elif line and not line.startswith(manner.settings):
                await terminal.send(manner.unknown)
            await terminal.send(manner.prompt)
