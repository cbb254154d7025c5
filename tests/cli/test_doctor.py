"""``collector doctor`` on devices that fail at each step, and its safety among many of them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import asyncssh
from support.program import Ended, collector, ended, start
from support.sockets import becomes_true

from collector.errors import Exit
from collector.lab import OUTDATED, DeviceStats, Ending, Lab, LabDevice, LabFault, Terminal
from collector.model import Transport

TELNET = Transport.TELNET
SSH_STEPS = ["resolve", "tcp", "kex", "hostkey", "auth", "prompt", "enable", "paging", "command"]
TELNET_STEPS = [step for step in SSH_STEPS if step not in {"kex", "hostkey"}]
# A name that cannot be looked up anywhere: its parts are longer than DNS has room for.
NO_NAME = ".".join(["x" * 63] * 3 + ["y" * 61])

# How each device misbehaves, the keys that lead to it, and the step and class of its end.
DEVICES: dict[str, tuple[dict[str, Any], str, str, str]] = {
    "good": ({}, "", "command", ""),
    "t-good": ({"transport": TELNET}, "transport: telnet", "command", ""),
    "dead": ({"fault": LabFault.REFUSE}, "", "tcp", "refused"),
    "garbage": ({"fault": LabFault.GARBAGE}, "timeouts: {connect: 1}", "kex", "timeout"),
    "outdated": ({"offers": OUTDATED}, "", "kex", "kex"),
    "impostor": ({}, "", "hostkey", "hostkey"),
    "rejecting": ({"password": "another"}, "", "auth", "auth"),
    "t-rejecting": ({"password": "x", "transport": TELNET}, "transport: telnet", "auth", "auth"),
    "keyless": ({}, "credential: keyless", "credentials", "auth"),
    "full": ({"fault": LabFault.DENY_CHANNEL}, "", "prompt", "busy"),
    "silent": ({"fault": LabFault.SILENT_CHANNEL}, "timeouts: {login: 1}", "prompt", "timeout"),
    "guarded": ({"enable": "another"}, "", "enable", "enable"),
    "denying": ({}, "platform: mine", "command", "rejected"),
    "dropping": ({"fault": LabFault.DROP_OUTPUT}, "", "command", "disconnected"),
}


async def doctor(
    folder: Path, lab: Lab, keys: Mapping[str, str], *words: str, credential: str = "s3cret-pw"
) -> Ended:
    """Run the command on an inventory of the lab's devices."""
    write_inventory(folder, lab, keys, credential=credential)
    return await collector("doctor", "-i", "lab.yaml", *words, cwd=folder)


def write_inventory(
    folder: Path, lab: Lab, keys: Mapping[str, str], *, credential: str = "s3cret-pw"
) -> None:
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}{', ' * bool(more)}{more}}}\n"
        for name, more in keys.items()
    ]
    secrets = f"username: admin, password: {credential}, enable: s3cret-en"
    (folder / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        f"credentials:\n  lab: {{{secrets}}}\n  keyless: {{{secrets}, private_key: no-key}}\n"
        f"devices:\n{''.join(lines)}"
    )
    (folder / "no-key").write_text("this is none\n")
    (folder / "config.yaml").write_text(
        "limits: {rejections: 9, trial: 9}\n"
        "platforms: {mine: {extends: cisco_iosxe, version: [show nonsense]}}\n"
    )


def lab_of(devices: Mapping[str, dict[str, Any]]) -> Lab:
    usual = {"platform": "cisco_iosxe", "password": "s3cret-pw", "enable": "s3cret-en"}
    return Lab([LabDevice(name=name, **{**usual, **how}) for name, how in devices.items()])


def steps(row: dict[str, Any]) -> list[str]:
    return [step["step"] for step in row["steps"]]


def rows(end: Ended) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, end.stdout.splitlines())}


