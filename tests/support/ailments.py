"""A fleet in which everything goes wrong that can be emulated, and the truth about each device.

Owns what is served, what an inventory says of it, and what must be told of it afterwards.
``python ailments.py COUNT`` serves it from a process of its own, so that its cost is not ours: it
prints where each device is, then for every line that it reads how many connections stand. Refuses
to know who collects, and what that costs.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import asyncssh
from support.hostile import HOSTILE, Script, Steps, drop, played, shell_of
from support.modes import (
    BACKUP,
    BYTES,
    CONFIG,
    CONFIGURATIONS,
    DENIALS,
    FIRST,
    LINES,
    LINKS,
    LOGINS,
    OPENINGS,
    PAGERS,
    PROMPTS,
    SECOND,
    SHORT,
    SILENCES,
    VERSION,
    Mode,
    text,
)

from collector.collect.system import raise_open_files
from collector.lab import Lab, LabDevice, LabFault, Pace, TelnetLogin, truth
from collector.model import FaultClass, Phase, Transport

COMMANDS = (FIRST, BACKUP, SECOND)
PLATFORMS = ("cisco_iosxe", "arista_eos", "cisco_nxos", "generic")
REJECTIONS = 3
OUTPUT_LIMIT = 4 << 20

Told = tuple[str, str | None, str | None]
"""Status, class and phase, as the manifest has them."""

OK: Told = ("ok", None, None)
REJECTED: Told = ("failed", "auth", "auth")
NOT_TRIED: Told = ("skipped", "auth_breaker", "auth")


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """What is wrong with a device.

    ``told`` is the truth of the first run and of each after it; the last one stays true. None of
    it: the credential is wrong for many, so that ``REJECTIONS`` are rejected and the rest not
    tried. ``or_else`` is as true as the last: which of them is seen is a race. ``entry`` is what
    its inventory says besides, ``limit`` the timeout that ends its silence. ``has_room`` and
    ``is_current`` are not true of a host whose queue of connections is full, and of one that is
    too old for us.
    """

    told: tuple[Told, ...] = (OK,)
    or_else: Told | None = None
    device: LabDevice = field(default_factory=lambda: LabDevice(name="", platform="cisco_iosxe"))
    script: Script | None = None
    outputs: Mapping[str, bytes] = field(default_factory=lambda: MappingProxyType({}))
    entry: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    limit: str | None = None
    is_known_by_another_key: bool = False
    has_credential_of_its_own: bool = False
    has_room: bool = True
    is_current: bool = True


_LIMITS: Mapping[Phase, str] = {
    **dict.fromkeys((Phase.CONNECT, Phase.KEX), "connect"),
    **dict.fromkeys((Phase.AUTH, Phase.CHANNEL, Phase.LOGIN), "login"),
    Phase.COMMAND: "command",
}


def healthy(**character: Any) -> Ailment:
    """Give a device with nothing wrong but its character."""
    platform = character.setdefault("platform", "cisco_iosxe")
    device = LabDevice(name="", **character)
    entry = {"platform": platform, "transport": device.transport.value}
    return Ailment(device=device, entry=entry)


def broken(fault: LabFault, fault_class: FaultClass, phase: Phase) -> Ailment:
    """Give an emulated device with a fault."""
    told: Told = ("failed", fault_class.value, phase.value)
    device = LabDevice(name="", platform="cisco_iosxe", fault=fault)
    limit = _LIMITS[phase] if fault_class is FaultClass.TIMEOUT else None
    return Ailment(told=(told,), device=device, limit=limit)


def misbehaving(mode: Mode) -> Ailment:
    """Give a device that does as the mode says, and answers the other commands well."""
    return Ailment(
        told=(_told(mode),),
        script=replace(mode.script, answers={**_PLAIN, **mode.script.answers}),
        outputs=_WHOLE if mode.whole is None else {**_WHOLE, mode.command: mode.whole},
        entry={"platform": mode.platform},
        limit=_LIMITS[mode.phase] if mode.phase and mode.limits == SHORT else None,
    )


_PLAIN: Mapping[str, Sequence[Steps]] = {
    BACKUP: ((CONFIG,),),
    FIRST: ((LINES,),),
    SECOND: ((VERSION,),),
}
_WHOLE = {command: text(answers[0]) for command, answers in _PLAIN.items()}


def _told(mode: Mode) -> Told:
    if mode.fault is None:
        return OK
    # One command of three is not good; or the session has ended before any was.
    status = "failed" if mode.phase else "partial"
    return status, mode.fault.value, (mode.phase or Phase.COMMAND).value


def _scripted(answers: Mapping[str, Sequence[Steps]], *told: Told) -> Ailment:
    script = Script(answers={**_PLAIN, **answers})
    return Ailment(told=told or (OK,), script=script, outputs=_WHOLE)


HEALTHY: Mapping[str, Ailment] = {
    "iosxe": healthy(),
    "eos": healthy(platform="arista_eos"),
    "nxos": healthy(platform="cisco_nxos"),
    "telnet": healthy(transport=Transport.TELNET),
    "paged": healthy(page_lines=20),
    "thoughtful": healthy(think=0.5),
    "slow": healthy(pace=Pace(chunk=200, delay=0.02)),
    "huge": healthy(size=700_000),
    "clinging": healthy(fault=LabFault.SLOW_CLOSE),
}

UNREACHED: Mapping[str, Ailment] = {
    "hung-connect": Ailment(
        told=(("failed", "timeout", "connect"),), has_room=False, limit="connect"
    ),
    "no-route": Ailment(
        told=(("failed", "unreachable", "connect"),), entry={"host": "127.255.255.255"}
    ),
    "no-such-name": Ailment(told=(("failed", "dns", "resolve"),), entry={"host": f"{'x' * 64}.y"}),
    "old": Ailment(told=(("failed", "kex", "kex"),), is_current=False),
    "reset": replace(
        broken(LabFault.RESET, FaultClass.BUSY, Phase.KEX), or_else=("failed", "busy", "connect")
    ),
    "garbage": broken(LabFault.GARBAGE, FaultClass.TIMEOUT, Phase.KEX),
    "impostor": Ailment(told=(("failed", "hostkey", "hostkey"),), is_known_by_another_key=True),
    "no-job": Ailment(
        told=(("skipped", "skipped", "inventory"),), entry={"platform": "juniper_junos"}
    ),
}

UNTRUSTED: Mapping[str, Ailment] = {
    "other-password": Ailment(
        told=(REJECTED,),
        device=LabDevice(name="", platform="cisco_iosxe", password="other"),
        has_credential_of_its_own=True,
    ),
    "other-password-telnet": Ailment(
        told=(REJECTED,),
        device=LabDevice(
            name="",
            platform="cisco_iosxe",
            password="other",
            transport=Transport.TELNET,
            telnet=TelnetLogin(attempts=1),
        ),
        entry={"transport": "telnet"},
        has_credential_of_its_own=True,
    ),
    "other-enable": Ailment(
        told=(("failed", "enable", "login"),),
        device=LabDevice(name="", platform="cisco_iosxe", enable="other"),
    ),
    **{
        f"wrong-for-many-{number}": Ailment(
            told=(),
            device=LabDevice(name="", platform="cisco_iosxe", password="other"),
            entry={"credential": "wrong"},
        )
        for number in range(REJECTIONS + 2)
    },
}

LOST: Mapping[str, Ailment] = {
    "silent": broken(LabFault.SILENT_COMMAND, FaultClass.TIMEOUT, Phase.COMMAND),
    "stalled": broken(LabFault.STALL_OUTPUT, FaultClass.TIMEOUT, Phase.COMMAND),
    "dropped": broken(LabFault.DROP_OUTPUT, FaultClass.DISCONNECTED, Phase.COMMAND),
    "closed": broken(LabFault.EOF_OUTPUT, FaultClass.DISCONNECTED, Phase.COMMAND),
    "endless": broken(LabFault.ENDLESS_OUTPUT, FaultClass.OUTPUT_LIMIT, Phase.COMMAND),
    "dropped-once": _scripted({FIRST: ((b"half", drop), (LINES,))}),
    "shrunk": _scripted(
        {BACKUP: ((b"! spare\r\n" * 100 + CONFIG,), (CONFIG,))},
        OK,
        ("partial", "suspect", "command"),
    ),
}

_LONG = {"a prompt and a pause at every line"}  # whose every pause is waited for, time after time
# A device that keeps silent at what may be its prompt, or at a pager: late, or refused before that.
_EITHER: Mapping[str, Told] = {
    "at a line like the prompt": ("failed", "incomplete", "command"),
    "a pager that does not go on": ("failed", "timeout", "command"),
    "a pager that wants a whole line": ("failed", "timeout", "command"),
}
_MODES: Mapping[str, Mapping[str, Mode]] = {
    "opening": {name: mode for name, mode in OPENINGS.items() if name != "reset at the banner"},
    "prompt": {name: mode for name, mode in PROMPTS.items() if name not in _LONG},
    "pager": PAGERS,
    "denial": DENIALS,
    "login": LOGINS,
    "configuration": CONFIGURATIONS,
    "bytes": BYTES,
    "link": LINKS,
    "silence": SILENCES,
}

SICK: Mapping[str, Ailment] = {
    **UNREACHED,
    **UNTRUSTED,
    **LOST,
    **{
        f"{group}-{number}": replace(misbehaving(mode), or_else=_EITHER.get(name))
        for group, modes in _MODES.items()
        for number, (name, mode) in enumerate(modes.items())
    },
}


def fleet(count: int) -> Mapping[str, Ailment]:
    """Give so many devices by name: every other one is healthy, and each ailment occurs in turn."""
    kinds = [[*HEALTHY.items()], [*SICK.items()]]
    chosen = [kinds[number % 2][number // 2 % len(kinds[number % 2])] for number in range(count)]
    return {f"{number:04}-{kind}": ailment for number, (kind, ailment) in enumerate(chosen)}


def device_of(name: str, ailment: Ailment) -> LabDevice:
    """Give the device that the lab serves."""
    if ailment.script is None:
        return replace(ailment.device, name=name)
    return played(name, ailment.script)


def is_true(told: Told, ailment: Ailment, number: int) -> bool:
    """Say whether that may be told of a device after its run of that number, from 0."""
    truth_of_it = ailment.told[min(number, len(ailment.told) - 1)]
    if told in {truth_of_it, ailment.or_else}:
        return True
    if told[:2] != truth_of_it[:2] or told[1] != FaultClass.TIMEOUT:
        return False
    # The limit is what must be right: how far a device came in it depends on how busy we are.
    return _LIMITS[Phase(told[2] or "")] == _LIMITS[Phase(truth_of_it[2] or "")]


def output_of(name: str, ailment: Ailment, command: str) -> bytes:
    """Give what a command's whole output is."""
    if ailment.script is not None:
        return ailment.outputs[command]
    return truth(device_of(name, ailment), command).encode()


