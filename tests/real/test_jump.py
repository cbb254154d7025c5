"""Routers behind OpenSSH as a jump host: one connection, a chain of two, OpenSSH's own words."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.hosts import Collect, Site

pytestmark = pytest.mark.real

OUTER, INNER = 201, 202
COMMAND = "show running-config"


def credentials(routers: Site, shells: Site) -> dict[str, Any]:
    ways = shells.credentials()
    return {
        **routers.credentials(),
        "hop": ways["password"],
        "keyed": ways["key"],
        "rejected": ways["wrong"],
    }


def jump(shells: Site, number: int, credential: str = "hop", **keys: Any) -> dict[str, Any]:
    return {"host": shells.address(number), "port": 2222, "credential": credential, **keys}


def logins(shells: Site, number: int) -> int:
    return len(re.findall("Accepted (?:password|publickey) for", shells.server_log(number)))


def test_routers_behind_a_chain_of_two(routers: Site, shells: Site, collect: Collect) -> None:
    before = logins(shells, OUTER), logins(shells, INNER)
    devices: dict[str, Any] = {
        f"r{n}": {"host": routers.address(n), "jump": "inner"} for n in (1, 2, 3)
    }
    devices["t1"] = {
        "host": routers.address(1),
        "port": 2601,
        "transport": "telnet",
        "credential": "telnet",
        "jump": "outer",
    }
    run = collect(
        routers,
        devices,
        COMMAND,
        platform="frr",
        credentials=credentials(routers, shells),
        jumps={
            "outer": jump(shells, OUTER),
            "inner": jump(shells, INNER, "keyed", sessions=2, jump="outer"),
        },
    )
    assert run.status == 0, run.stderr
    for number in (1, 2, 3):
        assert run.output(f"r{number}", COMMAND) == routers.vtysh(number, COMMAND)
        assert run.device(f"r{number}")["jump"] == ["outer", "inner"]
    assert b"hostname r1\n" in run.output("t1", COMMAND)
    # One connection to each, whatever number of devices is behind it.
    assert (logins(shells, OUTER), logins(shells, INNER)) == (before[0] + 1, before[1] + 1)
    assert f"from {shells.address(OUTER)}" not in routers.server_log(1)


def test_a_rejected_credential_is_tried_once(routers: Site, shells: Site, collect: Collect) -> None:
    before = shells.server_log(OUTER).count("Failed password")
    run = collect(
        routers,
        {f"r{n}": {"host": routers.address(1 + n % 3), "jump": "outer"} for n in range(12)},
        "show version",
        platform="frr",
        credentials=credentials(routers, shells),
        jumps={"outer": jump(shells, OUTER, "rejected")},
    )
    assert run.status == 4
    assert {row["class"] for row in run.manifest["devices"]} == {"jump"}
    assert shells.server_log(OUTER).count("Failed password") == before + 1


def test_what_openssh_refuses_is_told_of_the_device(
    routers: Site, shells: Site, collect: Collect, tmp_path: Path
) -> None:
    allowed = shells.folder / "authorized_keys"
    before = allowed.read_text()
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "id"], check=True
    )
    public = (tmp_path / "id.pub").read_text()
    allowed.write_text(f'{before}restrict,port-forwarding,permitopen="127.0.0.1:9" {public}')
    shutil.copymode(shells.folder / "key.pub", allowed)
    known = credentials(routers, shells)
    known["restricted"] = {"username": shells.username, "private_key": str(tmp_path / "id")}
    try:
        run = collect(
            routers,
            {
                "closed": {"host": routers.address(1), "port": 9, "jump": "outer"},
                "unknown": {"host": "nobody.invalid", "jump": "outer"},
                "forbidden": {"host": routers.address(1), "jump": "narrow"},
                "good": {"host": routers.address(1), "jump": "outer"},
            },
            "show version",
            platform="frr",
            credentials=known,
            jumps={
                "outer": jump(shells, OUTER),
                "narrow": jump(shells, INNER, "restricted"),
            },
        )
    finally:
        allowed.write_text(before)
    told = {row["name"]: (row["class"], row["phase"]) for row in run.manifest["devices"]}
    assert told == {
        "closed": ("refused", "connect"),
        "unknown": ("dns", "connect"),
        "forbidden": ("unreachable", "connect"),
        "good": (None, None),
    }
    for name in ("closed", "unknown", "forbidden"):
        assert " opens no tunnel to it: " in run.device(name)["message"]
