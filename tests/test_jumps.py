"""Devices behind jump hosts: one connection for all, and what becomes of them when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import socket
import struct
from collections.abc import Awaitable, Iterable
from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from support.jumphost import PASSWORD, USER, JumpHost
from support.sockets import becomes_true, open_sockets

from collector import collect
from collector.collect import loop_factory
from collector.credentials import Credentials, CredentialSpec
from collector.driver import DeviceConnector
from collector.errors import DeviceError
from collector.lab import Lab, LabDevice, LabFault
from collector.model import (
    Device,
    DeviceResult,
    FaultClass,
    HostKeys,
    Jump,
    Limits,
    Phase,
    Retries,
    Status,
    Timeouts,
    Transport,
)
from collector.platforms import load_platforms
from collector.settings import Settings

DEVICE_PASSWORD = "seen-by-the-device-alone"
COMMANDS = ("show clock",)


def lab_of(count: int, **keys: object) -> Lab:
    """Devices d00... of which each wants the device's own password."""
    return Lab(
        [
            LabDevice(
                name=f"d{n:02}",
                password=DEVICE_PASSWORD,
                **{"platform": "cisco_iosxe", **keys},  # type: ignore[arg-type]
            )
            for n in range(count)
        ]
    )


def behind(lab: Lab, jump: Jump | None, transport: Transport = Transport.SSH) -> list[Device]:
    """The devices of a lab, behind a jump host."""
    return [
        Device(
            name=name,
            host="127.0.0.1",
            port=lab.port(name),
            platform="cisco_iosxe",
            credential="lab",
            transport=transport,
            jump=jump,
        )
        for name in lab.devices
    ]


def credentials(hop: str = PASSWORD) -> Credentials:
    return Credentials(
        {
            "lab": CredentialSpec(
                name="lab", username="admin", password=DEVICE_PASSWORD, enable="enable"
            ),
            "hop": CredentialSpec(name="hop", username=USER, password=hop),
        },
        {},
    )


def settings(**keys: object) -> Settings:
    quick = Retries(attempts=2, backoff=0.01)
    given = {"host_keys": HostKeys.OFF, "known_hosts": Path("unused"), "retries": quick, **keys}
    return Settings(**given)  # type: ignore[arg-type]


async def collected(
    devices: Iterable[Device], hop: str = PASSWORD, **keys: object
) -> dict[str, DeviceResult]:
    results = collect(
        devices, credentials=credentials(hop), settings=settings(**keys), commands=COMMANDS
    )
    return {result.device.name: result async for result in results}


def statuses(results: dict[str, DeviceResult]) -> set[Status]:
    return {result.status for result in results.values()}


def faults(results: dict[str, DeviceResult]) -> set[tuple[FaultClass, Phase] | None]:
    return {
        (one.fault.fault_class, one.fault.phase) if one.fault else None for one in results.values()
    }


async def nothing_left(sockets: int, tasks: int) -> None:
    """Wait until this process holds no more than before."""
    await becomes_true(lambda: open_sockets() <= sockets and len(asyncio.all_tasks()) <= tasks)


