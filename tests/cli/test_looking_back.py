"""``collector history|diff|show|changes|stale`` on a real history, as a person asks them."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support import backups, outcomes
from support.backups import COMMAND, configured, git
from support.program import NONE, Ended, ended, start

from collector.backups.history import Part
from collector.backups.rules import Rules
from collector.cli import main
from collector.errors import Exit
from collector.model import DeviceResult
from collector.settings import Backups

Say = Callable[..., Ended]

AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@x")
DAY = datetime(2024, 3, 1, 7, 0, 0, tzinfo=UTC)
OLD = "hostname r1\ninterface Gi1\n description old\n mtu 1500\n!\nend\n"
NEW = OLD.replace("old", "new \x1b[2J")
NEWEST = NEW.replace("mtu 1500", "mtu 9000")
INVENTORY = """\
defaults: {platform: linux, credential: lab}
credentials: {lab: {username: admin, password: admin}}
devices:
  r1: {host: 127.0.0.1, tags: {site: ams}}
  r2: {host: 127.0.0.1, tags: {site: fra}}
  never: {host: 127.0.0.1}
"""


def day(number: float) -> datetime:
    return DAY + timedelta(days=number)


def with_version(name: str, text: str, version: str) -> DeviceResult:
    """Make the result of a device that was asked for more than its configuration."""
    command = outcomes.good("show version", version.encode())
    return outcomes.result(name, *configured(name, text).commands, command)


def ran(
    output: Path, moment: datetime, texts: Mapping[str, str], *others: DeviceResult, **more: Any
) -> Path:
    """Do a whole run at a moment of the past; give its folder."""
    return asyncio.run(backups.ran(output, moment, texts, *others, **more))


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """Do four runs on four days: two devices new, one changed, none, the first once more."""
    output = tmp_path_factory.mktemp("history") / "output"
    folders = [
        ran(output, day(0), {"r2": "hostname r2\n"}, with_version("r1", OLD, "1\r\n\xff")),
        ran(output, day(1), {"r2": "hostname r2\n"}, with_version("r1", NEW, "2\n")),
        ran(output, day(2), {"r1": NEW}, outcomes.refused("r2")),
        ran(output, day(3), {"r1": NEWEST}, outcomes.refused("r2")),
    ]
    return output, [folder.name for folder in folders]


@pytest.fixture
def runs(history: tuple[Path, list[str]], tmp_path: Path) -> list[str]:
    """Put a copy of these runs, and an inventory, into the test's folder; give their ids."""
    output, names = history
    shutil.copytree(output, tmp_path / "output", symlinks=True)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "lab.yaml").write_text(INVENTORY)
    return names


@pytest.fixture
def say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> Say:
    """Run the program in this process: what it says goes to the same two streams."""
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> Ended:
        capfdbinary.readouterr()
        status = main(words)
        said = capfdbinary.readouterr()
        return Ended(status=status, stdout=said.out, stderr=said.err.decode())

    return run


def data(say: Say, *words: str) -> list[dict[str, Any]]:
    end = say(*words, "--format", "json")
    assert (end.status, end.stderr) == (Exit.OK, "")
    found: list[dict[str, Any]] = json.loads(end.stdout)
    return found


def test_history_has_the_commits_of_a_device_and_the_runs_that_made_them(
    say: Say, runs: list[str], tmp_path: Path
) -> None:
    rows = data(say, "history", "r1")
    commits = git(tmp_path / "output", "log", "--format=%H", "--", "r1.cfg").splitlines()
    assert rows == [
        {
            "name": "r1",
            "at": f"2024-03-0{number + 1}T07:00:01.000Z",
            "run_id": runs[number],
            "change": change,
            "added": added,
            "removed": removed,
            "commit": commit,
            "files": ["r1.cfg"],
        }
        for commit, (number, change, added, removed) in zip(
            commits, [(3, "changed", 1, 1), (1, "changed", 1, 1), (0, "new", 6, 0)], strict=True
        )
    ]
    end = say("history", "r2")
    head, line = end.stdout.decode().splitlines()
    assert head.split() == ["when", "run", "change", "+", "-", "commit"]
    assert line.split() == ["2024-03-01T07:00:01Z", runs[0], "new", "1", "0", commits[-1][:12]]


