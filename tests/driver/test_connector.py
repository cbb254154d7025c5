"""Opening and closing over real SSH: each fault its class and phase, nothing left open."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from support.direct import ask, connector, device
from support.sockets import becomes_true, open_sockets

from collector.errors import DeviceError
from collector.lab import Lab, LabDevice, LabFault
from collector.model import (
    CommandStatus,
    FaultClass,
    HostKeys,
    Phase,
    ProofLevel,
    Timeouts,
    Transport,
)
from collector.platforms import load_platforms
from collector.settings import Settings

SHORT = Timeouts(connect=1.0, login=1.5, command=1.5)

AT_OPENING = [
    (LabFault.REFUSE, FaultClass.REFUSED, Phase.CONNECT),
    (LabFault.RESET, FaultClass.BUSY, Phase.KEX),
    (LabFault.SILENT_TCP, FaultClass.TIMEOUT, Phase.KEX),
    (LabFault.GARBAGE, FaultClass.TIMEOUT, Phase.KEX),
    (LabFault.SILENT_AUTH, FaultClass.TIMEOUT, Phase.AUTH),
    (LabFault.SILENT_LOGIN, FaultClass.TIMEOUT, Phase.CHANNEL),
    (LabFault.DENY_CHANNEL, FaultClass.BUSY, Phase.CHANNEL),
    (LabFault.SILENT_CHANNEL, FaultClass.TIMEOUT, Phase.LOGIN),
]
AT_COMMAND = [
    (LabFault.SILENT_COMMAND, FaultClass.TIMEOUT),
    (LabFault.STALL_OUTPUT, FaultClass.TIMEOUT),
    (LabFault.DROP_OUTPUT, FaultClass.DISCONNECTED),
    (LabFault.EOF_OUTPUT, FaultClass.DISCONNECTED),
    (LabFault.ENDLESS_OUTPUT, FaultClass.OUTPUT_LIMIT),
]


async def all_closed(lab: Lab, name: str, sockets: int) -> None:
    """Wait until the device has seen its last connection end, and both sides' sockets are gone."""
    await becomes_true(lambda: not lab.stats[name].open and open_sockets() == sockets)


@pytest.mark.parametrize(("fault", "fault_class", "phase"), AT_OPENING)
async def test_a_fault_at_opening_has_its_class_and_phase(
    fault: LabFault, fault_class: FaultClass, phase: Phase
) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", fault=fault)]) as lab:
        before = open_sockets()
        with pytest.raises(DeviceError) as caught:
            await connector().open(device("r1", lab.port("r1"), "cisco_iosxe"), SHORT)
        assert (caught.value.fault.fault_class, caught.value.fault.phase) == (fault_class, phase)
        assert caught.value.fault.hint
        await all_closed(lab, "r1", before)


@pytest.mark.parametrize(("fault", "fault_class"), AT_COMMAND)
async def test_a_fault_in_mid_output_has_its_class(
    fault: LabFault, fault_class: FaultClass
) -> None:
    commands = ("show running-config",)
    settings = Settings(host_keys=HostKeys.OFF, output_limit=100_000)
    target = LabDevice(name="r1", platform="cisco_iosxe", fault=fault, faulty_commands=commands)
    async with Lab([target]) as lab:
        before = open_sockets()
        opener, r1 = connector(settings=settings), device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await ask(opener, r1, commands, timeouts=SHORT)
        assert caught.value.fault.fault_class is fault_class
        assert caught.value.fault.phase is Phase.COMMAND
        assert b"show running-config" in caught.value.evidence or len(caught.value.evidence) > 1000
        await all_closed(lab, "r1", before)


async def test_a_rejected_password_is_sent_once() -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", password="right")]) as lab:
        before = open_sockets()
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await connector(password="wrong").open(target, SHORT)
        assert caught.value.fault.fault_class is FaultClass.AUTH
        assert caught.value.fault.phase is Phase.AUTH
        assert lab.stats["r1"].rejected_logins == 1
        await all_closed(lab, "r1", before)


@pytest.mark.parametrize("enable", ["wrong", None])
async def test_a_missing_or_wrong_enable_secret_is_its_own_class(enable: str | None) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", enable="right")]) as lab:
        before = open_sockets()
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await connector(enable=enable).open(target, Timeouts(login=10))
        assert caught.value.fault.fault_class is FaultClass.ENABLE
        await all_closed(lab, "r1", before)


@pytest.mark.parametrize("transport", Transport)
@pytest.mark.parametrize("suffixed", ["mikrotik_routeros", "own"])
async def test_a_suffix_of_the_user_name_is_sent_once(transport: Transport, suffixed: str) -> None:
    """Also where scrapli's class for the platform adds one of its own."""
    platforms = load_platforms({"own": {"username_suffix": "+cet511w4098h"}})
    name = "admin" + platforms[suffixed].username_suffix
    target = LabDevice(name="r1", platform="arista_eos", username=name, transport=transport)
    async with Lab([target]) as lab:
        reached = replace(device("r1", lab.port("r1"), suffixed), transport=transport)
        session = await connector(platforms=platforms).open(reached, Timeouts())
        await session.close()
        assert (lab.stats["r1"].logins, lab.stats["r1"].rejected_logins) == (1, 0)


