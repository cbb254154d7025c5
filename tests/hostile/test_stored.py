"""What is on disk after a run over misbehaving devices: good outputs, and nothing that is not.

Also what only a run shows: a second attempt after the first session was closed, limits kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from support.hostile import Script, drop, end_channel, served, stall
from support.modes import (
    BACKUP,
    CONFIG,
    CONFIGURATIONS,
    DENIALS,
    LINKS,
    LOG,
    LOG_LINES,
    PAGERS,
    SECOND,
    VERSION,
    Mode,
    answering,
)
from support.sockets import becomes_true, open_sockets

from collector import run
from collector.lab import Lab
from collector.model import HostKeys, Limits, Retries, Timeouts
from collector.settings import Settings

GOOD = VERSION.replace(b"\r\n", b"\n")
PLAY = Timeouts(connect=5.0, login=10.0, command=8.0, device=40.0)
FILE = "show_running-config.txt"


async def ran(lab: Lab, folder: Path, *, attempts: int = 1, limits: Timeouts = PLAY) -> Any:
    """Run over every device of a lab; give the manifest's rows by device name."""
    lines = [f"  {name}: {{host: 127.0.0.1, port: {lab.port(name)}}}\n" for name in lab.devices]
    (folder / "lab.yaml").write_text(
        "defaults: {platform: cisco_iosxe, credential: lab}\n"
        "credentials: {lab: {username: admin, password: admin, enable: enable}}\n"
        f"devices:\n{''.join(lines)}"
    )
    settings = Settings(
        inventory=folder / "lab.yaml",
        output=folder / "output",
        host_keys=HostKeys.OFF,
        timeouts=limits,
        limits=Limits(sessions=16),
        retries=Retries(attempts=attempts, backoff=0.1),
    )
    outcome = await run(settings, commands=(BACKUP, SECOND))
    assert outcome.manifest is not None
    manifest = json.loads(outcome.manifest.read_bytes())
    return outcome.run_dir, {row["name"]: row for row in manifest["devices"]}


def as_backup(mode: Mode) -> Script:
    """Let a mode answer the backup's command, whichever it was made for."""
    answers = mode.script.answers
    given = answers.get(BACKUP) or answers[mode.command]
    return Script(answers={BACKUP: given, SECOND: ((VERSION,),)}, greeting=mode.script.greeting)


def named(group: str, modes: Mapping[str, Mode]) -> dict[str, Mode]:
    return {f"{group}-{n}": mode for n, mode in enumerate(modes.values())}


async def test_only_whole_outputs_are_stored(tmp_path: Path) -> None:
    modes = {
        **named("configuration", CONFIGURATIONS),
        **named("denial", DENIALS),
        **named("link", LINKS),
        **named("pager", PAGERS),
    }
    before = open_sockets()
    async with served({name: as_backup(mode) for name, mode in modes.items()}) as lab:
        folder, rows = await ran(lab, tmp_path)
        await becomes_true(lambda: not lab.open_connections)
    for name, mode in modes.items():
        stored = folder / "devices" / name / FILE
        first, second = rows[name]["commands"]
        ends = mode.whole is not None and mode.whole.endswith(b"end\n")
        assert (first["status"] == "ok") is ends, (name, first)
        assert stored.exists() is ends, name
        if ends:
            assert stored.read_bytes() == mode.whole
        else:
            assert rows[name]["status"] in {"partial", "failed"}
            assert (folder / "failures" / name / "session.log").exists()
        beside = folder / "devices" / name / "show_version.txt"
        assert beside.exists() is (second["status"] == "ok"), name
        if beside.exists():
            assert beside.read_bytes() == GOOD
    await becomes_true(lambda: open_sockets() <= before)


async def test_bytes_and_notes_reach_the_disk(tmp_path: Path) -> None:
    latin = CONFIG.replace(b"r1#", b"Z\xfcrich \xff\xfe")
    coloured = CONFIG.replace(b"hostname", b"\x1b[1mhost\x1b[0mname\x07")
    scripts = {
        "latin": answering((latin,), command=BACKUP),
        "coloured": answering((coloured,), command=BACKUP),
        "logged": LOG_LINES["in a configuration, always"].script,
        "prompted": answering((CONFIG,), command=BACKUP, like=Script(prompt=b"\x1b[H\x1b[Jr1# ")),
    }
    async with served(scripts) as lab:
        folder, rows = await ran(lab, tmp_path)
    stored = {name: (folder / "devices" / name / FILE).read_bytes() for name in scripts}
    first = {name: rows[name]["commands"][0] for name in scripts}
    whole = CONFIG.replace(b"\r\n", b"\n")
    assert stored == {
        "latin": latin.replace(b"\r\n", b"\n"),
        "coloured": whole,
        "logged": LOG.replace(b"\r\n", b"\n") + whole,
        "prompted": whole,
    }
    assert first["latin"]["encoding"] == "unknown-8bit"
    assert first["coloured"]["notes"] == ["cleaned"]
    assert first["logged"]["notes"] == ["log_line"]
    assert first["prompted"]["notes"] == []


async def test_a_session_is_closed_before_the_next_one_opens(tmp_path: Path) -> None:
    scripts = {
        "dropped": answering((b"half", drop), (CONFIG,), command=BACKUP),
        "closed": answering((b"half", end_channel), (CONFIG,), command=BACKUP),
    }
    async with served(scripts) as lab:
        folder, rows = await ran(lab, tmp_path, attempts=2)
        for name in scripts:
            assert rows[name]["status"] == "ok", rows[name]
            assert rows[name]["attempts"] == 2
            assert (lab.stats[name].ever, lab.stats[name].peak) == (2, 1)
            stored = (folder / "devices" / name / FILE).read_bytes()
            assert stored == CONFIG.replace(b"\r\n", b"\n")
        await becomes_true(lambda: not lab.open_connections)


async def test_an_output_that_more_came_after_is_taken_back(tmp_path: Path) -> None:
    late = {BACKUP: ((0.5, b"\r\nand one more line\r\nr1#"),)}
    answers = {BACKUP: ((CONFIG,),), SECOND: ((1.0, VERSION),)}
    script = Script(answers=answers, late=late)
    async with served({"r1": script}) as lab:
        folder, rows = await ran(lab, tmp_path)
    first = rows["r1"]["commands"][0]
    stored = folder / "devices/r1" / FILE
    # The line comes while the second command is asked: the first is disowned, or was asked again.
    if first["status"] == "ok":
        assert stored.read_bytes() == CONFIG.replace(b"\r\n", b"\n")
    else:
        assert first["class"] == "incomplete"
        assert not stored.exists()


async def test_the_devices_limit_holds_over_all_its_commands(tmp_path: Path) -> None:
    slow = Script(answers={BACKUP: ((b"x\r\n", stall),)})
    async with served({"r1": slow}) as lab:
        limits = Timeouts(connect=5.0, login=10.0, command=60.0, device=2.0)
        _, rows = await ran(lab, tmp_path, limits=limits)
        await becomes_true(lambda: not lab.open_connections)
    assert rows["r1"]["class"] == "timeout"
    assert rows["r1"]["duration_s"] < 2.0 + 3.0