def test_diff_of_the_last_two_versions_has_the_section(
    say: Say, runs: list[str], tmp_path: Path
) -> None:
    end = say("diff", "r1")
    assert (end.status, end.stderr) == (Exit.OK, "")
    assert end.stdout.decode().splitlines() == [
        "--- a/r1.cfg\t2024-03-02 07:00:01 +0000",
        "+++ b/r1.cfg\t2024-03-04 07:00:01 +0000",
        "@@ -1,6 +1,6 @@ interface Gi1",
        " hostname r1",
        " interface Gi1",
        "  description new \x1b[2J",
        "- mtu 1500",
        "+ mtu 9000",
        " !",
        " end",
    ]
    # What it prints is a patch: git takes the newest copy back to the one before with it.
    (tmp_path / "back.patch").write_bytes(end.stdout)
    git(tmp_path / "output", "apply", "-R", str(tmp_path / "back.patch"))
    assert (tmp_path / "output/configs/r1.cfg").read_text() == NEW


@pytest.mark.parametrize(
    ("words", "removed", "added"),
    [
        (["--from", "0"], {" description old", " mtu 1500"}, {" description new", " mtu 9000"}),
        (["--to", "1"], {" description old"}, {" description new"}),
        (["--to", "2"], {" description old"}, {" description new"}),
        (["--from", "0", "--to", "2"], {" description old"}, {" description new"}),
        (["--from", "3", "--to", "1"], {" mtu 9000"}, {" mtu 1500"}),
        (["--from", "2024-03-02T12:00Z"], {" mtu 1500"}, {" mtu 9000"}),
        (["--from", "main~1", "--to", "main"], {" mtu 1500"}, {" mtu 9000"}),
        (
            ["--from", "main~2"],
            {" description old", " mtu 1500"},
            {" description new", " mtu 9000"},
        ),
        (["--from", "2024-01-01", "--to", "0"], set(), set(OLD.splitlines())),
    ],
)
def test_copies_to_compare_are_named_by_run_date_or_commit(  # noqa: PLR0917 - by name
    say: Say, words: list[str], removed: set[str], added: set[str], runs: list[str], tmp_path: Path
) -> None:
    words = [runs[int(word)] if word.isdigit() else word for word in words]
    branch = git(tmp_path / "output", "branch", "--show-current")
    words = [word.replace("main", branch) for word in words]
    end = say("diff", "r1", *words)
    assert (end.status, end.stderr) == (Exit.OK, "")
    lines = [line.removesuffix(" \x1b[2J") for line in end.stdout.decode().splitlines()[3:]]
    assert {line[1:] for line in lines if line[0] == "-"} == removed
    assert {line[1:] for line in lines if line[0] == "+"} == added


def test_diff_says_it_when_there_is_nothing_to_show(
    say: Say, runs: list[str], tmp_path: Path
) -> None:
    end = say("diff", "r1", "--from", runs[1], "--to", runs[2])
    assert (end.status, end.stdout) == (Exit.OK, b"")
    assert end.stderr.startswith(f"r1: nothing differs between {runs[1]} (2024-03-02 07:00:01")
    end = say("diff", "r2")
    assert (end.status, end.stdout) == (Exit.OK, b"")
    assert end.stderr.startswith(f"r2: there is no version before {runs[0]} (2024-03-01 ")


