"""The git program: words in, bytes out, and one clear line when it fails.

Owns how git is started: with a list of words and never a shell, in its own session, so that a
Ctrl-C of the collector does not cut a commit in half, and with an environment in which it asks
nobody anything and works on no other repository. The user's hooks, signing and credential helpers
hold. Refuses to know what is kept in a repository.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import re
import signal
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from collector.errors import StorageError
from collector.log import one_line
from collector.store.files import remedy

GRACE: Final = 2.0  # seconds from SIGTERM, upon which git removes its locks, to SIGKILL

# What would lead git to another repository or index (`git rev-parse --local-env-vars`, and more),
# and what would open a window to ask a person.
_DROPPED: Final = (
    *("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR"),
    *("GIT_ALTERNATE_OBJECT_DIRECTORIES", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_SHALLOW_FILE"),
    *("GIT_IMPLICIT_WORK_TREE", "GIT_GRAFT_FILE", "GIT_NO_REPLACE_OBJECTS", "GIT_CONFIG"),
    *("GIT_REPLACE_REF_BASE", "GIT_INTERNAL_SUPER_PREFIX", "GIT_CONFIG_PARAMETERS"),
    *(
        "GIT_LITERAL_PATHSPECS",
        "GIT_GLOB_PATHSPECS",
        "GIT_NOGLOB_PATHSPECS",
        "GIT_ICASE_PATHSPECS",
        "GIT_EXTERNAL_DIFF",
    ),
    *("SSH_ASKPASS", "SSH_ASKPASS_REQUIRE", "GIT_ASKPASS", "GIT_QUARANTINE_PATH"),
)
_SAID_FIRST: Final = ("rejected] ", "fatal: ", "error: ")
_FULL: Final = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
_ROOM: Final = 1 << 20  # bytes: with less git cannot be expected to work
_LOGIN: Final = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a git command ended, and what it said."""

    status: int
    out: bytes
    said: str

    @property
    def line(self) -> str:
        """The one line of what was said that tells most."""
        return telling_line(self.said) or f"it ended with status {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Git:
    """Git in one folder; ``timeout`` is for each command, in seconds, hooks and network included.

    ``options`` stand before every command: ``-c`` and its value.
    """

    folder: Path
    timeout: float = 60.0
    options: tuple[str, ...] = ()

    async def do(self, *words: str, stdin: bytes = b"") -> bytes:
        """Give what a command writes; `StorageError` when it fails."""
        answer = await self.ask(*words, stdin=stdin)
        if answer.status:
            raise self.failed(words[0], answer)
        return answer.out

    async def ask(self, *words: str, stdin: bytes = b"") -> Answer:
        """Give a command's end, good or bad; `StorageError` when there is none.

        What it says goes to a file, not through a pipe: a hook may leave a program behind that
        never closes one.
        """
        with contextlib.ExitStack() as files:
            try:
                given, out, said = (files.enter_context(tempfile.TemporaryFile()) for _ in "123")
                given.write(stdin)
                given.seek(0)
                process = await self._started(words, given, out, said)
            except OSError as error:
                raise self._unstarted(error) from error
            await self._ended(process, words[0])
            out.seek(0)
            said.seek(0)
            return Answer(
                status=process.returncode or 0,
                out=out.read(),
                said=said.read().decode("utf-8", "replace"),
            )

    def failed(self, command: str, answer: Answer) -> StorageError:
        """Say that a command failed, in one line."""
        hint = f" ({remedy(_FULL)})" if _is_full(self.folder) else ""
        return StorageError(f"{self.folder}: git {command}: {answer.line}{hint}")

    async def _started(
        self, words: tuple[str, ...], given: IO[bytes], out: IO[bytes], said: IO[bytes]
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            "git",
            *self.options,
            *words,
            cwd=self.folder,
            env=environment(os.environ, self.folder),
            stdin=given,
            stdout=out,
            stderr=said,
            start_new_session=True,
        )

    def _unstarted(self, error: OSError) -> StorageError:
        if isinstance(error, FileNotFoundError) and self.folder.is_dir():
            return StorageError(
                f"{self.folder}: git is not installed: no history is kept of the backups "
                "(install it, or set backups.enabled: false)"
            )
        return StorageError(f"{self.folder}: git cannot be started: {error.strerror or error}")

    async def _ended(self, process: asyncio.subprocess.Process, command: str) -> None:
        try:
            async with asyncio.timeout(self.timeout):
                await process.wait()
        except TimeoutError:
            await _kill(process)
            raise StorageError(
                f"{self.folder}: git {command} did not end within {self.timeout:g} s "
                "(backups.timeout)"
            ) from None
        except asyncio.CancelledError:
            await _kill(process)
            raise


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Make git's environment: no question, no other repository, messages in English."""
    kept = {name: value for name, value in environ.items() if name not in _DROPPED}
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "",  # none, and git looks no further: not for core.askPass, either
        "GIT_EDITOR": "true",  # nobody is there to edit a message
        "GIT_CEILING_DIRECTORIES": str(folder.resolve().parent),
        "SSH_ASKPASS_REQUIRE": "never",
    }


def _is_full(folder: Path) -> bool:
    """Tell whether there is hardly room on a disk: git's own words seldom say that it is that."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_blocks > 0 and found.f_bavail * found.f_frsize < _ROOM


def telling_line(said: str) -> str:
    r"""Choose the line that tells most of what git, or a hook, has said; no login of a URL in it.

    >>> telling_line("hint: try this\nfatal: cannot lock ref 'HEAD'\n")
    "cannot lock ref 'HEAD'"
    >>> telling_line("\nconfigs are frozen until Monday\n")
    'configs are frozen until Monday'
    >>> telling_line("fatal: unable to access 'https://me:secret@example.net/x/': timed out")
    "unable to access 'https://example.net/x/': timed out"
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    for mark in _SAID_FIRST:
        found = next((line for line in lines if mark in line), "")
        if found:
            return _LOGIN.sub("", one_line(found.removeprefix(mark)))
    return _LOGIN.sub("", one_line(lines[0])) if lines else ""


async def _kill(process: asyncio.subprocess.Process) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await process.wait()
                return
