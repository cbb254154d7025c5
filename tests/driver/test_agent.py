"""Logging in with a key that only an SSH agent has; a real one, where there is one."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from support.direct import device
from support.sockets import becomes_true, open_sockets

from collector.credentials import Credentials, CredentialSpec
from collector.driver import DeviceConnector
from collector.errors import DeviceError
from collector.lab import Lab, LabDevice
from collector.model import FaultClass, HostKeys, Phase, Timeouts
from collector.platforms import load_platforms
from collector.settings import Settings


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Start an agent with one key; gives its public half."""
    if not shutil.which("ssh-agent"):
        pytest.skip("no ssh-agent: apt-get install openssh-client")
    path = tmp_path / "agent"
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    private = tmp_path / "id"
    made = asyncssh.generate_private_key("ssh-ed25519")
    private.write_bytes(made.export_private_key())
    private.chmod(0o600)
    while not path.exists():
        assert agent.poll() is None
    subprocess.run(["ssh-add", "-q", private], check=True, capture_output=True)
    private.unlink()
    yield made.export_public_key().decode()
    os.kill(agent.pid, signal.SIGTERM)
    agent.wait()


def connector(*, agent: bool) -> DeviceConnector:
    spec = CredentialSpec(name="lab", username="admin", enable="enable", agent=agent)
    settings = Settings(host_keys=HostKeys.OFF, known_hosts=Path("unused"))
    return DeviceConnector(settings, load_platforms({}), Credentials({"lab": spec}, {}))


def only_by_key(key: str) -> LabDevice:
    return LabDevice(name="r1", platform="cisco_iosxe", password=None, public_keys=(key,))


async def test_the_agent_signs_where_it_is_asked_for(key: str) -> None:
    async with Lab([only_by_key(key)]) as lab:
        before = open_sockets()
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        session = await connector(agent=True).open(target, Timeouts())
        await session.close()
        await becomes_true(lambda: not lab.stats["r1"].open and open_sockets() == before)


async def test_the_agent_is_left_alone_where_it_is_not(key: str) -> None:
    async with Lab([only_by_key(key)]) as lab:
        target = device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await connector(agent=False).open(target, Timeouts())
        assert caught.value.fault.fault_class is FaultClass.AUTH
        assert not lab.stats["r1"].logins


@pytest.mark.parametrize("socket", ["", "/nonsense/agent"])
async def test_no_agent_is_told_before_anything_is_sent(
    socket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", socket)
    async with Lab([LabDevice(name="r1", platform="linux")]) as lab:
        with pytest.raises(DeviceError) as caught:
            await connector(agent=True).open(device("r1", lab.port("r1"), "linux"), Timeouts())
    fault = caught.value.fault
    assert (fault.fault_class, fault.phase) == (FaultClass.AUTH, Phase.CREDENTIALS)
    assert "ssh-add" in fault.hint
