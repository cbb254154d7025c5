"""``run --resume``, ``run --failed-of``, ``verify`` and ``runs``, as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from support.program import Ended, collector, ended, start

from collector.errors import Exit
from collector.lab import Lab


def runs(folder: Path) -> list[Path]:
    """List the run folders, oldest first."""
    return sorted(folder.glob("output/runs/2*"))


def manifest(run: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / "manifest.json").read_bytes())
    return content


def statuses(run: Path) -> dict[str, str]:
    return {row["name"]: row["status"] for row in manifest(run)["devices"]}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


async def killed(folder: Path, *arguments: str) -> None:
    """Start a run with ``-f jsonl`` over r1 and a silent device; kill it when r1 is stored."""
    process = await start(
        "run", "-i", "lab.yaml", "-l", "r1,silent", "-f", "jsonl", *arguments, cwd=folder
    )
    assert process.stdout is not None
    assert json.loads(await process.stdout.readline())["name"] == "r1"
    process.kill()
    await ended(process)


async def test_a_killed_run_goes_on_in_its_folder(lab: Lab, tmp_path: Path) -> None:
    await killed(tmp_path, "-c", "show clock", "-c", "show version")
    [run] = runs(tmp_path)
    [before] = map(json.loads, (run / "journal.jsonl").read_bytes().splitlines())
    good = await collector("verify", cwd=tmp_path)
    listed = await collector("runs", "-f", "jsonl", cwd=tmp_path)

    # Another folder, another configuration: the run knows its inventory and its commands.
    (tmp_path / "config.yaml").write_text("inventory: nowhere.yaml\ntimeouts: {device: 1}\n")
    end = await collector("run", "--resume", "latest", "-f", "jsonl", cwd=tmp_path)

    assert (good.status, good.stdout) == (Exit.OK, b"1 run, 2 outputs: good\n")
    assert json.loads(listed.stdout)["state"] == "unfinished"
    assert end.status == Exit.SOME_FAILED
    assert [json.loads(line)["name"] for line in end.stdout.splitlines()] == ["silent"]
    assert end.stderr.splitlines()[0].endswith(" s: 1 ok, 1 failed")
    assert runs(tmp_path) == [run]
    assert statuses(run) == {"r1": "ok", "silent": "failed"}
    first, second = manifest(run)["devices"]
    assert first == before
    assert [row["command"] for row in second["commands"]] == ["show clock", "show version"]
    assert (tmp_path / "output/runs/latest").resolve() == run


async def test_a_run_that_holds_the_folder_is_not_resumed(lab: Lab, tmp_path: Path) -> None:
    process = await start("run", "-i", "lab.yaml", "-l", "r1,silent", "-f", "jsonl", cwd=tmp_path)
    assert process.stdout is not None
    await process.stdout.readline()
    second = await collector("run", "-i", "lab.yaml", "-l", "r2", cwd=tmp_path)
    resumed = await collector("run", "--resume", "latest", cwd=tmp_path)
    process.kill()
    await ended(process)

    for end in (second, resumed):
        assert end.status == Exit.LOCKED
        assert f"another run holds this folder: pid {process.pid} on " in end.stderr
        assert "(collector run -i lab.yaml -l r1,silent -f jsonl)" in end.stderr
        assert end.stderr.count("\n") == 1
    assert len(runs(tmp_path)) == 1


async def test_an_interrupted_run_goes_on_in_a_new_one(lab: Lab, tmp_path: Path) -> None:
    process = await start(
        *("run", "-i", "lab.yaml", "-l", "r1,silent", "-c", "show clock", "-f", "jsonl"),
        cwd=tmp_path,
    )
    assert process.stdout is not None
    await process.stdout.readline()
    process.terminate()
    assert (await ended(process)).status == Exit.TERMINATED

    await collector("run", "--resume", "latest", "-t", "1", cwd=tmp_path)

    old, new = runs(tmp_path)
    assert manifest(new)["resume_of"] == old.name
    assert "failed_of" not in manifest(new)
    assert statuses(new) == {"silent": "failed"}


async def test_what_failed_is_repeated_in_a_new_run(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", "-c", "show clock", cwd=tmp_path)
    edit(tmp_path / "lab.yaml", f"  refusing: {{host: 127.0.0.1, port: {lab.port('refusing')}}}",
         f"  refusing: {{host: 127.0.0.1, port: {lab.port('r2')}}}")  # fmt: skip

    end = await collector("run", "--failed-of", "latest", "-f", "jsonl", cwd=tmp_path)
    over = await collector("run", "--failed-of", "latest", cwd=tmp_path)

    assert end.status == Exit.OK
    old, new = runs(tmp_path)
    assert manifest(new)["failed_of"] == old.name
    assert statuses(new) == {"refusing": "ok"}
    [row] = manifest(new)["devices"]
    assert [command["command"] for command in row["commands"]] == ["show clock"]
    assert (over.status, over.stdout) == (Exit.OK, b"")
    assert over.stderr == f"collector: run {new.name}: every device was ok\n"
    assert len(runs(tmp_path)) == 2


async def test_a_device_that_left_the_inventory_is_told(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    edit(tmp_path / "lab.yaml", "  refusing:", "  renamed:")

    end = await collector("run", "--failed-of", "latest", cwd=tmp_path)

    assert end.status == Exit.OK
    gone, nobody = end.stderr.splitlines()
    assert gone == "collector: left the inventory since, not asked: 1 of them: refusing"
    assert nobody.endswith("nobody is left to ask")
    assert len(runs(tmp_path)) == 1


async def test_a_repeat_can_be_narrowed_and_shown_first(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "refusing,r1", cwd=tmp_path)

    plan = await collector("run", "--failed-of", "latest", "--dry-run", cwd=tmp_path)
    narrowed = await collector("run", "--failed-of", "latest", "-l", "r1", cwd=tmp_path)

    assert plan.stdout.decode().splitlines()[1:] == ["    show running-config", "    show version"]
    assert narrowed.stderr.endswith("nobody is left to ask\n")
    assert len(runs(tmp_path)) == 1


WRONG = {
    ("run", "--resume", "latest"): "has ended: there is nothing to resume; --failed-of ",
    ("run", "--resume", "nonsense"): "run 'nonsense': no such run in ",
    ("run", "--failed-of", "/nonsense"): "run '/nonsense': no such run",
    ("run", "--resume", "latest", "--failed-of", "latest"): "expected one of them, found 2",
    ("run", "--resume", "latest", "-c", "show clock"): "--command and --resume: expected one",
    ("run", "--failed-of", "latest", "-j", "facts"): "--job and --failed-of: expected one",
    ("run", "--resume", "latest", "-l", "r1"): "--resume and --limit",
    ("verify", "nonsense"): "run 'nonsense': no such run in ",
    ("verify", "latest", "--all"): "RUN and --all: expected one of them",
    ("verify", "-o", "nowhere"): "nowhere/runs: no run in this folder",
}


async def test_what_cannot_be_is_one_line(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
    for arguments, said in WRONG.items():
        end = await collector(*arguments, cwd=tmp_path)

        assert (end.status, end.stdout) == (Exit.USAGE, b""), arguments
        assert said in end.stderr
        assert end.stderr.count("\n") == 1


async def test_a_run_of_which_only_the_manifest_is_missing_ends(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "r1,r2", cwd=tmp_path)
    [run] = runs(tmp_path)
    (run / "manifest.json").unlink()

    end = await collector("run", "--resume", str(run), cwd=tmp_path)

    assert (end.status, end.stderr) == (Exit.OK, "")
    assert statuses(run) == {"r1": "ok", "r2": "ok"}


async def test_damage_is_told_a_line_each(lab: Lab, tmp_path: Path) -> None:
    for _ in range(2):
        await collector("run", "-i", "lab.yaml", "-l", "r1,r2", cwd=tmp_path)
    first, second = runs(tmp_path)
    (second / "devices/r1/show_version.txt").unlink()
    (first / "devices/r2/show_version.txt").write_text("none of it")
    (first / "devices/r2/notes.txt").write_text("mine")

    latest, everything = (
        await collector("verify", cwd=tmp_path),
        await collector("verify", "--all", cwd=tmp_path),
    )
    data = await collector("verify", "--all", "-f", "json", cwd=tmp_path)

    assert latest.status == everything.status == data.status == Exit.STORAGE
    assert lines(latest)[0] == f"missing: {second.name}/devices/r1/show_version.txt: no such file"
    assert lines(everything)[-1] == "2 runs, 8 outputs: 2 damaged, 1 foreign, 1 missing"
    assert {(row["run_id"], row["kind"]) for row in json.loads(data.stdout)} == {
        (first.name, "damaged"),
        (first.name, "foreign"),
        (second.name, "damaged"),  # the same file: the second run had linked it
        (second.name, "missing"),
    }


async def test_runs_are_listed_newest_first(lab: Lab, tmp_path: Path) -> None:
    await collector("run", "-i", "lab.yaml", "-l", "r1,refusing", cwd=tmp_path)
    await collector("run", "--failed-of", "latest", cwd=tmp_path)

    end = await collector("runs", cwd=tmp_path)

    old, new = runs(tmp_path)
    _, second, first = lines(end)
    assert second.split()[:1] + second.split()[2:] == [
        *(new.name, "backup", "finished", "0", "0", "1", "0", "0", old.name),
    ]
    assert first.split()[2:] == ["backup", "finished", "1", "0", "1", "0", "0"]


def lines(end: Ended) -> list[str]:
    return end.stdout.decode().splitlines()


async def test_a_manifest_that_is_none_does_not_hide_the_others(lab: Lab, tmp_path: Path) -> None:
    for _ in range(2):
        await collector("run", "-i", "lab.yaml", "-l", "r1", cwd=tmp_path)
    broken, good = runs(tmp_path)
    (broken / "manifest.json").write_text("{")

    listed = await collector("runs", cwd=tmp_path)
    verified = await collector("verify", "--all", cwd=tmp_path)

    assert [line.split()[0] for line in lines(listed)[1:]] == [good.name]
    assert "expected the manifest of a run" in listed.stderr
    assert verified.status == Exit.STORAGE
    assert lines(verified)[0].startswith(f"damaged: {broken.name}/manifest.json: ")
