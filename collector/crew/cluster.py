"""The crew on other machines: the workers of a Dask cluster, by way of its scheduler.

Owns who is visited by which worker, how it is known that one has come or gone, and that a device is
visited once more at most when one is lost. Dask brings the connections, their TLS, and word of who
is there. Its own schedule is not used: it would run again by itself what was lost, and a device is
no computation.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, NoReturn

from collector import log
from collector.crew.attempts import Losses
from collector.crew.contract import Contract
from collector.crew.station import CLOSING as CLOSING_THERE
from collector.crew.station import LEASE
from collector.crew.tasks import Tasks, unless
from collector.crew.worker import Gone, Worker
from collector.engine import Lost, NobodyLeft, Permit, Report
from collector.errors import DeviceError, InputError
from collector.model import Assignment, Device, Fault, FaultClass, Jump, Phase, Timeouts
from collector.settings import ClusterAccess

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

CONNECTING = 10.0  # seconds for the scheduler to answer
WATCH = 0.25  # seconds between two looks at whether the scheduler is there
LOOK = 4  # of these between two questions who is at work
CLOSING = 3.0  # seconds to hang up in
LIVES = 3  # of a worker that is lost and still there, in one run

_EXTRA = "pip install 'network-command-collector[cluster]'"
_LOUD = ("distributed", "dask", "tornado", "bokeh")

logger = logging.getLogger(__name__)


class Cluster:
    """Makes all attempts on the workers of a cluster.

    ``async with`` it is connected to; `at_work` has its workers be ready as well. Once ``stop`` is
    set, neither is waited for any longer: nobody is visited then.

    Nobody is visited from here, which may be a place that reaches no device: so jump hosts are
    opened there, too, and to the engine this is their connector. A device goes to a worker with
    the resource ``TAG:VALUE`` of its site's tag; one without a site goes to any. Those behind a
    jump host share one connection to it, and so they share a worker.
    """

    def __init__(
        self,
        access: ClusterAccess,
        contract: Contract,
        devices: Iterable[Device],
        stop: asyncio.Event,
    ) -> None:
        self._access, self._contract, self._stop = access, contract, stop
        self._client: Client | None = None
        self._workers: dict[str, Worker] = {}
        self._lives: Counter[str] = Counter()
        self._watching, self._beginning = Tasks(), Tasks()
        self._homes: dict[Jump, Worker] = {}
        self._labels: dict[Jump, frozenset[str]] = {}
        self._losses = Losses(
            "the worker that visited it was lost, and so was the one that tried again",
            "look for what ends workers: too little memory, most likely",
        )
        self._is_gone = False
        self._cut: Fault | None = None
        self._hopeless = asyncio.Event()  # to wait for a worker that was lost
        for device in devices:
            if device.jumps:
                first = device.jumps[0]
                self._labels[first] = self._labels.get(first, frozenset()) | self._site(device)

    async def __aenter__(self) -> Cluster:
        """Connect; raises InputError where the scheduler cannot be reached."""
        await unless(self._stop, self._connect())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._client is not None:
            await _close(self._client)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[Cluster]:
        """Have the workers be ready for the length of the block, and let them go then."""
        try:
            if self._client is not None:
                await unless(self._stop, self._begin(self._client))
            yield self
        finally:
            self._watching.cancel()
            self._beginning.cancel()
            await asyncio.gather(*(worker.end() for worker in self._workers.values()))

    # What the engine asks of a crew.

    def takes(self, device: Device, *, proven: bool) -> bool:
        """Tell that the cluster makes every attempt, with a credential on trial as well."""
        del device, proven
        return True

    async def perform(self, assignment: Assignment, permit: Permit) -> Report:
        """Have a worker of the device's site make it; see `engine.Crew`."""
        device = assignment.device
        worker = self._home(device) if device.jumps else self._least(self._site(device))
        try:
            return await worker.perform(assignment, permit)
        except Gone:
            # It may be there all the same, and at the device until it has missed us for long. If it
            # was lost with the scheduler, that is known by then.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEASE + CLOSING_THERE):
                    await self._hopeless.wait()
            self._give_back(device)

    def cut(self, fault: Fault) -> None:
        """Have all attempts end; one that does not report in time is told of as cut off."""
        self._cut = fault
        self._hopeless.set()
        for worker in self._workers.values():
            worker.cut(fault)

    # What the engine asks of a connector.

    async def open(self, device: Device, timeouts: Timeouts, enter: object) -> NoReturn:
        """Refuse to visit a device from here."""
        raise DeviceError.of(FaultClass.INTERNAL, Phase.CONNECT, "only workers visit devices")

    def is_reached(self, jump: Jump) -> bool:
        """Tell whether the worker that visits those behind a jump host is logged in to it."""
        home = self._homes.get(jump.chain[0])
        return home is not None and home.is_up and jump in home.reached

    async def reach(self, jump: Jump, timeouts: Timeouts, enter: Callable[[Phase], None]) -> None:
        """Have a worker log in to a jump host, for all devices behind it."""
        first = jump.chain[0]
        home = self._homes.get(first)
        if home is None or not home.is_up:
            if jump != first:  # it was lost with the one before it
                raise DeviceError(first.lost())
            home = self._homes[first] = self._least(self._labels.get(first, frozenset()))
        # It counts as tried with its credential from here on: when it is, nobody here sees.
        enter(Phase.AUTH)
        try:
            fault = await home.reach(jump, timeouts)
        except Gone:
            raise Lost from None
        if fault is not None:
            raise DeviceError(fault)

    # Who goes where.

    def _site(self, device: Device) -> frozenset[str]:
        tag = self._access.site_tag
        return frozenset({f"{tag}:{device.tags[tag]}"}) if device.tags.get(tag) else frozenset()

    def _home(self, device: Device) -> Worker:
        home = self._homes.get(device.jumps[0])
        if home is None or not home.is_up:
            raise NobodyLeft  # it stands in line again, until its jump host is reopened elsewhere
        return home

    def _least(self, labels: frozenset[str]) -> Worker:
        """Choose who has the least to do of those that carry all labels."""
        if self._is_gone:
            raise DeviceError(_gone())
        carrying = [worker for worker in self._workers.values() if labels <= worker.labels]
        if able := [worker for worker in carrying if worker.is_up and worker.is_taking]:
            return min(able, key=len)
        raise DeviceError(_unserved(labels, among=len(carrying)))

    def _give_back(self, device: Device) -> NoReturn:
        """Have a device visited once more, after the worker was lost that was at it."""
        if self._is_gone:
            raise DeviceError.of(
                FaultClass.INTERNAL,
                Phase.COMMAND,
                "the connection to the cluster's scheduler was lost while a worker visited it",
                hint="see to the scheduler; workers end such visits by themselves",
            )
        self._losses.give_back(device)

    # Who is there.

    async def _connect(self) -> None:
        self._client = await _connected(self._access)

    async def _begin(self, client: Client) -> None:
        """Have all who are there get ready, and look from then on who comes and goes."""
        await self._look(client)
        self._watching.begin(self._watch(client))
        await self._beginning.ended()
        at_work = log.counted(sum(worker.is_up for worker in self._workers.values()), "worker")
        logger.info("cluster %s: %s", self._access.address, at_work)

    def _lose_scheduler(self) -> None:
        self._is_gone = True
        self._hopeless.set()
        logger.error("cluster %s: the connection to the scheduler was lost", self._access.address)
        for worker in self._workers.values():
            worker.lose("cannot be reached any more")

    async def _watch(self, client: Client) -> None:
        turn = 0
        while client.status == "running" and not self._is_gone:
            await asyncio.sleep(WATCH)
            turn += 1
            if turn % LOOK == 0 and client.status == "running":
                await self._look(client)
        if not self._is_gone:
            self._lose_scheduler()

    async def _look(self, client: Client) -> None:
        """Ask the scheduler who is at work; begin with those that have come. One at a time."""
        try:
            async with asyncio.timeout(CONNECTING):
                there = (await client.scheduler.identity(n_workers=-1))["workers"]
        except Exception as error:  # noqa: BLE001  however the library says it
            logger.debug("scheduler: %s: %s", type(error).__name__, error)
            self._lose_scheduler()
        else:
            self._know(client, there)

    def _know(self, client: Client, there: Mapping[str, Mapping[str, Any]]) -> None:
        for address in [*self._workers]:
            if address not in there:
                self._workers[address].lose("has left")
                del self._workers[address]
        for address, about in there.items():
            known = self._workers.get(address)
            # One that is there all the same begins anew; that it is lost then may be its own fault.
            if known is None or (known.is_lost and self._lives[address] < LIVES):
                self._lives[address] += 1
                labels = frozenset(map(str, about.get("resources", ())))
                self._workers[address] = Worker(client, address, labels)
                self._beginning.begin(self._begin_with(self._workers[address]))
            self._workers[address].is_taking = about.get("status") == "running"

    async def _begin_with(self, worker: Worker) -> None:
        await worker.begin(self._contract)
        if self._cut is not None:
            worker.cut(self._cut)


