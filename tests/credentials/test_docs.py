"""The inventory of docs/credentials.md, with all that it names in place."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.program import ROOT, collector

from collector.credentials import Credentials
from collector.errors import Exit
from collector.inventory import load_inventory
from collector.model import SshProfile

TEXT = (ROOT / "docs/credentials.md").read_text()
PROGRAM = "#!/bin/sh\necho \"$1 $2 secret\"\necho 'url: x'\n"
KEYRING = "def get_password(service, username):\n    return f'{service} {username} secret'\n"


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    block, listed, profiles = re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.DOTALL | re.MULTILINE)
    files = {
        "lab.yaml": block,
        "listed.yaml": listed,
        "profiles.yaml": profiles,
        "secrets/lab": "file secret\n",
        "secrets/passphrase": "passphrase\n",
        "bin/pass": PROGRAM,
        "lib/keyring.py": KEYRING,
        ".ssh/collector": "",
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
        path.chmod(0o700)
    programs = f"{tmp_path / 'bin'}:/usr/bin:/bin"
    yield {"PATH": programs, "HOME": str(tmp_path), "LAB_PASSWORD": "variable"}
    sys.modules.pop("keyring", None)


async def test_it_is_good_as_written(tmp_path: Path, environ: dict[str, str]) -> None:
    with_keyring = {**environ, "PYTHONPATH": f"{ROOT}:{tmp_path / 'lib'}"}
    end = await collector(
        "inventory", "check", "-i", "lab.yaml", cwd=tmp_path, environ=with_keyring
    )
    assert (end.status, end.stderr) == (Exit.OK, "")


def test_the_list_of_the_example(tmp_path: Path, environ: dict[str, str]) -> None:
    devices = load_inventory(tmp_path / "listed.yaml", environ=environ).devices
    assert [each.credentials for each in devices] == [("tacacs", "local"), ("local",)]


def test_the_profiles_of_the_example(tmp_path: Path, environ: dict[str, str]) -> None:
    devices = load_inventory(tmp_path / "profiles.yaml", environ=environ).devices
    assert [each.ssh_profile for each in devices] == [*SshProfile]


def test_every_source_is_asked(
    tmp_path: Path, environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path / "lib")
    specs = load_inventory(tmp_path / "lab.yaml", environ=environ).credentials
    credentials = Credentials(specs, environ)
    names = [name for name in specs if name != "asked"]
    credentials.check(names)
    assert {name: credentials.get(name).password for name in names} == {
        "environment": "variable",
        "file": "file secret",
        "command": "show network/lab secret",
        "keyring": "network admin secret",
        "key": None,
    }
    assert credentials.get("key").passphrase == "passphrase"
    assert credentials.get("key").private_key == tmp_path / ".ssh/collector"
