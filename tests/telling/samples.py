"""News of runs for the tests of what is done with them."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

from support.outcomes import REFUSED

from collector.model import Change, Device, Edit, Fault, FaultClass, Status
from collector.telling.news import DeviceNews, RunNews, device_news, run_news

START = datetime(2026, 3, 1, 7, 0, tzinfo=UTC)


def row(
    name: str,
    status: Status = Status.OK,
    *,
    change: Change | None = Change.UNCHANGED,
    fault: Fault | None = None,
    hour: int = 0,
    edit: Edit | None = None,
) -> DeviceNews:
    """Make the news of a device that was asked in that hour."""
    device = Device(name=name, host="127.0.0.1", platform="linux", credential="lab")
    why = fault or (None if status is Status.OK else REFUSED)
    began = START + timedelta(hours=hour)
    return device_news(device, status, began, change=change, fault=why, edit=edit)


def failed(name: str, hour: int = 0, status: Status = Status.FAILED) -> DeviceNews:
    """Make the news of one that is not ok."""
    return row(name, status, change=Change.FAILED, hour=hour)


def unstored(name: str, hour: int = 0) -> DeviceNews:
    """Make the news of one that answered, on a full disk."""
    why = Fault(fault_class=FaultClass.STORAGE, phase=REFUSED.phase, message="no space")
    return row(name, Status.FAILED, change=None, fault=why, hour=hour)


def run(number: int, *rows: DeviceNews, job: str = "backup", commit: str = "") -> RunNews:
    """Make the news of the run of that hour."""
    moment = f"2026-03-01T{7 + number:02}:00:00.000Z"
    head = {
        "run_id": f"20260301T{7 + number:02}0000Z-00000{number}",
        "job": job,
        "started": moment,
        "finished": moment,
        "duration_s": 1.5,
        "state": "finished",
        "exit_status": 0,
        "run_folder": f"/output/runs/{number}",
    }
    return run_news(
        head,
        rows,
        totals=Counter(Status(each["status"]) for each in rows),
        changes=Counter(Change(each["change"]) for each in rows if each["change"]),
        commit=commit,
    )
