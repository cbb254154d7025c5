"""Another collector's files as the beginning of ours: its history goes on where it has one.

Owns the one commit that puts each file where ours is to be, with the last commit of every
repository it comes from as a parent. The repository is made beside its place and moved there whole,
so a kill leaves nothing of it; what is imported from is only read. Refuses to know of inventories.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from collector.backups.git import Git
from collector.backups.history import CONFIGS
from collector.backups.repository import Repository
from collector.errors import InputError, StorageError
from collector.settings import Backups
from collector.store.files import cause

_BESIDE: Final = ".import-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A file of another collector: ``file`` in ``source``, to be at ``path`` in ours."""

    source: Path
    file: str
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Beginning:
    """What was imported: the paths of ours, how many other files stay as they were, the commit."""

    paths: frozenset[str]
    others: int
    commits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tree:
    """The newest files of a source, each with its object; ``head`` empty where it has no git."""

    head: str
    objects: Mapping[str, str]


async def begin_history(
    output: Path, settings: Backups, moved: Sequence[Moved], collector: str
) -> Beginning:
    """Make the repository of the backups of what another collector has, with the lock held.

    InputError where there is one already; `StorageError` where git, or the disk, does not let it.
    """
    place = output / CONFIGS
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise InputError(f"{place}: not empty: files are imported only where no backups are")
    try:
        await asyncio.to_thread(_sweep, output)
        beside = Path(tempfile.mkdtemp(prefix=_BESIDE, dir=output))
        try:
            beginning = await _begun(beside / CONFIGS, settings, moved, collector)
            if place.exists():
                place.rmdir()
            (beside / CONFIGS).rename(place)
        finally:
            await asyncio.to_thread(shutil.rmtree, beside, ignore_errors=True)
    except OSError as error:
        raise StorageError(f"{place}: {cause(error)}") from error
    return beginning


def _sweep(output: Path) -> None:
    """Remove what an import that was killed has left."""
    for left in output.glob(f"{_BESIDE}*"):
        shutil.rmtree(left, ignore_errors=True)


async def _begun(
    folder: Path, settings: Backups, moved: Sequence[Moved], collector: str
) -> Beginning:
    repository = await Repository.open(folder, settings)
    git = repository.git
    sources = list(dict.fromkeys(each.source for each in moved))
    trees = {source: await _tree(git, source, moved) for source in sources}
    index, others = _index(moved, trees)
    listed = b"".join(
        f"100644 {oid}\t".encode() + os.fsencode(path) + b"\0" for path, oid in index.items()
    )
    await git.do("update-index", "-z", "--index-info", stdin=listed)
    tree = (await git.do("write-tree")).decode().strip()
    heads = [found.head for found in trees.values() if found.head]
    paths = frozenset(each.path for each in moved if each.path in index)
    message = _message(collector, len(paths))
    parents = [word for head in dict.fromkeys(heads) for word in ("-p", head)]
    commit = await git.do("commit-tree", tree, *parents, stdin=message.encode())
    await git.do("update-ref", "HEAD", commit.decode().strip())
    await git.do("reset", "--quiet", "--hard")
    count = int(await git.do("rev-list", "--count", "HEAD"))
    return Beginning(paths=paths, others=others, commits=count - 1)


async def _tree(git: Git, source: Path, moved: Sequence[Moved]) -> _Tree:
    if (source / ".git").exists() or (source / "HEAD").is_file():
        await git.do("fetch", "--quiet", "--no-tags", _absolute(source), "HEAD")
        head = (await git.do("rev-parse", "FETCH_HEAD")).decode().strip()
        listed = await git.do("ls-tree", "-r", "-z", head)
        return _Tree(head=head, objects=dict(_blobs(listed)))
    files = [each.file for each in moved if each.source == source]
    there = [file for file in files if ".." not in file and (source / file).is_file()]
    named = "".join(f"{_absolute(source / file)}\n" for file in there).encode()
    objects = await git.do("hash-object", "-w", "--no-filters", "--stdin-paths", stdin=named)
    return _Tree(head="", objects=dict(zip(there, objects.decode().split(), strict=True)))


def _absolute(path: Path) -> str:
    return os.path.abspath(path)  # git is started in another folder


def _blobs(listed: bytes) -> list[tuple[str, str]]:
    entries = (entry.partition(b"\t") for entry in listed.split(b"\0") if entry)
    return [
        (os.fsdecode(path), about.split()[2].decode())
        for about, _, path in entries
        if about.startswith(b"100")  # a plain file, no link and no other repository
    ]


def _index(moved: Sequence[Moved], trees: Mapping[Path, _Tree]) -> tuple[dict[str, str], int]:
    """Say which object each path has; what is no device's stays where it was, if that is free."""
    index: dict[str, str] = {}
    taken: set[tuple[Path, str]] = set()
    for each in moved:
        if oid := trees[each.source].objects.get(each.file):
            index[each.path] = oid
            taken.add((each.source, each.file))
    ours = len(index)
    folders = {path.rpartition("/")[0] for path in index} | set(index)
    for source, tree in trees.items():
        for file, oid in tree.objects.items():
            if (source, file) not in taken and file not in folders and _is_free(file, index):
                index[file] = oid
    return index, len(index) - ours


def _is_free(file: str, index: Mapping[str, str]) -> bool:
    parts = file.split("/")
    return not any("/".join(parts[:end]) in index for end in range(1, len(parts) + 1))


def _message(collector: str, count: int) -> str:
    noun = "file" if count == 1 else "files"
    return f"Import: {count} {noun} of {collector}\n\nImported-From: {collector}\n"
