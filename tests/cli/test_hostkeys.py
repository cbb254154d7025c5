"""``collector hostkeys``: what is on file, what devices show, and what is forgotten."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import asyncssh
import pytest
from support.jumphost import PASSWORD, USER, JumpHost
from support.program import Ended, collector
from support.sockets import open_sockets

from collector.credentials import Credentials, CredentialSpec
from collector.driver.hostkeys import KnownHosts, forget
from collector.driver.scanning import Finding, scan
from collector.errors import Exit, InputError
from collector.lab import Lab, LabDevice, LabFault
from collector.model import Device, FaultClass, HostKeys

NAMES = ("r1", "r2", "refusing")
# No variable is set, the command is not there, and nobody could be asked: a scan needs none of it.
CREDENTIALS = "{a: {username: '${NOBODY}', password: {prompt: true}, enable: {command: [absent]}}}"


def lab_of(**ports: int) -> Lab:
    faults = {"refusing": LabFault.REFUSE}
    devices = [
        LabDevice(
            name=name,
            platform="cisco_iosxe",
            port=ports.get(name, 0),
            fault=faults.get(name, LabFault.NONE),
        )
        for name in NAMES
    ]
    return Lab(devices, key_per_device=True)


async def hostkeys(folder: Path, lab: Lab, *words: str) -> Ended:
    """Run the command with an inventory of the lab's devices."""
    lines = [f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}}}\n" for name in NAMES]
    (folder / "lab.yaml").write_text(
        f"defaults: {{platform: cisco_iosxe, credential: a}}\ncredentials: {CREDENTIALS}\n"
        f"devices:\n{''.join(lines)}  t1: {{host: 127.0.0.1, transport: telnet}}\n"
    )
    environ = {"COLLECTOR_KNOWN_HOSTS": str(folder / "deep/known_hosts")}
    return await collector("hostkeys", *words, "-i", "lab.yaml", cwd=folder, environ=environ)


def rows(end: Ended) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in map(json.loads, end.stdout.splitlines())}


async def test_keys_are_scanned_recorded_listed_and_forgotten(tmp_path: Path) -> None:
    path = tmp_path / "deep/known_hosts"
    async with lab_of() as lab:
        end = await hostkeys(tmp_path, lab, "scan", "-f", "jsonl")
        found = rows(end)
        assert {name: row["finding"] for name, row in found.items()} == {
            "r1": "new", "r2": "new", "refusing": "none",
        }  # fmt: skip
        assert found["r1"]["key"] == f"ssh-ed25519 {lab.host_keys['r1'].get_fingerprint()}"
        assert end.status == Exit.SOME_FAILED
        assert end.stderr.startswith("refusing: refused (connect): ")
        assert not path.exists()

        end = await hostkeys(tmp_path, lab, "scan", "--record", "-l", "r1,r2")
        assert (end.status, end.stderr, end.stdout.count(b"recorded")) == (Exit.OK, "", 2)
        assert path.stat().st_mode & 0o777 == 0o600
        end = await hostkeys(tmp_path, lab, "scan", "-l", "r1,r2", "-f", "jsonl")
        assert {row["finding"] for row in rows(end).values()} == {"known"}

        listed = rows(await hostkeys(tmp_path, lab, "list", "-f", "jsonl"))
        assert listed["r1"]["key"] == found["r1"]["key"]
        assert sorted([listed["r1"]["line"], listed["r2"]["line"]]) == [1, 2]
        assert (listed["refusing"]["key"], listed["refusing"]["line"]) == (None, None)

        end = await hostkeys(tmp_path, lab, "forget", "r1")
        assert (end.status, end.stdout) == (Exit.OK, b"")
        assert "known_hosts: 1 line taken off for r1" in end.stderr
        assert path.read_text().startswith(f"[127.0.0.1]:{lab.port('r2')} ")
        assert path.stat().st_mode & 0o777 == 0o600
        assert [each.name for each in path.parent.iterdir()] == ["known_hosts"]
        assert all(not lab.stats[name].logins for name in NAMES)
        assert all(not lab.stats[name].rejected_logins for name in NAMES)


async def test_several_words_to_forget_are_one_list(tmp_path: Path) -> None:
    path = tmp_path / "deep/known_hosts"
    async with lab_of() as lab:
        await hostkeys(tmp_path, lab, "scan", "--record", "-l", "r1,r2")
        end = await hostkeys(tmp_path, lab, "forget", "r1", "r2", "-l", "r2")
        assert "known_hosts: 1 line taken off for r2" in end.stderr
        await hostkeys(tmp_path, lab, "scan", "--record", "-l", "r2")
        end = await hostkeys(tmp_path, lab, "forget", "r*", "!r1", "!refusing")
        assert "known_hosts: 1 line taken off for r2" in end.stderr, "not all but r1, too"
        await hostkeys(tmp_path, lab, "scan", "--record", "-l", "r2")
        end = await hostkeys(tmp_path, lab, "forget", "r1", "r2")
        assert (end.status, end.stdout) == (Exit.OK, b"")
        assert "known_hosts: 2 lines taken off for r1, r2" in end.stderr
        assert path.read_text() == ""

        end = await hostkeys(tmp_path, lab, "forget", "r1", "r3")
        assert end.status == Exit.USAGE
        assert "collector: 'r3': no device 'r3'" in end.stderr


