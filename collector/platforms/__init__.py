"""What is known of each network OS, as data: a YAML file each, and the user's own.

Owns the facts (commands, end markers, denials, pagers, read-only words) and how they are held
against text. Refuses to know how a device is reached.
"""

from collector.platforms.catalogue import GENERIC, load_platforms, platform_schema
from collector.platforms.evidence import find_denial, find_end_marker, has_log_line, prints_log
from collector.platforms.expressions import needles
from collector.platforms.model import EditorKey, Enable, Passages, Platform
from collector.platforms.permission import Permission, Ruling, permission_of
from collector.platforms.plan import plan

__all__ = [
    "load_platforms",
    "platform_schema",
    "GENERIC",
    "Platform",
    "Enable",
    "EditorKey",
    "Passages",
    "needles",
    "plan",
    "permission_of",
    "Ruling",
    "Permission",
    "find_denial",
    "find_end_marker",
    "has_log_line",
    "prints_log",
]
