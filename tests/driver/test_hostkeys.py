"""Host keys: every form in which a known_hosts file may be written, and who may add to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, cast

import asyncssh
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.direct import ask, connector, device

from collector.driver.hostkeys import KnownHosts, fingerprint
from collector.errors import DeviceError, InputError
from collector.lab import Lab, LabDevice
from collector.model import FaultClass, HostKeys, Phase, Timeouts
from collector.settings import Settings

PRIVATE = asyncssh.generate_private_key("ssh-ed25519")
KEY = PRIVATE.convert_to_public()
OTHER = asyncssh.generate_private_key("ssh-ed25519").convert_to_public()
ECDSA = asyncssh.generate_private_key("ecdsa-sha2-nistp256").convert_to_public()
KEYED = "ssh-ed25519 " + KEY.export_public_key().decode().split()[1]
SHORT = Timeouts(connect=5, login=5)


def public(key: asyncssh.SSHKey) -> str:
    return " ".join(key.export_public_key().decode().split()[:2])


def hashed(host: str) -> str:
    """A host name as ``HashKnownHosts yes`` writes it."""
    salt = hashlib.sha1(host.encode()).digest()
    digest = hmac.new(salt, host.encode(), hashlib.sha1).digest()
    return f"|1|{base64.b64encode(salt).decode()}|{base64.b64encode(digest).decode()}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "known_hosts"


def known(path: Path, content: str | bytes, policy: HostKeys = HostKeys.ACCEPT_NEW) -> KnownHosts:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return KnownHosts(path, policy)


def matched(hosts: KnownHosts, host: str, port: int | None = None) -> tuple[Any, ...]:
    """What asyncssh is given: keys, authorities, revoked keys, and X.509 likewise."""
    return tuple(cast(Any, hosts.match(host, port)))


FORMS = {
    "plain": "r1 {key}\n",
    "address": "r1,192.0.2.1 {key}\n",
    "comment": "# of the lab\n\n  # r1 nonsense\nr1 {key} somebody@somewhere\n",
    "comment-not-ascii": "r1 {key} Jörg\n",
    "crlf": "# of the lab\r\nr1 {key}\r\n",
    "no-final-newline": "r9 {other}\nr1 {key}",
    "hashed": hashed("r1") + " {key}\n",
    "pattern": "r*,!r2 {key}\n",
    "tabs": "r1\t{key}\n",
    "among-unknown-kinds": "r1 ssh-quantum AAAA\nr1 {key}\n",
}


@pytest.mark.parametrize("form", FORMS)
def test_a_key_is_found_in_every_form(path: Path, form: str) -> None:
    hosts = known(path, FORMS[form].format(key=public(KEY), other=public(OTHER)))
    assert hosts.entries_for("r1", 22) == (KEY,)
    assert hosts.entries_for("r2", 22) == ()
    assert not hosts.accepts("r1", 22, OTHER)
    line = hosts.line_of("r1", 22, KEY)
    assert public(KEY).split()[1] in path.read_text().splitlines()[line - 1]


def test_a_comment_in_another_encoding_hides_no_key(path: Path) -> None:
    hosts = known(path, f"r1 {public(KEY)} J".encode() + b"\xf6rg\n")
    assert not hosts.accepts("r1", 22, OTHER)


def test_a_port_has_entries_of_its_own(path: Path) -> None:
    hosts = known(path, f"[r1]:2222 {public(KEY)}\nr1 {public(OTHER)}\n{hashed('[r1]:23')} x y\n")
    assert hosts.entries_for("r1", 2222) == (KEY,)
    assert hosts.entries_for("r1", 22) == (OTHER,)
    # another server on the same address is a first contact, as OpenSSH has it
    assert hosts.accepts("r1", 2223, ECDSA)
    assert path.read_text().splitlines()[-1] == f"[r1]:2223 {public(ECDSA)}"


def test_several_kinds_of_key_are_all_trusted(path: Path) -> None:
    hosts = known(path, f"r1 {public(KEY)}\nr1 {public(ECDSA)}\n")
    assert hosts.entries_for("r1", 22) == (KEY, ECDSA)
    assert not hosts.accepts("r1", 22, OTHER)


def test_the_line_is_that_of_the_host(path: Path) -> None:
    hosts = known(path, f"# r2 {public(KEY)}\nr1 {public(KEY)}\n\n{hashed('r2')} {public(KEY)}\n")
    assert hosts.line_of("r2", 22, KEY) == 4
    assert hosts.line_of("r1", 22, KEY) == 2
    assert hosts.line_of("r3", 22, KEY) == 0


def test_revoked_keys_and_authorities_are_no_keys_of_the_host(path: Path) -> None:
    text = f"@revoked r1 {public(KEY)}\n@cert-authority *.lab {public(OTHER)} CA\n"
    hosts = known(path, text)
    assert hosts.entries_for("r1", 22) == hosts.entries_for("r2.lab", 22) == ()
    assert matched(hosts, "r1")[:3] == ([], [], [KEY])
    assert matched(hosts, "r1", 2222)[:3] == ([], [], [KEY])
    assert matched(hosts, "r2.lab")[:3] == ([], [OTHER], [])


def test_what_is_revoked_for_a_port_counts_without_another_entry(path: Path) -> None:
    hosts = known(path, f"@revoked [r1]:2222 {public(KEY)}\nr1 {public(ECDSA)}\n")
    assert matched(hosts, "r1", 2222)[:3] == ([ECDSA], [], [KEY])
    assert matched(hosts, "r1")[:3] == ([ECDSA], [], [])


@pytest.mark.parametrize(
    "line",
    ["nonsense", "@trusted r1 ssh-ed25519 AAAA", f"|1|bad {public(KEY)}"],
    ids=["one word", "unknown marker", "bad hash"],
)
def test_a_line_that_is_no_entry_is_named(path: Path, line: str) -> None:
    with pytest.raises(InputError) as caught:
        known(path, f"r1 {public(KEY)}\n\n{line}\n")
    (problem,) = caught.value.problems
    assert problem.startswith(f"{path}:3: not a known_hosts entry: {line[:8]}")


@given(
    st.lists(
        st.sampled_from(
            [
                *("@revoked", "@cert-authority", "@trusted", "@", "r1", "r1,r2", "!r1,r*", "a|b"),
                *("|1|", "|1|AAAA|AAAA=", "|1|AAAA|AAA=", "|1|AAA=|AAAA", "|1|A|AAAA", "|2|AAAA|A"),
                *("|1|AAAA", "[r1]:22", "10.0.0.0/8", "10.0.0.0/99", "#", "\xfc", "ssh-rsa", KEYED),
            ]
        ),
        max_size=5,
    ).map(" ".join)
)
def test_what_passes_as_an_entry_is_none_that_asyncssh_stumbles_over(line: str) -> None:
    """They are looked over without it: it is loaded later, when no file can be refused any more."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            hosts = known(Path(folder) / "known_hosts", f"{line}\n")
        except InputError:
            return
    hosts.load()


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    path.mkdir()
    with pytest.raises(InputError, match="known_hosts cannot be read: Is a directory"):
        KnownHosts(path, HostKeys.STRICT)
    KnownHosts(path, HostKeys.OFF)  # which reads none


