"""One device's past: the versions of its files, and which one was in force when.

Owns what a person may name a version by: a run, a date, or a commit in git's words. Refuses to know
how a device's files are known, and how a copy is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path, PurePosixPath

from collector.backups.archive import Archive, FileChange, Version
from collector.backups.moments import moment_of
from collector.backups.ownership import Ownership
from collector.errors import InputError
from collector.store import find_run
from collector.store.names import run_time

LATEST = "latest"


class Past:
    """The versions of a device's files, the newest first; a place is an index of these.

    The place behind the last one is the time when there was nothing yet.
    """

    def __init__(
        self, archive: Archive, name: str, files: Sequence[str], versions: Sequence[Version]
    ) -> None:
        self.name = name
        self.files = tuple(files)
        self.versions = tuple(versions)
        self._archive = archive

    @classmethod
    async def of(cls, archive: Archive, ownership: Ownership, name: str) -> Past:
        """Look a device up, or the path of a file; InputError when nothing of it was ever kept."""
        files = ownership.files(name) or ((name,) if _is_path(name) else ())
        versions = await archive.versions(files) if files else ()
        if not any(change.path in files for version in versions for change in version.files):
            raise ownership.unknown(name)
        return cls(archive, name, files, versions)

    async def place(self, word: str, label: str, output: Path, now: datetime) -> int:
        """Say which version was in force in a run, at a date, or in a commit."""
        if run_time(word) is not None or word == LATEST:
            return await self._of_run(word, label, output)
        moment = moment_of(word, now)
        if moment is not None:
            return self._first(lambda version: version.at <= moment)
        commit = await self._archive.commit(word)
        if not commit:
            raise InputError(
                f"{label}: expected a run, a date, how long ago (7d), or a commit, found {word!r}"
            )
        names = {change.path for version in self.versions for change in version.files}
        last = await self._archive.last_of(sorted(names), commit)
        return self._first(lambda version: version.commit == last)

    def before(self, place: int) -> int:
        """Give the place of the version before one, in which the text was another."""
        here = self._objects(place)
        later = range(place + 1, len(self.versions))
        return next((each for each in later if self._objects(each) != here), len(self.versions))

    async def texts(self, place: int) -> Mapping[str, bytes]:
        """Read the files as they were then, by path; what was not there is left out."""
        return {
            change.path: await self._archive.text(change.path, change.oid)
            for change in self._state(place).values()
            if change.oid
        }

    async def _of_run(self, word: str, label: str, output: Path) -> int:
        try:
            run = find_run(output, word)
        except InputError:
            known = word != LATEST and await self._archive.names_run(word)
            if not known:
                raise InputError(f"{label}: {word!r}: no such run, and no commit of it") from None
            run_id, end = word, run_time(word)
        else:
            run_id = run.run_id
            end = datetime.fromisoformat(run.head["finished"]) if run.head else run_time(run_id)
        of_run = self._first(lambda version: run_id in version.runs)
        if of_run < len(self.versions) or end is None:
            return of_run
        return self._first(lambda version: version.at <= end)

    def _first(self, is_it: Callable[[Version], bool]) -> int:
        places = (place for place, version in enumerate(self.versions) if is_it(version))
        return next(places, len(self.versions))

    def _objects(self, place: int) -> Mapping[str, str]:
        return {key: change.oid for key, change in self._state(place).items() if change.oid}

    def _state(self, place: int) -> Mapping[str, FileChange]:
        """Give what was last done to each file; one that was moved is the same file all along."""
        state: dict[str, FileChange] = {}
        for version in self.versions[place:]:
            for change in version.files:
                state.setdefault(self.files[0] if len(self.files) == 1 else change.path, change)
        return state

    def __iter__(self) -> Iterator[Version]:
        """Give the versions."""
        return iter(self.versions)


def _is_path(name: str) -> bool:
    """Say whether a name may be the path of a file that was removed: git refuses others."""
    parts = PurePosixPath(name).parts
    return bool(parts) and not {"..", "/"} & set(parts)
