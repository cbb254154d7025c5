"""Secrets taken out of configurations: each of them, nothing else, and the same way each time."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.oxidized import find_dialogues
from support.recorded import find_recordings

from collector.backups.redacting import last_words, redact
from collector.backups.rules import Rules
from collector.model import Redact
from collector.platforms import Passages, load_platforms

PLATFORMS = load_platforms()
SECRETS = {name: Rules.of(platform).secrets for name, platform in PLATFORMS.items()}
KEY = b"0123456789abcdef"


def masked(platform: str, text: bytes, mode: Redact = Redact.MASK) -> bytes:
    return redact(text, SECRETS[platform], mode, KEY)


# In each line what is between « and » is the secret; what has none has none.
LINES = {
    "generic": """
enable password 8 «08AB»
enable secret level 15 5 «$1$abcd$efghijkl»
username a privilege 15 secret sha512 «$6$abc$defghijkl»
username a role network-admin password 5 «$5$abcdefghij»  role x
password «zebra»
password encryption aes
password {
    password policy strict
username a nopassword
service password-encryption
tacacs-server key 7 «0A1B»
radius-server host 10.0.0.1 auth-port 1812 key 7 «0A1B» timeout 3
 key 7 «0A1B»
 key «hunter2»
 key 1
 key chain x
key chain x
  key-string 7 «0A1B»
  key «0123456789»
 server-private 10.0.0.1 key 7 «0A1B»
 neighbor 10.0.0.1 password 7 «0A1B»
 neighbor 10.0.0.1 password «hunter2»
 neighbor 10.0.0.1 password
 ip ospf authentication-key «hunter2»
 ip ospf message-digest-key 1 md5 7 «0A1B»
 area 0 authentication message-digest
ntp authentication-key 1 md5 «070C285F» 7
ntp authentication-key 1 md5 7 «070C285F»
ntp trusted-key 1
 isis password «hunter2» level-1
 area-password md5 «hunter2»
 ip rip authentication string «hunter2»
 standby 1 authentication «hunter2»
 standby 1 authentication md5 key-string 7 «0A1B»
 standby 1 authentication md5 key-chain rotating
 vrrp 1 authentication text «hunter2»
crypto isakmp key 6 «hunter2» address 10.0.0.1
 pre-shared-key address 10.0.0.1 255.255.255.0 key «hunter2»
 pre-shared-key local 6 «hunter2»
 wpa-psk ascii 0 «hunter2»
 ppp chap password 7 «0A1B»
 ppp authentication chap
 ppp pap sent-username a password 0 «hunter2»
mpls ldp neighbor 10.0.0.1 password 7 «0A1B»
mpls ldp neighbor vrf red 10.0.0.1 password «hunter2»
mpls ldp neighbor 10.0.0.1 targeted
mpls ldp password required for 10
mpls ldp password fallback 7 «0A1B»
mpls ldp vrf red password option 1 for 10 «hunter2»
mpls ldp password option 1 for 10 key-chain x
 ip nhrp authentication «hunter2»
 ip nhrp map multicast dynamic
ip wccp web-cache redirect-list 10 password «hunter2»
ip wccp vrf red 61 password 7 «0A1B»
key config-key password-encrypt «hunter2»
snmp mib community-map «public» engineid 80
vtp password «hunter2»
snmp-server community «public» RO
snmp-server community 7 «0A1B2C» ro
snmp-server community «5» RO
snmp-server host 10.0.0.1 «public»
snmp-server host 10.0.0.1 vrf mgmt version 2c «public»  bgp
snmp-server host 10.0.0.1 informs version 3 auth someone
snmp-server host 10.0.0.1 use-vrf management
snmp-server host 10.0.0.1 source-interface Vlan1
snmp-server enable traps snmp authentication linkdown
snmp-server user a g v3 auth sha «0xaa11» priv aes 128 «0xbb22»
snmp-server user a g auth md5 «0xaa11» priv «0xbb22» localizedkey
snmp-server user a g v3 auth md5 encrypted «0A1B» priv des56 encrypted «0C1D»
snmp-server location Key West, password street
description the secret of the key is no password
archive path ftp://someone:«hunter2»@10.0.0.1/x
 address 10.0.0.1:22@x http://10.0.0.1/
 ip ssh server algorithm mac hmac-sha2-256
 hash sha256
""",
    "cisco_iosxe": """
enable secret 9 «$9$abc def»
username a secret 0 «two words»
 password 7 «0A1B»
 key-string «two words»
""",
    "cisco_asa": """
passwd «abc» encrypted
enable password «***» pbkdf2
 ikev1 pre-shared-key «hunter2»
 ikev2 remote-authentication pre-shared-key «hunter2»
failover key «hunter2»
failover lan unit primary
snmp-server host inside 10.0.0.1 poll community «hunter2» version 2c
ldap-login-password «hunter2»
""",
    "cisco_iosxr": """
 secret 10 «$6$abcdefghijkl»
 password 7 «0A1B»
 hello-password hmac-md5 encrypted «0A1B»
  password encrypted «0A1B»
  key-string password «0A1B»
""",
    "aruba_aoscx": """
user admin group administrators password ciphertext «AAAA»
snmpv3 user a auth sha auth-pass ciphertext «AAAA» priv aes priv-pass ciphertext «BBBB»
""",
    "juniper_junos": """
        encrypted-password "«$6$abc»"; ## SECRET-DATA
            secret "«$9$abcdefghij»"; ## SECRET-DATA
    community «public» {
    community «public»;
    community CUSTOMERS members 65000:1;
            community CUSTOMERS;
            community add CUSTOMERS;
    password {
        minimum-length 8;
set snmp community «public» authorization read-only
set policy-options community CUSTOMERS members 65000:1
set system login user a authentication encrypted-password "«$6$abcdefghij»"
set system root-authentication ssh-rsa "ssh-rsa AAAA"
""",
    "fortinet_fortios": """
        set password ENC «abc/def==»
        set psksecret ENC «abc»
        set passphrase "«two words»"
        set password-policy "x"
        set passwd-time 2024-01-01 10:00:00
        set secret enable
#private-encryption-key=«0a1b»
        set ssh-public-key1 "ssh-rsa AAAA"
    edit "a"
        set name "not-a-community"
    next
config system snmp community
    edit 1
        set name "«public»"
    next
end
config system interface
    edit 1
        set name "port1"
""",
    "mikrotik_routeros": """
/ip ipsec identity
add peer=a secret=«hunter2»
/interface wireless security-profiles
set [ find default=yes ] wpa2-pre-shared-key="«two words»" name=default
add authentication-types=wpa2-psk name=broken wpa2-pre-shared-key=\\
    "«two words»" supplicant-identity=\\
    MikroTik
add name=broken2 secret=«hun»\\
    «ter2» name=x
add name=broken3 secret=«"two wor»\\
    «ds or three»" name=x
/snmp community
add addresses=10.0.0.0/8 name=«public»
/interface bridge
add name=bridge1
""",
    "nokia_sros": """
            password "«$2y$10$abcdefghijk»"
            authentication-key "«abcd hash2»"
            message "x"
""",
    "nokia_sros_classic": """
            authentication-key "«abcd»" hash2
            community "«abcd»" hash2 access-permissions r version v2c
            description "hash browns"
""",
    "nokia_srlinux": """
set / system aaa authentication admin-user password «$y$j9T$abcdefghijkl»
set / interface ethernet-1/1 description "password"
""",
    "huawei_vrp": """
 local-user admin password irreversible-cipher «$1a$abcdefgh»
 snmp-agent community read cipher «%^%#abcdefg%^%#»
 snmp-agent community write «public»
 snmp-agent community complexity-check disable
 ssh server cipher aes256_ctr aes128_ctr
 ospf authentication-mode md5 1 cipher «%^%#abcdefg%^%#»
 snmp-agent target-host trap address udp-domain 10.0.0.1 params securityname «public» v2c
""",
    "hp_comware": """
 password hash «$h$6$abcdefgh»
 key authentication cipher «$c$3$abcdefgh»
 snmp-agent community read «public»
""",
    "paloalto_panos": """
      phash «$5$abcdefghijkl»;
      key «-AQ==abcdef»;
      snmp-community-string «public»;
      public-key c3NoLXJzYQ;
""",
    "vyos": """
set system login user a authentication encrypted-password '«$6$abcdefgh»'
set vpn ipsec authentication psk a secret '«hunter2»'
set service snmp community «public» authorization 'ro'
set system login user a authentication public-keys x key 'AAAA'
set service ssh port '22'
""",
    "frr": """
password «zebra»
enable password «z;bra;»
password «z;bra»
password "«two words»"
 neighbor 10.0.0.1 password «hunter2»
 ip ospf message-digest-key 1 md5 «hunter2»
""",
    "linux": "\n2: eth0: <BROADCAST> link/ether 02:00:00:00:00:01\n",
    "arista_eos": """
username admin privilege 15 role network-admin secret sha512 «$6$abcdefgh»
   neighbor 10.0.0.1 password 7 «0A1B==»
enable password sha512 «$6$abcdefgh»
   key 0123abcd 7 «0A1B»
""",
    "cisco_nxos": """
username admin password 5 «$5$abcdefgh»  role network-admin
snmp-server community «public» group network-operator
snmp-server user admin network-admin auth md5 «0xaa» priv aes-128 «0xbb» localizedkey
""",
}
LINES["cisco_ios"] = LINES["cisco_iosxe"]


def test_every_platform_has_lines() -> None:
    assert LINES.keys() == set(PLATFORMS)


@pytest.mark.parametrize("platform", LINES)
def test_each_secret_is_masked_and_nothing_else(platform: str) -> None:
    text = LINES[platform]
    expected = re.sub("«.*?»", "<secret>", text)
    found = masked(platform, text.replace("«", "").replace("»", "").encode()).decode()
    assert found.splitlines() == expected.splitlines()


@pytest.mark.parametrize("platform", LINES)
def test_twice_is_as_once_and_equal_secrets_have_equal_marks(platform: str) -> None:
    text = LINES[platform].replace("«", "").replace("»", "").encode()
    for mode in (Redact.MASK, Redact.FINGERPRINT):
        once = masked(platform, text, mode)
        assert masked(platform, once, mode) == once
        assert once.count(b"\n") == text.count(b"\n")
    marks: dict[str, set[bytes]] = {}
    once = masked(platform, text, Redact.FINGERPRINT)
    for line, found in zip(LINES[platform].splitlines(), once.splitlines(), strict=True):
        secrets = re.findall("«(.*?)»", line)
        for secret, mark in zip(secrets, re.findall(rb"<secret:hmac:.*?>", found), strict=True):
            marks.setdefault(secret, set()).add(mark)
    assert all(len(each) == 1 for each in marks.values())
    assert len(set.union(set(), *marks.values())) == len(marks)


def test_a_mark_shows_a_change_and_nothing_more() -> None:
    one = masked("frr", b"password zebra\n", Redact.FINGERPRINT)
    other = masked("frr", b"password Zebra\n", Redact.FINGERPRINT)
    elsewhere = redact(
        b"password zebra\n", Rules.of(PLATFORMS["frr"]).secrets, Redact.FINGERPRINT, KEY[::-1]
    )
    assert len({one, other, elsewhere}) == 3
    assert all(
        re.fullmatch(rb"password <secret:hmac:[0-9a-f]{16}>\n", text) for text in (one, other)
    )
    assert masked("frr", b"password zebra\n", Redact.OFF) == b"password zebra\n"
    with pytest.raises(ValueError, match="less than 16"):
        redact(b"", Rules.of(PLATFORMS["frr"]).secrets, Redact.FINGERPRINT, b"short")


def test_a_line_ends_before_its_carriage_return() -> None:
    assert masked("frr", b" key hunter2;\r\n") == b" key <secret>;\r\n"


def test_a_private_key_becomes_one_line() -> None:
    key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc=\n-----END RSA PRIVATE KEY-----\n"
    seen = b"-----BEGIN RSA PRIVATE KEY-----\n<secret>\n-----END RSA PRIVATE KEY-----\n"
    certificate = b"-----BEGIN CERTIFICATE-----\nMIIE\n-----END CERTIFICATE-----\n"
    assert masked("linux", b"a\n" + key + certificate + key) == b"a\n" + seen + certificate + seen
    assert masked("linux", seen) == seen


# What came from a terminal until a device failed; and what is kept of it.
LAST_WORDS = {
    "lines": (
        b"a\r\nusername bob secret 0 hunter2\r\nend\r\n",
        b"username bob secret 0 <secret>\nend",
    ),
    "a pager": (
        b"line\r\n --More-- " + b"\b" * 9 + b" " * 9 + b"\b" * 9 + b"username b secret hunter2\r\n",
        b" --More--\nusername b secret <secret>",
    ),
    "another pager": (
        b" --More-- \r          \rsnmp-server community hunter2 RO\r\n",
        b" --More--\nsnmp-server community <secret> RO",
    ),
    "colours": (b"\x1b[Kenable password hunter2\r\n", b"enable password <secret>"),
    "a wrapped line": (
        b"tacacs-server host 10.1.1.1 single-connection timeout 5 key 7 \r\nhunter2\r\nr1#",
        b"<secret>\nr1#",
    ),
    "a wrapped secret": (
        b"tacacs-server host 10.1.1.1 single-connection timeout 5 key 7 hunt\r\ner2\r\nr1#",
        b"<secret>\nr1#",
    ),
    "redrawn": (b"a\r\nb\r\nr1# enable secret hunt\b\b\b\ber2\r\n", b"r1# enable secret <secret>"),
    "a complaint": (
        b"% Bad: snmp-server community hunter2\r\nr1#",
        b"% Bad: snmp-server community <secret>\nr1#",
    ),
    "a key": (b"a\n-----BEGIN PRIVATE KEY-----\nMIIE\nhunter2\nabc=\n", b"<secret>"),
    "cut off": (b"hunter2" * 9999 + b"\r\nhunter2", b"hunter2"),  # no half of the first line
    "one line": (b"hunter2" * 9999, b""),
    "few": (b"\r\n\r\nlogin: \r\n\r\n", b"login:"),
    "nothing": (b"", b""),
}  # fmt: skip


@pytest.mark.parametrize("case", LAST_WORDS)
def test_of_last_words_nothing_is_left_of_a_secret(case: str) -> None:
    said, kept = LAST_WORDS[case]
    assert last_words(said, Rules.of(PLATFORMS["cisco_iosxe"]).secrets) == kept


def test_what_is_secret_in_some_places_is_never_kept_of_last_words() -> None:
    """The line that says where it is may have been cut off."""
    said = b"x" * 70_000 + b'\r\n    edit 1\r\n        set name "hunter2"\r\n'
    kept = last_words(said, Rules.of(PLATFORMS["fortinet_fortios"]).secrets)
    assert kept == b"    edit 1\n        set name <secret>"


CONFIGURATION = b"hostname r1\nbanner motd ^C\n%b\n^C\nrouter bgp 1\n%bend\n"
CODE = b"".join(b"%b\n" % (letter * 64) for letter in (b"A", b"B", b"C"))
BEGIN, END = b"-----BEGIN RSA PRIVATE KEY-----", b"-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("alone", "later"),
    [
        (BEGIN, b""),
        (END, b""),
        (BEGIN, END + b"\n"),
        (END, BEGIN + b"\n"),
        (BEGIN + b"\nexit", b""),
    ],
)
def test_an_end_of_a_key_alone_takes_nothing_out(alone: bytes, later: bytes) -> None:
    text = CONFIGURATION % (alone, later)
    assert masked("cisco_iosxe", text) == text


def test_a_key_is_found_beside_an_end_that_stands_alone() -> None:
    key, seen = (b"%b\n%b%b\n" % (BEGIN, each, END) for each in (CODE, b"<secret>\n"))
    for alone in (BEGIN, END):
        assert masked("frr", CONFIGURATION % (alone, key)) == CONFIGURATION % (alone, seen)


@pytest.mark.parametrize(
    "body",
    [
        b"Proc-Type: 4,ENCRYPTED\r\nDEK-Info: DES,01\r\n\r\n" + CODE,
        CODE + b"*Mar  1 00:00:01: %SYS-5-CONFIG_I: Configured\n" + CODE,
        b"  " + CODE.replace(b"\n", b"\n  "),
        CODE + b"abc=\n",
    ],
)
def test_a_key_is_taken_out_whole(body: bytes) -> None:
    text = b"%b\n%b%b\nend\n" % (BEGIN, body, END)
    assert re.sub(rb"\s+", b" ", masked("frr", text)) == b"%b <secret> %b end " % (BEGIN, END)


def test_of_a_key_that_breaks_off_what_is_there_is_taken_out() -> None:
    text = b"a\n%b\n%babc=\nrouter bgp 1\n" % (BEGIN, CODE)
    assert masked("frr", text) == b"a\n%b\n<secret>\nrouter bgp 1\n" % BEGIN


@pytest.mark.parametrize("ends", [BEGIN + b"\n", END + b"\n", BEGIN + b"\n" + END + b"\n"])
def test_ends_of_keys_may_be_many(ends: bytes) -> None:
    """Where each began a search to the end of the text, this would end at the test's limit."""
    text = ends * 300_000
    assert masked("frr", text) == text


def test_a_line_that_is_too_long_to_look_into_is_taken_out_whole() -> None:
    slow = Passages(lines=(re.compile(rb"key .*key .*key .*key (\S+)~"),))
    line = b"key " * 25_000
    text = b"a\n%b\r\nkey key key key x~\nb %b\n" % (line, b"c" * 20_000)
    seen = b"a\n<secret>\r\nkey key key key <secret>~\nb %b\n" % (b"c" * 20_000)
    assert redact(text, slow, Redact.MASK).replace(b"<secret> ", b"<secret>") == seen


@given(st.lists(st.sampled_from("".join(LINES.values()).splitlines())), st.sampled_from([*LINES]))
def test_any_text_is_redacted_once_and_keeps_its_lines(lines: list[str], platform: str) -> None:
    text = "\n".join(lines).encode("latin-1", "replace")
    for mode in (Redact.MASK, Redact.FINGERPRINT):
        once = masked(platform, text, mode)
        assert masked(platform, once, mode) == once
        assert once.count(b"\n") == text.count(b"\n")
        rest = re.split(rb"<secret(?::hmac:[0-9a-f]{16})?>", once)
        assert re.fullmatch(b".*?".join(map(re.escape, rest)), text, re.DOTALL)


# Of the recorded configurations, every line in which there is a secret, redacted.
RECORDED = {
    "aoscx-6000-48G_PL.10.13.0005": """
user admin group administrators password ciphertext <secret>
tacacs-server host 192.168.0.1 key ciphertext <secret>
tacacs-server host 192.168.0.1 key ciphertext <secret>
snmp-server community <secret>
snmp-server host 192.168.0.1 trap version v2c community <secret>""",
    "aoscx-R0X25A-6410_FL.10.10.1100": """
user admin group administrators password ciphertext <secret>
user user group administrators password ciphertext <secret>
snmp-server community <secret>
snmp-server community <secret>
snmp-server host 10.7.32.31 trap version v2c community <secret>
snmp-server host 10.7.32.67 trap version v2c community <secret>""",
    "asa-5512_9.12-4-67_single-context": """
Running Permanent Activation Key: <secret>
enable password <secret> pbkdf2
passwd <secret> encrypted
key <secret>
key <secret>
key <secret>
key <secret>
username oxidized password <secret> pbkdf2""",
    "eos-DCS-7050SX3-48YC8_4.29.2F": """
snmp-server community <secret> ro
snmp-server host 10.1.2.3 version 1 <secret>
snmp-server host 10.1.2.4 version 2c <secret>""",
    "ios-C9200L-24P-4G_17.09.04a": """
client 10.10.10.10 server-key <secret>
client 10.10.20.20 server-key 7 <secret>
enable secret 9 <secret>
username oxidized secret 9 <secret>
username rocks secret 9 <secret>
snmp-server community <secret> RW 5
snmp-server host 10.42.0.33 version 2c <secret>
snmp-server host 10.42.0.34 version 2c <secret>
snmp-server host 10.42.0.35 vrf Mgmt-vrf informs version 2c <secret>  tty vtp""",
    "ios-asr920_16.8.1b": """
enable secret 5 <secret>
server-private 111.111.111.111 key 7 <secret>
server-private 111.111.111.111 key 7 <secret>
server-private 111.111.111.111 key 7 <secret>
username root secret 5 <secret>""",
    "junos-srx300_22.4": """
encrypted-password "<secret>"; ## SECRET-DATA
encrypted-password "<secret>"; ## SECRET-DATA
"pasvftp://demouser:<secret>@203.0.113.10/backup/";
"ftp://demouser2@203.0.113.11/backup/" password "<secret>"; ## SECRET-DATA""",
    "nxos-C93180YC-FX3J_10.4.5": """
snmp-server user admin network-admin auth md5 <secret> priv aes-128 <secret> localizedV2key""",
}


def test_the_secrets_of_recorded_devices(recordings: Path) -> None:
    found = {}
    for dialogue in find_dialogues(recordings / "oxidized"):
        text = b"".join(dialogue.truth(command) for command in dialogue.commands)
        seen = masked(dialogue.platform, text)
        pairs = zip(text.decode().splitlines(), seen.decode().splitlines(), strict=True)
        found[dialogue.name] = [after.strip() for before, after in pairs if before != after]
    assert len(found) >= 8
    known = {name: found[name] for name in RECORDED}
    assert known == {name: text.strip().splitlines() for name, text in RECORDED.items()}


def test_of_the_other_recorded_outputs_nothing_but_secrets(recordings: Path) -> None:
    """Hundreds of outputs about interfaces, routes and keys: few have a secret in them."""
    found: set[tuple[str, bytes]] = set()
    seen = find_recordings(recordings / "ntc-templates")
    for each in seen:
        before, after = each.text().splitlines(), masked(each.platform, each.text()).splitlines()
        pairs = zip(before, after, strict=True)
        found |= {(each.command, line) for known, line in pairs if line != known}
    assert len(seen) > 200
    assert found == {
        ("show boot-config", b"Aboot password (encrypted): <secret>"),
        ("show snmp community", b"Community name: <secret>"),
    }
