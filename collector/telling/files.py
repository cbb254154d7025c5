"""Files that are written anew at the end of a run: summaries and metrics.

Owns that each is whole, the old one or the new one, and who may read it. All of it blocks. Refuses
to know what is in them.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

from collector.errors import StorageError
from collector.model import Event
from collector.store.files import FILE_MODE, cause, flush_folder, remedy, written_beside
from collector.telling.ledger import Ledger, since_of
from collector.telling.metrics import metrics_text
from collector.telling.news import RunNews, hook_input, worth_telling
from collector.telling.summary import summary_text

READABLE: Final = 0o644
"""Metrics are read by another account: they have names of devices and no text of theirs."""


def write_summary(path: Path, run: RunNews, ledger: Ledger | None = None) -> None:
    """Write the summary of a run, Markdown or JSON by the suffix; `StorageError` when not."""
    told = worth_telling(run)
    if ledger:
        told["devices"] = [
            {**row, "since": since_of(ledger, row["name"])} for row in told["devices"]
        ]
    if path.suffix == ".json":
        summary = hook_input(Event.RUN_FINISHED, told, told["devices"])
        text = json.dumps(summary, ensure_ascii=False, indent=2) + "\n"
    else:
        text = summary_text(told)
    _write(path, text, FILE_MODE)


def write_metrics(
    path: Path, ledger: Ledger, names: Collection[str], last_good: Mapping[str, float]
) -> None:
    """Write the metrics of these devices and of all jobs; `StorageError` when it cannot be.

    ``last_good``: seconds since 1970 at which the last good copy of a device was collected.
    """
    _write(path, metrics_text(ledger, names, last_good), READABLE)


def _write(path: Path, text: str, mode: int) -> None:
    """Write a file in one step; it keeps the mode of the one that it takes the place of."""
    try:
        place = path.resolve() if path.is_symlink() else path
        if place.exists():
            mode = stat.S_IMODE(place.stat().st_mode)
        with written_beside(place) as file:
            file.write(text.encode("utf-8", "backslashreplace"))
            os.fchmod(file.fileno(), mode)
        flush_folder(place.parent)
    except (OSError, RuntimeError) as error:  # RuntimeError: links that lead to each other
        why = cause(error, path) if isinstance(error, OSError) else f"{path}: a circle of links"
        hint = remedy(error) if isinstance(error, OSError) else ""
        raise StorageError(
            f"could not be written: {why}" + (f" ({hint})" if hint else "")
        ) from error
