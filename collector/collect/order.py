"""In which order a plan's devices are begun: what earlier runs say, handed to the engine's rule.

Owns when it is worth to look. Refuses to know the rule itself.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

from collections.abc import Sequence

from collector.collect.plan import Plan
from collector.model import Assignment, Limits, Order


def begun_in_order(plan: Plan, limits: Limits) -> tuple[Assignment, ...]:
    """Give the plan's assignments as they are to be begun; blocking, for it reads manifests.

    ``limits`` are the plan's, as far as this machine allows. Where a number of failures or a time
    ends the run early, devices that failed last time come last: what is well is not to be lost to
    them.
    """
    from collector.engine import in_order
    from collector.store import last_durations

    settings = plan.settings
    if settings.order is Order.INVENTORY or _all_at_once(plan.assignments, limits):
        return plan.assignments
    commands = plan.selection.get("commands")
    expected = last_durations(
        settings.output,
        {one.device.name for one in plan.assignments},
        job=plan.job,
        commands=commands if isinstance(commands, list) else (),
    )
    may_end_early = settings.max_failures is not None or settings.timeouts.run > 0
    return in_order(plan.assignments, expected, limits, doubtful_last=may_end_early)


def _all_at_once(assignments: Sequence[Assignment], limits: Limits) -> bool:
    """Whether nobody has to wait for a place, so that it is no matter who is first."""
    is_narrow = limits.per_group or limits.per_credential or limits.connects_per_second
    through = any(one.device.jump and one.device.jump.sessions for one in assignments)
    return len(assignments) <= limits.sessions and not is_narrow and not through
