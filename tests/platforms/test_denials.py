"""Denials are told from answers: real messages by the one list, real outputs by the other."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from collector.platforms import find_denial, load_platforms

PLATFORMS = load_platforms()

# What devices say, a message each as they print it.
REFUSED = {
    "cisco_iosxe": (
        b"             ^\n% Invalid input detected at '^' marker.\n\n",
        b'% Ambiguous command:  "sh i"\n',
        b"% Incomplete command.\n\n",
        b"   ^\n   ^\n\n   ^\n% Incomplete command.\n",
        b"Command authorization failed.\n\n",
        b"% Authorization failed.\n",
        b'Translating "shwo"\n% Unknown command or computer name, or unable to find computer\n',
        b"% Bad IP address or host name\n% Unknown command or computer name\n",
        b"*Mar  1 00:00:01.123: %SYS-5-CONFIG_I: Configured from console\n% Incomplete command.\n",
    ),
    "cisco_nxos": (
        b"                   ^\n% Invalid command at '^' marker.\n",
        b"                ^\nInvalid range at '^' marker.\n",
        b"% Permission denied for the role\n",
        b"\r\r\n% Permission denied for the role\r\n",
        b"Syntax error while parsing 'show foo'\n\n",
        b"Cmd exec error.\n",
    ),
    "cisco_iosxr": (
        b"            ^\n% Invalid input detected at '^' marker.\n",
        b"% This command is not authorized\n",
    ),
    "arista_eos": (
        b"% Invalid input\n",
        b"% Invalid input (privileged mode required)\n",
        b"% Invalid input (at token 1: 'foo')\n",
        b"% Incomplete command (at token 1: 'ip')\n",
        b"% Authorization denied for command 'show version'\n",
    ),
    "juniper_junos": (
        b"                      ^\nunknown command.\n",
        b"                          ^\nsyntax error, expecting <command>.\n\n",
        b"               ^\n'inter' is ambiguous.\n",
        b"error: permission denied: configuration\n",
        b"error: command is not valid on the srx300\n",
    ),
    "cisco_asa": (
        b"           ^\nERROR: % Invalid input detected at '^' marker.\n",
        b"ERROR: % Unrecognized command\n",
        b"ERROR: Command authorization failed\n",
        b"Command authorization failed\n",
    ),
    "nokia_srlinux": (
        b"Parsing error: Unknown token 'foo'. Options are ['acl', 'bfd']\n",
        b"Error: Path '/system/aaa' not authorized\n",
    ),
    "nokia_sros": (
        b"                    ^^\nMINOR: MGMT_CORE #2201: Unknown element - 'tt'\n",
        b"MINOR: CLI #2001: Missing element value - 'destination-address'\n",
        b"MINOR: MGMT_CORE #2020: Permission denied - unauthorized use of 'interface'\n",
    ),
    "nokia_sros_classic": (
        b"                ^\nError: Bad command.\n",
        b"Error: Missing parameter\n",
    ),
    "huawei_vrp": (
        b"        ^\nError: Unrecognized command found at '^' position.\n",
        b"        ^\nError[1]: Unrecognized command found at '^' position.\n",
        b"        ^\nError:Too many parameters found at '^' position.\n",
        b"Error: You do not have permission to run the command or the command is incomplete.\n",
        b"Error: No permission to run the command.\n",
        b"Error: Failed to pass the authorization.\n",
    ),
    "hp_comware": (
        b"          ^\n % Unrecognized command found at '^' position.\n",
        b" % Error:Too many parameters found at '^' position.\n",
        b"Permission denied.\n",
    ),
    "aruba_aoscx": (
        b"Invalid input: foo\n",
        b"% Command incomplete.\n",
        b"Cannot execute command. Command not allowed.\n",
        b"Cannot execute command. Could not connect to any TACACS+ servers.\n",
    ),
    "mikrotik_routeros": (
        b"bad command name ttt (line 1 column 2)\n",
        b"syntax error (line 1 column 2)\n",
        b"expected end of command (line 1 column 9)\n",
        b"not enough permissions (9)\n",
        b"input does not match any value of interface\n",
    ),
    "fortinet_fortios": (
        b"command parse error before 'reboot'\nCommand fail. Return code -61\n\n",
        b"Unknown action 0\n\n",
        b"incomplete command in the end\nCommand fail. Return code -160\n",
    ),
    "paloalto_panos": (b"Unknown command: shwo\n", b"\nInvalid syntax.\n"),
    "vyos": (b"\n  Invalid command: [shwo]\n\n", b"\n  Incomplete command: show\n\n"),
    "frr": (
        b"% Unknown command: show foo\n",
        b"% [ZEBRA] Unknown command: show foo\n",
        b"% Command incomplete: show ip\n",
        b"% There is no matched command.\n",
    ),
    "linux": (
        b"-bash: shwo: command not found\n",
        b"bash: line 1: shwo: command not found\n",
        b"sh: 1: shwo: not found\n",
        b"shwo: command not found\n",
        b"\nCommand 'shwo' not found, did you mean:\n",
        b"ksh: shwo: not found [No such file or directory]\n",
        b"zsh: command not found: shwo\n",
        b"fish: Unknown command: shwo\n",
        b"cat: /etc/shadow: Permission denied\n",
        b"cat: /none: No such file or directory\n",
        b'Object "adress" is unknown, try "ip help".\n',
    ),
    # words that no table of a vendor has
    "generic": (
        b"Error: command rejected\n",
        b"% Command not permitted for your privilege level\n",
        b"% User doesn't have sufficient privilege to execute this command.\n",
        b"Permission denied\n",
        b"Authorization failed\n",
        b"Access denied.\n",
        b"Unknown command\n",
        b"ERROR: you are not authorized to run this\n",
        b"% Unrecognized host or address, or protocol not running.\n",
        b"Unrecognized command\n",
        b"?Invalid command\n",
        b"-> command not found\n",
        b"Not authorized!\n",
    ),
}

ANSWERS = (
    b"% There seem to be no power supplies connected.\n",
    b"%Cpu(s):  8.0 us,  1.7 sy,  0.0 ni, 88.3 id\n",
    b"%IPv4 CEF not running\n",
    b"",
    b"\n\n",
    b"Cannot proceed, database is currently being modified\n",
    b"IP Multicast Forwarding is not enabled.\n",
    b"%SEC-6-IPACCESSLOGP: list 101 denied tcp 10.0.0.1(80) -> 10.0.0.2(80), 1 packet\n",
    b"Jan  1 00:00:00 sw1 Acl: %ACL-6-IPACCESS: list x denied tcp\n",
    b"Interface  Description\nEt1        Invalid input detected at '^' marker.\n",
    b"interface Et1\n description % Invalid input detected\n",
    b"Name\nvlan10\nvlan20\n% Invalid input detected at '^' marker.\n",
    b"Building configuration...\n\nbanner motd ^C\nAccess to this system is denied to all but ^C\n",
    b"%% Writing 0 Arp, 0 Route, 1 Mac events to the database\n",
    b"not found\n",
    b"port 1: not authorized\n",
    b"-> 10.0.0.1 not found\n",
    b"Unauthorized access is prohibited. Permission of the owner is needed.\n",
)


@pytest.mark.parametrize(
    ("name", "said"), [(name, said) for name, each in REFUSED.items() for said in each]
)
def test_refused(name: str, said: bytes) -> None:
    line = find_denial(said, PLATFORMS[name])
    assert line is not None
    assert line.encode() in said


def test_every_platform_has_examples() -> None:
    assert set(REFUSED) == set(PLATFORMS) - {"cisco_ios"}


@pytest.mark.parametrize("name", PLATFORMS)
@pytest.mark.parametrize("said", ANSWERS)
def test_answered(name: str, said: bytes) -> None:
    assert find_denial(said, PLATFORMS[name]) is None


@pytest.mark.parametrize("name", PLATFORMS)
def test_no_recorded_output_is_a_denial(name: str, recordings: Path) -> None:
    files = sorted(recordings.glob("ntc-templates/*/*/*.raw"))
    assert len(files) == 293
    found = {path.name: find_denial(path.read_bytes(), PLATFORMS[name]) for path in files}
    assert {path: line for path, line in found.items() if line} == {}


@pytest.mark.parametrize("shell", ["bash", "dash"])
@pytest.mark.parametrize("command", ["shwo version", "cat /none-such", "ip adress show"])
def test_a_real_shell_refuses(shell: str, command: str) -> None:
    program = shutil.which(shell)
    if not program:
        pytest.skip(f"no {shell} here")
    said = subprocess.run([program], input=command.encode(), capture_output=True, check=False)
    assert find_denial(said.stderr, PLATFORMS["linux"]) is not None


def test_bytes_that_are_no_text_are_no_denial() -> None:
    assert find_denial(b"\xff\xfe\x00" * 3000, PLATFORMS["cisco_iosxe"]) is None
