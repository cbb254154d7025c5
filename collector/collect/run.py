"""The two ways to collect: as results for a script, or as a run with its folder and manifest."""
# ruff: noqa: PLC0415 - the rooms are imported where they are used: see the room's docstring

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import shlex
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from collector import log
from collector.collect.backup import Backup
from collector.collect.concealment import Concealment, concealment, key_specs
from collector.collect.delivery import Delivery, Observer, completed, tolerated, unasked, unobserved
from collector.collect.ending import Ending
from collector.collect.notice import Notice, hook_specs
from collector.collect.order import begun_in_order
from collector.collect.plan import (
    Plan,
    Tie,
    assign,
    check_harmless,
    job_of,
    platforms_of,
    prepare,
)
from collector.collect.spreading import check_spread, cluster_of, is_elsewhere, spread_of
from collector.collect.system import fitted, raise_open_files, versions
from collector.collect.tally import Tally
from collector.errors import Exit, StorageError
from collector.model import Assignment, Change, Device, DeviceResult, Redact, Status
from collector.redaction import Redaction, redacted

if TYPE_CHECKING:
    from collector.collect.spreading import Spread
    from collector.credentials import Credentials
    from collector.engine import Breaker, Connector, Crew
    from collector.platforms import Platform
    from collector.settings import Job, Settings
    from collector.store import RunHeader, RunWriter

logger = logging.getLogger(__name__)