async def test_each_device_is_told_up_to_the_step_that_fails(tmp_path: Path) -> None:
    async with lab_of({name: how for name, (how, *_) in DEVICES.items()}) as lab:
        other = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        known = tmp_path / "home/.config/collector/known_hosts"
        known.parent.mkdir(parents=True)
        known.write_text(f"[127.0.0.1]:{lab.port('impostor')} {other}")
        write_inventory(tmp_path, lab, {name: each[1] for name, each in DEVICES.items()})
        end = await collector(
            "doctor", "-i", "lab.yaml", "-f", "jsonl",
            cwd=tmp_path, environ={"HOME": str(tmp_path / "home")},
        )  # fmt: skip
        stats = {name: lab.stats[name] for name in DEVICES}
    assert end.stdout, end.stderr
    found = rows(end)
    ended_at = {name: row["steps"][-1] for name, row in found.items()}
    assert {name: (last["step"], last["class"] or "") for name, last in ended_at.items()} == {
        name: (step, word) for name, (_, _, step, word) in DEVICES.items()
    }
    for name, row in found.items():
        assert all(step["ok"] for step in row["steps"][:-1]), name
        assert ended_at[name]["ok"] == (row["status"] == "ok"), name
        assert bool(ended_at[name]["hint"]) != ended_at[name]["ok"], name
    assert steps(found["good"]) == SSH_STEPS
    assert steps(found["t-good"]) == TELNET_STEPS
    assert steps(found["guarded"]) == SSH_STEPS[:7]
    assert steps(found["keyless"]) == ["resolve", "credentials"]
    assert "set ssh_profile: legacy" in ended_at["outdated"]["hint"]
    assert {name for name, row in found.items() if row["status"] == "ok"} == {"good", "t-good"}
    assert end.status == Exit.SOME_FAILED
    assert end.stderr.endswith("14 devices: 2 ok, 1 partial, 11 failed\n")
    # Tried once each, and nothing is left behind or given away.
    assert all(stats[name].rejected_logins == 1 for name in ("rejecting", "t-rejecting"))
    assert all(seen.ever <= 1 and not seen.configured for seen in stats.values())
    assert not stats["impostor"].logins + stats["impostor"].rejected_logins
    assert "s3cret" not in end.stdout.decode() + end.stderr
    assert not (tmp_path / "output").exists()


async def test_what_works_is_told_with_what_came_of_it(tmp_path: Path) -> None:
    async with lab_of({"good": {}}) as lab:
        end = await doctor(tmp_path, lab, {"good": ""})
        again = await doctor(tmp_path, lab, {"good": "ssh_profile: legacy"}, "-f", "json")
        print_ = lab.host_keys["good"].get_fingerprint()
    assert (end.status, end.stderr) == (Exit.OK, "1 device: 1 ok\n")
    head, *lines = end.stdout.decode().splitlines()
    assert head.endswith(", cisco_iosxe, ssh): ok")
    told = {line.split()[0]: line.split(" s  ")[-1] for line in lines}
    assert list(told) == SSH_STEPS
    assert told["kex"] == "curve25519-sha256, ssh-ed25519, aes128-gcm@openssh.com"
    assert told["hostkey"] == f"ssh-ed25519 {print_}, put on file: its first contact"
    assert (told["auth"], told["prompt"], told["enable"]) == ("user admin", "good>", "good#")
    assert told["paging"] == "terminal length 0, terminal width 0"
    assert told["command"].startswith("show version: ")
    assert told["command"].endswith(" bytes, proofs: probe")
    (row,) = json.loads(again.stdout)
    details = {step["step"]: step["detail"] for step in row["steps"]}
    assert details["kex"].endswith("; ssh_profile: legacy is not needed")
    assert details["hostkey"] == f"ssh-ed25519 {print_}, on file"