@pytest.mark.parametrize(("environ", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
async def test_diff_has_colours_on_a_terminal_and_no_device_commands_one(
    environ: Mapping[str, str], coloured: bool, runs: list[str], tmp_path: Path
) -> None:
    assert runs
    shown = await on_terminal("diff", "r1", cwd=tmp_path, environ={"TERM": "xterm", **environ})
    assert (b"\x1b[32m+ mtu 9000\x1b[0m" in shown) is coloured
    assert b"+ mtu 9000" in shown
    assert b"description new \\x1b[2J" in shown
    assert b"\x1b[2J" not in shown


async def on_terminal(*words: str, cwd: Path, environ: Mapping[str, str] = NONE) -> bytes:
    """Run the program with a terminal as its standard output; give what is on it."""
    here, there = pty.openpty()
    try:
        environ = {"NO_COLOR": "", **environ}
        process = await start(*words, cwd=cwd, stdout=there, environ=environ)
        assert (await ended(process)).status == Exit.OK
        return os.read(here, 100_000)
    finally:
        os.close(there)
        os.close(here)


def test_volatile_lines_are_left_out_of_a_diff_where_that_is_wanted(
    say: Say, tmp_path: Path
) -> None:
    output = tmp_path / "output"
    (tmp_path / "config.yaml").write_text(
        "platforms: {linux: {volatile: ['^! time', 'serial (\\d+)']}}\n"
    )
    one = "! time 1\nserial 11 a\n" + "x\n" * 9 + "hostname a\n! end\n"
    two = one.replace("time 1", "time 2").replace("11 a", "22 a").replace("name a", "name b")
    ran(output, day(0), {"r1": one})
    ran(output, day(1), {"r1": two})

    whole = say("diff", "r1")
    less = say("diff", "r1", "--ignore-volatile")
    assert changed(whole) == [
        *("-! time 1", "-serial 11 a", "+! time 2", "+serial 22 a", "-hostname a", "+hostname b"),
    ]
    assert changed(less) == ["-hostname a", "+hostname b"]


def changed(end: Ended) -> list[str]:
    assert (end.status, end.stderr) == (Exit.OK, "")
    return [line for line in end.stdout.decode().splitlines()[2:] if line[0] in "+-"]


def test_show_gives_every_byte_of_then(say: Say, runs: list[str], tmp_path: Path) -> None:
    for words, text in [
        ((), NEWEST.encode()),
        (("--at", runs[0]), OLD.encode()),
        (("--at", runs[2]), NEW.encode()),
        (("--at", "2024-03-02T07:00:00Z"), OLD.encode()),
        (("show version",), b"2\n"),
        (("show version", "--at", runs[0]), "1\r\n\xff".encode()),
        (("show version", "--at", "2024-03-01T12:00Z"), "1\r\n\xff".encode()),
        ((COMMAND, "--at", "latest"), NEWEST.encode()),
    ]:
        end = say("show", "r1", *words)
        assert (end.status, end.stderr, end.stdout) == (Exit.OK, "", text), words


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "r11"], "'r11': no backup of a device of that name; did you mean 'r1'?"),
        (["history", "../r1"], "'../r1': no backup of a device of that name"),
        (["diff", ""], "'': no backup of a device of that name"),
        (["show", "r1", "show versin"], "r1: no stored output of 'show versin'; did you mean"),
        (["show", "rr1", "show version"], "'rr1': no stored outputs of a device of that name; did"),
        (["show", "../r1", "x"], "'../r1': no stored outputs of a device"),
        (["show", "r1", "--at", "2024-02-01"], "r1: there was no backup of it then (the first is"),
        (["show", "r1", "--at", "HEAD~77"], "--at: expected a run, a date, how long ago (7d), or"),
        (["show", "r1", "--at", "--help"], "--at: expected a run, a date, how long ago (7d), or"),
        (["show", "r1", "show version", "--at", "main"], "--at: expected how long ago, such as 7d"),
        (["diff", "r1", "--to", "20240301T070000Z-000000"], "--to: '20240301T070000Z-000000': no"),
        (["changes", "--since", "lately"], "--since: expected how long ago, such as 7d or 36h, or"),
        (["stale", "--older", "2024-01-01"], "--older: expected a length of time such as 36h or"),
    ],
)
def test_what_cannot_be_meant_is_one_line(
    say: Say, words: list[str], said: str, runs: list[str], tmp_path: Path
) -> None:
    assert runs
    end = say(*words)
    assert (end.status, end.stdout) == (Exit.USAGE, b"")
    [line] = end.stderr.splitlines()
    assert line.startswith(f"collector: {said}"), line


@pytest.mark.parametrize("words", [["history", "r1"], ["diff", "r1"], ["show", "r1"], ["changes"]])
def test_where_there_is_no_history_it_is_said(say: Say, words: list[str], tmp_path: Path) -> None:
    end = say(*words)
    assert (end.status, end.stdout) == (Exit.USAGE, b"")
    assert end.stderr == (
        "collector: output/configs: no history of backups there yet; collector run begins one\n"
    )
    assert not (tmp_path / "output").exists()


