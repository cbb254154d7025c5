"""A configuration far smaller than the last good one is not believed, and the last one stays."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.program import Ended, collector

from collector.errors import Exit
from collector.lab import DeviceStats, Ending, Lab, LabDevice, Terminal

INVENTORY = """\
defaults: {{platform: cisco_iosxe, credential: lab}}
credentials: {{lab: {{username: admin, password: admin, enable: enable}}}}
devices:
  r1: {{host: 127.0.0.1, port: {port}}}
"""
CONFIGURATION = "show_running-config.txt"


async def backup(folder: Path, size: int, *flags: str) -> tuple[Ended, dict[str, Any], Path]:
    """Back a device up whose configuration has about ``size`` bytes."""
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", size=size)]) as lab:
        (folder / "lab.yaml").write_text(INVENTORY.format(port=lab.port("r1")))
        (folder / "config.yaml").write_text("host_keys: off\n")
        end = await collector("run", "-i", "lab.yaml", *flags, cwd=folder)
    run = (folder / "output/runs/latest").resolve()
    manifest = json.loads((run / "manifest.json").read_bytes())
    return end, manifest["devices"][0]["commands"][0], run


async def test_a_shrunken_configuration_is_suspect_until_it_is_accepted(tmp_path: Path) -> None:
    _, first, good = await backup(tmp_path, 20_000)
    assert (first["status"], first["proofs"]) == ("ok", ["probe", "end_marker"])

    end, shrunken, run = await backup(tmp_path, 5_000)
    assert end.status == Exit.SOME_FAILED
    assert "--accept-smaller" in end.stderr
    assert (shrunken["status"], shrunken["class"], shrunken["file"]) == ("suspect", "suspect", None)
    assert shrunken["attempts"] == 2
    assert not (run / "devices/r1" / CONFIGURATION).exists()
    assert b"hostname r1" in (run / "failures/r1/session.log").read_bytes()
    assert (good / "devices/r1" / CONFIGURATION).stat().st_size == first["bytes"]

    # The floor stays that of the last good copy, however often the small one comes.
    _, again, _ = await backup(tmp_path, 5_000)
    assert again["status"] == "suspect"

    end, accepted, _ = await backup(tmp_path, 5_000, "--accept-smaller")
    assert (end.status, accepted["status"]) == (Exit.OK, "ok")
    _, after, _ = await backup(tmp_path, 5_000)
    assert (after["status"], after["proofs"]) == ("ok", ["probe", "end_marker", "size"])


async def test_an_empty_output_of_another_job_goes_over_no_good_one(tmp_path: Path) -> None:
    tables = ["10  users\r\n20  voice\r\n"]

    async def shell(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        while True:
            await terminal.send(b"\r\nr1#")
            if (await terminal.read_line()).endswith(b"show vlan"):
                await terminal.send(f"\r\n{tables[-1]}".encode())

    async def run(*flags: str) -> tuple[Ended, dict[str, Any]]:
        end = await collector("run", "-i", "lab.yaml", "--job", "tables", *flags, cwd=tmp_path)
        manifest = json.loads((tmp_path / "output/runs/latest/manifest.json").read_bytes())
        return end, manifest["devices"][0]["commands"][0]

    lab = Lab([LabDevice(name="r1", platform="plain")], shells={"plain": shell})
    async with lab:
        (tmp_path / "lab.yaml").write_text(INVENTORY.format(port=lab.port("r1")))
        (tmp_path / "config.yaml").write_text(
            "{host_keys: off, jobs: {tables: {commands: [show vlan], backup: true}}}\n"
        )
        end, first = await run()
        assert (end.status, first["status"]) == (Exit.OK, "ok"), end.stderr
        kept = (tmp_path / "output/configs/r1.cfg").read_bytes()
        tables.append("")
        end, empty = await run()
        assert (end.status, empty["status"]) == (Exit.SOME_FAILED, "suspect")
        assert (tmp_path / "output/configs/r1.cfg").read_bytes() == kept
        end, accepted = await run("--accept-smaller")
        assert (end.status, accepted["status"]) == (Exit.OK, "ok")
