"""A fleet of emulated devices in a process of its own, so that its cost is not ours.

``python fleet.py COUNT THINK`` serves IOS-XE devices ``d0000``...: of every 50, five refuse and one
is silent after a command. Prints one JSON line, name -> port, and serves until its input ends.
"""

from __future__ import annotations

import asyncio
import json
import sys

from collector.lab import Lab, LabDevice, LabFault


def fault_of(number: int) -> LabFault:
    """Tell how a device of the fleet misbehaves: 10% refuse, 2% fall silent."""
    if number % 10 == 3:
        return LabFault.REFUSE
    return LabFault.SILENT_COMMAND if number % 50 == 7 else LabFault.NONE


def name_of(number: int) -> str:
    """Name a device of the fleet."""
    return f"d{number:04}"


async def serve(count: int, think: float) -> None:
    devices = [
        LabDevice(name=name_of(n), platform="cisco_iosxe", think=think, fault=fault_of(n))
        for n in range(count)
    ]
    async with Lab(devices) as lab:
        print(json.dumps({device.name: lab.port(device.name) for device in devices}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
        print(json.dumps({"open": lab.open_connections}), flush=True)


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2])))