def test_ten_thousand_lines_are_read_once(path: Path) -> None:
    hosts = known(path, "".join(f"r{n} {public(KEY)}\n" for n in range(10_000)))
    path.write_text("")
    assert all(hosts.entries_for(f"r{n}", 22) == (KEY,) for n in range(0, 10_000, 97))
    assert hosts.line_of("r9999", 22, KEY) == 10_000


@pytest.mark.parametrize("content", ["", "r9 {key}\n", "r9 {key}", "r9 {key}\r\n"])
def test_an_entry_is_added_on_a_line_of_its_own(path: Path, content: str) -> None:
    before = content.format(key=public(OTHER))
    hosts = known(path, before)
    assert hosts.accepts("r1", 22, KEY)
    assert hosts.accepts("r2", 22, ECDSA)
    end = "" if not before or before.endswith("\n") else "\n"
    assert path.read_bytes().decode() == (f"{before}{end}r1 {public(KEY)}\nr2 {public(ECDSA)}\n")
    assert hosts.line_of("r2", 22, ECDSA) == len(path.read_text().splitlines())
    again = KnownHosts(path, HostKeys.STRICT)
    assert again.entries_for("r1", 22) == hosts.entries_for("r1", 22) == (KEY,)


def test_who_comes_second_sees_what_the_first_has_put_on_file(path: Path) -> None:
    first, second = (KnownHosts(path, HostKeys.ACCEPT_NEW) for _ in range(2))
    assert first.accepts("r1", 22, KEY)
    assert not second.accepts("r1", 22, OTHER)
    assert second.entries_for("r1", 22) == (KEY,)
    third = KnownHosts(path, HostKeys.ACCEPT_NEW)
    assert first.accepts("r2", 22, ECDSA)
    assert third.accepts("r2", 22, ECDSA)
    assert path.read_text().count("r2 ") == 1


