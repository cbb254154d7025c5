"""How long the program takes to start: to its help, and to its first packet to a device.

    python benchmarks/start.py [--devices 1000] [--rounds 9] [--before FOLDER]

Seconds of the clock and of CPU, medians with the least and the most. The first packet is the first
connection that a listening socket sees of `collector run` over an inventory of so many devices. A
first start of each, which compiles what no installation has compiled, is not counted. ``--before``
names a checkout to compare with: each round then measures both.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parent.parent
HELP_PROMISED, PACKET_PROMISED = 0.25, 0.5
PROGRAM = (sys.executable, "-m", "collector")


def bare(checkout: Path) -> tuple[float, float]:
    """Start the interpreter alone, to compare with."""
    return ended((sys.executable, "-c", "pass"), checkout)


def helped(checkout: Path) -> tuple[float, float]:
    """Have the program print its help."""
    return ended((*PROGRAM, "--help"), checkout)


def ended(command: Sequence[str], checkout: Path) -> tuple[float, float]:
    """Run a command to its end; seconds of the clock and of CPU."""
    wall = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd=checkout)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - wall, used.ru_utime + used.ru_stime


def knocked(devices: int, checkout: Path) -> tuple[float, float]:
    """Run against devices none of which answers, until the first is knocked at."""
    with (
        socket.create_server(("127.0.0.1", 0), backlog=devices) as listening,
        tempfile.TemporaryDirectory(prefix="start-") as folder,
    ):
        inventory = Path(folder) / "inventory.yaml"
        inventory.write_text(_inventory(devices, listening.getsockname()[1]))
        paths = ("--inventory", str(inventory), "--output", str(Path(folder) / "output"))
        wall = time.perf_counter()
        process = subprocess.Popen(
            (*PROGRAM, "run", "--quiet", *paths), stderr=subprocess.DEVNULL, cwd=checkout
        )
        try:
            listening.accept()[0].close()
            wall, cpu = time.perf_counter() - wall, _cpu(process.pid)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return wall, cpu


def _cpu(pid: int) -> float:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _inventory(devices: int, port: int) -> str:
    lines = "\n".join(f"  r{n}: {{host: 127.0.0.1, port: {port}}}" for n in range(devices))
    return (
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        "credentials: {lab: {username: admin, password: admin}}\n"
        f"devices:\n{lines}\n"
    )


def report(
    title: str,
    rounds: int,
    checkouts: Sequence[Path],
    measure: Callable[[Path], tuple[float, float]],
) -> None:
    """Measure so many times, one checkout after the other; print a line of each."""
    for checkout in checkouts:
        measure(checkout)
    taken = [[measure(checkout) for checkout in checkouts] for _ in range(rounds)]
    for checkout, seconds in zip(checkouts, zip(*taken, strict=True), strict=True):
        cells = [
            f"{statistics.median(each):.3f} s ({min(each):.3f} to {max(each):.3f})"
            for each in zip(*seconds, strict=True)
        ]
        name = title if checkout == ROOT else "    before"
        print(f"{name:41} clock {cells[0]}, CPU {cells[1]}")


def main(arguments: argparse.Namespace) -> None:
    """Measure all three."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # every installation has compiled modules
    rounds, checkouts = arguments.rounds, [ROOT, *arguments.before]
    report("python -c pass", rounds, [ROOT], bare)
    report(f"collector --help (< {HELP_PROMISED:g} s)", rounds, checkouts, helped)
    for devices in (1, arguments.devices):
        title = f"first packet, {devices} devices (< {PACKET_PROMISED:g} s)"
        report(title, rounds, checkouts, partial(knocked, devices))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--before", type=Path, action="append", default=[], metavar="FOLDER")
    main(parser.parse_args())