def test_changes_are_those_of_all_devices_since_then(
    say: Say, runs: list[str], tmp_path: Path
) -> None:
    rows = data(say, "changes", "--since", "2024-01-01")
    told = [
        (row["name"], row["run_id"], row["change"], row["added"], row["removed"]) for row in rows
    ]
    assert told == [
        ("r1", runs[3], "changed", 1, 1),
        ("r1", runs[1], "changed", 1, 1),
        ("r1", runs[0], "new", 6, 0),
        ("r2", runs[0], "new", 1, 0),
    ]
    some = data(say, "changes", "--since", "2024-03-02T00:00Z")
    assert some == rows[:2]
    some = data(say, "changes", "--since", "2024-01-01", "--limit", "site=fra")
    assert some == rows[3:]
    assert data(say, "changes", "--since", "1s") == []


def test_changes_are_known_where_a_message_names_no_more(say: Say, tmp_path: Path) -> None:
    """Of the first hundred devices the commit says it, of the others their run, or else git."""
    output = tmp_path / "output"
    ran(output, day(0), {"d1": "a\n", "d2": "a\n"})
    run = ran(output, day(1), {"d1": "b\n", "d2": "b\n"})
    message = git(output, "log", "-1", "--format=%B").replace("  changed  d2", "  and 1 more")
    assert "and 1 more" in message
    git(output, *AUTHOR, "commit", "--amend", "-qm", message)
    text = (run / "manifest.json").read_text()
    (run / "manifest.json").write_text(text.replace('"change": "changed"', '"change": "odd"'))

    def words() -> dict[str, str]:
        rows = data(say, "changes", "--since", "2024-03-02T00:00Z")
        return {row["name"]: row["change"] for row in rows}

    assert words() == {"d1": "changed", "d2": "odd"}
    # When it was collected counts, not when its commit was made once more, as a push may do.
    assert data(say, "changes", "--since", "2024-04-01") == []
    shutil.rmtree(run)
    assert words() == {"d1": "changed", "d2": "changed"}


def test_a_device_that_is_gone_is_remembered(say: Say, runs: list[str], tmp_path: Path) -> None:
    output = tmp_path / "output"
    git(output, "rm", "-q", "r1.cfg")
    git(output, *AUTHOR, "commit", "-qm", "pruned")
    for run in runs:
        shutil.rmtree(output / "runs" / run)

    rows = data(say, "history", "r1")
    assert [(row["change"], row["run_id"]) for row in rows][:2] == [
        ("removed", None),
        ("changed", runs[3]),
    ]
    for words, text in [((), NEWEST), (("--at", runs[1]), NEW), (("--at", "2024-03-01T08Z"), OLD)]:
        end = say("show", "r1", *words)
        assert (end.status, end.stderr, end.stdout.decode()) == (Exit.OK, "", text)
    end = say("diff", "r1")
    assert end.stdout.decode().splitlines()[1] == "+++ /dev/null"


def test_history_follows_a_file_that_was_moved(say: Say, tmp_path: Path) -> None:
    output = tmp_path / "output"
    ran(output, day(0), {"r1": OLD})
    (output / "configs" / "ams").mkdir()
    git(output, "mv", "r1.cfg", "ams/r1.cfg")
    git(output, *AUTHOR, "commit", "-qm", "moved")
    (tmp_path / "config.yaml").write_text("backups: {path: '{group}/{name}.cfg'}\n")
    # Before a run has written to the new place, and after it.
    rows = data(say, "history", "r1")
    assert [(row["change"], row["files"]) for row in rows] == [
        ("moved", ["ams/r1.cfg"]),
        ("new", ["r1.cfg"]),
    ]
    # To be moved is to be the same: there is no older text to compare with.
    assert say("diff", "r1").stderr.startswith("r1: there is no version before ")
    settings = Backups(path="{group}/{name}.cfg")
    ran(output, day(400), {"r1": NEW}, settings=settings)
    assert [row["change"] for row in data(say, "history", "r1")] == [
        *("changed", "moved", "new"),
    ]
    end = say("diff", "r1", "--from", "2024-03-01T08:00Z")
    assert end.stdout.decode().splitlines()[:2] == [
        "--- a/r1.cfg\t2024-03-01 07:00:01 +0000",
        "+++ b/ams/r1.cfg\t2025-04-05 07:00:01 +0000",
    ]
    assert data(say, "history", "ams/r1.cfg") == [
        {**row, "name": "r1"} for row in data(say, "history", "r1")
    ]


