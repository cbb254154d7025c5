"""Jobs that cannot be, beside each other or beside the rest of the settings.

Owns what no key by itself can tell; it reads what is not checked yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from collector.document import Complaint, near
from collector.model import Redact
from collector.settings.values import BUILT_IN


def undefined_job(data: Mapping[str, Any]) -> Iterator[Complaint]:
    job, jobs = data.get("job"), data.get("jobs")
    known = {*BUILT_IN, *(jobs if isinstance(jobs, dict) else ())}
    if isinstance(job, str) and job and job not in known:
        yield Complaint(loc=("job",), message=f"no job {job!r}{near(job, known)}")


def unkeyed_jobs(data: Mapping[str, Any]) -> Iterator[Complaint]:
    if section_of(data, "backups").get("fingerprint_key"):
        return
    for name, job in section_of(data, "jobs").items():
        if isinstance(job, dict) and job.get("redact") == Redact.FINGERPRINT:
            message = "expected a backups.fingerprint_key for it, found none"
            yield Complaint(loc=("jobs", name, "redact"), message=message)


def clashing_jobs(data: Mapping[str, Any]) -> Iterator[Complaint]:
    """Yield a line for each job that would undo what the first one with a history has written."""
    backups = section_of(data, "backups")
    if backups.get("enabled") is False:
        return
    name, first = "", dict[str, Any]()
    for other, job in section_of(data, "jobs").items():
        if not _has_history(job):
            continue
        if not name:
            name, first = other, job
        elif key := _clash(first, job, str(backups.get("path"))):
            message = f"expected the {key} of job {name}, as both write the same backups"
            message += "; or backup: false in one of them"
            yield Complaint(loc=("jobs", other, key), message=message)


def _clash(first: Mapping[str, Any], job: Mapping[str, Any], path: str) -> str:
    """Name the key by which two jobs write the same files in two ways; empty for none."""
    if _are_apart(first["commands"], job["commands"]):
        return ""
    if job.get("redact", Redact.OFF) != first.get("redact", Redact.OFF):
        return "redact"
    return "commands" if job["commands"] != first["commands"] and "{command}" not in path else ""


def _has_history(job: object) -> bool:
    if not isinstance(job, dict) or "commands" not in job:
        return False
    wanted = job.get("backup")
    return bool(job["commands"] == "backup" if wanted is None else wanted)


def _are_apart(one: object, other: object) -> bool:
    """Whether two jobs' commands are for different platforms, as far as their names tell."""
    if not (isinstance(one, Mapping) and isinstance(other, Mapping)):
        return False
    return "default" not in {*one, *other} and not {*one} & {*other}


def list_of(data: Mapping[str, Any], key: str) -> Sequence[Any]:
    """Return a list of what is not checked yet; an empty one for what is none."""
    part = data.get(key)
    return part if isinstance(part, list) else []


def section_of(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """Return a part of what is not checked yet; an empty one for what is no mapping."""
    part = data.get(key)
    return part if isinstance(part, dict) else {}
