"""``collector prune`` from the outside: what is said, what goes, and what never does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from store.samples import stored
from support.backups import NONE, backed_up, configured, git, last_files, subjects

from collector.backups.departing import departed
from collector.cli import main
from collector.errors import Exit
from collector.model import Change
from collector.store.pruning import held

Said = pytest.CaptureFixture[str]
Runs = Callable[[], list[str]]

NOTHING_SAID = (
    "collector: nothing says which runs are kept, so none is removed: give --keep-runs or "
    "--keep-days, or set retention: in config.yaml\n"
)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
async def runs() -> Runs:
    """Store three runs; give what says which there are, the newest first."""
    Path("output").mkdir()
    for age in (30, 20, 10):
        change = Change.NEW if age == 30 else Change.FAILED
        await stored(Path("output"), age, {"r1": b"one", "r2": b"%d" % age}, change=change)
    return lambda: sorted((path.name for path in Path("output/runs").glob("2*")), reverse=True)


def test_nothing_is_deleted_by_accident(runs: Runs, capfd: Said) -> None:
    before = runs()
    capfd.readouterr()
    assert main(["prune"]) == Exit.USAGE
    assert capfd.readouterr() == ("", NOTHING_SAID)
    assert main(["prune", "--keep-runs", "0", "--keep-days", "0"]) == Exit.USAGE
    assert main(["prune", "--keep-runs", "-1"]) == Exit.USAGE
    assert main(["prune", "--keep-days", "nan"]) == Exit.USAGE
    assert runs() == before


def test_what_goes_is_said_first(runs: Runs, capfd: Said) -> None:
    newest, *old = runs()
    capfd.readouterr()

    assert main(["prune", "--keep-runs", "1", "--dry-run", "-f", "json"]) == Exit.OK
    rows = json.loads(capfd.readouterr().out)
    assert [row["run_id"] for row in rows] == sorted(old)
    assert {row["fate"] for row in rows} == {"removed"}
    assert runs() == [newest, *old]

    assert main(["prune", "--keep-runs", "1", "--dry-run"]) == Exit.OK
    said = capfd.readouterr().out.splitlines()
    assert said[0].split() == ["run", "age", "state", "fate", "files", "bytes"]
    size = sum(row["bytes"] for row in rows)
    assert said[-1] == f"2 runs would be pruned, {size} bytes would be freed; 1 kept whole"

    assert main(["prune", "--keep-runs", "1"]) == Exit.OK
    said = capfd.readouterr().out.splitlines()
    assert said[-1] == f"2 runs pruned, {size} bytes freed; 1 kept whole"
    assert runs() == [newest]
    assert main(["verify", "--all"]) == Exit.OK


def test_what_was_last_good_stays_known(runs: Runs) -> None:
    """Also where the file that says so had to be made anew, from runs that go now."""
    Path("output/last_good.jsonl").unlink(missing_ok=True)
    assert main(["prune", "--keep-runs", "1"]) == Exit.OK
    lines = Path("output/last_good.jsonl").read_text().splitlines()[1:]
    assert [json.loads(line)["device"] for line in lines] == ["r1", "r2"]


def test_the_settings_say_it_and_a_flag_wins(runs: Runs) -> None:
    Path("config.yaml").write_text("retention: {runs: 2, days: 0}\n")
    assert main(["prune"]) == Exit.OK
    assert len(runs()) == 2
    assert main(["prune", "--keep-runs", "1"]) == Exit.OK
    assert len(runs()) == 1


def test_a_run_that_can_be_resumed_is_told(runs: Runs, capfd: Said) -> None:
    oldest = runs()[-1]
    (Path("output/runs") / oldest / "manifest.json").unlink()
    capfd.readouterr()
    assert main(["prune", "--keep-runs", "2"]) == Exit.OK
    told = f"collector: {oldest} is unfinished: it cannot be resumed then\n"
    assert capfd.readouterr().err == told
    assert len(runs()) == 2


def test_a_run_that_holds_the_folder_is_not_disturbed(runs: Runs, capfd: Said) -> None:
    capfd.readouterr()
    with held(Path("output"), "collector run"):
        assert main(["prune", "--keep-runs", "1"]) == Exit.LOCKED
    said = capfd.readouterr()
    assert said.out == ""
    assert "another run holds this folder" in said.err
    assert len(runs()) == 3


def test_an_output_folder_that_is_not_there_is_told(capfd: Said) -> None:
    assert main(["prune", "--keep-runs", "1", "-o", "nowhere"]) == Exit.USAGE
    assert capfd.readouterr().err == "collector: nowhere: no such folder\n"


INVENTORY = """
defaults: {platform: cisco_iosxe, credential: c}
credentials: {c: {username: u, password: p}}
groups: {ams: {}}
devices: {r1: {host: 127.0.0.1}}
"""


async def departed_and_own(output: Path) -> None:
    """Back up three devices, and put a file of the user's own beside them."""
    await backed_up(output, {"r1": "one\n", "old-1": "two\n", "old-2": "three\n"})
    (output / "configs/notes.cfg").write_text("mine\n")
    git(output, "add", "notes.cfg")
    git(output, "-c", "user.name=me", "-c", "user.email=me@x", "commit", "-qm", "notes")


