"""Whether a configuration has changed: what counts, what does not, what is never looked at."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.backups.comparing import compare
from collector.backups.rules import Rules, in_blocks, in_lines, joined
from collector.model import Change
from collector.platforms import Passages, load_platforms

PLATFORMS = load_platforms()


def lines(*patterns: bytes) -> Passages:
    return Passages(lines=tuple(map(re.compile, patterns)))


CLOCK = Rules(volatile=lines(rb"^! Time: ", rb"^ntp drift (\d+)"), secrets=lines(rb"key (\S+)"))


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        (None, b"", Change.NEW),
        (b"", b"", Change.UNCHANGED),
        (b"! Time: 1\na\n", b"! Time: 2\na\n", Change.VOLATILE_ONLY),
        (b"a\n", b"! Time: 2\na\n", Change.VOLATILE_ONLY),
        (b"a\n! Time: 2\n! Time: 3\nb\n", b"a\nb\n", Change.VOLATILE_ONLY),
        (b"a\n! Time: 1\n! Time: 1\n", b"! Time: 1\na\n", Change.VOLATILE_ONLY),
        (b"a\r\n! Time: 1\r\n", b"a\r\n! Time: 2\r\n", Change.VOLATILE_ONLY),
        (b"ntp drift 17 peer a\n", b"ntp drift 18 peer a\n", Change.VOLATILE_ONLY),
        (b"ntp drift 17 peer a\n", b"ntp drift 17 peer b\n", Change.CHANGED),
        (b"ntp drift 17\n", b"", Change.CHANGED),  # a part of a line: it has to be there
        (b"radius key one\n", b"radius key two\n", Change.SECRET_ONLY),
        (b"! Time: 1\nkey one\n", b"key two\n", Change.SECRET_ONLY),
        (b"key one\n", b"key one\nkey two\n", Change.CHANGED),
        (b"key one x\n", b"key two y\n", Change.CHANGED),
        (b"a\nb\n", b"b\na\n", Change.CHANGED),
        (b"a\n", b"a", Change.CHANGED),
        (b"a\n", b"a\r\n", Change.CHANGED),
        (b"key one\r\n", b"key two\n", Change.CHANGED),
        (b"a\n", b"a\n\n", Change.CHANGED),
        (b"\xff\n", b"\xfe\n", Change.CHANGED),
        (b"a\n", b"", Change.CHANGED),
    ],
)
def test_what_has_become_of_it(before: bytes | None, after: bytes, change: Change) -> None:
    assert compare(before, after, CLOCK) is change


def test_a_block_may_be_volatile_or_secret() -> None:
    ends = (re.compile(rb"-BEGIN KEY-"), re.compile(rb"-END KEY-"))
    before = b"a\nset key -BEGIN KEY-\nabc\ndef\n-END KEY-\nb\n"
    after = b"a\nset key -BEGIN KEY-\nghi\n-END KEY-\nb\n"
    block = Passages(blocks=(ends,))
    assert compare(before, after, Rules(volatile=block)) is Change.VOLATILE_ONLY
    assert compare(before, after, Rules(secrets=block)) is Change.SECRET_ONLY
    assert compare(before, after + b"c\n", Rules(volatile=block)) is Change.CHANGED
    assert compare(before, after, Rules()) is Change.CHANGED


def test_a_mark_in_the_place_of_a_secret_is_one() -> None:
    rules = Rules.of(PLATFORMS["paloalto_panos"])
    one, other = (
        b"  phash <secret:hmac:0123456789abcdef>;\n",
        b"  phash <secret:hmac:ffff456789abcdef>;\n",
    )
    assert compare(one, other, rules) is Change.SECRET_ONLY
    assert compare(b"  phash $5$abcdefgh;\n", b"  phash <secret>;\n", rules) is Change.SECRET_ONLY


@pytest.mark.parametrize(
    "text",
    [
        b"config system admin\n set password ENC %b\nend\n",
        b"#private-encryption-key=%b\n",
        b'set private-key "-----BEGIN PRIVATE KEY-----\n%b\n-----END PRIVATE KEY-----"\n',
        b"! asked by %b\nend\n",
    ],
)
def test_what_is_secret_and_volatile_is_written_anew_when_it_is_taken_out(text: bytes) -> None:
    own = {"fortinet_fortios": {"volatile": ["^! asked by "], "secrets": [r"^! asked by (\S+)"]}}
    rules = Rules.of(load_platforms(own)["fortinet_fortios"])
    raw, mask, one, other = (
        text % each
        for each in (b"MIIabc", b"<secret>", b"<secret:hmac:%016d>" % 1, b"<secret:hmac:%016d>" % 2)
    )
    for before, after in ((raw, mask), (mask, raw), (raw, one), (one, mask)):
        assert compare(before, after, rules) is Change.SECRET_ONLY
    assert compare(one, other, rules) is Change.VOLATILE_ONLY
    assert compare(raw, text % b"MIIdef", rules) is Change.VOLATILE_ONLY


@pytest.mark.parametrize("kind", [b"BEGIN", b"END"])
def test_an_end_of_a_key_alone_makes_nothing_volatile(kind: bytes) -> None:
    rules = Rules.of(PLATFORMS["fortinet_fortios"])
    text = b'%%b\nset comments "-----%b PRIVATE KEY-----"\n%%b\nend\n' % kind
    assert compare(text % (b"a", b"b"), text % (b"c", b"b"), rules) is Change.CHANGED
    assert compare(text % (b"a", b"b"), text % (b"a", b"c"), rules) is Change.CHANGED


def test_lines_that_are_too_long_to_look_into_are_taken_as_they_are() -> None:
    slow = lines(rb"key .*key .*key .*key (\S+)~", rb"^clock.*key .*key .*key .*key ~")
    for first in (b"", b"clock "):
        before, after = (first + b"key " * 25_000 + each for each in (b"a", b"b"))
        assert compare(before, after, Rules(volatile=slow)) is Change.CHANGED


LINE = st.sampled_from([b"! Time: 1", b"! Time: 2", b"a", b"b", b"key x", b"key y", b"ntp drift 1"])


def rest(text: bytes, *tables: Passages) -> list[bytes]:
    """What is left of a text, made from the definition: no walk, nothing skipped."""
    kept = []
    for line in text.split(b"\n"):
        if any(not each.groups and each.search(line) for each in tables[0].lines):
            continue
        left = line
        for table in tables:
            for each in (each for each in table.lines if each.groups):
                if match := each.search(left):
                    left = left[: match.start(1)] + b"\0" + left[match.end(1) :]
        kept.append(left)
    return kept


@given(st.lists(LINE), st.lists(LINE))
def test_the_walk_is_the_comparison_of_what_is_left(one: list[bytes], other: list[bytes]) -> None:
    before, after = b"\n".join(one), b"\n".join(other)
    if before == after:
        expected = Change.UNCHANGED
    elif rest(before, CLOCK.volatile) == rest(after, CLOCK.volatile):
        expected = Change.VOLATILE_ONLY
    elif rest(before, CLOCK.volatile, CLOCK.secrets) == rest(after, CLOCK.volatile, CLOCK.secrets):
        expected = Change.SECRET_ONLY
    else:
        expected = Change.CHANGED
    assert compare(before, after, CLOCK) is expected


def test_only_lines_that_differ_are_looked_at() -> None:
    """An expression that would take for ever on a line that both have is never asked."""
    slow = lines(rb"^(?:a|a)*(?:a|a)*(?:a|a)*b$")
    same = b"a" * 200 + b"\n"
    rules = Rules(volatile=replace(CLOCK.volatile, lines=(*CLOCK.volatile.lines, *slow.lines)))
    before, after = same + b"! Time: 1\n" + same, same + b"! Time: 2\n" + same
    assert compare(before, after, rules) is Change.VOLATILE_ONLY


# What makes a tool commit hour after hour: a line that differs from visit to visit, by platform.
VOLATILE = {
    "arista_eos": ("! Time: Mon Jan  1 {}:00:00 2024", "10", "11"),
    "cisco_asa": (": Written by {} CEST Mon Oct 21 2024", "a at 20:03:32.236", "b at 20:03:33.0"),
    "cisco_ios": ("ntp clock-period {}", "17179865", "17179881"),
    "cisco_iosxe": ("Current configuration : {} bytes", "20546", "20547"),
    "cisco_iosxr": ("Tue Oct  1 {} UTC", "12:00:00.123", "13:00:00.456"),
    "cisco_nxos": ("!Time: Mon Dec  1 {} 2025", "14:37:04", "15:37:04"),
    "fortinet_fortios": ("        set password ENC {}", "AAAA/bbb==", "CCCC+ddd=="),
    "generic": ("Current configuration: {} bytes", "12", "13"),
    "huawei_vrp": ("!Last configuration was updated at 2024-01-01 {}:00:00", "10", "11"),
    "juniper_junos": ("## Last commit: 2024-12-06 11:41:05 UTC by {}", "root", "a"),
    "linux": ("       valid_lft {0}sec preferred_lft {0}sec", "85342", "81742"),
    "mikrotik_routeros": ("# jan/02/1970 {}:00:07 by RouterOS 6.49.6", "00", "01"),
    "nokia_sros": ("# Generated TUE OCT 01 {}:00:00 2024 UTC", "12", "13"),
    "nokia_sros_classic": ("# Finished TUE OCT 01 {}:00:00 2024 UTC", "12", "13"),
    "paloalto_panos": ('<entry name="a" dirtyId="{}" time="2024/01/01 10:00:00">', "7", "8"),
}
STEADY = {"aruba_aoscx", "frr", "hp_comware", "nokia_srlinux", "vyos"}  # neither clock nor counter


def test_every_platform_has_an_example() -> None:
    assert VOLATILE.keys() | STEADY == set(PLATFORMS)


@pytest.mark.parametrize("name", VOLATILE)
def test_what_differs_by_itself_makes_no_change(name: str) -> None:
    rules = Rules.of(PLATFORMS[name])
    line, one, other = VOLATILE[name]
    before, after = (f"hostname a\n{line.format(x)}\nend\n".encode() for x in (one, other))
    assert compare(before, after, rules) is Change.VOLATILE_ONLY
    assert compare(before, after.replace(b"hostname a", b"hostname b"), rules) is Change.CHANGED


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("mikrotik_routeros", b"# a 10:00:00 by RouterOS 6.49.6", b"# a 10:00:00 by RouterOS 7.1"),
        ("fortinet_fortios", b"#config-version=F-7.2.8:user=a", b"#config-version=F-7.4.1:user=a"),
        ("fortinet_fortios", b"set password ENC a", b"unset password"),
        ("cisco_iosxe", b"clock timezone CET 1 0", b"clock timezone CET 2 0"),
        ("cisco_nxos", b"!Command: show running-config", b"!Command: show running-config all"),
    ],
)
def test_beside_what_differs_by_itself_a_change_is_seen(
    name: str, before: bytes, after: bytes
) -> None:
    assert compare(before + b"\n", after + b"\n", Rules.of(PLATFORMS[name])) is Change.CHANGED


def test_a_private_key_that_is_encrypted_anew_is_volatile_on_fortios() -> None:
    kind = b"ENCRYPTED PRIVATE KEY"
    text = b'set private-key "-----BEGIN %b-----\n%%b\n-----END %b-----"\n' % (kind, kind)
    rules = Rules.of(PLATFORMS["fortinet_fortios"])
    assert compare(text % b"MIIa\nb", text % b"MIIc\nd", rules) is Change.VOLATILE_ONLY
    rules = Rules.of(PLATFORMS["cisco_iosxe"])
    assert compare(text % b"MIIa\nb", text % b"MIIc\nd", rules) is Change.SECRET_ONLY


# What is another text each time FortiOS shows it, as its users told Oxidized in #1883 and #2513.
ENCRYPTED_ANEW = """#config-version=FGT60F-7.2.5-FW-build1517-230606:opmode=0:vdom=0:user=backup
#conf_file_ver={0}
#private-encryption-key={0}
config system global
    set inter-controller-key ENC {0}==
