"""What keeps a cluster from being used is told in a line, before anything is begun."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from support.program import collector, ended, start

from collector.crew import check_access
from collector.errors import Exit, InputError
from collector.settings import ClusterAccess

TLS = "cluster: {tls_ca: ca.pem, tls_cert: cert.pem, tls_key: key.pem}\n"


def write(folder: Path, config: str, password: str = "${PASSWORD}") -> None:
    (folder / "config.yaml").write_text(config)
    (folder / "inv.yaml").write_text(
        "credentials:\n"
        "  lab:\n"
        "    username: admin\n"
        f'    password: "{password}"\n'
        "devices:\n"
        "  r1: {host: 127.0.0.1, platform: cisco_iosxe, credential: lab}\n"
    )


async def said(folder: Path, *flags: str) -> str:
    end = await collector("run", "-i", "inv.yaml", *flags, cwd=folder)
    assert end.status == Exit.USAGE
    assert not (folder / "output").exists()
    (line,) = end.stderr.splitlines()
    return line


async def test_an_address_that_is_not_protected_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "")
    line = await said(tmp_path, "--cluster", "tcp://127.0.0.1:8786")
    assert line == (
        "collector: --cluster: tcp:// is refused: nothing would be encrypted, and whoever reaches"
        " the scheduler could run programs on its workers; use tls://, or set cluster.insecure:"
        " true"
    )


async def test_what_tls_needs_is_told(tmp_path: Path) -> None:
    write(tmp_path, "cluster: {tls_ca: ca.pem}\n")
    line = await said(tmp_path, "--cluster", "tls://127.0.0.1:8786")
    assert line == (
        "collector: --cluster: expected cluster.tls_cert, cluster.tls_key for tls://, found none"
    )


@pytest.mark.parametrize("address", ["127.0.0.1:8786", "tls://host", "http://host:1", "tls://:1"])
async def test_what_is_no_address_is_refused(tmp_path: Path, address: str) -> None:
    write(tmp_path, TLS)
    line = await said(tmp_path, "--cluster", address)
    assert "--cluster: expected the address of a scheduler: tls://HOST:PORT" in line


async def test_processes_beside_a_cluster_are_refused(tmp_path: Path) -> None:
    write(tmp_path, TLS)
    line = await said(tmp_path, "--cluster", "tls://127.0.0.1:1", "--processes", "2")
    assert line.startswith("collector: --processes: expected 1 beside a cluster")


async def test_a_secret_in_the_inventory_is_refused_with_its_place(tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").touch()
    write(tmp_path, TLS, password="${PASSWORD:-hunter2}")
    line = await said(tmp_path, "--cluster", "tls://127.0.0.1:1")
    assert line.startswith(
        "collector: inv.yaml:4:15: credentials.lab.password: workers of a cluster obtain their own"
    )
    assert "hunter2" not in line


async def test_nobody_at_the_address_is_told(tmp_path: Path) -> None:
    write(tmp_path, "cluster: {insecure: true}\n")
    line = await said(tmp_path, "--cluster", "tcp://127.0.0.1:1")
    assert "cluster.address: the scheduler tcp://127.0.0.1:1 cannot be worked with" in line


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cluster\.tls_key: no such file: "):
        check_access(ClusterAccess(address="tls://h:1", tls_key=tmp_path / "none.pem"))


def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def found(name: str, *more: Any) -> None:
        return None

    monkeypatch.setattr(util, "find_spec", found)
    with pytest.raises(InputError, match=r"pip install 'network-command-collector\[cluster\]'"):
        check_access(ClusterAccess(address="tls://h:1"))


@contextlib.asynccontextmanager
async def silent_scheduler() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """Take connections, and never say a word; the event is that somebody has come."""
    met = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(4096):
                pass
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    async with server:
        yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}", met


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_an_interrupt_is_heard_while_it_is_connected_to(
    tmp_path: Path, number: signal.Signals
) -> None:
    write(tmp_path, "cluster: {insecure: true}\n")
    async with silent_scheduler() as (address, met):
        process = await start("run", "-i", "inv.yaml", "--cluster", address, cwd=tmp_path)
        await met.wait()
        process.send_signal(number)
        end = await ended(process)
    assert end.status == 128 + number
    assert "Traceback" not in end.stderr
    assert f"the run was interrupted by {number.name}" in end.stderr
    assert manifest(tmp_path) == ("interrupted", 128 + number, {"r1": "skipped"})


async def test_so_is_the_limit_of_the_run(tmp_path: Path) -> None:
    write(tmp_path, "cluster: {insecure: true}\n")
    async with silent_scheduler() as (address, _):
        end = await collector(
            *("run", "-i", "inv.yaml", "--cluster", address, "--max-runtime", "2"), cwd=tmp_path
        )
    assert end.status == Exit.SOME_FAILED
    assert "the run reached its limit of 2 s" in end.stderr
    assert manifest(tmp_path) == ("finished", Exit.SOME_FAILED, {"r1": "skipped"})


def manifest(folder: Path) -> tuple[str, int, dict[str, str]]:
    (path,) = folder.glob("output/runs/2*/manifest.json")
    found = json.loads(path.read_text())
    return (
        found["state"],
        found["exit_status"],
        {row["name"]: row["status"] for row in found["devices"]},
    )
