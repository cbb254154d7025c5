"""When each device last gave a good configuration: kept by the store, for as long as it is known.

Owns ``last_good.jsonl`` in the output folder: what all runs together say, in one file, so that it
is known at once whatever the number of runs, and stays known when they are pruned. It is written at
the end of each run; what a run that was killed has left is in its journal, and is read from there
until the next run counts it. A file that is lost or damaged is made anew from the runs there are.
Refuses to know which of a device's copies that was.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from collector.errors import InputError
from collector.log import utc
from collector.model import GOOD
from collector.store.files import flush_folder, written_beside
from collector.store.journal import JOURNAL
from collector.store.manifest import MANIFEST
from collector.store.names import run_time
from collector.store.past import RUN_FILE, newest_first, past_run
from collector.store.rows import SCHEMA, DeviceRow, encode

LAST_GOOD: Final = "last_good.jsonl"

_Stamp = list[int]  # size and time of a journal: has it more lines since?

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class LastGood:
    """A device's last good configuration: when the device was asked, and by which run.

    ``files`` are its files in the history of the backups, relative to the folder of that.
    """

    at: datetime
    run_id: str
    platform: str
    files: tuple[str, ...]


@dataclass(slots=True, kw_only=True)
class _Count:
    """What was counted: all runs up to the one named ``counted``, and of the others the journals.

    ``unfinished`` has those that had not ended: they may be taken up again.
    """

    counted: str = ""
    unfinished: dict[str, _Stamp] = field(default_factory=dict)
    devices: dict[str, LastGood] = field(default_factory=dict)


def last_good(output: Path) -> Mapping[str, LastGood]:
    """Say for each device that ever gave one when it gave its last good configuration.

    Takes no lock and writes nothing: a run may be at work, and what it has recorded counts.
    """
    return _counted(output).devices


def count_last_good(output: Path, ended: Path | None = None) -> None:
    """Write down what the runs say by now, the one that has just ``ended`` in any case.

    Done at the end of a run, and to be done before runs are removed, with the lock held. Raises
    `OSError`.
    """
    count = _counted(output, ended)
    head = {"schema": SCHEMA, "counted": count.counted, "unfinished": count.unfinished}
    with written_beside(output / LAST_GOOD) as file:
        file.write(encode(head) + b"\n")
        for name in sorted(count.devices):
            file.write(encode(_row(name, count.devices[name])) + b"\n")
    flush_folder(output)


def _counted(output: Path, ended: Path | None = None) -> _Count:
    count = _read(output / LAST_GOOD)
    before, newest = count.unfinished, count.counted
    # What has ended just now may not have the newest name: a clock can be put back.
    asked = before.keys() | ({ended.name} if ended else set())
    count.unfinished = {}
    for folder in newest_first(output):
        name = folder.name
        if (name <= newest and name not in asked) or not _is_run(folder):
            continue
        stamp = None if (folder / MANIFEST).exists() else _stamp(folder / JOURNAL)
        if stamp is not None:
            count.unfinished[name] = stamp
        if stamp is None or stamp != before.get(name):
            _add(count, folder)
        count.counted = max(count.counted, name)
    return count


def _is_run(folder: Path) -> bool:
    return run_time(folder.name) is not None and (folder / RUN_FILE).exists()


def _add(count: _Count, folder: Path) -> None:
    """Count one run; one that cannot be read proves nothing, and is told by `collector runs`."""
    try:
        for row in past_run(folder).rows():
            if row.get("change") in GOOD:
                found = _of(row, folder.name)
                known = count.devices.get(row["name"])
                if known is None or known.at <= found.at:
                    count.devices[row["name"]] = found
    except (InputError, KeyError, TypeError, ValueError, AttributeError) as error:
        logger.info("%s: not counted among the good backups: %s", folder, error)


def _of(row: DeviceRow, run_id: str) -> LastGood:
    return LastGood(
        at=datetime.fromisoformat(row["started"]),
        run_id=run_id,
        platform=row["platform"],
        files=tuple(row.get("backup_files", ())),
    )


def _row(name: str, good: LastGood) -> dict[str, object]:
    return {
        "device": name,
        "at": utc(good.at),
        "run_id": good.run_id,
        "platform": good.platform,
        "files": list(good.files),
    }


def _read(path: Path) -> _Count:
    try:
        with path.open("rb") as file:
            return _parsed(json.loads(line) for line in file)
    except FileNotFoundError:
        pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        logger.warning("%s: made anew from the runs there are: %s", path, error)
    return _Count()


def _parsed(rows: Iterator[dict[str, Any]]) -> _Count:
    head = next(rows)
    if head["schema"] != SCHEMA:
        raise ValueError(f"schema: expected {SCHEMA}, found {head['schema']!r}")
    unfinished = {str(name): list(stamp) for name, stamp in head["unfinished"].items()}
    count = _Count(counted=str(head["counted"]), unfinished=unfinished)
    for row in rows:
        count.devices[row["device"]] = LastGood(
            at=datetime.fromisoformat(row["at"]),
            run_id=row["run_id"],
            platform=row["platform"],
            files=tuple(row["files"]),
        )
    return count


def _stamp(journal: Path) -> _Stamp | None:
    try:
        found = journal.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]
