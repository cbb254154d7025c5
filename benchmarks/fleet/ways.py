"""The ways to do the work: ours, the peers', and the floor; each a program of one run.

    python benchmarks/fleet/ways.py WAY < work.json

Each imports what it needs before the clock starts, keeps every output in a file (the floor writes
none), and prints what it has used as JSON. A peer is used as its documentation shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from fleet.work import PASSWORD, USERNAME, Places, Work, unpacked

Run = Callable[[], tuple[int, int]]
"""Does the work; gives how many devices were good and how many bytes came."""
Way = Callable[[Work, Sequence[int], Path], Run]

COMMON_LIMIT = 50  # ssh processes at once


def collector(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """Our whole program, by its command line: inventory to files on disk, proofs, manifest."""
    import collector.backups.paths
    import collector.cli.progress
    import collector.cli.run
    import collector.collect.run
    import collector.driver.entry
    import collector.engine
    import collector.inventory
    import collector.settings
    import collector.store
    import collector.telling.round
    import collector.views.summary  # noqa: F401 - what the command would import on its way
    from collector.cli import main
    from collector.collect import loop_factory, settle_memory

    loop_factory()
    settle_memory()

    config, inventory = written(work, ports, folder)
    output = folder / "output"
    given = {"--config": config, "--inventory": inventory, "--output": output}
    paths = [str(word) for pair in given.items() for word in pair]

    def run() -> tuple[int, int]:
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            main(["run", "--quiet", "--job", "bench", *paths])
        # Line by line: the manifest as a whole would be most of the memory that is measured here.
        with (output / "runs" / "latest" / "journal.jsonl").open("rb") as journal:
            rows = (row for row in map(json.loads, journal) if row["status"] == "ok")
            sizes = [sum(one["bytes"] for one in row["commands"]) for row in rows]
        return len(sizes), sum(sizes)

    return run


def written(work: Work, ports: Sequence[int], folder: Path) -> tuple[Path, Path]:
    """Write our configuration and inventory; the devices are known hosts, as after a first run."""
    devices = "\n".join(
        f"  r{number}: {{host: 127.0.0.1, port: {port}}}" for number, port in enumerate(ports)
    )
    inventory = folder / "inventory.yaml"
    inventory.write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        f"credentials: {{lab: {{username: {USERNAME}, password: {PASSWORD}}}}}\n"
        f"devices:\n{devices}\n"
    )
    config = folder / "config.yaml"
    seconds = f"{work.patience:g}"
    config.write_text(
        f"limits: {{sessions: {work.sessions}, connecting: {work.connecting}}}\n"
        f"timeouts: {{connect: {seconds}, login: {seconds}, command: {seconds}}}\n"
        f"retries: {{attempts: 1}}\nknown_hosts: {folder}/known_hosts\n"
        f"jobs: {{bench: {{commands: {json.dumps(work.commands)}}}}}\n"
    )
    lines = (f"[127.0.0.1]:{port} {work.host_key}" for port in ports)
    known = folder / "known_hosts"
    known.write_text("\n".join(lines) + "\n")
    known.chmod(0o600)
    return config, inventory


def floor(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """Asyncssh alone, tuned, with the least of a reader that can find a prompt."""
    del folder
    from collector.collect import loop_factory
    from fleet.floor import visit

    def run() -> tuple[int, int]:
        logging.disable(logging.CRITICAL)
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_all(partial(visit, work), ports, work))

    return run


def async_scrapli(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """AsyncScrapli in a gather."""
    from scrapli.driver.core import AsyncIOSXEDriver

    async def visit(port: int, places: Places) -> int:
        async with places.sessions:
            driver = AsyncIOSXEDriver(
                host="127.0.0.1",
                port=port,
                auth_username=USERNAME,
                auth_password=PASSWORD,
                auth_strict_key=False,
                transport="asyncssh",
                timeout_socket=work.patience,
                timeout_transport=work.patience,
                timeout_ops=work.patience,
            )
            async with places.connecting:
                await driver.open()
            try:
                texts = [(await driver.send_command(each)).result for each in work.commands]
            finally:
                await driver.close()
            return _kept(folder, port, zip(work.commands, texts, strict=True))

    return lambda: asyncio.run(_all(visit, ports, work))


def nornir_netmiko(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """Nornir with netmiko, a thread a device at once."""
    from nornir_netmiko.tasks import netmiko_send_command

    extras = {"conn_timeout": work.patience, "read_timeout_override": work.patience}
    return _nornir(
        work,
        ports,
        folder,
        options={"netmiko": {"platform": "cisco_xe", "extras": extras}},
        send=lambda task, command: task.run(netmiko_send_command, command_string=command),
    )


def nornir_scrapli(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """Nornir with scrapli over ssh2-python, a thread a device at once."""
    from nornir_scrapli.tasks import send_command

    extras = {
        "auth_strict_key": False,
        "transport": "ssh2",
        "timeout_socket": work.patience,
        "timeout_transport": work.patience,
        "timeout_ops": work.patience,
    }
    return _nornir(
        work,
        ports,
        folder,
        options={"scrapli": {"platform": "cisco_iosxe", "extras": extras}},
        # Its list of denials is searched for anywhere, and the configuration quotes one of them.
        send=lambda task, command: task.run(
            send_command, command=command, failed_when_contains=["\0"]
        ),
    )


def openssh(work: Work, ports: Sequence[int], folder: Path) -> Run:
    """OpenSSH's ssh, a process a device: the lines go in, and what comes out is the file."""
    asking = folder / "askpass"
    asking.write_text(f"#!/bin/sh\necho {PASSWORD}\n")
    asking.chmod(0o700)
    environment = {**os.environ, "SSH_ASKPASS": str(asking), "SSH_ASKPASS_REQUIRE": "force"}
    chosen = {
        "StrictHostKeyChecking": "no",
        "UserKnownHostsFile": "/dev/null",
        "LogLevel": "ERROR",
        "PreferredAuthentications": "password",
        "NumberOfPasswordPrompts": "1",
        "IdentityAgent": "none",
        "ConnectTimeout": f"{work.patience:g}",
    }
    options = [word for key, value in chosen.items() for word in ("-o", f"{key}={value}")]
    lines = "\n".join(("terminal length 0", *work.commands, "exit", "")).encode()
    processes = asyncio.Semaphore(COMMON_LIMIT)

    async def visit(port: int, places: Places) -> int:
        del places
        kept = folder / f"{port}.txt"
        async with processes, asyncio.timeout(len(work.commands) * work.patience):
            with kept.open("wb") as file:
                process = await asyncio.create_subprocess_exec(
                    *("ssh", "-tt", "-F", "none", *options, "-p", str(port)),
                    f"{USERNAME}@127.0.0.1",
                    stdin=subprocess.PIPE,
                    stdout=file,
                    stderr=subprocess.DEVNULL,
                    env=environment,
                )
                try:
                    await process.communicate(lines)
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
        if process.returncode:
            raise ConnectionError(port)
        return kept.stat().st_size

    return lambda: asyncio.run(_all(visit, ports, work))


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """A way, its words in a table, what must be importable for it, what limits it."""

    title: str
    way: Way
    needs: tuple[str, ...] = ()
    at_once: Callable[[Work], str] = field(
        default=lambda work: f"{min(work.sessions, work.devices)} sessions"
    )


