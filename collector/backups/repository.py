"""``output/configs/``: the git repository of the last good configurations.

Owns whose the folder is, what state git has it in, and the commit. A folder that the collector did
not make is refused until its owner says otherwise, in the repository's own configuration. What is
not as it should be, a detached HEAD or a merge under way, is left to who made it so. Refuses to
know what is in the files, and of runs more than their trailers.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from email.utils import parseaddr
from pathlib import Path
from typing import Final

from collector.backups.git import Git
from collector.backups.locks import clear_stale_locks
from collector.errors import StorageError
from collector.settings import Backups
from collector.store.files import make_folder, write_file

MARK: Final = "collector.backups"
REBASING: Final = "collector-rebasing"
"""A file in ``.git`` while a rebase of ours is under way: one that a kill has left is undone."""

STAGED: Final = 500
"""Files staged by one git command: each is to end within its time on a slow disk, too."""

_NOBODY: Final = "network-command-collector"
_REBASES: Final = ("rebase-merge", "rebase-apply")
_UNDER_WAY: Final = {
    "MERGE_HEAD": "a merge",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    **dict.fromkeys(_REBASES, "a rebase"),
}
_STAGE: Final = ("update-index", "--add", "-z", "--stdin")
# Set in a repository that is made here. Modes of files say nothing; what a device said is not to be
# rewritten; a power cut must not leave an object empty. An older git passes the last two over.
_CONFIGURATION: Final = (
    ("core.fileMode", "false"),
    ("core.fsync", "committed,loose-object"),
    ("core.fsyncMethod", "batch"),
    (MARK, "true"),  # the last one: with it the repository is whole
)
_EARLIER_ATTRIBUTES: Final = "* -text"
_ATTRIBUTES: Final = "* -text -eol -filter -ident -working-tree-encoding"

EDITS: Final = "refs/collector/edits"
"""Below it a ref for each file of a person's that was put back, so that git does not prune it."""

EDITS_KEPT: Final = 1000
"""So many of them, the youngest, when the next run begins."""

