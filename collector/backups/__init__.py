"""Backups: the last good configuration of every device, and its history in git.

Owns ``output/configs/``: whose it is, which copy is the last good one, what has changed; and what
makes a configuration another one: what in it is volatile, what is secret, which section a line is
in. Refuses to know how a configuration was collected and how a change is shown.
"""

from collector.backups.archive import Archive, Version
from collector.backups.chronicle import Chronicle, Deed
from collector.backups.comparing import compare
from collector.backups.departing import Departed, departed, remove_departed
from collector.backups.difference import difference
from collector.backups.editing import edit
from collector.backups.editing import joined as joined_edits
from collector.backups.history import CONFIGS, History, Part
from collector.backups.moments import age, moment
from collector.backups.moving import Beginning, Moved, begin_history
from collector.backups.ownership import Ownership
from collector.backups.past import Past
from collector.backups.paths import BackupFile, backup_files, shared_paths
from collector.backups.redacting import LEAST_KEY, LINES_KEPT, last_words, redact
from collector.backups.rules import Rules

__all__ = [
    "CONFIGS",
    "Beginning",
    "Moved",
    "begin_history",
    "Departed",
    "History",
    "Part",
    "BackupFile",
    "backup_files",
    "shared_paths",
    # looking back
    "Archive",
    "Version",
    "Ownership",
    "Past",
    "Chronicle",
    "Deed",
    "age",
    "moment",
    # what is in a configuration
    "LEAST_KEY",
    "LINES_KEPT",
    "Rules",
    "compare",
    "departed",
    "difference",
    "edit",
    "joined_edits",
    "last_words",
    "redact",
    "remove_departed",
]
