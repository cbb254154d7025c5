"""Where secrets come from besides the environment: a file, a command, the keyring, a person.

Owns how each is asked, bounded in time and size, and the words for what went wrong, which never
repeat anything that was read. Everything here blocks. Refuses to know credentials.
"""

from __future__ import annotations

import getpass
import importlib
import importlib.util
import os
import select
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Final

from collector.errors import InputError

LARGEST: Final = 64 * 1024
"""Bytes of a secret: what is larger is a mistake, ``/dev/zero`` or the wrong file."""
SECONDS: Final = 60.0
"""For a command and the keyring: long enough to unlock something by hand, short enough for cron."""
TERMINAL: Final = "/dev/tty"

_EXTRA: Final = "pip install 'network-command-collector[keyring]'"


def read_file(path: Path) -> str:
    """Give a file's one line, its end stripped; raises InputError where others can read it.

    What is checked is what was opened, and nothing but a plain file is: a pipe could block.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            _check_private(path, os.fstat(descriptor))
            content = file.read(LARGEST + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"the file {path} cannot be read: {reason}") from None
    text = _text(content, f"the file {path}")
    line = text.removesuffix("\n").removesuffix("\r")
    if "\n" in line or "\r" in line:
        raise InputError(f"expected one line in the file {path}, found several")
    return _something(line, f"the file {path}")


def ask_command(
    argv: Sequence[str], environ: Mapping[str, str], folder: Path, *, seconds: float = SECONDS
) -> str:
    """Run a program in ``folder`` and give the first line that it prints, as ``pass`` has it.

    It gets no input and no shell. What it says on standard error is shown nowhere: a script that
    traces itself, or a client that repeats its request, prints secrets there.
    """
    name = argv[0]
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env=dict(environ),
            process_group=0,  # so that what it starts can be ended with it
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it has a NUL in it"
        raise InputError(f"the command {name!r} cannot be run: {reason}") from None
    said, status = _heard(process, name, seconds)
    if status:
        ended = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
        raise InputError(
            f"the command {name!r} {ended}; run it by hand to see why "
            "(what it said is not shown: it may hold a secret)"
        )
    lines = _text(said, f"the output of the command {name!r}").split("\n", 1)
    return _something(lines[0].removesuffix("\r"), f"the output of the command {name!r}")


def find_command(argv: Sequence[str], environ: Mapping[str, str], folder: Path) -> None:
    """Raise InputError where there is no such program; runs nothing."""
    name = argv[0]
    place = str(folder / name) if os.sep in name else name
    if shutil.which(place, path=environ.get("PATH", os.defpath)) is None:
        raise InputError(f"the command {name!r} is not found, or cannot be run")


def ask_keyring(service: str, username: str, *, seconds: float = SECONDS) -> str:
    """Give a secret of the system's keyring.

    In a thread that the end of the program does not wait for: a locked keyring asks to be unlocked,
    from a cron job of nobody.
    """
    find_keyring()
    found: list[object] = []

    def look_up() -> None:
        try:
            keyring = importlib.import_module("keyring")
            found.append(keyring.get_password(service, username))
        except Exception as error:  # noqa: BLE001 - every back end has kinds of its own: told below
            found.append(error)

    thread = threading.Thread(target=look_up, name="keyring", daemon=True)
    thread.start()
    thread.join(seconds)
    match found:
        case []:
            raise InputError(f"the keyring did not answer within {seconds:g} s; is it locked?")
        case [str() as secret]:
            return _something(secret, f"the keyring's entry for {username!r} of {service!r}")
        case [None]:
            raise InputError(
                f"the keyring has no entry for {username!r} of {service!r}; "
                f"make one: keyring set {service} {username}"
            )
    raise InputError(f"the keyring cannot be used: {type(found[0]).__name__}")


def find_keyring() -> None:
    """Raise InputError where the library for keyrings is not installed."""
    if importlib.util.find_spec("keyring") is None:
        raise InputError(f"the keyring needs an extra that is not installed: {_EXTRA}")


def ask_person(what: str) -> str:
    """Ask for a secret on the terminal, without showing it."""
    find_person()
    try:
        return _something(getpass.getpass(f"{what}: "), "the answer")
    except EOFError:
        raise InputError("nothing was typed") from None


def find_person() -> None:
    """Raise InputError where there is no terminal, or it is somebody else's turn there."""
    problem = "expected a terminal to ask on, found none: give it another source"
    try:
        terminal = os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise InputError(problem) from None
    try:
        ours = os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        raise InputError(problem) from None
    finally:
        os.close(terminal)
    if not ours:  # a job in the background is stopped when it reads
        raise InputError("expected a terminal to ask on, found one that this job may not read")


def _check_private(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise InputError(f"expected {path} to be a plain file")
    mode = stat.S_IMODE(status.st_mode)
    if mode & 0o066:
        raise InputError(
            f"the file {path} is open to others (mode {mode:04o}); close it: chmod 600 {path}"
        )


def _heard(process: subprocess.Popen[bytes], name: str, seconds: float) -> tuple[bytes, int]:
    """Give what a program printed and its status; ends it, and what it started, in any case."""
    end = time.monotonic() + seconds
    try:
        assert process.stdout is not None
        said = _read_all(process.stdout, name, end)
        return said, process.wait(max(0.0, end - time.monotonic()))
    except (TimeoutError, subprocess.TimeoutExpired):
        raise InputError(f"the command {name!r} did not end within {seconds:g} s") from None
    finally:
        with suppress(ProcessLookupError, PermissionError):  # all of it has ended
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def _read_all(stream: IO[bytes], name: str, end: float) -> bytes:
    waiting = select.poll()
    waiting.register(stream, select.POLLIN)
    said = b""
    while len(said) <= LARGEST:
        if not waiting.poll(max(0.0, end - time.monotonic()) * 1000):
            raise TimeoutError
        piece = os.read(stream.fileno(), LARGEST)
        if not piece:
            return said
        said += piece
    raise InputError(f"the command {name!r} printed more than a secret")


def _text(content: bytes, what: str) -> str:
    if len(content) > LARGEST:
        raise InputError(f"expected a secret in {what}, found more than {LARGEST} bytes")
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise InputError(f"expected {what} to be UTF-8 text") from None
    return text


def _something(secret: str, what: str) -> str:
    if not secret:
        raise InputError(f"expected a secret, found {what} empty")
    if "\0" in secret:
        raise InputError(f"expected a secret, found {what} with a NUL in it")
    return secret
