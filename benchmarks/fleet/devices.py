"""The emulated devices, in a process of their own that tells how much CPU it has used.

Owns their texts, prepared once so that the devices cost little, and the distance to them. The
terminals and the SSH are those of the lab, but for one thing: asyncssh puts an empty packet before
each of its own, which no device's SSH does, and which a client would have to decrypt.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from types import MappingProxyType
from typing import Any, cast

from asyncssh.connection import SSHConnection
from asyncssh.constants import MSG_IGNORE

from collector.collect import loop_factory
from collector.lab import (
    DeviceStats,
    Ending,
    Lab,
    LabDevice,
    LabFault,
    Pace,
    Terminal,
    truth,
)
from fleet.work import (
    CONFIGURATION,
    INVENTORY,
    PASSWORD,
    USERNAME,
    VERSION,
    Work,
    is_dead,
    is_hung,
    is_slow,
)

_PLATFORM = "cisco_iosxe"
SLOW = 1.0


class Devices:
    """The running fleet: its ports, its host key, and the CPU it has used so far."""

    def __init__(self, pipe: Connection, ports: list[int], host_key: str) -> None:
        self._pipe = pipe
        self.ports, self.host_key = ports, host_key

    def cpu(self) -> float:
        """Ask how many seconds of CPU the fleet has used."""
        self._pipe.send(True)
        used = self._pipe.recv()
        assert isinstance(used, float)
        return used


@contextmanager
def served(work: Work, cores: Sequence[int]) -> Iterator[Devices]:
    """Serve the fleet on these cores for the length of the block."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_be_devices, args=(there, work, list(cores)))
    process.start()
    try:
        yield Devices(here, *here.recv())
        here.send(False)
        process.join(10)
    finally:
        process.kill()
        process.join()


def _be_devices(pipe: Connection, work: Work, cores: list[int]) -> None:
    os.sched_setaffinity(0, cores)
    _leave_out_empty_packets()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(_serve(pipe, work))


def _leave_out_empty_packets() -> None:
    send = SSHConnection.send_packet

    def send_unless_empty(self: SSHConnection, pkttype: int, *args: bytes, **named: Any) -> None:
        if pkttype != MSG_IGNORE:
            send(self, pkttype, *args, **named)

    SSHConnection.send_packet = send_unless_empty  # type: ignore[method-assign]  # no option for it


async def _serve(pipe: Connection, work: Work) -> None:
    devices = [_device(work, number) for number in range(work.devices)]
    texts = _texts(work)
    shell = Prepared(texts)
    async with Lab(devices, shells={_PLATFORM: shell}) as lab:
        ports = [lab.port(device.name) for device in devices]
        lines = [await _Line.to(port, work.distance / 2) for port in ports] if work.distance else []
        key = lab.host_keys[devices[0].name].export_public_key().decode().strip()
        pipe.send(([line.port for line in lines] if lines else ports, key))
        while await asyncio.to_thread(pipe.recv):
            pipe.send(time.process_time())


def _device(work: Work, number: int) -> LabDevice:
    device = LabDevice(
        name=f"r{number}",
        platform=_PLATFORM,
        username=USERNAME,
        password=PASSWORD,
        size=work.size,
        think=work.think,
        pace=Pace(chunk=work.packet),
    )
    if work.sick and is_dead(number):
        return replace(device, fault=LabFault.SILENT_TCP)
    if work.sick and is_hung(number):
        return replace(device, fault=LabFault.SILENT_COMMAND)
    return replace(device, think=SLOW) if work.sick and is_slow(number) else device


def _texts(work: Work) -> Mapping[bytes, bytes]:
    model = _device(replace(work, sick=False), 0)
    return MappingProxyType(
        {
            command.encode(): truth(model, command).replace("\n", "\r\n").encode()
            for command in (CONFIGURATION, VERSION, INVENTORY)
        }
    )


class Prepared:
    """A shell that answers from memory; everything else is taken without a word."""

    def __init__(self, texts: Mapping[bytes, bytes]) -> None:
        self._texts = texts

    async def __call__(self, terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        """Play one session."""
        prompt = device.name.encode() + b"#"
        await terminal.send(b"\r\n" + prompt)
        while (line := (await terminal.read_line()).strip()) not in (b"exit", b"logout"):
            text = self._texts.get(line, b"")
            if text and device.fault is LabFault.SILENT_COMMAND:
                await asyncio.get_running_loop().create_future()
            if text and device.think:
                await asyncio.sleep(device.think)
            await terminal.send(text + prompt)
        return Ending.EXIT


class _Line:
    """A port that is some time away from another one: each byte arrives ``delay`` seconds later.

    TCP's own handshake is answered at once, as by a device next door.
    """

    def __init__(self, target: int, delay: float) -> None:
        self._target, self._delay = target, delay
        self.port = 0
        self._server: asyncio.Server | None = None

    @classmethod
    async def to(cls, target: int, delay: float) -> _Line:
        line = cls(target, delay)
        loop = asyncio.get_running_loop()
        line._server = await loop.create_server(
            lambda: _End(target, delay), "127.0.0.1", 0, backlog=1024
        )
        line.port = line._server.sockets[0].getsockname()[1]
        return line


class _End(asyncio.Protocol):
    """One end of a line; whoever is called makes the other end."""

    def __init__(self, target: int, delay: float, other: _End | None = None) -> None:
        self._target, self._delay, self._other = target, delay, other
        self._loop = asyncio.get_running_loop()
        self._due: deque[bytes] = deque()  # b"": the end
        self._transport: asyncio.WriteTransport | None = None
        self._calling: asyncio.Task[object] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's own is no subclass
        if self._other is None:
            self._calling = self._loop.create_task(self._call())

    def data_received(self, data: bytes) -> None:
        self._due.append(data)
        self._loop.call_later(self._delay, self._deliver)

    def connection_lost(self, exc: Exception | None) -> None:
        self._due.append(b"")
        self._loop.call_later(self._delay, self._deliver)

    async def _call(self) -> None:
        def answer() -> _End:
            self._other = _End(self._target, self._delay, self)
            return self._other

        await self._loop.create_connection(answer, "127.0.0.1", self._target)

    def _deliver(self) -> None:
        other = self._other._transport if self._other else None
        data = self._due.popleft()
        if other is None or other.is_closing():
            return
        if data:
            other.write(data)
        else:
            other.close()
