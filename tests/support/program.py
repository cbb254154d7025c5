"""The program as a person starts it: a process of its own, so that signals and streams are real."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).parents[2]
NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a program ended and what it said."""

    status: int
    stdout: bytes
    stderr: str


async def start(
    *arguments: str,
    cwd: Path,
    stdout: int = PIPE,
    stderr: int = PIPE,
    environ: Mapping[str, str] = NONE,
) -> Process:
    """Start ``collector`` with those arguments."""
    command = (sys.executable, "-W", "error", "-m", "collector", *arguments)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **environ}
    return await asyncio.create_subprocess_exec(
        *command, cwd=cwd, env=environment, stdin=DEVNULL, stdout=stdout, stderr=stderr
    )


async def ended(process: Process) -> Ended:
    """Wait for the end."""
    stdout, stderr = await process.communicate()
    assert process.returncode is not None
    return Ended(status=process.returncode, stdout=stdout or b"", stderr=stderr.decode())


async def collector(
    *arguments: str, cwd: Path, stdout: int = PIPE, environ: Mapping[str, str] = NONE
) -> Ended:
    """Run ``collector`` with those arguments."""
    return await ended(await start(*arguments, cwd=cwd, stdout=stdout, environ=environ))