def _threads(work: Work) -> str:
    return f"{min(work.threads, work.devices)} threads"


WAYS: Mapping[str, Peer] = {
    "collector": Peer(title="**collector**, the whole program", way=collector),
    "floor": Peer(title="asyncssh alone, tuned (the floor)", way=floor),
    "async-scrapli": Peer(title="AsyncScrapli in a gather", way=async_scrapli),
    "nornir-netmiko": Peer(
        title="nornir + netmiko",
        way=nornir_netmiko,
        needs=("nornir", "netmiko", "nornir_netmiko"),
        at_once=_threads,
    ),
    "nornir-scrapli": Peer(
        title="nornir + nornir_scrapli (ssh2)",
        way=nornir_scrapli,
        needs=("nornir", "nornir_scrapli", "ssh2"),
        at_once=_threads,
    ),
    "openssh": Peer(
        title="OpenSSH's ssh",
        way=openssh,
        at_once=lambda work: f"{min(COMMON_LIMIT, work.devices)} processes",
    ),
}


async def _all(visit: Any, ports: Sequence[int], work: Work) -> tuple[int, int]:
    places = Places(work)
    ends = await asyncio.gather(*(visit(port, places) for port in ports), return_exceptions=True)
    sizes = [end for end in ends if isinstance(end, int)]
    return len(sizes), sum(sizes)


def _nornir(work: Work, ports: Sequence[int], folder: Path, *, options: Any, send: Any) -> Run:
    from nornir import InitNornir

    inventory = folder / "hosts.yaml"
    inventory.write_text(
        json.dumps(
            {
                f"r{number}": {
                    "hostname": "127.0.0.1",
                    "port": port,
                    "username": USERNAME,
                    "password": PASSWORD,
                    "connection_options": options,
                }
                for number, port in enumerate(ports)
            }
        )
    )

    def visit(task: Any) -> int:
        texts = [(command, send(task, command).result) for command in work.commands]
        return _kept(folder, task.host.name, texts)

    def run() -> tuple[int, int]:
        fleet = InitNornir(
            runner={"plugin": "threaded", "options": {"num_workers": work.threads}},
            inventory={"plugin": "SimpleInventory", "options": {"host_file": str(inventory)}},
            logging={"enabled": False},
        )
        try:
            ends = fleet.run(task=visit)
        finally:
            fleet.close_connections()
        sizes = [end[0].result for end in ends.values() if not end.failed]
        return len(sizes), sum(sizes)

    return run


def _kept(folder: Path, device: object, texts: Any) -> int:
    """Write a device's outputs, as plainly as a script would; give their size."""
    size = 0
    for command, text in texts:
        path = folder / f"{device}-{command.replace(' ', '_')}.txt"
        size += path.write_text(text)
    return size


def main(name: str) -> None:
    """Do the work once; print what it has used."""
    work, ports, folder = unpacked(sys.stdin.read())
    logging.disable(logging.WARNING)
    run = WAYS[name].way(work, ports, Path(folder))
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far: importing has one
    before, resting = _cpu(), memory("VmRSS")
    wall = time.perf_counter()
    good, size = run()
    told = {
        "wall": time.perf_counter() - wall,
        "cpu": _cpu() - before,
        "start_cpu": before,
        "resting_kb": resting,
        "peak_kb": memory("VmHWM"),
        "good": good,
        "bytes": size,
    }
    print(json.dumps(told))


def _cpu() -> float:
    """Tell the CPU of this process and of those that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def memory(key: str) -> int:
    """Tell a figure of this process's memory, in KiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    main(sys.argv[1])
