"""Where a device's configuration lies in the history, from the template of the settings.

Owns what the words of a template stand for, and that no name leads out of the folder or into what
git keeps there. Refuses to touch the disk. Which templates are allowed is in the settings.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from collector.model import Device
from collector.store.names import command_files, folder_problem

NONE: Final = "default"
"""What stands for the group of a device that is in none, or for a tag that it has not."""

WORD: Final = re.compile(r"\{([^{}]*)\}")
"""A word of a template, without its braces."""

_MORE: Final = 2
_ANY: Final = "*"  # in no name: it is among the trouble
_LONGEST: Final = 200  # bytes of what a word stands for; leaves room for the rest of the name
_TROUBLE: Final = re.compile(r'[/\\:*?"<>|\x00]')  # what a file system, or git for Windows, refuses


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupFile:
    """One file of a device, and the commands whose outputs are in it, in order."""

    path: str
    commands: tuple[str, ...]


def backup_files(template: str, device: Device, commands: Sequence[str]) -> tuple[BackupFile, ...]:
    """Say which files a device's configuration has: one, or one for each command.

    >>> device = Device(name="r1", host="", platform="linux", credential="", groups=("ams",))
    >>> [file.path for file in backup_files("{group}/{name}.cfg", device, ["show run"])]
    ['ams/r1.cfg']
    >>> commands = ["ip route show", "uname -a"]
    >>> [file.path for file in backup_files("{name}/{command}", device, commands)]
    ['r1/ip_route_show', 'r1/uname_-a']
    """
    words = _words(device)
    if "{command}" not in template:
        return (BackupFile(path=_expand(template, words), commands=tuple(commands)),)
    stems = (name.removesuffix(".txt") for name in command_files(commands))
    return tuple(
        BackupFile(path=_expand(template, {**words, "command": stem}), commands=(command,))
        for command, stem in zip(commands, stems, strict=True)
    )


def shared_paths(template: str, devices: Iterable[tuple[Device, Sequence[str]]]) -> str | None:
    """Say which two devices would be written to one file; None when no two would.

    >>> one = Device(name="c", host="", platform="linux", credential="", groups=("a-b",))
    >>> two = Device(name="b-c", host="", platform="linux", credential="", groups=("a",))
    >>> shared_paths("{group}-{name}", [(one, ["x"]), (two, ["x"])])
    'c and b-c would share the file a-b-c'
    """
    owners: dict[str, str] = {}
    for device, commands in devices:
        for file in backup_files(template, device, commands):
            owner = owners.setdefault(file.path.casefold(), device.name)
            if owner != device.name:
                return f"{owner} and {device.name} would share the file {file.path}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a path is by the template: ``key`` is it without its command, ``name`` the device.

    ``name`` is empty where a path may be that of more than one device.
    """

    key: str
    name: str


def device_places(template: str, devices: Iterable[Device]) -> frozenset[str]:
    """Give the places of devices, as `place_of` has them."""
    return frozenset(_expand(template, {**_words(each), "command": _ANY}) for each in devices)


def place_of(template: str, path: str) -> Place | None:
    """Read a path by the template; None where the template gives no such path.

    >>> place_of("{group}/{name}.cfg", "ams/r1.cfg")
    Place(key='ams/r1.cfg', name='r1')
    >>> place_of("{name}/{command}.txt", "r1/show_version.txt")
    Place(key='r1/*.txt', name='r1')
    >>> place_of("{group}-{name}.cfg", "a-b-c.cfg").name
    ''
    >>> place_of("{name}.cfg", "README.md")
    """
    found = re.fullmatch(_pattern(template), path)
    if found is None:
        return None
    clear = all(len(WORD.findall(part)) < _MORE for part in template.split("/"))
    if "{command}" not in template:
        return Place(key=path, name=found["name"] if clear else "")
    if not clear or template.count("{command}") > 1:
        return None  # where its command ends cannot be known
    start, end = found.span("command")
    return Place(key=path[:start] + _ANY + path[end:], name=found["name"])


def _pattern(template: str) -> str:
    pieces = WORD.split(template)  # literal, word, literal, ... literal
    known: set[str] = set()
    for number, piece in enumerate(pieces):
        if number % 2 == 0:
            pieces[number] = re.escape(piece)
        elif piece in known:
            pieces[number] = f"(?P={piece})"
        elif piece in {"name", "command"}:
            known.add(piece)
            pieces[number] = f"(?P<{piece}>[^/]+)"
        else:
            pieces[number] = "[^/]+"
    return "".join(pieces)


def _words(device: Device) -> Mapping[str, str]:
    tags = {f"tag:{name}": value for name, value in device.tags.items()}
    group = device.groups[0] if device.groups else NONE
    return {**tags, "name": device.name, "group": group, "platform": device.platform}


def _expand(template: str, words: Mapping[str, str]) -> str:
    def stands_for(match: re.Match[str]) -> str:
        value = words.get(match[1]) or NONE
        return value if value == _ANY else safe(value)

    return WORD.sub(stands_for, template)


def safe(value: str) -> str:
    """Leave a value that can be a part of a file's name as it is; make others so, no two alike.

    >>> safe("r1.example.net"), safe("züri-1"), safe("../x"), safe(".git")
    ('r1.example.net', 'züri-1', '_._x-d6b96a97', '_git-4d0a4dff')
    """
    plain = _TROUBLE.sub("_", "".join(char if char.isprintable() else "_" for char in value))
    plain = "_" + plain[1:] if plain.startswith(".") else plain
    plain = "_" + plain if plain.casefold().startswith("git~") else plain
    if plain == value and len(value.encode()) <= _LONGEST and folder_problem(value) is None:
        return value
    digest = hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{plain.encode('utf-8', 'replace')[:_LONGEST].decode('utf-8', 'ignore')}-{digest}"