async def run_main(*words: str) -> int:
    return await asyncio.to_thread(main, list(words))


async def test_a_device_that_has_left_is_removed_and_its_history_stays(capfd: Said) -> None:
    output = Path("output")
    await departed_and_own(output)
    Path("lab.yaml").write_text(INVENTORY)

    assert await run_main("prune", "--devices", "-i", "lab.yaml", "--dry-run") == Exit.OK
    assert capfd.readouterr().out.splitlines() == [
        "left the inventory: old-1 (old-1.cfg)",
        "left the inventory: old-2 (old-2.cfg)",
        "2 devices would be removed from configs/",
    ]
    assert len(subjects(output)) == 2

    (output / "configs/staged.cfg").write_text("of mine, too\n")
    git(output, "add", "staged.cfg")
    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.OK
    assert subjects(output)[0] == "Prune: 2 devices have left the inventory"
    assert last_files(output) == ["D\told-1.cfg", "D\told-2.cfg"]
    names = sorted(path.name for path in (output / "configs").glob("*.cfg"))
    assert names == ["notes.cfg", "r1.cfg", "staged.cfg"]
    assert git(output, "show", "HEAD~1:old-1.cfg") == "two"
    assert git(output, "status", "--porcelain") == "A  staged.cfg"

    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.OK
    assert len(subjects(output)) == 3
    changes, _ = await backed_up(output, {"r1": "one\n", "old-1": "back\n"}, run="run-2")
    assert changes["old-1"] == "new"


async def test_a_file_that_was_edited_is_left(capfd: Said) -> None:
    output = Path("output")
    await departed_and_own(output)
    Path("lab.yaml").write_text(INVENTORY)
    (output / "configs/old-1.cfg").write_text("edited\n")

    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.OK
    told = "collector: configs/old-1.cfg: kept: it was edited by hand\n"
    assert capfd.readouterr().err == told
    assert last_files(output) == ["D\told-2.cfg"]


async def test_the_wrong_inventory_removes_nothing(capfd: Said) -> None:
    output = Path("output")
    await departed_and_own(output)
    Path("lab.yaml").write_text(INVENTORY.replace("r1:", "elsewhere:"))

    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.USAGE
    assert capfd.readouterr().err.endswith("nothing is removed (is it the right one?)\n")
    assert len(subjects(output)) == 2


async def test_a_hook_that_refuses_is_told_and_the_next_time_it_is_done(capfd: Said) -> None:
    output = Path("output")
    await departed_and_own(output)
    Path("lab.yaml").write_text(INVENTORY)
    hook = output / "configs/.git/hooks/pre-commit"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho frozen >&2; exit 1\n")
    hook.chmod(0o755)

    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.STORAGE
    assert "frozen" in capfd.readouterr().err
    hook.unlink()
    assert await run_main("prune", "--devices", "-i", "lab.yaml") == Exit.OK
    assert last_files(output) == ["D\told-1.cfg", "D\told-2.cfg"]


@pytest.mark.parametrize(
    ("template", "gone"),
    [
        ("{group}/{name}.cfg", ["ams/old.cfg"]),
        ("{name}/{command}.txt", ["old/show_running-config.txt"]),
        ("{group}-{name}", ["ams-old"]),
    ],
)
async def test_whose_a_file_is_is_read_from_the_template(template: str, gone: list[str]) -> None:
    output = Path("output")
    settings = replace(NONE, path=template)
    await backed_up(output, {"r1": "one\n", "old": "two\n"}, settings=settings)
    here = configured("r1", "").device
    found = await departed(output, settings, [here])
    assert [path for _, path in found.files] == gone
