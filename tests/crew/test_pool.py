"""Real processes beside this one: they collect what one would, and may die."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from support.program import ROOT, collector, ended, start

from collector.collect import RunOutcome, execute, prepare
from collector.crew import Pool
from collector.crew import pool as pools
from collector.crew.member import IGNORED
from collector.engine import Permit, Report
from collector.errors import Exit
from collector.lab import Lab, LabDevice, LabFault, truth
from collector.model import Assignment, DeviceResult, Status
from collector.settings import Settings, load_settings

COMMANDS = ("show version", "show running-config")
PLATFORMS = ("cisco_iosxe", "cisco_nxos", "arista_eos", "juniper_junos")


def fleet(count: int, *, think: float = 0.0, faults: dict[int, LabFault] | None = None) -> Lab:
    return Lab(
        [
            LabDevice(
                name=f"d{number:03}",
                platform=PLATFORMS[number % 2],
                think=think,
                fault=(faults or {}).get(number, LabFault.NONE),
            )
            for number in range(count)
        ]
    )


def write_inventory(
    lab: Lab, folder: Path, secrets: str = "password: admin, enable: enable"
) -> None:
    lines = [
        f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}, platform: {device.platform}}}\n"
        for name, device in lab.devices.items()
    ]
    (folder / "fleet.yaml").write_text(
        "defaults: {credential: lab}\n"
        f"credentials: {{lab: {{username: admin, {secrets}}}}}\n"
        f"devices:\n{''.join(lines)}"
    )


def settings_for(lab: Lab, folder: Path, **overrides: object) -> Settings:
    write_inventory(lab, folder)
    given = {
        "inventory": folder / "fleet.yaml",
        "output": folder / "out",
        "known_hosts": folder / "known_hosts",
        "limits.trial": 1,
        "retries.attempts": 1,
        **{key.replace("__", "."): value for key, value in overrides.items()},
    }
    return load_settings(None, {}, given)


class Seen:
    """What the pool of a run did, and the pool itself."""

    def __init__(self) -> None:
        self.pool: Pool | None = None
        self.performed: Counter[str] = Counter()
        self.act: Callable[[Pool], Awaitable[None]] | None = None
        self._acting: asyncio.Task[None] | None = None

    def watch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        plain = Pool.perform

        async def perform(pool: Pool, assignment: Assignment, permit: Permit) -> Report:
            self.pool = pool
            self.performed[assignment.device.name] += 1
            if self.act is not None and self._acting is None:
                self._acting = asyncio.ensure_future(self.act(pool))
            return await plain(pool, assignment, permit)

        monkeypatch.setattr(Pool, "perform", perform)


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    watching = Seen()
    watching.watch(monkeypatch)
    return watching


async def collected(settings: Settings) -> tuple[RunOutcome, dict[str, DeviceResult]]:
    found: dict[str, DeviceResult] = {}

    async def keep(results: AsyncIterator[DeviceResult], total: int) -> None:
        assert total
        async for result in results:
            found[result.device.name] = result

    plan = await asyncio.to_thread(prepare, settings, commands=COMMANDS)
    return await execute(plan, observe=keep), found


def logins(lab: Lab) -> int:
    return sum(stats.logins for stats in lab.stats.values())


def outputs(folder: Path) -> dict[str, bytes]:
    devices = folder / "out/runs/latest/devices"
    return {str(path.relative_to(devices)): path.read_bytes() for path in devices.rglob("*.txt")}


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what is bound to come; the test's own limit is the end of patience."""
    while not condition():
        await asyncio.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(") ")[1][0] != "Z"
    except OSError:
        return False


