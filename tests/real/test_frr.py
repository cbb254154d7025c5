"""FRRouting by password, key and telnet: what is stored is byte for byte what the router says."""

from __future__ import annotations

from typing import Any

import pytest
from support.hosts import Collect, Site

pytestmark = pytest.mark.real

CONFIGURATION = "show running-config"
COMMANDS = (CONFIGURATION, "show version", "show interface")


def device(site: Site, number: int, **settings: Any) -> dict[str, Any]:
    return {f"r{number}": {"host": site.address(number), **settings}}


def test_three_routers_at_once_by_password_and_by_key(routers: Site, collect: Collect) -> None:
    devices = device(routers, 1) | device(routers, 2, credential="key") | device(routers, 3)
    truth = {
        (number, command): routers.vtysh(number, command)
        for number in (1, 2, 3)
        for command in COMMANDS
    }
    assert len(truth[3, CONFIGURATION]) > 100_000

    run = collect(routers, devices, *COMMANDS, platform="frr")

    assert run.status == 0, run.stderr
    assert run.manifest["totals"]["ok"] == len(devices)
    for (number, command), said in truth.items():
        assert said == routers.vtysh(number, command), "the router itself changed its answer"
        assert run.output(f"r{number}", command) == said
    assert "Accepted password for" in routers.server_log(1)
    assert "Accepted publickey for" in routers.server_log(2)


def zebra_says(site: Site, number: int, command: str) -> bytes:
    """Return zebra's answer; on a terminal it puts a head and an end around its configuration."""
    said = site.zebra(number, command)
    if command != CONFIGURATION:
        return said
    return b"\nCurrent configuration:\n!\n" + said + b"end\n"


def test_telnet_with_enable(routers: Site, collect: Collect) -> None:
    telnet = {"transport": "telnet", "port": 2601, "credential": "telnet"}
    devices = device(routers, 1, **telnet) | device(routers, 2, **telnet)

    run = collect(routers, devices, CONFIGURATION, "show interface", platform="frr")

    assert run.status == 0, run.stderr
    for number in (1, 2):
        for command in (CONFIGURATION, "show interface"):
            said = zebra_says(routers, number, command)
            assert said.count(b"\n") > 50, "shorter than a page"
            assert run.output(f"r{number}", command) == said


def test_a_wrong_password_is_tried_once(routers: Site, collect: Collect) -> None:
    before = routers.server_log(1)

    run = collect(routers, device(routers, 1, credential="wrong"), CONFIGURATION, platform="frr")

    row = run.device("r1")
    assert (row["status"], row["class"], row["phase"]) == ("failed", "auth", "auth")
    assert row["attempts"] == 1
    assert run.status == 4
    logged = routers.server_log(1).removeprefix(before)
    assert logged.count("Connection from") == 1
    assert logged.count("Failed password for") == 1
    assert "not the password" not in run.stderr + run.stdout + str(run.manifest)


def test_a_command_that_the_router_does_not_know(routers: Site, collect: Collect) -> None:
    run = collect(routers, device(routers, 1), "show nonsense", "show version", platform="frr")

    row = run.device("r1")
    assert row["status"] == "partial"
    assert row["commands"][0]["status"] == "rejected"
    assert row["commands"][0]["file"] is None
    assert run.output("r1", "show version") == routers.vtysh(1, "show version")
    assert run.status == 3
