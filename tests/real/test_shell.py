"""bash and dash behind OpenSSH: text that looks like prompts, pagers and denials, byte for byte.

bash's readline echoes by itself and redraws; under dash the kernel's terminal echoes what is typed,
read or not.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from support.hosts import Collect, Site

pytestmark = pytest.mark.real

BASH, DASH = 201, 202
HOSTS = {"bash": BASH, "dash": DASH}


def nasty(username: str) -> bytes:
    """Return lines that end a command, page it or deny it in the eyes of a careless reader."""
    name = os.uname().nodename
    prompt = f"{username}@{name}:~$ "
    lines = [
        "a first line like any other",
        prompt,
        prompt.rstrip(),
        prompt + "cat nasty.txt",
        "$",
        "$ ",
        "$ cat nasty.txt",
        "# ",
        "",
        "router#",
        "router(config)# ",
        "user@router> ",
        "--More--",
        " --More-- ",
        "lines 1-23",
        "(END)",
        "% Invalid input detected at '^' marker.",
        "Password: ",
        "   leading and trailing blanks   ",
        "tab\tand\ttrailing tab\t",
        "backslashes \\ \\n \\033[0m and 'quotes' \"too\"",
        "umlauts äöü, a snowman ☃, a wide 漢字",
        "long " + "0123456789" * 1000,
        *("$ " for _ in range(50)),
        "",
        "",
        "the last line but blanks",
        "  ",
    ]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def hosts(shells: Site) -> dict[str, Any]:
    return {name: {"host": shells.address(number)} for name, number in HOSTS.items()}


def _write(folder: Path, name: str, content: bytes) -> None:
    path = folder / name
    path.write_bytes(content)
    path.chmod(0o644)


def test_text_that_looks_like_prompts(
    shells: Site, hosts: dict[str, Any], collect: Collect
) -> None:
    said = nasty(shells.username)
    _write(shells.home, "nasty.txt", said)
    system = subprocess.run(["uname", "-a"], check=True, capture_output=True).stdout

    run = collect(shells, hosts, "cat nasty.txt", "uname -a", platform="linux")

    assert run.status == 0, run.stderr
    for name in HOSTS:
        assert run.output(name, "cat nasty.txt") == said
        assert run.output(name, "uname -a") == system


def test_a_megabyte(shells: Site, hosts: dict[str, Any], collect: Collect) -> None:
    said = b"".join(b"%07d a line of a long file $ \n" % number for number in range(30_000))
    _write(shells.home, "long.txt", said)

    run = collect(shells, hosts, "cat long.txt", platform="linux")

    assert run.status == 0, run.stderr
    for name in HOSTS:
        assert run.output(name, "cat long.txt") == said


def test_nothing_asked_is_left_in_the_history_of_the_host(
    shells: Site, hosts: dict[str, Any], collect: Collect
) -> None:
    """Also where the account has bash write it at every prompt, not at its end alone."""
    history = shells.home / ".bash_history"
    history.write_bytes(b"of a person\n")
    shutil.chown(history, shells.username)
    with (shells.home / ".bashrc").open("a") as start:
        start.write("PROMPT_COMMAND='history -a'\n")
    said = subprocess.run(["uname", "-a"], check=True, capture_output=True).stdout

    run = collect(shells, hosts, "uname -a", platform="linux")

    assert run.status == 0, run.stderr
    assert {run.output(name, "uname -a") for name in HOSTS} == {said}
    assert history.read_bytes() == b"of a person\n"


def test_a_login_by_key(shells: Site, hosts: dict[str, Any], collect: Collect) -> None:
    devices = {name: host | {"credential": "key"} for name, host in hosts.items()}

    run = collect(shells, devices, "uname -a", platform="linux")

    assert run.status == 0, run.stderr
    assert all("Accepted publickey for" in shells.server_log(n) for n in HOSTS.values())


def test_a_command_longer_than_the_prompt(
    shells: Site, hosts: dict[str, Any], collect: Collect
) -> None:
    """readline then clears to the end of the line after its next prompt."""
    said = b"one line\n"
    name = "a-file-with-a-name-that-is-longer-than-any-prompt-of-this-host.txt"
    _write(shells.home, name, said)

    run = collect(shells, hosts, f"cat {name}", platform="linux")

    assert run.status == 0, run.stderr
    for host in HOSTS:
        assert run.output(host, f"cat {name}") == said