async def test_two_processes_collect_what_one_does(tmp_path: Path, seen: Seen) -> None:
    faults = {5: LabFault.REFUSE, 9: LabFault.DROP_OUTPUT}
    async with fleet(24, faults=faults) as lab:
        outcome, results = await collected(settings_for(lab, tmp_path, processes=2))
        expected = {
            f"{name}/{command.replace(' ', '_')}.txt": truth(device, command).encode()
            for name, device in lab.devices.items()
            for command in COMMANDS
            if device.fault is LabFault.NONE
        }

    assert outputs(tmp_path) == expected
    assert outcome.totals[Status.OK] == 22
    assert seen.performed.total() >= 20
    assert seen.pool is not None
    assert not seen.pool.pids
    good = results["d010"]
    assert good.algorithms is not None
    assert 0 < good.duration < 60
    failed = results["d005"].fault
    assert failed is not None
    assert failed.message == "the connection was refused"


async def test_what_a_killed_process_was_at_is_tried_once_more(
    tmp_path: Path, seen: Seen, caplog: pytest.LogCaptureFixture
) -> None:
    async def kill(pool: Pool) -> None:
        await until(lambda: any(member.attempts.is_begun for member in pool._members))
        busy = next(member for member in pool._members if member.attempts.is_begun)
        os.kill(busy.pid, signal.SIGKILL)

    seen.act = kill
    async with fleet(40, think=0.3) as lab:
        outcome, results = await collected(settings_for(lab, tmp_path, processes=2))
        most = max(stats.logins for stats in lab.stats.values())

    assert outcome.exit_status is Exit.OK
    assert outcome.totals[Status.OK] == 40
    assert most <= 2
    assert max(seen.performed.values()) == 2
    assert max(result.attempts for result in results.values()) == 2
    (line,) = (r.getMessage() for r in caplog.records if "died over" in r.getMessage())
    assert line.endswith(": tried once more elsewhere")


async def test_with_every_process_killed_the_run_goes_on_alone(tmp_path: Path, seen: Seen) -> None:
    async def kill(pool: Pool) -> None:
        await until(lambda: logins(lab) >= 5)
        for pid in pool.pids:
            os.kill(pid, signal.SIGKILL)

    seen.act = kill
    async with fleet(30, think=0.3) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))

    assert outcome.totals[Status.OK] == 30


async def test_a_device_that_two_processes_die_over_is_told_of(tmp_path: Path, seen: Seen) -> None:
    async def kill(pool: Pool) -> None:
        await until(lambda: logins(lab) == 10 and sum(s.open for s in lab.stats.values()) == 1)
        await until(lambda: sum(map(len, pool._members)) == 1)
        one, other = sorted(pool._members, key=len, reverse=True)
        os.kill(one.pid, signal.SIGKILL)
        await until(lambda: len(other) == 1 and lab.stats["d009"].logins == 2)
        os.kill(other.pid, signal.SIGKILL)

    seen.act = kill
    # The last of them, and the only one that is with a process then: it hangs in both.
    async with fleet(10, faults={9: LabFault.SILENT_COMMAND}) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))

    assert outcome.totals[Status.OK] == 9
    (failure,) = outcome.failures
    assert failure.fault is not None
    assert failure.fault.message.startswith("the process that visited it died, and so did")


async def test_a_process_that_falls_silent_is_killed_and_replaced(
    tmp_path: Path, seen: Seen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pools, "SILENCE", 3.0)
    stopped: list[int] = []

    async def stop(pool: Pool) -> None:
        await until(lambda: logins(lab) >= 5)
        stopped.append(pool.pids[0])
        os.kill(pool.pids[0], signal.SIGSTOP)

    seen.act = stop
    async with fleet(20, think=0.3) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))

    assert outcome.totals[Status.OK] == 20
    assert any("was silent for 3 s" in record.getMessage() for record in caplog.records)
    await until(lambda: not is_alive(stopped[0]))