async def test_a_device_that_hangs_up_on_paging_off_is_told_as_that(tmp_path: Path) -> None:
    async def shell(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
        while True:
            await terminal.send(b"\r\nr1#")
            if (await terminal.read_line()).startswith(b"terminal"):
                return Ending.DROP

    r1 = LabDevice(name="r1", platform="touchy", password="s3cret-pw")
    async with Lab([r1], shells={"touchy": shell}) as lab:
        end = await doctor(tmp_path, lab, {"r1": ""}, "-f", "jsonl")
    *passed, last = rows(end)["r1"]["steps"]
    assert passed[-1]["detail"] == "r1#"
    assert (last["step"], last["class"]) == ("paging", "disconnected")
    assert end.status == Exit.ALL_FAILED


async def test_a_name_that_does_not_resolve(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(
        "credentials: {lab: {username: a, password: b}}\n"
        f"devices: {{r1: {{host: {NO_NAME}, platform: linux, credential: lab}}}}\n"
    )
    end = await collector("doctor", "-i", "lab.yaml", "-f", "table", cwd=tmp_path)
    assert end.status == Exit.ALL_FAILED
    headings, line = end.stdout.decode().splitlines()
    assert headings.split() == ["device", "status", "step", "seconds", "message", "next"]
    assert line.split()[:3] == ["r1", "failed", "resolve"]
    assert "dns (resolve)" in line


async def test_a_wrong_password_costs_no_more_attempts_than_in_a_run(tmp_path: Path) -> None:
    names: Sequence[str] = [f"r{number}" for number in range(8)]
    async with lab_of({name: {} for name in names}) as lab:
        write_inventory(tmp_path, lab, dict.fromkeys(names, ""), credential="wrong")
        (tmp_path / "config.yaml").unlink()
        end = await collector("doctor", "-i", "lab.yaml", "-f", "jsonl", cwd=tmp_path)
        rejected = sum(lab.stats[name].rejected_logins for name in names)
    assert (rejected, end.status) == (3, Exit.BREAKER)
    last = [row["steps"][-1] for row in rows(end).values()]
    assert sorted(step["class"] for step in last) == ["auth"] * 3 + ["auth_breaker"] * 5
    assert {step["step"] for step in last} == {"auth"}
    assert "credential lab was rejected 3 times in a row" in end.stderr


async def test_what_may_change_a_device_is_not_asked(tmp_path: Path) -> None:
    async with lab_of({"good": {}}) as lab:
        write_inventory(tmp_path, lab, {"good": "platform: mine"})
        (tmp_path / "config.yaml").write_text(
            "platforms: {mine: {extends: cisco_iosxe, version: [reload]}}\n"
        )
        end = await collector("doctor", "-i", "lab.yaml", cwd=tmp_path)
        assert not lab.stats["good"].ever
    assert (end.status, end.stdout) == (Exit.USAGE, b"")
    assert "reload" in end.stderr


async def test_an_interrupt_ends_it_and_tells_how_far_it_came(tmp_path: Path) -> None:
    async with lab_of({"stuck": {"fault": LabFault.SILENT_AUTH}}) as lab:
        write_inventory(tmp_path, lab, {"stuck": ""})
        running = await start("doctor", "-i", "lab.yaml", "-f", "jsonl", cwd=tmp_path)
        await becomes_true(lambda: lab.stats["stuck"].ever == 1)
        running.send_signal(signal.SIGINT)
        end = await ended(running)
    assert end.status == Exit.INTERRUPTED
    assert rows(end)["stuck"]["steps"][-1]["class"] == "cancelled"


async def test_a_user_that_is_the_password_is_told(tmp_path: Path) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", password="admin")]) as lab:
        end = await doctor(tmp_path, lab, {"r1": ""}, credential="admin")
    assert "s  user admin\n" in end.stdout.decode()


async def test_the_fingerprint_is_that_of_the_devices_own_key(tmp_path: Path) -> None:
    async with lab_of({"good": {}}) as lab:
        own = lab.host_keys["good"]
        other = asyncssh.generate_private_key("ssh-ed25519")
        # An address that was another device's before: both keys are good.
        lines = [key.export_public_key().decode().strip() for key in (other, own)]
        known = tmp_path / "home/.config/collector/known_hosts"
        known.parent.mkdir(parents=True)
        known.write_text("".join(f"[127.0.0.1]:{lab.port('good')} {line}\n" for line in lines))
        write_inventory(tmp_path, lab, {"good": ""})
        end = await collector(
            "doctor", "-i", "lab.yaml", "-f", "jsonl",
            cwd=tmp_path, environ={"HOME": str(tmp_path / "home")},
        )  # fmt: skip
    details = {step["step"]: step["detail"] for step in rows(end)["good"]["steps"]}
    assert details["hostkey"] == f"ssh-ed25519 {own.get_fingerprint()}, on file"


async def test_it_can_be_ended_while_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    try:
        os.set_blocking(writer, False)
        with contextlib.suppress(BlockingIOError):
            while os.write(writer, bytes(4096)):
                pass
        os.set_blocking(writer, True)
        async with lab_of({"good": {}}) as lab:
            write_inventory(tmp_path, lab, {"good": ""})
            words = ("doctor", "-i", "lab.yaml")
            running = await start(*words, cwd=tmp_path, stdout=writer)
            await becomes_true(lambda: lab.stats["good"].ever == 1 and not lab.stats["good"].open)
            running.send_signal(signal.SIGTERM)
            end = await ended(running)
    finally:
        os.close(reader)
        os.close(writer)
    assert end.status == 128 + signal.SIGTERM
    assert "printing was given up: nobody reads it" in end.stderr
