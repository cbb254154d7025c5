"""Devices that have left the inventory: their files in the history, and the commit without them.

Owns which files those are: a run, or an import, has committed them; they are where the template
puts a device; and no device of the inventory is there. So a file that its user keeps beside them is
none, nor one at a place that an earlier template gave. Refuses to rewrite: the history stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.backups.git import Git
from collector.backups.history import CONFIGS
from collector.backups.message import departure_message
from collector.backups.paths import device_places, place_of
from collector.backups.repository import Repository
from collector.errors import InputError
from collector.model import Device
from collector.settings import Backups

_OURS: Final = ("--extended-regexp", "--grep=^(Run-Id|Imported-From): ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Departed:
    """``files`` are pairs of a device's name and a path; ``edited`` paths were changed by hand."""

    files: tuple[tuple[str, str], ...] = ()
    edited: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The devices, each once."""
        return tuple(dict.fromkeys(name for name, _ in self.files))


async def departed(output: Path, settings: Backups, devices: Iterable[Device]) -> Departed:
    """Find the files of devices that are not among these; changes nothing.

    `InputError` when none of them has a file there: it is hardly the right inventory.
    """
    folder = output / CONFIGS
    if not (folder / ".git").exists():
        return Departed()
    git = Git(folder=folder, timeout=settings.timeout)
    if (await git.ask("rev-parse", "--quiet", "--verify", "HEAD")).status:
        return Departed()
    tracked = _names(await git.do("ls-tree", "-r", "-z", "--name-only", "HEAD"))
    log = ("log", "-z", "--format=", "--name-only", "--no-renames", "-m", "--root")
    committed = frozenset(_names(await git.do(*log, *_OURS, "HEAD")))
    places = device_places(settings.path, devices)
    found = [(place_of(settings.path, path), path) for path in tracked if path in committed]
    gone = [(place, path) for place, path in found if place and place.key not in places]
    if gone and len(gone) == sum(place is not None for place, _ in found):
        raise InputError(
            f"{folder}: none of its files is of a device of this inventory: nothing is removed "
            "(is it the right one?)"
        )
    edited = await _edited(git)
    return Departed(
        files=tuple((place.name or path, path) for place, path in gone if path not in edited),
        edited=tuple(path for _, path in gone if path in edited),
    )


async def remove_departed(output: Path, settings: Backups, departed: Departed) -> str:
    """Commit the removal of these files, with the lock held; gives the commit.

    `StorageError` when git, or a hook, does not let it be done.
    """
    repository = await Repository.open(output / CONFIGS, settings)
    await repository.state()
    message = departure_message(departed.names)
    return await repository.remove([path for _, path in departed.files], message)


async def _edited(git: Git) -> frozenset[str]:
    """Give the files whose text is not that of the last commit; one that is gone was not edited."""
    words = ("-z", "--name-only", "--no-renames", "--no-ext-diff", "--diff-filter=MT", "HEAD")
    return frozenset(_names(await git.do("diff", *words)))


def _names(listed: bytes) -> Sequence[str]:
    return [os.fsdecode(name) for name in re.split(rb"[\0\n]", listed) if name]
