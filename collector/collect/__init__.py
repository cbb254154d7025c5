"""One run from inventory to manifest: puts the rooms together, owns signals.

Owns the order of a run: plan, credentials, output folder, engine, writers, observer, manifest, exit
status. Refuses to know how a device is talked to, how a file is written and what a person sees.

The rooms below are imported by the functions that use them: this one is imported with the package,
and a script that reads an inventory, or ``collector --help``, must not wait for the SSH libraries.
"""

from collector.collect.delivery import Observer
from collector.collect.plan import Again, Plan, Tie, platforms_of, prepare
from collector.collect.run import RunOutcome, collect, credentials_of, execute, run
from collector.collect.system import loop_factory, settle_memory

__all__ = [
    "collect",
    "run",
    "prepare",
    "execute",
    "credentials_of",
    "platforms_of",
    "Plan",
    "Again",
    "Tie",
    "RunOutcome",
    "Observer",
    "loop_factory",
    "settle_memory",
]
