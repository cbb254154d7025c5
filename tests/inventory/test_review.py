"""What is odd about an inventory without being wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.errors import InputError
from collector.inventory import check_inventory

TEXT = """\
defaults: {platform: linux, credential: lab}
credentials:
  lab: {username: a, password: hunter2, enable: "${E}"}
  spare: {username: b}
groups:
  used: {}
  unused: {}
devices:
  r1: {host: H.example, groups: [used]}
  r2: {host: h.example}
  r3: {host: h.example, port: 2200}
"""


def warnings(path: Path, mode: int) -> list[str]:
    path.write_text(TEXT)
    path.chmod(mode)
    inventory, lines = check_inventory(path, environ={})
    assert len(inventory.devices) == 3
    return [line.removeprefix(f"{path}:") for line in lines]


def test_warnings_have_places_and_come_in_order(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    assert warnings(path, 0o644) == [
        "3:32: credentials.lab.password: a secret written out in a file that others can read "
        f"(mode 0644); write ${{VARIABLE}} instead, or chmod 600 {path}",
        "4:3: credentials: no device uses the credential 'spare'",
        "7:3: groups: no device uses the group 'unused'",
        "10:14: devices.r2.host: the same address as r1: h.example port 22",
    ]


def test_a_private_file_may_hold_a_secret(tmp_path: Path) -> None:
    lines = warnings(tmp_path / "lab.yaml", 0o600)
    assert len(lines) == 3
    assert "hunter2" not in "".join(lines)


def test_errors_are_errors(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text("devices: {r: {}}")
    with pytest.raises(InputError):
        check_inventory(path)


LISTS = """\
defaults: {platform: linux, credential: [central, local]}
credentials:
  central: {username: a, password: "${A}"}
  local: {username: b, password: "${B}"}
devices:
  r1: {host: one}
  r2: {host: two, transport: telnet, credential: local}
"""


def test_a_list_of_credentials_over_telnet_is_warned_of_once(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(LISTS)
    assert check_inventory(path)[1] == ()
    old = (f"  t{n}: {{host: t{n}, transport: telnet}}\n" for n in range(3))
    path.write_text(LISTS + "".join(old))
    assert check_inventory(path)[1] == (
        f"{path}:8:3: devices: a list of credentials over telnet, for t0 and 2 other devices: "
        "whoever is on the way can say that the authentication server is away, and is given each "
        "of them; name one, or use SSH",
    )
