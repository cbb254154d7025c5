"""Jump hosts in an inventory: who is behind which, and what is refused where."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.errors import InputError
from collector.inventory import Inventory, check_inventory, load_inventory, select
from collector.model import Device, Jump, SshProfile

HEAD = (
    "defaults: {platform: linux, credential: lab}\n"
    "credentials: {lab: {username: a}, hop: {username: b}}\n"
)
EDGE = Jump(name="edge", host="192.0.2.1", credential="hop")


def load(folder: Path, text: str, environ: dict[str, str] | None = None) -> Inventory:
    path = folder / "lab.yaml"
    path.write_text(HEAD + text)
    return load_inventory(path, environ=environ or {})


def devices(folder: Path, text: str) -> dict[str, Device]:
    return {device.name: device for device in load(folder, text).devices}


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(InputError) as caught:
        load(folder, text)
    return [line.removeprefix(f"{folder / 'lab.yaml'}:") for line in caught.value.problems]


def test_the_inventory_of_the_documentation(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs/jump-hosts.md").read_text()
    (block,) = re.findall(r"^```yaml\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    path = tmp_path / "lab.yaml"
    path.write_text(block)
    inventory, warnings = check_inventory(path, environ={})
    assert {one.name: [jump.name for jump in one.jumps] for one in inventory.devices} == {
        "r1": ["edge"], "r2": ["edge"], "r3": ["edge", "lab"], "old": ["edge"], "r4": [],
    }  # fmt: skip
    assert warnings == ()


def test_a_jump_host_is_of_a_device_a_group_or_all(tmp_path: Path) -> None:
    text = (
        "jumps:\n  edge: {host: 192.0.2.1, credential: hop}\n"
        "  far: {host: f, credential: hop, ssh_profile: legacy}\n"
        "groups: {ams: {jump: edge}, open: {jump: none}}\n"
        "devices:\n  a: {host: h, groups: [ams]}\n  b: {host: h, groups: [ams], jump: none}\n"
        "  c: {host: h, jump: far}\n  d: {host: h}\n  e: {host: h, groups: [ams, open]}\n"
    )
    found = devices(tmp_path, text)
    far = Jump(name="far", host="f", credential="hop", ssh_profile=SshProfile.LEGACY)
    assert [found[name].jump for name in "abcde"] == [EDGE, None, far, None, None]
    assert found["a"].credentials == ("lab", "hop")


def test_jump_hosts_are_chained(tmp_path: Path) -> None:
    text = (
        "jumps:\n  core: {host: c, port: 2222, credential: lab, jump: edge}\n"
        '  edge: {host: "${EDGE}", credential: hop, sessions: "${MANY}"}\n'
        "devices: {r: {host: h, jump: core}, s: {host: h, jump: edge}}\n"
    )
    inventory = load(tmp_path, text, {"EDGE": "192.0.2.1", "MANY": "10"})
    r, s = inventory.devices
    assert [jump.name for jump in r.jumps] == ["edge", "core"]
    assert r.credentials == ("lab", "hop", "lab")
    # Of the ten sessions the jump host behind it has one.
    assert s.jump == Jump(name="edge", host="192.0.2.1", credential="hop", sessions=9)
    assert r.jump == Jump(name="core", host="c", port=2222, credential="lab", jump=s.jump)
    assert inventory.jumps == (r.jump, s.jump)
    assert [each.name for each in select(inventory.devices, ["jump=edge"])] == ["r", "s"]
    assert [each.name for each in select(inventory.devices, ["jump=core"])] == ["r"]


@pytest.mark.parametrize(
    ("jumps", "lines"),
    [
        ("{}", ["4:30: devices.r.jump: no jump 'edge'"]),
        (
            "{edgy: {host: h, credential: hop}}",
            ["4:30: devices.r.jump: no jump 'edge'; did you mean 'edgy'?"],
        ),
        (
            "{edge: {host: h, credential: hup, jump: edg}}",
            [
                "3:37: jumps.edge.credential: no credential 'hup'; did you mean 'hop'?",
                "3:48: jumps.edge.jump: no jump 'edg'; did you mean 'edge'?",
            ],
        ),
        (
            "{edge: {host: h, credential: hop, jump: edge}}",
            ["3:48: jumps.edge.jump: a circle: edge -> edge"],
        ),
        (
            "{edge: {host: h, credential: hop, jump: b}, b: {host: i, credential: hop, "
            "jump: edge}}",
            [
                "3:48: jumps.edge.jump: a circle: edge -> b -> edge",
                "3:88: jumps.b.jump: a circle: b -> edge -> b",
            ],
        ),
        ("{edge: {host: h}}", ["3:15: jumps.edge: expected a key 'credential' here"]),
        ("{edge: {credential: hop}}", ["3:15: jumps.edge: expected a key 'host' here"]),
        (
            "{edge: {host: h, credential: hop, sesions: 4}}",
            ["3:42: jumps.edge: unknown key 'sesions'; did you mean 'sessions'?"],
        ),
        (
            "{edge: {host: h, credential: hop, sessions: -1}}",
            ["3:52: jumps.edge.sessions: expected an integer of 0 or more, found -1"],
        ),
        (
            "{edge: {host: h, credential: hop, sessions: 1}, b: {host: i, credential: hop, "
            "jump: edge}}",
            [
                "3:52: jumps.edge.sessions: expected more than 1, found 1: "
                "each jump host behind this one takes a session of it"
            ],
        ),
        (
            "{edge: {host: h, credential: hop}, none: {host: h, credential: hop}}",
            ["3:43: jumps: expected another name: 'none' stands for no jump host"],
        ),
        (
            "{edge: {host: h, credential: hop}, Edge: {host: h, credential: hop}}",
            ["3:43: jumps: 'Edge' differs only in case from 'edge' in line 3"],
        ),
    ],
)
def test_what_is_refused(tmp_path: Path, jumps: str, lines: list[str]) -> None:
    assert problems(tmp_path, f"jumps: {jumps}\ndevices: {{r: {{host: h, jump: edge}}}}\n") == lines


def test_what_is_odd_is_warned_of(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(
        HEAD + "jumps: {edge: {host: h, credential: hop}, idle: {host: i, credential: hop}}\n"
        "devices: {r: {host: h, jump: edge}, s: {host: h}}\n"
    )
    _, warnings = check_inventory(path, environ={})
    assert [line.removeprefix(f"{path}:") for line in warnings] == [
        "3:43: jumps: no device uses the jump 'idle'",
        "4:47: devices.s.host: the same address as r: h port 22, in another network; "
        "host keys go by address: give them names",
    ]
