"""What earlier runs have stored: the size of each last good output.

Owns the walk back through the journals, newest run first. Refuses to know what a size is used for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from collector.errors import InputError
from collector.store.journal import read_journal
from collector.store.past import newest_first

RUNS_LOOKED_AT = 30
"""Runs walked back for a device that has failed for long; what is older counts as unknown."""

Sizes = Mapping[str, Mapping[str, int]]


def last_good_sizes(output: Path, wanted: Mapping[str, Iterable[str]]) -> Sizes:
    """Give the bytes of each wanted output's last good copy: device -> command -> bytes.

    What was never good is left out. Runs that cannot be read are passed over: they prove nothing.
    """
    missing = {(device, command) for device, commands in wanted.items() for command in commands}
    found: dict[str, dict[str, int]] = {}
    for run in newest_first(output)[:RUNS_LOOKED_AT]:
        if not missing:
            break
        try:
            for row in read_journal(run):
                for command in row["commands"]:
                    key = (row["name"], command["command"])
                    if key in missing and command["status"] == "ok":
                        missing.discard(key)
                        found.setdefault(key[0], {})[key[1]] = command["bytes"] or 0
        except (InputError, KeyError, TypeError):
            continue
    return found