async def test_another_key_is_told_and_never_recorded(tmp_path: Path) -> None:
    path = tmp_path / "deep/known_hosts"
    async with lab_of() as lab:
        await hostkeys(tmp_path, lab, "scan", "--record", "-l", "r1")
        before, port = path.read_bytes(), lab.port("r1")
    async with lab_of(r1=port) as impostor:
        end = await hostkeys(tmp_path, impostor, "scan", "--record", "-l", "r1")
        assert end.status == Exit.ALL_FAILED
        assert b"changed" in end.stdout
        assert end.stderr.count("SHA256:") == 2
        assert "collector hostkeys forget r1" in end.stderr
        assert path.read_bytes() == before
        assert impostor.stats["r1"].ever == 1


async def test_telnet_has_no_host_keys(tmp_path: Path) -> None:
    async with lab_of() as lab:
        end = await hostkeys(tmp_path, lab, "list", "-l", "t1")
    assert (end.status, end.stdout) == (Exit.USAGE, b"")
    assert "telnet has no host keys" in end.stderr


FAULTS = (
    LabFault.SILENT_TCP,
    LabFault.GARBAGE,
    LabFault.RESET,
    LabFault.SILENT_AUTH,
    LabFault.NONE,
)


async def test_a_scan_ends_in_time_and_leaves_no_socket(tmp_path: Path) -> None:
    devices = [
        LabDevice(name=f"d{n}", platform="linux", fault=fault) for n, fault in enumerate(FAULTS)
    ]
    async with Lab(devices) as lab:
        before = open_sockets()
        wanted = [
            Device(
                name=name, host="127.0.0.1", port=lab.port(name), platform="linux", credential="a"
            )
            for name in lab.devices
        ]
        known = KnownHosts(tmp_path / "known_hosts", HostKeys.STRICT)
        found = await scan(wanted, known, Credentials({}, {}), at_once=2, seconds=0.5)
        assert [each.device.name for each in found] == [device.name for device in wanted]
        assert [each.finding for each in found] == [Finding.NONE] * 3 + [Finding.NEW] * 2
        assert [each.fault.fault_class for each in found if each.fault] == ["timeout"] * 2 + [
            "busy"
        ]
        while lab.open_connections or open_sockets() > before:
            await asyncio.sleep(0.01)


async def test_the_kind_of_key_on_file_is_asked_for(tmp_path: Path) -> None:
    kinds = ("ssh-ed25519", "ecdsa-sha2-nistp256")
    keys = [asyncssh.generate_private_key(kind) for kind in kinds]
    server = await asyncssh.listen("127.0.0.1", 0, server_host_keys=keys)
    port = server.get_port()
    path = tmp_path / "known_hosts"
    device = Device(name="r1", host="127.0.0.1", port=port, platform="linux", credential="a")
    for key in keys:
        kind, data = key.export_public_key().decode().split()[:2]
        path.write_text(f"[127.0.0.1]:{port} {kind} {data}\n")
        known = KnownHosts(path, HostKeys.STRICT)
        (found,) = await scan([device], known, Credentials({}, {}), at_once=1, seconds=10)
        assert found.finding is Finding.KNOWN
    server.close()
    await server.wait_closed()