@pytest.mark.parametrize("number", sorted(IGNORED - {signal.SIGHUP}))
async def test_a_signal_to_all_processes_is_for_the_first(
    tmp_path: Path, number: signal.Signals
) -> None:
    faults = dict.fromkeys(range(3, 12), LabFault.SILENT_COMMAND)
    async with fleet(12, faults=faults) as lab:
        write_inventory(lab, tmp_path)
        process = await start(
            *("run", "-i", "fleet.yaml", "-c", "show version", "--processes", "2"),
            cwd=tmp_path,
            environ={"COLLECTOR_LIMITS_TRIAL": "1"},
        )
        await until(
            lambda: logins(lab) == 12 and sum(stats.open for stats in lab.stats.values()) == 9
        )
        others = children(process.pid)
        for pid in (*others, process.pid):
            os.kill(pid, number)
        end = await ended(process)

    assert end.status == (Exit.INTERRUPTED if number == signal.SIGINT else Exit.TERMINATED)
    assert "Traceback" not in end.stderr
    assert f"interrupted by {number.name}" in end.stderr
    assert "3 ok, 9 cancelled" in end.stderr
    assert len(others) >= 2
    await until(lambda: not any(map(is_alive, others)))


async def test_no_process_outlives_a_first_one_that_is_killed(tmp_path: Path) -> None:
    faults = dict.fromkeys(range(12), LabFault.SILENT_COMMAND)
    async with fleet(12, faults=faults) as lab:
        write_inventory(lab, tmp_path)
        process = await start(
            *("run", "-i", "fleet.yaml", "-c", "show version", "--processes", "2"), cwd=tmp_path
        )
        await until(lambda: sum(stats.open for stats in lab.stats.values()) == 12)
        others = children(process.pid)
        process.kill()
        end = await ended(process)
        await until(lambda: not any(map(is_alive, others)))
        await until(lambda: not any(stats.open for stats in lab.stats.values()))

    assert len(others) >= 2
    assert "Traceback" not in end.stderr


IDLE = """
import multiprocessing, os, socket
from collector.crew.member import serve
if __name__ == "__main__":
    ours, theirs = socket.socketpair()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs, None))
    process.start()
    print(process.pid, flush=True)
    os.kill(os.getpid(), 9)
"""


async def test_nor_does_one_that_has_no_work_yet(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(IDLE)
    process = await asyncio.create_subprocess_exec(
        sys.executable, script, cwd=tmp_path, stdout=PIPE, stderr=PIPE,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdout is not None
    pid = int(await process.stdout.readline())
    await until(lambda: not is_alive(pid))
    await ended(process)


async def test_where_no_process_can_be_started_one_visits_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def launch(*_: object) -> None:
        raise BlockingIOError("no more processes")

    monkeypatch.setattr(pools._Member, "_launch", launch)
    async with fleet(5) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))
    assert outcome.totals[Status.OK] == 5
    assert "0 of 2 processes could be started" in caplog.messages


def stopping_at_the_start(
    monkeypatch: pytest.MonkeyPatch, then: Callable[[], None] = lambda: None
) -> list[int]:
    """Stop each process as soon as there is one, with something done at the second; their ids."""
    launch = pools._Member._launch
    stopped: list[int] = []

    def launch_and_stop(member: pools._Member, theirs: socket.socket) -> None:
        launch(member, theirs)
        os.kill(member.pid, signal.SIGSTOP)
        stopped.append(member.pid)
        if len(stopped) == 2:
            then()

    monkeypatch.setattr(pools._Member, "_launch", launch_and_stop)
    return stopped


async def test_one_that_hangs_while_it_starts_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = stopping_at_the_start(monkeypatch)
    monkeypatch.setattr(pools, "STARTING", 0.5)
    monkeypatch.setattr(pools, "CLOSING", 0.0)
    async with fleet(5) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))
    assert outcome.totals[Status.OK] == 5
    assert len(stopped) == 2
    assert not any(map(is_alive, stopped))


async def test_an_interrupt_does_not_wait_for_processes_that_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stopped = stopping_at_the_start(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT))
    async with fleet(5) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))
        assert logins(lab) == 0
    assert outcome.exit_status is Exit.INTERRUPTED
    assert outcome.totals[Status.SKIPPED] == 5
    assert outcome.manifest is not None
    assert "could not be started" not in caplog.text  # as it is said of one after a minute
    assert len(stopped) == 2
    assert not any(map(is_alive, stopped))


