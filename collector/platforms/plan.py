"""Which commands a job means on a platform.

Owns the words ``backup`` and ``default`` of a job. Refuses to know what a job is for.
"""

from __future__ import annotations

from collections.abc import Mapping

from collector.model import JobCommands
from collector.platforms.model import Platform


def plan(commands: JobCommands, platform: Platform) -> tuple[str, ...]:
    """Return the commands to ask of ``platform``, in order; empty when the job has none for it.

    A mapping is read by the platform's name, then by those it extends, then by ``default``.
    The configuration comes before the version: it is what must not be missed when time runs out.
    """
    if isinstance(commands, str):
        if commands != "backup":
            raise ValueError(f"a job's commands are 'backup', a list or a mapping: {commands!r}")
        return (*platform.backup, *platform.version)
    if isinstance(commands, Mapping):
        names = (*platform.lineage, "default")
        return next((commands[name] for name in names if name in commands), ())
    return commands