def _unserved(labels: frozenset[str], *, among: int) -> Fault:
    named = ", ".join(sorted(labels))
    if not labels:
        message = "the cluster has no worker that can be used"
        hint = "start one, and look into the log for those that cannot be used"
    elif among:
        message = f"no worker of the cluster with {named} can be used"
        hint = "look into the log for why"
    else:
        message = f"no worker of the cluster has {named}"
        amounts = ",".join(f"{label}=1" for label in sorted(labels))
        hint = f"start one at that site: dask worker --resources '{amounts}'"
    return Fault(
        fault_class=FaultClass.UNREACHABLE, phase=Phase.INVENTORY, message=message, hint=hint
    )


def _gone() -> Fault:
    return Fault(
        fault_class=FaultClass.UNREACHABLE,
        phase=Phase.INVENTORY,
        message="not visited: the connection to the cluster's scheduler was lost",
        hint="see to the scheduler, then collect from these devices",
    )


def check_access(access: ClusterAccess) -> None:
    """Raise InputError where a cluster cannot be worked with from here; connects to nobody."""
    if importlib.util.find_spec("distributed") is None:
        raise InputError(f"a cluster needs an extra that is not installed: {_EXTRA}")
    files = {key: getattr(access, key) for key in ("tls_ca", "tls_cert", "tls_key")}
    missing = [
        f"cluster.{key}: no such file: {path}"
        for key, path in files.items()
        if path is not None and not path.is_file()
    ]
    if missing:
        raise InputError(*missing)