UNFIT: Final = 20
"""Files that git cannot add, before it is taken to be unable to add any."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Where git stands: the last commit (empty before the first), the branch, what is not in it.

    ``dirty`` are the paths whose file is not that of the last commit, new ones included.
    """

    head: str
    branch: str
    dirty: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """An open repository: ``folder`` its working tree, ``git_folder`` its ``.git``."""

    git: Git
    folder: Path
    git_folder: Path
    author: str = ""

    @classmethod
    async def open(cls, folder: Path, settings: Backups) -> Repository:
        """Open the repository in ``folder``, or make it where nothing is.

        Undoes what a kill has left in git. Raises `StorageError` with one line when it is not
        ours, or cannot be used as it is.
        """
        git = Git(folder=folder, timeout=settings.timeout)
        try:
            empty = await asyncio.to_thread(_is_empty, folder)
            git_folder = await _git_folder(git, unmade=empty)
            if empty and not await _is_marked(git):
                git_folder = await _make(git)
            elif not await _is_marked(git):
                raise _foreign(folder, "not made by the collector", claim=True)
            await asyncio.to_thread(clear_stale_locks, folder, git_folder)
            await asyncio.to_thread(_heal_attributes, git_folder)
        except OSError as error:
            raise StorageError(f"{folder}: {error.strerror or error}") from error
        git = replace(git, options=await _identity(git, settings.author))
        return cls(git=git, folder=folder, git_folder=git_folder, author=settings.author)

    async def state(self) -> State:
        """Look where git stands; `StorageError` where nothing can be committed."""
        await self._undo_rebase()
        for name, what in _UNDER_WAY.items():
            if (self.git_folder / name).exists():
                raise StorageError(f"{self.folder}: {what} is under way there: end or abort it")
        words = ("--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--no-renames")
        found = await self.git.ask("status", *words)
        if found.status:  # a disk that is full: the index cannot be refreshed, and need not be
            found = await self.git.ask("--no-optional-locks", "status", *words)
        state = _state(found.out)
        if found.status or not (state.head and state.branch):
            await self._refuse_a_broken_branch()
        if found.status:
            raise self.git.failed("status", found)
        if not state.branch:
            raise StorageError(
                f"{self.folder}: no branch is checked out there (detached HEAD): nothing is "
                "written to the history; check out its branch with git switch"
            )
        return state

    async def _refuse_a_broken_branch(self) -> None:
        """Say how a branch that names no commit is mended, and not begin the history anew."""
        branch = await asyncio.to_thread(_branch, self.git_folder)
        journal = self.git_folder / "logs" / branch
        if not branch or not await asyncio.to_thread(_has_words, journal):
            return
        commit = ("--quiet", "--verify", f"{branch}^{{commit}}")
        if not (await self.git.ask("rev-parse", *commit)).status:
            return  # it names one: what is wrong is something else
        raise StorageError(
            f"{self.folder}: its branch is broken: nothing is written to the history; write the "
            f"last commit of {journal} to {self.git_folder / branch}"
        )

    async def committed(self, path: str) -> bytes | None:
        """Read a file of the last commit; None when there is none of that name."""
        found = await self.git.ask("rev-parse", "--quiet", "--verify", f"HEAD:{path}")
        if found.status:
            return None
        oid = found.out.decode().strip()
        return await self.git.do("cat-file", "--filters", f"--path={path}", oid)

    async def versions(self, paths: Sequence[str]) -> Mapping[str, tuple[bytes, bytes]]:
        """Read files of the last commit and of the one before; what is in one alone is left out."""
        names = [f"{rev}:{path}" for path in paths for rev in ("HEAD^", "HEAD")]
        listed = "".join(f"{name}\n" for name in names).encode("utf-8", "surrogateescape")
        texts = list(_objects(await self.git.do("cat-file", "--batch", stdin=listed)))
        pairs = zip(paths, texts[::2], texts[1::2], strict=True)
        return {
            path: (before, after)
            for path, before, after in pairs
            if before is not None and after is not None
        }

    async def keep_edit(self, path: str) -> str:
        """Keep a file of the working tree as an object of git; gives its name, empty where gone."""
        if not (self.folder / path).is_file():
            return ""
        oid = (await self.git.do("hash-object", "-w", "--", path)).decode().strip()
        await self.git.do("update-ref", f"{EDITS}/{time.time_ns()}-{oid}", oid)
        return oid

    async def forget_edits(self) -> None:
        """Let git prune the oldest edits, where they are many."""
        listed = await self.git.ask("for-each-ref", "--format=%(refname)", EDITS)
        old = listed.out.split()[:-EDITS_KEPT]
        if old:  # where it cannot be, the next run does it
            deleted = b"".join(b"delete %s\n" % name for name in old)
            await self.git.ask("update-ref", "--stdin", stdin=deleted)

    async def stage(self, paths: Collection[str]) -> Mapping[str, str]:
        """Put these files into the index; gives those that git cannot add, and why.

        `StorageError` where it seems that none can be.
        """
        unfit: dict[str, str] = {}
        there = await asyncio.to_thread(self._there, paths)
        batches = [there[at : at + STAGED] for at in range(0, len(there), STAGED)]
        while batches:
            some = batches.pop()
            answer = await self.git.ask(*_STAGE, stdin=_listed(some))
            if not answer.status:
                continue
            if len(some) > 1:  # of a batch nothing is staged when one cannot be
                half = len(some) // 2
                batches += [some[:half], some[half:]]
                continue
            unfit[some[0]] = answer.line
            if len(unfit) in {len(there), UNFIT}:
                raise self.git.failed("update-index", answer)
        return unfit

    async def commit(self, paths: Collection[str], describe: Callable[[Set[str]], str]) -> str:
        """Commit those of these files that are staged, and no others; gives the commit.

        Empty when none of them differs. ``describe`` makes the message, given those that do. What
        its user has staged of others stays staged.
        """
        words = ("--cached", "--name-only", "-z", "--no-renames", "--no-ext-diff")
        staged = set(_names(await self.git.do("diff", *words)))
        ours = staged.intersection(paths)
        if not ours:
            return ""
        # Pathspecs are compared each with each file: they are given only where they are needed.
        only = ("--only", "--pathspec-from-file=-", "--pathspec-file-nul") if staged - ours else ()
        await self.git.do(
            *("commit", "--quiet", "--cleanup=whitespace", f"--message={describe(ours)}"),
            *([f"--author={self.author}"] if self.author else []),
            *only,
            stdin=_listed([f":(literal){path}" for path in sorted(ours)]) if only else b"",
        )
        return await self.head()

    async def remove(self, paths: Collection[str], message: str) -> str:
        """Commit that these files are gone, and nothing else; gives the commit.

        One that was changed by hand lets `StorageError` be raised, and nothing is removed.
        """
        given = _listed([f":(literal){path}" for path in paths])
        listed = ("--pathspec-from-file=-", "--pathspec-file-nul")
        await self.git.do("rm", "--quiet", "--ignore-unmatch", *listed, stdin=given)
        await self.git.do(
            *("commit", "--quiet", "--cleanup=whitespace", f"--message={message}"),
            *([f"--author={self.author}"] if self.author else []),
            *("--only", *listed),
            stdin=given,
        )
        return await self.head()

    def _there(self, paths: Collection[str]) -> list[str]:
        files = [path for path in paths if (self.folder / path).is_file()]
        linked = {path for path in files if self._through_link(path)}
        if linked:
            more = f" (and {len(linked) - 1} more)" if len(linked) > 1 else ""
            logger.warning("%s: not committed: a link is on the way to it%s", min(linked), more)
        return [path for path in files if path not in linked]

    def _through_link(self, path: str) -> bool:
        """Say whether a file, or a folder on the way to it, is a link: git refuses to follow it."""
        place = self.folder / path
        return any(each.is_symlink() for each in (place, *place.parents[: path.count("/")]))

    async def head(self, of: str = "HEAD") -> str:
        """The last commit, of that branch; empty before the first."""
        found = await self.git.ask("rev-parse", "--quiet", "--verify", of)
        return found.out.decode().strip()

    async def _undo_rebase(self) -> None:
        mark = self.git_folder / REBASING
        if not mark.exists():
            return
        if self.rebases():
            await self.git.do("rebase", "--abort")
        mark.unlink(missing_ok=True)

    def rebases(self) -> bool:
        """Say whether a rebase is under way, with either of git's two ways of doing it."""
        return any((self.git_folder / name).exists() for name in _REBASES)


