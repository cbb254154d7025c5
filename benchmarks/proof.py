"""What the proof costs: seconds and CPU a device, with it, without it, and with plain AsyncScrapli.

    python benchmarks/proof.py [--devices 100] [--rounds 7] [--json FILE]

The emulated devices are a process of their own on another core, their CPU told apart. Every round
runs each way once, in turn; ratios are taken within a round, since rounds differ more than ways.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import logging
import os
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from scrapli.driver.core import AsyncIOSXEDriver
from support.machine import machine

from collector.credentials import Credentials, CredentialSpec
from collector.driver import DeviceConnector
from collector.lab import Lab, LabDevice
from collector.model import CommandStatus, Device, HostKeys, ProofLevel, Timeouts
from collector.platforms import load_platforms
from collector.settings import Settings

COMMANDS = ("show running-config", "show version", "show inventory")
SIZE = 51_000  # of the configuration; all three outputs are about 54 KB
CONNECTING = 25
TIMEOUTS = Timeouts(connect=60, login=60, command=60)
Visit = Callable[[int, asyncio.Semaphore], Awaitable[int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One way in one round, a device."""

    wall: float
    cpu: float
    lab_cpu: float
    bytes: int


def serve(pipe: Connection, count: int, cores: Sequence[int]) -> None:
    """Be the devices: tell the ports, then the CPU used so far as often as asked."""
    os.sched_setaffinity(0, cores)
    asyncio.run(_serve(pipe, count))


async def _serve(pipe: Connection, count: int) -> None:
    names = [f"r{number}" for number in range(count)]
    devices = [
        LabDevice(name=name, platform="cisco_iosxe", size=SIZE, page_lines=0, privileged=True)
        for name in names
    ]
    async with Lab(devices) as lab:
        pipe.send([lab.port(name) for name in names])
        while await asyncio.to_thread(pipe.recv):
            pipe.send(time.process_time())


def ours(proof: ProofLevel) -> Visit:
    """Collect as the collector does, with this level of proof."""
    spec = CredentialSpec(name="lab", username="admin", password="admin")
    settings = Settings(host_keys=HostKeys.OFF, known_hosts=Path("unused"))
    opener = DeviceConnector(settings, load_platforms(), Credentials({"lab": spec}, {}))

    async def visit(port: int, connecting: asyncio.Semaphore) -> int:
        device = Device(
            name=f"r{port}",
            host="127.0.0.1",
            port=port,
            platform="cisco_iosxe",
            credential="lab",
            proof=proof,
        )
        async with connecting:
            session = await opener.open(device, TIMEOUTS)
        try:
            results = [await session.run(each, timeout=TIMEOUTS.command) for each in COMMANDS]
            assert await session.finish() == ()
        finally:
            await session.close()
        assert all(result.status is CommandStatus.OK for result in results)
        return sum(len(result.output) for result in results)

    return visit


async def plain(port: int, connecting: asyncio.Semaphore) -> int:
    """Collect with AsyncScrapli as its documentation shows it."""
    driver = AsyncIOSXEDriver(
        host="127.0.0.1",
        port=port,
        auth_username="admin",
        auth_password="admin",
        auth_strict_key=False,
        transport="asyncssh",
        timeout_socket=60,
        timeout_transport=60,
        timeout_ops=60,
    )
    async with connecting:
        await driver.open()
    try:
        results = [await driver.send_command(each) for each in COMMANDS]
    finally:
        await driver.close()
    # Not asked whether any has failed: to scrapli one has whose text holds the words of a denial.
    return sum(len(result.result) for result in results)


async def measured(visit: Visit, ports: Sequence[int], lab: Connection) -> Figures:
    """Visit all devices at once, connecting to some at a time."""
    gc.collect()
    lab.send(True)
    before = lab.recv()
    wall, cpu = time.perf_counter(), time.process_time()
    connecting = asyncio.Semaphore(CONNECTING)
    sizes = await asyncio.gather(*(visit(port, connecting) for port in ports))
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    lab.send(True)
    count = len(ports)
    return Figures(
        wall=wall / count,
        cpu=cpu / count,
        lab_cpu=(lab.recv() - before) / count,
        bytes=sum(sizes) // count,
    )


def run(arguments: argparse.Namespace) -> dict[str, list[Figures]]:
    """Run the rounds; the first, in which everything is loaded, is not counted."""
    ways: Mapping[str, Visit] = {
        "proof: full": ours(ProofLevel.FULL),
        "proof: prompt": ours(ProofLevel.PROMPT),
        "plain AsyncScrapli": plain,
    }
    figures: dict[str, list[Figures]] = {name: [] for name in ways}
    cores = sorted(os.sched_getaffinity(0))
    context = get_context("spawn")
    here, there = context.Pipe()
    lab = context.Process(target=serve, args=(there, arguments.devices, cores[1:] or cores))
    lab.start()
    os.sched_setaffinity(0, cores[:1])
    try:
        ports = here.recv()
        for number in range(arguments.rounds + 1):
            names = [*ways][number % 3 :] + [*ways][: number % 3]
            for name in names:
                one = asyncio.run(measured(ways[name], ports, here))
                if number:
                    figures[name].append(one)
        here.send(False)
        lab.join(10)
    finally:
        lab.kill()
    return figures


def table(figures: Mapping[str, list[Figures]]) -> str:
    """Give a Markdown table: medians with the least and the most, ratios to plain AsyncScrapli."""
    lines = [
        "| | CPU ms a device | to plain | wall ms a device | to plain | lab's CPU ms |",
        "|---|---|---|---|---|---|",
    ]
    reference = figures["plain AsyncScrapli"]
    for name, rounds in figures.items():
        cpu, wall = ([getattr(each, key) for each in rounds] for key in ("cpu", "wall"))
        cells = [
            spread([1000 * each for each in cpu], 1),
            spread([a / b.cpu for a, b in zip(cpu, reference, strict=True)], 2),
            spread([1000 * each for each in wall], 1),
            spread([a / b.wall for a, b in zip(wall, reference, strict=True)], 2),
            f"{1000 * statistics.median(each.lab_cpu for each in rounds):.1f}",
        ]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join(lines)


def spread(values: Sequence[float], digits: int) -> str:
    """Give the median, then the least and the most."""
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main(arguments: argparse.Namespace) -> None:
    """Measure; print the table and, where asked for, write everything as JSON."""
    told = machine()
    figures = run(arguments)
    size = {name: rounds[0].bytes for name, rounds in figures.items()}
    print(
        f"{arguments.devices} devices, {len(COMMANDS)} commands, {arguments.rounds} rounds, {told}"
    )
    print(f"bytes a device: {size}\n")
    print(table(figures))
    report = {
        **told,
        "devices": arguments.devices,
        "commands": COMMANDS,
        "rounds": {name: [asdict(each) for each in rounds] for name, rounds in figures.items()},
    }
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path)
    logging.disable(logging.WARNING)
    main(parser.parse_args())
