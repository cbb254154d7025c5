r"""What Prometheus is to know: a text of samples for the textfile collector of node_exporter.

Owns the names of the metrics, and the escaping of what stands in a label. Refuses to know where the
text goes. The format: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Final

from collector.telling.ledger import JobState, Ledger

_Sample = tuple[Mapping[str, str], float]

_LAST_GOOD: Final = "collector_device_last_good_timestamp_seconds"


def metrics_text(ledger: Ledger, names: Collection[str], last_good: Mapping[str, float]) -> str:
    """Write the samples of these devices and of the last run of every job."""
    devices, jobs = ledger["devices"], ledger["jobs"]
    status = [
        ({"device": name, "status": devices[name]["news"]["status"]}, 1.0)
        for name in names
        if name in devices
    ]
    good = [({"device": name}, last_good.get(name, 0.0)) for name in names]
    return "".join(
        (
            *_metric(
                _LAST_GOOD, "When the last good copy of a device was collected; 0: never.", good
            ),
            *_metric(
                "collector_device_status",
                "What became of a device in the last run that asked it; 1 for its status.",
                status,
            ),
            *_metric(
                "collector_run_devices",
                "Devices of the last run of a job, by status.",
                _counted(jobs, "status", lambda job: job["totals"]),
            ),
            *_metric(
                "collector_run_changes",
                "Devices of the last run of a job, by what became of their backup.",
                _counted(jobs, "change", lambda job: job["changes"] or {}),
            ),
            *_metric(
                "collector_run_duration_seconds",
                "How long the last run of a job took.",
                [({"job": name}, job["duration_s"]) for name, job in jobs.items()],
            ),
            *_metric(
                "collector_run_timestamp_seconds",
                "When the last run of a job ended.",
                [({"job": name}, seconds(job["finished"])) for name, job in jobs.items()],
            ),
            *_metric(
                "collector_run_exit_status",
                "The exit status of the last run of a job, as its manifest has it.",
                [({"job": name}, float(job["exit_status"])) for name, job in jobs.items()],
            ),
        )
    )


def seconds(moment: str) -> float:
    """Give the seconds since 1970 of a moment as it is written.

    >>> seconds("2026-03-01T07:05:09.250Z")
    1772348709.25
    """
    return datetime.fromisoformat(moment).timestamp()


def _counted(
    jobs: Mapping[str, JobState], label: str, counts: Callable[[JobState], Mapping[str, int]]
) -> Iterator[_Sample]:
    for name, job in jobs.items():
        for word, number in counts(job).items():
            yield {"job": name, label: word}, float(number)


def _metric(name: str, help_text: str, samples: Iterable[_Sample]) -> Iterator[str]:
    yield f"# HELP {name} {help_text}\n# TYPE {name} gauge\n"
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{inside}}} {_number(value)}\n"


def _escaped(text: str) -> str:
    r"""Write a text as the value of a label.

    >>> print(_escaped('a "b" \\ c\nd'))
    a \"b\" \\ c\nd
    """
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return escaped.encode("utf-8", "replace").decode()


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