def test_a_device_of_several_files_is_one_device(say: Say, tmp_path: Path) -> None:
    output, settings = tmp_path / "output", Backups(path="{name}/{command}.txt")
    part = Part(commands=("show a", "show b"), rules=Rules())
    (tmp_path / "config.yaml").write_text("backups: {path: '{name}/{command}.txt'}\n")
    for number, (a, b) in enumerate([(b"1\n", b"1\n"), (b"2\n", b"1\n"), (b"2\n", b"2\n")]):
        both = outcomes.result("r1", outcomes.good("show a", a), outcomes.good("show b", b))
        ran(output, day(number), {}, both, settings=settings, part=part)

    rows = data(say, "changes", "--since", "2024-01-01")
    assert [(row["name"], row["files"]) for row in rows] == [
        ("r1", ["r1/show_b.txt"]),
        ("r1", ["r1/show_a.txt"]),
        ("r1", ["r1/show_a.txt", "r1/show_b.txt"]),
    ]
    assert data(say, "history", "r1") == rows
    assert changed(say("diff", "r1")) == ["-1", "+2"]
    end = say("diff", "r1", "--from", "2024-03-01T08:00Z")
    assert end.stdout.count(b"+++ ") == 2
    end = say("show", "r1")
    assert end.status == Exit.USAGE
    assert "show one of them by its path: r1/show_a.txt, r1/show_b.txt" in end.stderr
    end = say("show", "r1/show_b.txt", "--at", "2024-03-02T08:00Z")
    assert end.stdout == b"1\n"


def test_nothing_is_written_and_a_run_may_be_at_work(say: Say, tmp_path: Path) -> None:
    output = tmp_path / "output"
    ran(output, day(0), {"r1": OLD})
    killed = ran(output, day(1), {"r1": NEW, "r2": OLD}, killed=True)
    (output / "configs" / ".git" / "index.lock").touch()
    (output / ".lock").write_text("{}")
    before = everything(output)

    end = say("show", "r1")
    assert (end.status, end.stdout.decode()) == (Exit.OK, NEW)
    for words in (["history", "r1"], ["changes", "--since", "2024-01-01"], ["diff", "r1"]):
        end = say(*words)
        assert end.status == Exit.OK, end.stderr
    end = say("show", "r1", COMMAND, "--at", killed.name)
    assert end.stdout.decode() == NEW
    assert everything(output) == before


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path): (path.lstat().st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path in folder.rglob("*")
    }


def test_stale_are_those_that_no_run_of_late_has_proved_good(
    say: Say, runs: list[str], tmp_path: Path
) -> None:
    """Unchanged for years, and proved good a moment ago, is not stale; never collected is."""
    output = tmp_path / "output"
    now = datetime.now(UTC)
    ran(output, now - timedelta(hours=1), {"r1": NEWEST, "gone": OLD})

    end = say("stale", "--older", "36h")
    assert end.status == Exit.SOME_FAILED
    assert end.stderr == "2 of 3 devices without a good backup of the last 36h\n"
    head, never, old = end.stdout.decode().splitlines()
    assert head.split() == ["device", "last", "good", "age", "run"]
    assert never.split() == ["never", "never", "-", "-"]
    assert old.split()[:2] == ["r2", "2024-03-02T07:00:00Z"]
    assert old.split()[-1] == runs[1]

    end = say("stale", "--older", "36h", "-f", "jsonl", "-l", "r2")
    [row] = map(json.loads, end.stdout.splitlines())
    age = row.pop("age_s")
    assert abs(age - (now - day(1)).total_seconds()) < 600
    assert row == {"name": "r2", "last_good": "2024-03-02T07:00:00.000Z", "run_id": runs[1]}

    for words in (["-l", "r1"], ["-l", "r1,r2", "--older", "5000w"]):
        end = say("stale", "--older", "36h", *words)
        assert (end.status, end.stdout) == (Exit.OK, b"")
    shutil.rmtree(output / "runs")
    end = say("stale", "--older", "36h", "-l", "r1")
    assert end.status == Exit.OK