def inventory_of(count: int, ports: Mapping[str, int], silence: float) -> dict[str, Any]:
    """Give the inventory that leads to the fleet; the silent are waited for ``silence`` seconds."""
    members = fleet(count)
    right = {"username": "admin", "password": "admin", "enable": "enable"}
    own = {name for name, ailment in members.items() if ailment.has_credential_of_its_own}
    devices = {
        name: {
            "host": "127.0.0.1",
            "port": ports[name],
            "credential": name if name in own else "lab",
            **ailment.entry,
            **({"timeouts": {ailment.limit: silence}} if ailment.limit else {}),
        }
        for name, ailment in members.items()
    }
    return {
        "defaults": {"platform": "cisco_iosxe"},
        "credentials": {"lab": right, "wrong": right} | dict.fromkeys(own, right),
        "devices": devices,
    }


def known_hosts_of(count: int, ports: Mapping[str, int]) -> str:
    """Give the keys on file: those of the hosts that show another one."""
    key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
    return "".join(
        f"[127.0.0.1]:{ports[name]} {key}"
        for name, ailment in fleet(count).items()
        if ailment.is_known_by_another_key
    )


@asynccontextmanager
async def served(count: int) -> AsyncIterator[tuple[Lab, Mapping[str, int]]]:
    """Serve the fleet; give the lab that plays most of it, and every device's port."""
    members = fleet(count)
    scripts = {name: each.script for name, each in members.items() if each.script is not None}
    devices = [
        device_of(name, each) for name, each in members.items() if each.has_room and each.is_current
    ]
    async with AsyncExitStack() as stack:
        shells = {HOSTILE: shell_of(scripts)}
        lab = await stack.enter_async_context(Lab(devices, shells=shells))
        ports = {device.name: lab.port(device.name) for device in devices}
        for name, each in members.items():
            if not each.has_room:
                ports[name] = stack.enter_context(_full()).getsockname()[1]
            elif not each.is_current:
                ports[name] = (await stack.enter_async_context(await _old())).get_port()
        yield lab, ports


@contextmanager
def _full() -> Iterator[socket.socket]:
    """Give a socket whose queue is full: whoever knocks next hears nothing, as of a dead host."""
    with socket.socket() as listening, socket.socket() as queued:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)  # of Linux: a queue of one
        queued.connect(listening.getsockname())
        yield listening


async def _old() -> asyncssh.SSHAcceptor:
    key = asyncssh.generate_private_key("ssh-ed25519")
    algorithms = ["diffie-hellman-group1-sha1"]
    return await asyncssh.listen("127.0.0.1", 0, server_host_keys=[key], kex_algs=algorithms)


async def serve(count: int) -> None:
    """Serve until the input ends."""
    raise_open_files()
    async with served(count) as (lab, ports):
        print(json.dumps(ports), flush=True)
        while await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps({"open": lab.open_connections}), flush=True)


if __name__ == "__main__":
    logging.disable(logging.ERROR)  # asyncio's, of sessions that are cut in the midst of a write
    asyncio.run(serve(int(sys.argv[1])))