def _branch(git_folder: Path) -> str:
    """Read which branch is checked out; git itself does not tell where it is broken."""
    try:
        kind, _, branch = (git_folder / "HEAD").read_text().strip().partition(" ")
    except (OSError, ValueError):
        return ""
    return branch if kind == "ref:" else ""


def _has_words(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _is_empty(folder: Path) -> bool:
    """Make the folder where there is none; tell whether nothing is in it but what git keeps."""
    make_folder(folder)
    return {entry.name for entry in folder.iterdir()} <= {".git"}


async def _git_folder(git: Git, *, unmade: bool) -> Path:
    if not (git.folder / ".git").exists() and not unmade:
        raise _foreign(git.folder, "no git repository of the collector, and not empty")
    found = await git.ask("rev-parse", "--absolute-git-dir")
    if found.status and not unmade:
        raise git.failed("rev-parse", found)
    return Path(os.fsdecode(found.out.removesuffix(b"\n"))) if not found.status else Path()


async def _is_marked(git: Git) -> bool:
    found = await git.ask("config", "--local", "--type=bool", "--get", MARK)
    return found.out.strip() == b"true"


async def _make(git: Git) -> Path:
    """Make a repository in an empty folder, or end the making of one; refuse one with commits."""
    found = await git.ask("rev-parse", "--quiet", "--verify", "HEAD")
    if not found.status:
        raise _foreign(git.folder, "not made by the collector", claim=True)
    await git.do("init", "--quiet", "--shared=0600", *await _defaults(git))
    git_folder = await _git_folder(git, unmade=False)
    (git_folder / "info").mkdir(exist_ok=True)
    (git_folder / "info" / "attributes").write_text(f"{_ATTRIBUTES}\n")
    for key, value in _CONFIGURATION:
        await git.do("config", "--local", key, value)
    return git_folder


def _heal_attributes(git_folder: Path) -> None:
    """Put today's line in place of the one that we have written earlier; leave all others."""
    path = git_folder / "info" / "attributes"
    try:
        lines = path.read_text("utf-8", "surrogateescape").splitlines()
    except FileNotFoundError:
        return
    if _EARLIER_ATTRIBUTES in lines:
        healed = [_ATTRIBUTES if line == _EARLIER_ATTRIBUTES else line for line in lines]
        text = "".join(f"{line}\n" for line in healed)
        write_file(path, text.encode("utf-8", "surrogateescape"))


async def _defaults(git: Git) -> list[str]:
    """Give what a new repository is made with where its user has no wish of their own."""
    branch = await git.ask("config", "--get", "init.defaultBranch")
    template = await git.ask("config", "--get", "init.templateDir")
    own_template = not template.status or "GIT_TEMPLATE_DIR" in os.environ
    return [
        *([] if not branch.status else ["--initial-branch=main"]),
        *([] if own_template else ["--template="]),  # no sample hooks
    ]


async def _identity(git: Git, author: str) -> tuple[str, ...]:
    """Say who commits, where git has not been told."""
    name, address = parseaddr(author)
    options: list[str] = []
    for key, variables, value in (
        ("user.name", ("GIT_COMMITTER_NAME",), name or _NOBODY),
        ("user.email", ("GIT_COMMITTER_EMAIL", "EMAIL"), address or _address()),
    ):
        known = any(os.environ.get(variable) for variable in variables)
        if not known and (await git.ask("config", "--get", key)).status:
            options += ["-c", f"{key}={value}"]
    return tuple(options)


def _address() -> str:
    return f"collector@{socket.gethostname() or 'localhost'}"


def _foreign(folder: Path, why: str, *, claim: bool = False) -> StorageError:
    way = f"git -C {folder} config {MARK} true lets it be used, or " if claim else ""
    return StorageError(f"{folder}: {why}: nothing is written to it ({way}move it away)")


def _state(status: bytes) -> State:
    r"""Read what ``git status --porcelain=v2 --branch -z`` says.

    >>> _state(b"# branch.oid (initial)\0# branch.head main\0? r1.cfg\0")
    State(head='', branch='main', dirty=frozenset({'r1.cfg'}))
    """
    known = {"branch.oid": "", "branch.head": ""}
    dirty: set[str] = set()
    for entry in status.split(b"\0"):
        kind, _, rest = os.fsdecode(entry).partition(" ")
        if kind == "#":
            key, _, value = rest.partition(" ")
            known[key] = "" if value.startswith("(") else value
        elif kind in _FIELDS:
            dirty.add(rest.split(" ", _FIELDS[kind])[-1])
    return State(head=known["branch.oid"], branch=known["branch.head"], dirty=frozenset(dirty))


# Fields before the path: of an ordinary change, of one that is unmerged, of a file that is new.
_FIELDS: Final = {"1": 7, "u": 9, "?": 0}


def _objects(said: bytes) -> Iterator[bytes | None]:
    r"""Read what ``git cat-file --batch`` says; None for what there is not.

    >>> list(_objects(b"HEAD^:r1.cfg missing\n0a1b blob 2\na\n\n"))
    [None, b'a\n']
    """
    place = 0
    while place < len(said):
        end = said.index(b"\n", place)
        words = said[place:end].split(b" ")
        place = end + 1
        if words[-2:-1] == [b"blob"]:
            size = int(words[-1])
            yield said[place : place + size]
            place += size + 1
        else:
            yield None


def _names(listed: bytes) -> Sequence[str]:
    return [os.fsdecode(name) for name in listed.split(b"\0") if name]


def _listed(paths: Sequence[str]) -> bytes:
    return b"".join(os.fsencode(path) + b"\0" for path in paths)