ADDS = """
import sys, asyncssh
from pathlib import Path
from typing import Any, cast
from collector.driver.hostkeys import KnownHosts
from collector.model import HostKeys
hosts = KnownHosts(Path(sys.argv[1]), HostKeys.ACCEPT_NEW)
key = asyncssh.import_public_key(sys.argv[3])
print("ready", flush=True)
sys.stdin.readline()
for n in range(200):
    assert hosts.accepts(f"{sys.argv[2]}{n}", 22, key)
    assert hosts.accepts(f"shared{n}", 22, key)
"""


def test_two_processes_add_at_the_same_time(path: Path) -> None:
    command = [sys.executable, "-c", ADDS, str(path)]
    processes = [
        subprocess.Popen(
            [*command, name, public(KEY)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for name in ("a", "b")
    ]
    for process in processes:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
    for process in processes:
        assert process.stdin
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate(timeout=30)
        assert process.returncode == 0
    lines = path.read_text().splitlines()
    assert sorted(lines) == sorted(
        f"{name}{n} {public(KEY)}" for name in ("a", "b", "shared") for n in range(200)
    )


class TestOverSsh:
    @staticmethod
    async def opened(known_hosts: Path, policy: HostKeys, text: str) -> str:
        """The fault of opening a device whose key is `KEY`; empty where it opens."""
        async with Lab([LabDevice(name="r1", platform="arista_eos")], host_key=PRIVATE) as lab:
            target = device("r1", lab.port("r1"), "arista_eos")
            known_hosts.write_text(text.replace("HOST", f"[127.0.0.1]:{target.port}"))
            settings = Settings(known_hosts=known_hosts, host_keys=policy)
            try:
                await ask(connector(settings=settings), target, ["show version"])
            except DeviceError as error:
                fault = error.fault
                assert (fault.fault_class, fault.phase) == (FaultClass.HOSTKEY, Phase.HOSTKEY)
                assert lab.stats["r1"].rejected_logins == lab.stats["r1"].logins == 0
                return fault.message
            return ""

    @pytest.mark.parametrize("policy", [HostKeys.STRICT, HostKeys.ACCEPT_NEW])
    async def test_a_key_of_another_kind_than_the_one_on_file_has_changed(
        self, path: Path, policy: HostKeys
    ) -> None:
        message = await self.opened(path, policy, f"# lab\nHOST {public(ECDSA)}\n")
        assert message.startswith(f"the host key has changed: {fingerprint(KEY)}")
        assert f"{fingerprint(ECDSA)} is on file ({path}:2)" in message

    async def test_a_revoked_key_is_refused_even_at_first_contact(self, path: Path) -> None:
        text = f"@revoked HOST {public(KEY)}\n"
        assert "revoked" in await self.opened(path, HostKeys.ACCEPT_NEW, text)

    async def test_one_of_several_keys_is_enough(self, path: Path) -> None:
        text = f"HOST {public(ECDSA)}\nHOST {public(KEY)} old\n"
        assert not await self.opened(path, HostKeys.STRICT, text)

    async def test_a_hashed_entry_is_known(self, path: Path) -> None:
        async with Lab([LabDevice(name="r1", platform="arista_eos")], host_key=PRIVATE) as lab:
            target = device("r1", lab.port("r1"), "arista_eos")
            path.write_text(f"{hashed(f'[127.0.0.1]:{target.port}')} {public(KEY)}\n")
            settings = Settings(known_hosts=path, host_keys=HostKeys.STRICT)
            await ask(connector(settings=settings), target, ["show version"])

    async def test_many_first_contacts_at_once_are_all_put_on_file(self, path: Path) -> None:
        devices = [LabDevice(name=f"r{n}", platform="arista_eos") for n in range(8)]
        async with Lab(devices, key_per_device=True) as lab:
            opener = connector(settings=Settings(known_hosts=path))
            targets = [device(each.name, lab.port(each.name), "arista_eos") for each in devices]
            await asyncio.gather(*(ask(opener, target, ["show version"]) for target in targets))
            assert sorted(path.read_text().splitlines()) == sorted(
                f"[127.0.0.1]:{lab.port(name)} {public(key)}" for name, key in lab.host_keys.items()
            )
