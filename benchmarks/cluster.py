"""What a cluster costs besides the visits: shards through a Dask scheduler to a worker and back.

    python benchmarks/cluster.py [--rounds 3] [--calls 200] [--devices 100] [--json FILE]
    python benchmarks/cluster.py --plan 100000

The second reads an inventory of so many devices and plans their run (`--dry-run`), and tells the
time and the memory of that. The first has two measurements, on a scheduler and one worker on
loopback with TLS. First the way alone: a shard of 25 devices goes out, and a parcel of 25 outputs
of 2 KB comes back, with nothing done in between. Then whole runs over an emulated fleet, with the
CPU of each process: the client, the scheduler, the worker that visits. CPU is that of the
processes, without their start.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(1, str(Path(__file__).parents[1] / "tests"))

from distributed import Client
from distributed.security import Security
from fleet.devices import Devices, served
from fleet.work import PASSWORD, USERNAME, WORKS
from peers import machine, spread
from support.cluster import DaskCluster

TICK = os.sysconf("SC_CLK_TCK")
SHARD = 25
DEVICE_OUT, DEVICE_BACK = 600, 2_000  # bytes: an assignment, and a small output with its proofs

Figures = Mapping[str, float]


def cpu(pid: int) -> float:
    """Read the CPU seconds of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def memory(pid: int) -> float:
    """Read the most memory that a process has had, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = [int(line.split()[1]) for line in lines if line.startswith("VmHWM")]
    return found[0] / 1024 if found else 0.0  # one that has ended has none


async def the_way(dask: DaskCluster, calls: int) -> Figures:
    """Send shards and fetch parcels, four at a time; gives seconds for each pair of calls."""
    files = {f"tls_client_{name}": str(dask.tls[name]) for name in ("cert", "key")}
    security = Security(tls_ca_file=str(dask.tls["ca"]), require_encryption=True, **files)
    scheduler, worker = dask.pid("scheduler"), dask.pid("one")
    async with Client(dask.address, asynchronous=True, security=security) as client:
        (address,) = (await client.scheduler.identity())["workers"]
        shard = os.urandom(SHARD * DEVICE_OUT)
        places = asyncio.Semaphore(4)

        async def pair() -> None:
            async with places:
                await client.run(len, shard, workers=[address])
                await client.run(os.urandom, SHARD * DEVICE_BACK, workers=[address])

        await pair()
        before = time.process_time(), cpu(scheduler), cpu(worker), time.perf_counter()
        await asyncio.gather(*(pair() for _ in range(calls)))
        after = time.process_time(), cpu(scheduler), cpu(worker), time.perf_counter()
    names = ("client", "scheduler", "worker", "wall")
    return {name: (b - a) / calls for name, a, b in zip(names, before, after, strict=True)}


async def a_run(dask: DaskCluster, fleet: Devices, devices: int) -> Figures:
    """Do one run; gives CPU seconds of each process, the wall, and what was stored in bytes."""
    work = WORKS["backup"]
    with tempfile.TemporaryDirectory(prefix="cluster-") as name:
        folder = Path(name)
        _write(folder, dask, fleet, devices)
        before = cpu(dask.pid("scheduler")), cpu(dask.pid("one"))
        program = await asyncio.create_subprocess_exec(
            *(
                sys.executable,
                "-m",
                "collector",
                "run",
                "-v",
                "--no-progress",
                "-i",
                "./fleet.yaml",
            ),
            *(part for command in work.commands for part in ("-c", command)),
            cwd=folder,
            stdin=DEVNULL,
            stdout=DEVNULL,
            stderr=PIPE,
        )
        assert program.stderr is not None
        while b"outputs go to" not in (line := await program.stderr.readline()):
            if not line:
                raise SystemExit("the program ended before it began")
        since, base = time.perf_counter(), cpu(program.pid)
        saying = asyncio.ensure_future(program.stderr.read())
        used, most = base, 0.0
        while program.returncode is None and not saying.done():
            with contextlib.suppress(FileNotFoundError):  # it has ended in this moment
                used, most = cpu(program.pid), max(most, memory(program.pid))
            await asyncio.wait([saying], timeout=0.02)
        await program.wait()
        wall = time.perf_counter() - since
        after = cpu(dask.pid("scheduler")), cpu(dask.pid("one"))
        manifest = json.loads((folder / "output/runs/latest/manifest.json").read_bytes())
        if manifest["totals"]["ok"] != devices:
            raise SystemExit((await saying).decode()[-2000:])
        stored = _stored(folder)
    return {
        "client": (used - base) / devices,
        "scheduler": (after[0] - before[0]) / devices,
        "worker": (after[1] - before[1]) / devices,
        "wall": wall,
        "client_mb": most,
        "stored": stored / devices,
    }


def _stored(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("output/runs/2*/**/*.*"))


def _write(folder: Path, dask: DaskCluster, fleet: Devices, devices: int) -> None:
    ports = fleet.ports[:devices]
    lines = [f"  r{n}: {{host: 127.0.0.1, port: {port}}}\n" for n, port in enumerate(ports)]
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        f"credentials: {{lab: {{username: {USERNAME}, password: '${{FLEET_PASSWORD}}'}}}}\n"
        f"devices:\n{''.join(lines)}"
    )
    (folder / "config.yaml").write_text(f"host_keys: 'off'\n{dask.config}")


def told(rounds: list[Figures], name: str, scale: float, digits: int) -> str:
    """Say the median of a figure, with its least and its most."""
    return spread([each[name] * scale for each in rounds], digits)


def plan(devices: int) -> None:
    """Have a run of so many devices planned, and print what that takes."""
    with tempfile.TemporaryDirectory(prefix="plan-") as name:
        lines = [
            f"  r{n}: {{host: 10.{n >> 16}.{n >> 8 & 255}.{n & 255}, tags: {{site: s{n % 100}}}}}\n"
            for n in range(devices)
        ]
        (Path(name) / "fleet.yaml").write_text(
            "defaults: {platform: cisco_iosxe, credential: lab}\n"
            "credentials: {lab: {username: admin, password: '${FLEET_PASSWORD}'}}\n"
            f"devices:\n{''.join(lines)}"
        )
        since = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "collector", "run", "-i", "./fleet.yaml", "--dry-run"],
            cwd=name,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        wall = time.perf_counter() - since
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{devices} devices planned in {wall:.0f} s, with {most:.0f} MB at most, on {machine()}")


async def main(arguments: argparse.Namespace) -> None:
    """Measure and print."""
    about = machine()
    print(f"{arguments.rounds} rounds on {about}\n", flush=True)
    ways: list[Figures] = []
    runs: list[Figures] = []
    work = replace(WORKS["backup"], devices=arguments.devices)
    with (
        tempfile.TemporaryDirectory(prefix="dask-") as name,
        DaskCluster(Path(name), {"FLEET_PASSWORD": PASSWORD}) as dask,
        served(work, sorted(os.sched_getaffinity(0))) as fleet,
    ):
        dask.worker("one")
        await a_run(dask, fleet, 1)  # the worker imports what it needs
        empty_mb = memory(dask.pid("one"))
        for _ in range(arguments.rounds):
            ways.append(await the_way(dask, arguments.calls))
            runs.append(await a_run(dask, fleet, arguments.devices))
        worker_mb = memory(dask.pid("one"))
    print("| CPU ms | client | scheduler | worker |\n|---|---|---|---|")
    for what, rounds in (("a shard of 25 out and back", ways), ("a device, all included", runs)):
        cells = (told(rounds, part, 1000, 2) for part in ("client", "scheduler", "worker"))
        print(f"| {what} | {' | '.join(cells)} |")
    print(f"\nA shard took {told(ways, 'wall', 1000, 1)} ms, four at a time.")
    print(f"A run took {told(runs, 'wall', 1, 1)} s; {told(runs, 'stored', 1e-3, 1)} KB a device.")
    mb = statistics.median(each["client_mb"] for each in runs)
    print(
        f"The most memory: client {mb:.0f} MB, worker {worker_mb:.0f} MB ({empty_mb:.0f} before)."
    )
    if arguments.json:
        report = {"machine": about, "ways": ways, "runs": runs}
        arguments.json.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plan", type=int, default=0)
    given = parser.parse_args()
    if given.plan:
        plan(given.plan)
    else:
        asyncio.run(main(given))
