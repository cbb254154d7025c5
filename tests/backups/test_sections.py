"""Which section a line is in, for every form that a configuration is written in."""

from __future__ import annotations

import pytest

from collector.backups.sections import parents, path
from collector.platforms import load_platforms

PLATFORMS = load_platforms()

IOS = """\
interface Gi1
 description a
 ip address 10.0.0.1 255.255.255.0
!
router bgp 65000
 neighbor 10.0.0.2 remote-as 65001
 !
 address-family ipv4
  network 10.0.0.0
 exit-address-family
!
 stray
end
"""
JUNOS = """\
system {
    login {
        user a {
            class super-user;
        }
        user b {
            class read-only;
        }
    }
    host-name r1;
}
snmp {
    community x;
}
"""
FORTIOS = """\
config system interface
    edit "port1"
        set ip 10.0.0.1
    next
    edit "port2"
        set ip 10.0.0.2
    next
end
config system dns
    set primary 10.0.0.3
end
"""
HUAWEI = """\
#
interface GE0/0/1
 description a
#
 return-like
bgp 100
 peer 10.0.0.1 as-number 1
 #
 ipv4-family unicast
  peer 10.0.0.1 enable
"""
ROUTEROS = """\
# by RouterOS
/interface bridge
add name=bridge1
/ip address
add address=10.0.0.1/24 \\
    interface=ether1
"""


@pytest.mark.parametrize(
    ("platform", "text", "line", "sections"),
    [
        ("cisco_iosxe", IOS, " description a", ["interface Gi1"]),
        ("cisco_iosxe", IOS, " exit-address-family", ["router bgp 65000"]),
        ("cisco_iosxe", IOS, "  network 10.0.0.0", ["router bgp 65000", " address-family ipv4"]),
        ("cisco_iosxe", IOS, " stray", []),
        ("cisco_iosxe", IOS, "end", []),
        (
            "juniper_junos",
            JUNOS,
            "            class read-only;",
            ["system {", "    login {", "        user b {"],
        ),
        ("juniper_junos", JUNOS, "    host-name r1;", ["system {"]),
        ("juniper_junos", JUNOS, "    community x;", ["snmp {"]),
        ("juniper_junos", "set a b\nset c d\n", "set c d", []),
        (
            "fortinet_fortios",
            FORTIOS,
            "        set ip 10.0.0.2",
            ["config system interface", '    edit "port2"'],
        ),
        ("fortinet_fortios", FORTIOS, "    set primary 10.0.0.3", ["config system dns"]),
        ("huawei_vrp", HUAWEI, " description a", ["interface GE0/0/1"]),
        ("huawei_vrp", HUAWEI, " return-like", []),
        ("huawei_vrp", HUAWEI, "  peer 10.0.0.1 enable", ["bgp 100", " ipv4-family unicast"]),
        ("mikrotik_routeros", ROUTEROS, "add name=bridge1", ["/interface bridge"]),
        (
            "mikrotik_routeros",
            ROUTEROS,
            "    interface=ether1",
            ["/ip address", "add address=10.0.0.1/24 \\"],
        ),
        ("generic", "a\n\tb\n\t\tc\n", "\t\tc", ["a", "\tb"]),
        ("generic", "a\n\tb\n        c\n", "        c", ["a"]),
        ("generic", "a\n\n b\n", " b", ["a"]),
        ("generic", "  a\nb\n", "b", []),
    ],
)
def test_the_sections_of_a_line(platform: str, text: str, line: str, sections: list[str]) -> None:
    lines = text.encode().split(b"\n")
    found = parents(lines, PLATFORMS[platform].section_lines)
    enclosing = path(lines.index(line.encode()), found)
    assert [lines[each].decode() for each in enclosing] == sections
