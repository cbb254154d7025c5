"""Devices visited by the workers of a Dask cluster: real processes on loopback, with TLS.

The workers know the secrets, and the client does not.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support import program
from support.cluster import DaskCluster
from support.jumphost import PASSWORD as JUMP_PASSWORD
from support.jumphost import USER as JUMP_USER
from support.jumphost import JumpHost
from support.program import Ended

from collector.errors import Exit
from collector.lab import DeviceStats, Ending, Lab, LabDevice, LabFault, Terminal

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SITES = ("ams", "fra", "lhr")
SECRET, ENABLE = "plain-to-see", "wide-open"
ENVIRON = {
    "NIGHT_PASSWORD": SECRET,
    "NIGHT_ENABLE": ENABLE,
    "OUTDATED": "of-last-year",
    "JUMP_PASSWORD": JUMP_PASSWORD,
}
CREDENTIALS = {
    "night": "{username: admin, password: '${NIGHT_PASSWORD}', enable: '${NIGHT_ENABLE}'}",
    "ams": "{username: admin, password: '${AMS_ONLY}', enable: '${NIGHT_ENABLE}'}",
    "wrong": "{username: admin, password: '${OUTDATED}', enable: '${NIGHT_ENABLE}'}",
    "halfwrong": "{username: admin, password: '${NIGHT_PASSWORD}', enable: '${OUTDATED}'}",
    "hopper": f"{{username: {JUMP_USER}, password: '${{JUMP_PASSWORD}}'}}",
    "literal": "{username: admin, password: hunter2, enable: '${NIGHT_ENABLE:-letmein}'}",
    "asked": "{username: admin, password: {prompt: true}}",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaskCluster]:
    with DaskCluster(tmp_path_factory.mktemp("dask"), ENVIRON) as dask:
        for site in SITES:
            # What the others do not have: a device of ams is visited by its worker, or not at all.
            own = {"AMS_ONLY": SECRET} if site == "ams" else None
            dask.worker(site, f"site:{site}", environ=own)
        yield dask


def lab_device(name: str, **more: Any) -> LabDevice:
    values = {"platform": "cisco_iosxe", "password": SECRET, "enable": ENABLE, **more}
    return LabDevice(name=name, **values)


def fleet(count: int, sites: tuple[str, ...] = SITES, **more: Any) -> list[LabDevice]:
    return [
        lab_device(f"{sites[number % len(sites)]}-{number:03}", **more) for number in range(count)
    ]


def write(
    folder: Path,
    lab: Lab,
    config: str,
    credential: Callable[[str], str] = lambda _: "night",
    more: str = "",
) -> None:
    """Write an inventory and a configuration; a device's site is the first word of its name."""
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}, credential: {credential(name)}"
        + (f", tags: {{site: {name.split('-')[0]}}}" if "-" in name else "")
        + "}\n"
        for name in lab.devices
    ]
    credentials = "".join(f"  {name}: {text}\n" for name, text in CREDENTIALS.items())
    (folder / "fleet.yaml").write_text(
        "defaults: {platform: cisco_iosxe}\n"
        f"credentials:\n{credentials}devices:\n{''.join(lines)}{more}"
    )
    (folder / "config.yaml").write_text(f"host_keys: 'off'\n{config}")


async def run(folder: Path, *more: str) -> Ended:
    return await program.collector("run", "-i", "fleet.yaml", "-c", "show clock", *more, cwd=folder)


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    (written,) = folder.glob("output/runs/2*/manifest.json")
    manifest = json.loads(written.read_text())
    return {row["name"]: row for row in manifest["devices"]}


def statuses(folder: Path) -> Counter[str]:
    return Counter(row["status"] for row in rows(folder).values())


def nothing_leaked(folder: Path, end: Ended, *secrets: str) -> None:
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    assert files
    for secret in secrets:
        for path in files:
            assert secret.encode() not in path.read_bytes(), path
        assert secret not in end.stderr
        assert secret.encode() not in end.stdout


def no_noise(end: Ended) -> None:
    assert "Traceback" not in end.stderr
    assert "distributed" not in end.stderr


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.02)


async def telltale(terminal: Terminal, device: LabDevice, stats: DeviceStats) -> Ending:
    """Say the password aloud, and hang up."""
    await terminal.send(b"\r\nr1#")
    await terminal.read_line()
    await terminal.send(f"\r\nyour password is {device.password}\r\n".encode())
    return Ending.DROP


