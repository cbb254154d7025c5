"""What a device asks: real lines that wait for somebody, and lines of outputs that do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.driver.questions import (
    PASSWORD,
    USERNAME,
    is_question,
    offers_a_choice,
    pager_at,
)

PASSWORDS = [
    b"Password: ",
    b"Password:",
    b"password: ",
    b"Enter password: ",
    b"admin@10.0.0.1's password: ",
    b"(admin@10.0.0.1) Password: ",
    b"Password for admin: ",
    b"Enable password: ",
    b"Enter new password: ",
    b"[sudo] password for admin: ",
    b"Enter passphrase for key '/root/.ssh/id': ",
    b"PASSCODE: ",
    b"\x1b[1mPassword:\x1b[0m ",
]
USERNAMES = [
    b"Username: ",
    b"login: ",
    b"r1 login: ",
    b"User Name:",
    b"Login:",
    b"login as: ",
    b"User: ",
]
CONFIRMATIONS = [
    b"Save? [yes/no]: ",
    b"Proceed with reload? [confirm]",
    b"System configuration has been modified. Save? [yes/no]: ",
    b"Are you sure you want to continue connecting (yes/no/[fingerprint])? ",
    b"Do you want to continue (y/n)? ",
    b"Continue? [Y/N]:",
    b"Overwrite the file? [y]",
    b"Reboot the system ? [yes,no] (no) [no]",
]
PAGERS = {
    b" --More-- ": 0,
    b"--More--": 0,
    b"<--- More --->": 0,
    b"---(more)---": 0,
    b"---(more 23%)---": 0,
    b"(more 23%)": 0,
    b"  ---- More ----": 0,
    b"---- More ----": 0,
    b"--More-- ": 0,
    b"-- MORE --, next page: Space, next line: Enter, quit: Control-C": 0,
    b"--More-- (q to quit)": 0,
    b"lines 1-24 ": 0,
    b"lines 1-45/120 (END)": 0,
    b"Press any key to continue (Q to quit)": 0,
    b"Press <SPACE> for next page": 0,
    b"Press RETURN to get started.": 0,
    b"Hit space to continue": 0,
    b"\x1b[7m--More--\x1b[0m": 0,
    b"!--More--": 1,  # behind the end of a page that ended in mid-line
}
ORDINARY = [
    b"",
    b"r1#",
    b"user@mx1> ",
    b"show running-config | no-more",
    b" description Password: see the vault",
    b"username admin password 7 094F471A1A0A",
    b" service password-encryption",
    b"enable secret 5 $1$abc",
    b"Last login: ",
    b"   login local",
    b"line vty 0 4",
    b"banner motd ^Press the bell",
    b"snmp-server user-name admin",
    b"Gi0/1 more than one neighbor",
    b" --More-- is what a pager says, with more words behind it than any of them has ever had",
    b"aaa authentication login default local",
    b"yes",
    b"Uptime is 3 days",
]


@pytest.mark.parametrize("line", PASSWORDS)
def test_a_password_is_asked_for(line: bytes) -> None:
    assert is_question(line)
    assert PASSWORD.search(line) or b"\x1b" in line
    assert pager_at(line) is None


@pytest.mark.parametrize("line", USERNAMES)
def test_a_name_is_asked_for(line: bytes) -> None:
    assert is_question(line)
    assert USERNAME.search(line)
    assert pager_at(line) is None


@pytest.mark.parametrize("line", CONFIRMATIONS)
def test_a_yes_is_asked_for(line: bytes) -> None:
    assert is_question(line)
    assert pager_at(line) is None


@pytest.mark.parametrize("line", PAGERS)
def test_a_pager_is_found_where_it_begins(line: bytes) -> None:
    assert pager_at(line) == PAGERS[line]
    assert not is_question(line)


@pytest.mark.parametrize("line", ORDINARY)
def test_an_ordinary_line_is_none_of_them(line: bytes) -> None:
    assert not is_question(line)
    assert pager_at(line) is None


def test_no_line_of_any_recording_is_taken_for_one(recordings: Path) -> None:
    lines = {
        line
        for path in (recordings / "ntc-templates").rglob("*.raw")
        for line in path.read_bytes().splitlines()
    }
    assert len(lines) > 5000
    taken = [
        line for line in lines if is_question(line) or offers_a_choice(line) or pager_at(line) == 0
    ]
    assert taken == []
