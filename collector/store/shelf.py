"""A device's stored outputs, found by command: the newest one of some runs.

Owns the walk through the run folders for one device, which reads no more of a run than whether it
has the device until it is the right one. Refuses to know how the runs were chosen.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path, PurePath
from typing import Final

from collector.document import near
from collector.errors import InputError
from collector.store.history import output_files
from collector.store.names import folder_problem
from collector.store.outputs import DEVICES
from collector.store.past import past_run
from collector.store.rows import DeviceRow

_NAMED: Final = 5
_LOOKED_AT: Final = 50
"""Runs whose commands are read to say what there is, where what was asked for is not."""


def stored_output(
    runs: Iterable[Path], device: str, command: str, *, known: Iterable[str] = ()
) -> Path:
    """Give the newest good output of a command of a device, of runs that are in that order.

    `InputError` when there is none: what there is, and what may be meant, is in its line; of the
    devices it may be one of those that are ``known``, or that one of the runs has.
    """
    there: dict[str, None] = {}
    runs = list(runs)
    folders = [run for run in runs if _has(run, device)]
    for number, run in enumerate(folders):
        row = _row(run, device) if number < _LOOKED_AT or _may_have(run, device, command) else None
        for asked in row["commands"] if row else ():
            if asked["file"] is None:
                continue
            if asked["command"] == command:
                return run / DEVICES / device / PurePath(asked["file"]).name
            there[asked["command"]] = None
    raise _none(device, command, there) if folders else _unknown(device, [*known, *_devices(runs)])


def _none(device: str, command: str, there: Collection[str]) -> InputError:
    named = ", ".join(islice(there, _NAMED)) + (", …" if len(there) > _NAMED else "")
    return InputError(
        f"{device}: no stored output of {command!r}{near(command, there)}"
        + (f" (there are: {named})" if there else "")
    )


def _unknown(device: str, known: Iterable[str]) -> InputError:
    return InputError(
        f"{device!r}: no stored outputs of a device of that name{near(device, known)}"
    )


def _devices(runs: Sequence[Path]) -> Iterator[str]:
    for run in runs[:1]:
        with suppress(OSError):
            yield from os.listdir(run / DEVICES)


def _has(run: Path, device: str) -> bool:
    return folder_problem(device) is None and os.path.isdir(run / DEVICES / device)


def _may_have(run: Path, device: str, command: str) -> bool:
    files = output_files(run).get(command, ())
    return any(os.path.exists(run / DEVICES / device / file) for file in files)


def _row(run: Path, device: str) -> DeviceRow | None:
    try:
        return next((row for row in past_run(run).rows() if row["name"] == device), None)
    except (InputError, KeyError, TypeError):
        return None
