"""``manifest.json``: the truth about a run, written once at its end.

Owns its layout (valid JSON with a line per device, so that it can be searched by line) and the
reading of it. The device rows are copied from the journal one by one: writing the manifest of ten
thousand devices takes no more memory than that of ten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

from collector.errors import InputError
from collector.store.files import written_beside
from collector.store.journal import Journal
from collector.store.rows import (
    SCHEMA,
    Manifest,
    RunEnd,
    RunRow,
    encode,
    no_totals,
    seconds,
    utc,
)

MANIFEST = "manifest.json"


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
        file.write(b"\n  ]\n}\n")
    return path


def read_manifest(run_folder: Path) -> Manifest:
    """Read a run's manifest whole; `InputError` when there is none, as in a run that was killed."""
    path = run_folder / MANIFEST
    try:
        manifest: Manifest = json.loads(path.read_bytes())
        schema = manifest["schema"]
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: the run has not ended") from None
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        raise InputError(f"{path}: expected the manifest of a run, found something else") from None
    if schema != SCHEMA:
        raise InputError(f"{path}: schema: expected {SCHEMA}, found {schema!r}")
    return manifest


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
        "totals": _totals(journal),
    }
    entries = (encode({key: value})[1:-1] for key, value in head.items())
    file.write(b"{\n  " + b",\n  ".join(entries) + b',\n  "devices": [')


def _totals(journal: Journal) -> dict[str, int]:
    totals = no_totals()
    for line in journal.lines():
        totals[line.status] += 1
    return totals
