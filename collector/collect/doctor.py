"""An examination of devices: each step of the way to one harmless command, up to the first failure.

Owns what is asked of whom, and how a result of the engine becomes steps. It goes through the engine
as a run does, so limits, host keys, the trial of a credential and the guard on commands hold here
as there; but each device is tried once, and nothing is stored but a new host key.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from collector import log
from collector.collect.chart import Chart
from collector.collect.delivery import Delivery, Observer, completed
from collector.collect.ending import Ending
from collector.collect.plan import Plan, check_harmless, platforms_of, timed
from collector.collect.run import redaction_of
from collector.collect.system import fitted, raise_open_files
from collector.collect.tally import Tally
from collector.credentials import Credentials
from collector.driver import DeviceConnector
from collector.driver.algorithms import weak
from collector.driver.hostkeys import fingerprint
from collector.driver.opening import Queued
from collector.driver.session import DeviceSession
from collector.engine import Breaker, Stop, collect_devices
from collector.errors import DeviceError, Exit
from collector.inventory import find_inventory, load_inventory, select
from collector.model import (
    Algorithms,
    Assignment,
    Device,
    DeviceResult,
    Examination,
    Fault,
    HostKeys,
    Phase,
    Retries,
    SshProfile,
    Status,
    Step,
    StepResult,
    Timeouts,
    Transport,
)
from collector.platforms import Platform
from collector.redaction import Redaction, redacted
from collector.settings import ClusterAccess, Settings

_NEXT = {
    Step.RESOLVE: "check the host in the inventory",
    Step.JUMP: "see to the jump host first",
    Step.CREDENTIALS: "check the credential's private key and agent",
    Step.TCP: "check the address and the port, and the way there",
    Step.KEX: "check what the device offers, and its ssh_profile",
    Step.HOSTKEY: "compare the fingerprint with the device's own before anything else",
    Step.AUTH: "check the credential by hand",
    Step.PROMPT: "check the device's platform in the inventory",
    Step.ENABLE: "check the credential's 'enable' secret",
    Step.PAGING: "check the device's platform in the inventory",
    Step.COMMAND: "try the command by hand",
}
"""For a failure that brings no hint of its own."""

_AWAY = "as the device's authentication server cannot be reached"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How it all went: the status that a run with these results would end with."""

    exit_status: Exit
    totals: Mapping[Status, int]
    remarks: tuple[str, ...] = ()


def examination(settings: Settings, limits: tuple[str, ...] = ()) -> Plan:
    """Plan one harmless command for each selected device; raises InputError."""
    platforms = platforms_of(settings)
    inventory = load_inventory(find_inventory(settings.inventory), known_platforms=platforms)
    assignments = tuple(
        Assignment(
            device=timed(device, platforms[device.platform]),
            commands=_command(platforms[device.platform]),
        )
        for device in select(inventory.devices, limits)
    )
    check_harmless(assignments, platforms)
    return Plan(
        settings=replace(settings, cluster=ClusterAccess()),  # it is made from here
        inventory=inventory,
        platforms=platforms,
        job="doctor",
        assignments=assignments,
        selection={"limits": list(limits)},
    )


async def examine(
    plan: Plan, credentials: Credentials, show: Callable[[Examination], Awaitable[None]]
) -> Outcome:
    """Examine every device of the plan; ``show`` gets each as it comes.

    One that is stuck is given up soon after a signal, as whoever watches a run.
    """
    settings = replace(plan.settings, limits=fitted(plan.settings.limits, raise_open_files()))
    stop, breaker = Stop(), Breaker(settings.limits)
    ending, tally = Ending(stop), Tally()
    redact = redaction_of(plan, credentials)
    connector = _ChartingConnector(settings, plan.platforms, credentials)
    delivery = Delivery(_Unstored(redact), tally, ending)
    results = collect_devices(
        _stream(plan),
        connector,
        limits=settings.limits,
        timeouts=settings.timeouts,
        retries=Retries(attempts=1),
        stop=stop,
        breaker=breaker,
    )
    with ending.watching(settings.timeouts.run), log.bound(hide=redact.text):
        devices = [assignment.device for assignment in plan.assignments]
        try:
            async with contextlib.aclosing(results):
                whole = completed(results, devices, ending)
                await delivery.deliver(whole, _shown(connector, redact, show), len(devices))
        finally:
            await connector.close()
    tally.given_up = breaker.opened
    return Outcome(
        exit_status=tally.exit_status(ending, stored=not delivery.problem),
        totals={each: tally.totals[each] for each in Status},
        remarks=(*tally.remarks(ending), *([delivery.problem] if delivery.problem else [])),
    )


@dataclass(frozen=True, slots=True)
class _Unstored:
    """Takes the place of a store: an examination leaves nothing, and tells no secret."""

    redact: Redaction

    async def write(self, result: DeviceResult) -> DeviceResult:
        return redacted(result, self.redact)


def _shown(
    connector: _ChartingConnector, redact: Redaction, show: Callable[[Examination], Awaitable[None]]
) -> Observer:
    async def observe(results: AsyncIterator[DeviceResult], total: int) -> None:
        del total
        async for result in results:
            await show(_hidden(connector.examined(result), redact))

    return observe


