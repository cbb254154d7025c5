"""The driver without the program around it: a connector, and a device asked some commands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from collector.credentials import Credentials, CredentialSpec
from collector.driver import DeviceConnector
from collector.model import CommandResult, Device, HostKeys, Timeouts
from collector.platforms import Platform, load_platforms
from collector.settings import Settings


def connector(
    *,
    password: str = "admin",
    enable: str | None = "enable",
    settings: Settings | None = None,
    platforms: Mapping[str, Platform] | None = None,
) -> DeviceConnector:
    """Give a connector with one credential, ``lab``, that trusts any host key unless told else."""
    spec = CredentialSpec(name="lab", username="admin", password=password, enable=enable)
    chosen = settings or Settings(host_keys=HostKeys.OFF, known_hosts=Path("unused"))
    known = platforms or load_platforms(chosen.platforms)
    return DeviceConnector(chosen, known, Credentials({"lab": spec}, {}))


def device(name: str, port: int, platform: str) -> Device:
    """Give a device on loopback; `dataclasses.replace` changes the rest."""
    return Device(name=name, host="127.0.0.1", port=port, platform=platform, credential="lab")


async def ask(
    opener: DeviceConnector,
    target: Device,
    commands: Iterable[str],
    *,
    timeouts: Timeouts | None = None,
) -> list[CommandResult]:
    """Open a session, ask the commands, look once more, hang up."""
    limits = timeouts or Timeouts()
    session = await opener.open(target, limits)
    try:
        results = [await session.run(command, timeout=limits.command) for command in commands]
        assert await session.finish() == ()
        return results
    finally:
        await session.close()
