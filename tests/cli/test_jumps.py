"""Jump hosts on the command line: told in lists and plans, and left in peace by an interrupt."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from pathlib import Path

from support.jumphost import PASSWORD, USER, JumpHost
from support.program import collector, ended, start
from support.sockets import becomes_true

from collector.errors import Exit
from collector.lab import Lab, LabDevice, LabFault


def write_inventory(folder: Path, lab: Lab, edge: int, core: int = 1) -> None:
    lines = [f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}}}\n" for name in lab.devices]
    (folder / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab, jump: edge}\n"
        "credentials:\n  lab: {username: admin, password: admin, enable: enable}\n"
        f"  hop: {{username: {USER}, password: {PASSWORD}}}\n"
        f"jumps:\n  edge: {{host: 127.0.0.1, port: {edge}, credential: hop, sessions: 5}}\n"
        f"  core: {{host: 127.0.0.1, port: {core}, credential: hop, jump: edge}}\n"
        f"devices:\n{''.join(lines)}"
        "  far: {host: 192.0.2.1, jump: core}\n  near: {host: 192.0.2.2, jump: none}\n"
    )
    (folder / "lab.yaml").chmod(0o600)
    (folder / "config.yaml").write_text("host_keys: 'off'\n")


async def test_the_way_to_a_device_is_shown(tmp_path: Path) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe")]) as lab, JumpHost() as host:
        write_inventory(tmp_path, lab, host.port)
        end = await collector("inventory", "list", "-i", "lab.yaml", cwd=tmp_path)
        lines = [line.split() for line in end.stdout.decode().splitlines()]
        assert (lines[0][-1], [line[-1] for line in lines[1:]]) == (
            "jump",
            ["edge", "edge>core", "-"],
        )
        end = await collector("inventory", "list", "-i", "lab.yaml", "-f", "json", cwd=tmp_path)
        rows = json.loads(end.stdout)
        assert [row["jump"] for row in rows] == [["edge"], ["edge", "core"], []]
        end = await collector("inventory", "check", "-i", "lab.yaml", cwd=tmp_path)
        assert (end.status, end.stderr) == (Exit.OK, "")
        assert b"3 devices, 0 groups, 2 jump hosts, 2 credentials: good" in end.stdout
        plan = await collector(
            "run", "-i", "lab.yaml", "-c", "show clock", "--dry-run", cwd=tmp_path
        )
        assert b"credential=lab  jump=edge>core\n" in plan.stdout
        assert b"near" in plan.stdout
        assert host.connections == 0

        end = await collector(
            "run", "-v", "-i", "lab.yaml", "-c", "show clock", "-l", "jump=edge,!far", cwd=tmp_path
        )
        assert (end.status, " 1 device, outputs go to " in end.stderr) == (Exit.OK, True)
        manifest = json.loads((tmp_path / "output/runs/latest/manifest.json").read_text())
        assert [row["jump"] for row in manifest["devices"]] == [["edge"]]
        end = await collector("doctor", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
        assert (end.status, host.connections) == (Exit.OK, 2), end.stderr
        head, first, *_ = end.stdout.decode().splitlines()
        assert head.endswith(", cisco_iosxe, ssh, jump=edge): ok")
        assert (first.split()[:2], first.split()[-1]) == (["jump", "ok"], "edge")
        for limit, status, says in (
            ("jump=edge", Exit.OK, ""),
            ("jump=none", Exit.USAGE, "no device has jump=none"),
            ("site=ams", Exit.USAGE, "a stored run knows no tags"),
        ):
            end = await collector("report", "posture", "-l", limit, cwd=tmp_path)
            assert (end.status, says in end.stderr) == (status, True), end.stderr
        for path in (tmp_path / "output").rglob("*"):
            assert not path.is_file() or PASSWORD.encode() not in path.read_bytes()


async def test_an_interrupt_hangs_up_on_the_jump_host(tmp_path: Path) -> None:
    devices = [
        LabDevice(name=f"r{n}", platform="cisco_iosxe", fault=LabFault.SILENT_COMMAND)
        for n in range(4)
    ]
    async with Lab(devices) as lab, JumpHost() as host:
        write_inventory(tmp_path, lab, host.port)
        words = ("run", "-vv", "-i", "lab.yaml", "-c", "show clock", "-l", "r*")
        process = await start(*words, cwd=tmp_path)
        await becomes_true(lambda: sum(stats.logins for stats in lab.stats.values()) == 4)
        process.send_signal(signal.SIGINT)
        end = await asyncio.wait_for(ended(process), 30)
        assert end.status == Exit.INTERRUPTED
        assert "Traceback" not in end.stderr
        assert PASSWORD not in end.stderr
        await becomes_true(lambda: not host.open and not lab.open_connections)
        assert host.connections == 1


async def test_a_jump_host_that_fails_is_told_as_such(tmp_path: Path) -> None:
    async with Lab([LabDevice(name=name, platform="cisco_iosxe") for name in ("r1", "r2")]) as lab:
        async with JumpHost() as host:
            write_inventory(tmp_path, lab, host.port)
            environ = {"COLLECTOR_KNOWN_HOSTS": str(tmp_path / "known")}
            words = ("hostkeys", "scan", "-i", "lab.yaml", "-l", "r1,r2")
            end = await collector(*words, cwd=tmp_path, environ=environ)
            (line, hint) = end.stderr.splitlines()
            assert line.startswith("r1, r2: jump (connect): jump host edge: unknown host key ")
            assert hint.endswith("compare its key, then put it on file: hostkeys scan --record")
            assert host.attempts == 0
        end = await collector("doctor", "-i", "lab.yaml", "-l", "r1", "-f", "json", cwd=tmp_path)
    (row,) = json.loads(end.stdout)
    (step,) = row["steps"]
    assert (row["jump"], step["step"], step["ok"]) == (["edge"], "jump", False)
    assert step["hint"].startswith("see to jump host edge first: ")
    assert "telnet" not in step["hint"]


async def test_the_lab_says_that_it_serves_no_jump_hosts(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: a, jump: edge}\n"
        "credentials: {a: {username: a, password: b}}\n"
        "jumps: {edge: {host: 127.0.0.1, credential: a}}\n"
        "devices: {r1: {host: 127.0.0.1, port: 0}}\n".replace("port: 0", f"port: {free_port()}")
    )
    (tmp_path / "lab.yaml").chmod(0o600)
    lab = await start("lab", "-i", "lab.yaml", cwd=tmp_path)
    assert lab.stderr is not None
    await lab.stderr.readline()
    line = await lab.stderr.readline()
    lab.terminate()
    await ended(lab)
    assert line.startswith(b"lab: no jump host edge here: ")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
    return number
