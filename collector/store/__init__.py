"""All that is written of a run: run folders, journal, manifest, locks.

The rest of the program needs `RunWriter` and the readers; the modules of this room are its own.
"""

from collector.store.history import last_good_sizes
from collector.store.journal import read_journal
from collector.store.manifest import read_manifest
from collector.store.rows import (
    SCHEMA,
    CommandRow,
    DeviceRow,
    Manifest,
    RunEnd,
    RunHeader,
)
from collector.store.run import latest_run
from collector.store.writer import RunWriter

__all__ = [
    "SCHEMA",
    "CommandRow",
    "DeviceRow",
    "Manifest",
    "RunEnd",
    "RunHeader",
    "RunWriter",
    "last_good_sizes",
    "latest_run",
    "read_journal",
    "read_manifest",
]