async def test_all_devices_share_one_connection_within_its_limit(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with lab_of(8) as lab, JumpHost() as host:
        before = open_sockets(), len(asyncio.all_tasks())
        results = await collected(behind(lab, host.as_jump(sessions=3)))
        assert statuses(results) == {Status.OK}
        assert (host.connections, host.attempts, host.tunnels_ever) == (1, 1, 8)
        assert host.most_tunnels == 3
        await nothing_left(*before)
        assert not host.open
        # What the jump host relays is sealed for the device.
        assert DEVICE_PASSWORD.encode() not in host.heard
        assert sum(stats.logins for stats in lab.stats.values()) == 8
    assert PASSWORD not in caplog.text
    assert DEVICE_PASSWORD not in caplog.text


async def test_a_jump_host_is_opened_when_it_is_needed_only() -> None:
    async with lab_of(2) as lab, JumpHost() as host:
        assert statuses(await collected(behind(lab, None))) == {Status.OK}
        assert host.connections == 0


async def test_a_chain_goes_through_each_of_its_hosts_once() -> None:
    async with lab_of(5) as lab, JumpHost() as outer, JumpHost() as inner:
        edge = outer.as_jump("edge")
        core = inner.as_jump("core", jump=edge)
        before = open_sockets(), len(asyncio.all_tasks())
        results = await collected([*behind(lab, core)])
        assert statuses(results) == {Status.OK}
        assert (outer.connections, outer.tunnels_ever) == (1, 1)
        assert (inner.connections, inner.tunnels_ever) == (1, 5)
        assert PASSWORD.encode() not in outer.heard
        await nothing_left(*before)


async def test_telnet_goes_through_as_well() -> None:
    async with lab_of(3, transport=Transport.TELNET) as lab, JumpHost() as host:
        before = open_sockets(), len(asyncio.all_tasks())
        devices = behind(lab, host.as_jump(sessions=2), transport=Transport.TELNET)
        results = await collected(devices)
        assert statuses(results) == {Status.OK}
        assert (host.connections, host.tunnels_ever) == (1, 3)
        assert host.most_tunnels <= 2
        await nothing_left(*before)


async def test_a_jump_host_that_dies_is_opened_once_more() -> None:
    """Without ``enable``: who has just been sent that secret is not sent it once more."""
    async with lab_of(10, platform="cisco_nxos") as lab, JumpHost() as host:
        host.on_tunnel = lambda ever: host.die() if ever == 5 else None
        before = open_sockets(), len(asyncio.all_tasks())
        devices = behind(lab, host.as_jump(sessions=4))
        results = await collected([replace(each, platform="cisco_nxos") for each in devices])
        assert statuses(results) == {Status.OK}
        assert max(result.attempts for result in results.values()) == 2
        assert (host.connections, host.attempts) == (2, 2)
        assert host.most_tunnels <= 4
        await nothing_left(*before)


@pytest.mark.parametrize("transport", Transport)
async def test_it_is_the_jump_host_that_is_blamed_for_its_end(transport: Transport) -> None:
    async with (
        lab_of(
            2, transport=transport, fault=LabFault.SILENT_COMMAND, faulty_commands=COMMANDS
        ) as lab,
        JumpHost() as host,
    ):
        devices = behind(lab, host.as_jump(), transport=transport)
        task = asyncio.create_task(collected(devices, retries=Retries(attempts=1)))
        await becomes_true(lambda: all(COMMANDS[0] in stats.lines for stats in lab.stats.values()))
        await host.shut()
        results = await task
        assert faults(results) == {(FaultClass.JUMP, Phase.COMMAND)}


async def test_a_jump_host_that_dies_again_is_given_up_and_the_other_site_goes_on() -> None:
    async with lab_of(10) as lab, lab_of(6) as other, JumpHost() as host, JumpHost() as sound:
        host.on_tunnel = lambda ever: host.die() if ever in {2, 5} else None
        before = open_sockets(), len(asyncio.all_tasks())
        there = [
            replace(one, name=f"other-{one.name}") for one in behind(other, sound.as_jump("far"))
        ]
        results = await collected([*behind(lab, host.as_jump(sessions=2)), *there])
        failed = {name: one for name, one in results.items() if one.status is not Status.OK}
        assert (host.connections, sound.connections) == (2, 1)
        assert failed
        assert {one.status for one in failed.values()} == {Status.FAILED}
        assert {one.fault.fault_class for one in failed.values() if one.fault} == {FaultClass.JUMP}
        assert all(one.fault and one.fault.hint for one in failed.values())
        assert all(result.status is Status.OK for name, result in results.items() if "-" in name)
        assert any(one.fault and "lost again" in one.fault.message for one in failed.values())
        await nothing_left(*before)


async def test_a_rejected_credential_of_a_jump_host_is_tried_once() -> None:
    async with lab_of(50) as lab, lab_of(3) as other, JumpHost() as host:
        straight = [replace(one, name=f"straight-{one.name}") for one in behind(other, None)]
        devices = [*behind(lab, host.as_jump()), *straight]
        results = await collected(devices, hop="outdated")
        assert (host.connections, host.attempts, host.tunnels_ever) == (1, 1, 0)
        bad = {name: one for name, one in results.items() if "-" not in name}
        assert len(bad) == 50
        assert statuses(bad) == {Status.FAILED}
        assert faults(bad) == {(FaultClass.JUMP, Phase.CONNECT)}
        fault = bad["d00"].fault
        assert fault
        assert fault.message == "jump host edge: it rejected the credential (auth)"
        assert fault.hint.startswith("see to jump host edge first: check the credential by hand")
        assert {results[one.name].status for one in straight} == {Status.OK}
        assert not any(stats.ever for stats in lab.stats.values())


async def test_jump_hosts_share_the_breaker_of_their_credential() -> None:
    async with contextlib.AsyncExitStack() as stack:
        hosts = [await stack.enter_async_context(JumpHost()) for _ in range(8)]
        lab = await stack.enter_async_context(lab_of(8))
        devices = [
            replace(device, jump=host.as_jump(f"edge{n}"))
            for n, (device, host) in enumerate(zip(behind(lab, None), hosts, strict=True))
        ]
        results = await collected(devices, hop="outdated")
        assert sum(host.attempts for host in hosts) == 3
        assert max(host.attempts for host in hosts) == 1
        assert faults(results) == {(FaultClass.JUMP, Phase.CONNECT)}


async def test_an_impostor_sees_no_credential(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    async with lab_of(3) as lab:
        async with JumpHost() as host:
            first = await collected(
                behind(lab, host.as_jump()), known_hosts=path, host_keys=HostKeys.ACCEPT_NEW
            )
            assert statuses(first) == {Status.OK}
            jump, port = host.as_jump(), host.port
        # The key of a device is on file under its own address, not under that of the jump host.
        names = {line.split()[0] for line in path.read_text().splitlines()}
        assert names == {f"[127.0.0.1]:{p}" for p in (port, *map(lab.port, lab.devices))}
        async with JumpHost(port=port) as impostor:
            results = await collected(
                behind(lab, jump), known_hosts=path, host_keys=HostKeys.ACCEPT_NEW
            )
            assert (impostor.attempts, impostor.tunnels_ever) == (0, 0)
    assert faults(results) == {(FaultClass.JUMP, Phase.CONNECT)}
    assert all(
        one.fault and "jump host edge: the host key has changed" in one.fault.message
        for one in results.values()
    )


async def test_a_device_that_is_another_one_behind_the_same_jump_host_is_found_out(
    tmp_path: Path,
) -> None:
    path = tmp_path / "known_hosts"
    async with lab_of(1) as lab, JumpHost() as host:
        (device,) = behind(lab, host.as_jump())
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        path.write_text(f"[127.0.0.1]:{device.port} {other}")
        results = await collected([device], known_hosts=path, host_keys=HostKeys.ACCEPT_NEW)
        assert faults(results) == {(FaultClass.HOSTKEY, Phase.HOSTKEY)}
        assert lab.stats["d00"].logins == lab.stats["d00"].rejected_logins == 0


PROHIBITED = asyncssh.ChannelOpenError(asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED, "open failed")
OVERLOADED = asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "too many")
NO_ROUTE = asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "No route to host")
NO_NAME = asyncssh.ChannelOpenError(
    asyncssh.OPEN_CONNECT_FAILED, "Temporary failure in name resolution"
)