def _unheeded() -> None:
    """Let what is loaded be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """How a run ended.

    ``failures`` has every device that is not ok, without its outputs. ``remarks`` are lines about
    the run itself: why it ended early, what could not be stored. ``manifest`` is None when it
    could not be written. ``changes`` counts the devices by what became of their backup; None where
    no history is kept. ``commit`` is that of the backups, empty where there was none to make.
    """

    totals: Mapping[Status, int]
    exit_status: Exit
    run_dir: Path
    manifest: Path | None
    duration: float
    failures: tuple[DeviceResult, ...] = ()
    remarks: tuple[str, ...] = ()
    changes: Mapping[Change, int] | None = None
    commit: str = ""


async def collect(
    devices: Iterable[Device],
    *,
    credentials: Credentials,
    settings: Settings | None = None,
    commands: Sequence[str] | None = None,
    job: str | None = None,
    allow_unsafe: bool = False,
    connector: Connector | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncGenerator[DeviceResult]:
    """Collect from devices and give each one's result as it comes; nothing is written.

    ``commands`` for all devices alike, or else the settings' job of that name; one that may change
    a device is an InputError unless ``allow_unsafe``, one that configures is in any case. Set
    ``stop`` to end early: running sessions are closed, and every device still has its result.
    """
    from collector.credentials import Credentials
    from collector.settings import load_settings

    chosen = settings or load_settings()
    platforms = platforms_of(chosen)
    assignments, idle = assign(devices, chosen, platforms, commands=commands, job=job)
    check_harmless(assignments, platforms, allow_unsafe=allow_unsafe)
    await asyncio.to_thread(credentials.check, _names(assignments))
    work = None if commands else job_of(chosen, job)
    keys = Credentials(key_specs(chosen, work), os.environ)
    await asyncio.to_thread(keys.check, key_specs(chosen, work))
    for device in idle:
        yield unasked(device)
    redact = Redaction(_secrets(credentials, _names(assignments)))
    conceal = concealment(work, platforms, keys)
    async with _connecting(connector, chosen, platforms, credentials) as connect:
        results = _results(assignments, connect, chosen, stop or asyncio.Event())
        async with contextlib.aclosing(results):
            async for result in results:
                yield await conceal(redacted(result, redact))


async def run(
    settings: Settings,
    *,
    limits: Sequence[str] = (),
    commands: Sequence[str] | None = None,
    job: str | None = None,
    allow_unsafe: bool = False,
    observe: Observer = unobserved,
) -> RunOutcome:
    """Do one whole run: read the inventory, collect, store, write the manifest.

    See `prepare` for what is asked of whom. Raises InputError before anything connects,
    StorageError or LockedError when the output folder cannot be used. What goes wrong later is in
    the outcome.
    """
    plan = await asyncio.to_thread(
        prepare, settings, limits=limits, commands=commands, job=job, allow_unsafe=allow_unsafe
    )
    return await execute(plan, observe=observe)


async def execute(
    plan: Plan,
    *,
    observe: Observer = unobserved,
    connector: Connector | None = None,
    credentials: Credentials | None = None,
    loaded: Callable[[], None] = _unheeded,
) -> RunOutcome:
    """Do what was planned; see `run`. Owns SIGINT, SIGTERM and SIGHUP meanwhile.

    ``credentials``: those of the plan, where they were obtained before: see `credentials_of`.
    ``loaded`` is called when all is imported that takes long: the first devices are dialled before.
    """
    from collector.engine import Breaker, Stop

    if credentials is None:
        credentials = await asyncio.to_thread(credentials_of, plan)
    settings, stop = plan.settings, Stop()
    cluster = cluster_of(plan, stop) if connector is None else None
    if cluster is None:  # else the sessions are open elsewhere
        settings = replace(settings, limits=fitted(settings.limits, raise_open_files()))
    breaker, ending = Breaker(settings.limits), Ending(stop)
    started = time.monotonic()
    redact = redaction_of(plan, credentials)
    conceal = concealment(_job(plan), plan.platforms, credentials)
    ready = asyncio.Event()

    def all_loaded() -> None:
        ready.set()
        loaded()

    if cluster or connector:
        all_loaded()
    connecting = cluster or _connecting(
        connector, settings, plan.platforms, credentials, all_loaded
    )
    crew = spread_of(plan, settings, credentials, cluster, stop) if connector is None else None
    assignments = await asyncio.to_thread(begun_in_order, plan, settings.limits)
    with ending.watching(settings.timeouts.run):
        async with connecting as connect, await _writer(plan, redact) as writer:
            with log.bound(run=writer.run_id, hide=_hiding(plan, redact, conceal)):
                devices = log.counted(plan.total, "device")
                logger.info("%s, outputs go to %s", devices, writer.folder)
                tally = _tally(plan)
                visited = _spread(assignments, connect, settings, stop, breaker=breaker, crew=crew)
                results = _all_results(plan, visited, ending)
                borne = tolerated(results, settings.max_failures, plan.total, ending)
                shown = (redacted(result, redact) async for result in borne)
                notice = Notice(plan, credentials)
                async with Backup.begun(plan, writer, conceal, ending, ready) as backup:
                    delivery = Delivery(conceal.writer(backup), tally, ending)
                    await delivery.deliver(shown, conceal.observer(observe), plan.total)
                    tally.given_up = breaker.opened
                    await backup.commit(tally, ending, with_edits=notice.is_wanted)
                    outcome = await _finish(
                        *(writer, tally, ending, backup, notice),
                        duration=time.monotonic() - started,
                        unseen=delivery.problem,
                    )
                    return await _told(outcome, notice, ending, redact)


def credentials_of(plan: Plan) -> Credentials:
    """Obtain what the run needs, to log in and to redact; blocking, and it may ask a person.

    A program that asks does so in its main thread, before there is an event loop: an interrupt then
    ends the question. Raises InputError.
    """
    from collector.credentials import Credentials

    specs = {
        **plan.inventory.credentials,
        **key_specs(plan.settings, _job(plan)),
        **hook_specs(plan),
    }
    check_spread(plan)
    credentials = Credentials(specs, os.environ)
    credentials.check(_names_of(plan))
    Notice(plan, credentials)
    concealment(_job(plan), plan.platforms, credentials)
    return credentials


def redaction_of(plan: Plan, credentials: Credentials) -> Redaction:
    """Give what hides every secret that a plan logs in with."""
    return Redaction(_secrets(credentials, _names_of(plan)))


def _hiding(plan: Plan, redact: Redaction, conceal: Concealment) -> Callable[[str], str]:
    """Give what hides secrets in a line of the log, by the tables of the device that it is of."""
    from collector.platforms import GENERIC

    devices = (*(one.device for one in plan.assignments), *plan.idle)
    platforms = {device.name: (device.platform,) for device in devices}
    every = tuple(sorted({GENERIC, *(device.platform for device in devices)}))

    def hide(text: str) -> str:
        return conceal.text(redact.text(text), *platforms.get(log.device_name.get(), every))

    return hide


async def _writer(plan: Plan, redact: Callable[[bytes], bytes]) -> RunWriter:
    from collector.store import RunWriter

    again, header = plan.again, _header(plan)
    if again is None or again.tie is not Tie.CONTINUES:
        return await RunWriter.create(plan.settings.output, header, redact=redact)
    return await RunWriter.resume(again.run, header, asked=frozenset(header.order), redact=redact)


def _tally(plan: Plan) -> Tally:
    """Start the count: a run that goes on in its own folder ends as one."""
    tally = Tally()
    for result in plan.again.kept if plan.again else ():
        tally.count(result)
    return tally


async def _finish(
    writer: RunWriter,
    tally: Tally,
    ending: Ending,
    backup: Backup,
    notice: Notice,
    *,
    duration: float,
    unseen: str,
) -> RunOutcome:
    """Write the manifest; what could not be stored changes the exit status, not the summary.

    ``unseen``: what kept the results from being shown, if anything did. Stored they are.
    """
    from collector.store import RunEnd

    unkept = [*([unseen] if unseen else []), *backup.problems]
    status = tally.exit_status(ending, stored=not (writer.problems or unkept))
    end = RunEnd(
        finished=datetime.now(UTC),
        duration=duration,
        exit_status=status,
        interrupted=ending.signal is not None,
        commit=backup.made,
    )
    manifest: Path | None = None
    await notice.announced(writer, tally, end, backup.edits)
    remarks = [*tally.remarks(ending), *unkept]
    try:
        manifest = await writer.finish(end)
    except StorageError as error:
        remarks.append(str(error))
        status = tally.exit_status(ending, stored=False)
    return RunOutcome(
        totals={each: tally.totals[each] for each in Status},
        exit_status=status,
        run_dir=writer.folder,
        manifest=manifest,
        duration=duration,
        failures=tuple(tally.failures),
        remarks=tuple(remarks),
        changes=None if backup.made is None else {each: tally.changes[each] for each in Change},
        commit=backup.made or "",
    )


async def _told(
    outcome: RunOutcome, notice: Notice, ending: Ending, redact: Redaction
) -> RunOutcome:
    """Tell of the run; that somebody could not be told is no run that is well."""
    untold = [redact.text(line) for line in await notice.told(outcome.exit_status, ending)]
    if not untold:
        return outcome
    is_well = outcome.exit_status is Exit.OK
    return replace(
        outcome,
        remarks=(*outcome.remarks, *untold),
        exit_status=Exit.UNTOLD if is_well else outcome.exit_status,
    )


async def _all_results(
    plan: Plan, results: AsyncGenerator[DeviceResult], ending: Ending
) -> AsyncIterator[DeviceResult]:
    for device in plan.idle:
        yield unasked(device)
    devices = [assignment.device for assignment in plan.assignments]
    async with contextlib.aclosing(results):
        async for result in completed(results, devices, ending):
            yield result


async def _spread(
    assignments: Sequence[Assignment],
    connector: Connector,
    settings: Settings,
    stop: asyncio.Event,
    *,
    breaker: Breaker,
    crew: Spread | None,
) -> AsyncGenerator[DeviceResult]:
    """Collect with a crew, which is there as long as there are results to come."""
    async with crew or contextlib.nullcontext() as working:
        results = _results(assignments, connector, settings, stop, breaker=breaker, crew=working)
        async with contextlib.aclosing(results):
            async for result in results:
                yield result


def _results(
    assignments: Sequence[Assignment],
    connector: Connector,
    settings: Settings,
    stop: asyncio.Event,
    *,
    breaker: Breaker | None = None,
    crew: Crew | None = None,
) -> AsyncGenerator[DeviceResult]:
    from collector.engine import collect_devices

    return collect_devices(
        _stream(assignments),
        connector,
        limits=settings.limits,
        timeouts=settings.timeouts,
        retries=settings.retries,
        stop=stop,
        breaker=breaker,
        crew=crew,
    )


async def _stream(assignments: Sequence[Assignment]) -> AsyncIterator[Assignment]:
    for assignment in assignments:
        yield assignment


@contextlib.asynccontextmanager
async def _connecting(
    given: Connector | None,
    settings: Settings,
    platforms: Mapping[str, Platform],
    credentials: Credentials,
    loaded: Callable[[], None] = _unheeded,
) -> AsyncIterator[Connector]:
    """Give what opens sessions; what is not the caller's own is closed in the end."""
    from collector.driver import DeviceConnector

    if given is not None:
        yield given
        return
    own = DeviceConnector(settings, platforms, credentials, loaded=loaded)
    try:
        yield own
    finally:
        await own.close()


