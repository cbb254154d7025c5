"""Which files of the history are a device's, and whose a file is.

Owns the two ways in which that is known: the runs have said so, which holds for a device that has
left the inventory, too; or the template of the settings says so, where no two devices can be meant
by one path. Refuses to touch the disk.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from collector.backups.paths import WORD, safe
from collector.document import near
from collector.errors import InputError
from collector.store import LastGood

_OTHER: Final = "[^/]+"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ownership:
    """Devices and their files: ``known`` by the runs, ``paths`` are those of the last commit."""

    known: Mapping[str, LastGood]
    template: str
    paths: Collection[str]
    _owners: dict[str, str] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        """Turn what is known around."""
        for name, good in self.known.items():
            self._owners.update(dict.fromkeys(good.files, name))

    def files(self, name: str) -> tuple[str, ...]:
        """Give the files of a device, or the one that ``name`` is the path of; empty when none.

        Raises InputError where several are meant and it cannot be known which.
        """
        good = self.known.get(name)
        if good and good.files and set(good.files) <= set(self.paths):
            return good.files
        if found := self._by_template(name):
            return found
        if good and good.files:  # removed since, and in the history still
            return good.files
        return (name,) if name in self.paths else ()

    def owner(self, path: str) -> str:
        """Give the device whose file it is; the path itself where that is not known."""
        if path in self._owners:
            return self._owners[path]
        pattern = _pattern(self.template)
        found = re.fullmatch(pattern, path) if pattern else None
        return found["name"] if found else path

    def unknown(self, name: str) -> InputError:
        """Say that there is no such device, and which one may be meant."""
        names = {*self.known, *map(self.owner, self.paths)}
        return InputError(f"{name!r}: no backup of a device of that name{near(name, names)}")

    def _by_template(self, name: str) -> tuple[str, ...]:
        pattern = _pattern(self.template, safe(name))
        found = sorted(path for path in self.paths if pattern and re.fullmatch(pattern, path))
        if len(found) > 1 and "{command}" not in self.template:
            raise InputError(f"{name!r}: which of its files, {', '.join(found)}? Name that")
        return tuple(found)


def _pattern(template: str, name: str = "") -> str | None:
    """Make a pattern of a template; None where a path may be that of more than one device.

    >>> _pattern("{group}/{name}.cfg", "r1")
    '[^/]+/(?P<name>r1)\\\\.cfg'
    >>> _pattern("{group}-{name}.cfg")
    """
    parts = template.split("/")
    if any("{name}" in part and len(WORD.findall(part)) > 1 for part in parts):
        return None
    pieces = WORD.split(template)  # literal, word, literal, word, ... literal
    here = f"(?P<name>{re.escape(name) if name else _OTHER})"
    first = pieces.index("name")
    for place in range(1, len(pieces), 2):
        known = here if place == first else "(?P=name)" if pieces[place] == "name" else _OTHER
        pieces[place] = known
    for place in range(0, len(pieces), 2):
        pieces[place] = re.escape(pieces[place])
    return "".join(pieces)
