"""Backups: the last good configuration of every device, and its history in git.

Owns ``output/configs/``: whose it is, which copy is the last good one, what has changed; and what
makes a configuration another one: what in it is volatile, what is secret, which section a line is
in. Refuses to know how a configuration was collected and how a change is shown.

Whoever needs it imports from its modules: a run opens a history only once devices are dialled, and
this room takes as long to load as the reading of an inventory.
"""
