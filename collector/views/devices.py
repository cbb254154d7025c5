"""Devices before anything is asked of them: the inventory's list, and a dry run's plan.

Owns how a device is told without its secret: the credential is a name here and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable

from collector.log import one_line
from collector.model import Assignment, Device, Transport
from collector.views.table import columns

_HEADINGS = ("device", "host", "port", "transport", "platform", "credential", "groups", "tags")


def device_table(devices: Iterable[Device]) -> str:
    """Give a line for each device under headings; the jump hosts where there are any."""
    listed = tuple(devices)
    if not any(device.jump for device in listed):
        return columns(_HEADINGS, [_cells(device) for device in listed])
    rows = [(*_cells(device), _way(device) or "-") for device in listed]
    return columns((*_HEADINGS, "jump"), rows)


def plan_text(assignments: Iterable[Assignment]) -> str:
    """Give a line for each device and an indented one for each command it would be sent."""
    return "".join(
        f"{_address(assignment.device)}\n"
        + "".join(f"    {one_line(command)}\n" for command in assignment.commands)
        for assignment in assignments
    )


def device_row(device: Device) -> dict[str, object]:
    """Give the device as a JSON object, by the names of the inventory file."""
    return {
        "name": device.name,
        "host": device.host,
        "port": device.port,
        "transport": device.transport,
        "ssh_profile": device.ssh_profile if device.transport is Transport.SSH else None,
        "platform": device.platform,
        "credential": device.credential,
        "fallbacks": list(device.fallbacks),
        "jump": [jump.name for jump in device.jumps],
        "groups": list(device.groups),
        "tags": dict(device.tags),
    }


def plan_row(assignment: Assignment) -> dict[str, object]:
    """Give the device and the commands it would be sent as a JSON object."""
    return {**device_row(assignment.device), "commands": list(assignment.commands)}


def _address(device: Device) -> str:
    where = f"{device.host}:{device.port}"
    jump = f"  jump={_way(device)}" if device.jump else ""
    return (
        f"{device.name}  {where}  {device.platform}  {device.transport}"
        f"  credential={_credentials(device)}{jump}"
    )


def _credentials(device: Device) -> str:
    """Name its credentials, the first before those that it falls back on."""
    return ",".join((device.credential, *device.fallbacks))


def _way(device: Device) -> str:
    """Name the jump hosts on the way, the nearest to us first."""
    return ">".join(jump.name for jump in device.jumps)


def _cells(device: Device) -> tuple[str, ...]:
    tags = " ".join(f"{key}={value}" for key, value in device.tags.items())
    return (
        device.name,
        device.host,
        str(device.port),
        device.transport,
        device.platform,
        _credentials(device),
        " ".join(device.groups),
        tags,
    )
