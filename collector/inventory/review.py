"""What is odd about an inventory without being wrong: the warnings of ``inventory check``.

Refuses to know what makes an inventory unusable: that is an error, and `native`'s.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from collector.credentials import is_template
from collector.document import Complaint, Document
from collector.inventory.native import Inventory, read_inventory
from collector.log import counted
from collector.model import Device, Transport


def check_inventory(
    path: Path | str,
    *,
    known_platforms: Collection[str] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> tuple[Inventory, tuple[str, ...]]:
    """Load an inventory and return it with a line per warning; blocking.

    Raises InputError as `load_inventory` does.
    """
    inventory, document = read_inventory(path, known_platforms=known_platforms, environ=environ)
    complaints = [
        *_same_address(inventory),
        *_unused(inventory, document),
        *_written_out(inventory, document, Path(path)),
        *_lists_over_telnet(inventory),
    ]
    return inventory, document.problems(complaints)


def _same_address(inventory: Inventory) -> Iterator[Complaint]:
    seen: dict[tuple[str, int], Device] = {}
    for device in inventory.devices:
        first = seen.setdefault((device.host.casefold(), device.port), device)
        if first is not device:
            message = f"the same address as {first.name}: {device.host} port {device.port}"
            if first.jump != device.jump:
                message += ", in another network; host keys go by address: give them names"
            yield Complaint(loc=("devices", device.name, "host"), message=message)


def _unused(inventory: Inventory, document: Document) -> Iterator[Complaint]:
    jumps = {jump for device in inventory.devices for jump in device.jumps}
    used = {
        "groups": {name for device in inventory.devices for name in device.groups},
        "jumps": {jump.name for jump in jumps},
        "credentials": {name for device in inventory.devices for name in device.credentials}
        | {jump.credential for jump in inventory.jumps},
    }
    for section, names in used.items():
        for name in document.data.get(section) or {}:
            if name not in names:
                message = f"no device uses the {section.removesuffix('s')} {name!r}"
                yield Complaint(loc=(section, name), message=message, at_key=True)


def _written_out(inventory: Inventory, document: Document, path: Path) -> Iterator[Complaint]:
    mode = stat.S_IMODE(path.stat().st_mode)
    if not mode & (stat.S_IRGRP | stat.S_IROTH):
        return
    for spec in inventory.credentials.values():
        for key in ("password", "enable", "passphrase"):
            template = spec.template(key)
            if template and not is_template(template):
                message = (
                    f"a secret written out in a file that others can read (mode {mode:04o}); "
                    f"write ${{VARIABLE}} instead, or chmod 600 {document.name}"
                )
                yield Complaint(loc=("credentials", spec.name, key), message=message)


def _lists_over_telnet(inventory: Inventory) -> Iterator[Complaint]:
    """Warn once: such devices have it from a group or the defaults, as a rule."""
    found = [
        device
        for device in inventory.devices
        if device.fallbacks and device.transport is Transport.TELNET
    ]
    if found:
        others = f" and {counted(len(found) - 1, 'other device')}" if len(found) > 1 else ""
        message = (
            f"a list of credentials over telnet, for {found[0].name}{others}: whoever is on the "
            "way can say that the authentication server is away, and is given each of them; "
            "name one, or use SSH"
        )
        yield Complaint(loc=("devices", found[0].name), message=message, at_key=True)
