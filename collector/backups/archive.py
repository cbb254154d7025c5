"""The history of the backups as it is read: its commits, what each did to which file, old copies.

Owns the questions that git is asked to look back. Nothing is written, no lock is taken, not even
one of git's own, so that a run may be at work; a folder that is somebody else's repository may be
read like ours. Refuses to know whose a file is, and how an answer is shown.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from collector.backups.git import Git
from collector.backups.history import CONFIGS
from collector.errors import InputError
from collector.settings import Backups

_COMMIT: Final = re.compile(rb"\x01([0-9a-f]{40,64})\0")
_TOLD: Final = "%x01%H%x00%at%x00%(trailers:key=Run-Id,valueonly,separator=%x20)%x00%B%x00"
# What the configuration of a user may make of `git log` is undone: this is read by a program.
_LOG: Final = (
    *("log", "-z", "--raw", "--numstat", "--no-abbrev", "--text", "--encoding=UTF-8"),
    *("--no-color", "--no-ext-diff", "--no-textconv", "--no-show-signature", "--no-notes"),
    f"--format={_TOLD}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What a commit did to a file: ``kind`` A, M, D, R or T as git has them, lines in and out.

    ``oid`` is the object that holds its text since then, empty where there is none any more.
    """

    path: str
    kind: str
    oid: str
    added: int
    removed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """A commit: ``at`` is when the configurations were collected, ``runs`` the newest run first.

    Who edits the repository by hand makes commits without runs.
    """

    commit: str
    at: datetime
    runs: tuple[str, ...]
    message: str
    files: tuple[FileChange, ...]


class Archive:
    """The repository of an output folder, for reading; made by `open`."""

    def __init__(self, git: Git) -> None:
        self._git = git

    @classmethod
    async def open(cls, output: Path, settings: Backups) -> Archive:
        """Open what is there; `InputError` when there is no commit yet."""
        folder = output / CONFIGS
        git = Git(folder=folder, timeout=settings.timeout, options=("--no-optional-locks",))
        if not (folder / ".git").exists():
            raise _nothing_yet(folder)
        archive = cls(git)
        if not await archive.commit("HEAD"):
            # Where git itself cannot read it, it says why.
            await git.do("rev-parse", "--git-dir")
            raise _nothing_yet(folder)
        return archive

    async def versions(self, files: Sequence[str]) -> tuple[Version, ...]:
        """Give the commits that these files are in, the newest first; of one also under the names
        that it had before."""
        ways = ("--follow", "-M") if len(files) == 1 else ("--no-renames",)
        return tuple(_versions(await self._git.do(*_LOG, *ways, "HEAD", "--", *files)))

    async def since(self, moment: datetime | None) -> tuple[Version, ...]:
        """Give all commits since then, the newest first; one question, whatever the fleet."""
        ways = [] if moment is None else [f"--since=@{int(moment.timestamp())}"]
        found = _versions(await self._git.do(*_LOG, "--no-renames", *ways, "HEAD"))
        return tuple(each for each in found if moment is None or each.at >= moment)

    async def files(self) -> frozenset[str]:
        """Give the paths of all files of the last commit."""
        listed = await self._git.do("ls-tree", "-r", "-z", "--name-only", "HEAD")
        return frozenset(os.fsdecode(path) for path in listed.split(b"\0") if path)

    async def text(self, path: str, oid: str) -> bytes:
        """Read an old copy, as its file was."""
        return await self._git.do("cat-file", "--filters", f"--path={path}", oid)

    async def commit(self, revision: str) -> str:
        """Say which commit a word of git's means; empty when none."""
        words = ("--quiet", "--verify", "--end-of-options", f"{revision}^{{commit}}")
        found = await self._git.ask("rev-parse", *words)
        return "" if found.status else found.out.decode().split()[-1]

    async def last_of(self, files: Sequence[str], commit: str) -> str:
        """Give the last commit that one of these files is in, seen from another one."""
        words = ("--max-count=1", "--format=%H", commit, "--", *files)
        return (await self._git.do("log", *words)).decode().strip()

    async def names_run(self, run_id: str) -> bool:
        """Say whether any commit is of that run."""
        words = ("--max-count=1", "--format=%H", "--fixed-strings", f"--grep=Run-Id: {run_id}")
        return bool(await self._git.do("log", *words, "HEAD"))


def _nothing_yet(folder: Path) -> InputError:
    return InputError(f"{folder}: no history of backups there yet; collector run begins one")


def _versions(told: bytes) -> Iterator[Version]:
    parts = _COMMIT.split(told)
    for commit, rest in zip(parts[1::2], parts[2::2], strict=True):
        at, runs, message, changes = rest.split(b"\0", 3)
        yield Version(
            commit=commit.decode(),
            at=datetime.fromtimestamp(int(at), UTC),
            runs=tuple(runs.decode("utf-8", "replace").split()),
            message=message.decode("utf-8", "replace"),
            files=tuple(_changes(changes)),
        )


def _changes(told: bytes) -> Iterator[FileChange]:
    r"""Read what ``--raw --numstat -z`` says of a commit.

    >>> raw = b"\0\n:100644 100644 11 22 M\0r1.cfg\0:100644 100644 11 22 R90\0a\0b\0"
    >>> [each.path for each in _changes(raw + b"2\t1\tr1.cfg\0" + b"3\t0\t\0a\0b\0")]
    ['r1.cfg', 'b']
    """
    words = iter(told.lstrip(b"\0\n").split(b"\0"))
    kinds: dict[bytes, tuple[str, str]] = {}
    for word in words:
        if word.startswith(b":"):
            *_, oid, kind = word.decode().split(" ")
            path = next(words)
            kinds[next(words) if kind[0] in "RC" else path] = (kind[0], oid.strip("0") and oid)
        elif word:
            added, removed, path = word.split(b"\t", 2)
            if not path:
                path = (next(words), next(words))[1]
            kind, oid = kinds.get(path, ("M", ""))
            yield FileChange(
                path=os.fsdecode(path),
                kind=kind,
                oid=oid,
                added=_count(added),
                removed=_count(removed),
            )


def _count(lines: bytes) -> int:
    return int(lines) if lines.isdigit() else 0