async def test_a_device_is_visited_by_a_worker_of_its_site(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    devices = [*fleet(12), *fleet(3, ("nowhere",)), lab_device("rover")]
    loud = lab_device("fra-loud", platform="telltale")
    async with Lab([*devices, loud], shells={"telltale": telltale}) as lab:
        of_ams = lambda name: "ams" if name.startswith("ams") else "night"  # noqa: E731
        write(tmp_path, lab, cluster.config, of_ams)
        end = await run(tmp_path, "-v", "--format", "json")
        visits = {name: stats.ever for name, stats in lab.stats.items()}
        clock = lab.text("ams-000", "show clock")

    no_noise(end)
    assert end.status == Exit.SOME_FAILED
    found = rows(tmp_path)
    assert {name for name, row in found.items() if row["status"] == "ok"} == {
        device.name for device in devices if not device.name.startswith("nowhere")
    }
    # No worker but that of ams has the variable.
    assert {visits[name] for name in found if found[name]["status"] == "ok"} == {1}
    stored = tmp_path / "output/runs/latest/devices/ams-000/show_clock.txt"
    assert stored.read_text() == clock
    for name in ("nowhere-000", "nowhere-001", "nowhere-002"):
        fault = found[name]
        assert visits[name] == 0
        assert (fault["class"], fault["phase"]) == ("unreachable", "inventory")
        assert fault["message"] == "no worker of the cluster has site:nowhere"
    told = (tmp_path / "output/runs/latest/failures/nowhere-000/session.log").read_text()
    assert "dask worker --resources 'site:nowhere=1'" in told
    evidence = tmp_path / "output/runs/latest/failures/fra-loud/session.log"
    assert b"your password is <redacted>" in evidence.read_bytes()
    nothing_leaked(tmp_path, end, SECRET, ENABLE)
    assert SECRET not in cluster.logs()


@pytest.mark.parametrize(
    ("credential", "rejected", "what"),
    [
        ("wrong", "rejected_logins", "credential wrong was"),
        ("halfwrong", "rejected_enables", "the enable secret of credential halfwrong was"),
    ],
)
async def test_a_wrong_secret_is_seen_by_three_devices(
    cluster: DaskCluster, tmp_path: Path, credential: str, rejected: str, what: str
) -> None:
    async with Lab(fleet(200)) as lab:
        write(tmp_path, lab, cluster.config, lambda _: credential)
        end = await run(tmp_path)
        seen = [getattr(stats, rejected) for stats in lab.stats.values()]

    assert (sum(seen), max(seen)) == (3, 1)
    assert end.status == Exit.BREAKER
    assert f"collector: {what} rejected 3 times in a row" in end.stderr
    assert statuses(tmp_path) == {"failed": 3, "skipped": 197}
    nothing_leaked(tmp_path, end, "of-last-year", SECRET, ENABLE)


async def test_what_a_worker_cannot_obtain_is_told(cluster: DaskCluster, tmp_path: Path) -> None:
    async with Lab(fleet(6, ("fra",))) as lab:
        write(tmp_path, lab, cluster.config, lambda _: "ams")
        end = await run(tmp_path)
        assert sum(stats.ever for stats in lab.stats.values()) == 0

    assert end.status == Exit.ALL_FAILED
    fault = rows(tmp_path)["fra-000"]
    assert (fault["class"], fault["phase"]) == ("auth", "credentials")
    assert "the environment variable AMS_ONLY is not set" in fault["message"]


async def test_devices_behind_a_jump_host_share_a_connection_of_a_worker(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    async with JumpHost() as jump, Lab(fleet(20, ("ams",))) as lab:
        more = (
            "jumps:\n"
            f"  edge: {{host: 127.0.0.1, port: {jump.port}, credential: hopper}}\n"
            f"  shut: {{host: 127.0.0.1, port: {jump.port}, credential: wrong}}\n"
        )
        write(tmp_path, lab, cluster.config, more=more)
        text = (
            (tmp_path / "fleet.yaml").read_text().replace("{site: ams}}", "{site: ams}, jump: J}")
        )
        behind = [line.replace("J}", "edge}") for line in text.splitlines()]
        behind = [line.replace("edge}", "shut}") if "ams-00" in line else line for line in behind]
        (tmp_path / "fleet.yaml").write_text("\n".join(behind))
        end = await run(tmp_path)
        assert jump.logins == 1
        assert jump.attempts == 2

    no_noise(end)
    assert statuses(tmp_path) == {"ok": 10, "failed": 10}
    assert rows(tmp_path)["ams-003"]["class"] == "jump"


async def test_an_interrupted_run_leaves_nothing_running(
    cluster: DaskCluster, tmp_path: Path
) -> None:
    async with Lab(fleet(30, slow={"show clock": 600})) as lab:
        write(tmp_path, lab, f"{cluster.config}limits: {{sessions: 15}}\n")
        process = await program.start(
            *("run", "-i", "fleet.yaml", "-c", "show clock"), cwd=tmp_path
        )
        await until(lambda: lab.open_connections == 15)
        process.send_signal(signal.SIGINT)
        end = await program.ended(process)
        await until(lambda: lab.open_connections == 0)

    no_noise(end)
    assert end.status == Exit.INTERRUPTED
    assert statuses(tmp_path) == {"cancelled": 15, "skipped": 15}


async def test_an_interrupt_does_not_wait_for_a_worker_that_gets_ready(tmp_path: Path) -> None:
    (tmp_path / "dask").mkdir()
    with DaskCluster(tmp_path / "dask", ENVIRON) as dask:
        dask.worker("one", "site:ams")
        os.kill(dask.pid("one"), signal.SIGSTOP)
        async with Lab(fleet(3, ("ams",))) as lab:
            write(tmp_path, lab, dask.config)
            process = await program.start(
                *("run", "-i", "fleet.yaml", "-c", "show clock", "-v"), cwd=tmp_path
            )
            assert process.stderr is not None
            said = await process.stderr.readuntil(b"outputs go to")
            process.send_signal(signal.SIGINT)
            end = await program.ended(process)

    no_noise(end)
    assert end.status == Exit.INTERRUPTED
    assert statuses(tmp_path) == {"skipped": 3}
    # As it would be said of it after a minute.
    assert "cannot be used" not in said.decode() + end.stderr


async def test_sessions_end_when_the_client_is_gone(cluster: DaskCluster, tmp_path: Path) -> None:
    async with Lab(fleet(6, slow={"show clock": 600})) as lab:
        write(tmp_path, lab, cluster.config)
        process = await program.start(
            *("run", "-i", "fleet.yaml", "-c", "show clock"), cwd=tmp_path
        )
        await until(lambda: lab.open_connections > 3)
        process.kill()
        await process.wait()
        await until(lambda: lab.open_connections == 0)


async def test_a_killed_workers_devices_are_visited_once_more(tmp_path: Path) -> None:
    (tmp_path / "dask").mkdir()
    with DaskCluster(tmp_path / "dask", ENVIRON) as dask:
        dask.worker("one", "site:ams")
        dask.worker("two", "site:ams", "site:fra")
        dask.worker("three", "site:fra")
        # One never answers: it is cut by its own limit, on whichever worker it is then.
        stuck = lab_device("fra-stuck", fault=LabFault.SILENT_COMMAND)
        async with Lab([*fleet(60, ("ams", "fra"), slow={"show clock": 5}), stuck]) as lab:
            write(tmp_path, lab, f"{dask.config}timeouts: {{command: 8}}\n")
            process = await program.start(
                *("run", "-i", "fleet.yaml", "-c", "show clock"), cwd=tmp_path
            )
            # Each worker is at some then, of those that nobody has an answer of yet.
            await until(lambda: lab.open_connections > 50)
            dask.kill("one")
            end = await program.ended(process)
            visits = Counter(stats.ever for stats in lab.stats.values())

    no_noise(end)
    assert end.status == Exit.SOME_FAILED
    assert statuses(tmp_path) == {"ok": 60, "failed": 1}
    assert rows(tmp_path)["fra-stuck"]["class"] == "timeout"
    assert set(visits) == {1, 2}
    assert " and was at " in end.stderr


async def test_a_lost_scheduler_is_reported(tmp_path: Path) -> None:
    (tmp_path / "dask").mkdir()
    with DaskCluster(tmp_path / "dask", ENVIRON) as dask:
        dask.worker("one", "site:ams")
        async with Lab(fleet(30, ("ams",), slow={"show clock": 600})) as lab:
            write(tmp_path, lab, f"{dask.config}limits: {{sessions: 10}}\n")
            process = await program.start(
                *("run", "-i", "fleet.yaml", "-c", "show clock"), cwd=tmp_path
            )
            await until(lambda: lab.open_connections > 3)
            dask.kill_scheduler()
            end = await program.ended(process)

    no_noise(end)
    assert end.status == Exit.ALL_FAILED
    assert "the connection to the scheduler was lost" in end.stderr
    assert Counter(row["class"] for row in rows(tmp_path).values()).keys() <= {
        "internal",
        "unreachable",
    }
    assert len(rows(tmp_path)) == 30


async def test_who_has_no_certificate_is_refused(cluster: DaskCluster, tmp_path: Path) -> None:
    from support.cluster import make_certificates

    others = make_certificates(tmp_path)
    config = f"cluster:\n  address: {cluster.address}\n"
    config += "".join(f"  tls_{name}: {path}\n" for name, path in others.items())
    async with Lab(fleet(1)) as lab:
        write(tmp_path, lab, config)
        end = await run(tmp_path)
    assert end.status == Exit.USAGE
    (line,) = end.stderr.splitlines()
    assert line.startswith(f"collector: cluster.address: the scheduler {cluster.address} cannot")
    assert not (tmp_path / "output/runs").exists()
