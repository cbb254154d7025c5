"""Ports, logins, host keys and the faults below the shell; many devices at once."""

from __future__ import annotations

import asyncio
import socket
import stat
from pathlib import Path

import asyncssh
import pytest
from support.typist import connected, typist

from collector.errors import InputError
from collector.inventory import load_inventory
from collector.lab import Lab, LabDevice, LabFault, load_host_key, personas, serve

IOS = LabDevice(name="r1", platform="cisco_iosxe")
ROOT = Path(__file__).parents[2]


def faulty(fault: LabFault) -> LabDevice:
    return LabDevice(name="r1", platform="cisco_iosxe", fault=fault)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Where a lab under test keeps its host key."""
    return tmp_path / "lab_host_key"


async def greeted(lab: Lab, name: str) -> bytes:
    """The SSH version line of a device."""
    reader, writer = await asyncio.open_connection("127.0.0.1", lab.port(name))
    try:
        return await reader.readline()
    finally:
        writer.close()
        await writer.wait_closed()


async def test_five_hundred_devices_come_up_and_answer() -> None:
    devices = [LabDevice(name=f"r{n}", platform="cisco_iosxe") for n in range(500)]
    async with Lab(devices) as lab:
        assert len({lab.port(device.name) for device in devices}) == 500
        for first in range(0, 500, 100):
            names = [device.name for device in devices[first : first + 100]]
            lines = await asyncio.gather(*(greeted(lab, name) for name in names))
            assert all(line.startswith(b"SSH-2.0-") for line in lines)
        assert sum(stats.ever for stats in lab.stats.values()) == 500


async def test_a_password_login_and_its_counters() -> None:
    async with Lab([IOS]) as lab:
        async with typist(lab, "r1") as person, typist(lab, "r1"):
            await person.read_until(b"r1>")
            await person.type(b"show clock\n", b"r1>")
            stats = lab.stats["r1"]
            assert (stats.open, stats.peak, stats.logins) == (2, 2, 2)
            assert list(stats.lines) == ["show clock"]
        async with typist(lab, "r1") as person:
            await person.read_until(b"r1>")
            assert (stats.ever, stats.peak) == (3, 2)


@pytest.mark.parametrize(("username", "password"), [("admin", "wrong"), ("other", "admin")])
async def test_a_wrong_login_is_refused_and_counted(username: str, password: str) -> None:
    async with Lab([IOS]) as lab:
        with pytest.raises(asyncssh.PermissionDenied):
            async with connected(lab, "r1", username=username, password=password):
                pass
        assert lab.stats["r1"].rejected_logins >= 1
        assert lab.stats["r1"].logins == 0


async def test_a_key_login() -> None:
    key = asyncssh.generate_private_key("ssh-ed25519")
    line = key.export_public_key().decode()
    device = LabDevice(name="r1", platform="cisco_iosxe", password=None, public_keys=(line,))
    async with Lab([device]) as lab:
        async with connected(lab, "r1", password=None, key=key):
            assert lab.stats["r1"].logins == 1
        stranger = asyncssh.generate_private_key("ssh-ed25519")
        with pytest.raises(asyncssh.PermissionDenied):
            async with connected(lab, "r1", password=None, key=stranger):
                pass


async def test_one_host_key_or_one_each() -> None:
    devices = [IOS, LabDevice(name="r2", platform="cisco_nxos")]
    async with Lab(devices) as lab:
        assert lab.host_keys["r1"] == lab.host_keys["r2"]
    async with Lab(devices, key_per_device=True) as lab:
        assert lab.host_keys["r1"] != lab.host_keys["r2"]
        async with typist(lab, "r2") as person:  # trusts that device's own key only
            await person.read_until(b"r2# ")


def test_a_kept_host_key_is_the_same_at_the_next_start(tmp_path: Path) -> None:
    path = tmp_path / "lab" / "host_key"
    first = load_host_key(path)
    assert load_host_key(path).export_public_key() == first.export_public_key()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_broken_host_key_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "host_key"
    path.write_text("not a key")
    with pytest.raises(InputError, match="host_key: not a usable host key"):
        load_host_key(path)


async def test_refused() -> None:
    async with Lab([faulty(LabFault.REFUSE)]) as lab:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", lab.port("r1"))


async def test_reset_in_place_of_a_banner() -> None:
    async with Lab([faulty(LabFault.RESET)]) as lab:
        with pytest.raises(ConnectionResetError):
            await greeted(lab, "r1")
        assert lab.stats["r1"].ever == 1


async def test_garbage_in_place_of_a_banner() -> None:
    async with Lab([faulty(LabFault.GARBAGE)]) as lab:
        assert not (await greeted(lab, "r1")).startswith(b"SSH-")


async def test_silence_after_tcp() -> None:
    async with Lab([faulty(LabFault.SILENT_TCP)]) as lab:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await greeted(lab, "r1")


async def test_silence_in_place_of_an_answer_to_the_password() -> None:
    async with Lab([faulty(LabFault.SILENT_AUTH)]) as lab:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5), connected(lab, "r1"):
                pass
        assert lab.stats["r1"].logins == 0


async def test_silence_in_place_of_a_channel() -> None:
    async with Lab([faulty(LabFault.SILENT_LOGIN)]) as lab, connected(lab, "r1") as connection:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await connection.create_process()
        assert lab.stats["r1"].logins == 1


async def test_no_free_terminal_line() -> None:
    async with Lab([faulty(LabFault.DENY_CHANNEL)]) as lab, connected(lab, "r1") as connection:
        with pytest.raises(asyncssh.ChannelOpenError):
            await connection.create_process()


@pytest.mark.parametrize("fault", [LabFault.SILENT_CHANNEL, LabFault.SLOW_CLOSE])
async def test_silence_where_a_word_is_due(fault: LabFault) -> None:
    async with Lab([faulty(fault)]) as lab, typist(lab, "r1") as person:
        if fault is LabFault.SLOW_CLOSE:
            await person.read_until(b"r1>")
        person.send(b"exit\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await person.rest()


async def test_closing_the_lab_hangs_up_on_everybody() -> None:
    async with Lab([IOS, faulty(LabFault.NONE)][:1]) as lab:
        reader, writer = await asyncio.open_connection("127.0.0.1", lab.port("r1"))
        await reader.readline()
        assert lab.open_connections == 1
    assert lab.open_connections == 0
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(100_000)
    writer.close()


async def test_a_taken_port_is_one_line_per_device(key_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        device = LabDevice(name="r1", platform="cisco_iosxe", port=port)
        with pytest.raises(InputError) as error:
            await serve([device], key_file=key_file)
    assert error.value.problems == (
        f"r1: cannot listen on 127.0.0.1:{port}: the port is taken (is another lab running?)",
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.com"])
async def test_only_loopback_is_served(host: str, key_file: Path) -> None:
    with pytest.raises(InputError, match="is not a loopback address"):
        await serve([LabDevice(name="r1", platform="cisco_iosxe", host=host)], key_file=key_file)


async def test_all_that_cannot_be_played_is_named_at_once(key_file: Path) -> None:
    devices = [LabDevice(name=name, platform=name) for name in ("amiga", "vax")]
    with pytest.raises(InputError) as error:
        await serve(devices, key_file=key_file)
    assert [line.split(";")[0] for line in error.value.problems] == [
        "amiga: the lab cannot play 'amiga'",
        "vax: the lab cannot play 'vax'",
    ]


async def test_serving_lasts_until_cancelled(key_file: Path) -> None:
    labs: list[Lab] = []
    ready = asyncio.Event()

    def note(lab: Lab) -> None:
        labs.append(lab)
        ready.set()

    task = asyncio.create_task(serve([IOS], key_file=key_file, ready=note))
    await ready.wait()
    assert (await greeted(labs[0], "r1")).startswith(b"SSH-2.0-")
    kept = load_host_key(key_file).export_public_key()
    assert labs[0].host_keys["r1"].export_public_key() == kept  # and so at the next start
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with pytest.raises(ConnectionRefusedError):
        await greeted(labs[0], "r1")


async def test_a_device_switched_off_later() -> None:
    async with Lab([IOS, LabDevice(name="r2", platform="arista_eos")]) as lab:
        await lab.drop("r1")
        with pytest.raises(ConnectionRefusedError):
            await greeted(lab, "r1")
        assert (await greeted(lab, "r2")).startswith(b"SSH-2.0-")


def test_the_inventory_of_the_lab_can_be_played() -> None:
    devices = load_inventory(ROOT / "inventory" / "lab.yaml").devices
    assert len(devices) == 12
    assert {device.tags["site"] for device in devices} == {"ams", "fra"}
    assert {device.platform for device in devices} <= set(personas())
    assert len({(device.host, device.port) for device in devices}) == 12