async def test_nor_does_one_of_the_whole_group(tmp_path: Path) -> None:
    async with fleet(5) as lab:
        write_inventory(lab, tmp_path)
        process = await start(
            *("run", "-i", "fleet.yaml", "-c", "show version", "--processes", "2"), cwd=tmp_path
        )
        # Not the programs by which libraries are looked for: these come before there is a run.
        await until(lambda: any(map(is_member, children(process.pid))))
        others = children(process.pid)
        for pid in (*others, process.pid):
            os.kill(pid, signal.SIGINT)
        end = await ended(process)
    assert end.status == Exit.INTERRUPTED
    assert "Traceback" not in end.stderr
    assert "interrupted by SIGINT" in end.stderr
    await until(lambda: not any(map(is_alive, others)))


async def test_one_that_is_lost_while_it_waits_for_leave_keeps_nobody_waiting(
    tmp_path: Path, seen: Seen
) -> None:
    """Its plea must not be granted any more: nobody would ever give that place back."""
    devices = [
        LabDevice(name=f"d{number:03}", platform="cisco_iosxe", think=0.3) for number in range(12)
    ]

    async def kill(pool: Pool) -> None:
        await until(lambda: any(member.attempts.is_asking for member in pool._members))
        asking = next(member for member in pool._members if member.attempts.is_asking)
        os.kill(asking.pid, signal.SIGKILL)

    seen.act = kill
    async with Lab(devices) as lab:
        outcome, _ = await collected(settings_for(lab, tmp_path, processes=2))
    assert outcome.totals[Status.OK] == 12


def is_member(pid: int) -> bool:
    try:
        return b"multiprocessing.spawn" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def children(pid: int) -> list[int]:
    return [
        int(number)
        for path in Path(f"/proc/{pid}/task").glob("*/children")
        for number in path.read_text().split()
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("secrets", "kind"),
    [
        ("password: outdated", "rejected_logins"),
        ("password: admin, enable: outdated", "rejected_enables"),
    ],
)
async def test_a_wrong_secret_is_seen_by_three_devices(
    tmp_path: Path, secrets: str, kind: str
) -> None:
    devices = [LabDevice(name=f"d{number:03}", platform="cisco_iosxe") for number in range(200)]
    async with Lab(devices) as lab:
        write_inventory(lab, tmp_path, secrets)
        end = await collector(
            *("run", "-i", "fleet.yaml", "-c", "show clock", "--processes", "2"), cwd=tmp_path
        )
        rejected = [getattr(stats, kind) for stats in lab.stats.values()]

    assert (sum(rejected), max(rejected)) == (3, 1)
    assert end.status == Exit.BREAKER
    assert end.stderr.splitlines()[1].endswith("3 failed, 197 skipped")


async def test_lines_of_the_log_come_from_all_processes(tmp_path: Path) -> None:
    async with fleet(4) as lab:
        write_inventory(lab, tmp_path)
        end = await collector(
            *("run", "-i", "fleet.yaml", "-c", "show version", "--processes", "2", "-vv"),
            "--log-json",
            cwd=tmp_path,
        )

    rows = [json.loads(line) for line in end.stderr.splitlines() if line.startswith("{")]
    said = [row for row in rows if row["logger"] == "collector.crew.member"]
    assert len({row["message"] for row in said}) == 2
    assert {row["run_id"] for row in said} == {rows[0]["run_id"]}


async def test_a_script_without_a_guard_visits_once(tmp_path: Path) -> None:
    """It is run anew in each process, and must not get as far as the devices there."""
    async with fleet(4) as lab:
        settings_for(lab, tmp_path)
        script = tmp_path / "script.py"
        script.write_text(
            "import asyncio, collector\n"
            "given = {'inventory': 'fleet.yaml', 'processes': 2}\n"
            "settings = collector.load_settings(None, {}, given)\n"
            "outcome = asyncio.run(collector.run(settings, commands=['show version']))\n"
            "print('status', int(outcome.exit_status))\n"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, script, cwd=tmp_path, stdout=PIPE, stderr=PIPE,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        end = await ended(process)
        assert {stats.logins for stats in lab.stats.values()} == {1}
    assert end.stdout.decode().endswith("status 0\n"), end
