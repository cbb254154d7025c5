"""``collector lab``: the devices of an inventory, emulated on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING

from collector.cli.inventory import read_inventory
from collector.cli.options import ConfigOption, InventoryOption, LimitOption
from collector.cli.streams import tell
from collector.errors import Exit
from collector.log import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from collector.inventory import Inventory
    from collector.lab import Lab, LabDevice
    from collector.model import Device


def lab(
    inventory: InventoryOption = None, limit: LimitOption = None, config: ConfigOption = None
) -> int:
    """Serve the devices of an inventory on loopback, until interrupted."""
    from collector.inventory import select

    read = read_inventory(inventory, config)
    chosen = select(read.devices, limit or ())
    devices = _emulated(read, chosen)
    jumps = dict.fromkeys(jump.name for device in chosen for jump in device.jumps)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(devices, lambda running: _say_ready(running, list(jumps))))
    return Exit.OK


def _emulated(inventory: Inventory, devices: Sequence[Device]) -> list[LabDevice]:
    """Turn inventory devices into emulated ones that take the credentials of the inventory.

    One with ``ssh_profile: legacy`` offers outdated algorithms alone, but has the key of all.
    """
    from collector.credentials import Credentials
    from collector.lab import OUTDATED, LabDevice, Offers
    from collector.model import SshProfile

    outdated = replace(OUTDATED, host_key=())
    credentials = Credentials(inventory.credentials, os.environ)
    credentials.check({device.credential for device in devices})
    emulated = []
    for device in devices:
        credential = credentials.get(device.credential)
        emulated.append(
            LabDevice(
                name=device.name,
                platform=device.platform,
                host=device.host,
                port=device.port,
                transport=device.transport,
                username=credential.username,
                password=credential.password,
                enable=credential.enable or "",
                offers=outdated if device.ssh_profile is SshProfile.LEGACY else Offers(),
            )
        )
    return emulated


async def _serve(devices: Sequence[LabDevice], ready: Callable[[Lab], None]) -> None:
    from collector.lab import serve

    serving = asyncio.ensure_future(serve(devices, ready=ready))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, serving.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await serving


def _say_ready(running: Lab, jumps: Sequence[str]) -> None:
    ports = sorted({running.port(name) for name in running.devices})
    devices = counted(len(running.devices), "device")
    tell(f"lab: {devices} on loopback, ports {ports[0]} to {ports[-1]}; Ctrl-C ends it")
    if jumps:
        named = f"jump host{'s' * (len(jumps) > 1)} {', '.join(jumps)}"
        tell(f"lab: no {named} here: what is behind is served without; say jump: none to meet it")
