"""``collector hostkeys list|scan|forget``: the SSH keys by which devices are known."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from collector.cli.inventory import inventory_of, settings_with
from collector.cli.options import (
    ConfigOption,
    FormatOption,
    InventoryOption,
    LimitOption,
)
from collector.cli.streams import standard_output, tell
from collector.errors import Exit, InputError, SelectionError
from collector.log import counted, one_line
from collector.model import Device, Fault, HostKeys, Transport
from collector.views import Format
from collector.views.text import describe

if TYPE_CHECKING:
    from collector.driver.scanning import Scanned
    from collector.inventory import Inventory

app = typer.Typer(help="The SSH host keys of devices: what is on file, and what devices show.")

LISTED = ("device", "host", "port", "key", "line")
NAMED = 5  # devices named in a line; the others are counted
SCANNED = ("device", "host", "port", "finding", "key")


@app.command("list")
def list_keys(
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> None:
    """List the keys on file for devices, each with its line in the known_hosts file."""
    from collector.driver.hostkeys import KnownHosts, fingerprint

    settings = settings_with(inventory, config)
    known = KnownHosts(settings.known_hosts, HostKeys.STRICT)
    rows = []
    for device in _selected(inventory_of(settings), limit):
        keys = known.entries_for(device.host, device.port)
        lines = [(fingerprint(k), known.line_of(device.host, device.port, k)) for k in keys]
        for key, line in lines or [("", 0)]:
            rows.append({**_address(device), "key": key or None, "line": line or None})
    _show(rows, LISTED, shape)


@app.command("scan")
def scan_keys(
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    record: Annotated[
        bool, typer.Option("--record", help="Put the keys of unknown devices on file.")
    ] = False,
    shape: FormatOption = None,
    config: ConfigOption = None,
) -> int:
    """Ask devices for their keys and compare; nobody logs in, no credential is needed.

    Only a jump host is logged in to, with its own credential, for the devices behind it.

    Compare the fingerprints with those that the devices' own consoles show.
    """
    from collector.credentials import Credentials
    from collector.driver.hostkeys import KnownHosts
    from collector.driver.scanning import scan

    settings = settings_with(inventory, config)
    policy = HostKeys.ACCEPT_NEW if record else HostKeys.STRICT
    known = KnownHosts(settings.known_hosts, policy)
    read = inventory_of(settings)
    devices = _with_jumps(_selected(read, limit))
    credentials = Credentials(read.credentials, os.environ)
    credentials.check({jump.credential for device in devices for jump in device.jumps})
    at_once, seconds = settings.limits.connecting, settings.timeouts.connect
    found = asyncio.run(scan(devices, known, credentials, at_once=at_once, seconds=seconds))
    _show([_scanned_row(each) for each in found], SCANNED, shape)
    _tell_bad([each for each in found if not each.good])
    if all(each.good for each in found):
        return Exit.OK
    return Exit.SOME_FAILED if any(each.good for each in found) else Exit.ALL_FAILED


@app.command("forget")
def forget_keys(
    which: Annotated[
        list[str],
        typer.Argument(
            metavar="WHICH...",
            help="The devices, in the words of --limit; several are one list, as with commas.",
        ),
    ],
    inventory: InventoryOption = None,
    limit: LimitOption = None,
    config: ConfigOption = None,
) -> None:
    """Take the keys of devices off the file, after a device was replaced.

    Authorities, revoked keys and patterns stay: they speak of more than one device.
    """
    from collector.driver.hostkeys import forget

    settings = settings_with(inventory, config)
    read = inventory_of(settings)
    try:
        devices = _selected(read, (",".join(which), *(limit or ())))
    except SelectionError as error:
        if limit:
            raise
        # They were given without the option.
        raise SelectionError(*(each.removeprefix("--limit ") for each in error.problems)) from None
    lines = forget(settings.known_hosts, [(device.host, device.port) for device in devices])
    count = counted(len(lines), "line")
    tell(f"{settings.known_hosts}: {count} taken off for {', '.join(d.name for d in devices)}")


def _selected(inventory: Inventory, limit: Sequence[str] | None) -> tuple[Device, ...]:
    """Select among the devices and the jump hosts, which have keys as well."""
    from collector.inventory import select

    taken = {device.name for device in inventory.devices}
    jumps = [jump.as_device() for jump in inventory.jumps if jump.name not in taken]
    chosen = select([*inventory.devices, *jumps], limit or ())
    devices = tuple(device for device in chosen if device.transport is Transport.SSH)
    if not devices:
        raise InputError("no selected device is reached by SSH: telnet has no host keys")
    return devices


def _with_jumps(devices: Sequence[Device]) -> tuple[Device, ...]:
    """Add the jump hosts on the way: they have to be known before anything behind them."""
    passed = dict.fromkeys(jump for device in devices for jump in device.jumps)
    known = {(device.host, device.port, device.jump) for device in devices}
    missing = (jump for jump in passed if (jump.host, jump.port, jump.jump) not in known)
    return (*devices, *(jump.as_device() for jump in missing))


def _address(device: Device) -> dict[str, Any]:
    return {"name": device.name, "host": device.host, "port": device.port}


def _scanned_row(scanned: Scanned) -> dict[str, Any]:
    fault = scanned.fault
    return {
        **_address(scanned.device),
        "finding": scanned.finding.value,
        "key": scanned.fingerprint or None,
        "on_file": list(scanned.on_file),
        "class": fault.fault_class.value if fault else None,
        "message": fault.message if fault else None,
        "hint": (fault.hint or None) if fault else None,
    }


def _tell_bad(found: Sequence[Scanned]) -> None:
    """Say what is wrong, once for all devices that share it: those behind a jump host."""
    alike: dict[Fault, list[str]] = {}
    for scanned in found:
        if scanned.fault:
            alike.setdefault(scanned.fault, []).append(scanned.device.name)
        else:
            _tell_changed(scanned)
    for fault, names in alike.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        tell(f"{', '.join(names[:NAMED])}{more}: {describe(fault)}")
        if fault.hint:
            tell(f"  next: {one_line(fault.hint)}")


def _tell_changed(scanned: Scanned) -> None:
    name, on_file = scanned.device.name, ", ".join(scanned.on_file)
    tell(f"{name}: the host key has changed: {scanned.fingerprint}, but {on_file} is on file")
    tell(f"  next: find out why; if the device was replaced: collector hostkeys forget {name}")


def _show(rows: list[dict[str, Any]], headings: Sequence[str], shape: Format | None) -> None:
    from collector.views.rows import json_text
    from collector.views.table import columns

    if shape in {Format.JSON, Format.JSONL}:
        text = json_text(rows, lines=shape is Format.JSONL)
    else:
        keys = ["name" if heading == "device" else heading for heading in headings]
        cells = [tuple(str(row[key] or "-") for key in keys) for row in rows]
        text = columns(headings, cells)
    standard_output().write_text(text)
