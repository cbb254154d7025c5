"""What is told of a run: the names that hooks and other programs read.

Owns the schema number of it, and the one place where results become news. Where the manifest has
the same thing it has the same name. Adding a name is allowed; renaming or dropping one means a new
schema number. Refuses to know who is told, and to read or write files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TypedDict

from collector.log import utc
from collector.model import Change, Device, Edit, Fault, Status

SCHEMA: Final = 1
COMMITTED: Final = frozenset({Change.NEW, Change.CHANGED, Change.SECRET_ONLY})
"""What ``device_changed`` is about: there is a new good copy."""


class EditNews(TypedDict):
    """What is different in a device's configuration: see `Edit`."""

    added: int
    removed: int
    sections: list[str]
    text: str


class EditTotals(TypedDict):
    """The same of a run: of how many devices it is known, and the sums."""

    devices: int
    added: int
    removed: int


# Written as calls, because `class` cannot be a name in a class body.
DeviceNews = TypedDict(
    "DeviceNews",
    {
        "name": str,
        "host": str,
        "platform": str,
        "groups": list[str],
        "status": str,
        "change": str | None,
        "class": str | None,
        "phase": str | None,
        "message": str | None,
        "hint": str | None,
        "started": str,
        "since": str | None,
        "run_id": str,
        "commit": str | None,
        "diff": EditNews | None,
    },
)


class RunHead(TypedDict):
    """A run without its devices; ``changes`` and ``commit`` as in the manifest, else None."""

    run_id: str
    job: str
    started: str
    finished: str
    duration_s: float
    state: str
    exit_status: int
    run_folder: str
    totals: dict[str, int]
    changes: dict[str, int] | None
    commit: str | None
    diff: EditTotals | None


class RunNews(RunHead):
    """All that is known of a run at its end: a row for every device."""

    schema: int
    devices: list[DeviceNews]


class Input(RunHead):
    """What a hook is given: one event of one run, and the devices that it is about."""

    schema: int
    event: str
    devices: list[DeviceNews]


def device_news(
    device: Device,
    status: Status,
    started: datetime,
    *,
    change: Change | None = None,
    fault: Fault | None = None,
    edit: Edit | None = None,
) -> DeviceNews:
    """Say what became of a device; `run_news` fills in the run."""
    return {
        "name": device.name,
        "host": device.host,
        "platform": device.platform,
        "groups": list(device.groups),
        "status": status.value,
        "change": change.value if change else None,
        "class": fault.fault_class.value if fault else None,
        "phase": fault.phase.value if fault else None,
        "message": fault.message if fault else None,
        "hint": (fault.hint or None) if fault else None,
        "started": utc(started),
        "since": None,
        "run_id": "",
        "commit": None,
        "diff": _edit(edit) if edit else None,
    }


def run_news(
    head: Mapping[str, object],
    devices: Iterable[DeviceNews],
    *,
    totals: Mapping[Status, int],
    changes: Mapping[Change, int] | None,
    commit: str | None,
) -> RunNews:
    """Put the news of a run together; ``head`` has what is the same in every run's."""
    rows = [_of_run(row, str(head["run_id"]), commit) for row in devices]
    news: RunNews = {
        "schema": SCHEMA,
        **head,  # type: ignore[typeddict-item]  # the caller's own, by the names of RunHead
        "totals": {status.value: totals[status] for status in Status},
        "changes": None if changes is None else {each.value: changes[each] for each in Change},
        "commit": commit or None,
        "diff": edit_totals(rows),
        "devices": rows,
    }
    return news


def hook_input(event: str, run: RunNews, devices: Sequence[DeviceNews]) -> Input:
    """Give what a hook is told."""
    return {  # the first two come first
        "schema": SCHEMA,
        "event": event,
        **run,
        "devices": list(devices),
    }


def worth_telling(run: RunNews) -> RunNews:
    """Leave out the devices that nothing is to be told of: good ones that have not changed."""
    devices = [
        row for row in run["devices"] if row["status"] != Status.OK or row["change"] in COMMITTED
    ]
    return {**run, "devices": devices}


def edit_totals(devices: Iterable[DeviceNews]) -> EditTotals | None:
    """Sum up what is different; None where it is known of no device."""
    known = [diff for row in devices if (diff := row["diff"]) is not None]
    if not known:
        return None
    return {
        "devices": len(known),
        "added": sum(diff["added"] for diff in known),
        "removed": sum(diff["removed"] for diff in known),
    }


def _of_run(row: DeviceNews, run_id: str, commit: str | None) -> DeviceNews:
    committed = row["change"] in COMMITTED
    return {**row, "run_id": run_id, "commit": (commit or None) if committed else None}


def _edit(edit: Edit) -> EditNews:
    return {
        "added": edit.added,
        "removed": edit.removed,
        "sections": list(edit.sections),
        "text": edit.text,
    }
