"""``manifest.json``: the truth about a run, written once at its end.

Owns its layout (valid JSON with a line per device, so that it can be searched by line) and the
reading of it, whole or by line. The device rows are copied from the journal one by one: writing the
manifest of ten thousand devices takes no more memory than that of ten.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from collector.errors import InputError
from collector.log import utc
from collector.store.files import written_beside
from collector.store.journal import Journal
from collector.store.rows import (
    SCHEMA,
    DeviceRow,
    Manifest,
    ManifestHead,
    RunEnd,
    RunRow,
    encode,
    no_changes,
    no_totals,
    seconds,
)

MANIFEST = "manifest.json"

_DEVICES = b'"devices": ['
_COMMANDS = b', "commands": ['  # no text of JSON has it: a quotation mark in one is escaped
_END = b"\n  ]\n}\n"
_SOMETIMES = ("failed_of", "resume_of", "resumed")


def write_manifest(
    run_folder: Path, run: RunRow, end: RunEnd, journal: Journal, order: Sequence[str]
) -> Path:
    """Write the manifest beside and rename it; the folder is still to be flushed."""
    path = run_folder / MANIFEST
    with written_beside(path) as file:
        _write_head(file, run, end, journal)
        for count, line in enumerate(journal.lines(order)):
            file.write(b",\n    " if count else b"\n    ")
            file.write(journal.read(line))
        file.write(_END)
    return path


def reduce_manifest(run_folder: Path, kept: Collection[str], at: datetime) -> None:
    """Let a manifest name no output but those ``kept``; the folder is still to be flushed.

    Its head says since when: ``pruned``. `OSError`, or `InputError` where it is damaged.
    """
    head = read_head(run_folder)
    if head is None:
        raise InputError(f"{run_folder / MANIFEST}: no such file: the run has not ended")
    with written_beside(run_folder / MANIFEST) as file:
        _write_entries(file, {**head, "pruned": utc(at)})
        for count, row in enumerate(device_rows(run_folder)):
            for command in row["commands"]:
                if command["file"] not in kept:
                    command["file"] = command["bytes"] = command["sha256"] = None
            file.write(b",\n    " if count else b"\n    ")
            file.write(encode(row))
        file.write(_END)


def read_manifest(run_folder: Path) -> Manifest:
    """Read a run's manifest whole; `InputError` when there is none, as in a run that was killed."""
    path = run_folder / MANIFEST
    try:
        manifest: Manifest = json.loads(path.read_bytes())
        _check_schema(path, manifest)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: the run has not ended") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise _foreign(path) from None
    return manifest


def read_head(run_folder: Path) -> ManifestHead | None:
    """Read a manifest up to its devices; None when there is none."""
    path = run_folder / MANIFEST
    try:
        with path.open("rb") as file:
            head: ManifestHead = json.loads(b"".join(_head_lines(file)) + _DEVICES + b"]}")
        _check_schema(path, head)
        del head["devices"]  # type: ignore[typeddict-item]  # an empty list, to make it JSON
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise _foreign(path) from None
    return head


def device_rows(run_folder: Path) -> Iterator[DeviceRow]:
    """Give the rows of a manifest one by one; `InputError` where one is damaged or missing."""
    return _device_rows(run_folder, lambda line: line)


def brief_rows(run_folder: Path) -> Iterator[DeviceRow]:
    """Give the rows without their commands, in a third of the time; see `device_rows`."""
    return _device_rows(run_folder, _without_commands)


def _device_rows(run_folder: Path, cut: Callable[[bytes], bytes]) -> Iterator[DeviceRow]:
    path = run_folder / MANIFEST
    try:
        with path.open("rb") as file:
            for _ in _head_lines(file):
                pass
            while (line := file.readline().strip()) != b"]":
                row: DeviceRow = json.loads(cut(line.removesuffix(b",")))
                yield row
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except ValueError:
        raise _foreign(path) from None


def _without_commands(line: bytes) -> bytes:
    before, found, _ = line.partition(_COMMANDS)
    return before + _COMMANDS + b"]}" if found else line


def _head_lines(file: BinaryIO) -> Iterator[bytes]:
    while (line := file.readline()).strip() != _DEVICES:
        if not line:
            raise ValueError("no devices")
        yield line


def _check_schema(path: Path, head: ManifestHead) -> None:
    if head["schema"] != SCHEMA:
        raise InputError(f"{path}: schema: expected {SCHEMA}, found {head['schema']!r}")


def _foreign(path: Path) -> InputError:
    return InputError(f"{path}: expected the manifest of a run, found something else")


def _write_head(file: BinaryIO, run: RunRow, end: RunEnd, journal: Journal) -> None:
    head = {
        "schema": run["schema"],
        "run_id": run["run_id"],
        "started": run["started"],
        "finished": utc(end.finished),
        "duration_s": seconds(end.duration),
        "state": "interrupted" if end.interrupted else "finished",
        "exit_status": int(end.exit_status),
        "job": run["job"],
        "versions": run["versions"],
        "settings_digest": run["settings_digest"],
        "inventory_digest": run["inventory_digest"],
        "selection": run["selection"],
        **{key: value for key, value in run.items() if key in _SOMETIMES},
        "totals": _totals(journal),
        **_history(end, journal),
    }
    _write_entries(file, head)


def _write_entries(file: BinaryIO, head: Mapping[str, object]) -> None:
    entries = (encode({key: value})[1:-1] for key, value in head.items())
    file.write(b"{\n  " + b",\n  ".join(entries) + b',\n  "devices": [')


def _history(end: RunEnd, journal: Journal) -> dict[str, object]:
    if end.commit is None:
        return {}
    changes = no_changes()
    for line in journal.lines():
        if line.change in changes:
            changes[line.change] += 1
    return {"changes": changes, "commit": end.commit or None}


def _totals(journal: Journal) -> dict[str, int]:
    totals = no_totals()
    for line in journal.lines():
        totals[line.status] += 1
    return totals
