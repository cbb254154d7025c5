"""SSH profiles against servers that offer little: who is refused, and what is used."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import asyncssh
import pytest
from support.direct import connector, device

from collector.credentials import Credentials
from collector.driver import ssh
from collector.driver.algorithms import KINDS, agreed, host_keys, offered, suite, weak
from collector.driver.hostkeys import KnownHosts
from collector.driver.scanning import Finding, scan
from collector.errors import DeviceError
from collector.lab import OUTDATED, Lab, LabDevice, Offers
from collector.model import Algorithms, Fault, FaultClass, HostKeys, Phase, SshProfile, Timeouts

MODERN, DEFAULT, LEGACY = SshProfile
SHA1 = Offers(kex=("diffie-hellman-group14-sha1",))
# Each weak kind alone: by which name it is missed, and the least profile that has it.
WEAK: dict[str, tuple[Offers, str, SshProfile]] = {
    "group1": (Offers(kex=("diffie-hellman-group1-sha1",)), "key exchange", LEGACY),
    "gex-sha1": (Offers(kex=("diffie-hellman-group-exchange-sha1",)), "key exchange", LEGACY),
    "group14-sha1": (SHA1, "key exchange", DEFAULT),
    "ssh-rsa": (Offers(host_key=("ssh-rsa",)), "host key", DEFAULT),
    "ssh-dss": (Offers(host_key=("ssh-dss",)), "host key", LEGACY),
    "3des-cbc": (Offers(cipher=("3des-cbc",)), "encryption", LEGACY),
    "aes256-cbc": (Offers(cipher=("aes256-cbc",)), "encryption", LEGACY),
    "hmac-sha1": (Offers(cipher=("aes128-ctr",), mac=("hmac-sha1",)), "MAC", DEFAULT),
    "hmac-md5": (Offers(cipher=("aes128-ctr",), mac=("hmac-md5",)), "MAC", LEGACY),
    "hmac-sha1-96": (Offers(cipher=("aes128-ctr",), mac=("hmac-sha1-96",)), "MAC", LEGACY),
}


async def test_authorities_of_the_home_folder_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".ssh/crt").mkdir(parents=True)
    (tmp_path / ".ssh/ca-bundle.crt").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    monkeypatch.setenv("HOME", str(tmp_path))
    ssh._alike.cache_clear()
    alike = ssh._alike(DEFAULT, "admin", ("password",), 5.0)
    assert not alike.x509_trusted_certs
    assert not alike.x509_trusted_cert_paths
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe")]) as lab:
        known = KnownHosts(tmp_path / "known_hosts", HostKeys.STRICT)
        r1 = device("r1", lab.port("r1"), "cisco_iosxe")
        (found,) = await scan([r1], known, Credentials({}, {}), at_once=1, seconds=10)
    assert found.finding is Finding.NEW


async def met(offers: Offers, profile: SshProfile) -> Algorithms | Fault:
    """Log in to a device with those algorithms; give what was used, or why it failed."""
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", offers=offers)]) as lab:
        r1 = replace(device("r1", lab.port("r1"), "cisco_iosxe"), ssh_profile=profile)
        try:
            session = await connector().open(r1, Timeouts(connect=10, login=10))
        except DeviceError as error:
            return error.fault
        result = await session.run("show version", timeout=10)
        assert result.output
        await session.close()
        return session.algorithms or pytest.fail("nothing known of a connection that was made")


@pytest.mark.parametrize("name", WEAK)
async def test_a_weak_algorithm_is_met_by_the_profile_that_has_it_and_no_other(name: str) -> None:
    offers, kind, least = WEAK[name]
    profiles = list(SshProfile)
    for profile in profiles:
        end = await met(offers, profile)
        if profiles.index(profile) < profiles.index(least):
            assert isinstance(end, Fault)
            assert (end.fault_class, end.phase) == (FaultClass.KEX, Phase.KEX)
            assert f"no {kind} algorithm is shared: the device offers only " in end.message
            assert end.hint.startswith(f"set ssh_profile: {least} for it")
        else:
            assert isinstance(end, Algorithms)
            (used,) = weak(end)
            assert used in {*offers.kex, *offers.host_key, *offers.cipher, *offers.mac}
            assert weak(end, least) == ()
            assert bool(weak(end, DEFAULT)) == (least is LEGACY)


async def test_what_is_outdated_in_every_way_is_met_by_legacy() -> None:
    assert await met(OUTDATED, LEGACY) == Algorithms(
        kex="diffie-hellman-group1-sha1",
        host_key="ssh-rsa",
        cipher="aes128-cbc",
        mac="hmac-sha1",
    )


async def test_no_profile_is_named_that_would_not_help() -> None:
    broken = Offers(kex=("diffie-hellman-group1-sha1",), cipher=("arcfour",))
    for profile in SshProfile:
        end = await met(broken, profile)
        assert isinstance(end, Fault)
        assert "ssh_profile" not in end.hint
        assert "on the device" in end.hint
    assert isinstance(end, Fault)
    assert end.message == "no encryption algorithm is shared: the device offers only arcfour"


async def test_the_strong_is_used_where_the_weak_is_offered_first() -> None:
    offers = Offers(
        kex=("diffie-hellman-group1-sha1", "diffie-hellman-group14-sha256"),
        cipher=("3des-cbc", "aes256-ctr"),
        mac=("hmac-md5", "hmac-sha1-etm@openssh.com", "hmac-sha2-256"),
    )
    assert await met(offers, LEGACY) == Algorithms(
        kex="diffie-hellman-group14-sha256",
        host_key="ssh-ed25519",
        cipher="aes256-ctr",
        mac="hmac-sha2-256",
    )


@pytest.mark.parametrize("profile", list(SshProfile))
async def test_the_fast_ones_stay_first(profile: SshProfile) -> None:
    assert await met(Offers(), profile) == Algorithms(
        kex="curve25519-sha256",
        host_key="ssh-ed25519",
        cipher="aes128-gcm@openssh.com",
        mac="implicit",
    )


def test_what_is_modern_elsewhere_is_modern_here() -> None:
    used = Algorithms(
        kex="sntrup761x25519-sha512",  # only with liboqs
        host_key="ssh-ed25519-cert-v01@openssh.com",
        cipher="aes128-ctr,3des-cbc",
        mac="hmac-sha2-256,hmac-md5",
    )
    assert weak(used) == weak(used, DEFAULT) == ("3des-cbc", "hmac-md5")
    assert weak(used, LEGACY) == ()


def test_each_profile_has_all_of_the_one_before() -> None:
    for kind in KINDS:
        names = [getattr(suite(profile), kind) for profile in SshProfile]
        assert set(names[0]) <= set(names[1]) <= set(names[2])
        assert set(names[0]) < set(names[2])
        assert [each[: len(names[0])] for each in names] == [names[0]] * 3
    assert not [n for k in KINDS for n in getattr(suite(MODERN), k) if "sha1" in n or "md5" in n]


def test_a_kind_on_file_is_asked_for_first_unless_the_profile_forbids_it() -> None:
    assert host_keys(DEFAULT, ["ssh-rsa"])[0] == "ssh-rsa"
    assert "ssh-rsa" not in host_keys(MODERN, ["ssh-rsa"])
    assert "ssh-dss" not in host_keys(DEFAULT, ["ssh-dss"])
    assert host_keys(LEGACY, ["ssh-dss"])[0] == "ssh-dss"
    assert host_keys(MODERN, [], certified=True)[0] == "ssh-ed25519-cert-v01@openssh.com"
    assert not [name for name in host_keys(LEGACY, []) if "cert" in name]


@pytest.mark.parametrize(
    ("password", "enable", "fault_class"),
    [("wrong", "enable", FaultClass.AUTH), ("admin", "wrong", FaultClass.ENABLE)],
)
async def test_what_is_used_is_known_also_of_a_login_that_failed(
    password: str, enable: str, fault_class: FaultClass
) -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", offers=SHA1)]) as lab:
        r1 = device("r1", lab.port("r1"), "cisco_iosxe")
        with pytest.raises(DeviceError) as caught:
            await connector(password=password, enable=enable).open(r1, Timeouts())
    assert caught.value.fault.fault_class is fault_class
    assert caught.value.algorithms
    assert caught.value.algorithms.kex == "diffie-hellman-group14-sha1"


def test_a_user_s_rsa_key_signs_with_sha1_for_no_modern_device() -> None:
    known = KnownHosts(Path("unused"), HostKeys.STRICT)
    for profile in SshProfile:
        given = ssh.protection("127.0.0.1", 22, profile, known)
        signatures = asyncssh.SSHClientConnectionOptions(**given).signature_algs
        assert b"rsa-sha2-256" in signatures
        assert (b"ssh-rsa" in signatures) == (profile is not MODERN)


async def test_a_scan_meets_a_device_by_its_profile() -> None:
    async with Lab([LabDevice(name="r1", platform="cisco_iosxe", offers=OUTDATED)]) as lab:
        r1 = device("r1", lab.port("r1"), "cisco_iosxe")
        known = KnownHosts(Path("unused"), HostKeys.STRICT)
        devices = [replace(r1, name=profile, ssh_profile=profile) for profile in SshProfile]
        found = await scan(devices, known, Credentials({}, {}), at_once=3, seconds=10)
    assert [each.finding for each in found] == [Finding.NONE, Finding.NONE, Finding.NEW]
    for each in found[:2]:
        assert each.fault
        assert each.fault.fault_class is FaultClass.KEX
        assert each.fault.hint.startswith("set ssh_profile: legacy for it")
    assert found[2].fingerprint.startswith("ssh-rsa SHA256:")


def test_half_an_offer_is_none() -> None:
    names = b"3des-cbc,aes128-ctr"
    lists = (len(names).to_bytes(4, "big") + names) * 10
    packet = bytes([20]) + bytes(16) + lists + bytes(5)
    assert offered(packet).cipher == ("3des-cbc", "aes128-ctr")
    used = agreed(packet, packet.replace(b"3des", b"none"))
    assert used
    assert (used.cipher, used.mac) == ("aes128-ctr", "aes128-ctr")
    assert agreed(packet, packet.replace(b"3des", b"none").replace(b"aes", b"sea")) is None
    for end in range(17 + len(lists)):
        with pytest.raises(ValueError, match="KEXINIT"):
            offered(packet[:end])
