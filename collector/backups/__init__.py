"""Backups: the texts of configurations, compared and kept so that their history can be trusted.

Owns what makes a configuration another one: what in it is volatile, what is secret, which section a
line is in. Refuses to know how a configuration was collected.
"""

from collector.backups.comparing import compare
from collector.backups.difference import difference
from collector.backups.redacting import LEAST_KEY, redact, redact_cut
from collector.backups.rules import Rules

__all__ = ["LEAST_KEY", "Rules", "compare", "difference", "redact", "redact_cut"]
