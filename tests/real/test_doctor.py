"""``collector doctor`` on OpenSSH: what it says of each step is what the server has logged."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.hosts import Site

pytestmark = pytest.mark.real

BASH, OUTDATED = 201, 203


def test_openssh_is_examined_step_by_step_and_each_credential_sent_once(
    shells: Site, tmp_path: Path
) -> None:
    usual, outdated = {"host": shells.address(BASH)}, {"host": shells.address(OUTDATED)}
    inventory: dict[str, Any] = {
        "defaults": {"platform": "linux", "credential": "password", "port": 2222},
        "credentials": shells.credentials(),
        "devices": {
            "by-password": usual,
            "by-key": {**usual, "credential": "key"},
            "wrong": {**usual, "credential": "wrong"},
            "outdated": outdated,
            "legacy": {**outdated, "ssh_profile": "legacy"},
        },
    }
    (tmp_path / "lab.yaml").write_text(yaml.safe_dump(inventory))
    before = shells.server_log(BASH)

    ended = subprocess.run(
        [sys.executable, "-m", "collector", "doctor", "-i", "lab.yaml", "-f", "json"],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    found = {row["name"]: row for row in json.loads(ended.stdout)}
    steps = {
        name: {step["step"]: step["detail"] or step["message"] for step in row["steps"]}
        for name, row in found.items()
    }
    whole = ["resolve", "tcp", "kex", "hostkey", "auth", "prompt", "paging", "command"]
    for name in ("by-password", "by-key", "legacy"):
        assert (found[name]["status"], list(steps[name])) == ("ok", whole)
        assert steps[name]["auth"] == f"user {shells.username}"
        assert "proofs: " in steps[name]["command"]
    hostkey = (shells.folder / "hostkey.pub").read_text()
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", "-"], input=hostkey, capture_output=True, text=True, check=True
    )
    assert steps["by-key"]["hostkey"].startswith(f"ssh-ed25519 {shown.stdout.split()[1]}, ")
    assert "weak: diffie-hellman-group1-sha1, ssh-rsa, 3des-cbc" in steps["legacy"]["kex"]
    assert list(steps["wrong"]) == whole[:5]
    assert list(steps["outdated"]) == whole[:3]
    assert steps["outdated"]["kex"].endswith("offers only diffie-hellman-group1-sha1")
    assert (ended.returncode, ended.stderr) == (3, "5 devices: 3 ok, 2 failed\n")
    logged = shells.server_log(BASH).removeprefix(before)
    assert logged.count("Failed password for") == 1
    assert logged.count("Accepted password for") == 1
    assert logged.count("Accepted publickey for") == 1