class _Hearing:
    """Hears the phases for the chart, and for whoever else listens; waits where that one does."""

    def __init__(self, chart: Chart, enter: Callable[[Phase], None]) -> None:
        self._chart, self._enter = chart, enter
        self._queue: object = enter  # a mere function knows of no queue

    def __call__(self, phase: Phase) -> None:
        self._chart.enter(phase)
        self._enter(phase)

    async def turn(self, first: Awaitable[None]) -> None:
        if isinstance(self._queue, Queued):
            first = self._queue.turn(first)
        await first

    async def enabling(self) -> None:
        if isinstance(self._queue, Queued):
            await self._queue.enabling()


class _ChartingConnector(DeviceConnector):
    """The connector of a run, which keeps a chart of each opening."""

    def __init__(
        self, settings: Settings, platforms: Mapping[str, Platform], credentials: Credentials
    ) -> None:
        super().__init__(settings, platforms, credentials, passed=self._passed)
        self._credentials = credentials
        self._known = self._shared.known
        self._charts: dict[str, Chart] = {}
        self._presented: dict[str, str] = {}

    async def open(
        self, device: Device, timeouts: Timeouts, enter: Callable[[Phase], None] = lambda _: None
    ) -> DeviceSession:
        """Open as a run does; an opening that had to wait for its credential begins anew."""
        chart = self._charts[device.name] = Chart(device=device)
        was_known = bool(self._known.entries_for(device.host, device.port))
        used: Algorithms | None = None

        try:
            session = await super().open(device, timeouts, _Hearing(chart, enter))
            used = session.algorithms
            return session
        except DeviceError as error:
            used = error.algorithms
            raise
        finally:
            chart.end()
            chart.tell(Step.AUTH, self._user(chart))
            if used:
                chart.tell(Step.KEX, _protection(device, used))
                chart.tell(Step.HOSTKEY, self._trust(device, was_known=was_known))

    def examined(self, result: DeviceResult) -> Examination:
        """Put the steps of a device together, once the engine is done with it."""
        chart = self._charts.pop(result.device.name, None) or Chart(device=result.device)
        if result.fallback:
            chart.tell(Step.AUTH, f"{self._user(chart)}; credential {result.fallback}, {_AWAY}")
        steps = [*chart.passed]
        if chart.at is Step.COMMAND:
            steps.append(_asked(result))
        elif result.fault:
            steps.append(chart.failed(_with_hint(result.fault, chart.at)))
        return Examination(device=result.device, status=result.status, steps=tuple(steps))

    def _passed(self, device: Device, step: Step, detail: str) -> None:
        if step is Step.HOSTKEY:  # the chart passes it with the phase
            self._presented[device.name] = detail
        else:
            self._charts[device.name].reach(step, detail)

    def _user(self, chart: Chart) -> str:
        if not chart.was_asked:
            return "asked for no credential"
        user = self._credentials.get(chart.device.credential).username
        telnet = chart.device.transport is Transport.TELNET
        return f"user {user}, password in clear" if telnet else f"user {user}"

    def _trust(self, device: Device, *, was_known: bool) -> str:
        presented = self._presented.pop(device.name, "")
        if self._known.policy is HostKeys.OFF:
            return f"{presented}, not compared: host_keys is off"
        keys = self._known.entries_for(device.host, device.port)
        if presented not in {fingerprint(key) for key in keys}:
            return f"{presented}, trusted by the known_hosts file"
        return f"{presented}, {'on file' if was_known else 'put on file: its first contact'}"


def _command(platform: Platform) -> tuple[str, ...]:
    """Choose the command that tells least and is always allowed: that for the version."""
    return (*platform.version, *platform.backup)[:1]


async def _stream(plan: Plan) -> AsyncIterator[Assignment]:
    for assignment in plan.assignments:
        yield assignment


def _protection(device: Device, used: Algorithms) -> str:
    mac = "" if used.mac == "implicit" else f", {used.mac}"
    said = f"{used.kex}, {used.host_key}, {used.cipher}{mac}"
    if dated := weak(used):
        return f"{said}; weak: {', '.join(dated)}"
    if device.ssh_profile is SshProfile.LEGACY:
        return f"{said}; ssh_profile: legacy is not needed"
    return said


def _asked(result: DeviceResult) -> StepResult:
    """Tell the one command; a session that ended badly behind it is told here, too."""
    command = next(iter(result.commands), None)
    fault = (command.fault if command else None) or result.fault
    if fault:
        fault = _with_hint(fault, Step.COMMAND)
        duration = command.duration if command else 0.0
        detail = command.command if command else ""
        return StepResult(step=Step.COMMAND, duration=duration, detail=detail, fault=fault)
    if command is None:
        nothing = f"platform {result.device.platform} has none of its own: nothing was asked"
        return StepResult(step=Step.COMMAND, duration=0.0, detail=nothing)
    said = f"{command.command}: {len(command.output)} bytes, proofs: {_listed(command.proofs)}"
    if command.notes:
        said += f", notes: {_listed(command.notes)}"
    return StepResult(step=Step.COMMAND, duration=command.duration, detail=said)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words) or "none"


def _with_hint(fault: Fault, step: Step) -> Fault:
    return fault if fault.hint else replace(fault, hint=_NEXT[step])


def _hidden(examination: Examination, redact: Redaction) -> Examination:
    """Hide what a device has said; a user's name is ours to tell, also where it is the password."""
    steps = (
        each if each.step is Step.AUTH else replace(each, detail=redact.text(each.detail))
        for each in examination.steps
    )
    return replace(examination, steps=tuple(steps))
