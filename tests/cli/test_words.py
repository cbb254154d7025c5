"""What the command line says to words that are wrong, and to those that ask for help."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collector.cli import main
from collector.errors import Exit

INVENTORY = """
defaults: {platform: cisco_iosxe, credential: lab}
credentials:
  lab: {username: "${LAB_USER}", password: "${LAB_PASSWORD}"}
groups:
  ams: {tags: {site: ams}}
devices:
  r1: {host: 127.0.0.1, port: 2201, groups: [ams]}
  r2: {host: 127.0.0.1, port: 2202, platform: juniper_junos}
"""

Said = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(INVENTORY)


@pytest.mark.parametrize(
    ("words", "says", "where"),
    [
        (["run", "--nonsense"], "--nonsense", "collector run --help"),
        (["nonsense"], "nonsense", "collector --help"),
        (["run", "--workers", "many"], "--workers", "collector run --help"),
        (["run", "--format", "xml"], "xml", "collector run --help"),
        (["run", "stray"], "stray", "collector run --help"),
        (["inventory"], "command", "collector inventory --help"),
        (["inventory", "nonsense"], "nonsense", "collector inventory --help"),
        (["run", "--inventory"], "--inventory", "collector --help"),
    ],
)
def test_wrong_words_get_one_line_and_where_to_look(
    words: list[str], says: str, where: str, capfd: Said
) -> None:
    status = main(words)

    stdout, stderr = capfd.readouterr()
    assert (status, stdout) == (Exit.USAGE, "")
    assert stderr.startswith("collector: ")
    assert stderr.count("\n") == 1
    assert says in stderr
    assert stderr.endswith(f"(see '{where}')\n")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (
            ["run", "-f", "jsn"],
            "--format: expected text, json, jsonl or table, found 'jsn'; did you mean 'json'?",
        ),
        (["run", "--workers", "0"], "--workers: expected 1 or more, found '0'"),
        (["run", "--workers", "many"], "--workers: expected a whole number, found 'many'"),
        (["run", "-t", "long"], "--timeout: expected a number, found 'long'"),
        (["run", "--limt", "x"], "no such option: --limt; did you mean '--limit'?"),
        (["run", "r1"], "unexpected 'r1': devices are selected by --limit r1"),
        (["doctor", "r1", "r2"], "unexpected 'r1 r2': devices are selected by --limit r1,r2"),
        (["runs", "stray"], "unexpected 'stray'"),
        (["rnu"], "no such command 'rnu'; did you mean 'run'?"),
        (["inventory"], "missing command"),
    ],
)
def test_wrong_words_are_told_as_wrong_keys_are(words: list[str], line: str, capfd: Said) -> None:
    main(words)
    assert capfd.readouterr().err.partition(" (see '")[0] == f"collector: {line}"


def test_an_empty_folder_is_told_how_to_name_an_inventory(capfd: Said) -> None:
    assert main(["run"]) == Exit.USAGE
    assert capfd.readouterr().err.endswith("--inventory FILE, or inventory: in config.yaml\n")


def test_what_is_forgotten_is_not_called_a_limit(capfd: Said) -> None:
    assert main(["hostkeys", "forget", "r9", "-i", "lab.yaml"]) == Exit.USAGE
    assert capfd.readouterr().err == "collector: 'r9': no device 'r9'\n"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "-i", "lab.yaml", "-c", "reload"], "it configures or restarts the device"),
        (["run", "-i", "absent.yaml"], "absent.yaml"),
        (["run", "-i", "lab.yaml", "--config", "absent.yaml"], "absent.yaml"),
        (["run", "-i", "lab.yaml", "--limit", "r99"], "r99"),
        (["run", "-i", "lab.yaml", "--job", "nonsense"], "nonsense"),
        (["run", "-i", "lab.yaml", "--timeout", "nan"], "--timeout"),
        (["run", "-i", "lab.yaml", "--timeout", "-1"], "--timeout"),
        (["run", "-i", "lab.yaml", "--workers", "0"], "--workers"),
        (["run", "-i", "lab.yaml", "-c", "show version\nreload"], "one line"),
        (["run", "-i", "lab.yaml", "-c", ""], "found nothing"),
        (["run", "-i", "lab.yaml", "-c", "show version", "--job", "backup"], "--job"),
        (["lab", "-i", "absent.yaml"], "absent.yaml"),
    ],
)
def test_bad_input_is_a_line_and_exit_2(words: list[str], says: str, capfd: Said) -> None:
    status = main(words)

    stdout, stderr = capfd.readouterr()
    assert (status, stdout) == (Exit.USAGE, "")
    assert says in stderr
    assert all(line.startswith("collector: ") for line in stderr.splitlines())


def test_every_problem_of_an_inventory_is_said_with_its_place(capfd: Said) -> None:
    Path("lab.yaml").write_text(INVENTORY.replace("port: 2201", "prot: 2201, hots: x"))

    assert main(["inventory", "check", "-i", "lab.yaml"]) == Exit.USAGE
    lines = capfd.readouterr().err.splitlines()
    assert [line.startswith("collector: lab.yaml:8:") for line in lines] == [True, True]


def test_unset_secrets_are_all_named(capfd: Said) -> None:
    assert main(["inventory", "check", "-i", "lab.yaml"]) == Exit.USAGE

    stderr = capfd.readouterr().err
    assert ("LAB_USER" in stderr, "LAB_PASSWORD" in stderr) == (True, True)


def test_a_good_inventory_is_said_to_be_good(capfd: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_USER", "admin")
    monkeypatch.setenv("LAB_PASSWORD", "s3cret-word")

    assert main(["inventory", "check", "-i", "lab.yaml"]) == Exit.OK
    assert capfd.readouterr() == ("lab.yaml: 2 devices, 1 group, 1 credential: good\n", "")


def test_the_inventory_is_listed(capfd: Said) -> None:
    assert main(["inventory", "list", "-i", "lab.yaml", "--limit", "site=ams"]) == Exit.OK

    headings, line = capfd.readouterr().out.splitlines()
    assert headings.split()[:3] == ["device", "host", "port"]
    assert line.split()[:5] == ["r1", "127.0.0.1", "2201", "ssh", "cisco_iosxe"]
    assert line.split()[5:] == ["lab", "ams", "site=ams"]


def test_the_inventory_is_listed_as_data(capfd: Said) -> None:
    assert main(["inventory", "list", "-i", "lab.yaml", "--format", "jsonl"]) == Exit.OK

    rows = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == ["r1", "r2"]


def test_a_dry_run_says_what_would_be_sent_to_whom_and_touches_no_secret(capfd: Said) -> None:
    assert main(["run", "-i", "lab.yaml", "--dry-run"]) == Exit.OK

    assert capfd.readouterr() == (
        "r1  127.0.0.1:2201  cisco_iosxe  ssh  credential=lab\n"
        "    show running-config\n"
        "    show version\n"
        "r2  127.0.0.1:2202  juniper_junos  ssh  credential=lab\n"
        "    show configuration\n"
        "    show version\n",
        "",
    )
    assert not Path("output").exists()


def test_a_dry_run_as_data(capfd: Said) -> None:
    words = ["run", "-i", "lab.yaml", "--dry-run", "-c", "show clock", "--format", "json"]
    assert main(words) == Exit.OK

    rows = json.loads(capfd.readouterr().out)
    assert [(row["name"], row["commands"]) for row in rows] == [
        ("r1", ["show clock"]),
        ("r2", ["show clock"]),
    ]


@pytest.mark.parametrize("name", ["config", "inventory"])
def test_a_schema_is_json(name: str, capfd: Said) -> None:
    assert main(["schema", name]) == Exit.OK
    assert json.loads(capfd.readouterr().out)["type"] == "object"


def test_the_platforms_are_listed(capfd: Said) -> None:
    assert main(["platforms"]) == Exit.OK
    assert "cisco_iosxe" in capfd.readouterr().out


def test_the_version_is_said(capfd: Said) -> None:
    assert main(["--version"]) == Exit.OK
    assert capfd.readouterr().out.startswith("collector ")


@pytest.mark.parametrize("words", [["--help"], ["run", "-h"], ["lab", "--help"]])
def test_help_is_data(words: list[str], capfd: Said) -> None:
    assert main(words) == Exit.OK

    stdout, stderr = capfd.readouterr()
    assert stdout.startswith("Usage: collector")
    assert stderr == ""


def test_help_has_examples_on_lines_of_their_own(capfd: Said) -> None:
    main(["run", "--help"])

    assert "\n    collector run --inventory lab.yaml\n" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("flag", "key"),
    [
        ("--workers", "limits.sessions"),
        ("--timeout", "timeouts.device"),
        ("--max-runtime", "timeouts.run"),
        ("--max-failures", "max_failures"),
        ("--summary-file", "summary_files"),
        ("--metrics-file", "metrics_file"),
    ],
)
def test_a_flag_that_is_called_otherwise_than_its_key_names_it(
    flag: str, key: str, capfd: Said
) -> None:
    main(["run", "--help"])

    _, told = capfd.readouterr().out.split(f" {flag} ", maxsplit=1)
    assert f"({key})" in " ".join(told.split("\n  -", maxsplit=1)[0].split())


def test_no_words_at_all_get_the_help_and_exit_2(capfd: Said) -> None:
    assert main([]) == Exit.USAGE
    assert "Usage: collector" in capfd.readouterr().err


def test_an_internal_error_is_one_line(capfd: Said) -> None:
    no_word: Any = 3  # what no person can type, and no code expects

    assert main(["run", no_word]) == Exit.INTERNAL
    stderr = capfd.readouterr().err
    assert stderr.startswith("collector: internal error: ")
    assert stderr.count("\n") == 1