@pytest.mark.parametrize(
    ("refusal", "fault_class"),
    [
        (PROHIBITED, FaultClass.UNREACHABLE),
        (OVERLOADED, FaultClass.BUSY),
        (NO_ROUTE, FaultClass.UNREACHABLE),
        (NO_NAME, FaultClass.DNS),
        (None, FaultClass.REFUSED),
    ],
)
@pytest.mark.parametrize("transport", Transport)
async def test_what_the_jump_host_refuses_is_told_as_its_word(
    refusal: asyncssh.ChannelOpenError | None, fault_class: FaultClass, transport: Transport
) -> None:
    async with lab_of(1, fault=LabFault.REFUSE) as lab, JumpHost(refusal=refusal) as host:
        devices = behind(lab, host.as_jump(), transport=transport)
        results = await collected(devices)
        assert faults(results) == {(fault_class, Phase.CONNECT)}
        fault = results["d00"].fault
        assert fault
        assert fault.message.startswith("jump host edge opens no tunnel to it: ")
        assert "jump host" in fault.hint
        assert host.connections == 1


async def test_a_jump_host_that_is_not_there_is_named() -> None:
    async with lab_of(5) as lab:
        gone = Jump(name="gone", host="127.0.0.1", port=1, credential="hop")
        results = await collected(behind(lab, gone))
        assert faults(results) == {(FaultClass.JUMP, Phase.CONNECT)}
        assert "jump host gone: the connection was refused" in str(results["d00"].fault)