def _job(plan: Plan) -> Job | None:
    return None if plan.selection.get("commands") else plan.settings.jobs.get(plan.job)


def _names_of(plan: Plan) -> frozenset[str]:
    named = {**key_specs(plan.settings, _job(plan)), **hook_specs(plan)}
    logins = frozenset[str]() if is_elsewhere(plan) else _names(plan.assignments)
    return logins | named.keys()


def _names(assignments: Iterable[Assignment]) -> frozenset[str]:
    return frozenset(name for one in assignments for name in one.device.credentials)


def _secrets(credentials: Credentials, names: Iterable[str]) -> list[str | None]:
    held = [credentials.get(name) for name in names]
    return [
        secret
        for credential in held
        for secret in (credential.password, credential.enable, credential.passphrase)
    ]


def _header(plan: Plan) -> RunHeader:
    from collector.store import RunHeader

    devices = (*(assignment.device for assignment in plan.assignments), *plan.idle)
    chosen = {device.name for device in devices}
    source = Path(plan.inventory.source).absolute()
    job = _job(plan)
    return RunHeader(
        started=datetime.now(UTC),
        job=plan.job,
        versions=versions(),
        settings_digest=_digest(plan, source),
        inventory_digest=plan.inventory.digest,
        selection=plan.selection,
        order=[device.name for device in plan.inventory.devices if device.name in chosen],
        command=shlex.join(("collector", *sys.argv[1:])),
        inventory=str(source),
        commands=_commands(plan),
        redact=job.redact if job else Redact.OFF,
        keep_raw=job is not None and job.keep_raw,
        history=bool(plan.kept),
        failed_of=_tied(plan, Tie.REPEATS),
        resume_of=_tied(plan, Tie.RESUMES),
    )


def _digest(plan: Plan, source: Path) -> str:
    """Digest the settings in force, alike however their paths and the job were given."""
    output = plan.settings.output.resolve()
    settings = replace(plan.settings, inventory=source, output=output, job=plan.job)
    return hashlib.sha256(repr(settings).encode()).hexdigest()


def _commands(plan: Plan) -> dict[str, Sequence[str]]:
    """Say what each platform is asked: every device of one has the same commands."""
    idle: dict[str, Sequence[str]] = {device.platform: () for device in plan.idle}
    return idle | {one.device.platform: one.commands for one in plan.assignments}


def _tied(plan: Plan, tie: Tie) -> str:
    return plan.again.run.name if plan.again and plan.again.tie is tie else ""
