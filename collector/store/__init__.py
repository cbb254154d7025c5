"""All that is written of a run: run folders, journal, manifest, locks.

The rest of the program needs `RunWriter` and the readers; the modules of this room are its own,
but for what looks at stored runs and no run needs: `pruning`, `retention`, `shelf`, `verification`.
"""

from collector.store.durations import last_durations
from collector.store.history import last_good_sizes
from collector.store.journal import read_journal
from collector.store.last_good import LastGood, count_last_good, last_good
from collector.store.manifest import read_manifest
from collector.store.past import PastRun, find_run, latest_run, newest_first, past_run, read_run
from collector.store.rows import (
    SCHEMA,
    CommandRow,
    DeviceRow,
    Manifest,
    RunEnd,
    RunFile,
    RunHeader,
)
from collector.store.writer import RunWriter

__all__ = [
    "SCHEMA",
    "CommandRow",
    "DeviceRow",
    "LastGood",
    "Manifest",
    "PastRun",
    "RunEnd",
    "RunFile",
    "RunHeader",
    "RunWriter",
    "count_last_good",
    "find_run",
    "last_good",
    "last_durations",
    "last_good_sizes",
    "latest_run",
    "newest_first",
    "past_run",
    "read_journal",
    "read_manifest",
    "read_run",
]
