"""The keys of the native inventory, and what each may hold.

Owns types and bounds of single values. Refuses to know how devices, groups and defaults merge, and
whether a name that is used is defined.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag

from collector.document.keys import Closed, Secret, Section, TimeoutKeys, Word
from collector.model import ProofLevel, SshProfile, Transport

NO_JUMP: Final = "none"
"""The word for no jump host, where a group or the defaults name one."""
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:@+-]{0,127}")

_OCTET = r"(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")
_IPV6: Final = re.compile(r"(?=.*:.*:)[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,32})?")
_HOST: Final = re.compile(r"(?=.{1,253}$)[^\W_](?:[\w-]*[^\W_])?(?:\.[\w](?:[\w-]*\w)?)*\.?")
_NUMERIC: Final = re.compile(r"[0-9.]+")


def _host(text: str) -> str:
    if _IPV4.fullmatch(text) or _IPV6.fullmatch(text):
        return text
    if _HOST.fullmatch(text) and not _NUMERIC.fullmatch(text):
        return text
    raise ValueError("expected a host name or an IP address")  # the port has a key of its own


Host = Annotated[str, AfterValidator(_host)]
Port = Annotated[int, Field(strict=True, ge=1, le=65535)]


def _text_or_list(value: object) -> str:
    """Tell the form that a credential is named in; angle brackets mark it as no key."""
    return "<list>" if isinstance(value, list) else "<text>"


def _each_once(names: list[str]) -> list[str]:
    if len({*names}) < len(names):
        raise ValueError("expected each credential once")
    return names


def _alone(value: object) -> object:
    if isinstance(value, list):
        raise ValueError("expected one name, a jump host has no fall-back")  # noqa: TRY004 - pydantic's
    return value


Names = Annotated[
    Annotated[Word, Tag("<text>")]
    | Annotated[list[Word], Field(min_length=1), AfterValidator(_each_once), Tag("<list>")],
    Discriminator(_text_or_list),
]
"""The credential of a device, or a list of it and those that it falls back on."""

# What is not given stays unset, and is looked for in the next place: see native.py. The defaults
# stand in for it; those that could be changed have a factory, as pydantic copies them otherwise,
# which took half the time of 10,000 devices.

_NO_TIMEOUTS = TimeoutKeys.model_construct()


class SharedKeys(Closed):
    """What defaults, groups and devices may all say."""

    platform: Word = ""
    credential: Names = ""
    port: Port = 22
    transport: Transport = Transport.SSH
    tags: Annotated[dict[str, str], Section] = Field(default_factory=dict)
    timeouts: Annotated[TimeoutKeys, Section] = Field(default_factory=lambda: _NO_TIMEOUTS)
    proof: ProofLevel = ProofLevel.FULL
    jump: Word = NO_JUMP
    ssh_profile: SshProfile = SshProfile.DEFAULT


def _not_for_all(profile: SshProfile) -> SshProfile:
    if profile is SshProfile.LEGACY:
        raise ValueError("legacy is not for all devices: say it of the device or group in need")
    return profile


class DefaultKeys(SharedKeys):
    """What holds for every device; weak algorithms are not among it."""

    ssh_profile: Annotated[SshProfile, AfterValidator(_not_for_all)] = SshProfile.DEFAULT


class DeviceKeys(SharedKeys):
    """One device."""

    host: Host
    groups: list[Word] = Field(default_factory=list)


class JumpKeys(Closed):
    """One jump host."""

    host: Host
    port: Port = 22
    credential: Annotated[Word, BeforeValidator(_alone)]
    sessions: Annotated[int, Field(strict=True, ge=0, le=1_000_000)] = 0
    jump: Word = NO_JUMP
    ssh_profile: SshProfile = SshProfile.DEFAULT


class CredentialKeys(Closed):
    """One credential: texts that may hold ``${VAR}``, and sources of secrets."""

    username: Word
    password: Secret = None
    enable: Secret = None
    private_key: str | None = None
    passphrase: Secret = None
    agent: bool = False


class InventoryKeys(Closed):
    """The whole file."""

    defaults: Annotated[DefaultKeys, Section] = DefaultKeys.model_construct()
    credentials: Annotated[dict[str, CredentialKeys], Section] = Field({})
    jumps: Annotated[dict[str, Annotated[JumpKeys, Section]], Section] = Field({})
    groups: Annotated[dict[str, Annotated[SharedKeys, Section]], Section] = Field({})
    devices: Annotated[dict[str, Annotated[DeviceKeys, Section]], Section]


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the values as they are validated."""
    return InventoryKeys.model_json_schema()


def inventory_schema() -> dict[str, Any]:
    """Return a JSON Schema for editors: ``${VAR}`` may stand for a value, a number for a text."""
    exported: dict[str, Any] = _lenient(schema())
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **exported,
        "title": "Inventory",
    }


def _lenient(part: Any) -> Any:
    if isinstance(part, list):
        return [_lenient(item) for item in part]
    if not isinstance(part, dict):
        return part
    lenient = {key: _lenient(value) for key, value in part.items()}
    if part.get("type") in {"integer", "number"} or "enum" in part:
        return {"anyOf": [lenient, {"type": "string", "pattern": r"\$\{"}]}
    if part.get("type") == "string":
        return {**lenient, "type": ["string", "number", "boolean"]}
    return lenient
