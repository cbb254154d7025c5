"""Where attempts are made: here, in processes beside this one, or by the workers of a cluster.

Owns the choice, and what has to be right for it before anything is begun.
"""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from collector import log
from collector.collect.plan import Plan
from collector.collect.system import loop_factory, processes

if TYPE_CHECKING:
    from collector.credentials import Credentials, CredentialSpec
    from collector.crew import Cluster, Pool
    from collector.engine import Crew
    from collector.settings import Settings

    Spread = contextlib.AbstractAsyncContextManager[Crew | None]


def is_elsewhere(plan: Plan) -> bool:
    """Tell whether a cluster visits all devices, with credentials that nobody here needs."""
    return bool(plan.settings.cluster.address)


def check_spread(plan: Plan) -> None:
    """Raise InputError for all that keeps a plan from being done where its settings say."""
    if is_elsewhere(plan):
        from collector.crew import check_access

        check_access(plan.settings.cluster)
        _specs(plan)


def cluster_of(plan: Plan, stop: asyncio.Event) -> Cluster | None:
    """Give the cluster that makes a plan's attempts, not connected to yet; None for none."""
    if not is_elsewhere(plan):
        return None
    from collector.crew import Cluster, Contract
    from collector.settings import Settings

    settings = plan.settings
    contract = Contract(
        # No more than this: hooks and the like may have secrets in them.
        settings=Settings(
            limits=settings.limits,
            timeouts=settings.timeouts,
            host_keys=settings.host_keys,
            output_limit=settings.output_limit,
        ),
        platforms=plan.platforms,
        credentials=_specs(plan),
        levels=log.levels(),
        loop_factory=loop_factory(),
    )
    devices = (each.device for each in plan.assignments)
    return Cluster(settings.cluster, contract, devices, stop)


def spread_of(
    plan: Plan,
    settings: Settings,
    credentials: Credentials,
    cluster: Cluster | None,
    stop: asyncio.Event,
) -> Spread:
    """Give the crew of a run, which is there as long as there are results to come.

    One that is still coming is not waited for once ``stop`` is set.
    """
    if cluster is not None:
        return cluster.at_work()
    return _pool(plan, settings, credentials, stop) or contextlib.nullcontext()


def _pool(
    plan: Plan, settings: Settings, credentials: Credentials, stop: asyncio.Event
) -> Pool | None:
    """Give the processes that visit devices beside this one, where there are to be any."""
    count = processes(settings.processes, len(plan.assignments))
    if count == 1:
        return None
    from collector.crew import Pool, Work

    names = {name for each in plan.assignments for name in each.device.credentials}
    work = Work(
        settings=replace(settings, document=None),
        platforms=plan.platforms,
        credentials=credentials.held(names),
        levels=log.levels(),
    )
    return Pool(count, work, loop_factory(), stop)


def _specs(plan: Plan) -> Mapping[str, CredentialSpec]:
    from collector.credentials import sendable

    names = {name for each in plan.assignments for name in each.device.credentials}
    return sendable(plan.inventory.credentials, names)