end
config vpn certificate local
    edit "Fortinet_SSL"
        set password ENC {0}==
        set private-key "-----BEGIN ENCRYPTED PRIVATE KEY-----
{0}
{0}
-----END ENCRYPTED PRIVATE KEY-----"
    next
end
config user local
    edit "one"
        set passwd ENC {0}
        set passwd1 ENC {0}
        set password2 ENC {0}
        set auth-password-l1 ENC {0}
        set auth-password-l2 ENC {0}
        set passphrase ENC {0}
        set proxy-password ENC {0}
        set logon-password ENC {0}
        set secondary-key ENC {0}
    next
end
"""


def test_what_fortios_encrypts_anew_is_no_change() -> None:
    rules = Rules.of(PLATFORMS["fortinet_fortios"])
    one, other = ENCRYPTED_ANEW.format("aB+/1").encode(), ENCRYPTED_ANEW.format("zY9/+0").encode()
    assert compare(one, other, rules) is Change.VOLATILE_ONLY
    for line in (b"opmode=0", b'edit "one"', b"set secondary-key ENC", b"Fortinet_SSL"):
        assert compare(one, other.replace(line, line + b"x"), rules) is Change.CHANGED, line


def test_of_a_users_own_expressions_those_of_generic_hold_everywhere() -> None:
    own = {
        "generic": {"volatile": [r"^! built by run (\d+)"]},
        "cisco_iosxe": {"volatile": ["^! license left: "]},
    }
    platforms = load_platforms(own)
    run = (b"! built by run 7\n", b"! built by run 8\n")
    left = (b"! license left: 7\n", b"! license left: 6\n")
    assert compare(*run, Rules.of(platforms["vyos"])) is Change.VOLATILE_ONLY
    assert compare(*run, Rules.of(platforms["cisco_ios"])) is Change.VOLATILE_ONLY
    assert compare(*left, Rules.of(platforms["cisco_ios"])) is Change.VOLATILE_ONLY
    assert compare(*left, Rules.of(platforms["vyos"])) is Change.CHANGED


@given(st.binary(max_size=200))
def test_what_is_found_is_within_the_text(text: bytes) -> None:
    for name in ("cisco_iosxe", "fortinet_fortios", "mikrotik_routeros"):
        for table in (PLATFORMS[name].volatile, PLATFORMS[name].secrets):
            spans = joined([*in_lines(text, table), *in_blocks(text, table)])
            assert all(0 <= start <= end <= len(text) for start, end in spans)
