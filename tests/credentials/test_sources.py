"""Where secrets come from: each source's answer, and the line that tells what is wrong with it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from collector.credentials import Command, Credentials, CredentialSpec, File, Keyring, Prompt
from collector.credentials.sources import LARGEST, ask_command, ask_keyring, read_file
from collector.errors import InputError

SECRET = "hunter2 is long"
PLACE = "lab.yaml:3:20"


def credentials(
    folder: Path, environ: Mapping[str, str] | None = None, **fields: Any
) -> Credentials:
    places = dict.fromkeys(("password", "enable", "passphrase", "private_key"), PLACE)
    given = {"name": "lab", "username": "admin", "folder": folder, "places": places, **fields}
    return Credentials({"lab": CredentialSpec(**given)}, environ or {})


def shell(script: str) -> Command:
    return Command(argv=("sh", "-c", script))


def secret_file(path: Path, content: bytes = b"hunter2 is long\n", mode: int = 0o600) -> Path:
    path.write_bytes(content)
    path.chmod(mode)
    return path


def problem(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read_file(path)
    (line,) = caught.value.problems
    assert "hunter2" not in line
    return line


def alive(group: int) -> list[str]:
    """Give the processes of a group that run still; those that ended may not be reaped yet."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, its_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(its_group) == group and state not in "ZX":
                found.append(str(path))
    return found


