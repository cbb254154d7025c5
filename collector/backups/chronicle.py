"""What changed in which device, when and by how much: the commits, told device by device.

Owns where the word for a change is found: in the commit's message, which names the first hundred
devices; else in the manifest of its run, while that is kept; else as git has it. Refuses to ask
git, and to know how it is shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from collector.backups.archive import FileChange, Version
from collector.backups.ownership import Ownership
from collector.errors import InputError
from collector.log import one_line
from collector.model import Change
from collector.store import find_run
from collector.store.names import run_time

_LINE: Final = re.compile(rf"^  ({'|'.join(Change)}) +(.+)$", re.MULTILINE)
_KINDS: Final = {"A": "new", "D": "removed", "R": "moved"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What a commit did to a device: ``change`` in the word of the run, or as git knows it.

    ``run_id`` is None where a person has made the commit.
    """

    device: str
    at: datetime
    change: str
    added: int
    removed: int
    run_id: str | None
    commit: str
    files: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class Chronicle:
    """Tells commits by device; remembers what it has read of manifests."""

    output: Path
    ownership: Ownership
    _recorded: dict[str, Mapping[str, str]] = field(default_factory=dict)

    def deeds(self, versions: Iterable[Version], *, of: str = "") -> Iterator[Deed]:
        """Give a deed for each device of each commit; all are of that device where one is named."""
        for version in versions:
            words = {found[2]: found[1] for found in _LINE.finditer(version.message)}
            touched: dict[str, list[FileChange]] = {}
            for change in version.files:
                touched.setdefault(of or self.ownership.owner(change.path), []).append(change)
            for name in sorted(touched):
                word = words.get(one_line(name)) or self._word(version, name, touched[name])
                yield _deed(version, name, word, touched[name])

    def _word(self, version: Version, name: str, changes: Iterable[FileChange]) -> str:
        for run_id in version.runs:
            if word := self._of_run(run_id).get(name):
                return word
        kinds = {_KINDS.get(change.kind, "changed") for change in changes}
        return kinds.pop() if len(kinds) == 1 else "changed"

    def _of_run(self, run_id: str) -> Mapping[str, str]:
        if run_id not in self._recorded:
            self._recorded[run_id] = dict(_changes(self.output, run_id))
        return self._recorded[run_id]


def _changes(output: Path, run_id: str) -> Iterator[tuple[str, str]]:
    if run_time(run_id) is None:  # a message may say anything
        return
    try:
        for row in find_run(output, run_id).rows():
            if word := row.get("change"):
                yield row["name"], word
    except (InputError, KeyError, TypeError):
        return  # pruned, or damaged: git knows enough


def _deed(version: Version, name: str, word: str, changes: Iterable[FileChange]) -> Deed:
    changes = tuple(changes)
    return Deed(
        device=name,
        at=version.at,
        change=word,
        added=sum(change.added for change in changes),
        removed=sum(change.removed for change in changes),
        run_id=version.runs[0] if version.runs else None,
        commit=version.commit,
        files=tuple(change.path for change in changes),
    )
