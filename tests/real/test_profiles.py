"""OpenSSH that offers nothing but outdated algorithms, and OpenSSH as it is: what was used."""

from __future__ import annotations

import re
import subprocess

import pytest
from support.hosts import Collect, Site

pytestmark = pytest.mark.real

BASH, OUTDATED = 201, 203


def test_an_outdated_openssh_is_refused_with_the_way_out_and_met_by_legacy(
    shells: Site, collect: Collect
) -> None:
    address = shells.address(OUTDATED)
    devices = {
        "usual": {"host": address},
        "modern": {"host": address, "ssh_profile": "modern"},
        "legacy": {"host": address, "ssh_profile": "legacy"},
    }
    before = shells.server_log(OUTDATED)

    run = collect(shells, devices, "uname", platform="linux")

    assert run.status == 3
    for name in ("usual", "modern"):
        row = run.device(name)
        assert (row["status"], row["class"], row["phase"]) == ("failed", "kex", "kex")
        assert row["message"].endswith("the device offers only diffie-hellman-group1-sha1")
        assert row["algorithms"] is None
    assert run.stderr.count("next: set ssh_profile: legacy for it") == 2
    assert run.device("usual")["ssh_profile"] == "default"
    row = run.device("legacy")
    assert run.output("legacy", "uname") == b"Linux\n"
    assert row["ssh_profile"] == "legacy"
    assert row["algorithms"] == {
        "kex": "diffie-hellman-group1-sha1",
        "host_key": "ssh-rsa",
        "cipher": "3des-cbc",
        "mac": "hmac-md5",
    }
    logged = shells.server_log(OUTDATED).removeprefix(before)
    assert logged.count("Accepted password for") == 1
    assert "kex: client->server cipher: 3des-cbc MAC: hmac-md5" in logged
    assert "kex: host key algorithm: ssh-rsa" in logged
    assert "Warning" not in run.stderr


def test_what_is_recorded_of_openssh_is_what_its_own_client_agrees_on(
    shells: Site, collect: Collect
) -> None:
    address = shells.address(BASH)
    devices = {
        "usual": {"host": address},
        "modern": {"host": address, "ssh_profile": "modern"},
        "wrong": {"host": address, "credential": "wrong"},
    }

    run = collect(shells, devices, "uname", platform="linux")

    assert run.status == 3
    found = [run.device(name)["algorithms"] for name in devices]
    assert found[0] == found[1] == found[2]
    assert run.device("wrong")["class"] == "auth"
    asked = [f"KexAlgorithms={found[0]['kex']}", f"Ciphers={found[0]['cipher']}"]
    said = subprocess.run(
        ["ssh", "-vv", "-F", "none", "-p", "2222", "-o", "BatchMode=yes"]
        + ["-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"]
        + [word for option in asked for word in ("-o", option)]
        + [f"nobody@{address}", "true"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    ).stderr
    assert re.findall(r"kex: algorithm: (\S+)", said) == [found[0]["kex"]]
    assert re.findall(r"kex: host key algorithm: (\S+)", said) == [found[0]["host_key"]]
    assert f"cipher: {found[0]['cipher']} MAC: <implicit>" in said
    assert found[0]["mac"] == "implicit"