async def test_a_driver_that_scrapli_does_not_have_is_told_as_that() -> None:
    platforms = load_platforms({"own": {"driver": "nonsense"}})
    async with Lab([LabDevice(name="r1", platform="arista_eos")]) as lab:
        before = open_sockets()
        with pytest.raises(DeviceError) as caught:
            await connector(platforms=platforms).open(
                device("r1", lab.port("r1"), "own"), Timeouts()
            )
        assert caught.value.fault.message == "scrapli has no driver 'nonsense'"
        assert "configuration" in caught.value.fault.hint
        await all_closed(lab, "r1", before)


async def test_a_device_with_a_pager_that_stays_on_is_collected_whole() -> None:
    target = LabDevice(name="r1", platform="cisco_iosxe", page_lines=7)
    async with Lab([target]) as lab:
        wanted = device("r1", lab.port("r1"), "cisco_iosxe")
        generic = replace(wanted, platform="generic")
        opener = connector()
        (whole,) = await ask(opener, wanted, ["show running-config"])
        session = await opener.open(generic, Timeouts())
        try:
            version = await session.run("show version", timeout=20)
        finally:
            await session.close()
        assert whole.status is CommandStatus.OK
        assert version.status is CommandStatus.OK
        assert "paged" in version.notes
        (unpaged,) = await ask(opener, wanted, ["show version"])
        assert version.output == unpaged.output


async def test_nothing_that_configures_is_ever_typed() -> None:
    names = ("cisco_iosxe", "cisco_nxos", "arista_eos", "juniper_junos")
    async with Lab([LabDevice(name=name, platform=name) for name in names]) as lab:
        opener = connector()
        for name in names:
            (result,) = await ask(opener, device(name, lab.port(name), name), ["show version"])
            assert result.status is CommandStatus.OK
        assert [lab.stats[name].configured for name in names] == [0, 0, 0, 0]


async def test_the_lower_level_of_proof_asks_no_probe() -> None:
    async with Lab([LabDevice(name="r1", platform="arista_eos")]) as lab:
        target = replace(device("r1", lab.port("r1"), "arista_eos"), proof=ProofLevel.PROMPT)
        (result,) = await ask(connector(), target, ["show version"])
        assert result.status is CommandStatus.OK
        assert result.proofs == ()
        assert not lab.stats["r1"].lines[-1].isspace()


@pytest.mark.parametrize(
    "fault",
    [
        LabFault.SILENT_TCP,
        LabFault.SILENT_AUTH,
        LabFault.SILENT_LOGIN,
        LabFault.SILENT_CHANNEL,
    ],
)
async def test_cancelled_while_opening_it_leaves_no_connection(fault: LabFault) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", fault=fault)]) as lab:
        before = open_sockets()
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        opening = asyncio.create_task(connector().open(target, Timeouts()))
        await becomes_true(lambda: bool(lab.stats["r1"].open))
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        await all_closed(lab, "r1", before)


class TestHostKeys:
    """First contact, a change, and what an impostor gets to see."""

    @pytest.fixture
    def known(self, tmp_path: Path) -> Path:
        return tmp_path / "deep" / "known_hosts"

    async def test_a_first_contact_is_recorded_and_then_trusted(self, known: Path) -> None:
        settings = Settings(known_hosts=known)
        async with Lab([LabDevice(name="r1", platform="arista_eos")]) as lab:
            target = device("r1", lab.port("r1"), "arista_eos")
            await ask(connector(settings=settings), target, ["show version"])
            first = known.read_text()
            assert first.startswith(f"[127.0.0.1]:{lab.port('r1')} ssh-ed25519 ")
            assert known.stat().st_mode & 0o777 == 0o600
            await ask(connector(settings=settings), target, ["show version"])
            assert known.read_text() == first
            strict = Settings(known_hosts=known, host_keys=HostKeys.STRICT)
            await ask(connector(settings=strict), target, ["show version"])

    @pytest.mark.parametrize("policy", [HostKeys.STRICT, HostKeys.ACCEPT_NEW])
    async def test_an_impostor_sees_no_credential(self, known: Path, policy: HostKeys) -> None:
        async with Lab([LabDevice(name="r1", platform="arista_eos")]) as lab:
            port = lab.port("r1")
            target = device("r1", port, "arista_eos")
            await ask(connector(settings=Settings(known_hosts=known)), target, ["show version"])
        async with Lab([LabDevice(name="r1", platform="arista_eos", port=port)]) as impostor:
            settings = Settings(known_hosts=known, host_keys=policy)
            with pytest.raises(DeviceError) as caught:
                await connector(settings=settings).open(target, SHORT)
            fault = caught.value.fault
            assert (fault.fault_class, fault.phase) == (FaultClass.HOSTKEY, Phase.HOSTKEY)
            assert fault.message.count("SHA256:") == 2
            assert f"{known}:1" in fault.message
            stats = impostor.stats["r1"]
            assert (stats.ever, stats.logins, stats.rejected_logins) == (1, 0, 0)

    async def test_strict_takes_no_unknown_host(self, known: Path) -> None:
        settings = Settings(known_hosts=known, host_keys=HostKeys.STRICT)
        async with Lab([LabDevice(name="r1", platform="arista_eos")]) as lab:
            target = device("r1", lab.port("r1"), "arista_eos")
            with pytest.raises(DeviceError) as caught:
                await connector(settings=settings).open(target, SHORT)
            assert caught.value.fault.fault_class is FaultClass.HOSTKEY
            assert "unknown host key" in caught.value.fault.message
        assert not known.exists()
