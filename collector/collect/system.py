"""What the machine gives a run: open files, an event loop, the versions that are installed."""
# ruff: noqa: PLC0415 - what may be missing, or is slow to import, is imported where it is used

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import platform
import re
import resource
import sys
from collections.abc import Callable
from dataclasses import replace

from collector.model import Limits

SPARE_FILES = 64  # descriptors that are not sessions: files being written, the loop, libraries
WORTH_PROCESSES = 200  # devices
VERSIONED = ("network-command-collector", "scrapli", "scrapli_community", "asyncssh")

_VERSION = re.compile(r"^Version: (\S+)", re.MULTILINE)

logger = logging.getLogger(__name__)


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Give uvloop's loop where it is installed, None (asyncio's own) elsewhere."""
    try:
        import uvloop
    except ImportError:  # no wheel for this platform, or another Python than CPython
        return None
    return uvloop.new_event_loop


def processes(wanted: int | None, devices: int) -> int:
    """Say how many processes visit devices; None is for what this machine and the fleet are worth.

    A process takes about a second to start, in which one alone visits a hundred devices.

    >>> processes(None, devices=20), processes(3, devices=20)
    (1, 3)
    """
    if wanted is not None:
        return wanted
    return 1 if devices < WORTH_PROCESSES else len(os.sched_getaffinity(0))


def settle_memory() -> None:
    """Take what a run has loaded out of the garbage collector's sight.

    For a program that does a run and ends: a full collection looked through all that the libraries
    have loaded, and held up the loop for 30 to 50 ms each time. Such a program
    may have disabled the collection until now.
    """
    gc.freeze()
    gc.enable()


def fitted(limits: Limits, open_files: int) -> Limits:
    """Lower the number of sessions to what that many open files allow, and say so.

    >>> fitted(Limits(sessions=500, connecting=25), open_files=1024).sessions
    500
    """
    room = max(open_files - SPARE_FILES, 1)
    if limits.sessions <= room:
        return limits
    logger.warning(
        "limits.sessions lowered from %d to %d: the limit of open files (ulimit -n) allows no more",
        limits.sessions,
        room,
    )
    return replace(limits, sessions=room)


def raise_open_files() -> int:
    """Raise the soft limit of open files to the hard one; gives what is allowed then."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Some systems refuse what their own hard limit promises.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft


def versions() -> dict[str, str]:
    """Name the versions that shape an output."""
    from importlib.metadata import PackageNotFoundError, distribution

    found = {"python": platform.python_version()}
    for name in VERSIONED:
        with contextlib.suppress(PackageNotFoundError):
            # `version` would have it all read as a mail, which takes as long as to open a run.
            if told := _VERSION.search(distribution(name).read_text("METADATA") or ""):
                found[name] = told[1]
    return found