async def _connected(access: ClusterAccess) -> Client:
    from distributed import Client  # noqa: PLC0415 - of an extra, and slow to import

    _hush()
    client: Client | None = None
    try:
        client = Client(
            access.address,
            asynchronous=True,
            security=_security(access),
            timeout=CONNECTING,
            set_as_default=False,
        )
        async with asyncio.timeout(CONNECTING + 2):
            return await client
    except BaseException as error:
        if client is not None:
            await _close(client)
        if not isinstance(error, Exception):
            raise
        reason = log.one_line(_reason(error))[:200]
        raise InputError(
            f"cluster.address: the scheduler {access.address} cannot be worked with: {reason}"
        ) from error


async def _close(client: Client) -> None:
    with contextlib.suppress(Exception):
        async with asyncio.timeout(CLOSING):
            await client.close(timeout=1)


def _security(access: ClusterAccess) -> Security:
    from distributed.security import Security  # noqa: PLC0415 - of an extra

    if access.address.startswith("tcp://"):
        return Security(require_encryption=False)
    return Security(
        tls_ca_file=str(access.tls_ca),
        tls_client_cert=str(access.tls_cert),
        tls_client_key=str(access.tls_key),
        require_encryption=True,
    )


def _reason(error: BaseException) -> str:
    """Say what was the matter in the first place."""
    while (before := error.__cause__ or error.__context__) is not None:
        error = before
    if isinstance(error, (TimeoutError, asyncio.CancelledError)):
        return f"no answer within {CONNECTING:g} s"
    return f"{type(error).__name__}: {error}"


def _hush() -> None:
    """Have the library say no more than the other ones: it logs to the screen when imported."""
    for name in [*logging.root.manager.loggerDict]:
        if name.split(".", maxsplit=1)[0] in _LOUD:
            library = logging.getLogger(name)
            library.handlers.clear()
            library.propagate = True
            library.setLevel(logging.NOTSET)
    for name in _LOUD:
        level = log.levels().get(name, logging.NOTSET)
        logging.getLogger(name).setLevel(level or logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module="distributed")
