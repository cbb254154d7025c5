"""End markers: found in recorded and typical configurations, missed when those are cut."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from collector.platforms import find_end_marker, has_log_line, load_platforms, prints_log

PLATFORMS = load_platforms()
RECORDED = {  # the first word of a file's name -> platform
    "aoscx": "aruba_aoscx",
    "asa": "cisco_asa",
    "eos": "arista_eos",
    "ios": "cisco_iosxe",
    "junos": "juniper_junos",
    "nxos": "cisco_nxos",
}

CUT = (b"interface x\n ip addr", b"", b"\n\n", b"hostname end-of-row\n description end\n  leg")
WHOLE = {
    "cisco_iosxe": ("show running-config", b"Building configuration...\n!\nend\n\n"),
    "cisco_ios": ("show running-config", b"version 12.4\r\n!\r\nend\r\n"),
    "cisco_iosxr": ("show running-config", b"!! IOS XR\nend\n"),
    "arista_eos": ("show running-config", b"! device: sw1\n!\nend"),
    "juniper_junos": ("show configuration", b"system {\n    host-name r1;\n}\n"),
    "cisco_asa": ("more system:running-config", b"Cryptochecksum:dd\n: end\n"),
    "nokia_sros": (
        "admin show configuration",
        b"configure {\n}\n# Finished 2024-04-26T17:40:07.2Z\n",
    ),
    "nokia_sros_classic": (
        "admin display-config",
        b"exit all\n\n# Finished THU DEC 12 10:00:00 2024 UTC\n",
    ),
    "huawei_vrp": ("display current-configuration", b"#\nsysname a\n#\nreturn\n"),
    "hp_comware": ("display current-configuration", b"#\n sysname a\n#\nreturn\n"),
    "fortinet_fortios": ("show", b"config system global\n    set hostname a\nend\n"),
    "paloalto_panos": ("show config running", b"config {\n  devices {\n  }\n}\n"),
    "frr": ("show running-config", b"Building configuration...\n\nhostname r1\n!\nend\n"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_marker_is_found_and_missed(name: str) -> None:
    command, text = WHOLE[name]
    platform = PLATFORMS[name]
    assert find_end_marker(text, command, platform) is True
    assert find_end_marker(text, f" {command.replace(' ', '  ')} ", platform) is True
    for cut in CUT:
        assert find_end_marker(cut, command, platform) is False


def test_every_marker_of_a_backup_has_an_example() -> None:
    marked = {
        name
        for name, platform in PLATFORMS.items()
        if set(platform.backup) & set(platform.end_markers)
    }
    assert marked == set(WHOLE)


@pytest.mark.parametrize("shape", [r"\x25SYS-5-\w+: .*", r"\045SYS-5-\w+: .*"])
def test_a_letter_that_is_written_by_its_number_is_found(shape: str) -> None:
    platform = replace(PLATFORMS["generic"], log_lines=(re.compile(shape),))
    assert has_log_line(b"interface x\n%SYS-5-CONFIG_I: Configured\n", platform)


def test_unknown_command_has_no_marker() -> None:
    platform = PLATFORMS["cisco_iosxe"]
    assert find_end_marker(b"end", "show version", platform) is None
    assert find_end_marker(b"end", "show running-config | include x", platform) is None


def test_marker_begins_at_the_margin() -> None:
    assert find_end_marker(b"config x\n    end", "show", PLATFORMS["fortinet_fortios"]) is False
    assert find_end_marker(b"a {\n    }", "show configuration", PLATFORMS["juniper_junos"]) is False


def test_recorded_configurations_carry_their_marker(recordings: Path) -> None:
    seen = 0
    for path in sorted(recordings.glob("oxidized/*simulation.yaml")):
        platform = PLATFORMS[RECORDED[path.name.partition("#")[0]]]
        for command, text in dialogue(path):
            marked = find_end_marker(text, command, platform)
            assert marked is not False, (path.name, command)
            seen += marked is True
            half = text[: len(text) * 2 // 3].rpartition(b"\n")[0]
            assert marked is None or not find_end_marker(half, command, platform), path.name
    assert seen == 5


def dialogue(path: Path) -> list[tuple[str, bytes]]:
    """Return what was asked in a recorded dialogue, and the answers less echo and prompt."""
    commands = yaml.safe_load(path.read_text(encoding="utf-8"))["commands"]
    if isinstance(commands, list):
        commands = {command: text for each in commands for command, text in each.items()}
    return [(command.strip(), body(command, text)) for command, text in commands.items()]


def body(command: str, text: str) -> bytes:
    text = re.sub(r"\\(x[0-9a-f]{2}|.)", lambda m: plain(m[1]), text, flags=re.IGNORECASE)
    first, _, rest = text.partition("\n")
    if first.strip() != command.strip():  # recorded without echo and prompt
        return text.encode()
    return rest.rpartition("\n")[0].encode()


def plain(escape: str) -> str:
    return (
        chr(int(escape[1:], 16)) if escape[0] == "x" else {"r": "\r", "t": "\t"}.get(escape, escape)
    )


LOG_LINES = {
    "cisco_iosxe": (
        "%SYS-5-CONFIG_I: Configured from console by vty0 (10.0.0.1)",
        "*Mar  1 00:00:01.123: %LINK-3-UPDOWN: Interface Gi0/1, changed state to up",
        "000123: *Dec 12 10:00:00.123 CET: %LINEPROTO-5-UPDOWN: Line protocol on Interface Gi0/1",
        ".Dec 12 10:00:00: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: a]",
        "1w2d: %SYS-5-RESTART: System restarted --",
    ),
    "cisco_nxos": (
        "2025 Dec  1 14:37:04 SW-1 %VSHD-5-VSHD_SYSLOG_CONFIG_I: Configured from vty by admin",
        "2025 Dec  1 14:37:04 SW-1 %$ VDC-1 %$ %DAEMON-3-SYSTEM_MSG: error: PAM",
    ),
    "cisco_iosxr": (
        "RP/0/RSP0/CPU0:Dec 12 10:00:00.123 : config[65]: %MGBL-SYS-5-CONFIG_I : Configured",
    ),
    "arista_eos": ("Jan  1 00:00:00 sw1 ConfigAgent: %SYS-5-CONFIG_I: Configured from console",),
    "cisco_asa": ("%ASA-5-111008: User 'enable_15' executed the 'show version' command.",),
    "juniper_junos": (
        "Dec 12 10:00:00  r1 mgd[1234]: UI_COMMIT: User 'a' requested 'commit' operation",
        "Message from syslogd@r1 at Dec 12 10:00:00  ...",
        "Broadcast Message from a@r1",
    ),
    "huawei_vrp": (
        "Dec 12 2024 10:00:00 HUAWEI %%01SHELL/5/CMDRECORD(l)[0]:Recorded command information.",
        "#Dec 12 2024 10:00:00+01:00 HUAWEI DS/4/DATASYNC_CFGCHANGE:OID 1.3.6.1.4 configurations",
    ),
    "hp_comware": ("%Jan  1 00:00:00:000 2024 HPE SHELL/5/SHELL_LOGIN: admin logged in from vty0",),
    "nokia_sros": ("123 2024/12/12 10:00:00.12 UTC MINOR: SYSTEM #2008 Base x",),
    "mikrotik_routeros": (
        "10:00:00 echo: system,error,critical login failure for user a from 10.0.0.1 via ssh",
        "dec/12/2024 10:00:00 system,error,critical login failure for user a",
    ),
}


@pytest.mark.parametrize(
    ("name", "line"), [(name, line) for name, each in LOG_LINES.items() for line in each]
)
def test_log_line(name: str, line: str) -> None:
    platform = PLATFORMS[name]
    assert has_log_line(f"interface x\n  {line} \n!\n".encode(), platform)
    assert not has_log_line(b"interface x\n!\n", platform)


@pytest.mark.parametrize("platform", ["cisco_iosxe", "arista_eos", "juniper_junos"])
def test_outputs_hold_log_lines_only_where_they_print_the_log(
    platform: str, recordings: Path
) -> None:
    folder = {"cisco_iosxe": "cisco_ios"}.get(platform, platform)
    files = sorted(recordings.glob(f"ntc-templates/{folder}/*/*.raw"))
    assert files
    flagged = {
        path.parent.name
        for path in files
        if has_log_line(path.read_bytes().replace(b"\r", b""), PLATFORMS[platform])
    }
    assert not {
        name for name in flagged if not prints_log(name.replace("_", " "), PLATFORMS[platform])
    }


SHAPES = (
    *PLATFORMS["cisco_iosxe"].log_lines,
    *PLATFORMS["juniper_junos"].log_lines,
    re.compile(r"\d+ %\s*[A-Z]+-\d(?: x)?"),  # blanks that a search takes for a line end, too
    re.compile(r"(?:a|b)*not  ?from[^x]*"),
)
PIECES = (
    *("%", " from ", "Message", "not  from", "SYS-5-CONFIG_I", ": ", "12", "A-1", " ", "\n", "\t"),
    *("Jan  1 10:00:00 r1 mgd[12]: ", "*Mar  1 00:00:00.1: %SYS-5-CONFIG_I: by admin", " x", "a"),
)


@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
@example("1 %\nA-1\n1 % A-1 x")
@example("Message from x\n")
def test_a_log_line_is_a_line_of_the_shape_and_nothing_else(text: str) -> None:
    platform = replace(PLATFORMS["cisco_iosxe"], log_lines=SHAPES)
    lines = [line.strip(" \t") for line in text.split("\n")]
    wanted = any(shape.fullmatch(line) for line in lines for shape in SHAPES)
    assert has_log_line(text.encode(), platform) is wanted


def test_prints_log() -> None:
    assert prints_log("show  logging last 10", PLATFORMS["cisco_iosxe"])
    assert prints_log("show log messages", PLATFORMS["juniper_junos"])
    assert not prints_log("show loggingx", PLATFORMS["cisco_iosxe"])
    assert not prints_log("show version", PLATFORMS["cisco_iosxe"])
