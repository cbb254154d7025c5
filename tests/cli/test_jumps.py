"""Jump hosts on the command line: told in lists and plans, and left in peace by an interrupt."""

from __future__ import annotations

import asyncio
import json
import signal
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
        assert b"3 devices, 0 groups, 2 credentials: good" in end.stdout
        plan = await collector(
            "run", "-i", "lab.yaml", "-c", "show clock", "--dry-run", cwd=tmp_path
        )
        assert b"credential=lab  jump=edge>core\n" in plan.stdout
        assert b"near" in plan.stdout
        assert host.connections == 0

        end = await collector(
            "run", "-i", "lab.yaml", "-c", "show clock", "-l", "jump=edge,!far", cwd=tmp_path
        )
        assert end.status == Exit.OK
        manifest = json.loads((tmp_path / "output/runs/latest/manifest.json").read_text())
        assert [row["jump"] for row in manifest["devices"]] == [["edge"]]
        end = await collector("doctor", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
        assert (end.status, host.connections) == (Exit.OK, 2), end.stderr
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