class TestForget:
    """Lines of other programs in the same file."""

    @pytest.fixture
    def key(self) -> str:
        key = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode()
        return " ".join(key.split()[:2])

    def test_only_the_host_goes(self, tmp_path: Path, key: str) -> None:
        path = tmp_path / "known_hosts"
        kept = f"# r1 {key}\n@revoked r1 {key}\n@cert-authority r1 {key}\nr* {key}\n[r1]:23 {key}\n"
        path.write_text(f"r1 {key}\n{kept}r2,r1,r3 {key} r1\r\nr1\t{key}\nbroken r1\n\nr1 {key}")
        assert forget(path, [("r1", 22)]) == (1, 7, 8, 11)
        assert path.read_bytes().decode() == f"{kept}r2,r3 {key} r1\r\nbroken r1\n\n"
        assert forget(path, [("r1", 22)]) == ()
        assert forget(path, [("r1", 23), ("r2", 22)]) == (5, 6)

    def test_a_hashed_host_goes(self, tmp_path: Path, key: str) -> None:
        path = tmp_path / "known_hosts"
        path.write_text(f"[r1]:2201 {key}\nr2 {key}\n")
        subprocess.run(["ssh-keygen", "-q", "-H", "-f", path], check=True, capture_output=True)
        assert "[r1]" not in path.read_text()  # a hash may hold "r1" by chance
        assert forget(path, [("r1", 22)]) == ()
        assert forget(path, [("r1", 2201)]) == (1,)
        assert KnownHosts(path, HostKeys.STRICT).entries_for("r2", 22)

    def test_a_link_stays_a_link_and_rights_stay(self, tmp_path: Path, key: str) -> None:
        path, link = tmp_path / "real", tmp_path / "known_hosts"
        path.write_text(f"r1 {key}\n")
        path.chmod(0o644)
        link.symlink_to(path)
        assert forget(link, [("r1", 22)]) == (1,)
        assert link.is_symlink()
        assert (path.read_text(), path.stat().st_mode & 0o777) == ("", 0o644)

    def test_no_file_and_no_right_to_write(self, tmp_path: Path) -> None:
        assert forget(tmp_path / "absent", [("r1", 22)]) == ()
        assert not (tmp_path / "absent").exists()
        with pytest.raises(InputError, match="known_hosts cannot be written"):
            forget(tmp_path, [("r1", 22)])

    def test_a_run_that_has_read_the_old_file_writes_to_the_new_one(
        self, tmp_path: Path, key: str
    ) -> None:
        path = tmp_path / "known_hosts"
        path.write_text(f"r1 {key}\nr2 {key}\n")
        running = KnownHosts(path, HostKeys.ACCEPT_NEW)
        forget(path, [("r1", 22)])
        assert running.accepts("r3", 22, asyncssh.import_public_key(key))
        assert path.read_text() == f"r2 {key}\nr3 {key}\n"
        assert running.line_of("r3", 22, running.entries_for("r3", 22)[0]) == 2
        assert not running.entries_for("r1", 22)


async def test_what_is_behind_a_jump_host_is_scanned_through_it(tmp_path: Path) -> None:
    path = tmp_path / "known_hosts"
    async with lab_of() as lab, JumpHost() as edge, JumpHost() as core:
        (tmp_path / "lab.yaml").write_text(
            f"defaults: {{platform: cisco_iosxe, credential: a, jump: core}}\n"
            f"credentials:\n  a: {CREDENTIALS.removeprefix('{a: ').removesuffix('}')}\n"
            f'  hop: {{username: {USER}, password: "${{HOP}}"}}\n'
            f"jumps:\n  edge: {{host: 127.0.0.1, port: {edge.port}, credential: hop}}\n"
            f"  core: {{host: 127.0.0.1, port: {core.port}, credential: hop, jump: edge}}\n"
            "devices:\n"
            + "".join(f"  {n}: {{host: 127.0.0.1, port: {lab.port(n)}}}\n" for n in NAMES)
        )
        environ = {"COLLECTOR_KNOWN_HOSTS": str(path), "HOP": PASSWORD}

        async def run(*words: str) -> Ended:
            words = ("hostkeys", *words, "-i", "lab.yaml")
            return await collector(*words, cwd=tmp_path, environ=environ)

        # A jump host whose key is not on file is not logged in to.
        end = await run("scan", "-l", "r1", "-f", "jsonl")
        assert {name: row["finding"] for name, row in rows(end).items()} == {
            "r1": "none", "core": "none", "edge": "new",
        }  # fmt: skip
        assert "r1, core: jump (connect): jump host edge: unknown host key" in end.stderr
        assert edge.attempts == core.connections == 0

        end = await run("scan", "--record", "-f", "jsonl")
        found = rows(end)
        assert {name: row["finding"] for name, row in found.items()} == {
            "r1": "recorded", "r2": "recorded", "refusing": "none",
            "edge": "recorded", "core": "recorded",
        }  # fmt: skip
        assert found["r1"]["key"] == f"ssh-ed25519 {lab.host_keys['r1'].get_fingerprint()}"
        assert found["core"]["key"] == f"ssh-ed25519 {core.key.get_fingerprint()}"
        assert end.stderr.startswith("refusing: refused (connect): jump host core opens no tunnel")
        assert (edge.logins, core.logins) == (1, 1)
        assert PASSWORD not in end.stderr

        end = await run("forget", "core")
        assert (end.status, end.stderr.count("1 line taken off for core")) == (Exit.OK, 1)
        end = await run("list", "-f", "jsonl")
        assert {name for name, row in rows(end).items() if row["key"]} == {"r1", "r2", "edge"}


async def test_a_scan_tries_a_rejected_credential_once() -> None:
    async with lab_of() as lab, JumpHost() as one, JumpHost() as other:
        spec = CredentialSpec(name="hop", username=USER, password="outdated")
        known = KnownHosts(Path("unused"), HostKeys.OFF)
        behind = [
            Device(
                name=f"{name}{number}",
                host="127.0.0.1",
                port=lab.port(name),
                platform="cisco_iosxe",
                credential="a",
                jump=host.as_jump(f"edge{number}"),
            )
            for number, host in enumerate((one, other))
            for name in ("r1", "r2")
        ]
        found = await scan(behind, known, Credentials({"hop": spec}, {}), at_once=4, seconds=30)
        assert one.attempts + other.attempts == 1
        assert {each.fault.fault_class for each in found if each.fault} == {FaultClass.JUMP}
        assert len(found) == 4