class TestFile:
    @pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
    def test_its_line_is_the_secret_without_its_end(self, tmp_path: Path, ending: bytes) -> None:
        assert read_file(secret_file(tmp_path / "s", b" hunter2 \xc3\xa9" + ending)) == " hunter2 é"

    @pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o644, 0o666])
    def test_one_that_is_open_to_others_is_refused(self, tmp_path: Path, mode: int) -> None:
        path = secret_file(tmp_path / "s", mode=mode)
        assert problem(path) == (
            f"the file {path} is open to others (mode {mode:04o}); close it: chmod 600 {path}"
        )

    def test_what_a_link_leads_to_counts(self, tmp_path: Path) -> None:
        link = tmp_path / "link"
        link.symlink_to(secret_file(tmp_path / "s", mode=0o644))
        assert "open to others" in problem(link)
        (tmp_path / "s").chmod(0o400)
        assert read_file(link) == SECRET

    @pytest.mark.parametrize(
        ("content", "says"),
        [
            (b"", "empty"),
            (b"\n", "empty"),
            (b"hunter2\nand more\n", "expected one line"),
            (b"hunter2\xff", "UTF-8"),
            (b"hunter2\0", "NUL"),
            (b"x" * (LARGEST + 1), "more than"),
        ],
        ids=["nothing", "blank", "lines", "latin", "nul", "large"],
    )
    def test_what_is_no_secret(self, tmp_path: Path, content: bytes, says: str) -> None:
        assert says in problem(secret_file(tmp_path / "s", content))

    def test_what_is_no_file(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe", 0o600)
        assert "plain file" in problem(tmp_path / "pipe")
        assert "Is a directory" in problem(tmp_path)
        assert "No such file" in problem(tmp_path / "absent")
        assert "cannot be read" in problem(Path("nul\0"))

    def test_it_is_found_from_the_inventory_and_from_variables(self, tmp_path: Path) -> None:
        secret_file(tmp_path / "s")
        for path in ("s", "${D}/s"):
            held = credentials(tmp_path, {"D": str(tmp_path)}, password=File(path=path))
            assert held.get("lab").password == SECRET


class TestCommand:
    def test_its_first_line_is_the_secret(self, tmp_path: Path) -> None:
        argv = ["printf", "%s\\r\\nurl: x\\n", SECRET]
        assert ask_command(argv, os.environ, tmp_path) == SECRET

    def test_it_runs_beside_the_inventory_with_the_environment_it_is_given(
        self, tmp_path: Path
    ) -> None:
        said = ask_command(["sh", "-c", 'echo "$PWD $X"'], {"X": "x"}, tmp_path)
        assert said == f"{tmp_path.resolve()} x"

    def test_nothing_in_it_is_expanded(self, tmp_path: Path) -> None:
        held = credentials(tmp_path, {"A": "a"}, password=Command(argv=("echo", "${A} $$ *; ls")))
        assert held.get("lab").password == "${A} $$ *; ls"

    @pytest.mark.parametrize(
        ("script", "says"),
        [
            ("echo hunter2; echo hunter2 >&2; exit 3", "'sh' ended with status 3; run it by hand"),
            ("kill -9 $$", "was ended by signal 9"),
            ("true", "empty"),
            ("echo; echo hunter2", "empty"),
            (r"printf 'hunter2\377'", "UTF-8"),
            ("cat /dev/zero", "more than a secret"),
            ("cat", "empty"),  # no input, rather than the terminal's
        ],
        ids=["status", "signal", "nothing", "blank", "latin", "endless", "input"],
    )
    def test_one_that_has_no_secret(
        self, tmp_path: Path, script: str, says: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(InputError) as caught:
            ask_command(["sh", "-c", script], os.environ, tmp_path)
        (line,) = caught.value.problems
        assert says in line
        assert "hunter2" not in line + "".join(capfd.readouterr())

    @pytest.mark.parametrize("script", ["sleep 60", "sleep 60 & echo hunter2"])
    def test_one_that_does_not_end_is_ended_with_all_it_started(
        self, tmp_path: Path, script: str
    ) -> None:
        # The second sleep holds the pipe open after the shell has gone.
        with pytest.raises(InputError, match=r"did not end within 0\.2 s"):
            ask_command(["sh", "-c", f"echo $$ > pid; {script}"], os.environ, tmp_path, seconds=0.2)
        assert not alive(int((tmp_path / "pid").read_text()))

    @pytest.mark.parametrize("good", [True, False])
    def test_it_is_run_once_whatever_comes_of_it(self, tmp_path: Path, good: bool) -> None:
        held = credentials(
            tmp_path, os.environ, password=shell(f"echo x | tee -a ran; {str(good).lower()}")
        )
        for _ in range(3):
            try:
                held.check(["lab"])
                held.get("lab")
            except InputError:
                assert not good
        assert (tmp_path / "ran").read_text() == "x\n"

    def test_it_is_not_run_to_look_the_credential_over(self, tmp_path: Path) -> None:
        credentials(tmp_path, os.environ, password=shell("touch ran")).examine(["lab"])
        assert not (tmp_path / "ran").exists()
        script = tmp_path / "secret.sh"
        for name in ("nonsense-not-there", "./secret.sh"):
            held = credentials(tmp_path, os.environ, password=Command(argv=(name,)))
            with pytest.raises(InputError, match=f"{PLACE}: .*'{name}' is not found"):
                held.examine(["lab"])
        script.write_text(f"#!/bin/sh\necho {SECRET}\n")
        script.chmod(0o700)
        held.examine(["lab"])
        assert held.get("lab").password == SECRET


class TestKeyring:
    @pytest.fixture(autouse=True)
    def keyring(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
        """Put a library of that name first, since the real one is an extra and wants a desktop."""
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "keyring", raising=False)
        module = tmp_path / "keyring.py"
        module.write_text(
            "def get_password(service, username):\n"
            "    if service == 'locked': raise RuntimeError('hunter2')\n"
            "    if service == 'slow': import time; time.sleep(5)\n"
            "    return {('net', 'admin'): 'hunter2'}.get((service, username))\n"
        )
        yield module
        sys.modules.pop("keyring", None)

    def test_its_entry_is_the_secret(self, tmp_path: Path) -> None:
        for entry in (Keyring(service="net"), Keyring(service="${S}", username="admin")):
            held = credentials(tmp_path, {"S": "net"}, password=entry)
            assert held.get("lab").password == "hunter2"

    @pytest.mark.parametrize(
        ("service", "says"),
        [
            ("net2", "no entry for 'admin' of 'net2'; make one: keyring set net2 admin"),
            ("locked", "cannot be used: RuntimeError$"),
            ("slow", "did not answer within 0.1 s"),
        ],
    )
    def test_no_entry(self, service: str, says: str) -> None:
        with pytest.raises(InputError, match=says):
            ask_keyring(service, "admin", seconds=0.1)

    def test_a_missing_extra_says_what_brings_it(self, tmp_path: Path, keyring: Path) -> None:
        keyring.unlink()
        held = credentials(tmp_path, password=Keyring(service="net"))
        for look in (held.examine, held.check):
            with pytest.raises(InputError) as caught:
                look(["lab"])
            assert caught.value.problems == (
                f"{PLACE}: credentials.lab.password: the keyring needs an extra that is not "
                "installed: pip install 'network-command-collector[keyring]'",
            )


class TestOrder:
    def test_nothing_is_run_while_anything_can_be_seen_to_be_wrong(self, tmp_path: Path) -> None:
        secret_file(tmp_path / "open", mode=0o644)
        held = credentials(
            tmp_path,
            {"PATH": os.environ["PATH"]},
            username="${NOBODY}",
            password=shell("touch ran; echo x"),
            enable=File(path="open"),
            passphrase=File(path="${NOWHERE}"),
            private_key="absent",
        )
        for look in (held.examine, held.check):
            with pytest.raises(InputError) as caught:
                look(["lab"])
            text = "\n".join(caught.value.problems)
            for part in (
                "NOBODY is not set",
                "no such file",
                "open to others",
                "NOWHERE is not set",
            ):
                assert part in text
            assert len(caught.value.problems) == 4
        assert not (tmp_path / "ran").exists()

    def test_a_person_is_asked_last(self, tmp_path: Path) -> None:
        specs = {
            "asked": CredentialSpec(name="asked", username="a", password=Prompt()),
            "run": CredentialSpec(name="run", username="a", password=shell("exit 1")),
        }
        held = Credentials(specs, os.environ)
        held.examine(["asked", "run"])
        # Where there is a terminal, the failing command comes first; else, that there is none.
        with pytest.raises(InputError, match=r"ended with status 1|expected a terminal"):
            held.check(["asked", "run"])


def test_the_values_show_no_secret(tmp_path: Path) -> None:
    path = secret_file(tmp_path / "s")
    held = credentials(
        tmp_path, os.environ, password=shell(f"echo {SECRET}"), enable=File(path=str(path))
    )
    held.check(["lab"])
    credential = held.get("lab")
    assert (credential.password, credential.enable) == (SECRET, SECRET)
    for shown in (held, credential, held._specs["lab"], held._specs["lab"].password):
        assert "hunter2" not in repr(shown)
