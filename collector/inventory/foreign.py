"""Devices as another collector lists them, and the native inventory that is written of them.

Owns the names of the platforms in other words (``data/models.yaml``), and that no secret is
written: a reference ``${VAR}`` stands for each. Refuses to know how the other collector's files are
read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from collector.document import load_document
from collector.inventory.keys import NAME
from collector.model import Device, Transport

GENERIC: Final = "generic"
_DATA: Final = Path(__file__).parent / "data" / "models.yaml"
_LONGEST_HOST: Final = 253
_HOST: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%-]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What a device is logged in to with; which secrets there are tells logins apart."""

    username: str = ""
    password: str = field(default="", repr=False)
    enable: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignDevice:
    """One line of the other collector's list; ``file`` is where its history is, in ``repository``.

    ``off``: the other one does not collect it. ``port`` 0: that of the transport.
    """

    name: str
    host: str
    model: str
    group: str = ""
    port: int = 0
    transport: Transport = Transport.SSH
    login: Login = Login()
    off: bool = False
    repository: Path
    file: str

    @property
    def is_usable(self) -> bool:
        """Tell whether its name and host can stand in an inventory."""
        good_host = len(self.host) <= _LONGEST_HOST and _HOST.fullmatch(self.host)
        return bool(NAME.fullmatch(self.name) and good_host)

    @property
    def groups(self) -> tuple[str, ...]:
        """Its group, where an inventory can have one of that name."""
        return (self.group,) if NAME.fullmatch(self.group) else ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """All that another collector says; ``remarks`` has a line for each thing that was not clear."""

    collector: str
    devices: tuple[ForeignDevice, ...]
    remarks: tuple[str, ...] = ()

    def platform(self, device: ForeignDevice) -> str:
        """Give the platform of a device; `GENERIC` where its model is not known here."""
        return models(self.collector).get(device.model, GENERIC)

    def unknown_models(self) -> Mapping[str, int]:
        """Count the devices of each model that is not known here."""
        counts: dict[str, int] = {}
        for device in self.devices:
            if device.model not in models(self.collector):
                counts[device.model] = counts.get(device.model, 0) + 1
        return counts

    def device(self, device: ForeignDevice) -> Device:
        """Make what the path of its backup depends on."""
        return Device(
            name=device.name,
            host=device.host,
            platform=self.platform(device),
            credential="",
            groups=device.groups,
        )


@cache
def models(collector: str) -> Mapping[str, str]:
    """Give the platform of each model that a collector names."""
    found: Mapping[str, str] = load_document(_DATA).data[collector]
    return found


def inventory_text(foreign: Foreign) -> tuple[str, tuple[str, ...]]:
    """Write the native inventory; gives it with the variables that have to be set for it."""
    written = [device for device in foreign.devices if device.is_usable]
    names, variables = _credentials(foreign.collector, [d.login for d in written])
    groups = sorted({group for device in written for group in device.groups})
    lines = [
        f"# Imported from {foreign.collector}; the secrets are in the variables that it names.",
        "credentials:",
        *(_credential(name, login) for login, name in names.items()),
        *(["groups:"] if groups else []),
        *(f"  {_quoted(group)}: {{}}" for group in groups),
        "devices:",
        *(_device(foreign, device, names[device.login]) for device in written),
    ]
    return "\n".join(lines) + "\n", variables


def _credentials(
    collector: str, logins: Sequence[Login]
) -> tuple[dict[Login, str], tuple[str, ...]]:
    names: dict[Login, str] = {}
    for login in logins:
        number = len(names) + 1
        names.setdefault(login, collector if number == 1 else f"{collector}-{number}")
    variables = [
        _variable(name, key) for login, name in names.items() for key in _referenced(login)
    ]
    return names, tuple(variables)


def _referenced(login: Login) -> Iterator[str]:
    if not login.username or "$" in login.username:
        yield "username"
    yield "password"
    if login.enable:
        yield "enable"


def _variable(name: str, key: str) -> str:
    return f"{name}_{key}".upper().replace("-", "_")


def _credential(name: str, login: Login) -> str:
    referenced = list(_referenced(login))
    keys = [] if "username" in referenced else [f"username: {_quoted(login.username)}"]
    keys += [f'{key}: "${{{_variable(name, key)}}}"' for key in referenced]
    return f"  {name}: {{{', '.join(keys)}}}"


def _device(foreign: Foreign, device: ForeignDevice, credential: str) -> str:
    keys = [
        f"host: {_quoted(device.host)}",
        f"platform: {foreign.platform(device)}",
        f"credential: {credential}",
        *(f"groups: [{_quoted(group)}]" for group in device.groups),
        *([f"port: {device.port}"] if device.port else []),
        *(["transport: telnet"] if device.transport is Transport.TELNET else []),
    ]
    off = "# not collected there:" if device.off else ""
    return f"{off}  {_quoted(device.name)}: {{{', '.join(keys)}}}"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)
