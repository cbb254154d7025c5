"""Real hosts on loopback, and what a run of the collector left of them.

Owns the names that tests/real/*.sh give to what they start. What a host says is taken from the host
itself, by a way that has nothing in common with the collector.
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pytest

SCRIPTS = Path(__file__).parent.parent / "real"
TAG = str(os.getpid())
PASSWORD = "netops-pw"
ROUTERS = 3
ROUTES = 3000  # on the last router: 100 KB of configuration


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Hosts of one kind behind OpenSSH on port 2222, and telnet on 2601 where they have it."""

    kind: str
    folder: Path

    @property
    def username(self) -> str:
        """Return the account that the script made."""
        return f"ct-{self.kind}-{TAG}"

    @property
    def home(self) -> Path:
        """Return the account's home."""
        return self.folder / "home"

    def address(self, number: int) -> str:
        """Return the address of a host, as openssh.sh has it."""
        return f"127.{64 + int(TAG) // 256 % 128}.{int(TAG) % 256}.{number}"

    def credentials(self) -> dict[str, Any]:
        """Return what an inventory says of the ways to log in, one of them wrong."""
        return {
            "password": {"username": self.username, "password": PASSWORD},
            "key": {"username": self.username, "private_key": str(self.folder / "key")},
            "wrong": {"username": self.username, "password": "not the password"},
            "telnet": {"username": "nobody", "password": "zebra-pw", "enable": "enable-pw"},
        }

    def server_log(self, number: int) -> str:
        """Return what the host's OpenSSH has logged so far."""
        return (self.folder / f"sshd{number}.log").read_text(errors="replace")

    def vtysh(self, number: int, command: str) -> bytes:
        """Ask a router, not over the network: a shell on the machine itself."""
        folder = str(self.folder / f"r{number}")
        ask = ["vtysh", "--vty_socket", folder, "--config_dir", folder, "-c", command]
        ended = subprocess.run(ask, check=True, stdout=subprocess.PIPE, timeout=30)
        return bytes(ended.stdout)

    def configure(self, number: int, *lines: str) -> None:
        """Change a router's configuration, as a person in its shell would."""
        folder = str(self.folder / f"r{number}")
        ask = ["vtysh", "--vty_socket", folder, "--config_dir", folder]
        words = [word for line in ("configure terminal", *lines) for word in ("-c", line)]
        subprocess.run([*ask, *words], check=True, stdout=subprocess.PIPE, timeout=30)

    def zebra(self, number: int, command: str) -> bytes:
        """Ask the zebra of a router alone, over the socket that vtysh uses.

        A request ends with NUL, an answer with three NULs and the status of the command.
        """
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.folder / f"r{number}" / "zebra.vty"))
            _answer(connection, "enable")
            return _answer(connection, command)


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """One run of the command line: how it ended, what it said, and its run folder."""

    status: int
    stdout: str
    stderr: str
    folder: Path
    manifest: dict[str, Any]

    def device(self, name: str) -> dict[str, Any]:
        """Return a device's row of the manifest."""
        (row,) = (row for row in self.manifest["devices"] if row["name"] == name)
        return dict(row)

    def output(self, device: str, command: str) -> bytes:
        """Return what was stored of a command that is good."""
        rows = self.device(device)["commands"]
        (row,) = (row for row in rows if row["command"] == command)
        assert row["status"] == "ok", f"{device}: {row}"
        return self.folder.joinpath(str(row["file"])).read_bytes()


class Collect(Protocol):
    """Runs ``python -m collector run`` on those devices, with those commands.

    ``sections`` are put into the inventory, in place of what is there.
    """

    def __call__(
        self,
        site: Site,
        devices: dict[str, Any],
        *commands: str,
        platform: str,
        **sections: Any,
    ) -> Collected: ...


@contextmanager
def serve(kind: str, *arguments: str) -> Iterator[Site]:
    """Start hosts by their script, and take them down; skip where they cannot be."""
    script = SCRIPTS / f"{kind}.sh"
    possible = subprocess.run([script, "check"], capture_output=True, text=True, check=False)
    if possible.returncode:
        pytest.skip(f"{script.name}: {possible.stdout.strip() or possible.stderr.strip()}")
    try:
        # No pipe: the servers that the script starts would hold it open.
        subprocess.run(
            [script, "up", TAG, *arguments],
            check=True,
            env=os.environ | {"ROUTES": str(ROUTES)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            timeout=50,
        )
        yield Site(kind=kind, folder=Path(f"/run/collector-{kind}.{TAG}"))
    finally:
        subprocess.run([script, "down", TAG], check=True, timeout=30)


def _answer(connection: socket.socket, command: str) -> bytes:
    connection.sendall(command.encode() + b"\0")
    answer = b""
    while answer[-4:-1] != b"\0\0\0":
        received = connection.recv(65536)
        if not received:
            raise EOFError(f"zebra closed after {answer!r}")
        answer += received
    assert answer[-1] == 0, f"zebra refused {command!r}: {answer!r}"
    return answer[:-4]