async def test_devices_behind_a_silent_jump_host_hold_no_place() -> None:
    silent = LabDevice(name="s", platform="cisco_iosxe", fault=LabFault.SILENT_TCP)
    async with lab_of(8) as lab, Lab([silent]) as dead:
        jump = Jump(name="dead", host="127.0.0.1", port=dead.port("s"), credential="hop")
        there = behind(lab, jump)
        here = [replace(one, name=f"here-{one.name}", jump=None) for one in there]
        stop, good = asyncio.Event(), 0
        found = []
        async for result in collect(
            [*there, *here],
            credentials=credentials(),
            # It is waited for longer than a test may take; two places, of which it has one.
            settings=settings(limits=Limits(sessions=2), timeouts=Timeouts(connect=600)),
            commands=COMMANDS,
            stop=stop,
        ):
            found.append(result)
            good += result.status is Status.OK
            if good == len(here):
                stop.set()
        assert [one.status for one in found] == [Status.OK] * 8 + [Status.SKIPPED] * 8
        assert all(one.attempts == 0 for one in found[8:])


class _Resetting:
    """A jump host that resets a connection that was made, before a word is said over it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.jump = Jump(
            name="hop", host="127.0.0.1", port=self._listener.getsockname()[1], credential="hop"
        )

    def __call__(self, phase: Phase, /) -> None:
        """Let every phase be."""

    async def turn(self, first: Awaitable[None]) -> None:
        """Reset the connection while it waits for its turn."""
        await first
        there, _ = self._listener.accept()
        there.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        there.close()
        self._listener.close()

    async def enabling(self) -> None:
        """Have nothing to wait for."""


async def _reset(there: _Resetting) -> FaultClass:
    connector = DeviceConnector(settings(), load_platforms({}), credentials())
    with pytest.raises(DeviceError) as caught:
        await connector.reach(there.jump, Timeouts(), there)
    return caught.value.fault.fault_class


def test_a_jump_host_that_resets_costs_nobody_else_a_connection() -> None:
    """uvloop closes the socket, and its number is another one's by the time it is thrown away."""
    gc.collect()
    gc.disable()  # what is thrown away stays until the number is another one's
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            assert runner.run(_reset(_Resetting())) is FaultClass.BUSY
            others = [socket.socketpair() for _ in range(8)]
            gc.collect()
            for near, far in others:
                with near, far:
                    near.send(b"still there")
                    assert far.recv(20) == b"still there"
    finally:
        gc.enable()


async def test_a_limit_that_a_jump_host_does_not_keep_is_named() -> None:
    silent = LabDevice(name="s", platform="cisco_iosxe", fault=LabFault.SILENT_TCP)
    async with lab_of(2) as lab, Lab([silent]) as dead:
        jump = Jump(name="dead", host="127.0.0.1", port=dead.port("s"), credential="hop")
        results = await collected(
            behind(lab, jump), timeouts=Timeouts(connect=0.3), retries=Retries(attempts=1)
        )
        assert faults(results) == {(FaultClass.JUMP, Phase.CONNECT)}
        assert "jump host dead: nothing more came in phase kex within 0.3 s" in str(
            results["d00"].fault
        )


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("when", ["opening", "asking"])
async def test_leaving_early_leaves_nothing(transport: Transport, when: str) -> None:
    fault = LabFault.SILENT_COMMAND if when == "asking" else LabFault.SILENT_TCP
    async with lab_of(4, fault=fault, transport=transport) as lab, JumpHost() as host:
        before = open_sockets(), len(asyncio.all_tasks())
        task = asyncio.create_task(collected(behind(lab, host.as_jump(), transport=transport)))
        await becomes_true(lambda: host.tunnels == 4)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await nothing_left(*before)
        assert not host.open


async def test_a_tunnel_that_comes_too_late_is_dropped() -> None:
    async with lab_of(1) as lab, JumpHost() as host:
        connector = DeviceConnector(settings(), load_platforms({}), credentials())
        (device,) = behind(lab, host.as_jump())
        assert device.jump
        await connector.reach(device.jump, Timeouts())
        opening = asyncio.create_task(connector.open(device, Timeouts()))

        def give_up(ever: int) -> None:
            opening.cancel()

        host.on_tunnel = give_up
        with pytest.raises(asyncio.CancelledError):
            await opening
        await becomes_true(lambda: host.tunnels_ever == 1 and host.tunnels == 0)
        assert len(host.open) == 1
        await connector.close()
        await becomes_true(lambda: not host.open)


async def test_a_jump_host_comes_before_its_devices() -> None:
    async with lab_of(1) as lab, JumpHost() as host:
        connector = DeviceConnector(settings(), load_platforms({}), credentials())
        (device,) = behind(lab, host.as_jump())
        with pytest.raises(DeviceError) as caught:
            await connector.open(device, Timeouts())
        assert (caught.value.fault.fault_class, caught.value.fault.phase) == (
            FaultClass.JUMP,
            Phase.RESOLVE,
        )
        assert host.connections == 0
