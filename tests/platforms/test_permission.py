"""The guard: what reads passes, what configures never, all else needs the user's word."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.platforms import Permission, load_platforms, permission_of

PLATFORMS = load_platforms()
READ, UNSAFE, REFUSED = Permission

CASES: tuple[tuple[str, str, Permission], ...] = (
    ("cisco_iosxe", "show running-config", READ),
    ("cisco_iosxe", "sh run", READ),
    ("cisco_iosxe", "SHOW VERSION", READ),
    ("cisco_iosxe", "show run | include hostname", READ),
    ("cisco_iosxe", "show run | i hostname", READ),
    ("cisco_iosxe", 'show run | include "a|b"', READ),
    ("cisco_iosxe", "show run|redirect flash:x", UNSAFE),
    ("cisco_iosxe", "show run | tee flash:x", UNSAFE),
    ("cisco_iosxe", "show run | append flash:x", UNSAFE),
    ("cisco_iosxe", "show ip ?", UNSAFE),
    ("cisco_iosxe", "clear counters", UNSAFE),
    ("cisco_iosxe", "terminal length 0", READ),
    ("cisco_iosxe", "ter len 0", READ),
    ("cisco_iosxe", "terminal monitor", UNSAFE),
    ("cisco_iosxe", "configure terminal", REFUSED),
    ("cisco_iosxe", "conf t", REFUSED),
    ("cisco_iosxe", "co", REFUSED),
    ("cisco_iosxe", "  CoNfIg  t", REFUSED),
    ("cisco_iosxe", "wr mem", REFUSED),
    ("cisco_iosxe", "reload in 5", REFUSED),
    ("cisco_iosxe", "s", REFUSED),
    ("cisco_iosxe", "show version\nconf t", REFUSED),
    ("cisco_iosxe", "show ver\x16sion", REFUSED),
    ("cisco_iosxe", "", REFUSED),
    ("cisco_iosxe", ";", UNSAFE),
    ("cisco_nxos", "show version ; conf t", REFUSED),
    ("cisco_nxos", "show version ; show clock", READ),
    ("cisco_nxos", "show run > bootflash:x", UNSAFE),
    ("cisco_iosxr", "show log | utility head -n 5", READ),
    ("cisco_iosxr", "show log | utility script x", UNSAFE),
    ("arista_eos", "bash timeout 10 df -h", UNSAFE),
    ("juniper_junos", "show configuration | display set | no-more", READ),
    ("juniper_junos", "show configuration | save x", UNSAFE),
    ("juniper_junos", "set cli screen-length 0", READ),
    ("juniper_junos", "set date 202401010000", REFUSED),
    ("juniper_junos", "request system reboot", UNSAFE),
    ("juniper_junos", "edit", REFUSED),
    ("cisco_asa", "more system:running-config", READ),
    ("cisco_asa", "terminal width 511", UNSAFE),
    ("nokia_sros", "admin show configuration", READ),
    ("nokia_sros", "admin reboot now", REFUSED),
    ("nokia_sros", "/configure private", REFUSED),
    ("nokia_sros", "/show version", READ),
    ("nokia_sros", "//environment no more", UNSAFE),
    ("huawei_vrp", "dis ver", READ),
    ("huawei_vrp", "system-view", REFUSED),
    ("huawei_vrp", "sys", REFUSED),
    ("huawei_vrp", "screen-length 0 temporary", READ),
    ("huawei_vrp", "screen-length 0", UNSAFE),
    ("hp_comware", "undo terminal monitor", READ),
    ("hp_comware", "undo info-center enable", REFUSED),
    ("aruba_aoscx", "no page", READ),
    ("aruba_aoscx", "no vlan 5", REFUSED),
    ("mikrotik_routeros", "/export", READ),
    ("mikrotik_routeros", "/export show-sensitive", READ),
    ("mikrotik_routeros", "/export file=x", REFUSED),
    ("mikrotik_routeros", "/ip address print", READ),
    ("mikrotik_routeros", "/ip/address/print detail", READ),
    ("mikrotik_routeros", "/ip address print file=x", REFUSED),
    ("mikrotik_routeros", "/ip address remove 0", REFUSED),
    ("mikrotik_routeros", "/ip address rem 0", REFUSED),
    ("mikrotik_routeros", "/sys reb", REFUSED),
    ("mikrotik_routeros", "/ip address print; /ip address remove 0", REFUSED),
    ("mikrotik_routeros", ":put [/ip address remove 0]", UNSAFE),
    ("fortinet_fortios", "show full-configuration | grep .", READ),
    ("fortinet_fortios", "config system console", REFUSED),
    ("fortinet_fortios", "execute reboot", REFUSED),
    ("fortinet_fortios", "execute backup config tftp a b", UNSAFE),
    ("paloalto_panos", "set cli pager off", READ),
    ("paloalto_panos", "set system setting x", REFUSED),
    ("vyos", "show configuration commands | no-more", READ),
    ("vyos", "show version $(reboot)", UNSAFE),
    ("vyos", "show version !!", UNSAFE),
    ("vyos", "export HISTFILE=/dev/null", READ),
    ("vyos", "export HISTFILE=/etc/passwd", UNSAFE),
    ("mikrotik_routeros", "/ip address print where !disabled", READ),
    ("frr", "show bgp summary", READ),
    ("frr", "configure terminal", REFUSED),
    ("linux", "cat /etc/hosts", READ),
    ("linux", "cat /etc/hosts | grep x", READ),
    ("linux", "cat /etc/hosts | sh", UNSAFE),
    ("linux", "cat /etc/hosts > /etc/passwd", UNSAFE),
    ("linux", "cat `reboot`", UNSAFE),
    ("linux", 'cat "$(reboot)"', UNSAFE),
    ("linux", "cat /etc/hosts && rm -r /", REFUSED),
    ("linux", "ip address add 10.0.0.1/8 dev eth0", UNSAFE),
    ("linux", "c /etc/hosts", UNSAFE),
    ("linux", "ls !ls", UNSAFE),  # an earlier command, whatever it was
    ("linux", "cat !!", UNSAFE),
    ("linux", 'cat "!rm x"', UNSAFE),
    ("linux", "^ls^rm x", UNSAFE),
    ("linux", "export PAGER=cat  SYSTEMD_PAGER=cat HISTFILE=/dev/null", READ),
    ("linux", "export PAGER=cat SYSTEMD_PAGER=cat HISTFILE=/etc/passwd", UNSAFE),
    (
        "linux",
        "export PAGER=cat SYSTEMD_PAGER=cat HISTFILE=/dev/null PROMPT_COMMAND=reboot",
        UNSAFE,
    ),
    ("linux", "export PAGER=cat SYSTEMD_PAGER=cat PROMPT_COMMAND='rm x'", UNSAFE),
    ("generic", "show anything", READ),
    ("generic", "get anything", UNSAFE),
    ("generic", "configure", REFUSED),
)


@pytest.mark.parametrize(("name", "command", "expected"), CASES)
def test_judged(name: str, command: str, expected: Permission) -> None:
    ruling = permission_of(command, PLATFORMS[name])
    assert ruling.permission is expected
    assert bool(ruling.reason) is (expected is not READ)


def test_a_whole_word_is_no_short_form_of_a_longer_one() -> None:
    entry = {"read_only": ["run"], "config_modes": ["running-mode"]}
    platform = load_platforms({"x": entry})["x"]
    assert permission_of("run", platform).permission is READ
    assert permission_of("runn", platform).permission is REFUSED
    assert permission_of("ru", platform).permission is REFUSED


@pytest.mark.parametrize("name", PLATFORMS)
def test_own_commands_only_read(name: str) -> None:
    """No opening dialogue enters a configuration mode or changes the device."""
    platform = PLATFORMS[name]
    for command in (*platform.backup, *platform.version, *platform.paging_off):
        assert permission_of(command, platform).permission is READ, command
    for command in platform.end_markers:
        assert permission_of(command, platform).permission is READ, command


def test_recorded_commands_read(recordings: Path) -> None:
    asked = {
        (path.parent.parent.name, path.parent.name.replace("_", " "))
        for path in recordings.glob("ntc-templates/*/*/*.raw")
    }
    assert len(asked) > 100
    harmful = {
        (name, command)
        for name, command in asked
        if permission_of(command, PLATFORMS[name]).permission is not READ
    }
    assert harmful == {("arista_eos", "bash df -h")}
