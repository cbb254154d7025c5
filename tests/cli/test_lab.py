"""``collector lab`` as a process of its own."""

from __future__ import annotations

import signal
import socket
from pathlib import Path

import pytest
from support.program import collector, ended, start

from collector.errors import Exit


@pytest.fixture
def port(tmp_path: Path) -> int:
    """Give a port that was free a moment ago; ``lab.yaml`` has a device on it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    (tmp_path / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        'credentials: {lab: {username: eve, password: "${LAB_PASSWORD:-pass}", enable: en}}\n'
        f"devices: {{r1: {{host: 127.0.0.1, port: {number}}}}}\n"
    )
    return number


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_lab_serves_its_own_inventory_until_interrupted(
    port: int, tmp_path: Path, number: signal.Signals
) -> None:
    lab = await start("lab", "-i", "lab.yaml", cwd=tmp_path)
    assert lab.stderr is not None
    ready = await lab.stderr.readline()
    run = await collector("run", "-i", "lab.yaml", "-c", "show clock", cwd=tmp_path)
    lab.send_signal(number)

    assert ready.decode() == (
        f"lab: 1 device on loopback, ports {port} to {port}; Ctrl-C ends it\n"
    )
    assert (run.status, run.stderr) == (Exit.OK, "")
    end = await ended(lab)
    assert (end.status, end.stdout, end.stderr) == (Exit.OK, b"", "")


async def test_a_lab_that_is_started_again_is_still_trusted(port: int, tmp_path: Path) -> None:
    for _ in range(2):
        lab = await start("lab", "-i", "lab.yaml", cwd=tmp_path, environ={"HOME": str(tmp_path)})
        assert lab.stderr is not None
        await lab.stderr.readline()
        run = await collector(
            "run", "-i", "lab.yaml", "-c", "show clock",
            cwd=tmp_path, environ={"HOME": str(tmp_path)},
        )  # fmt: skip
        lab.terminate()
        await ended(lab)

        assert (run.status, run.stderr) == (Exit.OK, "")


async def test_a_port_that_is_taken_is_one_line(port: int, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", port)):
        end = await collector("lab", "-i", "lab.yaml", cwd=tmp_path)

    assert end.status == Exit.USAGE
    assert end.stderr.startswith(f"collector: r1: cannot listen on 127.0.0.1:{port}: ")
    assert end.stderr.count("\n") == 1


async def test_the_lab_serves_telnet_where_the_inventory_says_so(port: int, tmp_path: Path) -> None:
    inventory = tmp_path / "lab.yaml"
    inventory.write_text(
        inventory.read_text().replace(f"port: {port}", f"port: {port}, transport: telnet")
    )
    lab = await start("lab", "-i", "lab.yaml", cwd=tmp_path)
    assert lab.stderr is not None
    await lab.stderr.readline()
    run = await collector("run", "-i", "lab.yaml", "-c", "show clock", cwd=tmp_path)
    lab.terminate()
    await ended(lab)

    assert (run.status, run.stderr) == (Exit.OK, "")
    assert run.stdout.startswith(b"== r1: show clock ==\n")
