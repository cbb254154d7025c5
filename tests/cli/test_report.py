"""``collector report posture`` after a run over an outdated device, a modern one, and telnet."""

from __future__ import annotations

import json
from pathlib import Path

from support.program import Ended, collector

from collector.errors import Exit
from collector.lab import OUTDATED, Lab, LabDevice, LabFault, Offers
from collector.model import Transport

SHA1 = Offers(kex=("diffie-hellman-group14-sha1",))
DEVICES = (
    LabDevice(name="dated", platform="cisco_iosxe", offers=SHA1),
    LabDevice(name="dead", platform="cisco_iosxe", fault=LabFault.REFUSE),
    LabDevice(name="needless", platform="cisco_iosxe"),
    LabDevice(name="new", platform="cisco_iosxe"),
    LabDevice(name="old", platform="cisco_iosxe", offers=OUTDATED),
    LabDevice(name="refused", platform="cisco_iosxe", offers=OUTDATED),
    LabDevice(name="t1", platform="cisco_iosxe", transport=Transport.TELNET),
)
KEYS = {
    "needless": "ssh_profile: legacy, groups: [ams]",
    "old": "groups: [old]",
    "new": "ssh_profile: modern, groups: [ams]",
    "t1": "transport: telnet",
}
STANDINGS = {
    "t1": "telnet",
    "old": "legacy",
    "refused": "refused",
    "dated": "dated",
    "needless": "needless",
    "dead": "unknown",
}


async def collect(folder: Path) -> None:
    async with Lab(DEVICES) as lab:
        lines = [
            f"  {each.name}: {{host: 127.0.0.1, port: {lab.port(each.name)},"
            f" {KEYS.get(each.name, 'tags: {}')}}}\n"
            for each in DEVICES
        ]
        (folder / "lab.yaml").write_text(
            "defaults: {platform: cisco_iosxe, credential: lab, ssh_profile: default}\n"
            "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
            "groups: {old: {ssh_profile: legacy}, ams: {}}\n"
            f"devices:\n{''.join(lines)}"
        )
        end = await collector("run", "-i", "lab.yaml", "-c", "show version", cwd=folder)
    assert end.status == Exit.SOME_FAILED
    assert "Deprecat" not in end.stderr


async def posture(folder: Path, *words: str) -> Ended:
    return await collector("report", "posture", *words, cwd=folder)


async def of_before_there_were_profiles(folder: Path) -> None:
    """Take what is new out of the manifest: nothing is known of who was met then."""
    (manifest,) = folder.glob("output/runs/2*/manifest.json")
    whole = json.loads(manifest.read_text())
    lines = manifest.read_text().splitlines()
    for row in whole["devices"]:
        before = json.dumps(row, ensure_ascii=False)
        for name in ("transport", "ssh_profile", "algorithms"):
            del row[name]
        at = next(n for n, line in enumerate(lines) if line.strip().rstrip(",") == before)
        lines[at] = lines[at].replace(before, json.dumps(row, ensure_ascii=False))
    manifest.write_text("\n".join(lines) + "\n")
    end = await posture(folder)
    assert end.stdout.splitlines()[-1] == b"7 devices: 1 refused, 6 unknown"


async def test_what_a_run_used_is_told_and_what_is_needed_no_more(tmp_path: Path) -> None:
    await collect(tmp_path)
    end = await posture(tmp_path, "--format", "jsonl")
    assert (end.status, end.stderr) == (Exit.SOME_FAILED, "")
    rows = {row["name"]: row for row in map(json.loads, end.stdout.splitlines())}
    assert {name: row["standing"] for name, row in rows.items()} == STANDINGS
    assert list(rows) == list(STANDINGS)
    assert rows["old"]["ssh_profile"] == "legacy"
    assert rows["old"]["weak"] == [
        "diffie-hellman-group1-sha1", "ssh-rsa", "aes128-cbc", "hmac-sha1",
    ]  # fmt: skip
    assert rows["dated"]["weak"] == ["diffie-hellman-group14-sha1"]
    assert rows["needless"]["weak"] == []
    assert rows["t1"]["ssh_profile"] is None
    assert "offers only diffie-hellman-group1-sha1" in rows["refused"]["message"]

    said = (await posture(tmp_path)).stdout.decode().splitlines()
    assert "old: legacy: diffie-hellman-group1-sha1, ssh-rsa, aes128-cbc, hmac-sha1" in said
    counts = ", ".join(f"1 {standing}" for standing in STANDINGS.values())
    assert said[-1] == f"7 devices: {counts}, 1 modern"
    table = (await posture(tmp_path, "--format", "table")).stdout.decode().splitlines()
    assert table[0].split() == ["device", "standing", "profile", "weak", "next"]
    assert len(table) == 1 + len(STANDINGS)

    for limit, status in {
        "new,dead": Exit.OK,
        "group:ams": Exit.SOME_FAILED,
        "ssh_profile=modern": Exit.OK,
        "old,t1": Exit.ALL_FAILED,
        "nobody": Exit.USAGE,
    }.items():
        assert (await posture(tmp_path, "-l", limit)).status == status, limit
    await of_before_there_were_profiles(tmp_path)


async def test_there_is_no_run(tmp_path: Path) -> None:
    end = await posture(tmp_path)
    assert (end.status, end.stdout) == (Exit.USAGE, b"")
    assert end.stderr.endswith("no run that has ended in this folder\n")
